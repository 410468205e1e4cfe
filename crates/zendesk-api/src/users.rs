//! `/api/v2/users`: staff and customers in one list (Zendesk contract, `resources.users`). What is written of them is read and carried out
//! by `user_write.rs`; many at once are `users_bulk.rs`.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::MethodFilter;
use endpoint::{App, Later, May, Perhaps, Routes};
use helpdesk::customers;
use helpdesk::organizations::subscriptions;
use helpdesk::page::{Page, Slice};
use helpdesk::profiles::{self, Filter, Profile};
use scope::permission::{Permission, Permissions};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Customers, Kind, Read, Users};
use scope::role::Role;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::sideload::Beside;
use crate::time::{format, format_or_null};
use crate::user_write::{self, Staff};
use crate::{Id, Site, custom_roles, locales, object_fields, users_gone};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/users", list)
        .post("/api/v2/users", create)
        .get("/api/v2/users/autocomplete", autocomplete)
        .post("/api/v2/users/autocomplete", autocomplete_by_body)
        .get("/api/v2/users/count", count)
        .post("/api/v2/users/create_or_update", create_or_update)
        .by_request(MethodFilter::GET, "/api/v2/users/me", show_me, ME, "answers somebody unknown as Anonymous user")
        .get("/api/v2/users/search", search)
        .get("/api/v2/users/show_many", show_many)
        .get("/api/v2/users/{user_id}", show)
        .put("/api/v2/users/{user_id}", update)
        .delete("/api/v2/users/{user_id}", delete)
        .put("/api/v2/users/{user_id}/merge", merge)
        .get("/api/v2/users/{user_id}/related", show_related)
        .get("/api/v2/deleted_users", list_deleted)
        .get("/api/v2/deleted_users/count", count_deleted)
        .get("/api/v2/groups/{group_id}/users", list_of_group)
        .get("/api/v2/groups/{group_id}/users/count", count_of_group)
        .get("/api/v2/organizations/{organization_id}/users", list_of_organization)
        .get("/api/v2/organizations/{organization_id}/users/count", count_of_organization)
}

/// What a refusal of `users/me` names.
const ME: Permissions = Permissions::of(&[Permission::read(Kind::Users)]);

type MayRead<'a> = (&'a CanRead<Users>, &'a CanRead<Customers>);

/// `GET /api/v2/users`
pub async fn list(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
) -> Answer {
    let filter =
        Filter { roles: roles_asked(&params), external_ids: params.texts("external_id")?, ..Filter::default() };
    list_by(&app, (&staff, &customers), &params, ("users", "users"), filter).await
}

/// `GET /api/v2/groups/{group_id}/users`
pub async fn list_of_group(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { team_id: Some(id), ..Filter::default() };
    list_by(&app, (&staff, &customers), &params, ("users", "group users"), filter).await
}

/// `GET /api/v2/organizations/{organization_id}/users`
pub async fn list_of_organization(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let filter = Filter { organization_id: Some(id), ..Filter::default() };
    list_by(&app, (&staff, &customers), &params, ("users", "organization users"), filter).await
}

/// `GET /api/v2/deleted_users`
pub async fn list_deleted(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
) -> Answer {
    let filter = Filter { gone: true, ..Filter::default() };
    list_by(&app, (&staff, &customers), &params, ("deleted_users", "deleted users"), filter).await
}

/// `GET /api/v2/users/autocomplete`: whose name begins so.
pub async fn autocomplete(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
) -> Answer {
    list_named(&app, (&staff, &customers), &params).await
}

/// `POST /api/v2/users/autocomplete`: the same, asked in the body.
pub async fn autocomplete_by_body(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    list_named(&app, (&staff, &customers), &params.with_body(&headers, &body)?).await
}

async fn list_named(app: &App, may: MayRead<'_>, params: &Params) -> Answer {
    let name = params.required_text("name")?;
    if name.chars().count() < 2 {
        return Err(ZendeskError::bad_request("The parameter name must have at least 2 characters."));
    }
    let filter = Filter { name_starts: Some(name), ..Filter::default() };
    list_by(app, may, params, ("users", "named users"), filter).await
}

