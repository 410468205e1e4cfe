//! The values of custom fields on a ticket. What a field is, and which values fit it: `custom_fields`.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Tickets;
use store::Tx;

use super::tags::{self, TagRefs};
use super::{changes, must_exist, write as tickets};
use crate::Error;
use crate::custom_fields::{self, Carrier, Change, CustomField, Extent, Labels, SentValue, Valued};
use crate::people::prefixed;
use crate::tags::NewTag;

/// The values of a ticket with their fields, in the fields' order. `NotFound` if there is no such ticket.
pub async fn list(tx: &mut Tx, may: &CanRead<Tickets>, ticket_id: i64) -> Result<Vec<Valued>, Error> {
    must_exist(tx, may, ticket_id).await?;
    custom_fields::valued(tx, Carrier::Ticket, ticket_id).await
}

/// Sets what was sent, and leaves the rest; null takes a value away. Gives all values as they are then.
///
/// `Invalid` names the place and `id` or `value`, or `{id}` for a required built-in field that has no value then.
pub async fn set(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    sent: &[SentValue],
) -> Result<Vec<Valued>, Error> {
    change(tx, may, now, ticket_id, sent).await?;
    if let Some(field_id) = custom_fields::missing_managed(tx, ticket_id).await?.first() {
        return Err(Error::invalid(field_id.to_string(), "Missing data for required field."));
    }
    custom_fields::valued(tx, Carrier::Ticket, ticket_id).await
}

/// Sets one value, or takes it away, and gives the field as it is then. `NotFound` for a field that tickets do not have.
pub async fn set_one(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    sent: &SentValue,
) -> Result<Valued, Error> {
    let field = field_of_tickets(tx, sent.field_id).await?;
    change(tx, may, now, ticket_id, std::slice::from_ref(sent)).await.map_err(custom_fields::unplaced)?;
    let value = custom_fields::of_object(tx, Carrier::Ticket, ticket_id).await?.remove(&field.id);
    Ok(Valued { field, value })
}

/// Takes a value away. `Refused` if there is none.
pub async fn clear(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    field_id: i64,
) -> Result<(), Error> {
    field_of_tickets(tx, field_id).await?;
    let none = SentValue { place: "value".to_owned(), field_id, value: serde_json::Value::Null };
    if change(tx, may, now, ticket_id, &[none]).await? {
        return Ok(());
    }
    Err(Error::Refused(format!("The custom field {field_id} has no value on the ticket {ticket_id}.")))
}

/// Writes values without an event, for whoever holds the ticket and tells of all its changes. `Invalid` below `custom_fields`.
pub(super) async fn write(
    tx: &mut Tx,
    now: Timestamp,
    ticket_id: i64,
    sent: &[SentValue],
    extent: Extent,
) -> Result<Option<Change>, Error> {
    if sent.is_empty() && extent == Extent::Sent {
        return Ok(None);
    }
    let written = custom_fields::write(tx, now, (Carrier::Ticket, ticket_id), sent, extent).await;
    written.map_err(|error| prefixed("custom_fields", error))
}

/// Puts the labels on and takes those off that come with values.
pub(super) async fn label(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    labels: &Labels,
) -> Result<(), Error> {
    if !labels.off.is_empty() {
        let named = TagRefs { names: labels.off.clone(), ..TagRefs::default() };
        tags::detach_named(tx, actor, now, ticket_id, &named).await?;
    }
    if !labels.on.is_empty() {
        let named: Vec<NewTag> =
            labels.on.iter().map(|name| NewTag { name: name.clone(), ..NewTag::default() }).collect();
        let tag_ids = tags::ids_of_names(tx, actor, now, &named).await?;
        tags::attach(tx, actor, now, ticket_id, &tag_ids).await?;
    }
    Ok(())
}

async fn field_of_tickets(tx: &mut Tx, id: i64) -> Result<CustomField, Error> {
    let field = custom_fields::read(tx, id).await?;
    if field.carrier == Carrier::Ticket { Ok(field) } else { Err(Error::NotFound { kind: "custom field", id }) }
}

/// Sets what was sent, and says whether anything changed.
pub(crate) async fn change(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    sent: &[SentValue],
) -> Result<bool, Error> {
    let old = tickets::take(tx, ticket_id).await?;
    let written = custom_fields::write(tx, now, (Carrier::Ticket, ticket_id), sent, Extent::Sent).await?;
    let Some(written) = written else { return Ok(false) };
    label(tx, may.actor(), now, ticket_id, &written.labels).await?;
    tickets::touch(tx, now, ticket_id).await?;
    changes::record_updated(tx, may.actor(), now, (&old, &old), Some(written)).await?;
    Ok(true)
}
