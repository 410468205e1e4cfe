//! Rules on events: a follower of the event log. What the rules did about a slice of events, and that these events are dealt with, is one
//! transaction: each event has its effect exactly once, whenever the process dies.
//!
//! A rule on `TICKET_SAVED` looks at all that one request did to a ticket. When one of them changes it, those that have not run yet look
//! again from the first, at the ticket as it is then; each runs once at most. What they did is no new occasion for them.
//!
//! Loops end: what a rule did itself is told from the rest by the context of its events, a rule never runs on its own effect, rules set each
//! other off `CHAIN_MAX` deep at most, and there is a budget for each ticket and hour.

use std::collections::HashSet;

use jiff::Timestamp;
use outside::Clock;
use serde_json::Value as Json;
use store::{Db, Tx};

use super::decide::{decide, fields};
use super::execute::{CHAIN_MAX, Came, Failure, Interrupted, WORKER, context_of, execute};
use super::log::{self, Cause};
use super::{EVENT_KINDS, Rule, TICKET_SAVED, all_in_order, facts, update};
use crate::Error;
use crate::filter::{Field, Viewpoint, hours};
use crate::follow::{self, Logged};
use crate::pace::Pace;

/// The follower, its job and its cursor.
pub const KIND: &str = "rules";

/// Events read at once.
const SLICE: usize = 200;
/// Rules that run in one transaction, more or less, unless they take long: other writers wait meanwhile.
const RUNS_AT_ONCE: usize = 20;
/// Failures in one slice after which something else must be wrong.
const RETRIES_MAX: usize = 1_000;

/// Runs the job: until every event is dealt with.
pub async fn run(db: &Db, clock: &Clock) -> Result<(), Error> {
    let pace = Pace::of_a_follower(db, SLICE);
    let mut failures: Vec<Failure> = Vec::new();
    loop {
        match store::transact!(db.as_follower(), |tx| slice(tx, clock, &pace, &failures).await) {
            Ok(true) => failures.clear(),
            Ok(false) => return Ok(()),
            Err(Interrupted::Failed(failure)) if failures.len() < RETRIES_MAX && !failures.contains(&failure) => {
                failures.push(failure);
            }
            Err(Interrupted::Failed(failure)) => return Err(Error::Refused(failure.problem)),
            Err(Interrupted::Other(error)) => return Err(error),
        }
    }
}

/// Events that `Within` looks at together: a change and what one rule did about it are far fewer.
const WITHIN_MAX: i64 = 1_000;

/// Rules, as they stand when a transaction begins, that run on what it writes: for whoever writes down a past (the demo), in which rules ran
/// a moment after what set them off. The follower's cursor stays; `pass_over` moves it.
#[derive(Debug)]
pub struct Within {
    rules: Vec<Rule>,
    /// The event up to which they have run.
    last_id: i64,
    seen: Seen,
}

/// What requests did to tickets that rules have looked at: context, ticket, and when.
type Seen = HashSet<(String, i64, Timestamp)>;

impl Within {
    /// They will run on what is written from now on.
    pub async fn begin(tx: &mut Tx) -> Result<Within, Error> {
        let row = tx.row("select max(id) as id from events", &[]).await?;
        let last_id = row.map(|row| row.int_or_null("id")).transpose()?.flatten().unwrap_or_default();
        Ok(Within { rules: all_in_order(tx, true).await?, last_id, seen: Seen::new() })
    }

    /// Runs them on what was written since the last time, and on what they do about it.
    pub async fn go_on(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
        let rules = settled(tx, self.rules.clone(), now).await?;
        loop {
            let events = follow::written_after(tx, self.last_id, WITHIN_MAX).await?;
            let Some(last) = events.last() else { return Ok(()) };
            self.last_id = last.id;
            let mut n_runs = 0;
            for event in &events {
                n_runs +=
                    on_event(tx, now, &rules, event, &[], &mut self.seen).await.map_err(
                        |interrupted| match interrupted {
                            Interrupted::Failed(failure) => Error::Refused(failure.problem),
                            Interrupted::Other(error) => error,
                        },
                    )?;
            }
            if n_runs == 0 {
                return Ok(());
            }
        }
    }
}

