//! Attacks that read codes and tokens where they lie around (RFC 9700, sections 4.2, 4.3 and 4.12): referrers, histories, redirects that
//! carry a form along.

use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use scope::Dialect;

use crate::support::app::{VERIFIER, confidential};
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn no_page_on_the_way_tells_another_site_where_the_person_is() {
    // ALL-16, RU-10
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);

    let login = browser.open(&app.request("tickets:read", &[])).await;
    let consent = browser.sign_in_on(&login, Person::Agent).await;
    let answer = browser.press_once(&consent, "consent-allow", &[]).await;

    for page in [&login, &consent, &answer] {
        assert_eq!(page.headers[REFERRER_POLICY], "no-referrer", "{}", page.path);
        assert_eq!(page.headers[CACHE_CONTROL], "no-store", "{}", page.path);
    }
    for page in [&login, &consent] {
        let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{policy}");
        // Whatever a page loads comes from here: an image elsewhere would see the address.
        for attribute in [" src=\"http", " srcset=\"http", "<link rel=\"stylesheet\" href=\"http"] {
            assert!(!page.body.contains(attribute), "{attribute} on {}", page.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_stands_in_the_redirect_alone_and_the_way_back_repeats_no_form() {
    // AZ-9, CO-5
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    for button in ["consent-deny", "consent-allow"] {
        let mut browser = Browser::new(&server);
        let consent = app.ask(&mut browser, Person::Agent, "tickets:read", &[]).await;

        let answer = browser.press_once(&consent, button, &[]).await;

        // A 307 would post the password or the decision on to the app.
        assert!([302, 303].contains(&answer.status), "{}", answer.status);
        assert!(answer.body.is_empty(), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_never_redirects_with_the_password() {
    // AZ-9
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let login = browser.open(&app.request("tickets:read", &[])).await;

    let typed = [("email", "agent@demo.test"), ("password", PASSWORD)];
    let answer = browser.press_once(&login, "login-submit", &typed).await;

    assert_eq!(answer.status, 303);
    assert!(!answer.location().expect("a redirect").contains("password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_an_address_is_refused_before_it_is_looked_at() {
    // ALL-7, RS-1
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "account:read")).await;
    let code = app.code(Person::Agent, "account:read").await;
    let secret = app.secret.clone().expect("a secret");
    let client_id = &app.client.client_id;

    let in_query = format!(
        "{}/oauth/token?grant_type=authorization_code&code={code}&client_id={client_id}&client_secret={secret}&code_verifier={VERIFIER}",
        server.base
    );
    let refused = server.http.post(in_query).form(&[("a", "b")]).send().await.expect("send");
    assert_eq!(refused.status(), 400);
    let body: serde_json::Value = refused.json().await.expect("JSON");
    assert_eq!(body["error"], "invalid_request");

    // The code is still good: nothing looked at it.
    let tokens = app.redeem(&code).await;
    assert_eq!(tokens.status(), 200);
    let tokens: serde_json::Value = tokens.json().await.expect("JSON");
    let token = tokens["access_token"].as_str().expect("a token");
    for path in ["/api/account", "/oauth/userinfo"] {
        let answer = server.http.get(format!("{}{path}?access_token={token}", server.base)).send().await.expect("send");
        assert_eq!(answer.status(), 400, "{path}");
    }
}
