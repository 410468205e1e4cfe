//! `/api/v2/tags`, and the tags of a ticket, an organization or a user (Zendesk contract, `resources.tags`). A tag is its name.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use endpoint::{App, Later, May, Routes};
use helpdesk::organizations;
use helpdesk::profiles::{self, Extra};
use helpdesk::tags::{self, Sort};
use helpdesk::tickets::list;
use helpdesk::tickets::tags::{self as ticket_tags, TagChange, TagRefs};
use helpdesk::tickets::write::{self, TicketUpdate};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Customers, Organizations, Tags, Tickets, Users};
use serde_json::{Value, json};
use store::transact;

use crate::Id;
use crate::answer::{Answer, Reply, named};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::page::Asked;
use crate::query::Params;
use crate::ticket_read::tag_name;
use crate::tickets::must_be_there;
use crate::user_write::Staff;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/tags", list_all)
        .get("/api/v2/tags/count", count)
        .get("/api/v2/autocomplete/tags", autocomplete)
        .post("/api/v2/autocomplete/tags", autocomplete_by_body)
        .get("/api/v2/tickets/{ticket_id}/tags", list_of_ticket)
        .post("/api/v2/tickets/{ticket_id}/tags", set_of_ticket)
        .put("/api/v2/tickets/{ticket_id}/tags", add_to_ticket)
        .delete("/api/v2/tickets/{ticket_id}/tags", remove_from_ticket)
        .get("/api/v2/organizations/{organization_id}/tags", list_of_organization)
        .post("/api/v2/organizations/{organization_id}/tags", set_of_organization)
        .put("/api/v2/organizations/{organization_id}/tags", add_to_organization)
        .delete("/api/v2/organizations/{organization_id}/tags", remove_from_organization)
        .get("/api/v2/users/{user_id}/tags", list_of_user)
        .post("/api/v2/users/{user_id}/tags", set_of_user)
        .put("/api/v2/users/{user_id}/tags", add_to_user)
        .delete("/api/v2/users/{user_id}/tags", remove_from_user)
}

const NAME_MAX_CHARS: usize = 255;

/// `GET /api/v2/tags`: the most used first.
pub async fn list_all(State(app): State<App>, May(may): May<CanRead<Tags>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "tags", &["usage"])?;
    let mut tx = app.db.read().await?;
    let page = tags::list(&mut tx, &may, None, Sort::Usage, true, &asked.slice).await?;
    let body = asked.body("tags", page, |tag| json!({ "name": tag.name, "count": tag.usage }));
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/tags/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Tags>>) -> Answer {
    let mut tx = app.db.read().await?;
    let slice = helpdesk::page::Slice::skipping(0, 1);
    let total = tags::list(&mut tx, &may, None, Sort::Usage, true, &slice).await?.total;
    Ok(Reply::count(total.unwrap_or_default(), app.clock.now()))
}

/// `GET /api/v2/autocomplete/tags`: names that have the text.
pub async fn autocomplete(State(app): State<App>, May(may): May<CanRead<Tags>>, params: Params) -> Answer {
    list_named(&app, &may, &params).await
}

/// `POST /api/v2/autocomplete/tags`: the same, asked in the body.
pub async fn autocomplete_by_body(
    State(app): State<App>,
    May(may): May<CanRead<Tags>>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    list_named(&app, &may, &params.with_body(&headers, &body)?).await
}

async fn list_named(app: &App, may: &CanRead<Tags>, params: &Params) -> Answer {
    let name = params.required_text("name")?;
    let asked = Asked::read(params, "named tags", &["usage"])?;
    let mut tx = app.db.read().await?;
    let page = tags::list(&mut tx, may, Some(&name), Sort::Usage, true, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("tags", page, |tag| json!(tag.name)))))
}

/// The names that were sent, and when the sender saw the ticket last if it is to be safe.
fn read(body: &Body) -> Result<(Vec<String>, Option<jiff::Timestamp>), ZendeskError> {
    let mut fields: Fields = body.bare()?;
    let names = fields.texts("tags", NAME_MAX_CHARS);
    if names.is_none() {
        fields.require("tags");
    }
    let seen = fields.time("updated_stamp").flatten();
    let seen = seen.filter(|_| body.value["safe_update"].as_bool() == Some(true));
    fields.pass(&["safe_update"]);
    fields.finish()?;
    Ok((names.unwrap_or_default().iter().map(|name| tag_name(name)).collect(), seen))
}

fn changed(current: &[String], change: TagChange, names: Vec<String>) -> Vec<String> {
    match change {
        TagChange::Replace => names,
        TagChange::Add => current.iter().cloned().chain(names).collect(),
        TagChange::Remove => current.iter().filter(|name| !names.contains(name)).cloned().collect(),
    }
}

fn reply(change: TagChange, names: &[String]) -> Reply {
    let reply = Reply::ok(named("tags", json!(names)));
    match change {
        TagChange::Replace => Reply { status: axum::http::StatusCode::CREATED, ..reply },
        TagChange::Add | TagChange::Remove => reply,
    }
}

