//! What apps were seen to use, and how they are shrunk to it.

use oauth::clients::NewClient;
use scope::Dialect;
use serde_json::json;

use crate::support::app::confidential;
use crate::support::{Browser, Person, Server, TestApp};

/// A token of this app for the administrator.
async fn token(app: &TestApp<'_>, scope: &str) -> String {
    app.tokens(Person::Admin, scope).await["access_token"].as_str().expect("a token").to_owned()
}

async fn admin(server: &Server) -> Browser<'_> {
    let mut browser = Browser::new(server);
    browser.sign_in(Person::Admin).await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_what_an_app_used_of_what_it_may_do() {
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read tickets:write tags:read").await;
    let token = token(&app, "openid tickets:read tags:read").await;
    for path in ["/api/tickets", "/api/tickets", "/api/tags", "/api/customers", "/api/tickets/999"] {
        server.get(path, &token).await;
    }
    server.app.provider.write_uses().await.expect("the notes");

    let page = admin(&server).await.get(&format!("/admin/apps/{}/usage", app.client.id)).await;

    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<dt>Calls</dt><dd>5</dd>") && page.body.contains("<dt>Failed</dt><dd>2</dd>"),
        "{}",
        page.body
    );
    let row = |word: &str| {
        let at = page.body.find(&format!("<code>{word}</code><span class=\"under\">")).expect("the word's row");
        page.body[at..].split("</tr>").next().expect("the row's end").to_owned()
    };
    assert!(row("tickets:read").contains("data-label=\"Calls\">3<") && row("tickets:read").contains("Used"));
    assert!(row("tags:read").contains("data-label=\"Calls\">1<"));
    assert!(row("tickets:write").contains("Unused"));
    assert!(row("openid").contains("Stays"));
    assert!(
        page.body.contains("<code>GET /api/customers</code>") && page.body.contains("<code>insufficient_scope</code>")
    );
    assert!(page.body.contains("<code>GET /api/tickets/{id}</code>"), "the route, never the address");
}

