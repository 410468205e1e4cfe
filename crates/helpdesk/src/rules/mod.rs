//! Rules: what happens to a ticket by itself, on an event or as time passes.
//!
//! Here is what a rule is, and reading one. Saving: `write.rs`; its place among the others: `categories.rs`, `place.rs`; what a rule on time must
//! be like: `automations.rs`. What it would do: `decide.rs`, of the facts of `facts.rs` and, of all that one request did, `update.rs`. Doing it:
//! `run.rs` follows the event log, `on_time.rs` goes through the tickets, both by `execute.rs`. What it did and why: `log.rs`. What it would
//! have done: `dry_run.rs`.

pub mod automations;
pub mod categories;
pub mod decide;
pub mod dry_run;
pub mod execute;
pub mod facts;
pub mod log;
mod looked_up;
pub mod on_time;
pub mod place;
mod reach;
pub mod run;
mod take;
mod update;
pub(crate) mod uses;
pub mod write;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::{Automations, Resource, Rules, Triggers};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::actions::Action;
use crate::filter::Condition;
use crate::page::{Column, Order, Page, Query, Slice};

/// One thing that a rule does when it comes there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Act(Action),
    /// The steps of the first branch whose condition holds.
    Choose(Vec<Branch>),
    /// No rule after this one runs on the event.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    pub condition: Condition,
    pub steps: Vec<Step>,
}

/// What a rule can run on. The last one is no event: tickets are looked at again and again, and each is acted on once.
pub const EVENT_KINDS: &[&str] = &[
    "ticket-created",
    "ticket-updated",
    "ticket-message-created",
    "ticket-assigned",
    "ticket-self-unsnoozed",
    "satisfaction-survey-responded",
    TICKET_SAVED,
    TIME_PASSED,
];
/// All that one request did to a ticket, together: a rule looks at it once.
pub const TICKET_SAVED: &str = "ticket-saved";
pub const TIME_PASSED: &str = "time-passed";

/// What opens rules: all of them, or one sort alone.
pub trait Sort: Resource {
    fn has(rule: &Rule) -> bool;
}

impl Sort for Rules {
    fn has(_rule: &Rule) -> bool {
        true
    }
}

impl Sort for Triggers {
    fn has(rule: &Rule) -> bool {
        rule.event_kinds.iter().any(|kind| kind != TIME_PASSED)
    }
}

impl Sort for Automations {
    fn has(rule: &Rule) -> bool {
        rule.runs_on(TIME_PASSED)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    pub category: Option<String>,
    /// The group that it stands in. None: of a rule on time alone.
    pub category_id: Option<i64>,
    /// As it came, in the words of whoever wrote it. Empty: it was put together of conditions and actions, and its steps say all.
    pub source: String,
    pub steps: Vec<Step>,
    /// Of `EVENT_KINDS`, in the order given.
    pub event_kinds: Vec<String>,
    /// Within its category, higher runs first, then the older one.
    pub priority: i64,
    /// Counts its saves.
    pub version: i64,
    /// Staff who saved it last.
    pub author_id: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deactivated_at: Option<Timestamp>,
    /// Events before are none of its business.
    pub active_since: Timestamp,
    pub runs: i64,
    pub last_run_at: Option<Timestamp>,
    /// Since it last ran well.
    pub failures: i64,
    pub last_error: Option<String>,
    pub last_error_at: Option<Timestamp>,
}

/// A rule as it was saved once.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub version: i64,
    pub name: String,
    pub description: Option<String>,
    pub source: String,
    pub steps: Vec<Step>,
    pub event_kinds: Vec<String>,
    pub active: bool,
    pub author_id: Option<i64>,
    pub author_name: Option<String>,
    pub created_at: Timestamp,
}

macro_rules! select_rules {
    () => {
        "select r.id, r.name, r.description, r.category, r.category_id, r.source, r.steps, r.event_kinds, r.priority, r.version, r.author_id, r.created_at,
                r.updated_at, r.deactivated_at, r.active_since, r.runs, r.last_run_at, r.failures, r.last_error, r.last_error_at
         from rules r where 1 = 1"
    };
}

/// By creation. Served by `rules_by_created`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Rules>, descending: bool, slice: &Slice) -> Result<Page<Rule>, Error> {
    let columns: &'static [Column] = &[Column::Int("r.created_at", "created_at"), Column::Int("r.id", "id")];
    let query = Query::new(select_rules!());
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Rule::from_row(&row))
}

/// Most rules of an account: each event is held against all of them.
pub const RULES_MAX: i64 = 1_000;

