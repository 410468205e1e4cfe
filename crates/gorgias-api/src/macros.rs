//! `/api/macros` (Gorgias contract, `resources.macros`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::macros::write::{self, Archived, Changes, IDS_MAX, NewMacro};
use helpdesk::macros::{
    self, ACTIONS_MAX, EXTERNAL_ID_MAX_CHARS, Filter, INTENTS, Macro, NAME_MAX_CHARS, Sort, relevance,
};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Macros;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields};
use crate::macro_actions::{self, Written};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &[
    "usage:desc",
    "usage:asc",
    "name:asc",
    "name:desc",
    "created_datetime:desc",
    "created_datetime:asc",
    "updated_datetime:desc",
    "updated_datetime:asc",
    "relevance:desc",
    "relevance:asc",
    "language:asc",
    "language:desc",
];

/// `GET /api/macros`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Macros>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "macros", ORDERS)?;
    let filter = Filter {
        search: params.text("search", NAME_MAX_CHARS),
        tags: params.texts("tags", 20, 256),
        languages: params.texts("languages", 50, 16),
        archived: params.flag("archived").unwrap_or_default(),
        ..Filter::default()
    };
    let ticket_id = params.id("ticket_id");
    // Both only say more of what is relevant; the ticket's last message is looked at anyway.
    params.id("message_id");
    params.integer("number_predictions", 0, 100);
    let by_relevance = asked.order_by.starts_with("relevance");
    if by_relevance && ticket_id.is_none() {
        params.problem("ticket_id", "Missing data for required field.");
    }
    params.finish()?;

    let mut tx = app.db.read().await?;
    let descending = asked.is_descending();
    let page = match ticket_id.filter(|_| by_relevance) {
        Some(id) => relevance::ranked(&mut tx, &may, &filter, id, descending, &asked.slice).await?,
        None => macros::list(&mut tx, &may, &filter, sort(asked.order_by), descending, &asked.slice).await?,
    };
    Ok(Json(asked.envelope(page, |it| view(&it))))
}

fn sort(order_by: &str) -> Sort {
    match order_by.split(':').next().unwrap_or_default() {
        "name" => Sort::Name,
        "created_datetime" => Sort::Created,
        "updated_datetime" => Sort::Updated,
        "language" => Sort::Language,
        _ => Sort::Usage,
    }
}

/// `GET /api/macros/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Macros>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Json(view(&macros::find(&mut tx, &may, id).await?)))
}

/// `POST /api/macros`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Macros>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    let name = fields.required_text("name", 1, NAME_MAX_CHARS);
    let (source, actions) = actions(&mut fields).unwrap_or_else(|| (json!([]), Vec::new()));
    let new = NewMacro {
        external_id: fields.text_or_null("external_id", EXTERNAL_ID_MAX_CHARS).value(),
        name,
        intent: fields.one_of_or_null("intent", INTENTS).value().map(str::to_owned),
        language: fields.language_or_null("language").value(),
        source: Some(source),
        actions,
        ..NewMacro::default()
    };
    fields.finish()?;

    let now = app.clock.now();
    let made = transact!(app.db, |tx| {
        let id = write::create(tx, &may, now, new.clone()).await?;
        macros::written(tx, &may, id).await
    })?;
    Ok(created(view(&made)))
}

/// `PUT /api/macros/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Macros>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let changes = Changes {
        external_id: fields.text_or_null("external_id", EXTERNAL_ID_MAX_CHARS).change(),
        name: fields.text_within("name", 1, NAME_MAX_CHARS),
        intent: fields.one_of_or_null("intent", INTENTS).change().map(|intent| intent.map(str::to_owned)),
        language: fields.language_or_null("language").change(),
        actions: actions(&mut fields).map(|(source, actions)| (Some(source), actions)),
        ..Changes::default()
    };
    fields.finish()?;

    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        write::update(tx, &may, now, id, changes.clone()).await?;
        macros::written(tx, &may, id).await
    })?;
    Ok(Json(view(&changed)))
}

