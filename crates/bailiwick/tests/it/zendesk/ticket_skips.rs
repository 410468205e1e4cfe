//! `/api/v2/skips`, and the few calls beside it.

use reqwest::Method;
use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, request, ticket};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_passes_a_ticket_over_says_why() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let (one, two) = (ticket(&server, &all, json!({})).await, ticket(&server, &all, json!({})).await);
    let skip = |token: &str, ticket: &Value| {
        let record = json!({ "ticket_id": ticket["id"], "reason": "Not my topic" });
        let (server, token) = (&server, token.to_owned());
        async move { made(server, "/api/v2/skips", &token, "skip", record).await }
    };

    let first = skip(&agent, &one).await;
    let second = skip(&all, &two).await;

    assert_eq!([&first["user_id"], &first["ticket"]["id"]], [&json!(server.agent_id), &one["id"]]);
    let both = get(&server, "/api/v2/skips", &all).await;
    assert_eq!(ids(&both["skips"]), [id(&first), id(&second)]);
    let falling = get(&server, "/api/v2/skips?sort_order=desc&per_page=1", &all).await;
    assert_eq!([&falling["count"], &falling["skips"][0]["id"]], [&json!(2), &second["id"]]);
    let cursor = get(&server, "/api/v2/skips?page[size]=1", &all).await;
    assert_eq!([&cursor["meta"]["has_more"], &cursor["skips"][0]["id"]], [&json!(true), &first["id"]]);
    let of_user = get(&server, &format!("/api/v2/users/{}/skips", server.agent_id), &all).await;
    assert_eq!(ids(&of_user["skips"]), [id(&first)]);
    let of_ticket = get(&server, &format!("/api/v2/tickets/{}/skips", id(&two)), &all).await;
    assert_eq!(ids(&of_ticket["skips"]), [id(&second)]);
    assert_eq!(server.get("/api/v2/tickets/987/skips", &all).await.status(), 404);
    for wrong in [json!({ "ticket_id": 987, "reason": "x" }), json!({ "ticket_id": id(&one) }), json!({})] {
        let refused = server.post("/api/v2/skips", &all, json!({ "skip": wrong })).await;
        assert_eq!(refused.status(), 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skip_that_is_sent_twice_under_one_key_is_one() {
    let server = Server::start().await;
    let all = all(&server).await;
    let ticket = ticket(&server, &all, json!({})).await;
    for expected in ["miss", "hit"] {
        let send = request(&server, Method::POST, "/api/v2/skips", &all).header("idempotency-key", "k1");
        let record = json!({ "skip": { "ticket_id": ticket["id"], "reason": "x" } });
        let answer = send.json(&record).send().await.expect("send");
        assert_eq!(answer.headers()["x-idempotency-lookup"], expected);
    }
    assert_eq!(get(&server, "/api/v2/skips", &all).await["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_found_by_the_conversation_that_it_came_from() {
    let server = Server::start().await;
    let all = all(&server).await;
    let gorgias = server.token("tickets:read tickets:write").await;
    let new = json!({
        "channel": "chat", "external_id": "conv-7", "customer": { "email": "mia@shop.test" },
        "messages": [{ "channel": "chat", "via": "chat", "from_agent": false, "body_text": "Hi", "sender": { "email": "mia@shop.test" } }],
    });
    let made = body(server.post("/api/tickets", &gorgias, new).await, 201).await;
    ticket(&server, &all, json!({ "external_id": "mail-7" })).await;

    let found = get(&server, "/api/v2/tickets/messaging/conversations/conv-7/ticket?include=users", &all).await;

    assert_eq!(found["ticket"]["id"], made["id"]);
    assert!(!found["users"].as_array().expect("a list").is_empty());
    for other in ["mail-7", "none"] {
        let path = format!("/api/v2/tickets/messaging/conversations/{other}/ticket");
        assert_eq!(server.get(&path, &all).await.status(), 404, "{other}");
    }
    assert_eq!(get(&server, "/api/v2/ticket_content_pins", &all).await, json!({ "ticket_content_pins": [] }));
}
