//! `/logout`: asks, then ends the session. Apps that want somebody signed out come by `end_session.rs`, and get the same question.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;

use crate::pages::{page_that_leads_away, see_other};
use crate::visitor::{Posted, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "logout.html")]
pub struct Logout {
    pub csrf: String,
    pub account: String,
    pub email: String,
    /// The app that asks, if it said which one it is.
    pub app: Option<String>,
    /// What the provider wants to see again afterwards; empty when no app asks.
    pub request: String,
}

/// `GET /logout`
pub async fn show(State(app): State<App>, visitor: Visitor) -> Response {
    match &visitor.session {
        Some(_) => ask(&app, &visitor, String::new(), None).await,
        None => see_other("/login?signed_out=1"),
    }
}

/// The question (LO-5).
pub async fn ask(app: &App, visitor: &Visitor, request: String, by: Option<&str>) -> Response {
    let Some(session) = &visitor.session else { return see_other("/login?signed_out=1") };
    match account::name(app).await {
        Ok(account) => {
            let page = Logout {
                csrf: visitor.csrf(&request),
                account,
                email: session.email.clone(),
                app: by.map(|name| text::shown(name, 60)),
                request,
            };
            page_that_leads_away(StatusCode::OK, &page)
        }
        Err(error) => errors::database(&error),
    }
}

/// `POST /logout`
pub async fn sign_out(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    if let Some(session) = &visitor.session
        && let Err(error) = app.provider.sign_out(session, &visitor.request_id).await
    {
        return errors::helpdesk(&error);
    }
    match app.provider.after_logout(form.value("request")).await {
        Ok(address) => visitor.signed_out(see_other(address.as_deref().unwrap_or("/login?signed_out=1"))),
        Err(error) => errors::database(&error),
    }
}
