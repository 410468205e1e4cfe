//! Groups of rules on events, in an order: the rules of the first one run before those of the next.
//!
//! There is always one: rules that are made where nobody knows of groups stand in the first.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Triggers;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::Rule;
use super::place::{self, Place};
use crate::Error;
use crate::events::{self, Change};

pub const NAME_MAX_CHARS: usize = 255;
/// Most categories of an account.
pub const CATEGORIES_MAX: i64 = 500;
const POSITION_MAX: i64 = 1_000_000_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    pub id: i64,
    pub name: String,
    /// Lower runs first, then the older one.
    pub position: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Rules in it that are on, and that are off.
    pub n_active: i64,
    pub n_inactive: i64,
}

const SELECT: &str = "select c.id, c.name, c.position, coalesce(nullif(c.created_at, 0), a.created_at, 0) as created_at,
                             coalesce(nullif(c.updated_at, 0), a.created_at, 0) as updated_at,
                             (select count(*) from rules r where r.category_id = c.id and r.deactivated_at is null) as n_active,
                             (select count(*) from rules r where r.category_id = c.id and r.deactivated_at is not null) as n_inactive
                      from rule_categories c left join account a on a.id = 1";

/// All of them in their order; there are at most `CATEGORIES_MAX`.
pub async fn in_order(tx: &mut Tx, _may: &CanRead<Triggers>) -> Result<Vec<Category>, Error> {
    let sql = format!("{SELECT} order by c.position, c.id limit {CATEGORIES_MAX}");
    tx.rows(&sql, &[]).await?.iter().map(Category::from_row).collect()
}

/// The category with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Triggers>, id: i64) -> Result<Category, Error> {
    read(tx, id).await
}

/// Adds a category; without a place, behind the others.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Triggers>,
    now: Timestamp,
    name: &str,
    position: Option<i64>,
) -> Result<Category, Error> {
    check_name(name)?;
    let row = tx.row("select count(*) as n, max(position) as last from rule_categories", &[]).await?;
    let row = row.ok_or(StoreError::Column("n"))?;
    if CATEGORIES_MAX <= row.int("n")? {
        return Err(Error::Refused(format!("There are {CATEGORIES_MAX} categories already; delete one first.")));
    }
    let position = match position {
        Some(position) => {
            make_room(tx, may.actor(), now, (position, 0)).await?;
            check_position(position)?
        }
        None => row.int_or_null("last")?.unwrap_or_default().saturating_add(1),
    };
    let made = tx
        .row(
            "insert into rule_categories (name, position, created_at, updated_at) values ($1, $2, $3, $3) returning id",
            &[name.into(), position.into(), now.into()],
        )
        .await?;
    let made = read(tx, made.ok_or(StoreError::Column("id"))?.int("id")?).await?;
    record(tx, may.actor(), now, ("rule-category-created", made.id), None, Some(made.fields())).await?;
    Ok(made)
}

/// Changes what is said. Whoever stands at a new place moves on.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Triggers>,
    now: Timestamp,
    id: i64,
    name: Option<&str>,
    position: Option<i64>,
) -> Result<Category, Error> {
    let old = read(tx, id).await?;
    if let Some(name) = name {
        check_name(name)?;
    }
    if let Some(position) = position.filter(|position| *position != old.position) {
        check_position(position)?;
        make_room(tx, may.actor(), now, (position, id)).await?;
    }
    write(tx, may.actor(), now, &old, name, position).await
}

/// Removes an empty one. `InUse` while it holds rules; `Refused` for the last one.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Triggers>, now: Timestamp, id: i64) -> Result<(), Error> {
    let old = read(tx, id).await?;
    let n_rules = old.n_active + old.n_inactive;
    if 0 < n_rules {
        let problem = format!("It holds {n_rules} trigger{}.", if n_rules == 1 { "" } else { "s" });
        return Err(Error::InUse { kind: "trigger category", id, problem });
    }
    if count(tx).await? <= 1 {
        return Err(Error::Refused("The last category stays: new triggers go into it.".to_owned()));
    }
    tx.run("delete from rule_categories where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("rule-category-deleted", id), Some(old.fields()), None).await
}

