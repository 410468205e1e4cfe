//! `/api/rules`, and what rules do.

use std::time::Duration;

use helpdesk::page::Slice;
use helpdesk::rules::dry_run::{self, Draft};
use helpdesk::rules::log::{self, Execution, Outcome};
use helpdesk::rules::on_time;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::Rules;
use serde_json::{Value, json};
use store::transact;

use super::{body, ids, texts, walk};
use crate::crash::Process;
use crate::support::{Receiver, Reply, Server};

const ALL: &str = "rules:read rules:write tickets:read tickets:write events:read";
const REFUND: &str = "if (containsAny(message.body_text, ['refund'])) { Action('addTags', { tags: 'refund' }) }";

async fn rule(server: &Server, token: &str, name: &str, events: &str, code: &str) -> i64 {
    let new = json!({ "name": name, "code": code, "event_types": events });
    body(server.post("/api/rules", token, new).await, 201).await["id"].as_i64().expect("an id")
}

async fn ticket(server: &Server, token: &str, text: &str) -> i64 {
    let new = json!({
        "subject": "Order 7", "customer": { "email": "cleo@example.com" },
        "messages": [{ "channel": "api", "via": "api", "from_agent": false, "body_text": text, "sender": { "email": "cleo@example.com" } }],
    });
    body(server.post("/api/tickets", token, new).await, 201).await["id"].as_i64().expect("an id")
}

async fn seen(server: &Server, token: &str, ticket_id: i64) -> Value {
    body(server.get(&format!("/api/tickets/{ticket_id}"), token).await, 200).await
}

fn n_messages(ticket: &Value) -> usize {
    ticket["messages"].as_array().expect("messages").len()
}

