//! Tags on tickets. Whoever changes them keeps `tags.usage` true in the same transaction.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::json;
use store::{Row, Tx};

use super::{TicketInList, changes, write};
use crate::Error;
use crate::events::{self, Change};
use crate::page::Query;
use crate::tags::{NewTag, Tag};

/// Most tags on one ticket.
pub const TAGS_MAX: usize = 1_000;

/// A tag as shown on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketTag {
    pub id: i64,
    pub name: String,
    /// `#rrggbb`, or none to let the page choose.
    pub color: Option<String>,
}

/// Which tags: by id, by name, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagRefs {
    pub ids: Vec<i64>,
    pub names: Vec<String>,
}

impl TicketTag {
    fn from_row(row: &Row) -> Result<TicketTag, Error> {
        Ok(TicketTag { id: row.int("id")?, name: row.text("name")?, color: row.text_or_null("color")? })
    }
}

/// Puts its tags on each ticket of a page, with one statement.
pub(super) async fn fill(tx: &mut Tx, tickets: &mut [TicketInList]) -> Result<(), Error> {
    if tickets.is_empty() {
        return Ok(());
    }
    let mut query = Query::new(
        "select tt.ticket_id, g.id, g.name, g.color from ticket_tags tt join tags g on g.id = tt.tag_id where 1 = 1",
    );
    query.and_in("tt.ticket_id", tickets.iter().map(|ticket| ticket.ticket.id));
    query.sql.push_str(" order by g.name");
    let mut by_ticket: HashMap<i64, Vec<TicketTag>> = HashMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        by_ticket.entry(row.int("ticket_id")?).or_default().push(TicketTag::from_row(&row)?);
    }
    for ticket in tickets {
        ticket.tags = by_ticket.remove(&ticket.ticket.id).unwrap_or_default();
    }
    Ok(())
}

/// The whole tags of a ticket, by name, or `NotFound`.
pub async fn list(tx: &mut Tx, may: &CanRead<Tickets>, ticket_id: i64) -> Result<Vec<Tag>, Error> {
    super::must_exist(tx, may, ticket_id).await?;
    let rows = tx
        .rows(
            "select g.id, g.name, g.description, g.color, g.usage, g.created_at
             from ticket_tags tt join tags g on g.id = tt.tag_id where tt.ticket_id = $1 order by g.name",
            &[ticket_id.into()],
        )
        .await?;
    rows.iter().map(Tag::from_row).collect()
}

/// What to do with tags of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagChange {
    /// Names that are missing are created.
    Add,
    /// Leaves exactly these.
    Replace,
    /// What is not on it is passed over.
    Remove,
}

/// Adds tags to a ticket; names that are missing are created. `Invalid` for an id that no tag has.
pub async fn add(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    tags: &TagRefs,
) -> Result<(), Error> {
    change(tx, may, now, ticket_id, (TagChange::Add, tags)).await.map(|_| ())
}

/// Leaves a ticket with exactly these tags.
pub async fn replace(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    tags: &TagRefs,
) -> Result<(), Error> {
    change(tx, may, now, ticket_id, (TagChange::Replace, tags)).await.map(|_| ())
}

/// Takes tags off a ticket. What is not on it is passed over.
pub async fn remove(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    tags: &TagRefs,
) -> Result<(), Error> {
    change(tx, may, now, ticket_id, (TagChange::Remove, tags)).await.map(|_| ())
}

/// Changes the tags of a ticket and says whether anything differed.
pub async fn change(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    (what, tags): (TagChange, &TagRefs),
) -> Result<bool, Error> {
    write::take(tx, ticket_id).await?;
    let changed = match what {
        TagChange::Add => {
            let tag_ids = ids_of(tx, may.actor(), now, tags).await?;
            attach(tx, may.actor(), now, ticket_id, &tag_ids).await?
        }
        TagChange::Replace => {
            let tag_ids = ids_of(tx, may.actor(), now, tags).await?;
            exchange(tx, may.actor(), now, ticket_id, &tag_ids).await?
        }
        TagChange::Remove => detach_named(tx, may.actor(), now, ticket_id, tags).await?,
    };
    if changed {
        write::touch(tx, now, ticket_id).await?;
    }
    Ok(changed)
}

/// The ids of tags by name, created where they are missing.
pub(super) async fn ids_of_names(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    tags: &[NewTag],
) -> Result<Vec<i64>, Error> {
    crate::tags::find_or_create_by_names(tx, actor, now, tags).await
}

async fn ids_of(tx: &mut Tx, actor: &Actor, now: Timestamp, tags: &TagRefs) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::new();
    if !tags.ids.is_empty() {
        let mut query = Query::new("select id from tags where merged_into is null");
        query.and_in("id", tags.ids.iter().copied());
        for row in tx.rows(&query.sql, &query.params).await? {
            ids.push(row.int("id")?);
        }
        if let Some(at) = tags.ids.iter().position(|id| !ids.contains(id)) {
            return Err(Error::invalid(format!("ids.{at}"), "No tag has this id."));
        }
    }
    let named: Vec<NewTag> = tags.names.iter().map(|name| NewTag { name: name.clone(), ..NewTag::default() }).collect();
    if !named.is_empty() {
        ids.extend(ids_of_names(tx, actor, now, &named).await?);
    }
    Ok(ids)
}

