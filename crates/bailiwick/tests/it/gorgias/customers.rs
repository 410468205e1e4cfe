//! `/api/customers`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::Server;

const ALL: &str = "customers:read customers:write events:read";

async fn create(server: &Server, token: &str, new: Value) -> Value {
    body(server.post("/api/customers", token, new).await, 201).await
}

/// Kind, address, and whether it is preferred, of each.
fn channels(customer: &Value) -> Vec<(&str, &str, bool)> {
    let list = customer["channels"].as_array().expect("channels").iter();
    let parts = list.map(|it| (it["type"].as_str(), it["address"].as_str(), it["preferred"].as_bool()));
    parts
        .map(|(kind, address, preferred)| (kind.expect("text"), address.expect("text"), preferred.expect("a flag")))
        .collect()
}

/// A ticket of this customer, with one message by them.
async fn ticket_of(server: &Server, customer_id: i64) -> i64 {
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    let row = tx
        .row(
            "insert into tickets (status, channel, via, customer_id, created_at, updated_at) values ('open', 'api', 'api', $1, $2, $2)
             returning id",
            &[customer_id.into(), now.into()],
        )
        .await
        .expect("a ticket");
    let id = row.expect("a row").int("id").expect("an id");
    tx.run(
        "insert into messages (ticket_id, channel, via, sender_id, from_agent, created_at) values ($1, 'api', 'api', $2, 0, $3)",
        &[id.into(), customer_id.into(), now.into()],
    )
    .await
    .expect("a message");
    tx.commit().await.expect("commit");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_shows_everything_that_is_known() {
    let server = Server::start().await;
    let token = server.token(ALL).await;

    let made = create(
        &server,
        &token,
        json!({ "email": "Ada@Example.com", "name": "Ada Park", "language": "en", "meta": { "vip": true } }),
    )
    .await;

    let id = made["id"].as_i64().unwrap();
    let owner = json!({ "id": id, "name": "Ada Park" });
    let at = "2026-03-02T09:00:00+00:00";
    assert_eq!(
        made,
        json!({
            "id": id, "external_id": null, "active": true, "email": "ada@example.com", "name": "Ada Park", "firstname": "Ada",
            "lastname": "Park", "language": "en", "timezone": null, "note": null, "created_datetime": at, "updated_datetime": at,
            "meta": { "vip": true }, "data": null, "custom_fields": {},
            "channels": [{
                "id": made["channels"][0]["id"], "type": "email", "address": "ada@example.com", "preferred": true,
                "created_datetime": at, "updated_datetime": at, "deleted_datetime": null, "user": owner, "customer": owner,
            }],
            "customer": null, "integrations": {}, "external_data": {}, "ecommerce_data": {},
        })
    );
    let shown = body(server.get(&format!("/api/customers/{id}/?relationships=custom_fields"), &token).await, 200).await;
    assert_eq!(shown, made);
    let empty = create(&server, &token, json!({})).await;
    assert_eq!(
        (empty["name"].clone(), empty["firstname"].as_str(), empty["channels"].clone()),
        (Value::Null, Some(""), json!([]))
    );
    // A member of staff is no customer.
    body(server.get(&format!("/api/customers/{}", server.admin_id), &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_belongs_to_one_customer() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let ada = create(
        &server,
        &token,
        json!({ "email": "ada@example.com", "channels": [{ "type": "phone", "address": "+1 (555) 010-1" }] }),
    )
    .await;
    let bo = create(&server, &token, json!({ "name": "Bo" })).await;

    for taken in [
        json!({ "email": "ADA@example.com" }),
        json!({ "channels": [{ "type": "email", "address": "Ada@Example.com" }] }),
        json!({ "channels": [{ "type": "phone", "address": "1-555-0101" }] }),
    ] {
        let refusal = body(server.post("/api/customers", &token, taken.clone()).await, 409).await;
        assert_eq!(refusal["error"]["msg"], "The resource already exists.");
        body(server.put(&format!("/api/customers/{}", bo["id"]), &token, taken).await, 409).await;
    }

    let list = body(server.get("/api/customers", &token).await, 200).await;
    assert_eq!(ids(&list).len(), 2);
    assert_eq!(body(server.get(&format!("/api/customers/{}", bo["id"]), &token).await, 200).await, bo);
    // The same address of another kind is another address; and a member of staff may write to us too.
    create(&server, &token, json!({ "channels": [{ "type": "sms", "address": "+15550101" }] })).await;
    create(&server, &token, json!({ "email": "admin@demo.test" })).await;
    assert_eq!(channels(&ada), [("email", "ada@example.com", true), ("phone", "+1 (555) 010-1", true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_channels_replace_all_and_a_new_email_replaces_the_old_one() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let ada = create(&server, &token, json!({ "email": "ada@example.com", "name": "Ada", "note": "likes tea" })).await;
    let path = format!("/api/customers/{}", ada["id"]);
    server.clock.advance(Duration::from_secs(5));

    let phone = json!({ "type": "phone", "address": "+1555" });
    let change = json!({ "channels": [{ "type": "email", "address": "ada@example.com" }, phone, { "type": "email", "address": "B@example.com", "preferred": true }] });
    let changed = body(server.put(&path, &token, change).await, 200).await;
    assert_eq!(changed["channels"][0]["id"], ada["channels"][0]["id"]);
    assert_eq!(
        channels(&changed),
        [("email", "ada@example.com", false), ("phone", "+1555", true), ("email", "b@example.com", true)]
    );
    assert_eq!((changed["email"].as_str(), changed["note"].as_str()), (Some("b@example.com"), Some("likes tea")));
    assert_eq!(changed["updated_datetime"], "2026-03-02T09:00:05+00:00");

    let changed = body(server.put(&path, &token, json!({ "email": "c@example.com" })).await, 200).await;
    assert_eq!(
        channels(&changed),
        [("email", "ada@example.com", false), ("phone", "+1555", true), ("email", "c@example.com", true)]
    );

    let changed = body(server.put(&path, &token, json!({ "channels": [phone] })).await, 200).await;
    assert_eq!(channels(&changed), [("phone", "+1555", true)]);
    assert_eq!(changed["email"], Value::Null);

    server.clock.advance(Duration::from_secs(5));
    let same = body(server.put(&path, &token, changed.clone()).await, 200).await;
    assert_eq!(same, changed, "sending a customer back changes nothing");
    let events =
        body(server.get(&format!("/api/events?object_type=Customer&object_id={}", ada["id"]), &token).await, 200).await;
    assert_eq!(
        texts(&events, "type"),
        ["customer-updated", "customer-updated", "customer-updated", "customer-created"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_of_a_customer_are_named_and_nothing_changes() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let wrong = [
        ("email", json!("nobody")),
        ("email", json!(7)),
        ("name", json!("a\u{0}")),
        ("firstname", json!(["Ada"])),
        ("external_id", json!("x".repeat(256))),
        ("language", json!("English")),
        ("timezone", json!("Nowhere")),
        ("note", json!({})),
        ("meta", json!("text")),
        ("channels", json!({})),
        ("channels", json!([{ "type": "email" }])),
        ("channels", json!([{ "type": "email", "address": "none" }])),
        ("channels", json!([{ "type": "phone", "address": "none" }])),
        ("channels", json!([{ "type": "chat", "address": "" }])),
        ("channels", json!([7])),
        ("custom_fields", json!([{ "id": 1, "value": "x" }])),
    ];

    for (field, value) in wrong {
        let refusal = body(server.post("/api/customers", &token, json!({ field: value })).await, 400).await;
        assert!(refusal["error"]["data"].get(field).is_some(), "{field}: {refusal}");
    }

    assert_eq!(ids(&body(server.get("/api/customers", &token).await, 200).await), Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_filtered_and_listed_page_by_page() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut made = Vec::new();
    for n in 0..5 {
        // Two of a kind at the same instant: the id breaks the tie.
        server.clock.advance(Duration::from_secs(n % 2));
        let customer = create(
            &server,
            &token,
            json!({
                "email": format!("c{n}@example.com"), "name": format!("Customer {n}"), "external_id": format!("x{n}"),
                "language": if n < 2 { "fr" } else { "en" }, "timezone": "UTC",
                "channels": [{ "type": "phone", "address": format!("555 000{n}") }],
            }),
        )
        .await;
        made.push(customer["id"].as_i64().unwrap());
    }
    server.clock.advance(Duration::from_secs(9));
    body(server.put(&format!("/api/customers/{}", made[1]), &token, json!({ "note": "x" })).await, 200).await;
    let found = async |query: &str| ids(&body(server.get(&format!("/api/customers?{query}"), &token).await, 200).await);

    assert_eq!(found("").await, made.iter().rev().copied().collect::<Vec<i64>>());
    assert_eq!(found("email=C3@example.com").await, [made[3]]);
    assert_eq!(found("external_id=x2").await, [made[2]]);
    assert_eq!(found("name=Customer%204").await, [made[4]]);
    assert_eq!(found("language=fr&order_by=created_datetime:asc").await, [made[0], made[1]]);
    assert_eq!(found("timezone=UTC&limit=1").await, [made[4]]);
    assert_eq!(found("channel_type=phone&channel_address=5550002").await, [made[2]]);
    assert_eq!(found("channel_type=phone&limit=2").await, [made[4], made[3]]);
    assert_eq!(found("order_by=updated_datetime:desc&limit=1").await, [made[1]]);
    for order in ["created_datetime:asc", "created_datetime:desc", "updated_datetime:asc", "updated_datetime:desc"] {
        let whole = found(&format!("order_by={order}")).await;
        assert_eq!(
            walk(&server, &format!("/api/customers?limit=2&order_by={order}&timezone=UTC"), &token).await,
            whole
        );
    }
    for query in ["channel_address=5550002", "order_by=name:asc", "limit=1000", "nb_pages=3", "view_id=0"] {
        body(server.get(&format!("/api/customers?{query}"), &token).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_with_tickets_are_not_deleted() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let busy = create(&server, &token, json!({ "name": "Busy" })).await["id"].as_i64().unwrap();
    let free =
        create(&server, &token, json!({ "name": "Free", "email": "free@example.com" })).await["id"].as_i64().unwrap();
    let gone = create(&server, &token, json!({ "name": "Gone" })).await["id"].as_i64().unwrap();
    ticket_of(&server, busy).await;

    body(server.delete(&format!("/api/customers/{busy}"), &token).await, 400).await;
    body(server.delete_with("/api/customers", &token, json!({ "ids": [free, busy] })).await, 400).await;
    body(server.delete_with("/api/customers", &token, json!({ "ids": ["x"] })).await, 400).await;
    body(server.delete_with("/api/customers", &token, json!({})).await, 400).await;
    let kept = body(server.get("/api/customers", &token).await, 200).await;
    assert_eq!(ids(&kept).len(), 3);

    assert_eq!(server.delete(&format!("/api/customers/{gone}"), &token).await.status(), 204);
    assert_eq!(server.delete_with("/api/customers", &token, json!({ "ids": [free, free] })).await.status(), 204);
    body(server.delete(&format!("/api/customers/{gone}"), &token).await, 404).await;
    assert_eq!(ids(&body(server.get("/api/customers", &token).await, 200).await), [busy]);
    create(&server, &token, json!({ "email": "free@example.com" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_moves_tickets_and_addresses_and_takes_the_chosen_values() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let source = create(
        &server,
        &token,
        json!({ "email": "old@example.com", "name": "A. Park", "channels": [{ "type": "phone", "address": "555" }] }),
    )
    .await["id"]
        .as_i64()
        .unwrap();
    let target = create(&server, &token, json!({ "email": "new@example.com" })).await["id"].as_i64().unwrap();
    let ticket = ticket_of(&server, source).await;
    let path = format!("/api/customers/merge?source_id={source}&target_id={target}");

    body(server.put(&path, &token, json!({})).await, 400).await;
    body(server.put("/api/customers/merge?source_id=1", &token, json!({ "name": "x" })).await, 400).await;
    body(
        server
            .put(&format!("/api/customers/merge?source_id={target}&target_id={target}"), &token, json!({ "name": "x" }))
            .await,
        400,
    )
    .await;
    body(
        server
            .put(&format!("/api/customers/merge?source_id=9999&target_id={target}"), &token, json!({ "name": "x" }))
            .await,
        404,
    )
    .await;
    let merged = body(server.put(&path, &token, json!({ "name": "Ada Park" })).await, 200).await;

    assert_eq!(
        (merged["id"].as_i64(), merged["name"].as_str(), merged["email"].as_str()),
        (Some(target), Some("Ada Park"), Some("new@example.com"))
    );
    assert_eq!(
        channels(&merged),
        [("email", "new@example.com", true), ("email", "old@example.com", false), ("phone", "555", true)]
    );
    body(server.get(&format!("/api/customers/{source}"), &token).await, 404).await;
    let mut tx = server.db.read().await.unwrap();
    let row = tx
        .row(
            "select t.customer_id, m.sender_id from tickets t join messages m on m.ticket_id = t.id where t.id = $1",
            &[ticket.into()],
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.int("customer_id").unwrap(), row.int("sender_id").unwrap()), (target, target));
    let events = body(server.get("/api/events?types=customer-merged", &token).await, 200).await;
    assert_eq!(events["data"][0]["data"]["source_id"], source);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_an_older_version_is_ignored() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let id = create(&server, &token, json!({})).await["id"].as_i64().unwrap();
    let path = format!("/api/customers/{id}/data");
    let data = async || body(server.get(&format!("/api/customers/{id}"), &token).await, 200).await["data"].clone();

    let answer =
        server.put(&path, &token, json!({ "data": { "orders": [1] }, "version": "2026-01-02T00:00:00Z" })).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["content-length"].to_str().unwrap()), (202, "0"));
    assert_eq!(
        server.put(&path, &token, json!({ "data": "late", "version": "2026-01-01T00:00:00" })).await.status(),
        202
    );
    assert_eq!(data().await, json!({ "orders": [1] }));
    assert_eq!(server.put(&path, &token, json!({ "data": [true, null] })).await.status(), 202);
    assert_eq!(data().await, json!([true, null]));
    assert_eq!(server.put(&path, &token, json!({ "data": null })).await.status(), 202);
    assert_eq!(data().await, Value::Null);
    body(server.put(&path, &token, json!({})).await, 400).await;
    body(server.put(&path, &token, json!({ "data": 1, "version": "soon" })).await, 400).await;
    body(server.put("/api/customers/9999/data", &token, json!({ "data": 1 })).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_claim_an_address_at_once_one_gets_it() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let (server, token) = (&server, token.as_str());

    let calls = (0..8).map(|n| async move {
        let new = json!({ "name": format!("Claim {n}"), "channels": [{ "type": "phone", "address": "555 1" }, { "type": "chat", "address": "c" }] });
        server.post("/api/customers", token, new).await.status().as_u16()
    });
    let mut statuses = join_all(calls).await;

    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(ids(&body(server.get("/api/customers", token).await, 200).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_different_fields_at_once_are_all_kept() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let id = create(&server, &token, json!({ "name": "Ada" })).await["id"].as_i64().unwrap();
    let (path, server, token) = (&format!("/api/customers/{id}"), &server, token.as_str());

    let changes = [
        json!({ "note": "n" }),
        json!({ "language": "en" }),
        json!({ "timezone": "UTC" }),
        json!({ "external_id": "x" }),
    ];
    let calls =
        changes.into_iter().map(|change| async move { server.put(path, token, change).await.status().as_u16() });
    assert_eq!(join_all(calls).await, [200, 200, 200, 200]);

    let after = body(server.get(path, token).await, 200).await;
    assert_eq!(
        [&after["note"], &after["language"], &after["timezone"], &after["external_id"]],
        ["n", "en", "UTC", "x"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_a_new_address_at_once_make_one_customer() {
    let server = Server::start().await;
    let token = server.token("tickets:write customers:read").await;
    let (server, token) = (&server, token.as_str());

    let calls = (0..8).map(|n| async move {
        let message = json!({ "channel": "api", "via": "api", "from_agent": false, "sender": { "email": "new@example.com" }, "body_text": "Hello." });
        let ticket = json!({
            "subject": format!("Ticket {n}"), "channel": "api", "via": "api", "customer": { "email": "New@example.com" },
            "tags": [{ "name": "fresh" }], "messages": [message],
        });
        body(server.post("/api/tickets", token, ticket).await, 201).await["customer"]["id"].as_i64()
    });
    let customers = join_all(calls).await;

    assert!(customers.iter().all(|id| *id == customers[0]), "{customers:?}");
    assert_eq!(ids(&body(server.get("/api/customers", token).await, 200).await).len(), 1);
}

/// Runs futures side by side and gives their results in order.
async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, result) in &mut futures {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if futures.iter().all(|(_, result)| result.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, result)| result).collect()
}
