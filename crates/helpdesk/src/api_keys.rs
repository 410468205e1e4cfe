//! API keys: the legacy credential of both vendors, Basic authentication with a staff member's address and a key.
//!
//! A key is shown once and kept as a hash: 256 random bits need no slow hash.

use jiff::Timestamp;
use outside::{Random, sha256};
use scope::permission::Permissions;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Security;
use scope::role::Role;
use scope::set::ScopeSet;
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
    /// Words that it may use at most; none: everything its person may do.
    pub allowed_scopes: Option<String>,
}

/// A key as the Admin Center lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    pub key: ApiKey,
    pub person_name: String,
    pub person_email: String,
}

/// Whom a key speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    pub key_id: i64,
    pub person_id: i64,
    /// Whose key it is, if another person was named.
    pub maker_id: Option<i64>,
    pub role: Role,
    /// What a role of the account's own takes away from it.
    pub denied: Permissions,
    pub last_used_at: Option<Timestamp>,
    /// None: everything the person may do.
    pub allowed_scopes: Option<String>,
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
    let key = create_known(tx, actor, now, &secret, person_id, name).await?;
    Ok((key, secret))
}

/// The same with a secret that somebody else chose: for a mock, where it stands in a file that everybody may read.
pub async fn create_known(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    secret: &str,
    person_id: i64,
    name: &str,
) -> Result<ApiKey, Error> {
    let hint: String = secret.chars().take(6).collect();
    let row = tx
        .row(
            "insert into api_keys (person_id, name, hash, hint, created_at) values ($1, $2, $3, $4, $5)
             returning id, person_id, name, hint, created_at, last_used_at, revoked_at, allowed_scopes",
            &[person_id.into(), name.into(), hash_of(secret).into(), hint.as_str().into(), now.into()],
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
    Ok(key)
}

/// For whom a key may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    OfMaker,
    /// For anybody of the account who is named, if an administrator made it (contract `zendesk.yaml`, `auth_alternatives.basic_api_token`).
    OfAnybody,
}