/// All rules in the order they run in: by the places of their categories, then by priority. There are at most `RULES_MAX`.
pub async fn in_order<S: Sort>(tx: &mut Tx, _may: &CanRead<S>) -> Result<Vec<Rule>, Error> {
    let mut rules = all_in_order(tx, false).await?;
    rules.retain(S::has);
    Ok(rules)
}

async fn all_in_order(tx: &mut Tx, only_active: bool) -> Result<Vec<Rule>, Error> {
    let active = if only_active { " and r.deactivated_at is null" } else { "" };
    let sql = format!(
        "{}{active} order by coalesce((select c.position from rule_categories c where c.id = r.category_id), 0),
                             coalesce(r.category_id, 0), r.priority desc, r.id limit {RULES_MAX}",
        select_rules!()
    );
    tx.rows(&sql, &[]).await?.iter().map(Rule::from_row).collect()
}

/// The rule with this id, or `NotFound`.
pub async fn find<S: Sort>(tx: &mut Tx, _may: &CanRead<S>, id: i64) -> Result<Rule, Error> {
    read_of::<S>(tx, id).await
}

async fn read_of<S: Sort>(tx: &mut Tx, id: i64) -> Result<Rule, Error> {
    let rule = read(tx, id).await?;
    if S::has(&rule) { Ok(rule) } else { Err(Error::NotFound { kind: "rule", id }) }
}

async fn read(tx: &mut Tx, id: i64) -> Result<Rule, Error> {
    match tx.row(concat!(select_rules!(), " and r.id = $1"), &[id.into()]).await? {
        Some(row) => Rule::from_row(&row),
        None => Err(Error::NotFound { kind: "rule", id }),
    }
}

/// Versions shown at most.
const VERSIONS_MAX: i64 = 100;

/// The newest versions of a rule, newest first.
pub async fn versions<S: Sort>(tx: &mut Tx, _may: &CanRead<S>, id: i64) -> Result<Vec<Version>, Error> {
    let rows = tx
        .rows(
            "select v.version, v.name, v.description, v.source, v.steps, v.event_kinds, v.active, v.author_id, p.name as author_name, v.created_at
             from rule_versions v left join people p on p.id = v.author_id
             where v.rule_id = $1 order by v.version desc limit $2",
            &[id.into(), VERSIONS_MAX.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Version {
                version: row.int("version")?,
                name: row.text("name")?,
                description: row.text_or_null("description")?,
                source: row.text("source")?,
                steps: steps_of(&row.text("steps")?)?,
                event_kinds: split(&row.text("event_kinds")?),
                active: row.flag("active")?,
                author_id: row.int_or_null("author_id")?,
                author_name: row.text_or_null("author_name")?,
                created_at: row.time("created_at")?,
            })
        })
        .collect()
}

impl Rule {
    fn from_row(row: &Row) -> Result<Rule, Error> {
        Ok(Rule {
            id: row.int("id")?,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            category: row.text_or_null("category")?,
            category_id: row.int_or_null("category_id")?,
            source: row.text("source")?,
            steps: steps_of(&row.text("steps")?)?,
            event_kinds: split(&row.text("event_kinds")?),
            priority: row.int("priority")?,
            version: row.int("version")?,
            author_id: row.int_or_null("author_id")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deactivated_at: row.time_or_null("deactivated_at")?,
            active_since: row.time("active_since")?,
            runs: row.int("runs")?,
            last_run_at: row.time_or_null("last_run_at")?,
            failures: row.int("failures")?,
            last_error: row.text_or_null("last_error")?,
            last_error_at: row.time_or_null("last_error_at")?,
        })
    }

    pub fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }

    pub fn runs_on(&self, kind: &str) -> bool {
        self.event_kinds.iter().any(|known| known == kind)
    }

    /// Whether it was put together of conditions and actions, and not written as code.
    pub fn is_of_conditions(&self) -> bool {
        self.source.is_empty()
    }

    /// What events tell of a rule.
    fn fields(&self) -> Json {
        json!({
            "name": self.name,
            "description": self.description,
            "code": self.source,
            "event_types": self.event_kinds.join(","),
            "steps": self.is_of_conditions().then_some(&self.steps),
            "category_id": self.category_id,
            "priority": self.priority,
            "version": self.version,
            "deactivated_at": self.deactivated_at,
        })
    }
}

fn steps_of(text: &str) -> Result<Vec<Step>, Error> {
    Ok(serde_json::from_str(text).map_err(|_| store::StoreError::Column("steps"))?)
}

fn split(kinds: &str) -> Vec<String> {
    kinds.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect()
}

fn json_text(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string(value).map_err(|_| store::StoreError::Column("json"))?)
}
