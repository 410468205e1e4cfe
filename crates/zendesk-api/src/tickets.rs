//! `/api/v2/tickets` (Zendesk contract, `resources.tickets`): lists, one ticket, and many at once. What else becomes of tickets is
//! `ticket_states.rs`; reading what is written `ticket_read.rs`; showing them `ticket_view.rs`.

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::By;
use helpdesk::sla;
use helpdesk::tickets::around::Part;
use helpdesk::tickets::list::{self, Direction, Filter, Sort, Trash};
use helpdesk::tickets::write::{self, TicketUpdate};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::bulk::{self, Call};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::sideload::Beside;
use crate::{Id, attachments, audit_view, sla_policies, ticket_read, ticket_view};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/tickets", list_all)
        .post("/api/v2/tickets", create)
        .get("/api/v2/tickets/count", count)
        .post("/api/v2/tickets/create_many", create_many)
        .delete("/api/v2/tickets/destroy_many", destroy_many)
        .get("/api/v2/tickets/recent", list_recent)
        .get("/api/v2/tickets/show_many", show_many)
        .put("/api/v2/tickets/update_many", update_many)
        .get("/api/v2/tickets/{ticket_id}", show)
        .put("/api/v2/tickets/{ticket_id}", update)
        .delete("/api/v2/tickets/{ticket_id}", delete)
        .post("/api/v2/imports/tickets", import)
        .post("/api/v2/imports/tickets/create_many", import_many)
        .get("/api/v2/organizations/{organization_id}/tickets", list_of_organization)
        .get("/api/v2/organizations/{organization_id}/tickets/count", count_of_organization)
        .get("/api/v2/users/{user_id}/tickets/assigned", list_assigned)
        .get("/api/v2/users/{user_id}/tickets/assigned/count", count_assigned)
        .get("/api/v2/users/{user_id}/tickets/ccd", list_ccd)
        .get("/api/v2/users/{user_id}/tickets/ccd/count", count_ccd)
        .get("/api/v2/users/{user_id}/tickets/followed", list_followed)
        .get("/api/v2/users/{user_id}/tickets/requested", list_requested)
}

pub(crate) const CALLS: &[Call] = &[
    Call {
        word: "tickets.create",
        title: "Bulk Create Ticket",
        failure: "TicketCreateFailed",
        carry: |tx, by, now, row| Box::pin(carry_create(tx, by, now, row)),
    },
    Call {
        word: "tickets.update",
        title: "Bulk Update Ticket",
        failure: "TicketUpdateFailed",
        carry: |tx, by, now, row| Box::pin(carry_update(tx, by, now, row)),
    },
    Call {
        word: "tickets.delete",
        title: "Bulk Delete Ticket",
        failure: "TicketDeleteFailed",
        carry: |tx, by, now, row| Box::pin(carry_delete(tx, by, now, row)),
    },
    Call {
        word: "tickets.import",
        title: "Bulk Import Ticket",
        failure: "TicketImportFailed",
        carry: |tx, by, now, row| Box::pin(carry_import(tx, by, now, row)),
    },
];

const SORTS: &[&str] = &["id", "updated_at", "created_at", "status"];
/// Of one person's or organization's, whose index is by time of creation.
const SORTS_OF_SOME: &[&str] = &["created_at", "updated_at", "id", "status"];

/// `GET /api/v2/tickets`
pub async fn list_all(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let filter = Filter { external_id: params.text("external_id")?, ..there() };
    list_by(&app, &may, &params, (SORTS, "tickets"), filter).await
}

/// `GET /api/v2/tickets/recent`: those that changed last.
pub async fn list_recent(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let asked = Asked::read_falling(&params, "tickets", &["updated_at"], true)?;
    answer(&app, &may, &params, asked, there()).await
}

/// `GET /api/v2/organizations/{organization_id}/tickets`
pub async fn list_of_organization(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { organization_id: Some(id), ..there() };
    list_by(&app, &may, &params, (SORTS_OF_SOME, "organization tickets"), filter).await
}

/// `GET /api/v2/users/{user_id}/tickets/assigned`
pub async fn list_assigned(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { assignee_user_id: Some(id), ..there() };
    list_by(&app, &may, &params, (SORTS_OF_SOME, "assigned tickets"), filter).await
}

/// `GET /api/v2/users/{user_id}/tickets/ccd`
pub async fn list_ccd(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let filter = Filter { person: Some((id, Part::Cc)), ..there() };
    list_by(&app, &may, &params, (SORTS_OF_SOME, "ccd tickets"), filter).await
}

