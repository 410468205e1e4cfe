//! `/api/v2/guide/permission_groups`

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::permission_groups::{self, Changes, NAME_MAX_CHARS, PermissionGroup};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, listed};
use crate::answer::Reply;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/guide/permission_groups", list)
        .post("/api/v2/guide/permission_groups", create)
        .get("/api/v2/guide/permission_groups/{permission_group_id}", show)
        .put("/api/v2/guide/permission_groups/{permission_group_id}", update)
        .delete("/api/v2/guide/permission_groups/{permission_group_id}", delete)
}

/// `GET /api/v2/guide/permission_groups`
pub async fn list(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "permission groups", &["id"])?;
    let mut tx = app.db.read().await?;
    let page = permission_groups::list(&mut tx, &may, &asked.slice).await?;
    Ok(listed(&asked, asked.body("permission_groups", page, |it| view(&it)), false))
}

/// `GET /api/v2/guide/permission_groups/{permission_group_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::one("permission_group", view(&permission_groups::find(&mut tx, &may, at.id()).await?)))
}

/// `POST /api/v2/guide/permission_groups`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("permission_group")?;
    fields.require("name");
    let new = read(&mut fields);
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let group = permission_groups::create(tx, &may, now, &new).await?;
        let location = params.site.url(&format!("guide/permission_groups/{}", group.id));
        Reply { location: Some(location), ..Reply::created("permission_group", view(&group)) }
    })?)
}

/// `PUT /api/v2/guide/permission_groups/{permission_group_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    body: Body,
) -> Answer {
    let mut fields = body.record("permission_group")?;
    if fields.was_sent("name") {
        fields.require("name");
    }
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let group = transact!(app.db, |tx| permission_groups::update(tx, &may, now, at.id(), &changes).await)?;
    Ok(Reply::one("permission_group", view(&group)))
}

/// `DELETE /api/v2/guide/permission_groups/{permission_group_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenterStructure>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| permission_groups::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&["built_in", "created_at", "id", "updated_at"]);
    Changes { name: fields.some_text("name", NAME_MAX_CHARS), edit: fields.ids("edit"), publish: fields.ids("publish") }
}

fn view(it: &PermissionGroup) -> Value {
    json!({
        "id": it.id,
        "name": it.name,
        "built_in": it.built_in,
        "edit": it.edit,
        "publish": it.publish,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
