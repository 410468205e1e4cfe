//! How a mock fails on demand: by address, so many times, with some probability.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint::Why;
use futures_util::stream;
use outside::Random;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Longest wait of a slow answer.
const SLOW_MAX_MILLISECONDS: u64 = 120_000;

/// One rule: the first that fits a request decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `*` stands for any text, such as `/api/v2/tickets*`.
    pub path: String,
    #[serde(default)]
    pub method: Option<String>,
    pub kind: Kind,
    /// Of `rate_limited`, in seconds. Default: 1.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Of `slow`. Default: 1000.
    #[serde(default)]
    pub milliseconds: Option<u64>,
    /// Lets so many requests through first.
    #[serde(default)]
    pub skip: u64,
    /// Is over after so many. None: lasts.
    #[serde(default)]
    pub count: Option<u64>,
    /// From 0 to 1. None: always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// How often it struck.
    #[serde(default, skip_deserializing)]
    pub struck: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 429 with `Retry-After`.
    RateLimited,
    /// 503 with `Retry-After`.
    Unavailable,
    /// 401, as if the token had run out.
    ExpiredToken,
    /// The right answer, late.
    Slow,
    /// The connection ends within the answer.
    Dropped,
}

/// What becomes of a request.
pub enum Fate {
    Late(Duration),
    Failed(Response),
}

/// The rules in their order, with the chance that they draw from.
pub struct Faults {
    rules: Vec<Fault>,
    random: Random,
}

impl Fault {
    /// What is wrong with it, as a sentence.
    pub fn problem(&self) -> Option<&'static str> {
        if self.path.is_empty() {
            return Some("path must not be empty.");
        }
        if self.probability.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
            return Some("probability must be from 0 to 1.");
        }
        let is_too_slow = self.milliseconds.is_some_and(|it| SLOW_MAX_MILLISECONDS < it);
        is_too_slow.then_some("milliseconds must be at most 120000.")
    }

    /// What it does to a request for this address.
    pub fn fate(&self, path: &str) -> Fate {
        let (status, why, retry_after) = match self.kind {
            Kind::Slow => return Fate::Late(Duration::from_millis(self.milliseconds.unwrap_or(1000))),
            Kind::Dropped => return Fate::Failed(dropped()),
            Kind::ExpiredToken => (StatusCode::UNAUTHORIZED, Why::InvalidToken, None),
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Why::Unavailable, Some(1)),
            Kind::RateLimited => {
                let seconds = self.retry_after.unwrap_or(1);
                (StatusCode::TOO_MANY_REQUESTS, Why::TooMany(seconds), Some(seconds))
            }
        };
        let mut response = refused(path, status, &why);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::ExpiredToken {
            let challenge = HeaderValue::from_static(r#"Bearer realm="api", error="invalid_token""#);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        Fate::Failed(response)
    }

    fn fits(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(method.as_str())) && fits(&self.path, path)
    }
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Kind::RateLimited => "rate_limited",
            Kind::Unavailable => "unavailable",
            Kind::ExpiredToken => "expired_token",
            Kind::Slow => "slow",
            Kind::Dropped => "dropped",
        }
    }
}

impl Faults {
    pub fn new(rules: Vec<Fault>, seed: u64) -> Faults {
        Faults { rules, random: Random::seeded(seed) }
    }

    pub fn rules(&self) -> &[Fault] {
        &self.rules
    }

    pub fn add(&mut self, rule: Fault) {
        self.rules.push(rule);
    }

    /// What strikes this request, if anything does.
    pub fn strike(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let random = &self.random;
        let rule = self.rules.iter_mut().find(|rule| rule.fits(method, path) && rule.count != Some(rule.struck))?;
        if 0 < rule.skip {
            rule.skip -= 1;
            return None;
        }
        const PARTS: u64 = 1_000_000;
        if rule.probability.is_some_and(|it| it * PARTS as f64 <= random.below(PARTS) as f64) {
            return None;
        }
        rule.struck += 1;
        Some(rule.clone())
    }
}

/// Whether a text has the form of a pattern.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// In the words of whoever has the address.
fn refused(path: &str, status: StatusCode, why: &Why) -> Response {
    let body = if path.starts_with("/api/v2/") {
        (zendesk_api::SURFACE.refusal)(status, why)
    } else if path.starts_with("/api/") {
        (gorgias_api::SURFACE.refusal)(status, why)
    } else {
        json!({ "error": "temporarily_unavailable", "error_description": why.to_string() })
    };
    (status, Json(body)).into_response()
}

/// A body that promises more than it has.
fn dropped() -> Response {
    let pieces = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("dropped on demand"))];
    let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_by_its_stars() {
        for (pattern, text, expected) in [
            ("/api/v2/tickets", "/api/v2/tickets", true),
            ("/api/v2/tickets", "/api/v2/tickets/5", false),
            ("/api/v2/tickets*", "/api/v2/tickets/5", true),
            ("/api/v2/*/comments", "/api/v2/tickets/5/comments", true),
            ("/api/v2/*/comments", "/api/v2/tickets/5/tags", false),
            ("*", "/anything", true),
            ("*tags", "/tags/x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says() {
        let rule: Fault = serde_json::from_value(json!({
            "path": "/a*", "method": "get", "kind": "rate_limited", "retry_after": 3, "skip": 1, "count": 2
        }))
        .unwrap();
        let mut faults = Faults::new(vec![rule], 1);

        let struck: Vec<bool> = (0..5).map(|_| faults.strike(&Method::GET, "/a/b").is_some()).collect();

        assert_eq!(struck, [false, true, true, false, false]);
        assert!(faults.strike(&Method::POST, "/a").is_none());
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let drawn = |seed| {
            let rule = json!({ "path": "*", "kind": "unavailable", "probability": 0.3 });
            let mut faults = Faults::new(vec![serde_json::from_value(rule).unwrap()], seed);
            (0..200).map(|_| faults.strike(&Method::GET, "/").is_some()).collect::<Vec<bool>>()
        };

        assert_eq!(drawn(7), drawn(7));
        let n_struck = drawn(7).into_iter().filter(|it| *it).count();
        assert!((30..=90).contains(&n_struck), "{n_struck}");
    }
}
