//! From a request's credentials to a `Caller`, once a request.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use helpdesk::api_keys::{self, KeyHolder, Voice};
use helpdesk::customers;
use oauth::dpop::{Scheme, Shown, Unusable};
use oauth::issued::Presented;
use oauth::resources::Target;
use oauth::sessions::{self, Session};
use oauth::step_up::Login;
use scope::Dialect;
use scope::permission::Permissions;
use scope::permit::{Actor, Caller};
use scope::role::Role;
use store::{StoreError, transact};

use crate::api_key_switch::{self, ApiKeySwitch};
use crate::fresh::Behind;
use crate::observe::Seen;
use crate::{App, ClientAddress, Surface, Why};

/// For whom a Zendesk app acts: a customer's id or address (contract `zendesk.yaml`, `scopes.impersonation`).
const ON_BEHALF_OF: &str = "x-on-behalf-of";

/// The id of the request, a UUID. Put into the request by the outermost layer.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// What the request showed, for rate limits and logs. Never the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    Token { family_id: i64, client_id: i64 },
    ApiKey { key_id: i64 },
}

/// Who calls the API: by an access token (DP-5, DP-9), or by Basic authentication with an address and an API key (RS-1 to RS-3).
pub(crate) async fn by_token(parts: &mut Parts, app: &App, surface: Surface) -> Result<Arc<Caller>, Why> {
    if let Some(caller) = parts.extensions.get::<Arc<Caller>>() {
        return Ok(caller.clone());
    }
    let in_address = parts.uri.query().and_then(token_of);
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (header, other) = (headers.next(), headers.next());
    let (caller, login) = match (in_address, header) {
        (Some(token), None) if surface.dialect == Dialect::Zendesk => {
            let (caller, presented, login) = bearer(parts, app, Sent::InAddress, &token, surface).await?;
            parts.extensions.insert(presented);
            (caller, login)
        }
        (Some(_), _) => return Err(IN_ADDRESS),
        (None, None) => return Err(Why::NoCredentials),
        (None, Some(_)) if other.is_some() => return Err(Why::InvalidRequest("Send one Authorization header.")),
        (None, Some(header)) => {
            let header = header.to_str().map_err(|_| Why::InvalidToken)?;
            let (scheme, credentials) = header.split_once(' ').ok_or(Why::InvalidToken)?;
            let credentials = credentials.trim();
            if let Some(scheme) = Scheme::parse(scheme) {
                let (caller, presented, login) =
                    bearer(parts, app, Sent::InHeader(scheme), credentials, surface).await?;
                parts.extensions.insert(presented);
                (caller, login)
            } else if scheme.eq_ignore_ascii_case("basic") && surface.target == Target::Api {
                (api_key(parts, app, credentials, surface).await?, None)
            } else {
                return Err(Why::NoCredentials);
            }
        }
    };
    if let Some(seen) = parts.extensions.get::<Arc<Seen>>() {
        let _first = seen.used.set(caller.used.clone());
    }
    let caller = Arc::new(caller);
    parts.extensions.insert(caller.clone());
    if let Some(login) = login {
        parts.extensions.insert(Behind(login));
    }
    Ok(caller)
}

/// How an access token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    InHeader(Scheme),
    /// As the parameter `access_token`.
    InAddress,
}

const IN_ADDRESS: Why =
    Why::InvalidRequest("The access token must be in the Authorization header, not in the address.");

