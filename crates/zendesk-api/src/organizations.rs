//! `/api/v2/organizations` (Zendesk contract, `resources.organizations`).

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::By;
use helpdesk::organizations::{self, Changes, NewOrganization, Organization, Which};
use helpdesk::page::Slice;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Organizations;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::bulk::{self, Call};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site, object_fields};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/organizations", list)
        .post("/api/v2/organizations", create)
        .get("/api/v2/organizations/autocomplete", autocomplete)
        .get("/api/v2/organizations/count", count)
        .post("/api/v2/organizations/create_many", create_many)
        .post("/api/v2/organizations/create_or_update", create_or_update)
        .delete("/api/v2/organizations/destroy_many", destroy_many)
        .get("/api/v2/organizations/search", search)
        .get("/api/v2/organizations/show_many", show_many)
        .put("/api/v2/organizations/update_many", update_many)
        .get("/api/v2/organizations/{organization_id}", show)
        .put("/api/v2/organizations/{organization_id}", update)
        .delete("/api/v2/organizations/{organization_id}", delete)
        .get("/api/v2/organizations/{organization_id}/related", show_related)
        .get("/api/v2/users/{user_id}/organizations", list_of_user)
        .get("/api/v2/users/{user_id}/organizations/count", count_of_user)
}

pub(crate) const CALLS: &[Call] = &[
    Call {
        word: "organizations.create",
        title: "Bulk Create Organization",
        failure: "OrganizationCreateFailed",
        carry: |tx, by, now, row| Box::pin(carry_create(tx, by, now, row)),
    },
    Call {
        word: "organizations.update",
        title: "Bulk Update Organization",
        failure: "OrganizationUpdateFailed",
        carry: |tx, by, now, row| Box::pin(carry_update(tx, by, now, row)),
    },
    Call {
        word: "organizations.delete",
        title: "Bulk Delete Organization",
        failure: "OrganizationDeleteFailed",
        carry: |tx, by, now, row| Box::pin(carry_delete(tx, by, now, row)),
    },
];

const NAME_MAX_CHARS: usize = 255;
const TEXT_MAX_CHARS: usize = 65_536;

/// `GET /api/v2/organizations`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Organizations>>, params: Params) -> Answer {
    list_by(&app, &may, &params, "organizations", Which::All).await
}

/// `GET /api/v2/users/{user_id}/organizations`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Organizations>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    list_by(&app, &may, &params, "user organizations", Which::OfCustomer(id)).await
}

/// `GET /api/v2/organizations/autocomplete`: whose name begins so.
pub async fn autocomplete(State(app): State<App>, May(may): May<CanRead<Organizations>>, params: Params) -> Answer {
    let name = params.required_text("name")?;
    list_by(&app, &may, &params, "named organizations", Which::NameStarts(&name)).await
}

/// `GET /api/v2/organizations/search`: by the whole name or the foreign id.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Organizations>>, params: Params) -> Answer {
    match (params.text("external_id")?, params.text("name")?) {
        (Some(id), None) => list_by(&app, &may, &params, "found organizations", Which::ExternalIds(&[id])).await,
        (None, Some(name)) => list_by(&app, &may, &params, "found organizations", Which::Name(&name)).await,
        _ => Err(ZendeskError::bad_request("Send either external_id or name.")),
    }
}

async fn list_by(
    app: &App,
    may: &CanRead<Organizations>,
    params: &Params,
    list: &'static str,
    which: Which<'_>,
) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = organizations::some(&mut tx, may, which, &asked.slice).await?;
    let body = asked.body("organizations", page, |organization| view(&params.site, &organization));
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/organizations/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Organizations>>) -> Answer {
    count_by(&app, &may, Which::All).await
}

/// `GET /api/v2/users/{user_id}/organizations/count`
pub async fn count_of_user(State(app): State<App>, May(may): May<CanRead<Organizations>>, Id(id): Id) -> Answer {
    count_by(&app, &may, Which::OfCustomer(id)).await
}

async fn count_by(app: &App, may: &CanRead<Organizations>, which: Which<'_>) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::count(organizations::count(&mut tx, may, which).await?, app.clock.now()))
}

/// `GET /api/v2/organizations/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<Organizations>>, params: Params) -> Answer {
    let external_ids = params.texts("external_ids")?;
    let ids = if external_ids.is_none() { params.required_ids("ids")? } else { Vec::new() };
    let which = external_ids.as_deref().map_or(Which::Ids(&ids), Which::ExternalIds);
    let mut tx = app.db.read().await?;
    let slice = Slice { limit: page::PER_PAGE, from: None };
    let found = organizations::some(&mut tx, &may, which, &slice).await?.items;
    let views = found.iter().map(|organization| view(&params.site, organization)).collect();
    Ok(Reply::ok(Value::Object(page::whole("organizations", views))))
}

/// `GET /api/v2/organizations/{organization_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Organizations>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let organization = organizations::find(&mut tx, &may, id).await?;
    Ok(Reply::one("organization", view(&params.site, &organization)))
}

/// `GET /api/v2/organizations/{organization_id}/related`
pub async fn show_related(State(app): State<App>, May(may): May<CanRead<Organizations>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let (tickets, users) = organizations::related(&mut tx, &may, id).await?;
    Ok(Reply::one("organization_related", json!({ "tickets_count": tickets, "users_count": users })))
}

/// `POST /api/v2/organizations`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("organization")?;
    fields.require("name");
    let sent = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let organization = create_one(tx, &may, now, &sent).await?;
        Reply::created("organization", view(&params.site, &organization))
    })
}

