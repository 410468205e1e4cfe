//! `/api/v2/views`: saved lists of tickets (Zendesk contract, `resources.views`). What is in one, and how much: `view_items.rs`; its
//! conditions: `conditions.rs`.
//!
//! Views of customers, which the other dialect has, are none here.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::custom_fields;
use helpdesk::page::{Page, Slice};
use helpdesk::tickets::matching::Sort;
use helpdesk::views::write::{self, Changes, NAME_MAX_CHARS, NewView};
use helpdesk::views::{self, Arranged, Filter, Lists, View, Visibility};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Views;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::condition_definitions::{self, said};
use crate::condition_fields::Who;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site, bulk, condition_view, conditions};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/views", list)
        .post("/api/v2/views", create)
        .get("/api/v2/views/active", list_active)
        .get("/api/v2/views/compact", list_compact)
        .get("/api/v2/views/count", count)
        .get("/api/v2/views/definitions", show_definitions)
        .delete("/api/v2/views/destroy_many", destroy_many)
        .get("/api/v2/views/search", search)
        .get("/api/v2/views/show_many", show_many)
        .put("/api/v2/views/update_many", update_many)
        .get("/api/v2/views/{view_id}", show)
        .put("/api/v2/views/{view_id}", update)
        .delete("/api/v2/views/{view_id}", delete)
}

const DESCRIPTION_MAX_CHARS: usize = 1024;
const COLUMNS_MAX: usize = 10;
/// Views of the short list.
const COMPACT_MAX: usize = 32;
const POSITION_MAX: i64 = 1_000_000_000;

/// Orders of lists of views, by their words.
const ARRANGED: &[(&str, Arranged)] = &[
    ("position", Arranged::Displayed),
    ("alphabetical", Arranged::Named),
    ("created_at", Arranged::Created),
    ("updated_at", Arranged::Updated),
];

/// What the tickets of a view can be ordered by: the words of views, then those of lists.
pub(crate) const SORTS: &[(&str, Sort)] = &[
    ("created", Sort::Created),
    ("updated", Sort::Updated),
    ("priority", Sort::Priority),
    ("solved", Sort::Closed),
    ("updated_requester", Sort::LastReceivedMessage),
    ("created_at", Sort::Created),
    ("updated_at", Sort::Updated),
];

/// A column of a view: its word here, the one that is stored, and what people read.
pub(crate) const COLUMNS: &[(&str, &str, &str)] = &[
    ("nice_id", "id", "ID"),
    ("status", "status", "Status"),
    ("subject", "subject", "Subject"),
    ("requester", "customer", "Requester"),
    ("created", "created", "Requested"),
    ("updated", "updated", "Updated"),
    ("assignee", "assignee", "Assignee"),
    ("group", "assignee_team", "Group"),
    ("priority", "priority", "Priority"),
    ("solved", "closed", "Solved"),
    ("updated_requester", "last_received_message", "Requester updated"),
    ("locale", "language", "Requester language"),
    ("type", "type", "Type"),
    ("organization", "organization", "Organization"),
    ("due_date", "due_date", "Due date"),
];
const COLUMNS_OF_NEW: &[&str] = &["subject", "customer", "created", "assignee"];

/// `GET /api/v2/views`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Views>>, params: Params) -> Answer {
    list_by(&app, &may, &params, "views", filter_of(&params)?).await
}

/// `GET /api/v2/views/active`
pub async fn list_active(State(app): State<App>, May(may): May<CanRead<Views>>, params: Params) -> Answer {
    let filter = Filter { active: Some(true), ..filter_of(&params)? };
    list_by(&app, &may, &params, "active views", filter).await
}

/// `GET /api/v2/views/search`: by a part of the title.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Views>>, params: Params) -> Answer {
    let part = params.required_text("query")?;
    let filter = Filter { name_part: Some(&part), ..filter_of(&params)? };
    list_by(&app, &may, &params, "found views", filter).await
}

