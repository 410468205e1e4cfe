//! Promised times: policies, and what they promise of a ticket.
//!
//! Of the policies whose condition the ticket fulfils, the first by position counts. What it promises is worked out when somebody asks, from
//! the ticket's events and messages (`clocks.rs`): nothing is kept that could be out of step with what happened.

pub mod clocks;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{SlaPolicies, Tickets};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::filled;
use crate::business_hours::BusinessHours;
use crate::filter::{Condition, Viewpoint, evaluate, hours};
use crate::rules::facts;
use crate::tickets::{Priority, Status};
use crate::{Error, events, schedules};
use clocks::{Clock, History, Metric, Stage};

/// Longest title and longest description, in characters.
pub const TITLE_MAX_CHARS: usize = 255;
pub const DESCRIPTION_MAX_CHARS: usize = 65_536;
/// Most policies of an account.
const POLICIES_MAX: i64 = 200;
/// Longest promise, in seconds: ten years.
const SECONDS_MAX: i64 = 315_360_000;
/// Events and messages of one ticket that are looked at.
const HISTORY_MAX: i64 = 5_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub id: i64,
    pub title: String,
    pub description: Option<String>,
    /// The least comes first.
    pub position: i64,
    pub condition: Condition,
    pub targets: Vec<Target>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One promise to tickets of a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub priority: Priority,
    pub metric: Metric,
    pub seconds: i64,
    /// Only time in which somebody is there counts.
    pub business_hours: bool,
}

/// What a call changes of a policy, or says of a new one. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub position: Option<i64>,
    pub condition: Option<Condition>,
    pub targets: Option<Vec<Target>>,
}

/// How one promise to a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    pub policy_id: i64,
    pub target: Target,
    pub stage: Stage,
    /// When it is broken, or was; none while its clock rests or once it is kept.
    pub breach_at: Option<Timestamp>,
}

const SELECT: &str =
    "select id, title, description, position, condition, targets, created_at, updated_at from sla_policies";

/// All policies in their order: an account has few. Served by `sla_policies_by_position`.
pub async fn list(tx: &mut Tx, _may: &CanRead<SlaPolicies>) -> Result<Vec<Policy>, Error> {
    all(tx).await
}

/// The policy with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<SlaPolicies>, id: i64) -> Result<Policy, Error> {
    read(tx, id).await
}

