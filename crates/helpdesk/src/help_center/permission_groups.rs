//! Permission groups: who besides managers writes an article, and who shows it to its readers, by user segment. They are few.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{by_id, is_manager, of_field, record, record_difference, user_segments};
use crate::Error;
use crate::account::filled;
use crate::page::{Page, Query, Slice};

pub const NAME_MAX_CHARS: usize = 255;
/// Most groups, and most segments of each list of one.
const GROUPS_MAX: i64 = 200;
const LIST_MAX: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionGroup {
    pub id: i64,
    pub name: String,
    pub built_in: bool,
    /// Ids of segments, as in the next.
    pub edit: Vec<i64>,
    pub publish: Vec<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a call changes. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub edit: Option<Vec<i64>>,
    pub publish: Option<Vec<i64>>,
}

const SELECT: &str = "select x.id, x.name, x.built_in, x.edit, x.publish, x.created_at, x.updated_at from help_permission_groups x where 1 = 1";

/// By id.
pub async fn list(tx: &mut Tx, _may: &CanRead<HelpCenter>, slice: &Slice) -> Result<Page<PermissionGroup>, Error> {
    Query::new(SELECT).page(tx, by_id(false), slice).await?.try_map(|row| PermissionGroup::from_row(&row))
}

/// The group with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<HelpCenter>, id: i64) -> Result<PermissionGroup, Error> {
    read(tx, id).await
}

pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    new: &Changes,
) -> Result<PermissionGroup, Error> {
    let row = tx.row("select count(*) as n from help_permission_groups", &[]).await?;
    if GROUPS_MAX <= row.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {GROUPS_MAX} permission groups already, and no room for more.")));
    }
    let name = filled("name", new.name.as_deref().unwrap_or_default(), NAME_MAX_CHARS)?;
    let (edit, publish) = (new.edit.clone().unwrap_or_default(), new.publish.clone().unwrap_or_default());
    check(tx, &edit, &publish).await?;
    let row = tx
        .row(
            "insert into help_permission_groups (name, built_in, edit, publish, created_at, updated_at) values ($1, 0, $2, $3, $4, $4) returning id",
            &[name.into(), json!(edit).into(), json!(publish).into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let made = read(tx, id).await?;
    record(tx, may.actor(), now, ("permission-group-created", "PermissionGroup", id), (None, Some(made.facts())))
        .await?;
    Ok(made)
}

/// Changes what was sent. Built-in ones stay as they are.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<PermissionGroup, Error> {
    let before = take(tx, id).await?;
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        after.name = filled("name", name, NAME_MAX_CHARS)?.to_owned();
    }
    after.edit = changes.edit.clone().unwrap_or(after.edit);
    after.publish = changes.publish.clone().unwrap_or(after.publish);
    check(tx, &after.edit, &after.publish).await?;
    tx.run(
        "update help_permission_groups set name = $1, edit = $2, publish = $3, updated_at = $4 where id = $5",
        &[after.name.as_str().into(), json!(after.edit).into(), json!(after.publish).into(), now.into(), id.into()],
    )
    .await?;
    let what = ("permission-group-updated", "PermissionGroup", id);
    record_difference(tx, may.actor(), now, what, (before.facts(), after.facts())).await?;
    read(tx, id).await
}

/// Deletes a group. `InUse` while an article has it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenterStructure>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    // Archived articles keep theirs.
    let sql = "select 1 as one from help_articles where permission_group_id = $1 limit 1";
    if tx.row(sql, &[id.into()]).await?.is_some() {
        let problem = "The permission group is used by articles.".to_owned();
        return Err(Error::InUse { kind: "permission group", id, problem });
    }
    tx.run("delete from help_permission_groups where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("permission-group-deleted", "PermissionGroup", id), (Some(gone.facts()), None)).await
}

/// Whether somebody may write what is in a group, and show it to readers if they do that. `Invalid` for a group that is not there.
pub(super) async fn must_be_in(tx: &mut Tx, actor: &Actor, id: i64, publishes: bool) -> Result<(), Error> {
    let group = read(tx, id).await.map_err(|error| match error {
        Error::NotFound { .. } => Error::invalid("permission_group_id", "is not there"),
        other => other,
    })?;
    if is_manager(actor) {
        return Ok(());
    }
    let mut segments = group.publish;
    if !publishes {
        segments.extend(group.edit);
    }
    if user_segments::hold_actor(tx, actor, &segments).await? {
        return Ok(());
    }
    let what = if publishes { "publish" } else { "edit" };
    Err(Error::Forbidden(format!("The article's permission group does not let you {what} it.")))
}

/// Whether any group names this segment.
pub(super) async fn name_segment(tx: &mut Tx, segment_id: i64) -> Result<bool, Error> {
    for row in tx.rows(SELECT, &[]).await? {
        let group = PermissionGroup::from_row(&row)?;
        if group.edit.contains(&segment_id) || group.publish.contains(&segment_id) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn check(tx: &mut Tx, edit: &[i64], publish: &[i64]) -> Result<(), Error> {
    for (field, ids) in [("edit", edit), ("publish", publish)] {
        if LIST_MAX < ids.len() {
            return Err(Error::invalid(field, format!("has more than {LIST_MAX} items")));
        }
        for id in ids {
            of_field(user_segments::must_exist(tx, *id).await, field, format!("{id} is not a user segment"))?;
        }
    }
    Ok(())
}

async fn take(tx: &mut Tx, id: i64) -> Result<PermissionGroup, Error> {
    tx.run("update help_permission_groups set updated_at = updated_at where id = $1", &[id.into()]).await?;
    let group = read(tx, id).await?;
    if group.built_in {
        return Err(Error::Forbidden("A built-in permission group stays as it is.".to_owned()));
    }
    Ok(group)
}

async fn read(tx: &mut Tx, id: i64) -> Result<PermissionGroup, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(PermissionGroup::from_row).transpose()?.ok_or(Error::NotFound { kind: "permission group", id })
}

impl PermissionGroup {
    fn from_row(row: &Row) -> Result<PermissionGroup, Error> {
        let ids = |json: Option<Json>| json.and_then(|ids| serde_json::from_value(ids).ok()).unwrap_or_default();
        Ok(PermissionGroup {
            id: row.int("id")?,
            name: row.text("name")?,
            built_in: row.flag("built_in")?,
            edit: ids(row.json("edit")?),
            publish: ids(row.json("publish")?),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({ "name": self.name, "edit": self.edit, "publish": self.publish })
    }
}
