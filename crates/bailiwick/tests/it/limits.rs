//! What keeps one caller from starving the others.

use serde_json::{Value, json};

use crate::support::Server;

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
