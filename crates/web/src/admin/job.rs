//! `/admin/jobs/{id}`: one job: how far it is, what it could not do, its file or receipt; stopping and undoing it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, job_file};
use helpdesk::Error;
use helpdesk::jobs::job::{self, Job, Kind};
use helpdesk::jobs::undo::{self, Preview};
use helpdesk::jobs::{errors as job_errors, export};
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::users;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Jobs, Users};
use serde_json::Value;
use store::{Tx, transact};

use super::job_words::{count, title};
use super::jobs::{JobRow, row};
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Errors on one page.
const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/job.html")]
pub struct Show {
    pub frame: Frame,
    pub job: JobRow,
    pub facts: Vec<(&'static str, Fact)>,
    /// What went wrong as a whole.
    pub problem: Option<String>,
    pub errors: Vec<ErrorRow>,
    /// The number that the next page of errors begins behind.
    pub errors_after: Option<i64>,
    pub has_file: bool,
    /// Why there is no file any more.
    pub file_is_gone: bool,
    pub can_undo: bool,
    pub undone_by: Option<i64>,
    pub undoes: Option<i64>,
    pub receipt: Option<Receipt>,
    pub is_running: bool,
}

pub enum Fact {
    Text(String),
    When(When),
}

pub struct ErrorRow {
    pub about: String,
    pub problem: String,
}

/// What an import left behind.
pub struct Receipt {
    pub created: Vec<(String, String)>,
    pub skipped: Vec<(String, String)>,
    pub failed: String,
    pub rows: String,
    pub sha256: String,
    pub outcomes: String,
}

#[derive(Template)]
#[template(path = "admin/job_undo.html")]
pub struct Undo {
    pub frame: Frame,
    pub id: i64,
    pub title: String,
    pub whole: String,
    pub partly: i64,
    pub nothing: i64,
    pub is_sample: bool,
}

/// `GET /admin/jobs/{id}`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Jobs>>,
    BySession(may_see_staff): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let after = query.filled("errors_after").and_then(|text| text.parse().ok());
    match read(&app, (&may, &may_see_staff), &visitor, id, after).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn read(
    app: &App,
    (may, may_see_staff): (&CanRead<Jobs>, &CanRead<Users>),
    visitor: &Visitor,
    id: i64,
    after: Option<i64>,
) -> Result<Option<Show>, Error> {
    let account = account::name(app).await?;
    let mut tx = app.db.read().await?;
    let job = job::find(&mut tx, may, id).await?;
    let started_by = by_whom(&mut tx, may_see_staff, &job).await?;
    let from = after.map(|number| Position { keys: vec![Key::Int(number)], direction: Direction::After });
    let found = job_errors::list(&mut tx, may, id, &Slice { limit: LIMIT, from }).await?;
    let errors_after = found.after.as_ref().and_then(|_| found.items.last().map(|error| error.number));
    let errors = found.items.into_iter().map(|error| ErrorRow {
        about: match (error.ticket_id, error.row_number) {
            (Some(ticket), _) => format!("Ticket {ticket}"),
            (None, Some(row)) => format!("Row {row}"),
            (None, None) => String::new(),
        },
        problem: text::shown(&error.problem, 300),
    });
    let Some(frame) = visitor.frame(account, Section::Jobs, &title(&job)) else { return Ok(None) };
    let now = app.clock.now();
    Ok(Some(Show { errors_after, ..Show::new(frame, &job, started_by, errors.collect(), now) }))
}

impl Show {
    pub fn new(mut frame: Frame, job: &Job, started_by: String, errors: Vec<ErrorRow>, now: jiff::Timestamp) -> Show {
        frame.crumbs = vec![to_jobs()];
        let mut facts =
            vec![("Started by", Fact::Text(started_by)), ("Created", Fact::When(When::at(job.created_at, now)))];
        for (label, at) in [
            ("Scheduled for", job.scheduled_at),
            ("Started", job.started_at),
            ("Ended", job.ended_at),
            ("Stop asked for", job.cancel_requested_at),
        ] {
            facts.extend(at.map(|at| (label, Fact::When(When::at(at, now)))));
        }
        if job.work.is_edit() {
            facts.push(("Tickets changed", Fact::Text(count(job.changed_count))));
        }
        if job.kind == Kind::ImportMacros {
            facts.push(("Macros made", Fact::Text(count(job.changed_count))));
        }
        Show {
            job: row(job, now),
            facts,
            problem: job.last_error.as_deref().map(|problem| text::shown(&text::sentence(problem), 300)),
            errors,
            errors_after: None,
            has_file: export::why_not_fetch(job).is_none(),
            file_is_gone: job.work.file_format().is_some() && job.cleaned_at.is_some(),
            can_undo: job::why_not_undo(job, now).is_none(),
            undone_by: job.undone_by,
            undoes: job.undoes,
            receipt: job.receipt.as_ref().map(receipt),
            is_running: !job.status.is_over(),
            frame,
        }
    }
}

/// The name of who started it.
async fn by_whom(tx: &mut Tx, may: &CanRead<Users>, job: &Job) -> Result<String, Error> {
    let Some(id) = job.person_id else { return Ok("The command line".to_owned()) };
    match users::find(tx, may, id).await {
        Ok(user) => Ok(text::shown(&user.name, 60)),
        Err(Error::NotFound { .. }) => Ok("Somebody who has left".to_owned()),
        Err(error) => Err(error),
    }
}

fn receipt(json: &Value) -> Receipt {
    let number = |value: &Value| count(value.as_i64().unwrap_or_default());
    let rows = |name: &str| -> Vec<(String, String)> {
        let object = json.get(name).and_then(Value::as_object);
        object.into_iter().flatten().map(|(what, n)| (text::shown(what, 80), number(n))).collect()
    };
    let word = |name: &str| text::shown(json.get(name).and_then(Value::as_str).unwrap_or_default(), 80);
    Receipt {
        created: rows("created"),
        skipped: rows("skipped"),
        failed: number(&json["failed"]),
        rows: number(&json["rows"]),
        sha256: word("sha256"),
        outcomes: word("outcomes_sha256"),
    }
}

/// `POST /admin/jobs/{id}/cancel`
pub async fn cancel(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Jobs>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| job::cancel(tx, &may, now, id).await) {
        Ok(()) => see_other(&format!("/admin/jobs/{id}?done=job-canceled")),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /admin/jobs/{id}/undo`: what undoing would do now.
pub async fn ask_undo(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Jobs>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    let now = app.clock.now();
    let found = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        let job = job::find(&mut tx, &may, id).await?;
        if let Some(why) = job::why_not_undo(&job, now) {
            return Err(Error::Refused(why.to_owned()));
        }
        Ok((account, undo::preview(&mut tx, &may, now, &job).await?, job))
    };
    match found.await {
        Ok((account, preview, job)) => match visitor.frame(account, Section::Jobs, "Undo") {
            Some(frame) => page(StatusCode::OK, &Undo::new(frame, &job, preview)),
            None => see_other("/login"),
        },
        Err(error) => errors::helpdesk(&error),
    }
}

impl Undo {
    pub fn new(mut frame: Frame, job: &Job, preview: Preview) -> Undo {
        frame.crumbs = vec![to_jobs(), Crumb { href: format!("/admin/jobs/{}", job.id), label: title(job) }];
        Undo {
            frame,
            id: job.id,
            title: title(job),
            whole: count(preview.whole),
            partly: preview.partly,
            nothing: preview.nothing,
            is_sample: preview.is_sample,
        }
    }
}

/// `POST /admin/jobs/{id}/undo`
pub async fn undo_it(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Jobs>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| job::undo(tx, &may, now, id).await) {
        Ok(job) => see_other(&format!("/admin/jobs/{}?done=job-started", job.id)),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /admin/jobs/{id}/file`
pub async fn file(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Jobs>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
) -> Response {
    let job = async {
        let mut tx = app.db.read().await?;
        job::find(&mut tx, &may, id).await
    };
    match job.await {
        Ok(job) => job_file::answer(&app, &job)
            .unwrap_or_else(|| errors::helpdesk(&Error::NotFound { kind: "file of the job", id })),
        Err(error) => errors::helpdesk(&error),
    }
}

fn to_jobs() -> Crumb {
    Crumb { href: "/admin/jobs".to_owned(), label: "Jobs".to_owned() }
}
