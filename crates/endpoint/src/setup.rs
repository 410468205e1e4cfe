//! The one-time set-up link: whoever started the program may make the account, nobody else.

use std::sync::Mutex;

use outside::sha256;

/// Holds the hash of the link's token while no account exists. The token itself is printed once and kept nowhere.
#[derive(Debug, Default)]
pub struct Setup(Mutex<Option<[u8; 32]>>);

impl Setup {
    /// Opens set-up for this token. A token of an earlier start is worth nothing.
    pub fn open(&self, token: &str) {
        *self.lock() = Some(sha256(token.as_bytes()));
    }

    /// Whether this is the token of the link.
    pub fn check(&self, token: &str) -> bool {
        // Hashes are compared, so the time taken says nothing about the token.
        *self.lock() == Some(sha256(token.as_bytes()))
    }

    /// Whether an account is still to be made.
    pub fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// The account exists: the link is used up.
    pub fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<[u8; 32]>> {
        // A panic while the lock was held cannot leave half a value behind.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
