//! Revocation and introspection: an app and its own tokens.

use std::time::Duration;

use reqwest::Response;
use scope::Dialect;
use serde_json::Value;

use super::token::{refusal, works};
use crate::support::app::{confidential, public};
use crate::support::{Person, Server, TestApp};

const WORDS: &str = "offline_access account:read";

async fn call(app: &TestApp<'_>, path: &str, fields: &[(&str, &str)]) -> Response {
    let request = app.server.http.post(format!("{}{path}", app.server.base));
    let mut fields = fields.to_vec();
    let request = match &app.secret {
        Some(secret) => request.basic_auth(&app.client.client_id, Some(secret)),
        None => {
            fields.push(("client_id", &app.client.client_id));
            request
        }
    };
    request.form(&fields).send().await.expect("an answer")
}

async fn revoke(app: &TestApp<'_>, token: &Value) {
    let response = call(app, "/oauth/revoke", &[("token", token.as_str().expect("an answer"))]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.expect("an answer"), "");
}

async fn refresh_status(app: &TestApp<'_>, tokens: &Value) -> u16 {
    let token = tokens["refresh_token"].as_str().expect("an answer");
    app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_refresh_token_takes_its_access_tokens_along() {
    // RV-4, RV-5
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    assert!(works(&server, &tokens["access_token"]).await);

    revoke(&app, &tokens["refresh_token"]).await;

    assert!(!works(&server, &tokens["access_token"]).await);
    assert_eq!(refresh_status(&app, &tokens).await, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_access_token_leaves_its_family() {
    // RV-4, RV-3
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    assert!(works(&server, &tokens["access_token"]).await);
    let token = tokens["access_token"].as_str().unwrap();

    let response = call(&app, "/oauth/revoke", &[("token", token), ("token_type_hint", "refresh_token")]).await;

    assert_eq!(response.status(), 200);
    assert!(!works(&server, &tokens["access_token"]).await);
    assert_eq!(refresh_status(&app, &tokens).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_can_be_revoked_after_its_access_token_expired() {
    // RV-4
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    server.clock.advance(Duration::from_secs(3600));

    revoke(&app, &tokens["refresh_token"]).await;

    assert_eq!(refresh_status(&app, &tokens).await, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_foreign_tokens_look_revoked_and_are_not() {
    // RV-1, RV-2
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, WORDS)).await;
    let stranger = server.app(public(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;

    revoke(&stranger, &"nobody's".into()).await;
    revoke(&stranger, &tokens["refresh_token"]).await;
    revoke(&stranger, &tokens["access_token"]).await;

    assert!(works(&server, &tokens["access_token"]).await);
    assert_eq!(refresh_status(&app, &tokens).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_asks_who_calls_and_for_which_token() {
    // RV-1, RV-2, CA-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let url = format!("{}/oauth/revoke", server.base);

    let no_secret = [("token", "x"), ("client_id", app.client.client_id.as_str())];
    let no_secret = server.http.post(&url).form(&no_secret).send().await.unwrap();
    let nobody = server.http.post(&url).form(&[("token", "x")]).send().await.unwrap();
    let no_token = call(&app, "/oauth/revoke", &[]).await;

    assert_eq!(refusal(no_secret).await, (401, "invalid_client".to_owned()));
    assert_eq!(refusal(nobody).await, (401, "invalid_client".to_owned()));
    assert_eq!(refusal(no_token).await, (400, "invalid_request".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn gorgias_answers_a_revocation_with_an_empty_object() {
    // RV-1, SC-9
    let server = Server::start().await;
    let app = server.gorgias_app("offline account:read").await;
    let tokens = app.tokens(Person::Agent, "offline account:read").await;

    let response = call(&app, "/oauth/revoke", &[("token", tokens["refresh_token"].as_str().unwrap())]).await;

    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.json::<Value>().await.unwrap(), serde_json::json!({}));
    assert_eq!(refresh_status(&app, &tokens).await, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_learns_about_its_own_tokens_and_no_others() {
    // IN-1, IN-2, IN-3, IN-5
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let stranger = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    let ask = async |app: &TestApp<'_>, token: &Value| -> Value {
        let response = call(app, "/oauth/introspect", &[("token", token.as_str().unwrap())]).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    };
    let inactive = serde_json::json!({ "active": false });

    let access = ask(&app, &tokens["access_token"]).await;
    let refresh = ask(&app, &tokens["refresh_token"]).await;
    let foreign = ask(&stranger, &tokens["access_token"]).await;
    let unknown = ask(&app, &"nothing".into()).await;
    server.clock.advance(Duration::from_secs(1801));
    let expired = ask(&app, &tokens["access_token"]).await;
    let nobody = server.http.post(format!("{}/oauth/introspect", server.base)).form(&[("token", "x")]);

    let now = server.clock.now().as_second() - 1801;
    assert_eq!(access["active"], true);
    assert_eq!(access["scope"], "account:read offline_access");
    assert_eq!(access["client_id"], app.client.client_id.as_str());
    assert_eq!(access["sub"], server.agent_id.to_string());
    assert_eq!(access["username"], "agent@demo.test");
    assert_eq!(access["token_type"], "Bearer");
    assert_eq!(access["iss"], server.base.as_str());
    assert_eq!(access["iat"], now);
    assert_eq!(access["exp"], now + 1800);
    assert_eq!(refresh["active"], true);
    assert!(refresh.get("token_type").is_none());
    for answer in [foreign, unknown, expired] {
        assert_eq!(answer, inactive);
    }
    assert_eq!(refusal(nobody.send().await.unwrap()).await, (401, "invalid_client".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apps_own_token_has_a_subject_that_is_no_person() {
    // CC-2, IN-3
    let server = Server::start().await;
    let mut new = confidential(Dialect::Standard, "tickets:read");
    new.client_credentials = true;
    let app = server.app(new).await;
    let tokens: Value = app
        .token_request(&[("grant_type", "client_credentials"), ("scope", "tickets:read")])
        .await
        .json()
        .await
        .unwrap();

    let response = call(&app, "/oauth/introspect", &[("token", tokens["access_token"].as_str().unwrap())]).await;

    let body: Value = response.json().await.unwrap();
    assert_eq!(body["sub"], format!("client:{}", app.client.client_id));
    assert!(body.get("username").is_none());
}
