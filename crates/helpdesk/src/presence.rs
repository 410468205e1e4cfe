//! Who looks at a ticket just now, and who types in it: so that two people do not answer the same customer at once.
//!
//! A person renews their presence while they are there; one that is not renewed ends by itself. It is kept in the database, where every node
//! sees it, but it is no fact about the ticket: no event tells of it, and its loss is no harm.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::Tickets;
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::live::Reader;
use crate::page::{self, Query};

/// How long a presence lasts that is not renewed.
pub const LASTS: SignedDuration = SignedDuration::from_secs(30);
/// One that was renewed this short a time ago is not written again.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// People who are shown at one ticket.
const SHOWN_MAX: i64 = 100;
/// Tickets that one statement asks about.
const TICKETS_AT_ONCE: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Looking,
    Typing,
}

impl State {
    pub const ALL: &'static [State] = &[State::Looking, State::Typing];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            State::Looking => "looking",
            State::Typing => "typing",
        }
    }

    pub fn parse(word: &str) -> Option<State> {
        State::ALL.iter().copied().find(|state| state.word() == word)
    }
}

/// Somebody who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    pub person_id: i64,
    pub name: Option<String>,
    pub state: State,
    /// Of this state.
    pub since: Timestamp,
    pub expires_at: Timestamp,
}

/// The caller looks at the ticket, from now on or still. `NotFound` if there is none.
pub async fn look(tx: &mut Tx, may: &CanRead<Tickets>, now: Timestamp, ticket_id: i64) -> Result<(), Error> {
    renew(tx, may.actor(), now, ticket_id, State::Looking).await
}

/// The caller writes in the ticket, from now on or still: only who may write it can. `NotFound` if there is none.
pub async fn type_in(tx: &mut Tx, may: &CanWrite<Tickets>, now: Timestamp, ticket_id: i64) -> Result<(), Error> {
    renew(tx, may.actor(), now, ticket_id, State::Typing).await
}

async fn renew(tx: &mut Tx, actor: &Actor, now: Timestamp, ticket_id: i64, state: State) -> Result<(), Error> {
    let person_id = person_of(actor)?;
    if tx.row("select id from tickets where id = $1", &[ticket_id.into()]).await?.is_none() {
        return Err(Error::NotFound { kind: "ticket", id: ticket_id });
    }
    let key = [ticket_id.into(), person_id.into()];
    let sql = "select state, expires_at from presence where ticket_id = $1 and person_id = $2";
    if let Some(known) = tx.row(sql, &key).await?
        && known.text("state")? == state.word()
        && now + LASTS - FRESH < known.time("expires_at")?
    {
        return Ok(());
    }
    tx.run(
        "insert into presence (ticket_id, person_id, state, since, expires_at) values ($1, $2, $3, $4, $5)
         on conflict (ticket_id, person_id) do update set
             since = case when presence.state = excluded.state and excluded.since < presence.expires_at
                          then presence.since else excluded.since end,
             state = excluded.state, expires_at = excluded.expires_at",
        &[ticket_id.into(), person_id.into(), state.word().into(), now.into(), (now + LASTS).into()],
    )
    .await?;
    Ok(())
}

/// The caller went away from the ticket. Nothing, if they were not there.
pub async fn leave(tx: &mut Tx, may: &CanRead<Tickets>, ticket_id: i64) -> Result<(), Error> {
    let person_id = person_of(may.actor())?;
    tx.run("delete from presence where ticket_id = $1 and person_id = $2", &[ticket_id.into(), person_id.into()])
        .await?;
    Ok(())
}

/// Who is there, the longest first.
pub async fn list(tx: &mut Tx, may: &CanRead<Tickets>, now: Timestamp, ticket_id: i64) -> Result<Vec<Present>, Error> {
    Ok(of_tickets(tx, Reader::of(may), now, &[ticket_id]).await?.remove(&ticket_id).unwrap_or_default())
}

/// Who is at each of these tickets, the longest first. Tickets with nobody are left out. Only staff who may still sign in are told of.
pub async fn of_tickets(
    tx: &mut Tx,
    _reader: Reader,
    now: Timestamp,
    ticket_ids: &[i64],
) -> Result<BTreeMap<i64, Vec<Present>>, Error> {
    let mut found: BTreeMap<i64, Vec<Present>> = BTreeMap::new();
    for ids in ticket_ids.chunks(TICKETS_AT_ONCE) {
        let mut query = Query::new(
            "select r.ticket_id, r.person_id, r.state, r.since, r.expires_at, p.name
             from presence r join people p on p.id = r.person_id
             where p.is_staff = 1 and p.active = 1 and p.deleted_at is null",
        );
        query.and("r.expires_at >", now);
        query.and_in("r.ticket_id", page::padded(ids));
        let most = query.bind(SHOWN_MAX * i64::try_from(ids.len()).unwrap_or(1));
        query.sql.push_str(&format!(" order by r.since, r.person_id limit {most}"));
        for row in tx.rows(&query.sql, &query.params).await? {
            found.entry(row.int("ticket_id")?).or_default().push(Present::from_row(&row)?);
        }
    }
    Ok(found)
}

/// Removes at most `limit` that have ended, and says how many it removed.
pub async fn forget_ended(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.run(
        "delete from presence where (ticket_id, person_id) in
             (select ticket_id, person_id from presence where expires_at <= $1 order by expires_at limit $2)",
        &[now.into(), limit.into()],
    )
    .await
}

fn person_of(actor: &Actor) -> Result<i64, Error> {
    actor.person_id.ok_or_else(|| Error::Refused("Only a person can be at a ticket.".to_owned()))
}

impl Present {
    fn from_row(row: &Row) -> Result<Present, Error> {
        Ok(Present {
            person_id: row.int("person_id")?,
            name: row.text_or_null("name")?,
            state: State::parse(&row.text("state")?).ok_or(StoreError::Column("state"))?,
            since: row.time("since")?,
            expires_at: row.time("expires_at")?,
        })
    }
}
