//! `/api/jobs`.

use std::time::Duration;

use scope::Dialect;
use serde_json::{Value, json};

use super::{body, ids, texts, walk};
use crate::support::{Person, Server};

const ALL: &str = "jobs:read jobs:write tickets:read tickets:write events:read tags:read";

/// Tickets straight into the database, all open.
pub async fn fill(server: &Server, n_tickets: usize) -> Vec<i64> {
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    let mut ids = Vec::with_capacity(n_tickets);
    for n in 0..n_tickets {
        let row = tx
            .row(
                "insert into tickets (status, channel, via, subject, customer_id, created_at, updated_at)
                 values ('open', 'api', 'api', $1, $2, $3, $3) returning id",
                &[format!("Order {n}").into(), server.agent_id.into(), now.into()],
            )
            .await
            .expect("a ticket");
        ids.push(row.expect("a row").int("id").expect("an id"));
    }
    tx.commit().await.expect("commit");
    ids
}

pub(super) async fn start(server: &Server, token: &str, kind: &str, params: Value) -> Value {
    body(server.post("/api/jobs", token, json!({ "type": kind, "params": params })).await, 201).await
}

pub(super) async fn job(server: &Server, token: &str, id: &Value) -> Value {
    body(server.get(&format!("/api/jobs/{id}"), token).await, 200).await
}

/// Starts a job and runs it to its end.
pub(super) async fn done(server: &Server, token: &str, kind: &str, params: Value) -> Value {
    let started = start(server, token, kind, params).await;
    server.run_jobs().await;
    let ended = job(server, token, &started["id"]).await;
    assert_eq!(ended["status"], "done", "{ended}");
    ended
}

