//! Articles by their words. What a text is found by is written with it (`crate::search::index_article`); the engines only say which texts
//! have a word, and how well each fits is worked out here: rare words weigh more, and words of the title more than those of the body.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use store::search::{self, Index, Term, Wanted};
use store::{Row, Tx};

use super::articles::{self, Article};
use super::{Language, Reader};
use crate::Error;
use crate::page::{Column, Order, Query, Slice};
use crate::search::words;
use crate::tickets::bodies;

/// Longest text that is looked for, in characters.
pub const QUERY_MAX_CHARS: usize = 1_000;
/// Results of one search at most.
pub const FOUND_MAX: usize = 1_000;
/// Words that are looked for at once, and texts that are looked at for each.
const WORDS_MAX: usize = 24;
const TEXTS_MAX: i64 = 5_000;
/// Words of an excerpt, and those before the first one that was found.
const EXCERPT_WORDS: usize = 40;
const EXCERPT_BEFORE: usize = 10;
/// Letters from which on a word is also found by what it begins with.
const STEM_MIN_CHARS: usize = 3;
/// What a word of the title counts besides.
const TITLE_WEIGHT: f64 = 2.0;

/// Words that say nothing of what somebody looks for. Passed over where there are others.
const COMMON: &[&str] = &[
    "a", "about", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do",
    "does", "for", "from", "get", "had", "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "not",
    "of", "on", "or", "our", "please", "s", "so", "t", "that", "the", "their", "there", "they", "this", "to", "was",
    "we", "what", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// What is looked for. The default is everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub text: Option<String>,
    pub languages: Languages,
    /// In one of these. Empty: in any.
    pub category_ids: Vec<i64>,
    pub section_ids: Vec<i64>,
    /// With all of these.
    pub labels: Vec<String>,
    /// Bounds of the times of creation and of the last change: the first is inclusive, the second is not.
    pub created: (Option<Timestamp>, Option<Timestamp>),
    pub updated: (Option<Timestamp>, Option<Timestamp>),
    pub sort: Sort,
    pub descending: bool,
}

/// In which languages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Languages {
    /// Each article in its own.
    #[default]
    Source,
    These(Vec<String>),
    /// An article may be found once in each.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The best first; without words to find, what changed last.
    #[default]
    Relevance,
    Created,
    Updated,
}

/// What was found of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub article: Article,
    /// HTML: a part of the text, with what was found in `<em>`.
    pub snippet: String,
}

/// A part of what was found, and how much that is.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub hits: Vec<Hit>,
    pub total: usize,
}

/// What the reader may see of what is looked for: after `skip` results at most `limit`. Texts that have all the words come alone; only if
/// there is none, those that have at least half of them.
pub async fn find(
    tx: &mut Tx,
    reader: &Reader,
    filter: &Filter,
    (skip, limit): (usize, usize),
) -> Result<Found, Error> {
    let asked = filter.text.as_deref().map(asked_words).unwrap_or_default();
    let ids = match (&filter.text, asked.is_empty()) {
        (None, _) => newest(tx, reader, filter).await?,
        // What has no word in it is found nowhere.
        (Some(_), true) => Vec::new(),
        (Some(_), false) => ranked(tx, reader, filter, &asked).await?,
    };
    let total = ids.len();
    let shown: Vec<i64> = ids.into_iter().skip(skip).take(limit).collect();
    let articles = articles::of_texts(tx, reader, &shown).await?;
    let hit = |article: Article| {
        let snippet = snippet(&bodies::text_of_html(&article.text.body), &asked);
        Hit { article, snippet }
    };
    Ok(Found { hits: articles.into_iter().map(hit).collect(), total })
}

struct Candidate {
    text_id: i64,
    title: String,
    promoted: bool,
    vote_sum: i64,
    created_at: i64,
    updated_at: i64,
}

