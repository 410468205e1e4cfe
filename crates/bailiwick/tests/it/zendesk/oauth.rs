//! The OAuth dialect as its apps know it (Zendesk contract, `oauth`): addresses, bodies, lifetimes, words of refusals, and what a scope opens.

use std::time::Duration;

use oauth::clients::{ClientType, NewClient};
use oauth::pkce;
use reqwest::Response;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE};
use scope::Dialect;
use serde_json::{Value, json};

use super::{body, get, id, ticket};
use crate::support::app::{CALLBACK, VERIFIER, confidential, public};
use crate::support::{Browser, Person, Server, TestApp};

const INVALID_GRANT: &str = "The provided access grant is invalid, expired, or revoked (e.g. invalid assertion, expired authorization token, bad end-user password credentials, or mismatching authorization code and redirection URI).";
const INVALID_CLIENT: &str = "The client identifier provided is invalid, the client failed to authenticate, the client did not include its credentials, provided multiple client credentials, or used unsupported credentials type.";

async fn post_json(server: &Server, sent: Value) -> Response {
    server.http.post(format!("{}/oauth/tokens", server.base)).json(&sent).send().await.expect("send")
}

async fn post_form(server: &Server, sent: &Value) -> Response {
    server.http.post(format!("{}/oauth/tokens", server.base)).form(sent).send().await.expect("send")
}

/// The members that prove an app, with those of the call.
fn with(app: &TestApp<'_>, call: &Value) -> Value {
    let mut sent = json!({ "client_id": app.client.client_id });
    if let Some(secret) = &app.secret {
        sent["client_secret"] = json!(secret);
    }
    for (name, value) in call.as_object().expect("an object") {
        sent[name] = value.clone();
    }
    sent
}

fn code_call(code: &str) -> Value {
    json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER })
}

/// Tokens of a whole journey through the vendor's own addresses.
async fn tokens(app: &TestApp<'_>, scope: &str) -> Value {
    let code = app.code(Person::Admin, scope).await;
    body(post_json(app.server, with(app, &code_call(&code))).await, 200).await
}

