//! Passkeys, with an authenticator in software (LS-8).

use crate::support::authenticator::Authenticator;
use crate::support::browser::Page;
use crate::support::people::HOST;
use crate::support::{Browser, Person, Server};

/// Makes a passkey for whoever is signed in.
async fn add(browser: &mut Browser<'_>) -> (Authenticator, Page) {
    let page = browser.open("/me/security").await;
    let question = browser.press(&page, "passkey-new", &[]).await;
    let options = question.attribute_of("passkey-form", "data-options");
    let (key, answer) = Authenticator::create(&options, HOST);
    let added = browser.press_over(&question, "passkey-start", &[("name", "A key"), ("credential", &answer)]).await;
    (key, added)
}

/// The page that asks for a passkey to sign in.
async fn ask(browser: &mut Browser<'_>) -> Page {
    let page = browser.open("/login").await;
    browser.press(&page, "login-passkey", &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_alone_signs_in_and_is_the_surest_way() {
    // LS-8, LS-7, LS-1
    let server = Server::with_a_host().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (mut key, added) = add(&mut own).await;

    let mut browser = Browser::new(&server);
    let question = ask(&mut browser).await;
    let options = question.attribute_of("passkey-form", "data-options");
    let answer = key.get(&options, HOST);
    let signed_in = browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await;
    let session = server.session_of(&browser).await;
    let replayed = browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await;

    assert!(added.body.contains("The passkey is added") && added.body.contains("A key"));
    assert!(signed_in.body.contains("Apps you allowed"), "{}", signed_in.body);
    assert_eq!(session.person_id, server.agent_id);
    assert_eq!((session.acr.as_str(), session.amr.as_str()), ("urn:bailiwick:acr:phr", "hwk user mfa"));
    assert_eq!(replayed.status, 410, "a question is answered once");
    assert_eq!(server.events("passkey-added").await, [server.agent_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_offers_passkeys_beneath_the_address() {
    // LS-8
    let server = Server::with_a_host().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (mut key, _added) = add(&mut own).await;

    let mut browser = Browser::new(&server);
    let page = browser.open("/login?return_to=/me/apps").await;
    let asks_at = page.attribute_of("passkey-form", "data-options");
    let (_action, mut fields) = page.form_around("login-passkey");
    let asked = browser.post(&asks_at, &fields).await;
    let unasked = Browser::new(&server).post(&asks_at, &fields).await;
    let asked: serde_json::Value = serde_json::from_str(&asked.body).expect("JSON");
    let answer = key.get(asked["options"].as_str().expect("a question"), HOST);
    fields.push(("step".to_owned(), asked["step"].as_str().expect("a step").to_owned()));
    fields.push(("credential".to_owned(), answer));
    let signed_in = browser.post(&page.attribute_of("passkey-form", "data-finish"), &fields).await;

    assert!(page.body.contains("autocomplete=\"username webauthn\""), "{}", page.body);
    assert!(page.headers["content-security-policy"].to_str().expect("text").contains("connect-src 'self'"));
    assert_eq!(unasked.status, 403, "another browser has another value");
    assert_eq!(signed_in.location(), Some("/me/apps"));
    assert_eq!(server.session_of(&browser).await.acr, "urn:bailiwick:acr:phr");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_a_second_factor_too() {
    // LS-8
    let server = Server::with_a_host().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (mut key, _added) = add(&mut own).await;

    let mut browser = Browser::new(&server);
    let asked = browser.enter_password(Person::Agent).await;
    let question = browser.press(&asked, "factor-passkey", &[]).await;
    let answer = key.get(&question.attribute_of("passkey-form", "data-options"), HOST);
    let signed_in = browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await;
    let session = server.session_of(&browser).await;

    assert!(!asked.body.contains("factor-code"), "there is no app for codes to ask");
    assert!(signed_in.body.contains("Apps you allowed"));
    assert_eq!((session.acr.as_str(), session.amr.as_str()), ("urn:bailiwick:acr:phr", "pwd hwk user mfa"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_answer_to_the_question_signs_nobody_in() {
    // LS-8
    let server = Server::with_a_host().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (mut key, _added) = add(&mut own).await;
    let mut browser = Browser::new(&server);
    let mut statuses = Vec::new();

    // From a false page, from another site's question, without the person being checked, and no answer at all.
    let question = ask(&mut browser).await;
    let answer =
        key.get(&question.attribute_of("passkey-form", "data-options"), "https://help.example.com.evil.example");
    statuses.push(browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await.status);
    let question = ask(&mut browser).await;
    let other = ask(&mut browser).await;
    let answer = key.get(&other.attribute_of("passkey-form", "data-options"), HOST);
    statuses.push(browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await.status);
    let question = ask(&mut browser).await;
    key.flags = 0x01;
    let answer = key.get(&question.attribute_of("passkey-form", "data-options"), HOST);
    key.flags = 0x05;
    statuses.push(browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await.status);
    for nonsense in ["", "{}", "[1]", "\u{202e}"] {
        let question = ask(&mut browser).await;
        statuses.push(browser.press_over(&question, "passkey-start", &[("credential", nonsense)]).await.status);
    }

    assert_eq!(statuses, [401; 7]);
    assert!(!browser.cookies.contains_key("__Host-bailiwick"));
    assert_eq!(server.events("user-login-failed").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_passkey_is_noticed_and_a_removed_one_is_worth_nothing() {
    // LS-8
    let server = Server::with_a_host().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (mut key, added) = add(&mut own).await;
    let mut browser = Browser::new(&server);
    key.counter = 10;
    let question = ask(&mut browser).await;
    let answer = key.get(&question.attribute_of("passkey-form", "data-options"), HOST);
    browser.press_over(&question, "passkey-start", &[("credential", &answer)]).await;

    let mut other = Browser::new(&server);
    key.counter = 3;
    let question = ask(&mut other).await;
    let answer = key.get(&question.attribute_of("passkey-form", "data-options"), HOST);
    let copied = other.press_over(&question, "passkey-start", &[("credential", &answer)]).await;
    let csrf = added.form_around("passkey-new").1;
    let removed = own.post("/me/security/passkeys/1/remove", &csrf).await;
    key.counter = 20;
    let question = ask(&mut other).await;
    let answer = key.get(&question.attribute_of("passkey-form", "data-options"), HOST);
    let gone = other.press_over(&question, "passkey-start", &[("credential", &answer)]).await;

    assert_eq!(copied.status, 401, "its counter went back");
    assert_eq!(removed.location(), Some("/me/security?done=passkey-removed"));
    assert_eq!(gone.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_removes_anothers_passkey_or_finishes_anothers_question() {
    // LS-8, LS-3
    let server = Server::with_a_host().await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    add(&mut agent).await;
    let page = agent.open("/me/security").await;
    let question = agent.press(&page, "passkey-new", &[]).await;
    let (_key, answer) = Authenticator::create(&question.attribute_of("passkey-form", "data-options"), HOST);
    let step = question.form_around("passkey-start").1.into_iter().find(|(name, _)| name == "step").expect("a step").1;

    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let mut csrf = admin.open("/me/security").await.form_around("passkey-new").1;
    let removed = admin.post("/me/security/passkeys/1/remove", &csrf).await;
    csrf.extend([("step".to_owned(), step), ("credential".to_owned(), answer)]);
    let finished = admin.post("/me/security/passkeys", &csrf).await;

    assert_eq!((removed.status, finished.status), (404, 422));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_host_name_no_passkey_is_offered() {
    // LS-8
    let server = Server::start().await;
    let mut browser = Browser::new(&server);

    let login = browser.open("/login").await;
    browser.sign_in(Person::Agent).await;
    let page = browser.open("/me/security").await;

    assert!(!login.body.contains("login-passkey"));
    assert!(!page.body.contains("passkey-new") && page.body.contains("only where this server has a host name"));
}
