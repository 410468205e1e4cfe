//! Creating, changing and deleting users.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Users;
use scope::role::Role;
use store::{StoreError, Tx};

use super::{Changes, NewUser, Proof, User, email_key, read, role_rank};
use crate::events::{self, Change};
use crate::{Error, account, files, names, people, search};

/// Adds a user without a password. `Taken` if somebody has the address.
pub async fn create(tx: &mut Tx, may: &CanWrite<Users>, now: Timestamp, new: &NewUser) -> Result<User, Error> {
    if !may_be_given(new.role) {
        return Err(Error::invalid("role.name", "This role cannot be given."));
    }
    let id = insert(tx, may.actor(), now, new).await?;
    read(tx, id).await
}

/// Adds a user with a password, and gives the id. For setting up an account and filling it; a call of the API has a permit and uses `create`.
pub async fn create_with_password(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    new: &NewUser,
    password_hash: &str,
) -> Result<i64, Error> {
    let id = insert(tx, actor, now, new).await?;
    tx.run(
        "insert into passwords (person_id, hash, changed_at) values ($1, $2, $3)",
        &[id.into(), password_hash.into(), now.into()],
    )
    .await?;
    Ok(id)
}

/// Changes what was sent. A new address needs a confirmed proof. The owner keeps role and access: `Refused` otherwise.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Users>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
    proof: &Proof,
) -> Result<User, Error> {
    people::lock(tx, id).await?;
    let before = read(tx, id).await?;
    let after = changed(&before, changes)?;
    if before.role == Role::Owner && (after.role != Role::Owner || !after.active) {
        return Err(Error::Refused("The owner of the account keeps their role and cannot be deactivated.".to_owned()));
    }
    if email_key(&before.email) != email_key(&after.email) && !proof.confirms_address() {
        return Err(Error::invalid("password_confirmation", "Missing data for required field."));
    }
    proof.store(tx, may.actor(), now, id).await?;
    if after == before {
        return Ok(after);
    }
    let deactivated_at = if after.active { None } else { before.deactivated_at.or(Some(now)) };
    let written = tx
        .run(
            "update people set role = $1, role_rank = $2, active = $3, email = $4, email_key = $5, name = $6, name_key = $7,
                    firstname = $8, lastname = $9, external_id = $10, language = $11, timezone = $12, country = $13, bio = $14,
                    meta = $15, updated_at = $16, deactivated_at = $17, is_away = $18,
                    -- Another role takes the place of one of the account's own.
                    custom_role_id = case when role = $1 then custom_role_id else null end,
                    denied = case when role = $1 then denied else null end,
                    -- UI-5: what was proven was the old address.
                    email_verified = case when email_key = $5 then email_verified else 0 end
             where id = $19",
            &[
                after.role.word().into(),
                role_rank(after.role).into(),
                after.active.into(),
                after.email.as_str().into(),
                email_key(&after.email).into(),
                after.name.as_str().into(),
                after.name.to_lowercase().into(),
                after.firstname.as_str().into(),
                after.lastname.as_str().into(),
                after.external_id.as_ref().into(),
                after.language.as_ref().into(),
                after.timezone.as_ref().into(),
                after.country.as_ref().into(),
                after.bio.as_ref().into(),
                after.meta.as_ref().into(),
                now.into(),
                deactivated_at.into(),
                after.is_away.into(),
                id.into(),
            ],
        )
        .await;
    match written {
        Ok(_) => {}
        Err(StoreError::NotUnique(_)) => return Err(Error::Taken { kind: "user", field: "email" }),
        Err(error) => return Err(error.into()),
    }
    search::index_person(tx, id).await?;
    files::take(tx, now, &after.meta.clone().unwrap_or_default()).await?;
    let (old, new) = events::difference(before.fields(), after.fields());
    let change = Change {
        kind: "user-updated",
        object_type: "User",
        object_id: id,
        before: Some(old),
        after: Some(new),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await?;
    if after.is_away
        && !before.is_away
        && account::setting_flag(tx, "ticket-assignment", "unassign_on_user_unavailability").await?
    {
        unassign(tx, may.actor(), now, id, Tickets::Waiting).await?;
    }
    read(tx, id).await
}

/// Takes a user away: their tickets become unassigned, their credentials and their address are forgotten. `Refused` for the owner.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Users>, now: Timestamp, id: i64) -> Result<(), Error> {
    people::lock(tx, id).await?;
    let user = read(tx, id).await?;
    if user.role == Role::Owner {
        return Err(Error::Refused("The owner of the account cannot be deleted.".to_owned()));
    }
    unassign(tx, may.actor(), now, id, Tickets::All).await?;
    tx.run("delete from team_members where person_id = $1", &[id.into()]).await?;
    for sql in [
        "delete from passwords where person_id = $1",
        "delete from totp where person_id = $1",
        "delete from recovery_codes where person_id = $1",
        "delete from passkeys where person_id = $1",
        "delete from upstream_identities where person_id = $1",
        "delete from mailed_links where person_id = $1",
        "delete from known_browsers where person_id = $1",
    ] {
        tx.run(sql, &[id.into()]).await?;
    }
    tx.run("update api_keys set revoked_at = $1 where person_id = $2 and revoked_at is null", &[now.into(), id.into()])
        .await?;
    tx.run(
        "update people set active = 0, email_key = null, external_id = null, deleted_at = $1, updated_at = $1 where id = $2",
        &[now.into(), id.into()],
    )
    .await?;
    search::index_person(tx, id).await?;
    let change = Change {
        kind: "user-deleted",
        object_type: "User",
        object_id: id,
        before: Some(user.fields()),
        after: None,
        data: None,
    };
    events::record(tx, may.actor(), now, change).await
}

