//! A job that people start and watch: a bulk edit, an export, an import. Here is what it is, and starting, changing and canceling it.
//!
//! The queue runs it (`run.rs`); this row is what people see of it, and it stays when the queue has forgotten its own.

use jiff::{SignedDuration, Timestamp};
use scope::permit::{Acting, Actor, CanRead, CanWrite};
use scope::resource::Jobs;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob as Queued};
use store::{Row, StoreError, Tx};

use super::check::check;
use super::import;
use super::lists::List;
use super::run;
use super::selection::Selection;
use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::tickets::bulk::Set;

/// How far ahead a job may be put.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(60);
/// How long a bulk edit can be undone and a file be fetched.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
pub const FILE_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most tickets that are named one by one.
pub const IDS_MAX: usize = 100_000;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$note])* $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// As stored.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            pub fn parse(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|it| it.word() == word)
            }
        }
    };
}

words! {
    /// What a job does. Undoing a bulk edit is an `UpdateTickets` too; `Job::undoes` tells it.
    Kind {
        UpdateTickets = "update_tickets",
        ApplyMacro = "apply_macro",
        DeleteTickets = "delete_tickets",
        ExportTickets = "export_tickets",
        ExportMacros = "export_macros",
        ExportList = "export_list",
        ImportMacros = "import_macros",
        Import = "import",
        Batch = "batch",
    }
}

words! {
    Status {
        Pending = "pending",
        /// Waits for its time.
        Scheduled = "scheduled",
        Running = "running",
        Done = "done",
        CancelRequested = "cancel_requested",
        Canceled = "canceled",
        /// Failed, and will be tried again.
        Errored = "errored",
        /// Failed for good.
        FatalErrored = "fatal_errored",
    }
}

impl Status {
    pub const fn is_over(self) -> bool {
        matches!(self, Status::Done | Status::Canceled | Status::FatalErrored)
    }
}

/// What to do. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    UpdateTickets {
        selection: Selection,
        sets: Vec<Set>,
    },
    /// To the trash; what lies there already is deleted for good.
    DeleteTickets {
        selection: Selection,
    },
    /// Undone as far as it set fields and tags; messages that it wrote stay.
    ApplyMacro {
        selection: Selection,
        macro_id: i64,
        and_close: bool,
    },
    ExportTickets {
        selection: Selection,
        format: Format,
    },
    ExportMacros {
        /// Ascending, each once. None: all, archived ones too.
        ids: Option<Vec<i64>>,
    },
    /// Another list, into a file (`lists.rs`).
    ExportList {
        list: List,
    },
    ImportMacros {
        /// Of the uploaded file, as `File::path` gives it.
        path: String,
    },
    Undo {
        job_id: i64,
    },
    /// Run by whoever has the file (`import.rs`), not by the queue.
    Import {
        format: String,
        file: String,
        sha256: String,
        n_bytes: i64,
    },
    /// Rows of one call, each as its surface's word `call` reads it (`batch.rs`).
    Batch {
        call: String,
        rows: Vec<Json>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Csv,
    Ndjson,
}

impl Format {
    /// Of the file, after the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
        }
    }
}

impl Work {
    pub const fn kind(&self) -> Kind {
        match self {
            Work::UpdateTickets { .. } | Work::Undo { .. } => Kind::UpdateTickets,
            Work::ApplyMacro { .. } => Kind::ApplyMacro,
            Work::DeleteTickets { .. } => Kind::DeleteTickets,
            Work::ExportTickets { .. } => Kind::ExportTickets,
            Work::ExportMacros { .. } => Kind::ExportMacros,
            Work::ExportList { .. } => Kind::ExportList,
            Work::ImportMacros { .. } => Kind::ImportMacros,
            Work::Import { .. } => Kind::Import,
            Work::Batch { .. } => Kind::Batch,
        }
    }

