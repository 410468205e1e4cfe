//! Attacks that put one token, or one proof, in the place of another (RFC 9700, 4.9 and 4.10; RFC 8725).

use jsonwebtoken::Algorithm;
use oauth::clients::NewClient;
use oauth::policy::Policy;
use scope::Dialect;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::confidential;
use crate::support::jose::encode;
use crate::support::proofs::{base64url_sha256, signing};
use crate::support::{Person, Server, TestApp, TestKey};

const OWN: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "account:read")];

async fn an_app(server: &Server) -> TestApp<'_> {
    let new = NewClient { client_credentials: true, ..confidential(Dialect::Standard, "openid account:read") };
    server.app(new).await
}

async fn bound(app: &TestApp<'_>, key: &TestKey) -> String {
    let proof = app.server.proof(key, "POST", "/oauth/token", json!({}));
    let answer: Value = app.token_request_with(&proof, &OWN).await.json().await.expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

/// A call with exactly these headers.
async fn call(server: &Server, path: &str, scheme: &str, token: &str, proof: &str) -> u16 {
    let request = server.http.get(format!("{}{path}", server.base)).header("dpop", proof);
    request.header("authorization", format!("{scheme} {token}")).send().await.expect("send").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_opens_nothing() {
    // AT-5
    let server = Server::start().await;
    let app = an_app(&server).await;
    let tokens = app.tokens(Person::Agent, "openid account:read").await;
    let id_token = tokens["id_token"].as_str().unwrap();

    assert_eq!(server.get("/api/account", id_token).await.status(), 401);
    assert_eq!(server.get("/oauth/userinfo", id_token).await.status(), 401);
    assert_eq!(server.get_bound("/api/account", id_token, &TestKey::es256(), json!({})).await.status(), 401);
    // Nor does it prove an app.
    let response = app.own_token_by(id_token).await;
    assert_eq!(response.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_no_hmac_secret() {
    // KEY-5, CA-9
    let server = Server::start().await;
    let key = TestKey::new(Algorithm::RS256, "one");
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let claims = json!({
        "iss": app.client.client_id, "sub": app.client.client_id, "aud": server.base, "jti": server.jti(),
        "exp": server.seconds() + 60,
    });
    let secrets = [key.public().to_string(), key.bare().to_string(), key.public()["n"].as_str().unwrap().to_owned()];
    for secret in secrets {
        for name in ["HS256", "HS512", "hs256"] {
            let message = format!("{}.{}", encode(&json!({ "alg": name, "kid": "one" })), encode(&claims));
            let secret = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
            let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
            let response = app.own_token_by(&format!("{message}.{signature}")).await;
            assert_eq!(refusal(response).await, (401, "invalid_client".to_owned()), "{name}");
        }
    }
    for name in ["none", "None", "NONE"] {
        let unsigned = format!("{}.{}.", encode(&json!({ "alg": name })), encode(&claims));
        assert_eq!(refusal(app.own_token_by(&unsigned).await).await, (401, "invalid_client".to_owned()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_token_brings_along_is_not_believed() {
    // CA-9
    let server = Server::start().await;
    let (own, attacker) = (TestKey::es256(), TestKey::es256());
    let app = server.app(signing(Policy::Standard, "account:read", &own)).await;

    for header in [
        json!({ "jwk": attacker.public() }),
        json!({ "jwk": attacker.public(), "kid": null }),
        json!({ "jku": "https://attacker.example/keys", "kid": null }),
        json!({ "x5u": "https://attacker.example/cert", "kid": null }),
    ] {
        let response = app.own_token_by(&app.assertion_with(&attacker, header.clone(), json!({}))).await;
        assert_eq!(refusal(response).await, (401, "invalid_client".to_owned()), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_kind_of_jwt_does_not_pass_for_another() {
    // CA-9, DP-1
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let assertion = app.assertion(&key, json!({}));
    // A proof that has all claims of an assertion, and the reverse.
    let id = &app.client.client_id;
    let both = json!({ "iss": id, "sub": id, "aud": server.base, "exp": server.seconds() + 60 });
    let proof = server.proof(&key, "POST", "/oauth/token", both);

    let as_assertion = app.own_token_by(&proof).await;
    let as_proof = app.signed_request(&assertion, &OWN).header("dpop", &assertion).send().await.unwrap();

    assert_eq!(refusal(as_assertion).await, (401, "invalid_client".to_owned()));
    assert_eq!(refusal(as_proof).await, (400, "invalid_dpop_proof".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_proof_fits_no_other_call() {
    // DP-1, DP-3, DP-6
    let server = Server::start().await;
    let app = an_app(&server).await;
    let key = TestKey::es256();
    let (token, other) = (bound(&app, &key).await, bound(&app, &key).await);
    let proof = || server.proof(&key, "GET", "/api/account", json!({ "ath": base64url_sha256(&token) }));

    let once = proof();
    assert_eq!(call(&server, "/api/account", "DPoP", &token, &once).await, 200);
    assert_eq!(call(&server, "/api/account", "DPoP", &token, &once).await, 401);
    assert_eq!(call(&server, "/api/account/settings", "DPoP", &token, &proof()).await, 401);
    assert_eq!(call(&server, "/api/account", "DPoP", &other, &proof()).await, 401);
    assert_eq!(call(&server, "/api/account", "Bearer", &token, &proof()).await, 401);
    let put = server.http.put(format!("{}/api/account", server.base)).header("dpop", proof());
    let put = put.header("authorization", format!("DPoP {token}")).send().await.unwrap();
    assert!([401, 405].contains(&put.status().as_u16()));
    let at_token = app.token_request_with(&proof(), &OWN).await;
    assert_eq!(refusal(at_token).await, (400, "invalid_dpop_proof".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_worth_nothing_without_its_key() {
    // DP-5
    let server = Server::start().await;
    let app = an_app(&server).await;
    let (key, thief) = (TestKey::es256(), TestKey::es256());
    let token = bound(&app, &key).await;
    let ath = base64url_sha256(&token);
    // The owner's public key in the header, the thief's signature.
    let claims = server.proof_claims("GET", "/api/account", json!({ "ath": ath }));
    let forged = thief.sign(json!({ "typ": "dpop+jwt", "jwk": key.bare(), "kid": null }), &claims);
    let own = server.proof(&thief, "GET", "/api/account", json!({ "ath": ath }));

    assert_eq!(call(&server, "/api/account", "DPoP", &token, &forged).await, 401);
    assert_eq!(call(&server, "/api/account", "DPoP", &token, &own).await, 401);
    assert_eq!(server.get("/api/account", &token).await.status(), 401);
    // A bound token in the body of userinfo is shown without its key.
    let in_body = server.http.post(format!("{}/oauth/userinfo", server.base)).form(&[("access_token", &token)]);
    assert_eq!(in_body.send().await.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_for_somebody_else_is_not_passed_on() {
    // CA-10
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(Policy::Standard, "account:read", &key)).await;
    let neighbour = server.app(signing(Policy::Standard, "account:read", &key)).await;

    // Meant for another server, or signed by a neighbour with the same key.
    let foreign = app.assertion(&key, json!({ "aud": "https://elsewhere.example/oauth/token" }));
    let mixed = app.assertion(&key, json!({ "iss": neighbour.client.client_id }));

    for bad in [foreign, mixed] {
        assert_eq!(refusal(app.own_token_by(&bad).await).await, (401, "invalid_client".to_owned()));
    }
}
