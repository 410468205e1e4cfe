//! Two organizations that become one: the tickets, members, domains, labels and subscriptions of the one go to the other, and the one is
//! gone. What else it had, such as its notes and the values of its fields, goes with it.
//!
//! It can be every ticket there is, so a job does it in slices, each with its events; one that is repeated finds less to move. The row of a
//! merge stays, and says how far it has come.

use jiff::Timestamp;
use outside::Clock;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Organizations;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Db, Row, StoreError, Tx};

use super::{Organization, read, record};
use crate::events::{self, Change};
use crate::own_tags::TAGS_MAX;
use crate::page::{Column, Order, Page, Query, Slice};
use crate::{Error, search};

pub const KIND: &str = "merge_organizations";
const MAX_ATTEMPTS: i64 = 20;
/// Tickets, or members, that one transaction moves.
const SLICE: i64 = 100;

/// How far a merge has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    New,
    InProgress,
    Complete,
    Error,
}

impl Status {
    const ALL: &'static [Status] = &[Status::New, Status::InProgress, Status::Complete, Status::Error];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Status::New => "new",
            Status::InProgress => "in_progress",
            Status::Complete => "complete",
            Status::Error => "error",
        }
    }

    fn parse(word: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| status.word() == word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub id: i64,
    pub status: Status,
    /// Who stays, and who goes.
    pub winner_id: i64,
    pub loser_id: i64,
}

macro_rules! select_merges {
    () => {
        "select m.id, m.status, m.winner_id, m.loser_id from organization_merges m where 1 = 1"
    };
}

/// Has an organization go into another. `Invalid` on `winner_id`, `Taken` while it goes into one already.
pub async fn start(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    loser_id: i64,
    winner_id: i64,
) -> Result<Merge, Error> {
    read(tx, loser_id).await?;
    if winner_id == loser_id {
        return Err(Error::invalid("winner_id", "must be another organization"));
    }
    read(tx, winner_id).await.map_err(|error| match error {
        Error::NotFound { .. } => Error::invalid("winner_id", "is not an organization"),
        other => other,
    })?;
    let sql = "select id from organization_merges where loser_id = $1 and status in ('new', 'in_progress')";
    if tx.row(sql, &[winner_id.into()]).await?.is_some() {
        return Err(Error::invalid("winner_id", "is being merged itself"));
    }
    let row = tx
        .row(
            "insert into organization_merges (status, winner_id, loser_id, created_at, updated_at) values ($1, $2, $3, $4, $4)
             on conflict do nothing returning id",
            &[Status::New.word().into(), winner_id.into(), loser_id.into(), now.into()],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "organization merge", field: "loser_id" }) };
    let id = row.int("id")?;
    let job = NewJob {
        kind: KIND,
        payload: json!({ "merge_id": id }),
        run_at: now,
        dedupe_key: Some(id.to_string()),
        max_attempts: MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await?;
    let asked = Some(json!({ "merge_id": id, "loser_id": loser_id }));
    record(tx, may.actor(), now, "organization-merge-started", winner_id, (None, asked)).await?;
    find_merge(tx, id).await
}

/// The merge with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Organizations>, id: i64) -> Result<Merge, Error> {
    find_merge(tx, id).await
}

/// What went into an organization, or it into others, by id. Served by `organization_merges_by_winner` and `organization_merges_by_loser`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Organizations>,
    organization_id: i64,
    slice: &Slice,
) -> Result<Page<Merge>, Error> {
    const ORDER: Order = Order { columns: &[Column::Int("m.id", "id")], descending: false };
    let part = |column: &str| {
        let mut query = Query::new(select_merges!());
        query.and(column, organization_id);
        query
    };
    let parts = vec![part("m.winner_id ="), part("m.loser_id =")];
    let page = Query::page_of_parts(parts, "id, status, winner_id, loser_id", "m", tx, ORDER, slice).await?;
    page.try_map(|row| Merge::from_row(&row))
}

/// Runs the job: slices until nothing is left of the one. `run` is this run's name (a UUID).
pub async fn run(db: &Db, clock: &Clock, payload: &Json, run: &str) -> Result<(), Error> {
    let Some(id) = payload.get("merge_id").and_then(Json::as_i64) else {
        return Err(Error::invalid("payload", "names no merge"));
    };
    let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
    loop {
        let now = clock.now();
        match store::transact!(db.in_background(), |tx| slice(tx, &actor, now, id).await) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // One of the two went meanwhile: no further try would find it.
            Err(Error::NotFound { .. }) => {
                return store::transact!(db.in_background(), |tx| set_status(tx, now, id, Status::Error).await);
            }
            Err(error) => return Err(error),
        }
    }
}

/// One slice. True when there is nothing left to do.
async fn slice(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64) -> Result<bool, Error> {
    let merge = find_merge(tx, id).await?;
    if !matches!(merge.status, Status::New | Status::InProgress) {
        return Ok(true);
    }
    // In one order, as whoever else holds both.
    super::lock(tx, merge.winner_id.min(merge.loser_id)).await?;
    super::lock(tx, merge.winner_id.max(merge.loser_id)).await?;
    let (winner, loser) = (read(tx, merge.winner_id).await?, read(tx, merge.loser_id).await?);
    if merge.status == Status::New {
        set_status(tx, now, id, Status::InProgress).await?;
    }
    if 0 < move_tickets(tx, actor, now, merge).await? || 0 < move_members(tx, actor, now, merge).await? {
        return Ok(false);
    }
    finish(tx, actor, now, (merge, &winner, &loser)).await?;
    Ok(true)
}