    pub const fn selection(&self) -> Option<&Selection> {
        match self {
            Work::UpdateTickets { selection, .. }
            | Work::ApplyMacro { selection, .. }
            | Work::DeleteTickets { selection }
            | Work::ExportTickets { selection, .. } => Some(selection),
            Work::ExportMacros { .. }
            | Work::ExportList { .. }
            | Work::ImportMacros { .. }
            | Work::Undo { .. }
            | Work::Import { .. }
            | Work::Batch { .. } => None,
        }
    }

    /// How the file is written that the job leaves. None if it leaves none.
    pub const fn file_format(&self) -> Option<Format> {
        match self {
            Work::ExportTickets { format, .. } => Some(*format),
            Work::ExportMacros { .. } | Work::ExportList { .. } => Some(Format::Csv),
            _ => None,
        }
    }

    /// Whether it changes tickets, and so can be undone.
    pub const fn is_edit(&self) -> bool {
        matches!(
            self,
            Work::UpdateTickets { .. } | Work::ApplyMacro { .. } | Work::DeleteTickets { .. } | Work::Undo { .. }
        )
    }
}

/// A job to be.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub work: Work,
    /// As the caller wrote them, to be shown again.
    pub params: Json,
    pub meta: Option<Json>,
    /// Not before then.
    pub scheduled_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: i64,
    pub kind: Kind,
    pub status: Status,
    pub work: Work,
    pub params: Json,
    pub meta: Option<Json>,
    pub person_id: Option<i64>,
    pub(super) actor: Actor,
    pub(super) queue_id: Option<i64>,
    pub checkpoint: Option<Json>,
    pub progress_done: i64,
    /// None while it is not known.
    pub progress_total: Option<i64>,
    /// Rows that could not be dealt with (`errors.rs`).
    pub error_count: i64,
    /// Tickets of which something was changed, or macros that were made.
    pub changed_count: i64,
    pub last_error: Option<String>,
    pub receipt: Option<Json>,
    pub undoes: Option<i64>,
    pub undone_by: Option<i64>,
    pub created_at: Timestamp,
    pub scheduled_at: Option<Timestamp>,
    pub locked_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    pub cancel_requested_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    pub cleaned_at: Option<Timestamp>,
}

/// What to change of a job. The outer `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Only before it started.
    pub work: Option<(Work, Json)>,
    pub meta: Option<Option<Json>>,
    /// `Some(None)` starts it now.
    pub scheduled_at: Option<Option<Timestamp>>,
    pub cancel: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub status: Option<Status>,
    /// Of any of these. Empty: of all.
    pub kinds: &'static [Kind],
}

macro_rules! select_jobs {
    ($($rest:literal)?) => {
        concat!(
            "select j.id, j.type, j.status, j.work, j.params, j.meta, j.person_id, j.client_id, j.grant_id, j.impersonator_id,
                    j.acting, j.request_id, j.queue_id, j.checkpoint, j.progress_done, j.progress_total, j.error_count,
                    j.changed_count, j.last_error, j.receipt, j.undoes, j.undone_by, j.created_at, j.scheduled_at, j.locked_at,
                    j.started_at, j.ended_at, j.failed_at, j.cancel_requested_at, j.canceled_at, j.cleaned_at
             from jobs j where 1 = 1",
            $($rest)?
        )
    };
}

/// Served by `jobs_by_created`, `jobs_by_status` and `jobs_by_type`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Jobs>,
    filter: Filter,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Job>, Error> {
    let mut query = Query::new(select_jobs!());
    if let Some(status) = filter.status {
        query.and("j.status =", status.word());
    }
    match filter.kinds {
        [] => {}
        [kind] => query.and("j.type =", kind.word()),
        kinds => query.and_in("j.type", kinds.iter().map(|kind| kind.word())),
    }
    let columns: &'static [Column] = &[Column::Int("j.created_at", "created_at"), Column::Int("j.id", "id")];
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Job::from_row(&row))
}

