//! Following the event log: what rules, integrations and statistics do after a change, each with a cursor of its own.
//!
//! A follower works in slices. What it does with a slice and where it has come are written in one transaction, so that each event has
//! its effect exactly once, also after a crash. The binary lists the followers and wakes them (`bailiwick/src/worker.rs`); each is a job
//! of its own, of which one at a time runs, on whichever node. Slices are as large as their time allows (`to_the_end`): whoever answers a
//! person waits for them. Rules also go by how many of them ran.

use jiff::Timestamp;
use serde_json::Value as Json;
use store::log::{self, Position};
use store::{Row, Tx};

use crate::Error;

/// Runs slices until one finds nothing, each in a transaction of its own. The slice is given the time and how many events it takes at most, and
/// says how many it took.
macro_rules! to_the_end {
    ($db:expr, $clock:expr, $most:expr, |$tx:ident, $now:ident, $size:ident| $slice:expr) => {{
        let mut pace = $crate::pace::Pace::of_a_follower($db, $most);
        loop {
            let (n_events, began) = store::transact!($db.as_follower(), |$tx| {
                let ($now, $size) = ($clock.now(), pace.size());
                let n_events: usize = $slice?;
                Ok::<_, $crate::Error>((n_events, $now))
            })?;
            if n_events == 0 {
                return Ok(());
            }
            pace.learn(n_events, began, $clock.now());
        }
    }};
}
pub(crate) use to_the_end;

/// An event as a follower reads it, with who caused it.
#[derive(Debug, Clone)]
pub struct Logged {
    pub position: Position,
    pub id: i64,
    /// Such as `ticket-created`.
    pub kind: String,
    pub object_type: String,
    pub object_id: i64,
    pub person_id: Option<i64>,
    pub client_id: Option<i64>,
    /// Our own worker, where no person acted: what a rule did itself is told from the rest by it.
    pub worker: Option<String>,
    /// A UUID that groups what one request caused.
    pub context: String,
    pub before: Option<Json>,
    pub after: Option<Json>,
    pub data: Option<Json>,
    pub created_at: Timestamp,
}

/// The next events for this reader, at most `limit`, oldest first.
pub async fn next(tx: &mut Tx, reader: &str, limit: usize) -> Result<Vec<Logged>, Error> {
    let position = log::position(tx, reader).await?;
    log::after(tx, position, i64::try_from(limit).unwrap_or(i64::MAX)).await?.iter().map(Logged::from_row).collect()
}

/// Remembers that the reader has dealt with everything up to this event, in the transaction of what it did.
pub async fn advance(tx: &mut Tx, reader: &str, last: &Logged, now: Timestamp) -> Result<(), Error> {
    Ok(log::advance(tx, reader, last.position, now).await?)
}

/// What was written after an event, this transaction's own events too, which `next` does not show before the commit. For whoever is alone in
/// the database: others' events can come in between.
pub(crate) async fn written_after(tx: &mut Tx, id: i64, limit: i64) -> Result<Vec<Logged>, Error> {
    let sql = "select id, transaction_id, type, object_type, object_id, person_id, client_id, worker, context, before, after, data, created_at
               from events where id > $1 order by id limit $2";
    tx.rows(sql, &[id.into(), limit.into()]).await?.iter().map(Logged::from_row).collect()
}

/// Puts the reader behind everything that there is: for a past that it has no business with.
pub async fn pass_over(tx: &mut Tx, reader: &str, now: Timestamp) -> Result<(), Error> {
    let newest = "select id, transaction_id from events order by transaction_id desc, id desc limit 1";
    match tx.row(newest, &[]).await? {
        Some(row) => Ok(log::advance(tx, reader, Position::of(&row)?, now).await?),
        None => Ok(()),
    }
}

/// Whether there are events that the reader has not seen.
pub async fn is_behind(tx: &mut Tx, reader: &str) -> Result<bool, Error> {
    let position = log::position(tx, reader).await?;
    Ok(!log::after(tx, position, 1).await?.is_empty())
}

impl Logged {
    pub(crate) fn from_row(row: &Row) -> Result<Logged, Error> {
        Ok(Logged {
            position: Position::of(row)?,
            id: row.int("id")?,
            kind: row.text("type")?,
            object_type: row.text("object_type")?,
            object_id: row.int("object_id")?,
            person_id: row.int_or_null("person_id")?,
            client_id: row.int_or_null("client_id")?,
            worker: row.text_or_null("worker")?,
            context: row.text("context")?,
            before: row.json("before")?,
            after: row.json("after")?,
            data: row.json("data")?,
            created_at: row.time("created_at")?,
        })
    }
}
