//! Sessions and passwords of users.

use reqwest::Method;
use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, request, token};
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server};
use oauth::people_settings::Settings;

async fn sign_in(server: &Server, person: Person) {
    Browser::new(server).sign_in(person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_end_their_own_sessions_and_administrators_everybodys() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    sign_in(&server, Person::Admin).await;
    sign_in(&server, Person::Agent).await;
    sign_in(&server, Person::Agent).await;

    let everybodys = get(&server, "/api/v2/sessions", &all).await;
    let own = get(&server, "/api/v2/sessions?page[size]=1", &agent).await;

    let sessions = everybodys["sessions"].as_array().expect("a list");
    assert_eq!((sessions.len(), &everybodys["count"]), (3, &json!(3)));
    assert_eq!([&own["sessions"][0]["user_id"], &own["meta"]["has_more"]], [&json!(server.agent_id), &json!(true)]);
    let admins = format!("/api/v2/users/{}/sessions", server.admin_id);
    let agents = format!("/api/v2/users/{}/sessions", server.agent_id);
    assert_eq!(server.get(&admins, &agent).await.status(), 403);
    assert_eq!(server.delete(&admins, &agent).await.status(), 403);
    assert_eq!(server.get("/api/v2/users/987/sessions", &all).await.status(), 404);
    let current = get(&server, "/api/v2/users/me/session", &agent).await["session"].clone();
    assert_eq!(current["user_id"], server.agent_id);
    assert!(current["url"].as_str().expect("an address").ends_with(&format!("{agents}/{}.json", id(&current))));
    let one = format!("{agents}/{}", id(&current));
    assert_eq!(server.delete(&one, &all).await.status(), 204);
    assert_eq!(server.delete(&one, &all).await.status(), 404);
    assert_eq!(ids(&get(&server, &agents, &agent).await["sessions"]).len(), 1);
    assert_eq!(server.delete("/api/v2/users/me/logout", &agent).await.status(), 204);
    assert_eq!(server.delete("/api/v2/users/me/logout", &agent).await.status(), 204, "who is out stays out");
    assert_eq!(server.get("/api/v2/users/me/session", &agent).await.status(), 404);
    assert_eq!(get(&server, &agents, &agent).await["sessions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_signed_out_at_once_by_administrators() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    sign_in(&server, Person::Admin).await;
    sign_in(&server, Person::Agent).await;
    let path = format!("/api/v2/users/logout_many?ids={},{},987", server.admin_id, server.agent_id);

    assert_eq!(server.post(&path, &agent, json!({})).await.status(), 403);
    assert_eq!(server.post("/api/v2/users/logout_many", &all, json!({})).await.status(), 400);
    assert_eq!(server.post(&path, &all, json!({})).await.status(), 202);
    assert_eq!(get(&server, "/api/v2/sessions", &all).await["sessions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_passwords_are_opened_by_broad_words_alone() {
    // RS-4
    let server = Server::start().await;
    let narrow = token(&server, "users:read users:write tickets:read").await;
    let password = format!("/api/v2/users/{}/password", server.admin_id);
    for (method, path) in [
        (Method::GET, "/api/v2/sessions"),
        (Method::GET, "/api/v2/users/me/session"),
        (Method::DELETE, "/api/v2/users/me/logout"),
        (Method::POST, password.as_str()),
        (Method::PUT, password.as_str()),
    ] {
        let refused = request(&server, method.clone(), path, &narrow).json(&json!({})).send().await.expect("send");
        let told = body(refused, 403).await["description"].as_str().expect("a text").to_owned();
        assert!(told.starts_with("You are missing the following required scopes: "), "{method} {path}: {told}");
    }
    let reads = token(&server, "read").await;
    assert_eq!(server.delete("/api/v2/users/me/logout", &reads).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_changes_their_own_password_and_no_other() {
    let server = Server::start().await;
    server.choose(Settings { admins_set_passwords: true, customers_sign_in: true, ..Settings::default() }).await;
    let acting = token(&server, "read write impersonate").await;
    let all = all(&server).await;
    let cleo = id(&customer(&server, &all, "Cleo").await);
    let path = format!("/api/v2/users/{cleo}/password");
    let send = |method: Method, path: &str, sent: Value| {
        let call = request(&server, method, path, &acting).header("x-on-behalf-of", cleo).json(&sent);
        async move { call.send().await.expect("send") }
    };
    body(server.post(&path, &all, json!({ "password": "four words make it" })).await, 200).await;

    let wrong =
        send(Method::PUT, &path, json!({ "previous_password": "nonsense", "password": "another five words" })).await;
    let right = json!({ "previous_password": "four words make it", "password": "another five words" });
    let right = send(Method::PUT, &path, right).await;

    assert!(body(wrong, 422).await["details"]["previous_password"].is_array());
    assert_eq!(body(right, 200).await, json!({}));
    let required = send(Method::GET, &format!("{path}/requirements"), json!({})).await;
    assert!(body(required, 200).await["requirements"][0].is_string());
    let other = format!("/api/v2/users/{}/password", server.admin_id);
    let none = json!({ "previous_password": PASSWORD, "password": "another five words" });
    assert_eq!(send(Method::PUT, &other, none).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sets_a_password_where_the_account_lets_them() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let of = |id: i64| format!("/api/v2/users/{id}/password");
    let new = json!({ "password": "four words make it" });

    let early = server.post(&of(server.agent_id), &all, new.clone()).await;
    server.choose(Settings { admins_set_passwords: true, ..Settings::default() }).await;
    sign_in(&server, Person::Agent).await;
    let set = server.post(&of(server.agent_id), &all, new.clone()).await;

    assert_eq!(early.status(), 422, "it is off unless the account says otherwise");
    assert_eq!(body(set, 200).await, json!({}));
    assert_eq!(get(&server, "/api/v2/sessions", &all).await["sessions"], json!([]), "whoever was signed in is out");
    let own = json!({ "previous_password": "four words make it", "password": "another five words" });
    body(server.put(&of(server.agent_id), &agent, own).await, 200).await;
    assert_eq!(server.post(&of(server.agent_id), &agent, new.clone()).await.status(), 403);
    assert_eq!(server.post(&of(987), &all, new).await.status(), 404);
    for weak in ["short", "password123", "agent agent"] {
        let refused = server.post(&of(server.agent_id), &all, json!({ "password": weak })).await;
        assert!(body(refused, 422).await["details"]["password"].is_array(), "{weak}");
    }
}
