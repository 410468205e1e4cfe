//! The switch that makes the rest consistent: what a client's policy settles where specifications and vendors contradict each other
//! (contract sections 0 and 27).
//!
//! Every function here answers one question. Nobody else compares policies.

use jsonwebtoken::Algorithm;

/// A field of the client record, never a global flag (POL-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    Standard,
    /// A public client on somebody's machine or in a browser.
    PublicNative,
    Fapi2,
    Fapi2Ms,
    Zendesk,
    Gorgias,
}

/// Lifetimes in seconds of what a new client is given. `None`: without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    pub code_seconds: i64,
    pub access_token_seconds: i64,
    pub refresh_idle_seconds: Option<i64>,
    pub refresh_absolute_seconds: Option<i64>,
    /// How long a used refresh token still gives a further branch (RT-5).
    pub refresh_grace_seconds: i64,
}

/// When a code or a consent gives a refresh token (AC-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshTokenRule {
    /// With `offline_access` or `offline` among the granted words.
    WhenOffline,
    Always,
}

/// What the answer to a refresh says about the refresh token when it does not rotate (section 27, line 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrotated {
    /// The same token again, for clients that store whatever the answer holds.
    Repeated,
    LeftOut,
}

/// What happens when a used refresh token comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Grace window, lost answer, then the end of the family (RT-5, RT-11, RT-6).
    Judged,
    /// Quirk: Zendesk refuses it and leaves the newer pair alone (Zendesk contract, `refresh_token.replay`).
    OnlyRefused,
}

impl Policy {
    pub const ALL: &'static [Policy] =
        &[Policy::Standard, Policy::PublicNative, Policy::Fapi2, Policy::Fapi2Ms, Policy::Zendesk, Policy::Gorgias];

