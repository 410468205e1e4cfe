//! One database, SQLite or PostgreSQL, behind one transaction type.
//!
//! This crate is the only one that knows which of the two is running. SQL elsewhere is written once, in the part of the language
//! both accept: `$1` placeholders, `bigint`, `text`, `returning`, `on conflict`, row comparison.
//!
//! Times are `bigint`, microseconds since 1970-01-01 UTC. Truth values are `bigint` 0 or 1. JSON is `text` and never searched.
//!
//! Reads: `let mut tx = db.read().await?;`. Writes: `transact!(db, |tx| { ... })`, a body that may run again.

mod error;
mod sqlite;
mod value;

pub use error::{StoreError, Transient};
pub use value::{Row, Value};

/// The database of one account. Cheap to clone.
#[derive(Clone)]
pub enum Db {
    Sqlite(sqlite::Sqlite),
}

/// A transaction. Dropping it without `commit` rolls it back.
pub enum Tx {
    Sqlite(sqlite::SqliteTx),
}

impl Db {
    /// Opens `sqlite:PATH`, `sqlite::memory:` or `postgres://...`.
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        Ok(Db::Sqlite(sqlite::Sqlite::open(url.strip_prefix("sqlite:").unwrap_or(url))?))
    }

    /// Brings the schema up to this program's.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(db) => db.migrate().await,
        }
    }

    /// A transaction that only reads, on one snapshot. Any number run side by side.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        match self {
            Db::Sqlite(db) => Ok(Tx::Sqlite(db.begin().await?)),
        }
    }

    /// A transaction that writes. Use `transact!`, which commits, and repeats what lost a race.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        match self {
            Db::Sqlite(db) => Ok(Tx::Sqlite(db.begin().await?)),
        }
    }
}

impl Tx {
    /// All rows of a query. Page it: nothing may load a table into memory.
    pub async fn rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.rows(sql, params),
        }
    }

    /// The first row, if there is one.
    pub async fn row(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// Runs a statement that returns no rows, and says how many it changed.
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.run(sql, params),
        }
    }

    /// Makes the changes durable. When this returns `Ok`, they survive a power cut.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit(),
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
    ($db:expr, |$tx:ident| $body:expr) => {{
        let mut attempt: u32 = 1;
        loop {
            let outcome = async {
                let mut transaction = $db.write().await?;
                let result = {
                    let $tx = &mut transaction;
                    async { $body }.await
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
