//! `/api/custom-fields`, and the values under tickets and customers.

use serde_json::{Value, json};

use super::{body, ids, walk};
use crate::support::Server;

const ALL: &str =
    "custom_fields:read custom_fields:write tickets:read tickets:write customers:read customers:write events:read";

async fn field(server: &Server, token: &str, new: Value) -> Value {
    body(server.post("/api/custom-fields", token, new).await, 201).await
}

fn dropdown(object_type: &str, label: &str, choices: &[&str]) -> Value {
    json!({
        "object_type": object_type, "label": label,
        "definition": { "data_type": "text", "input_settings": { "input_type": "dropdown", "choices": choices } },
    })
}

fn text(object_type: &str, label: &str) -> Value {
    let definition = json!({ "data_type": "text", "input_settings": { "input_type": "input" } });
    json!({ "object_type": object_type, "label": label, "definition": definition })
}

fn number(object_type: &str, label: &str) -> Value {
    let settings = json!({ "input_type": "input_number", "min": 0, "max": 100.5 });
    json!({ "object_type": object_type, "label": label, "definition": { "data_type": "number", "input_settings": settings } })
}

fn flag(object_type: &str, label: &str) -> Value {
    let definition = json!({ "data_type": "boolean", "input_settings": { "input_type": "dropdown" } });
    json!({ "object_type": object_type, "label": label, "definition": definition })
}

fn message() -> Value {
    json!({
        "channel": "email", "via": "api", "from_agent": false, "sender": { "email": "ada@example.com" },
        "body_text": "Where is it?"
    })
}

async fn ticket(server: &Server, token: &str, custom_fields: Value) -> Value {
    let new = json!({ "messages": [message()], "custom_fields": custom_fields });
    body(server.post("/api/tickets", token, new).await, 201).await
}

/// Field ids and values of a ticket or customer as answered.
fn values(object: &Value) -> Vec<(String, Value)> {
    let fields = object["custom_fields"].as_object().expect("an object");
    fields.iter().map(|(id, entry)| (id.clone(), entry["value"].clone())).collect()
}

