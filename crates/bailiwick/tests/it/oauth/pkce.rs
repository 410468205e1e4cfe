//! Proof Key for Code Exchange at the token endpoint. What the authorization endpoint refuses is tested with it, and attacks on the
//! challenge in `pkce_downgrade.rs`.

use scope::Dialect;

use super::token::refusal;
use crate::support::app::{CALLBACK, VERIFIER, public};
use crate::support::{Person, Server};

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
