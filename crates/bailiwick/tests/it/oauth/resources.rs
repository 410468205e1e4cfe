//! Whom a token is for: resource indicators (section 19 of the OAuth contract).

use scope::Dialect;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::{confidential, public};
use crate::support::{Browser, Person, Server, TestApp};

const WORDS: &str = "offline_access tickets:read tickets:write account:read statistics:read";

async fn app(server: &Server) -> TestApp<'_> {
    server.app(confidential(Dialect::Standard, WORDS)).await
}

/// Status at the REST API and at the MCP endpoint.
async fn statuses(server: &Server, token: &Value) -> [u16; 2] {
    let token = token.as_str().expect("a token");
    let api = server.get("/api/tickets", token).await.status().as_u16();
    let mcp = server.mcp(token, "tools/list", json!({})).await.status().as_u16();
    [api, mcp]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_not_one_of_ours_is_refused_wherever_it_is_named() {
    // RI-1, RI-2
    let server = Server::start().await;
    let app = app(&server).await;
    let credentials = server
        .app(oauth::clients::NewClient { client_credentials: true, ..confidential(Dialect::Standard, "tickets:read") })
        .await;
    let tokens = app.tokens(Person::Admin, "offline_access tickets:read").await;
    let with_fragment = format!("{}/mcp#x", server.base);
    let elsewhere = "https://elsewhere.example.com/mcp";

    for bad in [with_fragment.as_str(), elsewhere, "mcp", "/mcp", "urn:x#y"] {
        let answer = app.answer_for(Person::Admin, "tickets:read", &[bad]).await;
        assert_eq!(answer["error"], "invalid_target", "{bad} at authorize");
        assert_eq!(answer["state"], "a state");

        let pushed = server
            .http
            .post(format!("{}/oauth/par", server.base))
            .basic_auth(&app.client.client_id, app.secret.as_ref())
            .form(
                &url::form_urlencoded::parse(
                    app.request_for("tickets:read", &[bad]).split_once('?').expect("a query").1.as_bytes(),
                )
                .into_owned()
                .collect::<Vec<(String, String)>>(),
            );
        assert_eq!(
            refusal(pushed.send().await.expect("send")).await,
            (400, "invalid_target".to_owned()),
            "{bad} at PAR"
        );

        let code = app.code(Person::Admin, "tickets:read").await;
        let redeemed = app.redeem_for(&code, &[bad]).await;
        assert_eq!(refusal(redeemed).await, (400, "invalid_target".to_owned()), "{bad} with a code");

        let refreshed = app.refresh_for(&tokens, &[bad], &[]).await;
        assert_eq!(refusal(refreshed).await, (400, "invalid_target".to_owned()), "{bad} at refresh");

        let own = credentials.token_request(&[("grant_type", "client_credentials"), ("resource", bad)]).await;
        assert_eq!(refusal(own).await, (400, "invalid_target".to_owned()), "{bad} with client_credentials");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spelling_differs_and_the_audience_is_canonical() {
    // RI-3, MC-3
    let server = Server::start().await;
    let app = app(&server).await;
    let shouted = server.mcp_resource().replacen("http://", "HTTP://", 1);
    let slashed = format!("{}/mcp/", server.base);

    for spelled in [shouted.as_str(), &slashed] {
        let tokens = app.tokens_for(Person::Admin, "tickets:read", &[spelled]).await;
        assert_eq!(app.introspect(&tokens["access_token"]).await["aud"], server.mcp_resource().as_str());
        assert_eq!(statuses(&server, &tokens["access_token"]).await, [401, 200]);
    }
    let root = format!("{}/", server.base);
    let tokens = app.tokens_for(Person::Admin, "tickets:read", &[&root]).await;
    assert_eq!(app.introspect(&tokens["access_token"]).await["aud"], server.base.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_only_where_it_is_for() {
    // RI-5, RS-3
    let server = Server::start().await;
    let app = app(&server).await;
    let (api, mcp) = (server.base.clone(), server.mcp_resource());

    let unsaid = app.tokens(Person::Admin, "tickets:read").await;
    let for_api = app.tokens_for(Person::Admin, "tickets:read", &[&api]).await;
    let for_mcp = app.tokens_for(Person::Admin, "tickets:read", &[&mcp]).await;
    let for_both = app.tokens_for(Person::Admin, "tickets:read", &[&api, &mcp]).await;

    assert_eq!(statuses(&server, &unsaid["access_token"]).await, [200, 401], "the default is the API");
    assert_eq!(statuses(&server, &for_api["access_token"]).await, [200, 401]);
    assert_eq!(statuses(&server, &for_mcp["access_token"]).await, [401, 200]);
    assert_eq!(statuses(&server, &for_both["access_token"]).await, [200, 200]);
    assert_eq!(app.introspect(&for_both["access_token"]).await["aud"], json!([api, mcp]));
    let refused = server.get("/api/tickets", for_mcp["access_token"].as_str().expect("a token")).await;
    assert!(refused.headers()["www-authenticate"].to_str().expect("text").contains("error=\"invalid_token\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_request_picks_from_what_was_granted_and_a_refresh_may_pick_again() {
    // RI-4, RI-6, AC-6
    let server = Server::start().await;
    let app = app(&server).await;
    let (api, mcp) = (server.base.clone(), server.mcp_resource());
    let words = "offline_access tickets:read";
    let code = app.answer_for(Person::Admin, words, &[&api, &mcp]).await["code"].clone();

    let picked: Value = app.redeem_for(&code, &[&mcp]).await.json().await.expect("JSON");
    let other: Value = app.refresh_for(&picked, &[&api], &[]).await.json().await.expect("JSON");
    let unsaid: Value = app.refresh_for(&picked, &[], &[]).await.json().await.expect("JSON");

    assert_eq!(statuses(&server, &picked["access_token"]).await, [401, 200]);
    assert_eq!(statuses(&server, &other["access_token"]).await, [200, 401]);
    assert_eq!(statuses(&server, &unsaid["access_token"]).await, [200, 200], "the granted set");

    let api_alone = app.tokens_for(Person::Admin, words, &[&api]).await;
    let beyond = app.refresh_for(&api_alone, &[&mcp], &[]).await;
    assert_eq!(refusal(beyond).await, (400, "invalid_target".to_owned()));
    let code = app.answer_for(Person::Admin, words, &[&mcp]).await["code"].clone();
    let beyond = app.redeem_for(&code, &[&api]).await;
    assert_eq!(refusal(beyond).await, (400, "invalid_target".to_owned()));
    assert_eq!(app.redeem_for(&code, &[]).await.status(), 200, "the refusal left the code as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_means_nothing_to_the_resource_is_refused() {
    // RI-7
    let server = Server::start().await;
    let app = app(&server).await;
    let (api, mcp) = (server.base.clone(), server.mcp_resource());

    let refused = app.answer_for(Person::Admin, "tickets:read statistics:read", &[&mcp]).await;
    let granted = app.answer_for(Person::Admin, "offline_access tickets:read statistics:read", &[&api, &mcp]).await;
    let narrowed: Value = app.redeem_for(&granted["code"], &[&mcp]).await.json().await.expect("JSON");
    let named = app.refresh_for(&narrowed, &[&mcp], &[("scope", "statistics:read")]).await;
    let whole: Value = app.refresh_for(&narrowed, &[&api], &[]).await.json().await.expect("JSON");

    assert_eq!(refused["error"], "invalid_scope");
    assert_eq!(narrowed["scope"], "offline_access tickets:read", "words of the other resource are left out");
    assert_eq!(refusal(named).await, (400, "invalid_scope".to_owned()));
    assert_eq!(whole["scope"], "offline_access statistics:read tickets:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_new_is_asked_about_again() {
    // CO-6, RI-4
    let server = Server::start().await;
    let app = app(&server).await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read").await;

    let same = browser.open(&app.request("tickets:read", &[])).await;
    let other = browser.open(&app.request_for("tickets:read", &[&server.mcp_resource()])).await;
    let allowed = browser.press(&other, "consent-allow", &[]).await;
    let again = browser.open(&app.request_for("tickets:read", &[&server.mcp_resource()])).await;

    assert!(same.answer().contains_key("code"), "allowed before");
    assert!(other.body.contains("id=\"consent-allow\""), "a new resource is a new question");
    assert!(allowed.answer().contains_key("code") && again.answer().contains_key("code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_app_may_name_a_resource_twice() {
    // ALL-3, MC-3
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, WORDS)).await;
    let mcp = server.mcp_resource();

    let tokens = app.tokens_for(Person::Admin, "tickets:read", &[&mcp, &mcp]).await;

    assert_eq!(statuses(&server, &tokens["access_token"]).await, [401, 200]);
}
