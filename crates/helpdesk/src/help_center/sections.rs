//! Sections: parts of a category that hold articles, and other sections.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{Language, NewText, Reader, Sort, Source, TEXT_COLUMNS, Text, article_write, categories, record};
use super::{and_text_in, of_field, record_difference, translations, user_segments};
use crate::Error;
use crate::page::{Order, Page, Query, Slice};

/// How deep sections lie in each other at most.
const DEPTH_MAX: i64 = 5;
const TEMPLATE_MAX_CHARS: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub id: i64,
    pub category_id: i64,
    pub parent_section_id: Option<i64>,
    pub source_locale: String,
    pub position: i64,
    pub sorting: Sorting,
    pub theme_template: Option<String>,
    pub text: Text,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// How the articles of a section are sorted where nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sorting {
    #[default]
    Manual,
    Title,
    CreationDescending,
    CreationAscending,
}

impl Sorting {
    pub const ALL: &'static [Sorting] =
        &[Sorting::Manual, Sorting::Title, Sorting::CreationDescending, Sorting::CreationAscending];

    pub const fn word(self) -> &'static str {
        match self {
            Sorting::Manual => "manual",
            Sorting::Title => "title",
            Sorting::CreationDescending => "creation_desc",
            Sorting::CreationAscending => "creation_asc",
        }
    }

    pub fn parse(word: &str) -> Option<Sorting> {
        Sorting::ALL.iter().copied().find(|sorting| sorting.word() == word)
    }
}

/// A section to be, with a text in its source language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSection {
    pub category_id: i64,
    pub parent_section_id: Option<i64>,
    pub source_locale: String,
    pub texts: Vec<NewText>,
    pub position: i64,
    pub sorting: Sorting,
    pub theme_template: Option<String>,
}

/// What a call changes. None leaves a field as it is; words are those in the source language.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub category_id: Option<i64>,
    pub parent_section_id: Option<Option<i64>>,
    pub position: Option<i64>,
    pub sorting: Option<Sorting>,
    pub theme_template: Option<Option<String>>,
    pub title: Option<String>,
    pub body: Option<String>,
}

/// Those that the reader may see, of one category or of all. Served by `help_sections_by_position`, `help_sections_by_category` and their like.
/// `NotFound` for a category that they may not see.
pub async fn list(
    tx: &mut Tx,
    reader: &Reader,
    (language, category_id): (Language<'_>, Option<i64>),
    (sort, descending): (Sort, bool),
    slice: &Slice,
) -> Result<Page<Section>, Error> {
    let mut query = query_of(reader, language);
    if let Some(id) = category_id {
        categories::must_see(tx, reader, id).await?;
        query.and("x.category_id =", id);
    }
    let order = Order { columns: sort.columns(), descending };
    query.page(tx, order, slice).await?.try_map(|row| Section::from_row(&row))
}

/// Those that hold articles which are kept to a segment. Served by `help_article_segments_by_segment`.
pub async fn of_segment(
    tx: &mut Tx,
    may: &CanRead<HelpCenter>,
    segment_id: i64,
    slice: &Slice,
) -> Result<Page<Section>, Error> {
    user_segments::must_exist(tx, segment_id).await?;
    let reader = Reader::of(tx, may).await?;
    let mut query = query_of(&reader, None);
    let id = query.bind(segment_id);
    query.and_text(&format!(
        "x.id in (select a.section_id from help_article_segments g join help_articles a on a.id = g.article_id
                  where g.segment_id = {id} and a.archived_at is null)"
    ));
    let order = Order { columns: Sort::Position.columns(), descending: false };
    query.page(tx, order, slice).await?.try_map(|row| Section::from_row(&row))
}

/// These, in no particular order, beside what lies in them.
pub async fn of_ids(tx: &mut Tx, reader: &Reader, language: Language<'_>, ids: &[i64]) -> Result<Vec<Section>, Error> {
    let mut query = query_of(reader, language);
    query.and_in("x.id", ids.iter().copied());
    tx.rows(&query.sql, &query.params).await?.iter().map(Section::from_row).collect()
}

/// The section with this id, or `NotFound`; also if it has no text in the language.
pub async fn find(tx: &mut Tx, reader: &Reader, language: Language<'_>, id: i64) -> Result<Section, Error> {
    of_ids(tx, reader, language, &[id]).await?.pop().ok_or(Source::Section(id).missing())
}

pub(super) async fn must_see(tx: &mut Tx, reader: &Reader, id: i64) -> Result<(), Error> {
    find(tx, reader, None, id).await.map(|_| ())
}

pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    new: &NewSection,
) -> Result<Section, Error> {
    categories::must_see(tx, &Reader::writer(), new.category_id).await?;
    check_template(new.theme_template.as_deref())?;
    if let Some(parent) = new.parent_section_id {
        must_be_in(tx, parent, new.category_id).await?;
    }
    let row = tx
        .row(
            "insert into help_sections (category_id, parent_section_id, source_locale, position, sorting, theme_template, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7) returning id",
            &[
                new.category_id.into(),
                new.parent_section_id.into(),
                new.source_locale.as_str().into(),
                new.position.into(),
                new.sorting.word().into(),
                new.theme_template.as_deref().into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    place(tx, id, new.parent_section_id).await?;
    let texts = (new.source_locale.as_str(), new.texts.as_slice());
    translations::add_all(tx, may.actor(), now, Source::Section(id), texts).await?;
    let made = find(tx, &Reader::writer(), None, id).await?;
    record(tx, may.actor(), now, ("help-section-created", "HelpSection", id), (None, Some(made.facts()))).await?;
    Ok(made)
}

pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Section, Error> {
    let before = take(tx, id).await?;
    let source = (Source::Section(id), before.source_locale.as_str());
    let words = (changes.title.as_deref(), changes.body.as_deref());
    translations::change_source_text(tx, may.actor(), now, source, words).await?;
    let mut after = before.clone();
    after.category_id = changes.category_id.unwrap_or(before.category_id);
    // Who moves it to another category leaves its parent behind, unless they name a new one.
    let stays = after.category_id == before.category_id;
    after.parent_section_id = changes.parent_section_id.unwrap_or(before.parent_section_id.filter(|_| stays));
    after.position = changes.position.unwrap_or(before.position);
    after.sorting = changes.sorting.unwrap_or(before.sorting);
    if let Some(template) = &changes.theme_template {
        check_template(template.as_deref())?;
        after.theme_template.clone_from(template);
    }
    if (after.category_id, after.parent_section_id) != (before.category_id, before.parent_section_id) {
        relocate(tx, now, &after).await?;
    }
    if after != before {
        tx.run(
            "update help_sections set category_id = $1, parent_section_id = $2, position = $3, sorting = $4, theme_template = $5, updated_at = $6
             where id = $7",
            &[
                after.category_id.into(),
                after.parent_section_id.into(),
                after.position.into(),
                after.sorting.word().into(),
                after.theme_template.as_deref().into(),
                now.into(),
                id.into(),
            ],
        )
        .await?;
    }
    let after = find(tx, &Reader::writer(), None, id).await?;
    let what = ("help-section-updated", "HelpSection", id);
    record_difference(tx, may.actor(), now, what, (before.facts(), after.facts())).await?;
    Ok(after)
}

/// Makes another of its texts the one that the rest follows.
pub async fn set_source_locale(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    id: i64,
    locale: &str,
) -> Result<(), Error> {
    translations::set_source_locale(tx, may.actor(), now, Source::Section(id), locale).await
}

/// Deletes it with the sections in it and all their articles.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenterStructure>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    let mut articles = Query::new(
        "select a.id from help_section_paths p join help_articles a on a.section_id = p.section_id where 1 = 1",
    );
    articles.and("p.ancestor_id =", id);
    article_write::delete_all(tx, may.actor(), now, articles).await?;
    tx.run("delete from help_sections where id = $1", &[id.into()]).await?;
    record(tx, may.actor(), now, ("help-section-deleted", "HelpSection", id), (Some(gone.facts()), None)).await
}

async fn take(tx: &mut Tx, id: i64) -> Result<Section, Error> {
    tx.run("update help_sections set updated_at = updated_at where id = $1", &[id.into()]).await?;
    find(tx, &Reader::writer(), None, id).await
}

/// A parent lies in the same category.
async fn must_be_in(tx: &mut Tx, parent_id: i64, category_id: i64) -> Result<(), Error> {
    let row = tx.row("select category_id from help_sections where id = $1", &[parent_id.into()]).await?;
    match row.map(|row| row.int("category_id")).transpose()? {
        Some(found) if found == category_id => Ok(()),
        Some(_) => Err(Error::invalid("parent_section_id", "belongs to another category")),
        None => Err(Error::invalid("parent_section_id", "is not there")),
    }
}

