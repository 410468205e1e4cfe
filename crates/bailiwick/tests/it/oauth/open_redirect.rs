//! Attacks that use us to send people elsewhere (RFC 9700, section 4.11).

use scope::Dialect;
use serde_json::json;

use crate::support::app::{CALLBACK, confidential};
use crate::support::request_object::signing;
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server, TestKey};

/// Addresses that a careless comparison takes for the registered one.
const ALIKE: [&str; 9] = [
    "https://evil.example.com/",
    "https://app.example.com.evil.example.com/callback",
    "https://app.example.com@evil.example.com/callback",
    "https://evil.example.com/?https://app.example.com/callback",
    "https://app.example.com/callback/../../evil",
    "https://app.example.com/callback%2f..",
    "https://APP.example.com/callback",
    "//app.example.com/callback",
    "javascript:alert(1)//https://app.example.com/callback",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_to_an_address_that_is_not_registered_not_even_an_error() {
    // AZ-2, RU-1, PA-2, JA-1
    let server = Server::start().await;
    let key = TestKey::es256();
    let app = server.app(signing(&key, "tickets:read")).await;
    let mut signed_in = Browser::new(&server);
    signed_in.sign_in(Person::Agent).await;

    for uri in ALIKE {
        let object = key.sign(json!({}), &app.object("tickets:read", json!({ "redirect_uri": uri })));
        for request in [
            app.request("tickets:read", &[("redirect_uri", uri)]),
            app.request("tickets:read", &[("redirect_uri", uri), ("prompt", "none")]),
            app.request("tickets:read", &[("redirect_uri", uri), ("response_type", "token")]),
            app.request("tickets:read", &[("redirect_uri", uri), ("response_mode", "form_post")]),
            app.request(
                "tickets:read",
                &[("redirect_uri", uri), ("request_uri", "urn:ietf:params:oauth:request_uri:x")],
            ),
            app.with_object(&object, &[]),
        ] {
            let page = signed_in.get(&request).await;

            assert_eq!((page.status, page.location()), (400, None), "{request}");
            assert!(!page.body.contains("<form") || !page.body.contains("evil"), "{}", page.body);
        }
        assert_eq!(app.push("tickets:read", &[("redirect_uri", uri)]).await.status(), 400, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_confirming_lead_to_our_own_pages_only() {
    // RU-10
    let server = Server::start().await;
    for to in
        ["https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com", "javascript:alert(1)", "/ /evil"]
    {
        let mut browser = Browser::new(&server);
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", to).finish();
        let login = browser.open(&format!("/login?{query}")).await;
        let (action, mut fields) = login.form_around("login-submit");
        fields.retain(|(name, _)| name != "return_to");
        for (name, value) in [("email", "agent@demo.test"), ("password", PASSWORD), ("return_to", to)] {
            fields.push((name.to_owned(), value.to_owned()));
        }

        let sent = browser.post(&action, &fields).await;
        let again = browser.get(&format!("/login?{query}")).await;
        let confirm = browser.get(&format!("/confirm?{query}")).await;

        assert_eq!((sent.location(), again.location()), (Some("/"), Some("/")), "{to}");
        assert!(confirm.body.contains("name=\"return_to\" value=\"/\""), "{}", confirm.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cannot_be_bent_by_what_the_app_sends_along() {
    // AZ-8, AZ-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let state = "x\r\nLocation: https://evil.example.com/\r\n\r\n<script>";

    let page = Browser::new(&server).get(&app.request("tickets:read", &[("state", state), ("prompt", "none")])).await;

    let location = page.location().expect("a redirect");
    assert!(location.starts_with(&format!("{CALLBACK}?")) && !location.contains('\n'), "{location}");
    assert_eq!(page.answer()["state"], state);
    assert_eq!(page.headers.get_all("location").iter().count(), 1);
}
