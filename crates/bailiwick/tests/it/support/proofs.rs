//! Proofs that apps send: signed assertions and DPoP.

use oauth::clients::{Metadata, NewClient};
use oauth::policy::Policy;
use reqwest::{RequestBuilder, Response};
use scope::Dialect;
use serde_json::{Value, json};

use super::app::{TestApp, VERIFIER, confidential};
use super::jose::TestKey;
use super::server::Server;

/// What the `client_assertion_type` must be.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An app that signs with this key instead of having a secret.
pub fn signing(policy: Policy, scopes: &str, key: &TestKey) -> NewClient {
    NewClient {
        policy: Some(policy),
        token_endpoint_auth_method: Some("private_key_jwt".to_owned()),
        client_credentials: true,
        metadata: Metadata { jwks: Some(key.set()), ..Metadata::default() },
        ..confidential(Dialect::Standard, scopes)
    }
}

impl Server {
    /// Seconds since 1970 by the test's clock.
    pub fn seconds(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Forgets all failed attempts, for tests that make many and are not about that.
    pub async fn forgive(&self) {
        let mut tx = self.db.write().await.expect("begin");
        tx.run("delete from failed_attempts", &[]).await.expect("forgive");
        tx.commit().await.expect("commit");
    }

    /// A fresh identifier.
    pub fn jti(&self) -> String {
        self.app.random.token()
    }

    /// The claims of a DPoP proof with everything in order; `changes` replaces some, null takes one out.
    pub fn proof_claims(&self, method: &str, path: &str, changes: Value) -> Value {
        let issuer = &self.app.config.public_url;
        let usual =
            json!({ "jti": self.jti(), "htm": method, "htu": format!("{issuer}{path}"), "iat": self.seconds() });
        merged(usual, changes)
    }

    /// A DPoP proof.
    pub fn proof(&self, key: &TestKey, method: &str, path: &str, changes: Value) -> String {
        let header = json!({ "typ": "dpop+jwt", "jwk": key.bare(), "kid": null });
        key.sign(header, &self.proof_claims(method, path, changes))
    }

    /// A call of the API with a token that is bound to this key.
    pub async fn get_bound(&self, path: &str, token: &str, key: &TestKey, changes: Value) -> Response {
        let ath = base64url_sha256(token);
        let bare = path.split('?').next().unwrap_or(path);
        let proof = self.proof(key, "GET", bare, merged(json!({ "ath": ath }), changes));
        let request = self.http.get(format!("{}{path}", self.base)).header("authorization", format!("DPoP {token}"));
        request.header("dpop", proof).send().await.expect("send")
    }
}

/// As `ath` has it.
pub fn base64url_sha256(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(outside::sha256(text.as_bytes()))
}

/// The members of `changes` instead of, or besides, those of `usual`; null takes one out.
pub fn merged(mut usual: Value, changes: Value) -> Value {
    let members = usual.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    usual
}

impl TestApp<'_> {
    /// A client assertion with everything in order; `changes` replaces claims, null takes one out.
    pub fn assertion(&self, key: &TestKey, changes: Value) -> String {
        self.assertion_with(key, json!({}), changes)
    }

    /// The same with changes to the header too.
    pub fn assertion_with(&self, key: &TestKey, header: Value, changes: Value) -> String {
        let server = self.server;
        let client_id = &self.client.client_id;
        let usual = json!({
            "iss": client_id, "sub": client_id, "aud": server.app.config.public_url, "jti": server.jti(),
            "iat": server.seconds(), "exp": server.seconds() + 60,
        });
        key.sign(header, &merged(usual, changes))
    }

    /// A request at the token endpoint that is authenticated by an assertion.
    pub fn signed_request(&self, assertion: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut fields = fields.to_vec();
        fields.push(("client_assertion_type", ASSERTION_TYPE));
        fields.push(("client_assertion", assertion));
        self.server.http.post(format!("{}/oauth/token", self.server.base)).form(&fields)
    }

    /// A token for the app itself.
    pub async fn own_token_by(&self, assertion: &str) -> Response {
        self.server.forgive().await;
        let request =
            self.signed_request(assertion, &[("grant_type", "client_credentials"), ("scope", "account:read")]);
        request.send().await.expect("send")
    }

    /// A request at the token endpoint with a DPoP proof, authenticated by secret or as a public app.
    pub async fn token_request_with(&self, proof: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.server.http.post(format!("{}/oauth/token", self.server.base)).header("dpop", proof);
        let mut fields = fields.to_vec();
        let request = match &self.secret {
            Some(secret) => request.basic_auth(&self.client.client_id, Some(secret)),
            None => {
                fields.push(("client_id", &self.client.client_id));
                request
            }
        };
        request.form(&fields).send().await.expect("send")
    }

    /// Redeems a code with the right verifier and a proof of this key.
    pub async fn redeem_bound(&self, code: &str, key: &TestKey) -> Response {
        let proof = self.server.proof(key, "POST", "/oauth/token", json!({}));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.token_request_with(&proof, &fields).await
    }
}
