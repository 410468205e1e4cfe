//! Calls from web pages: to the API and to the token-like endpoints, for origins that an app has registered (TK-4, UI-7, RS-8).
//!
//! Never with cookies, never for the opaque origin `null`. The authorization endpoint has no such headers at all (AZ-10). What is public
//! anyway (metadata, keys, the description of an interface) answers `*`.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, DPoP, X-On-Behalf-Of, Idempotency-Key, If-None-Match, Last-Event-ID, \
     Mcp-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id, X-Gorgias-Account-Api-Call-Limit",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Whom an address answers across origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Openness {
    /// Public documents.
    Anyone,
    /// For origins that an app has registered.
    Registered,
    Nobody,
}

fn openness(path: &str) -> Openness {
    const TOKEN_LIKE: [&str; 5] =
        ["/oauth/token", "/oauth/tokens", "/oauth/revoke", "/oauth/userinfo", "/oauth/introspect"];
    // Registration takes no cookies: whoever has the token may call from any page (RG-7).
    let registers = path == "/oauth/register" || path.starts_with("/oauth/register/");
    let public = path.starts_with("/.well-known/") || path.starts_with("/openapi/") || path == "/oauth/jwks";
    if public || registers {
        Openness::Anyone
    } else if path.starts_with("/api/") || path == "/mcp" || TOKEN_LIKE.contains(&path) {
        Openness::Registered
    } else {
        Openness::Nobody
    }
}

pub(crate) async fn cors(app: &App, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    let openness = openness(request.uri().path());
    let allowed = match openness {
        Openness::Anyone => Some(HeaderValue::from_static("*")),
        Openness::Registered => registered(app, &origin).await.then_some(origin),
        Openness::Nobody => None,
    };
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&allowed, preflight) {
        (Some(_), true) => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    if openness == Openness::Registered {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(allowed) = allowed {
        grant(headers, allowed, preflight);
    }
    response
}

fn grant(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

async fn registered(app: &App, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    match app.provider.is_registered_origin(origin).await {
        Ok(registered) => registered,
        Err(error) => {
            // Without the database the call itself will be answered with 503; its page just cannot read that.
            tracing::warn!(%error, "an origin could not be looked up");
            false
        }
    }
}
