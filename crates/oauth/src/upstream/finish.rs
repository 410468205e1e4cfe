//! The way back: the code becomes an id_token, which must be for us, now, and of the provider that was asked (OpenID Connect Core 3.1.3.7;
//! RFC 9207).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use outside::fetch::Bounds;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use store::transact;
use subtle::ConstantTimeEq;

use super::discovery::Metadata;
use super::providers::{self, IdentityProvider};
use super::{Away, Identity, Link, UpstreamError};
use crate::authorize::Browser;
use crate::client_keys::KeySource;
use crate::jwt::{self, Audience, Claims, Rules, Type};
use crate::sessions::SignedIn;
use crate::{Provider, caching, secret};

/// Of `seal`.
pub(super) const PURPOSE: &str = "upstream sign-in";
/// A sign-in there may be so much older than ours where a fresh one was asked for, in seconds: clocks differ.
const FRESH_SECONDS: i64 = 60;
/// Longest `sub` (OpenID Connect Core 2), in bytes.
const SUB_MAX_BYTES: usize = 255;

/// A person who came back.
#[derive(Debug)]
pub enum Arrived {
    /// Signed in; goes on with the pending request, or to a path of our own.
    SignedIn { signed_in: Box<SignedIn>, request: Option<String>, return_to: Option<String> },
    /// Nobody here is known by this identity yet: the person signs in here once by other means, and confirms.
    Unknown(Link),
}

/// What the browser brought back, decoded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    pub state: Option<&'a str>,
    pub code: Option<&'a str>,
    pub error: Option<&'a str>,
    pub iss: Option<&'a str>,
}

