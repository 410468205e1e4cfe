//! Pages of tickets: filter, order, place.

use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Tickets};
use store::{Row, Tx};

use super::around::Part;
use super::{ASSIGNEE, CUSTOMER, TeamOfTicket, Ticket, TicketInList, TicketType, from_tickets, select_tickets, tags};
use crate::Error;
use crate::custom_fields::{self, Carrier, Values};
use crate::export::{self, Wanted};
use crate::page::{Column, Order, Page, Query, Slice, part_pattern};
use crate::people::Person;

/// Which tickets. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub customer_id: Option<i64>,
    pub external_id: Option<String>,
    /// Only these. An empty list finds nothing.
    pub ids: Option<Vec<i64>>,
    pub assignee_user_id: Option<i64>,
    pub organization_id: Option<i64>,
    /// Whom this person is copied in on.
    pub person: Option<(i64, Part)>,
    /// Only incidents of this problem.
    pub problem_id: Option<i64>,
    pub kind: Option<TicketType>,
    pub trash: Trash,
}

/// What becomes of tickets in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trash {
    #[default]
    Included,
    LeftOut,
    /// Nothing but the trash.
    Only,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Updated,
    Id,
    /// By the word, then as `Updated`.
    Status,
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
        Sort::Id => &[Column::Int("t.id", "id")],
        Sort::Status => {
            &[Column::Text("t.status", "status"), Column::Int("t.updated_at", "updated_at"), Column::Int("t.id", "id")]
        }
    };
    Order { columns, descending: matches!(direction, Direction::Descending) }
}

/// A slice of the tickets. Three statements, whatever its length: tickets with their people, then all their tags, then all their field values.
///
/// Served by `tickets_by_created`, `tickets_by_updated`, `tickets_by_customer`, `tickets_by_customer_updated`,
/// `tickets_by_external_id`, `tickets_by_assignee`, `tickets_by_organization`, `tickets_by_problem`, `tickets_by_type`, `tickets_by_status`,
/// `tickets_in_trash` and the primary key.
pub async fn list(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    filter: &Filter,
    order: Order,
    slice: &Slice,
) -> Result<Page<TicketInList>, Error> {
    let query = query_of(filter);
    let page = query.page(tx, order, slice).await?;
    let mut page = page.try_map(|row| from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// Those that changed in a span of time. Served by `tickets_by_updated`.
pub async fn changed(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    trash: Trash,
    wanted: &Wanted,
) -> Result<Page<TicketInList>, Error> {
    let query = query_of(&Filter { trash, ..Filter::default() });
    let columns = order(Sort::Updated, Direction::Ascending).columns;
    let page = export::read(tx, vec![query], ("", "t"), columns, wanted).await?;
    let mut page = page.try_map(|row| from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// How many tickets there are, up to `page::COUNTED_MAX`. Served as `list`.
pub async fn count(tx: &mut Tx, _may: &CanRead<Tickets>, filter: &Filter) -> Result<i64, Error> {
    query_of(filter).count(tx).await
}

/// The ticket with this id as a list shows it, for whoever just wrote it, or `NotFound`.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Tickets>, id: i64) -> Result<TicketInList, Error> {
    load(tx, &[id]).await?.pop().ok_or(Error::NotFound { kind: "ticket", id })
}

/// At most twenty problems that are not closed and whose subject has the text, the newest first, for whoever is about to link an incident.
/// Reads the problems along `tickets_by_type`.
pub async fn problems_named<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Tickets, A>,
    text: &str,
) -> Result<Vec<TicketInList>, Error> {
    let mut query = Query::new(
        "select t.id from tickets t where t.type = 'problem' and t.status <> 'closed' and t.trashed_at is null",
    );
    let pattern = query.bind(part_pattern(&text.to_lowercase()));
    query.and_text(&format!("lower(t.subject) like {pattern} escape '!'"));
    query.sql.push_str(" order by t.id desc limit 20");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let ids = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
    load(tx, &ids).await
}

pub(super) fn query_of(filter: &Filter) -> Query {
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
    let ids = [
        ("t.assignee_user_id =", filter.assignee_user_id),
        ("t.organization_id =", filter.organization_id),
        ("t.problem_id =", filter.problem_id),
    ];
    for (left, id) in ids {
        if let Some(id) = id {
            query.and(left, id);
        }
    }
    if let Some((person_id, part)) = filter.person {
        let (person, part) = (query.bind(person_id), query.bind(part.word()));
        query.and_text(&format!(
            "t.id in (select ticket_id from ticket_people where person_id = {person} and part = {part})"
        ));
    }
    if let Some(kind) = filter.kind {
        query.and("t.type =", kind.word());
    }
    match filter.trash {
        Trash::Included => {}
        Trash::LeftOut => query.and_text("t.trashed_at is null"),
        Trash::Only => query.and_text("t.trashed_at is not null"),
    }
    query
}

/// These tickets, in this order. Those that are gone are left out.
pub async fn of_ids(tx: &mut Tx, _may: &CanRead<Tickets>, ids: &[i64]) -> Result<Vec<TicketInList>, Error> {
    load(tx, ids).await
}

pub(super) async fn load(tx: &mut Tx, ids: &[i64]) -> Result<Vec<TicketInList>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(concat!(select_tickets!(), from_tickets!(), " where 1 = 1"));
    query.and_in("t.id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut tickets = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    tickets.sort_by_key(|found| ids.iter().position(|id| *id == found.ticket.id));
    fill(tx, &mut tickets).await?;
    Ok(tickets)
}

pub(super) fn from_row(row: &Row) -> Result<TicketInList, Error> {
    Ok(TicketInList {
        ticket: Ticket::from_row(row)?,
        customer: Person::from_row(row, &CUSTOMER)?.ok_or(store::StoreError::Column("customer_id"))?,
        assignee_user: Person::from_row(row, &ASSIGNEE)?,
        assignee_team: TeamOfTicket::from_row(row)?,
        tags: Vec::new(),
        fields: Values::new(),
    })
}

/// Puts tags and values on tickets that were read, a statement each.
pub(super) async fn fill(tx: &mut Tx, tickets: &mut [TicketInList]) -> Result<(), Error> {
    tags::fill(tx, tickets).await?;
    let put = |item: &mut TicketInList, values| item.fields = values;
    custom_fields::fill_values(tx, Carrier::Ticket, tickets, |item| item.ticket.id, put).await
}
