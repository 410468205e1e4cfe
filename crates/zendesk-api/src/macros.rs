//! `/api/v2/macros` (Zendesk contract, `resources.macros`): prepared replies. Their actions: `macro_actions.rs`; what one would do to a
//! ticket: `macro_apply.rs`.
//!
//! Everybody who answers tickets sees every macro. One that is not active here is archived in the other dialect.

use axum::extract::State;
use endpoint::{App, Later, May, Routes};
use helpdesk::macros::files as macro_files;
use helpdesk::macros::write::{self, Archived, Changes, NewMacro};
use helpdesk::macros::{self, ACTIONS_MAX, Filter, Macro, NAME_MAX_CHARS, Sort};
use helpdesk::page::Slice;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Macros;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::{self, Asked};
use crate::query::Params;
use crate::time::format;
use crate::views::{Place, read_places, read_position};
use crate::{Id, Site, macro_actions, usage};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/macros", list)
        .post("/api/v2/macros", create)
        .get("/api/v2/macros/actions", list_actions)
        .get("/api/v2/macros/active", list_active)
        .get("/api/v2/macros/categories", list_categories)
        .get("/api/v2/macros/definitions", show_definitions)
        .delete("/api/v2/macros/destroy_many", destroy_many)
        .get("/api/v2/macros/groups", list_groups)
        .get("/api/v2/macros/most_used", list_most_used)
        .get("/api/v2/macros/new", show_derived)
        .get("/api/v2/macros/search", search)
        .put("/api/v2/macros/update_many", update_many)
        .get("/api/v2/macros/{macro_id}", show)
        .put("/api/v2/macros/{macro_id}", update)
        .delete("/api/v2/macros/{macro_id}", delete)
}

const DESCRIPTION_MAX_CHARS: usize = 1024;
/// Macros of the list of the most used.
const MOST_USED: usize = 10;

/// Orders of lists. Those by use go by all uses there ever were.
const SORTS: &[(&str, Sort)] = &[
    ("position", Sort::Position),
    ("alphabetical", Sort::Name),
    ("created_at", Sort::Created),
    ("updated_at", Sort::Updated),
    ("usage_1h", Sort::Usage),
    ("usage_24h", Sort::Usage),
    ("usage_7d", Sort::Usage),
    ("usage_30d", Sort::Usage),
];

/// `GET /api/v2/macros`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Macros>>, params: Params) -> Answer {
    list_by(&app, &may, &params, "macros", filter_of(&params)?).await
}

/// `GET /api/v2/macros/active`
pub async fn list_active(State(app): State<App>, May(may): May<CanRead<Macros>>, params: Params) -> Answer {
    let filter = Filter { either: false, archived: false, ..filter_of(&params)? };
    list_by(&app, &may, &params, "active macros", filter).await
}

/// `GET /api/v2/macros/search`: by a part of the title or of the reply.
pub async fn search(State(app): State<App>, May(may): May<CanRead<Macros>>, params: Params) -> Answer {
    let filter = Filter { search: Some(params.required_text("query")?), ..filter_of(&params)? };
    list_by(&app, &may, &params, "found macros", filter).await
}

async fn list_by(app: &App, may: &CanRead<Macros>, params: &Params, list: &'static str, filter: Filter) -> Answer {
    let sorts: Vec<&'static str> = SORTS.iter().map(|(word, _)| *word).collect();
    let asked = Asked::read(params, list, &sorts)?;
    let sort = SORTS.iter().find(|(word, _)| *word == asked.sort).map_or(Sort::Position, |(_, sort)| *sort);
    let mut tx = app.db.read().await?;
    let page = macros::list(&mut tx, may, &filter, sort, asked.descending, &asked.slice).await?;
    let mut body = asked.body("macros", page, |it| view(&params.site, &it));
    if let Some(Value::Array(page)) = body.get_mut("macros") {
        put_usage(&mut tx, may, (params, app.clock.now()), page).await?;
    }
    Ok(Reply::ok(Value::Object(body)))
}

async fn put_usage(
    tx: &mut Tx,
    may: &CanRead<Macros>,
    (params, now): (&Params, Timestamp),
    records: &mut [Value],
) -> Result<(), ZendeskError> {
    if usage::is_asked(params) {
        let used = helpdesk::usage::of_macros(tx, may, now, &usage::ids(records)).await?;
        usage::put(params, records, &used);
    }
    Ok(())
}

