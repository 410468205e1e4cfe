//! Which words an object has: SQLite's FTS5, PostgreSQL's `tsvector`, behind the same few functions.
//!
//! What a word is, the caller decides, for both engines alike: it holds letters and digits of any script, in lower case, and may hold
//! `MARK`. Neither engine ranks nor knows places: both say only what has the words, and the caller orders what was found.
//!
//! The index is written in the transaction of the change, and is no part of a copy of the account: `rebuild_later` has a job build it anew.

use crate::{EngineTx, StoreError, Tx, Value};

/// What can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    Tickets,
    Customers,
    Organizations,
    /// Articles of the help center, by the id of their text in one language.
    Articles,
}

/// Begins words that are no words of anybody's text: a plain word never matches them.
pub const MARK: char = '¤';
/// Longest word of a text, in characters.
pub const WORD_MAX_CHARS: usize = 64;
/// Longest one with marks: two words and what they are marked with. PostgreSQL takes 2 KiB.
const MARKED_MAX_CHARS: usize = 2 * WORD_MAX_CHARS + 4;
/// Most words of one object, and most bytes of them together. PostgreSQL takes a megabyte.
pub const WORDS_MAX: usize = 12_000;
const WORDS_MAX_BYTES: usize = 1_000_000;

/// The job that writes the whole index anew.
pub const REBUILD: &str = "rebuild_search";

/// A word that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    Word(String),
    /// Any word that begins so.
    Prefix(String),
}

/// All of these, of each at least one. An empty list matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(pub Vec<Vec<Term>>);

impl Index {
    const fn table(self) -> &'static str {
        match self {
            Index::Tickets => "search_tickets",
            Index::Customers => "search_customers",
            Index::Organizations => "search_organizations",
            Index::Articles => "search_articles",
        }
    }
}

/// Sets the words of an object, in place of those it had.
pub async fn put<'a>(
    tx: &mut Tx,
    index: Index,
    id: i64,
    words: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    let mut text = String::new();
    for word in words.into_iter().filter(|word| is_word(word)).take(WORDS_MAX) {
        if WORDS_MAX_BYTES < text.len() + word.len() {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    let table = index.table();
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => {
            tx.run(&format!("delete from {table} where rowid = $1"), &[id.into()]).await?;
            let sql = format!("insert into {table} (rowid, words) values ($1, $2)");
            tx.run(&sql, &[id.into(), text.into()]).await?;
        }
        EngineTx::Postgres(_) => {
            let sql = format!(
                "insert into {table} (id, words) values ($1, array_to_tsvector(string_to_array(cast($2 as text), ' ')))
                 on conflict (id) do update set words = excluded.words"
            );
            tx.run(&sql, &[id.into(), text.into()]).await?;
        }
    }
    Ok(())
}

/// Forgets an object.
pub async fn remove(tx: &mut Tx, index: Index, id: i64) -> Result<(), StoreError> {
    let key = match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => "rowid",
        EngineTx::Postgres(_) => "id",
    };
    tx.run(&format!("delete from {} where {key} = $1", index.table()), &[id.into()]).await?;
    Ok(())
}

/// Has a job write the whole index anew. Does nothing while one is waiting.
pub async fn rebuild_later(tx: &mut Tx) -> Result<(), StoreError> {
    tx.run(
        "insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
         values ($1, '{}', 'all', 'ready', 0, 20, 0) on conflict do nothing",
        &[REBUILD.into()],
    )
    .await?;
    Ok(())
}

/// `select ... as id ...` of the objects that have the words. `placeholder` stands for the value of `asked`.
pub fn ids(tx: &Tx, index: Index, placeholder: &str) -> String {
    let table = index.table();
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => {
            format!("select rowid as id from {table} where {table} match {placeholder}")
        }
        EngineTx::Postgres(_) => {
            format!("select id from {table} where words @@ cast(cast({placeholder} as text) as tsquery)")
        }
    }
}

/// Whether the object whose id is `id` (SQL) has the words: one look into the index for each object that is asked about.
pub fn has(tx: &Tx, index: Index, id: &str, placeholder: &str) -> String {
    let table = index.table();
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => {
            format!("exists (select 1 from {table} where {table} match {placeholder} and rowid = {id})")
        }
        EngineTx::Postgres(_) => format!(
            "exists (select 1 from {table} s where s.id = {id} and s.words @@ cast(cast({placeholder} as text) as tsquery))"
        ),
    }
}

/// Whether it does not. For many objects: SQLite gathers those that have them once.
pub fn lacks(tx: &Tx, index: Index, id: &str, placeholder: &str) -> String {
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => format!("{id} not in ({})", ids(tx, index, placeholder)),
        EngineTx::Postgres(_) => format!("not {}", has(tx, index, id, placeholder)),
    }
}

/// What is looked for, as the engine wants to be asked. None if that is nothing.
pub fn asked(tx: &Tx, wanted: &Wanted) -> Option<Value> {
    asked_but(tx, wanted, &[])
}

/// The same without what has all the words of one of `but`.
pub fn asked_but(tx: &Tx, wanted: &Wanted, but: &[Wanted]) -> Option<Value> {
    let is_sqlite = matches!(tx.engine, EngineTx::Reading(_) | EngineTx::Writing(_));
    let text = text_of(wanted, is_sqlite)?;
    // What has a word that nothing can have is nothing to leave out.
    let mut left_out: Vec<String> = but.iter().filter_map(|wanted| text_of(wanted, is_sqlite)).collect();
    left_out.sort();
    left_out.dedup();
    if left_out.is_empty() {
        return Some(text.into());
    }
    // Side by side: SQLite refuses what is nested deeply.
    let (not, or) = if is_sqlite { ("NOT", ") OR (") } else { ("& !", ") | (") };
    Some(format!("({text}) {not} (({}))", left_out.join(or)).into())
}

fn text_of(wanted: &Wanted, is_sqlite: bool) -> Option<String> {
    let (or, and) = if is_sqlite { (" OR ", " AND ") } else { (" | ", " & ") };
    let one = |term: &Term| match (term, is_sqlite) {
        (Term::Word(word), true) => format!("\"{word}\""),
        (Term::Prefix(word), true) => format!("\"{word}\" *"),
        (Term::Word(word), false) => format!("'{word}'"),
        (Term::Prefix(word), false) => format!("'{word}':*"),
    };
    let mut groups = Vec::with_capacity(wanted.0.len());
    for group in &wanted.0 {
        let terms: Vec<String> = group.iter().filter(|term| is_word(term.word())).map(one).collect();
        // A word that nothing can have.
        if terms.is_empty() {
            return None;
        }
        groups.push(format!("({})", terms.join(or)));
    }
    (!groups.is_empty()).then(|| groups.join(and))
}

impl Term {
    fn word(&self) -> &str {
        match self {
            Term::Word(word) | Term::Prefix(word) => word,
        }
    }
}

/// Letters and digits, perhaps with marks: nothing that either engine could take for its own signs.
fn is_word(word: &str) -> bool {
    let is_marked = word.starts_with(MARK);
    let most = if is_marked { MARKED_MAX_CHARS } else { WORD_MAX_CHARS };
    let fits = |c: char| c.is_alphanumeric() || is_marked && c == MARK;
    word.ends_with(char::is_alphanumeric) && word.chars().count() <= most && word.chars().all(fits)
}
