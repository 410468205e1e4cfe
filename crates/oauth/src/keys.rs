//! The keys that sign our tokens: made when first needed and encrypted at rest (KEY-1, KEY-2, KEY-4, KEY-5).
//!
//! A new key is published for a while before it signs, an old one until the last token it signed is over. `key_rotation.rs` replaces
//! them; every node reads the table again each second, and when it changed it itself.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value as Json, json};
use store::{Row, Tx, transact};
use tokio::sync::Mutex;

use crate::{Error, Provider};

/// What an id_token may be signed with (MD-4). Whoever asks for the key set sees a key of each.
pub const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// How long others keep the answer of the key set endpoint, in seconds. A new key signs no earlier than that (KEY-2).
pub const CACHED_SECONDS: i64 = 5 * 60;
/// A key that no longer signs is published so much longer: the longest life of a token (two days), and a grace for slow clocks.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(49);
/// A node reads the table again after this long: so soon it follows a rotation that another process did (KEY-3).
const READ_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// A key, ready for use.
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) verifying: DecodingKey,
    signing: Signer,
    jwk: Json,
}

/// A key and its time.
struct Timed {
    key: Arc<Key>,
    /// It signs from here on,
    active_from: Timestamp,
    /// until here,
    retired_at: Option<Timestamp>,
    /// and is published until here.
    expires_at: Option<Timestamp>,
}

enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The keys as they were read.
pub(crate) struct KeyRing {
    keys: Vec<Timed>,
    read_at: Timestamp,
}

/// This node's copy of the keys.
pub(crate) struct Keys {
    ring: RwLock<Arc<KeyRing>>,
    making: Mutex<()>,
}

impl Keys {
    pub(crate) fn empty() -> Keys {
        let ring = Arc::new(KeyRing { keys: Vec::new(), read_at: Timestamp::MIN });
        Keys { ring: RwLock::new(ring), making: Mutex::new(()) }
    }

    fn get(&self) -> Arc<KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, ring: Arc<KeyRing>) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }
}

impl KeyRing {
    /// The key that signs now. None if there is none for this algorithm.
    pub(crate) fn signer(&self, algorithm: Algorithm, now: Timestamp) -> Option<&Key> {
        self.living(now)
            .filter(|it| it.key.algorithm == algorithm && it.active_from <= now)
            .filter(|it| it.retired_at.is_none_or(|end| now < end))
            .max_by(|a, b| (a.active_from, &a.key.kid).cmp(&(b.active_from, &b.key.kid)))
            .map(|it| &*it.key)
    }

    /// The algorithms that nothing signs with now.
    fn missing(&self, wanted: &[Algorithm], now: Timestamp) -> Vec<Algorithm> {
        wanted.iter().copied().filter(|&algorithm| self.signer(algorithm, now).is_none()).collect()
    }

    /// Every key that somebody may meet: those to come, those in use, those retired.
    pub(crate) fn published(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.living(now).map(|it| &*it.key)
    }

    fn living(&self, now: Timestamp) -> impl Iterator<Item = &Timed> {
        self.keys.iter().filter(move |it| it.expires_at.is_none_or(|end| now < end))
    }

    /// The key set document: public halves only (KEY-1).
    pub(crate) fn document(&self, now: Timestamp) -> Json {
        let keys: Vec<&Json> = self.published(now).map(|key| &key.jwk).collect();
        json!({ "keys": keys })
    }
}

