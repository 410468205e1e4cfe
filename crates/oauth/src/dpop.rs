//! DPoP: tokens that are worth something only together with a signature of the app's key (RFC 9449; DP-1 to DP-9).
//!
//! A proof is a JWT in the header `DPoP`, for one method at one address at about now, and counts once. Nonces are a keyed hash of the
//! time: any node can check them and nobody stores them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value as Json;
use store::{StoreError, transact};
use subtle::ConstantTimeEq;
use url::Url;

use crate::bearer::Bearer;
use crate::jwt::{self, Claims, Rules, Type};
use crate::policy::Policy;
use crate::{Code, Error, Provider, keys, secret, used_identifiers};

/// Where the proof stands.
pub const PROOF: HeaderName = HeaderName::from_static("dpop");
/// Where we offer a nonce.
pub const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A proof is good for so long after its `iat`, in seconds (DP-2).
const LIVES_SECONDS: i64 = 60;
/// A nonce is offered for so long, and accepted for as long again, in seconds (DP-4).
const NONCE_SECONDS: i64 = 5 * 60;
/// Characters of a thumbprint in base64url (RFC 7638 with SHA-256).
const JKT_CHARS: usize = 43;
const JTI_MAX_BYTES: usize = 512;
/// Members of a JWK that only its owner may know (RFC 7518, 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What a proof must be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Of the request.
    pub method: &'a str,
    /// Of the request, as called: the public address stands before it, whatever `Host` says.
    pub path: &'a str,
    /// The access token it comes with, at an API (DP-6).
    pub access_token: Option<&'a str>,
    /// Whose policy says which algorithms do and whether a nonce must be there.
    pub policy: Policy,
}

/// A proof that is right and was not seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Thumbprint of the key (RFC 7638).
    pub jkt: String,
    /// The nonce for the next request, when the app uses nonces and the one it sent will end soon.
    pub next_nonce: Option<String>,
}

/// How an access token was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Bearer,
    Dpop,
}

impl Scheme {
    /// Of the `Authorization` header. Without regard to case (DP-9).
    pub fn parse(word: &str) -> Option<Scheme> {
        [(Scheme::Bearer, "bearer"), (Scheme::Dpop, "dpop")]
            .into_iter()
            .find(|(_, name)| word.eq_ignore_ascii_case(name))
            .map(|(scheme, _)| scheme)
    }
}

