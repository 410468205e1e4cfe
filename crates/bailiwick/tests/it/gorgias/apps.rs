//! `/api/apps`: which apps are installed, and taking one out.

use scope::Dialect;
use serde_json::{Value, json};

use super::{body, texts};
use crate::support::{Person, Server};

const MADE: &str = "integrations:read integrations:write tickets:read";

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstalled_app_loses_its_tokens_at_once_and_what_it_made_is_switched_off() {
    let server = Server::start().await;
    let admin = server.token("apps:read apps:write integrations:read events:read").await;
    let token = server.token_for(Person::Admin, Dialect::Gorgias, MADE).await;
    let integration = json!({ "name": "CRM", "type": "http", "http": { "url": "https://crm.example/hook" } });
    let integration = body(server.post("/api/integrations", &token, integration).await, 201).await;
    let widget = json!({ "type": "http", "template": { "type": "wrapper", "widgets": [] } });
    let widget = body(server.post("/api/widgets", &token, widget).await, 201).await;
    let app_id = integration["application_id"].as_str().expect("an app").to_owned();
    let path = format!("/api/apps/{app_id}");

    let shown = body(server.get(&path, &admin).await, 200).await;
    assert_eq!(
        shown,
        json!({
            "id": app_id, "name": "A test app", "app_url": "", "redirect_urls": [],
            "scopes": ["integrations:read", "integrations:write", "tickets:read"], "is_installed": true,
            "created_datetime": "2026-03-02T09:00:00+00:00",
        })
    );
    let list = body(server.get("/api/apps", &admin).await, 200).await;
    assert!(list["data"].as_array().expect("a list").contains(&shown));
    body(server.get("/api/tickets", &token).await, 200).await;

    assert_eq!(server.delete(&path, &admin).await.status(), 204);

    body(server.get("/api/tickets", &token).await, 401).await;
    assert_eq!(body(server.get(&path, &admin).await, 200).await["is_installed"], json!(false));
    let list = body(server.get("/api/apps", &admin).await, 200).await;
    assert!(list["data"].as_array().expect("a list").iter().all(|app| app["id"] != json!(app_id)));
    for made in [format!("/api/integrations/{}", integration["id"]), format!("/api/widgets/{}", widget["id"])] {
        let shown = body(server.get(&made, &admin).await, 200).await;
        assert!(shown["deactivated_datetime"].is_string(), "{shown}");
    }
    let events = format!("/api/events?object_type=Integration&object_id={}", integration["id"]);
    let events = body(server.get(&events, &admin).await, 200).await;
    assert_eq!(texts(&events, "type"), ["integration-deactivated", "integration-created"]);
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_page_by_name_and_unknown_ones_are_not_found() {
    let server = Server::start().await;
    let admin = server.token("apps:read apps:write").await;
    for _ in 0..4 {
        server.token_for(Person::Agent, Dialect::Gorgias, "tickets:read").await;
    }

    let mut seen = Vec::new();
    let mut path = "/api/apps?limit=2".to_owned();
    loop {
        let list = body(server.get(&path, &admin).await, 200).await;
        seen.extend(texts(&list, "id"));
        let Some(cursor) = list["meta"]["next_cursor"].as_str() else { break };
        path = format!("/api/apps?limit=2&cursor={cursor}");
    }

    assert_eq!(seen.len(), 5);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for unknown in ["0123456789abcdef01234567", "%00", "x%2Fy"] {
        let answer: Value = body(server.get(&format!("/api/apps/{unknown}"), &admin).await, 404).await;
        assert_eq!(answer["error"]["msg"], json!("Resource not found."));
        body(server.delete(&format!("/api/apps/{unknown}"), &admin).await, 404).await;
    }
}
