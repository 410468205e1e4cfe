//! Reading a JSON body field by field: each field's type and bounds are checked, and all problems are answered at once.
//!
//! ```ignore
//! let mut fields = body.fields()?;
//! let subject = fields.text_or_null("subject", 998);
//! fields.finish()?;
//! ```
//!
//! A field with a problem reads as absent; `finish` then refuses, so nobody acts on it. Unknown fields are ignored: many clients send
//! whole objects back.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use endpoint::{App, Needs};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{GorgiasError, Problems};
use crate::time;

/// What was sent for a field that may be null. Updates change only what was sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Sent<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Sent<T> {
    /// The value, where absent and null mean the same.
    pub fn value(self) -> Option<T> {
        match self {
            Sent::Value(value) => Some(value),
            Sent::Absent | Sent::Null => None,
        }
    }

    /// None: leave it. `Some(None)`: clear it. `Some(Some(v))`: set it.
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Sent::Absent => None,
            Sent::Null => Some(None),
            Sent::Value(value) => Some(Some(value)),
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Sent<U> {
        match self {
            Sent::Absent => Sent::Absent,
            Sent::Null => Sent::Null,
            Sent::Value(value) => Sent::Value(f(value)),
        }
    }

    pub fn was_sent(&self) -> bool {
        !matches!(self, Sent::Absent)
    }
}

/// Largest id this API gives out or takes: integers beyond it are not exact in JavaScript.
pub const ID_MAX: i64 = (1 << 53) - 1;

const MISSING: &str = "Missing data for required field.";
const NULL: &str = "Field may not be null.";

/// The JSON object of a request, or one inside it.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    problems: Problems,
}

impl Fields {
    /// Refuses anything but an object.
    pub fn of(body: Value) -> Result<Fields, GorgiasError> {
        match body {
            Value::Object(object) => Ok(Fields { object, problems: Problems::default() }),
            _ => Err(GorgiasError::Unreadable("The body must be a JSON object.".to_owned())),
        }
    }

    /// Refuses if any field had a problem. Call it before anything is done.
    pub fn finish(self) -> Result<(), GorgiasError> {
        self.problems.into_result()
    }

    /// Adds a problem that the caller found.
    pub fn problem(&mut self, field: &str, problem: impl Into<String>) {
        self.problems.add(field, problem);
    }

