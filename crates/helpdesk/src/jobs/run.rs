//! Running a job of `job.rs`: in slices, each a short transaction that also saves how far the job has come.
//!
//! The queue sees to it that somebody runs the job; the row's `run` sees to it that only one does: whoever begins writes a new name there,
//! and every slice looks whether it still stands. A process that is killed loses the slice it was in, and nothing else.

use jiff::Timestamp;
use outside::{Blobs, Clock};
use scope::permission::Permissions;
use scope::permit::{Actor, Permit};
use scope::resource::{Access, Resource};
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{Db, StoreError, Tx};

use super::errors::{self, NewError};
use super::job::{self, Job, Status, Work};
use super::{batch, edit, export, import_macros, lists, undo};
use crate::Error;
use crate::actions::Action;
use crate::tickets::bulk::Changed;

pub const KIND: &str = "job";
/// A run that fails is tried again after a growing pause, for about two days.
pub const MAX_ATTEMPTS: i64 = 50;

/// What a job needs besides the database.
#[derive(Debug, Clone, Copy)]
pub struct Hands<'a> {
    pub clock: &'a Clock,
    /// Where uploaded files lie.
    pub blobs: &'a Blobs,
    pub read_actions: ReadActions,
    /// What the rows of batches mean.
    pub carry: batch::Carry,
}

/// Reads a list of actions in the words of the apps' vendor: as it is kept, and in our words. An error says what is wrong with it.
pub type ReadActions = fn(&Json) -> Result<(Json, Vec<Action>), String>;

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Canceled,
    /// Another run has the job.
    Lost,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub db: &'a Db,
    pub clock: &'a Clock,
    /// As it was when the run began.
    pub job: Job,
    pub name: &'a str,
    /// The person who asked, with their role now.
    pub actor: Actor,
}

/// How far a run has come, as the slices save it.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub done: i64,
    pub total: Option<i64>,
    pub n_errors: i64,
    pub n_changed: i64,
    /// Where to go on.
    pub checkpoint: Json,
}

/// Whether a slice may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Going,
    Over(Ended),
}

/// Runs a job from where it stands to its end. `name` is this run's (a UUID). An error has the queue try again.
pub async fn run(db: &Db, hands: &Hands<'_>, payload: &Json, name: &str, is_last_attempt: bool) -> Result<(), Error> {
    let Some(id) = payload.get("job_id").and_then(Json::as_i64) else {
        return Err(Error::invalid("payload", "names no job"));
    };
    let now = hands.clock.now();
    let Some((job, actor)) = store::transact!(db, |tx| begin(tx, now, id, name).await)? else { return Ok(()) };
    let run = Run { db, clock: hands.clock, job, name, actor };
    match work(&run, hands).await {
        Ok(Ended::Lost) => Ok(()),
        Ok(ended) => store::transact!(db, |tx| end(tx, &run, ended).await),
        Err(error) => {
            let is_final = is_last_attempt || !matches!(error, Error::Store(_));
            store::transact!(db, |tx| fail(tx, &run, &error, is_final).await)?;
            if is_final { Ok(()) } else { Err(error) }
        }
    }
}

async fn work(run: &Run<'_>, hands: &Hands<'_>) -> Result<Ended, Error> {
    match &run.job.work {
        Work::UpdateTickets { selection, sets } => edit::run(run, selection, edit::What::Set(sets)).await,
        Work::ApplyMacro { selection, macro_id, and_close } => {
            let what = edit::What::Macro { macro_id: *macro_id, and_close: *and_close };
            edit::run(run, selection, what).await
        }
        Work::DeleteTickets { selection } => edit::run(run, selection, edit::What::Delete).await,
        Work::ExportTickets { selection, format } => export::run(run, selection, *format).await,
        Work::ExportMacros { ids } => export::run_macros(run, ids.as_deref()).await,
        Work::ExportList { list } => lists::run(run, list).await,
        Work::ImportMacros { path } => import_macros::run(run, hands, path).await,
        Work::Undo { job_id } => undo::run(run, *job_id).await,
        Work::Batch { call, rows } => batch::run(run, call, rows, hands.carry).await,
        Work::Import { .. } => Err(Error::Refused("An import is run by the command that began it.".to_owned())),
    }
}

