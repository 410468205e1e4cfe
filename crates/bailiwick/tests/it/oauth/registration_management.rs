//! Apps look after their own registration (RFC 7592), and what a change does to what was allowed before.

use oauth::clients::{ClientChange, NewClient};
use oauth::policy::Policy;
use oauth::register::settings::{Mode, Settings};
use reqwest::Method;
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::{CALLBACK, TestApp, confidential};
use crate::support::{Browser, Person, Server, TestKey};

const OTHER: &str = "https://app.example.com/other";

fn web_app() -> Value {
    json!({ "client_name": "Desk Agent", "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid offline_access tickets:read customers:read" })
}

/// A call about the registration that this answer told of.
async fn call(server: &Server, method: Method, answer: &Value, body: Option<&Value>) -> reqwest::Response {
    let token = answer["registration_access_token"].as_str().expect("a token");
    let uri = answer["registration_client_uri"].as_str().expect("an address");
    let request = server.http.request(method, uri).bearer_auth(token);
    match body {
        Some(body) => request.json(body).send().await.expect("send"),
        None => request.send().await.expect("send"),
    }
}

/// What was sent, with what RFC 7592 wants beside it.
fn replacing(answer: &Value, changes: Value) -> Value {
    let mut body = web_app();
    body["client_id"] = answer["client_id"].clone();
    body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    body
}

