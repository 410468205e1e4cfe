//! `/api/tickets/{id}/presence` and `/api/tickets/{id}/live`: ours, the vendor has neither.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::response::sse::Event;
use endpoint::live::{self, Item, NoStream};
use endpoint::{App, Later, May, Standing};
use helpdesk::live::{Now, Told};
use helpdesk::presence::{self, Present};
use helpdesk::tickets;
use scope::permit::CanRead;
use scope::resource::{Tickets, Write};
use serde_json::{Value, json};
use store::transact;

use crate::error::GorgiasError;
use crate::fields::Body;
use crate::query::Params;
use crate::time::format;
use crate::{Id, answer, empty};

const STATES: &[&str] = &["looking", "typing"];

/// `GET /api/tickets/{id}/presence`
pub async fn list(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut tx = app.db.read().await?;
    tickets::must_exist(&mut tx, &may, id).await?;
    let present = presence::list(&mut tx, &may, app.clock.now(), id).await?;
    Ok(answer(StatusCode::OK, &json!({ "data": views(&present) })))
}

/// `PUT /api/tickets/{id}/presence`. Typing needs what writing needs.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    later: Later,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    fields.require("state");
    let state = fields.one_of("state", STATES);
    fields.finish()?;
    let now = app.clock.now();
    let present = if state == Some("typing") {
        let may_write = later.permit::<Tickets, Write>()?;
        transact!(app.db, |tx| {
            presence::type_in(tx, &may_write, now, id).await?;
            presence::list(tx, &may, now, id).await
        })?
    } else {
        transact!(app.db, |tx| {
            presence::look(tx, &may, now, id).await?;
            presence::list(tx, &may, now, id).await
        })?
    };
    app.live.moved();
    Ok(answer(StatusCode::OK, &json!({ "data": views(&present) })))
}

/// `DELETE /api/tickets/{id}/presence`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    Id(id): Id,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    transact!(app.db, |tx| {
        tickets::must_exist(tx, &may, id).await?;
        presence::leave(tx, &may, id).await
    })?;
    app.live.moved();
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /api/tickets/{id}/live`, as `text/event-stream`.
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Tickets>>,
    standing: Standing,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    // One that is not ours is as good as none: the client reads the ticket anew.
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    live::stream(&app, &may, standing, id, seen, render).await.map_err(|none| match none {
        NoStream::Refused(refused) => refused.into(),
        NoStream::Helpdesk(error) => error.into(),
    })
}

fn render(item: Item<'_>) -> Event {
    match item {
        Item::Now(now) => {
            // The events that follow have ids of their own; going on from before them loses none.
            Event::default().event("state").id(now.from.to_string()).data(state(now).to_string())
        }
        Item::Present(present) => {
            Event::default().event("presence").data(json!({ "present": views(present) }).to_string())
        }
        Item::Told(told) => {
            let name = if told.message_id.is_some() { "message" } else { "updated" };
            Event::default().event(name).id(told.position.to_string()).data(happened(told).to_string())
        }
        Item::End(why) => Event::default().event("end").data(json!({ "reason": why.word() }).to_string()),
    }
}

fn state(now: &Now) -> Value {
    json!({
        "ticket_id": now.ticket_id,
        "last_message_id": now.last_message_id,
        "messages_count": now.messages_count,
        "updated_datetime": format(now.updated_at),
        "resumed": now.resumed,
        "present": views(&now.present),
    })
}

fn happened(told: &Told) -> Value {
    json!({
        "type": told.kind,
        "ticket_id": told.ticket_id,
        "message_id": told.message_id,
        "user_id": told.person_id,
        "context": told.context,
        "created_datetime": format(told.created_at),
    })
}

fn views(present: &[Present]) -> Vec<Value> {
    let view = |present: &Present| {
        json!({
            "user": { "id": present.person_id, "name": present.name },
            "state": present.state.word(),
            "since_datetime": format(present.since),
        })
    };
    present.iter().map(view).collect()
}
