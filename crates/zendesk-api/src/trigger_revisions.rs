//! `/api/v2/triggers/{trigger_id}/revisions` (Zendesk contract, `resources.triggers`): a trigger as it was saved each time, and what differed.
//! The id of a revision is the number of the version.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::rules::{self as domain, Version};
use scope::permit::CanRead;
use scope::resource::Triggers;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::query::Params;
use crate::sideload::Beside;
use crate::time::format;
use crate::{Id, Pair, Site, rules};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/triggers/{trigger_id}/revisions", list)
        .get("/api/v2/triggers/{trigger_id}/revisions/{trigger_revision_id}", show)
}

const PER_PAGE: i64 = 1_000;

/// `GET /api/v2/triggers/{trigger_id}/revisions`: newest first. A cursor is the number of the revision that a page stands next to.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Triggers>>, Id(id): Id, params: Params) -> Answer {
    let size = match params.number("page[size]")?.or(params.number("limit")?) {
        None => PER_PAGE,
        Some(size) if (1..=PER_PAGE).contains(&size) => size,
        Some(_) => return Err(ZendeskError::bad_request(format!("page[size] must be 1 to {PER_PAGE}."))),
    };
    let after = match params.number("page[after]")? {
        Some(number) => Some(number),
        None => params.number("cursor")?,
    };
    let before = params.number("page[before]")?;
    let mut tx = app.db.read().await?;
    domain::find(&mut tx, &may, id).await?;
    let all = domain::versions(&mut tx, &may, id).await?;
    let lies_in = |version: &Version| {
        after.is_none_or(|after| version.version < after) && before.is_none_or(|before| before < version.version)
    };
    let mut shown: Vec<usize> = (0..all.len()).filter(|at| lies_in(&all[*at])).collect();
    let size = usize::try_from(size).unwrap_or(all.len());
    if before.is_some() && after.is_none() {
        // The last ones before that place.
        shown.drain(..shown.len().saturating_sub(size));
    }
    shown.truncate(size);
    let mut beside = Beside::of(&params);
    beside.users(shown.iter().filter_map(|at| all[*at].author_id));
    let records: Vec<Value> = shown.iter().map(|at| view(&params.site, id, &all[*at], all.get(at + 1))).collect();
    let newer = shown.first().filter(|at| 0 < **at).map(|at| all[*at].version);
    let older = shown.last().filter(|at| **at + 1 < all.len()).map(|at| all[*at].version);
    let link = |key: &str, number: Option<i64>| {
        number.map(|number| format!("{}{}?page%5Bsize%5D={size}&page%5B{key}%5D={number}", params.site.0, params.path))
    };
    let mut body = Map::from_iter([
        ("trigger_revisions".to_owned(), Value::Array(records)),
        ("before_url".to_owned(), json!(link("before", newer))),
        ("after_url".to_owned(), json!(link("after", older))),
        ("before_cursor".to_owned(), json!(newer.map(|number| number.to_string()))),
        ("after_cursor".to_owned(), json!(older.map(|number| number.to_string()))),
        ("count".to_owned(), json!(all.len())),
    ]);
    beside.load(&mut tx, &may, &params.site, &mut body).await?;
    Ok(Reply::ok(rules::keyed(&mut tx, &may, Value::Object(body)).await?))
}

/// `GET /api/v2/triggers/{trigger_id}/revisions/{trigger_revision_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Triggers>>,
    Pair(id, number): Pair,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    domain::find(&mut tx, &may, id).await?;
    let all = domain::versions(&mut tx, &may, id).await?;
    let at = all.iter().position(|version| version.version == number).ok_or_else(ZendeskError::not_found)?;
    let mut body = Map::from_iter([("trigger_revision".to_owned(), view(&params.site, id, &all[at], all.get(at + 1)))]);
    let mut beside = Beside::of(&params);
    beside.users(all[at].author_id);
    beside.load(&mut tx, &may, &params.site, &mut body).await?;
    Ok(Reply::ok(rules::keyed(&mut tx, &may, Value::Object(body)).await?))
}

fn view(site: &Site, trigger_id: i64, version: &Version, before: Option<&Version>) -> Value {
    let snapshot = snapshot(version);
    let before_that = before.map(self::snapshot);
    json!({
        "id": version.version,
        "url": site.url(&format!("triggers/{trigger_id}/revisions/{}", version.version)),
        // Quirk: -1 is nobody, such as an app without a person.
        "author_id": version.author_id.unwrap_or(-1),
        "created_at": format(version.created_at),
        "snapshot": snapshot,
        "diff": {
            "source_id": before.map(|before| before.version),
            "target_id": version.version,
            "title": changed(before_that.as_ref().map(|it| &it["title"]), &snapshot["title"]),
            "description": changed(before_that.as_ref().map(|it| &it["description"]), &snapshot["description"]),
            "active": changed(before_that.as_ref().map(|it| &it["active"]), &snapshot["active"]),
            "conditions": {
                "all": each(before_that.as_ref().map(|it| &it["conditions"]["all"]), &snapshot["conditions"]["all"]),
                "any": each(before_that.as_ref().map(|it| &it["conditions"]["any"]), &snapshot["conditions"]["any"]),
            },
            "actions": each(before_that.as_ref().map(|it| &it["actions"]), &snapshot["actions"]),
        },
    })
}

fn snapshot(version: &Version) -> Value {
    let (conditions, actions) = rules::program(&version.steps, &version.event_kinds);
    json!({
        "title": version.name,
        "description": version.description,
        "active": version.active,
        "conditions": conditions,
        "actions": actions,
    })
}

/// `=` for what stayed, `-` for what went, `+` for what came.
fn changed(before: Option<&Value>, after: &Value) -> Value {
    match before {
        Some(before) if before == after => json!([{ "change": "=", "content": after }]),
        Some(before) => json!([{ "change": "-", "content": before }, { "change": "+", "content": after }]),
        None => json!([{ "change": "+", "content": after }]),
    }
}

/// The same for each part of the members of two lists, place by place.
fn each(before: Option<&Value>, after: &Value) -> Value {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let (before, after) = (list(before), list(Some(after)));
    let one = |at: usize| {
        let (old, new) = (before.get(at), after.get(at));
        let parts = new.or(old).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| {
            let changes = match (old, new) {
                (Some(old), Some(new)) => changed(old.get(key), &new[key]),
                (None, Some(new)) => json!([{ "change": "+", "content": new[key] }]),
                (Some(old), None) => json!([{ "change": "-", "content": old[key] }]),
                (None, None) => Value::Null,
            };
            (key.clone(), changes)
        });
        Value::Object(parts.collect())
    };
    (0..before.len().max(after.len())).map(one).collect()
}