/// Takes the job over. None if there is nothing to run.
pub(super) async fn begin(tx: &mut Tx, now: Timestamp, id: i64, name: &str) -> Result<Option<(Job, Actor)>, Error> {
    let job = match job::take(tx, id).await {
        Err(Error::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    match job.status {
        Status::Done | Status::Canceled | Status::FatalErrored => return Ok(None),
        Status::CancelRequested => {
            close(tx, &job, now, Status::Canceled, None).await?;
            return Ok(None);
        }
        Status::Pending | Status::Scheduled | Status::Running | Status::Errored => {}
    }
    tx.run(
        "update jobs set status = 'running', run = $1, locked_at = $2, started_at = coalesce(started_at, $2), failed_at = null
         where id = $3",
        &[name.into(), now.into(), id.into()],
    )
    .await?;
    let mut actor = job.actor.clone();
    if let Some(person_id) = job.person_id {
        let sql =
            "select role, denied from people where id = $1 and is_staff = 1 and active = 1 and deleted_at is null";
        if let Some(row) = tx.row(sql, &[person_id.into()]).await? {
            actor.role = row.text_or_null("role")?.as_deref().and_then(Role::parse);
            actor.denied = Permissions::of_words(&row.text_or_null("denied")?.unwrap_or_default());
        }
    }
    Ok(Some((Job { started_at: job.started_at.or(Some(now)), ..job }, actor)))
}

pub(super) async fn end(tx: &mut Tx, run: &Run<'_>, ended: Ended) -> Result<(), Error> {
    let job = job::take(tx, run.job.id).await?;
    if job.status.is_over() || !is_ours(tx, run).await? {
        return Ok(());
    }
    let status = if ended == Ended::Canceled { Status::Canceled } else { Status::Done };
    close(tx, &job, run.clock.now(), status, None).await
}

async fn fail(tx: &mut Tx, run: &Run<'_>, error: &Error, is_final: bool) -> Result<(), Error> {
    let job = job::take(tx, run.job.id).await?;
    if job.status.is_over() || !is_ours(tx, run).await? {
        return Ok(());
    }
    let now = run.clock.now();
    let status = if is_final { Status::FatalErrored } else { Status::Errored };
    close(tx, &job, now, status, Some(&error.to_string())).await
}

/// Puts a job into a state in which nobody runs it.
pub(super) async fn close(
    tx: &mut Tx,
    job: &Job,
    now: Timestamp,
    status: Status,
    error: Option<&str>,
) -> Result<(), Error> {
    let ended_at = status.is_over().then_some(now);
    let canceled_at = (status == Status::Canceled).then_some(now);
    let failed_at = error.map(|_| now);
    tx.run(
        "update jobs set status = $1, run = null, ended_at = $2, canceled_at = $3, failed_at = $4, last_error = coalesce($5, last_error)
         where id = $6",
        &[status.word().into(), ended_at.into(), canceled_at.into(), failed_at.into(), error.into(), job.id.into()],
    )
    .await?;
    if status.is_over() {
        let job = job::read(tx, job.id).await?;
        if status != Status::Done {
            job::release_undone(tx, &job).await?;
        }
        let after = json!({
            "status": status.word(), "progress_done": job.progress_done, "error_count": job.error_count,
            "changed_count": job.changed_count,
        });
        let before = json!({ "status": Status::Running.word() });
        job::record(tx, &job.actor, now, "job-updated", job.id, Some(before), after).await?;
    }
    Ok(())
}

async fn is_ours(tx: &mut Tx, run: &Run<'_>) -> Result<bool, Error> {
    let row = tx.row("select run from jobs where id = $1", &[run.job.id.into()]).await?;
    Ok(row.map(|row| row.text_or_null("run")).transpose()?.flatten().as_deref() == Some(run.name))
}

impl Run<'_> {
    /// What the person who asked may do now.
    pub(super) fn permit<R: Resource, A: Access>(&self) -> Result<Permit<R, A>, Error> {
        let refused = |_| Error::Refused("The person who started the job may no longer do this.".to_owned());
        Permit::deferred(&self.actor).map_err(refused)
    }

    /// What the events of this job say of it.
    pub(super) fn cause(&self) -> Json {
        match self.job.undoes {
            Some(undone) => json!({ "job_id": self.job.id, "undoes_job_id": undone }),
            None => json!({ "job_id": self.job.id }),
        }
    }

    /// When the job first began, whichever run this is.
    pub(super) fn began(&self) -> Timestamp {
        self.job.started_at.unwrap_or(self.job.created_at)
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            done: self.job.progress_done,
            total: self.job.progress_total,
            n_errors: self.job.error_count,
            n_changed: self.job.changed_count,
            checkpoint: self.job.checkpoint.clone().unwrap_or(Json::Null),
        }
    }

    /// At the begin of a slice. Keeps the job's row, so that a wish to cancel waits for the slice's end.
    pub(super) async fn standing(&self, tx: &mut Tx) -> Result<Standing, Error> {
        let sql = format!("select status, run from jobs where id = $1{}", tx.for_update());
        let Some(row) = tx.row(&sql, &[self.job.id.into()]).await? else { return Ok(Standing::Over(Ended::Lost)) };
        if row.text_or_null("run")?.as_deref() != Some(self.name) {
            return Ok(Standing::Over(Ended::Lost));
        }
        Ok(match Status::parse(&row.text("status")?) {
            Some(Status::Running) => Standing::Going,
            Some(Status::CancelRequested) => Standing::Over(Ended::Canceled),
            _ => Standing::Over(Ended::Lost),
        })
    }

    /// At the end of a slice, in its transaction: what it changed, what it could not do, and where the job stands now.
    pub(super) async fn save(
        &self,
        tx: &mut Tx,
        progress: &mut Progress,
        changed: &[Changed],
        found: &[NewError],
    ) -> Result<(), Error> {
        if !changed.is_empty() {
            let row = tx
                .row("select max(number) as number from job_changes where job_id = $1", &[self.job.id.into()])
                .await?;
            let number = row.map(|row| row.int_or_null("number")).transpose()?.flatten().unwrap_or_default() + 1;
            let text = serde_json::to_string(changed).map_err(|_| StoreError::Column("changes"))?;
            tx.run(
                "insert into job_changes (job_id, number, changes) values ($1, $2, $3)",
                &[self.job.id.into(), number.into(), text.into()],
            )
            .await?;
            progress.n_changed += i64::try_from(changed.len()).unwrap_or_default();
        }
        errors::keep(tx, self.job.id, progress.n_errors, found).await?;
        progress.n_errors += i64::try_from(found.len()).unwrap_or_default();
        tx.run(
            "update jobs set progress_done = $1, progress_total = $2, error_count = $3, changed_count = $4, checkpoint = $5
             where id = $6",
            &[
                progress.done.into(),
                progress.total.into(),
                progress.n_errors.into(),
                progress.n_changed.into(),
                (&progress.checkpoint).into(),
                self.job.id.into(),
            ],
        )
        .await?;
        Ok(())
    }
}