pub(super) async fn count(server: &Server, sql: &str) -> i64 {
    let mut tx = server.db.read().await.expect("begin");
    tx.row(sql, &[]).await.expect("count").expect("a row").int("n").expect("n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_closes_tickets_with_the_events_of_single_updates_and_is_shown_with_all_its_fields() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 70).await;
    let params = json!({ "ticket_ids": tickets[..60], "updates": { "status": "closed" } });

    let started = start(&server, &token, "updateTicket", params.clone()).await;
    let id = started["id"].as_i64().expect("an id");
    assert_eq!(
        started,
        json!({
            "id": id, "uri": format!("/api/jobs/{id}/"), "type": "updateTicket", "status": "pending", "params": params,
            "info": { "progress_count": 0, "total_count": null, "error_count": 0, "changed_count": 0 }, "meta": null,
            "user_id": server.admin_id, "created_datetime": "2026-03-02T09:00:00+00:00", "scheduled_datetime": null,
            "locked_datetime": null, "started_datetime": null, "ended_datetime": null, "failed_datetime": null,
            "cancel_requested_datetime": null, "cancelled_datetime": null,
        })
    );
    server.run_jobs().await;

    let ended = job(&server, &token, &started["id"]).await;
    assert_eq!((&ended["status"], &ended["info"]["progress_count"]), (&json!("done"), &json!(60)));
    assert_eq!(ended["ended_datetime"], "2026-03-02T09:00:00+00:00");
    assert_eq!(
        count(&server, "select count(*) as n from tickets where status = 'solved' and closed_at is not null").await,
        60
    );
    assert_eq!(count(&server, "select count(*) as n from tickets where status = 'open'").await, 10);

    // One by one, the same change leaves the same events.
    let by_hand = tickets[60];
    body(server.put(&format!("/api/tickets/{by_hand}"), &token, json!({ "status": "closed" })).await, 200).await;
    let of = async |ticket: i64| {
        let path = format!("/api/events?object_type=Ticket&object_id={ticket}");
        body(server.get(&path, &token).await, 200).await
    };
    let (single, bulk) = (of(by_hand).await, of(tickets[7]).await);
    assert_eq!(texts(&single, "type"), texts(&bulk, "type"));
    assert_eq!(single["data"][0]["data"]["after"], bulk["data"][0]["data"]["after"]);
    assert_eq!(single["data"][1]["data"]["before"], bulk["data"][1]["data"]["before"]);
    assert_eq!(bulk["data"][0]["data"]["job_id"], id);
    assert_eq!(bulk["data"][0]["user_id"], server.admin_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_assignees_and_fields_are_set_on_many_tickets_and_usage_stays_true() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 40).await;
    body(
        server.post(&format!("/api/tickets/{}/tags", tickets[0]), &token, json!({ "names": ["late", "vip"] })).await,
        201,
    )
    .await;

    let updates = json!({
        "assignee_user": { "id": server.agent_id }, "priority": "critical", "spam": true, "language": "fr", "is_unread": true,
        "add_tags": ["late", "bulk"], "remove_tags": ["vip"],
    });
    done(&server, &token, "updateTicket", json!({ "ticket_ids": tickets, "updates": updates })).await;

    let first = body(server.get(&format!("/api/tickets/{}", tickets[0]), &token).await, 200).await;
    assert_eq!((&first["priority"], &first["language"]), (&json!("critical"), &json!("fr")));
    assert_eq!(first["assignee_user"]["id"], server.agent_id);
    let tags = body(server.get("/api/tags?order_by=name:asc", &token).await, 200).await;
    let usage: Vec<(String, i64)> = tags["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|tag| (tag["name"].as_str().expect("a name").to_owned(), tag["usage"].as_i64().expect("usage")))
        .collect();
    assert_eq!(usage, [("bulk".to_owned(), 40), ("late".to_owned(), 40), ("vip".to_owned(), 0)]);
    let events =
        body(server.get(&format!("/api/events?object_type=Ticket&object_id={}", tickets[0]), &token).await, 200).await;
    let kinds = texts(&events, "type");
    for kind in ["ticket-tags-removed", "ticket-tags-added", "ticket-assigned", "ticket-marked-spam", "ticket-updated"]
    {
        assert!(kinds.contains(&kind.to_owned()), "{kind} is missing in {kinds:?}");
    }

    done(
        &server,
        &token,
        "updateTicket",
        json!({ "ticket_ids": tickets, "updates": { "tags": [{ "name": "only" }] } }),
    )
    .await;
    assert_eq!(count(&server, "select count(*) as n from ticket_tags").await, 40);
    assert_eq!(count(&server, "select cast(sum(usage) as bigint) as n from tags").await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_edit_is_undone_where_nobody_changed_the_tickets_since() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 50).await;
    body(server.post(&format!("/api/tickets/{}/tags", tickets[1]), &token, json!({ "names": ["before"] })).await, 201)
        .await;
    let updates = json!({ "status": "closed", "priority": "high", "tags": ["bulk"] });
    let edit = done(&server, &token, "updateTicket", json!({ "ticket_ids": tickets, "updates": updates })).await;
    // Somebody reopens one, deletes another, and tags a third.
    body(server.put(&format!("/api/tickets/{}", tickets[2]), &token, json!({ "status": "open" })).await, 200).await;
    assert_eq!(server.delete(&format!("/api/tickets/{}", tickets[3]), &token).await.status(), 204);
    body(server.post(&format!("/api/tickets/{}/tags", tickets[4]), &token, json!({ "names": ["since"] })).await, 201)
        .await;

    let path = format!("/api/jobs/{}/undo", edit["id"]);
    let undo = body(server.post(&path, &token, json!({})).await, 201).await;
    assert_eq!((&undo["type"], &undo["info"]["undoes_job_id"]), (&json!("updateTicket"), &edit["id"]));
    body(server.post(&path, &token, json!({})).await, 400).await;
    server.run_jobs().await;

    let ended = job(&server, &token, &undo["id"]).await;
    assert_eq!((&ended["status"], &ended["info"]["progress_count"]), (&json!("done"), &json!(50)), "{ended}");
    assert_eq!(job(&server, &token, &edit["id"]).await["info"]["undone_by_job_id"], undo["id"]);
    let ticket = async |at: usize| body(server.get(&format!("/api/tickets/{}", tickets[at]), &token).await, 200).await;
    let names = |ticket: &Value| -> Vec<String> {
        let tags = ticket["tags"].as_array().expect("tags");
        tags.iter().map(|tag| tag["name"].as_str().expect("a name").to_owned()).collect()
    };
    for (at, tags) in [(0, vec![]), (1, vec!["before"]), (2, vec![]), (4, vec!["since"])] {
        let ticket = ticket(at).await;
        assert_eq!((&ticket["status"], &ticket["priority"]), (&json!("open"), &json!("normal")), "ticket {at}");
        assert_eq!(ticket["closed_datetime"], Value::Null);
        assert_eq!(names(&ticket), tags, "ticket {at}");
    }
    assert_eq!(count(&server, "select count(*) as n from ticket_tags").await, 2);
    assert_eq!(count(&server, "select cast(sum(usage) as bigint) as n from tags").await, 2);
    let errors = body(server.get(&format!("/api/jobs/{}/errors", undo["id"]), &token).await, 200).await;
    let about: Vec<i64> =
        errors["data"].as_array().expect("a list").iter().filter_map(|it| it["ticket_id"].as_i64()).collect();
    assert_eq!(about, [tickets[3], tickets[2]]);
    let events =
        body(server.get(&format!("/api/events?object_type=Ticket&object_id={}", tickets[9]), &token).await, 200).await;
    assert_eq!(events["data"][0]["data"]["undoes_job_id"], edit["id"]);

    // Too late for another edit.
    let edit =
        done(&server, &token, "updateTicket", json!({ "ticket_ids": tickets[..2], "updates": { "spam": true } })).await;
    server.clock.advance(Duration::from_hours(31 * 24));
    let token = server.token(ALL).await;
    let refused = body(server.post(&format!("/api/jobs/{}/undo", edit["id"]), &token, json!({})).await, 400).await;
    assert!(refused["error"]["msg"].as_str().expect("text").contains("30 days"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_goes_to_the_trash_first_and_from_there_for_good() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 5).await;

    let first = done(&server, &token, "deleteTicket", json!({ "ticket_ids": tickets })).await;
    assert_eq!(count(&server, "select count(*) as n from tickets where trashed_at is not null").await, 5);
    body(server.post(&format!("/api/jobs/{}/undo", first["id"]), &token, json!({})).await, 201).await;
    server.run_jobs().await;
    assert_eq!(count(&server, "select count(*) as n from tickets where trashed_at is null").await, 5);
    done(&server, &token, "deleteTicket", json!({ "ticket_ids": tickets[..3] })).await;
    let last = done(&server, &token, "deleteTicket", json!({ "ticket_ids": tickets })).await;

    assert_eq!(count(&server, "select count(*) as n from tickets").await, 2);
    assert_eq!(count(&server, "select count(*) as n from events where type = 'ticket-deleted'").await, 3);
    assert_eq!(last["info"]["changed_count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_are_not_there_are_errors_of_their_own_and_can_be_paged() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 2).await;
    let mut wanted = tickets.clone();
    wanted.extend((0..45).map(|n| 1_000_000 + n));

    let ended =
        done(&server, &token, "updateTicket", json!({ "ticket_ids": wanted, "updates": { "spam": true } })).await;

    assert_eq!(
        ended["info"],
        json!({ "progress_count": 47, "total_count": 47, "error_count": 45, "changed_count": 2 })
    );
    let path = format!("/api/jobs/{}/errors", ended["id"]);
    let first = body(server.get(&path, &token).await, 200).await;
    assert_eq!(first["data"].as_array().expect("a list").len(), 30);
    assert_eq!(
        first["data"][0],
        json!({ "number": 1, "ticket_id": 1_000_000, "row": null, "problem": "No ticket has this id." })
    );
    let cursor = first["meta"]["next_cursor"].as_str().expect("more");
    let second = body(server.get(&format!("{path}?cursor={cursor}"), &token).await, 200).await;
    assert_eq!(second["data"].as_array().expect("a list").len(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_its_time_can_be_moved_and_canceled_and_nothing_is_done_then() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 3).await;
    let new = |at: &str| {
        json!({
            "type": "updateTicket", "scheduled_datetime": at, "meta": { "why": "night" },
            "params": { "ticket_ids": tickets, "updates": { "status": "closed" } },
        })
    };
    body(server.post("/api/jobs", &token, new("2026-03-02T10:00:01Z")).await, 400).await;

    let made = body(server.post("/api/jobs", &token, new("2026-03-02T09:30:00Z")).await, 201).await;
    assert_eq!((&made["status"], &made["meta"]["why"]), (&json!("scheduled"), &json!("night")));
    assert_eq!(server.run_jobs().await, 0);
    let path = format!("/api/jobs/{}", made["id"]);
    let params = json!({ "ticket_ids": tickets[..1], "updates": { "status": "closed" } });
    let moved =
        body(server.put(&path, &token, json!({ "scheduled_datetime": null, "params": params })).await, 200).await;
    assert_eq!((&moved["status"], &moved["params"]), (&json!("pending"), &params));
    server.run_jobs().await;
    assert_eq!(count(&server, "select count(*) as n from tickets where status = 'solved'").await, 1);
    body(server.put(&path, &token, json!({ "scheduled_datetime": "2026-03-02T09:30:00Z" })).await, 400).await;
    assert_eq!(server.delete(&path, &token).await.status(), 400);
    // Clients send whole objects back.
    let mut whole = job(&server, &token, &made["id"]).await;
    whole["meta"] = json!({ "why": "day" });
    assert_eq!(body(server.put(&path, &token, whole).await, 200).await["meta"]["why"], "day");

    let other = body(server.post("/api/jobs", &token, new("2026-03-02T09:30:00Z")).await, 201).await;
    let path = format!("/api/jobs/{}", other["id"]);
    let canceled = body(server.put(&path, &token, json!({ "status": "cancel_requested" })).await, 200).await;
    assert_eq!(
        (&canceled["status"], &canceled["cancelled_datetime"]),
        (&json!("canceled"), &json!("2026-03-02T09:00:00+00:00"))
    );
    server.clock.advance(Duration::from_secs(3600));
    server.run_jobs().await;
    assert_eq!(count(&server, "select count(*) as n from tickets where status = 'solved'").await, 1);
    assert_eq!(server.delete(&path, &token).await.status(), 400);
    let third = body(server.post("/api/jobs", &token, new("2026-03-02T10:30:00Z")).await, 201).await;
    assert_eq!(server.delete(&format!("/api/jobs/{}", third["id"]), &token).await.status(), 204);
    assert_eq!(job(&server, &token, &third["id"]).await["status"], "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_by_state_and_type_page_by_page() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 1).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        server.clock.advance(Duration::from_secs(1));
        made.push(
            start(&server, &token, "exportTicket", json!({ "ticket_ids": tickets })).await["id"].as_i64().expect("id"),
        );
    }
    let edit = start(&server, &token, "deleteTicket", json!({ "ticket_ids": tickets })).await;
    made.push(edit["id"].as_i64().expect("id"));
    made.reverse();

    assert_eq!(walk(&server, "/api/jobs?limit=2", &token).await, made);
    let deletes = body(server.get("/api/jobs?type=deleteTicket", &token).await, 200).await;
    assert_eq!(ids(&deletes), made[..1]);
    server.run_jobs().await;
    assert_eq!(walk(&server, "/api/jobs?limit=4&status=done", &token).await, made);
    assert!(ids(&body(server.get("/api/jobs?status=running", &token).await, 200).await).is_empty());
    body(server.get("/api/jobs?status=dead", &token).await, 400).await;
    body(server.get("/api/jobs/999999", &token).await, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_do_not_fit_are_refused_and_name_their_field() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    for (kind, params, field) in [
        ("updateTicket", json!({ "updates": { "status": "closed" } }), "ticket_ids"),
        ("updateTicket", json!({ "ticket_ids": [1] }), "updates"),
        ("updateTicket", json!({ "ticket_ids": [1], "updates": {} }), "updates"),
        ("updateTicket", json!({ "ticket_ids": [1], "updates": { "stauts": "closed" } }), "updates"),
        ("updateTicket", json!({ "ticket_ids": [1], "updates": { "status": "gone" } }), "updates"),
        ("updateTicket", json!({ "ticket_ids": [1], "updates": { "assignee_user": { "id": 999_999 } } }), "updates"),
        ("updateTicket", json!({ "ticket_ids": [], "updates": { "spam": true } }), "ticket_ids"),
        ("updateTicket", json!({ "ticket_ids": ["x"], "updates": { "spam": true } }), "ticket_ids"),
        ("deleteTicket", json!({}), "ticket_ids"),
        ("deleteTicket", json!({ "start_datetime": "2026-02-01", "end_datetime": "2026-01-01" }), "end_datetime"),
        ("exportTicket", json!({ "format": "xlsx" }), "format"),
        ("exportConvertCampaignSalesDrilldown", json!({ "context": {} }), "context"),
    ] {
        let refused =
            body(server.post("/api/jobs", &token, json!({ "type": kind, "params": params })).await, 400).await;
        assert!(!refused["error"]["data"]["params"][field].is_null(), "{kind} {params}: {refused}");
    }
    for new in
        [json!({}), json!({ "type": "makeCoffee", "params": {} }), json!({ "type": "deleteTicket", "params": null })]
    {
        body(server.post("/api/jobs", &token, new).await, 400).await;
    }
    assert!(ids(&body(server.get("/api/jobs", &token).await, 200).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_a_file_behind_a_signed_address_that_only_its_creator_is_shown() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let tickets = fill(&server, 1_200).await;
    body(server.post(&format!("/api/tickets/{}/tags", tickets[0]), &token, json!({ "names": ["a", "b"] })).await, 201)
        .await;
    body(
        server.put(&format!("/api/tickets/{}", tickets[1]), &token, json!({ "subject": "=cmd(\"x\"), twice" })).await,
        200,
    )
    .await;

    let csv = done(&server, &token, "exportTicket", json!({})).await;
    let url = csv["info"]["url"].as_str().expect("an address").to_owned();
    let answer = server.http.get(&url).send().await.expect("send");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    assert!(answer.headers()["content-disposition"].to_str().expect("text").contains("tickets-2026-03-02-job-"));
    let text = answer.text().await.expect("text");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let cell = |row: usize, name: &str| &rows[row][columns.iter().position(|column| column == name).expect("a column")];
    let found: Vec<i64> = rows.iter().map(|row| row[0].parse().expect("an id")).collect();
    assert_eq!(found, tickets);
    assert_eq!((cell(0, "tags"), cell(1, "subject")), ("a, b", "'=cmd(\"x\"), twice"));

    let ndjson = done(&server, &token, "exportTicket", json!({ "format": "ndjson", "ticket_ids": tickets[..2] })).await;
    let text = server
        .http
        .get(ndjson["info"]["url"].as_str().expect("an address"))
        .send()
        .await
        .expect("send")
        .text()
        .await
        .expect("text");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["tags"], &lines[1]["subject"]), (&json!(["a", "b"]), &json!("=cmd(\"x\"), twice")));

    // Another person sees the job, not the address; a made-up or outdated address opens nothing.
    let other = server.token_for(Person::Agent, scope::Dialect::Gorgias, ALL).await;
    assert_eq!(job(&server, &other, &csv["id"]).await["info"]["url"], Value::Null);
    let forged = url.replace(&format!("/jobs/{}/", csv["id"]), &format!("/jobs/{}/", ndjson["id"]));
    assert_eq!(server.http.get(&forged).send().await.expect("send").status(), 404);
    server.clock.advance(Duration::from_secs(3601));
    assert_eq!(server.http.get(&url).send().await.expect("send").status(), 404);

    // After a week the file is gone, the job stays.
    server.clock.advance(Duration::from_hours(8 * 24));
    let now = server.clock.now();
    helpdesk::jobs::cleanup::run(&server.db, now).await.expect("clean up");
    assert_eq!(count(&server, "select count(*) as n from job_pieces").await, 0);
    let token = server.token(ALL).await;
    assert_eq!(job(&server, &token, &csv["id"]).await["info"]["url"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_about_a_time_span_takes_the_tickets_made_in_it() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    fill(&server, 3).await;
    server.clock.advance(Duration::from_secs(3600));
    let later = fill(&server, 2).await;

    let span = json!({ "start_datetime": "2026-03-02T10:00:00Z", "end_datetime": "2026-03-02T11:00:00Z", "updates": { "spam": true } });
    let ended = done(&server, &token, "updateTicket", span).await;

    assert_eq!(ended["info"]["total_count"], 2);
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx.rows("select id from tickets where spam = 1 order by id", &[]).await.expect("tickets");
    let spam: Vec<i64> = rows.iter().map(|row| row.int("id").expect("an id")).collect();
    assert_eq!(spam, later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_may_no_longer_change_tickets_has_no_job_run_in_their_name() {
    let server = Server::start().await;
    let token = server.token_for(Person::Agent, scope::Dialect::Gorgias, ALL).await;
    let tickets = fill(&server, 2).await;
    let started =
        start(&server, &token, "updateTicket", json!({ "ticket_ids": tickets, "updates": { "spam": true } })).await;
    let mut tx = server.db.write().await.expect("begin");
    tx.run("update people set role = 'observer' where id = $1", &[server.agent_id.into()]).await.expect("demote");
    tx.commit().await.expect("commit");

    server.run_jobs().await;

    let admin = server.token(ALL).await;
    let ended = job(&server, &admin, &started["id"]).await;
    assert_eq!(ended["status"], "fatal_errored");
    assert!(ended["info"]["error"].as_str().expect("text").contains("may no longer"), "{ended}");
    assert_eq!(count(&server, "select count(*) as n from tickets where spam = 1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_takes_the_tickets_of_a_saved_view_or_of_one_that_is_sent_along() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let only_jobs = server.token("jobs:write jobs:read").await;
    let tickets = fill(&server, 6).await;
    let assigned = json!({ "updates": { "assignee_user": { "id": server.agent_id } }, "ticket_ids": tickets[..3] });
    done(&server, &token, "updateTicket", assigned).await;
    done(&server, &token, "updateTicket", json!({ "updates": { "spam": true }, "ticket_ids": [tickets[0]] })).await;
    let filters = format!("eq(ticket.assignee_user.id, {}) && eq(ticket.status, 'open')", server.agent_id);
    let view = json!({ "name": "Agent's", "filters": filters });
    let view = body(server.post("/api/views", &token, view).await, 201).await["id"].clone();

    let by_view = json!({ "view_id": view, "updates": { "priority": "high" } });
    let ended = done(&server, &only_jobs, "updateTicket", by_view).await;
    assert_eq!(ended["info"]["changed_count"], 2, "spam is in no view that does not ask for it: {ended}");
    let inline = json!({ "view": { "filters": "eq(ticket.priority, 'high')" }, "ticket_ids": tickets[2..],
                         "updates": { "status": "closed" } });
    let ended = done(&server, &token, "updateTicket", inline).await;
    assert_eq!(ended["info"]["changed_count"], 1, "only what is named by both: {ended}");
    let mine = json!({ "view": { "filters": "eq(ticket.assignee_user.id, '{{current_user.id}}')" },
                       "updates": { "priority": "low" } });
    assert_eq!(done(&server, &token, "updateTicket", mine).await["info"]["changed_count"], 0);
    assert_eq!(count(&server, "select count(*) as n from tickets where priority = 'high'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_cannot_name_the_tickets_of_a_job_is_refused() {
    let server = Server::start().await;
    let token = server.token(ALL).await;
    let agent = server.token_for(Person::Agent, Dialect::Gorgias, ALL).await;
    let mut made = Vec::new();
    for view in [
        json!({ "name": "people", "type": "customer-list" }),
        json!({ "name": "found", "search": "refund" }),
        json!({ "name": "mine", "visibility": "private", "shared_with_users": [server.admin_id] }),
    ] {
        made.push(body(server.post("/api/views", &token, view).await, 201).await["id"].clone());
    }

    for (who, params, field) in [
        (&token, json!({ "view_id": 999 }), "view_id"),
        (&token, json!({ "view_id": "x" }), "view_id"),
        (&token, json!({ "view_id": made[0] }), "view_id"),
        (&token, json!({ "view_id": made[1] }), "view_id"),
        (&agent, json!({ "view_id": made[2] }), "view_id"),
        (&token, json!({ "view": {} }), "view"),
        (&token, json!({ "view": 7 }), "view"),
        (&token, json!({ "view": { "filters": "eq(" } }), "view"),
        (&token, json!({ "view": { "filters": "", "type": "customer-list" } }), "view"),
        (&token, json!({ "view": { "filters": "", "search": "refund" } }), "view"),
    ] {
        let mut params = params;
        params["updates"] = json!({ "priority": "high" });
        let sent = json!({ "type": "updateTicket", "params": params });
        let refused = body(server.post("/api/jobs", who, sent.clone()).await, 400).await;
        assert!(!refused["error"]["data"]["params"][field].is_null(), "{sent} {refused}");
    }
}
