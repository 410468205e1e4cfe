//! `/api/v2/custom_statuses`, and the custom status of a ticket.

use serde_json::{Value, json};

use super::{all, body, get, id, made, ticket};
use crate::support::Server;

const PATH: &str = "/api/v2/custom_statuses";

async fn parts(server: &Server, token: &str) -> Value {
    let new =
        json!({ "status_category": "open", "agent_label": "Waiting for parts", "end_user_label": "In the works" });
    made(server, PATH, token, "custom_status", new).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_category_has_a_default_and_takes_more() {
    let server = Server::start().await;
    let all = all(&server).await;
    let status = parts(&server, &all).await;
    let path = format!("{PATH}/{}", id(&status));

    let renamed = json!({ "custom_status": { "agent_label": "Parts", "end_user_label": null } });
    let renamed = body(server.put(&path, &all, renamed).await, 200).await["custom_status"].clone();

    assert_eq!((&renamed["agent_label"], &renamed["end_user_label"]), (&json!("Parts"), &json!("Parts")));
    let listed = |query: &str| format!("{PATH}?{query}");
    assert_eq!(get(&server, PATH, &all).await["count"], 6);
    assert_eq!(get(&server, &listed("default=true"), &all).await["count"], 5);
    assert_eq!(get(&server, &listed("status_categories=open,hold"), &all).await["count"], 3);
    let defaults = server.put("/api/v2/custom_status/default", &all, json!({ "ids": id(&status).to_string() })).await;
    assert_eq!(defaults.status(), 200);
    assert_eq!(get(&server, &path, &all).await["custom_status"]["default"], true);
    assert_eq!(get(&server, &format!("{PATH}/2"), &all).await["custom_status"]["default"], false);
    assert_eq!(server.delete(&path, &all).await.status(), 422, "the default of a category stays");
    body(server.put("/api/v2/custom_status/default", &all, json!({ "ids": "2" })).await, 200).await;
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_status_may_not_be_is_refused() {
    let server = Server::start().await;
    let all = all(&server).await;
    let status = parts(&server, &all).await;

    for (wrong, field) in [
        (json!({ "agent_label": "A" }), "status_category"),
        (json!({ "status_category": "closed", "agent_label": "A" }), "status_category"),
        (json!({ "status_category": "open" }), "agent_label"),
        (json!({ "status_category": "open", "agent_label": "x".repeat(49) }), "agent_label"),
    ] {
        let refused = body(server.post(PATH, &all, json!({ "custom_status": wrong })).await, 422).await;
        assert!(refused["details"][field].is_array(), "{refused}");
    }
    let path = format!("{PATH}/{}", id(&status));
    let moved = json!({ "custom_status": { "status_category": "solved" } });
    assert_eq!(server.put(&path, &all, moved).await.status(), 422);
    let off = json!({ "custom_status": { "active": false } });
    assert_eq!(server.put(&format!("{PATH}/2"), &all, off).await.status(), 422, "a default stays active");
    for ids in ["2,7000", "2,x", &format!("2,{}", id(&status))] {
        let refused = server.put("/api/v2/custom_status/default", &all, json!({ "ids": ids })).await;
        assert_eq!(refused.status(), 422, "{ids}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tickets_custom_status_and_its_status_go_together() {
    let server = Server::start().await;
    let all = all(&server).await;
    let status = parts(&server, &all).await;
    let ticket = ticket(&server, &all, json!({})).await;
    let path = format!("/api/v2/tickets/{}", id(&ticket));
    let change = |change: Value| {
        let (server, path, all) = (&server, &path, &all);
        async move { body(server.put(path, all, json!({ "ticket": change })).await, 200).await["ticket"].clone() }
    };

    let waiting = change(json!({ "custom_status_id": status["id"] })).await;
    let renamed = change(json!({ "subject": "Still waiting" })).await;
    let beside = get(&server, &format!("{path}?include=custom_statuses"), &all).await;
    let pending = change(json!({ "status": "pending" })).await;
    let open = change(json!({ "status": "open" })).await;

    assert_eq!((&ticket["status"], &ticket["custom_status_id"]), (&json!("new"), &json!(1)));
    assert_eq!((&waiting["status"], &waiting["custom_status_id"]), (&json!("open"), &status["id"]));
    assert_eq!(renamed["custom_status_id"], status["id"]);
    assert_eq!(beside["custom_statuses"][0]["agent_label"], "Waiting for parts");
    assert_eq!((&pending["status"], &pending["custom_status_id"]), (&json!("pending"), &json!(3)));
    assert_eq!(open["custom_status_id"], 2, "the one that it left does not come back by itself");
    let refused = server.put(&path, &all, json!({ "ticket": { "custom_status_id": 99 } })).await;
    assert!(body(refused, 422).await["details"]["custom_status_id"].is_array());
}
