//! Labels of articles: words that programs and searches find them by.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::json;
use store::{Row, StoreError, Tx};

use super::{Reader, article_write, articles, by_id, record};
use crate::Error;
use crate::account::filled;
use crate::page::{Page, Query, Slice};

pub const NAME_MAX_CHARS: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub id: i64,
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

const SELECT: &str = "select x.id, x.name, x.created_at, x.updated_at from help_labels x where 1 = 1";

/// All of them, or those of one article, by id. Served by `help_article_labels`' key.
pub async fn list(
    tx: &mut Tx,
    may: &CanRead<HelpCenter>,
    article_id: Option<i64>,
    slice: &Slice,
) -> Result<Page<Label>, Error> {
    let mut query = Query::new(SELECT);
    if let Some(id) = article_id {
        let reader = Reader::of(tx, may).await?;
        articles::must_see(tx, &reader, id).await?;
        let id = query.bind(id);
        query.and_text(&format!("x.id in (select l.label_id from help_article_labels l where l.article_id = {id})"));
    }
    query.page(tx, by_id(false), slice).await?.try_map(|row| Label::from_row(&row))
}

/// The label with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<HelpCenter>, id: i64) -> Result<Label, Error> {
    read(tx, id).await
}

/// Puts a label on an article, a new one if there is none of this name.
pub async fn add(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    article_id: i64,
    name: &str,
) -> Result<Label, Error> {
    article_write::must_write(tx, may.actor(), article_id, false).await?;
    let before = articles::find(tx, &Reader::writer(), None, article_id).await?;
    let id = of_name(tx, now, "name", name).await?;
    put(tx, article_id, id).await?;
    article_write::changed(tx, may.actor(), now, &before).await?;
    read(tx, id).await
}

/// Takes a label off an article, or `NotFound` if it is not on it.
pub async fn remove(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    (article_id, id): (i64, i64),
) -> Result<(), Error> {
    article_write::must_write(tx, may.actor(), article_id, false).await?;
    let before = articles::find(tx, &Reader::writer(), None, article_id).await?;
    let sql = "delete from help_article_labels where article_id = $1 and label_id = $2";
    if tx.run(sql, &[article_id.into(), id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "label", id });
    }
    article_write::changed(tx, may.actor(), now, &before).await.map(|_| ())
}

/// Deletes a label, from all articles.
pub async fn delete(tx: &mut Tx, may: &CanWrite<HelpCenterStructure>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = read(tx, id).await?;
    tx.run("delete from help_labels where id = $1", &[id.into()]).await?;
    let before = json!({ "name": gone.name });
    record(tx, may.actor(), now, ("article-label-deleted", "ArticleLabel", id), (Some(before), None)).await
}

/// The id of the label of this name in any case of its letters; a new one if there is none.
pub(super) async fn of_name(tx: &mut Tx, now: Timestamp, field: &str, name: &str) -> Result<i64, Error> {
    let name = filled(field, name, NAME_MAX_CHARS)?;
    let row = tx
        .row(
            "insert into help_labels (name, name_key, created_at, updated_at) values ($1, $2, $3, $3)
             on conflict (name_key) do update set name_key = excluded.name_key returning id",
            &[name.into(), name.to_lowercase().into(), now.into()],
        )
        .await?;
    Ok(row.ok_or(StoreError::Column("id"))?.int("id")?)
}

pub(super) async fn put(tx: &mut Tx, article_id: i64, id: i64) -> Result<(), Error> {
    let sql = "insert into help_article_labels (article_id, label_id) values ($1, $2) on conflict do nothing";
    tx.run(sql, &[article_id.into(), id.into()]).await?;
    Ok(())
}

async fn read(tx: &mut Tx, id: i64) -> Result<Label, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Label::from_row).transpose()?.ok_or(Error::NotFound { kind: "label", id })
}

impl Label {
    fn from_row(row: &Row) -> Result<Label, Error> {
        Ok(Label {
            id: row.int("id")?,
            name: row.text("name")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
