//! The answer to the app: code or error, by query, fragment or self-posting form, always with `iss` and the exact `state`.

use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{Next, request};
use crate::Error;
use crate::redirect_uri::RedirectUri;

/// How the answer travels (AZ-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub fn parse(word: &str) -> Option<ResponseMode> {
        match word {
            "query" => Some(ResponseMode::Query),
            "fragment" => Some(ResponseMode::Fragment),
            "form_post" => Some(ResponseMode::FormPost),
            _ => None,
        }
    }
}

/// A checked way back to the app.
#[derive(Debug, Clone)]
pub(crate) struct Reply<'a> {
    pub uri: RedirectUri,
    pub mode: ResponseMode,
    pub state: Option<&'a str>,
    pub issuer: &'a str,
}

/// What RFC 3986 leaves unreserved; a space becomes %20, which both form and URI decoders read (AZ-6).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Reply<'_> {
    pub fn code(&self, code: &str) -> Next {
        self.send(vec![("code", code.to_owned())])
    }

    /// Tells the app what went wrong. What is our own fault is written to the log here, once.
    pub fn error(&self, error: &Error) -> Next {
        error.log();
        self.send(vec![("error", error.code().word().to_owned()), ("error_description", error.description())])
    }

    /// `iss` and `state` go with every answer (AZ-6, AZ-7).
    fn send(&self, mut fields: Vec<(&'static str, String)>) -> Next {
        if let Some(state) = self.state {
            fields.push(("state", state.to_owned()));
        }
        fields.push(("iss", self.issuer.to_owned()));
        match self.mode {
            ResponseMode::FormPost => Next::FormPost {
                action: self.uri.as_str().to_owned(),
                fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            },
            ResponseMode::Query => see_other(&with_query(self.uri.as_str(), &fields)),
            ResponseMode::Fragment => see_other(&format!("{}#{}", self.uri, encode(&fields))),
        }
    }
}

/// The registered query is kept, but for names that are ours: an app must not read an old `code` or `state` beside the new one (AZ-8).
fn with_query(uri: &str, fields: &[(&'static str, String)]) -> String {
    let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
    let is_ours = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = crate::form::decode(name).unwrap_or_default();
        OURS.contains(&name.as_str())
    };
    let mut pairs: Vec<String> =
        query.split('&').filter(|pair| !pair.is_empty() && !is_ours(pair)).map(str::to_owned).collect();
    pairs.push(encode(fields));
    format!("{base}?{}", pairs.join("&"))
}

/// Names that an answer may use, whether this one does or not.
const OURS: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

fn encode(fields: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED))).collect();
    pairs.join("&")
}

/// 303, so that no form body goes along (AZ-9); nothing may keep it, for it holds the code.
fn see_other(location: &str) -> Next {
    match HeaderValue::try_from(location) {
        Ok(location) => {
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ];
            Next::Answer((StatusCode::SEE_OTHER, headers).into_response())
        }
        // Registered addresses are plain ASCII and values are escaped, so this is not reached.
        Err(_) => request::page("Wrong return address", "The app's return address cannot be used."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_query_is_kept_and_our_names_stand_once() {
        // AZ-8
        let fields = [("code", "c".to_owned()), ("state", "a b&c=%/é".to_owned())];

        assert_eq!(
            with_query("https://a.test/cb?tenant=1&state=old&c%6fde=x", &fields),
            "https://a.test/cb?tenant=1&code=c&state=a%20b%26c%3D%25%2F%C3%A9"
        );
        assert_eq!(with_query("https://a.test/cb?", &fields[..1]), "https://a.test/cb?code=c");
        assert_eq!(with_query("com.example.app:/cb", &fields[..1]), "com.example.app:/cb?code=c");
    }
}
