//! DIALECT: Gorgias. This file is its route table; one file a vendor resource.

use axum::http::StatusCode;
use endpoint::{Routes, Surface};
use scope::Dialect;
use serde_json::{Value, json};

/// How this dialect names scopes and words refusals.
pub const SURFACE: Surface = Surface { dialect: Dialect::Gorgias, refusal, trailing_slash: true };

fn refusal(_status: StatusCode, message: &str) -> Value {
    json!({ "error": { "msg": message } })
}

pub fn routes() -> Routes {
    Routes::new(SURFACE)
}
