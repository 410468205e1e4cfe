//! `/api/v2/dynamic_content/items` with their variants (Zendesk contract, `resources.dynamic_content`).

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::{App, May, Routes};
use helpdesk::dynamic_content::{self, CONTENT_MAX_CHARS, Item, NAME_MAX_CHARS, NewVariant, Variant, VariantChanges};
use scope::permit::{CanRead, CanWrite};
use scope::resource::DynamicContent;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Pair, Site, locales};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/dynamic_content/items", list)
        .post("/api/v2/dynamic_content/items", create)
        .get("/api/v2/dynamic_content/items/show_many", show_many)
        .get("/api/v2/dynamic_content/items/{dynamic_content_item_id}", show)
        .put("/api/v2/dynamic_content/items/{dynamic_content_item_id}", update)
        .delete("/api/v2/dynamic_content/items/{dynamic_content_item_id}", delete)
        .get("/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants", list_variants)
        .post("/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants", create_variant)
        .post("/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/create_many", create_variants)
        .put("/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/update_many", update_variants)
        .get(
            "/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/{dynamic_content_variant_id}",
            show_variant,
        )
        .put(
            "/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/{dynamic_content_variant_id}",
            update_variant,
        )
        .delete(
            "/api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/{dynamic_content_variant_id}",
            delete_variant,
        )
}

/// `GET /api/v2/dynamic_content/items`
pub async fn list(State(app): State<App>, May(may): May<CanRead<DynamicContent>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "dynamic content", &["id"])?;
    let mut tx = app.db.read().await?;
    let page = dynamic_content::list(&mut tx, &may, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("items", page, |item| view(&params.site, &item)))))
}

/// `GET /api/v2/dynamic_content/items/show_many`: by what other texts call them, with or without `dc.`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<DynamicContent>>, params: Params) -> Answer {
    let names = params.texts("identifiers")?;
    let names = names.ok_or_else(|| ZendeskError::bad_request("The parameter identifiers is missing."))?;
    let bare = |name: &String| {
        let name = name.trim_matches(['{', '}', ' ']);
        name.strip_prefix("dc.").unwrap_or(name).to_owned()
    };
    let names: Vec<String> = names.iter().map(bare).collect();
    let mut tx = app.db.read().await?;
    let items = dynamic_content::named(&mut tx, &may, &names).await?;
    let views = items.iter().map(|item| view(&params.site, item)).collect();
    Ok(Reply::ok(Value::Object(page::whole("items", views))))
}

/// `GET /api/v2/dynamic_content/items/{dynamic_content_item_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<DynamicContent>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let item = dynamic_content::find(&mut tx, &may, id).await?;
    Ok(Reply::one("item", view(&params.site, &item)))
}

/// `POST /api/v2/dynamic_content/items`: with its variants, or with `content` for the default one.
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("item")?;
    fields.pass(READ_ONLY);
    fields.require("name");
    fields.require("default_locale_id");
    let name = fields.some_text("name", NAME_MAX_CHARS).unwrap_or_default();
    let default = read_locale(&mut fields, "default_locale_id");
    let content = fields.some_text("content", CONTENT_MAX_CHARS);
    let mut variants = fields
        .each("variants", |variant| {
            variant.require("locale_id");
            variant.require("content");
            new_of(&read_variant(variant))
        })
        .unwrap_or_default();
    match (content, variants.is_empty()) {
        (Some(content), true) => {
            variants.push(NewVariant {
                locale: default.clone().unwrap_or_default(),
                content,
                active: true,
                is_default: true,
            });
        }
        (_, true) => fields.problem("variants", "cannot be blank"),
        // The default locale says which one is the default.
        (_, false) => {
            for variant in &mut variants {
                variant.is_default = Some(&variant.locale) == default.as_ref();
            }
            if !variants.iter().any(|variant| variant.is_default) {
                fields.problem("variants", "must have one of the default locale");
            }
        }
    }
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let item = dynamic_content::create(tx, &may, now, &name, &variants).await?;
        Reply::created("item", view(&params.site, &item))
    })
}

/// `PUT /api/v2/dynamic_content/items/{dynamic_content_item_id}`: the name; the placeholder stays.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("item")?;
    fields.pass(READ_ONLY);
    fields.pass(&["default_locale_id", "variants"]);
    fields.require("name");
    let name = fields.some_text("name", NAME_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    let item = transact!(app.db, |tx| dynamic_content::rename(tx, &may, now, id, &name).await)?;
    Ok(Reply::one("item", view(&params.site, &item)))
}

