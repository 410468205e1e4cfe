//! Teams: groups of staff that tickets are given to.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Resource, Teams};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use crate::page::{Column, Order, Page, Query, Slice};
use crate::people::{Person, PersonColumns, json_to_store, person_columns, stored_json};
use crate::views::references::{self, Named};
use crate::{Error, events};

/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 255;
/// Longest description, in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 1_024;
/// Most members of one team.
pub const MEMBERS_MAX: usize = 1_000;

#[derive(Debug, Clone)]
pub struct Team {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    /// A JSON object such as `{"emoji": "..."}`, as stored.
    pub decoration: Option<Box<RawValue>>,
    /// Whether who is not in it may know of it.
    pub is_public: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A team with its staff, by name.
#[derive(Debug, Clone)]
pub struct TeamWithMembers {
    pub team: Team,
    pub members: Vec<Person>,
}

#[derive(Debug, Clone, Default)]
pub struct NewTeam {
    /// Unique.
    pub name: String,
    pub description: Option<String>,
    pub decoration: Option<Json>,
    pub is_private: bool,
    /// Ids of staff.
    pub member_ids: Vec<i64>,
}

/// What a call changes of a team. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub decoration: Option<Option<Json>>,
    pub is_public: Option<bool>,
    /// Replaces all members.
    pub member_ids: Option<Vec<i64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Name,
}

const MEMBER: PersonColumns = person_columns!("member");

/// Two statements, whatever the page's length: the teams, then all their members. Served by `teams_by_created` and `teams_by_name`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Teams>,
    sort: Sort,
    descending: bool,
    slice: &Slice,
) -> Result<Page<TeamWithMembers>, Error> {
    let query = Query::new(concat!(select_teams!(), " where 1 = 1"));
    let columns: &'static [Column] = match sort {
        Sort::Created => &[Column::Int("g.created_at", "created_at"), Column::Int("g.id", "id")],
        Sort::Name => &[Column::Text("g.name", "name")],
    };
    let page = query.page(tx, Order { columns, descending }, slice).await?;
    let mut page = page.try_map(|row| Ok(TeamWithMembers { team: Team::from_row(&row)?, members: Vec::new() }))?;
    let ids: Vec<i64> = page.items.iter().map(|item| item.team.id).collect();
    let mut members = members_of(tx, &ids).await?;
    for item in &mut page.items {
        item.members = members.remove(&item.team.id).unwrap_or_default();
    }
    Ok(page)
}

/// Which teams.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    Ids(&'a [i64]),
    OfPerson(i64),
    /// In any case of its letters. Reads all of them: teams are few.
    NameStarts(&'a str),
}

/// Teams by id, without their members. Served by the primary key and `team_members_by_person`.
pub async fn some(tx: &mut Tx, _may: &CanRead<Teams>, which: Which<'_>, slice: &Slice) -> Result<Page<Team>, Error> {
    let mut query = Query::new(concat!(select_teams!(), " where 1 = 1"));
    match which {
        Which::All => {}
        Which::Ids(ids) => query.and_in("g.id", ids.iter().copied()),
        Which::OfPerson(id) => {
            let id = query.bind(id);
            query.and_text(&format!("g.id in (select team_id from team_members where person_id = {id})"));
        }
        Which::NameStarts(name) => {
            query.and("lower(g.name) >=", name.to_lowercase());
            query.and("lower(g.name) <", format!("{}\u{10ffff}", name.to_lowercase()));
        }
    }
    let order = Order { columns: &[Column::Int("g.id", "id")], descending: false };
    query.page(tx, order, slice).await?.try_map(|row| Team::from_row(&row))
}

/// These teams, beside what refers to them. Whoever may read the one may see the other.
pub async fn beside<R: Resource, A: Access>(tx: &mut Tx, _may: &Permit<R, A>, ids: &[i64]) -> Result<Vec<Team>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(concat!(select_teams!(), " where 1 = 1"));
    query.and_in("g.id", ids.iter().copied());
    tx.rows(&query.sql, &query.params).await?.iter().map(Team::from_row).collect()
}

/// How many teams there are, or how many a person is in.
pub async fn count(tx: &mut Tx, _may: &CanRead<Teams>, person_id: Option<i64>) -> Result<i64, Error> {
    let query = match person_id {
        None => Query::new("select g.id from teams g where 1 = 1"),
        Some(id) => {
            let mut query = Query::new("select m.id from team_members m where 1 = 1");
            query.and("m.person_id =", id);
            query
        }
    };
    query.count(tx).await
}

/// The team with this id and its staff, or `NotFound`.
pub async fn find_with_members(tx: &mut Tx, _may: &CanRead<Teams>, id: i64) -> Result<TeamWithMembers, Error> {
    let team = read(tx, id).await?;
    let members = members_of(tx, &[id]).await?.remove(&id).unwrap_or_default();
    Ok(TeamWithMembers { team, members })
}

