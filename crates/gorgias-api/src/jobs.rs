//! `/api/jobs`: bulk changes, exports and imports (Gorgias contract, `resources.jobs`). What the parameters mean is in `job_params.rs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use endpoint::{App, May, job_file};
use helpdesk::jobs::job::{self, Changes, Filter, Job, Kind, NewJob, Status};
use helpdesk::jobs::{errors, export};
use helpdesk::views::items;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Jobs;
use serde_json::{Value, json};
use store::transact;
use subtle::ConstantTimeEq;

use crate::fields::{Body, Fields, Sent};
use crate::job_params::{self, Wanted};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc"];
const ERROR_ORDERS: Orders = &["number:asc"];

/// The vendor's types (Gorgias contract, `enums.job_type`).
const TYPES: &[&str] = &[
    "applyMacro",
    "deleteTicket",
    "exportTicket",
    "exportMacro",
    "importMacro",
    "updateTicket",
    "exportTicketDrilldown",
    "exportConvertCampaignSalesDrilldown",
];
/// Its states, which are ours.
const STATUSES: &[&str] =
    &["pending", "scheduled", "running", "done", "cancel_requested", "canceled", "errored", "fatal_errored"];

/// How long the address of a file opens it.
const ADDRESS_SECONDS: i64 = 3600;

/// `GET /api/jobs`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Jobs>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "jobs", ORDERS)?;
    let status = params.one_of("status", STATUSES);
    let kind = params.one_of("type", TYPES);
    params.finish()?;
    let filter = Filter { status: status.and_then(Status::parse), kinds: kind.map_or(&[], kinds_of) };
    // Jobs of these types are never made.
    let none = kind.is_some() && filter.kinds.is_empty();

    let mut tx = app.db.read().await?;
    let mut page = job::list(&mut tx, &may, filter, asked.is_descending(), &asked.slice).await?;
    if none {
        (page.items, page.before, page.after) = (Vec::new(), None, None);
    }
    Ok(Json(asked.envelope(page, |job| view(&app, may.actor().person_id, &job))))
}

/// `POST /api/jobs`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Jobs>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("type");
    fields.require("params");
    let kind = fields.one_of("type", TYPES).unwrap_or_default();
    let work = read_work(&app, &mut fields, kind);
    let scheduled_at = fields.time_or_null("scheduled_datetime").value();
    let meta = fields.object_or_null("meta").value();
    fields.finish()?;
    let (work, params) = work.ok_or_else(|| GorgiasError::invalid("params", "Missing data for required field."))?;

    let now = app.clock.now();
    let new = NewJob { work: work.work, params, meta, scheduled_at };
    let job = transact!(app.db, |tx| {
        let mut new = new.clone();
        if let Some(view_id) = work.view_id {
            job_params::of_view(&mut new.work, items::of_job(tx, &may, view_id).await?);
        }
        job::create(tx, &may, now, new).await
    })?;
    Ok(created(view(&app, may.actor().person_id, &job)))
}

/// `GET /api/jobs/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Jobs>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let job = job::find(&mut tx, &may, id).await?;
    Ok(Json(view(&app, may.actor().person_id, &job)))
}

/// `PUT /api/jobs/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Jobs>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let status = fields.one_of("status", STATUSES);
    let scheduled_at = fields.time_or_null("scheduled_datetime").change();
    let meta = fields.object_or_null("meta").change();
    let params = fields.object_or_null("params").value();
    fields.finish()?;

    let now = app.clock.now();
    let job = transact!(app.db, |tx| {
        let job = job::written(tx, &may, id).await?;
        let word = job.status.word();
        let cancel = matches!(status, Some("cancel_requested" | "canceled")) && status != Some(word);
        if status.is_some_and(|status| status != word) && !cancel {
            return Err(GorgiasError::invalid("status", "May only be set to cancel_requested."));
        }
        let work = match &params {
            Some(params) if *params != job.params => {
                let mut fields = Fields::of(json!({ "params": params }))?;
                let work = read_work(&app, &mut fields, type_of(job.kind));
                fields.finish()?;
                work
            }
            _ => None,
        };
        let work = match work {
            Some((Wanted { mut work, view_id: Some(view_id) }, sent)) => {
                job_params::of_view(&mut work, items::of_job(tx, &may, view_id).await?);
                Some((work, sent))
            }
            other => other.map(|(wanted, sent)| (wanted.work, sent)),
        };
        let changes = Changes { work, meta: meta.clone(), scheduled_at, cancel };
        Ok(job::update(tx, &may, now, id, changes).await?)
    })?;
    Ok(Json(view(&app, may.actor().person_id, &job)))
}

