//! Forms are taken only from pages of ours, opened in the same browser.

use crate::support::{Browser, Person, Server};

/// What others send on purpose: sites their forms, and integrations their calls to the demo's own receiver.
const OPEN_TO_APPS: [&str; 4] =
    ["/oauth/authorize", "/oauth/authorizations/new", "/oauth/end_session", "/demo/webhooks/{name}"];

fn forms() -> Vec<&'static str> {
    let routes = web::routes().table.into_iter().filter(|route| route.method == "POST");
    routes.map(|route| route.path).filter(|path| !OPEN_TO_APPS.contains(path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_without_its_value_is_refused_with_a_page() {
    // LS-3
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let forms = forms();
    assert!(10 < forms.len());

    for path in forms {
        let path =
            path.replace("{id}", "1").replace("{secret_id}", "1").replace("{grant_id}", "1").replace("{kid}", "1");
        for csrf in [None, Some("wrong")] {
            let fields: Vec<(String, String)> = csrf.iter().map(|it| ("csrf".to_owned(), (*it).to_owned())).collect();

            let page = browser.post(&path, &fields).await;

            assert_eq!(page.status, 403, "{path} with {csrf:?}");
            assert!(page.body.contains("out of date"), "{path} with {csrf:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_session_or_another_request_is_refused() {
    // LS-3
    let server = Server::start().await;
    let mut first = Browser::new(&server);
    let mut second = Browser::new(&server);
    first.sign_in(Person::Admin).await;
    second.sign_in(Person::Admin).await;
    let (_, fields) = first.get("/logout").await.form_around("logout-confirm");

    let of_another_session = second.post("/logout", &fields).await;
    let mut for_another_request = fields.clone();
    for_another_request.retain(|(name, _value)| name != "request");
    for_another_request.extend([("request".to_owned(), "x".to_owned()), ("decision".to_owned(), "allow".to_owned())]);
    let of_another_request = first.post("/consent", &for_another_request).await;
    let of_its_own = first.post("/logout", &fields).await;

    assert_eq!(of_another_session.status, 403);
    assert_eq!(of_another_request.status, 403);
    assert_eq!(of_its_own.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_no_form_or_too_long_is_refused() {
    // ALL-5, ALL-14
    let server = Server::start().await;
    let address = format!("{}/login", server.base);

    let json = server.http.post(&address).json(&serde_json::json!({ "email": [] })).send().await.unwrap();
    let long = server.http.post(&address).form(&[("email", "x".repeat(70_000))]).send().await.unwrap();

    assert_eq!(json.status(), 400);
    assert_eq!(long.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_in_a_form_never_break_a_page() {
    // ALL-5
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;

    let answered = browser
        .press_once(&page, "login-submit", &[("email", "a\0b\u{202e}@x"), ("password", "\0"), ("email[]", "x")])
        .await;

    assert_eq!(answered.status, 401);
}
