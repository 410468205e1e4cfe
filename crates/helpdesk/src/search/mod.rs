//! Search: tickets by the words of their subject and messages, customers and the rest by their names, addresses and numbers.
//!
//! What is indexed for tickets and customers is kept here (`index_...`), in the transaction of each change; where the index is, `store`
//! knows. The other kinds are few, and are read. Words and slips: `words.rs`.

mod named;
mod rebuild;
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

pub use named::{Agent, agents, integrations, tags, teams};
pub use rebuild::{KIND, run};
pub use tickets::{FOUND_MAX, among, index_ticket, tickets};

/// Longest text that is looked for, in characters. What follows is not read.
pub const TEXT_MAX_CHARS: usize = 1_000;
/// So many of the newest that have the words are ranked.
const RANKED: usize = 300;
/// Most distinct words of an article's text.
const ARTICLE_WORDS_MAX: usize = 5_000;
/// Most distinct words of an address book entry.
const CUSTOMER_WORDS_MAX: usize = 1_500;

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

/// Writes what a customer is found by. Call it after each change of their name, addresses or foreign id.
pub(crate) async fn index_customer(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let sql = "select name, email, external_id, is_staff from people where id = $1";
    let row = tx.row(sql, &[id.into()]).await?;
    let Some(row) = row.filter(|row| row.int("is_staff").is_ok_and(|is_staff| is_staff == 0)) else {
        return Ok(search::remove(tx, Index::Customers, id).await?);
    };
    let mut bag = Bag::default();
    for text in [row.text_or_null("name")?, row.text_or_null("external_id")?].into_iter().flatten() {
        bag.add_with_slips(&text);
    }
    let mut emails: Vec<String> = row.text_or_null("email")?.into_iter().collect();
    for address in addresses::of_person(tx, id).await? {
        match address.kind.as_str() {
            addresses::EMAIL => emails.push(address.address),
            "phone" | "sms" | "whatsapp" => bag.add_number(&address.address),
            _ => bag.add(&address.address),
        }
    }
    for email in emails {
        // Everybody is at the same few domains: a slip there would find them all.
        let (name, domain) = email.rsplit_once('@').unwrap_or((&email, ""));
        bag.add_with_slips(name);
        bag.add(domain);
    }
    Ok(search::put(tx, Index::Customers, id, bag.words()).await?)
}

/// Forgets a customer who is gone.
pub(crate) async fn forget_customer(tx: &mut Tx, id: i64) -> Result<(), Error> {
    Ok(search::remove(tx, Index::Customers, id).await?)
}

/// Writes what a text of the help center's articles is found by. Call it after each change of it, and of whether its article is there.
pub(crate) async fn index_article(tx: &mut Tx, text_id: i64) -> Result<(), Error> {
    let sql = "select t.title, t.body from help_translations t join help_articles a on a.id = t.article_id
               where t.id = $1 and a.archived_at is null";
    let Some(row) = tx.row(sql, &[text_id.into()]).await? else {
        return Ok(search::remove(tx, Index::Articles, text_id).await?);
    };
    let mut bag = Bag::default();
    bag.add_words(words::of(&row.text("title")?), ARTICLE_WORDS_MAX);
    bag.add_words(words::of(&crate::tickets::bodies::text_of_html(&row.text("body")?)), ARTICLE_WORDS_MAX);
    Ok(search::put(tx, Index::Articles, text_id, bag.words()).await?)
}

/// Distinct words on their way into the index.
#[derive(Default)]
struct Bag(std::collections::BTreeSet<String>);

impl Bag {
    fn add(&mut self, text: &str) {
        self.add_words(words::of(text), CUSTOMER_WORDS_MAX);
    }

    fn add_words(&mut self, words: Vec<String>, most: usize) {
        let room = most.saturating_sub(self.0.len());
        self.0.extend(words.into_iter().take(room));
    }

    fn add_with_slips(&mut self, text: &str) {
        for word in words::of(text) {
            if CUSTOMER_WORDS_MAX <= self.0.len() {
                return;
            }
            self.0.extend(words::slips(&word));
            self.0.insert(word);
        }
    }

    fn add_number(&mut self, number: &str) {
        let digits: String = number.chars().filter(char::is_ascii_digit).take(20).collect();
        self.0.extend(words::ends_of_number(&digits).map(str::to_owned));
        self.add(number);
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
