//! Jobs over many tickets, against the bare statements, and what others wait for meanwhile.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use store::transact;

use crate::load;
use crate::scale::{Helpdesk, milliseconds};

/// Closes so many open tickets through a job while one person reads and another writes; then as many in one bare transaction.
pub async fn close(desk: &Helpdesk, n: i64) {
    let open = open_tickets(desk, 2 * n).await;
    let half = open.len() / 2;
    let (by_job, bare) = open.split_at(half);

    let ids = by_job.to_vec();
    let (took, waits, memory) = watched(
        desk,
        json!({ "type": "updateTicket", "params": { "ticket_ids": ids, "updates": { "status": "closed" } } }),
    )
    .await;
    let began = Instant::now();
    let list = bare.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    // Not of another time: what is due about a ticket that was closed long ago would be done during the next measurement.
    let now = outside::Clock::system().now();
    transact!(desk.db, |tx| {
        tx.run(&format!("update tickets set status = 'closed', closed_at = $1, updated_at = $1 where id in ({list})"), &[now.into()])
            .await?;
        let sql = format!(
            "insert into events (type, object_type, object_id, context, before, after, created_at)
             select 'ticket-closed', 'Ticket', id, 'bench', '{{\"status\":\"open\"}}', '{{\"status\":\"closed\"}}', updated_at
             from tickets where id in ({list})"
        );
        tx.run(&sql, &[]).await
    })
    .expect("the bare transaction");
    let floor = began.elapsed();
    println!(
        "close {half} tickets by a job: {:.2} s, bare {:.2} s, {:.1} times as long; others meanwhile: {}; memory {memory:.0} MiB",
        took.as_secs_f64(),
        floor.as_secs_f64(),
        took.as_secs_f64() / floor.as_secs_f64(),
        waits
    );
}

/// Exports so many tickets as NDJSON; then the same rows read by a bare cursor and written to a file.
pub async fn export(desk: &Helpdesk, n: i64) {
    let (first, last) = bounds(desk, n).await;
    let export = json!({ "type": "exportTicket", "params": {
        "format": "ndjson", "start_datetime": first, "end_datetime": last,
    } });
    let (took, waits, memory) = watched(desk, export).await;
    let began = Instant::now();
    let n_bare = bare_export(desk, n).await;
    let floor = began.elapsed();
    println!(
        "export of {n} tickets: {:.1} s, bare {:.1} s ({n_bare} rows), {:.1} times as long; others meanwhile: {waits}; memory at most {memory:.0} MiB",
        took.as_secs_f64(),
        floor.as_secs_f64(),
        took.as_secs_f64() / floor.as_secs_f64(),
    );
}