/// Moves a slice of the tickets, and says how many. Served by `tickets_by_organization`.
async fn move_tickets(tx: &mut Tx, actor: &Actor, now: Timestamp, merge: Merge) -> Result<usize, Error> {
    let rows = tx
        .rows(
            "update tickets set organization_id = $1, updated_at = $2 where id in (
                 select id from tickets where organization_id = $3 order by created_at, id limit $4
             ) returning id",
            &[merge.winner_id.into(), now.into(), merge.loser_id.into(), SLICE.into()],
        )
        .await?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in &rows {
        changes.push(Change {
            kind: "ticket-updated",
            object_type: "Ticket",
            object_id: row.int("id")?,
            before: Some(json!({ "organization_id": merge.loser_id })),
            after: Some(json!({ "organization_id": merge.winner_id })),
            data: None,
        });
    }
    events::record_all(tx, actor, now, &changes).await?;
    Ok(rows.len())
}

/// The same of the members. Served by `organization_members_by_organization`.
async fn move_members(tx: &mut Tx, actor: &Actor, now: Timestamp, merge: Merge) -> Result<usize, Error> {
    let rows = tx
        .rows(
            "delete from organization_members where id in (
                 select id from organization_members where organization_id = $1 order by customer_id limit $2
             ) returning customer_id, is_default, created_at",
            &[merge.loser_id.into(), SLICE.into()],
        )
        .await?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in &rows {
        let customer_id = row.int("customer_id")?;
        tx.run(
            "insert into organization_members (organization_id, customer_id, is_default, created_at) values ($1, $2, $3, $4)
             on conflict (organization_id, customer_id) do update set
                 is_default = case when excluded.is_default = 1 then 1 else organization_members.is_default end",
            &[merge.winner_id.into(), customer_id.into(), row.int("is_default")?.into(), row.time("created_at")?.into()],
        )
        .await?;
        tx.run("update people set updated_at = $1 where id = $2", &[now.into(), customer_id.into()]).await?;
        changes.push(Change {
            kind: "customer-updated",
            object_type: "Customer",
            object_id: customer_id,
            before: Some(json!({ "organization_id": merge.loser_id })),
            after: Some(json!({ "organization_id": merge.winner_id })),
            data: None,
        });
    }
    events::record_all(tx, actor, now, &changes).await?;
    Ok(rows.len())
}

/// Moves the rest, which is little, and removes the one.
async fn finish(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (merge, winner, loser): (Merge, &Organization, &Organization),
) -> Result<(), Error> {
    let both = [merge.winner_id.into(), merge.loser_id.into()];
    tx.run("update organization_domains set organization_id = $1 where organization_id = $2", &both).await?;
    tx.run(
        "insert into organization_subscriptions (organization_id, person_id, created_at)
         select cast($1 as bigint), person_id, created_at from organization_subscriptions where organization_id = $2
         on conflict (person_id, organization_id) do nothing",
        &both,
    )
    .await?;
    let mut tags: Vec<String> = winner.tags.iter().chain(&loser.tags).cloned().collect();
    tags.sort();
    tags.dedup();
    tags.truncate(TAGS_MAX);
    tx.run(
        "update organizations set tags = $1, updated_at = $2 where id = $3",
        &[json!(tags).into(), now.into(), merge.winner_id.into()],
    )
    .await?;
    tx.run("delete from organizations where id = $1", &[merge.loser_id.into()]).await?;
    search::forget_organization(tx, merge.loser_id).await?;
    search::index_organization(tx, merge.winner_id).await?;
    set_status(tx, now, merge.id, Status::Complete).await?;
    let after = read(tx, merge.winner_id).await?;
    let (old, new) = events::difference(winner.fields(), after.fields());
    record(tx, actor, now, "organization-merged", merge.winner_id, (Some(old), Some(new))).await?;
    record(tx, actor, now, "organization-deleted", merge.loser_id, (Some(loser.fields()), None)).await
}

async fn set_status(tx: &mut Tx, now: Timestamp, id: i64, status: Status) -> Result<(), Error> {
    tx.run(
        "update organization_merges set status = $1, updated_at = $2 where id = $3",
        &[status.word().into(), now.into(), id.into()],
    )
    .await?;
    Ok(())
}

async fn find_merge(tx: &mut Tx, id: i64) -> Result<Merge, Error> {
    let row = tx.row(concat!(select_merges!(), " and m.id = $1"), &[id.into()]).await?;
    Merge::from_row(&row.ok_or(Error::NotFound { kind: "organization merge", id })?)
}

impl Merge {
    fn from_row(row: &Row) -> Result<Merge, Error> {
        Ok(Merge {
            id: row.int("id")?,
            status: Status::parse(&row.text("status")?).ok_or(StoreError::Column("status"))?,
            winner_id: row.int("winner_id")?,
            loser_id: row.int("loser_id")?,
        })
    }
}
