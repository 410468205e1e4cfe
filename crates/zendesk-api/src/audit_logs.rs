//! `/api/v2/audit_logs`: what was changed in the account, by whom (Zendesk contract, `resources.audit_logs`).
//!
//! The daily work on tickets is not in it. Addresses that changes came from are not kept.

use axum::extract::State;
use axum::http::StatusCode;
use endpoint::{App, May, Routes};
use helpdesk::audit::{self, Entry, Which};
use helpdesk::jobs::lists::{self, AuditFilter};
use helpdesk::page::{Page, Slice};
use scope::permit::CanRead;
use scope::resource::AuditLog;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::condition_definitions::said;
use crate::error::ZendeskError;
use crate::page::Asked;
use crate::query::Params;
use crate::time::{self, format};
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/audit_logs", list)
        .post("/api/v2/audit_logs/export", export)
        .get("/api/v2/audit_logs/{audit_log_id}", show)
}

/// Whom the system is.
const SYSTEM_ID: i64 = -1;

/// The vendor's words for kinds of objects, and ours. Any other is our own in small letters.
const TYPES: &[(&str, &str)] = &[("apitoken", "ApiKey"), ("group", "Team"), ("oauth client", "App")];

/// What was done, by the ends of our kinds of events. Anything else is an update.
const ACTIONS: &[(&str, &[&str])] = &[
    ("create", &["-created", "-added"]),
    ("destroy", &["-deleted", "-removed", "-revoked"]),
    ("login", &["-logged-in"]),
    ("update", &["-updated", "-changed", "-rotated", "-enabled", "-disabled", "-deactivated", "-reactivated"]),
];

/// `GET /api/v2/audit_logs`: the newest first.
pub async fn list(State(app): State<App>, May(may): May<CanRead<AuditLog>>, params: Params) -> Answer {
    let asked = Asked::read_falling(&params, "audit logs", &["created_at"], true)?;
    if params.one("filter[ip_address]").is_some() {
        // No change is known to come from any address.
        let nothing = Page { items: Vec::<Entry>::new(), before: None, after: None, total: Some(0) };
        return Ok(Reply::ok(Value::Object(asked.body("audit_logs", nothing, |it| view(&params.site, &it)))));
    }
    let filter = read_filter(&params)?;
    let ends: Option<Vec<&str>> = filter.kinds_end.as_ref().map(|ends| ends.iter().map(String::as_str).collect());
    let which = Which {
        object_type: filter.object_type.as_deref(),
        object_id: filter.object_id,
        person_id: filter.person_id,
        by_workers: filter.by_workers,
        kinds_end: ends.as_deref(),
        from: filter.from,
        until: filter.until,
        ..Which::default()
    };
    let mut tx = app.db.read().await?;
    let page = audit::page(&mut tx, &may, &which, asked.descending, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("audit_logs", page, |it| view(&params.site, &it)))))
}

/// `POST /api/v2/audit_logs/export`: a file among the jobs of the account.
pub async fn export(State(app): State<App>, May(may): May<CanRead<AuditLog>>, params: Params) -> Answer {
    if params.one("filter[ip_address]").is_some() {
        return Err(bad("filter[ip_address] is not offered: no change is known to come from any address."));
    }
    let filter = read_filter(&params)?;
    let now = app.clock.now();
    transact!(app.db, |tx| lists::start_audit_log(tx, &may, now, filter.clone()).await)?;
    Ok(Reply { status: StatusCode::ACCEPTED, ..Reply::empty() })
}

