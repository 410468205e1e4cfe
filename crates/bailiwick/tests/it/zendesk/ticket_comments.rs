//! `/api/v2/tickets/{ticket_id}/comments`.

use serde_json::json;

use super::{all, body, customer, get, id, ids, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_read_oldest_first_with_who_wrote_them() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let made = ticket(&server, &all, json!({ "comment": { "body": "Help", "author_id": cleo["id"] } })).await;
    let path = format!("/api/v2/tickets/{}", id(&made));
    server.clock.advance(std::time::Duration::from_secs(60));
    let answer = json!({ "ticket": { "comment": { "html_body": "<p>Try <b>water</b><script>x</script></p>" } } });
    body(server.put(&path, &all, answer).await, 200).await;

    let list = get(&server, &format!("{path}/comments?include=users"), &all).await;

    let [first, second] = [&list["comments"][0], &list["comments"][1]];
    assert_eq!([&first["author_id"], &second["author_id"]], [&cleo["id"], &json!(server.admin_id)]);
    assert_eq!(first["body"], "Help");
    assert_eq!(first["type"], "Comment");
    assert_eq!(second["public"], true);
    assert!(!second["html_body"].as_str().expect("html").contains("script"));
    assert_eq!(list["users"].as_array().expect("users").len(), 2);
    let newest = get(&server, &format!("{path}/comments?sort_order=desc&per_page=1"), &all).await;
    assert_eq!(ids(&newest["comments"]), [id(second)]);
    assert_eq!(get(&server, &format!("{path}/comments/count"), &all).await["count"]["value"], 2);
    assert_eq!(server.get("/api/v2/tickets/987/comments", &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_ticket_of_notes_is_a_note_unless_told() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({ "comment": { "body": "For us", "public": false } })).await;
    let path = format!("/api/v2/tickets/{}", id(&made));

    body(server.put(&path, &all, json!({ "ticket": { "comment": { "body": "Too" } } })).await, 200).await;

    let comments = get(&server, &format!("{path}/comments"), &all).await;
    assert_eq!(made["is_public"], false);
    assert_eq!(comments["comments"][1]["public"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_made_private_and_made_unreadable() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({ "comment": { "body": "My card is 4111." } })).await;
    let path = format!("/api/v2/tickets/{}/comments", id(&made));
    let comment = id(&get(&server, &path, &all).await["comments"][0]);

    body(server.put(&format!("{path}/{comment}/make_private"), &all, json!({})).await, 200).await;
    let redacted =
        body(server.put(&format!("{path}/{comment}/redact"), &all, json!({ "text": "4111" })).await, 200).await;
    let again = server.put(&format!("{path}/{comment}/redact"), &all, json!({ "text": "4111" })).await;

    assert_eq!(redacted["comment"]["body"], "My card is ▇▇▇▇.");
    assert_eq!(redacted["comment"]["public"], false);
    assert_eq!(again.status(), 422);
}
