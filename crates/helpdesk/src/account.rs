//! The account: its name, its owner, and its settings.
//!
//! A database is an account, so there is exactly one row once it is set up.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Accounts};
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::business_hours::BusinessHours;
use crate::events::{self, Change};
use crate::schedules;
use crate::users::{self, NewUser};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    /// The short name that addresses use, such as `acme`.
    pub domain: String,
    pub active: bool,
    pub owner_id: Option<i64>,
    /// A JSON object.
    pub meta: Json,
    pub created_at: Timestamp,
    pub deactivated_at: Option<Timestamp>,
}

/// The kind of the setting with the account's business hours.
pub(crate) const BUSINESS_HOURS: &str = "business-hours";

/// One kind of account-wide setting. There is at most one of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub id: i64,
    /// Such as `business-hours`.
    pub kind: String,
    pub name: Option<String>,
    /// A JSON object; its shape depends on the kind.
    pub data: Json,
}

/// What the set-up page asks for.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub name: String,
    pub domain: String,
    pub owner_name: String,
    pub owner_email: String,
    /// From `passwords::hash`, which must run outside the transaction.
    pub owner_password_hash: String,
}

/// The time zone of the business hours: in which people here count days.
pub async fn timezone(tx: &mut Tx) -> Result<String, Error> {
    let row = tx.row("select data from settings where type = 'business-hours'", &[]).await?;
    let data = row.map(|row| row.json("data")).transpose()?.flatten();
    let name = data.as_ref().and_then(|data| data.get("timezone")).and_then(Json::as_str).unwrap_or("UTC");
    Ok(if jiff::tz::db().get(name).is_ok() { name.to_owned() } else { "UTC".to_owned() })
}

/// When the account was set up.
pub async fn created_at(tx: &mut Tx) -> Result<Timestamp, Error> {
    let row = tx.row("select created_at from account where id = 1", &[]).await?;
    Ok(row.ok_or(StoreError::Column("created_at"))?.time("created_at")?)
}

/// Whether the account is set up.
pub async fn exists(tx: &mut Tx) -> Result<bool, Error> {
    Ok(tx.row("select id from account where id = 1", &[]).await?.is_some())
}

/// The account's name. No permit: the sign-in page shows it to everybody.
pub async fn name(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    match tx.row("select name from account where id = 1", &[]).await? {
        Some(row) => Ok(Some(row.text("name")?)),
        None => Ok(None),
    }
}

/// Makes the account, its owner and its first settings. `Taken` if it is set up already, also by someone else at the same moment.
pub async fn set_up(tx: &mut Tx, now: Timestamp, request_id: &str, new: &NewAccount) -> Result<i64, Error> {
    let name = filled("name", &new.name, 255)?;
    let domain = domain_of(&new.domain)?;
    let made = tx
        .run(
            "insert into account (id, name, domain, created_at) values (1, $1, $2, $3) on conflict (id) do nothing",
            &[name.into(), domain.as_str().into(), now.into()],
        )
        .await?;
    if made == 0 {
        return Err(Error::Taken { kind: "account", field: "name" });
    }
    let actor = Actor { worker: Some("set-up"), request_id: request_id.to_owned(), ..Actor::default() };
    let owner =
        NewUser { role: Role::Owner, ..NewUser::named(filled("owner_name", &new.owner_name, 255)?, &new.owner_email) };
    let owner_id = users::create_with_password(tx, &actor, now, &owner, &new.owner_password_hash).await?;
    tx.run("update account set owner_id = $1 where id = 1", &[owner_id.into()]).await?;
    let change = Change {
        kind: "account-created",
        object_type: "Account",
        object_id: 1,
        before: None,
        after: Some(json!({ "name": name, "domain": domain, "owner_id": owner_id })),
        data: None,
    };
    events::record(tx, &actor, now, change).await?;
    for (kind, data) in first_settings() {
        insert_setting(tx, &actor, now, kind, None, &data).await?;
    }
    Ok(owner_id)
}

