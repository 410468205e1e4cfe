//! The server of an app under test: takes what the provider posts to it, and answers as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::sync::Barrier;

/// How it answers.
#[derive(Clone)]
pub enum Manner {
    Status(u16),
    /// Not for a long time.
    Silence,
    /// Only when so many requests wait side by side.
    Together(Arc<Barrier>),
}

/// Listens on loopback as long as the test runs.
pub struct RelyingParty {
    /// Such as `http://127.0.0.1:40000/logout`.
    pub address: String,
    heard: Arc<Heard>,
}

struct Heard {
    tokens: Mutex<Vec<String>>,
    manner: Mutex<Manner>,
}

impl RelyingParty {
    pub async fn start(manner: Manner) -> RelyingParty {
        let heard = Arc::new(Heard { tokens: Mutex::default(), manner: Mutex::new(manner) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = format!("http://{}/logout", listener.local_addr().expect("address"));
        let router = Router::new().route("/logout", post(hear)).with_state(heard.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        RelyingParty { address, heard }
    }

    pub fn answer_from_now_on(&self, manner: Manner) {
        *self.heard.manner.lock().expect("the manner") = manner;
    }

    /// The logout tokens that came, in order.
    pub fn tokens(&self) -> Vec<String> {
        self.heard.tokens.lock().expect("the tokens").clone()
    }
}

async fn hear(State(heard): State<Arc<Heard>>, Form(fields): Form<Vec<(String, String)>>) -> StatusCode {
    let [(name, token)] = fields.as_slice() else { return StatusCode::IM_A_TEAPOT };
    assert_eq!(name, "logout_token");
    heard.tokens.lock().expect("the tokens").push(token.clone());
    let manner = heard.manner.lock().expect("the manner").clone();
    match manner {
        Manner::Status(status) => StatusCode::from_u16(status).expect("a status"),
        Manner::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK
        }
        Manner::Together(barrier) => {
            barrier.wait().await;
            StatusCode::OK
        }
    }
}
