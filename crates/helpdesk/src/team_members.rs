//! Who is in which team, as records of their own. One team of a person is their default: the one they chose, else their first.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, Teams};
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::page::{Column, Order, Page, Query, Slice};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamMember {
    pub id: i64,
    pub team_id: i64,
    pub person_id: i64,
    pub is_default: bool,
    pub created_at: Timestamp,
}

/// Whose memberships.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Everybodys,
    Person(i64),
    Team(i64),
}

macro_rules! select_members {
    () => {
        "select m.id, m.team_id, m.person_id, m.created_at,
                case when m.is_default = 1 then 1
                     when exists (select 1 from team_members d where d.person_id = m.person_id and d.is_default = 1) then 0
                     when m.id = (select min(f.id) from team_members f where f.person_id = m.person_id) then 1
                     else 0 end as is_default
         from team_members m where 1 = 1"
    };
}

/// By id. Served by the primary key, `team_members_by_person` and `team_members_by_team`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Teams>, whose: Whose, slice: &Slice) -> Result<Page<TeamMember>, Error> {
    let mut query = Query::new(select_members!());
    match whose {
        Whose::Everybodys => {}
        Whose::Person(id) => query.and("m.person_id =", id),
        Whose::Team(id) => query.and("m.team_id =", id),
    }
    let order = Order { columns: &[Column::Int("m.id", "id")], descending: false };
    query.page(tx, order, slice).await?.try_map(|row| TeamMember::from_row(&row))
}

/// Somebody in a team who is there to take tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    pub team_id: i64,
    pub person_id: i64,
    pub name: Option<String>,
}

/// Who of these teams is there now, by team and by id, with one statement. Served by `team_members_by_team`.
pub async fn available(tx: &mut Tx, _may: &CanRead<Teams>, team_ids: &[i64]) -> Result<Vec<Available>, Error> {
    if team_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "select m.team_id, p.id, p.name from team_members m join people p on p.id = m.person_id
         where p.active = 1 and p.suspended = 0 and p.is_away = 0 and p.deleted_at is null",
    );
    query.and_in("m.team_id", team_ids.iter().copied());
    query.sql.push_str(" order by m.team_id, p.id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter()
        .map(|row| {
            let name = row.text_or_null("name")?;
            Ok(Available { team_id: row.int("team_id")?, person_id: row.int("id")?, name })
        })
        .collect()
}

/// The membership with this id, or `NotFound`. Whoever may write it is shown it too.
pub async fn find<A: Access>(tx: &mut Tx, _may: &Permit<Teams, A>, id: i64) -> Result<TeamMember, Error> {
    let row = tx.row(concat!(select_members!(), " and m.id = $1"), &[id.into()]).await?;
    TeamMember::from_row(&row.ok_or(Error::NotFound { kind: "team membership", id })?)
}

/// All memberships of one person, for whoever just wrote one.
pub async fn of_person(tx: &mut Tx, _may: &CanWrite<Teams>, person_id: i64) -> Result<Vec<TeamMember>, Error> {
    let sql = concat!(select_members!(), " and m.person_id = $1 order by m.id limit 1000");
    tx.rows(sql, &[person_id.into()]).await?.iter().map(TeamMember::from_row).collect()
}

/// Puts somebody into a team. `Invalid` on `user_id` or `team_id`; `Taken` if they are in it.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Teams>,
    now: Timestamp,
    (team_id, person_id, is_default): (i64, i64, bool),
) -> Result<TeamMember, Error> {
    if tx.row("select id from teams where id = $1", &[team_id.into()]).await?.is_none() {
        return Err(Error::invalid("team_id", "No team has this id."));
    }
    let sql = "select id from people where id = $1 and is_staff = 1 and deleted_at is null";
    if tx.row(sql, &[person_id.into()]).await?.is_none() {
        return Err(Error::invalid("user_id", "No user has this id."));
    }
    let row = tx
        .row(
            "insert into team_members (team_id, person_id, created_at) values ($1, $2, $3)
             on conflict (team_id, person_id) do nothing returning id",
            &[team_id.into(), person_id.into(), now.into()],
        )
        .await?;
    let id = row.ok_or(Error::Taken { kind: "team membership", field: "user_id" })?.int("id")?;
    if is_default {
        choose(tx, id, person_id).await?;
    }
    record(tx, may.actor(), now, team_id, (None, Some(person_id))).await?;
    find(tx, may, id).await
}

/// Takes somebody out of a team.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Teams>, now: Timestamp, id: i64) -> Result<(), Error> {
    let member = find(tx, may, id).await?;
    tx.run("delete from team_members where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, member.team_id, (Some(member.person_id), None)).await
}

/// Makes one membership its person's default.
pub async fn make_default(tx: &mut Tx, may: &CanWrite<Teams>, now: Timestamp, id: i64) -> Result<TeamMember, Error> {
    let member = find(tx, may, id).await?;
    choose(tx, id, member.person_id).await?;
    let change = Change {
        kind: "user-updated",
        object_type: "User",
        object_id: member.person_id,
        before: None,
        after: Some(json!({ "default_team_id": member.team_id })),
        data: None,
    };
    events::record(tx, may.actor(), now, change).await?;
    find(tx, may, id).await
}

async fn choose(tx: &mut Tx, id: i64, person_id: i64) -> Result<(), Error> {
    tx.run(
        "update team_members set is_default = case when id = $1 then 1 else 0 end where person_id = $2",
        &[id.into(), person_id.into()],
    )
    .await?;
    Ok(())
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    team_id: i64,
    (gone, come): (Option<i64>, Option<i64>),
) -> Result<(), Error> {
    let members =
        |id: Option<i64>| -> Option<Json> { Some(json!({ "members": id.into_iter().collect::<Vec<i64>>() })) };
    let change = Change {
        kind: "team-updated",
        object_type: "Team",
        object_id: team_id,
        before: members(gone),
        after: members(come),
        data: None,
    };
    events::record(tx, actor, now, change).await
}

impl TeamMember {
    fn from_row(row: &Row) -> Result<TeamMember, Error> {
        Ok(TeamMember {
            id: row.int("id")?,
            team_id: row.int("team_id")?,
            person_id: row.int("person_id")?,
            is_default: row.flag("is_default")?,
            created_at: row.time("created_at")?,
        })
    }
}
