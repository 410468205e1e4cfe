//! `/api/v2/ticket_forms`: which fields a kind of request asks for (Zendesk contract, `resources.ticket_forms`). Which statuses a form
//! offers is `ticket_form_statuses.rs`.
//!
//! Customers see what is meant for them. Names may be texts in several languages; `raw_name` is as it was written.

use std::collections::HashMap;

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, Later, May, Routes};
use helpdesk::brands;
use helpdesk::custom_fields::CustomField;
use helpdesk::templates::{self, Facts};
use helpdesk::ticket_forms::{
    self, BUILT_IN, FormCondition, FormDraft, NAME_MAX_CHARS, Parent, RequiredOn, ShownField, TicketForm, Which,
};
use helpdesk::tickets::Status;
use scope::permission::{Permission, Permissions};
use scope::permit::CanWrite;
use scope::resource::{CustomFields, Kind, Read};
use scope::role::Role;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::conditions::stored_status;
use crate::error::ZendeskError;
use crate::field_parts::type_of;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::ticket_fields::{CHOICE, system_id, system_place, system_type};
use crate::ticket_view::{STATUSES, status_of, status_word};
use crate::time::format;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    const SEES: Permissions = Permissions::of(&[Permission::read(Kind::CustomFields)]);
    const WHY: &str = "customers see the forms that are meant for them; the token's words are checked";
    routes
        .by_request(MethodFilter::GET, "/api/v2/ticket_forms", list, SEES, WHY)
        .post("/api/v2/ticket_forms", create)
        .put("/api/v2/ticket_forms/reorder", reorder)
        .by_request(MethodFilter::GET, "/api/v2/ticket_forms/show_many", show_many, SEES, WHY)
        .by_request(MethodFilter::GET, "/api/v2/ticket_forms/{ticket_form_id}", show, SEES, WHY)
        .put("/api/v2/ticket_forms/{ticket_form_id}", update)
        .delete("/api/v2/ticket_forms/{ticket_form_id}", delete)
        .post("/api/v2/ticket_forms/{ticket_form_id}/clone", copy)
}

/// `GET /api/v2/ticket_forms`: all at once, unless a page is asked for.
pub async fn list(State(app): State<App>, later: Later, params: Params) -> Answer {
    later.by_words::<CustomFields, Read>()?;
    let mut tx = app.db.read().await?;
    let views = found(&mut tx, &later, &params, None).await?;
    let is_paged = |key: &str| key.starts_with("page[") || matches!(key, "page" | "per_page");
    if params.pairs.iter().any(|(key, _)| is_paged(key)) {
        let asked = Asked::read(&params, "ticket_forms", &["position"])?;
        return Ok(Reply::ok(Value::Object(asked.cut("ticket_forms", views))));
    }
    Ok(Reply::ok(Value::Object(page::whole("ticket_forms", views))))
}

/// `GET /api/v2/ticket_forms/show_many`
pub async fn show_many(State(app): State<App>, later: Later, params: Params) -> Answer {
    later.by_words::<CustomFields, Read>()?;
    let ids = params.required_ids("ids")?;
    let mut tx = app.db.read().await?;
    let views = found(&mut tx, &later, &params, Some(&ids)).await?;
    Ok(Reply::ok(Value::Object(page::whole("ticket_forms", views))))
}

/// `GET /api/v2/ticket_forms/{ticket_form_id}`
pub async fn show(State(app): State<App>, later: Later, Id(id): Id, params: Params) -> Answer {
    later.by_words::<CustomFields, Read>()?;
    let mut tx = app.db.read().await?;
    let none = Params { pairs: Vec::new(), ..params };
    let view = found(&mut tx, &later, &none, Some(&[id])).await?.pop();
    Ok(Reply::one("ticket_form", view.ok_or_else(ZendeskError::not_found)?))
}

