//! `/api/tickets/{id}/merge` and `/split`, which are ours, merging by itself, and the end of the trash.

use std::time::Duration;

use serde_json::{Value, json};

use super::{body, texts};
use crate::support::Server;

const SCOPE: &str = "tickets:read tickets:write events:read tags:read account:read account:write";
const DAY: u64 = 86_400;

async fn ticket(server: &Server, token: &str, subject: &str, tag: &str) -> Value {
    let ticket = json!({
        "subject": subject, "customer": { "email": "ada@example.com" }, "tags": [{ "name": tag }, { "name": "both" }],
        "messages": [{ "channel": "email", "via": "email", "from_agent": false, "sender": { "email": "ada@example.com" },
                       "body_text": subject }],
    });
    body(server.post("/api/tickets", token, ticket).await, 201).await
}

async fn shown(server: &Server, token: &str, ticket: &Value) -> Value {
    body(server.get(&format!("/api/tickets/{}", ticket["id"]), token).await, 200).await
}

async fn kinds(server: &Server, token: &str, id: &Value) -> Vec<String> {
    let path = format!("/api/events?object_type=Ticket&object_id={id}&order_by=created_datetime:asc&limit=100");
    texts(&body(server.get(&path, token).await, 200).await, "type")
}

fn bodies(ticket: &Value) -> Vec<&str> {
    ticket["messages"].as_array().expect("a list").iter().map(|it| it["body_text"].as_str().expect("a text")).collect()
}

