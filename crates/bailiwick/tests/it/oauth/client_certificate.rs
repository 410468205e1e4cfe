//! Apps that prove who they are by a certificate (RFC 8705).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth::clients::{Metadata, NewClient};
use reqwest::Response;
use scope::Dialect;
use serde_json::{Value, json};

use super::token::refusal;
use crate::support::app::confidential;
use crate::support::tls::{Authority, Leaf, client_of};
use crate::support::{Server, TestApp, TestKey};

const HEADER: &str = "X-SSL-Client-Cert";

fn unproven() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

/// An app that has registered this certificate itself.
fn self_signed(leaf: &Leaf) -> NewClient {
    let mut key = TestKey::es256().public();
    key["x5c"] = json!([STANDARD.encode(&leaf.der)]);
    let metadata = Metadata { jwks: Some(json!({ "keys": [key] })), ..Metadata::default() };
    with("self_signed_tls_client_auth", metadata)
}

fn with(method: &str, metadata: Metadata) -> NewClient {
    NewClient {
        token_endpoint_auth_method: Some(method.to_owned()),
        client_credentials: true,
        metadata,
        ..confidential(Dialect::Standard, "account:read")
    }
}

fn fields<'a>(app: &'a TestApp<'_>) -> [(&'static str, &'a str); 3] {
    [("grant_type", "client_credentials"), ("scope", "account:read"), ("client_id", app.client.client_id.as_str())]
}

/// With a certificate as a proxy tells it.
async fn by_header(app: &TestApp<'_>, value: &str) -> Response {
    app.server.forgive().await;
    let request = app.server.http.post(format!("{}/oauth/token", app.server.base)).header(HEADER, value);
    request.form(&fields(app)).send().await.expect("send")
}

fn escaped(pem: &str) -> String {
    pem.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn behind_a_proxy(authority: &Authority) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("what the test made");
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.pem()).expect("what the test made");
    let server = Server::start_with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().expect("what the test made")];
        settings.client_certificate_header = HEADER.to_owned();
        settings.client_certificate_roots = vec![root];
    });
    (server.await, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_proves_itself_by_the_certificate_of_its_tls_connection() {
    // CA-12
    let authority = Authority::new();
    let server = Server::start().await;
    let tls = server.over_tls(&authority.server(), true).await;
    let (own, other) = (authority.client("app.example.com", "app.example.com"), authority.client("x", "x.example.com"));
    let app = server.app(self_signed(&own)).await;
    let send = async |shown: Option<&Leaf>| {
        let request = client_of(&authority, shown).post(tls.url("/oauth/token")).form(&fields(&app));
        request.send().await.unwrap()
    };

    let right = send(Some(&own)).await;
    let wrong = send(Some(&other)).await;
    let none = send(None).await;
    let plain = server.http.post(format!("{}/oauth/token", server.base)).form(&fields(&app)).send().await.unwrap();
    let by_header = by_header(&app, &escaped(&own.certificate)).await;

    assert_eq!(app.secret, None);
    assert_eq!(right.status(), 200);
    for response in [wrong, none, plain, by_header] {
        assert_eq!(refusal(response).await, unproven());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_may_tell_the_certificate_in_the_usual_spellings() {
    // CA-12, ALL-2
    let authority = Authority::new();
    let (server, _folder) = behind_a_proxy(&authority).await;
    let own = authority.client("app.example.com", "app.example.com");
    let app = server.app(self_signed(&own)).await;
    let base64 = STANDARD.encode(&own.der);

    for value in [
        escaped(&own.certificate),
        format!("Hash=ab;Cert=\"{}\";Subject=\"CN=x\"", escaped(&own.certificate)),
        base64.clone(),
        format!(":{base64}:"),
    ] {
        assert_eq!(by_header(&app, &value).await.status(), 200, "{value}");
    }
    for value in ["", "rubbish", "%ff", ":AAAA:", "-----BEGIN CERTIFICATE-----"] {
        assert_eq!(refusal(by_header(&app, value).await).await, unproven(), "{value}");
    }
    let twice = server.http.post(format!("{}/oauth/token", server.base)).header(HEADER, &base64);
    let twice = twice.header(HEADER, &base64).form(&fields(&app)).send().await.unwrap();
    assert_eq!(refusal(twice).await, unproven());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_nobody_we_trust_proves_nothing() {
    // CA-12, ALL-2
    let authority = Authority::new();
    let own = authority.client("app.example.com", "app.example.com");
    let server = Server::start_with(|settings| settings.client_certificate_header = HEADER.to_owned()).await;
    let app = server.app(self_signed(&own)).await;

    assert_eq!(refusal(by_header(&app, &escaped(&own.certificate)).await).await, unproven());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_vouches_for_the_registered_name() {
    // CA-12
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (server, _folder) = behind_a_proxy(&authority).await;
    let named = |change: fn(&mut Metadata)| {
        let mut metadata = Metadata::default();
        change(&mut metadata);
        with("tls_client_auth", metadata)
    };
    let own = escaped(&authority.client("app.example.com", "app.example.com").certificate);
    let forged = escaped(&stranger.client("app.example.com", "app.example.com").certificate);
    let other = escaped(&authority.client("other.example.com", "other.example.com").certificate);

    for new in [
        named(|it| it.tls_client_auth_subject_dn = Some("CN=app.example.com,O=Mirror\\, Ltd,C=DE".to_owned())),
        named(|it| it.tls_client_auth_subject_dn = Some("C=DE, O=Mirror\\, Ltd, CN=app.example.com".to_owned())),
        named(|it| it.tls_client_auth_san_dns = Some("app.example.com".to_owned())),
    ] {
        let app = server.app(new).await;
        assert_eq!(by_header(&app, &own).await.status(), 200, "{:?}", app.client.metadata);
        assert_eq!(refusal(by_header(&app, &forged).await).await, unproven());
        assert_eq!(refusal(by_header(&app, &other).await).await, unproven());
    }
    for new in [
        named(|it| it.tls_client_auth_subject_dn = Some("CN=app.example.com".to_owned())),
        named(|it| it.tls_client_auth_san_uri = Some("app.example.com".to_owned())),
        named(|it| it.tls_client_auth_san_email = Some("app.example.com".to_owned())),
        named(|it| it.tls_client_auth_san_ip = Some("127.0.0.1".to_owned())),
    ] {
        let app = server.app(new).await;
        assert_eq!(refusal(by_header(&app, &own).await).await, unproven(), "{:?}", app.client.metadata);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_methods_are_advertised_when_a_certificate_can_be_shown() {
    // CA-12, MD-9, MD-11
    let (behind, _folder) = behind_a_proxy(&Authority::new()).await;
    let plain = Server::start().await;
    let methods = async |server: &Server| {
        let url = format!("{}/.well-known/openid-configuration", server.base);
        let found: Value = server.http.get(url).send().await.unwrap().json().await.unwrap();
        found["token_endpoint_auth_methods_supported"].to_string()
    };

    assert!(methods(&behind).await.contains("\"self_signed_tls_client_auth\",\"tls_client_auth\""));
    assert!(!methods(&plain).await.contains("tls"));
}
