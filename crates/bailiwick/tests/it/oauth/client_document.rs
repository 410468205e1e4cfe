//! Apps whose client id is the address of a document that describes them (section 18 of the contract, CM-1 to CM-9).

use std::time::Duration;

use oauth::client_document::settings::{self, Mode, Settings};
use oauth::clients;
use oauth::pkce;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::app::VERIFIER;
use crate::support::host::Answer;
use crate::support::{Browser, Host, Person, Server, TestApp, TestKey};

pub const ID: &str = "https://agent.example/client.json";
const PATH: &str = "/client.json";
const RETURN: &str = "http://127.0.0.1:4711/callback";
const MINUTE: Duration = Duration::from_secs(60);

/// A server, and a host with a good document.
async fn start() -> (Server, Host) {
    let host = Host::start().await;
    let server = Server::start_with(|settings| host.known_to(settings)).await;
    host.put(PATH, Answer::json(&document(&[])));
    (server, host)
}

fn document(changes: &[(&str, Value)]) -> Value {
    let mut document = json!({
        "client_id": ID,
        "client_name": "Agent Smithy",
        "client_uri": "https://agent.example/about",
        "redirect_uris": [RETURN],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    for (name, value) in changes {
        match value {
            Value::Null => drop(document.as_object_mut().expect("what the test made").remove(*name)),
            value => document[*name] = value.clone(),
        }
    }
    document
}

/// Path and query of a request of this app, without its record.
fn request(client_id: &str, redirect_uri: &str, scope: &str) -> String {
    let challenge = pkce::challenge_of(VERIFIER);
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", scope)
        .append_pair("state", "s")
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .finish();
    format!("/oauth/authorize?{query}")
}

/// The status of an authorization request.
async fn status(server: &Server, client_id: &str) -> u16 {
    let page = Browser::new(server).get(&request(client_id, RETURN, "tickets:read")).await;
    assert!(page.location().is_none_or(|to| to.starts_with("/login")), "{:?}", page.location());
    page.status
}

async fn decide(server: &Server, change: impl FnOnce(&mut Settings)) {
    let mut settings = Settings::default();
    change(&mut settings);
    server.app.provider.put_setting(&server.may(), settings::NAME, &settings).await.expect("set");
}

/// The app, after somebody has come with it once.
async fn app<'a>(server: &'a Server, redirect_uri: &str) -> TestApp<'a> {
    let page = Browser::new(server).get(&request(ID, redirect_uri, "tickets:read")).await;
    assert_eq!(page.status, 303, "{}", page.body);
    let mut tx = server.db.read().await.expect("begin");
    let client = clients::by_client_id(&mut tx, ID).await.expect("read").expect("a record");
    TestApp { server, client, secret: None, redirect_uri: redirect_uri.to_owned() }
}

