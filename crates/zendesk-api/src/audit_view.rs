//! An audit as the vendor shows it (Zendesk contract, `types.AuditEvent`): our events of one request, each as the entries that it is there.
//!
//! A comment's entry has the comment's id, as with the vendor; every other one a number made of our event's id and its place.

use std::collections::HashMap;

use helpdesk::events::Event;
use helpdesk::notifications;
use helpdesk::rules::execute;
use helpdesk::tickets::Status;
use helpdesk::tickets::audits::{self, Audit, REDACTED};
use helpdesk::tickets::messages::{self, Message};
use jiff::Timestamp;
use scope::permit::{CanWrite, Permit};
use scope::resource::{Access, Tickets};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::error::ZendeskError;
use crate::satisfaction_ratings::word_of_score;
use crate::ticket_view::{status_word, via};
use crate::time::format;
use crate::{Site, attachments};

/// Our names of fields in events, and the vendor's. What else the log tells of a ticket goes by our own name.
const FIELDS: &[(&str, &str)] = &[
    ("customer_id", "requester_id"),
    ("assignee_user_id", "assignee_id"),
    ("assignee_team_id", "group_id"),
    ("form_id", "ticket_form_id"),
];

/// Entries of one event, in its numbers.
const PLACES: i64 = 1_000;

/// The system, where no person acted.
const NOBODY: i64 = -1;

/// What this request did to a ticket now.
pub(crate) async fn of_request(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    site: &Site,
    now: Timestamp,
    ticket_id: i64,
) -> Result<Value, ZendeskError> {
    let audit = [audits::of_request(tx, may, now, ticket_id).await?];
    views(tx, may, site, &audit).await?.pop().ok_or_else(ZendeskError::not_found)
}

/// Audits with their comments, which are read with one statement.
pub(crate) async fn views<A: Access>(
    tx: &mut Tx,
    may: &Permit<Tickets, A>,
    site: &Site,
    audits: &[Audit],
) -> Result<Vec<Value>, ZendeskError> {
    let ids: Vec<i64> = audits.iter().flat_map(comment_ids).collect();
    let comments = comments(tx, may, &ids).await?;
    Ok(audits.iter().map(|audit| view(site, audit, &comments)).collect())
}

pub(crate) async fn comments<A: Access>(
    tx: &mut Tx,
    may: &Permit<Tickets, A>,
    ids: &[i64],
) -> Result<HashMap<i64, Message>, ZendeskError> {
    let found = messages::of_ids(tx, may, ids).await?;
    Ok(found.into_iter().map(|message| (message.id, message)).collect())
}

/// The comments that came with an audit.
pub(crate) fn comment_ids(audit: &Audit) -> impl Iterator<Item = i64> {
    audit.events.iter().filter(|event| event.kind == "ticket-message-created").map(|event| event.object_id)
}

