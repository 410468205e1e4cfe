//! `/api/v2/custom_statuses` (Zendesk contract, `resources.custom_statuses`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::Error;
use helpdesk::custom_statuses::{self, Changes, CustomStatus, DESCRIPTION_MAX_CHARS, LABEL_MAX_CHARS, Which};
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page;
use crate::query::Params;
use crate::ticket_view::{status_of, status_word};
use crate::time::format;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .put("/api/v2/custom_status/default", set_defaults)
        .get("/api/v2/custom_statuses", list)
        .post("/api/v2/custom_statuses", create)
        .get("/api/v2/custom_statuses/{custom_status_id}", show)
        .put("/api/v2/custom_statuses/{custom_status_id}", update)
        .delete("/api/v2/custom_statuses/{custom_status_id}", delete)
}

const CATEGORIES: &[&str] = &["new", "open", "pending", "hold", "solved"];

/// `GET /api/v2/custom_statuses`: all at once.
pub async fn list(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    let words = params.list("status_categories");
    let statuses =
        words.iter().map(|word| status_of(word).filter(|_| CATEGORIES.contains(word))).collect::<Option<_>>();
    let statuses = statuses.ok_or_else(|| ZendeskError::bad_request("status_categories has an unknown category."))?;
    let which = Which {
        statuses: Some(statuses).filter(|_| !words.is_empty()),
        active: params.one("active").map(|_| params.flag("active")),
        is_default: params.one("default").map(|_| params.flag("default")),
    };
    let mut tx = app.db.read().await?;
    let found = custom_statuses::list(&mut tx, &may, &which).await?;
    let views = found.iter().map(|status| view(&params.site, status)).collect();
    Ok(Reply::ok(Value::Object(page::whole("custom_statuses", views))))
}

/// `GET /api/v2/custom_statuses/{custom_status_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<CustomFields>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let status = custom_statuses::find(&mut tx, &may, id).await?;
    Ok(Reply::one("custom_status", view(&params.site, &status)))
}

/// `POST /api/v2/custom_statuses`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("custom_status")?;
    fields.require("status_category");
    fields.require("agent_label");
    let category = fields.word("status_category", CATEGORIES).flatten();
    let new = read(&mut fields);
    fields.finish()?;
    let Some(status) = category.and_then(status_of) else {
        return Err(ZendeskError::invalid("status_category", "cannot be blank"));
    };
    once!(app, may.actor(), body.once, |tx, now| {
        let made = custom_statuses::create(tx, &may, now, status, &new).await?;
        Reply::created("custom_status", view(&params.site, &made))
    })
}

/// `PUT /api/v2/custom_statuses/{custom_status_id}`: the category stays.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("custom_status")?;
    let category = fields.word("status_category", CATEGORIES).flatten();
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let status = transact!(app.db, |tx| {
        let status = custom_statuses::update(tx, &may, now, id, &changes).await?;
        match category {
            Some(word) if word != status_word(status.status) => {
                Err(Error::invalid("status_category", "cannot be changed"))
            }
            _ => Ok(status),
        }
    })?;
    Ok(Reply::one("custom_status", view(&params.site, &status)))
}

/// `DELETE /api/v2/custom_statuses/{custom_status_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| custom_statuses::delete(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/custom_status/default`: one a category.
pub async fn set_defaults(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, body: Body) -> Answer {
    let mut fields = body.bare()?;
    fields.require("ids");
    // A text of numbers with commas, or a list of numbers.
    let words = match fields.value("ids") {
        Some(Value::String(text)) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        Some(Value::Number(number)) => vec![number.to_string()],
        _ => fields.texts("ids", LABEL_MAX_CHARS).unwrap_or_default(),
    };
    let ids = words.iter().map(|word| word.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    if ids.is_none() {
        fields.problem("ids", "must be numbers with commas between them");
    }
    fields.finish()?;
    let (ids, now) = (ids.unwrap_or_default(), app.clock.now());
    transact!(app.db, |tx| custom_statuses::set_defaults(tx, &may, now, &ids).await)?;
    Ok(Reply::ok(json!({})))
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&[
        "created_at",
        "default",
        "id",
        "raw_agent_label",
        "raw_description",
        "raw_end_user_description",
        "raw_end_user_label",
        "updated_at",
        "url",
    ]);
    Changes {
        agent_label: fields.some_text("agent_label", LABEL_MAX_CHARS),
        end_user_label: fields.text("end_user_label", LABEL_MAX_CHARS),
        description: fields.text("description", DESCRIPTION_MAX_CHARS),
        end_user_description: fields.text("end_user_description", DESCRIPTION_MAX_CHARS),
        active: fields.flag("active"),
    }
}

pub(crate) fn view(site: &Site, status: &CustomStatus) -> Value {
    let end_user_label = status.end_user_label.as_deref().unwrap_or(&status.agent_label);
    json!({
        "id": status.id,
        "url": site.url(&format!("custom_statuses/{}", status.id)),
        "status_category": status_word(status.status),
        "agent_label": status.agent_label,
        "raw_agent_label": status.agent_label,
        "end_user_label": end_user_label,
        "raw_end_user_label": end_user_label,
        "description": status.description,
        "raw_description": status.description,
        "end_user_description": status.end_user_description,
        "raw_end_user_description": status.end_user_description,
        "active": status.active,
        "default": status.is_default,
        "created_at": format(status.created_at),
        "updated_at": format(status.updated_at),
    })
}
