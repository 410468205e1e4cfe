//! The token endpoint: authenticates the app, then hands over to the file of the grant (TK-1 to TK-6).

mod access_token;
mod authorization_code;
mod client_credentials;
mod device_code;
mod jwt_bearer;
mod refresh_token;
mod token_exchange;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use scope::identity::Identity;
use scope::permit::Actor;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};
use store::{StoreError, Tx};

use crate::client_auth::{BackChannel, Known};
use crate::clients::Client;
use crate::device;
use crate::dpop::{self, Expected};
use crate::error::{self, BASIC_CHALLENGE};
use crate::families;
use crate::form::{Accepts, Params};
use crate::policy::RefreshTokenRule;
use crate::resources::{self, Audience};
use crate::{Code, Error, Provider, secret};

/// Which address of the token endpoint was called. Both serve every client; they differ in spelling only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// `/oauth/token`
    Standard,
    /// `/oauth/tokens`: also takes JSON, and words its refusals as Zendesk does (SC-8).
    Zendesk,
}

impl Address {
    const fn path(self) -> &'static str {
        match self {
            Address::Standard => "/oauth/token",
            Address::Zendesk => "/oauth/tokens",
        }
    }
}

/// A successful answer.
#[derive(Debug)]
struct Granted {
    access_token: String,
    expires_in: i64,
    scope: ScopeSet,
    refresh_token: Option<String>,
    /// Told in the Zendesk dialect (RT-7).
    refresh_token_expires_in: Option<i64>,
    id_token: Option<String>,
    /// Of an exchange (RFC 8693, 2.2.1).
    issued_token_type: Option<&'static str>,
}

/// What the app asks for and what it may have, the same for every grant.
struct Call<'a> {
    provider: &'a Provider,
    known: &'a Known,
    params: &'a Params,
    now: Timestamp,
    /// The app, for the event log.
    actor: Actor,
    /// Thumbprint of the DPoP key that the new access token is bound to (DP-5).
    jkt: Option<String>,
}

impl Provider {
    /// `POST /oauth/token` and `POST /oauth/tokens`. Answers after the commit (TK-6).
    pub async fn token(&self, address: Address, request: &BackChannel) -> Response {
        match self.grant(address, request).await {
            Ok((mut response, next_nonce)) => {
                if let Some(nonce) = next_nonce {
                    dpop::offer(&mut response, &nonce);
                }
                response
            }
            Err(error) => match address {
                Address::Standard => error.into_response(),
                Address::Zendesk => in_zendesks_words(error),
            },
        }
    }

    /// The answer, and the DPoP nonce to offer with it.
    async fn grant(&self, address: Address, request: &BackChannel) -> Result<(Response, Option<String>), Error> {
        let accepts = match address {
            Address::Standard => Accepts::Form,
            Address::Zendesk => Accepts::FormOrJson,
        };
        let params = request.params(accepts)?;
        let known = self.authenticate_client(request, &params).await?;
        let granted = self.grant_to(address, request, &params, &known).await;
        if let Err(error) = &granted {
            self.note_refusal(&known.client, "POST", address.path(), error, &request.request_id);
        }
        granted
    }

