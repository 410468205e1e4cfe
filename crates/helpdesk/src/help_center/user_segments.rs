//! User segments: people by what they are, whom articles are kept to. They are few, and are read whole.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{by_id, is_manager, permission_groups, record, record_difference};
use crate::Error;
use crate::account::filled;
use crate::own_tags::{clean_tags, tags_of};
use crate::page::{Page, Query, Slice};

pub const NAME_MAX_CHARS: usize = 255;
/// Most segments, and most ids in each list of one.
const SEGMENTS_MAX: i64 = 200;
const LIST_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub id: i64,
    pub name: String,
    pub user_type: UserType,
    pub built_in: bool,
    pub rules: Rules,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserType {
    #[default]
    SignedIn,
    Staff,
}

impl UserType {
    pub const fn word(self) -> &'static str {
        match self {
            UserType::SignedIn => "signed_in_users",
            UserType::Staff => "staff",
        }
    }

    pub fn parse(word: &str) -> Option<UserType> {
        [UserType::SignedIn, UserType::Staff].into_iter().find(|it| it.word() == word)
    }
}

/// Who belongs to it besides: whoever fits every list that is not empty, and those who are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// In one of these.
    pub group_ids: Vec<i64>,
    pub organization_ids: Vec<i64>,
    /// With all of these.
    pub tags: Vec<String>,
    /// With one of these.
    pub or_tags: Vec<String>,
    pub added_user_ids: Vec<i64>,
}

/// What a call changes. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub user_type: Option<UserType>,
    pub group_ids: Option<Vec<i64>>,
    pub organization_ids: Option<Vec<i64>>,
    pub tags: Option<Vec<String>>,
    pub or_tags: Option<Vec<String>>,
    pub added_user_ids: Option<Vec<i64>>,
}

/// Which segments.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    All,
    BuiltIn(bool),
    /// Those that the caller may keep an article to.
    Applicable,
    OfPerson(i64),
}

const SELECT: &str = "select x.id, x.name, x.user_type, x.built_in, x.rules, x.created_at, x.updated_at from user_segments x where 1 = 1";

/// By id.
pub async fn list(tx: &mut Tx, may: &CanRead<HelpCenter>, which: Which, slice: &Slice) -> Result<Page<Segment>, Error> {
    let mut query = Query::new(SELECT);
    match which {
        Which::All => {}
        Which::BuiltIn(built_in) => query.and("x.built_in =", built_in),
        Which::Applicable if is_manager(may.actor()) => {}
        Which::Applicable => {
            let ids = ids_of_person(tx, may.actor().person_id.unwrap_or_default()).await?;
            query.and_in("x.id", ids);
        }
        Which::OfPerson(id) => {
            if crate::profiles::is_staff(tx, id).await?.is_none() {
                return Err(Error::NotFound { kind: "user", id });
            }
            let ids = ids_of_person(tx, id).await?;
            query.and_in("x.id", ids);
        }
    }
    query.page(tx, by_id(false), slice).await?.try_map(|row| Segment::from_row(&row))
}

/// The segment with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<HelpCenter>, id: i64) -> Result<Segment, Error> {
    read(tx, id).await
}

pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    new: &Changes,
) -> Result<Segment, Error> {
    let row = tx.row("select count(*) as n from user_segments", &[]).await?;
    if SEGMENTS_MAX <= row.ok_or(StoreError::Column("n"))?.int("n")? {
        return Err(Error::Refused(format!("There are {SEGMENTS_MAX} user segments already, and no room for more.")));
    }
    let empty = Segment {
        id: 0,
        name: String::new(),
        user_type: UserType::default(),
        built_in: false,
        rules: Rules::default(),
        created_at: now,
        updated_at: now,
    };
    let segment = empty.changed(new)?;
    let row = tx
        .row(
            "insert into user_segments (name, user_type, built_in, rules, created_at, updated_at) values ($1, $2, 0, $3, $4, $4) returning id",
            &[
                segment.name.as_str().into(),
                segment.user_type.word().into(),
                segment.rules.to_json().into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let made = read(tx, id).await?;
    record(tx, may.actor(), now, ("user-segment-created", "UserSegment", id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Changes what was sent. Built-in ones stay as they are.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Segment, Error> {
    let before = take(tx, id).await?;
    let after = before.changed(changes)?;
    tx.run(
        "update user_segments set name = $1, user_type = $2, rules = $3, updated_at = $4 where id = $5",
        &[
            after.name.as_str().into(),
            after.user_type.word().into(),
            after.rules.to_json().into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    let what = ("user-segment-updated", "UserSegment", id);
    record_difference(tx, may.actor(), now, what, (before.facts(), after.facts())).await?;
    read(tx, id).await
}

/// Deletes a segment. `InUse` while an article is kept to it or a permission group names it.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenterStructure>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    let sql = "select 1 as one from help_article_segments where segment_id = $1 limit 1";
    if tx.row(sql, &[id.into()]).await?.is_some() || permission_groups::name_segment(tx, id).await? {
        let problem = "The user segment is used by articles or permission groups.".to_owned();
        return Err(Error::InUse { kind: "user segment", id, problem });
    }
    tx.run("delete from user_segments where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("user-segment-deleted", "UserSegment", id), (Some(gone.facts()), None)).await
}

/// The segments that somebody belongs to. None if there is nobody.
pub(super) async fn ids_of_person(tx: &mut Tx, person_id: i64) -> Result<Vec<i64>, Error> {
    let sql = "select is_staff, tags from people where id = $1 and deleted_at is null";
    let Some(row) = tx.row(sql, &[person_id.into()]).await? else { return Ok(Vec::new()) };
    let person = Person {
        id: person_id,
        is_staff: row.flag("is_staff")?,
        tags: tags_of(&row)?,
        group_ids: ints(tx, "select team_id as id from team_members where person_id = $1", person_id).await?,
        organization_ids: ints(
            tx,
            "select organization_id as id from organization_members where customer_id = $1",
            person_id,
        )
        .await?,
    };
    let mut ids = Vec::new();
    for row in tx.rows(&format!("{SELECT} order by x.id"), &[]).await? {
        let segment = Segment::from_row(&row)?;
        if segment.holds(&person) {
            ids.push(segment.id);
        }
    }
    Ok(ids)
}

pub(super) async fn must_exist(tx: &mut Tx, id: i64) -> Result<(), Error> {
    read(tx, id).await.map(|_| ())
}

/// Whether somebody is in one of these segments.
pub(super) async fn hold_actor(tx: &mut Tx, actor: &Actor, ids: &[i64]) -> Result<bool, Error> {
    let Some(person_id) = actor.person_id.filter(|_| !ids.is_empty()) else { return Ok(false) };
    let theirs = ids_of_person(tx, person_id).await?;
    Ok(ids.iter().any(|id| theirs.contains(id)))
}

async fn ints(tx: &mut Tx, sql: &str, id: i64) -> Result<Vec<i64>, Error> {
    let rows = tx.rows(sql, &[id.into()]).await?;
    rows.iter().map(|row| Ok(row.int("id")?)).collect()
}

async fn take(tx: &mut Tx, id: i64) -> Result<Segment, Error> {
    tx.run("update user_segments set updated_at = updated_at where id = $1", &[id.into()]).await?;
    let segment = read(tx, id).await?;
    if segment.built_in {
        return Err(Error::Forbidden("A built-in user segment stays as it is.".to_owned()));
    }
    Ok(segment)
}

async fn read(tx: &mut Tx, id: i64) -> Result<Segment, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Segment::from_row).transpose()?.ok_or(Error::NotFound { kind: "user segment", id })
}

/// What counts of somebody.
struct Person {
    id: i64,
    is_staff: bool,
    tags: Vec<String>,
    group_ids: Vec<i64>,
    organization_ids: Vec<i64>,
}

impl Segment {
    fn holds(&self, person: &Person) -> bool {
        if self.user_type == UserType::Staff && !person.is_staff {
            return false;
        }
        let rules = &self.rules;
        let any = |wanted: &[i64], had: &[i64]| wanted.is_empty() || wanted.iter().any(|id| had.contains(id));
        let fits = any(&rules.group_ids, &person.group_ids)
            && any(&rules.organization_ids, &person.organization_ids)
            && rules.tags.iter().all(|tag| person.tags.contains(tag))
            && (rules.or_tags.is_empty() || rules.or_tags.iter().any(|tag| person.tags.contains(tag)));
        // Of a segment that only names people, nobody else is in.
        let only_named = !rules.added_user_ids.is_empty()
            && rules.group_ids.is_empty()
            && rules.organization_ids.is_empty()
            && rules.tags.is_empty()
            && rules.or_tags.is_empty();
        rules.added_user_ids.contains(&person.id) || (fits && !only_named)
    }

    fn changed(&self, changes: &Changes) -> Result<Segment, Error> {
        let mut after = self.clone();
        if let Some(name) = &changes.name {
            after.name.clone_from(name);
        }
        after.name = filled("name", &after.name, NAME_MAX_CHARS)?.to_owned();
        after.user_type = changes.user_type.unwrap_or(self.user_type);
        let ids = |field: &str, sent: &Option<Vec<i64>>, known: &[i64]| match sent {
            Some(ids) if LIST_MAX < ids.len() => Err(Error::invalid(field, format!("has more than {LIST_MAX} items"))),
            Some(ids) => Ok(ids.clone()),
            None => Ok(known.to_vec()),
        };
        let rules = &self.rules;
        after.rules = Rules {
            group_ids: ids("group_ids", &changes.group_ids, &rules.group_ids)?,
            organization_ids: ids("organization_ids", &changes.organization_ids, &rules.organization_ids)?,
            added_user_ids: ids("added_user_ids", &changes.added_user_ids, &rules.added_user_ids)?,
            tags: clean_tags(changes.tags.as_ref().unwrap_or(&rules.tags))?,
            or_tags: clean_tags(changes.or_tags.as_ref().unwrap_or(&rules.or_tags))?,
        };
        Ok(after)
    }

    fn from_row(row: &Row) -> Result<Segment, Error> {
        Ok(Segment {
            id: row.int("id")?,
            name: row.text("name")?,
            user_type: UserType::parse(&row.text("user_type")?).ok_or(StoreError::Column("user_type"))?,
            built_in: row.flag("built_in")?,
            rules: Rules::of_json(&row.json("rules")?.unwrap_or_default()),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({ "name": self.name, "user_type": self.user_type.word(), "rules": self.rules.to_json() })
    }
}

impl Rules {
    fn to_json(&self) -> Json {
        json!({
            "group_ids": self.group_ids, "organization_ids": self.organization_ids, "tags": self.tags,
            "or_tags": self.or_tags, "added_user_ids": self.added_user_ids,
        })
    }

    fn of_json(json: &Json) -> Rules {
        let ids = |field: &str| serde_json::from_value(json[field].clone()).unwrap_or_default();
        let words = |field: &str| serde_json::from_value(json[field].clone()).unwrap_or_default();
        Rules {
            group_ids: ids("group_ids"),
            organization_ids: ids("organization_ids"),
            tags: words("tags"),
            or_tags: words("or_tags"),
            added_user_ids: ids("added_user_ids"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(user_type: UserType, rules: Rules) -> Segment {
        let at = Timestamp::UNIX_EPOCH;
        Segment { id: 1, name: "A".to_owned(), user_type, built_in: false, rules, created_at: at, updated_at: at }
    }

    #[test]
    fn somebody_is_in_a_segment_who_fits_all_its_lists_or_is_named() {
        let ada = Person {
            id: 7,
            is_staff: false,
            tags: vec!["vip".to_owned()],
            group_ids: vec![],
            organization_ids: vec![3],
        };
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();

        for (rules, is_in) in [
            (Rules::default(), true),
            (Rules { organization_ids: vec![3, 4], ..Rules::default() }, true),
            (Rules { organization_ids: vec![4], ..Rules::default() }, false),
            (Rules { tags: words(&["vip", "big"]), ..Rules::default() }, false),
            (Rules { or_tags: words(&["vip", "big"]), organization_ids: vec![3], ..Rules::default() }, true),
            (Rules { added_user_ids: vec![7], organization_ids: vec![4], ..Rules::default() }, true),
            (Rules { added_user_ids: vec![8], ..Rules::default() }, false),
        ] {
            assert_eq!(segment(UserType::SignedIn, rules.clone()).holds(&ada), is_in, "{rules:?}");
        }
        assert!(!segment(UserType::Staff, Rules::default()).holds(&ada));
    }
}