/// `access`, `active`, `group_id`. No macro belongs to one person or group.
fn filter_of(params: &Params) -> Result<Filter, ZendeskError> {
    if params.one("category").is_some() {
        return Err(ZendeskError::bad_request("Macros cannot be listed by category: use search."));
    }
    let is_restricted = match params.one("access") {
        None | Some("agents" | "shared" | "account") => params.id("group_id")?.is_some(),
        Some("personal") => true,
        Some(_) => return Err(ZendeskError::bad_request("access must be personal, agents, shared or account.")),
    };
    Ok(Filter {
        either: params.one("active").is_none(),
        archived: !params.flag("active"),
        ids: is_restricted.then(Vec::new),
        ..Filter::default()
    })
}

/// `GET /api/v2/macros/most_used`
pub async fn list_most_used(State(app): State<App>, May(may): May<CanRead<Macros>>, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let slice = Slice { limit: MOST_USED, from: None };
    let found = macros::list(&mut tx, &may, &Filter::default(), Sort::Usage, true, &slice).await?.items;
    Ok(Reply::ok(Value::Object(page::whole("macros", found.iter().map(|it| view(&params.site, it)).collect()))))
}

/// `GET /api/v2/macros/groups`: those that macros of their own belong to. None does here.
pub async fn list_groups(May(_may): May<CanRead<Macros>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "macro groups", &["id"])?;
    Ok(Reply::ok(Value::Object(asked.cut("groups", Vec::new()))))
}

/// `GET /api/v2/macros/new`: made of a macro or a ticket, and not stored.
pub async fn show_derived(
    State(app): State<App>,
    May(may): May<CanRead<Macros>>,
    later: Later,
    params: Params,
) -> Answer {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let made = match (params.id("macro_id")?, params.id("ticket_id")?) {
        (Some(id), _) => macros::find(&mut tx, &may, id).await?,
        (None, Some(id)) => macros::derive::from_ticket(&mut tx, &later.permit()?, now, id).await?,
        (None, None) => return Err(ZendeskError::bad_request("Send macro_id or ticket_id.")),
    };
    let mut shown = view(&params.site, &Macro { id: 0, archived_at: None, created_at: now, updated_at: now, ..made });
    // Quirk: what is not stored has the number 0, so that clients with types can read it.
    shown["url"] = json!(params.site.url("macros/new"));
    Ok(Reply::one("macro", shown))
}

/// `GET /api/v2/macros/categories`: what stands before `::` in titles.
pub async fn list_categories(State(app): State<App>, May(may): May<CanRead<Macros>>) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::ok(json!({ "categories": macros::categories(&mut tx, &may).await? })))
}

/// `GET /api/v2/macros/actions`
pub async fn list_actions(May(_may): May<CanRead<Macros>>) -> Answer {
    Ok(Reply::ok(json!({ "actions": macro_actions::definitions() })))
}

/// `GET /api/v2/macros/definitions`
pub async fn show_definitions(May(_may): May<CanRead<Macros>>) -> Answer {
    Ok(Reply::ok(json!({ "definitions": { "actions": macro_actions::definitions() } })))
}

/// `GET /api/v2/macros/{macro_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Macros>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let mut shown = [view(&params.site, &macros::find(&mut tx, &may, id).await?)];
    put_usage(&mut tx, &may, (&params, app.clock.now()), &mut shown).await?;
    let [shown] = shown;
    Ok(Reply::one("macro", shown))
}

/// `POST /api/v2/macros`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Macros>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("macro")?;
    fields.require("title");
    fields.require("actions");
    let (changes, active) = read(&mut fields);
    let files = fields.ids("attachments").unwrap_or_default();
    fields.finish()?;
    let position = changes.position;
    let (source, actions) = changes.actions.unwrap_or_default();
    let new = NewMacro {
        name: changes.name.unwrap_or_default(),
        description: changes.description.flatten(),
        source,
        actions,
        ..NewMacro::default()
    };
    once!(app, may.actor(), body.once, |tx, now| {
        let id = write::create(tx, &may, now, new.clone()).await?;
        macro_files::give(tx, &may, now, id, &files).await?;
        let place = Place { id, position, active: active.filter(|active| !active) };
        Reply::created("macro", view(&params.site, &put(tx, &may, now, place).await?))
    })
}

