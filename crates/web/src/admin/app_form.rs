//! `/admin/apps/new` and `/admin/apps/{id}/edit`: one form, for registering an app and for changing it.
//!
//! The vocabularies of all dialects are in the page, and the stylesheet shows the one of the chosen dialect, so no script is needed.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, FreshSession};
use helpdesk::Error;
use oauth::clients::{self, Client, ClientChange, ClientType, NewClient};
use oauth::redirect_uri::RedirectUri;
use scope::Dialect;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use scope::set::ScopeSet;

use super::app::with_new_secret;
use super::app_advanced::{self, Advanced};
use crate::form::Form;
use crate::pages::{Frame, page, see_other};
use crate::rooms::Section;
use crate::scopes::{Vocabulary, name_of, vocabulary};
use crate::visitor::{Posted, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "admin/app_form.html")]
pub struct AppForm {
    pub frame: Frame,
    pub form: Form,
    /// The app that is changed; none for a new one.
    pub id: Option<i64>,
    pub action: String,
    pub cancel: String,
    pub is_confidential: bool,
    pub dialects: Vec<Choice>,
    pub kinds: Vec<Choice>,
    pub vocabularies: Vec<Vocabulary>,
    pub advanced: Advanced,
}

/// One of several, with what it means.
pub struct Choice {
    pub value: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub is_chosen: bool,
}

/// `GET /admin/apps/new`
pub async fn new(
    State(app): State<App>,
    _admin: BySession<CanWrite<Apps>>,
    _fresh: FreshSession,
    visitor: Visitor,
) -> Response {
    let form = Form::new(vec![("dialect".into(), "standard".into()), ("type".into(), "confidential".into())]);
    answer(&app, &visitor, StatusCode::OK, form, None).await
}

/// `POST /admin/apps`. Answers with the app's page itself where a secret has to be shown.
pub async fn create(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    _fresh: FreshSession,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let Some(new) = new_client(&mut form) else {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, None).await;
    };
    match app.provider.create_client(&may, new).await {
        Ok((client, Some(secret))) => with_new_secret(&app, &may_read, &visitor, client.id, secret.value).await,
        Ok((client, None)) => see_other(&format!("/admin/apps/{}?done=registered", client.id)),
        Err(error) => refused(&app, &visitor, form, None, error).await,
    }
}

