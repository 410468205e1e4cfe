//! What all answers of this dialect carry: its headers, an ETag, and what was sent in vain (Zendesk contract, `conventions.headers`).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{self, Body};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::query::TOKEN;

const VERSION: HeaderName = HeaderName::from_static("x-zendesk-api-version");
const WARN: HeaderName = HeaderName::from_static("x-zendesk-api-warn");
/// Most names in the warning.
const WARNED_MAX: usize = 50;

/// Fields of a request that nobody read, collected while it is answered.
#[derive(Debug, Clone, Default)]
pub struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    pub(crate) fn add<'a>(&self, names: impl Iterator<Item = &'a String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(names.filter(|name| name.len() <= 64).take(WARNED_MAX).cloned());
        known.truncate(WARNED_MAX);
    }

    fn text(&self) -> Option<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!names.is_empty()).then(|| format!("Removed unknown keys: {}", names.join(", ")))
    }

    /// Both warnings, as far as there is reason.
    fn all(&self, token_in_address: bool) -> Option<String> {
        let in_address = token_in_address.then(|| {
            "The parameter access_token is deprecated; send the access token in the header Authorization".to_owned()
        });
        let all: Vec<String> = self.text().into_iter().chain(in_address).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Around each route of the dialect.
pub async fn pass(mut request: Request, next: Next) -> Response {
    let warnings = Warnings::default();
    request.extensions_mut().insert(warnings.clone());
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let is_get = request.method() == Method::GET;
    let query = request.uri().query().unwrap_or_default();
    let token_in_address = form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == TOKEN);
    let response = next.run(request).await;
    let mut response = if is_get { tagged(response, known).await } else { response };
    if let Some(text) = warnings.all(token_in_address).and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(WARN, text);
    }
    dress(response)
}

/// The headers that even an unknown address is answered with.
pub(crate) fn dress(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static("v2"));
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("max-age=0, private, must-revalidate"));
    response
}

/// With a weak ETag, or 304 for a client that has the same already.
async fn tagged(response: Response, known: Option<HeaderValue>) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if response.status() != StatusCode::OK || !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It lies in memory already.
    let Ok(bytes) = body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let has_it = known.as_ref().and_then(|known| known.to_str().ok()).is_some_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == &tag[2..])
    });
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if has_it {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}