/// `PUT /api/v2/macros/{macro_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Macros>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("macro")?;
    let (changes, active) = read(&mut fields);
    let files = fields.ids("attachments").unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        write::update(tx, &may, now, id, changes.clone()).await?;
        macro_files::give(tx, &may, now, id, &files).await?;
        put(tx, &may, now, Place { id, position: None, active }).await
    })?;
    Ok(Reply::one("macro", view(&params.site, &changed)))
}

/// `PUT /api/v2/macros/update_many`: places, and which are active.
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Macros>>,
    params: Params,
    body: Body,
) -> Answer {
    let rows = read_places(&body, "macros")?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let mut changed = Vec::with_capacity(rows.len());
        for row in &rows {
            changed.push(put(tx, &may, now, *row).await?);
        }
        Ok::<_, ZendeskError>(changed)
    })?;
    Ok(Reply::ok(Value::Object(page::whole("macros", changed.iter().map(|it| view(&params.site, it)).collect()))))
}

/// Puts a macro into its place and into use or out of it. Refused while a rule applies what would go out of use.
async fn put(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp, place: Place) -> Result<Macro, ZendeskError> {
    let Place { id, position, active } = place;
    if position.is_some() {
        write::update(tx, may, now, id, Changes { position, ..Changes::default() }).await?;
    }
    let outcome = match active {
        Some(true) => write::unarchive(tx, may, now, id).await?,
        Some(false) => write::archive(tx, may, now, id).await?,
        None => Archived::Already,
    };
    if let Archived::Used(rules) = outcome {
        let names: Vec<String> = rules.into_iter().map(|(_, name)| name).collect();
        return Err(ZendeskError::invalid("active", format!("is needed by {}", names.join(", "))));
    }
    Ok(macros::written(tx, may, id).await?)
}

/// `DELETE /api/v2/macros/{macro_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Macros>>, Id(id): Id) -> Answer {
    delete_all(&app, &may, &[id]).await
}

/// `DELETE /api/v2/macros/destroy_many`: all of them, or none.
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Macros>>, params: Params) -> Answer {
    delete_all(&app, &may, &params.required_ids("ids")?).await
}

async fn delete_all(app: &App, may: &CanWrite<Macros>, ids: &[i64]) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| {
        for id in ids {
            write::delete(tx, may, now, *id).await?;
        }
        Ok::<_, ZendeskError>(())
    })?;
    Ok(Reply::empty())
}

/// What is written, and whether the macro is in use.
fn read(fields: &mut Fields) -> (Changes, Option<bool>) {
    fields.pass(&["created_at", "default", "id", "raw_title", "updated_at", "url"]);
    if fields.value("restriction").is_some_and(|restriction| !restriction.is_null()) {
        fields.problem("restriction", "is not offered: everybody sees every macro");
    }
    let changes = Changes {
        name: fields.some_text("title", NAME_MAX_CHARS),
        description: fields.text("description", DESCRIPTION_MAX_CHARS),
        position: read_position(fields),
        actions: fields.items("actions").and_then(|sent| read_actions(fields, &sent)).map(|actions| (None, actions)),
        ..Changes::default()
    };
    (changes, fields.flag("active"))
}

fn read_actions(fields: &mut Fields, sent: &[Value]) -> Option<Vec<helpdesk::actions::Action>> {
    if sent.is_empty() || ACTIONS_MAX < sent.len() {
        fields.problem("actions", format!("must be 1 to {ACTIONS_MAX}"));
        return None;
    }
    match macro_actions::read(sent) {
        Ok(actions) => Some(actions),
        Err(problem) => {
            fields.problem("actions", problem);
            None
        }
    }
}

pub(crate) fn view(site: &Site, it: &Macro) -> Value {
    json!({
        "id": it.id,
        "url": site.url(&format!("macros/{}", it.id)),
        "title": it.name,
        "raw_title": it.name,
        "description": it.description,
        "active": it.archived_at.is_none(),
        "default": false,
        "position": it.position,
        "restriction": null,
        "actions": macro_actions::view(&it.actions),
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
