//! The page that puts a question to the browser's passkeys, and `/login/passkey`, the sign-in that begins with one (LS-8).
//!
//! Passkeys need a script; `assets/passkey.js` sends the browser's answer as an ordinary form, so the page needs no other rights than any.
//! Where no script runs, the page says so and leads back to the password.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint::App;
use oauth::factors::passkeys::Asked;
use oauth::sign_in::SignInError;
use serde_json::json;

use crate::login::{self, is_own_path};
use crate::pages::{Message, no_store, page_that_leads_away};
use crate::visitor::Posted;
use crate::{account, errors};

pub const WRONG: &str = "The passkey was not accepted. Try again, or sign in with your password.";

/// A question that an existing passkey answers.
pub struct Ceremony {
    /// Where the answer goes.
    pub action: &'static str,
    /// Where to go without a passkey.
    pub back: String,
    pub csrf: String,
    pub request: Option<String>,
    pub return_to: Option<String>,
}

#[derive(Template)]
#[template(path = "passkey.html")]
pub struct PasskeyPage {
    pub account: String,
    pub action: &'static str,
    pub back: String,
    pub csrf: String,
    pub step: String,
    pub request: Option<String>,
    pub return_to: Option<String>,
    /// JSON for the script.
    pub options: String,
}

pub async fn asks(app: &App, ceremony: &Ceremony, asked: Asked) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let page = PasskeyPage {
        account,
        action: ceremony.action,
        back: ceremony.back.clone(),
        csrf: ceremony.csrf.clone(),
        step: asked.step,
        request: ceremony.request.clone(),
        return_to: ceremony.return_to.clone(),
        options: asked.options,
    };
    page_that_leads_away(StatusCode::OK, &page)
}

/// `POST /login/passkey`
pub async fn begin(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let request = form.filled("request");
    let return_to = form.filled("return_to").filter(|path| is_own_path(path));
    match app.provider.begin_passkey_sign_in(&visitor.browser()).await {
        Ok(asked) => {
            let ceremony = Ceremony {
                action: "/login/passkey/finish",
                back: login::address(request, return_to),
                csrf: visitor.csrf_before_sign_in(request.unwrap_or_default()),
                request: request.map(str::to_owned),
                return_to: return_to.map(str::to_owned),
            };
            asks(&app, &ceremony, asked).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /login/passkey/options`: the same question for the script of the sign-in page, which has the browser offer its passkeys beneath the
/// field of the e-mail address. The answer comes to `finish` like any.
pub async fn options(State(app): State<App>, posted: Posted) -> Response {
    match app.provider.begin_passkey_sign_in(&posted.visitor.browser()).await {
        Ok(asked) => {
            let body = json!({ "step": asked.step, "options": asked.options });
            ([(header::CACHE_CONTROL, no_store())], Json(body)).into_response()
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /login/passkey/finish`
pub async fn finish(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let signed_in =
        app.provider.finish_passkey_sign_in(&visitor.browser(), form.value("step"), form.value("credential")).await;
    match signed_in {
        Ok(signed_in) => {
            let return_to = form.filled("return_to").filter(|path| is_own_path(path));
            login::proceed(&app, visitor, signed_in, form.filled("request"), return_to).await
        }
        Err(SignInError::Wrong) => login::again(&app, &visitor, &form, StatusCode::UNAUTHORIZED, WRONG).await,
        Err(SignInError::Limited { retry_after_seconds }) => {
            let text = login::too_many(retry_after_seconds);
            let page = login::again(&app, &visitor, &form, StatusCode::TOO_MANY_REQUESTS, &text).await;
            login::with_retry_after(page, retry_after_seconds)
        }
        Err(SignInError::Over | SignInError::SecondFactor { .. }) => {
            Message::new("This sign-in is over", "It took longer than ten minutes, or was finished already.")
                .link("/login", "Sign in again")
                .answer(StatusCode::GONE)
        }
        Err(SignInError::Store(error)) => errors::database(&error),
    }
}
