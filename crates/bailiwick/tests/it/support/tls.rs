//! Certificates, and the listener over TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bailiwick::config::Settings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::task::JoinHandle;

use super::Server;

/// An authority that tests trust.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Leaf {
    pub certificate: String,
    pub der: Vec<u8>,
    pub key: String,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// For a server on this machine.
    pub fn server(&self) -> Leaf {
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("parameters");
        self.sign(params)
    }

    /// For an app of this name, with this DNS name besides.
    pub fn client(&self, name: &str, dns: &str) -> Leaf {
        let mut params = CertificateParams::new(vec![dns.to_owned()]).expect("parameters");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::OrganizationName, "Mirror, Ltd");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Leaf {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Leaf { certificate: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_pem() }
    }
}

/// A listener over TLS in front of a test's server.
pub struct Tls {
    pub address: SocketAddr,
    pub stop: Option<tokio::sync::oneshot::Sender<()>>,
    pub served: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Serves the same account over TLS too.
    pub async fn over_tls(&self, leaf: &Leaf, asks_for_certificates: bool) -> Tls {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| -> PathBuf {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let mut settings = Settings::defaults().expect("the defaults");
        settings.tls_certificate = file("certificate.pem", &leaf.certificate);
        settings.tls_key = file("key.pem", &leaf.key);
        settings.tls_client_certificates = asks_for_certificates;
        let config = bailiwick::tls::config(&settings).expect("a configuration");
        let listener = bailiwick::serve::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = bailiwick::router(self.app.clone());
        let stopped = async {
            let _gone = stopped.await;
        };
        let served = bailiwick::serve::serve_over(router, listener, config, stopped, Duration::from_secs(5));
        Tls { address, stop: Some(stop), served: tokio::spawn(served), _folder: folder }
    }
}

impl Tls {
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }
}

/// A client that trusts this authority, and shows a certificate if it has one.
pub fn client_of(authority: &Authority, shown: Option<&Leaf>) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes()).expect("a root");
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    if let Some(leaf) = shown {
        let pem = format!("{}{}", leaf.certificate, leaf.key);
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity"));
    }
    builder.build().expect("a client")
}
