//! Proof Key for Code Exchange (RFC 7636), S256 only (PK-2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outside::sha256;
use subtle::ConstantTimeEq;

/// Whether this can be an S256 challenge: 43 characters of base64url (PK-3).
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether this can be a verifier: 43 to 128 unreserved characters (PK-3).
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// Whether the verifier is the one the challenge was made from.
pub fn matches(challenge: &str, verifier: &str) -> bool {
    is_verifier(verifier) && bool::from(challenge_of(verifier).as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_matches() {
        // PK-4
        assert!(is_challenge(CHALLENGE));
        assert!(matches(CHALLENGE, VERIFIER));
        assert!(!matches(CHALLENGE, &VERIFIER.replace('d', "e")));
        assert!(!matches(VERIFIER, VERIFIER));
    }

    #[test]
    fn lengths_and_characters_are_checked() {
        // PK-3
        assert!(!is_challenge(&"a".repeat(42)));
        assert!(!is_challenge(&"a".repeat(44)));
        assert!(!is_challenge(&format!("{}=", "a".repeat(42))));
        assert!(!is_verifier(&"a".repeat(42)));
        assert!(is_verifier(&"a".repeat(128)));
        assert!(!is_verifier(&"a".repeat(129)));
        assert!(!is_verifier(&format!("{} ", "a".repeat(43))));
    }
}
