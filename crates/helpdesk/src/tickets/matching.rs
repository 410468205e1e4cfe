//! The tickets that fulfil a condition: pages of them, how many, and their ids for bulk work.
//!
//! A page is read in one of two ways. Where a test picks few tickets (of a customer, a tag, a person: `leads.rs`), those are found first and sorted.
//! Else each folder in which matches can lie is walked along the index of the wanted order (`tickets_in_folder_by_...`), and what does not
//! match is passed over: there are many matches then, so the next one is never far.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use store::{Row, Tx};

use super::list::{self, Direction};
use super::{TicketInList, leads};
use crate::filter::{Condition, Viewpoint, folders, hours, sql};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::search::phrases::Phrases;
use crate::{Error, search};

/// Which tickets.
#[derive(Debug, Clone, Copy)]
pub struct Matching<'a> {
    pub condition: &'a Condition,
    /// Words that they hold besides; of more than `search::FOUND_MAX` that do, the newest. Text without a word asks for nothing.
    pub search: Option<&'a str>,
    /// What they hold besides, or do not hold.
    pub phrases: &'a Phrases,
    pub viewpoint: Viewpoint,
}

/// What the tickets are ordered by; ties are broken by id in the same direction. A time that is missing counts as before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Updated,
    LastMessage,
    LastReceivedMessage,
    Closed,
    Snoozed,
    Priority,
    /// New first, closed last.
    Status,
    /// None, question, incident, problem, task.
    Type,
}

impl Sort {
    pub const ALL: [Sort; 9] = [
        Sort::Created,
        Sort::Updated,
        Sort::LastMessage,
        Sort::LastReceivedMessage,
        Sort::Closed,
        Sort::Snoozed,
        Sort::Priority,
        Sort::Status,
        Sort::Type,
    ];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Sort::Created => "created",
            Sort::Updated => "updated",
            Sort::LastMessage => "last_message",
            Sort::LastReceivedMessage => "last_received_message",
            Sort::Closed => "closed",
            Sort::Snoozed => "snoozed",
            Sort::Priority => "priority",
            Sort::Status => "status",
            Sort::Type => "type",
        }
    }

    pub fn parse(word: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|sort| sort.word() == word)
    }

    const fn columns(self) -> (&'static [Column], &'static str) {
        const ID: Column = Column::Int("t.id", "id");
        match self {
            Sort::Created => (&[Column::Int("t.created_at", "created_at"), ID], "created_at"),
            Sort::Updated => (&[Column::Int("t.updated_at", "updated_at"), ID], "updated_at"),
            Sort::LastMessage => (&[Column::Int("t.last_message_key", "last_message_key"), ID], "last_message_key"),
            Sort::LastReceivedMessage => {
                (&[Column::Int("t.last_received_key", "last_received_key"), ID], "last_received_key")
            }
            Sort::Closed => (&[Column::Int("t.closed_key", "closed_key"), ID], "closed_key"),
            Sort::Snoozed => (&[Column::Int("t.snoozed_key", "snoozed_key"), ID], "snoozed_key"),
            Sort::Priority => (&[Column::Int("t.priority_rank", "priority_rank"), ID], "priority_rank"),
            Sort::Status => (&[Column::Int("t.status_rank", "status_rank"), ID], "status_rank"),
            Sort::Type => (&[Column::Int("t.type_rank", "type_rank"), ID], "type_rank"),
        }
    }
}

/// A slice of them. Served by `tickets_in_folder_by_created` and its siblings, `tickets_unassigned`, `tickets_by_assignee`,
/// `tickets_by_team`, and the indexes of what picks few.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    matching: Matching<'_>,
    (sort, direction): (Sort, Direction),
    slice: &Slice,
) -> Result<Page<TicketInList>, Error> {
    let condition = hours::settled(tx, matching.condition, matching.viewpoint.now).await?;
    let matching = Matching { condition: &condition, ..matching };
    let (columns, key) = sort.columns();
    let order = Order { columns, descending: direction == Direction::Descending };
    let names = format!("id, {key}");
    let mut parts = parts(tx, matching, Some(sort), &format!("t.id, t.{key}")).await?;
    let keys = match parts.len() {
        0 => Page { items: Vec::new(), before: None, after: None, total: None },
        1 => parts.remove(0).page(tx, order, slice).await?,
        _ => Query::page_of_parts(parts, &names, "t", tx, order, slice).await?,
    };
    let ids = keys.items.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
    let items = list::of_ids(tx, may, &ids).await?;
    Ok(Page { items, before: keys.before, after: keys.after, total: keys.total })
}

