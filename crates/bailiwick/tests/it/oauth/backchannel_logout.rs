//! Back-channel logout: apps are told by the provider's server that a session is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use oauth::clients::{Metadata, NewClient};
use scope::Dialect;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::app::confidential;
use crate::support::relying_party::{Manner, RelyingParty};
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "openid offline_access account:read";

/// Lets the provider reach loopback, where the apps of these tests listen.
async fn server() -> Server {
    Server::start_with(|settings| settings.fetch_private = true).await
}

fn told_at(address: &str) -> NewClient {
    let metadata = Metadata {
        backchannel_logout_uri: Some(address.to_owned()),
        backchannel_logout_session_required: true,
        ..Metadata::default()
    };
    NewClient { metadata, ..confidential(Dialect::Standard, WORDS) }
}

async fn id_token(app: &TestApp<'_>, browser: &mut Browser<'_>) -> Value {
    let answer = app.allow(browser, Person::Agent, "openid").await;
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.expect("tokens");
    verified(app.server, tokens["id_token"].as_str().expect("an id_token")).await
}

async fn sign_out(browser: &mut Browser<'_>) {
    let question = browser.get("/logout").await;
    browser.press(&question, "logout-confirm", &[]).await;
}

/// The claims, by a published key.
async fn verified(server: &Server, token: &str) -> Value {
    let keys: JwkSet = server
        .http
        .get(format!("{}/oauth/jwks", server.base))
        .send()
        .await
        .expect("what the test made")
        .json()
        .await
        .expect("what the test made");
    let header = decode_header(token).expect("a header");
    let key = keys.find(header.kid.as_ref().expect("a kid")).expect("a published key");
    let mut rules = Validation::new(header.alg);
    rules.validate_exp = false;
    rules.validate_aud = false;
    decode::<Value>(token, &DecodingKey::from_jwk(key).expect("a key"), &rules).expect("a good signature").claims
}

async fn count(server: &Server, sql: &str) -> i64 {
    let mut tx = server.db.read().await.expect("what the test made");
    tx.row(sql, &[])
        .await
        .expect("what the test made")
        .expect("what the test made")
        .int("n")
        .expect("what the test made")
}

