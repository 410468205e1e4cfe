//! The words of a category, a section or an article in each of their languages. That of the source language is always there.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{BODY_MAX_CHARS, NewText, Reader, Source, TITLE_MAX_CHARS, article_write, articles, by_id, categories};
use super::{clean_body, locales, record, record_difference, record_news, sections};
use crate::account::filled;
use crate::page::{Page, Query, Slice};
use crate::{Error, files};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    pub id: i64,
    pub source: Source,
    pub locale: String,
    pub title: String,
    pub body: String,
    pub draft: bool,
    pub outdated: bool,
    pub created_by: Option<i64>,
    pub updated_by: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Which ones. The default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Empty: of every language.
    pub locales: Vec<String>,
    pub outdated: Option<bool>,
    pub draft: Option<bool>,
}

/// What a call changes. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub locale: Option<String>,
    pub title: Option<String>,
    pub body: Option<String>,
    pub draft: Option<bool>,
    pub outdated: Option<bool>,
}

const SELECT: &str =
    "select x.id, x.category_id, x.section_id, x.article_id, x.locale, x.title, x.body, x.draft, x.outdated,
                             x.created_by, x.updated_by, x.created_at, x.updated_at
                      from help_translations x where 1 = 1";

/// By id. Served by `help_translations_of_category` and its like.
pub async fn list(
    tx: &mut Tx,
    reader: &Reader,
    source: Source,
    filter: &Filter,
    slice: &Slice,
) -> Result<Page<Translation>, Error> {
    must_see(tx, reader, source).await?;
    let mut query = of_source(reader, source);
    if !filter.locales.is_empty() {
        query.and_in("x.locale", filter.locales.iter().map(String::as_str));
    }
    if let Some(outdated) = filter.outdated {
        query.and("x.outdated =", outdated);
    }
    if let Some(draft) = filter.draft {
        query.and("x.draft =", draft);
    }
    query.page(tx, by_id(false), slice).await?.try_map(|row| Translation::from_row(&row))
}

/// All of several sources, by id. What the reader may see of the sources was looked at before.
pub async fn of_sources(tx: &mut Tx, reader: &Reader, sources: &[Source]) -> Result<Vec<Translation>, Error> {
    let Some(first) = sources.first() else { return Ok(Vec::new()) };
    let mut query = Query::new(SELECT);
    query.and_in(&format!("x.{}", first.column()), sources.iter().map(|source| source.id()));
    hide_drafts(&mut query, reader);
    query.sql.push_str(" order by x.id");
    tx.rows(&query.sql, &query.params).await?.iter().map(Translation::from_row).collect()
}

/// That of one language, or `NotFound`.
pub async fn find(tx: &mut Tx, reader: &Reader, source: Source, locale: &str) -> Result<Translation, Error> {
    must_see(tx, reader, source).await?;
    let mut query = of_source(reader, source);
    query.and("x.locale =", locale);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Translation::from_row).transpose()?.ok_or(Error::NotFound { kind: "translation", id: source.id() })
}

/// The languages of the help center that something has no text in.
pub async fn missing(tx: &mut Tx, may: &CanRead<HelpCenter>, source: Source) -> Result<Vec<String>, Error> {
    let reader = Reader::of(tx, may).await?;
    must_see(tx, &reader, source).await?;
    let mut query = Query::new("select l.locale from help_locales l where 1 = 1");
    let id = query.bind(source.id());
    query.and_text(&format!(
        "not exists (select 1 from help_translations x where x.{} = {id} and x.locale = l.locale)",
        source.column()
    ));
    query.sql.push_str(" order by l.locale");
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(|row| Ok(row.text("locale")?)).collect()
}

/// Adds the text of an article in a further language. `Taken` if there is one.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    article_id: i64,
    new: &NewText,
) -> Result<Translation, Error> {
    let source = Source::Article(article_id);
    take(tx, source).await?;
    article_write::must_write(tx, may.actor(), article_id, !new.draft).await?;
    add(tx, may.actor(), now, source, new).await
}

/// The same of a category or a section.
pub async fn create_of_structure(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    now: Timestamp,
    source: Source,
    new: &NewText,
) -> Result<Translation, Error> {
    take(tx, source).await?;
    add(tx, may.actor(), now, source, new).await
}

/// Changes what was sent of the text in one language. One that another language has is `Taken`; the text of the source language keeps it.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    (source, locale): (Source, &str),
    changes: &Changes,
) -> Result<Translation, Error> {
    let source_locale = take(tx, source).await?;
    let writer = Reader::writer();
    let before = find(tx, &writer, source, locale).await?;
    if let Source::Article(id) = source {
        let publishes = before.draft && changes.draft == Some(false);
        article_write::must_write(tx, may.actor(), id, publishes).await?;
    }
    let new_locale = changes.locale.as_deref().map(locales::check).transpose()?;
    if before.locale == source_locale && new_locale.as_ref().is_some_and(|it| *it != before.locale) {
        return Err(Error::invalid("locale", "cannot be changed of the text in the source language"));
    }
    change(tx, may.actor(), now, &before, &Changes { locale: new_locale, ..changes.clone() }).await
}

