//! The first run: the one-time link.

use crate::support::{Browser, Server};

const TOKEN: &str = "the-token-of-the-link";

/// A server as it is before anybody opened the link.
async fn fresh() -> Server {
    let server = Server::start().await;
    let mut tx = server.db.write().await.expect("the database");
    for sql in ["delete from account", "delete from settings", "delete from passwords", "delete from people"] {
        tx.run(sql, &[]).await.expect("the database");
    }
    tx.commit().await.expect("the database");
    server.app.setup.open(TOKEN);
    server
}

const ANSWERS: [(&str, &str); 4] = [
    ("account", "Northwind & Co"),
    ("name", "Ada Winter"),
    ("email", "ada@northwind.example"),
    ("password", "seven calm grey herons"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_link_makes_the_account_once_and_leads_into_the_admin_center() {
    let server = fresh().await;
    let mut browser = Browser::new(&server);

    let page = browser.open(&format!("/setup?token={TOKEN}")).await;
    let home = browser.press(&page, "setup-submit", &ANSWERS).await;
    let again = browser.press(&page, "setup-submit", &ANSWERS).await;
    let opened_again = browser.get(&format!("/setup?token={TOKEN}")).await;

    assert_eq!(home.path, "/admin?done=welcome", "{}", home.body);
    assert!(home.body.contains("Northwind &#38; Co") && home.body.contains("Ada Winter"), "{}", home.body);
    assert_eq!(again.status, 410);
    assert_eq!(opened_again.status, 410);
    assert!(opened_again.body.contains("already set up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_token_is_told_where_the_link_is() {
    let server = fresh().await;
    let mut browser = Browser::new(&server);

    for path in ["/setup", "/setup?token=wrong"] {
        let page = browser.get(path).await;

        assert_eq!(page.status, 403, "{path}");
        assert!(page.body.contains("Open the link that the server printed"), "{path}");
    }
    assert_eq!(browser.get("/").await.location(), Some("/setup"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_password_is_refused_beside_its_field_and_nothing_is_made() {
    let server = fresh().await;
    let mut browser = Browser::new(&server);
    let page = browser.open(&format!("/setup?token={TOKEN}")).await;

    for weak in ["short", "password1234567", "aaaaaaaaaaaaaaaa", "my name is ada.winter ok"] {
        let mut answers = ANSWERS.to_vec();
        answers[2].1 = "ada.winter@northwind.example";
        answers[3].1 = weak;
        let refused = browser.press_once(&page, "setup-submit", &answers).await;

        assert_eq!(refused.status, 422, "{weak}");
        assert!(refused.body.contains("id=\"password-problem\""), "{weak}");
        assert!(refused.body.contains("value=\"Ada Winter\""), "what was typed stays");
        assert!(!refused.body.contains(weak), "a password is never sent back");
    }
    assert!(server.app.setup.is_open());
}
