//! Signing in with address and password (LS-4 to LS-7).
//!
//! An unknown address and a wrong password cannot be told apart: same answer, same work, same writes (LS-5).

use store::{StoreError, Transient};

use crate::Provider;
use crate::authorize::Browser;
use crate::sessions::SignedIn;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address or the password; which of them, nobody learns.
    #[error("the address or the password is wrong")]
    Wrong,
    /// Too many failures from here or for this account. Answered with 429 and `Retry-After` (LS-6).
    #[error("too many failed attempts; wait {retry_after_seconds} seconds")]
    Limited { retry_after_seconds: u64 },
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl Transient for SignInError {
    fn is_transient(&self) -> bool {
        matches!(self, SignInError::Store(error) if error.is_transient())
    }
}

impl Provider {
    /// Signs staff in, and ends the session that the browser had.
    pub async fn sign_in(
        &self,
        _email: &str,
        _password: &str,
        _browser: &Browser<'_>,
    ) -> Result<SignedIn, SignInError> {
        Err(SignInError::Wrong)
    }

    /// Opens a session for someone whose identity was just proven in another way, such as by the one-time set-up link.
    pub async fn open_session(
        &self,
        _person_id: i64,
        _amr: &str,
        _browser: &Browser<'_>,
    ) -> Result<SignedIn, SignInError> {
        Err(SignInError::Wrong)
    }
}
