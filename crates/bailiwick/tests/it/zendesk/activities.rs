//! `/api/v2/activities`: what concerns whoever asks.

use std::time::Duration;

use scope::Dialect;
use serde_json::json;

use super::{all, body, get, id, ticket, token};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_what_others_did_on_their_tickets() {
    let server = Server::start().await;
    let admin = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let it = ticket(&server, &admin, json!({ "subject": "Printer", "assignee_id": server.agent_id })).await;
    let path = format!("/api/v2/tickets/{}", id(&it));
    for change in [
        json!({ "priority": "urgent" }),
        json!({ "priority": "low" }),
        json!({ "comment": { "body": "Look", "public": false } }),
    ] {
        server.clock.advance(Duration::from_secs(1));
        body(server.put(&path, &admin, json!({ "ticket": change })).await, 200).await;
    }
    body(server.put(&path, &agent, json!({ "ticket": { "comment": { "body": "Mine" } } })).await, 200).await;
    server.run_jobs().await;

    let list = get(&server, "/api/v2/activities", &agent).await;

    let verbs: Vec<&str> =
        list["activities"].as_array().expect("a list").iter().map(|it| it["verb"].as_str().expect("a verb")).collect();
    assert_eq!(verbs[..2], ["tickets.comment", "tickets.priority_increase"]);
    assert!(verbs[2..].contains(&"tickets.assignment") && list["count"] == verbs.len(), "{verbs:?}");
    let comment = &list["activities"][0];
    assert_eq!(comment["object"], json!({ "comment": { "value": "Look", "public": false } }));
    assert_eq!(comment["target"], json!({ "ticket": { "id": it["id"], "subject": "Printer" } }));
    assert_eq!((&comment["actor_id"], &comment["user_id"]), (&json!(server.admin_id), &json!(server.agent_id)));
    assert_eq!((&comment["actor"]["id"], &comment["user"]["id"]), (&json!(server.admin_id), &json!(server.agent_id)));
    assert_eq!((&list["users"][0]["id"], &list["actors"][0]["id"]), (&json!(server.agent_id), &json!(server.admin_id)));
    let one = format!("/api/v2/activities/{}", id(comment));
    assert_eq!(get(&server, &one, &agent).await["activity"], *comment);
    assert_eq!(get(&server, "/api/v2/activities/count", &agent).await["count"]["value"], list["count"]);
    let page = get(&server, "/api/v2/activities?page[size]=1", &agent).await;
    assert_eq!((&page["activities"][0]["id"], &page["meta"]["has_more"]), (&comment["id"], &json!(true)));
    let since = comment["created_at"].as_str().expect("a time");
    assert_eq!(get(&server, &format!("/api/v2/activities?since={since}"), &agent).await["count"], 1);
    // They are nobody else's business.
    assert_eq!(server.get(&one, &admin).await.status(), 404);
    assert_eq!(get(&server, "/api/v2/activities", &admin).await["count"], 0);
    body(server.get("/api/v2/activities?since=soon", &agent).await, 400).await;
    let narrow = token(&server, "tickets:read").await;
    assert_eq!(server.get("/api/v2/activities", &narrow).await.status(), 403);
}
