//! Property tests: whatever a request holds, it neither breaks the server nor leads anywhere that is not registered.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::app::CALLBACK;
use crate::support::request_object::signing;
use crate::support::{Browser, Server, TestKey};

const NAMES: [&str; 24] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "claims",
    "acr_values",
    "id_token_hint",
    "login_hint",
    "ui_locales",
    "resource",
    "request",
    "request_uri",
    "registration",
    "dpop_jkt",
    "include_granted_scopes",
    "authorization_details",
    "x",
];

/// Values that mean something, and values that mean nothing.
fn value() -> impl Strategy<Value = String> {
    let known = [
        "code",
        "token",
        "code id_token",
        "query",
        "form_post",
        "jwt",
        "form_post.jwt",
        "none",
        "login",
        "create",
        "none login",
        "0",
        "-1",
        "99999999999999999999",
        "openid",
        "tickets:read",
        "S256",
        "plain",
        "{}",
        "[]",
        r#"{"id_token":{"acr":{"essential":true}}}"#,
        "urn:bailiwick:acr:mfa",
        "urn:ietf:params:oauth:request_uri:",
        "https://evil.example.com/",
        CALLBACK,
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "eyJhbGciOiJub25lIn0.e30.",
        "a.b.c",
        "",
    ];
    prop_oneof![3 => select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>(), 1 => "[ -~]{0,80}"]
}

fn changes() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((select(NAMES.to_vec()).prop_map(str::to_owned), value()), 0..6)
}

fn next<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).expect("a value").current()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_no_body_and_no_object_breaks_the_server_or_leads_elsewhere() {
    // ALL-5, AZ-2, PA-2, JA-1
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(&key, "openid tickets:read")).await;
    let mut runner = TestRunner::deterministic();
    let strategy = changes();

    for _ in 0..150 {
        let changes = next(&mut runner, &strategy);
        let mut fields = app.fields("tickets:read", &[]);
        for (name, value) in &changes {
            // Some stand twice, as they would in an attack; most replace what was there.
            if value.len() % 5 != 0 {
                fields.retain(|(other, _)| other != name);
            }
            fields.push((name.clone(), value.clone()));
        }
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let mut claims = app.object("tickets:read", json!({}));
        for (name, value) in &changes {
            claims[name.as_str()] = serde_json::from_str(value).unwrap_or(Value::String(value.clone()));
        }
        let object = key.sign(json!({}), &claims);

        for request in [format!("/oauth/authorize?{query}"), app.with_object(&object, &[])] {
            let page = Browser::new(&server).get(&request).await;
            assert!(page.status < 500, "{request}: {}", page.status);
            if let Some(to) = page.location() {
                let is_ours = to.starts_with('/') && !to.starts_with("//");
                assert!(
                    is_ours || to.starts_with(&format!("{CALLBACK}?")) || to.starts_with(&format!("{CALLBACK}#")),
                    "{to}"
                );
            }
            if let Some(form) = page.body.split("<form").nth(1) {
                assert!(!form.contains("action=\"https://evil"), "{form}");
            }
        }
        for pushed in [app.push_with(&fields), app.push_with(&vec![("request".to_owned(), object)])] {
            let status = pushed.send().await.expect("send").status().as_u16();
            assert!([201, 400, 401].contains(&status), "{fields:?}: {status}");
        }
    }
}
