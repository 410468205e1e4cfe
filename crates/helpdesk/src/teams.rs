//! Teams: groups of staff that tickets are given to.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Teams;
use serde_json::json;
use serde_json::value::RawValue;
use store::{Row, Tx};

use crate::people::{Person, PersonColumns, person_columns, stored_json};
use crate::{Error, events};

#[derive(Debug, Clone)]
pub struct Team {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    /// A JSON object such as `{"emoji": "..."}`, as stored.
    pub decoration: Option<Box<RawValue>>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub struct NewTeam {
    /// Unique.
    pub name: String,
    pub description: Option<String>,
    pub decoration: Option<serde_json::Value>,
    /// Ids of staff.
    pub member_ids: Vec<i64>,
}

const MEMBER: PersonColumns = person_columns!("member");

impl Team {
    fn from_row(row: &Row) -> Result<Team, Error> {
        Ok(Team {
            id: row.int("id")?,
            name: row.text("name")?,
            description: row.text_or_null("description")?,
            decoration: stored_json(row, "decoration")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// The team with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Teams>, id: i64) -> Result<Team, Error> {
    let sql = "select id, name, description, decoration, created_at from teams where id = $1";
    match tx.row(sql, &[id.into()]).await? {
        Some(row) => Team::from_row(&row),
        None => Err(Error::NotFound { kind: "team", id }),
    }
}

/// The staff of a team, by name.
pub async fn members(tx: &mut Tx, _may: &CanRead<Teams>, id: i64) -> Result<Vec<Person>, Error> {
    let rows = tx
        .rows(
            "select p.id as member_id, p.email as member_email, p.name as member_name, p.firstname as member_firstname,
                    p.lastname as member_lastname, p.bio as member_bio, p.meta as member_meta
             from team_members tm join people p on p.id = tm.person_id
             where tm.team_id = $1 order by p.name, p.id",
            &[id.into()],
        )
        .await?;
    let mut members = Vec::with_capacity(rows.len());
    for row in &rows {
        members.extend(Person::from_row(row, &MEMBER)?);
    }
    Ok(members)
}

/// Creates a team and answers its id. `Taken` if there is one of this name, `Invalid` for a member who is not staff.
pub async fn create(tx: &mut Tx, may: &CanWrite<Teams>, now: Timestamp, new: &NewTeam) -> Result<i64, Error> {
    let row = tx
        .row(
            "insert into teams (name, description, decoration, created_at) values ($1, $2, $3, $4)
             on conflict (name) do nothing returning id",
            &[new.name.as_str().into(), new.description.as_deref().into(), new.decoration.as_ref().into(), now.into()],
        )
        .await?;
    let id = row.ok_or(Error::Taken { kind: "team", field: "name" })?.int("id")?;
    for (at, person_id) in new.member_ids.iter().enumerate() {
        let n_added = tx
            .run(
                "insert into team_members (team_id, person_id) select cast($1 as bigint), id from people where id = $2 and is_staff = 1
                 on conflict (team_id, person_id) do nothing",
                &[id.into(), (*person_id).into()],
            )
            .await?;
        if n_added == 0 && !new.member_ids[..at].contains(person_id) {
            return Err(Error::invalid(format!("members.{at}.id"), "is no user of this account"));
        }
    }
    events::record(
        tx,
        may.actor(),
        now,
        events::Change {
            kind: "team-created",
            object_type: "Team",
            object_id: id,
            before: None,
            after: Some(json!({ "name": new.name, "description": new.description, "members": new.member_ids })),
            data: None,
        },
    )
    .await?;
    Ok(id)
}
