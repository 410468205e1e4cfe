//! `/api/v2/macros`.

use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, ticket, token};
use crate::support::Server;

fn late() -> Value {
    json!({
        "title": "Shipping::Late parcel",
        "description": "When the carrier is slow",
        "actions": [
            { "field": "status", "value": "pending" },
            { "field": "priority", "value": "high" },
            { "field": "current_tags", "value": "late parcel" },
            { "field": "assignee_id", "value": "current_user" },
            { "field": "comment_value", "value": "Hello {{ticket.requester.first_name}}" },
            { "field": "comment_mode_is_public", "value": "true" },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_is_made_changed_arranged_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let first = made(&server, "/api/v2/macros", &all, "macro", late()).await;
    let second = json!({ "title": "Close", "actions": [{ "field": "status", "value": "solved" }] });
    let second = made(&server, "/api/v2/macros", &all, "macro", second).await;
    let path = format!("/api/v2/macros/{}", id(&first));

    for (name, value) in late().as_object().expect("fields") {
        assert_eq!(first[name], *value, "{name}");
    }
    assert_eq!(ids(&get(&server, "/api/v2/macros", &all).await["macros"]), [id(&first), id(&second)]);
    assert_eq!(ids(&get(&server, "/api/v2/macros/search?query=late", &all).await["macros"]), [id(&first)]);
    assert_eq!(get(&server, "/api/v2/macros/categories", &all).await["categories"], json!(["Shipping"]));

    let change = json!({ "macro": { "active": false, "actions": [{ "field": "set_tags", "value": "x" }] } });
    let changed = body(server.put(&path, &all, change).await, 200).await["macro"].clone();
    assert_eq!(changed["active"], false);
    assert_eq!(changed["title"], first["title"]);
    assert_eq!(changed["actions"], json!([{ "field": "set_tags", "value": "x" }]));
    assert_eq!(ids(&get(&server, "/api/v2/macros/active", &all).await["macros"]), [id(&second)]);
    assert_eq!(ids(&get(&server, "/api/v2/macros?active=false", &all).await["macros"]), [id(&first)]);
    let by_cursor = get(&server, "/api/v2/macros?page[size]=1&sort=-position", &all).await;
    assert_eq!(ids(&by_cursor["macros"]), [id(&second)]);
    assert_eq!(by_cursor["meta"]["has_more"], true);

    let places = json!({ "macros": [{ "id": id(&second), "position": 0 }, { "id": id(&first), "active": true }] });
    let arranged = body(server.put("/api/v2/macros/update_many", &all, places).await, 200).await;
    assert_eq!(arranged["macros"][1]["active"], true);
    assert_eq!(ids(&get(&server, "/api/v2/macros", &all).await["macros"]), [id(&second), id(&first)]);

    let both = format!("/api/v2/macros/destroy_many?ids={},{}", id(&first), id(&second));
    assert_eq!(server.delete(&both, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
    assert_eq!(server.delete(&both, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_macro_would_do_is_shown_and_nothing_is_stored() {
    let server = Server::start().await;
    let all = all(&server).await;
    let it = made(&server, "/api/v2/macros", &all, "macro", late()).await;
    let record = json!({ "subject": "Where is it?", "tags": ["old"], "requester": { "name": "Cleo Fox", "email": "cleo@shop.test" } });
    let ticket = ticket(&server, &all, record).await;
    let path = format!("/api/v2/macros/{}/apply", id(&it));
    let of_ticket = format!("/api/v2/tickets/{}/macros/{}/apply", id(&ticket), id(&it));

    let alone = get(&server, &path, &all).await["result"].clone();
    let applied = get(&server, &of_ticket, &all).await["result"].clone();

    assert_eq!(
        alone["ticket"],
        json!({ "status": "pending", "priority": "high", "additional_tags": ["late", "parcel"], "assignee_id": server.admin_id })
    );
    assert_eq!(alone["comment"]["body"], "Hello {{ticket.requester.first_name}}");
    assert_eq!(applied["ticket"]["id"], ticket["id"]);
    assert_eq!(applied["ticket"]["status"], "pending");
    assert_eq!(applied["ticket"]["tags"], json!(["late", "old", "parcel"]));
    assert_eq!(applied["comment"]["body"], "Hello Cleo");
    assert_eq!(applied["comment"]["public"], true);
    let after = get(&server, &format!("/api/v2/tickets/{}", id(&ticket)), &all).await;
    assert_eq!(after["ticket"]["tags"], json!(["old"]));
    assert_eq!(after["ticket"]["status"], ticket["status"]);
    let macros_only = token(&server, "macros:read").await;
    assert_eq!(server.get(&path, &macros_only).await.status(), 200);
    assert_eq!(server.get(&of_ticket, &macros_only).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_that_cannot_be_carried_out_is_refused_and_named() {
    let server = Server::start().await;
    let all = all(&server).await;

    for (record, field, named) in [
        (json!({ "title": "A", "actions": [{ "field": "brand_id", "value": "1" }] }), "actions", "brand_id"),
        (json!({ "title": "A", "actions": [{ "field": "status", "value": "lost" }] }), "actions", "status"),
        (json!({ "title": "A", "actions": [] }), "actions", "1 to"),
        (json!({ "title": "A" }), "actions", "blank"),
        (
            json!({ "title": "A", "actions": [{ "field": "status", "value": "open" }], "restriction": { "type": "Group", "id": 1 } }),
            "restriction",
            "not offered",
        ),
    ] {
        let refused = body(server.post("/api/v2/macros", &all, json!({ "macro": record })).await, 422).await;
        let told = refused["details"][field][0]["description"].as_str().unwrap_or_default();
        assert!(told.contains(named), "{refused}");
    }
}
