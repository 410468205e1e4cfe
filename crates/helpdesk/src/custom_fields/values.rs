//! The values of the fields of one ticket, person or organization.
//!
//! Whoever writes them holds the row of whose they are and records the event: here are no permits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use store::{Row, StoreError, Tx, Value};

use super::labels::{self, Labels};
use super::{Carrier, CustomField, FieldValue, Requirement, fit, read_many};
use crate::Error;
use crate::page::Query;

/// By the field's id.
pub type Values = BTreeMap<i64, FieldValue>;

/// As events tell of values: an object by the field's id.
pub fn to_json(values: &Values) -> Json {
    Json::Object(values.iter().map(|(id, value)| (id.to_string(), value.to_json())).collect())
}

/// A field with its value; none where there is none any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Valued {
    pub field: CustomField,
    pub value: Option<FieldValue>,
}

/// A value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SentValue {
    /// Where in the request, such as `0`.
    pub place: String,
    pub field_id: i64,
    /// Null takes the value away.
    pub value: Json,
}

/// What becomes of the values that were not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// They stay.
    Sent,
    /// They go.
    All,
}

/// What a write changed: the fields that differ, before and after, as events tell of them. Null where there was or is no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub before: Json,
    pub after: Json,
    /// What comes with it, still to be done.
    pub labels: Labels,
}

/// The values of one object.
pub(crate) async fn of_object(tx: &mut Tx, carrier: Carrier, id: i64) -> Result<Values, Error> {
    Ok(of_objects(tx, carrier, &[id]).await?.remove(&id).unwrap_or_default())
}

/// The values of several objects, by the object's id, with one statement. An object without values is not in the map.
/// Served by the primary keys.
pub(super) async fn of_objects(tx: &mut Tx, carrier: Carrier, ids: &[i64]) -> Result<HashMap<i64, Values>, Error> {
    let mut values: HashMap<i64, Values> = HashMap::new();
    if ids.is_empty() {
        return Ok(values);
    }
    let (table, column) = place_of(carrier);
    let mut query = Query::new(&format!(
        "select v.{column} as object_id, v.field_id, v.text_value, v.number_value, v.flag_value, v.list_value from {table} v where 1 = 1"
    ));
    query.and_in(&format!("v.{column}"), ids.iter().copied());
    for row in tx.rows(&query.sql, &query.params).await? {
        values.entry(row.int("object_id")?).or_default().insert(row.int("field_id")?, value_of(&row)?);
    }
    Ok(values)
}

/// Puts the values on each object of a page, with one statement.
pub(crate) async fn fill_values<T>(
    tx: &mut Tx,
    carrier: Carrier,
    items: &mut [T],
    id_of: impl Fn(&T) -> i64,
    mut put: impl FnMut(&mut T, Values),
) -> Result<(), Error> {
    let ids: Vec<i64> = items.iter().map(&id_of).collect();
    let mut values = of_objects(tx, carrier, &ids).await?;
    for item in items {
        let id = id_of(item);
        put(item, values.remove(&id).unwrap_or_default());
    }
    Ok(())
}

/// The values of one object with their fields, in the fields' order.
pub(crate) async fn valued(tx: &mut Tx, carrier: Carrier, id: i64) -> Result<Vec<Valued>, Error> {
    let mut values = of_object(tx, carrier, id).await?;
    let ids: Vec<i64> = values.keys().copied().collect();
    let mut fields = read_many(tx, &ids).await?;
    fields.sort_by_key(|field| (-field.priority, -field.id));
    let valued = fields.into_iter().map(|field| Valued { value: values.remove(&field.id), field });
    Ok(valued.collect())
}

