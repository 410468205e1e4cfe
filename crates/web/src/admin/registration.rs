//! `/admin/registration`: whether apps may register themselves, and the tokens that let developers do so (RG-2).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession};
use helpdesk::Error;
use oauth::provider_settings;
use oauth::register::initial_tokens::{self, DAYS_MAX, InitialToken, USES_MAX};
use oauth::register::settings::{self, Mode, Settings, StatementIssuer};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use crate::form::Form;
use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Most issuers of software statements.
const ISSUERS_MAX: usize = 20;

#[derive(Template)]
#[template(path = "admin/registration.html")]
pub struct Registration {
    pub frame: Frame,
    pub form: Form,
    pub modes: Vec<ModeChoice>,
    /// Where apps register themselves.
    pub endpoint: String,
    pub is_on: bool,
    pub tokens: Vec<Row>,
    /// Just made; never shown again.
    pub new_token: Option<String>,
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
    pub uses_left: i64,
    pub created: When,
    pub expires: When,
}

/// `GET /admin/registration`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match Registration::read(&app, &may, &visitor, None).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/registration`
pub async fn save(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let Some(settings) = read(&app, &mut form) else { return refused(&app, &may_read, &visitor, form).await };
    match app.provider.put_setting(&may, settings::NAME, &settings).await {
        Ok(()) => see_other("/admin/registration?done=saved"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/registration/tokens`. Answers with the page itself, for the token is shown this once.
pub async fn create_token(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    posted: Posted,
) -> Response {
    let Posted { visitor, mut form } = posted;
    let number = |field: &str| form.value(field).trim().parse::<i64>().unwrap_or_default();
    let (uses, days) = (number("uses"), number("days"));
    match app.provider.create_initial_token(&may, form.value("name"), uses, days).await {
        Ok(token) => match Registration::read(&app, &may_read, &visitor, None).await {
            Ok(Some(mut found)) => {
                found.new_token = Some(token);
                page(StatusCode::OK, &found)
            }
            Ok(None) => see_other("/login"),
            Err(error) => errors::helpdesk(&error),
        },
        Err(Error::Invalid { field, problem }) => {
            let element = match field.as_str() {
                "uses" => "uses",
                "days" => "days",
                _ => "name",
            };
            form.refuse(element, text::sentence(&problem));
            refused(&app, &may_read, &visitor, form).await
        }
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/registration/tokens/{id}/revoke`
pub async fn revoke_token(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.revoke_initial_token(&may, id).await {
        Ok(()) => see_other("/admin/registration?done=token-revoked"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn refused(app: &App, may: &CanRead<Apps>, visitor: &Visitor, form: Form) -> Response {
    match Registration::read(app, may, visitor, Some(form)).await {
        Ok(Some(refused)) => page(StatusCode::UNPROCESSABLE_ENTITY, &refused),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// What the form says; none if it must be mended first.
fn read(app: &App, form: &mut Form) -> Option<Settings> {
    let mode = Mode::parse(form.value("mode"));
    if mode.is_none() {
        form.refuse("mode", "Choose who may register apps.");
    }
    let lines: Vec<String> = form.value("statement_issuers").lines().map(|line| line.trim().to_owned()).collect();
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let issuer = |line: &String| {
        let (issuer, jwks_uri) = line.split_once(char::is_whitespace)?;
        let jwks_uri = jwks_uri.trim();
        let proper = issuer.len() <= 500 && jwks_uri.len() <= 2048 && app.provider.fetch.permits(jwks_uri).is_ok();
        proper.then(|| StatementIssuer { issuer: issuer.to_owned(), jwks_uri: jwks_uri.to_owned() })
    };
    if let Some(bad) = lines.iter().find(|line| issuer(line).is_none()) {
        let bad = text::shown(bad, 60);
        form.refuse(
            "statement_issuers",
            format!("{bad}: write the issuer, a space and the https address of its keys."),
        );
    }
    if ISSUERS_MAX < lines.len() {
        form.refuse("statement_issuers", format!("There may be at most {ISSUERS_MAX}."));
    }
    let mode = mode.filter(|_| form.problems.is_empty())?;
    Some(Settings {
        mode,
        rotates_tokens: form.value("rotates_tokens") == "yes",
        spares_pkce: form.value("spares_pkce") == "yes",
        statement_issuers: lines.iter().filter_map(issuer).collect(),
    })
}

fn filled(settings: &Settings) -> Form {
    let yes = |flag: bool| if flag { "yes" } else { "" }.to_owned();
    let issuers: Vec<String> =
        settings.statement_issuers.iter().map(|it| format!("{} {}", it.issuer, it.jwks_uri)).collect();
    for_a_token().with(Form::new(vec![
        ("mode".to_owned(), settings.mode.word().to_owned()),
        ("rotates_tokens".to_owned(), yes(settings.rotates_tokens)),
        ("spares_pkce".to_owned(), yes(settings.spares_pkce)),
        ("statement_issuers".to_owned(), issuers.join("\n")),
    ]))
}

/// What the second form suggests.
fn for_a_token() -> Form {
    Form::new(vec![("uses".to_owned(), "1".to_owned()), ("days".to_owned(), "7".to_owned())])
}

impl Registration {
    /// `sent` is a form that must be mended; without it the settings as they are. Its fields are of one of the page's two forms.
    async fn read(
        app: &App,
        may: &CanRead<Apps>,
        visitor: &Visitor,
        sent: Option<Form>,
    ) -> Result<Option<Registration>, Error> {
        let account = account::name(app).await?;
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        let settings: Settings = provider_settings::read(&mut tx, settings::NAME).await?;
        let tokens = initial_tokens::list(&mut tx, may, now).await?;
        let Some(frame) = visitor.frame(account, Section::Registration, "Self-registration") else { return Ok(None) };
        let form = match sent {
            None => filled(&settings),
            Some(sent) if sent.all("uses").is_empty() => for_a_token().with(sent),
            Some(sent) => filled(&settings).with(sent),
        };
        let row = |token: InitialToken| Row {
            id: token.id,
            name: text::shown(&token.name, 60),
            uses_left: token.uses_left,
            created: When::at(token.created_at, now),
            expires: When::at(token.expires_at, now),
        };
        Ok(Some(Registration {
            frame,
            modes: modes(form.value("mode")),
            form,
            endpoint: format!("{}{}", app.config.public_url, oauth::register::PATH),
            is_on: settings.mode.is_on(),
            tokens: tokens.into_iter().map(row).collect(),
            new_token: None,
        }))
    }
}

pub fn modes(chosen: &str) -> Vec<ModeChoice> {
    let choice = |mode: Mode| {
        let (label, hint) = match mode {
            Mode::Off => ("Administrators only", "Apps are registered here, by hand."),
            Mode::InitialAccessToken => (
                "Whoever has a token",
                "Developers to whom you give an initial access token register their apps themselves.",
            ),
            Mode::Open => (
                "Everybody",
                "For agents and tools that register when they first connect. They get no privileged scopes, and what nobody uses is deleted after a day.",
            ),
        };
        ModeChoice { value: mode.word(), label, hint, is_chosen: mode.word() == chosen }
    };
    Mode::ALL.into_iter().map(choice).collect()
}
