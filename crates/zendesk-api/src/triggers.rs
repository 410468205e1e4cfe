//! `/api/v2/triggers` (Zendesk contract, `resources.triggers`): rules that run when a ticket is created or changed. What they share with
//! automations: `rules.rs` and `rule_calls.rs`; as they were saved before: `trigger_revisions.rs`; their groups: `trigger_categories.rs`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_fields;
use helpdesk::rules::write;
use helpdesk::rules::{self as domain, RULES_MAX, Rule, place};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Triggers;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::condition_fields::Who;
use crate::fields::Body;
use crate::query::Params;
use crate::rules::{self, Kind, view};
use crate::{Id, Site, condition_definitions, page, rule_actions, rule_calls};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/triggers", list)
        .post("/api/v2/triggers", create)
        .get("/api/v2/triggers/active", list_active)
        .get("/api/v2/triggers/definitions", show_definitions)
        .delete("/api/v2/triggers/destroy_many", destroy_many)
        .get("/api/v2/triggers/limits", show_limits)
        .put("/api/v2/triggers/reorder", reorder)
        .get("/api/v2/triggers/search", search)
        .put("/api/v2/triggers/update_many", update_many)
        .post("/api/v2/triggers/validate", validate)
        .get("/api/v2/triggers/{trigger_id}", show)
        .put("/api/v2/triggers/{trigger_id}", update)
        .delete("/api/v2/triggers/{trigger_id}", delete)
}

const KIND: Kind = Kind::Trigger;

/// `GET /api/v2/triggers`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Triggers>>, params: Params) -> Answer {
    let category_id = params.id("category_id")?;
    let keep = |rule: &Rule| rules::is_asked_for(&params, rule) && is_in(rule, category_id);
    rule_calls::list(&app, &may, &params, (KIND, "triggers"), keep).await
}

/// `GET /api/v2/triggers/active`
pub async fn list_active(State(app): State<App>, May(may): May<CanRead<Triggers>>, params: Params) -> Answer {
    let category_id = params.id("category_id")?;
    let keep = |rule: &Rule| rule.is_active() && is_in(rule, category_id);
    rule_calls::list(&app, &may, &params, (KIND, "active triggers"), keep).await
}

/// `GET /api/v2/triggers/search`: by a part of the title.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Triggers>>, params: Params) -> Answer {
    let part = params.required_text("query")?.to_lowercase();
    let category_id = params.id("category_id")?;
    let keep = |rule: &Rule| {
        rules::is_asked_for(&params, rule) && is_in(rule, category_id) && rule.name.to_lowercase().contains(&part)
    };
    rule_calls::list(&app, &may, &params, (KIND, "found triggers"), keep).await
}

fn is_in(rule: &Rule, category_id: Option<i64>) -> bool {
    category_id.is_none_or(|id| rule.category_id == Some(id))
}

/// `GET /api/v2/triggers/definitions`
pub async fn show_definitions(State(app): State<App>, May(may): May<CanRead<Triggers>>) -> Answer {
    let mut tx = app.db.read().await?;
    let fields = custom_fields::named(&mut tx, &may).await?;
    let mut definitions = condition_definitions::definitions(Who::Trigger, &fields);
    definitions["actions"] = Value::Array(rule_actions::definitions(&fields));
    Ok(Reply::one("definitions", definitions))
}

/// `GET /api/v2/triggers/limits`: rules of both sorts have one limit.
pub async fn show_limits(State(app): State<App>, May(may): May<CanRead<Triggers>>) -> Answer {
    let mut tx = app.db.read().await?;
    let found = domain::in_order(&mut tx, &may).await?;
    let n_active = found.iter().filter(|rule| rule.is_active()).count();
    Ok(Reply::one("limits", json!({ "limit": RULES_MAX, "count": found.len(), "active_count": n_active })))
}

/// `GET /api/v2/triggers/{trigger_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Triggers>>, Id(id): Id, params: Params) -> Answer {
    rule_calls::show(&app, &may, &params, (KIND, id)).await
}

/// `POST /api/v2/triggers`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Triggers>>, params: Params, body: Body) -> Answer {
    rule_calls::create(&app, &may, &params, &body, KIND).await
}

/// `PUT /api/v2/triggers/{trigger_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Triggers>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    rule_calls::update(&app, &may, &params, &body, (KIND, id)).await
}

/// `POST /api/v2/triggers/validate`: what would keep a trigger from being saved. Nothing is stored.
pub async fn validate(State(app): State<App>, May(may): May<CanWrite<Triggers>>, body: Body) -> Answer {
    let mut fields = body.record("trigger")?;
    fields.require("title");
    fields.require("actions");
    let sent = rules::read(&mut fields, KIND);
    let mut tx = app.db.read().await?;
    let read = match fields.finish() {
        Ok(()) => rules::steps(&mut tx, &may, &sent, (KIND, None)).await,
        Err(error) => Err(error),
    };
    let checked = match read {
        Ok(steps) => write::check(&mut tx, &may, &steps.unwrap_or_default()).await.map_err(rules::here),
        Err(error) => Err(error),
    };
    let errors = match checked {
        Ok(()) => Vec::new(),
        Err(error) => error.into_list()?,
    };
    Ok(Reply::ok(json!({ "errors": errors })))
}

/// `PUT /api/v2/triggers/update_many`: places, categories, and which are on.
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Triggers>>,
    params: Params,
    body: Body,
) -> Answer {
    let places = rules::places_of(&body, "triggers")?;
    let now = app.clock.now();
    transact!(app.db, |tx| {
        let changed = place::put_all(tx, &may, now, &places).await?;
        whole(tx, &may, &params.site, &changed).await
    })
}

/// `PUT /api/v2/triggers/reorder`: the ids of all triggers in their new order.
pub async fn reorder(State(app): State<App>, May(may): May<CanWrite<Triggers>>, params: Params, body: Body) -> Answer {
    let mut fields = body.bare()?;
    fields.require("trigger_ids");
    let ids = fields.ids("trigger_ids").unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| {
        let ordered = place::reorder(tx, &may, now, &ids).await?;
        whole(tx, &may, &params.site, &ordered).await
    })
}

async fn whole(tx: &mut Tx, may: &CanWrite<Triggers>, site: &Site, found: &[Rule]) -> Answer {
    let views = found.iter().map(|rule| view(site, KIND, rule)).collect();
    let views = Value::Object(page::whole("triggers", views));
    Ok(Reply::ok(rules::keyed(tx, may, views).await?))
}

/// `DELETE /api/v2/triggers/{trigger_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Triggers>>, Id(id): Id) -> Answer {
    rule_calls::delete(&app, &may, &[id]).await
}

/// `DELETE /api/v2/triggers/destroy_many`: all of them, or none.
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Triggers>>, params: Params) -> Answer {
    rule_calls::delete(&app, &may, &params.required_ids("ids")?).await
}
