//! What can go wrong between us and the database.

/// A failure of the database, not of what the caller sent.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the row has no column {0}, or one of another type")]
    Column(&'static str),
    /// A unique constraint refused the row. The text is the constraint's name or columns, as the database words it.
    #[error("not unique: {0}")]
    NotUnique(String),
    /// Every connection is in use, or the database cannot be reached: answered with 503 and `Retry-After`.
    #[error("the database is busy or cannot be reached: {0}")]
    Unavailable(String),
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
                *code == tokio_postgres::error::SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == tokio_postgres::error::SqlState::T_R_DEADLOCK_DETECTED
            }),
            StoreError::Column(_) | StoreError::NotUnique(_) | StoreError::Unavailable(_) => false,
        }
    }
}
