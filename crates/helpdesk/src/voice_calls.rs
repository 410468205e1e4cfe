//! Voice calls: what a telephone provider told us of calls, what happened during one, and recordings.
//!
//! Kept and listed; nothing here talks to a telephone. Those who bring calls (an import, a provider's part) add them with `add`.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::VoiceCalls;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};

/// Gorgias contract, `enums.voice_call_status`.
pub const STATUSES: &[&str] = &[
    "initiated",
    "queued",
    "ringing",
    "in-progress",
    "answered",
    "connected",
    "ending",
    "completed",
    "busy",
    "canceled",
    "failed",
    "no-answer",
    "missed",
];
pub const DIRECTIONS: &[&str] = &["inbound", "outbound"];
/// Gorgias contract, `enums.voice_termination_status`.
pub const TERMINATIONS: &[&str] = &["answered", "cancelled", "missed", "abandoned", "callback-requested"];
/// Gorgias contract, `enums.voice_recording_type`.
pub const RECORDING_TYPES: &[&str] = &["call-recording", "voicemail"];

/// How the event log names a recording.
const RECORDING: &str = "VoiceCallRecording";

#[derive(Debug, Clone, PartialEq)]
pub struct VoiceCall {
    pub id: i64,
    pub call: NewCall,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub has_voicemail: bool,
    pub has_call_recording: bool,
}

/// A call as its provider tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCall {
    pub integration_id: Option<i64>,
    pub ticket_id: Option<i64>,
    pub phone_number_id: i64,
    pub external_id: Option<String>,
    pub provider: Option<String>,
    /// One of `STATUSES`.
    pub status: Option<String>,
    /// One of `DIRECTIONS`.
    pub direction: String,
    /// One of `TERMINATIONS`.
    pub termination_status: Option<String>,
    pub phone_number_source: Option<String>,
    pub country_source: Option<String>,
    pub phone_number_destination: Option<String>,
    pub country_destination: Option<String>,
    pub duration_seconds: Option<i64>,
    pub started_at: Timestamp,
    pub initiated_by_agent_id: Option<i64>,
    pub last_answered_by_agent_id: Option<i64>,
    pub customer_id: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CallEvent {
    pub id: i64,
    pub call_id: i64,
    pub kind: String,
    pub user_id: Option<i64>,
    pub customer_id: Option<i64>,
    pub meta: Option<Json>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    pub id: i64,
    pub call_id: i64,
    pub external_id: Option<String>,
    /// One of `RECORDING_TYPES`.
    pub kind: String,
    pub url: Option<String>,
    pub duration_seconds: Option<i64>,
    pub error_code: Option<String>,
    pub created_at: Timestamp,
    /// The row stays, without the address.
    pub deleted_at: Option<Timestamp>,
    pub deleted_by_user_id: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct NewRecording {
    pub external_id: Option<String>,
    pub kind: String,
    pub url: Option<String>,
    pub duration_seconds: Option<i64>,
    pub error_code: Option<String>,
}

/// Newest first. Served by `voice_calls_by_created` and `voice_calls_by_ticket`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<VoiceCalls>,
    ticket_id: Option<i64>,
    slice: &Slice,
) -> Result<Page<VoiceCall>, Error> {
    let mut query = Query::new(select_calls!());
    if let Some(ticket_id) = ticket_id {
        query.and("v.ticket_id =", ticket_id);
    }
    let columns: &'static [Column] = &[Column::Int("v.created_at", "created_at"), Column::Int("v.id", "id")];
    query.page(tx, Order { columns, descending: true }, slice).await?.try_map(|row| VoiceCall::from_row(&row))
}

/// The call with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<VoiceCalls>, id: i64) -> Result<VoiceCall, Error> {
    match tx.row(concat!(select_calls!(), " and v.id = $1"), &[id.into()]).await? {
        Some(row) => VoiceCall::from_row(&row),
        None => Err(Error::NotFound { kind: "voice call", id }),
    }
}

