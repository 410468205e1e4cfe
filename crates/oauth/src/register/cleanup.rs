//! Removing what registered itself and is not used: after a day what nobody ever used, after 90 days what nobody uses any more (RG-2).
//! What came with an initial access token stays: somebody wanted it.

use jiff::{SignedDuration, Timestamp};
use scope::permit::Actor;
use store::{StoreError, transact};

use crate::Provider;
use crate::clients::Status;

/// Kind of the job that does it, again and again.
pub const KIND: &str = "delete_unused_apps";
/// From the end of one run to the next.
pub const EVERY: SignedDuration = SignedDuration::from_hours(1);

const NEVER_USED: SignedDuration = SignedDuration::from_hours(24);
const NOT_USED_ANY_MORE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Apps looked up at once. Each is deleted in a short transaction of its own.
const BATCH: i64 = 100;

impl Provider {
    /// Deletes them, and says how many they were. `run` is a UUID, for the event log. Reads `clients_by_registration`.
    pub async fn delete_unused_apps(&self, run: &str) -> Result<u64, helpdesk::Error> {
        let now = self.clock.now();
        let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
        let mut n_deleted = 0;
        loop {
            let ids = self.unused(now).await?;
            for &id in &ids {
                self.set_status(&actor, id, Status::Deleted, "app-deleted").await?;
                // The log names it; nothing else needs the row of an app that nobody ever allowed anything.
                transact!(self.db, |tx| {
                    tx.run(
                        "delete from clients where id = $1 and last_used_at is null
                           and not exists (select 1 from grants where client_id = $1)
                           and not exists (select 1 from token_families where client_id = $1)",
                        &[id.into()],
                    )
                    .await
                })?;
                n_deleted += 1;
            }
            if (ids.len() as i64) < BATCH {
                return Ok(n_deleted);
            }
        }
    }

    async fn unused(&self, now: Timestamp) -> Result<Vec<i64>, StoreError> {
        let before = |age| now.saturating_sub(age).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut tx = self.db.read().await?;
        let rows = tx
            .rows(
                "select id from clients
                 where registered_by = 'dcr' and status <> 'deleted' and created_at <= $1 and initial_token_id is null
                   and (last_used_at is null or last_used_at <= $2)
                 order by created_at, id limit $3",
                &[before(NEVER_USED).into(), before(NOT_USED_ANY_MORE).into(), BATCH.into()],
            )
            .await?;
        rows.iter().map(|row| row.int("id")).collect()
    }
}
