//! `/api/v2/brands` (Zendesk contract, `resources.brands`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::brands::{self, Brand, Changes};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Brands;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/brands", list)
        .post("/api/v2/brands", create)
        .get("/api/v2/brands/{brand_id}", show)
        .put("/api/v2/brands/{brand_id}", update)
        .delete("/api/v2/brands/{brand_id}", delete)
}

const TEXT_MAX_CHARS: usize = 65_536;

/// `GET /api/v2/brands`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Brands>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "brands", &["id"])?;
    let mut tx = app.db.read().await?;
    let page = brands::list(&mut tx, &may, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("brands", page, |brand| view(&params.site, &brand)))))
}

/// `GET /api/v2/brands/{brand_id}`: also a deleted one.
pub async fn show(State(app): State<App>, May(may): May<CanRead<Brands>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let brand = brands::find(&mut tx, &may, id).await?;
    Ok(Reply::one("brand", view(&params.site, &brand)))
}

/// `POST /api/v2/brands`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Brands>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("brand")?;
    fields.require("name");
    fields.require("subdomain");
    let new = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        Reply::created("brand", view(&params.site, &brands::create(tx, &may, now, &new).await?))
    })
}

/// `PUT /api/v2/brands/{brand_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Brands>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("brand")?;
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let brand = transact!(app.db, |tx| brands::update(tx, &may, now, id, &changes).await)?;
    Ok(Reply::one("brand", view(&params.site, &brand)))
}

/// `DELETE /api/v2/brands/{brand_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Brands>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| brands::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&[
        "brand_url",
        "created_at",
        "has_help_center",
        "help_center_state",
        "id",
        "is_deleted",
        "ticket_form_ids",
        "updated_at",
        "url",
        "user_separation",
    ]);
    Changes {
        name: fields.some_text("name", brands::NAME_MAX_CHARS),
        subdomain: fields.some_text("subdomain", brands::NAME_MAX_CHARS),
        active: fields.flag("active"),
        is_default: fields.flag("default"),
        host_mapping: fields.text("host_mapping", brands::NAME_MAX_CHARS),
        signature_template: fields.text("signature_template", TEXT_MAX_CHARS),
    }
}

pub(crate) fn view(site: &Site, brand: &Brand) -> Value {
    json!({
        "id": brand.id,
        "url": site.url(&format!("brands/{}", brand.id)),
        "name": brand.name,
        "subdomain": brand.subdomain,
        // Every brand is served under the one address of this server.
        "brand_url": site.0,
        "host_mapping": brand.host_mapping,
        // There is one help center, and it is the account's own.
        "has_help_center": brand.is_default,
        "help_center_state": if brand.is_default { "enabled" } else { "disabled" },
        "active": brand.active,
        "default": brand.is_default,
        "is_deleted": brand.deleted_at.is_some(),
        "logo": null,
        "ticket_form_ids": brand.form_ids,
        "signature_template": brand.signature_template,
        "created_at": format(brand.created_at),
        "updated_at": format(brand.updated_at),
    })
}
