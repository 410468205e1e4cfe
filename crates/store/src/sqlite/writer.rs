//! The one writer, and group commit: many small transactions share one sync of the disk.
//!
//! SQLite runs one write transaction at a time and syncs at the end of each. A sync costs ten times the work of a small transaction, so
//! the writers that are already waiting join the transaction of the one before them, each in a savepoint of its own, and one `commit`
//! makes them all durable. `commit` of a member answers only after that.
//!
//! The rule that keeps a batch from being forgotten: whoever leaves a batch open has woken the committer, a task that takes its turn in
//! the same queue. Hence a member that is dropped, cancelled or rolled back afterwards can harm nobody but itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, oneshot};

use super::Connection;
use super::checkpoint::{self, Log};
use crate::{Row, StoreError, Value};

/// Members of a batch at most, and how long it stays open: both bound what the first one waits for. Beside a slice of bulk work a sync
/// costs little.
const BATCH: usize = 64;
const OPEN: Duration = Duration::from_millis(10);

/// What a member of a batch hears about the commit.
type Answer = Result<(), (rusqlite::ffi::Error, Option<String>)>;

pub struct Shared {
    turn: Arc<Mutex<Writer>>,
    /// Writers that queue for their turn.
    n_waiting: AtomicUsize,
    committer: Arc<Committer>,
    log: Arc<Log>,
    wait: Duration,
    counters: Arc<Counters>,
}

pub struct Writer {
    connection: Connection,
    batch: Option<Batch>,
    log: Arc<Log>,
    counters: Arc<Counters>,
}

struct Batch {
    began: Instant,
    n_members: usize,
    /// Those whose `commit` waits for the answer.
    answers: Vec<oneshot::Sender<Answer>>,
}

#[derive(Default)]
struct Committer {
    wake: Notify,
    closed: AtomicBool,
}

#[derive(Default)]
struct Counters {
    transactions: AtomicU64,
    commits: AtomicU64,
}

/// One member of a batch. Dropping it without `commit` undoes its own changes.
pub struct WriteTx {
    shared: Arc<Shared>,
    /// None once the turn is over.
    turn: Option<OwnedMutexGuard<Writer>>,
    /// The first member needs no savepoint: to undo it is to undo the batch.
    in_savepoint: bool,
    failed: bool,
}

impl Shared {
    pub fn start(mut connection: Connection, path: &Path, wait: Duration) -> Result<Arc<Shared>, StoreError> {
        let counters = Arc::<Counters>::default();
        let log = Log::of(&mut connection)?;
        let turn =
            Arc::new(Mutex::new(Writer { connection, batch: None, log: log.clone(), counters: counters.clone() }));
        let committer = Arc::<Committer>::default();
        tokio::spawn(commit_what_is_left(turn.clone(), committer.clone()));
        tokio::spawn(checkpoint::carry_over(path.to_owned(), wait, turn.clone(), log.clone()));
        Ok(Arc::new(Shared { turn, n_waiting: AtomicUsize::new(0), committer, log, wait, counters }))
    }

    pub async fn begin(shared: &Arc<Shared>) -> Result<WriteTx, StoreError> {
        let mut turn = shared.turn().await?;
        let writer = &mut *turn;
        let in_savepoint = writer.batch.is_some();
        if in_savepoint {
            writer.connection.command("savepoint member")?;
        } else {
            writer.connection.command("begin immediate")?;
            writer.batch = Some(Batch { began: Instant::now(), n_members: 0, answers: Vec::new() });
        }
        Ok(WriteTx { shared: shared.clone(), turn: Some(turn), in_savepoint, failed: false })
    }

    pub async fn alone<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut turn = self.turn().await?;
        turn.commit()?;
        let done = in_place(|| work(&mut turn.connection));
        turn.log.committed();
        done
    }

    pub fn n_commits(&self) -> (u64, u64) {
        (self.counters.transactions.load(Ordering::Relaxed), self.counters.commits.load(Ordering::Relaxed))
    }

    /// First come, first served.
    async fn turn(&self) -> Result<OwnedMutexGuard<Writer>, StoreError> {
        if let Ok(turn) = self.turn.clone().try_lock_owned() {
            return Ok(turn);
        }
        let _waiting = Waiting::enter(&self.n_waiting);
        tokio::time::timeout(self.wait, self.turn.clone().lock_owned())
            .await
            .map_err(|_| StoreError::Unavailable("other changes take too long".to_owned()))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.committer.closed.store(true, Ordering::SeqCst);
        self.committer.wake.notify_one();
        self.log.close();
    }
}

