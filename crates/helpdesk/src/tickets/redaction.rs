//! Making parts of a message unreadable, for good: what stood there is kept nowhere, in the event log neither.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::{Files, Tickets};
use serde_json::{Value as Json, json};
use store::Tx;

use super::audits::REDACTED;
use super::message_write::{self, MessageUpdate};
use super::messages::{self, Message};
use super::{Status, bodies};
use crate::Error;
use crate::files::{self, File};

/// What stands for each letter.
const BLACK: char = '▇';
/// Attachments of one message that are looked through.
const ATTACHMENTS_MAX: usize = 1_000;

/// Blackens each of these texts wherever it stands in a message. `Invalid` on `field` for one that is not in it, and on `status` for a
/// ticket that is closed for good.
pub async fn texts(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (ticket_id, id): (i64, i64),
    (field, texts): (&str, &[String]),
) -> Result<(), Error> {
    must_be_open(tx, ticket_id).await?;
    let message = messages::written(tx, may, ticket_id, id).await?;
    let mut after = [message.body_text, message.body_html, message.stripped_text, message.stripped_html];
    for text in texts {
        let is_there = after.iter().flatten().any(|body| is_in(body, text));
        if text.is_empty() || !is_there {
            return Err(Error::invalid(field, "is not in the comment"));
        }
        for (at, body) in after.iter_mut().enumerate() {
            *body = body.take().map(|body| blackened(&body, text, at % 2 == 1));
        }
    }
    let [body_text, body_html, stripped_text, stripped_html] = after;
    let update = MessageUpdate {
        body_text: Some(body_text),
        body_html: Some(body_html),
        stripped_text: Some(stripped_text),
        stripped_html: Some(stripped_html),
        ..MessageUpdate::default()
    };
    message_write::redact(tx, may.actor(), now, (ticket_id, id), update, json!({ REDACTED: "text" })).await?;
    forget(tx, id, |json| texts.iter().for_each(|text| blacken_all(json, text))).await
}

fn is_in(body: &str, text: &str) -> bool {
    body.contains(text) || bodies::text_of_html(body).contains(text)
}

fn blackened(body: &str, text: &str, is_html: bool) -> String {
    let black: String = text.chars().map(|_| BLACK).collect();
    let plain = body.replace(text, &black);
    if !is_html {
        return plain;
    }
    let html = plain.replace(&bodies::escape(text), &black);
    let shown = bodies::text_of_html(&html);
    // It is parted by tags, such as a bold letter: then the formatting goes.
    if shown.contains(text) { bodies::html_of_text(&shown.replace(text, &black)) } else { html }
}

fn blacken_all(json: &mut Json, text: &str) {
    match json {
        Json::String(string) if string.contains(text) => *string = blackened(string, text, false),
        Json::Array(items) => items.iter_mut().for_each(|item| blacken_all(item, text)),
        Json::Object(object) => object.values_mut().for_each(|value| blacken_all(value, text)),
        _ => {}
    }
}

/// Goes through what the log tells of a message. Served by `events_by_object`.
async fn forget(tx: &mut Tx, message_id: i64, mut change: impl FnMut(&mut Json)) -> Result<(), Error> {
    let sql = "select id, before, after from events where object_type = 'TicketMessage' and object_id = $1 order by id";
    for row in tx.rows(sql, &[message_id.into()]).await? {
        let (old_before, old_after) = (row.json("before")?, row.json("after")?);
        let (mut before, mut after) = (old_before.clone(), old_after.clone());
        before.iter_mut().chain(&mut after).for_each(&mut change);
        if before != old_before || after != old_after {
            let sql = "update events set before = $1, after = $2 where id = $3";
            tx.run(sql, &[before.as_ref().into(), after.as_ref().into(), row.int("id")?.into()]).await?;
        }
    }
    Ok(())
}

/// Where a file is: uploaded here, or brought along by a message at this place among its attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    File(i64),
    InMessage { message_id: i64, at: usize },
}

/// What becomes of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is left of it but an empty text.
    Redacted,
    /// Whether it may be opened though it is held to be harmful.
    AccessOverride(bool),
}

/// What there is then: the message that has it, or else the file itself; neither if it was on its way to a message and is gone.
#[derive(Debug, Clone)]
pub enum Attached {
    ToMessage(Box<Message>),
    ToNothing(File),
    Gone,
}

/// Changes an attachment of this message, or of whichever has it. `NotFound` if it is not there.
pub async fn attachment(
    tx: &mut Tx,
    may: &CanWrite<Files>,
    now: Timestamp,
    which: (Option<(i64, i64)>, Place),
    fate: Fate,
) -> Result<Attached, Error> {
    change(tx, may.actor(), now, which, fate).await
}

