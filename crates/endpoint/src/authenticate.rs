//! From a request's credentials to a `Caller`, once a request.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use scope::permit::{Actor, Caller};

use crate::observe::Seen;
use crate::{App, ClientAddress, Why};

/// The id of the request, a UUID. Put into the request by the outermost layer.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// What the request showed, for rate limits and logs. Never the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    Token { family_id: i64, client_id: i64 },
    ApiKey { key_id: i64 },
}

pub(crate) async fn by_token(parts: &mut Parts, app: &App) -> Result<Arc<Caller>, Why> {
    if let Some(caller) = parts.extensions.get::<Arc<Caller>>() {
        return Ok(caller.clone());
    }
    let header = parts.headers.get(header::AUTHORIZATION).ok_or(Why::NoCredentials)?;
    let header = header.to_str().map_err(|_| Why::InvalidToken)?;
    let (_scheme, token) = header.split_once(' ').ok_or(Why::InvalidToken)?;
    let address = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    let bearer = app.provider.bearer(token.trim(), address).await?.ok_or(Why::InvalidToken)?;
    spend(parts, app, Credential::Token { family_id: bearer.family_id, client_id: bearer.client_row })?;
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let actor = Actor {
        person_id: Some(bearer.person_id),
        role: Some(bearer.role),
        client_id: Some(bearer.client_row),
        grant_id: bearer.grant_id,
        request_id,
        ..Actor::default()
    };
    let caller = Arc::new(Caller::new(actor, bearer.granted));
    parts.extensions.insert(caller.clone());
    Ok(caller)
}

/// Counts the call against the credential's limit, and tells the outermost layer who called.
fn spend(parts: &Parts, app: &App, credential: Credential) -> Result<(), Why> {
    let seen = parts.extensions.get::<Arc<Seen>>();
    if let Some(seen) = seen {
        // Set once a request; a second credential of the same request is refused elsewhere.
        let _first = seen.credential.set(credential);
    }
    if let (Some(allowance), Some(seen)) = (app.limits.take(credential)?, seen) {
        let _first = seen.allowance.set(allowance);
    }
    Ok(())
}

pub(crate) async fn by_session(_parts: &mut Parts, _app: &App) -> Result<Arc<Caller>, Response> {
    Err(Redirect::to("/login").into_response())
}

pub(crate) fn forbidden_page() -> Response {
    (StatusCode::FORBIDDEN, "Your role does not allow this.").into_response()
}
