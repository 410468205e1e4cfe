//! `/api/integrations`, and the calls that they make to a real server.

use std::time::Duration;

use aws_lc_rs::hmac;
use scope::Dialect;
use serde_json::{Value, json};

use super::{body, texts, walk};
use crate::support::receiver::Received;
use crate::support::{Person, Receiver, Reply, Server};

pub(super) const ALL: &str = "custom_fields:read custom_fields:write integrations:read integrations:write tickets:read tickets:write customers:read events:read";

pub(super) async fn start() -> (Server, Receiver, String) {
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    let receiver = Receiver::start().await;
    let token = server.token(ALL).await;
    (server, receiver, token)
}

pub(super) fn calling(url: &str, triggers: &[&str]) -> Value {
    let triggers: serde_json::Map<String, Value> =
        triggers.iter().map(|trigger| ((*trigger).to_owned(), Value::Bool(true))).collect();
    json!({ "name": "CRM", "type": "http", "http": { "url": url, "method": "POST", "triggers": triggers } })
}

pub(super) async fn create(server: &Server, token: &str, new: Value) -> i64 {
    body(server.post("/api/integrations", token, new).await, 201).await["id"].as_i64().expect("an id")
}

pub(super) fn ticket() -> Value {
    json!({
        "channel": "api", "via": "api", "subject": "Where is it?", "tags": [{ "name": "late" }],
        "customer": { "email": "ada@example.com", "name": "Ada Park" },
        "messages": [{
            "channel": "api", "via": "api", "from_agent": false, "body_text": "Where is order #7?",
            "sender": { "email": "ada@example.com" },
        }],
    })
}

pub(super) async fn create_ticket(server: &Server, token: &str) -> i64 {
    body(server.post("/api/tickets", token, ticket()).await, 201).await["id"].as_i64().expect("an id")
}

/// Triggers of what came, in order.
pub(super) fn triggers(received: &[Received]) -> Vec<&str> {
    received.iter().map(|it| it.header("x-bailiwick-trigger")).collect()
}

/// The newest row of the log, and how it stands there.
pub(super) async fn last_delivery(server: &Server) -> (i64, String, i64, Option<String>) {
    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select id, state, attempts, error from deliveries order by id desc limit 1", &[]).await;
    let row = row.expect("the log").expect("a delivery");
    let (id, state) = (row.int("id").expect("an id"), row.text("state").expect("a state"));
    (id, state, row.int("attempts").expect("a count"), row.text_or_null("error").expect("an error or none"))
}

