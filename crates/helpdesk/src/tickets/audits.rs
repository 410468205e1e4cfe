//! The history of a ticket: what one request did to it at one time is one entry, an audit, made of the event log.
//!
//! An event says in `ticket_id` that it is a part of it. The first event of a ticket, a context and a time lends the audit its id, which
//! therefore stays. Texts of messages stand in the messages and nowhere else, so that what was made unreadable there is gone here too.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Events, Tickets};
use store::{Row, Tx};

use crate::Error;
use crate::events::{self, Change, Event, select_events};
use crate::export::{self, Wanted};
use crate::notifications;
use crate::page::{Column, Order, Page, Query, Slice};

/// What one request did to a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// 0 if it did nothing.
    pub id: i64,
    pub ticket_id: i64,
    pub created_at: Timestamp,
    pub person_id: Option<i64>,
    /// Our own worker, where no person acted.
    pub worker: Option<String>,
    /// The name of the app that asked.
    pub app: Option<String>,
    /// In their order.
    pub events: Vec<Event>,
}

/// The fields of a ticket that its history tells of. What follows from others, such as the time of the last message, is left out, and so is
/// what says nothing of the ticket, such as whether it was read.
pub const TOLD: &[&str] = &[
    "external_id",
    "status",
    "priority",
    "subject",
    "language",
    "customer_id",
    "assignee_user_id",
    "assignee_team_id",
    "organization_id",
    "form_id",
    "type",
    "due_at",
    "problem_id",
    "spam",
    "snoozed_until",
    "trashed_at",
    "brand_id",
    "custom_status_id",
    "schedule_id",
    "cc_ids",
    "follower_ids",
    "tags",
    "custom_fields",
];

/// Says of a changed message that something in it was made unreadable, and what.
pub const REDACTED: &str = "redacted";

/// The ticket whose history an event is a part of. Turns of the state are told by the change that they follow from.
pub(crate) fn ticket_of(change: &Change<'_>) -> Option<i64> {
    let told = |name: &str| change.after.as_ref().is_some_and(|after| after.get(name).is_some());
    let data = |name: &str| change.data.as_ref().and_then(|data| data.get(name));
    let is_part = match (change.object_type, change.kind) {
        ("Ticket", "ticket-created" | "ticket-tags-added" | "ticket-tags-removed") => true,
        // These may stand alone: when somebody leaves, or a team goes.
        ("Ticket", "ticket-unassigned" | "ticket-team-unassigned") => true,
        ("Ticket", "ticket-updated") => TOLD.iter().any(|name| told(name)),
        ("Ticket", notifications::EVENT) => true,
        ("TicketMessage", "ticket-message-created" | "ticket-message-failed") => true,
        ("TicketMessage", "ticket-message-updated") => told("public") || data(REDACTED).is_some(),
        ("SatisfactionSurvey", "satisfaction-survey-responded") => true,
        _ => false,
    };
    match change.object_type {
        _ if !is_part => None,
        "Ticket" => Some(change.object_id),
        _ => data("ticket_id").and_then(serde_json::Value::as_i64),
    }
}

/// The first event of its audit. A scalar, so that no planner joins the whole log to itself; served by `events_by_ticket`.
const IS_FIRST: &str = "e.id = (select min(f.id) from events f
     where f.ticket_id = e.ticket_id and f.created_at = e.created_at and f.context = e.context)";

const ORDER: &[Column] = &[Column::Int("e.created_at", "created_at"), Column::Int("e.id", "id")];

/// A slice of a ticket's history, by time. Served by `events_by_ticket`.
pub async fn of_ticket(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    ticket_id: i64,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Audit>, Error> {
    page(tx, firsts_of(ticket_id), descending, slice).await
}

/// How many audits a ticket has.
pub async fn count(tx: &mut Tx, _may: &CanRead<Tickets>, ticket_id: i64) -> Result<i64, Error> {
    firsts_of(ticket_id).count(tx).await
}

/// The audit of this ticket with this id, or `NotFound`.
pub async fn find<A: Access>(tx: &mut Tx, _may: &Permit<Tickets, A>, ticket_id: i64, id: i64) -> Result<Audit, Error> {
    let mut query = firsts_of(ticket_id);
    query.and("e.id =", id);
    let is_there = tx.row(&query.sql, &query.params).await?.is_some();
    let found = if is_there { whole(tx, &[id]).await?.pop() } else { None };
    found.ok_or(Error::NotFound { kind: "audit", id })
}

/// A slice of the history of all tickets that are there, by time. Served by `events_of_tickets`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Tickets>, descending: bool, slice: &Slice) -> Result<Page<Audit>, Error> {
    let mut query = Query::new("select e.id, e.created_at from events e where e.ticket_id is not null");
    query.and_text("(select t.id from tickets t where t.id = e.ticket_id) is not null");
    query.and_text(IS_FIRST);
    page(tx, query, descending, slice).await
}

