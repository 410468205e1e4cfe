//! The place of a rule, as callers count who begin at the top: lower runs first. It is the priority, counted from the other end.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Triggers;
use store::Tx;

use super::write::{self, RuleUpdate};
use super::{Rule, Sort, categories};
use crate::Error;

/// The priority of place 0. Rules that were given small priorities come behind rules with small places, and nothing is negative at first.
const ORIGIN: i64 = 10_000;

/// Where a rule is to stand, and whether it is on. None leaves that as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    pub id: i64,
    pub position: Option<i64>,
    pub active: Option<bool>,
    pub category_id: Option<i64>,
}

impl Rule {
    /// Its place among the rules of its category. Those before the first place all stand there.
    pub fn position(&self) -> i64 {
        (ORIGIN - self.priority).max(0)
    }
}

/// The priority of a rule at this place.
const fn priority(position: i64) -> i64 {
    ORIGIN - position
}

/// The priority by which a rule comes behind the others of its category; rules on time alone are among themselves.
pub async fn last<S: Sort>(tx: &mut Tx, may: &CanWrite<S>, category_id: Option<i64>, id: i64) -> Result<i64, Error> {
    let all = write::to_arrange(tx, may).await?;
    let lowest = all.iter().filter(|rule| rule.id != id && rule.category_id == category_id).map(|it| it.priority);
    Ok(lowest.min().unwrap_or(ORIGIN).min(ORIGIN) - 1)
}

/// Puts a rule at its place. Those that stand there move on; into another category it comes last unless a place is said.
pub async fn put<S: Sort>(tx: &mut Tx, may: &CanWrite<S>, now: Timestamp, place: &Place) -> Result<Rule, Error> {
    let old = write::to_change(tx, may, place.id).await?;
    let mut update = RuleUpdate {
        category_id: place.category_id,
        deactivated_at: switched(&old, now, place.active),
        ..RuleUpdate::default()
    };
    let moves = place.category_id.is_some_and(|id| old.category_id != Some(id));
    // What is sent back as it was shown moves nothing.
    let position = place.position.filter(|position| moves || *position != old.position());
    match position.map(priority) {
        Some(priority) => {
            let category_id = place.category_id.or(old.category_id);
            make_room(tx, may, now, (category_id, priority, place.id)).await?;
            update.priority = Some(priority);
        }
        None if moves => update.priority = Some(last(tx, may, place.category_id, place.id).await?),
        None => {}
    }
    write::update(tx, may, now, place.id, update).await
}

/// Puts several rules exactly at the places that are said, whoever stands there. In the order given.
pub async fn put_all<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    places: &[Place],
) -> Result<Vec<Rule>, Error> {
    let mut rules = Vec::with_capacity(places.len());
    for place in places {
        let old = write::to_change(tx, may, place.id).await?;
        let update = RuleUpdate {
            category_id: place.category_id,
            priority: place.position.map(priority),
            deactivated_at: switched(&old, now, place.active),
            ..RuleUpdate::default()
        };
        rules.push(write::update(tx, may, now, place.id, update).await?);
    }
    Ok(rules)
}

/// Sets the order of all triggers. `Refused` unless each is named once, or where there is more than one category: then each has its own order.
pub async fn reorder(tx: &mut Tx, may: &CanWrite<Triggers>, now: Timestamp, ids: &[i64]) -> Result<Vec<Rule>, Error> {
    if 1 < categories::count(tx).await? {
        let why = "There is more than one category: triggers are put in order within each.";
        return Err(Error::Refused(why.to_owned()));
    }
    let mut known: Vec<i64> = write::to_arrange(tx, may).await?.iter().map(|rule| rule.id).collect();
    let mut named = ids.to_vec();
    known.sort_unstable();
    named.sort_unstable();
    if known != named {
        return Err(Error::Refused("Every trigger must be named, and once.".to_owned()));
    }
    let places: Vec<(i64, i64)> = ids.iter().zip(1..).map(|(id, place)| (*id, priority(place))).collect();
    write::set_priorities(tx, may, now, &places).await
}

fn switched(rule: &Rule, now: Timestamp, active: Option<bool>) -> Option<Option<Timestamp>> {
    active.filter(|active| *active != rule.is_active()).map(|active| (!active).then_some(now))
}

/// Moves those on that stand at this place or, then, at the next one.
async fn make_room<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    (category_id, priority, for_id): (Option<i64>, i64, i64),
) -> Result<(), Error> {
    let mut others = write::to_arrange(tx, may).await?;
    others.retain(|rule| rule.category_id == category_id && rule.id != for_id && rule.priority <= priority);
    let (mut taken, mut moved) = (priority, Vec::new());
    for other in others.iter().take_while(|other| {
        let is_in_the_way = taken <= other.priority;
        taken -= i64::from(is_in_the_way);
        is_in_the_way
    }) {
        moved.push(other);
    }
    let moved: Vec<(i64, i64)> = moved.iter().zip(1..).map(|(other, n)| (other.id, priority - n)).collect();
    write::set_priorities(tx, may, now, &moved).await?;
    Ok(())
}