/// Writes values. None if nothing changed. `Invalid` names the place and `id` or `value`: an unknown field, a value that does not fit, a
/// new value of an archived field.
pub(crate) async fn write(
    tx: &mut Tx,
    now: Timestamp,
    (carrier, id): (Carrier, i64),
    sent: &[SentValue],
    extent: Extent,
) -> Result<Option<Change>, Error> {
    let before = of_object(tx, carrier, id).await?;
    let mut field_ids: Vec<i64> = sent.iter().map(|sent| sent.field_id).collect();
    // Of values that were there, too: labels may go with them.
    field_ids.extend(before.keys().filter(|id| sent.iter().all(|sent| sent.field_id != **id)));
    let fields: HashMap<i64, CustomField> =
        read_many(tx, &field_ids).await?.into_iter().map(|field| (field.id, field)).collect();
    let mut after = match extent {
        Extent::Sent => before.clone(),
        Extent::All => Values::new(),
    };
    for SentValue { place, field_id, value } in sent {
        let field = fields.get(field_id).filter(|field| field.carrier == carrier);
        let Some(field) = field else {
            return Err(Error::invalid(format!("{place}.id"), "There is no such custom field."));
        };
        let old = before.get(field_id);
        // Whoever sends an object back as it is changes nothing, even if the choice is gone or the field archived since.
        if old.is_some_and(|old| same(&old.to_json(), value) || old.to_flat_json() == *value) {
            after.insert(*field_id, old.cloned().unwrap_or(FieldValue::Flag(false)));
            continue;
        }
        let unfit = |problem| Error::invalid(format!("{place}.value"), problem);
        match field.fit(value).map_err(unfit)? {
            Some(_) if field.archived_at.is_some() => {
                return Err(Error::invalid(format!("{place}.id"), "The custom field is archived."));
            }
            Some(value) => {
                let value = fit::looked_up(tx, field, value).await?.map_err(unfit)?;
                after.insert(*field_id, value);
            }
            None => {
                after.remove(field_id);
            }
        }
    }
    let mut change = (Map::new(), Map::new());
    for field_id in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(field_id), after.get(field_id));
        if old == new || change.0.contains_key(&field_id.to_string()) {
            continue;
        }
        put(tx, now, (carrier, id), *field_id, new).await?;
        let as_json = |value: Option<&FieldValue>| value.map_or(Json::Null, FieldValue::to_json);
        change.0.insert(field_id.to_string(), as_json(old));
        change.1.insert(field_id.to_string(), as_json(new));
    }
    if change.0.is_empty() {
        return Ok(None);
    }
    let labels = labels_of(&fields, &before, &after);
    Ok(Some(Change { before: Json::Object(change.0), after: Json::Object(change.1), labels }))
}

/// Labels that came with a value that is gone, and those that come with a new one. One that another value has too stays.
fn labels_of(fields: &HashMap<i64, CustomField>, before: &Values, after: &Values) -> Labels {
    let names = |values: &Values| -> BTreeSet<String> {
        let of = |(id, value): (&i64, &FieldValue)| fields.get(id).map(|field| labels::of_value(field, value));
        values.iter().filter_map(of).flatten().collect()
    };
    let (had, has) = (names(before), names(after));
    Labels { on: has.difference(&had).cloned().collect(), off: had.difference(&has).cloned().collect() }
}

