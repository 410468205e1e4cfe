//! Proof Key for Code Exchange at the token endpoint. What the authorization endpoint refuses is tested with it.

use scope::Dialect;
use serde_json::Value;

use super::token::refusal;
use crate::support::app::{CALLBACK, VERIFIER, confidential, public};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_challenge_asks_for_its_verifier() {
    // PK-3, PK-4, PK-5
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, "tickets:read")).await;
    let code = app.code(Person::Agent, "tickets:read").await;
    let base = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    let with = async |verifier: &str| app.token_request(&[&base[..], &[("code_verifier", verifier)]].concat()).await;

    let missing = app.token_request(&base).await;
    let short = with(&VERIFIER[..42]).await;
    let long = with(&"a".repeat(129)).await;
    let strange = with(&format!("{}!", &VERIFIER[..42])).await;
    let wrong = with(&VERIFIER.replace('d', "e")).await;
    let right = with(VERIFIER).await;

    for response in [missing, short, long, strange, wrong] {
        assert_eq!(refusal(response).await, (400, "invalid_grant".to_owned()));
    }
    // None of them has used the code up.
    assert_eq!(right.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_without_a_challenge_is_a_downgrade_and_refused() {
    // PK-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    let changes = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = app.ask(&mut browser, Person::Agent, "tickets:read", &changes).await;
    let code = browser.press(&page, "consent-allow", &[]).await.answer()["code"].clone();
    let base = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];

    let with_verifier = app.token_request(&[&base[..], &[("code_verifier", VERIFIER)]].concat()).await;
    let without = app.token_request(&base).await;

    assert_eq!(refusal(with_verifier).await, (400, "invalid_request".to_owned()));
    assert_eq!(without.status(), 200);
    let body: Value = without.json().await.unwrap();
    assert_eq!(body["scope"], "tickets:read");
}
