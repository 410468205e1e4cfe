//! Redirect URIs (section 5 of the OAuth contract).

use oauth::clients::{ClientChange, ClientType, NewClient};
use oauth::redirect_uri::ApplicationType;
use scope::Dialect;

use crate::support::app::{CALLBACK, confidential, public};
use crate::support::{Browser, Person, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_matches_a_registered_address_byte_for_byte() {
    // RU-1, AZ-2
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);

    for other in [
        "https://app.example.com/callback/",
        "https://app.example.com/Callback",
        "https://APP.example.com/callback",
        "https://app.example.com:443/callback",
        "https://app.example.com:8443/callback",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/callback#x",
        "https://app.example.com/a/../callback",
        "https://app.example.com/%2e/callback",
        "https://app.example.com/callbac%6b",
        "https://user@app.example.com/callback",
        "https://app.example.com@evil.example/callback",
        "http://app.example.com/callback",
        "//app.example.com/callback",
        "/callback",
        "javascript:alert(1)",
    ] {
        let page = browser.get(&app.request("tickets:read", &[("redirect_uri", other)])).await;

        assert_eq!((page.status, page.location()), (400, None), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loopback_address_is_free_in_its_port_and_in_nothing_else() {
    // RU-2, RU-3
    let server = Server::start().await;
    let new = NewClient {
        redirect_uris: vec![
            "http://127.0.0.1/callback".to_owned(),
            "http://[::1]:9/callback".to_owned(),
            "http://localhost/callback".to_owned(),
        ],
        ..public(Dialect::Gorgias, "tickets:read")
    };
    let app = server.app(new).await;
    let mut browser = Browser::new(&server);

    for good in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:50123/callback",
        "http://[::1]:1/callback",
        "http://[::1]/callback",
        "http://localhost:65535/callback",
    ] {
        let page = browser.get(&app.request("tickets:read", &[("redirect_uri", good), ("prompt", "none")])).await;
        assert!(page.location().is_some_and(|to| to.starts_with(&format!("{good}?error=login_required"))), "{good}");
    }
    for bad in [
        "http://evil@127.0.0.1/callback",
        "http://127.0.0.1:50123/other",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:5o/callback",
        "http://127.0.0.2:50123/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://LOCALHOST:1/callback",
        "https://127.0.0.1:50123/callback",
    ] {
        let page = browser.get(&app.request("tickets:read", &[("redirect_uri", bad)])).await;
        assert_eq!((page.status, page.location()), (400, None), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_to_the_port_that_was_asked_for() {
    // RU-2
    let server = Server::start().await;
    let new = NewClient {
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        ..confidential(Dialect::Zendesk, "read")
    };
    let mut app = server.app(new).await;
    app.redirect_uri = "http://127.0.0.1:41234/callback".to_owned();
    let mut browser = Browser::new(&server);

    let consent = app.ask(&mut browser, Person::Admin, "read", &[]).await;
    let answered = browser.press(&consent, "consent-allow", &[]).await;

    assert!(answered.location().is_some_and(|to| to.starts_with("http://127.0.0.1:41234/callback?code=")));
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_refuses_addresses_that_give_codes_away() {
    // RU-4, RU-5, RU-6
    let server = Server::start().await;
    let either = [
        "",
        "callback",
        "/callback",
        "https:///callback",
        "https://app.example.com/cb#top",
        "https://*.example.com/cb",
        "https://app.example.com/*",
        "http://app.example.com/cb",
        "http://127.0.0.1.example.com/cb",
        "https://user:pw@app.example.com/cb",
        "https://app.example.com/a b",
        "https://app.example.com/\u{e9}",
        "https://app.example.com/a/../cb",
        "https://app.example.com/%2E%2e/cb",
        "https://app.example.com\\@evil.example/cb",
        "https://app.example.com:99999/cb",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "about:blank",
        "blob:https://app.example.com/1",
        "myapp:/cb",
        "urn:ietf:wg:oauth:2.0:oob",
    ];
    let refused_for_web = ["http://127.0.0.1/cb", "http://localhost:3000/cb", "http://[::1]/cb", "com.example.app:/cb"];
    let mut cases: Vec<(&str, ApplicationType, bool)> = Vec::new();
    for kind in [ApplicationType::Web, ApplicationType::Native] {
        cases.extend(either.map(|uri| (uri, kind, false)));
        cases.extend(refused_for_web.map(|uri| (uri, kind, kind == ApplicationType::Native)));
        cases.push(("https://app.example.com/cb?tenant=1", kind, true));
    }

    for (uri, kind, is_good) in cases {
        let new = NewClient {
            redirect_uris: vec![CALLBACK.to_owned(), uri.to_owned()],
            application_type: Some(kind),
            ..confidential(Dialect::Standard, "tickets:read")
        };
        let outcome = server.app.provider.create_client(&server.may(), new).await;

        match outcome {
            Ok(_) => assert!(is_good, "{uri} as {kind:?}"),
            Err(helpdesk::Error::Invalid { field, problem }) => {
                assert!(!is_good, "{uri} as {kind:?}: {problem}");
                assert_eq!(field, "redirect_uris.1");
            }
            Err(error) => panic!("{uri}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parameter_may_be_missing_only_where_one_address_is_meant() {
    // RU-7, RU-8
    let server = Server::start().await;
    let one = server.gorgias_app("openid tickets:read").await;
    let uris = |uris: &[&str]| NewClient {
        redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
        ..confidential(Dialect::Gorgias, "tickets:read")
    };
    let two = server.app(uris(&[CALLBACK, "https://app.example.com/other"])).await;
    let none = server.app(uris(&[])).await;
    let mut browser = Browser::new(&server);
    let missing = ("redirect_uri", "");

    let fine = browser.get(&one.request("tickets:read", &[missing, ("prompt", "none")])).await;
    let openid = browser.get(&one.request("openid tickets:read", &[missing])).await;
    let ambiguous = browser.get(&two.request("tickets:read", &[missing])).await;
    let nowhere = browser.get(&none.request("tickets:read", &[missing])).await;
    let anywhere = browser.get(&none.request("tickets:read", &[("redirect_uri", CALLBACK)])).await;

    assert!(fine.location().is_some_and(|to| to.starts_with(CALLBACK)));
    for page in [openid, ambiguous, nowhere, anywhere] {
        assert_eq!((page.status, page.location()), (400, None), "{}", page.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gorgias_apps_may_name_the_account_in_their_address() {
    // RU-11
    let server = Server::start().await;
    let with =
        |dialect, uri: &str| NewClient { redirect_uris: vec![uri.to_owned()], ..confidential(dialect, "tickets:read") };
    let placeholder = server.app(with(Dialect::Gorgias, "https://{gorgias_account}.app.example.com/cb")).await;
    let plain = server.app(with(Dialect::Gorgias, CALLBACK)).await;
    let queried = server.app(with(Dialect::Gorgias, "https://app.example.com/cb?v=2")).await;
    let standard = server.app(with(Dialect::Standard, CALLBACK)).await;
    let mut browser = Browser::new(&server);

    assert_eq!(placeholder.client.redirect_uris[0].as_str(), "https://demo.app.example.com/cb");
    for (app, uri, is_good) in [
        (&placeholder, "https://demo.app.example.com/cb", true),
        (&placeholder, "https://other.app.example.com/cb", false),
        (&plain, "https://app.example.com/callback?account=demo", true),
        (&plain, "https://app.example.com/callback?account=other", false),
        (&plain, "https://app.example.com/callback?account=demo&x=1", false),
        (&queried, "https://app.example.com/cb?v=2&account=demo", true),
        (&standard, "https://app.example.com/callback?account=demo", false),
    ] {
        let page = browser.get(&app.request("tickets:read", &[("redirect_uri", uri), ("prompt", "none")])).await;

        assert_eq!(page.status, if is_good { 303 } else { 400 }, "{uri}");
        if is_good {
            assert!(page.location().is_some_and(|to| to.starts_with(uri)), "{:?}", page.location());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_taken_away_while_a_person_is_asked_gets_no_code() {
    // AZ-2, RU-1
    let server = Server::start().await;
    let app = server.gorgias_app("tickets:read").await;
    let mut browser = Browser::new(&server);
    let consent = app.ask(&mut browser, Person::Admin, "tickets:read", &[]).await;
    let change =
        ClientChange { redirect_uris: Some(vec!["https://app.example.com/new".to_owned()]), ..ClientChange::default() };
    server.app.provider.update_client(&server.may(), app.client.id, change).await.expect("changed");

    let answered = browser.press_once(&consent, "consent-allow", &[]).await;

    assert_eq!((answered.status, answered.location()), (400, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_app_has_the_defaults_of_its_policy() {
    // POL-1, POL-2, POL-3, CA-6, CA-7
    let server = Server::start().await;
    let new = |dialect, client_type, uri: &str| NewClient {
        client_type,
        redirect_uris: vec![uri.to_owned()],
        ..confidential(dialect, "tickets:read")
    };
    let standard = server.app(new(Dialect::Standard, ClientType::Confidential, CALLBACK)).await;
    let native = server.app(new(Dialect::Standard, ClientType::Public, "http://127.0.0.1/cb")).await;
    let gorgias = server.app(new(Dialect::Gorgias, ClientType::Confidential, CALLBACK)).await;
    let zendesk = server.app(new(Dialect::Zendesk, ClientType::Public, CALLBACK)).await;

    let facts = |app: &crate::support::TestApp<'_>| {
        let client = &app.client;
        let lifetimes = (client.code_seconds, client.access_token_seconds, client.refresh_idle_seconds);
        (client.policy.word(), client.require_pkce, client.rotates_refresh, app.secret.is_some(), lifetimes)
    };
    const MONTH: i64 = 30 * 86_400;
    assert_eq!(facts(&standard), ("standard", true, false, true, (60, 1800, Some(MONTH))));
    assert_eq!(facts(&native), ("public-native", true, true, false, (60, 1800, Some(MONTH))));
    assert_eq!(facts(&gorgias), ("gorgias", false, false, true, (60, 86_400, None)));
    assert_eq!(facts(&zendesk), ("zendesk", true, true, false, (120, 1800, Some(MONTH))));
    assert!(gorgias.client.client_id.len() == 24 && gorgias.client.client_id.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(native.client.application_type, ApplicationType::Native);
    let change = ClientChange { require_pkce: Some(false), ..ClientChange::default() };
    let refused = server.app.provider.update_client(&server.may(), native.client.id, change).await;
    assert!(matches!(refused, Err(helpdesk::Error::Invalid { .. })));
}
