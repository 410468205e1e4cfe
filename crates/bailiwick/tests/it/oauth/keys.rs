//! Signing keys and id_tokens.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use oauth::key_rotation::Rotation;
use scope::Dialect;
use scope::permit::Actor;
use serde_json::Value;

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "openid email profile";

async fn key_set(server: &Server) -> JwkSet {
    server
        .http
        .get(format!("{}/oauth/jwks", server.base))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("an answer")
}

/// The claims, if a published key signed them.
fn verified(id_token: &str, keys: &JwkSet) -> Option<Value> {
    let header = decode_header(id_token).expect("an answer");
    let key = keys.find(header.kid.as_ref().expect("a kid"))?;
    let mut rules = Validation::new(header.alg);
    // The test's clock is not the system's.
    rules.validate_exp = false;
    rules.validate_aud = false;
    Some(
        decode::<Value>(id_token, &DecodingKey::from_jwk(key).expect("an answer"), &rules)
            .expect("a good signature")
            .claims,
    )
}

async fn id_token(app: &TestApp<'_>) -> String {
    app.tokens(Person::Agent, WORDS).await["id_token"].as_str().expect("an id_token").to_owned()
}

/// Changes the algorithm in the app's record, for which there is no page yet.
async fn sign_with(app: &TestApp<'_>, algorithm: &str) {
    let mut tx = app.server.db.write().await.expect("an answer");
    let sql = "update clients set id_token_signed_response_alg = $1 where id = $2";
    tx.run(sql, &[algorithm.into(), app.client.id.into()]).await.expect("an answer");
    tx.commit().await.expect("an answer");
    app.server.app.provider.forget_client(app.client.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_says_who_signed_in_when_and_for_whom() {
    // ID-1, ID-2, ID-3, AZ-11, LS-7
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Agent, WORDS, &[("nonce", "a nonce")]).await;
    let code = browser.press(&page, "consent-allow", &[]).await.answer()["code"].clone();
    let now = server.clock.now().as_second();

    let tokens: Value = app.redeem(&code).await.json().await.unwrap();

    let claims = verified(tokens["id_token"].as_str().unwrap(), &key_set(&server).await).unwrap();
    assert_eq!(claims["iss"], server.base.as_str());
    assert_eq!(claims["sub"], server.agent_id.to_string());
    assert_eq!(claims["aud"], app.client.client_id.as_str());
    assert_eq!(claims["nonce"], "a nonce");
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["auth_time"], now);
    assert_eq!(claims["exp"], now + 3600);
    assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
    assert!(claims["acr"].is_string() && claims["sid"].is_string());
    let half = &outside::sha256(tokens["access_token"].as_str().unwrap().as_bytes())[..16];
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(half));
    assert!(claims.get("email").is_none() && claims.get("name").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gorgias_id_token_has_a_list_of_one_audience_and_the_profile() {
    // ID-2, SC-9
    let server = Server::start().await;
    let app = server.gorgias_app(WORDS).await;

    let claims = verified(&id_token(&app).await, &key_set(&server).await).unwrap();

    assert_eq!(claims["aud"], serde_json::json!([app.client.client_id]));
    assert_eq!(claims["name"], "Bo Agent");
    assert_eq!(claims["email"], "agent@demo.test");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 86_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_algorithm_has_one_published_key_and_no_private_half() {
    // KEY-1, KEY-5, MD-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let url = format!("{}/oauth/jwks", server.base);

    let document: Value = server.http.get(url).send().await.unwrap().json().await.unwrap();

    let keys = document["keys"].as_array().unwrap();
    let algorithms: std::collections::BTreeSet<&str> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    let kids: std::collections::BTreeSet<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(Vec::from_iter(algorithms), ["ES256", "EdDSA", "PS256", "RS256"]);
    assert_eq!((keys.len(), kids.len()), (4, 4));
    for key in keys {
        assert_eq!(key["use"], "sig");
        assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|private| key.get(private).is_none()));
        sign_with(&app, key["alg"].as_str().unwrap()).await;
        let token = id_token(&app).await;
        assert_eq!(decode_header(&token).unwrap().kid.as_deref(), key["kid"].as_str());
        assert!(verified(&token, &key_set(&server).await).is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_published_before_it_signs_and_an_old_one_after() {
    // KEY-2, KEY-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let before = id_token(&app).await;
    let kid = |token: &str| decode_header(token).unwrap().kid.unwrap();

    server.app.provider.rotate_keys(&Actor::default(), Rotation::Announced).await.unwrap();
    let announced = key_set(&server).await;
    let during = id_token(&app).await;
    server.clock.advance(Duration::from_secs(301));
    let after = id_token(&app).await;
    let kept = key_set(&server).await;
    server.clock.advance(Duration::from_secs(50 * 3600));
    let cleaned = key_set(&server).await;

    // One that signs until then, and a new one of each algorithm.
    assert_eq!(announced.keys.len(), 5);
    assert_eq!(kid(&during), kid(&before));
    assert_ne!(kid(&after), kid(&before));
    assert!(announced.find(&kid(&after)).is_some());
    assert!(verified(&before, &kept).is_some());
    assert!(cleaned.find(&kid(&before)).is_none());
    assert_eq!(cleaned.keys.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_gone_at_once() {
    // KEY-3, ALL-17
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let before = id_token(&app).await;

    server.app.provider.rotate_keys(&Actor::default(), Rotation::AtOnce).await.unwrap();

    let keys = key_set(&server).await;
    assert!(verified(&before, &keys).is_none());
    assert!(verified(&id_token(&app).await, &keys).is_some());
    assert_eq!(server.app.provider.verify_id_token_hint(&before).await.unwrap(), None);
    let mut tx = server.db.read().await.unwrap();
    let sql = "select count(*) as n from events where type = 'signing-keys-rotated'";
    assert_eq!(tx.row(sql, &[]).await.unwrap().unwrap().int("n").unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_encrypted_and_outlive_a_restart() {
    // KEY-2, KEY-4
    let server = Server::start().await;
    let before = key_set(&server).await;
    let restart = async |secret_key: [u8; 32]| {
        let config = oauth::Config {
            issuer: server.base.clone(),
            secret_key,
            client_authorities: oauth::client_certificate::Authorities::default(),
            client_certificates: false,
            key_rotation_days: 0,
            tool_permissions: mcp::permissions(),
        };
        let app = &server.app;
        oauth::Provider::new(app.db.clone(), app.clock.clone(), app.random.clone(), app.provider.fetch.clone(), config)
            .await
            .unwrap()
    };
    let mut tx = server.db.read().await.unwrap();
    let rows = tx.rows("select private_encrypted from signing_keys", &[]).await.unwrap();
    drop(tx);

    let again = restart([7; 32]).await.jwks(&Default::default()).await;
    let other_key = restart([8; 32]).await.jwks(&Default::default()).await;

    // PKCS #8 begins with a sequence; ours begins with a random nonce and has no key's object identifier in the clear.
    let rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d];
    for row in rows {
        let bytes = row.blob("private_encrypted").unwrap();
        assert!(!bytes.windows(rsa.len()).any(|window| window == rsa));
    }
    assert_eq!(again.status(), 200);
    let body = axum::body::to_bytes(again.into_body(), 100_000).await.unwrap();
    assert_eq!(serde_json::from_slice::<JwkSet>(&body).unwrap(), before);
    assert_eq!(other_key.status(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_hint_that_we_signed_is_believed() {
    // AZ-17, KEY-5
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let token = id_token(&app).await;
    let provider = &server.app.provider;
    let payload = token.split('.').nth(1).unwrap();
    let unsigned = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    let mut changed = token.clone();
    changed.replace_range(
        token.len() - 8..token.len() - 7,
        if &token[token.len() - 8..token.len() - 7] == "A" { "B" } else { "A" },
    );
    server.clock.advance(Duration::from_secs(7200));

    let good = provider.verify_id_token_hint(&token).await.unwrap().unwrap();

    assert_eq!(good.sub, server.agent_id.to_string());
    assert_eq!(good.aud, std::slice::from_ref(&app.client.client_id));
    for bad in [unsigned.as_str(), changed.as_str(), "x.y.z", ""] {
        assert_eq!(provider.verify_id_token_hint(bad).await.unwrap(), None, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_removed_and_nothing_else() {
    // AC-3, RT-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "offline_access account:read")).await;
    let offline = app.tokens(Person::Agent, "offline_access account:read").await;
    app.tokens(Person::Agent, "account:read").await;
    server.clock.advance(Duration::from_secs(2 * 86_400));

    server.app.provider.clean_up_expired().await.unwrap();

    let mut tx = server.db.read().await.unwrap();
    for (table, expected) in
        [("authorization_codes", 0), ("access_tokens", 0), ("refresh_tokens", 1), ("token_families", 1), ("grants", 1)]
    {
        let row = tx.row(&format!("select count(*) as n from {table}"), &[]).await.unwrap().unwrap();
        assert_eq!(row.int("n").unwrap(), expected, "{table}");
    }
    drop(tx);
    let token = offline["refresh_token"].as_str().unwrap();
    let again = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
    assert_eq!(again.status(), 200);
}