async fn kinds_of_events(server: &Server) -> Vec<String> {
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx.rows("select type from events where object_type = 'App' order by id", &[]).await.expect("events");
    rows.iter().map(|row| row.text("type").expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_nobody_registered_gets_tokens_by_its_document() {
    // CM-1, CM-3, CM-5, MC-2, MC-6
    let (server, host) = start().await;
    let app = app(&server, RETURN).await;

    let tokens = app.tokens(Person::Agent, "openid tickets:read offline_access").await;
    let refreshed = app
        .token_request(&[("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())])
        .await;

    assert_eq!(tokens["scope"], "offline_access openid tickets:read");
    assert_eq!(refreshed.status(), 200);
    let tickets = server.get("/api/tickets", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(tickets.status(), 200);
    assert_eq!(app.client.registered_by, "cimd");
    assert_eq!(app.client.name, "Agent Smithy");
    assert_eq!(host.n_asked(PATH), 1);
    assert_eq!(kinds_of_events(&server).await[0], "app-created");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_misleads_is_no_client() {
    // CM-1
    let (server, host) = start().await;

    for bad in [
        "https://agent.example",
        "https://agent.example/",
        "https://agent.example/client.json#x",
        "https://agent.example/client.json?x=1",
        "https://user@agent.example/client.json",
        "https://agent.example/a/../client.json",
        "https://agent.example/%2e%2e/client.json",
        "https://agent.example/./client.json",
        "http://agent.example/client.json",
    ] {
        assert_eq!(status(&server, bad).await, 400, "{bad}");
    }
    assert_eq!(host.n_connections(), 0);

    host.put("/c?v=1", Answer::json(&document(&[("client_id", json!("https://agent.example/c?v=1"))])));
    decide(&server, |settings| settings.with_query = true).await;
    assert_eq!(status(&server, "https://agent.example/c?v=1").await, 303, "where the policy allows a query");
    let registered = server.gorgias_app("tickets:read").await;
    assert!(!registered.client.client_id.starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_proper_document_is_refused_and_never_remembered() {
    // CM-2, CM-3, CM-4
    let (server, host) = start().await;
    let good = Answer::json(&document(&[]));
    let with = |name: &str, value: Value| Answer::json(&document(&[(name, value)]));
    let bad = [
        ("302", Answer::of("application/json", "{}").status(302).header("location", "/elsewhere.json")),
        ("301", good.clone().status(301).header("location", "https://agent.example/elsewhere.json")),
        ("201", good.clone().status(201)),
        ("404", good.clone().status(404)),
        ("500", good.clone().status(500)),
        ("text/html", Answer::of("text/html", document(&[]).to_string())),
        ("no type", Answer { headers: Vec::new(), ..good.clone() }),
        ("too long", with("padding", json!("x".repeat(5 * 1024)))),
        ("not JSON", Answer::of("application/json", "{")),
        ("not an object", Answer::json(&json!([1]))),
        ("deep", Answer::of("application/json", "[".repeat(4000))),
        ("other client_id", with("client_id", json!("https://other.example/client.json"))),
        ("no client_id", with("client_id", Value::Null)),
        ("client_secret", with("client_secret", json!("x"))),
        ("client_secret_expires_at", with("client_secret_expires_at", json!(0))),
        ("client_secret_basic", with("token_endpoint_auth_method", json!("client_secret_basic"))),
        ("client_secret_post", with("token_endpoint_auth_method", json!("client_secret_post"))),
        ("client_secret_jwt", with("token_endpoint_auth_method", json!("client_secret_jwt"))),
        ("no redirect_uris", with("redirect_uris", Value::Null)),
    ];
    host.put("/elsewhere.json", good.clone());

    for (name, answer) in bad {
        host.put(PATH, answer);
        assert_eq!(status(&server, ID).await, 400, "{name}");
        let token = server
            .http
            .post(format!("{}/oauth/token", server.base))
            .form(&[("grant_type", "authorization_code"), ("client_id", ID), ("code", "x")])
            .send()
            .await
            .expect("send");
        // Some tries are free, and the address then has to wait.
        assert!([401, 429].contains(&token.status().as_u16()), "{name}: {}", token.status());
        server.clock.advance(10 * MINUTE);
    }
    assert_eq!(host.n_asked("/elsewhere.json"), 0, "no redirect is followed");

    host.put(PATH, good);
    server.clock.advance(61 * MINUTE);
    assert_eq!(status(&server, ID).await, 303, "an error is never remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_end_is_given_up() {
    // CM-2
    let (server, host) = start().await;
    host.put(PATH, Answer { hangs: true, ..Answer::of("application/json", "{") });

    let before = std::time::Instant::now();
    let found = status(&server, ID).await;

    assert_eq!(found, 400);
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_believed_as_long_as_it_says_within_bounds() {
    // CM-4
    let (server, host) = start().await;

    for (cache_control, fresh, stale) in [
        ("no-store", 4 * MINUTE, 2 * MINUTE),
        ("max-age=3600", 59 * MINUTE, 2 * MINUTE),
        ("max-age=31536000", 23 * 60 * MINUTE, 61 * MINUTE),
    ] {
        host.put(PATH, Answer::json(&document(&[])).header("cache-control", cache_control));
        server.clock.advance(25 * 60 * MINUTE);
        let before = host.n_asked(PATH);

        assert_eq!(status(&server, ID).await, 303);
        server.clock.advance(fresh);
        assert_eq!(status(&server, ID).await, 303);
        assert_eq!(host.n_asked(PATH) - before, 1, "{cache_control}: still believed");
        server.clock.advance(stale);
        assert_eq!(status(&server, ID).await, 303);
        assert_eq!(host.n_asked(PATH) - before, 2, "{cache_control}: asked again");
    }

    server.clock.advance(25 * 60 * MINUTE);
    host.put(PATH, Answer::json(&document(&[])).status(500));
    assert_eq!(status(&server, ID).await, 400, "what is over is not believed, even if nothing newer can be had");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_make_one_fetch() {
    // CM-4
    let (server, host) = start().await;

    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let url = format!("{}{}", server.base, request(ID, RETURN, "tickets:read"));
        let sent = server.http.get(url).send();
        asking.spawn(async move { sent.await.expect("send").status().as_u16() });
    }
    let found = asking.join_all().await;

    assert!(found.iter().all(|status| *status == 303), "{found:?}");
    assert_eq!(host.n_asked(PATH), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_one_unknown_app_after_another_must_wait() {
    // CM-4
    let (server, host) = start().await;

    let mut last = 0;
    for n in 0..30 {
        last = status(&server, &format!("https://agent.example/{n}.json")).await;
    }

    assert_eq!(last, 429);
    assert!(host.n_connections() <= 25);
    let mut tx = server.db.read().await.expect("begin");
    let kept = tx.row("select count(*) as n from clients where registered_by = 'cimd'", &[]).await.expect("read");
    assert_eq!(kept.expect("a row").int("n").expect("a number"), 0, "nothing is kept of what was no app");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_go_to_the_addresses_of_the_document_alone() {
    // CM-5
    let (server, host) = start().await;
    let uris = json!(["https://agent.example/cb", "https://agent.example/cb2"]);
    host.put(PATH, Answer::json(&document(&[("redirect_uris", uris)])));

    for (uri, expected) in [
        ("https://agent.example/cb", 303),
        ("https://agent.example/cb/", 400),
        ("https://agent.example/cb?x=1", 400),
        ("https://AGENT.example/cb", 400),
        ("https://evil.example/cb", 400),
        (RETURN, 400),
    ] {
        let page = Browser::new(&server).get(&request(ID, uri, "tickets:read")).await;
        assert_eq!(page.status, expected, "{uri}");
    }

    host.put(PATH, Answer::json(&document(&[("redirect_uris", json!(["https://agent.example/new"]))])));
    server.clock.advance(6 * MINUTE);
    let old = Browser::new(&server).get(&request(ID, "https://agent.example/cb2", "tickets:read")).await;
    let new = Browser::new(&server).get(&request(ID, "https://agent.example/new", "tickets:read")).await;
    assert_eq!((old.status, new.status), (400, 303), "what the document no longer names is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_as_large_clients_write_them_are_understood() {
    // CM-6
    let (server, host) = start().await;
    host.put(
        PATH,
        Answer::json(&document(&[
            ("token_endpoint_auth_method", Value::Null),
            ("token_endpoint_auth_methods_supported", json!(["client_secret_post", "private_key_jwt", "none"])),
            ("grant_types", json!(["authorization_code", "implicit", "urn:example:odd", "refresh_token"])),
            ("redirect_uris", json!(["cursor://anysphere/cb", RETURN, 7])),
            ("response_types", json!(["code", "id_token"])),
            ("logo_uri", json!("http://agent.example/logo.png")),
            ("contacts", json!("nobody")),
            ("x_unknown", json!({ "a": [1, 2] })),
        ])),
    );

    let app = app(&server, RETURN).await;
    let tokens = app.tokens(Person::Agent, "tickets:read offline_access").await;

    assert_eq!(app.client.token_endpoint_auth_method, "none");
    assert_eq!(app.client.grant_types, ["authorization_code", "refresh_token"]);
    assert!(tokens["refresh_token"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_says_whose_documents_count() {
    // CM-7, MD-7, MD-9
    let (server, host) = start().await;
    let other = "https://denied.example/client.json";
    host.put(PATH, Answer::json(&document(&[])));
    let supported = async || {
        let url = format!("{}/.well-known/openid-configuration", server.base);
        let body: Value = server.http.get(url).send().await.unwrap().json().await.unwrap();
        body["client_id_metadata_document_supported"].clone()
    };

    assert_eq!(supported().await, true);
    decide(&server, |settings| settings.mode = Mode::Off).await;
    assert_eq!((status(&server, ID).await, supported().await), (400, json!(false)));
    decide(&server, |settings| {
        settings.mode = Mode::AllowList;
        settings.allowed_hosts = vec!["other.example".to_owned()];
    })
    .await;
    assert_eq!(status(&server, ID).await, 400);
    decide(&server, |settings| {
        settings.mode = Mode::Open;
        settings.denied_hosts = vec!["denied.example".to_owned(), "*.evil.example".to_owned()];
    })
    .await;
    assert_eq!(status(&server, other).await, 400);
    assert_eq!(host.n_connections(), 0, "documents that do not count are not fetched");
    assert_eq!(status(&server, ID).await, 303);
    let page = app(&server, RETURN).await.ask(&mut Browser::new(&server), Person::Agent, "tickets:write", &[]).await;
    assert!(page.body.contains("consent-allow"), "open: people decide for themselves");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_to_change_things_waits_for_an_administrator() {
    // CM-7
    let (server, _host) = start().await;
    let app = app(&server, RETURN).await;
    let mut agent = Browser::new(&server);

    let reading = app.ask(&mut agent, Person::Agent, "tickets:read", &[]).await;
    let writing = agent.open(&app.request("tickets:write", &[])).await;
    let silent = agent.open(&app.request("tickets:write", &[("prompt", "none")])).await;

    assert!(reading.body.contains("consent-allow"), "reading needs nobody's approval");
    assert_eq!(writing.status, 403);
    assert!(writing.body.contains("not let in yet"), "{}", writing.body);
    assert_eq!(silent.answer()["error"], "interaction_required");

    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let page = admin.open("/admin/documents").await;
    assert!(page.body.contains(ID) && page.body.contains("Not decided"));
    let page = admin.press(&page, &format!("approve-{}", app.client.id), &[]).await;
    assert!(page.body.contains("The app is let in"), "{}", page.body);
    let answer = app.allow(&mut agent, Person::Agent, "tickets:write").await;
    assert!(answer.contains_key("code"), "{answer:?}");

    let tokens: Value = app.redeem(&answer["code"]).await.json().await.unwrap();
    let refused = admin.press(&page, &format!("refuse-{}", app.client.id), &[]).await;
    assert!(refused.body.contains("The app is refused"));
    assert_eq!(status(&server, ID).await, 400);
    let call = server.get("/api/tickets", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(call.status(), 401, "what it had is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_page_refuses_what_is_no_host() {
    // CM-7
    let server = Server::start().await;
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let page = admin.open("/admin/documents").await;
    let fields = |hosts: &'static str| [("mode", "allow-list"), ("allowed_hosts", hosts), ("limit_bytes", "8192")];

    let refused = admin.press_once(&page, "documents-save", &fields("https://agent.example/x")).await;
    let saved = admin.press(&page, "documents-save", &fields("Agent.example\n*.tools.example")).await;

    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("is not the name of a host"));
    assert!(saved.body.contains("*.tools.example") && saved.body.contains("agent.example"));
    let kept: Settings = server.app.provider.setting(settings::NAME).await.expect("read");
    assert_eq!((kept.mode, kept.limit_bytes), (Mode::AllowList, 8192));
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    assert_eq!(agent.get("/admin/documents").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_keys_signs_for_itself_and_a_change_of_keys_is_written_down() {
    // CM-8, KEY-8, CO-13
    let (server, host) = start().await;
    let (key, next) = (TestKey::es256(), TestKey::es256());
    let with_keys = |key: &TestKey| {
        Answer::json(&document(&[("token_endpoint_auth_method", json!("private_key_jwt")), ("jwks", key.set())]))
    };
    host.put(PATH, with_keys(&key));
    let app = app(&server, RETURN).await;
    let redeem = async |key: &TestKey, code: &str| {
        let assertion = assertion(&server, key, json!({}));
        app.server
            .http
            .post(format!("{}/oauth/token", server.base))
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", RETURN),
                ("code_verifier", VERIFIER),
                ("client_id", ID),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion),
            ])
            .send()
            .await
            .expect("send")
            .status()
            .as_u16()
    };

    let code = app.code(Person::Agent, "tickets:read").await;
    assert_eq!(app.redeem(&code).await.status(), 401, "without proof");
    assert_eq!(redeem(&next, &code).await, 401, "with another's key");
    assert_eq!(redeem(&key, &code).await, 200);

    host.put(PATH, with_keys(&next));
    server.clock.advance(6 * MINUTE);
    let code = app.code(Person::Agent, "tickets:read").await;
    assert_eq!(redeem(&key, &code).await, 401, "with the key it had");
    assert_eq!(redeem(&next, &code).await, 200);
    assert!(kinds_of_events(&server).await.contains(&"app-keys-changed".to_owned()));
}

fn assertion(server: &Server, key: &TestKey, header: Value) -> String {
    let now = server.clock.now().as_second();
    let claims = json!({
        "iss": ID, "sub": ID, "aud": server.base, "iat": now, "exp": now + 60, "jti": server.app.random.token(),
    });
    key.sign(header, &claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_shows_our_copy_of_the_logo_and_who_describes_the_app() {
    // CM-9, CO-14
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000";
    let (server, host) = start().await;
    host.put(PATH, Answer::json(&document(&[("logo_uri", json!("https://agent.example/logo.png"))])));
    host.put("/logo.png", Answer::of("text/html", PNG));
    let app = app(&server, RETURN).await;
    let shown = async || app.ask(&mut Browser::new(&server), Person::Agent, "tickets:read", &[]).await.body;

    let before = shown().await;
    server.run_jobs().await;
    let after = shown().await;
    let address = format!("{}/logos/{}", server.base, app.client.id);
    let logo = server.http.get(&address).send().await.expect("send");

    assert!(before.contains("consent-client-host") && before.contains("agent.example"));
    assert!(before.contains("consent-any-program"), "every address of it is on this computer");
    assert!(!before.contains("consent-logo") && after.contains(&format!("src=\"/logos/{}\"", app.client.id)));
    assert!(!after.contains("https://agent.example/logo.png"), "the browser never asks the app's host");
    assert_eq!(logo.headers()["content-type"], "image/png", "by its content, not by what its host says");
    assert_eq!(logo.headers()["x-content-type-options"], "nosniff");
    assert!(logo.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert_eq!(logo.bytes().await.unwrap(), PNG);
    assert_eq!(host.n_asked("/logo.png"), 1);

    let uris = json!([RETURN, "https://agent.example/cb"]);
    let svg = json!("https://agent.example/logo.svg");
    host.put("/logo.svg", Answer::of("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"));
    host.put(PATH, Answer::json(&document(&[("logo_uri", svg), ("redirect_uris", uris)])));
    server.clock.advance(6 * MINUTE);
    let changed = shown().await;
    server.run_jobs().await;
    assert!(!changed.contains("consent-logo"), "the old picture is gone with its address");
    assert_eq!(server.http.get(&address).send().await.unwrap().status(), 404, "SVG is no picture");
    assert!(!changed.contains("consent-any-program"), "one address is on the web");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_registered_itself_cannot_make_of_us_a_link_that_leads_anywhere() {
    // AZ-24
    let (server, host) = start().await;
    let uris = json!(["https://agent.example/cb"]);
    let changes = [("redirect_uris", uris), ("scope", json!("tickets:read"))];
    host.put(PATH, Answer::json(&document(&changes)));
    let app = app(&server, "https://agent.example/cb").await;
    let mut browser = Browser::new(&server);

    for scope in ["customers:read", "nonsense"] {
        let stranger = Browser::new(&server).get(&app.request(scope, &[])).await;
        assert!(stranger.location().is_some_and(|to| to.starts_with("/login")), "{:?}", stranger.location());
    }
    let refused = app.ask(&mut browser, Person::Agent, "customers:read", &[]).await;
    assert_eq!(refused.answer()["error"], "invalid_scope");

    let consent = app.ask(&mut browser, Person::Agent, "tickets:read", &[]).await;
    let denied = browser.press_once(&consent, "consent-deny", &[]).await;
    assert_eq!((denied.status, denied.location()), (200, None));
    assert!(denied.body.contains("leave-continue"));
    assert!(denied.body.contains("<bdi>agent.example</bdi>"), "{}", denied.body);
    assert!(denied.body.contains("error=access_denied"));

    let consent = app.ask(&mut browser, Person::Agent, "tickets:read", &[("response_mode", "form_post")]).await;
    let denied = browser.press_once(&consent, "consent-deny", &[]).await;
    let (action, fields) = denied.form_around("leave-continue");
    assert_eq!(action, "https://agent.example/cb");
    assert!(fields.contains(&("error".to_owned(), "access_denied".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_return_in_each_of_the_four_ways() {
    // MC-7, MC-2, RU-3
    let (server, host) = start().await;
    let uris = json!([
        "http://localhost:3000/callback",
        "http://127.0.0.1:3000/",
        "https://agent.example/oauth/callback",
        "com.example.agent:/oauth"
    ]);
    host.put(PATH, Answer::json(&document(&[("redirect_uris", uris)])));

    for (redirect_uri, destination) in [
        ("http://localhost:49152/callback", "an app on this computer"),
        ("http://127.0.0.1:49153/", "an app on this computer"),
        ("https://agent.example/oauth/callback", "agent.example"),
        ("com.example.agent:/oauth", "com.example.agent"),
    ] {
        let app = app(&server, redirect_uri).await;
        let mut browser = Browser::new(&server);

        let again = [("prompt", "consent")];
        let consent = app.ask(&mut browser, Person::Agent, "tickets:read offline_access", &again).await;
        assert!(consent.body.contains(destination), "{redirect_uri}");
        let answer = browser.press(&consent, "consent-allow", &[]).await;
        assert!(answer.location().is_some_and(|to| to.starts_with(redirect_uri)), "{:?}", answer.location());
        let tokens = app.redeem(&answer.answer()["code"]).await;
        assert_eq!(tokens.status(), 200, "{redirect_uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_json_for_a_document_is_answered_with_a_page() {
    // CM-3, CM-6, ALL-5
    let (server, host) = start().await;
    decide(&server, |settings| settings.limit_bytes = settings::BYTES_MAX).await;
    let mut runner = TestRunner::deterministic();
    let value = proptest::prop_oneof![
        proptest::strategy::Just(Value::Null),
        proptest::arbitrary::any::<i64>().prop_map(Value::from),
        "\\PC{0,30}".prop_map(Value::from),
        "(https|http|javascript|com.x)://?[a-z0-9.@:/?#%\\\\]{0,30}".prop_map(Value::from),
        proptest::collection::vec("\\PC{0,10}|https://a.example/[a-z]{0,5}", 0..4).prop_map(Value::from),
        proptest::strategy::Just(json!({ "keys": [{ "kty": "RSA", "n": "AQ", "e": null }, 1, null] })),
    ];
    let names = "client_name(#d)?|redirect_uris|scope|jwks(_uri)?|grant_types|logo_uri|contacts|token_endpoint_auth_method(s_supported)?";
    let documents = proptest::collection::btree_map(names, value, 0..9);

    for n in 0..60 {
        let mut document: Value = documents.new_tree(&mut runner).expect("a document").current().into_iter().collect();
        document["client_id"] = json!(ID);
        if n % 2 == 0 {
            document["redirect_uris"] = json!([RETURN]);
        }
        host.put(PATH, Answer::json(&document));
        server.clock.advance(61 * MINUTE);

        let found = status(&server, ID).await;

        assert!([303, 400].contains(&found), "{found}: {document}");
    }
}