/// Oldest first: readers go on from their last cursor days later. Served by `voice_call_events_by_created` and `..._by_call`.
pub async fn list_events(
    tx: &mut Tx,
    _may: &CanRead<VoiceCalls>,
    call_id: Option<i64>,
    slice: &Slice,
) -> Result<Page<CallEvent>, Error> {
    let mut query = Query::new(select_events!());
    if let Some(call_id) = call_id {
        query.and("e.call_id =", call_id);
    }
    let columns: &'static [Column] = &[Column::Int("e.created_at", "created_at"), Column::Int("e.id", "id")];
    query.page(tx, Order { columns, descending: false }, slice).await?.try_map(|row| CallEvent::from_row(&row))
}

/// The event with this id, or `NotFound`.
pub async fn find_event(tx: &mut Tx, _may: &CanRead<VoiceCalls>, id: i64) -> Result<CallEvent, Error> {
    match tx.row(concat!(select_events!(), " and e.id = $1"), &[id.into()]).await? {
        Some(row) => CallEvent::from_row(&row),
        None => Err(Error::NotFound { kind: "voice call event", id }),
    }
}

/// Newest first. Served by `voice_call_recordings_by_created` and `voice_call_recordings_by_call`.
pub async fn list_recordings(
    tx: &mut Tx,
    _may: &CanRead<VoiceCalls>,
    call_id: Option<i64>,
    slice: &Slice,
) -> Result<Page<Recording>, Error> {
    let mut query = Query::new(select_recordings!());
    if let Some(call_id) = call_id {
        query.and("r.call_id =", call_id);
    }
    let columns: &'static [Column] = &[Column::Int("r.created_at", "created_at"), Column::Int("r.id", "id")];
    query.page(tx, Order { columns, descending: true }, slice).await?.try_map(|row| Recording::from_row(&row))
}

/// The recording with this id, or `NotFound`. One that was deleted is still found.
pub async fn find_recording(tx: &mut Tx, _may: &CanRead<VoiceCalls>, id: i64) -> Result<Recording, Error> {
    match tx.row(concat!(select_recordings!(), " and r.id = $1"), &[id.into()]).await? {
        Some(row) => Recording::from_row(&row),
        None => Err(Error::NotFound { kind: "recording", id }),
    }
}

/// Forgets where the audio lives, and keeps who deleted it and when. `NotFound` if it was deleted already.
pub async fn delete_recording(tx: &mut Tx, may: &CanWrite<VoiceCalls>, now: Timestamp, id: i64) -> Result<(), Error> {
    let n = tx
        .run(
            "update voice_call_recordings set deleted_at = $1, deleted_by_user_id = $2, url = null
             where id = $3 and deleted_at is null",
            &[now.into(), may.actor().person_id.into(), id.into()],
        )
        .await?;
    if n == 0 {
        return Err(Error::NotFound { kind: "recording", id });
    }
    record(tx, may.actor(), now, (RECORDING, id), "voice-call-recording-deleted", json!({})).await
}

