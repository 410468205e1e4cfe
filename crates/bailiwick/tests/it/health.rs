//! What an operator's tools ask.

use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_says_that_it_lives_and_is_ready() {
    let server = Server::start().await;

    let live = server.get("/health/live", "").await;
    let ready = server.get("/health/ready", "").await;

    assert_eq!([live.status(), ready.status()], [200, 200]);
    assert!(live.headers().contains_key("x-request-id"));
    assert_eq!(live.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_ask_for_the_operators_token_and_are_off_without_one() {
    let off = Server::start().await;
    let on = Server::start_with(|settings| settings.metrics_token = "watch".to_owned()).await;

    assert_eq!(off.get("/metrics", "watch").await.status(), 404);
    assert_eq!(on.get("/metrics", "wrong").await.status(), 401);
    let metrics = on.get("/metrics", "watch").await;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().await.expect("text").contains("bailiwick_http_requests_total"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_longer_than_8_kib_is_refused() {
    // ALL-14
    let server = Server::start().await;

    let answer = server.get(&format!("/health/live?{}", "x".repeat(8 * 1024)), "").await;

    assert_eq!(answer.status(), 414);
}
