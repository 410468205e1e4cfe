//! `/api/v2/organization_merges`: one organization that goes into another (Zendesk contract, `resources.organizations`). Ids are texts here.

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::organizations::merges::{self, Merge, Status};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Organizations;
use serde_json::{Value, json};

use crate::answer::{Answer, Reply};
use crate::fields::Body;
use crate::once::once;
use crate::page::{Asked, Ways};
use crate::query::Params;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/organization_merges/{organization_merge_id}", show)
        .post("/api/v2/organizations/{organization_id}/merge", create)
        .get("/api/v2/organizations/{organization_id}/merges", list)
}

/// `GET /api/v2/organization_merges/{organization_merge_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    let mut tx = app.db.read().await?;
    Ok(Reply::one("organization_merge", view(&params.site, &merges::find(&mut tx, &may, id).await?)))
}

/// `GET /api/v2/organizations/{organization_id}/merges`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    let asked = Asked::read_in(&params, "organization merges", &["id"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    let page = merges::list(&mut tx, &may, id, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("organization_merges", page, |it| view(&params.site, &it)))))
}

/// `POST /api/v2/organizations/{organization_id}/merge`: this one goes into the winner.
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    later: Later,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    later.administrator()?;
    let mut fields = body.record("organization_merge")?;
    fields.pass(&["id", "url", "status", "loser_id"]);
    let winner_id = fields.required_id("winner_id");
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let made = merges::start(tx, &may, now, id, winner_id).await?;
        Reply::one("organization_merge", view(&params.site, &made))
    })
}

fn view(site: &Site, it: &Merge) -> Value {
    let status = match it.status {
        Status::InProgress => "in progress",
        other => other.word(),
    };
    json!({
        "id": it.id.to_string(),
        "url": site.url(&format!("organization_merges/{}", it.id)),
        "status": status,
        "winner_id": it.winner_id,
        "loser_id": it.loser_id,
    })
}
