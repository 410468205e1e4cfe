//! `/api/v2/incremental/...`: a copy of the helpdesk is kept up to date.

use std::time::Duration;

use scope::Dialect;
use serde_json::{Value, json};

use super::{all, body, customer, get, id, ids, ticket};
use crate::support::{Person, Server};

/// The path behind the server's own address.
fn path_of<'a>(server: &Server, address: &'a Value) -> &'a str {
    address.as_str().expect("an address").strip_prefix(&server.base).expect("an address of ours")
}

async fn since(server: &Server) -> i64 {
    let start = server.clock.now().as_second();
    server.clock.advance(Duration::from_secs(1));
    start
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_followed_by_cursor_and_none_is_missed_or_repeated() {
    let server = Server::start().await;
    let all = all(&server).await;
    let start = since(&server).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(id(&ticket(&server, &all, json!({})).await));
    }
    server.clock.advance(Duration::from_secs(61));

    let mut seen = Vec::new();
    let mut path = format!("/api/v2/incremental/tickets/cursor?start_time={start}&per_page=2");
    let last = loop {
        let page = get(&server, &path, &all).await;
        seen.extend(ids(&page["tickets"]));
        if page["end_of_stream"] == true {
            break page;
        }
        path = path_of(&server, &page["after_url"]).to_owned();
    };

    assert_eq!(seen, made);
    let changed = json!({ "ticket": { "subject": "Anew" } });
    body(server.put(&format!("/api/v2/tickets/{}", made[1]), &all, changed).await, 200).await;
    let resume = path_of(&server, &last["after_url"]).to_owned();
    assert_eq!(get(&server, &resume, &all).await["tickets"], json!([]), "the last minute is left out");
    server.clock.advance(Duration::from_secs(61));
    let later = get(&server, &resume, &all).await;
    assert_eq!(ids(&later["tickets"]), [made[1]]);
    assert!(later["tickets"][0]["generated_timestamp"].is_i64());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_time_end_with_a_whole_second_and_lead_on() {
    let server = Server::start().await;
    let all = all(&server).await;
    let start = since(&server).await;
    let mut made = Vec::new();
    for second in 0..2 {
        for _ in 0..3 {
            made.push(id(&ticket(&server, &all, json!({})).await));
        }
        server.clock.advance(Duration::from_secs(1 + second * 61));
    }
    let first = format!("/api/v2/incremental/tickets?start_time={start}&per_page=2");

    let page = get(&server, &first, &all).await;
    let next = get(&server, path_of(&server, &page["next_page"]), &all).await;

    assert_eq!(ids(&page["tickets"]), made[..3], "the second is whole");
    assert_eq!([&page["count"], &page["end_of_stream"]], [&json!(3), &json!(false)]);
    assert_eq!(page["end_time"], start + 1);
    // It begins with the second where the first page ended, and cannot stand still there.
    assert_eq!(ids(&next["tickets"]), made[..3]);
    let last = get(&server, path_of(&server, &next["next_page"]), &all).await;
    assert_eq!(ids(&last["tickets"]), made[3..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_ticket_is_told_of_without_its_words() {
    let server = Server::start().await;
    let all = all(&server).await;
    let start = since(&server).await;
    let gone = ticket(&server, &all, json!({ "subject": "Secret" })).await;
    let kept = ticket(&server, &all, json!({ "subject": "Open" })).await;
    server.delete(&format!("/api/v2/tickets/{}", id(&gone)), &all).await;
    server.clock.advance(Duration::from_secs(61));
    let path = format!("/api/v2/incremental/tickets?start_time={start}&include=metric_sets,users");

    let told = get(&server, &path, &all).await;
    let without = get(&server, &format!("{path}&exclude_deleted=true"), &all).await;

    let deleted = told["tickets"].as_array().expect("a list").iter().find(|it| it["id"] == gone["id"]).expect("it");
    assert_eq!([&deleted["status"], &deleted["subject"]], [&json!("deleted"), &json!("SCRUBBED")]);
    assert_eq!(deleted["metric_set"]["ticket_id"], gone["id"]);
    assert!(!told["users"].as_array().expect("a list").is_empty());
    assert_eq!(ids(&without["tickets"]), [id(&kept)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_organizations_are_followed_too_also_those_who_are_gone() {
    let server = Server::start().await;
    let all = all(&server).await;
    let start = since(&server).await;
    let cleo = customer(&server, &all, "Cleo").await;
    let organization = json!({ "organization": { "name": "Shop" } });
    let shop = body(server.post("/api/v2/organizations", &all, organization).await, 201).await["organization"].clone();
    server.delete(&format!("/api/v2/users/{}", id(&cleo)), &all).await;
    server.clock.advance(Duration::from_secs(61));

    let users = get(&server, &format!("/api/v2/incremental/users/cursor?start_time={start}"), &all).await;
    let by_time = get(&server, &format!("/api/v2/incremental/users?start_time={start}"), &all).await;
    let organizations = get(&server, &format!("/api/v2/incremental/organizations?start_time={start}"), &all).await;

    let told = users["users"].as_array().expect("a list").iter().find(|it| it["id"] == cleo["id"]).expect("Cleo");
    assert_eq!([&told["active"], &told["permanently_deleted"]], [&json!(false), &json!(false)]);
    assert_eq!(ids(&by_time["users"]), ids(&users["users"]));
    assert_eq!(ids(&organizations["organizations"]), [id(&shop)]);
    assert_eq!(organizations["next_page"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_tickets_is_told_request_by_request() {
    let server = Server::start().await;
    let all = all(&server).await;
    let start = since(&server).await;
    let made = ticket(&server, &all, json!({ "subject": "Old" })).await;
    server.clock.advance(Duration::from_secs(5));
    let change = json!({ "ticket": { "status": "pending", "comment": { "body": "Well?", "public": true } } });
    body(server.put(&format!("/api/v2/tickets/{}", id(&made)), &all, change).await, 200).await;
    server.clock.advance(Duration::from_secs(61));

    let told = get(&server, &format!("/api/v2/incremental/ticket_events?start_time={start}"), &all).await;

    let events = told["ticket_events"].as_array().expect("a list");
    assert_eq!(events.len(), 2, "{told}");
    assert!(events.iter().all(|event| event["ticket_id"] == made["id"] && event["updater_id"] == server.admin_id));
    let children = events[1]["child_events"].as_array().expect("a list");
    assert!(children.iter().any(|it| it["status"] == "pending" && it["previous_value"] == "new"), "{children:?}");
    assert!(children.iter().any(|it| it["event_type"] == "Comment" && it["comment_public"] == true), "{children:?}");
    let path = format!("/api/v2/incremental/ticket_events?start_time={start}&include=comment_events");
    let whole = get(&server, &path, &all).await;
    let children = whole["ticket_events"][1]["child_events"].as_array().expect("a list");
    assert!(children.iter().any(|it| it["event_type"] == "Comment" && it["body"] == "Well?"), "{children:?}");
    let sample = get(&server, &format!("/api/v2/incremental/tickets/sample?start_time={start}"), &all).await;
    assert_eq!(ids(&sample["tickets"]), [id(&made)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_must_be_there_and_lie_back_and_only_administrators_export() {
    let server = Server::start().await;
    let all = all(&server).await;
    let agent = server.token_for(Person::Agent, Dialect::Zendesk, "read").await;
    let now = server.clock.now().as_second();

    for path in ["tickets", "tickets/cursor", "users", "users/cursor", "organizations", "ticket_events"] {
        let path = format!("/api/v2/incremental/{path}");
        assert_eq!(server.get(&path, &all).await.status(), 400, "{path}");
        assert_eq!(server.get(&format!("{path}?start_time={now}"), &all).await.status(), 422, "{path}");
        assert_eq!(server.get(&format!("{path}?start_time=x"), &all).await.status(), 400, "{path}");
        assert_eq!(server.get(&format!("{path}?start_time=0"), &agent).await.status(), 403, "{path}");
    }
    assert_eq!(server.get("/api/v2/incremental/tickets/cursor?cursor=x", &all).await.status(), 400);
    assert_eq!(server.get("/api/v2/incremental/boats/sample?start_time=0", &all).await.status(), 404);
}
