//! The public keys of others: of clients that sign assertions and request objects, of issuers whose assertions are taken (KEY-8, KEY-9).
//!
//! They stand in a record (`jwks`) or at an address (`jwks_uri`), which is fetched with the rules of CM-2 and remembered for a while. Only
//! public asymmetric keys count: RSA of 2048 bits and more, P-256, Ed25519. Everything else in a set is passed over, as RFC 7517
//! section 5 asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use moka::sync::Cache;
use outside::fetch::Bounds;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use crate::clients::Client;
use crate::{Error, Provider, caching, keys};

/// Key sets that are remembered.
const N_REMEMBERED: u64 = 1_000;
/// An unknown `kid` makes us look again, but no more often than this for one address.
const LOOKED_AGAIN_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Keys of one set that are looked at.
const KEYS_MAX: usize = 50;
/// Largest key set, in bytes.
const SET_MAX_BYTES: usize = 64 * 1024;
/// RSA moduli, in bits (KEY-5). The longest is what AWS-LC verifies with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Where somebody's keys are.
#[derive(Debug, Clone, Copy)]
pub struct KeySource<'a> {
    pub jwks: Option<&'a Json>,
    pub jwks_uri: Option<&'a str>,
}

impl<'a> KeySource<'a> {
    pub fn of(client: &'a Client) -> KeySource<'a> {
        KeySource { jwks: client.metadata.jwks.as_ref(), jwks_uri: client.metadata.jwks_uri.as_deref() }
    }
}

/// One usable key of a set.
#[derive(Clone)]
struct PublicKey {
    kid: Option<String>,
    kind: Kind,
    /// What the set says it is for; None: any that its kind can do.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    Ed25519,
}

/// A set as it was fetched.
#[derive(Clone)]
struct KeySet {
    keys: Arc<Vec<PublicKey>>,
    /// In DER.
    certificates: Arc<Vec<Vec<u8>>>,
    fetched_at: Timestamp,
    expires_at: Timestamp,
}

/// The sets that were fetched, by address.
pub(crate) struct KeySets(Cache<String, Arc<Entry>>);

/// Whoever fetches holds the lock; who waited for it takes what was found, even if that is nothing, so that requests at once ask once.
#[derive(Default)]
struct Entry {
    set: Mutex<Option<KeySet>>,
    n_fetches: AtomicU64,
}

impl KeySets {
    pub(crate) fn empty() -> KeySets {
        KeySets(Cache::builder().max_capacity(N_REMEMBERED).build())
    }
}

impl Provider {
    /// The client's keys that can verify a signature of `alg` made by `kid`. Empty: none can, or the client's key set cannot be read
    /// now. With a `kid` only keys of that name; without one all that fit, and each must be tried (KEY-9).
    pub async fn client_key(
        &self,
        client: &Client,
        kid: Option<&str>,
        alg: Algorithm,
    ) -> Result<Vec<DecodingKey>, Error> {
        self.key_of(KeySource::of(client), kid, alg).await
    }

    /// The same for whoever else signs.
    pub async fn key_of(
        &self,
        source: KeySource<'_>,
        kid: Option<&str>,
        alg: Algorithm,
    ) -> Result<Vec<DecodingKey>, Error> {
        let find = |set: &KeySet| fitting(&set.keys, kid, alg);
        self.found_in(source, find).await
    }

    /// Whether this certificate, in DER, is registered with one of the client's keys: the first of its `x5c` (RFC 8705, 2.2.2).
    pub(crate) async fn has_registered(&self, client: &Client, certificate: &[u8]) -> Result<bool, Error> {
        let find = |set: &KeySet| set.certificates.iter().filter(|it| *it == certificate).cloned().collect::<Vec<_>>();
        Ok(!self.found_in(KeySource::of(client), find).await?.is_empty())
    }