/// The caller, the token itself, and the sign-in behind it if there was one.
async fn bearer(
    parts: &Parts,
    app: &App,
    sent: Sent,
    token: &str,
    surface: Surface,
) -> Result<(Caller, Presented, Option<Arc<Login>>), Why> {
    let scheme = match sent {
        Sent::InHeader(scheme) => scheme,
        Sent::InAddress => Scheme::Bearer,
    };
    let from = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.0.path());
    let shown = Shown { scheme, token, headers: &parts.headers, method: parts.method.as_str(), path, from };
    let (bearer, next_nonce) = app.provider.shown_token(&shown).await.map_err(|unusable| match (unusable, scheme) {
        (Unusable::Token, Scheme::Bearer) => Why::InvalidToken,
        (Unusable::Token, Scheme::Dpop) => Why::InvalidBoundToken,
        (Unusable::Proof(reason), _) => Why::InvalidProof(reason),
        (Unusable::Nonce(nonce), _) => Why::UseDpopNonce(nonce),
        (Unusable::Store(error), _) => error.into(),
    })?;
    if let (Some(nonce), Some(seen)) = (next_nonce, parts.extensions.get::<Arc<Seen>>()) {
        let _first = seen.dpop_nonce.set(nonce);
    }
    if !bearer.audience.has(surface.target) {
        return Err(Why::InvalidToken);
    }
    if sent == Sent::InAddress && !bearer.policy.takes_tokens_in_addresses() {
        return Err(IN_ADDRESS);
    }
    let credential = Credential::Token { family_id: bearer.family_id, client_id: bearer.client_row };
    spend(parts, app, credential, bearer.calls_per_minute, surface.dialect)?;
    let mut actor = Actor {
        person_id: Some(bearer.person_id),
        role: Some(bearer.role),
        denied: bearer.denied,
        client_id: Some(bearer.client_row),
        grant_id: bearer.grant_id,
        acting: bearer.acting(),
        request_id: request_id(parts),
        ..Actor::default()
    };
    if let Some(who) = parts.headers.get(ON_BEHALF_OF).filter(|_| surface.dialect == Dialect::Zendesk) {
        let may = bearer.scope.words().any(|word| word == "impersonate") && bearer.role.is_admin();
        if !may {
            return Err(Why::Impersonation);
        }
        let mut tx = app.db.read().await?;
        let who = who.to_str().unwrap_or_default();
        let target = customers::meant_by(&mut tx, who).await.map_err(failed)?.ok_or(Why::InvalidToken)?;
        actor.impersonator_id = actor.person_id.replace(target);
        actor.role = Some(Role::Customer);
        actor.denied = Permissions::NONE;
    }
    let login = bearer.grant_id.map(|_grant| bearer.login.clone());
    let presented = Presented { family_id: bearer.family_id, hash: oauth::secret::hash(token) };
    Ok((Caller::new(actor, bearer.granted), presented, login))
}

/// `email:key` as Gorgias has it, or `email/token:key` as Zendesk has it.
async fn api_key(parts: &Parts, app: &App, credentials: &str, surface: Surface) -> Result<Caller, Why> {
    let basic = Basic::parse(credentials).ok_or(Why::InvalidKey)?;
    // Before the key is looked at, so that nobody learns whether one is right.
    if keys_are_off(app).await? {
        return Err(Why::KeysOff);
    }
    let mut tx = app.db.read().await?;
    let voice = basic.voice(surface);
    let holder = api_keys::authenticate(&mut tx, &basic.email, &basic.key, voice).await;
    let holder = holder.map_err(failed)?.ok_or(Why::InvalidKey)?;
    drop(tx);
    spend(parts, app, Credential::ApiKey { key_id: holder.key_id }, None, surface.dialect)?;
    let granted = permissions_of_key(&holder);
    let now = app.clock.now();
    if api_keys::is_use_worth_noting(holder.last_used_at, now) {
        // Not in the call's way, and no harm if it is lost with the process.
        let (db, key_id) = (app.db.clone(), holder.key_id);
        tokio::spawn(async move {
            if let Err(error) = transact!(db, |tx| api_keys::note_use(tx, now, key_id).await) {
                tracing::warn!(%error, "could not write when an API key was last used");
            }
        });
    }
    let actor = Actor {
        person_id: Some(holder.person_id),
        role: Some(holder.role),
        denied: holder.denied,
        impersonator_id: holder.maker_id,
        request_id: request_id(parts),
        ..Actor::default()
    };
    Ok(Caller::new(actor, granted))
}

/// What a call came with, kept by one that lasts. Never logged.
pub(crate) enum Credentials {
    Token(String),
    Key(Basic),
}

/// Basic credentials: `email:key`, or `email/token:key`.
pub(crate) struct Basic {
    email: String,
    key: String,
    /// Whether it says that the key is a token, as Zendesk has it.
    is_token: bool,
}

impl Basic {
    fn parse(credentials: &str) -> Option<Basic> {
        let text = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
        let (user, key) = text.split_once(':')?;
        let email = user.strip_suffix("/token");
        Some(Basic { email: email.unwrap_or(user).to_owned(), key: key.to_owned(), is_token: email.is_some() })
    }

    fn voice(&self, surface: Surface) -> Voice {
        let names_anybody = self.is_token && surface.dialect == Dialect::Zendesk;
        if names_anybody { Voice::OfAnybody } else { Voice::OfMaker }
    }
}

/// What was let in came with. None: nothing that we read.
pub(crate) fn shown(parts: &Parts) -> Option<Credentials> {
    let header = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    match Scheme::parse(scheme) {
        Some(_) => Some(Credentials::Token(credentials.trim().to_owned())),
        None => Basic::parse(credentials.trim()).map(Credentials::Key),
    }
}

