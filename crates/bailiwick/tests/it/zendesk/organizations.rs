//! `/api/v2/organizations` and `/api/v2/organization_memberships`.

use serde_json::{Value, json};

use super::{all, body, customer, done, get, id, ids, made};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_made_found_changed_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "name": "Shop", "external_id": "Ext-1", "domain_names": ["shop.test"], "tags": ["big"], "shared_tickets": true });
    let shop = made(&server, "/api/v2/organizations", &all, "organization", record.clone()).await;
    let path = format!("/api/v2/organizations/{}", id(&shop));

    for (name, value) in record.as_object().expect("fields") {
        assert_eq!(shop[name], *value, "{name}");
    }
    for query in
        ["search?external_id=ext-1", "search?name=SHOP", "autocomplete?name=sh", "show_many?external_ids=EXT-1"]
    {
        let found = get(&server, &format!("/api/v2/organizations/{query}"), &all).await;
        assert_eq!(ids(&found["organizations"]), [id(&shop)], "{query}");
    }
    let twin =
        body(server.post("/api/v2/organizations", &all, json!({ "organization": { "name": "shop" } })).await, 422)
            .await;
    assert_eq!(twin["details"]["name"][0]["error"], "DuplicateValue");
    let changed = body(server.put(&path, &all, json!({ "organization": { "notes": "Nice" } })).await, 200).await;
    assert_eq!(changed["organization"]["notes"], "Nice");
    assert_eq!(changed["organization"]["tags"], json!(["big"]));
    let known = json!({ "organization": { "external_id": "EXT-1", "details": "Old" } });
    assert_eq!(
        body(server.post("/api/v2/organizations/create_or_update", &all, known).await, 200).await["organization"]["id"],
        shop["id"]
    );
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_joins_by_their_address_and_by_hand() {
    let server = Server::start().await;
    let all = all(&server).await;
    let by_address = made(
        &server,
        "/api/v2/organizations",
        &all,
        "organization",
        json!({ "name": "Shop", "domain_names": ["shop.test"] }),
    )
    .await;
    let by_hand = made(&server, "/api/v2/organizations", &all, "organization", json!({ "name": "Club" })).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let record = json!({ "user_id": cleo["id"], "organization_id": by_hand["id"] });

    let membership =
        made(&server, "/api/v2/organization_memberships", &all, "organization_membership", record.clone()).await;

    assert_eq!(cleo["organization_id"], by_address["id"]);
    assert_eq!(membership["default"], false);
    assert_eq!(membership["organization_name"], "Club");
    let twice =
        server.post("/api/v2/organization_memberships", &all, json!({ "organization_membership": record })).await;
    assert_eq!(twice.status(), 422);
    let path = format!("/api/v2/users/{}/organizations/{}/make_default", id(&cleo), id(&by_hand));
    assert_eq!(body(server.put(&path, &all, json!({})).await, 200).await["organization_membership"]["default"], true);
    let mine = get(&server, &format!("/api/v2/users/{}/organizations", id(&cleo)), &all).await;
    assert_eq!(ids(&mine["organizations"]), [id(&by_address), id(&by_hand)]);
    let related = get(&server, &format!("/api/v2/organizations/{}/related", id(&by_hand)), &all).await;
    assert_eq!(related["organization_related"]["users_count"], 1);
    let path = format!("/api/v2/organization_memberships/{}", id(&membership));
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    let cleo = get(&server, &format!("/api/v2/users/{}", id(&cleo)), &all).await;
    assert_eq!(
        cleo["user"]["organization_id"], by_address["id"],
        "of those that are left, the first becomes the default"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_made_changed_and_removed_at_once() {
    let server = Server::start().await;
    let all = all(&server).await;
    let rows = json!({ "organizations": [{ "name": "A", "external_id": "a" }, { "name": "B" }, { "name": "a" }] });

    let job = done(&server, &all, server.post("/api/v2/organizations/create_many", &all, rows).await).await;
    let change = json!({ "organization": { "notes": "x" } });
    let changed =
        done(&server, &all, server.put("/api/v2/organizations/update_many?external_ids=a", &all, change).await).await;

    assert_eq!(job["results"][2]["details"], "another organization already has this name");
    assert_eq!(changed["results"][0]["status"], "Updated");
    let ids: Vec<String> = job["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter_map(|it| it["id"].as_i64())
        .map(|id| id.to_string())
        .collect();
    let path = format!("/api/v2/organizations/destroy_many?ids={}", ids.join(","));
    done(&server, &all, server.delete(&path, &all).await).await;
    let left: Value = get(&server, "/api/v2/organizations/count", &all).await;
    assert_eq!(left["count"]["value"], 0);
}
