//! An authenticator in software: makes passkeys (WebAuthn Level 3, "none" attestation, ES256) and signs with them as a browser would.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outside::sha256;
use serde_json::{Value, json};

/// The person was there, and was checked.
const PRESENT_AND_VERIFIED: u8 = 0x05;
const HAS_KEY: u8 = 0x40;

pub struct Authenticator {
    key: EcdsaKeyPair,
    credential_id: [u8; 32],
    user_handle: String,
    pub counter: u32,
    pub flags: u8,
}

impl Authenticator {
    /// Makes a passkey for what the page asks; with the answer that its form sends.
    pub fn create(options: &str, origin: &str) -> (Authenticator, String) {
        let options: Value = serde_json::from_str(options).expect("options");
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let credential_id = sha256(key.public_key().as_ref());
        let user_handle = options["user"]["id"].as_str().expect("a user handle").to_owned();
        let made = Authenticator { key, credential_id, user_handle, counter: 0, flags: PRESENT_AND_VERIFIED };
        let rp_id = options["rp"]["id"].as_str().expect("a site");

        // CBOR: kty EC2, alg ES256, curve P-256, x, y.
        let (x, y) = made.key.public_key().as_ref()[1..].split_at(32);
        let cose = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], x, &[0x22, 0x58, 32], y].concat();
        let mut data = made.data(rp_id, PRESENT_AND_VERIFIED | HAS_KEY);
        data.extend([0; 16]);
        data.extend(32u16.to_be_bytes());
        data.extend(credential_id);
        data.extend(cose);
        let length = u8::try_from(data.len()).expect("short");
        let object = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[length], &data].concat();
        let client_data = client_data("webauthn.create", &options, origin);
        let answer = json!({
            "id": text(&credential_id),
            "rawId": text(&credential_id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": { "attestationObject": text(&object), "clientDataJSON": text(&client_data), "transports": ["internal"] },
        });
        (made, answer.to_string())
    }

    /// Answers a question with the passkey.
    pub fn get(&mut self, options: &str, origin: &str) -> String {
        let options: Value = serde_json::from_str(options).expect("options");
        self.counter += 1;
        let data = self.data(options["rpId"].as_str().expect("a site"), self.flags);
        let client_data = client_data("webauthn.get", &options, origin);
        let signed = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        let answer = json!({
            "id": text(&self.credential_id),
            "rawId": text(&self.credential_id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": text(&data),
                "clientDataJSON": text(&client_data),
                "signature": text(signature.as_ref()),
                "userHandle": self.user_handle,
            },
        });
        answer.to_string()
    }

    fn data(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        let mut data = sha256(rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

fn client_data(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
    let data = json!({ "type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false });
    data.to_string().into_bytes()
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
