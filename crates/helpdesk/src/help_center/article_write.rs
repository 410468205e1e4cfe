//! Writing articles. Their words are `translations.rs`.
//!
//! Managers write all of them; other staff those whose permission group has one of their segments, and show them to readers only where it
//! says so too.

use jiff::Timestamp;
use scope::permit::{Actor, CanWrite};
use scope::resource::HelpCenter;
use serde_json::json;
use store::{StoreError, Tx};

use super::articles::{self, Article};
use super::{NewText, Reader, Source, is_manager, labels, of_field, permission_groups, record, record_difference};
use super::{sections, translations, user_segments};
use crate::page::Query;
use crate::{Error, profiles};

/// Most segments, labels and content tags of one article.
const SEGMENTS_MAX: usize = 50;
const LABELS_MAX: usize = 100;
const TAGS_MAX: usize = 100;
const TAG_MAX_CHARS: usize = 64;
/// Articles that are deleted at once with what they lay in.
const AT_ONCE: i64 = 500;

/// An article to be, with a text in its source language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewArticle {
    pub section_id: i64,
    pub source_locale: String,
    pub texts: Vec<NewText>,
    /// Default: whoever calls.
    pub author_id: Option<i64>,
    pub permission_group_id: i64,
    pub segment_ids: Vec<i64>,
    pub promoted: bool,
    pub position: i64,
    pub comments_disabled: bool,
    pub label_names: Vec<String>,
    pub content_tag_ids: Vec<String>,
}

/// What a call changes. None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub section_id: Option<i64>,
    pub author_id: Option<i64>,
    pub permission_group_id: Option<i64>,
    pub segment_ids: Option<Vec<i64>>,
    pub promoted: Option<bool>,
    pub position: Option<i64>,
    pub comments_disabled: Option<bool>,
    pub label_names: Option<Vec<String>>,
    pub content_tag_ids: Option<Vec<String>>,
}