/// `GET /api/v2/users/{user_id}/tickets/followed`
pub async fn list_followed(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { person: Some((id, Part::Follower)), ..there() };
    list_by(&app, &may, &params, (SORTS_OF_SOME, "followed tickets"), filter).await
}

/// `GET /api/v2/users/{user_id}/tickets/requested`
pub async fn list_requested(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { customer_id: Some(id), ..there() };
    list_by(&app, &may, &params, (SORTS_OF_SOME, "requested tickets"), filter).await
}

/// Tickets that are not in the trash.
pub(crate) fn there() -> Filter {
    Filter { trash: Trash::LeftOut, ..Filter::default() }
}

pub(crate) async fn list_by(
    app: &App,
    may: &CanRead<Tickets>,
    params: &Params,
    (sorts, list): (&[&'static str], &'static str),
    filter: Filter,
) -> Answer {
    let asked = Asked::read(params, list, sorts)?;
    answer(app, may, params, asked, filter).await
}

async fn answer(app: &App, may: &CanRead<Tickets>, params: &Params, asked: Asked<'_>, filter: Filter) -> Answer {
    let sort = match asked.sort {
        "updated_at" => Sort::Updated,
        "created_at" => Sort::Created,
        "status" => Sort::Status,
        _ => Sort::Id,
    };
    let direction = if asked.descending { Direction::Descending } else { Direction::Ascending };
    let mut tx = app.db.read().await?;
    let page = list::list(&mut tx, may, &filter, list::order(sort, direction), &asked.slice).await?;
    let views = ticket_view::views(&mut tx, may, &params.site, &page.items).await?;
    let mut body = asked.around("tickets", views, (page.before, page.after, page.total));
    ticket_view::load_beside(&mut tx, may, &params.site, (Beside::of(params), &page.items), &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/tickets/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Tickets>>) -> Answer {
    count_by(&app, &may, there()).await
}

/// `GET /api/v2/organizations/{organization_id}/tickets/count`
pub async fn count_of_organization(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    count_by(&app, &may, Filter { organization_id: Some(id), ..there() }).await
}

/// `GET /api/v2/users/{user_id}/tickets/assigned/count`
pub async fn count_assigned(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    count_by(&app, &may, Filter { assignee_user_id: Some(id), ..there() }).await
}

/// `GET /api/v2/users/{user_id}/tickets/ccd/count`
pub async fn count_ccd(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    count_by(&app, &may, Filter { person: Some((id, Part::Cc)), ..there() }).await
}

async fn count_by(app: &App, may: &CanRead<Tickets>, filter: Filter) -> Answer {
    let mut tx = app.db.read().await?;
    let count = list::count(&mut tx, may, &filter).await?;
    Ok(Reply::count(count, app.clock.now()))
}

/// `GET /api/v2/tickets/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<Tickets>>, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    let mut tx = app.db.read().await?;
    let mut tickets = list::of_ids(&mut tx, &may, &ids).await?;
    tickets.retain(|ticket| ticket.ticket.trashed_at.is_none());
    let views = ticket_view::views(&mut tx, &may, &params.site, &tickets).await?;
    let mut body = page::whole("tickets", views);
    ticket_view::load_beside(&mut tx, &may, &params.site, (Beside::of(&params), &tickets), &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/tickets/{ticket_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let mut tickets = list::of_ids(&mut tx, &may, &[id]).await?;
    tickets.retain(|ticket| ticket.ticket.trashed_at.is_none());
    let view = ticket_view::views(&mut tx, &may, &params.site, &tickets).await?.pop();
    let mut view = view.ok_or_else(ZendeskError::not_found)?;
    if params.includes("comment_count") {
        view["comment_count"] = json!(tickets.first().map(|ticket| ticket.ticket.messages_count));
    }
    if params.includes("slas") {
        let now = app.clock.now();
        view["slas"] = sla_policies::view_promises(&sla::promises(&mut tx, &may, now, id).await?, now);
    }
    let mut body = serde_json::Map::from_iter([("ticket".to_owned(), view)]);
    ticket_view::load_beside(&mut tx, &may, &params.site, (Beside::of(&params), &tickets), &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `POST /api/v2/tickets`; with `async=true` a job does it.
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("ticket")?;
    let sent = ticket_read::read(&mut fields);
    fields.finish()?;
    if params.flag("async") {
        let row = body.value["ticket"].clone();
        let reply = bulk::start(&app, &may, &params.site, "tickets.create", vec![row]).await?;
        return Ok(Reply { status: StatusCode::ACCEPTED, ..reply });
    }
    once!(app, may.actor(), body.once, |tx, now| {
        let id = ticket_read::create(tx, &may, now, &sent).await?;
        let ticket = ticket_view::written(tx, &may, &params.site, id).await?;
        let mut reply = Reply::created("ticket", ticket);
        let mut audit = audit_view::of_request(tx, &may, &params.site, now, id).await?;
        attachments::sign_all(&app, &mut audit);
        if let Some(Value::Object(body)) = &mut reply.body {
            body.insert("audit".to_owned(), audit);
        }
        reply
    })
}

/// `PUT /api/v2/tickets/{ticket_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("ticket")?;
    let sent = ticket_read::read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| {
        must_be_there(tx, &may, id).await?;
        ticket_read::update(tx, &may, now, id, &sent).await?;
        let ticket = ticket_view::written(tx, &may, &params.site, id).await?;
        let mut audit = audit_view::of_request(tx, &may, &params.site, now, id).await?;
        attachments::sign_all(&app, &mut audit);
        Ok::<_, ZendeskError>(Reply::ok(json!({ "ticket": ticket, "audit": audit })))
    })
}

/// A ticket in the trash is not there for whoever wants to change it.
pub(crate) async fn must_be_there(tx: &mut Tx, may: &CanWrite<Tickets>, id: i64) -> Result<(), ZendeskError> {
    match list::written(tx, may, id).await?.ticket.trashed_at {
        Some(_) => Err(ZendeskError::not_found()),
        None => Ok(()),
    }
}

/// `DELETE /api/v2/tickets/{ticket_id}`: to the trash.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| trash(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

async fn trash(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, id: i64) -> Result<(), ZendeskError> {
    must_be_there(tx, may, id).await?;
    let update = TicketUpdate { trashed_at: Some(Some(now)), ..TicketUpdate::default() };
    Ok(write::update(tx, may, now, id, update).await?)
}

/// `POST /api/v2/tickets/create_many`
pub async fn create_many(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    params: Params,
    body: Body,
) -> Answer {
    bulk::start(&app, &may, &params.site, "tickets.create", body.records("tickets")?).await
}

/// `PUT /api/v2/tickets/update_many`
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    params: Params,
    body: Body,
) -> Answer {
    let rows = bulk::rows_of_update(&params, &body, "ticket", "tickets")?;
    bulk::start(&app, &may, &params.site, "tickets.update", rows).await
}

/// `DELETE /api/v2/tickets/destroy_many`
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "tickets.delete", bulk::rows_of_ids(&params)?).await
}

