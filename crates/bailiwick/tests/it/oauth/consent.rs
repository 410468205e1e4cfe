//! Consent and grants (section 8 of the OAuth contract).

use oauth::clients::{ClientChange, NewClient};
use oauth::consents;
use scope::Dialect;
use scope::set::ScopeSet;

use crate::support::app::{CALLBACK, confidential, public};
use crate::support::{Browser, Person, Server, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_who_asks_for_what_and_where_the_answer_goes() {
    // CO-1, CO-3, ALL-16
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read tickets:write offline").await;

    let page = app.ask(&mut Browser::new(&server), Person::Agent, "tickets:read tickets:write offline", &[]).await;

    for text in [
        "Ticket Mirror",
        "Mirror Ltd",
        "mirror.example.com",
        "app.example.com",
        "agent@demo.test",
        "(tickets:read)",
        "(tickets:write)",
        "It keeps access when you are away",
        "Not verified",
    ] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
    assert!(!page.body.contains("autofocus"));
    assert!(page.body.find("consent-deny") < page.body.find("consent-allow"), "deny is the form's default button");
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(page.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lets_the_redirect_after_its_form_through() {
    // CO-4
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);

    let login = browser.open(&app.request("tickets:read", &[])).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;

    for page in [login, consent] {
        let policy = page.headers["content-security-policy"].to_str().expect("text");
        assert!(!policy.contains("form-action"), "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_cannot_disguise_itself_by_its_name() {
    // CO-2
    let server = Server::start().await;
    let markup =
        NewClient { name: "<b>Bank</b> & \"co\"".to_owned(), ..confidential(Dialect::Gorgias, "tickets:read") };
    let app = server.app(markup).await;

    let page = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await;

    assert!(!page.body.contains("<b>Bank"));
    for name in ["moc.knab\u{202e}", "two\nlines", "zero\u{200b}width", "", "   "] {
        let disguised = NewClient { name: name.to_owned(), ..confidential(Dialect::Gorgias, "tickets:read") };
        let refused = server.app.provider.create_client(&server.may(), disguised).await;
        assert!(
            matches!(&refused, Err(helpdesk::Error::Invalid { field, .. }) if field == "name"),
            "{name:?}: {refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_told_to_the_app() {
    // CO-5
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;

    let answer = browser.press(&page, "consent-deny", &[]).await.answer();

    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["state"], "a state");
    assert_eq!(answer["iss"], server.app.config.public_url);
    assert_eq!(types_of_events(&server).await, ["app-created", "user-logged-in", "app-consent-denied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_form_is_refused() {
    // LS-3
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    let (action, fields) = page.form_around("consent-allow");
    let second = app.ask(&mut browser, Person::Admin, "tickets:read", &[("state", "other")]).await;
    let (_action, of_second) = second.form_around("consent-allow");

    let without: Vec<(String, String)> = fields.iter().filter(|(name, _)| name != "csrf").cloned().collect();
    let refused = browser.post(&action, &without).await;
    let mut swapped = without.clone();
    swapped.extend(of_second.into_iter().filter(|(name, _)| name == "csrf"));
    let refused_too = browser.post(&action, &swapped).await;

    assert_eq!((refused.status, refused_too.status), (403, 403));
    assert!(browser.post(&action, &fields).await.answer().contains_key("code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_request_inside_the_grant_skips_the_page() {
    // CO-6
    let server = Server::start().await;
    let app = server.gorgias_app("write:all tickets:read tickets:write customers:write").await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "write:all").await;

    let again = browser.open(&app.request("write:all", &[])).await;
    let narrower = browser.open(&app.request("tickets:write customers:write", &[])).await;

    assert!(again.answer().contains_key("code"));
    assert!(narrower.answer().contains_key("code"), "write:all covers every narrower word");
    let grants = grants(&server, &app).await;
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].scope, ScopeSet::parse("write:all").expect("a scope"));
    assert_eq!(grants[0].address.as_deref(), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_app_whose_identity_is_not_proven_asks_each_time() {
    // CO-6, RU-3
    let server = Server::start().await;
    let with =
        |uri: &str| NewClient { redirect_uris: vec![uri.to_owned()], ..public(Dialect::Gorgias, "tickets:read") };
    for (uri, is_asked, destination) in [
        ("http://127.0.0.1/callback", true, "an app on this computer"),
        ("http://localhost:3000/callback", true, "an app on this computer"),
        ("com.example.app:/callback", true, "com.example.app"),
        (CALLBACK, false, "app.example.com"),
    ] {
        let app = server.app(with(uri)).await;
        let mut browser = Browser::new(&server);
        let first = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
        assert!(first.body.contains(destination), "{uri}");
        browser.press(&first, "consent-allow", &[]).await;

        let second = browser.open(&app.request("tickets:read", &[])).await;

        assert_eq!(second.body.contains("consent-allow"), is_asked, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_asked_and_the_code_carries_what_was_requested() {
    // CO-7
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read customers:read users:read").await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read users:read").await;

    let page = browser.open(&app.request("tickets:read customers:read", &[])).await;
    let answered = browser.press(&page, "consent-allow", &[]).await;
    let included = browser.open(&app.request("tickets:read", &[("include_granted_scopes", "true")])).await;

    assert!(page.body.contains("(customers:read)") && !page.body.contains("(tickets:read)"), "{}", page.body);
    assert!(answered.answer().contains_key("code") && included.answer().contains_key("code"));
    assert_eq!(
        scopes_of_families(&server).await,
        ["tickets:read users:read", "customers:read tickets:read", "customers:read tickets:read users:read"]
    );
    assert_eq!(grants(&server, &app).await[0].scope.as_str(), "customers:read tickets:read users:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn lasting_access_is_always_listed() {
    // CO-1, SC-5
    let server = Server::start().await;
    let gorgias = server.gorgias_app("offline tickets:read").await;
    let standard = server.app(confidential(Dialect::Standard, "offline_access tickets:read")).await;
    let zendesk = server.app(confidential(Dialect::Zendesk, "read")).await;

    for (app, scope) in [(&gorgias, "offline"), (&standard, "offline_access tickets:read"), (&zendesk, "read")] {
        let page = app.ask(&mut Browser::new(&server), Person::Admin, scope, &[]).await;

        assert!(page.body.contains("It keeps access when you are away"), "{scope}");
    }
    let page = standard.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await;
    assert!(!page.body.contains("It keeps access when you are away"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_above_the_persons_role_are_not_offered() {
    // CO-12
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read users:write").await;
    let mut agent = Browser::new(&server);

    let page = app.ask(&mut agent, Person::Agent, "tickets:read users:write", &[]).await;
    agent.press(&page, "consent-allow", &[]).await;
    let only_above = agent.open(&app.request("users:write", &[])).await;
    let admin = app.ask(&mut Browser::new(&server), Person::Admin, "users:write", &[]).await;

    assert!(page.body.contains("(tickets:read)") && !page.body.contains("(users:write)"));
    assert_eq!(only_above.answer()["error"], "invalid_scope");
    assert!(admin.body.contains("(users:write)"));
    assert_eq!(scopes_of_families(&server).await, ["tickets:read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_can_spare_people_the_question() {
    // CO-10
    let server = Server::start().await;
    let first_party = NewClient { first_party: true, ..confidential(Dialect::Gorgias, "tickets:read") };
    let app = server.app(first_party).await;

    let answer = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await.answer();

    assert!(answer.contains_key("code"));
    assert_eq!(grants(&server, &app).await.len(), 1);
    assert_eq!(types_of_events(&server).await, ["app-created", "user-logged-in", "app-consent-spared"]);
    let change = ClientChange { first_party: Some(false), ..ClientChange::default() };
    server.app.provider.update_client(&server.may(), app.client.id, change).await.expect("changed");
    let asked = app.ask(&mut Browser::new(&server), Person::Agent, "tickets:read", &[]).await;
    assert!(asked.body.contains("consent-allow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_grant_takes_its_codes_and_tokens_with_it() {
    // CO-9, ALL-17
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read offline").await;
    let tokens = app.tokens(Person::Admin, "tickets:read offline").await;
    let token = tokens["access_token"].as_str().expect("a token").to_owned();
    let unused_code = app.code(Person::Admin, "tickets:read").await;
    assert_eq!(server.get("/api/tickets", &token).await.status(), 200);

    let grant = grants(&server, &app).await.remove(0);
    server.app.provider.revoke_grant(&server.may(), grant.id).await.expect("withdrawn");

    assert_eq!(server.get("/api/tickets", &token).await.status(), 401);
    assert_eq!(app.redeem(&unused_code).await.status(), 400);
    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    let refreshed = app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(refreshed.status(), 400);
    assert!(grants(&server, &app).await.is_empty());
    assert!(types_of_events(&server).await.contains(&"app-consent-withdrawn".to_owned()));
    let page = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await;
    assert!(page.body.contains("consent-allow"), "asked again after withdrawal");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_withdraw_only_what_they_gave_themselves() {
    // CO-9
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut agent = Browser::new(&server);
    app.allow(&mut agent, Person::Agent, "tickets:read").await;
    app.allow(&mut Browser::new(&server), Person::Admin, "tickets:read").await;
    let session = server.app.provider.session(&agent.cookies["bailiwick"]).await.expect("read").expect("a session");
    let mut tx = server.db.read().await.expect("begin");
    let own = consents::list_own(&mut tx, &session, server.clock.now(), None, 10).await.expect("a list");
    drop(tx);
    let all = grants(&server, &app).await;
    let foreign = all.iter().find(|grant| grant.person_id == server.admin_id).expect("the administrator's");

    let refused = server.app.provider.revoke_own_grant(&session, "run", foreign.id).await;
    server.app.provider.revoke_own_grant(&session, "run", own[0].id).await.expect("withdrawn");

    assert!(matches!(refused, Err(helpdesk::Error::NotFound { .. })));
    assert_eq!(own.len(), 1);
    let left: Vec<i64> = grants(&server, &app).await.iter().map(|grant| grant.person_id).collect();
    assert_eq!(left, [server.admin_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_deleted_app_fails_everywhere_at_once() {
    // POL-4
    let server = Server::start().await;
    for is_deleted in [false, true] {
        let app = server.gorgias_app("tickets:read").await;
        let mut browser = Browser::new(&server);
        let waiting = app.ask(&mut browser, Person::Agent, "tickets:read", &[]).await;
        let tokens = app.tokens(Person::Admin, "tickets:read").await;
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        let code = app.code(Person::Admin, "tickets:read").await;
        assert_eq!(server.get("/api/tickets", &token).await.status(), 200);

        let provider = &server.app.provider;
        match is_deleted {
            false => provider.disable_client(&server.may(), app.client.id).await.expect("disabled"),
            true => provider.delete_client(&server.may(), app.client.id).await.expect("deleted"),
        }

        assert_eq!(server.get("/api/tickets", &token).await.status(), 401);
        assert_eq!(app.redeem(&code).await.status(), 401);
        assert_eq!(browser.get(&app.request("tickets:read", &[])).await.status, 400);
        assert_eq!(browser.press_once(&waiting, "consent-allow", &[]).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_secret_in_clear() {
    // ALL-11
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read offline").await;
    let mut browser = Browser::new(&server);
    let waiting = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    let code = app.code(Person::Admin, "openid tickets:read").await;
    let tokens = app.tokens(Person::Admin, "openid tickets:read offline").await;
    let text = |name: &str| tokens[name].as_str().expect("text").to_owned();
    let handle = waiting.path.rsplit_once('=').expect("a handle").1.to_owned();
    let secrets = [
        ("client secret", app.secret.clone().expect("a secret")),
        ("session", browser.cookies["bailiwick"].clone()),
        ("browser", browser.cookies["bailiwick-browser"].clone()),
        ("pending request", handle),
        ("code", code),
        ("access token", text("access_token")),
        ("refresh token", text("refresh_token")),
        ("password", crate::support::server::PASSWORD.to_owned()),
    ];

    let mut tx = server.db.read().await.expect("begin");
    for table in [
        "events",
        "sessions",
        "passwords",
        "failed_attempts",
        "clients",
        "client_secrets",
        "grants",
        "authorization_requests",
        "authorization_codes",
        "token_families",
        "access_tokens",
        "refresh_tokens",
    ] {
        let rows = tx.rows(&format!("select * from {table}"), &[]).await.expect("rows");
        let written = format!("{rows:?}");
        for (what, secret) in &secrets {
            let as_bytes = format!("{:?}", secret.as_bytes());
            assert!(!written.contains(secret.as_str()), "the {what} is in {table}");
            assert!(!written.contains(&as_bytes), "the {what} is in {table} as bytes");
        }
    }
}

async fn grants(server: &Server, app: &TestApp<'_>) -> Vec<consents::Grant> {
    let mut tx = server.db.read().await.expect("begin");
    consents::list_by_client(&mut tx, &server.may(), server.clock.now(), app.client.id, None, 100)
        .await
        .expect("the grants")
}

async fn scopes_of_families(server: &Server) -> Vec<String> {
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx.rows("select scope from token_families order by id", &[]).await.expect("families");
    rows.iter().map(|row| row.text("scope").expect("a scope")).collect()
}

/// Those of apps and sign-ins, in order.
async fn types_of_events(server: &Server) -> Vec<String> {
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx
        .rows("select type from events where type like 'app-%' or type like 'user-log%' order by id", &[])
        .await
        .expect("events");
    rows.iter().map(|row| row.text("type").expect("a type")).collect()
}
