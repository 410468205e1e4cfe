//! Saving rules. Every save of what a rule does is a version; turning it on and off, and its place in the order, are not.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use serde_json::{Value as Json, json};
use store::Tx;

use super::{EVENT_KINDS, RULES_MAX, Rule, Sort, Step, TIME_PASSED, categories, json_text, read, read_of, take};
use crate::events::{self, Change};
use crate::{Error, files};

pub const NAME_MAX_CHARS: usize = 255;
pub const DESCRIPTION_MAX_CHARS: usize = 10_000;

#[derive(Debug, Clone)]
pub struct NewRule {
    pub name: String,
    pub description: Option<String>,
    pub category: Option<String>,
    /// Of a rule on events; default: the first one.
    pub category_id: Option<i64>,
    pub source: String,
    pub steps: Vec<Step>,
    pub event_kinds: Vec<String>,
    /// Default: before all others.
    pub priority: Option<i64>,
    pub deactivated_at: Option<Timestamp>,
}

/// None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct RuleUpdate {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    /// The code, and what it means.
    pub program: Option<(String, Vec<Step>)>,
    pub category_id: Option<i64>,
    pub event_kinds: Option<Vec<String>>,
    pub priority: Option<i64>,
    pub deactivated_at: Option<Option<Timestamp>>,
}

/// Bounds of the priority: a vendor's clients read it as a small number.
pub const PRIORITY_MAX: i64 = 1_000_000_000;

pub async fn create<S: Sort>(tx: &mut Tx, may: &CanWrite<S>, now: Timestamp, new: NewRule) -> Result<Rule, Error> {
    let row = tx.row("select count(*) as n, max(priority) as highest from rules", &[]).await?;
    let row = row.ok_or(store::StoreError::Column("n"))?;
    if RULES_MAX <= row.int("n")? {
        return Err(Error::Refused(format!("There are {RULES_MAX} rules already; delete one first.")));
    }
    let highest = row.int_or_null("highest")?.unwrap_or(0);
    let event_kinds = kinds(new.event_kinds)?;
    take::check(tx, &new.steps).await?;
    let category_id = category_of(tx, &event_kinds, new.category_id).await?;
    let id = tx
        .row(
            "insert into rules (name, description, category, source, steps, event_kinds, priority, version, author_id, created_at,
                                updated_at, deactivated_at, active_since, category_id)
             values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $9, $10, $9, $11) returning id",
            &[
                new.name.into(),
                new.description.into(),
                new.category.into(),
                new.source.into(),
                json_text(&new.steps)?.into(),
                event_kinds.join(",").into(),
                new.priority.unwrap_or((highest + 1).min(PRIORITY_MAX)).into(),
                may.actor().person_id.into(),
                now.into(),
                new.deactivated_at.into(),
                category_id.into(),
            ],
        )
        .await?
        .ok_or(store::StoreError::Column("id"))?
        .int("id")?;
    let rule = read(tx, id).await?;
    keep_version(tx, &rule, now).await?;
    record(tx, may.actor(), now, "rule-created", id, None, Some(rule.fields())).await?;
    Ok(rule)
}

/// A rule as it is, for whoever is about to change it.
pub async fn to_change<S: Sort>(tx: &mut Tx, _may: &CanWrite<S>, id: i64) -> Result<Rule, Error> {
    read_of::<S>(tx, id).await
}

/// All of them in their order, for whoever is about to arrange them.
pub async fn to_arrange<S: Sort>(tx: &mut Tx, _may: &CanWrite<S>) -> Result<Vec<Rule>, Error> {
    let mut rules = super::all_in_order(tx, false).await?;
    rules.retain(S::has);
    Ok(rules)
}

/// `Invalid` where a rule of these steps could not be saved.
pub async fn check<S: Sort>(tx: &mut Tx, _may: &CanWrite<S>, steps: &[Step]) -> Result<(), Error> {
    take::check(tx, steps).await
}

