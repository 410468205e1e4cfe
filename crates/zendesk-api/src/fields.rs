//! Reading the JSON body of a request field by field. All problems are answered at once; what nobody read is named in a header and
//! otherwise ignored (Zendesk contract, `conventions.formats`).
//!
//! ```ignore
//! let mut fields = body.record("ticket")?;
//! let subject = fields.text("subject", 998);
//! fields.finish()?;
//! ```
//!
//! A field reads as the domain takes changes: None was not sent, `Some(None)` is null, `Some(Some(v))` a value. Where a client may err
//! harmlessly the reader is kind: digits in quotes are a number, a number is a text, `"true"` is true.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use endpoint::{App, Needs};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::conventions::Warnings;
use crate::error::{Kind, Problems, ZendeskError};
use crate::once::Once;
use crate::query::check_length;
use crate::time;

/// Longest list in a record.
const LIST_MAX: usize = 1000;

/// The JSON body of a request, as a handler's last argument.
#[derive(Debug)]
pub struct Body {
    pub value: Value,
    /// Whether this request may have been sent before.
    pub once: Once,
    warnings: Warnings,
}

impl Body {
    /// The record under its name.
    pub fn record(&self, name: &str) -> Result<Fields, ZendeskError> {
        match self.value.get(name) {
            Some(Value::Object(object)) => Ok(Fields::new(object.clone(), self.warnings.clone())),
            Some(_) => Err(ZendeskError::bad_request(format!("{name} must be an object."))),
            None => Err(ZendeskError::bad_request(format!("{name} is missing."))),
        }
    }

    /// A switch beside the record.
    pub fn switch(&self, name: &str) -> Option<bool> {
        match &self.value[name] {
            Value::Bool(switch) => Some(*switch),
            Value::String(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// What stands at the top of the body, where the contract has no envelope.
    pub fn bare(&self) -> Result<Fields, ZendeskError> {
        match &self.value {
            Value::Object(object) => Ok(Fields::new(object.clone(), self.warnings.clone())),
            _ => Err(ZendeskError::bad_request("The body must be an object.")),
        }
    }

    /// At most a hundred records under their name, each still to be read.
    pub fn records(&self, name: &str) -> Result<Vec<Value>, ZendeskError> {
        let Some(records) = self.value.get(name) else {
            return Err(ZendeskError::bad_request(format!("{name} is missing.")));
        };
        let Value::Array(records) = records else {
            return Err(ZendeskError::bad_request(format!("{name} must be a list.")));
        };
        check_length(records.len())?;
        if !records.iter().all(Value::is_object) {
            return Err(ZendeskError::bad_request(format!("{name} must be a list of objects.")));
        }
        Ok(records.clone())
    }
}

impl Needs for Body {}

impl FromRequest<App> for Body {
    type Rejection = ZendeskError;

    async fn from_request(request: Request, app: &App) -> Result<Body, ZendeskError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let warnings = request.extensions().get::<Warnings>().cloned().unwrap_or_default();
        let mut once = Once::of(&request)?;
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let text = "The request is too large.".to_owned();
                ZendeskError::Simple(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", text)
            } else {
                ZendeskError::bad_request("The body could not be read.")
            }
        })?;
        // Calls without a body come without a type too, or with that of a form.
        if !bytes.is_empty() && kind != "application/json" && !kind.ends_with("+json") {
            let text = "The body must be application/json.".to_owned();
            return Err(ZendeskError::Simple(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", text));
        }
        once.covers(&bytes);
        let value = if bytes.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_slice(&bytes) };
        let value = value.map_err(|_| {
            let text = "The body is not valid JSON.".to_owned();
            ZendeskError::Simple(StatusCode::BAD_REQUEST, "Unparsable request", text)
        })?;
        Ok(Body { value, once, warnings })
    }
}

/// One record of a body, or an object inside it.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    read: BTreeSet<String>,
    problems: Problems,
    warnings: Warnings,
}

impl Fields {
    pub fn new(object: Map<String, Value>, warnings: Warnings) -> Fields {
        Fields { object, read: BTreeSet::new(), problems: Problems::default(), warnings }
    }

