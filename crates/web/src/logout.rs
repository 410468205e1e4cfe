//! `/logout`: asks, then ends the session.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;

use crate::pages::{page, see_other};
use crate::visitor::{Posted, Visitor};
use crate::{account, errors};

#[derive(Template)]
#[template(path = "logout.html")]
pub struct Logout {
    pub csrf: String,
    pub account: String,
    pub email: String,
}

/// `GET /logout`
pub async fn show(State(app): State<App>, visitor: Visitor) -> Response {
    let Some(session) = &visitor.session else { return see_other("/login?signed_out=1") };
    match account::name(&app).await {
        Ok(account) => page(StatusCode::OK, &Logout { csrf: visitor.csrf(""), account, email: session.email.clone() }),
        Err(error) => errors::database(&error),
    }
}

/// `POST /logout`
pub async fn sign_out(State(app): State<App>, posted: Posted) -> Response {
    let visitor = posted.visitor;
    if let Some(session) = &visitor.session
        && let Err(error) = app.provider.sign_out(session, &visitor.request_id).await
    {
        return errors::helpdesk(&error);
    }
    visitor.signed_out(see_other("/login?signed_out=1"))
}
