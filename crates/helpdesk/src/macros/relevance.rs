//! Which macros fit a ticket best: by the words that its subject and last message share with their names and replies.

use std::collections::HashSet;

use scope::permit::CanRead;
use scope::resource::Macros;
use store::Tx;

use super::{Filter, Macro, Sort, list};
use crate::Error;
use crate::page::{Direction, Key, Page, Slice};

/// The most used macros of the account, which are compared.
const COMPARED_MAX: usize = 1_000;
/// Read at a time.
const BATCH: usize = 250;
/// Shorter words say little.
const WORD_MIN_CHARS: usize = 3;

/// The best first, or last if `descending` is false; then the most used. `NotFound` without such a ticket. Of the ticket nothing but this
/// order is told, so reading it needs no permission of its own.
pub async fn ranked(
    tx: &mut Tx,
    may: &CanRead<Macros>,
    filter: &Filter,
    ticket_id: i64,
    descending: bool,
    slice: &Slice,
) -> Result<Page<Macro>, Error> {
    let row = tx.row("select subject, excerpt, language from tickets where id = $1", &[ticket_id.into()]).await?;
    let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id: ticket_id }) };
    let said = format!(
        "{} {}",
        row.text_or_null("subject")?.unwrap_or_default(),
        row.text_or_null("excerpt")?.unwrap_or_default()
    );
    let language = row.text_or_null("language")?;
    let said = words(&said);
    let mut all: Vec<(Rank, Macro)> = Vec::new();
    let mut from = None;
    while all.len() < COMPARED_MAX {
        let page = list(tx, may, filter, Sort::Usage, true, &Slice { limit: BATCH, from }).await?;
        all.extend(page.items.into_iter().map(|it| ([score(&it, &said, language.as_deref()), it.usage, it.id], it)));
        let Some(keys) = page.after else { break };
        from = Some(crate::page::Position { keys, direction: Direction::After });
    }
    all.sort_by_key(|(rank, _)| *rank);
    if descending {
        all.reverse();
    }
    page_of(all, descending, slice)
}

/// Score, usage and id: no two macros have the same.
type Rank = [i64; 3];

/// The part of a list that is in memory. It begins behind a rank and not at a place, so that macros may come and go between two pages.
fn page_of(all: Vec<(Rank, Macro)>, descending: bool, slice: &Slice) -> Result<Page<Macro>, Error> {
    let n_all = all.len();
    let (start, end) = match &slice.from {
        None => (0, slice.limit.min(n_all)),
        Some(from) => {
            let at = match (from.keys.as_slice(), from.direction) {
                ([Key::Int(score), Key::Int(usage), Key::Int(id)], _) => [*score, *usage, *id],
                (_, Direction::Skipping(_)) => [0; 3],
                _ => return Err(Error::invalid("cursor", "Not a valid cursor of this list.")),
            };
            let is_before = |rank: &Rank| if descending { at < *rank } else { *rank < at };
            match from.direction {
                Direction::After => {
                    let start = all.partition_point(|(rank, _)| is_before(rank) || *rank == at);
                    (start, start.saturating_add(slice.limit).min(n_all))
                }
                Direction::Before => {
                    let end = all.partition_point(|(rank, _)| is_before(rank));
                    (end.saturating_sub(slice.limit), end)
                }
                Direction::Skipping(n) => (n.min(n_all), n.saturating_add(slice.limit).min(n_all)),
            }
        }
    };
    let key = |at: usize| all.get(at).map(|(rank, _)| rank.iter().map(|it| Key::Int(*it)).collect());
    Ok(Page {
        before: if 0 < start && start < end { key(start) } else { None },
        after: if start < end && end < n_all { key(end - 1) } else { None },
        total: Some(i64::try_from(n_all).unwrap_or(i64::MAX)),
        items: all.into_iter().skip(start).take(end.saturating_sub(start)).map(|(_, it)| it).collect(),
    })
}

/// Words of the name count three times, those of the reply once; the ticket's language decides between equals.
fn score(of: &Macro, said: &HashSet<String>, language: Option<&str>) -> i64 {
    let in_name = words(&of.name).intersection(said).count();
    let in_reply = words(of.reply().unwrap_or_default()).intersection(said).count();
    let same_language = usize::from(language.is_some() && of.language.as_deref() == language);
    i64::try_from(2 * (3 * in_name + in_reply) + same_language).unwrap_or(i64::MAX)
}

fn words(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| WORD_MIN_CHARS <= word.chars().count()).map(str::to_owned).collect()
}
