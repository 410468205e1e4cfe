//! How this dialect words a refusal: `{"error": {"msg": "...", "data": {"field": ["problem"]}}}` (Gorgias contract, `conventions.errors`).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use endpoint::{Refused, Why};
use helpdesk::Error;
use serde_json::{Map, Value, json};
use store::{StoreError, Transient};

use crate::time;

/// What a handler of this dialect refuses with.
#[derive(Debug)]
pub enum GorgiasError {
    /// The request itself is wrong: what, by field.
    Invalid(Problems),
    /// The request cannot be read at all; the text says why.
    Unreadable(String),
    /// No such path, or an id that no object can have.
    NotFound,
    /// The path exists, not with this method.
    Method,
    /// The body is larger than the server takes.
    TooLarge,
    /// The caller may not, as it turned out.
    Forbidden(Box<Refused>),
    /// The helpdesk refused.
    Refused(Error),
}

/// Problems by field, nested as the request is: objects by name, lists by index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problems(Map<String, Value>);

impl Problems {
    /// One problem of one field. `path` is such as `messages.0.channel`.
    pub fn one(path: &str, problem: impl Into<String>) -> Problems {
        let mut problems = Problems::default();
        problems.add(path, problem);
        problems
    }

    /// Adds a problem; a field may have several.
    pub fn add(&mut self, path: &str, problem: impl Into<String>) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        match rest {
            Some(rest) => {
                let mut inner = Problems::default();
                inner.add(rest, problem);
                self.nest(first, inner);
            }
            None => {
                // If the field already has problems inside it, they say more.
                if let Value::Array(list) = self.0.entry(first).or_insert_with(|| json!([])) {
                    list.push(Value::String(problem.into()));
                }
            }
        }
    }

    /// Puts the problems found inside a field under its name.
    pub fn nest(&mut self, field: &str, inner: Problems) {
        if inner.is_empty() {
            return;
        }
        merge(&mut self.0, field.to_owned(), Value::Object(inner.0));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the answer shows them.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// `Ok`, or the refusal that lists them.
    pub fn into_result(self) -> Result<(), GorgiasError> {
        if self.is_empty() { Ok(()) } else { Err(GorgiasError::Invalid(self)) }
    }
}

/// Objects are merged; anything else gives way to the newcomer.
fn merge(into: &mut Map<String, Value>, key: String, new: Value) {
    match (into.get_mut(&key), new) {
        (Some(Value::Object(known)), Value::Object(new)) => {
            for (key, value) in new {
                merge(known, key, value);
            }
        }
        (_, new) => {
            into.insert(key, new);
        }
    }
}

impl GorgiasError {
    /// A refusal of one field.
    pub fn invalid(path: &str, problem: impl Into<String>) -> GorgiasError {
        GorgiasError::Invalid(Problems::one(path, problem))
    }
}

impl From<Error> for GorgiasError {
    fn from(error: Error) -> GorgiasError {
        GorgiasError::Refused(error)
    }
}

impl From<Box<Refused>> for GorgiasError {
    fn from(refused: Box<Refused>) -> GorgiasError {
        GorgiasError::Forbidden(refused)
    }
}

impl From<StoreError> for GorgiasError {
    fn from(error: StoreError) -> GorgiasError {
        GorgiasError::Refused(Error::Store(error))
    }
}

impl Transient for GorgiasError {
    fn is_transient(&self) -> bool {
        matches!(self, GorgiasError::Refused(error) if error.is_transient())
    }
}

/// The body of a refusal that the guard makes.
pub fn refusal(status: StatusCode, why: &Why) -> Value {
    body(status, &why.to_string())
}

/// The body of any refusal without data.
pub fn body(_status: StatusCode, message: &str) -> Value {
    json!({ "error": { "msg": message } })
}

const INVALID: &str = "Failed to validate the request.";
const NOT_FOUND: &str = "Resource not found.";

impl IntoResponse for GorgiasError {
    fn into_response(self) -> Response {
        let (status, message, data) = match self {
            GorgiasError::Invalid(problems) => (StatusCode::BAD_REQUEST, INVALID.to_owned(), Some(problems)),
            GorgiasError::Unreadable(why) => (StatusCode::BAD_REQUEST, why, None),
            GorgiasError::Forbidden(refused) => return refused.into_response(),
            GorgiasError::NotFound => (StatusCode::NOT_FOUND, NOT_FOUND.to_owned(), None),
            GorgiasError::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed for this path.".to_owned(), None)
            }
            GorgiasError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.".to_owned(), None),
            GorgiasError::Refused(Error::NotFound { .. }) => (StatusCode::NOT_FOUND, NOT_FOUND.to_owned(), None),
            GorgiasError::Refused(Error::Invalid { field, problem }) => {
                (StatusCode::BAD_REQUEST, INVALID.to_owned(), Some(Problems::one(&field, problem)))
            }
            GorgiasError::Refused(Error::Taken { field, .. }) => (
                StatusCode::CONFLICT,
                "The resource already exists.".to_owned(),
                Some(Problems::one(field, "Already belongs to another.")),
            ),
            // The contract answers this one kind differently (`resources.macros`).
            GorgiasError::Refused(Error::InUse { kind: "macro", problem, .. }) => (StatusCode::CONFLICT, problem, None),
            GorgiasError::Refused(Error::InUse { problem, .. }) => (StatusCode::BAD_REQUEST, problem, None),
            GorgiasError::Refused(Error::Stale { field, newest }) => (
                StatusCode::CONFLICT,
                "The conversation went on since this was written.".to_owned(),
                Some(Problems::one(field, format!("The newest message is {newest}."))),
            ),
            GorgiasError::Refused(Error::Changed { field, updated_at }) => (
                StatusCode::CONFLICT,
                "The ticket was changed since it was read.".to_owned(),
                Some(Problems::one(field, format!("It was changed at {}.", time::format(updated_at)))),
            ),
            GorgiasError::Refused(Error::TooMany { what }) => {
                (StatusCode::TOO_MANY_REQUESTS, format!("Too many {what} are under way."), None)
            }
            GorgiasError::Refused(Error::Forbidden(rule)) => (StatusCode::FORBIDDEN, rule, None),
            GorgiasError::Refused(Error::Refused(rule)) => (StatusCode::BAD_REQUEST, rule, None),
            GorgiasError::Refused(Error::Store(StoreError::Unavailable(why))) => {
                tracing::warn!(why, "the database is not available");
                let body = Json(body(StatusCode::SERVICE_UNAVAILABLE, "The service is busy. Try again in a second."));
                return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], body).into_response();
            }
            GorgiasError::Refused(Error::Store(cause)) => {
                tracing::error!(%cause, "the database failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something broke on our side.".to_owned(), None)
            }
        };
        let mut answer = body(status, &message);
        if let Some(problems) = data {
            answer["error"]["data"] = problems.into_value();
        }
        (status, Json(answer)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_nest_as_the_request_does() {
        let mut problems = Problems::default();
        problems.add("messages.0.channel", "Missing data for required field.");
        problems.add("messages.0.via", "Not a valid string.");
        problems.add("subject", "Not a valid string.");

        assert_eq!(
            problems.into_value(),
            json!({
                "messages": { "0": { "channel": ["Missing data for required field."], "via": ["Not a valid string."] } },
                "subject": ["Not a valid string."],
            })
        );
    }
}
