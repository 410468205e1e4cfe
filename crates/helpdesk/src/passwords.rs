//! Password hashes: Argon2id, its parameters written with each hash (LS-4).
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose, so it runs beside the async threads, few at a time, and never inside a
//! transaction.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use outside::Random;
use store::StoreError;
use tokio::sync::Semaphore;

use crate::Error;

/// 19 MiB, two passes, one lane: the first of OWASP's choices.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Shortest password, in characters (NIST SP 800-63B, 5.1.1.2).
const MIN_CHARS: usize = 8;
/// Longest password, in bytes. Long enough for any sentence, short enough that nobody keeps us busy with one.
const MAX_BYTES: usize = 1024;

/// How many are worked on at once in this process: memory is the process's, so the limit is too.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// The hash to store, as a PHC string. `Invalid` on `password` if it is too short or too long.
pub async fn hash(random: &Random, password: &str) -> Result<String, Error> {
    check(password)?;
    let salt: [u8; 16] = random.bytes();
    let password = password.to_owned();
    let hashed =
        beside(move || argon2().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()));
    match hashed.await {
        Some(Ok(hash)) => Ok(hash),
        Some(Err(_)) | None => Err(StoreError::Unavailable("the password could not be hashed".to_owned()).into()),
    }
}

/// Whether this is the password. Without a hash it works as long and says no, so that nobody learns who exists (LS-5).
pub async fn verify(hash: Option<&str>, password: &str) -> bool {
    // Nothing of this length was ever accepted.
    if MAX_BYTES < password.len() {
        return false;
    }
    let hash = hash.map(str::to_owned);
    let password = password.to_owned();
    let verified = beside(move || {
        let stored = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
        match stored {
            Some(stored) => argon2().verify_password(password.as_bytes(), &stored).is_ok(),
            None => {
                let _ = argon2().hash_password_with_salt(password.as_bytes(), &[0; 16]);
                false
            }
        }
    });
    verified.await.unwrap_or(false)
}

/// Whether the hash was made with weaker parameters than today's: hash again at the next sign-in (LS-4).
pub fn needs_rehash(hash: &str) -> bool {
    let Ok(stored) = PasswordHash::new(hash) else { return true };
    let Ok(params) = Params::try_from(&stored) else { return true };
    stored.algorithm != Algorithm::Argon2id.ident()
        || params.m_cost() < MEMORY_KIB
        || params.t_cost() < PASSES
        || params.p_cost() < LANES
}

/// `Invalid` on `password` if it is too short or too long.
pub fn check(password: &str) -> Result<(), Error> {
    if password.chars().count() < MIN_CHARS {
        return Err(Error::invalid("password", format!("Must have at least {MIN_CHARS} characters.")));
    }
    if MAX_BYTES < password.len() {
        return Err(Error::invalid("password", format!("Must have at most {MAX_BYTES} bytes.")));
    }
    Ok(())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// None when the runtime is shutting down.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let _permit = AT_ONCE.acquire().await.ok()?;
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hash_verifies_its_own_password_only() {
        let hash = hash(&Random::seeded(1), "correct horse battery").await.unwrap();

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify(Some(&hash), "correct horse battery").await);
        assert!(!verify(Some(&hash), "correct horse batterx").await);
        assert!(!verify(None, "correct horse battery").await);
        assert!(!verify(Some("no hash"), "correct horse battery").await);
        assert!(!needs_rehash(&hash));
    }

    #[test]
    fn a_weaker_hash_needs_another() {
        assert!(needs_rehash(
            "$argon2id$v=19$m=4096,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        ));
        assert!(needs_rehash("plain"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn short_and_endless_passwords_are_refused() {
        assert!(hash(&Random::seeded(1), "short").await.is_err());
        assert!(hash(&Random::seeded(1), &"x".repeat(2_000)).await.is_err());
    }
}