/// `GET /api/v2/users/search`: by the whole address, the beginning of the name, or the foreign id.
pub async fn search(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
) -> Answer {
    let query = params.text("query")?;
    let external_ids = params.text("external_id")?.map(|id| vec![id]);
    if query.is_some() == external_ids.is_some() {
        return Err(ZendeskError::bad_request("Send either query or external_id."));
    }
    let query = query.map(|query| query.trim().trim_start_matches("email:").trim_matches('"').to_owned());
    let is_email = query.as_ref().is_some_and(|query| query.contains('@'));
    let (email, name_starts) = if is_email { (query, None) } else { (None, query) };
    let filter = Filter { email, name_starts, external_ids, ..Filter::default() };
    list_by(&app, (&staff, &customers), &params, ("users", "found users"), filter).await
}

async fn list_by(
    app: &App,
    may: MayRead<'_>,
    params: &Params,
    (name, list): (&str, &'static str),
    filter: Filter,
) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = profiles::list(&mut tx, may, &filter, &asked.slice).await?;
    let Page { items, before, after, total } = page;
    let is_gone = filter.gone;
    let shown = |user: &Profile| if is_gone { users_gone::gone(&params.site, user) } else { view(&params.site, user) };
    let views = items.iter().map(shown).collect();
    let mut body = asked.around(name, views, (before, after, total));
    load_beside(&mut tx, may, params, &items, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

async fn load_beside(
    tx: &mut Tx,
    may: MayRead<'_>,
    params: &Params,
    users: &[Profile],
    body: &mut Map<String, Value>,
) -> Result<(), ZendeskError> {
    let mut beside = Beside::of(params);
    beside.organizations(users.iter().filter_map(|user| user.organization_id));
    beside.groups(users.iter().filter_map(|user| user.team_id));
    beside.load(tx, may.1, &params.site, body).await
}

/// `GET /api/v2/users/count`
pub async fn count(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
) -> Answer {
    let filter = Filter { roles: roles_asked(&params), ..Filter::default() };
    count_by(&app, (&staff, &customers), filter).await
}

/// `GET /api/v2/deleted_users/count`
pub async fn count_deleted(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
) -> Answer {
    count_by(&app, (&staff, &customers), Filter { gone: true, ..Filter::default() }).await
}

/// `GET /api/v2/groups/{group_id}/users/count`
pub async fn count_of_group(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
) -> Answer {
    count_by(&app, (&staff, &customers), Filter { team_id: Some(id), ..Filter::default() }).await
}

/// `GET /api/v2/organizations/{organization_id}/users/count`
pub async fn count_of_organization(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
) -> Answer {
    count_by(&app, (&staff, &customers), Filter { organization_id: Some(id), ..Filter::default() }).await
}

async fn count_by(app: &App, may: MayRead<'_>, filter: Filter) -> Answer {
    let mut tx = app.db.read().await?;
    let count = profiles::count(&mut tx, may, &filter).await?;
    Ok(Reply::count(count, app.clock.now()))
}

/// `GET /api/v2/users/show_many`
pub async fn show_many(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    params: Params,
) -> Answer {
    let external_ids = params.texts("external_ids")?;
    let ids = if external_ids.is_none() { Some(params.required_ids("ids")?) } else { None };
    let slice = Slice { limit: page::PER_PAGE, from: None };
    let filter = Filter { ids, external_ids, ..Filter::default() };
    let mut tx = app.db.read().await?;
    let found = profiles::list(&mut tx, (&staff, &customers), &filter, &slice).await?.items;
    let views = found.iter().map(|user| view(&params.site, user)).collect();
    let mut body = page::whole("users", views);
    load_beside(&mut tx, (&staff, &customers), &params, &found, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/users/{user_id}`
pub async fn show(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let user = profiles::find(&mut tx, (&staff, &customers), id).await?;
    let mut body = Map::from_iter([("user".to_owned(), view(&params.site, &user))]);
    load_beside(&mut tx, (&staff, &customers), &params, &[user], &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/users/me`: also of somebody unknown.
pub async fn show_me(State(app): State<App>, Perhaps(caller): Perhaps, params: Params) -> Answer {
    let Some(caller) = caller else { return Ok(Reply::one("user", anonymous())) };
    if caller.actor().role != Some(Role::Customer) {
        caller.permit::<Users, Read>()?;
    }
    let mut tx = app.db.read().await?;
    let Some(user) = profiles::own(&mut tx, caller.actor()).await? else {
        return Ok(Reply::one("user", anonymous()));
    };
    let mut shown = view(&params.site, &user);
    if user.role == Role::Customer
        && let Value::Object(fields) = &mut shown
    {
        fields.retain(|name, _| FOR_END_USERS.contains(&name.as_str()));
    }
    // Pages of a help center would send it back; a token needs none.
    shown["authenticity_token"] = json!("");
    Ok(Reply::one("user", shown))
}

/// The fields that an end user sees (Zendesk contract, `end_user_view`).
const FOR_END_USERS: &[&str] = &[
    "created_at",
    "email",
    "iana_time_zone",
    "id",
    "locale",
    "locale_id",
    "name",
    "organization_id",
    "phone",
    "photo",
    "role",
    "shared_phone_number",
    "time_zone",
    "updated_at",
    "url",
    "verified",
];

/// `GET /api/v2/users/{user_id}/related`
pub async fn show_related(
    State(app): State<App>,
    May(staff): May<CanRead<Users>>,
    May(customers): May<CanRead<Customers>>,
    Id(id): Id,
) -> Answer {
    let mut tx = app.db.read().await?;
    let [requested, copied, assigned] = profiles::related(&mut tx, (&staff, &customers), id).await?;
    let subscriptions = subscriptions::count_of(&mut tx, id).await?;
    let related = json!({
        "assigned_tickets": assigned,
        "ccd_tickets": copied,
        "organization_subscriptions": subscriptions,
        "requested_tickets": requested,
    });
    Ok(Reply::one("user_related", related))
}

/// `POST /api/v2/users`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("user")?;
    fields.require("name");
    let sent = user_write::read(&mut fields);
    fields.finish()?;
    let staff = Staff::Later(&later);
    once!(app, may.actor(), body.once, |tx, now| {
        let id = user_write::create(tx, (&may, &staff), now, &sent).await?;
        Reply::created("user", view(&params.site, &profiles::written(tx, &may, id).await?))
    })
}

/// `POST /api/v2/users/create_or_update`
pub async fn create_or_update(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("user")?;
    let sent = user_write::read(&mut fields);
    fields.finish()?;
    let staff = Staff::Later(&later);
    once!(app, may.actor(), body.once, |tx, now| {
        let (id, is_new) = user_write::create_or_update(tx, (&may, &staff), now, &sent).await?;
        let reply = Reply::created("user", view(&params.site, &profiles::written(tx, &may, id).await?));
        if is_new { reply } else { Reply { status: axum::http::StatusCode::OK, ..reply } }
    })
}

/// `PUT /api/v2/users/{user_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("user")?;
    let sent = user_write::read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let staff = Staff::Later(&later);
    let user = transact!(app.db, |tx| {
        user_write::update(tx, (&may, &staff), now, id, &sent).await?;
        let user = profiles::written(tx, &may, id).await?;
        if user.role.is_staff() && user.suspended {
            app.provider.end_access_of(tx, id).await?;
        }
        Ok::<_, ZendeskError>(user)
    })?;
    // A new role counts from the person's next call on (RS-6).
    app.provider.forget_person(id);
    Ok(Reply::one("user", view(&params.site, &user)))
}

/// `DELETE /api/v2/users/{user_id}`: answers the user, who is no longer active.
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let staff = Staff::Later(&later);
    let mut shown = transact!(app.db, |tx| {
        let user = profiles::written(tx, &may, id).await?;
        user_write::delete(tx, (&may, &staff), now, id).await?;
        app.provider.end_access_of(tx, id).await?;
        Ok::<_, ZendeskError>(view(&params.site, &user))
    })?;
    app.provider.forget_person(id);
    shown["active"] = json!(false);
    Ok(Reply::one("user", shown))
}

/// `PUT /api/v2/users/{user_id}/merge`: this customer becomes a part of the one in the body.
pub async fn merge(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("user")?;
    let target = fields.id("id").flatten();
    let email = fields.some_text("email", 320);
    if target.is_none() {
        fields.require("email");
    }
    fields.finish()?;
    let now = app.clock.now();
    let user = transact!(app.db, |tx| {
        let target = match target {
            Some(target) => Some(target),
            None => profiles::find_by(tx, &may, email.as_deref(), None).await?,
        };
        let target = target.ok_or_else(|| ZendeskError::invalid("email", "belongs to nobody"))?;
        customers::merge(tx, &may, now, id, target, &customers::Changes::default()).await?;
        Ok::<_, ZendeskError>(profiles::written(tx, &may, target).await?)
    })?;
    Ok(Reply::one("user", view(&params.site, &user)))
}

/// `role` and `role[]`, as roles of ours. Customers and staff are not asked for together: then everybody.
fn roles_asked(params: &Params) -> Vec<Role> {
    let words: BTreeSet<&str> = params.list("role").into_iter().collect();
    if words.contains("end-user") && 1 < words.len() {
        return Vec::new();
    }
    Role::ALL.iter().copied().filter(|role| words.contains(role_word(*role))).collect()
}

/// The vendor's three roles. What an agent may do more exactly is a custom role.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner | Role::Admin => "admin",
        Role::Lead | Role::Agent | Role::Lite | Role::Observer | Role::Internal | Role::Bot => "agent",
        Role::Customer => "end-user",
    }
}

