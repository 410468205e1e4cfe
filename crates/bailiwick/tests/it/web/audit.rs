//! The audit room and its export.

use helpdesk::events::{self, Change};
use scope::permit::Actor;
use serde_json::{Value, json};

use crate::support::app::VERIFIER;
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn what_matters_is_told_in_sentences() {
    // ALL-17, CO-9
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read customers:read").await;
    let mut person = Browser::new(&server);
    let login = person.open(&app.request("tickets:read", &[])).await;
    let login = person.press(&login, "login-submit", &[("email", "agent@demo.test"), ("password", "wrong")]).await;
    let page = person.sign_in_on(&login, Person::Agent).await;
    let code = person.press(&page, "consent-allow", &[]).await.answer()["code"].clone();
    for _twice in 0..2 {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", app.redirect_uri.as_str()),
            ("code_verifier", VERIFIER),
        ];
        app.token_request(&fields).await;
    }
    let asked = person.open(&app.request("customers:read", &[("prompt", "consent")])).await;
    person.press(&asked, "consent-deny", &[]).await;
    let may = server.may();
    server.app.provider.revoke_grant(&may, 1).await.expect("withdrawn");
    let change = oauth::clients::ClientChange { verified: Some(true), ..Default::default() };
    server.app.provider.update_client(&may, app.client.id, change).await.expect("changed");
    server.app.provider.add_secret(&may, app.client.id, oauth::clients::OldSecrets::Keep).await.expect("a secret");
    server.app.provider.rotate_keys(may.actor(), oauth::key_rotation::Rotation::Now).await.expect("new keys");
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;

    let room = admin.get("/admin/audit").await;

    for sentence in [
        "Bo Agent signed in with a password",
        "Somebody failed to sign in as Bo Agent",
        "Bo Agent allowed Ticket Mirror tickets:read",
        "Bo Agent denied Ticket Mirror customers:read",
        "A code was used twice: the tokens from it were ended",
        "Ada Admin withdrew what Ticket Mirror was allowed",
        "Ada Admin registered the app Ticket Mirror",
        "Ada Admin changed verified of the app Ticket Mirror",
        "Ada Admin added a secret to the app Ticket Mirror",
        "Ada Admin rotated the signing keys",
    ] {
        assert!(room.body.contains(sentence), "{sentence} is not in {}", room.body);
    }
    assert!(room.body.contains("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_in_somebody_elses_name_is_told_and_daily_work_is_not() {
    // ALL-17
    let server = Server::start().await;
    let now = server.clock.now();
    let actor = Actor { person_id: Some(server.agent_id), ..Actor::default() };
    let as_other = Actor { impersonator_id: Some(server.admin_id), ..actor.clone() };
    for (actor, kind) in [(actor, "ticket-created"), (as_other, "ticket-updated")] {
        let change = Change { kind, object_type: "Ticket", object_id: 7, before: None, after: None, data: None };
        store::transact!(server.db, |tx| events::record(tx, &actor, now, change.clone()).await).expect("an event");
    }
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;

    let room = admin.get("/admin/audit").await;

    assert!(room.body.contains("Bo Agent updated ticket 7, in whose name Ada Admin acted"), "{}", room.body);
    assert!(!room.body.contains("ticket created"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_is_filtered_by_person_app_kind_and_time() {
    // ALL-17
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let other = server.gorgias_app("tags:read").await;
    app.allow(&mut Browser::new(&server), Person::Agent, "tickets:read").await;
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;

    let sees = async |admin: &mut Browser<'_>, query: String| {
        let body = admin.get(&format!("/admin/audit?{query}")).await.body;
        (
            body.contains("allowed Ticket Mirror"),
            body.contains("registered the app"),
            body.contains("Ada Admin signed in"),
        )
    };
    assert_eq!(sees(&mut admin, String::new()).await, (true, true, true));
    assert_eq!(sees(&mut admin, "person=agent%40demo.test".to_owned()).await, (true, false, false));
    assert_eq!(sees(&mut admin, format!("app={}", app.client.id)).await, (true, true, false));
    assert_eq!(sees(&mut admin, format!("app={}", other.client.id)).await, (false, true, false));
    assert_eq!(sees(&mut admin, "kind=consent".to_owned()).await, (true, false, false));
    assert_eq!(sees(&mut admin, "kind=consent&person=admin%40demo.test".to_owned()).await, (false, false, false));
    assert_eq!(sees(&mut admin, "from=2026-03-02&until=2026-03-02".to_owned()).await, (true, true, true));
    assert_eq!(sees(&mut admin, "from=2026-03-03".to_owned()).await, (false, false, false));
    let wrong = admin.get("/admin/audit?person=nobody%40demo.test&from=soon&kind=x&app=x").await;
    for field in ["person", "from", "kind", "app"] {
        assert!(wrong.body.contains(&format!("{field}-problem")), "{field}");
    }
    assert!(wrong.body.contains("Nothing to show"), "a filter that means nothing shows nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_gives_every_row_once_and_the_room_pages() {
    // ALL-17
    let server = Server::start().await;
    let actor = Actor { person_id: Some(server.admin_id), ..Actor::default() };
    let now = server.clock.now();
    store::transact!(server.db, |tx| {
        for n in 0..2_345 {
            let data = Some(json!({ "address": "203.0.113.9", "n": n }));
            let change = Change {
                kind: "user-logged-out",
                object_type: "User",
                object_id: server.admin_id,
                before: None,
                after: None,
                data,
            };
            events::record(tx, &actor, now, change).await?;
        }
        Ok::<_, helpdesk::Error>(())
    })
    .expect("the events");
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;

    let export = admin.get("/admin/audit.ndjson?kind=sign-in").await;
    let refused = admin.get("/admin/audit.ndjson?from=soon").await;
    let mut seen = 0;
    let mut address = "/admin/audit?kind=sign-in".to_owned();
    for _page in 0..3 {
        let page = admin.get(&address).await;
        seen += page.body.matches("signed out").count();
        let at = page
            .body
            .find("/admin/audit?kind=sign-in&")
            .or(page.body.find("/admin/audit?kind=sign-in&#38;"))
            .expect("older");
        address = page.body[at..].split('"').next().expect("an address").replace("&#38;", "&").replace("&amp;", "&");
    }

    assert_eq!(export.headers["content-type"], "application/x-ndjson");
    assert_eq!(refused.status, 400);
    let rows: Vec<Value> = export.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut numbers: Vec<i64> = rows.iter().filter_map(|row| row["data"]["n"].as_i64()).collect();
    assert!(numbers.is_sorted_by(|a, b| a > b), "newest first");
    numbers.dedup();
    assert_eq!(numbers.len(), 2_345);
    assert_eq!(rows[1]["sentence"], "Ada Admin signed out");
    assert_eq!(rows[1]["person"]["name"], "Ada Admin");
    assert!(seen >= 140, "{seen} rows on three pages of fifty");
}
