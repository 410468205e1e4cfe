//! Tickets of Zendesk: its NDJSON export (one ticket with its comments a line) and its JSON export (`{"tickets": [...], "users": [...]}`).

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use helpdesk::jobs::import::{Content, Ticket};
use helpdesk::people::PersonRef;
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::write::{NewTicket, SetStatus};
use helpdesk::tickets::{Priority, Status};
use serde_json::Value;

use super::objects::Objects;
use super::own::tag;
use super::values::{at, author, cut, flag, items, person, text};

const ORIGIN: &str = "zendesk";
const SUBJECT_MAX_CHARS: usize = 998;

/// People by id, where the file lists them apart from the tickets, with whether they are staff.
type People = HashMap<String, (PersonRef, bool)>;

/// Reads tickets; the people that the file lists are looked at first, wherever they stand.
pub fn reader(path: &Path) -> std::io::Result<impl FnMut(&str, Value) -> Content + use<>> {
    let mut people = People::new();
    for object in Objects::new(BufReader::new(File::open(path)?))? {
        let object = object?;
        if object.list != "users" {
            continue;
        }
        if let Ok(user) = serde_json::from_slice::<Value>(&object.json)
            && let (Some(id), Some(person)) = (text(&user, "id"), whole(&user))
        {
            people.insert(id, (person, is_staff(&user)));
        }
    }
    Ok(move |list: &str, value: Value| match list {
        "users" => match whole(&value) {
            Some(_) if is_staff(&value) => Content::Skipped("user".to_owned()),
            Some(person) => Content::Customer(person),
            None => Content::Wrong("The person has neither an address nor a name.".to_owned()),
        },
        _ => ticket(&value, &people),
    })
}

fn whole(user: &Value) -> Option<PersonRef> {
    person(&serde_json::json!({ "it": user }), "it", ORIGIN)
}

fn is_staff(user: &Value) -> bool {
    matches!(text(user, "role").as_deref(), Some("agent" | "admin"))
}

/// A person in the ticket itself, or by id among those listed. The truth value says that they are staff, as far as is known.
fn who(value: &Value, object: &str, id: &str, people: &People) -> Option<(PersonRef, Option<bool>)> {
    if let Some(found) = value.get(object).filter(|it| it.is_object()) {
        let role = text(found, "role").map(|_| is_staff(found));
        return whole(found).map(|person| (person, role));
    }
    let id = text(value, id)?;
    match people.get(&id) {
        Some((person, staff)) => Some((person.clone(), Some(*staff))),
        None => {
            let external_id = Some(format!("{ORIGIN}:{id}"));
            Some((PersonRef { external_id, ..PersonRef::default() }, None))
        }
    }
}

fn ticket(ticket: &Value, people: &People) -> Content {
    let Some(id) = text(ticket, "id") else {
        return Content::Wrong("id: Missing data for required field.".to_owned());
    };
    let customer = who(ticket, "requester", "requester_id", people).map(|(person, _)| person);
    let channel = match ticket.get("via").and_then(|via| text(via, "channel")).as_deref() {
        Some("email") | None => "email",
        Some("chat" | "messaging" | "native_messaging") => "chat",
        Some("voice") => "phone",
        Some("sms") => "sms",
        Some("web" | "web_form" | "help_center") => "contact_form",
        Some(_) => "api",
    };
    let mut messages: Vec<NewMessage> =
        items(ticket, "comments").map(|sent| comment(sent, channel, customer.as_ref(), people)).collect();
    if messages.is_empty() {
        messages.push(NewMessage {
            channel: channel.to_owned(),
            via: ORIGIN.to_owned(),
            sender: customer.clone(),
            body_text: text(ticket, "description").or_else(|| text(ticket, "subject")).or(Some(String::new())),
            imported: true,
            created_at: at(ticket, "created_at"),
            sent_at: at(ticket, "created_at"),
            ..NewMessage::default()
        });
    }
    let status = match text(ticket, "status").as_deref() {
        Some("hold") => Some(Status::OnHold),
        Some(word) => Status::parse(word),
        None => None,
    };
    let subject = text(ticket, "subject").or_else(|| text(ticket, "raw_subject"));
    let new = NewTicket {
        messages,
        customer,
        channel: Some(channel.to_owned()),
        via: Some(ORIGIN.to_owned()),
        subject: cut(subject, SUBJECT_MAX_CHARS),
        status: status.map(SetStatus::Exactly),
        priority: text(ticket, "priority").as_deref().and_then(Priority::parse),
        tags: items(ticket, "tags").filter_map(Value::as_str).map(tag).collect(),
        external_id: text(ticket, "external_id").or(Some(format!("{ORIGIN}:{id}"))),
        imported: true,
        created_at: at(ticket, "created_at"),
        opened_at: at(ticket, "created_at"),
        updated_at: at(ticket, "updated_at"),
        closed_at: at(ticket, "solved_at")
            .or_else(|| at(ticket, "updated_at"))
            .filter(|_| status.is_some_and(Status::is_done)),
        ..NewTicket::default()
    };
    let assignee_email = who(ticket, "assignee", "assignee_id", people).and_then(|(person, _)| person.email);
    let team = ticket.get("group").and_then(|group| text(group, "name"));
    Content::Ticket(Box::new(Ticket { new, assignee_email, team }))
}

fn comment(sent: &Value, channel: &str, customer: Option<&PersonRef>, people: &People) -> NewMessage {
    let written_by = who(sent, "author", "author_id", people);
    let from_agent = match &written_by {
        Some((_, Some(staff))) => *staff,
        Some((person, None)) => customer.is_some_and(|customer| customer != person),
        None => false,
    };
    let public = flag(sent, "public").unwrap_or(true);
    let created_at = at(sent, "created_at");
    let files = items(sent, "attachments").filter_map(|file| {
        let name = text(file, "file_name")?;
        Some(serde_json::json!({
            "name": name, "url": text(file, "content_url"), "content_type": text(file, "content_type"), "size": file.get("size"),
        }))
    });
    let files: Vec<Value> = files.collect();
    NewMessage {
        channel: if public { channel.to_owned() } else { "internal-note".to_owned() },
        via: ORIGIN.to_owned(),
        from_agent: from_agent || !public,
        public: Some(public),
        sender: written_by.map(|(person, _)| person).or_else(|| author(from_agent || !public, customer)),
        body_text: text(sent, "plain_body").or_else(|| text(sent, "body")),
        body_html: text(sent, "html_body"),
        attachments: (!files.is_empty()).then_some(Value::Array(files)),
        external_id: text(sent, "id").map(|id| format!("{ORIGIN}:{id}")),
        imported: true,
        created_at,
        sent_at: created_at,
        ..NewMessage::default()
    }
}
