//! The tickets that fulfil a condition: pages of them, how many, and their ids for bulk work.
//!
//! A page is read in one of two ways. Where a test picks few tickets (of a customer, a tag, a person), those are found first and sorted.
//! Else each folder in which matches can lie is walked along the index of the wanted order (`tickets_in_folder_by_...`), and what does not
//! match is passed over: there are many matches then, so the next one is never far.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use store::{Row, Tx};

use super::TicketInList;
use super::list::{self, Direction};
use crate::filter::folders::{self, Folder};
use crate::filter::{Condition, Field, Operand, Operator, Test, Viewpoint, hours, sql};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::{Error, search};

/// Up to so many tickets are found first and sorted. More of them lie so densely in their folder that walking it is cheaper.
const FEW: i64 = 5_000;

/// Which tickets.
#[derive(Debug, Clone, Copy)]
pub struct Matching<'a> {
    pub condition: &'a Condition,
    /// Words that they hold besides; of more than `search::FOUND_MAX` that do, the newest. Text without a word asks for nothing.
    pub search: Option<&'a str>,
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
}

impl Sort {
    pub const ALL: [Sort; 7] = [
        Sort::Created,
        Sort::Updated,
        Sort::LastMessage,
        Sort::LastReceivedMessage,
        Sort::Closed,
        Sort::Snoozed,
        Sort::Priority,
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
    if let Some(text) = matching.search
        && let Some(found) = search::among(tx, text).await?
    {
        query.and_text("t.id in (");
        query.append(found);
        query.sql.push(')');
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
    if let Some(text) = matching.search
        && let Some(found) = search::among(tx, text).await?
    {
        return Ok(vec![leading(&found, matching, select)?]);
    }
    for test in tests_of_all(matching.condition) {
        let Some(few) = few(test, &folders, matching.viewpoint) else { continue };
        if few.has_order_of == sort && sort.is_some() {
            break;
        }
        if are_few(tx, &few.ids).await? {
            return Ok(vec![leading(&few.ids, matching, select)?]);
        }
    }
    let mut parts = Vec::with_capacity(folders.len());
    for folder in folders {
        let mut part = Query::new(&format!("select {select} from tickets t where t.folder = {}", folder.literal()));
        let condition = sql::compile(&mut part, matching.condition, &matching.viewpoint)?;
        part.and_text(&format!("({condition})"));
        parts.push(part);
    }
    Ok(parts)
}

/// The tests that must hold whatever else holds.
fn tests_of_all(condition: &Condition) -> Vec<&Test> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(tests_of_all).collect(),
        Condition::Is(test) => vec![test],
        Condition::Any(parts) => match parts.as_slice() {
            [one] => tests_of_all(one),
            _ => Vec::new(),
        },
        Condition::Not(_) => Vec::new(),
    }
}

/// The ids of the tickets that a test picks.
struct Few {
    /// `select ... as id ...`
    ids: Query,
    /// The order in which an index gives them anyhow.
    has_order_of: Option<Sort>,
}

fn few(test: &Test, folders: &[Folder], viewpoint: Viewpoint) -> Option<Few> {
    let number = match (&test.operator, &test.operand) {
        (Operator::Equal, Operand::Int(number)) => Some(*number),
        (Operator::Equal, Operand::CurrentUser) => viewpoint.person_id,
        _ => None,
    };
    let literals: Vec<&str> = folders.iter().map(|folder| folder.literal()).collect();
    let in_folders = format!("x.folder in ({})", literals.join(", "));
    let mut has_order_of = None;
    let mut ids = Query::default();
    match test.field {
        Field::Id => {
            let mut places = Vec::new();
            match (&test.operator, &test.operand) {
                (Operator::ContainsAny, Operand::List(items)) => {
                    for item in items {
                        let Operand::Int(id) = item else { return None };
                        places.push(ids.bind(*id));
                    }
                }
                _ => places.push(ids.bind(number?)),
            }
            if places.is_empty() {
                return None;
            }
            ids.sql = format!("select x.id from tickets x where x.id in ({})", places.join(", "));
        }
        Field::CustomerId => {
            let place = ids.bind(number?);
            ids.sql = format!("select x.id from tickets x where x.customer_id = {place}");
        }
        Field::AssigneeUserId => {
            has_order_of = Some(Sort::Updated);
            let place = ids.bind(number?);
            ids.sql = format!("select x.id from tickets x where x.assignee_user_id = {place} and {in_folders}");
        }
        Field::AssigneeTeamId => {
            has_order_of = Some(Sort::Updated);
            let place = ids.bind(number?);
            ids.sql = format!("select x.id from tickets x where x.assignee_team_id = {place} and {in_folders}");
        }
        Field::ExternalId | Field::CustomerEmail if test.operator == Operator::Equal => {
            let Operand::Text(text) = &test.operand else { return None };
            let place = ids.bind(text);
            ids.sql = match test.field {
                Field::ExternalId => format!("select x.id from tickets x where x.external_id = {place}"),
                _ => format!(
                    "select x.id from people p cross join tickets x
                     where p.is_staff in (0, 1) and p.email_key = {place} and x.customer_id = p.id"
                ),
            };
        }
        Field::Tags => {
            let names: Vec<&Operand> = match (&test.operator, &test.operand) {
                (Operator::Equal | Operator::Contains, name) => vec![name],
                (Operator::ContainsAny, Operand::List(names)) => names.iter().collect(),
                // Having all of them means having the first.
                (Operator::ContainsAll, Operand::List(names)) => names.first().into_iter().collect(),
                _ => return None,
            };
            let mut places = Vec::with_capacity(names.len());
            for name in names {
                let Operand::Text(name) = name else { return None };
                places.push(ids.bind(name));
            }
            if places.is_empty() {
                return None;
            }
            ids.sql = format!(
                "select distinct tt.ticket_id as id from ticket_tags tt
                 where tt.tag_id in (select coalesce(g.merged_into, g.id) from tags g where g.name in ({}))",
                places.join(", ")
            );
        }
        _ => return None,
    }
    Some(Few { ids, has_order_of })
}

async fn are_few(tx: &mut Tx, ids: &Query) -> Result<bool, Error> {
    let mut probe = ids.clone();
    let limit = probe.bind(FEW + 1);
    let sql = format!("select count(*) as n from ({} limit {limit}) as probed", probe.sql);
    Ok(number(tx.row(&sql, &probe.params).await?)? <= FEW)
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

fn number(row: Option<Row>) -> Result<i64, Error> {
    Ok(row.ok_or(store::StoreError::Column("n"))?.int("n")?)
}
