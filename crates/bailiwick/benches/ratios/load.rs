//! A small HTTP/1.1 load generator: keep-alive connections, one request at a time on each, for a fixed time.
//!
//! It parses no more than an answer's status and length, so that the server is measured and not the client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a run came to.
pub struct Load {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Sends requests over `n_connections` for `time`. `request(n)` is the text of the n-th request of the run.
/// Every answer must have the status `expected`.
pub async fn run(
    address: SocketAddr,
    n_connections: usize,
    time: Duration,
    expected: u16,
    request: Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync>,
) -> Load {
    let counter = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let connections: Vec<_> = (0..n_connections)
        .map(|_| {
            let (counter, request) = (counter.clone(), request.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("connect");
                stream.set_nodelay(true).expect("TCP_NODELAY");
                let mut buffer = Vec::with_capacity(64 * 1024);
                let mut took = Vec::new();
                while started.elapsed() < time {
                    let Some(text) = request(counter.fetch_add(1, Ordering::Relaxed)) else { break };
                    let sent = Instant::now();
                    stream.write_all(&text).await.expect("send");
                    let status = answer(&mut stream, &mut buffer).await;
                    assert_eq!(status, expected, "{}", String::from_utf8_lossy(&buffer));
                    took.push(sent.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for connection in connections {
        took.extend(connection.await.expect("a connection"));
    }
    Load::of(took, started.elapsed())
}

impl Load {
    /// Of what each request took, and all of them together.
    pub fn of(mut took: Vec<Duration>, elapsed: Duration) -> Load {
        took.sort_unstable();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
        Load { per_second: took.len() as f64 / elapsed.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
    }
}

/// One GET, for its body.
pub async fn get(address: SocketAddr, path: &str, token: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let text = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("send");
    let mut buffer = Vec::new();
    let status = answer(&mut stream, &mut buffer).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&buffer));
    let head = buffer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
    buffer.split_off(head)
}

/// One request on a connection of its own; whatever its answer is.
pub async fn send(address: SocketAddr, request: &[u8]) {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(request).await.expect("send");
    answer(&mut stream, &mut Vec::new()).await;
}

/// Any one request, for its whole answer.
pub async fn answer_of(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let buffer = whole_answer_of(address, request).await;
    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer));
    buffer
}

/// The same, whatever its status.
pub async fn whole_answer_of(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(request).await.expect("send");
    let mut buffer = Vec::new();
    answer(&mut stream, &mut buffer).await;
    buffer
}

/// One form POST, for its JSON.
pub async fn post_form(address: SocketAddr, path: &str, form: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(&form_request(path, form)).await.expect("send");
    let mut buffer = Vec::new();
    let status = answer(&mut stream, &mut buffer).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&buffer));
    let head = buffer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
    serde_json::from_slice(&buffer[head..]).expect("JSON")
}

pub fn form_request(path: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}

/// Reads one whole answer into `buffer` and says its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        let n_bytes = stream.read_buf(buffer).await.expect("receive");
        assert_ne!(n_bytes, 0, "the server hung up: {}", String::from_utf8_lossy(buffer));
        let Some(end) = buffer.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse().ok())
            .expect("answers carry their length");
        while buffer.len() < end + 4 + length {
            assert_ne!(stream.read_buf(buffer).await.expect("receive"), 0, "the server hung up");
        }
        return head[9..12].parse().expect("a status");
    }
}
