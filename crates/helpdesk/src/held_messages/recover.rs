//! Letting a held message through.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::json;
use store::Tx;

use super::{HeldMessage, record, take};
use crate::people::PersonRef;
use crate::tickets::message_draft::NewMessage;
use crate::tickets::write::{self, NewTicket, SetStatus};
use crate::tickets::{Status, message_write};
use crate::{Error, profiles};

/// Makes a held message a message of the ticket that it was meant for, if that still takes one, else a new ticket of its author, who is made
/// a customer if need be. Answers the ticket's id. `Invalid` on `author` where nobody knows who that is.
pub async fn recover(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<i64, Error> {
    let held = take(tx, id).await?;
    let author = match (held.author_id, &held.author_email) {
        (Some(id), _) => PersonRef::by_id(id),
        (None, Some(email)) => PersonRef { name: held.author_name.clone(), ..PersonRef::by_email(email.as_str()) },
        (None, None) => return Err(Error::invalid("author", "is not known: the message has no address of a sender")),
    };
    let is_staff = match author.id {
        Some(id) => profiles::is_staff(tx, id).await?.unwrap_or_default(),
        None => false,
    };
    let message = message_of(&held, author.clone(), is_staff);
    let ticket_id = match open_ticket(tx, held.ticket_id).await? {
        Some(ticket_id) => {
            message_write::create(tx, may, now, ticket_id, message).await?;
            ticket_id
        }
        None => {
            let new = NewTicket {
                brand_id: active_brand(tx, held.brand_id).await?,
                customer: Some(author),
                subject: held.subject.clone(),
                channel: Some(held.channel.clone()),
                via: Some(held.channel.clone()),
                status: Some(SetStatus::Exactly(Status::New)),
                messages: vec![message],
                ..NewTicket::default()
            };
            write::create(tx, may, now, new).await?
        }
    };
    // The ticket has its files now.
    tx.run("delete from held_messages where id = $1", &[id.into()]).await?;
    let told = (Some(held.facts()), Some(json!({ "ticket_id": ticket_id })));
    record(tx, may.actor(), now, ("held-message-recovered", id), told).await?;
    Ok(ticket_id)
}

fn message_of(held: &HeldMessage, author: PersonRef, is_staff: bool) -> NewMessage {
    NewMessage {
        channel: held.channel.clone(),
        via: held.channel.clone(),
        from_agent: is_staff,
        public: Some(true),
        sender: Some(author),
        source: held.source.clone(),
        subject: held.subject.clone(),
        body_text: Some(held.body_text.clone()).filter(|text| held.body_html.as_ref() != Some(text)),
        body_html: held.body_html.clone(),
        attachments: held.attachments.clone(),
        message_id: held.message_id.clone(),
        sent_at: held.sent_at,
        ..NewMessage::default()
    }
}

/// The ticket, unless it is closed, in the trash or gone.
async fn open_ticket(tx: &mut Tx, id: Option<i64>) -> Result<Option<i64>, Error> {
    let Some(id) = id else { return Ok(None) };
    let sql = "select id from tickets where id = $1 and trashed_at is null and status <> $2";
    Ok(tx.row(sql, &[id.into(), Status::Closed.word().into()]).await?.map(|_| id))
}

async fn active_brand(tx: &mut Tx, id: Option<i64>) -> Result<Option<i64>, Error> {
    let Some(id) = id else { return Ok(None) };
    let sql = "select id from brands where id = $1 and active = 1 and deleted_at is null";
    Ok(tx.row(sql, &[id.into()]).await?.map(|_| id))
}