/// Stores a call; one that its provider told of before is brought up to date. Its id.
pub async fn add(tx: &mut Tx, may: &CanWrite<VoiceCalls>, now: Timestamp, new: &NewCall) -> Result<i64, Error> {
    check(new)?;
    let known = match (&new.provider, &new.external_id) {
        (Some(provider), Some(external_id)) => {
            let sql = "select id from voice_calls where provider = $1 and external_id = $2";
            tx.row(sql, &[provider.into(), external_id.into()]).await?.map(|row| row.int("id")).transpose()?
        }
        _ => None,
    };
    let mut params = vec![
        new.integration_id.into(),
        new.ticket_id.into(),
        new.phone_number_id.into(),
        new.status.as_ref().into(),
        new.direction.as_str().into(),
        new.termination_status.as_ref().into(),
        new.phone_number_source.as_ref().into(),
        new.country_source.as_ref().into(),
        new.phone_number_destination.as_ref().into(),
        new.country_destination.as_ref().into(),
        new.duration_seconds.into(),
        new.started_at.into(),
        new.initiated_by_agent_id.into(),
        new.last_answered_by_agent_id.into(),
        new.customer_id.into(),
        now.into(),
    ];
    if let Some(id) = known {
        params.push(id.into());
        tx.run(
            "update voice_calls set integration_id = $1, ticket_id = $2, phone_number_id = $3, status = $4, direction = $5,
                 termination_status = $6, phone_number_source = $7, country_source = $8, phone_number_destination = $9,
                 country_destination = $10, duration_seconds = $11, started_at = $12, initiated_by_agent_id = $13,
                 last_answered_by_agent_id = $14, customer_id = $15, updated_at = $16
             where id = $17",
            &params,
        )
        .await?;
        record(tx, may.actor(), now, ("VoiceCall", id), "voice-call-updated", new.facts()).await?;
        return Ok(id);
    }
    params.extend([new.external_id.as_ref().into(), new.provider.as_ref().into()]);
    let row = tx
        .row(
            "insert into voice_calls (integration_id, ticket_id, phone_number_id, status, direction, termination_status,
                                      phone_number_source, country_source, phone_number_destination, country_destination,
                                      duration_seconds, started_at, initiated_by_agent_id, last_answered_by_agent_id, customer_id,
                                      created_at, external_id, provider)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) returning id",
            &params,
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    record(tx, may.actor(), now, ("VoiceCall", id), "voice-call-created", new.facts()).await?;
    Ok(id)
}

/// Stores something that happened during a call, such as `ringing`. Its id.
pub async fn add_event(
    tx: &mut Tx,
    _may: &CanWrite<VoiceCalls>,
    now: Timestamp,
    call_id: i64,
    kind: &str,
    user_id: Option<i64>,
    meta: Option<&Json>,
) -> Result<i64, Error> {
    let row = tx
        .row(
            "insert into voice_call_events (call_id, type, user_id, customer_id, meta, created_at)
             select v.id, $2, $3, v.customer_id, $4, $5 from voice_calls v where v.id = $1 returning id",
            &[call_id.into(), kind.into(), user_id.into(), meta.into(), now.into()],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("id")?),
        None => Err(Error::NotFound { kind: "voice call", id: call_id }),
    }
}

