//! Words that follow each other, words of one part of a record, and words that must not be there.
//!
//! Neither engine's index knows places. What follows each other is indexed as pairs, so that two words need nothing else. Of more, the newest
//! that have all pairs are read, and what has them apart is left out.

use std::collections::HashMap;

use store::Tx;
use store::search::{self, Index, Term, Wanted};

use super::index::{CHARS_MAX, MESSAGES_MAX};
use super::words;
use crate::Error;
use crate::page::Query;

/// Least length of a word that is found by its beginning.
pub const BEGUN_MIN_CHARS: usize = 3;
/// Most words of a phrase that are looked up. The others are compared.
const ASKED_MAX: usize = 13;
/// The newest with all pairs of a phrase that are read, and most messages of them together.
const READ_MAX: i64 = 200;
/// Phrases of one search for which that is done. What the index says of further ones stands.
const PHRASES_READ_MAX: usize = 4;
const MESSAGES_READ_MAX: usize = 2_000;

/// A part of a record whose words are found apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Of a ticket.
    Subject,
    /// Of a person or an organization.
    Name,
    Note,
    Details,
    /// Each whole.
    Tags,
    /// Of a person.
    Email,
    /// Digits of a number, or of its end.
    Phone,
}

impl Part {
    /// As it is marked in the index.
    pub(super) const fn letter(self) -> char {
        match self {
            Part::Subject => 's',
            Part::Name => 'n',
            Part::Note => 'o',
            Part::Details => 'd',
            Part::Tags => 't',
            Part::Email => 'e',
            Part::Phone => 'p',
        }
    }
}

/// Parts in which a person or an organization is looked for where none is named.
const ANY_PART: [Part; 4] = [Part::Name, Part::Note, Part::Details, Part::Email];

/// A word, or words that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    words: Vec<String>,
    /// The last word is perhaps only begun.
    begun: bool,
    /// None: anywhere.
    part: Option<Part>,
}

impl Phrase {
    /// None for a text without a word.
    pub fn new(text: &str, begun: bool, part: Option<Part>) -> Option<Phrase> {
        let text: String = text.chars().take(super::TEXT_MAX_CHARS).collect();
        let words = words::of(&text);
        let begun = begun && words.last().is_some_and(|word| BEGUN_MIN_CHARS <= word.chars().count());
        (!words.is_empty()).then_some(Phrase { words, begun, part })
    }

    /// A tag as a whole. None for one without a letter.
    pub fn tag(name: &str) -> Option<Phrase> {
        Some(Phrase { words: vec![tag_word(name)?], begun: false, part: Some(Part::Tags) })
    }

    /// A phone number, or its end. None for one without a digit.
    pub fn phone(number: &str) -> Option<Phrase> {
        let digits: String = number.chars().filter(char::is_ascii_digit).take(20).collect();
        (!digits.is_empty()).then(|| Phrase { words: vec![digits], begun: false, part: Some(Part::Phone) })
    }

    /// What the index must have, group by group.
    pub(super) fn wanted(&self, index: Index) -> Vec<Vec<Term>> {
        let parts: Vec<Option<Part>> = match (self.part, index) {
            (Some(part), _) => vec![Some(part)],
            (None, Index::Customers | Index::Organizations) => ANY_PART.into_iter().map(Some).chain([None]).collect(),
            (None, Index::Tickets | Index::Articles) => vec![None],
        };
        let group = |is_last: bool, term: &dyn Fn(Option<Part>) -> String| -> Vec<Term> {
            let kind: fn(String) -> Term = if is_last && self.begun { Term::Prefix } else { Term::Word };
            parts.iter().map(|part| kind(term(*part))).collect()
        };
        if let [word] = self.words.as_slice() {
            let term = |part: Option<Part>| match part {
                Some(part) => words::in_part(part.letter(), word),
                None => word.clone(),
            };
            return vec![group(true, &term)];
        }
        let last = self.words.len() - 1;
        let pairs = self.words.iter().zip(self.words.iter().skip(1)).take(ASKED_MAX - 1).enumerate();
        pairs
            .map(|(at, (first, second))| {
                group(at + 1 == last, &|part: Option<Part>| words::pair(part.map(Part::letter), first, second))
            })
            .collect()
    }

    /// Whether these words follow each other in a text.
    fn is_in(&self, text: &[String]) -> bool {
        let n = self.words.len();
        text.windows(n).any(|window| match (window.split_last(), self.words.split_last()) {
            (Some((last, rest)), Some((wanted, others))) => {
                rest == others && if self.begun { last.starts_with(wanted.as_str()) } else { last == wanted }
            }
            _ => false,
        })
    }

    /// Whether the index may have all pairs of what does not have the phrase.
    fn needs_reading(&self) -> bool {
        2 < self.words.len()
    }
}

/// A tag as the index has it: its letters and digits in one word.
pub(super) fn tag_word(tag: &str) -> Option<String> {
    let whole: String = words::of(tag).concat().chars().take(store::search::WORD_MAX_CHARS).collect();
    (!whole.is_empty()).then_some(whole)
}

