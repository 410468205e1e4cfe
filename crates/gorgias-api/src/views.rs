//! `/api/views`: saved lists, with their filter in the vendor's language (Gorgias contract, `resources.views`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use gorgias_code::{LENGTH_MAX_CHARS, estree};
use helpdesk::filter::Condition;
use helpdesk::page::Page;
use helpdesk::people::Person;
use helpdesk::tickets::TeamOfTicket;
use helpdesk::tickets::matching::Sort;
use helpdesk::views::write::{self, Changes, NAME_MAX_CHARS, NewView, SHARED_MAX};
use helpdesk::views::{self, Arranged, Filter, Lists, View, Visibility};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Views;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields, ID_MAX, Sent};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc"];
const CATEGORIES: &[&str] = &["system", "user"];
const TYPES: &[&str] = &["ticket-list", "customer-list"];
const VISIBILITIES: &[&str] = &["public", "shared", "private"];
const SEARCH_MAX_CHARS: usize = 1_000;
const FIELDS_MAX: usize = 50;
const FIELDS: &[&str] = &[
    "id",
    "details",
    "tags",
    "customer",
    "last_message",
    "name",
    "email",
    "created",
    "updated",
    "assignee",
    "assignee_team",
    "channel",
    "closed",
    "language",
    "last_received_message",
    "integrations",
    "snooze",
    "status",
    "subject",
    "priority",
];
const FIELDS_OF_NEW: &[&str] = &["details", "tags", "subject", "last_message"];

/// What items can be ordered by, and ours.
pub(crate) const SORTS: &[(&str, Sort)] = &[
    ("created_datetime", Sort::Created),
    ("updated_datetime", Sort::Updated),
    ("last_message_datetime", Sort::LastMessage),
    ("last_received_message_datetime", Sort::LastReceivedMessage),
    ("closed_datetime", Sort::Closed),
    ("snooze_datetime", Sort::Snoozed),
    ("priority", Sort::Priority),
];

/// `GET /api/views`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Views>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "views", ORDERS)?;
    let category = params.one_of("category", CATEGORIES);
    params.finish()?;
    let filter = Filter { is_system: category.map(|category| category == "system"), ..Filter::default() };

    let mut tx = app.db.read().await?;
    let order = (Arranged::Created, asked.is_descending());
    let page: Page<View> = views::list(&mut tx, &may, filter, order, &asked.slice).await?;
    Ok(Json(asked.envelope(page, |it| view(&it))))
}

/// `POST /api/views`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Views>>,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    if fields.one_of_or_null("category", CATEGORIES) == Sent::Value("system") {
        fields.problem("category", "System views belong to the account: they cannot be added.");
    }
    let sent = changes_of(&mut fields);
    fields.finish()?;
    let (condition, source) = sent.condition.unwrap_or_default();
    let new = NewView {
        slug: sent.slug,
        name: sent.name.unwrap_or_default(),
        description: None,
        lists: sent.lists.unwrap_or(Lists::Tickets),
        condition,
        source,
        search: sent.search.flatten(),
        fields: sent.fields.unwrap_or_else(|| FIELDS_OF_NEW.iter().map(|&field| field.to_owned()).collect()),
        sort: sent.sort.unwrap_or(Sort::Updated),
        descending: sent.descending.unwrap_or(true),
        visibility: sent.visibility.unwrap_or(Visibility::Public),
        person_ids: sent.person_ids.unwrap_or_default(),
        team_ids: sent.team_ids.unwrap_or_default(),
        decoration: sent.decoration.flatten(),
        section_id: sent.section_id.flatten(),
    };

    let now = app.clock.now();
    let made = transact!(app.db, |tx| write::create(tx, &may, now, &new).await)?;
    Ok(created(view(&made)))
}

/// `GET /api/views/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Views>>, Id(id): Id, params: Params) -> Answer {
    params.finish()?;
    let mut tx = app.db.read().await?;
    Ok(Json(view(&views::find(&mut tx, &may, id).await?)))
}

/// `PUT /api/views/{id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Views>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    params.finish()?;
    let mut fields = body.fields()?;
    let changes = changes_of(&mut fields);
    fields.finish()?;

    let now = app.clock.now();
    let changed = transact!(app.db, |tx| write::update(tx, &may, now, id, &changes).await)?;
    Ok(Json(view(&changed)))
}

/// `DELETE /api/views/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Views>>,
    Id(id): Id,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| write::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn changes_of(fields: &mut Fields) -> Changes {
    let (sort, descending) = order_of(fields);
    Changes {
        slug: fields.text("slug", NAME_MAX_CHARS),
        name: fields.text_or_null("name", NAME_MAX_CHARS).change().map(Option::unwrap_or_default),
        lists: lists_of(fields),
        condition: filters_of(fields),
        search: fields.text_or_null("search", SEARCH_MAX_CHARS).change(),
        fields: columns_of(fields),
        sort,
        descending,
        visibility: fields.one_of("visibility", VISIBILITIES).and_then(Visibility::parse),
        person_ids: shared_with(fields, "shared_with_users"),
        team_ids: shared_with(fields, "shared_with_teams"),
        decoration: fields.object_or_null("decoration").change(),
        section_id: fields.integer_or_null("section_id", 0, ID_MAX).change(),
        ..Changes::default()
    }
}