async fn refresh(app: &TestApp<'_>, tokens: &Value) -> Response {
    let call = json!({ "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"] });
    post_json(app.server, with(app, &call)).await
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().expect("a token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_gives_a_pair_for_json_and_for_a_form_alike() {
    // SC-8
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read write")).await;
    let (first, second) = (app.code(Person::Admin, "read").await, app.code(Person::Admin, "read").await);

    let by_json = post_json(&server, with(&app, &code_call(&first))).await;
    let by_form = post_form(&server, &with(&app, &code_call(&second))).await;

    for answer in [by_json, by_form] {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers()[PRAGMA], "no-cache");
        assert!(answer.headers()[CONTENT_TYPE].to_str().expect("text").starts_with("application/json"));
        let answer = body(answer, 200).await;
        assert_eq!(answer["token_type"], "bearer");
        assert_eq!(answer["scope"], "read");
        assert_eq!(answer["expires_in"], 1800);
        assert_eq!(answer["refresh_token_expires_in"], 2_592_000);
        assert!(answer["refresh_token"].is_string());
        get(&server, "/api/v2/tickets.json", access(&answer)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lifetimes_are_asked_for_within_the_vendors_bounds() {
    // SC-8
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read write")).await;
    let mut newest = tokens(&app, "read").await;

    for (name, value, status) in [
        ("expires_in", 299, 400),
        ("expires_in", 300, 200),
        ("expires_in", 172_800, 200),
        ("expires_in", 172_801, 400),
        ("refresh_token_expires_in", 604_799, 400),
        ("refresh_token_expires_in", 604_800, 200),
        ("refresh_token_expires_in", 7_776_000, 200),
        ("refresh_token_expires_in", 7_776_001, 400),
    ] {
        let mut call = json!({ "grant_type": "refresh_token", "refresh_token": newest["refresh_token"] });
        call[name] = json!(value);

        let answer = body(post_json(&server, with(&app, &call)).await, status).await;

        if status == 200 {
            assert_eq!(answer[name], value);
            newest = answer;
        } else {
            assert_eq!(answer["error"], "invalid_request", "{name} {value}");
        }
    }
    let asked = with(
        &app,
        &json!({ "grant_type": "refresh_token", "refresh_token": newest["refresh_token"], "expires_in": 300 }),
    );
    let short = body(post_json(&server, asked).await, 200).await;
    get(&server, "/api/v2/tickets", access(&short)).await;
    server.clock.advance(Duration::from_secs(301));
    let over = server.get("/api/v2/tickets", access(&short)).await;
    assert!(over.headers()[WWW_AUTHENTICATE].to_str().expect("text").contains("error=\"invalid_token\""));
    let over = body(over, 401).await;
    let text = "The access token provided is expired, revoked, malformed or invalid for other reasons.";
    assert_eq!(over, json!({ "error": "invalid_token", "error_description": text }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_two_minutes() {
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read")).await;
    let (soon, late) = (app.code(Person::Admin, "read").await, app.code(Person::Admin, "read").await);

    server.clock.advance(Duration::from_secs(119));
    body(post_json(&server, with(&app, &code_call(&soon))).await, 200).await;
    server.clock.advance(Duration::from_secs(2));
    let refused = body(post_json(&server, with(&app, &code_call(&late))).await, 400).await;

    assert_eq!(refused, json!({ "error": "invalid_grant", "error_description": INVALID_GRANT }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_ends_the_old_pair_at_once_and_a_replay_leaves_the_new_one() {
    // RT-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read write")).await;
    let first = tokens(&app, "read write").await;
    get(&server, "/api/v2/tickets", access(&first)).await;

    let second = body(refresh(&app, &first).await, 200).await;
    let replay = body(refresh(&app, &first).await, 400).await;

    assert_eq!(second["scope"], first["scope"]);
    assert_eq!(server.get("/api/v2/tickets", access(&first)).await.status(), 401);
    assert_eq!(replay, json!({ "error": "invalid_grant", "error_description": INVALID_GRANT }));
    get(&server, "/api/v2/tickets", access(&second)).await;
    body(refresh(&app, &second).await, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_token_endpoint_are_the_vendors_word_for_word() {
    // CA-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "tickets:read")).await;
    let public_app = server.app(public(Dialect::Zendesk, "tickets:read")).await;

    let mut wrong_secret = with(&app, &code_call("x"));
    wrong_secret["client_secret"] = json!("nonsense");
    let client = post_json(&server, wrong_secret).await;
    assert_eq!(client.headers()[WWW_AUTHENTICATE], "Basic realm=\"OAuth2 Token Endpoint\"");
    let told = json!({ "error": "invalid_client", "error_description": INVALID_CLIENT });
    assert_eq!(body(client, 401).await, told);

    let told = json!({ "error": "invalid_grant", "error_description": INVALID_GRANT });
    assert_eq!(body(post_json(&server, with(&app, &code_call("nonsense"))).await, 400).await, told);
    let mut elsewhere = code_call(&app.code(Person::Admin, "tickets:read").await);
    elsewhere["redirect_uri"] = json!("https://app.example.com/other");
    assert_eq!(body(post_json(&server, with(&app, &elsewhere)).await, 400).await, told);

    let credentials = json!({ "grant_type": "client_credentials", "scope": "tickets:read" });
    for (sent, error) in [
        (with(&public_app, &credentials), "unauthorized_client"),
        (with(&app, &json!({ "grant_type": "password", "username": "a", "password": "b" })), "unsupported_grant_type"),
        (with(&app, &json!({})), "invalid_request"),
    ] {
        let refused = body(post_json(&server, sent).await, 400).await;
        assert_eq!(refused["error"], error);
        assert!(refused["error_description"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_tells_the_app_in_the_vendors_words() {
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read")).await;
    let mut browser = Browser::new(&server);
    let address = app.request("read", &[]).replace("/oauth/authorize?", "/oauth/authorizations/new?");
    let login = browser.open(&address).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;

    let denied = browser.press(&consent, "consent-deny", &[]).await;

    assert!(denied.location().expect("a redirect").starts_with(CALLBACK));
    let answer = denied.answer();
    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["error_description"], "The end-user or authorization server denied the request");
    assert_eq!(answer["state"], "a state");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_acts_for_itself_as_its_user() {
    // CC-2
    let server = Server::start().await;
    let new = NewClient {
        client_credentials: true,
        owner_id: Some(server.agent_id),
        ..confidential(Dialect::Zendesk, "read write")
    };
    let app = server.app(new).await;
    let call = json!({ "grant_type": "client_credentials", "scope": "read write", "expires_in": 600 });

    let granted = body(post_json(&server, with(&app, &call)).await, 200).await;

    assert!(granted.get("refresh_token").is_none_or(Value::is_null));
    assert_eq!(granted["expires_in"], 600);
    let me = get(&server, "/api/v2/users/me", access(&granted)).await;
    assert_eq!(id(&me["user"]), server.agent_id);
    // As far as the role of that user reaches.
    let role = body(server.get("/api/v2/oauth/clients", access(&granted)).await, 403).await;
    assert_eq!(role["error"]["title"], "Forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_nobody_knows_gives_a_token_that_opens_nothing() {
    let server = Server::start().await;
    let new = NewClient { client_credentials: true, ..confidential(Dialect::Zendesk, "read write") };
    let app = server.app(new).await;

    // The list is the mistake that the vendor's guide warns of.
    for scope in [json!("tickets:reed"), json!(["read", "write"])] {
        let call = json!({ "grant_type": "client_credentials", "scope": scope });
        let granted = body(post_json(&server, with(&app, &call)).await, 200).await;

        let refused = body(server.get("/api/v2/tickets", access(&granted)).await, 403).await;

        let text = "You are missing the following required scopes: tickets:read, read";
        assert_eq!(refused, json!({ "error": "Forbidden", "description": text }), "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_above_the_ceiling_is_refused_and_an_omitted_one_is_read_and_write() {
    // SC-11, SC-3
    let server = Server::start().await;
    let narrow =
        server.app(NewClient { client_credentials: true, ..confidential(Dialect::Zendesk, "tickets:read") }).await;
    let broad =
        server.app(NewClient { client_credentials: true, ..confidential(Dialect::Zendesk, "read write") }).await;
    let call = |scope: Value| json!({ "grant_type": "client_credentials", "scope": scope });

    let refused = body(post_json(&server, with(&narrow, &call(json!("tickets:write")))).await, 400).await;
    let usual = body(post_json(&server, with(&broad, &call(Value::Null))).await, 200).await;

    assert_eq!(refused["error"], "invalid_scope");
    assert_eq!(usual["scope"], "read write");
    ticket(&server, access(&usual), json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_command_line_tool_signs_in() {
    // Zendesk contract, `oauth.reference_login`
    const BACK: &str = "http://localhost:19186/";
    let server = Server::start().await;
    let new = NewClient {
        name: "zcli".to_owned(),
        dialect: Dialect::Zendesk,
        client_type: ClientType::Public,
        redirect_uris: (19186..=19188).map(|port| format!("http://localhost:{port}/")).collect(),
        allowed_scopes: vec!["read".to_owned(), "write".to_owned()],
        ..NewClient::default()
    };
    let may = server.may();
    let made = server.app.provider.create_known_client(&may, new, "zdg-zcli-oauth", None).await;
    let (client, _) = made.expect("an app");
    let app = TestApp { server: &server, client, secret: None, redirect_uri: BACK.to_owned() };
    let challenge = pkce::challenge_of(VERIFIER);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("response_type", "code"),
            ("client_id", "zdg-zcli-oauth"),
            ("redirect_uri", BACK),
            ("scope", "read write"),
            ("state", "abc"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    let address = format!("/oauth/authorizations/new?{query}");
    let mut browser = Browser::new(&server);

    let login = browser.open(&address).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;
    let answer = browser.press(&consent, "consent-allow", &[]).await;
    assert!(answer.location().expect("a redirect").starts_with(BACK));
    let exchange = json!({
        "grant_type": "authorization_code", "code": answer.answer()["code"], "client_id": "zdg-zcli-oauth",
        "code_verifier": VERIFIER, "redirect_uri": BACK,
    });
    let first = body(post_json(&server, exchange).await, 200).await;
    let again = json!({
        "grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "zdg-zcli-oauth",
    });
    let second = body(post_json(&server, again).await, 200).await;

    assert!(first["expires_in"].is_i64() && second["refresh_token"].is_string());
    get(&server, "/api/v2/users/me", access(&second)).await;
    // It is public: without a challenge nothing is given.
    let bare = browser.open(&app.request("read", &[("code_challenge", ""), ("code_challenge_method", "")])).await;
    assert_eq!(bare.answer()["error"], "invalid_request");
    // No other address of the person's machine than the registered ones.
    let elsewhere = browser.open(&address.replace("19186%2F", "19186%2Fother")).await;
    assert_eq!((elsewhere.status, elsewhere.location()), (400, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_address_works_with_a_warning_and_stands_in_no_link() {
    let server = Server::start().await;
    let all = super::all(&server).await;
    for _ in 0..2 {
        ticket(&server, &all, json!({})).await;
    }
    let call = |path: &str| server.http.get(format!("{}{path}", server.base)).send();

    let answer = call(&format!("/api/v2/tickets?per_page=1&access_token={all}")).await.expect("send");
    let warning = answer.headers()["x-zendesk-api-warn"].to_str().expect("text").to_owned();
    let page = body(answer, 200).await;

    assert!(warning.contains("access_token"), "{warning}");
    let next = page["next_page"].as_str().expect("a next page");
    assert!(!next.contains("access_token"), "{next}");
    let twice = server.http.get(format!("{}/api/v2/tickets?access_token={all}", server.base)).bearer_auth(&all);
    assert_eq!(twice.send().await.expect("send").status(), 400);
    assert_eq!(call("/api/v2/tickets?access_token=nonsense").await.expect("send").status(), 401);
    // Of an app of another dialect it is refused, as everywhere else.
    let standard = server.token_for(Person::Admin, Dialect::Standard, "tickets:read").await;
    assert_eq!(call(&format!("/api/v2/tickets?access_token={standard}")).await.expect("send").status(), 400);
}
