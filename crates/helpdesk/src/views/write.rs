//! Making, changing, arranging and deleting views.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::Views;
use serde_json::{Value as Json, json};
use store::{StoreError, Tx};

use super::{Lists, View, Visibility, fill_sharing, items, read};
use crate::Error;
use crate::events::{self, Change};
use crate::filter::Condition;
use crate::page::Query;
use crate::tickets::matching::Sort;

/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 255;
/// Most people and most teams that a view is shared with (Gorgias contract, `views`).
pub const SHARED_MAX: usize = 100;

#[derive(Debug, Clone)]
pub struct NewView {
    /// None: made of the name.
    pub slug: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub lists: Lists,
    pub condition: Condition,
    pub source: String,
    pub search: Option<String>,
    pub fields: Vec<String>,
    pub sort: Sort,
    pub descending: bool,
    pub visibility: Visibility,
    pub person_ids: Vec<i64>,
    pub team_ids: Vec<i64>,
    pub decoration: Option<Json>,
    pub section_id: Option<i64>,
}

/// What a call changes. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub slug: Option<String>,
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    /// In use, or put out of it.
    pub active: Option<bool>,
    /// Its place in the order of people.
    pub display_order: Option<i64>,
    pub lists: Option<Lists>,
    /// With the text it was read from.
    pub condition: Option<(Condition, String)>,
    pub search: Option<Option<String>>,
    pub fields: Option<Vec<String>>,
    pub sort: Option<Sort>,
    pub descending: Option<bool>,
    pub visibility: Option<Visibility>,
    pub person_ids: Option<Vec<i64>>,
    pub team_ids: Option<Vec<i64>>,
    pub decoration: Option<Option<Json>>,
    pub section_id: Option<Option<i64>>,
}

/// Adds a view at the end. `Invalid` for a condition that cannot be asked, people or teams that are not there, or sharing that does not
/// fit the visibility.
pub async fn create(tx: &mut Tx, may: &CanWrite<Views>, now: Timestamp, new: &NewView) -> Result<View, Error> {
    let actor = may.actor();
    items::check(new.lists, &new.condition)?;
    check_sharing(tx, new.visibility, &new.person_ids, &new.team_ids).await?;
    let slug = new.slug.clone().filter(|slug| !slug.is_empty()).unwrap_or_else(|| slug_of(&new.name));
    let row = tx
        .row(
            "insert into views (slug, name, lists, condition, source, search, fields, sort, descending, visibility, decoration,
                                section_id, description, display_order, created_by, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                     (select coalesce(max(display_order), 0) + 1 from views), $14, $15, $15)
             returning id",
            &[
                slug.into(),
                new.name.as_str().into(),
                new.lists.word().into(),
                stored(&new.condition)?.into(),
                new.source.as_str().into(),
                new.search.as_ref().into(),
                json!(new.fields).into(),
                new.sort.word().into(),
                new.descending.into(),
                new.visibility.word().into(),
                new.decoration.as_ref().into(),
                new.section_id.into(),
                new.description.as_ref().into(),
                actor.person_id.into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    share(tx, id, &new.person_ids, &new.team_ids).await?;
    let view = read(tx, actor, id).await?;
    record(tx, actor, now, "view-created", id, None, Some(view.facts())).await?;
    Ok(view)
}

/// Changes what was sent. `Refused` where it would make one of the account's own views something else. A new condition makes a
/// deactivated view active again.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Views>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<View, Error> {
    let actor = may.actor();
    lock(tx, id).await?;
    let before = read(tx, actor, id).await?;
    let mut after = before.clone();
    set(&mut after.slug, &changes.slug);
    set(&mut after.name, &changes.name);
    set(&mut after.description, &changes.description);
    set(&mut after.display_order, &changes.display_order);
    set(&mut after.lists, &changes.lists);
    set(&mut after.search, &changes.search);
    set(&mut after.fields, &changes.fields);
    set(&mut after.sort, &changes.sort);
    set(&mut after.descending, &changes.descending);
    set(&mut after.visibility, &changes.visibility);
    set(&mut after.decoration, &changes.decoration);
    set(&mut after.section_id, &changes.section_id);
    if let Some((condition, source)) = &changes.condition {
        if *condition != before.condition {
            after.deactivated_at = None;
        }
        after.condition = condition.clone();
        after.source.clone_from(source);
    }
    match changes.active {
        Some(true) => after.deactivated_at = None,
        Some(false) => after.deactivated_at = after.deactivated_at.or(Some(now)),
        None => {}
    }
    let is_another = after.condition != before.condition
        || after.lists != before.lists
        || after.visibility != before.visibility
        || after.search != before.search;
    if before.system.is_some() && is_another {
        return Err(Error::Refused(format!("{} is a system view: what it holds cannot be changed.", before.name)));
    }
    items::check(after.lists, &after.condition)?;
    let people = changes.person_ids.clone().unwrap_or_else(|| before.people.iter().map(|person| person.id).collect());
    let teams = changes.team_ids.clone().unwrap_or_else(|| before.teams.iter().map(|team| team.id).collect());
    if changes.visibility.is_some() || changes.person_ids.is_some() || changes.team_ids.is_some() {
        check_sharing(tx, after.visibility, &people, &teams).await?;
        share(tx, id, &people, &teams).await?;
    }
    write(tx, now, &after).await?;
    after.updated_at = now;
    // Whoever takes themselves off a view is still told what came of it.
    after.people.clear();
    after.teams.clear();
    let mut written = [after];
    fill_sharing(tx, &mut written).await?;
    let [after] = written;
    let (old, new) = events::difference(before.facts(), after.facts());
    if new != json!({}) {
        record(tx, actor, now, "view-updated", id, Some(old), Some(new)).await?;
    }
    Ok(after)
}

