//! `/demo/mail`: the mails that the demo would have sent. Exists only where mails are kept in memory, which no setting can make happen.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use endpoint::App;

use crate::pages::page;
use crate::{account, errors};

#[derive(Template)]
#[template(path = "demo_mail.html")]
pub struct DemoMail {
    pub account: String,
    pub mails: Vec<MailRow>,
}

pub struct MailRow {
    pub to: String,
    pub subject: String,
    pub lines: Vec<Line>,
}

/// A line of the plain text; a line that is a link leads there.
pub enum Line {
    Text(String),
    Link(String),
}

/// `GET /demo/mail`
pub async fn show(State(app): State<App>) -> Response {
    let Some(mails) = app.provider.mailer.mails() else { return StatusCode::NOT_FOUND.into_response() };
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let ours = format!("{}/", app.config.public_url);
    let rows = mails.into_iter().rev().map(|mail| MailRow {
        lines: mail.text.lines().map(|line| line_of(line, &ours)).collect(),
        to: mail.to,
        subject: mail.subject,
    });
    page(StatusCode::OK, &DemoMail { account, mails: rows.collect() })
}

fn line_of(line: &str, ours: &str) -> Line {
    if line.starts_with(ours) { Line::Link(line.to_owned()) } else { Line::Text(line.to_owned()) }
}
