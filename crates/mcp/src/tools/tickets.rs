//! Tools about tickets and their messages.

use ::endpoint::App;
use helpdesk::people::Person;
use helpdesk::tickets::list::{self as lists, Direction, Filter, Sort, Trash};
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::messages::{INTERNAL_NOTE, Message};
use helpdesk::tickets::tags::{TagRefs, TicketTag};
use helpdesk::tickets::write::{self, SetStatus, TicketUpdate};
use helpdesk::tickets::{self, Status, Ticket, TicketDetail, message_write, messages as all_messages};
use jiff::Timestamp;
use schemars::JsonSchema;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use store::transact;

use crate::cursor;
use crate::tool::Failed;

/// What brought a message, as the event log and the vendors' answers say it.
const VIA: &str = "api";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Only the tickets of this customer.
    customer_id: Option<i64>,
    /// How many, from 1 to 50. 20 if left out.
    limit: Option<u32>,
    /// next_cursor of the answer before.
    cursor: Option<String>,
}

pub(super) async fn list(app: App, may: CanRead<Tickets>, asked: List) -> Result<Json, Failed> {
    let slice = cursor::slice(asked.limit, asked.cursor.as_deref())?;
    let filter = Filter { customer_id: asked.customer_id, trash: Trash::LeftOut, ..Filter::default() };
    let order = lists::order(Sort::Updated, Direction::Descending);
    let mut tx = app.db.read().await?;
    let page = lists::list(&mut tx, &may, &filter, order, &slice).await?;
    Ok(cursor::answer("tickets", &page, |found| {
        shown(&found.ticket, &found.customer, found.assignee_user.as_ref(), &found.tags)
    }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    ticket_id: i64,
}

pub(super) async fn find(app: App, may: CanRead<Tickets>, asked: Find) -> Result<Json, Failed> {
    let mut tx = app.db.read().await?;
    Ok(whole(&tickets::find(&mut tx, &may, asked.ticket_id).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListMessages {
    ticket_id: i64,
    /// How many, from 1 to 50. 20 if left out.
    limit: Option<u32>,
    /// next_cursor of the answer before.
    cursor: Option<String>,
}

pub(super) async fn messages(app: App, may: CanRead<Tickets>, asked: ListMessages) -> Result<Json, Failed> {
    let slice = cursor::slice(asked.limit, asked.cursor.as_deref())?;
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, asked.ticket_id).await?;
    let page = all_messages::list(&mut tx, &may, Some(asked.ticket_id), Direction::Ascending, &slice).await?;
    Ok(cursor::answer("messages", &page, message))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    ticket_id: i64,
    /// Plain text.
    text: String,
    /// id of the newest message that you have read. If another one came since, nothing is written.
    last_message_id: Option<i64>,
}

pub(super) async fn reply(app: App, may: CanWrite<Tickets>, asked: Write) -> Result<Json, Failed> {
    say(&app, &may, &asked, Audience::Customer).await
}

pub(super) async fn add_note(app: App, may: CanWrite<Tickets>, asked: Write) -> Result<Json, Failed> {
    say(&app, &may, &asked, Audience::Staff).await
}

#[derive(Clone, Copy)]
enum Audience {
    Customer,
    Staff,
}

async fn say(app: &App, may: &CanWrite<Tickets>, asked: &Write, audience: Audience) -> Result<Json, Failed> {
    if asked.text.trim().is_empty() {
        return Err(Failed::Invalid("text must not be empty.".to_owned()));
    }
    let now = app.clock.now();
    let written = transact!(app.db, |tx| {
        let channel = match audience {
            Audience::Customer => tickets::written(tx, may, asked.ticket_id).await?.ticket.channel,
            Audience::Staff => INTERNAL_NOTE.to_owned(),
        };
        let new = NewMessage {
            channel,
            via: VIA.to_owned(),
            from_agent: true,
            body_text: Some(asked.text.clone()),
            last_seen_id: asked.last_message_id,
            ..NewMessage::default()
        };
        let id = message_write::create(tx, may, now, asked.ticket_id, new).await?;
        all_messages::written(tx, may, asked.ticket_id, id).await
    })?;
    Ok(message(&written))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetTheStatus {
    ticket_id: i64,
    status: Word,
    /// updated_at of the ticket as you have read it. If it was changed since, nothing is written.
    last_updated_datetime: Option<String>,
}

/// A status as people name it.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Word {
    Open,
    /// Waits for the customer.
    Pending,
    /// Waits for somebody else.
    OnHold,
    Solved,
    Closed,
}

pub(super) async fn set_status(app: App, may: CanWrite<Tickets>, asked: SetTheStatus) -> Result<Json, Failed> {
    let status = match asked.status {
        Word::Open => Status::Open,
        Word::Pending => Status::Pending,
        Word::OnHold => Status::OnHold,
        Word::Solved => Status::Solved,
        Word::Closed => Status::Closed,
    };
    let seen_updated_at = seen(asked.last_updated_datetime.as_deref())?;
    let now = app.clock.now();
    let update = TicketUpdate { status: Some(SetStatus::Exactly(status)), seen_updated_at, ..TicketUpdate::default() };
    let ticket = transact!(app.db, |tx| {
        write::update(tx, &may, now, asked.ticket_id, update.clone()).await?;
        tickets::written(tx, &may, asked.ticket_id).await
    })?;
    Ok(whole(&ticket))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddTag {
    ticket_id: i64,
    /// The tag's name.
    tag: String,
}

pub(super) async fn add_tag(app: App, may: CanWrite<Tickets>, asked: AddTag) -> Result<Json, Failed> {
    let now = app.clock.now();
    let tag = TagRefs { ids: Vec::new(), names: vec![asked.tag] };
    let ticket = transact!(app.db, |tx| {
        tickets::tags::add(tx, &may, now, asked.ticket_id, &tag).await?;
        tickets::written(tx, &may, asked.ticket_id).await
    })?;
    Ok(whole(&ticket))
}

/// The time at which the caller saw a ticket changed last.
fn seen(text: Option<&str>) -> Result<Option<Timestamp>, Failed> {
    let not_a_time = |_| Failed::Invalid("last_updated_datetime must be updated_at of the ticket.".to_owned());
    text.map(|text| text.parse().map_err(not_a_time)).transpose()
}

fn whole(found: &TicketDetail) -> Json {
    shown(&found.ticket, &found.customer.person, found.assignee_user.as_ref(), &found.tags)
}

fn shown(ticket: &Ticket, customer: &Person, assignee: Option<&Person>, tags: &[TicketTag]) -> Json {
    let tags: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    json!({
        "id": ticket.id,
        "subject": ticket.subject,
        "status": ticket.status.word(),
        "priority": ticket.priority.word(),
        "channel": ticket.channel,
        "customer": person(customer),
        "assignee": assignee.map(person),
        "tags": tags,
        "n_messages": ticket.messages_count,
        "excerpt": ticket.excerpt,
        "created_at": ticket.created_at.to_string(),
        "updated_at": ticket.updated_at.to_string(),
    })
}

fn message(message: &Message) -> Json {
    json!({
        "id": message.id,
        "ticket_id": message.ticket_id,
        "public": message.public,
        "from_agent": message.from_agent,
        "sender": person(&message.sender),
        "text": message.stripped_text.as_ref().or(message.body_text.as_ref()),
        "created_at": message.created_at.to_string(),
        "sent_at": message.sent_at.map(|at| at.to_string()),
    })
}

fn person(person: &Person) -> Json {
    json!({ "id": person.id, "name": person.name, "email": person.email })
}