async fn list_by(app: &App, may: &CanRead<Views>, params: &Params, list: &'static str, filter: Filter<'_>) -> Answer {
    let sorts: Vec<&'static str> = ARRANGED.iter().map(|(word, _)| *word).collect();
    let asked = Asked::read(params, list, &sorts)?;
    let arranged = ARRANGED.iter().find(|(word, _)| *word == asked.sort).map_or(Arranged::Displayed, |it| it.1);
    let mut tx = app.db.read().await?;
    let page: Page<View> = views::list(&mut tx, may, filter, (arranged, asked.descending), &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("views", page, |it| view(&params.site, &it)))))
}

/// `GET /api/v2/views/compact`: the first of them, in one answer.
pub async fn list_compact(State(app): State<App>, May(may): May<CanRead<Views>>, params: Params) -> Answer {
    let filter = Filter { active: Some(true), ..tickets_only() };
    whole(&app, &may, &params, filter, COMPACT_MAX).await
}

/// `GET /api/v2/views/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<Views>>, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    let filter = Filter { ids: Some(&ids), ..filter_of(&params)? };
    whole(&app, &may, &params, filter, page::PER_PAGE).await
}

async fn whole(app: &App, may: &CanRead<Views>, params: &Params, filter: Filter<'_>, limit: usize) -> Answer {
    let mut tx = app.db.read().await?;
    let slice = Slice { limit, from: None };
    let found = views::list(&mut tx, may, filter, (Arranged::Displayed, false), &slice).await?.items;
    let views = found.iter().map(|it| view(&params.site, it)).collect();
    Ok(Reply::ok(Value::Object(page::whole("views", views))))
}

/// `GET /api/v2/views/count`
pub async fn count(State(app): State<App>, May(may): May<CanRead<Views>>) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::count(views::count(&mut tx, &may, tickets_only()).await?, app.clock.now()))
}

/// `GET /api/v2/views/definitions`
pub async fn show_definitions(State(app): State<App>, May(may): May<CanRead<Views>>) -> Answer {
    let mut tx = app.db.read().await?;
    let fields = custom_fields::named(&mut tx, &may).await?;
    Ok(Reply::one("definitions", condition_definitions::definitions(Who::View, &fields)))
}

/// `GET /api/v2/views/{view_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Views>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let found = of_tickets(views::find(&mut tx, &may, id).await?)?;
    Ok(Reply::one("view", view(&params.site, &found)))
}

/// `POST /api/v2/views`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Views>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("view")?;
    fields.require("title");
    let (sent, changes) = read(&mut fields);
    fields.finish()?;
    let new = NewView {
        slug: None,
        name: changes.name.unwrap_or_default(),
        description: changes.description.flatten(),
        lists: Lists::Tickets,
        condition: sent.condition(None)?,
        source: String::new(),
        search: None,
        fields: changes.fields.unwrap_or_else(|| COLUMNS_OF_NEW.iter().map(|&word| word.to_owned()).collect()),
        sort: changes.sort.unwrap_or(Sort::Created),
        descending: changes.descending.unwrap_or(true),
        visibility: changes.visibility.unwrap_or(Visibility::Public),
        person_ids: changes.person_ids.unwrap_or_default(),
        team_ids: changes.team_ids.unwrap_or_default(),
        decoration: None,
        section_id: None,
    };
    let rest = Changes { active: changes.active, display_order: changes.display_order, ..Changes::default() };
    once!(app, may.actor(), body.once, |tx, now| {
        let mut made = write::create(tx, &may, now, &new).await?;
        if rest.active == Some(false) || rest.display_order.is_some() {
            made = write::update(tx, &may, now, made.id, &rest).await?;
        }
        Reply::created("view", view(&params.site, &made))
    })
}

/// `PUT /api/v2/views/{view_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Views>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("view")?;
    let (sent, changes) = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let before = of_tickets(views::to_change(tx, &may, id).await?)?;
        let mut changes = changes.clone();
        if sent.is_there() {
            changes.condition = Some((sent.clone().condition(Some(&before.condition))?, String::new()));
        }
        Ok::<_, ZendeskError>(write::update(tx, &may, now, id, &changes).await?)
    })?;
    Ok(Reply::one("view", view(&params.site, &changed)))
}

