//! The account's demands on requests and sign-ins, set in the Admin Center.

use std::time::Duration;

use oauth::step_up::{self, Limits};
use serde_json::{Value, json};

use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_says_what_requests_and_sign_ins_must_be() {
    // PA-6, SU-1, SU-3, MD-9
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let form = browser.open("/admin/demands").await;
    let typed =
        [("pages_minutes", "30"), ("calls_hours", ""), ("calls_acr", "urn:bailiwick:acr:mfa"), ("pushed", "yes")];

    let saved = browser.press(&form, "demands-save", &typed).await;

    assert!(saved.body.contains("Your changes are saved."), "{}", saved.body);
    let limits: Limits = server.app.provider.setting(step_up::SETTING).await.unwrap();
    let expected = Limits {
        pages_max_age_seconds: Some(1800),
        calls_max_age_seconds: None,
        calls_acr: Some("urn:bailiwick:acr:mfa".to_owned()),
    };
    assert_eq!(limits, expected);
    let direct = browser.get(&app.request("tickets:read", &[])).await;
    assert_eq!(direct.answer()["error"], "invalid_request");
    let url = format!("{}/.well-known/openid-configuration", server.base);
    let document: Value = server.http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["require_pushed_authorization_requests"], true);
    let refused = server.delete_with("/api/tags", &server.token("tags:write").await, json!({ "ids": [1] })).await;
    assert_eq!(refused.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_named_beside_its_field_and_nothing_is_kept() {
    // SU-3
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let form = browser.open("/admin/demands").await;
    let before: Limits = server.app.provider.setting(step_up::SETTING).await.unwrap();

    for (field, value) in
        [("pages_minutes", "1"), ("pages_minutes", "soon"), ("calls_hours", "-1"), ("calls_acr", "gold")]
    {
        let refused = browser.press_once(&form, "demands-save", &[(field, value)]).await;

        assert_eq!(refused.status, 422, "{field}={value}");
    }
    let after: Limits = server.app.provider.setting(step_up::SETTING).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_themselves_change_only_by_a_recent_sign_in() {
    // SU-3
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let form = browser.open("/admin/demands").await;
    server.clock.advance(Duration::from_secs(3601));

    let sent = browser.press_once(&form, "demands-save", &[("pages_minutes", "")]).await;

    assert_eq!(sent.location(), Some("/confirm?return_to=%2Fadmin%2Fdemands"));
}