impl Key {
    /// The signature as JWS has it: raw `r || s` for ES256.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        let failed = |_| Error::Internal(format!("the signing key {} cannot sign", self.kid));
        match &self.signing {
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding: &'static dyn aws_lc_rs::signature::RsaEncoding = match self.algorithm {
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(encoding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Signer::P256(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Signer::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl Provider {
    /// The keys as they were a second ago at most.
    pub(crate) async fn key_ring(&self) -> Result<Arc<KeyRing>, Error> {
        let now = self.clock.now();
        let ring = self.state.keys.get();
        if now.duration_since(ring.read_at) < READ_AGAIN && ring.read_at <= now {
            return Ok(ring);
        }
        let mut tx = self.db.read().await?;
        let rows = tx.rows("select kid, alg, private_encrypted, public_jwk, active_from, retired_at, expires_at from signing_keys order by kid", &[]).await?;
        drop(tx);
        let cipher = self.key_cipher()?;
        let keys = rows.iter().map(|row| timed(row, &ring, &cipher)).collect::<Result<Vec<Timed>, Error>>()?;
        let ring = Arc::new(KeyRing { keys, read_at: now });
        self.state.keys.set(ring.clone());
        Ok(ring)
    }

    /// The keys, with one of each wanted algorithm.
    ///
    /// They are made when somebody asks for the first time, not at the first start: an RSA key takes a quarter of a second.
    /// Two nodes that make them at once both keep theirs; all of them are published.
    pub(crate) async fn key_ring_with(&self, wanted: &[Algorithm]) -> Result<Arc<KeyRing>, Error> {
        let ring = self.key_ring().await?;
        if ring.missing(wanted, self.clock.now()).is_empty() {
            return Ok(ring);
        }
        let _one_at_a_time = self.state.keys.making.lock().await;
        let ring = self.key_ring().await?;
        // Asked again: whoever held the lock may have made keys that sign from a moment ago.
        let now = self.clock.now();
        let missing = ring.missing(wanted, now);
        if missing.is_empty() {
            return Ok(ring);
        }
        let made = self.make_keys(missing).await?;
        transact!(self.db, |tx| {
            for key in &made {
                insert(tx, key, now, now).await?;
            }
            Ok::<_, Error>(())
        })?;
        self.read_keys_again().await
    }

    pub(crate) async fn read_keys_again(&self) -> Result<Arc<KeyRing>, Error> {
        self.state.keys.set(Arc::new(KeyRing { keys: Vec::new(), read_at: Timestamp::MIN }));
        self.key_ring().await
    }

    pub(crate) async fn make_keys(&self, algorithms: Vec<Algorithm>) -> Result<Vec<Made>, Error> {
        let cipher = self.key_cipher()?;
        let random = self.random.clone();
        let making = tokio::task::spawn_blocking(move || {
            algorithms.into_iter().map(|algorithm| make(algorithm, &cipher, random.bytes())).collect()
        });
        making.await.map_err(|error| Error::Internal(format!("no keys could be made: {error}")))?
    }

    /// AES-256-GCM under a key from outside the database (KEY-4).
    fn key_cipher(&self) -> Result<LessSafeKey, Error> {
        let key = self.keyed_hash("signing keys", "");
        let key = UnboundKey::new(&aead::AES_256_GCM, &key);
        key.map(LessSafeKey::new).map_err(|_| Error::Internal("AES-256-GCM is not available".to_owned()))
    }
}

/// A key that is not stored yet.
pub(crate) struct Made {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    jwk: Json,
    encrypted: Vec<u8>,
}

fn make(algorithm: Algorithm, cipher: &LessSafeKey, nonce: [u8; 12]) -> Result<Made, Error> {
    let failed = |_| Error::Internal(format!("no {algorithm:?} key could be made"));
    let mut private = match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        Algorithm::EdDSA => {
            Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?.as_ref().to_vec()
        }
        _ => {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            AsDer::<Pkcs8V1Der>::as_der(&pair).map_err(failed)?.as_ref().to_vec()
        }
    };
    let mut jwk = public_half(&signer(algorithm, &private)?);
    let kid = thumbprint(&jwk)?;
    for (name, value) in [("kid", kid.as_str()), ("use", "sig"), ("alg", name_of(algorithm))] {
        jwk[name] = json!(value);
    }
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(kid.as_bytes()), &mut private)
        .map_err(failed)?;
    let encrypted = [nonce.as_slice(), &private].concat();
    Ok(Made { kid, algorithm, jwk, encrypted })
}

pub(crate) async fn insert(tx: &mut Tx, key: &Made, now: Timestamp, active_from: Timestamp) -> Result<(), Error> {
    tx.run(
        "insert into signing_keys (kid, alg, private_encrypted, public_jwk, created_at, active_from) values ($1, $2, $3, $4, $5, $6)",
        &[
            key.kid.as_str().into(),
            name_of(key.algorithm).into(),
            key.encrypted.as_slice().into(),
            (&key.jwk).into(),
            now.into(),
            active_from.into(),
        ],
    )
    .await?;
    Ok(())
}

/// What was read before is not decrypted again: a kid is the fingerprint of its key.
fn timed(row: &Row, before: &KeyRing, cipher: &LessSafeKey) -> Result<Timed, Error> {
    let kid = row.text("kid")?;
    let known = before.keys.iter().find(|it| it.key.kid == kid);
    Ok(Timed {
        key: match known {
            Some(known) => known.key.clone(),
            None => Arc::new(decrypt(row, kid, cipher)?),
        },
        active_from: row.time("active_from")?,
        retired_at: row.time_or_null("retired_at")?,
        expires_at: row.time_or_null("expires_at")?,
    })
}

fn decrypt(row: &Row, kid: String, cipher: &LessSafeKey) -> Result<Key, Error> {
    let broken = || {
        Error::Internal(format!(
            "the signing key {kid} cannot be read: the secret key is not the one it was encrypted with"
        ))
    };
    let algorithm = row.text("alg")?.parse::<Algorithm>().map_err(|_| broken())?;
    let encrypted = row.blob("private_encrypted")?;
    let (nonce, sealed) = encrypted.split_at_checked(aead::NONCE_LEN).ok_or_else(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let mut private = sealed.to_vec();
    let private = cipher.open_in_place(nonce, Aad::from(kid.as_bytes()), &mut private).map_err(|_| broken())?;
    let jwk = row.json("public_jwk")?.ok_or_else(broken)?;
    let parsed: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| broken())?;
    Ok(Key {
        algorithm,
        verifying: DecodingKey::from_jwk(&parsed).map_err(|_| broken())?,
        signing: signer(algorithm, private)?,
        jwk,
        kid,
    })
}

fn signer(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Signer, Error> {
    let broken = |_| Error::Internal("a signing key is not PKCS #8".to_owned());
    match algorithm {
        Algorithm::ES256 => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Signer::P256).map_err(broken)
        }
        Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(pkcs8).map(Signer::Ed25519).map_err(broken),
        _ => RsaKeyPair::from_pkcs8(pkcs8).map(Signer::Rsa).map_err(broken),
    }
}

/// The required members of the public JWK (RFC 7518, section 6; RFC 8037).
fn public_half(signer: &Signer) -> Json {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match signer {
        Signer::Rsa(pair) => {
            let public = pair.public_key();
            let modulus = public.modulus().big_endian_without_leading_zero();
            let exponent = public.exponent().big_endian_without_leading_zero();
            json!({ "kty": "RSA", "n": text(modulus), "e": text(exponent) })
        }
        Signer::P256(pair) => {
            // An uncompressed point: 4, then both coordinates.
            let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
            json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
        }
        Signer::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) }),
    }
}