    /// Of a row that was stored. Nobody is warned any more.
    pub fn of_row(row: &Value) -> Fields {
        Fields::new(row.as_object().cloned().unwrap_or_default(), Warnings::default())
    }

    /// Refuses if any field had a problem; names what nobody read. Call it before anything is done.
    pub fn finish(self) -> Result<(), ZendeskError> {
        self.warnings.add(self.object.keys().filter(|key| !self.read.contains(*key)));
        self.problems.into_result()
    }

    /// Adds a problem that the caller found.
    pub fn problem(&mut self, field: &str, problem: impl Into<String>) {
        self.problems.add(field, Kind::Invalid, problem);
    }

    /// Adds the problem of a missing field unless it has a value.
    pub fn require(&mut self, field: &str) {
        let is_blank = match self.object.get(field) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        if is_blank {
            self.problems.add(field, Kind::Blank, "cannot be blank");
        }
    }

    pub fn was_sent(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// Reads nothing, but knows of fields that clients send back with the rest: read-only ones.
    pub fn pass(&mut self, fields: &[&str]) {
        self.read.extend(fields.iter().map(|field| (*field).to_owned()));
    }

    /// Any JSON.
    pub fn value(&mut self, field: &str) -> Option<Value> {
        self.read.insert(field.to_owned());
        self.object.get(field).cloned()
    }

    pub fn text(&mut self, field: &str, max: usize) -> Option<Option<String>> {
        self.each_as(field, |value| text(value, max))
    }

    /// The same where null is as good as nothing.
    pub fn some_text(&mut self, field: &str, max: usize) -> Option<String> {
        self.text(field, max).flatten()
    }

    pub fn flag(&mut self, field: &str) -> Option<bool> {
        let flag = |value| match value {
            Value::Bool(flag) => Ok(flag),
            Value::String(text) if text == "true" || text == "1" => Ok(true),
            Value::String(text) if text == "false" || text == "0" => Ok(false),
            Value::Number(number) if number.as_i64() == Some(1) => Ok(true),
            Value::Number(number) if number.as_i64() == Some(0) => Ok(false),
            _ => Err("is not true or false".to_owned()),
        };
        self.each_as(field, flag).flatten()
    }

    /// A whole number; an empty text counts as null.
    pub fn integer(&mut self, field: &str) -> Option<Option<i64>> {
        if self.object.get(field).and_then(Value::as_str) == Some("") {
            self.read.insert(field.to_owned());
            return Some(None);
        }
        self.each_as(field, integer)
    }

    /// The id of a record.
    pub fn id(&mut self, field: &str) -> Option<Option<i64>> {
        self.integer(field)
    }

    /// The id that must be there; 0 if it is not: `finish` refuses then.
    pub fn required_id(&mut self, field: &str) -> i64 {
        self.require(field);
        self.integer(field).flatten().unwrap_or_default()
    }

    pub fn time(&mut self, field: &str) -> Option<Option<Timestamp>> {
        self.each_as(field, |value| {
            value.as_str().and_then(time::parse).ok_or_else(|| "is not a valid time".to_owned())
        })
    }

    /// One of a closed list of words.
    pub fn word(&mut self, field: &str, allowed: &[&'static str]) -> Option<Option<&'static str>> {
        self.each_as(field, |value| {
            let word = value.as_str().unwrap_or_default();
            let known = allowed.iter().copied().find(|known| known.eq_ignore_ascii_case(word));
            known.ok_or_else(|| format!("{value} is not one of {}", allowed.join(", ")))
        })
    }

    pub fn ids(&mut self, field: &str) -> Option<Vec<i64>> {
        self.items(field)?.into_iter().map(integer).collect::<Result<_, _>>().map_or_else(
            |problem| {
                self.problem(field, problem);
                None
            },
            Some,
        )
    }

    /// A list of texts; one text is cut at commas and blanks, as tags are written.
    pub fn texts(&mut self, field: &str, max: usize) -> Option<Vec<String>> {
        if let Some(Value::String(words)) = self.object.get(field) {
            self.read.insert(field.to_owned());
            return Some(words.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect());
        }
        let texts = self.items(field)?.into_iter().map(|value| text(value, max)).collect::<Result<_, _>>();
        texts.map_or_else(
            |problem| {
                self.problem(field, problem);
                None
            },
            Some,
        )
    }

    /// Free data: an object, or null.
    pub fn object(&mut self, field: &str) -> Option<Option<Value>> {
        self.each_as(field, |value| if value.is_object() { Ok(value) } else { Err("is not an object".to_owned()) })
    }

    /// An object that is read field by field. Its problems are told of the field.
    pub fn nested<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
        let Some(Some(Value::Object(object))) = self.object(field) else { return None };
        let mut inner = Fields::new(object, self.warnings.clone());
        let value = read(&mut inner);
        self.problems.nest(field, std::mem::take(&mut inner.problems));
        Some(value)
    }

    /// A list of objects, each read field by field.
    pub fn each<T>(&mut self, field: &str, mut read: impl FnMut(&mut Fields) -> T) -> Option<Vec<T>> {
        let items = self.items(field)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let Value::Object(object) = item else {
                self.problem(field, "is not a list of objects");
                return None;
            };
            let mut inner = Fields::new(object, self.warnings.clone());
            values.push(read(&mut inner));
            self.problems.nest(field, std::mem::take(&mut inner.problems));
        }
        Some(values)
    }

    /// The items of a list. Null counts as an empty one.
    pub fn items(&mut self, field: &str) -> Option<Vec<Value>> {
        match self.value(field)? {
            Value::Null => Some(Vec::new()),
            Value::Array(items) if items.len() <= LIST_MAX => Some(items),
            Value::Array(_) => {
                self.problem(field, format!("has more than {LIST_MAX} items"));
                None
            }
            _ => {
                self.problem(field, "is not a list");
                None
            }
        }
    }

    fn each_as<T>(&mut self, field: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<Option<T>> {
        match self.value(field)? {
            Value::Null => Some(None),
            value => match read(value) {
                Ok(value) => Some(Some(value)),
                Err(problem) => {
                    self.problem(field, problem);
                    None
                }
            },
        }
    }
}

fn text(value: Value, max: usize) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err("is not a text".to_owned()),
    };
    if text.contains('\0') {
        return Err("may not contain the NUL character".to_owned());
    }
    if max < text.chars().count() {
        return Err(format!("is too long (maximum is {max} characters)"));
    }
    Ok(text)
}

