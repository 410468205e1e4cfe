//! `/api/messages` and `/api/tickets/{ticket_id}/messages` (Gorgias contract, `resources.messages`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, Later, May};
use helpdesk::tickets;
use helpdesk::tickets::list::Direction;
use helpdesk::tickets::message_actions::{Brought, OnFailure, Reach, Step};
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::message_write::{self, MessageUpdate};
use helpdesk::tickets::messages::{self, Message};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Customers, SatisfactionSurveys, Tickets, Write};
use serde_json::{Map, Value, json};
use store::transact;

use crate::error::GorgiasError;
use crate::fields::{Body, Fields, ID_MAX, Sent};
use crate::message_view::MessageView;
use crate::page::Asked;
use crate::query::Params;
use crate::{Id, Pair, answer, macro_actions, person_ref};

const ORDERS: &[&str] = &["created_datetime:desc", "created_datetime:asc"];
const ACTIONS: &[&str] = &["force", "retry", "cancel"];

/// Longest body, in characters. The limit of the request's size is met first.
const BODY_MAX_CHARS: usize = 50_000_000;
const SUBJECT_MAX_CHARS: usize = 998;
/// Longest text that has no limit of its own in the contract.
const TEXT_MAX_CHARS: usize = 65_536;
const WORD_MAX_CHARS: usize = 64;
const LIST_MAX: usize = 1_000;

/// `GET /api/messages`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    mut params: Params,
) -> Result<Response, GorgiasError> {
    let asked = Asked::read(&mut params, "messages", ORDERS)?;
    let ticket_id = params.id("ticket_id");
    params.finish()?;
    let mut tx = app.db.read().await?;
    let page = messages::list(&mut tx, &may, ticket_id, direction(&asked), &asked.slice).await?;
    Ok(asked.answer(&page, MessageView))
}

/// `GET /api/tickets/{ticket_id}/messages`
pub async fn list_of_ticket(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(ticket_id): Id,
    mut params: Params,
) -> Result<Response, GorgiasError> {
    let asked = Asked::read(&mut params, "ticket messages", ORDERS)?;
    params.finish()?;
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, ticket_id).await?;
    let page = messages::list(&mut tx, &may, Some(ticket_id), direction(&asked), &asked.slice).await?;
    Ok(asked.answer(&page, MessageView))
}

/// `GET /api/tickets/{ticket_id}/messages/{id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Pair(ticket_id, id): Pair,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut tx = app.db.read().await?;
    let message = messages::find(&mut tx, &may, ticket_id, id).await?;
    Ok(answer(StatusCode::OK, &MessageView(&message)))
}

/// `POST /api/tickets/{ticket_id}/messages`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    later: Later,
    Id(ticket_id): Id,
    mut params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    let action = params.one_of("action", ACTIONS);
    params.finish()?;
    let mut fields = body.fields()?;
    let mut new = read_message(&mut fields);
    new.brought.on_failure = on_failure(action);
    new.brought.reach = reach(&later);
    // Ours: the newest message that the writer had seen. A reply to an older state of the conversation is refused.
    new.last_seen_id = fields.id_or_null("last_message_id").value();
    fields.finish()?;
    let now = app.clock.now();
    let message = transact!(app.db, |tx| {
        let id = message_write::create(tx, &may, now, ticket_id, new.clone()).await?;
        messages::written(tx, &may, ticket_id, id).await
    })?;
    Ok(answer(StatusCode::CREATED, &MessageView(&message)))
}

/// `PUT /api/tickets/{ticket_id}/messages/{id}`: 202, since what follows from it may take a while.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    later: Later,
    Pair(ticket_id, id): Pair,
    mut params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    let action = params.one_of("action", ACTIONS);
    params.finish()?;
    let mut fields = body.fields()?;
    let update = read_update(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let message = transact!(app.db, |tx| {
        message_write::update(tx, &may, now, (ticket_id, id), update.clone()).await?;
        match action {
            Some("retry") => {
                let message = messages::written(tx, &may, ticket_id, id).await?;
                message_write::retry(tx, &may, now, (ticket_id, id), (failed_steps(&message), reach(&later))).await?;
            }
            Some("force") => message_write::force(tx, &may, now, ticket_id, id).await?,
            _ => {}
        }
        let message = messages::written(tx, &may, ticket_id, id).await?;
        if action == Some("cancel") {
            message_write::cancel(tx, &may, now, ticket_id, id).await?;
        }
        Ok::<_, helpdesk::Error>(message)
    })?;
    Ok(answer(StatusCode::ACCEPTED, &MessageView(&message)))
}

/// `DELETE /api/tickets/{ticket_id}/messages/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Pair(ticket_id, id): Pair,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| message_write::delete(tx, &may, now, ticket_id, id).await)?;
    Ok(crate::empty(StatusCode::NO_CONTENT))
}

