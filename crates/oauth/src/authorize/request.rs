//! Each check of an authorization request, in the order in which `check.rs` calls them.
//!
//! Until client and redirect URI are known to belong together, a refusal is a page of ours; from then on it is told to the app (AZ-2).

use http::StatusCode;
use scope::Dialect;
use scope::set::ScopeSet;
use serde::{Deserialize, Serialize};
use store::{StoreError, Tx};

use super::claims::{ClaimsAsked, Demand};
use super::prompt::Prompt;
use super::respond::ResponseMode;
use super::{Next, UNKNOWN_APP};
use crate::clients::{self, Client};
use crate::form::Params;
use crate::jose::Hint;
use crate::redirect_uri::{ApplicationType, RedirectUri};
use crate::resources::Audience;
use crate::{Code, Error, Provider, app_rules, dialects, dpop, pkce};

/// Longest `state` and `nonce`, in bytes (ALL-14).
const ECHOED_MAX_BYTES: usize = 2048;
/// Longest query or form, in bytes (ALL-14).
const RAW_MAX_BYTES: usize = 64 * 1024;

/// A request that passed every check which needs no person. Stored as JSON while a person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub redirect_uri: String,
    /// Whether the app named it; else it is the only registered one (RU-7).
    pub redirect_uri_sent: bool,
    pub response_mode: ResponseMode,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// Space-separated, within the client's ceiling.
    pub scope: String,
    /// `Audience::text` of what is asked for (RI-1).
    pub resources: String,
    pub code_challenge: Option<String>,
    /// Thumbprint of the DPoP key that the code is for (DP-7).
    #[serde(default)]
    pub dpop_jkt: Option<String>,
    pub prompt: Prompt,
    pub max_age_seconds: Option<i64>,
    pub login_hint: Option<String>,
    /// The person an `id_token_hint` names: nobody else will do (AZ-17).
    pub hinted_person_id: Option<i64>,
    /// The code carries the whole grant, not only what was asked now (CO-7).
    pub include_granted_scopes: bool,
    /// The session the browser had when it asked; a fresh sign-in makes another.
    pub session_id: Option<i64>,
    /// Why the app gets nothing, whoever signs in: told to an app that registered itself only when somebody did (AZ-24).
    #[serde(default)]
    pub refused: Option<String>,
    /// The person chose to go on with the account that was signed in.
    pub account_chosen: bool,
    /// The person was asked for more than their sign-in had shown.
    #[serde(default)]
    pub more_asked: bool,
    /// The languages that the person reads, best first (AZ-18).
    #[serde(default)]
    pub ui_locales: Option<String>,
    #[serde(default)]
    pub claims: ClaimsAsked,
    /// How surely the person must have shown who they are.
    pub demand: Option<Demand>,
    /// Hash of the `request_uri` by which it came; it is used up with the answer (PA-4).
    pub pushed: Option<[u8; 32]>,
}

/// A refusal before the redirect URI can be trusted.
pub(crate) fn page(title: &'static str, detail: impl Into<String>) -> Next {
    Next::Page { status: StatusCode::BAD_REQUEST, title, detail: detail.into() }
}

/// The parameters, decoded (ALL-4). None if they are not text, or too much of it (ALL-5, ALL-14).
pub(crate) fn decode(raw: &[u8]) -> Option<Params> {
    let text = std::str::from_utf8(raw).ok().filter(|_| raw.len() <= RAW_MAX_BYTES)?;
    Params::decode(text).ok()
}

/// The client, if it may act at all (AZ-2, POL-4).
pub(crate) async fn client(tx: &mut Tx, params: &Params) -> Result<Result<Client, Next>, StoreError> {
    if is_repeated(params, "client_id") {
        return Ok(Err(page(UNKNOWN_APP, "The request names more than one app (client_id was sent twice).")));
    }
    let Some(client_id) = params.get("client_id") else {
        return Ok(Err(page(UNKNOWN_APP, "The request does not say which app it comes from (client_id is missing).")));
    };
    let client = match clients::by_client_id(tx, client_id).await? {
        Some(client) => Some(app_rules::applied(tx, client).await?),
        None => None,
    };
    match client {
        Some(client) if client.is_active() => Ok(Ok(client)),
        _ => Ok(Err(page(
            UNKNOWN_APP,
            "No app with this client_id may ask for access here. It may have been switched off.",
        ))),
    }
}

