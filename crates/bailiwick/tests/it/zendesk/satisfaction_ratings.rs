//! `/api/v2/satisfaction_ratings`.

use reqwest::Method;
use scope::Dialect;
use serde_json::json;

use super::{all, body, customer, get, id, ids, request, ticket, token};
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_rates_a_ticket_once_it_was_solved() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (cleo, dan) = (customer(&server, &all, "Cleo").await, customer(&server, &all, "Dan").await);
    let acting = token(&server, "read write impersonate").await;
    let asked = json!({ "requester_id": cleo["id"], "assignee_id": server.agent_id });
    let made = ticket(&server, &all, asked).await;
    let path = format!("/api/v2/tickets/{}/satisfaction_rating", id(&made));
    let rate = |who: i64, record: serde_json::Value| {
        let call = request(&server, Method::POST, &path, &acting).header("x-on-behalf-of", who);
        async move { call.json(&json!({ "satisfaction_rating": record })).send().await.expect("send") }
    };

    assert_eq!(rate(id(&cleo), json!({ "score": "good" })).await.status(), 422);
    let solved = json!({ "ticket": { "status": "solved" } });
    body(server.put(&format!("/api/v2/tickets/{}", id(&made)), &all, solved).await, 200).await;
    assert_eq!(rate(id(&dan), json!({ "score": "good" })).await.status(), 404);
    assert_eq!(rate(id(&cleo), json!({ "score": "odd" })).await.status(), 422);
    assert_eq!(rate(id(&cleo), json!({ "score": "bad", "reason_code": 3 })).await.status(), 422);
    let rated = rate(id(&cleo), json!({ "score": "bad", "comment": "Slow", "reason_code": 5 })).await;

    let rating = body(rated, 200).await["satisfaction_rating"].clone();
    assert_eq!(
        [&rating["score"], &rating["comment"], &rating["reason_code"]],
        [&json!("bad"), &json!("Slow"), &json!(5)]
    );
    assert_eq!([&rating["assignee_id"], &rating["requester_id"]], [&json!(server.agent_id), &cleo["id"]]);
    let shown = get(&server, &format!("/api/v2/tickets/{}", id(&made)), &all).await;
    assert_eq!(shown["ticket"]["satisfaction_rating"]["score"], "bad");
    for (filter, found) in [
        ("score=bad", 1),
        ("score=good", 0),
        ("score=received_with_comment", 1),
        ("score=bad_without_comment", 0),
        ("start_time=0", 1),
        ("end_time=1", 0),
    ] {
        let list = get(&server, &format!("/api/v2/satisfaction_ratings?{filter}"), &all).await;
        assert_eq!(ids(&list["satisfaction_ratings"]).len(), found, "{filter}");
    }
    ticket(&server, &all, json!({ "requester_id": dan["id"] })).await;
    let received = get(&server, "/api/v2/satisfaction_ratings/received.json", &all).await;
    assert_eq!(ids(&received["satisfaction_ratings"]), [id(&rating)]);
    assert_eq!(
        get(&server, &format!("/api/v2/satisfaction_ratings/{}", id(&rating)), &all).await["satisfaction_rating"],
        rating
    );
    assert_eq!(get(&server, "/api/v2/satisfaction_ratings/count?score=bad", &all).await["count"]["value"], 1);
    assert_eq!(server.get("/api/v2/satisfaction_ratings?score=odd", &all).await.status(), 400);
    let reason = format!("/api/v2/satisfaction_reasons/{}", rating["reason_id"]);
    assert_eq!(get(&server, &reason, &all).await["reason"]["value"], rating["reason"]);
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read").await;
    for path in ["/api/v2/satisfaction_ratings", "/api/v2/satisfaction_ratings/received"] {
        assert_eq!(server.get(path, &agent).await.status(), 403);
    }
}
