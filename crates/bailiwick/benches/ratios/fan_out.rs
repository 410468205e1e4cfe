//! How many webhooks go out in a second: changes of tickets, each told to many integrations, against bare POSTs of the same size to the same
//! receiver over as many connections.
//!
//! `cargo bench -- --only fan-out`; `--integrations N` for another number of them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{ROUNDS, Running, load, repeat};

/// Calls that one process makes side by side (`worker.rs`).
const N_CONNECTIONS: usize = 8;
/// Tickets that are changed in one round.
const N_CHANGES: usize = 10;
/// Longer than any round may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Somebody else's server: it answers 200 at once.
struct Sink {
    address: SocketAddr,
    n_received: AtomicUsize,
    /// The first call as it came, written out again.
    first: OnceLock<Vec<u8>>,
}

impl Sink {
    async fn start() -> Arc<Sink> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let sink = Arc::new(Sink { address, n_received: AtomicUsize::new(0), first: OnceLock::new() });
        let kept = sink.clone();
        let router = Router::new().fallback(move |request: Request| {
            let sink = kept.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
                sink.first.get_or_init(|| written(&head, &body));
                sink.n_received.fetch_add(1, Ordering::Relaxed);
            }
        });
        tokio::spawn(async move {
            let listener =
                axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).expect("TCP_NODELAY"));
            axum::serve(listener, router).await.expect("serve");
        });
        sink
    }

    fn n_received(&self) -> usize {
        self.n_received.load(Ordering::Relaxed)
    }
}

fn written(head: &axum::http::request::Parts, body: &Bytes) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.uri).into_bytes();
    for (name, value) in &head.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body);
    text
}

/// Over the data of a demo that has ended. `admin` are the address and the API key of its administrator.
pub async fn measure(data: &Path, admin: &Value, n_integrations: usize, time: Duration) {
    let sink = Sink::start().await;
    quieten(data);
    let (_process, address) = serve(data);
    let key = format!("{}:{}", admin["email"].as_str().expect("an address"), admin["api_key"].as_str().expect("a key"));
    let desk = Desk { address, authorization: STANDARD.encode(key) };
    for n in 0..n_integrations {
        let http = json!({
            "url": format!("http://{}/hook", sink.address), "method": "POST", "triggers": { "ticket-updated": true },
        });
        let made = desk
            .ask("POST", "/api/integrations", &json!({ "name": format!("Sink {n}"), "type": "http", "http": http }))
            .await;
        assert!(made["id"].is_i64(), "{made}");
    }
    let tickets = desk.ask("GET", &format!("/api/tickets?limit={}", ROUNDS * N_CHANGES), &Value::Null).await;
    let tickets: Vec<i64> =
        tickets["data"].as_array().expect("tickets").iter().map(|it| it["id"].as_i64().expect("an id")).collect();
    let (mut ours, mut floor, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for round in tickets.chunks(N_CHANGES) {
        let before = sink.n_received();
        let expected = before + round.len() * n_integrations;
        let began = Instant::now();
        for id in round {
            let changed =
                desk.ask("PUT", &format!("/api/tickets/{id}"), &json!({ "subject": format!("Changed {id}") })).await;
            assert!(changed["id"].is_i64(), "{changed}");
        }
        until(began, || sink.n_received() > before).await;
        first.push(began.elapsed());
        until(began, || sink.n_received() >= expected).await;
        // What arrived is over when it is written down.
        let connection = rusqlite::Connection::open(data.join("bailiwick.db")).expect("open");
        let left = || -> i64 {
            let sql = "select count(*) from deliveries where state = 'waiting'";
            connection.query_row(sql, [], |row| row.get(0)).expect("a count")
        };
        until(began, || left() == 0).await;
        ours.push((expected - before) as f64 / began.elapsed().as_secs_f64());
        let request = sink.first.get().expect("a call");
        floor.push(load::run(sink.address, N_CONNECTIONS, time, 200, repeat(request)).await.per_second);
    }
    ours.sort_by(f64::total_cmp);
    floor.sort_by(f64::total_cmp);
    first.sort_unstable();
    let (ours, floor) = (ours[ours.len() / 2], floor[floor.len() / 2]);
    println!(
        "{:<44} {ours:>10.0}/s {floor:>10.0}/s {:>7.2}   the first of {n_integrations} after {:.1} ms",
        "call a webhook (bare POST)",
        ours / floor,
        first[first.len() / 2].as_secs_f64() * 1000.0
    );
}

async fn until(began: Instant, is_so: impl Fn() -> bool) {
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "the calls were not made after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The demo's own integrations and rules would be measured too.
fn quieten(data: &Path) {
    let connection = rusqlite::Connection::open(data.join("bailiwick.db")).expect("open");
    connection
        .execute_batch(
            "update integrations set deactivated_at = 1 where deactivated_at is null;
             update rules set deactivated_at = 1 where deactivated_at is null;
             update deliveries set state = 'skipped', next_at = null where state = 'waiting';",
        )
        .expect("quiet");
}

fn serve(data: &Path) -> (Running, SocketAddr) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let process = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .args(["serve", "--listen", &address.to_string(), "--data"])
        .arg(data)
        .env("BAILIWICK_LOG", "warn")
        .env("BAILIWICK_RATE_LIMITS", "false")
        // The receiver is on this machine.
        .env("BAILIWICK_FETCH_PRIVATE", "true")
        .stdout(Stdio::null())
        .spawn()
        .expect("start the server");
    let process = Running(process);
    while std::net::TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    (process, address)
}

/// The server, and how to get in.
struct Desk {
    address: SocketAddr,
    authorization: String,
}

impl Desk {
    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        let answer = load::whole_answer_of(self.address, request.as_bytes()).await;
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
        serde_json::from_slice(&answer[head..]).expect("JSON")
    }
}
