//! `/admin/sign-in`: other providers through which people may sign in (LS-10).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use oauth::upstream::{self, IdentityProviderChange, NewIdentityProvider, Switch, UpstreamError};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use crate::form::Form;
use crate::pages::{Crumb, Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
pub struct SignIn {
    pub frame: Frame,
    pub form: Form,
    pub providers: Vec<Row>,
    /// What to register there.
    pub callback: String,
    /// What a test found wrong.
    pub trouble: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/sign_in_edit.html")]
pub struct SignInEdit {
    pub frame: Frame,
    pub form: Form,
    pub id: i64,
    pub issuer: String,
    pub client_id: String,
}

pub struct Row {
    pub id: i64,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub is_active: bool,
    pub creates_customers: bool,
}

/// `GET /admin/sign-in`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    shown(&app, &may, &visitor, StatusCode::OK, |page| page.frame.done = done(&query)).await
}

/// `POST /admin/sign-in`
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let new = NewIdentityProvider {
        name: form.value("name").to_owned(),
        issuer: form.value("issuer").to_owned(),
        client_id: form.value("client_id").to_owned(),
        client_secret: form.filled("client_secret").map(str::to_owned),
        creates_customers: form.value("creates_customers") == "yes",
    };
    match app.provider.create_identity_provider(&may, new).await {
        Ok(_id) => see_other("/admin/sign-in?done=provider-added"),
        Err(Error::Invalid { field, problem }) => {
            let known = ["name", "issuer", "client_id", "client_secret"].into_iter().find(|it| *it == field);
            form.refuse(known.unwrap_or("name"), format!("This {problem}."));
            shown(&app, &may_read, &visitor, StatusCode::UNPROCESSABLE_ENTITY, |page| page.form = form).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `GET /admin/sign-in/{id}/edit`
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    edit_page(&app, &may, &visitor, StatusCode::OK, id, None).await
}

/// `POST /admin/sign-in/{id}/edit`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let change = IdentityProviderChange {
        name: form.value("name").to_owned(),
        client_secret: form.filled("client_secret").map(str::to_owned),
        creates_customers: form.value("creates_customers") == "yes",
    };
    match app.provider.update_identity_provider(&may, id, change).await {
        Ok(()) => see_other("/admin/sign-in?done=saved"),
        Err(Error::Invalid { problem, .. }) => {
            form.refuse("name", format!("This {problem}."));
            edit_page(&app, &may_read, &visitor, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form)).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

async fn edit_page(
    app: &App,
    may: &CanRead<Apps>,
    visitor: &Visitor,
    status: StatusCode,
    id: i64,
    sent: Option<Form>,
) -> Response {
    let provider = match app.provider.identity_provider(may, id).await {
        Ok(provider) => provider,
        Err(error) => return errors::helpdesk(&error),
    };
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let title = text::shown(&provider.name, 60);
    let Some(mut frame) = visitor.frame(account, Section::SignIn, &title) else { return see_other("/login") };
    frame.crumbs = vec![Crumb { href: "/admin/sign-in".to_owned(), label: "Identity providers".to_owned() }];
    let stored = || {
        let creates_customers = if provider.creates_customers { "yes" } else { "" };
        Form::new(vec![
            ("name".to_owned(), provider.name.clone()),
            ("creates_customers".to_owned(), creates_customers.to_owned()),
        ])
    };
    let form = sent.unwrap_or_else(stored);
    let (issuer, client_id) = (text::shown(&provider.issuer, 200), text::shown(&provider.client_id, 200));
    page(status, &SignInEdit { frame, form, id, issuer, client_id })
}

/// `POST /admin/sign-in/{id}/test`
pub async fn test(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    match app.provider.test_identity_provider(id).await {
        Ok(()) => see_other("/admin/sign-in?done=provider-works"),
        Err(UpstreamError::Failed(oauth::Error::Helpdesk(error))) => errors::helpdesk(&error),
        Err(error) => {
            let trouble = Some(error.to_string());
            shown(&app, &may, &posted.visitor, StatusCode::OK, |page| page.trouble = trouble).await
        }
    }
}

/// `POST /admin/sign-in/{id}/disable`
pub async fn disable(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    after(app.provider.switch_identity_provider(&may, id, Switch::Off).await, "provider-disabled")
}

/// `POST /admin/sign-in/{id}/enable`
pub async fn enable(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    after(app.provider.switch_identity_provider(&may, id, Switch::On).await, "provider-enabled")
}

fn after(result: Result<(), Error>, done: &str) -> Response {
    match result {
        Ok(()) => see_other(&format!("/admin/sign-in?done={done}")),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn shown(
    app: &App,
    may: &CanRead<Apps>,
    visitor: &Visitor,
    status: StatusCode,
    with: impl FnOnce(&mut SignIn),
) -> Response {
    match SignIn::read(app, may, visitor).await {
        Ok(Some(mut found)) => {
            with(&mut found);
            page(status, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl SignIn {
    async fn read(app: &App, may: &CanRead<Apps>, visitor: &Visitor) -> Result<Option<SignIn>, Error> {
        let account = account::name(app).await?;
        let mut tx = app.db.read().await?;
        let found = upstream::list(&mut tx, may).await?;
        let Some(frame) = visitor.frame(account, Section::SignIn, "Identity providers") else { return Ok(None) };
        let row = |provider: upstream::IdentityProvider| Row {
            id: provider.id,
            name: text::shown(&provider.name, 60),
            issuer: text::shown(&provider.issuer, 120),
            client_id: text::shown(&provider.client_id, 80),
            is_active: provider.is_active,
            creates_customers: provider.creates_customers,
        };
        Ok(Some(SignIn {
            frame,
            form: Form::default(),
            providers: found.into_iter().map(row).collect(),
            callback: app.provider.upstream_callback(),
            trouble: None,
        }))
    }
}
