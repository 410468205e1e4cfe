//! `/survey/{token}`: where the link in a survey's mail leads.
//!
//! Opening it answers nothing: mail programs and their scanners open links too. The form behind it does, without a script.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use helpdesk::Error;
use helpdesk::satisfaction_surveys::{self, Asked, BODY_MAX_CHARS, sending};
use store::transact;

use crate::form::Form;
use crate::pages::{Message, page, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "survey.html")]
pub struct SurveyPage {
    pub account: String,
    pub csrf: String,
    /// The end of the link.
    pub token: String,
    pub subject: Option<String>,
    pub scores: Vec<Score>,
    pub body_text: String,
    /// Whether there is an answer already.
    pub is_answered: bool,
    /// Whether it was stored just now.
    pub is_thanked: bool,
    pub form: Form,
}

pub struct Score {
    pub value: i64,
    pub label: &'static str,
    pub is_chosen: bool,
}

const SCORES: [(i64, &str); 5] = [(5, "Very good"), (4, "Good"), (3, "Fair"), (2, "Poor"), (1, "Very poor")];

/// `GET /survey/{token}`. `score` in the address chooses an answer and does not send it.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    Query(query): Query,
) -> Response {
    let asked = match behind(&app, &token).await {
        Ok(Some(asked)) => asked,
        Ok(None) => return gone(),
        Err(error) => return errors::helpdesk(&error),
    };
    if !asked.may_answer {
        return settled();
    }
    let stored = Form::new(vec![
        ("score".to_owned(), asked.survey.score.map(|score| score.to_string()).unwrap_or_default()),
        ("body_text".to_owned(), asked.survey.body_text.clone().unwrap_or_default()),
    ]);
    let is_thanked = query.value("done") == "answered" && asked.survey.scored_at.is_some();
    let chosen = query.filled("score").map(|score| vec![("score".to_owned(), score.to_owned())]).unwrap_or_default();
    render(&app, &visitor, &token, &asked, (stored.with(Form::new(chosen)), is_thanked, StatusCode::OK)).await
}

/// `POST /survey/{token}`
pub async fn answer(State(app): State<App>, Path(token): Path<String>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let asked = match behind(&app, &token).await {
        Ok(Some(asked)) => asked,
        Ok(None) => return gone(),
        Err(error) => return errors::helpdesk(&error),
    };
    if !asked.may_answer {
        return settled();
    }
    let score = form.value("score").parse::<i64>().ok().filter(|score| (1..=5).contains(score));
    if score.is_none() {
        form.refuse("score", "Choose one of the five.");
    }
    let body_text = form.value("body_text").to_owned();
    if BODY_MAX_CHARS < body_text.chars().count() {
        form.refuse("body_text", "Shorten it to 1,000 characters.");
    }
    let Some(score) = score.filter(|_| form.problems.is_empty()) else {
        return render(&app, &visitor, &token, &asked, (form, false, StatusCode::UNPROCESSABLE_ENTITY)).await;
    };
    let (now, id) = (app.clock.now(), asked.survey.id);
    let stored = transact!(app.db, |tx| {
        let given = (id, score, Some(body_text.as_str()));
        satisfaction_surveys::answer(tx, now, &visitor.request_id, given).await
    });
    match stored {
        Ok(_survey) => see_other(&format!("/survey/{token}?done=answered")),
        Err(Error::NotFound { .. }) => gone(),
        Err(Error::Refused(_)) => settled(),
        Err(error) => errors::helpdesk(&error),
    }
}

/// What a link is about. None if it is not one of ours, its time is over, or the ticket is gone.
async fn behind(app: &App, token: &str) -> Result<Option<Asked>, Error> {
    let sign = |claim: &str| app.provider.keyed_hash(sending::SIGNED_FOR, claim);
    let now = app.clock.now();
    let Some(id) = sending::survey_of_link(&sign, now, token) else { return Ok(None) };
    let mut tx = app.db.read().await?;
    satisfaction_surveys::behind_link(&mut tx, now, id).await
}

async fn render(
    app: &App,
    visitor: &Visitor,
    token: &str,
    asked: &Asked,
    (form, is_thanked, status): (Form, bool, StatusCode),
) -> Response {
    let account = match account::name(app).await {
        Ok(account) => account,
        Err(error) => return errors::database(&error),
    };
    let chosen = form.value("score").parse::<i64>().ok();
    let scores = SCORES.iter().map(|&(value, label)| Score { value, label, is_chosen: chosen == Some(value) });
    let page_of = SurveyPage {
        account,
        csrf: visitor.csrf_before_sign_in(""),
        token: token.to_owned(),
        subject: asked.subject.as_deref().filter(|it| !it.trim().is_empty()).map(|it| text::shown(it, 120)),
        scores: scores.collect(),
        body_text: form.value("body_text").to_owned(),
        is_answered: asked.survey.scored_at.is_some(),
        is_thanked,
        form,
    };
    visitor.named(page(status, &page_of))
}

fn settled() -> Response {
    Message::new("Thank you", "Your answer was given some time ago and stays as it is.").answer(StatusCode::OK)
}

fn gone() -> Response {
    Message::new("This link does not work any more", "It works for 30 days, and only the way it was mailed.")
        .what_next("If you still want to tell us something, just answer the mail of your conversation.")
        .answer(StatusCode::GONE)
}
