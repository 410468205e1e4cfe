//! Creating, changing and deleting messages, and what that does to their ticket: its counters, and whether it is open.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Tickets;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use store::Tx;

use super::message_actions::{self, Reach, Step};
use super::message_draft::{Bodies, Draft, Known, NewMessage, draft, find_receiver, find_sender, in_sender};
use super::messages::{self, INTERNAL_NOTE};
use super::{Ticket, bodies, changes, write};
use crate::events::{self, Change};
use crate::people::{PersonRef, json_to_store};
use crate::{Error, customers, files, search};

const OBJECT_TYPE: &str = "TicketMessage";

/// What to change. The outer `None` leaves a field as it is, the inner one clears it.
#[derive(Debug, Clone, Default)]
pub struct MessageUpdate {
    pub channel: Option<String>,
    pub via: Option<String>,
    pub from_agent: Option<bool>,
    pub public: Option<bool>,
    pub sender: Option<PersonRef>,
    pub receiver: Option<Option<PersonRef>>,
    pub source: Option<Option<Json>>,
    pub integration_id: Option<Option<i64>>,
    pub subject: Option<Option<String>>,
    pub body_text: Option<Option<String>>,
    pub body_html: Option<Option<String>>,
    pub stripped_text: Option<Option<String>>,
    pub stripped_html: Option<Option<String>>,
    pub stripped_signature: Option<Option<String>>,
    pub attachments: Option<Option<Json>>,
    pub macros: Option<Option<Json>>,
    pub actions: Option<Option<Json>>,
    pub headers: Option<Option<Json>>,
    pub mention_ids: Option<Option<Json>>,
    pub meta: Option<Option<Json>>,
    pub last_sending_error: Option<Option<Json>>,
    pub message_id: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub imported: Option<bool>,
    pub created_at: Option<Timestamp>,
    pub sent_at: Option<Option<Timestamp>>,
    pub failed_at: Option<Option<Timestamp>>,
    pub opened_at: Option<Option<Timestamp>>,
    pub deleted_at: Option<Option<Timestamp>>,
}

/// Stores a message with its event, and answers its id. The ticket's counters are the caller's.
pub(super) async fn insert(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    draft: &Draft,
) -> Result<i64, Error> {
    let mut params = draft.columns();
    params.push(ticket_id.into());
    let row = tx
        .row(
            "insert into messages (message_id, external_id, public, channel, via, source, sender_id, receiver_id, from_agent,
                                   integration_id, subject, body_text, body_html, stripped_text, stripped_html, stripped_signature,
                                   attachments, macros, actions, headers, meta, last_sending_error, imported, created_at, sent_at,
                                   failed_at, opened_at, deleted_at, mention_ids, ticket_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                     $25, $26, $27, $28, $29, $30)
             returning id",
            &params,
        )
        .await?;
    let id = row.ok_or(store::StoreError::Column("id"))?.int("id")?;
    files::take_stored(tx, now, draft.attachments.as_deref(), id).await?;
    files::take_text(tx, now, draft.body_html.as_deref()).await?;
    let created = event("ticket-message-created", id, ticket_id, None, Some(draft.facts()));
    events::record(tx, actor, now, created).await?;
    Ok(id)
}

/// Adds a message to a ticket and answers its id. A customer's message reopens a closed ticket, unless it is an import.
/// `Stale` if it was written before somebody else's message was seen.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    new: NewMessage,
) -> Result<i64, Error> {
    let actor = may.actor();
    let old = write::take(tx, ticket_id).await?;
    check_seen(tx, ticket_id, new.last_seen_id).await?;
    let mut new = new;
    let brought = std::mem::take(&mut new.brought);
    let draft = draft(tx, (actor, now), old.customer_id, new, &mut Known::default()).await?;
    let id = insert(tx, actor, now, ticket_id, &draft).await?;

    let mut new = Ticket { messages_count: old.messages_count + 1, updated_at: now, ..old.clone() };
    if old.last_message_at.is_none_or(|last| last <= draft.created_at) {
        new.last_message_at = Some(draft.created_at);
        new.excerpt = draft.excerpt();
    }
    if draft.from_agent {
        new.last_sent_message_not_delivered = draft.failed_at.is_some();
    } else {
        new.last_received_message_at = old.last_received_message_at.max(Some(draft.created_at));
        if !draft.imported {
            new.is_unread = true;
            if old.status.is_done() {
                write::reopen(&mut new);
            }
        }
    }
    write::save(tx, &new).await?;
    changes::record_caused(tx, actor, now, &old, &new).await?;
    if !brought.is_empty() {
        // An action may write a message in its turn, which brings nothing.
        Box::pin(message_actions::run(tx, may, now, (ticket_id, id), &draft, brought)).await?;
    }
    search::index_ticket(tx, ticket_id).await?;
    Ok(id)
}

