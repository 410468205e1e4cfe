//! What conditions of views, triggers, automations and SLA policies ask beyond the plainest, and how each is offered.

use std::time::Duration;

use scope::Dialect;
use serde_json::{Value, json};

use super::triggers::{add, then, trigger, when};
use super::{all, body, customer, get, id, ids, made, ticket};
use crate::support::{Person, Server};

const HOUR: Duration = Duration::from_hours(1);

/// A trigger for each condition, which puts its word on the ticket.
async fn tag_by(server: &Server, token: &str, conditions: &[(&str, Value)]) {
    for (word, condition) in conditions {
        add(server, token, trigger(word, std::slice::from_ref(condition), &[then("current_tags", *word)])).await;
    }
}

async fn tags(server: &Server, token: &str, ticket: &Value) -> Vec<String> {
    let shown = get(server, &format!("/api/v2/tickets/{}", id(ticket)), token).await["ticket"]["tags"].clone();
    shown.as_array().expect("tags").iter().map(|tag| tag.as_str().expect("a word").to_owned()).collect()
}

async fn change(server: &Server, token: &str, ticket: &Value, change: Value) {
    let path = format!("/api/v2/tickets/{}", id(ticket));
    server.clock.advance(Duration::from_secs(1));
    body(server.put(&path, token, json!({ "ticket": change })).await, 200).await;
    server.run_jobs().await;
}

