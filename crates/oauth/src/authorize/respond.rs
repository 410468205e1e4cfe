//! The answer to the app: code or error, by query, fragment or self-posting form, with `iss` and the exact `state`; as a signed JWT where
//! the app asked for one.

use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use store::StoreError;

use super::{Next, request};
use crate::clients::Client;
use crate::redirect_uri::RedirectUri;
use crate::{Error, Provider};

/// How the answer travels (AZ-4, AZ-26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponseMode {
    way: Way,
    /// As one signed JWT in the parameter `response` (JARM).
    is_signed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    /// Every word there is. `jwt` stands for `query.jwt`, since the only flow is the one with a code (JARM, 2.3.4).
    pub const WORDS: [&'static str; 7] =
        ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"];
    /// When nothing else is said.
    pub const USUAL: ResponseMode = ResponseMode { way: Way::Query, is_signed: false };

    pub fn parse(word: &str) -> Option<ResponseMode> {
        let (way, is_signed) = match word {
            "query" => (Way::Query, false),
            "fragment" => (Way::Fragment, false),
            "form_post" => (Way::FormPost, false),
            "jwt" | "query.jwt" => (Way::Query, true),
            "fragment.jwt" => (Way::Fragment, true),
            "form_post.jwt" => (Way::FormPost, true),
            _ => return None,
        };
        Some(ResponseMode { way, is_signed })
    }
}

/// A checked way back to the app.
#[derive(Clone)]
pub(crate) struct Reply<'a> {
    pub provider: &'a Provider,
    pub client: &'a Client,
    pub uri: RedirectUri,
    pub mode: ResponseMode,
    pub state: Option<&'a str>,
}

/// What RFC 3986 leaves unreserved; a space becomes %20, which both form and URI decoders read (AZ-6).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Reply<'_> {
    pub async fn code(&self, code: &str) -> Result<Next, StoreError> {
        self.send(vec![("code", code.to_owned())]).await
    }

    /// Tells the app what went wrong. What is our own fault is written to the log here, once.
    pub async fn error(&self, error: &Error) -> Result<Next, StoreError> {
        error.log();
        self.send(vec![("error", error.code().word().to_owned()), ("error_description", error.description())]).await
    }

    /// `iss` and `state` go with every answer (AZ-6, AZ-7); in a signed one they are claims (JARM, 2.1; RFC 9207, 2.4).
    async fn send(&self, mut fields: Vec<(&'static str, String)>) -> Result<Next, StoreError> {
        if let Some(state) = self.state {
            fields.push(("state", state.to_owned()));
        }
        if self.mode.is_signed {
            fields = vec![("response", self.provider.signed_response(self.client, &fields).await?)];
        } else {
            fields.push(("iss", self.provider.config.issuer.clone()));
        }
        Ok(match self.mode.way {
            Way::FormPost => Next::FormPost {
                action: self.uri.as_str().to_owned(),
                fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            },
            Way::Query => see_other(&with_query(self.uri.as_str(), &fields)),
            Way::Fragment => see_other(&format!("{}#{}", self.uri, encode(&fields))),
        })
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
const OURS: [&str; 7] = ["code", "state", "iss", "error", "error_description", "error_uri", "response"];

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