/// What this request did to a ticket now, for whoever did it.
pub async fn of_request(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, ticket_id: i64) -> Result<Audit, Error> {
    let mut query = firsts_of(ticket_id);
    query.and("e.created_at =", now);
    query.and("e.context =", events::context_of(&may.actor().request_id));
    let first = match tx.row(&query.sql, &query.params).await? {
        Some(row) => whole(tx, &[row.int("id")?]).await?.pop(),
        None => None,
    };
    Ok(first.unwrap_or_else(|| Audit {
        id: 0,
        ticket_id,
        created_at: now,
        person_id: may.actor().person_id,
        worker: None,
        app: None,
        events: Vec::new(),
    }))
}

/// The ids of the audits with which these messages came, by message. Served by `events_by_object` and `events_by_ticket`.
pub async fn of_messages<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Tickets, A>,
    ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut query = Query::new(
        "select e.object_id, (select min(f.id) from events f
             where f.ticket_id = e.ticket_id and f.created_at = e.created_at and f.context = e.context) as id
         from events e where e.object_type = 'TicketMessage' and e.type = 'ticket-message-created' and e.ticket_id is not null",
    );
    query.and_in("e.object_id", ids.iter().copied());
    for row in tx.rows(&query.sql, &query.params).await? {
        found.insert(row.int("object_id")?, row.int("id")?);
    }
    Ok(found)
}

/// The events of audits in a span of time, in the order of their times. Served by `events_of_tickets`.
pub async fn in_span(tx: &mut Tx, _may: &CanRead<Events>, wanted: &Wanted) -> Result<Page<Event>, Error> {
    let mut query = Query::new(select_events!());
    query.and_text("e.ticket_id is not null");
    let page = export::read(tx, vec![query], (events::COLUMNS, "e"), ORDER, wanted).await?;
    page.try_map(|row| Event::from_row(&row))
}

fn firsts_of(ticket_id: i64) -> Query {
    let mut query = Query::new("select e.id, e.created_at from events e where 1 = 1");
    query.and("e.ticket_id =", ticket_id);
    query.and_text(IS_FIRST);
    query
}

async fn page(tx: &mut Tx, query: Query, descending: bool, slice: &Slice) -> Result<Page<Audit>, Error> {
    let page = query.page(tx, Order { columns: ORDER, descending }, slice).await?;
    let ids = page.items.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
    let items = whole(tx, &ids).await?;
    Ok(Page { items, before: page.before, after: page.after, total: page.total })
}

/// The audits whose first events these are, in this order: one statement.
async fn whole(tx: &mut Tx, ids: &[i64]) -> Result<Vec<Audit>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "select h.id as audit_id, e.id, e.type, e.object_type, e.object_id, e.ticket_id, e.person_id, e.worker, e.context,
                e.before, e.after, e.data, e.created_at, c.name as app
         from events h
         join events e on e.ticket_id = h.ticket_id and e.created_at = h.created_at and e.context = h.context
         left join clients c on c.id = e.client_id
         where h.ticket_id is not null",
    );
    query.and_in("h.id", ids.iter().copied());
    query.sql.push_str(" order by e.id");
    let mut audits: HashMap<i64, Audit> = HashMap::with_capacity(ids.len());
    for row in tx.rows(&query.sql, &query.params).await? {
        let event = Event::from_row(&row)?;
        let id = row.int("audit_id")?;
        match audits.get_mut(&id) {
            Some(audit) => audit.events.push(event),
            None => {
                audits.insert(id, begun(&row, id, event)?);
            }
        }
    }
    Ok(ids.iter().filter_map(|id| audits.remove(id)).collect())
}

fn begun(row: &Row, id: i64, event: Event) -> Result<Audit, Error> {
    Ok(Audit {
        id,
        ticket_id: event.ticket_id.unwrap_or_default(),
        created_at: event.created_at,
        person_id: event.person_id,
        worker: event.worker.clone(),
        app: row.text_or_null("app")?,
        events: vec![event],
    })
}