/// The account. `NotFound` before it is set up.
pub async fn find(tx: &mut Tx, _may: &CanRead<Accounts>) -> Result<Account, Error> {
    let row = tx
        .row("select name, domain, status, owner_id, meta, created_at, deactivated_at from account where id = 1", &[])
        .await?;
    match row {
        Some(row) => Ok(Account {
            name: row.text("name")?,
            domain: row.text("domain")?,
            active: row.text("status")? == "active",
            owner_id: row.int_or_null("owner_id")?,
            meta: row.json("meta")?.unwrap_or_else(|| json!({})),
            created_at: row.time("created_at")?,
            deactivated_at: row.time_or_null("deactivated_at")?,
        }),
        None => Err(Error::NotFound { kind: "account", id: 1 }),
    }
}

/// All settings, or those of one kind, by id. There are as many as kinds.
pub async fn list_settings(tx: &mut Tx, _may: &CanRead<Accounts>, kind: Option<&str>) -> Result<Vec<Setting>, Error> {
    let rows = match kind {
        Some(kind) => tx.rows("select id, type, name, data from settings where type = $1", &[kind.into()]).await?,
        None => tx.rows("select id, type, name, data from settings order by id limit 1000", &[]).await?,
    };
    rows.iter().map(Setting::from_row).collect()
}

/// The data of a setting; null if there is none of this kind.
pub async fn setting<A: Access>(tx: &mut Tx, _may: &Permit<Accounts, A>, kind: &str) -> Result<Json, Error> {
    setting_data(tx, kind).await
}

/// The first part of its address. No permit: everybody who calls it knows it.
pub async fn domain(tx: &mut Tx) -> Result<String, Error> {
    let row = tx.row("select domain from account where id = 1", &[]).await?;
    Ok(row.ok_or(Error::NotFound { kind: "account", id: 1 })?.text("domain")?)
}

/// When the account was made. No permit: what came with it shows it.
pub async fn made_at(tx: &mut Tx) -> Result<Timestamp, Error> {
    let row = tx.row("select created_at from account where id = 1", &[]).await?;
    Ok(row.ok_or(Error::NotFound { kind: "account", id: 1 })?.time("created_at")?)
}

/// The data of a setting, for the rest of the helpdesk; null if there is none of this kind.
pub(crate) async fn setting_data(tx: &mut Tx, kind: &str) -> Result<Json, Error> {
    let row = tx.row("select data from settings where type = $1", &[kind.into()]).await?;
    Ok(row.map(|row| row.json("data")).transpose()?.flatten().unwrap_or_default())
}

/// One switch of a setting. Off if it was never set.
pub(crate) async fn setting_flag(tx: &mut Tx, kind: &str, key: &str) -> Result<bool, Error> {
    Ok(setting_data(tx, kind).await?[key].as_bool().unwrap_or_default())
}

/// When somebody is there, as the account has set it. All the time if it never did.
pub async fn business_hours(tx: &mut Tx) -> Result<BusinessHours, Error> {
    let data = setting_data(tx, BUSINESS_HOURS).await?;
    let hours = BusinessHours::from_setting(&data).unwrap_or_else(BusinessHours::always);
    Ok(hours.without(schedules::holidays_of_account(tx).await?))
}

/// Changes parts of a setting: `change` gets its data, an empty object if it was never set, and makes of it what it is to be.
pub async fn change_setting(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    kind: &str,
    change: impl FnOnce(&mut Json),
) -> Result<(), Error> {
    let row = tx.row("select id, type, name, data from settings where type = $1", &[kind.into()]).await?;
    let Some(row) = row else {
        let mut data = json!({});
        change(&mut data);
        return insert_setting(tx, may.actor(), now, kind, None, &data).await.map(|_| ());
    };
    let Setting { id, kind, mut data, .. } = Setting::from_row(&row)?;
    change(&mut data);
    update_setting(tx, may, now, id, &SettingChanges { kind, name: None, data: Some(data) }).await.map(|_| ())
}

/// Adds a setting. `Taken` if there is one of this kind.
pub async fn create_setting(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    kind: &str,
    name: Option<&str>,
    data: &Json,
) -> Result<Setting, Error> {
    insert_setting(tx, may.actor(), now, kind, name, data).await
}

