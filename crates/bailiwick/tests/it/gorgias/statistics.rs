//! `/api/reporting/stats`, the older `/api/stats`, and that both count what happened.

use std::time::Duration;

use helpdesk::statistics::{follow, scopes};
use serde_json::{Value, json};

use super::body;
use crate::support::{Browser, Person, Server};

const ALL: &str = "statistics:read tickets:read tickets:write tags:read tags:write satisfaction_survey:write \
                   satisfaction_survey:read users:read";
const MINUTE: u64 = 60;

/// A small history of two days, and the tickets in it.
struct History {
    a: i64,
    b: i64,
    d: i64,
    /// Of the second day.
    token: String,
}

async fn ticket(server: &Server, token: &str, channel: &str, customer: &str, more: Value) -> i64 {
    let mut new = json!({
        "customer": { "email": customer }, "channel": channel, "subject": "Hello",
        "messages": [{ "channel": channel, "via": channel, "from_agent": false, "body_text": "Hi", "sender": { "email": customer } }],
    });
    new.as_object_mut().expect("what the test made").extend(more.as_object().expect("what the test made").clone());
    body(server.post("/api/tickets", token, new).await, 201).await["id"].as_i64().expect("what the test made")
}

async fn message(server: &Server, token: &str, ticket_id: i64, channel: &str, from_agent: bool) {
    let sender = if from_agent { json!({ "id": server.agent_id }) } else { json!({ "email": "bo@example.com" }) };
    let new =
        json!({ "channel": channel, "via": "helpdesk", "from_agent": from_agent, "body_text": "So", "sender": sender });
    body(server.post(&format!("/api/tickets/{ticket_id}/messages"), token, new).await, 201).await;
}

async fn change(server: &Server, token: &str, ticket_id: i64, change: Value) {
    body(server.put(&format!("/api/tickets/{ticket_id}"), token, change).await, 200).await;
}

async fn history(server: &Server) -> History {
    let token = server.token(ALL).await;
    let wait = |minutes: u64| server.clock.advance(Duration::from_secs(minutes * MINUTE));
    let a = ticket(server, &token, "email", "mia@example.com", json!({ "tags": [{ "name": "refund" }] })).await;
    wait(10);
    message(server, &token, a, "email", true).await;
    change(server, &token, a, json!({ "assignee_user": { "id": server.agent_id } })).await;
    wait(50);
    let b = ticket(
        server,
        &token,
        "chat",
        "bo@example.com",
        json!({ "tags": [{ "name": "refund" }, { "name": "money" }] }),
    )
    .await;
    wait(30);
    message(server, &token, b, "chat", true).await;
    server.run_jobs().await;
    wait(10);
    message(server, &token, b, "chat", false).await;
    wait(20);
    message(server, &token, b, "chat", true).await;
    change(server, &token, a, json!({ "status": "closed" })).await;
    wait(22 * 60);
    let token = server.token(ALL).await;
    ticket(server, &token, "email", "spammer@example.com", json!({ "spam": true, "tags": [{ "name": "refund" }] }))
        .await;
    let d = ticket(server, &token, "email", "dan@example.com", json!({})).await;
    change(server, &token, d, json!({ "status": "closed" })).await;
    let gone = ticket(server, &token, "sms", "eve@example.com", json!({})).await;
    server.run_jobs().await;
    assert_eq!(server.delete(&format!("/api/tickets/{gone}"), &token).await.status(), 204);
    server.run_jobs().await;
    History { a, b, d, token }
}

fn query(scope: &str, more: Value) -> Value {
    let mut query = json!({
        "scope": scope, "timezone": "UTC",
        "filters": [
            { "member": "periodStart", "operator": "afterDate", "values": ["2026-03-01T00:00:00.000"] },
            { "member": "periodEnd", "operator": "beforeDate", "values": ["2026-03-31T23:59:59.000"] },
        ],
    });
    for (name, value) in more.as_object().expect("what the test made") {
        match (name.as_str(), value) {
            ("filters", Value::Array(filters)) => {
                query["filters"].as_array_mut().expect("what the test made").extend(filters.iter().cloned())
            }
            _ => query[name] = value.clone(),
        }
    }
    json!({ "query": query })
}

