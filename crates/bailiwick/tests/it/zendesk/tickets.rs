//! `/api/v2/tickets`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, request, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_created_with_its_first_comment() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "ticket": {
        "subject": "My printer is on fire!",
        "comment": { "body": "The smoke is very colorful." },
        "priority": "urgent",
        "type": "problem",
        "tags": ["Fire", "printer smoke"],
        "external_id": "ext-1",
        "requester": { "name": "Cleo", "email": "cleo@shop.test" },
    } });

    let answer = body(server.post("/api/v2/tickets.json", &all, record).await, 201).await;

    let ticket = &answer["ticket"];
    assert_eq!(ticket["status"], "new");
    assert_eq!(ticket["priority"], "urgent");
    assert_eq!(ticket["type"], "problem");
    assert_eq!(ticket["tags"], json!(["fire", "printer_smoke"]));
    assert_eq!(ticket["description"], "The smoke is very colorful.");
    assert_eq!(ticket["submitter_id"], server.admin_id);
    assert_ne!(ticket["requester_id"], server.admin_id);
    assert_eq!(ticket["is_public"], true);
    assert_eq!(ticket["via"]["channel"], "api");
    assert_eq!(answer["audit"]["ticket_id"], ticket["id"]);
    let told: Vec<&str> = answer["audit"]["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|it| it["field_name"].as_str())
        .collect();
    assert!(told.contains(&"subject") && told.contains(&"priority"), "{told:?}");
    let found = get(&server, "/api/v2/tickets?external_id=ext-1", &all).await;
    assert_eq!(ids(&found["tickets"]), [id(ticket)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_without_a_comment_is_refused() {
    let server = Server::start().await;
    let all = all(&server).await;

    for (record, field) in [
        (json!({ "subject": "x" }), "comment"),
        (json!({ "comment": { "body": "" } }), "comment"),
        (json!({ "comment": { "body": "x" }, "status": "odd" }), "status"),
        (json!({ "comment": { "body": "x" }, "assignee_id": 987 }), "assignee_id"),
        (json!({ "comment": { "body": "x" }, "group_id": 987 }), "group_id"),
        (json!({ "comment": { "body": "x", "author_id": 987 } }), "author_id"),
        (json!({ "comment": { "body": "x" }, "problem_id": 987 }), "problem_id"),
        (json!({ "comment": { "body": "x" }, "custom_fields": [{ "id": 987, "value": 1 }] }), "custom_fields"),
        (json!({ "comment": { "body": "x" }, "subject": "a\0b" }), "subject"),
    ] {
        let refused = body(server.post("/api/v2/tickets", &all, json!({ "ticket": record })).await, 422).await;
        assert!(refused["details"].get(field).is_some(), "{field}: {refused}");
    }
    assert_eq!(server.post("/api/v2/tickets", &all, json!({})).await.status(), 400);
    let broken = request(&server, Method::POST, "/api/v2/tickets", &all).header("content-type", "application/json");
    assert_eq!(broken.body("{").send().await.expect("send").status(), 400);
    assert_eq!(get(&server, "/api/v2/tickets", &all).await["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_changed_answered_and_told_of() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({ "subject": "Old" })).await;
    let path = format!("/api/v2/tickets/{}", id(&made));
    server.clock.advance(std::time::Duration::from_secs(60));
    let change = json!({ "ticket": {
        "status": "pending", "assignee_id": server.agent_id, "comment": { "body": "Have you tried water?", "public": false },
    } });

    let answer = body(server.put(&path, &all, change).await, 200).await;

    assert_eq!(answer["ticket"]["status"], "pending");
    assert_eq!(answer["ticket"]["assignee_id"], server.agent_id);
    assert_eq!(answer["ticket"]["subject"], "Old");
    let events = answer["audit"]["events"].as_array().expect("events");
    assert!(events.iter().any(|event| event["type"] == "Comment" && event["public"] == false), "{events:?}");
    let status = events.iter().find(|event| event["field_name"] == "status").expect("the change");
    assert_eq!([&status["previous_value"], &status["value"]], [&json!("new"), &json!("pending")]);
    let comments = get(&server, &format!("{path}/comments"), &all).await;
    assert_eq!(comments["count"], 2);
    assert_eq!(comments["comments"][1]["audit_id"], answer["audit"]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gets_a_new_ticket_opens_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({})).await;
    let path = format!("/api/v2/tickets/{}", id(&made));

    let answer =
        body(server.put(&path, &all, json!({ "ticket": { "assignee_email": "agent@demo.test" } })).await, 200).await;

    assert_eq!(answer["ticket"]["status"], "open");
    assert_eq!(answer["ticket"]["assignee_id"], server.agent_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ticket_is_changed_by_nobody_and_goes_on_in_another() {
    let server = Server::start().await;
    let all = all(&server).await;
    let asker = customer(&server, &all, "Cleo").await;
    let made =
        ticket(&server, &all, json!({ "status": "closed", "subject": "Done", "requester_id": asker["id"] })).await;
    let path = format!("/api/v2/tickets/{}", id(&made));

    let refused = body(server.put(&path, &all, json!({ "ticket": { "subject": "x" } })).await, 422).await;
    let followup = ticket(&server, &all, json!({ "via_followup_source_id": made["id"] })).await;

    assert_eq!(refused["details"]["status"][0]["description"], "Status: closed prevents ticket update");
    assert_eq!(followup["subject"], "Done");
    assert_eq!(followup["requester_id"], asker["id"]);
    assert_eq!(get(&server, &path, &all).await["ticket"]["followup_ids"], json!([followup["id"]]));
    let open = ticket(&server, &all, json!({})).await;
    let of_open = json!({ "ticket": { "via_followup_source_id": open["id"], "comment": { "body": "x" } } });
    assert_eq!(server.post("/api/v2/tickets", &all, of_open).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_update_is_refused_if_somebody_was_faster() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = ticket(&server, &all, json!({})).await;
    let path = format!("/api/v2/tickets/{}", id(&made));
    let change = |subject: &str| json!({ "ticket": { "subject": subject, "safe_update": true, "updated_stamp": made["updated_at"] } });
    server.clock.advance(std::time::Duration::from_secs(5));

    body(server.put(&path, &all, change("First")).await, 200).await;
    let second = body(server.put(&path, &all, change("Second")).await, 409).await;

    assert_eq!(second["error"], "UpdateConflict");
    assert_eq!(get(&server, &path, &all).await["ticket"]["subject"], "First");
    let without = json!({ "ticket": { "safe_update": true } });
    assert_eq!(server.put(&path, &all, without).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_copied_in_and_taken_out() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let record = json!({
        "email_ccs": [{ "user_id": cleo["id"] }, { "user_email": "new@shop.test", "user_name": "New", "action": "put" }],
        "follower_ids": [server.agent_id],
    });
    let made = ticket(&server, &all, record).await;
    let path = format!("/api/v2/tickets/{}", id(&made));

    let change = json!({ "ticket": {
        "email_ccs": [{ "user_email": "new@shop.test", "action": "delete" }], "followers": [{ "user_id": cleo["id"] }],
    } });
    let refused = body(server.put(&path, &all, change).await, 422).await;
    let change = json!({ "ticket": { "email_ccs": [{ "user_email": "new@shop.test", "action": "delete" }] } });
    let changed = body(server.put(&path, &all, change).await, 200).await;

    assert_eq!(made["email_cc_ids"].as_array().expect("ids").len(), 2);
    assert_eq!(made["follower_ids"], json!([server.agent_id]));
    assert!(refused["details"].get("followers").is_some(), "{refused}");
    assert_eq!(changed["ticket"]["email_cc_ids"], json!([cleo["id"]]));
    assert_eq!(ids(&get(&server, &format!("{path}/email_ccs"), &all).await["users"]), [id(&cleo)]);
    assert_eq!(ids(&get(&server, &format!("{path}/followers"), &all).await["users"]), [server.agent_id]);
    let ccd = get(&server, &format!("/api/v2/users/{}/tickets/ccd", id(&cleo)), &all).await;
    assert_eq!(ids(&ccd["tickets"]), [id(&made)]);
    let count = get(&server, &format!("/api/v2/users/{}/tickets/ccd/count", id(&cleo)), &all).await;
    assert_eq!(count["count"]["value"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_fields_that_are_not_sent_stay() {
    let server = Server::start().await;
    let all = all(&server).await;
    let theirs = server.token("custom_fields:write").await;
    let mut field_ids = Vec::new();
    for label in ["Size", "Color"] {
        let field = json!({
            "object_type": "Ticket", "label": label,
            "definition": { "data_type": "text", "input_settings": { "input_type": "input" } },
        });
        field_ids.push(id(&body(server.post("/api/custom-fields", &theirs, field).await, 201).await));
    }
    let values = json!([{ "id": field_ids[0], "value": "L" }, { "id": field_ids[1], "value": "red" }]);
    let made = ticket(&server, &all, json!({ "custom_fields": values })).await;
    let change = json!({ "ticket": { "custom_fields": [{ "id": field_ids[0], "value": "M" }] } });

    let changed = body(server.put(&format!("/api/v2/tickets/{}", id(&made)), &all, change).await, 200).await;

    let expected = json!([{ "id": field_ids[0], "value": "M" }, { "id": field_ids[1], "value": "red" }]);
    assert_eq!(changed["ticket"]["custom_fields"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_people_and_organizations_hold_their_own_tickets() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let mine = ticket(&server, &all, json!({ "requester_id": cleo["id"], "assignee_id": server.agent_id })).await;
    let other = ticket(&server, &all, json!({})).await;

    let list = |path: String| {
        let (server, all) = (&server, &all);
        async move { ids(&get(server, &path, all).await["tickets"]) }
    };

    assert_eq!(list(format!("/api/v2/users/{}/tickets/requested", id(&cleo))).await, [id(&mine)]);
    assert_eq!(list(format!("/api/v2/users/{}/tickets/assigned", server.agent_id)).await, [id(&mine)]);
    assert_eq!(
        list(format!("/api/v2/tickets/show_many?ids={},{},987", id(&mine), id(&other))).await,
        [id(&mine), id(&other)]
    );
    assert_eq!(get(&server, "/api/v2/tickets/count", &all).await["count"]["value"], 2);
    let too_many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    let refused = server.get(&format!("/api/v2/tickets/show_many?ids={}", too_many.join(",")), &all).await;
    assert_eq!(body(refused, 400).await["error"], "TooManyValues");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_system_keeps_its_times() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "ticket": {
        "subject": "Of old", "status": "closed", "created_at": "2020-05-01T10:00:00Z", "solved_at": "2020-05-02T10:00:00Z",
        "comments": [{ "value": "First", "created_at": "2020-05-01T10:00:00Z" }, { "value": "Second", "public": false }],
    } });

    let answer: Value = body(server.post("/api/v2/imports/tickets", &all, record).await, 201).await;

    assert_eq!(answer["ticket"]["created_at"], "2020-05-01T10:00:00Z");
    assert_eq!(answer["ticket"]["status"], "closed");
    let comments = get(&server, &format!("/api/v2/tickets/{}/comments", id(&answer["ticket"])), &all).await;
    assert_eq!(comments["comments"][0]["created_at"], "2020-05-01T10:00:00Z");
    assert_eq!(comments["count"], 2);
}
