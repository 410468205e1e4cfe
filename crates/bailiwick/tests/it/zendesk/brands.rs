//! `/api/v2/brands`, and the brand of a ticket.

use reqwest::Method;
use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, request, ticket, token};
use crate::support::{Person, Server};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_has_a_picture_until_it_is_taken_away() {
    let server = Server::start().await;
    let all = all(&server).await;
    let narrow = token(&server, "brands:read brands:write").await;
    let brand = made(&server, "/api/v2/brands", &all, "brand", json!({ "name": "Shoes", "subdomain": "shoes" })).await;
    let path = format!("/api/v2/brands/{}/logo", id(&brand));
    let png: &[u8] = &[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0];
    let mut form =
        b"--x\r\ncontent-disposition: form-data; name=\"brand[logo][uploaded_data]\"; filename=\"logo.png\"\r\n\
        content-type: image/png\r\n\r\n"
            .to_vec();
    form.extend_from_slice(png);
    form.extend_from_slice(b"\r\n--x--\r\n");
    let put = |kind: &'static str, bytes: Vec<u8>| {
        let call = request(&server, Method::PUT, &path, &narrow).header("content-type", kind).body(bytes);
        async move { call.send().await.expect("send") }
    };

    let shown = body(put("multipart/form-data; boundary=x", form).await, 200).await["brand"]["logo"].clone();

    assert_eq!([&shown["file_name"], &shown["content_type"]], [&json!("logo.png"), &json!("image/png")]);
    let address = shown["content_url"].as_str().expect("an address").to_owned();
    let picture = server.http.get(&address).send().await.expect("send").bytes().await.expect("bytes");
    assert_eq!(picture, png);
    let again = body(put("image/png", png.to_vec()).await, 200).await["brand"]["logo"].clone();
    assert_ne!(again["id"], shown["id"]);
    assert_eq!(server.http.get(&address).send().await.expect("send").status(), 404, "the one before is gone");
    assert_eq!(put("image/png", b"<svg>".to_vec()).await.status(), 422);
    assert_eq!(put("multipart/form-data; boundary=x", b"odd".to_vec()).await.status(), 400);
    assert_eq!(server.delete(&path, &narrow).await.status(), 204);
    let brand = get(&server, &format!("/api/v2/brands/{}", id(&brand)), &all).await;
    assert_eq!(brand["brand"]["logo"], Value::Null);
    assert_eq!(server.delete("/api/v2/brands/99/logo", &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_staff_work_for_all_brands_and_hosts_are_compared_with_ours() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "name": "Shoes", "subdomain": "shoes", "host_mapping": "help.shoes.test" });
    let brand = made(&server, "/api/v2/brands", &all, "brand", record).await;
    let pairs = |list: &Value| -> Vec<(i64, i64)> {
        let one = |it: &Value| (it["user_id"].as_i64().expect("an id"), it["brand_id"].as_i64().expect("an id"));
        list["brand_agents"].as_array().expect("a list").iter().map(one).collect()
    };

    let of_brand = pairs(&get(&server, &format!("/api/v2/brands/{}/agents", id(&brand)), &all).await);
    let of_agent = pairs(&get(&server, &format!("/api/v2/users/{}/brand_agents", server.agent_id), &all).await);
    let everybody = get(&server, "/api/v2/brand_agents?page[size]=1", &all).await;

    assert!(of_brand.contains(&(server.admin_id, id(&brand))) && of_brand.contains(&(server.agent_id, id(&brand))));
    assert_eq!(of_agent, [(server.agent_id, 1), (server.agent_id, id(&brand))]);
    assert_eq!((pairs(&everybody).len(), &everybody["meta"]["has_more"]), (1, &json!(true)));
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    assert_eq!(server.get("/api/v2/brand_agents", &agent).await.status(), 403);
    let own = get(&server, &format!("/api/v2/brands/{}/check_host_mapping", id(&brand)), &all).await;
    assert_eq!([&own["is_valid"], &own["reason"]], [&json!(false), &json!("not_verified")]);
    for (host, valid, reason) in
        [("127.0.0.1", true, ""), ("help.shoes.test", false, "already_taken"), ("x", false, "not_a_host")]
    {
        let path = format!("/api/v2/brands/check_host_mapping?host_mapping={host}&subdomain=a");
        let checked = get(&server, &path, &all).await;
        assert_eq!([&checked["is_valid"], &checked["reason"]], [&json!(valid), &json!(reason)], "{host}");
        assert_eq!(checked["expected_cnames"], json!(["127.0.0.1"]));
    }
    assert_eq!(server.get("/api/v2/brands/check_host_mapping", &all).await.status(), 400);
}
