//! Tickets in a table: CSV with a line of headings. Usual headings are known, those of Gorgias' export among them; others are mapped by
//! hand.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};

use gorgias_api::time;
use helpdesk::jobs::import::{Content, Row, Ticket};
use helpdesk::people::PersonRef;
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::write::{NewTicket, SetStatus};
use helpdesk::tickets::{Priority, Status};

use super::own::tag;
use super::values::{author, cut};

const SUBJECT_MAX_CHARS: usize = 998;

/// Our fields, and the headings that mean them, in small letters with single spaces.
const HEADINGS: &[(&str, &[&str])] = &[
    ("external_id", &["external_id", "external id", "ticket id", "ticket_id", "id", "number"]),
    ("subject", &["subject", "ticket subject", "title"]),
    ("status", &["status", "ticket status"]),
    ("priority", &["priority", "ticket priority"]),
    ("channel", &["channel", "initial channel", "ticket channel"]),
    ("customer_email", &["customer_email", "customer email", "requester email", "email", "from"]),
    ("customer_name", &["customer_name", "customer name", "requester", "requester name", "name"]),
    ("assignee_email", &["assignee_email", "assignee_user_email", "assignee email", "assignee user email"]),
    ("team", &["team", "assignee_team", "assignee team", "assigned team", "group"]),
    ("tags", &["tags", "ticket tags"]),
    ("body", &["body", "message", "description", "excerpt", "first message", "body_text"]),
    ("language", &["language", "ticket language"]),
    ("created_at", &["created_at", "created at", "created", "creation date", "created_datetime", "created date"]),
    ("updated_at", &["updated_at", "updated at", "updated", "last update", "updated_datetime"]),
    ("closed_at", &["closed_at", "closed at", "closed date", "closed", "closed_datetime", "solved at"]),
];

/// Names of the fields that a column can be mapped to.
pub fn fields() -> impl Iterator<Item = &'static str> {
    HEADINGS.iter().map(|(field, _)| *field)
}

pub fn read<R: Read + 'static>(
    file: BufReader<R>,
    origin: &'static str,
    mapping: &[(String, String)],
) -> anyhow::Result<impl Iterator<Item = io::Result<Row>> + use<R>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let headings = reader.headers()?.clone();
    let columns = columns(&headings, mapping)?;
    let mut number = 0;
    let mut record = csv::StringRecord::new();
    let next = move || -> Option<io::Result<Row>> {
        let content = match reader.read_record(&mut record) {
            Ok(false) => return None,
            Ok(true) => content(&record, &columns, origin),
            Err(error) if error.is_io_error() => return Some(Err(io::Error::other(error))),
            Err(error) => Content::Wrong(error.to_string()),
        };
        number += 1;
        Some(Ok(Row { number, end: reader.position().byte(), content }))
    };
    Ok(std::iter::from_fn(next))
}

/// Where each field is. An error names a mapping that fits nothing, or the field without which nothing can be done.
fn columns(headings: &csv::StringRecord, mapping: &[(String, String)]) -> anyhow::Result<HashMap<&'static str, usize>> {
    let plain = |heading: &str| {
        let words: Vec<String> =
            heading.trim_start_matches('\u{feff}').split_whitespace().map(str::to_lowercase).collect();
        words.join(" ")
    };
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, heading) in headings.iter().enumerate() {
        // Of two columns with one heading, the first.
        places.entry(plain(heading)).or_insert(at);
    }
    let mut columns = HashMap::new();
    for (field, names) in HEADINGS {
        if let Some(at) = names.iter().find_map(|name| places.get(*name)) {
            columns.insert(*field, *at);
        }
    }
    for (field, heading) in mapping {
        let Some(field) = fields().find(|it| it == field) else {
            let all: Vec<&str> = fields().collect();
            anyhow::bail!("--map {field}=...: there is no field {field}; there are {}", all.join(", "));
        };
        let Some(at) = places.get(&plain(heading)) else {
            anyhow::bail!("--map {field}={heading}: the table has no column {heading:?}");
        };
        columns.insert(field, *at);
    }
    for needed in ["external_id", "customer_email"] {
        if !columns.contains_key(needed) {
            let all: Vec<&str> = headings.iter().collect();
            anyhow::bail!(
                "the table has no column for {needed}: name it with --map {needed}=COLUMN; its columns are {}",
                all.join(", ")
            );
        }
    }
    Ok(columns)
}

