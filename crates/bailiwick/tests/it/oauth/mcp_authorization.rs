//! An agent's whole way, with nothing known but the address of the MCP endpoint.

use oauth::clients::NewClient;
use oauth::redirect_uri::ApplicationType;
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::{VERIFIER, confidential, public};
use crate::support::{Browser, Person, Server, TestApp, TestKey};

const CALLBACK: &str = "http://127.0.0.1:33418/";
const WORDS: &str = "customers:read offline_access tags:read tickets:read tickets:write";

/// A parameter of a challenge.
fn parameter(challenge: &str, name: &str) -> String {
    let after = challenge.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {challenge}")).1;
    after.split_once('"').expect("a quotation mark").0.to_owned()
}

fn challenge(response: &reqwest::Response) -> String {
    response.headers()["www-authenticate"].to_str().expect("text").to_owned()
}

async fn document(server: &Server, address: &str) -> Value {
    let answer = server.http.get(address).send().await.expect("send");
    assert_eq!(answer.status(), 200, "{address}");
    answer.json().await.expect("JSON")
}

/// A public client on somebody's computer, with a redirect URI in one of the styles seen in the field.
async fn agent<'a>(server: &'a Server, redirect_uri: &str) -> TestApp<'a> {
    let new = NewClient {
        name: "Desk Agent".to_owned(),
        application_type: Some(ApplicationType::Native),
        redirect_uris: vec![redirect_uri.to_owned()],
        ..public(Dialect::Standard, WORDS)
    };
    server.app(new).await
}