/// The same for whoever just wrote it.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Teams>, id: i64) -> Result<TeamWithMembers, Error> {
    let team = read(tx, id).await?;
    let members = members_of(tx, &[id]).await?.remove(&id).unwrap_or_default();
    Ok(TeamWithMembers { team, members })
}

/// The team with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Teams>, id: i64) -> Result<Team, Error> {
    read(tx, id).await
}

/// The staff of a team, by name.
pub async fn members(tx: &mut Tx, _may: &CanRead<Teams>, id: i64) -> Result<Vec<Person>, Error> {
    Ok(members_of(tx, &[id]).await?.remove(&id).unwrap_or_default())
}

/// The names of the teams of each of these people, by name. Served by `team_members_by_person`.
pub async fn names_by_person(
    tx: &mut Tx,
    _may: &CanRead<Teams>,
    person_ids: &[i64],
) -> Result<HashMap<i64, Vec<String>>, Error> {
    let mut names: HashMap<i64, Vec<String>> = HashMap::new();
    if person_ids.is_empty() {
        return Ok(names);
    }
    let mut query =
        Query::new("select tm.person_id, g.name from team_members tm join teams g on g.id = tm.team_id where 1 = 1");
    query.and_in("tm.person_id", person_ids.iter().copied());
    query.sql.push_str(" order by g.name");
    for row in tx.rows(&query.sql, &query.params).await? {
        names.entry(row.int("person_id")?).or_default().push(row.text("name")?);
    }
    Ok(names)
}

/// Creates a team and answers its id. `Taken` if there is one of this name, `Invalid` for a member who is not staff.
pub async fn create(tx: &mut Tx, may: &CanWrite<Teams>, now: Timestamp, new: &NewTeam) -> Result<i64, Error> {
    check(&new.name, new.description.as_deref())?;
    let row = tx
        .row(
            "insert into teams (name, description, decoration, created_at, updated_at, is_public) values ($1, $2, $3, $4, $4, $5)
             on conflict (name) do nothing returning id",
            &[new.name.as_str().into(), new.description.as_deref().into(), new.decoration.as_ref().into(), now.into(), (!new.is_private).into()],
        )
        .await?;
    let id = row.ok_or(Error::Taken { kind: "team", field: "name" })?.int("id")?;
    add_members(tx, now, id, &new.member_ids).await?;
    let after = facts(tx, id).await?;
    record(tx, may.actor(), now, ("team-created", id), (None, Some(after))).await?;
    Ok(id)
}

/// Changes what was sent. `Taken` and `Invalid` as `create`.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<Teams>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<(), Error> {
    lock(tx, id).await?;
    let team = read(tx, id).await?;
    let before = facts(tx, id).await?;
    let name = changes.name.as_ref().unwrap_or(&team.name);
    let description = changes.description.as_ref().unwrap_or(&team.description);
    check(name, description.as_deref())?;
    let decoration = match &changes.decoration {
        Some(decoration) => json_to_store(decoration.as_ref())?,
        None => team.decoration,
    };
    let written = tx
        .run(
            "update teams set name = $1, description = $2, decoration = $3, is_public = $4, updated_at = $5 where id = $6",
            &[
                name.into(),
                description.as_ref().into(),
                decoration.as_ref().map(|json| json.get()).into(),
                changes.is_public.unwrap_or(team.is_public).into(),
                now.into(),
                id.into(),
            ],
        )
        .await;
    match written {
        Ok(_) => {}
        Err(StoreError::NotUnique(_)) => return Err(Error::Taken { kind: "team", field: "name" }),
        Err(error) => return Err(error.into()),
    }
    if let Some(member_ids) = &changes.member_ids {
        keep_members(tx, id, member_ids).await?;
        add_members(tx, now, id, member_ids).await?;
    }
    let (old, new) = events::difference(before, facts(tx, id).await?);
    if new == json!({}) {
        return Ok(());
    }
    record(tx, may.actor(), now, ("team-updated", id), (Some(old), Some(new))).await
}

/// How many tickets lose their team at a time.
const UNASSIGN_AT_ONCE: i64 = 500;

/// Removes a team. Its tickets lose it, and each says so in the log.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Teams>, now: Timestamp, id: i64) -> Result<(), Error> {
    lock(tx, id).await?;
    read(tx, id).await?;
    let before = facts(tx, id).await?;
    loop {
        let rows = tx
            .rows(
                "update tickets set assignee_team_id = null, updated_at = $1
                 where id in (select id from tickets where assignee_team_id = $2 order by created_at, id limit $3) returning id",
                &[now.into(), id.into(), UNASSIGN_AT_ONCE.into()],
            )
            .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let change = events::Change {
                kind: "ticket-team-unassigned",
                object_type: "Ticket",
                object_id: row.int("id")?,
                before: Some(json!({ "assignee_team_id": id })),
                after: Some(json!({ "assignee_team_id": null })),
                data: None,
            };
            events::record(tx, may.actor(), now, change).await?;
        }
    }
    tx.run("delete from teams where id = $1", &[id.into()]).await?;
    references::lost(tx, may.actor(), now, Named::Team(id)).await?;
    record(tx, may.actor(), now, ("team-deleted", id), (Some(before), None)).await
}