/// RFC 7638.
fn thumbprint(jwk: &Json) -> Result<String, Error> {
    let broken = |_| Error::Internal("a key we made has no thumbprint".to_owned());
    let jwk: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| Error::Internal("a JWK we made is none".into()))?;
    jwk.thumbprint(ThumbprintHash::SHA256).map_err(broken)
}

pub(crate) const fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::PS256 => "PS256",
        Algorithm::ES256 => "ES256",
        Algorithm::EdDSA => "EdDSA",
        _ => "RS256",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_signs_what_its_public_half_verifies() {
        // KEY-1, KEY-4, KEY-5
        let cipher = LessSafeKey::new(UnboundKey::new(&aead::AES_256_GCM, &[1; 32]).unwrap());
        for algorithm in ALGORITHMS {
            let made = make(algorithm, &cipher, [2; 12]).unwrap();

            let parsed: Jwk = serde_json::from_value(made.jwk.clone()).unwrap();
            let mut private = made.encrypted[12..].to_vec();
            let nonce = Nonce::assume_unique_for_key([2; 12]);
            let private = cipher.open_in_place(nonce, Aad::from(made.kid.as_bytes()), &mut private).unwrap();
            let key = Key {
                kid: made.kid.clone(),
                algorithm,
                verifying: DecodingKey::from_jwk(&parsed).unwrap(),
                signing: signer(algorithm, private).unwrap(),
                jwk: made.jwk.clone(),
            };
            let signature = URL_SAFE_NO_PAD.encode(key.sign(b"message").unwrap());

            let good = jsonwebtoken::crypto::verify(&signature, b"message", &key.verifying, algorithm).unwrap();
            let bad = jsonwebtoken::crypto::verify(&signature, b"massage", &key.verifying, algorithm).unwrap();
            assert!(good && !bad, "{algorithm:?}");
            assert!(["d", "p", "q", "k"].iter().all(|private| made.jwk.get(private).is_none()));
        }
    }
}