/// `GET /admin/apps/{id}/edit`
pub async fn edit(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    _fresh: FreshSession,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    match find(&app, &may, id).await {
        Ok(client) => answer(&app, &visitor, StatusCode::OK, filled(&client), Some(&client)).await,
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/apps/{id}/edit`
pub async fn update(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    _fresh: FreshSession,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let client = match find(&app, &may_read, id).await {
        Ok(client) => client,
        Err(error) => return errors::helpdesk(&error),
    };
    let change = change_of(&mut form, &client);
    if !form.problems.is_empty() {
        return answer(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, form, Some(&client)).await;
    }
    match app.provider.update_client(&may, id, change).await {
        Ok(_) => see_other(&format!("/admin/apps/{id}?done=saved")),
        Err(error) => refused(&app, &visitor, form, Some(&client), error).await,
    }
}

async fn find(app: &App, may: &CanRead<Apps>, id: i64) -> Result<Client, Error> {
    let mut tx = app.db.read().await?;
    clients::find(&mut tx, may, id).await
}

fn new_client(form: &mut Form) -> Option<NewClient> {
    let dialect = Dialect::parse(form.value("dialect"));
    let client_type = ClientType::parse(form.value("type"));
    if dialect.is_none() {
        form.refuse("dialect", "Choose a dialect.");
    }
    if client_type.is_none() {
        form.refuse("type", "Choose a type.");
    }
    let (name, redirect_uris) = (name(form), redirect_uris(form));
    let (dialect, client_type) = (dialect?, client_type?);
    let allowed_scopes = words(form, dialect);
    let advanced = app_advanced::read(form, None);
    form.problems.is_empty().then(|| {
        advanced.new_client(NewClient {
            name,
            publisher: optional(form, "publisher"),
            client_uri: optional(form, "client_uri"),
            dialect,
            client_type,
            redirect_uris,
            allowed_scopes,
            client_credentials: client_type == ClientType::Confidential && is_ticked(form, "client_credentials"),
            first_party: is_ticked(form, "first_party"),
            verified: is_ticked(form, "verified"),
            ..NewClient::default()
        })
    })
}

fn change_of(form: &mut Form, client: &Client) -> ClientChange {
    let confidential = !client.is_public();
    let advanced = app_advanced::read(form, Some(client));
    let change = ClientChange {
        name: Some(name(form)),
        publisher: Some(optional(form, "publisher")),
        description: None,
        client_uri: Some(optional(form, "client_uri")),
        redirect_uris: Some(redirect_uris(form)),
        allowed_scopes: Some(words(form, client.dialect)),
        default_scopes: None,
        require_pkce: confidential.then(|| is_ticked(form, "require_pkce")),
        client_credentials: confidential.then(|| is_ticked(form, "client_credentials")),
        first_party: Some(is_ticked(form, "first_party")),
        verified: Some(is_ticked(form, "verified")),
        ..ClientChange::default()
    };
    advanced.change(change, client)
}

fn name(form: &mut Form) -> String {
    let name = form.value("name").trim().to_owned();
    if name.is_empty() {
        form.refuse("name", "Enter a name: people see it when they are asked to allow the app.");
    }
    name
}

fn optional(form: &Form, field: &str) -> Option<String> {
    Some(form.value(field).trim().to_owned()).filter(|value| !value.is_empty())
}

fn is_ticked(form: &Form, field: &str) -> bool {
    !form.value(field).is_empty()
}

/// One a line. Each is checked here too, so that all bad lines are named at once.
fn redirect_uris(form: &mut Form) -> Vec<String> {
    let lines = form.value("redirect_uris").lines().map(|line| line.trim().to_owned());
    let uris: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let refused: Vec<String> = uris
        .iter()
        .filter_map(|uri| RedirectUri::check(uri).err().map(|bad| format!("{}: {bad}.", text::shown(uri, 60))))
        .collect();
    if !refused.is_empty() {
        form.refuse("redirect_uris", refused.join(" "));
    }
    uris
}

/// The ticked words of this dialect; those of the other dialects are in the page too, and not meant.
fn words(form: &mut Form, dialect: Dialect) -> Vec<String> {
    let ticked = form.all(&field_of(dialect)).into_iter().filter(|word| !word.is_empty());
    let words: Vec<String> = ticked.map(str::to_owned).collect();
    if words.is_empty() {
        form.refuse("scope", "Choose at least one scope that the app may ask for.");
    }
    words
}

fn field_of(dialect: Dialect) -> String {
    format!("scope-{}", dialect.word())
}

/// The form as the app is now.
fn filled(client: &Client) -> Form {
    let uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
    let mut values = vec![
        ("name".to_owned(), client.name.clone()),
        ("publisher".to_owned(), client.publisher.clone().unwrap_or_default()),
        ("client_uri".to_owned(), client.client_uri.clone().unwrap_or_default()),
        ("redirect_uris".to_owned(), uris.join("\n")),
    ];
    let scope = field_of(client.dialect);
    values.extend(client.allowed_scopes.words().map(|word| (scope.clone(), word.to_owned())));
    let ticks = [
        ("verified", client.verified),
        ("first_party", client.first_party),
        ("require_pkce", client.require_pkce),
        ("client_credentials", client.may_use_grant("client_credentials")),
    ];
    values.extend(ticks.iter().filter(|(_, on)| *on).map(|(name, _)| ((*name).to_owned(), "on".to_owned())));
    values.extend(app_advanced::filled(client));
    Form::new(values)
}

async fn refused(app: &App, visitor: &Visitor, mut form: Form, client: Option<&Client>, error: Error) -> Response {
    let Error::Invalid { field, problem } = error else { return errors::helpdesk(&error) };
    let member = field.split('.').next().unwrap_or_default();
    let element = match member {
        "publisher" => "publisher",
        "client_uri" => "client_uri",
        "first_party" => "first_party",
        "redirect_uris" => "redirect_uris",
        "allowed_scopes" | "default_scopes" => "scope",
        "client_credentials" => "client_credentials",
        "require_pkce" => "require_pkce",
        member => app_advanced::element_of(member).unwrap_or("name"),
    };
    form.refuse(element, text::sentence(&problem));
    answer(app, visitor, StatusCode::UNPROCESSABLE_ENTITY, form, client).await
}

async fn answer(app: &App, visitor: &Visitor, status: StatusCode, form: Form, client: Option<&Client>) -> Response {
    let account = match account::name(app).await {
        Ok(name) => name,
        Err(error) => return errors::database(&error),
    };
    let title = if client.is_some() { "Edit" } else { "Register an app" };
    let Some(mut frame) = visitor.frame(account, Section::Apps, title) else { return see_other("/login") };
    frame.crumbs = vec![super::to_apps()];
    if let Some(client) = client {
        frame.crumbs.push(super::to_app(client.id, &text::shown(&client.name, 80)));
    }
    page(status, &AppForm::new(frame, form, client))
}

impl AppForm {
    pub fn new(frame: Frame, form: Form, client: Option<&Client>) -> AppForm {
        let dialects = match client {
            Some(client) => vec![client.dialect],
            None => Dialect::ALL.to_vec(),
        };
        let vocabularies = dialects.iter().map(|&dialect| {
            let chosen = ScopeSet::parse(&form.all(&field_of(dialect)).join(" ")).unwrap_or_default();
            vocabulary(dialect, &chosen)
        });
        AppForm {
            vocabularies: vocabularies.collect(),
            dialects: choices(form.value("dialect"), &DIALECTS),
            kinds: choices(form.value("type"), &KINDS),
            id: client.map(|it| it.id),
            action: client.map_or("/admin/apps".to_owned(), |it| format!("/admin/apps/{}/edit", it.id)),
            cancel: client.map_or("/admin/apps".to_owned(), |it| format!("/admin/apps/{}", it.id)),
            is_confidential: client.is_none_or(|it| !it.is_public()),
            advanced: Advanced::new(&form, client),
            frame,
            form,
        }
    }

    fn is_ticked(&self, field: &str) -> bool {
        is_ticked(&self.form, field)
    }
}

const DIALECTS: [(&str, &str, &str); 3] = [
    ("standard", name_of(Dialect::Standard), "OpenID Connect, and the scopes of both vendors"),
    ("gorgias", name_of(Dialect::Gorgias), "An app written for Gorgias"),
    ("zendesk", name_of(Dialect::Zendesk), "An app written for Zendesk"),
];

const KINDS: [(&str, &str, &str); 2] = [
    ("confidential", "Confidential", "Runs on a server and can keep a secret"),
    ("public", "Public", "Runs in a browser, on a phone or on a desktop; uses PKCE instead of a secret"),
];

pub fn choices(chosen: &str, all: &[(&'static str, &'static str, &'static str)]) -> Vec<Choice> {
    all.iter().map(|&(value, label, hint)| Choice { value, label, hint, is_chosen: value == chosen }).collect()
}
