//! From a bearer token to who may do what: the check every API call makes (AT-4).

use scope::permission::Permissions;
use scope::role::Role;
use store::StoreError;

use crate::Provider;

/// A living access token, resolved.
#[derive(Debug, Clone)]
pub struct Bearer {
    pub family_id: i64,
    /// None for client_credentials.
    pub grant_id: Option<i64>,
    /// Row of `clients`.
    pub client_row: i64,
    pub person_id: i64,
    /// The person's role now, not at issue time (RS-6).
    pub role: Role,
    /// The token's words.
    pub scope: String,
    /// What the words grant, before the role.
    pub granted: Permissions,
}

impl Provider {
    /// None if the token is unknown, expired or revoked, or its client or person is switched off.
    pub async fn bearer(&self, _token: &str) -> Result<Option<Bearer>, StoreError> {
        Ok(None)
    }

    /// Forgets what is remembered of a client's tokens. Call it after the commit that changed or ended the client (RV-5).
    pub fn forget_client(&self, _client_row: i64) {}

    /// The same for the tokens of one grant.
    pub fn forget_grant(&self, _grant_id: i64) {}
}
