//! What the account allows at all.

use oauth::clients::NewClient;
use scope::Dialect;
use serde_json::json;

use crate::support::app::confidential;
use crate::support::browser::Page;
use crate::support::{Browser, Person, Server};

async fn set(browser: &mut Browser<'_>, typed: &[(&str, &str)]) -> Page {
    let page = browser.get("/admin/app-rules").await;
    browser.press(&page, "rules-save", typed).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_not_allowed_is_as_if_switched_off() {
    // CO-11, POL-4
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let listed = NewClient { name: "Listed".to_owned(), ..confidential(Dialect::Gorgias, "tickets:read") };
    let listed = server.app(listed).await;
    let tokens = app.tokens(Person::Admin, "tickets:read").await;
    let token = tokens["access_token"].as_str().expect("a token");
    let of_listed = listed.tokens(Person::Admin, "tickets:read").await;
    let of_listed = of_listed["access_token"].as_str().expect("a token");
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    for rules in [
        [("apps", "all"), ("denied_apps", app.client.client_id.as_str())],
        [("apps", "listed"), ("allowed_apps", listed.client.client_id.as_str())],
    ] {
        let saved = set(&mut browser, &rules).await;

        assert!(saved.body.contains("Your changes are saved."), "{}", saved.body);
        assert_eq!(server.get("/api/tickets", token).await.status(), 401);
        assert_eq!(server.get("/api/tickets", of_listed).await.status(), 200);
        assert_eq!(browser.open(&app.request("tickets:read", &[])).await.status, 400);
        let refused = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
        assert_eq!(refused.status(), 401);
    }
    set(&mut browser, &[("apps", "all")]).await;
    assert_eq!(server.get("/api/tickets", token).await.status(), 200, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_scope_is_outside_every_ceiling_and_tokens_narrow_at_once() {
    // CO-11, SC-11
    let server = Server::start().await;
    let app = server.gorgias_app("write:all tags:read").await;
    let tokens = app.tokens(Person::Admin, "write:all").await;
    let token = tokens["access_token"].as_str().expect("a token");
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    set(&mut browser, &[("apps", "all"), ("denied_scopes", "tags:write")]).await;

    assert_eq!(server.post("/api/tags", token, json!({ "name": "new" })).await.status(), 403);
    assert_eq!(server.get("/api/tags", token).await.status(), 200);
    let asked = browser.open(&app.request("write:all", &[])).await.answer();
    assert_eq!(asked["error"], "invalid_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_about_nothing_are_refused() {
    // CO-11
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let refused = set(&mut browser, &[("apps", "all"), ("denied_apps", "nobody"), ("denied_scopes", "fly")]).await;

    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("nobody is not the client id of an app."));
    assert!(refused.body.contains("fly is not a scope."));
}
