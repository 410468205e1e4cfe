//! `/api/users`.

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::{Person, Server};

const ALL: &str = "users:read users:write events:read";

async fn create(server: &Server, token: &str, name: &str, role: &str) -> i64 {
    let email = format!("{}@demo.test", name.to_lowercase().replace(' ', "."));
    let new = json!({ "name": name, "email": email, "role": { "name": role } });
    body(server.post("/api/users", token, new).await, 201).await["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn id_0_is_the_caller() {
    let server = Server::start().await;
    let admin = server.token("users:read users:write").await;
    let agent = server.token_for(Person::Agent, scope::Dialect::Gorgias, "users:read").await;

    let me = body(server.get("/api/users/0", &admin).await, 200).await;
    let them = body(server.get("/api/users/0/", &agent).await, 200).await;
    let changed = body(server.put("/api/users/0", &admin, json!({ "bio": "Hello." })).await, 200).await;

    assert_eq!(
        me,
        json!({
            "id": server.admin_id, "active": true, "bio": null, "created_datetime": "2026-03-02T09:00:00+00:00", "country": null,
            "deactivated_datetime": null, "email": "admin@demo.test", "external_id": null, "firstname": "Ada",
            "has_2fa_enabled": false, "has_password": true, "lastname": "Admin", "language": null, "meta": null,
            "name": "Ada Admin", "role": { "name": "admin" }, "timezone": null,
            "updated_datetime": "2026-03-02T09:00:00+00:00",
            "uri": format!("{}/api/users/{}/", server.base, server.admin_id), "client_id": null,
        })
    );
    assert_eq!(them["id"], server.agent_id);
    assert_eq!(them["role"], json!({ "name": "basic-agent" }));
    assert_eq!((changed["id"].as_i64(), changed["bio"].as_str()), (Some(server.admin_id), Some("Hello.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_created_changed_and_deleted() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let new = json!({
        "name": "Sam Reed", "email": "Sam@Shop.Example", "role": { "name": "agent" }, "bio": "Returns", "country": "US",
        "external_id": "e-7", "language": "en", "meta": { "team": 3 }, "timezone": "US/Pacific", "unknown": 1,
    });

    let made = body(server.post("/api/users", &token, new.clone()).await, 201).await;
    let path = format!("/api/users/{}", made["id"]);
    assert_eq!(made["email"], "sam@shop.example");
    assert_eq!((made["firstname"].as_str(), made["lastname"].as_str()), (Some("Sam"), Some("Reed")));
    assert_eq!(made["has_password"], false);
    assert_eq!(body(server.get(&path, &token).await, 200).await, made);
    body(server.post("/api/users", &token, new).await, 409).await;

    server.clock.advance(std::time::Duration::from_secs(5));
    let change = json!({ "lastname": "Stone", "role": { "name": "observer-agent" }, "active": false, "bio": null });
    let changed = body(server.put(&path, &token, change).await, 200).await;
    assert_eq!(changed["name"], "Sam Stone");
    assert_eq!(changed["role"], json!({ "name": "observer-agent" }));
    assert_eq!(changed["deactivated_datetime"], "2026-03-02T09:00:05+00:00");
    assert_eq!(changed["updated_datetime"], "2026-03-02T09:00:05+00:00");
    assert_eq!(changed["meta"], json!({ "team": 3 }));

    assert_eq!(server.delete(&path, &token).await.status(), 204);
    body(server.get(&path, &token).await, 404).await;
    body(server.delete(&path, &token).await, 404).await;
    // The address is free again.
    let again = json!({ "name": "Sam", "email": "sam@shop.example", "role": { "name": "bot" } });
    body(server.post("/api/users", &token, again).await, 201).await;

    let events =
        body(server.get(&format!("/api/events?object_type=User&object_id={}", made["id"]), &token).await, 200).await;
    assert_eq!(texts(&events, "type"), ["user-deleted", "user-updated", "user-created"]);
    assert_eq!(
        events["data"][1]["data"]["before"],
        json!({ "lastname": "Reed", "name": "Sam Reed", "role": "lead", "active": true, "bio": "Returns" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_of_a_user_are_named() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let good = json!({ "name": "Sam", "email": "sam@shop.example", "role": { "name": "agent" } });
    let wrong = [
        ("name", json!(null)),
        ("name", json!("a\u{0}")),
        ("email", json!("nobody")),
        ("email", json!(null)),
        ("email", json!(format!("{}@x.test", "a".repeat(320)))),
        ("role", json!("admin")),
        ("role", json!(null)),
        ("role", json!({ "name": "owner" })),
        ("role", json!({})),
        ("active", json!("yes")),
        ("language", json!("de")),
        ("country", json!("usa")),
        ("timezone", json!("Nowhere/Land")),
        ("external_id", json!("x".repeat(256))),
        ("meta", json!([1])),
        ("channels", json!([])),
        ("customer", json!({})),
        ("data", json!({})),
        ("roles", json!([])),
    ];

    for (field, value) in wrong {
        let mut new = good.clone();
        new[field] = value;
        let refusal = body(server.post("/api/users", &token, new.clone()).await, 400).await;
        assert!(refusal["error"]["data"].get(field).is_some(), "{field}: {refusal}");
    }

    for field in ["name", "email", "role"] {
        let mut new = good.clone();
        new.as_object_mut().unwrap().remove(field);
        let refusal = body(server.post("/api/users", &token, new).await, 400).await;
        assert_eq!(refusal["error"]["data"], json!({ field: ["Missing data for required field."] }));
    }
    let list = body(server.get("/api/users", &token).await, 200).await;
    assert_eq!(ids(&list), [server.admin_id, server.agent_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_in_every_order_and_page_by_page() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    for (name, role) in [("Cid Lead", "agent"), ("Dot Lite", "lite-agent"), ("Eve Bot", "bot"), ("Fay Lead", "agent")] {
        server.clock.advance(std::time::Duration::from_secs(1));
        create(&server, &token, name, role).await;
    }

    for (order, field) in [("name", "name"), ("email", "email"), ("created_datetime", "created_datetime")] {
        let list = body(server.get(&format!("/api/users?order_by={order}:asc"), &token).await, 200).await;
        let mut sorted = texts(&list, field);
        sorted.sort();
        assert_eq!(texts(&list, field), sorted, "{order}");
    }
    let by_role = body(server.get("/api/users?order_by=role.name:asc", &token).await, 200).await;
    let roles: Vec<&str> =
        by_role["data"].as_array().unwrap().iter().map(|it| it["role"]["name"].as_str().unwrap()).collect();
    assert_eq!(roles, ["admin", "agent", "agent", "basic-agent", "bot", "lite-agent"]);
    let default = body(server.get("/api/users", &token).await, 200).await;
    assert_eq!(texts(&default, "name"), ["Ada Admin", "Bo Agent", "Cid Lead", "Dot Lite", "Eve Bot", "Fay Lead"]);

    for order in ["name:asc", "name:desc", "email:desc", "created_datetime:desc", "role.name:asc", "role.name:desc"] {
        let whole = body(server.get(&format!("/api/users?order_by={order}"), &token).await, 200).await;
        let walked = walk(&server, &format!("/api/users?order_by={order}&limit=2"), &token).await;
        assert_eq!(walked, ids(&whole), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_filtered() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    create(&server, &token, "Zoë 100% Lead", "agent").await;
    create(&server, &token, "Zed_Lite", "lite-agent").await;
    let found =
        async |query: &str| texts(&body(server.get(&format!("/api/users?{query}"), &token).await, 200).await, "name");

    assert_eq!(found("email=ADMIN@demo.test").await, ["Ada Admin"]);
    assert_eq!(found("external_id=none").await, Vec::<String>::new());
    assert_eq!(found("roles=admin&roles=lite-agent").await, ["Ada Admin", "Zed_Lite"]);
    assert_eq!(found("roles[]=agent").await, ["Zoë 100% Lead"]);
    assert_eq!(found("search=ZO%C3%8B").await, ["Zoë 100% Lead"]);
    assert_eq!(found("search=%25").await, ["Zoë 100% Lead"]);
    assert_eq!(found("search=_").await, ["Zed_Lite"]);
    assert_eq!(found("search=agent@demo").await, ["Bo Agent"]);
    assert_eq!(found("search=agent&available_first=True").await, ["Bo Agent"]);
    for query in [
        "roles=king",
        "limit=0",
        "limit=101",
        "order_by=id:asc",
        "page=1",
        "cursor=abc",
        "search=%00",
        "available_first=maybe",
    ] {
        body(server.get(&format!("/api/users?{query}"), &token).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_stays_and_only_administrators_make_users() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let owner = format!("/api/users/{}", server.admin_id);
    let agent = server.token_for(Person::Agent, scope::Dialect::Gorgias, "users:read users:write").await;

    for change in [json!({ "role": { "name": "agent" } }), json!({ "active": false })] {
        body(server.put(&owner, &token, change).await, 400).await;
    }
    body(server.delete(&owner, &token).await, 400).await;
    body(server.put(&owner, &token, json!({ "role": { "name": "admin" }, "active": true })).await, 200).await;
    let new = json!({ "name": "Eve", "email": "eve@demo.test", "role": { "name": "admin" } });
    assert_eq!(server.post("/api/users", &agent, new).await.status(), 403);
    assert_eq!(server.put("/api/users/0", &agent, json!({ "role": { "name": "admin" } })).await.status(), 403);

    let users = body(server.get("/api/users", &token).await, 200).await;
    assert_eq!(users["data"][0]["role"], json!({ "name": "admin" }));
    assert_eq!(users["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_or_password_needs_the_current_password() {
    // LS-4
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let wrong = [
        (json!({ "email": "new@demo.test" }), "password_confirmation"),
        (json!({ "email": "new@demo.test", "password_confirmation": "wrong" }), "password_confirmation"),
        (json!({ "new_password": "another long one" }), "old_password"),
        (json!({ "new_password": "another long one", "old_password": "wrong" }), "old_password"),
        (json!({ "new_password": "short", "old_password": "correct horse battery" }), "new_password"),
    ];

    for (change, field) in wrong {
        let refusal = body(server.put("/api/users/0", &token, change).await, 400).await;
        assert!(refusal["error"]["data"].get(field).is_some(), "{refusal}");
    }
    let change = json!({
        "email": "New@demo.test", "password_confirmation": "correct horse battery",
        "new_password": "another long one", "old_password": "correct horse battery",
    });
    let changed = body(server.put("/api/users/0", &token, change).await, 200).await;

    assert_eq!(changed["email"], "new@demo.test");
    let old = json!({ "email": "other@demo.test", "password_confirmation": "correct horse battery" });
    body(server.put("/api/users/0", &token, old).await, 400).await;
    let events = body(server.get("/api/events?types=user-password-changed", &token).await, 200).await;
    assert_eq!(events["data"][0]["data"], Value::Null);
    let taken = json!({ "email": "AGENT@demo.test", "password_confirmation": "another long one" });
    body(server.put("/api/users/0", &token, taken).await, 409).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_users_tickets_become_unassigned_and_their_token_is_dead() {
    let server = Server::start().await;
    let token = server.token("users:write tickets:read tickets:write events:read").await;
    let theirs = server.token_for(Person::Agent, scope::Dialect::Gorgias, "tickets:read").await;
    let message = json!({ "channel": "internal-note", "via": "api", "from_agent": true, "sender": { "id": server.agent_id }, "body_text": "Mine.", "public": false });
    let new = json!({ "channel": "api", "via": "api", "customer": { "email": "c@example.com" }, "assignee_user": { "id": server.agent_id }, "messages": [message] });
    let ticket = body(server.post("/api/tickets", &token, new).await, 201).await;
    assert_eq!(ticket["assignee_user"]["id"], server.agent_id);
    let path = format!("/api/tickets/{}", ticket["id"]);
    body(server.get(&path, &theirs).await, 200).await;
    // Only in GET and PUT is 0 the caller.
    body(server.delete("/api/users/0", &token).await, 404).await;

    assert_eq!(server.delete(&format!("/api/users/{}", server.agent_id), &token).await.status(), 204);

    assert_eq!(server.get(&path, &theirs).await.status(), 401);
    let after = body(server.get(&path, &token).await, 200).await;
    assert_eq!(after["assignee_user"], Value::Null);
    assert_eq!(after["messages"][0]["sender"]["name"], "Bo Agent");
    let events = body(
        server
            .get(&format!("/api/events?object_type=Ticket&object_id={}&types=ticket-unassigned", ticket["id"]), &token)
            .await,
        200,
    )
    .await;
    assert_eq!(ids(&events).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deactivated_person_had_allowed_stays_dead_when_they_come_back() {
    // LS-9, RT-8
    let server = Server::start().await;
    let admin = server.token("users:read users:write").await;
    let agents = server.token_for(Person::Agent, scope::Dialect::Gorgias, "tickets:read").await;
    let path = format!("/api/users/{}", server.agent_id);
    let before = server.get("/api/tickets", &agents).await.status();

    let off = server.put(&path, &admin, json!({ "active": false })).await.status();
    let while_off = server.get("/api/tickets", &agents).await.status();
    let on = server.put(&path, &admin, json!({ "active": true })).await.status();
    let after = server.get("/api/tickets", &agents).await.status();

    assert_eq!([before, off, while_off, on, after].map(|it| it.as_u16()), [200, 200, 401, 200, 401]);
}
