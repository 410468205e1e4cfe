//! `/api/v2/brands` (Zendesk contract, `resources.brands`).

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use endpoint::{App, Later, May, Needs, Routes, files as stored};
use helpdesk::brands::{self, AgentsOf, Brand, BrandAgent, Changes};
use helpdesk::files::{self, File, Purpose};
use multer::{Constraints, Multipart, SizeLimit};
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Brands, Resource};
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site, attachments};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/brands", list)
        .post("/api/v2/brands", create)
        .get("/api/v2/brands/{brand_id}", show)
        .put("/api/v2/brands/{brand_id}", update)
        .delete("/api/v2/brands/{brand_id}", delete)
        .get("/api/v2/brands/check_host_mapping", check_host)
        .get("/api/v2/brands/{brand_id}/check_host_mapping", check_host_of_brand)
        .put("/api/v2/brands/{brand_id}/logo", put_logo)
        .delete("/api/v2/brands/{brand_id}/logo", delete_logo)
        .get("/api/v2/brand_agents", list_agents)
        .get("/api/v2/brands/{brand_id}/agents", list_agents_of_brand)
        .get("/api/v2/users/{user_id}/brand_agents", list_agents_of_user)
}

const TEXT_MAX_CHARS: usize = 65_536;
/// Brands have numbers below this.
const BRANDS_MAX: i64 = 1_000_000;

/// `GET /api/v2/brands`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Brands>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "brands", &["id"])?;
    let mut tx = app.db.read().await?;
    let page = brands::list(&mut tx, &may, &asked.slice).await?;
    let views = views(&mut tx, &may, &params.site, &page.items).await?;
    Ok(Reply::ok(Value::Object(asked.around("brands", views, (page.before, page.after, page.total)))))
}

/// `GET /api/v2/brands/{brand_id}`: also a deleted one.
pub async fn show(State(app): State<App>, May(may): May<CanRead<Brands>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let brand = brands::find(&mut tx, &may, id).await?;
    Ok(Reply::one("brand", one(&mut tx, &may, &params.site, brand).await?))
}

/// `POST /api/v2/brands`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Brands>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("brand")?;
    fields.require("name");
    fields.require("subdomain");
    let new = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let made = brands::create(tx, &may, now, &new).await?;
        Reply::created("brand", one(tx, &may, &params.site, made).await?)
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
    let view = transact!(app.db, |tx| {
        let brand = brands::update(tx, &may, now, id, &changes).await?;
        one(tx, &may, &params.site, brand).await
    })?;
    Ok(Reply::one("brand", view))
}

/// `DELETE /api/v2/brands/{brand_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Brands>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| brands::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/brands/{brand_id}/logo`: a form with a picture, or the picture alone.
pub async fn put_logo(
    State(app): State<App>,
    May(may): May<CanWrite<Brands>>,
    Id(id): Id,
    params: Params,
    picture: Picture,
) -> Answer {
    let kind = picture.content_type.as_deref();
    let checked = files::check("logo", Purpose::ProfilePicture, Some(&picture.name), kind, &picture.bytes)?;
    let now = app.clock.now();
    transact!(app.db, |tx| brands::must_be_there(tx, &may, id).await)?;
    let file = stored::store(&app, &may.on_its_files(), Purpose::ProfilePicture, checked, picture.bytes).await?;
    let view = transact!(app.db, |tx| {
        let brand = brands::set_logo(tx, &may, now, id, Some(&file)).await?;
        one(tx, &may, &params.site, brand).await
    })?;
    Ok(Reply::one("brand", view))
}

/// `DELETE /api/v2/brands/{brand_id}/logo`
pub async fn delete_logo(State(app): State<App>, May(may): May<CanWrite<Brands>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| brands::set_logo(tx, &may, now, id, None).await)?;
    Ok(Reply::empty())
}

/// `GET /api/v2/brands/check_host_mapping`
pub async fn check_host(
    State(app): State<App>,
    May(may): May<CanRead<Brands>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    let host = params.required_text("host_mapping")?;
    params.required_text("subdomain")?;
    let mut tx = app.db.read().await?;
    checked_host(&mut tx, &may, &params.site, (&host, None)).await
}

/// `GET /api/v2/brands/{brand_id}/check_host_mapping`
pub async fn check_host_of_brand(
    State(app): State<App>,
    May(may): May<CanRead<Brands>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    let mut tx = app.db.read().await?;
    let host = brands::find(&mut tx, &may, id).await?.host_mapping.unwrap_or_default();
    checked_host(&mut tx, &may, &params.site, (&host, Some(id))).await
}

