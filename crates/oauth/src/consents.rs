//! What people allowed apps to do: one living grant for a person and an app (CO-6).

use helpdesk::Error;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use scope::set::ScopeSet;
use store::{StoreError, Tx};

use crate::Provider;
use crate::sessions::Session;

/// A living grant, as people and administrators list it (CO-9).
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub id: i64,
    /// Row of `clients`.
    pub client_row: i64,
    pub client_name: String,
    pub person_id: i64,
    pub person_email: String,
    pub person_name: String,
    pub scope: ScopeSet,
    /// Where the consent came from: an IP address.
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub last_used_address: Option<String>,
}

/// Living grants of an app, newest first, with ids below `before`.
pub async fn list_by_client(
    _tx: &mut Tx,
    _may: &CanRead<Apps>,
    _client_row: i64,
    _before: Option<i64>,
    _limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    Ok(Vec::new())
}

/// Living grants of the person who is signed in, newest first, with ids below `before`.
pub async fn list_own(
    _tx: &mut Tx,
    _session: &Session,
    _before: Option<i64>,
    _limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    Ok(Vec::new())
}

impl Provider {
    /// Withdraws a grant: its codes and tokens die at once (CO-9).
    pub async fn revoke_grant(&self, _may: &CanWrite<Apps>, _grant_id: i64) -> Result<(), Error> {
        Ok(())
    }

    /// The same, by the person who gave it.
    pub async fn revoke_own_grant(&self, _session: &Session, _request_id: &str, _grant_id: i64) -> Result<(), Error> {
        Ok(())
    }
}
