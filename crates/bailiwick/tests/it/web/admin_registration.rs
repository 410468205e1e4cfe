//! The page that lets apps register themselves.

use serde_json::json;

use crate::support::app::CALLBACK;
use crate::support::{Browser, Person, Server};

/// What stands in the element with this id.
fn text_of(body: &str, id: &str) -> String {
    let start = body.find(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("no {id} in {body}")) + id.len() + 6;
    body[start..].split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_opens_registration_and_gives_out_a_token() {
    // RG-2, MD-9, ALL-11
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let body = json!({ "redirect_uris": [CALLBACK] });

    let page = browser.open("/admin/registration").await;
    assert!(page.body.contains("Administrators only"));
    let saved = browser.press(&page, "registration-save", &[("mode", "initial-access-token")]).await;
    let saved = browser.follow(saved).await;
    assert!(saved.body.contains("Your changes are saved."));
    assert!(saved.body.contains("/oauth/register"));

    let refused = browser.press(&saved, "token-create", &[("name", ""), ("uses", "0"), ("days", "7")]).await;
    assert_eq!(refused.status, 422);
    let made = [("name", "Ada's tools"), ("uses", "1"), ("days", "7")];
    let shown = browser.press(&saved, "token-create", &made).await;
    assert_eq!(shown.status, 200);
    let token = text_of(&shown.body, "new-token");
    assert!(token.starts_with("bwi_"));
    server.registered(&token, body.clone()).await;
    assert!(!browser.open("/admin/registration").await.body.contains(&token), "shown once");

    let second = browser.press(&saved, "token-create", &made).await;
    let token = text_of(&second.body, "new-token");
    let action = second.body.split("action=\"/admin/registration/tokens/").nth(1).expect("a form");
    let id = action.split('/').next().expect("an id");
    let (_, fields) = second.form_around("token-create");
    let gone = browser.post(&format!("/admin/registration/tokens/{id}/revoke"), &fields).await;
    assert_eq!(gone.status, 303);
    assert_eq!(server.register(&token, &body).await.status(), 401);

    let wrong = [("mode", "open"), ("statement_issuers", "https://store.example http://store.example/keys")];
    let refused = browser.press(&saved, "registration-save", &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("statement_issuers-problem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_for_administrators() {
    // RG-2
    let server = Server::start().await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;

    assert_eq!(agent.get("/admin/registration").await.status, 403);
    assert_eq!(Browser::new(&server).get("/admin/registration").await.status, 303);
}
