//! An app that registers itself.

use oauth::register::settings::{self, Mode, Settings};
use serde_json::Value;

use super::Server;

impl Server {
    /// Lets apps register themselves in this way.
    pub async fn registration(&self, mode: Mode) {
        self.registration_with(Settings { mode, ..Settings::default() }).await;
    }

    pub async fn registration_with(&self, settings: Settings) {
        self.app.provider.put_setting(&self.may(), settings::NAME, &settings).await.expect("the setting");
    }

    /// An initial access token good for `uses` registrations.
    pub async fn initial_token(&self, uses: i64) -> String {
        self.app.provider.create_initial_token(&self.may(), "For a developer", uses, 30).await.expect("a token")
    }

    /// `POST /oauth/register`, without a token where it is empty.
    pub async fn register(&self, token: &str, body: &Value) -> reqwest::Response {
        self.register_raw(token, body.to_string().into_bytes()).await
    }

    pub async fn register_raw(&self, token: &str, body: Vec<u8>) -> reqwest::Response {
        let request =
            self.http.post(format!("{}/oauth/register", self.base)).header("content-type", "application/json");
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        request.body(body).send().await.expect("send")
    }

    /// The answer to a registration that succeeds.
    pub async fn registered(&self, token: &str, body: Value) -> Value {
        let response = self.register(token, &body).await;
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap_or_default());
        response.json().await.expect("JSON")
    }

    /// The error code of one that is refused with 400.
    pub async fn refused(&self, token: &str, body: Value) -> (String, String) {
        let response = self.register(token, &body).await;
        let status = response.status();
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(status, 400, "{body} gives {answer}");
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (text("error"), text("error_description"))
    }
}
