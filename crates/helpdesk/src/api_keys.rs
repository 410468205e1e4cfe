//! API keys: the legacy credential of both vendors, Basic authentication with a staff member's address and a key.
//!
//! A key is shown once and kept as a hash: 256 random bits need no slow hash.

use jiff::Timestamp;
use outside::{Random, sha256};
use scope::permit::Actor;
use scope::role::Role;
use serde_json::json;
use store::{Row, Tx};

use crate::Error;
use crate::events::{self, Change};

/// How often the time of last use is written, in microseconds: a write for every call would cost more than the call.
const LAST_USED_STEP_MICROSECONDS: i64 = 60_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: i64,
    pub person_id: i64,
    /// What it is for, in its maker's words.
    pub name: String,
    /// First characters, to recognise it by.
    pub hint: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Whom a key speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHolder {
    pub key_id: i64,
    pub person_id: i64,
    pub role: Role,
    pub last_used_at: Option<Timestamp>,
}

/// Makes a key and gives its secret, which is not kept.
pub async fn create(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    random: &Random,
    person_id: i64,
    name: &str,
) -> Result<(ApiKey, String), Error> {
    let secret = random.token();
    let hint: String = secret.chars().take(6).collect();
    let row = tx
        .row(
            "insert into api_keys (person_id, name, hash, hint, created_at) values ($1, $2, $3, $4, $5)
             returning id, person_id, name, hint, created_at, last_used_at, revoked_at",
            &[person_id.into(), name.into(), hash_of(&secret).into(), hint.as_str().into(), now.into()],
        )
        .await?;
    let key = ApiKey::from_row(&row.ok_or(store::StoreError::Column("id"))?)?;
    let change = Change {
        kind: "api-key-created",
        object_type: "ApiKey",
        object_id: key.id,
        before: None,
        after: Some(json!({ "person_id": person_id, "name": name, "hint": hint })),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok((key, secret))
}

/// Whose key this is; none for a wrong address, a wrong or revoked key, and people who may not sign in.
pub async fn authenticate(tx: &mut Tx, email: &str, key: &str) -> Result<Option<KeyHolder>, Error> {
    let row = tx
        .row(
            "select k.id, k.person_id, k.last_used_at, p.role, p.email_key
             from api_keys k join people p on p.id = k.person_id
             where k.hash = $1 and k.revoked_at is null and p.active = 1 and p.is_staff = 1 and p.deleted_at is null",
            &[hash_of(key).into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.text_or_null("email_key")?.as_deref() != Some(email.trim().to_lowercase().as_str()) {
        return Ok(None);
    }
    let role = Role::parse(&row.text("role")?).ok_or(store::StoreError::Column("role"))?;
    Ok(Some(KeyHolder {
        key_id: row.int("id")?,
        person_id: row.int("person_id")?,
        role,
        last_used_at: row.time_or_null("last_used_at")?,
    }))
}

/// Whether the time of last use should be written again.
pub fn is_use_worth_noting(last_used_at: Option<Timestamp>, now: Timestamp) -> bool {
    last_used_at.is_none_or(|at| LAST_USED_STEP_MICROSECONDS <= now.as_microsecond() - at.as_microsecond())
}

/// Writes the time of last use. No event: nothing about the key changed.
pub async fn note_use(tx: &mut Tx, now: Timestamp, id: i64) -> Result<(), Error> {
    tx.run("update api_keys set last_used_at = $1 where id = $2", &[now.into(), id.into()]).await?;
    Ok(())
}

/// The living keys of a person, newest first. Nobody has more than a handful.
pub async fn list(tx: &mut Tx, person_id: i64) -> Result<Vec<ApiKey>, Error> {
    let rows = tx
        .rows(
            "select id, person_id, name, hint, created_at, last_used_at, revoked_at from api_keys
             where person_id = $1 and revoked_at is null order by id desc limit 1000",
            &[person_id.into()],
        )
        .await?;
    rows.iter().map(ApiKey::from_row).collect()
}

/// Ends a key of a person for good. `NotFound` if there is no such living key.
pub async fn revoke(tx: &mut Tx, actor: &Actor, now: Timestamp, person_id: i64, id: i64) -> Result<(), Error> {
    let changed = tx
        .run(
            "update api_keys set revoked_at = $1 where id = $2 and person_id = $3 and revoked_at is null",
            &[now.into(), id.into(), person_id.into()],
        )
        .await?;
    if changed == 0 {
        return Err(Error::NotFound { kind: "API key", id });
    }
    let change = Change {
        kind: "api-key-revoked",
        object_type: "ApiKey",
        object_id: id,
        before: Some(json!({ "revoked_at": null })),
        after: Some(json!({ "revoked_at": now.to_string() })),
        data: None,
    };
    events::record(tx, actor, now, change).await
}

fn hash_of(secret: &str) -> Vec<u8> {
    sha256(secret.as_bytes()).to_vec()
}

impl ApiKey {
    fn from_row(row: &Row) -> Result<ApiKey, Error> {
        Ok(ApiKey {
            id: row.int("id")?,
            person_id: row.int("person_id")?,
            name: row.text("name")?,
            hint: row.text("hint")?,
            created_at: row.time("created_at")?,
            last_used_at: row.time_or_null("last_used_at")?,
            revoked_at: row.time_or_null("revoked_at")?,
        })
    }
}
