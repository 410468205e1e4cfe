//! `/api/v2/triggers`: rules that run when a ticket is created or changed.

use std::time::Duration;

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, get, id, ids, made, ticket, token};
use crate::support::{Person, Server};

pub fn when(field: &str, operator: &str, value: impl Into<Value>) -> Value {
    json!({ "field": field, "operator": operator, "value": value.into() })
}

pub fn then(field: &str, value: impl Into<Value>) -> Value {
    json!({ "field": field, "value": value.into() })
}

pub fn trigger(title: &str, conditions: &[Value], actions: &[Value]) -> Value {
    json!({ "title": title, "conditions": { "all": conditions, "any": [] }, "actions": actions })
}

pub async fn add(server: &Server, token: &str, record: Value) -> Value {
    made(server, "/api/v2/triggers", token, "trigger", record).await
}

async fn seen(server: &Server, token: &str, ticket: &Value) -> Value {
    get(server, &format!("/api/v2/tickets/{}", id(ticket)), token).await["ticket"].clone()
}

async fn change(server: &Server, token: &str, ticket: &Value, change: Value) {
    let path = format!("/api/v2/tickets/{}", id(ticket));
    body(server.put(&path, token, json!({ "ticket": change })).await, 200).await;
    server.run_jobs().await;
}

