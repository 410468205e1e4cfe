//! TLS on our own listener: what it speaks, and what it hangs up on.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::Server;
use crate::support::tls::{Authority, Tls, client_of};

/// What a client that knows only this negotiates.
async fn negotiated(
    tls: &Tls,
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    suites: &[CipherSuite],
) -> Result<(ProtocolVersion, CipherSuite), std::io::Error> {
    let mut provider: CryptoProvider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suites.is_empty() || suites.contains(&suite.suite()));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("what the test made"))
        .expect("what the test made");
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("what the test made");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(tls.address).await?;
    let name = ServerName::try_from("localhost").expect("what the test made");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (_, connection) = stream.get_ref();
    Ok((
        connection.protocol_version().expect("what the test made"),
        connection.negotiated_cipher_suite().expect("what the test made").suite(),
    ))
}

/// Sends bytes as they are, and says everything that comes back until the end.
async fn raw(tls: &Tls, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(tls.address).await.expect("what the test made");
    stream.write_all(bytes).await.expect("what the test made");
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _end = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.expect("an end");
    answer
}

/// A first message of TLS that knows nothing newer than this version: 1 for 1.0, 2 for 1.1.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session; ECDHE-RSA-AES128-SHA and AES128-SHA; no compression.
    hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![22, 3, 1, 0, message.len() as u8];
    record.extend(message);
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_3_is_spoken_and_1_2_with_forward_secrecy_and_gcm_only() {
    // FP-3
    let server = Server::start().await;
    let authority = Authority::new();
    let tls = server.over_tls(&authority.server(), false).await;
    let v12 = &[&version::TLS12];

    let newest = negotiated(&tls, &authority, &[&version::TLS13, &version::TLS12], &[]).await.unwrap();
    let older = negotiated(&tls, &authority, v12, &[]).await.unwrap();
    let only_gcm = [CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let gcm = negotiated(&tls, &authority, v12, &only_gcm).await.unwrap();
    let other = [CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
    let refused = negotiated(&tls, &authority, v12, &other).await;

    assert_eq!(newest, (ProtocolVersion::TLSv1_3, CipherSuite::TLS13_AES_256_GCM_SHA384));
    assert_eq!(older, (ProtocolVersion::TLSv1_2, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384));
    assert_eq!(gcm, (ProtocolVersion::TLSv1_2, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256));
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_and_plain_http_are_refused() {
    // FP-3, ALL-2
    let server = Server::start().await;
    let authority = Authority::new();
    let tls = server.over_tls(&authority.server(), false).await;

    for minor in [1, 2] {
        let answer = raw(&tls, &old_hello(minor)).await;
        // An alert, fatal: protocol version, or handshake failure.
        assert!(answer.starts_with(&[21]), "{answer:?}");
        assert!(answer.len() == 7 && answer[5] == 2 && [70, 40].contains(&answer[6]), "{answer:?}");
    }
    let plain = raw(&tls, b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!plain.windows(4).any(|it| it == b"HTTP"), "{plain:?}");
    let garbage = raw(&tls, &[0; 200]).await;
    assert!(!garbage.windows(4).any(|it| it == b"HTTP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_served_over_tls_in_both_versions_of_http() {
    // FP-3
    let server = Server::start().await;
    let authority = Authority::new();
    let tls = server.over_tls(&authority.server(), true).await;
    let token = server.token("account:read").await;

    let http2 = client_of(&authority, None).get(tls.url("/api/account")).bearer_auth(&token).send().await.unwrap();
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap().get(tls.url("/")).send().await;

    assert_eq!(http2.version(), reqwest::Version::HTTP_2);
    assert_eq!(http2.status(), 200);
    assert!(stranger.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_begin_is_ended_and_keeps_nobody_waiting() {
    // FP-3
    let server = Server::start().await;
    let authority = Authority::new();
    let mut tls = server.over_tls(&authority.server(), false).await;
    let slow = raw(&tls, &[22, 3, 1]).await;
    assert!(slow.is_empty());

    let _waiting = TcpStream::connect(tls.address).await.unwrap();
    let client = client_of(&authority, None);
    assert_eq!(client.get(tls.url("/oauth/jwks")).send().await.unwrap().status(), 200);
    tls.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(4), &mut tls.served).await.expect("it ends").unwrap();
}
