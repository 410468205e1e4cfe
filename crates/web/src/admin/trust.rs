//! `/admin/trust`: whose word counts for signing people in without asking them (JB-1), and which apps may exchange tokens (TX-2).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use oauth::clients;
use oauth::resources::Target;
use oauth::trust::{self, NewExchangeRule, NewTrustedIssuer};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

/// Apps to choose from.
const APPS: i64 = 500;

#[derive(Template)]
#[template(path = "admin/trust.html")]
pub struct Trust {
    pub frame: Frame,
    pub form: Form,
    pub issuers: Vec<IssuerRow>,
    pub rules: Vec<RuleRow>,
    pub apps: Vec<AppChoice>,
    pub resources: Vec<ResourceChoice>,
}

pub struct IssuerRow {
    pub id: i64,
    pub name: String,
    pub issuer: String,
    /// Where its keys are.
    pub keys: String,
    /// The one app that may bring its word.
    pub app: Option<String>,
}

pub struct RuleRow {
    pub id: i64,
    pub app: String,
    /// The app whose tokens it exchanges; none: its own.
    pub subject: Option<String>,
    pub resource: &'static str,
    pub delegation: bool,
}

pub struct AppChoice {
    pub client_id: String,
    pub name: String,
}

pub struct ResourceChoice {
    pub identifier: String,
    pub label: &'static str,
}

/// `GET /admin/trust`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match Trust::read(&app, &may, &visitor, Form::default()).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/trust/issuers`
pub async fn add_issuer(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let keys = form.value("keys").trim().to_owned();
    let set = keys.starts_with('{').then(|| serde_json::from_str(&keys));
    let (jwks, jwks_uri) = match set {
        Some(Ok(set)) => (Some(set), None),
        Some(Err(_)) => {
            form.refuse("keys", "The keys are not readable: paste a whole JWK set, or the address where it is.");
            return again(&app, &may_read, &visitor, form).await;
        }
        None => (None, Some(keys).filter(|keys| !keys.is_empty())),
    };
    let new = NewTrustedIssuer {
        issuer: form.value("issuer").to_owned(),
        name: form.value("name").to_owned(),
        jwks,
        jwks_uri,
        client_id: form.filled("issuer_app").map(str::to_owned),
    };
    match app.provider.add_trusted_issuer(&may, new).await {
        Ok(_) => see_other("/admin/trust?done=trusted"),
        Err(error) => refused(&app, &may_read, &visitor, form, error).await,
    }
}

/// `POST /admin/trust/issuers/{id}/remove`
pub async fn remove_issuer(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.remove_trusted_issuer(&may, id).await {
        Ok(()) => see_other("/admin/trust?done=distrusted"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/trust/rules`
pub async fn add_rule(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, form } = posted;
    let new = NewExchangeRule {
        client_id: form.value("rule_app").to_owned(),
        subject_client_id: form.filled("subject_app").map(str::to_owned),
        resource: form.value("resource").to_owned(),
        delegation: form.value("delegation") == "on",
    };
    match app.provider.add_exchange_rule(&may, new).await {
        Ok(_) => see_other("/admin/trust?done=rule-added"),
        Err(error) => refused(&app, &may_read, &visitor, form, error).await,
    }
}

/// `POST /admin/trust/rules/{id}/remove`
pub async fn remove_rule(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.remove_exchange_rule(&may, id).await {
        Ok(()) => see_other("/admin/trust?done=rule-removed"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// The page again, with what has to be mended.
async fn refused(app: &App, may: &CanRead<Apps>, visitor: &Visitor, mut form: Form, error: Error) -> Response {
    let is_rule = !form.value("rule_app").is_empty() || !form.value("resource").is_empty();
    match error {
        Error::Taken { kind: "trusted issuer", .. } => form.refuse("issuer", "This issuer is trusted already."),
        Error::Taken { .. } => form.refuse("resource", "There is such a rule already."),
        Error::Invalid { field, problem } => {
            let element = match (field.as_ref(), is_rule) {
                ("issuer", _) => "issuer",
                ("name", _) => "name",
                ("client_id", false) => "issuer_app",
                ("client_id", true) => "rule_app",
                ("subject_client_id", _) => "subject_app",
                ("resource", _) => "resource",
                _ => "keys",
            };
            let is_unchosen = element == "rule_app" && form.value("rule_app").is_empty();
            form.refuse(element, if is_unchosen { "Choose an app.".to_owned() } else { text::sentence(&problem) });
        }
        error => return errors::helpdesk(&error),
    }
    again(app, may, visitor, form).await
}

async fn again(app: &App, may: &CanRead<Apps>, visitor: &Visitor, form: Form) -> Response {
    match Trust::read(app, may, visitor, form).await {
        Ok(Some(found)) => page(StatusCode::UNPROCESSABLE_ENTITY, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl Trust {
    async fn read(app: &App, may: &CanRead<Apps>, visitor: &Visitor, form: Form) -> Result<Option<Trust>, Error> {
        let account = account::name(app).await?;
        let issuer = &app.provider.config.issuer;
        let mut tx = app.db.read().await?;
        let issuers = trust::issuers(&mut tx, may).await?;
        let rules = trust::rules(&mut tx, may).await?;
        let clients = clients::list(&mut tx, may, None, None, APPS).await?;
        drop(tx);
        let Some(frame) = visitor.frame(account, Section::Trust, "Trust between systems") else { return Ok(None) };
        let shown = |name: String| text::shown(&name, 60);
        let issuers = issuers.into_iter().map(|it| IssuerRow {
            id: it.id,
            name: shown(it.name),
            issuer: text::shown(&it.issuer, 120),
            keys: it.jwks_uri.map_or_else(|| "pasted here".to_owned(), |uri| text::shown(&uri, 120)),
            app: it.client_name.map(shown),
        });
        let rules = rules.into_iter().map(|it| RuleRow {
            id: it.id,
            app: shown(it.client_name),
            subject: it.subject_client_name.map(shown),
            resource: Target::find(&it.resource, issuer).map_or("an address of before", label),
            delegation: it.delegation,
        });
        let apps = clients.into_iter().map(|it| AppChoice { client_id: it.client_id, name: shown(it.name) });
        let resources = Target::ALL.map(|it| ResourceChoice { identifier: it.identifier(issuer), label: label(it) });
        Ok(Some(Trust {
            frame,
            form,
            issuers: issuers.collect(),
            rules: rules.collect(),
            apps: apps.collect(),
            resources: resources.into(),
        }))
    }
}

fn label(target: Target) -> &'static str {
    match target {
        Target::Api => "The API",
        Target::Mcp => "The tools for agents (MCP)",
    }
}
