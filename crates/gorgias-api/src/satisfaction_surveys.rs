//! `/api/satisfaction-surveys` (Gorgias contract, `resources.satisfaction_surveys`).

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::satisfaction_surveys::{self, BODY_MAX_CHARS, Changes, NewSurvey, Survey};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::SatisfactionSurveys;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc"];

/// `GET /api/satisfaction-surveys`
pub async fn list(State(app): State<App>, May(may): May<CanRead<SatisfactionSurveys>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "satisfaction-surveys", ORDERS)?;
    let ticket_id = params.id("ticket_id");
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = satisfaction_surveys::list(&mut tx, &may, ticket_id, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |survey| view(&survey))))
}

/// `POST /api/satisfaction-surveys`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<SatisfactionSurveys>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("customer_id");
    fields.require("ticket_id");
    let new = NewSurvey {
        ticket_id: id(&mut fields, "ticket_id").unwrap_or_default(),
        customer_id: id(&mut fields, "customer_id").unwrap_or_default(),
        score: fields.integer_or_null("score", 1, 5).value(),
        body_text: fields.text_or_null("body_text", BODY_MAX_CHARS).value(),
        meta: fields.object_or_null("meta").value(),
        created_at: fields.time_or_null("created_datetime").value(),
        should_send_at: fields.time_or_null("should_send_datetime").value(),
        sent_at: fields.time_or_null("sent_datetime").value(),
        scored_at: fields.time_or_null("scored_datetime").value(),
    };
    fields.finish()?;

    let now = app.clock.now();
    let survey = transact!(app.db, |tx| satisfaction_surveys::create(tx, &may, now, &new).await)?;
    Ok(created(view(&survey)))
}

/// `GET /api/satisfaction-surveys/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<SatisfactionSurveys>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let survey = satisfaction_surveys::find(&mut tx, &may, id).await?;
    Ok(Json(view(&survey)))
}

/// `PUT /api/satisfaction-surveys/{id}`. Clients send the ticket and the customer back; neither can change.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<SatisfactionSurveys>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    let mut fields = body.fields()?;
    for unchanged in ["ticket_id", "customer_id"] {
        fields.id_or_null(unchanged);
    }
    let changes = Changes {
        score: fields.integer_or_null("score", 1, 5).change(),
        body_text: fields.text_or_null("body_text", BODY_MAX_CHARS).change(),
        meta: fields.object_or_null("meta").change(),
        created_at: fields.time_or_null("created_datetime").value(),
        should_send_at: time_change(&mut fields, "should_send_datetime"),
        sent_at: time_change(&mut fields, "sent_datetime"),
        scored_at: time_change(&mut fields, "scored_datetime"),
    };
    fields.finish()?;

    let now = app.clock.now();
    let survey = transact!(app.db, |tx| satisfaction_surveys::update(tx, &may, now, id, &changes).await)?;
    Ok(Json(view(&survey)))
}

fn time_change(fields: &mut Fields, field: &str) -> Option<Option<Timestamp>> {
    fields.time_or_null(field).change()
}

/// An id that may not be null.
fn id(fields: &mut Fields, field: &str) -> Option<i64> {
    let sent = fields.id_or_null(field);
    if sent == crate::fields::Sent::Null {
        fields.problem(field, "Field may not be null.");
    }
    sent.value()
}

pub(crate) fn view(survey: &Survey) -> Value {
    json!({
        "id": survey.id,
        "uri": format!("/api/satisfaction-surveys/{}/", survey.id),
        "ticket_id": survey.ticket_id,
        "customer_id": survey.customer_id,
        "score": survey.score,
        "body_text": survey.body_text,
        "meta": survey.meta,
        "created_datetime": time::format(survey.created_at),
        "should_send_datetime": time::format_or_null(survey.should_send_at),
        "sent_datetime": time::format_or_null(survey.sent_at),
        "scored_datetime": time::format_or_null(survey.scored_at),
    })
}
