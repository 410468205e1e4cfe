//! What a write answers has the status, the fields and the types of the document, as what is read has (`contract.rs`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::body;
use super::contract::addresses;
use super::files::{sent, uploaded};
use super::interface::{Operation, Writer, all_words, document, operations};
use crate::support::Server;
use crate::support::shape::Shapes;

/// Objects of each kind that are sent back.
const SENT_BACK: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_write_answers_with_the_fields_and_types_of_the_document() {
    let server = Server::start().await;
    let token = server.token(&all_words()).await;
    let mut writer = Writer { server: &server, token: &token, n_written: 0 };
    let document = document(&server).await;
    let shapes = Shapes { document: &document };
    let operations = operations(&document);
    writer.furnish().await;
    let mut answers: Vec<(&Operation<'_>, Value)> = Vec::new();

    // What is made.
    for operation in operations.iter().filter(|it| it.method == "POST" && it.answer().is_some()) {
        let path = operation.path.replace("{ticket_id}", "1");
        if let Some(made) = writer.make(&path, None).await {
            answers.push((operation, made));
        }
    }
    server.run_jobs().await;
    // What was read, sent back whole.
    for operation in operations.iter().filter(|it| it.method == "PUT" && it.path.ends_with('}')) {
        let Some(show) = operations.iter().find(|it| it.method == "GET" && it.path == operation.path) else { continue };
        for path in addresses(&server, &token, &shapes, &operations, show).await.iter().take(SENT_BACK) {
            let whole = body(server.get(path, &token).await, 200).await;
            let answer = body(server.put(path, &token, whole).await, operation.status()).await;
            answers.push((operation, answer));
        }
    }
    for (id, path, sent) in others(&server, &token).await {
        let operation = operations.iter().find(|it| it.id == id).unwrap_or_else(|| panic!("{id} is not there"));
        let request =
            server.http.request(operation.method.parse().expect("a method"), format!("{}{path}", server.base));
        let answer = request.bearer_auth(&token).json(&sent).send().await.expect("send");
        answers.push((operation, body(answer, operation.status()).await));
    }
    let upload = operations.iter().find(|it| it.id == "files.upload").expect("the upload");
    answers.push((upload, json!([uploaded(&server, &token, "", sent("a.txt", "text/plain", b"hello")).await])));

    let wrong: BTreeSet<String> = answers
        .iter()
        .flat_map(|(operation, answer)| {
            let schema = operation.answer().expect("a schema");
            shapes.breaches(schema, answer).into_iter().map(|it| format!("{} {it}", operation.id))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    let seen: BTreeSet<&str> = answers.iter().map(|(operation, _)| operation.id).collect();
    let unseen: Vec<&str> = operations
        .iter()
        .filter(|it| it.method != "GET" && it.answer().is_some() && !seen.contains(it.id))
        .map(|it| it.id)
        .collect();
    assert!(unseen.is_empty(), "nobody called {unseen:?}");
    server.run_jobs().await;
}

/// The other writes: operation, address and body.
async fn others(server: &Server, token: &str) -> Vec<(&'static str, String, Value)> {
    let read = async |path: &str| body(server.get(path, token).await, 200).await["data"].clone();
    let made = async |path: &str, new: Value| body(server.post(path, token, new).await, 201).await;
    let of_tickets = read("/api/custom-fields?object_type=Ticket").await[0].clone();
    let of_customers = read("/api/custom-fields?object_type=Customer").await[0].clone();
    let (tickets, customers) = (read("/api/tickets").await, read("/api/customers").await);
    let (ticket, customer) = (&tickets[0]["id"], &customers[0]["id"]);
    let (rule, a_macro) = (read("/api/rules").await[0].clone(), read("/api/macros").await[0].clone());
    let setting = json!({ "type": "auto-merge", "data": { "tickets": { "enabled": true, "merging_window_days": 3 } } });
    let hours = read("/api/account/settings").await[0].clone();
    let tags = [made("/api/tags", json!({ "name": "kept" })).await, made("/api/tags", json!({ "name": "gone" })).await];
    let period =
        json!({ "period": { "start_datetime": "2026-03-02T00:00:00Z", "end_datetime": "2026-03-02T23:59:59Z" } });
    let report = json!({ "query": {
        "scope": "tickets-created", "timezone": "UTC", "dimensions": ["channel"],
        "filters": [
            { "member": "periodStart", "operator": "afterDate", "values": ["2026-03-01T00:00:00.000"] },
            { "member": "periodEnd", "operator": "beforeDate", "values": ["2026-03-31T23:59:59.000"] },
        ],
    } });
    let set = |field: &Value| json!({ "id": field["id"], "value": "Small" });
    let (of_ticket, of_customer) = (&of_tickets["id"], &of_customers["id"]);
    let split = made("/api/tickets", json!({
        "subject": "Two things", "customer": { "email": "two@example.com" }, "channel": "email", "via": "api",
        "messages": (0..2).map(|n| json!({
            "channel": "email", "via": "api", "from_agent": false, "sender": { "email": "two@example.com" }, "body_text": format!("Part {n}"),
        })).collect::<Vec<_>>(),
    }))
    .await;
    let mut all = vec![
        ("account_settings.create", "/api/account/settings".to_owned(), setting),
        ("account_settings.update", format!("/api/account/settings/{}", hours["id"]), hours),
        ("custom_fields.updateMany", "/api/custom-fields".to_owned(), json!([{ "id": of_ticket, "priority": 7 }])),
        ("customers.updateFields", format!("/api/customers/{customer}/custom-fields"), json!([set(&of_customers)])),
        ("customers.updateField", format!("/api/customers/{customer}/custom-fields/{of_customer}"), set(&of_customers)),
        ("ticket_custom_fields.updateMany", format!("/api/tickets/{ticket}/custom-fields"), json!([set(&of_tickets)])),
        ("ticket_custom_fields.update", format!("/api/tickets/{ticket}/custom-fields/{of_ticket}"), set(&of_tickets)),
        (
            "view_items.updateMany",
            "/api/views/0/items".to_owned(),
            json!({ "view": { "type": "ticket-list", "filters": "" } }),
        ),
        ("macros.archive", "/api/macros/archive".to_owned(), json!({ "ids": [a_macro["id"], 999_999] })),
        ("macros.unarchive", "/api/macros/unarchive".to_owned(), json!({ "ids": [a_macro["id"], 999_999] })),
        (
            "rules.setPriorities",
            "/api/rules/priorities".to_owned(),
            json!({ "priorities": [{ "id": rule["id"], "priority": 9 }] }),
        ),
        ("tags.merge", format!("/api/tags/{}/merge", tags[0]["id"]), json!({ "source_tags_ids": [tags[1]["id"]] })),
        ("statistics.report", "/api/reporting/stats".to_owned(), report),
        ("statistics.legacy", "/api/stats/overview".to_owned(), json!({ "filters": period })),
        ("jobs.undo", format!("/api/jobs/{}/undo", read("/api/jobs").await[0]["id"]), json!({})),
        (
            "tickets.split",
            format!("/api/tickets/{}/split", split["id"]),
            json!({ "message_ids": [split["messages"][1]["id"]] }),
        ),
        ("tickets.merge", format!("/api/tickets/{ticket}/merge"), json!({ "source_tickets_ids": [tickets[1]["id"]] })),
        (
            "customers.merge",
            format!("/api/customers/merge?source_id={}&target_id={customer}", customers[1]["id"]),
            json!({ "name": "Merged" }),
        ),
    ];
    for kind in ["customer", "customer_channel", "agent", "team", "tag", "integration"] {
        all.push(("search.search", "/api/search".to_owned(), json!({ "type": kind, "query": "" })));
    }
    let presence = format!("/api/tickets/{ticket}/presence");
    all.push(("tickets.setPresence", presence, json!({ "state": "looking" })));
    all
}
