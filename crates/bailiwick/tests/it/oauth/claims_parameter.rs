//! The `claims` parameter and levels of sign-in (OpenID Connect Core 5.5, RFC 9470).

use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::{TestApp, confidential};
use crate::support::{Browser, Person, Server};

const WORDS: &str = "openid email tickets:read";

/// The claims of the id_token at the end of the whole journey.
async fn id_token(app: &TestApp<'_>, changes: &[(&str, &str)]) -> Value {
    let mut browser = Browser::new(app.server);
    let page = app.ask(&mut browser, Person::Agent, WORDS, changes).await;
    let code = browser.press(&page, "consent-allow", &[("decision", "allow")]).await.answer()["code"].clone();
    let tokens: Value = app.redeem(&code).await.json().await.expect("what the test made");
    app.server.verified(tokens["id_token"].as_str().expect("what the test made")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn single_claims_are_told_within_what_was_granted() {
    // ID-2, AZ-21
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let claims = json!({
        "id_token": { "email": null, "name": { "essential": true }, "shoe_size": null },
        "userinfo": { "name": null },
        "verified_claims": {},
    });

    let asked = id_token(&app, &[("claims", &claims.to_string())]).await;
    let plain = id_token(&app, &[("prompt", "consent")]).await;

    assert_eq!(asked["email"], "agent@demo.test");
    // `profile` was not granted.
    assert!(asked.get("name").is_none());
    assert!(plain.get("email").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claims_parameter_of_the_wrong_shape_is_refused() {
    // AZ-21
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;

    for claims in ["{", "[]", "\"email\"", r#"{"id_token":[]}"#, r#"{"userinfo":{"name":true}}"#] {
        let page = Browser::new(&server).get(&app.request(WORDS, &[("claims", claims)])).await;

        assert_eq!(page.answer()["error"], "invalid_request", "{claims}");
        assert_eq!(page.answer()["state"], "a state");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_cannot_be_reached_is_told_to_the_app() {
    // AZ-20, SU-2
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let essential =
        |level: &str| json!({ "id_token": { "acr": { "essential": true, "values": [level] } } }).to_string();
    let unknown = [("claims", &*essential("urn:example:gold"))].map(|(name, value)| (name, value.to_owned()));
    let ours = [("claims", essential("urn:bailiwick:acr:mfa"))];
    let by_values = [("acr_values", "urn:bailiwick:acr:mfa".to_owned())];

    for changes in [unknown, ours, by_values] {
        let changes = changes.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut browser = Browser::new(&server);
        // The person has only a password; they may set up more before the app is told that it did not suffice.
        let mut page = app.ask(&mut browser, Person::Agent, WORDS, &changes).await;
        if page.body.contains("id=\"factor-needed\"") {
            page = browser.open(&page.attribute_of("factor-skip", "href")).await;
        }

        assert_eq!(page.answer()["error"], "unmet_authentication_requirements", "{changes:?}");
        assert_eq!(page.answer()["state"], "a state");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_is_reached_is_in_the_token() {
    // AZ-19, AZ-20, SU-2
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let level = "urn:bailiwick:acr:pwd";
    let essential = json!({ "id_token": { "acr": { "essential": true, "value": level } } }).to_string();

    for changes in [[("claims", essential.as_str())], [("acr_values", "urn:example:gold urn:bailiwick:acr:pwd")]] {
        let claims = id_token(&app, &[&changes[..], &[("prompt", "consent")]].concat()).await;

        assert_eq!(claims["acr"], level);
        assert!(claims["auth_time"].is_i64());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stronger_sign_in_is_asked_for_once_and_silence_is_told_at_once() {
    // AZ-20, AZ-12
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    let level = ("acr_values", "urn:bailiwick:acr:mfa");

    let silent = browser.get(&app.request(WORDS, &[level, ("prompt", "none")])).await;
    let asked = browser.open(&app.request(WORDS, &[level])).await;
    let answered = browser.open(&asked.attribute_of("factor-skip", "href")).await;

    assert_eq!(silent.answer()["error"], "login_required");
    assert!(asked.body.contains("id=\"factor-needed\""));
    assert_eq!(answered.answer()["error"], "unmet_authentication_requirements");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sub_that_is_asked_for_by_value_is_the_only_one_that_will_do() {
    // AZ-17, AZ-21
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Agent, WORDS).await;
    let asking = |sub: String| json!({ "id_token": { "sub": { "value": sub } } }).to_string();

    for (sub, expected) in [
        (server.agent_id.to_string(), None),
        (server.admin_id.to_string(), Some("login_required")),
        ("x".to_owned(), Some("login_required")),
    ] {
        let page = browser.get(&app.request(WORDS, &[("claims", &asking(sub)), ("prompt", "none")])).await;

        assert_eq!(page.answer().get("error").map(String::as_str), expected);
    }
}
