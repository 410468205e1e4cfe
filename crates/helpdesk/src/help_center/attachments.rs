//! Files of articles. They are public files (`files.rs`): an article shows them for as long as it is there, so whoever knows such an
//! address may read it.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::HelpCenter;
use serde_json::json;
use store::{Row, StoreError, Tx};

use super::{Reader, article_write, articles, by_id, locales, record};
use crate::Error;
use crate::files::{self, File};
use crate::page::{Page, Query, Slice};

/// Files that are given to an article at once.
pub const AT_ONCE_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: i64,
    /// None while it waits for an article.
    pub article_id: Option<i64>,
    pub file: File,
    /// Shown within the text, not below it.
    pub inline: bool,
    /// None: of the texts in all languages.
    pub locale: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

const SELECT: &str = "select x.id, x.file_id, x.article_id, x.inline, x.locale, x.created_at, x.updated_at
                      from help_attachments x where 1 = 1";

/// Those of an article by id: all, or only those in its text, or only those below it. Served by `help_attachments_by_article`.
pub async fn list(
    tx: &mut Tx,
    reader: &Reader,
    (article_id, inline): (i64, Option<bool>),
    slice: &Slice,
) -> Result<Page<Attachment>, Error> {
    articles::must_see(tx, reader, article_id).await?;
    let mut query = Query::new(SELECT);
    query.and("x.article_id =", article_id);
    if let Some(inline) = inline {
        query.and("x.inline =", inline);
    }
    let page = query.page(tx, by_id(false), slice).await?;
    let (before, after, total) = (page.before, page.after, page.total);
    Ok(Page { items: with_files(tx, &page.items).await?, before, after, total })
}

/// One of an article's, or `NotFound`.
pub async fn find(tx: &mut Tx, reader: &Reader, (article_id, id): (i64, i64)) -> Result<Attachment, Error> {
    articles::must_see(tx, reader, article_id).await?;
    let found = read(tx, id).await?;
    if found.article_id != Some(article_id) {
        return Err(Error::NotFound { kind: "article attachment", id });
    }
    Ok(found)
}

/// Any of them, whether an article has it or not.
pub async fn find_any(tx: &mut Tx, _may: &CanRead<HelpCenter>, id: i64) -> Result<Attachment, Error> {
    read(tx, id).await
}

/// Whether the caller may add a file to an article: asked before it is stored.
pub async fn must_take(tx: &mut Tx, may: &CanWrite<HelpCenter>, article_id: i64) -> Result<(), Error> {
    article_write::must_write(tx, may.actor(), article_id, false).await
}

/// Adds a file that is stored already, to an article or for one to come.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    article_id: Option<i64>,
    (file, inline, locale): (&File, bool, Option<&str>),
) -> Result<Attachment, Error> {
    if let Some(id) = article_id {
        article_write::must_write(tx, may.actor(), id, false).await?;
        files::take(tx, now, &json!(file.path())).await?;
    }
    let locale = locale.map(locales::check).transpose()?;
    let row = tx
        .row(
            "insert into help_attachments (file_id, article_id, inline, locale, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $5) returning id",
            &[file.id.into(), article_id.into(), inline.into(), locale.as_deref().into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let after = json!({ "article_id": article_id, "name": file.name });
    record(tx, may.actor(), now, ("article-attachment-created", "ArticleAttachment", id), (None, Some(after))).await?;
    read(tx, id).await
}

/// Gives files that wait for an article to one. `Invalid` on `attachment_ids` for one that is not there or has an article.
pub async fn associate(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    article_id: i64,
    ids: &[i64],
) -> Result<(), Error> {
    article_write::must_write(tx, may.actor(), article_id, false).await?;
    if ids.is_empty() || AT_ONCE_MAX < ids.len() {
        return Err(Error::invalid("attachment_ids", format!("must be 1 to {AT_ONCE_MAX}")));
    }
    for id in ids {
        let found = match read(tx, *id).await {
            Ok(found) if found.article_id.is_none_or(|known| known == article_id) => found,
            Ok(_) | Err(Error::NotFound { .. }) => {
                return Err(Error::invalid("attachment_ids", format!("{id} is not there to be taken")));
            }
            Err(error) => return Err(error),
        };
        files::take(tx, now, &json!(found.file.path())).await?;
        let sql = "update help_attachments set article_id = $1, updated_at = $2 where id = $3";
        tx.run(sql, &[article_id.into(), now.into(), (*id).into()]).await?;
        let after = json!({ "article_id": article_id });
        let what = ("article-attachment-updated", "ArticleAttachment", *id);
        record(tx, may.actor(), now, what, (Some(json!({ "article_id": found.article_id })), Some(after))).await?;
    }
    Ok(())
}

/// Deletes it with its file.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenter>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = read(tx, id).await?;
    if let Some(article_id) = gone.article_id {
        article_write::must_write(tx, may.actor(), article_id, false).await?;
    }
    tx.run("delete from help_attachments where id = $1", &[id.into()]).await?;
    files::remove(tx, may.actor(), now, &gone.file).await?;
    let before = json!({ "article_id": gone.article_id, "name": gone.file.name });
    record(tx, may.actor(), now, ("article-attachment-deleted", "ArticleAttachment", id), (Some(before), None)).await
}

async fn read(tx: &mut Tx, id: i64) -> Result<Attachment, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.id =", id);
    let rows = tx.rows(&query.sql, &query.params).await?;
    with_files(tx, &rows).await?.pop().ok_or(Error::NotFound { kind: "article attachment", id })
}

async fn with_files(tx: &mut Tx, rows: &[Row]) -> Result<Vec<Attachment>, Error> {
    let ids = rows.iter().map(|row| row.int("file_id")).collect::<Result<Vec<_>, _>>()?;
    let files = files::of_ids(tx, &ids).await?;
    let mut attachments = Vec::with_capacity(rows.len());
    for row in rows {
        let file_id = row.int("file_id")?;
        let file = files.iter().find(|file| file.id == file_id).cloned();
        attachments.push(Attachment {
            id: row.int("id")?,
            article_id: row.int_or_null("article_id")?,
            file: file.ok_or(Error::NotFound { kind: "file", id: file_id })?,
            inline: row.flag("inline")?,
            locale: row.text_or_null("locale")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        });
    }
    Ok(attachments)
}
