//! `/api/v2/automations` (Zendesk contract, `resources.automations`): rules that run as time passes. What they share with triggers:
//! `rules.rs`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::rules::write;
use helpdesk::rules::{self as domain, Rule, place};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Automations;
use serde_json::Value;
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::once::once;
use crate::page;
use crate::query::Params;
use crate::rules::{self, Kind};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/automations", list)
        .post("/api/v2/automations", create)
        .get("/api/v2/automations/active", list_active)
        .delete("/api/v2/automations/destroy_many", destroy_many)
        .get("/api/v2/automations/search", search)
        .put("/api/v2/automations/update_many", update_many)
        .get("/api/v2/automations/{automation_id}", show)
        .put("/api/v2/automations/{automation_id}", update)
        .delete("/api/v2/automations/{automation_id}", delete)
}

/// `GET /api/v2/automations`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Automations>>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let keep = |rule: &Rule| rules::is_asked_for(&params, rule);
    rules::list(&mut tx, &may, (&params, app.clock.now()), ("automations", "automations"), keep, view).await
}

/// `GET /api/v2/automations/active`
pub async fn list_active(State(app): State<App>, May(may): May<CanRead<Automations>>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    rules::list(&mut tx, &may, (&params, app.clock.now()), ("automations", "active automations"), Rule::is_active, view)
        .await
}

/// `GET /api/v2/automations/search`: by a part of the title.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Automations>>, params: Params) -> Answer {
    let part = params.required_text("query")?.to_lowercase();
    let keep = |rule: &Rule| rules::is_asked_for(&params, rule) && rule.name.to_lowercase().contains(&part);
    let mut tx = app.db.read().await?;
    rules::list(&mut tx, &may, (&params, app.clock.now()), ("automations", "found automations"), keep, view).await
}

/// `GET /api/v2/automations/{automation_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Automations>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let found = domain::find(&mut tx, &may, id).await?;
    let mut shown = [view(&params.site, &found)];
    rules::beside(&mut tx, &may, (&params, app.clock.now()), &mut shown).await?;
    let [shown] = shown;
    Ok(Reply::one("automation", rules::keyed(&mut tx, &may, shown).await?))
}

/// `POST /api/v2/automations`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Automations>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("automation")?;
    fields.require("title");
    fields.require("actions");
    let sent = rules::read(&mut fields, Kind::Automation);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let made = rules::create(tx, &may, now, &sent, Kind::Automation).await?;
        Reply::created("automation", rules::keyed(tx, &may, view(&params.site, &made)).await?)
    })
}

/// `PUT /api/v2/automations/{automation_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Automations>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("automation")?;
    let sent = rules::read(&mut fields, Kind::Automation);
    fields.finish()?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let changed = rules::update(tx, &may, now, id, &sent, Kind::Automation).await?;
        rules::keyed(tx, &may, view(&params.site, &changed)).await
    })?;
    Ok(Reply::one("automation", changed))
}

/// `PUT /api/v2/automations/update_many`: places, and which are on.
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Automations>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut places = rules::places_of(&body, "automations")?;
    places.iter_mut().for_each(|place| place.category_id = None);
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let changed = place::put_all(tx, &may, now, &places).await?;
        let views = changed.iter().map(|rule| view(&params.site, rule)).collect();
        rules::keyed(tx, &may, Value::Object(page::whole("automations", views))).await
    })?;
    Ok(Reply::ok(changed))
}

/// `DELETE /api/v2/automations/{automation_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Automations>>, Id(id): Id) -> Answer {
    delete_all(&app, &may, &[id]).await
}

/// `DELETE /api/v2/automations/destroy_many`: all of them, or none.
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Automations>>, params: Params) -> Answer {
    delete_all(&app, &may, &params.required_ids("ids")?).await
}

async fn delete_all(app: &App, may: &CanWrite<Automations>, ids: &[i64]) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for id in ids {
            write::delete(tx, may, now, *id).await?;
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::empty())
}

pub(crate) fn view(site: &Site, rule: &Rule) -> Value {
    Value::Object(rules::view(site, "automations", rule))
}
