//! `/demo/webhooks`: a receiver of calls for the demo, and what arrived there. Exists nowhere else.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use endpoint::App;
use endpoint::sink::Arrived;

use crate::pages::page;
use crate::when::When;
use crate::{account, errors, text};

/// The path whose calls fail for now and are tried again, so that there is something to look at.
const BROKEN: &str = "broken";
/// The path where nobody is any more: such calls are given up at once.
const GONE: &str = "gone";
const BODY_MAX_CHARS: usize = 4_000;

#[derive(Template)]
#[template(path = "demo_webhooks.html")]
pub struct DemoWebhooks {
    pub account: String,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub trigger: String,
    pub is_signed: bool,
    pub at: When,
    pub body: String,
}

/// `GET /demo/webhooks`
pub async fn show(State(app): State<App>) -> Response {
    let Some(arrived) = app.sink.arrived() else { return StatusCode::NOT_FOUND.into_response() };
    let account = match account::name(&app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let now = app.clock.now();
    let rows = arrived.into_iter().map(|it| Row {
        name: text::shown(&it.name, 60),
        trigger: text::shown(&it.trigger, 60),
        is_signed: it.is_signed,
        at: When::at(it.at, now),
        body: it.body,
    });
    page(StatusCode::OK, &DemoWebhooks { account, rows: rows.collect() })
}

/// `POST /demo/webhooks/{name}`
pub async fn receive(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let (is_broken, is_gone) = (name == BROKEN, name == GONE);
    let arrived = Arrived {
        at: app.clock.now(),
        name,
        trigger: header("x-bailiwick-trigger"),
        is_signed: headers.contains_key("x-bailiwick-signature"),
        body: String::from_utf8_lossy(&body).chars().take(BODY_MAX_CHARS).collect(),
    };
    if app.sink.arrived().is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    if is_broken {
        return (StatusCode::SERVICE_UNAVAILABLE, "This one is always broken.").into_response();
    }
    if is_gone {
        return (StatusCode::GONE, "Nobody is here any more.").into_response();
    }
    app.sink.keep(arrived);
    axum::Json(serde_json::json!({ "ok": true })).into_response()
}
