//! The room of API keys.

use serde_json::{Value, json};

use crate::support::browser::Page;
use crate::support::{Browser, Person, Server};

async fn make(browser: &mut Browser<'_>, typed: &[(&str, &str)]) -> Page {
    let page = browser.get("/admin/api-keys").await;
    browser.press(&page, "key-create", typed).await
}

fn key_in(page: &Page) -> String {
    let start = page.body.find("id=\"new-key\">").unwrap_or_else(|| panic!("no key in {}", page.body))
        + "id=\"new-key\">".len();
    page.body[start..].split('<').next().expect("a key").to_owned()
}

async fn call(server: &Server, path: &str, key: &str) -> reqwest::Response {
    let request = server.http.get(format!("{}{path}", server.base));
    request.basic_auth("agent@demo.test", Some(key)).send().await.expect("send")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_no_more_than_its_scopes_and_its_person() {
    // RS-3, RS-6
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let made = make(
        &mut browser,
        &[("name", "Nightly export"), ("email", "agent@demo.test"), ("reach", "some"), ("scope", "tickets:read")],
    )
    .await;
    let key = key_in(&made);
    let wide = make(&mut browser, &[("name", "Old script"), ("email", "agent@demo.test"), ("reach", "all")]).await;
    let wide = key_in(&wide);
    let listed = browser.get("/admin/api-keys").await;

    assert_eq!(call(&server, "/api/tickets", &key).await.status(), 200);
    assert_eq!(call(&server, "/api/tags", &key).await.status(), 403);
    assert_eq!(call(&server, "/api/tags", &wide).await.status(), 200);
    assert!(listed.body.contains("Nightly export") && listed.body.contains("<code>tickets:read</code>"));
    assert!(!listed.body.contains(&key) && listed.body.contains(&key[..6]), "shown once");
    assert!(listed.body.contains("All its person may"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_made_is_explained() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;

    let nobody = make(&mut browser, &[("name", "x"), ("email", "nobody@demo.test"), ("reach", "all")]).await;
    let nameless = make(&mut browser, &[("email", "agent@demo.test"), ("reach", "all")]).await;
    let nothing = make(&mut browser, &[("name", "x"), ("email", "agent@demo.test"), ("reach", "some")]).await;
    let strange =
        make(&mut browser, &[("name", "x"), ("email", "agent@demo.test"), ("reach", "some"), ("scope", "fly")]).await;

    for (page, problem) in [
        (nobody, "email-problem"),
        (nameless, "name-problem"),
        (nothing, "scope-problem"),
        (strange, "fly is not a scope"),
    ] {
        assert_eq!(page.status, 422);
        assert!(page.body.contains(problem), "{problem}");
    }
    assert!(browser.get("/admin/api-keys").await.body.contains("No keys"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let made = make(&mut browser, &[("name", "Script"), ("email", "agent@demo.test"), ("reach", "all")]).await;
    let key = key_in(&made);

    let listed = browser.get("/admin/api-keys").await;
    let (_, csrf) = browser.get("/logout").await.form_around("logout-confirm");
    let at = listed.body.find("action=\"/admin/api-keys/").expect("the first form");
    let revoke = listed.body[at..]
        .match_indices("action=\"")
        .map(|(start, tag)| listed.body[at + start + tag.len()..].split('"').next().unwrap_or_default().to_owned())
        .find(|action| action.ends_with("/revoke"))
        .expect("a key to revoke");
    let revoked = browser.post(&revoke, &csrf).await;
    let revoked = browser.follow(revoked).await;

    assert!(revoked.body.contains("The API key is revoked."));
    assert_eq!(call(&server, "/api/tickets", &key).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_refuses_every_key_in_the_dialects_shape_until_it_is_on_again() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let made = make(&mut browser, &[("name", "Script"), ("email", "agent@demo.test"), ("reach", "all")]).await;
    let key = key_in(&made);

    let page = browser.get("/admin/api-keys").await;
    let off = browser.press(&page, "keys-off", &[]).await;
    let refused = call(&server, "/api/tickets", &key).await;
    let wrong = call(&server, "/api/tickets", "wrong").await.status();
    let status = refused.status();
    let told: Value = refused.json().await.expect("JSON");
    let on = browser.press(&off, "keys-on", &[]).await;

    assert!(off.body.contains("API keys are off") && on.body.contains("API keys are on"));
    assert_eq!((status.as_u16(), wrong.as_u16()), (401, 401));
    assert_eq!(told, json!({ "error": { "msg": "API keys are switched off for this account. Use OAuth instead." } }));
    assert_eq!(call(&server, "/api/tickets", &key).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_is_for_administrators() {
    let server = Server::start().await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    let (_, csrf) = agent.get("/logout").await.form_around("logout-confirm");

    for path in ["/admin/api-keys", "/admin/audit", "/admin/audit.ndjson"] {
        assert_eq!(agent.get(path).await.status, 403, "{path}");
    }
    for path in ["/admin/api-keys", "/admin/api-keys/switch", "/admin/api-keys/1/revoke"] {
        assert_eq!(agent.post(path, &csrf).await.status, 403, "{path}");
    }
}
