//! `GET /api/tickets` over HTTP: filters, orders, cursors.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::body as ok;
use super::tickets::{SCOPE, create};
use crate::support::{Server, golden};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_filters_and_sorts() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let a = create(&server, &token, json!({ "external_id": "a", "created_datetime": "2026-01-03T00:00:00Z" })).await;
    let b = create(
        &server,
        &token,
        json!({ "customer": { "email": "bo@example.com" }, "created_datetime": "2026-01-01T00:00:00Z" }),
    )
    .await;
    let c = create(
        &server,
        &token,
        json!({ "trashed_datetime": "2026-01-05T00:00:00Z", "created_datetime": "2026-01-02T00:00:00Z" }),
    )
    .await;
    server.clock.advance(Duration::from_secs(60));
    ok(server.put(&format!("/api/tickets/{}", b["id"]), &token, json!({ "subject": "x" })).await, 200).await;
    let (a, b, c, bo) = (&a["id"], &b["id"], &c["id"], &b["customer"]["id"]);

    for (query, wanted) in [
        (String::new(), vec![a, c, b]),
        ("?order_by=created_datetime:asc".to_owned(), vec![b, c, a]),
        ("?order_by=created_datetime".to_owned(), vec![b, c, a]),
        ("?order_by=updated_datetime:desc".to_owned(), vec![b, c, a]),
        ("?order_by=updated_datetime:asc".to_owned(), vec![a, c, b]),
        (format!("?customer_id={bo}"), vec![b]),
        ("?external_id=a".to_owned(), vec![a]),
        ("?external_id=A".to_owned(), vec![]),
        (format!("?ticket_ids={a}&ticket_ids={b}&ticket_ids=999"), vec![a, b]),
        (format!("?ticket_ids={a},{c}&trashed=false"), vec![a]),
        ("?trashed=false".to_owned(), vec![a, b]),
        ("?trashed=True".to_owned(), vec![a, c, b]),
    ] {
        let list = ok(server.get(&format!("/api/tickets{query}"), &token).await, 200).await;

        let ids: Vec<&Value> = list["data"].as_array().expect("data").iter().map(|ticket| &ticket["id"]).collect();
        assert_eq!(ids, wanted, "{query}");
        assert_eq!(list["object"], "list");
    }
    let many: Vec<String> = (1..=101).map(|id| format!("ticket_ids={id}")).collect();
    for query in [
        "limit=0",
        "limit=101",
        "order_by=id",
        "cursor=x",
        "page=2",
        "trashed=maybe",
        "view_id=999",
        "rule_id=1",
        "customer_id=-1",
        &many.join("&"),
    ] {
        assert_eq!(server.get(&format!("/api/tickets?{query}"), &token).await.status(), 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_meets_every_ticket_once_while_others_are_written() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let mut there = BTreeSet::new();
    for n in 0..23 {
        // Several of the same instant, so that ties are met too.
        let ticket =
            create(&server, &token, json!({ "created_datetime": format!("2026-01-01T00:00:{:02}Z", n / 4) })).await;
        there.insert(ticket["id"].as_i64().expect("an id"));
    }

    for order_by in ["created_datetime:asc", "created_datetime:desc"] {
        let mut met = Vec::new();
        let mut pages = Vec::new();
        let mut path = format!("/api/tickets?limit=5&order_by={order_by}");
        loop {
            let page = ok(server.get(&path, &token).await, 200).await;
            met.extend(page["data"].as_array().expect("data").iter().filter_map(|ticket| ticket["id"].as_i64()));
            create(&server, &token, json!({ "created_datetime": "2026-01-01T00:00:03Z" })).await;
            pages.push(page.clone());
            match page["meta"]["next_cursor"].as_str() {
                Some(cursor) => path = format!("/api/tickets?limit=5&cursor={cursor}"),
                None => break,
            }
        }

        let once: BTreeSet<i64> = met.iter().copied().collect();
        assert_eq!(once.len(), met.len(), "{order_by}: a ticket came twice");
        assert!(there.is_subset(&once), "{order_by}: a ticket was lost");
        assert_eq!(pages[0]["meta"]["prev_cursor"], Value::Null);
        let back = pages[1]["meta"]["prev_cursor"].as_str().expect("a way back");
        let first = ok(server.get(&format!("/api/tickets?limit=5&cursor={back}"), &token).await, 200).await;
        assert_eq!(first["data"][4]["id"], pages[0]["data"][4]["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_alone_and_in_a_list_shows_all_of_the_contracts_keys_in_its_order() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let ticket = json!({
        "subject": "Where is my order?", "language": "en", "assignee_user": { "id": server.agent_id },
        "tags": [{ "name": "order-status", "decoration": { "color": "#F58D86" } }],
    });
    let ticket = create(&server, &token, ticket).await;

    // As text: a parsed object has lost the order of its keys.
    let alone = server.get(&format!("/api/tickets/{}", ticket["id"]), &token).await.text().await.expect("a body");
    let list = server.get("/api/tickets?limit=1", &token).await.text().await.expect("a body");

    golden("gorgias/ticket.json", &lines(&alone));
    golden("gorgias/ticket_list.json", &lines(&list));
}

/// JSON with a line for each member, in the order it was sent.
fn lines(json: &str) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0_usize, false, false);
    for c in json.chars() {
        let structural = !quoted;
        if structural && matches!(c, '}' | ']') {
            depth -= 1;
            let end = text.trim_end().len();
            if text[..end].ends_with(['{', '[']) {
                text.truncate(end);
            } else {
                text.push('\n');
                text.push_str(&"  ".repeat(depth));
            }
        }
        text.push(c);
        if structural && matches!(c, '{' | '[') {
            depth += 1;
        }
        if structural && matches!(c, '{' | '[' | ',') {
            text.push('\n');
            text.push_str(&"  ".repeat(depth));
        }
        quoted = if c == '"' && !escaped { !quoted } else { quoted };
        escaped = quoted && c == '\\' && !escaped;
    }
    text.push('\n');
    text
}
