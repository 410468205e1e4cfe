//! The userinfo endpoint, and credentials at the API.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;
use reqwest::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use scope::Dialect;
use serde_json::Value;

use crate::support::app::confidential;
use crate::support::{Person, Server};

const WORDS: &str = "openid email profile account:read";

async fn token(server: &Server, scope: &str) -> String {
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    app.tokens(Person::Agent, scope).await["access_token"].as_str().expect("a token").to_owned()
}

fn url(server: &Server) -> String {
    format!("{}/oauth/userinfo", server.base)
}

fn challenge(response: &Response) -> &str {
    response.headers()[WWW_AUTHENTICATE].to_str().expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_granted_words_decide_what_is_told() {
    // UI-2, UI-4, UI-5, UI-7, ALL-8
    let server = Server::start().await;
    let all = token(&server, WORDS).await;
    let few = token(&server, "openid").await;

    let origin = "https://app.example.com";
    let all = server.http.get(url(&server)).bearer_auth(&all).header("origin", origin).send().await.unwrap();
    let few = server.get("/oauth/userinfo", &few).await;

    assert_eq!(all.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(all.headers()["access-control-allow-origin"], origin);
    let (all, few): (Value, Value) = (all.json().await.unwrap(), few.json().await.unwrap());
    assert_eq!(all["sub"], server.agent_id.to_string());
    assert_eq!(all["name"], "Bo Agent");
    assert_eq!(all["email"], "agent@demo.test");
    assert_eq!(all["email_verified"], false);
    assert!(all["updated_at"].is_number());
    assert!(all.as_object().unwrap().values().all(|value| !value.is_null() && *value != ""));
    assert_eq!(few, serde_json::json!({ "sub": server.agent_id.to_string() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_may_be_in_the_header_or_in_a_posted_form_and_nowhere_else() {
    // UI-1, RS-1
    let server = Server::start().await;
    let token = token(&server, WORDS).await;
    let form = [("access_token", token.as_str())];

    let posted_header = server.http.post(url(&server)).bearer_auth(&token).send().await.unwrap();
    let posted_form = server.http.post(url(&server)).form(&form).send().await.unwrap();
    let both = server.http.post(url(&server)).bearer_auth(&token).form(&form).send().await.unwrap();
    let in_address = server.http.get(format!("{}?access_token={token}", url(&server))).send().await.unwrap();
    let lower_case = server.http.get(url(&server)).header("authorization", format!("bearer {token}"));

    assert_eq!(posted_header.status(), 200);
    assert_eq!(posted_form.status(), 200);
    assert_eq!(both.status(), 400);
    assert_eq!(in_address.status(), 400);
    assert_eq!(in_address.json::<Value>().await.unwrap()["error"], "invalid_request");
    assert_eq!(lower_case.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_is_wrong_with_the_token() {
    // UI-3, AT-5
    let server = Server::start().await;
    let without_openid = token(&server, "account:read").await;
    let app = server.app(confidential(Dialect::Standard, WORDS)).await;
    let id_token = app.tokens(Person::Agent, "openid").await["id_token"].as_str().unwrap().to_owned();

    let none = server.http.get(url(&server)).send().await.unwrap();
    let bad = server.get("/oauth/userinfo", "bwa_nothing").await;
    let as_access_token = server.get("/oauth/userinfo", &id_token).await;
    let narrow = server.get("/oauth/userinfo", &without_openid).await;

    assert_eq!(none.status(), 401);
    assert!(!challenge(&none).contains("error"), "{}", challenge(&none));
    assert_eq!(bad.status(), 401);
    assert!(challenge(&bad).contains("error=\"invalid_token\""));
    assert_eq!(as_access_token.status(), 401);
    assert_eq!(narrow.status(), 403);
    assert!(challenge(&narrow).contains("error=\"insufficient_scope\""));
    assert!(challenge(&narrow).contains("scope=\"openid\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_takes_a_token_in_the_header_only_and_once() {
    // RS-1, RS-2, RS-3, RS-7
    let server = Server::start().await;
    let token = server.token("account:read").await;
    let account = format!("{}/api/account", server.base);

    let lower_case = server.http.get(&account).header("authorization", format!("bearer {token}")).send().await.unwrap();
    let in_address = server.http.get(format!("{account}?access_token={token}")).send().await.unwrap();
    let twice = server.http.get(&account).bearer_auth(&token).header("authorization", "Bearer x").send().await.unwrap();
    let none = server.http.get(&account).send().await.unwrap();
    let unknown = server.get("/api/account", "unknown").await;

    assert_eq!(lower_case.status(), 200);
    assert_eq!(in_address.status(), 400);
    assert!(challenge(&in_address).contains("error=\"invalid_request\""));
    assert_eq!(twice.status(), 400);
    assert_eq!(none.status(), 401);
    assert!(!challenge(&none).contains("error="));
    assert_eq!(unknown.status(), 401);
    assert!(challenge(&unknown).contains("error=\"invalid_token\""));
    // The vendor's shape, with the RFC's status and challenge.
    assert!(unknown.json::<Value>().await.unwrap()["error"]["msg"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refused_to_the_second() {
    // RS-3, AT-4
    let server = Server::start().await;
    let token = token(&server, "account:read").await;
    server.clock.advance(std::time::Duration::from_secs(1799));
    let in_time = server.get("/api/account", &token).await.status();
    server.clock.advance(std::time::Duration::from_secs(1));

    let late = server.get("/api/account", &token).await.status();

    assert_eq!(in_time, 200);
    assert_eq!(late, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowered_ceiling_narrows_a_living_token() {
    // SC-11, AT-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "account:read tickets:read tickets:write")).await;
    let tokens = app.tokens(Person::Agent, "account:read tickets:read").await;
    let token = tokens["access_token"].as_str().unwrap();
    let before = server.get("/api/tickets", token).await.status();
    let change = oauth::clients::ClientChange {
        allowed_scopes: Some(vec!["account:read".to_owned()]),
        ..oauth::clients::ClientChange::default()
    };

    server.app.provider.update_client(&server.may(), app.client.id, change).await.unwrap();

    assert_eq!(before, 200);
    assert_eq!(server.get("/api/tickets", token).await.status(), 403);
    assert_eq!(server.get("/api/account", token).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_and_a_deletion_count_for_tokens_that_live() {
    // RS-6, AT-4
    let server = Server::start().await;
    let admin = server.token("users:write").await;
    let agent = server.token_for(Person::Agent, Dialect::Gorgias, "account:read tickets:write").await;
    let user = format!("/api/users/{}", server.agent_id);
    // Without a body the call is wrong, but allowed: that is all this test asks.
    let before = server.post("/api/tickets", &agent, Value::Null).await.status();

    let changed = server.put(&user, &admin, serde_json::json!({ "role": { "name": "observer-agent" } })).await;
    let after = server.post("/api/tickets", &agent, Value::Null).await.status();
    let read = server.get("/api/account", &agent).await.status();
    let deleted = server.delete(&user, &admin).await;
    let gone = server.get("/api/account", &agent).await.status();

    assert_eq!(before, 400);
    assert_eq!(changed.status(), 200);
    assert_eq!(after, 403);
    assert_eq!(read, 200);
    assert_eq!(deleted.status(), 204);
    assert_eq!(gone, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_used_shows_when_and_from_where() {
    // CO-9
    let server = Server::start().await;
    let token = token(&server, "account:read").await;
    server.get("/api/account", &token).await;

    server.app.provider.write_uses().await.unwrap();

    let mut tx = server.db.read().await.unwrap();
    let row = tx.row("select last_used_at, last_used_address from grants", &[]).await.unwrap().unwrap();
    assert_eq!(row.time("last_used_at").unwrap(), server.clock.now());
    assert_eq!(row.text("last_used_address").unwrap(), "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_works_in_both_vendors_spelling() {
    // RS-1
    let server = Server::start().await;
    let (now, random) = (server.clock.now(), server.app.random.clone());
    let actor = scope::permit::Actor::default();
    let mut tx = server.db.write().await.unwrap();
    let (_key, secret) =
        helpdesk::api_keys::create(&mut tx, &actor, now, &random, server.agent_id, "a script").await.unwrap();
    tx.commit().await.unwrap();
    let get = async |credentials: String| {
        let header = format!("Basic {}", STANDARD.encode(credentials));
        server.http.get(format!("{}/api/account", server.base)).header("authorization", header).send().await.unwrap()
    };

    assert_eq!(get(format!("agent@demo.test:{secret}")).await.status(), 200);
    assert_eq!(get(format!("agent@demo.test/token:{secret}")).await.status(), 200);
    assert_eq!(get(format!("admin@demo.test:{secret}")).await.status(), 401);
    let wrong = get("agent@demo.test:wrong".to_owned()).await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(challenge(&wrong), "Basic realm=\"api\"");
}
