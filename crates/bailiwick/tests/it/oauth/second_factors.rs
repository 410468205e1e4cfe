//! Second factors: an app for codes, recovery codes, and demands for them (LS-8).

use std::time::Duration;

use oauth::people_settings::Settings;
use serde_json::Value;

use crate::support::people::{code_of, recovery_codes};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_for_codes_is_asked_for_after_the_password() {
    // LS-8, LS-7, LS-1
    let server = Server::start().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let before = own.cookies["bailiwick"].clone();
    let (secret, codes) = own.set_up_codes(&server).await;
    let raised = server.session_of(&own).await;

    let mut browser = Browser::new(&server);
    let asked = browser.enter_password(Person::Agent).await;
    let has_session = browser.cookies.contains_key("bailiwick");
    server.clock.advance(Duration::from_secs(60));
    let wrong = browser.press_once(&asked, "factor-submit", &[("code", "000000")]).await;
    let code = code_of(&secret, server.clock.now());
    let signed_in =
        browser.press(&wrong, "factor-submit", &[("code", &format!("{} {}", &code[..3], &code[3..]))]).await;

    assert_eq!(codes.len(), 10);
    assert_ne!(own.cookies["bailiwick"], before, "what a session may do grew, so its cookie is another");
    assert_eq!((raised.amr.as_str(), raised.acr.as_str()), ("pwd otp mfa", "urn:bailiwick:acr:mfa"));
    assert!(asked.body.contains("factor-submit") && !has_session, "the password alone opens nothing");
    assert_eq!(wrong.status, 401);
    assert!(signed_in.body.contains("Apps you allowed"));
    assert_eq!(server.session_of(&browser).await.acr, "urn:bailiwick:acr:mfa");
    assert_eq!(server.events("totp-added").await, [server.agent_id]);
    assert_eq!(server.events("user-login-failed").await, [server.agent_id]);
    let mut tx = server.db.read().await.expect("begin");
    let row = tx.row("select secret_encrypted from totp", &[]).await.expect("a query").expect("one");
    assert_eq!(row.blob("secret_encrypted").expect("sealed").len(), 12 + 20 + 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_say_how_surely_somebody_signed_in() {
    // LS-8, LS-7
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    browser.set_up_codes(&server).await;

    let answer = app.allow(&mut browser, Person::Agent, "openid").await;
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.expect("JSON");
    let claims = claims_of(tokens["id_token"].as_str().expect("an id_token"));
    let metadata: Value = server.get("/.well-known/openid-configuration", "").await.json().await.expect("JSON");

    assert_eq!(claims["acr"], "urn:bailiwick:acr:mfa");
    assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    let levels = ["urn:bailiwick:acr:pwd", "urn:bailiwick:acr:mfa", "urn:bailiwick:acr:phr"];
    assert_eq!(metadata["acr_values_supported"], serde_json::json!(levels));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_once_and_only_in_its_time() {
    // LS-8
    let server = Server::start().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (secret, _codes) = own.set_up_codes(&server).await;
    let at_set_up = code_of(&secret, server.clock.now());
    let mut answers = Vec::new();

    let mut browser = Browser::new(&server);
    let asked = browser.enter_password(Person::Agent).await;
    answers.push(browser.press_once(&asked, "factor-submit", &[("code", &at_set_up)]).await.status);
    server.clock.advance(Duration::from_secs(30));
    let code = code_of(&secret, server.clock.now());
    server.clock.advance(Duration::from_secs(30));
    answers.push(browser.press_once(&asked, "factor-submit", &[("code", &code)]).await.status);
    let mut second = Browser::new(&server);
    let asked = second.enter_password(Person::Agent).await;
    answers.push(second.press_once(&asked, "factor-submit", &[("code", &code)]).await.status);
    server.clock.advance(Duration::from_secs(90));
    answers.push(second.press_once(&asked, "factor-submit", &[("code", &code)]).await.status);

    assert_eq!(answers, [401, 303, 401, 401]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_stands_in_once() {
    // LS-8
    let server = Server::with_mail().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (_secret, codes) = own.set_up_codes(&server).await;
    let mut statuses = Vec::new();

    for code in [codes[3].to_uppercase(), codes[3].clone(), codes[4].replace('-', "")] {
        let mut browser = Browser::new(&server);
        let asked = browser.enter_password(Person::Agent).await;
        statuses.push(browser.press_once(&asked, "factor-submit", &[("code", &code)]).await.status);
    }
    let page = own.open("/me/security").await;
    let made = own.press(&page, "recovery-new", &[]).await;
    let fresh = recovery_codes(&made);
    let mut browser = Browser::new(&server);
    let asked = browser.enter_password(Person::Agent).await;
    let old = browser.press_once(&asked, "factor-submit", &[("code", &codes[5])]).await;

    assert_eq!(statuses, [303, 401, 303]);
    assert!(page.body.contains("8 left"));
    assert_eq!(fresh.len(), 10);
    assert!(fresh.iter().all(|code| !codes.contains(code)));
    assert_eq!(old.status, 401);
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx.rows("select hash from recovery_codes", &[]).await.expect("a query");
    assert!(rows.iter().all(|row| row.blob("hash").expect("a hash").len() == 32));
    drop(tx);
    assert!(server.mails().await.iter().any(|mail| mail.subject.contains("recovery code was used")));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_codes_slows_down_and_says_for_how_long() {
    // LS-6
    let server = Server::start().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (secret, _codes) = own.set_up_codes(&server).await;
    server.clock.advance(Duration::from_secs(60));
    let mut browser = Browser::new(&server);
    let asked = browser.enter_password(Person::Agent).await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(browser.press_once(&asked, "factor-submit", &[("code", "123456")]).await.status);
    }

    let code = code_of(&secret, server.clock.now());
    let right = browser.press_once(&asked, "factor-submit", &[("code", &code)]).await;
    server.clock.advance(Duration::from_secs(1));
    let waited = browser.press_once(&asked, "factor-submit", &[("code", &code)]).await;

    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429]);
    assert_eq!((right.status, right.headers["retry-after"].to_str().ok()), (429, Some("1")));
    assert_eq!(waited.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_belongs_to_its_browser_and_ends() {
    // LS-3, LS-8
    let server = Server::start().await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (secret, _codes) = own.set_up_codes(&server).await;
    server.clock.advance(Duration::from_secs(60));
    let mut browser = Browser::new(&server);
    let asked = browser.enter_password(Person::Agent).await;
    let mut thief = Browser::new(&server);
    thief.get("/login").await;

    let stolen = thief.get(&asked.path).await;
    let code = code_of(&secret, server.clock.now());
    let finished = browser.press_once(&asked, "factor-submit", &[("code", &code)]).await;
    let replayed = browser.press_once(&asked, "factor-submit", &[("code", &code)]).await;
    let mut slow = Browser::new(&server);
    let late = slow.enter_password(Person::Agent).await;
    server.clock.advance(Duration::from_secs(601));
    let code = code_of(&secret, server.clock.now());
    let too_late = slow.press_once(&late, "factor-submit", &[("code", &code)]).await;

    assert_eq!((stolen.status, finished.status, replayed.status, too_late.status), (410, 303, 410, 410));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_may_demand_a_second_factor_within_a_session() {
    // LS-8
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let mut own = Browser::new(&server);
    own.sign_in(Person::Agent).await;
    let (secret, _codes) = own.set_up_codes(&server).await;
    // A session from before, as it would be if the app for codes had come later.
    store::transact!(server.db, |tx| {
        tx.run("update sessions set amr = 'pwd', acr = 'urn:bailiwick:acr:pwd'", &[]).await
    })
    .expect("weaker");
    let cookie = own.cookies["bailiwick"].clone();
    server.clock.advance(Duration::from_secs(60));

    let demanded = [("acr_values", "urn:bailiwick:acr:mfa")];
    let asked = own.open(&app.request("openid tickets:read", &demanded)).await;
    let code = code_of(&secret, server.clock.now());
    let shown = own.press(&asked, "factor-submit", &[("code", &code)]).await;
    let answer = own.press(&shown, "consent-allow", &[]).await.answer();
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.expect("JSON");

    assert!(!asked.body.contains("login-password"), "the password was right already");
    assert_eq!(claims_of(tokens["id_token"].as_str().expect("one"))["acr"], "urn:bailiwick:acr:mfa");
    assert_ne!(own.cookies["bailiwick"], cookie, "LS-1: another cookie after each change of what it opens");
    assert!(server.app.provider.session(&cookie).await.expect("read").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_nothing_to_show_is_led_to_setting_it_up() {
    // LS-8
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;

    let demanded = [("acr_values", "urn:bailiwick:acr:mfa")];
    let needed = browser.open(&app.request("openid tickets:read", &demanded)).await;
    let set_up = browser.press(&needed, "totp-new", &[]).await;
    let secret = crate::support::people::text_of(&set_up, "totp-secret");
    let code = code_of(&secret, server.clock.now());
    let codes = browser.press(&set_up, "totp-confirm", &[("code", &code)]).await;
    let on = codes.body.split("href=\"").find(|rest| rest.starts_with("/login/resume")).expect("the way on");
    let on = on[..on.find('"').expect("its end")].to_owned();
    let consent = browser.open(&on).await;

    assert!(needed.body.contains("id=\"factor-needed\""));
    assert!(consent.body.contains("id=\"consent-allow\""), "{}", consent.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_want_a_second_factor_of_all_staff() {
    // LS-8
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Admin).await;
    server.choose(Settings { staff_second_factor: true, ..Settings::default() }).await;

    let admin = browser.get("/admin/apps").await;
    let needed = browser.open("/admin/apps").await;
    let elsewhere = [browser.get("/device").await, browser.get("/me/apps").await];
    let silent = browser.get(&app.request("tickets:read", &[("prompt", "none")])).await.answer();
    let authorize = browser.get(&app.request("tickets:read", &[])).await;
    browser.set_up_codes(&server).await;
    let after = browser.get("/admin/apps").await;

    assert_eq!(admin.location(), Some("/login/more?return_to=%2Fadmin%2Fapps"));
    assert!(needed.body.contains("id=\"factor-needed\""));
    assert!(elsewhere.iter().all(|page| page.location().is_some_and(|to| to.starts_with("/login/more?"))));
    assert_eq!(silent["error"], "interaction_required");
    assert!(authorize.location().is_some_and(|to| to.starts_with("/login/more?request=")));
    assert_eq!(after.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn factors_change_only_soon_after_a_sign_in_that_was_sure_enough() {
    // LS-8, LS-1
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(Person::Agent).await;
    let (secret, _codes) = browser.set_up_codes(&server).await;

    server.clock.advance(Duration::from_secs(31 * 60));
    let page = browser.open("/me/security").await;
    let too_late = browser.press_once(&page, "totp-remove", &[]).await;
    let again = browser.open(too_late.location().expect("a redirect")).await;
    let asked = browser.sign_in_on(&again, Person::Agent).await;
    let code = code_of(&secret, server.clock.now());
    let page = browser.press(&asked, "factor-submit", &[("code", &code)]).await;
    let removed = browser.press(&page, "totp-remove", &[]).await;
    let mut other = Browser::new(&server);
    let signed_in = other.enter_password(Person::Agent).await;

    assert_eq!(too_late.location(), Some("/login?again=1&return_to=%2Fme%2Fsecurity"));
    assert!(removed.body.contains("The app for codes is removed."));
    assert!(!signed_in.body.contains("factor-submit"));
    let mut tx = server.db.read().await.expect("begin");
    assert!(tx.row("select id from recovery_codes", &[]).await.expect("a query").is_none(), "the codes went with it");
    drop(tx);
    assert_eq!(server.events("totp-removed").await, [server.agent_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_helps_who_has_lost_everything() {
    // LS-8, LS-9
    let server = Server::start().await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    agent.set_up_codes(&server).await;
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    admin.set_up_codes(&server).await;

    let people = admin.open("/admin/people").await;
    let csrf = people.form_around("people-submit").1;
    let helped = admin.post(&format!("/admin/people/{}/remove-factors", server.agent_id), &csrf).await;
    let by_agent = agent.get("/admin/people").await;
    let mut again = Browser::new(&server);
    let signed_in = again.enter_password(Person::Agent).await;

    assert_eq!(helped.location(), Some("/admin/people?done=factors-removed"));
    assert_eq!(by_agent.location(), Some("/login?return_to=%2Fadmin%2Fpeople"), "signed out");
    assert!(!signed_in.body.contains("factor-submit"));
    assert_eq!(server.events("second-factors-removed").await, [server.agent_id]);
}

fn claims_of(jwt: &str) -> Value {
    use base64::Engine;
    let body = jwt.split('.').nth(1).expect("a body");
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).expect("base64"))
        .expect("JSON")
}
