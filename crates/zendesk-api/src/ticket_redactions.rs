//! Making comments and chats unreadable where several things are named at once, and the whole conversation as one log (Zendesk contract,
//! `resources.ticket_comments`). One text of one comment: `ticket_comments.rs`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::page::Slice;
use helpdesk::tickets::list::Direction;
use helpdesk::tickets::messages::{self, Message};
use helpdesk::tickets::redaction;
use helpdesk::tickets::{self, audits};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site, attachments, audit_view, ticket_comments};

pub fn routes(routes: Routes) -> Routes {
    routes
        .put("/api/v2/comment_redactions/{ticket_comment_id}", redact_comment)
        .put("/api/v2/chat_redactions/{ticket_id}", redact_chat)
        .put("/api/v2/chat_file_redactions/{ticket_id}", redact_chat_files)
        .get("/api/v2/tickets/{ticket_id}/conversation_log", list_log)
}

const HTML_MAX_CHARS: usize = 200_000;
const TEXT_MAX_CHARS: usize = 65_536;
const URL_MAX_CHARS: usize = 4_096;
const OPEN: &str = "<redact>";
const CLOSE: &str = "</redact>";

/// `PUT /api/v2/comment_redactions/{ticket_comment_id}`: what stands between `<redact>` and `</redact>`, and attachments by their addresses.
pub async fn redact_comment(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    let ticket_id = fields.required_id("ticket_id");
    let html = fields.some_text("html_body", HTML_MAX_CHARS).unwrap_or_default();
    let texts = tagged(&html);
    let mut urls = fields.texts("external_attachment_urls", URL_MAX_CHARS).unwrap_or_default();
    urls.extend(fields.texts("inline_attachment_urls", URL_MAX_CHARS).unwrap_or_default());
    if texts.is_empty() && urls.is_empty() {
        fields.problem("html_body", "has nothing between <redact> and </redact>");
    }
    fields.finish()?;
    let now = app.clock.now();
    let mut shown = transact!(app.db, |tx| {
        let message = messages::written(tx, &may, ticket_id, id).await?;
        for url in &urls {
            let views = attachments::views(&params.site, &message);
            let found = views.iter().find(|view| is_same(view, url)).and_then(|view| view["id"].as_i64());
            let found =
                found.ok_or_else(|| ZendeskError::invalid("external_attachment_urls", "is not in the comment"))?;
            let place = ((ticket_id, id), attachments::place_of(found));
            redaction::attachment_of_message(tx, &may, now, place).await?;
        }
        if !texts.is_empty() {
            redaction::texts(tx, &may, now, (ticket_id, id), ("html_body", &texts)).await?;
        }
        let message = messages::written(tx, &may, ticket_id, id).await?;
        let audit_id = audits::of_messages(tx, &may, &[id]).await?.remove(&id).unwrap_or(id);
        Ok::<_, ZendeskError>(ticket_comments::view(&params.site, &message, audit_id))
    })?;
    attachments::sign_all(&app, &mut shown);
    Ok(Reply::one("comment", shown))
}

