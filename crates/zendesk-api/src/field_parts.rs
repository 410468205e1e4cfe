//! What fields of tickets, people and organizations share here: their types, their options, and their places.

use std::collections::BTreeMap;

use helpdesk::custom_fields::{
    self, Changes, Choice, CustomField, Details, Format, Input, LABEL_MAX_CHARS, PATTERN_MAX_CHARS, PRIORITY_MAX,
    Requirement, Target,
};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::CustomFields;
use serde_json::{Map, Value, json};
use store::Tx;

use crate::Site;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};

/// Options of one field have numbers below this.
const OPTIONS_MAX: i64 = 100_000;

/// Records that a field can name.
const TARGETS: &[(&str, Target)] =
    &[("zen:user", Target::Person), ("zen:organization", Target::Organization), ("zen:ticket", Target::Ticket)];
const TARGET_WORDS: &[&str] = &["zen:user", "zen:organization", "zen:ticket"];

/// An option as it was sent. With the id of one that is there it is that one, under another name or with another value.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentOption {
    id: Option<i64>,
    name: Option<String>,
    value: Option<String>,
}

/// What a field is besides its type, as it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentKind {
    /// All of them.
    options: Option<Vec<SentOption>>,
    pattern: Option<String>,
    target: Option<Target>,
    target_filter: Option<Option<Value>>,
    tag: Option<Option<String>>,
}

/// `custom_field_options`, `regexp_for_validation`, `tag` and the two of lookups.
pub(crate) fn read_kind(fields: &mut Fields) -> SentKind {
    let options = fields.each("custom_field_options", |option| {
        option.pass(&["position", "raw_name", "url", "default"]);
        option.require("name");
        option.require("value");
        SentOption {
            id: option.id("id").flatten(),
            name: option.some_text("name", LABEL_MAX_CHARS),
            value: option.some_text("value", LABEL_MAX_CHARS),
        }
    });
    let target = fields.word("relationship_target_type", TARGET_WORDS).flatten();
    SentKind {
        options,
        pattern: fields.some_text("regexp_for_validation", PATTERN_MAX_CHARS),
        target: target.and_then(|word| TARGETS.iter().find(|(known, _)| *known == word)).map(|(_, target)| *target),
        target_filter: fields.object("relationship_filter"),
        tag: fields.text("tag", LABEL_MAX_CHARS),
    }
}

impl SentKind {
    /// How a new field of this type is filled in, and what it has besides. What the type lacks is a problem of `fields`.
    pub fn of_new(&self, fields: &mut Fields, kind: &str) -> (Input, Details) {
        let needed = match kind {
            "tagger" | "dropdown" | "multiselect" if self.options.as_ref().is_none_or(Vec::is_empty) => {
                Some("custom_field_options")
            }
            "regexp" if self.pattern.is_none() => Some("regexp_for_validation"),
            "lookup" if self.target.is_none() => Some("relationship_target_type"),
            _ => None,
        };
        if let Some(needed) = needed {
            fields.problem(needed, "cannot be blank");
        }
        let (choices, details) = chosen(&[], Details::default(), self.options.as_deref().unwrap_or_default());
        let (input, format) = input_of(kind, choices);
        let details = Details { format, ..details };
        (input, Details { target: self.target.filter(|_| kind == "lookup"), ..self.put_on(details) })
    }

    /// What changes of a field that is there.
    pub fn of_change(&self, before: &CustomField) -> Result<(Option<Input>, Details), ZendeskError> {
        if self.target.is_some_and(|target| before.details.target.is_some_and(|was| was != target)) {
            return Err(ZendeskError::invalid("relationship_target_type", "cannot be changed"));
        }
        let details = self.put_on(before.details.clone());
        match &self.options {
            // A field that has none is sent back with none.
            Some(options) if !options.is_empty() || before.input.choices().is_some() => {
                let known: Vec<SentOption> = before.choices().iter().map(|it| sent_back(before, it)).collect();
                let mut details = details;
                details.numbers.extend(before.choices().into_iter().map(|it| (it.value, it.number)));
                let (choices, details) = chosen(&known, details, options);
                Ok((Some(input_with(before, choices)?), details))
            }
            _ => Ok((None, details)),
        }
    }

