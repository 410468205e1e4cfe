//! When tokens, grants and client secrets were last used: noted in memory, written a moment later, never in a request's way.
//!
//! A use that is lost with the process costs nothing but the note. The judgement of a used refresh token (RT-11) writes first what
//! this node has noted.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use store::{Db, StoreError, transact};
use tokio::sync::Notify;

use crate::clients::Client;
use crate::{Provider, State, call_log};

/// How long notes are gathered before they are written in one transaction.
const GATHERED: Duration = Duration::from_secs(1);
/// Most notes in one transaction.
const N_AT_ONCE: usize = 500;

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    Token {
        hash: [u8; 32],
        grant_id: Option<i64>,
        /// Peer address, for the list of grants.
        from: Option<IpAddr>,
    },
    /// Row of `client_secrets`.
    Secret { id: i64 },
    /// Row of `clients`.
    Client { id: i64 },
}

/// What was used and is not written yet.
#[derive(Default)]
pub(crate) struct Uses {
    pending: Mutex<HashMap<Use, Timestamp>>,
    wake: Arc<Notify>,
}

impl Uses {
    pub(crate) fn note(&self, what: Use, now: Timestamp) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(what, now);
        self.wake.notify_one();
    }

    /// Has what other files gathered written with the rest.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<(Use, Timestamp)> {
        mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// So that the task below ends with its provider.
impl Drop for Uses {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

/// Writes notes as long as the provider lives.
pub(crate) fn keep_writing(state: &Arc<State>, db: Db) {
    let wake = state.uses.wake.clone();
    let state = Arc::downgrade(state);
    tokio::spawn(async move {
        loop {
            wake.notified().await;
            if state.strong_count() == 0 {
                return;
            }
            tokio::time::sleep(GATHERED).await;
            let Some(state) = state.upgrade() else { return };
            if let Err(error) = call_log::write(&db, &state.calls).await {
                tracing::warn!(%error, "could not write what apps did");
            }
            if let Err(error) = write(&db, &state.uses).await {
                tracing::warn!(%error, "could not write when tokens were last used");
            }
        }
    });
}

/// An app's use is noted at most so often, in microseconds.
const CLIENT_STEP_MICROSECONDS: i64 = 3_600_000_000;

impl Provider {
    /// Notes that the app proved itself, or that a person allowed it something (RG-2).
    pub(crate) fn note_client_use(&self, client: &Client) {
        let now = self.clock.now();
        let noted_at = client.last_used_at.map_or(i64::MIN, Timestamp::as_microsecond);
        if noted_at.saturating_add(CLIENT_STEP_MICROSECONDS) <= now.as_microsecond() {
            self.state.uses.note(Use::Client { id: client.id }, now);
        }
    }

    /// Writes now what was noted. For tests, for a graceful end, and before a used refresh token is judged.
    pub async fn write_uses(&self) -> Result<(), StoreError> {
        call_log::write(&self.db, &self.state.calls).await?;
        write(&self.db, &self.state.uses).await
    }
}

async fn write(db: &Db, uses: &Uses) -> Result<(), StoreError> {
    let mut notes = uses.take();
    // One order for all nodes, so that two of them do not wait for each other's rows.
    notes.sort_by_key(|(what, _)| match *what {
        Use::Token { grant_id, hash, .. } => (0, grant_id.unwrap_or(0), hash),
        Use::Secret { id } => (1, id, [0; 32]),
        Use::Client { id } => (2, id, [0; 32]),
    });
    for chunk in notes.chunks(N_AT_ONCE) {
        transact!(db, |tx| {
            for &(what, at) in chunk {
                match what {
                    Use::Token { hash, grant_id, from } => {
                        let sql = "update access_tokens set last_used_at = $1 where hash = $2";
                        tx.run(sql, &[at.into(), hash.as_slice().into()]).await?;
                        tx.run(
                            "update refresh_tokens set pair_used_at = $1
                             where id = (select refresh_id from access_tokens where hash = $2) and pair_used_at is null",
                            &[at.into(), hash.as_slice().into()],
                        )
                        .await?;
                        if let Some(grant_id) = grant_id {
                            let sql = "update grants set last_used_at = $1, last_used_address = $2 where id = $3";
                            let from = from.map(|address| address.to_string());
                            tx.run(sql, &[at.into(), from.into(), grant_id.into()]).await?;
                        }
                    }
                    Use::Client { id } => {
                        let sql = "update clients set last_used_at = $1 where id = $2";
                        tx.run(sql, &[at.into(), id.into()]).await?;
                    }
                    Use::Secret { id } => {
                        let sql = "update client_secrets set last_used_at = $1 where id = $2";
                        tx.run(sql, &[at.into(), id.into()]).await?;
                    }
                }
            }
            Ok::<(), StoreError>(())
        })?;
    }
    Ok(())
}