/// The job with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Jobs>, id: i64) -> Result<Job, Error> {
    read(tx, id).await
}

/// Those of these jobs that are there, by id.
pub async fn some(tx: &mut Tx, _may: &CanRead<Jobs>, ids: &[i64]) -> Result<Vec<Job>, Error> {
    let mut query = Query::new(select_jobs!());
    query.and_in("j.id", ids.iter().copied());
    query.sql.push_str(" order by j.id");
    tx.rows(&query.sql, &query.params).await?.iter().map(Job::from_row).collect()
}

/// The same for whoever may write it.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Jobs>, id: i64) -> Result<Job, Error> {
    read(tx, id).await
}

/// The job whose file a signed address opens. The signature is the proof, and the caller has checked it.
pub async fn of_signed_address(tx: &mut Tx, id: i64) -> Result<Job, Error> {
    read(tx, id).await
}

/// Starts a job, now or at its time. `Invalid` names what does not fit.
pub async fn create(tx: &mut Tx, may: &CanWrite<Jobs>, now: Timestamp, new: NewJob) -> Result<Job, Error> {
    start(tx, may.actor(), now, new).await
}

/// The same for whoever has shown already that the actor may have this done.
pub(super) async fn start(tx: &mut Tx, actor: &Actor, now: Timestamp, new: NewJob) -> Result<Job, Error> {
    let scheduled_at = check_schedule(now, new.scheduled_at)?;
    check(tx, actor, now, &new.work).await?;
    let undoes = match &new.work {
        Work::Undo { job_id } => Some(*job_id),
        _ => None,
    };
    let kind = new.work.kind();
    let status = if scheduled_at.is_some() { Status::Scheduled } else { Status::Pending };
    let row = tx
        .row(
            "insert into jobs (type, status, work, params, meta, person_id, client_id, grant_id, impersonator_id, acting, request_id,
                               undoes, created_at, scheduled_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning id",
            &[
                kind.word().into(),
                status.word().into(),
                json!(new.work).into(),
                (&new.params).into(),
                new.meta.as_ref().into(),
                actor.person_id.into(),
                actor.client_id.into(),
                actor.grant_id.into(),
                actor.impersonator_id.into(),
                actor.acting.as_ref().map(|acting| json!([acting.sub, acting.name])).into(),
                actor.request_id.as_str().into(),
                undoes.into(),
                now.into(),
                scheduled_at.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    enqueue(tx, now, id, scheduled_at.unwrap_or(now)).await?;
    if let Some(undone) = undoes {
        tx.run("update jobs set undone_by = $1 where id = $2", &[id.into(), undone.into()]).await?;
    }
    let after = json!({ "type": kind.word(), "status": status.word(), "undoes": undoes });
    record(tx, actor, now, "job-created", id, None, after).await?;
    read(tx, id).await
}

/// Changes a job that has not started, or has one stop. `Refused` if it is over; `Invalid` on what can no longer be changed.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Jobs>,
    now: Timestamp,
    id: i64,
    changes: Changes,
) -> Result<Job, Error> {
    let job = take(tx, id).await?;
    let waits = matches!(job.status, Status::Pending | Status::Scheduled);
    if let Some(meta) = &changes.meta
        && *meta != job.meta
    {
        tx.run("update jobs set meta = $1 where id = $2", &[meta.as_ref().into(), id.into()]).await?;
    }
    if let Some((work, params)) = &changes.work
        && *params != job.params
    {
        if !waits || job.undoes.is_some() {
            return Err(Error::invalid("params", "Can only be changed before the job has started."));
        }
        if work.kind() != job.kind || matches!(work, Work::Undo { .. }) {
            return Err(Error::invalid("params", "Do not fit the type of the job."));
        }
        check(tx, may.actor(), now, work).await?;
        let sql = "update jobs set work = $1, params = $2 where id = $3";
        tx.run(sql, &[json!(work).into(), params.into(), id.into()]).await?;
    }
    if let Some(scheduled_at) = changes.scheduled_at
        && scheduled_at != job.scheduled_at
    {
        if !waits {
            return Err(Error::invalid("scheduled_datetime", "Can only be changed before the job has started."));
        }
        let scheduled_at = check_schedule(now, scheduled_at)?;
        let status = if scheduled_at.is_some() { Status::Scheduled } else { Status::Pending };
        tx.run(
            "update jobs set scheduled_at = $1, status = $2 where id = $3",
            &[scheduled_at.into(), status.word().into(), id.into()],
        )
        .await?;
        enqueue(tx, now, id, scheduled_at.unwrap_or(now)).await?;
    }
    if changes.cancel {
        cancel(tx, may, now, id).await?;
    }
    read(tx, id).await
}

/// Stops a job: at once if it waits, after its slice if it runs. What is done already is kept. `Refused` if it is over.
pub async fn cancel(tx: &mut Tx, may: &CanWrite<Jobs>, now: Timestamp, id: i64) -> Result<(), Error> {
    let job = take(tx, id).await?;
    let status = match job.status {
        Status::CancelRequested => return Ok(()),
        Status::Running => Status::CancelRequested,
        Status::Pending | Status::Scheduled | Status::Errored => Status::Canceled,
        Status::Done | Status::Canceled | Status::FatalErrored => {
            return Err(Error::Refused("The job is over, so it can no longer be canceled.".to_owned()));
        }
    };
    let canceled_at = (status == Status::Canceled).then_some(now);
    tx.run(
        "update jobs set status = $1, cancel_requested_at = $2, canceled_at = $3, ended_at = $3 where id = $4",
        &[status.word().into(), now.into(), canceled_at.into(), id.into()],
    )
    .await?;
    if canceled_at.is_some() {
        if let Some(queue_id) = job.queue_id {
            queue::cancel(tx, queue_id, now).await?;
        }
        release_undone(tx, &job).await?;
    }
    let (before, after) = (json!({ "status": job.status.word() }), json!({ "status": status.word() }));
    record(tx, may.actor(), now, "job-updated", id, Some(before), after).await
}

/// Has a bulk edit undone: a job of its own, which puts back what still has the value that was set. `Refused` if there is nothing to undo,
/// no longer, or it was undone already.
pub async fn undo(tx: &mut Tx, may: &CanWrite<Jobs>, now: Timestamp, id: i64) -> Result<Job, Error> {
    let new = NewJob {
        work: Work::Undo { job_id: id },
        params: json!({ "undo_job_id": id }),
        meta: None,
        scheduled_at: None,
    };
    create(tx, may, now, new).await
}

/// Why a job cannot be undone now. None if it can.
pub fn why_not_undo(job: &Job, now: Timestamp) -> Option<&'static str> {
    if !job.work.is_edit() {
        Some("Only changes of tickets can be undone.")
    } else if job.undone_by.is_some() {
        Some("It was undone already.")
    } else if !job.status.is_over() {
        Some("It has not ended yet.")
    } else if job.cleaned_at.is_some() || job.ended_at.unwrap_or(job.created_at) + KEPT < now {
        Some("It ended more than 30 days ago, and the values from before are gone.")
    } else if job.changed_count == 0 {
        Some("It changed nothing that could be put back.")
    } else {
        None
    }
}

