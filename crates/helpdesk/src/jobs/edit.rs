//! Changing or deleting many tickets.

use std::collections::HashSet;

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::{Value as Json, json};
use store::Tx;

use super::errors::NewError;
use super::run::{Ended, Progress, Run, Standing};
use super::selection::{self, Selection, Walk};
use crate::Error;
use crate::actions::Action;
use crate::actions::apply;
use crate::actions::take::{Context, Outcome};
use crate::pace::Pace;
use crate::page::{self, Query};
use crate::tickets::bulk::{self, Changed, Set};
use crate::tickets::write;

#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    Set(&'a [Set]),
    Macro { macro_id: i64, and_close: bool },
    Delete,
}

pub(super) async fn run(run: &Run<'_>, selection: &Selection, what: What<'_>) -> Result<Ended, Error> {
    let may: CanWrite<Tickets> = run.permit()?;
    let viewpoint = selection::viewpoint(run.job.person_id, run.began());
    let mut progress = run.progress();
    if progress.checkpoint.is_null() {
        let mut tx = run.db.read().await?;
        progress.total = Some(selection.count(&mut tx, viewpoint).await?);
        progress.checkpoint = json!({ "after": 0, "last": selection::last_ticket(&mut tx).await? });
    }
    let place = |name: &str| progress.checkpoint.get(name).and_then(Json::as_i64).unwrap_or_default();
    let mut walk = Walk::new(selection, viewpoint, (place("after"), place("last")));
    let mut pace = Pace::of_a_job(run.db);
    loop {
        let ids = walk.next(run.db, pace.size()).await?;
        if ids.is_empty() {
            return Ok(Ended::Done);
        }
        let slice = Slice { run, may: &may, walk: &walk, selection, what, ids: &ids, before: &progress };
        let (standing, saved, began) = store::transact!(run.db.in_background(), |tx| slice.write(tx).await)?;
        if let Standing::Over(ended) = standing {
            return Ok(ended);
        }
        pace.learn(ids.len(), began, run.clock.now());
        progress = saved;
        tokio::task::yield_now().await;
    }
}

struct Slice<'a> {
    run: &'a Run<'a>,
    may: &'a CanWrite<Tickets>,
    walk: &'a Walk<'a>,
    selection: &'a Selection,
    what: What<'a>,
    ids: &'a [i64],
    before: &'a Progress,
}