/// The category of a rule on these events.
async fn category_of(tx: &mut Tx, event_kinds: &[String], asked: Option<i64>) -> Result<Option<i64>, Error> {
    if event_kinds.iter().all(|kind| kind == TIME_PASSED) {
        return Ok(None);
    }
    match asked {
        Some(id) => categories::must_exist(tx, id).await.map(Some),
        None => categories::first(tx).await.map(Some),
    }
}

/// Changes what was sent; says nothing to the event log if nothing differs.
pub async fn update<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    id: i64,
    update: RuleUpdate,
) -> Result<Rule, Error> {
    lock(tx, id).await?;
    let old = read_of::<S>(tx, id).await?;
    let mut new = old.clone();
    if let Some(name) = update.name {
        new.name = name;
    }
    if let Some(description) = update.description {
        new.description = description;
    }
    if let Some((source, steps)) = update.program {
        take::check(tx, &steps).await?;
        new.source = source;
        new.steps = steps;
    }
    if let Some(event_kinds) = update.event_kinds {
        new.event_kinds = kinds(event_kinds)?;
    }
    new.category_id = category_of(tx, &new.event_kinds, update.category_id.or(old.category_id)).await?;
    if let Some(priority) = update.priority {
        new.priority = priority;
    }
    if let Some(deactivated_at) = update.deactivated_at {
        new.deactivated_at = deactivated_at;
    }
    if new == old {
        return Ok(old);
    }
    let is_new_version = (&new.name, &new.description, &new.source, &new.steps, &new.event_kinds)
        != (&old.name, &old.description, &old.source, &old.steps, &old.event_kinds);
    new.updated_at = now;
    if is_new_version {
        new.version += 1;
        new.author_id = may.actor().person_id;
    }
    if old.deactivated_at.is_some() && new.deactivated_at.is_none() {
        // What happened while it was off stays as it is.
        new.active_since = now;
        new.failures = 0;
    }
    save(tx, &new).await?;
    if is_new_version {
        keep_version(tx, &new, now).await?;
    }
    tell(tx, may.actor(), now, &old, &new).await?;
    Ok(new)
}

