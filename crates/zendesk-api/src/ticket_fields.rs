//! `/api/v2/ticket_fields`: what every ticket has, and the fields that the account added (Zendesk contract, `resources.ticket_fields`).
//!
//! What every ticket has is the same in every account and cannot be changed; its ids lie far above those of added fields.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_fields::{
    self, Carrier, Changes, CustomField, Details, LABEL_MAX_CHARS, NewField, PRIORITY_MAX, Requirement,
};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::field_parts::{self, SentKind, options, priority_of, requirement, type_of};
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Pair, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/ticket_fields", list)
        .post("/api/v2/ticket_fields", create)
        .get("/api/v2/ticket_fields/count", count)
        .put("/api/v2/ticket_fields/reorder", reorder)
        .get("/api/v2/ticket_fields/show_many", show_many)
        .get("/api/v2/ticket_fields/{ticket_field_id}", show)
        .put("/api/v2/ticket_fields/{ticket_field_id}", update)
        .delete("/api/v2/ticket_fields/{ticket_field_id}", delete)
        .get("/api/v2/ticket_fields/{ticket_field_id}/options", list_options)
        .post("/api/v2/ticket_fields/{ticket_field_id}/options", set_option)
        .get("/api/v2/ticket_fields/{ticket_field_id}/options/{ticket_field_option_id}", show_option)
        .delete("/api/v2/ticket_fields/{ticket_field_id}/options/{ticket_field_option_id}", delete_option)
}

const LIST: &str = "ticket_fields";
/// What a field with options is called here.
pub(crate) const CHOICE: &str = "tagger";
/// Above the ids of all added fields.
const SYSTEM_IDS: i64 = 900_000_000_000;
/// Type, title, options by value and name.
type SystemField = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
const SYSTEM: &[SystemField] = &[
    ("subject", "Subject", &[]),
    ("description", "Description", &[]),
    (
        "status",
        "Status",
        &[
            ("new", "New"),
            ("open", "Open"),
            ("pending", "Pending"),
            ("hold", "On-hold"),
            ("solved", "Solved"),
            ("closed", "Closed"),
        ],
    ),
    (
        "tickettype",
        "Type",
        &[("question", "Question"), ("incident", "Incident"), ("problem", "Problem"), ("task", "Task")],
    ),
    ("priority", "Priority", &[("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent")]),
    ("group", "Group", &[]),
    ("assignee", "Assignee", &[]),
];

/// Added fields can be of these types.
const TYPES: &[&str] = &[
    "text",
    "textarea",
    "checkbox",
    "date",
    "integer",
    "decimal",
    "tagger",
    "multiselect",
    "regexp",
    "lookup",
    "partialcreditcard",
];
const TEXT_MAX_CHARS: usize = 1_024;

/// The id of what every ticket has, by its place among it.
pub(crate) fn system_id(at: usize) -> i64 {
    SYSTEM_IDS + i64::try_from(at + 1).unwrap_or_default()
}

/// The other way round. None for the id of an added field.
pub(crate) fn system_place(id: i64) -> Option<usize> {
    (0..SYSTEM.len()).find(|at| system_id(*at) == id)
}

/// What kind of field it is, by its place.
pub(crate) fn system_type(at: usize) -> Option<&'static str> {
    SYSTEM.get(at).map(|(kind, ..)| *kind)
}

/// `GET /api/v2/ticket_fields`: all at once, unless a page is asked for.
pub async fn list(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    let views = all(&app, &may, &params.site).await?;
    if params.pairs.iter().any(|(key, _)| key.starts_with("page[")) {
        let asked = Asked::read(&params, "ticket_fields", &["position"])?;
        return Ok(Reply::ok(Value::Object(asked.cut("ticket_fields", views))));
    }
    Ok(Reply::ok(Value::Object(page::whole("ticket_fields", views))))
}

async fn all(app: &App, may: &CanRead<CustomFields>, site: &Site) -> Result<Vec<Value>, ZendeskError> {
    let mut tx = app.db.read().await?;
    let account = helpdesk::account::created_at(&mut tx).await?;
    let added = custom_fields::all_of(&mut tx, may, Carrier::Ticket).await?;
    let mut views: Vec<Value> = (0..SYSTEM.len()).filter_map(|at| system_view(site, at, account)).collect();
    for (at, field) in added.iter().enumerate() {
        views.push(view(site, field, place_of(at)));
    }
    Ok(views)
}

