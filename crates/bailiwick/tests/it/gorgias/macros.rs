//! `/api/macros`.

use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::Server;

const SCOPE: &str = "macros:read macros:write tickets:read tickets:write events:read";

fn refund() -> Value {
    json!({
        "name": "Refund, in two days", "intent": "refund/request", "language": "en", "external_id": "m-1",
        "actions": [
            { "name": "setResponseText", "title": "Answer", "type": "user", "description": null,
              "arguments": { "body_text": "Hello {{ticket.customer.firstname}}, your refund is on its way." } },
            { "name": "addTags", "title": "Tag", "type": "user", "description": null, "arguments": { "tags": "refund, money" } },
            { "name": "sendCarrierPigeon", "title": "Pigeon", "type": "user", "description": null, "arguments": { "to": "roof" } },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_is_shown_as_it_was_sent_with_actions_that_nobody_knows() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;

    let made = body(server.post("/api/macros", &token, refund()).await, 201).await;

    assert_eq!(made["actions"], refund()["actions"]);
    assert_eq!(
        made,
        json!({
            "id": made["id"], "uri": format!("/api/macros/{}/", made["id"]), "external_id": "m-1", "name": "Refund, in two days",
            "intent": "refund/request", "language": "en", "usage": 0, "actions": made["actions"],
            "created_datetime": "2026-03-02T09:00:00+00:00", "updated_datetime": "2026-03-02T09:00:00+00:00",
            "archived_datetime": null,
        })
    );
    assert_eq!(body(server.get(&format!("/api/macros/{}", made["id"]), &token).await, 200).await, made);
    let events = body(server.get("/api/events?types=macro-created", &token).await, 200).await;
    assert_eq!(ids(&events).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_leaves_what_was_not_sent() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let made = body(server.post("/api/macros", &token, refund()).await, 201).await;
    let path = format!("/api/macros/{}", made["id"]);

    let renamed = body(server.put(&path, &token, json!({ "name": "Money back", "intent": null })).await, 200).await;

    assert_eq!((&renamed["name"], &renamed["intent"]), (&json!("Money back"), &Value::Null));
    assert_eq!((&renamed["actions"], &renamed["language"]), (&made["actions"], &json!("en")));
    body(server.delete(&path, &token).await, 204).await;
    body(server.get(&path, &token).await, 404).await;
    body(server.put(&path, &token, json!({ "name": "x" })).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn macros_are_listed_filtered_and_paged_in_every_order() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for (name, tags, language) in
        [("b", "x", "en"), ("a", "x,y", "fr"), ("C", "y", "de"), ("d", "z", "en"), ("e", "x", "fr")]
    {
        let action = json!({ "name": "addTags", "title": "t", "arguments": { "tags": tags } });
        let new = json!({ "name": name, "language": language, "actions": [action] });
        body(server.post("/api/macros", &token, new).await, 201).await;
    }
    let names = async |query: &str| {
        texts(&body(server.get(&format!("/api/macros?{query}"), &token).await, 200).await, "name").join("")
    };

    assert_eq!(names("order_by=name:asc").await, "abCde");
    assert_eq!(names("order_by=name:desc").await, "edCba");
    assert_eq!(names("order_by=created_datetime:asc").await, "baCde");
    assert_eq!(names("order_by=language:asc").await, "Cbdae");
    assert_eq!(names("tags=x&order_by=name:asc").await, "abe");
    assert_eq!(names("tags=x&tags=y").await, "a");
    assert_eq!(names("languages=fr,de&order_by=name:asc").await, "aCe");
    assert_eq!(names("search=c").await, "C");
    assert_eq!(names("archived=true").await, "");
    for order in ["usage", "name", "created_datetime", "updated_datetime", "language"] {
        assert_eq!(walk(&server, &format!("/api/macros?order_by={order}:desc&limit=2"), &token).await.len(), 5);
    }
    body(server.get("/api/macros?order_by=relevance:desc", &token).await, 400).await;
    body(server.get("/api/macros?order_by=size:desc", &token).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_macros_that_fit_a_ticket_come_first() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for (name, reply) in [("Thanks", "You are welcome."), ("Late parcel", "The parcel is late."), ("Refund", "Money.")]
    {
        let action = json!({ "name": "setResponseText", "title": "t", "arguments": { "body_text": reply } });
        body(server.post("/api/macros", &token, json!({ "name": name, "actions": [action] })).await, 201).await;
    }
    let ticket = json!({
        "subject": "Where is my parcel?", "customer": { "email": "ada@example.com" },
        "messages": [{ "channel": "email", "via": "email", "from_agent": false, "sender": { "email": "ada@example.com" },
                       "body_text": "It is late" }],
    });
    let ticket = body(server.post("/api/tickets", &token, ticket).await, 201).await;
    let path = format!("/api/macros?order_by=relevance:desc&limit=2&ticket_id={}", ticket["id"]);

    let first = body(server.get(&path, &token).await, 200).await;

    assert_eq!(first["data"][0]["name"], "Late parcel");
    let mut all = walk(&server, &path, &token).await;
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 3);
    body(server.get("/api/macros?order_by=relevance:desc&ticket_id=999999", &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn macros_are_archived_and_taken_back_each_with_an_answer_of_its_own() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let id = body(server.post("/api/macros", &token, refund()).await, 201).await["id"].clone();
    let status = |answer: &Value| texts(answer, "status");
    let ids_of = json!({ "ids": [id, 999_999] });

    let archived = body(server.put("/api/macros/archive", &token, ids_of.clone()).await, 200).await;
    let again = body(server.put("/api/macros/archive", &token, ids_of.clone()).await, 200).await;

    assert_eq!(status(&archived), ["archived", "not_found"]);
    assert_eq!(status(&again), ["already_archived", "not_found"]);
    assert!(ids(&body(server.get("/api/macros", &token).await, 200).await).is_empty());
    assert_eq!(ids(&body(server.get("/api/macros?archived=true", &token).await, 200).await).len(), 1);
    let back = body(server.put("/api/macros/unarchive", &token, ids_of.clone()).await, 200).await;
    let again = body(server.put("/api/macros/unarchive", &token, ids_of).await, 200).await;
    assert_eq!(status(&back), ["unarchived", "not_found"]);
    assert_eq!(status(&again), ["already_not_archived", "not_found"]);
    body(server.put("/api/macros/archive", &token, json!({ "ids": [] })).await, 400).await;
    body(server.put("/api/macros/archive", &token, json!({})).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_macro_is_refused_by_the_field() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let with = |action: Value| json!({ "name": "m", "actions": [action] });
    for (sent, place) in [
        (json!({ "actions": [] }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(300) }), "name"),
        (json!({ "name": "a\u{0}b" }), "name"),
        (json!({ "name": "m", "intent": "world-peace" }), "intent"),
        (json!({ "name": "m", "language": "klingon" }), "language"),
        (json!({ "name": "m", "actions": "none" }), "actions"),
        (with(json!({ "name": "addTags", "arguments": { "tags": "x" } })), "actions"),
        (with(json!({ "name": "addTags", "title": "t", "arguments": {} })), "actions"),
        (with(json!({ "name": "setStatus", "title": "t", "arguments": { "status": "gone" } })), "actions"),
        (
            with(json!({ "name": "setAssignee", "title": "t", "arguments": { "assignee_user": { "id": -1 } } })),
            "actions",
        ),
    ] {
        let refused = body(server.post("/api/macros", &token, sent.clone()).await, 400).await;
        assert!(refused["error"]["data"].get(place).is_some(), "{sent}: {refused}");
    }
    assert!(ids(&body(server.get("/api/macros", &token).await, 200).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn macros_need_their_own_words() {
    // RS-4
    let server = Server::start().await;
    let reader = server.token("macros:read").await;
    let other = server.token("tickets:read tickets:write tags:write").await;

    body(server.get("/api/macros", &other).await, 403).await;
    body(server.post("/api/macros", &reader, refund()).await, 403).await;
}

async fn ticket(server: &Server, token: &str) -> Value {
    let ticket = json!({
        "subject": "Refund", "customer": { "email": "ada@example.com", "name": "Ada Park" },
        "messages": [{ "channel": "api", "from_agent": false, "sender": { "email": "ada@example.com" }, "body_text": "Money?" }],
    });
    body(server.post("/api/tickets", token, ticket).await, 201).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_applies_a_macro_to_many_tickets_and_closes_them() {
    let server = Server::start().await;
    let token = server.token(&format!("{SCOPE} jobs:read jobs:write")).await;
    let made = body(server.post("/api/macros", &token, refund()).await, 201).await;
    let tickets = [ticket(&server, &token).await, ticket(&server, &token).await];
    let params = json!({
        "ticket_ids": [tickets[0]["id"], tickets[1]["id"], 999_999], "macro_id": made["id"], "apply_and_close": true,
    });

    let job =
        body(server.post("/api/jobs", &token, json!({ "type": "applyMacro", "params": params })).await, 201).await;
    server.run_jobs().await;

    let done = body(server.get(&format!("/api/jobs/{}", job["id"]), &token).await, 200).await;
    assert_eq!(
        (&done["status"], &done["info"]["changed_count"], &done["info"]["error_count"]),
        (&json!("done"), &json!(2), &json!(1))
    );
    for ticket in &tickets {
        let shown = body(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await;
        assert_eq!(shown["status"], "closed");
        assert_eq!(shown["messages"][1]["body_text"], "Hello Ada, your refund is on its way.");
        assert_eq!(shown["tags"].as_array().unwrap().len(), 2);
    }
    let used = body(server.get(&format!("/api/macros/{}", made["id"]), &token).await, 200).await;
    assert_eq!(used["usage"], 2);
    let path = format!("/api/events?object_type=Macro&object_id={}&types=macro-applied", made["id"]);
    let told = body(server.get(&path, &token).await, 200).await;
    assert_eq!((ids(&told).len(), &told["data"][0]["data"]["job_id"]), (2, &job["id"]));
    for params in
        [json!({ "ticket_ids": [1] }), json!({ "ticket_ids": [1], "macro_id": 999_999 }), json!({ "macro_id": 1 })]
    {
        body(server.post("/api/jobs", &token, json!({ "type": "applyMacro", "params": params })).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_applied_a_macro_is_undone_except_for_what_was_written() {
    let server = Server::start().await;
    let token = server.token(&format!("{SCOPE} jobs:read jobs:write")).await;
    let tagging = json!({ "name": "addTags", "title": "t", "arguments": { "tags": "money" } });
    let closing = json!({ "name": "setStatus", "title": "t", "arguments": { "status": "closed" } });
    let note = json!({ "name": "addInternalNote", "title": "t", "arguments": { "body_text": "Done" } });
    let silent = json!({ "name": "Close", "actions": [tagging, closing] });
    let silent = body(server.post("/api/macros", &token, silent).await, 201).await;
    let talking = json!({ "name": "Note", "actions": [tagging, note] });
    let talking = body(server.post("/api/macros", &token, talking).await, 201).await;
    let tickets = [ticket(&server, &token).await, ticket(&server, &token).await];
    let run = async |it: &Value, ticket: &Value| {
        let params = json!({ "ticket_ids": [ticket["id"]], "macro_id": it["id"] });
        let job = json!({ "type": "applyMacro", "params": params });
        let job = body(server.post("/api/jobs", &token, job).await, 201).await;
        server.run_jobs().await;
        job["id"].clone()
    };
    let jobs = [run(&silent, &tickets[0]).await, run(&talking, &tickets[1]).await];

    let mut undone = Vec::new();
    for id in &jobs {
        let undo = body(server.post(&format!("/api/jobs/{id}/undo"), &token, json!({})).await, 201).await;
        server.run_jobs().await;
        undone.push(body(server.get(&format!("/api/jobs/{}", undo["id"]), &token).await, 200).await);
    }

    let errors: Vec<&Value> = undone.iter().map(|job| &job["info"]["error_count"]).collect();
    assert_eq!(errors, [&json!(0), &json!(1)], "{undone:?}");
    let mut shown = Vec::new();
    for ticket in &tickets {
        shown.push(body(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await);
    }
    assert_eq!((&shown[0]["status"], &shown[0]["tags"]), (&json!("open"), &json!([])));
    assert_eq!((&shown[1]["messages"][1]["body_text"], &shown[1]["tags"]), (&json!("Done"), &json!([])));
    let path = format!("/api/jobs/{}/errors", undone[1]["id"]);
    let errors = body(server.get(&path, &token).await, 200).await;
    assert!(errors.to_string().contains("cannot be taken back: messages"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_that_a_rule_applies_is_neither_deleted_nor_archived() {
    let server = Server::start().await;
    let token = server.token(&format!("{SCOPE} rules:read rules:write")).await;
    let made = body(server.post("/api/macros", &token, refund()).await, 201).await;
    let path = format!("/api/macros/{}", made["id"]);
    let code = format!("if (eq(ticket.from_agent, false)) {{ Action('applyMacro', {{ macro_id: {} }}) }}", made["id"]);
    let rule = json!({ "name": "Refunds", "event_types": "ticket-created", "code": code });
    let rule = body(server.post("/api/rules", &token, rule).await, 201).await;

    body(server.delete(&path, &token).await, 409).await;
    let archived = body(server.put("/api/macros/archive", &token, json!({ "ids": [made["id"]] })).await, 200).await;

    assert_eq!(archived["data"][0]["status"], "macro_used");
    assert_eq!(archived["data"][0]["error"]["data"]["rules"], json!([{ "id": rule["id"], "name": "Refunds" }]));
    let ticket = ticket(&server, &token).await;
    server.run_jobs().await;
    let shown = body(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await;
    assert_eq!(shown["tags"].as_array().unwrap().len(), 2);
    assert_eq!(shown["messages"][1]["via"], "rule");
    body(server.delete(&format!("/api/rules/{}", rule["id"]), &token).await, 204).await;
    body(server.delete(&path, &token).await, 204).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_given_to_the_members_of_a_team_in_turn() {
    let server = Server::start().await;
    let token = server.token(&format!("{SCOPE} users:read users:write")).await;
    let team = json!({ "name": "Parcels", "members": [{ "id": server.admin_id }, { "id": server.agent_id }] });
    let team = body(server.post("/api/teams", &token, team).await, 201).await;
    let turn = json!({ "name": "assignRoundRobin", "title": "t", "arguments": { "team_id": team["id"] } });
    let mut given = Vec::new();

    for _ in 0..4 {
        let ticket = ticket(&server, &token).await;
        let answer = json!({ "channel": "api", "from_agent": true, "body_text": "Hello", "actions": [turn] });
        body(server.post(&format!("/api/tickets/{}/messages", ticket["id"]), &token, answer).await, 201).await;
        let shown = body(server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await, 200).await;
        given.push(shown["assignee_user"]["id"].as_i64().unwrap());
    }

    let (first, second) = (server.admin_id.min(server.agent_id), server.admin_id.max(server.agent_id));
    assert_eq!(given, [first, second, first, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_a_macro_or_a_rule_names_is_not_deleted() {
    let server = Server::start().await;
    let token = server.token(&format!("{SCOPE} tags:read tags:write rules:read rules:write")).await;
    let made = body(server.post("/api/macros", &token, refund()).await, 201).await;
    let tag = body(server.post("/api/tags", &token, json!({ "name": "money" })).await, 201).await;

    let refused = body(server.delete(&format!("/api/tags/{}", tag["id"]), &token).await, 400).await;

    assert!(refused["error"]["msg"].as_str().unwrap().contains("Refund, in two days"), "{refused}");
    body(server.delete(&format!("/api/macros/{}", made["id"]), &token).await, 204).await;
    let code = "if (eq(ticket.from_agent, false)) { Action('removeTags', { tags: 'money' }) }";
    let rule = json!({ "name": "No money", "event_types": "ticket-created", "code": code });
    let rule = body(server.post("/api/rules", &token, rule).await, 201).await;
    let several = json!({ "ids": [tag["id"]] });
    let refused = body(server.delete_with("/api/tags", &token, several.clone()).await, 400).await;
    assert!(refused["error"]["msg"].as_str().unwrap().contains("No money"), "{refused}");
    body(server.delete(&format!("/api/rules/{}", rule["id"]), &token).await, 204).await;
    body(server.delete_with("/api/tags", &token, several).await, 204).await;
    body(server.get(&format!("/api/tags/{}", tag["id"]), &token).await, 404).await;
}
