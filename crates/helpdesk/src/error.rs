use jiff::Timestamp;
use store::{StoreError, Transient};

/// Everything a helpdesk operation can refuse.
///
/// The domain says what went wrong; each surface says it in its own words, in one `match` without `_`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no {kind} with id {id}")]
    NotFound { kind: &'static str, id: i64 },
    /// A value that was sent is not acceptable. `field` is a path such as `messages.0.channel`.
    #[error("{field}: {problem}")]
    Invalid { field: String, problem: String },
    #[error("another {kind} already has this {field}")]
    Taken { kind: &'static str, field: &'static str },
    /// Something else still needs it.
    #[error("the {kind} with id {id} is in use: {problem}")]
    InUse { kind: &'static str, id: i64, problem: String },
    /// It was written before the newest message was seen.
    #[error("message {newest} came meanwhile")]
    Stale { field: &'static str, newest: i64 },
    /// It was changed since the writer had seen it, at this time.
    #[error("it was changed meanwhile, at {updated_at}")]
    Changed { field: &'static str, updated_at: Timestamp },
    /// More of these are under way than may be at once.
    #[error("too many {what} are under way")]
    TooMany { what: &'static str },
    /// Not to this person, whatever their role and words allow elsewhere. A sentence.
    #[error("{0}")]
    Forbidden(String),
    /// The rule that forbids it, as a sentence.
    #[error("{0}")]
    Refused(String),
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl Error {
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Invalid { field: field.into(), problem: problem.into() }
    }

    /// The same problem under another field's name.
    pub fn on_field(self, field: &str) -> Error {
        match self {
            Error::Invalid { problem, .. } => Error::Invalid { field: field.to_owned(), problem },
            other => other,
        }
    }
}

impl Transient for Error {
    fn is_transient(&self) -> bool {
        matches!(self, Error::Store(error) if error.is_transient())
    }
}
