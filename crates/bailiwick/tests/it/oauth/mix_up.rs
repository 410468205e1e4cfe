//! Attacks on an app that talks to several providers (RFC 9700, section 4.4): every answer says whose it is (RFC 9207).

use scope::Dialect;
use serde_json::Value;

use crate::support::app::{CALLBACK, confidential};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_the_issuer_of_the_metadata() {
    // AZ-7, MD-6, MC-4
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let url = format!("{}/.well-known/oauth-authorization-server", server.base);
    let document: Value = server.http.get(url).send().await.unwrap().json().await.unwrap();
    let mut browser = Browser::new(&server);

    let refused = browser.get(&app.request("tickets:read", &[("prompt", "none")])).await.answer();
    let early = browser.get(&app.request("tickets:read", &[("scope", "no:such")])).await.answer();
    let fragment = [("response_mode", "fragment"), ("prompt", "none")];
    let fragment = browser.get(&app.request("tickets:read", &fragment)).await.answer();
    let consent = app.ask(&mut browser, Person::Agent, "tickets:read", &[]).await;
    let denied = browser.press(&consent, "consent-deny", &[]).await.answer();
    let allowed = app.allow(&mut browser, Person::Agent, "tickets:read").await;

    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    for answer in [refused, early, fragment, denied, allowed] {
        assert_eq!(document["issuer"], answer["iss"].as_str(), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_answer_names_it_too_and_a_signed_one_names_it_inside() {
    // AZ-7, AZ-26
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let ask = async |mode: &str| {
        let changes = [("response_mode", mode), ("prompt", "none")];
        Browser::new(&server).get(&app.request("tickets:read", &changes)).await
    };

    let posted = ask("form_post").await;
    let signed = ask("jwt").await.answer();

    assert!(posted.body.contains(&format!("name=\"iss\" value=\"{}\"", server.base)), "{}", posted.body);
    assert!(!signed.contains_key("iss"));
    let claims = server.verified(&signed["response"]).await;
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(&*server.base), Some(&*app.client.client_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_app_nor_the_host_header_says_another_issuer() {
    // ALL-1, AZ-7, AZ-8
    let server = Server::start().await;
    let mut new = confidential(Dialect::Standard, "tickets:read");
    new.redirect_uris = vec![format!("{CALLBACK}?iss=https%3A%2F%2Fevil.example.com&tenant=1")];
    let app = server.app(new).await;
    let request = app.request("tickets:read", &[("prompt", "none"), ("iss", "https://evil.example.com")]);

    let answered = server.http.get(format!("{}{request}", server.base)).header("host", "evil.example.com");
    let answered = answered.send().await.unwrap();

    let location = answered.headers()["location"].to_str().unwrap().to_owned();
    let issuers: Vec<String> = url::Url::parse(&location)
        .unwrap()
        .query_pairs()
        .filter(|(name, _value)| name == "iss")
        .map(|(_name, value)| value.into_owned())
        .collect();
    assert_eq!(issuers, std::slice::from_ref(&server.base), "{location}");
    assert!(location.contains("tenant=1"));
}