/// `PUT /api/v2/views/update_many`: places, and which are in use.
pub async fn update_many(State(app): State<App>, May(may): May<CanWrite<Views>>, params: Params, body: Body) -> Answer {
    let rows = read_places(&body, "views")?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let mut changed = Vec::with_capacity(rows.len());
        for Place { id, position, active } in &rows {
            of_tickets(views::to_change(tx, &may, *id).await?)?;
            let changes = Changes { display_order: *position, active: *active, ..Changes::default() };
            changed.push(write::update(tx, &may, now, *id, &changes).await?);
        }
        Ok::<_, ZendeskError>(changed)
    })?;
    let views = changed.iter().map(|it| view(&params.site, it)).collect();
    Ok(Reply::ok(Value::Object(page::whole("views", views))))
}

/// `DELETE /api/v2/views/{view_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Views>>, Id(id): Id) -> Answer {
    delete_all(&app, &may, &[id]).await
}

/// `DELETE /api/v2/views/destroy_many`: all of them, or none.
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Views>>, params: Params) -> Answer {
    delete_all(&app, &may, &params.required_ids("ids")?).await
}

async fn delete_all(app: &App, may: &CanWrite<Views>, ids: &[i64]) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for id in ids {
            of_tickets(views::to_change(tx, may, *id).await?)?;
            write::delete(tx, may, now, *id).await?;
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::empty())
}

/// A row of `update_many` of views and macros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub id: i64,
    pub position: Option<i64>,
    pub active: Option<bool>,
}

pub(crate) fn read_places(body: &Body, name: &str) -> Result<Vec<Place>, ZendeskError> {
    let row = |row: &Value| {
        let mut fields = Fields::of_row(row);
        let place =
            Place { id: bulk::id_of(row)?, position: read_position(&mut fields), active: fields.flag("active") };
        fields.finish()?;
        Ok(place)
    };
    body.records(name)?.iter().map(row).collect()
}

pub(crate) fn read_position(fields: &mut Fields) -> Option<i64> {
    let position = fields.integer("position").flatten()?;
    if !(0..=POSITION_MAX).contains(&position) {
        fields.problem("position", format!("is not 0 to {POSITION_MAX}"));
    }
    Some(position)
}

/// The view, or nothing if it does not list tickets.
pub(crate) fn of_tickets(view: View) -> Result<View, ZendeskError> {
    if view.lists == Lists::Tickets { Ok(view) } else { Err(ZendeskError::not_found()) }
}

fn tickets_only() -> Filter<'static> {
    Filter { lists: Some(Lists::Tickets), ..Filter::default() }
}

/// `access`, `active` and `group_id`.
fn filter_of(params: &Params) -> Result<Filter<'static>, ZendeskError> {
    let private = match params.one("access") {
        None => None,
        Some("personal") => Some(true),
        Some("shared" | "account") => Some(false),
        Some(_) => return Err(ZendeskError::bad_request("access must be personal, shared or account.")),
    };
    let active = params.one("active").map(|_| params.flag("active"));
    Ok(Filter { private, active, team_id: params.id("group_id")?, ..tickets_only() })
}

/// The conditions as they were sent, and everything else.
pub(crate) fn read(fields: &mut Fields) -> (conditions::Sent, Changes) {
    fields.pass(&["created_at", "default", "execution", "id", "raw_title", "updated_at", "url"]);
    let mut changes = Changes {
        name: fields.some_text("title", NAME_MAX_CHARS),
        description: fields.text("description", DESCRIPTION_MAX_CHARS),
        active: fields.flag("active"),
        display_order: read_position(fields),
        ..Changes::default()
    };
    fields.nested("output", |output| read_output(output, &mut changes));
    if fields.was_sent("restriction") {
        let restriction = fields.nested("restriction", read_restriction);
        let (visibility, people, teams) = restriction.unwrap_or((Visibility::Public, Vec::new(), Vec::new()));
        changes.visibility = Some(visibility);
        changes.person_ids = Some(people);
        changes.team_ids = Some(teams);
    }
    (conditions::Sent::read(fields), changes)
}

