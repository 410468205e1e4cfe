//! Writing a list into a file of CSV that is neither tickets nor macros: the audit log, and messages that are held back.
//!
//! A run that was cut off begins anew: such lists are short beside those of tickets, and have no order that a row is found again by alone.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{AuditLog, Resource, Tickets, Views};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::Tx;

use super::cells::{harmless, write_record};
use super::export::{PIECE_BYTES, store_piece};
use super::job::{self, Format, Job, NewJob, Work};
use super::run::{Ended, Run, Standing};
use super::selection::Selection;
use crate::Error;
use crate::audit::{self, Entry, Which};
use crate::held_messages::{self, HeldMessage, Sort};
use crate::page::{Direction, Key, Position, Slice};
use crate::views::items;

/// Rows that are read at a time.
const READ: usize = 500;

/// Which list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    AuditLog(AuditFilter),
    HeldMessages,
}

/// As `audit::Which`, to be kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    pub object_type: Option<String>,
    pub object_id: Option<i64>,
    pub person_id: Option<i64>,
    pub by_workers: bool,
    pub kinds_end: Option<Vec<String>>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl List {
    /// What the file is named after.
    pub const fn word(&self) -> &'static str {
        match self {
            List::AuditLog(_) => "audit-log",
            List::HeldMessages => "suspended-tickets",
        }
    }
}

/// Has the audit log written into a file. Whoever may read it may have it.
pub async fn start_audit_log(
    tx: &mut Tx,
    may: &CanRead<AuditLog>,
    now: Timestamp,
    filter: AuditFilter,
) -> Result<Job, Error> {
    start(tx, may, now, Work::ExportList { list: List::AuditLog(filter) }).await
}

/// The same of messages that are held back.
pub async fn start_held_messages(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp) -> Result<Job, Error> {
    start(tx, may, now, Work::ExportList { list: List::HeldMessages }).await
}

/// The same of the tickets of a view. `NotFound` for one that the caller may not see.
pub async fn start_view(tx: &mut Tx, may: &CanRead<Views>, now: Timestamp, view_id: i64) -> Result<Job, Error> {
    let condition = items::of_export(tx, may, view_id).await?;
    start(tx, may, now, Work::ExportTickets { selection: Selection::of(condition), format: Format::Csv }).await
}

async fn start<R: Resource, A: scope::resource::Access>(
    tx: &mut Tx,
    may: &Permit<R, A>,
    now: Timestamp,
    work: Work,
) -> Result<Job, Error> {
    job::start(tx, may.actor(), now, NewJob { work, params: json!({}), meta: None, scheduled_at: None }).await
}

pub(super) async fn run(run: &Run<'_>, list: &List) -> Result<Ended, Error> {
    let mut file = File::begin(run).await?;
    match list {
        List::AuditLog(filter) => audit_log(run, filter, &mut file).await,
        List::HeldMessages => held(run, &mut file).await,
    }
}

async fn audit_log(run: &Run<'_>, filter: &AuditFilter, file: &mut File<'_>) -> Result<Ended, Error> {
    let may: CanRead<AuditLog> = run.permit()?;
    let ends: Option<Vec<&str>> = filter.kinds_end.as_ref().map(|ends| ends.iter().map(String::as_str).collect());
    // What is written meanwhile is not waited for.
    let until = filter.until.map_or(run.began(), |until| until.min(run.began()));
    let which = Which {
        object_type: filter.object_type.as_deref(),
        object_id: filter.object_id,
        person_id: filter.person_id,
        by_workers: filter.by_workers,
        kinds_end: ends.as_deref(),
        from: filter.from,
        until: Some(until),
        ..Which::default()
    };
    let columns =
        ["id", "created_at", "actor_id", "actor", "action", "object_type", "object_id", "object", "before", "after"];
    write_record(&mut file.piece, &columns.map(str::to_owned))?;
    let mut after = None;
    loop {
        let page = {
            let mut tx = run.db.read().await?;
            audit::page(&mut tx, &may, &which, false, &slice_after(after)).await?
        };
        for entry in &page.items {
            write_record(&mut file.piece, &cells_of_entry(entry))?;
        }
        after = page.after;
        if let Some(ended) = file.keep(page.items.len(), after.is_none()).await? {
            return Ok(ended);
        }
    }
}