/// What list and export are narrowed by.
fn read_filter(params: &Params) -> Result<AuditFilter, ZendeskError> {
    let actor_id = match params.one("filter[actor_id]") {
        Some(text) => Some(text.parse::<i64>().map_err(|_| bad("filter[actor_id] must be an integer."))?),
        None => None,
    };
    let (from, until) = span(params)?;
    let ends_of = |word: &str| {
        let ends = ACTIONS.iter().find(|(known, _)| *known == word).map_or(&[] as &[&str], |(_, ends)| *ends);
        ends.iter().map(|end| (*end).to_owned()).collect()
    };
    Ok(AuditFilter {
        object_type: params.text("filter[source_type]")?.map(|word| type_stored(&word)),
        object_id: params.id("filter[source_id]")?,
        person_id: actor_id.filter(|id| *id != SYSTEM_ID),
        by_workers: actor_id == Some(SYSTEM_ID),
        kinds_end: params.one("filter[action]").map(ends_of),
        from,
        until,
    })
}

type Span = (Option<jiff::Timestamp>, Option<jiff::Timestamp>);

/// `filter[created_at][]`, given twice: from and until.
fn span(params: &Params) -> Result<Span, ZendeskError> {
    let sent = params.list("filter[created_at]");
    match sent.as_slice() {
        [] => Ok((None, None)),
        [from, until] => {
            let at = |text: &str| time::parse(text).ok_or_else(|| bad("filter[created_at] must be two times."));
            Ok((Some(at(from)?), Some(at(until)?)))
        }
        _ => Err(bad("filter[created_at] must be two times.")),
    }
}

fn bad(problem: &str) -> ZendeskError {
    ZendeskError::bad_request(problem)
}

/// `GET /api/v2/audit_logs/{audit_log_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<AuditLog>>, Id(id): Id, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let which = Which { id: Some(id), ..Which::default() };
    let found = audit::page(&mut tx, &may, &which, true, &Slice { limit: 1, from: None }).await?.items.pop();
    let found = found.ok_or_else(ZendeskError::not_found)?;
    Ok(Reply::one("audit_log", view(&params.site, &found)))
}

/// `rule`, `oauth client`; of our own kinds `signing_key`.
fn type_shown(stored: &str) -> String {
    if let Some((word, _)) = TYPES.iter().find(|(_, known)| *known == stored) {
        return (*word).to_owned();
    }
    let mut word = String::new();
    for c in stored.chars() {
        if c.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(c.to_lowercase());
    }
    word
}

fn type_stored(shown: &str) -> String {
    if let Some((_, stored)) = TYPES.iter().find(|(word, _)| *word == shown) {
        return (*stored).to_owned();
    }
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    shown.split('_').map(capital).collect()
}

fn action(kind: &str) -> &'static str {
    let known = ACTIONS.iter().find(|(_, ends)| ends.iter().any(|end| kind.ends_with(end)));
    known.map_or("update", |(word, _)| *word)
}

fn view(site: &Site, entry: &Entry) -> Value {
    let actor = entry.impersonator.as_ref().or(entry.person.as_ref());
    let source_type = type_shown(&entry.object_type);
    let label = entry.object_name.clone().unwrap_or_else(|| format!("{} {}", said(&source_type), entry.object_id));
    json!({
        "id": entry.id,
        "url": site.url(&format!("audit_logs/{}", entry.id)),
        "action": action(&entry.kind),
        "action_label": said(&entry.kind.replace('-', " ")),
        "actor_id": actor.map_or(SYSTEM_ID, |actor| actor.id),
        "actor_name": actor.map_or("System", |actor| actor.name.as_str()),
        "change_description": change(entry),
        "ip_address": null,
        "source_id": entry.object_id,
        "source_label": label,
        "source_type": source_type,
        "created_at": format(entry.created_at),
    })
}

/// The names of what changed.
fn change(entry: &Entry) -> Option<String> {
    let names = |value: &Option<Value>| -> Vec<String> {
        value
            .as_ref()
            .and_then(Value::as_object)
            .map(|it| it.keys().map(|name| said(name)).collect())
            .unwrap_or_default()
    };
    let mut changed = names(&entry.after);
    changed.extend(names(&entry.before));
    changed.sort();
    changed.dedup();
    (!changed.is_empty()).then(|| changed.join(", "))
}
