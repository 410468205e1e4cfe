//! Certificates by which apps prove who they are: `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705 section 2; CA-12).
//!
//! That whoever sent the request holds the certificate's key was proved to the TLS layer, ours or that of a trusted proxy; here it is
//! compared with what the app has registered.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OidRegistry, asn1_rs::oid};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use crate::clients::{Client, Metadata};
use crate::{Error, Provider};

/// The method whose certificates an authority vouches for.
pub const BY_AUTHORITY: &str = "tls_client_auth";
/// The method whose certificates the app has registered itself, in `x5c` of its key set.
pub const SELF_SIGNED: &str = "self_signed_tls_client_auth";

/// Certificates of one chain that are read from a header.
const CHAIN_MAX: usize = 5;

/// What a client showed, in DER: its own certificate first, then those that lead to an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate(pub Arc<Vec<Vec<u8>>>);

/// The authorities whose certificates count for `tls_client_auth`. Without any, nobody can use the method.
#[derive(Clone, Default)]
pub struct Authorities(Option<Arc<dyn ClientCertVerifier>>);

impl Authorities {
    /// From PEM files' texts. The error names what is wrong with them.
    pub fn of_pem(texts: &[String]) -> Result<Authorities, String> {
        let mut roots = RootCertStore::empty();
        for der in texts.iter().flat_map(|text| pem_certificates(text)) {
            roots.add(CertificateDer::from(der)).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Ok(Authorities(None));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map(|verifier| Authorities(Some(verifier))).map_err(|error| error.to_string())
    }

    pub(crate) fn are_there(&self) -> bool {
        self.0.is_some()
    }

    fn vouch_for(&self, chain: &[Vec<u8>], now: Timestamp) -> bool {
        let (Some(verifier), Some((own, others))) = (&self.0, chain.split_first()) else { return false };
        let others: Vec<CertificateDer<'_>> = others.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let since_1970 = std::time::Duration::from_secs(now.as_second().max(0).unsigned_abs());
        let now = UnixTime::since_unix_epoch(since_1970);
        verifier.verify_client_cert(&CertificateDer::from(own.as_slice()), &others, now).is_ok()
    }
}

impl Certificate {
    /// From a header of a trusted proxy: PEM, escaped as in an address (nginx, Apache), `Cert="..."` (Envoy), bare base64 of DER
    /// (HAProxy), or the same between colons (RFC 9440). None if it holds no certificate.
    pub fn from_header(value: &str) -> Option<Certificate> {
        let value = match value.split_once("Cert=") {
            Some((_, rest)) => rest.trim_start_matches('"').split(['"', ';']).next()?,
            None => value,
        };
        let text = percent_decode_str(value).decode_utf8().ok()?;
        let mut chain: Vec<Vec<u8>> = match text.contains("-----BEGIN") {
            true => pem_certificates(&text).take(CHAIN_MAX).collect(),
            false => base64(text.trim().trim_matches(':')).into_iter().collect(),
        };
        chain.retain(|der| X509Certificate::from_der(der).is_ok());
        (!chain.is_empty()).then(|| Certificate(Arc::new(chain)))
    }
}

/// The certificates of a PEM text, in its order.
fn pem_certificates(text: &str) -> impl Iterator<Item = Vec<u8>> {
    text.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .filter_map(|part| part.split_once("-----END CERTIFICATE-----"))
        .filter_map(|(body, _)| base64(body))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok().filter(|der| !der.is_empty())
}

impl Provider {
    /// Whether the certificate is the one this client has registered, by the client's method.
    pub(crate) async fn is_certificate_of(&self, client: &Client, shown: &Certificate) -> Result<bool, Error> {
        let now = self.clock.now();
        let Some(own) = shown.0.first() else { return Ok(false) };
        if !is_valid_at(own, now) {
            return Ok(false);
        }
        match client.token_endpoint_auth_method.as_str() {
            BY_AUTHORITY => {
                Ok(self.config.client_authorities.vouch_for(&shown.0, now) && is_named_so(own, &client.metadata))
            }
            SELF_SIGNED => self.has_registered(client, own).await,
            _ => Ok(false),
        }
    }
}

fn is_valid_at(der: &[u8], now: Timestamp) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        let valid = certificate.validity();
        (valid.not_before.timestamp()..=valid.not_after.timestamp()).contains(&now.as_second())
    })
}

