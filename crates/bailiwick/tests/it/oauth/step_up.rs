//! Calls and pages that ask for a recent sign-in (RFC 9470; section 21 of the OAuth contract).

use std::time::Duration;

use oauth::step_up::{self, Limits};
use reqwest::header::WWW_AUTHENTICATE;
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn deleting_many_at_once_asks_for_a_recent_sign_in() {
    // SU-1, SU-2, SU-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "openid offline tags:write tags:read")).await;
    let tokens = app.tokens(Person::Admin, "openid offline tags:write tags:read").await;
    let tag: Value = server.post("/api/tags", access(&tokens), json!({ "name": "one" })).await.json().await.unwrap();
    server.clock.advance(DAY + Duration::from_secs(60));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let refreshed: Value = app.token_request(&refresh).await.json().await.unwrap();

    let one = server.post("/api/tags", access(&refreshed), json!({ "name": "two" })).await;
    let many = server.delete_with("/api/tags", access(&refreshed), json!({ "ids": [tag["id"]] })).await;

    assert_eq!(one.status(), 201);
    assert_eq!(many.status(), 401);
    let challenge = many.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"insufficient_user_authentication\""));
    assert!(challenge.contains("max_age=\"86400\""), "{challenge}");
    let body: Value = many.json().await.unwrap();
    assert!(body["error"]["msg"].is_string(), "{body}");

    // The app repeats its request with what the challenge says.
    let mut browser = Browser::new(&server);
    let again =
        app.ask(&mut browser, Person::Admin, "openid offline tags:write tags:read", &[("max_age", "86400")]).await;
    let code = match again.location() {
        Some(_) => again.answer()["code"].clone(),
        None => browser.press(&again, "consent-allow", &[]).await.answer()["code"].clone(),
    };
    let fresh: Value = app.redeem(&code).await.json().await.unwrap();
    let many = server.delete_with("/api/tags", access(&fresh), json!({ "ids": [tag["id"]] })).await;
    assert_eq!(many.status(), 204);
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().expect("a token")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_says_how_recent_and_how_sure() {
    // SU-1
    let server = Server::start().await;
    let token = server.token("customers:write customers:read").await;
    let set = async |limits: Limits| {
        server.app.provider.put_setting(&server.may(), step_up::SETTING, &limits).await.unwrap();
        server.delete_with("/api/customers", &token, json!({ "ids": [999_999] })).await
    };

    let sure = set(Limits { calls_acr: Some("urn:bailiwick:acr:mfa".to_owned()), ..Limits::default() }).await;
    let off = set(Limits { calls_max_age_seconds: None, ..Limits::default() }).await;

    assert_eq!(sure.status(), 401);
    let challenge = sure.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("acr_values=\"urn:bailiwick:acr:mfa\""), "{challenge}");
    assert_ne!(off.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_show_secrets_or_change_apps_ask_who_is_there_once_more() {
    // SU-3
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read tickets:write").await;
    let id = app.client.id;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let shown = browser.open(&format!("/admin/apps/{id}")).await;
    let edited = browser.open(&format!("/admin/apps/{id}/edit")).await;
    let deleted = browser.open(&format!("/admin/apps/{id}/delete")).await;
    server.clock.advance(Duration::from_secs(60 * 60 + 1));

    for path in ["/admin/apps/new".to_owned(), format!("/admin/apps/{id}/edit"), format!("/admin/apps/{id}/delete")] {
        let page = browser.get(&path).await;
        let back: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        assert_eq!(page.location(), Some(format!("/confirm?return_to={back}").as_str()));
    }
    let back: String = url::form_urlencoded::byte_serialize(format!("/admin/apps/{id}").as_bytes()).collect();
    for (page, button) in [(&shown, "add-secret"), (&edited, "app-submit"), (&deleted, "delete-confirm")] {
        let page = browser.press_once(page, button, &[]).await;
        assert_eq!(page.location(), Some(format!("/confirm?return_to={back}").as_str()), "{button}");
    }
    assert_eq!(server.get("/api/tickets", &server.token("tickets:read").await).await.status(), 200);
    let confirm = browser.open(&format!("/confirm?return_to={back}")).await;
    let wrong = browser.press_once(&confirm, "login-submit", &[("password", "wrong")]).await;
    let right = browser.press(&confirm, "login-submit", &[("password", "correct horse battery")]).await;
    assert_eq!(wrong.status, 401);
    assert_eq!((right.status, right.path.as_str()), (200, format!("/admin/apps/{id}").as_str()));
    let secret = browser.press(&right, "add-secret", &[]).await;
    assert!(secret.body.contains("bws_"), "{}", secret.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_that_confirms_leads_to_our_own_pages_only() {
    // SU-3, RU-10
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let nobody = browser.get("/confirm?return_to=/admin").await;
    browser.sign_in(Person::Admin).await;

    let evil = browser.get("/confirm?return_to=https://evil.example.com/").await;

    assert_eq!(nobody.location(), Some("/login"));
    assert!(!evil.body.contains("evil.example.com"));
}
