//! What fields of tickets, people and organizations share here: their types, their options, and their places.

use std::collections::BTreeMap;

use helpdesk::custom_fields::{
    self, Changes, Choice, CustomField, Details, Format, Input, LABEL_MAX_CHARS, PRIORITY_MAX, Requirement,
};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::CustomFields;
use serde_json::{Value, json};
use store::Tx;

use crate::Site;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};

/// Options of one field have numbers below this.
const OPTIONS_MAX: i64 = 100_000;

/// The values of options in order, and the names of those that have one.
pub(crate) type Options = (Vec<String>, BTreeMap<String, String>);

/// An option as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct SentOption {
    id: Option<i64>,
    name: Option<String>,
    value: Option<String>,
}

/// `custom_field_options`, all of them.
pub(crate) fn read_options(fields: &mut Fields) -> Option<Options> {
    let mut names = BTreeMap::new();
    let values = fields.each("custom_field_options", |option| {
        option.pass(&["id", "position", "raw_name", "url", "default"]);
        option.require("name");
        option.require("value");
        let value = option.some_text("value", LABEL_MAX_CHARS).unwrap_or_default();
        if let Some(name) = option.some_text("name", LABEL_MAX_CHARS) {
            names.insert(value.clone(), name);
        }
        value
    });
    values.map(|values| (values, names))
}

/// One option: with an id, another name for one that is there.
pub(crate) fn read_option(body: &Body) -> Result<SentOption, ZendeskError> {
    let mut fields = body.record("custom_field_option")?;
    fields.pass(&["raw_name", "url", "position", "default"]);
    let id = fields.id("id").flatten();
    if id.is_none() {
        fields.require("name");
        fields.require("value");
    }
    let name = fields.some_text("name", LABEL_MAX_CHARS);
    let value = fields.some_text("value", LABEL_MAX_CHARS);
    fields.finish()?;
    Ok(SentOption { id, name, value })
}

/// Adds the option, or gives it its name. Its value, and whether it is new.
pub(crate) async fn put_option(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    field: &CustomField,
    sent: &SentOption,
) -> Result<(String, bool), ZendeskError> {
    let mut choices = field.choices();
    let known = match sent.id {
        Some(id) => Some(place_of(field, &choices, id)?),
        None => choices.iter().position(|choice| Some(&choice.value) == sent.value.as_ref()),
    };
    let at = match known {
        Some(at) => at,
        None => {
            let value = sent.value.clone().unwrap_or_default();
            choices.push(Choice { number: 0, name: value.clone(), value });
            choices.len() - 1
        }
    };
    if let Some(name) = &sent.name {
        choices[at].name.clone_from(name);
    }
    if known.is_some() && sent.value.as_ref().is_some_and(|value| *value != choices[at].value) {
        return Err(ZendeskError::invalid("value", "cannot be changed: add another option"));
    }
    set_choices(tx, may, now, field, &choices).await?;
    Ok((choices[at].value.clone(), known.is_none()))
}

pub(crate) async fn remove_option(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    field: &CustomField,
    option_id: i64,
) -> Result<(), ZendeskError> {
    let mut choices = field.choices();
    choices.remove(place_of(field, &choices, option_id)?);
    set_choices(tx, may, now, field, &choices).await
}

async fn set_choices(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    field: &CustomField,
    choices: &[Choice],
) -> Result<(), ZendeskError> {
    let values = choices.iter().map(|choice| choice.value.clone()).collect();
    let names: BTreeMap<String, String> =
        choices.iter().map(|choice| (choice.value.clone(), choice.name.clone())).collect();
    let input = input_with(field, &(values, names.clone()))?;
    custom_fields::update(tx, may, now, field.id, &Changes { input: Some(input), ..Changes::default() }).await?;
    custom_fields::set_details(tx, may, now, field.id, &Details { names, ..field.details.clone() }).await?;
    Ok(())
}

/// The input of a field with these options instead of its own.
pub(crate) fn input_with(field: &CustomField, (values, _): &Options) -> Result<Input, ZendeskError> {
    let Input::Choice { default, .. } = &field.input else {
        return Err(ZendeskError::invalid("custom_field_options", "is for fields with options"));
    };
    let default = default.clone().filter(|default| values.contains(default));
    Ok(Input::Choice { choices: values.clone(), default })
}

fn place_of(field: &CustomField, choices: &[Choice], option_id: i64) -> Result<usize, ZendeskError> {
    let at = choices.iter().position(|choice| option_number(field, choice) == option_id);
    at.ok_or_else(ZendeskError::not_found)
}

fn option_number(field: &CustomField, choice: &Choice) -> i64 {
    field.id * OPTIONS_MAX + choice.number
}

/// The options of a field of this list.
pub(crate) fn options(site: &Site, list: &str, field: &CustomField) -> Vec<Value> {
    let view = |(at, choice): (usize, &Choice)| {
        let id = option_number(field, choice);
        json!({
            "id": id,
            "url": site.url(&format!("{list}/{}/options/{id}", field.id)),
            "name": choice.name,
            "raw_name": choice.name,
            "value": choice.value,
            "position": at,
            "default": false,
        })
    };
    field.choices().iter().enumerate().map(view).collect()
}

/// Ours counts down from the greatest.
pub(crate) fn priority_of(position: i64) -> i64 {
    (PRIORITY_MAX - position.clamp(0, PRIORITY_MAX)).clamp(0, PRIORITY_MAX)
}

pub(crate) const fn requirement(required: bool) -> Requirement {
    if required { Requirement::Required } else { Requirement::Visible }
}

/// How a field of this type is filled in. A field with options is a `tagger` of tickets and a `dropdown` elsewhere.
pub(crate) fn input_of(kind: &str, choices: Vec<String>) -> (Input, Option<Format>) {
    let number = Input::Number { min: None, max: None, placeholder: None };
    match kind {
        "textarea" => (Input::Text { placeholder: None }, Some(Format::Area)),
        "date" => (Input::Text { placeholder: None }, Some(Format::Date)),
        "checkbox" => (Input::Flag { choices: vec![true, false], default: None }, None),
        "integer" => (number, Some(Format::Whole)),
        "decimal" => (number, None),
        "tagger" | "dropdown" => (Input::Choice { choices, default: None }, None),
        _ => (Input::Text { placeholder: None }, None),
    }
}

/// The other way round; `choice` is what a field with options is called.
pub(crate) const fn type_of(field: &CustomField, choice: &'static str) -> &'static str {
    match (&field.input, field.details.format) {
        (Input::Choice { .. }, _) => choice,
        (Input::Flag { .. }, _) => "checkbox",
        (Input::Number { .. }, Some(Format::Whole)) => "integer",
        (Input::Number { .. }, _) => "decimal",
        (Input::Text { .. }, Some(Format::Area)) => "textarea",
        (Input::Text { .. }, Some(Format::Date)) => "date",
        (Input::Text { .. }, _) => "text",
    }
}