const FAILED: &str = "select count(*) as n from events where type = 'app-logout-failed'";
const DELIVERED: &str = "select count(*) as n from events where type = 'app-logout-delivered'";

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_token_says_whose_session_is_over_and_cannot_pass_for_an_id_token() {
    // BL-1, BL-2, BL-3
    let server = server().await;
    let party = RelyingParty::start(Manner::Status(200)).await;
    let new = NewClient { id_token_signed_response_alg: Some("ES256".to_owned()), ..told_at(&party.address) };
    let app = server.app(new).await;
    let other = server.app(confidential(Dialect::Standard, WORDS)).await;
    let mut browser = Browser::new(&server);
    let id_token = id_token(&app, &mut browser).await;
    other.allow(&mut browser, Person::Agent, "openid").await;

    sign_out(&mut browser).await;
    let before_the_job = party.tokens().len();
    server.run_jobs().await;

    let tokens = party.tokens();
    let header = decode_header(&tokens[0]).unwrap();
    let claims = verified(&server, &tokens[0]).await;
    let now = server.clock.now().as_second();
    assert_eq!((before_the_job, tokens.len()), (0, 1));
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
    assert_eq!(claims["iss"], server.base.as_str());
    assert_eq!(claims["aud"], app.client.client_id.as_str());
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 120)));
    assert_eq!(claims["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert_eq!((&claims["sub"], &claims["sid"]), (&id_token["sub"], &id_token["sid"]));
    assert!(claims["jti"].as_str().unwrap().len() > 20);
    assert!(claims.get("nonce").is_none());
    assert_eq!((count(&server, DELIVERED).await, count(&server, FAILED).await), (1, 0));
    // Nothing that could be used is kept in the queue.
    let stored = "select count(*) as n from queue where payload like '%eyJ%' or last_error like '%eyJ%'";
    assert_eq!(count(&server, stored).await, 0);
    assert_eq!(server.app.provider.verify_id_token_hint(&tokens[0]).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_listen_is_asked_again_also_after_a_restart() {
    // BL-2
    let server = server().await;
    let party = RelyingParty::start(Manner::Status(400)).await;
    let app = server.app(told_at(&party.address)).await;
    let mut browser = Browser::new(&server);
    id_token(&app, &mut browser).await;
    sign_out(&mut browser).await;

    server.run_jobs().await;
    let at_once = server.run_jobs().await;
    server.clock.advance(Duration::from_secs(3));
    server.run_jobs().await;
    party.answer_from_now_on(Manner::Status(204));
    server.clock.advance(Duration::from_secs(5));
    // A process that knows nothing but the database.
    let again = server.restarted().await;
    bailiwick::worker::run_due(&again).await.unwrap();
    server.clock.advance(Duration::from_secs(3600));
    server.run_jobs().await;

    let tokens = party.tokens();
    assert_eq!(at_once, 0);
    assert_eq!(tokens.len(), 3);
    assert_ne!(tokens[0], tokens[1], "each attempt has a token of its own");
    assert_eq!((count(&server, FAILED).await, count(&server, DELIVERED).await), (2, 1));
    let problem = "select count(*) as n from events where type = 'app-logout-failed' and data like '%answered 400%'";
    assert_eq!(count(&server, problem).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_told_side_by_side_and_nobody_waits_for_them() {
    // BL-2
    let server = server().await;
    let barrier = Arc::new(Barrier::new(3));
    let mut parties = Vec::new();
    let mut browser = Browser::new(&server);
    for _ in 0..3 {
        let party = RelyingParty::start(Manner::Together(barrier.clone())).await;
        let app = server.app(told_at(&party.address)).await;
        id_token(&app, &mut browser).await;
        parties.push(party);
    }
    let deaf = RelyingParty::start(Manner::Silence).await;
    let app = server.app(told_at(&deaf.address)).await;
    id_token(&app, &mut browser).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let worker = tokio::spawn(bailiwick::worker::run(server.app.clone(), stopped));

    let begun = Instant::now();
    sign_out(&mut browser).await;
    let waited = begun.elapsed();

    // None of the three answers before all three were asked.
    let deadline = Instant::now() + Duration::from_secs(30);
    while count(&server, DELIVERED).await < 3 || count(&server, FAILED).await < 1 {
        assert!(Instant::now() < deadline, "not all were told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(waited < Duration::from_secs(4), "{waited:?}");
    let timeout =
        "select count(*) as n from events where type = 'app-logout-failed' and data like '%within five seconds%'";
    assert_eq!(count(&server, timeout).await, 1);
    stop.send_replace(true);
    worker.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_a_session_ends_is_told() {
    // BL-3, LS-9
    let server = server().await;
    let party = RelyingParty::start(Manner::Status(200)).await;
    let app = server.app(told_at(&party.address)).await;
    let token = server.token("write:all").await;
    let agent = format!("/api/users/{}", server.agent_id);
    let new_password = "another long password";
    let change = json!({ "old_password": PASSWORD, "new_password": new_password });
    let told = async |n: usize, what: &str| {
        server.run_jobs().await;
        assert_eq!(party.tokens().len(), n, "{what}");
    };

    let mut browser = Browser::new(&server);
    id_token(&app, &mut browser).await;
    server.app.provider.sign_out_user(&server.may(), server.agent_id).await.unwrap();
    told(1, "an administrator signs somebody out").await;

    id_token(&app, &mut browser).await;
    let session = server.app.provider.session(&browser.cookies["bailiwick"]).await.unwrap().unwrap();
    server.app.provider.sign_out_everywhere(&session, "r").await.unwrap();
    told(2, "everywhere").await;

    id_token(&app, &mut browser).await;
    browser.open("/login").await;
    let mut shared = Browser::new(&server);
    shared.cookies = browser.cookies.clone();
    let page = shared.open(&app.request("openid", &[("prompt", "login")])).await;
    shared.sign_in_on(&page, Person::Admin).await;
    told(3, "somebody else signs in in the same browser").await;

    id_token(&app, &mut Browser::new(&server)).await;
    assert_eq!(server.put(&agent, &token, change).await.status(), 200);
    told(4, "the password is changed").await;

    let mut again = Browser::new(&server);
    let page = again.open(&app.request("openid", &[])).await;
    again.press(&page, "login-submit", &[("email", "agent@demo.test"), ("password", new_password)]).await;
    assert_eq!(server.put(&agent, &token, json!({ "active": false })).await.status(), 200);
    told(5, "the person is switched off").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_again_as_the_same_person_ends_nothing() {
    // BL-3, LS-1
    let server = server().await;
    let party = RelyingParty::start(Manner::Status(200)).await;
    let app = server.app(told_at(&party.address)).await;
    let mut browser = Browser::new(&server);
    let first = id_token(&app, &mut browser).await;
    let cookie = browser.cookies["bailiwick"].clone();

    let page = browser.open(&app.request("openid", &[("prompt", "login")])).await;
    let answer = browser.sign_in_on(&page, Person::Agent).await.answer();
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.unwrap();
    let second = verified(&server, tokens["id_token"].as_str().unwrap()).await;
    server.run_jobs().await;
    let told_early = party.tokens().len();
    sign_out(&mut browser).await;
    server.run_jobs().await;

    assert_ne!(browser.cookies.get("bailiwick"), Some(&cookie));
    assert_eq!(first["sid"], second["sid"]);
    assert_eq!((told_early, party.tokens().len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_is_not_reached() {
    // BL-3, CM-2
    let server = Server::start().await;
    let party = RelyingParty::start(Manner::Status(200)).await;
    // One that nobody would see from the record: registered when it still led elsewhere.
    let app = server.app(told_at("https://told.example.com/logout")).await;
    let mut tx = server.db.write().await.unwrap();
    let metadata = json!({ "backchannel_logout_uri": party.address });
    let params = [(&metadata).into(), app.client.id.into()];
    tx.run("update clients set metadata = $1 where id = $2", &params).await.unwrap();
    tx.commit().await.unwrap();
    let mut browser = Browser::new(&server);
    id_token(&app, &mut browser).await;

    sign_out(&mut browser).await;
    server.run_jobs().await;

    assert!(party.tokens().is_empty());
    assert_eq!(count(&server, FAILED).await, 1);
}
