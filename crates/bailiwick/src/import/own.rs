//! Our own NDJSON: what `bailiwick export` and the exports of the Admin Center write.

use helpdesk::jobs::import::{Content, Ticket};
use helpdesk::people::PersonRef;
use helpdesk::tags::NewTag;
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::write::{NewTicket, SetStatus};
use helpdesk::tickets::{Priority, Status};
use serde_json::Value;

use super::values::{at, flag, items, person, text};

/// People and tickets keep the numbers of where they come from as foreign ids under this.
const ORIGIN: &str = "bailiwick";

pub fn content(_list: &str, line: Value) -> Content {
    match text(&line, "kind").as_deref() {
        Some("ticket") => ticket(&line),
        Some("customer") => customer(&line),
        Some("tag") => match text(&line, "name") {
            Some(name) => {
                Content::Tag(NewTag { name, description: text(&line, "description"), color: text(&line, "color") })
            }
            None => Content::Wrong("name: Missing data for required field.".to_owned()),
        },
        Some(kind) => Content::Skipped(kind.to_owned()),
        None => Content::Wrong("kind: Missing data for required field.".to_owned()),
    }
}

fn customer(line: &Value) -> Content {
    let whole = serde_json::json!({ "it": line });
    match person(&whole, "it", ORIGIN) {
        Some(person) => Content::Customer(person),
        None => Content::Wrong("The customer has neither an address nor a name.".to_owned()),
    }
}

fn ticket(line: &Value) -> Content {
    let external_id = text(line, "external_id").or_else(|| text(line, "id").map(|id| format!("{ORIGIN}:{id}")));
    let Some(external_id) = external_id else {
        return Content::Wrong("id: Missing data for required field.".to_owned());
    };
    let status = text(line, "status").as_deref().and_then(Status::parse);
    let customer = person(line, "customer", ORIGIN);
    let channel = text(line, "channel").unwrap_or_else(|| "api".to_owned());
    let via = text(line, "via").unwrap_or_else(|| "api".to_owned());
    let mut messages: Vec<NewMessage> =
        items(line, "messages").map(|sent| message(sent, (&channel, &via), customer.as_ref())).collect();
    if messages.is_empty() {
        // Exports for tables carry no messages: the excerpt stands for them.
        messages.push(NewMessage {
            channel: channel.clone(),
            via: via.clone(),
            from_agent: false,
            sender: customer.clone(),
            body_text: text(line, "excerpt").or_else(|| text(line, "subject")).or(Some(String::new())),
            imported: true,
            created_at: at(line, "created_at"),
            sent_at: at(line, "created_at"),
            ..NewMessage::default()
        });
    }
    let named = |field: &str, name: &str| line.get(field).and_then(|it| text(it, name));
    let new = NewTicket {
        messages,
        customer,
        channel: Some(channel),
        via: Some(via),
        from_agent: flag(line, "from_agent"),
        subject: text(line, "subject"),
        status: status.map(SetStatus::Exactly),
        priority: text(line, "priority").as_deref().and_then(Priority::parse),
        tags: items(line, "tags").filter_map(Value::as_str).map(tag).collect(),
        spam: flag(line, "spam").unwrap_or_default(),
        language: text(line, "language"),
        external_id: Some(external_id),
        meta: line.get("meta").filter(|meta| meta.is_object()).cloned(),
        imported: true,
        created_at: at(line, "created_at"),
        opened_at: at(line, "opened_at"),
        updated_at: at(line, "updated_at"),
        last_message_at: at(line, "last_message_at"),
        last_received_message_at: at(line, "last_received_message_at"),
        closed_at: at(line, "closed_at").filter(|_| status.is_some_and(Status::is_done)),
        snoozed_until: at(line, "snoozed_until"),
        trashed_at: at(line, "trashed_at"),
        ..NewTicket::default()
    };
    Content::Ticket(Box::new(Ticket {
        new,
        assignee_email: named("assignee_user", "email"),
        team: named("assignee_team", "name"),
    }))
}

fn message(sent: &Value, (channel, via): (&str, &str), customer: Option<&PersonRef>) -> NewMessage {
    let from_agent = flag(sent, "from_agent").unwrap_or_default();
    let created_at = at(sent, "created_at");
    NewMessage {
        channel: text(sent, "channel").unwrap_or_else(|| channel.to_owned()),
        via: text(sent, "via").unwrap_or_else(|| via.to_owned()),
        from_agent,
        public: flag(sent, "public"),
        sender: person(sent, "sender", ORIGIN).or_else(|| super::values::author(from_agent, customer)),
        source: sent.get("source").filter(|source| source.is_object()).cloned(),
        subject: text(sent, "subject"),
        body_text: text(sent, "body_text"),
        body_html: text(sent, "body_html"),
        attachments: sent.get("attachments").filter(|it| it.is_array()).cloned(),
        message_id: text(sent, "message_id"),
        external_id: text(sent, "external_id"),
        imported: true,
        created_at,
        sent_at: at(sent, "sent_at").or(created_at),
        ..NewMessage::default()
    }
}

pub fn tag(name: &str) -> NewTag {
    NewTag { name: name.to_owned(), ..NewTag::default() }
}
