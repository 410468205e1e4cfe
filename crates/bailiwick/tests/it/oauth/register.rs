//! Apps register themselves (RFC 7591).

use std::time::Duration;

use oauth::register::settings::{Mode, Settings, StatementIssuer};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::app::{CALLBACK, TestApp, VERIFIER};
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server, TestKey};

fn agent() -> Value {
    json!({ "client_name": "Desk Agent", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "scope": "openid offline_access tickets:read" })
}

async fn text(server: &Server, sql: &str) -> Vec<String> {
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx.rows(sql, &[]).await.expect("rows");
    rows.iter().map(|row| row.text("it").expect("a text")).collect()
}

/// What was registered, as an app to send people to.
async fn as_app<'a>(server: &'a Server, answer: &Value) -> TestApp<'a> {
    let mut tx = server.db.read().await.expect("begin");
    let client_id = answer["client_id"].as_str().expect("an id");
    let client = oauth::clients::by_client_id(&mut tx, client_id).await.expect("read").expect("the client");
    let redirect_uri = client.redirect_uris[0].as_str().to_owned();
    let secret = answer["client_secret"].as_str().map(str::to_owned);
    TestApp { server, client, secret, redirect_uri }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_registers_itself_gets_all_it_needs_and_works() {
    // RG-1, RG-4, ALL-8, ALL-10, ALL-11
    let server = Server::start().await;
    server.registration(Mode::Open).await;

    let response = server.register("", &json!({ "redirect_uris": [CALLBACK] })).await;

    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().await.expect("JSON");
    let secret = answer["client_secret"].as_str().expect("a secret");
    let token = answer["registration_access_token"].as_str().expect("a token");
    assert_eq!(answer["client_secret_expires_at"], 0);
    assert_eq!(answer["client_id_issued_at"], server.clock.now().as_second());
    let uri = format!("{}/oauth/register/{}", server.base, answer["client_id"].as_str().expect("an id"));
    assert_eq!(answer["registration_client_uri"], uri.as_str());
    for (name, value) in [
        ("response_types", json!(["code"])),
        ("grant_types", json!(["authorization_code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("subject_type", json!("public")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("redirect_uris", json!([CALLBACK])),
        ("client_name", json!("app.example.com")),
    ] {
        assert_eq!(answer[name], value, "{name}");
    }
    for kept in [secret, token] {
        assert!(kept.len() >= 48, "256 random bits");
        let columns = text(&server, "select metadata as it from clients").await.concat();
        let events = text(&server, "select coalesce(after, '') as it from events").await.concat();
        assert!(!columns.contains(kept) && !events.contains(kept));
    }
    let app = as_app(&server, &answer).await;
    let tokens = app.tokens(Person::Admin, "tickets:read").await;
    assert_eq!(tokens["scope"], "tickets:read");
    assert_eq!(app.client.owner_id, server.admin_id);
    assert_eq!(app.client.registered_by, "dcr");
    assert!(!app.client.first_party && app.client.require_pkce);
    assert_eq!(text(&server, "select type as it from events where type = 'app-created'").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_registers_until_an_administrator_lets_them_and_only_as_he_says() {
    // RG-2, MD-9
    let server = Server::start().await;
    let advertised = async || {
        let path = format!("{}/.well-known/openid-configuration", server.base);
        let document: Value = server.http.get(path).send().await.expect("send").json().await.expect("JSON");
        document.get("registration_endpoint").cloned()
    };

    assert_eq!(advertised().await, None);
    let off = server.register("", &agent()).await;
    assert_eq!(off.status(), 403);

    server.registration(Mode::InitialAccessToken).await;
    assert_eq!(advertised().await, Some(json!(format!("{}/oauth/register", server.base))));
    let token = server.initial_token(2).await;
    for wrong in ["", "bwi_wrong", PASSWORD] {
        let refused = server.register(wrong, &agent()).await;
        assert_eq!(refused.status(), 401, "{wrong:?}");
        assert!(refused.headers()["www-authenticate"].to_str().expect("text").starts_with("Bearer"));
    }
    server.refused(&token, json!({})).await;
    let first = server.registered(&token, agent()).await;
    server.registered(&token, agent()).await;
    assert_eq!(server.register(&token, &agent()).await.status(), 401, "a refusal costs nothing, a third app too much");
    assert_eq!(first["scope"], "offline_access openid tickets:read");

    let fresh = server.initial_token(5).await;
    server.clock.advance(Duration::from_secs(3600 * (31 * 24)));
    assert_eq!(server.register(&fresh, &agent()).await.status(), 401, "expired");
    assert!(text(&server, "select name as it from initial_access_tokens").await.iter().all(|it| !it.contains("bwi_")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_an_initial_access_token_is_had_once() {
    // RG-2, TK-5
    let server = Server::start().await;
    server.registration(Mode::InitialAccessToken).await;
    let token = server.initial_token(1).await;

    let body = agent();
    let (a, b, c) =
        tokio::join!(server.register(&token, &body), server.register(&token, &body), server.register(&token, &body));

    let mut statuses = [a.status().as_u16(), b.status().as_u16(), c.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401, 401]);
    assert_eq!(text(&server, "select name as it from clients").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_registration_has_narrow_limits() {
    // RG-2, POL-2
    let server = Server::start().await;
    server.registration(Mode::Open).await;

    for scope in ["users:write", "account:write", "write:all", "impersonate", "tickets:read apps:write", "write"] {
        let (code, _) = server.refused("", json!({ "redirect_uris": [CALLBACK], "scope": scope })).await;
        assert_eq!(code, "invalid_client_metadata", "{scope}");
    }
    let wide = json!({ "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"] });
    let answer = server.registered("", wide).await;
    assert_eq!(
        answer["grant_types"],
        json!(["authorization_code", "refresh_token"]),
        "what it does not get is left out"
    );
    let (code, _) = server.refused("", json!({ "grant_types": ["client_credentials"], "response_types": [] })).await;
    assert_eq!(code, "invalid_client_metadata");
    let usual = answer["scope"].as_str().expect("a scope").split(' ').collect::<Vec<_>>();
    assert!(usual.contains(&"tickets:write") && usual.contains(&"offline_access"));
    assert!(!usual.contains(&"users:write") && !usual.contains(&"impersonate"));

    let app = as_app(&server, &answer).await;
    let mut browser = Browser::new(&server);
    let unproven = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = app.ask(&mut browser, Person::Admin, "tickets:read", &unproven).await;
    assert_eq!(page.answer()["error"], "invalid_request", "PKCE is demanded");

    for _ in 0..14 {
        server.register("", &json!({})).await;
    }
    let limited = server.register("", &agent()).await;
    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("retry-after"));
    server.clock.advance(Duration::from_secs(3600 * (2)));
    server.registered("", agent()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_uses_is_deleted() {
    // RG-2
    let server = Server::start().await;
    server.registration(Mode::Open).await;
    let never = server.registered("", agent()).await;
    let used = server.registered("", agent()).await;
    server.registration(Mode::InitialAccessToken).await;
    let token = server.initial_token(1).await;
    server.registered(&token, agent()).await;
    let app = as_app(&server, &used).await;
    app.tokens(Person::Admin, "openid offline_access tickets:read").await;
    server.app.provider.write_uses().await.expect("written");
    let living =
        async || text(&server, "select client_id as it from clients where status = 'active' order by id").await.len();
    let run = "00000000-0000-4000-8000-000000000003";

    server.clock.advance(Duration::from_secs(3600 * (23)));
    server.app.provider.delete_unused_apps(run).await.expect("cleaned");
    assert_eq!(living().await, 3);

    server.clock.advance(Duration::from_secs(3600 * (2)));
    assert_eq!(server.app.provider.delete_unused_apps(run).await.expect("cleaned"), 1);
    let left = text(&server, "select client_id as it from clients").await;
    assert!(!left.contains(&never["client_id"].as_str().expect("an id").to_owned()), "its row is gone");
    assert_eq!(living().await, 2);

    server.clock.advance(Duration::from_secs(3600 * (90 * 24)));
    assert_eq!(server.app.provider.delete_unused_apps(run).await.expect("cleaned"), 1);
    assert_eq!(living().await, 1, "what came with a token stays");
    assert_eq!(text(&server, "select worker as it from events where type = 'app-deleted'").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_members_do_no_harm_and_bad_ones_are_named() {
    // RG-3, RG-5, KEY-6, KEY-8, RU-4, RU-5, RU-6, RU-9, CO-2
    let server = Server::start().await;
    server.registration(Mode::InitialAccessToken).await;
    let token = server.initial_token(100).await;
    let lenient = json!({ "redirect_uris": ["http://localhost:3118/callback"], "resource": "https://x.example", "scope": "openid nonsense:read",
        "client_uri": "", "logo_uri": null, "frontchannel_logout_uri": 5, "application_type": "native" });
    let answer = server.registered(&token, lenient).await;
    assert_eq!(answer["scope"], "openid", "a word nobody knows is left out");
    assert_eq!(answer.get("resource"), None);
    let silent = server
        .registered(&token, json!({ "redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none" }))
        .await;
    assert_eq!(silent["application_type"], "native", "agents say nothing of themselves");

    let key = TestKey::es256().public();
    let mut private = key.clone();
    private["d"] = json!("AAAA");
    let metadata = [
        json!({ "token_endpoint_auth_method": "client_secret_jwt" }),
        json!({ "token_endpoint_auth_method": 5 }),
        json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "token_endpoint_auth_method": "tls_client_auth" }),
        json!({ "tls_client_auth_san_dns": "a.example" }),
        json!({ "id_token_signed_response_alg": "none" }),
        json!({ "id_token_signed_response_alg": "HS256" }),
        json!({ "id_token_signed_response_alg": "RS512" }),
        json!({ "userinfo_signed_response_alg": "none" }),
        json!({ "request_object_signing_alg": "none" }),
        json!({ "authorization_signed_response_alg": "HS256" }),
        json!({ "id_token_encrypted_response_alg": "RSA-OAEP" }),
        json!({ "token_endpoint_auth_signing_alg": "ES256" }),
        json!({ "jwks": { "keys": [key] }, "jwks_uri": "https://app.example.com/jwks" }),
        json!({ "jwks": { "keys": [private] } }),
        json!({ "jwks": { "keys": [] } }),
        json!({ "jwks": "https://app.example.com/jwks" }),
        json!({ "jwks_uri": "http://app.example.com/jwks" }),
        json!({ "jwks_uri": "https://127.0.0.1/jwks" }),
        json!({ "logo_uri": "javascript:alert(1)" }),
        json!({ "policy_uri": "http://app.example.com/policy" }),
        json!({ "tos_uri": "data:text/html,x" }),
        json!({ "client_uri": "file:///etc/passwd" }),
        json!({ "client_name": "a\u{202e}b" }),
        json!({ "client_name": "x".repeat(200) }),
        json!({ "client_name#de": 5 }),
        json!({ "client_name#not a language": "x" }),
        json!({ "contacts": "a@b.example" }),
        json!({ "contacts": ["a\u{0}"] }),
        json!({ "default_max_age": -1 }),
        json!({ "default_max_age": 1.5 }),
        json!({ "require_auth_time": "true" }),
        json!({ "subject_type": "private" }),
        json!({ "application_type": "spa" }),
        json!({ "scope": ["openid"] }),
        json!({ "scope": "\u{e9}" }),
        json!({ "grant_types": ["implicit"] }),
        json!({ "grant_types": ["password", "authorization_code"] }),
        json!({ "grant_types": ["authorization_code", null] }),
        json!({ "grant_types": ["authorization_code", "authorization_code"] }),
        json!({ "grant_types": "authorization_code" }),
        json!({ "grant_types": ["refresh_token"] }),
        json!({ "response_types": ["token"] }),
        json!({ "response_types": ["code", "id_token"] }),
        json!({ "response_types": [] }),
        json!({ "response_types": ["code"], "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"] }),
        json!({ "tls_client_certificate_bound_access_tokens": true }),
        json!({ "require_signed_request_object": true }),
    ];
    for change in metadata {
        let mut body = agent();
        body.as_object_mut().expect("an object").remove("token_endpoint_auth_method");
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let (code, description) = server.refused(&token, body).await;
        assert_eq!(code, "invalid_client_metadata", "{change}: {description}");
        assert!(!description.is_empty());
    }
    let addresses = [
        json!({ "redirect_uris": [] }),
        json!({ "redirect_uris": ["https://a.example/#x"] }),
        json!({ "redirect_uris": ["https://*.example/"] }),
        json!({ "redirect_uris": ["/callback"] }),
        json!({ "redirect_uris": ["http://app.example.com/"] }),
        json!({ "redirect_uris": ["javascript:alert(1)"] }),
        json!({ "redirect_uris": ["myapp:/cb"] }),
        json!({ "redirect_uris": ["http://localhost/cb"], "application_type": "web" }),
        json!({ "redirect_uris": ["com.example.app:/cb"], "application_type": "web" }),
        json!({ "redirect_uris": [CALLBACK, CALLBACK] }),
        json!({ "redirect_uris": [CALLBACK, null] }),
        json!({ "redirect_uris": CALLBACK }),
        json!({ "post_logout_redirect_uris": ["https://a.example/#x"] }),
        json!({ "post_logout_redirect_uris": ["http://a.example/"] }),
        json!({ "post_logout_redirect_uris": ["http://localhost/"] }),
        json!({ "backchannel_logout_uri": "https://a.example/#x" }),
        json!({ "backchannel_logout_uri": "http://a.example/" }),
        json!({ "backchannel_logout_uri": "javascript:alert(1)" }),
        json!({ "backchannel_logout_uri": "https://169.254.169.254/latest" }),
        json!({ "initiate_login_uri": "http://a.example/" }),
        json!({ "initiate_login_uri": "com.example.app:/start" }),
    ];
    for change in addresses {
        let mut body = agent();
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let (code, description) = server.refused(&token, body).await;
        assert_eq!(code, "invalid_redirect_uri", "{change}: {description}");
    }
    for raw in ["", "[]", "null", "{", "{}{}", "\"x\"", r#"{"a":1,"a":2}"#, r#"{"redirect_uris":["\ud800"]}"#] {
        let response = server.register_raw(&token, raw.as_bytes().to_vec()).await;
        assert_eq!(response.status(), 400, "{raw}");
    }
    let form = server.http.post(format!("{}/oauth/register", server.base)).bearer_auth(&token).form(&[("a", "b")]);
    assert_eq!(form.send().await.expect("send").status(), 400);
    let long = server.register_raw(&token, vec![b' '; 70_000]).await;
    assert_eq!(long.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairwise_app_names_its_sector() {
    // ID-4
    let list = format!("[\"{CALLBACK}\", \"https://other.example.com/cb\"]");
    let served = serve(list).await;
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    server.registration(Mode::InitialAccessToken).await;
    let token = server.initial_token(100).await;
    let with = |uris: &[&str], sector: Option<&str>| {
        let mut body = json!({ "redirect_uris": uris, "subject_type": "pairwise" });
        if let Some(sector) = sector {
            body["sector_identifier_uri"] = json!(sector);
        }
        body
    };

    server.registered(&token, with(&[CALLBACK], None)).await;
    server.registered(&token, with(&[CALLBACK, "https://other.example.com/cb"], Some(&served))).await;

    for body in [
        with(&[CALLBACK, "https://other.example.com/cb"], None),
        with(&[CALLBACK, "https://third.example.com/cb"], Some(&served)),
        with(&[CALLBACK], Some(&format!("{}/health", server.base))),
        with(&[CALLBACK], Some(&format!("{}/nowhere", server.base))),
        with(&[CALLBACK], Some("http://127.0.0.1:1/")),
    ] {
        let (code, description) = server.refused(&token, body).await;
        assert_eq!(code, "invalid_client_metadata");
        assert!(description.starts_with("sector_identifier_uri"), "{description}");
    }
    let strict = Server::start().await;
    strict.registration(Mode::Open).await;
    let (code, _) = strict.refused("", with(&[CALLBACK], Some("http://app.example.com/sector.json"))).await;
    assert_eq!(code, "invalid_client_metadata", "not https");
}

/// The address of a server that answers everything with this.
async fn serve(body: impl Into<Vec<u8>>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let body = body.into();
    let answer = move || async move { ([("content-type", "application/json")], body) };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    format!("http://{address}/it.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_software_statement_counts_if_we_know_who_signed_it() {
    // RG-3
    let key = TestKey::es256();
    let jwks_uri = serve(key.set().to_string()).await;
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    let statement_issuers = vec![StatementIssuer { issuer: "https://store.example".to_owned(), jwks_uri }];
    server.registration_with(Settings { mode: Mode::Open, statement_issuers, ..Settings::default() }).await;
    let statement = |issuer: &str, key: &TestKey| {
        key.sign(json!({}), &json!({ "iss": issuer, "client_name": "Vouched for", "software_id": "desk-1" }))
    };
    let with = |statement: Value| {
        let mut body = agent();
        body["software_statement"] = statement;
        body
    };
    let good = statement("https://store.example", &key);

    let answer = server.registered("", with(json!(good))).await;
    assert_eq!(answer["client_name"], "Vouched for", "the statement wins");
    assert_eq!(answer["software_id"], "desk-1");
    assert_eq!(answer["software_statement"], good);

    for (bad, expected) in [
        (json!(statement("https://elsewhere.example", &key)), "unapproved_software_statement"),
        (json!(statement("https://store.example", &TestKey::es256())), "invalid_software_statement"),
        (json!(format!("{good}x")), "invalid_software_statement"),
        (json!("x.y.z"), "invalid_software_statement"),
        (json!(5), "invalid_software_statement"),
        (json!({ "iss": "https://store.example" }), "invalid_software_statement"),
    ] {
        let (code, description) = server.refused("", with(bad.clone())).await;
        assert_eq!(code, expected, "{bad}: {description}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_in_a_browser_may_register() {
    // RG-7
    let server = Server::start().await;
    server.registration(Mode::Open).await;
    let url = format!("{}/oauth/register", server.base);
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, format!("{url}/abc"))
        .header("origin", "https://inspector.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .expect("send");

    let answer =
        server.http.post(&url).header("origin", "https://inspector.example").json(&agent()).send().await.expect("send");

    assert_eq!(preflight.status(), 204);
    let allowed = |name: &str| preflight.headers()[name].to_str().expect("text").to_ascii_lowercase();
    assert_eq!(allowed("access-control-allow-origin"), "*");
    assert!(allowed("access-control-allow-methods").contains("put"));
    assert!(allowed("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(!answer.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_says_of_itself_is_shown_to_whoever_is_asked() {
    // RG-8, CO-1, CO-10
    // The beginning of a PNG: that much is looked at.
    let logo = serve(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec()).await;
    let server = Server::start_with(|settings| settings.fetch_private = true).await;
    server.registration(Mode::Open).await;
    let mut body = agent();
    for (name, value) in [
        ("client_name#de", "Schreibtisch-Agent"),
        ("logo_uri", logo.as_str()),
        ("policy_uri", "https://app.example.com/privacy"),
        ("policy_uri#de-AT", "https://app.example.com/datenschutz"),
        ("tos_uri", "https://app.example.com/terms"),
    ] {
        body[name] = json!(value);
    }
    let answer = server.registered("", body).await;
    assert_eq!(answer["client_name#de"], "Schreibtisch-Agent");
    server.run_jobs().await;
    let app = as_app(&server, &answer).await;

    let plain = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await.body;
    let languages = [("ui_locales", "fr de-AT en")];
    let german = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &languages).await.body;

    for text in [
        "Desk Agent",
        "consent-logo",
        "https://app.example.com/privacy",
        "https://app.example.com/terms",
        "Registered itself",
    ] {
        assert!(plain.contains(text), "{text} is not in {plain}");
    }
    for text in ["Schreibtisch-Agent", "https://app.example.com/datenschutz", "https://app.example.com/terms"] {
        assert!(german.contains(text), "{text} is not in {german}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initial_access_token_lets_agents_go_the_whole_way() {
    // RG-1, MC-2
    let server = Server::start().await;
    server.registration(Mode::InitialAccessToken).await;
    let token = server.initial_token(1).await;
    let mut body = agent();
    body["redirect_uris"] = json!(["http://localhost:33418/callback"]);
    let answer = server.registered(&token, body).await;
    assert_eq!(answer.get("client_secret"), None, "a public app has none");
    assert_eq!(answer.get("client_secret_expires_at"), None);
    let mut app = as_app(&server, &answer).await;
    app.redirect_uri = "http://localhost:5555/callback".to_owned();

    let code = app.code(Person::Admin, "openid offline_access tickets:read").await;
    let tokens: Value = app
        .token_request(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &app.redirect_uri),
            ("code_verifier", VERIFIER),
        ])
        .await
        .json()
        .await
        .expect("JSON");

    assert!(tokens["refresh_token"].is_string(), "{tokens}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|it| json!(it)),
        "\\PC{0,40}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop_oneof![
            Just("https://app.example.com/cb"),
            Just("none"),
            Just("authorization_code"),
            Just("openid"),
            Just("http://127.0.0.1/"),
            Just("pairwise"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_#]{0,12}", inner, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

const MEMBERS: [&str; 24] = [
    "redirect_uris",
    "token_endpoint_auth_method",
    "grant_types",
    "response_types",
    "client_name",
    "client_name#de",
    "client_uri",
    "logo_uri",
    "scope",
    "contacts",
    "tos_uri",
    "jwks",
    "jwks_uri",
    "software_id",
    "software_statement",
    "application_type",
    "sector_identifier_uri",
    "subject_type",
    "id_token_signed_response_alg",
    "default_max_age",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "tls_client_auth_subject_dn",
    "dpop_bound_access_tokens",
];

#[test]
fn no_body_breaks_the_endpoint() {
    // RG-3, RG-5, ALL-5
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(async {
        let server = Server::start().await;
        server.registration(Mode::InitialAccessToken).await;
        server
    });
    let token = runtime.block_on(server.initial_token(1000));
    let member = (prop::sample::select(MEMBERS.as_slice()), any_json());
    let bodies = (prop::collection::vec(member, 0..5), any::<bool>());
    let raw = prop::collection::vec(any::<u8>(), 0..80);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));

    let outcome = runner.run(&(bodies, raw), |((members, complete), raw)| {
        let mut body = json!({});
        if complete {
            body["redirect_uris"] = json!([CALLBACK]);
        }
        for (name, value) in members {
            body[name] = value;
        }
        for sent in [body.to_string().into_bytes(), raw] {
            let status = runtime.block_on(server.register_raw(&token, sent)).status().as_u16();
            prop_assert!([201, 400].contains(&status), "{status} for {body}");
        }
        Ok(())
    });

    outcome.expect("no body breaks it");
    runtime.block_on(async move { drop(server) });
}
