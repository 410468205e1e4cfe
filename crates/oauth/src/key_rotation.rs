//! Replacing signing keys: by schedule, by an administrator or by `bailiwick key`, while everything goes on (KEY-2, KEY-3).
//!
//! All of it is changes of one table, which every node reads each second.

use helpdesk::events::{self, Change};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Algorithm;
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx, transact};

use crate::keys::{self, ALGORITHMS, CACHED_SECONDS, KEPT};
use crate::{Error, Provider};

/// Kind of the job that rotates by schedule.
pub const KIND: &str = "rotate_signing_keys";
/// From the end of one look at the calendar to the next.
pub const EVERY: SignedDuration = SignedDuration::from_hours(6);

/// How a rotation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The new keys are published now and sign in a few minutes; the old ones stay until what they signed is over (KEY-2).
    Announced,
    /// The new keys sign from now on, for apps that look up a key they do not know. The old ones stay as above.
    Now,
    /// For keys that leaked: the old ones are gone at once, and what they signed is worth nothing (KEY-3).
    AtOnce,
}

/// A key as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub kid: String,
    /// Such as `ES256`.
    pub algorithm: String,
    pub created_at: Timestamp,
    pub active_from: Timestamp,
    /// No longer signs from here on.
    pub retired_at: Option<Timestamp>,
    /// Published until here.
    pub expires_at: Option<Timestamp>,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Published, does not sign yet.
    Announced,
    Signing,
    /// Published for what it signed.
    Retired,
}

impl State {
    pub const fn word(self) -> &'static str {
        match self {
            State::Announced => "announced",
            State::Signing => "signing",
            State::Retired => "retired",
        }
    }
}

impl Provider {
    /// The published keys, by algorithm, newest first.
    pub async fn list_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let now = self.clock.now();
        let sql = "select kid, alg, created_at, active_from, retired_at, expires_at from signing_keys
                   where expires_at is null or expires_at > $1 order by alg, active_from desc, kid";
        let rows = self.db.read().await?.rows(sql, &[now.into()]).await?;
        rows.iter().map(|row| from_row(row, now)).collect()
    }

    /// Replaces every key.
    pub async fn rotate_keys(&self, actor: &Actor, rotation: Rotation) -> Result<(), Error> {
        let now = self.clock.now();
        let ring = self.key_ring().await?;
        let made = self.make_keys(ALGORITHMS.to_vec()).await?;
        let active_from = match rotation {
            Rotation::Announced => now + SignedDuration::from_secs(CACHED_SECONDS),
            Rotation::Now | Rotation::AtOnce => now,
        };
        let kids: Vec<&str> = made.iter().map(|key| key.kid.as_str()).collect();
        transact!(self.db, |tx| {
            match rotation {
                Rotation::Announced | Rotation::Now => {
                    let sql = "update signing_keys set retired_at = $1, expires_at = $2
                               where retired_at is null or retired_at > $1";
                    tx.run(sql, &[active_from.into(), (active_from + KEPT).into()]).await?;
                }
                Rotation::AtOnce => {
                    tx.run("delete from signing_keys", &[]).await?;
                }
            }
            for key in &made {
                // Nothing to take over from: then there is nothing to wait for.
                let is_first = ring.signer(key.algorithm, now).is_none();
                keys::insert(tx, key, now, if is_first { now } else { active_from }).await?;
            }
            let at_once = rotation == Rotation::AtOnce;
            let after = json!({ "kids": kids, "at_once": at_once, "active_from": active_from.to_string() });
            record(tx, actor, now, "signing-keys-rotated", None, Some(after)).await
        })?;
        self.read_keys_again().await.map(drop)
    }

    /// Ends one key at once: what it signed is worth nothing from now on. Another takes its place if it was the one that signs (KEY-3).
    /// `NotFound` if there is no such key.
    pub async fn revoke_key(&self, actor: &Actor, kid: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let algorithm = match self.key_ring().await?.published(now).find(|key| key.kid == kid) {
            Some(key) => key.algorithm,
            None => return Err(no_such_key()),
        };
        let made = self.make_keys(vec![algorithm]).await?;
        transact!(self.db, |tx| {
            if tx.run("delete from signing_keys where kid = $1", &[kid.into()]).await? == 0 {
                return Err(no_such_key());
            }
            let mut new = None;
            if !signs(tx, algorithm, now).await? {
                for key in &made {
                    keys::insert(tx, key, now, now).await?;
                    new = Some(key.kid.as_str());
                }
            }
            let after = new.map(|new| json!({ "kid": new }));
            record(tx, actor, now, "signing-key-revoked", Some(json!({ "kid": kid })), after).await
        })?;
        self.read_keys_again().await.map(drop)
    }

    /// Announces new keys when the present ones have signed for as long as the settings say. True if it did. `run` names this run of
    /// the job in the event log (a UUID).
    pub async fn rotate_keys_if_due(&self, run: &str) -> Result<bool, Error> {
        let days = self.config.key_rotation_days;
        if days <= 0 {
            return Ok(false);
        }
        let sql = "select min(newest) as at from (
                       select max(active_from) as newest from signing_keys where retired_at is null group by alg
                   ) as newest_of_each";
        let row = self.db.read().await?.row(sql, &[]).await?;
        // Without a key nothing was ever signed.
        let Some(oldest) = row.map(|row| row.time_or_null("at")).transpose()?.flatten() else { return Ok(false) };
        let hours = days.saturating_mul(24).min(MOST_HOURS);
        if self.clock.now().duration_since(oldest) < SignedDuration::from_hours(hours) {
            return Ok(false);
        }
        let actor = Actor { worker: Some(KIND), request_id: run.to_owned(), ..Actor::default() };
        self.rotate_keys(&actor, Rotation::Announced).await?;
        Ok(true)
    }
}

/// A thousand years, so that no number of days overflows.
const MOST_HOURS: i64 = 1000 * 366 * 24;

async fn signs(tx: &mut Tx, algorithm: Algorithm, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "select kid from signing_keys where alg = $1 and active_from <= $2
               and (retired_at is null or retired_at > $2) limit 1";
    Ok(tx.row(sql, &[keys::name_of(algorithm).into(), now.into()]).await?.is_some())
}

fn no_such_key() -> Error {
    Error::Helpdesk(helpdesk::Error::NotFound { kind: "signing key", id: 0 })
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &'static str,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "SigningKey", object_id: 0, before, after, data: None };
    events::record(tx, actor, now, change).await?;
    Ok(())
}

fn from_row(row: &Row, now: Timestamp) -> Result<SigningKey, StoreError> {
    let (active_from, retired_at) = (row.time("active_from")?, row.time_or_null("retired_at")?);
    Ok(SigningKey {
        kid: row.text("kid")?,
        algorithm: row.text("alg")?,
        created_at: row.time("created_at")?,
        active_from,
        retired_at,
        expires_at: row.time_or_null("expires_at")?,
        state: match retired_at {
            Some(retired_at) if retired_at <= now => State::Retired,
            _ if now < active_from => State::Announced,
            _ => State::Signing,
        },
    })
}
