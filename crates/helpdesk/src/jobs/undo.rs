//! Undoing a bulk edit: the last change first, and only where a ticket still has the value that the edit set.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Jobs, Tickets};
use serde_json::{Value as Json, json};
use store::{StoreError, Tx};

use super::errors::NewError;
use super::job::{self, Job};
use super::run::{Ended, Progress, Run, Standing};
use crate::Error;
use crate::pace::Pace;
use crate::tickets::bulk::{self, Changed};

/// What undoing a job would do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preview {
    /// Tickets that would be as before.
    pub whole: i64,
    /// Of which some fields were changed since, and stay.
    pub partly: i64,
    /// Of which everything was changed since, or that are gone.
    pub nothing: i64,
    /// The job changed more than were looked at: the numbers are of the newest part of it.
    pub is_sample: bool,
}

/// Tickets that a preview looks at.
const LOOKED_AT: i64 = 2_000;

/// Looks at the newest changes of a job, up to some thousand tickets.
pub async fn preview(tx: &mut Tx, _may: &CanRead<Jobs>, now: Timestamp, job: &Job) -> Result<Preview, Error> {
    let mut preview = Preview::default();
    let mut before = i64::MAX;
    while let Some((number, changes)) = slice_before(tx, job.id, before).await? {
        let [whole, partly, nothing] = bulk::restorable(tx, now, &changes).await?;
        preview.whole += whole;
        preview.partly += partly;
        preview.nothing += nothing;
        before = number;
        if LOOKED_AT <= preview.whole + preview.partly + preview.nothing {
            preview.is_sample = preview.whole + preview.partly + preview.nothing < job.changed_count;
            break;
        }
    }
    Ok(preview)
}

pub(super) async fn run(run: &Run<'_>, undone_id: i64) -> Result<Ended, Error> {
    let may: CanWrite<Tickets> = run.permit()?;
    let mut progress = run.progress();
    if progress.checkpoint.is_null() {
        let mut tx = run.db.read().await?;
        progress.total = Some(job::read(&mut tx, undone_id).await?.changed_count);
        progress.checkpoint = json!({ "before": i64::MAX, "taken": 0 });
    }
    let mut pace = Pace::of_a_job(run.db);
    loop {
        let place = |name: &str| progress.checkpoint.get(name).and_then(Json::as_i64).unwrap_or_default();
        let (before, taken) = (place("before"), usize::try_from(place("taken")).unwrap_or_default());
        let next = {
            let mut tx = run.db.read().await?;
            slice_before(&mut tx, undone_id, before).await?
        };
        let Some((number, changes)) = next else { return Ok(Ended::Done) };
        // The slices of the edit may be larger than ours.
        let rest = changes.get(taken..).unwrap_or_default();
        let part = &rest[..rest.len().min(pace.size())];
        let checkpoint = if part.len() < rest.len() {
            json!({ "before": before, "taken": taken + part.len() })
        } else {
            json!({ "before": number, "taken": 0 })
        };
        let slice = Slice { run, may: &may, part, checkpoint, before: &progress };
        let (standing, saved, began) = store::transact!(run.db.in_background(), |tx| slice.write(tx).await)?;
        if let Standing::Over(ended) = standing {
            return Ok(ended);
        }
        pace.learn(part.len(), began, run.clock.now());
        progress = saved;
        tokio::task::yield_now().await;
    }
}

struct Slice<'a> {
    run: &'a Run<'a>,
    may: &'a CanWrite<Tickets>,
    part: &'a [Changed],
    checkpoint: Json,
    before: &'a Progress,
}

impl Slice<'_> {
    async fn write(&self, tx: &mut Tx) -> Result<(Standing, Progress, Timestamp), Error> {
        let now = self.run.clock.now();
        let mut progress = self.before.clone();
        let standing = self.run.standing(tx).await?;
        if standing != Standing::Going {
            return Ok((standing, progress, now));
        }
        let restored = bulk::restore(tx, self.may, now, self.part, &self.run.cause()).await?;
        let errors: Vec<NewError> =
            restored.left.into_iter().map(|(id, problem)| NewError::of_ticket(id, problem)).collect();
        progress.done += i64::try_from(self.part.len()).unwrap_or_default();
        progress.checkpoint = self.checkpoint.clone();
        self.run.save(tx, &mut progress, &restored.changed, &errors).await?;
        Ok((standing, progress, now))
    }
}

/// The newest changes of a job before this number.
async fn slice_before(tx: &mut Tx, job_id: i64, before: i64) -> Result<Option<(i64, Vec<Changed>)>, Error> {
    let row = tx
        .row(
            "select number, changes from job_changes where job_id = $1 and number < $2 order by number desc limit 1",
            &[job_id.into(), before.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let changes = serde_json::from_str(&row.text("changes")?).map_err(|_| StoreError::Column("changes"))?;
    Ok(Some((row.int("number")?, changes)))
}
