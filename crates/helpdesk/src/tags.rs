//! Tags: short labels that staff and rules put on tickets.
//!
//! A name is unique, and case counts: `Refund` and `refund` are two tags (Gorgias contract, `tags`).
//! Renaming keeps the id, so tickets keep the tag. Merging is a job (`jobs/merge_tags.rs`): it can touch every ticket. While it runs,
//! a tag that is being merged is no longer found, and its name means the tag it goes into.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Tags;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};
use crate::rules::uses;
use crate::views::references::{self, Named};

/// Longest name, in characters (Gorgias contract, `tags`).
pub const NAME_MAX_CHARS: usize = 256;
/// Longest description, in characters (Gorgias contract, `tags`).
pub const DESCRIPTION_MAX_CHARS: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    /// `#rrggbb`, or none to let the page choose.
    pub color: Option<String>,
    /// Tickets that carry it.
    pub usage: i64,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub struct NewTag {
    pub name: String,
    pub description: Option<String>,
    pub color: Option<String>,
}

/// What a call changes of a tag. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub color: Option<Option<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Name,
    /// Then by name, in the same direction.
    Usage,
}

/// Served by `tags_by_created`, `tags_by_name`, `tags_by_usage`. `search`, part of the name in any case of its letters, reads along them.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Tags>,
    search: Option<&str>,
    sort: Sort,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Tag>, Error> {
    let mut query = Query::new(select_tags!());
    if let Some(search) = search {
        let pattern = query.bind(part_pattern(&search.to_lowercase()));
        query.and_text(&format!("g.name_key like {pattern} escape '!'"));
    }
    let columns: &'static [Column] = match sort {
        Sort::Created => &[Column::Int("g.created_at", "created_at"), Column::Int("g.id", "id")],
        Sort::Name => &[Column::Text("g.name", "name")],
        Sort::Usage => &[Column::Int("g.usage", "usage"), Column::Text("g.name", "name")],
    };
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Tag::from_row(&row))
}

/// The tag with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Tags>, id: i64) -> Result<Tag, Error> {
    read(tx, id).await
}

/// The id of the tag with exactly this name.
pub async fn named(tx: &mut Tx, _may: &CanRead<Tags>, name: &str) -> Result<Option<i64>, Error> {
    id_of(tx, name).await
}

/// Creates a tag. `Invalid` for a bad length, `Taken` if there is one of this name.
pub async fn create(tx: &mut Tx, may: &CanWrite<Tags>, now: Timestamp, new: &NewTag) -> Result<Tag, Error> {
    check_name(&new.name)?;
    match insert(tx, may.actor(), now, new).await? {
        Some(tag) => Ok(tag),
        None => Err(Error::Taken { kind: "tag", field: "name" }),
    }
}

/// The ids of tags by name, in the order asked; those missing are made as described. `Invalid` for a bad length, on `name`.
pub async fn find_or_create_by_names(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    tags: &[NewTag],
) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::with_capacity(tags.len());
    for tag in tags {
        check_name(&tag.name)?;
        let id = match id_of(tx, &tag.name).await? {
            Some(id) => id,
            None => match insert(tx, actor, now, tag).await? {
                Some(tag) => tag.id,
                // Somebody made it since we looked.
                None => id_of(tx, &tag.name).await?.ok_or(StoreError::Column("id"))?,
            },
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Changes what was sent. `Taken` if another tag has the name.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Tags>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Tag, Error> {
    lock(tx, id).await?;
    let before = read(tx, id).await?;
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        check_name(name)?;
        after.name.clone_from(name);
    }
    after.description = changes.description.clone().unwrap_or(after.description);
    after.color = changes.color.clone().unwrap_or(after.color);
    if after == before {
        return Ok(after);
    }
    let written = tx
        .run(
            "update tags set name = $1, name_key = $2, description = $3, color = $4 where id = $5",
            &[
                after.name.as_str().into(),
                after.name.to_lowercase().into(),
                after.description.as_ref().into(),
                after.color.as_ref().into(),
                id.into(),
            ],
        )
        .await;
    match written {
        Ok(_) => {}
        Err(StoreError::NotUnique(_)) => return Err(Error::Taken { kind: "tag", field: "name" }),
        Err(error) => return Err(error.into()),
    }
    if after.name != before.name {
        references::renamed_tag(tx, may.actor(), now, &before.name, &after.name).await?;
    }
    let (old, new) = events::difference(before.fields(), after.fields());
    let kind = if after.name == before.name { "tag-updated" } else { "tag-renamed" };
    record(tx, may.actor(), now, kind, id, Some(old), Some(new)).await?;
    Ok(after)
}

/// Removes a tag for good, from its tickets too. `InUse` while a macro puts it on tickets, or a rule names it. Served by
/// `macro_tags_by_name`.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Tags>, now: Timestamp, id: i64) -> Result<(), Error> {
    delete_many(tx, may, now, &[id]).await
}

