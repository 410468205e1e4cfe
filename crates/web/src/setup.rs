//! `/setup`: the first run. Whoever has the one-time link makes the account and becomes its owner.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;

use crate::form::Form;
use crate::pages::{Message, page, see_other};
use crate::visitor::{Posted, Query, Visitor};

#[derive(Template)]
#[template(path = "setup.html")]
pub struct Setup {
    pub csrf: String,
    pub token: String,
    pub form: Form,
}

/// `GET /setup?token=...`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let token = query.value("token");
    if let Some(refusal) = refusal(&app, token) {
        return refusal;
    }
    let page_of = Setup { csrf: visitor.csrf_before_sign_in(""), token: token.to_owned(), form: Form::default() };
    visitor.named(page(StatusCode::OK, &page_of))
}

/// `POST /setup`
pub async fn create(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, mut form } = posted;
    let token = form.value("token").to_owned();
    if let Some(refusal) = refusal(&app, &token) {
        return refusal;
    }
    check(&mut form);
    if !form.problems.is_empty() {
        let page_of = Setup { csrf: visitor.csrf_before_sign_in(""), token, form };
        return page(StatusCode::UNPROCESSABLE_ENTITY, &page_of);
    }
    see_other("/admin?done=welcome")
}

/// What to do when the link does not work.
fn refusal(app: &App, token: &str) -> Option<Response> {
    if !app.setup.is_open() {
        let page = Message::new("This helpdesk is already set up", "The set-up link works once, and it was used.")
            .what_next("Sign in with the account that was made. If that was not you, tell whoever runs this server.")
            .link("/login", "Sign in");
        return Some(page.answer(StatusCode::GONE));
    }
    if !app.setup.check(token) {
        let page = Message::new(
            "This is not the set-up link",
            "The helpdesk waits to be set up, but the token in this address is missing or is not the right one.",
        )
        .what_next("Open the link that the server printed when it was last started. After a restart only the newest one works.");
        return Some(page.answer(StatusCode::FORBIDDEN));
    }
    None
}

fn check(form: &mut Form) {
    for (field, what) in
        [("account", "the name of your account"), ("name", "your name"), ("email", "your e-mail address")]
    {
        if form.value(field).trim().is_empty() {
            form.refuse(field, format!("Enter {what}."));
        }
    }
    if form.value("password").is_empty() {
        form.refuse("password", "Choose a password.");
    }
}
