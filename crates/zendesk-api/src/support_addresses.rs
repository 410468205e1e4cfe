//! `/api/v2/recipient_addresses` (Zendesk contract, `resources.support_addresses`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::support_addresses::{self, Changes, EMAIL_MAX_CHARS, NAME_MAX_CHARS, SupportAddress};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Channels;
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
        .get("/api/v2/recipient_addresses", list)
        .post("/api/v2/recipient_addresses", create)
        .get("/api/v2/recipient_addresses/{support_address_id}", show)
        .put("/api/v2/recipient_addresses/{support_address_id}", update)
        .delete("/api/v2/recipient_addresses/{support_address_id}", delete)
        .put("/api/v2/recipient_addresses/{support_address_id}/verify", verify)
}

/// `GET /api/v2/recipient_addresses`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Channels>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "support addresses", &["id"])?;
    let mut tx = app.db.read().await?;
    let page = support_addresses::list(&mut tx, &may, &asked.slice).await?;
    let body = asked.body("recipient_addresses", page, |address| view(&params.site, &address));
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/recipient_addresses/{support_address_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Channels>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let address = support_addresses::find(&mut tx, &may, id).await?;
    Ok(Reply::one("recipient_address", view(&params.site, &address)))
}

/// `POST /api/v2/recipient_addresses`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Channels>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("recipient_address")?;
    fields.require("email");
    let new = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let made = support_addresses::create(tx, &may, now, &new).await?;
        Reply::created("recipient_address", view(&params.site, &made))
    })
}

/// `PUT /api/v2/recipient_addresses/{support_address_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Channels>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("recipient_address")?;
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let address = transact!(app.db, |tx| support_addresses::update(tx, &may, now, id, &changes).await)?;
    Ok(Reply::one("recipient_address", view(&params.site, &address)))
}

/// `DELETE /api/v2/recipient_addresses/{support_address_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Channels>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| support_addresses::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/recipient_addresses/{support_address_id}/verify`: forwarding waits from then on; names are not looked up.
pub async fn verify(State(app): State<App>, May(may): May<CanWrite<Channels>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.bare()?;
    let kind = fields.word("type", &["forwarding", "spf", "dns"]).flatten().unwrap_or("forwarding");
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| {
        match kind {
            "forwarding" => support_addresses::check_forwarding(tx, &may, now, id).await,
            _ => support_addresses::must_be_there(tx, &may, id).await,
        }
    })?;
    Ok(Reply::ok(json!({})))
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&[
        "cname_status",
        "created_at",
        "dns_results",
        "domain_verification_code",
        "domain_verification_status",
        "forwarding_status",
        "id",
        "spf_status",
        "updated_at",
        "url",
    ]);
    Changes {
        email: fields.some_text("email", EMAIL_MAX_CHARS),
        name: fields.some_text("name", NAME_MAX_CHARS),
        brand_id: fields.id("brand_id").flatten(),
        is_default: fields.flag("default"),
    }
}

/// Nobody has looked at names and mail servers: all of that is unknown, and a check of the forwarding waits for a mail that never comes.
fn view(site: &Site, address: &SupportAddress) -> Value {
    json!({
        "id": address.id,
        "url": site.url(&format!("recipient_addresses/{}", address.id)),
        "email": address.email,
        "name": address.name,
        "brand_id": address.brand_id,
        // Quirk: the vendor writes null where it is not the default.
        "default": address.is_default.then_some(true),
        "forwarding_status": address.forwarding.word(),
        "spf_status": "unknown",
        "cname_status": "unknown",
        "domain_verification_status": "unknown",
        "domain_verification_code": null,
        "dns_results": null,
        "created_at": format(address.created_at),
        "updated_at": format(address.updated_at),
    })
}
