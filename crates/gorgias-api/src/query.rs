//! Reading the query string parameter by parameter (Gorgias contract, `conventions.query_arrays`, `booleans_in_query`, `unknown_parameters`).
//!
//! A key may repeat, may be written `key[]`, and its value may be a comma-separated list. What no handler read is refused.

use std::collections::BTreeSet;
use std::convert::Infallible;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use endpoint::{App, Needs};
use jiff::Timestamp;

use crate::error::{GorgiasError, Problems};
use crate::fields::{self, ID_MAX};
use crate::time;

/// The query string of a request, and the problems found in it so far.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// The path as it was called.
    pub(crate) path: String,
    /// As sent, in order.
    pub(crate) sent: Vec<(String, String)>,
    /// What is read: as sent, completed from the cursor.
    pub(crate) pairs: Vec<(String, String)>,
    known: BTreeSet<String>,
    problems: Problems,
}

impl Needs for Params {}

impl FromRequestParts<App> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Params, Infallible> {
        // Behind `nest`, the request's own address has lost its first part.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        Ok(Params::of(uri.path(), uri.query().unwrap_or_default()))
    }
}

impl Params {
    pub fn of(path: &str, query: &str) -> Params {
        let sent: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .map(|(key, value)| (key.strip_suffix("[]").unwrap_or(&key).to_owned(), value.into_owned()))
            .collect();
        Params { path: path.to_owned(), pairs: sent.clone(), sent, ..Params::default() }
    }

    /// Refuses if a parameter had a problem, or was not read by anybody.
    pub fn finish(mut self) -> Result<(), GorgiasError> {
        for (key, _) in &self.sent {
            if !self.known.contains(key) {
                self.problems.add(&key.replace('.', "_"), "Unknown field.");
            }
        }
        self.problems.into_result()
    }

    pub fn problem(&mut self, key: &str, problem: impl Into<String>) {
        self.problems.add(key, problem);
    }

    /// Text of at most `max` characters. An empty value counts as not sent.
    pub fn text(&mut self, key: &str, max: usize) -> Option<String> {
        let value = self.one(key)?;
        match fields::text(value.into(), 0, max) {
            Ok(text) => Some(text),
            Err(problem) => {
                self.problem(key, problem);
                None
            }
        }
    }

    /// A positive id.
    pub fn id(&mut self, key: &str) -> Option<i64> {
        self.integer(key, 1, ID_MAX)
    }

    /// The id that must be there. 0 if it is not: `finish` refuses then.
    pub fn required_id(&mut self, key: &str) -> i64 {
        self.required(key);
        self.id(key).unwrap_or_default()
    }

    /// Adds the problem of a missing parameter, unless it was sent.
    pub fn required(&mut self, key: &str) {
        if !self.pairs.iter().any(|(name, value)| name == key && !value.is_empty()) {
            self.problem(key, "Missing data for required field.");
        }
    }

    pub fn integer(&mut self, key: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.one(key)?;
        self.number(key, &value, min, max)
    }

