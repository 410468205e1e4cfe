//! The keys of apps, in their records or at an address of theirs (KEY-8, KEY-9).

use std::time::Duration;

use jsonwebtoken::Algorithm;
use oauth::clients::{Metadata, NewClient};
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::confidential;
use crate::support::host::Answer;
use crate::support::{Host, Server, TestApp, TestKey};

const PATH: &str = "/keys.json";

fn new(metadata: Metadata) -> NewClient {
    NewClient {
        token_endpoint_auth_method: Some("private_key_jwt".to_owned()),
        client_credentials: true,
        metadata,
        ..confidential(Dialect::Standard, "tickets:read")
    }
}

async fn start() -> (Server, Host) {
    let host = Host::start().await;
    let server = Server::start_with(|settings| host.known_to(settings)).await;
    (server, host)
}

/// An app whose keys are at an address.
async fn at_an_address(server: &Server) -> TestApp<'_> {
    let uri = format!("https://agent.example{PATH}");
    server.app(new(Metadata { jwks_uri: Some(uri), ..Metadata::default() })).await
}

/// The status of a token request that is signed with this key.
async fn sign(app: &TestApp<'_>, key: &TestKey, header: Value) -> u16 {
    let (server, client_id) = (app.server, &app.client.client_id);
    let now = server.clock.now().as_second();
    let jti = server.app.random.token();
    let claims =
        json!({ "iss": client_id, "sub": client_id, "aud": server.base, "iat": now, "exp": now + 60, "jti": jti });
    let assertion = key.sign(header, &claims);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
        ("scope", "tickets:read"),
    ];
    let sent = server.http.post(format!("{}/oauth/token", server.base)).form(&fields).send().await;
    let status = sent.expect("send").status().as_u16();
    // The wait after a failure is not what these tests are about.
    server.clock.advance(Duration::from_secs(2));
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_at_an_address_are_remembered_and_read_again_for_a_new_name() {
    // KEY-8
    let (server, host) = start().await;
    let (old, new) = (TestKey::new(Algorithm::ES256, "old"), TestKey::new(Algorithm::ES256, "new"));
    host.put(PATH, Answer::json(&old.set()));
    let app = at_an_address(&server).await;

    assert_eq!(sign(&app, &old, json!({})).await, 200);
    assert_eq!(sign(&app, &old, json!({})).await, 200);
    assert_eq!(host.n_asked(PATH), 1, "remembered");

    host.put(PATH, Answer::json(&new.set()));
    assert_eq!(sign(&app, &new, json!({})).await, 401, "looked less than a minute ago");
    assert_eq!(host.n_asked(PATH), 1);
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(sign(&app, &new, json!({})).await, 200, "an unknown name makes us look again");
    assert_eq!(host.n_asked(PATH), 2);
    for _ in 0..3 {
        assert_eq!(sign(&app, &old, json!({})).await, 401, "the old key is gone");
    }
    assert_eq!(host.n_asked(PATH), 2, "at most once a minute");

    server.clock.advance(Duration::from_secs(6 * 60));
    host.put(PATH, Answer::json(&new.set()).status(500));
    assert_eq!(sign(&app, &new, json!({})).await, 401, "nothing is believed for ever");
    host.put(PATH, Answer::json(&new.set()));
    assert_eq!(sign(&app, &new, json!({})).await, 200, "and a failure is not remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_comes_by_the_rules_of_documents() {
    // KEY-8, CM-2
    let (server, host) = start().await;
    let key = TestKey::es256();
    let good = Answer::json(&key.set());
    host.put("/elsewhere.json", good.clone());
    let app = at_an_address(&server).await;

    for bad in [
        good.clone().status(404),
        Answer::of("text/html", key.set().to_string()),
        Answer::of("application/json", "{"),
        Answer::json(&json!({ "keys": [{ "kty": "oct", "kid": "one", "k": "c2VjcmV0" }] })),
        Answer::json(&json!({ "keys": "none", "padding": "x".repeat(70_000) })),
        good.clone().status(302).header("location", "/elsewhere.json"),
    ] {
        host.put(PATH, bad);
        assert_eq!(sign(&app, &key, json!({})).await, 401);
        server.clock.advance(Duration::from_secs(2 * 60));
    }

    assert_eq!(host.n_asked("/elsewhere.json"), 0);
    host.put(PATH, good);
    assert_eq!(sign(&app, &key, json!({})).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_without_a_name_are_all_tried_and_an_unknown_name_fails() {
    // KEY-9
    let server = Server::start().await;
    let (first, second, other) = (TestKey::es256(), TestKey::es256(), TestKey::new(Algorithm::PS256, "three"));
    let jwks = json!({ "keys": [first.bare(), other.public(), second.bare(), { "kty": "EC", "crv": "P-384" }] });
    let app = server.app(new(Metadata { jwks: Some(jwks), ..Metadata::default() })).await;

    for key in [&first, &second, &other] {
        assert_eq!(sign(&app, key, json!({ "kid": null })).await, 200);
    }
    assert_eq!(sign(&app, &other, json!({})).await, 200);
    assert_eq!(sign(&app, &other, json!({ "kid": "four" })).await, 401, "a name that matches nothing");
    assert_eq!(sign(&app, &first, json!({ "kid": "three" })).await, 401, "the name of another");
    assert_eq!(sign(&app, &TestKey::es256(), json!({ "kid": null })).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stand_in_one_place() {
    // KEY-8
    let server = Server::start().await;
    let key = TestKey::es256();
    let both = Metadata {
        jwks: Some(key.set()),
        jwks_uri: Some("https://agent.example/keys.json".to_owned()),
        ..Metadata::default()
    };

    let refused = server.app.provider.create_client(&server.may(), new(both)).await;

    assert!(matches!(refused, Err(helpdesk::Error::Invalid { .. })), "{refused:?}");
}