/// Deletes the text in one language. `InUse` for that of the source language.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenter>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = Error::NotFound { kind: "translation", id };
    let mut query = Query::new(SELECT);
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    let text = row.as_ref().map(Translation::from_row).transpose()?.ok_or(gone)?;
    let source_locale = take(tx, text.source).await?;
    if let Source::Article(id) = text.source {
        article_write::must_write(tx, may.actor(), id, !text.draft).await?;
    }
    if text.locale == source_locale {
        let problem =
            "The text in the source language cannot be deleted: make another one the source first.".to_owned();
        return Err(Error::InUse { kind: "translation", id, problem });
    }
    tx.run("delete from help_translations where id = $1", &[id.into()]).await?;
    crate::search::index_article(tx, id).await?;
    touch(tx, now, text.source, true).await?;
    record(tx, may.actor(), now, ("help-text-deleted", "HelpText", id), (Some(text.facts()), None)).await
}

/// Makes another of its texts the one that the rest follows. `Invalid` on `locale` if there is none in that language.
pub(super) async fn set_source_locale(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    source: Source,
    locale: &str,
) -> Result<(), Error> {
    let before = take(tx, source).await?;
    let locale = locales::check(locale)?;
    let sql = format!("select 1 as one from help_translations where {} = $1 and locale = $2", source.column());
    if tx.row(&sql, &[source.id().into(), locale.as_str().into()]).await?.is_none() {
        return Err(Error::invalid("locale", "has no translation"));
    }
    if before == locale {
        return Ok(());
    }
    let sql = format!("update {} set source_locale = $1, updated_at = $2 where id = $3", source.table());
    tx.run(&sql, &[locale.as_str().into(), now.into(), source.id().into()]).await?;
    let what = ("help-source-locale-changed", source.kind(), source.id());
    record(tx, actor, now, what, (Some(json!({ "source_locale": before })), Some(json!({ "source_locale": locale }))))
        .await
}

/// The first texts of something new. The one of the source language must be among them.
pub(super) async fn add_all(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    source: Source,
    (source_locale, texts): (&str, &[NewText]),
) -> Result<(), Error> {
    if !texts.iter().any(|text| text.locale == source_locale) {
        return Err(Error::invalid("locale", "must be that of one of the texts"));
    }
    for text in texts {
        add(tx, actor, now, source, text).await?;
    }
    Ok(())
}

/// Changes the words in the source language, as calls on the thing itself do.
pub(super) async fn change_source_text(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (source, locale): (Source, &str),
    (title, body): (Option<&str>, Option<&str>),
) -> Result<(), Error> {
    if title.is_none() && body.is_none() {
        return Ok(());
    }
    let before = find(tx, &Reader::writer(), source, locale).await?;
    let changes = Changes { title: title.map(str::to_owned), body: body.map(str::to_owned), ..Changes::default() };
    change(tx, actor, now, &before, &changes).await.map(|_| ())
}

/// Whether the reader may see what the texts are of, or `NotFound`.
pub(super) async fn must_see(tx: &mut Tx, reader: &Reader, source: Source) -> Result<(), Error> {
    match source {
        Source::Category(id) => categories::must_see(tx, reader, id).await,
        Source::Section(id) => sections::must_see(tx, reader, id).await,
        Source::Article(id) => articles::must_see(tx, reader, id).await,
    }
}

/// The row until the end of the transaction, and its source language. `NotFound` if it is gone.
async fn take(tx: &mut Tx, source: Source) -> Result<String, Error> {
    let table = source.table();
    let is_there = if matches!(source, Source::Article(_)) { " and archived_at is null" } else { "" };
    let sql = format!("update {table} set updated_at = updated_at where id = $1{is_there} returning source_locale");
    let row = tx.row(&sql, &[source.id().into()]).await?;
    Ok(row.ok_or(source.missing())?.text("source_locale")?)
}