/// Removes several tags, or none of them.
pub async fn delete_many(tx: &mut Tx, may: &CanWrite<Tags>, now: Timestamp, ids: &[i64]) -> Result<(), Error> {
    let rules = uses::all(tx).await?;
    for (index, id) in ids.iter().enumerate() {
        if !ids[..index].contains(id) {
            delete_one(tx, may, now, *id, &rules).await?;
        }
    }
    Ok(())
}

async fn delete_one(
    tx: &mut Tx,
    may: &CanWrite<Tags>,
    now: Timestamp,
    id: i64,
    rules: &[uses::Uses],
) -> Result<(), Error> {
    lock(tx, id).await?;
    let tag = read(tx, id).await?;
    let used = tx
        .row(
            "select m.name from macro_tags k join macros m on m.id = k.macro_id
             where k.name = $1 and m.archived = 0 order by m.id limit 1",
            &[tag.name.as_str().into()],
        )
        .await?;
    if let Some(used) = used {
        let problem = format!("The macro {:?} puts it on tickets.", used.text("name")?);
        return Err(Error::InUse { kind: "tag", id, problem });
    }
    if let Some(rule) = rules.iter().find(|rule| rule.names_tag(&tag.name)) {
        return Err(Error::InUse { kind: "tag", id, problem: format!("The rule {:?} names it.", rule.name) });
    }
    // With it go tags that are on their way into it.
    tx.run("delete from tags where id = $1 or merged_into = $1", &[id.into()]).await?;
    references::lost(tx, may.actor(), now, Named::Tag(&tag.name)).await?;
    record(tx, may.actor(), now, "tag-deleted", id, Some(tag.fields()), None).await
}

/// The columns that `Tag::from_row` reads, of the tags that are not about to be merged away.
macro_rules! select_tags {
    () => {
        "select g.id, g.name, g.description, g.color, g.usage, g.created_at from tags g where g.merged_into is null"
    };
}
use select_tags;
/// The same, for whoever reads tags in another order.
pub(crate) const SELECT: &str = select_tags!();

pub(crate) async fn read(tx: &mut Tx, id: i64) -> Result<Tag, Error> {
    match tx.row(concat!(select_tags!(), " and g.id = $1"), &[id.into()]).await? {
        Some(row) => Tag::from_row(&row),
        None => Err(Error::NotFound { kind: "tag", id }),
    }
}

/// Holds a tag's row until the end of the transaction: of two changes at once, the second sees the first.
pub(crate) async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update tags set usage = usage where id = $1", &[id.into()]).await?;
    Ok(())
}

/// Whether there is a tag of this name.
pub(crate) async fn is_there(tx: &mut Tx, name: &str) -> Result<bool, Error> {
    Ok(id_of(tx, name).await?.is_some())
}

/// The tag that a name means now.
async fn id_of(tx: &mut Tx, name: &str) -> Result<Option<i64>, Error> {
    let row = tx.row("select id, merged_into from tags where name = $1", &[name.into()]).await?;
    match row {
        Some(row) => Ok(Some(row.int_or_null("merged_into")?.map_or_else(|| row.int("id"), Ok)?)),
        None => Ok(None),
    }
}

/// None if there is one of this name.
async fn insert(tx: &mut Tx, actor: &Actor, now: Timestamp, new: &NewTag) -> Result<Option<Tag>, Error> {
    // `do nothing` rather than a caught error: an error would end the whole transaction on PostgreSQL.
    let row = tx
        .row(
            "insert into tags (name, name_key, description, color, created_at) values ($1, $2, $3, $4, $5)
             on conflict (name) do nothing returning id, name, description, color, usage, created_at",
            &[
                new.name.as_str().into(),
                new.name.to_lowercase().into(),
                new.description.as_ref().into(),
                new.color.as_ref().into(),
                now.into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let tag = Tag::from_row(&row)?;
    record(tx, actor, now, "tag-created", tag.id, None, Some(tag.fields())).await?;
    Ok(Some(tag))
}

fn check_name(name: &str) -> Result<(), Error> {
    let n_chars = name.chars().count();
    if n_chars == 0 || NAME_MAX_CHARS < n_chars || name.contains('\0') {
        return Err(Error::invalid("name", format!("Must have 1 to {NAME_MAX_CHARS} characters, has {n_chars}.")));
    }
    Ok(())
}

pub(crate) async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "Tag", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Tag {
    pub(crate) fn from_row(row: &Row) -> Result<Tag, Error> {
        Ok(Tag {
            id: row.int("id")?,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            color: row.text_or_null("color")?,
            usage: row.int("usage")?,
            created_at: row.time("created_at")?,
        })
    }

    /// What events tell of a tag.
    pub(crate) fn fields(&self) -> Json {
        json!({ "name": self.name, "description": self.description, "color": self.color })
    }
}
