//! Two tickets become one, and one becomes two. Messages move with their ids, senders and times; what somebody wrote stays as it was.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Tickets;
use serde_json::json;
use store::Tx;

use super::write::{self, SetStatus};
use super::{Status, Ticket, changes, message_write, tags};
use crate::page::Query;
use crate::{Error, events};

/// Most tickets that one call merges into another.
pub const SOURCES_MAX: usize = 30;
/// Most messages that one call splits off.
pub const MESSAGES_MAX: usize = 500;

/// Moves the messages and tags of tickets into another, which is opened again if one of them waits for somebody. They end empty, closed and
/// in the trash. `Invalid` on `source_tickets_ids`; `NotFound` if one of them is not there.
pub async fn merge(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    source_ids: &[i64],
) -> Result<(), Error> {
    let actor = may.actor();
    if source_ids.contains(&id) {
        return Err(Error::invalid("source_tickets_ids", "A ticket cannot be merged into itself."));
    }
    let mut sources = source_ids.to_vec();
    sources.sort_unstable();
    sources.dedup();
    // All rows in one order, so that two merges of the same tickets never wait for each other in a circle.
    let mut all = sources.clone();
    all.push(id);
    all.sort_unstable();
    for id in all {
        write::take(tx, id).await?;
    }
    for source_id in sources {
        let source = write::take(tx, source_id).await?;
        if source.trashed_at.is_some() {
            return Err(Error::invalid("source_tickets_ids", format!("The ticket {source_id} is in the trash.")));
        }
        merge_one(tx, actor, now, id, source).await?;
    }
    Ok(())
}

async fn merge_one(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, source: Ticket) -> Result<(), Error> {
    let target = write::take(tx, id).await?;
    tx.run("update messages set ticket_id = $1 where ticket_id = $2", &[id.into(), source.id.into()]).await?;
    let tag_ids: Vec<i64> = tags::current(tx, source.id).await?.iter().map(|tag| tag.id).collect();
    tags::attach(tx, actor, now, id, &tag_ids).await?;
    tags::exchange(tx, actor, now, source.id, &[]).await?;

    let mut changed = target.clone();
    changed.is_unread = target.is_unread || source.is_unread;
    if target.status.is_done() && !source.status.is_done() {
        write::reopen(&mut changed);
    }
    if changes::differs(&target, &changed) {
        changed.updated_at = now;
        write::save(tx, &changed).await?;
        changes::record_updated(tx, actor, now, (&target, &changed), None).await?;
    }
    message_write::recount(tx, actor, now, changed).await?;

    let mut emptied = Ticket {
        closed_at: source.closed_at.or(Some(now)),
        snoozed_until: None,
        trashed_at: Some(now),
        updated_at: now,
        ..source.clone()
    };
    emptied.set_status(SetStatus::Done.from(source.status));
    write::save(tx, &emptied).await?;
    tx.run("update tickets set merged_into = $1 where id = $2", &[id.into(), source.id.into()]).await?;
    changes::record_updated(tx, actor, now, (&source, &emptied), None).await?;
    message_write::recount(tx, actor, now, emptied).await?;

    let mut merged = changes::change("ticket-merged", id, None, None);
    merged.data = Some(json!({ "source_ticket": { "id": source.id, "subject": source.subject } }));
    events::record(tx, actor, now, merged).await
}

/// Moves messages of a ticket into a new one, for the same customer, and answers its id. `Invalid` on `message_ids` if one is no message of
/// the ticket, or if none would stay.
pub async fn split(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    message_ids: &[i64],
) -> Result<i64, Error> {
    let actor = may.actor();
    let source = write::take(tx, id).await?;
    let mut query = Query::new("select id, channel, via, from_agent, subject from messages where 1 = 1");
    query.and("ticket_id =", id);
    query.and_in("id", message_ids.iter().copied());
    query.sql.push_str(" order by created_at, id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut moved = Vec::with_capacity(rows.len());
    for row in &rows {
        moved.push(row.int("id")?);
    }
    if let Some(at) = message_ids.iter().position(|id| !moved.contains(id)) {
        return Err(Error::invalid(format!("message_ids.{at}"), "The ticket has no such message."));
    }
    let Some(first) = rows.first() else {
        return Err(Error::invalid("message_ids", "Shorter than minimum length 1."));
    };
    if source.messages_count <= i64::try_from(moved.len()).unwrap_or(i64::MAX) {
        return Err(Error::invalid("message_ids", "At least one message must stay."));
    }
    let mut new = Ticket {
        id: 0,
        external_id: None,
        status: Status::Open,
        custom_status_id: None,
        channel: first.text("channel")?,
        via: first.text("via")?,
        from_agent: first.flag("from_agent")?,
        subject: first.text_or_null("subject")?.or_else(|| source.subject.clone()),
        is_unread: true,
        spam: false,
        meta: None,
        split_from: Some(id),
        created_at: now,
        opened_at: None,
        updated_at: now,
        closed_at: None,
        snoozed_until: None,
        trashed_at: None,
        ..source.clone()
    };
    new.id = write::insert(tx, &new).await?;
    changes::record_created(tx, actor, now, &new, (None, None)).await?;
    let mut moving = Query::new("update messages set ticket_id = $1 where 1 = 1");
    moving.params.push(new.id.into());
    moving.and_in("id", moved.iter().copied());
    tx.run(&moving.sql, &moving.params).await?;
    let tag_ids: Vec<i64> = tags::current(tx, id).await?.iter().map(|tag| tag.id).collect();
    tags::attach(tx, actor, now, new.id, &tag_ids).await?;
    message_write::recount(tx, actor, now, new.clone()).await?;
    message_write::recount(tx, actor, now, source).await?;
    let mut split = changes::change("ticket-split", id, None, None);
    split.data = Some(json!({ "new_ticket": { "id": new.id }, "message_ids": moved }));
    events::record(tx, actor, now, split).await?;
    Ok(new.id)
}