/// Whether its subject is the registered one (RFC 8705, 2.1.2). Without a registered name no certificate is the client's.
fn is_named_so(der: &[u8], registered: &Metadata) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    if let Some(name) = &registered.tls_client_auth_subject_dn {
        return is_subject(certificate.subject(), name);
    }
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    let names = &names.value.general_names;
    if let Some(dns) = &registered.tls_client_auth_san_dns {
        return names.iter().any(|it| matches!(it, GeneralName::DNSName(name) if name.eq_ignore_ascii_case(dns)));
    }
    if let Some(uri) = &registered.tls_client_auth_san_uri {
        return names.iter().any(|it| matches!(it, GeneralName::URI(name) if name == uri));
    }
    if let Some(email) = &registered.tls_client_auth_san_email {
        return names.iter().any(|it| matches!(it, GeneralName::RFC822Name(name) if name == email));
    }
    let Some(ip) = registered.tls_client_auth_san_ip.as_ref().and_then(|ip| ip.parse::<IpAddr>().ok()) else {
        return false;
    };
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    names.iter().any(|it| matches!(it, GeneralName::IPAddress(address) if *address == bytes))
}

/// Compares with a name as RFC 4514 writes it, or in the certificate's own order, as most tools print it.
fn is_subject(subject: &X509Name<'_>, registered: &str) -> bool {
    let registry = OidRegistry::default().with_x509().with_pkcs9();
    let mut own: Vec<(Vec<String>, String)> = Vec::new();
    for attribute in subject.iter_attributes() {
        let Ok(value) = attribute.as_str() else { return false };
        let oid = attribute.attr_type();
        let mut names = vec![oid.to_id_string()];
        names.extend(registry.get(oid).map(|entry| entry.sn().to_ascii_uppercase()));
        names.extend(other_name(oid).map(str::to_owned));
        own.push((names, value.trim().to_owned()));
    }
    let Some(registered) = attributes(registered) else { return false };
    let is = |own: &(Vec<String>, String), wanted: &(String, String)| own.0.contains(&wanted.0) && own.1 == wanted.1;
    own.len() == registered.len()
        && !own.is_empty()
        && (own.iter().rev().zip(&registered).all(|(own, wanted)| is(own, wanted))
            || own.iter().zip(&registered).all(|(own, wanted)| is(own, wanted)))
}

/// Short names of RFC 4514 section 3, which not every table has.
fn other_name(oid: &x509_parser::der_parser::oid::Oid<'_>) -> Option<&'static str> {
    [
        (oid!(2.5.4.3), "CN"),
        (oid!(2.5.4.6), "C"),
        (oid!(2.5.4.7), "L"),
        (oid!(2.5.4.8), "ST"),
        (oid!(2.5.4.9), "STREET"),
        (oid!(2.5.4.10), "O"),
        (oid!(2.5.4.11), "OU"),
        (oid!(0.9.2342.19200300.100.1.1), "UID"),
        (oid!(0.9.2342.19200300.100.1.25), "DC"),
    ]
    .into_iter()
    .find(|(it, _)| it == oid)
    .map(|(_, name)| name)
}

/// `CN=a,O=b\, c` as pairs of upper-case type and unescaped value. None if it is not such a text.
fn attributes(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut part = String::new();
    let mut letters = text.chars();
    let mut parts = Vec::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => part.push(letters.next()?),
            ',' | '+' => parts.push(std::mem::take(&mut part)),
            letter => part.push(letter),
        }
    }
    parts.push(part);
    for part in parts {
        let (name, value) = part.split_once('=')?;
        pairs.push((name.trim().to_ascii_uppercase(), value.trim().to_owned()));
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_commas_that_are_not_escaped() {
        // CA-12
        let pairs = attributes(r"cn = app.example.com, O=Mirror\, Ltd,C=DE").unwrap();

        assert_eq!(
            pairs,
            [("CN", "app.example.com"), ("O", "Mirror, Ltd"), ("C", "DE")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(attributes("nothing"), None);
        assert_eq!(attributes("CN=a\\"), None);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        // CA-12
        for text in
            ["", "x", ":AAAA:", "Cert=\"%2d\"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "%ff"]
        {
            assert_eq!(Certificate::from_header(text), None, "{text}");
        }
    }
}