/// Arranges views: these come in this order, in the places that they have together. Those that the person may not see stay where they are.
pub async fn arrange(tx: &mut Tx, may: &CanWrite<Views>, now: Timestamp, ids: &[i64]) -> Result<(), Error> {
    let mut views = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        if !ids[..at].contains(id) {
            lock(tx, *id).await?;
            views.push(read(tx, may.actor(), *id).await?);
        }
    }
    let mut places: Vec<i64> = views.iter().map(|view| view.display_order).collect();
    places.sort_unstable();
    for (view, place) in views.into_iter().zip(places) {
        if view.display_order == place {
            continue;
        }
        tx.run(
            "update views set display_order = $1, updated_at = $2 where id = $3",
            &[place.into(), now.into(), view.id.into()],
        )
        .await?;
        let before = json!({ "display_order": view.display_order });
        let after = json!({ "display_order": place });
        record(tx, may.actor(), now, "view-updated", view.id, Some(before), Some(after)).await?;
    }
    Ok(())
}

/// Removes a view for good. `Refused` for one of the account's own.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Views>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    let view = read(tx, may.actor(), id).await?;
    if view.system.is_some() {
        return Err(Error::Refused(format!("{} is a system view and cannot be deleted.", view.name)));
    }
    tx.run("delete from views where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, "view-deleted", id, Some(view.facts()), None).await
}

/// Holds the row until the transaction ends.
async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update views set updated_at = updated_at where id = $1", &[id.into()]).await?;
    Ok(())
}

pub(super) async fn write(tx: &mut Tx, now: Timestamp, view: &View) -> Result<(), Error> {
    tx.run(
        "update views set slug = $1, name = $2, lists = $3, condition = $4, source = $5, search = $6, fields = $7, sort = $8,
                          descending = $9, visibility = $10, decoration = $11, section_id = $12, deactivated_at = $13,
                          updated_at = $14, description = $15, display_order = $16
         where id = $17",
        &[
            view.slug.as_str().into(),
            view.name.as_str().into(),
            view.lists.word().into(),
            stored(&view.condition)?.into(),
            view.source.as_str().into(),
            view.search.as_ref().into(),
            json!(view.fields).into(),
            view.sort.word().into(),
            view.descending.into(),
            view.visibility.word().into(),
            view.decoration.as_ref().into(),
            view.section_id.into(),
            view.deactivated_at.into(),
            now.into(),
            view.description.as_ref().into(),
            view.display_order.into(),
            view.id.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn check_sharing(tx: &mut Tx, visibility: Visibility, people: &[i64], teams: &[i64]) -> Result<(), Error> {
    match visibility {
        Visibility::Private if people.len() != 1 || !teams.is_empty() => {
            return Err(Error::invalid("shared_with_users", "A private view is shared with exactly one user."));
        }
        Visibility::Shared if people.is_empty() && teams.is_empty() => {
            return Err(Error::invalid("shared_with_users", "A shared view is shared with at least one user or team."));
        }
        _ => {}
    }
    let staff = Query::new("select id from people where is_staff = 1 and deleted_at is null");
    check_there(tx, staff, people, "shared_with_users", "No user has this id.").await?;
    check_there(tx, Query::new("select id from teams where 1 = 1"), teams, "shared_with_teams", "No team has this id.")
        .await
}

async fn check_there(tx: &mut Tx, mut query: Query, ids: &[i64], field: &str, problem: &str) -> Result<(), Error> {
    if SHARED_MAX < ids.len() {
        return Err(Error::invalid(field, format!("Longer than maximum length {SHARED_MAX}.")));
    }
    if ids.is_empty() {
        return Ok(());
    }
    query.and_in("id", ids.iter().copied());
    let mut there = Vec::with_capacity(ids.len());
    for row in tx.rows(&query.sql, &query.params).await? {
        there.push(row.int("id")?);
    }
    match ids.iter().position(|id| !there.contains(id)) {
        Some(at) => Err(Error::invalid(format!("{field}.{at}"), problem)),
        None => Ok(()),
    }
}

async fn share(tx: &mut Tx, id: i64, people: &[i64], teams: &[i64]) -> Result<(), Error> {
    tx.run("delete from view_people where view_id = $1", &[id.into()]).await?;
    tx.run("delete from view_teams where view_id = $1", &[id.into()]).await?;
    for person_id in people {
        let sql =
            "insert into view_people (view_id, person_id) values ($1, $2) on conflict (view_id, person_id) do nothing";
        tx.run(sql, &[id.into(), (*person_id).into()]).await?;
    }
    for team_id in teams {
        let sql = "insert into view_teams (view_id, team_id) values ($1, $2) on conflict (view_id, team_id) do nothing";
        tx.run(sql, &[id.into(), (*team_id).into()]).await?;
    }
    Ok(())
}

pub(super) async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    kind: &str,
    id: i64,
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "View", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

fn stored(condition: &Condition) -> Result<String, Error> {
    Ok(serde_json::to_string(condition).map_err(|_| StoreError::Column("condition"))?)
}

fn set<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

/// `Late orders!` is `late-orders`. A name without letters has the slug `view`.
fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "view".to_owned() } else { slug.to_owned() }
}