pub(crate) fn lists_of(fields: &mut Fields) -> Option<Lists> {
    let word = fields.one_of("type", TYPES)?;
    Some(if word == "customer-list" { Lists::Customers } else { Lists::Tickets })
}

/// The filter as a condition, with its text. Null means the same as empty: everything.
pub(crate) fn filters_of(fields: &mut Fields) -> Option<(Condition, String)> {
    let source = fields.text_or_null("filters", LENGTH_MAX_CHARS).change()?.unwrap_or_default();
    match gorgias_code::filter(&source) {
        Ok(filter) => Some((filter.condition, source)),
        Err(error) => {
            fields.problem("filters", error.to_string());
            None
        }
    }
}

/// `order_by`, with or without a direction behind a colon, and `order_dir`.
pub(crate) fn order_of(fields: &mut Fields) -> (Option<Sort>, Option<bool>) {
    let sent = fields.text_or_null("order_by", 64).value();
    let direction = fields.one_of_or_null("order_dir", &["asc", "desc"]).value();
    let Some(sent) = sent else { return (None, direction.map(|it| it == "desc")) };
    let (attribute, of_attribute) = sent.split_once(':').map_or((sent.as_str(), None), |(a, b)| (a, Some(b)));
    let sort = SORTS.iter().find(|(name, _)| *name == attribute).map(|(_, sort)| *sort);
    if sort.is_none() || of_attribute.is_some_and(|it| !matches!(it, "asc" | "desc")) {
        let names: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
        fields.problem("order_by", format!("Must be one of: {}.", names.join(", ")));
    }
    (sort, direction.or(of_attribute).map(|it| it == "desc"))
}

fn columns_of(fields: &mut Fields) -> Option<Vec<String>> {
    let sent = fields.texts("fields", 0, FIELDS_MAX, 64)?;
    for (at, name) in sent.iter().enumerate() {
        if !FIELDS.contains(&name.as_str()) {
            fields.problem(&format!("fields.{at}"), format!("Must be one of: {}.", FIELDS.join(", ")));
        }
    }
    Some(sent)
}

/// Ids come in; whole objects go out, and clients send those back.
fn shared_with(fields: &mut Fields, field: &str) -> Option<Vec<i64>> {
    let items = match fields.json(field) {
        Sent::Absent => return None,
        Sent::Null => return Some(Vec::new()),
        Sent::Value(Value::Array(items)) => items,
        Sent::Value(_) => {
            fields.problem(field, "Not a valid list.");
            return None;
        }
    };
    if SHARED_MAX < items.len() {
        fields.problem(field, format!("Longer than maximum length {SHARED_MAX}."));
        return None;
    }
    let mut ids = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let id = match item {
            Value::Object(object) => object.get("id").and_then(Value::as_i64),
            Value::String(digits) => digits.parse().ok(),
            other => other.as_i64(),
        };
        match id.filter(|id| (1..=ID_MAX).contains(id)) {
            Some(id) if ids.contains(&id) => {}
            Some(id) => ids.push(id),
            None => fields.problem(&format!("{field}.{at}"), "Not a valid integer."),
        }
    }
    Some(ids)
}

/// The filter in the vendor's language, and its tree. A condition of another vendor that the language cannot say is shown as one that
/// matches nothing, so that nobody takes it for everything.
pub(crate) fn code_of(view: &View) -> (String, Value) {
    let written = gorgias_code::filter(&view.source).ok().filter(|filter| filter.condition == view.condition);
    if let Some(filter) = written {
        return (view.source.clone(), estree::program(&filter.program));
    }
    let code = gorgias_code::print(&view.condition).unwrap_or_else(|| "false".to_owned());
    let program = gorgias_code::parse(&code).unwrap_or_default();
    (code, estree::program(&program))
}

pub(crate) fn view(view: &View) -> Value {
    let (filters, filters_ast) = code_of(view);
    let order_by = SORTS.iter().find(|(_, sort)| *sort == view.sort).map(|(name, _)| *name);
    json!({
        "id": view.id,
        "uri": format!("/api/views/{}/", view.id),
        "slug": view.slug,
        "name": view.name,
        "category": if view.system.is_some() { "system" } else { "user" },
        "type": if view.lists == Lists::Customers { "customer-list" } else { "ticket-list" },
        "filters": filters,
        "filters_ast": filters_ast,
        "search": view.search,
        "fields": view.fields.iter().filter(|name| FIELDS.contains(&name.as_str())).collect::<Vec<_>>(),
        "order_by": order_by,
        "order_dir": if view.descending { "desc" } else { "asc" },
        "visibility": view.visibility.word(),
        "shared_with_users": view.people.iter().map(user).collect::<Vec<_>>(),
        "shared_with_teams": view.teams.iter().map(team).collect::<Vec<_>>(),
        "decoration": view.decoration,
        "section_id": view.section_id,
        "display_order": view.display_order,
        "created_datetime": time::format(view.created_at),
        "deactivated_datetime": time::format_or_null(view.deactivated_at),
    })
}

fn user(person: &Person) -> Value {
    json!({
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "firstname": person.firstname,
        "lastname": person.lastname,
        "meta": person.meta,
    })
}

fn team(team: &TeamOfTicket) -> Value {
    json!({ "id": team.id, "name": team.name, "decoration": team.decoration })
}
