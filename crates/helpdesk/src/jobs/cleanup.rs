//! Removes what jobs leave behind when nobody can want it any more: files after a week, the values that an undo needs after 30 days. And
//! tells of jobs that the queue has given up without their having a say, because the program died again and again.

use jiff::{SignedDuration, Timestamp};
use store::{Db, Tx};

use super::job::{self, FILE_KEPT, KEPT, Status};
use super::run;
use crate::Error;

pub const KIND: &str = "clean_up_jobs";
pub const EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Rows of each kind in one transaction: a piece of a file is a megabyte.
const SLICE: i64 = 20;

pub async fn run(db: &Db, now: Timestamp) -> Result<(), Error> {
    while store::transact!(db.in_background(), |tx| bury_one(tx, now).await)? {}
    while store::transact!(db.in_background(), |tx| clean_one(tx, now).await)? {}
    Ok(())
}

/// False when there is none left.
async fn bury_one(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    let row = tx
        .row(
            "select j.id, q.last_error from jobs j join queue q on q.id = j.queue_id
             where j.status in ('running', 'errored', 'cancel_requested') and q.state = 'dead' order by j.created_at, j.id limit 1",
            &[],
        )
        .await?;
    let Some(row) = row else { return Ok(false) };
    let dead = job::take(tx, row.int("id")?).await?;
    run::close(tx, &dead, now, Status::FatalErrored, row.text_or_null("last_error")?.as_deref()).await?;
    Ok(true)
}

async fn clean_one(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    let row = tx
        .row(
            "select id from jobs
             where cleaned_at is null and status in ('done', 'canceled', 'fatal_errored')
               and (ended_at < $1 or ended_at < $2 and type in ('export_tickets', 'export_macros'))
             order by created_at limit 1",
            &[(now - KEPT).into(), (now - FILE_KEPT).into()],
        )
        .await?;
    let Some(row) = row else { return Ok(false) };
    let id = row.int("id")?;
    let mut n = 0;
    for table in ["job_pieces", "job_changes", "job_results"] {
        let sql = format!(
            "delete from {table} where job_id = $1 and number in
                 (select number from {table} where job_id = $1 order by number limit $2)"
        );
        n += tx.run(&sql, &[id.into(), SLICE.into()]).await?;
    }
    if n == 0 {
        tx.run("update jobs set cleaned_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    }
    Ok(true)
}
