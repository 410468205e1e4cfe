//! `/api/v2/ticket_audits`, and the audits of one ticket.

use std::time::Duration;

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, ticket};
use crate::support::{Person, Server};

/// The entries of an audit of one type.
fn of_type<'a>(audit: &'a Value, kind: &str) -> Vec<&'a Value> {
    audit["events"].as_array().expect("a list").iter().filter(|event| event["type"] == kind).collect()
}

/// What changed: field, before, after.
fn changes(audit: &Value) -> Vec<(String, Value, Value)> {
    let told = of_type(audit, "Change").into_iter();
    let mut told: Vec<(String, Value, Value)> = told
        .map(|it| {
            (it["field_name"].as_str().expect("a name").to_owned(), it["previous_value"].clone(), it["value"].clone())
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

async fn change(server: &Server, token: &str, id: i64, change: Value) -> Value {
    server.clock.advance(Duration::from_secs(5));
    body(server.put(&format!("/api/v2/tickets/{id}"), token, json!({ "ticket": change })).await, 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_update_is_one_audit_with_everything_that_it_changed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (customer(&server, &all, "Cleo").await, customer(&server, &all, "Dan").await);
    let field = json!({ "ticket_field": { "type": "text", "title": "Order" } });
    let field = body(server.post("/api/v2/ticket_fields", &all, field).await, 201).await["ticket_field"].clone();
    let brand = json!({ "brand": { "name": "Shoes", "subdomain": "shoes" } });
    let brand = body(server.post("/api/v2/brands", &all, brand).await, 201).await["brand"].clone();
    let status = json!({ "custom_status": { "status_category": "hold", "agent_label": "Parts" } });
    let status = body(server.post("/api/v2/custom_statuses", &all, status).await, 201).await["custom_status"].clone();
    let first = json!({ "ticket": { "subject": "Old", "requester_id": cleo["id"], "tags": ["one"], "comment": { "body": "Help" } } });
    let made = body(server.post("/api/v2/tickets", &all, first).await, 201).await;
    let ticket_id = id(&made["ticket"]);

    let written = change(
        &server,
        &all,
        ticket_id,
        json!({
            "subject": "New", "priority": "high", "type": "task", "due_at": "2026-04-01T00:00:00Z", "assignee_id": server.agent_id,
            "custom_status_id": status["id"], "brand_id": brand["id"], "tags": ["two"], "external_id": "x1",
            "custom_fields": [{ "id": field["id"], "value": "A-7" }], "email_cc_ids": [dan["id"]], "follower_ids": [server.agent_id],
            "comment": { "body": "A note", "public": false },
        }),
    )
    .await;
    let told = get(&server, &format!("/api/v2/tickets/{ticket_id}/audits?include=users,tickets"), &all).await;

    let audits = told["audits"].as_array().expect("a list");
    assert_eq!(audits.len(), 2, "{told}");
    assert_eq!(audits[1], written["audit"], "what a write answers is what the list says");
    assert_eq!([&audits[0]["ticket_id"], &audits[0]["author_id"]], [&json!(ticket_id), &json!(server.admin_id)]);
    let created = of_type(&audits[0], "Create");
    let says = |name: &str, value: Value| created.iter().any(|it| it["field_name"] == name && it["value"] == value);
    assert!(says("subject", json!("Old")) && says("status", json!("new")), "{created:?}");
    assert!(says("requester_id", json!(cleo["id"].to_string())), "{created:?}");
    let comment = of_type(&audits[0], "Comment")[0];
    assert_eq!(
        [&comment["body"], &comment["public"], &comment["audit_id"]],
        [&json!("Help"), &json!(true), &audits[0]["id"]]
    );
    let text = |value: &Value| json!(value.to_string());
    let field_name = field["id"].to_string();
    let expected = [
        (field_name.as_str(), Value::Null, json!("A-7")),
        ("assignee_id", Value::Null, json!(server.agent_id.to_string())),
        ("brand_id", Value::Null, text(&brand["id"])),
        ("custom_status_id", Value::Null, text(&status["id"])),
        ("due_at", Value::Null, json!("2026-04-01T00:00:00Z")),
        ("external_id", Value::Null, json!("x1")),
        ("priority", json!("normal"), json!("high")),
        ("status", json!("new"), json!("hold")),
        ("subject", json!("Old"), json!("New")),
        ("tags", json!(["one"]), json!([])),
        ("tags", json!([]), json!(["two"])),
        ("type", Value::Null, json!("task")),
    ];
    let expected: Vec<(String, Value, Value)> =
        expected.into_iter().map(|(name, before, after)| (name.to_owned(), before, after)).collect();
    assert_eq!(changes(&audits[1]), expected);
    assert_eq!(of_type(&audits[1], "Comment")[0]["public"], false);
    assert_eq!(of_type(&audits[1], "Cc")[0]["recipients"], json!([dan["id"]]));
    assert_eq!(of_type(&audits[1], "FollowerChange")[0]["value"], json!([server.agent_id]));
    assert_eq!(audits[1]["via"]["channel"], "api");
    assert_eq!(audits[1]["metadata"]["system"]["client"], "A test app");
    let mut entries: Vec<i64> = ids(&audits[1]["events"]);
    entries.sort_unstable();
    entries.dedup();
    assert_eq!(entries.len(), audits[1]["events"].as_array().expect("a list").len(), "each entry has an id of its own");
    assert_eq!(ids(&told["users"]), [server.admin_id]);
    assert_eq!(ids(&told["tickets"]), [ticket_id]);
    let comments = get(&server, &format!("/api/v2/tickets/{ticket_id}/comments"), &all).await;
    assert_eq!(comments["comments"][1]["audit_id"], audits[1]["id"]);
    assert_eq!(comments["comments"][1]["id"], of_type(&audits[1], "Comment")[0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn audits_are_paged_in_both_ways_counted_and_shown() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({})).await;
    for subject in ["a", "b", "c"] {
        change(&server, &all, id(&made), json!({ "subject": subject })).await;
    }
    let path = format!("/api/v2/tickets/{}/audits", id(&made));

    let whole = get(&server, &path, &all).await;
    let second = get(&server, &format!("{path}?per_page=2&page=2"), &all).await;
    let first = get(&server, &format!("{path}?page[size]=3"), &all).await;
    let next =
        first["links"]["next"].as_str().expect("an address").strip_prefix(&server.base).expect("ours").to_owned();
    let rest = get(&server, &next, &all).await;
    let falling = get(&server, &format!("{path}?page[size]=1&sort=-created_at"), &all).await;

    let known = ids(&whole["audits"]);
    assert_eq!([&whole["count"], &json!(known.len())], [&json!(4), &json!(4)]);
    assert_eq!(ids(&second["audits"]), known[2..]);
    assert_eq!([ids(&first["audits"]), ids(&rest["audits"])].concat(), known);
    assert_eq!(ids(&falling["audits"]), known[3..]);
    assert_eq!(get(&server, &format!("{path}/count"), &all).await["count"]["value"], 4);
    let one = get(&server, &format!("{path}/{}", known[1]), &all).await;
    assert_eq!(one["audit"], whole["audits"][1]);
    for wrong in [format!("{path}/{}", known[1] + 987_654), "/api/v2/tickets/987/audits".to_owned()] {
        assert_eq!(server.get(&wrong, &all).await.status(), 404, "{wrong}");
    }
    let other = ticket(&server, &all, json!({})).await;
    let of_other = format!("/api/v2/tickets/{}/audits/{}", id(&other), known[1]);
    assert_eq!(server.get(&of_other, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_audits_are_walked_back_and_polled_for_new_ones_by_administrators() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read").await;
    for subject in ["a", "b", "c", "d", "e"] {
        ticket(&server, &all, json!({ "subject": subject })).await;
        server.clock.advance(Duration::from_secs(1));
    }
    let path_of = |address: &Value| {
        address.as_str().expect("an address").strip_prefix(&server.base).expect("an address of ours").to_owned()
    };

    let first = get(&server, "/api/v2/ticket_audits?limit=2&sort_by=created_at&sort_order=desc", &all).await;
    let mut seen = ids(&first["audits"]);
    let mut page = first.clone();
    while page["before_url"].is_string() {
        page = get(&server, &path_of(&page["before_url"]), &all).await;
        seen.extend(ids(&page["audits"]));
    }

    let mut falling = seen.clone();
    falling.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!((seen.len(), &falling), (5, &seen), "the newest first, none twice");
    let none = get(&server, &path_of(&first["after_url"]), &all).await;
    assert_eq!(none["audits"], json!([]));
    let new = ticket(&server, &all, json!({})).await;
    let polled = get(&server, &path_of(&none["after_url"]), &all).await;
    assert_eq!(polled["audits"][0]["ticket_id"], new["id"]);
    let by_cursor = get(&server, "/api/v2/ticket_audits?page[size]=100&include=users", &all).await;
    assert_eq!([&by_cursor["meta"]["has_more"], &by_cursor["before_url"]], [&json!(false), &Value::Null]);
    assert_eq!(ids(&by_cursor["users"]), [server.admin_id]);
    assert_eq!(
        get(&server, "/api/v2/ticket_audits?page[size]=200", &all).await["audits"].as_array().map(Vec::len),
        Some(6)
    );
    assert_eq!(server.get("/api/v2/ticket_audits", &agent).await.status(), 403);
    assert_eq!(server.get("/api/v2/ticket_audits?cursor=x", &all).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_did_is_an_audit_of_the_system() {
    let server = Server::start().await;
    let all = all(&server).await;
    let rules = server.token("rules:read rules:write").await;
    let code = "if (containsAny(message.body_text, ['Hm'])) { Action('addTags', { tags: 'seen' }) }";
    let rule = json!({ "name": "Sees", "code": code, "event_types": "ticket-created" });
    body(server.post("/api/rules", &rules, rule).await, 201).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let record = json!({ "requester_id": cleo["id"], "comment": { "body": "Hm", "author_id": cleo["id"] } });
    let made = ticket(&server, &all, record).await;

    server.clock.advance(Duration::from_secs(1));
    server.run_jobs().await;

    let told = get(&server, &format!("/api/v2/tickets/{}/audits", id(&made)), &all).await;
    let audits = told["audits"].as_array().expect("a list");
    assert_eq!(audits.len(), 2, "{told}");
    assert_eq!([&audits[1]["author_id"], &audits[1]["via"]["channel"]], [&json!(-1), &json!("rule")]);
    assert_eq!(audits[1]["via"]["source"]["from"]["title"], "Sees");
    assert_eq!(changes(&audits[1])[0].2, json!(["seen"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_made_private_by_its_audit_and_a_redacted_text_is_gone_everywhere() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({ "comment": { "body": "My card is 4111." } })).await;
    let path = format!("/api/v2/tickets/{}/audits", id(&made));
    let audit = id(&get(&server, &path, &all).await["audits"][0]);
    let comments = format!("/api/v2/tickets/{}/comments", id(&made));
    let comment = id(&get(&server, &comments, &all).await["comments"][0]);

    server.clock.advance(Duration::from_secs(1));
    body(server.put(&format!("{path}/{audit}/make_private"), &all, json!({})).await, 200).await;
    server.clock.advance(Duration::from_secs(1));
    let redact = json!({ "text": "4111" });
    body(server.put(&format!("{comments}/{comment}/redact"), &all, redact).await, 200).await;

    let told = get(&server, &path, &all).await;
    assert_eq!(of_type(&told["audits"][1], "CommentPrivacyChange")[0]["comment_id"], comment);
    assert_eq!(of_type(&told["audits"][2], "CommentRedactionEvent")[0]["comment_id"], comment);
    assert_eq!(of_type(&told["audits"][0], "Comment")[0]["body"], "My card is ▇▇▇▇.");
    let events = server.token("events:read tickets:read").await;
    for path in ["/api/events?limit=100".to_owned(), format!("/api/tickets/{}", id(&made))] {
        let text = body(server.get(&path, &events).await, 200).await.to_string();
        assert!(!text.contains("4111"), "{path}: {text}");
    }
    let change_only = change(&server, &all, id(&made), json!({ "subject": "x" })).await;
    let without = format!("{path}/{}/make_private", id(&change_only["audit"]));
    assert_eq!(server.put(&without, &all, json!({})).await.status(), 404, "it brought no comment");
}
