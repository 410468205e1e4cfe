//! Statuses of the account's own: names for the states between the six. Each belongs to one of the first five and is one for every rule that
//! knows only those; one of each is the default.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, CustomFields, Resource};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::account::filled;
use crate::page::Query;
use crate::tickets::Status;
use crate::{Error, events};

/// Longest name, in characters.
pub const LABEL_MAX_CHARS: usize = 48;
/// Longest description, in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 255;
/// Most of them in an account.
const STATUSES_MAX: i64 = 100;

#[derive(Debug, Clone, PartialEq)]
pub struct CustomStatus {
    pub id: i64,
    /// Never changes, and is never closed.
    pub status: Status,
    pub agent_label: String,
    /// What customers read instead.
    pub end_user_label: Option<String>,
    pub description: Option<String>,
    pub end_user_description: Option<String>,
    /// Others cannot be chosen any more.
    pub active: bool,
    /// What a ticket of this status has unless it says otherwise.
    pub is_default: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a call changes, or says of a new one. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub agent_label: Option<String>,
    pub end_user_label: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub end_user_description: Option<Option<String>>,
    pub active: Option<bool>,
}

/// Which of them. The default is all.
#[derive(Debug, Clone, Default)]
pub struct Which {
    pub statuses: Option<Vec<Status>>,
    pub active: Option<bool>,
    pub is_default: Option<bool>,
}

macro_rules! select_statuses {
    () => {
        "select s.id, s.status, s.agent_label, s.end_user_label, s.description, s.end_user_description, s.active, s.is_default,
                coalesce(nullif(s.created_at, 0), a.created_at, 0) as created_at,
                coalesce(nullif(s.updated_at, 0), a.created_at, 0) as updated_at
         from custom_statuses s left join account a on a.id = 1 where 1 = 1"
    };
}

/// All that are not deleted, by id: an account has few. Served by the primary key.
pub async fn list(tx: &mut Tx, _may: &CanRead<CustomFields>, which: &Which) -> Result<Vec<CustomStatus>, Error> {
    let mut query = Query::new(concat!(select_statuses!(), " and s.deleted_at is null"));
    if let Some(statuses) = &which.statuses {
        query.and_in("s.status", statuses.iter().map(|status| status.word()));
    }
    for (left, flag) in [("s.active =", which.active), ("s.is_default =", which.is_default)] {
        if let Some(flag) = flag {
            query.and(left, flag);
        }
    }
    query.sql.push_str(" order by s.id");
    tx.rows(&query.sql, &query.params).await?.iter().map(CustomStatus::from_row).collect()
}

/// These, beside what refers to them, also deleted ones.
pub async fn beside<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    ids: &[i64],
) -> Result<Vec<CustomStatus>, Error> {
    let mut query = Query::new(select_statuses!());
    query.and_in("s.id", ids.iter().copied());
    query.sql.push_str(" order by s.id");
    tx.rows(&query.sql, &query.params).await?.iter().map(CustomStatus::from_row).collect()
}

/// The one with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<CustomFields>, id: i64) -> Result<CustomStatus, Error> {
    read(tx, id).await
}

