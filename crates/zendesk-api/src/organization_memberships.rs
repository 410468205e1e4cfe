//! `/api/v2/organization_memberships`: which customers belong to which organization (Zendesk contract,
//! `resources.organization_memberships`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::By;
use helpdesk::organizations::members::{self, Member, Membership, Whose};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Organizations;
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
use crate::time::format;
use crate::{Id, Pair, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/organization_memberships", list)
        .post("/api/v2/organization_memberships", create)
        .post("/api/v2/organization_memberships/create_many", create_many)
        .delete("/api/v2/organization_memberships/destroy_many", destroy_many)
        .get("/api/v2/organization_memberships/{organization_membership_id}", show)
        .delete("/api/v2/organization_memberships/{organization_membership_id}", delete)
        .get("/api/v2/organizations/{organization_id}/organization_memberships", list_of_organization)
        .get("/api/v2/users/{user_id}/organization_memberships", list_of_user)
        .post("/api/v2/users/{user_id}/organization_memberships", create_of_user)
        .get("/api/v2/users/{user_id}/organization_memberships/{organization_membership_id}", show_of_user)
        .delete("/api/v2/users/{user_id}/organization_memberships/{organization_membership_id}", delete_of_user)
        .put("/api/v2/users/{user_id}/organization_memberships/{organization_membership_id}/make_default", make_default)
        .delete("/api/v2/users/{user_id}/organizations/{organization_id}", unassign)
        .put("/api/v2/users/{user_id}/organizations/{organization_id}/make_default", make_organization_default)
}

pub(crate) const CALLS: &[Call] = &[
    Call {
        word: "organization_memberships.create",
        title: "Bulk Create Organization Membership",
        failure: "OrganizationMembershipCreateFailed",
        carry: |tx, by, now, row| Box::pin(carry_create(tx, by, now, row)),
    },
    Call {
        word: "organization_memberships.delete",
        title: "Bulk Delete Organization Membership",
        failure: "OrganizationMembershipDeleteFailed",
        carry: |tx, by, now, row| Box::pin(carry_delete(tx, by, now, row)),
    },
];

/// `GET /api/v2/organization_memberships`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Organizations>>, params: Params) -> Answer {
    list_by(&app, &may, &params, ("organization memberships", Whose::Everybodys)).await
}

/// `GET /api/v2/organizations/{organization_id}/organization_memberships`
pub async fn list_of_organization(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, ("memberships of organization", Whose::Organization(id))).await
}

/// `GET /api/v2/users/{user_id}/organization_memberships`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, ("organization memberships of user", Whose::Customer(id))).await
}

async fn list_by(
    app: &App,
    may: &CanRead<Organizations>,
    params: &Params,
    (list, whose): (&'static str, Whose),
) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = members::list(&mut tx, may, whose, &asked.slice).await?;
    let mut beside = Beside::of(params);
    beside.users(page.items.iter().map(|member| member.customer_id));
    beside.organizations(page.items.iter().map(|member| member.organization_id));
    let mut body = asked.body("organization_memberships", page, |member| view(&params.site, &member));
    beside.load(&mut tx, may, &params.site, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/organization_memberships/{organization_membership_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Organizations>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let member = members::find(&mut tx, &may, id).await?;
    Ok(Reply::one("organization_membership", view(&params.site, &member)))
}

/// `GET /api/v2/users/{user_id}/organization_memberships/{organization_membership_id}`
pub async fn show_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let member = of_user(members::find(&mut tx, &may, id).await?, user_id)?;
    Ok(Reply::one("organization_membership", view(&params.site, &member)))
}

fn of_user(member: Member, user_id: i64) -> Result<Member, ZendeskError> {
    if member.customer_id == user_id { Ok(member) } else { Err(ZendeskError::not_found()) }
}

/// `POST /api/v2/organization_memberships`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("organization_membership")?;
    fields.require("user_id");
    let sent = read(&mut fields);
    fields.finish()?;
    create_one(&app, &may, &params, (&body, sent)).await
}

/// `POST /api/v2/users/{user_id}/organization_memberships`
pub async fn create_of_user(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("organization_membership")?;
    let sent = read(&mut fields);
    fields.finish()?;
    create_one(&app, &may, &params, (&body, Membership { customer_id: id, ..sent })).await
}

