//! A client that keeps to FAPI 2.0: a key instead of a secret, pushed requests, bound tokens.

use oauth::clients::{Metadata, NewClient};
use oauth::policy::Policy;
use reqwest::Response;
use scope::Dialect;
use serde_json::{Map, Value, json};

use super::app::{TestApp, VERIFIER, confidential};
use super::push::Fields;
use super::{Browser, Person, Server, TestKey};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub struct FapiApp<'a> {
    pub app: TestApp<'a>,
    /// Signs assertions and request objects.
    pub key: TestKey,
    /// The tokens are bound to it.
    pub dpop: TestKey,
}

/// An app of this policy that signs with this key.
pub fn fapi(policy: Policy, key: &TestKey, scopes: &str) -> NewClient {
    NewClient {
        policy: Some(policy),
        metadata: Metadata { jwks: Some(key.set()), ..Metadata::default() },
        ..confidential(Dialect::Standard, scopes)
    }
}

impl Server {
    pub async fn fapi_app(&self, policy: Policy, key: TestKey, scopes: &str) -> FapiApp<'_> {
        let app = self.app(fapi(policy, &key, scopes)).await;
        FapiApp { app, key, dpop: TestKey::es256() }
    }
}

impl FapiApp<'_> {
    /// What proves the app. `changes` replaces claims; null takes one out.
    pub fn client_assertion(&self, key: &TestKey, changes: Value) -> String {
        let server = self.app.server;
        let now = server.clock.now().as_second();
        let claims = json!({
            "iss": self.app.client.client_id, "sub": self.app.client.client_id, "aud": server.base,
            "iat": now, "exp": now + 60, "jti": server.app.random.hex(16),
        });
        key.sign(json!({}), &with(claims, changes))
    }

    /// A DPoP proof for a POST to this path, or for what `changes` says.
    pub fn dpop_proof(&self, path: &str, changes: Value) -> String {
        let server = self.app.server;
        let claims = json!({
            "htm": "POST", "htu": format!("{}{path}", server.base), "iat": server.clock.now().as_second(),
            "jti": server.app.random.hex(16), "nonce": server.app.provider.dpop_nonce(),
        });
        let header = json!({ "typ": "dpop+jwt", "jwk": self.dpop.bare(), "kid": null });
        self.dpop.sign(header, &with(claims, changes))
    }

    /// A back-channel request with the usual proof of the app.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)], proof: Option<&str>) -> Response {
        let assertion = self.client_assertion(&self.key, json!({}));
        let client = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        self.send(path, &[fields, &client].concat(), proof).await
    }

    /// The same with another assertion.
    pub async fn post_as(&self, path: &str, fields: &[(&str, &str)], assertion: &str) -> Response {
        let client = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        self.send(path, &[fields, &client].concat(), None).await
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)], proof: Option<&str>) -> Response {
        let request = self.app.server.http.post(format!("{}{path}", self.app.server.base)).form(fields);
        match proof {
            Some(proof) => request.header("dpop", proof).send().await.expect("send"),
            None => request.send().await.expect("send"),
        }
    }

    /// Hands a request in.
    pub async fn push(&self, fields: &Fields, proof: Option<&str>) -> Response {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post("/oauth/par", &fields, proof).await
    }

    /// The page or answer at the end of the whole way, allowing whatever is asked.
    pub async fn allow(&self, pushed: Response) -> super::browser::Page {
        assert_eq!(pushed.status(), 201);
        let body: Value = pushed.json().await.expect("JSON");
        let mut browser = Browser::new(self.app.server);
        let handle = body["request_uri"].as_str().expect("a handle");
        let login = browser.open(&self.app.with_handle(handle)).await;
        let page = browser.sign_in_on(&login, Person::Agent).await;
        match page.location() {
            Some(_) => page,
            None => browser.press(&page, "consent-allow", &[]).await,
        }
    }

    /// Redeems a code with the right verifier.
    pub async fn redeem(&self, code: &str, proof: Option<&str>) -> Response {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.app.redirect_uri.as_str()),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", &fields, proof).await
    }
}

fn with(claims: Value, changes: Value) -> Value {
    let mut claims: Map<String, Value> = claims.as_object().expect("an object").clone();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(claims)
}
