//! The guard of what cannot be undone: asks how recently somebody signed in (RFC 9470; SU-1, SU-3).
//!
//! Stands after `May` or `BySession` among a handler's arguments. `oauth::step_up` holds the limits.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use oauth::dpop::Scheme;
use oauth::step_up::{self, Limits, Login};

use crate::may::{self, Refused, Why};
use crate::{App, Needs, authenticate};

/// A handler argument: the sign-in behind the token is recent and sure enough. API keys and client_credentials tokens pass.
#[derive(Debug, Clone, Copy)]
pub struct Fresh;

/// The same for pages: the session's sign-in. Who signed in too long ago is led to a page that asks for it again, and back.
#[derive(Debug, Clone, Copy)]
pub struct FreshSession;

impl Needs for Fresh {}
impl Needs for FreshSession {}

/// The sign-in behind the token of a call, put there with the caller.
#[derive(Debug, Clone)]
pub(crate) struct Behind(pub Arc<Login>);

impl FromRequestParts<App> for Fresh {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Fresh, Refused> {
        let needed = may::needed(parts, app)?;
        let refuse = |why| may::refused(why, Some(&needed), app);
        // The guard of the permission may stand after this one.
        authenticate::by_token(parts, app, needed.surface).await.map_err(refuse)?;
        let Some(Behind(login)) = parts.extensions.get::<Behind>() else { return Ok(Fresh) };
        let limits: Limits = app.provider.setting(step_up::SETTING).await.map_err(|error| refuse(error.into()))?;
        match limits.check_call(login, app.clock.now()) {
            Ok(()) => Ok(Fresh),
            Err(challenge) => Err(refuse(Why::NotFresh { challenge, scheme: scheme(parts) })),
        }
    }
}

/// With which scheme the token came: the challenge names the same.
fn scheme(parts: &Parts) -> Scheme {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Scheme::parse(header.split(' ').next().unwrap_or_default()).unwrap_or(Scheme::Bearer)
}

impl FromRequestParts<App> for FreshSession {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<FreshSession, Response> {
        let unavailable = |error| {
            tracing::error!(%error, "the database failed while a session was looked up");
            may::refused(Why::from(error), None, app).into_response()
        };
        let session = authenticate::session(parts, app).await.map_err(unavailable)?;
        let Some(session) = session else { return Err(Redirect::to("/login").into_response()) };
        let limits: Limits = app.provider.setting(step_up::SETTING).await.map_err(unavailable)?;
        if limits.lets_page(session.auth_time, app.clock.now()) {
            return Ok(FreshSession);
        }
        let back = match parts.method {
            Method::GET => parts.uri.path(),
            _ => page_of(parts.uri.path()),
        };
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", back).finish();
        Err(Redirect::to(&format!("/confirm?{query}")).into_response())
    }
}

/// The page on which a form of this address stands: `/admin/apps/5` for `/admin/apps/5/secret`.
fn page_of(path: &str) -> &str {
    let mut end = 0;
    for segment in path.split('/') {
        end += segment.len();
        if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            return path.get(..end).unwrap_or(path);
        }
        end += 1;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_its_page() {
        // SU-3
        assert_eq!(page_of("/admin/apps/5/secret"), "/admin/apps/5");
        assert_eq!(page_of("/admin/apps/5/secrets/7/revoke"), "/admin/apps/5");
        assert_eq!(page_of("/admin/apps"), "/admin/apps");
        assert_eq!(page_of("/"), "/");
    }
}