impl Writer {
    /// Commits the open batch, if there is one, and answers its members.
    fn commit(&mut self) -> Result<(), StoreError> {
        let Some(batch) = self.batch.take() else {
            return Ok(());
        };
        let committed = in_place(|| self.connection.raw().execute_batch("commit"));
        match committed {
            Ok(()) => {
                self.counters.transactions.fetch_add(batch.n_members as u64, Ordering::Relaxed);
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                batch.answer(&Ok(()));
                self.log.committed();
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, n_members = batch.n_members, "a commit failed");
                batch.answer(&Err(failure(&error)));
                self.clear();
                Err(error.into())
            }
        }
    }

    /// Carries over what is left of the log, which may then begin anew. Says how many pages it will hold until then.
    pub fn carry_over(&mut self, wait: Duration) -> Result<usize, StoreError> {
        self.commit()?;
        in_place(|| checkpoint::finish(&mut self.connection, wait))
    }

    /// Ends whatever transaction a failure has left open.
    fn clear(&mut self) {
        if !self.connection.is_outside_transaction()
            && let Err(error) = self.connection.command("rollback")
        {
            tracing::error!(%error, "a rollback failed");
        }
    }
}

impl Batch {
    /// A member that has stopped listening was cancelled; its changes share the fate of the others.
    fn answer(self, answer: &Answer) {
        for member in self.answers {
            let _ = member.send(answer.clone());
        }
    }
}

impl WriteTx {
    pub fn rows(&mut self, sql: &str, params: &[Value], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.with(|connection| connection.rows(sql, params, limit))
    }

    pub fn run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        self.with(|connection| connection.run(sql, params))
    }

    /// PostgreSQL refuses everything after an error; so do we, that a test on one database speaks for both.
    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let turn = self.turn.as_mut().filter(|_| !self.failed).ok_or(StoreError::Failed)?;
        let done = work(&mut turn.connection);
        if let Err(error) = &done {
            self.failed = true;
            // A full disk or a broken file ends the whole transaction, and with it the members that only waited for the sync.
            if turn.connection.is_outside_transaction()
                && let Some(batch) = turn.batch.take()
            {
                batch.answer(&Err((rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT), Some(error.to_string()))));
            }
        }
        done
    }

    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        if self.in_savepoint {
            self.with(|connection| connection.command("release member"))?;
        }
        let mut turn = self.turn.take().ok_or(StoreError::Failed)?;
        let Some(batch) = turn.batch.as_mut() else {
            return Err(StoreError::Failed);
        };
        batch.n_members += 1;
        let is_full = BATCH <= batch.n_members || OPEN < batch.began.elapsed();
        let is_last = is_full || self.shared.n_waiting.load(Ordering::SeqCst) == 0;
        if is_last {
            return turn.commit();
        }
        let (answer, committed) = oneshot::channel();
        batch.answers.push(answer);
        if batch.answers.len() == 1 {
            self.shared.committer.wake.notify_one();
        }
        drop(turn);
        match committed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err((code, text))) => Err(rusqlite::Error::SqliteFailure(code, text).into()),
            Err(_) => Err(StoreError::Unavailable("the program ended before the commit".to_owned())),
        }
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        let Some(turn) = &mut self.turn else {
            return;
        };
        if !self.in_savepoint {
            turn.batch = None;
            turn.clear();
        } else if turn.batch.is_some() {
            let undone = turn.connection.command("rollback to member");
            if let Err(error) = undone.and_then(|()| turn.connection.command("release member")) {
                // The members before us can no longer be told from us: none of them may count as saved.
                tracing::error!(%error, "a savepoint could not be undone");
                if let Some(batch) = turn.batch.take() {
                    batch.answer(&Err((
                        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
                        Some(error.to_string()),
                    )));
                }
                turn.clear();
            }
        }
    }
}

/// Takes its turn whenever a batch was left open, behind the writers that may still join it.
async fn commit_what_is_left(turn: Arc<Mutex<Writer>>, committer: Arc<Committer>) {
    loop {
        committer.wake.notified().await;
        // The members hear about a failure themselves.
        let _ = turn.lock().await.commit();
        if committer.closed.load(Ordering::SeqCst) {
            return;
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn enter(n: &AtomicUsize) -> Waiting<'_> {
        n.fetch_add(1, Ordering::SeqCst);
        Waiting(n)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for the disk without holding up the other tasks of this thread. A runtime of one thread has nowhere to move them.
fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Errors of SQLite cannot be copied; their code and text can.
fn failure(error: &rusqlite::Error) -> (rusqlite::ffi::Error, Option<String>) {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => (*code, text.clone()),
        other => (rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT), Some(other.to_string())),
    }
}
