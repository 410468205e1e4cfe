//! What happens to a ticket while somebody has it open: its state now, and what the event log tells of it from then on.
//!
//! A reader keeps a position in the log and goes on from it, also after it was away; `endpoint/src/live.rs` does so for all that are connected.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use serde_json::Value as Json;
use store::log::{self, Position};
use store::{Row, Tx};

use crate::Error;
use crate::presence::{self, Present};

/// Events read at once.
const SLICE: i64 = 500;
/// How far back in the log a reader is let go on from. One that was away for longer has to read the ticket anew.
const BACK_MAX: usize = 5_000;

/// A ticket as it stands when somebody opens it.
#[derive(Debug, Clone)]
pub struct Now {
    pub ticket_id: i64,
    pub last_message_id: Option<i64>,
    pub messages_count: i64,
    pub updated_at: Timestamp,
    pub present: Vec<Present>,
    /// Whether the reader was let go on from where it was: then `since` is all that happened meanwhile.
    pub resumed: bool,
    /// Where the reader was, if it was let go on from there.
    pub from: Position,
    /// Where the log goes on after `since`.
    pub position: Position,
    pub since: Vec<Told>,
}

/// Proof that somebody who may read tickets has one open. Whoever reads for all of those needs no more: each of them shows a permit.
#[derive(Debug, Clone, Copy)]
pub struct Reader(());

impl Reader {
    pub fn of(_may: &CanRead<Tickets>) -> Reader {
        Reader(())
    }
}

/// Something that happened to a ticket. What exactly, the ticket itself shows.
#[derive(Debug, Clone)]
pub struct Told {
    pub position: Position,
    pub ticket_id: i64,
    /// None: the ticket itself, and not one of its messages.
    pub message_id: Option<i64>,
    /// As the event log has it, such as `ticket-message-created`.
    pub kind: String,
    pub person_id: Option<i64>,
    /// A UUID: that of the request which caused it.
    pub context: String,
    pub created_at: Timestamp,
}

/// The ticket now, and what happened to it since the reader was there. `NotFound` if there is none.
pub async fn open(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    seen: Option<Position>,
) -> Result<Now, Error> {
    let ticket = tx
        .row("select messages_count, updated_at from tickets where id = $1", &[ticket_id.into()])
        .await?
        .ok_or(Error::NotFound { kind: "ticket", id: ticket_id })?;
    let newest = tx.row("select max(id) as id from messages where ticket_id = $1", &[ticket_id.into()]).await?;
    let last_message_id = newest.map(|row| row.int_or_null("id")).transpose()?.flatten();
    let end = log::end(tx).await?;
    // A position beyond the end was kept from before the database was restored.
    let since = match seen.filter(|seen| *seen <= end) {
        Some(seen) => between(tx, Reader::of(may), ticket_id, (seen, end)).await?,
        None => None,
    };
    Ok(Now {
        ticket_id,
        last_message_id,
        messages_count: ticket.int("messages_count")?,
        updated_at: ticket.time("updated_at")?,
        present: presence::list(tx, may, now, ticket_id).await?,
        resumed: since.is_some(),
        from: seen.filter(|_| since.is_some()).unwrap_or(end),
        position: end,
        since: since.unwrap_or_default(),
    })
}

/// What happened to the ticket after one position and up to another; None if that is too much to look through.
async fn between(
    tx: &mut Tx,
    reader: Reader,
    ticket_id: i64,
    (from, to): (Position, Position),
) -> Result<Option<Vec<Told>>, Error> {
    let mut found = Vec::new();
    let mut position = from;
    let mut n_read = 0;
    while position < to {
        let (told, last) = next(tx, reader, position).await?;
        let Some(last) = last else { break };
        n_read += usize::try_from(SLICE).unwrap_or(BACK_MAX);
        if BACK_MAX < n_read {
            return Ok(None);
        }
        found.extend(told.into_iter().filter(|told| told.ticket_id == ticket_id && told.position <= to));
        position = last;
    }
    Ok(Some(found))
}

/// What happened next to any ticket, and how far that goes in the log; None at its end.
pub async fn next(tx: &mut Tx, _reader: Reader, position: Position) -> Result<(Vec<Told>, Option<Position>), Error> {
    let rows = log::heads_after(tx, position, SLICE).await?;
    let last = rows.last().map(Position::of).transpose()?;
    let mut told = Vec::new();
    for row in &rows {
        told.extend(Told::from_row(row)?);
    }
    Ok((told, last))
}

impl Told {
    /// None for what is about no ticket.
    fn from_row(row: &Row) -> Result<Option<Told>, Error> {
        let object_id = row.int("object_id")?;
        let (ticket_id, message_id) = match row.text("object_type")?.as_str() {
            "Ticket" => (object_id, None),
            "TicketMessage" => {
                let data = row.json("data")?.unwrap_or_default();
                match data.get("ticket_id").and_then(Json::as_i64) {
                    Some(ticket_id) => (ticket_id, Some(object_id)),
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Told {
            position: Position::of(row)?,
            ticket_id,
            message_id,
            kind: row.text("type")?,
            person_id: row.int_or_null("person_id")?,
            context: row.text("context")?,
            created_at: row.time("created_at")?,
        }))
    }
}
