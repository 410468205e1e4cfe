//! Answers: a record under its name, with where it is to be found if it is new.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::error::ZendeskError;
use crate::once;

/// What most handlers return.
pub type Answer = Result<Reply, ZendeskError>;

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub location: Option<String>,
    /// The header that leads to the pages beside this one.
    pub link: Option<String>,
    /// None: an answer without a body.
    pub body: Option<Value>,
    /// Set by `once!`.
    pub lookup: Option<&'static str>,
}

impl Reply {
    pub fn new(status: StatusCode, body: Value) -> Reply {
        Reply { status, location: None, link: None, body: Some(body), lookup: None }
    }

    /// 200.
    pub fn ok(body: Value) -> Reply {
        Reply::new(StatusCode::OK, body)
    }

    /// 200 with one record under its name.
    pub fn one(name: &str, record: Value) -> Reply {
        Reply::ok(named(name, record))
    }

    /// 201 with the new record, whose `url` is where it is.
    pub fn created(name: &str, record: Value) -> Reply {
        let location = record["url"].as_str().map(str::to_owned);
        Reply { location, ..Reply::new(StatusCode::CREATED, named(name, record)) }
    }

    /// 204.
    pub fn empty() -> Reply {
        Reply { status: StatusCode::NO_CONTENT, location: None, link: None, body: None, lookup: None }
    }

    /// 200, and nothing to say.
    pub fn done() -> Reply {
        Reply { status: StatusCode::OK, ..Reply::empty() }
    }

    /// `{count: {value, refreshed_at}}`. What is counted is counted now.
    pub fn count(value: i64, now: jiff::Timestamp) -> Reply {
        Reply::ok(json!({ "count": { "value": value, "refreshed_at": crate::time::format(now) } }))
    }
}

/// An object with one key.
pub fn named(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, Json(body)).into_response(),
            None => self.status.into_response(),
        };
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        if let Some(link) = self.link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        once::mark(response, self.lookup)
    }
}