/// The tickets that a view of these conditions holds.
async fn viewed(server: &Server, token: &str, conditions: &[Value]) -> Vec<i64> {
    let mut conditions = conditions.to_vec();
    conditions.push(when("status", "less_than", "closed"));
    let view = json!({ "title": "Mine", "all": conditions });
    let view = made(server, "/api/v2/views", token, "view", view).await;
    assert_eq!(view["conditions"]["all"].as_array().map(Vec::len), Some(conditions.len()), "{view}");
    let mut found = ids(&get(server, &format!("/api/v2/views/{}/tickets", id(&view)), token).await["tickets"]);
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_ask_who_the_requester_is_and_how_the_ticket_came() {
    let server = Server::start().await;
    let all = all(&server).await;
    let field = |carrier: &str, key: &str| {
        let (server, all) = (&server, &all);
        let (path, name) = (format!("/api/v2/{carrier}_fields"), format!("{carrier}_field"));
        let record = json!({ "key": key, "type": "text", "title": key });
        async move { made(server, &path, all, &name, record).await }
    };
    field("user", "plan").await;
    field("organization", "tier").await;
    let vip = json!({ "key": "vip", "type": "checkbox", "title": "VIP" });
    made(&server, "/api/v2/organization_fields", &all, "organization_field", vip).await;
    let option = |name: &str| json!({ "name": name, "value": name });
    let lines = json!({ "key": "lines", "type": "multiselect", "title": "Lines", "custom_field_options": [option("tea"), option("milk")] });
    made(&server, "/api/v2/organization_fields", &all, "organization_field", lines).await;
    let mill =
        json!({ "name": "Mill", "organization_fields": { "tier": "gold", "vip": true, "lines": ["tea", "milk"] } });
    let mill = made(&server, "/api/v2/organizations", &all, "organization", mill).await;
    let cleo = json!({
        "name": "Cleo", "email": "cleo@shop.test", "locale_id": 8, "organization_id": mill["id"],
        "user_fields": { "plan": "yearly" },
    });
    let cleo = made(&server, "/api/v2/users", &all, "user", cleo).await;
    let dan = customer(&server, &all, "Dan").await;
    tag_by(
        &server,
        &all,
        &[
            ("german", when("locale_id", "is", "8")),
            ("english", when("locale_id", "is", "1")),
            ("customer", when("requester_role", "is", "0")),
            ("yearly", when("requester.custom_fields.plan", "is", "yearly")),
            ("no-plan", when("requester.custom_fields.plan", "not_present", Value::Null)),
            ("gold", when("organization.custom_fields.tier", "includes", "silver gold")),
            ("vip", when("organization.custom_fields.vip", "is", "true")),
            ("milk", when("organization.custom_fields.lines", "includes", "milk")),
            ("to-help", when("recipient", "is", "Help@shop.test")),
            ("private", when("ticket_is_public", "is", "private")),
            ("no-file", when("attachment", "is", "not_present")),
            ("by-api", when("current_via_id", "is", "5")),
        ],
    )
    .await;

    let of = |requester: &Value, public: bool| json!({ "requester_id": requester["id"], "comment": { "body": "Hello", "public": public } });
    let of_cleo = ticket(&server, &all, of(&cleo, true)).await;
    let of_dan = ticket(&server, &all, of(&dan, false)).await;
    let words = "tickets:write";
    let gorgias = server.token_for(Person::Admin, Dialect::Gorgias, words).await;
    let source =
        json!({ "type": "email", "to": [{ "address": "help@shop.test" }], "from": { "address": "cleo@shop.test" } });
    let mail = json!({
        "customer": { "email": "cleo@shop.test" }, "channel": "email", "via": "email",
        "messages": [{ "channel": "email", "via": "email", "from_agent": false, "body_text": "x", "source": source, "sender": { "email": "cleo@shop.test" } }],
    });
    let mailed = body(server.post("/api/tickets", &gorgias, mail).await, 201).await;
    server.run_jobs().await;

    assert_eq!(
        tags(&server, &all, &of_cleo).await,
        ["by-api", "customer", "german", "gold", "milk", "no-file", "vip", "yearly"],
    );
    assert_eq!(tags(&server, &all, &of_dan).await, ["by-api", "customer", "english", "no-file", "no-plan", "private"]);
    assert!(tags(&server, &all, &mailed).await.contains(&"to-help".to_owned()));
    let shown = get(&server, "/api/v2/triggers", &all).await["triggers"][3]["conditions"]["all"].clone();
    assert_eq!(shown, json!([when("requester.custom_fields.plan", "is", "yearly")]), "by its key, as it was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_ask_how_often_a_ticket_went_round_and_what_its_own_status_was() {
    let server = Server::start().await;
    let all = all(&server).await;
    let waits = json!({ "status_category": "pending", "agent_label": "Waits for parts" });
    let waits = made(&server, "/api/v2/custom_statuses", &all, "custom_status", waits).await;
    let waits = id(&waits).to_string();
    let cleo = customer(&server, &all, "Cleo").await;
    let new = json!({ "status": "open", "assignee_id": server.admin_id, "requester_id": cleo["id"] });
    let it = ticket(&server, &all, new).await;
    server.run_jobs().await;
    tag_by(
        &server,
        &all,
        &[
            ("reopened", when("reopens", "greater_than", "0")),
            ("answered-twice", when("replies", "is", "2")),
            ("two-agents", when("agent_stations", "is", "2")),
            ("no-group", when("group_stations", "less_than", "1")),
            ("waits", when("custom_status_id", "value", waits.clone())),
            ("waited", when("custom_status_id", "value_previous", waits.clone())),
            ("retagged", when("current_tags", "changed", Value::Null)),
        ],
    )
    .await;

    change(&server, &all, &it, json!({ "custom_status_id": waits, "comment": { "body": "We ordered it" } })).await;
    let waiting = tags(&server, &all, &it).await;
    change(&server, &all, &it, json!({ "status": "solved", "tags": [] })).await;
    let solved = tags(&server, &all, &it).await;
    change(&server, &all, &it, json!({ "status": "open", "assignee_id": server.agent_id, "tags": ["x"], "comment": { "body": "And sent it" } })).await;

    assert_eq!(waiting, ["no-group", "retagged", "waits"], "what another trigger did counts as well");
    assert_eq!(solved, ["no-group", "retagged", "waited"]);
    assert_eq!(
        tags(&server, &all, &it).await,
        ["answered-twice", "no-group", "reopened", "retagged", "two-agents", "x"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn business_hours_go_by_the_schedule_of_the_ticket() {
    let server = Server::start().await;
    let all = all(&server).await;
    const PATH: &str = "/api/v2/business_hours/schedules";
    let always = made(&server, PATH, &all, "schedule", json!({ "name": "Always", "time_zone": "UTC" })).await;
    let week: Vec<Value> =
        (0..7).map(|day| json!({ "start_time": day * 1_440, "end_time": (day + 1) * 1_440 })).collect();
    let workweek = format!("{PATH}/{}/workweek", id(&always));
    body(server.put(&workweek, &all, json!({ "workweek": { "intervals": week } })).await, 200).await;
    let always = id(&always).to_string();
    add(
        &server,
        &all,
        trigger("Round the clock", &[when("current_tags", "includes", "vip")], &[then("set_schedule", always.clone())]),
    )
    .await;
    tag_by(
        &server,
        &all,
        &[
            ("open", when("in_business_hours", "is", "true")),
            ("shut", when("in_business_hours", "is", "false")),
            ("free-day", when("on_a_holiday", "is", "true")),
            ("somebody", when("within_schedule", "is", always.clone())),
            ("other-hours", when("schedule_id", "is", always.clone())),
        ],
    )
    .await;
    let nudge = json!({
        "title": "Nudge", "all": [when("status", "is", "open"), when("updated_at", "greater_than_business_hours", "2"), when("current_tags", "not_includes", "nudged")],
        "actions": [then("current_tags", "nudged")],
    });
    let nudge = made(&server, "/api/v2/automations", &all, "automation", nudge).await;
    assert_eq!(nudge["conditions"]["all"][1], when("updated_at", "greater_than_business_hours", "2"));

    // Monday morning.
    let by_day = ticket(&server, &all, json!({ "status": "open" })).await;
    server.run_jobs().await;
    // Monday, an hour before nobody is there; then Tuesday, three and a half hours after.
    server.clock.advance(HOUR * 7);
    let late = ticket(&server, &all, json!({ "status": "open", "tags": ["late"] })).await;
    let vip = ticket(&server, &all, json!({ "status": "open", "tags": ["vip"] })).await;
    server.run_jobs().await;
    server.clock.advance(HOUR * 3);
    let by_night = ticket(&server, &all, json!({ "status": "open" })).await;
    let vip_by_night = ticket(&server, &all, json!({ "status": "open", "tags": ["vip"] })).await;
    server.run_jobs().await;
    helpdesk::rules::on_time::run(&server.db, &server.clock).await.expect("a pass");
    server.run_jobs().await;

    assert_eq!(
        tags(&server, &all, &by_day).await,
        ["nudged", "open", "shut", "somebody"],
        "the nudge is an update, at night"
    );
    assert_eq!(tags(&server, &all, &late).await, ["late", "open", "somebody"], "an hour of business since");
    assert_eq!(tags(&server, &all, &vip).await, ["nudged", "open", "other-hours", "somebody", "vip"]);
    assert_eq!(tags(&server, &all, &by_night).await, ["shut", "somebody"]);
    assert_eq!(tags(&server, &all, &vip_by_night).await, ["open", "other-hours", "somebody", "vip"]);
    let idle = |hours: &str| when("updated_at", "less_than_business_hours", hours);
    assert_eq!(
        viewed(&server, &all, &[when("schedule_id", "is", always.clone()), idle("1")]).await,
        [id(&vip), id(&vip_by_night)],
    );
    // A holiday of the account's own hours.
    let tuesday = json!({ "name": "Tuesday", "start_date": "2026-03-03", "end_date": "2026-03-03" });
    made(&server, &format!("{PATH}/1/holidays"), &all, "holiday", tuesday).await;
    server.clock.advance(HOUR * 15);
    let all = super::all(&server).await;
    change(&server, &all, &by_night, json!({ "priority": "low", "tags": [] })).await;
    assert_eq!(tags(&server, &all, &by_night).await, ["free-day", "shut", "somebody"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_ask_what_can_be_looked_up_at_once() {
    let server = Server::start().await;
    let all = all(&server).await;
    let team = made(&server, "/api/v2/groups", &all, "group", json!({ "name": "Repairs" })).await;
    let of_team = json!({ "user_id": server.admin_id, "group_id": team["id"] });
    made(&server, "/api/v2/group_memberships", &all, "group_membership", of_team).await;
    let cleo = json!({ "name": "Cleo", "email": "cleo@shop.test", "locale_id": 8 });
    let cleo = made(&server, "/api/v2/users", &all, "user", cleo).await;
    let mine = ticket(&server, &all, json!({ "group_id": team["id"], "requester_id": cleo["id"] })).await;
    let staffs = ticket(&server, &all, json!({ "status": "pending" })).await;
    server.run_jobs().await;
    server.clock.advance(HOUR * 5);

    let defaults = get(&server, "/api/v2/custom_statuses?default=true", &all).await["custom_statuses"].clone();
    let pending = defaults.as_array().expect("a list").iter().find(|it| it["status_category"] == "pending");
    let pending = id(pending.expect("one")).to_string();
    for (condition, found) in [
        (when("group_id", "is", "current_groups"), vec![id(&mine)]),
        (when("group_id", "is_not", "current_groups"), vec![id(&staffs)]),
        (when("locale_id", "is", "8"), vec![id(&mine)]),
        (when("locale_id", "is_not", "8"), vec![id(&staffs)]),
        (when("requester_role", "is", "2"), vec![id(&staffs)]),
        (when("custom_status_id", "is", pending), vec![id(&staffs)]),
        (when("via_id", "is", "5"), vec![id(&mine), id(&staffs)]),
        (when("satisfaction_score", "is", "true"), vec![id(&mine), id(&staffs)]),
        (when("satisfaction_score", "is_not", "true"), vec![]),
        (when("PENDING", "greater_than", "4"), vec![id(&staffs)]),
        (when("PENDING", "is", "5"), vec![id(&staffs)]),
        (when("PENDING", "greater_than_business_hours", "6"), vec![]),
        (when("within_schedule", "is", "1"), vec![id(&mine), id(&staffs)]),
    ] {
        assert_eq!(viewed(&server, &all, std::slice::from_ref(&condition)).await, found, "{condition}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_sets_off_triggers_that_ask_for_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let dissatisfied = when("satisfaction_score", "is", "bad_with_comment");
    let slow =
        [("slow", when("satisfaction_reason_code", "is", "5")), ("rude", when("satisfaction_reason_code", "is", "8"))];
    tag_by(&server, &all, &[("bad", when("satisfaction_score", "is", "bad")), ("said-why", dissatisfied)]).await;
    tag_by(&server, &all, &slow).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let it = ticket(&server, &all, json!({ "requester_id": cleo["id"] })).await;
    change(&server, &all, &it, json!({ "status": "solved" })).await;
    let acting = super::token(&server, "impersonate read write").await;
    let path = format!("/api/v2/tickets/{}/satisfaction_rating", id(&it));

    let rating = json!({ "satisfaction_rating": { "score": "bad", "comment": "Too late", "reason_code": 5 } });
    let rated = super::request(&server, reqwest::Method::POST, &path, &acting)
        .header("x-on-behalf-of", id(&cleo))
        .json(&rating)
        .send()
        .await
        .expect("an answer");

    body(rated, 200).await;
    server.run_jobs().await;
    assert_eq!(tags(&server, &all, &it).await, ["bad", "said-why", "slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_ask_who_is_copied_in_and_how_many_incidents_a_problem_has() {
    let server = Server::start().await;
    let all = all(&server).await;
    tag_by(
        &server,
        &all,
        &[
            ("copied", when("cc", "is", "present")),
            ("alone", when("cc", "is", "not_present")),
            ("grows", when("number_of_incidents", "greater_than", "1")),
        ],
    )
    .await;
    let dan = customer(&server, &all, "Dan").await;
    let problem = ticket(&server, &all, json!({ "type": "problem", "email_cc_ids": [dan["id"]] })).await;
    server.run_jobs().await;
    let first = tags(&server, &all, &problem).await;

    let incident = json!({ "type": "incident", "problem_id": problem["id"] });
    let incidents = [ticket(&server, &all, incident.clone()).await, ticket(&server, &all, incident).await];
    change(&server, &all, &problem, json!({ "priority": "high" })).await;

    assert_eq!(first, ["copied"]);
    assert_eq!(tags(&server, &all, &problem).await, ["copied", "grows"]);
    assert_eq!(tags(&server, &all, &incidents[0]).await, ["alone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn automations_ask_how_long_until_a_promise_is_broken_and_since_when_it_is() {
    let server = Server::start().await;
    let all = all(&server).await;
    let metric =
        json!({ "priority": "high", "metric": "total_resolution_time", "target": 180, "business_hours": false });
    let policy = json!({ "title": "Soon", "filter": { "all": [], "any": [] }, "policy_metrics": [metric] });
    made(&server, "/api/v2/slas/policies", &all, "sla_policy", policy).await;
    for (word, condition) in [
        ("soon", when("until_sla_next_breach_at", "less_than", "1")),
        ("late", when("sla_next_breach_at", "greater_than", "1")),
    ] {
        let asked = [when("status", "less_than", "solved"), when("current_tags", "not_includes", word), condition];
        let automation = json!({ "title": word, "all": asked, "actions": [then("current_tags", word)] });
        let made = made(&server, "/api/v2/automations", &all, "automation", automation).await;
        assert_eq!(made["conditions"]["all"], json!(asked), "as it was written");
    }
    let promised = ticket(&server, &all, json!({ "priority": "high" })).await;
    let other = ticket(&server, &all, json!({ "priority": "low" })).await;
    let pass = async |hours: f64| {
        server.clock.advance(HOUR.mul_f64(hours));
        helpdesk::rules::on_time::run(&server.db, &server.clock).await.expect("a pass");
        server.run_jobs().await;
        tags(&server, &super::all(&server).await, &promised).await
    };

    assert_eq!(pass(1.5).await, [""; 0], "an hour and a half is left");
    assert_eq!(pass(1.0).await, ["soon"]);
    assert_eq!(pass(1.0).await, ["soon"], "broken for half an hour");
    assert_eq!(pass(1.0).await, ["late", "soon"]);
    assert_eq!(tags(&server, &all, &other).await, [""; 0], "nothing was promised");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_place_is_offered_exactly_what_it_can_ask() {
    let server = Server::start().await;
    let all = all(&server).await;
    made(&server, "/api/v2/user_fields", &all, "user_field", json!({ "key": "plan", "type": "text", "title": "Plan" }))
        .await;
    let of = |path: &'static str, list: &'static str, name: &'static str| {
        let (server, all) = (&server, &all);
        async move {
            let offered = get(server, path, all).await["definitions"][list].clone();
            let names = offered.as_array().expect("a list").iter();
            names.map(|it| it[name].as_str().expect("a word").to_owned()).collect::<Vec<_>>()
        }
    };
    let triggers = of("/api/v2/triggers/definitions", "conditions_all", "subject").await;
    let views = of("/api/v2/views/definitions", "conditions_all", "subject").await;
    let views_any = of("/api/v2/views/definitions", "conditions_any", "subject").await;
    let policies = of("/api/v2/slas/policies/definitions", "all", "value").await;
    let actions = of("/api/v2/triggers/definitions", "actions", "subject").await;

    let has = |list: &[String], word: &str| list.iter().any(|known| known == word);
    for word in ["in_business_hours", "recipient", "reopens", "current_via_id", "requester.custom_fields.plan"] {
        assert!(has(&triggers, word) && !has(&views, word), "{word}");
    }
    assert!(has(&views, "PENDING") && !has(&triggers, "PENDING") && !has(&views_any, "PENDING"));
    assert!(has(&policies, "exact_created_at") && has(&policies, "recipient") && !has(&policies, "status"));
    for word in ["set_schedule", "locale_id", "custom_status_id", "requester.custom_fields.plan"] {
        assert!(has(&actions, word), "{word}");
    }
    // What is not offered is refused by its name.
    for (path, name, record, word) in [
        (
            "views",
            "view",
            json!({ "title": "A", "all": [when("status", "is", "open"), when("recipient", "is", "a@b.test")] }),
            "recipient",
        ),
        (
            "triggers",
            "trigger",
            trigger("A", &[when("requester_twitter_verified", "is", "true")], &[then("status", "open")]),
            "requester_twitter_verified",
        ),
        (
            "triggers",
            "trigger",
            trigger("A", &[when("requester.custom_fields.colour", "is", "x")], &[then("status", "open")]),
            "colour",
        ),
        (
            "triggers",
            "trigger",
            trigger("A", &[], &[then("notification_target", json!(["1", "x"]))]),
            "notification_target",
        ),
        ("triggers", "trigger", trigger("A", &[], &[then("requester.custom_fields.colour", "x")]), "colour"),
    ] {
        let refused = body(server.post(&format!("/api/v2/{path}"), &all, json!({ name: record })).await, 422).await;
        assert!(refused.to_string().contains(word), "{refused}");
    }
}
