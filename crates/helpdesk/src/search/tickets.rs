//! Tickets by the words of their subject and messages, and by who wrote them.

use scope::permit::CanRead;
use scope::resource::Tickets;
use store::Tx;
use store::search::{self, Index};

use super::phrases::{BEGUN_MIN_CHARS, Checked, Phrases};
use super::{TEXT_MAX_CHARS, customers_with, rank, words};
use crate::Error;
use crate::page::Query;
use crate::tickets::TicketInList;
use crate::tickets::list;

/// So many of the newest that have the words are ranked.
const RANKED: i64 = 300;
/// Customers whose tickets are found by the customer's name or address.
const WRITERS_MAX: usize = 20;
/// Least length of a word with digits that is found with a slip in it, as order numbers are.
const NUMBER_MIN_CHARS: usize = 5;

/// The best tickets for a text: those with the words in their subject first, the newest of each first. Empty text finds none.
pub async fn tickets(
    tx: &mut Tx,
    may: &CanRead<Tickets>,
    text: &str,
    limit: usize,
) -> Result<Vec<TicketInList>, Error> {
    let Some(mut query) = among(tx, text, Phrases::NONE).await? else { return Ok(Vec::new()) };
    let limit_ranked = query.bind(RANKED);
    query.sql = format!(
        "select t.id, t.subject, t.external_id
         from (select found.id from ({}) as found order by found.id desc limit {limit_ranked}) as newest
         cross join tickets t where t.id = newest.id and t.trashed_at is null and t.spam = 0",
        query.sql
    );
    let asked = words::of(text);
    let mut found = Vec::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        let texts: Vec<String> =
            [row.text_or_null("subject")?, row.text_or_null("external_id")?].into_iter().flatten().collect();
        found.push((rank(&asked, &texts), std::cmp::Reverse(row.int("id")?)));
    }
    found.sort_unstable();
    let ids: Vec<i64> = found.iter().take(limit).map(|(_, id)| id.0).collect();
    list::of_ids(tx, may, &ids).await
}

/// Most tickets that a text finds: the newest. To sort more of them would take longer than anybody waits.
pub const FOUND_MAX: i64 = 5_000;
/// Where so many have the words whole, those that only begin with the last one are left out: gathering them takes long.
const ENOUGH: i64 = 50;

/// `select ... as id ...` of the newest tickets that have all words of the text, or one of a few customers who do, and that are as the phrases
/// want it. None where neither asks for a word.
pub async fn among(tx: &mut Tx, text: &str, phrases: &Phrases) -> Result<Option<Query>, Error> {
    let text: String = text.chars().take(TEXT_MAX_CHARS).collect();
    let asked = words::asked_whole(&text);
    if asked.0.is_empty() && phrases.all.is_empty() {
        return Ok(None);
    }
    let checked = phrases.checked(tx, Index::Tickets).await?;
    let Some(whole) = with_slips(tx, asked.clone(), &checked) else { return Ok(Some(nothing())) };
    let last_is_long = words::of(&text).last().is_some_and(|word| BEGUN_MIN_CHARS <= word.chars().count());
    let mut begun = None;
    if last_is_long {
        let mut enough = whole.clone();
        let limit = enough.bind(ENOUGH);
        let sql = format!("select count(*) as n from ({} limit {limit}) as probed", enough.sql);
        let row = tx.row(&sql, &enough.params).await?.ok_or(store::StoreError::Column("n"))?;
        if row.int("n")? < ENOUGH {
            begun = with_slips(tx, words::asked(&text), &checked);
        }
    }
    let mut query = begun.unwrap_or(whole);
    if !asked.0.is_empty() {
        let writers = customers_with(tx, &asked).await?;
        // More customers than these share a word that says little, such as a first name.
        if (1..=WRITERS_MAX).contains(&writers.len()) {
            let places: Vec<String> = writers.iter().map(|writer| query.bind(writer.id)).collect();
            query.sql = format!(
                "{} union select x.id from tickets x where x.customer_id in ({})",
                query.sql,
                places.join(", ")
            );
            checked.and_has(tx, &mut query, "x.id");
        }
    }
    query.sql = format!("select found.id from ({}) as found where 1 = 1", query.sql);
    checked.and_rest(tx, &mut query, "found.id");
    let limit = query.bind(FOUND_MAX);
    query.sql.push_str(&format!(" order by found.id desc limit {limit}"));
    Ok(Some(query))
}

/// Narrows a query about tickets `t` to those that have none of the phrases that are not wanted. For where `among` asks for nothing.
pub async fn without(tx: &mut Tx, query: &mut Query, phrases: &Phrases) -> Result<(), Error> {
    if phrases.none.is_empty() {
        return Ok(());
    }
    let checked = phrases.checked(tx, Index::Tickets).await?;
    checked.and_lacks(tx, query, "t.id");
    checked.and_rest(tx, query, "t.id");
    Ok(())
}

fn nothing() -> Query {
    Query::new("select x.id from tickets x where 1 = 0")
}

/// The tickets with these words, of which those with digits may have a slip, and with what phrases want.
fn with_slips(tx: &Tx, mut wanted: search::Wanted, checked: &Checked) -> Option<Query> {
    for group in &mut wanted.0 {
        let slips = match group.first() {
            Some(search::Term::Word(word) | search::Term::Prefix(word)) if is_number(word) => words::slips(word),
            _ => continue,
        };
        group.extend(slips.into_iter().map(search::Term::Word));
    }
    wanted.0.extend(checked.all.iter().cloned());
    let asked = search::asked_but(tx, &wanted, &checked.none)?;
    let mut query = Query::default();
    let place = query.bind(asked);
    query.sql = search::ids(tx, Index::Tickets, &place);
    Some(query)
}

pub(super) fn is_number(word: &str) -> bool {
    NUMBER_MIN_CHARS <= word.chars().count() && word.chars().any(|c| c.is_ascii_digit())
}