/// `Stale` if there is a newer message than the one that the writer had seen.
async fn check_seen(tx: &mut Tx, ticket_id: i64, last_seen_id: Option<i64>) -> Result<(), Error> {
    let Some(last_seen_id) = last_seen_id else { return Ok(()) };
    let newest = tx.row("select max(id) as id from messages where ticket_id = $1", &[ticket_id.into()]).await?;
    let newest = newest.map(|row| row.int_or_null("id")).transpose()?.flatten();
    match newest.filter(|newest| *newest != last_seen_id) {
        Some(newest) => Err(Error::Stale { field: "last_message_id", newest }),
        None => Ok(()),
    }
}

/// Changes what was sent. `NotFound` when the ticket has no such message.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ids: (i64, i64),
    update: MessageUpdate,
) -> Result<(), Error> {
    change(tx, may.actor(), now, ids, update).await
}

/// The same for whoever was let in to the message's files.
pub(super) async fn change(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (ticket_id, id): (i64, i64),
    update: MessageUpdate,
) -> Result<(), Error> {
    let ticket = write::take(tx, ticket_id).await?;
    let old = stored(tx, ticket_id, id).await?;
    let new = changed(tx, actor, now, old.clone(), update).await?;
    if save(tx, actor, now, (ticket_id, id), (&old, &new)).await? {
        recount(tx, actor, now, ticket).await?;
    }
    Ok(())
}

/// Makes parts of a message unreadable. The log is told `what`, and neither what stood there nor what stands there now.
pub(super) async fn redact(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (ticket_id, id): (i64, i64),
    update: MessageUpdate,
    what: Json,
) -> Result<(), Error> {
    let ticket = write::take(tx, ticket_id).await?;
    let old = stored(tx, ticket_id, id).await?;
    let new = changed(tx, actor, now, old, update).await?;
    put(tx, now, id, &new).await?;
    let mut redacted = event("ticket-message-updated", id, ticket_id, None, None);
    if let (Some(Json::Object(data)), Json::Object(what)) = (&mut redacted.data, what) {
        data.extend(what);
    }
    events::record(tx, actor, now, redacted).await?;
    recount(tx, actor, now, ticket).await
}

/// Sends a message again whose sending failed, after taking again the actions that could not be taken: `failed`, each with its place among
/// the message's actions. Does nothing to a message that did not fail.
pub async fn retry(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (ticket_id, id): (i64, i64),
    (failed, reach): (Vec<(usize, Step)>, Reach),
) -> Result<(), Error> {
    let stored = stored(tx, ticket_id, id).await?;
    if stored.failed_at.is_none() {
        return Ok(());
    }
    let mut again = freed(&stored, now);
    if !failed.is_empty() {
        let actions = stored.actions.as_ref().and_then(|actions| serde_json::from_str(actions.get()).ok());
        let (actions, failure) =
            message_actions::run_again(tx, may, now, (ticket_id, stored.sender_id), actions, (failed, reach)).await?;
        if let Some(why) = failure {
            let error = json!({ "error": why });
            again = MessageUpdate { last_sending_error: Some(Some(error)), ..MessageUpdate::default() };
        }
        again.actions = Some(actions);
    }
    update(tx, may, now, (ticket_id, id), again).await
}

/// Sends a message that an action held back, without that action. Does nothing to a message that did not fail.
pub async fn force(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, ticket_id: i64, id: i64) -> Result<(), Error> {
    let stored = stored(tx, ticket_id, id).await?;
    match stored.failed_at {
        Some(_) => update(tx, may, now, (ticket_id, id), freed(&stored, now)).await,
        None => Ok(()),
    }
}

