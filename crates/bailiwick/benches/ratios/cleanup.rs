//! A million tokens that have expired: what removing them costs the requests that come meanwhile, and the memory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Running, load, microseconds, resident_mib};

/// Fills the database of a server that is not running, starts it, and asks for tokens until its worker has removed everything.
pub async fn measure(data: &Path, n_tokens: usize, request: &[u8]) {
    fill(data, n_tokens);
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let process = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .args(["serve", "--listen", &address.to_string(), "--data"])
        .arg(data)
        .env("BAILIWICK_LOG", "warn")
        .stdout(Stdio::null())
        .spawn()
        .expect("start the server");
    let process = Running(process);
    while std::net::TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let connection = rusqlite::Connection::open(data.join("bailiwick.db")).expect("open");
    connection.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    let left = || -> i64 {
        let sql = "select count(*) from access_tokens where hash in (select hash from access_tokens where expires_at < ?1 limit 1)";
        connection.query_row(sql, [microseconds() - 3_000_000_000], |row| row.get(0)).expect("a count")
    };
    let (began, mut worst, mut most_memory) = (Instant::now(), Duration::ZERO, 0.0_f64);
    let mut took = Vec::new();
    while left() > 0 {
        assert!(began.elapsed() < Duration::from_secs(600), "the expired tokens are still there after ten minutes");
        for _ in 0..20 {
            let sent = Instant::now();
            load::send(address, request).await;
            took.push(sent.elapsed());
            worst = worst.max(sent.elapsed());
        }
        most_memory = most_memory.max(resident_mib(process.0.id()));
    }
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    println!(
        "{n_tokens} expired tokens removed in {:.1} s; a write meanwhile: p99 {:.1} ms, longest {:.1} ms; memory at most {most_memory:.0} MiB",
        began.elapsed().as_secs_f64(),
        p99.as_secs_f64() * 1000.0,
        worst.as_secs_f64() * 1000.0
    );
}

/// Access tokens that expired an hour ago, each of a family of its own, as refreshes and codes leave them.
fn fill(data: &Path, n_tokens: usize) {
    let mut connection = rusqlite::Connection::open(data.join("bailiwick.db")).expect("open");
    let ended = microseconds() - 3_600_000_000;
    let (client, person): (i64, i64) = connection
        .query_row("select id, owner_id from clients order by id limit 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("a client");
    let tx = connection.transaction().expect("begin");
    tx.execute(
        "insert into grants (client_id, person_id, scope, created_at, updated_at) values (?1, ?2, 'tickets:read', ?3, ?3) on conflict do nothing",
        rusqlite::params![client, person, ended],
    )
    .expect("a grant");
    let grant: i64 = tx
        .query_row("select max(id) from grants where client_id = ?1 and person_id = ?2", [client, person], |row| {
            row.get(0)
        })
        .expect("the grant");
    for n in 0..n_tokens {
        tx.prepare_cached("insert into token_families (client_id, grant_id, person_id, scope, created_at) values (?1, ?2, ?3, 'tickets:read', ?4)")
            .and_then(|mut it| it.execute(rusqlite::params![client, grant, person, ended]))
            .expect("a family");
        let family = tx.last_insert_rowid();
        tx.prepare_cached("insert into access_tokens (hash, family_id, scope, created_at, expires_at) values (?1, ?2, 'tickets:read', ?3, ?3)")
            .and_then(|mut it| {
                let hash = outside::sha256(format!("expired-{n}").as_bytes());
                it.execute(rusqlite::params![hash.as_slice(), family, ended])
            })
            .expect("a token");
    }
    // Its turn would come within ten minutes. A server that was just started has not written it down yet.
    let n = tx
        .execute("update queue set run_at = 0 where kind = 'clean_up_expired' and state = 'ready'", [])
        .expect("the job");
    if n == 0 {
        let sql = "insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
                   values ('clean_up_expired', 'null', 'once', 'ready', 0, 10, 0)";
        tx.execute(sql, []).expect("the job");
    }
    tx.commit().expect("commit");
}
