//! Making comments, chats and files unreadable, and the log of a conversation.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, body, get, id, request, ticket};
use crate::support::Server;

/// A ticket whose comment has a file.
async fn with_a_file(server: &Server, token: &str, text: &str) -> (i64, Value) {
    let upload = request(server, Method::POST, "/api/v2/uploads?filename=card.txt", token);
    let upload = upload.header("content-type", "text/plain").body("4111").send().await.expect("send");
    let upload = body(upload, 201).await["upload"]["token"].clone();
    let made = ticket(server, token, json!({ "comment": { "html_body": text, "uploads": [upload] } })).await;
    let comments = get(server, &format!("/api/v2/tickets/{}/comments", id(&made)), token).await;
    (id(&made), comments["comments"][0].clone())
}

async fn bytes(server: &Server, attachment: &Value) -> (u16, String) {
    let answer = server.http.get(attachment["content_url"].as_str().expect("an address")).send().await.expect("send");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_in_a_comment_is_made_unreadable_with_its_files() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (ticket_id, comment) = with_a_file(&server, &all, "<p>Card <b>41</b>11 &amp; more</p>").await;
    let path = format!("/api/v2/comment_redactions/{}", id(&comment));
    let old = comment["attachments"][0].clone();
    let sent = json!({
        "ticket_id": ticket_id, "html_body": "<p>Card <redact><b>41</b>11 &amp;</redact> more</p>",
        "external_attachment_urls": [old["content_url"]],
    });

    let redacted = body(server.put(&path, &all, sent.clone()).await, 200).await["comment"].clone();

    let text = redacted["body"].as_str().expect("a text");
    assert_eq!(text.trim(), "Card ▇▇▇▇▇▇ more");
    assert!(!redacted["html_body"].as_str().expect("html").contains("41"), "{redacted}");
    let file = &redacted["attachments"][0];
    assert_eq!([&file["id"], &file["file_name"], &file["deleted"]], [&old["id"], &json!("redacted.txt"), &json!(true)]);
    assert_eq!(bytes(&server, file).await, (200, String::new()));
    assert_eq!(bytes(&server, &old).await.0, 404, "the old address leads to nothing");
    assert_eq!(server.put(&path, &all, sent).await.status(), 422, "it is not there any more");
    assert_eq!(server.put(&path, &all, json!({ "ticket_id": ticket_id, "html_body": "x" })).await.status(), 422);
    let other = json!({ "ticket_id": 987, "html_body": "<redact>more</redact>" });
    assert_eq!(server.put(&path, &all, other).await.status(), 404);
    let closed = json!({ "ticket": { "status": "closed" } });
    body(server.put(&format!("/api/v2/tickets/{ticket_id}"), &all, closed).await, 200).await;
    let late = json!({ "ticket_id": ticket_id, "html_body": "<redact>more</redact>" });
    assert_eq!(server.put(&path, &all, late).await.status(), 422, "of a closed ticket nothing changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_made_unreadable_deleted_and_let_through() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (ticket_id, comment) = with_a_file(&server, &all, "<p>See</p>").await;
    let file = comment["attachments"][0].clone();
    let path = format!("/api/v2/attachments/{}", id(&file));
    let attached = format!("/api/v2/tickets/{ticket_id}/comments/{}/attachments/{}", id(&comment), id(&file));

    let on = json!({ "attachment": { "malware_access_override": true } });
    let through = body(server.put(&path, &all, on).await, 200).await["attachment"].clone();
    server.clock.advance(Duration::from_secs(1));
    let redacted =
        body(server.put(&format!("{attached}/redact"), &all, json!({})).await, 200).await["attachment"].clone();

    assert_eq!(through["malware_access_override"], true);
    assert_eq!(
        [&redacted["id"], &redacted["file_name"], &redacted["size"]],
        [&file["id"], &json!("redacted.txt"), &json!(0)]
    );
    assert_eq!(get(&server, &path, &all).await["attachment"]["deleted"], true);
    let audits = get(&server, &format!("/api/v2/tickets/{ticket_id}/audits"), &all).await;
    let last = audits["audits"].as_array().expect("a list").last().expect("an audit").clone();
    assert_eq!(
        [&last["events"][0]["type"], &last["events"][0]["attachment_id"]],
        [&json!("AttachmentRedactionEvent"), &file["id"]]
    );
    let (_, second) = with_a_file(&server, &all, "<p>Two</p>").await;
    let second = &second["attachments"][0];
    let gone = format!("/api/v2/attachments/{}", id(second));
    assert_eq!(server.delete(&gone, &all).await.status(), 204);
    assert_eq!(get(&server, &gone, &all).await["attachment"]["file_name"], "redacted.txt");
    assert_eq!(bytes(&server, second).await.0, 404);
    let wrong = format!("/api/v2/tickets/{ticket_id}/comments/987/attachments/{}/redact", id(&file));
    assert_eq!(server.put(&wrong, &all, json!({})).await.status(), 404);
    assert_eq!(server.delete("/api/v2/attachments/987654321", &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_downloaded_by_its_token_for_an_hour() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (_, comment) = with_a_file(&server, &all, "<p>See</p>").await;
    let file = comment["attachments"][0].clone();
    let address = file["content_url"].as_str().expect("an address");

    assert!(address.contains("/attachments/token/") && address.ends_with("/?name=card.txt"), "{address}");
    assert_eq!(bytes(&server, &file).await, (200, "4111".to_owned()));
    for wrong in [address.replace("card.txt", "other.txt"), address.replace("/token/", "/token/0")] {
        let refused = server.http.get(&wrong).send().await.expect("send");
        assert_eq!(refused.status(), 403, "{wrong}");
    }
    server.clock.advance(Duration::from_secs(3_601));
    assert_eq!(bytes(&server, &file).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_made_unreadable_message_by_message() {
    let server = Server::start().await;
    let all = all(&server).await;
    let gorgias = server.token("tickets:read tickets:write").await;
    let said = |text: &str| json!({ "channel": "chat", "via": "chat", "from_agent": false, "body_text": text, "sender": { "email": "mia@shop.test" } });
    let new = json!({
        "channel": "chat", "customer": { "email": "mia@shop.test" }, "messages": [said("Hello"), said("My card is 4111")],
    });
    let made = body(server.post("/api/tickets", &gorgias, new).await, 201).await;
    let path = format!("/api/v2/chat_redactions/{}", id(&made));

    let told = body(server.put(&path, &all, json!({ "chat_index": 1, "text": "4111" })).await, 200).await;

    let history = told["chat_event"]["value"]["history"].as_array().expect("a list").clone();
    let texts: Vec<&str> = history.iter().filter_map(|it| it["message"].as_str()).collect();
    assert_eq!(texts, ["Hello", "My card is ▇▇▇▇"]);
    let by_id = json!({ "message_id": history[0]["message_id"], "text": "Hello" });
    body(server.put(&path, &all, by_id).await, 200).await;
    let files = format!("/api/v2/chat_file_redactions/{}", id(&made));
    body(server.put(&files, &all, json!({ "chat_indexes": [0] })).await, 200).await;
    assert_eq!(server.put(&files, &all, json!({ "chat_indexes": [7] })).await.status(), 404);
    assert_eq!(server.put(&files, &all, json!({})).await.status(), 422);
    let mail = ticket(&server, &all, json!({})).await;
    let none = format!("/api/v2/chat_redactions/{}", id(&mail));
    assert_eq!(server.put(&none, &all, json!({ "chat_index": 0, "text": "x" })).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_one_log_of_comments_and_changes() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({ "comment": { "body": "Help" } })).await;
    server.clock.advance(Duration::from_secs(1));
    let change = json!({ "ticket": { "status": "pending", "comment": { "body": "Water" } } });
    body(server.put(&format!("/api/v2/tickets/{}", id(&made)), &all, change).await, 200).await;
    let path = format!("/api/v2/tickets/{}/conversation_log", id(&made));

    let log = get(&server, &path, &all).await;
    let first = get(&server, &format!("{path}?page[size]=1"), &all).await;

    let said: Vec<&str> =
        log["conversation_log"].as_array().expect("a list").iter().filter_map(|it| it["body"].as_str()).collect();
    assert_eq!(said, ["Help", "Water"]);
    let all_in = log["conversation_log"].as_array().expect("a list");
    assert!(
        all_in.iter().all(|it| it["audit_id"].is_i64() && it["created_at"].is_string() && it["author_id"].is_i64())
    );
    assert!(all_in.iter().any(|it| it["field_name"] == "status" && it["value"] == "pending"), "{log}");
    assert_eq!([&log["meta"]["has_more"], &first["meta"]["has_more"]], [&json!(false), &json!(true)]);
    assert_eq!(server.get("/api/v2/tickets/987/conversation_log", &all).await.status(), 404);
}