/// Puts tags on a ticket, with the event, and says whether any was new to it.
pub(super) async fn attach(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    tag_ids: &[i64],
) -> Result<bool, Error> {
    let before = current(tx, ticket_id).await?;
    let mut new: Vec<i64> = tag_ids.iter().copied().filter(|id| before.iter().all(|tag| tag.id != *id)).collect();
    // In one order, so that two callers that share tags never wait for each other in a circle.
    new.sort_unstable();
    new.dedup();
    if new.is_empty() {
        return Ok(false);
    }
    if TAGS_MAX < before.len() + new.len() {
        return Err(Error::invalid("tags", format!("Longer than maximum length {TAGS_MAX}.")));
    }
    for tag_id in &new {
        tx.run(
            "insert into ticket_tags (ticket_id, tag_id) values ($1, $2) on conflict (ticket_id, tag_id) do nothing",
            &[ticket_id.into(), (*tag_id).into()],
        )
        .await?;
        tx.run("update tags set usage = usage + 1 where id = $1", &[(*tag_id).into()]).await?;
    }
    let after = current(tx, ticket_id).await?;
    record(tx, actor, now, ("ticket-tags-added", ticket_id), (&before, &after)).await?;
    Ok(true)
}

/// Leaves exactly these tags on a ticket, with the events, and says whether that was a change.
pub(super) async fn exchange(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    tag_ids: &[i64],
) -> Result<bool, Error> {
    let current = current(tx, ticket_id).await?;
    let old: Vec<i64> = current.iter().map(|tag| tag.id).filter(|id| !tag_ids.contains(id)).collect();
    let removed = detach(tx, actor, now, ticket_id, &old).await?;
    let added = attach(tx, actor, now, ticket_id, tag_ids).await?;
    Ok(removed || added)
}

/// Takes those of these tags off a ticket that are on it, with the event, and says whether any was.
pub(super) async fn detach_named(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket_id: i64,
    tags: &TagRefs,
) -> Result<bool, Error> {
    let current = current(tx, ticket_id).await?;
    let named = |tag: &&TicketTag| tags.ids.contains(&tag.id) || tags.names.contains(&tag.name);
    let tag_ids: Vec<i64> = current.iter().filter(named).map(|tag| tag.id).collect();
    detach(tx, actor, now, ticket_id, &tag_ids).await
}

async fn detach(tx: &mut Tx, actor: &Actor, now: Timestamp, ticket_id: i64, tag_ids: &[i64]) -> Result<bool, Error> {
    if tag_ids.is_empty() {
        return Ok(false);
    }
    let before = current(tx, ticket_id).await?;
    let mut old = tag_ids.to_vec();
    old.sort_unstable();
    for tag_id in &old {
        tx.run("delete from ticket_tags where ticket_id = $1 and tag_id = $2", &[ticket_id.into(), (*tag_id).into()])
            .await?;
        tx.run("update tags set usage = usage - 1 where id = $1", &[(*tag_id).into()]).await?;
    }
    let after = current(tx, ticket_id).await?;
    record(tx, actor, now, ("ticket-tags-removed", ticket_id), (&before, &after)).await?;
    Ok(true)
}

/// Counts a ticket that is going away out of its tags. The links go with the ticket.
pub(super) async fn detach_all(tx: &mut Tx, ticket_id: i64) -> Result<(), Error> {
    tx.run(
        "update tags set usage = usage - 1 where id in (select tag_id from ticket_tags where ticket_id = $1)",
        &[ticket_id.into()],
    )
    .await?;
    Ok(())
}

/// The tags of a ticket, by name.
pub(super) async fn current(tx: &mut Tx, ticket_id: i64) -> Result<Vec<TicketTag>, Error> {
    let rows = tx
        .rows(
            "select g.id, g.name, g.color from ticket_tags tt join tags g on g.id = tt.tag_id
             where tt.ticket_id = $1 order by g.name",
            &[ticket_id.into()],
        )
        .await?;
    rows.iter().map(TicketTag::from_row).collect()
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, ticket_id): (&'static str, i64),
    (before, after): (&[TicketTag], &[TicketTag]),
) -> Result<(), Error> {
    let names = |tags: &[TicketTag]| json!({ "tags": tags.iter().map(|tag| &tag.name).collect::<Vec<_>>() });
    // Names change; whoever reads the log later goes by the ids.
    let (more, fewer) = if before.len() < after.len() { (after, before) } else { (before, after) };
    let tag_ids: Vec<i64> = more.iter().map(|tag| tag.id).filter(|id| fewer.iter().all(|tag| tag.id != *id)).collect();
    let change = changes::change(kind, ticket_id, Some(names(before)), Some(names(after)));
    let change = Change { data: Some(json!({ "tag_ids": tag_ids })), ..change };
    events::record(tx, actor, now, change).await
}
