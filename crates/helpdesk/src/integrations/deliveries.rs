//! The log of calls: what was asked for, what became of it, and doing it again.
//!
//! A row is made in the transaction of what asks for it, with the job that makes the call (`deliver.rs`). Rows are kept for 30 days
//! (`cleanup.rs`).

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{Integrations, Webhooks};
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Row, StoreError, Tx};

use super::{Sort, deliver, facts, follow};
use crate::Error;
use crate::actions::{HttpCall, Payload};
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::templates::Facts;

/// Runs of the job that ended in a failure of our own, such as a database that is away.
const JOB_MAX_ATTEMPTS: i64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    Delivered,
    /// Given up.
    Failed,
    /// Not made at all; `error` says why.
    Skipped,
}

impl State {
    pub const ALL: &'static [State] = &[State::Waiting, State::Delivered, State::Failed, State::Skipped];

    pub const fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Delivered => "delivered",
            State::Failed => "failed",
            State::Skipped => "skipped",
        }
    }

    pub fn parse(word: &str) -> Option<State> {
        State::ALL.iter().copied().find(|state| state.word() == word)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub id: i64,
    /// None for the call of a macro or rule.
    pub integration_id: Option<i64>,
    pub event_id: Option<i64>,
    pub replay_of: Option<i64>,
    pub trigger: String,
    pub ticket_id: Option<i64>,
    pub state: State,
    pub attempts: i64,
    pub created_at: Timestamp,
    /// When it is tried next, while it waits.
    pub next_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// When it was tried last, or asked for.
    pub latest_at: Timestamp,
    /// The last attempt.
    pub method: Option<String>,
    pub url: Option<String>,
    pub request_headers: Option<Json>,
    pub request_body: Option<String>,
    pub response_status: Option<i64>,
    pub response_headers: Option<Json>,
    pub response_body: Option<String>,
    pub milliseconds: Option<i64>,
    pub error: Option<String>,
}

/// Which of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub integration_id: Option<i64>,
    pub state: Option<State>,
}

/// A page of the log, newest first, without bodies. Served by `deliveries_by_created`, `deliveries_by_integration`,
/// `deliveries_by_state` and `deliveries_by_integration_and_state`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Integrations>,
    filter: Filter,
    slice: &Slice,
) -> Result<Page<Delivery>, Error> {
    let mut query = Query::new(select_deliveries!(
        "null as request_headers, null as request_body, null as response_headers, null as response_body"
    ));
    if let Some(id) = filter.integration_id {
        query.and("d.integration_id =", id);
    }
    if let Some(state) = filter.state {
        query.and("d.state =", state.word());
    }
    let columns: &'static [Column] = &[Column::Int("d.created_at", "created_at"), Column::Int("d.id", "id")];
    query.page(tx, Order { columns, descending: true }, slice).await?.try_map(|row| Delivery::from_row(&row))
}

/// How far a call has come, and what became of it, as callers of webhooks tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It will be made, or made again.
    Accepted,
    Success,
    ClientError,
    ServerError,
    Timeout,
    /// Given up for another reason.
    Failed,
    /// Not made: there were too many, or the integration is off.
    Throttled,
    Terminated,
}

impl Came {
    pub const ALL: &'static [Came] = &[
        Came::Accepted,
        Came::Success,
        Came::ClientError,
        Came::ServerError,
        Came::Timeout,
        Came::Failed,
        Came::Throttled,
        Came::Terminated,
    ];

    fn of(state: State, status: Option<i64>, error: Option<&str>) -> Came {
        match (state, status) {
            (State::Waiting, _) => Came::Accepted,
            (State::Delivered, _) => Came::Success,
            (State::Failed, _) => Came::of_attempt(status, error),
            (State::Skipped, _) if error == Some(follow::TOO_MANY) => Came::Throttled,
            (State::Skipped, _) => Came::Terminated,
        }
    }

    pub(super) fn of_attempt(status: Option<i64>, error: Option<&str>) -> Came {
        match (status, error) {
            (Some(200..=299), _) => Came::Success,
            (Some(400..=499), _) => Came::ClientError,
            (Some(500..), _) => Came::ServerError,
            (None, Some(NO_ANSWER)) => Came::Timeout,
            _ => Came::Failed,
        }
    }

    /// The same in SQL.
    const fn condition(self) -> &'static str {
        match self {
            Came::Accepted => "d.state = 'waiting'",
            Came::Success => "d.state = 'delivered'",
            Came::ClientError => "d.state = 'failed' and d.response_status >= 400 and d.response_status < 500",
            Came::ServerError => "d.state = 'failed' and d.response_status >= 500",
            Came::Timeout => "d.state = 'failed' and d.response_status is null and d.error = 'No answer in time.'",
            Came::Failed => {
                "d.state = 'failed' and (d.response_status < 400
                     or (d.response_status is null and coalesce(d.error, '') <> 'No answer in time.'))"
            }
            Came::Throttled => "d.state = 'skipped' and d.error like 'There were too many calls%'",
            Came::Terminated => "d.state = 'skipped' and coalesce(d.error, '') not like 'There were too many calls%'",
        }
    }
}

