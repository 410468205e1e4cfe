//! What a rule would have done: its draft is held against the events of the last 90 days, and nothing is changed.
//!
//! Of what a request did, all together, its first event counts. A ticket is taken as it was right after the event, as far as the log tells (`facts.rs`). A job goes through the log in slices and keeps
//! where it has come in the row of the dry run, so it goes on after a crash without counting anything twice.

use jiff::{SignedDuration, Timestamp};
use outside::Clock;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Rules;
use serde_json::{Value as Json, json};
use store::queue::{self, Job, Lease, NewJob, Progress};
use store::{Db, Row, Tx};

use super::decide::{Decision, decide, fields};
use super::execute::WORKER;
use super::run::ticket_of;
use super::update::{self, Update};
use super::{Step, TICKET_SAVED, facts, json_text, log, split, steps_of, take};
use crate::Error;
use crate::filter::{Field, Viewpoint, hours};
use crate::follow::Logged;
use crate::page::{Column, Order, Page, Query, Slice};

pub const KIND: &str = "rule_dry_run";
pub const DAYS: i64 = 90;

/// Events looked at in one transaction.
const SLICE: i64 = 500;
/// Hits kept for showing; more are only counted.
const HITS_MAX: i64 = 5_000;

#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    pub id: i64,
    pub rule_id: Option<i64>,
    pub source: String,
    pub steps: Vec<Step>,
    pub event_kinds: Vec<String>,
    pub since: Timestamp,
    pub until: Timestamp,
    pub is_done: bool,
    /// The time of the last event that was looked at.
    pub at: Timestamp,
    pub n_events: i64,
    pub n_hits: i64,
    pub n_tickets: i64,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// The rule would have done something.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub event_id: i64,
    pub event_kind: String,
    pub ticket_id: i64,
    pub ticket_subject: Option<String>,
    pub branches: Json,
    pub seen: Json,
    pub actions: Json,
    pub happened_at: Timestamp,
}

/// A draft of a rule, of a saved one or of none yet.
#[derive(Debug, Clone)]
pub struct Draft {
    pub rule_id: Option<i64>,
    pub source: String,
    pub steps: Vec<Step>,
    pub event_kinds: Vec<String>,
}

/// Begins a dry run; an earlier one of the same rule, or of the same person's new rule, gives way to it.
pub async fn start(tx: &mut Tx, may: &CanWrite<Rules>, now: Timestamp, draft: Draft) -> Result<i64, Error> {
    take::check(tx, &draft.steps).await?;
    let author_id = may.actor().person_id;
    match draft.rule_id {
        Some(rule_id) => tx.run("delete from rule_dry_runs where rule_id = $1", &[rule_id.into()]).await?,
        None => {
            tx.run("delete from rule_dry_runs where rule_id is null and author_id = $1", &[author_id.into()]).await?
        }
    };
    let since = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN);
    let id = tx
        .row(
            "insert into rule_dry_runs (rule_id, source, steps, event_kinds, since, until, state, at_created, at_event, author_id,
                                        created_at)
             values ($1, $2, $3, $4, $5, $6, 'running', $5, 0, $7, $6) returning id",
            &[
                draft.rule_id.into(),
                draft.source.into(),
                json_text(&draft.steps)?.into(),
                draft.event_kinds.join(",").into(),
                since.into(),
                now.into(),
                author_id.into(),
            ],
        )
        .await?
        .ok_or(store::StoreError::Column("id"))?
        .int("id")?;
    let job = NewJob {
        kind: KIND,
        payload: json!({ "dry_run_id": id }),
        run_at: now,
        dedupe_key: Some(id.to_string()),
        max_attempts: 10,
    };
    queue::enqueue(tx, now, job).await?;
    Ok(id)
}

const SELECT: &str =
    "select d.id, d.rule_id, d.source, d.steps, d.event_kinds, d.since, d.until, d.state, d.at_created, d.at_event,
                             d.n_events, d.n_hits, d.n_tickets, d.created_at, d.finished_at
                      from rule_dry_runs d";

pub async fn find(tx: &mut Tx, _may: &CanRead<Rules>, id: i64) -> Result<DryRun, Error> {
    match tx.row(&format!("{SELECT} where d.id = $1"), &[id.into()]).await? {
        Some(row) => DryRun::from_row(&row),
        None => Err(Error::NotFound { kind: "dry run", id }),
    }
}

