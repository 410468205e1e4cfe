//! How recent and how sure a sign-in must be for what cannot be undone or shows a secret (RFC 9470; SU-1 to SU-3).
//!
//! For calls by a person's token it is the sign-in behind the token that counts, which a refresh does not renew; for pages it is the
//! session's. Nobody signed in behind an API key or a client_credentials token: for them the question does not arise.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::acr;

/// Name of `Limits` among the provider's settings.
pub const SETTING: &str = "step_up";

/// The account's limits. None switches one off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Greatest age of the sign-in behind a token, for calls that delete many things at once.
    pub calls_max_age_seconds: Option<i64>,
    /// The level it must have reached, such as `urn:bailiwick:acr:mfa`.
    pub calls_acr: Option<String>,
    /// Greatest age of the sign-in behind a session, for pages that show secrets, or register, change and delete apps.
    pub pages_max_age_seconds: Option<i64>,
}

/// A day for calls, so that an app which is at work all day asks its people once; an hour for pages, where asking costs one field.
impl Default for Limits {
    fn default() -> Limits {
        Limits { calls_max_age_seconds: Some(24 * 60 * 60), calls_acr: None, pages_max_age_seconds: Some(60 * 60) }
    }
}

/// The sign-in behind a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    pub auth_time: Option<Timestamp>,
    pub acr: Option<String>,
}

/// What a sign-in lacks, as the challenge says it (RFC 9470, 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub max_age_seconds: Option<i64>,
    pub acr: Option<String>,
}

impl Limits {
    /// Whether a call may go on. What is not known of a sign-in counts against it.
    pub fn check_call(&self, login: &Login, now: Timestamp) -> Result<(), Challenge> {
        let is_recent = is_within(self.calls_max_age_seconds, login.auth_time, now);
        let is_sure = match (&self.calls_acr, &login.acr) {
            (None, _) => true,
            (Some(wanted), Some(reached)) => acr::meets(reached, wanted),
            (Some(_), None) => false,
        };
        match is_recent && is_sure {
            true => Ok(()),
            false => Err(Challenge { max_age_seconds: self.calls_max_age_seconds, acr: self.calls_acr.clone() }),
        }
    }

    /// Whether a page may be shown, or its form be taken.
    pub fn lets_page(&self, auth_time: Timestamp, now: Timestamp) -> bool {
        is_within(self.pages_max_age_seconds, Some(auth_time), now)
    }
}

fn is_within(most_seconds: Option<i64>, auth_time: Option<Timestamp>, now: Timestamp) -> bool {
    match (most_seconds, auth_time) {
        (None, _) => true,
        (Some(most), Some(auth_time)) => now.duration_since(auth_time).as_secs() <= most,
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_a_sign_in_counts_against_it() {
        // SU-1
        let limits = Limits { calls_acr: Some(acr::MULTI_FACTOR.to_owned()), ..Limits::default() };
        let now = Timestamp::from_second(1_000_000).unwrap();
        let login = |ago: i64, acr: &str| Login {
            auth_time: Timestamp::from_second(1_000_000 - ago).ok(),
            acr: Some(acr.to_owned()),
        };

        assert_eq!(limits.check_call(&login(86_400, acr::MULTI_FACTOR), now), Ok(()));
        assert!(limits.check_call(&login(86_401, acr::MULTI_FACTOR), now).is_err());
        assert!(limits.check_call(&login(0, acr::PASSWORD), now).is_err());
        assert!(limits.check_call(&Login::default(), now).is_err());
        assert!(limits.lets_page(now, now));
    }
}
