//! Attacks that forge what a reverse proxy would say (RFC 9700, section 4.13): addresses to slip past limits, hosts to bend links.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::Server;

/// Wrong sign-ins for ever new accounts, each naming another origin. How many until the address has to wait.
async fn guesses_until_refused(server: &Server) -> Option<usize> {
    for n in 0..40 {
        let body = format!("grant_type=client_credentials&client_id=guess-{n}&client_secret=wrong");
        let answer = server
            .http
            .post(format!("{}/oauth/token", server.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("203.0.113.{n}"))
            .header("forwarded", format!("for=203.0.113.{n}"))
            .header("x-real-ip", format!("203.0.113.{n}"))
            .body(body)
            .send()
            .await
            .expect("send");
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key("retry-after"));
            return Some(n);
        }
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_address_does_not_slip_past_a_limit() {
    // ALL-2, CA-8
    let server = Server::start().await;

    assert!(guesses_until_refused(&server).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_proxy_is_believed() {
    // ALL-2
    let server = Server::start_with(|settings| settings.trusted_proxies = vec![[127, 0, 0, 1].into()]).await;

    assert_eq!(guesses_until_refused(&server).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_bends_the_issuer_or_a_link() {
    // ALL-1, ALL-2
    let server = Server::start_with(|settings| settings.trusted_proxies = vec![[127, 0, 0, 1].into()]).await;
    let forged = |path: &str| {
        server
            .http
            .get(format!("{}{path}", server.base))
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "gopher")
            .header("x-forwarded-prefix", "/evil")
            .header("forwarded", "host=evil.example;proto=gopher")
            .send()
    };

    let metadata: Value = forged("/.well-known/openid-configuration").await.expect("send").json().await.expect("JSON");
    assert_eq!(metadata["issuer"], server.base);
    assert!(!metadata.to_string().contains("evil"));
    for path in ["/login", "/api/account", "/admin", "/.well-known/oauth-protected-resource"] {
        let answer = forged(path).await.expect("send");
        let headers = format!("{:?}", answer.headers());
        let body = answer.text().await.expect("a body");
        assert!(!headers.contains("evil") && !body.contains("evil"), "{path}: {headers} {body}");
    }
}
