//! Messages that are held back until somebody has looked at them: spam, answers of machines, and what a suspended customer writes. Each
//! becomes a ticket, or a message of the one it was meant for, when it is let through (`recover.rs`); or it is deleted.
//!
//! Here is what a held message is, holding one back, reading and deleting them.

mod recover;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Requests, Tickets, Write};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::events::{self, Change};
use crate::files::{self, File};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::users::email_key;
use crate::{Error, custom_fields};

pub use recover::recover;

const OBJECT_TYPE: &str = "HeldMessage";

/// Why a message was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A filter on its way said so.
    Spam,
    /// A program wrote it.
    Automated,
    /// A mail of ours could not be delivered.
    DeliveryFailure,
    /// Its writer is out of office.
    Vacation,
    /// Its writer is suspended.
    SuspendedAuthor,
}

impl Cause {
    pub const ALL: &'static [Cause] =
        &[Cause::Spam, Cause::Automated, Cause::DeliveryFailure, Cause::Vacation, Cause::SuspendedAuthor];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Spam => "spam",
            Cause::Automated => "automated",
            Cause::DeliveryFailure => "delivery_failure",
            Cause::Vacation => "vacation",
            Cause::SuspendedAuthor => "suspended_author",
        }
    }

    pub fn parse(word: &str) -> Option<Cause> {
        Cause::ALL.iter().copied().find(|cause| cause.word() == word)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct HeldMessage {
    pub id: i64,
    pub cause: Cause,
    /// None for somebody who is not known here.
    pub author_id: Option<i64>,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
    pub subject: Option<String>,
    pub body_text: String,
    pub body_html: Option<String>,
    /// The address that it was sent to.
    pub recipient: Option<String>,
    pub brand_id: Option<i64>,
    pub channel: String,
    /// As messages have them.
    pub source: Option<Json>,
    pub message_id: Option<String>,
    /// The ticket that it was meant for.
    pub ticket_id: Option<i64>,
    /// A list, as messages have it.
    pub attachments: Option<Json>,
    pub sent_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A message to be held back.
#[derive(Debug, Clone, Default)]
pub struct NewHeld {
    pub author_id: Option<i64>,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
    pub subject: Option<String>,
    pub body_text: Option<String>,
    pub body_html: Option<String>,
    pub recipient: Option<String>,
    pub channel: String,
    pub source: Option<Json>,
    pub message_id: Option<String>,
    pub ticket_id: Option<i64>,
    pub attachments: Option<Json>,
    /// Those of the attachments that lie here.
    pub file_ids: Vec<i64>,
    pub sent_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    AuthorEmail,
    Cause,
    Subject,
}

macro_rules! select_held {
    () => {
        "select h.id, h.cause, h.author_id, coalesce(h.author_name, p.name) as author_name, h.author_email, h.subject, h.subject_key,
                h.body_text, h.body_html, h.recipient, h.brand_id, h.channel, h.source, h.message_id, h.ticket_id, h.attachments,
                h.sent_at, h.created_at, h.updated_at
         from held_messages h left join people p on p.id = h.author_id where 1 = 1"
    };
}

/// A slice of them. Served by `held_messages_by_created`, `_by_author`, `_by_cause` and `_by_subject`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    (sort, descending): (Sort, bool),
    slice: &Slice,
) -> Result<Page<HeldMessage>, Error> {
    const ID: Column = Column::Int("h.id", "id");
    let columns: &'static [Column] = match sort {
        Sort::Created => &[Column::Int("h.created_at", "created_at"), ID],
        Sort::AuthorEmail => &[Column::Text("h.author_email", "author_email"), ID],
        Sort::Cause => &[Column::Text("h.cause", "cause"), ID],
        Sort::Subject => &[Column::Text("h.subject_key", "subject_key"), ID],
    };
    let page = Query::new(select_held!()).page(tx, Order { columns, descending }, slice).await?;
    page.try_map(|row| HeldMessage::from_row(&row))
}

