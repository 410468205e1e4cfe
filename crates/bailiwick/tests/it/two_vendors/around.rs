//! What is done with tickets: views, logs, jobs, macros, rules, surveys, measures.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{both, ids, names, of};
use crate::gorgias::body;
use crate::support::{Receiver, Server};
use crate::zendesk;

// view

#[tokio::test(flavor = "multi_thread")]
async fn a_view_holds_the_same_tickets() {
    let it = both().await;
    let late = it.by_gorgias(json!({ "tags": [{ "name": "late" }], "priority": "critical" })).await;
    let calm = it.by_zendesk(json!({ "tags": ["calm"], "priority": "low" })).await;
    let view = json!({ "name": "Late", "slug": "late", "filters": "eq(ticket.status, 'open') && containsAny(ticket.tags.name, ['late'])" });
    let of_gorgias = it.made("/api/views", view).await;
    let view = json!({ "view": { "title": "Calm", "all": [
        { "field": "status", "operator": "less_than", "value": "solved" }, { "field": "priority", "operator": "is", "value": "low" } ] } });
    let of_zendesk = it.made("/api/v2/views", view).await;

    let told = it.get(&format!("/api/v2/views/{}/tickets", of_gorgias["id"])).await;
    assert_eq!(ids(&told["tickets"]), [late]);
    let told = it.get(&format!("/api/v2/views/{}", of_gorgias["id"])).await["view"].clone();
    let tagged = json!({ "field": "current_tags", "operator": "includes", "value": "late" });
    assert!(told["conditions"]["all"].as_array().expect("a list").contains(&tagged), "{told}");
    let told = it.get(&format!("/api/views/{}/items", of_zendesk["id"])).await;
    assert_eq!(ids(&told["data"]), [calm]);
    let told = it.get(&format!("/api/views/{}", of_zendesk["id"])).await;
    assert_eq!(told["name"], "Calm");
    assert!(told["filters"].as_str().expect("a text").contains("priority"), "{told}");
}

// event

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_in_both_logs() {
    let it = both().await;
    let ticket = it.by_gorgias(json!({})).await;
    it.change_in_gorgias(ticket, json!({ "priority": "high", "assignee_user": { "id": it.server.agent_id } })).await;
    it.change_in_zendesk(ticket, json!({ "status": "pending", "comment": { "body": "Well?" } })).await;

    let audits = it.get(&format!("/api/v2/tickets/{ticket}/audits")).await["audits"].clone();
    let audits = audits.as_array().expect("a list");
    assert_eq!(audits.len(), 3);
    assert_eq!(audits[0]["via"]["channel"], "email");
    let says = |audit: &Value, name: &str, before: Value, value: Value| {
        let told = audit["events"].as_array().expect("a list");
        told.iter().any(|it| it["field_name"] == name && it["previous_value"] == before && it["value"] == value)
    };
    assert!(says(&audits[1], "priority", json!("normal"), json!("high")), "{}", audits[1]);
    assert!(says(&audits[1], "assignee_id", Value::Null, json!(it.server.agent_id.to_string())), "{}", audits[1]);
    assert!(says(&audits[2], "status", json!("open"), json!("pending")), "{}", audits[2]);
    let events = it.get(&format!("/api/events?object_type=Ticket&object_id={ticket}&limit=100")).await;
    let last = &events["data"][0];
    assert_eq!([&last["type"], &last["data"]["after"]["status"]], ["ticket-updated", "pending"]);
    assert!(audits.iter().all(|it| it["author_id"].is_i64()), "{audits:?}");
}

// job

#[tokio::test(flavor = "multi_thread")]
async fn many_tickets_are_changed_for_both() {
    let it = both().await;
    let (one, two) = (it.by_gorgias(json!({})).await, it.by_zendesk(json!({})).await);
    let job = json!({ "type": "updateTicket", "params": { "ticket_ids": [one, two], "updates": { "status": "closed", "priority": "high" } } });
    it.made("/api/jobs", job).await;
    it.server.run_jobs().await;

    for id in [one, two] {
        let told = it.in_zendesk(id).await;
        assert_eq!([&told["status"], &told["priority"]], ["solved", "high"]);
        let audits = it.get(&format!("/api/v2/tickets/{id}/audits")).await;
        assert_eq!(audits["count"], 2, "{audits}");
    }
    let path = format!("/api/v2/tickets/update_many?ids={one},{two}");
    it.put(&path, json!({ "ticket": { "status": "open", "additional_tags": ["again"] } })).await;
    it.server.run_jobs().await;
    for id in [one, two] {
        let told = it.in_gorgias(id).await;
        assert_eq!((told["status"].as_str(), names(&told["tags"])), (Some("open"), vec!["again"]));
    }
}

