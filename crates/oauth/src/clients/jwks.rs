//! The shape of a key set that an app hands in: public keys that we can verify with (KEY-5, KEY-8; RFC 7517, RFC 7518, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use helpdesk::Error;
use serde_json::{Map, Value as Json};

/// Most keys of one set.
const KEYS_MAX: usize = 20;
/// Largest key set, in bytes of JSON.
const SET_MAX_BYTES: usize = 32 * 1024;
/// Bits of an RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Members that only a private or a symmetric key has.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// `Invalid` on `jwks`. A set may hold kinds of keys that we do not use, as long as one is of ours.
pub fn check(set: &Json) -> Result<(), Error> {
    let keys = set.get("keys").and_then(Json::as_array).ok_or_else(|| bad("must be an object with a list `keys`"))?;
    if keys.is_empty() || KEYS_MAX < keys.len() {
        return Err(bad(format!("must hold 1 to {KEYS_MAX} keys")));
    }
    if SET_MAX_BYTES < set.to_string().len() {
        return Err(bad(format!("must be at most {SET_MAX_BYTES} bytes long")));
    }
    let mut n_usable = 0;
    for (at, key) in keys.iter().enumerate() {
        let key = key.as_object().ok_or_else(|| bad(format!("key {at} is not an object")))?;
        if PRIVATE.iter().any(|name| key.contains_key(*name)) {
            return Err(bad(format!(
                "key {at} is not public: it holds secret members. Make a new key, this one is spent"
            )));
        }
        for name in ["kid", "alg", "use"] {
            if key.get(name).is_some_and(|value| !value.is_string()) {
                return Err(bad(format!("{name} of key {at} must be a text")));
            }
        }
        if is_usable(key).map_err(|problem| bad(format!("key {at}: {problem}")))? {
            n_usable += 1;
        }
    }
    match n_usable {
        0 => Err(bad("holds no key of a kind used here: RSA, EC with P-256, OKP with Ed25519")),
        _ => Ok(()),
    }
}

/// False for a kind of key that is not used here; an error for a broken one of a kind that is.
fn is_usable(key: &Map<String, Json>) -> Result<bool, String> {
    match (text(key, "kty"), text(key, "crv")) {
        (Some("RSA"), _) => {
            let bits = bits(&decoded(key, "n")?);
            decoded(key, "e")?;
            match RSA_BITS.contains(&bits) {
                true => Ok(true),
                false => Err(format!(
                    "its RSA modulus has {bits} bits; {} to {} are taken",
                    RSA_BITS.start(),
                    RSA_BITS.end()
                )),
            }
        }
        (Some("EC"), Some("P-256")) => match decoded(key, "x")?.len() == 32 && decoded(key, "y")?.len() == 32 {
            true => Ok(true),
            false => Err("x and y must be 32 bytes each".to_owned()),
        },
        (Some("OKP"), Some("Ed25519")) => match decoded(key, "x")?.len() == 32 {
            true => Ok(true),
            false => Err("x must be 32 bytes".to_owned()),
        },
        (Some("oct"), _) => Err("a symmetric key is no public key".to_owned()),
        (Some(_), _) => Ok(false),
        (None, _) => Err("kty is missing".to_owned()),
    }
}

fn text<'a>(key: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Json::as_str)
}

fn decoded(key: &Map<String, Json>, name: &str) -> Result<Vec<u8>, String> {
    let text = text(key, name).filter(|text| !text.is_empty()).ok_or_else(|| format!("{name} is missing"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("{name} is not base64url"))
}

fn bits(modulus: &[u8]) -> usize {
    let number: Vec<u8> = modulus.iter().copied().skip_while(|byte| *byte == 0).collect();
    let first = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - first
}

fn bad(problem: impl Into<String>) -> Error {
    Error::invalid("jwks", problem)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_public_keys_that_can_be_used_make_a_set() {
        // KEY-8, KEY-5
        let coordinate = URL_SAFE_NO_PAD.encode([7; 32]);
        let modulus = |n_bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; n_bytes]);
        let ec = json!({ "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate });
        let good = [
            json!([ec]),
            json!([{ "kty": "RSA", "n": modulus(256), "e": "AQAB", "kid": "a" }]),
            json!([{ "kty": "OKP", "crv": "Ed25519", "x": coordinate }, { "kty": "EC", "crv": "P-521" }]),
        ];
        for keys in good {
            assert!(check(&json!({ "keys": keys })).is_ok(), "{keys}");
        }
        let bad = [
            json!([]),
            json!({}),
            json!(["x"]),
            json!([null]),
            json!([{ "kty": "oct", "k": "AAAA" }]),
            json!([{ "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate, "d": coordinate }]),
            json!([{ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": coordinate }]),
            json!([{ "kty": "EC", "crv": "P-521" }]),
            json!([{ "kty": "RSA", "n": modulus(255), "e": "AQAB" }]),
            json!([{ "kty": "RSA", "n": "=", "e": "AQAB" }]),
            json!([{ "kty": "OKP", "crv": "Ed25519", "x": 5 }]),
            json!([ec, { "crv": "P-256" }]),
            json!([{ "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate, "kid": 5 }]),
        ];
        for keys in bad {
            assert!(check(&json!({ "keys": keys })).is_err(), "{keys}");
        }
        assert!(check(&json!([ec])).is_err());
        assert!(check(&json!({ "keys": vec![ec; 21] })).is_err());
    }
}
