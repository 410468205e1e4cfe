//! The OAuth 2.1 / OpenID Connect provider. One file an endpoint, one file a grant; renders no HTML.

use std::sync::Arc;

use outside::{Clock, Random};
use store::Db;

pub mod bearer;

/// What every endpoint of the provider needs. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    pub config: Arc<Config>,
}

/// The provider's settings.
#[derive(Clone)]
pub struct Config {
    /// Such as `https://help.example.com`: no trailing slash, no query, no fragment (ALL-1).
    pub issuer: String,
    /// From outside the database; encrypts private keys in it (KEY-4).
    pub secret_key: [u8; 32],
}

impl Provider {
    pub async fn new(db: Db, clock: Clock, random: Random, config: Config) -> Result<Provider, store::StoreError> {
        Ok(Provider { db, clock, random, config: Arc::new(config) })
    }
}