/// What the log says of a receiver that took too long.
const NO_ANSWER: &str = "No answer in time.";

impl Delivery {
    pub fn came(&self) -> Came {
        Came::of(self.state, self.response_status, self.error.as_deref())
    }
}

/// Which calls of a webhook.
#[derive(Debug, Clone, Copy)]
pub struct Called {
    pub integration_id: i64,
    pub came: Option<Came>,
    /// Tried last then or later, and then or earlier.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Its calls by when they were tried last, without bodies. Served by `deliveries_by_attempt`.
pub async fn of_webhook(
    tx: &mut Tx,
    _may: &CanRead<Webhooks>,
    called: &Called,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Delivery>, Error> {
    let mut query = Query::new(select_deliveries!(
        "null as request_headers, null as request_body, null as response_headers, null as response_body"
    ));
    query.and("d.integration_id =", called.integration_id);
    if let Some(came) = called.came {
        query.and_text(came.condition());
    }
    if let Some(since) = called.since {
        query.and("d.latest_at >=", since);
    }
    if let Some(until) = called.until {
        query.and("d.latest_at <=", until);
    }
    let columns: &'static [Column] = &[Column::Int("d.latest_at", "latest_at"), Column::Int("d.id", "id")];
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Delivery::from_row(&row))
}

/// One time that a call was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub number: i64,
    pub attempted_at: Timestamp,
    pub request_headers: Option<Json>,
    pub request_body: Option<String>,
    pub response_status: Option<i64>,
    pub response_headers: Option<Json>,
    pub response_body: Option<String>,
    pub error: Option<String>,
}

impl Attempt {
    pub fn came(&self) -> Came {
        Came::of_attempt(self.response_status, self.error.as_deref())
    }
}

/// Every attempt of a webhook's call, the first one first.
pub async fn attempts(tx: &mut Tx, may: &CanRead<Webhooks>, delivery: &Delivery) -> Result<Vec<Attempt>, Error> {
    let last = find(tx, may, delivery.id).await?;
    let rows = tx
        .rows(
            "select number, attempted_at, request_headers, request_body, response_status, response_headers, response_body, error
             from delivery_attempts where delivery_id = $1 order by number",
            &[delivery.id.into()],
        )
        .await?;
    let mut attempts = Vec::with_capacity(rows.len() + 1);
    for row in &rows {
        attempts.push(Attempt {
            number: row.int("number")?,
            attempted_at: row.time_or_null("attempted_at")?.unwrap_or(delivery.created_at),
            request_headers: row.json("request_headers")?,
            request_body: row.text_or_null("request_body")?,
            response_status: row.int_or_null("response_status")?,
            response_headers: row.json("response_headers")?,
            response_body: row.text_or_null("response_body")?,
            error: row.text_or_null("error")?,
        });
    }
    if 0 < last.attempts {
        attempts.push(Attempt {
            number: last.attempts,
            attempted_at: last.latest_at,
            request_headers: last.request_headers,
            request_body: last.request_body,
            response_status: last.response_status,
            response_headers: last.response_headers,
            response_body: last.response_body,
            error: last.error,
        });
    }
    Ok(attempts)
}

/// The delivery with this id, or `NotFound`.
pub async fn find<S: Sort>(tx: &mut Tx, _may: &CanRead<S>, id: i64) -> Result<Delivery, Error> {
    let sql = concat!(
        select_deliveries!("d.request_headers, d.request_body, d.response_headers, d.response_body"),
        " and d.id = $1"
    );
    let row = tx.row(sql, &[id.into()]).await?;
    row.as_ref().map(Delivery::from_row).transpose()?.ok_or(Error::NotFound { kind: "delivery", id })
}

