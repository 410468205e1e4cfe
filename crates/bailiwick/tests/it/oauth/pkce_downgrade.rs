//! Attacks that take the challenge out of a request or weaken it (RFC 9700, section 4.8.2).

use scope::Dialect;
use serde_json::Value;

use super::token::refusal;
use crate::support::app::{CALLBACK, VERIFIER, confidential, public};
use crate::support::{Browser, Person, Server};

const WITHOUT: [(&str, &str); 2] = [("code_challenge", ""), ("code_challenge_method", "")];

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_without_a_challenge_is_a_downgrade_and_refused() {
    // PK-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Agent, "tickets:read", &WITHOUT).await;
    let code = browser.press(&page, "consent-allow", &[]).await.answer()["code"].clone();
    let base = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];

    let with_verifier = app.token_request(&[&base[..], &[("code_verifier", VERIFIER)]].concat()).await;
    let without = app.token_request(&base).await;

    assert_eq!(refusal(with_verifier).await, (400, "invalid_request".to_owned()));
    assert_eq!(without.status(), 200);
    let body: Value = without.json().await.unwrap();
    assert_eq!(body["scope"], "tickets:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_cannot_be_left_out_or_weakened_on_the_way() {
    // PK-1, PK-2, PK-6
    let server = Server::start().await;
    for app in [confidential(Dialect::Standard, "tickets:read"), public(Dialect::Standard, "tickets:read")] {
        let app = server.app(app).await;
        for changes in [
            &WITHOUT[..],
            &[("code_challenge", "")],
            &[("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
            &[("code_challenge_method", "s256")],
            &[("code_challenge_method", "plain"), ("code_challenge", VERIFIER)],
        ] {
            let page = Browser::new(&server).get(&app.request("tickets:read", changes)).await;
            let pushed = app.push("tickets:read", changes).await;

            assert_eq!(page.answer()["error"], "invalid_request", "{changes:?}");
            assert_eq!(refusal(pushed).await, (400, "invalid_request".to_owned()), "{changes:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_challenge_in_the_address_does_not_win() {
    // ALL-3, PA-5, PK-6
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, "tickets:read")).await;
    let attackers = oauth::pkce::challenge_of("attacker-attacker-attacker-attacker-attacker");
    let more = format!("&code_challenge={attackers}&code_challenge_method=S256");

    let twice = Browser::new(&server).get(&format!("{}{more}", app.request("tickets:read", &[]))).await;
    let handle = app.pushed("tickets:read", &[]).await;
    let mut browser = Browser::new(&server);
    let login = browser.open(&format!("{}{more}", app.with_handle(&handle))).await;
    let consent = browser.sign_in_on(&login, Person::Agent).await;
    let code = browser.press(&consent, "consent-allow", &[]).await.answer()["code"].clone();

    assert_eq!(twice.answer()["error"], "invalid_request");
    // The app's own verifier fits: the pushed challenge counts.
    assert_eq!(app.redeem(&code).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_need_not_be_sent_is_enforced_once_it_was() {
    // POL-3, PK-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read")).await;
    let code = app.code(Person::Agent, "tickets:read").await;
    let base = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];

    assert_eq!(refusal(app.token_request(&base).await).await, (400, "invalid_grant".to_owned()));
    assert_eq!(app.redeem(&code).await.status(), 200);
}
