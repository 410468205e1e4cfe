//! Rules as time passes: every ticket is held against the rules that wait for it, again and again, and each rule acts once on a ticket in each of
//! its versions. One that was put together of conditions acts again where what it did has ended its own condition, once that holds anew.
//!
//! Tickets are walked by their ids outside of write transactions. The database says which of them a rule may want (`reach.rs`), and only one that
//! a rule does want is looked at once more inside of a write transaction.

use jiff::{SignedDuration, Timestamp};
use outside::Clock;
use store::{Db, Tx};

use super::decide::{decide, fields};
use super::execute::{Came, Failure, Interrupted, execute};
use super::log::Cause;
use super::run::settled;
use super::{Rule, TIME_PASSED, all_in_order, facts, reach};
use crate::Error;
use crate::filter::{Field, Viewpoint};

pub const KIND: &str = "rules_on_time";
pub const EVERY: SignedDuration = SignedDuration::from_mins(10);

/// Tickets that the database looks through at once, and those that are read at once.
const WALKED: i64 = 2_000;
const READ: usize = 500;

/// Runs the job: once through all tickets, if there is such a rule at all.
pub async fn run(db: &Db, clock: &Clock) -> Result<(), Error> {
    let saved = {
        let mut tx = db.read().await?;
        let mut rules = all_in_order(&mut tx, true).await?;
        rules.retain(|rule| rule.runs_on(TIME_PASSED));
        rules
    };
    if saved.is_empty() {
        return Ok(());
    }
    let mut after_id = 0;
    loop {
        let now = clock.now();
        let (rules, asked, slice) = {
            let mut tx = db.read().await?;
            let rules = settled(&mut tx, saved.clone(), now).await?;
            let mut asked = Vec::new();
            rules.iter().for_each(|rule| fields(&rule.steps, &mut asked));
            let slice = wanted(&mut tx, now, &rules, &asked, after_id).await?;
            (rules, asked, slice)
        };
        for ticket_id in slice.wanted {
            let mut failures = Vec::new();
            loop {
                match store::transact!(db.as_follower(), |tx| on_ticket(tx, now, &rules, &asked, ticket_id, &failures)
                    .await)
                {
                    Ok(()) => break,
                    Err(Interrupted::Failed(failure)) if !failures.contains(&failure) => failures.push(failure),
                    Err(Interrupted::Failed(failure)) => return Err(Error::Refused(failure.problem)),
                    Err(Interrupted::Other(error)) => return Err(error),
                }
            }
        }
        match slice.last_id {
            Some(last_id) => after_id = last_id,
            None => return Ok(()),
        }
    }
}

struct Slice {
    /// None at the end.
    last_id: Option<i64>,
    /// Tickets that a rule may have something to do with.
    wanted: Vec<i64>,
}

async fn wanted(tx: &mut Tx, now: Timestamp, rules: &[Rule], asked: &[Field], after_id: i64) -> Result<Slice, Error> {
    let last_id = reach::last_of_next(tx, after_id, WALKED).await?;
    let mut slice = Slice { last_id, wanted: Vec::new() };
    if last_id.is_none() {
        return Ok(slice);
    }
    let viewpoint = Viewpoint { now, person_id: None };
    for ids in reach::within(tx, now, rules, (after_id, WALKED)).await?.chunks(READ) {
        for (ticket_id, facts) in facts::load_many(tx, now, ids, asked).await? {
            if rules.iter().any(|rule| !decide(&rule.steps, &facts, &viewpoint).does_nothing()) {
                slice.wanted.push(ticket_id);
            }
        }
    }
    Ok(slice)
}

async fn on_ticket(
    tx: &mut Tx,
    now: Timestamp,
    rules: &[Rule],
    asked: &[Field],
    ticket_id: i64,
    failures: &[Failure],
) -> Result<(), Interrupted> {
    // The ticket's row first, as every change of a ticket takes it, so that what is decided now is still true when it is done.
    tx.run("update tickets set updated_at = updated_at where id = $1", &[ticket_id.into()]).await?;
    let viewpoint = Viewpoint { now, person_id: None };
    for rule in rules {
        let Some(known) = facts::load(tx, now, ticket_id, None, asked).await? else { return Ok(()) };
        let decision = decide(&rule.steps, &known.facts, &viewpoint);
        if decision.does_nothing() || !is_as_read(tx, rule).await? {
            continue;
        }
        let marked = tx
            .run(
                "insert into rule_marks (rule_id, version, ticket_id) values ($1, $2, $3) on conflict do nothing",
                &[rule.id.into(), rule.version.into(), ticket_id.into()],
            )
            .await?;
        if marked == 0 {
            continue;
        }
        let cause = Cause { event_kind: TIME_PASSED.to_owned(), ..Cause::default() };
        let came = execute(tx, now, (rule, ticket_id), &cause, &decision, failures).await?;
        if came == Came::Ran && rule.is_of_conditions() {
            let Some(known) = facts::load(tx, now, ticket_id, None, asked).await? else { return Ok(()) };
            if decide(&rule.steps, &known.facts, &viewpoint).does_nothing() {
                tx.run(
                    "delete from rule_marks where rule_id = $1 and version = $2 and ticket_id = $3",
                    &[rule.id.into(), rule.version.into(), ticket_id.into()],
                )
                .await?;
            }
        }
        if came == Came::Ran && decision.stops {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the rule is still what it was when the pass began.
async fn is_as_read(tx: &mut Tx, rule: &Rule) -> Result<bool, Error> {
    let sql = "select 1 as one from rules where id = $1 and version = $2 and deactivated_at is null";
    Ok(tx.row(sql, &[rule.id.into(), rule.version.into()]).await?.is_some())
}
