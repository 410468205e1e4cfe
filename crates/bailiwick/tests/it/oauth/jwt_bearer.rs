//! Assertions of issuers we trust (RFC 7523).

use jsonwebtoken::Algorithm;
use oauth::clients::{ClientChange, NewClient};
use oauth::trust::NewTrustedIssuer;
use scope::Dialect;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::confidential;
use crate::support::proofs::merged;
use crate::support::{Person, Server, TestApp, TestKey};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ISSUER: &str = "https://login.company.example";

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

async fn an_app(server: &Server) -> TestApp<'_> {
    let new = NewClient {
        other_grants: vec![GRANT.to_owned()],
        ..confidential(Dialect::Standard, "tickets:read tickets:write account:read")
    };
    server.app(new).await
}

async fn trust(server: &Server, key: &TestKey, only: Option<&TestApp<'_>>) -> i64 {
    let new = NewTrustedIssuer {
        issuer: ISSUER.to_owned(),
        name: "The company".to_owned(),
        jwks: Some(key.set()),
        client_id: only.map(|app| app.client.client_id.clone()),
        ..NewTrustedIssuer::default()
    };
    server.app.provider.add_trusted_issuer(&server.may(), new).await.expect("an issuer")
}

/// With everything in order; `changes` replaces claims, null takes one out.
fn assertion(server: &Server, key: &TestKey, changes: Value) -> String {
    let usual = json!({
        "iss": ISSUER, "sub": "agent@demo.test", "aud": server.app.config.public_url, "jti": server.jti(),
        "iat": server.seconds(), "exp": server.seconds() + 60,
    });
    key.sign(json!({}), &merged(usual, changes))
}

