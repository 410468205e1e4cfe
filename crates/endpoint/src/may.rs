//! From a request to a permit.
//!
//! `May(may): May<CanRead<Tickets>>` as a handler's argument lets a call in only with that permission. 401 and 403 by RFC 6750,
//! section 3; the refusal names every scope the route needs, in the words of the surface's dialect (RS-2, RS-3, RS-4).

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oauth::dpop::{self, Scheme};
use oauth::issued::Presented;
use oauth::resources::Target;
use oauth::step_up::Challenge;
use scope::permission::Permissions;
use scope::permit::{Actor, Caller, Permit, Refusal};
use scope::resource::{Access, Resource};
use scope::role::Role;
use scope::words;
use store::StoreError;

use crate::observe::ErrorCode;
use crate::routes::{Needed, Surface};
use crate::{App, authenticate};

/// A handler argument that asks for one permission, shown by a bearer token or an API key.
#[derive(Debug)]
pub struct May<P>(pub P);

/// The same for pages: the permission of a signed-in person, shown by the session cookie.
#[derive(Debug)]
pub struct BySession<P>(pub P);

/// Why a call was turned away before its handler ran.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// No credentials at all: a bare challenge without an error code (RS-2).
    #[error("This call needs an access token.")]
    NoCredentials,
    #[error("The access token is unknown, expired or revoked.")]
    InvalidToken,
    /// The same for a token that was shown with a DPoP proof.
    #[error("The access token is unknown, expired, revoked, or bound to another key.")]
    InvalidBoundToken,
    /// With the reason (DP-1).
    #[error("{0}")]
    InvalidProof(String),
    /// With the nonce to use (DP-4).
    #[error("The DPoP proof needs the nonce of the header DPoP-Nonce.")]
    UseDpopNonce(String),
    /// Basic authentication with a wrong address or key.
    #[error("The address or the API key is wrong.")]
    InvalidKey,
    /// The account's switch is off.
    #[error("API keys are switched off for this account. Use OAuth instead.")]
    KeysOff,
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The text as the surface's vendor words it.
    #[error("{0}")]
    MissingScope(String),
    /// `X-On-Behalf-Of` without the word or the role for it (SC-7).
    #[error("This token may not act for others: it takes the scope impersonate and an administrator.")]
    Impersonation,
    #[error("You do not have enough permissions to perform this action. The role of this person does not allow it.")]
    Role,
    #[error("Too many calls. Try again in {0} seconds.")]
    TooMany(u64),
    /// The sign-in behind the token is too old or too weak for this call (SU-1).
    #[error("This call needs a more recent or a surer sign-in.")]
    NotFresh { challenge: Challenge, scheme: Scheme },
    #[error("The database is busy. Try again in a second.")]
    Unavailable,
    #[error("Something broke on our side.")]
    Internal,
}

impl Why {
    /// As RFC 6750, section 3.1, calls it, for the app's list of errors.
    fn code(&self) -> Option<&'static str> {
        match self {
            Why::NoCredentials | Why::InvalidKey | Why::KeysOff => None,
            Why::InvalidRequest(_) => Some("invalid_request"),
            Why::MissingScope(_) | Why::Impersonation => Some("insufficient_scope"),
            Why::Role => Some("role_forbids"),
            Why::TooMany(_) => Some("too_many_calls"),
            Why::Unavailable => Some("temporarily_unavailable"),
            Why::Internal => Some("server_error"),
            _ => Some("invalid_token"),
        }
    }
}

impl From<StoreError> for Why {
    fn from(error: StoreError) -> Why {
        match error {
            StoreError::Unavailable(_) => Why::Unavailable,
            error => {
                tracing::error!(%error, "the database failed while a credential was checked");
                Why::Internal
            }
        }
    }
}

/// A refusal, worded by the surface whose route was called.
#[derive(Debug)]
pub struct Refused {
    pub why: Why,
    pub(crate) surface: Option<Surface>,
    pub(crate) resource_metadata: String,
    /// All scopes of the route.
    pub(crate) scope: String,
}

