//! A helpdesk of a million tickets: how long people wait, and what bulk work costs against bare SQL in the same run.
//!
//! `cargo bench -- --only scale`, on SQLite; with `--database postgres://…` in an empty database of PostgreSQL; `--tickets N` for fewer.
//! `--only bulk` for the bulk work alone; with `--keep FOLDER` the helpdesk is left there, and the next run goes on with it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use store::Db;

use crate::{Running, bulk, grow, load, resident_mib, zendesk};

/// A server over the grown database, and whoever asks it.
pub struct Helpdesk {
    process: Running,
    pub address: SocketAddr,
    authorization: String,
    pub db: Db,
    /// Of one measurement.
    pub time: Duration,
}

/// Everything, in the order in which a busy account meets it.
pub async fn measure(n_tickets: i64, database: Option<String>, kept: Option<PathBuf>, is_bulk_alone: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = kept.clone().unwrap_or_else(|| folder.path().join("data"));
    let place = Place { data: &data, database: database.as_deref() };
    let key_of_kept = data.join("bench.key");
    let is_there = key_of_kept.exists();
    let key = if is_there { std::fs::read_to_string(&key_of_kept).expect("the key") } else { demo(&place) };
    let url = database.clone().unwrap_or_else(|| format!("sqlite:{}", data.join("bailiwick.db").display()));
    let on_postgres = database.is_some();
    let db = Db::open(&url).await.expect("open");
    // They call a sink that ended with the demo, again and again; what calls cost is the business of `fan_out.rs`.
    let off = "update integrations set deactivated_at = created_at where deactivated_at is null";
    store::transact!(db, |tx| tx.run(off, &[]).await).expect("no integrations");
    if !is_there {
        let began = Instant::now();
        let (n_tickets, n_messages) = grow::grow(&db, on_postgres, n_tickets).await;
        println!("{n_tickets} tickets, {n_messages} messages, made in {:.0} s", began.elapsed().as_secs_f64());
    }

    let (process, address) = place.serve();
    let time = Duration::from_secs(if n_tickets < 100_000 { 1 } else { 5 });
    let desk = Helpdesk { process, address, authorization: format!("Basic {}", STANDARD.encode(&key)), db, time };
    if !is_there {
        desk.make_searchable().await;
    }
    if kept.is_some() {
        std::fs::write(&key_of_kept, &key).expect("the key");
    }
    if !is_bulk_alone {
        desk.lists().await;
        desk.searches().await;
        desk.with_rules().await;
    }
    desk.settle().await;
    bulk::close(&desk, 10_000.min(n_tickets / 4)).await;
    desk.settle().await;
    bulk::export(&desk, 500_000.min(n_tickets / 2)).await;
    if is_bulk_alone {
        return;
    }
    zendesk::read(&desk).await;
    zendesk::export(&desk, usize::try_from(500_000.min(n_tickets / 2)).expect("small")).await;
    zendesk::update_many(&desk, if n_tickets < 100_000 { 10 } else { 100 }).await;
    println!("memory at the end: {:.0} MiB", desk.memory());
}

/// Where the account lies.
struct Place<'a> {
    data: &'a Path,
    database: Option<&'a str>,
}

impl Place<'_> {
    fn command(&self, what: &str, listen: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command
            .args([what, "--listen", listen, "--data"])
            .arg(self.data)
            .env("BAILIWICK_LOG", "warn")
            .env("BAILIWICK_RATE_LIMITS", "false");
        if let Some(database) = self.database {
            command.args(["--database", database]);
        }
        command
    }

    fn serve(&self) -> (Running, SocketAddr) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process =
            self.command("serve", &address.to_string()).stdout(Stdio::null()).spawn().expect("start the server");
        let process = Running(process);
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        (process, address)
    }
}

/// Fills the place with the demo's data. The administrator's address and API key, as Basic authentication has them.
fn demo(place: &Place<'_>) -> String {
    let mut process =
        place.command("demo", "127.0.0.1:0").args(["--json"]).stdout(Stdio::piped()).spawn().expect("start the demo");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("its line");
    let _ended = Running(process);
    let facts: Value = serde_json::from_str(&line).expect("JSON");
    let admin = &facts["people"]["admin"];
    format!("{}:{}", admin["email"].as_str().expect("an address"), admin["api_key"].as_str().expect("a key"))
}