async fn latest_event(server: &Server, token: &str, kind: &str) -> Value {
    let list = body(server.get(&format!("/api/events?types={kind}&limit=1"), token).await, 200).await;
    list["data"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_shows_everything_that_it_was_made_with() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut new = dropdown("Ticket", "Contact reason", &["Shipping::Late", "Refund"]);
    new["managed_type"] = json!("contact_reason");
    new["priority"] = json!(10);

    let made = field(&server, &token, new).await;

    let at = "2026-03-02T09:00:00+00:00";
    assert_eq!(
        made,
        json!({
            "id": made["id"], "external_id": null, "object_type": "Ticket", "label": "Contact reason", "description": null,
            "priority": 10, "required": false, "requirement_type": "visible", "managed_type": "contact_reason",
            "definition": {
                "data_type": "text",
                "input_settings": { "input_type": "dropdown", "choices": ["Shipping::Late", "Refund"], "default": null },
            },
            "created_datetime": at, "updated_datetime": at, "deactivated_datetime": null,
        })
    );
    let shown = body(server.get(&format!("/api/custom-fields/{}/", made["id"]), &token).await, 200).await;
    assert_eq!(shown, made);
    let amount = field(&server, &token, number("Customer", "Discount")).await;
    let settings = json!({ "input_type": "input_number", "min": 0, "max": 100.5, "placeholder": null });
    assert_eq!(amount["definition"]["input_settings"], settings);
    let vip = field(&server, &token, flag("Customer", "VIP")).await;
    let settings = json!({ "input_type": "dropdown", "choices": [true, false], "default": null });
    assert_eq!(vip["definition"]["input_settings"], settings);
    body(server.get("/api/custom-fields/999", &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_listed_for_one_kind_of_object_by_priority() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut made = Vec::new();
    for priority in [3, 1, 2, 2, 0] {
        let mut new = text("Ticket", &format!("Field {priority}"));
        new["priority"] = json!(priority);
        made.push(field(&server, &token, new).await["id"].as_i64().unwrap());
    }
    let mut archived = text("Ticket", "Old");
    archived["deactivated_datetime"] = json!("2026-01-01T00:00:00Z");
    let archived = field(&server, &token, archived).await["id"].as_i64().unwrap();
    field(&server, &token, text("Customer", "Size")).await;

    let down = [made[0], made[3], made[2], made[1], made[4]];
    assert_eq!(walk(&server, "/api/custom-fields?object_type=Ticket&limit=2", &token).await, down);
    let list = body(server.get("/api/custom-fields?object_type=Ticket&order_by=priority:asc", &token).await, 200).await;
    assert_eq!(ids(&list), down.iter().rev().copied().collect::<Vec<_>>());
    let list = body(server.get("/api/custom-fields?object_type=Ticket&archived=true", &token).await, 200).await;
    assert_eq!(ids(&list), [archived]);
    let list = body(server.get("/api/custom-fields?object_type=Ticket&search=LD%203", &token).await, 200).await;
    assert_eq!(ids(&list), [made[0]]);

    let refused = body(server.get("/api/custom-fields", &token).await, 400).await;
    assert_eq!(refused["error"]["data"]["object_type"], json!(["Missing data for required field."]));
    for query in ["object_type=Order", "object_type=Ticket&archived=maybe", "object_type=Ticket&order_by=label:asc"] {
        body(server.get(&format!("/api/custom-fields?{query}"), &token).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_a_definition_is_refused_by_name() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let with = |key: &str, value: Value| {
        let mut new = text("Ticket", "A");
        new[key] = value;
        new
    };
    let defined = |data_type: &str, settings: Value| {
        with("definition", json!({ "data_type": data_type, "input_settings": settings }))
    };

    for (new, place) in [
        (json!({}), "/object_type"),
        (json!({}), "/label"),
        (json!({}), "/definition"),
        (with("object_type", json!("Order")), "/object_type"),
        (with("label", json!("")), "/label"),
        (with("label", json!("x".repeat(256))), "/label"),
        (with("description", json!("x".repeat(1025))), "/description"),
        (with("priority", json!(-1)), "/priority"),
        (with("priority", json!(5001)), "/priority"),
        (with("required", json!("yes")), "/required"),
        (with("requirement_type", json!("sometimes")), "/requirement_type"),
        (with("managed_type", json!("other")), "/managed_type"),
        (with("managed_type", json!("customer_type")), "/managed_type"),
        (with("deactivated_datetime", json!("soon")), "/deactivated_datetime"),
        (with("definition", Value::Null), "/definition"),
        (with("definition", json!({})), "/definition/data_type"),
        (defined("date", json!({})), "/definition/data_type"),
        (defined("text", Value::Null), "/definition/input_settings"),
        (defined("text", json!({})), "/definition/input_settings/input_type"),
        (defined("text", json!({ "input_type": "input_number" })), "/definition/input_settings/input_type"),
        (defined("text", json!({ "input_type": "dropdown" })), "/definition/input_settings/choices"),
        (defined("text", json!({ "input_type": "dropdown", "choices": [] })), "/definition/input_settings/choices"),
        (
            defined("text", json!({ "input_type": "dropdown", "choices": ["A", "A"] })),
            "/definition/input_settings/choices/1",
        ),
        (
            defined("text", json!({ "input_type": "dropdown", "choices": ["A::"] })),
            "/definition/input_settings/choices/0",
        ),
        (
            defined("text", json!({ "input_type": "dropdown", "choices": ["A"], "default": "B" })),
            "/definition/input_settings/default",
        ),
        (
            defined("number", json!({ "input_type": "input_number", "min": 2, "max": 1 })),
            "/definition/input_settings/max",
        ),
        (
            defined("boolean", json!({ "input_type": "dropdown", "choices": ["A"] })),
            "/definition/input_settings/choices/0",
        ),
    ] {
        let refused = body(server.post("/api/custom-fields", &token, new.clone()).await, 400).await;
        let problem = refused["error"]["data"].pointer(place);
        assert!(problem.is_some(), "{new}: {refused}");
    }
    let list = body(server.get("/api/custom-fields?object_type=Ticket", &token).await, 200).await;
    assert_eq!(list["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_changes_and_is_archived_but_keeps_its_object_and_type() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let made = field(&server, &token, text("Ticket", "Size")).await;
    let path = format!("/api/custom-fields/{}", made["id"]);

    body(server.put(&path, &token, json!({ "label": "Size" })).await, 400).await;
    let mut changed = text("Ticket", "Shoe size");
    changed["required"] = json!(true);
    changed["deactivated_datetime"] = json!("2026-02-01T00:00:00Z");
    let after = body(server.put(&path, &token, changed).await, 200).await;
    assert_eq!(
        (after["label"].as_str(), after["required"].as_bool(), after["requirement_type"].as_str()),
        (Some("Shoe size"), Some(true), Some("required"))
    );
    assert_eq!(after["deactivated_datetime"], "2026-02-01T00:00:00+00:00");
    // Whoever sends a field back as it is changes nothing.
    assert_eq!(body(server.put(&path, &token, after.clone()).await, 200).await, after);
    body(server.put(&path, &token, text("Customer", "Shoe size")).await, 400).await;
    body(server.put(&path, &token, number("Ticket", "Shoe size")).await, 400).await;
    body(server.put("/api/custom-fields/999", &token, text("Ticket", "A")).await, 404).await;

    let other = field(&server, &token, text("Ticket", "Color")).await;
    let many = json!([{ "id": other["id"], "priority": 7 }, { "id": made["id"], "deactivated_datetime": null }]);
    let many = body(server.put("/api/custom-fields", &token, many).await, 200).await;
    assert_eq!((many[0]["priority"].as_i64(), many[1]["deactivated_datetime"].clone()), (Some(7), Value::Null));
    let half = json!([{ "id": other["id"], "priority": 9 }, { "id": 999, "priority": 1 }]);
    let refused = body(server.put("/api/custom-fields", &token, half).await, 400).await;
    assert!(refused["error"]["data"]["1"]["id"].is_array(), "{refused}");
    let unchanged = body(server.get(&format!("/api/custom-fields/{}", other["id"]), &token).await, 200).await;
    assert_eq!(unchanged["priority"], 7);
    for wrong in [json!({}), json!([1]), json!([{}]), json!([{ "id": -1 }])] {
        body(server.put("/api/custom-fields", &token, wrong).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_takes_values_of_each_type_and_shows_them_everywhere() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let reason = field(&server, &token, dropdown("Ticket", "Reason", &["Shipping::Late", "Refund"])).await;
    let amount = field(&server, &token, number("Ticket", "Amount")).await;
    let vip = field(&server, &token, flag("Ticket", "VIP")).await;
    let note = field(&server, &token, text("Ticket", "Note")).await;
    let sent = json!([
        { "id": reason["id"], "value": "Shipping::Late" }, { "id": amount["id"], "value": 12.5 },
        { "id": vip["id"], "value": false }, { "id": note["id"], "value": "" },
    ]);

    let made = ticket(&server, &token, sent).await;

    let key = reason["id"].to_string();
    assert_eq!(
        made["custom_fields"],
        json!({
            key.clone(): { "id": reason["id"], "value": "Shipping::Late", "prediction": null },
            amount["id"].to_string(): { "id": amount["id"], "value": 12.5, "prediction": null },
            vip["id"].to_string(): { "id": vip["id"], "value": false, "prediction": null },
        })
    );
    let path = format!("/api/tickets/{}", made["id"]);
    assert_eq!(body(server.get(&path, &token).await, 200).await["custom_fields"], made["custom_fields"]);
    ticket(&server, &token, Value::Null).await;
    let list = body(server.get("/api/tickets?order_by=created_datetime:asc", &token).await, 200).await;
    assert_eq!(list["data"][0]["custom_fields"], made["custom_fields"]);
    assert_eq!(list["data"][1]["custom_fields"], json!({}));
    let event = latest_event(&server, &token, "ticket-created").await;
    assert!(event.is_object());

    // Sent back as it was shown, nothing changes; with fewer, the others go.
    let same = body(server.put(&path, &token, json!({ "custom_fields": made["custom_fields"] })).await, 200).await;
    assert_eq!(same["updated_datetime"], made["updated_datetime"]);
    let one = json!({ "custom_fields": [{ "id": amount["id"], "value": 3 }] });
    let one = body(server.put(&path, &token, one).await, 200).await;
    assert_eq!(values(&one), [(amount["id"].to_string(), json!(3))]);

    let shown = body(server.get(&format!("{path}/custom-fields"), &token).await, 200).await;
    assert_eq!(shown, json!({ "data": [{ "field": amount, "value": 3, "prediction": null }] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_ticket_are_set_one_by_one_or_several_at_once() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let size = field(&server, &token, text("Ticket", "Size")).await;
    let amount = field(&server, &token, number("Ticket", "Amount")).await;
    let made = ticket(&server, &token, json!([{ "id": size["id"], "value": "L" }])).await;
    let path = format!("/api/tickets/{}/custom-fields", made["id"]);
    let one = format!("{path}/{}", amount["id"]);

    // What is not sent stays.
    let all = body(server.put(&path, &token, json!([{ "id": amount["id"], "value": 1 }])).await, 200).await;
    assert_eq!(
        all,
        json!([
            { "field": amount, "value": 1, "prediction": null },
            { "field": size, "value": "L", "prediction": null },
        ])
    );
    let event = latest_event(&server, &token, "ticket-updated").await;
    assert_eq!(event["object_id"], made["id"]);
    let set = body(server.put(&one, &token, json!({ "id": amount["id"], "value": 2 })).await, 200).await;
    assert_eq!(set, json!({ "field": amount, "value": 2, "prediction": null }));
    assert_eq!(server.delete(&one, &token).await.status(), 204);
    body(server.delete(&one, &token).await, 400).await;
    let cleared = json!({ "id": size["id"], "value": null });
    let cleared = body(server.put(&format!("{path}/{}", size["id"]), &token, cleared).await, 200).await;
    assert_eq!(cleared["value"], Value::Null);
    assert_eq!(body(server.get(&path, &token).await, 200).await, json!({ "data": [] }));

    let other = field(&server, &token, text("Customer", "Other")).await;
    for (wrong, place) in [
        (json!([{ "id": amount["id"], "value": "x" }]), "/0/value"),
        (json!([{ "id": amount["id"], "value": 101 }]), "/0/value"),
        (json!([{ "id": size["id"], "value": "M" }, { "id": size["id"], "value": 1 }]), "/1/value"),
        (json!([{ "id": size["id"], "value": ["M"] }]), "/0/value"),
        (json!([{ "id": size["id"], "value": "x".repeat(10_001) }]), "/0/value"),
        (json!([{ "id": 999, "value": "M" }]), "/0/id"),
        (json!([{ "id": other["id"], "value": "M" }]), "/0/id"),
        (json!([{ "value": "M" }]), "/0/id"),
        (json!([{ "id": size["id"] }]), "/0/value"),
        (json!([7]), "/0"),
    ] {
        let refused = body(server.put(&path, &token, wrong.clone()).await, 400).await;
        assert!(refused["error"]["data"].pointer(place).is_some(), "{wrong}: {refused}");
    }
    body(server.put(&path, &token, json!({})).await, 400).await;
    body(server.put(&one, &token, json!({ "id": size["id"], "value": 1 })).await, 400).await;
    let refused = body(server.put(&one, &token, json!({ "id": amount["id"], "value": true })).await, 400).await;
    assert!(refused["error"]["data"]["value"].is_array(), "{refused}");
    body(server.put(&format!("{path}/999"), &token, json!({ "id": 999, "value": 1 })).await, 404).await;
    body(server.get("/api/tickets/999/custom-fields", &token).await, 404).await;
    body(server.put("/api/tickets/999/custom-fields", &token, json!([])).await, 404).await;
    body(server.delete(&format!("{path}/999"), &token).await, 404).await;
    assert_eq!(body(server.get(&path, &token).await, 200).await, json!({ "data": [] }));
    let create = json!({ "messages": [message()], "custom_fields": [{ "id": size["id"], "value": 1 }] });
    let refused = body(server.post("/api/tickets", &token, create).await, 400).await;
    assert!(refused["error"]["data"]["custom_fields"]["0"]["value"].is_array(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_built_in_field_must_not_be_left_out() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut reason = dropdown("Ticket", "Reason", &["A", "B"]);
    reason["managed_type"] = json!("contact_reason");
    reason["required"] = json!(true);
    let reason = field(&server, &token, reason).await;
    let size = field(&server, &token, text("Ticket", "Size")).await;
    let made = ticket(&server, &token, json!([])).await;
    let path = format!("/api/tickets/{}/custom-fields", made["id"]);

    let size_alone = json!([{ "id": size["id"], "value": "L" }]);
    let refused = body(server.put(&path, &token, size_alone.clone()).await, 400).await;
    assert!(refused["error"]["data"][reason["id"].to_string()].is_array(), "{refused}");
    assert_eq!(body(server.get(&path, &token).await, 200).await, json!({ "data": [] }));
    body(server.put(&path, &token, json!([{ "id": reason["id"], "value": "A" }])).await, 200).await;
    body(server.put(&path, &token, size_alone).await, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_stay_when_their_field_is_archived_or_their_choice_is_gone() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let reason = field(&server, &token, dropdown("Ticket", "Reason", &["A", "B"])).await;
    let made = ticket(&server, &token, json!([{ "id": reason["id"], "value": "A" }])).await;
    let path = format!("/api/tickets/{}", made["id"]);
    let mut changed = dropdown("Ticket", "Reason", &["B", "C"]);
    changed["deactivated_datetime"] = json!("2026-02-01T00:00:00Z");
    body(server.put(&format!("/api/custom-fields/{}", reason["id"]), &token, changed).await, 200).await;

    let shown = body(server.get(&path, &token).await, 200).await;
    assert_eq!(values(&shown), [(reason["id"].to_string(), json!("A"))]);
    let back = json!({ "subject": "New", "custom_fields": shown["custom_fields"] });
    assert_eq!(values(&body(server.put(&path, &token, back).await, 200).await), values(&shown));
    let new = json!([{ "id": reason["id"], "value": "B" }]);
    body(server.put(&format!("{path}/custom-fields"), &token, new).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_values_too_and_gives_them_on_when_merged() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let kind = field(&server, &token, dropdown("Customer", "Kind", &["VIP", "New"])).await;
    let size = field(&server, &token, text("Customer", "Size")).await;
    let sent = json!({ "email": "ada@example.com", "custom_fields": [{ "id": kind["id"], "value": "VIP" }] });

    let ada = body(server.post("/api/customers", &token, sent).await, 201).await;

    let path = format!("/api/customers/{}", ada["id"]);
    let entry = json!({ "id": kind["id"], "value": "VIP", "prediction": null });
    assert_eq!(ada["custom_fields"], json!({ kind["id"].to_string(): entry }));
    assert_eq!(body(server.get(&path, &token).await, 200).await, ada);
    let list = body(server.get("/api/customers", &token).await, 200).await;
    assert_eq!(list["data"][0]["custom_fields"], ada["custom_fields"]);
    assert_eq!(
        body(server.get(&format!("{path}/custom-fields"), &token).await, 200).await,
        json!({ "data": [{ "field": kind, "value": "VIP", "prediction": null }] })
    );
    let set = json!([{ "id": size["id"], "value": "L" }]);
    let all = body(server.put(&format!("{path}/custom-fields"), &token, set).await, 200).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let event = latest_event(&server, &token, "customer-updated").await;
    assert_eq!(event["object_id"], ada["id"]);
    let one = format!("{path}/custom-fields/{}", size["id"]);
    let set = body(server.put(&one, &token, json!({ "id": size["id"], "value": "M" })).await, 200).await;
    assert_eq!(set, json!({ "field": size, "value": "M", "prediction": null }));
    assert_eq!(server.delete(&one, &token).await.status(), 204);
    body(server.delete(&one, &token).await, 400).await;
    body(server.put(&one, &token, json!({ "id": size["id"], "value": 7 })).await, 400).await;
    body(server.get("/api/customers/999/custom-fields", &token).await, 404).await;
    body(server.put(&path, &token, json!({ "custom_fields": null })).await, 400).await;
    body(server.put(&path, &token, json!({ "custom_fields": { "x": {} } })).await, 400).await;

    let bo = json!({ "custom_fields": { size["id"].to_string(): { "value": "S" } } });
    let bo = body(server.post("/api/customers", &token, bo).await, 201).await;
    let merge = format!("/api/customers/merge?source_id={}&target_id={}", bo["id"], ada["id"]);
    let merged = body(server.put(&merge, &token, json!({ "name": "Ada" })).await, 200).await;
    assert_eq!(merged["custom_fields"].as_object().unwrap().len(), 2);
    let gone = body(server.put(&path, &token, json!({ "custom_fields": [] })).await, 200).await;
    assert_eq!(gone["custom_fields"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_needs_its_own_scope() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let size = field(&server, &token, text("Ticket", "Size")).await;
    let made = ticket(&server, &token, json!([])).await;
    let fields = server.token("custom_fields:read custom_fields:write").await;
    let tickets = server.token("tickets:read tickets:write customers:read customers:write").await;
    let reader = server.token("custom_fields:read tickets:read customers:read").await;
    let path = format!("/api/tickets/{}/custom-fields", made["id"]);
    let customer = format!("/api/customers/{}/custom-fields", made["customer"]["id"]);
    let value = json!([{ "id": size["id"], "value": "L" }]);

    body(server.get("/api/custom-fields?object_type=Ticket", &tickets).await, 403).await;
    body(server.post("/api/custom-fields", &reader, text("Ticket", "A")).await, 403).await;
    body(server.put("/api/custom-fields", &reader, json!([])).await, 403).await;
    for path in [&path, &customer] {
        body(server.get(path, &fields).await, 403).await;
        body(server.put(path, &fields, value.clone()).await, 403).await;
        body(server.put(path, &reader, value.clone()).await, 403).await;
        body(server.delete(&format!("{path}/{}", size["id"]), &reader).await, 403).await;
    }
    body(server.put(&path, &tickets, value).await, 200).await;
}
