//! `/api/v2/views`.

use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, ticket, token};
use crate::support::Server;

fn urgent() -> Value {
    json!({
        "title": "Urgent and open",
        "description": "What burns",
        "all": [
            { "field": "status", "operator": "less_than", "value": "solved" },
            { "field": "priority", "operator": "is", "value": "urgent" },
        ],
        "any": [
            { "field": "current_tags", "operator": "includes", "value": "fire" },
            { "field": "type", "operator": "is", "value": "incident" },
        ],
        "output": { "columns": ["subject", "requester", "group"], "sort_by": "created", "sort_order": "asc" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_made_changed_arranged_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let view = made(&server, "/api/v2/views", &all, "view", urgent()).await;
    let path = format!("/api/v2/views/{}", id(&view));

    assert_eq!(view["conditions"]["all"], urgent()["all"]);
    assert_eq!(view["conditions"]["any"], urgent()["any"]);
    assert_eq!(view["execution"]["columns"][1], json!({ "id": "requester", "title": "Requester" }));
    assert_eq!(view["execution"]["sort_order"], "asc");
    assert_eq!([&view["active"], &view["default"], &view["restriction"]], [&json!(true), &json!(false), &Value::Null]);

    let change = json!({ "view": { "title": "Burning", "any": [], "active": false,
        "restriction": { "type": "User", "id": server.admin_id } } });
    let changed = body(server.put(&path, &all, change).await, 200).await["view"].clone();
    assert_eq!(changed["title"], "Burning");
    assert_eq!(changed["description"], "What burns");
    assert_eq!(changed["conditions"], json!({ "all": urgent()["all"], "any": [] }));
    assert_eq!(changed["active"], false);
    assert_eq!(changed["restriction"], json!({ "type": "User", "id": server.admin_id, "ids": [server.admin_id] }));

    let personal = get(&server, "/api/v2/views?access=personal&page[size]=10", &all).await;
    assert_eq!(ids(&personal["views"]), [id(&view)]);
    assert_eq!(ids(&get(&server, "/api/v2/views/search?query=BURN", &all).await["views"]), [id(&view)]);
    assert!(!ids(&get(&server, "/api/v2/views/active", &all).await["views"]).contains(&id(&view)));
    let arranged = json!({ "views": [{ "id": id(&view), "position": 0, "active": true }] });
    let arranged = body(server.put("/api/v2/views/update_many", &all, arranged).await, 200).await;
    assert_eq!([&arranged["views"][0]["position"], &arranged["views"][0]["active"]], [&json!(0), &json!(true)]);
    assert_eq!(ids(&get(&server, "/api/v2/views/compact", &all).await["views"])[0], id(&view));
    assert_eq!(get(&server, "/api/v2/views/count", &all).await["count"]["value"], 8);

    let gone = server.delete(&format!("/api/v2/views/destroy_many?ids={}", id(&view)), &all).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_cannot_be_asked_is_refused_and_named() {
    let server = Server::start().await;
    let all = all(&server).await;
    let status = json!({ "field": "status", "operator": "is", "value": "open" });

    for (record, field, named) in [
        (json!({ "title": "A", "all": [{ "field": "priority", "operator": "is", "value": "low" }] }), "base", "status"),
        (
            json!({ "title": "A", "all": [status, { "field": "recipient", "operator": "is", "value": "help@shop.test" }] }),
            "all",
            "recipient is",
        ),
        (json!({ "title": "A", "all": [status], "output": { "sort_by": "status" } }), "output", "status"),
        (json!({ "title": "A", "all": [status], "output": { "group_by": "status" } }), "output", "Group by"),
        (json!({ "title": "", "all": [status] }), "title", "blank"),
        (
            json!({ "title": "A", "all": [status], "restriction": { "type": "Group", "id": 987_654 } }),
            "restriction",
            "",
        ),
    ] {
        let refused = body(server.post("/api/v2/views", &all, json!({ "view": record })).await, 422).await;
        let told = refused["details"][field][0]["description"].as_str().unwrap_or_default();
        assert!(refused["details"][field].is_array() && told.contains(named), "{refused}");
    }
    let system = get(&server, "/api/v2/views", &all).await["views"][0].clone();
    assert_eq!(system["default"], true);
    assert_eq!(server.delete(&format!("/api/v2/views/{}", id(&system)), &all).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_view_is_listed_executed_and_counted() {
    let server = Server::start().await;
    let all = all(&server).await;
    let mut inside = Vec::new();
    for n in 0..3 {
        let record = json!({ "subject": format!("Fire {n}"), "priority": "urgent", "tags": ["fire"] });
        inside.push(id(&ticket(&server, &all, record).await));
    }
    let incident = json!({ "subject": "Down", "priority": "urgent", "type": "incident" });
    inside.push(id(&ticket(&server, &all, incident).await));
    ticket(&server, &all, json!({ "subject": "Calm", "priority": "low", "tags": ["fire"] })).await;
    ticket(&server, &all, json!({ "subject": "Done", "priority": "urgent", "tags": ["fire"], "status": "solved" }))
        .await;
    let view = made(&server, "/api/v2/views", &all, "view", urgent()).await;
    let path = format!("/api/v2/views/{}", id(&view));

    let listed = get(&server, &format!("{path}/tickets"), &all).await;
    assert_eq!(ids(&listed["tickets"]), inside);
    assert_eq!(listed["count"], 4);
    let backwards = get(&server, &format!("{path}/tickets?sort_by=created_at&sort_order=desc&per_page=1"), &all).await;
    assert_eq!(ids(&backwards["tickets"]), inside[3..]);

    // Page by page, in the view's own order.
    let mut found = Vec::new();
    let mut next = Some(format!("{path}/tickets?page[size]=3"));
    while let Some(page) = next {
        let page = get(&server, page.strip_prefix(&server.base).unwrap_or(&page), &all).await;
        found.extend(ids(&page["tickets"]));
        next = page["links"]["next"].as_str().filter(|_| page["meta"]["has_more"] == true).map(str::to_owned);
    }
    assert_eq!(found, inside);

    let executed = get(&server, &format!("{path}/execute"), &all).await;
    assert_eq!(executed["rows"][0]["ticket"]["id"], inside[0]);
    assert_eq!(executed["rows"][0]["subject"], "Fire 0");
    assert_eq!(executed["rows"][0]["requester_id"], executed["users"][0]["id"]);
    assert_eq!(executed["columns"][2]["id"], "group");
    assert_eq!(executed["view"]["id"], view["id"]);
    assert_eq!(get(&server, &format!("{path}/count"), &all).await["view_count"]["value"], 4);
    let counts = get(&server, &format!("/api/v2/views/count_many?ids={},987654", id(&view)), &all).await;
    assert_eq!(counts["view_counts"].as_array().map(Vec::len), Some(1));
    assert_eq!(counts["view_counts"][0]["pretty"], "4");

    let preview = json!({ "view": { "all": urgent()["all"], "output": { "columns": ["nice_id", "status"] } } });
    let previewed = body(server.post("/api/v2/views/preview", &all, preview.clone()).await, 200).await;
    assert_eq!(previewed["count"], 4);
    assert_eq!(previewed["rows"][0]["nice_id"], previewed["rows"][0]["ticket"]["id"]);
    let counted = body(server.post("/api/v2/views/preview/count", &all, preview).await, 200).await;
    assert_eq!(counted["view_count"]["value"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_view_needs_the_word_for_tickets_besides() {
    let server = Server::start().await;
    let views_only = token(&server, "ticket_views:read").await;
    let both = token(&server, "ticket_views:read tickets:read").await;
    let first = id(&get(&server, "/api/v2/views", &views_only).await["views"][0]);

    for call in ["tickets", "execute", "count"] {
        let path = format!("/api/v2/views/{first}/{call}");
        let refused = body(server.get(&path, &views_only).await, 403).await;
        assert!(refused["description"].as_str().is_some_and(|it| it.contains("tickets:read")), "{refused}");
        assert_eq!(server.get(&path, &both).await.status(), 200, "{call}");
    }
}