/// No longer failed: queued, or delivered where no transport is needed.
fn freed(stored: &Draft, now: Timestamp) -> MessageUpdate {
    MessageUpdate {
        sent_at: (!stored.leaves()).then_some(Some(now)),
        failed_at: Some(None),
        last_sending_error: Some(None),
        ..MessageUpdate::default()
    }
}

/// Deletes a message that is still queued, or failed. `Refused` for one that was delivered.
pub async fn cancel(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    id: i64,
) -> Result<(), Error> {
    if stored(tx, ticket_id, id).await?.sent_at.is_some() {
        return Err(Error::Refused("The message was delivered already and cannot be canceled.".to_owned()));
    }
    delete(tx, may, now, ticket_id, id).await
}

/// Deletes a message for good.
pub async fn delete(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    id: i64,
) -> Result<(), Error> {
    let ticket = write::take(tx, ticket_id).await?;
    let old = stored(tx, ticket_id, id).await?;
    tx.run("delete from messages where id = $1", &[id.into()]).await?;
    let deleted = event("ticket-message-deleted", id, ticket_id, Some(old.facts()), None);
    events::record(tx, may.actor(), now, deleted).await?;
    recount(tx, may.actor(), now, ticket).await
}

/// Stores a changed message with its events, and says whether anything differed.
async fn save(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (ticket_id, id): (i64, i64),
    (old, new): (&Draft, &Draft),
) -> Result<bool, Error> {
    let (before, after) = events::difference(old.all_facts(), new.all_facts());
    if after == json!({}) {
        return Ok(false);
    }
    put(tx, now, id, new).await?;
    let updated = event("ticket-message-updated", id, ticket_id, Some(before), Some(after));
    events::record(tx, actor, now, updated).await?;
    if old.failed_at.is_none() && new.failed_at.is_some() {
        let error = json!({ "failed_at": new.failed_at, "last_sending_error": new.last_sending_error });
        events::record(tx, actor, now, event("ticket-message-failed", id, ticket_id, None, Some(error))).await?;
    }
    Ok(true)
}

/// Writes the row of a message.
async fn put(tx: &mut Tx, now: Timestamp, id: i64, new: &Draft) -> Result<(), Error> {
    let mut params = new.columns();
    params.push(id.into());
    tx.run(
        "update messages set message_id = $1, external_id = $2, public = $3, channel = $4, via = $5, source = $6, sender_id = $7,
                             receiver_id = $8, from_agent = $9, integration_id = $10, subject = $11, body_text = $12,
                             body_html = $13, stripped_text = $14, stripped_html = $15, stripped_signature = $16,
                             attachments = $17, macros = $18, actions = $19, headers = $20, meta = $21, last_sending_error = $22,
                             imported = $23, created_at = $24, sent_at = $25, failed_at = $26, opened_at = $27, deleted_at = $28,
                             mention_ids = $29
         where id = $30",
        &params,
    )
    .await?;
    files::take_stored(tx, now, new.attachments.as_deref(), id).await?;
    files::take_text(tx, now, new.body_html.as_deref()).await
}

