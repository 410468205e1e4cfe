//! How people are called in front of apps, what apps learn of them, and in what form.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use oauth::clients::{Metadata, NewClient};
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "openid offline_access email profile phone address account:read";

/// An app of this host that is told pairwise names.
fn pairwise(host: &str) -> NewClient {
    let metadata = Metadata { subject_type: Some("pairwise".to_owned()), ..Metadata::default() };
    let redirect_uris = vec![format!("https://{host}/callback")];
    NewClient { metadata, redirect_uris, ..confidential(Dialect::Standard, WORDS) }
}

async fn claims(server: &Server, token: &str) -> Value {
    let keys: JwkSet = server
        .http
        .get(format!("{}/oauth/jwks", server.base))
        .send()
        .await
        .expect("what the test made")
        .json()
        .await
        .expect("what the test made");
    let header = decode_header(token).expect("a header");
    let key = keys.find(header.kid.as_ref().expect("a kid")).expect("a published key");
    let mut rules = Validation::new(header.alg);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    decode::<Value>(token, &DecodingKey::from_jwk(key).expect("a key"), &rules).expect("a good signature").claims
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}")).to_owned()
}

async fn introspected(app: &TestApp<'_>, token: &str) -> Value {
    let request = app.server.http.post(format!("{}/oauth/introspect", app.server.base));
    let request = request.basic_auth(&app.client.client_id, app.secret.as_ref()).form(&[("token", token)]);
    request.send().await.expect("send").json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairwise_name_is_one_within_a_sector_and_another_outside() {
    // ID-4, ID-1, UI-2
    let server = Server::start().await;
    let one = server.app(pairwise("one.example.com")).await;
    let same_sector = server.app(pairwise("one.example.com")).await;
    let other = server.app(pairwise("other.example.com")).await;
    let public = server.app(confidential(Dialect::Standard, WORDS)).await;
    let mut subs = Vec::new();

    for app in [&one, &same_sector, &other, &public] {
        let tokens = app.tokens(Person::Agent, WORDS).await;
        let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        let sub = claims(&server, &text(&tokens, "id_token")).await["sub"].clone();
        let userinfo: Value = server.get("/oauth/userinfo", &access).await.json().await.unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let refreshed: Value = app.token_request(&fields).await.json().await.unwrap();

        assert_eq!(userinfo["sub"], sub);
        assert_eq!(introspected(app, &access).await["sub"], sub);
        assert_eq!(claims(&server, &text(&refreshed, "id_token")).await["sub"], sub);
        subs.push(sub.as_str().unwrap().to_owned());
    }
    let admins = one.tokens(Person::Admin, WORDS).await;
    let admin = claims(&server, &text(&admins, "id_token")).await["sub"].as_str().unwrap().to_owned();

    assert_eq!(subs[0], subs[1]);
    assert_ne!(subs[0], subs[2]);
    assert_ne!(subs[0], admin);
    assert_eq!(subs[3], server.agent_id.to_string());
    assert!(subs.iter().all(|sub| sub.is_ascii() && sub.len() <= 255));
    // Nothing of the number is in it, and nobody else's key makes the same.
    let metadata: Value = server
        .http
        .get(format!("{}/.well-known/openid-configuration", server.base))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(metadata["subject_types_supported"], json!(["public", "pairwise"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairwise_name_is_understood_when_it_comes_back() {
    // ID-4, AZ-17, LO-2
    let server = Server::start().await;
    let back = "https://one.example.com/signed-out";
    let mut new = pairwise("one.example.com");
    new.metadata.post_logout_redirect_uris = vec![back.to_owned()];
    let app = server.app(new).await;
    let mut browser = Browser::new(&server);
    let answer = app.allow(&mut browser, Person::Agent, "openid").await;
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.unwrap();
    let hint = text(&tokens, "id_token");
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let silently = app.request("openid", &[("prompt", "none"), ("id_token_hint", &hint)]);

    let of_themselves = browser.get(&silently).await.answer();
    let of_another = admin.get(&silently).await.answer();
    let end = format!("/oauth/end_session?id_token_hint={hint}&post_logout_redirect_uri={back}");
    let asked = admin.get(&end).await;
    let ended = browser.get(&end).await;

    assert!(of_themselves.contains_key("code"), "{of_themselves:?}");
    assert_eq!(of_another["error"], "login_required");
    assert!(asked.body.contains("logout-confirm"));
    assert_eq!(ended.location(), Some(back));
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_is_signed_where_the_app_asked_for_it() {
    // UI-6
    let server = Server::start().await;
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let metadata = Metadata { userinfo_signed_response_alg: Some(algorithm.to_owned()), ..Metadata::default() };
        let app = server.app(NewClient { metadata, ..confidential(Dialect::Standard, WORDS) }).await;
        let tokens = app.tokens(Person::Agent, "openid email").await;

        let response = server.get("/oauth/userinfo", &text(&tokens, "access_token")).await;
        let (content_type, cache) =
            (response.headers()["content-type"].clone(), response.headers()["cache-control"].clone());
        let token = response.text().await.unwrap();

        let told = claims(&server, &token).await;
        assert_eq!((content_type.to_str().unwrap(), cache.to_str().unwrap()), ("application/jwt", "no-store"));
        assert_eq!(format!("{:?}", decode_header(&token).unwrap().alg), algorithm);
        assert_eq!((&told["iss"], &told["aud"]), (&json!(server.base), &json!(app.client.client_id)));
        assert_eq!((&told["sub"], &told["email"]), (&json!(server.agent_id.to_string()), &json!("agent@demo.test")));
        assert!(told.get("name").is_none());
        // It is no id_token, and cannot be used as one.
        assert_eq!(server.app.provider.verify_id_token_hint(&token).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_standard_claim_is_told_by_its_scope() {
    // UI-4, UI-5
    let server = Server::start().await;
    let more = json!({
        "middle_name": "Bee", "nickname": "Bo", "preferred_username": "bo", "profile": "https://bo.example/",
        "picture": "https://bo.example/p.png", "website": "https://bo.example/w", "gender": "female",
        "birthdate": "1990-04-01", "phone_number": "+49 30 1234", "phone_number_verified": true,
        "address": { "formatted": "1 High Street", "country": "UK" }, "is_admin": true,
    });
    let mut tx = server.db.write().await.unwrap();
    let sql = "update people set claims = $1, language = 'de', timezone = 'Europe/Berlin' where id = $2";
    tx.run(sql, &[(&more).into(), server.agent_id.into()]).await.unwrap();
    tx.commit().await.unwrap();
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let told = async |scope: &str| -> Value {
        let tokens = app.tokens(Person::Agent, scope).await;
        server.get("/oauth/userinfo", &text(&tokens, "access_token")).await.json().await.unwrap()
    };

    let (profile, phone, address) =
        (told("openid profile").await, told("openid phone").await, told("openid address").await);

    let names: Vec<&str> = profile.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "birthdate",
        "family_name",
        "gender",
        "given_name",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "picture",
        "preferred_username",
        "profile",
        "sub",
        "updated_at",
        "website",
        "zoneinfo",
    ];
    assert_eq!(names, expected);
    assert_eq!((&profile["locale"], &profile["zoneinfo"]), (&json!("de"), &json!("Europe/Berlin")));
    assert!(profile["updated_at"].is_number());
    let sub = json!(server.agent_id.to_string());
    assert_eq!(phone, json!({ "sub": sub, "phone_number": "+49 30 1234", "phone_number_verified": true }));
    assert_eq!(address, json!({ "sub": sub, "address": { "formatted": "1 High Street", "country": "UK" } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_may_ask_about_every_token_for_its_audience_and_nobody_else_may() {
    // IN-4, IN-2, IN-3, IN-5
    let server = Server::start().await;
    let app = server.app(pairwise("one.example.com")).await;
    let gateway = server.app(confidential(Dialect::Standard, WORDS)).await;
    let stranger = server.app(confidential(Dialect::Standard, WORDS)).await;
    let tokens = app.tokens(Person::Agent, WORDS).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let inactive = json!({ "active": false });
    let before = introspected(&gateway, &access).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let save = async |browser: &mut Browser<'_>, api: &str, mcp: &str| {
        let page = browser.open("/admin/resource-servers").await;
        browser.press_once(&page, "resource-servers-save", &[("api", api), ("mcp", mcp)]).await.status
    };

    let unknown = save(&mut browser, "nobody", "").await;
    let of_mcp_only = save(&mut browser, "", &gateway.client.client_id).await;
    let for_another_resource = introspected(&gateway, &access).await;
    let of_the_api = save(&mut browser, &gateway.client.client_id, "").await;
    let told = introspected(&gateway, &access).await;
    let own = introspected(&app, &access).await;
    let of_refresh = introspected(&gateway, &refresh).await;
    let of_a_stranger = introspected(&stranger, &access).await;
    app.token_request(&[]).await;
    let revoke = server.http.post(format!("{}/oauth/revoke", server.base));
    revoke.basic_auth(&app.client.client_id, app.secret.as_ref()).form(&[("token", &access)]).send().await.unwrap();
    let revoked = introspected(&gateway, &access).await;

    assert_eq!((unknown, of_mcp_only, of_the_api), (422, 303, 303));
    assert_eq!(told["active"], true);
    assert_eq!(told, own);
    assert_eq!((&told["client_id"], &told["aud"]), (&json!(app.client.client_id), &json!(server.base)));
    assert_eq!(told["sub"], claims(&server, &text(&tokens, "id_token")).await["sub"]);
    for answer in [before, for_another_resource, of_refresh, of_a_stranger, revoked] {
        assert_eq!(answer, inactive);
    }
}
