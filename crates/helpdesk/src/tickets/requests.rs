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
use crate::page::{Column, Order, Page, Query, Slice};
use crate::search::{self, words};

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

/// What a search among requests asks for.
#[derive(Debug, Clone, Default)]
pub struct Sought<'a> {
    /// Each of its words must stand in the subject or in one of the public messages, or begin a word there. Empty: any will do.
    pub text: &'a str,
    pub statuses: &'a [Status],
    /// Only those of this organization, which must share them; none: the caller's own.
    pub organization_id: Option<i64>,
    /// Only those on which the caller is copied in.
    pub copied: bool,
}

/// Requests of one person or organization that a search looks through: the newest.
const LOOKED_THROUGH: i64 = 2_000;
/// Public messages of one request that are read, and characters of each.
const MESSAGES_READ: i64 = 50;
const CHARS_READ: i64 = 10_000;
/// Requests whose messages are read with one statement.
const READ_AT_ONCE: usize = 20;
/// Characters that one search reads, about: of requests beyond, it knows the subjects.
const CHARS_READ_OF_ALL: usize = 4_000_000;

/// A slice of the caller's requests that hold a text, the newest change first. The index of words is no help: it holds what only staff
/// may read, and would tell of it. So what is public is read, of the requests that the caller may see, which are few.
///
/// Served by `tickets_by_customer_updated`, `ticket_people_by_person`, `tickets_by_organization` and `messages_by_ticket`.
pub async fn search(
    tx: &mut Tx,
    may: &CanRead<Requests>,
    sought: &Sought<'_>,
    slice: &Slice,
) -> Result<Page<TicketInList>, Error> {
    let caller = caller(may)?;
    let is_staff = may.actor().role.is_some_and(|role| role.is_staff());
    let mut query = Query::new("select t.id, t.subject, t.updated_at from tickets t where t.trashed_at is null");
    match sought.organization_id {
        Some(id) if is_staff || shares(tx, caller, id).await? => query.and("t.organization_id =", id),
        Some(id) => return Err(Error::NotFound { kind: "organization", id }),
        None if sought.copied => {}
        None => query.and("t.customer_id =", caller),
    }
    if sought.copied {
        let (person, part) = (query.bind(caller), query.bind(Part::Cc.word()));
        query.and_text(&format!(
            "t.id in (select ticket_id from ticket_people where person_id = {person} and part = {part})"
        ));
    }
    if !sought.statuses.is_empty() {
        query.and_in("t.status", sought.statuses.iter().map(|status| status.word()));
    }
    public_only(&mut query);
    const ORDER: &[Column] = &[Column::Int("t.updated_at", "updated_at"), Column::Int("t.id", "id")];
    let all = Slice { limit: usize::try_from(LOOKED_THROUGH).unwrap_or(usize::MAX), from: None };
    let rows = query.page(tx, Order { columns: ORDER, descending: true }, &all).await?.items;
    let asked = words::of(&sought.text.chars().take(search::TEXT_MAX_CHARS).collect::<String>());
    let mut found = Vec::new();
    let mut n_chars = 0;
    for some in rows.chunks(READ_AT_ONCE) {
        let mut texts: Vec<(i64, Vec<String>)> = Vec::with_capacity(some.len());
        for row in some {
            texts.push((row.int("id")?, words::of(&row.text_or_null("subject")?.unwrap_or_default())));
        }
        if !asked.is_empty() && n_chars < CHARS_READ_OF_ALL {
            n_chars += read_public(tx, &mut texts).await?;
            // Others have their turn.
            tokio::task::yield_now().await;
        }
        let holds =
            |known: &[String]| asked.iter().all(|asked| known.iter().any(|word| word.starts_with(asked.as_str())));
        found.extend(texts.into_iter().filter(|(_, known)| holds(known)).map(|(id, _)| id));
    }
    let skip = slice.skipped().unwrap_or_default();
    let shown: Vec<i64> = found.iter().copied().skip(skip).take(slice.limit).collect();
    let n_left = found.len().saturating_sub(skip.saturating_add(slice.limit));
    let items = load(tx, &shown).await?;
    let total = i64::try_from(found.len()).ok();
    Ok(Page { items, before: None, after: (0 < n_left).then(Vec::new), total })
}

/// How many characters it read.
async fn read_public(tx: &mut Tx, texts: &mut [(i64, Vec<String>)]) -> Result<usize, Error> {
    let mut query = Query::default();
    let chars = query.bind(CHARS_READ);
    query.sql = format!(
        "select r.ticket_id, r.body from (
             select m.ticket_id, substr(coalesce(m.body_text, ''), 1, {chars}) as body,
                    row_number() over (partition by m.ticket_id order by m.created_at desc, m.id desc) as place
             from messages m where m.public = 1"
    );
    query.and_in("m.ticket_id", texts.iter().map(|(id, _)| *id));
    let newest = query.bind(MESSAGES_READ);
    query.sql.push_str(&format!(") as r where r.place <= {newest}"));
    let mut n_chars = 0;
    for row in tx.rows(&query.sql, &query.params).await? {
        let (id, body) = (row.int("ticket_id")?, row.text("body")?);
        n_chars += body.len();
        if let Some((_, known)) = texts.iter_mut().find(|(known, _)| *known == id) {
            known.extend(words::of(&body));
        }
    }
    Ok(n_chars)
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

/// What stands beside a request: its first public message, who is copied in, the status of the account's own, and where it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    pub description: Option<String>,
    pub cc_ids: Vec<i64>,
    pub custom_status_id: i64,
    /// The address that it came to.
    pub recipient: Option<String>,
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
        let beside = found.entry(id).or_default();
        beside.custom_status_id = stands.custom_status_id;
        beside.recipient = stands.recipient;
    }
    Ok(found)
}