/// Adds an article. `Forbidden` for whom its permission group does not let write it.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    new: &NewArticle,
) -> Result<Article, Error> {
    let actor = may.actor();
    sections::must_see(tx, &Reader::writer(), new.section_id).await?;
    let publishes = new.texts.iter().any(|text| !text.draft);
    permission_groups::must_be_in(tx, actor, new.permission_group_id, publishes).await?;
    let author_id = author_of(tx, new.author_id.or(actor.person_id)).await?;
    check_segments(tx, &new.segment_ids).await?;
    let tags = checked_tags(&new.content_tag_ids)?;
    let row = tx
        .row(
            "insert into help_articles (section_id, author_id, permission_group_id, source_locale, restricted, promoted, position,
                                        comments_disabled, content_tag_ids, created_at, updated_at, edited_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10) returning id",
            &[
                new.section_id.into(),
                author_id.into(),
                new.permission_group_id.into(),
                new.source_locale.as_str().into(),
                (!new.segment_ids.is_empty()).into(),
                new.promoted.into(),
                new.position.into(),
                new.comments_disabled.into(),
                json!(tags).into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let texts = (new.source_locale.as_str(), new.texts.as_slice());
    translations::add_all(tx, actor, now, Source::Article(id), texts).await?;
    set_segments(tx, id, &new.segment_ids).await?;
    set_labels(tx, now, id, &new.label_names).await?;
    let made = articles::find(tx, &Reader::writer(), None, id).await?;
    record(tx, actor, now, ("article-created", "Article", id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Changes what was sent, and answers the article in its own language.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    id: i64,
    changes: &Changes,
) -> Result<Article, Error> {
    let before = take(tx, id).await?;
    let actor = may.actor();
    permission_groups::must_be_in(tx, actor, before.permission_group_id, false).await?;
    let mut after = before.clone();
    if let Some(section_id) = changes.section_id.filter(|it| *it != before.section_id) {
        of_field(sections::must_see(tx, &Reader::writer(), section_id).await, "section_id", "is not there")?;
        after.section_id = section_id;
    }
    if let Some(group_id) = changes.permission_group_id.filter(|it| *it != before.permission_group_id) {
        permission_groups::must_be_in(tx, actor, group_id, false).await?;
        after.permission_group_id = group_id;
    }
    if changes.author_id.is_some() && changes.author_id != before.author_id {
        after.author_id = author_of(tx, changes.author_id).await?;
    }
    after.promoted = changes.promoted.unwrap_or(before.promoted);
    after.position = changes.position.unwrap_or(before.position);
    after.comments_disabled = changes.comments_disabled.unwrap_or(before.comments_disabled);
    if let Some(tags) = &changes.content_tag_ids {
        after.content_tag_ids = checked_tags(tags)?;
    }
    if let Some(segments) = changes.segment_ids.as_ref().filter(|it| **it != before.segment_ids) {
        check_segments(tx, segments).await?;
        set_segments(tx, id, segments).await?;
        after.segment_ids.clone_from(segments);
    }
    if let Some(names) = &changes.label_names {
        set_labels(tx, now, id, names).await?;
    }
    tx.run(
        "update help_articles set section_id = $1, author_id = $2, permission_group_id = $3, restricted = $4, promoted = $5, position = $6,
                                  comments_disabled = $7, content_tag_ids = $8 where id = $9",
        &[
            after.section_id.into(),
            after.author_id.into(),
            after.permission_group_id.into(),
            (!after.segment_ids.is_empty()).into(),
            after.promoted.into(),
            after.position.into(),
            after.comments_disabled.into(),
            json!(after.content_tag_ids).into(),
            id.into(),
        ],
    )
    .await?;
    changed(tx, actor, now, &before).await
}

/// Makes another of its texts the one that the rest follows.
pub async fn set_source_locale(
    tx: &mut Tx,
    may: &CanWrite<HelpCenter>,
    now: Timestamp,
    id: i64,
    locale: &str,
) -> Result<(), Error> {
    must_write(tx, may.actor(), id, true).await?;
    translations::set_source_locale(tx, may.actor(), now, Source::Article(id), locale).await
}

/// Archives an article: nobody sees it any more, and what was said of it stays.
pub async fn archive(tx: &mut Tx, may: &CanWrite<HelpCenter>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = take(tx, id).await?;
    permission_groups::must_be_in(tx, may.actor(), gone.permission_group_id, true).await?;
    let sql = "update help_articles set archived_at = $1, updated_at = $1 where id = $2";
    tx.run(sql, &[now.into(), id.into()]).await?;
    let mut texts = Query::new("select x.id from help_translations x where 1 = 1");
    texts.and("x.article_id =", id);
    for row in tx.rows(&texts.sql, &texts.params).await? {
        crate::search::index_article(tx, row.int("id")?).await?;
    }
    record(tx, may.actor(), now, ("article-archived", "Article", id), (Some(gone.facts()), None)).await
}

/// Deletes the articles that a query gives the ids of, for good: what they lay in is deleted.
pub(super) async fn delete_all(tx: &mut Tx, actor: &Actor, now: Timestamp, articles: Query) -> Result<(), Error> {
    loop {
        let mut query = articles.clone();
        let limit = query.bind(AT_ONCE);
        query.sql.push_str(&format!(" order by a.id limit {limit}"));
        let rows = tx.rows(&query.sql, &query.params).await?;
        let ids = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
        if ids.is_empty() {
            return Ok(());
        }
        let mut texts = Query::new("select x.id from help_translations x where 1 = 1");
        texts.and_in("x.article_id", ids.iter().copied());
        let rows = tx.rows(&texts.sql, &texts.params).await?;
        let mut gone = Query::new("delete from help_articles where 1 = 1");
        gone.and_in("id", ids.iter().copied());
        tx.run(&gone.sql, &gone.params).await?;
        for row in rows {
            crate::search::index_article(tx, row.int("id")?).await?;
        }
        for id in ids {
            record(tx, actor, now, ("article-deleted", "Article", id), (None, None)).await?;
        }
    }
}

/// Whether somebody may write an article, and show it to its readers if they do that. `NotFound` if it is gone, `Forbidden` otherwise.
pub(super) async fn must_write(tx: &mut Tx, actor: &Actor, id: i64, publishes: bool) -> Result<(), Error> {
    let sql = "select permission_group_id from help_articles where id = $1 and archived_at is null";
    let row = tx.row(sql, &[id.into()]).await?;
    let group_id = row.ok_or(Source::Article(id).missing())?.int("permission_group_id")?;
    permission_groups::must_be_in(tx, actor, group_id, publishes).await
}

/// The article until the end of the transaction.
async fn take(tx: &mut Tx, id: i64) -> Result<Article, Error> {
    tx.run("update help_articles set updated_at = updated_at where id = $1", &[id.into()]).await?;
    articles::find(tx, &Reader::writer(), None, id).await
}

/// Says to the log what became of it, and notes when, if anything did.
pub(super) async fn changed(tx: &mut Tx, actor: &Actor, now: Timestamp, before: &Article) -> Result<Article, Error> {
    let after = articles::find(tx, &Reader::writer(), None, before.id).await?;
    let what = ("article-updated", "Article", before.id);
    if !record_difference(tx, actor, now, what, (before.facts(), after.facts())).await? {
        return Ok(after);
    }
    tx.run("update help_articles set updated_at = $1 where id = $2", &[now.into(), before.id.into()]).await?;
    Ok(Article { updated_at: now, ..after })
}

/// One of us, or nobody where our own workers write.
async fn author_of(tx: &mut Tx, id: Option<i64>) -> Result<Option<i64>, Error> {
    if let Some(id) = id
        && profiles::is_staff(tx, id).await? != Some(true)
    {
        return Err(Error::invalid("author_id", "is not one of the staff"));
    }
    Ok(id)
}

async fn check_segments(tx: &mut Tx, ids: &[i64]) -> Result<(), Error> {
    if SEGMENTS_MAX < ids.len() {
        return Err(Error::invalid("user_segment_ids", format!("has more than {SEGMENTS_MAX} items")));
    }
    for id in ids {
        of_field(user_segments::must_exist(tx, *id).await, "user_segment_id", format!("{id} is not there"))?;
    }
    Ok(())
}

async fn set_segments(tx: &mut Tx, id: i64, segment_ids: &[i64]) -> Result<(), Error> {
    tx.run("delete from help_article_segments where article_id = $1", &[id.into()]).await?;
    for segment_id in segment_ids {
        let sql = "insert into help_article_segments (article_id, segment_id) values ($1, $2) on conflict do nothing";
        tx.run(sql, &[id.into(), (*segment_id).into()]).await?;
    }
    Ok(())
}

async fn set_labels(tx: &mut Tx, now: Timestamp, id: i64, names: &[String]) -> Result<(), Error> {
    if LABELS_MAX < names.len() {
        return Err(Error::invalid("label_names", format!("has more than {LABELS_MAX} items")));
    }
    tx.run("delete from help_article_labels where article_id = $1", &[id.into()]).await?;
    for name in names {
        let label_id = labels::of_name(tx, now, "label_names", name).await?;
        labels::put(tx, id, label_id).await?;
    }
    Ok(())
}

fn checked_tags(tags: &[String]) -> Result<Vec<String>, Error> {
    if TAGS_MAX < tags.len() || tags.iter().any(|tag| tag.is_empty() || TAG_MAX_CHARS < tag.chars().count()) {
        let problem = format!("must be at most {TAGS_MAX} words of at most {TAG_MAX_CHARS} characters");
        return Err(Error::invalid("content_tag_ids", problem));
    }
    Ok(tags.to_vec())
}

/// Whether somebody may set what is otherwise worked out: authors and times.
pub(super) fn may_write_for_others(actor: &Actor) -> bool {
    is_manager(actor)
}