    fn put_on(&self, mut details: Details) -> Details {
        match details.format {
            Some(Format::Pattern) => details.pattern = self.pattern.clone().or(details.pattern),
            Some(Format::Reference) => {
                if let Some(filter) = &self.target_filter {
                    details.target_filter.clone_from(filter);
                }
            }
            _ => {}
        }
        if let Some(tag) = &self.tag {
            details.tag.clone_from(tag);
        }
        details
    }
}

/// An option that is there, as it would be sent.
fn sent_back(field: &CustomField, choice: &Choice) -> SentOption {
    SentOption {
        id: Some(option_number(field, choice)),
        name: Some(choice.name.clone()),
        value: Some(choice.value.clone()),
    }
}

/// The values of options, and the details with their names and numbers; `known` are those that were there. What is chosen is a tag here.
fn chosen(known: &[SentOption], mut details: Details, options: &[SentOption]) -> (Vec<String>, Details) {
    details.names = BTreeMap::new();
    details.labels |= !options.is_empty();
    let mut renumbered = Vec::new();
    for option in options {
        let Some(value) = &option.value else { continue };
        let before = known.iter().find(|known| known.id.is_some() && known.id == option.id);
        if let Some(was) = before.and_then(|before| before.value.as_ref()).filter(|was| *was != value) {
            renumbered.extend(details.numbers.remove(was).map(|number| (value.clone(), number)));
        }
        if let Some(name) = &option.name {
            details.names.insert(value.clone(), name.clone());
        }
    }
    // After all are taken away: two may have changed places.
    details.numbers.extend(renumbered);
    (options.iter().filter_map(|option| option.value.clone()).collect(), details)
}

/// One option: with an id, another name and value for one that is there.
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

/// Adds the option, or gives it its name and its value. Its value, and whether it is new.
pub(crate) async fn put_option(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    field: &CustomField,
    sent: &SentOption,
) -> Result<(String, bool), ZendeskError> {
    let mut options: Vec<SentOption> = field.choices().iter().map(|it| sent_back(field, it)).collect();
    let known = match sent.id {
        Some(_) => Some(place_of(&options, sent.id)?),
        None => options.iter().position(|option| option.value == sent.value),
    };
    let at = known.unwrap_or(options.len());
    match options.get_mut(at) {
        Some(option) => {
            option.name = sent.name.clone().or(option.name.take());
            option.value = sent.value.clone().or(option.value.take());
        }
        None => options.push(SentOption { name: sent.name.clone().or(sent.value.clone()), ..sent.clone() }),
    }
    let value = options.get(at).and_then(|option| option.value.clone()).unwrap_or_default();
    set_options(tx, may, now, field, options).await?;
    Ok((value, known.is_none()))
}

pub(crate) async fn remove_option(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    field: &CustomField,
    option_id: i64,
) -> Result<(), ZendeskError> {
    let mut options: Vec<SentOption> = field.choices().iter().map(|it| sent_back(field, it)).collect();
    options.remove(place_of(&options, Some(option_id))?);
    set_options(tx, may, now, field, options).await
}

async fn set_options(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    field: &CustomField,
    options: Vec<SentOption>,
) -> Result<(), ZendeskError> {
    let (input, details) = SentKind { options: Some(options), ..SentKind::default() }.of_change(field)?;
    custom_fields::update(tx, may, now, field.id, &Changes { input, ..Changes::default() }).await?;
    custom_fields::set_details(tx, may, now, field.id, &details).await?;
    Ok(())
}

