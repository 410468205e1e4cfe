//! `/api/events`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_says_who_what_before_and_after() {
    let server = Server::start().await;
    let token = server.token("tags:read tags:write events:read").await;
    let tag = body(server.post("/api/tags", &token, json!({ "name": "a" })).await, 201).await;
    body(server.put(&format!("/api/tags/{}", tag["id"]), &token, json!({ "name": "b" })).await, 200).await;

    let list = body(server.get("/api/events?limit=1", &token).await, 200).await;

    let event = &list["data"][0];
    assert_eq!(
        *event,
        json!({
            "id": event["id"], "type": "tag-renamed", "object_type": "Tag", "object_id": tag["id"], "user_id": server.admin_id,
            "context": event["context"], "created_datetime": "2026-03-02T09:00:00+00:00",
            "uri": format!("/api/events/{}/", event["id"]),
            "data": { "before": { "name": "a" }, "after": { "name": "b" } },
        })
    );
    let context = event["context"].as_str().unwrap();
    assert_eq!((context.len(), context.matches('-').count()), (36, 4));
    assert_eq!(body(server.get(&format!("/api/events/{}", event["id"]), &token).await, 200).await, *event);
    assert_eq!(list["uri"], "/api/events?limit=1");
    body(server.get("/api/events/999999", &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_filtered() {
    let server = Server::start().await;
    let token = server.token("tags:read tags:write customers:write events:read").await;
    let mut tags = Vec::new();
    for name in ["a", "b", "c"] {
        server.clock.advance(Duration::from_secs(60));
        tags.push(
            body(server.post("/api/tags", &token, json!({ "name": name })).await, 201).await["id"].as_i64().unwrap(),
        );
    }
    body(server.post("/api/customers", &token, json!({})).await, 201).await;
    let found = async |query: &str| {
        let list = body(server.get(&format!("/api/events?{query}"), &token).await, 200).await;
        list["data"].as_array().unwrap().iter().map(|it| it["object_id"].as_i64().unwrap()).collect::<Vec<_>>()
    };

    assert_eq!(found(&format!("object_type=Tag&object_id={}", tags[1])).await, [tags[1]]);
    assert_eq!(found("types=tag-created").await, [tags[2], tags[1], tags[0]]);
    assert_eq!(found("types=tag-created&types=customer-created&order_by=created_datetime:asc").await.len(), 4);
    assert_eq!(
        found("types=tag-created,tag-deleted&created_datetime[gte]=2026-03-02T09:02:00").await,
        [tags[2], tags[1]]
    );
    assert_eq!(found("types=tag-created&created_datetime%5Bgt%5D=2026-03-02T09:02:00%2B00:00").await, [tags[2]]);
    assert_eq!(found("types=tag-created&created_datetime[lt]=2026-03-02T10:02:00+01:00").await, [tags[0]]);
    assert_eq!(
        found("types=tag-created&created_datetime[gt]=2026-03-02T09:01:00Z&created_datetime[lte]=2026-03-02T09:02:00Z")
            .await,
        [tags[1]]
    );
    assert_eq!(found("types=tag-created&created_datetime[gte]=2026-03-03").await, Vec::<i64>::new());
    assert_eq!(found(&format!("types=tag-created&user_ids={}", server.admin_id)).await.len(), 3);
    assert_eq!(found(&format!("user_ids={}", server.agent_id)).await, Vec::<i64>::new());
    for query in [
        "object_type=Tag",
        "object_type=Planet&object_id=1",
        "object_type=AccountSetting&object_id=1",
        "types=tag-eaten",
        "user_ids=1&user_ids=2",
        "object_id=0",
        "created_datetime[gte]=soon",
        "created_datetime[after]=2026-03-02",
        "created_datetime=2026-03-02",
        "order_by=id:asc",
    ] {
        body(server.get(&format!("/api/events?{query}"), &token).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_vendors_kinds_of_objects_are_shown() {
    let server = Server::start().await;
    let token = server.token("events:read").await;
    let mut tx = server.db.write().await.unwrap();
    for (kind, object_type) in [("app-registered", "App"), ("ticket-eaten", "Ticket")] {
        tx.run(
            "insert into events (type, object_type, object_id, request_id, context, created_at) values ($1, $2, 77, '', $3, $4)",
            &[kind.into(), object_type.into(), "5f1c5b8a-0a52-4d0a-9d9d-2f4f5f1a77aa".into(), server.clock.now().into()],
        )
        .await
        .unwrap();
    }
    let row = tx.row("select id from events where object_type = 'App' and object_id = 77", &[]).await.unwrap().unwrap();
    tx.commit().await.unwrap();

    let list = body(server.get("/api/events?limit=100", &token).await, 200).await;

    assert!(!texts(&list, "object_type").contains(&"App".to_owned()));
    assert_eq!((list["data"][0]["type"].as_str(), &list["data"][0]["data"]), (Some("ticket-updated"), &Value::Null));
    body(server.get(&format!("/api/events/{}", row.int("id").unwrap()), &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_page_by_page_while_new_ones_come() {
    let server = Server::start().await;
    let token = server.token("tags:write events:read").await;
    for name in ["a", "b", "c", "d", "e"] {
        body(server.post("/api/tags", &token, json!({ "name": name })).await, 201).await;
    }
    for order in ["created_datetime:asc", "created_datetime:desc"] {
        let whole = ids(&body(server.get(&format!("/api/events?order_by={order}&limit=100"), &token).await, 200).await);
        assert_eq!(walk(&server, &format!("/api/events?order_by={order}&limit=3"), &token).await, whole);
    }
    let types = "types=tag-created&types=account-setting-created,tag-created&types=user-created";
    let whole = ids(&body(server.get(&format!("/api/events?limit=100&{types}"), &token).await, 200).await);
    assert_eq!(whole.len(), 5 + 3 + 2);
    assert_eq!(walk(&server, &format!("/api/events?limit=3&{types}"), &token).await, whole);
    let first = body(server.get("/api/events?types=tag-created&limit=2", &token).await, 200).await;
    body(server.post("/api/tags", &token, json!({ "name": "f" })).await, 201).await;

    let cursor = first["meta"]["next_cursor"].as_str().unwrap();
    let second = body(server.get(&format!("/api/events?cursor={cursor}&limit=100"), &token).await, 200).await;

    assert_eq!(ids(&first).len() + ids(&second).len(), 5);
    assert!(ids(&second).iter().all(|id| !ids(&first).contains(id)));
}