async fn as_app<'a>(server: &'a Server, answer: &Value) -> TestApp<'a> {
    let mut tx = server.db.read().await.expect("begin");
    let client_id = answer["client_id"].as_str().expect("an id");
    let client = oauth::clients::by_client_id(&mut tx, client_id).await.expect("read").expect("the client");
    let redirect_uri = client.redirect_uris[0].as_str().to_owned();
    TestApp { server, client, secret: answer["client_secret"].as_str().map(str::to_owned), redirect_uri }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_reads_replaces_and_deletes_its_registration() {
    // RG-6, ALL-8
    let server = Server::start().await;
    server.registration(Mode::Open).await;
    let answer = server.registered("", web_app()).await;
    let app = as_app(&server, &answer).await;
    let tokens = app.tokens(Person::Admin, "openid offline_access tickets:read").await;

    let read = call(&server, Method::GET, &answer, None).await;
    assert_eq!(read.status(), 200);
    assert_eq!(read.headers()["cache-control"], "no-store");
    let read: Value = read.json().await.expect("JSON");
    assert_eq!(read["client_name"], "Desk Agent");
    assert_eq!(read["registration_access_token"], answer["registration_access_token"]);
    assert_eq!(read.get("client_secret"), None, "only its hash is kept");

    let body = replacing(
        &answer,
        json!({ "client_name": "Desk Agent 2", "client_secret": answer["client_secret"],
        "logo_uri": "https://app.example.com/logo.png", "scope": "openid tickets:read" }),
    );
    let replaced = call(&server, Method::PUT, &answer, Some(&body)).await;
    assert_eq!(replaced.status(), 200, "{}", replaced.text().await.unwrap_or_default());
    let replaced: Value = replaced.json().await.expect("JSON");
    assert_eq!(replaced["client_name"], "Desk Agent 2");
    assert_eq!(replaced["scope"], "openid tickets:read");
    assert_eq!(replaced["client_id_issued_at"], answer["client_id_issued_at"]);
    let back = call(&server, Method::PUT, &answer, Some(&replacing(&answer, json!({})))).await;
    assert_eq!(back.json::<Value>().await.expect("JSON").get("logo_uri"), None, "what is left out is gone");

    for (changes, expected) in [
        (json!({ "client_id": "someone-else" }), "invalid_client_metadata"),
        (json!({ "client_id": null }), "invalid_client_metadata"),
        (json!({ "client_secret": "bws_wrong" }), "invalid_client_metadata"),
        (json!({ "redirect_uris": ["https://a.example/#x"] }), "invalid_redirect_uri"),
        (json!({ "scope": "users:write" }), "invalid_client_metadata"),
    ] {
        let refused = call(&server, Method::PUT, &answer, Some(&replacing(&answer, changes.clone()))).await;
        assert_eq!(refused.status(), 400, "{changes}");
        assert_eq!(refused.json::<Value>().await.expect("JSON")["error"], expected);
    }

    let deleted = call(&server, Method::DELETE, &answer, None).await;
    assert_eq!(deleted.status(), 204);
    let token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(server.get("/api/tickets", token).await.status(), 401, "its tokens are dead");
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let refreshed = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(refreshed.status(), 401);
    assert_eq!(call(&server, Method::GET, &answer, None).await.status(), 401);
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select type as it from events where type in ('app-updated', 'app-deleted') and client_id is not null";
    assert_eq!(tx.rows(sql, &[]).await.expect("rows").len(), 3, "the app itself is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_token_opens_a_registration() {
    // RG-6
    let server = Server::start().await;
    server.registration(Mode::Open).await;
    let (mine, theirs) = (server.registered("", web_app()).await, server.registered("", web_app()).await);
    let uri = mine["registration_client_uri"].as_str().expect("an address");

    for token in [theirs["registration_access_token"].as_str().expect("a token"), "bwm_wrong", "x"] {
        let refused = server.http.get(uri).bearer_auth(token).send().await.expect("send");
        assert_eq!(refused.status(), 401);
        assert!(refused.headers()["www-authenticate"].to_str().expect("text").contains("invalid_token"));
        assert_eq!(refused.headers()["cache-control"], "no-store");
    }
    assert_eq!(server.http.get(uri).send().await.expect("send").status(), 401);
    let unknown = format!("{}/oauth/register/unknown", server.base);
    assert_eq!(server.http.delete(unknown).bearer_auth("bwm_wrong").send().await.expect("send").status(), 401);
    let id = as_app(&server, &mine).await.client.id;
    server.app.provider.disable_client(&server.may(), id).await.expect("disabled");
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(call(&server, method, &mine, None).await.status(), 403);
    }
    let (one, two) =
        tokio::join!(call(&server, Method::DELETE, &theirs, None), call(&server, Method::DELETE, &theirs, None));
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert!(statuses == [204, 401] || statuses == [204, 204], "{statuses:?}");

    for _ in 0..30 {
        server.http.get(uri).bearer_auth("bwm_guess").send().await.expect("send");
    }
    let limited = server.http.get(uri).bearer_auth("bwm_guess").send().await.expect("send");
    assert_eq!(limited.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_replaced_at_each_use_where_the_policy_says_so() {
    // RG-6
    let server = Server::start().await;
    server.registration_with(Settings { mode: Mode::Open, rotates_tokens: true, ..Settings::default() }).await;
    let first = server.registered("", web_app()).await;

    let second: Value = call(&server, Method::GET, &first, None).await.json().await.expect("JSON");

    assert_ne!(second["registration_access_token"], first["registration_access_token"]);
    assert_eq!(call(&server, Method::GET, &first, None).await.status(), 401);
    let body = replacing(&first, json!({}));
    let third = call(&server, Method::PUT, &second, Some(&body)).await;
    assert_eq!(third.status(), 200);
    let third: Value = third.json().await.expect("JSON");
    assert_eq!(call(&server, Method::DELETE, &third, None).await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_to_prove_itself_ends_the_old_one() {
    // RG-6, POL-5
    let server = Server::start().await;
    server.registration(Mode::Open).await;
    let answer = server.registered("", web_app()).await;
    let app = as_app(&server, &answer).await;
    app.allow(&mut Browser::new(&server), Person::Admin, "tickets:read").await;

    let keyed =
        replacing(&answer, json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": TestKey::es256().set() }));
    let keyed: Value = call(&server, Method::PUT, &answer, Some(&keyed)).await.json().await.expect("JSON");
    assert_eq!(keyed.get("client_secret_expires_at"), None, "{keyed}");
    assert_eq!(app.token_request(&[("grant_type", "authorization_code"), ("code", "x")]).await.status(), 401);
    let page = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await;
    assert!(page.body.contains("id=\"consent-allow\""), "asked again");

    let back: Value =
        call(&server, Method::PUT, &keyed, Some(&replacing(&answer, json!({})))).await.json().await.expect("JSON");
    let secret = back["client_secret"].as_str().expect("a new secret");
    assert_ne!(Some(secret), answer["client_secret"].as_str());
    let renewed = TestApp { secret: Some(secret.to_owned()), ..as_app(&server, &back).await };
    renewed.tokens(Person::Admin, "tickets:read").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_allowed_a_self_registered_app_is_asked_again_when_it_is_another() {
    // CO-13, CO-10
    let server = Server::start().await;
    server.registration(Mode::Open).await;
    let answer = server.registered("", web_app()).await;
    let app = as_app(&server, &answer).await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read").await;
    app.allow(&mut browser, Person::Admin, "customers:read").await;
    let again = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    assert!(again.answer().contains_key("code"), "the same app is not asked about twice");

    let harmless = replacing(&answer, json!({ "tos_uri": "https://app.example.com/terms" }));
    call(&server, Method::PUT, &answer, Some(&harmless)).await;
    assert!(app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await.answer().contains_key("code"));

    let trusted = ClientChange { first_party: Some(true), ..ClientChange::default() };
    let refused = server.app.provider.update_client(&server.may(), app.client.id, trusted).await;
    assert!(matches!(refused, Err(helpdesk::Error::Invalid { .. })), "never without the question");
    for changes in [
        json!({ "client_name": "Your Bank" }),
        json!({ "redirect_uris": [CALLBACK, OTHER] }),
        json!({ "jwks_uri": "https://app.example.com/jwks" }),
        json!({ "scope": "openid offline_access tickets:read customers:read tags:read" }),
    ] {
        let replaced = call(&server, Method::PUT, &answer, Some(&replacing(&answer, changes.clone()))).await;
        assert_eq!(replaced.status(), 200, "{changes}");
        let page = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
        assert!(page.body.contains("id=\"consent-allow\""), "{changes}: asked again");
        assert!(page.body.contains("What it could do"), "about everything, not about what is new");
        let silent = app.ask(&mut browser, Person::Admin, "tickets:read", &[("prompt", "none")]).await;
        assert_eq!(silent.answer()["error"], "consent_required");
        let answer = browser.press(&page, "consent-allow", &[]).await.answer();
        assert!(answer.contains_key("code"));
        let before = app.ask(&mut browser, Person::Admin, "customers:read", &[]).await;
        assert!(before.body.contains("id=\"consent-allow\""), "what was allowed to the old app does not count");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_an_administrator_asks_again_or_ends_what_was_allowed() {
    // POL-5
    let server = Server::start().await;
    let provider = &server.app.provider;
    let app = server.app(confidential(Dialect::Standard, "tickets:read offline_access")).await;
    let mut browser = Browser::new(&server);
    let tokens = app.tokens(Person::Admin, "tickets:read offline_access").await;
    app.allow(&mut browser, Person::Admin, "tickets:read").await;

    let renamed = ClientChange { name: Some("Another name".to_owned()), ..ClientChange::default() };
    provider.update_client(&server.may(), app.client.id, renamed).await.expect("changed");
    assert!(app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await.answer().contains_key("code"));

    let uris = Some(vec![CALLBACK.to_owned(), OTHER.to_owned()]);
    let moved = ClientChange { redirect_uris: uris, ..ClientChange::default() };
    provider.update_client(&server.may(), app.client.id, moved).await.expect("changed");
    let page = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    assert!(page.body.contains("id=\"consent-allow\""), "asked again");
    let token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(server.get("/api/tickets", token).await.status(), 200, "this policy lets tokens live");

    // A high-security app: what was allowed ends with its tokens.
    let key = TestKey::es256();
    let new = NewClient {
        policy: Some(Policy::Fapi2),
        metadata: oauth::clients::Metadata { jwks: Some(key.set()), ..Default::default() },
        ..confidential(Dialect::Standard, "tickets:read")
    };
    let high = server.app(new).await;
    assert_eq!(high.secret, None, "it proves itself by its key");
    let mut tx = server.db.write().await.expect("begin");
    let now = server.clock.now();
    tx.run(
        "insert into grants (client_id, person_id, scope, created_at, updated_at) values ($1, $2, 'tickets:read', $3, $3)",
        &[high.client.id.into(), server.admin_id.into(), now.into()],
    )
    .await
    .expect("a grant");
    tx.commit().await.expect("commit");
    let moved = ClientChange { redirect_uris: Some(vec![OTHER.to_owned()]), ..ClientChange::default() };
    provider.update_client(&server.may(), high.client.id, moved).await.expect("changed");
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select id from grants where client_id = $1 and revoked_at is null";
    assert!(tx.rows(sql, &[high.client.id.into()]).await.expect("rows").is_empty());
}