/// Notes what a section lies in: itself, and all that its parent lies in.
async fn place(tx: &mut Tx, id: i64, parent_id: Option<i64>) -> Result<(), Error> {
    let sql = "insert into help_section_paths (ancestor_id, section_id) values ($1, $1)";
    tx.run(sql, &[id.into()]).await?;
    let Some(parent_id) = parent_id else { return Ok(()) };
    tx.run(
        "insert into help_section_paths (ancestor_id, section_id)
         select p.ancestor_id, cast($1 as bigint) from help_section_paths p where p.section_id = $2",
        &[id.into(), parent_id.into()],
    )
    .await?;
    must_be_shallow(tx, &[id]).await
}

/// Moves a section with all that lies in it.
async fn relocate(tx: &mut Tx, now: Timestamp, after: &Section) -> Result<(), Error> {
    let found = categories::must_see(tx, &Reader::writer(), after.category_id).await;
    of_field(found, "category_id", "is not there")?;
    let id = after.id;
    let sql = "select section_id from help_section_paths where ancestor_id = $1";
    let rows = tx.rows(sql, &[id.into()]).await?;
    let inside = rows.iter().map(|row| row.int("section_id")).collect::<Result<Vec<_>, _>>()?;
    if let Some(parent) = after.parent_section_id {
        if inside.contains(&parent) {
            return Err(Error::invalid("parent_section_id", "lies in the section itself"));
        }
        must_be_in(tx, parent, after.category_id).await?;
    }
    // What lay above it no longer lies above what is in it.
    tx.run(
        "delete from help_section_paths
         where section_id in (select p.section_id from help_section_paths p where p.ancestor_id = $1)
             and ancestor_id not in (select p.section_id from help_section_paths p where p.ancestor_id = $1)",
        &[id.into()],
    )
    .await?;
    if let Some(parent) = after.parent_section_id {
        tx.run(
            "insert into help_section_paths (ancestor_id, section_id)
             select above.ancestor_id, below.section_id from help_section_paths above cross join help_section_paths below
             where above.section_id = $1 and below.ancestor_id = $2",
            &[parent.into(), id.into()],
        )
        .await?;
    }
    let mut query = Query::new("update help_sections set category_id = $1, updated_at = $2 where 1 = 1");
    query.params = vec![after.category_id.into(), now.into()];
    query.and_in("id", inside.iter().copied());
    tx.run(&query.sql, &query.params).await?;
    must_be_shallow(tx, &inside).await
}

async fn must_be_shallow(tx: &mut Tx, ids: &[i64]) -> Result<(), Error> {
    let mut query = Query::new("select count(*) as depth from help_section_paths where 1 = 1");
    query.and_in("section_id", ids.iter().copied());
    let most = query.bind(DEPTH_MAX);
    query.sql.push_str(&format!(" group by section_id having count(*) > {most}"));
    if tx.row(&query.sql, &query.params).await?.is_some() {
        return Err(Error::invalid("parent_section_id", format!("would lie deeper than {DEPTH_MAX} sections")));
    }
    Ok(())
}

fn check_template(template: Option<&str>) -> Result<(), Error> {
    if template.is_some_and(|template| TEMPLATE_MAX_CHARS < template.chars().count()) {
        return Err(Error::invalid("theme_template", format!("is longer than {TEMPLATE_MAX_CHARS} characters")));
    }
    Ok(())
}

fn query_of(reader: &Reader, language: Language<'_>) -> Query {
    let mut query = Query::new(&format!(
        "select x.id, x.category_id, x.parent_section_id, x.source_locale, x.position, x.sorting, x.theme_template, x.created_at, x.updated_at,
                {TEXT_COLUMNS}
         from help_sections x join help_translations t on t.section_id = x.id where 1 = 1"
    ));
    and_text_in(&mut query, language, "x");
    reader.see_what_holds(
        &mut query,
        "help_section_paths p join help_articles a on a.section_id = p.section_id where p.ancestor_id = x.id",
    );
    query
}

impl Section {
    fn from_row(row: &Row) -> Result<Section, Error> {
        Ok(Section {
            id: row.int("id")?,
            category_id: row.int("category_id")?,
            parent_section_id: row.int_or_null("parent_section_id")?,
            source_locale: row.text("source_locale")?,
            position: row.int("position")?,
            sorting: Sorting::parse(&row.text("sorting")?).ok_or(StoreError::Column("sorting"))?,
            theme_template: row.text_or_null("theme_template")?,
            text: Text::from_row(row)?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({
            "name": self.text.title, "description": self.text.body, "category_id": self.category_id,
            "parent_section_id": self.parent_section_id, "position": self.position, "sorting": self.sorting.word(),
        })
    }
}