/// Notes that somebody of the staff would like another one. Told of the account's owner, who can make them.
pub async fn request(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (name, email): (&str, Option<&str>),
) -> Result<(), Error> {
    let row = tx.row("select owner_id from account where id = 1", &[]).await?;
    let owner_id = row.ok_or(Error::NotFound { kind: "account", id: 1 })?.int("owner_id")?;
    let change = Change {
        kind: "user-requested",
        object_type: "User",
        object_id: owner_id,
        before: None,
        after: None,
        data: Some(serde_json::json!({ "name": name, "email": email })),
    };
    events::record(tx, actor, now, change).await
}

/// How many tickets lose their assignee at a time.
const UNASSIGN_AT_ONCE: i64 = 500;

/// Which of a user's tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tickets {
    All,
    /// Those on which somebody has to act.
    Waiting,
}

/// Takes the user off their tickets, and tells of each. Served by `tickets_by_assignee`.
async fn unassign(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, which: Tickets) -> Result<(), Error> {
    let sql = match which {
        Tickets::All => {
            "update tickets set assignee_user_id = null, updated_at = $1
             where id in (select id from tickets where assignee_user_id = $2 order by created_at, id limit $3) returning id"
        }
        Tickets::Waiting => {
            "update tickets set assignee_user_id = null, updated_at = $1
             where id in (select id from tickets where assignee_user_id = $2 and status not in ('solved', 'closed')
                          order by created_at, id limit $3)
             returning id"
        }
    };
    loop {
        let rows = tx.rows(sql, &[now.into(), id.into(), UNASSIGN_AT_ONCE.into()]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let change = Change {
                kind: "ticket-unassigned",
                object_type: "Ticket",
                object_id: row.int("id")?,
                before: Some(serde_json::json!({ "assignee_user_id": id })),
                after: Some(serde_json::json!({ "assignee_user_id": null })),
                data: None,
            };
            events::record(tx, actor, now, change).await?;
        }
    }
}

async fn insert(tx: &mut Tx, actor: &Actor, now: Timestamp, new: &NewUser) -> Result<i64, Error> {
    let email = email_key(&new.email);
    if email.is_empty() || !email.contains('@') || email.contains('\0') || 320 < email.chars().count() {
        return Err(Error::invalid("email", "Not a valid email address."));
    }
    let none = (None, "", "");
    let (name, firstname, lastname) =
        names::merged(none, Some(Some(&new.name)), new.firstname.as_deref(), new.lastname.as_deref());
    let name = name.unwrap_or_default();
    let row = tx
        .row(
            "insert into people (role, role_rank, is_staff, active, email, email_key, name, name_key, firstname, lastname,
                                 external_id, language, timezone, country, bio, meta, created_at, updated_at, deactivated_at)
             values ($1, $2, 1, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16)
             on conflict do nothing returning id",
            &[
                new.role.word().into(),
                role_rank(new.role).into(),
                new.active.into(),
                email.into(),
                name.as_str().into(),
                name.to_lowercase().into(),
                firstname.into(),
                lastname.into(),
                new.external_id.as_ref().into(),
                new.language.as_ref().into(),
                new.timezone.as_ref().into(),
                new.country.as_ref().into(),
                new.bio.as_ref().into(),
                new.meta.as_ref().into(),
                now.into(),
                Some(now).filter(|_| !new.active).into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "user", field: "email" }) };
    let id = row.int("id")?;
    search::index_person(tx, id).await?;
    files::take(tx, now, &new.meta.clone().unwrap_or_default()).await?;
    let after = read(tx, id).await?.fields();
    let change = Change {
        kind: "user-created",
        object_type: "User",
        object_id: id,
        before: None,
        after: Some(after),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(id)
}

/// The user as the changes make them.
fn changed(before: &User, changes: &Changes) -> Result<User, Error> {
    let mut after = before.clone();
    if let Some(role) = changes.role {
        // Whoever sends an owner back as an administrator changes nothing: outside, both are called the same.
        let unchanged = before.role == Role::Owner && role == Role::Admin;
        if !unchanged && role != before.role {
            if !may_be_given(role) {
                return Err(Error::invalid("role.name", "This role cannot be given."));
            }
            after.role = role;
        }
    }
    if let Some(email) = &changes.email {
        after.email = email_key(email);
    }
    let old = (Some(before.name.as_str()), before.firstname.as_str(), before.lastname.as_str());
    let (name, firstname, lastname) = names::merged(
        old,
        changes.name.as_deref().map(Some),
        changes.firstname.as_deref(),
        changes.lastname.as_deref(),
    );
    after.name = name.unwrap_or(after.name);
    after.firstname = firstname;
    after.lastname = lastname;
    after.active = changes.active.unwrap_or(before.active);
    after.is_away = changes.is_away.unwrap_or(before.is_away);
    after.external_id = changes.external_id.clone().unwrap_or(after.external_id);
    after.language = changes.language.clone().unwrap_or(after.language);
    after.timezone = changes.timezone.clone().unwrap_or(after.timezone);
    after.country = changes.country.clone().unwrap_or(after.country);
    after.bio = changes.bio.clone().unwrap_or(after.bio);
    after.meta = changes.meta.clone().unwrap_or(after.meta);
    Ok(after)
}

/// There is one owner, made with the account; and customers are no staff.
const fn may_be_given(role: Role) -> bool {
    !matches!(role, Role::Owner | Role::Customer)
}
