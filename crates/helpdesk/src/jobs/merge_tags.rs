//! Merges tags: every ticket that carries the one gets the other. It can be every ticket there is, so it goes in slices.
//!
//! From the start on, the tag that is merged away is hidden, and its row names where it goes; the job reads that anew for each slice, so a
//! destination that is itself merged away meanwhile is followed. A slice can be repeated without harm.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tags;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Db, Tx, Value};

use crate::Error;
use crate::events::{self, Change};
use crate::tags::{self, Tag};
use crate::views::references;

pub const KIND: &str = "merge_tags";
const MAX_ATTEMPTS: i64 = 20;

/// Tickets moved in one transaction.
const SLICE: i64 = 500;

/// Merges tags into another, as far as one slice goes; the rest is left to jobs. `NotFound` if one of them is not there.
pub async fn start(
    tx: &mut Tx,
    may: &CanWrite<Tags>,
    now: Timestamp,
    destination_id: i64,
    source_ids: &[i64],
) -> Result<Tag, Error> {
    // Of two merges in opposite directions, the second one finds its destination gone.
    tags::lock(tx, destination_id).await?;
    let destination = tags::read(tx, destination_id).await?;
    let mut room = SLICE;
    for (index, source_id) in source_ids.iter().copied().enumerate() {
        if source_id == destination_id {
            return Err(Error::invalid("source_tags_ids", "A tag cannot be merged into itself."));
        }
        if source_ids[..index].contains(&source_id) {
            continue;
        }
        tags::lock(tx, source_id).await?;
        let source = tags::read(tx, source_id).await?;
        tx.run(
            "update tags set merged_into = $1 where id = $2 or merged_into = $2",
            &[destination_id.into(), source_id.into()],
        )
        .await?;
        tell(tx, may, now, &source, &destination).await?;
        references::renamed_tag(tx, may.actor(), now, &source.name, &destination.name).await?;
        let moved = move_slice(tx, source_id, destination_id, room).await?;
        if moved < room {
            remove(tx, source_id).await?;
            room -= moved;
        } else {
            room = 0;
            let job = NewJob {
                kind: KIND,
                payload: json!({ "source_id": source_id }),
                run_at: now,
                dedupe_key: Some(source_id.to_string()),
                max_attempts: MAX_ATTEMPTS,
            };
            queue::enqueue(tx, now, job).await?;
        }
    }
    tags::read(tx, destination_id).await
}

/// Runs the job: slices until no ticket carries the tag.
pub async fn run(db: &Db, payload: &Json) -> Result<(), Error> {
    let Some(source_id) = payload.get("source_id").and_then(Json::as_i64) else {
        return Err(Error::invalid("payload", "names no tag"));
    };
    loop {
        let finished = store::transact!(db.in_background(), |tx| slice(tx, source_id).await)?;
        if finished {
            return Ok(());
        }
    }
}

/// One slice. True when there is nothing left to do.
async fn slice(tx: &mut Tx, source_id: i64) -> Result<bool, Error> {
    let row = tx.row("select merged_into from tags where id = $1", &[source_id.into()]).await?;
    let destination_id = row.map(|row| row.int_or_null("merged_into")).transpose()?.flatten();
    // Deleted, or no longer being merged.
    let Some(destination_id) = destination_id else { return Ok(true) };
    let moved = move_slice(tx, source_id, destination_id, SLICE).await?;
    if moved < SLICE {
        remove(tx, source_id).await?;
    }
    Ok(moved < SLICE)
}

/// Moves at most `limit` tickets from one tag to the other, and says how many it found.
async fn move_slice(tx: &mut Tx, source_id: i64, destination_id: i64, limit: i64) -> Result<i64, Error> {
    let rows = tx
        .rows(
            "select ticket_id from ticket_tags where tag_id = $1 order by ticket_id limit $2",
            &[source_id.into(), limit.into()],
        )
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut params: Vec<Value> = vec![destination_id.into()];
    let mut places = Vec::with_capacity(rows.len());
    for row in &rows {
        params.push(row.int("ticket_id")?.into());
        places.push(format!("${}", params.len()));
    }
    let places = places.join(", ");
    let added = format!(
        "insert into ticket_tags (ticket_id, tag_id)
         select id, cast($1 as bigint) from tickets where id in ({places}) on conflict do nothing"
    );
    let added = i64::try_from(tx.run(&added, &params).await?).unwrap_or_default();
    tx.run("update tags set usage = usage + $1 where id = $2", &[added.into(), destination_id.into()]).await?;
    params[0] = source_id.into();
    let removed = format!("delete from ticket_tags where tag_id = $1 and ticket_id in ({places})");
    let removed = i64::try_from(tx.run(&removed, &params).await?).unwrap_or_default();
    tx.run("update tags set usage = usage - $1 where id = $2", &[removed.into(), source_id.into()]).await?;
    Ok(i64::try_from(rows.len()).unwrap_or(limit))
}

async fn remove(tx: &mut Tx, source_id: i64) -> Result<(), Error> {
    tx.run("delete from tags where id = $1", &[source_id.into()]).await?;
    Ok(())
}

/// The events of the merge belong to whoever asked for it, so they are written at its start.
async fn tell(tx: &mut Tx, may: &CanWrite<Tags>, now: Timestamp, source: &Tag, destination: &Tag) -> Result<(), Error> {
    let merged = Change {
        kind: "tag-merged",
        object_type: "Tag",
        object_id: destination.id,
        before: None,
        after: None,
        data: Some(json!({ "source_tag": { "id": source.id, "name": source.name } })),
    };
    events::record(tx, may.actor(), now, merged).await?;
    let deleted = Change {
        kind: "tag-deleted",
        object_type: "Tag",
        object_id: source.id,
        before: Some(source.fields()),
        after: None,
        data: Some(json!({ "merged_into": destination.id })),
    };
    events::record(tx, may.actor(), now, deleted).await
}