/// Whether a host is one of ours. Nobody asks name servers: a host of another name is never known to lead here.
async fn checked_host(
    tx: &mut Tx,
    may: &CanRead<Brands>,
    site: &Site,
    (host, brand_id): (&str, Option<i64>),
) -> Answer {
    let own = site.0.split_once("://").map_or(site.0.as_str(), |(_, host)| host);
    let own = own.split(':').next().unwrap_or_default();
    let host = host.trim().trim_end_matches('.').to_lowercase();
    let is_name =
        |part: &str| (1..=63).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let reason = if host.is_empty() {
        "no_host_mapping"
    } else if host == own {
        ""
    } else if !host.contains('.') || !host.split('.').all(is_name) {
        "not_a_host"
    } else if brands::of_host(tx, may, &host, brand_id).await?.is_some() {
        "already_taken"
    } else {
        "not_verified"
    };
    Ok(Reply::ok(json!({
        "is_valid": reason.is_empty(),
        "reason": reason,
        "expected_cnames": [own],
        "cname": if reason.is_empty() { own } else { "" },
    })))
}

/// `GET /api/v2/brand_agents`
pub async fn list_agents(
    State(app): State<App>,
    May(may): May<CanRead<Brands>>,
    later: Later,
    params: Params,
) -> Answer {
    later.administrator()?;
    agents_by(&app, &may, &params, ("brand agents", AgentsOf::default())).await
}

/// `GET /api/v2/brands/{brand_id}/agents`
pub async fn list_agents_of_brand(
    State(app): State<App>,
    May(may): May<CanRead<Brands>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    agents_by(&app, &may, &params, ("agents of brand", AgentsOf { brand_id: Some(id), ..AgentsOf::default() })).await
}

/// `GET /api/v2/users/{user_id}/brand_agents`
pub async fn list_agents_of_user(
    State(app): State<App>,
    May(may): May<CanRead<Brands>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    later.administrator()?;
    agents_by(&app, &may, &params, ("brands of agent", AgentsOf { person_id: Some(id), ..AgentsOf::default() })).await
}

async fn agents_by(app: &App, may: &CanRead<Brands>, params: &Params, (list, of): (&'static str, AgentsOf)) -> Answer {
    let asked = Asked::read(params, list, &["created_at"])?;
    let mut tx = app.db.read().await?;
    let page = brands::agents(&mut tx, may, of, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("brand_agents", page, |agent| agent_view(&params.site, agent)))))
}

/// There is no row for it: the number is made of both.
fn agent_view(site: &Site, agent: BrandAgent) -> Value {
    let id = agent.person_id * BRANDS_MAX + agent.brand_id;
    json!({
        "id": id.to_string(),
        "url": site.url(&format!("brand_agents/{id}")),
        "user_id": agent.person_id,
        "brand_id": agent.brand_id,
        "created_at": format(agent.since),
        "updated_at": format(agent.since),
    })
}

/// A picture on its way, as a handler's last argument.
#[derive(Debug)]
pub struct Picture {
    name: String,
    content_type: Option<String>,
    bytes: Bytes,
}

impl Needs for Picture {}

impl FromRequest<App> for Picture {
    type Rejection = ZendeskError;

    async fn from_request(request: Request, app: &App) -> Result<Picture, ZendeskError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let Ok(boundary) = multer::parse_boundary(kind.as_deref().unwrap_or_default()) else {
            let bytes = Bytes::from_request(request, app).await;
            let bytes = bytes.map_err(|_| ZendeskError::bad_request("The picture could not be read."))?;
            return Ok(Picture { name: "logo".to_owned(), content_type: kind, bytes });
        };
        let whole = u64::try_from(files::SIZE_MAX_BYTES).unwrap_or(u64::MAX);
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(whole));
        let mut form = Multipart::with_constraints(request.into_body().into_data_stream(), boundary, limits);
        let broken = |_| ZendeskError::bad_request("The form could not be read.");
        while let Some(part) = form.next_field().await.map_err(broken)? {
            let Some(name) = part.file_name().map(str::to_owned) else { continue };
            let content_type = part.content_type().map(ToString::to_string);
            return Ok(Picture { name, content_type, bytes: part.bytes().await.map_err(broken)? });
        }
        Err(ZendeskError::bad_request("The form has no picture."))
    }
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&[
        "brand_url",
        "created_at",
        "has_help_center",
        "help_center_state",
        "id",
        "is_deleted",
        "logo",
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

async fn one<A: Access>(
    tx: &mut Tx,
    may: &Permit<Brands, A>,
    site: &Site,
    brand: Brand,
) -> Result<Value, ZendeskError> {
    views(tx, may, site, &[brand]).await?.pop().ok_or_else(ZendeskError::not_found)
}

/// Brands with their pictures.
pub(crate) async fn views<R: Resource, A: Access>(
    tx: &mut Tx,
    may: &Permit<R, A>,
    site: &Site,
    found: &[Brand],
) -> Result<Vec<Value>, ZendeskError> {
    let logos = brands::logos(tx, may, found).await?;
    Ok(found.iter().map(|brand| view(site, brand, logos.get(&brand.id))).collect())
}

fn view(site: &Site, brand: &Brand, logo: Option<&File>) -> Value {
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
        "logo": logo.map(|file| attachments::view_of_file(site, file)),
        "ticket_form_ids": brand.form_ids,
        "signature_template": brand.signature_template,
        "created_at": format(brand.created_at),
        "updated_at": format(brand.updated_at),
    })
}
