//! What stands in front of a mock's account: faults, the record of requests, and the calls below `/_mock/`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::body::{self, Body, Bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as JsonBody, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::faults::{Fate, Fault, Faults, fits};
use super::running::Running;
use super::{Fixtures, Plan};
use crate::worker;

/// Most requests that are remembered; older ones are forgotten.
const SEEN_MAX: usize = 1_000;
/// As much of a body as is remembered, in bytes.
const BODY_KEPT_BYTES: usize = 16 * 1024;
/// Largest body of a request.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A mock that answers. Cheap to clone.
#[derive(Clone)]
pub struct Mock(Arc<Inner>);

struct Inner {
    plan: Mutex<Plan>,
    running: RwLock<Arc<Running>>,
    faults: Mutex<Faults>,
    seen: Mutex<VecDeque<Seen>>,
}

/// A request as it came. Credentials are not in it.
#[derive(Debug, Clone, Serialize)]
struct Seen {
    at: Timestamp,
    method: String,
    path: String,
    /// Decoded; an access token in it is left out.
    query: Vec<(String, String)>,
    /// `Bearer`, `Basic` or what else stood in front of the credentials.
    authorization: Option<String>,
    headers: Vec<(String, String)>,
    /// JSON, or the text of anything else that is text.
    body: Json,
    status: u16,
    fault: Option<&'static str>,
}

/// Headers that tests ask about.
const HEADERS_KEPT: [&str; 6] =
    ["accept", "content-type", "idempotency-key", "if-none-match", "user-agent", "x-on-behalf-of"];

impl Mock {
    pub async fn new(plan: Plan) -> anyhow::Result<Mock> {
        let running = Running::start(&plan).await?;
        let faults = Faults::new(Vec::new(), plan.seed);
        Ok(Mock(Arc::new(Inner {
            plan: Mutex::new(plan),
            running: RwLock::new(Arc::new(running)),
            faults: Mutex::new(faults),
            seen: Mutex::default(),
        })))
    }

    pub fn router(&self) -> Router {
        let control = Router::new()
            .route("/_mock", get(show))
            .route("/_mock/reset", post(reset))
            .route("/_mock/requests", get(list_requests).delete(forget_requests))
            .route("/_mock/clock", get(show_clock).post(move_clock))
            .route("/_mock/faults", get(list_faults).put(put_faults).post(add_fault).delete(clear_faults))
            .route("/_mock/tokens", post(mint));
        control.fallback(pass).with_state(self.clone())
    }

    /// What tests need to know, as one object.
    pub fn facts(&self) -> Json {
        let plan = held(&self.0.plan).clone();
        self.running().facts(&plan)
    }

    pub async fn end(self) {
        let running = self.running();
        running.stop();
        drop(self);
        if let Some(running) = Arc::into_inner(running) {
            running.end().await;
        }
    }

    fn running(&self) -> Arc<Running> {
        self.0.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, seen: Seen) {
        let mut all = held(&self.0.seen);
        if all.len() == SEEN_MAX {
            all.pop_front();
        }
        all.push_back(seen);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that is not below `/_mock`.
async fn pass(State(mock): State<Mock>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(bytes) = body::to_bytes(body, BODY_MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    // Everything here may be known by everybody, so plain http will do, from other machines too.
    parts.extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 0))));
    let running = mock.running();
    let at = running.app.clock.now();
    let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
    let fault = held(&mock.0.faults).strike(&method, uri.path());
    let fate = fault.as_ref().map(|fault| fault.fate(uri.path()));
    let response = match fate {
        Some(Fate::Failed(response)) => response,
        other => {
            if let Some(Fate::Late(wait)) = other {
                tokio::time::sleep(wait).await;
            }
            let request = Request::from_parts(parts, Body::from(bytes.clone()));
            match running.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    mock.note(Seen {
        at,
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: query_of(uri.query().unwrap_or_default()),
        authorization: scheme_of(&headers),
        headers: kept(&headers),
        body: body_of(&bytes),
        status: response.status().as_u16(),
        fault: fault.map(|fault| fault.kind.word()),
    });
    response
}

fn query_of(query: &str) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    pairs.filter(|(name, _)| name != "access_token").collect()
}

fn scheme_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(value.split(' ').next().unwrap_or_default().to_owned())
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let values = HEADERS_KEPT.iter().filter_map(|name| Some((*name, headers.get(*name)?.to_str().ok()?)));
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn body_of(bytes: &Bytes) -> Json {
    if bytes.is_empty() || BODY_KEPT_BYTES < bytes.len() {
        return Json::Null;
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(_) => str::from_utf8(bytes).map_or(Json::Null, |text| json!(text)),
    }
}

type Told = Result<JsonBody<Json>, (StatusCode, JsonBody<Json>)>;

fn refused(status: StatusCode, text: impl std::fmt::Display) -> (StatusCode, JsonBody<Json>) {
    (status, JsonBody(json!({ "error": text.to_string() })))
}

fn wrong(text: impl std::fmt::Display) -> (StatusCode, JsonBody<Json>) {
    refused(StatusCode::BAD_REQUEST, text)
}

/// A body of JSON; an empty one is an empty object.
fn read<T: serde::de::DeserializeOwned>(bytes: &Bytes) -> Result<T, (StatusCode, JsonBody<Json>)> {
    let text = if bytes.is_empty() { b"{}".as_slice() } else { bytes };
    serde_json::from_slice(text).map_err(wrong)
}

