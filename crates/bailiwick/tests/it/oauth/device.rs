//! The device grant: a device without a browser, and the person who types its code.

use std::time::Duration;

use oauth::clients::NewClient;
use scope::Dialect;
use serde_json::Value;

use crate::support::app::{confidential, public};
use crate::support::browser::Page;
use crate::support::{Browser, Person, Server, TestApp};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const WORDS: &str = "openid offline_access tickets:read";

/// An app on a television: it keeps no secret.
fn wallboard() -> NewClient {
    let new = public(Dialect::Standard, WORDS);
    NewClient { name: "Wallboard".to_owned(), other_grants: vec![GRANT.to_owned()], ..new }
}

async fn ask(app: &TestApp<'_>, fields: &[(&str, &str)]) -> reqwest::Response {
    let address = format!("{}/oauth/device_authorization", app.server.base);
    let request = app.server.http.post(address).header("user-agent", "Wallboard/2.1");
    let mut fields = fields.to_vec();
    let request = match &app.secret {
        Some(secret) => request.basic_auth(&app.client.client_id, Some(secret)),
        None => {
            fields.push(("client_id", &app.client.client_id));
            request
        }
    };
    request.form(&fields).send().await.expect("send")
}

async fn begun(app: &TestApp<'_>, scope: &str) -> Value {
    let response = ask(app, &[("scope", scope)]).await;
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

/// One poll: the status, and the error or an empty text.
async fn poll(app: &TestApp<'_>, device: &Value) -> (u16, Value) {
    let code = device["device_code"].as_str().expect("a device_code");
    let response = app.token_request(&[("grant_type", GRANT), ("device_code", code)]).await;
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

/// Types a code on the page.
async fn type_code(browser: &mut Browser<'_>, user_code: &str) -> Page {
    let page = browser.open("/device").await;
    let page = if page.body.contains("login-submit") { browser.sign_in_on(&page, Person::Agent).await } else { page };
    browser.press_once(&page, "device-next", &[("user_code", user_code)]).await
}

fn user_code(device: &Value) -> String {
    device["user_code"].as_str().expect("a user_code").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_given_a_code_to_show_and_one_to_keep() {
    // DV-1
    let server = Server::start().await;
    let app = server.app(wallboard()).await;

    let response = ask(&app, &[("scope", WORDS)]).await;
    let (status, cache) = (response.status(), response.headers()["cache-control"].clone());
    let device: Value = response.json().await.unwrap();

    assert_eq!((status.as_u16(), cache.to_str().unwrap()), (200, "no-store"));
    assert!(device["device_code"].as_str().unwrap().len() >= 43);
    let shown = user_code(&device);
    let letters = shown.replace('-', "");
    assert_eq!((letters.len(), shown.as_bytes()[4]), (8, b'-'));
    assert!(letters.bytes().all(|letter| b"BCDFGHJKLMNPQRSTVWXZ".contains(&letter)), "{shown}");
    let page = format!("{}/device", server.base);
    assert_eq!(device["verification_uri"], page);
    assert_eq!(device["verification_uri_complete"], format!("{page}?user_code={shown}"));
    assert_eq!((&device["expires_in"], &device["interval"]), (&600.into(), &5.into()));
    // Neither code is kept in the clear.
    let mut tx = server.db.read().await.unwrap();
    let row = tx.row("select hash, user_code_hash from device_codes", &[]).await.unwrap().unwrap();
    let plain = outside::sha256(letters.as_bytes());
    assert_eq!(row.blob("hash").unwrap(), outside::sha256(device["device_code"].as_str().unwrap().as_bytes()));
    assert_ne!(row.blob("user_code_hash").unwrap(), plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_is_checked_as_any_other() {
    // DV-1, SC-3, SC-11, RI-1
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let without = server.app(public(Dialect::Standard, WORDS)).await;
    let error = async |response: reqwest::Response| {
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["error"].as_str().unwrap_or_default().to_owned())
    };

    let of = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(error(ask(&without, &[("scope", WORDS)]).await).await, of(400, "unauthorized_client"));
    assert_eq!(error(ask(&app, &[("scope", "tickets:write")]).await).await, of(400, "invalid_scope"));
    assert_eq!(error(ask(&app, &[]).await).await, of(400, "invalid_scope"));
    assert_eq!(error(ask(&app, &[("scope", "a\"b")]).await).await, of(400, "invalid_scope"));
    let elsewhere = [("scope", WORDS), ("resource", "https://elsewhere.example")];
    assert_eq!(error(ask(&app, &elsewhere).await).await, of(400, "invalid_target"));
    assert_eq!(error(ask(&app, &[("scope", WORDS), ("scope", WORDS)]).await).await, of(400, "invalid_request"));
    let confidential = NewClient { other_grants: vec![GRANT.to_owned()], ..confidential(Dialect::Standard, WORDS) };
    let mut app = server.app(confidential).await;
    app.secret = Some("wrong".to_owned());
    assert_eq!(error(ask(&app, &[("scope", WORDS)]).await).await, of(401, "invalid_client"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_polls_until_its_person_has_allowed_it() {
    // DV-2, DV-3
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let other = server.app(wallboard()).await;
    let device = begun(&app, WORDS).await;
    let mut browser = Browser::new(&server);

    let first = poll(&app, &device).await;
    let at_once = poll(&app, &device).await;
    server.clock.advance(Duration::from_secs(6));
    // Five seconds were added, so six are too few.
    let still_early = poll(&app, &device).await;
    server.clock.advance(Duration::from_secs(16));
    let patient = poll(&app, &device).await;
    let question = type_code(&mut browser, &user_code(&device)).await;
    let done = browser.press_once(&question, "device-allow", &[]).await;
    let foreign = poll(&other, &device).await;
    let redeemed = poll(&app, &device).await;
    let replayed = poll(&app, &device).await;

    let words: Vec<(u16, &Value)> =
        [&first, &at_once, &still_early, &patient, &foreign].map(|(status, body)| (*status, &body["error"])).to_vec();
    let expected = ["authorization_pending", "slow_down", "slow_down", "authorization_pending", "invalid_grant"];
    assert_eq!(words, expected.map(Value::from).iter().map(|word| (400, word)).collect::<Vec<_>>());
    assert_eq!(done.status, 200);
    assert_eq!(redeemed.0, 200, "{}", redeemed.1);
    assert_eq!(redeemed.1["scope"], "offline_access openid tickets:read");
    assert!(redeemed.1["refresh_token"].is_string() && redeemed.1["id_token"].is_string());
    assert_eq!((replayed.0, &replayed.1["error"]), (400, &"invalid_grant".into()));
    let token = redeemed.1["access_token"].as_str().unwrap();
    let person: Value = server.get("/oauth/userinfo", token).await.json().await.unwrap();
    assert_eq!(person["sub"], server.agent_id.to_string());
    // It is one of the apps that the person allowed, and does not sign out with their browser.
    let apps = browser.get("/me/apps").await;
    assert!(apps.body.contains("Wallboard"));
    let question = browser.get("/logout").await;
    browser.press(&question, "logout-confirm", &[]).await;
    assert_eq!(server.get("/oauth/userinfo", token).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_polls_at_once_give_one_pair_of_tokens() {
    // DV-2, TK-5
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let device = begun(&app, WORDS).await;
    let mut browser = Browser::new(&server);
    let question = type_code(&mut browser, &user_code(&device)).await;
    browser.press_once(&question, "device-allow", &[]).await;

    let (a, b, c) = tokio::join!(poll(&app, &device), poll(&app, &device), poll(&app, &device));

    let mut statuses = [a.0, b.0, c.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_and_a_late_answer_are_told_apart() {
    // DV-2, DV-3
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let denied = begun(&app, WORDS).await;
    let late = begun(&app, WORDS).await;
    let mut browser = Browser::new(&server);

    let question = type_code(&mut browser, &user_code(&denied)).await;
    browser.press_once(&question, "device-deny", &[]).await;
    let twice = browser.press_once(&question, "device-allow", &[]).await;
    let of_denied = poll(&app, &denied).await;
    let question = type_code(&mut browser, &user_code(&late)).await;
    server.clock.advance(Duration::from_secs(601));
    let too_late = browser.press_once(&question, "device-allow", &[]).await;
    let of_late = poll(&app, &late).await;
    let unknown = app.token_request(&[("grant_type", GRANT), ("device_code", "nobody")]).await;
    let missing = app.token_request(&[("grant_type", GRANT)]).await;

    assert_eq!((twice.status, too_late.status), (400, 400));
    assert_eq!((of_denied.0, &of_denied.1["error"]), (400, &"access_denied".into()));
    assert_eq!((of_late.0, &of_late.1["error"]), (400, &"expired_token".into()));
    assert_eq!(unknown.json::<Value>().await.unwrap()["error"], "invalid_grant");
    assert_eq!(missing.json::<Value>().await.unwrap()["error"], "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_who_asks_for_what_from_where_and_warns() {
    // DV-3
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let device = begun(&app, WORDS).await;
    let code = user_code(&device);
    let complete = device["verification_uri_complete"].as_str().unwrap();
    let mut browser = Browser::new(&server);

    let sign_in = browser.open(complete).await;
    let filled_in = browser.sign_in_on(&sign_in, Person::Agent).await;
    let before = poll(&app, &device).await;
    let question = browser.press_once(&filled_in, "device-next", &[("user_code", &code)]).await;
    let unhyphened = code.replace('-', "").to_lowercase();
    let again = type_code(&mut browser, &unhyphened).await;

    assert!(filled_in.body.contains(&format!("value=\"{code}\"")) && filled_in.body.contains("device-next"));
    assert!(!filled_in.body.contains("Wallboard"), "the address alone tells nothing");
    assert_eq!(before.1["error"], "authorization_pending");
    for page in [&question, &again] {
        assert_eq!(page.status, 200);
        for text in ["Wallboard", "127.0.0.1", "Wallboard/2.1", "device-allow", "deny it", &code] {
            assert!(page.body.contains(text), "{text}");
        }
        assert!(page.body.find("device-deny").unwrap() < page.body.find("device-allow").unwrap());
    }
    assert!(question.body.contains("keeps access when you are away"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_with_anothers_form() {
    // DV-3, LS-3
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let (mine, theirs) = (begun(&app, WORDS).await, begun(&app, WORDS).await);
    let mut browser = Browser::new(&server);
    let question = type_code(&mut browser, &user_code(&mine)).await;
    let (action, fields) = question.form_around("device-allow");
    let swapped: Vec<(String, String)> = fields
        .iter()
        .map(|(name, value)| (name.clone(), if name == "request" { user_code(&theirs) } else { value.clone() }))
        .collect();

    let page = browser.post(&action, &swapped).await;

    assert_eq!(page.status, 403);
    assert_eq!(poll(&app, &theirs).await.1["error"], "authorization_pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_wrong_codes_there_is_a_pause() {
    // DV-3
    let server = Server::start().await;
    let app = server.app(wallboard()).await;
    let device = begun(&app, WORDS).await;
    let mut browser = Browser::new(&server);
    let mut statuses = Vec::new();

    for wrong in ["BBBB-BBBB", "x", "CCCC-CCCC", "DDDD-DDDD", "FFFF-FFFF", "GGGG-GGGG"] {
        statuses.push(type_code(&mut browser, wrong).await.status);
    }
    let right = type_code(&mut browser, &user_code(&device)).await;
    // The address counts too, whoever signs in there.
    let mut other = Browser::new(&server);
    other.sign_in(Person::Admin).await;
    let page = other.open("/device").await;
    let from_the_same_address = other.press_once(&page, "device-next", &[("user_code", &user_code(&device))]).await;
    server.clock.advance(Duration::from_secs(601));
    let device = begun(&app, WORDS).await;
    let later = type_code(&mut browser, &user_code(&device)).await;

    assert_eq!(statuses, [400, 400, 400, 400, 400, 429]);
    assert_eq!((right.status, from_the_same_address.status), (429, 429));
    assert!(right.headers.contains_key("retry-after"));
    assert_eq!(later.status, 200);
}