async fn ask(server: &Server, token: &str, scope: &str, more: Value) -> Value {
    let answer = body(server.post("/api/reporting/stats?limit=10000", token, query(scope, more)).await, 200).await;
    assert_eq!((&answer["object"], &answer["meta"]["scope"]), (&json!("list"), &json!(scope)));
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_history_has_exactly_these_numbers() {
    let server = Server::start().await;
    let History { a, b, d, token } = history(&server).await;
    let agent = server.agent_id;
    let survey = json!({
        "ticket_id": a, "customer_id": body(server.get(&format!("/api/tickets/{a}"), &token).await, 200).await["customer"]["id"],
        "score": 4, "sent_datetime": "2026-03-03T09:00:00Z", "scored_datetime": "2026-03-03T09:00:00Z",
    });
    body(server.post("/api/satisfaction-surveys", &token, survey).await, 201).await;
    let survey = json!({
        "ticket_id": d, "customer_id": body(server.get(&format!("/api/tickets/{d}"), &token).await, 200).await["customer"]["id"],
        "sent_datetime": "2026-03-03T09:00:00Z",
    });
    body(server.post("/api/satisfaction-surveys", &token, survey).await, 201).await;
    server.run_jobs().await;

    for (scope, more, rows) in [
        ("tickets-created", json!({}), json!([{ "ticketCount": 3 }])),
        (
            "tickets-created",
            json!({ "dimensions": ["channel"] }),
            json!([{ "channel": "chat", "ticketCount": 1 }, { "channel": "email", "ticketCount": 2 }]),
        ),
        (
            "tickets-created",
            json!({ "dimensions": ["channel"], "order": [["ticketCount", "desc"]] }),
            json!([{ "channel": "email", "ticketCount": 2 }, { "channel": "chat", "ticketCount": 1 }]),
        ),
        (
            "tickets-created",
            json!({ "time_dimensions": [{ "dimension": "createdDatetime", "granularity": "day" }] }),
            json!([
                { "createdDatetime": "2026-03-02T00:00:00.000", "ticketCount": 2 },
                { "createdDatetime": "2026-03-03T00:00:00.000", "ticketCount": 1 },
            ]),
        ),
        (
            "tickets-created",
            json!({ "timezone": "Asia/Kathmandu", "time_dimensions": [{ "dimension": "createdDatetime", "granularity": "hour" }] }),
            json!([
                { "createdDatetime": "2026-03-02T14:00:00.000", "ticketCount": 1 },
                { "createdDatetime": "2026-03-02T15:00:00.000", "ticketCount": 1 },
                { "createdDatetime": "2026-03-03T14:00:00.000", "ticketCount": 1 },
            ]),
        ),
        (
            "tickets-created",
            json!({ "timezone": "America/New_York", "time_dimensions": [{ "dimension": "createdDatetime", "granularity": "month" }] }),
            json!([{ "createdDatetime": "2026-03-01T00:00:00.000", "ticketCount": 3 }]),
        ),
        (
            "tickets-closed",
            json!({ "dimensions": ["agentId"], "time_dimensions": [{ "dimension": "closedDatetime", "granularity": "week" }] }),
            json!([
                { "closedDatetime": "2026-03-02T00:00:00.000", "agentId": null, "ticketCount": 1 },
                { "closedDatetime": "2026-03-02T00:00:00.000", "agentId": agent, "ticketCount": 1 },
            ]),
        ),
        ("tickets-open", json!({ "dimensions": ["ticketId"] }), json!([{ "ticketId": b, "ticketCount": 1 }])),
        (
            "tickets-created",
            json!({ "dimensions": ["ticketId", "channel"] }),
            json!([
                { "ticketId": a, "channel": "email", "ticketCount": 1 },
                { "ticketId": b, "channel": "chat", "ticketCount": 1 },
                { "ticketId": d, "channel": "email", "ticketCount": 1 },
            ]),
        ),
        ("tickets-replied", json!({}), json!([{ "ticketCount": 2 }])),
        ("one-touch-tickets", json!({ "dimensions": ["ticketId"] }), json!([{ "ticketId": a, "ticketCount": 1 }])),
        ("zero-touch-tickets", json!({ "dimensions": ["ticketId"] }), json!([{ "ticketId": d, "ticketCount": 1 }])),
        ("workload-tickets", json!({ "dimensions": ["agentId"] }), json!([{ "agentId": null, "ticketCount": 1 }])),
        (
            "first-response-time",
            json!({}),
            json!([{ "medianFirstResponseTime": 1200, "averageFirstResponseTime": 1200 }]),
        ),
        (
            "human-first-response-time",
            json!({ "dimensions": ["channel"] }),
            json!([
                { "channel": "chat", "medianFirstResponseTime": 1800, "averageFirstResponseTime": 1800 },
                { "channel": "email", "medianFirstResponseTime": 600, "averageFirstResponseTime": 600 },
            ]),
        ),
        ("response-time", json!({}), json!([{ "medianResponseTime": 1200 }])),
        (
            "response-time",
            json!({ "dimensions": ["agentId"] }),
            json!([{ "agentId": agent, "medianResponseTime": 1200 }]),
        ),
        ("resolution-time", json!({}), json!([{ "medianResolutionTime": 3600, "averageResolutionTime": 3600 }])),
        (
            "resolution-time",
            json!({ "filters": [{ "member": "agentId", "operator": "one-of", "values": [agent.to_string()] }] }),
            json!([{ "medianResolutionTime": 7200, "averageResolutionTime": 7200 }]),
        ),
        ("ticket-handle-time", json!({}), json!([{ "averageHandleTime": 900, "handleTime": 1800 }])),
        ("messages-sent", json!({ "dimensions": ["agentId"] }), json!([{ "agentId": agent, "messagesCount": 3 }])),
        ("messages-received", json!({}), json!([{ "messagesCount": 4 }])),
        (
            "messages-per-ticket",
            json!({ "filters": [{ "member": "channel", "operator": "not-one-of", "values": ["chat"] }] }),
            json!([{ "averageMessagesCount": 1.5 }]),
        ),
        (
            "satisfaction-surveys",
            json!({}),
            json!([{
                "scoredSurveysCount": 1, "sentSurveysCount": 2, "averageSurveyScore": 4, "satisfactionScore": 100, "responseRate": 50,
            }]),
        ),
        (
            "automation-rate",
            json!({ "measures": ["automationRate", "ticketCount"] }),
            json!([{ "automationRate": 0, "ticketCount": 3 }]),
        ),
        (
            "tickets-created",
            json!({ "filters": [{ "member": "storeId", "operator": "one-of", "values": [1] }] }),
            json!([{ "ticketCount": 0 }]),
        ),
        (
            "tickets-created",
            json!({ "filters": [{ "member": "score", "operator": "one-of", "values": [4, 5] }] }),
            json!([{ "ticketCount": 1 }]),
        ),
        ("online-time", json!({ "dimensions": ["agentId"] }), json!([])),
        ("voice-calls", json!({}), json!([{ "voiceCallsCount": 0 }])),
        ("ai-agent-outcomes", json!({ "measures": ["whatever"] }), json!([])),
    ] {
        assert_eq!(ask(&server, &token, scope, more.clone()).await, rows, "{scope} {more}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_counted_when_they_are_put_on_and_follow_a_merge() {
    let server = Server::start().await;
    let History { a, b, token, .. } = history(&server).await;
    let tags = body(server.get("/api/tags?order_by=name:asc", &token).await, 200).await;
    let id = |name: &str| tags["data"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["id"].clone();
    let (money, refund) = (id("money"), id("refund"));
    let by_tag = json!({ "dimensions": ["tagId"], "order": [["ticketCount", "desc"]] });

    let before = ask(&server, &token, "tags", by_tag.clone()).await;
    assert_eq!(before, json!([{ "tagId": refund, "ticketCount": 2 }, { "tagId": money, "ticketCount": 1 }]));
    let with = |operator: &str, ids: Value| json!({ "dimensions": ["ticketId"], "filters": [{ "member": "tags", "operator": operator, "values": ids }] });
    let both = ask(&server, &token, "tickets-created", with("all-of", json!([money, refund]))).await;
    assert_eq!(both, json!([{ "ticketId": b, "ticketCount": 1 }]));
    let nested = with("one-of", json!([{ "operator": "not-one-of", "values": [money] }]));
    assert_eq!(
        ask(&server, &token, "tags", json!({ "filters": nested["filters"] })).await,
        json!([{ "ticketCount": 1 }])
    );

    body(server.put(&format!("/api/tags/{money}/merge"), &token, json!({ "source_tags_ids": [refund] })).await, 200)
        .await;
    server.run_jobs().await;
    assert_eq!(ask(&server, &token, "tags", by_tag.clone()).await, json!([{ "tagId": money, "ticketCount": 2 }]));
    change(&server, &token, a, json!({ "tags": [] })).await;
    change(&server, &token, b, json!({ "spam": true })).await;
    server.run_jobs().await;
    assert_eq!(ask(&server, &token, "tags", by_tag).await, json!([]));
}

/// Every row that says something.
async fn everything(server: &Server) -> Vec<String> {
    let mut tx = server.db.read().await.expect("what the test made");
    let mut rows = Vec::new();
    for (table, columns) in [
        ("statistics_counts", "measure, quarter, user_id, team_id, channel, integration_id, part, n, total"),
        (
            "statistics_tickets",
            "ticket_id, channel, assignee_user_id, counted, created_at, closed_at, n_messages, n_replies, handle_seconds",
        ),
        ("statistics_messages", "message_id, ticket_id, sent_at, sender_id, counted, response_seconds"),
        ("statistics_ticket_tags", "ticket_id, tag_id, tagged_at, counted"),
        ("statistics_surveys", "ticket_id, created_at, sent_at, scored_at, score, counted"),
    ] {
        let such = if table == "statistics_counts" { "n <> 0 or total <> 0" } else { "1 = 1" };
        for row in tx
            .rows(&format!("select {columns} from {table} where {such} order by {columns}"), &[])
            .await
            .expect("what the test made")
        {
            let values = columns.split(", ").map(|column| {
                let column: &'static str = column.to_owned().leak();
                row.int_or_null(column)
                    .map(|it| format!("{it:?}"))
                    .unwrap_or_else(|_| row.text(column).expect("what the test made"))
            });
            rows.push(format!("{table} {}", values.collect::<Vec<_>>().join(" ")));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_from_the_event_log_gives_the_same_numbers() {
    let server = Server::start().await;
    let History { a, token, .. } = history(&server).await;
    change(&server, &token, a, json!({ "status": "open", "trashed_datetime": "2026-03-03T10:00:00Z" })).await;
    server.run_jobs().await;
    change(&server, &token, a, json!({ "trashed_datetime": null })).await;
    server.run_jobs().await;
    let before = everything(&server).await;
    assert!(30 < before.len());

    let n_events = follow::rebuild(&server.db, server.clock.now()).await.expect("a rebuild");

    assert!(20 < n_events);
    assert_eq!(everything(&server).await, before);
    assert_eq!(follow::rebuild(&server.db, server.clock.now()).await.expect("a rebuild"), n_events);
    assert_eq!(everything(&server).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_and_rows_say_the_same_of_every_statistic() {
    let server = Server::start().await;
    let History { token, .. } = history(&server).await;

    for scope in scopes::ALL {
        let dimensions: Vec<&str> =
            scope.dimensions.iter().map(|it| it.name()).filter(|name| *name != "ticketId").collect();
        let field = json!([{ "member": "customFieldId", "operator": "one-of", "values": [1] }]);
        let filters = if scope.required_filter.is_some() { field } else { json!([]) };
        for dimensions in [json!([]), json!(dimensions)] {
            let grain = json!([{ "dimension": scope.times[0], "granularity": "day" }]);
            let more = json!({ "dimensions": dimensions, "time_dimensions": grain, "filters": filters, "timezone": "Australia/Eucla" });
            let of_counts = ask(&server, &token, scope.name, more.clone()).await;
            // A period that does not begin with a quarter of an hour is answered from the rows.
            let mut uneven = query(scope.name, more.clone());
            uneven["query"]["filters"][0]["values"] = json!(["2026-03-01T00:00:01.000"]);
            let of_rows = body(server.post("/api/reporting/stats?limit=10000", &token, uneven).await, 200).await;
            assert_eq!(of_rows["data"], of_counts, "{} {more}", scope.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_pages() {
    let server = Server::start().await;
    let History { a, b, d, token } = history(&server).await;

    for (dimension, all) in [("ticketId", json!([a, b, d])), ("channel", json!(["chat", "email"]))] {
        let asked = query("tickets-created", json!({ "dimensions": [dimension] }));
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/reporting/stats?limit=1{cursor}");
            let page = body(server.post(&path, &token, asked.clone()).await, 200).await;
            seen.extend(page["data"].as_array().unwrap().iter().map(|row| row[dimension].clone()));
            assert_eq!(page["meta"]["total"], json!(all.as_array().unwrap().len()));
            let Some(next) = page["meta"]["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(json!(seen), all);
        let other = query("tickets-closed", json!({ "dimensions": [dimension] }));
        body(server.post(&format!("/api/reporting/stats?limit=1{cursor}"), &token, other).await, 400).await;
    }
    for path in ["/api/reporting/stats?limit=0", "/api/reporting/stats?limit=10001", "/api/reporting/stats?cursor=x"] {
        body(server.post(path, &token, query("tickets-created", json!({}))).await, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_are_refused_by_name() {
    let server = Server::start().await;
    let token = server.token("statistics:read").await;
    let filters = |values: Value| json!({ "filters": values });

    for (asked, at) in [
        (json!({}), "/query"),
        (json!({ "query": null }), "/query"),
        (json!({ "query": { "scope": "tickets-created", "timezone": "UTC" } }), "/query/filters"),
        (json!({ "query": { "scope": "tickets-created", "timezone": "UTC", "filters": [] } }), "/query/filters"),
        (query("tickets-imagined", json!({})), "/query/scope"),
        (query("tickets-created", json!({ "timezone": "Mars/Olympus" })), "/query/timezone"),
        (query("tickets-created", json!({ "measures": ["medianFirstResponseTime"] })), "/query/measures/0"),
        (query("tickets-created", json!({ "dimensions": ["teamId"] })), "/query/dimensions/0"),
        (
            query(
                "tickets-created",
                json!({ "time_dimensions": [{ "dimension": "closedDatetime", "granularity": "day" }] }),
            ),
            "/query/time_dimensions/0/dimension",
        ),
        (
            query(
                "tickets-created",
                json!({ "time_dimensions": [{ "dimension": "createdDatetime", "granularity": "year" }] }),
            ),
            "/query/time_dimensions/0/granularity",
        ),
        (query("tickets-created", json!({ "order": [["channel", "desc"]] })), "/query/order"),
        (
            query("tickets-created", filters(json!([{ "member": "mood", "operator": "one-of", "values": [] }]))),
            "/query/filters/2/member",
        ),
        (
            query("tickets-created", filters(json!([{ "member": "agentId", "operator": "like", "values": [] }]))),
            "/query/filters/2/operator",
        ),
        (
            query("tickets-created", filters(json!([{ "member": "agentId", "operator": "one-of", "values": ["x"] }]))),
            "/query/filters/2/values",
        ),
        (query("ticket-fields", json!({})), "/query/filters"),
        (
            query(
                "tickets-created",
                filters(json!([{ "member": "periodEnd", "operator": "beforeDate", "values": ["2027-03-31"] }])),
            ),
            "/query/filters",
        ),
    ] {
        let refused = body(server.post("/api/reporting/stats", &token, asked.clone()).await, 400).await;
        assert!(refused["error"]["data"].pointer(at).is_some(), "{asked}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_statistics_answer_and_download() {
    let server = Server::start().await;
    let History { token, .. } = history(&server).await;
    let filters = json!({ "filters": { "period": { "start_datetime": "2026-03-02T00:00:00Z", "end_datetime": "2026-03-02T23:59:59Z" } } });

    let overview = body(server.post("/api/stats/overview", &token, filters.clone()).await, 200).await;
    let created = &overview["data"]["data"][0];
    assert_eq!(created, &json!({ "name": "total-tickets-created", "type": "number", "value": 2, "delta": null }));
    assert_eq!(overview["meta"]["previous_start_datetime"], "2026-03-01T00:00:00+00:00");
    for name in [
        "total-tickets-replied",
        "total-tickets-closed",
        "total-messages-sent",
        "total-messages-received",
        "total-one-touch-tickets",
        "median-first-response-time",
        "median-resolution-time",
        "support-volume",
        "resolution-time",
        "first-response-time",
        "tickets-created-per-hour-per-weekday",
        "tickets-per-tag",
        "tickets-created-per-channel",
        "tickets-created-per-channel-per-day",
        "tickets-closed-per-agent",
        "tickets-closed-per-agent-per-day",
        "messages-sent-per-macro",
        "satisfaction-surveys",
        "latest-satisfaction-surveys",
        "revenue-per-day",
    ] {
        body(server.post(&format!("/api/stats/{name}"), &token, filters.clone()).await, 200).await;
    }
    let per_agent = body(server.post("/api/stats/tickets-closed-per-agent", &token, filters.clone()).await, 200).await;
    assert_eq!(per_agent["data"]["data"], json!([{ "name": "Bo Agent", "type": "number", "value": 1, "delta": null }]));
    let file = server.post("/api/stats/tickets-created-per-channel/download", &token, filters.clone()).await;
    assert_eq!(file.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.text().await.unwrap(), "name,type,value,delta\r\nchat,number,1,\r\nemail,number,1,\r\n");
    body(server.post("/api/stats/imagined", &token, filters).await, 404).await;
    body(server.post("/api/stats/overview", &token, json!({ "filters": {} })).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_has_a_card_and_a_mistyped_one_is_recognised() {
    let server = Server::start().await;
    let token = server.token("statistics:read").await;

    let cards = body(server.get("/api/reporting/metric-cards?category=tickets", &token).await, 200).await;
    let card = body(server.get("/api/reporting/metric-cards/tickets-created", &token).await, 200).await;
    let refused = body(server.get("/api/reporting/metric-cards/tickets-craeted", &token).await, 404).await;

    assert!(cards["data"].as_array().unwrap().contains(&card));
    assert_eq!(refused["error"]["data"]["slug"], "tickets-craeted");
    assert_eq!(refused["error"]["data"]["did_you_mean"][0], "tickets-created");
    body(server.get("/api/reporting/metric-cards?category=weather", &token).await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_shows_the_numbers_and_each_leads_to_its_tickets() {
    let server = Server::start().await;
    history(&server).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let page = browser.get("/admin/statistics?from=2026-03-02&to=2026-03-03&timezone=UTC").await;
    assert_eq!(page.status, 200);
    for text in ["Support volume", ">20 min<", "<bdi>Bo Agent</bdi>", "<bdi>refund</bdi>"] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    let link = "/admin/statistics/tickets?scope=tickets-created&from=2026-03-02&to=2026-03-03&timezone=UTC";
    assert!(page.body.contains(&link.replace('&', "&#38;")), "{}", page.body);
    let tickets = browser.get(link).await;
    assert!(
        tickets.body.contains("<h1>3 tickets</h1>") && tickets.body.contains("mia@example.com"),
        "{}",
        tickets.body
    );
    let chat = browser.get(&format!("{link}&channel=chat")).await;
    assert!(chat.body.contains("<h1>1 ticket</h1>") && !chat.body.contains("mia@example.com"));
    let wrong = browser.get("/admin/statistics?from=2026-03-09&to=2026-03-03&timezone=Mars").await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.body.contains("Choose a first day"));
    assert_eq!(browser.get("/admin/statistics/tickets?scope=x").await.status, 404);

    let room = browser.get("/admin/surveys").await;
    let saved =
        browser.press(&room, "surveys-save", &[("survey_interval", "3"), ("send_survey_for_email", "yes")]).await;
    assert!(saved.body.contains("Your changes are saved."), "{}", saved.body);
    let refused = browser.press(&room, "surveys-save", &[("survey_interval", "soon")]).await;
    assert_eq!(refused.status, 422);
    browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    assert_eq!(browser.get("/admin/statistics").await.status, 403);
}
