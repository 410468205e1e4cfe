//! `/api/v2/brands`, and the brand of a ticket.

use serde_json::json;

use super::{all, body, get, id, ids, made, ticket};
use crate::support::{Person, Server};
use scope::Dialect;

#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_the_first_brand_and_others_are_made_changed_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let first = get(&server, "/api/v2/brands", &all).await["brands"][0].clone();
    let brand = made(&server, "/api/v2/brands", &all, "brand", json!({ "name": "Shoes", "subdomain": "Shoes" })).await;
    let path = format!("/api/v2/brands/{}", id(&brand));

    let changed = body(
        server.put(&path, &all, json!({ "brand": { "default": true, "host_mapping": "help.shoes.test" } })).await,
        200,
    )
    .await;

    assert_eq!((&first["default"], &first["active"]), (&json!(true), &json!(true)));
    assert_eq!((&brand["subdomain"], &brand["default"]), (&json!("shoes"), &json!(false)));
    assert_eq!(changed["brand"]["default"], true);
    assert_eq!(changed["brand"]["host_mapping"], "help.shoes.test");
    let first_path = format!("/api/v2/brands/{}", id(&first));
    assert_eq!(get(&server, &first_path, &all).await["brand"]["default"], false);
    assert_eq!(server.delete(&path, &all).await.status(), 422, "the default brand stays");
    body(server.put(&first_path, &all, json!({ "brand": { "default": true } })).await, 200).await;
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(ids(&get(&server, "/api/v2/brands?page[size]=5", &all).await["brands"]), [id(&first)]);
    assert_eq!(get(&server, &path, &all).await["brand"]["is_deleted"], true);
    assert_eq!(server.delete(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_needs_a_name_and_a_subdomain_of_its_own_and_an_admin() {
    let server = Server::start().await;
    let all = all(&server).await;
    let domain = get(&server, "/api/v2/brands/1", &all).await["brand"]["subdomain"].clone();

    for (wrong, field, word) in [
        (json!({ "subdomain": "a" }), "name", "BlankValue"),
        (json!({ "name": "A", "subdomain": "a b" }), "subdomain", "InvalidValue"),
        (json!({ "name": "A", "subdomain": domain }), "subdomain", "DuplicateValue"),
        (json!({ "name": "A", "subdomain": "a", "default": true, "active": false }), "active", "InvalidValue"),
    ] {
        let refused = body(server.post("/api/v2/brands", &all, json!({ "brand": wrong })).await, 422).await;
        assert_eq!(refused["details"][field][0]["error"], word, "{refused}");
    }
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    assert_eq!(server.get("/api/v2/brands", &agent).await.status(), 200);
    let refused = server.post("/api/v2/brands", &agent, json!({ "brand": { "name": "A", "subdomain": "a" } })).await;
    assert_eq!(refused.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_of_the_default_brand_unless_it_says_otherwise() {
    let server = Server::start().await;
    let all = all(&server).await;
    let brand = made(&server, "/api/v2/brands", &all, "brand", json!({ "name": "Shoes", "subdomain": "shoes" })).await;
    let plain = ticket(&server, &all, json!({})).await;
    let of_brand = ticket(&server, &all, json!({ "brand_id": brand["id"] })).await;

    let path = format!("/api/v2/tickets/{}", id(&plain));
    let moved = body(server.put(&path, &all, json!({ "ticket": { "brand_id": brand["id"] } })).await, 200).await;

    assert_eq!(plain["brand_id"], 1);
    assert_eq!(of_brand["brand_id"], brand["id"]);
    assert_eq!(moved["ticket"]["brand_id"], brand["id"]);
    let change = &moved["audit"]["events"][0];
    assert_eq!((&change["type"], &change["field_name"]), (&json!("Change"), &json!("brand_id")));
    let beside = get(&server, "/api/v2/tickets?include=brands", &all).await;
    assert_eq!(ids(&beside["brands"]), [id(&brand)]);
    let refused = server.put(&path, &all, json!({ "ticket": { "brand_id": 99 } })).await;
    assert!(body(refused, 422).await["details"]["brand_id"].is_array());
}
