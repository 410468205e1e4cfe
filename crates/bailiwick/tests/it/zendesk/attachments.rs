//! `/api/v2/uploads` and `/api/v2/attachments`.

use reqwest::{Method, Response};
use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, get, id, request, ticket};
use crate::support::{Person, Server};

async fn send(server: &Server, token: &str, query: &str, bytes: &'static str) -> Response {
    let request = request(server, Method::POST, &format!("/api/v2/uploads?{query}"), token);
    request.header("content-type", "text/plain").body(bytes).send().await.expect("send")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_under_a_token_and_taken_by_a_comment_once() {
    let server = Server::start().await;
    let all = all(&server).await;
    let first = body(send(&server, &all, "filename=a.txt", "first").await, 201).await["upload"].clone();
    let token = first["token"].as_str().expect("a token").to_owned();
    let both = body(send(&server, &all, &format!("filename=b.txt&token={token}"), "second").await, 201).await;

    let made = ticket(&server, &all, json!({ "comment": { "body": "See", "uploads": [token] } })).await;

    assert_eq!(both["upload"]["attachments"].as_array().map(Vec::len), Some(2));
    let comments = get(&server, &format!("/api/v2/tickets/{}/comments", id(&made)), &all).await;
    let attached = &comments["comments"][0]["attachments"];
    assert_eq!([&attached[0]["file_name"], &attached[1]["file_name"]], ["a.txt", "b.txt"]);
    assert_eq!([&attached[0]["id"], &attached[0]["size"]], [&first["attachment"]["id"], &json!(5)]);
    let bytes = server.http.get(attached[1]["content_url"].as_str().expect("an address")).send().await.expect("send");
    assert_eq!(bytes.text().await.expect("a text"), "second", "without credentials");
    let shown = get(&server, &format!("/api/v2/attachments/{}", id(&attached[1])), &all).await;
    assert_eq!(shown["attachment"]["file_name"], "b.txt");
    let again = json!({ "ticket": { "comment": { "body": "Again", "uploads": [token] } } });
    let refused = body(server.post("/api/v2/tickets", &all, again).await, 422).await;
    assert!(refused["details"].get("uploads").is_some(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_for_its_owner_for_an_hour_and_can_be_given_up() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let with = |token: &Value| json!({ "ticket": { "comment": { "body": "x", "uploads": [token] } } });
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(body(send(&server, &all, "filename=a.txt", "x").await, 201).await["upload"]["token"].clone());
    }

    assert_eq!(server.post("/api/v2/tickets", &agent, with(&tokens[0])).await.status(), 422);
    let path = format!("/api/v2/uploads/{}", tokens[0].as_str().expect("a token"));
    assert_eq!(server.delete(&path, &agent).await.status(), 404);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.post("/api/v2/tickets", &all, with(&tokens[0])).await.status(), 422);
    server.clock.advance(std::time::Duration::from_secs(3601));
    assert_eq!(server.post("/api/v2/tickets", &all, with(&tokens[1])).await.status(), 422);
    assert_eq!(send(&server, &all, "", "x").await.status(), 400);
    assert_eq!(send(&server, &all, "filename=a.exe", "x").await.status(), 422);
    assert_eq!(send(&server, &all, "filename=a.txt", "").await.status(), 422);
}
