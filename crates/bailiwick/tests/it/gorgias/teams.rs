//! `/api/teams`.

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::{Person, Server};

const ALL: &str = "users:read users:write events:read tickets:read tickets:write";

#[tokio::test(flavor = "multi_thread")]
async fn a_team_shows_its_members_and_is_changed_field_by_field() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let agent = server.id_of(Person::Agent);
    let new = json!({ "name": "Returns", "decoration": { "emoji": "📦" }, "members": [{ "id": agent }] });

    let made = body(server.post("/api/teams", &token, new).await, 201).await;

    let member = &made["members"][0];
    assert_eq!(
        made,
        json!({
            "id": made["id"], "uri": format!("/api/teams/{}/", made["id"]), "name": "Returns", "description": null,
            "decoration": { "emoji": "📦" },
            "members": [{ "id": agent, "name": member["name"], "email": "agent@demo.test", "meta": null }],
            "created_datetime": "2026-03-02T09:00:00+00:00",
        })
    );
    let path = format!("/api/teams/{}", made["id"]);
    assert_eq!(body(server.get(&path, &token).await, 200).await, made);
    let renamed = body(server.put(&path, &token, json!({ "name": "Refunds" })).await, 200).await;
    assert_eq!((renamed["name"].as_str(), renamed["members"].clone()), (Some("Refunds"), made["members"].clone()));
    let emptied = json!({ "members": [], "description": "Money back", "decoration": null });
    let emptied = body(server.put(&path, &token, emptied).await, 200).await;
    assert_eq!(emptied["members"], json!([]));
    assert_eq!((emptied["description"].as_str(), emptied["decoration"].clone()), (Some("Money back"), Value::Null));
    let events = format!("/api/events?object_type=Team&object_id={}&order_by=created_datetime:asc", made["id"]);
    let events = body(server.get(&events, &token).await, 200).await;
    assert_eq!(texts(&events, "type"), ["team-created", "team-updated", "team-updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_listed_in_each_order_without_loss() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut made = Vec::new();
    for name in ["Billing", "Returns", "Abuse", "VIP", "Night"] {
        let team = body(server.post("/api/teams", &token, json!({ "name": name })).await, 201).await;
        made.push(team["id"].as_i64().unwrap());
    }

    let newest: Vec<i64> = made.iter().rev().copied().collect();
    assert_eq!(walk(&server, "/api/teams?limit=2", &token).await, newest);
    let list = body(server.get("/api/teams?order_by=name:asc", &token).await, 200).await;
    assert_eq!(texts(&list, "name"), ["Abuse", "Billing", "Night", "Returns", "VIP"]);
    assert_eq!(walk(&server, "/api/teams?limit=2&order_by=name:desc", &token).await.len(), 5);
    let list = body(server.get("/api/teams?order_by=created_datetime:asc", &token).await, 200).await;
    assert_eq!(ids(&list), made);
    body(server.get("/api/teams?order_by=members:asc", &token).await, 400).await;
    body(server.get("/api/teams?search=x", &token).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_nothing_is_stored() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let taken = body(server.post("/api/teams", &token, json!({ "name": "Returns" })).await, 201).await;

    for (new, place) in [
        (json!({}), "/name"),
        (json!({ "name": "" }), "/name"),
        (json!({ "name": null }), "/name"),
        (json!({ "name": "x".repeat(256) }), "/name"),
        (json!({ "name": 7 }), "/name"),
        (json!({ "name": "A", "description": 7 }), "/description"),
        (json!({ "name": "A", "decoration": "x" }), "/decoration"),
        (json!({ "name": "A", "members": "x" }), "/members"),
        (json!({ "name": "A", "members": [7] }), "/members/0"),
        (json!({ "name": "A", "members": [{}] }), "/members/0/id"),
        (json!({ "name": "A", "members": [{ "id": 999 }] }), "/members/0/id"),
    ] {
        let refused = body(server.post("/api/teams", &token, new.clone()).await, 400).await;
        assert!(refused["error"]["data"].pointer(place).is_some(), "{new}: {refused}");
    }
    body(server.post("/api/teams", &token, json!({ "name": "Returns" })).await, 409).await;
    let other = body(server.post("/api/teams", &token, json!({ "name": "Other" })).await, 201).await;
    body(server.put(&format!("/api/teams/{}", other["id"]), &token, json!({ "name": "Returns" })).await, 409).await;
    let list = body(server.get("/api/teams?order_by=name:asc", &token).await, 200).await;
    assert_eq!(ids(&list), [other["id"].as_i64().unwrap(), taken["id"].as_i64().unwrap()]);
    body(server.get("/api/teams/999", &token).await, 404).await;
    body(server.put("/api/teams/999", &token, json!({})).await, 404).await;
    body(server.delete("/api/teams/999", &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tickets_of_a_deleted_team_lose_it_and_say_so() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let team = body(server.post("/api/teams", &token, json!({ "name": "Returns" })).await, 201).await;
    let message = json!({
        "channel": "email", "via": "api", "from_agent": false, "sender": { "email": "ada@example.com" }, "body_text": "Hello"
    });
    let new = json!({ "messages": [message], "assignee_team": { "id": team["id"] } });
    let ticket = body(server.post("/api/tickets", &token, new).await, 201).await;
    assert_eq!(ticket["assignee_team"]["name"], "Returns");

    assert_eq!(server.delete(&format!("/api/teams/{}", team["id"]), &token).await.status(), 204);

    let ticket = body(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await;
    assert_eq!((ticket["assignee_team"].clone(), ticket["assignee_team_id"].clone()), (Value::Null, Value::Null));
    let events = body(server.get("/api/events?types=ticket-team-unassigned", &token).await, 200).await;
    assert_eq!(events["data"][0]["object_id"], ticket["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_teams_needs_users_read_and_changing_them_users_write() {
    let server = Server::start().await;
    let other = server.token("tickets:read tickets:write").await;
    let reader = server.token("users:read").await;

    body(server.get("/api/teams", &other).await, 403).await;
    body(server.get("/api/teams/1", &other).await, 403).await;
    body(server.post("/api/teams", &reader, json!({ "name": "A" })).await, 403).await;
    body(server.put("/api/teams/1", &reader, json!({ "name": "A" })).await, 403).await;
    body(server.delete("/api/teams/1", &reader).await, 403).await;
    body(server.get("/api/teams", &reader).await, 200).await;
}