fn place_of(at: usize) -> i64 {
    i64::try_from(SYSTEM.len() + at + 1).unwrap_or(i64::MAX)
}

/// `GET /api/v2/ticket_fields/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<CustomFields>>) -> Answer {
    let n = all(&app, &may, &Site(String::new())).await?.len();
    Ok(Reply::count(i64::try_from(n).unwrap_or(i64::MAX), app.clock.now()))
}

/// `GET /api/v2/ticket_fields/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    let mut views = all(&app, &may, &params.site).await?;
    views.retain(|view| view["id"].as_i64().is_some_and(|id| ids.contains(&id)));
    Ok(Reply::ok(Value::Object(page::whole("ticket_fields", views))))
}

/// `GET /api/v2/ticket_fields/{ticket_field_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<CustomFields>>, Id(id): Id, params: Params) -> Answer {
    let views = all(&app, &may, &params.site).await?;
    let view = views.into_iter().find(|view| view["id"] == id).ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("ticket_field", view))
}

/// `POST /api/v2/ticket_fields`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("ticket_field")?;
    fields.require("type");
    fields.require("title");
    let kind = fields.word("type", TYPES).flatten();
    let sent = read(&mut fields);
    let (input, details) = sent.kind.of_new(&mut fields, kind.unwrap_or("text"));
    fields.finish()?;
    let new = NewField {
        carrier: Carrier::Ticket,
        label: sent.title.clone().unwrap_or_default(),
        input,
        description: sent.description.clone().flatten(),
        external_id: None,
        priority: sent.position.map(priority_of),
        requirement: requirement(sent.required.unwrap_or_default()),
        managed_type: None,
        shown_to_customers: sent.visible.unwrap_or_default(),
        editable_by_customers: sent.editable.unwrap_or_default(),
        archived_at: (sent.active == Some(false)).then(|| app.clock.now()),
    };
    once!(app, may.actor(), body.once, |tx, now| {
        let field = custom_fields::create(tx, &may, now, &new).await?;
        custom_fields::set_details(tx, &may, now, field.id, &sent.put_on(details.clone())).await?;
        Reply::created("ticket_field", written(tx, &may, &params.site, field.id).await?)
    })
}

/// `PUT /api/v2/ticket_fields/{ticket_field_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("ticket_field")?;
    fields.pass(&["type"]);
    let sent = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let view = transact!(app.db, |tx| {
        let before = added(tx, &may, id).await?;
        change(tx, &may, now, &before, &sent).await?;
        written(tx, &may, &params.site, id).await
    })?;
    Ok(Reply::one("ticket_field", view))
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
        requirement: sent.required.map(requirement),
        shown_to_customers: sent.visible,
        editable_by_customers: sent.editable,
        archived_at: sent.active.map(|active| (!active).then(|| before.archived_at.unwrap_or(now))),
        ..Changes::default()
    };
    custom_fields::update(tx, may, now, before.id, &changes).await?;
    custom_fields::set_details(tx, may, now, before.id, &sent.put_on(details)).await?;
    Ok(())
}

