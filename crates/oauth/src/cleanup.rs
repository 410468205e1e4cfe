//! Removing what has expired, in small batches, each a short transaction of its own, as large as its time allows: no request waits
//! long for it.
//!
//! Codes and refresh tokens stay for a while after their end, so that a late replay is still recognised as one (AC-3, RT-6).

use std::collections::BTreeSet;

use helpdesk::pace::Pace;
use helpdesk::page::{self, Query};
use jiff::{SignedDuration, Timestamp};
use outside::Clock;
use store::{Db, StoreError, transact};

use crate::{Provider, call_log, consents};

/// Kind of the job that does it, again and again.
pub const KIND: &str = "clean_up_expired";
/// From the end of one run to the next.
pub const EVERY: SignedDuration = SignedDuration::from_mins(10);

/// Most rows in one transaction: they lie all over their index, so each costs the commit a page or more.
const MOST: usize = 128;
/// Most grants that end in one transaction.
const BATCH: i64 = 200;
/// How long an expired code or refresh token is still recognised.
const RECOGNISED: SignedDuration = SignedDuration::from_hours(24);

/// Tables whose rows simply go, with how long after their end. Each has an index on `expires_at`, or few rows.
const SIMPLE: [(&str, SignedDuration); 10] = [
    // Apps that somebody once came with, and that nobody ever allowed anything: a document makes them anew (CM-4).
    (
        "delete from clients where id in (
             select c.id from clients c where c.registered_by = 'cimd' and c.status = 'active' and c.approval = 'pending'
               and c.last_used_at is null and c.document_expires_at <= $1
               and not exists (select 1 from grants where client_id = c.id)
               and not exists (select 1 from token_families where client_id = c.id)
             order by c.created_at, c.id limit $2)",
        RECOGNISED,
    ),
    (
        "delete from authorization_requests where id in (
             select id from authorization_requests where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from pushed_requests where hash in (
             select hash from pushed_requests where expires_at <= $1 order by expires_at limit $2)",
        // Long enough to tell the app of a late browser that it is late (PA-3).
        SignedDuration::from_hours(1),
    ),
    (
        "delete from sessions where id in (select id from sessions where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from failed_attempts where subject in (
             select subject from failed_attempts where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from signing_keys where kid in (
             select kid from signing_keys where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from sign_in_steps where hash in (
             select hash from sign_in_steps where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from mailed_links where hash in (
             select hash from mailed_links where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from known_browsers where (person_id, browser_hash) in (
             select person_id, browser_hash from known_browsers where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
    (
        "delete from used_identifiers where hash in (
             select hash from used_identifiers where expires_at <= $1 order by expires_at limit $2)",
        SignedDuration::ZERO,
    ),
];

/// Tables whose rows hold a family together, which goes with the last of them.
const OF_FAMILIES: [(&str, SignedDuration); 4] = [
    (
        "delete from device_codes where hash in (
             select hash from device_codes where expires_at <= $1 order by expires_at limit $2)
         returning coalesce(family_id, 0) as family_id",
        RECOGNISED,
    ),
    (
        "delete from authorization_codes where hash in (
             select hash from authorization_codes where expires_at <= $1 order by expires_at limit $2) returning family_id",
        RECOGNISED,
    ),
    (
        "delete from access_tokens where hash in (
             select hash from access_tokens where expires_at <= $1 order by expires_at limit $2) returning family_id",
        SignedDuration::ZERO,
    ),
    (
        "delete from refresh_tokens where id in (
             select id from refresh_tokens where expires_at <= $1 order by expires_at limit $2) returning family_id",
        RECOGNISED,
    ),
];

impl Provider {
    /// Removes what has expired, and says how many rows that were. Run it again and again; an end in between loses nothing.
    pub async fn clean_up_expired(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let mut n_removed = 0;
        for (sql, kept) in SIMPLE {
            n_removed += remove(&self.db, &self.clock, sql, ended_by(now, kept)).await?;
        }
        for (sql, kept) in OF_FAMILIES {
            n_removed += remove_of_families(&self.db, &self.clock, sql, ended_by(now, kept)).await?;
        }
        self.end_expired_grants(now).await?;
        n_removed += call_log::clean_up(&self.db, now).await?;
        Ok(n_removed)
    }

    /// They give no tokens since their end; now it is written down (CO-9).
    async fn end_expired_grants(&self, now: Timestamp) -> Result<(), StoreError> {
        const SOME: &str =
            "id in (select id from grants where revoked_at is null and expires_at <= $1 order by expires_at limit $2)";
        while transact!(self.db.in_background(), |tx| consents::end_expired(tx, now, SOME, &[BATCH.into()]).await)?
            == BATCH.unsigned_abs()
        {}
        Ok(())
    }
}

fn ended_by(now: Timestamp, kept: SignedDuration) -> Timestamp {
    now.saturating_sub(kept).unwrap_or(Timestamp::UNIX_EPOCH)
}

async fn remove(db: &Db, clock: &Clock, sql: &str, ended_by: Timestamp) -> Result<u64, StoreError> {
    let mut pace = Pace::at_most(db, MOST);
    let mut n_removed = 0;
    loop {
        let size = pace.size() as u64;
        let (n, began) = transact!(db.in_background(), |tx| {
            let began = clock.now();
            let n = tx.run(sql, &[ended_by.into(), (size as i64).into()]).await?;
            Ok::<_, StoreError>((n, began))
        })?;
        n_removed += n;
        if n < size {
            return Ok(n_removed);
        }
        pace.learn(usize::try_from(n).unwrap_or(usize::MAX), began, clock.now());
    }
}

async fn remove_of_families(db: &Db, clock: &Clock, sql: &str, ended_by: Timestamp) -> Result<u64, StoreError> {
    let mut pace = Pace::at_most(db, MOST);
    let mut n_removed = 0;
    loop {
        let size = pace.size();
        let (n, began) = transact!(db.in_background(), |tx| {
            let began = clock.now();
            let rows = tx.rows(sql, &[ended_by.into(), (size as i64).into()]).await?;
            let families =
                rows.iter().map(|row| row.int("family_id")).collect::<Result<BTreeSet<i64>, StoreError>>()?;
            if !families.is_empty() {
                // An app's own family stays for its next token.
                let mut query = Query::new(
                    "delete from token_families where grant_id is not null
                       and not exists (select 1 from authorization_codes where family_id = token_families.id)
                       and not exists (select 1 from refresh_tokens where family_id = token_families.id)
                       and not exists (select 1 from access_tokens where family_id = token_families.id)",
                );
                query.and_in("id", page::padded(&families.into_iter().collect::<Vec<_>>()));
                tx.run(&query.sql, &query.params).await?;
            }
            Ok::<_, StoreError>((rows.len(), began))
        })?;
        n_removed += n as u64;
        if n < size {
            return Ok(n_removed);
        }
        pace.learn(n, began, clock.now());
    }
}
