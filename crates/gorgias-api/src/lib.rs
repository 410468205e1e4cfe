//! The Gorgias dialect: that vendor's addresses, words and shapes over our one helpdesk.
//!
//! A handler translates and does nothing else. `error.rs`, `fields.rs`, `query.rs`, `page.rs` and `time.rs` are the dialect's grammar;
//! each other file is one of the vendor's resources.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use endpoint::{Routes, Surface};
use scope::Dialect;

pub mod error;
pub mod fields;
pub mod page;
mod path;
pub mod query;
pub mod time;

pub use error::GorgiasError;
pub use path::{Id, Pair};

/// Whose words scopes and refusals are in. Clients append slashes: both forms answer, since a redirect would drop the body.
pub const SURFACE: Surface = Surface { dialect: Dialect::Gorgias, refusal: error::body, trailing_slash: true };

/// The route table of the dialect.
pub fn routes() -> Routes {
    Routes::new(SURFACE)
}

/// For paths below `/api` that are not in the table.
pub async fn not_found() -> GorgiasError {
    GorgiasError::NotFound
}

/// For paths of the table called with another method. axum adds `Allow` with the methods there are.
pub async fn method_not_allowed() -> GorgiasError {
    GorgiasError::Method
}

/// 200 with a body.
pub(crate) type Answer = Result<Json<serde_json::Value>, GorgiasError>;

/// 201 with the new object.
pub(crate) fn created(object: serde_json::Value) -> Response {
    (StatusCode::CREATED, Json(object)).into_response()
}

/// 204, or 201 and 202 with nothing in them: clients test `Content-Length` before they parse.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut headers = HeaderMap::new();
    if status != StatusCode::NO_CONTENT {
        headers.insert("content-length", 0.into());
    }
    (status, headers).into_response()
}
