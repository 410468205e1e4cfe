//! SQLite: one file, one writer with group commit, many readers.
//!
//! Statements take microseconds and run where they are called; only a commit waits for the disk, and moves aside for it.
//! Never opens a database in memory: readers are connections of their own and would not see it.

mod checkpoint;
mod connection;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use connection::Connection;
pub use writer::WriteTx;

use crate::error::Transient as _;
use crate::{Options, Row, StoreError, Synchronous, Value};

#[derive(Clone)]
pub struct Sqlite {
    writer: Arc<writer::Shared>,
    readers: Arc<Readers>,
}

/// A pool of connections that only read, opened when first needed.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    wait: Duration,
}

/// One snapshot. Goes back to the pool when dropped.
pub struct ReadTx {
    readers: Arc<Readers>,
    connection: Option<Connection>,
    failed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Sqlite {
    /// Opens or creates the file. `CannotOpen` says what to do about a missing or unwritable folder, `Damaged` about a broken file.
    pub fn open(path: &Path, options: &Options) -> Result<Sqlite, StoreError> {
        create(path)?;
        let mut connection = connect(path, options.wait)?;
        let synchronous = match options.synchronous {
            Synchronous::Full => "pragma synchronous = full",
            Synchronous::Normal => "pragma synchronous = normal",
        };
        keep_a_log(&mut connection, options.wait).map_err(|error| explain(path, error))?;
        // Savepoints of a batch keep the pages they may have to put back in memory. A change of a hundred rows touches some two thousand
        // pages: what does not fit into the cache, of 16 MiB here, is written to the log more than once.
        for pragma in [synchronous, "pragma temp_store = memory", "pragma cache_size = -16384"] {
            connection.command(pragma).map_err(|error| explain(path, error))?;
        }
        // The log shrinks again after a burst.
        connection.command("pragma journal_size_limit = 67108864")?;
        connection.command("select count(*) from sqlite_schema").map_err(|error| explain(path, error))?;
        let n_readers = options.readers.max(1);
        let readers = Readers {
            path: path.to_owned(),
            idle: Mutex::new(Vec::with_capacity(n_readers)),
            permits: Arc::new(Semaphore::new(n_readers)),
            wait: options.wait,
        };
        let writer = writer::Shared::start(connection, path, options.wait)?;
        Ok(Sqlite { writer, readers: Arc::new(readers) })
    }

    /// `Unavailable` when no reader comes free in time.
    pub async fn read(&self) -> Result<ReadTx, StoreError> {
        let permits = self.readers.permits.clone();
        let permit = match permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout(self.readers.wait, permits.acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => {
                    return Err(StoreError::Unavailable("every reading connection is in use".to_owned()));
                }
            },
        };
        let idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                let mut connection = connect(&self.readers.path, self.readers.wait)?;
                connection.command("pragma query_only = on")?;
                connection
            }
        };
        connection.command("begin")?;
        Ok(ReadTx { readers: self.readers.clone(), connection: Some(connection), failed: false, _permit: permit })
    }

    /// `Unavailable` when the writers before us do not finish in time.
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        writer::Shared::begin(&self.writer).await
    }

    /// The writing connection for itself, outside of any transaction.
    pub async fn alone<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.writer.alone(work).await
    }

    /// A connection of its own to the same file, for a long read such as a backup.
    pub fn connect(&self) -> Result<Connection, StoreError> {
        connect(&self.readers.path, self.readers.wait)
    }

    /// Idle readers are opened again when needed. They would keep the file from being put in order.
    pub fn close_readers(&self) {
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Transactions committed, and the syncs they shared.
    pub fn n_commits(&self) -> (u64, u64) {
        self.writer.n_commits()
    }
}

impl ReadTx {
    pub fn rows(&mut self, sql: &str, params: &[Value], limit: usize) -> Result<Vec<Row>, StoreError> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        let connection = self.connection.as_mut().ok_or(StoreError::Failed)?;
        let found = connection.rows(sql, params, limit);
        self.failed = found.is_err();
        found
    }
}

impl Drop for ReadTx {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && connection.command("rollback").is_ok()
        {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

/// Makes an empty file that only its owner may read: it will hold password hashes. SQLite gives its two companions the same mode.
pub fn create(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::CannotOpen(format!(
            "cannot create the database {} ({error}): make its folder and let this user write there, or name another file",
            path.display()
        ))),
    }
}

/// A file that is only read, such as a backup. `CannotOpen` or `Damaged` with a sentence.
pub fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let inner = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| explain(path, error.into()))?;
    let mut connection = Connection::new(inner)?;
    connection.command("select count(*) from sqlite_schema").map_err(|error| explain(path, error))?;
    Ok(connection)
}

fn connect(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let inner = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| explain(path, error.into()))?;
    inner.busy_timeout(busy)?;
    let mut connection = Connection::new(inner)?;
    connection.command("pragma foreign_keys = on")?;
    Ok(connection)
}

/// Switches the file to a write-ahead log. SQLite does not wait for others that do the same to a new file: it says at once that the
/// file is locked, so the waiting is ours.
fn keep_a_log(connection: &mut Connection, wait: Duration) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match connection.command("pragma journal_mode = wal") {
            Err(error) if error.is_transient() && began.elapsed() < wait => {
                std::thread::sleep(Duration::from_millis(5))
            }
            done => return done,
        }
    }
}

/// What opening can fail with, as sentences about this file.
fn explain(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    match error {
        StoreError::Damaged(text) => StoreError::Damaged(format!("{path}: {text}")),
        other => StoreError::CannotOpen(format!(
            "cannot open the database {path} ({other}): let this user read and write the file and its folder, or name another file"
        )),
    }
}