/// Phrases that must all be there, and those of which none may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phrases {
    pub all: Vec<Phrase>,
    pub none: Vec<Phrase>,
}

/// Phrases as the index is asked for them, and what it would say wrong.
pub struct Checked {
    index: Index,
    pub(super) all: Vec<Vec<Term>>,
    pub(super) none: Vec<Wanted>,
    /// Those that have the pairs of a phrase that must be there, but not the phrase.
    wrong: Vec<i64>,
    /// The same of phrases that must not be there.
    none_but: Vec<(Wanted, Vec<i64>)>,
}

impl Phrases {
    pub const NONE: &'static Phrases = &Phrases { all: Vec::new(), none: Vec::new() };

    pub(super) async fn checked(&self, tx: &mut Tx, index: Index) -> Result<Checked, Error> {
        let mut checked = Checked { index, all: Vec::new(), none: Vec::new(), wrong: Vec::new(), none_but: Vec::new() };
        let mut n_read = 0;
        for phrase in distinct(&self.all) {
            checked.wrong.extend(wrong(tx, index, phrase, &mut n_read).await?);
            checked.all.extend(phrase.wanted(index));
        }
        for phrase in distinct(&self.none) {
            let wanted = Wanted(phrase.wanted(index));
            match wrong(tx, index, phrase, &mut n_read).await? {
                ids if ids.is_empty() => checked.none.push(wanted),
                ids => checked.none_but.push((wanted, ids)),
            }
        }
        Ok(checked)
    }
}

impl Checked {
    /// Narrows a query to objects that have what must be there and nothing that must not, with a look into the index for each.
    pub(super) fn and_has(&self, tx: &Tx, query: &mut Query, id: &str) {
        match search::asked_but(tx, &Wanted(self.all.clone()), &self.none) {
            Some(asked) => {
                let place = query.bind(asked);
                query.and_text(&search::has(tx, self.index, id, &place));
            }
            None => self.and_lacks(tx, query, id),
        }
    }

    /// The same, gathering once those that have what must be there.
    pub(super) fn and_in(&self, tx: &Tx, query: &mut Query, id: &str) {
        match search::asked_but(tx, &Wanted(self.all.clone()), &self.none) {
            Some(asked) => {
                let place = query.bind(asked);
                query.and_text(&format!("{id} in ({})", search::ids(tx, self.index, &place)));
            }
            None => query.and_text("1 = 0"),
        }
    }

    /// Narrows a query to objects that have nothing that must not be there.
    pub(super) fn and_lacks(&self, tx: &Tx, query: &mut Query, id: &str) {
        for wanted in &self.none {
            if let Some(asked) = search::asked(tx, wanted) {
                let place = query.bind(asked);
                query.and_text(&search::lacks(tx, self.index, id, &place));
            }
        }
    }

    /// Takes back what the index says wrong.
    pub(super) fn and_rest(&self, tx: &Tx, query: &mut Query, id: &str) {
        if !self.wrong.is_empty() {
            let places: Vec<String> = self.wrong.iter().map(|id| query.bind(*id)).collect();
            query.and_text(&format!("{id} not in ({})", places.join(", ")));
        }
        for (wanted, but) in &self.none_but {
            if let Some(asked) = search::asked(tx, wanted) {
                let place = query.bind(asked);
                let lacks = search::lacks(tx, self.index, id, &place);
                let places: Vec<String> = but.iter().map(|id| query.bind(*id)).collect();
                query.and_text(&format!("({lacks} or {id} in ({}))", places.join(", ")));
            }
        }
    }
}

fn distinct(phrases: &[Phrase]) -> impl Iterator<Item = &Phrase> {
    phrases.iter().enumerate().filter(|(at, phrase)| !phrases[..*at].contains(phrase)).map(|(_, phrase)| phrase)
}

/// The newest that have all pairs of a phrase, but not the phrase. `n_read` counts the phrases that were looked for in texts.
async fn wrong(tx: &mut Tx, index: Index, phrase: &Phrase, n_read: &mut usize) -> Result<Vec<i64>, Error> {
    if !phrase.needs_reading() || PHRASES_READ_MAX <= *n_read {
        return Ok(Vec::new());
    }
    *n_read += 1;
    let Some(asked) = search::asked(tx, &Wanted(phrase.wanted(index))) else { return Ok(Vec::new()) };
    let mut query = Query::default();
    let place = query.bind(asked);
    let ids = search::ids(tx, index, &place);
    let limit = query.bind(READ_MAX);
    query.sql = format!("select found.id from ({ids}) as found order by found.id desc limit {limit}");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let ids = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
    let texts = texts_of(tx, index, &ids).await?;
    let has = |id: &i64| {
        let texts = texts.get(id)?;
        let among = |(part, text): &(Option<Part>, String)| {
            (phrase.part.is_none() || phrase.part == *part) && phrase.is_in(&words::of(text))
        };
        Some(texts.iter().any(among))
    };
    Ok(ids.into_iter().filter(|id| has(id) == Some(false)).collect())
}