/// An access token at an API of ours.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub scheme: Scheme,
    pub token: &'a str,
    pub headers: &'a HeaderMap,
    pub method: &'a str,
    /// As called, without query.
    pub path: &'a str,
    /// Noted with the use of the grant.
    pub from: Option<IpAddr>,
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Unknown, over, bound to a key and shown without it, or the reverse (DP-5).
    #[error("the access token is unknown, expired, revoked, or bound to another key")]
    Token,
    #[error("{0}")]
    Proof(String),
    /// With the nonce to use.
    #[error("the DPoP proof needs the nonce of the header DPoP-Nonce")]
    Nonce(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Provider {
    /// The token's bearer, if it was shown as it is bound. The second value is the nonce to offer.
    pub async fn shown_token(&self, shown: &Shown<'_>) -> Result<(Arc<Bearer>, Option<String>), Unusable> {
        let bearer = self.bearer(shown.token, shown.from).await?.ok_or(Unusable::Token)?;
        match (&bearer.jkt, shown.scheme) {
            (None, Scheme::Bearer) => Ok((bearer, None)),
            (Some(jkt), Scheme::Dpop) => {
                let expected = Expected {
                    method: shown.method,
                    path: shown.path,
                    access_token: Some(shown.token),
                    policy: bearer.policy,
                };
                let proof = match self.dpop_proof(shown.headers, expected).await {
                    Ok(Some(proof)) => proof,
                    Ok(None) => return Err(Unusable::Proof("The header DPoP is missing.".to_owned())),
                    Err(Error::Refused { description, .. }) => return Err(Unusable::Proof(description.into_owned())),
                    Err(Error::UseDpopNonce { nonce }) => return Err(Unusable::Nonce(nonce)),
                    Err(Error::Store(error)) => return Err(Unusable::Store(error)),
                    Err(error) => return Err(Unusable::Store(StoreError::Unavailable(error.to_string()))),
                };
                match proof.jkt == *jkt {
                    true => Ok((bearer, proof.next_nonce)),
                    false => Err(Unusable::Token),
                }
            }
            (Some(_), Scheme::Bearer) | (None, Scheme::Dpop) => Err(Unusable::Token),
        }
    }

    /// The proof of a request; None if it has none. `invalid_dpop_proof` or `UseDpopNonce`. A proof that is right is used up by this.
    pub async fn dpop_proof(&self, headers: &HeaderMap, expected: Expected<'_>) -> Result<Option<Proof>, Error> {
        let mut values = headers.get_all(PROOF).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(invalid("There is more than one header DPoP."));
        }
        let now = self.clock.now();
        let address = format!("{}{}", self.config.issuer, expected.path);
        let (claims, jkt) = check(value, &expected, &address, now)?;
        let next_nonce = self.check_nonce(&claims, expected.policy, now)?;
        let jti = claims.text("jti").map_err(refused)?;
        // The longest that `iat`, or `exp` with its grace, lets it pass.
        let until = now.saturating_add(SignedDuration::from_secs(2 * LIVES_SECONDS)).unwrap_or(Timestamp::MAX);
        let first = transact!(self.db, |tx| { used_identifiers::use_once(tx, "dpop", &jkt, jti, until, now).await })?;
        match first {
            true => Ok(Some(Proof { jkt, next_nonce })),
            false => Err(invalid("The DPoP proof was used before.")),
        }
    }

    /// The nonce that is offered now.
    pub fn dpop_nonce(&self) -> String {
        self.nonce_of(window(self.clock.now()))
    }

    fn nonce_of(&self, window: i64) -> String {
        URL_SAFE_NO_PAD.encode(&self.keyed_hash("dpop nonce", &window.to_string())[..18])
    }

    /// Which nonce to offer. A nonce that is sent must be one of ours, also where none is needed.
    fn check_nonce(&self, claims: &Claims, policy: Policy, now: Timestamp) -> Result<Option<String>, Error> {
        let window = window(now);
        let sent = match claims.all.get("nonce") {
            None if !policy.requires_dpop_nonce() => return Ok(None),
            None => return Err(Error::UseDpopNonce { nonce: self.nonce_of(window) }),
            Some(Json::String(sent)) => sent,
            Some(_) => return Err(invalid("The nonce of the DPoP proof is not a text.")),
        };
        let is_nonce_of = |window: i64| bool::from(self.nonce_of(window).as_bytes().ct_eq(sent.as_bytes()));
        // The one to come: another node's clock may be ahead of ours.
        match (is_nonce_of(window), is_nonce_of(window + 1), is_nonce_of(window - 1)) {
            (true, ..) | (_, true, _) => Ok(None),
            (.., true) => Ok(Some(self.nonce_of(window))),
            _ => Err(Error::UseDpopNonce { nonce: self.nonce_of(window) }),
        }
    }
}

/// Which stretch of time a nonce is for.
fn window(now: Timestamp) -> i64 {
    now.as_second().div_euclid(NONCE_SECONDS)
}

/// Everything about a proof but nonce and replay: who signed it (the thumbprint), for what, and when.
fn check(
    value: &HeaderValue,
    expected: &Expected<'_>,
    address: &str,
    now: Timestamp,
) -> Result<(Claims, String), Error> {
    let token = value.to_str().map_err(|_| invalid("The header DPoP is not text."))?.trim();
    let head = jwt::head(token).map_err(refused)?;
    let jwk = head.jwk.ok_or_else(|| invalid("The DPoP proof has no jwk in its header."))?;
    let (key, jkt) = public_key(&jwk)?;
    let rules = Rules {
        typ: Type::Explicit(&["dpop+jwt"]),
        algorithms: algorithms(expected.policy),
        audience: jwt::Audience::Any,
        requires_exp: false,
        requires_iat: true,
        ..jwt::STRICT
    };
    let claims = jwt::verify(token, &[key], &rules, now).map_err(refused)?;
    if claims.iat.is_none_or(|iat| iat.as_second() < now.as_second() - LIVES_SECONDS) {
        return Err(invalid("The DPoP proof is older than a minute."));
    }
    if claims.text("htm").map_err(refused)? != expected.method {
        return Err(invalid("The htm of the DPoP proof is not the method of this request."));
    }
    let htu = claims.text("htu").map_err(refused)?;
    match (normal(htu), normal(address)) {
        (Some(htu), Some(address)) if htu == address => {}
        _ => return Err(invalid("The htu of the DPoP proof is not the address of this request.")),
    }
    let jti = claims.text("jti").map_err(refused)?;
    if JTI_MAX_BYTES < jti.len() {
        return Err(invalid("The jti of the DPoP proof is longer than 512 bytes."));
    }
    if let Some(access_token) = expected.access_token {
        let ath = claims.text("ath").map_err(refused)?;
        let right = URL_SAFE_NO_PAD.encode(secret::hash(access_token));
        if !bool::from(ath.as_bytes().ct_eq(right.as_bytes())) {
            return Err(invalid("The ath of the DPoP proof is not the hash of the access token."));
        }
    }
    Ok((claims, jkt))
}