/// `DELETE /api/v2/ticket_fields/{ticket_field_id}`: with its values.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        added(tx, &may, id).await?;
        Ok::<_, ZendeskError>(custom_fields::delete(tx, &may, now, id).await?)
    })?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/ticket_fields/reorder`: added fields in this order; what every ticket has stays before them.
pub async fn reorder(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, body: Body) -> Answer {
    let mut fields = body.bare()?;
    fields.require("ticket_field_ids");
    let ids = fields.ids("ticket_field_ids").unwrap_or_default();
    fields.finish()?;
    let added: Vec<i64> = ids.into_iter().filter(|id| *id < SYSTEM_IDS).collect();
    let n = i64::try_from(added.len()).unwrap_or(PRIORITY_MAX);
    let order: Vec<(i64, Changes)> = (1..=n)
        .rev()
        .zip(added)
        .map(|(priority, id)| (id, Changes { priority: Some(priority), ..Changes::default() }))
        .collect();
    let now = app.clock.now();
    transact!(app.db, |tx| custom_fields::update_many(tx, &may, now, &order).await)?;
    Ok(Reply { body: None, ..Reply::ok(Value::Null) })
}

/// `GET /api/v2/ticket_fields/{ticket_field_id}/options`
pub async fn list_options(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Id(id): Id,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "ticket_field_options", &["position"])?;
    if is_system(id) {
        return Ok(Reply::ok(Value::Object(asked.cut("custom_field_options", Vec::new()))));
    }
    let mut tx = app.db.read().await?;
    let field = of_ticket(custom_fields::find(&mut tx, &may, id).await?)?;
    Ok(Reply::ok(Value::Object(asked.cut("custom_field_options", options(&params.site, LIST, &field)))))
}

/// `GET /api/v2/ticket_fields/{ticket_field_id}/options/{ticket_field_option_id}`
pub async fn show_option(
    State(app): State<App>,
    May(may): May<CanRead<CustomFields>>,
    Pair(id, option_id): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let field = of_ticket(custom_fields::find(&mut tx, &may, id).await?)?;
    let option = options(&params.site, LIST, &field).into_iter().find(|option| option["id"] == option_id);
    Ok(Reply::one("custom_field_option", option.ok_or_else(ZendeskError::not_found)?))
}

/// `POST /api/v2/ticket_fields/{ticket_field_id}/options`: a new one, or with an id another name and value for one that is there.
pub async fn set_option(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let sent = field_parts::read_option(&body)?;
    let now = app.clock.now();
    let (view, is_new) = transact!(app.db, |tx| {
        let field = added(tx, &may, id).await?;
        let (chosen, is_new) = field_parts::put_option(tx, &may, now, &field, &sent).await?;
        let field = custom_fields::written(tx, &may, id).await?;
        let option = options(&params.site, LIST, &field).into_iter().find(|option| option["value"] == chosen);
        Ok::<_, ZendeskError>((option.unwrap_or_default(), is_new))
    })?;
    Ok(if is_new { Reply::created("custom_field_option", view) } else { Reply::one("custom_field_option", view) })
}

/// `DELETE /api/v2/ticket_fields/{ticket_field_id}/options/{ticket_field_option_id}`
pub async fn delete_option(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Pair(id, option_id): Pair,
) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        let field = added(tx, &may, id).await?;
        field_parts::remove_option(tx, &may, now, &field, option_id).await
    })?;
    Ok(Reply::empty())
}

/// An added field of tickets. What every ticket has cannot be changed.
async fn added(tx: &mut Tx, may: &CanWrite<CustomFields>, id: i64) -> Result<CustomField, ZendeskError> {
    if is_system(id) {
        return Err(ZendeskError::invalid("base", "This field belongs to every ticket and cannot be changed."));
    }
    of_ticket(custom_fields::written(tx, may, id).await?)
}

fn is_system(id: i64) -> bool {
    system_place(id).is_some()
}

fn of_ticket(field: CustomField) -> Result<CustomField, ZendeskError> {
    if field.carrier == Carrier::Ticket { Ok(field) } else { Err(ZendeskError::not_found()) }
}

async fn written(tx: &mut Tx, may: &CanWrite<CustomFields>, site: &Site, id: i64) -> Result<Value, ZendeskError> {
    let field = custom_fields::written(tx, may, id).await?;
    let at = custom_fields::place(tx, may, &field).await?;
    Ok(view(site, &field, place_of(usize::try_from(at).unwrap_or_default())))
}

/// The writable fields as they were sent.
#[derive(Debug, Clone, Default)]
struct Sent {
    title: Option<String>,
    title_in_portal: Option<String>,
    description: Option<Option<String>>,
    agent_description: Option<Option<String>>,
    position: Option<i64>,
    required: Option<bool>,
    required_in_portal: Option<bool>,
    visible: Option<bool>,
    editable: Option<bool>,
    collapsed: Option<bool>,
    active: Option<bool>,
    kind: SentKind,
}

impl Sent {
    fn put_on(&self, mut details: Details) -> Details {
        if let Some(title) = &self.title_in_portal {
            details.label_for_customers = Some(title.clone());
        }
        if let Some(text) = &self.agent_description {
            details.description_for_staff.clone_from(text);
        }
        details.required_for_customers = self.required_in_portal.unwrap_or(details.required_for_customers);
        details.collapsed = self.collapsed.unwrap_or(details.collapsed);
        details
    }
}

fn read(fields: &mut Fields) -> Sent {
    fields.pass(&[
        "agent_can_edit",
        "created_at",
        "creator_app_name",
        "creator_user_id",
        "custom_statuses",
        "sub_type_id",
        "id",
        "key",
        "raw_description",
        "raw_title",
        "raw_title_in_portal",
        "removable",
        "system_field_options",
        "updated_at",
        "url",
    ]);
    Sent {
        title: fields.some_text("title", LABEL_MAX_CHARS),
        title_in_portal: fields.some_text("title_in_portal", LABEL_MAX_CHARS),
        description: fields.text("description", TEXT_MAX_CHARS),
        agent_description: fields.text("agent_description", TEXT_MAX_CHARS),
        position: fields.integer("position").flatten(),
        required: fields.flag("required"),
        required_in_portal: fields.flag("required_in_portal"),
        visible: fields.flag("visible_in_portal"),
        editable: fields.flag("editable_in_portal"),
        collapsed: fields.flag("collapsed_for_agents"),
        active: fields.flag("active"),
        kind: field_parts::read_kind(fields),
    }
}

pub(crate) fn view(site: &Site, field: &CustomField, position: i64) -> Value {
    let title_in_portal = field.details.label_for_customers.as_ref().unwrap_or(&field.label);
    let mut view = common(site, field.id, (type_of(field, CHOICE), &field.label), position);
    let own = json!({
        "title_in_portal": title_in_portal,
        "raw_title_in_portal": title_in_portal,
        "description": field.description.as_deref().unwrap_or_default(),
        "raw_description": field.description.as_deref().unwrap_or_default(),
        "agent_description": field.details.description_for_staff,
        "active": field.archived_at.is_none(),
        "required": field.requirement == Requirement::Required,
        "required_in_portal": field.details.required_for_customers,
        "visible_in_portal": field.shown_to_customers,
        "editable_in_portal": field.editable_by_customers,
        "collapsed_for_agents": field.details.collapsed,
        "removable": true,
        "custom_field_options": options(site, LIST, field),
        "created_at": format(field.created_at),
        "updated_at": format(field.updated_at),
    });
    if let Value::Object(own) = own {
        view.extend(own);
    }
    view.extend(field_parts::kind_view(field));
    Value::Object(view)
}

/// What every ticket has.
fn system_view(site: &Site, at: usize, since: Timestamp) -> Option<Value> {
    let (kind, title, values) = SYSTEM.get(at)?;
    let place = i64::try_from(at + 1).ok()?;
    let is_for_customers = matches!(*kind, "subject" | "description");
    let options: Vec<Value> = values.iter().map(|(value, name)| json!({ "name": name, "value": value })).collect();
    let mut view = common(site, SYSTEM_IDS + place, (kind, title), place);
    let own = json!({
        "description": "",
        "raw_description": "",
        "agent_description": null,
        "title_in_portal": title,
        "raw_title_in_portal": title,
        "active": true,
        "required": is_for_customers,
        "required_in_portal": is_for_customers,
        "visible_in_portal": is_for_customers,
        "editable_in_portal": is_for_customers,
        "collapsed_for_agents": false,
        "removable": false,
        "system_field_options": options,
        "created_at": format(since),
        "updated_at": format(since),
    });
    if let Value::Object(own) = own {
        view.extend(own);
    }
    Some(Value::Object(view))
}

fn common(site: &Site, id: i64, (kind, title): (&str, &str), position: i64) -> Map<String, Value> {
    let common = json!({
        "id": id,
        "url": site.url(&format!("ticket_fields/{id}")),
        "type": kind,
        "title": title,
        "raw_title": title,
        "position": position,
        "agent_can_edit": true,
        "regexp_for_validation": null,
        "tag": null,
        "sub_type_id": (kind == "status").then_some(1).or((kind == "priority").then_some(0)),
        "key": null,
        "creator_user_id": null,
        "creator_app_name": null,
        "relationship_target_type": null,
        "relationship_filter": null,
        "system_field_options": [],
        "custom_field_options": [],
        "custom_statuses": [],
    });
    match common {
        Value::Object(common) => common,
        _ => Map::new(),
    }
}
