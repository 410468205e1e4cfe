//! What an app is told when the database fails: nothing that it could take for "signed out".

use reqwest::header::RETRY_AFTER;
use scope::Dialect;
use serde_json::Value;
use store::transact;

use super::token::refusal;
use crate::support::app::confidential;
use crate::support::{Person, Server, TestApp};

const WORDS: &str = "offline_access tickets:read";

async fn refresh(app: &TestApp<'_>, token: &str) -> reqwest::Response {
    app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn run(server: &Server, sql: &str) {
    transact!(server.db, |tx| tx.run(sql, &[]).await).expect("the statement");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_at_a_refresh_signs_nobody_out() {
    // RT-10, ALL-15
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    let token = tokens["refresh_token"].as_str().unwrap();

    run(&server, "alter table refresh_tokens rename to refresh_tokens_away").await;
    let broken = refresh(&app, token).await;
    run(&server, "alter table refresh_tokens_away rename to refresh_tokens").await;
    let mended = refresh(&app, token).await;

    assert_eq!(refusal(broken).await, (500, "server_error".to_owned()));
    assert_eq!(mended.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_whose_last_step_fails_has_changed_nothing() {
    // RT-10, TK-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "tickets:read")).await;
    let tokens = app.tokens(Person::Agent, "tickets:read").await;
    let token = tokens["refresh_token"].as_str().unwrap();

    // The refresh token is used up before the access token is written.
    run(&server, "alter table access_tokens rename to access_tokens_away").await;
    let broken = refresh(&app, token).await;
    run(&server, "alter table access_tokens_away rename to access_tokens").await;
    let mended = refresh(&app, token).await;

    assert_eq!(broken.status(), 500);
    assert_eq!(mended.status(), 200, "{}", mended.text().await.unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_busy_says_when_to_come_again() {
    // RT-10, ALL-15
    let server = Server::start().await;
    if server.db.commits().is_none() {
        return;
    }
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    // Whoever holds the one writer keeps all others waiting.
    let holder = server.db.write().await.unwrap();

    let busy = refresh(&app, token).await;
    drop(holder);
    let later = refresh(&app, token).await;

    assert!(busy.headers().contains_key(RETRY_AFTER));
    assert_eq!(refusal(busy).await, (503, "temporarily_unavailable".to_owned()));
    assert_eq!(later.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_refresh_is_always_a_registered_code() {
    // RT-10
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens: Value = app.tokens(Person::Agent, WORDS).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let grant = ("grant_type", "refresh_token");

    for (fields, error) in [
        (vec![grant], "invalid_request"),
        (vec![grant, ("refresh_token", "unknown")], "invalid_grant"),
        (vec![grant, ("refresh_token", tokens["access_token"].as_str().unwrap())], "invalid_grant"),
        (vec![grant, ("refresh_token", token), ("scope", "tickets:write")], "invalid_scope"),
        (vec![grant, ("refresh_token", token), ("scope", "\"")], "invalid_scope"),
        (vec![grant, ("refresh_token", token), ("resource", "no address")], "invalid_target"),
        (vec![("grant_type", "refresh-token"), ("refresh_token", token)], "unsupported_grant_type"),
    ] {
        assert_eq!(refusal(app.token_request(&fields).await).await, (400, error.to_owned()), "{fields:?}");
    }
}
