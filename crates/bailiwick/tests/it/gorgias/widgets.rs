//! `/api/widgets`.

use serde_json::{Value, json};

use super::{body, texts, walk};
use crate::support::Server;

const ALL: &str = "integrations:read integrations:write events:read";

fn widget(order: i64) -> Value {
    json!({
        "type": "http", "context": "customer", "order": order,
        "template": {
            "type": "wrapper",
            "widgets": [{ "type": "card", "title": "Orders", "order": 0, "path": "orders", "widgets": [{ "type": "text", "path": "n", "title": "No." }] }],
        },
    })
}

async fn create(server: &Server, token: &str, new: Value) -> i64 {
    body(server.post("/api/widgets", token, new).await, 201).await["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_is_created_shown_changed_and_deleted() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let integration = json!({ "name": "Shop", "type": "http", "http": { "url": "https://shop.example/customer" } });
    let integration = body(server.post("/api/integrations", &token, integration).await, 201).await["id"].clone();
    let mut new = widget(3);
    new["integration_id"] = integration.clone();
    new["app_id"] = json!("0123456789abcdef01234567");

    let made = body(server.post("/api/widgets", &token, new.clone()).await, 201).await;

    let id = made["id"].as_i64().expect("an id");
    assert_eq!(
        made,
        json!({
            "id": id, "uri": format!("/api/widgets/{id}/"), "type": "http", "context": "customer", "order": 3,
            "integration_id": integration, "app_id": "0123456789abcdef01234567", "template": new["template"],
            "created_datetime": "2026-03-02T09:00:00+00:00", "updated_datetime": "2026-03-02T09:00:00+00:00", "deactivated_datetime": null,
        })
    );
    let path = format!("/api/widgets/{id}");
    assert_eq!(body(server.get(&path, &token).await, 200).await, made);
    let changes =
        json!({ "order": 1, "context": "ticket", "deactivated_datetime": "2026-03-01T00:00:00Z", "app_id": null });
    let changed = body(server.put(&path, &token, changes).await, 200).await;
    assert_eq!(
        (&changed["order"], &changed["context"], &changed["app_id"]),
        (&json!(1), &json!("ticket"), &Value::Null)
    );
    assert_eq!(changed["deactivated_datetime"], json!("2026-03-01T00:00:00+00:00"));
    assert_eq!(changed["template"], new["template"]);
    assert_eq!(server.delete(&path, &token).await.status(), 204);
    body(server.get(&path, &token).await, 404).await;
    assert_eq!(server.delete(&path, &token).await.status(), 404);
    let events = body(server.get(&format!("/api/events?object_type=Widget&object_id={id}"), &token).await, 200).await;
    assert_eq!(texts(&events, "type"), ["widget-deleted", "widget-updated", "widget-created"]);
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_whose_integration_is_deleted_is_switched_off() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let integration = json!({ "name": "Shop", "type": "http", "http": { "url": "https://shop.example/customer" } });
    let integration = body(server.post("/api/integrations", &token, integration).await, 201).await["id"].clone();
    let mut new = widget(0);
    new["integration_id"] = integration.clone();
    let id = create(&server, &token, new).await;

    assert_eq!(server.delete(&format!("/api/integrations/{integration}"), &token).await.status(), 204);

    let shown = body(server.get(&format!("/api/widgets/{id}"), &token).await, 200).await;
    assert_eq!(shown["integration_id"], Value::Null);
    assert_eq!(shown["deactivated_datetime"], json!("2026-03-02T09:00:00+00:00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_widgets_are_refused_with_the_field() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let with = |path: &str, value: Value| {
        let mut new = widget(0);
        *new.pointer_mut(path).expect("a field") = value;
        new
    };
    let mut deep = json!([]);
    for _ in 0..40 {
        deep = json!([{ "type": "card", "widgets": deep }]);
    }
    let cases = [
        (json!({}), "type"),
        (json!({ "type": "http" }), "template"),
        (with("/type", json!("clock")), "type"),
        (with("/context", json!("kitchen")), "context"),
        (with("/order", json!(-1)), "order"),
        (with("/order", json!("first")), "order"),
        (with("/template", json!(null)), "template"),
        (with("/template", json!([])), "template"),
        (with("/template/type", json!("card")), "template"),
        (with("/template/widgets", json!({})), "template"),
        (with("/template/widgets", deep), "template"),
        (with("/template/widgets/0/title", json!(7)), "template"),
        (with("/template/widgets/0/title", json!("a\u{0}b")), "template"),
        (with("/template/widgets/0", json!("card")), "template"),
        (json!({ "type": "http", "template": widget(0)["template"], "integration_id": 4711 }), "integration_id"),
    ];
    for (new, field) in cases {
        let answer = body(server.post("/api/widgets", &token, new).await, 400).await;
        assert!(!answer["error"]["data"][field].is_null(), "{field}: {answer}");
    }

    assert_eq!(body(server.get("/api/widgets", &token).await, 200).await["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn widgets_page_by_age_and_by_order_and_are_filtered() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let integration = json!({ "name": "Shop", "type": "http", "http": { "url": "https://shop.example/customer" } });
    let integration = body(server.post("/api/integrations", &token, integration).await, 201).await["id"].clone();
    let mut made = Vec::new();
    for n in 0..6 {
        let mut new = widget(n % 3);
        if n % 2 == 0 {
            new["integration_id"] = integration.clone();
            new["app_id"] = json!("an-app");
        }
        made.push(create(&server, &token, new).await);
    }

    let by_order = [made[0], made[3], made[1], made[4], made[2], made[5]];
    assert_eq!(walk(&server, "/api/widgets?limit=4&order_by=order:asc", &token).await, by_order);
    assert_eq!(walk(&server, "/api/widgets?limit=4&order_by=created_datetime:asc", &token).await, made);
    let some: Vec<i64> = made.iter().copied().step_by(2).rev().collect();
    assert_eq!(walk(&server, &format!("/api/widgets?limit=2&integration_id={integration}"), &token).await, some);
    assert_eq!(walk(&server, "/api/widgets?limit=2&app_id=an-app", &token).await, some);
    server.run_jobs().await;
}
