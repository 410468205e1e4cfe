//! Sign-in at another OpenID provider: a second server of ours, and one that lies (LS-10).

use std::time::Duration;

use oauth::clients::NewClient;
use oauth::upstream::NewIdentityProvider;
use scope::Dialect;
use serde_json::{Value, json};

use crate::support::app::confidential;
use crate::support::browser::Page;
use crate::support::host::Answer;
use crate::support::{Browser, Host, Person, Server, TestKey};

const ISSUER: &str = "https://agent.example";

/// A server that people sign in to through the other one.
async fn two() -> (Server, Server, i64) {
    let there = Server::start().await;
    let here = Server::start_with(|settings| settings.fetch_private = true).await;
    let app = there
        .app(NewClient {
            name: "The helpdesk".to_owned(),
            redirect_uris: vec![format!("{}/login/upstream/callback", here.base)],
            ..confidential(Dialect::Standard, "openid profile email")
        })
        .await;
    let new = NewIdentityProvider {
        name: "Northwind".to_owned(),
        issuer: there.base.clone(),
        client_id: app.client.client_id.clone(),
        client_secret: app.secret.clone(),
        creates_customers: false,
    };
    let id = here.app.provider.create_identity_provider(&here.may(), new).await.expect("a provider");
    (there, here, id)
}

/// Where the other provider's button leads.
async fn press(browser: &mut Browser<'_>, address: &str, id: i64) -> String {
    let page = browser.open(address).await;
    let sent = browser.press_once(&page, &format!("login-upstream-{id}"), &[]).await;
    sent.location().unwrap_or_else(|| panic!("no redirect but {}: {}", sent.status, sent.body)).to_owned()
}

/// Signs in there, allows it, and gives the address that leads back.
async fn there_and_back(browser: &mut Browser<'_>, address: &str, person: Person) -> String {
    let mut page = browser.open(address).await;
    if page.body.contains("id=\"login-submit\"") {
        page = browser.sign_in_on(&page, person).await;
    }
    if page.body.contains("id=\"consent-allow\"") {
        page = browser.press(&page, "consent-allow", &[]).await;
    }
    page.location().unwrap_or_else(|| panic!("no way back but {}: {}", page.status, page.body)).to_owned()
}

async fn session(server: &Server) -> Option<(i64, String, String)> {
    let mut tx = server.db.read().await.expect("begin");
    let row = tx.row("select person_id, amr, acr from sessions order by id desc limit 1", &[]).await.expect("read");
    row.map(|row| {
        (
            row.int("person_id").expect("what the test made"),
            row.text("amr").expect("what the test made"),
            row.text("acr").expect("what the test made"),
        )
    })
}