/// Now or earlier is no schedule.
fn check_schedule(now: Timestamp, at: Option<Timestamp>) -> Result<Option<Timestamp>, Error> {
    let Some(at) = at.filter(|at| now < *at) else { return Ok(None) };
    if now + AHEAD < at {
        return Err(Error::invalid("scheduled_datetime", "May be at most 60 minutes ahead."));
    }
    Ok(Some(at))
}

async fn enqueue(tx: &mut Tx, now: Timestamp, id: i64, run_at: Timestamp) -> Result<(), Error> {
    let queued = Queued {
        kind: run::KIND,
        payload: json!({ "job_id": id }),
        run_at,
        dedupe_key: Some(id.to_string()),
        max_attempts: run::MAX_ATTEMPTS,
    };
    let queue_id = queue::enqueue(tx, now, queued).await?;
    tx.run("update jobs set queue_id = $1 where id = $2", &[queue_id.into(), id.into()]).await?;
    Ok(())
}

/// A job that was to undo another and did nothing leaves it to be undone.
pub(super) async fn release_undone(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    if let Some(undone) = job.undoes
        && job.progress_done == 0
    {
        let sql = "update jobs set undone_by = null where id = $1 and undone_by = $2";
        tx.run(sql, &[undone.into(), job.id.into()]).await?;
    }
    Ok(())
}

