//! The event log: append-only, written in the transaction of the change it tells of.
//!
//! Everybody who reads it names the kinds of objects they show: the log also holds what happened to apps, keys and sessions.

use jiff::Timestamp;
use outside::sha256;
use scope::permit::{Actor, CanRead};
use scope::resource::Events;
use serde_json::{Value as Json, json};
use store::{Row, Tx};
use uuid::Uuid;

use crate::export::{self, Wanted};
use crate::page::{self, Column, Order, Page, Query, Slice};
use crate::tickets::audits;
use crate::{Error, audit};

/// What happened to one object.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// Object and verb, such as `ticket-created` (Gorgias contract, `enums.event_type`).
    pub kind: &'a str,
    /// Such as `Ticket`.
    pub object_type: &'a str,
    pub object_id: i64,
    /// The changed fields as they were, and as they are now.
    pub before: Option<Json>,
    pub after: Option<Json>,
    /// What a reader needs besides.
    pub data: Option<Json>,
}

/// Writes one event. Call it in the transaction of the change.
pub async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, change: Change<'_>) -> Result<(), Error> {
    let ticket_id = audits::ticket_of(&change);
    tx.run(
        "insert into events (type, object_type, object_id, person_id, client_id, grant_id, impersonator_id, worker, request_id,
                             context, before, after, data, created_at, audited, ticket_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        &[
            change.kind.into(),
            change.object_type.into(),
            change.object_id.into(),
            actor.person_id.into(),
            actor.client_id.into(),
            actor.grant_id.into(),
            actor.impersonator_id.into(),
            actor.worker.into(),
            actor.request_id.as_str().into(),
            context_of(&actor.request_id).into(),
            change.before.as_ref().into(),
            change.after.as_ref().into(),
            data_of(actor, change.data).as_ref().into(),
            now.into(),
            audit::is_audited(actor, change.object_type, change.kind).into(),
            ticket_id.into(),
        ],
    )
    .await?;
    store::log::announce(tx);
    Ok(())
}

/// Events that one statement writes at most. Fewer are written by halves of it, so that there are few texts to prepare.
const AT_ONCE: usize = 256;

/// Writes many events in few statements. Call it in the transaction of the changes.
pub async fn record_all(tx: &mut Tx, actor: &Actor, now: Timestamp, changes: &[Change<'_>]) -> Result<(), Error> {
    let mut rest = changes;
    while !rest.is_empty() {
        let n = page::at_once(rest.len(), AT_ONCE);
        let (some, others) = rest.split_at(n);
        rest = others;
        let mut query = Query::new(
            "insert into events (type, object_type, object_id, person_id, client_id, grant_id, impersonator_id, worker, request_id,
                                 context, before, after, data, created_at, audited, ticket_id) values ",
        );
        let shared = [
            query.bind(actor.person_id),
            query.bind(actor.client_id),
            query.bind(actor.grant_id),
            query.bind(actor.impersonator_id),
            query.bind(actor.worker),
            query.bind(actor.request_id.as_str()),
            query.bind(context_of(&actor.request_id)),
        ]
        .join(", ");
        let created_at = query.bind(now);
        for (at, change) in some.iter().enumerate() {
            let what = [
                query.bind(change.kind),
                query.bind(change.object_type),
                query.bind(change.object_id),
                query.bind(change.before.as_ref()),
                query.bind(change.after.as_ref()),
                query.bind(data_of(actor, change.data.clone()).as_ref()),
                query.bind(audit::is_audited(actor, change.object_type, change.kind)),
                query.bind(audits::ticket_of(change)),
            ];
            let [kind, object_type, object_id, before, after, data, audited, ticket_id] = what;
            let comma = if at == 0 { "" } else { ", " };
            query.sql.push_str(&format!(
                "{comma}({kind}, {object_type}, {object_id}, {shared}, {before}, {after}, {data}, {created_at}, {audited}, {ticket_id})"
            ));
        }
        tx.run(&query.sql, &query.params).await?;
    }
    if !changes.is_empty() {
        store::log::announce(tx);
    }
    Ok(())
}

/// What a reader needs besides, with the agent that acted for the person (TX-3).
fn data_of(actor: &Actor, data: Option<Json>) -> Option<Json> {
    let Some(acting) = &actor.acting else { return data };
    let mut data = data.filter(Json::is_object).unwrap_or_else(|| json!({}));
    data["act"] = json!({ "sub": acting.sub, "name": acting.name });
    Some(data)
}

/// What groups the events of one request, always a UUID: readers parse it. A request id that is none becomes one.
pub(crate) fn context_of(request_id: &str) -> String {
    if let Ok(id) = Uuid::parse_str(request_id) {
        return id.to_string();
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(request_id.as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: i64,
    pub kind: String,
    pub object_type: String,
    pub object_id: i64,
    /// The ticket whose history it is a part of.
    pub ticket_id: Option<i64>,
    /// Who did it; none for our own workers.
    pub person_id: Option<i64>,
    pub worker: Option<String>,
    /// A UUID.
    pub context: String,
    pub before: Option<Json>,
    pub after: Option<Json>,
    pub data: Option<Json>,
    pub created_at: Timestamp,
}

/// Which entries. The default, with `shown` set, is all of the kinds of objects shown.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The kinds of objects that the reader shows.
    pub shown: &'static [&'static str],
    pub object_type: Option<&'static str>,
    pub object_id: Option<i64>,
    /// Only these kinds of events, each once. Empty: all.
    pub kinds: Vec<&'static str>,
    pub person_id: Option<i64>,
    /// Bounds of the time.
    pub created: Vec<(Compare, Timestamp)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    After,
    AtOrAfter,
    Before,
    AtOrBefore,
}

