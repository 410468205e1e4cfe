//! `/admin/rules`: what happens to tickets by itself. The list in its order, one rule with its versions, what a draft would have done, and why a
//! ticket is as it is.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use gorgias_code::code_of;
use helpdesk::Error;
use helpdesk::page::{Direction, Key, Position, Slice};
use helpdesk::rules::dry_run::{self, Draft, DryRun};
use helpdesk::rules::log::{self, Execution, Outcome};
use helpdesk::rules::write::{self, DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS, NewRule, RuleUpdate};
use helpdesk::rules::{self, EVENT_KINDS, Rule, Step, Version};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Rules;
use store::transact;

use super::rule_words::{self, DiffLine, Line};
use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Executions and hits of one page.
const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/rules.html")]
pub struct RuleList {
    pub frame: Frame,
    pub rules: Vec<RuleRow>,
}

pub struct RuleRow {
    pub id: i64,
    pub name: String,
    pub is_active: bool,
    pub events: Vec<&'static str>,
    pub runs: i64,
    pub last_run: When,
    pub error: Option<String>,
    pub is_first: bool,
    pub is_last: bool,
}

#[derive(Template)]
#[template(path = "admin/rule.html")]
pub struct RulePage {
    pub frame: Frame,
    pub form: Form,
    /// None: a new one.
    pub rule: Option<RuleFacts>,
    pub events: Vec<EventChoice>,
    /// What the code means, if it can be read.
    pub lines: Option<Vec<Line>>,
    pub versions: Vec<VersionRow>,
}

pub struct RuleFacts {
    pub id: i64,
    pub is_active: bool,
    pub version: i64,
    pub runs: i64,
    pub last_run: When,
    pub error: Option<(String, When)>,
}

pub struct EventChoice {
    pub kind: &'static str,
    pub label: &'static str,
    pub is_chosen: bool,
}

pub struct VersionRow {
    pub version: i64,
    pub author: String,
    pub at: When,
    /// Against the version before.
    pub changes: Vec<DiffLine>,
    pub more: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/rule_history.html")]
pub struct History {
    pub frame: Frame,
    /// Of this ticket; none: of a rule.
    pub ticket_id: Option<i64>,
    pub rows: Vec<ExecutionRow>,
    /// The query of the next page, if there is one.
    pub older: Option<String>,
}

pub struct ExecutionRow {
    pub rule_id: i64,
    pub rule: String,
    pub version: i64,
    pub ticket_id: i64,
    pub event: &'static str,
    pub at: When,
    pub outcome: Outcome,
    pub branches: String,
    pub actions: Vec<String>,
    pub seen: Vec<(String, String)>,
    pub error: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/rule_dry_run.html")]
pub struct DryRunPage {
    pub frame: Frame,
    pub run: DryRun,
    pub lines: Vec<Line>,
    pub rows: Vec<HitRow>,
    pub older: Option<String>,
}

impl DryRunPage {
    /// With commas.
    fn n_events(&self) -> String {
        super::job_words::count(self.run.n_events)
    }
}

pub struct HitRow {
    pub ticket_id: i64,
    pub subject: String,
    pub event: &'static str,
    pub at: When,
    pub actions: Vec<String>,
    pub seen: Vec<(String, String)>,
}

/// `GET /admin/rules`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Rules>>,
    _admin: BySession<CanWrite<Rules>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let read = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        Ok::<_, Error>((account, rules::in_order(&mut tx, &may).await?))
    };
    let (account, found) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Rules, "Rules") else { return see_other("/login") };
    frame.done = done(&query);
    let (now, n) = (app.clock.now(), found.len());
    // Each moves among those of its category.
    let places: Vec<Option<i64>> = found.iter().map(|rule| rule.category_id).collect();
    let rows = found.into_iter().enumerate().map(|(at, rule)| RuleRow {
        id: rule.id,
        name: text::shown(&rule.name, 80),
        is_active: rule.is_active(),
        events: rule.event_kinds.iter().map(|kind| rule_words::event(kind)).collect(),
        runs: rule.runs,
        last_run: When::or_never(rule.last_run_at, now),
        error: rule.last_error.filter(|_| rule.failures > 0).map(|error| text::shown(&error, 160)),
        is_first: at == 0 || places[at - 1] != places[at],
        is_last: at + 1 == n || places[at + 1] != places[at],
    });
    page(StatusCode::OK, &RuleList { frame, rules: rows.collect() })
}

/// `GET /admin/rules/new`
pub async fn new(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Rules>>,
    _admin: BySession<CanWrite<Rules>>,
    visitor: Visitor,
) -> Response {
    let form = Form::new(vec![("events".to_owned(), "ticket-created".to_owned())]);
    show_form(&app, &may, &visitor, None, form, (StatusCode::OK, None)).await
}

