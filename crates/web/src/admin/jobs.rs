//! `/admin/jobs`: bulk changes, exports and imports, how far they are, and starting one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::jobs::job::{self, Filter, Format, IDS_MAX, Job, NewJob, Status, Work};
use helpdesk::jobs::selection::Selection;
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::tickets::bulk::Set;
use helpdesk::users;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Jobs, Users};
use serde_json::json;
use store::transact;

use super::audit::Choice;
use super::job_words::{Progress, progress, title, tone_of, what};
use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Jobs on one page.
const LIMIT: usize = 25;
/// Staff to choose from.
const STAFF: usize = 200;
const TAGS_MAX_CHARS: usize = 2_000;

#[derive(Template)]
#[template(path = "admin/jobs.html")]
pub struct List {
    pub frame: Frame,
    pub form: Form,
    pub rows: Vec<JobRow>,
    /// The place of the next page.
    pub before: Option<String>,
    pub staff: Vec<Choice>,
    pub is_any_running: bool,
}

pub struct JobRow {
    pub id: i64,
    pub title: String,
    pub what: String,
    pub status: &'static str,
    /// The class of the badge.
    pub tone: &'static str,
    pub progress: Progress,
    pub n_errors: i64,
    pub created: When,
    pub can_cancel: bool,
}

