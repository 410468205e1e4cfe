//! The values of custom fields of a customer. What a field is, and which values fit it: `custom_fields`.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Customers;
use serde_json::json;
use store::Tx;

use super::read;
use crate::custom_fields::{self, Carrier, Change, CustomField, Extent, SentValue, Valued};
use crate::people::{self, prefixed};
use crate::{Error, events, own_tags};

/// The values of a customer with their fields, in the fields' order. `NotFound` if there is no such customer.
pub async fn list(tx: &mut Tx, _may: &CanRead<Customers>, customer_id: i64) -> Result<Vec<Valued>, Error> {
    must_exist(tx, customer_id).await?;
    custom_fields::valued(tx, Carrier::Customer, customer_id).await
}

/// Sets what was sent, and leaves the rest; null takes a value away. Gives all values as they are then.
pub async fn set(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
    sent: &[SentValue],
) -> Result<Vec<Valued>, Error> {
    change(tx, may, now, customer_id, sent).await?;
    custom_fields::valued(tx, Carrier::Customer, customer_id).await
}

/// Sets one value, or takes it away, and gives the field as it is then. `NotFound` for a field that customers do not have.
pub async fn set_one(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
    sent: &SentValue,
) -> Result<Valued, Error> {
    let field = field_of_customers(tx, sent.field_id).await?;
    change(tx, may, now, customer_id, std::slice::from_ref(sent)).await.map_err(custom_fields::unplaced)?;
    let value = custom_fields::of_object(tx, Carrier::Customer, customer_id).await?.remove(&field.id);
    Ok(Valued { field, value })
}

/// Takes a value away. `Refused` if there is none.
pub async fn clear(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
    field_id: i64,
) -> Result<(), Error> {
    field_of_customers(tx, field_id).await?;
    let none = SentValue { place: "value".to_owned(), field_id, value: serde_json::Value::Null };
    if change(tx, may, now, customer_id, &[none]).await? {
        return Ok(());
    }
    Err(Error::Refused(format!("The custom field {field_id} has no value for the customer {customer_id}.")))
}

/// Writes values without an event, for whoever holds the customer and tells of all their changes. `Invalid` below `custom_fields`.
pub(super) async fn write(
    tx: &mut Tx,
    now: Timestamp,
    customer_id: i64,
    sent: &[SentValue],
    extent: Extent,
) -> Result<Option<Change>, Error> {
    if sent.is_empty() && extent == Extent::Sent {
        return Ok(None);
    }
    let written = custom_fields::write(tx, now, (Carrier::Customer, customer_id), sent, extent).await;
    written.map_err(|error| prefixed("custom_fields", error))
}

async fn field_of_customers(tx: &mut Tx, id: i64) -> Result<CustomField, Error> {
    let field = custom_fields::read(tx, id).await?;
    if field.carrier == Carrier::Customer { Ok(field) } else { Err(Error::NotFound { kind: "custom field", id }) }
}

async fn must_exist(tx: &mut Tx, id: i64) -> Result<(), Error> {
    match tx.row("select id from people where id = $1 and is_staff = 0", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotFound { kind: "customer", id }),
    }
}

/// Whether anything changed.
async fn change(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    id: i64,
    sent: &[SentValue],
) -> Result<bool, Error> {
    change_by(tx, may.actor(), now, id, sent).await
}

/// The same for whoever acts on one of the customer's tickets.
pub(crate) async fn change_by(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    sent: &[SentValue],
) -> Result<bool, Error> {
    people::lock(tx, id).await?;
    read(tx, id).await?;
    let written = custom_fields::write(tx, now, (Carrier::Customer, id), sent, Extent::Sent).await?;
    let Some(written) = written else { return Ok(false) };
    tx.run("update people set updated_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    let (mut before, mut after) =
        (json!({ "custom_fields": written.before }), json!({ "custom_fields": written.after }));
    if let Some((had, has)) = own_tags::relabel(tx, id, &written.labels).await? {
        (before["tags"], after["tags"]) = (json!(had), json!(has));
    }
    let change = events::Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: id,
        before: Some(before),
        after: Some(after),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(true)
}

/// Sets the language of a customer for whoever acts on one of their tickets. Whether anything changed; one of us keeps theirs.
pub(crate) async fn set_language(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: i64,
    language: &str,
) -> Result<bool, Error> {
    people::lock(tx, id).await?;
    let row = tx.row("select language from people where id = $1 and is_staff = 0", &[id.into()]).await?;
    let Some(row) = row else { return Ok(false) };
    let before = row.text_or_null("language")?;
    if before.as_deref() == Some(language) {
        return Ok(false);
    }
    let sql = "update people set language = $1, updated_at = $2 where id = $3";
    tx.run(sql, &[language.into(), now.into(), id.into()]).await?;
    let change = events::Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: id,
        before: Some(json!({ "language": before })),
        after: Some(json!({ "language": language })),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(true)
}
