//! Signed authorization responses.

use oauth::clients::{Metadata, NewClient};
use scope::Dialect;

use crate::support::app::{CALLBACK, confidential};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_one_signed_jwt_in_each_way_it_can_travel() {
    // AZ-26
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    let now = server.clock.now().as_second();

    for (mode, mark) in [("jwt", "?"), ("query.jwt", "?"), ("fragment.jwt", "#")] {
        let mut page = browser.open(&app.request("tickets:read", &[("response_mode", mode)])).await;
        if page.location().is_none() {
            page = browser.press(&page, "consent-allow", &[]).await;
        }

        assert!(page.location().is_some_and(|to| to.starts_with(&format!("{CALLBACK}{mark}response="))), "{mode}");
        let answer = page.answer();
        assert_eq!(answer.len(), 1, "{answer:?}");
        let claims = server.verified(&answer["response"]).await;
        assert_eq!(claims["iss"], server.base.as_str());
        assert_eq!(claims["aud"], app.client.client_id.as_str());
        assert_eq!(claims["state"], "a state");
        let exp = claims["exp"].as_i64().unwrap();
        assert!(now < exp && exp <= now + 600, "{exp}");
        assert_eq!(app.redeem(claims["code"].as_str().unwrap()).await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_answer_can_be_posted_and_can_be_an_error() {
    // AZ-26, AZ-5
    let server = Server::start().await;
    let metadata = Metadata { authorization_signed_response_alg: Some("ES256".to_owned()), ..Metadata::default() };
    let app = server.app(NewClient { metadata, ..confidential(Dialect::Standard, "tickets:read") }).await;

    let posted = [("response_mode", "form_post.jwt"), ("prompt", "none")];
    let posted = Browser::new(&server).get(&app.request("tickets:read", &posted)).await;
    let early = [("response_mode", "fragment.jwt"), ("scope", "no:such")];
    let early = Browser::new(&server).get(&app.request("tickets:read", &early)).await;

    assert_eq!((posted.status, &posted.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    assert!(posted.body.contains(&format!("action=\"{CALLBACK}\"")) && posted.body.contains("<noscript>"));
    let token = posted.body.split("name=\"response\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(jsonwebtoken::decode_header(token).unwrap().alg, jsonwebtoken::Algorithm::ES256);
    assert_eq!(server.verified(token).await["error"], "login_required");
    let claims = server.verified(&early.answer()["response"]).await;
    assert_eq!((&claims["error"], &claims["state"]), (&"invalid_scope".into(), &"a state".into()));
}
