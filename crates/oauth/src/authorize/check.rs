//! THE ORDERED LIST OF CHECKS, for requests from a browser and for pushed ones alike (AZ-2, PA-2).
//!
//! Client and return address are known to belong together when it begins; `request.rs` has each of the checks.

use scope::set::ScopeSet;
use serde::{Deserialize, Serialize};
use store::StoreError;

use super::request::{self, Request};
use super::{claims, prompt};
use crate::clients::Client;
use crate::form::Params;
use crate::jose::Hint;
use crate::redirect_uri::RedirectUri;
use crate::resources::{self, Audience};
use crate::{Code, Error, Provider};

/// Name of `Demands` among the provider's settings.
pub const SETTING: &str = "authorization_requests";

/// What the account demands of every app's requests, whatever the app's own record says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Demands {
    /// A request must be pushed (PA-6).
    pub pushed: bool,
}

/// A request whose parameters count, wherever they stood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub params: Params,
    /// They stood in a signed request object (JA-1).
    pub is_signed: bool,
    /// The push by which they came.
    pub push: Option<Push>,
}

/// How a request was handed in before the browser came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// Of its `request_uri`. None while it is being handed in.
    pub hash: Option<[u8; 32]>,
    /// The DPoP key that was proven then (DP-7).
    pub jkt: Option<String>,
}

/// What the checks need to know besides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Circumstances {
    pub hinted: Option<Hint>,
    /// The session that the browser has.
    pub session_id: Option<i64>,
    pub demands: Demands,
    /// People may sign up by themselves (AZ-16).
    pub has_sign_up: bool,
    /// The MCP endpoint may be asked for (MC-9).
    pub has_mcp: bool,
}

impl Provider {
    pub(crate) async fn circumstances(
        &self,
        params: &Params,
        session_id: Option<i64>,
    ) -> Result<Circumstances, StoreError> {
        Ok(Circumstances {
            hinted: self.hinted(params).await?,
            session_id,
            demands: self.setting(SETTING).await?,
            has_sign_up: self.has_sign_up().await?,
            has_mcp: self.is_mcp_on().await?,
        })
    }

    /// What the `id_token_hint` proves, if there is one that is ours.
    async fn hinted(&self, params: &Params) -> Result<Option<Hint>, StoreError> {
        let Some(hint) = params.get("id_token_hint") else { return Ok(None) };
        match self.verify_id_token_hint(hint).await {
            Ok(hint) => Ok(hint),
            Err(Error::Store(error)) => Err(error),
            Err(error) => {
                error.log();
                Err(StoreError::Unavailable("the signing keys cannot be read".to_owned()))
            }
        }
    }
}

/// Everything that needs no person. A refusal is for the app.
pub(crate) fn all(
    provider: &Provider,
    client: &Client,
    asked: &Asked,
    (uri, redirect_uri_sent): (&RedirectUri, bool),
    around: Circumstances,
) -> Result<Request, Error> {
    let params = &asked.params;
    request::nothing_repeated(params)?;
    request::lengths(params)?;
    if asked.push.is_none() && (client.require_par || around.demands.pushed) {
        return Err(Error::invalid_request("The request must be pushed first (RFC 9126)."));
    }
    if client.require_signed_request && !asked.is_signed {
        return Err(Error::invalid_request("The request must be a signed request object (RFC 9101)."));
    }
    request::nothing_unsupported(params)?;
    request::response_type(client, params)?;
    let response_mode = request::response_mode(params)?;
    let code_challenge = request::code_challenge(client, params)?;
    let dpop_jkt = request::dpop_jkt(params, asked.push.as_ref().and_then(|push| push.jkt.as_deref()))?;
    let audience = provider.asked_audience(params)?.unwrap_or(Audience::API);
    resources::check_switched_on(audience, around.has_mcp)?;
    let is_handed_in = asked.push.as_ref().is_some_and(|push| push.hash.is_none());
    let (scope, refused) = match request::scope(provider, client, params, audience) {
        // AZ-24: or anybody could register an app and make of us a link that leads anywhere.
        Err(error) if client.is_self_registered() && !is_handed_in => (ScopeSet::default(), Some(error.description())),
        scope => (scope?, None),
    };
    let mut prompt = prompt::read(params)?;
    prompt.create &= around.has_sign_up;
    let wishes = claims::read(client, params)?;
    Ok(Request {
        redirect_uri: uri.as_str().to_owned(),
        redirect_uri_sent,
        response_mode,
        state: request::state(params),
        nonce: params.get("nonce").map(str::to_owned),
        scope: scope.as_str().to_owned(),
        resources: audience.text(&provider.config.issuer),
        code_challenge,
        dpop_jkt,
        prompt,
        max_age_seconds: request::max_age(params)?.or(client.metadata.default_max_age),
        login_hint: params.get("login_hint").map(str::to_owned),
        hinted_person_id: hinted_person(provider, client, params, around.hinted, wishes.sub.as_deref())?,
        include_granted_scopes: params.get("include_granted_scopes") == Some("true"),
        session_id: around.session_id,
        refused,
        account_chosen: false,
        more_asked: false,
        ui_locales: request::ui_locales(params),
        claims: wishes.claims,
        demand: wishes.demand,
        pushed: asked.push.as_ref().and_then(|push| push.hash),
    })
}

/// Whom the hint names, or the `sub` that `claims` asks for by value.
fn hinted_person(
    provider: &Provider,
    client: &Client,
    params: &Params,
    hint: Option<Hint>,
    sub: Option<&str>,
) -> Result<Option<i64>, Error> {
    let hinted = request::hinted_person(provider, client, params, hint)?;
    match sub.map(|sub| provider.person_of_sub(client, sub)).transpose()? {
        None => Ok(hinted),
        Some(Some(asked)) if hinted.is_none_or(|hinted| hinted == asked) => Ok(Some(asked)),
        Some(_) => Err(Error::of(Code::LoginRequired, "Nobody with the asked sub is signed in.")),
    }
}