impl Slice<'_> {
    /// One slice, and when it had its turn.
    async fn write(&self, tx: &mut Tx) -> Result<(Standing, Progress, Timestamp), Error> {
        let now = self.run.clock.now();
        let mut progress = self.before.clone();
        let standing = self.run.standing(tx).await?;
        if standing != Standing::Going {
            return Ok((standing, progress, now));
        }
        let fitting = self.selection.take_fitting(tx, self.walk.viewpoint, self.ids).await?;
        let mut errors = Vec::new();
        if self.selection.ids.is_some() {
            errors = self.missing(tx, &fitting).await?;
        }
        let changed = match self.what {
            What::Set(sets) => {
                // What no ticket can have ends the job; what this one cannot have is its own error.
                bulk::check(tx, sets).await?;
                self.set(tx, now, &fitting, sets, &mut errors).await?
            }
            What::Macro { macro_id, and_close } => {
                self.apply(tx, now, &fitting, (macro_id, and_close), &mut errors).await?
            }
            What::Delete => self.delete(tx, now, &fitting, &mut errors).await?,
        };
        progress.done += i64::try_from(self.ids.len()).unwrap_or_default();
        if let (Some(last), Json::Object(checkpoint)) = (self.ids.last(), &mut progress.checkpoint) {
            checkpoint.insert("after".to_owned(), json!(last));
        }
        self.run.save(tx, &mut progress, &changed, &errors).await?;
        Ok((standing, progress, now))
    }

    async fn set(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        ids: &[i64],
        sets: &[Set],
        errors: &mut Vec<NewError>,
    ) -> Result<Vec<Changed>, Error> {
        let cause = self.run.cause();
        tx.mark().await?;
        match bulk::set(tx, self.may, now, ids, sets, &cause).await {
            Ok(changed) => {
                tx.keep_since_mark().await?;
                return Ok(changed);
            }
            Err(Error::Store(error)) => return Err(error.into()),
            Err(_) => tx.back_to_mark().await?,
        }
        let mut all = Vec::new();
        for id in ids {
            tx.mark().await?;
            match bulk::set(tx, self.may, now, &[*id], sets, &cause).await {
                Ok(changed) => {
                    tx.keep_since_mark().await?;
                    all.extend(changed);
                }
                Err(Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tx.back_to_mark().await?;
                    errors.push(NewError::of_ticket(*id, error.to_string()));
                }
            }
        }
        Ok(all)
    }

    /// Takes the macro's actions on each ticket. What one of them could not do is the ticket's error; the others are taken nevertheless.
    async fn apply(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        ids: &[i64],
        (macro_id, and_close): (i64, bool),
        errors: &mut Vec<NewError>,
    ) -> Result<Vec<Changed>, Error> {
        let job = &self.run.job;
        let context = Context { person_id: job.person_id, via: "helpdesk", rule_id: None, job_id: Some(job.id) };
        let mut actions = vec![Action::ApplyMacro(macro_id)];
        if and_close {
            actions.push(Action::SetStatus("done".to_owned()));
        }
        let mut before = bulk::states(tx, ids).await?;
        let mut did_more = HashSet::new();
        for id in ids {
            let applied = apply::apply(tx, self.may, now, *id, &actions, &context).await?;
            match applied.whole() {
                Outcome::Changed => {
                    did_more.insert(*id);
                }
                Outcome::Unchanged => {}
                Outcome::Refused(why) => errors.push(NewError::of_ticket(*id, why)),
            }
        }
        let mut after = bulk::states(tx, ids).await?;
        let mut changed = Vec::with_capacity(ids.len());
        for id in ids {
            let difference = match (before.remove(id), after.remove(id)) {
                (Some(before), Some(after)) => bulk::difference(*id, before, after),
                _ => None,
            };
            changed.extend(difference.or_else(|| did_more.contains(id).then(|| bulk::lasting(*id))));
        }
        Ok(changed)
    }

    /// To the trash, or for good if it lies there.
    async fn delete(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        ids: &[i64],
        errors: &mut Vec<NewError>,
    ) -> Result<Vec<Changed>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Query::new("select id from tickets where trashed_at is not null");
        query.and_in("id", page::padded(ids));
        let mut in_trash = HashSet::new();
        for row in tx.rows(&query.sql, &query.params).await? {
            in_trash.insert(row.int("id")?);
        }
        let (gone, trashed): (Vec<i64>, Vec<i64>) = ids.iter().copied().partition(|id| in_trash.contains(id));
        for id in gone {
            write::delete(tx, self.may, now, id).await?;
        }
        self.set(tx, now, &trashed, &[Set::TrashedAt(Some(now))], errors).await
    }

    /// Named tickets that are not there.
    async fn missing(&self, tx: &mut Tx, fitting: &[i64]) -> Result<Vec<NewError>, Error> {
        let absent: Vec<i64> = self.ids.iter().copied().filter(|id| fitting.binary_search(id).is_err()).collect();
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        // Some of them may be there and no longer fit.
        let mut query = Query::new("select id from tickets where 1 = 1");
        query.and_in("id", page::padded(&absent));
        let mut there = HashSet::new();
        for row in tx.rows(&query.sql, &query.params).await? {
            there.insert(row.int("id")?);
        }
        let missing = absent.into_iter().filter(|id| !there.contains(id));
        Ok(missing.map(|id| NewError::of_ticket(id, "No ticket has this id.")).collect())
    }
}