/// A page of the log, by time. Served by `events_by_created`, `events_by_object`, `events_by_type` and `events_by_person`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Events>,
    filter: &Filter,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Event>, Error> {
    let columns: &'static [Column] = &[Column::Int("e.created_at", "created_at"), Column::Int("e.id", "id")];
    let order = Order { columns, descending };
    let page = if filter.object_id.is_none() && 1 < filter.kinds.len() {
        let parts = filter.kinds.iter().map(|kind| query_of(filter, &[kind])).collect();
        Query::page_of_parts(parts, COLUMNS, "e", tx, order, slice).await?
    } else {
        query_of(filter, &filter.kinds).page(tx, order, slice).await?
    };
    page.try_map(|row| Event::from_row(&row))
}

/// Entries of these kinds in a span of time, in the order of their times. Served by `events_by_type`, an index walk a kind.
pub async fn in_span(
    tx: &mut Tx,
    _may: &CanRead<Events>,
    kinds: &[&'static str],
    wanted: &Wanted,
) -> Result<Page<Event>, Error> {
    const ORDER: &[Column] = &[Column::Int("e.created_at", "created_at"), Column::Int("e.id", "id")];
    let of_kind = |kind: &&'static str| {
        let mut query = Query::new(select_events!());
        query.and("e.type =", *kind);
        query
    };
    let page = export::read(tx, kinds.iter().map(of_kind).collect(), (COLUMNS, "e"), ORDER, wanted).await?;
    page.try_map(|row| Event::from_row(&row))
}

/// What `Event::from_row` reads, without the table's name.
pub(crate) const COLUMNS: &str =
    "id, type, object_type, object_id, ticket_id, person_id, worker, context, before, after, data, created_at";

fn query_of(filter: &Filter, kinds: &[&'static str]) -> Query {
    let mut query = Query::new(select_events!());
    match (filter.object_type, filter.object_id) {
        (Some(object_type), _) => query.and("e.object_type =", object_type),
        (None, Some(_)) => query.and_in("e.object_type", filter.shown.iter().copied()),
        // `coalesce` keeps SQLite from collecting the rows of every kind of object and sorting them: the order's index is walked.
        (None, None) => query.and_in("coalesce(e.object_type, '')", filter.shown.iter().copied()),
    }
    if let Some(object_id) = filter.object_id {
        query.and("e.object_id =", object_id);
    }
    match kinds {
        [] => {}
        [kind] => query.and("e.type =", *kind),
        kinds => query.and_in("e.type", kinds.iter().copied()),
    }
    if let Some(person_id) = filter.person_id {
        query.and("e.person_id =", person_id);
    }
    for (compare, at) in &filter.created {
        let left = match compare {
            Compare::After => "e.created_at >",
            Compare::AtOrAfter => "e.created_at >=",
            Compare::Before => "e.created_at <",
            Compare::AtOrBefore => "e.created_at <=",
        };
        query.and(left, *at);
    }
    query
}

/// The entry with this id, if it is about one of the kinds of objects shown; else `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Events>, shown: &[&str], id: i64) -> Result<Event, Error> {
    let row = tx.row(concat!(select_events!(), " and e.id = $1"), &[id.into()]).await?;
    let event = row.as_ref().map(Event::from_row).transpose()?;
    event.filter(|event| shown.contains(&event.object_type.as_str())).ok_or(Error::NotFound { kind: "event", id })
}

macro_rules! select_events {
    () => {
        "select e.id, e.type, e.object_type, e.object_id, e.ticket_id, e.person_id, e.worker, e.context, e.before, e.after, e.data,
                e.created_at
         from events e where 1 = 1"
    };
}
pub(crate) use select_events;

impl Event {
    pub(crate) fn from_row(row: &Row) -> Result<Event, Error> {
        Ok(Event {
            id: row.int("id")?,
            kind: row.text("type")?,
            object_type: row.text("object_type")?,
            object_id: row.int("object_id")?,
            ticket_id: row.int_or_null("ticket_id")?,
            person_id: row.int_or_null("person_id")?,
            worker: row.text_or_null("worker")?,
            context: row.text("context")?,
            before: row.json("before")?,
            after: row.json("after")?,
            data: row.json("data")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// Of two objects with the same fields, what differs: as it was, and as it is.
pub fn difference(before: Json, after: Json) -> (Json, Json) {
    let (Json::Object(mut before), Json::Object(mut after)) = (before, after) else { return (Json::Null, Json::Null) };
    let same: Vec<String> =
        after.iter().filter(|(key, value)| before.get(*key) == Some(value)).map(|(key, _)| key.clone()).collect();
    for key in same {
        before.remove(&key);
        after.remove(&key);
    }
    (Json::Object(before), Json::Object(after))
}