async fn n_links(server: &Server) -> i64 {
    let mut tx = server.db.read().await.expect("begin");
    let row = tx.row("select count(*) as n from upstream_identities", &[]).await.expect("read");
    row.expect("a row").int("n").expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_connects_their_account_once_and_then_signs_in_by_it() {
    // LS-10
    let (there, here, id) = two().await;
    let (mut elsewhere, mut browser) = (Browser::new(&there), Browser::new(&here));

    let away = press(&mut browser, "/login?return_to=/me/apps", id).await;
    for part in ["code_challenge_method=S256", "state=", "nonce=", "scope=openid"] {
        assert!(away.contains(part), "{away}");
    }
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    let unknown = browser.open(&back).await;
    assert!(unknown.body.contains("is not connected with anybody"), "{}", unknown.body);
    assert!(session(&here).await.is_none(), "an address that is the same on both sides links nobody");

    let sign_in = unknown.body.split("href=\"").find(|it| it.starts_with("/login?return_to")).expect("a link");
    let sign_in = sign_in.split('"').next().expect("its end").replace("&amp;", "&").replace("&#38;", "&");
    let page = browser.open(&sign_in).await;
    let page = browser.sign_in_on(&page, Person::Agent).await;
    assert!(page.body.contains("link-confirm"), "{}", page.body);
    let done = browser.press(&page, "link-confirm", &[]).await;
    assert_eq!(done.path, "/me/apps", "on to where the person wanted to go");
    assert_eq!(n_links(&here).await, 1);

    let mut fresh = Browser::new(&here);
    let away = press(&mut fresh, "/login", id).await;
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    let home = fresh.open(&back).await;
    assert_eq!(home.status, 200);
    let (person_id, amr, acr) = session(&here).await.expect("a session");
    assert_eq!(person_id, here.agent_id, "whoever linked it, whatever the addresses say");
    assert_eq!((amr.as_str(), acr.as_str()), ("fed", "urn:bailiwick:acr:fed"), "no more is claimed than is known");

    let again = fresh.open(&back).await;
    assert_eq!(again.status, 400, "an answer counts once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_learns_that_another_provider_signed_the_person_in() {
    // LS-10, LS-7
    let (there, here, id) = two().await;
    link(&here, id, &there.admin_id.to_string(), here.agent_id).await;
    let app = here.app(confidential(Dialect::Standard, "openid tickets:read")).await;
    let (mut elsewhere, mut browser) = (Browser::new(&there), Browser::new(&here));

    let away = press(&mut browser, &app.request("openid", &[("prompt", "login")]), id).await;
    assert!(away.contains("prompt=login"), "who must sign in anew must do so there too: {away}");
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    let consent = browser.open(&back).await;
    let answer = browser.press(&consent, "consent-allow", &[]).await.answer();
    let tokens: Value = app.redeem(&answer["code"]).await.json().await.unwrap();

    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let payload = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["amr"], json!(["fed"]));
    assert_eq!(claims["acr"], "urn:bailiwick:acr:fed");
    assert_eq!(claims["sub"], here.agent_id.to_string());
}

async fn link(server: &Server, provider: i64, sub: &str, person: i64) {
    let mut tx = server.db.write().await.expect("begin");
    tx.run(
        "insert into upstream_identities (provider_id, sub, person_id, created_at) values ($1, $2, $3, $4)",
        &[provider.into(), sub.into(), person.into(), server.clock.now().into()],
    )
    .await
    .expect("linked");
    tx.commit().await.expect("commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_lay_open_does_not_connect_anything() {
    // LS-10
    let (there, here, id) = two().await;
    let (mut elsewhere, mut browser) = (Browser::new(&there), Browser::new(&here));
    let away = press(&mut browser, "/login", id).await;
    browser.sign_in(Person::Agent).await;
    for server in [&there, &here] {
        server.clock.advance(Duration::from_secs(120));
    }
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;

    let page = browser.open(&back).await;
    let asked = browser.press(&page, "link-confirm", &[]).await;

    assert!(asked.path.starts_with("/confirm?"), "{}", asked.path);
    assert_eq!(n_links(&here).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_only_in_the_browser_that_asked_and_in_time() {
    // LS-10
    let (there, here, id) = two().await;
    link(&here, id, &there.admin_id.to_string(), here.agent_id).await;
    let mut elsewhere = Browser::new(&there);
    let mut browser = Browser::new(&here);

    let away = press(&mut browser, "/login", id).await;
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    let mut stranger = Browser::new(&here);
    stranger.open("/login").await;
    assert_eq!(stranger.open(&back).await.status, 400, "another browser");
    assert_eq!(browser.open(&back.replace("iss=", "iss=https%3A%2F%2Fevil.example&x=")).await.status, 400, "mixed up");
    assert_eq!(browser.open(&back).await.status, 400, "used up by the attempt");

    let away = press(&mut browser, "/login", id).await;
    let state = url::Url::parse(&away).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let iss: String = url::form_urlencoded::byte_serialize(there.base.as_bytes()).collect();
    let denied = format!("/login/upstream/callback?error=access_denied&state={state}&iss={iss}");
    let denied = browser.open(&denied).await;
    assert_eq!(denied.status, 400);
    assert!(denied.body.contains("Northwind did not sign you in"), "{}", denied.body);

    let away = press(&mut browser, "/login", id).await;
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    here.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(browser.open(&back).await.status, 400, "too late");
    assert!(session(&here).await.is_none());
}

/// A provider that says whatever a test wants.
struct Liar {
    host: Host,
    key: TestKey,
    server: Server,
    id: i64,
}

impl Liar {
    async fn start(creates_customers: bool) -> Liar {
        let host = Host::start().await;
        let server = Server::start_with(|settings| host.known_to(settings)).await;
        let key = TestKey::es256();
        host.put("/keys", Answer::json(&key.set()));
        let new = NewIdentityProvider {
            name: "Liar".to_owned(),
            issuer: ISSUER.to_owned(),
            client_id: "helpdesk".to_owned(),
            client_secret: None,
            creates_customers,
        };
        let id = server.app.provider.create_identity_provider(&server.may(), new).await.expect("a provider");
        let liar = Liar { host, key, server, id };
        liar.says(&[]);
        liar
    }

    fn says(&self, changes: &[(&str, Value)]) {
        let mut metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"),
            "jwks_uri": format!("{ISSUER}/keys"),
        });
        for (name, value) in changes {
            metadata[*name] = value.clone();
        }
        self.host.put("/.well-known/openid-configuration", Answer::json(&metadata));
    }

    /// Signs in with what it would say of this sign-in, changed.
    async fn sign_in(&self, header: Value, changes: &[(&str, Value)]) -> Page {
        let mut browser = Browser::new(&self.server);
        let away = url::Url::parse(&press(&mut browser, "/login", self.id).await).expect("what the test made");
        let of = |name: &str| away.query_pairs().find(|(it, _)| it == name).expect("what the test made").1.into_owned();
        let now = self.server.clock.now().as_second();
        let mut claims = json!({
            "iss": ISSUER, "aud": "helpdesk", "sub": "liar-1", "nonce": of("nonce"), "iat": now, "exp": now + 300,
        });
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        let id_token = self.key.sign(header, &claims);
        self.host
            .put("/token", Answer::json(&json!({ "access_token": "x", "token_type": "Bearer", "id_token": id_token })));
        browser.open(&format!("/login/upstream/callback?code=c&state={}", of("state"))).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_provider_says_is_not_believed_unless_everything_fits() {
    // LS-10, KEY-5
    let liar = Liar::start(false).await;
    link(&liar.server, liar.id, "liar-1", liar.server.agent_id).await;
    let now = liar.server.clock.now().as_second();

    for (name, header, changes) in [
        ("nonce", json!({}), vec![("nonce", json!("another"))]),
        ("no nonce", json!({}), vec![("nonce", Value::Null)]),
        ("iss", json!({}), vec![("iss", json!("https://other.example"))]),
        ("aud", json!({}), vec![("aud", json!("another app"))]),
        ("azp", json!({}), vec![("aud", json!(["helpdesk", "another"])), ("azp", json!("another"))]),
        ("two audiences", json!({}), vec![("aud", json!(["helpdesk", "another"]))]),
        ("expired", json!({}), vec![("exp", json!(now - 60))]),
        ("the future", json!({}), vec![("iat", json!(now + 600))]),
        ("no sub", json!({}), vec![("sub", Value::Null)]),
        ("number", json!({}), vec![("sub", json!(7))]),
        ("none", json!({ "alg": "none" }), vec![]),
        ("HMAC", json!({ "alg": "HS256" }), vec![]),
        ("unknown key", json!({ "kid": "two" }), vec![]),
        ("another kind", json!({ "typ": "at+jwt" }), vec![]),
    ] {
        let page = liar.sign_in(header, &changes).await;
        assert_eq!(page.status, 400, "{name}: {}", page.body);
    }
    assert!(session(&liar.server).await.is_none());

    let page = liar.sign_in(json!({}), &[]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(session(&liar.server).await.expect("a session").0, liar.server.agent_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_links_nobody_verified_or_not() {
    // LS-10
    let liar = Liar::start(true).await;

    for verified in [json!(false), json!("true"), json!(true), Value::Null] {
        let claims = [("email", json!("admin@demo.test")), ("email_verified", verified)];
        let page = liar.sign_in(json!({}), &claims).await;
        assert!(page.body.contains("is not connected with anybody"), "{}", page.body);
    }

    assert!(session(&liar.server).await.is_none());
    assert_eq!(n_links(&liar.server).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_must_be_who_it_says_and_lie_outside() {
    // LS-10, CM-2
    let liar = Liar::start(false).await;
    let server = &liar.server;
    let mut admin = Browser::new(server);
    admin.sign_in(Person::Admin).await;
    let test = format!("test-{}", liar.id);

    let page = admin.open("/admin/sign-in").await;
    assert!(admin.press(&page, &test, &[]).await.body.contains("answers as it should"));
    for (changes, complaint) in [
        (("issuer", json!("https://other.example")), "names another issuer"),
        (("token_endpoint", json!("http://127.0.0.1:1/token")), "no public https address"),
        (("jwks_uri", json!("https://169.254.169.254/keys")), "no public https address"),
        (("authorization_endpoint", json!("javascript:alert(1)")), "no public https address"),
        (("token_endpoint", Value::Null), "lacks an endpoint"),
    ] {
        liar.says(&[changes]);
        let tested = admin.press(&page, &test, &[]).await;
        assert!(tested.body.contains(complaint), "{complaint}: {}", tested.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sets_providers_up_and_switches_them_off() {
    // LS-10, ALL-17
    let server = Server::start().await;
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let page = admin.open("/admin/sign-in").await;
    assert!(page.body.contains(&format!("{}/login/upstream/callback", server.base)));
    let fields = |issuer: &'static str| {
        [("name", "Northwind"), ("issuer", issuer), ("client_id", "helpdesk"), ("client_secret", "very secret")]
    };

    for bad in ["http://id.example", "https://127.0.0.1", "https://id.example/?x=1", "nonsense", ""] {
        let refused = admin.press_once(&page, "sign-in-add", &fields(bad)).await;
        assert_eq!(refused.status, 422, "{bad}");
        assert!(!refused.body.contains("very secret"));
    }
    let added = admin.press(&page, "sign-in-add", &fields("https://id.example")).await;
    let twice = admin.press_once(&page, "sign-in-add", &fields("https://id.example")).await;
    let login = Browser::new(&server).open("/login").await;
    assert!(added.body.contains("The provider is added"), "{}", added.body);
    assert_eq!(twice.status, 422);
    assert!(login.body.contains("Sign in with <bdi>Northwind</bdi>"));

    admin.press(&added, "disable-1", &[]).await;
    let login = Browser::new(&server).open("/login").await;
    assert!(!login.body.contains("Northwind"));
    let mut tx = server.db.read().await.expect("begin");
    let rows = tx.rows("select client_secret_encrypted from identity_providers", &[]).await.expect("read");
    let sealed = rows[0].blob("client_secret_encrypted").expect("sealed");
    assert!(!sealed.windows(11).any(|part| part == b"very secret"), "secrets are kept encrypted");
    let events = tx
        .rows("select type, after from events where object_type = 'IdentityProvider' order by id", &[])
        .await
        .expect("events");
    let kinds: Vec<String> = events.iter().map(|row| row.text("type").unwrap()).collect();
    assert_eq!(kinds, ["identity-provider-created", "identity-provider-disabled"]);
    assert!(!events[0].text("after").unwrap().contains("secret"));
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;
    assert_eq!(agent.get("/admin/sign-in").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_renamed_and_given_a_new_secret() {
    // LS-10
    let (there, here, id) = two().await;
    let mut admin = Browser::new(&here);
    admin.sign_in(Person::Admin).await;
    let page = admin.open(&format!("/admin/sign-in/{id}/edit")).await;
    assert!(page.body.contains(&there.base), "{}", page.body);

    let refused = admin.press_over(&page, "provider-save", &[("name", "")]).await;
    let saved =
        admin.press_over(&page, "provider-save", &[("name", "Company account"), ("client_secret", "wrong")]).await;
    assert_eq!(refused.status, 422);
    assert!(saved.body.contains("Your changes are saved.") && saved.body.contains("Company account"), "{}", saved.body);
    let (mut elsewhere, mut browser) = (Browser::new(&there), Browser::new(&here));
    let away = press(&mut browser, "/login", id).await;
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    assert_eq!(browser.open(&back).await.status, 502, "the new secret is used, and it is wrong there");

    let mut tx = here.db.read().await.expect("begin");
    let sql = "select after from events where type = 'identity-provider-updated'";
    let events = tx.rows(sql, &[]).await.expect("events");
    assert_eq!(events.len(), 1);
    assert!(!events[0].text("after").expect("what it is").contains("wrong"), "the secret is in no event");
    assert_eq!(admin.get("/admin/sign-in/999/edit").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_disconnects_an_account_unless_it_is_their_only_way_in() {
    // LS-10
    let (there, here, id) = two().await;
    link(&here, id, &there.admin_id.to_string(), here.agent_id).await;
    link(&here, id, "somebody else", here.admin_id).await;
    let mut agent = Browser::new(&here);
    agent.sign_in(Person::Agent).await;
    let page = agent.open("/me/security").await;
    assert_eq!(page.body.matches("link-remove-").count(), 1, "only their own");

    let mut tx = here.db.write().await.expect("begin");
    tx.run("delete from passwords where person_id = $1", &[here.agent_id.into()]).await.expect("gone");
    tx.commit().await.expect("commit");
    let only_way = agent.press_once(&page, "link-remove-1", &[]).await;
    link(&here, id, "the same person again", here.agent_id).await;
    let removed = agent.press(&page, "link-remove-1", &[]).await;

    assert_eq!(only_way.status, 409);
    assert!(only_way.body.contains("You sign in by this account alone"), "{}", only_way.body);
    assert!(removed.body.contains("That account opens yours no more."), "{}", removed.body);
    let (mut elsewhere, mut browser) = (Browser::new(&there), Browser::new(&here));
    let away = press(&mut browser, "/login", id).await;
    let back = there_and_back(&mut elsewhere, &away, Person::Admin).await;
    let unknown = browser.open(&back).await;
    assert!(unknown.body.contains("is not connected with anybody"), "{}", unknown.body);
}
