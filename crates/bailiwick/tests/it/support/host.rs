//! A web host of somebody else, with a certificate of its own: documents, key sets, logos, and whatever goes wrong with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode};
use bailiwick::config::Settings;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The names that the certificate is for.
pub const NAMES: [&str; 5] = ["agent.example", "other.example", "denied.example", "localhost", "127.0.0.1"];

/// What one path answers.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// Never ends, after the body.
    pub hangs: bool,
}

pub struct Host {
    pub address: SocketAddr,
    root: PathBuf,
    _folder: tempfile::TempDir,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    answers: Mutex<BTreeMap<String, Answer>>,
    /// Paths, in the order in which they were asked for.
    asked: Mutex<Vec<String>>,
    n_connections: Mutex<usize>,
}

impl Answer {
    pub fn json(body: &Value) -> Answer {
        Answer::of("application/json", body.to_string())
    }

    pub fn of(content_type: &str, body: impl Into<Bytes>) -> Answer {
        let headers = vec![("content-type", content_type.to_owned())];
        Answer { status: 200, headers, body: body.into(), hangs: false }
    }

    pub fn status(self, status: u16) -> Answer {
        Answer { status, ..self }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Answer {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Host {
    pub async fn start() -> Host {
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root.pem");
        std::fs::write(&root, made.cert.pem()).expect("write the certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate with its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                *serving.n_connections.lock().expect("a lock") += 1;
                let (acceptor, state) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                        let answer = state.answer(&request);
                        async move { Ok::<_, std::convert::Infallible>(answer) }
                    });
                    let http = Builder::new(TokioExecutor::new());
                    let _broken = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Host { address, root, _folder: folder, state }
    }

    /// Makes the server reach this host under the names that are no real ones, and trust its certificate.
    pub fn known_to(&self, settings: &mut Settings) {
        for name in ["agent.example", "other.example", "denied.example"] {
            settings.fetch_hosts.insert(name.to_owned(), self.address);
        }
        self.trusted_by(settings);
    }

    /// Only the certificate: whether this host is reached is what the test is about.
    pub fn trusted_by(&self, settings: &mut Settings) {
        settings.fetch_roots.push(self.root.clone());
    }

    pub fn put(&self, path: &str, answer: Answer) {
        self.state.answers.lock().expect("a lock").insert(path.to_owned(), answer);
    }

    pub fn n_asked(&self, path: &str) -> usize {
        self.state.asked.lock().expect("a lock").iter().filter(|asked| *asked == path).count()
    }

    pub fn n_connections(&self) -> usize {
        *self.state.n_connections.lock().expect("a lock")
    }
}

impl State {
    fn answer(&self, request: &Request<hyper::body::Incoming>) -> Response<Body> {
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str()).to_owned();
        self.asked.lock().expect("a lock").push(path.clone());
        let answer = self.answers.lock().expect("a lock").get(&path).cloned();
        let Some(answer) = answer else {
            return Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).expect("an answer");
        };
        let mut response = Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(*name, value);
        }
        let body = if answer.hangs { hanging(answer.body) } else { Body::from(answer.body) };
        response.body(body).expect("an answer")
    }
}

/// The bytes, and then nothing for longer than anybody waits.
fn hanging(first: Bytes) -> Body {
    Body::new(Hanging { first: Some(first), rest: Box::pin(tokio::time::sleep(Duration::from_secs(60))) })
}

struct Hanging {
    first: Option<Bytes>,
    rest: std::pin::Pin<Box<tokio::time::Sleep>>,
}

impl hyper::body::Body for Hanging {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(first))));
        }
        self.rest.as_mut().poll(context).map(|()| None)
    }
}
