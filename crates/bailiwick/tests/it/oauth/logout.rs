//! RP-initiated logout: apps send the browser to the end session endpoint.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth::clients::{Metadata, NewClient};
use proptest::prelude::*;
use scope::Dialect;

use crate::support::app::confidential;
use crate::support::browser::Page;
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "openid offline_access account:read";
const BACK: &str = "https://app.example.com/signed-out?from=help";

/// An app with an address to return to.
fn leaving() -> NewClient {
    let metadata = Metadata { post_logout_redirect_uris: vec![BACK.to_owned()], ..Metadata::default() };
    NewClient { metadata, ..confidential(Dialect::Standard, WORDS) }
}

/// Signs the agent in to the app, and says the id_token.
async fn signed_in(app: &TestApp<'_>, browser: &mut Browser<'_>) -> String {
    let answer = app.allow(browser, Person::Agent, "openid").await;
    let tokens: serde_json::Value = app.redeem(&answer["code"]).await.json().await.expect("tokens");
    tokens["id_token"].as_str().expect("an id_token").to_owned()
}

fn address(params: &[(&str, &str)]) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    format!("/oauth/end_session?{query}")
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/me/apps").await.status == 200
}

fn leads_away(page: &Page, server: &Server) -> bool {
    page.location().is_some_and(|to| !to.starts_with('/') && !to.starts_with(&server.base))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_and_a_registered_address_end_the_session_and_lead_back() {
    // LO-1, LO-2
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    for by_post in [false, true] {
        let mut browser = Browser::new(&server);
        let hint = signed_in(&app, &mut browser).await;
        // Expired hints are fine.
        server.clock.advance(std::time::Duration::from_secs(2 * 3600));
        let params = [
            ("id_token_hint", hint.as_str()),
            ("client_id", &app.client.client_id),
            ("post_logout_redirect_uri", BACK),
            ("state", "a & state"),
            ("logout_hint", "agent@demo.test"),
            ("ui_locales", "de en"),
        ];

        let page = match by_post {
            false => browser.get(&address(&params)).await,
            true => {
                let fields: Vec<_> = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
                browser.post("/oauth/end_session", &fields).await
            }
        };
        let again = browser.get(&app.request("openid", &[("prompt", "none")])).await;

        assert_eq!(page.status, 303);
        assert_eq!(page.location(), Some(format!("{BACK}&state=a+%26+state").as_str()));
        assert_eq!(again.answer()["error"], "login_required");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_form_brings_the_session_along_by_a_redirect_to_the_same_request() {
    // LO-1, LO-2
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let mut browser = Browser::new(&server);
    let hint = signed_in(&app, &mut browser).await;
    let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BACK)];
    // A browser sends no SameSite=Lax cookie with another site's POST.
    let request = server.http.post(format!("{}/oauth/end_session", server.base)).form(&fields);

    let answered = request.send().await.unwrap();
    let to = answered.headers()["location"].to_str().unwrap().to_owned();
    let page = browser.get(&to).await;

    assert_eq!(answered.status(), 303);
    assert!(to.starts_with("/oauth/end_session?"));
    assert_eq!(page.location(), Some(BACK));
    assert!(!is_signed_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_trusted_gets_a_page_and_changes_nothing() {
    // LO-3
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let other = server.app(leaving()).await;
    let mut browser = Browser::new(&server);
    let hint = signed_in(&app, &mut browser).await;
    let elsewhere = Server::start().await;
    let foreign = {
        let app = elsewhere.app(leaving()).await;
        signed_in(&app, &mut Browser::new(&elsewhere)).await
    };
    let payload = hint.split('.').nth(1).unwrap();
    let unsigned = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    let mut altered = hint.clone();
    let middle = hint.len() - 20;
    altered.replace_range(middle..=middle, if hint.as_bytes()[middle] == b'A' { "B" } else { "A" });
    let id = app.client.client_id.as_str();
    let extended = format!("{BACK}&more=1");

    let cases: [&[(&str, &str)]; 14] = [
        &[("id_token_hint", &foreign), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", &altered), ("post_logout_redirect_uri", BACK), ("client_id", id)],
        &[("id_token_hint", &unsigned), ("post_logout_redirect_uri", BACK), ("client_id", id)],
        &[("id_token_hint", "x"), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", &extended)],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://app.example.com/signed-out")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://app.example.com/callback")],
        &[("post_logout_redirect_uri", BACK)],
        &[("post_logout_redirect_uri", BACK), ("state", "x")],
        &[("client_id", id), ("post_logout_redirect_uri", BACK)],
        &[("client_id", "nobody"), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", &hint), ("client_id", &other.client.client_id), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", BACK), ("post_logout_redirect_uri", BACK)],
    ];
    for case in cases {
        let page = browser.get(&address(case)).await;

        assert!([200, 400].contains(&page.status), "{case:?}: {}", page.status);
        assert_eq!(page.location(), None, "{case:?}");
        assert!(is_signed_in(&mut browser).await, "{case:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hint_the_person_is_asked_by_a_form_that_nobody_else_can_send() {
    // LO-3, LO-4, LO-5
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let mut browser = Browser::new(&server);
    signed_in(&app, &mut browser).await;
    let id = app.client.client_id.as_str();

    let bare = browser.get("/oauth/end_session").await;
    let with_state = browser.get("/oauth/end_session?state=x").await;
    let named = browser.get(&address(&[("client_id", id), ("post_logout_redirect_uri", BACK), ("state", "s")])).await;
    let (action, fields) = named.form_around("logout-confirm");
    let forged = |name: &str, value: &str| -> Vec<(String, String)> {
        let changed = |(n, v): &(String, String)| (n.clone(), if n == name { value.to_owned() } else { v.clone() });
        fields.iter().map(changed).collect()
    };
    let without_csrf = browser.post(&action, &forged("csrf", "")).await;
    let evil = "client_id=x&post_logout_redirect_uri=https%3A%2F%2Fevil.example";
    let with_another_request = browser.post(&action, &forged("request", evil)).await;
    let still_there = is_signed_in(&mut browser).await;
    let confirmed = browser.press_once(&named, "logout-confirm", &[]).await;

    for page in [&bare, &with_state, &named] {
        assert_eq!((page.status, page.location()), (200, None));
        assert!(page.body.contains("id=\"logout-confirm\""));
    }
    assert!(named.body.contains("Ticket Mirror"));
    assert_eq!((without_csrf.status, with_another_request.status, still_there), (403, 403, true));
    assert_eq!(confirmed.location(), Some(format!("{BACK}&state=s").as_str()));
    assert!(!is_signed_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_signed_in_is_told_so() {
    // LO-4
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let mut browser = Browser::new(&server);
    let hint = signed_in(&app, &mut Browser::new(&server)).await;
    let id = app.client.client_id.as_str();

    let bare = browser.get("/oauth/end_session").await;
    let with_state = browser.get("/oauth/end_session?state=x").await;
    let named = browser.get(&address(&[("client_id", id), ("post_logout_redirect_uri", BACK)])).await;
    let hinted = browser.get(&address(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BACK)])).await;

    for page in [&bare, &with_state, &named] {
        assert_eq!((page.status, page.location()), (200, None));
        assert!(page.body.contains("You are signed out"));
    }
    // The way back is the person's choice.
    assert!(named.body.contains("https://app.example.com/signed-out"));
    assert_eq!(hinted.location(), Some(BACK));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_for_somebody_else_makes_us_ask() {
    // LO-2, LO-3
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let hint = signed_in(&app, &mut Browser::new(&server)).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let page = browser.get(&address(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BACK)])).await;

    assert_eq!((page.status, page.location()), (200, None));
    assert!(page.body.contains("id=\"logout-confirm\""));
    assert_eq!(browser.get("/admin").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_for_the_session_ends_with_it_and_lasting_access_stays() {
    // LO-6
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let lasting = server.app(leaving()).await;
    let mut browser = Browser::new(&server);
    let tokens = async |app: &TestApp<'_>, browser: &mut Browser<'_>, words: &str| -> serde_json::Value {
        let answer = app.allow(browser, Person::Agent, words).await;
        app.redeem(&answer["code"]).await.json().await.expect("tokens")
    };
    let online = tokens(&app, &mut browser, "openid account:read").await;
    let offline = tokens(&lasting, &mut browser, WORDS).await;
    // As a client has it whose refresh token was given without lasting access.
    let online_refresh = "bwr_online";
    let mut tx = server.db.write().await.unwrap();
    tx.run(
        "insert into refresh_tokens (hash, family_id, created_at)
         select $1, id, created_at from token_families where client_id = $2",
        &[outside::sha256(online_refresh.as_bytes()).as_slice().into(), app.client.id.into()],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let refresh = async |app: &TestApp<'_>, token: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        app.token_request(&fields).await.status().as_u16()
    };
    let before = refresh(&app, online_refresh).await;

    let question = browser.get("/logout").await;
    browser.press(&question, "logout-confirm", &[]).await;

    let of = |tokens: &serde_json::Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    assert_eq!(before, 200);
    assert_eq!(refresh(&app, online_refresh).await, 400);
    assert_eq!(server.get("/oauth/userinfo", &of(&online, "access_token")).await.status(), 401);
    assert_eq!(server.get("/oauth/userinfo", &of(&offline, "access_token")).await.status(), 200);
    assert_eq!(refresh(&lasting, &of(&offline, "refresh_token")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_there_is_no_failure_of_ours_and_no_way_out() {
    // LO-3, LO-4, ALL-5
    let server = Server::start().await;
    let app = server.app(leaving()).await;
    let mut browser = Browser::new(&server);
    signed_in(&app, &mut browser).await;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let name = prop_oneof![
        Just("id_token_hint".to_owned()),
        Just("client_id".to_owned()),
        Just("post_logout_redirect_uri".to_owned()),
        Just("state".to_owned()),
        Just("request".to_owned()),
        "\\PC{0,12}",
    ];
    let value = prop_oneof![
        Just(app.client.client_id.clone()),
        Just("https://evil.example/".to_owned()),
        Just("//evil.example".to_owned()),
        Just("eyJhbGciOiJub25lIn0.e30.".to_owned()),
        ".{0,40}",
    ];
    let requests: Vec<Vec<(String, String)>> = (0..60)
        .map(|_| {
            let tree = proptest::collection::vec((name.clone(), value.clone()), 0..6).new_tree(&mut runner);
            proptest::strategy::ValueTree::current(&tree.expect("a request"))
        })
        .collect();
    let raw = ["%", "%ff", "a=%00", "state=%F0%28%8C%28", "&&&==&", "id_token_hint=..", "id_token_hint=%C3%A9.a.b"];

    for fields in requests {
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        for page in [browser.get(&address(&pairs)).await, browser.post("/oauth/end_session", &fields).await] {
            assert!(page.status < 500, "{fields:?}: {}", page.status);
            assert!(!leads_away(&page, &server), "{fields:?}: {:?}", page.location());
        }
    }
    for query in raw {
        let page = browser.get(&format!("/oauth/end_session?{query}")).await;
        assert!(page.status < 500 && !leads_away(&page, &server), "{query}: {}", page.status);
    }
    assert!(is_signed_in(&mut browser).await);
}