/// What actions of a message may do besides changing its ticket.
pub(crate) fn reach(later: &Later) -> Reach {
    Reach { customers: later.may::<Customers, Write>(), surveys: later.may::<SatisfactionSurveys, Write>() }
}

fn on_failure(action: Option<&str>) -> OnFailure {
    match action {
        Some("force") => OnFailure::GoOn,
        Some("cancel") => OnFailure::Refuse,
        _ => OnFailure::Hold,
    }
}

/// Macros and actions of a message of ours that is sent now. One that was sent before, or elsewhere, only tells of them.
fn read_brought(fields: &mut Fields, sent: &MessageUpdate) -> Brought {
    let is_told =
        sent.imported == Some(true) || sent.sent_at.flatten().is_some() || sent.deleted_at.flatten().is_some();
    if sent.from_agent != Some(true) || is_told {
        return Brought::default();
    }
    let list = |list: &Option<Option<Value>>| match list {
        Some(Some(Value::Array(items))) => items.clone(),
        _ => Vec::new(),
    };
    let macro_ids = list(&sent.macros).iter().filter_map(|used| used.get("id").and_then(Value::as_i64)).collect();
    let mut steps = Vec::new();
    for (at, source) in list(&sent.actions).into_iter().enumerate() {
        match macro_actions::parse(&source) {
            Ok(action) => steps.push(Step { source, action }),
            Err(problem) => fields.problem(&format!("actions.{at}.arguments"), problem),
        }
    }
    Brought { macro_ids, steps, ..Brought::default() }
}

/// The actions of a message that could not be taken, with their places.
fn failed_steps(message: &Message) -> Vec<(usize, Step)> {
    let stored = message.actions.as_ref().and_then(|actions| serde_json::from_str(actions.get()).ok());
    let stored: Vec<Value> = stored.unwrap_or_default();
    let failed = stored.into_iter().enumerate().filter(|(_, source)| source["status"] == "error");
    failed
        .filter_map(|(at, source)| macro_actions::parse(&source).ok().map(|action| (at, Step { source, action })))
        .collect()
}

fn direction(asked: &Asked) -> Direction {
    if asked.is_descending() { Direction::Descending } else { Direction::Ascending }
}

/// `MessageInput`, also as an item of a new ticket's `messages`.
pub(crate) fn read_message(fields: &mut Fields) -> NewMessage {
    fields.require("from_agent");
    fields.require("channel");
    let update = read_sent(fields);
    let brought = read_brought(fields, &update);
    NewMessage {
        brought,
        last_seen_id: None,
        channel: update.channel.unwrap_or_default(),
        via: update.via.unwrap_or_else(|| messages::API.to_owned()),
        from_agent: update.from_agent.unwrap_or_default(),
        public: update.public,
        sender: update.sender,
        receiver: update.receiver.flatten(),
        source: update.source.flatten(),
        integration_id: update.integration_id.flatten(),
        subject: update.subject.flatten(),
        body_text: update.body_text.flatten(),
        body_html: update.body_html.flatten(),
        stripped_text: update.stripped_text.flatten(),
        stripped_html: update.stripped_html.flatten(),
        stripped_signature: update.stripped_signature.flatten(),
        attachments: update.attachments.flatten(),
        macros: update.macros.flatten(),
        actions: update.actions.flatten(),
        headers: update.headers.flatten(),
        mention_ids: update.mention_ids.flatten(),
        meta: update.meta.flatten(),
        last_sending_error: update.last_sending_error.flatten(),
        message_id: update.message_id.flatten(),
        external_id: update.external_id.flatten(),
        imported: update.imported.unwrap_or_default(),
        created_at: update.created_at,
        sent_at: update.sent_at.flatten(),
        failed_at: update.failed_at.flatten(),
        opened_at: update.opened_at.flatten(),
        deleted_at: update.deleted_at.flatten(),
    }
}

/// `channel` and `from_agent` are required here too.
fn read_update(fields: &mut Fields) -> MessageUpdate {
    fields.require("from_agent");
    fields.require("channel");
    read_sent(fields)
}

