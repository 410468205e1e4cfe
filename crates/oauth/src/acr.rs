//! How surely somebody is who they say: the levels of sign-in that `acr` names (LS-8, AZ-19, AZ-20; RFC 9470).

/// With a password alone.
pub const PASSWORD: &str = "urn:bailiwick:acr:pwd";
/// With a second factor.
pub const MULTI_FACTOR: &str = "urn:bailiwick:acr:mfa";
/// With what no false page can ask out of a person, such as a passkey.
pub const PHISHING_RESISTANT: &str = "urn:bailiwick:acr:phr";

/// From the weakest to the strongest.
pub const ALL: [&str; 3] = [PASSWORD, MULTI_FACTOR, PHISHING_RESISTANT];

/// Whether we know this word.
pub fn is_known(acr: &str) -> bool {
    level(acr).is_some()
}

/// Whether a sign-in that reached one level is good for another. An unknown level is good for nothing but itself.
pub fn meets(reached: &str, wanted: &str) -> bool {
    match (level(reached), level(wanted)) {
        (Some(reached), Some(wanted)) => wanted <= reached,
        _ => reached == wanted,
    }
}

fn level(acr: &str) -> Option<usize> {
    ALL.iter().position(|known| *known == acr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_sign_in_is_good_for_a_weaker_demand() {
        // AZ-19
        assert!(meets(PHISHING_RESISTANT, PASSWORD));
        assert!(meets(MULTI_FACTOR, MULTI_FACTOR));
        assert!(!meets(PASSWORD, MULTI_FACTOR));
        assert!(!meets(PASSWORD, "gold"));
        assert!(!meets("gold", PASSWORD));
    }
}
