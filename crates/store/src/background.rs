//! Turns for work that nobody waits for: slices of bulk jobs, of followers of the event log, of clean-ups.
//!
//! SQLite has one writer, and whoever comes first is served first. Where six kinds of work in the background stand in that line at once, a
//! person's change waits for six slices. So they stand in a line of their own, and send one at a time to the writer's. The followers share
//! one place there: a bulk job comes to its turn as often as all of them together.
//!
//! PostgreSQL has many writers, and needs none of this.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Db, Engine, StoreError, Tx};

/// The lines of one database in this process.
#[derive(Clone)]
pub struct Lanes {
    all: Arc<Semaphore>,
    followers: Arc<Semaphore>,
}

/// Kept for as long as a slice may hold up others.
pub struct Turn {
    _all: OwnedSemaphorePermit,
    _followers: Option<OwnedSemaphorePermit>,
}

/// A database as background work writes to it: `transact!(db.in_background(), |tx| ...)`.
#[derive(Clone, Copy)]
pub struct Background<'a> {
    db: &'a Db,
    is_follower: bool,
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes { all: Arc::new(Semaphore::new(1)), followers: Arc::new(Semaphore::new(1)) }
    }
}

impl Lanes {
    async fn turn(&self, is_follower: bool) -> Result<Turn, StoreError> {
        let enter = async |lane: &Arc<Semaphore>| {
            let ended = |_| StoreError::Unavailable("the database is closed".to_owned());
            lane.clone().acquire_owned().await.map_err(ended)
        };
        let followers = if is_follower { Some(enter(&self.followers).await?) } else { None };
        Ok(Turn { _all: enter(&self.all).await?, _followers: followers })
    }
}

impl Db {
    /// Whether whoever writes keeps all others from writing.
    pub fn has_one_writer(&self) -> bool {
        matches!(self.engine, Engine::Sqlite(_))
    }

    /// For slices of work that may take its time.
    pub fn in_background(&self) -> Background<'_> {
        Background { db: self, is_follower: false }
    }

    /// The same, for what follows the event log.
    pub fn as_follower(&self) -> Background<'_> {
        Background { db: self, is_follower: true }
    }
}

impl Background<'_> {
    pub async fn write(&self) -> Result<Tx, StoreError> {
        let turn = match self.db.engine {
            Engine::Sqlite(_) => Some(self.db.lanes.turn(self.is_follower).await?),
            Engine::Postgres(_) => None,
        };
        Ok(Tx { turn, ..self.db.write().await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_comes_to_its_turn_between_followers_and_people_wait_for_one_slice_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("a.db").display())).await.unwrap();
        let first = db.as_follower().write().await.unwrap();

        let mut second = std::pin::pin!(async { db.as_follower().write().await });
        assert!(futures_poll(&mut second).is_none());
        let mut job = std::pin::pin!(async { db.in_background().write().await });
        assert!(futures_poll(&mut job).is_none());
        drop(first);

        // The follower that came before it stands behind it.
        let job = job.await.unwrap();
        assert!(futures_poll(&mut second).is_none());
        // Somebody's change comes next, whoever waits in the background.
        let mut person = std::pin::pin!(db.write());
        assert!(futures_poll(&mut person).is_none());
        drop(job);
        drop(person.await.unwrap());
        second.await.unwrap();
    }

    /// What is there already.
    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
