//! Taking values out of foreign JSON, where anything may be missing or of another type.

use gorgias_api::time;
use helpdesk::people::PersonRef;
use jiff::Timestamp;
use serde_json::Value;

/// A text that is not empty; numbers count as texts.
pub fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub fn flag(value: &Value, name: &str) -> Option<bool> {
    value.get(name)?.as_bool()
}

pub fn at(value: &Value, name: &str) -> Option<Timestamp> {
    time::parse(value.get(name)?.as_str()?)
}

/// The items of a list; none if there is no list.
pub fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A person by address, else by the foreign id under a prefix of where it comes from.
pub fn person(value: &Value, name: &str, prefix: &str) -> Option<PersonRef> {
    let person = value.get(name)?;
    let email = text(person, "email").filter(|email| email.contains('@'));
    let external_id = text(person, "external_id").or_else(|| text(person, "id").map(|id| format!("{prefix}:{id}")));
    let person = PersonRef {
        email,
        name: text(person, "name"),
        external_id,
        language: text(person, "language"),
        note: text(person, "note"),
        ..PersonRef::default()
    };
    (!person.is_empty()).then_some(person)
}

/// At most so many characters: what another helpdesk allowed may be longer than what ours does.
pub fn cut(text: Option<String>, max: usize) -> Option<String> {
    text.map(|text| text.chars().take(max).collect())
}

/// Who wrote a message that does not say it: the customer, or somebody of ours who is not known here.
pub fn author(from_agent: bool, customer: Option<&PersonRef>) -> Option<PersonRef> {
    if from_agent {
        let external_id = Some("import:unknown-author".to_owned());
        Some(PersonRef { name: Some("Unknown author".to_owned()), external_id, ..PersonRef::default() })
    } else {
        customer.cloned()
    }
}
