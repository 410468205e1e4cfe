//! Roles of the account's own: each is one of the program's roles, less some permissions. What it takes away stands beside the role of
//! whoever holds it, so that every call reads both at once; the guards go by both (`scope/src/permit.rs`).
//!
//! The switches that a surface made it with are kept to be shown again. What they mean is the surface's business: here counts what is allowed.

use jiff::Timestamp;
use scope::permission::Permissions;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Users;
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::filled;
use crate::events::{self, Change};
use crate::users::{most_of, role_rank};
use crate::{Error, people};

/// Longest name and description, in characters.
pub const NAME_MAX_CHARS: usize = 255;
pub const DESCRIPTION_MAX_CHARS: usize = 1_024;
/// Most of an account.
const ROLES_MAX: i64 = 200;
/// What they are made of: whoever sets up nothing of people, apps and the account.
const BASE: Role = Role::Lead;

#[derive(Debug, Clone, PartialEq)]
pub struct CustomRole {
    pub id: i64,
    /// No two differ by case alone.
    pub name: String,
    pub description: String,
    /// The role that it narrows.
    pub role: Role,
    /// A JSON object.
    pub configuration: Json,
    /// What it takes away.
    pub denied: Permissions,
    /// How many of the staff hold it.
    pub n_members: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A role as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub name: String,
    pub description: String,
    pub configuration: Json,
    /// What whoever holds it may do; beyond the role that it is made of, nothing is given.
    pub allowed: Permissions,
}

macro_rules! select_roles {
    () => {
        "select r.id, r.name, r.description, r.role, r.configuration, r.denied, r.created_at, r.updated_at,
                (select count(*) from people p where p.custom_role_id = r.id and p.deleted_at is null) as n_members
         from custom_roles r"
    };
}

/// All of them by id: an account has few. Members are counted along `people_by_custom_role`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Users>) -> Result<Vec<CustomRole>, Error> {
    let rows = tx.rows(concat!(select_roles!(), " order by r.id"), &[]).await?;
    rows.iter().map(CustomRole::from_row).collect()
}

/// The role with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Users>, id: i64) -> Result<CustomRole, Error> {
    read(tx, id).await
}

/// The same for whoever may write it.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Users>, id: i64) -> Result<CustomRole, Error> {
    read(tx, id).await
}

