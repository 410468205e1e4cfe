//! What keeps one caller from starving the others.

use std::time::Duration;

use oauth::clients::ClientChange;
use scope::Dialect;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::app::confidential;
use crate::support::{Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_80_calls_in_20_seconds_and_is_told_when_to_come_back() {
    // RS-9
    let server = Server::start_with(|settings| settings.rate_limits = true).await;
    let busy = server.token("tags:read").await;
    let other = server.token("tags:read").await;

    let first = server.get("/api/tags", &busy).await;
    let mut last = first.status();
    for _call in 0..100 {
        last = server.get("/api/tags", &busy).await.status();
        if last == 429 {
            break;
        }
    }
    let refused = server.get("/api/tags", &busy).await;

    assert_eq!(first.headers()["x-gorgias-account-api-call-limit"], "1/80");
    assert_eq!([last.as_u16(), refused.status().as_u16()], [429, 429]);
    let wait: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("whole seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(refused.json::<Value>().await.expect("JSON")["error"]["msg"].is_string());
    // One app cannot starve another.
    assert_eq!(server.get("/api/tags", &other).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_10_mib_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let token = server.token("tags:read tags:write").await;

    let huge =
        server.post("/api/tags", &token, json!({ "name": "x", "description": "y".repeat(11 * 1024 * 1024) })).await;

    assert_eq!(huge.status(), 413);
    let tags: Value = server.get("/api/tags", &token).await.json().await.expect("JSON");
    assert_eq!(tags["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_and_a_wrong_method_are_refused_in_the_dialects_shape() {
    let server = Server::start().await;
    let token = server.token("tags:read").await;

    let unknown = server.get("/api/nothing", &token).await;
    let wrong = server.put("/api/tags", &token, json!({})).await;

    assert_eq!([unknown.status(), wrong.status()], [404, 405]);
    assert!(wrong.headers()["allow"].to_str().expect("text").contains("GET"));
    for answer in [unknown, wrong] {
        assert!(answer.json::<Value>().await.expect("JSON")["error"]["msg"].is_string());
    }
}

/// An app of its own with a token, and its calls a minute.
async fn app_with(server: &Server, calls_per_minute: Option<i64>) -> String {
    let app = server.app(confidential(Dialect::Gorgias, "tags:read")).await;
    let change = ClientChange { calls_per_minute: Some(calls_per_minute), ..ClientChange::default() };
    server.app.provider.update_client(&server.may(), app.client.id, change).await.expect("changed");
    let tokens = app.tokens(Person::Admin, "tags:read").await;
    tokens["access_token"].as_str().expect("a token").to_owned()
}

/// How many calls were answered before the first 429, which is given too.
async fn calls_until_refused(server: &Server, token: &str) -> (usize, reqwest::Response) {
    for n_calls in 0..100 {
        let answer = server.get("/api/tags", token).await;
        if answer.status() == 429 {
            return (n_calls, answer);
        }
        assert_eq!(answer.status(), 200);
    }
    panic!("no limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_has_the_calls_of_its_record_and_leaves_the_others_theirs() {
    // RS-9
    let server = Server::start_with(|settings| {
        settings.rate_limits = true;
        settings.app_calls_per_minute = 9;
        settings.account_calls_per_minute = 60;
    })
    .await;
    let (slow, usual) = (app_with(&server, Some(4)).await, app_with(&server, None).await);
    let greedy = app_with(&server, Some(1_000_000)).await;

    let (n_slow, refused) = calls_until_refused(&server, &slow).await;
    let wait: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("whole seconds");
    let (n_greedy, _refused) = calls_until_refused(&server, &greedy).await;
    let (n_usual, _refused) = calls_until_refused(&server, &usual).await;

    assert_eq!(n_slow, 4);
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(refused.headers()["x-gorgias-account-api-call-limit"].to_str().expect("text").ends_with("/80"));
    // Half of the account's, whatever its record says; a bucket refills while it is emptied.
    assert!((30..=32).contains(&n_greedy), "{n_greedy}");
    assert!((9..=10).contains(&n_usual), "{n_usual}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_limit_whoever_calls_from_it() {
    // RS-9
    let server = Server::start_with(|settings| {
        settings.rate_limits = true;
        settings.address_calls_per_minute = 5;
        settings.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
    })
    .await;
    let ask = |from: &'static str| {
        server.http.get(format!("{}/oauth/jwks", server.base)).header("x-forwarded-for", from).send()
    };

    for _call in 0..5 {
        assert_eq!(ask("192.0.2.1").await.expect("send").status(), 200);
    }
    let refused = ask("192.0.2.1").await.expect("send");

    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(ask("192.0.2.2").await.expect("send").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_told_its_limit_in_common_words() {
    // RS-9
    let server = Server::start_with(|settings| settings.rate_limits = true).await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let tokens = app.tokens_for(Person::Admin, "tickets:read", &[&server.mcp_resource()]).await;

    let answer = server.mcp(tokens["access_token"].as_str().expect("a token"), "tools/list", json!({})).await;

    assert_eq!(answer.status(), 200);
    assert_eq!([&answer.headers()["ratelimit-limit"], &answer.headers()["ratelimit-remaining"]], ["80", "79"]);
    assert!(!answer.headers().contains_key("x-gorgias-account-api-call-limit"));
}

/// Sends bytes as they are, and gives what comes back until the server hangs up.
async fn raw(server: &Server, sent: &[u8]) -> String {
    let address = server.base.strip_prefix("http://").expect("an address");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
    // The server may answer and hang up before all is sent.
    let _sent = stream.write_all(sent).await;
    let mut answer = Vec::new();
    let _ended = tokio::time::timeout(Duration::from_secs(25), stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_or_headers_that_are_too_long_are_refused() {
    // ALL-14
    let server = Server::start().await;

    let long = server.http.get(format!("{}/oauth/authorize?state={}", server.base, "x".repeat(9 * 1024))).send().await;
    let within = server.http.get(format!("{}/oauth/jwks?x={}", server.base, "x".repeat(7 * 1024))).send().await;
    let headers = raw(
        &server,
        format!("GET /oauth/jwks HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(128 * 1024)).as_bytes(),
    )
    .await;
    let many = format!("GET /oauth/jwks HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: y\r\n".repeat(500));
    let many = raw(&server, many.as_bytes()).await;

    assert_eq!(long.expect("send").status(), 414);
    assert_eq!(within.expect("send").status(), 200);
    assert!(headers.is_empty() || headers.starts_with("HTTP/1.1 431"), "{headers}");
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_get_on_is_hung_up_on() {
    // ALL-14
    let server = Server::start_with(|settings| settings.request_seconds = 1).await;

    let (head, body) = tokio::join!(
        raw(&server, b"GET /oauth/jwks HTTP/1.1\r\nHost: x\r\nX-Slow: "),
        raw(
            &server,
            b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 900\r\n\r\ngrant",
        ),
    );

    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.starts_with("HTTP/1.1 503") || body.starts_with("HTTP/1.1 408"), "{body}");
}
