//! How the help center refuses: with texts by field and 400 where the rest of the dialect says 422 (Zendesk contract, `conventions.errors`).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use helpdesk::Error;
use serde_json::json;

use crate::error::{Kind, Problems, ZendeskError};

/// A refusal of the dialect, worded as the help center does.
#[derive(Debug)]
pub struct HelpCenterError(ZendeskError);

impl<E: Into<ZendeskError>> From<E> for HelpCenterError {
    fn from(error: E) -> HelpCenterError {
        HelpCenterError(error.into())
    }
}

impl IntoResponse for HelpCenterError {
    fn into_response(self) -> Response {
        let problems = match self.0 {
            ZendeskError::Invalid(problems) => problems,
            // A cursor is no field.
            ZendeskError::Refused(Error::Invalid { field, problem }) if field != "cursor" => {
                Problems::one(&field, Kind::Invalid, problem)
            }
            ZendeskError::Refused(Error::Taken { field, .. }) => {
                Problems::one(field, Kind::Duplicate, "has already been taken")
            }
            ZendeskError::Refused(Error::InUse { problem, .. } | Error::Refused(problem)) => {
                Problems::one("base", Kind::Invalid, problem)
            }
            other => return other.into_response(),
        };
        (StatusCode::BAD_REQUEST, Json(json!({ "errors": problems.into_texts() }))).into_response()
    }
}
