//! `/api/tickets` over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::body as ok;
use crate::support::Server;

/// Words that let a test look at everything it made.
pub(super) const SCOPE: &str = "tickets:read tickets:write events:read customers:read tags:read users:read";

/// A customer's e-mail.
pub(super) fn email(text: &str) -> Value {
    json!({
        "channel": "email", "via": "email", "from_agent": false,
        "sender": { "email": "ada@example.com", "name": "Ada Park" }, "body_text": text,
    })
}

/// Creates a ticket with one e-mail and these fields, and answers it.
pub(super) async fn create(server: &Server, token: &str, mut fields: Value) -> Value {
    if fields.get("messages").is_none() {
        fields["messages"] = json!([email("Hello, order 1234 is late.")]);
    }
    let answer = server.post("/api/tickets", token, fields).await;
    let status = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(status, 201, "{body}");
    body
}

/// Kinds of the events of an object, oldest first.
pub(super) async fn events(server: &Server, token: &str, object_type: &str, id: &Value) -> Vec<String> {
    let path = format!("/api/events?object_type={object_type}&object_id={id}&order_by=created_datetime:asc&limit=100");
    let list = ok(server.get(&path, token).await, 200).await;
    let data = list["data"].as_array().expect("data");
    data.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect()
}

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

fn set(words: &str) -> BTreeSet<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

