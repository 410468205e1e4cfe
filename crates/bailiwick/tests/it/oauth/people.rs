//! What people do to their own accounts, by mail and without: new passwords, proven addresses, customers who sign up (sections 7 and 8).

use std::time::{Duration, Instant};

use oauth::people_settings::Settings;
use scope::Dialect;
use serde_json::Value;

use crate::support::app::{confidential, public};
use crate::support::server::PASSWORD;
use crate::support::{Browser, Person, Server};

const AGENT: &str = "agent@demo.test";
const NEW: &str = "seven calm grey herons";
const CUSTOMERS: Settings = Settings {
    staff_second_factor: false,
    customers_sign_in: true,
    customers_sign_up: true,
    admins_set_passwords: false,
};

/// Asks for a link to choose a new password.
async fn forget(browser: &mut Browser<'_>, email: &str) -> crate::support::browser::Page {
    let page = browser.open("/forgot").await;
    browser.press_once(&page, "address-submit", &[("email", email)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_a_mailed_link_that_works_once() {
    // LS-9, LS-1, ALL-11
    let server = Server::with_mail().await;
    let mut elsewhere = Browser::new(&server);
    elsewhere.sign_in(Person::Agent).await;
    let mut browser = Browser::new(&server);
    forget(&mut browser, " Agent@Demo.test").await;
    let link = server.mailed_link(AGENT, "/reset").await;

    let opened = browser.get(&link).await;
    let looked_at_by_a_mail_program = browser.get(&link).await;
    let weak = browser.press_once(&opened, "reset-submit", &[("password", "agent password")]).await;
    let chosen = browser.press_once(&opened, "reset-submit", &[("password", NEW)]).await;
    let again = browser.press_once(&opened, "reset-submit", &[("password", NEW)]).await;
    let stolen = Browser::new(&server).get(&link).await;
    let old = elsewhere.get("/me/security").await;
    let login = browser.open("/login").await;
    let signed_in = browser.press_once(&login, "login-submit", &[("email", AGENT), ("password", NEW)]).await;

    assert_eq!((opened.status, looked_at_by_a_mail_program.status, weak.status), (200, 200, 422));
    assert_eq!(chosen.location(), Some("/login?done=password-reset"));
    assert_eq!((again.status, stolen.status), (410, 410));
    assert_eq!(old.location(), Some("/login?return_to=%2Fme%2Fsecurity"), "everybody is signed out");
    assert_eq!(signed_in.status, 303);
    assert_eq!(server.events("password-reset").await, [server.agent_id]);
    let mut tx = server.db.read().await.expect("begin");
    let jobs = tx.rows("select payload from queue", &[]).await.expect("a query");
    let token = &link[link.find("token=").expect("a token") + 6..];
    assert!(!jobs.iter().any(|row| row.text("payload").expect("payload").contains(token)), "the queue holds no token");
    let row = tx.row("select hash from mailed_links", &[]).await.expect("a query").expect("a link");
    assert_eq!(row.blob("hash").expect("a hash"), outside::sha256(token.as_bytes()));
    drop(tx);
    assert!(
        server.mails().await.iter().any(|mail| mail.to == AGENT && mail.text.contains("A new password was chosen"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_from_a_request_for_a_link_who_exists() {
    // LS-5
    let server = Server::with_mail().await;
    let mut answers = Vec::new();
    let mut took = Vec::new();
    for email in [AGENT, "nobody@demo.test", "no address"] {
        let mut browser = Browser::new(&server);
        browser.open("/forgot").await;
        let started = Instant::now();
        let page = forget(&mut browser, email).await;
        took.push(started.elapsed());
        answers.push((page.status, page.body));
    }

    let mails = server.mails().await;

    assert_eq!(answers[0].0, 200);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(took.iter().all(|time| *time < Duration::from_secs(2)), "nothing is hashed or sent in between: {took:?}");
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [AGENT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_the_configured_address_and_end_in_time() {
    // ALL-1, LS-9
    let server = Server::with_mail().await;
    let mut browser = Browser::new(&server);
    let page = browser.open("/forgot").await;
    let (action, mut fields) = page.form_around("address-submit");
    fields.push(("email".to_owned(), AGENT.to_owned()));
    let cookie = format!("bailiwick-browser={}", browser.cookies["bailiwick-browser"]);
    let sent = server
        .http
        .post(format!("{}{action}", server.base))
        .header("host", "evil.example")
        .header("cookie", cookie)
        .form(&fields)
        .send()
        .await
        .expect("send");

    let mails = server.mails().await;
    let link = server.mailed_link(AGENT, "/reset").await;
    server.clock.advance(Duration::from_secs(30 * 60));
    let late = browser.get(&link).await;

    assert_eq!(sent.status(), 200);
    assert!(!mails[0].text.contains("evil.example") && !mails[0].html.contains("evil.example"));
    assert_eq!(late.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_mailbox_is_filled() {
    // LS-6
    let server = Server::with_mail().await;
    let mut browser = Browser::new(&server);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(forget(&mut browser, "nobody@demo.test").await.status);
    }
    let other = forget(&mut browser, AGENT).await;

    assert_eq!(statuses, [200, 200, 200, 200, 429]);
    assert_eq!(other.status, 200, "another address is another matter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_what_apps_hold_as_their_policy_says() {
    // LS-9
    let server = Server::with_mail().await;
    let standard = server.app(confidential(Dialect::Standard, "openid offline_access tickets:read")).await;
    let gorgias = server.gorgias_app("openid offline tickets:read").await;
    let ours = standard.tokens(Person::Agent, "openid offline_access tickets:read").await;
    let theirs = gorgias.tokens(Person::Agent, "openid offline tickets:read").await;
    let mut browser = Browser::new(&server);
    forget(&mut browser, AGENT).await;
    let link = server.mailed_link(AGENT, "/reset").await;

    let opened = browser.get(&link).await;
    browser.press_once(&opened, "reset-submit", &[("password", NEW)]).await;

    let refresh = |token: &Value| token["refresh_token"].as_str().expect("a refresh token").to_owned();
    let ended = standard.token_request(&[("grant_type", "refresh_token"), ("refresh_token", &refresh(&ours))]).await;
    let kept = gorgias.token_request(&[("grant_type", "refresh_token"), ("refresh_token", &refresh(&theirs))]).await;
    let call = server.get("/oauth/userinfo", ours["access_token"].as_str().expect("one")).await;
    assert_eq!((ended.status().as_u16(), kept.status().as_u16(), call.status().as_u16()), (400, 200, 401));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_by_mail_does_not_spare_the_second_factor() {
    // LS-8, LS-9
    let server = Server::with_mail().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    own.set_up_codes(&server).await;
    let mut browser = Browser::new(&server);
    forget(&mut browser, AGENT).await;
    let link = server.mailed_link(AGENT, "/reset").await;

    let opened = browser.get(&link).await;
    let login = browser.press(&opened, "reset-submit", &[("password", NEW)]).await;
    let asked = browser.press(&login, "login-submit", &[("email", AGENT), ("password", NEW)]).await;

    assert!(asked.body.contains("factor-submit"));
    assert!(!browser.cookies.contains_key("bailiwick"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_counts_as_verified_once_we_have_proof_and_no_longer() {
    // UI-5
    let server = Server::with_mail().await;
    let app = server.gorgias_app("openid email").await;
    let token = app.tokens(Person::Agent, "openid email").await["access_token"].as_str().expect("one").to_owned();
    let verified = async || {
        let claims: Value = server.get("/oauth/userinfo", &token).await.json().await.expect("JSON");
        claims["email_verified"].as_bool().expect("a claim")
    };
    let before = verified().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    let page = browser.open("/me/security").await;
    browser.press(&page, "verify-new", &[]).await;
    let link = server.mailed_link(AGENT, "/verify").await;

    let opened = browser.get(&link).await;
    let only_opened = verified().await;
    let proven = browser.press(&opened, "verify-submit", &[]).await;
    let again = browser.press_once(&opened, "verify-submit", &[]).await;
    let after = verified().await;
    let admin = server.token("users:read users:write").await;
    let body = serde_json::json!({ "email": "bo@demo.test", "password_confirmation": PASSWORD });
    let renamed = server.put(&format!("/api/users/{}", server.agent_id), &admin, body).await;

    assert_eq!((before, only_opened, after), (false, false, true));
    assert!(proven.body.contains("Your address is confirmed."));
    assert_eq!(again.status, 410);
    assert_eq!(renamed.status(), 200, "{}", renamed.text().await.unwrap_or_default());
    assert!(!verified().await, "another address is not proven yet");
    assert_eq!(server.events("email-verified").await, [server.agent_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_other_sessions_and_keeps_this_one_under_another_cookie() {
    // LS-9, LS-1
    let server = Server::with_mail().await;
    let mut other = Browser::new(&server);
    other.sign_in(Person::Agent).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    let before = browser.cookies["bailiwick"].clone();
    let page = browser.open("/me/security").await;

    let wrong = browser.press(&page, "password-submit", &[("old_password", "wrong"), ("new_password", NEW)]).await;
    let weak = browser.press(&page, "password-submit", &[("old_password", PASSWORD), ("new_password", "short")]).await;
    let changed = browser.press(&page, "password-submit", &[("old_password", PASSWORD), ("new_password", NEW)]).await;

    assert!(wrong.status == 422 && wrong.body.contains("old_password-problem"));
    assert!(weak.status == 422 && weak.body.contains("new_password-problem"));
    assert!(changed.body.contains("Your password is changed."));
    assert_ne!(browser.cookies["bailiwick"], before);
    assert!(server.app.provider.session(&before).await.expect("read").is_none());
    assert_eq!(other.get("/me/security").await.status, 303);
    assert_eq!(server.events("password-changed").await, [server.agent_id]);
    assert!(server.mails().await.iter().any(|mail| mail.subject.starts_with("Your password was changed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_their_sessions_and_end_them() {
    // LS-9
    let server = Server::start().await;
    let mut first = Browser::new(&server);
    first.sign_in(Person::Agent).await;
    let mut second = Browser::new(&server);
    second.sign_in(Person::Agent).await;
    let first_session = server.session_of(&first).await;

    let page = second.open("/me/security").await;
    let csrf = page.form_around("session-end-this").1;
    let ended = second.post(&format!("/me/security/sessions/{}/end", first_session.id), &csrf).await;
    let foreign = second.post("/me/security/sessions/4711/end", &csrf).await;
    let out = first.get("/me/security").await;
    first.sign_in(Person::Agent).await;
    let everywhere = second.press(&page, "sessions-end", &[]).await;

    assert_eq!(page.body.matches(">This one<").count(), 1);
    assert_eq!(ended.location(), Some("/me/security?done=session-ended"));
    assert_eq!((foreign.status, out.status), (404, 303));
    assert!(everywhere.body.contains("You are signed out."));
    assert_eq!(first.get("/me/security").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_from_a_new_browser_and_a_copied_token_are_told() {
    // RT-6
    let server = Server::with_mail().await;
    let app = server.app(public(Dialect::Standard, "openid offline_access")).await;
    let mut first = Browser::new(&server);
    first.sign_in(Person::Agent).await;
    let again = first.open("/login?again=1").await;
    first.sign_in_on(&again, Person::Agent).await;
    let quiet = server.mails().await.len();
    let tokens = app.tokens(Person::Agent, "openid offline_access").await;
    let noticed = server.mails().await;

    let refresh =
        async |token: &str| app.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
    let copied = tokens["refresh_token"].as_str().expect("one").to_owned();
    let next: Value = refresh(&copied).await.json().await.expect("JSON");
    let newer: Value = refresh(next["refresh_token"].as_str().expect("one")).await.json().await.expect("JSON");
    assert!(newer["refresh_token"].is_string());
    server.clock.advance(Duration::from_secs(3600));
    let replayed = refresh(&copied).await;

    assert_eq!(quiet, 0, "the first browser, and the same again");
    assert_eq!(noticed.len(), 1);
    assert!(noticed[0].subject.starts_with("New sign-in") && noticed[0].text.contains("127.0.0.1"));
    assert_eq!(replayed.status(), 400);
    assert!(server.mails().await.iter().any(|mail| mail.subject.starts_with("An app's access was ended")));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_sign_in_only_where_they_may_and_reach_no_page_of_staff() {
    // LS-5, CO-12
    let server = Server::with_mail().await;
    server.choose(CUSTOMERS).await;
    let mut browser = Browser::new(&server);
    sign_up(&server, &mut browser, "cleo@shop.example").await;
    let app = server.gorgias_app("openid email tickets:read").await;

    let start = browser.open("/").await;
    let admin = browser.get("/admin").await;
    let consent = browser.open(&app.request("openid email tickets:read", &[])).await;
    let answer = browser.press(&consent, "consent-allow", &[]).await.answer();
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.expect("JSON");
    let access = tokens["access_token"].as_str().expect("one");
    let tickets = server.get("/api/tickets", access).await.status();
    let claims: Value = server.get("/oauth/userinfo", access).await.json().await.expect("JSON");
    let refused = browser.open(&app.request("tickets:read", &[])).await.answer();
    server.choose(Settings::default()).await;
    let out = browser.get("/me/apps").await;
    let login = browser.open("/login").await;
    let off = browser.press_once(&login, "login-submit", &[("email", "cleo@shop.example"), ("password", NEW)]).await;

    assert!(start.body.contains("Apps you allowed"));
    assert_eq!(admin.status, 403);
    assert!(!consent.body.contains("tickets:read"), "what the role does not reach is not offered");
    assert_eq!(tokens["scope"], "email openid");
    assert_eq!(tickets, 403);
    assert_eq!((&claims["email"], &claims["email_verified"]), (&"cleo@shop.example".into(), &true.into()));
    assert_eq!(refused["error"], "invalid_scope");
    assert_eq!((out.status, off.status), (303, 401));
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_and_customer_of_one_address_are_two_people() {
    // LS-5
    let server = Server::with_mail().await;
    server.choose(CUSTOMERS).await;
    let mut browser = Browser::new(&server);
    sign_up(&server, &mut browser, AGENT).await;
    let customer = server.session_of(&browser).await;

    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let staff = server.session_of(&own).await;
    let mut again = Browser::new(&server);
    let login = again.open("/login").await;
    again.press(&login, "login-submit", &[("email", AGENT), ("password", NEW)]).await;

    assert_eq!(staff.person_id, server.agent_id);
    assert_ne!(customer.person_id, server.agent_id);
    assert_eq!(server.session_of(&again).await.person_id, customer.person_id);
    assert!(!customer.role.is_staff());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_customer_costs_as_much_time_as_a_known_one() {
    // LS-5
    let server = Server::with_mail().await;
    server.choose(CUSTOMERS).await;
    let mut browser = Browser::new(&server);
    sign_up(&server, &mut browser, "cleo@shop.example").await;
    let mut quickest = [Duration::MAX; 3];

    for _ in 0..4 {
        for (at, email) in ["cleo@shop.example", AGENT, "nobody@shop.example"].into_iter().enumerate() {
            let mut browser = Browser::new(&server);
            let page = browser.open("/login").await;
            let started = Instant::now();
            let wrong = [("email", email), ("password", "wrong password")];
            assert_eq!(browser.press_once(&page, "login-submit", &wrong).await.status, 401);
            quickest[at] = quickest[at].min(started.elapsed());
        }
    }

    let (least, most) = (quickest.iter().min().expect("one"), quickest.iter().max().expect("one"));
    assert!(*most < *least * 3, "{quickest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_create_leads_to_sign_up_and_back_to_the_app() {
    // AZ-16
    let server = Server::with_mail().await;
    server.choose(CUSTOMERS).await;
    let app = server.gorgias_app("openid email").await;
    let mut browser = Browser::new(&server);

    let page = browser.open(&app.request("openid email", &[("prompt", "create")])).await;
    let said = browser.press(&page, "address-submit", &[("email", "cleo@shop.example")]).await;
    let link = server.mailed_link("cleo@shop.example", "/reset").await;
    let opened = browser.get(&link).await;
    let nameless = browser.press_once(&opened, "reset-submit", &[("password", NEW)]).await;
    let consent = browser.press(&opened, "reset-submit", &[("password", NEW), ("name", "Cleo Customer")]).await;
    let answer = browser.press(&consent, "consent-allow", &[]).await.answer();
    let metadata: Value = server.get("/.well-known/openid-configuration", "").await.json().await.expect("JSON");

    assert!(page.body.contains("Sign up") && page.path.starts_with("/sign-up?request="));
    assert!(said.body.contains("Look into your mailbox"));
    assert_eq!(nameless.status, 422);
    assert!(answer.contains_key("code"), "{answer:?}");
    assert!(metadata["prompt_values_supported"].as_array().expect("a list").contains(&"create".into()));
    let mut tx = server.db.read().await.expect("begin");
    let sql = "select name, email_verified from people where email_key = 'cleo@shop.example'";
    let row = tx.row(sql, &[]).await.expect("a query").expect("a customer");
    assert_eq!(
        (row.text("name").expect("a name").as_str(), row.flag("email_verified").expect("a flag")),
        ("Cleo Customer", true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_mail_writes_nothing_into_it() {
    // AZ-16
    let server = Server::with_mail().await;
    server.choose(CUSTOMERS).await;
    let mut browser = Browser::new(&server);
    let words = "x\n\nWin a prize at https://evil.example";
    let address = format!(
        "/sign-up?{}",
        url::form_urlencoded::Serializer::new(String::new()).append_pair("request", words).finish()
    );

    for email in ["cleo@shop.example", "no address", "a@b.example\nbcc: c@d.example"] {
        let page = browser.open(&address).await;
        let asked = browser.press_once(&page, "address-submit", &[("email", email)]).await;
        assert_eq!(asked.status, 200, "{email}");
    }
    let mails = server.mails().await;

    assert_eq!(mails.len(), 1);
    assert!(!mails[0].text.contains("evil.example"));
    let mut tx = server.db.read().await.expect("begin");
    let row =
        tx.row("select count(*) as n from people where is_staff = 0", &[]).await.expect("a query").expect("a row");
    assert_eq!(row.int("n").expect("a number"), 1, "nobody is made of what is no address");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_may_sign_up_prompt_create_leads_to_sign_in() {
    // AZ-16
    let server = Server::with_mail().await;
    let app = server.gorgias_app("openid email").await;
    let mut browser = Browser::new(&server);

    let page = browser.open(&app.request("openid email", &[("prompt", "create")])).await;
    let consent = browser.sign_in_on(&page, Person::Agent).await;
    let metadata: Value = server.get("/.well-known/openid-configuration", "").await.json().await.expect("JSON");

    assert!(page.body.contains("login-submit"));
    assert!(consent.body.contains("consent-allow"));
    assert!(!metadata["prompt_values_supported"].as_array().expect("a list").contains(&"create".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_up_again_says_the_same_and_takes_nobodys_account() {
    // AZ-16, LS-5
    let server = Server::with_mail().await;
    server.choose(CUSTOMERS).await;
    let mut browser = Browser::new(&server);
    let first = sign_up(&server, &mut browser, "cleo@shop.example").await;

    let mut stranger = Browser::new(&server);
    let page = stranger.open("/sign-up").await;
    let second = stranger.press_once(&page, "address-submit", &[("email", "Cleo@shop.example")]).await;
    let mails = server.mails().await;
    let login = stranger.open("/login").await;
    let own = stranger.press_once(&login, "login-submit", &[("email", "cleo@shop.example"), ("password", NEW)]).await;

    assert_eq!((second.status, second.body), (200, first));
    assert!(mails.iter().any(|mail| mail.subject.contains("already") && mail.to == "cleo@shop.example"));
    assert_eq!(own.status, 303, "the password is still the one that was chosen");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_invited_to_choose_their_first_password() {
    // LS-4
    let server = Server::with_mail().await;
    store::transact!(server.db, |tx| {
        tx.run("delete from passwords where person_id = $1", &[server.agent_id.into()]).await
    })
    .expect("no password");
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let people = admin.open("/admin/people").await;
    let csrf = people.form_around("people-submit").1;

    let invited = admin.post(&format!("/admin/people/{}/invite", server.agent_id), &csrf).await;
    let link = server.mailed_link(AGENT, "/reset").await;
    let mut agent = Browser::new(&server);
    let opened = agent.get(&link).await;
    let signed_in = agent.press(&opened, "reset-submit", &[("password", NEW)]).await;

    assert!(people.body.contains("No password"));
    assert_eq!(invited.location(), Some("/admin/people?done=link-mailed"));
    assert!(signed_in.body.contains("Apps you allowed"));
    assert_eq!(server.session_of(&agent).await.person_id, server.agent_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_nothing_is_promised() {
    let server = Server::start().await;
    server.choose(CUSTOMERS).await;
    let mut browser = Browser::new(&server);

    let login = browser.open("/login").await;
    let forgot = browser.get("/forgot").await;
    let sign_up = browser.get("/sign-up").await;
    let viewer = browser.get("/demo/mail").await;

    assert!(!login.body.contains("login-forgot") && !login.body.contains("login-sign-up"));
    assert_eq!((forgot.status, viewer.status), (404, 404));
    assert_eq!(sign_up.location(), Some("/login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_planted_before_is_worth_nothing_after() {
    // LS-1, LS-3
    let server = Server::start().await;
    let mut thief = Browser::new(&server);
    thief.sign_in(Person::Admin).await;
    let planted = thief.cookies.clone();

    let mut victim = Browser::new(&server);
    victim.cookies = planted.clone();
    let page = victim.open("/login?again=1").await;
    victim.sign_in_on(&page, Person::Agent).await;
    let session = server.session_of(&victim).await;
    let left = thief.get("/me/security").await;

    assert_eq!(session.person_id, server.agent_id);
    assert_ne!(victim.cookies["bailiwick"], planted["bailiwick"]);
    assert_eq!(left.status, 303, "the session whose cookie was planted has ended");
}

/// Signs up a new customer; leaves the browser signed in. The page that was shown after asking.
async fn sign_up(server: &Server, browser: &mut Browser<'_>, email: &str) -> String {
    let page = browser.open("/sign-up").await;
    let said = browser.press_once(&page, "address-submit", &[("email", email)]).await;
    let link = server.mailed_link(email, "/reset").await;
    let opened = browser.get(&link).await;
    let done = browser.press(&opened, "reset-submit", &[("password", NEW), ("name", "Cleo Customer")]).await;
    assert!(done.body.contains("Apps you allowed"), "{}", done.body);
    said.body
}