    /// Whether a problem was found so far.
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    pub fn was_sent(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// Whether none of these fields was sent.
    pub fn has_none_of(&self, fields: &[&str]) -> bool {
        !fields.iter().any(|field| self.object.contains_key(*field))
    }

    /// Adds the problem of a missing field, unless it was sent.
    pub fn require(&mut self, field: &str) {
        if !self.object.contains_key(field) {
            self.problem(field, MISSING);
        }
    }

    /// Refuses retired fields by name.
    pub fn refuse(&mut self, fields: &[&str]) {
        for field in fields {
            if self.object.contains_key(*field) {
                self.problem(field, "Unknown field.");
            }
        }
    }

    /// Text that may be null or absent. At most `max` characters.
    pub fn text_or_null(&mut self, field: &str, max: usize) -> Sent<String> {
        self.read(field, |value| text(value, 0, max))
    }

    /// Text that may be absent, not null. At most `max` characters; empty is text too.
    pub fn text(&mut self, field: &str, max: usize) -> Option<String> {
        self.not_null(field, |value| text(value, 0, max))
    }

    /// Text of `min` to `max` characters that may be absent, not null.
    pub fn text_within(&mut self, field: &str, min: usize, max: usize) -> Option<String> {
        self.not_null(field, |value| text(value, min, max))
    }

    /// Text of `min` to `max` characters that must be there. Empty if it is not: `finish` refuses then.
    pub fn required_text(&mut self, field: &str, min: usize, max: usize) -> String {
        self.require(field);
        self.text_within(field, min, max).unwrap_or_default()
    }

    /// An e-mail address, at most 320 characters. An empty text counts as null.
    pub fn email_or_null(&mut self, field: &str) -> Sent<String> {
        match self.read(field, |value| text(value, 0, 320).map(|text| text.trim().to_owned()).and_then(email)) {
            Sent::Value(email) if email.is_empty() => Sent::Null,
            sent => sent,
        }
    }

    /// One of a closed list of words. Absent if it was not sent.
    pub fn one_of(&mut self, field: &str, allowed: &[&'static str]) -> Option<&'static str> {
        self.not_null(field, |value| word(value, allowed))
    }

    pub fn one_of_or_null(&mut self, field: &str, allowed: &[&'static str]) -> Sent<&'static str> {
        self.read(field, |value| word(value, allowed))
    }

    /// An ISO 639-1 code, such as `en`; a region may follow, such as `pt-BR`.
    pub fn language_or_null(&mut self, field: &str) -> Sent<String> {
        self.read(field, |value| text(value, 0, 16).and_then(language))
    }

    /// The name of a time zone, such as `Europe/Paris`.
    pub fn timezone_or_null(&mut self, field: &str) -> Sent<String> {
        self.read(field, |value| text(value, 0, 64).and_then(timezone))
    }

    pub fn flag(&mut self, field: &str) -> Option<bool> {
        self.not_null(field, flag)
    }

    pub fn flag_or_null(&mut self, field: &str) -> Sent<bool> {
        self.read(field, flag)
    }

    pub fn integer(&mut self, field: &str, min: i64, max: i64) -> Option<i64> {
        self.not_null(field, |value| integer(value, min, max))
    }

    pub fn integer_or_null(&mut self, field: &str, min: i64, max: i64) -> Sent<i64> {
        self.read(field, |value| integer(value, min, max))
    }

    /// A positive id. Digits in quotes are taken too: some clients send them.
    pub fn id_or_null(&mut self, field: &str) -> Sent<i64> {
        self.read(field, id)
    }

    /// A positive id that must be there. 0 if it is not: `finish` refuses then.
    pub fn required_id(&mut self, field: &str) -> i64 {
        self.require(field);
        self.not_null(field, id).unwrap_or_default()
    }

    /// A number with or without a fraction.
    pub fn number_or_null(&mut self, field: &str) -> Sent<f64> {
        self.read(field, |value| value.as_f64().ok_or_else(|| "Not a valid number.".to_owned()))
    }

    /// A list of at most `max` booleans. Absent if it was not sent.
    pub fn flags(&mut self, field: &str, max: usize) -> Option<Vec<bool>> {
        self.list(field, 0, max, flag)
    }

    /// What was sent, as it is.
    pub fn peek(&self, field: &str) -> Option<&Value> {
        self.object.get(field)
    }

    /// The names of all fields that were sent.
    pub fn names(&self) -> Vec<String> {
        self.object.keys().cloned().collect()
    }

    /// A list of `min` to `max` ids, in the order sent. Absent if it was not sent.
    pub fn ids(&mut self, field: &str, min: usize, max: usize) -> Option<Vec<i64>> {
        self.list(field, min, max, id)
    }

    /// A list of at most `max` ids, or null.
    pub fn ids_or_null(&mut self, field: &str, max: usize) -> Sent<Vec<i64>> {
        match self.object.get(field) {
            Some(Value::Null) => Sent::Null,
            _ => self.ids(field, 0, max).map_or(Sent::Absent, Sent::Value),
        }
    }

    /// A list of `min` to `max` texts of at most `longest` characters. Absent if it was not sent.
    pub fn texts(&mut self, field: &str, min: usize, max: usize, longest: usize) -> Option<Vec<String>> {
        self.list(field, min, max, |value| text(value, 0, longest))
    }

    /// A time in any spelling of ISO 8601, or null.
    pub fn time_or_null(&mut self, field: &str) -> Sent<Timestamp> {
        self.read(field, |value| match value {
            Value::String(text) => time::parse(&text).ok_or_else(not_a_time),
            _ => Err(not_a_time()),
        })
    }

    /// Free data: an object of any content, or null.
    pub fn object_or_null(&mut self, field: &str) -> Sent<Value> {
        self.read(field, |value| match value {
            Value::Object(_) => Ok(value),
            _ => Err("Not a valid mapping type.".to_owned()),
        })
    }

    /// Any JSON at all. Null is `Sent::Null`.
    pub fn json(&mut self, field: &str) -> Sent<Value> {
        self.read(field, Ok)
    }

    /// An object that is read field by field. Its problems are listed under its name.
    pub fn nested<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields) -> T) -> Sent<T> {
        match self.object_or_null(field) {
            Sent::Value(Value::Object(object)) => {
                let mut inner = Fields { object, problems: Problems::default() };
                let value = read(&mut inner);
                if inner.problems.is_empty() {
                    Sent::Value(value)
                } else {
                    self.problems.nest(field, inner.problems);
                    Sent::Absent
                }
            }
            Sent::Null => Sent::Null,
            _ => Sent::Absent,
        }
    }

    /// A list of at most `max` objects, each read field by field. Problems are listed under the index. Absent if it was not sent.
    pub fn each<T>(&mut self, field: &str, max: usize, mut read: impl FnMut(&mut Fields) -> T) -> Option<Vec<T>> {
        let items = self.list(field, 0, max, Ok)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Object(object) = item else {
                self.problem(&format!("{field}.{index}"), "Not a valid mapping type.");
                continue;
            };
            let mut inner = Fields { object, problems: Problems::default() };
            values.push(read(&mut inner));
            let mut at_index = Problems::default();
            at_index.nest(&index.to_string(), inner.problems);
            self.problems.nest(field, at_index);
        }
        Some(values)
    }

    /// As `each`, of a list that may be null.
    pub fn each_or_null<T>(&mut self, field: &str, max: usize, read: impl FnMut(&mut Fields) -> T) -> Sent<Vec<T>> {
        match self.object.get(field) {
            Some(Value::Null) => Sent::Null,
            _ => self.each(field, max, read).map_or(Sent::Absent, Sent::Value),
        }
    }

    /// A list whose items are read by `item`. Absent if it was not sent; null is a problem.
    fn list<T>(
        &mut self,
        field: &str,
        min: usize,
        max: usize,
        mut item: impl FnMut(Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.not_null(field, |value| match value {
            Value::Array(items) if items.len() < min => Err(format!("Shorter than minimum length {min}.")),
            Value::Array(items) if max < items.len() => Err(format!("Longer than maximum length {max}.")),
            Value::Array(items) => Ok(items),
            _ => Err("Not a valid list.".to_owned()),
        })?;
        let mut values = Vec::with_capacity(items.len());
        for (index, value) in items.into_iter().enumerate() {
            match item(value) {
                Ok(value) => values.push(value),
                Err(problem) => self.problem(&format!("{field}.{index}"), problem),
            }
        }
        Some(values)
    }

    fn not_null<T>(&mut self, field: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        match self.read(field, read) {
            Sent::Value(value) => Some(value),
            Sent::Absent => None,
            Sent::Null => {
                self.problem(field, NULL);
                None
            }
        }
    }

    fn read<T>(&mut self, field: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Sent<T> {
        match self.object.get(field).cloned() {
            None => Sent::Absent,
            Some(Value::Null) => Sent::Null,
            Some(value) => match read(value) {
                Ok(value) => Sent::Value(value),
                Err(problem) => {
                    self.problem(field, problem);
                    Sent::Absent
                }
            },
        }
    }
}

/// Text without a NUL character, which PostgreSQL cannot store.
pub(crate) fn text(value: Value, min: usize, max: usize) -> Result<String, String> {
    let Value::String(text) = value else { return Err("Not a valid string.".to_owned()) };
    if text.contains('\0') {
        return Err("May not contain the NUL character.".to_owned());
    }
    match text.chars().count() {
        count if count < min => Err(format!("Shorter than minimum length {min}.")),
        count if max < count => Err(format!("Longer than maximum length {max}.")),
        _ => Ok(text),
    }
}

/// Something before and after one `@`, without spaces: enough to refuse what is no address, not a judge of the rest.
pub(crate) fn email(text: String) -> Result<String, String> {
    let valid = text.is_empty()
        || text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !local.contains('@')
                && !domain.is_empty()
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'))
        });
    if valid { Ok(text) } else { Err("Not a valid email address.".to_owned()) }
}

fn language(text: String) -> Result<String, String> {
    let (main, region) =
        text.split_once(['-', '_']).map_or((text.as_str(), None), |(main, region)| (main, Some(region)));
    let valid = (2..=3).contains(&main.len())
        && main.chars().all(|c| c.is_ascii_lowercase())
        && region
            .is_none_or(|region| !region.is_empty() && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    if valid { Ok(text) } else { Err("Not a valid ISO 639-1 language code.".to_owned()) }
}

fn timezone(text: String) -> Result<String, String> {
    if jiff::tz::db().get(&text).is_ok() { Ok(text) } else { Err("Not a valid time zone.".to_owned()) }
}

fn word(value: Value, allowed: &[&'static str]) -> Result<&'static str, String> {
    let Value::String(text) = value else { return Err("Not a valid string.".to_owned()) };
    match allowed.iter().copied().find(|word| *word == text) {
        Some(word) => Ok(word),
        None => Err(format!("Must be one of: {}.", allowed.join(", "))),
    }
}

fn flag(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "Not a valid boolean.".to_owned())
}

fn integer(value: Value, min: i64, max: i64) -> Result<i64, String> {
    let Value::Number(number) = value else { return Err("Not a valid integer.".to_owned()) };
    if !number.is_i64() && !number.is_u64() {
        return Err("Not a valid integer.".to_owned());
    }
    number
        .as_i64()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| format!("Must be greater than or equal to {min} and less than or equal to {max}."))
}

fn id(value: Value) -> Result<i64, String> {
    let value = match value {
        Value::String(digits)
            if digits.len() <= 16 && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) =>
        {
            Value::from(digits.parse::<i64>().map_err(|_| "Not a valid integer.".to_owned())?)
        }
        value => value,
    };
    integer(value, 1, ID_MAX)
}

fn not_a_time() -> String {
    "Not a valid datetime.".to_owned()
}

/// The JSON body of a request, as a handler's last argument. Methods with a body read it also on DELETE.
#[derive(Debug)]
pub struct Body(pub Value);

impl Body {
    pub fn fields(self) -> Result<Fields, GorgiasError> {
        Fields::of(self.0)
    }

    /// A bare list of at most `max` objects, each read field by field. Problems are listed under the index.
    pub fn items<T>(self, max: usize, mut read: impl FnMut(&mut Fields) -> T) -> Result<Vec<T>, GorgiasError> {
        let Value::Array(items) = self.0 else {
            return Err(GorgiasError::Unreadable("The body must be a JSON array.".to_owned()));
        };
        if max < items.len() {
            return Err(GorgiasError::Unreadable(format!("The body is longer than {max} items.")));
        }
        let mut problems = Problems::default();
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Object(object) = item else {
                problems.add(&index.to_string(), "Not a valid mapping type.");
                continue;
            };
            let mut inner = Fields { object, problems: Problems::default() };
            values.push(read(&mut inner));
            problems.nest(&index.to_string(), inner.problems);
        }
        problems.into_result()?;
        Ok(values)
    }
}

impl Needs for Body {}

impl FromRequest<App> for Body {
    type Rejection = GorgiasError;

