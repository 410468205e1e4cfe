//! Client secrets: ours, of 256 random bits, several at a time (CA-6, CA-7).
//!
//! Stored is HMAC-SHA-256 of the secret under a key from outside the database: a copy of the database alone lets nobody check a guess.
//! A slow hash would add nothing to 256 random bits, and cost the token endpoint most of its speed.

use helpdesk::Error;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;
use serde_json::json;
use store::{StoreError, Tx, transact};

use super::{ClientType, Status, admin, check};
use crate::{Provider, secret};

/// Most living secrets an app may have.
const LIVING_MAX: usize = 5;

/// How much of a secret is shown later (Zendesk contract, `management_api.clients`).
const HINT_CHARS: usize = 9;

/// What `Provider::keyed_hash` is told the hash is for.
pub const PURPOSE: &str = "client secret";

/// A secret as an administrator sees it later.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    pub id: i64,
    /// Its first characters.
    pub hint: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// None: until it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// A secret just made. The value is never shown again.
#[derive(Debug, Clone)]
pub struct NewSecret {
    pub id: i64,
    pub value: String,
    pub hint: String,
}

/// What becomes of the older secrets when a new one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSecrets {
    Keep,
    EndAt(Timestamp),
    EndNow,
}

/// A value that is not stored yet.
pub(crate) struct Drawn {
    value: String,
    hash: [u8; 32],
}

/// The living secrets of an app, oldest first.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Apps>,
    client_row: i64,
    now: Timestamp,
) -> Result<Vec<Secret>, StoreError> {
    living(tx, client_row, now).await
}

impl Provider {
    /// Makes a secret. `Refused` for a public app, or when it would have more than five living ones.
    pub async fn add_secret(&self, may: &CanWrite<Apps>, client_row: i64, old: OldSecrets) -> Result<NewSecret, Error> {
        let now = self.clock.now();
        let drawn = self.draw_secret();
        let made = transact!(self.db, |tx| {
            let client = match super::by_row(tx, client_row).await? {
                Some(client) if client.status != Status::Deleted => client,
                _ => return Err(Error::NotFound { kind: "app", id: client_row }),
            };
            if client.client_type == ClientType::Public {
                return Err(Error::Refused("a public app cannot keep a secret, so it has none".to_owned()));
            }
            if !check::keeps_a_secret(&client.token_endpoint_auth_method) {
                return Err(Error::Refused("the app proves itself by its keys, so it has no secret".to_owned()));
            }
            end_old(tx, client_row, old, now).await?;
            if living(tx, client_row, now).await?.len() >= LIVING_MAX {
                return Err(Error::Refused(format!("the app has {LIVING_MAX} secrets; revoke one first")));
            }
            let made = insert(tx, client_row, &drawn, now).await?;
            let after = json!({ "secret": made.hint });
            admin::record(tx, may.actor(), now, "app-secret-added", client_row, None, Some(after)).await?;
            Ok(made)
        })?;
        self.forget_client(client_row);
        Ok(made)
    }

    /// Ends one secret at once. `NotFound` if the app has no such living secret.
    pub async fn revoke_secret(&self, may: &CanWrite<Apps>, client_row: i64, secret_id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let row = tx
                .row(
                    "delete from client_secrets where id = $1 and client_id = $2 returning hint",
                    &[secret_id.into(), client_row.into()],
                )
                .await?;
            let Some(row) = row else { return Err(Error::NotFound { kind: "secret", id: secret_id }) };
            let before = json!({ "secret": row.text("hint")? });
            admin::record(tx, may.actor(), now, "app-secret-revoked", client_row, Some(before), None).await
        })?;
        self.forget_client(client_row);
        Ok(())
    }

    /// The stored form of a client secret.
    pub fn hash_client_secret(&self, value: &str) -> [u8; 32] {
        self.keyed_hash(PURPOSE, value)
    }

    /// One that somebody else chose, long enough that nobody guesses it.
    pub(super) fn known_secret(&self, value: &str) -> Result<Drawn, Error> {
        let proper = value.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) && (16..=255).contains(&value.len());
        if !proper {
            return Err(Error::invalid("client_secret", "must be 16 to 255 characters of ASCII without spaces"));
        }
        Ok(Drawn { value: value.to_owned(), hash: self.hash_client_secret(value) })
    }

    pub(crate) fn draw_secret(&self) -> Drawn {
        let value = secret::client_secret(&self.random);
        let hash = self.hash_client_secret(&value);
        Drawn { value, hash }
    }
}

pub(super) async fn insert(
    tx: &mut Tx,
    client_row: i64,
    drawn: &Drawn,
    now: Timestamp,
) -> Result<NewSecret, StoreError> {
    let hint: String = drawn.value.chars().take(HINT_CHARS).collect();
    let row = tx
        .row(
            "insert into client_secrets (client_id, hash, hint, created_at) values ($1, $2, $3, $4) returning id",
            &[client_row.into(), drawn.hash.as_slice().into(), hint.as_str().into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    Ok(NewSecret { id, value: drawn.value.clone(), hint })
}

async fn end_old(tx: &mut Tx, client_row: i64, old: OldSecrets, now: Timestamp) -> Result<(), StoreError> {
    let at = match old {
        OldSecrets::Keep => return Ok(()),
        OldSecrets::EndNow => now,
        OldSecrets::EndAt(at) => at,
    };
    // One that ends earlier keeps its end.
    tx.run(
        "update client_secrets set expires_at = $1 where client_id = $2 and (expires_at is null or expires_at > $1)",
        &[at.into(), client_row.into()],
    )
    .await?;
    Ok(())
}

async fn living(tx: &mut Tx, client_row: i64, now: Timestamp) -> Result<Vec<Secret>, StoreError> {
    let rows = tx
        .rows(
            "select id, hint, created_at, last_used_at, expires_at from client_secrets
             where client_id = $1 and (expires_at is null or expires_at > $2) order by id",
            &[client_row.into(), now.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Secret {
                id: row.int("id")?,
                hint: row.text("hint")?,
                created_at: row.time("created_at")?,
                last_used_at: row.time_or_null("last_used_at")?,
                expires_at: row.time_or_null("expires_at")?,
            })
        })
        .collect()
}
