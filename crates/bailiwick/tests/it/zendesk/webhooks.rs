//! `/api/v2/webhooks`, and the calls that they make to a real server.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use scope::Dialect;
use serde_json::{Value, json};

use super::triggers::{add, then, trigger, when};
use super::{all, body, get, made, request, ticket};
use crate::support::receiver::Received;
use crate::support::{Person, Receiver, Reply, Server};

async fn start() -> (Server, Receiver, String) {
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    let receiver = Receiver::start().await;
    let token = all(&server).await;
    (server, receiver, token)
}

fn webhook(url: &str) -> Value {
    json!({
        "name": "CRM", "endpoint": url, "http_method": "POST", "request_format": "json", "status": "active",
        "subscriptions": ["conditional_ticket_events"],
    })
}

async fn create(server: &Server, token: &str, record: Value) -> Value {
    made(server, "/api/v2/webhooks", token, "webhook", record).await
}

fn path(webhook: &Value) -> String {
    format!("/api/v2/webhooks/{}", webhook["id"].as_str().expect("an id"))
}

/// A trigger that calls it for each new ticket.
async fn calling(server: &Server, token: &str, webhook: &Value, payload: Value) -> Value {
    let call = then("notification_webhook", json!([webhook["id"], payload]));
    add(server, token, trigger("Call", &[when("update_type", "is", "Create")], &[call])).await
}

async fn secret_of(server: &Server, token: &str, webhook: &Value) -> String {
    let secret = get(server, &format!("{}/signing_secret", path(webhook)), token).await["signing_secret"].clone();
    assert_eq!(secret["algorithm"], "SHA256");
    secret["secret"].as_str().expect("a secret").to_owned()
}