async fn create_one(
    app: &App,
    may: &CanWrite<Organizations>,
    params: &Params,
    (body, sent): (&Body, Membership),
) -> Answer {
    once!(app, may.actor(), body.once, |tx, now| {
        let member = members::create(tx, may, now, sent).await?;
        Reply::created("organization_membership", view(&params.site, &member))
    })
}

/// `DELETE /api/v2/organization_memberships/{organization_membership_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Organizations>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        let member = members::find(tx, &may, id).await?;
        members::remove_member(tx, &may, now, member.organization_id, member.customer_id).await
    })?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/users/{user_id}/organization_memberships/{organization_membership_id}`
pub async fn delete_of_user(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Pair(user_id, id): Pair,
) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        let member = of_user(members::find(tx, &may, id).await?, user_id)?;
        Ok::<_, ZendeskError>(members::remove_member(tx, &may, now, member.organization_id, user_id).await?)
    })?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/users/{user_id}/organizations/{organization_id}`
pub async fn unassign(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Pair(user_id, organization_id): Pair,
) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| members::remove_member(tx, &may, now, organization_id, user_id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/users/{user_id}/organization_memberships/{organization_membership_id}/make_default`: answers all memberships of the user.
pub async fn make_default(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let found = transact!(app.db, |tx| {
        let Member { organization_id, .. } = of_user(members::find(tx, &may, id).await?, user_id)?;
        let chosen = Membership { organization_id, customer_id: user_id, is_default: true };
        members::add_member(tx, &may, now, chosen).await?;
        Ok::<_, ZendeskError>(members::written(tx, &may, user_id).await?)
    })?;
    let views = found.iter().map(|member| view(&params.site, member)).collect();
    Ok(Reply::ok(Value::Object(page::whole("organization_memberships", views))))
}

/// `PUT /api/v2/users/{user_id}/organizations/{organization_id}/make_default`
pub async fn make_organization_default(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Pair(user_id, organization_id): Pair,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let member = transact!(app.db, |tx| {
        members::find_between(tx, &may, organization_id, user_id).await?;
        let chosen = Membership { organization_id, customer_id: user_id, is_default: true };
        members::add_member(tx, &may, now, chosen).await?;
        members::find_between(tx, &may, organization_id, user_id).await
    })?;
    Ok(Reply::one("organization_membership", view(&params.site, &member)))
}

/// `POST /api/v2/organization_memberships/create_many`
pub async fn create_many(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    params: Params,
    body: Body,
) -> Answer {
    let rows = body.records("organization_memberships")?;
    bulk::start(&app, &may, &params.site, "organization_memberships.create", rows).await
}

/// `DELETE /api/v2/organization_memberships/destroy_many`
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Organizations>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "organization_memberships.delete", bulk::rows_of_ids(&params)?).await
}

async fn carry_create(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    fields.require("user_id");
    let sent = read(&mut fields);
    fields.finish()?;
    Ok(bulk::was_created(members::create(tx, &by.permit()?, now, sent).await?.id))
}

async fn carry_delete(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let (id, may) = (bulk::id_of(row)?, by.permit()?);
    let member = members::find(tx, &may, id).await?;
    members::remove_member(tx, &may, now, member.organization_id, member.customer_id).await?;
    Ok(bulk::was_deleted(id))
}

fn read(fields: &mut Fields) -> Membership {
    fields.pass(&["created_at", "id", "organization_name", "updated_at", "url", "view_tickets"]);
    Membership {
        organization_id: fields.required_id("organization_id"),
        customer_id: fields.id("user_id").flatten().unwrap_or_default(),
        is_default: fields.flag("default").unwrap_or_default(),
    }
}

fn view(site: &Site, member: &Member) -> Value {
    json!({
        "id": member.id,
        "url": site.url(&format!("organization_memberships/{}", member.id)),
        "user_id": member.customer_id,
        "organization_id": member.organization_id,
        "organization_name": member.organization_name,
        "default": member.is_default,
        "view_tickets": member.sees_tickets,
        "created_at": format(member.created_at),
        "updated_at": format(member.created_at),
    })
}
