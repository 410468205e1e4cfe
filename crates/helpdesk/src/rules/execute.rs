//! One rule on one ticket: whether it may, doing what it decided, and writing down why.

use jiff::Timestamp;
use outside::sha256;
use scope::permit::{Acting, Permit};
use serde_json::json;
use store::{StoreError, Transient, Tx};

use super::decide::Decision;
use super::log::{self, Cause, Entry, Outcome};
use super::{Rule, TIME_PASSED, take, write};
use crate::Error;
use crate::events::{self, Change};

/// Who acts, for the event log.
pub const WORKER: &str = "rules";
/// Before the id of a rule, and behind that of one that acts as time passes.
const BY_RULE: &str = "rule:";
const BY_TIME: &str = ":time";

/// Times that rules may run on one ticket within an hour.
pub const BUDGET_PER_HOUR: i64 = 60;
/// Rules that may set each other off in a row.
pub const CHAIN_MAX: usize = 4;
/// Failures in a row after which a rule is turned off.
pub const FAILURES_MAX: i64 = 10;

/// Why a transaction of rules was given up. Of a rule that failed nothing stays: the whole is done again without it.
#[derive(Debug)]
pub(super) enum Interrupted {
    Failed(Failure),
    Other(Error),
}

/// A rule that could not do what it decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub rule_id: i64,
    pub ticket_id: i64,
    pub event_id: Option<i64>,
    pub problem: String,
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Interrupted {
        Interrupted::Other(error)
    }
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Interrupted {
        Interrupted::Other(error.into())
    }
}

impl Transient for Interrupted {
    fn is_transient(&self) -> bool {
        matches!(self, Interrupted::Other(error) if error.is_transient())
    }
}

/// What came of a rule on a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    Nothing,
    Ran,
}

/// Does what the rule decided, unless it failed at it before, the budget is used up, or it ran for the same request already.
pub(super) async fn execute(
    tx: &mut Tx,
    now: Timestamp,
    (rule, ticket_id): (&Rule, i64),
    cause: &Cause,
    decision: &Decision,
    failures: &[Failure],
) -> Result<Came, Interrupted> {
    let context = context_of(rule, ticket_id, cause);
    let entry = Entry { rule, ticket_id, cause, context: &context, outcome: Outcome::Ran, decision, error: None };
    let is_this =
        |known: &&Failure| (known.rule_id, known.ticket_id, known.event_id) == (rule.id, ticket_id, cause.event_id);
    if let Some(failure) = failures.iter().find(is_this) {
        let entry = Entry { outcome: Outcome::Failed, error: Some(&failure.problem), ..entry };
        log::write(tx, now, &entry).await?;
        fail(tx, now, rule, &context, &failure.problem).await?;
        return Ok(Came::Nothing);
    }
    if log::ran_on_another_kind(tx, rule, ticket_id, cause).await? {
        return Ok(Came::Nothing);
    }
    if BUDGET_PER_HOUR <= log::n_in_last_hour(tx, now, ticket_id, BUDGET_PER_HOUR).await? {
        let problem = format!("Rules ran on this ticket {BUDGET_PER_HOUR} times within an hour.");
        log::write(tx, now, &Entry { outcome: Outcome::OverBudget, error: Some(&problem), ..entry }).await?;
        return Ok(Came::Nothing);
    }
    let may = Permit::system_as(WORKER, context.clone(), acting(rule, &cause.event_kind));
    for action in &decision.actions {
        take::take(tx, &may, now, (rule, cause), ticket_id, action).await.map_err(|error| match error {
            Error::Store(_) => Interrupted::Other(error),
            problem => Interrupted::Failed(Failure {
                rule_id: rule.id,
                ticket_id,
                event_id: cause.event_id,
                problem: problem.to_string(),
            }),
        })?;
    }
    log::write(tx, now, &entry).await?;
    let executed = Change {
        kind: "rule-executed",
        object_type: "Rule",
        object_id: rule.id,
        before: None,
        after: None,
        data: Some(json!({
            "name": rule.name,
            "version": rule.version,
            "ticket_id": ticket_id,
            "event_id": cause.event_id,
            "event_type": cause.event_kind,
            "branches": decision.branches,
            "values": decision.seen,
        })),
    };
    events::record(tx, may.actor(), now, executed).await?;
    tx.run(
        "update rules set runs = runs + 1, last_run_at = $1, failures = 0 where id = $2",
        &[now.into(), rule.id.into()],
    )
    .await?;
    Ok(Came::Ran)
}

async fn fail(tx: &mut Tx, now: Timestamp, rule: &Rule, context: &str, problem: &str) -> Result<(), Error> {
    let row = tx
        .row(
            "update rules set failures = failures + 1, last_error = $1, last_error_at = $2 where id = $3
             returning failures, deactivated_at",
            &[problem.into(), now.into(), rule.id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    if FAILURES_MAX <= row.int("failures")? && row.time_or_null("deactivated_at")?.is_none() {
        let may: Permit<scope::resource::Rules, scope::resource::Write> =
            Permit::system_as(WORKER, context.to_owned(), acting(rule, ""));
        let why = format!("It failed {FAILURES_MAX} times in a row, the last time because: {problem}");
        write::deactivate(tx, may.actor(), now, rule, &why).await?;
    }
    Ok(())
}

/// As whom a rule acts, for the event log. One that acts as time passes says so.
fn acting(rule: &Rule, event_kind: &str) -> Acting {
    let behind = if event_kind == TIME_PASSED { BY_TIME } else { "" };
    Acting { sub: format!("{BY_RULE}{}{behind}", rule.id), name: rule.name.clone() }
}

/// The rule that an event of the log tells as its cause, and whether it acted as time passed.
pub fn rule_of(acting: &str) -> Option<(i64, bool)> {
    let id = acting.strip_prefix(BY_RULE)?;
    let by_time = id.strip_suffix(BY_TIME);
    Some((by_time.unwrap_or(id).parse().ok()?, by_time.is_some()))
}

/// A UUID that this rule's events on this occasion share; the same again when the work is done again.
pub(super) fn context_of(rule: &Rule, ticket_id: i64, cause: &Cause) -> String {
    let occasion = format!("rule {} {} {ticket_id} {:?}", rule.id, rule.version, cause.event_id);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(occasion.as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
