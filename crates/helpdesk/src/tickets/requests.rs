//! Tickets as the people who ask see them: their own, those they are copied in on, and those that their organization shares; of each only
//! what is public. Whoever may not see a ticket is told that there is none.

use std::collections::HashMap;

use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Requests};
use store::Tx;

use super::around::Part;
use super::list::{self, Filter, Trash, from_row, load, query_of};
use super::{Status, TicketInList, standing};
use crate::Error;
use crate::page::{Order, Page, Query, Slice};

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Of this person, who must be the caller or a customer that the caller, one of us, asks about.
    Person(i64),
    /// On which the caller is copied in.
    Copied,
    /// Of an organization that shares them with its members.
    Organization(i64),
}

/// A slice of them. Served by `tickets_by_customer`, `tickets_by_customer_updated`, `ticket_people_by_person` and
/// `tickets_by_organization`. `NotFound` for whose requests the caller may not see.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<Requests>,
    (whose, statuses): (Whose, &[Status]),
    order: Order,
    slice: &Slice,
) -> Result<Page<TicketInList>, Error> {
    let caller = caller(may)?;
    let is_staff = may.actor().role.is_some_and(|role| role.is_staff());
    let mut filter = Filter { trash: Trash::LeftOut, ..Filter::default() };
    match whose {
        Whose::Person(id) if id == caller || is_staff => filter.customer_id = Some(id),
        Whose::Person(id) => return Err(Error::NotFound { kind: "user", id }),
        Whose::Copied => filter.person = Some((caller, Part::Cc)),
        Whose::Organization(id) => {
            if !is_staff && !shares(tx, caller, id).await? {
                return Err(Error::NotFound { kind: "organization", id });
            }
            filter.organization_id = Some(id);
        }
    }
    let mut query = query_of(&filter);
    public_only(&mut query);
    if !statuses.is_empty() {
        query.and_in("t.status", statuses.iter().map(|status| status.word()));
    }
    let mut page = query.page(tx, order, slice).await?.try_map(|row| from_row(&row))?;
    list::fill(tx, &mut page.items).await?;
    Ok(page)
}

/// The request with this id, or `NotFound`.
pub async fn find<A: Access>(tx: &mut Tx, may: &Permit<Requests, A>, id: i64) -> Result<TicketInList, Error> {
    let not_found = Error::NotFound { kind: "request", id };
    let caller = caller(may)?;
    let mut query = Query::new("select t.customer_id, t.organization_id from tickets t where t.trashed_at is null");
    query.and("t.id =", id);
    public_only(&mut query);
    let Some(row) = tx.row(&query.sql, &query.params).await? else { return Err(not_found) };
    let is_staff = may.actor().role.is_some_and(|role| role.is_staff());
    let mut is_seen = is_staff || row.int("customer_id")? == caller;
    if !is_seen {
        let sql = "select ticket_id from ticket_people where ticket_id = $1 and part = $2 and person_id = $3";
        is_seen = tx.row(sql, &[id.into(), Part::Cc.word().into(), caller.into()]).await?.is_some();
    }
    if !is_seen && let Some(organization_id) = row.int_or_null("organization_id")? {
        is_seen = shares(tx, caller, organization_id).await?;
    }
    if !is_seen {
        return Err(not_found);
    }
    load(tx, &[id]).await?.pop().ok_or(not_found)
}

/// The same for whoever just wrote it.
pub async fn written(tx: &mut Tx, may: &CanWrite<Requests>, id: i64) -> Result<TicketInList, Error> {
    find(tx, may, id).await
}

/// Who asks: requests are somebody's.
pub fn caller<A: Access>(may: &Permit<Requests, A>) -> Result<i64, Error> {
    may.actor().person_id.ok_or(Error::Refused("A request is written by a person.".to_owned()))
}

fn public_only(query: &mut Query) {
    query.and_text("exists (select 1 from messages p where p.ticket_id = t.id and p.public = 1)");
}

async fn shares(tx: &mut Tx, person_id: i64, organization_id: i64) -> Result<bool, Error> {
    let sql = "select o.id from organizations o join organization_members m on m.organization_id = o.id
               where o.id = $1 and m.customer_id = $2 and o.shared_tickets = 1";
    Ok(tx.row(sql, &[organization_id.into(), person_id.into()]).await?.is_some())
}

/// What stands beside a request: its first public message, who is copied in, and the status of the account's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    pub description: Option<String>,
    pub cc_ids: Vec<i64>,
    pub custom_status_id: i64,
}

/// Of each of these requests, in three statements whatever their number. Served by `messages_by_ticket` and the primary key of
/// `ticket_people`.
pub async fn beside<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Requests, A>,
    ids: &[i64],
) -> Result<HashMap<i64, Beside>, Error> {
    let mut found: HashMap<i64, Beside> = ids.iter().map(|id| (*id, Beside::default())).collect();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut query = Query::new(
        "select t.id, m.body_text from tickets t join messages m on m.id =
             (select f.id from messages f where f.ticket_id = t.id and f.public = 1 order by f.created_at, f.id limit 1)
         where 1 = 1",
    );
    query.and_in("t.id", ids.iter().copied());
    for row in tx.rows(&query.sql, &query.params).await? {
        found.entry(row.int("id")?).or_default().description = row.text_or_null("body_text")?;
    }
    let mut query = Query::new("select ticket_id, person_id from ticket_people where part = 'cc'");
    query.and_in("ticket_id", ids.iter().copied());
    query.sql.push_str(" order by ticket_id, person_id");
    for row in tx.rows(&query.sql, &query.params).await? {
        found.entry(row.int("ticket_id")?).or_default().cc_ids.push(row.int("person_id")?);
    }
    for (id, stands) in standing::of(tx, ids).await? {
        found.entry(id).or_default().custom_status_id = stands.custom_status_id;
    }
    Ok(found)
}