    /// What `find` finds in the set. Where that is nothing, a set that was fetched is fetched again, though not too often.
    async fn found_in<T>(&self, source: KeySource<'_>, find: impl Fn(&KeySet) -> Vec<T>) -> Result<Vec<T>, Error> {
        let now = self.clock.now();
        if let Some(jwks) = source.jwks {
            return Ok(find(&KeySet::of(jwks, now, now)));
        }
        let Some(address) = source.jwks_uri else { return Ok(Vec::new()) };
        let entry = self.state.key_sets.0.get_with(address.to_owned(), Arc::default);
        let n_fetches = entry.n_fetches.load(Ordering::SeqCst);
        let mut kept = entry.set.lock().await;
        let has_waited = entry.n_fetches.load(Ordering::SeqCst) != n_fetches;
        if let Some(set) = kept.as_ref().filter(|set| set.fetched_at <= now && now < set.expires_at) {
            let found = find(set);
            if has_waited || !found.is_empty() || now.duration_since(set.fetched_at) < LOOKED_AGAIN_EVERY {
                return Ok(found);
            }
        }
        if has_waited {
            return Ok(Vec::new());
        }
        entry.n_fetches.fetch_add(1, Ordering::SeqCst);
        // A set that cannot be fetched is not remembered; the old one stays for what it still is worth.
        let Some(set) = self.fetch_keys(address, now).await else { return Ok(Vec::new()) };
        let found = find(&set);
        *kept = Some(set);
        Ok(found)
    }

    async fn fetch_keys(&self, address: &str, now: Timestamp) -> Option<KeySet> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        let bounds = Bounds { bytes: SET_MAX_BYTES, ..Bounds::default() };
        let answer = match self.fetch.get(address, headers, bounds).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::info!(%error, "a key set could not be fetched");
                return None;
            }
        };
        if answer.status != StatusCode::OK || !caching::is_json(&answer.headers) {
            tracing::info!(status = answer.status.as_u16(), "a key set was answered with something else");
            return None;
        }
        let Ok(document) = serde_json::from_slice::<Json>(&answer.body) else {
            tracing::info!("a key set is not JSON");
            return None;
        };
        let expires_at = caching::expires_at(&answer.headers, now);
        Some(KeySet::of(&document, now, expires_at))
    }
}

impl KeySet {
    fn of(document: &Json, fetched_at: Timestamp, expires_at: Timestamp) -> KeySet {
        let (keys, certificates) = (Arc::new(keys_in(document)), Arc::new(certificates_in(document)));
        KeySet { keys, certificates, fetched_at, expires_at }
    }
}

/// The certificates of the keys themselves, in DER, without the chains behind them (RFC 7517, 4.7).
fn certificates_in(document: &Json) -> Vec<Vec<u8>> {
    let keys = document.get("keys").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let first = |key: &Json| STANDARD.decode(key.get("x5c")?.as_array()?.first()?.as_str()?).ok();
    keys.iter().take(KEYS_MAX).filter_map(first).collect()
}

/// The usable keys of a set. What is not a set has none.
fn keys_in(document: &Json) -> Vec<PublicKey> {
    let keys = document.get("keys").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(KEYS_MAX).filter_map(public_key).collect()
}

/// Whether a set holds at least one key that we can verify with; for whoever registers one.
pub fn has_usable_key(document: &Json) -> bool {
    !keys_in(document).is_empty()
}

fn fitting(keys: &[PublicKey], kid: Option<&str>, alg: Algorithm) -> Vec<DecodingKey> {
    let fits = |key: &&PublicKey| {
        key.kind.can(alg)
            && key.algorithm.is_none_or(|only| only == alg)
            && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
    };
    keys.iter().filter(fits).map(|key| key.key.clone()).collect()
}

impl Kind {
    fn can(self, alg: Algorithm) -> bool {
        match self {
            Kind::Rsa => matches!(alg, Algorithm::RS256 | Algorithm::PS256),
            Kind::P256 => alg == Algorithm::ES256,
            Kind::Ed25519 => alg == Algorithm::EdDSA,
        }
    }
}

/// None for what we do not verify with: another kind, a weak key, one for encryption, one whose private half stands beside it.
fn public_key(jwk: &Json) -> Option<PublicKey> {
    let text = |name: &str| jwk.get(name).and_then(Json::as_str);
    if jwk.get("d").is_some() || jwk.get("use").is_some_and(|it| it.as_str() != Some("sig")) {
        return None;
    }
    if let Some(operations) = jwk.get("key_ops")
        && !operations.as_array()?.iter().any(|it| it.as_str() == Some("verify"))
    {
        return None;
    }
    let algorithm = match jwk.get("alg") {
        None => None,
        // RFC 9864 calls EdDSA with this curve by a name of its own.
        Some(name) => Some(match name.as_str()? {
            "Ed25519" => Algorithm::EdDSA,
            name => keys::ALGORITHMS.into_iter().find(|&known| keys::name_of(known) == name)?,
        }),
    };
    let (kind, key) = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let (modulus, exponent) = (text("n")?, text("e")?);
            let is_strong = RSA_BITS.contains(&bits(&bytes(modulus)?)) && !bytes(exponent)?.is_empty();
            (Kind::Rsa, is_strong.then(|| DecodingKey::from_rsa_components(modulus, exponent).ok())??)
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (text("x")?, text("y")?);
            let is_point = bytes(x)?.len() == 32 && bytes(y)?.len() == 32;
            (Kind::P256, is_point.then(|| DecodingKey::from_ec_components(x, y).ok())??)
        }
        ("OKP", Some("Ed25519")) => {
            let x = text("x")?;
            (Kind::Ed25519, (bytes(x)?.len() == 32).then(|| DecodingKey::from_ed_components(x).ok())??)
        }
        _ => return None,
    };
    let kid = text("kid").map(str::to_owned);
    algorithm.is_none_or(|alg| kind.can(alg)).then_some(PublicKey { kid, kind, algorithm, key })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// How long a number is, in bits.
fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|&&byte| byte == 0);
    let (n_bytes, first) = (significant.clone().count(), significant.copied().next().unwrap_or_default());
    (n_bytes * 8).saturating_sub(first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rsa(n_bytes: usize) -> Json {
        json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xab; n_bytes]), "e": "AQAB" })
    }

    fn with(mut jwk: Json, name: &str, value: Json) -> Json {
        jwk[name] = value;
        jwk
    }

    fn usable(jwk: Json) -> bool {
        has_usable_key(&json!({ "keys": [jwk] }))
    }

    #[test]
    fn only_strong_public_keys_for_signatures_count() {
        // KEY-8, KEY-5
        let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([9; 32]) });
        let good = [
            rsa(256),
            with(rsa(256), "use", json!("sig")),
            with(rsa(256), "alg", json!("PS256")),
            with(rsa(256), "key_ops", json!(["verify"])),
            ed25519.clone(),
            with(ed25519.clone(), "alg", json!("Ed25519")),
        ];
        let bad = [
            rsa(128),
            rsa(255),
            rsa(2000),
            with(rsa(256), "d", json!("AQAB")),
            with(rsa(256), "use", json!("enc")),
            with(rsa(256), "use", json!(1)),
            with(rsa(256), "alg", json!("HS256")),
            with(rsa(256), "alg", json!("ES256")),
            with(rsa(256), "alg", json!("RSA-OAEP")),
            with(rsa(256), "key_ops", json!(["sign"])),
            with(rsa(256), "key_ops", json!("verify")),
            with(rsa(256), "n", json!("not base64!")),
            with(ed25519, "x", json!("AQAB")),
            json!({ "kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" }),
            json!({ "kty": "EC", "crv": "P-384", "x": "AQ", "y": "AQ" }),
            json!("RSA"),
            json!(null),
        ];

        for jwk in good {
            assert!(usable(jwk.clone()), "{jwk}");
        }
        for jwk in bad {
            assert!(!usable(jwk.clone()), "{jwk}");
        }
    }

    #[test]
    fn keys_without_a_name_are_all_tried_and_a_name_picks_its_own() {
        // KEY-9
        let named = with(rsa(256), "kid", json!("a"));
        let keys = keys_in(&json!({ "keys": [named, rsa(256), with(rsa(256), "alg", json!("RS256")), rsa(128)] }));

        assert_eq!(fitting(&keys, None, Algorithm::RS256).len(), 3);
        assert_eq!(fitting(&keys, None, Algorithm::PS256).len(), 2, "one is for RS256 alone");
        assert_eq!(fitting(&keys, Some("a"), Algorithm::PS256).len(), 1);
        assert!(fitting(&keys, Some("b"), Algorithm::PS256).is_empty());
        assert!(fitting(&keys, None, Algorithm::ES256).is_empty());
        assert!(fitting(&keys, None, Algorithm::HS256).is_empty());
    }

    #[test]
    fn the_length_of_a_number_does_not_count_its_leading_zeros() {
        // KEY-5
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 1]), 1);
        assert_eq!(bits(&[0x80, 0]), 16);
    }

    proptest! {
        #[test]
        fn any_members_are_judged_without_a_panic(kty in "RSA|EC|OKP|oct|x", crv in "P-256|Ed25519|x", a in "[A-Za-z0-9_-]{0,60}", b in "\\PC{0,20}") {
            // KEY-8
            let jwk = json!({ "kty": kty, "crv": crv, "n": a, "e": b, "x": a, "y": b, "kid": b });
            let _usable = usable(jwk);
        }
    }
}