/// The forms that the caller may see, as the filters let through.
async fn found(tx: &mut Tx, later: &Later, params: &Params, ids: Option<&[i64]>) -> Result<Vec<Value>, ZendeskError> {
    // Brands are not told apart by address: whoever calls is at the default one.
    let brand_id = if params.flag("associated_to_brand") { Some(brands::default_id(tx).await?) } else { None };
    let which = Which {
        ids,
        active: params.one("active").map(|_| params.flag("active")),
        shown_to_customers: params.one("end_user_visible").map(|_| params.flag("end_user_visible")),
        brand_id,
        or_default: params.flag("fallback_to_default"),
    };
    let forms = if later.actor().role == Some(Role::Customer) {
        ticket_forms::for_customers(tx, &which).await?
    } else {
        ticket_forms::some(tx, &later.permit()?, &which).await?
    };
    views(tx, &params.site, &forms).await
}

/// `POST /api/v2/ticket_forms`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("ticket_form")?;
    fields.require("name");
    let sent = read(&mut fields);
    fields.finish()?;
    once!(app, may.actor(), body.once, |tx, now| {
        let position = ticket_forms::next_position(tx, &may).await?;
        let draft = sent.put_on(FormDraft { active: true, position, ..FormDraft::default() });
        let made = ticket_forms::create(tx, &may, now, &draft).await?;
        Reply::created("ticket_form", one(tx, &params.site, made).await?)
    })
}

/// `PUT /api/v2/ticket_forms/{ticket_form_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("ticket_form")?;
    let sent = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let view = transact!(app.db, |tx| {
        let before = ticket_forms::written(tx, &may, id).await?;
        let form = ticket_forms::update(tx, &may, now, id, &sent.put_on(before.draft())).await?;
        one(tx, &params.site, form).await
    })?;
    Ok(Reply::one("ticket_form", view))
}

/// `DELETE /api/v2/ticket_forms/{ticket_form_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| ticket_forms::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `POST /api/v2/ticket_forms/{ticket_form_id}/clone`
pub async fn copy(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    let names_it = fields.flag("prepend_clone_title").unwrap_or_default();
    fields.finish()?;
    let named = |name: &str| -> String {
        let name = if names_it { format!("Clone of {name}") } else { name.to_owned() };
        name.chars().take(NAME_MAX_CHARS).collect()
    };
    once!(app, may.actor(), body.once, |tx, now| {
        let made = ticket_forms::copy(tx, &may, now, id, &named).await?;
        Reply::one("ticket_form", one(tx, &params.site, made).await?)
    })
}

/// `PUT /api/v2/ticket_forms/reorder`
pub async fn reorder(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.bare()?;
    fields.require("ticket_form_ids");
    let ids = fields.ids("ticket_form_ids").unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    let views = transact!(app.db, |tx| {
        let forms = ticket_forms::reorder(tx, &may, now, &ids).await?;
        views(tx, &params.site, &forms).await
    })?;
    Ok(Reply::ok(Value::Object(page::whole("ticket_forms", views))))
}

/// The writable fields as they were sent.
#[derive(Debug, Clone, Default)]
struct Sent {
    name: Option<String>,
    display_name: Option<Option<String>>,
    position: Option<i64>,
    active: Option<bool>,
    shown_to_customers: Option<bool>,
    is_default: Option<bool>,
    in_all_brands: Option<bool>,
    brand_ids: Option<Vec<i64>>,
    field_ids: Option<Vec<i64>>,
    conditions: Option<Vec<FormCondition>>,
    customer_conditions: Option<Vec<FormCondition>>,
}

