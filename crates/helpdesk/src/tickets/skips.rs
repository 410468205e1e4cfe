//! Tickets that were passed over: somebody of the staff was offered one and went on to the next, and says why.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Tickets};
use store::{Row, StoreError, Tx};

use crate::Error;
use crate::page::{Column, Order, Page, Query, Slice};

pub const REASON_MAX_CHARS: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    pub id: i64,
    pub ticket_id: i64,
    pub person_id: i64,
    pub reason: String,
    pub created_at: Timestamp,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    OfTicket(i64),
    OfPerson(i64),
}

/// By id. Served by the primary key, `ticket_skips_by_ticket` and `ticket_skips_by_person`.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    which: Which,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Skip>, Error> {
    let mut query =
        Query::new("select s.id, s.ticket_id, s.person_id, s.reason, s.created_at from ticket_skips s where 1 = 1");
    match which {
        Which::All => {}
        Which::OfTicket(id) => query.and("s.ticket_id =", id),
        Which::OfPerson(id) => query.and("s.person_id =", id),
    }
    let order = Order { columns: &[Column::Int("s.id", "id")], descending };
    query.page(tx, order, slice).await?.try_map(|row| Skip::from_row(&row))
}

/// Notes that whoever calls passed a ticket over. Nothing of the ticket changes. `Invalid` on `ticket_id`.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    reason: &str,
) -> Result<Skip, Error> {
    let nobody = || Error::Refused("A ticket is passed over by a person.".to_owned());
    let person_id = may.actor().person_id.ok_or_else(nobody)?;
    if must_be_there(tx, may, ticket_id).await.is_err() {
        return Err(Error::invalid("ticket_id", "No ticket has this id."));
    }
    let row = tx
        .row(
            "insert into ticket_skips (ticket_id, person_id, reason, created_at) values ($1, $2, $3, $4)
             returning id, ticket_id, person_id, reason, created_at",
            &[ticket_id.into(), person_id.into(), reason.into(), now.into()],
        )
        .await?;
    Skip::from_row(&row.ok_or(StoreError::Column("id"))?)
}

/// `NotFound` for a ticket that is not there or in the trash.
pub async fn must_be_there<A: Access>(tx: &mut Tx, _may: &Permit<Tickets, A>, id: i64) -> Result<(), Error> {
    match tx.row("select id from tickets where id = $1 and trashed_at is null", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotFound { kind: "ticket", id }),
    }
}

impl Skip {
    fn from_row(row: &Row) -> Result<Skip, Error> {
        Ok(Skip {
            id: row.int("id")?,
            ticket_id: row.int("ticket_id")?,
            person_id: row.int("person_id")?,
            reason: row.text("reason")?,
            created_at: row.time("created_at")?,
        })
    }
}
