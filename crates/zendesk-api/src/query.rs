//! Reading the query string parameter by parameter (Zendesk contract, `conventions.formats`). What no handler reads is ignored.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use endpoint::{App, CalledAt, Needs};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::ZendeskError;
use crate::{Site, time};

/// The parameter that may hold an access token.
pub(crate) const TOKEN: &str = "access_token";
/// Most ids of one call, and longest text of a parameter, in characters.
pub const IDS_MAX: usize = 100;
const TEXT_MAX_CHARS: usize = 1024;

/// The query string of a request, and where it was sent.
#[derive(Debug, Clone)]
pub struct Params {
    pub site: Site,
    /// The path as it was called.
    pub path: String,
    pub pairs: Vec<(String, String)>,
}

impl Needs for Params {}

impl FromRequestParts<App> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Params, Infallible> {
        let CalledAt(base) = CalledAt::from_request_parts(parts, app).await?;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
        // A token in the address is the guard's affair, and stands in no link.
        let pairs = pairs.filter(|(key, _)| key != TOKEN).collect();
        Ok(Params { site: Site(base), path: uri.path().to_owned(), pairs })
    }
}

impl Params {
    /// The same with what stands in the body of a POST that only reads: a JSON object or a form.
    pub fn with_body(mut self, headers: &HeaderMap, body: &[u8]) -> Result<Params, ZendeskError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if body.is_empty() || kind.starts_with("application/x-www-form-urlencoded") {
            self.pairs.extend(form_urlencoded::parse(body).into_owned());
            return Ok(self);
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Err(ZendeskError::bad_request("The body must be a JSON object or a form."));
        };
        for (key, value) in object {
            match value {
                Value::String(text) => self.pairs.push((key, text)),
                Value::Number(number) => self.pairs.push((key, number.to_string())),
                _ => {}
            }
        }
        Ok(self)
    }

    /// The value of a key; the last if it was sent several times. Empty counts as not sent.
    pub fn one(&self, key: &str) -> Option<&str> {
        let mut values = self.pairs.iter().rev().filter(|(name, _)| name == key);
        values.next().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub fn text(&self, key: &str) -> Result<Option<String>, ZendeskError> {
        match self.one(key) {
            Some(text) if text.contains('\0') || TEXT_MAX_CHARS < text.chars().count() => {
                Err(ZendeskError::bad_request(format!("The parameter {key} is not a readable text.")))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }

    pub fn required_text(&self, key: &str) -> Result<String, ZendeskError> {
        self.text(key)?.ok_or_else(|| ZendeskError::bad_request(format!("The parameter {key} is missing.")))
    }

    pub fn id(&self, key: &str) -> Result<Option<i64>, ZendeskError> {
        self.number(key)
    }

    pub fn number(&self, key: &str) -> Result<Option<i64>, ZendeskError> {
        let number = |text: &str| text.parse::<i64>().ok().filter(|number| 0 <= *number);
        match self.one(key) {
            Some(text) => match number(text) {
                Some(number) => Ok(Some(number)),
                None => Err(ZendeskError::bad_request(format!("The parameter {key} must be an integer."))),
            },
            None => Ok(None),
        }
    }

    /// `true`, `false`, `1` or `0`; anything else counts as false.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.one(key), Some("true" | "1"))
    }

    pub fn time(&self, key: &str) -> Result<Option<Timestamp>, ZendeskError> {
        let Some(text) = self.one(key) else { return Ok(None) };
        let at = time::parse(text);
        at.map(Some).ok_or_else(|| ZendeskError::bad_request(format!("The parameter {key} is not a time.")))
    }

    /// Every piece of a list, whether comma separated, repeated, or written `key[]`.
    pub fn list(&self, key: &str) -> Vec<&str> {
        let named = self.pairs.iter().filter(|(name, _)| name.strip_suffix("[]").unwrap_or(name) == key);
        named.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|piece| !piece.is_empty()).collect()
    }

    /// The ids of a list, at most a hundred. None if it was not sent.
    pub fn ids(&self, key: &str) -> Result<Option<Vec<i64>>, ZendeskError> {
        let pieces = self.list(key);
        if pieces.is_empty() {
            return Ok(None);
        }
        check_length(pieces.len())?;
        let ids = pieces.iter().map(|piece| piece.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
        ids.map(Some).ok_or_else(|| ZendeskError::bad_request(format!("The parameter {key} must list integers.")))
    }

    /// The ids that must be there.
    pub fn required_ids(&self, key: &str) -> Result<Vec<i64>, ZendeskError> {
        self.ids(key)?.ok_or_else(|| ZendeskError::bad_request(format!("The parameter {key} is missing.")))
    }

    /// The texts of a list, at most a hundred. None if it was not sent.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ZendeskError> {
        let pieces = self.list(key);
        check_length(pieces.len())?;
        if pieces.iter().any(|piece| piece.contains('\0')) {
            return Err(ZendeskError::bad_request(format!("The parameter {key} is not a readable text.")));
        }
        Ok((!pieces.is_empty()).then(|| pieces.into_iter().map(str::to_owned).collect()))
    }

    /// Whether something is to be loaded beside the records: `include=users,groups`.
    pub fn includes(&self, what: &str) -> bool {
        self.list("include").contains(&what)
    }
}

/// Refuses more values than one call takes.
pub fn check_length(n_values: usize) -> Result<(), ZendeskError> {
    if n_values <= IDS_MAX {
        return Ok(());
    }
    // Quirk: the two blanks are the vendor's.
    let description = format!("Parameter  cannot specify more than {IDS_MAX} values");
    Err(ZendeskError::TooManyValues { max: IDS_MAX, description })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Params { site: Site("http://test".to_owned()), path: "/api/v2/users".to_owned(), pairs }
    }

    #[test]
    fn lists_are_read_in_all_three_spellings() {
        for query in ["role[]=agent&role[]=admin", "role=agent,admin", "role=agent&role=admin"] {
            assert_eq!(params(query).list("role"), ["agent", "admin"], "{query}");
        }
        assert!(params("ids=1,x").ids("ids").is_err());
        assert_eq!(params("ids=1,2").ids("ids").unwrap(), Some(vec![1, 2]));
    }
}