/// Where the answer goes, and whether the app said so (RU-1 to RU-3, RU-7, RU-8, RU-11). The text says what is wrong.
pub(crate) async fn redirect_uri(
    tx: &mut Tx,
    client: &Client,
    params: &Params,
) -> Result<Result<(RedirectUri, bool), &'static str>, StoreError> {
    if is_repeated(params, "redirect_uri") {
        return Ok(Err("The request names more than one return address (redirect_uri was sent twice)."));
    }
    let Some(requested) = params.get("redirect_uri") else {
        let scope = params.get("scope").unwrap_or(client.default_scopes.as_str());
        let must_say = client.policy.requires_redirect_uri() || scope.split(' ').any(|word| word == "openid");
        return Ok(match client.redirect_uris.as_slice() {
            [] => Err("This app has no registered return address, so it cannot ask people for access."),
            [only] if !must_say => Ok((only.clone(), false)),
            _ => Err("The request does not say where to return to (redirect_uri is missing)."),
        });
    };
    match registered(tx, client, requested).await? {
        Some(uri) => Ok(Ok((uri, true))),
        None => Ok(Err("The return address (redirect_uri) is not one that this app has registered.")),
    }
}

/// The requested address, if it is registered now.
pub(crate) async fn registered(
    tx: &mut Tx,
    client: &Client,
    requested: &str,
) -> Result<Option<RedirectUri>, StoreError> {
    let account = match client.dialect {
        Dialect::Gorgias => tx.row("select domain from account where id = 1", &[]).await?,
        Dialect::Standard | Dialect::Zendesk => None,
    };
    let account = account.map(|row| row.text("domain")).transpose()?.unwrap_or_default();
    // RU-3: real agent clients listen on `localhost`.
    let localhost_is_free =
        client.application_type == ApplicationType::Native || matches!(client.registered_by.as_str(), "dcr" | "cimd");
    Ok(client
        .redirect_uris
        .iter()
        .flat_map(|uri| dialects::spellings(client.dialect, uri, &account))
        .find_map(|uri| uri.matches(requested, localhost_is_free)))
}

/// `state`, if there is exactly one of a length we echo.
pub(crate) fn state(params: &Params) -> Option<String> {
    let state = params.get("state").filter(|state| state.len() <= ECHOED_MAX_BYTES)?;
    (!is_repeated(params, "state")).then(|| state.to_owned())
}

/// Nothing was sent twice, except `resource`, which may be (ALL-3).
pub(crate) fn nothing_repeated(params: &Params) -> Result<(), Error> {
    match params.repeated.iter().find(|name| *name != "resource") {
        Some(name) => Err(Error::invalid_request(format!("The parameter {name} was sent twice."))),
        None => Ok(()),
    }
}

/// What must come back unchanged is short enough (ALL-14).
pub(crate) fn lengths(params: &Params) -> Result<(), Error> {
    for name in ["state", "nonce"] {
        if params.get(name).is_some_and(|value| value.len() > ECHOED_MAX_BYTES) {
            return Err(Error::invalid_request(format!("The parameter {name} is longer than 2048 bytes.")));
        }
    }
    Ok(())
}

/// The one flow there is (AZ-3).
pub(crate) fn response_type(client: &Client, params: &Params) -> Result<(), Error> {
    match params.get("response_type") {
        None => Err(Error::invalid_request("The parameter response_type is missing.")),
        Some("code") if client.may_use_grant("authorization_code") => Ok(()),
        Some("code") => Err(Error::of(Code::UnauthorizedClient, "This app may not ask people for access.")),
        Some(_) => Err(Error::of(Code::UnsupportedResponseType, "The only response_type is code.")),
    }
}

/// How the answer travels; query when not said (AZ-4).
pub(crate) fn response_mode(params: &Params) -> Result<ResponseMode, Error> {
    match params.get("response_mode") {
        None => Ok(ResponseMode::USUAL),
        Some(word) => ResponseMode::parse(word).ok_or_else(|| {
            Error::invalid_request(format!("The response_mode must be one of: {}.", ResponseMode::WORDS.join(" ")))
        }),
    }
}

/// A registration within a request is not taken (AZ-22). `request` and `request_uri` were dealt with before.
pub(crate) fn nothing_unsupported(params: &Params) -> Result<(), Error> {
    match params.get("registration") {
        Some(_) => Err(Error::of(Code::RegistrationNotSupported, "The parameter registration is not supported.")),
        None => Ok(()),
    }
}