impl Refused {
    /// The same call refused for another reason.
    #[must_use]
    pub fn because(self, why: Why) -> Refused {
        Refused { why, ..self }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let metadata = &self.resource_metadata;
        let scope = &self.scope;
        let (status, challenge) = match &self.why {
            Why::NoCredentials => (
                StatusCode::UNAUTHORIZED,
                Some(format!(r#"Bearer realm="api", scope="{scope}", resource_metadata="{metadata}""#)),
            ),
            Why::InvalidToken => (
                StatusCode::UNAUTHORIZED,
                Some(format!(
                    r#"Bearer realm="api", error="invalid_token", error_description="The access token is unknown, expired or revoked.", resource_metadata="{metadata}""#
                )),
            ),
            Why::InvalidBoundToken => dpop_challenge("invalid_token", metadata),
            Why::InvalidProof(_) => dpop_challenge("invalid_dpop_proof", metadata),
            Why::UseDpopNonce(_) => dpop_challenge("use_dpop_nonce", metadata),
            Why::InvalidKey | Why::KeysOff => (StatusCode::UNAUTHORIZED, Some(r#"Basic realm="api""#.to_owned())),
            Why::InvalidRequest(_) => {
                (StatusCode::BAD_REQUEST, Some(r#"Bearer realm="api", error="invalid_request""#.to_owned()))
            }
            Why::MissingScope(_) => (
                StatusCode::FORBIDDEN,
                Some(format!(
                    r#"Bearer realm="api", error="insufficient_scope", scope="{scope}", resource_metadata="{metadata}""#
                )),
            ),
            Why::NotFresh { challenge, scheme } => {
                (StatusCode::UNAUTHORIZED, Some(step_up_challenge(challenge, *scheme, metadata)))
            }
            Why::Role | Why::Impersonation => (StatusCode::FORBIDDEN, None),
            Why::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, None),
            Why::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, None),
            Why::Internal => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };
        let body = match self.surface {
            Some(surface) => (surface.refusal)(status, &self.why),
            None => serde_json::json!({ "error": self.why.to_string() }),
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(code) = self.why.code() {
            response.extensions_mut().insert(ErrorCode(code));
        }
        if let Some(value) = challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        if let Why::UseDpopNonce(nonce) = &self.why {
            dpop::offer(&mut response, nonce);
        }
        let retry_after = match self.why {
            Why::TooMany(seconds) => Some(seconds),
            Why::Unavailable => Some(1),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// RFC 9470, section 3.
fn step_up_challenge(challenge: &Challenge, scheme: Scheme, metadata: &str) -> String {
    let scheme = match scheme {
        Scheme::Bearer => "Bearer",
        Scheme::Dpop => "DPoP",
    };
    let mut text = format!(
        r#"{scheme} realm="api", error="insufficient_user_authentication", error_description="A more recent or a surer sign-in is needed.""#
    );
    if let Some(acr) = &challenge.acr {
        text.push_str(&format!(r#", acr_values="{acr}""#));
    }
    if let Some(seconds) = challenge.max_age_seconds {
        text.push_str(&format!(r#", max_age="{seconds}""#));
    }
    text + &format!(r#", resource_metadata="{metadata}""#)
}

/// RFC 9449, section 7.1.
fn dpop_challenge(error: &str, metadata: &str) -> (StatusCode, Option<String>) {
    let algorithms = dpop::algorithm_names();
    let challenge =
        format!(r#"DPoP realm="api", error="{error}", algs="{algorithms}", resource_metadata="{metadata}""#);
    (StatusCode::UNAUTHORIZED, Some(challenge))
}

impl<R: Resource, A: Access> FromRequestParts<App> for May<Permit<R, A>> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let needed = needed(parts, app)?;
        let refuse = |why| refused(why, Some(&needed), app);
        let caller = authenticate::by_token(parts, app, needed.surface).await.map_err(refuse)?;
        caller.permit().map(May).map_err(|refusal| match refusal {
            Refusal::MissingScope(_) => {
                refuse(Why::MissingScope(words::missing_scope_text(needed.surface.dialect, needed.permissions)))
            }
            Refusal::Role(_) => refuse(Why::Role),
        })
    }
}

impl<R: Resource, A: Access> FromRequestParts<App> for BySession<Permit<R, A>> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let caller = authenticate::by_session(parts, app).await?;
        caller.permit().map(BySession).map_err(|_| authenticate::forbidden_page())
    }
}

/// The caller of a route that finds out by and by what the call needs: a view may list customers, a search looks for one kind of object.
/// Asks for credentials, and by itself for no permission.
pub struct Later {
    caller: Arc<Caller>,
    needed: Arc<Needed>,
    app: App,
}

impl Later {
    /// The permission that it turned out to need. The refusal names the words that open it.
    pub fn permit<R: Resource, A: Access>(&self) -> Result<Permit<R, A>, Box<Refused>> {
        self.caller.permit().map_err(|refusal| {
            let permissions = [Permit::<R, A>::permission()].into_iter().collect();
            let why = match refusal {
                Refusal::MissingScope(_) => {
                    Why::MissingScope(words::missing_scope_text(self.needed.surface.dialect, permissions))
                }
                Refusal::Role(_) => Why::Role,
            };
            let needed = Arc::new(Needed { permissions, surface: self.needed.surface });
            Box::new(refused(why, Some(&needed), &self.app))
        })
    }

    /// Whether the call may do something that a part of its body asks for besides. Whoever reads that part refuses it by itself.
    pub fn may<R: Resource, A: Access>(&self) -> bool {
        self.caller.check::<R, A>().is_ok()
    }

    /// Refuses whoever is no administrator: for calls that a vendor keeps to them though the permission reaches further.
    pub fn administrator(&self) -> Result<(), Box<Refused>> {
        match self.actor().role {
            Some(role) if role.is_admin() || role == Role::Bot => Ok(()),
            _ => Err(Box::new(refused(Why::Role, Some(&self.needed), &self.app))),
        }
    }

    /// Whether the token's words open it though the person's role does not: what customers may do is theirs alone, and checked by whose it
    /// is. The refusal names the words.
    pub fn by_words<R: Resource, A: Access>(&self) -> Result<(), Box<Refused>> {
        match self.permit::<R, A>() {
            Err(refused) if matches!(refused.why, Why::Role) => Ok(()),
            other => other.map(|_permit| ()),
        }
    }

    /// Who calls.
    pub fn actor(&self) -> &Actor {
        &self.caller.actor
    }

    /// Whether the words open everything, reading or writing: what is about the caller's own tokens is opened by no narrow word.
    pub fn is_broad(&self, all: Permissions) -> bool {
        self.caller.granted().contains_all(all)
    }
}

/// The access token that a call came with; None where it came with an API key. Stands behind the guard in a handler's arguments.
pub struct ItsToken(pub Option<Presented>);

impl<S: Sync> FromRequestParts<S> for ItsToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<ItsToken, Infallible> {
        Ok(ItsToken(parts.extensions.get::<Presented>().copied()))
    }
}

impl FromRequestParts<App> for Later {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Later, Refused> {
        let needed = needed(parts, app)?;
        let caller =
            authenticate::by_token(parts, app, needed.surface).await.map_err(|why| refused(why, Some(&needed), app))?;
        Ok(Later { caller, needed, app: app.clone() })
    }
}

/// The caller of a route that answers somebody unknown too. A wrong API key counts as none: clients test theirs that way. A wrong token is
/// refused.
pub struct Perhaps(pub Option<Later>);

impl FromRequestParts<App> for Perhaps {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Perhaps, Refused> {
        match Later::from_request_parts(parts, app).await {
            Ok(later) => Ok(Perhaps(Some(later))),
            Err(Refused { why: Why::NoCredentials | Why::InvalidKey, .. }) => Ok(Perhaps(None)),
            Err(refused) => Err(refused),
        }
    }
}

/// The guard of a surface where the body says what a call needs: each call asks for its permits itself, so no route could.
#[derive(Clone, Copy)]
pub struct ByBody<'a> {
    app: &'a App,
    surface: Surface,
}

impl<'a> ByBody<'a> {
    pub fn new(app: &'a App, surface: Surface) -> ByBody<'a> {
        ByBody { app, surface }
    }

    /// Who calls, by a token for this surface. A refusal names the words that open `first`, with which a caller can begin (RS-2).
    pub async fn caller(&self, parts: &mut Parts, first: Permissions) -> Result<Arc<Caller>, Refused> {
        authenticate::by_token(parts, self.app, self.surface).await.map_err(|why| self.refuse(why, first))
    }

    /// A refusal of a call that needs so much (RS-4).
    pub fn refuse(&self, why: Why, needed: Permissions) -> Refused {
        let needed = Arc::new(Needed { permissions: needed, surface: self.surface });
        refused(why, Some(&needed), self.app)
    }
}

pub(crate) fn needed(parts: &mut Parts, app: &App) -> Result<Arc<Needed>, Refused> {
    match parts.extensions.get::<Arc<Needed>>() {
        Some(needed) => Ok(needed.clone()),
        None => {
            tracing::error!("a guarded handler was mounted without `Routes`");
            Err(refused(Why::Internal, None, app))
        }
    }
}

pub(crate) fn refused(why: Why, needed: Option<&Arc<Needed>>, app: &App) -> Refused {
    let target = needed.map_or(Target::Api, |needed| needed.surface.target);
    Refused {
        why,
        surface: needed.map(|needed| needed.surface),
        resource_metadata: app.provider.resource_metadata_address(target),
        scope: needed.map(|needed| scope_of(needed)).unwrap_or_default(),
    }
}

/// The words that open the route, in the surface's dialect.
fn scope_of(needed: &Needed) -> String {
    words::narrowest(needed.surface.dialect, needed.permissions).join(" ")
}