/// `GET /_mock`
async fn show(State(mock): State<Mock>) -> JsonBody<Json> {
    let mut facts = mock.facts();
    let running = mock.running();
    facts["now"] = json!(running.app.clock.now());
    facts["clock"] = json!(if held(&mock.0.plan).now.is_some() { "stopped" } else { "running" });
    facts["faults"] = json!(held(&mock.0.faults).rules());
    JsonBody(facts)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// In place of the file's, from now on.
    fixtures: Option<Fixtures>,
    now: Option<Timestamp>,
}

/// `POST /_mock/reset`: as it was at the start, with other fixtures and another time if they are sent.
async fn reset(State(mock): State<Mock>, bytes: Bytes) -> Told {
    let sent: Reset = read(&bytes)?;
    let mut plan = held(&mock.0.plan).clone();
    plan.fixtures = sent.fixtures.unwrap_or(plan.fixtures);
    plan.now = sent.now.or(plan.now);
    let running = Running::start(&plan).await.map_err(|error| wrong(format!("{error:#}")))?;
    let old = {
        let mut current = mock.0.running.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(running))
    };
    old.stop();
    *held(&mock.0.faults) = Faults::new(Vec::new(), plan.seed);
    held(&mock.0.seen).clear();
    *held(&mock.0.plan) = plan;
    if let Some(old) = Arc::into_inner(old) {
        old.end().await;
    }
    Ok(show(State(mock)).await)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    method: Option<String>,
    /// A pattern as in faults.
    path: Option<String>,
}

/// `GET /_mock/requests`: the last thousand, oldest first.
async fn list_requests(State(mock): State<Mock>, Query(which): Query<Which>) -> JsonBody<Json> {
    let is_asked = |seen: &&Seen| {
        which.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&seen.method))
            && which.path.as_ref().is_none_or(|path| fits(path, &seen.path))
    };
    let seen: Vec<Seen> = held(&mock.0.seen).iter().filter(is_asked).cloned().collect();
    JsonBody(json!({ "requests": seen }))
}

/// `DELETE /_mock/requests`
async fn forget_requests(State(mock): State<Mock>) -> StatusCode {
    held(&mock.0.seen).clear();
    StatusCode::NO_CONTENT
}

/// `GET /_mock/clock`
async fn show_clock(State(mock): State<Mock>) -> JsonBody<Json> {
    JsonBody(json!({ "now": mock.running().app.clock.now() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    now: Option<Timestamp>,
    advance_seconds: Option<u64>,
}

/// `POST /_mock/clock`: to a time, or on by so many seconds. Jobs that are due then have run when it answers.
async fn move_clock(State(mock): State<Mock>, bytes: Bytes) -> Told {
    let sent: Move = read(&bytes)?;
    if held(&mock.0.plan).now.is_none() {
        return Err(refused(
            StatusCode::CONFLICT,
            "The clock runs. Start the mock with --now, or reset it with a now.",
        ));
    }
    let running = mock.running();
    match (sent.now, sent.advance_seconds) {
        (Some(now), None) => running.app.clock.set(now),
        (None, Some(seconds)) => running.app.clock.advance(Duration::from_secs(seconds)),
        _ => return Err(wrong("Send either now or advance_seconds.")),
    }
    let ran = worker::run_due(&running.app).await;
    ran.map_err(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
    Ok(show_clock(State(mock)).await)
}

/// `GET /_mock/faults`
async fn list_faults(State(mock): State<Mock>) -> JsonBody<Json> {
    JsonBody(json!({ "faults": held(&mock.0.faults).rules() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    faults: Vec<Fault>,
}

/// `PUT /_mock/faults`: these and no others.
async fn put_faults(State(mock): State<Mock>, bytes: Bytes) -> Told {
    let Rules { faults } = read(&bytes)?;
    if let Some(problem) = faults.iter().find_map(Fault::problem) {
        return Err(wrong(problem));
    }
    let seed = held(&mock.0.plan).seed;
    *held(&mock.0.faults) = Faults::new(faults, seed);
    Ok(list_faults(State(mock)).await)
}

/// `POST /_mock/faults`: one more, behind the others.
async fn add_fault(State(mock): State<Mock>, bytes: Bytes) -> Told {
    let fault: Fault = read(&bytes)?;
    if let Some(problem) = fault.problem() {
        return Err(wrong(problem));
    }
    held(&mock.0.faults).add(fault);
    Ok(list_faults(State(mock)).await)
}

/// `DELETE /_mock/faults`
async fn clear_faults(State(mock): State<Mock>) -> StatusCode {
    let seed = held(&mock.0.plan).seed;
    *held(&mock.0.faults) = Faults::new(Vec::new(), seed);
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    /// An address.
    person: String,
    /// With spaces between.
    scopes: String,
    /// Default: the first app.
    client_id: Option<String>,
    /// Default: ten years.
    expires_in: Option<i64>,
}

/// `POST /_mock/tokens`: an access token for somebody, without their consent.
async fn mint(State(mock): State<Mock>, bytes: Bytes) -> Told {
    let sent: Mint = read(&bytes)?;
    let running = mock.running();
    let first = running.clients.first().map(|(client, _)| client.client_id.clone());
    let client_id = sent.client_id.or(first).ok_or_else(|| wrong("The fixtures have no app."))?;
    let words: Vec<String> = sent.scopes.split_whitespace().map(str::to_owned).collect();
    let token = running.mint(&client_id, &sent.person, &words, sent.expires_in).await.map_err(wrong)?;
    Ok(JsonBody(json!({ "access_token": token, "scope": sent.scopes, "client_id": client_id })))
}
