//! Tokens that are bound to a key (RFC 9449).

use std::time::Duration;

use jsonwebtoken::Algorithm;
use oauth::clients::NewClient;
use oauth::policy::Policy;
use reqwest::Response;
use scope::Dialect;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::{confidential, public};
use crate::support::jose::encode;
use crate::support::proofs::{base64url_sha256, signing};
use crate::support::{Browser, Person, Server, TestApp, TestKey};

const OWN: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "account:read")];

fn invalid_proof() -> (u16, String) {
    (400, "invalid_dpop_proof".to_owned())
}

async fn an_app(server: &Server) -> TestApp<'_> {
    let new = NewClient { client_credentials: true, ..confidential(Dialect::Standard, "account:read offline_access") };
    server.app(new).await
}

async fn json_of(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

/// A token of the app itself that is bound to this key.
async fn bound_token(app: &TestApp<'_>, key: &TestKey) -> String {
    let proof = app.server.proof(key, "POST", "/oauth/token", json!({}));
    let answer = json_of(app.token_request_with(&proof, &OWN).await).await;
    assert_eq!(answer["token_type"], "DPoP");
    answer["access_token"].as_str().expect("a token").to_owned()
}

fn challenge(response: &Response) -> String {
    response.headers()["www-authenticate"].to_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_worth_something_only_with_its_key() {
    // DP-1, DP-5, DP-6, IN-3
    let server = Server::start().await;
    let app = an_app(&server).await;
    let (key, other) = (TestKey::es256(), TestKey::es256());
    let token = bound_token(&app, &key).await;

    let right = server.get_bound("/api/account?a=b", &token, &key, json!({})).await;
    let as_bearer = server.get("/api/account", &token).await;
    let with_another = server.get_bound("/api/account", &token, &other, json!({})).await;
    let introspected = app.server.http.post(format!("{}/oauth/introspect", server.base));
    let introspected = introspected.basic_auth(&app.client.client_id, app.secret.as_deref()).form(&[("token", &token)]);
    let introspected: Value = introspected.send().await.unwrap().json().await.unwrap();

    assert_eq!(right.status(), 200);
    assert_eq!(as_bearer.status(), 401);
    assert!(challenge(&as_bearer).starts_with("Bearer ") && challenge(&as_bearer).contains("error=\"invalid_token\""));
    assert_eq!(with_another.status(), 401);
    assert!(challenge(&with_another).starts_with("DPoP ") && challenge(&with_another).contains("\"invalid_token\""));
    assert!(challenge(&with_another).contains("algs=\"RS256 PS256 ES256 EdDSA\""));
    assert_eq!(introspected["token_type"], "DPoP");
    assert_eq!(introspected["cnf"], json!({ "jkt": key.thumbprint() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_token_is_not_shown_with_a_proof() {
    // DP-5
    let server = Server::start().await;
    let app = an_app(&server).await;
    let answer = json_of(app.token_request(&OWN).await).await;
    let token = answer["access_token"].as_str().unwrap();

    let response = server.get_bound("/api/account", token, &TestKey::es256(), json!({})).await;

    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(response.status(), 401);
    assert!(challenge(&response).contains("\"invalid_token\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_for_this_request_and_about_now() {
    // DP-1, DP-2, DP-3, ALL-13
    let server = Server::start().await;
    let app = an_app(&server).await;
    let key = TestKey::es256();
    let now = server.seconds();
    let address = format!("{}/oauth/token", server.base);
    let send = async |changes: Value| {
        let proof = server.proof(&key, "POST", "/oauth/token", changes);
        app.token_request_with(&proof, &OWN).await
    };

    for good in [
        json!({ "iat": now + 10 }),
        json!({ "iat": now - 10 }),
        json!({ "iat": now - 60 }),
        json!({ "htu": format!("{address}?a=b#c") }),
        json!({ "htu": address.replace("http:", "HTTP:") }),
        json!({ "exp": now + 5, "nbf": now - 1000 }),
    ] {
        assert_eq!(send(good.clone()).await.status(), 200, "{good}");
    }
    for bad in [
        json!({ "iat": now - 61 }),
        json!({ "iat": now + 61 }),
        json!({ "iat": null }),
        json!({ "iat": "now" }),
        json!({ "exp": now - 20 }),
        json!({ "nbf": now + 61 }),
        json!({ "htm": "GET" }),
        json!({ "htm": "post" }),
        json!({ "htm": null }),
        json!({ "htu": null }),
        json!({ "htu": 5 }),
        json!({ "htu": ["x"] }),
        json!({ "htu": format!("{address}/") }),
        json!({ "htu": "https://elsewhere.example/oauth/token" }),
        json!({ "htu": "/oauth/token" }),
        json!({ "jti": null }),
        json!({ "jti": 5 }),
        json!({ "jti": "" }),
        json!({ "jti": "x".repeat(600) }),
        json!({ "nonce": 5 }),
    ] {
        assert_eq!(refusal(send(bad.clone()).await).await, invalid_proof(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_says_what_it_is_and_holds_a_public_key() {
    // DP-1, DP-3
    let server = Server::start().await;
    let app = an_app(&server).await;
    let key = TestKey::es256();
    let mut private = key.bare();
    private["d"] = json!("AAAA");
    let oct = json!({ "kty": "oct", "k": "AAAA" });
    let claims = || server.proof_claims("POST", "/oauth/token", json!({}));
    let usual = json!({ "typ": "dpop+jwt", "jwk": key.bare(), "kid": null });

    for changes in [
        json!({ "typ": null }),
        json!({ "typ": "JWT" }),
        json!({ "jwk": null }),
        json!({ "jwk": private }),
        json!({ "jwk": oct }),
        json!({ "jwk": TestKey::es256().bare() }),
        json!({ "jwk": "text" }),
        json!({ "jwk": {} }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RS256" }),
    ] {
        let mut header = usual.clone();
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        let response = app.token_request_with(&key.sign(header, &claims()), &OWN).await;
        assert_eq!(refusal(response).await, invalid_proof(), "{changes}");
    }
    let unsigned = format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "dpop+jwt" })), encode(&claims()));
    for rubbish in ["", "a.b.c", "\u{e9}", unsigned.as_str()] {
        let response = app.token_request_with(rubbish, &OWN).await;
        assert_eq!(refusal(response).await, invalid_proof(), "{rubbish}");
    }
    for algorithm in [Algorithm::PS256, Algorithm::EdDSA] {
        let key = TestKey::new(algorithm, "x");
        let proof = server.proof(&key, "POST", "/oauth/token", json!({}));
        assert_eq!(app.token_request_with(&proof, &OWN).await.status(), 200, "{algorithm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_counts_once_and_stands_alone() {
    // DP-1, DP-3
    let server = Server::start().await;
    let app = an_app(&server).await;
    let key = TestKey::es256();
    let proof = server.proof(&key, "POST", "/oauth/token", json!({ "jti": "one" }));

    let first = app.token_request_with(&proof, &OWN).await;
    let again = app.token_request_with(&proof, &OWN).await;
    let same_jti = server.proof(&TestKey::es256(), "POST", "/oauth/token", json!({ "jti": "one" }));
    let of_another_key = app.token_request_with(&same_jti, &OWN).await;
    let two = server.http.post(format!("{}/oauth/token", server.base));
    let two = two.basic_auth(&app.client.client_id, app.secret.as_deref()).form(&OWN);
    let two = two
        .header("dpop", server.proof(&key, "POST", "/oauth/token", json!({})))
        .header("dpop", server.proof(&key, "POST", "/oauth/token", json!({})));

    assert_eq!(first.status(), 200);
    assert_eq!(refusal(again).await, invalid_proof());
    assert_eq!(of_another_key.status(), 200);
    assert_eq!(refusal(two.send().await.unwrap()).await, invalid_proof());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_asked_for_and_renewed_before_it_ends() {
    // DP-4
    let server = Server::start().await;
    let (app_key, key) = (TestKey::es256(), TestKey::es256());
    let app = server.app(signing(Policy::Fapi2, "account:read", &app_key)).await;
    let send = async |nonce: Option<&str>| {
        let changes = nonce.map_or(json!({}), |nonce| json!({ "nonce": nonce }));
        let proof = server.proof(&key, "POST", "/oauth/token", changes);
        let request = app.signed_request(&app.assertion(&app_key, json!({})), &OWN).header("dpop", proof);
        request.send().await.unwrap()
    };
    let nonce_of = |response: &Response| response.headers()["dpop-nonce"].to_str().unwrap().to_owned();

    let without = send(None).await;
    let nonce = nonce_of(&without);
    assert_eq!(refusal(without).await, (400, "use_dpop_nonce".to_owned()));
    let wrong = send(Some("made up")).await;
    assert_eq!(nonce_of(&wrong), nonce);
    assert_eq!(refusal(wrong).await, (400, "use_dpop_nonce".to_owned()));
    let right = send(Some(&nonce)).await;
    assert!(right.headers().get("dpop-nonce").is_none());
    let token = json_of(right).await["access_token"].as_str().unwrap().to_owned();
    let at_api = server.get_bound("/api/account", &token, &key, json!({})).await;
    assert_eq!(at_api.status(), 401);
    assert!(challenge(&at_api).contains("error=\"use_dpop_nonce\""));
    assert_eq!(nonce_of(&at_api), nonce);
    let at_api = server.get_bound("/api/account", &token, &key, json!({ "nonce": nonce })).await;
    assert_eq!(at_api.status(), 200);

    server.clock.advance(Duration::from_secs(300));
    let later = send(Some(&nonce)).await;
    let next = nonce_of(&later);
    assert_ne!(next, nonce);
    assert_eq!(later.status(), 200);
    let at_api = server.get_bound("/api/account", &token, &key, json!({ "nonce": nonce })).await;
    assert_eq!((at_api.status().as_u16(), nonce_of(&at_api)), (200, next.clone()));
    server.clock.advance(Duration::from_secs(300));
    assert_eq!(refusal(send(Some(&nonce)).await).await, (400, "use_dpop_nonce".to_owned()));
    assert_eq!(send(Some(&next)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_api_the_proof_names_the_token() {
    // DP-1, DP-6
    let server = Server::start().await;
    let app = an_app(&server).await;
    let key = TestKey::es256();
    let token = bound_token(&app, &key).await;
    let other = bound_token(&app, &key).await;

    for bad in [
        json!({ "ath": null }),
        json!({ "ath": base64url_sha256(&other) }),
        json!({ "ath": 5 }),
        json!({ "htm": "POST" }),
        json!({ "htu": format!("{}/api/tickets", server.base) }),
        json!({ "iat": server.seconds() - 61 }),
        json!({ "jti": 5 }),
    ] {
        let response = server.get_bound("/api/account", &token, &key, bad.clone()).await;
        assert_eq!(response.status(), 401, "{bad}");
        assert!(challenge(&response).starts_with("DPoP "), "{bad}");
        assert!(challenge(&response).contains("error=\"invalid_dpop_proof\""), "{bad}");
    }
    let no_proof = server.http.get(format!("{}/api/account", server.base));
    let no_proof = no_proof.header("authorization", format!("DPoP {token}")).send().await.unwrap();
    assert!(challenge(&no_proof).contains("error=\"invalid_dpop_proof\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_has_no_case() {
    // DP-9
    let server = Server::start().await;
    let app = an_app(&server).await;
    let key = TestKey::es256();
    let token = bound_token(&app, &key).await;
    let plain = json_of(app.token_request(&OWN).await).await["access_token"].as_str().unwrap().to_owned();

    for scheme in ["dpop", "DPOP", "DPoP"] {
        let proof = server.proof(&key, "GET", "/api/account", json!({ "ath": base64url_sha256(&token) }));
        let request = server.http.get(format!("{}/api/account", server.base)).header("dpop", proof);
        let response = request.header("authorization", format!("{scheme} {token}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{scheme}");
    }
    for scheme in ["bearer", "BEARER"] {
        let request = server.http.get(format!("{}/api/account", server.base));
        let response = request.header("authorization", format!("{scheme} {plain}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_a_key_is_redeemed_with_that_key() {
    // DP-7
    let server = Server::start().await;
    let app = an_app(&server).await;
    let (key, other) = (TestKey::es256(), TestKey::es256());
    let mut browser = Browser::new(&server);
    let jkt = key.thumbprint();
    let mut page = app.ask(&mut browser, Person::Agent, "account:read", &[("dpop_jkt", &jkt)]).await;
    if page.body.contains("id=\"consent-allow\"") {
        page = browser.press(&page, "consent-allow", &[]).await;
    }
    let code = page.answer()["code"].clone();

    let bare = app.redeem(&code).await;
    let with_other = app.redeem_bound(&code, &other).await;
    let right = app.redeem_bound(&code, &key).await;
    let not_a_thumbprint = browser.open(&app.request("account:read", &[("dpop_jkt", "short")])).await;

    assert_eq!(refusal(bare).await, invalid_proof());
    assert_eq!(refusal(with_other).await, (400, "invalid_grant".to_owned()));
    assert_eq!(json_of(right).await["token_type"], "DPoP");
    assert_eq!(not_a_thumbprint.answer()["error"], "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_proven_when_the_request_was_pushed_binds_the_code() {
    // DP-1, DP-7
    let server = Server::start().await;
    let app = an_app(&server).await;
    let (key, other) = (TestKey::es256(), TestKey::es256());
    let push = async |key: &TestKey, jkt: Option<&str>| {
        let changes: Vec<(&str, &str)> = jkt.map(|jkt| ("dpop_jkt", jkt)).into_iter().collect();
        let proof = server.proof(key, "POST", "/oauth/par", json!({}));
        app.push_with(&app.fields("account:read", &changes)).header("dpop", proof).send().await.unwrap()
    };

    let mismatch = push(&other, Some(&key.thumbprint())).await;
    let pushed = push(&key, Some(&key.thumbprint())).await;
    assert_eq!(pushed.status(), 201);
    let handle = pushed.json::<Value>().await.unwrap()["request_uri"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&server);
    let page = browser.open(&app.with_handle(&handle)).await;
    let mut page = browser.sign_in_on(&page, Person::Agent).await;
    if page.body.contains("id=\"consent-allow\"") {
        page = browser.press(&page, "consent-allow", &[]).await;
    }
    let code = page.answer()["code"].clone();

    let wrong_htu = server.proof(&key, "POST", "/oauth/token", json!({}));
    let wrong_htu = app.push_with(&app.fields("account:read", &[])).header("dpop", wrong_htu).send().await.unwrap();
    assert_eq!(refusal(wrong_htu).await, invalid_proof());
    assert!(["invalid_dpop_proof", "invalid_request"].contains(&refusal(mismatch).await.1.as_str()));
    assert_eq!(refusal(app.redeem_bound(&code, &other).await).await, (400, "invalid_grant".to_owned()));
    assert_eq!(app.redeem_bound(&code, &key).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_apps_refresh_token_is_bound_to_its_key() {
    // DP-8, RT-1
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, "account:read offline_access")).await;
    let (key, other) = (TestKey::es256(), TestKey::es256());
    let code = app.code(Person::Agent, "account:read offline_access").await;
    let answer = json_of(app.redeem_bound(&code, &key).await).await;
    let refresh = answer["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let with = async |key: &TestKey| {
        let proof = server.proof(key, "POST", "/oauth/token", json!({}));
        app.token_request_with(&proof, &fields).await
    };

    let bare = app.token_request(&fields).await;
    let with_other = with(&other).await;
    let right = with(&key).await;

    assert_eq!(refusal(bare).await, (400, "invalid_grant".to_owned()));
    assert_eq!(refusal(with_other).await, (400, "invalid_grant".to_owned()));
    let again = json_of(right).await;
    assert_eq!(again["token_type"], "DPoP");
    let token = again["access_token"].as_str().unwrap();
    assert_eq!(server.get_bound("/api/account", token, &key, json!({})).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_must_bind_its_tokens_gets_no_others() {
    // DP-5, FP-2
    let server = Server::start().await;
    let new =
        NewClient { require_dpop: true, client_credentials: true, ..confidential(Dialect::Standard, "account:read") };
    let app = server.app(new).await;

    let response = app.token_request(&OWN).await;

    assert_eq!(refusal(response).await, invalid_proof());
    bound_token(&app, &TestKey::es256()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_takes_a_bound_token_with_its_proof() {
    // DP-1, DP-5, UI-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "openid account:read")).await;
    let key = TestKey::es256();
    let code = app.code(Person::Agent, "openid account:read").await;
    let answer = json_of(app.redeem_bound(&code, &key).await).await;
    let token = answer["access_token"].as_str().unwrap();

    let right = server.get_bound("/oauth/userinfo", token, &key, json!({})).await;
    let as_bearer = server.get("/oauth/userinfo", token).await;
    let bad = server.get_bound("/oauth/userinfo", token, &key, json!({ "htm": "POST" })).await;
    let wrong_nonce = server.get_bound("/oauth/userinfo", token, &key, json!({ "nonce": "x" })).await;

    assert_eq!(right.status(), 200);
    assert_eq!(as_bearer.status(), 401);
    assert_eq!(bad.status(), 401);
    assert!(challenge(&bad).starts_with("DPoP ") && challenge(&bad).contains("invalid_dpop_proof"));
    assert_eq!(wrong_nonce.status(), 401);
    assert!(challenge(&wrong_nonce).contains("use_dpop_nonce"));
    assert!(wrong_nonce.headers().contains_key("dpop-nonce"));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_name_the_public_address_whatever_host_says() {
    // DP-1, ALL-1
    let server = Server::start_with(|it| it.public_url = "https://help.example.com".to_owned()).await;
    let app = an_app(&server).await;
    let key = TestKey::es256();

    let public = server.proof(&key, "POST", "/oauth/token", json!({}));
    let local = server.proof(&key, "POST", "/oauth/token", json!({ "htu": format!("{}/oauth/token", server.base) }));

    assert_eq!(app.token_request_with(&public, &OWN).await.status(), 200);
    assert_eq!(refusal(app.token_request_with(&local, &OWN).await).await, invalid_proof());
}