impl Sent {
    /// The draft with what was sent.
    fn put_on(&self, mut draft: FormDraft) -> FormDraft {
        let sent = self.clone();
        draft.name = sent.name.unwrap_or(draft.name);
        draft.display_name = sent.display_name.unwrap_or(draft.display_name);
        draft.position = sent.position.unwrap_or(draft.position);
        draft.active = sent.active.unwrap_or(draft.active);
        draft.shown_to_customers = sent.shown_to_customers.unwrap_or(draft.shown_to_customers);
        draft.is_default = sent.is_default.unwrap_or(draft.is_default);
        draft.brand_ids = match (sent.in_all_brands, sent.brand_ids) {
            (Some(true), _) => None,
            (_, Some(ids)) if sent.in_all_brands == Some(false) || !ids.is_empty() => Some(ids),
            (Some(false), _) => Some(draft.brand_ids.unwrap_or_default()),
            // Nobody is kept out by a list that is as empty as that of a form for all.
            (None, _) => draft.brand_ids,
        };
        if let Some(ids) = sent.field_ids {
            let place = |(at, id): (usize, &i64)| Some((at, BUILT_IN.get(system_place(*id)?)?.to_string()));
            draft.built_in = Some(ids.iter().enumerate().filter_map(place).collect());
            draft.field_ids = ids.into_iter().filter(|id| system_place(*id).is_none()).collect();
        }
        draft.conditions = sent.conditions.unwrap_or(draft.conditions);
        draft.customer_conditions = sent.customer_conditions.unwrap_or(draft.customer_conditions);
        draft
    }
}

fn read(fields: &mut Fields) -> Sent {
    fields.pass(&["created_at", "deleted_at", "id", "raw_display_name", "raw_name", "updated_at", "url"]);
    Sent {
        name: fields.some_text("name", NAME_MAX_CHARS),
        display_name: fields.text("display_name", NAME_MAX_CHARS),
        position: fields.integer("position").flatten(),
        active: fields.flag("active"),
        shown_to_customers: fields.flag("end_user_visible"),
        is_default: fields.flag("default"),
        in_all_brands: fields.flag("in_all_brands"),
        brand_ids: fields.ids("restricted_brand_ids"),
        field_ids: fields.ids("ticket_field_ids"),
        conditions: read_conditions(fields, "agent_conditions"),
        customer_conditions: read_conditions(fields, "end_user_conditions"),
    }
}

fn read_conditions(fields: &mut Fields, name: &str) -> Option<Vec<FormCondition>> {
    fields.each(name, |condition| {
        condition.pass(&["parent_field_type"]);
        let shows = condition.each("child_fields", |child| {
            let required_on = child.nested("required_on_statuses", |on| {
                let kind = on.word("type", &["ALL_STATUSES", "NO_STATUSES", "SOME_STATUSES"]).flatten();
                let statuses = on.texts("statuses", NAME_MAX_CHARS).unwrap_or_default();
                let known: Vec<Status> = statuses.iter().filter_map(|word| status_of(word)).collect();
                if known.len() < statuses.len() {
                    on.problem("statuses", format!("must be some of {}", STATUSES.join(", ")));
                }
                let custom_status_ids = on.ids("custom_statuses").unwrap_or_default();
                let statuses = known.iter().map(|status| status.word().to_owned()).collect();
                (kind, RequiredOn { statuses, custom_status_ids })
            });
            let is_required = child.flag("is_required").unwrap_or_default();
            let (required, required_on) = match required_on {
                Some((Some("ALL_STATUSES"), _)) => (true, None),
                Some((Some("SOME_STATUSES"), on)) => (false, Some(on)),
                Some((Some("NO_STATUSES"), _)) => (false, None),
                _ => (is_required, None),
            };
            ShownField { field_id: child.required_id("id"), required, required_on }
        });
        let parent_id = condition.required_id("parent_field_id");
        let value = condition.value("value").unwrap_or_default();
        let (parent, value) = match system_place(parent_id).and_then(|place| BUILT_IN.get(place)) {
            Some(word) => (Parent::BuiltIn((*word).to_owned()), built_in_value(word, value, stored_status)),
            None => (Parent::Field(parent_id), value),
        };
        FormCondition { parent, value, shows: shows.unwrap_or_default() }
    })
}

/// Statuses have other words here.
fn built_in_value(word: &str, value: Value, turned: impl Fn(&str) -> Option<&'static str>) -> Value {
    match (word, value.as_str()) {
        ("status", Some(status)) => turned(status).map_or(value, |status| json!(status)),
        _ => value,
    }
}