fn is_signed_with(received: &Received, secret: &str) -> bool {
    let mut signed = received.header("x-zendesk-webhook-signature-timestamp").as_bytes().to_vec();
    signed.extend_from_slice(&received.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, &signed)) == received.header("x-zendesk-webhook-signature")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_shown_changed_copied_and_removed_and_tells_no_secret() {
    let (server, receiver, token) = start().await;
    let mut record = webhook(&receiver.url("/hook"));
    record["description"] = json!("Tells the CRM");
    record["custom_headers"] = json!({ "X-Shop": "7" });
    record["authentication"] =
        json!({ "type": "basic_auth", "data": { "username": "ada", "password": "hunter2" }, "add_position": "header" });

    let made = create(&server, &token, record.clone()).await;

    for (name, value) in record.as_object().expect("fields") {
        if name != "authentication" {
            assert_eq!(made[name], *value, "{name}");
        }
    }
    assert_eq!(
        made["authentication"],
        json!({ "type": "basic_auth", "data": { "username": "ada" }, "add_position": "header" })
    );
    assert_eq!(made["created_by"], server.admin_id.to_string());
    assert_eq!((made["id"].as_str().map(str::len), made.get("updated_at")), (Some(26), None));
    let it = path(&made);
    assert_eq!(get(&server, &it, &token).await["webhook"], made);

    let change = json!({ "webhook": { "status": "inactive", "name": "Shop" } });
    let patched = request(&server, Method::PATCH, &it, &token).json(&change).send().await.expect("an answer");
    assert_eq!(patched.status(), 204);
    let after = get(&server, &it, &token).await["webhook"].clone();
    assert_eq!(
        (&after["status"], &after["name"], &after["updated_by"]),
        (&json!("inactive"), &json!("Shop"), &json!(server.admin_id.to_string()))
    );
    assert_eq!(after["authentication"], made["authentication"]);
    let copy = body(
        server
            .post(&format!("/api/v2/webhooks?clone_webhook_id={}", made["id"].as_str().unwrap()), &token, json!({}))
            .await,
        201,
    )
    .await;
    assert_eq!(
        (&copy["webhook"]["endpoint"], &copy["webhook"]["authentication"]),
        (&made["endpoint"], &made["authentication"])
    );
    let whole = json!({ "webhook": webhook(&receiver.url("/other")) });
    assert_eq!(server.put(&it, &token, whole).await.status(), 204);
    let whole = get(&server, &it, &token).await["webhook"].clone();
    assert_eq!((whole.get("authentication"), &whole["custom_headers"]), (None, &Value::Null));

    let named = get(&server, "/api/v2/webhooks?filter[name_contains]=crm&sort=-name", &token).await;
    assert_eq!(named["webhooks"].as_array().map(Vec::len), Some(1));
    let off = get(&server, "/api/v2/webhooks?filter[status]=inactive", &token).await;
    assert_eq!(off["webhooks"][0]["id"], copy["webhook"]["id"]);
    let page = get(&server, "/api/v2/webhooks?page[size]=1", &token).await;
    assert_eq!((&page["webhooks"][0]["id"], &page["meta"]["has_more"]), (&made["id"], &json!(true)));
    assert_eq!(server.delete(&it, &token).await.status(), 204);
    assert_eq!(body(server.get(&it, &token).await, 404).await["errors"][0]["code"], "RecordNotFound");
    // Neither the log nor the database tells what only the receiver may know.
    let mut tx = server.db.read().await.expect("read");
    let rows =
        tx.rows("select before, after, data from events where object_type = 'Integration'", &[]).await.expect("events");
    let told: String = rows
        .iter()
        .map(|row| format!("{:?}{:?}{:?}", row.json("before"), row.json("after"), row.json("data")))
        .collect();
    assert!(told.contains("ada") && !told.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_calls_a_webhook_with_a_right_signature_and_the_call_is_told() {
    let (server, receiver, token) = start().await;
    let mut record = webhook(&receiver.url("/hook/{{ticket.id}}"));
    record["authentication"] =
        json!({ "type": "bearer_token", "data": { "token": "s3cret-token" }, "add_position": "header" });
    let hook = create(&server, &token, record).await;
    calling(
        &server,
        &token,
        &hook,
        json!("{\"id\": {{ticket.id}}, \"title\": \"{{ticket.title}}\", \"from\": \"{{ticket.requester.email}}\"}"),
    )
    .await;
    let secret = secret_of(&server, &token, &hook).await;

    let it = ticket(
        &server,
        &token,
        json!({ "subject": "say \"hi\"", "requester": { "name": "Cleo", "email": "cleo@shop.test" } }),
    )
    .await;
    server.run_jobs().await;

    let received = receiver.take();
    assert_eq!(received.len(), 1);
    let call = &received[0];
    assert_eq!((call.method.as_str(), call.path.clone()), ("POST", format!("/hook/{}", it["id"])));
    assert_eq!(call.json(), json!({ "id": it["id"], "title": "say \"hi\"", "from": "cleo@shop.test" }));
    assert!(is_signed_with(call, &secret));
    assert_eq!(call.header("x-zendesk-webhook-signature-timestamp"), "2026-03-02T09:00:00Z");
    assert_eq!(call.header("x-zendesk-webhook-id"), hook["id"].as_str().expect("an id"));
    assert_eq!(call.header("x-zendesk-account-id"), "1");
    assert_eq!(call.header("authorization"), "Bearer s3cret-token");
    assert_eq!(
        (call.header("user-agent"), call.header("content-type")),
        ("Zendesk Webhook", "application/json; charset=utf-8")
    );
    let invocations = get(&server, &format!("{}/invocations", path(&hook)), &token).await["invocations"].clone();
    assert_eq!(invocations[0]["id"], call.header("x-zendesk-webhook-invocation-id"));
    assert_eq!((&invocations[0]["status"], &invocations[0]["status_code"]), (&json!("success"), &json!(200)));
    let attempts = get(
        &server,
        &format!("{}/invocations/{}/attempts", path(&hook), invocations[0]["id"].as_str().unwrap()),
        &token,
    )
    .await;
    let attempt = &attempts["attempts"][0];
    assert_eq!((&attempt["status"], &attempt["response"]["payload"]), (&json!("success"), &json!("{}")));
    assert!(attempt["request"]["payload"].as_str().expect("a body").contains("cleo@shop.test"));
    assert!(!attempts.to_string().contains("s3cret-token"));

    // A new secret signs from then on.
    let new = body(server.post(&format!("{}/signing_secret", path(&hook)), &token, json!({})).await, 201).await;
    assert_ne!(new["signing_secret"]["secret"], secret);
    ticket(&server, &token, json!({})).await;
    server.run_jobs().await;
    let received = receiver.take();
    assert!(!is_signed_with(&received[0], &secret));
    assert!(is_signed_with(&received[0], new["signing_secret"]["secret"].as_str().expect("a secret")));
    // It is not taken from under the trigger.
    let refused = body(server.delete(&path(&hook), &token).await, 400).await;
    assert!(refused.to_string().contains("Call"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_made_again_and_each_attempt_is_told() {
    let (server, receiver, token) = start().await;
    let hook = create(&server, &token, webhook(&receiver.url("/hook"))).await;
    calling(&server, &token, &hook, json!("{}")).await;
    receiver.reply("/hook", Reply::status(409).body("later"));
    ticket(&server, &token, json!({})).await;
    server.run_jobs().await;
    let list = format!("{}/invocations", path(&hook));
    assert_eq!(get(&server, &list, &token).await["invocations"][0]["status"], "accepted");
    receiver.reply("/hook", Reply::status(204));
    server.clock.advance(Duration::from_mins(2));
    server.run_jobs().await;

    let invocation = get(&server, &list, &token).await["invocations"][0].clone();
    assert_eq!((&invocation["status"], &invocation["status_code"]), (&json!("success"), &json!(204)));
    let attempts = format!("{list}/{}/attempts", invocation["id"].as_str().expect("an id"));
    let attempts = get(&server, &attempts, &token).await["attempts"].clone();
    let told: Vec<(&Value, &Value)> =
        attempts.as_array().expect("a list").iter().map(|it| (&it["status"], &it["status_code"])).collect();
    assert_eq!(told, [(&json!("client error"), &json!(409)), (&json!("success"), &json!(204))]);
    assert_eq!(attempts[0]["response"]["payload"], "later");
    assert_eq!(receiver.take().len(), 2);
    receiver.reply("/hook", Reply::status(404));
    ticket(&server, &token, json!({})).await;
    server.run_jobs().await;
    for (filter, n) in [
        ("filter[status]=client error", 1),
        ("filter[status]=success", 1),
        ("filter[status]=throttled", 0),
        ("filter[from_ts]=2026-03-02T09:01:00Z", 2),
        ("filter[to_ts]=2026-03-02T09:01:00Z", 0),
    ] {
        let found = get(&server, &format!("{list}?{filter}"), &token).await;
        assert_eq!(found["invocations"].as_array().map(Vec::len), Some(n), "{filter}");
    }
    body(server.get(&format!("{list}?filter[status]=odd"), &token).await, 400).await;
    assert_eq!(server.get(&format!("{list}/{}/attempts", hook["id"].as_str().unwrap()), &token).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_xml_and_addresses_carry_what_a_trigger_brings() {
    let (server, receiver, token) = start().await;
    let with = |path: &str, method: &str, format: &str| {
        let mut record = webhook(&receiver.url(path));
        record["http_method"] = json!(method);
        record["request_format"] = json!(format);
        record
    };
    let mut query = with("/get", "GET", "form_encoded");
    query["authentication"] =
        json!({ "type": "api_key", "data": { "name": "k", "value": "v&1" }, "add_position": "query_string" });
    for (record, payload) in [
        (with("/form", "POST", "form_encoded"), json!([["title", "{{ticket.title}}"], ["n", "1"]])),
        (with("/xml", "PUT", "xml"), json!("<t>{{ticket.title}}</t>")),
        (query, json!([["title", "{{ticket.title}}"]])),
    ] {
        let hook = create(&server, &token, record).await;
        calling(&server, &token, &hook, payload).await;
    }

    ticket(&server, &token, json!({ "subject": "a<b & c" })).await;
    server.run_jobs().await;

    let received = receiver.take();
    let of = |path: &str| received.iter().find(|it| it.path.starts_with(path)).unwrap_or_else(|| panic!("{path}"));
    assert_eq!(of("/form").body, "title=a%3Cb+%26+c&n=1");
    assert_eq!(
        (of("/xml").body.as_ref(), of("/xml").header("content-type")),
        (&b"<t>a&lt;b &amp; c</t>"[..], "application/xml")
    );
    assert_eq!(of("/get").path, "/get?title=a%3Cb+%26+c&k=v%261");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_of_what_it_subscribed_to() {
    let (server, receiver, token) = start().await;
    let mut record = webhook(&receiver.url("/hook"));
    record["subscriptions"] = json!([
        "zen:event-type:ticket.status_changed",
        "zen:event-type:ticket.comment_added",
        "zen:event-type:user.created"
    ]);
    let hook = create(&server, &token, record.clone()).await;
    assert_eq!(hook["subscriptions"].as_array().map(Vec::len), Some(3));

    let it =
        ticket(&server, &token, json!({ "subject": "A", "requester": { "name": "Cleo", "email": "cleo@shop.test" } }))
            .await;
    server.run_jobs().await;
    let change = json!({ "ticket": { "status": "pending", "priority": "high" } });
    body(server.put(&format!("/api/v2/tickets/{}", it["id"]), &token, change).await, 200).await;
    server.run_jobs().await;

    let received = receiver.take();
    let told: Vec<Value> = received.iter().map(Received::json).collect();
    let of = |kind: &str| {
        told.iter()
            .find(|it| it["type"] == format!("zen:event-type:{kind}"))
            .unwrap_or_else(|| panic!("{kind}: {told:?}"))
    };
    let of_tickets = told.iter().filter(|it| it["subject"].as_str().is_some_and(|it| it.starts_with("zen:ticket:")));
    assert_eq!(of_tickets.count(), 2, "{told:?}");
    assert_eq!(
        of("ticket.status_changed")["event"],
        json!({ "current": "PENDING", "previous": it["status"].as_str().unwrap().to_uppercase() })
    );
    assert_eq!(of("ticket.status_changed")["detail"]["id"], it["id"].to_string());
    assert_eq!(of("ticket.status_changed")["subject"], format!("zen:ticket:{}", it["id"]));
    assert_eq!(of("ticket.comment_added")["event"]["comment"]["body"], "The printer is on fire.");
    let is_cleo = |it: &Value| it["detail"]["email"] == "cleo@shop.test" && it["type"] == "zen:event-type:user.created";
    assert_eq!(told.iter().filter(|it| is_cleo(it)).count(), 1);
    assert!(is_signed_with(&received[0], &secret_of(&server, &token, &hook).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_call_answers_what_the_address_said_and_is_kept_nowhere() {
    let (server, receiver, token) = start().await;
    receiver.reply("/hook", Reply::status(418).body("short").header("x-pot", "tea"));
    let test = json!({ "request": { "endpoint": receiver.url("/hook"), "http_method": "POST", "request_format": "json", "payload": "{\"a\":1}", "headers": [{ "key": "X-A", "value": "b" }] } });

    let answer = body(server.post("/api/v2/webhooks/test", &token, test).await, 200).await["response"].clone();

    assert_eq!(
        (&answer["status"], &answer["status_code"], &answer["payload"]),
        (&json!("client error"), &json!(418), &json!("short"))
    );
    assert!(answer["headers"].as_array().expect("headers").contains(&json!({ "key": "x-pot", "value": "tea" })));
    let received = receiver.take();
    assert_eq!((received[0].json(), received[0].header("x-a")), (json!({ "a": 1 }), "b"));
    let mut record = webhook(&receiver.url("/hook"));
    record["authentication"] =
        json!({ "type": "api_key", "data": { "name": "X-Key", "value": "abc" }, "add_position": "header" });
    let hook = create(&server, &token, record).await;
    let named = format!("/api/v2/webhooks/test?webhook_id={}", hook["id"].as_str().unwrap());
    body(server.post(&named, &token, json!({})).await, 200).await;
    assert_eq!(receiver.take()[0].header("x-key"), "abc");
    assert_eq!(get(&server, &format!("{}/invocations", path(&hook)), &token).await["invocations"], json!([]));
    let inside = json!({ "request": { "endpoint": "ftp://a.example", "http_method": "GET" } });
    body(server.post("/api/v2/webhooks/test", &token, inside).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_inside_is_called_by_a_test_either() {
    // CM-2
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let token = all(&server).await;

    for url in [receiver.url("/a"), "https://169.254.169.254/latest".to_owned(), "https://[::1]/d".to_owned()] {
        let test = json!({ "request": { "endpoint": url, "http_method": "GET", "request_format": "json" } });
        let answer = body(server.post("/api/v2/webhooks/test", &token, test).await, 200).await["response"].clone();
        assert_eq!((&answer["status"], &answer["status_code"]), (&json!("failed"), &Value::Null));
    }
    assert!(receiver.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn integrations_of_the_other_dialect_are_webhooks_here_and_stay_what_they_are() {
    let (server, receiver, token) = start().await;
    let gorgias = server.token_for(Person::Admin, Dialect::Gorgias, "integrations:read integrations:write").await;
    let new = json!({ "name": "Old", "type": "http", "http": { "url": receiver.url("/old"), "method": "POST", "form": { "id": "{{ticket.id}}" }, "triggers": { "ticket-created": true } } });
    let old = body(server.post("/api/integrations", &gorgias, new).await, 201).await;
    let hook = get(&server, "/api/v2/webhooks", &token).await["webhooks"][0].clone();
    assert_eq!((&hook["name"], &hook["subscriptions"]), (&json!("Old"), &json!(["zen:event-type:ticket.created"])));

    let mut saved = hook.clone();
    saved["name"] = json!("Renamed");
    assert_eq!(server.put(&path(&hook), &token, json!({ "webhook": saved })).await.status(), 204);

    let kept = body(server.get(&format!("/api/integrations/{}", old["id"]), &gorgias).await, 200).await;
    assert_eq!((&kept["name"], &kept["http"]), (&json!("Renamed"), &old["http"]));
    let it = ticket(&server, &token, json!({})).await;
    server.run_jobs().await;
    assert_eq!(receiver.take()[0].json(), json!({ "id": it["id"].to_string() }));
    // And the other way round.
    let made = create(&server, &token, webhook(&receiver.url("/new"))).await;
    let list = body(server.get("/api/integrations", &gorgias).await, 200).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    assert!(!list.to_string().contains("secret"));
    assert_eq!(server.delete(&path(&made), &token).await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_cannot_be_is_listed() {
    let (server, receiver, token) = start().await;
    for (field, value, named) in [
        ("name", json!(""), "blank"),
        ("endpoint", json!("ftp://x.example"), "URL"),
        ("http_method", json!("BREW"), "BREW"),
        ("request_format", json!("yaml"), "yaml"),
        ("status", json!("on"), "on"),
        ("subscriptions", json!(["zen:event-type:moon.full"]), "moon"),
        ("subscriptions", json!(["conditional_ticket_events", "zen:event-type:ticket.created"]), "no other"),
        ("authentication", json!({ "type": "magic" }), "basic_auth"),
        ("custom_headers", json!({ "Host": "x" }), "host"),
        ("custom_headers", json!({ "a": "1", "b": "1", "c": "1", "d": "1", "e": "1", "f": "1" }), "at most 5"),
    ] {
        let mut record = webhook(&receiver.url("/hook"));
        record[field] = value;
        let refused =
            body(server.post("/api/v2/webhooks", &token, json!({ "webhook": record.clone() })).await, 400).await;
        let told = refused["errors"][0]["detail"].as_str().unwrap_or_default();
        assert!(told.contains(named), "{record}: {refused}");
    }
    body(server.post("/api/v2/webhooks", &token, json!({})).await, 400).await;
    for unknown in ["7", "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(server.get(&format!("/api/v2/webhooks/{unknown}"), &token).await.status(), 404);
    }
}
