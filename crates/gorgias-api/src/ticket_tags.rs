//! `/api/tickets/{ticket_id}/tags` (Gorgias contract, `resources.ticket_tags`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::tags::NAME_MAX_CHARS;
use helpdesk::tickets::tags::{self, TAGS_MAX, TagRefs};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::transact;

use crate::error::GorgiasError;
use crate::fields::{Body, Fields};
use crate::query::Params;
use crate::{Answer, Id};

/// `GET /api/tickets/{ticket_id}/tags`: all of them at once.
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
) -> Answer {
    params.finish()?;
    let mut tx = app.db.read().await?;
    let tags = tags::list(&mut tx, &may, ticket_id).await?;
    let data: Vec<Value> = tags.into_iter().map(|tag| crate::tags::view(&tag)).collect();
    Ok(Json(json!({ "data": data })))
}

/// `POST /api/tickets/{ticket_id}/tags`: adds.
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    let tags = read_some(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| tags::add(tx, &may, now, ticket_id, &tags).await)?;
    Ok(crate::empty(StatusCode::CREATED))
}

/// `PUT /api/tickets/{ticket_id}/tags`: replaces all; `{}` clears.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    let tags = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| tags::replace(tx, &may, now, ticket_id, &tags).await)?;
    Ok(crate::empty(StatusCode::ACCEPTED))
}

/// `DELETE /api/tickets/{ticket_id}/tags`, with a body.
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    let tags = read_some(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| tags::remove(tx, &may, now, ticket_id, &tags).await)?;
    Ok(crate::empty(StatusCode::NO_CONTENT))
}

fn read(fields: &mut Fields) -> TagRefs {
    let names = fields.texts("names", 0, TAGS_MAX, NAME_MAX_CHARS).unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            fields.problem(&format!("names.{index}"), "Shorter than minimum length 1.");
        }
    }
    TagRefs { ids: fields.ids("ids", 0, TAGS_MAX).unwrap_or_default(), names }
}

/// Ids or names must be there.
fn read_some(fields: &mut Fields) -> TagRefs {
    let tags = read(fields);
    if tags == TagRefs::default() && !fields.has_problems() {
        fields.problem("ids", "Missing data for required field: ids or names.");
    }
    tags
}