fn integer(value: Value) -> Result<i64, String> {
    let number = match &value {
        Value::String(digits) => digits.trim().parse().ok(),
        value => value.as_i64(),
    };
    number.ok_or_else(|| format!("{value} is not an integer"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_a_value_differ_and_small_errors_are_forgiven() {
        let mut fields = Fields::of_row(&json!({ "b": null, "c": 7, "id": "12", "on": "true", "tags": "a, b" }));

        assert_eq!(fields.text("a", 5), None);
        assert_eq!(fields.text("b", 5), Some(None));
        assert_eq!(fields.text("c", 5), Some(Some("7".to_owned())));
        assert_eq!(fields.id("id"), Some(Some(12)));
        assert_eq!(fields.flag("on"), Some(true));
        assert_eq!(fields.texts("tags", 10), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut fields = Fields::of_row(&json!({ "name": "abcdef", "id": "x", "when": "soon", "status": "odd" }));

        fields.text("name", 5);
        fields.id("id");
        fields.time("when");
        fields.word("status", &["new", "open"]);
        fields.require("subject");

        let Err(ZendeskError::Invalid(problems)) = fields.finish() else { panic!("was accepted") };
        let told = format!("{problems:?}");
        for field in ["name", "id", "when", "status", "subject"] {
            assert!(told.contains(field), "{told}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,40}", number in proptest::num::f64::ANY) {
            let mut fields = Fields::of_row(&json!({ "a": text, "b": number, "c": [text, number], "d": { "e": text } }));
            for field in ["a", "b", "c", "d"] {
                fields.text(field, 10);
                fields.id(field);
                fields.time(field);
                fields.ids(field);
                fields.texts(field, 10);
                fields.nested(field, |inner| inner.flag("e"));
            }
            let _ = fields.finish();
        }
    }
}
