//! Pages of tickets: filter, order, place.

use scope::permit::CanRead;
use scope::resource::Tickets;
use store::{Row, Tx};

use super::{ASSIGNEE, CUSTOMER, TeamOfTicket, Ticket, TicketInList, from_tickets, select_tickets, tags};
use crate::Error;
use crate::custom_fields::{self, Carrier, Values};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::people::Person;

/// Which tickets. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub customer_id: Option<i64>,
    pub external_id: Option<String>,
    /// Only these. An empty list finds nothing.
    pub ids: Option<Vec<i64>>,
    pub trash: Trash,
}

/// What becomes of tickets in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trash {
    #[default]
    Included,
    LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Updated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// In which order, ties broken by id in the same direction.
pub const fn order(sort: Sort, direction: Direction) -> Order {
    let columns: &'static [Column] = match sort {
        Sort::Created => &[Column::Int("t.created_at", "created_at"), Column::Int("t.id", "id")],
        Sort::Updated => &[Column::Int("t.updated_at", "updated_at"), Column::Int("t.id", "id")],
    };
    Order { columns, descending: matches!(direction, Direction::Descending) }
}

/// A slice of the tickets. Three statements, whatever its length: tickets with their people, then all their tags, then all their field values.
///
/// Served by `tickets_by_created`, `tickets_by_updated`, `tickets_by_customer`, `tickets_by_customer_updated`,
/// `tickets_by_external_id` and the primary key.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    filter: &Filter,
    order: Order,
    slice: &Slice,
) -> Result<Page<TicketInList>, Error> {
    let mut query = Query::new(concat!(select_tickets!(), from_tickets!(), " where 1 = 1"));
    if let Some(customer_id) = filter.customer_id {
        query.and("t.customer_id =", customer_id);
    }
    if let Some(external_id) = &filter.external_id {
        query.and("t.external_id =", external_id);
    }
    if let Some(ids) = &filter.ids {
        query.and_in("t.id", ids.iter().copied());
    }
    if filter.trash == Trash::LeftOut {
        query.and_text("t.trashed_at is null");
    }
    let page = query.page(tx, order, slice).await?;
    let mut page = page.try_map(|row| from_row(&row))?;
    tags::fill(tx, may, &mut page.items).await?;
    let put = |item: &mut TicketInList, values| item.fields = values;
    custom_fields::fill_values(tx, Carrier::Ticket, &mut page.items, |item| item.ticket.id, put).await?;
    Ok(page)
}

/// These tickets, in this order. Those that are gone are left out.
pub(crate) async fn of_ids(tx: &mut Tx, may: &CanRead<Tickets>, ids: &[i64]) -> Result<Vec<TicketInList>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(concat!(select_tickets!(), from_tickets!(), " where 1 = 1"));
    query.and_in("t.id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut tickets = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    tickets.sort_by_key(|found| ids.iter().position(|id| *id == found.ticket.id));
    tags::fill(tx, may, &mut tickets).await?;
    let put = |item: &mut TicketInList, values| item.fields = values;
    custom_fields::fill_values(tx, Carrier::Ticket, &mut tickets, |item| item.ticket.id, put).await?;
    Ok(tickets)
}

fn from_row(row: &Row) -> Result<TicketInList, Error> {
    Ok(TicketInList {
        ticket: Ticket::from_row(row)?,
        customer: Person::from_row(row, &CUSTOMER)?.ok_or(store::StoreError::Column("customer_id"))?,
        assignee_user: Person::from_row(row, &ASSIGNEE)?,
        assignee_team: TeamOfTicket::from_row(row)?,
        tags: Vec::new(),
        fields: Values::new(),
    })
}