impl Candidate {
    fn from_row(row: &Row) -> Result<Candidate, Error> {
        Ok(Candidate {
            text_id: row.int("text_id")?,
            title: row.text("title")?,
            promoted: row.flag("promoted")?,
            vote_sum: row.int("vote_sum")?,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

/// Without words. Served by `help_articles_by_updated` and `help_articles_by_created`.
async fn newest(tx: &mut Tx, reader: &Reader, filter: &Filter) -> Result<Vec<i64>, Error> {
    let columns: &'static [Column] = match filter.sort {
        Sort::Created => &[Column::Int("a.created_at", "created_at"), Column::Int("t.id", "text_id")],
        Sort::Relevance | Sort::Updated => &[Column::Int("a.updated_at", "updated_at"), Column::Int("t.id", "text_id")],
    };
    let order = Order { columns, descending: filter.descending };
    let page = query_of(reader, filter).page(tx, order, &Slice { limit: FOUND_MAX, from: None }).await?;
    page.items.iter().map(|row| Ok(row.int("text_id")?)).collect()
}

async fn ranked(tx: &mut Tx, reader: &Reader, filter: &Filter, asked: &[Term]) -> Result<Vec<i64>, Error> {
    // For each text how many of the words it has, and what they weigh.
    let mut scores: HashMap<i64, (usize, f64)> = HashMap::new();
    let mut weights = Vec::with_capacity(asked.len());
    for term in asked {
        let ids = texts_with(tx, term).await?;
        let weight = 1.0 / (1.0 + (ids.len().max(1) as f64).ln());
        weights.push(weight);
        for id in ids {
            let score = scores.entry(id).or_default();
            *score = (score.0 + 1, score.1 + weight);
        }
    }
    let all = seen(tx, reader, filter, &best_of(&scores, asked.len())).await?;
    let mut found = match all.is_empty() {
        false => all,
        true => seen(tx, reader, filter, &best_of(&scores, asked.len().div_ceil(2))).await?,
    };
    match filter.sort {
        Sort::Created => found.sort_by_key(|it| (it.created_at, it.text_id)),
        Sort::Updated => found.sort_by_key(|it| (it.updated_at, it.text_id)),
        Sort::Relevance => {
            let score = |it: &Candidate| {
                let title = words::of(&it.title);
                let in_title = asked.iter().zip(&weights).filter(|(term, _)| title.iter().any(|word| fits(word, term)));
                let body = scores.get(&it.text_id).map_or(0.0, |(_, weight)| *weight);
                body + TITLE_WEIGHT * in_title.map(|(_, weight)| weight).sum::<f64>()
            };
            found.sort_by(|a, b| {
                let by_score = score(a).total_cmp(&score(b));
                by_score.then_with(|| {
                    (a.promoted, a.vote_sum, a.updated_at, a.text_id).cmp(&(
                        b.promoted,
                        b.vote_sum,
                        b.updated_at,
                        b.text_id,
                    ))
                })
            });
        }
    }
    if filter.descending {
        found.reverse();
    }
    Ok(found.into_iter().map(|it| it.text_id).collect())
}

/// The texts that have at least so many of the words, the best first, as many as are looked at.
fn best_of(scores: &HashMap<i64, (usize, f64)>, least: usize) -> Vec<i64> {
    let mut best: Vec<(i64, f64)> =
        scores.iter().filter(|(_, (n, _))| least <= *n).map(|(id, (_, weight))| (*id, *weight)).collect();
    best.sort_by(|(a_id, a), (b_id, b)| b.total_cmp(a).then(b_id.cmp(a_id)));
    best.into_iter().take(FOUND_MAX).map(|(id, _)| id).collect()
}

/// Those of these texts that the reader may see and that the rest of the filter lets through.
async fn seen(tx: &mut Tx, reader: &Reader, filter: &Filter, ids: &[i64]) -> Result<Vec<Candidate>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = query_of(reader, filter);
    query.and_in("t.id", ids.iter().copied());
    tx.rows(&query.sql, &query.params).await?.iter().map(Candidate::from_row).collect()
}

/// The newest texts with a word.
async fn texts_with(tx: &mut Tx, term: &Term) -> Result<Vec<i64>, Error> {
    let Some(asked) = search::asked(tx, &Wanted(vec![vec![term.clone()]])) else { return Ok(Vec::new()) };
    let mut query = Query::default();
    let place = query.bind(asked);
    let ids = search::ids(tx, Index::Articles, &place);
    let limit = query.bind(TEXTS_MAX);
    query.sql = format!("select found.id from ({ids}) as found order by found.id desc limit {limit}");
    tx.rows(&query.sql, &query.params).await?.iter().map(|row| Ok(row.int("id")?)).collect()
}

fn query_of(reader: &Reader, filter: &Filter) -> Query {
    let mut query = Query::new(
        "select t.id as text_id, t.title, a.promoted, a.vote_sum, a.created_at, a.updated_at
         from help_articles a join help_sections s on s.id = a.section_id join help_translations t on t.article_id = a.id
         where a.archived_at is null",
    );
    match &filter.languages {
        Languages::Source => query.and_text("t.locale = a.source_locale"),
        Languages::These(locales) => query.and_in("t.locale", locales.iter().map(String::as_str)),
        Languages::All => {}
    }
    reader.see_articles(&mut query);
    if !filter.category_ids.is_empty() {
        query.and_in("s.category_id", filter.category_ids.iter().copied());
    }
    if !filter.section_ids.is_empty() {
        query.and_in("a.section_id", filter.section_ids.iter().copied());
    }
    articles::with_labels(&mut query, &filter.labels);
    for (bound, at) in [
        ("a.created_at >=", filter.created.0),
        ("a.created_at <", filter.created.1),
        ("a.updated_at >=", filter.updated.0),
        ("a.updated_at <", filter.updated.1),
    ] {
        if let Some(at) = at {
            query.and(bound, at);
        }
    }
    query
}

/// The words of a question that say what it is about, each once, as texts are looked for that have them in whatever form.
fn asked_words(text: &str) -> Vec<Term> {
    let text: String = text.chars().take(QUERY_MAX_CHARS).collect();
    let all = words::of(&text);
    let telling: Vec<&String> = all.iter().filter(|word| !COMMON.contains(&word.as_str())).collect();
    let kept = if telling.is_empty() { all.iter().collect() } else { telling };
    let terms: BTreeSet<Term> = kept.into_iter().map(|word| term_of(word)).collect();
    terms.into_iter().take(WORDS_MAX).collect()
}

/// `returned` finds `return`, `returns` and `returning`.
fn term_of(word: &str) -> Term {
    let mut stem = word;
    if word.is_ascii() && 5 <= word.len() {
        let mut cuts = ["ing", "ed", "es", "s"].iter().filter_map(|ending| word.strip_suffix(ending));
        stem = cuts.find(|cut| 4 <= cut.len() && !word.ends_with("ss")).unwrap_or(word);
    }
    if stem.chars().count() < STEM_MIN_CHARS { Term::Word(stem.to_owned()) } else { Term::Prefix(stem.to_owned()) }
}

fn fits(word: &str, term: &Term) -> bool {
    match term {
        Term::Word(wanted) => word == wanted,
        Term::Prefix(start) => word.starts_with(start.as_str()),
    }
}

/// The part of a text around the first word that was found, as HTML with what was found in `<em>`.
fn snippet(text: &str, asked: &[Term]) -> String {
    let pieces: Vec<&str> = text.split_whitespace().collect();
    let is_hit = |piece: &str| words::of(piece).iter().any(|word| asked.iter().any(|term| fits(word, term)));
    let first = pieces.iter().position(|piece| is_hit(piece)).unwrap_or_default();
    let start = first.saturating_sub(EXCERPT_BEFORE);
    let shown = pieces.iter().skip(start).take(EXCERPT_WORDS).map(|piece| {
        let safe = piece.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if is_hit(piece) { format!("<em>{safe}</em>") } else { safe }
    });
    let mut snippet = shown.collect::<Vec<_>>().join(" ");
    if 0 < start {
        snippet.insert(0, '…');
    }
    if start + EXCERPT_WORDS < pieces.len() {
        snippet.push('…');
    }
    snippet
}

/// The few articles that come nearest to a question, to be shown before it is sent.
pub async fn suggest(
    tx: &mut Tx,
    reader: &Reader,
    (language, text): (Language<'_>, &str),
    limit: usize,
) -> Result<Vec<Hit>, Error> {
    let languages = language.map_or(Languages::Source, |locale| Languages::These(vec![locale.to_owned()]));
    let filter = Filter { text: Some(text.to_owned()), languages, descending: true, ..Filter::default() };
    Ok(find(tx, reader, &filter, (0, limit)).await?.hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_reduced_to_what_it_is_about() {
        let prefix = |word: &str| Term::Prefix(word.to_owned());

        assert_eq!(asked_words("How can I return the shoes?"), [prefix("return"), prefix("shoe")]);
        assert_eq!(asked_words("to be"), [Term::Word("be".to_owned()), Term::Word("to".to_owned())]);
        assert_eq!(asked_words("address"), [prefix("address")]);
        assert!(asked_words(" ?! ").is_empty());
    }

    #[test]
    fn what_was_found_stands_out_in_its_surroundings() {
        let text = format!("{} <b>Returning</b> shoes & socks is free.", "word ".repeat(30));

        let snippet = snippet(&text, &asked_words("returns"));

        assert!(
            snippet.starts_with('…') && snippet.contains("<em>&lt;b&gt;Returning&lt;/b&gt;</em> shoes &amp; socks"),
            "{snippet}"
        );
    }

    proptest::proptest! {
        #[test]
        fn an_excerpt_never_lets_markup_through(text in ".{0,200}", query in ".{0,40}") {
            let snippet = snippet(&text, &asked_words(&query));
            let bare = snippet.replace("<em>", "").replace("</em>", "");
            proptest::prop_assert!(!bare.contains('<') && !bare.contains('>'));
        }
    }
}
