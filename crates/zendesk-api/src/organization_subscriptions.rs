//! `/api/v2/organization_subscriptions`: who wants to hear of an organization's tickets (Zendesk contract,
//! `resources.organization_subscriptions`). Customers see and change their own.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, Later, Routes};
use helpdesk::organizations::subscriptions::{self, Subscription, Which};
use scope::permission::{Permission, Permissions};
use scope::resource::{Kind, Organizations, Read, Write};
use serde_json::{Value, json};
use store::transact;

use crate::Id;
use crate::answer::{Answer, Reply};
use crate::fields::Body;
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    const READS: Permissions = Permissions::of(&[Permission::read(Kind::Organizations)]);
    const WRITES: Permissions = Permissions::of(&[Permission::write(Kind::Organizations)]);
    const WHY: &str = "customers have their own, whatever their role; the token's words are checked";
    const ALL: &str = "/api/v2/organization_subscriptions";
    const ONE: &str = "/api/v2/organization_subscriptions/{organization_subscription_id}";
    const OF_ORGANIZATION: &str = "/api/v2/organizations/{organization_id}/subscriptions";
    const OF_USER: &str = "/api/v2/users/{user_id}/organization_subscriptions";
    routes
        .by_request(MethodFilter::GET, ALL, list, READS, WHY)
        .by_request(MethodFilter::POST, ALL, create, WRITES, WHY)
        .by_request(MethodFilter::GET, ONE, show, READS, WHY)
        .by_request(MethodFilter::DELETE, ONE, delete, WRITES, WHY)
        .by_request(MethodFilter::GET, OF_ORGANIZATION, list_of_organization, READS, WHY)
        .by_request(MethodFilter::GET, OF_USER, list_of_user, READS, WHY)
}

/// `GET /api/v2/organization_subscriptions`
pub async fn list(State(app): State<App>, later: Later, params: Params) -> Answer {
    list_by(&app, &later, &params, ("organization subscriptions", Which::default())).await
}

/// `GET /api/v2/organizations/{organization_id}/subscriptions`
pub async fn list_of_organization(State(app): State<App>, later: Later, Id(id): Id, params: Params) -> Answer {
    let which = Which { organization_id: Some(id), ..Which::default() };
    list_by(&app, &later, &params, ("subscriptions of organization", which)).await
}

/// `GET /api/v2/users/{user_id}/organization_subscriptions`
pub async fn list_of_user(State(app): State<App>, later: Later, Id(id): Id, params: Params) -> Answer {
    let which = Which { person_id: Some(id), ..Which::default() };
    list_by(&app, &later, &params, ("organization subscriptions of user", which)).await
}

async fn list_by(app: &App, later: &Later, params: &Params, (list, which): (&'static str, Which)) -> Answer {
    later.by_words::<Organizations, Read>()?;
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = subscriptions::list(&mut tx, later.actor(), which, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("organization_subscriptions", page, |it| view(&it)))))
}

/// `GET /api/v2/organization_subscriptions/{organization_subscription_id}`
pub async fn show(State(app): State<App>, later: Later, Id(id): Id) -> Answer {
    later.by_words::<Organizations, Read>()?;
    let mut tx = app.db.read().await?;
    let found = subscriptions::find(&mut tx, later.actor(), id).await?;
    Ok(Reply::one("organization_subscription", view(&found)))
}

/// `POST /api/v2/organization_subscriptions`
pub async fn create(State(app): State<App>, later: Later, body: Body) -> Answer {
    later.by_words::<Organizations, Write>()?;
    let mut fields = body.record("organization_subscription")?;
    fields.pass(&["id", "created_at"]);
    let organization_id = fields.required_id("organization_id");
    let person_id = fields.required_id("user_id");
    fields.finish()?;
    once!(app, later.actor(), body.once, |tx, now| {
        let made = subscriptions::create(tx, later.actor(), now, organization_id, person_id).await?;
        Reply::one("organization_subscription", view(&made))
    })
}

/// `DELETE /api/v2/organization_subscriptions/{organization_subscription_id}`
pub async fn delete(State(app): State<App>, later: Later, Id(id): Id) -> Answer {
    later.by_words::<Organizations, Write>()?;
    let now = app.clock.now();
    transact!(app.db, |tx| subscriptions::delete(tx, later.actor(), now, id).await)?;
    Ok(Reply::empty())
}

fn view(it: &Subscription) -> Value {
    json!({
        "id": it.id,
        "organization_id": it.organization_id,
        "user_id": it.person_id,
        "created_at": format(it.created_at),
    })
}