/// `DELETE /api/jobs/{id}`: cancels it. It stays readable.
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Jobs>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| job::cancel(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /api/jobs/{id}/errors`, ours: what the job could not do, row by row.
pub async fn list_errors(
    State(app): State<App>,
    May(may): May<CanRead<Jobs>>,
    Id(id): Id,
    mut params: Params,
) -> Answer {
    let asked = Asked::read(&mut params, "job-errors", ERROR_ORDERS)?;
    params.finish()?;
    let mut tx = app.db.read().await?;
    job::find(&mut tx, &may, id).await?;
    let page = errors::list(&mut tx, &may, id, &asked.slice).await?;
    Ok(Json(asked.envelope(page, |error| {
        json!({
            "number": error.number, "ticket_id": error.ticket_id, "row": error.row_number, "problem": error.problem,
        })
    })))
}

/// `POST /api/jobs/{id}/undo`, ours: a job that puts back what this one changed.
pub async fn undo(State(app): State<App>, May(may): May<CanWrite<Jobs>>, Id(id): Id) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    let job = transact!(app.db, |tx| {
        job::written(tx, &may, id).await?;
        job::undo(tx, &may, now, id).await
    })?;
    Ok(created(view(&app, may.actor().person_id, &job)))
}

/// `GET /api/jobs/{id}/file`, ours, at the signed address that `info.url` gives: the file that an export wrote.
pub async fn file(State(app): State<App>, Id(id): Id, mut params: Params) -> Result<Response, GorgiasError> {
    let expires = params.integer("expires", 0, i64::MAX).unwrap_or_default();
    let signature = params.text("signature", 100).unwrap_or_default();
    params.finish()?;
    let now = app.clock.now();
    let is_ours = signature_of(&app, id, expires).as_bytes().ct_eq(signature.as_bytes());
    if !bool::from(is_ours) || expires < now.as_second() {
        return Err(GorgiasError::NotFound);
    }
    let mut tx = app.db.read().await?;
    let job = job::of_signed_address(&mut tx, id).await?;
    drop(tx);
    job_file::answer(&app, &job).ok_or(GorgiasError::NotFound)
}

fn signature_of(app: &App, job_id: i64, expires: i64) -> String {
    URL_SAFE_NO_PAD.encode(app.provider.keyed_hash("file of a job", &format!("{job_id} {expires}")))
}

fn address_of(app: &App, job_id: i64) -> String {
    let expires = app.clock.now().as_second() + ADDRESS_SECONDS;
    let signature = signature_of(app, job_id, expires);
    format!("{}/api/jobs/{job_id}/file?expires={expires}&signature={signature}", app.config.public_url)
}

fn read_work(app: &App, fields: &mut Fields, kind: &str) -> Option<(Wanted, Value)> {
    let sent = match fields.json("params") {
        Sent::Value(sent) => sent,
        Sent::Null => {
            fields.problem("params", "Field may not be null.");
            return None;
        }
        Sent::Absent => return None,
    };
    let work = fields.nested("params", |params| job_params::read(app, params, kind)).value().flatten()?;
    Some((work, sent))
}

const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::UpdateTickets => "updateTicket",
        Kind::ApplyMacro => "applyMacro",
        Kind::DeleteTickets => "deleteTicket",
        Kind::ExportTickets => "exportTicket",
        // Nor for lists of other things.
        Kind::ExportMacros | Kind::ExportList => "exportMacro",
        // The vendor has no word for our imports; this one reads a file too.
        Kind::ImportMacros | Kind::Import => "importMacro",
        // Nor for rows that another dialect's call brought.
        Kind::Batch => "updateTicket",
    }
}

/// The other way round.
fn kinds_of(word: &str) -> &'static [Kind] {
    match word {
        "updateTicket" => &[Kind::UpdateTickets],
        "applyMacro" => &[Kind::ApplyMacro],
        "deleteTicket" => &[Kind::DeleteTickets],
        "exportTicket" => &[Kind::ExportTickets],
        "exportMacro" => &[Kind::ExportMacros],
        "importMacro" => &[Kind::ImportMacros, Kind::Import],
        _ => &[],
    }
}

/// `reader` is who asks: the address of a file is shown to whoever started the job.
fn view(app: &App, reader: Option<i64>, job: &Job) -> Value {
    let mut info = json!({
        "progress_count": job.progress_done,
        "total_count": job.progress_total,
        "error_count": job.error_count,
        "changed_count": job.changed_count,
    });
    if let Some(error) = &job.last_error {
        info["error"] = json!(error);
    }
    if let Some(undoes) = job.undoes {
        info["undoes_job_id"] = json!(undoes);
    }
    if let Some(undone_by) = job.undone_by {
        info["undone_by_job_id"] = json!(undone_by);
    }
    if job.person_id.is_some() && job.person_id == reader && export::why_not_fetch(job).is_none() {
        info["url"] = json!(address_of(app, job.id));
    }
    json!({
        "id": job.id,
        "uri": format!("/api/jobs/{}/", job.id),
        "type": type_of(job.kind),
        "status": job.status.word(),
        "params": job.params,
        "info": info,
        "meta": job.meta,
        "user_id": job.person_id,
        "created_datetime": time::format(job.created_at),
        "scheduled_datetime": time::format_or_null(job.scheduled_at),
        "locked_datetime": time::format_or_null(job.locked_at),
        "started_datetime": time::format_or_null(job.started_at),
        "ended_datetime": time::format_or_null(job.ended_at),
        "failed_datetime": time::format_or_null(job.failed_at),
        "cancel_requested_datetime": time::format_or_null(job.cancel_requested_at),
        "cancelled_datetime": time::format_or_null(job.canceled_at),
    })
}