fn read_output(output: &mut Fields, changes: &mut Changes) {
    if let Some(words) = output.texts("columns", NAME_MAX_CHARS) {
        if COLUMNS_MAX < words.len() {
            output.problem("columns", format!("has more than {COLUMNS_MAX} items"));
        }
        let stored = words.iter().map(|word| {
            let known = COLUMNS.iter().find(|(here, ..)| here == word).map(|(_, stored, _)| (*stored).to_owned());
            known.ok_or_else(|| format!("cannot show {word}"))
        });
        match stored.collect() {
            Ok(stored) => changes.fields = Some(stored),
            Err(problem) => output.problem("columns", problem),
        }
    }
    if let Some(word) = output.some_text("sort_by", NAME_MAX_CHARS).filter(|word| !word.is_empty()) {
        changes.sort = SORTS.iter().find(|(known, _)| *known == word).map(|(_, sort)| *sort);
        if changes.sort.is_none() {
            output.problem("sort_by", format!("cannot be {word}"));
        }
    }
    changes.descending = output.word("sort_order", &["asc", "desc"]).flatten().map(|word| word == "desc");
    output.pass(&["group_order"]);
    if output.some_text("group_by", NAME_MAX_CHARS).is_some_and(|word| !word.is_empty()) {
        output.problem("group_by", "is not offered");
    }
}

fn read_restriction(restriction: &mut Fields) -> (Visibility, Vec<i64>, Vec<i64>) {
    let mut ids = restriction.ids("ids").unwrap_or_default();
    let id = restriction.id("id").flatten();
    ids.extend(id.filter(|id| !ids.contains(id)));
    restriction.require("type");
    if ids.is_empty() {
        restriction.problem("id", "cannot be blank");
    }
    match restriction.word("type", &["Group", "User"]).flatten() {
        Some("User") => (Visibility::Private, ids, Vec::new()),
        _ => (Visibility::Shared, Vec::new(), ids),
    }
}

/// Null: everybody sees it.
fn restriction(view: &View) -> Value {
    let teams: Vec<i64> = view.teams.iter().map(|team| team.id).collect();
    let people: Vec<i64> = view.people.iter().map(|person| person.id).collect();
    match (view.visibility, teams.first(), people.first()) {
        (Visibility::Public, ..) | (_, None, None) => Value::Null,
        (_, Some(first), _) => json!({ "type": "Group", "id": first, "ids": teams }),
        (_, None, Some(first)) => json!({ "type": "User", "id": first, "ids": people }),
    }
}

/// The columns of a view: word, and what people read.
pub(crate) fn columns(view_fields: &[String]) -> Vec<(&'static str, &'static str)> {
    let known = view_fields.iter().filter_map(|name| COLUMNS.iter().find(|(_, stored, _)| stored == name));
    known.map(|(word, _, title)| (*word, *title)).collect()
}

/// What orders the tickets, in the word of views.
pub(crate) fn sort_word(sort: Sort) -> &'static str {
    SORTS.iter().find(|(_, it)| *it == sort).map_or("updated", |(word, _)| *word)
}

fn execution(view: &View) -> Value {
    let sort_by = sort_word(view.sort);
    let order = if view.descending { "desc" } else { "asc" };
    let columns: Vec<Value> =
        columns(&view.fields).into_iter().map(|(word, title)| json!({ "id": word, "title": title })).collect();
    json!({
        "group_by": null,
        "group_order": "asc",
        "sort_by": sort_by,
        "sort_order": order,
        "group": null,
        "sort": { "id": sort_by, "title": said(sort_by), "order": order },
        "columns": columns,
        "fields": columns,
        "custom_fields": [],
    })
}

pub(crate) fn view(site: &Site, view: &View) -> Value {
    json!({
        "id": view.id,
        "url": site.url(&format!("views/{}", view.id)),
        "title": view.name,
        "raw_title": view.name,
        "description": view.description,
        "active": view.deactivated_at.is_none(),
        "default": view.system.is_some(),
        "position": view.display_order,
        "conditions": condition_view::view(&view.condition),
        "execution": execution(view),
        "restriction": restriction(view),
        "created_at": format(view.created_at),
        "updated_at": format(view.updated_at),
    })
}