async fn usage(server: &Server, token: &str, name: &str) -> i64 {
    let found = body(server.get(&format!("/api/tags?search={name}"), token).await, 200).await;
    found["data"][0]["usage"].as_i64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_tickets_give_their_messages_and_tags_away_and_end_in_the_trash() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let into = ticket(&server, &token, "one", "a").await;
    let path = format!("/api/tickets/{}", into["id"]);
    body(server.put(&path, &token, json!({ "status": "closed" })).await, 200).await;
    server.clock.advance(Duration::from_secs(60));
    let second = ticket(&server, &token, "two", "b").await;
    server.clock.advance(Duration::from_secs(60));
    let third = ticket(&server, &token, "three", "a").await;
    let ids = json!({ "source_tickets_ids": [third["id"], second["id"], second["id"]] });

    let merged = body(server.put(&format!("{path}/merge"), &token, ids.clone()).await, 200).await;

    assert_eq!(bodies(&merged), ["one", "two", "three"]);
    assert_eq!(merged["status"], "open");
    let tags: Vec<&str> = merged["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(tags, ["a", "b", "both"]);
    assert_eq!((usage(&server, &token, "both").await, usage(&server, &token, "b").await), (1, 1));
    let emptied = shown(&server, &token, &second).await;
    assert_eq!(
        (&emptied["messages"], &emptied["tags"], &emptied["status"]),
        (&json!([]), &json!([]), &json!("closed"))
    );
    assert!(emptied["trashed_datetime"].is_string());
    let told = kinds(&server, &token, &into["id"]).await;
    assert_eq!(told.iter().filter(|kind| *kind == "ticket-merged").count(), 2);
    assert!(kinds(&server, &token, &second["id"]).await.contains(&"ticket-trashed".to_owned()));
    body(server.put(&format!("{path}/merge"), &token, ids).await, 400).await;
    for wrong in [json!({}), json!({ "source_tickets_ids": [] }), json!({ "source_tickets_ids": [into["id"]] })] {
        body(server.put(&format!("{path}/merge"), &token, wrong).await, 400).await;
    }
    body(server.put(&format!("{path}/merge"), &token, json!({ "source_tickets_ids": [999_999] })).await, 404).await;
    let reader = server.token("tickets:read").await;
    body(server.put(&format!("{path}/merge"), &reader, json!({ "source_tickets_ids": [1] })).await, 403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_split_off_into_a_ticket_of_their_own() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let whole = ticket(&server, &token, "one", "a").await;
    let path = format!("/api/tickets/{}", whole["id"]);
    server.clock.advance(Duration::from_secs(60));
    let other = json!({ "channel": "chat", "via": "api", "from_agent": false, "body_text": "Something else", "subject": "Else" });
    let other = body(server.post(&format!("{path}/messages"), &token, other).await, 201).await;

    let new =
        body(server.post(&format!("{path}/split"), &token, json!({ "message_ids": [other["id"]] })).await, 201).await;

    assert_eq!(bodies(&new), ["Something else"]);
    assert_eq!(
        (&new["subject"], &new["channel"], &new["status"], &new["customer"]["id"]),
        (&json!("Else"), &json!("chat"), &json!("open"), &whole["customer"]["id"])
    );
    assert_eq!(bodies(&shown(&server, &token, &whole).await), ["one"]);
    assert_eq!(usage(&server, &token, "both").await, 2);
    assert!(kinds(&server, &token, &whole["id"]).await.contains(&"ticket-split".to_owned()));
    assert_eq!(kinds(&server, &token, &new["id"]).await[0], "ticket-created");
    let one = &whole["messages"][0]["id"];
    for wrong in
        [json!({ "message_ids": [one] }), json!({ "message_ids": [] }), json!({ "message_ids": [other["id"]] })]
    {
        body(server.post(&format!("{path}/split"), &token, wrong).await, 400).await;
    }
    body(server.post("/api/tickets/999999/split", &token, json!({ "message_ids": [1] })).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_next_ticket_joins_the_open_one_where_the_account_wants_that() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let first = ticket(&server, &token, "one", "a").await;
    ticket(&server, &token, "apart", "a").await;
    assert_eq!(bodies(&shown(&server, &token, &first).await), ["one"]);
    let setting = json!({ "type": "auto-merge", "data": { "tickets": { "enabled": true, "merging_window_days": 2 } } });
    body(server.post("/api/account/settings", &token, setting).await, 201).await;
    server.clock.advance(Duration::from_secs(DAY));
    let token = server.token(SCOPE).await;

    let second = ticket(&server, &token, "two", "a").await;
    server.run_jobs().await;

    let token = server.token(SCOPE).await;
    assert!(shown(&server, &token, &second).await["trashed_datetime"].is_string());
    server.clock.advance(Duration::from_secs(3 * DAY));
    let token = server.token(SCOPE).await;
    let late = ticket(&server, &token, "late", "a").await;
    server.run_jobs().await;
    assert_eq!(bodies(&shown(&server, &token, &late).await), ["late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_the_trash_for_thirty_days_is_gone() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let (old, restored) = (ticket(&server, &token, "old", "a").await, ticket(&server, &token, "kept", "a").await);
    let now = json!({ "trashed_datetime": "2026-03-02T09:00:00+00:00" });
    for ticket in [&old, &restored] {
        body(server.put(&format!("/api/tickets/{}", ticket["id"]), &token, now.clone()).await, 200).await;
    }
    body(
        server.put(&format!("/api/tickets/{}", restored["id"]), &token, json!({ "trashed_datetime": null })).await,
        200,
    )
    .await;
    let purge = async || {
        helpdesk::jobs::purge_trash::run(&server.db, server.clock.now(), &uuid::Uuid::nil().to_string()).await.unwrap();
    };

    server.clock.advance(Duration::from_secs(29 * DAY));
    let token = server.token(SCOPE).await;
    purge().await;
    shown(&server, &token, &old).await;
    server.clock.advance(Duration::from_secs(2 * DAY));
    let token = server.token(SCOPE).await;
    purge().await;

    body(server.get(&format!("/api/tickets/{}", old["id"]), &token).await, 404).await;
    shown(&server, &token, &restored).await;
    assert_eq!(usage(&server, &token, "both").await, 1);
    assert_eq!(kinds(&server, &token, &old["id"]).await.last().unwrap(), "ticket-deleted");
}
