//! `/admin/apps/{id}`: what to paste into the app, its secrets, and who allowed it what.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, FreshSession};
use helpdesk::Error;
use jiff::{SignedDuration, Timestamp};
use oauth::clients::{self, Client, ClientChange, OldSecrets, Secret, secrets, usage};
use oauth::consents::{self, Grant};
use scope::Dialect;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use super::Endpoint;
use crate::consent::website;
use crate::pages::{Frame, Link, PersonLine, done, page, see_other};
use crate::rooms::Section;
use crate::scopes::{Chip, chips, name_of};
use crate::visitor::{Posted, Query, Visitor};
use crate::when::When;
use crate::{account, errors, text};

/// Grants on one page.
const GRANTS: usize = 50;
const REASON_MAX_CHARS: usize = 200;

#[derive(Template)]
#[template(path = "admin/app.html")]
pub struct Show {
    pub frame: Frame,
    pub id: i64,
    pub name: String,
    pub publisher: Option<String>,
    pub website: Option<Link>,
    pub dialect: &'static str,
    pub kind: &'static str,
    pub is_active: bool,
    /// Why it was suspended, if somebody said.
    pub suspended_because: Option<String>,
    pub is_self_registered: bool,
    pub is_confidential: bool,
    pub requires_pkce: bool,
    pub endpoints: Vec<Endpoint>,
    pub redirect_uris: Vec<String>,
    pub secrets: Vec<SecretRow>,
    pub grants: Vec<GrantRow>,
    pub words: Vec<Chip>,
    /// Id to go on below in the list of grants.
    pub before: Option<i64>,
    /// Allowed for everybody by an administrator (CO-11).
    pub account_words: Vec<Chip>,
    /// Just made; never shown again.
    pub new_secret: Option<String>,
}

pub struct SecretRow {
    pub id: i64,
    pub hint: String,
    pub created: When,
    pub last_used: When,
    pub expires: When,
}

pub struct GrantRow {
    pub id: i64,
    pub person: String,
    pub email: String,
    pub words: Vec<Chip>,
    /// What the app lost since, because it was shrunk.
    pub lost: Vec<Chip>,
    pub created: When,
    pub last_used: When,
    /// None: until it is withdrawn.
    pub expires: Option<When>,
}

/// `GET /admin/apps/{id}`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let before = query.filled("before").and_then(|text| text.parse().ok());
    match Show::read(&app, &may, &visitor, id, before).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/apps/{id}/secret`. Answers with the page itself: the secret is nowhere but in this answer.
pub async fn add_secret(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    _fresh: FreshSession,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let hours_from_now = |hours| app.clock.now().saturating_add(SignedDuration::from_hours(hours)).ok();
    let end = match posted.form.value("old") {
        "day" => hours_from_now(24),
        "week" => hours_from_now(7 * 24),
        _ => None,
    };
    let old = match posted.form.value("old") {
        "now" => OldSecrets::EndNow,
        _ => end.map_or(OldSecrets::Keep, OldSecrets::EndAt),
    };
    let secret = match app.provider.add_secret(&may, id, old).await {
        Ok(secret) => secret,
        Err(error) => return errors::helpdesk(&error),
    };
    with_new_secret(&app, &may_read, &posted.visitor, id, secret.value).await
}

/// The app's page with a secret just made. Nobody else ever sees it (CA-6).
pub async fn with_new_secret(app: &App, may: &CanRead<Apps>, visitor: &Visitor, id: i64, secret: String) -> Response {
    match Show::read(app, may, visitor, id, None).await {
        Ok(Some(found)) => page(StatusCode::OK, &Show { new_secret: Some(secret), ..found }),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/apps/{id}/secrets/{secret_id}/revoke`
pub async fn revoke_secret(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path((id, secret_id)): Path<(i64, i64)>,
    _posted: Posted,
) -> Response {
    after(app.provider.revoke_secret(&may, id, secret_id).await, id, "secret-revoked")
}

/// `POST /admin/apps/{id}/disable`
pub async fn disable(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let reason = text::shown(posted.form.value("reason"), REASON_MAX_CHARS);
    let done = match reason.as_str() {
        "" => app.provider.disable_client(&may, id).await,
        reason => app.provider.suspend_client(&may, id, reason).await,
    };
    after(done, id, "disabled")
}

/// `POST /admin/apps/{id}/everybody`: allows the app all it may ask for in everybody's name, or takes that back (CO-11).
pub async fn everybody(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    BySession(may_read): BySession<CanRead<Apps>>,
    Path(id): Path<i64>,
    posted: Posted,
) -> Response {
    let is_allowed = posted.form.value("everybody") == "allow";
    let client = async {
        let mut tx = app.db.read().await?;
        clients::find(&mut tx, &may_read, id).await
    };
    let client = match client.await {
        Ok(client) => client,
        Err(error) => return errors::helpdesk(&error),
    };
    if is_allowed && client.is_self_registered() {
        let error = Error::Refused("nobody speaks for others to an app that registered itself".to_owned());
        return errors::helpdesk(&error);
    }
    let words = client.allowed_scopes.words().map(str::to_owned);
    let account_scopes = if is_allowed { words.collect() } else { Vec::new() };
    let change = ClientChange { account_scopes: Some(account_scopes), ..ClientChange::default() };
    let done = app.provider.update_client(&may, id, change).await.map(drop);
    after(done, id, if is_allowed { "everybody" } else { "nobody" })
}

