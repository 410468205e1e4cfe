//! The keys that calls to integrations are signed with: encrypted with the key from outside the database, before they are stored.

use helpdesk::Error;
use store::StoreError;

use crate::App;

const PURPOSE: &str = "integration";

/// For the row with this id alone.
pub fn seal(app: &App, integration_id: i64, secret: &str) -> Result<Vec<u8>, Error> {
    app.provider.seal(PURPOSE, &integration_id.to_string(), secret.as_bytes()).map_err(|error| {
        tracing::error!(%error, "a key for signing calls could not be encrypted");
        Error::Store(StoreError::Unavailable("the key could not be encrypted".into()))
    })
}

/// None if it was encrypted with another key.
pub fn unseal(app: &App, integration_id: i64, sealed: &[u8]) -> Option<Vec<u8>> {
    match app.provider.unseal(PURPOSE, &integration_id.to_string(), sealed) {
        Ok(secret) => Some(secret),
        Err(error) => {
            tracing::error!(%error, integration_id, "a key for signing calls cannot be read");
            None
        }
    }
}
