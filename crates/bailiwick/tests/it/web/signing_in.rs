//! The sign-in and sign-out pages.

use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_person_and_a_wrong_password_look_the_same() {
    // LS-5
    let server = Server::start().await;
    let mut bodies = Vec::new();

    for email in ["admin@demo.test", "nobody@demo.test"] {
        let mut browser = Browser::new(&server);
        let page = browser.get("/login").await;
        let answered =
            browser.press_once(&page, "login-submit", &[("email", email), ("password", "wrong wrong")]).await;
        assert_eq!(answered.status, 401);
        let (_, fields) = answered.form_around("login-submit");
        let csrf = &fields.iter().find(|(name, _)| name == "csrf").unwrap().1;
        bodies.push(answered.body.replace(email, "EMAIL").replace(csrf.as_str(), "CSRF"));
    }

    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[0].contains("The e-mail address or the password is wrong."));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_are_answered_with_how_long_to_wait() {
    // LS-6
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;

    let mut answered = page.clone();
    for _ in 0..20 {
        answered =
            browser.press_once(&page, "login-submit", &[("email", "admin@demo.test"), ("password", "wrong")]).await;
        if answered.status == 429 {
            break;
        }
    }

    assert_eq!(answered.status, 429);
    assert!(answered.headers.contains_key("retry-after"));
    assert!(answered.body.contains("Too many attempts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_back_to_the_page_that_was_asked_for() {
    // RU-10
    let server = Server::start().await;
    let mut browser = Browser::new(&server);

    let asked = browser.open("/admin/apps/new").await;
    let there = browser.sign_in_on(&asked, Person::Admin).await;
    let mut stranger = Browser::new(&server);
    let planted = stranger.open("/login?return_to=%2F%2Fevil.example").await;

    assert!(there.body.contains("Register an app"));
    assert!(!planted.body.contains("evil.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_new_at_each_sign_in_and_gone_after_signing_out() {
    // LS-1, LO-5
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let first = browser.cookies["bailiwick"].clone();

    let question = browser.get("/logout").await;
    let signed_out = browser.press(&question, "logout-confirm", &[]).await;
    let has_cookie = browser.cookies.contains_key("bailiwick");
    browser.sign_in(Person::Admin).await;
    let second = browser.cookies["bailiwick"].clone();
    browser.cookies.insert("bailiwick".to_owned(), first.clone());
    let with_the_old_one = browser.get("/admin").await;

    assert!(signed_out.body.contains("You are signed out."));
    assert!(!has_cookie);
    assert_ne!(first, second);
    assert_eq!(with_the_old_one.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_starts_on_the_page_that_is_theirs() {
    let server = Server::start().await;
    let mut admin = Browser::new(&server);
    let mut agent = Browser::new(&server);
    let mut stranger = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    agent.sign_in(Person::Agent).await;

    assert_eq!(admin.get("/").await.location(), Some("/admin"));
    assert_eq!(agent.get("/").await.location(), Some("/me/apps"));
    assert_eq!(stranger.get("/").await.location(), Some("/login"));
}
