//! What the machine can do at best, measured in the same run: the denominator of every ratio.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use rusqlite::Connection;

/// A bare axum server on its own runtime: it reads the request, looks a token's hash up and returns a fixed answer.
#[derive(Clone)]
struct Bare {
    tokens: Arc<HashMap<[u8; 32], i64>>,
    headers: Arc<HeaderMap>,
    body: Bytes,
}

/// Serves in this process until it is killed. The answer comes from a file, as the product gave it; the token from the command line.
pub fn serve_bare(token: &str, answer: &Path) {
    let answer = std::fs::read(answer).expect("the answer");
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&answer[..end]).expect("a head in text");
    let headers = head.lines().skip(1).map(|line| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.parse::<HeaderName>().expect("a name"), value.parse::<HeaderValue>().expect("a value"))
    });
    let headers = headers.filter(|(name, _)| *name != header::CONTENT_LENGTH && *name != header::DATE).collect();
    let tokens = (0..1000_i64)
        .map(|n| (outside::sha256(format!("other-{n}").as_bytes()), n))
        .chain([(outside::sha256(token.as_bytes()), 1000)])
        .collect();
    let state =
        Bare { tokens: Arc::new(tokens), headers: Arc::new(headers), body: Bytes::copy_from_slice(&answer[end + 4..]) };
    let router = Router::new().route("/{*path}", any(bare)).with_state(state);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        println!("{}", listener.local_addr().expect("an address"));
        let listener =
            axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).expect("TCP_NODELAY"));
        axum::serve(listener, router).await.expect("serve");
    });
}

/// The token stands in the header, or the whole body is taken for one: an app that asks about a token shows it there. What matters is
/// that something is looked up.
async fn bare(State(bare): State<Bare>, headers: HeaderMap, body: Bytes) -> Response {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).and_then(|it| it.strip_prefix("Bearer "));
    let found = bare.tokens.get(&outside::sha256(token.map_or(&body, str::as_bytes)));
    std::hint::black_box(found);
    (bare.headers.as_ref().clone(), bare.body.clone()).into_response()
}

/// Durable single-row inserts a second, by `n_threads` threads that share one connection: WAL, `synchronous = FULL`, a commit each.
pub fn durable_inserts(folder: &Path, n_threads: usize, time: Duration) -> f64 {
    let connection = connect(&folder.join("floor.db"));
    connection
        .execute_batch("create table t (id integer primary key, hash blob not null, created_at integer not null)")
        .expect("a table");
    let connection = Mutex::new(connection);
    per_second(n_threads, time, |n| {
        let connection = connection.lock().expect("not poisoned");
        let mut insert =
            connection.prepare_cached("insert into t (hash, created_at) values (?1, ?2)").expect("prepare");
        insert.execute(rusqlite::params![outside::sha256(&n.to_be_bytes()).as_slice(), 1_i64]).expect("insert");
    })
}

/// The statements of creating a ticket (ticket, message, two events), in one durable transaction each, without anything around them.
pub fn durable_tickets(folder: &Path, n_threads: usize, time: Duration) -> f64 {
    let connection = connect(&folder.join("floor-tickets.db"));
    connection
        .execute_batch(
            "create table tickets (id integer primary key, subject text, customer_id integer, created_at integer, updated_at integer);
             create index tickets_by_created on tickets (created_at, id);
             create index tickets_by_updated on tickets (updated_at, id);
             create index tickets_by_customer on tickets (customer_id, created_at, id);
             create table messages (id integer primary key, ticket_id integer, body text, created_at integer);
             create index messages_by_ticket on messages (ticket_id, created_at, id);
             create index messages_by_created on messages (created_at, id);
             create table events (id integer primary key, type text, object_id integer, after text, created_at integer);
             create index events_by_created on events (created_at, id);
             create index events_by_object on events (object_id, created_at, id);",
        )
        .expect("the tables");
    let connection = Mutex::new(connection);
    per_second(n_threads, time, |n| {
        let connection = connection.lock().expect("not poisoned");
        let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
            connection.prepare_cached(sql).expect("prepare").execute(params).expect("run");
        };
        let at = n as i64;
        run("begin immediate", &[]);
        run(
            "insert into tickets (subject, customer_id, created_at, updated_at) values (?1, ?2, ?3, ?3)",
            &[&"Where is my order?", &(at % 100), &at],
        );
        let ticket_id = connection.last_insert_rowid();
        run(
            "insert into messages (ticket_id, body, created_at) values (?1, ?2, ?3)",
            &[&ticket_id, &"It is late.", &at],
        );
        for kind in ["ticket-created", "ticket-message-created"] {
            run(
                "insert into events (type, object_id, after, created_at) values (?1, ?2, ?3, ?4)",
                &[&kind, &ticket_id, &"{\"status\":\"open\"}", &at],
            );
        }
        run("commit", &[]);
    })
}

fn connect(file: &Path) -> Connection {
    let connection = Connection::open(file).expect("open");
    connection
        .execute_batch("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;")
        .expect("the settings");
    connection
}

/// How often `work` was done in a second by so many threads.
pub fn per_second(n_threads: usize, time: Duration, work: impl Fn(usize) + Sync) -> f64 {
    let started = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads)
            .map(|thread| {
                let work = &work;
                scope.spawn(move || {
                    let mut n = 0;
                    while started.elapsed() < time {
                        work(thread * 10_000_000 + n);
                        n += 1;
                    }
                    n
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
    });
    done as f64 / started.elapsed().as_secs_f64()
}

/// The address a freshly started bare server printed.
pub fn parse_address(line: &str) -> SocketAddr {
    line.trim().parse().expect("an address")
}
