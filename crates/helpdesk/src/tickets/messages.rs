//! Messages of a ticket: what customers wrote, what we answered, and internal notes.
//!
//! No transport sends messages out yet: an answer on a channel that needs one (e-mail, for example) stays queued, with `sent_at`
//! null. Whatever needs no transport counts as delivered at once. Creating and changing: `message_write.rs`.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Requests, Tickets};
use serde_json::value::RawValue;
use store::{Row, Tx};

use super::list::Direction;
use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice};
use crate::people::{Person, PersonColumns, person_columns, stored_json};

/// Channel of a note that only staff see.
pub const INTERNAL_NOTE: &str = "internal-note";
/// Channel of messages that only the API carries.
pub const API: &str = "api";

#[derive(Debug, Clone)]
pub struct Message {
    pub id: i64,
    pub ticket_id: i64,
    /// The id at the origin, such as an e-mail's Message-ID.
    pub message_id: Option<String>,
    pub external_id: Option<String>,
    /// False for internal notes.
    pub public: bool,
    pub channel: String,
    pub via: String,
    /// Routing: an object with `type`, `from`, `to`, `cc`, `bcc`, `extra`.
    pub source: Option<Box<RawValue>>,
    pub sender: Person,
    pub receiver: Option<Person>,
    pub from_agent: bool,
    pub integration_id: Option<i64>,
    pub rule_id: Option<i64>,
    pub subject: Option<String>,
    pub body_text: Option<String>,
    /// Safe to show.
    pub body_html: Option<String>,
    /// The bodies without quotes and signature.
    pub stripped_text: Option<String>,
    pub stripped_html: Option<String>,
    pub stripped_signature: Option<String>,
    /// JSON arrays and objects, as stored.
    pub attachments: Option<Box<RawValue>>,
    pub macros: Option<Box<RawValue>>,
    pub actions: Option<Box<RawValue>>,
    pub headers: Option<Box<RawValue>>,
    pub meta: Option<Box<RawValue>>,
    pub last_sending_error: Option<Box<RawValue>>,
    pub imported: bool,
    pub created_at: Timestamp,
    /// Null while queued.
    pub sent_at: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    pub opened_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

const SENDER: PersonColumns = person_columns!("sender");
const RECEIVER: PersonColumns = person_columns!("receiver");

macro_rules! select_messages {
    ($rest:literal) => {
        select_messages!($rest, "")
    };
    ($rest:literal, $columns:literal) => {
        concat!(
            "select m.id, m.ticket_id, m.message_id, m.external_id, m.public, m.channel, m.via, m.source, m.from_agent,
                    m.integration_id, m.rule_id, m.subject, m.body_text, m.body_html, m.stripped_text, m.stripped_html,
                    m.stripped_signature, m.attachments, m.macros, m.actions, m.headers, m.meta, m.last_sending_error, m.imported,
                    m.created_at, m.sent_at, m.failed_at, m.opened_at, m.deleted_at,
                    s.id as sender_id, s.email as sender_email, s.name as sender_name, s.firstname as sender_firstname,
                    s.lastname as sender_lastname, s.bio as sender_bio, s.meta as sender_meta,
                    r.id as receiver_id, r.email as receiver_email, r.name as receiver_name, r.firstname as receiver_firstname,
                    r.lastname as receiver_lastname, r.bio as receiver_bio, r.meta as receiver_meta",
            $columns,
            " from messages m
             left join people s on s.id = m.sender_id
             left join people r on r.id = m.receiver_id ",
            $rest
        )
    };
}

impl Message {
    fn from_row(row: &Row) -> Result<Message, Error> {
        Ok(Message {
            id: row.int("id")?,
            ticket_id: row.int("ticket_id")?,
            message_id: row.text_or_null("message_id")?,
            external_id: row.text_or_null("external_id")?,
            public: row.flag("public")?,
            channel: row.text("channel")?,
            via: row.text("via")?,
            source: stored_json(row, "source")?,
            sender: Person::from_row(row, &SENDER)?.ok_or(store::StoreError::Column("sender_id"))?,
            receiver: Person::from_row(row, &RECEIVER)?,
            from_agent: row.flag("from_agent")?,
            integration_id: row.int_or_null("integration_id")?,
            rule_id: row.int_or_null("rule_id")?,
            subject: row.text_or_null("subject")?,
            body_text: row.text_or_null("body_text")?,
            body_html: row.text_or_null("body_html")?,
            stripped_text: row.text_or_null("stripped_text")?,
            stripped_html: row.text_or_null("stripped_html")?,
            stripped_signature: row.text_or_null("stripped_signature")?,
            attachments: stored_json(row, "attachments")?,
            macros: stored_json(row, "macros")?,
            actions: stored_json(row, "actions")?,
            headers: stored_json(row, "headers")?,
            meta: stored_json(row, "meta")?,
            last_sending_error: stored_json(row, "last_sending_error")?,
            imported: row.flag("imported")?,
            created_at: row.time("created_at")?,
            sent_at: row.time_or_null("sent_at")?,
            failed_at: row.time_or_null("failed_at")?,
            opened_at: row.time_or_null("opened_at")?,
            deleted_at: row.time_or_null("deleted_at")?,
        })
    }

