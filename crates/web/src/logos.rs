//! `/logos/{id}`: our copy of an app's logo, for pages of ours (CM-9).

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint::App;

use crate::errors;

/// Nothing runs, and nothing is loaded, even if a browser were led to the picture itself.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// `GET /logos/{id}`
pub async fn show(State(app): State<App>, Path(id): Path<i64>) -> Response {
    match app.provider.logo(id).await {
        Ok(Some(logo)) => (
            [
                (header::CONTENT_TYPE, logo.content_type),
                (header::CACHE_CONTROL, "private, max-age=300"),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            ],
            logo.bytes,
        )
            .into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => errors::database(&error),
    }
}
