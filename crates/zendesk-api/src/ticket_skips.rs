//! `/api/v2/skips`, and finding a ticket by its conversation (Zendesk contract, `resources.tickets`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::tickets::list::{self, Direction, Filter, Sort};
use helpdesk::tickets::skips::{self, REASON_MAX_CHARS, Skip, Which};
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Tickets};
use serde_json::{Value, json};
use store::Tx;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::sideload::Beside;
use crate::time::format;
use crate::{Id, Site, Word, ticket_view, tickets};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/skips", list_all)
        .post("/api/v2/skips", create)
        .get("/api/v2/tickets/{ticket_id}/skips", list_of_ticket)
        .get("/api/v2/users/{user_id}/skips", list_of_user)
        .get("/api/v2/ticket_content_pins", list_pins)
        .get("/api/v2/tickets/messaging/conversations/{conversation_id}/ticket", show_by_conversation)
}

/// `GET /api/v2/skips`
pub async fn list_all(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    list_by(&app, &may, &params, ("skips", Which::All)).await
}

/// `GET /api/v2/tickets/{ticket_id}/skips`
pub async fn list_of_ticket(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    skips::must_be_there(&mut app.db.read().await?, &may, id).await?;
    list_by(&app, &may, &params, ("ticket skips", Which::OfTicket(id))).await
}

/// `GET /api/v2/users/{user_id}/skips`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, ("user skips", Which::OfPerson(id))).await
}

async fn list_by(app: &App, may: &CanRead<Tickets>, params: &Params, (list, which): (&'static str, Which)) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = skips::list(&mut tx, may, which, asked.descending, &asked.slice).await?;
    let ids: Vec<i64> = page.items.iter().map(|skip| skip.ticket_id).collect();
    let found = list::of_ids(&mut tx, may, &ids).await?;
    let views = views(&mut tx, may, &params.site, (&page.items, &found)).await?;
    let body = asked.around("skips", views, (page.before, page.after, page.total));
    Ok(Reply::ok(Value::Object(body)))
}

async fn views<A: Access>(
    tx: &mut Tx,
    may: &Permit<Tickets, A>,
    site: &Site,
    (skips, found): (&[Skip], &[helpdesk::tickets::TicketInList]),
) -> Result<Vec<Value>, ZendeskError> {
    let tickets = ticket_view::views(tx, may, site, found).await?;
    let view = |skip: &Skip| {
        json!({
            "id": skip.id,
            "ticket_id": skip.ticket_id,
            "user_id": skip.person_id,
            "reason": skip.reason,
            "ticket": tickets.iter().find(|ticket| ticket["id"] == skip.ticket_id),
            "created_at": format(skip.created_at),
            "updated_at": format(skip.created_at),
        })
    };
    Ok(skips.iter().map(view).collect())
}

/// `POST /api/v2/skips`: the caller went on to the next ticket.
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("skip")?;
    let ticket_id = fields.required_id("ticket_id");
    fields.require("reason");
    let reason = fields.some_text("reason", REASON_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let skip = [skips::create(tx, &may, now, ticket_id, &reason).await?];
        let found = [list::written(tx, &may, ticket_id).await?];
        let view = views(tx, &may, &params.site, (&skip, &found)).await?.pop().ok_or_else(ZendeskError::not_found)?;
        Reply::created("skip", view)
    })
}

/// `GET /api/v2/ticket_content_pins`: nothing here pins a part of a conversation, so there are none.
pub async fn list_pins(May(_may): May<CanRead<Tickets>>) -> Answer {
    Ok(Reply::ok(json!({ "ticket_content_pins": [] })))
}

/// `GET /api/v2/tickets/messaging/conversations/{conversation_id}/ticket`: the newest ticket that came by a chat under this id.
pub async fn show_by_conversation(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Word(conversation): Word,
    params: Params,
) -> Answer {
    const CHATS: &[&str] = &["chat", "gorgias_chat", "native_messaging"];
    const LOOKED_AT: usize = 100;
    let filter = Filter { external_id: Some(conversation), ..tickets::there() };
    let slice = helpdesk::page::Slice { limit: LOOKED_AT, from: None };
    let mut tx = app.db.read().await?;
    let order = list::order(Sort::Created, Direction::Descending);
    let mut found = list::list(&mut tx, &may, &filter, order, &slice).await?.items;
    found.retain(|it| CHATS.contains(&it.ticket.channel.replace('-', "_").as_str()));
    found.truncate(1);
    let view = ticket_view::views(&mut tx, &may, &params.site, &found).await?.pop();
    let mut body = serde_json::Map::from_iter([("ticket".to_owned(), view.ok_or_else(ZendeskError::not_found)?)]);
    ticket_view::load_beside(&mut tx, &may, &params.site, (Beside::of(&params), &found), &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}