/// The input of a field with these options instead of its own.
fn input_with(field: &CustomField, choices: Vec<String>) -> Result<Input, ZendeskError> {
    match &field.input {
        Input::Choice { default, .. } => {
            let default = default.clone().filter(|default| choices.contains(default));
            Ok(Input::Choice { choices, default })
        }
        Input::Choices { .. } => Ok(Input::Choices { choices }),
        _ => Err(ZendeskError::invalid("custom_field_options", "is for fields with options")),
    }
}

fn place_of(options: &[SentOption], option_id: Option<i64>) -> Result<usize, ZendeskError> {
    options.iter().position(|option| option.id == option_id).ok_or_else(ZendeskError::not_found)
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

/// How refusals call the type of a ticket field: `FieldTagger`.
pub(crate) fn class_of(field: &CustomField) -> String {
    let kind = type_of(field, "tagger");
    let class = match kind {
        "partialcreditcard" => "PartialCreditCard",
        kind => {
            return format!(
                "Field{}{}",
                kind.get(..1).unwrap_or_default().to_uppercase(),
                kind.get(1..).unwrap_or_default()
            );
        }
    };
    format!("Field{class}")
}

/// What a field is besides its type, of an answer.
pub(crate) fn kind_view(field: &CustomField) -> Map<String, Value> {
    let details = &field.details;
    let target = TARGETS.iter().find(|(_, target)| Some(*target) == details.target).map(|(word, _)| *word);
    Map::from_iter([
        ("regexp_for_validation".to_owned(), json!(details.pattern)),
        ("tag".to_owned(), json!(details.tag)),
        ("relationship_target_type".to_owned(), json!(target)),
        ("relationship_filter".to_owned(), json!(details.target_filter)),
    ])
}

/// Ours counts down from the greatest.
pub(crate) fn priority_of(position: i64) -> i64 {
    (PRIORITY_MAX - position.clamp(0, PRIORITY_MAX)).clamp(0, PRIORITY_MAX)
}

pub(crate) const fn requirement(required: bool) -> Requirement {
    if required { Requirement::Required } else { Requirement::Visible }
}

/// How a field of this type is filled in. A field with options is a `tagger` of tickets and a `dropdown` elsewhere.
fn input_of(kind: &str, choices: Vec<String>) -> (Input, Option<Format>) {
    let number = Input::Number { min: None, max: None, placeholder: None };
    match kind {
        "textarea" => (Input::Text { placeholder: None }, Some(Format::Area)),
        "date" => (Input::Text { placeholder: None }, Some(Format::Date)),
        "checkbox" => (Input::Flag { choices: vec![true, false], default: None }, None),
        "integer" => (number, Some(Format::Whole)),
        "decimal" => (number, None),
        "tagger" | "dropdown" => (Input::Choice { choices, default: None }, None),
        "multiselect" => (Input::Choices { choices }, None),
        "regexp" => (Input::Text { placeholder: None }, Some(Format::Pattern)),
        "lookup" => (Input::Text { placeholder: None }, Some(Format::Reference)),
        "partialcreditcard" => (Input::Text { placeholder: None }, Some(Format::CardEnd)),
        _ => (Input::Text { placeholder: None }, None),
    }
}

/// The other way round; `choice` is what a field with options is called.
pub(crate) const fn type_of(field: &CustomField, choice: &'static str) -> &'static str {
    match (&field.input, field.details.format) {
        (Input::Choice { .. }, _) => choice,
        (Input::Choices { .. }, _) => "multiselect",
        (Input::Flag { .. }, _) => "checkbox",
        (Input::Number { .. }, Some(Format::Whole)) => "integer",
        (Input::Number { .. }, _) => "decimal",
        (Input::Text { .. }, Some(Format::Area)) => "textarea",
        (Input::Text { .. }, Some(Format::Date)) => "date",
        (Input::Text { .. }, Some(Format::Pattern)) => "regexp",
        (Input::Text { .. }, Some(Format::Reference)) => "lookup",
        (Input::Text { .. }, Some(Format::CardEnd)) => "partialcreditcard",
        (Input::Text { .. }, _) => "text",
    }
}