/// Makes the call once more: with the facts of then and the integration as it is now. The id of the new delivery.
pub async fn replay(tx: &mut Tx, may: &CanWrite<Integrations>, now: Timestamp, id: i64) -> Result<i64, Error> {
    let row = tx
        .row("select integration_id, trigger_word, ticket_id, input, state from deliveries where id = $1", &[id.into()])
        .await?;
    let row = row.ok_or(Error::NotFound { kind: "delivery", id })?;
    if row.text("state")? == State::Waiting.word() {
        return Err(Error::Refused("This delivery still waits: it is made by itself.".to_owned()));
    }
    let input = row.json("input")?.unwrap_or_default();
    let trigger = row.text("trigger_word")?;
    let new = NewDelivery {
        integration_id: row.int_or_null("integration_id")?,
        event_id: None,
        replay_of: Some(id),
        trigger: &trigger,
        ticket_id: row.int_or_null("ticket_id")?,
        context: None,
        input: &input,
    };
    let made = enqueue(tx, now, &new).await?;
    record(tx, may.actor(), now, "delivery-replayed", made, json!({ "replay_of": id })).await?;
    Ok(made)
}

/// Calls an integration about the newest ticket, to see whether it works. The id of the delivery.
pub async fn test(
    tx: &mut Tx,
    may: &CanWrite<Integrations>,
    now: Timestamp,
    integration_id: i64,
) -> Result<i64, Error> {
    let integration = super::read(tx, integration_id).await?;
    if integration.http.is_none() {
        return Err(Error::Refused("Only an integration of type http can be called.".to_owned()));
    }
    let (ticket_id, input) = follow::example(tx, now).await?;
    let new = NewDelivery {
        integration_id: Some(integration_id),
        event_id: None,
        replay_of: None,
        trigger: deliver::TEST,
        ticket_id,
        context: None,
        input: &input,
    };
    let made = enqueue(tx, now, &new).await?;
    record(tx, may.actor(), now, "delivery-tested", made, json!({ "integration_id": integration_id })).await?;
    Ok(made)
}

async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, kind: &str, id: i64, data: Json) -> Result<(), Error> {
    let change = Change { kind, object_type: "Delivery", object_id: id, before: None, after: None, data: Some(data) };
    events::record(tx, actor, now, change).await
}

/// Who has a call made that is no integration's.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What the log calls it, such as `rule 7`.
    pub name: &'a str,
    /// `current_user` of the templates.
    pub person_id: Option<i64>,
}

/// Has the call of a macro or rule made, in the transaction that takes the action: filled in with how things stand in it. The id of the
/// delivery.
pub async fn call(
    tx: &mut Tx,
    now: Timestamp,
    ticket_id: i64,
    source: Source<'_>,
    call: &HttpCall,
) -> Result<i64, Error> {
    let facts = Facts::of(tx, ticket_id, source.person_id, super::call::texts(call)).await?;
    let input = json!({ "call": super::call::filled(call, &facts) });
    let new = NewDelivery {
        integration_id: None,
        event_id: None,
        replay_of: None,
        trigger: source.name,
        ticket_id: Some(ticket_id),
        context: None,
        input: &input,
    };
    enqueue(tx, now, &new).await
}

/// Has an integration called by a rule, with what the rule brings: with how things stand now.
pub(crate) async fn call_integration(
    tx: &mut Tx,
    now: Timestamp,
    ticket_id: i64,
    source: Source<'_>,
    integration_id: i64,
    payload: &Payload,
) -> Result<i64, Error> {
    let integration = super::read(tx, integration_id).await?;
    let http = integration
        .http
        .as_ref()
        .ok_or_else(|| Error::Refused("Only an integration of type http can be called.".to_owned()))?;
    let input = if *payload == Payload::Own {
        let told = json!({ "type": source.name, "object_type": "Ticket", "object_id": ticket_id });
        facts::of(tx, ticket_id, None, &told).await?.ok_or(Error::NotFound { kind: "ticket", id: ticket_id })?.0
    } else {
        let brought: Vec<&str> = match payload {
            Payload::Own => Vec::new(),
            Payload::Text(text) => vec![text],
            Payload::Pairs(pairs) => pairs.iter().map(|(_, value)| value.as_str()).collect(),
        };
        let facts = Facts::of(tx, ticket_id, source.person_id, http.texts().chain(brought)).await?;
        json!({ deliver::PAYLOAD: payload, "facts": facts.0 })
    };
    let new = NewDelivery {
        integration_id: Some(integration_id),
        event_id: None,
        replay_of: None,
        trigger: source.name,
        ticket_id: Some(ticket_id),
        context: None,
        input: &input,
    };
    enqueue(tx, now, &new).await
}