/// Makes an attachment of this message unreadable, for whoever may write tickets.
pub async fn attachment_of_message(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (message, place): ((i64, i64), Place),
) -> Result<(), Error> {
    change(tx, may.actor(), now, (Some(message), place), Fate::Redacted).await.map(|_| ())
}

async fn change(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (message, place): (Option<(i64, i64)>, Place),
    fate: Fate,
) -> Result<Attached, Error> {
    let found = match place {
        Place::File(id) => {
            files::of_ids(tx, &[id]).await?.pop().ok_or(Error::NotFound { kind: "attachment", id })?.message_id
        }
        Place::InMessage { message_id, .. } => Some(message_id),
    };
    let found = match (found, message) {
        (found, None) => found,
        (None, Some((_, id))) => Some(id),
        (Some(found), Some((_, id))) if found == id => Some(id),
        (Some(_), Some((_, id))) => return Err(Error::NotFound { kind: "message", id }),
    };
    let Some(message_id) = found else { return loose(tx, actor, now, place, fate).await };
    let it = messages::anywhere(tx, message_id).await?;
    if message.is_some_and(|(ticket_id, _)| ticket_id != it.ticket_id) {
        return Err(Error::NotFound { kind: "message", id: message_id });
    }
    let ids = (it.ticket_id, it.id);
    if fate == Fate::Redacted {
        must_be_open(tx, it.ticket_id).await?;
    }
    let mut list: Vec<Json> =
        it.attachments.as_ref().and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    let at = match place {
        Place::File(id) => list.iter().take(ATTACHMENTS_MAX).position(|item| item["file_id"] == id),
        Place::InMessage { at, .. } => Some(at).filter(|at| *at < list.len()),
    };
    let item = at.and_then(|at| list.get_mut(at)).ok_or(Error::NotFound { kind: "attachment", id: message_id })?;
    let file_id = item["file_id"].as_i64();
    let address = match file_id {
        Some(id) => written(tx, actor, now, id, fate).await?.map(|file| file.path()),
        None => None,
    };
    match fate {
        Fate::AccessOverride(is_on) => item["malware_access_override"] = json!(is_on),
        Fate::Redacted => {
            *item = json!({
                "url": address, "name": files::REDACTED_NAME, "content_type": "text/plain", "size": 0, "deleted": true,
                "file_id": file_id,
            });
        }
    }
    let update = MessageUpdate { attachments: Some(Some(Json::Array(list))), ..MessageUpdate::default() };
    if fate == Fate::Redacted {
        let what = json!({ REDACTED: "attachment", "place": at, "file_id": file_id });
        message_write::redact(tx, actor, now, ids, update, what).await?;
        forget(tx, message_id, |side| {
            if let Json::Object(side) = side {
                side.remove("attachments");
            }
        })
        .await?;
    } else {
        message_write::change(tx, actor, now, ids, update).await?;
    }
    Ok(Attached::ToMessage(Box::new(messages::anywhere(tx, message_id).await?)))
}

/// A file that no message has.
async fn loose(tx: &mut Tx, actor: &Actor, now: Timestamp, place: Place, fate: Fate) -> Result<Attached, Error> {
    let Place::File(id) = place else { return Ok(Attached::Gone) };
    let file = files::of_ids(tx, &[id]).await?.pop().ok_or(Error::NotFound { kind: "attachment", id })?;
    if fate == Fate::Redacted && !file.is_used {
        files::remove(tx, actor, now, &file).await?;
        return Ok(Attached::Gone);
    }
    Ok(written(tx, actor, now, id, fate).await?.map_or(Attached::Gone, Attached::ToNothing))
}

async fn written(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, fate: Fate) -> Result<Option<File>, Error> {
    let Some(file) = files::of_ids(tx, &[id]).await?.pop() else { return Ok(None) };
    match fate {
        Fate::Redacted => files::blank(tx, actor, now, &file).await?,
        Fate::AccessOverride(is_on) => files::set_malware_override(tx, actor, now, &file, is_on).await?,
    }
    Ok(files::of_ids(tx, &[id]).await?.pop())
}

async fn must_be_open(tx: &mut Tx, ticket_id: i64) -> Result<(), Error> {
    let row = tx.row("select status from tickets where id = $1", &[ticket_id.into()]).await?;
    let status = row.ok_or(Error::NotFound { kind: "ticket", id: ticket_id })?.text("status")?;
    if Status::parse(&status) == Some(Status::Closed) {
        return Err(Error::invalid("status", "closed prevents ticket update"));
    }
    Ok(())
}
