//! Search: tickets by the words of their subject and messages, customers and the rest by their names, addresses and numbers.
//!
//! What is indexed of tickets, people and organizations is kept by `index.rs`, in the transaction of each change; where the index is, `store`
//! knows. The other kinds are few, and are read. Words and slips: `words.rs`; words that follow each other: `phrases.rs`; people and
//! organizations by what else is known of them: `records.rs`.

mod index;
mod named;
pub mod phrases;
mod rebuild;
pub mod records;
mod tickets;
pub mod words;

use scope::permit::CanRead;
use scope::resource::Customers;
use store::search::{self, Index};
use store::{Row, Tx};

use crate::Error;
use crate::addresses::{self, Address};
use crate::customers::{self, CustomerInList};
use crate::page::{Query, Slice};

pub use index::index_ticket;
pub(crate) use index::{forget_customer, forget_organization, index_article, index_organization, index_person};
pub use named::{Agent, agents, integrations, tags, teams};
pub use rebuild::{KIND, run};
pub use tickets::{FOUND_MAX, among, tickets, without};

/// Longest text that is looked for, in characters. What follows is not read.
pub const TEXT_MAX_CHARS: usize = 1_000;
/// So many of the newest that have the words are ranked.
const RANKED: usize = 300;

/// Customers by name, address, phone number or foreign id. Best first: those who have the words whole, then those whose words begin so,
/// then those with a slip in one; the newest of each first. Empty text finds the newest.
pub async fn customers(
    tx: &mut Tx,
    may: &CanRead<Customers>,
    text: &str,
    limit: usize,
) -> Result<Vec<CustomerInList>, Error> {
    let asked = words::of(text);
    if asked.is_empty() {
        let filter = customers::Filter::default();
        let slice = Slice { limit, from: None };
        return Ok(customers::list(tx, may, &filter, customers::Sort::Created, true, &slice).await?.items);
    }
    let mut found = customers_with(tx, &words::asked_whole(text)).await?;
    // Where very many have the words whole, gathering those that begin so would take long, and none of them would be shown.
    if found.len() < RANKED {
        for other in customers_with(tx, &words::asked(text)).await? {
            if found.iter().all(|known| known.id != other.id) {
                found.push(other);
            }
        }
    }
    if found.len() < limit
        && let Some(slips) = words::asked_with_slips(text)
    {
        for other in customers_with(tx, &slips).await? {
            if found.iter().all(|known| known.id != other.id) {
                found.push(other);
            }
        }
    }
    found.sort_by_cached_key(|found| (rank(&asked, &found.texts), std::cmp::Reverse(found.id)));
    found.truncate(limit);
    let ids: Vec<i64> = found.iter().map(|found| found.id).collect();
    let filter = customers::Filter { ids: Some(ids.clone()), ..customers::Filter::default() };
    let slice = Slice { limit: ids.len(), from: None };
    let mut items = customers::list(tx, may, &filter, customers::Sort::Created, true, &slice).await?.items;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.customer.id));
    Ok(items)
}

/// An address, and whose it is.
#[derive(Debug, Clone)]
pub struct Reached {
    pub address: Address,
    pub customer_id: i64,
    pub customer_name: Option<String>,
}

/// Addresses of the customers that the text finds, those that hold its words first. Of one kind, or of all.
pub async fn addresses(
    tx: &mut Tx,
    may: &CanRead<Customers>,
    text: &str,
    kind: Option<&str>,
    limit: usize,
) -> Result<Vec<Reached>, Error> {
    let found = customers(tx, may, text, limit).await?;
    let owners: Vec<i64> = found.iter().map(|item| item.customer.id).collect();
    let mut reached = Vec::new();
    for (owner, address) in addresses::of_people(tx, &owners).await? {
        let Some(customer) = found.iter().map(|item| &item.customer).find(|it| it.id == owner) else { continue };
        if kind.is_none_or(|kind| kind == address.kind) {
            reached.push(Reached { address, customer_id: customer.id, customer_name: customer.name.clone() });
        }
    }
    reached.sort_by_key(|reached| owners.iter().position(|id| *id == reached.customer_id));
    let asked = words::of(text);
    // Stable: the better customer stays first.
    reached.sort_by_cached_key(|reached| rank(&asked, std::slice::from_ref(&reached.address.address)));
    reached.truncate(limit);
    Ok(reached)
}

struct Found {
    id: i64,
    texts: Vec<String>,
}

impl Found {
    fn from_row(row: &Row) -> Result<Found, Error> {
        let texts = [row.text_or_null("name")?, row.text_or_null("email")?, row.text_or_null("external_id")?];
        Ok(Found { id: row.int("id")?, texts: texts.into_iter().flatten().collect() })
    }
}

/// The newest customers with these words.
async fn customers_with(tx: &mut Tx, wanted: &search::Wanted) -> Result<Vec<Found>, Error> {
    let Some(asked) = search::asked(tx, wanted) else { return Ok(Vec::new()) };
    let mut query = Query::default();
    let place = query.bind(asked);
    let ids = search::ids(tx, Index::Customers, &place);
    let limit = query.bind(i64::try_from(RANKED).unwrap_or(i64::MAX));
    query.sql = format!(
        "select p.id, p.name, p.email, p.external_id
         from (select found.id from ({ids}) as found order by found.id desc limit {limit}) as newest
         cross join people p where p.id = newest.id and p.is_staff = 0"
    );
    tx.rows(&query.sql, &query.params).await?.iter().map(Found::from_row).collect()
}

/// How well texts fit what was looked for: the sum of what each word is away. Less is better.
fn rank(asked: &[String], texts: &[String]) -> u32 {
    let words: Vec<String> = texts.iter().flat_map(|text| words::of(text)).collect();
    asked
        .iter()
        .map(|asked| {
            let nearest = words.iter().filter_map(|word| words::distance(word, asked)).min();
            // Found by something that is not shown, such as a second address.
            nearest.map_or(2, u32::from)
        })
        .sum()
}

/// The same where every word must be there. None if one is not.
fn rank_of_all(asked: &[String], text: &str) -> Option<u32> {
    let words = words::of(text);
    let each = asked.iter().map(|asked| words.iter().filter_map(|word| words::distance(word, asked)).min());
    each.map(|nearest| nearest.map(u32::from)).sum()
}