/// What the export tells of tickets, once it is old enough to be told.
async fn audits(server: &Server, token: &str) -> Vec<Value> {
    let start = server.clock.now().as_second() - 3_600;
    server.clock.advance(Duration::from_secs(61));
    let path = format!("/api/v2/incremental/ticket_events?start_time={start}");
    get(server, &path, token).await["ticket_events"].as_array().expect("events").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_made_changed_listed_found_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let conditions = [when("status", "value", "solved"), when("current_tags", "includes", "vip late")];
    let record = json!({
        "title": "Thank them", "description": "Who waited", "conditions": { "all": conditions, "any": [when("priority", "is", "high")] },
        "actions": [then("set_tags", "thanked"), then("notification_user", json!(["requester_id", "Thanks", "Hello {{ticket.requester.first_name}}"]))],
    });

    let first = add(&server, &all, record.clone()).await;

    for (name, value) in record.as_object().expect("fields") {
        assert_eq!(first[name], *value, "{name}");
    }
    assert_eq!(
        (&first["active"], &first["position"], &first["raw_title"]),
        (&json!(true), &json!(1), &json!("Thank them"))
    );
    let category = first["category_id"].as_str().expect("digits");
    let second =
        add(&server, &all, trigger("Second", &[when("update_type", "is", "Create")], &[then("priority", "high")]))
            .await;
    assert_eq!(second["position"], 2);
    let path = format!("/api/v2/triggers/{}", id(&first));
    assert_eq!(get(&server, &path, &all).await["trigger"], first);
    assert_eq!(ids(&get(&server, "/api/v2/triggers", &all).await["triggers"]), [id(&first), id(&second)]);
    let found = get(&server, "/api/v2/triggers/search?query=thank", &all).await;
    assert_eq!((ids(&found["triggers"]), &found["count"]), (vec![id(&first)], &json!(1)));
    let in_category = get(&server, &format!("/api/v2/triggers?category_id={category}&page[size]=1"), &all).await;
    assert_eq!((ids(&in_category["triggers"]), &in_category["meta"]["has_more"]), (vec![id(&first)], &json!(true)));

    let off = json!({ "trigger": { "active": false, "actions": [then("status", "open")] } });
    let changed = body(server.put(&path, &all, off).await, 200).await["trigger"].clone();
    assert_eq!((&changed["active"], &changed["actions"]), (&json!(false), &json!([then("status", "open")])));
    assert_eq!(changed["conditions"], first["conditions"]);
    assert_eq!(ids(&get(&server, "/api/v2/triggers/active", &all).await["triggers"]), [id(&second)]);
    assert_eq!(ids(&get(&server, "/api/v2/triggers?active=false", &all).await["triggers"]), [id(&first)]);

    let many = json!({ "triggers": [{ "id": id(&second), "position": 1 }, { "id": id(&first), "position": 2, "active": true }] });
    let arranged = body(server.put("/api/v2/triggers/update_many", &all, many).await, 200).await;
    assert_eq!(arranged["triggers"][1]["active"], true);
    assert_eq!(ids(&get(&server, "/api/v2/triggers", &all).await["triggers"]), [id(&second), id(&first)]);
    let order = json!({ "trigger_ids": [id(&first), id(&second)] });
    let ordered = body(server.put("/api/v2/triggers/reorder", &all, order).await, 200).await;
    assert_eq!(ids(&ordered["triggers"]), [id(&first), id(&second)]);
    let one = json!({ "trigger_ids": [id(&first)] });
    body(server.put("/api/v2/triggers/reorder", &all, one).await, 422).await;

    let both = format!("/api/v2/triggers/destroy_many?ids={},{}", id(&first), id(&second));
    assert_eq!(server.delete(&both, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_tell_what_differed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let made = add(&server, &all, trigger("A", &[when("status", "is", "open")], &[then("priority", "high")])).await;
    let path = format!("/api/v2/triggers/{}", id(&made));
    let change = json!({ "trigger": { "title": "B", "actions": [then("priority", "urgent")] } });
    body(server.put(&path, &all, change).await, 200).await;

    let revisions = get(&server, &format!("{path}/revisions?include=users"), &all).await;

    let list = revisions["trigger_revisions"].as_array().expect("a list");
    assert_eq!((list.len(), &revisions["count"], &revisions["after_url"]), (2, &json!(2), &Value::Null));
    assert_eq!(ids(&revisions["users"]), [server.admin_id]);
    assert_eq!(list[0]["diff"]["title"], json!([{ "change": "-", "content": "A" }, { "change": "+", "content": "B" }]));
    assert_eq!(list[0]["diff"]["actions"][0]["field"], json!([{ "change": "=", "content": "priority" }]));
    assert_eq!(list[1]["snapshot"]["actions"], json!([then("priority", "high")]));
    let one = get(&server, &format!("{path}/revisions/{}", list[1]["id"]), &all).await;
    assert_eq!(one["trigger_revision"], list[1]);
    let page = get(&server, &format!("{path}/revisions?page[size]=1"), &all).await;
    let next = page["after_url"].as_str().expect("an address").strip_prefix(&server.base).expect("ours").to_owned();
    assert_eq!(get(&server, &next, &all).await["trigger_revisions"], json!([list[1]]));
    assert_eq!(server.get(&format!("{path}/revisions/9"), &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_changes_a_ticket_once_and_the_audit_names_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = trigger(
        "Urgent ones",
        &[when("update_type", "is", "Create"), when("current_tags", "includes", "fire")],
        &[
            then("priority", "urgent"),
            then("current_tags", "seen"),
            then("comment_value", "On it"),
            then("comment_mode_is_public", "false"),
        ],
    );
    let rule = add(&server, &all, record).await;

    let burning = ticket(&server, &all, json!({ "subject": "A", "tags": ["fire"] })).await;
    let other = ticket(&server, &all, json!({ "subject": "B" })).await;
    server.run_jobs().await;
    change(&server, &all, &burning, json!({ "tags": ["fire"] })).await;

    let after = seen(&server, &all, &burning).await;
    assert_eq!(
        (&after["priority"], &after["tags"]),
        (&json!("urgent"), &json!(["fire"])),
        "only a new ticket is acted on"
    );
    assert_eq!(seen(&server, &all, &other).await["priority"], "normal");
    let told = audits(&server, &all).await;
    let by_rule: Vec<&Value> = told.iter().filter(|audit| audit["updater_id"] == -1).collect();
    assert_eq!(by_rule.len(), 1, "{told:?}");
    assert_eq!(by_rule[0]["ticket_id"], burning["id"]);
    let children = by_rule[0]["child_events"].as_array().expect("children");
    assert!(children.iter().any(|child| child["priority"] == "urgent"));
    assert_eq!((&children[0]["via"], &children[0]["via_reference_id"]), (&json!("Rule"), &rule["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_asked_of_the_whole_update() {
    let server = Server::start().await;
    let all = all(&server).await;
    for (title, condition, tag) in [
        ("solved", when("status", "value", "solved"), "was-solved"),
        ("from open", when("status", "value_previous", "open"), "was-open"),
        ("priority", when("priority", "changed", Value::Null), "reprioritised"),
        ("public", when("comment_is_public", "is", "true"), "answered"),
        ("agent", when("role", "is", "agent"), "by-agent"),
        ("word", when("comment_includes_word", "includes", "refund"), "refund"),
        ("tagged", when("current_tags", "includes", "special"), "noticed"),
    ] {
        let conditions = [when("update_type", "is", "Change"), condition];
        add(&server, &all, trigger(title, &conditions, &[then("current_tags", tag)])).await;
    }
    let it = ticket(&server, &all, json!({ "status": "open" })).await;
    server.run_jobs().await;
    assert_eq!(seen(&server, &all, &it).await["tags"], json!([]));

    change(&server, &all, &it, json!({ "status": "solved", "comment": { "body": "We refund it", "public": false } }))
        .await;
    assert_eq!(seen(&server, &all, &it).await["tags"], json!(["by-agent", "refund", "was-open", "was-solved"]));
    change(&server, &all, &it, json!({ "priority": "high", "tags": ["special"], "comment": { "body": "Done" } })).await;
    assert_eq!(
        seen(&server, &all, &it).await["tags"],
        json!(["answered", "by-agent", "noticed", "reprioritised", "special"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_run_by_category_and_place_and_each_looks_again_at_what_another_did() {
    let server = Server::start().await;
    let all = all(&server).await;
    // The second is told apart by what the third does, and runs after it.
    add(&server, &all, trigger("Overwrites", &[], &[then("subject", "{{ticket.subject}}c")])).await;
    let mut waits =
        trigger("Waits", &[when("current_tags", "includes", "ready")], &[then("subject", "{{ticket.subject}}d")]);
    waits["position"] = json!(0);
    add(&server, &all, waits).await;
    let early = made(
        &server,
        "/api/v2/trigger_categories",
        &all,
        "trigger_category",
        json!({ "name": "Early", "position": 0 }),
    )
    .await;
    let mut first = trigger("First", &[], &[then("subject", "{{ticket.subject}}a"), then("current_tags", "ready")]);
    first["category_id"] = early["id"].clone();
    add(&server, &all, first).await;
    // Two that set each other off end.
    add(&server, &all, trigger("Ping", &[when("priority", "is", "high")], &[then("priority", "low")])).await;
    add(&server, &all, trigger("Pong", &[when("priority", "is", "low")], &[then("priority", "high")])).await;

    let it = ticket(&server, &all, json!({ "subject": "-", "priority": "high" })).await;
    server.run_jobs().await;

    let after = seen(&server, &all, &it).await;
    assert_eq!((&after["subject"], &after["priority"]), (&json!("-adc"), &json!("high")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_that_a_trigger_names_are_written_to() {
    let server = Server::with_mail().await;
    let all = all(&server).await;
    let notice =
        |to: &str| then("notification_user", json!([to, "About {{ticket.title}}", "Ticket {{ticket.id}}\n<soon>"]));
    let actions =
        [notice("requester_id"), notice("current_user"), then("notification_group", json!(["group_id", "Group", "x"]))];
    add(&server, &all, trigger("Tell", &[when("update_type", "is", "Create")], &actions)).await;

    let record = json!({ "subject": "Printer", "requester": { "name": "Cleo", "email": "cleo@shop.test" } });
    let it = ticket(&server, &all, record).await;
    server.run_jobs().await;

    let mails = server.mails().await;
    let to_cleo: Vec<_> = mails.iter().filter(|mail| mail.to == "cleo@shop.test").collect();
    assert_eq!(to_cleo.len(), 1, "{mails:?}");
    assert_eq!(to_cleo[0].subject, "About Printer");
    assert_eq!(to_cleo[0].text, format!("Ticket {}\n<soon>", id(&it)));
    assert!(to_cleo[0].html.contains("&lt;soon&gt;"));
    let told = audits(&server, &all).await;
    let children = told.iter().flat_map(|audit| audit["child_events"].as_array().expect("children"));
    assert_eq!(children.filter(|child| child["event_type"] == "Notification").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_both_dialects_are_one_list_and_none_is_lost_when_it_is_saved_back() {
    let server = Server::start().await;
    let all = all(&server).await;
    let gorgias =
        server.token_for(Person::Admin, Dialect::Gorgias, "rules:read rules:write tickets:read tickets:write").await;
    let code = "if (contains(message.body_text, 'refund')) { Action('addTags', { tags: 'refund' }); } else if (eq(ticket.spam, true)) { Action('snoozeTicket', { snooze_timedelta: '1d' }); }";
    let written = json!({ "name": "Refunds", "code": code, "event_types": "ticket-created" });
    let written = body(server.post("/api/rules", &gorgias, written).await, 201).await;
    let conditions = [when("status", "value", "solved"), when("brand_id", "is_not", "7")];
    let here = add(&server, &all, trigger("Here", &conditions, &[then("type", "incident")])).await;
    let simple =
        add(&server, &all, trigger("Simple", &[when("priority", "is", "high")], &[then("current_tags", "hot")])).await;

    // Seen from here: what can be said of it.
    let path = format!("/api/v2/triggers/{}", id(&written));
    let shown = get(&server, &path, &all).await["trigger"].clone();
    assert_eq!(shown["conditions"]["all"][0], when("update_type", "is", "Create"));
    assert_eq!(shown["actions"], json!([then("current_tags", "refund")]));
    let mut saved = shown.clone();
    saved["title"] = json!("Renamed");
    body(server.put(&path, &all, json!({ "trigger": saved })).await, 200).await;
    let rule = format!("/api/rules/{}", id(&written));
    let back = body(server.get(&rule, &gorgias).await, 200).await;
    assert_eq!(
        (&back["code"], &back["name"], &back["event_types"]),
        (&json!(code), &json!("Renamed"), &json!("ticket-created"))
    );

    // Seen from there: code, or a note in its place.
    let rule = format!("/api/rules/{}", id(&here));
    let mut other = body(server.get(&rule, &gorgias).await, 200).await;
    assert!(other["code"].as_str().expect("code").starts_with("//"), "{other}");
    assert_eq!(other["event_types"], "ticket-saved");
    other["name"] = json!("There");
    body(server.put(&rule, &gorgias, other).await, 200).await;
    let kept = get(&server, &format!("/api/v2/triggers/{}", id(&here)), &all).await["trigger"].clone();
    assert_eq!(
        (&kept["conditions"], &kept["actions"], &kept["title"]),
        (&here["conditions"], &here["actions"], &json!("There"))
    );
    let said = body(server.get(&format!("/api/rules/{}", id(&simple)), &gorgias).await, 200).await;
    assert_eq!(said["code"], "if (eq(ticket.priority, 'high')) {\n  Action('addTags', { tags: ['hot'] });\n}\n");

    // A ticket of the other dialect sets them off, too.
    let new = json!({
        "subject": "Order 7", "priority": "high", "customer": { "email": "cleo@example.com" },
        "messages": [{ "channel": "api", "via": "api", "from_agent": false, "body_text": "x", "sender": { "email": "cleo@example.com" } }],
    });
    let ticket = body(server.post("/api/tickets", &gorgias, new).await, 201).await;
    server.run_jobs().await;
    assert_eq!(seen(&server, &all, &ticket).await["tags"], json!(["hot"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trigger_cannot_say_is_named_and_validated_without_being_stored() {
    let server = Server::start().await;
    let all = all(&server).await;
    for (record, field, named) in [
        (json!({ "title": "A", "actions": [then("notification_sms", "1")] }), "actions", "notification_sms"),
        (json!({ "title": "A", "actions": [] }), "actions", "one at least"),
        (json!({ "actions": [then("status", "open")] }), "title", "blank"),
        (trigger("A", &[when("moon", "is", "full")], &[then("status", "open")]), "all", "moon"),
        (trigger("A", &[when("status", "value", "lost")], &[then("status", "open")]), "all", "lost"),
        (
            trigger("A", &[], &[then("notification_webhook", json!([helpdesk::ulid::of(99), "{}"]))]),
            "actions",
            "no integration",
        ),
        (
            json!({ "title": "A", "category_id": "99", "conditions": { "all": [] }, "actions": [then("status", "open")] }),
            "category_id",
            "no category",
        ),
    ] {
        let refused =
            body(server.post("/api/v2/triggers", &all, json!({ "trigger": record.clone() })).await, 422).await;
        let told = refused["details"][field][0]["description"].as_str().unwrap_or_default();
        assert!(told.contains(named), "{record}: {refused}");
    }
    let wrong = json!({ "trigger": trigger("A", &[when("moon", "is", "full")], &[then("status", "open")]) });
    let errors = body(server.post("/api/v2/triggers/validate", &all, wrong).await, 200).await["errors"].clone();
    assert!(errors[0]["detail"].as_str().unwrap_or_default().contains("moon"), "{errors}");
    let right = json!({ "trigger": trigger("A", &[when("status", "is", "open")], &[then("status", "open")]) });
    assert_eq!(body(server.post("/api/v2/triggers/validate", &all, right).await, 200).await, json!({ "errors": [] }));
    assert_eq!(get(&server, "/api/v2/triggers", &all).await["count"], 0);

    let definitions = get(&server, "/api/v2/triggers/definitions", &all).await["definitions"].clone();
    let subjects = |list: &str| -> Vec<String> {
        definitions[list]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["subject"].as_str().expect("a field").to_owned())
            .collect()
    };
    assert!(subjects("conditions_all").contains(&"update_type".to_owned()));
    assert!(subjects("actions").contains(&"notification_webhook".to_owned()));
    assert_eq!(get(&server, "/api/v2/triggers/limits", &all).await["limits"]["count"], 0);
    let reads = token(&server, "automations:read automations:write").await;
    assert_eq!(server.get("/api/v2/triggers", &reads).await.status(), 403);
}
