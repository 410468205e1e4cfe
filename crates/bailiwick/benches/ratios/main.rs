//! How fast the product is, as ratios to floors measured in the same run on the same machine. `cargo bench`; see docs/performance.md.
//!
//! The product is the real binary with demo data in another process, driven over HTTP. Each pair is measured in turns, several times,
//! and the medians are compared, so that a busy moment of the machine hits both.

mod bulk;
mod cleanup;
mod fan_out;
mod floors;
mod grow;
mod journey;
mod load;
mod provider;
mod scale;
mod signing;
mod zendesk;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

const ROUNDS: usize = 5;
const N_CONNECTIONS: usize = 16;

/// A process that is killed when the bench ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|it| it == "--bare") {
        return floors::serve_bare(&arguments[at + 1], Path::new(&arguments[at + 2]));
    }
    // `cargo bench -- --quick` is for trying the program out; its figures are rough.
    let seconds = if arguments.iter().any(|it| it == "--quick") { 0.3 } else { 2.0 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let option = |name: &str| arguments.windows(2).find(|it| it[0] == name).map(|it| it[1].clone());
    // `--only` leaves out what runs for long before it.
    let only = option("--only");
    if let Some(what @ ("scale" | "bulk")) = only.as_deref() {
        let n_tickets = option("--tickets").map_or(1_000_000, |n| n.parse().expect("a number of tickets"));
        let kept = option("--keep").map(PathBuf::from);
        return runtime.block_on(scale::measure(n_tickets, option("--database"), kept, what == "bulk"));
    }
    let n_integrations = option("--integrations").map_or(500, |n| n.parse().expect("a number of integrations"));
    runtime.block_on(measure(Duration::from_secs_f64(seconds), only.as_deref(), n_integrations));
}

/// What the measurements share.
struct Bench<'a> {
    demo: &'a Demo,
    data: &'a Path,
    /// For the floors' files.
    folder: &'a Path,
    /// Of one round.
    time: Duration,
    client_id: String,
    secret: String,
    /// An access token of the app's own.
    token: String,
}

/// The demo, its address and what it printed.
struct Demo {
    process: Running,
    address: SocketAddr,
    facts: Value,
}

fn start_demo(data: &Path) -> Demo {
    let mut process = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .args(["demo", "--json", "--listen", "127.0.0.1:0", "--tickets", "1000", "--data"])
        .arg(data)
        .env("BAILIWICK_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the demo");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("its line");
    let facts: Value = serde_json::from_str(&line).expect("JSON");
    let address = facts["url"]
        .as_str()
        .and_then(|it| it.strip_prefix("http://"))
        .expect("an address")
        .parse()
        .expect("an address");
    Demo { process: Running(process), address, facts }
}

fn start_bare(token: &str, answer: &Path) -> (Running, SocketAddr) {
    let mut process = Command::new(std::env::current_exe().expect("this program"))
        .args(["--bare", token])
        .arg(answer)
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the bare server");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("its line");
    (Running(process), floors::parse_address(&line))
}

