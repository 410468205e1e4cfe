//! `/api/v2/automations` (Zendesk contract, `resources.automations`): rules that run as time passes. What they share with triggers:
//! `rules.rs` and `rule_calls.rs`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::rules::{Rule, place};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Automations;
use serde_json::Value;
use store::transact;

use crate::answer::{Answer, Reply};
use crate::fields::Body;
use crate::query::Params;
use crate::rules::{self, Kind, view};
use crate::{Id, page, rule_calls};

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

const KIND: Kind = Kind::Automation;

/// `GET /api/v2/automations`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Automations>>, params: Params) -> Answer {
    let keep = |rule: &Rule| rules::is_asked_for(&params, rule);
    rule_calls::list(&app, &may, &params, (KIND, "automations"), keep).await
}

/// `GET /api/v2/automations/active`
pub async fn list_active(State(app): State<App>, May(may): May<CanRead<Automations>>, params: Params) -> Answer {
    rule_calls::list(&app, &may, &params, (KIND, "active automations"), Rule::is_active).await
}

/// `GET /api/v2/automations/search`: by a part of the title.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Automations>>, params: Params) -> Answer {
    let part = params.required_text("query")?.to_lowercase();
    let keep = |rule: &Rule| rules::is_asked_for(&params, rule) && rule.name.to_lowercase().contains(&part);
    rule_calls::list(&app, &may, &params, (KIND, "found automations"), keep).await
}

/// `GET /api/v2/automations/{automation_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Automations>>, Id(id): Id, params: Params) -> Answer {
    rule_calls::show(&app, &may, &params, (KIND, id)).await
}

/// `POST /api/v2/automations`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Automations>>,
    params: Params,
    body: Body,
) -> Answer {
    rule_calls::create(&app, &may, &params, &body, KIND).await
}

/// `PUT /api/v2/automations/{automation_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Automations>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    rule_calls::update(&app, &may, &params, &body, (KIND, id)).await
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
        let views = changed.iter().map(|rule| view(&params.site, KIND, rule)).collect();
        rules::keyed(tx, &may, Value::Object(page::whole("automations", views))).await
    })?;
    Ok(Reply::ok(changed))
}

/// `DELETE /api/v2/automations/{automation_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Automations>>, Id(id): Id) -> Answer {
    rule_calls::delete(&app, &may, &[id]).await
}

/// `DELETE /api/v2/automations/destroy_many`: all of them, or none.
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Automations>>, params: Params) -> Answer {
    rule_calls::delete(&app, &may, &params.required_ids("ids")?).await
}