// macro

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_says_and_does_the_same() {
    let it = both().await;
    let action =
        |name: &str, arguments: Value| json!({ "name": name, "title": name, "type": "user", "arguments": arguments });
    let of_gorgias = json!({ "name": "Refund", "actions": [
        action("setResponseText", json!({ "body_text": "On its way, {{ticket.customer.firstname}}." })),
        action("addTags", json!({ "tags": "refund, money" })), action("setStatus", json!({ "status": "closed" })) ] });
    let of_gorgias = it.made("/api/macros", of_gorgias).await;
    let of_zendesk = json!({ "macro": { "title": "Wait", "actions": [
        { "field": "status", "value": "hold" }, { "field": "priority", "value": "urgent" }, { "field": "comment_value", "value": "Wait." } ] } });
    let of_zendesk = it.made("/api/v2/macros", of_zendesk).await;
    let ticket = it.by_gorgias(json!({})).await;

    let told = it.get(&format!("/api/v2/macros/{}", of_gorgias["id"])).await["macro"].clone();
    let says = |field: &str, value: &str| {
        told["actions"].as_array().expect("a list").contains(&json!({ "field": field, "value": value }))
    };
    assert_eq!(told["title"], "Refund");
    assert!(says("current_tags", "refund money") && says("status", "solved"), "{told}");
    let would = it.get(&format!("/api/v2/tickets/{ticket}/macros/{}/apply", of_gorgias["id"])).await["result"].clone();
    assert_eq!([&would["ticket"]["status"], &would["ticket"]["tags"]], [&json!("solved"), &json!(["money", "refund"])]);
    assert_eq!(would["comment"]["body"], "On its way, Mia.");
    let told = it.get(&format!("/api/macros/{}", of_zendesk["id"])).await;
    let names: Vec<&str> =
        told["actions"].as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(told["name"], "Wait");
    assert!(
        names.contains(&"setStatus") && names.contains(&"setPriority") && names.contains(&"setResponseText"),
        "{told}"
    );
}

// rule, integration

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_integrations_follow_what_either_writes() {
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    let receiver = Receiver::start().await;
    let it = of(server).await;
    let rule = json!({ "name": "Tags", "event_types": "ticket-created",
                       "code": "if (eq(ticket.subject, 'Help')) { Action('addTags', { tags: 'seen' }) }" });
    it.made("/api/rules", rule).await;
    let http = json!({ "url": receiver.url("/told"), "method": "POST", "triggers": { "ticket-created": true } });
    it.made("/api/integrations", json!({ "name": "CRM", "type": "http", "http": http })).await;

    let ticket = it.by_zendesk(json!({ "subject": "Help" })).await;
    it.server.run_jobs().await;

    assert_eq!(it.in_zendesk(ticket).await["tags"], json!(["seen"]));
    assert_eq!(receiver.received().len(), 1);
    let audits = it.get(&format!("/api/v2/tickets/{ticket}/audits")).await;
    assert!(audits["audits"].as_array().expect("a list").iter().any(|it| it["via"]["channel"] == "rule"), "{audits}");
}

