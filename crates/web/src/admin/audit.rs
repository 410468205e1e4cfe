//! `/admin/audit`: who signed in, allowed, changed and revoked what, in plain sentences; and the same as NDJSON.

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint::{App, BySession};
use futures_util::stream;
use helpdesk::audit::{self, After, Entry, Filter, GROUPS, Group};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use oauth::clients;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, AuditLog};
use serde_json::{Value as Json, json};
use store::StoreError;

use super::audit_words::{Tone, sentence, tone};
use crate::form::Form;
use crate::pages::{Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Rows of one page.
const LIMIT: usize = 50;
/// Rows of one piece of the export.
const PIECE: i64 = 500;
/// Apps to choose from; more are reached from their own pages.
const APPS: i64 = 200;

#[derive(Template)]
#[template(path = "admin/audit.html")]
pub struct Audit {
    pub frame: Frame,
    pub form: Form,
    pub groups: Vec<Choice>,
    pub apps: Vec<Choice>,
    pub rows: Vec<AuditRow>,
    /// The query of the next page, if there is one.
    pub older: Option<String>,
    /// The query of the export.
    pub export: String,
    pub is_filtered: bool,
}

pub struct Choice {
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

pub struct AuditRow {
    pub at: When,
    pub sentence: String,
    pub tone: Tone,
    pub person: Option<String>,
    pub app: Option<(i64, String)>,
    pub address: Option<String>,
    pub facts: Vec<(&'static str, String)>,
}

/// `GET /admin/audit`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<AuditLog>>,
    BySession(may_apps): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match read(&app, &may, &may_apps, &visitor, query).await {
        Ok(Some(found)) => page(StatusCode::OK, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::database(&error),
    }
}

async fn read(
    app: &App,
    may: &CanRead<AuditLog>,
    may_apps: &CanRead<Apps>,
    visitor: &Visitor,
    query: Form,
) -> Result<Option<Audit>, StoreError> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let asked = filter(app, may, query).await?;
    let mut tx = app.db.read().await?;
    let apps = clients::list(&mut tx, may_apps, None, None, APPS).await?;
    let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
    let mut entries = match asked.is_impossible() {
        true => Vec::new(),
        false => audit::list(&mut tx, may, &asked.filter, after(&asked.form), limit).await?,
    };
    let has_more = LIMIT < entries.len();
    entries.truncate(LIMIT);
    let older = entries.last().filter(|_| has_more).map(|last| {
        let place = format!("{}.{}", last.created_at.as_microsecond(), last.id);
        asked.query(Some(("before", &place)))
    });
    let Some(frame) = visitor.frame(account, Section::Audit, "Audit room") else { return Ok(None) };
    let chosen_app = asked.filter.client_row;
    let apps = apps.into_iter().map(|client| Choice {
        value: client.id.to_string(),
        label: text::shown(&client.name, 60),
        is_chosen: chosen_app == Some(client.id),
    });
    Ok(Some(Audit {
        frame,
        groups: groups(asked.filter.group),
        apps: apps.collect(),
        rows: entries.into_iter().map(|entry| row(entry, now)).collect(),
        older,
        export: asked.query(None),
        is_filtered: !asked.query(None).is_empty(),
        form: asked.form,
    }))
}

/// `GET /admin/audit.ndjson`: every entry that the filter lets through, newest first, one JSON object a line. Read and sent piece by piece,
/// so it takes the same memory however many there are; an error in between breaks the connection off.
pub async fn export(
    State(app): State<App>,
    BySession(may): BySession<CanRead<AuditLog>>,
    _admin: BySession<CanWrite<Apps>>,
    Query(query): Query,
) -> Response {
    let asked = match filter(&app, &may, query).await {
        Ok(asked) => asked,
        Err(error) => return errors::database(&error),
    };
    if !asked.form.problems.is_empty() {
        let texts: Vec<&str> = asked.form.problems.iter().map(|problem| problem.text.as_str()).collect();
        return (StatusCode::BAD_REQUEST, texts.join(" ")).into_response();
    }
    let begin = (!asked.is_impossible()).then_some(None);
    let pieces = stream::try_unfold((app, may, asked.filter, begin), async |(app, may, filter, from)| {
        let Some(after) = from else { return Ok::<_, StoreError>(None) };
        let mut tx = app.db.read().await?;
        let entries = audit::list(&mut tx, &may, &filter, after, PIECE).await?;
        drop(tx);
        let Some(last) = entries.last() else { return Ok(None) };
        let next = After { created_at: last.created_at, id: last.id };
        let is_last = i64::try_from(entries.len()).unwrap_or(PIECE) < PIECE;
        let lines: String = entries.iter().map(|entry| format!("{}\n", line(entry))).collect();
        Ok(Some((Bytes::from(lines), (app, may, filter, (!is_last).then_some(Some(next))))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.ndjson\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

fn line(entry: &Entry) -> Json {
    let named = |named: &Option<audit::Named>| named.as_ref().map(|it| json!({ "id": it.id, "name": it.name }));
    json!({
        "id": entry.id,
        "created_at": entry.created_at.to_string(),
        "type": entry.kind,
        "sentence": sentence(entry),
        "object": { "type": entry.object_type, "id": entry.object_id, "name": entry.object_name },
        "person": named(&entry.person),
        "app": named(&entry.client),
        "impersonator": named(&entry.impersonator),
        "worker": entry.worker,
        "grant_id": entry.grant_id,
        "request_id": entry.request_id,
        "before": entry.before,
        "after": entry.after,
        "data": entry.data,
    })
}

/// What was asked for, understood.
struct Asked {
    form: Form,
    filter: Filter,
}

impl Asked {
    /// A filter that means nothing shows nothing: it must not look as if it had been heeded.
    fn is_impossible(&self) -> bool {
        !self.form.problems.is_empty()
    }

    /// The filter as a query, with one more pair.
    fn query(&self, more: Option<(&str, &str)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in ["person", "app", "kind", "from", "until"] {
            if let Some(value) = self.form.filled(name) {
                query.append_pair(name, value);
            }
        }
        if let Some((name, value)) = more {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

async fn filter(app: &App, may: &CanRead<AuditLog>, mut form: Form) -> Result<Asked, StoreError> {
    let mut filter = Filter::default();
    if let Some(email) = form.filled("person").map(str::to_owned) {
        let mut tx = app.db.read().await?;
        filter.person_id = audit::person_by_email(&mut tx, may, &email).await?;
        if filter.person_id.is_none() {
            form.refuse("person", "Nobody here has this e-mail address.");
        }
    }
    if let Some(number) = form.filled("app").map(str::to_owned) {
        filter.client_row = number.parse().ok();
        if filter.client_row.is_none() {
            form.refuse("app", "There is no such app.");
        }
    }
    if let Some(word) = form.filled("kind").map(str::to_owned) {
        filter.group = GROUPS.iter().find(|group| group.word == word);
        if filter.group.is_none() {
            form.refuse("kind", "There is no such kind of event.");
        }
    }
    for (field, is_end) in [("from", false), ("until", true)] {
        let Some(typed) = form.filled(field).map(str::to_owned) else { continue };
        match midnight(&typed, is_end) {
            Some(at) if is_end => filter.until = Some(at),
            Some(at) => filter.from = Some(at),
            None => form.refuse(field, "Enter a day such as 2026-03-02."),
        }
    }
    Ok(Asked { form, filter })
}

/// The beginning of a day in UTC, or of the day after.
fn midnight(day: &str, after: bool) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    let day = if after { day.tomorrow().ok()? } else { day };
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The place in `before`; a broken one is the beginning.
fn after(form: &Form) -> Option<After> {
    let (microseconds, id) = form.filled("before")?.split_once('.')?;
    let created_at = Timestamp::from_microsecond(microseconds.parse().ok()?).ok()?;
    Some(After { created_at, id: id.parse().ok()? })
}

pub fn groups(chosen: Option<&'static Group>) -> Vec<Choice> {
    let choice = |group: &Group| Choice {
        value: group.word.to_owned(),
        label: group.label.to_owned(),
        is_chosen: chosen.is_some_and(|it| it.word == group.word),
    };
    GROUPS.iter().map(choice).collect()
}

pub fn row(entry: Entry, now: Timestamp) -> AuditRow {
    let mut facts = vec![("Event", entry.kind.clone())];
    for (label, value) in [("Before", &entry.before), ("After", &entry.after), ("Besides", &entry.data)] {
        if let Some(value) = value {
            facts.push((label, pretty(value)));
        }
    }
    if let Some(grant_id) = entry.grant_id {
        facts.push(("Grant", grant_id.to_string()));
    }
    facts.push(("Request", text::shown(&entry.request_id, 60)));
    let address = entry.data.as_ref().and_then(|data| data.get("address")).and_then(Json::as_str);
    AuditRow {
        at: When::at(entry.created_at, now),
        sentence: text::shown(&sentence(&entry), 300),
        tone: tone(&entry),
        person: entry.person.as_ref().map(|it| text::shown(&it.name, 60)),
        app: entry.client.as_ref().map(|it| (it.id, text::shown(&it.name, 60))),
        address: address.map(|it| text::shown(it, 60)),
        facts,
    }
}

/// On several lines, bounded.
fn pretty(value: &Json) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let lines: Vec<String> = text.lines().take(60).map(|line| line.chars().take(400).collect()).collect();
    lines.join("\n")
}
