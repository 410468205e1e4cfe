//! `/api/v2/user_fields` and `/api/v2/organization_fields`: what the account wants to know of people and of organizations besides (Zendesk
//! contract, `resources.user_fields`, `resources.organization_fields`). They differ in nothing but whose they are (`Owner`), and in what
//! organizations have no calls for; the values are a part of users and organizations.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_fields::{
    self, Carrier, Changes, CustomField, KEY_MAX_CHARS, Keyed, LABEL_MAX_CHARS, NewField, PRIORITY_MAX, Requirement,
};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::field_parts::{self, SentKind, options, priority_of, type_of};
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Pair, Site, Word};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/user_fields", list::<Users>)
        .post("/api/v2/user_fields", create::<Users>)
        .put("/api/v2/user_fields/reorder", reorder::<Users>)
        .get("/api/v2/user_fields/show_many", show_many::<Users>)
        .get("/api/v2/user_fields/{user_field_id}", show::<Users>)
        .put("/api/v2/user_fields/{user_field_id}", update::<Users>)
        .delete("/api/v2/user_fields/{user_field_id}", delete::<Users>)
        .get("/api/v2/user_fields/{user_field_id}/options", list_options::<Users>)
        .post("/api/v2/user_fields/{user_field_id}/options", set_option::<Users>)
        .get("/api/v2/user_fields/{user_field_id}/options/{user_field_option_id}", show_option::<Users>)
        .delete("/api/v2/user_fields/{user_field_id}/options/{user_field_option_id}", delete_option::<Users>)
        .get("/api/v2/organization_fields", list::<Organizations>)
        .post("/api/v2/organization_fields", create::<Organizations>)
        .put("/api/v2/organization_fields/reorder", reorder::<Organizations>)
        .get("/api/v2/organization_fields/{organization_field_id}", show::<Organizations>)
        .put("/api/v2/organization_fields/{organization_field_id}", update::<Organizations>)
        .delete("/api/v2/organization_fields/{organization_field_id}", delete::<Organizations>)
}

/// Whose fields are meant.
pub trait Owner: Send + 'static {
    const OF: Of;
}

pub struct Users;

impl Owner for Users {
    const OF: Of = Of { carrier: Carrier::Customer, one: "user_field", many: "user_fields", ids: "user_field_ids" };
}

pub struct Organizations;

impl Owner for Organizations {
    const OF: Of = Of {
        carrier: Carrier::Organization,
        one: "organization_field",
        many: "organization_fields",
        ids: "organization_field_ids",
    };
}

/// Whose fields, and how they are called here.
#[derive(Debug, Clone, Copy)]
pub struct Of {
    pub carrier: Carrier,
    /// `user_field`
    pub one: &'static str,
    /// `user_fields`
    pub many: &'static str,
    /// `user_field_ids`
    pub ids: &'static str,
}

const TYPES: &[&str] =
    &["text", "textarea", "checkbox", "date", "integer", "decimal", "dropdown", "multiselect", "regexp", "lookup"];
const CHOICE: &str = "dropdown";
const TEXT_MAX_CHARS: usize = 1_024;

/// `GET /api/v2/user_fields`: all at once, unless a page is asked for.
pub async fn list<O: Owner>(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    let of = O::OF;
    let views = all(&app, &may, &params.site, of).await?;
    let is_paged = |key: &str| key.starts_with("page[") || matches!(key, "page" | "per_page");
    if params.pairs.iter().any(|(key, _)| is_paged(key)) {
        let asked = Asked::read(&params, of.many, &["position"])?;
        return Ok(Reply::ok(Value::Object(asked.cut(of.many, views))));
    }
    Ok(Reply::ok(Value::Object(page::whole(of.many, views))))
}

async fn all(app: &App, may: &CanRead<CustomFields>, site: &Site, of: Of) -> Result<Vec<Value>, ZendeskError> {
    let mut tx = app.db.read().await?;
    let fields = custom_fields::all_of(&mut tx, may, of.carrier).await?;
    Ok(fields.iter().map(|field| view(site, field, of)).collect())
}

/// `GET /api/v2/user_fields/show_many`
pub async fn show_many<O: Owner>(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    params: Params,
) -> Answer {
    let of = O::OF;
    let ids = params.required_ids("ids")?;
    let mut views = all(&app, &may, &params.site, of).await?;
    views.retain(|view| view["id"].as_i64().is_some_and(|id| ids.contains(&id)));
    Ok(Reply::ok(Value::Object(page::whole(of.many, views))))
}