/// The required built-in fields of tickets that are not archived and have no value there.
pub(crate) async fn missing_managed(tx: &mut Tx, ticket_id: i64) -> Result<Vec<i64>, Error> {
    let rows = tx
        .rows(
            "select f.id from custom_fields f
             where f.object_type = 'ticket' and f.requirement = $1 and f.managed_type is not null and f.archived_at is null
               and not exists (select 1 from ticket_field_values v where v.ticket_id = $2 and v.field_id = f.id)
             order by f.priority desc, f.id desc limit 100",
            &[Requirement::Required.word().into(), ticket_id.into()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
}

/// The problem of a value that was sent alone, without its place.
pub(crate) fn unplaced(error: Error) -> Error {
    match error {
        Error::Invalid { field, problem } => {
            let field = field.split_once('.').map_or(field.as_str(), |(_, field)| field).to_owned();
            Error::Invalid { field, problem }
        }
        other => other,
    }
}

/// Gives the values of one customer to another, who keeps those they have.
pub(crate) async fn merge_customers(tx: &mut Tx, source_id: i64, target_id: i64) -> Result<(), Error> {
    tx.run(
        "insert into customer_field_values (customer_id, field_id, text_value, text_key, number_value, flag_value, list_value, updated_at)
         select cast($1 as bigint), field_id, text_value, text_key, number_value, flag_value, list_value, updated_at
         from customer_field_values where customer_id = $2
         on conflict (customer_id, field_id) do nothing",
        &[target_id.into(), source_id.into()],
    )
    .await?;
    Ok(())
}

/// `1` and `1.0` are one number.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

async fn put(
    tx: &mut Tx,
    now: Timestamp,
    (carrier, id): (Carrier, i64),
    field_id: i64,
    value: Option<&FieldValue>,
) -> Result<(), Error> {
    let (table, column) = place_of(carrier);
    let Some(value) = value else {
        let sql = format!("delete from {table} where {column} = $1 and field_id = $2");
        tx.run(&sql, &[id.into(), field_id.into()]).await?;
        return Ok(());
    };
    let (text, number, flag, list) = match value {
        FieldValue::Text(text) => (Some(text.as_str()), None, None, None),
        FieldValue::Number(number) => (None, Some(*number), None, None),
        FieldValue::Flag(flag) => (None, None, Some(*flag), None),
        FieldValue::Texts(texts) => (None, None, None, Some(list_of(texts))),
    };
    let sql = format!(
        "insert into {table} ({column}, field_id, text_value, text_key, number_value, flag_value, list_value, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict ({column}, field_id) do update set
             text_value = excluded.text_value, text_key = excluded.text_key, number_value = excluded.number_value,
             flag_value = excluded.flag_value, list_value = excluded.list_value, updated_at = excluded.updated_at"
    );
    let key = text.map(text_key);
    let params: [Value; 8] =
        [id.into(), field_id.into(), text.into(), key.into(), number.into(), flag.into(), list.into(), now.into()];
    tx.run(&sql, &params).await?;
    Ok(())
}

/// The table of a carrier's values, and whose they are there.
const fn place_of(carrier: Carrier) -> (&'static str, &'static str) {
    match carrier {
        Carrier::Ticket => ("ticket_field_values", "ticket_id"),
        Carrier::Customer => ("customer_field_values", "customer_id"),
        Carrier::Organization => ("organization_field_values", "organization_id"),
    }
}

/// Characters of a text that `text_key` holds.
const TEXT_KEY_CHARS: usize = 100;

/// The start of a text in lower case: what the indexes on texts hold.
pub fn text_key(text: &str) -> String {
    text.chars().take(TEXT_KEY_CHARS).flat_map(char::to_lowercase).take(TEXT_KEY_CHARS).collect()
}

/// Several texts as they are stored: a line end before, between and after them, so that each is found with one on both sides.
fn list_of(texts: &[String]) -> String {
    format!("\n{}\n", texts.join("\n"))
}

/// The part of a stored list that says that this text is in it.
pub(crate) fn list_part(text: &str) -> String {
    format!("\n{text}\n")
}

/// The way back.
pub(crate) fn texts_of(list: &str) -> Vec<String> {
    list.split('\n').filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn value_of(row: &Row) -> Result<FieldValue, Error> {
    if let Some(list) = row.text_or_null("list_value")? {
        return Ok(FieldValue::Texts(texts_of(&list)));
    }
    if let Some(text) = row.text_or_null("text_value")? {
        return Ok(FieldValue::Text(text));
    }
    if let Some(number) = row.real_or_null("number_value")? {
        return Ok(FieldValue::Number(number));
    }
    let flag = row.int_or_null("flag_value")?.ok_or(StoreError::Column("flag_value"))?;
    Ok(FieldValue::Flag(flag != 0))
}
