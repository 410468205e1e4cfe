//! Apps that sign instead of keeping a secret.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use oauth::clients::{Metadata, NewClient};
use oauth::policy::Policy;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::proofs::{ASSERTION_TYPE, signing};
use crate::support::{Server, TestApp, TestKey};

fn unproven() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

async fn status(app: &TestApp<'_>, assertion: &str) -> u16 {
    app.own_token_by(assertion).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_signs_in_with_its_own_key_and_acts_for_itself() {
    // CA-9, MC-8
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;

    let response = app.own_token_by(&app.assertion(&key, json!({}))).await;

    assert_eq!(app.secret, None);
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["token_type"], "Bearer");
    assert!(answer.get("refresh_token").is_none());
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(server.get("/api/account", token).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_we_know_proves_an_app() {
    // CA-9
    let server = Server::start().await;
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
        let key = TestKey::new(algorithm, "one");
        let app = server.app(signing(Policy::Standard, "account:read", &key)).await;

        assert_eq!(status(&app, &app.assertion(&key, json!({}))).await, 200, "{algorithm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_the_apps_own_and_about_now() {
    // CA-9, CA-11, ALL-13
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let now = server.seconds();

    for good in [
        json!({ "exp": now + 3600 }),
        json!({ "iat": now + 10, "nbf": now + 10 }),
        json!({ "exp": now - 9 }),
        json!({ "iat": null }),
    ] {
        assert_eq!(status(&app, &app.assertion(&key, good.clone())).await, 200, "{good}");
    }
    for bad in [
        json!({ "iss": "another" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "sub": 5 }),
        json!({ "exp": null }),
        json!({ "exp": now - 300 }),
        json!({ "exp": now - 11 }),
        json!({ "exp": now + 3700 }),
        json!({ "exp": "soon" }),
        json!({ "iat": now + 61 }),
        json!({ "nbf": now + 61 }),
        json!({ "jti": null }),
        json!({ "jti": 7 }),
        json!({ "jti": "" }),
    ] {
        let response = app.own_token_by(&app.assertion(&key, bad.clone())).await;
        assert_eq!(refusal(response).await, unproven(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_counts_once_on_all_nodes() {
    // CA-9
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let other = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let assertion = app.assertion(&key, json!({ "jti": "one" }));

    let (first, second) = tokio::join!(app.own_token_by(&assertion), app.own_token_by(&assertion));
    let mut both = [first.status().as_u16(), second.status().as_u16()];
    both.sort_unstable();

    assert_eq!(both, [200, 401]);
    assert_eq!(status(&other, &other.assertion(&key, json!({ "jti": "one" }))).await, 200);
    server.clock.advance(Duration::from_secs(300));
    server.app.provider.clean_up_expired().await.unwrap();
    let left = server.db.read().await.unwrap().rows("select hash from used_identifiers", &[]).await.unwrap();
    assert!(left.is_empty());
    assert_eq!(status(&app, &assertion).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_for_us_and_nobody_else() {
    // CA-10
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let strict = server.app(signing(Policy::Fapi2, "account:read", &key)).await;
    let issuer = server.base.as_str();
    let token_endpoint = format!("{issuer}/oauth/token");

    for good in [json!(issuer), json!([issuer]), json!(token_endpoint), json!([issuer, token_endpoint])] {
        let assertion = app.assertion(&key, json!({ "aud": good }));
        assert_eq!(status(&app, &assertion).await, 200, "{good}");
    }
    for bad in [
        json!(null),
        json!([]),
        json!("https://elsewhere.example"),
        json!([issuer, "https://elsewhere.example"]),
        json!(format!("{issuer}/oauth/par")),
        json!(format!("{issuer}/oauth/introspect")),
        json!({ "is": issuer }),
        json!([5]),
    ] {
        let response = app.own_token_by(&app.assertion(&key, json!({ "aud": bad }))).await;
        assert_eq!(refusal(response).await, unproven(), "{bad}");
    }
    // One string, the issuer, where FAPI 2.0 rules: this gets past authentication, to the missing proof.
    let response = strict.own_token_by(&strict.assertion(&key, json!({}))).await;
    assert_ne!(response.status(), 401);
    for bad in [json!([issuer]), json!(token_endpoint)] {
        let response = strict.own_token_by(&strict.assertion(&key, json!({ "aud": bad }))).await;
        assert_eq!(refusal(response).await, unproven(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fapi_wants_a_short_life_and_no_rs256() {
    // CA-9, CA-11
    let server = Server::start().await;
    let (ec, rsa) = (TestKey::es256(), TestKey::new(Algorithm::RS256, "rsa"));
    let both = json!({ "keys": [ec.public(), rsa.public()] });
    let metadata = Metadata { jwks: Some(both), ..Metadata::default() };
    let app = server.app(NewClient { metadata, ..signing(Policy::Fapi2, "account:read", &ec) }).await;
    let now = server.seconds();

    let long = app.own_token_by(&app.assertion(&ec, json!({ "exp": now + 320 }))).await;
    let rs256 = app.own_token_by(&app.assertion(&rsa, json!({}))).await;
    let right = app.own_token_by(&app.assertion(&ec, json!({ "exp": now + 300 }))).await;

    assert_eq!(refusal(long).await, unproven());
    assert_eq!(refusal(rs256).await, unproven());
    assert_ne!(right.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_registered_algorithm_and_key_count() {
    // CA-9, KEY-9
    let server = Server::start().await;
    let (one, two, stranger) = (TestKey::es256(), TestKey::new(Algorithm::ES256, "two"), TestKey::es256());
    let ed = TestKey::new(Algorithm::EdDSA, "ed");
    let metadata = Metadata {
        jwks: Some(json!({ "keys": [one.public(), two.public(), ed.public()] })),
        token_endpoint_auth_signing_alg: Some("ES256".to_owned()),
        ..Metadata::default()
    };
    let app = server.app(NewClient { metadata, ..signing(Policy::Standard, "account:read", &one) }).await;

    assert_eq!(status(&app, &app.assertion(&two, json!({}))).await, 200);
    assert_eq!(status(&app, &app.assertion_with(&two, json!({ "kid": null }), json!({}))).await, 200);
    for (key, header) in [
        (&two, json!({ "kid": "three" })),
        (&two, json!({ "kid": "one" })),
        (&stranger, json!({})),
        (&ed, json!({})),
        (&one, json!({ "alg": "none" })),
        (&one, json!({ "alg": "HS256" })),
        (&one, json!({ "alg": "RS256" })),
        (&one, json!({ "crit": ["exp"] })),
        (&one, json!({ "typ": "dpop+jwt" })),
    ] {
        let response = app.own_token_by(&app.assertion_with(key, header.clone(), json!({}))).await;
        assert_eq!(refusal(response).await, unproven(), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_stands_alone_and_is_called_by_its_name() {
    // CA-2, CA-4, CA-11
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let id = app.client.client_id.as_str();
    let post = async |fields: &[(&str, &str)], basic: bool| {
        server.forgive().await;
        let request = server.http.post(format!("{}/oauth/token", server.base));
        let request = if basic { request.basic_auth(id, Some("secret")) } else { request };
        let fields = [&[("grant_type", "client_credentials"), ("scope", "account:read")], fields].concat();
        refusal(request.form(&fields).send().await.unwrap()).await
    };
    let assertion = || app.assertion(&key, json!({}));
    let two_ways = (400, "invalid_request".to_owned());

    let kind = ("client_assertion_type", ASSERTION_TYPE);
    let wrong_kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
    assert_eq!(post(&[wrong_kind, ("client_assertion", &assertion())], false).await, unproven());
    assert_eq!(post(&[("client_assertion", &assertion())], false).await, unproven());
    assert_eq!(post(&[kind], false).await, unproven());
    assert_eq!(post(&[kind, ("client_assertion", "rubbish")], false).await, unproven());
    assert_eq!(post(&[kind, ("client_assertion", &assertion())], true).await, two_ways);
    assert_eq!(post(&[kind, ("client_assertion", &assertion()), ("client_secret", "x")], false).await, two_ways);
    assert_eq!(post(&[kind, ("client_assertion", &assertion()), ("client_id", "another")], false).await, two_ways);
    assert_eq!(post(&[("client_id", id)], false).await, unproven());
    assert_eq!(post(&[("client_id", id), ("client_secret", "x")], false).await, unproven());
    let with_id = app.signed_request(
        &assertion(),
        &[("grant_type", "client_credentials"), ("scope", "account:read"), ("client_id", id)],
    );
    assert_eq!(with_id.send().await.unwrap().status(), 200);
    // An app that has a secret does not get in by a signature.
    let other = server.gorgias_app("account:read").await;
    let response = other.own_token_by(&other.assertion(&key, json!({}))).await;
    assert_eq!(refusal(response).await, unproven());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_signs_may_introspect_and_revoke() {
    // CA-9, IN-1
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let answer: Value = app.own_token_by(&app.assertion(&key, json!({}))).await.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let post = async |path: &str| {
        let assertion = app.assertion(&key, json!({}));
        let fields =
            [("token", token), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        server.http.post(format!("{}{path}", server.base)).form(&fields).send().await.unwrap()
    };

    let before: Value = post("/oauth/introspect").await.json().await.unwrap();
    let revoked = post("/oauth/revoke").await.status();
    let after: Value = post("/oauth/introspect").await.json().await.unwrap();

    assert_eq!(before["active"], true);
    assert_eq!(revoked, 200);
    assert_eq!(after, json!({ "active": false }));
}