// survey, rating

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_is_a_rating_of_good_or_bad() {
    let it = both().await;
    let ticket = it.by_gorgias(json!({ "status": "closed" })).await;
    let customer = it.in_gorgias(ticket).await["customer"]["id"].clone();
    let answered = json!({ "ticket_id": ticket, "customer_id": customer, "score": 5, "body_text": "Quick",
        "created_datetime": "2026-03-01T10:00:00", "sent_datetime": "2026-03-01T11:00:00", "scored_datetime": "2026-03-01T12:00:00" });
    let survey = it.made("/api/satisfaction-surveys", answered).await;

    let told = it.in_zendesk(ticket).await["satisfaction_rating"].clone();
    assert_eq!(told, json!({ "id": survey["id"], "score": "good", "comment": "Quick" }));
    let list = it.get("/api/v2/satisfaction_ratings").await["satisfaction_ratings"].clone();
    assert_eq!(
        [&list[0]["ticket_id"], &list[0]["requester_id"], &list[0]["score"]],
        [&json!(ticket), &customer, &json!("good")]
    );
    let other = it.by_zendesk(json!({ "requester_id": customer, "status": "solved" })).await;
    let acting = zendesk::token(&it.server, "read write impersonate").await;
    let path = format!("/api/v2/tickets/{other}/satisfaction_rating");
    let rate =
        zendesk::request(&it.server, Method::POST, &path, &acting).header("x-on-behalf-of", customer.to_string());
    let rate = rate.json(&json!({ "satisfaction_rating": { "score": "bad", "comment": "Slow" } }));
    let rated = body(rate.send().await.expect("send"), 200).await["satisfaction_rating"].clone();
    let told = it.in_gorgias(other).await["satisfaction_survey"].clone();
    assert_eq!([&told["id"], &told["score"], &told["body_text"]], [&rated["id"], &json!(1), &json!("Slow")]);
    let audits = it.get(&format!("/api/v2/tickets/{other}/audits")).await;
    let told =
        audits["audits"].as_array().expect("a list").iter().flat_map(|it| it["events"].as_array().expect("a list"));
    assert!(told.clone().any(|it| it["type"] == "SatisfactionRating" && it["score"] == "bad"), "{audits}");
}

// measure

#[tokio::test(flavor = "multi_thread")]
async fn measures_count_what_either_writes() {
    let it = both().await;
    let ticket = it.by_gorgias(json!({})).await;
    it.by_zendesk(json!({})).await;
    it.server.clock.advance(Duration::from_secs(600));
    it.change_in_zendesk(ticket, json!({ "comment": { "body": "Soon" }, "status": "solved" })).await;
    it.server.run_jobs().await;

    let metric = it.get(&format!("/api/v2/tickets/{ticket}/metrics")).await["ticket_metric"].clone();
    assert_eq!([&metric["reply_time_in_minutes"]["calendar"], &metric["replies"]], [&json!(10), &json!(1)]);
    let report = json!({ "query": { "scope": "tickets-created", "timezone": "UTC", "filters": [
        { "member": "periodStart", "operator": "afterDate", "values": ["2026-03-01T00:00:00.000"] },
        { "member": "periodEnd", "operator": "beforeDate", "values": ["2026-03-31T23:59:59.000"] } ] } });
    let told = body(it.server.post("/api/reporting/stats", &it.gorgias, report).await, 200).await;
    assert_eq!(told["data"], json!([{ "ticketCount": 2 }]));
}

// form, type, problem, brand: words of one vendor alone

#[tokio::test(flavor = "multi_thread")]
async fn what_one_vendor_has_alone_survives_a_change_by_the_other() {
    let it = both().await;
    let brand = it.made("/api/v2/brands", json!({ "brand": { "name": "Shoes", "subdomain": "shoes" } })).await;
    let problem = it.by_zendesk(json!({ "type": "problem" })).await;
    let ticket = it.by_zendesk(json!({ "type": "incident", "problem_id": problem, "brand_id": brand["id"], "email_ccs": [{ "user_email": "dan@shop.test" }] })).await;
    let before = it.in_zendesk(ticket).await;
    let whole = it.in_gorgias(ticket).await;

    it.change_in_gorgias(
        ticket,
        json!({ "subject": "Anew", "meta": { "a": 1 }, "status": whole["status"], "priority": whole["priority"] }),
    )
    .await;

    let after = it.in_zendesk(ticket).await;
    for name in
        ["type", "problem_id", "brand_id", "email_cc_ids", "status", "custom_status_id", "priority", "requester_id"]
    {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(after["subject"], "Anew");
    it.change_in_zendesk(ticket, json!({ "subject": "Once more" })).await;
    assert_eq!(it.in_gorgias(ticket).await["meta"], json!({ "a": 1 }));
}