/// `GET /api/v2/tickets/{ticket_id}/tags`
pub async fn list_of_ticket(State(app): State<App>, May(may): May<CanRead<Tickets>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let tags = ticket_tags::list(&mut tx, &may, id).await?;
    Ok(Reply::ok(named("tags", tags.into_iter().map(|tag| tag.name).collect())))
}

/// `POST /api/v2/tickets/{ticket_id}/tags`: exactly these.
pub async fn set_of_ticket(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id, body: Body) -> Answer {
    change_of_ticket(&app, &may, id, TagChange::Replace, &body).await
}

/// `PUT /api/v2/tickets/{ticket_id}/tags`: these too.
pub async fn add_to_ticket(State(app): State<App>, May(may): May<CanWrite<Tickets>>, Id(id): Id, body: Body) -> Answer {
    change_of_ticket(&app, &may, id, TagChange::Add, &body).await
}

/// `DELETE /api/v2/tickets/{ticket_id}/tags`: these no longer.
pub async fn remove_from_ticket(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_ticket(&app, &may, id, TagChange::Remove, &body).await
}

async fn change_of_ticket(app: &App, may: &CanWrite<Tickets>, id: i64, change: TagChange, body: &Body) -> Answer {
    let (names, seen) = read(body)?;
    let refs = TagRefs { ids: Vec::new(), names };
    let now = app.clock.now();
    let names: Vec<String> = transact!(app.db, |tx| {
        must_be_there(tx, may, id).await?;
        // Says no if the ticket is closed, or was changed since it was seen.
        let check = TicketUpdate { seen_updated_at: seen, closed_is_final: true, ..TicketUpdate::default() };
        write::update(tx, may, now, id, check).await?;
        ticket_tags::change(tx, may, now, id, (change, &refs)).await?;
        let tags = list::written(tx, may, id).await?.tags;
        Ok::<_, ZendeskError>(tags.into_iter().map(|tag| tag.name).collect())
    })?;
    Ok(reply(change, &names))
}

/// `GET /api/v2/organizations/{organization_id}/tags`
pub async fn list_of_organization(State(app): State<App>, May(may): May<CanRead<Organizations>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::ok(named("tags", json!(organizations::find(&mut tx, &may, id).await?.tags))))
}

/// `POST /api/v2/organizations/{organization_id}/tags`
pub async fn set_of_organization(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_organization(&app, &may, id, TagChange::Replace, &body).await
}

/// `PUT /api/v2/organizations/{organization_id}/tags`
pub async fn add_to_organization(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_organization(&app, &may, id, TagChange::Add, &body).await
}

/// `DELETE /api/v2/organizations/{organization_id}/tags`
pub async fn remove_from_organization(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_organization(&app, &may, id, TagChange::Remove, &body).await
}

async fn change_of_organization(
    app: &App,
    may: &CanWrite<Organizations>,
    id: i64,
    change: TagChange,
    body: &Body,
) -> Answer {
    let (names, _) = read(body)?;
    let now = app.clock.now();
    let tags = transact!(app.db, |tx| {
        let current = organizations::update(tx, may, now, id, &organizations::Changes::default()).await?.tags;
        let tags = Some(changed(&current, change, names.clone()));
        let changes = organizations::Changes { tags, ..organizations::Changes::default() };
        Ok::<_, ZendeskError>(organizations::update(tx, may, now, id, &changes).await?.tags)
    })?;
    Ok(reply(change, &tags))
}

/// `GET /api/v2/users/{user_id}/tags`
pub async fn list_of_user(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::ok(named("tags", json!(profiles::find(&mut tx, (&staff, &customers), id).await?.tags))))
}

/// `POST /api/v2/users/{user_id}/tags`
pub async fn set_of_user(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_user(&app, (&may, &Staff::Later(&later)), id, TagChange::Replace, &body).await
}

/// `PUT /api/v2/users/{user_id}/tags`
pub async fn add_to_user(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_user(&app, (&may, &Staff::Later(&later)), id, TagChange::Add, &body).await
}

/// `DELETE /api/v2/users/{user_id}/tags`
pub async fn remove_from_user(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    Id(id): Id,
    body: Body,
) -> Answer {
    change_of_user(&app, (&may, &Staff::Later(&later)), id, TagChange::Remove, &body).await
}

async fn change_of_user(
    app: &App,
    (may, staff): (&CanWrite<Customers>, &Staff<'_>),
    id: i64,
    change: TagChange,
    body: &Body,
) -> Answer {
    let (names, _) = read(body)?;
    let now = app.clock.now();
    let tags = transact!(app.db, |tx| {
        let user = profiles::written(tx, may, id).await?;
        if user.role.is_staff() {
            staff.permit()?;
        }
        let extra = Extra { tags: Some(changed(&user.tags, change, names.clone())), ..Extra::default() };
        profiles::set_extra(tx, may, now, id, &extra).await?;
        Ok::<_, ZendeskError>(profiles::written(tx, may, id).await?.tags)
    })?;
    Ok(reply(change, &tags))
}
