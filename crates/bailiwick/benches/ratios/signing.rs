//! What an id_token costs beside its signature: the token endpoint in this process, without HTTP, where a commit waits for no disk.
//!
//! Refreshes with and without one are run in turns; what the id_token adds to a refresh is its issue: claims, encoding, signature.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bailiwick::config::Settings;
use bailiwick::start::{self, Surroundings};
use endpoint::App;
use oauth::client_auth::BackChannel;
use oauth::token::Address;
use outside::{Clock, Random};

use crate::{ROUNDS, floors, load, print_row, provider};

/// So many requests at once that no core waits for another's commit.
const N_TASKS: usize = 64;

/// The issue of an id_token, beside RS256 signatures alone with 2,048 bits, both on all cores.
pub async fn measure(data: &Path, client_id: &str, secret: &str, time: Duration) {
    let refresh = |scope: &str, round| {
        let token = provider::refresh_tokens(data, client_id, scope, false, round, 1).remove(0);
        request(&format!("grant_type=refresh_token&refresh_token={token}&client_id={client_id}&client_secret={secret}"))
    };
    let (plain, openid) = (refresh(provider::PLAIN, 100), refresh(provider::OPENID, 101));
    let app = app(data).await;
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let text = [7_u8; 600];
    let n_cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let without = run(&app, &plain, time).await;
        let with = run(&app, &openid, time).await;
        let floor = tokio::task::block_in_place(|| {
            floors::per_second(n_cores, time, |_n| {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &text, &mut signature).expect("a signature");
            })
        });
        let issue = 1.0 / (1.0 / with.per_second - 1.0 / without.per_second);
        rounds.push((load::Load { per_second: issue, ..with }, floor));
    }
    print_row("id_token issue (bare RS256 signatures)", rounds);
}

/// The demo's account, opened here.
async fn app(data: &Path) -> App {
    let mut settings = Settings::defaults().expect("the defaults");
    settings.data = data.to_owned();
    settings.synchronous = "normal".to_owned();
    let random = Random::system();
    let secret_key = start::secret_key(data, None, &random).expect("the demo's key");
    let db = start::database(&settings).await.expect("the demo's database");
    let public_url = "http://127.0.0.1:8080".to_owned();
    let surroundings = Surroundings { clock: Clock::system(), random, secret_key, public_url };
    start::app(db, surroundings, &settings).await.expect("the demo's account")
}

fn request(body: &str) -> Arc<BackChannel> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Arc::new(BackChannel {
        headers,
        query: None,
        body: body.to_owned().into(),
        address: [127, 0, 0, 1].into(),
        request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
        certificate: None,
    })
}

/// The request again and again, by many tasks: while one waits for its commit, others sign.
async fn run(app: &App, request: &Arc<BackChannel>, time: Duration) -> load::Load {
    let started = Instant::now();
    let tasks: Vec<_> = (0..N_TASKS)
        .map(|_| {
            let (app, request) = (app.clone(), request.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while started.elapsed() < time {
                    let sent = Instant::now();
                    let answer = app.provider.token(Address::Standard, &request).await;
                    assert_eq!(answer.status(), StatusCode::OK);
                    took.push(sent.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a task"));
    }
    load::Load::of(took, started.elapsed())
}
