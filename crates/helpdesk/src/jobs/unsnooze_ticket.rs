//! Reopens a snoozed ticket when its time has come.
//!
//! A ticket that was snoozed anew, reopened or deleted in the meantime is left alone: the job names the time it was made for.

use jiff::Timestamp;
use scope::permit::Permit;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Db, Tx};

use crate::Error;
use crate::tickets::write;

pub const KIND: &str = "unsnooze_ticket";
const MAX_ATTEMPTS: i64 = 20;

/// Has the ticket reopened at `until`, in the transaction that snoozes it.
pub async fn enqueue(tx: &mut Tx, now: Timestamp, ticket_id: i64, until: Timestamp) -> Result<(), Error> {
    let until_microseconds = until.as_microsecond();
    let job = NewJob {
        kind: KIND,
        payload: json!({ "ticket_id": ticket_id, "until_microseconds": until_microseconds }),
        run_at: until,
        dedupe_key: Some(format!("{ticket_id} {until_microseconds}")),
        max_attempts: MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await?;
    Ok(())
}

/// Runs the job. `run` names this run of it in the event log (a UUID).
pub async fn run(db: &Db, now: Timestamp, payload: &Json, run: &str) -> Result<(), Error> {
    let ticket_id = payload.get("ticket_id").and_then(Json::as_i64);
    let until = payload.get("until_microseconds").and_then(Json::as_i64);
    let (Some(ticket_id), Some(until)) = (ticket_id, until.and_then(|until| Timestamp::from_microsecond(until).ok()))
    else {
        return Err(Error::invalid("payload", "names no ticket or no time"));
    };
    store::transact!(db, |tx| {
        let may = Permit::system(KIND, run.to_owned());
        write::unsnooze(tx, &may, now, ticket_id, until).await
    })?;
    Ok(())
}
