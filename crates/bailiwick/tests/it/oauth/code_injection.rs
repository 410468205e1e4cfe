//! Attacks with a code that somebody stole (RFC 9700, section 4.5): it is worth nothing to anybody but the session that asked for it.

use std::time::Duration;

use scope::Dialect;
use serde_json::Value;

use super::token::refusal;
use crate::support::app::{CALLBACK, VERIFIER, confidential, public};
use crate::support::{Browser, Person, Server};

/// The verifier of the attacker's own session at the same app.
const ATTACKERS: &str = "attacker-attacker-attacker-attacker-attacker";

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_code_fails_in_the_thiefs_session_and_still_serves_its_owner() {
    // PK-4, PK-5, AC-4
    let server = Server::start().await;
    for app in [confidential(Dialect::Standard, "tickets:read"), public(Dialect::Standard, "tickets:read")] {
        let app = server.app(app).await;
        let stolen = app.code(Person::Admin, "tickets:read").await;
        let injected = [
            ("grant_type", "authorization_code"),
            ("code", stolen.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", ATTACKERS),
        ];

        let thief = app.token_request(&injected).await;
        let owner = app.redeem(&stolen).await;

        assert_eq!(refusal(thief).await, (400, "invalid_grant".to_owned()));
        assert_eq!(owner.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_code_is_worth_nothing_to_another_app_or_without_the_apps_secret() {
    // AC-1, CA-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let evil = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let stolen = app.code(Person::Admin, "tickets:read").await;
    let url = format!("{}/oauth/token", server.base);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", stolen.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", app.client.client_id.as_str()),
    ];

    let elsewhere = evil.redeem(&stolen).await;
    let without_secret = server.http.post(&url).form(&form).send().await.unwrap();

    assert_eq!(refusal(elsewhere).await, (400, "invalid_grant".to_owned()));
    assert_eq!(refusal(without_secret).await, (401, "invalid_client".to_owned()));
    assert_eq!(app.redeem(&stolen).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_leaked_from_another_return_address_is_refused() {
    // AC-2, RU-1
    let server = Server::start().await;
    let mut new = confidential(Dialect::Standard, "tickets:read");
    new.redirect_uris.push("https://app.example.com/other".to_owned());
    let app = server.app(new).await;
    let code = app.code(Person::Admin, "tickets:read").await;
    let other = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "https://app.example.com/other"),
        ("code_verifier", VERIFIER),
    ];

    assert_eq!(refusal(app.token_request(&other).await).await, (400, "invalid_grant".to_owned()));
    assert_eq!(app.redeem(&code).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_token_tells_which_session_a_code_was_made_for() {
    // AZ-11, AZ-25
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "openid")).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "openid", &[("nonce", "the victim's")]).await;
    let code = browser.press(&page, "consent-allow", &[]).await.answer()["code"].clone();

    let tokens: Value = app.redeem(&code).await.json().await.unwrap();

    let claims = server.verified(tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["nonce"], "the victim's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_used_or_is_old_ends_what_came_of_it_or_nothing() {
    // AC-1, AC-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let used = app.code(Person::Admin, "tickets:read").await;
    let tokens: Value = app.redeem(&used).await.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let old = app.code(Person::Agent, "tickets:read").await;

    let replayed = app.redeem(&used).await;
    server.clock.advance(Duration::from_secs(61));
    let late = app.redeem(&old).await;

    assert_eq!(refusal(replayed).await, (400, "invalid_grant".to_owned()));
    assert_eq!(refusal(late).await, (400, "invalid_grant".to_owned()));
    assert_eq!(server.get("/api/tickets", token).await.status(), 401);
}