/// The message with this id, or `NotFound`. Whoever may let it through is shown it too.
pub async fn find<A: Access>(tx: &mut Tx, _may: &Permit<Tickets, A>, id: i64) -> Result<HeldMessage, Error> {
    read(tx, id).await
}

/// Holds a message back, and answers its id. Its attachments count as used.
pub async fn hold(tx: &mut Tx, actor: &Actor, now: Timestamp, cause: Cause, new: &NewHeld) -> Result<i64, Error> {
    let recipient = new.recipient.as_deref().map(email_key);
    let brand_id = match &recipient {
        Some(address) => brand_of(tx, address).await?,
        None => None,
    };
    let author_email = new.author_email.as_deref().map(email_key).unwrap_or_default();
    let author_id = match new.author_id {
        None if !author_email.is_empty() => known(tx, &author_email).await?,
        id => id,
    };
    let subject = new.subject.as_deref().unwrap_or_default();
    let body = new.body_text.as_deref().or(new.body_html.as_deref()).unwrap_or_default();
    let row = tx
        .row(
            "insert into held_messages (cause, author_id, author_name, author_email, subject, subject_key, body_text, body_html,
                                        recipient, brand_id, channel, source, message_id, ticket_id, attachments, sent_at, created_at,
                                        updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17) returning id",
            &[
                cause.word().into(),
                author_id.into(),
                new.author_name.as_ref().into(),
                author_email.into(),
                new.subject.as_ref().into(),
                custom_fields::text_key(subject).into(),
                body.into(),
                new.body_html.as_ref().into(),
                new.recipient.as_ref().into(),
                brand_id.into(),
                new.channel.as_str().into(),
                new.source.as_ref().into(),
                new.message_id.as_ref().into(),
                new.ticket_id.into(),
                new.attachments.as_ref().into(),
                new.sent_at.into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    for file_id in &new.file_ids {
        tx.run(
            "insert into held_message_files (held_message_id, file_id) values ($1, $2)",
            &[id.into(), (*file_id).into()],
        )
        .await?;
    }
    if let Some(attachments) = &new.attachments {
        files::take(tx, now, attachments).await?;
    }
    let after = json!({ "cause": cause.word(), "author_id": author_id, "ticket_id": new.ticket_id });
    record(tx, actor, now, ("message-held", id), (None, Some(after))).await?;
    Ok(id)
}

/// Whether what this caller writes is held back: a customer who is suspended.
pub async fn holds_back(tx: &mut Tx, may: &Permit<Requests, Write>) -> Result<bool, Error> {
    match may.actor().person_id {
        Some(id) => is_suspended(tx, "id = $1", id).await,
        None => Ok(false),
    }
}

/// Why a mail is held back, if it is: because of its writer, or because of what its reader found. What staff send never is.
pub(crate) async fn cause_of_mail(
    tx: &mut Tx,
    author_email: &str,
    found: Option<Cause>,
) -> Result<Option<Cause>, Error> {
    let key = email_key(author_email);
    let sql = "select id from people where is_staff = 1 and email_key = $1 and deleted_at is null";
    if tx.row(sql, &[key.as_str().into()]).await?.is_some() {
        return Ok(None);
    }
    if is_suspended(tx, "email_key = $1", key).await? {
        return Ok(Some(Cause::SuspendedAuthor));
    }
    Ok(found)
}

/// Whether a mail with this id at its origin is held back already.
pub(crate) async fn is_there(tx: &mut Tx, message_id: &str) -> Result<Option<i64>, Error> {
    let row = tx.row("select id from held_messages where message_id = $1 limit 1", &[message_id.into()]).await?;
    Ok(row.map(|row| row.int("id")).transpose()?)
}

async fn is_suspended(tx: &mut Tx, whose: &str, value: impl Into<store::Value>) -> Result<bool, Error> {
    let sql = format!("select id from people where is_staff = 0 and suspended = 1 and {whose}");
    Ok(tx.row(&sql, &[value.into()]).await?.is_some())
}

/// Deletes messages with their files. Those that are not there are passed over.
pub async fn delete_many(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, ids: &[i64]) -> Result<(), Error> {
    for id in ids {
        match delete(tx, may, now, *id).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Deletes a message with its files, or `NotFound`.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    for file in files_of(tx, id).await? {
        files::remove(tx, may.actor(), now, &file).await?;
    }
    tx.run("delete from held_messages where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("held-message-deleted", id), (Some(gone.facts()), None)).await
}

/// Those of these files that held messages have, for whoever may answer with them.
pub async fn attached(tx: &mut Tx, _may: &CanWrite<Tickets>, file_ids: &[i64]) -> Result<Vec<File>, Error> {
    if file_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new("select distinct f.file_id from held_message_files f where 1 = 1");
    query.and_in("f.file_id", file_ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    let known = rows.iter().map(|row| row.int("file_id")).collect::<Result<Vec<_>, _>>()?;
    let asked: Vec<i64> = file_ids.iter().copied().filter(|id| known.contains(id)).collect();
    files::of_ids(tx, &asked).await
}

async fn files_of(tx: &mut Tx, id: i64) -> Result<Vec<File>, Error> {
    let sql = "select file_id from held_message_files where held_message_id = $1";
    let rows = tx.rows(sql, &[id.into()]).await?;
    let ids = rows.iter().map(|row| row.int("file_id")).collect::<Result<Vec<_>, _>>()?;
    files::of_ids(tx, &ids).await
}

/// Who has this address, staff before customers.
async fn known(tx: &mut Tx, email: &str) -> Result<Option<i64>, Error> {
    let sql = "select id from people where is_staff in (0, 1) and email_key = $1 and deleted_at is null order by is_staff desc limit 1";
    let row = tx.row(sql, &[email.into()]).await?;
    Ok(row.map(|row| row.int("id")).transpose()?)
}

/// The brand whose address this is. Served by `support_addresses_by_email`.
async fn brand_of(tx: &mut Tx, address: &str) -> Result<Option<i64>, Error> {
    let row = tx.row("select brand_id from support_addresses where email_key = $1", &[address.into()]).await?;
    Ok(row.map(|row| row.int_or_null("brand_id")).transpose()?.flatten())
}

async fn read(tx: &mut Tx, id: i64) -> Result<HeldMessage, Error> {
    match tx.row(concat!(select_held!(), " and h.id = $1"), &[id.into()]).await? {
        Some(row) => HeldMessage::from_row(&row),
        None => Err(Error::NotFound { kind: "held message", id }),
    }
}

/// The same, and keeps the row until the transaction ends: of two who let it through, the second finds it gone.
async fn take(tx: &mut Tx, id: i64) -> Result<HeldMessage, Error> {
    tx.run("update held_messages set updated_at = updated_at where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = Change { kind, object_type: OBJECT_TYPE, object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl HeldMessage {
    /// What events tell of it. What it said is in no log.
    fn facts(&self) -> Json {
        json!({ "cause": self.cause.word(), "author_id": self.author_id, "ticket_id": self.ticket_id })
    }

    fn from_row(row: &Row) -> Result<HeldMessage, Error> {
        Ok(HeldMessage {
            id: row.int("id")?,
            cause: Cause::parse(&row.text("cause")?).ok_or(StoreError::Column("cause"))?,
            author_id: row.int_or_null("author_id")?,
            author_name: row.text_or_null("author_name")?,
            author_email: Some(row.text("author_email")?).filter(|email| !email.is_empty()),
            subject: row.text_or_null("subject")?,
            body_text: row.text("body_text")?,
            body_html: row.text_or_null("body_html")?,
            recipient: row.text_or_null("recipient")?,
            brand_id: row.int_or_null("brand_id")?,
            channel: row.text("channel")?,
            source: row.json("source")?,
            message_id: row.text_or_null("message_id")?,
            ticket_id: row.int_or_null("ticket_id")?,
            attachments: row.json("attachments")?,
            sent_at: row.time_or_null("sent_at")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
