//! `/api/v2/job_statuses` (Zendesk contract, `resources.job_statuses`). An id is `V3-` and our number in 32 hexadecimal digits.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::{self, Outcome};
use helpdesk::jobs::job::{self, Filter, Job, Kind, Status, Work};
use scope::permit::CanRead;
use scope::resource::Jobs;
use serde_json::{Value, json};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page::{self, Asked, Ways};
use crate::path::Word;
use crate::query::{Params, check_length};
use crate::{Site, bulk};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/job_statuses", list)
        .get("/api/v2/job_statuses/show_many", show_many)
        .get("/api/v2/job_statuses/{job_status_id}", show)
}

/// `GET /api/v2/job_statuses`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Jobs>>, params: Params) -> Answer {
    let asked = Asked::read_in(&params, "job_statuses", &["id"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    let filter = Filter { kinds: &[Kind::Batch], ..Filter::default() };
    let page = job::list(&mut tx, &may, filter, true, &asked.slice).await?;
    let ids: Vec<i64> = page.items.iter().map(|job| job.id).collect();
    let outcomes = batch::outcomes(&mut tx, &may, &ids).await?;
    Ok(Reply::ok(Value::Object(asked.body("job_statuses", page, |job| view(&params.site, &job, &outcomes)))))
}

/// `GET /api/v2/job_statuses/{job_status_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Jobs>>, Word(id): Word, params: Params) -> Answer {
    let id = number_of(&id).ok_or_else(ZendeskError::not_found)?;
    let mut tx = app.db.read().await?;
    let job = job::find(&mut tx, &may, id).await?;
    let outcomes = batch::outcomes(&mut tx, &may, &[id]).await?;
    Ok(Reply::one("job_status", view(&params.site, &job, &outcomes)))
}

/// `GET /api/v2/job_statuses/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<Jobs>>, params: Params) -> Answer {
    params.required_text("ids")?;
    let words = params.list("ids");
    check_length(words.len())?;
    let ids: Vec<i64> = words.iter().filter_map(|word| number_of(word)).collect();
    let mut tx = app.db.read().await?;
    let outcomes = batch::outcomes(&mut tx, &may, &ids).await?;
    let jobs = job::some(&mut tx, &may, &ids).await?;
    let found = jobs.iter().map(|job| view(&params.site, job, &outcomes)).collect();
    Ok(Reply::ok(Value::Object(page::whole("job_statuses", found))))
}

fn word_of(id: i64) -> String {
    format!("V3-{id:032x}")
}

fn number_of(word: &str) -> Option<i64> {
    let digits = word.strip_prefix("V3-").filter(|digits| digits.len() == 32)?;
    i64::from_str_radix(digits, 16).ok()
}

/// A job as its caller watches it. `outcomes` may be those of other jobs too.
pub(crate) fn view(site: &Site, job: &Job, outcomes: &[(i64, Outcome)]) -> Value {
    let (call, rows) = match &job.work {
        Work::Batch { call, rows } => (bulk::find(call), rows.as_slice()),
        _ => (None, [].as_slice()),
    };
    let (status, message) = match job.status {
        Status::Pending | Status::Scheduled => ("queued", None),
        Status::Running | Status::Errored | Status::CancelRequested => {
            ("working", Some(format!("Row #{}", job.progress_done + 1)))
        }
        Status::Done => {
            ("completed", job.ended_at.map(|at| format!("Completed at {}", at.strftime("%Y-%m-%d %H:%M:%S +0000"))))
        }
        Status::Canceled => ("killed", Some("Canceled".to_owned())),
        Status::FatalErrored => ("failed", Some(job.last_error.clone().unwrap_or_default())),
    };
    let results: Vec<Value> = outcomes
        .iter()
        .filter(|(job_id, _)| *job_id == job.id)
        .enumerate()
        .map(|(index, (_, outcome))| result(index, outcome, rows.get(index), call))
        .collect();
    json!({
        "id": word_of(job.id),
        "url": site.url(&format!("job_statuses/{}", word_of(job.id))),
        "job_type": call.map_or("Bulk", |call| call.title),
        "status": status,
        "total": job.progress_total,
        "progress": (status != "queued").then_some(job.progress_done),
        "message": message,
        "results": job.status.is_over().then_some(results),
    })
}

fn result(index: usize, outcome: &Outcome, row: Option<&Value>, call: Option<&bulk::Call>) -> Value {
    match outcome {
        Outcome::Done(done) => {
            let mut done = done.clone();
            if let Value::Object(done) = &mut done {
                done.insert("index".to_owned(), json!(index));
            }
            done
        }
        Outcome::Refused(why) => json!({
            "index": index,
            "id": row.and_then(|row| row.get("id")),
            "error": call.map_or("Failed", |call| call.failure),
            "details": why,
            "success": false,
        }),
    }
}