/// `GET /api/v2/user_fields/{user_field_id}`: by its id or its key.
pub async fn show<O: Owner>(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Word(word): Word,
    params: Params,
) -> Answer {
    let of = O::OF;
    let mut tx = app.db.read().await?;
    let field = found(custom_fields::all_of(&mut tx, &may, of.carrier).await?, &word)?;
    Ok(Reply::one(of.one, view(&params.site, &field, of)))
}

fn found(fields: Vec<CustomField>, word: &str) -> Result<CustomField, ZendeskError> {
    let id = word.parse::<i64>().ok();
    let field = fields.into_iter().find(|field| Some(field.id) == id || field.name() == word);
    field.ok_or_else(ZendeskError::not_found)
}

/// `POST /api/v2/user_fields`
pub async fn create<O: Owner>(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    let of = O::OF;
    let mut fields = body.record(of.one)?;
    fields.require("key");
    fields.require("title");
    fields.require("type");
    let key = fields.some_text("key", KEY_MAX_CHARS).unwrap_or_default();
    let kind = fields.word("type", TYPES).flatten();
    let sent = read(&mut fields);
    let (input, details) = sent.kind.of_new(&mut fields, kind.unwrap_or("text"));
    fields.finish()?;
    let new = NewField {
        carrier: of.carrier,
        label: sent.title.clone().unwrap_or_default(),
        input,
        description: sent.description.clone().flatten(),
        external_id: None,
        priority: sent.position.map(priority_of),
        requirement: Requirement::Visible,
        managed_type: None,
        shown_to_customers: false,
        editable_by_customers: false,
        archived_at: (sent.active == Some(false)).then(|| app.clock.now()),
    };
    once!(app, may.actor(), body.once, |tx, now| {
        let made = custom_fields::create_with_key(tx, &may, now, &new, &key).await?;
        let field = custom_fields::set_details(tx, &may, now, made.id, &details).await?;
        Reply::created(of.one, view(&params.site, &field, of))
    })
}

/// `PUT /api/v2/user_fields/{user_field_id}`: the key and the type stay.
pub async fn update<O: Owner>(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let of = O::OF;
    let mut fields = body.record(of.one)?;
    let (key, kind) = (fields.some_text("key", KEY_MAX_CHARS), fields.some_text("type", KEY_MAX_CHARS));
    let sent = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let field = transact!(app.db, |tx| {
        let before = written(tx, &may, of, id).await?;
        for (name, was, is) in [("key", &before.name()[..], &key), ("type", type_of(&before, CHOICE), &kind)] {
            if is.as_ref().is_some_and(|is| is != was) {
                return Err(ZendeskError::invalid(name, "cannot be changed"));
            }
        }
        change(tx, &may, now, &before, &sent).await?;
        written(tx, &may, of, id).await
    })?;
    Ok(Reply::one(of.one, view(&params.site, &field, of)))
}

async fn change(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    before: &CustomField,
    sent: &Sent,
) -> Result<(), ZendeskError> {
    let (input, details) = sent.kind.of_change(before)?;
    let changes = Changes {
        label: sent.title.clone(),
        input,
        description: sent.description.clone(),
        priority: sent.position.map(priority_of),
        archived_at: sent.active.map(|active| (!active).then(|| before.archived_at.unwrap_or(now))),
        ..Changes::default()
    };
    custom_fields::update(tx, may, now, before.id, &changes).await?;
    custom_fields::set_details(tx, may, now, before.id, &details).await?;
    Ok(())
}

