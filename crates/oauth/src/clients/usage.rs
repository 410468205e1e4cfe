//! How much an app is used: by how many people, and when last.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Apps;
use store::{StoreError, Tx};

/// Of living grants only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub n_people: i64,
    pub last_used_at: Option<Timestamp>,
}

/// Reads `grants_by_client`.
pub async fn of(tx: &mut Tx, _may: &CanRead<Apps>, client_row: i64) -> Result<Usage, StoreError> {
    let row = tx
        .row(
            "select count(*) as n_people, max(last_used_at) as last_used_at from grants
             where client_id = $1 and revoked_at is null",
            &[client_row.into()],
        )
        .await?;
    match row {
        Some(row) => Ok(Usage { n_people: row.int("n_people")?, last_used_at: row.time_or_null("last_used_at")? }),
        None => Ok(Usage { n_people: 0, last_used_at: None }),
    }
}
