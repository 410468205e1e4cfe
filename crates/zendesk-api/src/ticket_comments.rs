//! `/api/v2/tickets/{ticket_id}/comments` (Zendesk contract, `resources.ticket_comments`). A comment is written with its ticket.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::tickets::list::Direction;
use helpdesk::tickets::message_write::{self, MessageUpdate};
use helpdesk::tickets::messages::{self, INTERNAL_NOTE, Message};
use helpdesk::tickets::{self, audits, redaction};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::Asked;
use crate::query::Params;
use crate::sideload::Beside;
use crate::ticket_view::via;
use crate::time::format;
use crate::{Id, Pair, Site, attachments, audit_view};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/tickets/{ticket_id}/comments", list)
        .get("/api/v2/tickets/{ticket_id}/comments/count", count)
        .put("/api/v2/tickets/{ticket_id}/comments/{ticket_comment_id}/make_private", make_private)
        .put("/api/v2/tickets/{ticket_id}/comments/{ticket_comment_id}/redact", redact)
}

const TEXT_MAX_CHARS: usize = 65_536;

/// `GET /api/v2/tickets/{ticket_id}/comments`: the oldest first, unless told.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let asked = Asked::read(&params, "comments", &["created_at"])?;
    let direction = if asked.descending { Direction::Descending } else { Direction::Ascending };
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, id).await?;
    let page = messages::list(&mut tx, &may, Some(id), direction, &asked.slice).await?;
    let ids: Vec<i64> = page.items.iter().map(|message| message.id).collect();
    let audits = audits::of_messages(&mut tx, &may, &ids).await?;
    let mut beside = Beside::of(&params);
    beside.users(page.items.iter().map(|message| message.sender.id));
    let audit = |id| audits.get(&id).copied().unwrap_or(id);
    let mut body = asked.body("comments", page, |message| view(&params.site, &message, audit(message.id)));
    if let Some(comments) = body.get_mut("comments") {
        attachments::sign_all(&app, comments);
    }
    beside.load(&mut tx, &may, &params.site, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/tickets/{ticket_id}/comments/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let found = tickets::list::of_ids(&mut tx, &may, &[id]).await?;
    let ticket = found.first().ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::count(ticket.ticket.messages_count, app.clock.now()))
}

/// `PUT /api/v2/tickets/{ticket_id}/comments/{ticket_comment_id}/make_private`
pub async fn make_private(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Pair(ticket_id, id): Pair,
) -> Answer {
    let now = app.clock.now();
    let update =
        MessageUpdate { public: Some(false), channel: Some(INTERNAL_NOTE.to_owned()), ..MessageUpdate::default() };
    transact!(app.db, |tx| message_write::update(tx, &may, now, (ticket_id, id), update.clone()).await)?;
    Ok(Reply::ok(json!({})))
}

/// `PUT /api/v2/tickets/{ticket_id}/comments/{ticket_comment_id}/redact`: a text is made unreadable, for good.
pub async fn redact(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Pair(ticket_id, id): Pair,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    fields.require("text");
    let text = fields.some_text("text", TEXT_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    let texts = [text];
    transact!(app.db, |tx| {
        redaction::texts(tx, &may, now, (ticket_id, id), ("text", &texts)).await?;
        let message = messages::written(tx, &may, ticket_id, id).await?;
        let audits = audits::of_messages(tx, &may, &[id]).await?;
        let audit_id = audits.get(&id).copied().unwrap_or(id);
        Ok::<_, ZendeskError>(Reply::one("comment", view(&params.site, &message, audit_id)))
    })
}

pub(crate) fn view(site: &Site, message: &Message, audit_id: i64) -> Value {
    let text = message.body_text.as_deref().unwrap_or_default();
    let mut view = json!({
        "id": message.id,
        "type": audit_view::type_of(Some(message)),
        "author_id": message.sender.id,
        "body": text,
        "html_body": message.body_html.as_deref().unwrap_or_default(),
        "plain_body": text,
        "public": message.public,
        "attachments": attachments::views(site, message),
        "audit_id": audit_id,
        "via": via(&message.channel, &message.via),
        "created_at": format(message.created_at),
        "metadata": {
            "system": { "client": null, "ip_address": null, "location": null, "latitude": null, "longitude": null },
            "custom": {},
            "flags": [],
            "flags_options": {},
        },
    });
    if let (Value::Object(view), Some(voice)) = (&mut view, audit_view::voice(message)) {
        view.extend(voice);
    }
    view
}