/// What it found, newest first. Served by the primary key.
pub async fn hits(tx: &mut Tx, _may: &CanRead<Rules>, id: i64, slice: &Slice) -> Result<Page<Hit>, Error> {
    let mut query = Query::new(
        "select h.event_id, h.event_kind, h.ticket_id, t.subject as ticket_subject, h.branches, h.seen, h.actions, h.happened_at
         from rule_dry_run_hits h left join tickets t on t.id = h.ticket_id where 1 = 1",
    );
    query.and("h.dry_run_id =", id);
    let order = Order { columns: &[Column::Int("h.event_id", "event_id")], descending: true };
    query.page(tx, order, slice).await?.try_map(|row| {
        Ok(Hit {
            event_id: row.int("event_id")?,
            event_kind: row.text("event_kind")?,
            ticket_id: row.int("ticket_id")?,
            ticket_subject: row.text_or_null("ticket_subject")?,
            branches: row.json("branches")?.unwrap_or_default(),
            seen: row.json("seen")?.unwrap_or_default(),
            actions: row.json("actions")?.unwrap_or_default(),
            happened_at: row.time("happened_at")?,
        })
    })
}

/// Runs the job: slices until the log has been read.
pub async fn run(db: &Db, clock: &Clock, job: &Job) -> Result<(), Error> {
    let Some(id) = job.payload.get("dry_run_id").and_then(Json::as_i64) else {
        return Err(Error::invalid("payload", "names no dry run"));
    };
    loop {
        // Looking is done outside of the write transaction; it is long.
        let Some(found) = ({
            let mut tx = db.read().await?;
            look(&mut tx, id).await?
        }) else {
            return Ok(());
        };
        let now = clock.now();
        let goes_on = store::transact!(db.in_background(), |tx| keep(tx, now, job, id, &found).await)?;
        if !goes_on {
            return Ok(());
        }
    }
}

/// What one slice of the log holds.
struct Found {
    /// Where it began: two that work at once do not count twice.
    from: (i64, i64),
    /// The last event; none at the end of the log.
    last: Option<(i64, i64)>,
    n_events: i64,
    hits: Vec<(Logged, i64, Decision)>,
    since: Timestamp,
    until: Timestamp,
}

