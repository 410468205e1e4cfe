//! `/api/v2/deleted_users`, and the few calls beside it.

use reqwest::Method;
use scope::Dialect;
use serde_json::json;

use super::{all, body, customer, get, id, ids, request, ticket};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn of_whoever_is_deleted_for_good_nothing_is_left_but_what_they_wrote() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo Secret").await;
    let record = json!({ "requester_id": cleo["id"], "comment": { "body": "Help", "author_id": cleo["id"] } });
    let made = ticket(&server, &all, record).await;
    let path = format!("/api/v2/deleted_users/{}", id(&cleo));
    let statuses = format!("/api/v2/users/{}/compliance_deletion_statuses", id(&cleo));

    assert_eq!(server.get(&path, &all).await.status(), 404, "who is there is not among the deleted");
    assert_eq!(server.delete(&path, &all).await.status(), 404);
    assert_eq!(get(&server, &statuses, &all).await["count"], 0);
    body(server.delete(&format!("/api/v2/users/{}", id(&cleo)), &all).await, 200).await;
    let shown = get(&server, &path, &all).await["deleted_user"].clone();
    let erased = body(server.delete(&path, &all).await, 200).await["deleted_user"].clone();

    assert_eq!([&shown["name"], &shown["active"]], [&json!("Cleo Secret"), &json!(false)]);
    assert_eq!(erased, shown);
    assert_eq!(server.get(&path, &all).await.status(), 404);
    assert_eq!(server.delete(&path, &all).await.status(), 404);
    assert_eq!(get(&server, "/api/v2/deleted_users", &all).await["deleted_users"], json!([]));
    let told = get(&server, &statuses, &all).await;
    let actions: Vec<&str> = told["compliance_deletion_statuses"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["action"].as_str())
        .collect();
    assert_eq!(actions, ["request_deletion", "complete"]);
    assert_eq!(told["compliance_deletion_statuses"][0]["executer_id"], server.admin_id);
    assert_eq!(get(&server, &format!("{statuses}?application=chat"), &all).await["count"], 0);
    assert_eq!(server.get("/api/v2/users/987/compliance_deletion_statuses", &all).await.status(), 404);
    let comments = get(&server, &format!("/api/v2/tickets/{}/comments", id(&made)), &all).await;
    assert_eq!(comments["comments"][0]["body"], "Help");
    let gorgias = server.token("customers:read events:read tickets:read").await;
    for path in ["/api/events?limit=100".to_owned(), "/api/customers".to_owned(), format!("/api/tickets/{}", id(&made))]
    {
        let text = body(server.get(&path, &gorgias).await, 200).await.to_string().to_lowercase();
        assert!(!text.contains("secret") && !text.contains("cleo"), "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_who_left_are_forgotten_by_administrators() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let staff = json!({ "user": { "name": "New", "email": "new@demo.test", "role": "agent" } });
    let made = body(server.post("/api/v2/users", &all, staff).await, 201).await["user"].clone();
    body(server.delete(&format!("/api/v2/users/{}", id(&made)), &all).await, 200).await;
    let path = format!("/api/v2/deleted_users/{}", id(&made));

    assert_eq!(ids(&get(&server, "/api/v2/deleted_users", &all).await["deleted_users"]), [id(&made)]);
    assert_eq!(server.delete(&path, &agent).await.status(), 404);
    assert_eq!(body(server.delete(&path, &all).await, 200).await["deleted_user"]["name"], "New");
    assert_eq!(get(&server, "/api/v2/deleted_users/count", &all).await["count"]["value"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_keep_settings_of_their_own() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "users:read users:write").await;
    const PATH: &str = "/api/v2/users/me/settings";

    let first = json!({ "settings": { "theme": "dark", "views": { "wide": true } } });
    body(server.put(PATH, &agent, first).await, 200).await;
    let changed =
        body(server.put(PATH, &agent, json!({ "settings": { "theme": null, "density": 2 } })).await, 200).await;

    assert_eq!(changed, json!({ "settings": { "views": { "wide": true }, "density": 2 } }));
    assert_eq!(get(&server, PATH, &agent).await, changed);
    assert_eq!(get(&server, PATH, &all).await, json!({ "settings": {} }), "of another person");
    assert_eq!(server.put(PATH, &agent, json!({ "settings": 5 })).await.status(), 400);
    let long = json!({ "settings": { "a": "x".repeat(70_000) } });
    assert_eq!(server.put(PATH, &agent, long).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_agent_is_wished_for_and_a_seat_is_told() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;

    let wish = json!({ "user": { "name": "Dan", "email": "dan@demo.test", "role": "agent" } });
    assert_eq!(body(server.post("/api/v2/users/request_create", &agent, wish).await, 200).await, json!({}));

    assert_eq!(server.post("/api/v2/users/request_create", &agent, json!({ "user": {} })).await.status(), 422);
    assert_eq!(get(&server, "/api/v2/users/count", &all).await["count"]["value"], 2, "nobody was made");
    let path = format!("/api/v2/users/{}/entitlements/full", server.agent_id);
    let seat = get(&server, &path, &all).await;
    assert_eq!(
        [&seat["entitlements"]["support"]["name"], &seat["entitlements"]["support"]["is_active"]],
        [&json!("agent"), &json!(true)]
    );
    assert_eq!(server.get(&path, &agent).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_completed_by_a_post_too() {
    let server = Server::start().await;
    let reads = server.token_for(Person::Admin, Dialect::Zendesk, "read users:read").await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    ticket(&server, &all, json!({ "tags": ["parcel"] })).await;
    let form = |path: &str, body: &'static str| {
        let call =
            request(&server, Method::POST, path, &reads).header("content-type", "application/x-www-form-urlencoded");
        async move { call.body(body).send().await.expect("send") }
    };

    let by_json = body(server.post("/api/v2/users/autocomplete", &reads, json!({ "name": "cl" })).await, 200).await;
    let by_form = body(form("/api/v2/users/autocomplete", "name=cl").await, 200).await;
    let tags = body(server.post("/api/v2/autocomplete/tags", &reads, json!({ "name": "parc" })).await, 200).await;

    assert_eq!(ids(&by_json["users"]), [id(&cleo)]);
    assert_eq!(ids(&by_form["users"]), [id(&cleo)]);
    assert_eq!(tags["tags"], json!(["parcel"]));
    assert_eq!(server.post("/api/v2/users/autocomplete", &reads, json!({ "name": "c" })).await.status(), 400);
    assert_eq!(server.post("/api/v2/autocomplete/tags", &reads, json!([])).await.status(), 400);
}
