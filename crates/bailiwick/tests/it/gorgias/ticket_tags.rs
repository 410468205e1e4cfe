//! `/api/tickets/{ticket_id}/tags` over HTTP.

use serde_json::{Value, json};

use super::body as ok;
use super::tickets::{SCOPE, create, events};
use crate::support::Server;

async fn names(server: &Server, token: &str, path: &str) -> Vec<String> {
    let list = ok(server.get(path, token).await, 200).await;
    let tags = list["data"].as_array().expect("data").iter();
    tags.map(|tag| tag["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_added_replaced_and_taken_off_by_id_and_by_name() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "tags": [{ "name": "a" }] })).await;
    let path = format!("/api/tickets/{}/tags", ticket["id"]);
    let other = create(&server, &token, json!({ "tags": [{ "name": "b" }] })).await;
    let b = &other["tags"][0]["id"];

    let added = server.post(&path, &token, json!({ "ids": [b], "names": ["c", "a", "C"] })).await;
    assert_eq!(added.status(), 201);
    assert_eq!(added.headers()["content-length"], "0");
    assert_eq!(names(&server, &token, &path).await, ["C", "a", "b", "c"]);

    let replaced = server.put(&path, &token, json!({ "names": ["c", "d"] })).await;
    assert_eq!(replaced.status(), 202);
    assert_eq!(replaced.headers()["content-length"], "0");
    assert_eq!(names(&server, &token, &path).await, ["c", "d"]);

    let removed = server.delete_with(&path, &token, json!({ "names": ["c", "nothing"], "ids": [b] })).await;
    assert_eq!(removed.status(), 204);
    assert_eq!(names(&server, &token, &path).await, ["d"]);

    assert_eq!(server.put(&path, &token, json!({})).await.status(), 202);
    assert_eq!(names(&server, &token, &path).await, Vec::<String>::new());
    let kinds = events(&server, &token, "Ticket", &ticket["id"]).await;
    assert_eq!(
        kinds,
        [
            "ticket-created",
            "ticket-tags-added",
            "ticket-tags-added",
            "ticket-tags-removed",
            "ticket-tags-added",
            "ticket-tags-removed",
            "ticket-tags-removed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_whole_tags_and_how_often_each_is_used() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "tags": [{ "name": "vip" }] })).await;
    create(&server, &token, json!({ "tags": [{ "name": "vip" }] })).await;

    let list = ok(server.get(&format!("/api/tickets/{}/tags", ticket["id"]), &token).await, 200).await;

    let id = &ticket["tags"][0]["id"];
    assert_eq!(list.as_object().map(serde_json::Map::len), Some(1));
    assert_eq!(list["data"], json!([ok(server.get(&format!("/api/tags/{id}"), &token).await, 200).await]));
    assert_eq!(list["data"][0]["usage"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tags_tickets_and_empty_requests_are_refused() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({})).await;
    let path = format!("/api/tickets/{}/tags", ticket["id"]);

    for body in [
        json!({}),
        json!({ "ids": [] }),
        json!({ "ids": [999] }),
        json!({ "ids": ["x"] }),
        json!({ "names": [""] }),
        json!({ "names": "a" }),
        json!([]),
    ] {
        assert_eq!(server.post(&path, &token, body.clone()).await.status(), 400, "{body}");
    }
    for body in [json!({}), json!({ "ids": [] }), json!({ "names": ["a\0"] })] {
        assert_eq!(server.delete_with(&path, &token, body.clone()).await.status(), 400, "{body}");
    }
    assert_eq!(server.get("/api/tickets/999/tags", &token).await.status(), 404);
    assert_eq!(server.post("/api/tickets/999/tags", &token, json!({ "names": ["a"] })).await.status(), 404);
    assert_eq!(ok(server.get("/api/tags", &token).await, 200).await["data"], Value::Array(Vec::new()));
}
