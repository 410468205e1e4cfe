//! Client secrets: ours, of 256 random bits, stored as SHA-256 only, several at a time (CA-6, CA-7).

use helpdesk::Error;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use store::{StoreError, Tx};

use crate::Provider;

/// What every secret begins with, so that secret scanners know it.
pub const PREFIX: &str = "bws_";

/// A secret as an administrator sees it later.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    pub id: i64,
    /// Its first 8 characters.
    pub hint: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// None: until it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// A secret just made. The value is never shown again.
#[derive(Debug, Clone)]
pub struct NewSecret {
    pub id: i64,
    pub value: String,
    pub hint: String,
}

/// What becomes of the older secrets when a new one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSecrets {
    Keep,
    EndAt(Timestamp),
    EndNow,
}

/// The living secrets of an app, oldest first.
pub async fn list(
    _tx: &mut Tx,
    _may: &CanRead<Apps>,
    _client_row: i64,
    _now: Timestamp,
) -> Result<Vec<Secret>, StoreError> {
    Ok(Vec::new())
}

impl Provider {
    /// Makes a secret. `Refused` for a public app, or when it has five living ones.
    pub async fn add_secret(
        &self,
        _may: &CanWrite<Apps>,
        _client_row: i64,
        _old: OldSecrets,
    ) -> Result<NewSecret, Error> {
        Err(Error::Refused("not yet".to_owned()))
    }

    /// Ends one secret at once.
    pub async fn revoke_secret(&self, _may: &CanWrite<Apps>, _client_row: i64, _secret_id: i64) -> Result<(), Error> {
        Err(Error::Refused("not yet".to_owned()))
    }
}