/// Adds a role. `Taken` if another one has the name.
pub async fn create(tx: &mut Tx, may: &CanWrite<Users>, now: Timestamp, draft: &Draft) -> Result<CustomRole, Error> {
    let name = check(draft)?;
    let count = tx.row("select count(*) as n from custom_roles", &[]).await?;
    if ROLES_MAX <= count.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {ROLES_MAX} custom roles already, and no room for more.")));
    }
    let row = tx
        .row(
            "insert into custom_roles (name, name_key, description, role, configuration, denied, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (name_key) do nothing returning id",
            &[
                name.into(),
                name.to_lowercase().into(),
                draft.description.as_str().into(),
                BASE.word().into(),
                (&draft.configuration).into(),
                denied_by(draft).words().into(),
                now.into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "custom role", field: "name" }) };
    let made = read(tx, row.int("id")?).await?;
    record(tx, may.actor(), now, ("custom-role-created", made.id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Makes a role what the draft says, for all who hold it. Whoever keeps callers in memory has to forget them afterwards.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Users>,
    now: Timestamp,
    id: i64,
    draft: &Draft,
) -> Result<CustomRole, Error> {
    let before = take(tx, id).await?;
    let name = check(draft)?;
    let denied = denied_by(draft).words();
    let sql = "select id from custom_roles where name_key = $1 and id <> $2";
    if tx.row(sql, &[name.to_lowercase().into(), id.into()]).await?.is_some() {
        return Err(Error::Taken { kind: "custom role", field: "name" });
    }
    tx.run(
        "update custom_roles set name = $1, name_key = $2, description = $3, configuration = $4, denied = $5, updated_at = $6
         where id = $7",
        &[
            name.into(),
            name.to_lowercase().into(),
            draft.description.as_str().into(),
            (&draft.configuration).into(),
            denied.as_str().into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    tx.run("update people set denied = $1 where custom_role_id = $2", &[denied.into(), id.into()]).await?;
    let after = read(tx, id).await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    if new != json!({}) {
        record(tx, may.actor(), now, ("custom-role-updated", id), (Some(old), Some(new))).await?;
    }
    Ok(after)
}

/// Removes a role. `InUse` while somebody holds it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Users>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    if 0 < gone.n_members {
        let problem = format!("{} of the staff hold this role.", gone.n_members);
        return Err(Error::InUse { kind: "custom role", id, problem });
    }
    // Those who are gone held it last.
    tx.run("update people set custom_role_id = null, denied = null where custom_role_id = $1", &[id.into()]).await?;
    tx.run("delete from custom_roles where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("custom-role-deleted", id), (Some(gone.facts()), None)).await
}

/// Gives one of the staff a role of the account's own, in place of the role that they have. `Invalid` on `custom_role_id` for one that is
/// not there, `Refused` for the owner. Another role takes it from them again.
pub async fn assign(tx: &mut Tx, may: &CanWrite<Users>, now: Timestamp, person_id: i64, id: i64) -> Result<(), Error> {
    let role = read(tx, id).await.map_err(|error| match error {
        Error::NotFound { .. } => Error::invalid("custom_role_id", "No custom role has this id."),
        other => other,
    })?;
    people::lock(tx, person_id).await?;
    let sql = "select role, custom_role_id from people where id = $1 and is_staff = 1 and deleted_at is null";
    let row = tx.row(sql, &[person_id.into()]).await?.ok_or(Error::NotFound { kind: "user", id: person_id })?;
    let (before, held) = (row.text("role")?, row.int_or_null("custom_role_id")?);
    if before == Role::Owner.word() {
        return Err(Error::Refused("The owner of the account keeps their role.".to_owned()));
    }
    if held == Some(id) {
        return Ok(());
    }
    tx.run(
        "update people set role = $1, role_rank = $2, custom_role_id = $3, denied = $4, updated_at = $5 where id = $6",
        &[
            role.role.word().into(),
            role_rank(role.role).into(),
            id.into(),
            role.denied.words().into(),
            now.into(),
            person_id.into(),
        ],
    )
    .await?;
    let change = Change {
        kind: "user-updated",
        object_type: "User",
        object_id: person_id,
        before: Some(json!({ "role": before, "custom_role_id": held })),
        after: Some(json!({ "role": role.role.word(), "custom_role_id": id })),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}

/// Takes the role of the account's own from one of the staff, who keeps the role that it narrowed. Nothing, if they have none.
pub async fn withdraw(tx: &mut Tx, may: &CanWrite<Users>, now: Timestamp, person_id: i64) -> Result<(), Error> {
    people::lock(tx, person_id).await?;
    let sql = "select custom_role_id from people where id = $1 and is_staff = 1 and deleted_at is null";
    let row = tx.row(sql, &[person_id.into()]).await?.ok_or(Error::NotFound { kind: "user", id: person_id })?;
    let Some(held) = row.int_or_null("custom_role_id")? else { return Ok(()) };
    tx.run(
        "update people set custom_role_id = null, denied = null, updated_at = $1 where id = $2",
        &[now.into(), person_id.into()],
    )
    .await?;
    let change = Change {
        kind: "user-updated",
        object_type: "User",
        object_id: person_id,
        before: Some(json!({ "custom_role_id": held })),
        after: Some(json!({ "custom_role_id": null })),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}

fn denied_by(draft: &Draft) -> Permissions {
    most_of(BASE).without(draft.allowed)
}

fn check(draft: &Draft) -> Result<&str, Error> {
    if DESCRIPTION_MAX_CHARS < draft.description.chars().count() || draft.description.contains('\0') {
        return Err(Error::invalid("description", format!("Longer than maximum length {DESCRIPTION_MAX_CHARS}.")));
    }
    filled("name", &draft.name, NAME_MAX_CHARS)
}

/// The row until the end of the transaction: of two changes at once, the second sees the first.
async fn take(tx: &mut Tx, id: i64) -> Result<CustomRole, Error> {
    tx.run("update custom_roles set updated_at = updated_at where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<CustomRole, Error> {
    match tx.row(concat!(select_roles!(), " where r.id = $1"), &[id.into()]).await? {
        Some(row) => CustomRole::from_row(&row),
        None => Err(Error::NotFound { kind: "custom role", id }),
    }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = Change { kind, object_type: "CustomRole", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl CustomRole {
    /// What events tell of it.
    fn facts(&self) -> Json {
        json!({
            "name": self.name, "description": self.description, "role": self.role.word(), "denied": self.denied.words(),
            "configuration": self.configuration,
        })
    }

    fn from_row(row: &Row) -> Result<CustomRole, Error> {
        Ok(CustomRole {
            id: row.int("id")?,
            name: row.text("name")?,
            description: row.text("description")?,
            role: Role::parse(&row.text("role")?).ok_or(StoreError::Column("role"))?,
            configuration: row.json("configuration")?.unwrap_or_default(),
            denied: Permissions::of_words(&row.text("denied")?),
            n_members: row.int("n_members")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
