//! `/confirm`: asks who signed in a while ago to show once more that it is them, before something that shows a secret or cannot be undone
//! (SU-3). Its form is the sign-in's, with the person already named, so a second factor is asked for where they have one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;

use crate::login::is_own_path;
use crate::pages::{PersonLine, page, see_other};
use crate::visitor::{Query, Visitor};
use crate::{account, errors};

#[derive(Template)]
#[template(path = "confirm.html")]
pub struct Confirm {
    pub csrf: String,
    pub account: String,
    pub person: PersonLine,
    /// As they sign in.
    pub email: String,
    /// A path of our own (RU-10).
    pub return_to: String,
    /// Browsers have passkeys for this address.
    pub has_passkeys: bool,
}

/// `GET /confirm`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let return_to = query.filled("return_to").filter(|path| is_own_path(path)).unwrap_or("/").to_owned();
    let Some(session) = &visitor.session else { return see_other("/login") };
    match account::name(&app).await {
        Ok(account) => {
            let person = PersonLine::new(&session.name, &session.email);
            let email = session.email.clone();
            let has_passkeys = app.provider.passkeys().is_some();
            let csrf = visitor.csrf_before_sign_in("");
            visitor.named(page(StatusCode::OK, &Confirm { csrf, account, person, email, return_to, has_passkeys }))
        }
        Err(error) => errors::database(&error),
    }
}