/// `DELETE /api/v2/user_fields/{user_field_id}`: with its values.
pub async fn delete<O: Owner>(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        written(tx, &may, O::OF, id).await?;
        Ok::<_, ZendeskError>(custom_fields::delete(tx, &may, now, id).await?)
    })?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/user_fields/reorder`: these first, in this order.
pub async fn reorder<O: Owner>(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, body: Body) -> Answer {
    let of = O::OF;
    let mut fields = body.bare()?;
    fields.require(of.ids);
    let ids = fields.ids(of.ids).unwrap_or_default();
    fields.finish()?;
    let order: Vec<(i64, Changes)> = (0..=PRIORITY_MAX)
        .zip(ids)
        .map(|(position, id)| (id, Changes { priority: Some(priority_of(position)), ..Changes::default() }))
        .collect();
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for (id, _) in &order {
            written(tx, &may, of, *id).await?;
        }
        custom_fields::update_many(tx, &may, now, &order).await?;
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply { body: None, ..Reply::ok(Value::Null) })
}

/// `GET /api/v2/user_fields/{user_field_id}/options`
pub async fn list_options<O: Owner>(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let of = O::OF;
    let asked = Asked::read(&params, "custom field options", &["position"])?;
    let mut tx = app.db.read().await?;
    let field = of_carrier(custom_fields::find(&mut tx, &may, id).await?, of)?;
    Ok(Reply::ok(Value::Object(asked.cut("custom_field_options", options(&params.site, of.many, &field)))))
}

/// `GET /api/v2/user_fields/{user_field_id}/options/{user_field_option_id}`
pub async fn show_option<O: Owner>(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Pair(id, option_id): Pair,
    params: Params,
) -> Answer {
    let of = O::OF;
    let mut tx = app.db.read().await?;
    let field = of_carrier(custom_fields::find(&mut tx, &may, id).await?, of)?;
    let option = options(&params.site, of.many, &field).into_iter().find(|option| option["id"] == option_id);
    Ok(Reply::one("custom_field_option", option.ok_or_else(ZendeskError::not_found)?))
}

/// `POST /api/v2/user_fields/{user_field_id}/options`: a new one, or with an id another name and value for one that is there.
pub async fn set_option<O: Owner>(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let of = O::OF;
    let sent = field_parts::read_option(&body)?;
    let now = app.clock.now();
    let (view, is_new) = transact!(app.db, |tx| {
        let field = written(tx, &may, of, id).await?;
        let (chosen, is_new) = field_parts::put_option(tx, &may, now, &field, &sent).await?;
        let field = written(tx, &may, of, id).await?;
        let option = options(&params.site, of.many, &field).into_iter().find(|option| option["value"] == chosen);
        Ok::<_, ZendeskError>((option.unwrap_or_default(), is_new))
    })?;
    Ok(if is_new { Reply::created("custom_field_option", view) } else { Reply::one("custom_field_option", view) })
}

/// `DELETE /api/v2/user_fields/{user_field_id}/options/{user_field_option_id}`
pub async fn delete_option<O: Owner>(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Pair(id, option_id): Pair,
) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        let field = written(tx, &may, O::OF, id).await?;
        field_parts::remove_option(tx, &may, now, &field, option_id).await
    })?;
    Ok(Reply::empty())
}

async fn written(tx: &mut Tx, may: &CanWrite<CustomFields>, of: Of, id: i64) -> Result<CustomField, ZendeskError> {
    of_carrier(custom_fields::written(tx, may, id).await?, of)
}

fn of_carrier(field: CustomField, of: Of) -> Result<CustomField, ZendeskError> {
    if field.carrier == of.carrier { Ok(field) } else { Err(ZendeskError::not_found()) }
}

/// The writable fields as they were sent.
#[derive(Debug, Clone, Default)]
struct Sent {
    title: Option<String>,
    description: Option<Option<String>>,
    position: Option<i64>,
    active: Option<bool>,
    kind: SentKind,
}

fn read(fields: &mut Fields) -> Sent {
    fields.pass(&["created_at", "id", "raw_description", "raw_title", "system", "updated_at", "url"]);
    Sent {
        title: fields.some_text("title", LABEL_MAX_CHARS),
        description: fields.text("description", TEXT_MAX_CHARS),
        position: fields.integer("position").flatten(),
        active: fields.flag("active"),
        kind: field_parts::read_kind(fields),
    }
}

fn view(site: &Site, field: &CustomField, of: Of) -> Value {
    let mut view = json!({
        "id": field.id,
        "url": site.url(&format!("{}/{}", of.many, field.id)),
        "key": field.name(),
        "type": type_of(field, CHOICE),
        "title": field.label,
        "raw_title": field.label,
        "description": field.description.as_deref().unwrap_or_default(),
        "raw_description": field.description.as_deref().unwrap_or_default(),
        "position": PRIORITY_MAX - field.priority,
        "active": field.archived_at.is_none(),
        "system": false,
        "custom_field_options": options(site, of.many, field),
        "created_at": format(field.created_at),
        "updated_at": format(field.updated_at),
    });
    if let Value::Object(view) = &mut view {
        view.extend(field_parts::kind_view(field));
    }
    view
}

/// Values as they were sent: an object by key.
pub(crate) fn read_values(fields: &mut Fields, name: &str) -> Map<String, Value> {
    match fields.object(name).flatten() {
        Some(Value::Object(values)) => values,
        _ => Map::new(),
    }
}

/// Every field with its value, by key.
pub(crate) fn values(fields: &Keyed) -> Value {
    let value = |(key, value): &(String, Option<custom_fields::FieldValue>)| {
        (key.clone(), value.as_ref().map_or(Value::Null, custom_fields::FieldValue::to_json))
    };
    Value::Object(fields.iter().map(value).collect())
}
