//! Durable background work, in the table `queue`.
//!
//! A job is enqueued in the transaction of the change that asks for it, so it exists exactly when the change does. A worker claims it
//! for a time (the lease) and renews the lease while it works. A worker that dies lets its lease run out, and another one takes over: a
//! job runs at least once, and what it does must bear repetition. A job that works in slices saves a checkpoint in the transaction of
//! each slice.
//!
//! Time and chance are parameters. Jobs are known here by the name of their kind; what a kind does is the worker's business.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::{EngineTx, Row, StoreError, Tx, Value};

/// What to do, and when.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Such as `merge_tags`; the worker's table has one line for each.
    pub kind: &'static str,
    pub payload: Json,
    /// Not before this instant.
    pub run_at: Timestamp,
    /// At most one unfinished job of a kind has this key.
    pub dedupe_key: Option<String>,
    /// Runs, including the first, before it is given up as `Dead`.
    pub max_attempts: i64,
}

/// A job, as it was claimed or found.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub payload: Json,
    pub state: State,
    pub run_at: Timestamp,
    /// Runs so far, including the present one.
    pub attempts: i64,
    pub max_attempts: i64,
    /// The worker that holds it.
    pub leased_by: Option<String>,
    pub leased_until: Option<Timestamp>,
    pub cancel_requested: bool,
    pub progress: Progress,
    /// What the last slice saved.
    pub checkpoint: Option<Json>,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for its time and for a worker.
    Ready,
    Running,
    Done,
    /// Failed for good; `last_error` says why. `revive` gives it another chance.
    Dead,
    Canceled,
}

/// How far a job has come, in a unit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub done: i64,
    /// None while it is not known.
    pub total: Option<i64>,
}

/// What a worker may go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Lease {
    Held,
    /// Still held, but someone wants the job to stop: end it with `canceled`.
    CancelRequested,
    /// Another worker has it, or it was ended: stop, and roll back what belongs to it.
    Lost,
}

/// What became of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    RetryAt(Timestamp),
    Dead,
    /// Another worker has it.
    Lost,
}

/// How many jobs there are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub ready: i64,
    pub running: i64,
    pub done: i64,
    pub dead: i64,
    pub canceled: i64,
}

const COLUMNS: &str =
    "id, kind, payload, state, run_at, attempts, max_attempts, leased_by, leased_until, cancel_requested,
    progress_done, progress_total, checkpoint, last_error, created_at, finished_at";

/// Puts a job in the queue and wakes a worker of this process after the commit. Its id.
///
/// The last wish wins: a waiting job with the same key gets this payload and time. If that job is running, it runs once more after it has
/// finished, since it may already be past what is asked for now.
pub async fn enqueue(tx: &mut Tx, now: Timestamp, job: NewJob) -> Result<i64, StoreError> {
    tx.has_enqueued = true;
    let row = tx
        .row(
            "insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
             values ($1, $2, $3, 'ready', $4, $5, $6)
             on conflict (kind, dedupe_key) where dedupe_key is not null and state in ('ready', 'running') do update set
                 payload = excluded.payload,
                 run_at = case when queue.state = 'ready' then excluded.run_at else queue.run_at end,
                 run_again_at = case when queue.state = 'running' then excluded.run_at end
             returning id",
            &[
                job.kind.into(),
                job.payload.into(),
                job.dedupe_key.into(),
                job.run_at.into(),
                job.max_attempts.max(1).into(),
                now.into(),
            ],
        )
        .await?;
    row.ok_or(StoreError::Column("id"))?.int("id")
}

/// Enqueues a job unless an unfinished one of its kind has the same key. That one keeps its time.
pub async fn enqueue_if_missing(tx: &mut Tx, now: Timestamp, job: NewJob) -> Result<(), StoreError> {
    let there = tx
        .row(
            "select 1 as found from queue where kind = $1 and dedupe_key = $2 and state in ('ready', 'running')",
            &[job.kind.into(), job.dedupe_key.as_deref().into()],
        )
        .await?;
    match there {
        Some(_) => Ok(()),
        None => enqueue(tx, now, job).await.map(drop),
    }
}

