//! Somebody else's server that is called: it keeps what came and answers as it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::Value;

/// One call as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What a path answers. Unless told otherwise: 200 and an empty object.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub after: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: b"{}".to_vec(), after: Duration::ZERO }
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Reply {
        Reply { body: body.into(), ..self }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    replies: Mutex<BTreeMap<String, Reply>>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let serving = state.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let state = serving.clone();
            async move { state.answer(&method, &uri, headers, body).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Receiver { address, state }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, this path (without a query) answers so.
    pub fn reply(&self, path: &str, reply: Reply) {
        self.state.replies.lock().expect("a lock").insert(path.to_owned(), reply);
    }

    /// What came so far, in its order.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("a lock").clone()
    }

    /// What came since the last time it was taken.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.state.received.lock().expect("a lock"))
    }
}

impl State {
    async fn answer(&self, method: &Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
        let path = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        let received = Received { method: method.to_string(), path, headers, body };
        self.received.lock().expect("a lock").push(received);
        let reply = self.replies.lock().expect("a lock").get(uri.path()).cloned();
        let reply = reply.unwrap_or_else(|| Reply::status(200));
        tokio::time::sleep(reply.after).await;
        let mut response = Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(*name, value);
        }
        response.body(Body::from(reply.body)).expect("an answer")
    }
}
