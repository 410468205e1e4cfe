//! Carrying the log over into the file, beside the writers.
//!
//! SQLite does it within a commit, whenever the log has grown long enough: that one commit writes thousands of pages all over the file,
//! syncs them, and everybody waits. Here a connection of its own does it while the writers go on; only what came in the meantime is
//! carried over in a writer's turn, so that the log can begin anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use super::writer::Writer;
use super::{Connection, connect};
use crate::StoreError;

/// Pages of 4 KiB that the log holds when it is time. A page that is written often is carried over once each time: bulk work that fills a
/// short log would wait for the file again and again.
const PAGES: usize = 6000;
/// Pages that may be left for a writer's turn.
const LEFT: usize = 1000;
/// Rounds beside the writers at most. What they write during a round is left to the next one, which is shorter.
const ROUNDS: usize = 3;
/// How long a turn waits for reads that began before it.
const FOR_READS: Duration = Duration::from_millis(5);

/// How long the log is, as the last commit left it.
#[derive(Default)]
pub struct Log {
    pages: AtomicUsize,
    /// It is carried over when it has grown to this. A long read keeps it from beginning anew; then it must grow as much again.
    next: AtomicUsize,
    wake: Notify,
    closed: AtomicBool,
}

impl Log {
    /// The log of the writing connection, which no longer carries it over by itself.
    pub fn of(connection: &mut Connection) -> Result<Arc<Log>, StoreError> {
        let log = Arc::new(Log { next: AtomicUsize::new(PAGES), ..Log::default() });
        let seen = log.clone();
        connection.raw().wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            seen.pages.store(usize::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(log)
    }

    /// After a commit: has the log carried over if it is time.
    pub fn committed(&self) {
        if self.is_time() {
            self.wake.notify_one();
        }
    }

    fn is_time(&self) -> bool {
        self.next.load(Ordering::Relaxed) <= self.pages.load(Ordering::Relaxed)
    }

    /// What the log holds after it was carried over.
    fn begins_anew(&self, pages: usize) {
        self.pages.store(pages, Ordering::Relaxed);
        self.next.store(pages + PAGES, Ordering::Relaxed);
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }
}

/// Runs until the log is closed.
pub async fn carry_over(path: PathBuf, wait: Duration, turn: Arc<Mutex<Writer>>, log: Arc<Log>) {
    // Opened when first needed: a short command never does.
    let mut connection = None;
    loop {
        log.wake.notified().await;
        if log.closed.load(Ordering::SeqCst) {
            return;
        }
        // Woken by a commit that was made while the log was carried over.
        if !log.is_time() {
            continue;
        }
        let path = path.clone();
        let rounds = tokio::task::spawn_blocking(move || {
            let mut opened = match connection {
                Some(connection) => connection,
                None => connect(&path, wait)?,
            };
            beside(&mut opened).map(|()| opened)
        });
        let finished = match rounds.await {
            Ok(Ok(opened)) => {
                connection = Some(opened);
                let mut writer = turn.lock().await;
                writer.carry_over(wait).inspect(|left| log.begins_anew(*left))
            }
            Ok(Err(error)) => {
                connection = None;
                Err(error)
            }
            Err(_) => return,
        };
        if let Err(error) = finished {
            // Nothing is lost: the log holds everything, and reads look there first.
            tracing::warn!(%error, "the database's log could not be carried over into its file");
            log.begins_anew(log.pages.load(Ordering::Relaxed));
        }
    }
}

/// Rounds beside the writers, until little is left.
fn beside(connection: &mut Connection) -> Result<(), StoreError> {
    let mut carried = 0;
    for _ in 0..ROUNDS {
        let state = State::read(connection, "pragma wal_checkpoint(passive)")?;
        let is_stuck = state.carried == carried;
        carried = state.carried;
        if state.pages < carried + LEFT || is_stuck {
            break;
        }
    }
    Ok(())
}

/// In a writer's turn, outside of a transaction: carries over the rest and has the next commit begin the log anew, if the reads of this
/// moment end soon. Says how many pages the log holds until then. `wait` is what this connection waits for others otherwise.
pub fn finish(connection: &mut Connection, wait: Duration) -> Result<usize, StoreError> {
    connection.raw().busy_timeout(FOR_READS)?;
    let state = State::read(connection, "pragma wal_checkpoint(restart)");
    connection.raw().busy_timeout(wait)?;
    let state = state?;
    Ok(if state.is_busy { state.pages } else { 0 })
}

/// What a checkpoint says of the log.
struct State {
    is_busy: bool,
    pages: usize,
    /// How many of them are in the file.
    carried: usize,
}

impl State {
    fn read(connection: &mut Connection, sql: &str) -> Result<State, StoreError> {
        let rows = connection.rows(sql, &[], 1)?;
        let count = |name: &'static str| rows.first().map_or(Ok(0), |row| row.int(name));
        let pages = |n: i64| usize::try_from(n).unwrap_or_default();
        Ok(State { is_busy: count("busy")? != 0, pages: pages(count("log")?), carried: pages(count("checkpointed")?) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sqlite;
    use crate::Options;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_log_begins_anew_while_somebody_writes_and_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let sqlite = Sqlite::open(&path, &Options::default()).unwrap();
        sqlite.alone(|it| it.command("create table notes (text text)")).await.unwrap();
        let text = "x".repeat(20_000);

        // Some 100 MB, of which the log never holds all.
        for _ in 0..5_000 {
            let mut tx = sqlite.write().await.unwrap();
            tx.run("insert into notes (text) values ($1)", &[text.as_str().into()]).unwrap();
            tx.commit().await.unwrap();
            sqlite.read().await.unwrap().rows("select 1 as one", &[], 1).unwrap();
        }

        let log = std::fs::metadata(folder.path().join("a.db-wal")).unwrap().len();
        assert!(log < 50_000_000, "the log holds {log} bytes");
    }
}