fn content(record: &csv::StringRecord, columns: &HashMap<&'static str, usize>, origin: &str) -> Content {
    let cell = |field: &str| -> Option<String> {
        let text = record.get(*columns.get(field)?)?.trim();
        // As our own tables protect what a table program would run.
        let text = match text.strip_prefix('\'') {
            Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
            _ => text,
        };
        (!text.is_empty()).then(|| text.to_owned())
    };
    let Some(id) = cell("external_id") else {
        return Content::Wrong("external_id: Missing data for required field.".to_owned());
    };
    let mut times = HashMap::new();
    for field in ["created_at", "updated_at", "closed_at"] {
        if let Some(text) = cell(field) {
            match time::parse(&text) {
                Some(at) => times.insert(field, at),
                None => return Content::Wrong(format!("{field}: Not a valid datetime: {text}.")),
            };
        }
    }
    let Some(email) = cell("customer_email") else {
        return Content::Wrong("customer_email: Missing data for required field.".to_owned());
    };
    let customer = PersonRef { name: cell("customer_name"), ..PersonRef::by_email(email) };
    let word = cell("status").map(|word| word.to_lowercase().replace(' ', "_"));
    let status = match word.as_deref() {
        None => None,
        Some("hold") => Some(SetStatus::Exactly(Status::OnHold)),
        Some("closed") if origin == "gorgias" => Some(SetStatus::Done),
        Some(word) => match Status::parse(word) {
            Some(status) => Some(SetStatus::Exactly(status)),
            None => return Content::Wrong(format!("status: No status is called {word}.")),
        },
    };
    let priority = match cell("priority").map(|word| word.to_lowercase()).as_deref() {
        None => None,
        Some("critical") => Some(Priority::Urgent),
        Some(word) => match Priority::parse(word) {
            Some(priority) => Some(priority),
            None => return Content::Wrong(format!("priority: No priority is called {word}.")),
        },
    };
    let is_done = matches!(status, Some(SetStatus::Done | SetStatus::Exactly(Status::Solved | Status::Closed)));
    let channel = cell("channel").map_or_else(|| "email".to_owned(), |word| word.to_lowercase());
    let created_at = times.get("created_at").copied();
    let tags = cell("tags").unwrap_or_default();
    let message = NewMessage {
        channel: channel.clone(),
        via: origin.to_owned(),
        sender: author(false, Some(&customer)),
        body_text: cell("body").or_else(|| cell("subject")).or(Some(String::new())),
        imported: true,
        created_at,
        sent_at: created_at,
        ..NewMessage::default()
    };
    let new = NewTicket {
        messages: vec![message],
        customer: Some(customer),
        channel: Some(channel),
        via: Some(origin.to_owned()),
        subject: cut(cell("subject"), SUBJECT_MAX_CHARS),
        status,
        priority,
        tags: tags.split([',', ';']).map(str::trim).filter(|name| !name.is_empty()).map(tag).collect(),
        language: cell("language"),
        external_id: Some(format!("{origin}:{id}")),
        imported: true,
        created_at,
        opened_at: created_at,
        updated_at: times.get("updated_at").copied(),
        closed_at: times.get("closed_at").copied().filter(|_| is_done),
        ..NewTicket::default()
    };
    Content::Ticket(Box::new(Ticket { new, assignee_email: cell("assignee_email"), team: cell("team") }))
}