/// `POST /api/v2/organizations/create_or_update`: by id or foreign id, never by name.
pub async fn create_or_update(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("organization")?;
    let id = fields.id("id").flatten();
    let sent = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let external_id = sent.changes.external_id.as_ref().and_then(Option::as_deref);
        match organizations::known(tx, &may, id, external_id).await? {
            Some(id) => {
                let organization = update_one(tx, &may, now, (id, &sent)).await?;
                let reply = Reply::created("organization", view(&params.site, &organization));
                Reply { status: StatusCode::OK, ..reply }
            }
            None if sent.changes.name.is_none() => return Err(ZendeskError::invalid("name", "cannot be blank")),
            None => {
                let organization = create_one(tx, &may, now, &sent).await?;
                Reply::created("organization", view(&params.site, &organization))
            }
        }
    })
}

/// `PUT /api/v2/organizations/{organization_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("organization")?;
    let sent = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let organization = transact!(app.db, |tx| update_one(tx, &may, now, (id, &sent)).await)?;
    Ok(Reply::one("organization", view(&params.site, &organization)))
}

/// `DELETE /api/v2/organizations/{organization_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Organizations>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| organizations::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `POST /api/v2/organizations/create_many`
pub async fn create_many(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    params: Params,
    body: Body,
) -> Answer {
    bulk::start(&app, &may, &params.site, "organizations.create", body.records("organizations")?).await
}

/// `PUT /api/v2/organizations/update_many`
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Organizations>>,
    params: Params,
    body: Body,
) -> Answer {
    let rows = bulk::rows_of_update(&params, &body, "organization", "organizations")?;
    bulk::start(&app, &may, &params.site, "organizations.update", rows).await
}

/// `DELETE /api/v2/organizations/destroy_many`
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Organizations>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "organizations.delete", bulk::rows_of_any_ids(&params)?).await
}

async fn carry_create(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    fields.require("name");
    let sent = read(&mut fields);
    fields.finish()?;
    Ok(bulk::was_created(create_one(tx, &by.permit()?, now, &sent).await?.id))
}

async fn carry_update(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let may = by.permit()?;
    let id = id_of(tx, &may, row).await?;
    let mut fields = Fields::of_row(row);
    let sent = read(&mut fields);
    fields.finish()?;
    update_one(tx, &may, now, (id, &sent)).await?;
    Ok(bulk::was_updated(id))
}

async fn carry_delete(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let may = by.permit()?;
    let id = id_of(tx, &may, row).await?;
    organizations::delete(tx, &may, now, id).await?;
    Ok(bulk::was_deleted(id))
}

/// The organization that a row names, by id or by foreign id.
async fn id_of(tx: &mut Tx, may: &CanWrite<Organizations>, row: &Value) -> Result<i64, ZendeskError> {
    if row.get("id").is_some() {
        return bulk::id_of(row);
    }
    let found = organizations::known(tx, may, None, row["external_id"].as_str()).await?;
    found.ok_or_else(ZendeskError::not_found)
}

/// What was sent of an organization.
struct Sent {
    changes: Changes,
    /// Values of fields of the account's own, by key.
    fields: Map<String, Value>,
}

async fn create_one(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    sent: &Sent,
) -> Result<Organization, ZendeskError> {
    let made = organizations::create(tx, may, now, &new_of(&sent.changes)).await?;
    Ok(organizations::set_fields(tx, may, now, made.id, &sent.fields).await?)
}

async fn update_one(
    tx: &mut Tx,
    may: &CanWrite<Organizations>,
    now: Timestamp,
    (id, sent): (i64, &Sent),
) -> Result<Organization, ZendeskError> {
    organizations::update(tx, may, now, id, &sent.changes).await?;
    Ok(organizations::set_fields(tx, may, now, id, &sent.fields).await?)
}

fn new_of(sent: &Changes) -> NewOrganization {
    let sent = sent.clone();
    NewOrganization {
        name: sent.name.unwrap_or_default(),
        external_id: sent.external_id.flatten(),
        details: sent.details.flatten(),
        notes: sent.notes.flatten(),
        team_id: sent.team_id.flatten(),
        domains: sent.domains.unwrap_or_default(),
        shared_tickets: sent.shared_tickets.unwrap_or_default(),
        shared_comments: sent.shared_comments.unwrap_or_default(),
        tags: sent.tags.unwrap_or_default(),
    }
}

fn read(fields: &mut Fields) -> Sent {
    fields.pass(&["created_at", "deleted_at", "id", "result_type", "updated_at", "url"]);
    let changes = Changes {
        name: fields.some_text("name", NAME_MAX_CHARS),
        external_id: fields.text("external_id", NAME_MAX_CHARS),
        details: fields.text("details", TEXT_MAX_CHARS),
        notes: fields.text("notes", TEXT_MAX_CHARS),
        team_id: fields.id("group_id"),
        domains: fields.texts("domain_names", NAME_MAX_CHARS),
        shared_tickets: fields.flag("shared_tickets"),
        shared_comments: fields.flag("shared_comments"),
        tags: fields.texts("tags", NAME_MAX_CHARS),
    };
    Sent { changes, fields: object_fields::read_values(fields, "organization_fields") }
}

pub(crate) fn view(site: &Site, organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "url": site.url(&format!("organizations/{}", organization.id)),
        "name": organization.name,
        "external_id": organization.external_id,
        "domain_names": organization.domains,
        "details": organization.details,
        "notes": organization.notes,
        "group_id": organization.team_id,
        "shared_tickets": organization.shared_tickets,
        "shared_comments": organization.shared_comments,
        "tags": organization.tags,
        "organization_fields": object_fields::values(&organization.fields),
        "created_at": format(organization.created_at),
        "updated_at": format(organization.updated_at),
    })
}
