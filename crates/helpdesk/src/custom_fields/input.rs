//! How a field is filled in, and which values fit it. Pure.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::Error;

/// Longest text of a value, in characters.
pub const TEXT_MAX_CHARS: usize = 10_000;
/// Longest choice, in characters, with all its levels.
const CHOICE_MAX_CHARS: usize = 500;
/// Most choices of one field.
pub const CHOICES_MAX: usize = 2_000;
/// Most levels of one choice.
const LEVELS_MAX: usize = 5;
/// Between the levels of a nested choice, such as `Shipping::Late` (Gorgias contract, `CustomFieldDefinition`).
pub const LEVEL_SEPARATOR: &str = "::";
const PLACEHOLDER_MAX_CHARS: usize = 255;
/// A number beyond this is not exact.
const NUMBER_MAX: f64 = 9_007_199_254_740_991.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    Text,
    Number,
    Flag,
    /// Of several texts.
    List,
}

impl DataType {
    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            DataType::Text => "text",
            DataType::Number => "number",
            DataType::Flag => "flag",
            DataType::List => "list",
        }
    }
}

/// How a field is filled in. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Text {
        placeholder: Option<String>,
    },
    /// One of these texts; levels are joined by `::`.
    Choice {
        choices: Vec<String>,
        default: Option<String>,
    },
    /// Any of these texts; levels as above.
    Choices {
        choices: Vec<String>,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
        placeholder: Option<String>,
    },
    /// Yes or no, or one of them only.
    Flag {
        choices: Vec<bool>,
        default: Option<bool>,
    },
}

/// The value of a field on one ticket or customer.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    Text(String),
    Number(f64),
    Flag(bool),
    /// At least one, each once, in the order of the field's choices.
    Texts(Vec<String>),
}

/// Between several texts where they are told as one.
const TEXTS_SEPARATOR: &str = ", ";

impl FieldValue {
    /// Whole numbers are written without a fraction.
    pub fn to_json(&self) -> Json {
        match self {
            FieldValue::Text(text) => json!(text),
            FieldValue::Number(number) if number.fract() == 0.0 && number.abs() <= NUMBER_MAX => json!(*number as i64),
            FieldValue::Number(number) => json!(number),
            FieldValue::Flag(flag) => json!(flag),
            FieldValue::Texts(texts) => json!(texts),
        }
    }

    /// The same for who knows no lists: several texts are told as one, which `Input::read` takes back.
    pub fn to_flat_json(&self) -> Json {
        match self {
            FieldValue::Texts(texts) => json!(texts.join(TEXTS_SEPARATOR)),
            other => other.to_json(),
        }
    }

    /// Whether this is what somebody means by `wanted`: of several texts, one of them or all.
    pub fn is(&self, wanted: &Json) -> bool {
        match (self, wanted) {
            (FieldValue::Texts(texts), Json::String(wanted)) => texts.contains(wanted),
            (value, wanted) => value.to_json() == *wanted,
        }
    }
}

impl Input {
    pub const fn data_type(&self) -> DataType {
        match self {
            Input::Text { .. } | Input::Choice { .. } => DataType::Text,
            Input::Number { .. } => DataType::Number,
            Input::Flag { .. } => DataType::Flag,
            Input::Choices { .. } => DataType::List,
        }
    }

    /// None of a field that is filled in otherwise than by choosing texts.
    pub fn choices(&self) -> Option<&[String]> {
        match self {
            Input::Choice { choices, .. } | Input::Choices { choices } => Some(choices),
            Input::Text { .. } | Input::Number { .. } | Input::Flag { .. } => None,
        }
    }

