//! FAPI 2.0 (section 25 of the OAuth contract): the whole profile at once, and each way to fall short of it.

use jsonwebtoken::Algorithm;
use oauth::policy::Policy;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::CALLBACK;
use crate::support::fapi::fapi;
use crate::support::{Browser, Server, TestKey};

const WORDS: &str = "openid offline_access tickets:read";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_each_permitted_algorithm_goes_the_whole_way() {
    // FP-1, PA-1, RT-3, AZ-7
    let server = Server::start().await;
    for algorithm in [Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA] {
        let app = server.fapi_app(Policy::Fapi2, TestKey::new(algorithm, "one"), WORDS).await;
        let record = &app.app.client;
        assert!(record.require_par && record.require_dpop && record.require_pkce && !record.rotates_refresh);
        assert_eq!((record.token_endpoint_auth_method.as_str(), app.app.secret.as_deref()), ("private_key_jwt", None));

        let answered = app.allow(app.push(&app.app.fields(WORDS, &[]), None).await).await.answer();
        let proof = app.dpop_proof("/oauth/token", json!({}));
        let response = app.redeem(&answered["code"], Some(&proof)).await;

        assert_eq!(answered["iss"], server.base);
        assert_eq!(response.status(), 200);
        let tokens: Value = response.json().await.unwrap();
        assert_eq!(tokens["token_type"], "DPoP");
        let id_token = tokens["id_token"].as_str().unwrap();
        assert_eq!(jsonwebtoken::decode_header(id_token).unwrap().alg, Algorithm::PS256);
        assert_eq!(server.verified(id_token).await["iss"], server.base.as_str());
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let proof = app.dpop_proof("/oauth/token", json!({}));
        let refreshed: Value = app.post("/oauth/token", &refresh, Some(&proof)).await.json().await.unwrap();
        assert_eq!(refreshed["refresh_token"], tokens["refresh_token"]);
        assert_eq!(refreshed["token_type"], "DPoP");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_falls_short_of_the_profile_is_refused() {
    // FP-2, PA-6, AZ-3, PK-1
    let server = Server::start().await;
    let app = server.fapi_app(Policy::Fapi2, TestKey::es256(), WORDS).await;
    let bare = &app.app;
    let fields = bare.fields(WORDS, &[]);

    let direct = Browser::new(&server).get(&bare.request(WORDS, &[])).await;
    assert_eq!(direct.answer()["error"], "invalid_request");

    let url = format!("{}/oauth/par", server.base);
    let unauthenticated = server.http.post(&url).form(&fields).send().await.unwrap();
    assert_eq!(refusal(unauthenticated).await, (401, "invalid_client".to_owned()));

    for (changes, error) in [
        ([("response_type", "code id_token")], "unsupported_response_type"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("code_challenge", "")], "invalid_request"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("redirect_uri", "")], "invalid_request"),
    ] {
        let response = app.push(&bare.fields(WORDS, &changes), None).await;
        assert_eq!(refusal(response).await, (400, error.to_owned()), "{changes:?}");
    }

    let answered = app.allow(app.push(&fields, None).await).await.answer();
    let bearer = app.redeem(&answered["code"], None).await;
    assert_eq!(refusal(bearer).await, (400, "invalid_dpop_proof".to_owned()));
    let proof = app.dpop_proof("/oauth/token", json!({}));
    let tokens: Value = app.redeem(&answered["code"], Some(&proof)).await.json().await.unwrap();
    let as_bearer = server.get("/api/tickets", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(as_bearer.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_names_the_issuer_alone_and_is_not_signed_with_rs256() {
    // FP-2, CA-10, CA-11
    let server = Server::start().await;
    let key = TestKey::new(Algorithm::PS256, "one");
    let app = server.fapi_app(Policy::Fapi2, key, WORDS).await;
    let fields = app.app.fields(WORDS, &[]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let issuer = server.base.as_str();
    let bad = [
        json!({ "aud": format!("{issuer}/oauth/token") }),
        json!({ "aud": format!("{issuer}/oauth/par") }),
        json!({ "aud": [issuer] }),
        json!({ "exp": server.clock.now().as_second() + 3600 }),
    ];

    for changes in bad {
        let response = app.post_as("/oauth/par", &fields, &app.client_assertion(&app.key, changes.clone())).await;
        assert_eq!(refusal(response).await, (401, "invalid_client".to_owned()), "{changes}");
    }
    let rs256 = TestKey::new(Algorithm::RS256, "one");
    let response = app.post_as("/oauth/par", &fields, &app.client_assertion(&rs256, json!({}))).await;
    assert_eq!(refusal(response).await, (401, "invalid_client".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_contradicts_the_profile_cannot_be_made() {
    // FP-1, FP-2, KEY-6
    let server = Server::start().await;
    let key = TestKey::es256();
    let new = || fapi(Policy::Fapi2, &key, WORDS);
    let mut bad = vec![new(), new(), new(), new()];
    bad[0].token_endpoint_auth_method = Some("client_secret_basic".to_owned());
    bad[1].id_token_signed_response_alg = Some("RS256".to_owned());
    bad[2].metadata.request_object_signing_alg = Some("RS256".to_owned());
    bad[3].require_pkce = Some(false);

    for new in bad {
        assert!(server.app.provider.create_client(&server.may(), new.clone()).await.is_err(), "{new:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_bound_to_the_key_that_was_proven_when_the_request_was_pushed() {
    // DP-7, FP-1
    let server = Server::start().await;
    let app = server.fapi_app(Policy::Fapi2, TestKey::es256(), WORDS).await;
    let thief = server.fapi_app(Policy::Fapi2, TestKey::es256(), WORDS).await;
    let named = app.app.fields(WORDS, &[("dpop_jkt", &thief.dpop.thumbprint())]);

    let mismatch = app.push(&named, Some(&app.dpop_proof("/oauth/par", json!({})))).await;
    let broken = app.push(&app.app.fields(WORDS, &[]), Some("x.y.z")).await;
    let pushed = app.push(&app.app.fields(WORDS, &[]), Some(&app.dpop_proof("/oauth/par", json!({})))).await;
    let answered = app.allow(pushed).await.answer();
    let other_key = app.redeem(&answered["code"], Some(&thief.dpop_proof("/oauth/token", json!({})))).await;
    let right = app.redeem(&answered["code"], Some(&app.dpop_proof("/oauth/token", json!({})))).await;

    assert_eq!(refusal(mismatch).await, (400, "invalid_dpop_proof".to_owned()));
    assert_eq!(refusal(broken).await, (400, "invalid_dpop_proof".to_owned()));
    let (status, error) = refusal(other_key).await;
    assert!(status == 400 && ["invalid_grant", "invalid_dpop_proof"].contains(&error.as_str()), "{error}");
    assert_eq!(right.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_signing_takes_signed_requests_and_gives_signed_answers() {
    // FP-1, JA-1, JA-2, AZ-26
    let server = Server::start().await;
    let app = server.fapi_app(Policy::Fapi2Ms, TestKey::es256(), WORDS).await;
    let now = server.clock.now().as_second();
    let object = |changes: Value| {
        let mut all = json!({ "response_mode": "jwt" });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        vec![
            ("client_id".to_owned(), app.app.client.client_id.clone()),
            ("request".to_owned(), app.key.sign(json!({ "typ": "oauth-authz-req+jwt" }), &app.app.object(WORDS, all))),
        ]
    };

    let unsigned = app.push(&app.app.fields(WORDS, &[]), None).await;
    assert_eq!(refusal(unsigned).await, (400, "invalid_request".to_owned()));
    for bad in
        [json!({ "exp": null }), json!({ "nbf": null }), json!({ "nbf": now - 3700 }), json!({ "exp": now + 3700 })]
    {
        let response = app.push(&object(bad.clone()), None).await;
        assert_eq!(refusal(response).await, (400, "invalid_request_object".to_owned()), "{bad}");
    }
    let answered = app.allow(app.push(&object(json!({})), None).await).await;
    assert!(answered.location().is_some_and(|to| to.starts_with(&format!("{CALLBACK}?response="))));
    let response = answered.answer()["response"].clone();
    assert_eq!(jsonwebtoken::decode_header(&response).unwrap().alg, Algorithm::PS256);
    let claims = server.verified(&response).await;
    let proof = app.dpop_proof("/oauth/token", json!({}));
    assert_eq!(app.redeem(claims["code"].as_str().unwrap(), Some(&proof)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_object_signed_with_rs256_is_refused() {
    // JA-2, FP-2
    let server = Server::start().await;
    let key = TestKey::new(Algorithm::PS256, "one");
    let app = server.fapi_app(Policy::Fapi2Ms, key, WORDS).await;
    let rs256 = TestKey::new(Algorithm::RS256, "one");
    let object = rs256.sign(json!({}), &app.app.object(WORDS, json!({})));
    let fields = vec![("client_id".to_owned(), app.app.client.client_id.clone()), ("request".to_owned(), object)];

    let response = app.push(&fields, None).await;

    assert_eq!(refusal(response).await, (400, "invalid_request_object".to_owned()));
}
