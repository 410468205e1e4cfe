//! What people did that concerns one of the staff: a ticket was given to them, somebody answered on a ticket of theirs, or it became more
//! urgent. A follower of the event log notes which events those are; the list reads the events.

use jiff::{SignedDuration, Timestamp};
use outside::Clock;
use scope::permit::{Actor, CanRead};
use scope::resource::Events;
use serde_json::Value as Json;
use store::{Db, Row, StoreError, Tx};

use crate::Error;
use crate::follow::{self, Logged};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::tickets::Priority;

/// The follower, its job and its cursor.
pub const KIND: &str = "activities";
/// How long they are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Events in one transaction, at most.
const SLICE: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Assignment,
    Comment,
    PriorityIncrease,
}

impl Verb {
    const ALL: &'static [Verb] = &[Verb::Assignment, Verb::Comment, Verb::PriorityIncrease];

    pub const fn word(self) -> &'static str {
        match self {
            Verb::Assignment => "assignment",
            Verb::Comment => "comment",
            Verb::PriorityIncrease => "priority_increase",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// That of the event.
    pub id: i64,
    pub verb: Verb,
    /// Whom it concerns.
    pub person_id: i64,
    /// Who did it.
    pub actor_id: i64,
    pub ticket_id: i64,
    pub ticket_subject: Option<String>,
    /// Of a comment: what it says, and whether the customer may read it.
    pub comment: Option<(String, bool)>,
    /// Of a greater priority, that.
    pub priority: Option<String>,
    pub created_at: Timestamp,
}

const SELECT: &str =
    "select a.event_id, a.verb, a.person_id, e.person_id as actor_id, a.ticket_id, t.subject, m.body_text, m.public,
                             e.after, a.created_at
                      from activities a join events e on e.id = a.event_id join tickets t on t.id = a.ticket_id
                      left join messages m on m.id = e.object_id and e.object_type = 'TicketMessage'
                      where 1 = 1";

/// What concerns whoever asks, newest first. Served by `activities_by_person`.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<Events>,
    now: Timestamp,
    since: Option<Timestamp>,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Activity>, Error> {
    let query = of_caller(may.actor(), now, since);
    let columns: &'static [Column] =
        &[Column::Int("a.created_at", "created_at"), Column::Int("a.event_id", "event_id")];
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Activity::from_row(&row))
}

/// How many that are.
pub async fn count(tx: &mut Tx, may: &CanRead<Events>, now: Timestamp) -> Result<i64, Error> {
    of_caller(may.actor(), now, None).count(tx).await
}

/// One of those that concern whoever asks, or `NotFound`.
pub async fn find(tx: &mut Tx, may: &CanRead<Events>, now: Timestamp, id: i64) -> Result<Activity, Error> {
    let mut query = of_caller(may.actor(), now, None);
    query.and("a.event_id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Activity::from_row).transpose()?.ok_or(Error::NotFound { kind: "activity", id })
}

fn of_caller(actor: &Actor, now: Timestamp, since: Option<Timestamp>) -> Query {
    let oldest = now - KEPT;
    let mut query = Query::new(SELECT);
    query.and("a.person_id =", actor.person_id);
    query.and("a.created_at >=", since.map_or(oldest, |since| since.max(oldest)));
    query
}

/// Runs the follower until there is nothing new.
pub async fn follow(db: &Db, clock: &Clock) -> Result<(), Error> {
    follow::to_the_end!(db, clock, SLICE, |tx, now, size| slice(tx, now, size).await)
}

/// One slice, and how many events it took.
async fn slice(tx: &mut Tx, now: Timestamp, size: usize) -> Result<usize, Error> {
    let events = follow::next(tx, KIND, size).await?;
    let Some(last) = events.last() else { return Ok(0) };
    for event in events.iter().filter(|event| now - KEPT < event.created_at) {
        note(tx, event).await?;
    }
    follow::advance(tx, KIND, last, now).await?;
    Ok(events.len())
}

async fn note(tx: &mut Tx, event: &Logged) -> Result<(), Error> {
    // What rules and the helpdesk itself do has nobody whom it could be told of.
    let Some(actor_id) = event.person_id else { return Ok(()) };
    let side = |side: &Option<Json>, name: &str| side.as_ref().and_then(|side| side.get(name)).cloned();
    let (verb, ticket_id, concerns) = match event.kind.as_str() {
        "ticket-assigned" => {
            let assignee = side(&event.after, "assignee_user_id").and_then(|id| id.as_i64());
            (Verb::Assignment, event.object_id, assignee)
        }
        "ticket-message-created" => {
            let ticket = tx.row("select ticket_id from messages where id = $1", &[event.object_id.into()]).await?;
            let Some(ticket) = ticket else { return Ok(()) };
            let ticket_id = ticket.int("ticket_id")?;
            (Verb::Comment, ticket_id, assignee_of(tx, ticket_id).await?)
        }
        "ticket-updated" => {
            let rank = |side: Option<Json>| {
                let word = side?.as_str().and_then(Priority::parse)?;
                Priority::ALL.iter().position(|known| *known == word)
            };
            let (before, after) = (rank(side(&event.before, "priority")), rank(side(&event.after, "priority")));
            match (before, after) {
                (Some(before), Some(after)) if before < after => {
                    (Verb::PriorityIncrease, event.object_id, assignee_of(tx, event.object_id).await?)
                }
                _ => return Ok(()),
            }
        }
        _ => return Ok(()),
    };
    // What they did themselves is no news for them.
    let Some(concerns) = concerns.filter(|id| *id != actor_id) else { return Ok(()) };
    tx.run(
        "insert into activities (event_id, person_id, verb, ticket_id, created_at)
         select $1, p.id, $3, t.id, $5 from people p, tickets t where p.id = $2 and p.is_staff = 1 and t.id = $4 on conflict do nothing",
        &[event.id.into(), concerns.into(), verb.word().into(), ticket_id.into(), event.created_at.into()],
    )
    .await?;
    Ok(())
}

async fn assignee_of(tx: &mut Tx, ticket_id: i64) -> Result<Option<i64>, Error> {
    let row = tx.row("select assignee_user_id from tickets where id = $1", &[ticket_id.into()]).await?;
    Ok(row.map(|row| row.int_or_null("assignee_user_id")).transpose()?.flatten())
}

/// Forgets some of those that are too old. How many. Served by `activities_by_created`.
pub async fn forget(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.run(
        "delete from activities where event_id in (
             select event_id from activities where created_at < $1 order by created_at, event_id limit $2
         ) and created_at < $1",
        &[(now - KEPT).into(), limit.into()],
    )
    .await
}

impl Activity {
    fn from_row(row: &Row) -> Result<Activity, Error> {
        let word = row.text("verb")?;
        let verb = Verb::ALL.iter().copied().find(|verb| verb.word() == word).ok_or(StoreError::Column("verb"))?;
        let comment = match verb {
            Verb::Comment => row.text_or_null("body_text")?.unwrap_or_default(),
            Verb::Assignment | Verb::PriorityIncrease => String::new(),
        };
        let after = row.json("after")?.unwrap_or_default();
        Ok(Activity {
            id: row.int("event_id")?,
            verb,
            person_id: row.int("person_id")?,
            actor_id: row.int_or_null("actor_id")?.unwrap_or_default(),
            ticket_id: row.int("ticket_id")?,
            ticket_subject: row.text_or_null("subject")?,
            comment: row.int_or_null("public")?.map(|public| (comment, public != 0)),
            priority: after.get("priority").and_then(Json::as_str).map(str::to_owned),
            created_at: row.time("created_at")?,
        })
    }
}