/// Sets places of categories and of rules, all of them or none: exactly as they are said, whoever stands there.
pub async fn arrange(
    tx: &mut Tx,
    may: &CanWrite<Triggers>,
    now: Timestamp,
    categories: &[(i64, i64)],
    places: &[Place],
) -> Result<(Vec<Category>, Vec<Rule>), Error> {
    for (id, position) in categories {
        let old = read(tx, *id).await?;
        write(tx, may.actor(), now, &old, None, Some(check_position(*position)?)).await?;
    }
    let rules = place::put_all(tx, may, now, places).await?;
    let mut arranged = Vec::with_capacity(categories.len());
    for (id, _) in categories {
        arranged.push(read(tx, *id).await?);
    }
    Ok((arranged, rules))
}

pub(super) async fn must_exist(tx: &mut Tx, id: i64) -> Result<i64, Error> {
    match tx.row("select id from rule_categories where id = $1", &[id.into()]).await? {
        Some(row) => Ok(row.int("id")?),
        None => Err(Error::invalid("category_id", format!("{id} is no category."))),
    }
}

/// Where rules go that name none.
pub(super) async fn first(tx: &mut Tx) -> Result<i64, Error> {
    let row = tx.row("select id from rule_categories order by position, id limit 1", &[]).await?;
    Ok(row.ok_or(StoreError::Column("id"))?.int("id")?)
}

pub(super) async fn count(tx: &mut Tx) -> Result<i64, Error> {
    let row = tx.row("select count(*) as n from rule_categories", &[]).await?;
    Ok(row.ok_or(StoreError::Column("n"))?.int("n")?)
}

async fn read(tx: &mut Tx, id: i64) -> Result<Category, Error> {
    match tx.row(&format!("{SELECT} where c.id = $1"), &[id.into()]).await? {
        Some(row) => Category::from_row(&row),
        None => Err(Error::NotFound { kind: "trigger category", id }),
    }
}

async fn write(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    old: &Category,
    name: Option<&str>,
    position: Option<i64>,
) -> Result<Category, Error> {
    let name = name.unwrap_or(&old.name);
    let position = position.unwrap_or(old.position);
    if (name, position) == (old.name.as_str(), old.position) {
        return Ok(old.clone());
    }
    tx.run(
        "update rule_categories set name = $1, position = $2, updated_at = $3 where id = $4",
        &[name.into(), position.into(), now.into(), old.id.into()],
    )
    .await?;
    let new = read(tx, old.id).await?;
    let (before, after) = events::difference(old.fields(), new.fields());
    record(tx, actor, now, ("rule-category-updated", old.id), Some(before), Some(after)).await?;
    Ok(new)
}

/// Moves those on that stand at this place or, then, at the next one.
async fn make_room(tx: &mut Tx, actor: &Actor, now: Timestamp, (position, for_id): (i64, i64)) -> Result<(), Error> {
    let sql =
        format!("{SELECT} where c.position >= $1 and c.id <> $2 order by c.position, c.id limit {CATEGORIES_MAX}");
    let rows = tx.rows(&sql, &[position.into(), for_id.into()]).await?;
    let mut taken = position;
    for row in &rows {
        let other = Category::from_row(row)?;
        if taken < other.position {
            break;
        }
        taken += 1;
        write(tx, actor, now, &other, None, Some(taken)).await?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    let n_chars = name.trim().chars().count();
    if n_chars == 0 || NAME_MAX_CHARS < n_chars || name.contains('\0') {
        return Err(Error::invalid("name", format!("Must have 1 to {NAME_MAX_CHARS} characters.")));
    }
    Ok(())
}

fn check_position(position: i64) -> Result<i64, Error> {
    if (0..=POSITION_MAX).contains(&position) {
        return Ok(position);
    }
    Err(Error::invalid("position", format!("Must be 0 to {POSITION_MAX}.")))
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    before: Option<Json>,
    after: Option<Json>,
) -> Result<(), Error> {
    let change = Change { kind, object_type: "RuleCategory", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Category {
    fn from_row(row: &Row) -> Result<Category, Error> {
        Ok(Category {
            id: row.int("id")?,
            name: row.text("name")?,
            position: row.int("position")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            n_active: row.int("n_active")?,
            n_inactive: row.int("n_inactive")?,
        })
    }

    fn fields(&self) -> Json {
        json!({ "name": self.name, "position": self.position })
    }
}
