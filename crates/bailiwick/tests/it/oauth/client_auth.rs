//! How apps prove who they are at the back-channel endpoints.

use std::time::Duration;

use oauth::clients::OldSecrets;
use reqwest::Response;
use reqwest::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use scope::Dialect;
use serde_json::Value;

use super::token::refusal;
use crate::support::app::{confidential, public};
use crate::support::{Server, TestApp};

/// A token request that gets as far as the grant: an unknown refresh token is `invalid_grant`.
const REFRESH: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "nothing")];

fn proven() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

fn unproven() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

async fn with_basic(server: &Server, user: &str, password: &str) -> Response {
    let request = server.http.post(format!("{}/oauth/token", server.base));
    request.basic_auth(user, Some(password)).form(&REFRESH).send().await.expect("an answer")
}

async fn with_body(server: &Server, client_id: &str, secret: Option<&str>) -> Response {
    let mut fields = REFRESH.to_vec();
    fields.push(("client_id", client_id));
    fields.extend(secret.map(|secret| ("client_secret", secret)));
    server.http.post(format!("{}/oauth/token", server.base)).form(&fields).send().await.expect("an answer")
}

async fn a_confidential_app(server: &Server) -> TestApp<'_> {
    server.app(confidential(Dialect::Standard, "tickets:read")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_app_proves_itself_by_basic_or_in_the_body() {
    // CA-1, CA-4
    let server = Server::start().await;
    let app = a_confidential_app(&server).await;
    let (id, secret) = (app.client.client_id.as_str(), app.secret.as_deref().unwrap());

    let basic = with_basic(&server, id, secret).await;
    let body = with_body(&server, id, Some(secret)).await;

    assert_eq!(refusal(basic).await, proven());
    assert_eq!(refusal(body).await, proven());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_looks_the_same_for_a_wrong_secret_and_an_unknown_app() {
    // CA-3, CA-6
    let server = Server::start().await;
    let app = a_confidential_app(&server).await;

    let wrong = with_basic(&server, &app.client.client_id, "wrong").await;
    let unknown = with_basic(&server, "nobody", "wrong").await;
    let no_secret = with_body(&server, &app.client.client_id, None).await;
    let nobody = with_body(&server, "", None).await;

    assert_eq!(wrong.headers()[WWW_AUTHENTICATE], "Basic realm=\"OAuth2 Token Endpoint\"");
    assert_eq!(unknown.headers()[WWW_AUTHENTICATE], wrong.headers()[WWW_AUTHENTICATE]);
    assert!(no_secret.headers().get(WWW_AUTHENTICATE).is_none());
    assert_eq!(wrong.status(), 401);
    let (wrong, unknown): (Value, Value) = (wrong.json().await.unwrap(), unknown.json().await.unwrap());
    assert_eq!(wrong, unknown);
    assert_eq!(wrong["error"], "invalid_client");
    assert_eq!(refusal(no_secret).await, unproven());
    assert_eq!(refusal(nobody).await, unproven());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ways_at_once_are_refused() {
    // CA-2
    let server = Server::start().await;
    let app = a_confidential_app(&server).await;
    let (id, secret) = (app.client.client_id.as_str(), app.secret.as_deref().unwrap());
    let post = async |extra: (&str, &str)| {
        let fields = [&REFRESH[..], &[extra]].concat();
        let request = server.http.post(format!("{}/oauth/token", server.base));
        request.basic_auth(id, Some(secret)).form(&fields).send().await.unwrap()
    };

    let secret_twice = post(("client_secret", secret)).await;
    let other_id = post(("client_id", "another")).await;
    let same_id = post(("client_id", id)).await;

    assert_eq!(refusal(secret_twice).await, (400, "invalid_request".to_owned()));
    assert_eq!(refusal(other_id).await, (400, "invalid_request".to_owned()));
    assert_eq!(refusal(same_id).await, proven());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_app_shows_its_id_and_no_secret() {
    // CA-5
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, "tickets:read")).await;

    let id_only = with_body(&server, &app.client.client_id, None).await;
    let with_secret = with_body(&server, &app.client.client_id, Some("made up")).await;
    let basic = with_basic(&server, &app.client.client_id, "").await;

    assert_eq!(refusal(id_only).await, proven());
    assert_eq!(refusal(with_secret).await, unproven());
    assert_eq!(refusal(basic).await, unproven());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_overlap_until_the_old_one_ends() {
    // CA-7, CA-6
    let server = Server::start().await;
    let app = a_confidential_app(&server).await;
    let (id, old) = (app.client.client_id.as_str(), app.secret.as_deref().unwrap());
    let in_an_hour = server.clock.now() + Duration::from_secs(3600);

    let new =
        server.app.provider.add_secret(&server.may(), app.client.id, OldSecrets::EndAt(in_an_hour)).await.unwrap();
    let both = [with_basic(&server, id, old).await, with_basic(&server, id, &new.value).await];
    server.clock.advance(Duration::from_secs(3601));
    let old_later = with_basic(&server, id, old).await;
    let new_later = with_basic(&server, id, &new.value).await;

    for response in both {
        assert_eq!(refusal(response).await, proven());
    }
    assert_eq!(refusal(old_later).await, unproven());
    assert_eq!(refusal(new_later).await, proven());
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_keeps_nobody_else_out() {
    // CA-8
    let server = Server::start().await;
    let app = a_confidential_app(&server).await;
    let (id, secret) = (app.client.client_id.as_str(), app.secret.as_deref().unwrap());
    let mut last = with_basic(&server, id, "guess").await;
    for _ in 0..30 {
        if last.status() == 429 {
            break;
        }
        assert_eq!(last.status(), 401);
        last = with_basic(&server, id, "guess").await;
    }

    let right = with_basic(&server, id, secret).await;

    assert_eq!(last.status(), 429);
    assert!(last.headers()[RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(refusal(right).await, proven());
    // The right secret gave the guesser nothing back.
    assert_eq!(with_basic(&server, id, "guess").await.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switched_off_app_fails_at_once() {
    // POL-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "account:read")).await;
    let (id, secret) = (app.client.client_id.as_str(), app.secret.as_deref().unwrap());
    let tokens = app.tokens(crate::support::Person::Agent, "account:read").await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(server.get("/api/account", token).await.status(), 200);
    assert_eq!(refusal(with_basic(&server, id, secret).await).await, proven());

    server.app.provider.disable_client(&server.may(), app.client.id).await.unwrap();

    assert_eq!(refusal(with_basic(&server, id, secret).await).await, unproven());
    assert_eq!(server.get("/api/account", token).await.status(), 401);
}
