//! Articles as they are read. How they are written: `article_write.rs`; how they are found by words: `search.rs`.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::HelpCenter;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use super::sections::Sorting;
use super::{Language, Reader, Source, TEXT_COLUMNS, Text, and_text_in, categories, sections};
use crate::Error;
use crate::export::{self, Wanted};
use crate::page::{Column, Order, Page, Query, Slice};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    pub id: i64,
    pub section_id: i64,
    pub category_id: i64,
    /// None: somebody who is gone.
    pub author_id: Option<i64>,
    pub permission_group_id: i64,
    pub source_locale: String,
    /// The title in the source language.
    pub name: String,
    pub text: Text,
    /// Whom it is kept to. Empty: it is for everybody.
    pub segment_ids: Vec<i64>,
    pub promoted: bool,
    pub position: i64,
    pub comments_disabled: bool,
    /// By name.
    pub label_names: Vec<String>,
    pub content_tag_ids: Vec<String>,
    pub outdated_locales: Vec<String>,
    pub vote_sum: i64,
    pub vote_count: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub edited_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Position,
    Title,
    Created,
    Updated,
    Edited,
}

/// Which articles. The default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    pub language: Language<'a>,
    pub section_id: Option<i64>,
    pub category_id: Option<i64>,
    pub author_id: Option<i64>,
    /// All of these.
    pub labels: Vec<String>,
    /// Changed then or later.
    pub updated_since: Option<Timestamp>,
}

/// Joined as `a`, with the text that is shown as `t` and that in the source language as `o`.
const FROM: &str = "from help_articles a join help_sections s on s.id = a.section_id
                    join help_translations t on t.article_id = a.id
                    join help_translations o on o.article_id = a.id and o.locale = a.source_locale
                    where a.archived_at is null";

/// Those that the reader may see, in one language or each in its own. Served by `help_articles_by_position`, `help_articles_by_section`,
/// `help_articles_by_author`, `help_translations_by_title` and their like. `NotFound` for a section or category that they may not see.
pub async fn list(
    tx: &mut Tx,
    reader: &Reader,
    filter: &Filter<'_>,
    (sort, descending): (Sort, bool),
    slice: &Slice,
) -> Result<Page<Article>, Error> {
    if let Some(id) = filter.section_id {
        sections::must_see(tx, reader, id).await?;
    }
    if let Some(id) = filter.category_id {
        categories::must_see(tx, reader, id).await?;
    }
    let order = Order { columns: columns_of(sort), descending };
    let mut page = query_of(reader, filter).page(tx, order, slice).await?.try_map(|row| Article::from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

const fn columns_of(sort: Sort) -> &'static [Column] {
    match sort {
        Sort::Position => &[Column::Int("a.position", "position"), Column::Int("a.id", "id")],
        Sort::Title => &[Column::Text("t.title_key", "title_key"), Column::Int("a.id", "id")],
        Sort::Created => &[Column::Int("a.created_at", "created_at"), Column::Int("a.id", "id")],
        Sort::Updated => &[Column::Int("a.updated_at", "updated_at"), Column::Int("a.id", "id")],
        Sort::Edited => &[Column::Int("a.edited_at", "edited_at"), Column::Int("a.id", "id")],
    }
}

/// How the articles of a section are sorted unless a reader says otherwise: the order, and whether it falls.
pub async fn order_in(tx: &mut Tx, reader: &Reader, section_id: i64) -> Result<(Sort, bool), Error> {
    Ok(match sections::find(tx, reader, None, section_id).await?.sorting {
        Sorting::Manual => (Sort::Position, false),
        Sorting::Title => (Sort::Title, false),
        Sorting::CreationAscending => (Sort::Created, false),
        Sorting::CreationDescending => (Sort::Created, true),
    })
}

/// Those that changed in a span of time, each in its own language. Served by `help_articles_by_updated`.
pub async fn changed(tx: &mut Tx, may: &CanRead<HelpCenter>, wanted: &Wanted) -> Result<Page<Article>, Error> {
    let reader = Reader::of(tx, may).await?;
    let query = query_of(&reader, &Filter::default());
    let page = export::read(tx, vec![query], ("", "a"), columns_of(Sort::Updated), wanted).await?;
    let mut page = page.try_map(|row| Article::from_row(&row))?;
    fill(tx, &mut page.items).await?;
    Ok(page)
}

/// The article with this id, or `NotFound`; also if it has no text in the language.
pub async fn find(tx: &mut Tx, reader: &Reader, language: Language<'_>, id: i64) -> Result<Article, Error> {
    let mut query = query_of(reader, &Filter { language, ..Filter::default() });
    query.and("a.id =", id);
    one(tx, query).await?.ok_or(Source::Article(id).missing())
}

/// These texts of articles, in the order of their ids here.
pub(super) async fn of_texts(tx: &mut Tx, reader: &Reader, text_ids: &[i64]) -> Result<Vec<Article>, Error> {
    if text_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = select(", t.id as text_id");
    reader.see_articles(&mut query);
    query.and_in("t.id", text_ids.iter().copied());
    let mut found = Vec::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        found.push((row.int("text_id")?, Article::from_row(&row)?));
    }
    found.sort_by_key(|(id, _)| text_ids.iter().position(|wanted| wanted == id));
    let mut articles: Vec<Article> = found.into_iter().map(|(_, article)| article).collect();
    fill(tx, &mut articles).await?;
    Ok(articles)
}

