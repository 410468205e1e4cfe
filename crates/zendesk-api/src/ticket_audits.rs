//! What a call did to a ticket, as the vendor's audits tell it (Zendesk contract, `types.AuditEvent`): our events of one request, together.

use helpdesk::events::{self, Event};
use helpdesk::notifications;
use helpdesk::rules::execute;
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::{Map, Value, json};
use store::Tx;

use crate::error::ZendeskError;
use crate::ticket_view::{status_word, via};
use crate::time::format;

/// Our names of fields in events, and the vendor's. What is not here is told nobody.
const FIELDS: &[(&str, &str)] = &[
    ("subject", "subject"),
    ("status", "status"),
    ("priority", "priority"),
    ("type", "type"),
    ("customer_id", "requester_id"),
    ("assignee_user_id", "assignee_id"),
    ("assignee_team_id", "group_id"),
    ("organization_id", "organization_id"),
    ("form_id", "ticket_form_id"),
    ("problem_id", "problem_id"),
    ("due_at", "due_at"),
    ("external_id", "external_id"),
    ("tags", "tags"),
    ("brand_id", "brand_id"),
    ("custom_status_id", "custom_status_id"),
];

/// The audit of what this request did now.
pub(crate) async fn of_request(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (ticket_id, comment_id): (i64, Option<i64>),
) -> Result<Value, ZendeskError> {
    let events = events::of_request(tx, may, now, (ticket_id, comment_id)).await?;
    Ok(view(ticket_id, &events, now))
}

/// Events of one request as one audit. Its id is that of the comment's event, if it wrote one, else of the first.
pub(crate) fn view(ticket_id: i64, of_request: &[Event], now: Timestamp) -> Value {
    let comment = of_request.iter().find(|event| event.object_type == "TicketMessage");
    let told = comment.or(of_request.first());
    let mut list: Vec<Value> = Vec::new();
    for event in of_request {
        match event.kind.as_str() {
            "ticket-created" => list.extend(fields(event, "Create")),
            "ticket-updated" | "ticket-tags-added" | "ticket-tags-removed" => list.extend(fields(event, "Change")),
            notifications::EVENT => list.extend(notification(event)),
            "ticket-message-created" => list.push(json!({
                "id": event.id,
                "type": "Comment",
                "audit_id": event.id,
                "author_id": event.person_id,
                "body": text(event, "body_text"),
                "html_body": text(event, "body_html"),
                "plain_body": text(event, "body_text"),
                "public": event.after.as_ref().and_then(|after| after.get("public")),
                "attachments": [],
            })),
            _ => {}
        }
    }
    let by_rule = told.and_then(via_rule);
    if let Some(via) = &by_rule {
        list.iter_mut().for_each(|event| event["via"] = via.clone());
    }
    // Quirk: what no person did, a rule or the helpdesk itself, was done by -1.
    let nobody = by_rule.as_ref().map(|_| -1);
    json!({
        "id": told.map_or(0, |event| event.id),
        "ticket_id": ticket_id,
        "created_at": format(told.map_or(now, |event| event.created_at)),
        "author_id": nobody.or_else(|| told.and_then(|event| event.person_id)),
        "metadata": { "system": {}, "custom": {} },
        "via": by_rule.unwrap_or_else(|| via("api", "api")),
        "events": list,
    })
}

/// The rule that an event was written by, as the vendor names it.
fn via_rule(event: &Event) -> Option<Value> {
    let acting = &event.data.as_ref()?["act"];
    let (id, by_time) = execute::rule_of(acting["sub"].as_str()?)?;
    Some(json!({
        "channel": "rule",
        "source": {
            "from": { "id": id, "title": acting["name"], "deleted": false, "revision_id": null },
            "to": {},
            "rel": if by_time { "automation" } else { "trigger" },
        },
    }))
}

/// A mail that a rule had sent.
fn notification(event: &Event) -> Option<Value> {
    let told = event.data.as_ref()?;
    Some(json!({
        "id": event.id,
        "type": "Notification",
        "subject": told["subject"],
        "body": told["body"],
        "recipients": told["recipients"],
    }))
}

/// An audit as the export of ticket events has it: what it tells are child events, each with its field as a key.
pub(crate) fn in_export(audit: &Value, at: Timestamp) -> Value {
    let child = |event: &Value| {
        let mut child = Map::from_iter([
            ("id".to_owned(), event["id"].clone()),
            ("via".to_owned(), json!("Web service")),
            ("via_reference_id".to_owned(), Value::Null),
            ("event_type".to_owned(), event["type"].clone()),
        ]);
        if let Some(via) = event.get("via") {
            child.insert("via".to_owned(), json!("Rule"));
            child.insert("via_reference_id".to_owned(), via["source"]["from"]["id"].clone());
        }
        match (event["type"].as_str(), event["field_name"].as_str()) {
            (Some("Comment"), _) => {
                child.insert("comment_present".to_owned(), json!(true));
                child.insert("comment_public".to_owned(), event["public"].clone());
            }
            (_, Some(field)) => {
                child.insert(field.to_owned(), event["value"].clone());
                if let Some(before) = event.get("previous_value") {
                    child.insert("previous_value".to_owned(), before.clone());
                }
            }
            _ => {}
        }
        Value::Object(child)
    };
    let children: Vec<Value> = audit["events"].as_array().into_iter().flatten().map(child).collect();
    json!({
        "id": audit["id"],
        "ticket_id": audit["ticket_id"],
        "timestamp": at.as_second(),
        "created_at": format(at),
        "updater_id": audit["author_id"],
        "via": "Web service",
        "system": audit["metadata"]["system"],
        "metadata": audit["metadata"],
        "event_type": "Audit",
        "child_events": children,
    })
}

fn text<'a>(event: &'a Event, name: &str) -> &'a str {
    event.after.as_ref().and_then(|after| after[name].as_str()).unwrap_or_default()
}

/// One entry for each field that the event tells of.
fn fields(event: &Event, kind: &str) -> Vec<Value> {
    let side = |side: &Option<Value>, name: &str| side.as_ref().and_then(|side| side.get(name)).cloned();
    let mut told = Vec::new();
    for (ours, theirs) in FIELDS {
        let Some(value) = side(&event.after, ours) else { continue };
        if kind == "Create" && value.is_null() {
            continue;
        }
        let mut entry = Map::from_iter([
            ("id".to_owned(), json!(event.id)),
            ("type".to_owned(), json!(kind)),
            ("field_name".to_owned(), json!(theirs)),
            ("value".to_owned(), in_their_words(ours, value)),
        ]);
        if kind == "Change" {
            let before = side(&event.before, ours).unwrap_or_default();
            entry.insert("previous_value".to_owned(), in_their_words(ours, before));
        }
        told.push(Value::Object(entry));
    }
    told
}

fn in_their_words(field: &str, value: Value) -> Value {
    match (field, &value) {
        ("status", Value::String(word)) => {
            helpdesk::tickets::Status::parse(word).map_or(value, |status| json!(status_word(status)))
        }
        ("tags", Value::Array(tags)) => tags.iter().map(|tag| tag.get("name").unwrap_or(tag).clone()).collect(),
        // Numbers of records are texts here.
        (_, Value::Number(number)) => json!(number.to_string()),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket_view::status_of;

    #[test]
    fn words_of_ours_are_told_in_theirs() {
        assert_eq!(in_their_words("status", json!("on_hold")), json!("hold"));
        assert!(status_of("hold").is_some());
        assert_eq!(in_their_words("assignee_user_id", json!(5)), json!("5"));
    }
}
