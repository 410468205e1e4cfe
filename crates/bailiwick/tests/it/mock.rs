//! `bailiwick mock`: fixtures, the clock, faults, the record of requests, tokens, and a reset, over HTTP.

use std::time::{Duration, Instant};

use bailiwick::mock::{Fixtures, Mock, Plan, settings};
use reqwest::StatusCode;
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::server::http_client;

struct Double {
    base: String,
    http: reqwest::Client,
    token: String,
    mock: Mock,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Double {
    async fn start(dialect: Dialect, fixtures: Fixtures) -> Double {
        let listener = bailiwick::serve::bind("127.0.0.1:0").await.expect("bind");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let plan = Plan {
            dialect,
            fixtures,
            now: Some("2026-01-31T09:30:00Z".parse().expect("a time")),
            seed: 1,
            public_url: base.clone(),
            settings: settings().expect("the settings"),
        };
        let mock = Mock::new(plan).await.expect("a mock");
        let token = mock.facts()["token"].as_str().expect("a token").to_owned();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let ended = async {
            let _gone = stopped.await;
        };
        tokio::spawn(bailiwick::serve::serve(mock.router(), listener, ended, Duration::from_secs(1)));
        Double { base, http: http_client(), token, mock, _stop: stop }
    }

    async fn zendesk() -> Double {
        Double::start(Dialect::Zendesk, Fixtures::usual().expect("the usual ones")).await
    }

    fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().expect("a method"), format!("{}{path}", self.base))
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.call(method, path).json(&body).send().await.expect("send");
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.call("GET", path).bearer_auth(&self.token).send().await.expect("send")
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_has_people_tickets_and_fixed_credentials() {
    let first = Double::zendesk().await;
    let second = Double::zendesk().await;

    let tickets = first.json("/api/v2/tickets.json").await;

    assert_eq!(tickets["count"], 2);
    assert_eq!(tickets["tickets"][0]["subject"], "Where is my parcel?");
    assert_eq!(tickets["tickets"][0]["status"], "open");
    assert_eq!(tickets["tickets"][0]["created_at"], "2026-01-31T09:30:00Z");
    let comments = first.json(&format!("/api/v2/tickets/{}/comments", tickets["tickets"][0]["id"])).await;
    assert_eq!(comments["comments"][1]["public"], false);
    let (facts, again) = (first.mock.facts(), second.mock.facts());
    for what in ["people", "clients", "token"] {
        assert_eq!(facts[what], again[what], "{what}");
    }
    let by_key = first.call("GET", "/api/v2/users/me").basic_auth("agent@mock.test/token", Some("mock-agent-key"));
    let by_key: Value = by_key.send().await.expect("send").json().await.expect("JSON");
    assert_eq!(by_key["user"]["name"], "Bo Agent");
    let credentials = json!({
        "grant_type": "client_credentials", "client_id": "mock-app", "client_secret": "mock-app-secret-0123456789",
        "scope": "tickets:read",
    });
    let (status, granted) = first.control("POST", "/oauth/tokens", credentials).await;
    assert_eq!((status.as_u16(), &granted["scope"]), (200, &json!("tickets:read")));
    assert_eq!(first.json("/api/v2/help_center/articles").await["count"], 2);
    let public = first.call("GET", "/api/v2/help_center/articles").send().await.expect("send");
    let public: Value = public.json().await.expect("JSON");
    assert_eq!(public["articles"][0]["title"], "When will my parcel arrive?");
    assert_eq!(public["count"], 1, "one is for staff");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_of_the_other_vendor_speaks_its_dialect() {
    let double = Double::start(Dialect::Gorgias, Fixtures::usual().expect("the usual ones")).await;

    let tickets = double.json("/api/tickets").await;

    assert_eq!(tickets["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_says_what_is_there_and_mistakes_in_it_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.json");
    let fixtures = json!({
        "people": [
            { "name": "Olga", "email": "olga@shop.test", "role": "admin" },
            { "name": "Pim", "email": "pim@buyer.test", "role": "end-user", "phone": "+15550100", "external_id": "p1" },
        ],
        "organizations": [{ "name": "Buyer", "domains": ["buyer.test"], "tags": ["vip"] }],
        "tickets": [{
            "subject": "Broken", "requester": "pim@buyer.test", "priority": "urgent", "type": "problem",
            "created_at": "2026-01-02T03:04:05Z", "external_id": "t1",
            "comments": [{ "author": "pim@buyer.test", "body": "It broke." }],
        }],
        "categories": [{ "name": "Orders" }],
        "sections": [{ "name": "Broken things", "category": "Orders" }],
        "articles": [{
            "title": "Kaputt", "section": "Broken things", "body": "<p>Ach.</p>", "locale": "de", "promoted": true,
            "author": "olga@shop.test", "labels": ["broken"], "audience": "signed_in_users",
        }],
        "clients": [{ "client_id": "shop-app", "name": "Shop", "scopes": ["tickets:read", "hc:read"] }],
    });
    std::fs::write(&path, fixtures.to_string()).expect("write");
    let double = Double::start(Dialect::Zendesk, Fixtures::read(&path).expect("the file")).await;

    let ticket = double.json("/api/v2/tickets?external_id=t1").await["tickets"][0].clone();

    assert_eq!((&ticket["priority"], &ticket["type"]), (&json!("urgent"), &json!("problem")));
    assert_eq!(ticket["created_at"], "2026-01-02T03:04:05Z");
    assert!(ticket["organization_id"].is_i64());
    let article = double.json("/api/v2/help_center/de/articles").await["articles"][0].clone();
    assert_eq!((&article["title"], &article["label_names"]), (&json!("Kaputt"), &json!(["broken"])));
    assert_eq!((&article["promoted"], &article["user_segment_id"]), (&json!(true), &json!(1)));
    assert_eq!(double.get("/api/v2/users").await.status(), 403, "the app's ceiling is the file's");

    std::fs::write(&path, json!({ "peple": [] }).to_string()).expect("write");
    let error = format!("{:#}", Fixtures::read(&path).expect_err("a mistake"));
    assert!(error.contains("shop.json") && error.contains("peple"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_stands_until_it_is_moved() {
    let double = Double::zendesk().await;
    let credentials = json!({
        "grant_type": "client_credentials", "client_id": "mock-app", "client_secret": "mock-app-secret-0123456789",
        "scope": "read", "expires_in": 300,
    });
    let (_, granted) = double.control("POST", "/oauth/tokens", credentials).await;
    let access = granted["access_token"].as_str().expect("a token");
    let call = || double.call("GET", "/api/v2/tickets").bearer_auth(access).send();
    assert_eq!(call().await.expect("send").status(), 200);

    let (_, moved) = double.control("POST", "/_mock/clock", json!({ "advance_seconds": 301 })).await;

    assert_eq!(moved["now"], "2026-01-31T09:35:01Z");
    assert_eq!(call().await.expect("send").status(), 401);
    let (_, set) = double.control("POST", "/_mock/clock", json!({ "now": "2026-02-01T00:00:00Z" })).await;
    assert_eq!(set["now"], "2026-02-01T00:00:00Z");
    assert_eq!(double.control("POST", "/_mock/clock", json!({})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_strike_as_asked_and_are_seen_in_the_record() {
    let double = Double::zendesk().await;
    let faults = json!({ "faults": [
        { "path": "/api/v2/tickets*", "method": "GET", "kind": "rate_limited", "retry_after": 7, "count": 1 },
        { "path": "/api/v2/groups", "kind": "unavailable", "count": 1 },
        { "path": "/api/v2/tags", "kind": "expired_token", "count": 1 },
        { "path": "/api/v2/organizations", "kind": "dropped", "count": 1 },
        { "path": "/api/v2/users", "kind": "slow", "milliseconds": 60 },
    ] });
    assert_eq!(double.control("PUT", "/_mock/faults", faults).await.0, 200);

    let limited = double.get("/api/v2/tickets").await;
    let busy = double.get("/api/v2/groups").await;
    let expired = double.get("/api/v2/tags").await;
    let began = Instant::now();
    let slow = double.get("/api/v2/users").await;

    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"7".parse().expect("a value")));
    assert_eq!(limited.json::<Value>().await.expect("JSON")["error"], "APIRateLimitExceeded");
    assert_eq!(busy.status(), 503);
    assert_eq!(expired.json::<Value>().await.expect("JSON")["error"], "invalid_token");
    assert!(slow.status().is_success() && Duration::from_millis(60) <= began.elapsed());
    let dropped = double.call("GET", "/api/v2/organizations").bearer_auth(&double.token).send().await;
    let is_broken = match dropped {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(is_broken);
    // Each is over when it has struck as often as it says.
    for path in ["/api/v2/tickets", "/api/v2/groups", "/api/v2/tags", "/api/v2/organizations"] {
        assert_eq!(double.get(path).await.status(), 200, "{path}");
    }

    let (_, seen) = double.control("GET", "/_mock/requests?path=/api/v2/tickets*", json!({})).await;
    let told: Vec<(&Value, &Value)> =
        seen["requests"].as_array().expect("a list").iter().map(|seen| (&seen["status"], &seen["fault"])).collect();
    assert_eq!(told, [(&json!(429), &json!("rate_limited")), (&json!(200), &Value::Null)]);
    let wrong = json!({ "path": "*", "kind": "unavailable", "probability": 2 });
    assert_eq!(double.control("POST", "/_mock/faults", wrong).await.0, 400);
    assert_eq!(double.control("POST", "/_mock/faults", json!({ "path": "*", "kind": "odd" })).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_shows_what_was_sent_without_credentials() {
    let double = Double::zendesk().await;
    let sent = json!({ "ticket": { "subject": "A", "comment": { "body": "x" } } });
    let path = format!("/api/v2/tickets.json?access_token={}&a=b", double.token);

    let made = double.call("POST", &path).header("idempotency-key", "k1").json(&sent).send().await.expect("send");

    assert_eq!(made.status(), 201);
    let (_, seen) = double.control("GET", "/_mock/requests?method=post", json!({})).await;
    let seen = &seen["requests"][0];
    assert_eq!((&seen["path"], &seen["body"]), (&json!("/api/v2/tickets"), &sent));
    assert_eq!(seen["query"], json!([["a", "b"]]));
    assert!(seen["headers"].to_string().contains("k1"));
    assert!(!seen.to_string().contains(&double.token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_minted_for_anybody_with_any_scope() {
    let double = Double::zendesk().await;
    let ask = json!({ "person": "agent@mock.test", "scopes": "tickets:read users:read" });

    let (status, minted) = double.control("POST", "/_mock/tokens", ask).await;

    assert_eq!(status, 200);
    let access = minted["access_token"].as_str().expect("a token");
    let me = double.call("GET", "/api/v2/users/me").bearer_auth(access).send().await.expect("send");
    assert_eq!(me.json::<Value>().await.expect("JSON")["user"]["email"], "agent@mock.test");
    assert_eq!(double.call("GET", "/api/v2/groups").bearer_auth(access).send().await.expect("send").status(), 403);
    let nobody = json!({ "person": "nobody@mock.test", "scopes": "read" });
    assert_eq!(double.control("POST", "/_mock/tokens", nobody).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_makes_it_what_it_was() {
    let double = Double::zendesk().await;
    let sent = json!({ "ticket": { "subject": "A", "comment": { "body": "x" } } });
    let made = double.call("POST", "/api/v2/tickets").bearer_auth(&double.token).json(&sent).send().await;
    assert_eq!(made.expect("send").status(), 201);
    assert_eq!(double.json("/api/v2/tickets").await["count"], 3);
    double.control("POST", "/_mock/faults", json!({ "path": "*", "kind": "unavailable" })).await;

    let (status, state) = double.control("POST", "/_mock/reset", json!({})).await;

    assert_eq!((status.as_u16(), &state["faults"]), (200, &json!([])));
    assert_eq!(state["token"], double.token);
    assert_eq!(double.json("/api/v2/tickets").await["count"], 2);
    let people = json!([{ "name": "Olga", "email": "olga@shop.test", "role": "admin" }]);
    let clients = json!([{ "client_id": "shop-app", "name": "Shop" }]);
    let other = json!({ "fixtures": { "people": people, "clients": clients }, "now": "2027-05-01T00:00:00Z" });
    let (_, state) = double.control("POST", "/_mock/reset", other).await;
    assert_eq!(
        (&state["now"], &state["people"][0]["email"]),
        (&json!("2027-05-01T00:00:00Z"), &json!("olga@shop.test"))
    );
}