/// The stored message with the changes, its gaps filled again where a body changed.
async fn changed(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    mut draft: Draft,
    update: MessageUpdate,
) -> Result<Draft, Error> {
    fn set<T>(field: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *field = value;
        }
    }
    fn set_json(field: &mut Option<Box<RawValue>>, value: Option<Option<Json>>) -> Result<(), Error> {
        if let Some(value) = value {
            *field = json_to_store(value.as_ref())?;
        }
        Ok(())
    }
    set(&mut draft.channel, update.channel);
    set(&mut draft.via, update.via);
    set(&mut draft.from_agent, update.from_agent);
    set(&mut draft.public, update.public);
    draft.public = draft.public && draft.channel != INTERNAL_NOTE;
    set(&mut draft.integration_id, update.integration_id);
    set(&mut draft.subject, update.subject);
    set(&mut draft.message_id, update.message_id);
    set(&mut draft.external_id, update.external_id);
    set(&mut draft.imported, update.imported);
    set(&mut draft.created_at, update.created_at);
    set(&mut draft.sent_at, update.sent_at);
    set(&mut draft.failed_at, update.failed_at);
    set(&mut draft.opened_at, update.opened_at);
    set(&mut draft.deleted_at, update.deleted_at);
    set_json(&mut draft.source, update.source)?;
    set_json(&mut draft.attachments, update.attachments)?;
    set_json(&mut draft.macros, update.macros)?;
    set_json(&mut draft.actions, update.actions)?;
    set_json(&mut draft.headers, update.headers)?;
    set_json(&mut draft.mention_ids, update.mention_ids)?;
    set_json(&mut draft.meta, update.meta)?;
    set_json(&mut draft.last_sending_error, update.last_sending_error)?;
    if let Some(sender) = update.sender.filter(|sender| !sender.is_empty()) {
        draft.sender_id = match draft.from_agent {
            true => find_sender(tx, actor, now, &sender).await?,
            false => customers::find_or_create(tx, actor, now, &sender).await.map_err(in_sender)?,
        };
    }
    draft.receiver_id = match update.receiver {
        _ if draft.channel == INTERNAL_NOTE => None,
        Some(Some(receiver)) if !receiver.is_empty() => {
            find_receiver(tx, actor, now, &receiver, draft.from_agent).await?
        }
        Some(_) => None,
        None => draft.receiver_id,
    };
    if update.body_text.is_some() || update.body_html.is_some() {
        let text = match (&update.body_text, &update.body_html) {
            // The other body was made from, or belongs to, what is replaced now.
            (None, Some(Some(_))) => None,
            (None, _) => draft.body_text.take(),
            (Some(text), _) => text.clone(),
        };
        let html = match (&update.body_html, &update.body_text) {
            (None, Some(Some(_))) => None,
            (None, _) => draft.body_html.take(),
            (Some(html), _) => html.clone(),
        };
        let bodies = Bodies::of(text, html);
        draft.stripped_text = bodies.text.clone();
        draft.stripped_html = bodies.html.clone();
        draft.body_text = bodies.text;
        draft.body_html = bodies.html;
    }
    set(&mut draft.stripped_text, update.stripped_text);
    set(&mut draft.stripped_html, update.stripped_html.map(|html| html.as_deref().map(bodies::clean_html)));
    set(&mut draft.stripped_signature, update.stripped_signature);
    Ok(draft)
}

/// Works out the ticket's counters anew, after a message changed or went.
pub(super) async fn recount(tx: &mut Tx, actor: &Actor, now: Timestamp, old: Ticket) -> Result<(), Error> {
    let row = tx
        .row(
            "select count(*) as n_messages, max(created_at) as last_message_at,
                    max(case when from_agent = 0 then created_at end) as last_received_message_at
             from messages where ticket_id = $1",
            &[old.id.into()],
        )
        .await?
        .ok_or(store::StoreError::Column("n_messages"))?;
    let last = tx
        .row(
            "select stripped_text, body_text from messages where ticket_id = $1 order by created_at desc, id desc limit 1",
            &[old.id.into()],
        )
        .await?;
    let text = match last {
        Some(last) => last.text_or_null("stripped_text")?.or(last.text_or_null("body_text")?),
        None => None,
    };
    let ours = tx
        .row(
            "select failed_at from messages where ticket_id = $1 and from_agent = 1 order by created_at desc, id desc limit 1",
            &[old.id.into()],
        )
        .await?;
    let failed_at = match ours {
        Some(ours) => ours.time_or_null("failed_at")?,
        None => None,
    };
    let new = Ticket {
        messages_count: row.int("n_messages")?,
        last_message_at: row.time_or_null("last_message_at")?,
        last_received_message_at: row.time_or_null("last_received_message_at")?,
        excerpt: text.as_deref().map(bodies::excerpt),
        last_sent_message_not_delivered: failed_at.is_some(),
        updated_at: now,
        ..old.clone()
    };
    write::save(tx, &new).await?;
    search::index_ticket(tx, old.id).await?;
    changes::record_caused(tx, actor, now, &old, &new).await
}

async fn stored(tx: &mut Tx, ticket_id: i64, id: i64) -> Result<Draft, Error> {
    let (message, mention_ids) = messages::find_with_mentions(tx, ticket_id, id).await?;
    Ok(Draft::of(message, mention_ids))
}

fn event(kind: &'static str, id: i64, ticket_id: i64, before: Option<Json>, after: Option<Json>) -> Change<'static> {
    Change {
        kind,
        object_type: OBJECT_TYPE,
        object_id: id,
        before,
        after,
        data: Some(json!({ "ticket_id": ticket_id })),
    }
}
