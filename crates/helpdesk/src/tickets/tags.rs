//! Tags on tickets.

use std::collections::HashMap;

use scope::permit::CanRead;
use scope::resource::Tickets;
use store::{Row, Tx, Value};

use super::TicketInList;
use super::list::push_in;
use crate::Error;

/// A tag as shown on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketTag {
    pub id: i64,
    pub name: String,
    /// `#rrggbb`, or none to let the page choose.
    pub color: Option<String>,
}

impl TicketTag {
    fn from_row(row: &Row) -> Result<TicketTag, Error> {
        Ok(TicketTag { id: row.int("id")?, name: row.text("name")?, color: row.text_or_null("color")? })
    }
}

/// The tags of a ticket, by name.
pub(super) async fn of_ticket(tx: &mut Tx, _may: &CanRead<Tickets>, ticket_id: i64) -> Result<Vec<TicketTag>, Error> {
    let rows = tx
        .rows(
            "select g.id, g.name, g.color from ticket_tags tt join tags g on g.id = tt.tag_id
             where tt.ticket_id = $1 order by g.name",
            &[ticket_id.into()],
        )
        .await?;
    rows.iter().map(TicketTag::from_row).collect()
}

/// Puts its tags on each ticket of a page, with one statement.
pub(super) async fn fill(tx: &mut Tx, _may: &CanRead<Tickets>, tickets: &mut [TicketInList]) -> Result<(), Error> {
    if tickets.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = tickets.iter().map(|ticket| ticket.ticket.id).collect();
    let mut params: Vec<Value> = Vec::with_capacity(ids.len());
    let mut sql =
        "select tt.ticket_id, g.id, g.name, g.color from ticket_tags tt join tags g on g.id = tt.tag_id where "
            .to_owned();
    push_in(&mut sql, &mut params, "tt.ticket_id", &ids);
    sql.push_str(" order by g.name");
    let mut by_ticket: HashMap<i64, Vec<TicketTag>> = HashMap::new();
    for row in tx.rows(&sql, &params).await? {
        by_ticket.entry(row.int("ticket_id")?).or_default().push(TicketTag::from_row(&row)?);
    }
    for ticket in tickets {
        ticket.tags = by_ticket.remove(&ticket.ticket.id).unwrap_or_default();
    }
    Ok(())
}
