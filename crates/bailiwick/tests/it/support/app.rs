//! An OAuth app under test: registered for real, and led through sign-in and consent by a browser without JavaScript.

use std::collections::BTreeMap;

use oauth::clients::{Client, ClientType, NewClient};
use oauth::pkce;
use scope::Dialect;
use scope::permission::Permissions;
use scope::permit::{Actor, Caller, Permit};
use scope::resource::{Access, Resource};
use scope::role::Role;
use serde_json::Value;

use super::browser::{Browser, Page};
use super::{Person, Server};

/// The address that a test app returns to, unless it is registered with others.
pub const CALLBACK: &str = "https://app.example.com/callback";
/// A verifier of 43 characters.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub struct TestApp<'a> {
    pub server: &'a Server,
    pub client: Client,
    /// None for a public app.
    pub secret: Option<String>,
    pub redirect_uri: String,
}

/// What the answer at the app's address says.
pub type Answer = BTreeMap<String, String>;

/// A confidential app of this dialect that may ask for these words, with `CALLBACK`.
pub fn confidential(dialect: Dialect, scopes: &str) -> NewClient {
    NewClient {
        name: "Ticket Mirror".to_owned(),
        publisher: Some("Mirror Ltd".to_owned()),
        client_uri: Some("https://mirror.example.com/about".to_owned()),
        dialect,
        redirect_uris: vec![CALLBACK.to_owned()],
        allowed_scopes: scopes.split(' ').map(str::to_owned).collect(),
        ..NewClient::default()
    }
}

/// The same as a public app.
pub fn public(dialect: Dialect, scopes: &str) -> NewClient {
    NewClient { client_type: ClientType::Public, ..confidential(dialect, scopes) }
}

impl Server {
    /// What an administrator's session may do.
    pub fn may<R: Resource, A: Access>(&self) -> Permit<R, A> {
        let actor = Actor {
            person_id: Some(self.admin_id),
            role: Some(Role::Owner),
            request_id: "00000000-0000-4000-8000-000000000002".to_owned(),
            ..Actor::default()
        };
        Caller::new(actor, Permissions::all()).permit().expect("the owner may do everything")
    }

    /// Registers an app as the administrator.
    pub async fn app(&self, new: NewClient) -> TestApp<'_> {
        let redirect_uri = new.redirect_uris.first().cloned().unwrap_or_default();
        let (client, secret) = self.app.provider.create_client(&self.may(), new).await.expect("an app");
        TestApp { server: self, client, secret: secret.map(|secret| secret.value), redirect_uri }
    }

    /// A confidential Gorgias app, the usual case.
    pub async fn gorgias_app(&self, scopes: &str) -> TestApp<'_> {
        self.app(confidential(Dialect::Gorgias, scopes)).await
    }
}

impl<'a> TestApp<'a> {
    /// Path and query of an authorization request with everything in order. `changes` replaces parameters; an empty value takes one out.
    pub fn request(&self, scope: &str, changes: &[(&str, &str)]) -> String {
        let challenge = pkce::challenge_of(VERIFIER);
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", self.client.client_id.as_str()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", scope),
            ("state", "a state"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for change in changes {
            params.retain(|(name, _value)| *name != change.0);
            params.push(*change);
        }
        params.retain(|(_name, value)| !value.is_empty());
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        format!("/oauth/authorize?{query}")
    }

    /// Asks, signs in where a page asks for it, and stops at the consent page or at the answer.
    pub async fn ask(&self, browser: &mut Browser<'_>, person: Person, scope: &str, changes: &[(&str, &str)]) -> Page {
        let page = browser.open(&self.request(scope, changes)).await;
        if page.body.contains("id=\"login-submit\"") { browser.sign_in_on(&page, person).await } else { page }
    }

    /// The whole way to a code, allowing whatever is asked.
    pub async fn allow(&self, browser: &mut Browser<'_>, person: Person, scope: &str) -> Answer {
        let mut page = self.ask(browser, person, scope, &[]).await;
        if page.body.contains("id=\"consent-allow\"") {
            page = browser.press(&page, "consent-allow", &[]).await;
        }
        page.answer()
    }

    /// A code for this person and scope, in a browser of its own.
    pub async fn code(&self, person: Person, scope: &str) -> String {
        let answer = self.allow(&mut Browser::new(self.server), person, scope).await;
        answer.get("code").unwrap_or_else(|| panic!("no code but {answer:?}")).clone()
    }

    /// A request at the token endpoint, authenticated as the app is registered.
    pub async fn token_request(&self, fields: &[(&str, &str)]) -> reqwest::Response {
        let request = self.server.http.post(format!("{}/oauth/token", self.server.base));
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

    /// Redeems a code with the right verifier.
    pub async fn redeem(&self, code: &str) -> reqwest::Response {
        self.token_request(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    /// The token answer after the whole journey.
    pub async fn tokens(&self, person: Person, scope: &str) -> Value {
        let code = self.code(person, scope).await;
        let response = self.redeem(&code).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap_or_default());
        response.json().await.expect("JSON")
    }
}
