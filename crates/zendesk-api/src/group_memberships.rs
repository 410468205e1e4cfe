//! `/api/v2/group_memberships`: who is in which team (Zendesk contract, `resources.group_memberships`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::By;
use helpdesk::team_members::{self, TeamMember, Whose};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Teams;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::bulk::{self, Call};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::sideload::Beside;
use crate::time::format;
use crate::{Id, Pair, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/group_memberships", list)
        .post("/api/v2/group_memberships", create)
        // Every member may be given tickets.
        .get("/api/v2/group_memberships/assignable", list)
        .post("/api/v2/group_memberships/create_many", create_many)
        .delete("/api/v2/group_memberships/destroy_many", destroy_many)
        .get("/api/v2/group_memberships/{group_membership_id}", show)
        .delete("/api/v2/group_memberships/{group_membership_id}", delete)
        .get("/api/v2/groups/{group_id}/memberships", list_of_group)
        .get("/api/v2/groups/{group_id}/memberships/assignable", list_of_group)
        .get("/api/v2/users/{user_id}/group_memberships", list_of_user)
        .post("/api/v2/users/{user_id}/group_memberships", create_of_user)
        .get("/api/v2/users/{user_id}/group_memberships/{group_membership_id}", show_of_user)
        .delete("/api/v2/users/{user_id}/group_memberships/{group_membership_id}", delete_of_user)
        .put("/api/v2/users/{user_id}/group_memberships/{group_membership_id}/make_default", make_default)
}

pub(crate) const CALLS: &[Call] = &[
    Call {
        word: "group_memberships.create",
        title: "Bulk Create Group Membership",
        failure: "GroupMembershipCreateFailed",
        carry: |tx, by, now, row| Box::pin(carry_create(tx, by, now, row)),
    },
    Call {
        word: "group_memberships.delete",
        title: "Bulk Delete Group Membership",
        failure: "GroupMembershipDeleteFailed",
        carry: |tx, by, now, row| Box::pin(carry_delete(tx, by, now, row)),
    },
];

/// `GET /api/v2/group_memberships`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Teams>>, params: Params) -> Answer {
    list_by(&app, &may, &params, ("group memberships", Whose::Everybodys)).await
}

/// `GET /api/v2/groups/{group_id}/memberships`
pub async fn list_of_group(
    State(app): State<App>,
    May(may): May<CanRead<Teams>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, ("memberships of group", Whose::Team(id))).await
}

/// `GET /api/v2/users/{user_id}/group_memberships`
pub async fn list_of_user(State(app): State<App>, May(may): May<CanRead<Teams>>, Id(id): Id, params: Params) -> Answer {
    list_by(&app, &may, &params, ("group memberships of user", Whose::Person(id))).await
}

async fn list_by(app: &App, may: &CanRead<Teams>, params: &Params, (list, whose): (&'static str, Whose)) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = team_members::list(&mut tx, may, whose, &asked.slice).await?;
    let mut beside = Beside::of(params);
    beside.users(page.items.iter().map(|member| member.person_id));
    beside.groups(page.items.iter().map(|member| member.team_id));
    let mut body = asked.body("group_memberships", page, |member| view(&params.site, &member));
    beside.load(&mut tx, may, &params.site, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/group_memberships/{group_membership_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Teams>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let member = team_members::find(&mut tx, &may, id).await?;
    Ok(Reply::one("group_membership", view(&params.site, &member)))
}

/// `GET /api/v2/users/{user_id}/group_memberships/{group_membership_id}`
pub async fn show_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Teams>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let member = of_user(team_members::find(&mut tx, &may, id).await?, user_id)?;
    Ok(Reply::one("group_membership", view(&params.site, &member)))
}

fn of_user(member: TeamMember, user_id: i64) -> Result<TeamMember, ZendeskError> {
    if member.person_id == user_id { Ok(member) } else { Err(ZendeskError::not_found()) }
}

/// `POST /api/v2/group_memberships`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Teams>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("group_membership")?;
    fields.require("user_id");
    let sent = read(&mut fields);
    fields.finish()?;
    create_one(&app, &may, &params, (&body, sent)).await
}

/// `POST /api/v2/users/{user_id}/group_memberships`
pub async fn create_of_user(
    State(app): State<App>,
    May(may): May<CanWrite<Teams>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("group_membership")?;
    let (group_id, _, is_default) = read(&mut fields);
    fields.finish()?;
    create_one(&app, &may, &params, (&body, (group_id, id, is_default))).await
}

async fn create_one(
    app: &App,
    may: &CanWrite<Teams>,
    params: &Params,
    (body, sent): (&Body, (i64, i64, bool)),
) -> Answer {
    once!(app, may.actor(), body.once, |tx, now| {
        let member = team_members::create(tx, may, now, sent).await?;
        Reply::created("group_membership", view(&params.site, &member))
    })
}

/// `DELETE /api/v2/group_memberships/{group_membership_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Teams>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| team_members::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/users/{user_id}/group_memberships/{group_membership_id}`
pub async fn delete_of_user(State(app): State<App>, May(may): May<CanWrite<Teams>>, Pair(user_id, id): Pair) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        of_user(team_members::find(tx, &may, id).await?, user_id)?;
        Ok::<_, ZendeskError>(team_members::delete(tx, &may, now, id).await?)
    })?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/users/{user_id}/group_memberships/{group_membership_id}/make_default`: answers all memberships of the user.
pub async fn make_default(
    State(app): State<App>,
    May(may): May<CanWrite<Teams>>,
    Pair(user_id, id): Pair,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let members = transact!(app.db, |tx| {
        of_user(team_members::find(tx, &may, id).await?, user_id)?;
        team_members::make_default(tx, &may, now, id).await?;
        Ok::<_, ZendeskError>(team_members::of_person(tx, &may, user_id).await?)
    })?;
    let views = members.iter().map(|member| view(&params.site, member)).collect();
    Ok(Reply::ok(Value::Object(crate::page::whole("group_memberships", views))))
}

/// `POST /api/v2/group_memberships/create_many`
pub async fn create_many(State(app): State<App>, May(may): May<CanWrite<Teams>>, params: Params, body: Body) -> Answer {
    let rows = body.records("group_memberships")?;
    bulk::start(&app, &may, &params.site, "group_memberships.create", rows).await
}

/// `DELETE /api/v2/group_memberships/destroy_many`
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Teams>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "group_memberships.delete", bulk::rows_of_ids(&params)?).await
}

async fn carry_create(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    fields.require("user_id");
    let sent = read(&mut fields);
    fields.finish()?;
    Ok(bulk::was_created(team_members::create(tx, &by.permit()?, now, sent).await?.id))
}

async fn carry_delete(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let id = bulk::id_of(row)?;
    team_members::delete(tx, &by.permit()?, now, id).await?;
    Ok(bulk::was_deleted(id))
}

fn read(fields: &mut Fields) -> (i64, i64, bool) {
    fields.pass(&["created_at", "id", "updated_at", "url"]);
    let group_id = fields.required_id("group_id");
    (group_id, fields.id("user_id").flatten().unwrap_or_default(), fields.flag("default").unwrap_or_default())
}

fn view(site: &Site, member: &TeamMember) -> Value {
    json!({
        "id": member.id,
        "url": site.url(&format!("group_memberships/{}", member.id)),
        "user_id": member.person_id,
        "group_id": member.team_id,
        "default": member.is_default,
        "created_at": format(member.created_at),
        "updated_at": format(member.created_at),
    })
}
