//! Secrets that must be read again, encrypted with the key from outside the database: one-time-password secrets, sign-ins under way,
//! secrets at other providers. (Private signing keys are kept the same way in `keys.rs`.)
//!
//! AES-256-GCM with a random nonce under a key of its own for each purpose. What a sealed text belongs to is authenticated with it, so
//! that it cannot be moved to another row.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{Error, Provider};

impl Provider {
    /// Encrypts. `purpose` such as `totp` chooses the key; `belongs_to` names the row, such as the person's number.
    pub fn seal(&self, purpose: &str, belongs_to: &str, secret: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_LEN] = self.random.bytes();
        let mut sealed = secret.to_vec();
        self.sealing_key(purpose)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(belongs_to.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Error::Internal(format!("a secret could not be sealed for {purpose}")))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what `seal` gave for the same purpose and row.
    pub fn unseal(&self, purpose: &str, belongs_to: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let broken = || {
            Error::Internal(format!(
                "a secret sealed for {purpose} cannot be read: the secret key is not the one it was encrypted with"
            ))
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut secret = sealed.to_vec();
        let key = self.sealing_key(purpose)?;
        let opened = key.open_in_place(nonce, Aad::from(belongs_to.as_bytes()), &mut secret).map_err(|_| broken())?;
        Ok(opened.to_vec())
    }

    fn sealing_key(&self, purpose: &str) -> Result<LessSafeKey, Error> {
        let key = self.keyed_hash("sealed", purpose);
        let key = UnboundKey::new(&aead::AES_256_GCM, &key);
        key.map(LessSafeKey::new).map_err(|_| Error::Internal("AES-256-GCM is not available".to_owned()))
    }
}
