//! Attacks that lay a page of ours under one of theirs (RFC 9700, section 4.16).

use reqwest::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use scope::Dialect;

use crate::support::app::confidential;
use crate::support::browser::Page;
use crate::support::{Browser, Person, Server};

fn assert_cannot_be_framed(page: &Page) {
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.contains("frame-ancestors 'none'"), "{}: {policy}", page.path);
    assert_eq!(page.headers[X_FRAME_OPTIONS], "DENY", "{}", page.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_on_the_way_to_a_code_can_be_framed() {
    // CO-3, ALL-16
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read tickets:write")).await;
    let mut browser = Browser::new(&server);

    let login = browser.open(&app.request("tickets:read", &[])).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;
    let chooser = browser.open(&app.request("tickets:read", &[("prompt", "select_account")])).await;
    let posted = [("response_mode", "form_post"), ("scope", "no:such")];
    let posted = browser.get(&app.request("tickets:read", &posted)).await;
    let refused = browser.get(&app.request("tickets:read", &[("client_id", "nobody")])).await;
    let confirm = browser.get("/confirm?return_to=/admin").await;
    let logout = browser.get("/logout").await;

    for page in [&login, &consent, &chooser, &posted, &refused, &confirm, &logout] {
        assert_cannot_be_framed(page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_makes_apps_powerful_cannot_be_framed() {
    // ALL-16, SU-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    for path in ["/admin", "/admin/apps", "/admin/apps/new", "/me/apps", &format!("/admin/apps/{}", app.client.id)] {
        assert_cannot_be_framed(&browser.get(path).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_key_press_allows_nothing() {
    // CO-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read tickets:write")).await;
    let mut browser = Browser::new(&server);

    let consent = app.ask(&mut browser, Person::Admin, "tickets:read tickets:write", &[]).await;

    assert!(!consent.body.contains("autofocus"), "{}", consent.body);
    // The first button of a form is pressed by the enter key.
    let first = consent.body.find("<button").expect("a button");
    let tag = &consent.body[first..first + consent.body[first..].find('>').expect("its end")];
    assert!(!tag.contains("consent-allow"), "{tag}");
}
