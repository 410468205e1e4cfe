//! Tickets by the words of their subject and messages, and by who wrote them.

use scope::permit::CanRead;
use scope::resource::Tickets;
use store::Tx;
use store::search::{self, Index};

use super::{Bag, TEXT_MAX_CHARS, customers_with, rank, words};
use crate::Error;
use crate::page::Query;
use crate::tickets::TicketInList;
use crate::tickets::list;

/// So many of the newest that have the words are ranked.
const RANKED: i64 = 300;
/// Newest messages that are read, and characters of each.
const MESSAGES_MAX: i64 = 100;
const CHARS_MAX: i64 = 20_000;
/// Most distinct words of a ticket.
const WORDS_MAX: usize = 5_000;
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
    let Some(mut query) = among(tx, text).await? else { return Ok(Vec::new()) };
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
/// Least length of a word that is found by its beginning.
const BEGUN_MIN_CHARS: usize = 3;

/// `select ... as id ...` of the newest tickets that have all words of the text, or one of a few customers who do. None for a text
/// without words.
pub async fn among(tx: &mut Tx, text: &str) -> Result<Option<Query>, Error> {
    let text: String = text.chars().take(TEXT_MAX_CHARS).collect();
    let Some(whole) = with_slips(tx, words::asked_whole(&text)) else { return Ok(None) };
    let mut enough = whole.clone();
    let limit = enough.bind(ENOUGH);
    let sql = format!("select count(*) as n from ({} limit {limit}) as probed", enough.sql);
    let row = tx.row(&sql, &enough.params).await?.ok_or(store::StoreError::Column("n"))?;
    let last_is_long = words::of(&text).last().is_some_and(|word| BEGUN_MIN_CHARS <= word.chars().count());
    let begun = if row.int("n")? < ENOUGH && last_is_long { with_slips(tx, words::asked(&text)) } else { None };
    let mut query = begun.unwrap_or(whole);
    let writers = customers_with(tx, &words::asked_whole(&text)).await?;
    // More customers than these share a word that says little, such as a first name.
    if (1..=WRITERS_MAX).contains(&writers.len()) {
        let places: Vec<String> = writers.iter().map(|writer| query.bind(writer.id)).collect();
        query.sql =
            format!("{} union select x.id from tickets x where x.customer_id in ({})", query.sql, places.join(", "));
    }
    let limit = query.bind(FOUND_MAX);
    query.sql = format!("select found.id from ({}) as found order by found.id desc limit {limit}", query.sql);
    Ok(Some(query))
}

/// The tickets with these words, of which those with digits may have a slip.
fn with_slips(tx: &Tx, mut wanted: search::Wanted) -> Option<Query> {
    for group in &mut wanted.0 {
        let slips = match group.first() {
            Some(search::Term::Word(word) | search::Term::Prefix(word)) if is_number(word) => words::slips(word),
            _ => continue,
        };
        group.extend(slips.into_iter().map(search::Term::Word));
    }
    let asked = search::asked(tx, &wanted)?;
    let mut query = Query::default();
    let place = query.bind(asked);
    query.sql = search::ids(tx, Index::Tickets, &place);
    Some(query)
}

/// Writes what a ticket is found by. Call it after each change of its subject or of a message.
pub async fn index_ticket(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let row = tx.row("select subject, external_id from tickets where id = $1", &[id.into()]).await?;
    let Some(row) = row else { return Ok(search::remove(tx, Index::Tickets, id).await?) };
    let mut bag = Bag::default();
    for text in [row.text_or_null("subject")?, row.text_or_null("external_id")?].into_iter().flatten() {
        for word in words::of(&text).into_iter().take(1_000) {
            if is_number(&word) {
                bag.0.extend(words::slips(&word));
            }
            bag.0.insert(word);
        }
    }
    let rows = tx
        .rows(
            "select substr(coalesce(stripped_text, body_text), 1, $1) as body from messages
             where ticket_id = $2 order by created_at desc, id desc limit $3",
            &[CHARS_MAX.into(), id.into(), MESSAGES_MAX.into()],
        )
        .await?;
    for row in rows {
        if let Some(body) = row.text_or_null("body")? {
            bag.add_words(words::of(&body), WORDS_MAX);
        }
    }
    Ok(search::put(tx, Index::Tickets, id, bag.words()).await?)
}

fn is_number(word: &str) -> bool {
    NUMBER_MIN_CHARS <= word.chars().count() && word.chars().any(|c| c.is_ascii_digit())
}