pub(super) struct NewDelivery<'a> {
    pub integration_id: Option<i64>,
    pub event_id: Option<i64>,
    pub replay_of: Option<i64>,
    pub trigger: &'a str,
    pub ticket_id: Option<i64>,
    pub context: Option<&'a str>,
    pub input: &'a Json,
}

/// The row and its job.
pub(super) async fn enqueue(tx: &mut Tx, now: Timestamp, new: &NewDelivery<'_>) -> Result<i64, Error> {
    let id = insert(tx, now, new, State::Waiting, None).await?;
    let job = NewJob {
        kind: deliver::KIND,
        payload: json!({ "delivery_id": id }),
        run_at: now,
        dedupe_key: Some(id.to_string()),
        max_attempts: JOB_MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await?;
    Ok(id)
}

/// The row alone: nothing is called.
pub(super) async fn skip(tx: &mut Tx, now: Timestamp, new: &NewDelivery<'_>, reason: &str) -> Result<i64, Error> {
    insert(tx, now, new, State::Skipped, Some(reason)).await
}

async fn insert(
    tx: &mut Tx,
    now: Timestamp,
    new: &NewDelivery<'_>,
    state: State,
    error: Option<&str>,
) -> Result<i64, Error> {
    let waits = state == State::Waiting;
    let row = tx
        .row(
            "insert into deliveries (integration_id, event_id, replay_of, trigger_word, ticket_id, context, input, state, created_at,
                                     next_at, finished_at, error, latest_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $9) returning id",
            &[
                new.integration_id.into(),
                new.event_id.into(),
                new.replay_of.into(),
                new.trigger.into(),
                new.ticket_id.into(),
                new.context.into(),
                new.input.into(),
                state.word().into(),
                now.into(),
                waits.then_some(now).into(),
                (!waits).then_some(now).into(),
                error.into(),
            ],
        )
        .await?;
    Ok(row.ok_or(StoreError::Column("id"))?.int("id")?)
}

macro_rules! select_deliveries {
    ($bodies:literal) => {
        concat!(
            "select d.id, d.integration_id, d.event_id, d.replay_of, d.trigger_word, d.ticket_id, d.state, d.attempts, d.created_at,
                    d.next_at, d.finished_at, d.latest_at, d.method, d.url, d.response_status, d.milliseconds, d.error, ",
            $bodies,
            " from deliveries d where 1 = 1"
        )
    };
}
use select_deliveries;

impl Delivery {
    fn from_row(row: &Row) -> Result<Delivery, Error> {
        Ok(Delivery {
            id: row.int("id")?,
            integration_id: row.int_or_null("integration_id")?,
            event_id: row.int_or_null("event_id")?,
            replay_of: row.int_or_null("replay_of")?,
            trigger: row.text("trigger_word")?,
            ticket_id: row.int_or_null("ticket_id")?,
            state: State::parse(&row.text("state")?).ok_or(StoreError::Column("state"))?,
            attempts: row.int("attempts")?,
            created_at: row.time("created_at")?,
            next_at: row.time_or_null("next_at")?,
            finished_at: row.time_or_null("finished_at")?,
            latest_at: row.time("latest_at")?,
            method: row.text_or_null("method")?,
            url: row.text_or_null("url")?,
            request_headers: row.json("request_headers")?,
            request_body: row.text_or_null("request_body")?,
            response_status: row.int_or_null("response_status")?,
            response_headers: row.json("response_headers")?,
            response_body: row.text_or_null("response_body")?,
            milliseconds: row.int_or_null("milliseconds")?,
            error: row.text_or_null("error")?,
        })
    }
}