/// The texts that are marked, without tags.
fn tagged(html: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for piece in html.split(OPEN).skip(1) {
        let inner = piece.split(CLOSE).next().unwrap_or_default();
        let text = helpdesk::tickets::bodies::text_of_html(inner);
        if !text.trim().is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// Whether an attachment is at this address, however it was signed.
fn is_same(view: &Value, url: &str) -> bool {
    let address = view["content_url"].as_str().unwrap_or_default();
    // Key and name of ours; a token begins with the key.
    let ours = address.split_once("/attachments/").and_then(|(_, rest)| rest.split('/').next());
    address == url || ours.is_some_and(|key| url.contains("/attachments/") && url.contains(key))
}

/// `PUT /api/v2/chat_redactions/{ticket_id}`: a text of one message of a chat.
pub async fn redact_chat(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    fields.pass(&["chat_id"]);
    fields.require("text");
    let text = fields.some_text("text", TEXT_MAX_CHARS).unwrap_or_default();
    let index = fields.integer("chat_index").flatten();
    let message_id = fields.id("message_id").flatten();
    if index.is_none() && message_id.is_none() {
        fields.require("chat_index");
    }
    fields.finish()?;
    let now = app.clock.now();
    let texts = [text];
    let shown = transact!(app.db, |tx| {
        let chat = chat_of(tx, &may, ticket_id).await?;
        let id = named(&chat, index, message_id).ok_or_else(ZendeskError::not_found)?;
        redaction::texts(tx, &may, now, (ticket_id, id), ("text", &texts)).await?;
        Ok::<_, ZendeskError>(chat_event(&params.site, &chat_of(tx, &may, ticket_id).await?))
    })?;
    Ok(Reply::one("chat_event", shown))
}

/// `PUT /api/v2/chat_file_redactions/{ticket_id}`: all files of some messages of a chat.
pub async fn redact_chat_files(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    fields.pass(&["chat_id"]);
    let indexes = fields.ids("chat_indexes").unwrap_or_default();
    let message_ids = fields.ids("message_ids").unwrap_or_default();
    if indexes.is_empty() && message_ids.is_empty() {
        fields.require("chat_indexes");
    }
    fields.finish()?;
    let now = app.clock.now();
    let shown = transact!(app.db, |tx| {
        let chat = chat_of(tx, &may, ticket_id).await?;
        let by_index = indexes.iter().map(|index| named(&chat, Some(*index), None));
        let by_id = message_ids.iter().map(|id| named(&chat, None, Some(*id)));
        let ids: Option<Vec<i64>> = by_index.chain(by_id).collect();
        for id in ids.ok_or_else(ZendeskError::not_found)? {
            let message = messages::written(tx, &may, ticket_id, id).await?;
            for view in attachments::views(&params.site, &message) {
                let place = attachments::place_of(view["id"].as_i64().unwrap_or_default());
                redaction::attachment_of_message(tx, &may, now, ((ticket_id, id), place)).await?;
            }
        }
        Ok::<_, ZendeskError>(chat_event(&params.site, &chat_of(tx, &may, ticket_id).await?))
    })?;
    Ok(Reply::one("chat_event", shown))
}

/// Messages of a chat that one call looks at: the first of them.
const CHAT_MAX: usize = 500;

async fn chat_of(tx: &mut Tx, may: &CanWrite<Tickets>, ticket_id: i64) -> Result<Vec<Message>, ZendeskError> {
    let slice = Slice { limit: CHAT_MAX, from: None };
    let mut all = messages::list_written(tx, may, ticket_id, Direction::Ascending, &slice).await?.items;
    all.retain(|message| message.channel.contains("chat"));
    if all.is_empty() { Err(ZendeskError::not_found()) } else { Ok(all) }
}

fn named(chat: &[Message], index: Option<i64>, id: Option<i64>) -> Option<i64> {
    let by_index = index.and_then(|index| chat.get(usize::try_from(index).ok()?)).map(|message| message.id);
    by_index.or_else(|| chat.iter().find(|message| Some(message.id) == id).map(|message| message.id))
}

/// A chat as one event with its history.
fn chat_event(site: &Site, chat: &[Message]) -> Value {
    let one = |(index, message): (usize, &Message)| {
        json!({
            "chat_index": index,
            "message_id": message.id.to_string(),
            "type": "ChatMessage",
            "actor_id": message.sender.id,
            "actor_type": if message.from_agent { "agent" } else { "end-user" },
            "message": message.body_text.as_deref().unwrap_or_default(),
            "attachments": attachments::views(site, message),
            "timestamp": format(message.created_at),
        })
    };
    let history: Vec<Value> = chat.iter().enumerate().map(one).collect();
    json!({
        "id": chat.first().map(|message| message.id),
        "type": "ChatStartedEvent",
        "ticket_id": chat.first().map(|message| message.ticket_id),
        "value": { "chat_id": chat.first().map(|message| message.ticket_id.to_string()), "history": history },
    })
}

/// `GET /api/v2/tickets/{ticket_id}/conversation_log`: comments and changes in one line, the oldest first. A page is of so many audits.
pub async fn list_log(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let asked = Asked::read_in(&params, "conversation log", &["created_at"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, id).await?;
    let page = audits::of_ticket(&mut tx, &may, id, asked.descending, &asked.slice).await?;
    let audits = audit_view::views(&mut tx, &may, &params.site, &page.items).await?;
    let mut log: Vec<Value> = Vec::new();
    for audit in audits {
        let own = Map::from_iter([
            ("audit_id".to_owned(), audit["id"].clone()),
            ("author_id".to_owned(), audit["author_id"].clone()),
            ("via".to_owned(), audit["via"].clone()),
            ("created_at".to_owned(), audit["created_at"].clone()),
        ]);
        for entry in audit["events"].as_array().into_iter().flatten() {
            let mut entry = entry.clone();
            if let Value::Object(entry) = &mut entry {
                for (key, value) in &own {
                    entry.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            log.push(entry);
        }
    }
    log.iter_mut().for_each(|entry| attachments::sign_all(&app, entry));
    let body = asked.around("conversation_log", log, (page.before, page.after, None));
    Ok(Reply::ok(Value::Object(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_read_without_its_tags() {
        let html = "<p>My card is <redact>4111 <b>1111</b></redact> &amp; <redact>A&amp;B</redact>, <redact>4111 1111</redact></p>";

        assert_eq!(tagged(html), ["4111 1111", "A&B"]);
        assert!(tagged("<p>nothing</p>").is_empty());
    }
}
