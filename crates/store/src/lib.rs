//! One database, SQLite or PostgreSQL, behind one transaction type.
//!
//! This crate is the only one that knows which of the two is running. SQL elsewhere is written once, in the part of the language
//! both accept: `$1` placeholders, `bigint`, `text`, `returning`, `on conflict`, row comparison.
//!
//! Times are `bigint`, microseconds since 1970-01-01 UTC. Truth values are `bigint` 0 or 1. JSON is `text` and never searched.
//!
//! Reads: `let mut tx = db.read().await?;`. Writes: `transact!(db, |tx| { ... })`, a body that may run again; for work that nobody waits for,
//! `transact!(db.in_background(), |tx| { ... })`.

mod background;
pub mod dump;
mod error;
pub mod log;
pub mod migrate;
mod postgres;
pub mod queue;
pub mod schema;
pub mod search;
mod sqlite;
mod value;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub use background::Background;
pub use error::{StoreError, Transient};
pub use value::{Row, Value};

/// The database of one account. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    /// Told of every commit that enqueued a job.
    enqueued: Arc<Notify>,
    /// Told of every commit that wrote an event.
    logged: Arc<watch::Sender<()>>,
    lanes: background::Lanes,
}

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// A transaction. Dropping it without `commit` rolls it back.
///
/// After a statement has failed, every further one answers `Failed`, and so does `commit`.
pub struct Tx {
    engine: EngineTx,
    enqueued: Arc<Notify>,
    has_enqueued: bool,
    logged: Arc<watch::Sender<()>>,
    has_logged: bool,
    /// Of a slice of background work: the next one waits until this is dropped.
    turn: Option<background::Turn>,
}

enum EngineTx {
    Reading(sqlite::ReadTx),
    Writing(sqlite::WriteTx),
    Postgres(postgres::PostgresTx),
}

/// How to run the database. The defaults suit a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// SQLite only; PostgreSQL has `synchronous_commit` of its own.
    pub synchronous: Synchronous,
    /// Reading connections of SQLite.
    pub readers: usize,
    /// Connections to PostgreSQL.
    pub pool_size: usize,
    /// How long to wait for a connection, or for a turn to write, before `Unavailable`.
    pub wait: Duration,
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk: an acknowledged change survives a power cut.
    Full,
    /// The operating system: an acknowledged change survives a crash of the program, and the database always stays whole.
    Normal,
}

impl Default for Options {
    fn default() -> Options {
        let n_cores = std::thread::available_parallelism().map_or(2, usize::from);
        Options {
            synchronous: Synchronous::Full,
            readers: (2 * n_cores).max(4),
            pool_size: (4 * n_cores).max(16),
            wait: Duration::from_secs(5),
        }
    }
}

/// How many transactions were committed, and how many times the disk was asked to keep them. SQLite only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commits {
    pub n_transactions: u64,
    pub n_syncs: u64,
}

impl Db {
    /// Opens `sqlite:PATH` or `postgres://user:password@host/database?schema=name`. Does not touch the schema: `migrate` does.
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        Db::open_with(url, &Options::default()).await
    }

    /// The same, but never makes a new file: for a command that would find nothing in it.
    pub async fn open_existing(url: &str) -> Result<Db, StoreError> {
        if let Location::File(path) = Location::of(url)?
            && !path.exists()
        {
            let problem = format!(
                "there is no database {}: name the folder with --data, or start the server first",
                path.display()
            );
            return Err(StoreError::CannotOpen(problem));
        }
        Db::open(url).await
    }

    /// `CannotOpen`, `Damaged` and `Unavailable` carry a sentence that says what to do.
    pub async fn open_with(url: &str, options: &Options) -> Result<Db, StoreError> {
        let engine = match Location::of(url)? {
            Location::File(path) => Engine::Sqlite(sqlite::Sqlite::open(path, options)?),
            Location::Server(url) => Engine::Postgres(postgres::Postgres::open(url, options).await?),
        };
        Ok(Db::of(engine))
    }

    fn of(engine: Engine) -> Db {
        let logged = Arc::new(watch::Sender::new(()));
        Db { engine, enqueued: Arc::default(), logged, lanes: background::Lanes::default() }
    }

    /// Brings the schema up to this program's.
    ///
    /// `Newer` when a newer program has been here, `Migration` when one was changed or is missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrate::run(self, migrate::ALL).await?;
        transact!(self, |tx| {
            if log::rebase_if_ahead(tx).await? {
                tracing::warn!("this database comes from another PostgreSQL server: the event log was renumbered");
            }
            Ok(())
        })
    }

    /// A transaction that only reads, on one snapshot. Any number run side by side.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let engine = match &self.engine {
            Engine::Sqlite(db) => EngineTx::Reading(db.read().await?),
            Engine::Postgres(db) => EngineTx::Postgres(db.read().await?),
        };
        Ok(self.transaction(engine))
    }

    /// A transaction that writes. Use `transact!`, which commits, and repeats what lost a race.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        let engine = match &self.engine {
            Engine::Sqlite(db) => EngineTx::Writing(db.write().await?),
            Engine::Postgres(db) => EngineTx::Postgres(db.write().await?),
        };
        Ok(self.transaction(engine))
    }

    /// Waits for the next commit in this process that enqueued a job; at once if there was one since the last call.
    ///
    /// Other processes are not heard: a worker also looks by itself from time to time.
    pub async fn enqueued(&self) {
        self.enqueued.notified().await;
    }

    /// Hears of every commit in this process that wrote an event: `changed()` waits for the next, and is there at once if there was one
    /// since the last time. Each receiver hears for itself. What other processes write is not heard.
    pub fn logged(&self) -> watch::Receiver<()> {
        self.logged.subscribe()
    }

    /// Has another worker of this process look for jobs: one that took a job may have left more of them.
    pub fn wake_worker(&self) {
        self.enqueued.notify_one();
    }

    /// None on PostgreSQL, which counts for itself.
    pub fn commits(&self) -> Option<Commits> {
        match &self.engine {
            Engine::Sqlite(db) => {
                let (n_transactions, n_syncs) = db.n_commits();
                Some(Commits { n_transactions, n_syncs })
            }
            Engine::Postgres(_) => None,
        }
    }

    fn transaction(&self, engine: EngineTx) -> Tx {
        Tx {
            engine,
            enqueued: self.enqueued.clone(),
            has_enqueued: false,
            logged: self.logged.clone(),
            has_logged: false,
            turn: None,
        }
    }
}

