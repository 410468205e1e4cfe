//! `/api/tags`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::Server;

const ALL: &str = "tags:read tags:write events:read";

async fn create(server: &Server, token: &str, name: &str) -> i64 {
    body(server.post("/api/tags", token, json!({ "name": name })).await, 201).await["id"].as_i64().expect("an id")
}

/// Puts tags on so many new tickets.
async fn put_on_tickets(server: &Server, tag_ids: &[i64], n_tickets: usize) {
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    for _ in 0..n_tickets {
        let row = tx
            .row(
                "insert into tickets (status, channel, via, customer_id, created_at, updated_at) values ('open', 'api', 'api', $1, $2, $2)
                 returning id",
                &[server.agent_id.into(), now.into()],
            )
            .await
            .expect("a ticket");
        let ticket_id = row.expect("a row").int("id").expect("an id");
        for tag_id in tag_ids {
            let pair = [ticket_id.into(), (*tag_id).into()];
            tx.run("insert into ticket_tags (ticket_id, tag_id) values ($1, $2)", &pair)
                .await
                .expect("a tag on a ticket");
            tx.run("update tags set usage = usage + 1 where id = $1", &[(*tag_id).into()]).await.expect("usage");
        }
    }
    tx.commit().await.expect("commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_created_renamed_and_deleted() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let new = json!({ "name": "order-status", "description": "Where is it?", "decoration": { "color": "#F58D86" } });

    let made = body(server.post("/api/tags", &token, new.clone()).await, 201).await;
    let id = made["id"].as_i64().unwrap();
    assert_eq!(
        made,
        json!({
            "id": id, "name": "order-status", "description": "Where is it?", "decoration": { "color": "#F58D86" }, "usage": 0,
            "uri": format!("/api/tags/{id}/"), "created_datetime": "2026-03-02T09:00:00+00:00", "deleted_datetime": null,
        })
    );
    body(server.post("/api/tags", &token, new).await, 409).await;
    let other = create(&server, &token, "Order-Status").await;

    let path = format!("/api/tags/{id}");
    let changed = body(server.put(&path, &token, json!({ "name": "where", "decoration": null })).await, 200).await;
    assert_eq!(
        (changed["name"].as_str(), changed["description"].as_str(), &changed["decoration"]),
        (Some("where"), Some("Where is it?"), &Value::Null)
    );
    body(server.put(&path, &token, json!({ "name": "Order-Status" })).await, 409).await;
    body(server.put(&path, &token, json!({ "description": null })).await, 200).await;

    assert_eq!(server.delete(&path, &token).await.status(), 204);
    body(server.get(&path, &token).await, 404).await;
    assert_eq!(server.delete_with("/api/tags", &token, json!({ "ids": [other] })).await.status(), 204);
    let events = body(server.get(&format!("/api/events?object_type=Tag&object_id={id}"), &token).await, 200).await;
    assert_eq!(texts(&events, "type"), ["tag-deleted", "tag-updated", "tag-renamed", "tag-created"]);
    assert_eq!(events["data"][2]["data"]["after"], json!({ "name": "where", "color": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tags_are_refused() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let kept = create(&server, &token, "kept").await;
    let wrong = [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(257) }),
        json!({ "name": "a\u{0}b" }),
        json!({ "name": 7 }),
        json!({ "name": "x", "description": "y".repeat(1025) }),
        json!({ "name": "x", "decoration": { "color": "red" } }),
        json!({ "name": "x", "decoration": "#fff" }),
    ];

    for new in wrong {
        let refusal = body(server.post("/api/tags", &token, new.clone()).await, 400).await;
        assert_eq!(refusal["error"]["msg"], "Failed to validate the request.", "{new}");
    }
    for ids in [json!([]), json!(null), json!([0]), json!([kept, 9_999_999_999_999_999_i64]), json!("1")] {
        body(server.delete_with("/api/tags", &token, json!({ "ids": ids })).await, 400).await;
    }
    body(server.delete_with("/api/tags", &token, json!({ "ids": [kept, 9999] })).await, 404).await;

    assert_eq!(ids(&body(server.get("/api/tags", &token).await, 200).await), [kept]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_searched_sorted_and_listed_page_by_page() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut made = Vec::new();
    for name in ["Refund", "refund-late", "100%", "a_b", "ÄRGER", "zzz"] {
        server.clock.advance(Duration::from_secs(1));
        made.push(create(&server, &token, name).await);
    }
    put_on_tickets(&server, &[made[1], made[5]], 2).await;
    put_on_tickets(&server, &[made[0]], 3).await;
    let names =
        async |query: &str| texts(&body(server.get(&format!("/api/tags?{query}"), &token).await, 200).await, "name");

    assert_eq!(names("").await, ["zzz", "ÄRGER", "a_b", "100%", "refund-late", "Refund"]);
    assert_eq!(names("order_by=name:asc").await, ["100%", "Refund", "a_b", "refund-late", "zzz", "ÄRGER"]);
    assert_eq!(names("order_by=usage:desc,name:desc&limit=3").await, ["Refund", "zzz", "refund-late"]);
    assert_eq!(names("order_by=usage%3Aasc%2Cname%3Aasc&limit=2").await, ["100%", "a_b"]);
    assert_eq!(names("search=REFUND&order_by=name:asc").await, ["Refund", "refund-late"]);
    assert_eq!(names("search=%C3%A4rger").await, ["ÄRGER"]);
    assert_eq!(names("search=%25").await, ["100%"]);
    assert_eq!(names("search=a_").await, ["a_b"]);
    for order in [
        "created_datetime:asc",
        "created_datetime:desc",
        "name:asc",
        "name:desc",
        "usage:asc,name:asc",
        "usage:desc,name:desc",
    ] {
        let whole = ids(&body(server.get(&format!("/api/tags?order_by={order}"), &token).await, 200).await);
        assert_eq!(walk(&server, &format!("/api/tags?limit=2&order_by={order}"), &token).await, whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_list_is_refused() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    create(&server, &token, "a").await;
    create(&server, &token, "b").await;
    let list = body(server.get("/api/tags?limit=1", &token).await, 200).await;
    let cursor = list["meta"]["next_cursor"].as_str().unwrap();

    body(server.get(&format!("/api/tags?cursor={cursor}&limit=1"), &token).await, 200).await;
    for path in [
        format!("/api/events?cursor={cursor}"),
        format!("/api/tags?cursor={cursor}x"),
        format!("/api/tags?cursor={}", &cursor[1..]),
        format!("/api/tags?cursor={cursor}&order_by=name:asc"),
        format!("/api/tags?cursor={cursor}&search=a"),
    ] {
        let refusal = body(server.get(&path, &token).await, 400).await;
        assert!(refusal["error"]["data"].get("cursor").is_some(), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_tags_moves_their_tickets_and_keeps_the_counts() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let (kept, small, large) = (
        create(&server, &token, "kept").await,
        create(&server, &token, "small").await,
        create(&server, &token, "large").await,
    );
    put_on_tickets(&server, &[kept, small], 2).await;
    put_on_tickets(&server, &[small], 3).await;
    put_on_tickets(&server, &[large], 1_100).await;
    put_on_tickets(&server, &[large, kept], 10).await;
    let path = format!("/api/tags/{kept}/merge");

    for wrong in [
        json!({}),
        json!({ "source_tags_ids": [] }),
        json!({ "source_tags_ids": [kept] }),
        json!({ "source_tags_ids": "1" }),
    ] {
        body(server.put(&path, &token, wrong).await, 400).await;
    }
    body(server.put(&path, &token, json!({ "source_tags_ids": [small, 9999] })).await, 404).await;
    body(server.put("/api/tags/9999/merge", &token, json!({ "source_tags_ids": [small] })).await, 404).await;
    assert_eq!(ids(&body(server.get("/api/tags", &token).await, 200).await).len(), 3);

    let merged = body(server.put(&path, &token, json!({ "source_tags_ids": [small, large, small] })).await, 200).await;
    assert_eq!(merged["id"], kept);
    // Gone at once, though their tickets are still on the way.
    assert_eq!(ids(&body(server.get("/api/tags", &token).await, 200).await), [kept]);
    body(server.get(&format!("/api/tags/{large}"), &token).await, 404).await;
    assert_eq!(server.run_jobs().await, 1);

    let merged = body(server.get(&format!("/api/tags/{kept}"), &token).await, 200).await;
    assert_eq!(merged["usage"], 2 + 3 + 1_100 + 10);
    let mut tx = server.db.read().await.unwrap();
    let row =
        tx.row("select count(*) as n, count(distinct tag_id) as n_tags from ticket_tags", &[]).await.unwrap().unwrap();
    assert_eq!((row.int("n").unwrap(), row.int("n_tags").unwrap()), (1_115, 1));
    let row = tx.row("select count(*) as n from tags", &[]).await.unwrap().unwrap();
    assert_eq!(row.int("n").unwrap(), 1);
    let events = body(server.get("/api/events?types=tag-merged", &token).await, 200).await;
    assert_eq!(events["data"][0]["data"], json!({ "source_tag": { "id": large, "name": "large" } }));
}
