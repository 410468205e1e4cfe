//! `/api/v2/recipient_addresses`.

use serde_json::json;

use super::{all, body, get, id, ids, made};
use crate::support::Server;

const PATH: &str = "/api/v2/recipient_addresses";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_address_is_the_default_until_another_is_chosen() {
    let server = Server::start().await;
    let all = all(&server).await;
    let first =
        made(&server, PATH, &all, "recipient_address", json!({ "email": "help@shop.test", "name": "Help" })).await;
    let second = made(&server, PATH, &all, "recipient_address", json!({ "email": "b2b@shop.test" })).await;
    let path = format!("{PATH}/{}", id(&second));

    let chosen = json!({ "recipient_address": { "default": true, "name": "Business" } });
    let chosen = body(server.put(&path, &all, chosen).await, 200).await["recipient_address"].clone();

    assert_eq!((&first["default"], &second["default"]), (&json!(true), &json!(null)));
    assert_eq!((&second["name"], &second["brand_id"]), (&json!("b2b@shop.test"), &json!(1)));
    assert_eq!((&chosen["default"], &chosen["name"]), (&json!(true), &json!("Business")));
    assert_eq!(server.delete(&path, &all).await.status(), 422, "the default address stays");
    let first_path = format!("{PATH}/{}", id(&first));
    assert_eq!(get(&server, &first_path, &all).await["recipient_address"]["default"], json!(null));
    assert_eq!(server.delete(&first_path, &all).await.status(), 204);
    assert_eq!(ids(&get(&server, &format!("{PATH}?page[size]=10"), &all).await["recipient_addresses"]), [id(&second)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_one_and_is_there_once() {
    let server = Server::start().await;
    let all = all(&server).await;
    let address = made(&server, PATH, &all, "recipient_address", json!({ "email": "help@shop.test" })).await;

    for (wrong, field) in [
        (json!({ "name": "A" }), "email"),
        (json!({ "email": "help" }), "email"),
        (json!({ "email": "HELP@shop.test" }), "email"),
        (json!({ "email": "a@shop.test", "brand_id": 99 }), "brand_id"),
    ] {
        let refused = body(server.post(PATH, &all, json!({ "recipient_address": wrong })).await, 422).await;
        assert!(refused["details"][field].is_array(), "{refused}");
    }
    let other = json!({ "recipient_address": { "email": "other@shop.test" } });
    assert_eq!(server.put(&format!("{PATH}/{}", id(&address)), &all, other).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_forwarding_waits() {
    let server = Server::start().await;
    let all = all(&server).await;
    let address = made(&server, PATH, &all, "recipient_address", json!({ "email": "help@shop.test" })).await;
    let path = format!("{PATH}/{}", id(&address));
    assert_eq!(address["forwarding_status"], "unknown");

    let spf = body(server.put(&format!("{path}/verify"), &all, json!({ "type": "spf" })).await, 200).await;
    let before = get(&server, &path, &all).await["recipient_address"]["forwarding_status"].clone();
    body(server.put(&format!("{path}/verify"), &all, json!({ "type": "forwarding" })).await, 200).await;

    assert_eq!((spf, before), (json!({}), json!("unknown")));
    assert_eq!(get(&server, &path, &all).await["recipient_address"]["forwarding_status"], "waiting");
    assert_eq!(server.put(&format!("{path}/verify"), &all, json!({ "type": "odd" })).await.status(), 422);
    assert_eq!(server.put(&format!("{PATH}/99/verify"), &all, json!({ "type": "dns" })).await.status(), 404);
}