fn cells_of_entry(entry: &Entry) -> [String; 10] {
    let json = |value: &Option<Json>| harmless(value.as_ref().map(Json::to_string));
    let actor = entry.impersonator.as_ref().or(entry.person.as_ref());
    [
        entry.id.to_string(),
        entry.created_at.to_string(),
        actor.map(|actor| actor.id.to_string()).unwrap_or_default(),
        harmless(actor.map(|actor| actor.name.clone()).or(entry.worker.clone())),
        entry.kind.clone(),
        entry.object_type.clone(),
        entry.object_id.to_string(),
        harmless(entry.object_name.clone()),
        json(&entry.before),
        json(&entry.after),
    ]
}

async fn held(run: &Run<'_>, file: &mut File<'_>) -> Result<Ended, Error> {
    let may: CanRead<Tickets> = run.permit()?;
    let columns =
        ["id", "created_at", "cause", "author", "author_email", "subject", "content", "recipient", "ticket_id"];
    write_record(&mut file.piece, &columns.map(str::to_owned))?;
    let mut after = None;
    loop {
        let page = {
            let mut tx = run.db.read().await?;
            held_messages::list(&mut tx, &may, (Sort::Created, false), &slice_after(after)).await?
        };
        for held in &page.items {
            write_record(&mut file.piece, &cells_of_held(held))?;
        }
        after = page.after;
        if let Some(ended) = file.keep(page.items.len(), after.is_none()).await? {
            return Ok(ended);
        }
    }
}

fn cells_of_held(held: &HeldMessage) -> [String; 9] {
    [
        held.id.to_string(),
        held.created_at.to_string(),
        held.cause.word().to_owned(),
        harmless(held.author_name.clone()),
        harmless(held.author_email.clone()),
        harmless(held.subject.clone()),
        harmless(Some(held.body_text.clone())),
        harmless(held.recipient.clone()),
        held.ticket_id.map(|id| id.to_string()).unwrap_or_default(),
    ]
}

fn slice_after(after: Option<Vec<Key>>) -> Slice {
    Slice { limit: READ, from: after.map(|keys| Position { keys, direction: Direction::After }) }
}

/// The file under way.
struct File<'a> {
    run: &'a Run<'a>,
    n_pieces: i64,
    n_rows: i64,
    piece: Vec<u8>,
}

impl<'a> File<'a> {
    /// An empty one: what a run before left is removed.
    async fn begin(run: &'a Run<'a>) -> Result<File<'a>, Error> {
        store::transact!(run.db, |tx| {
            if run.standing(tx).await? == Standing::Going {
                tx.run("delete from job_pieces where job_id = $1", &[run.job.id.into()]).await?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(File { run, n_pieces: 0, n_rows: 0, piece: Vec::with_capacity(PIECE_BYTES) })
    }

    /// Counts rows that were written, and stores the piece if it is large enough, or the last one. How the run ended, if it did.
    async fn keep(&mut self, n_rows: usize, is_last: bool) -> Result<Option<Ended>, Error> {
        self.n_rows += i64::try_from(n_rows).unwrap_or_default();
        if self.piece.len() < PIECE_BYTES && !is_last {
            return Ok(None);
        }
        self.n_pieces += 1;
        let mut next = self.run.progress();
        next.done = self.n_rows;
        next.total = is_last.then_some(self.n_rows);
        next.checkpoint = json!({ "pieces": self.n_pieces });
        let (run, number, content) = (self.run, self.n_pieces, self.piece.as_slice());
        let standing =
            store::transact!(run.db.in_background(), |tx| store_piece(tx, run, number, content, &mut next).await)?;
        if let Standing::Over(ended) = standing {
            return Ok(Some(ended));
        }
        self.piece.clear();
        Ok(is_last.then_some(Ended::Done))
    }
}
