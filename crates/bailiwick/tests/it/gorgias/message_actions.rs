//! Macros and actions that come with a message, and messages that were written too late.

use serde_json::{Value, json};

use super::{body, texts};
use crate::support::Server;

const SCOPE: &str = "macros:read macros:write tickets:read tickets:write events:read";

async fn ticket(server: &Server, token: &str) -> Value {
    let ticket = json!({
        "subject": "Where is my parcel?", "customer": { "email": "ada@example.com", "name": "Ada Park" },
        "messages": [{ "channel": "email", "via": "email", "from_agent": false, "sender": { "email": "ada@example.com" },
                       "body_text": "It is late" }],
    });
    body(server.post("/api/tickets", token, ticket).await, 201).await
}

fn action(name: &str, arguments: Value) -> Value {
    json!({ "name": name, "title": name, "arguments": arguments })
}

/// An answer with these actions.
fn answer(actions: &[Value]) -> Value {
    json!({ "channel": "api", "from_agent": true, "body_text": "On its way.", "actions": actions })
}

async fn shown(server: &Server, token: &str, ticket: &Value) -> Value {
    body(server.get(&format!("/api/tickets/{}", ticket["id"]), token).await, 200).await
}

async fn kinds(server: &Server, token: &str, object: &str, id: &Value) -> Vec<String> {
    let path = format!("/api/events?object_type={object}&object_id={id}&order_by=created_datetime:asc&limit=100");
    texts(&body(server.get(&path, token).await, 200).await, "type")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_its_actions_and_counts_its_macros() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = ticket(&server, &token).await;
    let made = body(server.post("/api/macros", &token, json!({ "name": "Late" })).await, 201).await;
    let mut sent = answer(&[
        action("setResponseText", json!({ "body_text": "On its way." })),
        action("addTags", json!({ "tags": "late, parcel" })),
        action("setStatus", json!({ "status": "closed" })),
        action("setPriority", json!({ "priority": "critical" })),
        action("setSubject", json!({ "subject": "Parcel of {{ticket.customer.firstname}}" })),
        action("setAssignee", json!({ "assignee_user": { "id": server.agent_id, "name": "x" } })),
        action("addInternalNote", json!({ "body_html": "<p>{{ticket.customer.name}} was told</p>" })),
        action("sendCarrierPigeon", json!({ "to": "roof" })),
    ]);
    sent["macros"] = json!([{ "id": made["id"] }, { "id": 999_999 }]);

    let message = body(server.post(&format!("/api/tickets/{}/messages", ticket["id"]), &token, sent).await, 201).await;

    let outcomes = message["actions"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap());
    assert_eq!(outcomes.collect::<Vec<_>>(), ["success"; 8]);
    assert!(message["sent_datetime"].is_string() && message["failed_datetime"].is_null(), "{message}");
    let shown = shown(&server, &token, &ticket).await;
    let tags: Vec<&str> = shown["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(tags, ["late", "parcel"]);
    assert_eq!(
        (&shown["status"], &shown["priority"], &shown["subject"], &shown["assignee_user"]["id"]),
        (&json!("closed"), &json!("critical"), &json!("Parcel of Ada"), &json!(server.agent_id))
    );
    let note = shown["messages"].as_array().unwrap().iter().find(|it| it["channel"] == "internal-note").unwrap();
    assert_eq!((&note["body_html"], &note["public"]), (&json!("<p>Ada Park was told</p>"), &json!(false)));
    let used = body(server.get(&format!("/api/macros/{}", made["id"]), &token).await, 200).await;
    assert_eq!(used["usage"], 1);
    assert_eq!(kinds(&server, &token, "Macro", &made["id"]).await, ["macro-created", "macro-applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_cannot_be_taken_holds_the_answer_back() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = ticket(&server, &token).await;
    let path = format!("/api/tickets/{}/messages", ticket["id"]);
    let actions = [
        action("addTags", json!({ "tags": "late" })),
        action("setAssignee", json!({ "assignee_user": { "id": 999_999 } })),
    ];
    let sent = answer(&actions);

    let held = body(server.post(&path, &token, sent.clone()).await, 201).await;

    assert_eq!((&held["actions"][0]["status"], &held["actions"][1]["status"]), (&json!("success"), &json!("error")));
    assert!(held["failed_datetime"].is_string() && held["sent_datetime"].is_null(), "{held}");
    assert_eq!(held["is_retriable"], true);
    assert!(held["last_sending_error"]["error"].as_str().unwrap().contains("No active user"), "{held}");
    assert!(kinds(&server, &token, "TicketMessage", &held["id"]).await.contains(&"ticket-message-failed".to_owned()));
    let one = format!("{path}/{}", held["id"]);
    let same = json!({ "channel": "api", "from_agent": true });
    let again = body(server.put(&format!("{one}?action=retry"), &token, same.clone()).await, 202).await;
    assert_eq!((&again["actions"][1]["status"], &again["is_retriable"]), (&json!("error"), &json!(true)));
    let forced = body(server.put(&format!("{one}?action=force"), &token, same.clone()).await, 202).await;
    assert!(forced["failed_datetime"].is_null() && forced["sent_datetime"].is_string(), "{forced}");

    let forced = body(server.post(&format!("{path}?action=force"), &token, sent.clone()).await, 201).await;
    assert!(forced["failed_datetime"].is_null() && forced["sent_datetime"].is_string(), "{forced}");
    let before = shown(&server, &token, &ticket).await;
    let refused = body(server.post(&format!("{path}?action=cancel"), &token, sent).await, 400).await;
    assert!(refused["error"]["data"]["actions"]["1"].is_array(), "{refused}");
    assert_eq!(shown(&server, &token, &ticket).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_takes_what_failed_once_it_can_be_taken() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = ticket(&server, &token).await;
    let path = format!("/api/tickets/{}/messages", ticket["id"]);
    let is_active = async |active: i64| {
        let mut tx = server.db.write().await.unwrap();
        let values = [active.into(), server.agent_id.into()];
        tx.run("update people set active = $1 where id = $2", &values).await.unwrap();
        tx.commit().await.unwrap();
    };
    is_active(0).await;
    let sent = answer(&[action("setAssignee", json!({ "assignee_user": { "id": server.agent_id } }))]);
    let held = body(server.post(&path, &token, sent).await, 201).await;
    assert_eq!(held["actions"][0]["status"], "error");
    is_active(1).await;

    let same = json!({ "channel": "api", "from_agent": true });
    let done = body(server.put(&format!("{path}/{}?action=retry", held["id"]), &token, same).await, 202).await;

    assert_eq!((&done["actions"][0]["status"], &done["last_sending_error"]), (&json!("success"), &Value::Null));
    assert!(done["failed_datetime"].is_null() && done["sent_datetime"].is_string(), "{done}");
    assert_eq!(shown(&server, &token, &ticket).await["assignee_user"]["id"], server.agent_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_of_what_was_sent_before_are_only_told() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = ticket(&server, &token).await;
    let path = format!("/api/tickets/{}/messages", ticket["id"]);
    let mut sent = answer(&[action("addTags", json!({ "tags": "late" }))]);
    sent["sent_datetime"] = json!("2026-01-01T00:00:00");

    let told = body(server.post(&path, &token, sent).await, 201).await;

    assert_eq!(told["actions"][0]["name"], "addTags");
    assert_eq!(shown(&server, &token, &ticket).await["tags"], json!([]));
    let wrong = answer(&[action("setStatus", json!({ "status": "gone" }))]);
    let refused = body(server.post(&path, &token, wrong).await, 400).await;
    assert!(refused["error"]["data"]["actions"]["0"]["arguments"].is_array(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ticket_takes_the_actions_of_its_messages() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let mut first = answer(&[
        action("addTags", json!({ "tags": "outgoing" })),
        action("snoozeTicket", json!({ "snooze_timedelta": "2h" })),
    ]);
    first["receiver"] = json!({ "email": "ada@example.com" });

    let made = body(server.post("/api/tickets", &token, json!({ "messages": [first] })).await, 201).await;

    assert_eq!(made["tags"][0]["name"], "outgoing");
    assert_eq!(made["snooze_datetime"], "2026-03-02T11:00:00+00:00");
    server.clock.advance(std::time::Duration::from_secs(7200));
    server.run_jobs().await;
    assert_eq!(shown(&server, &token, &made).await["status"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_an_older_state_of_the_conversation_is_refused() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = ticket(&server, &token).await;
    let path = format!("/api/tickets/{}/messages", ticket["id"]);
    let mut first = answer(&[]);
    first["last_message_id"] = ticket["messages"][0]["id"].clone();

    let sent = body(server.post(&path, &token, first.clone()).await, 201).await;
    let stale = body(server.post(&path, &token, first.clone()).await, 409).await;

    assert_eq!(stale["error"]["data"]["last_message_id"], json!([format!("The newest message is {}.", sent["id"])]));
    assert_eq!(shown(&server, &token, &ticket).await["messages"].as_array().unwrap().len(), 2);
    first["last_message_id"] = sent["id"].clone();
    body(server.post(&path, &token, first).await, 201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_do_no_more_than_the_token_of_whoever_sends_them() {
    // AZ-2
    let server = Server::start().await;
    let narrow = server.token(SCOPE).await;
    let wide = server.token(&format!("{SCOPE} customers:write satisfaction_survey:write")).await;
    let ticket = ticket(&server, &narrow).await;
    let path = format!("/api/tickets/{}/messages", ticket["id"]);
    let sent = answer(&[
        action("setCustomerCustomFieldValue", json!({ "custom_field_id": 999_999, "value": "gold" })),
        action("sendSatisfactionSurvey", json!({})),
    ]);
    let why = |message: &Value| -> Vec<String> {
        let actions = message["actions"].as_array().unwrap().iter();
        actions.map(|action| action["response"]["error"].as_str().unwrap_or_default().to_owned()).collect()
    };

    let held = body(server.post(&path, &narrow, sent.clone()).await, 201).await;
    let retried = json!({ "channel": "api", "from_agent": true });
    let again = format!("{path}/{}?action=retry", held["id"]);
    let retried = body(server.put(&again, &narrow, retried).await, 202).await;
    let allowed = body(server.post(&path, &wide, sent.clone()).await, 201).await;

    let refused = ["The caller may not change customers.", "The caller may not send surveys."];
    assert_eq!((why(&held), why(&retried)), (refused.map(str::to_owned).to_vec(), refused.map(str::to_owned).to_vec()));
    assert!(!why(&allowed).iter().any(|why| why.contains("The caller may not")), "{allowed}");
    let new = json!({ "customer": { "email": "bo@example.com" }, "messages": [sent] });
    let new = body(server.post("/api/tickets", &narrow, new).await, 201).await;
    assert_eq!(why(&new["messages"][0]), refused);
}
