//! What an integration has that was made as a webhook: how its calls show who they are, and where it came from.
//!
//! Passwords, tokens and keys are not here: `credentials` of the row holds them, encrypted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use url::Url;

use super::request::{FORM, JSON, XML};
use crate::Error;

const NAME_MAX_CHARS: usize = 255;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    pub authentication: Option<Authentication>,
    /// As it came.
    pub external_source: Option<Json>,
}

/// How the body is written: the content type in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
    FormEncoded,
}

impl Format {
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Json => JSON,
            Format::Xml => XML,
            Format::FormEncoded => FORM,
        }
    }

    pub fn of_content_type(content_type: &str) -> Format {
        match content_type {
            FORM => Format::FormEncoded,
            XML => Format::Xml,
            _ => Format::Json,
        }
    }
}

/// By what a receiver knows who calls, without the secret part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    Basic {
        username: String,
    },
    Bearer,
    /// In a header of this name, or in a parameter of the address.
    ApiKey {
        name: String,
        in_query: bool,
    },
}

impl Authentication {
    pub fn check(&self) -> Result<(), Error> {
        let (name, is_fit) = match self {
            Authentication::Basic { username } => (username, !username.contains(':')),
            Authentication::Bearer => return Ok(()),
            Authentication::ApiKey { name, in_query } => {
                (name, *in_query || HeaderName::try_from(name.as_str()).is_ok())
            }
        };
        let n_chars = name.chars().count();
        if !is_fit || n_chars == 0 || NAME_MAX_CHARS < n_chars || name.chars().any(char::is_control) {
            return Err(Error::invalid("authentication", "Its name cannot be sent."));
        }
        Ok(())
    }

    /// Shows the secret in a call. What went wrong, if it cannot.
    pub(super) fn show(&self, secret: &str, url: &mut String, headers: &mut HeaderMap) -> Result<(), String> {
        let (name, value) = match self {
            Authentication::Basic { username } => {
                ("authorization", format!("Basic {}", STANDARD.encode(format!("{username}:{secret}"))))
            }
            Authentication::Bearer => ("authorization", format!("Bearer {secret}")),
            Authentication::ApiKey { name, in_query: true } => {
                let mut address = Url::parse(url).map_err(|_| "The address cannot be read.".to_owned())?;
                address.query_pairs_mut().append_pair(name, secret);
                *url = address.into();
                return Ok(());
            }
            Authentication::ApiKey { name, in_query: false } => (name.as_str(), secret.to_owned()),
        };
        let unfit = || "The credentials cannot be sent.".to_owned();
        let name = HeaderName::try_from(name).map_err(|_| unfit())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }
}