    /// As stored in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Policy::Standard => "standard",
            Policy::PublicNative => "public-native",
            Policy::Fapi2 => "fapi2",
            Policy::Fapi2Ms => "fapi2-ms",
            Policy::Zendesk => "zendesk",
            Policy::Gorgias => "gorgias",
        }
    }

    pub fn parse(word: &str) -> Option<Policy> {
        Policy::ALL.iter().copied().find(|policy| policy.word() == word)
    }

    /// One of the two profiles of FAPI 2.0.
    pub const fn is_fapi(self) -> bool {
        matches!(self, Policy::Fapi2 | Policy::Fapi2Ms)
    }

    /// FAPI 2.0 Message Signing, section 5.3.
    pub const fn requires_signed_requests(self) -> bool {
        matches!(self, Policy::Fapi2Ms)
    }

    /// Whether a DPoP proof needs a nonce of ours (DP-4, FP-1). Elsewhere one is optional, and a wrong one still refused.
    pub const fn requires_dpop_nonce(self) -> bool {
        self.is_fapi()
    }

    /// The default of a new client (FP-1).
    pub const fn usual_auth_method(self, is_public: bool) -> &'static str {
        match self {
            _ if is_public => "none",
            Policy::Fapi2 | Policy::Fapi2Ms => "private_key_jwt",
            _ => "client_secret_basic",
        }
    }

    /// What signs a new client's id_tokens (section 27, line 8).
    pub const fn usual_algorithm(self) -> &'static str {
        match self {
            Policy::Fapi2 | Policy::Fapi2Ms => "PS256",
            _ => "RS256",
        }
    }

    /// The default of a new client. Existing apps of the two vendors send no challenge; one that is sent is always enforced (POL-3).
    pub const fn requires_pkce(self, is_public: bool) -> bool {
        is_public || !matches!(self, Policy::Zendesk | Policy::Gorgias)
    }

    /// Whether the administrator may switch the demand for PKCE off (POL-3).
    pub const fn may_drop_pkce(self, is_public: bool) -> bool {
        !is_public && !matches!(self, Policy::Fapi2 | Policy::Fapi2Ms)
    }

    /// Whether tokens end when their person chooses a new password by a mailed link, as one does who fears that somebody else had the old
    /// one (LS-9). The vendors' integrations run on for years in the name of whoever installed them, and keep theirs.
    pub const fn ends_with_a_reset(self) -> bool {
        !matches!(self, Policy::Zendesk | Policy::Gorgias)
    }

    /// The default of a new client (POL-2, RT-3).
    pub const fn rotates_refresh_tokens(self, is_public: bool) -> bool {
        match self {
            Policy::Standard | Policy::PublicNative => is_public,
            Policy::Fapi2 | Policy::Fapi2Ms | Policy::Gorgias => false,
            Policy::Zendesk => true,
        }
    }

    /// The defaults of a new client (POL-2, SC-8, SC-9).
    pub const fn lifetimes(self) -> Lifetimes {
        const STANDARD: Lifetimes = Lifetimes {
            code_seconds: 60,
            access_token_seconds: 30 * 60,
            refresh_idle_seconds: Some(30 * DAY),
            refresh_absolute_seconds: Some(365 * DAY),
            refresh_grace_seconds: 10,
        };
        match self {
            Policy::Standard | Policy::PublicNative | Policy::Fapi2 | Policy::Fapi2Ms => STANDARD,
            Policy::Zendesk => Lifetimes {
                // Zendesk contract, `authorization_endpoint.success`.
                code_seconds: 120,
                refresh_idle_seconds: Some(30 * DAY),
                refresh_absolute_seconds: None,
                refresh_grace_seconds: 0,
                ..STANDARD
            },
            Policy::Gorgias => Lifetimes {
                access_token_seconds: DAY,
                refresh_idle_seconds: None,
                refresh_absolute_seconds: None,
                ..STANDARD
            },
        }
    }

    /// How long a code lives, whatever a record says (FP-1).
    pub const fn code_seconds_at_most(self, seconds: i64) -> i64 {
        match self {
            Policy::Fapi2 | Policy::Fapi2Ms if 60 < seconds => 60,
            _ => seconds,
        }
    }

    /// Whether a request must name its return address, even where only one is registered (RU-7; FAPI 2.0, 5.3.2.2).
    pub const fn requires_redirect_uri(self) -> bool {
        self.is_fapi()
    }

    pub const fn refresh_token_rule(self) -> RefreshTokenRule {
        match self {
            Policy::Zendesk => RefreshTokenRule::Always,
            _ => RefreshTokenRule::WhenOffline,
        }
    }

    /// Whether access that was not asked for as lasting is over when the person signs out (LO-6). At both vendors a token lives on.
    pub const fn access_ends_with_session(self) -> bool {
        !matches!(self, Policy::Zendesk | Policy::Gorgias)
    }

    pub const fn unrotated(self) -> Unrotated {
        match self {
            Policy::Gorgias => Unrotated::LeftOut,
            _ => Unrotated::Repeated,
        }
    }

    pub const fn replay(self) -> Replay {
        match self {
            Policy::Zendesk => Replay::OnlyRefused,
            _ => Replay::Judged,
        }
    }

    /// Quirk: at Zendesk a refresh ends the access token that it replaces (RT-3).
    pub const fn refresh_ends_access_tokens(self) -> bool {
        matches!(self, Policy::Zendesk)
    }

    /// Whether `expires_in` and `refresh_token_expires_in` are requests (SC-8).
    pub const fn lifetimes_by_request(self) -> bool {
        matches!(self, Policy::Zendesk)
    }

    /// Quirk: lower case at Zendesk. A token bound to a key is never called Bearer (DP-5).
    pub const fn token_type(self, is_bound: bool) -> &'static str {
        match self {
            _ if is_bound => "DPoP",
            Policy::Zendesk => "bearer",
            _ => "Bearer",
        }
    }

    /// Quirk: a list of one at Gorgias.
    pub const fn id_token_audience_is_a_list(self) -> bool {
        matches!(self, Policy::Gorgias)
    }

    /// Quirk: `name` and `email` are in the id_token at Gorgias, which has no userinfo (else ID-2).
    pub const fn id_token_has_profile(self) -> bool {
        matches!(self, Policy::Gorgias)
    }

    /// Quirk: a refresh at Gorgias gives no id_token.
    pub const fn id_token_on_refresh(self) -> bool {
        !matches!(self, Policy::Gorgias)
    }

    pub const fn id_token_seconds(self) -> i64 {
        match self {
            Policy::Gorgias => DAY,
            _ => 60 * 60,
        }
    }

    /// Quirk: Gorgias does not know the grant, for any app (else the client's grants decide).
    pub const fn has_client_credentials(self) -> bool {
        !matches!(self, Policy::Gorgias)
    }

    /// Quirk: Zendesk keeps a word that it does not know; calls made with it are refused (Zendesk contract, `unknown_scope`).
    pub const fn keeps_unknown_scopes(self) -> bool {
        matches!(self, Policy::Zendesk)
    }

    /// Quirk: Zendesk's Ruby client may send the token as `access_token` in the address (Zendesk contract, `using_a_token`). Everybody else's is
    /// refused there: addresses end up in logs and histories (ALL-7).
    pub const fn takes_tokens_in_addresses(self) -> bool {
        matches!(self, Policy::Zendesk)
    }

    /// Whether `client_secret_basic` and `client_secret_post` stand for each other (CA-4). Both vendors and most libraries mix them.
    pub const fn secret_methods_are_one(self) -> bool {
        !matches!(self, Policy::Fapi2 | Policy::Fapi2Ms)
    }

    /// Whether an id_token for this client may be signed so (section 27, line 8).
    pub fn may_sign_with(self, algorithm: Algorithm) -> bool {
        match self {
            Policy::Fapi2 | Policy::Fapi2Ms => algorithm != Algorithm::RS256,
            _ => true,
        }
    }

    /// What becomes of consents when an app proves itself in another way, or sends answers elsewhere: ended with their tokens, or asked for
    /// again at the next request (POL-5).
    pub const fn ends_consents_of_a_changed_app(self) -> bool {
        matches!(self, Policy::Fapi2 | Policy::Fapi2Ms)
    }

    /// Quirk: the body of a successful revocation is `{}` at Gorgias, and empty otherwise (RV-1).
    pub const fn revocation_answers_json(self) -> bool {
        matches!(self, Policy::Gorgias)
    }
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_client_always_proves_its_code() {
        // POL-3, PK-1
        for &policy in Policy::ALL {
            assert!(policy.requires_pkce(true));
            assert!(!policy.may_drop_pkce(true));
        }
        assert!(Policy::Standard.requires_pkce(false));
        assert!(!Policy::Zendesk.requires_pkce(false));
        assert!(!Policy::Gorgias.requires_pkce(false));
    }

    #[test]
    fn every_policy_is_read_as_it_is_written() {
        // POL-1
        for &policy in Policy::ALL {
            assert_eq!(Policy::parse(policy.word()), Some(policy));
        }
        assert_eq!(Policy::parse("Standard"), None);
    }
}
