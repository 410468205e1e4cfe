//! Which tickets a job is about, and walking them.
//!
//! The walk goes by id. Tickets made after it began are left out; whether a ticket still fits is looked at again when its turn comes, so one
//! that was closed meanwhile is not touched by a job about open ones. Each ticket has one turn at most.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Db, Tx};

use crate::Error;
use crate::filter::{Condition, Viewpoint, hours, sql};
use crate::page::{self, Query};

/// Ids that are read ahead.
const AHEAD: i64 = 10_000;
/// Of so many tickets that were looked at, this part at least must fit: else the database looks for those that do.
const LOOKED_AT: usize = 2_000;
const FITTING_PART: usize = 4;

/// Tickets that are named, or all, as far as they meet the condition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Ascending, each once.
    #[serde(default)]
    pub ids: Option<Vec<i64>>,
    #[serde(default)]
    pub condition: Condition,
}

impl Selection {
    pub fn of_ids(mut ids: Vec<i64>) -> Selection {
        ids.sort_unstable();
        ids.dedup();
        Selection { ids: Some(ids), condition: Condition::default() }
    }

    pub fn of(condition: Condition) -> Selection {
        Selection { ids: None, condition }
    }

    /// `Invalid` if the condition cannot be asked of the database.
    pub fn check(&self, viewpoint: Viewpoint) -> Result<(), Error> {
        compiled(&mut Query::default(), &self.condition, viewpoint)
    }

    /// How many there are now. An estimate for the progress: named tickets count whether they are there or not.
    pub async fn count(&self, tx: &mut Tx, viewpoint: Viewpoint) -> Result<i64, Error> {
        if let Some(ids) = &self.ids {
            return Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX));
        }
        let query = self.query(tx, "select count(*) as n from tickets t where 1 = 1", viewpoint).await?;
        let row = tx.row(&query.sql, &query.params).await?;
        Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")?)
    }

    /// Keeps, of the tickets `t` that the query selects, those that meet the condition.
    pub async fn restrict(&self, tx: &mut Tx, query: &mut Query, viewpoint: Viewpoint) -> Result<(), Error> {
        let condition = hours::settled(tx, &self.condition, viewpoint.now).await?;
        compiled(query, &condition, viewpoint)
    }

    /// Of these tickets, those that are there and fit. They stay as they are until the transaction ends: for whoever changes them next.
    pub async fn take_fitting(&self, tx: &mut Tx, viewpoint: Viewpoint, ids: &[i64]) -> Result<Vec<i64>, Error> {
        let lock = tx.for_update();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = self.query(tx, "select t.id from tickets t where 1 = 1", viewpoint).await?;
        query.and_in("t.id", page::padded(ids));
        query.sql.push_str(" order by t.id");
        query.sql.push_str(lock);
        let rows = tx.rows(&query.sql, &query.params).await?;
        Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
    }

    /// The next ones, or those of the next tickets that fit.
    async fn after(
        &self,
        tx: &mut Tx,
        fitting: Option<Viewpoint>,
        (after, last): (i64, i64),
    ) -> Result<Vec<i64>, Error> {
        if let Some(ids) = &self.ids {
            let from = ids.partition_point(|id| *id <= after);
            let limit = usize::try_from(AHEAD).unwrap_or(usize::MAX);
            return Ok(ids[from..].iter().copied().take(limit).collect());
        }
        let mut query = Query::new("select t.id from tickets t where 1 = 1");
        if let Some(viewpoint) = fitting {
            self.restrict(tx, &mut query, viewpoint).await?;
        }
        query.and("t.id >", after);
        query.and("t.id <=", last);
        let limit = query.bind(AHEAD);
        query.sql.push_str(&format!(" order by t.id limit {limit}"));
        let rows = tx.rows(&query.sql, &query.params).await?;
        Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
    }

    async fn query(&self, tx: &mut Tx, select: &str, viewpoint: Viewpoint) -> Result<Query, Error> {
        let mut query = Query::new(select);
        self.restrict(tx, &mut query, viewpoint).await?;
        Ok(query)
    }
}

/// A walk over a selection.
#[derive(Debug)]
pub struct Walk<'a> {
    selection: &'a Selection,
    pub viewpoint: Viewpoint,
    after: i64,
    last: i64,
    ahead: VecDeque<i64>,
    at_end: bool,
    /// Gives each ticket, and whoever reads it sees whether it fits.
    gives_each: bool,
    n_given: usize,
    n_fitting: usize,
}

impl<'a> Walk<'a> {
    pub fn new(selection: &'a Selection, viewpoint: Viewpoint, (after, last): (i64, i64)) -> Walk<'a> {
        let (ahead, at_end, gives_each) = (VecDeque::new(), false, false);
        Walk { selection, viewpoint, after, last, ahead, at_end, gives_each, n_given: 0, n_fitting: 0 }
    }

    /// For whoever reads the tickets whole and tells by `learn` how many of them fitted: gives all tickets as long as most of them fit, so that
    /// none is read twice.
    pub fn of_each(selection: &'a Selection, viewpoint: Viewpoint, range: (i64, i64)) -> Walk<'a> {
        Walk { gives_each: true, ..Walk::new(selection, viewpoint, range) }
    }

    pub fn learn(&mut self, n_given: usize, n_fitting: usize) {
        self.n_given += n_given;
        self.n_fitting += n_fitting;
        if LOOKED_AT <= self.n_given {
            self.gives_each &= self.n_given <= FITTING_PART * self.n_fitting;
            (self.n_given, self.n_fitting) = (0, 0);
        }
    }

    /// The next tickets, at most `n`. Empty at the end. Reads without holding up anybody who writes.
    pub async fn next(&mut self, db: &Db, n: usize) -> Result<Vec<i64>, Error> {
        if self.ahead.len() < n && !self.at_end {
            let from = self.ahead.back().copied().unwrap_or(self.after);
            let mut tx = db.read().await?;
            let fitting = (!self.gives_each).then_some(self.viewpoint);
            let more = self.selection.after(&mut tx, fitting, (from, self.last)).await?;
            self.at_end = i64::try_from(more.len()).is_ok_and(|n| n < AHEAD);
            self.ahead.extend(more);
        }
        let ids: Vec<i64> = self.ahead.drain(..n.min(self.ahead.len())).collect();
        self.after = ids.last().copied().unwrap_or(self.after);
        Ok(ids)
    }
}

/// The newest ticket there is: where a walk ends that begins now.
pub async fn last_ticket(tx: &mut Tx) -> Result<i64, Error> {
    let row = tx.row("select max(id) as id from tickets", &[]).await?;
    Ok(row.map(|row| row.int_or_null("id")).transpose()?.flatten().unwrap_or_default())
}

/// Who looks, and when the job began: a condition such as "closed more than two days ago" means the same from its start to its end.
pub fn viewpoint(person_id: Option<i64>, began: Timestamp) -> Viewpoint {
    Viewpoint { now: began, person_id }
}

fn compiled(query: &mut Query, condition: &Condition, viewpoint: Viewpoint) -> Result<(), Error> {
    let text = sql::compile(query, condition, &viewpoint).map_err(|error| error.on_field("params.view"))?;
    query.and_text(&format!("({text})"));
    Ok(())
}
