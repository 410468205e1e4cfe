//! A condition says the same of a ticket in a view, where it is SQL, and in a rule, where it is asked in memory.

use helpdesk::filter::evaluate::{fields, holds};
use helpdesk::filter::{Condition, Viewpoint, sql};
use helpdesk::page::Query;
use helpdesk::rules::facts;
use serde_json::{Value, json};

use super::body;
use crate::support::Server;

const TESTS: &[&str] = &[
    "eq(ticket.status, 'open')",
    "neq(ticket.status, 'open')",
    "eq(ticket.priority, 'critical')",
    "containsAny(ticket.priority, ['high', 'low'])",
    "eq(ticket.subject, 'Order 7')",
    "eq(ticket.subject, 'order 7')",
    "neq(ticket.subject, 'Order 7')",
    "contains(ticket.subject, 'ORDER')",
    "contains(ticket.subject, '100%')",
    "contains(ticket.subject, '_')",
    "contains(ticket.subject, '')",
    "startsWith(ticket.subject, 'ä')",
    "startsWith(ticket.subject, 'order')",
    "endsWith(ticket.subject, 'MORE!')",
    "notContains(ticket.subject, 'order')",
    "containsAny(ticket.subject, ['x', 'more'])",
    "containsAll(ticket.subject, ['order', '7'])",
    "notContainsAny(ticket.subject, ['x', 'more'])",
    "notContainsAll(ticket.subject, ['order', '7'])",
    "containsAll(ticket.subject, [])",
    "containsAny(ticket.subject, [])",
    "isEmpty(ticket.subject)",
    "isNotEmpty(ticket.subject)",
    "eq(ticket.language, null)",
    "eq(ticket.spam, true)",
    "neq(ticket.spam, true)",
    "eq(ticket.from_agent, false)",
    "eq(ticket.tags.name, 'vip')",
    "eq(ticket.tags.name, 'VIP')",
    "containsAny(ticket.tags.name, ['late', 'none'])",
    "containsAll(ticket.tags.name, ['vip', 'late'])",
    "notContainsAny(ticket.tags.name, ['vip'])",
    "notContainsAll(ticket.tags.name, ['vip', 'late'])",
    "isEmpty(ticket.tags.name)",
    "eq(ticket.assignee_user.id, '{{current_user.id}}')",
    "neq(ticket.assignee_user.id, '{{current_user.id}}')",
    "isEmpty(ticket.assignee_user.id)",
    "isNotEmpty(ticket.assignee_team.id)",
    "gt(ticket.id, 2)",
    "lte(ticket.id, 2)",
    "neq(ticket.id, 2)",
    "eq(ticket.messages_count, 1)",
    "eq(ticket.customer.email, 'cleo@example.com')",
    "contains(ticket.customer.name, 'cleo')",
    "gte(ticket.created_datetime, '2026-03-01T00:00:00Z')",
    "lt(ticket.created_datetime, '2026-03-01T00:00:00Z')",
    "eq(ticket.closed_datetime, null)",
    "gteTimedelta(ticket.closed_datetime, '1d')",
    "lteTimedelta(ticket.closed_datetime, '1d')",
    "gteTimedelta(ticket.created_datetime, '1d')",
    "lteTimedelta(ticket.created_datetime, '0m')",
    "isEmpty(message.body_text)",
    "!(eq(ticket.spam, true) || contains(ticket.subject, 'order'))",
    "eq(ticket.spam, false) && (eq(ticket.status, 'closed') || isEmpty(ticket.subject))",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_says_the_same_in_sql_and_in_memory() {
    let server = Server::start().await;
    let token = server.token("tickets:write tickets:read").await;
    let message = |email: &str| json!({ "channel": "api", "via": "api", "from_agent": false, "body_text": "Hello", "sender": { "email": email } });
    let tickets = [
        json!({ "subject": "Order 7", "tags": [{ "name": "vip" }, { "name": "late" }], "priority": "critical" }),
        json!({ "subject": "100% and more!", "tags": [{ "name": "vip" }], "status": "closed" }),
        json!({ "subject": null, "spam": true, "assignee_user": { "id": server.agent_id } }),
        json!({ "subject": "", "language": "de", "priority": "low", "created_datetime": "2026-02-01T00:00:00Z" }),
        json!({ "subject": "Ärger_!", "assignee_user": { "id": server.admin_id }, "closed_datetime": "2026-02-03T00:00:00Z" }),
    ];
    let mut ids = Vec::new();
    for (n, mut ticket) in tickets.into_iter().enumerate() {
        let email = if n % 2 == 0 { "cleo@example.com" } else { "dora@example.com" };
        ticket["customer"] = json!({ "email": email, "name": if n == 0 { "Cleo Customer" } else { "" } });
        ticket["messages"] = json!([message(email)]);
        let made: Value = body(server.post("/api/tickets", &token, ticket).await, 201).await;
        ids.push(made["id"].as_i64().expect("an id"));
    }
    let viewpoint = Viewpoint { now: server.clock.now(), person_id: Some(server.agent_id) };

    let mut tx = server.db.read().await.expect("read");
    for code in TESTS {
        let condition: Condition =
            gorgias_code::filter(code).unwrap_or_else(|error| panic!("{code}: {error}")).condition;
        let mut query = Query::new("select t.id from tickets t where ");
        let text = sql::compile(&mut query, &condition, &viewpoint).expect(code);
        query.sql.push_str(&text);
        query.sql.push_str(" order by t.id");
        let rows = tx.rows(&query.sql, &query.params).await.expect(code);
        let by_sql: Vec<i64> = rows.iter().map(|row| row.int("id").expect("an id")).collect();

        let mut asked = Vec::new();
        fields(&condition, &mut asked);
        let mut in_memory = Vec::new();
        for id in &ids {
            let known = facts::load(&mut tx, viewpoint.now, *id, None, &asked).await.expect(code).expect("a ticket");
            if holds(&condition, &known.facts, &viewpoint) {
                in_memory.push(*id);
            }
        }

        assert_eq!(in_memory, by_sql, "{code}");
    }
    drop(tx);
    server.run_jobs().await;
}
