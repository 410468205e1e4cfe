//! The token endpoint: what is common to all grants, the code grant, client_credentials, and both vendors' spellings.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE};
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::{CALLBACK, VERIFIER, confidential, public};
use crate::support::{Person, Server, TestApp};

/// Status and code of a refusal, which is an OAuth one in form (ALL-9).
pub async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let body: Value = response.json().await.expect("JSON");
    let description = body["error_description"].as_str().expect("a description");
    assert!(description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{description}");
    (status, body["error"].as_str().expect("a code").to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Whether the API takes the token.
pub async fn works(server: &Server, token: &Value) -> bool {
    let status = server.get("/api/account", token.as_str().expect("a token")).await.status().as_u16();
    assert!([200, 401].contains(&status), "{status}");
    status == 200
}

async fn standard(server: &Server) -> TestApp<'_> {
    let words = "openid email profile offline_access account:read tickets:read tickets:write";
    server.app(confidential(Dialect::Standard, words)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_gives_tokens_in_an_answer_that_no_cache_keeps() {
    // TK-1, ALL-8, AC-5, AC-7, AT-1, POL-2
    let server = Server::start().await;
    let app = standard(&server).await;
    let code = app.code(Person::Agent, "openid offline_access account:read").await;

    let response = app.redeem(&code).await;

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[PRAGMA], "no-cache");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 1800);
    assert_eq!(body["scope"], "account:read offline_access openid");
    assert!(body["access_token"].as_str().unwrap().starts_with("bwa_"));
    assert!(body["refresh_token"].as_str().unwrap().starts_with("bwr_"));
    assert!(body["id_token"].is_string());
    assert!(body.get("refresh_token_expires_in").is_none());
    assert!(works(&server, &body["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_offline_and_openid_there_is_only_an_access_token() {
    // AC-5, AC-7, TK-1
    let server = Server::start().await;
    let app = standard(&server).await;

    let body = app.tokens(Person::Agent, "account:read").await;

    let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "scope", "token_type"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_type_must_be_there_known_and_allowed() {
    // TK-2, TK-3
    let server = Server::start().await;
    let app = standard(&server).await;

    let missing = app.token_request(&[("code", "x")]).await;
    let unknown = app.token_request(&[("grant_type", "magic")]).await;
    let password = app.token_request(&[("grant_type", "password"), ("username", "a"), ("password", "b")]).await;
    let not_allowed = app.token_request(&[("grant_type", "client_credentials")]).await;

    assert_eq!(refusal(missing).await, refused(400, "invalid_request"));
    assert_eq!(refusal(unknown).await, refused(400, "unsupported_grant_type"));
    assert_eq!(refusal(password).await, refused(400, "unsupported_grant_type"));
    assert_eq!(refusal(not_allowed).await, refused(400, "unauthorized_client"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_posted_form_is_read() {
    // TK-1, ALL-6, ALL-14
    let server = Server::start().await;
    let url = format!("{}/oauth/token", server.base);

    let got = server.http.get(&url).send().await.unwrap();
    let json = server.http.post(&url).json(&json!({ "grant_type": "authorization_code" })).send().await.unwrap();
    let long = server.http.post(&url).form(&[("code", "x".repeat(70_000))]).send().await.unwrap();

    assert_eq!(got.status(), 405);
    assert_eq!(got.headers()[ALLOW], "POST");
    assert_eq!(refusal(json).await, refused(400, "invalid_request"));
    assert_eq!(long.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_repeated_or_not_text_is_refused() {
    // ALL-3, ALL-5
    let server = Server::start().await;
    let app = standard(&server).await;
    let secret = app.secret.clone().unwrap();
    let post = async |body: &'static str| {
        let request = server.http.post(format!("{}/oauth/token", server.base));
        let request = request.basic_auth(&app.client.client_id, Some(&secret));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(body).send().await.unwrap()
    };

    for bad in [
        "grant_type=refresh_token&refresh_token=a&refresh_token=b",
        "grant_type=refresh_token&refresh_token=%ff",
        "grant_type=refresh_token&refresh_token=a%00",
        "grant_type=refresh_token&refresh_token=%zz",
        "grant_type[]=refresh_token",
    ] {
        assert_eq!(refusal(post(bad).await).await, refused(400, "invalid_request"), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_the_address_are_refused() {
    // ALL-7
    let server = Server::start().await;
    let app = standard(&server).await;
    let secret = app.secret.clone().unwrap();
    let url = format!("{}/oauth/token?client_id={}&client_secret={secret}", server.base, app.client.client_id);

    let response = server.http.post(url).form(&[("grant_type", "refresh_token")]).send().await.unwrap();

    assert_eq!(refusal(response).await, refused(400, "invalid_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_expired_or_foreign_code_is_one_and_the_same_refusal() {
    // AC-1, AZ-25
    let server = Server::start().await;
    let app = standard(&server).await;
    let other = standard(&server).await;
    let foreign = other.code(Person::Agent, "account:read").await;
    let late = app.code(Person::Agent, "account:read").await;
    let in_time = app.code(Person::Agent, "account:read").await;

    let unknown = refusal(app.redeem("nobody").await).await;
    let foreign_refused = refusal(app.redeem(&foreign).await).await;
    let foreign_still_good = other.redeem(&foreign).await.status();
    server.clock.advance(Duration::from_secs(59));
    let in_time = app.redeem(&in_time).await.status();
    server.clock.advance(Duration::from_secs(2));
    let late = refusal(app.redeem(&late).await).await;

    assert_eq!(unknown, refused(400, "invalid_grant"));
    assert_eq!(foreign_refused, unknown);
    assert_eq!(foreign_still_good, 200);
    assert_eq!(in_time, 200);
    assert_eq!(late, unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_code_ends_all_that_came_of_it() {
    // AC-3, ALL-17
    let server = Server::start().await;
    let app = standard(&server).await;
    let code = app.code(Person::Agent, "offline_access account:read").await;
    let tokens: Value = app.redeem(&code).await.json().await.unwrap();
    assert!(works(&server, &tokens["access_token"]).await);
    server.clock.advance(Duration::from_secs(30));

    let replay = refusal(app.redeem(&code).await).await;

    assert_eq!(replay, refused(400, "invalid_grant"));
    assert!(!works(&server, &tokens["access_token"]).await);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refresh = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(refusal(refresh).await, refused(400, "invalid_grant"));
    let mut tx = server.db.read().await.unwrap();
    let event = tx.row("select after from events where type = 'token-family-revoked'", &[]).await.unwrap().unwrap();
    assert_eq!(event.json("after").unwrap().unwrap()["because"], "code_replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_proves_nothing_ends_nothing() {
    // AC-4, PK-5
    let server = Server::start().await;
    let app = standard(&server).await;
    let stranger = standard(&server).await;
    let code = app.code(Person::Agent, "account:read").await;
    let tokens: Value = app.redeem(&code).await.json().await.unwrap();
    let wrong = "a".repeat(43);
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", wrong.as_str())];

    let wrong_verifier = refusal(app.token_request(&fields).await).await;
    let wrong_client = refusal(stranger.redeem(&code).await).await;

    assert_eq!(wrong_verifier, refused(400, "invalid_grant"));
    assert_eq!(wrong_client, refused(400, "invalid_grant"));
    assert!(works(&server, &tokens["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_redirect_uri_must_be_the_same_and_may_be_left_out_with_pkce() {
    // AC-2, AC-6
    let server = Server::start().await;
    let app = standard(&server).await;
    let code = app.code(Person::Agent, "account:read").await;
    let base = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    let other = format!("{CALLBACK}/");

    let differs = app.token_request(&[&base[..], &[("redirect_uri", &other)]].concat()).await;
    let left_out = app.token_request(&[&base[..], &[("scope", "tickets:write nonsense")]].concat()).await;

    assert_eq!(refusal(differs).await, refused(400, "invalid_grant"));
    assert_eq!(left_out.status(), 200);
    let body: Value = left_out.json().await.unwrap();
    assert_eq!(body["scope"], "account:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_pkce_the_redirect_uri_must_be_sent_again() {
    // AC-2, POL-3
    let server = Server::start().await;
    let app = server.gorgias_app("account:read").await;
    let mut browser = crate::support::Browser::new(&server);
    let changes = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = app.ask(&mut browser, Person::Agent, "account:read", &changes).await;
    let code = browser.press(&page, "consent-allow", &[]).await.answer()["code"].clone();
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str())];

    let left_out = app.token_request(&fields).await;
    let sent = app.token_request(&[&fields[..], &[("redirect_uri", CALLBACK)]].concat()).await;

    assert_eq!(refusal(left_out).await, refused(400, "invalid_request"));
    assert_eq!(sent.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_person_gets_no_token() {
    // AC-8
    let server = Server::start().await;
    let app = standard(&server).await;
    let code = app.code(Person::Agent, "account:read").await;
    let mut tx = server.db.write().await.unwrap();
    tx.run("update people set active = 0 where id = $1", &[server.agent_id.into()]).await.unwrap();
    tx.commit().await.unwrap();

    let response = app.redeem(&code).await;

    assert_eq!(refusal(response).await, refused(400, "invalid_grant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_redemptions_at_once_give_one_success() {
    // TK-5
    let server = Server::start().await;
    let app = standard(&server).await;
    let code = app.code(Person::Agent, "account:read").await;

    let answers = tokio::join!(app.redeem(&code), app.redeem(&code), app.redeem(&code), app.redeem(&code));

    let answers = [answers.0, answers.1, answers.2, answers.3];
    let n_ok = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(n_ok, 1);
    assert!(answers.iter().all(|answer| [200, 400].contains(&answer.status().as_u16())));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_acts_for_itself_as_the_person_who_registered_it() {
    // CC-1, CC-2, CC-3, SC-12, SC-11
    let server = Server::start().await;
    let mut new = confidential(Dialect::Zendesk, "read tickets:write");
    new.client_credentials = true;
    let app = server.app(new).await;
    let ask =
        async |scope: &'static str| app.token_request(&[("grant_type", "client_credentials"), ("scope", scope)]).await;

    let granted = ask("tickets:read").await;
    let identity = ask("openid").await;
    let offline = ask("tickets:read offline_access").await;
    let beyond = ask("write").await;
    let misspelt = ask("tickets:read \"").await;

    assert_eq!(granted.status(), 200);
    let body: Value = granted.json().await.unwrap();
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 1800);
    assert_eq!(body["scope"], "tickets:read");
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
    for response in [identity, offline, beyond, misspelt] {
        assert_eq!(refusal(response).await, refused(400, "invalid_scope"));
    }
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(server.get("/api/tickets", token).await.status(), 200);
    assert_eq!(server.get("/oauth/userinfo", token).await.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_app_has_no_credentials_of_its_own() {
    // CC-1
    let server = Server::start().await;
    let app = server.app(public(Dialect::Standard, "tickets:read")).await;

    let response = app.token_request(&[("grant_type", "client_credentials"), ("scope", "tickets:read")]).await;

    assert_eq!(refusal(response).await, refused(400, "unauthorized_client"));
}

#[tokio::test(flavor = "multi_thread")]
async fn gorgias_does_not_know_client_credentials() {
    // SC-9
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;

    let response = app.token_request(&[("grant_type", "client_credentials")]).await;

    assert_eq!(refusal(response).await, refused(400, "unsupported_grant_type"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gorgias_app_gets_a_day_and_a_refresh_token_that_stays() {
    // SC-9, RT-3, AC-5, ID-2
    let server = Server::start().await;
    let app = server.gorgias_app("openid profile email offline account:read").await;
    let first = app.tokens(Person::Agent, "openid profile email offline account:read").await;
    let refresh = first["refresh_token"].as_str().unwrap();
    server.clock.advance(Duration::from_secs(400 * 86_400));

    let response = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;

    assert_eq!(first["expires_in"], 86_400);
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(response.status(), 200);
    let second: Value = response.json().await.unwrap();
    let keys: Vec<&str> = second.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "scope", "token_type"]);
    assert!(works(&server, &second["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn zendesks_address_takes_json_and_lifetimes_within_bounds() {
    // SC-8, AC-5, ALL-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "account:read read")).await;
    let post =
        async |body: Value| server.http.post(format!("{}/oauth/tokens", server.base)).json(&body).send().await.unwrap();
    let code = app.code(Person::Agent, "read").await;
    let mut body = json!({
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app.client.client_id,
        "client_secret": app.secret,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "scope": "read",
        "expires_in": 299,
        "refresh_token_expires_in": 604_800,
    });

    let too_short = post(body.clone()).await;
    body["expires_in"] = json!(300);
    body["refresh_token_expires_in"] = json!(7_776_001);
    let too_long = post(body.clone()).await;
    body["refresh_token_expires_in"] = json!(604_800);
    let granted = post(body.clone()).await;

    assert_eq!(refusal(too_short).await, refused(400, "invalid_request"));
    assert_eq!(refusal(too_long).await, refused(400, "invalid_request"));
    assert_eq!(granted.status(), 200);
    let granted: Value = granted.json().await.unwrap();
    assert_eq!(granted["token_type"], "bearer");
    assert_eq!(granted["expires_in"], 300);
    assert_eq!(granted["refresh_token_expires_in"], 604_800);
    assert_eq!(granted["scope"], "read");
    assert!(granted["refresh_token"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn zendesks_address_takes_a_form_too_and_words_refusals_as_zendesk_does() {
    // SC-8, CA-3
    let server = Server::start().await;
    let fields = [("grant_type", "refresh_token"), ("client_id", "nobody"), ("client_secret", "nothing")];

    let response = server.http.post(format!("{}/oauth/tokens", server.base)).form(&fields).send().await.unwrap();

    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic realm=\"OAuth2 Token Endpoint\"");
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 401);
    assert_eq!(body["error"], "invalid_client");
    assert!(body["error_description"].as_str().unwrap().starts_with("The client identifier provided is invalid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_of_a_registered_origin_may_ask_for_tokens() {
    // TK-4
    let server = Server::start().await;
    let app = standard(&server).await;
    let url = format!("{}/oauth/token", server.base);
    let origin_of = |response: &Response| {
        response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    let post = async |origin: &'static str| {
        let fields = [("grant_type", "refresh_token"), ("client_id", app.client.client_id.as_str())];
        server.http.post(&url).header("origin", origin).form(&fields).send().await.unwrap()
    };

    let registered = post("https://app.example.com").await;
    let stranger = post("https://evil.example").await;
    let opaque = post("null").await;

    assert_eq!(origin_of(&registered).as_deref(), Some("https://app.example.com"));
    assert!(registered.headers().get("access-control-allow-credentials").is_none());
    assert_eq!(origin_of(&stranger), None);
    assert_eq!(origin_of(&opaque), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_address_is_as_strict_as_ours() {
    // SC-10, ALL-3, ALL-7, CA-2, PK-4, AC-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "account:read read")).await;
    let url = format!("{}/oauth/tokens", server.base);
    let (id, secret) = (app.client.client_id.as_str(), app.secret.as_deref().unwrap());
    let code = app.code(Person::Agent, "read").await;
    let body = json!({ "grant_type": "authorization_code", "code": code, "client_id": id, "client_secret": secret });
    let with = |name: &str, value: &str| {
        let mut body = body.clone();
        body[name] = json!(value);
        body
    };
    let post = async |body: Value| server.http.post(&url).json(&body).send().await.unwrap();

    let in_address = server.http.post(format!("{url}?code={code}")).json(&body).send().await.unwrap();
    let basic_too = server.http.post(&url).basic_auth(id, Some(secret)).json(&body).send().await.unwrap();
    let twice = format!(r#"{{"grant_type":"refresh_token","client_id":"{id}","client_id":"{id}"}}"#);
    let twice = server.http.post(&url).header(CONTENT_TYPE, "application/json").body(twice).send().await.unwrap();
    let no_verifier = post(body.clone()).await;
    let other_address = post(with("redirect_uri", "https://evil.example/callback")).await;
    let good = post(with("code_verifier", VERIFIER)).await;
    let tokens: Value = good.json().await.unwrap();
    let replay = post(with("code_verifier", VERIFIER)).await;

    for response in [in_address, basic_too, twice] {
        assert_eq!(refusal(response).await, refused(400, "invalid_request"));
    }
    for response in [no_verifier, other_address, replay] {
        assert_eq!(refusal(response).await, refused(400, "invalid_grant"));
    }
    assert!(!works(&server, &tokens["access_token"]).await);
}