    /// The same for an app that is authenticated, or public and named.
    async fn grant_to(
        &self,
        address: Address,
        request: &BackChannel,
        params: &Params,
        known: &Known,
    ) -> Result<(Response, Option<String>), Error> {
        let grant_type = params.require("grant_type")?;
        let client = &known.client;
        let expected = Expected { method: "POST", path: address.path(), access_token: None, policy: client.policy };
        let proof = self.dpop_proof(&request.headers, expected).await?;
        if proof.is_none() && client.require_dpop {
            return Err(Error::of(Code::InvalidDpopProof, "This app must send a DPoP proof."));
        }
        let (jkt, next_nonce) = proof.map_or((None, None), |proof| (Some(proof.jkt), proof.next_nonce));
        let is_bound = jkt.is_some();
        let call = Call {
            provider: self,
            known,
            params,
            now: self.clock.now(),
            actor: Actor { client_id: Some(client.id), request_id: request.request_id.clone(), ..Actor::default() },
            jkt,
        };
        if let Some(asked) = self.asked_audience(params)? {
            resources::check_switched_on(asked, self.is_mcp_on().await?)?;
        }
        let granted = match grant_type {
            "authorization_code" => {
                call.may_use(grant_type)?;
                authorization_code::redeem(call).await?
            }
            "refresh_token" => {
                call.may_use(grant_type)?;
                refresh_token::refresh(call).await?
            }
            device::GRANT => {
                call.may_use(grant_type)?;
                device_code::redeem(call).await?
            }
            "client_credentials" if client.policy.has_client_credentials() => client_credentials::issue(call).await?,
            jwt_bearer::GRANT_TYPE => jwt_bearer::issue(call).await?,
            token_exchange::GRANT_TYPE => token_exchange::exchange(call).await?,
            _ => {
                let words = "The grants of this provider are those that its metadata names.";
                return Err(Error::of(Code::UnsupportedGrantType, words));
            }
        };
        Ok((error::answer(StatusCode::OK, &granted.body(client, is_bound)), next_nonce))
    }
}

impl Call<'_> {
    fn may_use(&self, grant_type: &str) -> Result<(), Error> {
        if self.known.client.may_use_grant(grant_type) {
            return Ok(());
        }
        Err(Error::of(Code::UnauthorizedClient, format!("This app is not allowed the grant {grant_type}.")))
    }

    /// How long the new access token lives: the client's setting, or what was asked for within Zendesk's bounds (SC-8).
    fn access_token_seconds(&self) -> Result<i64, Error> {
        let asked = self.asked_seconds("expires_in", 300, 172_800)?;
        Ok(asked.unwrap_or(self.known.client.access_token_seconds))
    }

    /// How long the new refresh token lives without a use. None: without end.
    fn refresh_token_seconds(&self) -> Result<Option<i64>, Error> {
        let asked = self.asked_seconds("refresh_token_expires_in", 604_800, 7_776_000)?;
        Ok(asked.or(self.known.client.refresh_idle_seconds))
    }

    fn asked_seconds(&self, name: &'static str, least: i64, most: i64) -> Result<Option<i64>, Error> {
        let Some(text) = self.params.get(name).filter(|_| self.known.client.policy.lifetimes_by_request()) else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(seconds) if (least..=most).contains(&seconds) => Ok(Some(seconds)),
            _ => Err(Error::invalid_request(format!("{name} must be a number of seconds from {least} to {most}."))),
        }
    }

    /// Whether a consent to this scope gives a refresh token (AC-5).
    fn gives_refresh_token(&self, scope: &ScopeSet) -> bool {
        let client = &self.known.client;
        client.may_use_grant("refresh_token")
            && match client.policy.refresh_token_rule() {
                RefreshTokenRule::Always => true,
                RefreshTokenRule::WhenOffline => scope.has_identity(Identity::Offline),
            }
    }

    /// The words that are still within the app's ceiling (SC-11).
    fn within_ceiling(&self, scope: &ScopeSet) -> ScopeSet {
        let client = &self.known.client;
        scope.within(&client.allowed_scopes, client.dialect)
    }

    /// Reads the `scope` parameter (SC-1).
    fn asked_scope(&self) -> Result<Option<ScopeSet>, Error> {
        let Some(text) = self.params.get("scope") else { return Ok(None) };
        ScopeSet::parse(text).map(Some).map_err(|bad| Error::of(Code::InvalidScope, bad.to_string()))
    }

    /// What the new access token is for, and the words that mean something there: of what was granted, what the request names
    /// (RI-4, RI-6, RI-7).
    fn for_audience(&self, granted: Audience, scope: &ScopeSet) -> Result<(Audience, ScopeSet), Error> {
        let audience = granted.narrowed(self.provider.asked_audience(self.params)?)?;
        let known = self.provider.scope_for(audience, scope, self.known.client.dialect);
        match known.is_empty() && !scope.is_empty() {
            true => Err(Error::of(Code::InvalidScope, "None of the granted scopes means anything to this resource.")),
            false => Ok((audience, known)),
        }
    }

    /// The instant so many seconds from now.
    fn after(&self, seconds: i64) -> Timestamp {
        self.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    }

    /// When a refresh token made now ends: its idle life, but not beyond its family (RT-7).
    fn refresh_token_end(&self, idle_seconds: Option<i64>, family_end: Option<Timestamp>) -> Option<Timestamp> {
        match (idle_seconds.map(|seconds| self.after(seconds)), family_end) {
            (Some(idle), Some(family)) => Some(idle.min(family)),
            (one, other) => one.or(other),
        }
    }
}