/// Whom this key speaks for; none for an address that it does not speak for, a wrong or revoked key, and people who may not sign in.
pub async fn authenticate(tx: &mut Tx, email: &str, key: &str, voice: Voice) -> Result<Option<KeyHolder>, Error> {
    let row = tx
        .row(
            "select k.id, k.person_id, k.last_used_at, k.allowed_scopes, p.role, p.denied, p.email_key
             from api_keys k join people p on p.id = k.person_id
             where k.hash = $1 and k.revoked_at is null and p.active = 1 and p.is_staff = 1 and p.deleted_at is null",
            &[hash_of(key).into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let email_key = email.trim().to_lowercase();
    let role = role_of(&row)?;
    let maker = KeyHolder {
        key_id: row.int("id")?,
        person_id: row.int("person_id")?,
        maker_id: None,
        role,
        denied: denied_to(&row)?,
        last_used_at: row.time_or_null("last_used_at")?,
        allowed_scopes: row.text_or_null("allowed_scopes")?,
    };
    if row.text_or_null("email_key")?.as_deref() == Some(email_key.as_str()) {
        return Ok(Some(maker));
    }
    if voice == Voice::OfMaker || !role.is_admin() {
        return Ok(None);
    }
    let sql = "select id, is_staff, role, denied from people
               where email_key = $1 and active = 1 and suspended = 0 and deleted_at is null";
    let Some(named) = tx.row(sql, &[email_key.into()]).await? else { return Ok(None) };
    let role = if named.flag("is_staff")? { role_of(&named)? } else { Role::Customer };
    let (person_id, denied) = (named.int("id")?, denied_to(&named)?);
    Ok(Some(KeyHolder { person_id, maker_id: Some(maker.person_id), role, denied, ..maker }))
}

fn role_of(row: &Row) -> Result<Role, Error> {
    Ok(Role::parse(&row.text("role")?).ok_or(store::StoreError::Column("role"))?)
}

/// What a role of the account's own takes away.
fn denied_to(row: &Row) -> Result<Permissions, Error> {
    Ok(Permissions::of_words(&row.text_or_null("denied")?.unwrap_or_default()))
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
            "select id, person_id, name, hint, created_at, last_used_at, revoked_at, allowed_scopes from api_keys
             where person_id = $1 and revoked_at is null order by id desc limit 1000",
            &[person_id.into()],
        )
        .await?;
    rows.iter().map(ApiKey::from_row).collect()
}

/// All living keys, newest first, with ids below `before`.
pub async fn list_all(
    tx: &mut Tx,
    _may: &CanRead<Security>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ListedKey>, Error> {
    let rows = tx
        .rows(
            "select k.id as id, k.person_id as person_id, k.name as name, k.hint as hint, k.created_at as created_at,
                 k.last_used_at as last_used_at, k.revoked_at as revoked_at, k.allowed_scopes as allowed_scopes,
                 p.name as person_name, p.email as email
             from api_keys k join people p on p.id = k.person_id
             where k.revoked_at is null and k.id < $1 order by k.id desc limit $2",
            &[before.unwrap_or(i64::MAX).into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let person_email = row.text_or_null("email")?.unwrap_or_default();
            Ok(ListedKey {
                key: ApiKey::from_row(row)?,
                person_name: row.text_or_null("person_name")?.unwrap_or_else(|| person_email.clone()),
                person_email,
            })
        })
        .collect()
}

/// The staff member with this address who may sign in: keys speak for staff alone. `Invalid` on `email` if there is none.
pub async fn find_staff(tx: &mut Tx, _may: &CanWrite<Security>, email: &str) -> Result<i64, Error> {
    let row = tx
        .row(
            "select id from people where is_staff = 1 and email_key = $1 and active = 1 and deleted_at is null",
            &[email.trim().to_lowercase().into()],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("id")?),
        None => Err(Error::invalid("email", "Nobody of your staff who may sign in has this address.")),
    }
}

/// Sets the words that a key may use at most; none: everything its person may do. `NotFound` if there is no such living key.
pub async fn limit(
    tx: &mut Tx,
    may: &CanWrite<Security>,
    now: Timestamp,
    id: i64,
    allowed_scopes: Option<&ScopeSet>,
) -> Result<(), Error> {
    let words = allowed_scopes.map(ScopeSet::as_str);
    let before = living(tx, id).await?;
    tx.run("update api_keys set allowed_scopes = $1 where id = $2", &[words.into(), id.into()]).await?;
    let change = Change {
        kind: "api-key-limited",
        object_type: "ApiKey",
        object_id: id,
        before: Some(json!({ "allowed_scopes": before.allowed_scopes })),
        after: Some(json!({ "allowed_scopes": words })),
        data: Some(json!({ "person_id": before.person_id, "hint": before.hint })),
    };
    events::record(tx, may.actor(), now, change).await
}

/// Says anew what a key is for. `NotFound` if there is no such living key.
pub async fn rename(
    tx: &mut Tx,
    may: &CanWrite<Security>,
    now: Timestamp,
    id: i64,
    name: &str,
) -> Result<ApiKey, Error> {
    let before = living(tx, id).await?;
    tx.run("update api_keys set name = $1 where id = $2", &[name.into(), id.into()]).await?;
    let change = Change {
        kind: "api-key-renamed",
        object_type: "ApiKey",
        object_id: id,
        before: Some(json!({ "name": before.name })),
        after: Some(json!({ "name": name })),
        data: Some(json!({ "person_id": before.person_id, "hint": before.hint })),
    };
    events::record(tx, may.actor(), now, change).await?;
    Ok(ApiKey { name: name.to_owned(), ..before })
}

/// Ends anybody's key for good. `NotFound` if there is no such living key.
pub async fn revoke_any(tx: &mut Tx, may: &CanWrite<Security>, now: Timestamp, id: i64) -> Result<(), Error> {
    let key = living(tx, id).await?;
    revoke(tx, may.actor(), now, key.person_id, id).await
}

async fn living(tx: &mut Tx, id: i64) -> Result<ApiKey, Error> {
    let row = tx
        .row(
            "select id, person_id, name, hint, created_at, last_used_at, revoked_at, allowed_scopes from api_keys
             where id = $1 and revoked_at is null",
            &[id.into()],
        )
        .await?;
    row.as_ref().map(ApiKey::from_row).transpose()?.ok_or(Error::NotFound { kind: "API key", id })
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
            allowed_scopes: row.text_or_null("allowed_scopes")?,
        })
    }
}
