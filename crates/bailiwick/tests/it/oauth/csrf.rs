//! Attacks that make a person's browser do what they never meant (RFC 9700, section 4.7).

use scope::Dialect;

use crate::support::app::confidential;
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_one_person_opens_in_no_other_browser() {
    // AZ-23, LS-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let mut attacker = Browser::new(&server);
    let attackers = app.ask(&mut attacker, Person::Agent, "tickets:read", &[]).await;
    let mut victim = Browser::new(&server);
    victim.sign_in(Person::Admin).await;

    let shown = victim.get(&attackers.path).await;
    let (_, fields) = attackers.form_around("consent-allow");
    let sent = victim.post("/consent", &fields).await;

    assert_eq!((shown.status, shown.location()), (400, None));
    assert_eq!((sent.status, sent.location()), (403, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_cannot_be_given_by_a_form_of_another_site() {
    // LS-3, CO-3
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let mut browser = Browser::new(&server);
    let consent = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    let (_, fields) = consent.form_around("consent-allow");
    let request = fields.iter().find(|(name, _)| name == "request").expect("the request").1.clone();
    let forged = [("request".to_owned(), request), ("decision".to_owned(), "allow".to_owned())];

    let refused = browser.post("/consent", &forged).await;
    let allowed = browser.press(&consent, "consent-allow", &[]).await;

    assert_eq!((refused.status, refused.location()), (403, None));
    // The question still stands, and the person's own answer counts.
    assert!(allowed.answer().contains_key("code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_as_somebody_else_by_a_form_of_another_site() {
    // LS-3
    let server = Server::start().await;
    let mut attacker = Browser::new(&server);
    let theirs = attacker.open("/login").await;
    let (_, fields) = theirs.form_around("login-submit");
    let mut victim = Browser::new(&server);
    victim.get("/login").await;
    let mut forged: Vec<(String, String)> = fields.into_iter().filter(|(name, _)| name == "csrf").collect();
    forged.extend([("email".to_owned(), "agent@demo.test".to_owned()), ("password".to_owned(), PASSWORD.to_owned())]);

    let with_theirs = victim.post("/login", &forged).await;
    let with_none = victim.post("/login", &forged[1..]).await;

    assert_eq!((with_theirs.status, with_none.status), (403, 403));
    assert!(!victim.cookies.contains_key("bailiwick"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_can_bind_the_answer_to_its_own_session() {
    // AZ-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Standard, "tickets:read")).await;
    let mut browser = Browser::new(&server);

    let page = app.ask(&mut browser, Person::Agent, "tickets:read", &[("state", "of this session")]).await;
    let allowed = browser.press(&page, "consent-allow", &[]).await.answer();
    let silent = [("state", "of another"), ("prompt", "none")];
    let second = browser.get(&app.request("tickets:read", &silent)).await.answer();

    assert_eq!(allowed["state"], "of this session");
    assert_eq!(second["state"], "of another");
}