/// Deletes a rule with its versions. What it did to tickets stays told.
pub async fn delete<S: Sort>(tx: &mut Tx, may: &CanWrite<S>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let rule = read_of::<S>(tx, id).await?;
    tx.run("delete from rules where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, "rule-deleted", id, Some(rule.fields()), None).await
}

/// Sets several places in the order, or none of them. The rules in the order given.
pub async fn set_priorities<S: Sort>(
    tx: &mut Tx,
    may: &CanWrite<S>,
    now: Timestamp,
    priorities: &[(i64, i64)],
) -> Result<Vec<Rule>, Error> {
    // In one order, so that two callers never wait for each other in a circle.
    let mut ids: Vec<i64> = priorities.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    for id in ids {
        lock(tx, id).await?;
    }
    let mut rules = Vec::with_capacity(priorities.len());
    for (id, priority) in priorities {
        let old = read_of::<S>(tx, *id).await?;
        let new = Rule { priority: *priority, updated_at: now, ..old.clone() };
        if new.priority == old.priority {
            rules.push(old);
            continue;
        }
        save(tx, &new).await?;
        let (before, after) = (json!({ "priority": old.priority }), json!({ "priority": new.priority }));
        record(tx, may.actor(), now, "rule-priority-updated", *id, Some(before), Some(after)).await?;
        rules.push(new);
    }
    Ok(rules)
}

/// Puts a rule one place up or down in the order. Priorities are numbered anew where two were equal.
///
/// One that is the first or last of its category stays: which category runs first is decided there.
pub async fn move_one<S: Sort>(tx: &mut Tx, may: &CanWrite<S>, now: Timestamp, id: i64, up: bool) -> Result<(), Error> {
    let moved = read_of::<S>(tx, id).await?;
    let mut beside = super::all_in_order(tx, false).await?;
    beside.retain(|rule| rule.category_id == moved.category_id);
    let mut order: Vec<i64> = beside.iter().map(|rule| rule.id).collect();
    let Some(at) = order.iter().position(|known| *known == id) else {
        return Err(Error::NotFound { kind: "rule", id });
    };
    let other = if up { at.checked_sub(1) } else { Some(at + 1).filter(|other| *other < order.len()) };
    let Some(other) = other else { return Ok(()) };
    order.swap(at, other);
    let n = i64::try_from(order.len()).unwrap_or(RULES_MAX);
    let highest = beside.iter().map(|rule| rule.priority).max().unwrap_or_default().max(n);
    let priorities: Vec<(i64, i64)> = (0..).zip(order).map(|(place, id)| (id, highest - place)).collect();
    set_priorities(tx, may, now, &priorities).await?;
    Ok(())
}

/// Turns a rule off that failed too often, in the name of the worker.
pub(super) async fn deactivate(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    rule: &Rule,
    why: &str,
) -> Result<(), Error> {
    tx.run("update rules set deactivated_at = $1, updated_at = $1 where id = $2", &[now.into(), rule.id.into()])
        .await?;
    let change = Change {
        kind: "rule-deactivated",
        object_type: "Rule",
        object_id: rule.id,
        before: Some(json!({ "deactivated_at": null })),
        after: Some(json!({ "deactivated_at": now })),
        data: Some(json!({ "reason": why })),
    };
    events::record(tx, actor, now, change).await
}

/// Each known kind once.
fn kinds(asked: Vec<String>) -> Result<Vec<String>, Error> {
    let mut kinds: Vec<String> = Vec::new();
    for kind in asked {
        if !EVENT_KINDS.contains(&kind.as_str()) {
            return Err(Error::invalid("event_types", format!("Must be of: {}.", EVENT_KINDS.join(", "))));
        }
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        return Err(Error::invalid("event_types", "Names no event."));
    }
    Ok(kinds)
}

async fn save(tx: &mut Tx, rule: &Rule) -> Result<(), Error> {
    tx.run(
        "update rules set name = $1, description = $2, source = $3, steps = $4, event_kinds = $5, priority = $6, version = $7,
                          author_id = $8, updated_at = $9, deactivated_at = $10, active_since = $11, failures = $12, category_id = $13
         where id = $14",
        &[
            rule.name.as_str().into(),
            rule.description.as_deref().into(),
            rule.source.as_str().into(),
            json_text(&rule.steps)?.into(),
            rule.event_kinds.join(",").into(),
            rule.priority.into(),
            rule.version.into(),
            rule.author_id.into(),
            rule.updated_at.into(),
            rule.deactivated_at.into(),
            rule.active_since.into(),
            rule.failures.into(),
            rule.category_id.into(),
            rule.id.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn keep_version(tx: &mut Tx, rule: &Rule, now: Timestamp) -> Result<(), Error> {
    files::take_text(tx, now, Some(&rule.source)).await?;
    tx.run(
        "insert into rule_versions (rule_id, version, name, description, source, steps, event_kinds, author_id, created_at, active)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            rule.id.into(),
            rule.version.into(),
            rule.name.as_str().into(),
            rule.description.as_deref().into(),
            rule.source.as_str().into(),
            json_text(&rule.steps)?.into(),
            rule.event_kinds.join(",").into(),
            rule.author_id.into(),
            now.into(),
            rule.is_active().into(),
        ],
    )
    .await?;
    Ok(())
}

async fn tell(tx: &mut Tx, actor: &Actor, now: Timestamp, old: &Rule, new: &Rule) -> Result<(), Error> {
    let (before, after) = events::difference(old.fields(), new.fields());
    let kind = match (old.deactivated_at, new.deactivated_at) {
        (None, Some(_)) => "rule-deactivated",
        (Some(_), None) => "rule-reactivated",
        _ if old.priority != new.priority && old.version == new.version => "rule-priority-updated",
        _ => "rule-updated",
    };
    record(tx, actor, now, kind, new.id, Some(before), Some(after)).await
}

async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update rules set version = version where id = $1", &[id.into()]).await?;
    Ok(())
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "Rule", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}
