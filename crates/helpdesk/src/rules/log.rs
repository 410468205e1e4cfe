//! What rules did and why: the rule and its version, the event, the branches, the values they saw, and what they did about it.

use jiff::{SignedDuration, Timestamp};
use scope::permit::CanRead;
use scope::resource::Rules;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use super::decide::Decision;
use super::{Rule, json_text};
use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice};

#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    pub id: i64,
    pub rule_id: i64,
    pub rule_name: String,
    pub rule_version: i64,
    pub ticket_id: i64,
    pub event_id: Option<i64>,
    pub event_kind: String,
    /// What the events that it wrote share.
    pub context: String,
    pub outcome: Outcome,
    pub branches: Vec<String>,
    /// By the name of the field.
    pub seen: Json,
    /// As stored actions are.
    pub actions: Json,
    pub error: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ran,
    /// Nothing of what it did stayed.
    Failed,
    /// It would have run, but rules had done enough to this ticket in the last hour.
    OverBudget,
}

impl Outcome {
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Ran => "ran",
            Outcome::Failed => "failed",
            Outcome::OverBudget => "over_budget",
        }
    }

    fn parse(word: &str) -> Option<Outcome> {
        [Outcome::Ran, Outcome::Failed, Outcome::OverBudget].into_iter().find(|outcome| outcome.word() == word)
    }
}

/// Why a rule looks at a ticket.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause {
    /// None as time passes.
    pub event_id: Option<i64>,
    pub event_kind: String,
    /// What the events of one request share.
    pub context: Option<String>,
    /// The rules whose effect the event is, the first one first.
    pub chain: Vec<i64>,
    /// Whoever did it.
    pub person_id: Option<i64>,
}

/// What an event that rules wrote comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The rules whose effect it is, the first one first.
    pub chain: Vec<i64>,
    /// What the last of them ran on.
    pub event_kind: String,
}

pub(super) struct Entry<'a> {
    pub rule: &'a Rule,
    pub ticket_id: i64,
    pub cause: &'a Cause,
    pub context: &'a str,
    pub outcome: Outcome,
    pub decision: &'a Decision,
    pub error: Option<&'a str>,
}

pub(super) async fn write(tx: &mut Tx, now: Timestamp, entry: &Entry<'_>) -> Result<(), Error> {
    let mut chain = entry.cause.chain.clone();
    chain.push(entry.rule.id);
    tx.run(
        "insert into rule_executions (rule_id, rule_name, rule_version, ticket_id, event_id, event_kind, cause, context, outcome,
                                      branches, seen, actions, error, chain, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            entry.rule.id.into(),
            entry.rule.name.as_str().into(),
            entry.rule.version.into(),
            entry.ticket_id.into(),
            entry.cause.event_id.into(),
            entry.cause.event_kind.as_str().into(),
            entry.cause.context.as_deref().into(),
            entry.context.into(),
            entry.outcome.word().into(),
            json_text(&entry.decision.branches)?.into(),
            json_text(&entry.decision.seen)?.into(),
            json_text(&entry.decision.actions)?.into(),
            entry.error.into(),
            json_text(&chain)?.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

/// What an event comes from, by the context that it was written in. Served by `rule_executions_by_context`.
pub(super) async fn origin(tx: &mut Tx, context: &str) -> Result<Origin, Error> {
    let sql = "select chain, event_kind from rule_executions where context = $1 limit 1";
    let Some(row) = tx.row(sql, &[context.into()]).await? else { return Ok(Origin::default()) };
    let chain = row.json("chain")?.unwrap_or_else(|| json!([]));
    let chain = chain.as_array().into_iter().flatten().filter_map(Json::as_i64).collect();
    Ok(Origin { chain, event_kind: row.text("event_kind")? })
}

/// How often rules ran on a ticket in the last hour. Served by `rule_executions_by_ticket`, newest first.
pub(super) async fn n_in_last_hour(tx: &mut Tx, now: Timestamp, ticket_id: i64, up_to: i64) -> Result<i64, Error> {
    let since = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
    let row = tx
        .row(
            "select count(*) as n from (
                 select created_at from rule_executions where ticket_id = $1 and outcome = 'ran' order by id desc limit $2
             ) as newest where created_at > $3",
            &[ticket_id.into(), up_to.into(), since.into()],
        )
        .await?;
    Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")?)
}

/// Whether this rule has run on the ticket already for another kind of event of the same request, such as the message that a ticket began with.
pub(super) async fn ran_on_another_kind(
    tx: &mut Tx,
    rule: &Rule,
    ticket_id: i64,
    cause: &Cause,
) -> Result<bool, Error> {
    let Some(context) = &cause.context else { return Ok(false) };
    let row = tx
        .row(
            "select id from rule_executions
             where ticket_id = $1 and rule_id = $2 and cause = $3 and event_kind <> $4 and outcome = 'ran' limit 1",
            &[ticket_id.into(), rule.id.into(), context.into(), cause.event_kind.as_str().into()],
        )
        .await?;
    Ok(row.is_some())
}

const NEWEST_FIRST: Order = Order { columns: &[Column::Int("x.id", "id")], descending: true };

const SELECT: &str =
    "select x.id, x.rule_id, x.rule_name, x.rule_version, x.ticket_id, x.event_id, x.event_kind, x.context, x.outcome,
                             x.branches, x.seen, x.actions, x.error, x.created_at
                      from rule_executions x where 1 = 1";

/// What a rule did, newest first. Served by `rule_executions_by_rule`.
pub async fn of_rule(
    tx: &mut Tx,
    _may: &CanRead<Rules>,
    rule_id: i64,
    slice: &Slice,
) -> Result<Page<Execution>, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.rule_id =", rule_id);
    query.page(tx, NEWEST_FIRST, slice).await?.try_map(|row| Execution::from_row(&row))
}

/// Why a ticket is as it is, as far as rules go: what they did to it, newest first. Served by `rule_executions_by_ticket`.
pub async fn of_ticket(
    tx: &mut Tx,
    _may: &CanRead<Rules>,
    ticket_id: i64,
    slice: &Slice,
) -> Result<Page<Execution>, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.ticket_id =", ticket_id);
    query.page(tx, NEWEST_FIRST, slice).await?.try_map(|row| Execution::from_row(&row))
}

/// The execution that an event of the log belongs to, by the event's context. Served by `rule_executions_by_context`.
pub async fn of_context(tx: &mut Tx, _may: &CanRead<Rules>, context: &str) -> Result<Option<Execution>, Error> {
    let row = tx.row(&format!("{SELECT} and x.context = $1 order by x.id limit 1"), &[context.into()]).await?;
    row.as_ref().map(Execution::from_row).transpose()
}

impl Execution {
    fn from_row(row: &Row) -> Result<Execution, Error> {
        let branches = row.json("branches")?.unwrap_or_default();
        Ok(Execution {
            id: row.int("id")?,
            rule_id: row.int("rule_id")?,
            rule_name: row.text("rule_name")?,
            rule_version: row.int("rule_version")?,
            ticket_id: row.int("ticket_id")?,
            event_id: row.int_or_null("event_id")?,
            event_kind: row.text("event_kind")?,
            context: row.text("context")?,
            outcome: Outcome::parse(&row.text("outcome")?).ok_or(store::StoreError::Column("outcome"))?,
            branches: branches.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect(),
            seen: row.json("seen")?.unwrap_or_default(),
            actions: row.json("actions")?.unwrap_or_default(),
            error: row.text_or_null("error")?,
            created_at: row.time("created_at")?,
        })
    }
}
