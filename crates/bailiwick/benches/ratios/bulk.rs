//! Jobs over many tickets, against the bare statements, and what others wait for meanwhile.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
    transact!(desk.db, |tx| {
        tx.run(&format!("update tickets set status = 'closed', closed_at = $1, updated_at = $1 where id in ({list})"), &[1_i64.into()])
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

async fn open_tickets(desk: &Helpdesk, n: i64) -> Vec<i64> {
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

/// What the export reads, a thousand rows at a time in the order of an index, written as it comes.
async fn bare_export(desk: &Helpdesk, n: i64) -> usize {
    let file = tempfile::tempfile().expect("a file");
    let mut out = std::io::BufWriter::with_capacity(256 * 1024, file);
    let (mut after, mut n_rows) = (0_i64, 0);
    while n_rows < usize::try_from(n).expect("small") {
        let mut tx = desk.db.read().await.expect("a reader");
        let sql = "select t.id, t.status, t.priority, t.channel, t.subject, t.excerpt, t.created_at, t.updated_at, p.name, p.email
                   from tickets t join people p on p.id = t.customer_id where t.id > $1 order by t.id limit 1000";
        let rows = tx.rows(sql, &[after.into()]).await.expect("rows");
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            after = row.int("id").expect("an id");
            let line = json!({
                "id": after, "status": row.text("status").expect("text"), "priority": row.text("priority").expect("text"),
                "channel": row.text("channel").expect("text"), "subject": row.text_or_null("subject").expect("text"),
                "excerpt": row.text_or_null("excerpt").expect("text"), "name": row.text_or_null("name").expect("text"),
                "email": row.text_or_null("email").expect("text"), "created_at": row.time("created_at").expect("a moment"),
                "updated_at": row.time("updated_at").expect("a moment"),
            });
            serde_json::to_writer(&mut out, &line).expect("write");
            out.write_all(b"\n").expect("write");
        }
        n_rows += rows.len();
    }
    out.flush().expect("write");
    out.get_ref().sync_all().expect("durable");
    n_rows
}