impl Granted {
    /// An access token alone, with no time and no scope yet.
    fn of(access_token: String) -> Granted {
        Granted {
            access_token,
            expires_in: 0,
            scope: ScopeSet::default(),
            refresh_token: None,
            refresh_token_expires_in: None,
            id_token: None,
            issued_token_type: None,
        }
    }

    fn body(&self, client: &Client, is_bound: bool) -> Json {
        let mut body = Map::new();
        let mut set = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        set("access_token", Some(json!(self.access_token)));
        set("issued_token_type", self.issued_token_type.map(|kind| json!(kind)));
        set("token_type", Some(json!(client.policy.token_type(is_bound))));
        set("expires_in", Some(json!(self.expires_in)));
        set("scope", Some(json!(self.scope.as_str())));
        set("id_token", self.id_token.as_ref().map(|token| json!(token)));
        set("refresh_token", self.refresh_token.as_ref().map(|token| json!(token)));
        set("refresh_token_expires_in", self.refresh_token_expires_in.map(|seconds| json!(seconds)));
        Json::Object(body)
    }
}

/// A token that was drawn and is not stored yet. Drawn outside the transaction, which may run more than once.
struct Drawn {
    value: String,
    hash: [u8; 32],
}

impl Drawn {
    fn new(value: String) -> Drawn {
        Drawn { hash: secret::hash(&value), value }
    }
}

async fn keep_access_token(
    tx: &mut Tx,
    call: &Call<'_>,
    token: &Drawn,
    of: &families::Issue<'_>,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.run(
        "insert into access_tokens (hash, family_id, refresh_id, scope, created_at, expires_at, audience, jkt, hint)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            token.hash.as_slice().into(),
            of.family_id.into(),
            of.refresh_id.into(),
            of.scope.as_str().into(),
            call.now.into(),
            expires_at.into(),
            of.audience.text(&call.provider.config.issuer).into(),
            call.jkt.as_deref().into(),
            secret::hint(&token.value).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Stores a refresh token and says its row.
async fn keep_refresh_token(
    tx: &mut Tx,
    call: &Call<'_>,
    token: &Drawn,
    family_id: i64,
    parent_id: Option<i64>,
    expires_at: Option<Timestamp>,
) -> Result<i64, StoreError> {
    let row = tx
        .row(
            "insert into refresh_tokens (hash, family_id, parent_id, created_at, expires_at, hint) values ($1, $2, $3, $4, $5, $6) returning id",
            &[
                token.hash.as_slice().into(),
                family_id.into(),
                parent_id.into(),
                call.now.into(),
                expires_at.into(),
                secret::hint(&token.value).into(),
            ],
        )
        .await?;
    row.ok_or(StoreError::Column("id"))?.int("id")
}

/// Quirk: Zendesk's descriptions, which its apps may know by heart, and a challenge with every 401 (`token_endpoint.errors`).
fn in_zendesks_words(error: Error) -> Response {
    const INVALID_GRANT: &str = "The provided access grant is invalid, expired, or revoked (e.g. invalid assertion, expired authorization token, bad end-user password credentials, or mismatching authorization code and redirection URI).";
    const INVALID_CLIENT: &str = "The client identifier provided is invalid, the client failed to authenticate, the client did not include its credentials, provided multiple client credentials, or used unsupported credentials type.";
    let description = match error.code() {
        Code::InvalidGrant => INVALID_GRANT,
        Code::InvalidClient => INVALID_CLIENT,
        _ => return error.into_response(),
    };
    let body = json!({ "error": error.code().word(), "error_description": description });
    let mut response = error::answer(error.code().status(), &body);
    if error.code() == Code::InvalidClient {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(BASIC_CHALLENGE));
    }
    response
}
