//! `/api/views`.

use scope::Dialect;
use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::{Person, Server};

const SCOPE: &str = "tickets:read tickets:write tags:read tags:write events:read users:read customers:read";

async fn make(server: &Server, token: &str, view: Value) -> Value {
    body(server.post("/api/views", token, view).await, 201).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_its_system_views_from_the_start_and_keeps_them() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;

    let list = body(server.get("/api/views?category=system&order_by=created_datetime:asc", &token).await, 200).await;

    assert_eq!(texts(&list, "name"), ["Inbox", "Unassigned", "All", "Snoozed", "Closed", "Spam", "Trash"]);
    for view in list["data"].as_array().unwrap() {
        let path = view["uri"].as_str().unwrap();
        assert_eq!(view["category"], "system");
        assert_eq!(view["filters_ast"]["type"], "Program");
        let refused = body(server.delete(path, &token).await, 400).await;
        assert!(refused["error"]["msg"].as_str().unwrap().contains("system view"));
        body(server.put(path, &token, json!({ "filters": "eq(ticket.channel, 'chat')" })).await, 400).await;
        let same = body(server.put(path, &token, view.clone()).await, 200).await;
        assert_eq!(same["filters"], view["filters"]);
    }
    let ordered = body(server.put("/api/views/1", &token, json!({ "order_by": "priority" })).await, 200).await;
    assert_eq!(ordered["order_by"], "priority");
    assert_eq!(ordered["order_dir"], "desc");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_made_changed_and_deleted() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let filters = "eq(ticket.status, 'open') && containsAny(ticket.tags.name, ['order-status'])";

    let made = make(
        &server,
        &token,
        json!({ "slug": "late-orders", "name": "Late orders", "filters": filters, "fields": ["details", "tags"],
                "decoration": { "emoji": "🚚" }, "category": "user" }),
    )
    .await;
    let id = made["id"].as_i64().unwrap();
    let mut seen = made.clone();
    assert_eq!(seen["filters_ast"].take()["body"][0]["expression"]["type"], "LogicalExpression");
    assert_eq!(
        seen,
        json!({
            "id": id, "uri": format!("/api/views/{id}/"), "slug": "late-orders", "name": "Late orders", "category": "user",
            "type": "ticket-list", "filters": filters, "filters_ast": null, "search": null, "fields": ["details", "tags"],
            "order_by": "updated_datetime", "order_dir": "desc", "visibility": "public", "shared_with_users": [],
            "shared_with_teams": [], "decoration": { "emoji": "🚚" }, "section_id": null, "display_order": 8,
            "created_datetime": "2026-03-02T09:00:00+00:00", "deactivated_datetime": null,
        })
    );
    let path = format!("/api/views/{id}");
    assert_eq!(body(server.get(&path, &token).await, 200).await, made);

    let changed = json!({ "name": "Late", "order_by": "created_datetime", "order_dir": "asc", "filters": "" });
    let changed = body(server.put(&path, &token, changed).await, 200).await;
    assert_eq!((&changed["name"], &changed["filters"]), (&json!("Late"), &json!("")));
    assert_eq!((&changed["order_by"], &changed["order_dir"]), (&json!("created_datetime"), &json!("asc")));
    body(server.put(&path, &token, changed).await, 200).await;

    assert_eq!(server.delete(&format!("{path}/"), &token).await.status(), 204);
    body(server.get(&path, &token).await, 404).await;
    let events = body(server.get(&format!("/api/events?object_type=View&object_id={id}"), &token).await, 200).await;
    assert_eq!(texts(&events, "type"), ["view-deleted", "view-updated", "view-created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_a_slug_gets_one_of_its_name() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;

    let named = make(&server, &token, json!({ "name": "Über late!  (EU)" })).await;
    let nameless = make(&server, &token, json!({ "filters": "" })).await;

    assert_eq!(named["slug"], "über-late-eu");
    assert_eq!((&nameless["slug"], &nameless["name"]), (&json!("view"), &json!("")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_view_is_refused_by_field() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;

    for (sent, field) in [
        (json!({ "filters": "eq(ticket.status, 'open'" }), "filters"),
        (json!({ "filters": "eq(ticket.nothing, 1)" }), "filters"),
        (json!({ "filters": 7 }), "filters"),
        (json!({ "filters": "gte(ticket.created_datetime, 'soon')" }), "filters"),
        (json!({ "visibility": "secret" }), "visibility"),
        (json!({ "visibility": "private" }), "shared_with_users"),
        (
            json!({ "visibility": "private", "shared_with_users": [server.admin_id, server.agent_id] }),
            "shared_with_users",
        ),
        (json!({ "visibility": "shared" }), "shared_with_users"),
        (json!({ "visibility": "shared", "shared_with_users": [999] }), "shared_with_users"),
        (json!({ "visibility": "shared", "shared_with_teams": [999] }), "shared_with_teams"),
        (json!({ "shared_with_teams": ["x"] }), "shared_with_teams"),
        (json!({ "order_by": "id" }), "order_by"),
        (json!({ "order_dir": "up" }), "order_dir"),
        (json!({ "fields": ["colour"] }), "fields"),
        (json!({ "type": "list" }), "type"),
        (json!({ "category": "system" }), "category"),
        (json!({ "type": "customer-list", "filters": "eq(ticket.status, 'open')" }), "filters"),
        (json!({ "name": "a\0b" }), "name"),
        (json!({ "decoration": "red" }), "decoration"),
    ] {
        let refused = body(server.post("/api/views", &token, sent.clone()).await, 400).await;
        assert!(
            refused["error"]["data"][field].is_array() || refused["error"]["data"][field].is_object(),
            "{sent} {refused}"
        );
    }
    let list = body(server.get("/api/views?category=user", &token).await, 200).await;
    assert_eq!(list["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_shown_to_those_it_is_meant_for_alone() {
    let server = Server::start().await;
    let admin = server.token(SCOPE).await;
    let agent = server.token_for(Person::Agent, Dialect::Gorgias, SCOPE).await;
    let mut tx = server.db.write().await.unwrap();
    tx.run("insert into teams (id, name, created_at) values (5, 'Returns', 0), (6, 'Sales', 0)", &[]).await.unwrap();
    let member = [server.agent_id.into()];
    tx.run("insert into team_members (team_id, person_id) values (5, $1)", &member).await.unwrap();
    tx.commit().await.unwrap();

    let mine = json!({ "name": "mine", "visibility": "private", "shared_with_users": [server.admin_id] });
    let mine = make(&server, &admin, mine).await["id"].as_i64().unwrap();
    let theirs = json!({ "name": "team", "visibility": "shared", "shared_with_teams": [5] });
    let theirs = make(&server, &admin, theirs).await;
    assert_eq!(theirs["shared_with_teams"], json!([{ "id": 5, "name": "Returns", "decoration": null }]));
    let theirs = theirs["id"].as_i64().unwrap();
    let others = json!({ "name": "sales", "visibility": "shared", "shared_with_teams": [6] });
    let others = make(&server, &admin, others).await["id"].as_i64().unwrap();
    let open = make(&server, &admin, json!({ "name": "open" })).await["id"].as_i64().unwrap();

    let seen =
        ids(&body(server.get("/api/views?category=user&order_by=created_datetime:asc", &agent).await, 200).await);
    assert_eq!(seen, [theirs, open]);
    for id in [mine, others] {
        body(server.get(&format!("/api/views/{id}"), &agent).await, 404).await;
        body(server.get(&format!("/api/views/{id}/items"), &agent).await, 404).await;
        body(server.put(&format!("/api/views/{id}"), &agent, json!({ "name": "x" })).await, 404).await;
        body(server.delete(&format!("/api/views/{id}"), &agent).await, 404).await;
        body(server.get(&format!("/api/tickets?view_id={id}"), &agent).await, 400).await;
    }
    body(server.get(&format!("/api/views/{theirs}/items"), &agent).await, 200).await;
    let all = ids(&body(server.get("/api/views?category=user", &admin).await, 200).await);
    assert_eq!(all.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_follows_a_tag_to_its_new_name_and_is_deactivated_when_the_tag_goes() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let tag = |name: &str| json!({ "name": name });
    let late = body(server.post("/api/tags", &token, tag("late")).await, 201).await["id"].as_i64().unwrap();
    let slow = body(server.post("/api/tags", &token, tag("slow")).await, 201).await["id"].as_i64().unwrap();
    let view = make(&server, &token, json!({ "filters": "containsAny(ticket.tags.name, ['late', 'vip'])" })).await;
    let path = format!("/api/views/{}", view["id"]);

    body(server.put(&format!("/api/tags/{late}"), &token, tag("too late")).await, 200).await;
    let renamed = body(server.get(&path, &token).await, 200).await;
    assert_eq!(renamed["filters"], "containsAny(ticket.tags.name, ['too late', 'vip'])");

    body(server.put(&format!("/api/tags/{slow}/merge"), &token, json!({ "source_tags_ids": [late] })).await, 200).await;
    let merged = body(server.get(&path, &token).await, 200).await;
    assert_eq!(merged["filters"], "containsAny(ticket.tags.name, ['slow', 'vip'])");
    assert_eq!(merged["deactivated_datetime"], Value::Null);

    assert_eq!(server.delete(&format!("/api/tags/{slow}"), &token).await.status(), 204);
    let lost = body(server.get(&path, &token).await, 200).await;
    assert_eq!(lost["deactivated_datetime"], "2026-03-02T09:00:00+00:00");
    let active = body(server.put(&path, &token, json!({ "filters": "eq(ticket.channel, 'chat')" })).await, 200).await;
    assert_eq!(active["deactivated_datetime"], Value::Null);
    let events = server.get(&format!("/api/events?object_type=View&object_id={}", view["id"]), &token).await;
    let kinds = texts(&body(events, 200).await, "type");
    assert_eq!(kinds, ["view-updated", "view-deactivated", "view-updated", "view-updated", "view-created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_views_is_walked_to_its_end_and_back() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for n in 0..9 {
        make(&server, &token, json!({ "name": format!("view {n}") })).await;
    }

    let seen = walk(&server, "/api/views?limit=4", &token).await;

    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((seen.len(), sorted.len()), (16, 16));
    body(server.get("/api/views?category=both", &token).await, 400).await;
    body(server.get("/api/views?page=2", &token).await, 400).await;
}