/// The rules as they stand at this time, which is what they ask of business hours.
pub(super) async fn settled(tx: &mut Tx, mut rules: Vec<Rule>, now: Timestamp) -> Result<Vec<Rule>, Error> {
    hours::settle_steps(tx, rules.iter_mut().map(|rule| &mut rule.steps), now).await?;
    Ok(rules)
}

/// Leaves everything that happened so far to whoever has had rules run `Within`.
pub async fn pass_over(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    follow::pass_over(tx, KIND, now).await
}

/// Deals with some events. False if there are none.
async fn slice(tx: &mut Tx, clock: &Clock, pace: &Pace, failures: &[Failure]) -> Result<bool, Interrupted> {
    let now = clock.now();
    // The cursor's row first: a worker that was thought dead and is not waits here, and then finds the events dealt with.
    tx.run("update event_cursors set updated_at = updated_at where reader = $1", &[KIND.into()]).await?;
    let events = follow::next(tx, KIND, SLICE).await?;
    let Some(mut last) = events.last() else { return Ok(false) };
    let is_looked_at = |event: &Logged| EVENT_KINDS.contains(&event.kind.as_str()) || update::is_change(event);
    if events.iter().any(is_looked_at) {
        let rules = all_in_order(tx, true).await?;
        let rules = settled(tx, rules, now).await?;
        let (mut n_runs, mut seen) = (0, Seen::new());
        for event in &events {
            n_runs += on_event(tx, now, &rules, event, failures, &mut seen).await?;
            last = event;
            if RUNS_AT_ONCE <= n_runs || pace.is_over(now, clock.now()) {
                break;
            }
        }
    }
    follow::advance(tx, KIND, last, now).await?;
    Ok(true)
}

/// Runs the rules that listen to this event, in their order, and those that listen to what it is the first of. How many ran.
async fn on_event(
    tx: &mut Tx,
    now: Timestamp,
    rules: &[Rule],
    event: &Logged,
    failures: &[Failure],
    seen: &mut Seen,
) -> Result<usize, Interrupted> {
    let n_runs = on_this(tx, now, rules, event, failures).await?;
    Ok(n_runs + on_saved(tx, now, rules, event, failures, seen).await?)
}

async fn on_this(
    tx: &mut Tx,
    now: Timestamp,
    rules: &[Rule],
    event: &Logged,
    failures: &[Failure],
) -> Result<usize, Interrupted> {
    let listening: Vec<&Rule> =
        rules.iter().filter(|rule| rule.runs_on(&event.kind) && rule.active_since <= event.created_at).collect();
    let Some(ticket_id) = ticket_of(event).filter(|_| !listening.is_empty()) else { return Ok(0) };
    let chain =
        if event.worker.as_deref() == Some(WORKER) { log::origin(tx, &event.context).await?.chain } else { Vec::new() };
    if CHAIN_MAX <= chain.len() {
        return Ok(0);
    }
    let cause = Cause {
        event_id: Some(event.id),
        event_kind: event.kind.clone(),
        context: Some(event.context.clone()),
        chain,
        person_id: event.person_id,
    };
    let viewpoint = Viewpoint { now, person_id: event.person_id };
    let mut asked = Vec::new();
    listening.iter().for_each(|rule| fields(&rule.steps, &mut asked));
    let Some(mut known) = facts::load(tx, now, ticket_id, Some(event), &asked).await? else { return Ok(0) };
    if known.imported && event.kind != "ticket-updated" {
        return Ok(0);
    }
    let mut n_runs = 0;
    for rule in listening {
        if cause.chain.contains(&rule.id) || is_turned_off(tx, rule, failures).await? {
            continue;
        }
        let decision = decide(&rule.steps, &known.facts, &viewpoint);
        if decision.does_nothing() {
            continue;
        }
        if execute(tx, now, (rule, ticket_id), &cause, &decision, failures).await? == Came::Ran {
            n_runs += 1;
            if decision.stops {
                break;
            }
            // The next rule sees what this one did.
            match facts::load(tx, now, ticket_id, Some(event), &asked).await? {
                Some(fresh) => known = fresh,
                None => break,
            }
        }
    }
    Ok(n_runs)
}