/// The embedded key and its thumbprint. Public only: whoever shows a private key has lost it.
fn public_key(jwk: &Json) -> Result<(DecodingKey, String), Error> {
    let unusable = || invalid("The jwk of the DPoP proof is not a public key that can be used here.");
    let members = jwk.as_object().ok_or_else(unusable)?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return Err(invalid(
            "The jwk of the DPoP proof holds a private key. Make a new key: this one is known to others now.",
        ));
    }
    let jwk: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| unusable())?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| unusable())?;
    let jkt = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| unusable())?;
    Ok((key, jkt))
}

/// What a proof may be signed with (KEY-5; section 27, line 8).
pub fn algorithms(policy: Policy) -> &'static [Algorithm] {
    match policy.is_fapi() {
        true => &jwt::FAPI_ALGORITHMS,
        false => &jwt::ALGORITHMS,
    }
}

/// As in `algs` of a challenge (RFC 9449, 7.1).
pub fn algorithm_names() -> String {
    jwt::ALGORITHMS.map(keys::name_of).join(" ")
}

/// `dpop_jkt` of an authorization request (RFC 9449, 10).
pub fn is_thumbprint(text: &str) -> bool {
    text.len() == JKT_CHARS && URL_SAFE_NO_PAD.decode(text).is_ok()
}

/// Puts a nonce into an answer.
pub fn offer(response: &mut Response, nonce: &str) {
    if let Ok(value) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert(NONCE, value);
    }
}

/// An address to compare: scheme and host in lower case, no default port, no query, no fragment, dots resolved and letters unescaped
/// (RFC 9449, 4.3; RFC 3986, 6.2.2 and 6.2.3).
fn normal(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok().filter(|url| url.has_host() && url.username().is_empty())?;
    url.set_query(None);
    url.set_fragment(None);
    let mut text = String::with_capacity(url.as_str().len());
    let mut rest = url.as_str();
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let byte = escape.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => text.push(char::from(byte)),
            Some(byte) => text.push_str(&format!("%{byte:02X}")),
            None => return None,
        }
        rest = escape.get(3..)?;
    }
    text.push_str(rest);
    Some(text)
}

fn invalid(description: &'static str) -> Error {
    Error::of(Code::InvalidDpopProof, description)
}

fn refused(refusal: jwt::Refusal) -> Error {
    Error::of(Code::InvalidDpopProof, format!("The DPoP proof is not usable: {refusal}."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_compared_after_normalisation() {
        // DP-1
        let right = normal("https://help.example.com/oauth/token");

        for same in [
            "HTTPS://HELP.example.com:443/oauth/token",
            "https://help.example.com/oauth/token?a=b#c",
            "https://help.example.com/x/../oauth/%74oken",
        ] {
            assert_eq!(normal(same), right, "{same}");
        }
        for other in [
            "http://help.example.com/oauth/token",
            "https://help.example.com:444/oauth/token",
            "https://help.example.com/oauth/token/",
            "https://help.example.com/OAuth/token",
            "https://help.example.com/oauth%2Ftoken",
            "https://a@help.example.com/oauth/token",
            "/oauth/token",
            "",
        ] {
            assert_ne!(normal(other), right, "{other}");
        }
    }

    #[test]
    fn a_scheme_has_no_case() {
        // DP-9
        assert_eq!(Scheme::parse("dpop"), Some(Scheme::Dpop));
        assert_eq!(Scheme::parse("BEARER"), Some(Scheme::Bearer));
        assert_eq!(Scheme::parse("Basic"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_headers_neither_panic_nor_pass(bytes in prop::collection::vec(any::<u8>(), 0..300), header in "[ -~]{0,200}", jwk in ".{0,80}") {
            let now = Timestamp::from_second(1_000_000).unwrap();
            let expected = Expected { method: "GET", path: "/", access_token: None, policy: Policy::Standard };
            let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let with_jwk = serde_json::json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": { "kty": "EC", "crv": "P-256", "x": jwk, "y": jwk } });
            let texts = [
                bytes,
                format!("{}.{}.AAAA", encode(&header), encode(&header)).into_bytes(),
                format!("{}.{}.AAAA", encode(&with_jwk.to_string()), encode("{}")).into_bytes(),
            ];
            for text in texts {
                if let Ok(value) = HeaderValue::from_bytes(&text) {
                    prop_assert!(check(&value, &expected, "https://a.example/", now).is_err());
                }
            }
        }

        #[test]
        fn arbitrary_addresses_are_no_trouble(text in ".{0,100}") {
            let _any = normal(&text);
            let _any = normal(&format!("https://a.example/{text}"));
        }
    }
}
