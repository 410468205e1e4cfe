//! What a fetched document's headers say: whether it is JSON, and how long it may be believed (RFC 9111; CM-4).

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};

/// Nobody makes us fetch more often than this.
const SHORTEST: SignedDuration = SignedDuration::from_mins(5);
/// Nobody makes us believe longer than this.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Whether the answer says that it is JSON: `application/json`, or a kind of it such as `application/jwk-set+json`.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = media_type.strip_prefix("application/");
    kind.is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

/// Until when an answer of now may be believed: what `Cache-Control` says, between five minutes and a day; the shortest where it says
/// nothing or forbids to keep it.
pub(crate) fn expires_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let lasts = max_age(headers).unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST);
    now.saturating_add(lasts).unwrap_or(now)
}

/// `max-age` less the age the answer has already.
fn max_age(headers: &HeaderMap) -> Option<SignedDuration> {
    let values: Vec<String> = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_ascii_lowercase)
        .collect();
    let directives = || values.iter().flat_map(|value| value.split(',')).map(str::trim);
    if directives().any(|it| matches!(it, "no-store" | "no-cache")) {
        return None;
    }
    let max_age: i64 = directives().find_map(|it| it.strip_prefix("max-age="))?.trim_matches('"').parse().ok()?;
    let age: i64 = headers.get(header::AGE).and_then(|it| it.to_str().ok()).and_then(|it| it.parse().ok()).unwrap_or(0);
    Some(SignedDuration::from_secs(max_age.saturating_sub(age.max(0))))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn lasts(cache_control: &'static str, age: &'static str) -> i64 {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        headers.insert(header::AGE, HeaderValue::from_static(age));
        expires_at(&headers, Timestamp::UNIX_EPOCH).as_second()
    }

    #[test]
    fn headers_are_followed_within_five_minutes_and_a_day() {
        // CM-4
        assert_eq!(lasts("max-age=3600", "0"), 3600);
        assert_eq!(lasts("public, Max-Age=3600", "600"), 3000);
        assert_eq!(lasts("max-age=0", "0"), 300);
        assert_eq!(lasts("max-age=99999999999", "0"), 86_400);
        assert_eq!(lasts("max-age=-9223372036854775808", "9223372036854775807"), 300);
        assert_eq!(lasts("max-age=3600, no-store", "0"), 300);
        assert_eq!(lasts("max-age=x", "x"), 300);
        assert_eq!(expires_at(&HeaderMap::new(), Timestamp::UNIX_EPOCH).as_second(), 300);
    }

    #[test]
    fn json_is_what_says_so() {
        // CM-2
        let says = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(text));
            is_json(&headers)
        };

        for json in ["application/json", "Application/JSON; charset=utf-8", "application/jwk-set+json"] {
            assert!(says(json), "{json}");
        }
        for other in ["text/html", "text/json", "application/javascript", "application/x+jsonx", ""] {
            assert!(!says(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
