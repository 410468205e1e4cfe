//! `/oauth/end_session`: an app sends the browser here to sign the person out. The provider decides; this shows what it decided.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use oauth::end_session::Logout;

use crate::authorize::as_query;
use crate::pages::{Message, see_other};
use crate::visitor::{FormBytes, Visitor};
use crate::{errors, logout, text};

/// `GET /oauth/end_session`
pub async fn by_get(State(app): State<App>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    answer(&app, &visitor, query.unwrap_or_default().as_bytes()).await
}

/// `POST /oauth/end_session`. No CSRF value: an app's page sends this form, and its proof is in it, or the person is asked (LO-1).
pub async fn by_post(State(app): State<App>, visitor: Visitor, FormBytes(raw): FormBytes) -> Response {
    // A browser sends no SameSite=Lax cookie with another site's POST. Led to the same request by GET, it sends the session it has.
    if visitor.is_new() {
        return match as_query(&raw) {
            Some(query) => see_other(&format!("/oauth/end_session?{query}")),
            None => refusal("The app sent something that is not readable text, or too much of it."),
        };
    }
    answer(&app, &visitor, &raw).await
}

async fn answer(app: &App, visitor: &Visitor, raw: &[u8]) -> Response {
    match app.provider.end_session(raw, &visitor.browser()).await {
        Ok(Logout::Leave { address }) => visitor.signed_out(see_other(&address)),
        Ok(Logout::Ask { request, app: name }) => logout::ask(app, visitor, request, name.as_deref()).await,
        Ok(Logout::SignedOut { back }) => {
            let page = Message::new("You are signed out", "Nobody is signed in to this helpdesk in this browser now.");
            let page = match back {
                Some(back) => page.link(&back.address, &format!("Back to {}", text::shown(&back.app, 60))),
                None => page.link("/login", "Sign in"),
            };
            visitor.signed_out(page.answer(StatusCode::OK))
        }
        Ok(Logout::Page { detail }) => refusal(detail),
        Err(error) => errors::database(&error),
    }
}

fn refusal(detail: &str) -> Response {
    Message::new("You were not signed out", &format!("An app asked for it in a way that cannot be trusted. {detail}"))
        .what_next("Nothing was changed. If you want to sign out, you can do it here.")
        .link("/logout", "Sign out")
        .answer(StatusCode::BAD_REQUEST)
}