/// Asks for these words at the endpoint, allows them, and redeems the code for it. Also the page, if one was shown.
async fn authorized(
    app: &TestApp<'_>,
    browser: &mut Browser<'_>,
    authorization_endpoint: &str,
    scope: &str,
    resource: &str,
) -> (Value, String) {
    let (_, query) = app
        .request_for(scope, &[resource])
        .split_once('?')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a query");
    let mut page = browser.open(&format!("{authorization_endpoint}?{query}")).await;
    if page.body.contains("id=\"login-submit\"") {
        page = browser.sign_in_on(&page, Person::Admin).await;
    }
    let shown = page.body.clone();
    let answer = browser.press(&page, "consent-allow", &[]).await.answer();
    assert_eq!(answer["iss"], app.server.base, "MC-4");
    let response = app
        .token_request(&[
            ("grant_type", "authorization_code"),
            ("code", &answer["code"]),
            ("redirect_uri", &app.redirect_uri),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ])
        .await;
    assert_eq!(response.status(), 200);
    (response.json().await.expect("JSON"), shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_finds_its_way_from_the_first_refusal_to_a_wider_consent() {
    // MC-1, MC-3, MC-4, MC-5, MC-6, MC-9, MD-12, CO-7
    let server = Server::start().await;
    let app = agent(&server, CALLBACK).await;
    let mut browser = Browser::new(&server);

    // The endpoint refuses and says where to ask.
    let refused =
        server.mcp_request(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" })).send().await.expect("send");
    assert_eq!(refused.status(), 401);
    let (first, scope) = (challenge(&refused), parameter(&challenge(&refused), "scope"));
    let resource = document(&server, &parameter(&first, "resource_metadata")).await;
    let issuer = resource["authorization_servers"][0].as_str().expect("an issuer");
    let provider = document(&server, &format!("{issuer}/.well-known/oauth-authorization-server")).await;
    assert_eq!(provider["issuer"], issuer);
    assert_eq!(provider["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(provider["authorization_response_iss_parameter_supported"], true);
    let authorize = provider["authorization_endpoint"].as_str().expect("an address");
    let mcp = resource["resource"].as_str().expect("an identifier");

    // The person is told who asks, from where, and that it lasts.
    let scope = format!("{scope} offline_access");
    let (tokens, page) = authorized(&app, &mut browser, authorize, &scope, mcp).await;
    assert!(page.contains("Desk Agent") && page.contains("an app on this computer"), "{page}");
    assert!(page.contains("without you being signed in"), "{page}");
    let token = tokens["access_token"].as_str().expect("a token").to_owned();

    // It works, within what was allowed.
    let opened = server
        .mcp(
            &token,
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "Desk Agent", "version": "1" } }),
        )
        .await;
    let opened: Value = opened.json().await.expect("JSON");
    assert_eq!(opened["result"]["serverInfo"]["name"], "bailiwick");
    assert!(server.tools(&token).await.contains(&"list_tickets".to_owned()));
    assert_eq!(server.tool(&token, "list_tickets", json!({})).await["tickets"], json!([]));

    // More is needed: old and new words are asked, the new ones alone are shown, and the call that was refused works.
    let call = json!({ "name": "add_internal_note", "arguments": { "ticket_id": 1, "text": "Seen." } });
    let refused = server.mcp(&token, "tools/call", call.clone()).await;
    assert_eq!(refused.status(), 403);
    let missing = parameter(&challenge(&refused), "scope");
    assert_eq!(missing, "tickets:write");
    let wider = format!("{scope} {missing}");
    let (tokens, page) = authorized(&app, &mut browser, authorize, &wider, mcp).await;
    assert!(page.contains("tickets:write") && !page.contains("tickets:read"), "only what is new: {page}");
    let token = tokens["access_token"].as_str().expect("a token").to_owned();
    let retried = server.mcp(&token, "tools/call", call).await;
    assert_eq!(retried.status(), 200);

    // A public client's refresh token rotates.
    let refreshed: Value = app.refresh_for(&tokens, &[mcp], &[]).await.json().await.expect("JSON");
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
    assert_eq!(server.tools(refreshed["access_token"].as_str().expect("a token")).await.len(), 10);
    assert_eq!(server.get("/api/tickets", refreshed["access_token"].as_str().expect("a token")).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_names_the_host_of_an_agent_that_has_one() {
    // MC-9, CO-1
    let server = Server::start().await;
    let new = NewClient { name: "Chat Agent".to_owned(), ..confidential(Dialect::Standard, WORDS) };
    let app = server.app(new).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let lasting = browser.open(&app.request_for("offline_access tickets:read", &[&server.mcp_resource()])).await;
    let once = browser.open(&app.request_for("tickets:read", &[&server.mcp_resource()])).await;

    for page in [&lasting, &once] {
        assert!(page.body.contains("Chat Agent") && page.body.contains("app.example.com"), "{}", page.body);
    }
    assert!(lasting.body.contains("without you being signed in"));
    assert!(!once.body.contains("without you being signed in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lasting_access_needs_the_grant_and_the_word() {
    // MC-6
    let server = Server::start().await;
    let app = agent(&server, CALLBACK).await;
    let mcp = server.mcp_resource();

    let with = app.tokens_for(Person::Admin, "offline_access tickets:read", &[&mcp]).await;
    let without = app.tokens_for(Person::Admin, "tickets:read", &[&mcp]).await;

    assert!(with["refresh_token"].is_string());
    assert!(without.get("refresh_token").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_agent_acts_for_itself_with_a_key() {
    // MC-8
    let server = Server::start().await;
    let key = TestKey::es256();
    let mut new = NewClient {
        name: "Night Shift".to_owned(),
        client_credentials: true,
        token_endpoint_auth_method: Some("private_key_jwt".to_owned()),
        ..confidential(Dialect::Standard, "tickets:read")
    };
    new.metadata.jwks = Some(key.set());
    let app = server.app(new).await;
    let now = server.clock.now().as_second();
    let claims = json!({
        "iss": app.client.client_id, "sub": app.client.client_id, "aud": server.base, "jti": "one of a kind",
        "iat": now, "exp": now + 60,
    });
    let assertion = key.sign(json!({}), &claims);
    let mcp = server.mcp_resource();

    let answer = server
        .http
        .post(format!("{}/oauth/token", server.base))
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
            ("scope", "tickets:read"),
            ("resource", &mcp),
        ])
        .send()
        .await
        .expect("send");
    assert_eq!(answer.status(), 200);
    let tokens: Value = answer.json().await.expect("JSON");

    assert_eq!(
        server.tools(tokens["access_token"].as_str().expect("a token")).await,
        ["list_tickets", "get_ticket", "list_messages"]
    );
    assert!(tokens.get("refresh_token").is_none());
}