async fn measure(time: Duration, only: Option<&str>, n_integrations: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let data: PathBuf = folder.path().join("data");
    let demo = start_demo(&data);
    let app = demo.facts["apps"]
        .as_array()
        .and_then(|apps| apps.iter().find(|it| it["dialect"] == "standard" && it["type"] == "confidential"))
        .expect("the confidential standard app")
        .clone();
    let (client_id, secret) = (
        app["client_id"].as_str().expect("an id").to_owned(),
        app["client_secret"].as_str().expect("a secret").to_owned(),
    );
    let token_form = format!(
        "grant_type=client_credentials&scope=tickets%3Aread+tickets%3Awrite+tags%3Aread&client_id={client_id}&client_secret={secret}"
    );
    let token = load::post_form(demo.address, "/oauth/token", &token_form).await["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();

    println!("{:<44} {:>12} {:>12} {:>7}   p50 / p99", "what", "ours", "floor", "ratio");
    match only {
        Some("signing") => {
            drop(demo);
            return signing::measure(&data, &client_id, &secret, time).await;
        }
        Some("cleanup") => {
            drop(demo);
            return cleanup::measure(&data, n_expired(time), &load::form_request("/oauth/token", &token_form)).await;
        }
        Some("fan-out") => {
            let admin = demo.facts["people"]["admin"].clone();
            drop(demo);
            return fan_out::measure(&data, &admin, n_integrations, time).await;
        }
        Some(other) => panic!("there is no part {other}: signing, cleanup, fan-out or scale"),
        None => {}
    }
    let tickets: Value =
        serde_json::from_slice(&load::get(demo.address, "/api/tickets?limit=30", &token).await).expect("JSON");
    let id = tickets["data"][0]["id"].as_i64().expect("a ticket");
    for (name, path) in [
        ("GET a tag", "/api/tags/1".to_owned()),
        ("GET a ticket", format!("/api/tickets/{id}")),
        ("GET 30 tickets", "/api/tickets?limit=30".to_owned()),
    ] {
        let request = get_request(&path, &token);
        let answer = folder.path().join("answer");
        std::fs::write(&answer, load::answer_of(demo.address, &request).await).expect("write the answer");
        let (_bare, bare_address) = start_bare(&token, &answer);
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let ours = load::run(demo.address, N_CONNECTIONS, time, 200, repeat(&request)).await;
            let floor = load::run(bare_address, N_CONNECTIONS, time, 200, repeat(&request)).await;
            rounds.push((ours, floor.per_second));
        }
        print_row(&format!("{name} (bare axum route, same answer)"), rounds);
    }

    provider::measure(&Bench {
        demo: &demo,
        data: &data,
        folder: folder.path(),
        time,
        client_id: client_id.clone(),
        secret: secret.clone(),
        token: token.clone(),
    })
    .await;

    let body = r#"{"channel":"api","via":"api","subject":"Where is my order?","customer":{"email":"bench@example.com"},"messages":[{"channel":"api","via":"api","from_agent":false,"sender":{"email":"bench@example.com"},"body_text":"It is late."}]}"#;
    let request = format!(
        "POST /api/tickets HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes();
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let ours = load::run(demo.address, N_CONNECTIONS, time, 201, repeat(&request)).await;
        let floor_folder = folder.path().join(format!("tickets-{round}"));
        std::fs::create_dir(&floor_folder).expect("a folder");
        rounds
            .push((ours, tokio::task::block_in_place(|| floors::durable_tickets(&floor_folder, N_CONNECTIONS, time))));
    }
    print_row("create a ticket (bare transaction)", rounds);

    let at_load = Arc::new(get_request(&format!("/api/tickets/{id}"), &token));
    load::run(demo.address, 64, time, 200, repeat(&at_load)).await;
    println!("memory after load on 64 connections: {:.0} MiB", resident_mib(demo.process.0.id()));
    drop(demo);
    signing::measure(&data, &client_id, &secret, time).await;
    start_and_rest(&data).await;
    cleanup::measure(&data, n_expired(time), &load::form_request("/oauth/token", &token_form)).await;
}

/// A quick run has fewer.
fn n_expired(time: Duration) -> usize {
    if time < Duration::from_secs(1) { 50_000 } else { 1_000_000 }
}

/// From the start of the program over an existing database to its first answer, and what it holds when it rests.
async fn start_and_rest(data: &Path) {
    let mut times = Vec::new();
    let mut rest = 0.0;
    for _ in 0..ROUNDS {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let started = Instant::now();
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
        load::get(address, "/health/ready", "").await;
        times.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
        rest = resident_mib(process.0.id());
    }
    times.sort_unstable();
    println!("start over an existing database to the first answer: {:.0} ms", times[ROUNDS / 2].as_secs_f64() * 1000.0);
    println!("memory at rest: {rest:.0} MiB");
}

fn microseconds() -> i64 {
    outside::Clock::system().now().as_microsecond()
}

fn insert_floor(folder: &Path, name: &str, time: Duration) -> f64 {
    let folder = folder.join(name.replace([' ', ':'], "-"));
    std::fs::create_dir(&folder).expect("a folder");
    tokio::task::block_in_place(|| floors::durable_inserts(&folder, N_CONNECTIONS, time))
}

fn get_request(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

fn repeat(request: &[u8]) -> Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync> {
    let request = request.to_vec();
    Arc::new(move |_n| Some(request.clone()))
}

/// Prints the medians of both sides and their ratio.
fn print_row(what: &str, rounds: Vec<(load::Load, f64)>) {
    let mut ours: Vec<f64> = rounds.iter().map(|it| it.0.per_second).collect();
    let mut floor: Vec<f64> = rounds.iter().map(|it| it.1).collect();
    ours.sort_by(f64::total_cmp);
    floor.sort_by(f64::total_cmp);
    let (ours, floor) = (ours[ROUNDS / 2], floor[ROUNDS / 2]);
    let last = &rounds[ROUNDS - 1].0;
    println!(
        "{what:<44} {ours:>10.0}/s {floor:>10.0}/s {:>7.2}   {:.2} / {:.2} ms",
        ours / floor,
        last.p50.as_secs_f64() * 1000.0,
        last.p99.as_secs_f64() * 1000.0
    );
}

/// Resident memory of a process, from /proc.
fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().expect("a number") / 1024.0
}