pub(super) async fn states(server: &Server) -> Vec<String> {
    let mut tx = server.db.read().await.expect("read");
    let rows = tx.rows("select state from deliveries order by id", &[]).await.expect("the log");
    rows.iter().map(|row| row.text("state").expect("a state")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_a_rule_asks_for_is_not_deleted() {
    let (server, receiver, token) = start().await;
    let new = json!({ "name": "CRM", "type": "http", "http": { "url": receiver.url("/hook"), "method": "POST" } });
    let id = body(server.post("/api/integrations", &token, new).await, 201).await["id"].as_i64().expect("an id");
    let rules_token = server.token("rules:read rules:write").await;
    let code = format!("if (eq(message.integration_id, {id})) {{ Action('addTags', {{ tags: 'crm' }}); }}");
    let rule = json!({ "name": "From the CRM", "code": code, "event_types": "ticket-created" });
    let rule = body(server.post("/api/rules", &rules_token, rule).await, 201).await;
    let path = format!("/api/integrations/{id}");

    let refused = body(server.delete(&path, &token).await, 400).await;

    assert!(refused.to_string().contains("From the CRM"), "{refused}");
    assert_eq!(server.delete(&format!("/api/rules/{}", rule["id"]), &rules_token).await.status(), 204);
    assert_eq!(server.delete(&path, &token).await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_is_created_shown_changed_and_deleted() {
    let (server, receiver, token) = start().await;
    let new = json!({
        "name": "CRM", "type": "http", "description": "Tells the CRM",
        "http": {
            "url": receiver.url("/hook?id={{ticket.id}}"), "method": "PUT", "headers": { "X-Key": "1" },
            "form": { "id": "{{ticket.id}}" }, "hmac_secret": "topsecret", "triggers": { "ticket_created": true, "ticket-updated": false },
        },
    });

    let made = body(server.post("/api/integrations", &token, new).await, 201).await;

    let id = made["id"].as_i64().expect("an id");
    assert_eq!(
        made,
        json!({
            "id": id, "uri": format!("/api/integrations/{id}/"), "name": "CRM", "type": "http", "description": "Tells the CRM",
            "http": {
                "id": id, "url": receiver.url("/hook?id={{ticket.id}}"), "method": "PUT", "request_content_type": "application/json",
                "response_content_type": "application/json", "form": { "id": "{{ticket.id}}" }, "headers": { "X-Key": "1" },
                "triggers": {
                    "ticket-created": true, "ticket-updated": false, "ticket-message-created": false, "ticket-self-unsnoozed": false,
                    "ticket-message-failed": false, "ticket-assignment-updated": false, "ticket-status-updated": false,
                    "ticket-handed-over": false,
                },
                "oauth2": null,
            },
            "user": { "id": server.admin_id }, "application_id": made["application_id"], "managed": false, "business_hours_id": null,
            "meta": null, "created_datetime": "2026-03-02T09:00:00+00:00", "updated_datetime": "2026-03-02T09:00:00+00:00",
            "deactivated_datetime": null, "deleted_datetime": null, "locked_datetime": null,
        })
    );
    assert_eq!(made["application_id"].as_str().map(str::len), Some(24));
    let path = format!("/api/integrations/{id}");
    assert_eq!(body(server.get(&path, &token).await, 200).await, made);
    let changed =
        json!({ "name": "CRM 2", "http": { "method": "POST", "form": null, "triggers": { "ticket-updated": true } } });
    let changed = body(server.put(&path, &token, changed).await, 200).await;
    assert_eq!((&changed["name"], &changed["http"]["method"]), (&json!("CRM 2"), &json!("POST")));
    assert_eq!(changed["http"]["triggers"]["ticket-created"], json!(true));
    assert_eq!(changed["http"]["triggers"]["ticket-updated"], json!(true));
    assert_eq!((&changed["http"]["form"], &changed["description"]), (&Value::Null, &json!("Tells the CRM")));
    assert_eq!(server.delete(&path, &token).await.status(), 204);
    body(server.get(&path, &token).await, 404).await;
    assert_eq!(server.delete(&path, &token).await.status(), 404);

    let events =
        body(server.get(&format!("/api/events?object_type=Integration&object_id={id}"), &token).await, 200).await;
    assert_eq!(
        texts(&events, "type"),
        ["integration-deleted", "integration-updated", "integration-updated", "integration-created"]
    );
    assert!(!events.to_string().contains("topsecret"));
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_integrations_are_refused_with_the_field() {
    let (server, _receiver, token) = start().await;
    let good = || calling("https://crm.example/hook", &["ticket-created"]);
    let with = |path: &str, value: Value| {
        let mut new = good();
        *new.pointer_mut(path).expect("a field") = value;
        new
    };
    let http_with = |name: &str, value: Value| {
        let mut new = good();
        new["http"][name] = value;
        new
    };
    let cases = [
        (with("/type", json!("email")), "type"),
        (with("/name", json!("")), "name"),
        (with("/name", json!("x".repeat(257))), "name"),
        (with("/http", json!(null)), "http"),
        (with("/http", json!([])), "http"),
        (with("/http/url", json!("not an address")), "http"),
        (with("/http/url", json!("ftp://crm.example")), "http"),
        (with("/http/url", json!(7)), "http"),
        (with("/http/method", json!("BREW")), "http"),
        (http_with("triggers", json!({ "ticket-exploded": true })), "http"),
        (http_with("triggers", json!({ "ticket-created": "yes" })), "http"),
        (http_with("headers", json!({ "a b": "x" })), "http"),
        (http_with("headers", json!({ "Host": "x" })), "http"),
        (http_with("headers", json!({ "X": "a\r\nb" })), "http"),
        (http_with("form", json!([1])), "http"),
        (http_with("request_content_type", json!("text/xml")), "http"),
        (json!({ "type": "http", "http": { "url": "https://crm.example" } }), "name"),
        (json!({ "name": "x", "http": { "url": "https://crm.example" } }), "type"),
        (json!({ "name": "x", "type": "http" }), "http"),
        (json!({ "name": "x", "type": "http", "http": {} }), "http"),
    ];
    for (new, field) in cases {
        let answer = body(server.post("/api/integrations", &token, new.clone()).await, 400).await;
        assert!(!answer["error"]["data"][field].is_null(), "{new} → {answer}");
    }

    let list = body(server.get("/api/integrations", &token).await, 200).await;

    assert_eq!(list["data"], json!([]));
    body(server.get("/api/integrations?type=nonsense", &token).await, 400).await;
    body(server.get("/api/integrations/9007199254740991", &token).await, 404).await;
    body(server.put("/api/integrations/1", &token, json!({ "name": "x" })).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_pages_without_loss_and_filters_by_type() {
    let (server, receiver, token) = start().await;
    let mut made = Vec::new();
    for n in 0..7 {
        server.clock.advance(Duration::from_secs(n % 2));
        made.push(create(&server, &token, calling(&receiver.url("/hook"), &[])).await);
    }

    made.reverse();
    assert_eq!(walk(&server, "/api/integrations?limit=3", &token).await, made);
    assert_eq!(walk(&server, "/api/integrations?limit=3&type=http", &token).await, made);
    made.reverse();
    assert_eq!(walk(&server, "/api/integrations?limit=2&order_by=created_datetime:asc", &token).await, made);
    assert_eq!(body(server.get("/api/integrations?type=email", &token).await, 200).await["data"], json!([]));
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ticket_is_told_with_the_templates_filled_in() {
    let (server, receiver, token) = start().await;
    let mut new = calling(&receiver.url("/t/{{ticket.id}}?by={{ticket.customer.email}}"), &["ticket-created"]);
    new["http"]["headers"] = json!({ "X-Subject": "{{ticket.subject}}", "Authorization": "Bearer abc" });
    new["http"]["form"] = json!({ "id": "{{ticket.id}}", "who": { "name": "{{ ticket.customer.name }}" }, "tag": "{{ticket.tags[0].name}}", "none": "{{message.nothing}}" });
    create(&server, &token, new).await;

    let ticket_id = create_ticket(&server, &token).await;
    server.run_jobs().await;

    let received = receiver.take();
    assert_eq!(received.len(), 1);
    let call = &received[0];
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("POST", format!("/t/{ticket_id}?by=ada%40example.com").as_str())
    );
    assert_eq!((call.header("x-subject"), call.header("authorization")), ("Where is it?", "Bearer abc"));
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(
        call.json(),
        json!({ "id": ticket_id.to_string(), "who": { "name": "Ada Park" }, "tag": "late", "none": "" })
    );
    let (_, state, attempts, error) = last_delivery(&server).await;
    assert_eq!((state.as_str(), attempts, error), ("delivered", 1, None));
    // Nothing new: nothing is told.
    server.run_jobs().await;
    assert!(receiver.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_form_the_body_tells_of_ticket_message_and_event() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created", "ticket-message-created"])).await;

    let ticket_id = create_ticket(&server, &token).await;
    server.run_jobs().await;

    let received = receiver.take();
    let mut told = triggers(&received);
    told.sort_unstable();
    assert_eq!(told, ["ticket-created", "ticket-message-created"]);
    for call in &received {
        let told = call.json();
        assert_eq!(told["ticket"]["id"], json!(ticket_id));
        assert_eq!(
            (&told["ticket"]["status"], &told["ticket"]["customer"]["email"]),
            (&json!("open"), &json!("ada@example.com"))
        );
        assert_eq!(told["ticket"]["created_datetime"], json!("2026-03-02T09:00:00+00:00"));
        assert_eq!(told["event"]["type"].as_str(), Some(call.header("x-bailiwick-trigger")));
        let is_message = told["event"]["type"] == json!("ticket-message-created");
        assert_eq!(told["message"]["body_text"].as_str(), is_message.then_some("Where is order #7?"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_reads_custom_fields() {
    let (server, receiver, token) = start().await;
    let field = json!({
        "object_type": "Ticket", "label": "Order", "definition": { "data_type": "text", "input_settings": { "input_type": "input" } },
    });
    let field_id =
        body(server.post("/api/custom-fields", &token, field).await, 201).await["id"].as_i64().expect("an id");
    let mut new = calling(&receiver.url("/hook"), &["ticket-created"]);
    new["http"]["form"] = json!({ "order": format!("{{{{ticket.custom_fields['{field_id}'].value}}}}") });
    create(&server, &token, new).await;

    let mut new = ticket();
    new["custom_fields"] = json!([{ "id": field_id, "value": "A-7" }]);
    body(server.post("/api/tickets", &token, new).await, 201).await;
    server.run_jobs().await;

    assert_eq!(receiver.take()[0].json(), json!({ "order": "A-7" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trigger_is_pulled_by_what_it_is_named_after() {
    let (server, receiver, token) = start().await;
    let chosen = ["ticket-updated", "ticket-assignment-updated", "ticket-status-updated", "ticket-self-unsnoozed"];
    create(&server, &token, calling(&receiver.url("/hook"), &chosen)).await;
    let id = create_ticket(&server, &token).await;
    let path = format!("/api/tickets/{id}");
    server.run_jobs().await;
    receiver.take();

    let told_of = async |change: Value| {
        body(server.put(&path, &token, change).await, 200).await;
        server.clock.advance(Duration::from_mins(2));
        server.run_jobs().await;
        let received = receiver.take();
        let mut told: Vec<String> = triggers(&received).into_iter().map(str::to_owned).collect();
        told.sort();
        told
    };

    assert_eq!(told_of(json!({ "subject": "Other" })).await, ["ticket-updated"]);
    assert_eq!(
        told_of(json!({ "assignee_user": { "id": server.agent_id } })).await,
        ["ticket-assignment-updated", "ticket-updated"]
    );
    assert_eq!(told_of(json!({ "status": "closed" })).await, ["ticket-status-updated", "ticket-updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_go_as_json_as_pairs_or_into_the_query() {
    let (server, receiver, token) = start().await;
    let form = json!({ "id": "{{ticket.id}}", "a b": "ü&" });
    for (method, kind) in
        [("POST", "application/x-www-form-urlencoded"), ("GET", "application/json"), ("DELETE", "application/json")]
    {
        let mut new = calling(&receiver.url(&format!("/{method}?x=1")), &["ticket-created"]);
        new["http"]["method"] = json!(method);
        new["http"]["request_content_type"] = json!(kind);
        new["http"]["form"] = form.clone();
        create(&server, &token, new).await;
    }

    let id = create_ticket(&server, &token).await;
    server.run_jobs().await;

    let mut received = receiver.take();
    received.sort_by(|a, b| a.method.cmp(&b.method));
    let pairs = format!("a+b=%C3%BC%26&id={id}");
    assert_eq!(received[0].path, format!("/DELETE?x=1&{pairs}"));
    assert_eq!(received[1].path, format!("/GET?x=1&{pairs}"));
    assert!(received[0].body.is_empty() && received[1].body.is_empty());
    assert_eq!((received[2].path.as_str(), received[2].body.as_ref()), ("/POST?x=1", pairs.as_bytes()));
    assert_eq!(received[2].header("content-type"), "application/x-www-form-urlencoded");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_signed_with_the_key_that_only_its_maker_knows() {
    let (server, receiver, token) = start().await;
    let mut new = calling(&receiver.url("/hook"), &["ticket-created"]);
    new["http"]["hmac_secret"] = json!("topsecret");
    let id = create(&server, &token, new).await;
    let shown = body(server.get(&format!("/api/integrations/{id}"), &token).await, 200).await.to_string();
    assert!(!shown.contains("topsecret") && !shown.contains("hmac_secret"));

    create_ticket(&server, &token).await;
    server.run_jobs().await;

    let received = receiver.take();
    let call = &received[0];
    let hex = |data: &[u8]| -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"topsecret"), data);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(call.header("x-gorgias-signature"), hex(&call.body));
    let seconds = server.clock.now().as_second();
    let timed = [format!("{seconds}.").as_bytes(), &call.body].concat();
    assert_eq!(call.header("x-bailiwick-signature"), format!("t={seconds},v1={}", hex(&timed)));
    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select secret from integrations where id = $1", &[id.into()]).await.expect("a row").expect("one");
    let sealed = row.blob("secret").expect("a secret");
    assert!(!sealed.windows(9).any(|part| part == b"topsecret"), "the key is encrypted");
    drop(tx);

    body(server.put(&format!("/api/integrations/{id}"), &token, json!({ "http": { "hmac_secret": "" } })).await, 200)
        .await;
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert!(receiver.take()[0].headers.get("x-gorgias-signature").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_get_integration_answers_stays_with_the_customer() {
    let (server, receiver, token) = start().await;
    let mut new = calling(&receiver.url("/orders"), &["ticket-created"]);
    new["http"]["method"] = json!("GET");
    let id = create(&server, &token, new).await;
    receiver.reply("/orders", Reply::status(200).body(r#"{"orders":[{"n":7}]}"#));

    let ticket_id = create_ticket(&server, &token).await;
    server.run_jobs().await;

    let shown = body(server.get(&format!("/api/tickets/{ticket_id}"), &token).await, 200).await;
    let customer_id = shown["customer"]["id"].as_i64().expect("an id");
    let customer = body(server.get(&format!("/api/customers/{customer_id}"), &token).await, 200).await;
    let known = json!({ "orders": [{ "n": 7 }], "__integration_type__": "http" });
    assert_eq!(customer["integrations"], json!({ (id.to_string()): known }));

    let other = json!({ "name": "Ada P", "channels": [{ "type": "email", "address": "ada.p@example.com" }] });
    let writer = server.token("customers:read customers:write tickets:write").await;
    let other = body(server.post("/api/customers", &writer, other).await, 201).await["id"].clone();
    let merge = format!("/api/customers/merge?source_id={customer_id}&target_id={other}");
    let merged = body(server.put(&merge, &writer, json!({ "name": "Ada" })).await, 200).await;
    assert_eq!(merged["integrations"], json!({ (id.to_string()): known }));
    let mut new = ticket();
    for path in ["/customer/email", "/messages/0/sender/email"] {
        *new.pointer_mut(path).expect("an address") = json!("eve@example.com");
    }
    let third = body(server.post("/api/tickets", &writer, new).await, 201).await["customer"]["id"].clone();
    server.run_jobs().await;
    let merge = format!("/api/customers/merge?source_id={third}&target_id={other}");
    body(server.put(&merge, &writer, json!({ "name": "Ada" })).await, 409).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_no_secrets_and_only_so_much() {
    let (server, receiver, token) = start().await;
    let mut new = calling(&receiver.url("/hook?api_key=k3y&id=1"), &["ticket-created"]);
    new["http"]["headers"] = json!({ "Authorization": "Bearer t0ken", "X-Api-Key": "k3y" });
    new["http"]["form"] = json!({ "password": "p4ss", "id": "{{ticket.id}}" });
    create(&server, &token, new).await;
    receiver.reply("/hook", Reply::status(200).body(vec![b'x'; 300_000]).header("set-cookie", "sid=c00kie"));

    create_ticket(&server, &token).await;
    server.run_jobs().await;

    assert_eq!(receiver.take()[0].path, "/hook?api_key=k3y&id=1");
    let mut tx = server.db.read().await.expect("read");
    let row = tx
        .row("select url, request_headers, request_body, response_headers, response_body from deliveries", &[])
        .await
        .expect("the log")
        .expect("a row");
    let kept: Vec<String> = ["url", "request_headers", "request_body", "response_headers", "response_body"]
        .map(|column| row.text(column).expect("a text"))
        .into();
    for secret in ["k3y", "t0ken", "p4ss", "c00kie"] {
        assert!(kept.iter().all(|text| !text.contains(secret)), "{secret} is in the log");
    }
    assert!(kept[1].contains("Bearer [hidden]"));
    assert_eq!(kept[4].len(), 64 * 1024 + '…'.len_utf8());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_one_ticket_are_first_made_in_the_order_of_its_events() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created", "ticket-updated"])).await;
    let other = server.token_for(Person::Agent, Dialect::Gorgias, ALL).await;
    let id = create_ticket(&server, &token).await;
    for n in 0..10 {
        let change = json!({ "subject": format!("Change {n}") });
        body(server.put(&format!("/api/tickets/{id}"), &other, change).await, 200).await;
    }

    server.run_jobs().await;

    let events: Vec<i64> = receiver.take().iter().map(|it| it.json()["event"]["id"].as_i64().expect("an id")).collect();
    assert_eq!(events.len(), 11);
    assert!(events.is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn old_calls_are_forgotten() {
    let (server, receiver, token) = start().await;
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-created"])).await;
    create_ticket(&server, &token).await;
    server.run_jobs().await;
    assert_eq!(states(&server).await.len(), 1);

    server.clock.advance(Duration::from_hours(31 * 24));
    helpdesk::integrations::cleanup::run(&server.db, server.clock.now()).await.expect("the job");

    assert!(states(&server).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_a_bot_lets_go_of_to_a_person_or_a_team_is_handed_over() {
    let (server, receiver, token) = start().await;
    let staff = server.token("users:write").await;
    let mut bots = Vec::new();
    for n in 0..2 {
        let new = json!({ "name": "Bot", "email": format!("bot{n}@demo.test"), "role": { "name": "bot" } });
        bots.push(body(server.post("/api/users", &staff, new).await, 201).await["id"].clone());
    }
    let team = body(server.post("/api/teams", &staff, json!({ "name": "Billing" })).await, 201).await["id"].clone();
    create(&server, &token, calling(&receiver.url("/hook"), &["ticket-handed-over"])).await;
    let id = create_ticket(&server, &token).await;
    // Somebody else than the app of the integration.
    let other = server.token_for(Person::Agent, Dialect::Gorgias, "tickets:write jobs:write").await;
    let path = format!("/api/tickets/{id}");
    let after = async |change: Value| {
        body(server.put(&path, &other, change).await, 200).await;
        server.run_jobs().await;
        receiver.take().len()
    };
    let to = |id: &Value| json!({ "assignee_user": { "id": id } });
    let agent = json!(server.agent_id);

    assert_eq!(after(to(&agent)).await, 0, "nobody lets go");
    assert_eq!(after(to(&bots[0])).await, 0, "a person lets go");
    assert_eq!(after(to(&bots[1])).await, 0, "another bot has it");
    assert_eq!(after(json!({ "assignee_user": null })).await, 0, "nobody has it");
    after(to(&bots[0])).await;
    assert_eq!(after(to(&agent)).await, 1);
    after(to(&bots[0])).await;
    assert_eq!(after(json!({ "assignee_user": null, "assignee_team": { "id": team } })).await, 1);
    after(to(&bots[0])).await;
    let params = json!({ "ticket_ids": [id], "updates": to(&agent) });
    body(server.post("/api/jobs", &other, json!({ "type": "updateTicket", "params": params })).await, 201).await;
    server.run_jobs().await;

    let received = receiver.take();
    assert_eq!(triggers(&received), ["ticket-handed-over"]);
    assert_eq!(received[0].json()["ticket"]["id"], id);
}
