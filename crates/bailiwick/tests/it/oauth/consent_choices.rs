//! What a person may choose on the consent page: which of the optional scopes, for how long, and for whom.

use helpdesk::customers;
use std::time::Duration;

use oauth::clients::NewClient;
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::{confidential, public};
use crate::support::browser::Page;
use crate::support::{Browser, Person, Server, TestApp};

fn with_optional(scopes: &str, optional: &str) -> NewClient {
    NewClient {
        optional_scopes: optional.split(' ').map(str::to_owned).collect(),
        ..confidential(Dialect::Gorgias, scopes)
    }
}

/// Presses "Allow" with these fields, and redeems the code.
async fn allow(app: &TestApp<'_>, browser: &mut Browser<'_>, page: &Page, typed: &[(&str, &str)]) -> Value {
    let answer = browser.press(page, "consent-allow", typed).await.answer();
    let response = app.redeem(answer.get("code").unwrap_or_else(|| panic!("no code but {answer:?}"))).await;
    response.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_scope_can_be_unticked_and_the_token_lists_the_smaller_scope() {
    // CO-8
    let server = Server::start().await;
    let app = server.app(with_optional("tickets:read customers:read tags:read", "customers:read tags:read")).await;
    let scope = "tickets:read customers:read tags:read";
    let mut browser = Browser::new(&server);

    let page = app.ask(&mut browser, Person::Admin, scope, &[]).await;
    let tokens = allow(&app, &mut browser, &page, &[("optional", "tags:read")]).await;
    let token = tokens["access_token"].as_str().expect("a token");
    let tags = server.get("/api/tags", token).await.status();
    let customers = server.get("/api/customers", token).await.status();

    assert!(page.body.contains("name=\"optional\" value=\"customers:read\" checked"), "{}", page.body);
    assert!(!page.body.contains("value=\"tickets:read\""), "what is required has no box");
    assert_eq!(tokens["scope"], "tags:read tickets:read");
    assert_eq!((tags.as_u16(), customers.as_u16()), (200, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_required_cannot_be_unticked_and_what_was_not_asked_not_ticked() {
    // CO-8
    let server = Server::start().await;
    let app = server.app(with_optional("tickets:read customers:read tags:read", "customers:read tags:read")).await;
    let mut browser = Browser::new(&server);

    let page = app.ask(&mut browser, Person::Admin, "tickets:read customers:read", &[]).await;
    let tokens = allow(&app, &mut browser, &page, &[("optional", "tags:read"), ("optional", "\"")]).await;

    assert_eq!(tokens["scope"], "tickets:read");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_unticks_everything_denies() {
    // CO-8, CO-5
    let server = Server::start().await;
    let app = server.app(with_optional("customers:read tags:read", "customers:read tags:read")).await;
    let mut browser = Browser::new(&server);

    let page = app.ask(&mut browser, Person::Admin, "customers:read tags:read", &[]).await;
    let answer = browser.press(&page, "consent-allow", &[]).await.answer();

    assert_eq!(answer["error"], "access_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unticked_is_not_asked_for_at_each_sign_in() {
    // CO-8
    let server = Server::start().await;
    let app = server.app(with_optional("tickets:read customers:read", "customers:read")).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "tickets:read customers:read", &[]).await;
    browser.press(&page, "consent-allow", &[]).await;

    let again = browser.open(&app.request("tickets:read customers:read", &[])).await.answer();
    let response: Value = app.redeem(&again["code"]).await.json().await.expect("JSON");
    let alone = browser.open(&app.request("customers:read", &[])).await;
    let anew = browser.open(&app.request("tickets:read customers:read", &[("prompt", "consent")])).await;

    assert_eq!(response["scope"], "tickets:read");
    assert!(alone.body.contains("(customers:read)"), "asked for alone, it is asked again");
    assert!(anew.body.contains("name=\"optional\" value=\"customers:read\">"), "unticked as it was: {}", anew.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_ends_when_the_person_said() {
    // CO-9, CO-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read offline")).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "tickets:read offline", &[]).await;
    let tokens = allow(&app, &mut browser, &page, &[("lasting", "day")]).await;
    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    server.clock.advance(Duration::from_hours(23));
    let renew = async || app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    let renewed: Value = renew().await.json().await.expect("JSON");
    let token = renewed["access_token"].as_str().expect("a token");
    let before = server.get("/api/tickets", token).await.status();
    let listed = browser.open("/me/apps").await;
    let late_code = app.code(Person::Agent, "tickets:read").await;

    server.clock.advance(Duration::from_mins(60));

    let after = server.get("/api/tickets", token).await.status();
    let refused = renew().await;
    let refused: (u16, Value) = (refused.status().as_u16(), refused.json().await.expect("JSON"));
    let introspected: Value = server
        .http
        .post(format!("{}/oauth/introspect", server.base))
        .basic_auth(&app.client.client_id, app.secret.as_deref())
        .form(&[("token", token)])
        .send()
        .await
        .expect("send")
        .json()
        .await
        .expect("JSON");
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let gone = browser.open("/me/apps").await;
    let asked = browser.open(&app.request("tickets:read", &[])).await;
    assert_eq!((before.as_u16(), after.as_u16()), (200, 401));
    assert_eq!((refused.0, &refused.1["error"]), (400, &json!("invalid_grant")));
    assert_eq!(introspected, json!({ "active": false }));
    assert!(listed.body.contains("Ticket Mirror") && !gone.body.contains("Ticket Mirror"));
    assert!(asked.body.contains("consent-allow"), "asked anew: {}", asked.body);
    assert!(!asked.body.contains("asks for more than before"));
    assert_eq!(app.redeem(&late_code).await.status(), 400, "a code lives a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ended_is_swept_with_its_event_and_can_be_given_again() {
    // CO-9
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read customers:read")).await;
    let mut browser = Browser::new(&server);
    let page = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    allow(&app, &mut browser, &page, &[("lasting", "month")]).await;
    server.clock.advance(Duration::from_hours(30 * 24));
    browser.sign_in(Person::Admin).await;

    let asked = browser.open(&app.request("customers:read", &[])).await;
    let tokens = allow(&app, &mut browser, &asked, &[("lasting", "day")]).await;
    let mut tx = server.db.read().await.expect("a transaction");
    let of_grants = tx.rows("select scope, revoked_at from grants order by id", &[]).await.expect("the grants");
    drop(tx);
    server.clock.advance(Duration::from_hours(25));
    server.app.provider.clean_up_expired().await.expect("the cleanup");

    assert_eq!(tokens["scope"], "customers:read");
    assert_eq!(of_grants.len(), 2, "the old one ended, and is not gone into the new");
    assert_eq!(of_grants[1].text("scope").expect("a scope"), "customers:read");
    let mut tx = server.db.read().await.expect("a transaction");
    let events = tx.rows("select id from events where type = 'app-consent-expired'", &[]).await.expect("the events");
    let alive = tx.rows("select id from grants where revoked_at is null", &[]).await.expect("the grants");
    assert_eq!((events.len(), alive.len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_allows_for_everybody_and_nobody_else_can() {
    // CO-11
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "tickets:read customers:read")).await;
    let mut admin = Browser::new(&server);
    let mut agent = Browser::new(&server);
    let of_agent = app.ask(&mut agent, Person::Agent, "tickets:read", &[]).await;
    let (action, mut fields) = of_agent.form_around("consent-allow");
    fields.retain(|(name, _)| name != "decision");
    fields.push(("decision".to_owned(), "allow-for-everybody".to_owned()));
    agent.post(&action, &fields).await;
    let still_asked = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await;

    let of_admin = app.ask(&mut admin, Person::Admin, "tickets:read", &[]).await;
    let answer = admin.press(&of_admin, "consent-allow-everybody", &[]).await.answer();
    let mut third = Browser::new(&server);
    third.sign_in(Person::Agent).await;
    server.app.provider.revoke_grant(&server.may(), 1).await.expect("the agent's own grant ends");
    let spared = third.open(&app.request("tickets:read", &[])).await.answer();
    let more = third.open(&app.request("tickets:read customers:read", &[])).await;

    assert!(!of_agent.body.contains("consent-allow-everybody"));
    assert!(still_asked.body.contains("consent-allow"), "an agent's answer is for the agent alone");
    assert!(answer.contains_key("code") && spared.contains_key("code"));
    assert!(more.body.contains("(customers:read)") && !more.body.contains("(tickets:read)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_for_all_where_the_app_registered_itself_or_is_not_proven() {
    // CO-11, CO-10, CO-6
    let server = Server::start().await;
    let itself = server.app(confidential(Dialect::Gorgias, "tickets:read")).await;
    let native = NewClient {
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        ..public(Dialect::Gorgias, "tickets:read")
    };
    let native = server.app(native).await;
    let mut tx = server.db.write().await.expect("a transaction");
    tx.run("update clients set account_scopes = 'tickets:read'", &[]).await.expect("allowed for all");
    tx.run("update clients set registered_by = 'dcr' where id = $1", &[itself.client.id.into()]).await.expect("a row");
    tx.commit().await.expect("commit");

    for app in [itself, native] {
        let page = app.ask(&mut Browser::new(&server), Person::Admin, "tickets:read", &[]).await;

        assert!(page.body.contains("consent-allow"), "{}", app.client.registered_by);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_counts_what_the_app_would_reach() {
    // CO-1
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Gorgias, "customers:read tags:read users:read write:all")).await;
    let may = server.may();
    for n in 0..3 {
        let now = server.clock.now();
        let new = customers::NewCustomer { name: Some(format!("Customer {n}")), ..customers::NewCustomer::default() };
        store::transact!(server.db, |tx| customers::create(tx, &may, now, &new).await).expect("a customer");
    }

    let page = app.ask(&mut Browser::new(&server), Person::Admin, "customers:read users:read tags:read", &[]).await;

    for text in ["3 customers today", "2 people of your staff and 0 teams today", "0 tags today"] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
}
