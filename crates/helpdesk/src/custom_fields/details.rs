//! What a field has besides, for surfaces that tell more sorts of fields and choices apart: how its values are written, how its choices are
//! called and numbered, and what customers read. Removing a field for good is here too. What becomes of a value for its sake: `fit.rs`,
//! `labels.rs`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::CustomFields;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::Tx;

use super::write::lock;
use super::{CustomField, LABEL_MAX_CHARS, fit, read};
use crate::Error;
use crate::events::{self, Change};

/// How the values of a text or a number are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Of several lines.
    Area,
    /// `YYYY-MM-DD`
    Date,
    /// A whole number.
    Whole,
    /// Has in it what `Details::pattern` says.
    Pattern,
    /// The number of a payment card, of which the end alone is kept.
    CardEnd,
    /// The id of a record of the sort of `Details::target`.
    Reference,
}

/// Records that a field can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Staff or customer.
    Person,
    Organization,
    Ticket,
}

/// Longest description of which records are offered, as JSON, in characters.
const TARGET_FILTER_MAX_CHARS: usize = 10_000;

/// Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    pub format: Option<Format>,
    /// What a choice is called, where that is not its value.
    pub names: BTreeMap<String, String>,
    /// The number of a choice, which stays with it.
    pub numbers: BTreeMap<String, i64>,
    /// What customers read instead of the label.
    pub label_for_customers: Option<String>,
    pub description_for_staff: Option<String>,
    pub required_for_customers: bool,
    pub collapsed: bool,
    /// Of a field that is ticked or not: the label that whatever it is ticked on has.
    pub tag: Option<String>,
    /// What is chosen is a label of whatever it is chosen on.
    pub labels: bool,
    /// A regular expression of the `regex` crate.
    pub pattern: Option<String>,
    pub target: Option<Target>,
    /// Which records are offered, in the words of whoever offers them. Refuses none.
    pub target_filter: Option<Json>,
}

/// One choice of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Unique in the field, and never given to another choice.
    pub number: i64,
    pub value: String,
    pub name: String,
}

impl Details {
    /// Numbers the choices that have none; names of choices that are gone are forgotten.
    fn number(&mut self, choices: &[String]) {
        let mut last = self.numbers.values().copied().max().unwrap_or_default();
        for choice in choices {
            self.numbers.entry(choice.clone()).or_insert_with(|| {
                last += 1;
                last
            });
        }
        self.names.retain(|value, name| choices.contains(value) && name != value);
    }
}

impl CustomField {
    /// Its choices in order; none of a field that is filled in otherwise.
    pub fn choices(&self) -> Vec<Choice> {
        let Some(choices) = self.input.choices() else { return Vec::new() };
        let mut details = self.details.clone();
        details.number(choices);
        let choice = |value: &String| Choice {
            number: details.numbers.get(value).copied().unwrap_or_default(),
            value: value.clone(),
            name: details.names.get(value).unwrap_or(value).clone(),
        };
        choices.iter().map(choice).collect()
    }
}

/// Changes what a field has besides.
pub async fn set_details(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    id: i64,
    details: &Details,
) -> Result<CustomField, Error> {
    lock(tx, id).await?;
    let before = read(tx, id).await?;
    let mut details = details.clone();
    for (field, text) in [("label", &details.label_for_customers), ("description", &details.description_for_staff)] {
        if text.as_ref().is_some_and(|text| super::TEXT_MAX_CHARS < text.chars().count() || text.contains('\0')) {
            return Err(Error::invalid(field, "Too long."));
        }
    }
    if details.names.values().any(|name| name.trim().is_empty() || LABEL_MAX_CHARS < name.chars().count()) {
        return Err(Error::invalid("choices", format!("A choice's name must have 1 to {LABEL_MAX_CHARS} characters.")));
    }
    if let Some(choices) = before.input.choices() {
        details.number(choices);
    }
    if let Some(pattern) = &details.pattern {
        fit::compiled(pattern).map_err(|problem| Error::invalid("pattern", problem))?;
    }
    if details.target_filter.as_ref().is_some_and(|it| TARGET_FILTER_MAX_CHARS < it.to_string().chars().count()) {
        return Err(Error::invalid("target_filter", "Too long."));
    }
    if details == before.details {
        return Ok(before);
    }
    tx.run(
        "update custom_fields set details = $1, updated_at = $2 where id = $3",
        &[json!(details).to_string().into(), now.into(), id.into()],
    )
    .await?;
    let change = Change {
        kind: "custom-field-updated",
        object_type: "CustomField",
        object_id: id,
        before: Some(json!({ "details": before.details })),
        after: Some(json!({ "details": details })),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await?;
    read(tx, id).await
}

/// Removes a field with its values. `InUse` while a form asks for it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let field = read(tx, id).await?;
    let sql = "select form_id from ticket_form_fields where field_id = $1 limit 1";
    if tx.row(sql, &[id.into()]).await?.is_some() {
        let problem = "A ticket form still asks for the field.".to_owned();
        return Err(Error::InUse { kind: "custom field", id, problem });
    }
    tx.run("delete from custom_fields where id = $1", &[id.into()]).await?;
    let change = Change {
        kind: "custom-field-deleted",
        object_type: "CustomField",
        object_id: id,
        before: Some(field.fields()),
        after: None,
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}
