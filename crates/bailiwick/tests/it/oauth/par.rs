//! Pushed authorization requests (section 20 of the OAuth contract).

use std::time::Duration;

use oauth::authorize::check::{self, Demands};
use oauth::clients::ClientChange;
use reqwest::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER};
use scope::Dialect;
use serde_json::Value;

use super::token::refusal;
use crate::support::app::{CALLBACK, VERIFIER, confidential, public};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_leads_to_a_code() {
    // PA-1, PA-5, PK-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "openid tickets:read")).await;
    let response = app.push("openid tickets:read", &[("nonce", "inside")]).await;

    assert_eq!((response.status().as_u16(), &response.headers()[CACHE_CONTROL]), (201, &"no-store".parse().unwrap()));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["expires_in"], 60);
    let handle = body["request_uri"].as_str().unwrap();
    assert!(handle.strip_prefix("urn:ietf:params:oauth:request_uri:").is_some_and(|it| 43 <= it.len()), "{handle}");
    let outside =
        "&state=outside&nonce=outside&scope=account:read&redirect_uri=https://evil.example.com/&response_type=token";
    let mut browser = Browser::new(&server);
    let login = browser.open(&format!("{}{outside}", app.with_handle(handle))).await;
    let consent = browser.sign_in_on(&login, Person::Agent).await;
    let answered = browser.press(&consent, "consent-allow", &[]).await;
    assert!(answered.location().is_some_and(|to| to.starts_with(CALLBACK)));
    assert_eq!(answered.answer()["state"], "a state");
    let code = &answered.answer()["code"];
    let without = [("grant_type", "authorization_code"), ("code", code.as_str())];
    assert_eq!(refusal(app.token_request(&without).await).await, (400, "invalid_grant".to_owned()));
    let tokens: Value = app.redeem(code).await.json().await.unwrap();
    assert_eq!(tokens["scope"], "openid tickets:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_told_at_once_as_json() {
    // PA-2, ALL-3, RU-7
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let cases = [
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request"),
        ("response_type", "", "invalid_request"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "web_message", "invalid_request"),
        ("redirect_uri", "", "invalid_request"),
        ("redirect_uri", "https://evil.example.com/", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "tickets:raed", "invalid_scope"),
        ("scope", "account:read", "invalid_scope"),
        ("prompt", "none login", "invalid_request"),
        ("claims", "[]", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("registration", "{}", "registration_not_supported"),
        ("dpop_jkt", "short", "invalid_request"),
        ("client_id", "another", "invalid_request"),
    ];

    for (name, value, error) in cases {
        let response = app.push("tickets:read", &[(name, value)]).await;

        assert_eq!(refusal(response).await, (400, error.to_owned()), "{name}={value}");
    }
    let mut twice = app.fields("tickets:read", &[]);
    twice.push(("state".to_owned(), "another".to_owned()));
    let twice = app.push_with(&twice).send().await.unwrap();
    assert_eq!(refusal(twice).await, (400, "invalid_request".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_authenticated_like_a_token_request() {
    // PA-1, CA-3, FP-2
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let fields = app.fields("tickets:read", &[]);
    let url = format!("{}/oauth/par", server.base);

    let nobody = server.http.post(&url).form(&fields).send().await.unwrap();
    let wrong = server.http.post(&url).basic_auth(&app.client.client_id, Some("x")).form(&fields).send().await.unwrap();

    assert_eq!(refusal(nobody).await, (401, "invalid_client".to_owned()));
    assert_eq!(refusal(wrong).await, (401, "invalid_client".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_belongs_to_its_app_and_lives_a_minute() {
    // PA-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let other = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let handle = app.pushed("tickets:read", &[]).await;
    let mut browser = Browser::new(&server);

    let foreign = browser.get(&other.with_handle(&handle)).await;
    let unknown = browser.get(&app.with_handle("urn:ietf:params:oauth:request_uri:nothing")).await;
    server.clock.advance(Duration::from_secs(61));
    let expired = browser.get(&app.with_handle(&handle)).await;

    assert_eq!((foreign.status, foreign.location()), (400, None));
    assert_eq!(unknown.answer()["error"], "invalid_request_uri");
    assert_eq!(expired.answer()["error"], "invalid_request_uri");
    assert_eq!(expired.answer()["state"], "a state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_used_up_by_its_answer_and_not_by_its_page() {
    // PA-3, PA-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let handle = app.pushed("tickets:read", &[]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;

    let first = browser.open(&app.with_handle(&handle)).await;
    let again = browser.open(&app.with_handle(&handle)).await;
    let answered = browser.press(&again, "consent-allow", &[]).await;
    let late = browser.press(&first, "consent-allow", &[]).await;
    let used = browser.get(&app.with_handle(&handle)).await;

    assert!(answered.answer().contains_key("code"));
    assert_eq!((late.status, late.location()), (400, None));
    assert_eq!(used.answer()["error"], "invalid_request_uri");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_or_the_account_may_demand_that_requests_are_pushed() {
    // PA-6, MD-11
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let own =
        server.app(oauth::clients::NewClient { require_par: true, ..confidential(Dialect::Standard, "tickets:read") });
    let own = own.await;
    let mut browser = Browser::new(&server);

    let direct = browser.get(&own.request("tickets:read", &[])).await;
    let pushed = own.pushed("tickets:read", &[]).await;
    let pushed = browser.get(&own.with_handle(&pushed)).await;
    let free = browser.get(&app.request("tickets:read", &[])).await;
    server.app.provider.put_setting(&server.may(), check::SETTING, &Demands { pushed: true }).await.unwrap();
    let demanded = browser.get(&app.request("tickets:read", &[])).await;
    let document: Value = server
        .http
        .get(format!("{}/.well-known/openid-configuration", server.base))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();

    assert_eq!(direct.answer()["error"], "invalid_request");
    assert!(pushed.location().is_some_and(|to| to.starts_with("/login")));
    assert!(free.location().is_some_and(|to| to.starts_with("/login")));
    assert_eq!(demanded.answer()["error"], "invalid_request");
    assert_eq!(document["require_pushed_authorization_requests"], true);
    let change = ClientChange { require_par: Some(false), ..ClientChange::default() };
    server.app.provider.update_client(&server.may(), own.client.id, change).await.unwrap();
    let still = browser.get(&own.request("tickets:read", &[])).await;
    assert_eq!(still.answer()["error"], "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_long_bodies_and_floods_are_refused() {
    // PA-7
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, "tickets:read")).await;
    let url = format!("{}/oauth/par", server.base);

    let got = server.http.get(&url).send().await.unwrap();
    let put = server.http.put(&url).send().await.unwrap();
    let long = app.push("tickets:read", &[("state", &"s".repeat(70_000))]).await;
    let mut last = app.push("tickets:read", &[]).await;
    for _ in 0..400 {
        if last.status() != 201 {
            break;
        }
        last = app.push("tickets:read", &[]).await;
    }

    assert_eq!((got.status().as_u16(), &got.headers()[ALLOW]), (405, &"POST".parse().unwrap()));
    assert_eq!((put.status().as_u16(), &put.headers()[ALLOW]), (405, &"POST".parse().unwrap()));
    assert_eq!(long.status(), 413);
    assert_eq!(last.status(), 429);
    assert!(last.headers().contains_key(RETRY_AFTER));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_neither_handle_nor_secret() {
    // PA-1, ALL-11
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let secret = app.secret.clone().unwrap();
    let mut fields = app.fields("tickets:read", &[]);
    fields.push(("client_secret".to_owned(), secret.clone()));
    let url = format!("{}/oauth/par", server.base);
    let response = server.http.post(&url).form(&fields).send().await.unwrap();
    let body: Value = response.json().await.unwrap();
    let handle = body["request_uri"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();

    let mut tx = server.db.read().await.unwrap();
    let row = tx.row("select hash, params from pushed_requests", &[]).await.unwrap().unwrap();

    assert_eq!(row.blob("hash").unwrap(), oauth::secret::hash(&handle));
    let params = row.text("params").unwrap();
    assert!(!params.contains(&secret) && !params.contains(&handle) && !params.contains(VERIFIER), "{params}");
}
