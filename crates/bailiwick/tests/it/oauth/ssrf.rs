//! Addresses that others chose never lead inside: not by number, not by name, not by redirect, and not by asking for long (RFC 9700 and
//! RFC 6890; CM-2).

use std::time::Duration;

use oauth::clients::{Metadata, NewClient};
use scope::Dialect;
use serde_json::json;

use crate::support::app::confidential;
use crate::support::host::Answer;
use crate::support::{Browser, Host, Person, Server, TestKey};

/// Ways to say "inside", some with the port of a host that listens there. Its certificate is trusted: only our own check is in the way.
fn inside(host: &Host) -> Vec<String> {
    let port = host.address.port();
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:169.254.169.254]",
    ]
    .iter()
    .map(|name| format!("https://{name}:{port}"))
    .collect()
}

async fn start() -> (Server, Host) {
    let host = Host::start().await;
    let server = Server::start_with(|settings| host.trusted_by(settings)).await;
    (server, host)
}

async fn authorize(server: &Server, client_id: &str) -> u16 {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", "http://127.0.0.1/cb")
        .finish();
    let page = Browser::new(server).get(&format!("/oauth/authorize?{query}")).await;
    assert_eq!(page.location(), None);
    assert!(!page.body.contains("secret inside"), "nothing of what lies inside is told");
    page.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metadata_document_is_not_fetched_from_inside() {
    // CM-2
    let (server, host) = start().await;
    host.put("/client.json", Answer::of("application/json", "secret inside"));

    for address in inside(&host) {
        assert_eq!(authorize(&server, &format!("{address}/client.json")).await, 400, "{address}");
        server.clock.advance(Duration::from_secs(2 * 60 * 60));
    }

    assert_eq!(host.n_connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_request_leads_nowhere_inside_either() {
    // CM-2
    let (server, host) = start().await;

    for address in inside(&host) {
        let client_id = format!("{address}/client.json");
        let fields = [("grant_type", "authorization_code"), ("code", "x"), ("client_id", client_id.as_str())];
        let sent = server.http.post(format!("{}/oauth/token", server.base)).form(&fields).send().await.expect("send");
        assert!([401, 429].contains(&sent.status().as_u16()), "{address}");
        server.clock.advance(Duration::from_secs(2 * 60 * 60));
    }

    assert_eq!(host.n_connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn logos_keys_sectors_and_logout_addresses_are_not_fetched_from_inside() {
    // CM-2, CM-9, KEY-8
    let (server, host) = start().await;
    host.put("/x", Answer::of("image/png", &b"\x89PNG\r\n\x1a\n"[..]));
    let key = TestKey::es256();
    let of = |metadata: Metadata| NewClient {
        token_endpoint_auth_method: metadata.jwks_uri.is_some().then(|| "private_key_jwt".to_owned()),
        metadata,
        ..confidential(Dialect::Standard, "openid tickets:read")
    };

    for address in inside(&host) {
        let uri = Some(format!("{address}/x"));
        let kinds = [
            Metadata { logo_uri: uri.clone(), ..Metadata::default() },
            Metadata { jwks_uri: uri.clone(), ..Metadata::default() },
            Metadata {
                sector_identifier_uri: uri.clone(),
                subject_type: Some("pairwise".into()),
                ..Metadata::default()
            },
            Metadata { backchannel_logout_uri: uri.clone(), ..Metadata::default() },
        ];
        for metadata in kinds {
            // Some are refused when they are registered already.
            let Ok((client, _secret)) = server.app.provider.create_client(&server.may(), of(metadata)).await else {
                continue;
            };
            server.run_jobs().await;
            let claims = json!({ "iss": client.client_id, "sub": client.client_id, "aud": server.base });
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &key.sign(json!({}), &claims)),
            ];
            let sent = server.http.post(format!("{}/oauth/token", server.base)).form(&fields).send().await;
            assert!(sent.expect("send").status().is_client_error());
            let logo = server.http.get(format!("{}/logos/{}", server.base, client.id)).send().await.expect("send");
            assert_eq!(logo.status(), 404);
        }
        server.clock.advance(Duration::from_secs(2 * 60 * 60));
    }

    assert_eq!(host.n_connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_address_inside_is_never_called() {
    // CM-2, BL-3
    let (server, host) = start().await;
    let uri = format!("https://localhost:{}/logout", host.address.port());
    let metadata = Metadata { backchannel_logout_uri: Some(uri), ..Metadata::default() };
    let new = NewClient { metadata, ..confidential(Dialect::Standard, "openid tickets:read") };
    // Refused when it is registered, or never called.
    if let Ok((client, secret)) = server.app.provider.create_client(&server.may(), new).await {
        let redirect_uri = crate::support::app::CALLBACK.to_owned();
        let app = crate::support::TestApp { server: &server, client, secret: secret.map(|it| it.value), redirect_uri };
        let mut browser = Browser::new(&server);
        let _answer = app.allow(&mut browser, Person::Agent, "openid").await;
        let page = browser.open("/logout").await;
        browser.press(&page, "logout-confirm", &[]).await;
        server.run_jobs().await;
    }

    assert_eq!(host.n_connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_inside_is_an_answer_like_any_other() {
    // CM-2
    let (host, within) = (Host::start().await, Host::start().await);
    let server = Server::start_with(|settings| {
        host.known_to(settings);
        within.trusted_by(settings);
    })
    .await;

    for status in [301, 302, 303, 307, 308] {
        for to in [
            format!("https://127.0.0.1:{}/client.json", within.address.port()),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "file:///etc/passwd".to_owned(),
            "/client2.json".to_owned(),
        ] {
            host.put("/client.json", Answer::of("application/json", "{}").status(status).header("location", &to));
            assert_eq!(authorize(&server, "https://agent.example/client.json").await, 400, "{to}");
            server.clock.advance(Duration::from_secs(2 * 60 * 60));
        }
    }

    assert_eq!((within.n_connections(), host.n_asked("/client2.json")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_may_lead_inside_leads_to_one_port_alone() {
    // CM-2
    let (host, within) = (Host::start().await, Host::start().await);
    let server = Server::start_with(|settings| {
        host.known_to(settings);
        within.trusted_by(settings);
    })
    .await;

    let other_port = format!("https://agent.example:{}/client.json", within.address.port());
    let plain = "http://agent.example/client.json";

    assert_eq!(authorize(&server, &other_port).await, 400);
    assert_eq!(authorize(&server, plain).await, 400);
    assert_eq!(within.n_connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_read_beyond_its_bounds() {
    // CM-2
    let host = Host::start().await;
    let server = Server::start_with(|settings| host.known_to(settings)).await;
    host.put("/huge.json", Answer::of("application/json", vec![b' '; 50 * 1024 * 1024]));
    host.put("/endless.json", Answer { hangs: true, ..Answer::of("application/json", vec![b' '; 100]) });

    let before = std::time::Instant::now();
    let huge = authorize(&server, "https://agent.example/huge.json").await;
    let endless = authorize(&server, "https://agent.example/endless.json").await;

    assert_eq!((huge, endless), (400, 400));
    assert!(before.elapsed() < Duration::from_secs(25));
}