fn tags(ticket: &Value) -> Vec<&str> {
    ticket["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect()
}

fn may_read() -> CanRead<Rules> {
    Permit::system("test", "00000000-0000-4000-8000-000000000001".to_owned())
}

async fn executions(server: &Server, ticket_id: i64) -> Vec<Execution> {
    let mut tx = server.db.read().await.expect("read");
    let slice = Slice { limit: 100, from: None };
    log::of_ticket(&mut tx, &may_read(), ticket_id, &slice).await.expect("a page").items
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_created_changed_listed_reordered_and_deleted() {
    let server = Server::start().await;
    let token = server.token(ALL).await;

    let made =
        body(server.post("/api/rules", &token, json!({ "name": "Tag refunds", "code": REFUND })).await, 201).await;
    let id = made["id"].as_i64().unwrap();
    assert_eq!(made["uri"], format!("/api/rules/{id}/"));
    assert_eq!(made["code"], REFUND);
    assert_eq!(made["code_ast"]["type"], "Program");
    assert_eq!(made["code_ast"]["body"][0]["type"], "IfStatement");
    assert_eq!(
        [&made["event_types"], &made["priority"], &made["description"], &made["deactivated_datetime"]],
        [&json!("ticket-created"), &json!(1), &Value::Null, &Value::Null]
    );
    let second = rule(&server, &token, "Second", "ticket-updated, ticket-created", "").await;

    // A whole object sent back, with one field changed, and the tree of the code as it was.
    let path = format!("/api/rules/{id}");
    let mut whole = made.clone();
    whole["code"] = json!("Action('addTags', { tags: 'all' })");
    whole["name"] = json!("Tag all");
    let changed = body(server.put(&path, &token, whole).await, 200).await;
    assert_eq!((changed["name"].as_str(), changed["priority"].as_i64()), (Some("Tag all"), Some(1)));
    assert_eq!(changed["code_ast"]["body"][0]["expression"]["callee"]["name"], "Action");

    let order = json!({ "priorities": [{ "id": id, "priority": 90 }, { "id": second, "priority": 80 }] });
    let ordered = body(server.post("/api/rules/priorities", &token, order).await, 200).await;
    assert_eq!(
        ordered.as_array().unwrap().iter().map(|rule| rule["priority"].as_i64().unwrap()).collect::<Vec<_>>(),
        [90, 80]
    );
    body(server.post("/api/rules/priorities", &token, json!([{ "id": id, "priority": 1 }])).await, 400).await;
    body(server.post("/api/rules/priorities", &token, json!({ "priorities": [] })).await, 400).await;
    body(
        server.post("/api/rules/priorities", &token, json!({ "priorities": [{ "id": 999, "priority": 1 }] })).await,
        404,
    )
    .await;

    let off = json!({ "deactivated_datetime": "2026-03-02T09:00:00Z" });
    body(server.put(&path, &token, off).await, 200).await;
    body(server.put(&path, &token, json!({ "deactivated_datetime": null })).await, 200).await;
    assert_eq!(server.delete(&path, &token).await.status(), 204);
    body(server.get(&path, &token).await, 404).await;
    let list = body(server.get("/api/rules", &token).await, 200).await;
    assert_eq!((ids(&list), list["uri"].as_str()), (vec![second], Some("/api/rules")));
    let events = body(server.get(&format!("/api/events?object_type=Rule&object_id={id}"), &token).await, 200).await;
    assert_eq!(
        texts(&events, "type"),
        [
            "rule-deleted",
            "rule-reactivated",
            "rule-deactivated",
            "rule-priority-updated",
            "rule-updated",
            "rule-created"
        ]
    );
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_cannot_say_is_refused_with_its_place() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let kept = rule(&server, &token, "Kept", "ticket-created", REFUND).await;

    for (new, field, problem) in [
        (json!({ "code": "" }), "name", "Missing data for required field."),
        (json!({ "name": "a" }), "code", "Missing data for required field."),
        (
            json!({ "name": "a", "code": "if (eq(ticket.status, 'open') {\n}" }),
            "code",
            "Expected \")\", found \"{\". (line 1, column 31)",
        ),
        (
            json!({ "name": "a", "code": "if (eq(ticket.mood, 'x')) {}" }),
            "code",
            "The path ticket.mood is not known. (line 1, column 8)",
        ),
        (
            json!({ "name": "a", "code": "\nAction('explode', {})" }),
            "code",
            "The action explode is not known. (line 2, column 8)",
        ),
        (
            json!({ "name": "a", "code": REFUND, "code_ast": { "type": "Program", "body": [] } }),
            "code_ast",
            "Is not the tree of the code.",
        ),
        (json!({ "name": "a", "code": REFUND, "priority": 1.5 }), "priority", "Not a valid integer."),
    ] {
        let refused = body(server.post("/api/rules", &token, new.clone()).await, 400).await;
        assert_eq!(refused["error"]["data"][field][0], problem, "{new}");
    }
    let unknown = json!({ "name": "a", "code": REFUND, "event_types": "ticket-created,full-moon" });
    body(server.post("/api/rules", &token, unknown).await, 400).await;
    body(server.put(&format!("/api/rules/{kept}"), &token, json!({ "code": "if (" })).await, 400).await;
    body(server.put(&format!("/api/rules/{kept}"), &token, json!({ "code_ast": { "body": [] } })).await, 400).await;
    let stored = body(server.get(&format!("/api/rules/{kept}"), &token).await, 200).await;
    assert_eq!(stored["code"], REFUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_rules_holds_a_hundred_unless_told() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let mut made = Vec::new();
    for n in 0..103 {
        made.push(rule(&server, &token, &format!("Rule {n}"), "ticket-created", "").await);
    }
    made.reverse();

    let list = body(server.get("/api/rules", &token).await, 200).await;
    assert_eq!(ids(&list), made[..100]);
    assert_eq!(walk(&server, "/api/rules?limit=40", &token).await, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_run_in_their_order_see_what_others_did_and_one_may_stop_the_rest() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let last = rule(&server, &token, "Last", "ticket-created", "Action('addTags', { tags: 'last' })").await;
    let stops = "if (containsAll(ticket.tags.name, ['refund'])) { Action('setPriority', { priority: 'critical' }); Action('stopProcessing') }";
    let second = rule(&server, &token, "Second", "ticket-created", stops).await;
    let first = rule(&server, &token, "First", "ticket-created", REFUND).await;
    assert!(last < second && second < first, "later rules run first unless they are reordered");

    let refund = ticket(&server, &token, "I want a REFUND").await;
    let other = ticket(&server, &token, "Hello").await;
    server.run_jobs().await;

    let refund = seen(&server, &token, refund).await;
    assert_eq!((tags(&refund), refund["priority"].as_str()), (vec!["refund"], Some("critical")));
    let other = seen(&server, &token, other).await;
    assert_eq!((tags(&other), other["priority"].as_str()), (vec!["last"], Some("normal")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_rule_says_why() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let code = format!("{REFUND} else if (eq(ticket.spam, true)) {{ Action('trashTicket') }}");
    let rule_id = rule(&server, &token, "Tag refunds", "ticket-message-created", &code).await;

    let id = ticket(&server, &token, "Please refund me").await;
    server.run_jobs().await;

    let [execution] = executions(&server, id).await.try_into().expect("it ran once");
    assert_eq!((execution.rule_id, execution.rule_version, execution.outcome), (rule_id, 1, Outcome::Ran));
    assert_eq!(execution.event_kind, "ticket-message-created");
    assert_eq!(
        (execution.branches, execution.seen),
        (vec!["1.1".to_owned()], json!({ "message_body": "Please refund me" }))
    );
    assert_eq!(execution.actions, json!([{ "add_tags": ["refund"] }]));
    let events = body(server.get(&format!("/api/events?object_type=Ticket&object_id={id}"), &token).await, 200).await;
    let added =
        events["data"].as_array().unwrap().iter().find(|event| event["type"] == "ticket-tags-added").expect("an event");
    assert_eq!(added["data"]["act"], json!({ "sub": format!("rule:{rule_id}"), "name": "Tag refunds" }));
    assert_eq!(added["context"], execution.context);
    let executed = body(server.get("/api/events?types=rule-executed", &token).await, 200).await;
    assert_eq!(executed["data"][0]["data"]["values"], json!({ "message_body": "Please refund me" }));
    assert_eq!(executed["data"][0]["data"]["ticket_id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_several_events_runs_a_rule_once() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let note = "Action('addInternalNote', { body_text: 'Seen' })";
    rule(&server, &token, "Note", "ticket-created,ticket-message-created,ticket-updated,ticket-assigned", note).await;

    let id = ticket(&server, &token, "Hello").await;
    server.run_jobs().await;
    assert_eq!(n_messages(&seen(&server, &token, id).await), 2);

    let assign = json!({ "assignee_user": { "id": server.agent_id }, "priority": "high" });
    body(server.put(&format!("/api/tickets/{id}"), &token, assign).await, 200).await;
    server.run_jobs().await;
    let ticket = seen(&server, &token, id).await;
    assert_eq!(n_messages(&ticket), 3);
    assert_eq!(ticket["messages"][2]["rule_id"], ticket["messages"][1]["rule_id"]);
    assert_eq!(
        (ticket["messages"][2]["via"].as_str(), ticket["messages"][2]["public"].as_bool()),
        (Some("rule"), Some(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_set_each_other_off_come_to_an_end() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    for (name, from, to) in [("a", "low", "high"), ("b", "high", "normal"), ("c", "normal", "low")] {
        let code = format!("if (eq(ticket.priority, '{from}')) {{ Action('setPriority', {{ priority: '{to}' }}) }}");
        rule(&server, &token, name, "ticket-updated", &code).await;
    }
    let itself = "Action('addTags', { tags: 'x' }); Action('setSubject', { subject: 'y' })";
    rule(&server, &token, "itself", "ticket-updated", itself).await;

    let id = ticket(&server, &token, "Hello").await;
    body(server.put(&format!("/api/tickets/{id}"), &token, json!({ "priority": "low" })).await, 200).await;
    server.run_jobs().await;

    let ran = executions(&server, id).await;
    assert!((2..40).contains(&ran.len()), "{} runs", ran.len());
    assert!(ran.iter().all(|one| one.outcome == Outcome::Ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_has_a_budget_for_each_hour() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    rule(&server, &token, "Note", "ticket-message-created", "Action('addTags', { tags: 'seen' })").await;
    let id = ticket(&server, &token, "Hello").await;
    let message = json!({ "channel": "api", "via": "api", "from_agent": false, "body_text": "And?", "sender": { "email": "cleo@example.com" } });
    for _ in 0..64 {
        body(server.post(&format!("/api/tickets/{id}/messages"), &token, message.clone()).await, 201).await;
    }
    server.run_jobs().await;

    let ran = executions(&server, id).await;
    assert_eq!(ran.iter().filter(|one| one.outcome == Outcome::Ran).count(), 60);
    assert_eq!(ran.iter().filter(|one| one.outcome == Outcome::OverBudget).count(), 5);
    server.clock.advance(Duration::from_secs(3_601));
    let token = server.token(ALL).await;
    body(server.post(&format!("/api/tickets/{id}/messages"), &token, message).await, 201).await;
    server.run_jobs().await;
    assert_eq!(executions(&server, id).await[0].outcome, Outcome::Ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_fails_changes_nothing_and_is_turned_off_after_ten_times() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    rule(&server, &token, "Good", "ticket-created", "Action('addTags', { tags: 'good' })").await;
    let bad = "Action('addTags', { tags: 'bad' }); Action('setAssignee', { assignee_user: { id: 999999 } })";
    let bad = rule(&server, &token, "Bad", "ticket-created", bad).await;

    let first = ticket(&server, &token, "Hello").await;
    server.run_jobs().await;
    assert_eq!(tags(&seen(&server, &token, first).await), ["good"]);
    let failed = executions(&server, first).await;
    assert_eq!(failed.iter().filter(|one| one.outcome == Outcome::Failed).count(), 1);
    for _ in 0..12 {
        ticket(&server, &token, "Hello").await;
    }
    server.run_jobs().await;

    let rule = body(server.get(&format!("/api/rules/{bad}"), &token).await, 200).await;
    assert_ne!(rule["deactivated_datetime"], Value::Null);
    let events = body(server.get("/api/events?types=rule-deactivated", &token).await, 200).await;
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
    let executed = body(server.get("/api/events?types=rule-executed", &token).await, 200).await;
    assert_eq!(executed["data"].as_array().unwrap().len(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_on_time_acts_once_on_a_ticket_in_each_of_its_versions() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let code = "if (eq(ticket.status, 'open') && gteTimedelta(ticket.updated_datetime, '2d')) { Action('addInternalNote', { body_text: 'Old' }) }";
    let rule_id = rule(&server, &token, "Old", "time-passed", code).await;
    let id = ticket(&server, &token, "Hello").await;
    let run = async || on_time::run(&server.db, &server.clock).await.expect("a pass");

    run().await;
    assert_eq!(n_messages(&seen(&server, &token, id).await), 1);
    server.clock.advance(Duration::from_secs(3 * 86_400));
    run().await;
    run().await;
    server.clock.advance(Duration::from_secs(3 * 86_400));
    run().await;
    // The token of three days ago has run out.
    let token = server.token(ALL).await;
    assert_eq!(n_messages(&seen(&server, &token, id).await), 2);

    let changed = json!({ "code": code.replace("Old", "Older") });
    body(server.put(&format!("/api/rules/{rule_id}"), &token, changed).await, 200).await;
    run().await;
    run().await;
    assert_eq!(n_messages(&seen(&server, &token, id).await), 3);
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_a_draft_would_have_done_and_changes_nothing() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let hit = ticket(&server, &token, "A refund please").await;
    ticket(&server, &token, "Hello").await;
    // It was open when it was created, and is closed now.
    body(server.put(&format!("/api/tickets/{hit}"), &token, json!({ "status": "closed" })).await, 200).await;
    server.run_jobs().await;
    let before = seen(&server, &token, hit).await;
    let code = "if (eq(ticket.status, 'open') && contains(message.body_text, 'refund')) { Action('addTags', { tags: 'refund' }) }";
    let draft = Draft {
        rule_id: None,
        source: code.to_owned(),
        steps: gorgias_code::rule(code).expect("a rule").steps,
        event_kinds: vec!["ticket-created".to_owned(), "ticket-message-created".to_owned()],
    };
    let may: CanWrite<Rules> = Permit::system("test", "00000000-0000-4000-8000-000000000001".to_owned());
    let now = server.clock.now();

    let id = transact!(server.db, |tx| dry_run::start(tx, &may, now, draft.clone()).await).expect("it begins");
    server.run_jobs().await;

    let mut tx = server.db.read().await.expect("read");
    let done = dry_run::find(&mut tx, &may_read(), id).await.expect("it is there");
    assert_eq!((done.is_done, done.n_events, done.n_hits, done.n_tickets), (true, 4, 1, 1));
    let hits = dry_run::hits(&mut tx, &may_read(), id, &Slice { limit: 10, from: None }).await.expect("a page").items;
    assert_eq!((hits[0].ticket_id, hits[0].event_kind.as_str()), (hit, "ticket-created"));
    assert_eq!(hits[0].seen, json!({ "message_body": "A refund please", "status": "open" }));
    drop(tx);
    assert_eq!(seen(&server, &token, hit).await, before);
    assert!(executions(&server, hit).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_calls_an_address_with_what_it_saw() {
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    let receiver = Receiver::start().await;
    let token = server.token(ALL).await;
    let code = format!(
        "Action('http', {{ url: '{}', method: 'POST', headers: {{ 'X-Key': 'k3y' }}, form: {{ about: '{{{{ticket.subject}}}}' }} }})",
        receiver.url("/t?id={{ticket.id}}&by={{ticket.customer.email}}")
    );
    let rule_id = rule(&server, &token, "Tell", "ticket-created", &code).await;
    receiver.reply("/t", Reply::status(503));

    let id = ticket(&server, &token, "Where is it?").await;
    server.run_jobs().await;
    receiver.reply("/t", Reply::status(200));
    server.clock.advance(Duration::from_mins(1));
    server.run_jobs().await;

    let received = receiver.take();
    assert_eq!(received.len(), 2, "a failure is tried again");
    let call = &received[1];
    assert_eq!((call.method.as_str(), call.path.clone()), ("POST", format!("/t?id={id}&by=cleo%40example.com")));
    assert_eq!((call.json(), call.header("x-key")), (json!({ "about": "Order 7" }), "k3y"));
    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select trigger_word, state, ticket_id, request_headers from deliveries", &[]).await;
    let row = row.expect("the log").expect("a row");
    assert_eq!(row.text("trigger_word").unwrap(), format!("rule {rule_id}"));
    assert_eq!((row.text("state").unwrap().as_str(), row.int("ticket_id").unwrap()), ("delivered", id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_could_never_go_out_is_refused_with_the_rule() {
    let server = Server::start().await;
    let token = server.token(ALL).await;

    for code in [
        "Action('http', { url: 'https://' })",
        "Action('http', { url: 'https://crm.example', headers: { Host: 'x' } })",
        "Action('http', { url: 'https://crm.example', method: 'BREW' })",
    ] {
        let refused = body(server.post("/api/rules", &token, json!({ "name": "a", "code": code })).await, 400).await;
        assert!(refused["error"]["data"]["code"].is_array(), "{code}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_burst_leaves_each_effect_exactly_once() {
    const N_TICKETS: usize = 200;
    let server = Server::start_on_the_real_clock().await;
    let token = server.token(ALL).await;
    let code = "Action('addInternalNote', { body_text: 'Seen' }); Action('addTags', { tags: 'seen' })";
    rule(&server, &token, "Note", "ticket-created", code).await;
    for n in 0..N_TICKETS {
        ticket(&server, &token, &format!("Hello {n}")).await;
    }
    let data = tempfile::tempdir().expect("a folder");
    let count = async |sql: &str| {
        let mut tx = server.db.read().await.expect("read");
        tx.row(sql, &[]).await.expect("a count").expect("a row").int("n").expect("a number")
    };

    let mut process = Process::start(&server, data.path()).await;
    let some = async {
        while count("select count(*) as n from rule_executions").await < 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), some).await.expect("rules run");
    process.child.kill().expect("kill");
    process.child.wait().expect("wait");
    drop(process);
    let n_before = count("select count(*) as n from rule_executions").await;
    // As if the minute had passed after which the dead worker's job is taken over.
    transact!(server.db, |tx| tx.run("update queue set leased_until = 0 where state = 'running'", &[]).await)
        .expect("time");
    server.run_jobs().await;

    let n_tickets = i64::try_from(N_TICKETS).expect("few");
    assert!(n_before <= n_tickets, "{n_before} ran before");
    for sql in [
        "select count(*) as n from rule_executions where outcome = 'ran'",
        "select count(distinct ticket_id) as n from rule_executions",
        "select count(*) as n from messages where rule_id is not null",
        "select count(distinct ticket_id) as n from messages where rule_id is not null",
        "select count(*) as n from events where type = 'rule-executed'",
        "select usage as n from tags where name = 'seen'",
        "select runs as n from rules",
    ] {
        assert_eq!(count(sql).await, n_tickets, "{sql}");
    }
}