pub(super) async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Json,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "Job", object_id: id, before, after: Some(after), data: None };
    events::record(tx, actor, now, change).await
}

pub(super) async fn read(tx: &mut Tx, id: i64) -> Result<Job, Error> {
    let row = tx.row(select_jobs!(" and j.id = $1"), &[id.into()]).await?;
    row.as_ref().map(Job::from_row).transpose()?.ok_or(Error::NotFound { kind: "job", id })
}

/// The same, and keeps the row until the transaction ends.
pub(super) async fn take(tx: &mut Tx, id: i64) -> Result<Job, Error> {
    let sql = format!("{}{}", select_jobs!(" and j.id = $1"), tx.for_update());
    let row = tx.row(&sql, &[id.into()]).await?;
    row.as_ref().map(Job::from_row).transpose()?.ok_or(Error::NotFound { kind: "job", id })
}

impl Job {
    fn from_row(row: &Row) -> Result<Job, Error> {
        let work = row.json("work")?.unwrap_or_default();
        let acting = row.json("acting")?.and_then(|acting| {
            let text = |at: usize| acting.get(at).and_then(Json::as_str).map(str::to_owned);
            Some(Acting { sub: text(0)?, name: text(1)? })
        });
        let person_id = row.int_or_null("person_id")?;
        Ok(Job {
            id: row.int("id")?,
            kind: Kind::parse(&row.text("type")?).ok_or(StoreError::Column("type"))?,
            status: Status::parse(&row.text("status")?).ok_or(StoreError::Column("status"))?,
            work: serde_json::from_value(work).map_err(|_| StoreError::Column("work"))?,
            params: row.json("params")?.unwrap_or_default(),
            meta: row.json("meta")?,
            person_id,
            actor: Actor {
                person_id,
                client_id: row.int_or_null("client_id")?,
                grant_id: row.int_or_null("grant_id")?,
                impersonator_id: row.int_or_null("impersonator_id")?,
                acting,
                request_id: row.text("request_id")?,
                worker: person_id.is_none().then_some(import::WORKER),
                ..Actor::default()
            },
            queue_id: row.int_or_null("queue_id")?,
            checkpoint: row.json("checkpoint")?,
            progress_done: row.int("progress_done")?,
            progress_total: row.int_or_null("progress_total")?,
            error_count: row.int("error_count")?,
            changed_count: row.int("changed_count")?,
            last_error: row.text_or_null("last_error")?,
            receipt: row.json("receipt")?,
            undoes: row.int_or_null("undoes")?,
            undone_by: row.int_or_null("undone_by")?,
            created_at: row.time("created_at")?,
            scheduled_at: row.time_or_null("scheduled_at")?,
            locked_at: row.time_or_null("locked_at")?,
            started_at: row.time_or_null("started_at")?,
            ended_at: row.time_or_null("ended_at")?,
            failed_at: row.time_or_null("failed_at")?,
            cancel_requested_at: row.time_or_null("cancel_requested_at")?,
            canceled_at: row.time_or_null("canceled_at")?,
            cleaned_at: row.time_or_null("cleaned_at")?,
        })
    }
}