/// The caller as they are by now, for a call that was let in before and still goes on; None once the credential has ended. Counts as no call, and
/// asks for no further proof of a bound token.
pub(crate) async fn again(
    app: &App,
    credentials: &Credentials,
    from: Option<IpAddr>,
    surface: Surface,
) -> Result<Option<Caller>, StoreError> {
    let (role, denied, granted) = match credentials {
        Credentials::Token(token) => match app.provider.bearer(token, from).await? {
            Some(bearer) if bearer.audience.has(surface.target) => (bearer.role, bearer.denied, bearer.granted),
            _ => return Ok(None),
        },
        Credentials::Key(_) if keys_are_off(app).await? => return Ok(None),
        Credentials::Key(basic) => {
            let mut tx = app.db.read().await?;
            match api_keys::authenticate(&mut tx, &basic.email, &basic.key, basic.voice(surface)).await {
                Ok(Some(holder)) => (holder.role, holder.denied, permissions_of_key(&holder)),
                Err(helpdesk::Error::Store(error)) => return Err(error),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    };
    Ok(Some(Caller::new(Actor { role: Some(role), denied, ..Actor::default() }, granted)))
}

/// Whether the account's switch turns all API keys off.
async fn keys_are_off(app: &App) -> Result<bool, StoreError> {
    Ok(app.provider.setting::<ApiKeySwitch>(api_key_switch::NAME).await?.off)
}

/// What a key's words open, before the role.
fn permissions_of_key(holder: &KeyHolder) -> Permissions {
    match &holder.allowed_scopes {
        Some(words) => scope::words::permissions_of(Dialect::Standard, words),
        None => Permissions::all(),
    }
}

fn failed(error: helpdesk::Error) -> Why {
    match error {
        helpdesk::Error::Store(error) => error.into(),
        error => {
            tracing::error!(%error, "an API key could not be checked");
            Why::Internal
        }
    }
}

/// The `access_token` of a query, which would end up in logs and histories.
fn token_of(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "access_token").map(|(_, token)| token.into_owned())
}

fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

/// Counts the call against the credential's limit, and tells the outermost layer who called.
fn spend(parts: &Parts, app: &App, credential: Credential, own_rate: Option<i64>, dialect: Dialect) -> Result<(), Why> {
    let seen = parts.extensions.get::<Arc<Seen>>();
    if let Some(seen) = seen {
        // Set once a request; a second credential of the same request is refused elsewhere.
        let _first = seen.credential.set(credential);
    }
    let (allowance, taken) = app.limits.take(credential, own_rate, dialect);
    if let (Some(allowance), Some(seen)) = (allowance, seen) {
        let _first = seen.allowance.set(allowance);
    }
    taken
}

/// The person whose session cookie the request carries, looked up once a request.
#[derive(Debug, Clone)]
struct Visiting(Option<Arc<Session>>);

/// Put into a refusal that a person is to see, so that the pages can dress it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleForbids;

/// Who is signed in, by the session cookie.
pub async fn session(parts: &mut Parts, app: &App) -> Result<Option<Arc<Session>>, StoreError> {
    if let Some(Visiting(session)) = parts.extensions.get::<Visiting>() {
        return Ok(session.clone());
    }
    let name = sessions::cookie_name(app.config.public_url.starts_with("https:"));
    let session = match cookie(&parts.headers, name) {
        Some(value) => app.provider.session(value).await?.map(Arc::new),
        None => None,
    };
    parts.extensions.insert(Visiting(session.clone()));
    Ok(session)
}

/// The first cookie of this name.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(it, _)| *it == name)
        .map(|(_, value)| value)
}

pub(crate) async fn by_session(parts: &mut Parts, app: &App) -> Result<Arc<Caller>, Response> {
    let session = session(parts, app).await.map_err(|error| {
        tracing::error!(%error, "the database failed while a session was looked up");
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
    })?;
    let Some(session) = session else {
        return Err(Redirect::to(&sign_in_address(parts)).into_response());
    };
    if session.owes_second_factor {
        return Err(Redirect::to(&second_factor_address(parts)).into_response());
    }
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let actor = session.actor(&request_id);
    // A session is no app's: no words narrow it, the role alone does.
    Ok(Arc::new(Caller::new(actor, Permissions::all())))
}

/// The sign-in page, which leads back to the page that was asked for.
fn sign_in_address(parts: &Parts) -> String {
    leading_back(parts, "/login")
}

/// Where a second factor is shown or set up, for staff who must and have not.
fn second_factor_address(parts: &Parts) -> String {
    leading_back(parts, "/login/more")
}

fn leading_back(parts: &Parts, page: &str) -> String {
    match parts.uri.path() {
        path if parts.method == Method::GET && path != "/" => {
            let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
            format!("{page}?{query}")
        }
        _ => page.to_owned(),
    }
}

pub(crate) fn forbidden_page() -> Response {
    let mut response = StatusCode::FORBIDDEN.into_response();
    response.extensions_mut().insert(RoleForbids);
    response
}