/// Adds one to a status. `Refused` if there are too many.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    status: Status,
    new: &Changes,
) -> Result<CustomStatus, Error> {
    if status == Status::Closed {
        return Err(Error::invalid("status", "cannot be closed"));
    }
    let count = tx.row("select count(*) as n from custom_statuses where deleted_at is null", &[]).await?;
    if STATUSES_MAX <= count.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {STATUSES_MAX} statuses already, and no room for more.")));
    }
    let label = filled("agent_label", new.agent_label.as_deref().unwrap_or_default(), LABEL_MAX_CHARS)?;
    let row = tx
        .row(
            "insert into custom_statuses (status, agent_label, end_user_label, description, end_user_description, active, created_at,
                                          updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7) returning id",
            &[
                status.word().into(),
                label.into(),
                new.end_user_label.clone().flatten().into(),
                new.description.clone().flatten().into(),
                new.end_user_description.clone().flatten().into(),
                new.active.unwrap_or(true).into(),
                now.into(),
            ],
        )
        .await?;
    let made = read(tx, row.ok_or(StoreError::Column("id"))?.int("id")?).await?;
    record(tx, may.actor(), now, ("custom-status-created", made.id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Changes what was sent. The default of a status stays active.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<CustomFields>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<CustomStatus, Error> {
    let before = take(tx, id).await?;
    let mut after = before.clone();
    if let Some(label) = &changes.agent_label {
        after.agent_label = filled("agent_label", label, LABEL_MAX_CHARS)?.to_owned();
    }
    after.end_user_label = changes.end_user_label.clone().unwrap_or(after.end_user_label);
    after.description = changes.description.clone().unwrap_or(after.description);
    after.end_user_description = changes.end_user_description.clone().unwrap_or(after.end_user_description);
    after.active = changes.active.unwrap_or(before.active);
    if after.is_default && !after.active {
        return Err(Error::invalid("active", "must be true for the default of a status"));
    }
    if after == before {
        return Ok(after);
    }
    after.updated_at = now;
    tx.run(
        "update custom_statuses set agent_label = $1, end_user_label = $2, description = $3, end_user_description = $4, active = $5,
                                    updated_at = $6
         where id = $7",
        &[
            after.agent_label.as_str().into(),
            after.end_user_label.as_deref().into(),
            after.description.as_deref().into(),
            after.end_user_description.as_deref().into(),
            after.active.into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    let (old, new) = events::difference(before.facts(), after.facts());
    record(tx, may.actor(), now, ("custom-status-updated", id), (Some(old), Some(new))).await?;
    Ok(after)
}

/// Makes these the defaults of their statuses. `Invalid` on `ids` if one is not there, not active, or if two are of one status.
pub async fn set_defaults(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp, ids: &[i64]) -> Result<(), Error> {
    let mut chosen: Vec<CustomStatus> = Vec::new();
    for id in ids {
        let one = take(tx, *id).await.map_err(|error| match error {
            Error::NotFound { .. } => Error::invalid("ids", format!("{id} is not a status")),
            other => other,
        })?;
        if !one.active {
            return Err(Error::invalid("ids", format!("{id} is not active")));
        }
        if chosen.iter().any(|other| other.status == one.status) {
            return Err(Error::invalid("ids", "has two of one category"));
        }
        chosen.push(one);
    }
    for one in chosen.iter().filter(|one| !one.is_default) {
        let sql = "update custom_statuses set is_default = 0, updated_at = $1 where status = $2 and is_default = 1";
        tx.run(sql, &[now.into(), one.status.word().into()]).await?;
        let sql = "update custom_statuses set is_default = 1, updated_at = $1 where id = $2";
        tx.run(sql, &[now.into(), one.id.into()]).await?;
        let sides = (Some(json!({ "is_default": false })), Some(json!({ "is_default": true })));
        record(tx, may.actor(), now, ("custom-status-updated", one.id), sides).await?;
    }
    Ok(())
}

/// Deletes one. Its tickets keep it until their status changes; it is given to no more of them. `InUse` for the default of a status.
pub async fn delete(tx: &mut Tx, may: &CanWrite<CustomFields>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    if gone.is_default {
        let problem =
            "The default status of a category cannot be deleted: make another one the default first.".to_owned();
        return Err(Error::InUse { kind: "custom status", id, problem });
    }
    let sql = "update custom_statuses set deleted_at = $1, active = 0 where id = $2";
    tx.run(sql, &[now.into(), id.into()]).await?;
    record(tx, may.actor(), now, ("custom-status-deleted", id), (Some(gone.facts()), None)).await
}

/// The status that a ticket with this one has. `Invalid` on `custom_status_id` if it cannot be chosen.
pub async fn status_of<R: Resource, A: Access>(tx: &mut Tx, _may: &Permit<R, A>, id: i64) -> Result<Status, Error> {
    let sql = "select status from custom_statuses where id = $1 and active = 1 and deleted_at is null";
    match tx.row(sql, &[id.into()]).await? {
        Some(row) => Ok(Status::parse(&row.text("status")?).ok_or(StoreError::Column("status"))?),
        None => Err(Error::invalid("custom_status_id", "is not an active status")),
    }
}

/// The row until the end of the transaction: of two changes at once, the second sees the first.
async fn take(tx: &mut Tx, id: i64) -> Result<CustomStatus, Error> {
    tx.run("update custom_statuses set active = active where id = $1", &[id.into()]).await?;
    read(tx, id).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<CustomStatus, Error> {
    match tx.row(concat!(select_statuses!(), " and s.deleted_at is null and s.id = $1"), &[id.into()]).await? {
        Some(row) => CustomStatus::from_row(&row),
        None => Err(Error::NotFound { kind: "custom status", id }),
    }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "CustomStatus", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl CustomStatus {
    /// What events tell of it.
    fn facts(&self) -> Json {
        json!({
            "status": self.status.word(), "agent_label": self.agent_label, "end_user_label": self.end_user_label,
            "description": self.description, "end_user_description": self.end_user_description, "active": self.active,
            "is_default": self.is_default,
        })
    }

    fn from_row(row: &Row) -> Result<CustomStatus, Error> {
        Ok(CustomStatus {
            id: row.int("id")?,
            status: Status::parse(&row.text("status")?).ok_or(StoreError::Column("status"))?,
            agent_label: row.text("agent_label")?,
            end_user_label: row.text_or_null("end_user_label")?,
            description: row.text_or_null("description")?,
            end_user_description: row.text_or_null("end_user_description")?,
            active: row.flag("active")?,
            is_default: row.flag("is_default")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
