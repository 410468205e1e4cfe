//! Categories: the topmost parts of the help center.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::HelpCenterStructure;
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{Language, NewText, Reader, Sort, Source, TEXT_COLUMNS, Text, article_write, record, record_difference};
use super::{and_text_in, translations};
use crate::Error;
use crate::page::{Order, Page, Query, Slice};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub id: i64,
    pub source_locale: String,
    pub position: i64,
    pub text: Text,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A category to be, with a text in its source language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCategory {
    pub source_locale: String,
    pub texts: Vec<NewText>,
    pub position: i64,
}

/// What a call changes. None leaves a field as it is; words are those in the source language.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub position: Option<i64>,
    pub title: Option<String>,
    pub body: Option<String>,
}

/// Those that the reader may see, in one language or each in its own. Served by `help_categories_by_position` and its like.
pub async fn list(
    tx: &mut Tx,
    reader: &Reader,
    language: Language<'_>,
    (sort, descending): (Sort, bool),
    slice: &Slice,
) -> Result<Page<Category>, Error> {
    let order = Order { columns: sort.columns(), descending };
    query_of(reader, language).page(tx, order, slice).await?.try_map(|row| Category::from_row(&row))
}

/// These, in no particular order, beside what lies in them.
pub async fn of_ids(tx: &mut Tx, reader: &Reader, language: Language<'_>, ids: &[i64]) -> Result<Vec<Category>, Error> {
    let mut query = query_of(reader, language);
    query.and_in("x.id", ids.iter().copied());
    tx.rows(&query.sql, &query.params).await?.iter().map(Category::from_row).collect()
}

/// The category with this id, or `NotFound`; also if it has no text in the language.
pub async fn find(tx: &mut Tx, reader: &Reader, language: Language<'_>, id: i64) -> Result<Category, Error> {
    of_ids(tx, reader, language, &[id]).await?.pop().ok_or(Source::Category(id).missing())
}

pub(super) async fn must_see(tx: &mut Tx, reader: &Reader, id: i64) -> Result<(), Error> {
    find(tx, reader, None, id).await.map(|_| ())
}

pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    new: &NewCategory,
) -> Result<Category, Error> {
    let row = tx
        .row(
            "insert into help_categories (source_locale, position, created_at, updated_at) values ($1, $2, $3, $3) returning id",
            &[new.source_locale.as_str().into(), new.position.into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let texts = (new.source_locale.as_str(), new.texts.as_slice());
    translations::add_all(tx, may.actor(), now, Source::Category(id), texts).await?;
    let made = find(tx, &Reader::writer(), None, id).await?;
    record(tx, may.actor(), now, ("help-category-created", "HelpCategory", id), (None, Some(made.facts()))).await?;
    Ok(made)
}

pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Category, Error> {
    let before = take(tx, id).await?;
    let source = (Source::Category(id), before.source_locale.as_str());
    let words = (changes.title.as_deref(), changes.body.as_deref());
    translations::change_source_text(tx, may.actor(), now, source, words).await?;
    if let Some(position) = changes.position.filter(|position| *position != before.position) {
        let sql = "update help_categories set position = $1, updated_at = $2 where id = $3";
        tx.run(sql, &[position.into(), now.into(), id.into()]).await?;
    }
    changed(tx, may.actor(), now, &before).await
}

/// Makes another of its texts the one that the rest follows.
pub async fn set_source_locale(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    id: i64,
    locale: &str,
) -> Result<(), Error> {
    translations::set_source_locale(tx, may.actor(), now, Source::Category(id), locale).await
}

/// Deletes it with its sections and their articles.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenterStructure>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    let mut articles =
        Query::new("select a.id from help_articles a join help_sections s on s.id = a.section_id where 1 = 1");
    articles.and("s.category_id =", id);
    article_write::delete_all(tx, may.actor(), now, articles).await?;
    tx.run("delete from help_categories where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("help-category-deleted", "HelpCategory", id), (Some(gone.facts()), None)).await
}

async fn take(tx: &mut Tx, id: i64) -> Result<Category, Error> {
    tx.run("update help_categories set updated_at = updated_at where id = $1", &[id.into()]).await?;
    find(tx, &Reader::writer(), None, id).await
}

async fn changed(tx: &mut Tx, actor: &Actor, now: Timestamp, before: &Category) -> Result<Category, Error> {
    let after = find(tx, &Reader::writer(), None, before.id).await?;
    let what = ("help-category-updated", "HelpCategory", before.id);
    record_difference(tx, actor, now, what, (before.facts(), after.facts())).await?;
    Ok(after)
}

fn query_of(reader: &Reader, language: Language<'_>) -> Query {
    let mut query = Query::new(&format!(
        "select x.id, x.source_locale, x.position, x.created_at, x.updated_at, {TEXT_COLUMNS}
         from help_categories x join help_translations t on t.category_id = x.id where 1 = 1"
    ));
    and_text_in(&mut query, language, "x");
    reader.see_what_holds(
        &mut query,
        "help_sections s join help_articles a on a.section_id = s.id where s.category_id = x.id",
    );
    query
}

impl Category {
    fn from_row(row: &Row) -> Result<Category, Error> {
        Ok(Category {
            id: row.int("id")?,
            source_locale: row.text("source_locale")?,
            position: row.int("position")?,
            text: Text::from_row(row)?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({ "name": self.text.title, "description": self.text.body, "position": self.position })
    }
}
