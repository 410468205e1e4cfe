//! Apps that say which resource they want tokens for (RFC 8707).

use serde_json::Value;

use super::app::VERIFIER;
use super::{Browser, Person, Server, TestApp};

impl Server {
    /// The identifier of the MCP endpoint.
    pub fn mcp_resource(&self) -> String {
        format!("{}/mcp", self.base)
    }
}

impl TestApp<'_> {
    /// The answer at the app's address after a request that names these resources. All that is asked is allowed.
    pub async fn answer_for(&self, person: Person, scope: &str, resources: &[&str]) -> super::app::Answer {
        let mut browser = Browser::new(self.server);
        let mut page = browser.open(&self.request_for(scope, resources)).await;
        if page.body.contains("id=\"login-submit\"") {
            page = browser.sign_in_on(&page, person).await;
        }
        if page.body.contains("id=\"consent-allow\"") {
            page = browser.press(&page, "consent-allow", &[]).await;
        }
        page.answer()
    }

    /// An authorization request that names these resources.
    pub fn request_for(&self, scope: &str, resources: &[&str]) -> String {
        let named: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(resources.iter().map(|resource| ("resource", *resource)))
            .finish();
        format!("{}&{named}", self.request(scope, &[]))
    }

    /// Redeems a code for these resources.
    pub async fn redeem_for(&self, code: &str, resources: &[&str]) -> reqwest::Response {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        fields.extend(resources.iter().map(|resource| ("resource", *resource)));
        self.token_request(&fields).await
    }

    /// A refresh for these resources, with further fields.
    pub async fn refresh_for(&self, tokens: &Value, resources: &[&str], more: &[(&str, &str)]) -> reqwest::Response {
        let token = tokens["refresh_token"].as_str().expect("a refresh token");
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        fields.extend(resources.iter().map(|resource| ("resource", *resource)));
        fields.extend(more);
        self.token_request(&fields).await
    }

    /// The token answer after the whole journey for these resources.
    pub async fn tokens_for(&self, person: Person, scope: &str, resources: &[&str]) -> Value {
        let answer = self.answer_for(person, scope, resources).await;
        let code = answer.get("code").unwrap_or_else(|| panic!("no code but {answer:?}"));
        let response = self.redeem_for(code, &[]).await;
        assert_eq!(response.status(), 200);
        response.json().await.expect("JSON")
    }

    /// What introspection says of a token of this app.
    pub async fn introspect(&self, token: &Value) -> Value {
        let request = self.server.http.post(format!("{}/oauth/introspect", self.server.base));
        let response = request
            .basic_auth(&self.client.client_id, self.secret.as_ref())
            .form(&[("token", token.as_str().expect("a token"))])
            .send()
            .await
            .expect("send");
        response.json().await.expect("JSON")
    }
}
