//! What can go wrong between us and the database.

use rusqlite::ffi;
use tokio_postgres::error::SqlState;

/// A failure of the database, not of what the caller sent.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("SQLite: {0}")]
    Sqlite(rusqlite::Error),
    #[error("PostgreSQL: {}", postgres_text(.0))]
    Postgres(tokio_postgres::Error),
    #[error("the row has no column {0}, or one of another type")]
    Column(&'static str),
    /// A unique constraint refused the row. The text is the constraint's name or columns, as the database words it.
    #[error("not unique: {0}")]
    NotUnique(String),
    /// Every connection is in use, the disk is full, or the database cannot be reached: answered with 503 and `Retry-After`.
    #[error("the database is busy or cannot be reached: {0}")]
    Unavailable(String),
    /// An earlier statement of this transaction failed. Only leaving it helps; both databases then forget its changes.
    #[error("an earlier statement of this transaction failed")]
    Failed,
    /// The address cannot be opened. A sentence that says what to do.
    #[error("{0}")]
    CannotOpen(String),
    /// The file is no database, or a broken one. A sentence that says what to do.
    #[error("{0}")]
    Damaged(String),
    /// A migration that this database has seen was changed or is missing. The sentence names it.
    #[error("{0}")]
    Migration(String),
    /// A newer program has been at this database.
    #[error(
        "the database is at schema {database}, which is newer than this program's {program}: start the newer program again, \
         or restore a backup from before the upgrade"
    )]
    Newer { database: i64, program: i64 },
    /// A backup, restore or copy was refused or did not verify. A sentence that says what to do.
    #[error("{0}")]
    Copy(String),
}

/// An error that may go away when the same transaction is run again.
pub trait Transient {
    fn is_transient(&self) -> bool;
}

impl Transient for StoreError {
    fn is_transient(&self) -> bool {
        match self {
            StoreError::Sqlite(error) => {
                matches!(
                    error.sqlite_error_code(),
                    Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
                )
            }
            StoreError::Postgres(error) => error.code().is_some_and(|code| {
                *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
            }),
            StoreError::Column(_)
            | StoreError::NotUnique(_)
            | StoreError::Unavailable(_)
            | StoreError::Failed
            | StoreError::CannotOpen(_)
            | StoreError::Damaged(_)
            | StoreError::Migration(_)
            | StoreError::Newer { .. }
            | StoreError::Copy(_) => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let rusqlite::Error::SqliteFailure(failure, text) = &error else {
            return StoreError::Sqlite(error);
        };
        let text = || text.clone().unwrap_or_else(|| failure.to_string());
        match (failure.extended_code, failure.code) {
            (
                ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID,
                _,
            ) => {
                let text = text();
                let columns = text.strip_prefix("UNIQUE constraint failed: ").unwrap_or(&text);
                StoreError::NotUnique(columns.to_owned())
            }
            (_, rusqlite::ErrorCode::DiskFull) => {
                StoreError::Unavailable("the disk is full, free some space".to_owned())
            }
            (_, rusqlite::ErrorCode::SystemIoFailure) => {
                StoreError::Unavailable(format!("the disk reports an error: {}", text()))
            }
            (_, rusqlite::ErrorCode::ReadOnly) => {
                StoreError::Unavailable(format!("the database file is not writable: {}", text()))
            }
            (_, rusqlite::ErrorCode::NotADatabase) => StoreError::Damaged(
                "the file is not a SQLite database, or its start was overwritten: choose another file, or restore a backup"
                    .to_owned(),
            ),
            (_, rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::Damaged(format!(
                "the database file is damaged ({}): stop the program and restore a backup",
                text()
            )),
            _ => StoreError::Sqlite(error),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        let Some(refusal) = error.as_db_error() else {
            // Without an answer of the server it is the connection that failed, or a parameter of the wrong type.
            let lost = error.is_closed() || std::error::Error::source(&error).is_some_and(|e| e.is::<std::io::Error>());
            return if lost { StoreError::Unavailable(postgres_text(&error)) } else { StoreError::Postgres(error) };
        };
        let code = refusal.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            return StoreError::NotUnique(refusal.constraint().unwrap_or(refusal.message()).to_owned());
        }
        // Connection trouble, out of resources (memory, disk, connections), the server shuts down or starts up.
        let away = ["08", "53", "57P01", "57P02", "57P03", "57P05", "25P03"];
        if away.iter().any(|prefix| code.code().starts_with(prefix)) {
            return StoreError::Unavailable(postgres_text(&error));
        }
        match *code {
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => StoreError::Damaged(format!(
                "PostgreSQL reports damaged data ({}): stop the program and restore a backup",
                refusal.message()
            )),
            _ => StoreError::Postgres(error),
        }
    }
}

/// The driver's own text is only "db error"; what happened is in its source.
fn postgres_text(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(refusal), _) => format!("{} ({})", refusal.message(), refusal.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
