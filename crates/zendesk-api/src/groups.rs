//! `/api/v2/groups`: our teams (Zendesk contract, `resources.groups`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::page::Slice;
use helpdesk::team_members;
use helpdesk::teams::{self, Changes, NewTeam, Team, Which};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Teams;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/groups", list)
        .post("/api/v2/groups", create)
        // Every team may be given tickets.
        .get("/api/v2/groups/assignable", list)
        .get("/api/v2/groups/autocomplete", autocomplete)
        .get("/api/v2/groups/available_agents", list_available)
        .get("/api/v2/groups/count", count)
        .get("/api/v2/groups/default", show_default)
        .get("/api/v2/groups/{group_id}", show)
        .put("/api/v2/groups/{group_id}", update)
        .delete("/api/v2/groups/{group_id}", delete)
        .get("/api/v2/users/{user_id}/groups", list_of_user)
        .get("/api/v2/users/{user_id}/groups/count", count_of_user)
}

/// `GET /api/v2/groups`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Teams>>, params: Params) -> Answer {
    list_by(&app, &may, &params, "groups", Which::All).await
}

/// `GET /api/v2/users/{user_id}/groups`
pub async fn list_of_user(State(app): State<App>, May(may): May<CanRead<Teams>>, Id(id): Id, params: Params) -> Answer {
    list_by(&app, &may, &params, "user groups", Which::OfPerson(id)).await
}

/// `GET /api/v2/groups/autocomplete`: whose name begins so.
pub async fn autocomplete(State(app): State<App>, May(may): May<CanRead<Teams>>, params: Params) -> Answer {
    let name = params.required_text("name")?;
    list_by(&app, &may, &params, "named groups", Which::NameStarts(&name)).await
}

async fn list_by(app: &App, may: &CanRead<Teams>, params: &Params, list: &'static str, which: Which<'_>) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = teams::some(&mut tx, may, which, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("groups", page, |team| view(&params.site, &team)))))
}

/// `GET /api/v2/groups/available_agents`: each group with who of it is there to take tickets.
pub async fn list_available(State(app): State<App>, May(may): May<CanRead<Teams>>, params: Params) -> Answer {
    let asked = Asked::read_in(&params, "available agents", &["id"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    let page = teams::some(&mut tx, &may, Which::All, &asked.slice).await?;
    let ids: Vec<i64> = page.items.iter().map(|team| team.id).collect();
    let available = team_members::available(&mut tx, &may, &ids).await?;
    let body = asked.body("groups", page, |team| {
        let agents = available.iter().filter(|agent| agent.team_id == team.id);
        let agents = agents.map(|agent| json!({ "id": agent.person_id, "name": agent.name }));
        let mut shown = view(&params.site, &team);
        shown["agents"] = agents.collect();
        shown
    });
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/groups/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Teams>>) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::count(teams::count(&mut tx, &may, None).await?, app.clock.now()))
}

/// `GET /api/v2/users/{user_id}/groups/count`
pub async fn count_of_user(State(app): State<App>, May(may): May<CanRead<Teams>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::count(teams::count(&mut tx, &may, Some(id)).await?, app.clock.now()))
}

/// `GET /api/v2/groups/{group_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Teams>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let team = teams::find(&mut tx, &may, id).await?;
    Ok(Reply::one("group", view(&params.site, &team)))
}

/// `GET /api/v2/groups/default`: the oldest one.
pub async fn show_default(State(app): State<App>, May(may): May<CanRead<Teams>>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let first = teams::some(&mut tx, &may, Which::All, &Slice { limit: 1, from: None }).await?.items.pop();
    let first = first.ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("group", view(&params.site, &first)))
}

/// `POST /api/v2/groups`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Teams>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("group")?;
    fields.require("name");
    let sent = read(&mut fields);
    fields.finish()?;
    let new = NewTeam {
        name: sent.name.unwrap_or_default(),
        description: sent.description.flatten(),
        is_private: sent.is_public == Some(false),
        ..NewTeam::default()
    };
    once!(app, may.actor(), body.once, |tx, now| {
        let id = teams::create(tx, &may, now, &new).await?;
        Reply::created("group", view(&params.site, &teams::written(tx, &may, id).await?.team))
    })
}

/// `PUT /api/v2/groups/{group_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Teams>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("group")?;
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let team = transact!(app.db, |tx| {
        teams::update(tx, &may, now, id, &changes).await?;
        teams::written(tx, &may, id).await
    })?;
    Ok(Reply::one("group", view(&params.site, &team.team)))
}

/// `DELETE /api/v2/groups/{group_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Teams>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| teams::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&["created_at", "default", "deleted", "id", "updated_at", "url", "result_type"]);
    Changes {
        name: fields.some_text("name", teams::NAME_MAX_CHARS),
        description: fields.text("description", teams::DESCRIPTION_MAX_CHARS),
        is_public: fields.flag("is_public"),
        ..Changes::default()
    }
}

pub(crate) fn view(site: &Site, team: &Team) -> Value {
    json!({
        "id": team.id,
        "url": site.url(&format!("groups/{}", team.id)),
        "name": team.name,
        "description": team.description.as_deref().unwrap_or_default(),
        "default": false,
        "deleted": false,
        "is_public": team.is_public,
        "created_at": format(team.created_at),
        "updated_at": format(team.updated_at),
    })
}
