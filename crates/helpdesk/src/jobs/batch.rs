//! Many rows of one call, carried out one by one behind the caller's back: a hundred tickets to create, say.
//!
//! A row is what its surface was sent, and the surface says what it means (`Carry`): the binary connects the two. A row that is refused
//! leaves nothing behind and says why; what became of each is kept in the rows' order, so that a job that was cut off goes on behind its
//! last slice.

use std::pin::Pin;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Jobs, Resource};
use serde_json::{Value as Json, json};
use store::{StoreError, Tx};

use super::errors::NewError;
use super::job::{self, Job, Kind, NewJob, Work};
use super::run::{Ended, Run, Standing};
use crate::Error;
use crate::pace::Pace;
use crate::page::Query;

/// Most rows of one batch.
pub const ROWS_MAX: usize = 100;
/// Most batches that wait or run at once.
pub const UNDER_WAY_MAX: i64 = 30;

/// Carries out one row of a call, and answers what came of it. The transaction is the slice's; an error takes back what the row did.
pub type Carry = for<'a> fn(&'a mut Tx, &'a By, Timestamp, (&'a str, &'a Json)) -> Carrying<'a>;

pub type Carrying<'a> = Pin<Box<dyn Future<Output = Result<Json, Error>> + Send + 'a>>;

/// In whose name rows are carried out: whoever asked, as far as their role reaches now. The words were checked when they asked.
#[derive(Debug)]
pub struct By(Actor);

impl By {
    pub fn permit<R: Resource, A: Access>(&self) -> Result<Permit<R, A>, Error> {
        let refused = |_| Error::Refused("The role of the person who asked does not allow it.".to_owned());
        Permit::deferred(&self.0).map_err(refused)
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Done(Json),
    /// Why not, as a sentence.
    Refused(String),
}

/// Has the rows of a call carried out. `may` shows that the caller may do to one what shall be done to many. `Refused` if too many batches
/// are under way.
pub async fn create<R: Resource>(
    tx: &mut Tx,
    may: &CanWrite<R>,
    now: Timestamp,
    call: &str,
    rows: Vec<Json>,
) -> Result<Job, Error> {
    if ROWS_MAX < rows.len() {
        return Err(Error::invalid("rows", format!("Longer than maximum length {ROWS_MAX}.")));
    }
    let under_way = tx
        .row(
            "select count(*) as n from jobs where status in ('pending', 'running', 'errored') and type = $1",
            &[Kind::Batch.word().into()],
        )
        .await?;
    if UNDER_WAY_MAX <= under_way.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::TooMany { what: "jobs" });
    }
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let new = NewJob {
        params: json!({ "call": call, "rows": total }),
        work: Work::Batch { call: call.to_owned(), rows },
        meta: None,
        scheduled_at: None,
    };
    let job = job::start(tx, may.actor(), now, new).await?;
    tx.run("update jobs set progress_total = $1 where id = $2", &[total.into(), job.id.into()]).await?;
    job::read(tx, job.id).await
}

/// What became of the rows of these jobs so far, in their order.
pub async fn outcomes(tx: &mut Tx, _may: &CanRead<Jobs>, job_ids: &[i64]) -> Result<Vec<(i64, Outcome)>, Error> {
    if job_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new("select job_id, number, result from job_results where 1 = 1");
    query.and_in("job_id", job_ids.iter().copied());
    query.sql.push_str(" order by job_id, number");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let outcome = |row: &store::Row| {
        let result = row.json("result")?.ok_or(StoreError::Column("result"))?;
        let outcome = match result.get("refused").and_then(Json::as_str) {
            Some(why) => Outcome::Refused(why.to_owned()),
            None => Outcome::Done(result["done"].clone()),
        };
        Ok((row.int("job_id")?, outcome))
    };
    rows.iter().map(outcome).collect()
}

pub(super) async fn run(run: &Run<'_>, call: &str, rows: &[Json], carry: Carry) -> Result<Ended, Error> {
    let by = By(run.actor.clone());
    let mut pace = Pace::at_most(run.db, ROWS_MAX);
    let mut progress = run.progress();
    loop {
        let done = usize::try_from(progress.done).unwrap_or(usize::MAX);
        let Some(rest) = rows.get(done..).filter(|rest| !rest.is_empty()) else { return Ok(Ended::Done) };
        let some = &rest[..rest.len().min(pace.size())];
        let (standing, after, began) = store::transact!(run.db.in_background(), |tx| {
            let (mut after, began) = (progress.clone(), run.clock.now());
            let standing = run.standing(tx).await?;
            if standing == Standing::Going {
                let mut refused = Vec::new();
                for (at, row) in some.iter().enumerate() {
                    let number = i64::try_from(done + at).unwrap_or(i64::MAX);
                    let result = match carry_row(tx, &by, began, (call, row), carry).await? {
                        Outcome::Done(result) => json!({ "done": result }),
                        Outcome::Refused(problem) => {
                            let result = json!({ "refused": problem });
                            refused.push(NewError { ticket_id: None, row_number: Some(number + 1), problem });
                            result
                        }
                    };
                    let sql = "insert into job_results (job_id, number, result) values ($1, $2, $3)";
                    tx.run(sql, &[run.job.id.into(), number.into(), result.into()]).await?;
                    after.done += 1;
                }
                run.save(tx, &mut after, &[], &refused).await?;
            }
            Ok::<_, Error>((standing, after, began))
        })?;
        if let Standing::Over(ended) = standing {
            return Ok(ended);
        }
        progress = after;
        pace.learn(some.len(), began, run.clock.now());
        tokio::task::yield_now().await;
    }
}

/// Carries one row out behind a mark of its own.
async fn carry_row(tx: &mut Tx, by: &By, now: Timestamp, row: (&str, &Json), carry: Carry) -> Result<Outcome, Error> {
    tx.mark().await?;
    match carry(tx, by, now, row).await {
        Ok(result) => {
            tx.keep_since_mark().await?;
            Ok(Outcome::Done(result))
        }
        Err(Error::Store(error)) => Err(error.into()),
        Err(error) => {
            tx.back_to_mark().await?;
            Ok(Outcome::Refused(error.to_string()))
        }
    }
}
