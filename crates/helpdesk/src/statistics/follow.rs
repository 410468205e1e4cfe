//! The follower that keeps the statistics, and making them again from the event log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use outside::Clock;
use serde_json::Value as Json;
use store::{Db, Tx};

use super::counts::Deltas;
use super::facts::{self, Whole};
use super::fold;
use crate::Error;
use crate::follow::{self, Logged};
use crate::page::Query;

/// Job and cursor.
pub const FOLLOWER: &str = "statistics";

/// Events in one transaction, at most.
const SLICE: usize = 256;

/// Runs the follower until there is nothing new.
pub async fn run(db: &Db, clock: &Clock) -> Result<(), Error> {
    follow::to_the_end!(db, clock, SLICE, |tx, now, size| slice(tx, now, size).await)
}

/// Makes everything again from the first event, and says how many there were. While it runs, numbers are too small.
///
/// A server may go on serving: whichever of us takes an event in, it is taken in once.
pub async fn rebuild(db: &Db, now: Timestamp) -> Result<usize, Error> {
    store::transact!(db.in_background(), |tx| {
        hold(tx, now).await?;
        for sql in [
            "delete from statistics_counts",
            "delete from statistics_tickets",
            "delete from statistics_messages",
            "delete from statistics_ticket_tags",
            "delete from statistics_surveys",
        ] {
            tx.run(sql, &[]).await?;
        }
        let start = "update event_cursors set transaction_id = 0, event_id = 0 where reader = $1";
        tx.run(start, &[FOLLOWER.into()]).await?;
        Ok::<_, Error>(())
    })?;
    let mut n_events = 0;
    loop {
        match store::transact!(db.in_background(), |tx| slice(tx, now, SLICE).await)? {
            0 => return Ok(n_events),
            n => n_events += n,
        }
    }
}