/// Whether the reader may see any text of it.
pub(super) async fn must_see(tx: &mut Tx, reader: &Reader, id: i64) -> Result<(), Error> {
    let mut query = select("");
    reader.see_articles(&mut query);
    query.and("a.id =", id);
    query.sql.push_str(" limit 1");
    tx.row(&query.sql, &query.params).await?.map(|_| ()).ok_or(Source::Article(id).missing())
}

async fn one(tx: &mut Tx, query: Query) -> Result<Option<Article>, Error> {
    let Some(row) = tx.row(&query.sql, &query.params).await? else { return Ok(None) };
    let mut articles = [Article::from_row(&row)?];
    fill(tx, &mut articles).await?;
    let [article] = articles;
    Ok(Some(article))
}

fn select(more: &str) -> Query {
    Query::new(&format!(
        "select a.id, a.section_id, s.category_id, a.author_id, a.permission_group_id, a.source_locale, a.promoted, a.position,
                a.comments_disabled, a.content_tag_ids, a.vote_sum, a.vote_count, a.created_at, a.updated_at, a.edited_at,
                {TEXT_COLUMNS}, o.title as name{more} {FROM}"
    ))
}

fn query_of(reader: &Reader, filter: &Filter<'_>) -> Query {
    let mut query = select("");
    and_text_in(&mut query, filter.language, "a");
    reader.see_articles(&mut query);
    for (column, id) in [
        ("a.section_id =", filter.section_id),
        ("s.category_id =", filter.category_id),
        ("a.author_id =", filter.author_id),
    ] {
        if let Some(id) = id {
            query.and(column, id);
        }
    }
    if let Some(at) = filter.updated_since {
        query.and("a.updated_at >=", at);
    }
    with_labels(&mut query, &filter.labels);
    query
}

/// Only articles that have all of these labels. Served by `help_labels_by_name`.
pub(super) fn with_labels(query: &mut Query, names: &[String]) {
    for name in names {
        let name = query.bind(name.trim().to_lowercase());
        query.and_text(&format!(
            "exists (select 1 from help_labels l join help_article_labels x on x.label_id = l.id
                     where l.name_key = {name} and x.article_id = a.id)"
        ));
    }
}

/// What lies in other tables, in three statements for all.
async fn fill(tx: &mut Tx, articles: &mut [Article]) -> Result<(), Error> {
    if articles.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = articles.iter().map(|article| article.id).collect();
    let mut labels: HashMap<i64, Vec<String>> = HashMap::new();
    let mut query = Query::new(
        "select x.article_id, l.name from help_article_labels x join help_labels l on l.id = x.label_id where 1 = 1",
    );
    query.and_in("x.article_id", ids.iter().copied());
    query.sql.push_str(" order by l.name_key");
    for row in tx.rows(&query.sql, &query.params).await? {
        labels.entry(row.int("article_id")?).or_default().push(row.text("name")?);
    }
    let mut segments: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut query = Query::new("select x.article_id, x.segment_id from help_article_segments x where 1 = 1");
    query.and_in("x.article_id", ids.iter().copied());
    query.sql.push_str(" order by x.segment_id");
    for row in tx.rows(&query.sql, &query.params).await? {
        segments.entry(row.int("article_id")?).or_default().push(row.int("segment_id")?);
    }
    let mut outdated: HashMap<i64, Vec<String>> = HashMap::new();
    let mut query = Query::new("select x.article_id, x.locale from help_translations x where x.outdated = 1");
    query.and_in("x.article_id", ids.iter().copied());
    query.sql.push_str(" order by x.locale");
    for row in tx.rows(&query.sql, &query.params).await? {
        outdated.entry(row.int("article_id")?).or_default().push(row.text("locale")?);
    }
    for article in articles {
        article.label_names = labels.get(&article.id).cloned().unwrap_or_default();
        article.segment_ids = segments.get(&article.id).cloned().unwrap_or_default();
        article.outdated_locales = outdated.get(&article.id).cloned().unwrap_or_default();
    }
    Ok(())
}

impl Article {
    fn from_row(row: &Row) -> Result<Article, Error> {
        let tags = row.json("content_tag_ids")?.and_then(|tags| serde_json::from_value(tags).ok());
        Ok(Article {
            id: row.int("id")?,
            section_id: row.int("section_id")?,
            category_id: row.int("category_id")?,
            author_id: row.int_or_null("author_id")?,
            permission_group_id: row.int("permission_group_id")?,
            source_locale: row.text("source_locale")?,
            name: row.text("name")?,
            text: Text::from_row(row)?,
            segment_ids: Vec::new(),
            promoted: row.flag("promoted")?,
            position: row.int("position")?,
            comments_disabled: row.flag("comments_disabled")?,
            label_names: Vec::new(),
            content_tag_ids: tags.unwrap_or_default(),
            outdated_locales: Vec::new(),
            vote_sum: row.int("vote_sum")?,
            vote_count: row.int("vote_count")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            edited_at: row.time("edited_at")?,
        })
    }

    pub(super) fn facts(&self) -> Json {
        json!({
            "title": self.name, "section_id": self.section_id, "author_id": self.author_id,
            "permission_group_id": self.permission_group_id, "user_segment_ids": self.segment_ids,
            "promoted": self.promoted, "position": self.position, "comments_disabled": self.comments_disabled,
            "label_names": self.label_names, "content_tag_ids": self.content_tag_ids,
        })
    }
}
