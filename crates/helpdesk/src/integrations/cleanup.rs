//! Forgets calls that are older than 30 days, in small batches, so that others can write in between, and hosts that have been left in
//! peace for as long.

use jiff::{SignedDuration, Timestamp};
use store::Db;

use super::circuit;
use crate::Error;

pub const KIND: &str = "clean_up_deliveries";
pub const EVERY: SignedDuration = SignedDuration::from_hours(1);
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
const BATCH: i64 = 500;

/// Runs the job.
pub async fn run(db: &Db, now: Timestamp) -> Result<(), Error> {
    let before = now - KEPT;
    store::transact!(db.in_background(), |tx| circuit::forget_hosts(tx, before).await)?;
    loop {
        let n = store::transact!(db.in_background(), |tx| {
            tx.run(
                "delete from deliveries where id in (
                     select id from deliveries where created_at < $1 order by created_at, id limit $2
                 )",
                &[before.into(), BATCH.into()],
            )
            .await
        })?;
        if n < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