/// Runs a job to its end. How long that took, what others waited for, and the most memory.
async fn watched(desk: &Helpdesk, job: Value) -> (Duration, String, f64) {
    let over = Arc::new(AtomicBool::new(false));
    let reader = watcher(desk, &over, desk.request("GET", "/api/tickets?limit=30", &Value::Null));
    let name = format!("Bench {}", job["type"]);
    let note = json!({ "name": name, "decoration": { "color": "#112233" } });
    let tag = desk.ask("POST", "/api/tags", &note).await;
    let path = format!("/api/tags/{}", tag["id"]);
    let writer = watcher(desk, &over, desk.request("PUT", &path, &json!({ "description": "Written meanwhile" })));
    let began = Instant::now();
    let made = desk.ask("POST", "/api/jobs", &job).await;
    let path = format!("/api/jobs/{}", made["id"].as_i64().unwrap_or_else(|| panic!("no job: {made}")));
    let mut memory = 0.0_f64;
    loop {
        memory = memory.max(desk.memory());
        let seen = desk.ask("GET", &path, &Value::Null).await;
        match seen["status"].as_str() {
            Some("done") => break,
            Some("errored" | "fatal_errored" | "canceled") => panic!("{seen}"),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    let took = began.elapsed();
    over.store(true, Ordering::SeqCst);
    let (reads, writes) = (reader.await.expect("reads"), writer.await.expect("writes"));
    let words = format!(
        "a list p99 {:.1} ms, a write p99 {:.1} ms (longest {:.1})",
        milliseconds(load::Load::of(reads, took).p99),
        milliseconds(load::Load::of(writes.clone(), took).p99),
        milliseconds(writes.into_iter().max().unwrap_or_default())
    );
    (took, words, memory)
}

/// Sends one request after the other, ten milliseconds apart, until it is over.
fn watcher(desk: &Helpdesk, over: &Arc<AtomicBool>, request: Vec<u8>) -> tokio::task::JoinHandle<Vec<Duration>> {
    let (over, address) = (over.clone(), desk.address);
    tokio::spawn(async move {
        let mut took = Vec::new();
        while !over.load(Ordering::SeqCst) {
            let sent = Instant::now();
            load::send(address, &request).await;
            took.push(sent.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        took
    })
}

pub async fn open_tickets(desk: &Helpdesk, n: i64) -> Vec<i64> {
    let mut tx = desk.db.read().await.expect("a reader");
    let sql = "select id from tickets where status = 'open' and spam = 0 and trashed_at is null order by id limit $1";
    let rows = tx.rows(sql, &[n.into()]).await.expect("tickets");
    rows.iter().map(|row| row.int("id").expect("an id")).collect()
}

/// Moments between which so many tickets were made: from the newest backwards.
async fn bounds(desk: &Helpdesk, n: i64) -> (String, String) {
    let mut tx = desk.db.read().await.expect("a reader");
    let mut at = async |sql: &str| {
        let row = tx.row(sql, &[(n - 1).into()]).await.expect("a moment").expect("a row");
        row.time("created_at").expect("a moment").to_string()
    };
    let first = at("select created_at from tickets order by created_at desc limit 1 offset $1").await;
    let last = at("select created_at from tickets where $1 > -1 order by created_at desc limit 1").await;
    (first, last)
}

/// What the export reads and writes, by nothing but its query: five hundred rows at a time in the order of the primary key, to a file that is
/// durable at the end.
pub async fn bare_export(desk: &Helpdesk, n: i64) -> usize {
    let file = tempfile::tempfile().expect("a file");
    let mut out = std::io::BufWriter::with_capacity(1024 * 1024, file);
    let (mut after, mut n_rows) = (0_i64, 0);
    while n_rows < usize::try_from(n).expect("small") {
        let mut tx = desk.db.read().await.expect("a reader");
        let sql = "select t.id, t.external_id, t.status, t.priority, t.channel, t.via, t.subject, t.excerpt, t.language, t.customer_id,
                          t.assignee_user_id, t.messages_count, t.is_unread, t.spam, t.from_agent, t.created_at, t.opened_at, t.updated_at,
                          t.closed_at, t.snoozed_until, t.trashed_at, t.last_message_at, t.last_received_message_at,
                          c.email as customer_email, c.name as customer_name, u.email as user_email, u.name as user_name, g.name as team_name
                   from tickets t
                   left join people c on c.id = t.customer_id
                   left join people u on u.id = t.assignee_user_id
                   left join teams g on g.id = t.assignee_team_id
                   where t.id > $1 order by t.id limit 500";
        let rows = tx.rows(sql, &[after.into()]).await.expect("rows");
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { break };
        let (first, last) = (first.int("id").expect("an id"), last.int("id").expect("an id"));
        let sql = "select tt.ticket_id, g.name from ticket_tags tt join tags g on g.id = tt.tag_id
                   where tt.ticket_id >= $1 and tt.ticket_id <= $2 order by tt.ticket_id, g.name";
        let mut tags = HashMap::<i64, Vec<String>>::new();
        for row in tx.rows(sql, &[first.into(), last.into()]).await.expect("tags") {
            tags.entry(row.int("ticket_id").expect("an id")).or_default().push(row.text("name").expect("text"));
        }
        for row in &rows {
            serde_json::to_writer(&mut out, &Line { row, tags: &tags }).expect("write");
            out.write_all(b"\n").expect("write");
        }
        after = last;
        n_rows += rows.len();
    }
    out.flush().expect("write");
    out.get_ref().sync_all().expect("durable");
    n_rows
}

/// A row as a line.
struct Line<'a> {
    row: &'a store::Row,
    tags: &'a HashMap<i64, Vec<String>>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut line = to.serialize_map(None)?;
        let row = self.row;
        let id = row.int("id").expect("an id");
        line.serialize_entry("id", &id)?;
        for name in ["status", "priority", "channel", "via"] {
            line.serialize_entry(name, &row.text(name).expect("text"))?;
        }
        for name in [
            "external_id",
            "subject",
            "excerpt",
            "language",
            "customer_email",
            "customer_name",
            "user_email",
            "user_name",
            "team_name",
        ] {
            line.serialize_entry(name, &row.text_or_null(name).expect("text"))?;
        }
        for name in ["customer_id", "assignee_user_id", "messages_count"] {
            line.serialize_entry(name, &row.int_or_null(name).expect("a number"))?;
        }
        for name in ["is_unread", "spam", "from_agent"] {
            line.serialize_entry(name, &row.flag(name).expect("a flag"))?;
        }
        for name in [
            "created_at",
            "opened_at",
            "updated_at",
            "closed_at",
            "snoozed_until",
            "trashed_at",
            "last_message_at",
            "last_received_message_at",
        ] {
            line.serialize_entry(name, &row.time_or_null(name).expect("a moment"))?;
        }
        line.serialize_entry("tags", self.tags.get(&id).map(Vec::as_slice).unwrap_or_default())?;
        line.end()
    }
}