/// `GET /admin/rules/{id}`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Rules>>,
    _admin: BySession<CanWrite<Rules>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Query(query): Query,
) -> Response {
    show_form(&app, &may, &visitor, Some(id), Form::default(), (StatusCode::OK, done(&query))).await
}

/// `POST /admin/rules`: saves a new rule, says what its code means, or begins a dry run of it.
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Rules>>,
    BySession(may_read): BySession<CanRead<Rules>>,
    posted: Posted,
) -> Response {
    save(&app, (&may, &may_read), posted, None).await
}

/// `POST /admin/rules/{id}`: the same with a rule that there is.
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Rules>>,
    BySession(may_read): BySession<CanRead<Rules>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    save(&app, (&may, &may_read), posted, Some(id)).await
}

async fn save(
    app: &App,
    (may, may_read): (&CanWrite<Rules>, &CanRead<Rules>),
    posted: Posted,
    id: Option<i64>,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let what = form.value("do").to_owned();
    let draft = read_form(&mut form, what == "save");
    if !form.problems.is_empty() || what == "look" {
        let status = if form.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        return show_form(app, may_read, &visitor, id, form, (status, None)).await;
    }
    let now = app.clock.now();
    let stored = match as_stored(app, may, id, &draft.source).await {
        Ok(stored) => stored,
        Err(error) => return errors::helpdesk(&error),
    };
    let outcome = if what == "dry-run" {
        let draft = NewRule { steps: stored.map_or(draft.steps, |rule| rule.steps), ..draft };
        let draft = Draft { rule_id: id, source: draft.source, steps: draft.steps, event_kinds: draft.event_kinds };
        let begun = transact!(app.db, |tx| dry_run::start(tx, may, now, draft.clone()).await);
        begun.map(|id| format!("/admin/rules/dry-runs/{id}"))
    } else if let Some(id) = id {
        let update = RuleUpdate {
            name: Some(draft.name),
            description: Some(draft.description),
            program: stored.is_none().then_some((draft.source, draft.steps)),
            event_kinds: Some(draft.event_kinds),
            ..RuleUpdate::default()
        };
        let saved = transact!(app.db, |tx| write::update(tx, may, now, id, update.clone()).await);
        saved.map(|rule| format!("/admin/rules/{}?done=rule-saved", rule.id))
    } else {
        let saved = transact!(app.db, |tx| write::create(tx, may, now, draft.clone()).await);
        saved.map(|rule| format!("/admin/rules/{}?done=rule-saved", rule.id))
    };
    match outcome {
        Ok(address) => see_other(&address),
        Err(Error::Invalid { field, problem }) => {
            form.refuse(if field == "event_types" { "events" } else { "code" }, text::sentence(&problem));
            show_form(app, may_read, &visitor, id, form, (StatusCode::UNPROCESSABLE_ENTITY, None)).await
        }
        Err(Error::Refused(problem)) => {
            form.refuse("name", problem);
            show_form(app, may_read, &visitor, id, form, (StatusCode::UNPROCESSABLE_ENTITY, None)).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// The rule, if this is its code: one that was put together elsewhere says more than its code does, and is left as it is.
async fn as_stored(app: &App, may: &CanWrite<Rules>, id: Option<i64>, source: &str) -> Result<Option<Rule>, Error> {
    let Some(id) = id else { return Ok(None) };
    let mut tx = app.db.read().await?;
    let rule = write::to_change(&mut tx, may, id).await?;
    Ok(Some(rule).filter(|rule| code_of(rule).trim_end() == source.trim_end()))
}

fn read_form(form: &mut Form, needs_name: bool) -> NewRule {
    let name = form.value("name").trim().to_owned();
    let description = form.filled("description").map(str::to_owned);
    // Browsers send line ends of two characters.
    let source = form.value("code").replace("\r\n", "\n");
    let event_kinds: Vec<String> = form.all("events").into_iter().map(str::to_owned).collect();
    if needs_name && (name.is_empty() || NAME_MAX_CHARS < name.chars().count()) {
        form.refuse("name", format!("Give the rule a name of at most {NAME_MAX_CHARS} characters."));
    }
    if description.as_ref().is_some_and(|text| DESCRIPTION_MAX_CHARS < text.chars().count()) {
        form.refuse("description", format!("Describe it in at most {DESCRIPTION_MAX_CHARS} characters."));
    }
    if event_kinds.is_empty() {
        form.refuse("events", "Choose when the rule runs.");
    }
    let steps = match gorgias_code::rule(&source) {
        Ok(rule) => rule.steps,
        Err(error) => {
            form.refuse("code", error.to_string());
            Vec::new()
        }
    };
    NewRule {
        name,
        description,
        category: None,
        category_id: None,
        source,
        steps,
        event_kinds,
        priority: None,
        deactivated_at: None,
    }
}

/// The page of one rule. What was sent counts before what is stored.
async fn show_form(
    app: &App,
    may: &CanRead<Rules>,
    visitor: &Visitor,
    id: Option<i64>,
    sent: Form,
    (status, done): (StatusCode, Option<&'static str>),
) -> Response {
    let read = async {
        let account = account::name(app).await?;
        let mut tx = app.db.read().await?;
        let Some(id) = id else { return Ok::<_, Error>((account, None, Vec::new())) };
        let rule = rules::find(&mut tx, may, id).await?;
        Ok((account, Some(rule), rules::versions(&mut tx, may, id).await?))
    };
    let (account, rule, versions) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let title = rule.as_ref().map_or_else(|| "New rule".to_owned(), |rule| text::shown(&rule.name, 80));
    let Some(mut frame) = visitor.frame(account, Section::Rules, &title) else { return see_other("/login") };
    frame.crumbs = vec![to_rules()];
    frame.done = done;
    let now = app.clock.now();
    let was_sent = !sent.value("csrf").is_empty();
    let form = match &rule {
        Some(rule) if !was_sent => stored(rule),
        _ => sent,
    };
    let chosen = form.all("events");
    let events = EVENT_KINDS.iter().map(|kind| EventChoice {
        kind,
        label: rule_words::event(kind),
        is_chosen: chosen.contains(kind),
    });
    let is_as_stored = |rule: &&Rule| code_of(rule).trim_end() == form.value("code").replace("\r\n", "\n").trim_end();
    let read = match rule.as_ref().filter(is_as_stored) {
        Some(rule) => Some(rule.steps.clone()),
        None => gorgias_code::rule(form.value("code")).ok().map(|rule| rule.steps),
    };
    let read = read.filter(|steps| !steps.is_empty());
    page(
        status,
        &RulePage {
            frame,
            events: events.collect(),
            lines: read.map(|steps: Vec<Step>| rule_words::lines(&steps)),
            rule: rule.map(|rule| facts(rule, now)),
            versions: version_rows(versions, now),
            form,
        },
    )
}

fn stored(rule: &Rule) -> Form {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut values = vec![
        pair("name", &rule.name),
        pair("description", rule.description.as_deref().unwrap_or_default()),
        pair("code", &code_of(rule)),
    ];
    values.extend(rule.event_kinds.iter().map(|kind| pair("events", kind)));
    Form::new(values)
}

fn facts(rule: Rule, now: Timestamp) -> RuleFacts {
    RuleFacts {
        id: rule.id,
        is_active: rule.is_active(),
        version: rule.version,
        runs: rule.runs,
        last_run: When::or_never(rule.last_run_at, now),
        error: rule.last_error.zip(rule.last_error_at).map(|(error, at)| (text::shown(&error, 300), When::at(at, now))),
    }
}

/// Each version against the one before it, which is the next in the list.
fn version_rows(versions: Vec<Version>, now: Timestamp) -> Vec<VersionRow> {
    let row = |at: usize, version: &Version| {
        let before = versions.get(at + 1);
        let mut more = Vec::new();
        let mut changes = Vec::new();
        if let Some(before) = before {
            if before.name != version.name {
                let (old, new) = (text::shown(&before.name, 60), text::shown(&version.name, 60));
                more.push(format!("Renamed from {old} to {new}"));
            }
            if before.description != version.description {
                more.push("Described anew".to_owned());
            }
            if before.event_kinds != version.event_kinds {
                more.push(format!("Runs on {}", version.event_kinds.join(", ")));
            }
            if before.source != version.source {
                changes = rule_words::difference(&before.source, &version.source);
            }
        }
        VersionRow {
            version: version.version,
            author: version.author_name.as_deref().map_or_else(|| "an app".to_owned(), |name| text::shown(name, 60)),
            at: When::at(version.created_at, now),
            changes,
            more,
        }
    };
    versions.iter().enumerate().map(|(at, version)| row(at, version)).collect()
}

/// `POST /admin/rules/{id}/move`
pub async fn change_place(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Rules>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let (now, up) = (app.clock.now(), posted.form.value("to") == "up");
    match transact!(app.db, |tx| write::move_one(tx, &may, now, id, up).await) {
        Ok(()) => see_other("/admin/rules?done=rule-moved"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/rules/{id}/switch`
pub async fn switch(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Rules>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let now = app.clock.now();
    let on = posted.form.value("to") == "on";
    let update = RuleUpdate { deactivated_at: Some((!on).then_some(now)), ..RuleUpdate::default() };
    match transact!(app.db, |tx| write::update(tx, &may, now, id, update.clone()).await) {
        Ok(_) => see_other(if on { "/admin/rules?done=rule-on" } else { "/admin/rules?done=rule-off" }),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/rules/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Rules>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| write::delete(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/rules?done=rule-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /admin/rules/{id}/history`
pub async fn history(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Rules>>,
    _admin: BySession<CanWrite<Rules>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Query(query): Query,
) -> Response {
    let read = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        let rule = rules::find(&mut tx, &may, id).await?;
        Ok::<_, Error>((account, rule, log::of_rule(&mut tx, &may, id, &slice(&query)).await?))
    };
    let (account, rule, found) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Rules, "What it did") else { return see_other("/login") };
    let name = text::shown(&rule.name, 80);
    frame.crumbs = vec![to_rules(), Crumb { href: format!("/admin/rules/{id}"), label: name }];
    let older = older(found.after).map(|before| format!("/admin/rules/{id}/history?before={before}"));
    let now = app.clock.now();
    let rows = found.items.into_iter().map(|one| execution(one, now)).collect();
    page(StatusCode::OK, &History { frame, ticket_id: None, rows, older })
}

/// `GET /admin/rules/why?ticket=7`: what rules did to a ticket.
pub async fn why(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Rules>>,
    _admin: BySession<CanWrite<Rules>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let ticket_id = query.value("ticket").trim().trim_start_matches('#').parse().unwrap_or(0);
    let read = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        Ok::<_, Error>((account, log::of_ticket(&mut tx, &may, ticket_id, &slice(&query)).await?))
    };
    let (account, found) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let title = format!("What rules did to ticket {ticket_id}");
    let Some(mut frame) = visitor.frame(account, Section::Rules, &title) else { return see_other("/login") };
    frame.crumbs = vec![to_rules()];
    let older = older(found.after).map(|before| format!("/admin/rules/why?ticket={ticket_id}&before={before}"));
    let now = app.clock.now();
    let rows = found.items.into_iter().map(|one| execution(one, now)).collect();
    page(StatusCode::OK, &History { frame, ticket_id: Some(ticket_id), rows, older })
}

/// `GET /admin/rules/dry-runs/{id}`
pub async fn show_dry_run(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Rules>>,
    _admin: BySession<CanWrite<Rules>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Query(query): Query,
) -> Response {
    let read = async {
        let account = account::name(&app).await?;
        let mut tx = app.db.read().await?;
        let run = dry_run::find(&mut tx, &may, id).await?;
        Ok::<_, Error>((account, run, dry_run::hits(&mut tx, &may, id, &slice(&query)).await?))
    };
    let (account, run, found) = match read.await {
        Ok(read) => read,
        Err(error) => return errors::helpdesk(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Rules, "Dry run") else { return see_other("/login") };
    frame.crumbs = vec![to_rules()];
    if let Some(rule_id) = run.rule_id {
        frame.crumbs.push(Crumb { href: format!("/admin/rules/{rule_id}"), label: "The rule".to_owned() });
    }
    let older = older(found.after).map(|before| format!("/admin/rules/dry-runs/{id}?before={before}"));
    let now = app.clock.now();
    let rows = found.items.into_iter().map(|hit| HitRow {
        ticket_id: hit.ticket_id,
        subject: text::shown(hit.ticket_subject.as_deref().unwrap_or("No subject"), 100),
        event: rule_words::event(&hit.event_kind),
        at: When::at(hit.happened_at, now),
        actions: rule_words::actions(&hit.actions),
        seen: rule_words::seen(&hit.seen),
    });
    let lines = rule_words::lines(&run.steps);
    page(StatusCode::OK, &DryRunPage { frame, lines, rows: rows.collect(), older, run })
}

fn execution(one: Execution, now: Timestamp) -> ExecutionRow {
    ExecutionRow {
        rule_id: one.rule_id,
        rule: text::shown(&one.rule_name, 80),
        version: one.rule_version,
        ticket_id: one.ticket_id,
        event: rule_words::event(&one.event_kind),
        at: When::at(one.created_at, now),
        outcome: one.outcome,
        branches: one.branches.join(", "),
        actions: rule_words::actions(&one.actions),
        seen: rule_words::seen(&one.seen),
        error: one.error.map(|error| text::shown(&error, 300)),
    }
}

fn to_rules() -> Crumb {
    Crumb { href: "/admin/rules".to_owned(), label: "Rules".to_owned() }
}

/// The rows after the one that the address names.
fn slice(query: &Form) -> Slice {
    let before: Option<i64> = query.value("before").parse().ok();
    let from = before.map(|id| Position { keys: vec![Key::Int(id)], direction: Direction::After });
    Slice { limit: LIMIT, from }
}

fn older(after: Option<Vec<Key>>) -> Option<i64> {
    match after?.first() {
        Some(Key::Int(id)) => Some(*id),
        _ => None,
    }
}