    /// `Invalid` names the setting: `choices`, `default`, `min`, `max` or `placeholder`.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Input::Text { placeholder } => check_placeholder(placeholder.as_deref()),
            Input::Choice { choices, default } => {
                check_choices(choices)?;
                match default {
                    Some(default) if !choices.contains(default) => {
                        Err(Error::invalid("default", "Not one of the choices."))
                    }
                    _ => Ok(()),
                }
            }
            Input::Choices { choices } => {
                check_choices(choices)?;
                match choices.iter().position(|choice| choice.contains('\n')) {
                    // Values are stored with line ends between them.
                    Some(at) => Err(Error::invalid(format!("choices.{at}"), "May not contain line ends.")),
                    None => Ok(()),
                }
            }
            Input::Number { min, max, placeholder } => {
                for (field, bound) in [("min", min), ("max", max)] {
                    if bound.is_some_and(|bound| bound.is_nan() || NUMBER_MAX < bound.abs()) {
                        return Err(Error::invalid(field, "Too large a number."));
                    }
                }
                if let (Some(min), Some(max)) = (min, max)
                    && max < min
                {
                    return Err(Error::invalid("max", "Must not be less than the minimum."));
                }
                check_placeholder(placeholder.as_deref())
            }
            Input::Flag { choices, default } => {
                if choices.is_empty() || 2 < choices.len() || choices.first() == choices.get(1) {
                    return Err(Error::invalid("choices", "Must be true, false or both."));
                }
                match default {
                    Some(default) if !choices.contains(default) => {
                        Err(Error::invalid("default", "Not one of the choices."))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The value that somebody sent for this field. Null and the empty text are no value. The error is a sentence.
    pub fn read(&self, sent: &Json) -> Result<Option<FieldValue>, String> {
        match (self, sent) {
            (_, Json::Null) => Ok(None),
            (Input::Text { .. } | Input::Choice { .. }, Json::String(text)) if text.is_empty() => Ok(None),
            (Input::Text { .. }, Json::String(text)) => {
                if text.contains('\0') {
                    return Err("May not contain the NUL character.".to_owned());
                }
                if TEXT_MAX_CHARS < text.chars().count() {
                    return Err(format!("Longer than maximum length {TEXT_MAX_CHARS}."));
                }
                Ok(Some(FieldValue::Text(text.clone())))
            }
            (Input::Choice { choices, .. }, Json::String(text)) => {
                if choices.contains(text) {
                    Ok(Some(FieldValue::Text(text.clone())))
                } else {
                    Err("Not one of the field's choices.".to_owned())
                }
            }
            (Input::Choices { choices }, Json::String(text)) => {
                let one = || vec![text.as_str()];
                let several = || text.split(TEXTS_SEPARATOR.trim_end()).map(str::trim).filter(|it| !it.is_empty());
                chosen(choices, if choices.contains(text) { one() } else { several().collect() })
            }
            (Input::Choices { choices }, Json::Array(items)) => {
                let texts = items.iter().map(Json::as_str).collect::<Option<Vec<_>>>();
                chosen(choices, texts.ok_or_else(|| "Not a list of strings.".to_owned())?)
            }
            (Input::Number { min, max, .. }, Json::Number(number)) => {
                let number = number.as_f64().filter(|number| number.abs() <= NUMBER_MAX);
                let number = number.ok_or_else(|| "Too large a number.".to_owned())?;
                if let Some(min) = min.filter(|min| number < *min) {
                    return Err(format!("Must be greater than or equal to {min}."));
                }
                if let Some(max) = max.filter(|max| *max < number) {
                    return Err(format!("Must be less than or equal to {max}."));
                }
                Ok(Some(FieldValue::Number(number)))
            }
            (Input::Flag { choices, .. }, Json::Bool(flag)) => {
                if choices.contains(flag) {
                    Ok(Some(FieldValue::Flag(*flag)))
                } else {
                    Err("Not one of the field's choices.".to_owned())
                }
            }
            (Input::Text { .. } | Input::Choice { .. }, _) => Err("Not a valid string.".to_owned()),
            (Input::Choices { .. }, _) => Err("Not a list of strings.".to_owned()),
            (Input::Number { .. }, _) => Err("Not a valid number.".to_owned()),
            (Input::Flag { .. }, _) => Err("Not a valid boolean.".to_owned()),
        }
    }
}

/// Of these texts, each must be a choice.
fn chosen(choices: &[String], texts: Vec<&str>) -> Result<Option<FieldValue>, String> {
    if texts.iter().any(|text| !choices.iter().any(|choice| choice == text)) {
        return Err("Not one of the field's choices.".to_owned());
    }
    let in_order: Vec<String> = choices.iter().filter(|choice| texts.contains(&choice.as_str())).cloned().collect();
    Ok((!in_order.is_empty()).then_some(FieldValue::Texts(in_order)))
}

fn check_placeholder(placeholder: Option<&str>) -> Result<(), Error> {
    match placeholder {
        Some(text) if PLACEHOLDER_MAX_CHARS < text.chars().count() || text.contains('\0') => {
            Err(Error::invalid("placeholder", format!("Longer than maximum length {PLACEHOLDER_MAX_CHARS}.")))
        }
        _ => Ok(()),
    }
}

fn check_choices(choices: &[String]) -> Result<(), Error> {
    if choices.is_empty() {
        return Err(Error::invalid("choices", "Shorter than minimum length 1."));
    }
    if CHOICES_MAX < choices.len() {
        return Err(Error::invalid("choices", format!("Longer than maximum length {CHOICES_MAX}.")));
    }
    let mut seen = HashSet::with_capacity(choices.len());
    for (at, choice) in choices.iter().enumerate() {
        let problem = if choice.contains('\0') || CHOICE_MAX_CHARS < choice.chars().count() {
            Some(format!("Longer than maximum length {CHOICE_MAX_CHARS}."))
        } else if choice.split(LEVEL_SEPARATOR).any(|level| level.trim().is_empty()) {
            Some("Every level must have a name.".to_owned())
        } else if LEVELS_MAX < choice.split(LEVEL_SEPARATOR).count() {
            Some(format!("More than {LEVELS_MAX} levels."))
        } else if !seen.insert(choice) {
            Some("Is there twice.".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(Error::invalid(format!("choices.{at}"), problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(choices: &[&str]) -> Input {
        Input::Choice { choices: choices.iter().map(|&it| it.to_owned()).collect(), default: None }
    }

    #[test]
    fn a_value_must_be_of_the_fields_type_and_among_its_choices() {
        let reasons = choice(&["Shipping::Late", "Refund"]);
        let amount = Input::Number { min: Some(0.0), max: Some(10.5), placeholder: None };
        let vip = Input::Flag { choices: vec![true, false], default: None };

        assert_eq!(reasons.read(&json!("Shipping::Late")), Ok(Some(FieldValue::Text("Shipping::Late".to_owned()))));
        assert_eq!(amount.read(&json!(10.5)), Ok(Some(FieldValue::Number(10.5))));
        assert_eq!(vip.read(&json!(false)), Ok(Some(FieldValue::Flag(false))));
        let several = Input::Choices { choices: ["a", "b", "c, d"].map(str::to_owned).to_vec() };
        let texts = |texts: &[&str]| Ok(Some(FieldValue::Texts(texts.iter().map(|&it| it.to_owned()).collect())));
        assert_eq!(several.read(&json!(["b", "a", "b"])), texts(&["a", "b"]));
        assert_eq!(several.read(&json!("b, a")), texts(&["a", "b"]));
        assert_eq!(several.read(&json!("c, d")), texts(&["c, d"]));
        assert_eq!(several.read(&json!([])), Ok(None));
        assert!(several.read(&json!(["a", "x"])).is_err() && several.read(&json!([1])).is_err());
        assert_eq!(reasons.read(&json!("")), Ok(None));
        assert_eq!(amount.read(&Json::Null), Ok(None));
        for (input, value) in [
            (&reasons, json!("Shipping")),
            (&reasons, json!(1)),
            (&amount, json!("1")),
            (&amount, json!(-0.1)),
            (&amount, json!(11)),
            (&vip, json!(1)),
            (&vip, json!("true")),
        ] {
            assert!(input.read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let long = "x".repeat(501);
        for input in [
            choice(&[]),
            choice(&["A", "A"]),
            choice(&["A::"]),
            choice(&["A:: ::B"]),
            choice(&["a::b::c::d::e::f"]),
            choice(&[&long]),
            Input::Choice { choices: vec!["A".to_owned()], default: Some("B".to_owned()) },
            Input::Number { min: Some(2.0), max: Some(1.0), placeholder: None },
            Input::Number { min: Some(f64::INFINITY), max: None, placeholder: None },
            Input::Flag { choices: vec![], default: None },
            Input::Flag { choices: vec![true, true], default: None },
            Input::Flag { choices: vec![true], default: Some(false) },
        ] {
            assert!(input.check().is_err(), "{input:?}");
        }
        assert!(choice(&["A::B::C", "A::D", "A"]).check().is_ok());
    }

    proptest::proptest! {
        #[test]
        fn a_number_is_shown_as_it_was_sent(number in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
            let any = Input::Number { min: None, max: None, placeholder: None };
            let value = any.read(&json!(number)).unwrap().unwrap();
            proptest::prop_assert_eq!(value.to_json(), json!(number));
        }
    }
}