/// `POST /api/v2/imports/tickets`: as it was elsewhere, without rules and mails.
pub async fn import(State(app): State<App>, May(may): May<CanWrite<Tickets>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("ticket")?;
    let sent = ticket_read::read_import(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let id = ticket_read::create(tx, &may, now, &sent).await?;
        Reply::created("ticket", ticket_view::written(tx, &may, &params.site, id).await?)
    })
}

/// `POST /api/v2/imports/tickets/create_many`
pub async fn import_many(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    params: Params,
    body: Body,
) -> Answer {
    bulk::start(&app, &may, &params.site, "tickets.import", body.records("tickets")?).await
}

async fn carry_create(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    let sent = ticket_read::read(&mut fields);
    fields.finish()?;
    Ok(bulk::was_created(ticket_read::create(tx, &by.permit()?, now, &sent).await?))
}

async fn carry_update(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let id = bulk::id_of(row)?;
    let may = by.permit()?;
    let mut fields = Fields::of_row(row);
    let sent = ticket_read::read(&mut fields);
    fields.finish()?;
    must_be_there(tx, &may, id).await?;
    ticket_read::update(tx, &may, now, id, &sent).await?;
    Ok(bulk::was_updated(id))
}

async fn carry_delete(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let id = bulk::id_of(row)?;
    trash(tx, &by.permit()?, now, id).await?;
    Ok(bulk::was_deleted(id))
}

async fn carry_import(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    let sent = ticket_read::read_import(&mut fields);
    fields.finish()?;
    Ok(bulk::was_created(ticket_read::create(tx, &by.permit()?, now, &sent).await?))
}
