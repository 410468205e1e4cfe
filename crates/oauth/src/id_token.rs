//! The id_token (OpenID Connect Core 2 and 3.1.3.6): who signed in, when and how, for one app.

use aws_lc_rs::digest::{self, SHA256, SHA512};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use scope::set::ScopeSet;
use serde_json::{Map, Value as Json, json};

use crate::claims::Subject;
use crate::clients::Client;
use crate::keys::{self, Key};
use crate::{Error, Provider};

/// What an id_token says besides who asked.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) scope: &'a ScopeSet,
    /// None in an answer to a refresh (RT-9).
    pub(crate) nonce: Option<&'a str>,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) acr: Option<&'a str>,
    /// Space-separated (RFC 8176).
    pub(crate) amr: Option<&'a str>,
    pub(crate) sid: Option<&'a str>,
    /// The access token that comes along.
    pub(crate) access_token: &'a str,
    /// Claims that were asked for by name, told within the granted words (ID-2).
    pub(crate) asked: &'a [String],
}

impl Provider {
    /// Signs an id_token for this client, with the algorithm that its record names (ID-3, KEY-6).
    pub(crate) async fn id_token(&self, client: &Client, facts: &Facts<'_>) -> Result<String, Error> {
        let algorithm = algorithm_of(client)?;
        self.sign_with(algorithm, "JWT", |now| self.claims(client, facts, algorithm, now)).await
    }

    /// Signs another token for this client as its id_tokens are signed. `claims` is told the instant of signing.
    pub(crate) async fn sign_for(
        &self,
        client: &Client,
        typ: &str,
        claims: impl FnOnce(Timestamp) -> Result<Json, Error>,
    ) -> Result<String, Error> {
        self.sign_with(algorithm_of(client)?, typ, claims).await
    }

    /// A JWS in compact form, by the key of this algorithm that signs now.
    pub(crate) async fn sign_with(
        &self,
        algorithm: Algorithm,
        typ: &str,
        claims: impl FnOnce(Timestamp) -> Result<Json, Error>,
    ) -> Result<String, Error> {
        let ring = self.key_ring_with(&[algorithm]).await?;
        // After the keys: the first token makes them, and they sign from that moment on.
        let now = self.clock.now();
        let key = ring
            .signer(algorithm, now)
            .ok_or_else(|| Error::Internal(format!("there is no {} key", keys::name_of(algorithm))))?;
        sign(key, typ, &claims(now)?)
    }

    fn claims(&self, client: &Client, facts: &Facts<'_>, algorithm: Algorithm, now: Timestamp) -> Result<Json, Error> {
        let mut claims = Map::new();
        let mut set = |name: &str, value: Json| {
            claims.insert(name.to_owned(), value);
        };
        let audience = json!(client.client_id);
        set("iss", json!(self.config.issuer));
        set("sub", json!(self.sub(client, facts.subject.person_id)?));
        set("aud", if client.policy.id_token_audience_is_a_list() { json!([audience]) } else { audience });
        set("iat", json!(now.as_second()));
        set("exp", json!(now.as_second() + client.policy.id_token_seconds()));
        set("at_hash", json!(at_hash(algorithm, facts.access_token)));
        if let Some(auth_time) = facts.auth_time {
            set("auth_time", json!(auth_time.as_second()));
        }
        if let Some(amr) = facts.amr {
            set("amr", json!(amr.split_whitespace().collect::<Vec<_>>()));
        }
        for (name, value) in [("nonce", facts.nonce), ("acr", facts.acr), ("sid", facts.sid)] {
            if let Some(value) = value {
                set(name, json!(value));
            }
        }
        if client.policy.id_token_has_profile() {
            facts.subject.describe(facts.scope, &mut claims);
        } else if !facts.asked.is_empty() {
            let mut opened = Map::new();
            facts.subject.describe(facts.scope, &mut opened);
            opened.retain(|name, _value| facts.asked.contains(name));
            claims.extend(opened);
        }
        Ok(Json::Object(claims))
    }
}

fn algorithm_of(client: &Client) -> Result<Algorithm, Error> {
    algorithm_for(client, &client.id_token_signed_response_alg)
}

/// The algorithm of this name, if this client's tokens may be signed so.
pub(crate) fn algorithm_for(client: &Client, word: &str) -> Result<Algorithm, Error> {
    let known = keys::ALGORITHMS.into_iter().find(|&algorithm| keys::name_of(algorithm) == word);
    known
        .filter(|&algorithm| client.policy.may_sign_with(algorithm))
        .ok_or_else(|| Error::Internal(format!("app {} wants tokens signed with {word:?}", client.id)))
}

fn sign(key: &Key, typ: &str, claims: &Json) -> Result<String, Error> {
    let header = json!({ "typ": typ, "alg": keys::name_of(key.algorithm), "kid": key.kid });
    let mut text = URL_SAFE_NO_PAD.encode(header.to_string());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
    let signature = key.sign(text.as_bytes())?;
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Ok(text)
}

/// The left half of the access token's hash, by the hash of the signature's algorithm.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash = match algorithm {
        Algorithm::EdDSA => digest::digest(&SHA512, access_token.as_bytes()),
        _ => digest::digest(&SHA256, access_token.as_bytes()),
    };
    let half = hash.as_ref().len() / 2;
    URL_SAFE_NO_PAD.encode(hash.as_ref().split_at(half).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_tokens_hash_is_that_of_the_specification() {
        // ID-1: the example of OpenID Connect Core, A.3
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";

        assert_eq!(at_hash(Algorithm::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
