//! `/api/v2/ticket_metrics` and the export of metric events.

use std::time::Duration;

use serde_json::json;

use super::{all, body, customer, get, id, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_tickets_times_are_counted_from_what_happened_to_it() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let start = server.clock.now().as_second();
    server.clock.advance(Duration::from_secs(1));
    let asked = json!({ "requester_id": cleo["id"], "comment": { "body": "Help", "author_id": cleo["id"] } });
    let made = ticket(&server, &all, asked).await;
    let path = format!("/api/v2/tickets/{}", id(&made));
    for (minutes, change) in [
        (
            10,
            json!({ "assignee_id": server.agent_id, "status": "pending", "comment": { "body": "Which?", "public": true } }),
        ),
        (20, json!({ "status": "open" })),
        (5, json!({ "status": "solved" })),
        (30, json!({ "status": "open" })),
        (1, json!({ "status": "solved" })),
    ] {
        server.clock.advance(Duration::from_secs(60 * minutes));
        body(server.put(&path, &all, json!({ "ticket": change })).await, 200).await;
    }
    server.clock.advance(Duration::from_secs(61));

    let metrics = get(&server, &format!("{path}/metrics"), &all).await["ticket_metric"].clone();

    assert_eq!([&metrics["replies"], &metrics["reopens"], &metrics["assignee_stations"]], [1, 1, 1]);
    assert_eq!(metrics["reply_time_in_minutes"]["calendar"], 10);
    assert_eq!(metrics["agent_wait_time_in_minutes"]["calendar"], 20);
    assert_eq!(metrics["first_resolution_time_in_minutes"]["calendar"], 35);
    assert_eq!(metrics["full_resolution_time_in_minutes"]["calendar"], 66);
    assert_eq!(metrics["requester_wait_time_in_minutes"]["calendar"], 16);
    assert_eq!(get(&server, "/api/v2/ticket_metrics", &all).await["ticket_metrics"][0], metrics);
    let events = format!("/api/v2/incremental/ticket_metric_events?start_time={start}");
    let told = get(&server, &events, &all).await;
    let of = |metric: &str| -> Vec<(String, i64)> {
        let list = told["ticket_metric_events"].as_array().expect("a list").iter();
        let of_metric = list.filter(|it| it["metric"] == metric);
        of_metric
            .map(|it| (it["type"].as_str().expect("a word").to_owned(), it["instance_id"].as_i64().expect("a number")))
            .collect()
    };
    assert_eq!(of("reply_time"), [("activate".to_owned(), 1), ("fulfill".to_owned(), 1)]);
    let resolution = ["activate", "fulfill", "activate", "fulfill"].map(str::to_owned);
    assert_eq!(of("resolution_time"), resolution.into_iter().zip([1, 1, 2, 2]).collect::<Vec<_>>());
    assert_eq!(told["end_of_stream"], true);
    assert!(get(&server, &format!("{events}&page[size]=2"), &all).await["meta"]["has_more"] == true);
}
