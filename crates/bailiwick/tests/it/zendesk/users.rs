//! `/api/v2/users`: staff and customers in one list.

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, made};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn staff_and_customers_are_one_list() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo Customer").await;

    let of_role = |role: &'static str| {
        let (server, all) = (&server, &all);
        async move { ids(&get(server, &format!("/api/v2/users?{role}"), all).await["users"]) }
    };

    assert_eq!(of_role("").await, [server.admin_id, server.agent_id, id(&cleo)]);
    assert_eq!(of_role("role=end-user").await, [id(&cleo)]);
    assert_eq!(of_role("role[]=agent&role[]=admin").await, [server.admin_id, server.agent_id]);
    assert_eq!(get(&server, "/api/v2/users/count?role=agent", &all).await["count"]["value"], 1);
    assert_eq!(get(&server, "/api/v2/users/me", &all).await["user"]["role"], "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_written_with_all_that_is_known_of_them() {
    let server = Server::start().await;
    let all = all(&server).await;
    let organization = made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Shop" })).await;
    let record = json!({
        "name": "Cleo", "email": "cleo@shop.test", "phone": "+15551234567", "external_id": "Ext-7", "alias": "C.",
        "details": "Tall", "notes": "Kind", "tags": ["VIP"], "organization_id": organization["id"],
        "time_zone": "Europe/Paris", "locale": "fr",
    });
    let made = made(&server, "/api/v2/users", &all, "user", record.clone()).await;
    let path = format!("/api/v2/users/{}", id(&made));

    for (name, value) in record.as_object().expect("fields") {
        let expected = if name == "tags" { json!(["vip"]) } else { value.clone() };
        assert_eq!(made[name], expected, "{name}");
    }
    let change =
        json!({ "user": { "email": "second@shop.test", "phone": null, "organization_id": null, "suspended": true } });
    let changed = body(server.put(&path, &all, change).await, 200).await["user"].clone();
    assert_eq!(changed["email"], "cleo@shop.test", "a further address does not take the place of the first");
    assert_eq!([&changed["phone"], &changed["organization_id"]], [&Value::Null, &Value::Null]);
    assert_eq!(changed["suspended"], true);
    let found = get(&server, "/api/v2/users/search?external_id=EXT-7", &all).await;
    assert_eq!(ids(&found["users"]), [id(&made)]);
    let found = get(&server, "/api/v2/users/search?query=cleo@shop.test", &all).await;
    assert_eq!(ids(&found["users"]), [id(&made)]);
    let found = get(&server, "/api/v2/users/autocomplete?name=CL", &all).await;
    assert_eq!(ids(&found["users"]), [id(&made)]);
    let found = get(&server, "/api/v2/users/show_many?external_ids=ext-7,none", &all).await;
    assert_eq!(ids(&found["users"]), [id(&made)]);
    let twin = json!({ "user": { "name": "Twin", "email": "cleo@shop.test" } });
    assert_eq!(
        body(server.post("/api/v2/users", &all, twin).await, 422).await["details"]["email"][0]["error"],
        "DuplicateValue"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_known_is_changed_and_whoever_is_not_is_created() {
    let server = Server::start().await;
    let all = all(&server).await;
    let send = |user: Value| server.post("/api/v2/users/create_or_update", &all, json!({ "user": user }));

    let first = server_answer(send(json!({ "name": "Cleo", "email": "cleo@shop.test" })).await, 201).await;
    let again = server_answer(send(json!({ "name": "Cleopatra", "email": "CLEO@shop.test" })).await, 200).await;

    assert_eq!(first["id"], again["id"]);
    assert_eq!(again["name"], "Cleopatra");
}

async fn server_answer(answer: reqwest::Response, status: u16) -> Value {
    assert!(answer.headers().contains_key("location"));
    body(answer, status).await["user"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_written_by_administrators_alone() {
    // RS-6
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let staff = json!({ "user": { "name": "New", "email": "new@demo.test", "role": "agent" } });
    let path = format!("/api/v2/users/{}", server.admin_id);

    assert_eq!(server.post("/api/v2/users", &agent, staff.clone()).await.status(), 403);
    assert_eq!(server.put(&path, &agent, json!({ "user": { "name": "X" } })).await.status(), 403);
    assert_eq!(server.put(&path, &agent, json!({ "user": { "alias": "X" } })).await.status(), 403);
    let made = body(server.post("/api/v2/users", &all, staff).await, 201).await["user"].clone();
    let path = format!("/api/v2/users/{}", id(&made));
    let promoted = body(server.put(&path, &all, json!({ "user": { "role": "admin" } })).await, 200).await;
    assert_eq!(promoted["user"]["role"], "admin");
    assert_eq!(server.delete(&path, &agent).await.status(), 403);
    let gone = body(server.delete(&path, &all).await, 200).await;
    assert_eq!(gone["user"]["active"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_customer_is_among_the_deleted() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    super::ticket(&server, &all, json!({ "requester_id": cleo["id"] })).await;

    let gone = body(server.delete(&format!("/api/v2/users/{}", id(&cleo)), &all).await, 200).await;

    assert_eq!(gone["user"]["active"], false);
    assert_eq!(get(&server, "/api/v2/users?role=end-user", &all).await["count"], 0);
    assert_eq!(ids(&get(&server, "/api/v2/deleted_users", &all).await["deleted_users"]), [id(&cleo)]);
    assert_eq!(get(&server, "/api/v2/deleted_users/count", &all).await["count"]["value"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_who_are_one_become_one() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (one, other) = (customer(&server, &all, "One").await, customer(&server, &all, "Other").await);
    super::ticket(&server, &all, json!({ "requester_id": one["id"] })).await;
    let path = format!("/api/v2/users/{}/merge", id(&one));

    let merged = body(server.put(&path, &all, json!({ "user": { "id": other["id"] } })).await, 200).await;

    assert_eq!(merged["user"]["id"], other["id"]);
    let related = get(&server, &format!("/api/v2/users/{}/related", id(&other)), &all).await;
    assert_eq!(related["user_related"]["requested_tickets"], 1);
}