/// Runs the rules on `TICKET_SAVED` once for all that the event's request did to the ticket.
async fn on_saved(
    tx: &mut Tx,
    now: Timestamp,
    rules: &[Rule],
    event: &Logged,
    failures: &[Failure],
    seen: &mut Seen,
) -> Result<usize, Interrupted> {
    let mut waiting: Vec<&Rule> =
        rules.iter().filter(|rule| rule.runs_on(TICKET_SAVED) && rule.active_since <= event.created_at).collect();
    if waiting.is_empty() || !update::is_change(event) {
        return Ok(0);
    }
    let Some(ticket_id) = ticket_of(event) else { return Ok(0) };
    if !seen.insert((event.context.clone(), ticket_id, event.created_at)) {
        return Ok(0);
    }
    let origin = match event.worker.as_deref() {
        Some(WORKER) => log::origin(tx, &event.context).await?,
        _ => log::Origin::default(),
    };
    if origin.event_kind == TICKET_SAVED || CHAIN_MAX <= origin.chain.len() {
        return Ok(0);
    }
    let Some(mut update) = update::load(tx, ticket_id, event).await? else { return Ok(0) };
    waiting.retain(|rule| !origin.chain.contains(&rule.id));
    let cause = Cause {
        event_id: Some(event.id),
        event_kind: TICKET_SAVED.to_owned(),
        context: Some(event.context.clone()),
        chain: origin.chain,
        person_id: event.person_id,
    };
    let viewpoint = Viewpoint { now, person_id: event.person_id };
    let mut asked = Vec::new();
    waiting.iter().for_each(|rule| fields(&rule.steps, &mut asked));
    let mut n_runs = 0;
    'again: loop {
        let Some(known) = update.known(tx, now, ticket_id, &asked).await? else { return Ok(n_runs) };
        if known.imported || known.facts.contains_key(&Field::TrashedAt) {
            return Ok(n_runs);
        }
        for (at, rule) in waiting.iter().copied().enumerate() {
            if is_turned_off(tx, rule, failures).await? {
                continue;
            }
            let decision = decide(&rule.steps, &known.facts, &viewpoint);
            if decision.does_nothing() {
                continue;
            }
            waiting.remove(at);
            if execute(tx, now, (rule, ticket_id), &cause, &decision, failures).await? == Came::Ran {
                n_runs += 1;
                if decision.stops {
                    return Ok(n_runs);
                }
                update.go_on(tx, ticket_id, &context_of(rule, ticket_id, &cause), now).await?;
            }
            // The others look again, from the first, at what there is now.
            continue 'again;
        }
        return Ok(n_runs);
    }
}

/// A rule that was turned off since the slice began, for it failed too often.
async fn is_turned_off(tx: &mut Tx, rule: &Rule, failures: &[Failure]) -> Result<bool, Error> {
    if failures.iter().all(|failure| failure.rule_id != rule.id) {
        return Ok(false);
    }
    let row = tx.row("select deactivated_at from rules where id = $1", &[rule.id.into()]).await?;
    Ok(match row {
        Some(row) => row.time_or_null("deactivated_at")?.is_some(),
        None => true,
    })
}

/// The ticket that an event is about.
pub(super) fn ticket_of(event: &Logged) -> Option<i64> {
    match event.object_type.as_str() {
        "Ticket" => Some(event.object_id),
        _ => [&event.data, &event.after]
            .into_iter()
            .flatten()
            .find_map(|json| json.get("ticket_id").and_then(Json::as_i64)),
    }
}