async fn look(tx: &mut Tx, id: i64) -> Result<Option<Found>, Error> {
    let row = tx.row(&format!("{SELECT} where d.id = $1 and d.state = 'running'"), &[id.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let dry_run = DryRun::from_row(&row)?;
    let steps = dry_run.steps.clone();
    let from = (row.int("at_created")?, row.int("at_event")?);
    let mut asked = Vec::new();
    fields(&steps, &mut asked);
    let rows = tx
        .rows(
            "select id, transaction_id, type, object_type, object_id, person_id, client_id, worker, context, before, after, data,
                    created_at
             from events where (created_at, id) > ($1, $2) and created_at <= $3 order by created_at, id limit $4",
            &[from.0.into(), from.1.into(), dry_run.until.into(), SLICE.into()],
        )
        .await?;
    let mut found =
        Found { from, last: None, n_events: 0, hits: Vec::new(), since: dry_run.since, until: dry_run.until };
    for row in &rows {
        let event = Logged::from_row(row)?;
        found.last = Some((event.created_at.as_microsecond(), event.id));
        let is_awaited = dry_run.event_kinds.contains(&event.kind);
        let is_saved = dry_run.event_kinds.iter().any(|kind| kind == TICKET_SAVED) && update::is_change(&event);
        if !is_awaited && !is_saved {
            continue;
        }
        let Some(ticket_id) = ticket_of(&event) else { continue };
        let update = if is_awaited { None } else { update::load(tx, ticket_id, &event).await? };
        if !is_awaited && update.is_none() {
            continue;
        }
        found.n_events += 1;
        // What the rule did then by itself is none of its events.
        if event.worker.as_deref() == Some(WORKER)
            && let Some(rule_id) = dry_run.rule_id
            && log::origin(tx, &event.context).await?.chain.contains(&rule_id)
        {
            continue;
        }
        if let Some(decision) = decide_then(tx, &steps, &asked, ticket_id, (&event, update)).await? {
            // A request that is several of its events counts once, as it would run once.
            let is_same = |(known, known_ticket, _): &(Logged, i64, Decision)| {
                *known_ticket == ticket_id && known.context == event.context && known.kind != event.kind
            };
            if !found.hits.iter().any(is_same) {
                found.hits.push((event, ticket_id, decision));
            }
        }
    }
    Ok(Some(found))
}

async fn decide_then(
    tx: &mut Tx,
    steps: &[Step],
    asked: &[Field],
    ticket_id: i64,
    (event, update): (&Logged, Option<Update>),
) -> Result<Option<Decision>, Error> {
    let known = match &update {
        Some(update) => update.known(tx, event.created_at, ticket_id, asked).await?,
        None => facts::load(tx, event.created_at, ticket_id, Some(event), asked).await?,
    };
    let Some(mut known) = known else { return Ok(None) };
    if known.imported && event.kind != "ticket-updated" {
        return Ok(None);
    }
    let last = Logged { id: update.map_or(event.id, |update| update.last_id), ..event.clone() };
    facts::rewind(tx, &mut known.facts, ticket_id, &last).await?;
    let viewpoint = Viewpoint { now: event.created_at, person_id: event.person_id };
    let mut steps = steps.to_vec();
    hours::settle_steps(tx, std::iter::once(&mut steps), event.created_at).await?;
    let decision = decide(&steps, &known.facts, &viewpoint);
    Ok((!decision.does_nothing()).then_some(decision))
}

/// Writes down what a slice held. False when there is no more.
async fn keep(tx: &mut Tx, now: Timestamp, job: &Job, id: i64, found: &Found) -> Result<bool, Error> {
    let (created, event) = found.last.unwrap_or(found.from);
    let is_done = found.last.is_none();
    let taken = tx
        .row(
            "update rule_dry_runs set at_created = $1, at_event = $2, n_events = n_events + $3, n_hits = n_hits + $4,
                    state = case when $5 = 1 then 'done' else state end, finished_at = case when $5 = 1 then cast($6 as bigint) end
             where id = $7 and at_created = $8 and at_event = $9 and state = 'running' returning n_hits",
            &[
                created.into(),
                event.into(),
                found.n_events.into(),
                i64::try_from(found.hits.len()).unwrap_or(0).into(),
                is_done.into(),
                now.into(),
                id.into(),
                found.from.0.into(),
                found.from.1.into(),
            ],
        )
        .await?;
    // Gone, or another worker was faster: it goes on.
    let Some(taken) = taken else { return Ok(false) };
    if taken.int("n_hits")? <= HITS_MAX + SLICE {
        for (event, ticket_id, decision) in &found.hits {
            tx.run(
                "insert into rule_dry_run_hits (dry_run_id, event_id, event_kind, ticket_id, branches, seen, actions, happened_at)
                 select $1, $2, $3, id, $5, $6, $7, $8 from tickets where id = $4 on conflict do nothing",
                &[
                    id.into(),
                    event.id.into(),
                    event.kind.as_str().into(),
                    (*ticket_id).into(),
                    json_text(&decision.branches)?.into(),
                    json_text(&decision.seen)?.into(),
                    json_text(&decision.actions)?.into(),
                    event.created_at.into(),
                ],
            )
            .await?;
        }
    }
    if is_done {
        tx.run(
            "update rule_dry_runs set n_tickets = (select count(distinct ticket_id) from rule_dry_run_hits where dry_run_id = $1)
             where id = $1",
            &[id.into()],
        )
        .await?;
    }
    let seconds = |at: i64| (at - found.since.as_microsecond()) / 1_000_000;
    let progress = Progress { done: seconds(created), total: Some(seconds(found.until.as_microsecond())) };
    Ok(queue::progress(tx, job, progress).await? == Lease::Held && !is_done)
}

impl DryRun {
    fn from_row(row: &Row) -> Result<DryRun, Error> {
        Ok(DryRun {
            id: row.int("id")?,
            rule_id: row.int_or_null("rule_id")?,
            source: row.text("source")?,
            steps: steps_of(&row.text("steps")?)?,
            event_kinds: split(&row.text("event_kinds")?),
            since: row.time("since")?,
            until: row.time("until")?,
            is_done: row.text("state")? == "done",
            at: row.time("at_created")?,
            n_events: row.int("n_events")?,
            n_hits: row.int("n_hits")?,
            n_tickets: row.int("n_tickets")?,
            created_at: row.time("created_at")?,
            finished_at: row.time_or_null("finished_at")?,
        })
    }

    /// How far it has come, from 0 to 100.
    pub fn percent(&self) -> i64 {
        let whole = (self.until.as_microsecond() - self.since.as_microsecond()).max(1);
        let done = self.at.as_microsecond() - self.since.as_microsecond();
        if self.is_done { 100 } else { (done * 100 / whole).clamp(0, 99) }
    }
}
