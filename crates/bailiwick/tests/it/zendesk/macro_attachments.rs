//! Files of macros, macros made of others, and of tickets.

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, request, ticket, token};
use crate::support::Server;

async fn send(server: &Server, token: &str, path: &str, filename: Option<&str>) -> reqwest::Response {
    let mut form = String::new();
    if let Some(filename) = filename {
        form.push_str(&format!("--XX\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n{filename}\r\n"));
    }
    form.push_str(
        "--XX\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"terms.txt\"\r\nContent-Type: text/plain\r\n\r\nTerms\r\n--XX--\r\n",
    );
    let request = request(server, Method::POST, path, token);
    request.header("content-type", "multipart/form-data; boundary=XX").body(form).send().await.expect("send")
}

fn record() -> Value {
    json!({ "title": "Terms", "actions": [{ "field": "comment_value", "value": "Please read." }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_to_a_macro_or_for_one_to_come() {
    let server = Server::start().await;
    let all = all(&server).await;
    let early = body(send(&server, &all, "/api/v2/macros/attachments", Some("agb.txt")).await, 201).await;
    let early = early["macro_attachment"].clone();
    let mut with_file = record();
    with_file["attachments"] = json!([early["id"]]);

    let it = made(&server, "/api/v2/macros", &all, "macro", with_file.clone()).await;
    let path = format!("/api/v2/macros/{}/attachments", id(&it));
    let late = body(send(&server, &all, &path, None).await, 201).await["macro_attachment"].clone();

    assert_eq!(
        [&early["filename"], &early["size"], &late["filename"]],
        [&json!("agb.txt"), &json!(5), &json!("terms.txt")]
    );
    assert_eq!(ids(&get(&server, &path, &all).await["macro_attachments"]), [id(&early), id(&late)]);
    let one = format!("/api/v2/macros/attachments/{}", id(&late));
    assert_eq!(get(&server, &one, &all).await["macro_attachment"], late);
    let content = late["content_url"].as_str().expect("an address").strip_prefix(&server.base).expect("ours");
    let reads = token(&server, "macros:read").await;
    assert_eq!(server.get(content, &reads).await.text().await.expect("a text"), "Terms");
    assert_eq!(server.get("/api/v2/macros/attachments/987", &all).await.status(), 404);
    let taken = server.post("/api/v2/macros", &all, json!({ "macro": with_file })).await;
    assert!(body(taken, 422).await["details"]["attachments"].is_array(), "it is another macro's");
    for _ in 0..3 {
        body(send(&server, &all, &path, None).await, 201).await;
    }
    assert_eq!(send(&server, &all, &path, None).await.status(), 422, "five are the most");
    assert_eq!(send(&server, &all, "/api/v2/macros/987/attachments", None).await.status(), 404);
    assert_eq!(server.post("/api/v2/macros/attachments", &all, json!({})).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_is_derived_from_another_and_from_a_ticket_and_not_stored() {
    let server = Server::start().await;
    let all = all(&server).await;
    let it = made(&server, "/api/v2/macros", &all, "macro", record()).await;
    let handled =
        json!({ "subject": "Late parcel", "status": "pending", "tags": ["late"], "comment": { "body": "On its way" } });
    let handled = ticket(&server, &all, handled).await;

    let copied = get(&server, &format!("/api/v2/macros/new?macro_id={}", id(&it)), &all).await["macro"].clone();
    let derived = get(&server, &format!("/api/v2/macros/new?ticket_id={}", id(&handled)), &all).await["macro"].clone();

    assert_eq!([&copied["title"], &copied["actions"]], [&it["title"], &it["actions"]]);
    assert_eq!(derived["title"], "Late parcel");
    let says = |field: &str, value: &str| {
        derived["actions"].as_array().expect("a list").contains(&json!({ "field": field, "value": value }))
    };
    assert!(says("status", "pending") && says("set_tags", "late") && says("comment_value", "On its way"), "{derived}");
    assert_eq!(get(&server, "/api/v2/macros", &all).await["count"], 1);
    assert_eq!(server.get("/api/v2/macros/new", &all).await.status(), 400);
    assert_eq!(server.get("/api/v2/macros/new?macro_id=987", &all).await.status(), 404);
    let macros_only = token(&server, "macros:read").await;
    let path = format!("/api/v2/macros/new?ticket_id={}", id(&handled));
    assert_eq!(server.get(&path, &macros_only).await.status(), 403);
    assert_eq!(get(&server, "/api/v2/macros/groups", &all).await["groups"], json!([]));
}