/// `DELETE /api/v2/dynamic_content/items/{dynamic_content_item_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<DynamicContent>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| dynamic_content::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `GET /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants`
pub async fn list_variants(
    State(app): State<App>,
    May(may): May<CanRead<DynamicContent>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "dynamic content variants", &["id"])?;
    let mut tx = app.db.read().await?;
    let (item, page) = dynamic_content::variants(&mut tx, &may, id, &asked.slice).await?;
    let body = asked.body("variants", page, |variant| view_variant(&params.site, &item, &variant));
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/{dynamic_content_variant_id}`
pub async fn show_variant(
    State(app): State<App>,
    May(may): May<CanRead<DynamicContent>>,
    Pair(item_id, id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let item = dynamic_content::find(&mut tx, &may, item_id).await?;
    Ok(Reply::one("variant", view_variant(&params.site, &item, item.variant(id)?)))
}

/// `POST /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants`
pub async fn create_variant(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    Id(item_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("variant")?;
    fields.require("locale_id");
    fields.require("content");
    let new = new_of(&read_variant(&mut fields));
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let (id, item) = dynamic_content::create_variant(tx, &may, now, item_id, &new).await?;
        Reply::created("variant", view_variant(&params.site, &item, item.variant(id)?))
    })
}

/// `POST /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/create_many`: all of them, or none.
pub async fn create_variants(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    Id(item_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let sent = read_variants(&body, |variant| {
        variant.require("locale_id");
        variant.require("content");
        new_of(&read_variant(variant))
    })?;
    once!(app, may.actor(), body.once, |tx, now| {
        let mut made = Vec::with_capacity(sent.len());
        let mut item = None;
        for new in &sent {
            let (id, after) = dynamic_content::create_variant(tx, &may, now, item_id, new).await?;
            made.push(id);
            item = Some(after);
        }
        Reply::new(StatusCode::CREATED, view_variants(&params.site, item.as_ref(), &made))
    })
}

/// `PUT /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/update_many`: all of them, or none.
pub async fn update_variants(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    Id(item_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let sent = read_variants(&body, |variant| {
        variant.require("id");
        (variant.id("id").flatten().unwrap_or_default(), read_variant(variant))
    })?;
    let now = app.clock.now();
    let item = transact!(app.db, |tx| {
        let mut item = None;
        for (id, changes) in &sent {
            item = Some(dynamic_content::update_variant(tx, &may, now, (item_id, *id), changes).await?);
        }
        Ok::<_, ZendeskError>(item)
    })?;
    let changed: Vec<i64> = sent.iter().map(|(id, _)| *id).collect();
    Ok(Reply::ok(view_variants(&params.site, item.as_ref(), &changed)))
}

/// `PUT /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/{dynamic_content_variant_id}`
pub async fn update_variant(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    Pair(item_id, id): Pair,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("variant")?;
    let changes = read_variant(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let item = transact!(app.db, |tx| dynamic_content::update_variant(tx, &may, now, (item_id, id), &changes).await)?;
    Ok(Reply::one("variant", view_variant(&params.site, &item, item.variant(id)?)))
}

/// `DELETE /api/v2/dynamic_content/items/{dynamic_content_item_id}/variants/{dynamic_content_variant_id}`
pub async fn delete_variant(
    State(app): State<App>,
    May(may): May<CanWrite<DynamicContent>>,
    Pair(item_id, id): Pair,
) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| dynamic_content::delete_variant(tx, &may, now, (item_id, id)).await)?;
    Ok(Reply::empty())
}

const READ_ONLY: &[&str] = &["created_at", "id", "outdated", "placeholder", "updated_at", "url"];

fn read_variants<T>(body: &Body, read: impl FnMut(&mut Fields) -> T) -> Result<Vec<T>, ZendeskError> {
    let mut fields = body.bare()?;
    fields.require("variants");
    let sent = fields.each("variants", read);
    if sent.as_ref().is_some_and(Vec::is_empty) {
        fields.problem("variants", "cannot be blank");
    }
    fields.finish()?;
    Ok(sent.unwrap_or_default())
}

fn read_variant(fields: &mut Fields) -> VariantChanges {
    fields.pass(&["created_at", "id", "outdated", "updated_at", "url"]);
    VariantChanges {
        locale: read_locale(fields, "locale_id"),
        content: fields.some_text("content", CONTENT_MAX_CHARS),
        active: fields.flag("active"),
        is_default: fields.flag("default"),
    }
}

fn new_of(sent: &VariantChanges) -> NewVariant {
    NewVariant {
        locale: sent.locale.clone().unwrap_or_default(),
        content: sent.content.clone().unwrap_or_default(),
        active: sent.active.unwrap_or(true),
        is_default: sent.is_default.unwrap_or_default(),
    }
}

/// The word of a locale that was sent by its number.
fn read_locale(fields: &mut Fields, field: &str) -> Option<String> {
    let id = fields.id(field).flatten()?;
    let locale = locales::of_id(id);
    if locale.is_none() {
        fields.problem(field, "is not a locale");
    }
    locale.map(|locale| locale.word.to_owned())
}

fn view(site: &Site, item: &Item) -> Value {
    let variants: Vec<Value> = item.variants.iter().map(|variant| view_variant(site, item, variant)).collect();
    json!({
        "id": item.id,
        "url": site.url(&format!("dynamic_content/items/{}", item.id)),
        "name": item.name,
        "placeholder": format!("{{{{dc.{}}}}}", item.placeholder),
        "default_locale_id": item.default().map(|variant| locales::id_of_word(&variant.locale)),
        "outdated": item.variants.iter().any(|variant| item.is_outdated(variant)),
        "variants": variants,
        "created_at": format(item.created_at),
        "updated_at": format(item.updated_at),
    })
}

/// Those with these ids, as they are in the end.
fn view_variants(site: &Site, item: Option<&Item>, ids: &[i64]) -> Value {
    let shown = |item: &Item| -> Vec<Value> {
        let found = ids.iter().filter_map(|id| item.variant(*id).ok());
        found.map(|variant| view_variant(site, item, variant)).collect()
    };
    json!({ "variants": item.map(shown).unwrap_or_default() })
}

fn view_variant(site: &Site, item: &Item, variant: &Variant) -> Value {
    json!({
        "id": variant.id,
        "url": site.url(&format!("dynamic_content/items/{}/variants/{}", item.id, variant.id)),
        "locale_id": locales::id_of_word(&variant.locale),
        "content": variant.content,
        "active": variant.active,
        "default": variant.is_default,
        "outdated": item.is_outdated(variant),
        "created_at": format(variant.created_at),
        "updated_at": format(variant.updated_at),
    })
}
