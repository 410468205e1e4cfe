//! A value that somebody sent as it is kept: of the field's type, and as its format makes it.

use jiff::civil::Date;
use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;
use store::Tx;

use super::{CustomField, FieldValue, Format, Input, Target};
use crate::Error;

/// Longest regular expression, in characters, and how much memory it may take when it is read, in bytes.
pub const PATTERN_MAX_CHARS: usize = 1_000;
const PATTERN_MAX_BYTES: usize = 1 << 20;
/// Digits of the number of a payment card.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
/// What stands for the digits that are not kept.
const CARD_START: &str = "XXXXXXXXXXXX";
/// Before the foreign id of a record that is named by it.
const EXTERNAL: &str = "external_id:";

/// A regular expression whose time grows with the text alone. The error is a sentence.
pub(super) fn compiled(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || PATTERN_MAX_CHARS < pattern.chars().count() || pattern.contains('\0') {
        return Err(format!("Must have 1 to {PATTERN_MAX_CHARS} characters."));
    }
    let read = RegexBuilder::new(pattern).size_limit(PATTERN_MAX_BYTES).build();
    read.map_err(|_| "Not a regular expression that can be used.".to_owned())
}

impl CustomField {
    /// The value as it is kept; none for null and the empty text. The error is a sentence. What a field of records names is not looked up.
    pub fn fit(&self, sent: &Json) -> Result<Option<FieldValue>, String> {
        let format = match self.input {
            Input::Text { .. } | Input::Number { .. } => self.details.format,
            Input::Choice { .. } | Input::Choices { .. } | Input::Flag { .. } => None,
        };
        let value = match (format, sent) {
            (Some(Format::Reference), Json::Number(number)) => self.input.read(&Json::String(number.to_string())),
            _ => self.input.read(sent),
        };
        match (format, value?) {
            (Some(format), Some(value)) => self.formatted(format, value).map(Some),
            (_, value) => Ok(value),
        }
    }

    fn formatted(&self, format: Format, value: FieldValue) -> Result<FieldValue, String> {
        let refused = |problem: &str| Err(problem.to_owned());
        match (format, value) {
            (Format::Date, FieldValue::Text(text)) if text.len() != 10 || text.parse::<Date>().is_err() => {
                refused("Not a date: YYYY-MM-DD.")
            }
            (Format::Whole, FieldValue::Number(number)) if number.fract() != 0.0 => refused("Not a whole number."),
            (Format::Pattern, FieldValue::Text(text)) => {
                let pattern = self.details.pattern.as_deref().map(compiled).transpose()?;
                match pattern.is_none_or(|pattern| pattern.is_match(&text)) {
                    true => Ok(FieldValue::Text(text)),
                    false => refused("Not written as the field asks."),
                }
            }
            (Format::CardEnd, FieldValue::Text(text)) => card_end(&text).map(FieldValue::Text),
            (Format::Reference, FieldValue::Text(text)) => {
                let is_id = text.parse::<i64>().is_ok_and(|id| 0 < id);
                match is_id || text.strip_prefix(EXTERNAL).is_some_and(|id| !id.is_empty()) {
                    true => Ok(FieldValue::Text(text)),
                    false => refused("Not an id."),
                }
            }
            (_, value) => Ok(value),
        }
    }
}

/// The number of a card without its beginning; one that has lost it already stays as it is.
fn card_end(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let end = match digits.strip_prefix(CARD_START) {
        Some(end) if end.len() == 4 && is_number(end) => Some(end),
        None if CARD_DIGITS.contains(&digits.len()) && is_number(&digits) => digits.get(digits.len() - 4..),
        _ => None,
    };
    end.map(|end| format!("{CARD_START}{end}")).ok_or_else(|| "Not the number of a payment card.".to_owned())
}

/// The id that a value of a field of records stands for, as it is kept. `Err` with a sentence for one that names nothing.
pub(super) async fn looked_up(
    tx: &mut Tx,
    field: &CustomField,
    value: FieldValue,
) -> Result<Result<FieldValue, String>, Error> {
    let (FieldValue::Text(text), Some(Format::Reference), Input::Text { .. }) =
        (&value, field.details.format, &field.input)
    else {
        return Ok(Ok(value));
    };
    let (table, condition) = match field.details.target {
        Some(Target::Person) => ("people", "deleted_at is null and active = 1"),
        Some(Target::Organization) => ("organizations", "1 = 1"),
        Some(Target::Ticket) => ("tickets", "trashed_at is null"),
        None => return Ok(Ok(value)),
    };
    let key = match field.details.target {
        Some(Target::Ticket) => "external_id",
        _ => "external_key",
    };
    let row = match text.strip_prefix(EXTERNAL) {
        Some(external_id) => {
            let external_id =
                if key == "external_key" { external_id.to_ascii_lowercase() } else { external_id.to_owned() };
            let sql = format!("select id from {table} where {key} = $1 and {condition} order by id limit 1");
            tx.row(&sql, &[external_id.into()]).await?
        }
        None => {
            let sql = format!("select id from {table} where id = $1 and {condition}");
            tx.row(&sql, &[text.parse::<i64>().unwrap_or_default().into()]).await?
        }
    };
    Ok(match row {
        Some(row) => Ok(FieldValue::Text(row.int("id")?.to_string())),
        None => Err("Names nothing that is there.".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_card_the_end_alone_is_kept() {
        for text in ["4111 1111 1111 1234", "4111-1111-1111-1234", "XXXXXXXXXXXX1234"] {
            assert_eq!(card_end(text).as_deref(), Ok("XXXXXXXXXXXX1234"));
        }
        for text in ["1234", "4111 1111 1111 123x", "XXXXXXXXXXXX123", ""] {
            assert!(card_end(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_asks_too_much_is_refused() {
        assert!(compiled(r"\b[A-Z]{2}-\d{4}\b").is_ok());
        for pattern in ["", "(", r"(?=a)", "a{1000}{1000}{10}", &"a".repeat(1_001)] {
            assert!(compiled(pattern).is_err(), "{pattern}");
        }
    }
}
