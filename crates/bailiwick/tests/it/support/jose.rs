//! Keys of apps and other issuers, and what they sign.

use aws_lc_rs::encoding::AsDer;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// A key pair with a `kid`.
pub struct TestKey {
    pub algorithm: Algorithm,
    pub kid: String,
    signing: EncodingKey,
    jwk: Jwk,
}

impl TestKey {
    /// A new key. RSA takes a while; prefer ES256.
    pub fn new(algorithm: Algorithm, kid: &str) -> TestKey {
        let signing = match algorithm {
            Algorithm::ES256 => pkcs8(EncodingKey::from_ec_pem, ec()),
            Algorithm::EdDSA => pkcs8(EncodingKey::from_ed_pem, ed()),
            _ => pkcs8(EncodingKey::from_rsa_pem, rsa()),
        };
        let jwk = Jwk::from_encoding_key(&signing, algorithm).expect("the public half");
        TestKey { algorithm, kid: kid.to_owned(), signing, jwk }
    }

    pub fn es256() -> TestKey {
        TestKey::new(Algorithm::ES256, "one")
    }

    /// The public half with `kid`, `use` and `alg`.
    pub fn public(&self) -> Value {
        let mut jwk = self.bare();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(format!("{:?}", self.algorithm));
        jwk
    }

    /// The public half as DPoP embeds it.
    pub fn bare(&self) -> Value {
        let mut jwk = serde_json::to_value(&self.jwk).expect("JSON");
        for name in ["alg", "kid", "use"] {
            jwk.as_object_mut().expect("an object").remove(name);
        }
        jwk
    }

    /// RFC 7638.
    pub fn thumbprint(&self) -> String {
        self.jwk.thumbprint(ThumbprintHash::SHA256).expect("a thumbprint")
    }

    /// A key set with this key alone.
    pub fn set(&self) -> Value {
        json!({ "keys": [self.public()] })
    }

    /// A JWT with `alg` and `kid` in its header, and what `header` adds or replaces. Null takes a member out.
    pub fn sign(&self, header: Value, claims: &Value) -> String {
        let mut head = json!({ "alg": format!("{:?}", self.algorithm), "kid": self.kid });
        for (name, value) in header.as_object().expect("an object") {
            match value {
                Value::Null => drop(head.as_object_mut().expect("an object").remove(name)),
                value => head[name] = value.clone(),
            }
        }
        let message = format!("{}.{}", encode(&head), encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, self.algorithm).expect("a signature");
        format!("{message}.{signature}")
    }
}

/// A part of a JWT.
pub fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn pkcs8(read: impl Fn(&[u8]) -> jsonwebtoken::errors::Result<EncodingKey>, der: Vec<u8>) -> EncodingKey {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    read(pem.as_bytes()).expect("a key")
}

fn ec() -> Vec<u8> {
    let pair = aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    pair.expect("a key").to_pkcs8v1().expect("PKCS#8").as_ref().to_vec()
}

fn ed() -> Vec<u8> {
    aws_lc_rs::signature::Ed25519KeyPair::generate().expect("a key").to_pkcs8v1().expect("PKCS#8").as_ref().to_vec()
}

fn rsa() -> Vec<u8> {
    let pair = aws_lc_rs::signature::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("PKCS#8").as_ref().to_vec()
}