/// What is asked for: well-formed, known, within the client's ceiling, and known to the resources it is for; the client's default when
/// nothing is named (SC-1, SC-2, SC-3, SC-11, RI-7).
pub(crate) fn scope(
    provider: &Provider,
    client: &Client,
    params: &Params,
    audience: Audience,
) -> Result<ScopeSet, Error> {
    let invalid = |description: String| Error::of(Code::InvalidScope, description);
    let scope = match params.get("scope") {
        Some(text) => ScopeSet::parse(text)
            .map_err(|_| invalid("The scope has a character that no scope may have.".to_owned()))?,
        None => provider.scope_for(audience, &client.default_scopes, client.dialect),
    };
    if scope.is_empty() {
        return Err(invalid("The request names no scope, and this app has no default.".to_owned()));
    }
    let unknown = scope.unknown(client.dialect);
    if !unknown.is_empty() && !client.policy.keeps_unknown_scopes() {
        return Err(invalid(format!("Unknown scope: {}.", unknown.join(" "))));
    }
    let beyond = scope.beyond(&client.allowed_scopes, client.dialect);
    if !beyond.is_empty() {
        return Err(invalid(format!("This app may not ask for: {beyond}.")));
    }
    provider.check_scope_for(audience, &scope, client.dialect)?;
    Ok(scope)
}

/// The S256 challenge, which may be missing only where the client's record says so (PK-1, PK-2, PK-3, POL-3).
pub(crate) fn code_challenge(client: &Client, params: &Params) -> Result<Option<String>, Error> {
    let method = params.get("code_challenge_method");
    let Some(challenge) = params.get("code_challenge") else {
        if client.is_public() || client.require_pkce || method.is_some() {
            return Err(Error::invalid_request("The parameter code_challenge is missing (PKCE, S256)."));
        }
        return Ok(None);
    };
    if method != Some("S256") {
        return Err(Error::invalid_request("The code_challenge_method must be S256."));
    }
    if !pkce::is_challenge(challenge) {
        return Err(Error::invalid_request("The code_challenge must be 43 characters of base64url."));
    }
    Ok(Some(challenge.to_owned()))
}

/// The DPoP key that alone may redeem the code: the one that was proven when the request was pushed, or the one it names (DP-7;
/// RFC 9449, 10).
pub(crate) fn dpop_jkt(params: &Params, proven: Option<&str>) -> Result<Option<String>, Error> {
    match (params.get("dpop_jkt"), proven) {
        (Some(named), _) if !dpop::is_thumbprint(named) => {
            Err(Error::invalid_request("The dpop_jkt must be a JWK thumbprint of 43 characters of base64url."))
        }
        (Some(named), Some(proven)) if named != proven => {
            Err(Error::of(Code::InvalidDpopProof, "The dpop_jkt is not the key of the DPoP proof."))
        }
        (named, proven) => Ok(named.or(proven).map(str::to_owned)),
    }
}

/// Whole seconds, none below zero (AZ-14).
pub(crate) fn max_age(params: &Params) -> Result<Option<i64>, Error> {
    let Some(text) = params.get("max_age") else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(seconds) if seconds >= 0 => Ok(Some(seconds)),
        _ => Err(Error::invalid_request("The max_age must be a number of seconds.")),
    }
}

/// The person whom an `id_token_hint` for this app names; a broken hint is the app's mistake, an expired one is none (AZ-17).
pub(crate) fn hinted_person(
    provider: &Provider,
    client: &Client,
    params: &Params,
    hint: Option<Hint>,
) -> Result<Option<i64>, Error> {
    if params.get("id_token_hint").is_none() {
        return Ok(None);
    }
    let hint = hint.filter(|hint| hint.aud.contains(&client.client_id));
    let person_id = hint.map(|hint| provider.person_of_sub(client, &hint.sub)).transpose()?.flatten();
    match person_id {
        Some(person_id) => Ok(Some(person_id)),
        None => Err(Error::invalid_request("The id_token_hint is not an id_token for this app.")),
    }
}

/// Language tags, if there are few of them; others are as good as none (AZ-18).
pub(crate) fn ui_locales(params: &Params) -> Option<String> {
    params.get("ui_locales").filter(|tags| tags.len() <= 200).map(str::to_owned)
}

pub(crate) fn is_repeated(params: &Params, name: &str) -> bool {
    params.repeated.iter().any(|repeated| repeated == name)
}
