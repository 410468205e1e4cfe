//! `/api/v2/deleted_users`: people who were taken away, and of whom nothing shall be left (Zendesk contract, `resources.users`). Besides,
//! what few calls ask of somebody: their settings, their seats, a request for another agent.

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::account;
use helpdesk::profiles::{self, Profile};
use helpdesk::users;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Customers, Users};
use serde_json::{Map, Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;
use crate::users::{role_word, view};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/deleted_users/{deleted_user_id}", show)
        .delete("/api/v2/deleted_users/{deleted_user_id}", erase)
        .get("/api/v2/users/{user_id}/compliance_deletion_statuses", list_statuses)
        .get("/api/v2/users/me/settings", show_settings)
        .put("/api/v2/users/me/settings", update_settings)
        .get("/api/v2/users/{user_id}/entitlements/full", show_entitlements)
        .post("/api/v2/users/request_create", request_create)
}

/// The fields of somebody who was deleted.
const SHOWN: &[&str] = &[
    "id",
    "url",
    "name",
    "email",
    "created_at",
    "updated_at",
    "time_zone",
    "phone",
    "shared_phone_number",
    "photo",
    "locale_id",
    "locale",
    "organization_id",
    "role",
    "active",
];

/// `GET /api/v2/deleted_users/{deleted_user_id}`
pub async fn show(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let user = profiles::find_gone(&mut tx, (&staff, &customers), id).await?;
    Ok(Reply::one("deleted_user", gone(&params.site, &user)))
}

/// `DELETE /api/v2/deleted_users/{deleted_user_id}`: what is known of them is forgotten for good; what they wrote stays.
pub async fn erase(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let may_staff: Option<CanWrite<Users>> = later.permit().ok();
    let user = transact!(app.db, |tx| {
        let user = profiles::erase(tx, (&may, may_staff.as_ref()), now, id).await?;
        app.provider.end_access_of(tx, id).await?;
        Ok::<_, ZendeskError>(user)
    })?;
    app.provider.forget_person(id);
    Ok(Reply::one("deleted_user", gone(&params.site, &user)))
}

pub(crate) fn gone(site: &Site, user: &Profile) -> Value {
    let mut shown = view(site, user);
    if let Value::Object(fields) = &mut shown {
        fields.retain(|name, _| SHOWN.contains(&name.as_str()));
        fields.insert("active".to_owned(), json!(false));
        fields.insert("url".to_owned(), json!(site.url(&format!("deleted_users/{}", user.id))));
    }
    shown
}

/// `GET /api/v2/users/{user_id}/compliance_deletion_statuses`: nothing for whoever is not forgotten.
pub async fn list_statuses(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    // One program holds all: it is the only application.
    const APPLICATION: &str = "support";
    let asked = Asked::read(&params, "deletion statuses", &["created_at"])?;
    let is_asked = params.one("application").is_none_or(|word| word == APPLICATION || word == "all");
    let mut tx = app.db.read().await?;
    let erasure = profiles::erasure(&mut tx, (&staff, &customers), id).await?.filter(|_| is_asked);
    let subdomain = account::domain(&mut tx).await?;
    let mut views = Vec::new();
    if let Some(erasure) = erasure {
        for (action, application, by) in
            [("request_deletion", "all", erasure.erased_by), ("complete", APPLICATION, None)]
        {
            views.push(json!({
                "action": action,
                "application": application,
                "account_subdomain": subdomain,
                "executer_id": by,
                "user_id": id,
                "created_at": format(erasure.created_at),
            }));
        }
    }
    Ok(Reply::ok(Value::Object(asked.cut("compliance_deletion_statuses", views))))
}

/// `GET /api/v2/users/me/settings`
pub async fn show_settings(State(app): State<App>, May(may): May<CanRead<Users>>) -> Answer {
    let id = may.actor().person_id.ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("settings", profiles::settings(&mut app.db.read().await?, &may, id).await?))
}

/// `PUT /api/v2/users/me/settings`: key by key; null takes one away.
pub async fn update_settings(State(app): State<App>, May(may): May<CanWrite<Customers>>, body: Body) -> Answer {
    let Some(Value::Object(changes)) = body.value.get("settings") else {
        return Err(ZendeskError::bad_request("settings must be an object."));
    };
    let now = app.clock.now();
    let settings = transact!(app.db, |tx| profiles::set_own_settings(tx, may.actor(), now, changes).await)?;
    Ok(Reply::one("settings", settings))
}

/// `GET /api/v2/users/{user_id}/entitlements/full`: one product, with the seat that goes with the role.
pub async fn show_entitlements(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    later: Later,
    Id(id): Id,
) -> Answer {
    later.administrator()?;
    let mut tx = app.db.read().await?;
    let user = profiles::find(&mut tx, (&staff, &customers), id).await?;
    let seat = user.role.is_staff().then(|| role_word(user.role));
    let support =
        json!({ "name": seat, "is_active": user.active && seat.is_some(), "assigned_role": user.role.word() });
    Ok(Reply::one("entitlements", Value::Object(Map::from_iter([("support".to_owned(), support)]))))
}

/// `POST /api/v2/users/request_create`: an agent asks the owner for another agent. Nobody is made: the audit log says who is wanted.
pub async fn request_create(State(app): State<App>, May(may): May<CanWrite<Customers>>, body: Body) -> Answer {
    let mut fields = body.record("user")?;
    fields.require("name");
    let sent = crate::user_write::read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let (name, email) = (sent.name.unwrap_or_default(), sent.email);
    transact!(app.db, |tx| users::request(tx, may.actor(), now, (&name, email.as_deref())).await)?;
    Ok(Reply::ok(json!({})))
}
