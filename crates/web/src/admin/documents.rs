//! `/admin/documents`: whose client metadata documents count, and the apps that came with one (CM-7).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use oauth::client_document::settings::{self, BYTES_MAX, Mode, Settings};
use oauth::client_document::{self, DocumentClient};
use oauth::clients::Approval;
use oauth::provider_settings;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Apps on the page.
const LIMIT: usize = 100;
/// Smallest size a document may be limited to, in bytes.
const BYTES_MIN: usize = 1024;

#[derive(Template)]
#[template(path = "admin/documents.html")]
pub struct Documents {
    pub frame: Frame,
    pub form: Form,
    pub modes: Vec<ModeChoice>,
    pub apps: Vec<Row>,
    pub has_more: bool,
}

pub struct ModeChoice {
    pub value: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub is_chosen: bool,
}

pub struct Row {
    pub id: i64,
    pub name: String,
    pub address: String,
    pub approval: Approval,
    pub created: When,
}

/// `GET /admin/documents`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let now = match stored(&app).await {
        Ok(settings) => settings,
        Err(error) => return errors::helpdesk(&error),
    };
    let form = Form::new(vec![
        ("mode".to_owned(), now.mode.word().to_owned()),
        ("allowed_hosts".to_owned(), now.allowed_hosts.join("\n")),
        ("denied_hosts".to_owned(), now.denied_hosts.join("\n")),
        ("limit_bytes".to_owned(), now.limit_bytes.to_string()),
        ("with_query".to_owned(), if now.with_query { "yes" } else { "" }.to_owned()),
    ]);
    match Documents::read(&app, &may, &visitor, form).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/documents`
pub async fn save(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let Some(settings) = read(&mut form) else {
        return match Documents::read(&app, &may_read, &visitor, form).await {
            Ok(Some(refused)) => page(StatusCode::UNPROCESSABLE_ENTITY, &refused),
            Ok(None) => see_other("/login"),
            Err(error) => errors::helpdesk(&error),
        };
    };
    match app.provider.put_setting(&may, settings::NAME, &settings).await {
        Ok(()) => see_other("/admin/documents?done=saved"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/documents/{id}/approve`
pub async fn approve(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    after(app.provider.decide_on_client(&may, id, Approval::Approved).await, "let-in")
}

/// `POST /admin/documents/{id}/refuse`
pub async fn refuse(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    after(app.provider.decide_on_client(&may, id, Approval::Refused).await, "refused")
}

fn after(result: Result<(), Error>, done: &str) -> Response {
    match result {
        Ok(()) => see_other(&format!("/admin/documents?done={done}")),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn stored(app: &App) -> Result<Settings, Error> {
    let mut tx = app.db.read().await?;
    Ok(provider_settings::read(&mut tx, settings::NAME).await?)
}

/// What the form says; none if it must be mended first.
fn read(form: &mut Form) -> Option<Settings> {
    let mode = Mode::parse(form.value("mode"));
    let allowed_hosts = settings::hosts(form.value("allowed_hosts"));
    let denied_hosts = settings::hosts(form.value("denied_hosts"));
    let limit_bytes = form.value("limit_bytes").trim().parse::<usize>().ok();
    let limit_bytes = limit_bytes.filter(|bytes| (BYTES_MIN..=BYTES_MAX).contains(bytes));
    let with_query = form.value("with_query") == "yes";
    if mode.is_none() {
        form.refuse("mode", "Choose which apps count.");
    }
    for (field, hosts) in [("allowed_hosts", &allowed_hosts), ("denied_hosts", &denied_hosts)] {
        if let Err(bad) = hosts {
            form.refuse(field, format!("{bad} is not the name of a host, such as agent.example."));
        }
    }
    if limit_bytes.is_none() {
        form.refuse("limit_bytes", format!("The size must be a number from {BYTES_MIN} to {BYTES_MAX}."));
    }
    Some(Settings {
        mode: mode?,
        allowed_hosts: allowed_hosts.ok()?,
        denied_hosts: denied_hosts.ok()?,
        with_query,
        limit_bytes: limit_bytes?,
    })
}

impl Documents {
    async fn read(app: &App, may: &CanRead<Apps>, visitor: &Visitor, form: Form) -> Result<Option<Documents>, Error> {
        let account = account::name(app).await?;
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
        let mut found = client_document::list(&mut tx, may, limit).await?;
        let has_more = LIMIT < found.len();
        found.truncate(LIMIT);
        // Who waits comes first.
        found.sort_by_key(|it| it.approval != Approval::Pending);
        let Some(frame) = visitor.frame(account, Section::Documents, "Self-described apps") else { return Ok(None) };
        let row = |client: DocumentClient| Row {
            id: client.id,
            name: text::shown(&client.name, 60),
            address: text::shown(&client.client_id, 120),
            approval: client.approval,
            created: When::at(client.created_at, now),
        };
        let chosen = form.value("mode").to_owned();
        Ok(Some(Documents { frame, modes: modes(&chosen), form, apps: found.into_iter().map(row).collect(), has_more }))
    }
}

pub fn modes(chosen: &str) -> Vec<ModeChoice> {
    let choice = |mode: Mode| {
        let (label, hint) = match mode {
            Mode::Off => ("None", "Every app must be registered here or register itself by other means."),
            Mode::AllowList => ("Only the hosts that are let in", "Everything else is turned away."),
            Mode::Approve => ("Each after an administrator let it in", "Until then nobody can connect it."),
            Mode::ApproveWrites => {
                ("Freely to read; to change things, after an administrator let it in", "The usual choice.")
            }
            Mode::Open => ("All", "People decide for themselves."),
        };
        ModeChoice { value: mode.word(), label, hint, is_chosen: mode.word() == chosen }
    };
    Mode::ALL.into_iter().map(choice).collect()
}
