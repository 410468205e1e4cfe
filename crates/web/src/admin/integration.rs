//! `/admin/integrations/{id}`: one integration: how its call is written, a key to sign it, a call to try it, and its last calls.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, integration_secrets};
use helpdesk::Error;
use helpdesk::integrations::deliveries;
use helpdesk::integrations::request::{self, Http};
use helpdesk::integrations::{self, Changes, Integration, NewIntegration, triggers};
use helpdesk::page::Slice;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Apps, Integrations};
use serde_json::Value;
use store::transact;

use super::deliveries::{CallRow, call_row};
use super::integrations::{Shown, shown};
use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Calls shown beside the form.
const CALLS: usize = 10;
const SECRET_LETTERS: usize = 40;

#[derive(Template)]
#[template(path = "admin/integration.html")]
pub struct Show {
    pub frame: Frame,
    pub form: Form,
    /// None: a new one.
    pub known: Option<Known>,
    pub triggers: Vec<Trigger>,
}

/// What there is about one that exists.
pub struct Known {
    pub id: i64,
    pub is_http: bool,
    pub is_on: bool,
    pub kind: String,
    pub app_id: Option<String>,
    pub state: Shown,
    pub last_error: Option<String>,
    pub has_secret: bool,
    /// Just made; never shown again.
    pub new_secret: Option<String>,
    pub calls: Vec<CallRow>,
}

pub struct Trigger {
    pub word: &'static str,
    pub label: &'static str,
    pub is_chosen: bool,
}

impl Show {
    /// Whether it is called: the others have only a name.
    fn is_http(&self) -> bool {
        self.known.as_ref().is_none_or(|known| known.is_http)
    }
}

const LABELS: [(&str, &str); 8] = [
    ("ticket-created", "A ticket is created"),
    ("ticket-updated", "A ticket is changed"),
    ("ticket-message-created", "A message is added"),
    ("ticket-message-failed", "A message cannot be delivered"),
    ("ticket-assignment-updated", "A ticket is assigned or given up"),
    ("ticket-status-updated", "A ticket is closed or opened again"),
    ("ticket-self-unsnoozed", "A snoozed ticket wakes up"),
    ("ticket-handed-over", "An AI agent hands a ticket over"),
];

/// An unknown one stays as it is.
pub fn trigger_in_words(word: &str) -> &str {
    LABELS.iter().find(|(trigger, _)| *trigger == word).map_or(word, |(_, label)| label)
}

/// `GET /admin/integrations/new`
pub async fn new(
    State(app): State<App>,
    _may: BySession<CanWrite<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
) -> Response {
    let form =
        Form::new(vec![("method".to_owned(), "POST".to_owned()), ("trigger".to_owned(), "ticket-created".to_owned())]);
    answer_new(&app, &visitor, StatusCode::OK, form).await
}

/// `POST /admin/integrations`
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    if let Some(http) = read_http(&mut form) {
        let new = NewIntegration {
            name: form.value("name").trim().to_owned(),
            description: form.filled("description").map(str::to_owned),
            http,
            ..NewIntegration::default()
        };
        let now = app.clock.now();
        match transact!(app.db, |tx| integrations::create(tx, &may, now, &new).await) {
            Ok(made) => return see_other(&format!("/admin/integrations/{}?done=integration-made", made.id)),
            Err(Error::Invalid { field, problem }) => form.refuse(element(&field), problem),
            Err(error) => return errors::helpdesk(&error),
        }
    }
    answer_new(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form).await
}

/// `GET /admin/integrations/{id}`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    answer(&app, &may, &visitor, id, Sent { done: done(&query), ..Sent::default() }).await
}

