//! Sign-in sessions as records: whose they are, since when, and ending them without being in one. Whether somebody may is asked before.

use helpdesk::Error;
use helpdesk::events::{self, Change};
use helpdesk::page::{Column, Order, Page, Query, Slice};
use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::json;
use store::{Row, StoreError, Tx, transact};

use crate::Provider;
use crate::issued::Presented;
use crate::session_end::{self, Which};
use crate::sessions::seen_after;

/// A living session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: i64,
    pub person_id: i64,
    pub auth_time: Timestamp,
    pub last_seen_at: Timestamp,
}

/// By id: of one person, or of all. Served by `sessions_by_person` and the primary key.
pub async fn list(tx: &mut Tx, now: Timestamp, person_id: Option<i64>, slice: &Slice) -> Result<Page<Listed>, Error> {
    let mut query = alive(now);
    if let Some(person_id) = person_id {
        query.and("s.person_id =", person_id);
    }
    let order = Order { columns: &[Column::Int("s.id", "id")], descending: false };
    query.page(tx, order, slice).await?.try_map(|row| Ok(from_row(&row)?))
}

/// The session that a call goes back to: the one in which its token was granted, else the person's newest.
pub async fn current(
    tx: &mut Tx,
    now: Timestamp,
    person_id: i64,
    token: Option<Presented>,
) -> Result<Option<Listed>, Error> {
    let mut query = alive(now);
    query.and("s.person_id =", person_id);
    let family = query.bind(token.map(|token| token.family_id));
    query.sql.push_str(&format!(
        " order by case when s.sid = (select f.sid from token_families f where f.id = {family}) then 0 else 1 end, s.id desc limit 1"
    ));
    let row = tx.row(&query.sql, &query.params).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Whether there is such a person, customer or staff.
pub async fn has_person(tx: &mut Tx, id: i64) -> Result<bool, StoreError> {
    Ok(tx.row("select id from people where id = $1 and deleted_at is null", &[id.into()]).await?.is_some())
}

impl Provider {
    /// Ends one session of somebody, or all. `NotFound` if the one is not there.
    pub async fn end_sessions(&self, actor: &Actor, person_id: i64, which: Which) -> Result<(), Error> {
        let now = self.clock.now();
        transact!(self.db, |tx| {
            let n_sessions = session_end::end(tx, now, person_id, which).await?;
            let data = match which {
                Which::One(id) if n_sessions == 0 => return Err(Error::NotFound { kind: "session", id }),
                Which::One(id) => json!({ "session_id": id }),
                Which::All | Which::Others(_) => json!({ "everywhere": true, "n_sessions": n_sessions }),
            };
            let change = Change {
                kind: "user-logged-out",
                object_type: "User",
                object_id: person_id,
                before: None,
                after: None,
                data: Some(data),
            };
            events::record(tx, actor, now, change).await
        })?;
        self.forget_person(person_id);
        Ok(())
    }
}

fn alive(now: Timestamp) -> Query {
    let mut query = Query::new(
        "select s.id, s.person_id, s.auth_time, s.last_seen_at
         from sessions s join people p on p.id = s.person_id and p.active = 1 and p.deleted_at is null where 1 = 1",
    );
    query.and("s.expires_at >", now);
    query.and("s.last_seen_at >", seen_after(now));
    query
}

fn from_row(row: &Row) -> Result<Listed, StoreError> {
    Ok(Listed {
        id: row.int("id")?,
        person_id: row.int("person_id")?,
        auth_time: row.time("auth_time")?,
        last_seen_at: row.time("last_seen_at")?,
    })
}