    /// Sending failed, and may be tried again.
    pub fn is_retriable(&self) -> bool {
        self.from_agent && self.failed_at.is_some() && self.sent_at.is_none()
    }
}

/// All messages of a ticket, oldest first.
pub(super) async fn of_ticket(tx: &mut Tx, ticket_id: i64) -> Result<Vec<Message>, Error> {
    let sql = select_messages!("where m.ticket_id = $1 order by m.created_at, m.id");
    tx.rows(sql, &[ticket_id.into()]).await?.iter().map(Message::from_row).collect()
}

/// A message of a ticket. `NotFound` when either is not there, or the message belongs to another ticket.
pub async fn find(tx: &mut Tx, _may: &CanRead<Tickets>, ticket_id: i64, id: i64) -> Result<Message, Error> {
    load(tx, ticket_id, id).await
}

/// The same for whoever just wrote it.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Tickets>, ticket_id: i64, id: i64) -> Result<Message, Error> {
    load(tx, ticket_id, id).await
}

async fn load(tx: &mut Tx, ticket_id: i64, id: i64) -> Result<Message, Error> {
    let row = tx.row(select_messages!("where m.id = $1 and m.ticket_id = $2"), &[id.into(), ticket_id.into()]).await?;
    match row {
        Some(row) => Message::from_row(&row),
        None => Err(Error::NotFound { kind: "message", id }),
    }
}

/// The message with this id, of whichever ticket.
pub(super) async fn anywhere(tx: &mut Tx, id: i64) -> Result<Message, Error> {
    match tx.row(select_messages!("where m.id = $1"), &[id.into()]).await? {
        Some(row) => Message::from_row(&row),
        None => Err(Error::NotFound { kind: "message", id }),
    }
}

/// A message with the ids of the staff it mentions, for whoever changes it.
pub(super) async fn find_with_mentions(
    tx: &mut Tx,
    ticket_id: i64,
    id: i64,
) -> Result<(Message, Option<Box<RawValue>>), Error> {
    let sql = select_messages!("where m.id = $1 and m.ticket_id = $2", ", m.mention_ids");
    match tx.row(sql, &[id.into(), ticket_id.into()]).await? {
        Some(row) => Ok((Message::from_row(&row)?, stored_json(&row, "mention_ids")?)),
        None => Err(Error::NotFound { kind: "message", id }),
    }
}

/// These messages, in no order. Those that are gone are left out. Whoever may write a ticket is shown what came of it.
pub async fn of_ids<A: Access>(tx: &mut Tx, _may: &Permit<Tickets, A>, ids: &[i64]) -> Result<Vec<Message>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(select_messages!("where 1 = 1"));
    query.and_in("m.id", ids.iter().copied());
    tx.rows(&query.sql, &query.params).await?.iter().map(Message::from_row).collect()
}

/// Which of a ticket's public messages.
#[derive(Debug, Clone, Copy)]
pub struct Public {
    pub ticket_id: i64,
    pub since: Option<Timestamp>,
    /// Only those of staff, or only those of customers.
    pub of_staff: Option<bool>,
    pub id: Option<i64>,
}

/// A slice of what whoever asked for a ticket may read of it, by time of creation. Whether they may see the ticket is checked before.
/// Served by `messages_by_ticket`.
pub async fn public(
    tx: &mut Tx,
    _may: &CanRead<Requests>,
    which: &Public,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Message>, Error> {
    const COLUMNS: &[Column] = &[Column::Int("m.created_at", "created_at"), Column::Int("m.id", "id")];
    let mut query = Query::new(select_messages!("where m.public = 1"));
    query.and("m.ticket_id =", which.ticket_id);
    if let Some(since) = which.since {
        query.and("m.created_at >=", since);
    }
    if let Some(of_staff) = which.of_staff {
        query.and("m.from_agent =", of_staff);
    }
    if let Some(id) = which.id {
        query.and("m.id =", id);
    }
    query.page(tx, Order { columns: COLUMNS, descending }, slice).await?.try_map(|row| Message::from_row(&row))
}

/// A slice of the messages of a ticket, for whoever changes some of them.
pub async fn list_written(
    tx: &mut Tx,
    _may: &CanWrite<Tickets>,
    ticket_id: i64,
    direction: Direction,
    slice: &Slice,
) -> Result<Page<Message>, Error> {
    page_of(tx, Some(ticket_id), direction, slice).await
}

/// A slice of the messages of all tickets, or of one, by time of creation.
/// Served by `messages_by_created` and `messages_by_ticket`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    ticket_id: Option<i64>,
    direction: Direction,
    slice: &Slice,
) -> Result<Page<Message>, Error> {
    page_of(tx, ticket_id, direction, slice).await
}

async fn page_of(
    tx: &mut Tx,
    ticket_id: Option<i64>,
    direction: Direction,
    slice: &Slice,
) -> Result<Page<Message>, Error> {
    const COLUMNS: &[Column] = &[Column::Int("m.created_at", "created_at"), Column::Int("m.id", "id")];
    let mut query = Query::new(select_messages!("where 1 = 1"));
    if let Some(ticket_id) = ticket_id {
        query.and("m.ticket_id =", ticket_id);
    }
    let order = Order { columns: COLUMNS, descending: direction == Direction::Descending };
    query.page(tx, order, slice).await?.try_map(|row| Message::from_row(&row))
}