async fn present(app: &TestApp<'_>, assertion: &str, more: &[(&str, &str)]) -> reqwest::Response {
    let fields = [&[("grant_type", GRANT), ("assertion", assertion)], more].concat();
    app.token_request(&fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_issuers_word_gives_what_was_allowed_before() {
    // JB-1
    let server = Server::start().await;
    let (app, key) = (an_app(&server).await, TestKey::es256());
    trust(&server, &key, None).await;
    assert_eq!(refusal(present(&app, &assertion(&server, &key, json!({})), &[]).await).await, invalid_grant());
    app.tokens(Person::Agent, "tickets:read account:read").await;

    let by_address: Value = present(&app, &assertion(&server, &key, json!({})), &[]).await.json().await.unwrap();
    let sub = json!({ "sub": server.agent_id.to_string() });
    let by_id = present(&app, &assertion(&server, &key, sub), &[("scope", "account:read")]).await;
    let by_id: Value = by_id.json().await.unwrap();
    let beyond = present(&app, &assertion(&server, &key, json!({})), &[("scope", "tickets:write")]).await;

    assert_eq!(by_address["scope"], "account:read tickets:read");
    assert!(by_address.get("refresh_token").is_none() && by_address.get("id_token").is_none());
    assert_eq!(by_id["scope"], "account:read");
    let token = by_id["access_token"].as_str().unwrap();
    assert_eq!(server.get("/api/account", token).await.status(), 200);
    assert_eq!(refusal(beyond).await, (400, "invalid_scope".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_judged_strictly() {
    // JB-1, ALL-13, KEY-9
    let server = Server::start().await;
    let (app, key) = (an_app(&server).await, TestKey::es256());
    trust(&server, &key, None).await;
    app.tokens(Person::Agent, "tickets:read").await;
    let now = server.seconds();

    for good in [json!({ "iat": now + 10 }), json!({ "exp": now - 9 }), json!({ "sub": "AGENT@demo.test" })] {
        let response = present(&app, &assertion(&server, &key, good.clone()), &[]).await;
        assert_eq!(response.status(), 200, "{good}");
    }
    for bad in [
        json!({ "iss": "https://stranger.example" }),
        json!({ "iss": format!("{ISSUER}/") }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "sub": "nobody@demo.test" }),
        json!({ "sub": "999999" }),
        json!({ "sub": 7 }),
        json!({ "aud": null }),
        json!({ "aud": "https://elsewhere.example" }),
        json!({ "aud": format!("{}/oauth/token", server.base) }),
        json!({ "exp": null }),
        json!({ "exp": now - 11 }),
        json!({ "exp": now + 4000 }),
        json!({ "iat": now + 61 }),
        json!({ "nbf": now + 61 }),
        json!({ "jti": null }),
        json!({ "jti": "x".repeat(600) }),
    ] {
        let response = present(&app, &assertion(&server, &key, bad.clone()), &[]).await;
        assert_eq!(refusal(response).await, invalid_grant(), "{bad}");
    }
    let stranger = TestKey::es256();
    let ed = TestKey::new(Algorithm::EdDSA, "one");
    for forged in [assertion(&server, &stranger, json!({})), assertion(&server, &ed, json!({})), "a.b.c".to_owned()] {
        assert_eq!(refusal(present(&app, &forged, &[]).await).await, invalid_grant());
    }
    let once = assertion(&server, &key, json!({}));
    assert_eq!(present(&app, &once, &[]).await.status(), 200);
    assert_eq!(refusal(present(&app, &once, &[]).await).await, invalid_grant());
    let missing = app.token_request(&[("grant_type", GRANT)]).await;
    assert_eq!(refusal(missing).await, (400, "invalid_request".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_can_be_for_one_app_and_trust_ends() {
    // JB-1
    let server = Server::start().await;
    let (app, other, key) = (an_app(&server).await, an_app(&server).await, TestKey::es256());
    let without = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let id = trust(&server, &key, Some(&app)).await;
    app.tokens(Person::Agent, "tickets:read").await;
    other.tokens(Person::Agent, "tickets:read").await;
    let word = || assertion(&server, &key, json!({}));

    assert_eq!(present(&app, &word(), &[]).await.status(), 200);
    assert_eq!(refusal(present(&other, &word(), &[]).await).await, invalid_grant());
    assert_eq!(refusal(present(&without, &word(), &[]).await).await, (400, "unauthorized_client".to_owned()));
    server.app.provider.remove_trusted_issuer(&server.may(), id).await.unwrap();
    assert_eq!(refusal(present(&app, &word(), &[]).await).await, invalid_grant());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_allowed_for_everybody_needs_no_consent() {
    // JB-1
    let server = Server::start().await;
    let (app, key) = (an_app(&server).await, TestKey::es256());
    trust(&server, &key, None).await;
    let change = ClientChange { account_scopes: Some(vec!["tickets:read".to_owned()]), ..ClientChange::default() };
    server.app.provider.update_client(&server.may(), app.client.id, change).await.unwrap();

    let answer: Value = present(&app, &assertion(&server, &key, json!({})), &[]).await.json().await.unwrap();

    assert_eq!(answer["scope"], "tickets:read");
    let mut tx = server.db.read().await.unwrap();
    let grants = oauth::consents::list_by_client(&mut tx, &server.may(), server.clock.now(), app.client.id, None, 10)
        .await
        .unwrap();
    assert_eq!((grants.len(), grants[0].person_id), (1, server.agent_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unproven_address_of_a_customer_is_nobodys() {
    // JB-1
    let server = Server::start().await;
    let (app, key) = (an_app(&server).await, TestKey::es256());
    trust(&server, &key, None).await;
    let change = ClientChange { account_scopes: Some(vec!["tickets:read".to_owned()]), ..ClientChange::default() };
    server.app.provider.update_client(&server.may(), app.client.id, change).await.unwrap();
    let token = server.token("customers:write").await;
    let customer = json!({ "email": "dora@example.com", "name": "Dora" });
    assert_eq!(server.post("/api/customers", &token, customer).await.status(), 201);

    let response = present(&app, &assertion(&server, &key, json!({ "sub": "dora@example.com" })), &[]).await;

    assert_eq!(refusal(response).await, invalid_grant());
}