/// When the next job wants to run, or a lease may have run out. For the worker's sleep; costs no write.
pub async fn next_at(tx: &mut Tx) -> Result<Option<Timestamp>, StoreError> {
    let row = tx
        .row(
            "select min(at) as at from (
                 select min(run_at) as at from queue where state = 'ready'
                 union all
                 select min(leased_until) as at from queue where state = 'running'
             ) as due",
            &[],
        )
        .await?;
    row.map_or(Ok(None), |row| row.time_or_null("at"))
}

/// The job that has waited longest, leased to this worker until `now + lease`. None when nothing is due.
///
/// A job of a worker whose lease has run out is taken over, or is `Dead` if that was its last attempt.
pub async fn claim(tx: &mut Tx, now: Timestamp, worker: &str, lease: Duration) -> Result<Option<Job>, StoreError> {
    reclaim(tx, now).await?;
    let sql = format!(
        "update queue set state = 'running', leased_by = $1, leased_until = $2, attempts = attempts + 1
         where id = (
             select id from queue where state = 'ready' and run_at <= $3 order by run_at, id limit 1 {}
         )
         returning {COLUMNS}",
        skip_locked(tx)
    );
    let row = tx.row(&sql, &[worker.into(), after(now, lease).into(), now.into()]).await?;
    row.as_ref().map(Job::from_row).transpose()
}

/// Ends the leases that have run out. How many there were. `claim` calls it.
pub async fn reclaim(tx: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    let lock = skip_locked(tx);
    let expired =
        format!("id in (select id from queue where state = 'running' and leased_until <= $1 limit 100 {lock})");
    let dead = format!(
        "update queue set state = 'dead', finished_at = $1, last_error = 'the worker stopped before it finished',
             leased_by = null, leased_until = null
         where {expired} and attempts >= max_attempts"
    );
    let ready = format!(
        "update queue set state = 'ready', leased_by = null, leased_until = null
         where {expired} and attempts < max_attempts"
    );
    Ok(tx.run(&dead, &[now.into()]).await? + tx.run(&ready, &[now.into()]).await?)
}

/// Renews the lease until `now + lease`.
pub async fn heartbeat(tx: &mut Tx, job: &Job, now: Timestamp, lease: Duration) -> Result<Lease, StoreError> {
    let sql = held("update queue set leased_until = $4");
    standing(tx.row(&sql, &mine(job, after(now, lease))).await?)
}

/// Saves how far the job has come, in the transaction of the slice that it belongs to. When the answer is `Lost`, drop that transaction.
pub async fn checkpoint(tx: &mut Tx, job: &Job, checkpoint: &Json, progress: Progress) -> Result<Lease, StoreError> {
    let sql = held("update queue set checkpoint = $4, progress_done = $5, progress_total = $6");
    let mut params = mine(job, checkpoint).to_vec();
    params.extend([progress.done.into(), progress.total.into()]);
    standing(tx.row(&sql, &params).await?)
}

/// Saves only the progress.
pub async fn progress(tx: &mut Tx, job: &Job, progress: Progress) -> Result<Lease, StoreError> {
    let sql = held("update queue set progress_done = $4, progress_total = $5");
    let mut params = mine(job, progress.done).to_vec();
    params.push(progress.total.into());
    standing(tx.row(&sql, &params).await?)
}

