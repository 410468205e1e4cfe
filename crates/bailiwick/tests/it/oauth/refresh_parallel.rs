//! Many workers of one app that share a refresh token, and answers that never arrive.

use std::collections::BTreeSet;
use std::time::Duration;

use scope::Dialect;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::token::works;
use crate::support::app::{confidential, public};
use crate::support::{Person, Server, TestApp};

const N_WORKERS: usize = 32;
const STANDARD: &str = "offline_access account:read";

/// So many refreshes of one token at the same moment: status and answer of each.
async fn all_at_once(app: &TestApp<'_>, token: &str) -> Vec<(u16, Value)> {
    let refresh = async || {
        let response = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
        (response.status().as_u16(), response.json().await.expect("JSON"))
    };
    futures_of((0..N_WORKERS).map(|_| refresh())).await
}

/// Polls all of them together.
async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, slot) in waiting.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            return std::task::Poll::Ready(done.iter_mut().filter_map(Option::take).collect());
        }
        std::task::Poll::Pending
    })
    .await
}

fn refresh_token(tokens: &Value) -> &str {
    tokens["refresh_token"].as_str().expect("a refresh token")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_workers_that_refresh_at_once_none_is_locked_out() {
    // RT-4, RT-5, TK-5
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, STANDARD)).await;
    let first = app.tokens(Person::Agent, STANDARD).await;

    let answers = all_at_once(&app, refresh_token(&first)).await;

    let branches: BTreeSet<&str> = answers.iter().map(|(_, tokens)| refresh_token(tokens)).collect();
    assert!(branches.len() <= 5, "{} branches", branches.len());
    for (status, tokens) in &answers {
        assert_eq!(*status, 200, "{tokens}");
        assert!(works(&server, &tokens["access_token"]).await);
    }
    // Whichever of the answers a worker stored last, it goes on from there.
    for branch in branches {
        let again = [("grant_type", "refresh_token"), ("refresh_token", branch)];
        assert_eq!(app.token_request(&again).await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_gorgias_32_workers_share_one_token_for_good() {
    // RT-3, SC-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "offline account:read")).await;
    let first = app.tokens(Person::Agent, "offline account:read").await;

    for _ in 0..2 {
        for (status, tokens) in all_at_once(&app, refresh_token(&first)).await {
            assert_eq!(status, 200, "{tokens}");
            assert!(tokens.get("refresh_token").is_none());
            assert!(works(&server, &tokens["access_token"]).await);
        }
        server.clock.advance(Duration::from_secs(3600));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_zendesk_one_of_32_workers_wins_and_the_others_hurt_nobody() {
    // RT-3, TK-5
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read")).await;
    let first = app.tokens(Person::Agent, "read").await;

    let answers = all_at_once(&app, refresh_token(&first)).await;

    let won: Vec<&Value> = answers.iter().filter(|(status, _)| *status == 200).map(|(_, tokens)| tokens).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|(status, tokens)| *status == 200 || tokens["error"] == "invalid_grant"));
    assert!(!works(&server, &first["access_token"]).await);
    assert!(works(&server, &won[0]["access_token"]).await);
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh_token(won[0]))];
    assert_eq!(app.token_request(&again).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_connection_broke_asks_again_and_goes_on() {
    // RT-11, RT-5
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, STANDARD)).await;
    let mut tokens = app.tokens(Person::Agent, STANDARD).await;

    for pause in [0, 5, 3600] {
        // The request arrives whole; nobody is there any more to read the answer.
        let form = format!(
            "grant_type=refresh_token&refresh_token={}&client_id={}",
            refresh_token(&tokens),
            app.client.client_id
        );
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            server.base.trim_start_matches("http://"),
            form.len()
        );
        let mut connection =
            tokio::net::TcpStream::connect(server.base.trim_start_matches("http://")).await.expect("connect");
        connection.write_all(request.as_bytes()).await.expect("send");
        until_used(&server, refresh_token(&tokens)).await;
        drop(connection);
        server.clock.advance(Duration::from_secs(pause));

        let again = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token(&tokens)),
            ("client_id", &app.client.client_id),
        ];
        let response = app.token_request(&again[..2]).await;

        assert_eq!(response.status(), 200, "after {pause} s: {}", response.text().await.unwrap_or_default());
        tokens = response.json().await.expect("JSON");
        assert!(works(&server, &tokens["access_token"]).await, "after {pause} s");
    }
}

/// Waits until the server has committed the use of a refresh token.
async fn until_used(server: &Server, token: &str) {
    let hash = outside::sha256(token.as_bytes());
    for _ in 0..2000 {
        let mut tx = server.db.read().await.expect("the database");
        let row = tx
            .row("select id from refresh_tokens where hash = $1 and used_at is not null", &[hash.as_slice().into()])
            .await
            .expect("the token");
        if row.is_some() {
            return;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the refresh never happened");
}
