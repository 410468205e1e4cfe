//! `/api/messages` and `/api/tickets/{ticket_id}/messages` over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::body as ok;
use super::tickets::{SCOPE, create, email, events};
use crate::support::Server;

/// A ticket, and the path of its messages.
async fn ticket(server: &Server, token: &str) -> (Value, String) {
    let ticket = create(server, token, json!({})).await;
    let path = format!("/api/tickets/{}/messages", ticket["id"]);
    (ticket, path)
}

/// Adds a message and answers it.
async fn add(server: &Server, token: &str, path: &str, message: Value) -> Value {
    ok(server.post(path, token, message).await, 201).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_back_with_every_field_that_was_sent() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (ticket, path) = ticket(&server, &token).await;
    let source = json!({
        "type": "email", "from": { "name": "Shop", "address": "help@shop.example" },
        "to": [{ "name": "Ada", "address": "ada@example.com" }], "cc": [{ "name": null, "address": "c@example.com" }],
        "bcc": [], "extra": { "include_thread": true },
    });
    let attachment = json!({ "url": "https://files.example/a.pdf", "name": "a.pdf", "content_type": "application/pdf", "size": 12, "public": false, "extra": { "k": 1 } });
    let action = json!({ "name": "addTags", "title": "Add tag", "type": "system", "description": null, "arguments": { "tags": "x" } });
    let mut sent = json!({
        "channel": "email", "via": "helpdesk", "from_agent": true, "public": true, "subject": "Re: order", "source": source,
        "sender": { "email": "Agent@demo.test" }, "receiver": { "id": ticket["customer"]["id"] }, "integration_id": 21,
        "body_text": "Soon.", "body_html": "<p>Soon.</p>", "stripped_text": "So", "stripped_html": "<p>So</p>", "stripped_signature": "S",
        "attachments": [attachment], "macros": [{ "id": 3 }], "actions": [action], "headers": { "X-A": "b" }, "meta": { "m": [] },
        "mention_ids": [server.agent_id], "message_id": "<a@b>", "external_id": "m-1", "imported": true,
        "created_datetime": "2026-02-01T00:00:00.5Z", "sent_datetime": "2026-02-01T00:00:01Z", "failed_datetime": null,
        "opened_datetime": "2026-02-02T00:00:00Z", "deleted_datetime": null, "last_sending_error": { "error": "none" },
    });

    let created = add(&server, &token, &path, sent.clone()).await;
    let shown = ok(server.get(&format!("{path}/{}", created["id"]), &token).await, 200).await;

    assert_eq!(shown, created);
    let keys: BTreeSet<&str> = shown.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> =
        "id uri ticket_id message_id external_id public channel via source sender receiver from_agent integration_id rule_id subject
         body_text body_html stripped_text stripped_html stripped_signature attachments macros actions headers intents
         auth_customer_identity meta imported is_retriable last_sending_error replied_by replied_to created_datetime
         processed_datetime sent_datetime failed_datetime deleted_datetime opened_datetime"
            .split_whitespace()
            .collect();
    assert_eq!(keys, wanted);
    assert_eq!(shown["uri"], format!("/api/tickets/{}/messages/{}/", ticket["id"], shown["id"]));
    assert_eq!(shown["ticket_id"], ticket["id"]);
    assert_eq!(shown["sender"]["id"], server.agent_id);
    assert_eq!(shown["sender"]["email"], "agent@demo.test");
    assert_eq!(shown["receiver"]["id"], ticket["customer"]["id"]);
    assert_eq!(shown["created_datetime"], "2026-02-01T00:00:00.500000+00:00");
    assert_eq!(shown["sent_datetime"], "2026-02-01T00:00:01+00:00");
    assert_eq!(shown["opened_datetime"], "2026-02-02T00:00:00+00:00");
    assert_eq!(shown["intents"], json!([]));
    for field in ["sender", "receiver", "mention_ids", "created_datetime", "sent_datetime", "opened_datetime"] {
        sent.as_object_mut().expect("an object").remove(field);
    }
    for (field, value) in sent.as_object().expect("an object") {
        assert_eq!(&shown[field], value, "{field}");
    }
    let alone = ok(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await;
    assert!(alone["messages"].as_array().expect("messages").contains(&shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_body_is_made_from_the_other_and_is_safe_to_show() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (_, path) = ticket(&server, &token).await;

    let text =
        add(&server, &token, &path, json!({ "channel": "chat", "from_agent": false, "body_text": "a < b\nc\n\nd" }))
            .await;
    let html = json!({ "channel": "chat", "from_agent": false, "body_html": "<p>Hi<br>you</p><script>alert(1)</script><p onclick=\"x()\">&amp; all</p>" });
    let html = add(&server, &token, &path, html).await;
    let none = add(&server, &token, &path, json!({ "channel": "chat", "from_agent": false })).await;

    assert_eq!(text["body_html"], "<p>a &lt; b<br>c</p><p>d</p>");
    assert_eq!(text["stripped_html"], text["body_html"]);
    assert_eq!(text["stripped_text"], "a < b\nc\n\nd");
    assert_eq!(html["body_html"], "<p>Hi<br>you</p><p>&amp; all</p>");
    assert_eq!(html["body_text"], "Hi\nyou\n\n& all");
    assert_eq!(none["body_text"], Value::Null);
    assert_eq!(none["body_html"], Value::Null);
    assert_eq!(none["attachments"], Value::Null);
    assert_eq!(none["macros"], json!([]));
    assert_eq!(none["headers"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_transport_counts_as_delivered_and_an_answer_by_mail_waits() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (ticket, path) = ticket(&server, &token).await;
    let now = "2026-03-02T09:00:00+00:00";

    for (message, sent, public) in [
        (json!({ "channel": "api", "from_agent": true }), json!(now), true),
        (
            json!({ "channel": "internal-note", "from_agent": true, "public": true, "receiver": { "id": ticket["customer"]["id"] } }),
            json!(now),
            false,
        ),
        (json!({ "channel": "email", "from_agent": false }), json!(now), true),
        (json!({ "channel": "chat", "from_agent": true }), Value::Null, true),
        (json!({ "channel": "email", "from_agent": true }), Value::Null, true),
        (
            json!({ "channel": "email", "from_agent": true, "sent_datetime": "2026-01-01" }),
            json!("2026-01-01T00:00:00+00:00"),
            true,
        ),
        (json!({ "channel": "email", "from_agent": true, "imported": true }), json!(now), true),
        (json!({ "channel": "email", "from_agent": true, "failed_datetime": "2026-01-01" }), Value::Null, true),
    ] {
        let created = add(&server, &token, &path, message.clone()).await;

        assert_eq!(created["sent_datetime"], sent, "{message}");
        assert_eq!(created["public"], public, "{message}");
        let is_note = message["channel"] == "internal-note";
        let has_receiver = message["from_agent"] == true && !is_note;
        assert_eq!(created["receiver"].is_object(), has_receiver, "{message}");
        let sender =
            if message["from_agent"] == true { json!(server.admin_id) } else { ticket["customer"]["id"].clone() };
        assert_eq!(created["sender"]["id"], sender, "{message}");
        assert_eq!(created["via"], "api");
    }

    let shown = ok(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await;
    assert_eq!(shown["last_sent_message_not_delivered"], true);
    let queued = &shown["messages"][5];
    assert_eq!(queued["source"]["to"][0]["address"], "ada@example.com");
    let sms = server.post(&path, &token, json!({ "channel": "sms", "from_agent": true, "body_text": "x" })).await;
    assert!(ok(sms, 400).await["error"]["data"]["source"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_keep_their_tickets_counters_true() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (ticket, path) = ticket(&server, &token).await;
    server.clock.advance(Duration::from_secs(60));
    let note =
        add(&server, &token, &path, json!({ "channel": "internal-note", "from_agent": true, "body_text": "A  note" }))
            .await;
    let mut old = email("Long ago");
    old["created_datetime"] = json!("2020-01-01T00:00:00Z");
    add(&server, &token, &path, old).await;
    let in_list = async || ok(server.get("/api/tickets", &token).await, 200).await["data"][0].clone();

    let three = in_list().await;
    assert_eq!(three["messages_count"], 3);
    assert_eq!(three["excerpt"], "A note");
    assert_eq!(three["last_message_datetime"], "2026-03-02T09:01:00+00:00");
    assert_eq!(three["last_received_message_datetime"], "2026-03-02T09:00:00+00:00");
    assert_eq!(three["updated_datetime"], "2026-03-02T09:01:00+00:00");

    let change = json!({ "channel": "internal-note", "from_agent": true, "body_text": "Another" });
    ok(server.put(&format!("{path}/{}", note["id"]), &token, change).await, 202).await;
    assert_eq!(in_list().await["excerpt"], "Another");

    let deleted = server.delete(&format!("{path}/{}", note["id"]), &token).await;
    assert_eq!(deleted.status(), 204);
    let two = in_list().await;
    assert_eq!(two["messages_count"], 2);
    assert_eq!(two["excerpt"], "Hello, order 1234 is late.");
    assert_eq!(two["last_message_datetime"], "2026-03-02T09:00:00+00:00");
    assert_eq!(
        events(&server, &token, "TicketMessage", &note["id"]).await,
        ["ticket-message-created", "ticket-message-updated", "ticket-message-deleted"]
    );
    assert_eq!(events(&server, &token, "Ticket", &ticket["id"]).await, ["ticket-created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_was_sent_and_makes_the_other_body_anew() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (ticket, path) = ticket(&server, &token).await;
    let message = &ticket["messages"][0];
    let one = format!("{path}/{}", message["id"]);

    let updated = json!({ "channel": "email", "from_agent": false, "body_html": "<p>New</p>", "meta": { "a": 1 } });
    let updated = ok(server.put(&one, &token, updated).await, 202).await;
    let same = ok(server.put(&one, &token, updated.clone()).await, 202).await;

    let mut expected = message.clone();
    for (field, value) in
        [("body_html", "<p>New</p>"), ("body_text", "New"), ("stripped_html", "<p>New</p>"), ("stripped_text", "New")]
    {
        expected[field] = json!(value);
    }
    expected["meta"] = json!({ "a": 1 });
    assert_eq!(updated, expected);
    assert_eq!(same, updated);
    let kinds = events(&server, &token, "TicketMessage", &message["id"]).await;
    assert_eq!(kinds, ["ticket-message-created", "ticket-message-updated"]);
    for missing in ["channel", "from_agent"] {
        let mut body = json!({ "channel": "email", "from_agent": false });
        body.as_object_mut().expect("an object").remove(missing);
        let refused = ok(server.put(&one, &token, body).await, 400).await;
        assert_eq!(refused["error"]["data"][missing], json!(["Missing data for required field."]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_can_be_retried_and_a_queued_one_canceled() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (_, path) = ticket(&server, &token).await;
    let answer = json!({ "channel": "email", "from_agent": true, "body_text": "Soon" });
    let message = add(&server, &token, &path, answer.clone()).await;
    let one = format!("{path}/{}", message["id"]);

    let mut failing = answer.clone();
    failing["failed_datetime"] = json!("2026-03-02T09:00:00Z");
    failing["last_sending_error"] = json!({ "error": "refused" });
    let failed = ok(server.put(&one, &token, failing).await, 202).await;
    let retried = ok(server.put(&format!("{one}?action=retry"), &token, answer.clone()).await, 202).await;
    let canceled = ok(server.put(&format!("{one}?action=cancel"), &token, answer.clone()).await, 202).await;

    assert_eq!(message["is_retriable"], false);
    assert_eq!(failed["is_retriable"], true);
    assert_eq!(failed["last_sending_error"], json!({ "error": "refused" }));
    assert_eq!(retried["failed_datetime"], Value::Null);
    assert_eq!(retried["is_retriable"], false);
    assert_eq!(canceled["id"], message["id"]);
    assert_eq!(server.get(&one, &token).await.status(), 404);
    assert_eq!(
        events(&server, &token, "TicketMessage", &message["id"]).await,
        [
            "ticket-message-created",
            "ticket-message-updated",
            "ticket-message-failed",
            "ticket-message-updated",
            "ticket-message-deleted"
        ]
    );
    let note = add(&server, &token, &path, json!({ "channel": "internal-note", "from_agent": true })).await;
    let note = format!("{path}/{}?action=cancel", note["id"]);
    assert_eq!(
        server.put(&note, &token, json!({ "channel": "internal-note", "from_agent": true })).await.status(),
        400
    );
    assert_eq!(server.put(&note.replace("cancel", "explode"), &token, answer).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_belongs_to_its_ticket() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (first, _) = ticket(&server, &token).await;
    let (_, other) = ticket(&server, &token).await;
    let id = &first["messages"][0]["id"];
    let body = json!({ "channel": "email", "from_agent": false });

    for path in
        [format!("{other}/{id}"), format!("/api/tickets/999/messages/{id}"), format!("{other}/0"), format!("{other}/x")]
    {
        assert_eq!(server.get(&path, &token).await.status(), 404, "{path}");
        assert_eq!(server.put(&path, &token, body.clone()).await.status(), 404, "{path}");
        assert_eq!(server.delete(&path, &token).await.status(), 404, "{path}");
    }
    assert_eq!(server.get("/api/tickets/999/messages", &token).await.status(), 404);
    assert_eq!(server.post("/api/tickets/999/messages", &token, body).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_meets_every_message_once_in_both_lists() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (first, path) = ticket(&server, &token).await;
    ticket(&server, &token).await;
    for n in 0..11 {
        server.clock.advance(Duration::from_secs(n % 2));
        add(&server, &token, &path, email(&format!("message {n}"))).await;
    }

    for (start, wanted) in [
        ("/api/messages?limit=3".to_owned(), 13),
        ("/api/messages?limit=3&order_by=created_datetime:asc".to_owned(), 13),
        (format!("/api/messages?limit=3&ticket_id={}", first["id"]), 12),
        (format!("{path}?limit=3"), 12),
    ] {
        let mut met = Vec::new();
        let mut next = start.clone();
        loop {
            let page = ok(server.get(&next, &token).await, 200).await;
            met.extend(page["data"].as_array().expect("data").iter().map(|message| {
                (
                    message["created_datetime"].as_str().unwrap_or_default().to_owned(),
                    message["id"].as_i64().unwrap_or_default(),
                )
            }));
            match page["meta"]["next_cursor"].as_str() {
                Some(cursor) => next = format!("{start}&cursor={cursor}"),
                None => break,
            }
        }

        let mut sorted = met.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), wanted, "{start}");
        assert_eq!(met.len(), wanted, "{start}");
        if !start.contains(":asc") {
            sorted.reverse();
        }
        assert_eq!(met, sorted, "{start}");
    }
    assert_eq!(server.get("/api/messages?order_by=updated_datetime:asc", &token).await.status(), 400);
}
