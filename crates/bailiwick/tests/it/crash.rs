//! What is acknowledged survives, and nothing is ever half-written: the real binary, killed in the middle of its work.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::server::SECRET_KEY;

const N_CREATES: usize = 2_000;
/// Acknowledged creates after which the server is killed.
const KILL_AFTER: usize = 500;

/// The binary on a database, on a port of its own.
pub struct Process {
    pub child: Child,
    pub base: String,
}

impl Process {
    pub async fn start(server: &Server, data: &std::path::Path) -> Process {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
        let child = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
            .args(["serve", "--listen", &address.to_string(), "--database", &server.database.url, "--data"])
            .arg(data)
            .env("BAILIWICK_SECRET_KEY", STANDARD.encode(SECRET_KEY))
            .env("BAILIWICK_LOG", "warn")
            .env("BAILIWICK_RATE_LIMITS", "false")
            .env("BAILIWICK_FETCH_PRIVATE", "true")
            .stdout(Stdio::null())
            .spawn()
            .expect("start the binary");
        let process = Process { child, base: format!("http://{address}") };
        for _attempt in 0..400 {
            if server.http.get(format!("{}/health/ready", process.base)).send().await.is_ok_and(|it| it.status() == 200)
            {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the binary did not become ready");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_2000_creates_loses_no_acknowledged_ticket_and_leaves_no_half_written_one() {
    // TK-6, ALL-15
    let server = Server::start_on_the_real_clock().await;
    let token = server.token("tickets:read tickets:write").await;
    let data = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(&server, data.path()).await;

    let acknowledged = Arc::new(AtomicUsize::new(0));
    let wire = Arc::new(tokio::sync::Semaphore::new(256));
    let creates: Vec<_> = (0..N_CREATES)
        .map(|n| {
            let request = server
                .http
                .post(format!("{}/api/tickets", process.base))
                .bearer_auth(&token)
                .json(&ticket(n))
                .timeout(Duration::from_secs(60));
            let (acknowledged, wire) = (acknowledged.clone(), wire.clone());
            tokio::spawn(async move {
                let _place = wire.acquire().await.expect("open");
                let answer = request.send().await.ok().filter(|it| it.status() == 201)?;
                let created: Value = answer.json().await.ok()?;
                acknowledged.fetch_add(1, Ordering::SeqCst);
                created["id"].as_i64()
            })
        })
        .collect();
    let enough = async {
        while acknowledged.load(Ordering::SeqCst) < KILL_AFTER {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), enough).await.expect("the server acknowledges creates");
    // SIGKILL: the process gets no chance to write anything any more.
    process.child.kill().expect("kill");
    process.child.wait().expect("wait");
    let mut promised = BTreeSet::new();
    for create in creates {
        promised.extend(create.await.expect("a create"));
    }
    assert!(KILL_AFTER <= promised.len() && promised.len() < N_CREATES, "{} were acknowledged", promised.len());
    let process = Process::start(&server, data.path()).await;

    let mut tx = server.db.read().await.expect("read");
    let rows = tx
        .rows(
            "select t.id, t.messages_count,
                 (select count(*) from messages m where m.ticket_id = t.id) as n_messages,
                 (select count(*) from ticket_tags g where g.ticket_id = t.id) as n_tags,
                 (select count(*) from events e where e.object_type = 'Ticket' and e.object_id = t.id and e.type = 'ticket-created') as n_events
             from tickets t order by t.id",
            &[],
        )
        .await
        .expect("the tickets");
    let mut stored = BTreeSet::new();
    for row in rows {
        let counts = ["messages_count", "n_messages", "n_tags", "n_events"].map(|name| row.int(name).expect("a count"));
        assert_eq!(counts, [1, 1, 1, 1], "ticket {} is half-written", row.int("id").expect("an id"));
        stored.insert(row.int("id").expect("an id"));
    }
    let lost: Vec<_> = promised.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let last = promised.last().expect("one");
    let answer =
        server.http.get(format!("{}/api/tickets/{last}", process.base)).bearer_auth(&token).send().await.expect("send");
    assert_eq!(answer.status(), 200);
}

fn ticket(n: usize) -> Value {
    json!({
        "channel": "api", "via": "api", "subject": format!("Order {n}"), "tags": [{ "name": "late" }],
        "customer": { "email": format!("customer-{}@example.com", n % 50) },
        "messages": [{
            "channel": "api", "via": "api", "from_agent": false, "body_text": "Where is it?",
            "sender": { "email": format!("customer-{}@example.com", n % 50) },
        }],
    })
}
