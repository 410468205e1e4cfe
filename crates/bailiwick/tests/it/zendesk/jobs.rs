//! Bulk calls and `/api/v2/job_statuses`.

use serde_json::{Value, json};

use super::{all, body, done, get, id, made, ticket};
use crate::support::{Person, Server};
use scope::Dialect;

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_each_row_is_told_in_the_rows_order() {
    let server = Server::start().await;
    let all = all(&server).await;
    let rows = json!({ "tickets": [
        { "subject": "One", "comment": { "body": "1" } },
        { "subject": "Two" },
        { "subject": "Three", "comment": { "body": "3" } },
    ] });
    let queued =
        body(server.post("/api/v2/tickets/create_many.json", &all, rows).await, 200).await["job_status"].clone();
    let path = format!("/api/v2/job_statuses/{}", queued["id"].as_str().expect("an id"));

    server.run_jobs().await;
    let job = get(&server, &path, &all).await["job_status"].clone();

    assert_eq!(queued["status"], "queued");
    assert_eq!(queued["results"], Value::Null);
    assert_eq!(queued["total"], 3);
    assert!(queued["id"].as_str().is_some_and(|id| id.len() == 35 && id.starts_with("V3-")), "{queued}");
    assert_eq!(job["status"], "completed");
    assert_eq!(job["progress"], 3);
    assert_eq!(job["job_type"], "Bulk Create Ticket");
    assert_eq!(job["results"][0]["index"], 0);
    assert_eq!(job["results"][1]["error"], "TicketCreateFailed");
    assert_eq!(job["results"][1]["details"], "Comment: cannot be blank");
    assert_eq!(get(&server, "/api/v2/tickets", &all).await["count"], 2);
    assert_eq!(get(&server, "/api/v2/job_statuses", &all).await["job_statuses"][0]["id"], job["id"]);
    let many =
        get(&server, &format!("/api/v2/job_statuses/show_many?ids={}", job["id"].as_str().expect("id")), &all).await;
    assert_eq!(many["job_statuses"][0]["id"], job["id"]);
    assert_eq!(server.get("/api/v2/job_statuses/V3-x", &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_for_many_and_many_changes_at_once() {
    let server = Server::start().await;
    let all = all(&server).await;
    let (first, second) =
        (ticket(&server, &all, json!({ "tags": ["old"] })).await, ticket(&server, &all, json!({})).await);
    let ids = format!("{},{},987", id(&first), id(&second));
    let change = json!({ "ticket": { "status": "solved", "additional_tags": ["new"] } });

    let same =
        done(&server, &all, server.put(&format!("/api/v2/tickets/update_many?ids={ids}"), &all, change).await).await;
    let each = json!({ "tickets": [{ "id": first["id"], "subject": "A" }, { "id": second["id"], "subject": "B" }] });
    let each = done(&server, &all, server.put("/api/v2/tickets/update_many", &all, each).await).await;

    assert_eq!(
        same["results"][0],
        json!({ "index": 0, "id": first["id"], "action": "update", "status": "Updated", "success": true })
    );
    assert_eq!(same["results"][2]["id"], 987);
    assert_eq!(same["results"][2]["error"], "TicketUpdateFailed");
    assert_eq!(each["results"].as_array().expect("results").len(), 2);
    let shown = get(&server, &format!("/api/v2/tickets/{}", id(&first)), &all).await["ticket"].clone();
    assert_eq!([&shown["subject"], &shown["status"]], ["A", "solved"]);
    assert_eq!(shown["tags"], json!(["new", "old"]));
    let gone =
        done(&server, &all, server.delete(&format!("/api/v2/tickets/destroy_many?ids={}", id(&first)), &all).await)
            .await;
    assert_eq!(gone["results"][0]["success"], true);
    assert_eq!(server.get(&format!("/api/v2/tickets/{}", id(&first)), &all).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_or_more_jobs_than_allowed_are_refused() {
    let server = Server::start().await;
    let all = all(&server).await;
    let rows = |n: usize| json!({ "tickets": vec![json!({ "comment": { "body": "x" } }); n] });

    let refused = body(server.post("/api/v2/tickets/create_many", &all, rows(101)).await, 400).await;
    for _ in 0..30 {
        body(server.post("/api/v2/tickets/create_many", &all, rows(1)).await, 200).await;
    }
    let too_many = body(server.post("/api/v2/tickets/create_many", &all, rows(1)).await, 429).await;

    assert_eq!(refused["error"], "TooManyValues");
    assert_eq!(refused["max_count"], 100);
    assert_eq!(too_many["error"], "TooManyJobs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_may_do_what_the_person_may_and_no_more() {
    // RS-6
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read write").await;
    let rows = json!({ "users": [
        { "name": "Cleo", "email": "cleo@shop.test" },
        { "name": "New", "email": "new@demo.test", "role": "admin" },
        { "name": "Twin", "email": "cleo@shop.test" },
    ] });

    let job = done(&server, &agent, server.post("/api/v2/users/create_many", &agent, rows).await).await;

    assert_eq!(job["results"][0]["status"], "Created");
    assert_eq!(job["results"][1]["error"], "UserCreateFailed");
    assert_eq!(job["results"][2]["error"], "UserCreateFailed");
    assert_eq!(get(&server, "/api/v2/users?role=admin", &all).await["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_may_be_created_behind_the_answer() {
    let server = Server::start().await;
    let all = all(&server).await;
    let record = json!({ "ticket": { "subject": "Later", "comment": { "body": "x" } } });

    let answer = server.post("/api/v2/tickets?async=true", &all, record).await;

    assert_eq!(answer.status(), 202);
    server.run_jobs().await;
    assert_eq!(get(&server, "/api/v2/tickets", &all).await["tickets"][0]["subject"], "Later");
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_are_made_and_ended_in_numbers() {
    let server = Server::start().await;
    let all = all(&server).await;
    let group = made(&server, "/api/v2/groups", &all, "group", json!({ "name": "First line" })).await;
    let rows = json!({ "group_memberships": [{ "user_id": server.agent_id, "group_id": group["id"] }] });

    let job = done(&server, &all, server.post("/api/v2/group_memberships/create_many", &all, rows).await).await;

    let list = get(&server, "/api/v2/group_memberships", &all).await;
    assert_eq!(list["group_memberships"][0]["id"], job["results"][0]["id"]);
    let path = format!("/api/v2/group_memberships/destroy_many?ids={}", job["results"][0]["id"]);
    done(&server, &all, server.delete(&path, &all).await).await;
    assert_eq!(get(&server, "/api/v2/group_memberships", &all).await["count"], 0);
}
