//! The trash, spam, merging, problems and their incidents.

use serde_json::json;

use super::{all, body, customer, done, get, id, ids, ticket};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_ticket_is_in_the_trash_until_it_is_restored_or_gone() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (first, second) = (ticket(&server, &all, json!({})).await, ticket(&server, &all, json!({})).await);
    for made in [&first, &second] {
        assert_eq!(server.delete(&format!("/api/v2/tickets/{}", id(made)), &all).await.status(), 204);
    }
    let path = format!("/api/v2/tickets/{}", id(&first));
    assert_eq!(server.get(&path, &all).await.status(), 404);
    assert_eq!(server.delete(&path, &all).await.status(), 404);
    assert_eq!(get(&server, "/api/v2/tickets", &all).await["count"], 0);
    let trash = get(&server, "/api/v2/deleted_tickets", &all).await;
    assert_eq!(ids(&trash["deleted_tickets"]), [id(&first), id(&second)]);
    assert_eq!(trash["deleted_tickets"][0]["actor"]["id"], server.admin_id);

    let restored = server.put(&format!("/api/v2/deleted_tickets/{}/restore", id(&first)), &all, json!({})).await;
    let gone = server.delete(&format!("/api/v2/deleted_tickets/{}", id(&second)), &all).await;

    assert_eq!(restored.status(), 200);
    assert_eq!(server.get(&path, &all).await.status(), 200);
    assert_eq!(done(&server, &all, gone).await["results"][0]["success"], true);
    assert_eq!(get(&server, "/api/v2/deleted_tickets", &all).await["count"], 0);
    assert_eq!(
        server.put(&format!("/api/v2/deleted_tickets/{}/restore", id(&first)), &all, json!({})).await.status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn spam_holds_its_customer_back() {
    let server = Server::start().await;
    let all = all(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let made = ticket(&server, &all, json!({ "requester_id": cleo["id"] })).await;

    body(server.put(&format!("/api/v2/tickets/{}/mark_as_spam", id(&made)), &all, json!({})).await, 200).await;

    let cleo = get(&server, &format!("/api/v2/users/{}", id(&cleo)), &all).await;
    assert_eq!(cleo["user"]["suspended"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_closes_the_others_with_a_word_on_each_side() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (target, source) = (ticket(&server, &all, json!({})).await, ticket(&server, &all, json!({})).await);
    let sent = json!({ "ids": [source["id"]], "target_comment": "Took the other", "source_comment": "Goes on there" });

    let job =
        done(&server, &all, server.post(&format!("/api/v2/tickets/{}/merge", id(&target)), &all, sent).await).await;

    assert_eq!(job["status"], "completed");
    assert_eq!(job["results"][0]["success"], true, "{job}");
    let source = get(&server, &format!("/api/v2/tickets/{}", id(&source)), &all).await;
    assert_eq!(source["ticket"]["status"], "closed");
    let comments = get(&server, &format!("/api/v2/tickets/{}/comments", id(&target)), &all).await;
    assert_eq!(comments["comments"][1]["body"], "Took the other");
    assert_eq!(comments["comments"][1]["public"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_knows_its_incidents() {
    let server = Server::start().await;
    let all = all(&server).await;
    let problem = ticket(&server, &all, json!({ "type": "problem", "subject": "Checkout is down" })).await;
    let incident = ticket(&server, &all, json!({ "type": "incident", "problem_id": problem["id"] })).await;
    let path = format!("/api/v2/tickets/{}", id(&problem));

    assert_eq!(incident["problem_id"], problem["id"]);
    assert_eq!(get(&server, &path, &all).await["ticket"]["has_incidents"], true);
    assert_eq!(ids(&get(&server, &format!("{path}/incidents"), &all).await["tickets"]), [id(&incident)]);
    assert_eq!(ids(&get(&server, "/api/v2/problems", &all).await["tickets"]), [id(&problem)]);
    assert_eq!(get(&server, &format!("{path}/related"), &all).await["ticket_related"]["incidents"], 1);
    let found = server.post("/api/v2/problems/autocomplete", &all, json!({ "text": "CHECKOUT" })).await;
    assert_eq!(ids(&body(found, 200).await["tickets"]), [id(&problem)]);
    let itself = json!({ "ticket": { "problem_id": problem["id"] } });
    assert_eq!(server.put(&path, &all, itself).await.status(), 422);
}
