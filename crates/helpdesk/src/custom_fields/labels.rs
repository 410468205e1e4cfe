//! Labels that come with values: a box that is ticked, and an option that is chosen, can be a label of whatever carries the field.
//!
//! What a field says of it are its details (`tag`, `labels`). Here is which labels a change of values puts on and takes off; whoever holds
//! the ticket, person or organization does so.

use super::{CustomField, FieldValue};

/// What to do with the labels of whatever carries the fields. Names in lower case, without blanks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Labels {
    pub on: Vec<String>,
    pub off: Vec<String>,
}

impl Labels {
    pub fn is_empty(&self) -> bool {
        self.on.is_empty() && self.off.is_empty()
    }

    /// The names that are there then.
    pub fn put_on(&self, names: &[String]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().filter(|name| !self.off.contains(name)).cloned().collect();
        names.extend(self.on.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
        names.sort();
        names
    }
}

/// The labels that come with a value.
pub(super) fn of_value(field: &CustomField, value: &FieldValue) -> Vec<String> {
    let names: Vec<&str> = match value {
        FieldValue::Flag(true) => field.details.tag.as_deref().into_iter().collect(),
        FieldValue::Text(text) if field.details.labels && field.input.choices().is_some() => vec![text.as_str()],
        FieldValue::Texts(texts) if field.details.labels => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    names.into_iter().map(name_of).filter(|name| !name.is_empty()).collect()
}

/// As labels are written in lists of them.
fn name_of(text: &str) -> String {
    text.trim().to_lowercase().replace(char::is_whitespace, "_")
}