/// `GET /admin/jobs`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Jobs>>,
    BySession(may_users): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match List::read(&app, (&may, &may_users), &visitor, Form::default(), query.filled("before")).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/jobs`
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Jobs>>,
    BySession(may_read): BySession<CanRead<Jobs>>,
    BySession(may_users): BySession<CanRead<Users>>,
    _admin: BySession<CanWrite<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    if let Some(work) = read_work(&mut form) {
        let now = app.clock.now();
        let params = json!({ "started_in": "admin" });
        let new = NewJob { work, params, meta: None, scheduled_at: None };
        match transact!(app.db, |tx| job::create(tx, &may, now, new.clone()).await) {
            Ok(job) => return see_other(&format!("/admin/jobs/{}?done=job-started", job.id)),
            Err(Error::Invalid { problem, .. }) => form.refuse("which", problem),
            Err(error) => return errors::helpdesk(&error),
        }
    }
    match List::read(&app, (&may_read, &may_users), &visitor, form, None).await {
        Ok(Some(found)) => page(StatusCode::UNPROCESSABLE_ENTITY, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl List {
    /// None if the visitor is not signed in.
    async fn read(
        app: &App,
        (may, may_users): (&CanRead<Jobs>, &CanRead<Users>),
        visitor: &Visitor,
        form: Form,
        before: Option<&str>,
    ) -> Result<Option<List>, Error> {
        let account = account::name(app).await?;
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        let slice = Slice { limit: LIMIT, from: before.and_then(place_of) };
        let jobs = job::list(&mut tx, may, Filter::default(), true, &slice).await?;
        let all = Slice { limit: STAFF, from: None };
        let staff = users::list(&mut tx, may_users, &users::Filter::default(), users::Sort::Name, false, &all).await?;
        let Some(frame) = visitor.frame(account, Section::Jobs, "Jobs") else { return Ok(None) };
        let before = jobs.after.as_deref().map(|keys| {
            let words: Vec<String> = keys
                .iter()
                .map(|key| match key {
                    Key::Int(number) => number.to_string(),
                    Key::Text(text) => text.clone(),
                })
                .collect();
            words.join(".")
        });
        let chosen = form.value("assignee").to_owned();
        let staff = staff.items.into_iter().map(|user| Choice {
            value: user.id.to_string(),
            label: text::shown(if user.name.is_empty() { &user.email } else { &user.name }, 60),
            is_chosen: chosen == user.id.to_string(),
        });
        let is_any_running = jobs.items.iter().any(|job| !job.status.is_over());
        let rows = jobs.items.iter().map(|job| row(job, now)).collect();
        Ok(Some(List { frame, form, rows, before, staff: staff.collect(), is_any_running }))
    }
}

pub fn row(job: &Job, now: Timestamp) -> JobRow {
    let (status, tone) = tone_of(job.status);
    JobRow {
        id: job.id,
        title: title(job),
        what: what(job),
        status,
        tone,
        progress: progress(job),
        n_errors: job.error_count,
        created: When::at(job.created_at, now),
        can_cancel: !job.status.is_over() && job.status != Status::CancelRequested,
    }
}

/// A place of the list from the address; a broken one is the beginning.
fn place_of(text: &str) -> Option<Position> {
    let (created_at, id) = text.split_once('.')?;
    let keys = vec![Key::Int(created_at.parse().ok()?), Key::Int(id.parse().ok()?)];
    Some(Position { keys, direction: Direction::After })
}

/// None if the form must be mended first.
fn read_work(form: &mut Form) -> Option<Work> {
    let selection = read_selection(form);
    let work = match form.value("do") {
        "change" => {
            let sets = read_sets(form);
            if sets.is_empty() && form.problems.is_empty() {
                form.refuse("status", "Choose at least one thing to change.");
            }
            selection.map(|selection| Work::UpdateTickets { selection, sets })
        }
        "trash" => selection.map(|selection| Work::DeleteTickets { selection }),
        "csv" => selection.map(|selection| Work::ExportTickets { selection, format: Format::Csv }),
        "ndjson" => selection.map(|selection| Work::ExportTickets { selection, format: Format::Ndjson }),
        _ => {
            form.refuse("do", "Choose what to do with the tickets.");
            None
        }
    };
    work.filter(|_| form.problems.is_empty())
}

fn read_selection(form: &mut Form) -> Option<Selection> {
    match form.value("which") {
        "ids" => {
            let typed = form.value("ids").to_owned();
            let mut ids = Vec::new();
            for word in typed.split([',', ' ', '\n', '\r', '\t', '#']).filter(|word| !word.is_empty()) {
                match word.parse::<i64>() {
                    Ok(id) if id > 0 => ids.push(id),
                    _ => {
                        form.refuse("ids", format!("{} is not the number of a ticket.", text::shown(word, 30)));
                        return None;
                    }
                }
            }
            if ids.is_empty() || IDS_MAX < ids.len() {
                form.refuse("ids", format!("Enter the numbers of 1 to {IDS_MAX} tickets."));
                return None;
            }
            Some(Selection::of_ids(ids))
        }
        "created" => {
            let from = day(form, "from", false);
            let until = day(form, "until", true);
            if from.is_none() && until.is_none() && form.problems.is_empty() {
                form.refuse("from", "Enter a first or a last day.");
            }
            let created = |operator, at: Timestamp| {
                Condition::Is(Test { field: Field::CreatedAt, operator, operand: Operand::Time(at) })
            };
            let mut parts = Vec::new();
            parts.extend(from.map(|at| created(Operator::AtLeast, at)));
            parts.extend(until.map(|at| created(Operator::Less, at)));
            Some(Selection::of(Condition::All(parts)))
        }
        "all" if matches!(form.value("do"), "csv" | "ndjson") => Some(Selection::default()),
        "all" => {
            form.refuse("which", "All tickets can be exported, not changed: name the tickets or their days.");
            None
        }
        _ => {
            form.refuse("which", "Choose the tickets.");
            None
        }
    }
}

/// Midnight in UTC at the beginning of a typed day, or of the day after.
fn day(form: &mut Form, field: &'static str, after: bool) -> Option<Timestamp> {
    let typed = form.filled(field)?.to_owned();
    let day = typed.parse::<Date>().ok().and_then(|day| if after { day.tomorrow().ok() } else { Some(day) });
    let at = day.and_then(|day| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp()));
    if at.is_none() {
        form.refuse(field, "Enter a day such as 2026-03-02.");
    }
    at
}

fn read_sets(form: &mut Form) -> Vec<Set> {
    let mut sets = Vec::new();
    match form.value("status") {
        "closed" => sets.push(Set::Status("done".to_owned())),
        "open" => sets.push(Set::Status("waiting".to_owned())),
        _ => {}
    }
    if let Some(priority) = form.filled("priority") {
        sets.push(Set::Priority(priority.to_owned()));
    }
    match form.value("assignee").to_owned().as_str() {
        "" => {}
        "nobody" => sets.push(Set::AssigneeUser(None)),
        number => match number.parse() {
            Ok(id) => sets.push(Set::AssigneeUser(Some(id))),
            Err(_) => form.refuse("assignee", "There is no such person."),
        },
    }
    for (field, set) in [("add_tags", Set::AddTags as fn(Vec<String>) -> Set), ("remove_tags", Set::RemoveTags)] {
        let typed = form.value(field).to_owned();
        if TAGS_MAX_CHARS < typed.chars().count() {
            form.refuse(field, "Too long.");
        }
        let names: Vec<String> =
            typed.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.iter().any(|name| helpdesk::tags::NAME_MAX_CHARS < name.chars().count()) {
            form.refuse(field, "A tag is longer than 256 characters.");
        }
        if !names.is_empty() {
            sets.push(set(names));
        }
    }
    sets
}