/// `POST /admin/integrations/{id}`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    BySession(may_read): BySession<CanRead<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let is_http = form.value("is_http") == "on";
    let http = if is_http { read_http(&mut form) } else { None };
    if !is_http || http.is_some() {
        let changes = Changes {
            name: Some(form.value("name").trim().to_owned()),
            description: Some(form.filled("description").map(str::to_owned)),
            http: http.map(changes_to),
            ..Changes::default()
        };
        let now = app.clock.now();
        match transact!(app.db, |tx| integrations::update(tx, &may, now, id, &changes).await) {
            Ok(_) => return see_other(&format!("/admin/integrations/{id}?done=saved")),
            Err(Error::Invalid { field, problem }) => form.refuse(element(&field), problem),
            Err(error) => return errors::helpdesk(&error),
        }
    }
    answer(&app, &may_read, &visitor, id, Sent { form: Some(form), ..Sent::default() }).await
}

/// `POST /admin/integrations/{id}/switch`
pub async fn switch(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let now = app.clock.now();
    let is_on = posted.form.value("to") == "on";
    let changes = Changes { deactivated_at: Some((!is_on).then_some(now)), ..Changes::default() };
    match transact!(app.db, |tx| integrations::update(tx, &may, now, id, &changes).await) {
        Ok(_) => {
            let done = if is_on { "integration-on" } else { "integration-off" };
            see_other(&format!("/admin/integrations/{id}?done={done}"))
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/integrations/{id}/secret`. Answers with the page itself: a new key is nowhere but in this answer.
pub async fn secret(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    BySession(may_read): BySession<CanRead<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let now = app.clock.now();
    let secret = (posted.form.value("to") == "new").then(|| app.random.letters(SECRET_LETTERS));
    let sealed = match secret.as_deref().map(|secret| integration_secrets::seal(&app, id, secret)).transpose() {
        Ok(sealed) => sealed,
        Err(error) => return errors::helpdesk(&error),
    };
    let kept = transact!(app.db, |tx| integrations::set_secret(tx, &may, now, id, sealed.as_deref()).await);
    match (kept, secret) {
        (Ok(_), None) => see_other(&format!("/admin/integrations/{id}?done=unsigned")),
        (Ok(_), new_secret) => {
            answer(&app, &may_read, &posted.visitor, id, Sent { new_secret, ..Sent::default() }).await
        }
        (Err(error), _) => errors::helpdesk(&error),
    }
}

/// `POST /admin/integrations/{id}/test`: calls it about the newest ticket, whatever its triggers.
pub async fn test(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| deliveries::test(tx, &may, now, id).await) {
        Ok(delivery_id) => see_other(&format!("/admin/deliveries/{delivery_id}?done=called")),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/integrations/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Integrations>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    let now = app.clock.now();
    match transact!(app.db, |tx| integrations::delete(tx, &may, now, id).await) {
        Ok(()) => see_other("/admin/integrations?done=integration-deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn answer_new(app: &App, visitor: &Visitor, status: StatusCode, form: Form) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let Some(mut frame) = visitor.frame(account, Section::Integrations, "New integration") else {
        return see_other("/login");
    };
    frame.crumbs = vec![to_integrations()];
    let triggers = triggers_of(&form);
    page(status, &Show { frame, form, known: None, triggers })
}

/// What a form has led to.
#[derive(Default)]
struct Sent {
    /// With its problems.
    form: Option<Form>,
    new_secret: Option<String>,
    done: Option<&'static str>,
}

async fn answer(app: &App, may: &CanRead<Integrations>, visitor: &Visitor, id: i64, sent: Sent) -> Response {
    let status = if sent.form.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    match read(app, may, visitor, id, sent).await {
        Ok(Some(found)) => page(status, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn read(
    app: &App,
    may: &CanRead<Integrations>,
    visitor: &Visitor,
    id: i64,
    sent: Sent,
) -> Result<Option<Show>, Error> {
    let account = account::name(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let integration = integrations::find(&mut tx, may, id).await?;
    let filter = deliveries::Filter { integration_id: Some(id), state: None };
    let calls = deliveries::list(&mut tx, may, filter, &Slice { limit: CALLS, from: None }).await?;
    let Some(mut frame) = visitor.frame(account, Section::Integrations, &text::shown(&integration.name, 80)) else {
        return Ok(None);
    };
    frame.crumbs = vec![to_integrations()];
    frame.done = sent.done;
    let form = sent.form.unwrap_or_else(|| filled(&integration));
    let known = Known {
        id,
        is_http: integration.http.is_some(),
        is_on: integration.deactivated_at.is_none(),
        kind: integration.kind.clone(),
        app_id: integration.app_id.clone(),
        state: shown(&integration, now),
        last_error: integration.health.last_error.clone(),
        has_secret: integration.has_secret,
        new_secret: sent.new_secret,
        calls: calls.items.iter().map(|call| call_row(call, None, now)).collect(),
    };
    let triggers = triggers_of(&form);
    Ok(Some(Show { frame, form, known: Some(known), triggers }))
}

fn to_integrations() -> Crumb {
    Crumb { href: "/admin/integrations".to_owned(), label: "Integrations".to_owned() }
}

fn triggers_of(form: &Form) -> Vec<Trigger> {
    let chosen = form.all("trigger");
    LABELS.iter().map(|&(word, label)| Trigger { word, label, is_chosen: chosen.contains(&word) }).collect()
}

fn filled(it: &Integration) -> Form {
    let mut values = vec![
        ("name".to_owned(), it.name.clone()),
        ("description".to_owned(), it.description.clone().unwrap_or_default()),
    ];
    if let Some(http) = &it.http {
        let headers: Vec<String> = http.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let form = http.form.as_ref().and_then(|form| serde_json::to_string_pretty(form).ok());
        values.extend([
            ("url".to_owned(), http.url.clone()),
            ("method".to_owned(), http.method.clone()),
            ("content_type".to_owned(), http.request_content_type.clone()),
            ("headers".to_owned(), headers.join("\n")),
            ("form".to_owned(), form.unwrap_or_default()),
        ]);
        values.extend(http.triggers.iter().map(|trigger| ("trigger".to_owned(), trigger.clone())));
    }
    Form::new(values)
}

/// None if the form must be mended first.
fn read_http(form: &mut Form) -> Option<Http> {
    let mut headers = BTreeMap::new();
    let typed = form.value("headers").to_owned();
    for line in typed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((name, value)) => {
                headers.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            None => form.refuse("headers", format!("“{}” is not a header: write Name: value.", text::shown(line, 40))),
        }
    }
    let body = match form.filled("form").map(serde_json::from_str::<Value>) {
        None => None,
        Some(Ok(body)) => Some(body),
        Some(Err(_)) => {
            form.refuse("form", "This is no JSON. Texts in it stand in double quotes.");
            None
        }
    };
    let chosen: BTreeSet<String> =
        form.all("trigger").into_iter().filter_map(triggers::word).map(str::to_owned).collect();
    let http = Http {
        url: form.value("url").trim().to_owned(),
        method: form.value("method").to_owned(),
        request_content_type: form.filled("content_type").unwrap_or(request::JSON).to_owned(),
        form: body,
        headers,
        triggers: chosen,
        ..Http::default()
    };
    form.problems.is_empty().then_some(http)
}

/// Everything as the form says, but for what it does not show.
fn changes_to(http: Http) -> request::Changes {
    let triggers = triggers::TRIGGERS.iter().map(|word| ((*word).to_owned(), http.triggers.contains(*word))).collect();
    request::Changes {
        url: Some(http.url),
        method: Some(http.method),
        request_content_type: Some(http.request_content_type),
        form: Some(http.form),
        headers: Some(http.headers),
        triggers,
        ..request::Changes::default()
    }
}

/// The form's element for a field of the domain.
fn element(field: &str) -> &'static str {
    match field {
        "http.url" => "url",
        "http.method" => "method",
        "http.request_content_type" => "content_type",
        "http.headers" => "headers",
        "http.form" => "form",
        "description" => "description",
        _ => "name",
    }
}
