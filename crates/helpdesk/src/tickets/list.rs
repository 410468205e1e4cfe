//! Pages of tickets: filter, order, place.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use store::{Tx, Value};

use super::{ASSIGNEE, CUSTOMER, TeamOfTicket, Ticket, TicketInList, from_tickets, select_tickets, tags};
use crate::Error;
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

/// A piece of an ordered list: up to `limit` rows beyond `after`. Ties are broken by id, in the same direction.
#[derive(Debug, Clone)]
pub struct Slice {
    pub descending: bool,
    /// Sort key and id of the row before the first.
    pub after: Option<(Timestamp, i64)>,
    pub limit: i64,
}

impl Slice {
    /// Appends ` and (key, id) < (..) order by .. limit ..`. A row comparison, so that the index on (key, id) is entered at the right place.
    pub(super) fn push(&self, sql: &mut String, params: &mut Vec<Value>, key: &'static str, id: &'static str) {
        if let Some((time, after_id)) = self.after {
            params.push(time.into());
            params.push(after_id.into());
            let comparison = if self.descending { "<" } else { ">" };
            let (n, m) = (params.len() - 1, params.len());
            sql.push_str(&format!(" and ({key}, {id}) {comparison} (${n}, ${m})"));
        }
        let direction = if self.descending { "desc" } else { "asc" };
        params.push(self.limit.into());
        sql.push_str(&format!(" order by {key} {direction}, {id} {direction} limit ${}", params.len()));
    }
}

/// A slice of the tickets. Two statements, whatever its length: tickets with their people, then all their tags.
///
/// Served by `tickets_by_created`, `tickets_by_updated`, `tickets_by_customer`, `tickets_by_customer_updated`,
/// `tickets_by_external_id` and the primary key.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    filter: &Filter,
    sort: Sort,
    slice: &Slice,
) -> Result<Vec<TicketInList>, Error> {
    let mut params: Vec<Value> = Vec::new();
    let mut sql = concat!(select_tickets!(), from_tickets!(), " where 1 = 1").to_owned();
    if let Some(customer_id) = filter.customer_id {
        params.push(customer_id.into());
        sql.push_str(&format!(" and t.customer_id = ${}", params.len()));
    }
    if let Some(external_id) = &filter.external_id {
        params.push(external_id.into());
        sql.push_str(&format!(" and t.external_id = ${}", params.len()));
    }
    if let Some(ids) = &filter.ids {
        sql.push_str(" and ");
        push_in(&mut sql, &mut params, "t.id", ids);
    }
    if filter.trash == Trash::LeftOut {
        sql.push_str(" and t.trashed_at is null");
    }
    let key = match sort {
        Sort::Created => "t.created_at",
        Sort::Updated => "t.updated_at",
    };
    slice.push(&mut sql, &mut params, key, "t.id");
    let rows = tx.rows(&sql, &params).await?;
    let mut tickets = Vec::with_capacity(rows.len());
    for row in &rows {
        tickets.push(TicketInList {
            ticket: Ticket::from_row(row)?,
            customer: Person::from_row(row, &CUSTOMER)?.ok_or(store::StoreError::Column("customer_id"))?,
            assignee_user: Person::from_row(row, &ASSIGNEE)?,
            assignee_team: TeamOfTicket::from_row(row)?,
            tags: Vec::new(),
        });
    }
    tags::fill(tx, may, &mut tickets).await?;
    Ok(tickets)
}

/// Appends `column in ($n, ..)`; never true for an empty list, which `in ()` cannot say on PostgreSQL.
pub(crate) fn push_in(sql: &mut String, params: &mut Vec<Value>, column: &'static str, ids: &[i64]) {
    if ids.is_empty() {
        sql.push_str("1 = 0");
        return;
    }
    sql.push_str(column);
    sql.push_str(" in (");
    for (at, id) in ids.iter().enumerate() {
        params.push((*id).into());
        sql.push_str(if at == 0 { "$" } else { ", $" });
        sql.push_str(&params.len().to_string());
    }
    sql.push(')');
}
