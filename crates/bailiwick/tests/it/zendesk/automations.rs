//! `/api/v2/automations`: rules that run as time passes.

use std::time::Duration;

use serde_json::{Value, json};

use super::triggers::{then, when};
use super::{all, body, get, id, ids, made, ticket};
use crate::support::Server;

const HOUR: Duration = Duration::from_hours(1);

fn closing() -> Value {
    json!({
        "title": "Close after four days",
        "conditions": { "all": [when("status", "is", "solved"), when("SOLVED", "greater_than", "96")], "any": [] },
        "actions": [then("status", "closed")],
    })
}

async fn add(server: &Server, token: &str, record: Value) -> Value {
    made(server, "/api/v2/automations", token, "automation", record).await
}

async fn pass(server: &Server, time: Duration) {
    server.clock.advance(time);
    helpdesk::rules::on_time::run(&server.db, &server.clock).await.expect("a pass");
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automation_is_made_changed_listed_arranged_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;

    let first = add(&server, &all, closing()).await;

    for (name, value) in closing().as_object().expect("fields") {
        assert_eq!(first[name], *value, "{name}");
    }
    let record = json!({
        "title": "Nudge", "all": [when("status", "is", "pending"), when("PENDING", "is", "24")],
        "actions": [then("notification_user", json!(["requester_id", "Still there?", "x"]))],
    });
    let second = add(&server, &all, record).await;
    assert_eq!((&first["position"], &second["position"]), (&json!(1), &json!(2)));
    assert_eq!(second["conditions"]["all"][1], when("PENDING", "is", "24"));
    assert_eq!(ids(&get(&server, "/api/v2/automations", &all).await["automations"]), [id(&first), id(&second)]);
    assert_eq!(ids(&get(&server, "/api/v2/automations/search?query=nud", &all).await["automations"]), [id(&second)]);
    assert_eq!(get(&server, "/api/v2/triggers", &all).await["count"], 0);
    let path = format!("/api/v2/automations/{}", id(&first));
    let off = json!({ "automation": { "active": false } });
    assert_eq!(body(server.put(&path, &all, off).await, 200).await["automation"]["conditions"], first["conditions"]);
    assert_eq!(ids(&get(&server, "/api/v2/automations/active", &all).await["automations"]), [id(&second)]);
    let many = json!({ "automations": [{ "id": id(&first), "position": 9, "active": true }] });
    assert_eq!(
        body(server.put("/api/v2/automations/update_many", &all, many).await, 200).await["automations"][0]["position"],
        9
    );
    assert_eq!(ids(&get(&server, "/api/v2/automations", &all).await["automations"]), [id(&second), id(&first)]);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    let rest = format!("/api/v2/automations/destroy_many?ids={}", id(&second));
    assert_eq!(server.delete(&rest, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automation_acts_once_and_again_when_its_condition_holds_anew() {
    let server = Server::start().await;
    let token = all(&server).await;
    let record = json!({
        "title": "Hurry", "all": [when("status", "is", "open"), when("priority", "is_not", "high"), when("OPEN", "greater_than", "2")],
        "actions": [then("priority", "high"), then("comment_value", "Hurry"), then("comment_mode_is_public", "false")],
    });
    add(&server, &token, record).await;
    let it = ticket(&server, &token, json!({ "status": "open" })).await;
    let path = format!("/api/v2/tickets/{}", id(&it));
    let n_comments =
        async || get(&server, &format!("{path}/comments"), &token).await["count"].as_i64().expect("a count");

    pass(&server, HOUR).await;
    assert_eq!(n_comments().await, 1, "not before its time");
    pass(&server, HOUR * 2).await;
    pass(&server, HOUR).await;
    assert_eq!(n_comments().await, 2);
    assert_eq!(get(&server, &path, &token).await["ticket"]["priority"], "high");

    body(server.put(&path, &token, json!({ "ticket": { "priority": "low" } })).await, 200).await;
    pass(&server, HOUR).await;
    pass(&server, HOUR).await;
    assert_eq!(n_comments().await, 3, "it ended its own condition, which holds again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_automation_does_sets_off_triggers_and_is_told_as_its_doing() {
    let server = Server::start().await;
    let token = all(&server).await;
    let rule = add(&server, &token, closing()).await;
    let trigger = json!({ "title": "On close", "conditions": { "all": [when("status", "value", "solved")] }, "actions": [then("current_tags", "done")] });
    made(&server, "/api/v2/triggers", &token, "trigger", trigger).await;
    let it = ticket(&server, &token, json!({})).await;
    let path = format!("/api/v2/tickets/{}", id(&it));
    body(server.put(&path, &token, json!({ "ticket": { "status": "solved" } })).await, 200).await;
    server.run_jobs().await;
    assert_eq!(get(&server, &path, &token).await["ticket"]["tags"], json!(["done"]));

    pass(&server, HOUR * 97).await;

    let token = all(&server).await;
    assert_eq!(get(&server, &path, &token).await["ticket"]["status"], "closed");
    let start = server.clock.now().as_second() - 60;
    server.clock.advance(Duration::from_secs(90));
    let told = get(&server, &format!("/api/v2/incremental/ticket_events?start_time={start}"), &token).await;
    let change = &told["ticket_events"][0]["child_events"][0];
    assert_eq!((&change["via"], &change["via_reference_id"]), (&json!("Rule"), &rule["id"]), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automation_that_would_act_for_ever_is_refused() {
    let server = Server::start().await;
    let all = all(&server).await;
    let act = || then("status", "closed");
    for (conditions, action, field, named) in [
        (json!([when("status", "is", "solved")]), act(), "conditions", "hours ago"),
        (json!([when("SOLVED", "greater_than", "1"), when("status", "is", "closed")]), act(), "actions", "must end"),
        (
            json!([when("current_tags", "includes", "x"), when("updated_at", "greater_than", "1")]),
            act(),
            "base",
            "all must hold",
        ),
        (json!([when("status", "is", "solved"), when("SOLVED", "greater_than", "soon")]), act(), "all", "soon"),
    ] {
        let record = json!({ "automation": { "title": "A", "all": conditions, "actions": [action] } });
        let refused = body(server.post("/api/v2/automations", &all, record.clone()).await, 422).await;
        let told = refused["details"][field][0]["description"].as_str().unwrap_or_default();
        assert!(told.contains(named), "{record}: {refused}");
    }
}
