//! Signed request objects (section 20 of the OAuth contract).

use jsonwebtoken::Algorithm;
use oauth::clients::NewClient;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::CALLBACK;
use crate::support::jose::encode;
use crate::support::request_object::signing;
use crate::support::{Browser, Person, Server, TestKey};

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_object_replaces_what_stands_beside_it() {
    // JA-1, PK-6
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(&key, "openid tickets:read")).await;
    let claims =
        app.object("openid tickets:read", json!({ "max_age": 600, "claims": { "userinfo": { "name": null } } }));
    let outside = [
        ("scope", "account:read"),
        ("state", "outside"),
        ("redirect_uri", "https://evil.example.com/"),
        ("response_mode", "fragment"),
        ("code_challenge_method", "plain"),
    ];

    for typ in [json!("oauth-authz-req+jwt"), json!("JWT"), Value::Null] {
        let object = key.sign(json!({ "typ": typ }), &claims);
        let mut browser = Browser::new(&server);
        let login = browser.open(&app.with_object(&object, &outside)).await;
        let mut page = browser.sign_in_on(&login, Person::Agent).await;
        if page.location().is_none() {
            page = browser.press(&page, "consent-allow", &[]).await;
        }

        assert!(page.location().is_some_and(|to| to.starts_with(&format!("{CALLBACK}?"))), "{typ}");
        assert_eq!(page.answer()["state"], "a state");
        let code = &page.answer()["code"];
        let without = [("grant_type", "authorization_code"), ("code", code.as_str())];
        assert_eq!(refusal(app.token_request(&without).await).await, (400, "invalid_grant".to_owned()));
        let tokens: Value = app.redeem(code).await.json().await.unwrap();
        assert_eq!(tokens["scope"], "openid tickets:read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_believed_is_refused() {
    // JA-1, JA-2, KEY-5, KEY-9
    let server = Server::start().await;
    let key = TestKey::es256();
    let stranger = TestKey::es256();
    let unknown = TestKey::new(Algorithm::ES256, "two");
    let app = server.app(signing(&key, "tickets:read")).await;
    let now = server.clock.now().as_second();
    let sign = |changes: Value| key.sign(json!({ "typ": "oauth-authz-req+jwt" }), &app.object("tickets:read", changes));
    let good = app.object("tickets:read", json!({}));
    let none = format!("{}.{}.", encode(&json!({ "alg": "none" })), encode(&good));
    let changed = {
        let signed = sign(json!({}));
        let (_, signature) = signed.rsplit_once('.').unwrap();
        let (head, _) = signed.split_once('.').unwrap();
        format!("{head}.{}.{signature}", encode(&app.object("tickets:read", json!({ "state": "changed" }))))
    };
    let objects = [
        none,
        changed,
        "eyJ".to_owned(),
        stranger.sign(json!({}), &good),
        unknown.sign(json!({}), &good),
        key.sign(json!({ "typ": "dpop+jwt" }), &good),
        sign(json!({ "client_id": "another" })),
        sign(json!({ "client_id": null })),
        sign(json!({ "iss": "another" })),
        sign(json!({ "iss": null })),
        sign(json!({ "aud": "https://elsewhere.example" })),
        sign(json!({ "aud": null })),
        sign(json!({ "exp": now - 60 })),
        sign(json!({ "exp": now + 3700 })),
        sign(json!({ "nbf": now - 3000, "exp": now + 3000 })),
        sign(json!({ "nbf": now - 3700, "iat": null })),
        sign(json!({ "iat": now - 3700 })),
        sign(json!({ "nbf": now + 120 })),
        sign(json!({ "exp": "soon" })),
        sign(json!({ "request_uri": "https://app.example.com/r" })),
        sign(json!({ "request": "eyJ" })),
        sign(json!({ "scope": ["tickets:read"] })),
    ];

    for object in objects {
        let outside = [("redirect_uri", CALLBACK), ("state", "a state"), ("response_type", "code")];
        let page = Browser::new(&server).get(&app.with_object(&object, &outside)).await;
        let pushed = app.push("tickets:read", &[("request", &object)]).await;

        assert!(page.location().is_some_and(|to| to.starts_with(CALLBACK)), "{object}");
        assert_eq!(page.answer()["error"], "invalid_request_object", "{object}");
        assert!(["a state", "changed"].contains(&page.answer()["state"].as_str()));
        assert_eq!(refusal(pushed).await, (400, "invalid_request_object".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_leads_to_no_address_that_is_not_registered() {
    // JA-1, AZ-2
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(&key, "tickets:read")).await;
    let evil = json!({ "redirect_uri": "https://evil.example.com/" });
    let signed = key.sign(json!({}), &app.object("tickets:read", evil.clone()));
    let unsigned = TestKey::es256().sign(json!({}), &app.object("tickets:read", evil));

    for object in [signed, unsigned] {
        let page = Browser::new(&server).get(&app.with_object(&object, &[("redirect_uri", CALLBACK)])).await;

        assert_eq!((page.status, page.location()), (400, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_object_replaces_the_pushed_form() {
    // JA-1, PA-2
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(NewClient { require_signed_request: true, ..signing(&key, "tickets:read") }).await;
    let object = key.sign(json!({}), &app.object("tickets:read", json!({ "state": "inside" })));

    let bare = app.push("tickets:read", &[]).await;
    let direct = Browser::new(&server).get(&app.request("tickets:read", &[])).await;
    let handle =
        app.pushed("account:read", &[("request", &object), ("redirect_uri", "https://evil.example.com/")]).await;
    let mut browser = Browser::new(&server);
    let login = browser.open(&app.with_handle(&handle)).await;
    let consent = browser.sign_in_on(&login, Person::Agent).await;
    let answered = browser.press(&consent, "consent-allow", &[]).await;

    assert_eq!(refusal(bare).await, (400, "invalid_request".to_owned()));
    assert_eq!(direct.answer()["error"], "invalid_request");
    assert_eq!(answered.answer()["state"], "inside");
    assert!(answered.answer().contains_key("code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_algorithm_that_was_registered_counts() {
    // JA-1, JA-2
    let server = Server::start().await;
    let (ec, ed) = (TestKey::new(Algorithm::ES256, "ec"), TestKey::new(Algorithm::EdDSA, "ed"));
    let mut new = signing(&ec, "tickets:read");
    new.metadata.jwks = Some(json!({ "keys": [ec.public(), ed.public()] }));
    new.metadata.request_object_signing_alg = Some("EdDSA".to_owned());
    let app = server.app(new).await;
    let claims = app.object("tickets:read", json!({}));

    let right = Browser::new(&server).get(&app.with_object(&ed.sign(json!({}), &claims), &[])).await;
    let wrong = Browser::new(&server).get(&app.with_object(&ec.sign(json!({}), &claims), &[])).await;
    let both = app.with_object(&ed.sign(json!({}), &claims), &[("request_uri", "urn:ietf:params:oauth:request_uri:x")]);
    let both = Browser::new(&server).get(&both).await;

    assert!(right.location().is_some_and(|to| to.starts_with("/login")));
    assert_eq!(wrong.answer()["error"], "invalid_request_object");
    assert_eq!(both.answer()["error"], "invalid_request");
}