fn shown_status(word: &str) -> Option<&'static str> {
    Status::parse(word).map(status_word)
}

async fn one(tx: &mut Tx, site: &Site, form: TicketForm) -> Result<Value, ZendeskError> {
    views(tx, site, &[form]).await?.pop().ok_or_else(ZendeskError::not_found)
}

/// Forms in their order, their names filled in.
pub(crate) async fn views(tx: &mut Tx, site: &Site, forms: &[TicketForm]) -> Result<Vec<Value>, ZendeskError> {
    let mut names: Vec<&str> = forms.iter().map(|form| form.name.as_str()).collect();
    names.extend(forms.iter().filter_map(|form| form.display_name.as_deref()));
    let facts = Facts::of_contents(tx, None, &names).await?;
    let parents = ticket_forms::parents(tx, forms).await?;
    Ok(forms.iter().map(|form| view(site, form, &facts, &parents)).collect())
}

fn view(site: &Site, form: &TicketForm, facts: &Facts, parents: &[CustomField]) -> Value {
    let display_name = form.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&form.name);
    json!({
        "id": form.id,
        "url": site.url(&format!("ticket_forms/{}", form.id)),
        "name": templates::text(&form.name, facts),
        "raw_name": form.name,
        "display_name": templates::text(display_name, facts),
        "raw_display_name": display_name,
        "position": form.position,
        "active": form.active,
        "default": form.is_default,
        "end_user_visible": form.shown_to_customers,
        "in_all_brands": form.in_all_brands,
        "restricted_brand_ids": form.brand_ids,
        "ticket_field_ids": field_ids(form),
        "agent_conditions": form.conditions.iter().map(|it| condition_view(it, parents, true)).collect::<Vec<_>>(),
        "end_user_conditions": form.customer_conditions.iter().map(|it| condition_view(it, parents, false)).collect::<Vec<_>>(),
        "deleted_at": null,
        "created_at": format(form.created_at),
        "updated_at": format(form.updated_at),
    })
}

/// Of all its fields in order, what every ticket has among them.
fn field_ids(form: &TicketForm) -> Vec<i64> {
    let places: HashMap<&str, usize> = BUILT_IN.iter().enumerate().map(|(at, word)| (*word, at)).collect();
    let mut ids = form.field_ids.clone();
    for (at, word) in &form.built_in {
        if let Some(place) = places.get(word.as_str()) {
            ids.insert((*at).min(ids.len()), system_id(*place));
        }
    }
    ids
}

/// Staff are told in which statuses a field is required, customers only whether it is.
fn condition_view(condition: &FormCondition, parents: &[CustomField], for_staff: bool) -> Value {
    let child = |shown: &ShownField| {
        let mut child = json!({ "id": shown.field_id, "is_required": shown.required });
        if for_staff {
            child["required_on_statuses"] = match &shown.required_on {
                _ if shown.required => json!({ "type": "ALL_STATUSES" }),
                None => json!({ "type": "NO_STATUSES" }),
                Some(on) => {
                    let words: Vec<&str> =
                        on.statuses.iter().filter_map(|word| Status::parse(word)).map(status_word).collect();
                    json!({ "type": "SOME_STATUSES", "statuses": words, "custom_statuses": on.custom_status_ids })
                }
            };
        }
        child
    };
    let (parent_id, parent_type, value) = match &condition.parent {
        Parent::Field(id) => {
            let kind = parents.iter().find(|field| field.id == *id).map(|field| type_of(field, CHOICE));
            (Some(*id), kind, condition.value.clone())
        }
        Parent::BuiltIn(word) => {
            let place = BUILT_IN.iter().position(|known| known == word);
            let value = built_in_value(word, condition.value.clone(), shown_status);
            (place.map(system_id), place.and_then(system_type), value)
        }
    };
    json!({
        "parent_field_id": parent_id,
        "parent_field_type": parent_type,
        "value": value,
        "child_fields": condition.shows.iter().map(child).collect::<Vec<_>>(),
    })
}
