//! What every page carries, and what is shown instead of a page.

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server};
use scope::Dialect;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_forbids_frames_foreign_files_and_inline_scripts() {
    // ALL-16, CO-3
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    for path in [
        "/login?request=x",
        "/logout",
        "/setup",
        "/consent?request=x",
        "/admin",
        "/admin/apps",
        "/admin/apps/new",
        "/me/apps",
    ] {
        let page = browser.get(path).await;

        let header = |name: &str| page.headers.get(name).unwrap_or_else(|| panic!("{path}: {name}")).to_str().unwrap();
        let policy = header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(page.headers.get("strict-transport-security").is_none(), "{path}: this is plain http");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_that_lead_to_an_app_may_be_redirected_anywhere() {
    // CO-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read")).await;
    let mut browser = Browser::new(&server);

    let sign_in = browser.open(&app.request("tickets:read", &[])).await;
    let consent = browser.sign_in_on(&sign_in, Person::Admin).await;

    assert!(consent.body.contains("consent-allow"));
    for page in [sign_in, consent] {
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("form-action"), "{}: {policy}", page.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_https_cookies_are_secure_and_pages_promise_to_stay_there() {
    // ALL-16, LS-1
    let server = Server::start_with(|settings| settings.public_url = "https://help.example.com".to_owned()).await;
    let mut browser = Browser::new(&server);

    let page = browser.get("/login").await;

    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-bailiwick-browser="), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(page.headers["strict-transport-security"].to_str().unwrap().contains("max-age=31536000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_pages_are_kept_for_a_year_under_a_name_that_changes_with_them() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    let start = page.body.find("/assets/bailiwick.").unwrap();
    let style = page.body[start..].split('"').next().unwrap();

    let found = browser.get(style).await;
    let other = browser.get("/assets/bailiwick.0000000000000000.css").await;

    assert_eq!(found.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(found.headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(other.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_page_where_a_program_gets_its_own_words() {
    let server = Server::start().await;
    let get = |path: &str| server.http.get(format!("{}{path}", server.base)).header("accept", "text/html");

    let nothing = get("/nothing-here").send().await.unwrap();
    let api = get("/api/nothing-here").send().await.unwrap();
    let wrong_method = server.http.delete(format!("{}/login", server.base)).send().await.unwrap();

    assert_eq!(nothing.status(), 404);
    assert!(nothing.text().await.unwrap().contains("There is nothing here"));
    assert_eq!(api.headers()["content-type"], "application/json");
    assert_eq!(wrong_method.status(), 405);
    assert!(wrong_method.headers().contains_key("allow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_like_get_without_the_page() {
    // ALL-16
    let server = Server::start().await;

    let head = server.http.head(format!("{}/login", server.base)).send().await.unwrap();

    assert_eq!(head.status(), 200);
    assert!(head.headers().contains_key("content-security-policy"));
    assert!(head.text().await.unwrap().is_empty());
}
