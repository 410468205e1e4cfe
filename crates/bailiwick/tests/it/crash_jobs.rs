//! A bulk change, an export and an import, killed in the middle of their work, end with exactly the right result.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::gorgias::body;
use crate::gorgias::files::upload_of;
use crate::gorgias::jobs::fill;
use crate::support::Server;
use crate::support::server::SECRET_KEY;

const N_TICKETS: usize = 20_000;
/// Fewer where each is a change with three events.
const N_CHANGED: usize = 6_000;
const SCOPE: &str = "jobs:read jobs:write tickets:read tickets:write";

/// The binary on a test's database.
struct Process(Child);

impl Process {
    fn serve(server: &Server, data: &std::path::Path) -> Process {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
        Process::start(server, data, &["serve", "--listen", &address.to_string()])
    }

    fn start(server: &Server, data: &std::path::Path, args: &[&str]) -> Process {
        let child = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
            .args(args)
            .args(["--database", &server.database.url, "--data"])
            .arg(data)
            .env("BAILIWICK_SECRET_KEY", STANDARD.encode(SECRET_KEY))
            .env("BAILIWICK_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .expect("start the binary");
        Process(child)
    }

    /// SIGKILL: the process gets no chance to write anything any more.
    fn kill(mut self) {
        self.0.kill().expect("kill");
        self.0.wait().expect("wait");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

async fn number(server: &Server, sql: &str) -> i64 {
    let mut tx = server.db.read().await.expect("read");
    tx.row(sql, &[]).await.expect("a row").expect("one").int_or_null("n").expect("n").unwrap_or_default()
}

/// Waits until a number is large enough.
async fn until(server: &Server, sql: &str, enough: i64) {
    let wait = async {
        while number(server, sql).await < enough {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.expect("it comes to that");
}

/// As if the minute had passed after which another worker takes the job of a dead one over.
async fn lease_runs_out(server: &Server) {
    let mut tx = server.db.write().await.expect("begin");
    tx.run("update queue set leased_until = 1 where state = 'running'", &[]).await.expect("update");
    tx.commit().await.expect("commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_put_off_what_recurs() {
    let server = Server::start_on_the_real_clock().await;
    let mut tx = server.db.write().await.expect("begin");
    let expired =
        "insert into failed_attempts (subject, failures, blocked_until, expires_at) values ('person:gone', 1, 0, 1)";
    tx.run(expired, &[]).await.expect("insert");
    let due = "insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
               values ('clean_up_expired', 'null', 'once', 'ready', 0, 10, 0)";
    tx.run(due, &[]).await.expect("insert");
    tx.commit().await.expect("commit");
    let data = tempfile::tempdir().expect("a folder");

    let _process = Process::serve(&server, data.path());

    until(&server, "select 1 - count(*) as n from failed_attempts where subject = 'person:gone'", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_change_that_is_killed_changes_every_ticket_once() {
    let server = Server::start_on_the_real_clock().await;
    let token = server.token(SCOPE).await;
    let tickets = fill(&server, N_CHANGED).await;
    let data = tempfile::tempdir().expect("a folder");
    let params = json!({ "ticket_ids": tickets, "updates": { "status": "closed", "add_tags": ["bulk"] } });
    let job =
        body(server.post("/api/jobs", &token, json!({ "type": "updateTicket", "params": params })).await, 201).await;

    let first = Process::serve(&server, data.path());
    until(&server, "select max(progress_done) as n from jobs", 1).await;
    first.kill();
    let done = number(&server, "select max(progress_done) as n from jobs").await;
    assert!(done < N_CHANGED as i64, "the job was over before it could be killed");
    assert_eq!(
        number(&server, "select count(*) as n from tickets where status = 'solved'").await,
        done,
        "a slice is whole or not there"
    );
    lease_runs_out(&server).await;
    let _second = Process::serve(&server, data.path());
    until(&server, "select count(*) as n from jobs where status = 'done'", 1).await;

    let ended = body(server.get(&format!("/api/jobs/{}", job["id"]), &token).await, 200).await;
    let n = N_CHANGED as i64;
    assert_eq!(ended["info"], json!({ "progress_count": n, "total_count": n, "error_count": 0, "changed_count": n }));
    assert_eq!(number(&server, "select count(*) as n from tickets where status = 'solved'").await, n);
    for kind in ["ticket-closed", "ticket-updated", "ticket-tags-added"] {
        let events = format!("select count(*) as n from events where type = '{kind}'");
        assert_eq!(number(&server, &events).await, n, "{kind}");
        let tickets = format!("select count(distinct object_id) as n from events where type = '{kind}'");
        assert_eq!(number(&server, &tickets).await, n, "{kind}");
    }
    assert_eq!(number(&server, "select usage as n from tags").await, n);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_killed_has_every_ticket_once() {
    let server = Server::start_on_the_real_clock().await;
    let token = server.token(SCOPE).await;
    let tickets = fill(&server, N_TICKETS).await;
    let data = tempfile::tempdir().expect("a folder");
    let new = json!({ "type": "exportTicket", "params": { "format": "ndjson" } });
    let job = body(server.post("/api/jobs", &token, new).await, 201).await;

    let first = Process::serve(&server, data.path());
    until(&server, "select count(*) as n from job_pieces", 3).await;
    first.kill();
    assert_eq!(
        number(&server, "select count(*) as n from jobs where status = 'running'").await,
        1,
        "the job was over too soon"
    );
    lease_runs_out(&server).await;
    let _second = Process::serve(&server, data.path());
    until(&server, "select count(*) as n from jobs where status = 'done'", 1).await;

    let ended = body(server.get(&format!("/api/jobs/{}", job["id"]), &token).await, 200).await;
    let file = server.http.get(ended["info"]["url"].as_str().expect("an address")).send().await.expect("send");
    let text = file.text().await.expect("text");
    let found: Vec<i64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].as_i64().expect("an id"))
        .collect();
    assert_eq!(found, tickets);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_macros_that_is_killed_makes_every_macro_once() {
    const N_ROWS: i64 = 4_000;
    let server = Server::start_on_the_real_clock().await;
    let token = server.token("jobs:read jobs:write macros:read tickets:write events:read").await;
    let mut file = "name,actions\r\n".to_owned();
    for n in 0..N_ROWS {
        // The last two rows are one macro, which is not made twice.
        let n = n.min(N_ROWS - 2);
        file.push_str(&format!("Macro {n},\"[{{\"\"add_tags\"\":[\"\"a\"\",\"\"tag {n}\"\"]}}]\"\r\n"));
    }
    let url = upload_of(&server, &token, "macros.csv", file.as_bytes()).await;
    let data = tempfile::tempdir().expect("a folder");
    let new = json!({ "type": "importMacro", "params": { "url": url } });
    let job = body(server.post("/api/jobs", &token, new).await, 201).await;

    let first = Process::serve(&server, data.path());
    until(&server, "select max(progress_done) as n from jobs", 300).await;
    first.kill();
    let done = number(&server, "select max(progress_done) as n from jobs").await;
    assert!(done < N_ROWS, "the job was over before it could be killed");
    assert_eq!(number(&server, "select count(*) as n from macros").await, done, "a slice is whole or not there");
    lease_runs_out(&server).await;
    let _second = Process::serve(&server, data.path());
    until(&server, "select count(*) as n from jobs where status = 'done'", 1).await;

    let ended = body(server.get(&format!("/api/jobs/{}", job["id"]), &token).await, 200).await;
    let expected =
        json!({ "progress_count": N_ROWS, "total_count": N_ROWS, "error_count": 1, "changed_count": N_ROWS - 1 });
    assert_eq!(ended["info"], expected);
    assert_eq!(number(&server, "select count(*) as n from macros").await, N_ROWS - 1);
    assert_eq!(number(&server, "select count(distinct name) as n from macros").await, N_ROWS - 1);
    assert_eq!(number(&server, "select count(*) as n from events where type = 'macro-created'").await, N_ROWS - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_goes_on_and_makes_every_ticket_once() {
    const N_ROWS: i64 = 5_000;
    let server = Server::start_on_the_real_clock().await;
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path().join("tickets.json");
    let mut file = std::fs::File::create(&path).expect("a file");
    for n in 0..N_ROWS {
        let line = json!({
            "id": n, "subject": format!("Order {n}"), "status": "open", "tags": [{ "name": "moved" }],
            "customer": { "id": n % 100, "email": format!("customer-{}@example.com", n % 100) },
            "created_datetime": "2025-01-02T03:04:05+00:00",
            "messages": [
                { "from_agent": false, "channel": "email", "body_text": "Where is it?" },
                { "from_agent": true, "channel": "email", "body_text": "On its way.", "sender": { "email": "bo@elsewhere.test" } },
            ],
        });
        writeln!(file, "{line}").expect("write");
    }
    drop(file);
    let import = ["import", path.to_str().expect("a path"), "--format", "gorgias"];

    let first = Process::start(&server, data.path(), &import);
    until(&server, "select count(*) as n from tickets", 300).await;
    first.kill();
    let n = number(&server, "select count(*) as n from tickets").await;
    assert!(n < N_ROWS, "the import was over before it could be killed");
    let mut second = Process::start(&server, data.path(), &import);
    assert!(second.0.wait().expect("wait").success());

    assert_eq!(number(&server, "select count(*) as n from tickets").await, N_ROWS);
    assert_eq!(number(&server, "select count(distinct external_id) as n from tickets").await, N_ROWS);
    assert_eq!(number(&server, "select count(*) as n from messages").await, 2 * N_ROWS);
    assert_eq!(number(&server, "select usage as n from tags").await, N_ROWS);
    // One job, whose receipt tells of both runs together.
    assert_eq!(number(&server, "select count(*) as n from jobs").await, 1);
    let token = server.token(SCOPE).await;
    let jobs = body(server.get("/api/jobs", &token).await, 200).await;
    assert_eq!((&jobs["data"][0]["status"], &jobs["data"][0]["info"]["error_count"]), (&json!("done"), &json!(0)));
    let mut tx = server.db.read().await.expect("read");
    let row = tx.row("select receipt from jobs", &[]).await.expect("a row").expect("one");
    let receipt = row.json("receipt").expect("JSON").expect("a receipt");
    assert_eq!(receipt["created"], json!({ "tickets": N_ROWS, "messages": 2 * N_ROWS, "customers": 101, "tags": 0 }));
}
