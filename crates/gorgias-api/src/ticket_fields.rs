//! `/api/tickets/{ticket_id}/custom-fields`: the values of one ticket. Not paged: there are as many as fields.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::tickets::fields;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::{Value, json};
use store::transact;

use crate::field_values::{read_array, read_one, view};
use crate::fields::Body;
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, Pair, empty};

/// `GET /api/tickets/{ticket_id}/custom-fields`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
) -> Answer {
    params.finish()?;
    let mut tx = app.db.read().await?;
    let values = fields::list(&mut tx, &may, ticket_id).await?;
    Ok(Json(json!({ "data": values.iter().map(view).collect::<Vec<Value>>() })))
}

/// `PUT /api/tickets/{ticket_id}/custom-fields`: a bare array. Only what is sent changes; the answer is a bare array of all values.
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Id(ticket_id): Id,
    params: Params,
    body: Body,
) -> Answer {
    params.finish()?;
    let sent = read_array(body)?;

    let now = app.clock.now();
    let values = transact!(app.db, |tx| fields::set(tx, &may, now, ticket_id, &sent).await)?;
    Ok(Json(values.iter().map(view).collect()))
}

/// `PUT /api/tickets/{ticket_id}/custom-fields/{id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Pair(ticket_id, id): Pair,
    params: Params,
    body: Body,
) -> Answer {
    params.finish()?;
    let sent = read_one(body, id)?;

    let now = app.clock.now();
    let value = transact!(app.db, |tx| fields::set_one(tx, &may, now, ticket_id, &sent).await)?;
    Ok(Json(view(&value)))
}

/// `DELETE /api/tickets/{ticket_id}/custom-fields/{id}`: takes the value away.
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Tickets>>,
    Pair(ticket_id, id): Pair,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| fields::clear(tx, &may, now, ticket_id, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}
