//! `GET /openapi/gorgias.json`: every address, field and scope of the dialect as an OpenAPI 3.1 document.
//!
//! `openapi.json` is that document, and the integration suite holds the server to it (`tests/it/gorgias/contract.rs`). A route, a field or
//! a bound is changed there too.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use endpoint::App;

pub const DOCUMENT: &str = include_str!("openapi.json");

/// What stands in the document for the public address of the server.
const SERVER: &str = "https://helpdesk.invalid";

/// `GET /openapi/gorgias.json`
pub async fn show(State(app): State<App>) -> Response {
    let text = DOCUMENT.replace(SERVER, &in_json(&app.config.public_url));
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")], text).into_response()
}

/// As it stands between the quotes of a JSON string.
fn in_json(text: &str) -> String {
    serde_json::Value::from(text).to_string().trim_matches('"').to_owned()
}