/// How many there are, counted up to `at_most`.
pub async fn count(tx: &mut Tx, _may: &CanRead<Tickets>, matching: Matching<'_>, at_most: i64) -> Result<i64, Error> {
    let condition = hours::settled(tx, matching.condition, matching.viewpoint.now).await?;
    let matching = Matching { condition: &condition, ..matching };
    let mut n = 0;
    for mut part in parts(tx, matching, None, "t.id").await? {
        if at_most <= n {
            break;
        }
        let limit = part.bind(at_most - n);
        let sql = format!("select count(*) as n from ({} limit {limit}) as counted", part.sql);
        n += number(tx.row(&sql, &part.params).await?)?;
    }
    Ok(n)
}

/// The ids of the next `limit` of them after `after`, in the order of ids: bulk work goes from slice to slice, each along the primary key.
/// A ticket that comes to match behind it is not seen; one that is changed meanwhile is not seen twice.
pub async fn ids(
    tx: &mut Tx,
    _may: &CanRead<Tickets>,
    matching: Matching<'_>,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, Error> {
    let mut query = Query::new("select t.id from tickets t where 1 = 1");
    query.and("t.id >", after);
    let condition = hours::settled(tx, matching.condition, matching.viewpoint.now).await?;
    let condition = sql::compile(&mut query, &condition, &matching.viewpoint)?;
    query.and_text(&format!("({condition})"));
    match search::among(tx, matching.search.unwrap_or_default(), matching.phrases).await? {
        Some(found) => {
            query.and_text("t.id in (");
            query.append(found);
            query.sql.push(')');
        }
        None => search::without(tx, &mut query, matching.phrases).await?,
    }
    let limit = query.bind(limit);
    query.sql.push_str(&format!(" order by t.id limit {limit}"));
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(|row| Ok(row.int("id")?)).collect()
}

/// Whether this ticket is one of them.
pub async fn contains(tx: &mut Tx, may: &CanRead<Tickets>, matching: Matching<'_>, id: i64) -> Result<bool, Error> {
    Ok(ids(tx, may, matching, id - 1, 1).await? == [id])
}

/// `Invalid` on `filters` for a condition that SQL cannot ask.
pub fn check(condition: &Condition) -> Result<(), Error> {
    let viewpoint = Viewpoint { now: Timestamp::UNIX_EPOCH, person_id: None };
    sql::compile(&mut Query::default(), condition, &viewpoint).map(|_text| ())
}

/// The queries that together give the matches, each once. None for a condition that nothing can fulfil.
async fn parts(tx: &mut Tx, matching: Matching<'_>, sort: Option<Sort>, select: &str) -> Result<Vec<Query>, Error> {
    let folders = folders::possible(matching.condition);
    if folders.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(found) = search::among(tx, matching.search.unwrap_or_default(), matching.phrases).await? {
        return Ok(vec![leading(&found, matching, select)?]);
    }
    for few in leads::of(matching.condition, &folders, matching.viewpoint) {
        if few.has_order_of == sort && sort.is_some() {
            break;
        }
        if leads::are_few(tx, &few.ids).await? {
            let mut part = leading(&few.ids, matching, select)?;
            search::without(tx, &mut part, matching.phrases).await?;
            return Ok(vec![part]);
        }
    }
    let mut parts = Vec::with_capacity(folders.len());
    for folder in folders {
        let mut part = Query::new(&format!("select {select} from tickets t where t.folder = {}", folder.literal()));
        let condition = sql::compile(&mut part, matching.condition, &matching.viewpoint)?;
        part.and_text(&format!("({condition})"));
        search::without(tx, &mut part, matching.phrases).await?;
        parts.push(part);
    }
    Ok(parts)
}

/// The matches among the ids: those lead, and each is looked up. SQLite takes the tables of a cross join in the order in which they are
/// written.
fn leading(ids: &Query, matching: Matching<'_>, select: &str) -> Result<Query, Error> {
    let mut query = Query {
        sql: format!("select {select} from ({}) as few cross join tickets t where t.id = few.id", ids.sql),
        params: ids.params.clone(),
    };
    let condition = sql::compile(&mut query, matching.condition, &matching.viewpoint)?;
    query.and_text(&format!("({condition})"));
    Ok(query)
}

pub(super) fn number(row: Option<Row>) -> Result<i64, Error> {
    Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")?)
}