macro_rules! select_teams {
    () => {
        "select g.id, g.name, g.description, g.decoration, g.is_public, g.created_at, g.updated_at from teams g"
    };
}
pub(crate) use select_teams;

async fn read(tx: &mut Tx, id: i64) -> Result<Team, Error> {
    match tx.row(concat!(select_teams!(), " where g.id = $1"), &[id.into()]).await? {
        Some(row) => Team::from_row(&row),
        None => Err(Error::NotFound { kind: "team", id }),
    }
}

/// Holds the row until the end of the transaction: of two changes at once, the second sees the first.
async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update teams set name = name where id = $1", &[id.into()]).await?;
    Ok(())
}

/// The staff of several teams, by team, with one statement. Served by the primary key.
async fn members_of(tx: &mut Tx, ids: &[i64]) -> Result<HashMap<i64, Vec<Person>>, Error> {
    let mut members: HashMap<i64, Vec<Person>> = HashMap::new();
    if ids.is_empty() {
        return Ok(members);
    }
    let mut query = Query::new(
        "select tm.team_id, p.id as member_id, p.email as member_email, p.name as member_name,
                p.firstname as member_firstname, p.lastname as member_lastname, p.bio as member_bio, p.meta as member_meta
         from team_members tm join people p on p.id = tm.person_id where 1 = 1",
    );
    query.and_in("tm.team_id", ids.iter().copied());
    query.sql.push_str(" order by p.name, p.id");
    for row in tx.rows(&query.sql, &query.params).await? {
        members.entry(row.int("team_id")?).or_default().extend(Person::from_row(&row, &MEMBER)?);
    }
    Ok(members)
}

/// Takes out whoever is not among these. Who stays keeps the membership's id.
async fn keep_members(tx: &mut Tx, id: i64, member_ids: &[i64]) -> Result<(), Error> {
    let sql = "select person_id from team_members where team_id = $1 order by person_id";
    for row in tx.rows(sql, &[id.into()]).await? {
        let person_id = row.int("person_id")?;
        if !member_ids.contains(&person_id) {
            let sql = "delete from team_members where team_id = $1 and person_id = $2";
            tx.run(sql, &[id.into(), person_id.into()]).await?;
        }
    }
    Ok(())
}

async fn add_members(tx: &mut Tx, now: Timestamp, id: i64, member_ids: &[i64]) -> Result<(), Error> {
    if MEMBERS_MAX < member_ids.len() {
        return Err(Error::invalid("members", format!("Longer than maximum length {MEMBERS_MAX}.")));
    }
    for (at, person_id) in member_ids.iter().enumerate() {
        // Who is in it already counts too, and stays as they are.
        let n_found = tx
            .run(
                "insert into team_members (team_id, person_id, created_at)
                 select cast($1 as bigint), id, cast($3 as bigint) from people where id = $2 and is_staff = 1 and deleted_at is null
                 on conflict (team_id, person_id) do update set created_at = team_members.created_at",
                &[id.into(), (*person_id).into(), now.into()],
            )
            .await?;
        if n_found == 0 {
            return Err(Error::invalid(format!("members.{at}.id"), "No user has this id."));
        }
    }
    Ok(())
}

fn check(name: &str, description: Option<&str>) -> Result<(), Error> {
    let n_chars = name.chars().count();
    if name.trim().is_empty() || NAME_MAX_CHARS < n_chars || name.contains('\0') {
        return Err(Error::invalid("name", format!("Must have 1 to {NAME_MAX_CHARS} characters, has {n_chars}.")));
    }
    if description.is_some_and(|text| DESCRIPTION_MAX_CHARS < text.chars().count() || text.contains('\0')) {
        return Err(Error::invalid("description", format!("Longer than maximum length {DESCRIPTION_MAX_CHARS}.")));
    }
    Ok(())
}

/// What events tell of a team.
async fn facts(tx: &mut Tx, id: i64) -> Result<Json, Error> {
    let team = read(tx, id).await?;
    let sql = "select person_id from team_members where team_id = $1 order by person_id";
    let rows = tx.rows(sql, &[id.into()]).await?;
    let members = rows.iter().map(|row| row.int("person_id")).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "name": team.name, "description": team.description, "decoration": team.decoration, "is_public": team.is_public,
        "members": members,
    }))
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (kind, id): (&str, i64),
    (before, after): (Option<Json>, Option<Json>),
) -> Result<(), Error> {
    let change = events::Change { kind, object_type: "Team", object_id: id, before, after, data: None };
    events::record(tx, actor, now, change).await
}

impl Team {
    pub(crate) fn from_row(row: &Row) -> Result<Team, Error> {
        Ok(Team {
            id: row.int("id")?,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            decoration: stored_json(row, "decoration")?,
            is_public: row.flag("is_public")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
