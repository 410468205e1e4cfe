//! `/api/v2/users/{user_id}/identities`.

use serde_json::json;

use super::{all, body, customer, get, id, ids, made};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_added_made_primary_verified_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let path = format!("/api/v2/users/{}/identities", id(&cleo));
    let first = id(&get(&server, &path, &all).await["identities"][0]);
    let second = made(&server, &path, &all, "identity", json!({ "type": "email", "value": "Second@shop.test" })).await;
    let phone = made(&server, &path, &all, "identity", json!({ "type": "phone_number", "value": "+1 555 01" })).await;

    assert_eq!([&second["primary"], &second["verified"]], [false, false]);
    assert_eq!([&phone["primary"], &phone["type"]], [&json!(true), &json!("phone_number")]);
    let primary = server.put(&format!("{path}/{}/make_primary", id(&second)), &all, json!({})).await;
    assert_eq!(ids(&body(primary, 200).await["identities"]), [first, id(&second), id(&phone)]);
    let user = get(&server, &format!("/api/v2/users/{}", id(&cleo)), &all).await;
    assert_eq!(user["user"]["email"], "second@shop.test");
    let verified = body(server.put(&format!("{path}/{first}/verify"), &all, json!({})).await, 200).await;
    assert_eq!(verified["identity"]["verified"], true);
    assert_eq!(server.delete(&format!("{path}/{}", id(&second)), &all).await.status(), 422);
    assert_eq!(server.delete(&format!("{path}/{first}"), &all).await.status(), 204);
    let changed = json!({ "identity": { "value": "third@shop.test" } });
    let changed = body(server.put(&format!("{path}/{}", id(&second)), &all, changed).await, 200).await;
    assert_eq!(changed["identity"]["id"], second["id"]);
    let user = get(&server, &format!("/api/v2/users/{}", id(&cleo)), &all).await;
    assert_eq!(user["user"]["email"], "third@shop.test");
    let phones = get(&server, &format!("{path}?type[]=phone_number"), &all).await;
    assert_eq!(ids(&phones["identities"]), [id(&phone)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_belongs_to_one_customer() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (one, other) = (customer(&server, &all, "One").await, customer(&server, &all, "Other").await);
    let record = json!({ "identity": { "type": "email", "value": "other@shop.test" } });

    for who in [&one, &other] {
        let refused = server.post(&format!("/api/v2/users/{}/identities", id(who)), &all, record.clone()).await;
        assert_eq!(body(refused, 422).await["details"]["value"][0]["error"], "DuplicateValue");
    }
    let theirs = id(&get(&server, &format!("/api/v2/users/{}/identities", id(&other)), &all).await["identities"][0]);
    assert_eq!(server.get(&format!("/api/v2/users/{}/identities/{theirs}", id(&one)), &all).await.status(), 404);
}