/// `POST /admin/apps/{id}/enable`
pub async fn enable(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    after(app.provider.enable_client(&may, id).await, id, "enabled")
}

/// `POST /admin/apps/{id}/grants/{grant_id}/revoke`
pub async fn revoke_grant(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    Path((id, grant_id)): Path<(i64, i64)>,
    _posted: Posted,
) -> Response {
    after(app.provider.revoke_grant(&may, grant_id).await, id, "grant-revoked")
}

fn after(result: Result<(), Error>, id: i64, done: &str) -> Response {
    match result {
        Ok(()) => see_other(&format!("/admin/apps/{id}?done={done}")),
        Err(error) => errors::helpdesk(&error),
    }
}

impl Show {
    fn has_deprecated(&self) -> bool {
        self.words.iter().any(|word| word.deprecated)
    }

    /// None if the visitor is not signed in.
    async fn read(
        app: &App,
        may: &CanRead<Apps>,
        visitor: &Visitor,
        id: i64,
        before: Option<i64>,
    ) -> Result<Option<Show>, Error> {
        let account = account::name(app).await?;
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        let client = clients::find(&mut tx, may, id).await?;
        let secrets = secrets::list(&mut tx, may, id, now).await?;
        let limit = i64::try_from(GRANTS + 1).unwrap_or(i64::MAX);
        let mut grants = consents::list_by_client(&mut tx, may, now, id, before, limit).await?;
        let has_more = GRANTS < grants.len();
        grants.truncate(GRANTS);
        let suspended_because = match client.is_active() {
            true => None,
            false => usage::suspended_because(&mut tx, may, id).await?,
        };
        let name = text::shown(&client.name, 80);
        let Some(mut frame) = visitor.frame(account, Section::Apps, &name) else { return Ok(None) };
        frame.crumbs = vec![super::to_apps()];
        Ok(Some(Show {
            frame,
            id,
            name,
            publisher: client.publisher.as_deref().map(|it| text::shown(it, 80)),
            website: client.client_uri.as_deref().and_then(website),
            dialect: name_of(client.dialect),
            kind: super::apps::kind_of(client.is_public()),
            is_active: client.is_active(),
            suspended_because: suspended_because.map(|it| text::shown(&it, REASON_MAX_CHARS)),
            is_self_registered: client.is_self_registered(),
            before: grants.last().filter(|_| has_more).map(|last| last.id),
            account_words: chips(client.dialect, client.account_scopes.as_str()),
            is_confidential: clients::check::keeps_a_secret(&client.token_endpoint_auth_method),
            requires_pkce: client.require_pkce,
            endpoints: endpoints(client.dialect, &client.client_id, &app.config.public_url),
            redirect_uris: redirect_uris(&client),
            secrets: secrets.into_iter().map(|secret| secret_row(secret, now)).collect(),
            grants: grants.into_iter().map(|grant| grant_row(grant, client.dialect, now)).collect(),
            words: chips(client.dialect, &client.allowed_scopes.to_string()),
            new_secret: None,
        }))
    }
}

fn redirect_uris(client: &Client) -> Vec<String> {
    client.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect()
}

fn secret_row(secret: Secret, now: Timestamp) -> SecretRow {
    SecretRow {
        id: secret.id,
        hint: secret.hint,
        created: When::at(secret.created_at, now),
        last_used: When::or_never(secret.last_used_at, now),
        expires: When::or_never(secret.expires_at, now),
    }
}

fn grant_row(grant: Grant, dialect: Dialect, now: Timestamp) -> GrantRow {
    let person = PersonLine::new(&grant.person_name, &grant.person_email);
    GrantRow {
        id: grant.id,
        person: person.name,
        email: person.email,
        words: chips(dialect, grant.still.as_str()),
        lost: chips(dialect, grant.scope.without(&grant.still).as_str()),
        created: When::at(grant.created_at, now),
        last_used: When::or_never(grant.last_used_at, now),
        expires: grant.expires_at.map(|end| When::at(end, now)),
    }
}

/// In the spelling of the app's dialect.
pub fn endpoints(dialect: Dialect, client_id: &str, public_url: &str) -> Vec<Endpoint> {
    let (authorize, token, api) = match dialect {
        Dialect::Standard | Dialect::Gorgias => ("/oauth/authorize", "/oauth/token", "/api"),
        Dialect::Zendesk => ("/oauth/authorizations/new", "/oauth/tokens", "/api/v2"),
    };
    let at = |path: &str| format!("{public_url}{path}");
    vec![
        Endpoint { id: "client-id", label: "Client ID", value: client_id.to_owned() },
        Endpoint { id: "issuer", label: "Issuer", value: public_url.to_owned() },
        Endpoint { id: "discovery", label: "Discovery", value: at("/.well-known/openid-configuration") },
        Endpoint { id: "authorize-url", label: "Authorization URL", value: at(authorize) },
        Endpoint { id: "token-url", label: "Token URL", value: at(token) },
        Endpoint { id: "revocation-url", label: "Revocation URL", value: at("/oauth/revoke") },
        Endpoint { id: "userinfo-url", label: "Userinfo URL", value: at("/oauth/userinfo") },
        Endpoint { id: "api", label: "API", value: at(api) },
    ]
}