impl Helpdesk {
    pub fn request(&self, method: &str, path: &str, body: &Value) -> Vec<u8> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        )
        .into_bytes()
    }

    /// The JSON of one answer, whatever its status.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = load::whole_answer_of(self.address, &self.request(method, path, body)).await;
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
        serde_json::from_slice(&answer[head..]).unwrap_or_default()
    }

    /// What these requests take one after the other.
    pub async fn one_connection(&self, status: u16, requests: Vec<Vec<u8>>) -> load::Load {
        let next = move |n: usize| Some(requests[n % requests.len()].clone());
        load::run(self.address, 1, self.time, status, Arc::new(next)).await
    }

    /// One connection, as one person has; then sixteen.
    async fn print(&self, what: &str, status: u16, requests: Vec<Vec<u8>>) {
        let requests = Arc::new(requests);
        let next = move |n: usize| Some(requests[n % requests.len()].clone());
        let next: Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync> = Arc::new(next);
        let one = load::run(self.address, 1, self.time, status, next.clone()).await;
        let many = load::run(self.address, 16, self.time, status, next).await;
        println!(
            "{what:<44} p50 {:>8.2} ms   p99 {:>8.2} ms   16 connections: {:>7.0}/s, p99 {:>8.2} ms",
            milliseconds(one.p50),
            milliseconds(one.p99),
            many.per_second,
            milliseconds(many.p99)
        );
    }

    /// The index of words is built in the background. Waits for it.
    async fn make_searchable(&self) {
        let began = Instant::now();
        let sql = "insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
                   values ('rebuild_search', '{}', 'all', 'ready', 0, 20, 0) on conflict do nothing";
        store::transact!(self.db, |tx| tx.run(sql, &[]).await).expect("the job");
        let left = "select count(*) as n from queue where kind = 'rebuild_search' and state in ('ready', 'running')";
        loop {
            let mut tx = self.db.read().await.expect("a reader");
            if tx.row(left, &[]).await.expect("a count").expect("a row").int("n").expect("a number") == 0 {
                break;
            }
            drop(tx);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        println!("made searchable in {:.0} s; memory {:.0} MiB", began.elapsed().as_secs_f64(), self.memory());
    }

    /// Waits until rules, statistics and integrations have followed everything that was written.
    async fn settle(&self) {
        let began = Instant::now();
        for reader in bailiwick::worker::FOLLOWERS {
            while helpdesk::follow::is_behind(&mut self.db.read().await.expect("a reader"), reader)
                .await
                .expect("a cursor")
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        println!("everything followed after {:.1} s", began.elapsed().as_secs_f64());
    }

    async fn lists(&self) {
        let views = self.ask("GET", "/api/views", &Value::Null).await;
        for slug in ["inbox", "unassigned", "closed"] {
            let view = views["data"].as_array().and_then(|views| views.iter().find(|view| view["slug"] == slug));
            let path = format!("/api/views/{}/items?limit=30", view.expect("the view")["id"]);
            self.print(&format!("a page of the view {slug}"), 200, vec![self.request("GET", &path, &Value::Null)])
                .await;
        }
        let filter = json!({ "view": {
            "type": "ticket-list", "name": "Refunds", "order_by": "created_datetime", "order_dir": "desc",
            "filters": "containsAny(ticket.tags.name, ['refund']) && eq(ticket.status, 'open')",
        } });
        let page = self.request("PUT", "/api/views/0/items?limit=30", &filter);
        self.print("a page of a view by tag and status", 200, vec![page]).await;
        let some = self.some_tickets(64).await;
        let get = |path: String| self.request("GET", &path, &Value::Null);
        self.print("30 tickets", 200, vec![get("/api/tickets?limit=30".to_owned())]).await;
        let tickets = some.iter().map(|id| get(format!("/api/tickets/{id}"))).collect();
        self.print("a ticket with its messages", 200, tickets).await;
    }

    async fn searches(&self) {
        let customers = ["ada", "mia", "smi", "example.com", "jonson"]
            .iter()
            .map(|text| self.request("POST", "/api/search", &json!({ "type": "customer", "query": text, "size": 30 })));
        self.print("search: customers", 200, customers.collect()).await;
        for (what, text) in
            [("a rare word", "#1042"), ("a word of many", "refund"), ("three words", "where is my order")]
        {
            let view = json!({ "view": {
                "type": "ticket-list", "name": "Found", "order_by": "updated_datetime", "order_dir": "desc", "search": text,
            } });
            let page = self.request("PUT", "/api/views/0/items?limit=30", &view);
            self.print(&format!("search: tickets by {what}"), 200, vec![page]).await;
        }
    }

    /// Three rules look at each new ticket, one of them acts.
    async fn with_rules(&self) {
        let ticket = json!({
            "channel": "api", "via": "api", "subject": "Where is my order?", "customer": { "email": "bench@example.com" },
            "messages": [{ "channel": "api", "via": "api", "from_agent": false, "sender": { "email": "bench@example.com" },
                           "body_text": "It is late. I want a refund." }],
        });
        let create = self.request("POST", "/api/tickets", &ticket);
        self.print("create a ticket, no rule", 201, vec![create.clone()]).await;
        for (name, code) in [
            ("Refunds", "if (containsAny(message.body_text, ['refund'])) { Action('addTags', { tags: 'refund' }); }"),
            ("Urgent", "if (containsAny(ticket.subject, ['urgent'])) { Action('setPriority', { priority: 'high' }); }"),
            ("Old", "if (eq(ticket.status, 'closed')) { Action('addTags', { tags: 'old' }); }"),
        ] {
            let rule = json!({ "name": name, "event_types": "ticket-created", "code": code });
            let made = self.ask("POST", "/api/rules", &rule).await;
            assert!(made["id"].is_i64(), "{made}");
        }
        self.print("create a ticket, three rules", 201, vec![create]).await;
    }

    /// Ids from everywhere in the table.
    pub async fn some_tickets(&self, n: usize) -> Vec<i64> {
        let mut tx = self.db.read().await.expect("a reader");
        let last = tx
            .row("select max(id) as n from tickets", &[])
            .await
            .expect("an id")
            .expect("a row")
            .int("n")
            .expect("an id");
        let mut found = Vec::new();
        for number in 0..n {
            let from = last * i64::try_from(number).expect("small") / i64::try_from(n).expect("small");
            let sql = "select id from tickets where id > $1 and spam = 0 and trashed_at is null order by id limit 1";
            if let Some(row) = tx.row(sql, &[from.into()]).await.expect("a ticket") {
                found.push(row.int("id").expect("an id"));
            }
        }
        found
    }

    pub fn memory(&self) -> f64 {
        resident_mib(self.process.0.id())
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