#[tokio::test(flavor = "multi_thread")]
async fn shrinking_narrows_the_tokens_that_are_out_there_at_once() {
    // SC-11
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read tags:read tags:write").await;
    let token = token(&app, "openid tickets:read tags:read tags:write").await;
    server.get("/api/tags", &token).await;
    server.app.provider.write_uses().await.expect("the notes");
    let mut browser = admin(&server).await;
    let address = format!("/admin/apps/{}/usage", app.client.id);

    let page = browser.get(&address).await;
    let before = server.get("/api/tickets", &token).await.status();
    server.app.provider.write_uses().await.expect("the notes");
    let stale = browser.press(&page, "shrink-apply", &[]).await;
    let page = browser.get(&address).await;
    let shrunk = browser.press(&page, "shrink-apply", &[]).await;
    let after = [
        server.get("/api/tickets", &token).await.status().as_u16(),
        server.get("/api/tags", &token).await.status().as_u16(),
        server.post("/api/tags", &token, json!({ "name": "new" })).await.status().as_u16(),
    ];

    assert_eq!(before, 200);
    assert!(stale.body.contains("the app has used something else since"), "{}", stale.body);
    assert!(shrunk.body.contains("The app may now do just what it uses."), "{}", shrunk.body);
    assert_eq!(after, [200, 200, 403]);
    let kept = server.app.provider.db.read().await.expect("a transaction");
    let mut kept = kept;
    let client = oauth::clients::by_row(&mut kept, app.client.id).await.expect("a row").expect("the app");
    assert_eq!(client.allowed_scopes.as_str(), "openid tags:read tickets:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_request_is_among_the_last_failures() {
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let refused = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", "bwr_nothing")]).await;
    let unproven = server
        .http
        .post(format!("{}/oauth/token", server.base))
        .basic_auth(&app.client.client_id, Some("wrong"))
        .form(&[("grant_type", "refresh_token"), ("refresh_token", "bwr_nothing")])
        .send()
        .await
        .expect("an answer");
    server.app.provider.write_uses().await.expect("the notes");

    let page = admin(&server).await.get(&format!("/admin/apps/{}/usage", app.client.id)).await;

    assert_eq!(refused.status(), 400);
    assert_eq!(unproven.status(), 401);
    assert_eq!(page.body.matches("<code>POST /oauth/token</code>").count(), 1, "who proves nothing fills no list");
    assert!(page.body.contains("<code>invalid_grant</code>"), "{}", page.body);
    assert!(page.body.contains("<dt>Calls</dt><dd>0</dd>"), "asking for tokens is no call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broad_word_gives_way_to_the_narrow_ones_that_were_used_through_it() {
    // SC-11, RS-5
    let server = Server::start().await;
    let app = server.gorgias_app("write:all offline").await;
    let tokens = app.tokens(Person::Admin, "write:all offline").await;
    let token = tokens["access_token"].as_str().expect("a token");
    server.get("/api/tickets", token).await;
    server.post("/api/tags", token, json!({ "name": "parcel" })).await;
    server.app.provider.write_uses().await.expect("the notes");
    let mut browser = admin(&server).await;

    let page = browser.get(&format!("/admin/apps/{}/usage", app.client.id)).await;
    browser.press(&page, "shrink-apply", &[]).await;
    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    let renewed = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    let renewed: serde_json::Value = renewed.json().await.expect("JSON");

    assert_eq!(server.get("/api/tickets", token).await.status(), 200, "the old token still does what is left");
    assert_eq!(server.get("/api/customers", token).await.status(), 403);
    assert_eq!(renewed["scope"], "offline tags:write tickets:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_called_nothing_is_not_shrunk_to_nothing() {
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = admin(&server).await;
    let address = format!("/admin/apps/{}", app.client.id);

    let page = browser.get(&format!("{address}/usage")).await;
    let (_, mut fields) = browser.get("/logout").await.form_around("logout-confirm");
    fields.push(("keeps".to_owned(), String::new()));
    browser.post(&format!("{address}/shrink"), &fields).await;

    assert!(page.body.contains("made no call in 30 days") && !page.body.contains("shrink-apply"));
    assert!(browser.get(&address).await.body.contains("<code>tickets:read</code>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_suspended_with_a_reason_and_limited() {
    // POL-4
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let token = token(&app, "tickets:read").await;
    let mut browser = admin(&server).await;
    let address = format!("/admin/apps/{}", app.client.id);

    let page = browser.get(&address).await;
    let suspended = browser.press(&page, "app-suspend", &[("reason", "It floods us")]).await;
    let refused = server.get("/api/tickets", &token).await.status();
    browser.press(&suspended, "app-enable", &[]).await;
    let works = server.get("/api/tickets", &token).await.status();
    let usage = browser.get(&format!("{address}/usage")).await;
    let wrong = browser.press(&usage, "limit-save", &[("calls_per_minute", "many")]).await;
    let limited = browser.press(&usage, "limit-save", &[("calls_per_minute", "120")]).await;

    assert!(suspended.body.contains("It floods us"));
    assert_eq!((refused.as_u16(), works.as_u16()), (401, 200));
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("calls_per_minute-problem") && wrong.body.contains("value=\"many\""));
    assert!(limited.body.contains("value=\"120\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_filtered_and_paged() {
    let server = Server::start().await;
    for n in 0..103 {
        let new = NewClient { name: format!("App {n:03}"), ..confidential(Dialect::Gorgias, "tickets:read") };
        server.app(new).await;
    }
    let mut tx = server.db.write().await.expect("a transaction");
    tx.run("update clients set registered_by = 'dcr', status = 'disabled' where name = 'App 007'", &[])
        .await
        .expect("an app");
    tx.run("update clients set last_used_at = $1 where name = 'App 008'", &[server.clock.now().into()])
        .await
        .expect("an app");
    tx.commit().await.expect("commit");
    let mut browser = admin(&server).await;

    let first = browser.get("/admin/apps").await;
    let at = first.body.find("/admin/apps?search").expect("a next page");
    let next = first.body[at..].split('"').next().expect("its address").replace("&#38;", "&").replace("&amp;", "&");
    let second = browser.get(&next).await;
    let itself = browser.get("/admin/apps?show=self-registered").await;
    let suspended = browser.get("/admin/apps?show=suspended").await;
    let unused = browser.get("/admin/apps?show=unused&search=app+00").await;
    let by_publisher = browser.get("/admin/apps?search=mirror+ltd").await;

    assert!(first.body.contains("App 099") && !first.body.contains("App 100"));
    assert!(second.body.contains("App 100") && second.body.contains("App 102") && !second.body.contains("App 099"));
    for page in [itself, suspended] {
        assert!(page.body.contains("App 007") && !page.body.contains("App 008"));
    }
    assert!(unused.body.contains("App 007") && !unused.body.contains("App 008"));
    assert!(by_publisher.body.contains("App 000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_can_end_the_old_ones() {
    // CA-7
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = admin(&server).await;

    let page = browser.get(&format!("/admin/apps/{}", app.client.id)).await;
    browser.press(&page, "add-secret", &[("old", "day")]).await;
    let before = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.status();
    server.clock.advance(std::time::Duration::from_hours(24));
    let after = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.status();

    assert_eq!((before.as_u16(), after.as_u16()), (400, 401));
}