/// Stores a recording of a call. Its id.
pub async fn add_recording(
    tx: &mut Tx,
    may: &CanWrite<VoiceCalls>,
    now: Timestamp,
    call_id: i64,
    new: &NewRecording,
) -> Result<i64, Error> {
    one_of("type", Some(&new.kind), RECORDING_TYPES)?;
    let row = tx
        .row(
            "insert into voice_call_recordings (call_id, external_id, type, url, duration_seconds, error_code, created_at)
             select v.id, $2, $3, $4, $5, $6, $7 from voice_calls v where v.id = $1 returning id",
            &[
                call_id.into(),
                new.external_id.as_ref().into(),
                new.kind.as_str().into(),
                new.url.as_ref().into(),
                new.duration_seconds.into(),
                new.error_code.as_ref().into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(Error::NotFound { kind: "voice call", id: call_id })?.int("id")?;
    let facts = json!({ "call_id": call_id, "type": new.kind });
    record(tx, may.actor(), now, (RECORDING, id), "voice-call-recording-created", facts).await?;
    Ok(id)
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (object_type, object_id): (&str, i64),
    kind: &str,
    data: Json,
) -> Result<(), Error> {
    let change = Change { kind, object_type, object_id, before: None, after: None, data: Some(data) };
    events::record(tx, actor, now, change).await
}

impl NewCall {
    /// For the event: no number of anybody's telephone.
    fn facts(&self) -> Json {
        json!({
            "ticket_id": self.ticket_id, "customer_id": self.customer_id, "status": self.status, "direction": self.direction,
        })
    }
}

fn check(new: &NewCall) -> Result<(), Error> {
    one_of("status", new.status.as_deref(), STATUSES)?;
    one_of("direction", Some(&new.direction), DIRECTIONS)?;
    one_of("termination_status", new.termination_status.as_deref(), TERMINATIONS)
}

fn one_of(field: &str, word: Option<&str>, allowed: &[&str]) -> Result<(), Error> {
    match word {
        Some(word) if !allowed.contains(&word) => {
            Err(Error::invalid(field, format!("Must be one of: {}.", allowed.join(", "))))
        }
        _ => Ok(()),
    }
}

macro_rules! select_calls {
    () => {
        "select v.id, v.integration_id, v.ticket_id, v.phone_number_id, v.external_id, v.provider, v.status, v.direction,
                v.termination_status, v.phone_number_source, v.country_source, v.phone_number_destination, v.country_destination,
                v.duration_seconds, v.started_at, v.created_at, v.updated_at, v.initiated_by_agent_id, v.last_answered_by_agent_id,
                v.customer_id,
                (select count(*) from voice_call_recordings r
                 where r.call_id = v.id and r.type = 'voicemail' and r.deleted_at is null) as n_voicemails,
                (select count(*) from voice_call_recordings r
                 where r.call_id = v.id and r.type = 'call-recording' and r.deleted_at is null) as n_recordings
         from voice_calls v where 1 = 1"
    };
}
macro_rules! select_events {
    () => {
        "select e.id, e.call_id, e.type, e.user_id, e.customer_id, e.meta, e.created_at from voice_call_events e where 1 = 1"
    };
}
macro_rules! select_recordings {
    () => {
        "select r.id, r.call_id, r.external_id, r.type, r.url, r.duration_seconds, r.error_code, r.created_at, r.deleted_at,
                r.deleted_by_user_id
         from voice_call_recordings r where 1 = 1"
    };
}
use {select_calls, select_events, select_recordings};

impl VoiceCall {
    fn from_row(row: &Row) -> Result<VoiceCall, Error> {
        Ok(VoiceCall {
            id: row.int("id")?,
            call: NewCall {
                integration_id: row.int_or_null("integration_id")?,
                ticket_id: row.int_or_null("ticket_id")?,
                phone_number_id: row.int("phone_number_id")?,
                external_id: row.text_or_null("external_id")?,
                provider: row.text_or_null("provider")?,
                status: row.text_or_null("status")?,
                direction: row.text("direction")?,
                termination_status: row.text_or_null("termination_status")?,
                phone_number_source: row.text_or_null("phone_number_source")?,
                country_source: row.text_or_null("country_source")?,
                phone_number_destination: row.text_or_null("phone_number_destination")?,
                country_destination: row.text_or_null("country_destination")?,
                duration_seconds: row.int_or_null("duration_seconds")?,
                started_at: row.time("started_at")?,
                initiated_by_agent_id: row.int_or_null("initiated_by_agent_id")?,
                last_answered_by_agent_id: row.int_or_null("last_answered_by_agent_id")?,
                customer_id: row.int("customer_id")?,
            },
            created_at: row.time("created_at")?,
            updated_at: row.time_or_null("updated_at")?,
            has_voicemail: row.int("n_voicemails")? > 0,
            has_call_recording: row.int("n_recordings")? > 0,
        })
    }
}

impl CallEvent {
    fn from_row(row: &Row) -> Result<CallEvent, Error> {
        Ok(CallEvent {
            id: row.int("id")?,
            call_id: row.int("call_id")?,
            kind: row.text("type")?,
            user_id: row.int_or_null("user_id")?,
            customer_id: row.int_or_null("customer_id")?,
            meta: row.json("meta")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Recording {
    fn from_row(row: &Row) -> Result<Recording, Error> {
        Ok(Recording {
            id: row.int("id")?,
            call_id: row.int("call_id")?,
            external_id: row.text_or_null("external_id")?,
            kind: row.text("type")?,
            url: row.text_or_null("url")?,
            duration_seconds: row.int_or_null("duration_seconds")?,
            error_code: row.text_or_null("error_code")?,
            created_at: row.time("created_at")?,
            deleted_at: row.time_or_null("deleted_at")?,
            deleted_by_user_id: row.int_or_null("deleted_by_user_id")?,
        })
    }
}
