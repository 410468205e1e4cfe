//! What the log of calls does not keep: passwords, tokens and keys in headers, addresses and bodies.

use serde_json::Value as Json;
use url::Url;

const HIDDEN: &str = "[hidden]";
/// Parts of names whose values are secrets.
const WORDS: &[&str] = &["authorization", "cookie", "password", "passwd", "secret", "token", "apikey", "credential"];
/// Longest body that is searched; a longer one is cut anyway.
const SEARCHED_BYTES: usize = 1024 * 1024;

/// Whether a value of this name is a secret.
pub fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    plain == "key" || plain == "sig" || plain.ends_with("accesskey") || WORDS.iter().any(|word| plain.contains(word))
}

/// The value of a header as the log keeps it. Of a scheme such as `Bearer`, the scheme stays.
pub fn header(name: &str, value: &str) -> String {
    if !is_secret(name) {
        return value.to_owned();
    }
    match value.split_once(' ') {
        Some((scheme, _)) if name.ends_with("authorization") => format!("{scheme} {HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

/// An address without the values of parameters that are secrets.
pub fn url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return HIDDEN.to_owned() };
    if url.password().is_some() {
        let _cannot = url.set_password(None);
    }
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                (name.to_string(), if is_secret(&name) { "hidden".to_owned() } else { value.into_owned() })
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

/// A JSON or form body without the values of fields that are secrets. Anything else stays as it is.
pub fn body(text: &str) -> String {
    if SEARCHED_BYTES < text.len() {
        return text.to_owned();
    }
    if let Ok(mut json) = serde_json::from_str::<Json>(text) {
        return if hide(&mut json) { json.to_string() } else { text.to_owned() };
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    if pairs.iter().any(|(name, _)| is_secret(name)) {
        let kept = pairs.iter().map(|(name, value)| (name, if is_secret(name) { "hidden" } else { value }));
        return form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    }
    text.to_owned()
}

/// Whether there was any.
fn hide(json: &mut Json) -> bool {
    match json {
        Json::Object(object) => {
            let mut found = false;
            for (name, value) in object {
                if is_secret(name) && !value.is_null() {
                    *value = Json::from(HIDDEN);
                    found = true;
                } else {
                    found |= hide(value);
                }
            }
            found
        }
        Json::Array(items) => items.iter_mut().fold(false, |found, item| hide(item) | found),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        assert_eq!(header("authorization", "Bearer abc"), "Bearer [hidden]");
        assert_eq!(header("x-api-key", "abc"), "[hidden]");
        assert_eq!(header("set-cookie", "a=b"), "[hidden]");
        assert_eq!(header("content-type", "text/plain"), "text/plain");
        assert_eq!(url("https://a.example/x?token=abc&id=7"), "https://a.example/x?token=hidden&id=7");
        assert_eq!(url("https://a.example/x?id=7"), "https://a.example/x?id=7");
        assert_eq!(body(r#"{"a":[{"api_key":"x"}],"b":1}"#), r#"{"a":[{"api_key":"[hidden]"}],"b":1}"#);
        assert_eq!(body("client_secret=x&id=7"), "client_secret=hidden&id=7");
        assert_eq!(body("just text = nothing"), "just text = nothing");
    }
}
