//! Reading everything that changed, span by span: for programs that keep a copy of the helpdesk.
//!
//! A reader goes on from a time or behind a row. One that goes on from whole seconds gets all rows of the last second it sees, however many
//! they are: its next page begins with that second, and it never stands still.

use jiff::Timestamp;
use store::{Row, Tx};

use crate::Error;
use crate::page::{Column, Direction, Key, Order, Page, Position, Query, Slice};

/// Rows that are read at once of a second that does not end.
const MORE: usize = 1_000;
const SECOND_MICROS: i64 = 1_000_000;

/// Which rows, in the order of their times.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub from: From,
    /// Exclusive: what is newer may still be joined by something older.
    pub until: Timestamp,
    pub limit: usize,
    /// Goes beyond the limit to the end of the last row's second.
    pub whole_seconds: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// Inclusive.
    Time(Timestamp),
    /// Behind the row with these keys: its time and its id.
    Row(Vec<Key>),
}

/// Runs the queries, which give the same columns of disjoint rows, along their time: the first of `order`, ties broken by the second.
/// `columns` and `table` are as `Query::page_of_parts` takes them.
pub(crate) async fn read(
    tx: &mut Tx,
    parts: Vec<Query>,
    (columns, table): (&str, &str),
    order: &'static [Column],
    wanted: &Wanted,
) -> Result<Page<Row>, Error> {
    let Some(Column::Int(time, name)) = order.first().copied() else {
        return Err(Error::Refused("An export goes along a time.".to_owned()));
    };
    let order = Order { columns: order, descending: false };
    let at_or_after = match &wanted.from {
        From::Time(at) => Some(*at),
        From::Row(_) => None,
    };
    let from = match &wanted.from {
        From::Time(_) => None,
        From::Row(keys) => Some(Position { keys: keys.clone(), direction: Direction::After }),
    };
    let within = |from: Option<Timestamp>, until: Timestamp| {
        let mut bounded = parts.clone();
        for part in &mut bounded {
            if let Some(from) = from {
                part.and(&format!("{time} >="), from);
            }
            part.and(&format!("{time} <"), until);
        }
        bounded
    };
    let slice = Slice { limit: wanted.limit, from };
    let mut page = run(tx, within(at_or_after, wanted.until), (columns, table), order, &slice).await?;
    if !wanted.whole_seconds {
        return Ok(page);
    }
    while let Some(keys) = page.after.take() {
        let Some(last) = page.items.last() else { break };
        let next_second = (last.int(name)?.div_euclid(SECOND_MICROS) + 1).saturating_mul(SECOND_MICROS);
        let end = Timestamp::from_microsecond(next_second).unwrap_or(wanted.until).min(wanted.until);
        let slice = Slice { limit: MORE, from: Some(Position { keys: keys.clone(), direction: Direction::After }) };
        let rest = run(tx, within(None, end), (columns, table), order, &slice).await?;
        let is_over = rest.after.is_none();
        page.items.extend(rest.items);
        page.after = rest.after.or(Some(keys));
        if is_over {
            break;
        }
    }
    Ok(page)
}

async fn run(
    tx: &mut Tx,
    mut parts: Vec<Query>,
    (columns, table): (&str, &str),
    order: Order,
    slice: &Slice,
) -> Result<Page<Row>, Error> {
    match parts.len() {
        1 => parts.remove(0).page(tx, order, slice).await,
        _ => Query::page_of_parts(parts, columns, table, tx, order, slice).await,
    }
}
