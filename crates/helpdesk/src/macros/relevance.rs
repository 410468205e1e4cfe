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
    let mut all: Vec<(usize, Macro)> = Vec::new();
    let mut from = None;
    while all.len() < COMPARED_MAX {
        let page = list(tx, may, filter, Sort::Usage, true, &Slice { limit: BATCH, from }).await?;
        all.extend(page.items.into_iter().map(|it| (score(&it, &said, language.as_deref()), it)));
        let Some(keys) = page.after else { break };
        from = Some(crate::page::Position { keys, direction: Direction::After });
    }
    // Stable: of equals, the more used one stays first.
    all.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    if !descending {
        all.reverse();
    }
    Ok(page_of(all.into_iter().map(|(_, it)| it).collect(), slice))
}

/// The part of a list that is in memory; its places are numbers.
fn page_of(all: Vec<Macro>, slice: &Slice) -> Page<Macro> {
    let n_all = all.len();
    let at = slice.from.as_ref().and_then(|from| match from.keys.first() {
        Some(Key::Int(at)) => usize::try_from(*at).ok().map(|at| (at, from.direction)),
        _ => None,
    });
    let start = match at {
        None => 0,
        Some((at, Direction::After)) => at + 1,
        Some((at, Direction::Before)) => at.saturating_sub(slice.limit),
    };
    let end = match at {
        Some((at, Direction::Before)) => at,
        _ => start.saturating_add(slice.limit),
    }
    .min(n_all);
    let key = |at: usize| vec![Key::Int(i64::try_from(at).unwrap_or(i64::MAX))];
    Page {
        before: (0 < start && start < end).then(|| key(start)),
        after: (start < end && end < n_all).then(|| key(end - 1)),
        items: all.into_iter().skip(start).take(end.saturating_sub(start)).collect(),
    }
}

/// Words of the name count three times, those of the reply once; the ticket's language decides between equals.
fn score(of: &Macro, said: &HashSet<String>, language: Option<&str>) -> usize {
    let in_name = words(&of.name).intersection(said).count();
    let in_reply = words(of.reply().unwrap_or_default()).intersection(said).count();
    let same_language = usize::from(language.is_some() && of.language.as_deref() == language);
    2 * (3 * in_name + in_reply) + same_language
}

fn words(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| WORD_MIN_CHARS <= word.chars().count()).map(str::to_owned).collect()
}
