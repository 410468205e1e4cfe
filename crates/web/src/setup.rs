//! `/setup`: the first run. Whoever has the one-time link makes the account and becomes its owner.

use std::collections::HashSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use helpdesk::account::{self, NewAccount};
use helpdesk::{Error, passwords};
use store::transact;

use crate::form::Form;
use crate::pages::{Message, page, see_other};
use crate::visitor::{Posted, Query, Visitor};
use crate::{errors, text};

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
        return again(&visitor, token, form);
    }
    let owner_password_hash = match passwords::hash(&app.random, form.value("password")).await {
        Ok(hash) => hash,
        Err(error) => return refused(&visitor, token, form, error),
    };
    let new = NewAccount {
        name: form.value("account").trim().to_owned(),
        domain: domain_of(form.value("account")),
        owner_name: form.value("name").trim().to_owned(),
        owner_email: form.value("email").trim().to_owned(),
        owner_password_hash,
    };
    let now = app.clock.now();
    let made: Result<i64, Error> = transact!(app.db, |tx| account::set_up(tx, now, &visitor.request_id, &new).await);
    let owner_id = match made {
        Ok(owner_id) => owner_id,
        // Somebody else with the same link was quicker.
        Err(Error::Taken { kind: "account", .. }) => return used(),
        Err(error) => return refused(&visitor, token, form, error),
    };
    app.setup.close();
    match app.provider.open_session(owner_id, "pwd", &visitor.browser()).await {
        Ok(signed_in) => visitor.signed_in(see_other("/admin?done=welcome"), &signed_in.cookie),
        Err(error) => {
            tracing::warn!(%error, "the account is made, but its owner could not be signed in");
            see_other("/login")
        }
    }
}

fn again(visitor: &Visitor, token: String, form: Form) -> Response {
    let page_of = Setup { csrf: visitor.csrf_before_sign_in(""), token, form };
    page(StatusCode::UNPROCESSABLE_ENTITY, &page_of)
}

fn refused(visitor: &Visitor, token: String, mut form: Form, error: Error) -> Response {
    let Error::Invalid { field, problem } = error else { return errors::helpdesk(&error) };
    let element = match field.as_str() {
        "name" | "domain" => "account",
        "owner_name" => "name",
        "password" => "password",
        _ => "email",
    };
    form.refuse(element, text::sentence(&problem));
    again(visitor, token, form)
}

/// The short name of an account: `Acme & Söhne` becomes `acme-s-hne`.
fn domain_of(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let domain: String = parts.join("-").chars().take(40).collect();
    let domain = domain.trim_matches('-');
    if domain.len() < 2 { "helpdesk".to_owned() } else { domain.to_owned() }
}

fn used() -> Response {
    let page = Message::new("This helpdesk is already set up", "The set-up link works once, and it was used.")
        .what_next("Sign in with the account that was made. If that was not you, tell whoever runs this server.")
        .link("/login", "Sign in");
    page.answer(StatusCode::GONE)
}

/// What to do when the link does not work.
fn refusal(app: &App, token: &str) -> Option<Response> {
    if !app.setup.is_open() {
        return Some(used());
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
    let (password, email) = (form.value("password").to_lowercase(), form.value("email").to_lowercase());
    let name = email.split('@').next().unwrap_or_default();
    let n_different = password.chars().collect::<HashSet<char>>().len();
    if password.chars().count() < PASSWORD_MIN_CHARS {
        form.refuse("password", format!("Choose a password of at least {PASSWORD_MIN_CHARS} characters."));
    } else if 4 <= name.len() && password.contains(name) {
        form.refuse("password", "Choose a password that does not contain your e-mail address.");
    } else if n_different < 5 || COMMON.iter().any(|common| password.contains(common)) {
        form.refuse(
            "password",
            "Choose a password that is harder to guess: four or five unrelated words, for example.",
        );
    }
}

/// The owner's password opens everything, so it is longer than others must be.
const PASSWORD_MIN_CHARS: usize = 12;
/// What lists of stolen passwords of this length are made of.
const COMMON: [&str; 8] = ["password", "passw0rd", "123456", "qwerty", "letmein", "changeme", "iloveyou", "abcdef"];