type Texts = HashMap<i64, Vec<(Option<Part>, String)>>;

/// What is indexed of these, as it is written. Those of which not everything could be read are left out.
async fn texts_of(tx: &mut Tx, index: Index, ids: &[i64]) -> Result<Texts, Error> {
    let mut texts: Texts = HashMap::new();
    if ids.is_empty() {
        return Ok(texts);
    }
    let (sql, parts): (&str, &[(Option<Part>, &str)]) = match index {
        Index::Tickets => (
            "select x.id, x.subject, x.external_id from tickets x where 1 = 1",
            &[(Some(Part::Subject), "subject"), (None, "external_id")],
        ),
        Index::Customers => (
            "select x.id, x.name, x.note, x.details, x.email from people x where 1 = 1",
            &[
                (Some(Part::Name), "name"),
                (Some(Part::Note), "note"),
                (Some(Part::Details), "details"),
                (Some(Part::Email), "email"),
            ],
        ),
        Index::Organizations => (
            "select x.id, x.name, x.notes, x.details from organizations x where 1 = 1",
            &[(Some(Part::Name), "name"), (Some(Part::Note), "notes"), (Some(Part::Details), "details")],
        ),
        Index::Articles => return Ok(texts),
    };
    let mut query = Query::new(sql);
    query.and_in("x.id", ids.iter().copied());
    for row in tx.rows(&query.sql, &query.params).await? {
        let own = texts.entry(row.int("id")?).or_default();
        for (part, column) in parts {
            own.extend(row.text_or_null(column)?.map(|text| (*part, text)));
        }
    }
    if index == Index::Tickets {
        add_messages(tx, ids, &mut texts).await?;
    }
    Ok(texts)
}

/// The newest messages of each ticket, as `index_ticket` reads them.
async fn add_messages(tx: &mut Tx, ids: &[i64], texts: &mut Texts) -> Result<(), Error> {
    let mut query = Query::default();
    let chars = query.bind(CHARS_MAX);
    query.sql = format!(
        "select ticket_id, substr(coalesce(stripped_text, body_text), 1, {chars}) as body from messages where 1 = 1"
    );
    query.and_in("ticket_id", ids.iter().copied());
    let limit = query.bind(i64::try_from(MESSAGES_READ_MAX).unwrap_or(i64::MAX));
    query.sql.push_str(&format!(" order by ticket_id desc, created_at desc, id desc limit {limit}"));
    let rows = tx.rows(&query.sql, &query.params).await?;
    let mut n_of: HashMap<i64, i64> = HashMap::new();
    for row in &rows {
        let id = row.int("ticket_id")?;
        let n = n_of.entry(id).or_default();
        *n += 1;
        if *n <= MESSAGES_MAX
            && let (Some(body), Some(own)) = (row.text_or_null("body")?, texts.get_mut(&id))
        {
            own.push((None, body));
        }
    }
    if rows.len() == MESSAGES_READ_MAX {
        let last = rows.last().map(|row| row.int("ticket_id")).transpose()?.unwrap_or_default();
        texts.retain(|id, _| last < *id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str, begun: bool) -> Phrase {
        Phrase::new(text, begun, None).unwrap()
    }

    #[test]
    fn words_must_follow_each_other() {
        let text = words::of("The order of the roof was on the table.");

        assert!(phrase("of the ROOF", false).is_in(&text));
        assert!(phrase("was on the tab", true).is_in(&text));
        assert!(!phrase("was on the tab", false).is_in(&text));
        assert!(!phrase("on the roof", false).is_in(&text));
        assert!(!phrase("the order of the roof was on the table yet", false).is_in(&text));
    }

    #[test]
    fn a_phrase_is_asked_for_in_pairs() {
        let pair = |first, second| Term::Word(words::pair(None, first, second));
        let wanted = phrase("on the roof", false).wanted(Index::Tickets);
        assert_eq!(wanted, [vec![pair("on", "the")], vec![pair("the", "roof")]]);
        let begun = Phrase::new("on the roo", true, Some(Part::Subject)).unwrap().wanted(Index::Tickets);
        assert_eq!(begun[1], [Term::Prefix(words::pair(Some('s'), "the", "roo"))]);
        assert_eq!(phrase("Fire", false).wanted(Index::Tickets), [[Term::Word("fire".to_owned())]]);
        assert!(Phrase::new(" ... ", true, None).is_none());
    }

    proptest::proptest! {
        #[test]
        fn a_part_of_a_text_is_in_it_and_so_are_its_pairs(text in "[a-c ]{1,60}", from in 0_usize..20, n in 1_usize..6) {
            let text = words::of(&text);
            let part: Vec<String> = text.iter().skip(from).take(n).cloned().collect();
            if let Some(phrase) = Phrase::new(&part.join(" "), false, None) {
                proptest::prop_assert!(phrase.is_in(&text));
            }
        }
    }
}
