//! `/admin/macros`: prepared replies, with what else they do. The form for one of them: `macro_form.rs`.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::actions::Action;
use helpdesk::jobs::job::{self, NewJob, Work};
use helpdesk::macros::write::{self, Archived};
use helpdesk::macros::{self, Filter, Macro, Sort};
use helpdesk::page::{Direction, Key, Position, Slice};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Jobs, Macros};
use serde_json::json;
use store::transact;

use super::tags::Choice;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// One page of the list. Who has more searches.
const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/macros.html")]
pub struct List {
    pub frame: Frame,
    pub macros: Vec<MacroRow>,
    pub search: String,
    pub shown: Vec<Choice>,
    pub is_archive: bool,
    /// The query of the next page, if there is one.
    pub next: Option<String>,
}

pub struct MacroRow {
    pub id: i64,
    pub name: String,
    /// Start of the reply.
    pub reply: Option<String>,
    /// What it does, in words.
    pub does: Vec<String>,
    pub language: Option<String>,
    pub usage: i64,
}

/// `GET /admin/macros`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Macros>>,
    _admin: BySession<CanWrite<Macros>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let search = text::shown(query.value("search"), 100);
    let show = query.value("show");
    let number = |name| query.filled(name).and_then(|number| number.parse().ok()).map(Key::Int);
    let from = number("after").zip(number("after_id"));
    let from = from.map(|(usage, id)| Position { keys: vec![usage, id], direction: Direction::After });
    let slice = Slice { limit: LIMIT, from };
    let found = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        let search = Some(search.clone()).filter(|search| !search.is_empty());
        let filter = Filter { search, archived: show == "archived", ..Filter::default() };
        let page = macros::list(&mut tx, &may, &filter, Sort::Usage, true, &slice).await?;
        Ok::<_, helpdesk::Error>((account, page))
    };
    let (account, found) = match found.await {
        Ok(found) => found,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Macros, "Macros") else { return see_other("/login") };
    frame.done = done(&query);
    let next = match found.after.as_deref() {
        Some([Key::Int(usage), Key::Int(id)]) => {
            let mut next = form_urlencoded::Serializer::new(String::new());
            next.append_pair("search", &search).append_pair("show", show);
            Some(next.append_pair("after", &usage.to_string()).append_pair("after_id", &id.to_string()).finish())
        }
        _ => None,
    };
    let macros = found.items.iter().map(MacroRow::new).collect();
    let is_archive = show == "archived";
    page(StatusCode::OK, &List { frame, macros, search, shown: shown(show), is_archive, next })
}

/// `POST /admin/macros/{id}/archive`: out of use, or (`restore`) in use again.
pub async fn archive(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Macros>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let now = app.clock.now();
    let is_restored = posted.form.value("what") == "restore";
    let outcome = transact!(app.db, |tx| match is_restored {
        true => write::unarchive(tx, &may, now, id).await,
        false => write::archive(tx, &may, now, id).await,
    });
    match outcome {
        Ok(Archived::Done | Archived::Already) if is_restored => see_other("/admin/macros?done=macro-restored"),
        Ok(Archived::Done | Archived::Already) => see_other("/admin/macros?done=macro-archived"),
        Ok(Archived::NotFound) => errors::helpdesk(&helpdesk::Error::NotFound { kind: "macro", id }),
        Ok(Archived::Used(rules)) => {
            let names: Vec<String> = rules.iter().map(|(_, name)| format!("“{}”", text::shown(name, 60))).collect();
            let why = format!("Rules apply this macro: {}. Change them first.", names.join(", "));
            errors::helpdesk(&helpdesk::Error::Refused(why))
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/macros/export`: starts the job that writes all of them to a file.
pub async fn export(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Jobs>>,
    _admin: BySession<CanWrite<Macros>>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    let new = NewJob {
        work: Work::ExportMacros { ids: None },
        params: json!({ "started_in": "admin" }),
        meta: None,
        scheduled_at: None,
    };
    match transact!(app.db, |tx| job::create(tx, &may, now, new.clone()).await) {
        Ok(job) => see_other(&format!("/admin/jobs/{}?done=job-started", job.id)),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/macros/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Macros>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| write::delete(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/macros?done=macro-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

pub fn shown(chosen: &str) -> Vec<Choice> {
    let all = [("", "In use"), ("archived", "Archived")];
    all.into_iter().map(|(value, label)| Choice { value, label, is_chosen: value == chosen }).collect()
}

impl MacroRow {
    pub fn new(it: &Macro) -> MacroRow {
        MacroRow {
            id: it.id,
            name: text::shown(&it.name, 100),
            reply: it.reply().filter(|reply| !reply.trim().is_empty()).map(|reply| text::shown(reply, 120)),
            does: it.actions.iter().map(what).collect(),
            language: it.language.clone(),
            usage: it.usage,
        }
    }
}

/// What an action does, in a few words.
pub fn what(action: &Action) -> String {
    match action {
        Action::Reply(_) => "Reply".to_owned(),
        Action::InternalNote(_) => "Note".to_owned(),
        Action::AddTags(tags) => format!("Tag {}", text::shown(&tags.join(", "), 40)),
        Action::RemoveTags(tags) => format!("Untag {}", text::shown(&tags.join(", "), 40)),
        Action::SetTags(tags) => format!("Only tags {}", text::shown(&tags.join(", "), 40)),
        Action::SetStatus(word) => match word.as_str() {
            "waiting" => "Open".to_owned(),
            "done" => "Close".to_owned(),
            word => format!("Status {}", word.replace('_', " ")),
        },
        Action::SetPriority(word) => format!("Priority {}", text::shown(word, 20)),
        Action::SetSubject(_) => "Subject".to_owned(),
        Action::AssignUser(None) => "Assign nobody".to_owned(),
        Action::AssignUser(Some(_)) | Action::AssignCurrentUser => "Assign".to_owned(),
        Action::AssignTeam(None) => "No team".to_owned(),
        Action::AssignTeam(Some(_)) => "Team".to_owned(),
        Action::RoundRobin(_) => "Assign in turn".to_owned(),
        Action::SnoozeSeconds(_) => "Snooze".to_owned(),
        Action::SendEmail(_) => "Forward by e-mail".to_owned(),
        Action::ApplyMacro(id) => format!("Macro {id}"),
        Action::Trash => "Trash".to_owned(),
        Action::MarkSpam(true) => "Spam".to_owned(),
        Action::MarkSpam(false) => "No spam".to_owned(),
        Action::SetCustomField { custom_field_id, .. } => format!("Ticket field {custom_field_id}"),
        Action::SetCustomerField { custom_field_id, .. } => format!("Customer field {custom_field_id}"),
        Action::SetOrganizationField { custom_field_id, .. } => format!("Organization field {custom_field_id}"),
        Action::SetCustomerLanguage(_) => "Customer’s language".to_owned(),
        Action::SetSchedule(_) => "Schedule".to_owned(),
        Action::Http(call) => format!("Call {}", text::host_of(&call.url).unwrap_or_else(|| "an address".to_owned())),
        Action::SetType(_) => "Type".to_owned(),
        Action::SetBrand(_) => "Brand".to_owned(),
        Action::SetForm(_) => "Form".to_owned(),
        Action::SetCustomStatus(_) => "Own status".to_owned(),
        Action::CopyIn { .. } => "Copy in".to_owned(),
        Action::Notify { .. } => "Mail".to_owned(),
        Action::CallIntegration { integration_id, .. } => format!("Call integration {integration_id}"),
        Action::SendSurvey => "Survey".to_owned(),
        Action::Unknown { name, .. } => text::shown(name, 40),
    }
}