pub(crate) fn view(site: &Site, audit: &Audit, comments: &HashMap<i64, Message>) -> Value {
    let by_rule = audit.events.first().and_then(via_rule);
    let mut events = entries(site, audit, comments);
    if let Some(via) = &by_rule {
        events.iter_mut().for_each(|event| event["via"] = via.clone());
    }
    // Quirk: what no person did, a rule or the helpdesk itself, was done by -1.
    let author = if by_rule.is_some() { None } else { audit.person_id };
    json!({
        "id": audit.id,
        "ticket_id": audit.ticket_id,
        "created_at": format(audit.created_at),
        "author_id": author.unwrap_or(NOBODY),
        "metadata": {
            "system": { "client": audit.app, "ip_address": null, "location": null, "latitude": null, "longitude": null },
            "custom": {},
        },
        "via": by_rule.unwrap_or_else(|| via_of(audit, comments)),
        "events": events,
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
fn notification(event: &Event) -> Value {
    let told = |name: &str| event.data.as_ref().map_or(Value::Null, |data| data[name].clone());
    json!({ "type": "Notification", "subject": told("subject"), "body": told("body"), "recipients": told("recipients") })
}

/// How the comment came, else whether an app or a page was used.
fn via_of(audit: &Audit, comments: &HashMap<i64, Message>) -> Value {
    if audit.worker.is_some() {
        return via("system", "system");
    }
    if let Some(comment) = comment_ids(audit).find_map(|id| comments.get(&id)) {
        return via(&comment.channel, &comment.via);
    }
    let word = if audit.app.is_some() { "api" } else { "web" };
    via(word, word)
}

fn entries(site: &Site, audit: &Audit, comments: &HashMap<i64, Message>) -> Vec<Value> {
    // What a change tells is not told again by the turn that follows from it.
    let told = |event: &Event| {
        event.kind == "ticket-updated" || !audit.events.iter().any(|other| other.kind == "ticket-updated")
    };
    let mut list: Vec<Value> = Vec::new();
    for event in &audit.events {
        let place = list.len();
        match event.kind.as_str() {
            "ticket-created" => list.extend(fields(event, "Create")),
            "ticket-updated" | "ticket-tags-added" | "ticket-tags-removed" => list.extend(fields(event, "Change")),
            "ticket-unassigned" | "ticket-team-unassigned" if told(event) => list.extend(fields(event, "Change")),
            "ticket-message-created" => list.extend(comment(site, audit, event, comments.get(&event.object_id))),
            notifications::EVENT => list.push(notification(event)),
            "ticket-message-updated" => list.push(of_message(event)),
            "ticket-message-failed" => list.push(json!({ "type": "Error", "message": failure(event) })),
            "satisfaction-survey-responded" => list.push(rating(event)),
            _ => {}
        }
        for (n, entry) in (0..PLACES).zip(list.iter_mut().skip(place)) {
            if entry["id"].is_null() {
                entry["id"] = json!(event.id * PLACES + n);
            }
        }
    }
    list
}

/// The comment, and the macros that it was made with.
fn comment(site: &Site, audit: &Audit, event: &Event, message: Option<&Message>) -> Vec<Value> {
    let text = message.and_then(|message| message.body_text.as_deref()).unwrap_or_default();
    let public = message.map(|message| message.public);
    let mut entry = json!({
        "id": event.object_id,
        "type": type_of(message),
        "audit_id": audit.id,
        "author_id": message.map(|message| message.sender.id).or(event.person_id).unwrap_or(NOBODY),
        "body": text,
        "html_body": message.and_then(|message| message.body_html.as_deref()).unwrap_or_default(),
        "plain_body": text,
        "public": public.map_or_else(|| after(event, "public").clone(), |public| json!(public)),
        "attachments": message.map_or_else(Vec::new, |message| attachments::views(site, message)),
    });
    if let (Value::Object(entry), Some(voice)) = (&mut entry, message.and_then(voice)) {
        entry.extend(voice);
    }
    let used = message.and_then(|message| message.macros.as_ref());
    let used: Vec<Value> = used.and_then(|used| serde_json::from_str(used.get()).ok()).unwrap_or_default();
    let reference = |used: &Value| {
        let id = used["id"].as_i64()?;
        Some(json!({ "type": "AgentMacroReference", "macro_id": id.to_string(), "macro_title": used["name"] }))
    };
    let references: Vec<Value> = used.iter().filter_map(reference).collect();
    std::iter::once(entry).chain(references).collect()
}

/// `Comment`, or what was said on the telephone.
pub(crate) fn type_of(message: Option<&Message>) -> &'static str {
    if message.is_some_and(|message| message.channel == "phone") { "VoiceComment" } else { "Comment" }
}

/// What a comment has that was said on the telephone.
pub(crate) fn voice(message: &Message) -> Option<Map<String, Value>> {
    if message.channel != "phone" {
        return None;
    }
    let source: Value = message.source.as_ref().and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default();
    let (from, to) = (source["from"]["address"].clone(), source["to"][0]["address"].clone());
    Some(Map::from_iter([
        ("data".to_owned(), json!({ "from": from, "to": to, "started_at": format(message.created_at) })),
        ("formatted_from".to_owned(), json!(from.as_str().unwrap_or_default())),
        ("formatted_to".to_owned(), json!(to.as_str().unwrap_or_default())),
    ]))
}

/// A comment that was made private or unreadable.
fn of_message(event: &Event) -> Value {
    let data = |name: &str| event.data.as_ref().map_or(Value::Null, |data| data[name].clone());
    match data(REDACTED).as_str() {
        Some("attachment") => json!({
            "type": "AttachmentRedactionEvent", "comment_id": event.object_id,
            "attachment_id": attachments::id_of(event.object_id, data("place").as_i64().unwrap_or_default(), data("file_id").as_i64()),
        }),
        Some(_) => {
            json!({ "type": "CommentRedactionEvent", "comment_id": event.object_id, "user_id": event.person_id })
        }
        None => json!({
            "type": "CommentPrivacyChange", "comment_id": event.object_id, "public": after(event, "public"),
        }),
    }
}

fn failure(event: &Event) -> String {
    let error = after(event, "last_sending_error");
    let text = error["error"].as_str().or(error["message"].as_str());
    text.unwrap_or("The message could not be sent.").to_owned()
}

fn rating(event: &Event) -> Value {
    let score = event.data.as_ref().and_then(|data| data["score"].as_i64());
    json!({
        "type": "SatisfactionRating", "score": score.map(word_of_score), "assignee_id": null, "body": after(event, "body_text"),
    })
}

fn after<'a>(event: &'a Event, name: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    event.after.as_ref().and_then(|after| after.get(name)).unwrap_or(&NOTHING)
}

/// One entry for each field that the event tells of.
fn fields(event: &Event, kind: &str) -> Vec<Value> {
    let side = |side: &Option<Value>, name: &str| side.as_ref().and_then(|side| side.get(name)).cloned();
    let mut told = Vec::new();
    let mut tell = |name: &str, value: Value, before: Value| {
        if kind == "Create" {
            if !value.is_null() {
                told.push(json!({ "type": kind, "field_name": name, "value": value }));
            }
        } else {
            told.push(json!({ "type": kind, "field_name": name, "value": value, "previous_value": before }));
        }
    };
    let mut people = Vec::new();
    for ours in audits::TOLD {
        let Some(value) = side(&event.after, ours) else { continue };
        let before = side(&event.before, ours).unwrap_or_default();
        match *ours {
            "custom_fields" => {
                for (id, value) in value.as_object().into_iter().flatten() {
                    tell(id, value.clone(), before[id].clone());
                }
            }
            "cc_ids" => people.push(("EmailCcChange", value, before)),
            "follower_ids" => people.push(("FollowerChange", value, before)),
            // What lies in the trash is deleted there.
            "trashed_at" if kind == "Create" && value.is_null() => {}
            "trashed_at" => {
                let word = |at: &Value| if at.is_null() { Value::Null } else { json!("deleted") };
                tell("status", word(&value), word(&before));
            }
            "spam" | "snoozed_until" if kind == "Create" => {}
            name => {
                let theirs = FIELDS.iter().find(|(known, _)| *known == name).map_or(name, |(_, theirs)| theirs);
                tell(theirs, in_their_words(name, value), in_their_words(name, before));
            }
        }
    }
    for (kind, value, before) in people {
        if kind == "EmailCcChange" {
            let known = before.as_array();
            let new = value.as_array().into_iter().flatten().filter(|id| known.is_none_or(|known| !known.contains(id)));
            let new: Vec<&Value> = new.collect();
            if !new.is_empty() {
                told.push(json!({ "type": "Cc", "recipients": new }));
            }
        }
        told.push(json!({ "type": kind, "value_previous": before, "value": value }));
    }
    told
}

fn in_their_words(field: &str, value: Value) -> Value {
    match (field, &value) {
        ("status", Value::String(word)) => Status::parse(word).map_or(value, |status| json!(status_word(status))),
        ("tags", Value::Array(tags)) => tags.iter().map(|tag| tag.get("name").unwrap_or(tag).clone()).collect(),
        // Numbers of records are texts here.
        (_, Value::Number(number)) => json!(number.to_string()),
        _ => value,
    }
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
            (Some("Comment" | "VoiceComment"), _) => {
                child.insert("comment_present".to_owned(), json!(true));
                child.insert("comment_public".to_owned(), event["public"].clone());
            }
            (_, Some(field)) => {
                child.insert(field.to_owned(), event["value"].clone());
                if let Some(before) = event.get("previous_value") {
                    child.insert("previous_value".to_owned(), before.clone());
                }
            }
            _ => {
                let object = event.as_object().into_iter().flatten();
                let rest = object.filter(|(key, _)| !matches!(key.as_str(), "id" | "type" | "via"));
                child.extend(rest.map(|(key, value)| (key.clone(), value.clone())));
            }
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
