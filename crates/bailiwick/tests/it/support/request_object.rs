//! Signed authorization requests and answers (RFC 9101, JARM).

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use oauth::clients::{Metadata, NewClient};
use scope::Dialect;
use serde_json::{Map, Value, json};

use super::app::{TestApp, confidential};
use super::{Server, TestKey};

/// A confidential app that can sign its requests with this key.
pub fn signing(key: &TestKey, scopes: &str) -> NewClient {
    NewClient {
        metadata: Metadata { jwks: Some(key.set()), ..Metadata::default() },
        ..confidential(Dialect::Standard, scopes)
    }
}

impl TestApp<'_> {
    /// The claims of a request object with everything in order. `changes` replaces claims; null takes one out.
    pub fn object(&self, scope: &str, changes: Value) -> Value {
        let now = self.server.clock.now().as_second();
        let mut claims: Map<String, Value> =
            self.fields(scope, &[]).into_iter().map(|(name, value)| (name, json!(value))).collect();
        for (name, value) in [
            ("iss", json!(self.client.client_id)),
            ("aud", json!(self.server.base)),
            ("iat", json!(now)),
            ("nbf", json!(now)),
            ("exp", json!(now + 300)),
        ] {
            claims.insert(name.to_owned(), value);
        }
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => drop(claims.remove(name)),
                value => drop(claims.insert(name.clone(), value.clone())),
            }
        }
        Value::Object(claims)
    }

    /// Path and query of a request that is nothing but `client_id` and this object, and what else is named.
    pub fn with_object(&self, object: &str, outside: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", &self.client.client_id).append_pair("request", object).extend_pairs(outside);
        format!("/oauth/authorize?{}", query.finish())
    }
}

impl Server {
    /// The claims of a JWT, if a published key of ours signed it.
    pub async fn verified(&self, token: &str) -> Value {
        let url = format!("{}/oauth/jwks", self.base);
        let keys: JwkSet = self.http.get(url).send().await.expect("an answer").json().await.expect("a key set");
        let header = decode_header(token).expect("a header");
        let key = keys.find(header.kid.as_ref().expect("a kid")).expect("a published key");
        let mut rules = Validation::new(header.alg);
        // The test's clock is not the system's.
        rules.validate_exp = false;
        rules.validate_aud = false;
        let key = DecodingKey::from_jwk(key).expect("a key");
        decode::<Value>(token, &key, &rules).expect("a good signature").claims
    }
}