/// Replaces what was sent of a setting. `kind` must be its own: `Invalid` on `type` otherwise.
pub async fn update_setting(
    tx: &mut Tx,
    may: &CanWrite<Accounts>,
    now: Timestamp,
    id: i64,
    changes: &SettingChanges,
) -> Result<Setting, Error> {
    // Holds the row: of two changes at once, the second sees the first.
    tx.run("update settings set updated_at = updated_at where id = $1", &[id.into()]).await?;
    let row = tx.row("select id, type, name, data from settings where id = $1", &[id.into()]).await?;
    let before = match row {
        Some(row) => Setting::from_row(&row)?,
        None => return Err(Error::NotFound { kind: "setting", id }),
    };
    if before.kind != changes.kind {
        return Err(Error::invalid("type", format!("Must be {}, as it is stored.", before.kind)));
    }
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        after.name.clone_from(name);
    }
    if let Some(data) = &changes.data {
        after.data.clone_from(data);
    }
    if after == before {
        return Ok(after);
    }
    tx.run(
        "update settings set name = $1, data = $2, updated_at = $3 where id = $4",
        &[after.name.as_ref().into(), (&after.data).into(), now.into(), id.into()],
    )
    .await?;
    let change = Change {
        kind: "account-setting-updated",
        object_type: "AccountSetting",
        object_id: id,
        before: Some(json!({ "name": before.name, "data": before.data })),
        after: Some(json!({ "name": after.name, "data": after.data })),
        data: Some(json!({ "type": after.kind })),
    };
    events::record(tx, may.actor(), now, change).await?;
    Ok(after)
}

/// What a call changes of a setting. None leaves a field as it is.
#[derive(Debug, Clone)]
pub struct SettingChanges {
    pub kind: String,
    pub name: Option<Option<String>>,
    pub data: Option<Json>,
}

async fn insert_setting(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    name: Option<&str>,
    data: &Json,
) -> Result<Setting, Error> {
    let row = tx
        .row(
            "insert into settings (type, name, data, created_at, updated_at) values ($1, $2, $3, $4, $4)
             on conflict (type) do nothing returning id, type, name, data",
            &[kind.into(), name.into(), data.into(), now.into()],
        )
        .await?;
    let Some(row) = row else { return Err(Error::Taken { kind: "setting", field: "type" }) };
    let setting = Setting::from_row(&row)?;
    let change = Change {
        kind: "account-setting-created",
        object_type: "AccountSetting",
        object_id: setting.id,
        before: None,
        after: Some(json!({ "type": kind, "name": name, "data": data })),
        data: None,
    };
    events::record(tx, actor, now, change).await?;
    Ok(setting)
}

/// What an account begins with: the least that the rest of the product reads.
fn first_settings() -> [(&'static str, Json); 3] {
    [
        (
            "business-hours",
            json!({
                "timezone": "UTC",
                "business_hours": [{ "days": "1,2,3,4,5", "from_time": "09:00", "to_time": "17:00" }],
            }),
        ),
        (
            "ticket-assignment",
            json!({
                "auto_assign_to_teams": false,
                "assignment_channels": [],
                "unassign_on_reply": false,
                "unassign_on_user_unavailability": false,
                "auto_assign_ticket_to_responding_agent": false,
            }),
        ),
        ("access", json!({ "signup_mode": "invite", "allowed_domains": [], "two_fa_enforced_datetime": null })),
    ]
}

pub(crate) fn filled<'a>(field: &str, text: &'a str, max_chars: usize) -> Result<&'a str, Error> {
    let text = text.trim();
    if text.is_empty() || max_chars < text.chars().count() || text.contains('\0') {
        return Err(Error::invalid(field, format!("Must have 1 to {max_chars} characters.")));
    }
    Ok(text)
}

/// Letters, digits and dashes: it becomes part of a host name.
fn domain_of(text: &str) -> Result<String, Error> {
    let domain = text.trim().to_lowercase();
    let valid = (1..=63).contains(&domain.len())
        && domain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !domain.starts_with('-')
        && !domain.ends_with('-');
    if valid { Ok(domain) } else { Err(Error::invalid("domain", "Must have 1 to 63 letters, digits and dashes.")) }
}

impl Setting {
    fn from_row(row: &Row) -> Result<Setting, Error> {
        Ok(Setting {
            id: row.int("id")?,
            kind: row.text("type")?,
            name: row.text_or_null("name")?,
            data: row.json("data")?.ok_or(StoreError::Column("data"))?,
        })
    }
}
