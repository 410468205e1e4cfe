//! Deletes for good what has been in the trash for thirty days: a few tickets in each transaction, so that nobody waits for it.

use jiff::{SignedDuration, Timestamp};
use scope::permit::Permit;
use store::Db;

use crate::Error;
use crate::tickets::write;

pub const KIND: &str = "purge_trash";
pub const EVERY: SignedDuration = SignedDuration::from_hours(6);
/// How long a ticket can be taken out of the trash.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Tickets deleted in one transaction.
const SLICE: i64 = 20;

/// Runs the job until nothing is old enough any more. Served by `tickets_by_trashed`. `run` names this run of it in the event log (a UUID).
pub async fn run(db: &Db, now: Timestamp, run: &str) -> Result<(), Error> {
    let Ok(before) = now.checked_sub(KEPT) else { return Ok(()) };
    loop {
        let n_found = store::transact!(db.in_background(), |tx| {
            let may = Permit::system(KIND, run.to_owned());
            let sql = "select id from tickets where trashed_at is not null and trashed_at <= $1
                       order by trashed_at, id limit $2";
            let rows = tx.rows(sql, &[before.into(), SLICE.into()]).await?;
            for row in &rows {
                match write::delete(tx, &may, now, row.int("id")?).await {
                    // Somebody was faster.
                    Ok(()) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok::<_, Error>(rows.len())
        })?;
        if n_found < usize::try_from(SLICE).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}
