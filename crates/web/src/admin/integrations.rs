//! `/admin/integrations`: what the account is connected with, and whether its calls go well.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use helpdesk::integrations::{self, DeactivatedBy, Integration, State as Going};
use helpdesk::page::{Direction, Key, Position, Slice};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Integrations};

use super::integration::trigger_in_words;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Integrations on one page.
const LIMIT: usize = 50;

#[derive(Template)]
#[template(path = "admin/integrations.html")]
pub struct List {
    pub frame: Frame,
    pub rows: Vec<IntegrationRow>,
    /// The place of the next page.
    pub before: Option<String>,
}

pub struct IntegrationRow {
    pub id: i64,
    pub name: String,
    /// Where it calls, or what it is.
    pub under: String,
    pub is_http: bool,
    /// In words.
    pub triggers: Vec<String>,
    pub state: Shown,
    pub last_call: When,
}

/// How it goes, as a badge and a sentence.
pub struct Shown {
    pub word: &'static str,
    /// The class of the badge.
    pub tone: &'static str,
    pub sentence: String,
}

/// `GET /admin/integrations`
pub async fn list(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match read(&app, &may, &visitor, query.filled("before")).await {
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
    may: &CanRead<Integrations>,
    visitor: &Visitor,
    before: Option<&str>,
) -> Result<Option<List>, Error> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let slice = Slice { limit: LIMIT, from: before.and_then(place_of) };
    let found = integrations::list(&mut tx, may, None, true, &slice).await?;
    let Some(frame) = visitor.frame(account, Section::Integrations, "Integrations") else { return Ok(None) };
    let before = found.after.as_deref().map(place);
    Ok(Some(List { frame, rows: found.items.iter().map(|it| row(it, now)).collect(), before }))
}

fn row(it: &Integration, now: Timestamp) -> IntegrationRow {
    let last = it.health.last_success_at.max(it.health.last_failure_at);
    IntegrationRow {
        id: it.id,
        name: text::shown(&it.name, 80),
        under: it
            .http
            .as_ref()
            .map_or_else(|| it.kind.clone(), |http| format!("{} {}", http.method, text::shown(&http.url, 80))),
        is_http: it.http.is_some(),
        triggers: it
            .http
            .iter()
            .flat_map(|http| http.triggers.iter().map(|word| trigger_in_words(word).to_owned()))
            .collect(),
        state: shown(it, now),
        last_call: When::or_never(last, now),
    }
}

pub fn shown(it: &Integration, now: Timestamp) -> Shown {
    let n = it.health.n_failures;
    let calls = if n == 1 { "The last call failed".to_owned() } else { format!("The last {n} calls failed") };
    match it.state(now) {
        Going::Healthy if it.health.last_success_at.is_none() => {
            Shown { word: "On", tone: "", sentence: "Nothing was called yet.".to_owned() }
        }
        Going::Healthy => Shown { word: "Healthy", tone: "good", sentence: "The last call went well.".to_owned() },
        Going::Failing => Shown { word: "Failing", tone: "warn", sentence: format!("{calls}.") },
        Going::Resting => Shown {
            word: "Paused",
            tone: "bad",
            sentence: format!("{calls}. Calls wait for a while, then one is tried."),
        },
        Going::Off => Shown {
            word: "Off",
            tone: "",
            sentence: match it.deactivated_by {
                None => "Somebody switched it off.".to_owned(),
                Some(DeactivatedBy::Failures) => "It was switched off after a hundred failures in a row.".to_owned(),
                Some(DeactivatedBy::App) => "The app that made it was uninstalled.".to_owned(),
            },
        },
    }
}

/// A place of a list by age for the address.
pub fn place(keys: &[Key]) -> String {
    let words: Vec<String> = keys
        .iter()
        .map(|key| match key {
            Key::Int(number) => number.to_string(),
            Key::Text(text) => text.clone(),
        })
        .collect();
    words.join(".")
}

/// A broken one is the beginning.
pub fn place_of(text: &str) -> Option<Position> {
    let (created_at, id) = text.split_once('.')?;
    let keys = vec![Key::Int(created_at.parse().ok()?), Key::Int(id.parse().ok()?)];
    Some(Position { keys, direction: Direction::After })
}