/// `DELETE /api/macros/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Macros>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| write::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `PUT /api/macros/archive`
pub async fn archive(State(app): State<App>, May(may): May<CanWrite<Macros>>, body: Body) -> Answer {
    let ids = ids(body)?;
    let now = app.clock.now();
    let all = transact!(app.db, |tx| {
        let mut all = Vec::with_capacity(ids.len());
        for id in &ids {
            all.push((*id, write::archive(tx, &may, now, *id).await?));
        }
        Ok::<_, helpdesk::Error>(all)
    })?;
    Ok(Json(outcomes(all, "archived", "already_archived")))
}

/// `PUT /api/macros/unarchive`
pub async fn unarchive(State(app): State<App>, May(may): May<CanWrite<Macros>>, body: Body) -> Answer {
    let ids = ids(body)?;
    let now = app.clock.now();
    let all = transact!(app.db, |tx| {
        let mut all = Vec::with_capacity(ids.len());
        for id in &ids {
            all.push((*id, write::unarchive(tx, &may, now, *id).await?));
        }
        Ok::<_, helpdesk::Error>(all)
    })?;
    Ok(Json(outcomes(all, "unarchived", "already_not_archived")))
}

fn ids(body: Body) -> Result<Vec<i64>, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("ids");
    let ids = fields.ids("ids", 1, IDS_MAX).unwrap_or_default();
    fields.finish()?;
    Ok(ids)
}

fn outcomes(all: Vec<(i64, Archived)>, done: &str, already: &str) -> Value {
    let one = |(id, outcome): (i64, Archived)| match outcome {
        Archived::Done => json!({ "id": id, "status": done }),
        Archived::Already => json!({ "id": id, "status": already }),
        Archived::NotFound => json!({ "id": id, "status": "not_found" }),
        Archived::Used(rules) => {
            let rules: Vec<Value> = rules.into_iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
            let error = json!({ "msg": "The macro is used by rules.", "data": { "rules": rules } });
            json!({ "id": id, "status": "macro_used", "error": error })
        }
    };
    json!({ "data": all.into_iter().map(one).collect::<Vec<_>>() })
}

/// The actions as they came, and as we read them. None if none were sent.
fn actions(fields: &mut Fields) -> Option<(Value, Vec<helpdesk::actions::Action>)> {
    let sent: Vec<Written> = fields.each("actions", ACTIONS_MAX, macro_actions::read)?;
    let (source, actions): (Vec<Value>, Vec<_>) = sent.into_iter().map(|it| (it.source, it.action)).unzip();
    Some((Value::Array(source), macro_actions::with_attachments(actions)))
}

/// The same of a list that stands alone, such as in a file. An error says what is wrong with it.
pub fn read_actions(list: &Value) -> Result<(Value, Vec<helpdesk::actions::Action>), String> {
    const BROKEN: &str = "Not a valid list of actions.";
    let mut fields = Fields::of(json!({ "actions": list })).map_err(|_| BROKEN.to_owned())?;
    let read = actions(&mut fields);
    match fields.finish() {
        Ok(()) => read.ok_or_else(|| BROKEN.to_owned()),
        Err(GorgiasError::Invalid(problems)) => Err(problems.into_value()["actions"].to_string()),
        Err(_) => Err(BROKEN.to_owned()),
    }
}

fn view(it: &Macro) -> Value {
    let actions = match &it.source {
        Some(source) => source.clone(),
        None => it.actions.iter().map(macro_actions::written).collect(),
    };
    json!({
        "id": it.id,
        "uri": format!("/api/macros/{}/", it.id),
        "external_id": it.external_id,
        "name": it.name,
        "intent": it.intent,
        "language": it.language,
        "usage": it.usage,
        "actions": actions,
        "created_datetime": time::format(it.created_at),
        "updated_datetime": time::format(it.updated_at),
        "archived_datetime": it.archived_at.map(time::format),
    })
}
