//! `/api/v2/trigger_categories` (Zendesk contract, `resources.trigger_categories`): groups of triggers, which run in the order of their
//! groups.
//!
//! Quirk: ids are texts, and refusals are lists of errors.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::rules::categories::{self, Category};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Triggers;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::rules::Kind;
use crate::time::format;
use crate::{Site, Word, rules};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/trigger_categories", list)
        .post("/api/v2/trigger_categories", create)
        .post("/api/v2/trigger_categories/jobs", run_job)
        .get("/api/v2/trigger_categories/{trigger_category_id}", show)
        .patch("/api/v2/trigger_categories/{trigger_category_id}", update)
        .delete("/api/v2/trigger_categories/{trigger_category_id}", delete)
}

const SORTS: &[&str] = &["position", "name", "created_at", "updated_at"];
const NAME_MAX_CHARS: usize = 1_000;

/// `GET /api/v2/trigger_categories`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Triggers>>, params: Params) -> Answer {
    let asked = Asked::read(&params, "trigger categories", SORTS)?;
    let mut tx = app.db.read().await?;
    let mut found = categories::in_order(&mut tx, &may).await?;
    // `sort` counts in pages by number too.
    let (sort, descending) =
        match params.one("sort").map(|word| word.strip_prefix('-').map_or((word, false), |it| (it, true))) {
            Some((word, descending)) if SORTS.contains(&word) => (word, descending),
            _ => (asked.sort, asked.descending),
        };
    match sort {
        "name" => found.sort_by_key(|it| it.name.to_lowercase()),
        "created_at" => found.sort_by_key(|it| (it.created_at, it.id)),
        "updated_at" => found.sort_by_key(|it| (it.updated_at, it.id)),
        _ => {}
    }
    if descending {
        found.reverse();
    }
    let counted = params.includes("rule_counts");
    Ok(Reply::ok(Value::Object(
        asked.cut("trigger_categories", found.iter().map(|it| view(&params.site, it, counted)).collect()),
    )))
}

/// `GET /api/v2/trigger_categories/{trigger_category_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Triggers>>, Word(id): Word, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let found = categories::find(&mut tx, &may, id_of(&id)?).await.map_err(listed)?;
    Ok(Reply::one("trigger_category", view(&params.site, &found, params.includes("rule_counts"))))
}

/// `POST /api/v2/trigger_categories`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Triggers>>, params: Params, body: Body) -> Answer {
    let mut fields = body.record("trigger_category").map_err(ZendeskError::listed)?;
    fields.require("name");
    let (name, position) = read(&mut fields);
    fields.finish().map_err(ZendeskError::listed)?;
    let name = name.unwrap_or_default();
    once!(app, may.actor(), body.once, |tx, now| {
        let made = categories::create(tx, &may, now, &name, position).await.map_err(listed)?;
        Reply::created("trigger_category", view(&params.site, &made, false))
    })
}

/// `PATCH /api/v2/trigger_categories/{trigger_category_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Triggers>>,
    Word(id): Word,
    params: Params,
    body: Body,
) -> Answer {
    let id = id_of(&id)?;
    let mut fields = body.record("trigger_category").map_err(ZendeskError::listed)?;
    let (name, position) = read(&mut fields);
    fields.finish().map_err(ZendeskError::listed)?;
    let now = app.clock.now();
    let changed =
        transact!(app.db, |tx| categories::update(tx, &may, now, id, name.as_deref(), position).await.map_err(listed))?;
    Ok(Reply::one("trigger_category", view(&params.site, &changed, false)))
}

/// `DELETE /api/v2/trigger_categories/{trigger_category_id}`: refused while it holds triggers.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Triggers>>, Word(id): Word) -> Answer {
    let (id, now) = (id_of(&id)?, app.clock.now());
    transact!(app.db, |tx| categories::delete(tx, &may, now, id).await.map_err(listed))?;
    Ok(Reply::empty())
}

/// `POST /api/v2/trigger_categories/jobs`: places of categories and triggers, all of them or none, carried out at once.
pub async fn run_job(State(app): State<App>, May(may): May<CanWrite<Triggers>>, params: Params, body: Body) -> Answer {
    let mut job = body.record("job").map_err(ZendeskError::listed)?;
    job.require("action");
    job.word("action", &["patch"]);
    let items = job.value("items").unwrap_or_default();
    job.finish().map_err(ZendeskError::listed)?;
    let rows = |name: &str| -> Result<Vec<Value>, ZendeskError> {
        match &items[name] {
            Value::Null => Ok(Vec::new()),
            Value::Array(rows) if rows.iter().all(Value::is_object) && rows.len() <= ITEMS_MAX => Ok(rows.clone()),
            _ => Err(ZendeskError::bad_request(format!("items.{name} must be a list of at most {ITEMS_MAX} objects."))),
        }
    };
    let place = |row: &Value| {
        let mut fields = Fields::of_row(row);
        let place = (fields.required_id("id"), fields.integer("position").flatten());
        fields.finish()?;
        Ok::<_, ZendeskError>(place)
    };
    let read = || -> Result<_, ZendeskError> {
        let categories: Vec<(i64, Option<i64>)> =
            rows("trigger_categories")?.iter().map(place).collect::<Result<_, _>>()?;
        Ok((categories, rules::read_places(&rows("triggers")?)?))
    };
    let (categories, places) = read().map_err(ZendeskError::listed)?;
    let categories: Vec<(i64, i64)> = categories.into_iter().filter_map(|(id, at)| Some((id, at?))).collect();
    let now = app.clock.now();
    let outcome: Result<_, ZendeskError> = transact!(app.db, |tx| {
        categories::arrange(tx, &may, now, &categories, &places).await.map_err(ZendeskError::from)
    });
    Ok(Reply::ok(match outcome {
        Ok((categories, rules)) => json!({
            "status": "complete",
            "errors": [],
            "results": {
                "trigger_categories": categories.iter().map(|it| view(&params.site, it, false)).collect::<Vec<_>>(),
                "triggers": rules.iter().map(|rule| rules::view(&params.site, Kind::Trigger, rule)).collect::<Vec<_>>(),
            },
        }),
        Err(error) => json!({
            "status": "failed",
            "errors": error.into_list()?,
            "results": { "trigger_categories": [], "triggers": [] },
        }),
    }))
}

const ITEMS_MAX: usize = 1_000;

fn read(fields: &mut Fields) -> (Option<String>, Option<i64>) {
    fields.pass(&["created_at", "id", "updated_at", "url", "rule_counts"]);
    (fields.some_text("name", NAME_MAX_CHARS), fields.integer("position").flatten())
}

fn id_of(text: &str) -> Result<i64, ZendeskError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(ZendeskError::not_listed)
}

fn listed(error: helpdesk::Error) -> ZendeskError {
    ZendeskError::from(error).listed()
}

fn view(site: &Site, it: &Category, counted: bool) -> Value {
    let mut shown = json!({
        "id": it.id.to_string(),
        "url": site.url(&format!("trigger_categories/{}", it.id)),
        "name": it.name,
        "position": it.position,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    });
    if counted {
        shown["rule_counts"] = json!({ "active_count": it.n_active, "inactive_count": it.n_inactive });
    }
    shown
}
