//! `/api/v2/slas/policies`, and what they promise of a ticket.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, made, ticket};
use crate::support::Server;

const PATH: &str = "/api/v2/slas/policies";

fn policy(title: &str, all: Value, metric: &str, minutes: i64, business_hours: bool) -> Value {
    let metric = json!({ "priority": "high", "metric": metric, "target": minutes, "business_hours": business_hours });
    json!({ "title": title, "filter": { "all": all, "any": [] }, "policy_metrics": [metric] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_made_changed_put_in_order_and_removed() {
    let server = Server::start().await;
    let all = all(&server).await;
    let filter = json!([{ "field": "type", "operator": "is", "value": "incident" }]);
    let first = policy("Incidents", filter.clone(), "first_reply_time", 60, true);
    let first = made(&server, PATH, &all, "sla_policy", first).await;
    let second = made(&server, PATH, &all, "sla_policy", policy("Rest", json!([]), "next_reply_time", 90, false)).await;
    let path = format!("{PATH}/{}", id(&first));

    let changed = json!({ "sla_policy": { "description": "Within the hour" } });
    let changed = body(server.put(&path, &all, changed).await, 200).await["sla_policy"].clone();

    assert_eq!((&first["position"], &second["position"]), (&json!(1), &json!(2)));
    assert_eq!((&changed["description"], &changed["filter"]["all"]), (&json!("Within the hour"), &filter));
    let metric = &changed["policy_metrics"][0];
    assert_eq!((&metric["target"], &metric["target_in_seconds"]), (&json!(60), &json!(3_600)));
    let order = json!({ "sla_policy_ids": [second["id"], first["id"]] });
    assert_eq!(server.put(&format!("{PATH}/reorder"), &all, order).await.status(), 200);
    assert_eq!(ids(&get(&server, PATH, &all).await["sla_policies"]), [id(&second), id(&first)]);
    assert_eq!(server.delete(&path, &all).await.status(), 204);
    assert_eq!(server.get(&path, &all).await.status(), 404);
    let definitions = get(&server, &format!("{PATH}/definitions"), &all).await["definitions"]["all"].clone();
    assert_eq!(definitions[0]["value"], "type");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_promised_is_refused_by_name() {
    let server = Server::start().await;
    let all = all(&server).await;
    let odd = json!([{ "field": "weather", "operator": "is", "value": "fine" }]);
    let twice = {
        let mut twice = policy("A", json!([]), "first_reply_time", 60, true);
        let metric = twice["policy_metrics"][0].clone();
        twice["policy_metrics"] = json!([metric, metric]);
        twice
    };

    for (wrong, field) in [
        (policy("A", odd, "first_reply_time", 60, true), "filter"),
        (policy("A", json!([]), "thinking_time", 60, true), "policy_metrics"),
        (policy("A", json!([]), "first_reply_time", 0, true), "policy_metrics"),
        (policy("", json!([]), "first_reply_time", 60, true), "title"),
        (json!({ "title": "A" }), "filter"),
        (twice, "policy_metrics"),
    ] {
        let refused = body(server.post(PATH, &all, json!({ "sla_policy": wrong })).await, 422).await;
        assert!(refused["details"][field].is_array(), "{refused}");
    }
    assert_eq!(server.put(&format!("{PATH}/reorder"), &all, json!({ "sla_policy_ids": [99] })).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_tells_when_a_promise_is_broken_and_that_it_was_kept() {
    let server = Server::start().await;
    let all = all(&server).await;
    let vip = json!([{ "field": "current_tags", "operator": "includes", "value": "vip" }]);
    made(&server, PATH, &all, "sla_policy", policy("VIP", vip, "first_reply_time", 60, false)).await;
    // Monday 09:00, an hour of business before: eight of ten hours are left of the day.
    made(&server, PATH, &all, "sla_policy", policy("All", json!([]), "total_resolution_time", 600, true)).await;
    let ada = customer(&server, &all, "Ada Park").await;
    let asks = json!({ "body": "Where is it?", "author_id": ada["id"] });
    let new = |tags: Value| json!({ "requester_id": ada["id"], "priority": "high", "tags": tags, "comment": asks });
    let vip = ticket(&server, &all, new(json!(["vip"]))).await;
    let plain = ticket(&server, &all, new(json!([]))).await;
    let low = ticket(&server, &all, json!({ "priority": "low" })).await;
    let slas = |ticket: &Value| {
        let path = format!("/api/v2/tickets/{}?include=slas", id(ticket));
        let (server, all) = (&server, &all);
        async move { get(server, &path, all).await["ticket"]["slas"]["policy_metrics"].clone() }
    };

    server.clock.advance(Duration::from_secs(1_800));
    let active = slas(&vip).await;
    let answer = json!({ "ticket": { "comment": { "body": "On its way." }, "status": "pending" } });
    body(server.put(&format!("/api/v2/tickets/{}", id(&vip)), &all, answer).await, 200).await;

    assert_eq!(
        active,
        json!([{ "metric": "first_reply_time", "stage": "active", "breach_at": "2026-03-02T10:00:00Z", "minutes": 30 }])
    );
    assert_eq!(slas(&vip).await, json!([{ "metric": "first_reply_time", "stage": "achieved", "breach_at": null }]));
    assert_eq!(
        slas(&plain).await,
        json!([{ "metric": "total_resolution_time", "stage": "active", "breach_at": "2026-03-03T11:00:00Z", "days": 1 }])
    );
    assert_eq!(slas(&low).await, json!([]), "nothing is promised of this priority");
    let holiday = json!({ "holiday": { "name": "Tuesday", "start_date": "2026-03-03", "end_date": "2026-03-03" } });
    let made = server.post("/api/v2/business_hours/schedules/1/holidays", &all, holiday).await;
    assert_eq!(made.status(), 201);
    assert_eq!(slas(&plain).await[0]["breach_at"], "2026-03-04T11:00:00Z", "a holiday does not count");
}
