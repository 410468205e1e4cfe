//! Values of custom fields, as requests send and answers show them (Gorgias contract, `CustomFieldValue...`). A value here is one text, number
//! or truth: several texts are shown with commas between them, and taken so or as a list.

use helpdesk::custom_fields::{SentValue, Valued, Values};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::error::GorgiasError;
use crate::fields::{Body, Fields, Sent};

/// Most values in one request.
const VALUES_MAX: usize = 2_000;

/// `custom_fields` of a ticket or customer: a list of `{id, value}`. An object by id, the form of answers, is taken too: clients send
/// whole objects back.
pub(crate) fn read(fields: &mut Fields) -> Sent<Vec<SentValue>> {
    if !matches!(fields.peek("custom_fields"), Some(Value::Object(_))) {
        let mut at = 0;
        return fields.each_or_null("custom_fields", VALUES_MAX, |item| {
            at += 1;
            let field_id = item.required_id("id");
            value_of(item, (at - 1).to_string(), field_id)
        });
    }
    fields.nested("custom_fields", |by_id| {
        let keys = by_id.names();
        let values = keys.into_iter().filter_map(|key| {
            let Some(field_id) = key.parse().ok().filter(|id| *id > 0) else {
                by_id.problem(&key.replace('.', "_"), "There is no such custom field.");
                return None;
            };
            by_id.nested(&key.clone(), |item| value_of(item, key, field_id)).value()
        });
        values.collect()
    })
}

/// A bare array of `{id, value}`.
pub(crate) fn read_array(body: Body) -> Result<Vec<SentValue>, GorgiasError> {
    let mut at = 0;
    body.items(VALUES_MAX, |item| {
        at += 1;
        let field_id = item.required_id("id");
        value_of(item, (at - 1).to_string(), field_id)
    })
}

/// `{id, value}` for the field of the path.
pub(crate) fn read_one(body: Body, field_id: i64) -> Result<SentValue, GorgiasError> {
    let mut fields = body.fields()?;
    let sent_id = fields.required_id("id");
    if sent_id != field_id && !fields.has_problems() {
        fields.problem("id", "Must be the id in the path.");
    }
    let sent = value_of(&mut fields, "0".to_owned(), field_id);
    fields.finish()?;
    Ok(sent)
}

fn value_of(item: &mut Fields, place: String, field_id: i64) -> SentValue {
    item.require("value");
    let value = item.json("value").value().unwrap_or_default();
    SentValue { place, field_id, value }
}

/// With its field: an item of the lists under a ticket or customer.
pub(crate) fn view(valued: &Valued) -> Value {
    json!({
        "field": crate::custom_fields::view(&valued.field),
        "value": valued.value.as_ref().map(|value| value.to_flat_json()),
        "prediction": null,
    })
}

/// An object by the field's id, within a ticket or customer.
pub(crate) struct ValuesView<'a>(pub &'a Values);

impl Serialize for ValuesView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, value) in self.0 {
            let entry = Entry { id: *id, value: value.to_flat_json(), prediction: None };
            map.serialize_entry(&id.to_string(), &entry)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Entry {
    id: i64,
    value: Value,
    /// Nothing guesses values.
    prediction: Option<()>,
}
