//! What an operator's tools ask: is it alive, can it serve, how is it doing.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;

use crate::{App, Routes, Surface};

/// The media type of Prometheus' text format.
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn routes(surface: Surface) -> Routes {
    Routes::new(surface)
        .open(MethodFilter::GET, "/health/live", live, "says only that the process answers")
        .open(MethodFilter::GET, "/health/ready", ready, "says only whether the database answers")
        .open(MethodFilter::GET, "/metrics", metrics, "asks for the operator's own token, and is off without one")
}

/// 200 as long as the process answers.
pub async fn live() -> &'static str {
    "live\n"
}

/// 200 if a request could be served now, else 503.
pub async fn ready(State(app): State<App>) -> Response {
    let answered = async {
        let mut tx = app.db.read().await?;
        helpdesk::account::exists(&mut tx).await
    };
    match answered.await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(?error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "the database does not answer\n")
                .into_response()
        }
    }
}

/// Prometheus metrics, for the bearer token of the settings. 404 when none is set.
pub async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(token) = &app.config.metrics_token else { return StatusCode::NOT_FOUND.into_response() };
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if outside::sha256(sent.as_bytes()) != outside::sha256(format!("Bearer {token}").as_bytes()) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer realm=\"metrics\"")]).into_response();
    }
    ([(header::CONTENT_TYPE, METRICS_TYPE)], app.metrics.text()).into_response()
}