    /// `true`, `false`, `True`, `False`, `1` or `0`.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        match self.one(key)?.as_str() {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => {
                self.problem(key, "Not a valid boolean.");
                None
            }
        }
    }

    /// A time; a date alone is its midnight.
    pub fn time(&mut self, key: &str) -> Option<Timestamp> {
        let value = self.one(key)?;
        let at = time::parse(&value);
        if at.is_none() {
            self.problem(key, "Not a valid datetime.");
        }
        at
    }

    /// One of a closed list of words.
    pub fn one_of(&mut self, key: &str, allowed: &[&'static str]) -> Option<&'static str> {
        let value = self.one(key)?;
        self.word(key, &value, allowed)
    }

    /// Every one of a closed list of words that was sent, once. Empty if none was.
    pub fn several_of(&mut self, key: &str, allowed: &[&'static str]) -> Vec<&'static str> {
        let values = self.several(key);
        let mut words = Vec::with_capacity(values.len());
        for value in &values {
            if let Some(word) = self.word(key, value, allowed)
                && !words.contains(&word)
            {
                words.push(word);
            }
        }
        words
    }

    /// Every text that was sent, each of at most `max` characters. Empty if none was.
    pub fn texts(&mut self, key: &str, max_items: usize, max: usize) -> Vec<String> {
        let values = self.several(key);
        if max_items < values.len() {
            self.problem(key, format!("Longer than maximum length {max_items}."));
        }
        let mut texts = Vec::new();
        for value in values.into_iter().take(max_items) {
            match fields::text(value.into(), 1, max) {
                Ok(text) => texts.push(text),
                Err(problem) => self.problem(key, problem),
            }
        }
        texts
    }

    /// Every id that was sent. Empty if none was.
    pub fn ids(&mut self, key: &str, max_items: usize) -> Vec<i64> {
        let values = self.several(key);
        if max_items < values.len() {
            self.problem(key, format!("Longer than maximum length {max_items}."));
        }
        values.iter().filter_map(|value| self.number(key, value, 1, ID_MAX)).collect()
    }

    /// The only value of a key. Several are a problem.
    pub(crate) fn one(&mut self, key: &str) -> Option<String> {
        self.known.insert(key.to_owned());
        let mut values = self.pairs.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone());
        let first = values.next();
        let repeated = values.next().is_some();
        if repeated {
            self.problem(key, "May be sent only once.");
        }
        first.filter(|value| !value.is_empty())
    }

    fn several(&mut self, key: &str) -> Vec<String> {
        self.known.insert(key.to_owned());
        let values = self.pairs.iter().filter(|(name, _)| name == key);
        let pieces = values.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|piece| !piece.is_empty());
        pieces.map(str::to_owned).collect()
    }

    fn word(&mut self, key: &str, value: &str, allowed: &[&'static str]) -> Option<&'static str> {
        let word = allowed.iter().copied().find(|word| *word == value);
        if word.is_none() {
            self.problem(key, format!("Must be one of: {}.", allowed.join(", ")));
        }
        word
    }

    fn number(&mut self, key: &str, value: &str, min: i64, max: i64) -> Option<i64> {
        match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            Ok(_) => {
                self.problem(key, format!("Must be greater than or equal to {min} and less than or equal to {max}."));
                None
            }
            Err(_) => {
                self.problem(key, "Not a valid integer.");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_all_three_spellings() {
        for query in ["roles=admin&roles=agent", "roles[]=admin&roles%5B%5D=agent", "roles=admin,agent"] {
            let mut params = Params::of("/api/users", query);

            assert_eq!(params.several_of("roles", &["admin", "agent"]), ["admin", "agent"], "{query}");
            assert!(params.finish().is_ok());
        }
    }

    #[test]
    fn flags_are_read_in_all_six_spellings() {
        for (text, value) in
            [("true", true), ("True", true), ("1", true), ("false", false), ("False", false), ("0", false)]
        {
            let mut params = Params::of("/api/tickets", &format!("trashed={text}"));

            assert_eq!(params.flag("trashed"), Some(value));
            assert!(params.finish().is_ok());
        }
    }

    #[test]
    fn unknown_repeated_and_wrong_parameters_are_refused() {
        let mut params =
            Params::of("/api/users", "page=2&email=a&email=b&view_id=-1&limit=99999999999999999999&search=%00");
        params.text("email", 320);
        params.id("view_id");
        params.integer("limit", 1, 100);
        params.text("search", 100);

        let Err(GorgiasError::Invalid(problems)) = params.finish() else { panic!("was accepted") };

        let problems = problems.into_value();
        let fields: Vec<&String> = problems.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["email", "limit", "page", "search", "view_id"]);
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(query in ".{0,200}") {
            let mut params = Params::of("/api/users", &query);
            params.text("a", 10);
            params.time("b");
            params.ids("c", 2);
            let _ = params.finish();
        }
    }
}