    async fn from_request(request: Request, app: &App) -> Result<Body, GorgiasError> {
        if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
            let kind =
                kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            if kind != "application/json" && !kind.ends_with("+json") {
                return Err(GorgiasError::Unreadable("The body must be application/json.".to_owned()));
            }
        }
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                GorgiasError::TooLarge
            } else {
                GorgiasError::Unreadable("The body could not be read.".to_owned())
            }
        })?;
        serde_json::from_slice(&bytes)
            .map(Body)
            .map_err(|_| GorgiasError::Unreadable("The body is not valid JSON.".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems_of(fields: Fields) -> Value {
        match fields.finish() {
            Err(GorgiasError::Invalid(problems)) => problems.into_value(),
            Err(other) => panic!("{other:?}"),
            Ok(()) => json!({}),
        }
    }

    #[test]
    fn absent_null_and_a_value_differ() {
        let mut fields = Fields::of(json!({ "b": null, "c": "x" })).unwrap();

        assert_eq!(fields.text_or_null("a", 5), Sent::Absent);
        assert_eq!(fields.text_or_null("b", 5), Sent::Null);
        assert_eq!(fields.text_or_null("c", 5), Sent::Value("x".to_owned()));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let body = json!({
            "name": "a\0b", "usage": 1.5, "big": 9_007_199_254_740_992_i64, "negative": -1, "long": "abcdef", "nothing": null,
            "when": "soon", "role": { "name": "king" }, "channels": [{ "type": "email" }, 7], "ids": [1, "2", 0, true],
        });
        let mut fields = Fields::of(body).unwrap();

        fields.text("name", 10);
        fields.integer("usage", 0, 9);
        fields.id_or_null("big");
        fields.id_or_null("negative");
        fields.text("long", 5);
        fields.text("nothing", 5);
        fields.required_text("missing", 1, 5);
        fields.time_or_null("when");
        fields.nested("role", |role| role.one_of("name", &["admin", "bot"]));
        fields.each("channels", 5, |channel| channel.required_text("address", 1, 320));
        fields.ids("ids", 1, 100);

        assert_eq!(
            problems_of(fields),
            json!({
                "name": ["May not contain the NUL character."],
                "usage": ["Not a valid integer."],
                "big": ["Must be greater than or equal to 1 and less than or equal to 9007199254740991."],
                "negative": ["Must be greater than or equal to 1 and less than or equal to 9007199254740991."],
                "long": ["Longer than maximum length 5."],
                "nothing": ["Field may not be null."],
                "missing": ["Missing data for required field."],
                "when": ["Not a valid datetime."],
                "role": { "name": ["Must be one of: admin, bot."] },
                "channels": { "0": { "address": ["Missing data for required field."] }, "1": ["Not a valid mapping type."] },
                "ids": {
                    "2": ["Must be greater than or equal to 1 and less than or equal to 9007199254740991."],
                    "3": ["Not a valid integer."],
                },
            })
        );
    }

    #[test]
    fn addresses_zones_and_languages_are_checked() {
        for good in ["ada@example.com", "a.b+c@sub.example.co", "é@exämple.de", "root@localhost"] {
            assert!(email(good.to_owned()).is_ok(), "{good}");
        }
        for bad in
            ["ada", "@example.com", "ada@", "a b@example.com", "a@b@example.com", "a@.com", "a@com.", "<a@b.com>"]
        {
            assert!(email(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(timezone("US/Pacific".to_owned()).is_ok());
        assert!(timezone("Mars/Olympus".to_owned()).is_err());
        assert!(language("pt-BR".to_owned()).is_ok());
        assert!(language("English".to_owned()).is_err());
    }
}