fn role_type(role: Role) -> Option<i64> {
    match role {
        Role::Owner | Role::Admin => Some(4),
        Role::Lite | Role::Observer => Some(1),
        Role::Lead | Role::Agent | Role::Internal | Role::Bot | Role::Customer => None,
    }
}

fn anonymous() -> Value {
    json!({ "id": null, "name": "Anonymous user", "email": "invalid@example.com", "role": "end-user", "url": null })
}

pub(crate) fn view(site: &Site, user: &Profile) -> Value {
    let zone = user.timezone.as_deref().unwrap_or("UTC");
    json!({
        "id": user.id,
        "url": site.url(&format!("users/{}", user.id)),
        "name": user.name.as_deref().or(user.email.as_deref()).unwrap_or_default(),
        "email": user.email,
        "created_at": format(user.created_at),
        "updated_at": format(user.updated_at),
        "time_zone": zone,
        "iana_time_zone": zone,
        "phone": user.phone,
        "shared_phone_number": user.phone.as_ref().map(|_| false),
        "photo": null,
        "locale_id": user.language.as_deref().map_or(1, locales::id_of_word),
        "locale": user.language.as_deref().unwrap_or("en-US"),
        "organization_id": user.organization_id,
        "role": role_word(user.role),
        "role_type": user.custom_role_id.map_or(role_type(user.role), |_| Some(0)),
        "custom_role_id": custom_roles::id_of(user.role, user.custom_role_id),
        "verified": user.email_verified,
        "external_id": user.external_id,
        "tags": user.tags,
        "alias": user.alias,
        "active": user.active,
        "shared": false,
        "shared_agent": false,
        "last_login_at": format_or_null(user.last_seen_at),
        "two_factor_auth_enabled": user.has_second_factor,
        "signature": user.signature,
        "details": user.details,
        "notes": user.note,
        "chat_only": false,
        "default_group_id": user.team_id,
        "moderator": false,
        "only_private_comments": user.role == Role::Lite,
        "restricted_agent": user.role == Role::Customer,
        "suspended": user.suspended,
        "ticket_restriction": (user.role == Role::Customer).then_some("requested"),
        "report_csv": false,
        "user_fields": object_fields::values(&user.fields),
    })
}
