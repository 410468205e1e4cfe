//! Wires the surfaces into one server.

pub mod cli;
pub mod config;
pub mod demo;
pub mod import;
pub mod mock;
pub mod serve;
pub mod start;
pub mod tls;
pub mod worker;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use endpoint::{App, Routes, Surface, Target, Why};
use scope::Dialect;

/// Health, metrics and the provider's own endpoints: no vendor's shape.
const PLAIN: Surface =
    Surface { dialect: Dialect::Standard, target: Target::Api, refusal: plain_refusal, trailing_slash: false };

fn plain_refusal(status: StatusCode, why: &Why) -> serde_json::Value {
    serde_json::json!({ "error": status.as_u16(), "error_description": why.to_string() })
}

/// Every route of every surface.
pub fn routes() -> Routes {
    Routes::new(PLAIN)
        .merge(endpoint::health::routes(PLAIN))
        .merge(endpoint::provider::routes(PLAIN))
        .merge(endpoint::files::routes(PLAIN))
        .merge(gorgias_api::routes().on_wrong_method(gorgias_api::method_not_allowed))
        .merge(zendesk_api::routes().on_wrong_method(zendesk_api::not_found))
        .merge(mcp::routes())
        .merge(web::routes())
}

/// The whole application.
pub fn router(app: App) -> Router {
    endpoint::wrap(routes().into_router().fallback(not_found), app, web::PAGES)
}

/// For addresses that no surface has.
async fn not_found(method: Method, uri: Uri) -> Response {
    if uri.path().starts_with("/api/v2/") {
        zendesk_api::not_found(method, uri).await.into_response()
    } else if uri.path().starts_with("/api/") {
        gorgias_api::not_found().await.into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
