//! `/api/views/{view_id}/items`, and `view_id` in the lists of tickets and customers.

use std::time::Duration;

use scope::Dialect;
use serde_json::{Value, json};

use super::tickets::create;
use super::{body, ids};
use crate::support::{Person, Server};

const SCOPE: &str = "tickets:read tickets:write customers:read customers:write users:read";

const ORDERS: [&str; 7] = [
    "created_datetime",
    "updated_datetime",
    "last_message_datetime",
    "last_received_message_datetime",
    "closed_datetime",
    "snooze_datetime",
    "priority",
];

/// The ids of a view that is sent along.
async fn found(server: &Server, token: &str, filters: &str) -> Vec<i64> {
    let sent = json!({ "view": { "filters": filters, "order_by": "created_datetime", "order_dir": "asc" } });
    let list = body(server.put("/api/views/0/items", token, sent).await, 200).await;
    assert_eq!(list["object"], "list");
    ids(&list)
}

fn id(ticket: &Value) -> i64 {
    ticket["id"].as_i64().expect("an id")
}

/// Tickets of all sorts, a second apart.
async fn fill(server: &Server, token: &str) -> Vec<i64> {
    let mut made = Vec::new();
    for new in [
        json!({ "subject": "Where is order 100% AB_1?", "tags": [{ "name": "vip" }, { "name": "late" }], "channel": "email", "language": "en" }),
        json!({ "subject": "Refund", "tags": [{ "name": "refund" }], "assignee_user": { "id": server.agent_id }, "priority": "critical" }),
        json!({ "subject": "REFUND please", "status": "closed", "channel": "chat", "customer": { "email": "bo@example.com" } }),
        json!({ "subject": "Later", "snooze_datetime": "2026-04-01T00:00:00Z", "priority": "low" }),
        json!({ "subject": "Win money", "spam": true }),
        json!({ "subject": "Gone", "trashed_datetime": "2026-03-01T00:00:00Z", "tags": [{ "name": "vip" }] }),
        json!({ "subject": null, "external_id": "shop-7", "assignee_user": { "id": server.admin_id }, "priority": "high" }),
    ] {
        made.push(id(&create(server, token, new).await));
        server.clock.advance(Duration::from_secs(1));
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn system_views_hold_what_their_names_say() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let t = fill(&server, &token).await;

    for (view, wanted) in [
        (1, vec![t[0], t[1], t[6]]),
        (2, vec![t[0]]),
        (3, vec![t[0], t[1], t[2], t[3], t[6]]),
        (4, vec![t[3]]),
        (5, vec![t[2]]),
        (6, vec![t[4]]),
        (7, vec![t[5]]),
    ] {
        for order in ORDERS {
            let path = format!("/api/views/{view}/items?order_by={order}:asc");
            let mut seen = ids(&body(server.get(&path, &token).await, 200).await);
            seen.sort_unstable();
            assert_eq!(seen, wanted, "{path}");
        }
        let list =
            body(server.get(&format!("/api/tickets?view_id={view}&order_by=created_datetime:asc"), &token).await, 200)
                .await;
        assert_eq!(ids(&list), wanted);
    }
    let of_bo = body(server.get("/api/tickets?view_id=3&customer_id=999", &token).await, 200).await;
    assert_eq!(of_bo["data"], json!([]));
    let some = format!("/api/tickets?view_id=3&ticket_ids={},{}", t[2], t[4]);
    assert_eq!(ids(&body(server.get(&some, &token).await, 200).await), [t[2]]);
    body(server.get("/api/tickets?view_id=999", &token).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_what_they_say() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let t = fill(&server, &token).await;
    let all = vec![t[0], t[1], t[2], t[3], t[6]];

    for (filters, wanted) in [
        ("".to_owned(), all.clone()),
        ("eq(ticket.status, 'open')".to_owned(), vec![t[0], t[1], t[6]]),
        ("neq(ticket.status, 'open')".to_owned(), vec![t[2], t[3]]),
        ("eq(ticket.channel, 'chat')".to_owned(), vec![t[2]]),
        ("neq(ticket.channel, 'chat')".to_owned(), vec![t[0], t[1], t[3], t[6]]),
        ("contains(ticket.subject, 'refund')".to_owned(), vec![t[1], t[2]]),
        ("contains(ticket.subject, '100% ab_1')".to_owned(), vec![t[0]]),
        ("contains(ticket.subject, '100_')".to_owned(), vec![]),
        ("notContains(ticket.subject, 'refund')".to_owned(), vec![t[0], t[3], t[6]]),
        ("startsWith(ticket.subject, 'refund')".to_owned(), vec![t[1], t[2]]),
        ("endsWith(ticket.subject, 'PLEASE')".to_owned(), vec![t[2]]),
        ("isEmpty(ticket.subject)".to_owned(), vec![t[6]]),
        ("containsAny(ticket.tags.name, ['vip', 'refund'])".to_owned(), vec![t[0], t[1]]),
        ("containsAll(ticket.tags.name, ['vip', 'late'])".to_owned(), vec![t[0]]),
        ("containsAll(ticket.tags.name, ['vip', 'refund'])".to_owned(), vec![]),
        ("notContainsAny(ticket.tags.name, ['vip'])".to_owned(), vec![t[1], t[2], t[3], t[6]]),
        ("notContainsAll(ticket.tags.name, ['vip', 'refund'])".to_owned(), all.clone()),
        ("isEmpty(ticket.tags.name)".to_owned(), vec![t[2], t[3], t[6]]),
        ("isNotEmpty(ticket.tags.name)".to_owned(), vec![t[0], t[1]]),
        ("containsAny(ticket.tags.name, ['VIP'])".to_owned(), vec![]),
        (format!("eq(ticket.assignee_user.id, {})", server.agent_id), vec![t[1]]),
        (format!("neq(ticket.assignee_user.id, {})", server.agent_id), vec![t[0], t[2], t[3], t[6]]),
        ("eq(ticket.assignee_user.id, '{{current_user.id}}')".to_owned(), vec![t[6]]),
        ("isEmpty(ticket.assignee_user.id)".to_owned(), vec![t[0], t[2], t[3]]),
        ("eq(ticket.customer.email, 'bo@example.com')".to_owned(), vec![t[2]]),
        ("eq(ticket.external_id, 'shop-7')".to_owned(), vec![t[6]]),
        ("eq(ticket.priority, 'critical') || eq(ticket.priority, 'high')".to_owned(), vec![t[1], t[6]]),
        ("!(eq(ticket.priority, 'critical') || eq(ticket.language, 'en'))".to_owned(), vec![t[2], t[3], t[6]]),
        ("gte(ticket.created_datetime, '2026-03-02T09:00:02Z') && lt(ticket.created_datetime, '2026-03-02T09:00:04Z')".to_owned(), vec![t[2], t[3]]),
        ("gteTimedelta(ticket.created_datetime, '6s')".to_owned(), vec![t[0], t[1]]),
        ("lteTimedelta(ticket.created_datetime, '6s')".to_owned(), vec![t[1], t[2], t[3], t[6]]),
        ("isNotEmpty(ticket.closed_datetime)".to_owned(), vec![t[2], t[3]]),
        ("lt(ticket.closed_datetime, '2100-01-01')".to_owned(), vec![t[2], t[3]]),
        ("eq(ticket.spam, true)".to_owned(), vec![t[4]]),
        ("isNotEmpty(ticket.trashed_datetime) && containsAny(ticket.tags.name, ['vip'])".to_owned(), vec![t[5]]),
        ("gt(ticket.messages_count, 1)".to_owned(), vec![]),
        (format!("eq(ticket.id, {})", t[3]), vec![t[3]]),
        ("isEmpty(ticket.integrations.id)".to_owned(), all.clone()),
        ("containsAny(ticket.integrations.id, [5])".to_owned(), vec![]),
    ] {
        assert_eq!(found(&server, &token, &filters).await, wanted, "{filters}");
    }
    let as_agent = server.token_for(Person::Agent, Dialect::Gorgias, SCOPE).await;
    assert_eq!(found(&server, &as_agent, "eq(ticket.assignee_user.id, '{{current_user.id}}')").await, [t[1]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_page_to_the_end_by_both_forms_in_every_order_while_tickets_are_written() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let mut wanted = Vec::new();
    for n in 0..23 {
        let priority = ["critical", "high", "normal", "low"][n % 4];
        let status = if n % 3 == 0 { "closed" } else { "open" };
        let ticket =
            create(&server, &token, json!({ "subject": n.to_string(), "priority": priority, "status": status })).await;
        wanted.push(id(&ticket));
        server.clock.advance(Duration::from_millis(700));
    }

    for (at, order) in ORDERS.iter().flat_map(|order| [format!("{order}:asc"), format!("{order}:desc")]).enumerate() {
        let mut seen = Vec::new();
        let mut cursors = Vec::new();
        let mut path = format!("/api/views/3/items?limit=5&order_by={order}");
        loop {
            let list = body(server.get(&path, &token).await, 200).await;
            seen.extend(ids(&list));
            let meta = &list["meta"];
            let Some(next) = meta["next_items"].as_str() else {
                assert_eq!(meta["next_cursor"], Value::Null);
                break;
            };
            // As a tap takes it apart: the first key is glued to the path.
            let cursor = next.split('&').find_map(|part| part.strip_prefix("cursor=")).expect("a cursor");
            let ignored = next.split('&').find_map(|part| part.strip_prefix("ignored_item=")).expect("an item");
            assert!(next.starts_with("/api/views/3/items?direction=next&"), "{next}");
            assert_eq!(ignored.parse::<i64>().unwrap(), *seen.last().unwrap());
            assert!(!cursors.contains(&cursor.to_owned()));
            cursors.push(cursor.to_owned());
            path = match at % 3 {
                0 => next.to_owned(),
                1 => format!("/api/views/3/items?limit=5&cursor={}", meta["next_cursor"].as_str().expect("a cursor")),
                _ => format!(
                    "/api/views/3/items?direction=next&cursor={cursor}&ignored_item={ignored}&limit=5&order_by={order}"
                ),
            };
            // Spam is in no walk but its own.
            create(&server, &token, json!({ "spam": true })).await;
        }
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, wanted, "{order}");
        if order.starts_with("priority:desc") {
            let critical: Vec<i64> = wanted.iter().copied().step_by(4).rev().collect();
            assert_eq!(seen[..6], critical);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_as_it_is_comes_exactly_once_while_its_neighbours_come_go_and_move() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    let mut made = Vec::new();
    for n in 0..24 {
        made.push(id(&create(&server, &token, json!({ "subject": n.to_string() })).await));
        server.clock.advance(Duration::from_millis(700));
    }

    for (round, order) in ["created_datetime:asc", "created_datetime:desc", "updated_datetime:desc"].iter().enumerate()
    {
        let touched: Vec<i64> = made.iter().copied().skip(round).step_by(4).take(6).collect();
        let mut seen = Vec::new();
        let mut path = format!("/api/views/1/items?limit=5&order_by={order}");
        for page in 0.. {
            let list = body(server.get(&path, &token).await, 200).await;
            seen.extend(ids(&list));
            let Some(next) = list["meta"]["next_items"].as_str() else { break };
            next.clone_into(&mut path);
            server.clock.advance(Duration::from_millis(700));
            if page < 3 {
                create(&server, &token, json!({ "subject": "new" })).await;
                let moved = touched[page * 2];
                body(server.put(&format!("/api/tickets/{moved}"), &token, json!({ "priority": "high" })).await, 200)
                    .await;
                let gone = touched[page * 2 + 1];
                body(server.put(&format!("/api/tickets/{gone}"), &token, json!({ "status": "closed" })).await, 200)
                    .await;
            }
        }

        for ticket in made.iter().filter(|ticket| !touched.contains(ticket)) {
            assert_eq!(seen.iter().filter(|seen| *seen == ticket).count(), 1, "{order} {ticket}");
        }
        let mut once = seen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "none comes twice: {order} {seen:?}");
        for gone in touched.iter().skip(1).step_by(2) {
            body(server.put(&format!("/api/tickets/{gone}"), &token, json!({ "status": "open" })).await, 200).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_walked_back_by_the_previous_addresses() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for _ in 0..7 {
        create(&server, &token, json!({})).await;
    }

    let first = body(server.get("/api/views/1/items?limit=3", &token).await, 200).await;
    let second = body(server.get(first["meta"]["next_items"].as_str().unwrap(), &token).await, 200).await;
    let third = body(server.get(second["meta"]["next_items"].as_str().unwrap(), &token).await, 200).await;
    let back = body(server.get(third["meta"]["prev_items"].as_str().unwrap(), &token).await, 200).await;
    let start = format!("/api/views/1/items?limit=3&cursor={}", back["meta"]["prev_cursor"].as_str().unwrap());
    let start = body(server.get(&start, &token).await, 200).await;

    assert_eq!(ids(&third).len(), 1);
    assert_eq!(third["meta"]["next_items"], Value::Null);
    assert_eq!(ids(&back), ids(&second));
    assert_eq!(ids(&start), ids(&first));
    assert_eq!(first["meta"]["prev_items"], Value::Null);
    assert_eq!(first["meta"]["current_cursor"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_with_an_inline_view_pages_and_refuses_nonsense() {
    let server = Server::start().await;
    let token = server.token("tickets:read tickets:write").await;
    for n in 0..5 {
        create(&server, &token, json!({ "subject": format!("Order {n}") })).await;
    }
    let view = json!({ "view": { "filters": "contains(ticket.subject, 'order')", "order_by": "created_datetime", "order_dir": "asc" } });

    let first = body(server.put("/api/views/0/items?limit=3", &token, view.clone()).await, 200).await;
    let next = first["meta"]["next_items"].as_str().unwrap().to_owned();
    assert!(next.starts_with("/api/views/0/items?direction=next&cursor="));
    let second = body(server.put(&next, &token, view.clone()).await, 200).await;
    assert_eq!(ids(&first).len(), 3);
    assert_eq!(ids(&second).len(), 2);
    let over_saved = json!({ "view": { "filters": "contains(ticket.subject, '3')" } });
    assert_eq!(ids(&body(server.put("/api/views/1/items", &token, over_saved).await, 200).await).len(), 1);

    let other = json!({ "view": { "filters": "contains(ticket.subject, 'x')" } });
    for (path, sent, field) in [
        (next.as_str(), other, "cursor"),
        ("/api/views/0/items", json!({}), "view"),
        ("/api/views/0/items", json!({ "view": 7 }), "view"),
        ("/api/views/0/items", json!({ "view": { "filters": "(" } }), "view"),
        ("/api/views/0/items?cursor=xyz", view.clone(), "cursor"),
        ("/api/views/0/items?direction=up", view.clone(), "direction"),
        ("/api/views/0/items?order_by=id:asc", view.clone(), "order_by"),
        ("/api/views/0/items?order_by=priority:up", view.clone(), "order_by"),
        ("/api/views/0/items?limit=101", view.clone(), "limit"),
        ("/api/views/0/items?ignored_item=0", view.clone(), "ignored_item"),
        ("/api/views/0/items?page=3", view.clone(), "page"),
    ] {
        let refused = body(server.put(path, &token, sent).await, 400).await;
        assert!(!refused["error"]["data"][field].is_null(), "{path} {refused}");
    }
    body(server.get("/api/views/0/items", &token).await, 404).await;
    body(server.put("/api/views/999/items", &token, view).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_customers_lists_customers_to_those_who_may_read_them() {
    let server = Server::start().await;
    let token = server.token(SCOPE).await;
    for name in ["Bo Adams", "Cy Young", "Di Adams"] {
        body(server.post("/api/customers", &token, json!({ "name": name })).await, 201).await;
    }
    let view = json!({ "type": "customer-list", "name": "Adams", "filters": "contains(ticket.customer.name, 'adams')",
                       "order_by": "created_datetime", "order_dir": "asc" });
    let view = id(&body(server.post("/api/views", &token, view).await, 201).await);

    let first = body(server.get(&format!("/api/views/{view}/items?limit=1"), &token).await, 200).await;
    assert_eq!(first["data"][0]["name"], "Bo Adams");
    let second = body(server.get(first["meta"]["next_items"].as_str().unwrap(), &token).await, 200).await;
    assert_eq!(second["data"][0]["name"], "Di Adams");
    assert_eq!(second["meta"]["next_items"], Value::Null);
    let list = body(server.get(&format!("/api/customers?view_id={view}"), &token).await, 200).await;
    assert_eq!(ids(&list).len(), 2);
    body(server.get(&format!("/api/tickets?view_id={view}"), &token).await, 400).await;
    body(server.get("/api/customers?view_id=1", &token).await, 400).await;

    let narrow = server.token("tickets:read").await;
    let refused = server.get(&format!("/api/views/{view}/items"), &narrow).await;
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().contains("customers:read"));
    body(refused, 403).await;
}