async fn add(tx: &mut Tx, actor: &Actor, now: Timestamp, source: Source, new: &NewText) -> Result<Translation, Error> {
    let locale = locales::check(&new.locale)?;
    let title = filled("title", &new.title, TITLE_MAX_CHARS)?;
    let body = checked_body(&new.body)?;
    locales::add(tx, now, &locale).await?;
    let column = source.column();
    let row = tx
        .row(
            &format!(
                "insert into help_translations ({column}, locale, title, title_key, body, draft, outdated, created_by, updated_by, created_at, updated_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $9)
                 on conflict ({column}, locale) where {column} is not null do nothing returning id"
            ),
            &[
                source.id().into(),
                locale.as_str().into(),
                title.into(),
                title.to_lowercase().into(),
                body.as_str().into(),
                new.draft.into(),
                new.outdated.into(),
                actor.person_id.into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(Error::Taken { kind: "translation", field: "locale" })?.int("id")?;
    written(tx, now, source, (id, &body)).await?;
    touch(tx, now, source, true).await?;
    let made = find(tx, &Reader::writer(), source, &locale).await?;
    record_news(tx, actor, now, ("help-text-created", "HelpText", id), (made.facts(), new.quiet)).await?;
    Ok(made)
}

async fn change(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    before: &Translation,
    changes: &Changes,
) -> Result<Translation, Error> {
    let mut after = before.clone();
    if let Some(locale) = &changes.locale {
        after.locale.clone_from(locale);
    }
    if let Some(title) = &changes.title {
        after.title = filled("title", title, TITLE_MAX_CHARS)?.to_owned();
    }
    if let Some(body) = &changes.body {
        after.body = checked_body(body)?;
    }
    after.draft = changes.draft.unwrap_or(before.draft);
    after.outdated = changes.outdated.unwrap_or(before.outdated);
    if after == *before {
        return Ok(after);
    }
    locales::add(tx, now, &after.locale).await?;
    let done = tx
        .run(
            "update help_translations set locale = $1, title = $2, title_key = $3, body = $4, draft = $5, outdated = $6, updated_by = $7, updated_at = $8
             where id = $9",
            &[
                after.locale.as_str().into(),
                after.title.as_str().into(),
                after.title.to_lowercase().into(),
                after.body.as_str().into(),
                after.draft.into(),
                after.outdated.into(),
                actor.person_id.into(),
                now.into(),
                before.id.into(),
            ],
        )
        .await;
    match done {
        Ok(_) => {}
        Err(StoreError::NotUnique(_)) => return Err(Error::Taken { kind: "translation", field: "locale" }),
        Err(error) => return Err(error.into()),
    }
    written(tx, now, before.source, (before.id, &after.body)).await?;
    let words_changed = after.title != before.title || after.body != before.body;
    touch(tx, now, before.source, words_changed).await?;
    let what = ("help-text-updated", "HelpText", before.id);
    record_difference(tx, actor, now, what, (before.facts(), after.facts())).await?;
    Ok(Translation { updated_by: actor.person_id, updated_at: now, ..after })
}

/// What a new body brings about: pictures that are kept, words that are found.
async fn written(tx: &mut Tx, now: Timestamp, source: Source, (id, body): (i64, &str)) -> Result<(), Error> {
    if matches!(source, Source::Article(_)) {
        files::take_text(tx, now, Some(body)).await?;
        crate::search::index_article(tx, id).await?;
    }
    Ok(())
}

/// What the texts are of has changed with them.
async fn touch(tx: &mut Tx, now: Timestamp, source: Source, words_changed: bool) -> Result<(), Error> {
    let edited = if words_changed && matches!(source, Source::Article(_)) { ", edited_at = $1" } else { "" };
    let sql = format!("update {} set updated_at = $1{edited} where id = $2", source.table());
    tx.run(&sql, &[now.into(), source.id().into()]).await?;
    Ok(())
}

fn checked_body(body: &str) -> Result<String, Error> {
    if BODY_MAX_CHARS < body.chars().count() {
        return Err(Error::invalid("body", format!("is too long (maximum is {BODY_MAX_CHARS} characters)")));
    }
    Ok(clean_body(body))
}

fn of_source(reader: &Reader, source: Source) -> Query {
    let mut query = Query::new(SELECT);
    query.and(&format!("x.{} =", source.column()), source.id());
    hide_drafts(&mut query, reader);
    query
}

fn hide_drafts(query: &mut Query, reader: &Reader) {
    if !reader.is_staff() {
        query.and_text("x.draft = 0");
    }
}

impl Translation {
    fn from_row(row: &Row) -> Result<Translation, Error> {
        let source = match (row.int_or_null("category_id")?, row.int_or_null("section_id")?) {
            (Some(id), _) => Source::Category(id),
            (None, Some(id)) => Source::Section(id),
            (None, None) => Source::Article(row.int("article_id")?),
        };
        Ok(Translation {
            id: row.int("id")?,
            source,
            locale: row.text("locale")?,
            title: row.text("title")?,
            body: row.text("body")?,
            draft: row.flag("draft")?,
            outdated: row.flag("outdated")?,
            created_by: row.int_or_null("created_by")?,
            updated_by: row.int_or_null("updated_by")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({
            "source": self.source.kind(), "source_id": self.source.id(), "locale": self.locale, "title": self.title,
            "body": self.body, "draft": self.draft, "outdated": self.outdated,
        })
    }
}
