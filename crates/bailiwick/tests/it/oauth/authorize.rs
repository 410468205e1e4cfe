//! The authorization endpoint (sections 4 and 6 of the OAuth contract).

use scope::Dialect;

use crate::support::app::{CALLBACK, confidential, public};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_a_code_after_sign_in_and_consent() {
    // AZ-6, AZ-7, AZ-9, LS-2, ALL-1, ALL-8
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let mut browser = Browser::new(&server);
    let login = browser.open(&app.request("openid tickets:read", &[("state", "+ &%20é\u{1F3AB}/?#=")])).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;

    let answered = browser.press(&consent, "consent-allow", &[]).await;

    assert_eq!(answered.status, 303);
    assert_eq!(answered.headers["cache-control"], "no-store");
    assert_eq!(answered.body, "");
    assert!(answered.location().is_some_and(|to| to.starts_with(&format!("{CALLBACK}?code="))));
    let answer = answered.answer();
    assert_eq!(answer["state"], "+ &%20é\u{1F3AB}/?#=");
    assert_eq!(answer["iss"], server.app.config.public_url);
    assert_eq!(answer["code"].len(), 48);
    assert!(!answer.contains_key("error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn get_and_post_behave_alike() {
    // AZ-1
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let request = app.request("tickets:read", &[]);
    let query = request.split_once('?').expect("a query").1;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();

    let posted = browser.post("/oauth/authorize", &fields).await;
    let login = browser.follow(posted).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;
    let answered = browser.press(&consent, "consent-allow", &[]).await;

    assert!(answered.answer().contains_key("code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_disabled_client_gets_a_page_and_no_redirect() {
    // AZ-2, POL-4, ALL-3
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let disabled = server.gorgias_app("tickets:read").await;
    server.app.provider.disable_client(&server.may(), disabled.client.id).await.expect("disabled");
    let mut browser = Browser::new(&server);
    let good = app.request("tickets:read", &[]);
    let requests = [
        app.request("tickets:read", &[("client_id", "")]),
        app.request("tickets:read", &[("client_id", "nobody")]),
        app.request("tickets:read", &[("client_id", "nobody"), ("prompt", "none")]),
        disabled.request("tickets:read", &[]),
        format!("{good}&client_id={}", app.client.client_id),
        format!("{good}&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcallback"),
        app.request("tickets:read", &[("redirect_uri", "https://evil.example.com/")]),
    ];

    for request in requests {
        let page = browser.get(&request).await;

        assert_eq!((page.status, page.location()), (400, None), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_mistake_goes_to_the_app_with_state_and_issuer() {
    // AZ-3, AZ-4, AZ-7, AZ-13, AZ-17, AZ-22, ALL-3, ALL-14, PK-2, PK-3, SC-1, SC-2, SC-11
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read offline").await;
    let long = "s".repeat(2049);
    let cases = [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "web_message", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("scope", "tickets:read \"quoted\"", "invalid_scope"),
        ("scope", "tickets:raed", "invalid_scope"),
        ("scope", "tickets:write", "invalid_scope"),
        ("scope", "", "invalid_scope"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("id_token_hint", "not.a.token", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("request_uri", "https://app.example.com/r", "request_uri_not_supported"),
        ("registration", "{}", "registration_not_supported"),
        ("nonce", &long, "invalid_request"),
    ];

    for (name, value, error) in cases {
        let page = Browser::new(&server).get(&app.request("tickets:read", &[(name, value)])).await;

        let answer = page.answer();
        assert_eq!(answer["error"], error, "{name}={value}");
        assert_eq!(answer["state"], "a state");
        assert_eq!(answer["iss"], server.app.config.public_url);
        assert!(page.location().is_some_and(|to| to.starts_with(CALLBACK)));
    }
    let twice = Browser::new(&server).get(&format!("{}&nonce=1&nonce=2", app.request("tickets:read", &[]))).await;
    assert_eq!(twice.answer()["error"], "invalid_request");
    let too_long = Browser::new(&server).get(&app.request("tickets:read", &[("state", &long)])).await;
    assert_eq!(too_long.answer()["error"], "invalid_request");
    assert!(!too_long.answer().contains_key("state"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_two_kibibytes_comes_back_whole() {
    // ALL-14, AZ-6
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let state = "é".repeat(1024);

    let page = Browser::new(&server).get(&app.request("tickets:read", &[("state", &state), ("prompt", "none")])).await;

    assert_eq!(page.answer()["state"], state);
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_parameters_never_break_the_server() {
    // ALL-4, ALL-5
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let good = app.request("tickets:read", &[]);

    for (extra, status) in [
        ("&scope[a]=b&max_age[]=1", 303),
        ("&nonce=&unknown=x&resource=a&resource=b", 303),
        ("&nonce=%00", 400),
        ("&nonce=%FF%FE", 400),
        ("&nonce=%ED%A0%80", 400),
        ("&nonce=%zz", 400),
    ] {
        let page = Browser::new(&server).get(&format!("{good}{extra}")).await;

        assert_eq!(page.status, status, "{extra}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pkce_is_asked_of_every_public_app_and_of_standard_confidential_ones() {
    // PK-1, POL-2, POL-3
    let server = Server::start().await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let must = [
        server.app(public(Dialect::Gorgias, "tickets:read")).await,
        server.app(public(Dialect::Zendesk, "tickets:read")).await,
        server.app(confidential(Dialect::Standard, "tickets:read")).await,
    ];
    let need_not = [
        server.app(confidential(Dialect::Gorgias, "tickets:read")).await,
        server.app(confidential(Dialect::Zendesk, "tickets:read")).await,
    ];

    for app in &must {
        let page = Browser::new(&server).get(&app.request("tickets:read", &without)).await;
        assert_eq!(page.answer()["error"], "invalid_request", "{:?}", app.client.policy);
    }
    for app in &need_not {
        let page = Browser::new(&server).open(&app.request("tickets:read", &without)).await;
        assert!(page.body.contains("login-submit"), "{:?}", app.client.policy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn form_post_and_fragment_carry_the_same_answer() {
    // AZ-4, AZ-5
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read").await;

    let form = browser.get(&app.request("tickets:read", &[("response_mode", "form_post")])).await;
    let fragment = browser.get(&app.request("tickets:read", &[("response_mode", "fragment")])).await;

    assert_eq!((form.status, form.headers["cache-control"].to_str().ok()), (200, Some("no-store")));
    let (action, fields) = form.form_around("form-post");
    assert_eq!(action, CALLBACK);
    let names: Vec<&str> = fields.iter().map(|(name, _value)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert!(form.body.contains("<noscript>"));
    assert!(fragment.location().is_some_and(|to| to.starts_with(&format!("{CALLBACK}#code="))));
    assert_eq!(fragment.answer()["state"], "a state");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_none_never_shows_a_page() {
    // AZ-12
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read customers:read").await;
    let mut browser = Browser::new(&server);
    let silent = [("prompt", "none")];

    let nobody = browser.get(&app.request("tickets:read", &silent)).await;
    browser.sign_in(Person::Admin).await;
    let not_asked = browser.get(&app.request("tickets:read", &silent)).await;
    app.allow(&mut browser, Person::Admin, "tickets:read").await;
    let allowed = browser.get(&app.request("tickets:read", &silent)).await;
    let more = browser.get(&app.request("tickets:read customers:read", &silent)).await;

    assert_eq!(nobody.answer()["error"], "login_required");
    assert_eq!(not_asked.answer()["error"], "consent_required");
    assert!(allowed.answer().contains_key("code"));
    assert_eq!(more.answer()["error"], "consent_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_login_and_max_age_ask_for_the_password_again() {
    // AZ-14
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read").await;
    server.clock.advance(std::time::Duration::from_secs(5));

    for again in [("prompt", "login"), ("max_age", "1"), ("max_age", "0")] {
        let login = browser.open(&app.request("tickets:read", &[again])).await;
        assert!(login.body.contains("login-submit"), "{again:?}");
        let answered = browser.sign_in_on(&login, Person::Admin).await;
        assert!(answered.answer().contains_key("code"), "{again:?}");
        server.clock.advance(std::time::Duration::from_secs(5));
    }
    let recent = browser.open(&app.request("tickets:read", &[("max_age", "60")])).await;
    assert!(recent.answer().contains_key("code"));
    let silent = browser.open(&app.request("tickets:read", &[("max_age", "1"), ("prompt", "none")])).await;
    assert_eq!(silent.answer()["error"], "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_consent_and_select_account_show_their_pages() {
    // AZ-15
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read").await;

    let consent = browser.open(&app.request("tickets:read", &[("prompt", "consent")])).await;
    let chooser = browser.open(&app.request("tickets:read", &[("prompt", "select_account")])).await;
    let kept = browser.press(&chooser, "choose-keep", &[]).await;
    let unknown = browser.open(&app.request("tickets:read", &[("prompt", "dance")])).await;

    assert!(consent.body.contains("consent-allow"));
    assert!(kept.answer().contains_key("code"));
    assert!(unknown.answer().contains_key("code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_prefill_the_address_and_unknown_wishes_do_no_harm() {
    // AZ-18, AZ-19
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let wishes = [
        ("login_hint", "agent@demo.test"),
        ("ui_locales", "de fr"),
        ("display", "popup"),
        ("claims_locales", "de"),
        ("acr_values", "urn:example:gold"),
    ];

    let login = Browser::new(&server).open(&app.request("tickets:read", &wishes)).await;

    assert!(login.body.contains("value=\"agent@demo.test\""), "{}", login.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clicks_on_allow_give_one_code_and_one_clean_page() {
    // AZ-23
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let consent = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    let mut other_tab = Browser::new(&server);
    other_tab.cookies.clone_from(&browser.cookies);

    let (first, second) = tokio::join!(
        browser.press_once(&consent, "consent-allow", &[]),
        other_tab.press_once(&consent, "consent-allow", &[])
    );

    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400]);
    let again = browser.press_once(&consent, "consent-deny", &[]).await;
    assert_eq!(again.status, 400);
    assert!(again.body.contains("expired"), "{}", again.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_request_is_over_after_ten_minutes_and_opens_in_no_other_browser() {
    // AZ-23
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let consent = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    let mut thief = Browser::new(&server);
    thief.sign_in(Person::Agent).await;

    let stolen = thief.open(&consent.path).await;
    server.clock.advance(std::time::Duration::from_secs(601));
    let late = browser.press_once(&consent, "consent-allow", &[]).await;

    assert_eq!((stolen.status, late.status), (400, 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_bound_to_all_that_was_asked_and_kept_as_a_hash() {
    // AZ-25, AZ-11, ALL-10, ALL-11
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let mut browser = Browser::new(&server);
    let consent = app.ask(&mut browser, Person::Agent, "openid tickets:read", &[("nonce", "n-1")]).await;

    let code = browser.press(&consent, "consent-allow", &[]).await.answer()["code"].clone();

    let mut tx = server.db.read().await.expect("begin");
    let row = tx
        .row(
            "select c.hash as hash, c.redirect_uri as redirect_uri, c.code_challenge as challenge, c.expires_at - c.created_at as life,
                 f.scope as scope, f.nonce as nonce, f.person_id as person_id, f.client_id as client_id, f.grant_id as grant_id,
                 s.person_id as session_person
             from authorization_codes c join token_families f on f.id = c.family_id join sessions s on s.sid = f.sid",
            &[],
        )
        .await
        .expect("a query")
        .expect("a code");
    assert_eq!(row.blob("hash").expect("hash"), outside::sha256(code.as_bytes()));
    assert_eq!(row.text("redirect_uri").expect("uri"), CALLBACK);
    assert_eq!(row.text("challenge").expect("challenge").len(), 43);
    assert_eq!(row.int("life").expect("life"), 60_000_000);
    assert_eq!(row.text("scope").expect("scope"), "openid tickets:read");
    assert_eq!(row.text("nonce").expect("nonce"), "n-1");
    assert_eq!(row.int("person_id").expect("person"), server.agent_id);
    assert_eq!(row.int("session_person").expect("person"), server.agent_id);
    assert_eq!(row.int("client_id").expect("client"), app.client.id);
    assert!(row.int_or_null("grant_id").expect("grant").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_is_not_for_scripts_of_other_origins() {
    // AZ-10
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let address = format!("{}{}", server.base, app.request("tickets:read", &[]));

    let response = server.http.get(address).header("origin", "https://app.example.com").send().await.expect("send");

    assert!(!response.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn zendesk_apps_find_their_own_address_words_and_defaults() {
    // SC-2, SC-3, SC-6
    let server = Server::start().await;
    let app = server.app(confidential(Dialect::Zendesk, "read write tickets:read")).await;
    let mut browser = Browser::new(&server);
    let zendesk = |scope: &str| app.request(scope, &[]).replace("/oauth/authorize?", "/oauth/authorizations/new?");

    let login = browser.open(&zendesk("read no_such_word")).await;
    let consent = browser.sign_in_on(&login, Person::Admin).await;
    let answered = browser.press(&consent, "consent-deny", &[]).await;
    let defaults = browser.open(&zendesk("")).await;
    let beyond = browser.open(&zendesk("impersonate")).await;

    assert!(consent.body.contains("no_such_word"));
    assert_eq!(answered.answer()["error_description"], "The end-user or authorization server denied the request");
    assert!(defaults.body.contains("(read)") && defaults.body.contains("(write)"), "{}", defaults.body);
    assert_eq!(beyond.answer()["error"], "invalid_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_says_who_must_sign_in_even_when_it_is_old() {
    // AZ-17
    let server = Server::start().await;
    let app = server.gorgias_app("openid tickets:read").await;
    let stranger = server.gorgias_app("openid").await;
    let tokens = app.tokens(Person::Admin, "openid tickets:read").await;
    let hint = tokens["id_token"].as_str().expect("an id_token").to_owned();
    server.clock.advance(std::time::Duration::from_secs(3 * 86_400));
    let hinted = |more: &[(&str, &str)]| {
        let mut changes = vec![("id_token_hint", hint.as_str())];
        changes.extend(more);
        app.request("tickets:read", &changes)
    };
    let mut admin = Browser::new(&server);
    admin.sign_in(Person::Admin).await;
    let mut agent = Browser::new(&server);
    agent.sign_in(Person::Agent).await;

    let same = admin.open(&hinted(&[])).await;
    let silent = agent.open(&hinted(&[("prompt", "none")])).await;
    let other = agent.open(&hinted(&[])).await;
    let wrong_again = agent.sign_in_on(&other, Person::Agent).await;
    let right = agent.sign_in_on(&wrong_again, Person::Admin).await;
    let foreign = admin.get(&stranger.request("openid", &[("id_token_hint", &hint)])).await;
    let altered = admin.get(&app.request("tickets:read", &[("id_token_hint", &format!("{hint}x"))])).await;

    assert!(same.answer().contains_key("code"));
    assert_eq!(silent.answer()["error"], "login_required");
    assert!(other.body.contains("login-submit") && wrong_again.body.contains("login-submit"));
    assert!(right.answer().contains_key("code"));
    assert_eq!(foreign.answer()["error"], "invalid_request");
    assert_eq!(altered.answer()["error"], "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_another_site_finds_the_session_that_its_browser_has() {
    // AZ-1, LS-1
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    app.allow(&mut browser, Person::Admin, "tickets:read").await;
    let request = app.request("tickets:read", &[]);
    let query = request.split_once('?').expect("a query").1;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();

    // SameSite=Lax: the browser sends no cookie with this POST, and sends them with the GET that it is led to.
    let led = Browser::new(&server).post("/oauth/authorize", &fields).await;
    let answered = browser.get(led.location().expect("a redirect")).await;

    assert_eq!(led.status, 303);
    assert!(answered.answer().contains_key("code"));
}
