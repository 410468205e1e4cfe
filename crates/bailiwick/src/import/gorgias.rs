//! Tickets of Gorgias as its API gives them: one a line, in a list, or in the pages of a list (`{"data": [...]}`).

use helpdesk::jobs::import::{Content, Ticket};
use helpdesk::people::PersonRef;
use helpdesk::tickets::Priority;
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::write::{NewTicket, SetStatus};
use serde_json::Value;

use super::own::tag;
use super::values::{at, author, cut, flag, items, person, text};

const ORIGIN: &str = "gorgias";
const SUBJECT_MAX_CHARS: usize = 998;

pub fn content(list: &str, ticket: Value) -> Content {
    if matches!(list, "users" | "customers") {
        let whole = serde_json::json!({ "it": ticket });
        return match person(&whole, "it", ORIGIN) {
            Some(person) if list == "customers" => Content::Customer(person),
            Some(_) => Content::Skipped("user".to_owned()),
            None => Content::Wrong("The person has neither an address nor a name.".to_owned()),
        };
    }
    let Some(id) = text(&ticket, "id") else {
        return Content::Wrong("id: Missing data for required field.".to_owned());
    };
    let customer = person(&ticket, "customer", ORIGIN).or_else(|| person(&ticket, "requester", ORIGIN));
    let channel = text(&ticket, "channel").unwrap_or_else(|| "email".to_owned());
    let via = text(&ticket, "via").unwrap_or_else(|| channel.clone());
    let mut messages: Vec<NewMessage> =
        items(&ticket, "messages").map(|sent| message(sent, (&channel, &via), customer.as_ref())).collect();
    if messages.is_empty() {
        messages.push(NewMessage {
            channel: channel.clone(),
            via: via.clone(),
            sender: customer.clone(),
            body_text: text(&ticket, "excerpt").or_else(|| text(&ticket, "subject")).or(Some(String::new())),
            imported: true,
            created_at: at(&ticket, "created_datetime"),
            sent_at: at(&ticket, "created_datetime"),
            ..NewMessage::default()
        });
    }
    let is_closed = text(&ticket, "status").as_deref() == Some("closed");
    let priority = match text(&ticket, "priority").as_deref() {
        Some("critical") => Some(Priority::Urgent),
        Some(word) => Priority::parse(word),
        None => None,
    };
    let named = |field: &str, name: &str| ticket.get(field).and_then(|it| text(it, name));
    let new = NewTicket {
        messages,
        customer,
        channel: Some(channel),
        via: Some(via),
        from_agent: flag(&ticket, "from_agent"),
        subject: cut(text(&ticket, "subject"), SUBJECT_MAX_CHARS),
        status: Some(if is_closed { SetStatus::Done } else { SetStatus::Waiting }),
        priority,
        tags: items(&ticket, "tags").filter_map(|it| text(it, "name")).map(|name| tag(&name)).collect(),
        spam: flag(&ticket, "spam").unwrap_or_default(),
        language: text(&ticket, "language"),
        // A foreign id of its own, such as another system's, is kept.
        external_id: text(&ticket, "external_id").or(Some(format!("{ORIGIN}:{id}"))),
        meta: ticket.get("meta").filter(|meta| meta.is_object()).cloned(),
        imported: true,
        created_at: at(&ticket, "created_datetime"),
        opened_at: at(&ticket, "opened_datetime"),
        updated_at: at(&ticket, "updated_datetime"),
        last_message_at: at(&ticket, "last_message_datetime"),
        last_received_message_at: at(&ticket, "last_received_message_datetime"),
        closed_at: at(&ticket, "closed_datetime").filter(|_| is_closed),
        snoozed_until: at(&ticket, "snooze_datetime"),
        trashed_at: at(&ticket, "trashed_datetime"),
        ..NewTicket::default()
    };
    let assignee_email = named("assignee_user", "email");
    Content::Ticket(Box::new(Ticket { new, assignee_email, team: named("assignee_team", "name") }))
}

fn message(sent: &Value, (channel, via): (&str, &str), customer: Option<&PersonRef>) -> NewMessage {
    let from_agent = flag(sent, "from_agent").unwrap_or_default();
    let created_at = at(sent, "created_datetime");
    NewMessage {
        channel: text(sent, "channel").unwrap_or_else(|| channel.to_owned()),
        via: text(sent, "via").unwrap_or_else(|| via.to_owned()),
        from_agent,
        public: flag(sent, "public"),
        sender: person(sent, "sender", ORIGIN).or_else(|| author(from_agent, customer)),
        source: sent.get("source").filter(|source| source.is_object()).cloned(),
        subject: cut(text(sent, "subject"), SUBJECT_MAX_CHARS),
        body_text: text(sent, "body_text"),
        body_html: text(sent, "body_html"),
        stripped_text: text(sent, "stripped_text"),
        stripped_html: text(sent, "stripped_html"),
        attachments: sent.get("attachments").filter(|it| it.is_array()).cloned(),
        message_id: text(sent, "message_id"),
        external_id: text(sent, "external_id"),
        imported: true,
        created_at,
        sent_at: at(sent, "sent_datetime").or(created_at),
        ..NewMessage::default()
    }
}