/// The job is done. If it was enqueued again while it ran, it is ready once more.
pub async fn finish(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Lease, StoreError> {
    end(tx, job, now, State::Done, None).await
}

/// The job stopped because someone wanted it to.
pub async fn canceled(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Lease, StoreError> {
    end(tx, job, now, State::Canceled, None).await
}

/// The job cannot succeed, however often it is tried.
pub async fn bury(tx: &mut Tx, job: &Job, now: Timestamp, error: &str) -> Result<Lease, StoreError> {
    end(tx, job, now, State::Dead, Some(error)).await
}

/// The job failed and may succeed later: it runs again after a growing pause, or is `Dead` after its last attempt.
/// `jitter` is from 0 to 1 and spreads jobs that failed together.
pub async fn fail(tx: &mut Tx, job: &Job, now: Timestamp, error: &str, jitter: f64) -> Result<Failed, StoreError> {
    if job.attempts >= job.max_attempts {
        return Ok(match bury(tx, job, now, error).await? {
            Lease::Held | Lease::CancelRequested => Failed::Dead,
            Lease::Lost => Failed::Lost,
        });
    }
    let at = after(now, backoff(job.attempts, jitter));
    Ok(match release(tx, job, at, Some(error)).await? {
        Lease::Held | Lease::CancelRequested => Failed::RetryAt(at),
        Lease::Lost => Failed::Lost,
    })
}

/// Not now: the job waits until `run_at` with a fresh count of attempts. For work that finds it is too early, or that takes turns.
pub async fn postpone(tx: &mut Tx, job: &Job, run_at: Timestamp) -> Result<Lease, StoreError> {
    let lease = release(tx, job, run_at, None).await?;
    if lease != Lease::Lost {
        tx.run("update queue set attempts = 0 where id = $1", &[job.id.into()]).await?;
    }
    Ok(lease)
}

/// Stops a job. At once if it only waits; a running one is told at its next heartbeat or checkpoint.
/// False if there is no such job or it has already ended.
pub async fn cancel(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, StoreError> {
    let n = tx
        .run(
            "update queue set
                 cancel_requested = 1,
                 finished_at = case when state = 'ready' then $2 else finished_at end,
                 state = case when state = 'ready' then 'canceled' else state end
             where id = $1 and state in ('ready', 'running')",
            &[id.into(), now.into()],
        )
        .await?;
    Ok(n > 0)
}

/// Gives a dead job all its attempts again. False if it is not dead, or another one with its key waits already.
pub async fn revive(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, StoreError> {
    tx.has_enqueued = true;
    let n = tx
        .run(
            "update queue set state = 'ready', run_at = $2, attempts = 0, cancel_requested = 0, finished_at = null
             where id = $1 and state = 'dead' and not exists (
                 select 1 from queue as other
                 where other.kind = queue.kind and other.dedupe_key = queue.dedupe_key and other.state in ('ready', 'running')
             )",
            &[id.into(), now.into()],
        )
        .await?;
    Ok(n > 0)
}

/// Whether a job of this kind with this key waits, now or until later; one that runs does not count.
pub async fn is_ready(tx: &mut Tx, kind: &str, dedupe_key: &str) -> Result<bool, StoreError> {
    // Said as the index says it, which else would not serve.
    let sql = "select id from queue where kind = $1 and dedupe_key = $2 and state in ('ready', 'running') and state = 'ready'";
    Ok(tx.row(sql, &[kind.into(), dedupe_key.into()]).await?.is_some())
}

pub async fn find(tx: &mut Tx, id: i64) -> Result<Option<Job>, StoreError> {
    let row = tx.row(&format!("select {COLUMNS} from queue where id = $1"), &[id.into()]).await?;
    row.as_ref().map(Job::from_row).transpose()
}

/// Reads the whole index of unfinished and finished jobs: for an admin's page and for metrics, not for each request.
pub async fn counts(tx: &mut Tx) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for row in tx.rows("select state, count(*) as n from queue group by state", &[]).await? {
        let n = row.int("n")?;
        match State::parse(&row.text("state")?)? {
            State::Ready => counts.ready = n,
            State::Running => counts.running = n,
            State::Done => counts.done = n,
            State::Dead => counts.dead = n,
            State::Canceled => counts.canceled = n,
        }
    }
    Ok(counts)
}

/// Deletes at most `limit` jobs that ended before an instant. Dead ones stay, for someone to look at.
pub async fn clean_up(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.run(
        "delete from queue where id in (
             select id from queue where finished_at < $1 and state in ('done', 'canceled') order by finished_at limit $2
         )",
        &[before.into(), limit.into()],
    )
    .await
}

/// The pause before the next attempt: 2 s, 4 s, 8 s and so on up to an hour, of which `jitter` (0 to 1) takes away up to a half.
pub fn backoff(attempts: i64, jitter: f64) -> Duration {
    let exponent = u32::try_from(attempts.clamp(1, 12)).unwrap_or(12);
    let longest = f64::from(2_u32.pow(exponent)).min(3600.0);
    Duration::from_secs_f64(longest * (1.0 - jitter.clamp(0.0, 1.0) / 2.0))
}

async fn end(tx: &mut Tx, job: &Job, now: Timestamp, state: State, error: Option<&str>) -> Result<Lease, StoreError> {
    // An order that came in the middle of the run is a job of its own, and starts from the beginning.
    let sql = held(
        "update queue set
             state = case when run_again_at is null then $4 else 'ready' end,
             finished_at = case when run_again_at is null then cast($5 as bigint) end,
             run_at = coalesce(run_again_at, run_at),
             attempts = case when run_again_at is null then attempts else 0 end,
             checkpoint = case when run_again_at is null then checkpoint end,
             progress_done = case when run_again_at is null then progress_done else 0 end,
             cancel_requested = case when run_again_at is null then cancel_requested else 0 end,
             run_again_at = null, leased_by = null, leased_until = null, last_error = coalesce($6, last_error)",
    );
    // The row may become ready again, and then a worker should look.
    tx.has_enqueued = true;
    let mut params = mine(job, state.word()).to_vec();
    params.extend([now.into(), error.into()]);
    standing(tx.row(&sql, &params).await?)
}

async fn release(tx: &mut Tx, job: &Job, run_at: Timestamp, error: Option<&str>) -> Result<Lease, StoreError> {
    let sql = held(
        "update queue set state = 'ready', run_at = coalesce(run_again_at, $4), run_again_at = null,
             leased_by = null, leased_until = null, last_error = coalesce($5, last_error)",
    );
    tx.has_enqueued = true;
    let mut params = mine(job, run_at).to_vec();
    params.push(error.into());
    standing(tx.row(&sql, &params).await?)
}

/// Only by the run that holds the lease: the same worker may have lost the job and claimed it again, which its attempts tell.
fn held(update: &str) -> String {
    format!(
        "{update} where id = $1 and leased_by = $2 and attempts = $3 and leased_until is not null returning cancel_requested"
    )
}

fn mine(job: &Job, fourth: impl Into<Value>) -> [Value; 4] {
    [job.id.into(), job.leased_by.as_deref().into(), job.attempts.into(), fourth.into()]
}

fn standing(row: Option<Row>) -> Result<Lease, StoreError> {
    Ok(match row {
        None => Lease::Lost,
        Some(row) if row.flag("cancel_requested")? => Lease::CancelRequested,
        Some(_) => Lease::Held,
    })
}

/// SQLite has one writer; on PostgreSQL the workers of several nodes pass each other by.
fn skip_locked(tx: &Tx) -> &'static str {
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => "",
        EngineTx::Postgres(_) => "for update skip locked",
    }
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Running => "running",
            State::Done => "done",
            State::Dead => "dead",
            State::Canceled => "canceled",
        }
    }

    fn parse(word: &str) -> Result<State, StoreError> {
        let all = [State::Ready, State::Running, State::Done, State::Dead, State::Canceled];
        all.into_iter().find(|state| state.word() == word).ok_or(StoreError::Column("state"))
    }
}

impl Job {
    fn from_row(row: &Row) -> Result<Job, StoreError> {
        Ok(Job {
            id: row.int("id")?,
            kind: row.text("kind")?,
            payload: row.json("payload")?.unwrap_or_default(),
            state: State::parse(&row.text("state")?)?,
            run_at: row.time("run_at")?,
            attempts: row.int("attempts")?,
            max_attempts: row.int("max_attempts")?,
            leased_by: row.text_or_null("leased_by")?,
            leased_until: row.time_or_null("leased_until")?,
            cancel_requested: row.flag("cancel_requested")?,
            progress: Progress { done: row.int("progress_done")?, total: row.int_or_null("progress_total")? },
            checkpoint: row.json("checkpoint")?,
            last_error: row.text_or_null("last_error")?,
            created_at: row.time("created_at")?,
            finished_at: row.time_or_null("finished_at")?,
        })
    }
}
