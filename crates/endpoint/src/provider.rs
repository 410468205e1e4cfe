//! The provider's own endpoints on the route table: hands each request over to `oauth`, which answers it.
//!
//! They ask for no permission: each authenticates its caller itself. Pages (authorization, sign-in, consent) are not here.

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use oauth::client_auth::BackChannel;
use oauth::client_certificate::Certificate;
use oauth::form::BODY_LIMIT_BYTES;
use oauth::token::Address;

use crate::{App, ClientAddress, RequestId, Routes, Surface};

const PUBLIC: &str = "a public document";
const BY_CLIENT: &str = "the app authenticates itself";
const OWN_TOKEN: &str = "checks the registration access token itself";

pub fn routes(surface: Surface) -> Routes {
    Routes::new(surface)
        .open(MethodFilter::POST, "/oauth/token", token, BY_CLIENT)
        .open(MethodFilter::POST, "/oauth/tokens", zendesk_token, BY_CLIENT)
        .open(MethodFilter::POST, "/oauth/par", push, BY_CLIENT)
        .open(MethodFilter::POST, oauth::device::PATH, device_authorization, BY_CLIENT)
        .open(MethodFilter::POST, "/oauth/revoke", revoke, BY_CLIENT)
        .open(MethodFilter::POST, "/oauth/introspect", introspect, BY_CLIENT)
        .open(MethodFilter::GET, "/oauth/userinfo", userinfo, "checks the token's openid scope itself")
        .open(MethodFilter::POST, "/oauth/userinfo", userinfo, "checks the token's openid scope itself")
        .open(
            MethodFilter::POST,
            "/oauth/register",
            register,
            "apps register themselves, if the administrator lets them",
        )
        .open(MethodFilter::GET, "/oauth/register/{client_id}", registration, OWN_TOKEN)
        .open(MethodFilter::PUT, "/oauth/register/{client_id}", replace_registration, OWN_TOKEN)
        .open(MethodFilter::DELETE, "/oauth/register/{client_id}", delete_registration, OWN_TOKEN)
        .open(MethodFilter::GET, "/oauth/jwks", jwks, PUBLIC)
        .open(MethodFilter::GET, "/.well-known/openid-configuration", metadata, PUBLIC)
        .open(MethodFilter::GET, "/.well-known/openid-configuration/{*path}", metadata_of, PUBLIC)
        .open(MethodFilter::GET, "/.well-known/oauth-authorization-server", metadata, PUBLIC)
        .open(MethodFilter::GET, "/.well-known/oauth-authorization-server/{*path}", metadata_of, PUBLIC)
        .open(MethodFilter::GET, "/.well-known/oauth-protected-resource", resource, PUBLIC)
        .open(MethodFilter::GET, "/.well-known/oauth-protected-resource/{*path}", resource_of, PUBLIC)
}

/// `POST /oauth/token`
pub async fn token(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.token(Address::Standard, &request).await,
        Err(refusal) => refusal,
    }
}

/// `POST /oauth/tokens`, as Zendesk's apps know it.
pub async fn zendesk_token(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.token(Address::Zendesk, &request).await,
        Err(refusal) => refusal,
    }
}

/// `POST /oauth/par`
pub async fn push(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.push(&request).await,
        Err(refusal) => refusal,
    }
}

/// `POST /oauth/device_authorization`
pub async fn device_authorization(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.device_authorization(&request).await,
        Err(refusal) => refusal,
    }
}

/// `POST /oauth/revoke`
pub async fn revoke(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.revoke(&request).await,
        Err(refusal) => refusal,
    }
}

/// `POST /oauth/introspect`
pub async fn introspect(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.introspect(&request).await,
        Err(refusal) => refusal,
    }
}

/// `GET` and `POST /oauth/userinfo`
pub async fn userinfo(State(app): State<App>, method: Method, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.userinfo(&method, &request).await,
        Err(refusal) => refusal,
    }
}

/// `POST /oauth/register`
pub async fn register(State(app): State<App>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.register(&request).await,
        Err(refusal) => refusal,
    }
}

/// `GET /oauth/register/{client_id}`
pub async fn registration(State(app): State<App>, Path(client_id): Path<String>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.read_registration(&client_id, &request).await,
        Err(refusal) => refusal,
    }
}

/// `PUT /oauth/register/{client_id}`
pub async fn replace_registration(State(app): State<App>, Path(client_id): Path<String>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.replace_registration(&client_id, &request).await,
        Err(refusal) => refusal,
    }
}

/// `DELETE /oauth/register/{client_id}`
pub async fn delete_registration(State(app): State<App>, Path(client_id): Path<String>, request: Request) -> Response {
    match back_channel(request).await {
        Ok(request) => app.provider.delete_registration(&client_id, &request).await,
        Err(refusal) => refusal,
    }
}

/// `GET /oauth/jwks`
pub async fn jwks(State(app): State<App>, headers: HeaderMap) -> Response {
    app.provider.jwks(&headers).await
}

/// `GET /.well-known/openid-configuration`, `GET /.well-known/oauth-authorization-server`
pub async fn metadata(State(app): State<App>, headers: HeaderMap) -> Response {
    app.provider.metadata(&headers, "").await
}

/// The same with the path of the issuer after it.
pub async fn metadata_of(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    app.provider.metadata(&headers, &path).await
}

/// `GET /.well-known/oauth-protected-resource`
pub async fn resource(State(app): State<App>, headers: HeaderMap) -> Response {
    app.provider.resource_metadata(&headers, "").await
}

/// The same with the path of the issuer after it.
pub async fn resource_of(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    app.provider.resource_metadata(&headers, &path).await
}

/// Reads the whole request, which is small.
async fn back_channel(request: Request) -> Result<BackChannel, Response> {
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    let address = parts.extensions.get::<ClientAddress>().map_or([127, 0, 0, 1].into(), |address| address.0);
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let query = parts.uri.query().map(str::to_owned);
    let certificate = parts.extensions.get::<Certificate>().cloned();
    Ok(BackChannel { headers: parts.headers, query, body, address, request_id, certificate })
}

async fn read(body: axum::body::Body) -> Result<Bytes, Response> {
    // One byte more is let through, so that the provider refuses what is too long in its own words.
    axum::body::to_bytes(body, BODY_LIMIT_BYTES + 1).await.map_err(|_| {
        let body =
            serde_json::json!({ "error": "invalid_request", "error_description": "The body is longer than 64 KiB." });
        (StatusCode::PAYLOAD_TOO_LARGE, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
    })
}
