//! `/api/v2/slas/policies`, and what they promise of a ticket (Zendesk contract, `resources.sla_policies`, `Ticket.slas`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_fields;
use helpdesk::sla::clocks::Metric;
use helpdesk::sla::{self, Changes, DESCRIPTION_MAX_CHARS, Policy, Promise, TITLE_MAX_CHARS, Target};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::SlaPolicies;
use serde_json::{Map, Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page;
use crate::query::Params;
use crate::ticket_view::{PRIORITIES, priority_of};
use crate::time::{format, format_or_null};
use crate::{Id, Site, condition_definitions, condition_view, conditions};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/slas/policies", list)
        .post("/api/v2/slas/policies", create)
        .get("/api/v2/slas/policies/definitions", show_definitions)
        .put("/api/v2/slas/policies/reorder", reorder)
        .get("/api/v2/slas/policies/{sla_policy_id}", show)
        .put("/api/v2/slas/policies/{sla_policy_id}", update)
        .delete("/api/v2/slas/policies/{sla_policy_id}", delete)
}

const METRICS: &[&str] = &[
    "first_reply_time",
    "next_reply_time",
    "periodic_update_time",
    "pausable_update_time",
    "requester_wait_time",
    "agent_work_time",
    "total_resolution_time",
];

/// `GET /api/v2/slas/policies`: all at once, in their order.
pub async fn list(State(app): State<App>, May(may): May<CanRead<SlaPolicies>>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let views = sla::list(&mut tx, &may).await?.iter().map(|policy| view(&params.site, policy)).collect();
    Ok(Reply::ok(Value::Object(page::whole("sla_policies", views))))
}

/// `GET /api/v2/slas/policies/{sla_policy_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<SlaPolicies>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let policy = sla::find(&mut tx, &may, id).await?;
    Ok(Reply::one("sla_policy", view(&params.site, &policy)))
}

/// `GET /api/v2/slas/policies/definitions`: what a filter may ask.
pub async fn show_definitions(State(app): State<App>, May(may): May<CanRead<SlaPolicies>>) -> Answer {
    let mut tx = app.db.read().await?;
    let fields = custom_fields::named(&mut tx, &may).await?;
    let definitions = condition_definitions::definitions_of_filters(&fields);
    Ok(Reply::ok(json!({ "definitions": { "all": definitions, "any": definitions } })))
}

/// `POST /api/v2/slas/policies`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<SlaPolicies>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("sla_policy")?;
    fields.require("title");
    fields.require("filter");
    let new = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        Reply::created("sla_policy", view(&params.site, &sla::create(tx, &may, now, &new).await?))
    })
}

/// `PUT /api/v2/slas/policies/{sla_policy_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<SlaPolicies>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("sla_policy")?;
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let policy = transact!(app.db, |tx| sla::update(tx, &may, now, id, &changes).await)?;
    Ok(Reply::one("sla_policy", view(&params.site, &policy)))
}

/// `DELETE /api/v2/slas/policies/{sla_policy_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<SlaPolicies>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| sla::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/slas/policies/reorder`: the ids in the body or in the address.
pub async fn reorder(
    State(app): State<App>,
    May(may): May<CanWrite<SlaPolicies>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    let ids = fields.ids("sla_policy_ids");
    fields.finish()?;
    let ids = match ids {
        Some(ids) => ids,
        None => params.required_ids("sla_policy_ids")?,
    };
    let now = app.clock.now();
    transact!(app.db, |tx| sla::reorder(tx, &may, now, &ids).await)?;
    Ok(Reply::ok(json!({})))
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&["created_at", "id", "updated_at", "url", "metric_settings"]);
    let condition = fields.nested("filter", conditions::Sent::filter);
    let targets = fields.each("policy_metrics", read_target);
    Changes {
        title: fields.some_text("title", TITLE_MAX_CHARS),
        description: fields.text("description", DESCRIPTION_MAX_CHARS),
        position: fields.integer("position").flatten(),
        condition,
        targets: targets.map(|targets| targets.into_iter().flatten().collect()),
    }
}

/// None only of one that `finish` refuses.
fn read_target(fields: &mut Fields) -> Option<Target> {
    for field in ["priority", "metric"] {
        fields.require(field);
    }
    let priority = fields.word("priority", PRIORITIES).flatten().and_then(priority_of);
    let metric = fields.word("metric", METRICS).flatten().and_then(Metric::parse);
    let minutes = fields.integer("target").flatten();
    let seconds = fields.integer("target_in_seconds").flatten();
    if minutes.is_none() && seconds.is_none() {
        fields.require("target");
    }
    let business_hours = fields.flag("business_hours").unwrap_or_default();
    // A client that sends back what it read and changes the minutes means the minutes.
    let seconds = match (minutes, seconds) {
        (Some(minutes), Some(seconds)) if seconds.div_euclid(60) == minutes => seconds,
        (Some(minutes), _) => minutes.saturating_mul(60),
        (None, seconds) => seconds.unwrap_or_default(),
    };
    Some(Target { priority: priority?, metric: metric?, seconds, business_hours })
}

fn view(site: &Site, policy: &Policy) -> Value {
    let metrics: Vec<Value> = policy
        .targets
        .iter()
        .map(|target| {
            json!({
                "priority": target.priority.word(),
                "metric": target.metric.word(),
                "target": target.seconds / 60,
                "target_in_seconds": target.seconds,
                "business_hours": target.business_hours,
            })
        })
        .collect();
    json!({
        "id": policy.id,
        "url": site.url(&format!("slas/policies/{}", policy.id)),
        "title": policy.title,
        "description": policy.description,
        "position": policy.position,
        "filter": condition_view::view(&policy.condition),
        "policy_metrics": metrics,
        "created_at": format(policy.created_at),
        "updated_at": format(policy.updated_at),
    })
}

/// `slas` of a ticket: each promise with its stage, when it is broken, and how long that is from now, in the largest unit that it fills.
pub(crate) fn view_promises(promises: &[Promise], now: Timestamp) -> Value {
    let metrics: Vec<Value> = promises
        .iter()
        .map(|promise| {
            let mut shown = Map::from_iter([
                ("metric".to_owned(), json!(promise.target.metric.word())),
                ("stage".to_owned(), json!(promise.stage.word())),
                ("breach_at".to_owned(), format_or_null(promise.breach_at)),
            ]);
            if let Some(at) = promise.breach_at {
                let minutes = (at.as_second() - now.as_second()) / 60;
                let (unit, length) = match minutes.abs() {
                    0..60 => ("minutes", 1),
                    60..1_440 => ("hours", 60),
                    _ => ("days", 1_440),
                };
                shown.insert(unit.to_owned(), json!(minutes / length));
            }
            Value::Object(shown)
        })
        .collect();
    json!({ "policy_metrics": metrics })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_ours_is_one_of_theirs() {
        let ours: Vec<&str> = Metric::ALL.iter().map(|metric| metric.word()).collect();

        assert_eq!(ours, METRICS);
    }
}
