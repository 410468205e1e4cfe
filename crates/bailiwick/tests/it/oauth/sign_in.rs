//! Sign-in and sessions (section 7 of the OAuth contract).

use std::time::{Duration, Instant};

use oauth::authorize::Browser as Asking;
use oauth::clients::secrets;
use oauth::clients::secrets::OldSecrets;
use oauth::sessions;
use oauth::sign_in::SignInError;

use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server};

const ADMIN: &str = "admin@demo.test";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_a_new_secret_at_each_sign_in_and_stored_as_a_hash() {
    // LS-1, LS-7, ALL-10, ALL-11
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    let first = browser.cookies["bailiwick"].clone();
    let login = server.app.provider.session(&first).await.expect("read").expect("a session");

    let app = server.gorgias_app("tickets:read").await;
    let again = browser.open(&app.request("tickets:read", &[("prompt", "login")])).await;
    browser.sign_in_on(&again, Person::Admin).await;
    let second = browser.cookies["bailiwick"].clone();

    assert_ne!(first, second);
    assert_eq!(first.len(), 43);
    assert!(server.app.provider.session(&first).await.expect("read").is_none(), "the old cookie is worth nothing");
    let session = server.app.provider.session(&second).await.expect("read").expect("a session");
    // Apps know the session by its `sid`: for them it goes on.
    assert_eq!(session.sid, login.sid);
    assert_eq!((session.person_id, session.amr.as_str()), (server.admin_id, "pwd"));
    assert_eq!(session.acr, sessions::ACR_PASSWORD);
    assert_eq!(session.auth_time, server.clock.now());
    let mut tx = server.db.read().await.expect("begin");
    let row = tx.row("select hash from sessions", &[]).await.expect("a query").expect("one session");
    assert_eq!(row.blob("hash").expect("hash"), outside::sha256(second.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites() {
    // LS-1
    let plain = Server::start().await;
    let https = Server::start_with(|settings| settings.public_url = "https://help.example.com".to_owned()).await;

    for (server, name, is_secure) in [(&plain, "bailiwick=", false), (&https, "__Host-bailiwick=", true)] {
        let mut browser = Browser::new(server);
        let page = browser.open("/login").await;
        let signed_in = browser.press_once(&page, "login-submit", &[("email", ADMIN), ("password", PASSWORD)]).await;

        let cookie = signed_in.headers["set-cookie"].to_str().expect("text");
        assert!(cookie.starts_with(name), "{cookie}");
        for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        assert_eq!(cookie.contains("Secure"), is_secure, "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_and_a_wrong_password_look_alike() {
    // LS-5
    let server = Server::start().await;
    let mut seen = Vec::new();
    for (email, password) in [(ADMIN, "wrong password"), ("nobody@demo.test", PASSWORD)] {
        let mut browser = Browser::new(&server);
        let page = browser.open("/login").await;
        let answer = browser.press_once(&page, "login-submit", &[("email", email), ("password", password)]).await;
        let (_action, fields) = page.form_around("login-submit");
        let mut body = answer.body.replace(email, "ADDRESS");
        for (_name, value) in answer.form_around("login-submit").1.iter().chain(&fields) {
            body = body.replace(value, "");
        }
        seen.push((answer.status, body));
    }

    assert_eq!(seen[0].0, 401);
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_costs_as_much_time_as_a_wrong_password() {
    // LS-4, LS-5
    let server = Server::start().await;
    let mut quickest = [Duration::MAX; 2];

    for _ in 0..4 {
        for (at, email) in [ADMIN, "nobody@demo.test"].into_iter().enumerate() {
            let started = Instant::now();
            let wrong = server.app.provider.sign_in(email, "wrong password", &from("192.0.2.1")).await;
            quickest[at] = quickest[at].min(started.elapsed());
            assert!(matches!(wrong, Err(SignInError::Wrong)));
        }
    }

    let [known, unknown] = quickest;
    assert!(known < unknown * 3 && unknown < known * 3, "{known:?} against {unknown:?}");
    let mut tx = server.db.read().await.expect("begin");
    let row = tx.row("select hash from passwords", &[]).await.expect("a query").expect("a hash");
    assert!(row.text("hash").expect("text").starts_with("$argon2id$v=19$m=19456"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_of_weaker_parameters_is_made_anew_at_sign_in() {
    // LS-4
    let server = Server::start().await;
    // From the reference implementation's tests: the password is `password`, with 256 KiB.
    let weak = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    store::transact!(server.db, |tx| {
        tx.run("update passwords set hash = $1 where person_id = $2", &[weak.into(), server.agent_id.into()]).await
    })
    .expect("an old hash");

    for _ in 0..2 {
        let signed_in = server.app.provider.sign_in("Agent@Demo.test ", "password", &from("192.0.2.1")).await;
        assert!(signed_in.is_ok(), "{signed_in:?}");
    }

    let mut tx = server.db.read().await.expect("begin");
    let sql = "select hash from passwords where person_id = $1";
    let row = tx.row(sql, &[server.agent_id.into()]).await.expect("a query").expect("a hash");
    assert!(row.text("hash").expect("text").starts_with("$argon2id$v=19$m=19456"));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_slows_down_and_says_for_how_long() {
    // LS-6, ALL-17
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.open("/login").await;
    let wrong = [("email", ADMIN), ("password", "wrong password")];
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(browser.press_once(&page, "login-submit", &wrong).await.status);
    }

    let right = browser.press_once(&page, "login-submit", &[("email", ADMIN), ("password", PASSWORD)]).await;

    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429]);
    assert_eq!((right.status, right.headers["retry-after"].to_str().ok()), (429, Some("1")));
    server.clock.advance(Duration::from_secs(1));
    let waited = browser.press_once(&page, "login-submit", &[("email", ADMIN), ("password", PASSWORD)]).await;
    assert_eq!(waited.status, 303);
    let mut tx = server.db.read().await.expect("begin");
    let rows =
        tx.rows("select object_id, data from events where type = 'user-login-failed'", &[]).await.expect("events");
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0].int("object_id").expect("id"), server.admin_id);
    assert_eq!(rows[0].text("data").expect("data"), r#"{"address":"127.0.0.1"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_lock_the_owner_out() {
    // LS-6
    let server = Server::start().await;
    let provider = &server.app.provider;
    let home = from("198.51.100.7");
    provider.sign_in(ADMIN, PASSWORD, &home).await.expect("signed in");
    for guess in 0..40 {
        let stranger = from(&format!("203.0.113.{guess}"));
        let _refused = provider.sign_in(ADMIN, "wrong password", &stranger).await;
    }

    let elsewhere = provider.sign_in(ADMIN, PASSWORD, &from("192.0.2.200")).await;
    let at_home = provider.sign_in(ADMIN, PASSWORD, &home).await;

    assert!(matches!(elsewhere, Err(SignInError::Limited { retry_after_seconds: 1..=60 })), "{elsewhere:?}");
    assert!(at_home.is_ok(), "{at_home:?}");
    server.clock.advance(Duration::from_secs(61));
    assert!(provider.sign_in(ADMIN, PASSWORD, &from("192.0.2.200")).await.is_ok(), "no lockout is for good");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_try_many_accounts() {
    // LS-6
    let server = Server::start().await;
    let mut n_tried = 0;

    for at in 0..30 {
        let email = format!("person{at}@demo.test");
        match server.app.provider.sign_in(&email, "wrong password", &from("203.0.113.9")).await {
            Err(SignInError::Limited { .. }) => break,
            _ => n_tried += 1,
        }
    }

    assert_eq!(n_tried, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_when_old_and_with_their_person() {
    // LS-7, LS-9
    let server = Server::start().await;
    let provider = &server.app.provider;
    let signed_in = provider.sign_in(ADMIN, PASSWORD, &from("192.0.2.1")).await.expect("signed in");
    let hours = |n: u64| server.clock.advance(Duration::from_secs(n * 3600));

    hours(23);
    assert!(provider.session(&signed_in.cookie).await.expect("read").is_some(), "used within a day");
    hours(23);
    assert!(provider.session(&signed_in.cookie).await.expect("read").is_some(), "use keeps it alive");
    hours(25);
    assert!(provider.session(&signed_in.cookie).await.expect("read").is_none(), "idle for a day");

    let signed_in = provider.sign_in(ADMIN, PASSWORD, &from("192.0.2.1")).await.expect("signed in");
    for _ in 0..16 {
        hours(20);
        let _used = provider.session(&signed_in.cookie).await.expect("read");
    }
    hours(20);
    assert!(provider.session(&signed_in.cookie).await.expect("read").is_none(), "two weeks are the end");

    let one = provider.sign_in(ADMIN, PASSWORD, &from("192.0.2.1")).await.expect("signed in");
    let two = provider.sign_in(ADMIN, PASSWORD, &from("192.0.2.2")).await.expect("signed in");
    let mut tx = server.db.read().await.expect("begin");
    assert_eq!(sessions::list(&mut tx, server.admin_id, server.clock.now()).await.expect("a list").len(), 2);
    drop(tx);
    provider.sign_out_everywhere(&one.session, "run").await.expect("signed out");
    assert!(provider.session(&two.cookie).await.expect("read").is_none());

    let agent = provider.sign_in("agent@demo.test", PASSWORD, &from("192.0.2.1")).await.expect("signed in");
    store::transact!(server.db, |tx| {
        tx.run("update people set active = 0 where id = $1", &[server.agent_id.into()]).await
    })
    .expect("deactivated");
    assert!(provider.session(&agent.cookie).await.expect("read").is_none());
    let again = provider.sign_in("agent@demo.test", PASSWORD, &from("192.0.2.1")).await;
    assert!(matches!(again, Err(SignInError::Wrong)));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_overlap_while_they_rotate() {
    // CA-6, CA-7
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let provider = &server.app.provider;
    let first = app.secret.clone().expect("a secret");
    let in_a_day = server.clock.now() + jiff::SignedDuration::from_hours(24);

    let second =
        provider.add_secret(&server.may(), app.client.id, OldSecrets::EndAt(in_a_day)).await.expect("a secret");

    let listed = async || {
        let mut tx = server.db.read().await.expect("begin");
        secrets::list(&mut tx, &server.may(), app.client.id, server.clock.now()).await.expect("secrets")
    };
    assert_ne!(first, second.value);
    assert!(second.value.starts_with("bws_") && second.value.len() >= 4 + 43);
    assert_eq!(second.hint, second.value[..9]);
    let both = listed().await;
    assert_eq!(both.iter().map(|secret| secret.expires_at).collect::<Vec<_>>(), [Some(in_a_day), None]);
    server.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(listed().await.len(), 1);
    provider.revoke_secret(&server.may(), app.client.id, second.id).await.expect("revoked");
    assert!(listed().await.is_empty());
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx
        .rows("select type, before, after from events where object_type = 'App' order by id", &[])
        .await
        .expect("events");
    let types: Vec<String> = rows.iter().map(|row| row.text("type").expect("type")).collect();
    assert_eq!(types, ["app-created", "app-secret-added", "app-secret-revoked"]);
    assert!(!format!("{rows:?}").contains(&second.value), "the log holds no secret");
}

/// A request that comes from this address.
fn from(address: &str) -> Asking<'static> {
    Asking {
        cookie: "a browser of a test",
        session: None,
        address: address.to_owned(),
        user_agent: "a test".to_owned(),
        request_id: "00000000-0000-4000-8000-000000000003".to_owned(),
    }
}
