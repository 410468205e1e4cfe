//! `/api/phone`: voice calls, what happened during them, and recordings.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::voice_calls::{self, CallEvent, Recording, VoiceCall};
use scope::permit::{CanRead, CanWrite};
use scope::resource::VoiceCalls;
use serde_json::{Value, json};
use store::transact;

use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, empty, time};

const NEWEST_FIRST: Orders = &["created_datetime:desc"];
const OLDEST_FIRST: Orders = &["created_datetime:asc"];
/// A database is an account, and each has this number.
const ACCOUNT_ID: i64 = 1;

/// `GET /api/phone/voice-calls`
pub async fn list(State(app): State<App>, May(may): May<CanRead<VoiceCalls>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "voice-calls", NEWEST_FIRST)?;
    let ticket_id = params.id("ticket_id");
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = voice_calls::list(&mut tx, &may, ticket_id, &asked.slice).await?;
    Ok(Json(asked.envelope(page, |call| view(&call))))
}

/// `GET /api/phone/voice-calls/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<VoiceCalls>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let call = voice_calls::find(&mut tx, &may, id).await?;
    Ok(Json(view(&call)))
}

/// `GET /api/phone/voice-call-events`
pub async fn list_events(State(app): State<App>, May(may): May<CanRead<VoiceCalls>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "voice-call-events", OLDEST_FIRST)?;
    let call_id = params.id("call_id");
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = voice_calls::list_events(&mut tx, &may, call_id, &asked.slice).await?;
    Ok(Json(asked.envelope(page, |event| view_event(&event))))
}

/// `GET /api/phone/voice-call-events/{id}`
pub async fn show_event(State(app): State<App>, May(may): May<CanRead<VoiceCalls>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let event = voice_calls::find_event(&mut tx, &may, id).await?;
    Ok(Json(view_event(&event)))
}

/// `GET /api/phone/voice-call-recordings`
pub async fn list_recordings(State(app): State<App>, May(may): May<CanRead<VoiceCalls>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "voice-call-recordings", NEWEST_FIRST)?;
    let call_id = params.id("call_id");
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = voice_calls::list_recordings(&mut tx, &may, call_id, &asked.slice).await?;
    Ok(Json(asked.envelope(page, |recording| view_recording(&recording))))
}

/// `GET /api/phone/voice-call-recordings/{id}`
pub async fn show_recording(State(app): State<App>, May(may): May<CanRead<VoiceCalls>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let recording = voice_calls::find_recording(&mut tx, &may, id).await?;
    Ok(Json(view_recording(&recording)))
}

/// `DELETE /api/phone/voice-call-recordings/{id}`
pub async fn delete_recording(
    State(app): State<App>,
    May(may): May<CanWrite<VoiceCalls>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| voice_calls::delete_recording(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn view(it: &VoiceCall) -> Value {
    let call = &it.call;
    json!({
        "id": it.id,
        "integration_id": call.integration_id,
        "ticket_id": call.ticket_id,
        "phone_number_id": call.phone_number_id,
        "external_id": call.external_id,
        "provider": call.provider,
        "status": call.status,
        "direction": call.direction,
        "termination_status": call.termination_status,
        "phone_number_source": call.phone_number_source,
        "country_source": call.country_source,
        "phone_number_destination": call.phone_number_destination,
        "country_destination": call.country_destination,
        "duration": call.duration_seconds,
        "started_datetime": time::format(call.started_at),
        "created_datetime": time::format(it.created_at),
        "updated_datetime": time::format_or_null(it.updated_at),
        "initiated_by_agent_id": call.initiated_by_agent_id,
        "last_answered_by_agent_id": call.last_answered_by_agent_id,
        "customer_id": call.customer_id,
        "has_voicemail": it.has_voicemail,
        "has_call_recording": it.has_call_recording,
    })
}

fn view_event(event: &CallEvent) -> Value {
    json!({
        "id": event.id,
        "type": event.kind,
        "account_id": ACCOUNT_ID,
        "call_id": event.call_id,
        "user_id": event.user_id,
        "customer_id": event.customer_id,
        "meta": event.meta,
        "created_datetime": time::format(event.created_at),
    })
}

fn view_recording(recording: &Recording) -> Value {
    json!({
        "id": recording.id,
        "call_id": recording.call_id,
        "external_id": recording.external_id,
        "type": recording.kind,
        "url": recording.url,
        "duration": recording.duration_seconds,
        "error_code": recording.error_code,
        "created_datetime": time::format(recording.created_at),
        "deleted_datetime": time::format_or_null(recording.deleted_at),
        "deleted_by_user_id": recording.deleted_by_user_id,
    })
}