async fn team(server: &Server) -> i64 {
    let now = server.clock.now();
    let new = helpdesk::teams::NewTeam {
        name: "Returns".to_owned(),
        decoration: Some(json!({ "emoji": "box" })),
        member_ids: vec![server.agent_id],
        ..helpdesk::teams::NewTeam::default()
    };
    store::transact!(server.db, |tx| {
        let may = scope::permit::Permit::system("test", "00000000-0000-4000-8000-000000000009".to_owned());
        helpdesk::teams::create(tx, &may, now, &new).await
    })
    .expect("a team")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_comes_back_with_every_field_that_was_sent() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let team_id = team(&server).await;

    let created = create(
        &server,
        &token,
        json!({
            "external_id": "ext-1", "priority": "critical", "channel": "chat", "via": "form", "from_agent": true,
            "subject": "Where is my order?", "language": "en", "spam": true, "imported": true, "meta": { "a": [1, null] },
            "customer": { "email": "Bo@Example.com", "name": "Bo Li", "external_id": "c-9", "note": "VIP",
                          "channels": [{ "type": "phone", "address": "+49 30 1234" }] },
            "assignee_user": { "id": server.agent_id }, "assignee_team": { "id": team_id },
            "tags": [{ "name": "vip" }, { "name": "order-status", "decoration": { "color": "#F58D86" } }, { "name": "vip" }],
            "created_datetime": "2020-01-02T03:04:05.123456Z", "opened_datetime": "2020-01-02T04:00:00",
            "updated_datetime": "2020-01-03T00:00:00+02:00", "last_message_datetime": "2020-01-02T03:05:00Z",
            "last_received_message_datetime": "2020-01-02T03:04:30Z", "closed_datetime": "2020-01-04T00:00:00Z",
            "trashed_datetime": "2020-01-05T00:00:00Z",
        }),
    )
    .await;
    let shown = ok(server.get(&format!("/api/tickets/{}", created["id"]), &token).await, 200).await;

    assert_eq!(shown, created);
    let id = &shown["id"];
    assert_eq!(shown["uri"], format!("/api/tickets/{id}/"));
    for (field, value) in [
        ("external_id", json!("ext-1")),
        ("status", json!("closed")),
        ("priority", json!("critical")),
        ("channel", json!("chat")),
        ("via", json!("form")),
        ("from_agent", json!(true)),
        ("subject", json!("Where is my order?")),
        ("language", json!("en")),
        ("spam", json!(true)),
        ("imported", json!(true)),
        ("is_unread", json!(true)),
        ("meta", json!({ "a": [1, null] })),
        ("assignee_user_id", json!(server.agent_id)),
        ("assignee_team_id", json!(team_id)),
        ("assignee_team", json!({ "id": team_id, "name": "Returns", "decoration": { "emoji": "box" } })),
        ("custom_fields", json!({})),
        ("events", json!([])),
        ("summary", Value::Null),
        ("satisfaction_survey", Value::Null),
        ("created_datetime", json!("2020-01-02T03:04:05.123456+00:00")),
        ("opened_datetime", json!("2020-01-02T04:00:00+00:00")),
        ("updated_datetime", json!("2020-01-02T22:00:00+00:00")),
        ("last_message_datetime", json!("2020-01-02T03:05:00+00:00")),
        ("last_received_message_datetime", json!("2020-01-02T03:04:30+00:00")),
        ("closed_datetime", json!("2020-01-04T00:00:00+00:00")),
        ("snooze_datetime", Value::Null),
        ("trashed_datetime", json!("2020-01-05T00:00:00+00:00")),
        ("last_sent_message_not_delivered", json!(false)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(shown["requester"], shown["customer"]);
    assert_eq!(shown["customer"]["email"], "bo@example.com");
    assert_eq!(shown["customer"]["external_id"], "c-9");
    assert_eq!(
        keys(&shown["customer"]),
        set(
            "id email name firstname lastname meta channels data customer integrations external_id note external_data ecommerce_data"
        )
    );
    assert_eq!(
        keys(&shown["customer"]["channels"][0]),
        set("id type address preferred created_datetime updated_datetime deleted_datetime user customer")
    );
    assert_eq!(shown["assignee_user"]["email"], "agent@demo.test");
    assert_eq!(keys(&shown["assignee_user"]), set("id email name firstname lastname meta bio"));
    let tags: Vec<&Value> = shown["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    assert_eq!(tags, ["order-status", "vip"]);
    assert_eq!(shown["tags"][0]["decoration"], json!({ "color": "#F58D86" }));
    assert_eq!(keys(&shown["reply_options"]), set("email internal-note phone"));
    assert_eq!(
        keys(&shown),
        set("id uri external_id status priority channel via from_agent subject language summary customer requester assignee_user
             assignee_team assignee_user_id assignee_team_id tags custom_fields messages events reply_options satisfaction_survey
             is_unread spam imported meta last_sent_message_not_delivered created_datetime opened_datetime
             last_received_message_datetime last_message_datetime updated_datetime closed_datetime snooze_datetime trashed_datetime
             processed_datetime")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_follows_from_the_first_message() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;

    let ticket = create(
        &server,
        &token,
        json!({ "messages": [
            { "channel": "internal-note", "from_agent": true, "body_text": "Look out" },
            email("Hello,\n\norder   1234 is late."),
        ] }),
    )
    .await;

    assert_eq!(ticket["channel"], "internal-note");
    assert_eq!(ticket["via"], "api");
    assert_eq!(ticket["from_agent"], true);
    assert_eq!(ticket["status"], "open");
    assert_eq!(ticket["priority"], "normal");
    assert_eq!(ticket["customer"]["email"], "ada@example.com");
    assert_eq!(ticket["subject"], Value::Null);
    assert_eq!(ticket["meta"], Value::Null);
    assert_eq!(ticket["created_datetime"], "2026-03-02T09:00:00+00:00");
    assert_eq!(ticket["last_message_datetime"], "2026-03-02T09:00:00+00:00");
    assert_eq!(ticket["last_received_message_datetime"], "2026-03-02T09:00:00+00:00");
    let list = ok(server.get("/api/tickets", &token).await, 200).await;
    assert_eq!(list["data"][0]["excerpt"], "Hello, order 1234 is late.");
    assert_eq!(list["data"][0]["messages_count"], 2);
    assert_eq!(
        keys(&list["data"][0]),
        set("id uri external_id status priority channel via from_agent subject language excerpt summary customer assignee_user
             assignee_team tags custom_fields messages_count integrations is_unread spam imported meta last_sent_message_not_delivered
             created_datetime opened_datetime last_received_message_datetime last_message_datetime updated_datetime closed_datetime
             snooze_datetime trashed_datetime")
    );
    assert_eq!(keys(&list["data"][0]["customer"]), set("id email name firstname lastname meta"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_finds_its_customer_and_an_id_wins_over_it() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let first = create(&server, &token, json!({})).await;

    let second = create(&server, &token, json!({ "customer": { "email": "ADA@example.com" } })).await;
    let third =
        create(&server, &token, json!({ "customer": { "id": first["customer"]["id"], "email": "x@y.test" } })).await;

    assert_eq!(second["customer"]["id"], first["customer"]["id"]);
    assert_eq!(third["customer"]["id"], first["customer"]["id"]);
    assert_eq!(third["customer"]["email"], "ada@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_was_sent_and_nothing_else() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(
        &server,
        &token,
        json!({ "subject": "One", "tags": [{ "name": "a" }, { "name": "b" }], "meta": {"k": 1} }),
    )
    .await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    server.clock.advance(Duration::from_secs(60));

    let updated = ok(
        server.put(&path, &token, json!({ "subject": null, "tags": [{ "name": "c" }, { "name": "b" }] })).await,
        200,
    )
    .await;

    let mut expected = ticket.clone();
    expected["subject"] = Value::Null;
    expected["tags"] = updated["tags"].clone();
    expected["updated_datetime"] = json!("2026-03-02T09:01:00+00:00");
    assert_eq!(updated, expected);
    let tags: Vec<&Value> = updated["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    assert_eq!(tags, ["b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_sent_back_whole_is_not_changed() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(
        &server,
        &token,
        json!({ "assignee_user": { "id": server.agent_id }, "snooze_datetime": "2030-01-01T00:00:00Z" }),
    )
    .await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    let before = events(&server, &token, "Ticket", &ticket["id"]).await;
    server.clock.advance(Duration::from_secs(60));

    let same = ok(server.put(&path, &token, ticket.clone()).await, 200).await;
    let mut changed = ticket.clone();
    changed["status"] = json!("open");
    let reopened = ok(server.put(&path, &token, changed).await, 200).await;

    assert_eq!(same, ticket);
    assert_eq!(reopened["status"], "open");
    assert_eq!(reopened["closed_datetime"], Value::Null);
    assert_eq!(reopened["snooze_datetime"], Value::Null);
    let after = events(&server, &token, "Ticket", &ticket["id"]).await;
    assert_eq!(after[before.len()..], ["ticket-updated", "ticket-reopened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_turn_of_a_tickets_state_leaves_its_event() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let team_id = team(&server).await;
    let ticket = create(&server, &token, json!({ "tags": [{ "name": "a" }] })).await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    let created = events(&server, &token, "Ticket", &ticket["id"]).await;
    assert_eq!(created, ["ticket-created", "ticket-tags-added"]);

    for (change, kinds) in [
        (json!({ "assignee_user": { "id": server.agent_id } }), vec!["ticket-updated", "ticket-assigned"]),
        (json!({ "assignee_user": { "id": null } }), vec!["ticket-updated", "ticket-unassigned"]),
        (json!({ "assignee_team": { "id": team_id } }), vec!["ticket-updated", "ticket-team-assigned"]),
        (json!({ "assignee_team": null }), vec!["ticket-updated", "ticket-team-unassigned"]),
        (json!({ "status": "closed" }), vec!["ticket-updated", "ticket-closed"]),
        (json!({ "status": "closed", "priority": "normal" }), vec![]),
        (json!({ "status": "open" }), vec!["ticket-updated", "ticket-reopened"]),
        (json!({ "closed_datetime": "2026-01-01" }), vec!["ticket-updated", "ticket-closed"]),
        (json!({ "closed_datetime": null }), vec!["ticket-updated", "ticket-reopened"]),
        (json!({ "customer": { "email": "new@example.com" } }), vec!["ticket-updated", "ticket-customer-updated"]),
        (json!({ "spam": true }), vec!["ticket-updated", "ticket-marked-spam"]),
        (json!({ "spam": false }), vec!["ticket-updated", "ticket-unmarked-spam"]),
        (json!({ "trashed_datetime": "2026-03-02T08:00:00Z" }), vec!["ticket-updated", "ticket-trashed"]),
        (json!({ "trashed_datetime": null }), vec!["ticket-updated", "ticket-untrashed"]),
        (json!({ "subject": "New" }), vec!["ticket-updated", "ticket-subject-updated"]),
        (
            json!({ "snooze_datetime": "2026-03-03T00:00:00Z" }),
            vec!["ticket-updated", "ticket-snoozed", "ticket-closed"],
        ),
        (json!({ "snooze_datetime": null }), vec!["ticket-updated"]),
        (json!({ "tags": [] }), vec!["ticket-tags-removed"]),
        (json!({ "is_unread": false, "language": "de", "external_id": "e" }), vec!["ticket-updated"]),
        (json!({}), vec![]),
    ] {
        let before = events(&server, &token, "Ticket", &ticket["id"]).await.len();
        server.clock.advance(Duration::from_secs(1));

        ok(server.put(&path, &token, change.clone()).await, 200).await;

        let after = events(&server, &token, "Ticket", &ticket["id"]).await;
        assert_eq!(after[before..], kinds, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_names_the_person_the_app_and_what_changed() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "subject": "One" })).await;

    ok(server.put(&format!("/api/tickets/{}", ticket["id"]), &token, json!({ "subject": "Two" })).await, 200).await;

    let mut tx = server.db.read().await.expect("begin");
    let row = tx
        .row(
            "select e.person_id, e.client_id, e.grant_id, e.request_id, e.before, e.after, c.name
             from events e join clients c on c.id = e.client_id
             where e.object_type = 'Ticket' and e.object_id = $1 and e.type = 'ticket-updated'",
            &[ticket["id"].as_i64().into()],
        )
        .await
        .expect("a query")
        .expect("an event");
    assert_eq!(row.int("person_id").expect("person"), server.admin_id);
    assert_eq!(row.text("name").expect("name"), "A test app");
    assert!(row.int_or_null("grant_id").expect("grant").is_some());
    assert!(!row.text("request_id").expect("request").is_empty());
    assert_eq!(row.json("before").expect("JSON"), Some(json!({ "subject": "One" })));
    assert_eq!(row.json("after").expect("JSON"), Some(json!({ "subject": "Two" })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snoozed_ticket_is_closed_and_wakes_at_its_time() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({})).await;
    let other = create(&server, &token, json!({ "snooze_datetime": "2026-03-02T10:00:00Z" })).await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    ok(server.put(&path, &token, json!({ "snooze_datetime": "2026-03-02T10:00:00Z" })).await, 200).await;
    let snoozed = ok(server.put(&path, &token, json!({ "snooze_datetime": "2026-03-02T11:00:00Z" })).await, 200).await;
    assert_eq!(snoozed["status"], "closed");
    assert_eq!(snoozed["snooze_datetime"], "2026-03-02T11:00:00+00:00");

    server.clock.advance(Duration::from_secs(3600));
    server.run_jobs().await;
    let at_ten = ok(server.get(&path, &token).await, 200).await;
    let other = ok(server.get(&format!("/api/tickets/{}", other["id"]), &token).await, 200).await;
    server.clock.advance(Duration::from_secs(3600));
    server.run_jobs().await;
    let at_eleven = ok(server.get(&path, &token).await, 200).await;

    assert_eq!(other["status"], "open");
    assert_eq!(at_ten["status"], "closed");
    assert_eq!(at_eleven["status"], "open");
    assert_eq!(at_eleven["snooze_datetime"], Value::Null);
    assert_eq!(at_eleven["closed_datetime"], Value::Null);
    let kinds = events(&server, &token, "Ticket", &ticket["id"]).await;
    assert_eq!(kinds[kinds.len() - 3..], ["ticket-self-unsnoozed", "ticket-updated", "ticket-reopened"]);
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select worker, person_id from events where type = 'ticket-self-unsnoozed' and object_id = $1";
    let woken = tx.row(sql, &[ticket["id"].as_i64().into()]).await.expect("a query").expect("an event");
    assert_eq!(woken.text("worker").expect("a worker"), "unsnooze_ticket");
    assert_eq!(woken.int_or_null("person_id").expect("a person"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_message_reopens_a_closed_ticket_and_an_import_does_not() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket =
        create(&server, &token, json!({ "status": "closed", "snooze_datetime": "2027-01-01T00:00:00Z" })).await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    ok(server.put(&path, &token, json!({ "is_unread": false })).await, 200).await;

    let mut import = email("Old");
    import["imported"] = json!(true);
    ok(server.post(&format!("{path}/messages"), &token, import).await, 201).await;
    let note = json!({ "channel": "internal-note", "from_agent": true, "body_text": "Hm" });
    ok(server.post(&format!("{path}/messages"), &token, note).await, 201).await;
    let still_closed = ok(server.get(&path, &token).await, 200).await;
    ok(server.post(&format!("{path}/messages"), &token, email("And now?")).await, 201).await;
    let reopened = ok(server.get(&path, &token).await, 200).await;

    assert_eq!(still_closed["status"], "closed");
    assert_eq!(still_closed["is_unread"], false);
    assert_eq!(reopened["status"], "open");
    assert_eq!(reopened["is_unread"], true);
    assert_eq!(reopened["snooze_datetime"], Value::Null);
    let kinds = events(&server, &token, "Ticket", &ticket["id"]).await;
    assert_eq!(kinds[kinds.len() - 2..], ["ticket-updated", "ticket-reopened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_ticket_is_gone_with_its_messages_and_counts_of_tags() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "tags": [{ "name": "refund" }] })).await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    let tag = format!("/api/tags/{}", ticket["tags"][0]["id"]);
    assert_eq!(ok(server.get(&tag, &token).await, 200).await["usage"], 1);

    let deleted = server.delete(&path, &token).await;

    assert_eq!(deleted.status(), 204);
    assert_eq!(deleted.text().await.expect("a body"), "");
    assert_eq!(server.get(&path, &token).await.status(), 404);
    assert_eq!(server.delete(&path, &token).await.status(), 404);
    assert_eq!(ok(server.get(&tag, &token).await, 200).await["usage"], 0);
    assert_eq!(ok(server.get("/api/messages", &token).await, 200).await["data"], json!([]));
    assert_eq!(
        events(&server, &token, "Ticket", &ticket["id"]).await.last().map(String::as_str),
        Some("ticket-deleted")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_refused_by_field_and_changes_nothing() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "subject": "Same" })).await;
    let path = format!("/api/tickets/{}", ticket["id"]);
    let n_events = ok(server.get("/api/events?limit=100", &token).await, 200).await["data"].as_array().map(Vec::len);

    for (pointer, fields) in [
        ("/messages", json!({ "messages": null })),
        ("/messages", json!({ "messages": [] })),
        ("/messages", json!({ "messages": (0..501).map(|_| email("x")).collect::<Vec<_>>() })),
        ("/messages/0/channel", json!({ "messages": [{ "from_agent": false }] })),
        ("/messages/0/from_agent", json!({ "messages": [{ "channel": "email" }] })),
        ("/messages/1", json!({ "messages": [email("x"), 7] })),
        (
            "/messages/0/sender/id",
            json!({ "messages": [{ "channel": "email", "from_agent": false, "sender": { "id": 999_999 } }] }),
        ),
        (
            "/messages/0/sent_datetime",
            json!({ "messages": [{ "channel": "api", "from_agent": true, "sent_datetime": "soon" }] }),
        ),
        ("/messages/0/source/type", json!({ "messages": [{ "channel": "api", "from_agent": true, "source": {} }] })),
        (
            "/messages/0/attachments/0/url",
            json!({ "messages": [{ "channel": "api", "from_agent": true, "attachments": [{}] }] }),
        ),
        (
            "/messages/0/actions/0/title",
            json!({ "messages": [{ "channel": "api", "from_agent": true, "actions": [{ "name": "x", "arguments": {} }] }] }),
        ),
        (
            "/messages/0/body_text",
            json!({ "messages": [{ "channel": "api", "from_agent": true, "body_text": "a\0b" }] }),
        ),
        ("/customer", json!({ "messages": [{ "channel": "api", "from_agent": true, "body_text": "x" }] })),
        ("/customer/id", json!({ "customer": { "id": 999_999 } })),
        ("/customer/email", json!({ "customer": { "email": "nobody" } })),
        ("/subject", json!({ "subject": "x".repeat(100_000) })),
        ("/subject", json!({ "subject": 5 })),
        ("/subject", json!({ "subject": "a\0" })),
        ("/external_id", json!({ "external_id": "x".repeat(256) })),
        ("/status", json!({ "status": "pending" })),
        ("/status", json!({ "status": null })),
        ("/priority", json!({ "priority": "urgent" })),
        ("/spam", json!({ "spam": "yes" })),
        ("/meta", json!({ "meta": [] })),
        ("/tags/0/name", json!({ "tags": [{ "name": "x".repeat(257) }] })),
        ("/tags/0/name", json!({ "tags": [{}] })),
        ("/assignee_user/id", json!({ "assignee_user": { "id": 999_999 } })),
        ("/assignee_user/id", json!({ "assignee_user": { "id": -1 } })),
        ("/assignee_user/id", json!({ "assignee_user": { "id": 99_999_999_999_999_999_999.0_f64 } })),
        ("/assignee_team/id", json!({ "assignee_team": { "id": 999_999 } })),
        ("/assignee_team", json!({ "assignee_team": 3 })),
        ("/split_from", json!({ "split_from": 999_999 })),
        ("/custom_fields/0/id", json!({ "custom_fields": [{ "id": 61, "value": "x" }] })),
        ("/created_datetime", json!({ "created_datetime": "+10000-01-01T00:00:00Z" })),
        ("/snooze_datetime", json!({ "snooze_datetime": "10000-01-01T00:00:00Z" })),
        ("/closed_datetime", json!({ "closed_datetime": 5 })),
        ("/language", json!({ "language": "English" })),
    ] {
        let mut body = json!({ "messages": [email("x")], "tags": [{ "name": "never" }] });
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }

        let refused = ok(server.post("/api/tickets", &token, body.clone()).await, 400).await;

        assert!(refused["error"]["data"].pointer(pointer).is_some(), "{pointer}: {refused}");
        assert_eq!(refused["error"]["msg"], "Failed to validate the request.");
        if !pointer.starts_with("/messages")
            && pointer != "/customer"
            && pointer != "/split_from"
            && pointer != "/created_datetime"
        {
            let refused = ok(server.put(&path, &token, body).await, 400).await;
            assert!(refused["error"]["data"].pointer(pointer).is_some(), "{pointer}: {refused}");
        }
    }

    assert_eq!(ok(server.get(&path, &token).await, 200).await, ticket);
    let after = ok(server.get("/api/events?limit=100", &token).await, 200).await["data"].as_array().map(Vec::len);
    assert_eq!(after, n_events);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_no_ticket_has_are_not_found() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;

    for id in ["0", "-1", "999999", "9223372036854775808", "99999999999999999999999", "abc", "%00"] {
        let path = format!("/api/tickets/{id}");

        let shown = server.get(&path, &token).await;

        assert_eq!(shown.status(), 404, "{id}");
        let body: Value = shown.json().await.expect("JSON");
        assert_eq!(body, json!({ "error": { "msg": "Resource not found." } }));
        assert_eq!(server.put(&path, &token, json!({ "subject": "x" })).await.status(), 404, "{id}");
        assert_eq!(server.delete(&path, &token).await.status(), 404, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_need_their_scopes() {
    // RS-4
    let server = Server::start().await;
    let reader = server.token("tickets:read").await;
    let writer = server.token("tickets:write").await;

    let refused = server.post("/api/tickets", &reader, json!({ "messages": [email("x")] })).await;

    assert_eq!(refused.status(), 403);
    assert!(refused.headers()["www-authenticate"].to_str().expect("text").contains("scope=\"tickets:write\""));
    assert_eq!(server.post("/api/tickets", &writer, json!({ "messages": [email("x")] })).await.status(), 201);
}

/// Sends all of these side by side.
async fn at_once(requests: Vec<reqwest::RequestBuilder>) -> Vec<reqwest::Response> {
    let sent: Vec<_> = requests.into_iter().map(|request| tokio::spawn(request.send())).collect();
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.expect("no panic").expect("an answer"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_that_race_for_one_new_customer_and_tag_share_them() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let path = format!("{}/api/tickets", server.base);
    let named = |one, other| json!({ "messages": [email("x")], "tags": [{ "name": one }, { "name": other }] });

    let bodies = (0..16).map(|n| if n % 2 == 0 { named("a", "b") } else { named("b", "a") });
    let creates = bodies.map(|body| server.http.post(&path).bearer_auth(&token).json(&body)).collect();
    let mut customers = BTreeSet::new();
    for answer in at_once(creates).await {
        let ticket = ok(answer, 201).await;
        customers.insert(ticket["customer"]["id"].to_string());
    }

    assert_eq!(customers.len(), 1);
    let tags = ok(server.get("/api/tags?order_by=name:asc", &token).await, 200).await;
    assert_eq!(tags["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(tags["data"][0]["usage"], 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_updates_that_race_are_all_counted() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = create(&server, &token, json!({ "status": "closed" })).await;
    let path = format!("{}/api/tickets/{}", server.base, ticket["id"]);

    let mut requests = Vec::new();
    for n in 0..12 {
        requests.push(server.http.post(format!("{path}/messages")).bearer_auth(&token).json(&email("x")));
        requests.push(server.http.put(&path).bearer_auth(&token).json(&json!({ "meta": { "n": n } })));
    }
    let answers = at_once(requests).await;

    assert!(answers.iter().all(|answer| answer.status().is_success()));
    let list = ok(server.get("/api/tickets", &token).await, 200).await;
    assert_eq!(list["data"][0]["messages_count"], 13);
    let kinds = events(&server, &token, "Ticket", &ticket["id"]).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "ticket-reopened").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "ticket-updated").count(), 13);
}
