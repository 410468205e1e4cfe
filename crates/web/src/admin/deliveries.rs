//! `/admin/deliveries`: the log of outgoing calls, what was sent and answered, and sending it once more.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::integrations::deliveries::{self, Delivery, Filter, State as Stands};
use helpdesk::integrations::{self, deliver};
use helpdesk::page::Slice;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Integrations};
use serde_json::Value;
use store::transact;

use super::audit::Choice;
use super::integration::trigger_in_words;
use super::integrations::{place, place_of};
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Calls on one page.
const LIMIT: usize = 50;
/// Integrations to choose from.
const CHOICES: usize = 100;

#[derive(Template)]
#[template(path = "admin/deliveries.html")]
pub struct Log {
    pub frame: Frame,
    pub integrations: Vec<Choice>,
    pub states: Vec<Choice>,
    pub is_filtered: bool,
    pub rows: Vec<CallRow>,
    /// The query of the next page.
    pub older: Option<String>,
}

pub struct CallRow {
    pub id: i64,
    /// What it was about.
    pub what: String,
    pub under: String,
    pub word: &'static str,
    /// The class of the badge.
    pub tone: &'static str,
    pub answer: String,
    pub attempts: i64,
    pub created: When,
}

#[derive(Template)]
#[template(path = "admin/delivery.html")]
pub struct One {
    pub frame: Frame,
    pub id: i64,
    pub row: CallRow,
    pub integration: Option<(i64, String)>,
    pub facts: Vec<(&'static str, Fact)>,
    pub request: Option<Said>,
    pub answer: Option<Said>,
    pub can_replay: bool,
    pub waits: bool,
}

pub enum Fact {
    Text(String),
    When(When),
    /// To another call.
    Call(i64),
}

/// One side of the exchange.
pub struct Said {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// `GET /admin/deliveries`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let filter = Filter {
        integration_id: query.filled("integration").and_then(|text| text.parse().ok()),
        state: query.filled("state").and_then(Stands::parse),
    };
    match read(&app, &may, &visitor, filter, query.filled("before")).await {
        Ok(Some(found)) => page(StatusCode::OK, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn read(
    app: &App,
    may: &CanRead<Integrations>,
    visitor: &Visitor,
    filter: Filter,
    before: Option<&str>,
) -> Result<Option<Log>, Error> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let slice = Slice { limit: LIMIT, from: before.and_then(place_of) };
    let calls = deliveries::list(&mut tx, may, filter, &slice).await?;
    let all = Slice { limit: CHOICES, from: None };
    let known = integrations::list(&mut tx, may, Some(integrations::HTTP), true, &all).await?.items;
    let Some(mut frame) = visitor.frame(account, Section::Integrations, "Calls") else { return Ok(None) };
    frame.crumbs = vec![to_integrations()];
    let name_of = |id: Option<i64>| known.iter().find(|it| Some(it.id) == id).map(|it| text::shown(&it.name, 60));
    let older = calls.after.as_deref().map(|keys| {
        let mut query = format!("before={}", place(keys));
        if let Some(id) = filter.integration_id {
            query.push_str(&format!("&integration={id}"));
        }
        if let Some(state) = filter.state {
            query.push_str(&format!("&state={}", state.word()));
        }
        query
    });
    Ok(Some(Log {
        frame,
        integrations: known
            .iter()
            .map(|it| Choice {
                value: it.id.to_string(),
                label: text::shown(&it.name, 60),
                is_chosen: filter.integration_id == Some(it.id),
            })
            .collect(),
        states: Stands::ALL
            .iter()
            .map(|state| Choice {
                value: state.word().to_owned(),
                label: tone_of(*state).0.to_owned(),
                is_chosen: filter.state == Some(*state),
            })
            .collect(),
        is_filtered: filter.integration_id.is_some() || filter.state.is_some(),
        rows: calls.items.iter().map(|call| call_row(call, name_of(call.integration_id), now)).collect(),
        older,
    }))
}

/// `GET /admin/deliveries/{id}`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match read_one(&app, &may, &visitor, id).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/deliveries/{id}/replay`
pub async fn replay(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| deliveries::replay(tx, &may, now, id).await) {
        Ok(new) => see_other(&format!("/admin/deliveries/{new}?done=called")),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn read_one(app: &App, may: &CanRead<Integrations>, visitor: &Visitor, id: i64) -> Result<Option<One>, Error> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let call = deliveries::find(&mut tx, may, id).await?;
    let integration = match call.integration_id {
        None => None,
        Some(integration_id) => match integrations::find(&mut tx, may, integration_id).await {
            Ok(found) => Some((found.id, text::shown(&found.name, 60))),
            // Deleted since.
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        },
    };
    let Some(mut frame) = visitor.frame(account, Section::Integrations, &format!("Call {id}")) else {
        return Ok(None);
    };
    frame.crumbs = vec![to_integrations(), Crumb { href: "/admin/deliveries".to_owned(), label: "Calls".to_owned() }];
    let waits = call.state == Stands::Waiting;
    Ok(Some(One {
        frame,
        id,
        row: call_row(&call, integration.as_ref().map(|it| it.1.clone()), now),
        facts: facts(&call, now),
        request: call.method.as_ref().map(|method| Said {
            line: format!("{method} {}", call.url.as_deref().unwrap_or_default()),
            headers: headers(call.request_headers.as_ref()),
            body: call.request_body.clone().unwrap_or_default(),
        }),
        answer: call.response_status.map(|status| Said {
            line: status.to_string(),
            headers: headers(call.response_headers.as_ref()),
            body: call.response_body.clone().unwrap_or_default(),
        }),
        can_replay: !waits && (integration.is_some() || call.integration_id.is_none()),
        waits,
        integration,
    }))
}

fn to_integrations() -> Crumb {
    Crumb { href: "/admin/integrations".to_owned(), label: "Integrations".to_owned() }
}

const fn tone_of(state: Stands) -> (&'static str, &'static str) {
    match state {
        Stands::Waiting => ("Waiting", "warn"),
        Stands::Delivered => ("Delivered", "good"),
        Stands::Failed => ("Failed", "bad"),
        Stands::Skipped => ("Left out", ""),
    }
}

/// `integration` is its name, where the page is about several.
pub fn call_row(call: &Delivery, integration: Option<String>, now: Timestamp) -> CallRow {
    let (word, tone) = tone_of(call.state);
    let about = call.ticket_id.map(|id| format!("ticket {id}"));
    let trigger =
        if call.trigger == deliver::TEST { "A trial".to_owned() } else { trigger_in_words(&call.trigger).to_owned() };
    let under: Vec<String> = [integration, about].into_iter().flatten().collect();
    CallRow {
        id: call.id,
        what: trigger,
        under: under.join(" · "),
        word,
        tone,
        answer: match (call.response_status, call.milliseconds, &call.error) {
            (Some(status), Some(milliseconds), _) => format!("{status} in {milliseconds} ms"),
            (_, _, Some(error)) => text::shown(error, 120),
            _ => "None yet".to_owned(),
        },
        attempts: call.attempts,
        created: When::at(call.created_at, now),
    }
}

fn facts(call: &Delivery, now: Timestamp) -> Vec<(&'static str, Fact)> {
    let mut facts = vec![
        ("Asked for", Fact::When(When::at(call.created_at, now))),
        ("Attempts", Fact::Text(call.attempts.to_string())),
    ];
    if let Some(at) = call.next_at.filter(|at| now < *at) {
        facts.push(("Tried again", Fact::When(When::at(at, now))));
    }
    if let Some(at) = call.finished_at {
        facts.push(("Over", Fact::When(When::at(at, now))));
    }
    if let Some(ticket_id) = call.ticket_id {
        facts.push(("Ticket", Fact::Text(ticket_id.to_string())));
    }
    if let Some(event_id) = call.event_id {
        facts.push(("Event", Fact::Text(event_id.to_string())));
    }
    if let Some(first) = call.replay_of {
        facts.push(("Repeats", Fact::Call(first)));
    }
    if let Some(error) = &call.error {
        facts.push(("Problem", Fact::Text(error.clone())));
    }
    facts
}

fn headers(stored: Option<&Value>) -> Vec<(String, String)> {
    let Some(Value::Object(object)) = stored else { return Vec::new() };
    object.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