/// Where a database is.
enum Location<'a> {
    File(&'a Path),
    Server(&'a str),
}

impl Location<'_> {
    fn of(url: &str) -> Result<Location<'_>, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Location::Server(url));
        }
        match url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() && !path.starts_with(":memory:") => Ok(Location::File(Path::new(path))),
            // The text may be a password in the wrong place, so it is not repeated.
            _ => Err(StoreError::CannotOpen(
                "the database address must be sqlite:FILE or postgres://user:password@host/database".to_owned(),
            )),
        }
    }
}

impl Tx {
    /// All rows of a query. Page it: nothing may load a table into memory.
    pub async fn rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.rows_up_to(sql, params, usize::MAX).await
    }

    /// The first row, if there is one.
    pub async fn row(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows_up_to(sql, params, 1).await?.into_iter().next())
    }

    /// Runs a statement that returns no rows, and says how many it changed.
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        match &mut self.engine {
            EngineTx::Reading(tx) => tx.rows(sql, params, usize::MAX).map(|rows| rows.len() as u64),
            EngineTx::Writing(tx) => tx.run(sql, params),
            EngineTx::Postgres(tx) => tx.run(sql, params).await,
        }
    }

    /// What a `select` of rows ends with that are about to be written: others who want to write them wait. SQLite has one writer anyhow.
    pub fn for_update(&self) -> &'static str {
        match self.engine {
            EngineTx::Reading(_) | EngineTx::Writing(_) => "",
            EngineTx::Postgres(_) => " for update",
        }
    }

    /// Marks a place that `back_to_mark` returns to: one row of many can then fail without taking the others along.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        self.run("savepoint one_of_many", &[]).await?;
        Ok(())
    }

    /// Undoes what was done since the mark, which is gone then. Not after a failed statement: that ends the whole transaction.
    pub async fn back_to_mark(&mut self) -> Result<(), StoreError> {
        self.run("rollback to savepoint one_of_many", &[]).await?;
        self.run("release savepoint one_of_many", &[]).await?;
        Ok(())
    }

    /// Keeps what was done since the mark, which is gone then.
    pub async fn keep_since_mark(&mut self) -> Result<(), StoreError> {
        self.run("release savepoint one_of_many", &[]).await?;
        Ok(())
    }

    /// Makes the changes durable. When this returns `Ok`, they survive a power cut.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Tx { engine, enqueued, has_enqueued, logged, has_logged, turn: _turn } = self;
        match engine {
            EngineTx::Reading(_) => {}
            EngineTx::Writing(tx) => tx.commit().await?,
            EngineTx::Postgres(tx) => tx.commit().await?,
        }
        if has_enqueued {
            enqueued.notify_one();
        }
        if has_logged {
            logged.send_replace(());
        }
        Ok(())
    }

    async fn rows_up_to(&mut self, sql: &str, params: &[Value], limit: usize) -> Result<Vec<Row>, StoreError> {
        match &mut self.engine {
            EngineTx::Reading(tx) => tx.rows(sql, params, limit),
            EngineTx::Writing(tx) => tx.rows(sql, params, limit),
            EngineTx::Postgres(tx) => tx.rows(sql, params).await,
        }
    }
}

/// How often `transact!` runs a body that lost to another transaction, before it gives up.
pub const ATTEMPTS: u32 = 5;

/// Runs a body in a write transaction and commits it: `transact!(app.db, |tx| tags::create(tx, &may, "refund").await)?`.
///
/// The body is an expression of type `Result<T, E>` in which `?` may be used; `E` must come from `StoreError` and be `Transient`.
/// It runs again when the database says that it lost a race (deadlock, serialization failure, busy), so nothing but SQL may happen
/// in it. An error rolls everything back.
#[macro_export]
macro_rules! transact {
    ($db:expr, |$tx:ident| $body:block) => { $crate::transact!(@run $db, $tx, async $body) };
    ($db:expr, |$tx:ident| $body:expr) => { $crate::transact!(@run $db, $tx, async { $body }) };
    (@run $db:expr, $tx:ident, $body:expr) => {{
        let mut attempt: u32 = 1;
        loop {
            let outcome = async {
                let mut transaction = $db.write().await?;
                let result = {
                    let $tx = &mut transaction;
                    $body.await
                };
                match result {
                    Ok(value) => {
                        transaction.commit().await?;
                        Ok(value)
                    }
                    Err(error) => Err(error),
                }
            }
            .await;
            match &outcome {
                Err(error) if attempt < $crate::ATTEMPTS && $crate::Transient::is_transient(error) => attempt += 1,
                _ => break outcome,
            }
        }
    }};
}