/// Takes the cursor's row until the transaction ends: the follower and a rebuild wait for each other.
async fn hold(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    tx.run(
        "insert into event_cursors (reader, transaction_id, event_id, updated_at) values ($1, 0, 0, $2)
         on conflict (reader) do update set updated_at = excluded.updated_at",
        &[FOLLOWER.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Takes the next events in, and says how many.
async fn slice(tx: &mut Tx, now: Timestamp, size: usize) -> Result<usize, Error> {
    hold(tx, now).await?;
    let events = follow::next(tx, FOLLOWER, size).await?;
    let Some(last) = events.last() else { return Ok(0) };
    // A tag that goes away goes from every ticket at once, between what happened before and after.
    for part in events.chunk_by(|_, next| !is_about_a_whole_tag(next)) {
        match part.first() {
            Some(first) if is_about_a_whole_tag(first) => {
                whole_tag(tx, first).await?;
                take_in(tx, &part[1..]).await?;
            }
            _ => take_in(tx, part).await?,
        }
    }
    follow::advance(tx, FOLLOWER, last, now).await?;
    Ok(events.len())
}

async fn take_in(tx: &mut Tx, events: &[Logged]) -> Result<(), Error> {
    let ticket_ids: BTreeSet<i64> = events.iter().filter_map(fold::ticket_of).collect();
    if ticket_ids.is_empty() {
        return Ok(());
    }
    let before = facts::load(tx, &ticket_ids).await?;
    let mut after = before.clone();
    let named = tags_by_name(tx, events).await?;
    for event in events {
        let Some(whole) = fold::ticket_of(event).and_then(|id| after.get_mut(&id)) else { continue };
        fold::apply(whole, event, &tag_ids(event, &named));
    }
    let mut deltas = Deltas::default();
    let nothing = Whole::default();
    for (ticket_id, mut new) in after {
        fold::derive(&mut new);
        let old = before.get(&ticket_id).unwrap_or(&nothing);
        if *old != new {
            facts::save(tx, ticket_id, old, &new).await?;
            deltas.change(old, &new);
        }
    }
    deltas.flush(tx).await
}

fn is_about_a_whole_tag(event: &Logged) -> bool {
    event.object_type == "Tag" && matches!(event.kind.as_str(), "tag-merged" | "tag-deleted")
}

/// A tag that was merged into another, or deleted: of every ticket. Five statements, however many tickets.
async fn whole_tag(tx: &mut Tx, event: &Logged) -> Result<(), Error> {
    let (gone, kept) = match event.kind.as_str() {
        "tag-merged" => {
            let source = event.data.as_ref().and_then(|data| data.get("source_tag")?.get("id")?.as_i64());
            let Some(source) = source else { return Ok(()) };
            (source, Some(event.object_id))
        }
        _ => (event.object_id, None),
    };
    if let Some(kept) = kept {
        let pair = [gone.into(), kept.into()];
        // Tickets that have both had it counted twice.
        tx.run(
            "insert into statistics_counts (measure, quarter, user_id, team_id, channel, integration_id, part, n, total)
             select l.measure,
                    case when l.measure = 'tagged@day' then g.tagged_at / 86400000000 * 96 else g.tagged_at / 900000000 end,
                    case when l.measure = 'tagged@all' then 0 else coalesce(f.assignee_user_id, 0) end,
                    case when l.measure = 'tagged@all' then 0 else coalesce(f.assignee_team_id, 0) end,
                    case when l.measure = 'tagged@all' then '' else f.channel end,
                    case when l.measure = 'tagged@all' then 0 else coalesce(f.integration_id, 0) end, g.tag_id, -count(*), 0
             from statistics_ticket_tags g
             join statistics_ticket_tags k on k.ticket_id = g.ticket_id and k.tag_id = $2
             join statistics_tickets f on f.ticket_id = g.ticket_id
             cross join (select 'tagged' as measure union all select 'tagged@all' union all select 'tagged@day') l
             where g.tag_id = $1 and g.counted = 1
             group by 1, 2, 3, 4, 5, 6, 7
             on conflict (measure, quarter, user_id, team_id, channel, integration_id, part) do update set
                 n = statistics_counts.n + excluded.n",
            &pair,
        )
        .await?;
        tx.run(
            "delete from statistics_ticket_tags where tag_id = $1
                 and ticket_id in (select ticket_id from statistics_ticket_tags where tag_id = $2)",
            &pair,
        )
        .await?;
        tx.run(
            "insert into statistics_counts (measure, quarter, user_id, team_id, channel, integration_id, part, n, total)
             select measure, quarter, user_id, team_id, channel, integration_id, cast($2 as bigint), n, total
             from statistics_counts where measure in ('tagged', 'tagged@all', 'tagged@day') and part = $1
             on conflict (measure, quarter, user_id, team_id, channel, integration_id, part) do update set
                 n = statistics_counts.n + excluded.n, total = statistics_counts.total + excluded.total",
            &pair,
        )
        .await?;
        tx.run("update statistics_ticket_tags set tag_id = $2 where tag_id = $1", &pair).await?;
    } else {
        tx.run("delete from statistics_ticket_tags where tag_id = $1", &[gone.into()]).await?;
    }
    tx.run(
        "delete from statistics_counts where measure in ('tagged', 'tagged@all', 'tagged@day') and part = $1",
        &[gone.into()],
    )
    .await?;
    Ok(())
}

/// The tags that an event put on or took off, by id.
fn tag_ids(event: &Logged, named: &BTreeMap<String, i64>) -> Vec<i64> {
    match told_ids(event) {
        Some(ids) => ids,
        None => differing_names(event).iter().filter_map(|name| named.get(*name).copied()).collect(),
    }
}

fn told_ids(event: &Logged) -> Option<Vec<i64>> {
    let ids = event.data.as_ref()?.get("tag_ids")?.as_array()?;
    Some(ids.iter().filter_map(Json::as_i64).collect())
}

fn differing_names(event: &Logged) -> Vec<&str> {
    let names = |side: &'_ Option<Json>| -> Vec<String> {
        let tags = side.as_ref().and_then(|side| side.get("tags")).and_then(Json::as_array);
        tags.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let (before, after) = (names(&event.before), names(&event.after));
    let all = [&event.before, &event.after].into_iter().flatten();
    let all = all.filter_map(|side| side.get("tags")?.as_array()).flatten().filter_map(Json::as_str);
    all.filter(|name| before.iter().any(|it| it == name) != after.iter().any(|it| it == name)).collect()
}

/// Events from before ids were told name the tags; so far as these still have the names, they are found.
async fn tags_by_name(tx: &mut Tx, events: &[Logged]) -> Result<BTreeMap<String, i64>, Error> {
    let untold = events
        .iter()
        .filter(|event| matches!(event.kind.as_str(), "ticket-tags-added" | "ticket-tags-removed"))
        .filter(|event| told_ids(event).is_none());
    let names: BTreeSet<&str> = untold.flat_map(differing_names).collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut query = Query::new("select id, name from tags where 1 = 1");
    query.and_in("name", names);
    let mut ids = BTreeMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        ids.insert(row.text("name")?, row.int("id")?);
    }
    Ok(ids)
}