impl Provider {
    /// Takes a browser back. Each `state` counts once, in the browser that began.
    pub async fn finish_upstream(&self, answer: Answer<'_>, browser: &Browser<'_>) -> Result<Arrived, UpstreamError> {
        let (away, begun_at) = self.take_away(answer.state.ok_or(UpstreamError::Expired)?, browser).await?;
        let mut tx = self.db.read().await?;
        let found = providers::find(&mut tx, away.provider_id).await?.filter(|it| it.is_active);
        drop(tx);
        let provider = found.ok_or(UpstreamError::Expired)?;
        let untrusted = |reason: String| UpstreamError::Untrusted(provider.name.clone(), reason);
        let metadata = self.discovered(&provider).await?;
        // Before anything else is believed: an answer of another provider (mix-up, RFC 9700 section 4.4).
        match answer.iss {
            Some(iss) if iss != provider.issuer => return Err(untrusted("another provider sent it".to_owned())),
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err(untrusted("it does not say who sent it".to_owned()));
            }
            _ => {}
        }
        let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
            return Err(UpstreamError::Denied(provider.name));
        };
        let tokens = self.upstream_tokens(&provider, &metadata, code, &away).await?;
        let id_token = tokens.get("id_token").and_then(Json::as_str);
        let id_token = id_token.ok_or_else(|| untrusted("it holds no id_token".to_owned()))?;
        let claims = self.verified(&provider, &metadata, id_token).await?;
        check(&claims, &provider, &away, begun_at).map_err(untrusted)?;
        let access_token = tokens.get("access_token").and_then(Json::as_str);
        let identity = self.identity(&provider, &metadata, &claims, access_token).await?;
        self.arrive(identity, away, browser).await
    }

    /// Uses the step up.
    async fn take_away(&self, state: &str, browser: &Browser<'_>) -> Result<(Away, Timestamp), UpstreamError> {
        let now = self.clock.now();
        let row = transact!(self.db, |tx| {
            tx.row(
                "delete from sign_in_steps where hash = $1 and browser_hash = $2 and kind = 'upstream' and person_id is null
                 returning state_encrypted, created_at, expires_at",
                &[secret::hash(state).as_slice().into(), secret::hash(browser.cookie).as_slice().into()],
            )
            .await
        })?;
        let row = row.ok_or(UpstreamError::Expired)?;
        if row.time("expires_at")? <= now {
            return Err(UpstreamError::Expired);
        }
        let away = self.unseal(PURPOSE, state, &row.blob("state_encrypted")?)?;
        let away = serde_json::from_slice(&away).map_err(|_| UpstreamError::Expired)?;
        Ok((away, row.time("created_at")?))
    }

    async fn upstream_tokens(
        &self,
        provider: &IdentityProvider,
        metadata: &Metadata,
        code: &str,
        away: &Away,
    ) -> Result<Json, UpstreamError> {
        let unusable = |reason: String| UpstreamError::Unusable(provider.name.clone(), reason);
        let secret = self.secret_at(provider).await?;
        let callback = self.upstream_callback();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback.as_str()),
            ("code_verifier", away.verifier.as_str()),
        ];
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let may = |method: &str| methods.iter().any(|it| it == method);
        match &secret {
            // The default where nothing is said (OpenID Connect Discovery 3).
            Some(secret) if methods.is_empty() || may("client_secret_basic") => {
                let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
                let pair = format!("{}:{}", encoded(&provider.client_id), encoded(secret));
                let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
                let value = value.map_err(|_| unusable("our credentials there cannot be sent".to_owned()))?;
                headers.insert(header::AUTHORIZATION, value);
            }
            Some(secret) => fields.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret)]),
            None => fields.push(("client_id", provider.client_id.as_str())),
        }
        let answer = self.fetch.post_form(&metadata.token_endpoint, headers, &fields, Bounds::default()).await;
        let answer = answer.map_err(|error| unusable(format!("its token endpoint could not be reached ({error})")))?;
        if answer.status != StatusCode::OK || !caching::is_json(&answer.headers) {
            return Err(unusable(format!("its token endpoint answered with status {}", answer.status.as_u16())));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| unusable("its token endpoint did not answer with JSON".to_owned()))
    }

    async fn verified(
        &self,
        provider: &IdentityProvider,
        metadata: &Metadata,
        id_token: &str,
    ) -> Result<Claims, UpstreamError> {
        let refused = |refusal: jwt::Refusal| UpstreamError::Untrusted(provider.name.clone(), format!("{refusal}"));
        let head = jwt::head(id_token).map_err(refused)?;
        let source = KeySource { jwks: None, jwks_uri: Some(&metadata.jwks_uri) };
        let keys = self.key_of(source, head.kid.as_deref(), head.algorithm).await?;
        let rules = Rules {
            typ: Type::Usual(&["jwt"]),
            issuer: Some(&provider.issuer),
            audience: Audience::Contains(&provider.client_id),
            requires_iat: true,
            ..jwt::STRICT
        };
        jwt::verify(id_token, &keys, &rules, self.clock.now()).map_err(refused)
    }

    /// Name and verified address may stand at the userinfo endpoint instead. What is said there counts only for the same `sub`.
    async fn identity(
        &self,
        provider: &IdentityProvider,
        metadata: &Metadata,
        claims: &Claims,
        access_token: Option<&str>,
    ) -> Result<Identity, UpstreamError> {
        let sub = claims.sub.clone().unwrap_or_default();
        let mut said = Json::Object(claims.all.clone());
        if said.get("email").is_none()
            && let (Some(endpoint), Some(token)) = (&metadata.userinfo_endpoint, access_token)
            && let Ok(bearer) = HeaderValue::try_from(format!("Bearer {token}"))
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, bearer);
            if let Ok(answer) = self.fetch.get(endpoint, headers, Bounds::default()).await
                && answer.status == StatusCode::OK
                && let Ok(found) = serde_json::from_slice::<Json>(&answer.body)
                && found.get("sub").and_then(Json::as_str) == Some(&sub)
            {
                said = found;
            }
        }
        let text = |name: &str| said.get(name).and_then(Json::as_str).filter(|it| it.len() <= 320).map(str::to_owned);
        let is_verified = said.get("email_verified") == Some(&Json::Bool(true));
        Ok(Identity { provider_id: provider.id, sub, email: text("email").filter(|_| is_verified), name: text("name") })
    }
}

/// What the signature does not say (OpenID Connect Core 3.1.3.7).
fn check(claims: &Claims, provider: &IdentityProvider, away: &Away, begun_at: Timestamp) -> Result<(), String> {
    let nonce = claims.all.get("nonce").and_then(Json::as_str).unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(away.nonce.as_bytes())) {
        return Err("its id_token was made for another sign-in".to_owned());
    }
    let azp = claims.all.get("azp").map(Json::as_str);
    if azp.is_some_and(|azp| azp != Some(&provider.client_id)) || (claims.aud.len() > 1 && azp.is_none()) {
        return Err("its id_token was made for another app".to_owned());
    }
    let sub = claims.sub.as_deref().unwrap_or_default();
    if sub.is_empty() || SUB_MAX_BYTES < sub.len() || sub.contains('\0') {
        return Err("its id_token names nobody".to_owned());
    }
    let auth_time = claims.all.get("auth_time").and_then(Json::as_i64);
    if away.is_fresh && auth_time.is_none_or(|at| at < begun_at.as_second() - FRESH_SECONDS) {
        return Err("you were to sign in there anew, and it does not say that you did".to_owned());
    }
    Ok(())
}