/// What was sent. Empty lists of files and macros and empty headers are stored as none, as they are shown.
fn read_sent(fields: &mut Fields) -> MessageUpdate {
    MessageUpdate {
        channel: fields.text_within("channel", 1, WORD_MAX_CHARS),
        via: fields.text_within("via", 1, WORD_MAX_CHARS),
        from_agent: fields.flag("from_agent"),
        public: fields.flag("public"),
        sender: fields.nested("sender", person_ref::read).value(),
        receiver: fields.nested("receiver", person_ref::read).change(),
        source: fields.nested("source", read_source).change(),
        integration_id: fields.integer_or_null("integration_id", 1, ID_MAX).change(),
        subject: fields.text_or_null("subject", SUBJECT_MAX_CHARS).change(),
        body_text: fields.text_or_null("body_text", BODY_MAX_CHARS).change(),
        body_html: fields.text_or_null("body_html", BODY_MAX_CHARS).change(),
        stripped_text: fields.text_or_null("stripped_text", BODY_MAX_CHARS).change(),
        stripped_html: fields.text_or_null("stripped_html", BODY_MAX_CHARS).change(),
        stripped_signature: fields.text_or_null("stripped_signature", TEXT_MAX_CHARS).change(),
        attachments: fields
            .each_or_null("attachments", LIST_MAX, read_attachment)
            .change()
            .map(|items| items.filter(|items| !items.is_empty()).map(Value::Array)),
        macros: fields
            .each_or_null("macros", LIST_MAX, read_macro)
            .change()
            .map(|items| items.filter(|items| !items.is_empty()).map(Value::Array)),
        actions: fields.each_or_null("actions", LIST_MAX, read_action).map(Value::Array).change(),
        headers: fields
            .object_or_null("headers")
            .change()
            .map(|headers| headers.filter(|headers| *headers != json!({}))),
        mention_ids: fields.ids_or_null("mention_ids", LIST_MAX).map(|ids| json!(ids)).change(),
        meta: fields.object_or_null("meta").change(),
        last_sending_error: fields.object_or_null("last_sending_error").change(),
        message_id: fields.text_or_null("message_id", SUBJECT_MAX_CHARS).change(),
        external_id: fields.text_or_null("external_id", 255).change(),
        imported: fields.flag("imported"),
        created_at: fields.time_or_null("created_datetime").value(),
        sent_at: fields.time_or_null("sent_datetime").change(),
        failed_at: fields.time_or_null("failed_datetime").change(),
        opened_at: fields.time_or_null("opened_datetime").change(),
        deleted_at: fields.time_or_null("deleted_datetime").change(),
    }
}

/// `MessageSource`, with the keys that were sent; `type`, `from` and `to` are always there.
fn read_source(fields: &mut Fields) -> Value {
    let mut source = Map::new();
    source.insert("type".to_owned(), json!(fields.required_text("type", 1, WORD_MAX_CHARS)));
    source.insert("from".to_owned(), fields.nested("from", read_address).value().unwrap_or_default());
    let to = fields.each_or_null("to", LIST_MAX, read_address).value().unwrap_or_default();
    source.insert("to".to_owned(), Value::Array(to));
    for key in ["cc", "bcc"] {
        if let Sent::Value(list) = fields.each_or_null(key, LIST_MAX, read_address) {
            source.insert(key.to_owned(), Value::Array(list));
        }
    }
    if let Sent::Value(extra) = fields.object_or_null("extra") {
        source.insert("extra".to_owned(), extra);
    }
    Value::Object(source)
}

fn read_address(fields: &mut Fields) -> Value {
    let address = fields.required_text("address", 1, TEXT_MAX_CHARS);
    json!({ "name": fields.text_or_null("name", TEXT_MAX_CHARS).value(), "address": address })
}

/// `Attachment`. What is not sent of a file is guessed from its address.
fn read_attachment(fields: &mut Fields) -> Value {
    let url = fields.required_text("url", 1, TEXT_MAX_CHARS);
    let last = url.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    json!({
        "url": url,
        "name": fields.text_within("name", 1, 1024).unwrap_or_else(|| last.to_owned()),
        "content_type": fields.text_within("content_type", 1, 255).unwrap_or_else(|| "application/octet-stream".to_owned()),
        "size": fields.integer_or_null("size", 0, ID_MAX).value(),
        "public": fields.flag("public").unwrap_or(true),
        "extra": fields.object_or_null("extra").value(),
    })
}

fn read_macro(fields: &mut Fields) -> Value {
    json!({ "id": fields.id_or_null("id").value() })
}

/// `MacroAction`: a missing title is refused.
fn read_action(fields: &mut Fields) -> Value {
    fields.require("arguments");
    let mut action = json!({
        "name": fields.required_text("name", 1, 255),
        "title": fields.required_text("title", 1, 1024),
        "type": fields.one_of("type", &["user", "system"]).unwrap_or("user"),
        "description": fields.text_or_null("description", TEXT_MAX_CHARS).value(),
        "arguments": fields.object_or_null("arguments").value().unwrap_or_else(|| json!({})),
    });
    // What came of it, as it was shown, or as it is told by an import.
    for (key, value) in [
        ("status", fields.text_or_null("status", WORD_MAX_CHARS).value().map(Value::String)),
        ("response", fields.json("response").value()),
    ] {
        if let Some(value) = value {
            action[key] = value;
        }
    }
    action
}