/// Adds a policy, as the last one unless it says where. `Invalid` names what does not fit.
pub async fn create(tx: &mut Tx, may: &CanWrite<SlaPolicies>, now: Timestamp, new: &Changes) -> Result<Policy, Error> {
    let counted = tx.row("select count(*) as n, coalesce(max(position), 0) as last from sla_policies", &[]).await?;
    let counted = counted.ok_or(StoreError::Column("n"))?;
    if POLICIES_MAX <= counted.int("n")? {
        return Err(Error::Refused(format!("There are {POLICIES_MAX} policies already, and no room for more.")));
    }
    let title = filled("title", new.title.as_deref().unwrap_or_default(), TITLE_MAX_CHARS)?;
    let targets = new.targets.clone().unwrap_or_default();
    check(&targets)?;
    let row = tx
        .row(
            "insert into sla_policies (title, description, position, condition, targets, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $6) returning id",
            &[
                title.into(),
                new.description.clone().flatten().into(),
                new.position.unwrap_or(counted.int("last")? + 1).into(),
                json!(new.condition.clone().unwrap_or_default()).into(),
                stored(&targets).into(),
                now.into(),
            ],
        )
        .await?;
    let made = read(tx, row.ok_or(StoreError::Column("id"))?.int("id")?).await?;
    record(tx, may.actor(), now, ("sla-policy-created", made.id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Changes what was sent.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<SlaPolicies>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Policy, Error> {
    let before = take(tx, id).await?;
    let mut after = before.clone();
    if let Some(title) = &changes.title {
        after.title = filled("title", title, TITLE_MAX_CHARS)?.to_owned();
    }
    after.description = changes.description.clone().unwrap_or(after.description);
    after.position = changes.position.unwrap_or(after.position);
    after.condition = changes.condition.clone().unwrap_or(after.condition);
    if let Some(targets) = &changes.targets {
        check(targets)?;
        after.targets.clone_from(targets);
    }
    if after == before {
        return Ok(after);
    }
    after.updated_at = now;
    tx.run(
        "update sla_policies set title = $1, description = $2, position = $3, condition = $4, targets = $5, updated_at = $6
         where id = $7",
        &[
            after.title.as_str().into(),
            after.description.as_deref().into(),
            after.position.into(),
            json!(after.condition).into(),
            stored(&after.targets).into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, ("sla-policy-updated", id), (Some(old), Some(new))).await?;
    Ok(after)
}

/// Puts these first, in this order, and the others behind them as they were. `Invalid` on `sla_policy_ids` for one that is not there.
pub async fn reorder(tx: &mut Tx, may: &CanWrite<SlaPolicies>, now: Timestamp, ids: &[i64]) -> Result<(), Error> {
    let policies = all(tx).await?;
    if let Some(unknown) = ids.iter().find(|id| !policies.iter().any(|policy| policy.id == **id)) {
        return Err(Error::invalid("sla_policy_ids", format!("{unknown} is not a policy")));
    }
    let place = |policy: &Policy| ids.iter().position(|id| *id == policy.id).unwrap_or(ids.len());
    let mut ordered: Vec<&Policy> = policies.iter().collect();
    ordered.sort_by_key(|policy| place(policy));
    for (at, policy) in ordered.into_iter().enumerate() {
        let position = i64::try_from(at + 1).unwrap_or(i64::MAX);
        if policy.position != position {
            let changes = Changes { position: Some(position), ..Changes::default() };
            update(tx, may, now, policy.id, &changes).await?;
        }
    }
    Ok(())
}

/// Deletes a policy. What it promised is promised no more.
pub async fn delete(tx: &mut Tx, may: &CanWrite<SlaPolicies>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    tx.run("delete from sla_policies where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("sla-policy-deleted", id), (Some(gone.facts()), None)).await
}

/// What is promised of a ticket. Nothing if no policy is for it. Served by `events_by_object` and `messages_by_ticket`.
pub async fn promises(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    now: Timestamp,
    ticket_id: i64,
) -> Result<Vec<Promise>, Error> {
    promised(tx, now, ticket_id).await
}

/// When the first of them that is not kept yet is broken, or was. For rules.
pub(crate) async fn next_breach_at(tx: &mut Tx, now: Timestamp, ticket_id: i64) -> Result<Option<Timestamp>, Error> {
    Ok(promised(tx, now, ticket_id).await?.iter().filter_map(|promise| promise.breach_at).min())
}

async fn promised(tx: &mut Tx, now: Timestamp, ticket_id: i64) -> Result<Vec<Promise>, Error> {
    let mut policies = all(tx).await?;
    if policies.is_empty() {
        return Ok(Vec::new());
    }
    let mut fields = Vec::new();
    for policy in &mut policies {
        policy.condition = hours::settled(tx, &policy.condition, now).await?.into_owned();
        evaluate::fields(&policy.condition, &mut fields);
    }
    let Some(known) = facts::load(tx, now, ticket_id, None, &fields).await? else { return Ok(Vec::new()) };
    let viewpoint = Viewpoint { now, person_id: None };
    let fulfilled = policies.iter().find(|policy| evaluate::holds(&policy.condition, &known.facts, &viewpoint));
    let Some(policy) = fulfilled else { return Ok(Vec::new()) };
    let sql = "select status, priority, created_at, schedule_id from tickets where id = $1";
    let row = tx.row(sql, &[ticket_id.into()]).await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let priority = Priority::parse(&row.text("priority")?);
    let history = history(tx, ticket_id, &row).await?;
    let business = schedules::hours_of_ticket(tx, row.int_or_null("schedule_id")?).await?;
    let always = BusinessHours::always();
    let of_priority = policy.targets.iter().filter(|target| Some(target.priority) == priority);
    let promises = of_priority.filter_map(|target| {
        let clock = Clock::of(target.metric, &history)?;
        let hours = if target.business_hours { &business } else { &always };
        let breach_at = (clock.stage != Stage::Achieved).then(|| clock.reaches(target.seconds, hours)).flatten();
        Some(Promise { policy_id: policy.id, target: *target, stage: clock.stage, breach_at })
    });
    Ok(promises.collect())
}

/// `row` has the ticket's status and when it was created.
async fn history(tx: &mut Tx, ticket_id: i64, row: &Row) -> Result<History, Error> {
    let created_at = row.time("created_at")?;
    let rows = tx
        .rows(
            "select before, after, created_at from events
             where object_type = 'Ticket' and object_id = $1 and type in ('ticket-created', 'ticket-updated')
             order by created_at, id limit $2",
            &[ticket_id.into(), HISTORY_MAX.into()],
        )
        .await?;
    let mut statuses: Vec<(Timestamp, Status)> = Vec::new();
    let status = |side: Option<Json>| side.as_ref().and_then(|side| Status::parse(side.get("status")?.as_str()?));
    for row in rows {
        let Some(after) = status(row.json("after")?) else { continue };
        if statuses.is_empty() {
            // Before the log began it was what this event turned it from.
            statuses.push((created_at, status(row.json("before")?).unwrap_or(after)));
        }
        if statuses.last().is_some_and(|(_, last)| *last != after) {
            statuses.push((row.time("created_at")?, after));
        }
    }
    if statuses.is_empty() {
        statuses.push((created_at, Status::parse(&row.text("status")?).ok_or(StoreError::Column("status"))?));
    }
    let rows = tx
        .rows(
            "select created_at, from_agent from messages where ticket_id = $1 and public = 1 and deleted_at is null
             order by created_at, id limit $2",
            &[ticket_id.into(), HISTORY_MAX.into()],
        )
        .await?;
    let message = |row: &Row| Ok((row.time("created_at")?, row.flag("from_agent")?));
    let messages = rows.iter().map(message).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(History { statuses, messages })
}

async fn all(tx: &mut Tx) -> Result<Vec<Policy>, Error> {
    let rows = tx.rows(&format!("{SELECT} order by position, id"), &[]).await?;
    rows.iter().map(Policy::from_row).collect()
}

/// The row until the end of the transaction: of two changes at once, the second sees the first.
async fn take(tx: &mut Tx, id: i64) -> Result<Policy, Error> {
    tx.run("update sla_policies set updated_at = updated_at where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<Policy, Error> {
    match tx.row(&format!("{SELECT} where id = $1"), &[id.into()]).await? {
        Some(row) => Policy::from_row(&row),
        None => Err(Error::NotFound { kind: "sla policy", id }),
    }
}

/// Each promise once, and each a time that can pass.
fn check(targets: &[Target]) -> Result<(), Error> {
    for (at, target) in targets.iter().enumerate() {
        if !(1..=SECONDS_MAX).contains(&target.seconds) {
            return Err(Error::invalid(
                "policy_metrics",
                "must have a target of at least a second and at most ten years",
            ));
        }
        let same = |other: &Target| other.priority == target.priority && other.metric == target.metric;
        if targets[..at].iter().any(same) {
            return Err(Error::invalid("policy_metrics", "may have each metric once for a priority"));
        }
    }
    Ok(())
}

fn stored(targets: &[Target]) -> Json {
    targets.iter().map(Target::facts).collect()
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "SlaPolicy", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Target {
    fn facts(&self) -> Json {
        json!({
            "priority": self.priority.word(), "metric": self.metric.word(), "seconds": self.seconds,
            "business_hours": self.business_hours,
        })
    }

    fn from_stored(json: &Json) -> Option<Target> {
        Some(Target {
            priority: Priority::parse(json["priority"].as_str()?)?,
            metric: Metric::parse(json["metric"].as_str()?)?,
            seconds: json["seconds"].as_i64()?,
            business_hours: json["business_hours"].as_bool()?,
        })
    }
}

impl Policy {
    /// What events tell of it.
    fn facts(&self) -> Json {
        json!({
            "title": self.title, "description": self.description, "position": self.position, "condition": self.condition,
            "targets": stored(&self.targets),
        })
    }

    fn from_row(row: &Row) -> Result<Policy, Error> {
        let condition = row.json("condition")?.ok_or(StoreError::Column("condition"))?;
        let targets = row.json("targets")?.ok_or(StoreError::Column("targets"))?;
        let targets = targets.as_array().into_iter().flatten().map(Target::from_stored).collect::<Option<Vec<_>>>();
        Ok(Policy {
            id: row.int("id")?,
            title: row.text("title")?,
            description: row.text_or_null("description")?,
            position: row.int("position")?,
            condition: serde_json::from_value(condition).map_err(|_| StoreError::Column("condition"))?,
            targets: targets.ok_or(StoreError::Column("targets"))?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
