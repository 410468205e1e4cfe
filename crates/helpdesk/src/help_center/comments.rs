//! What readers write below an article. Everybody changes their own; managers those of others too.

use jiff::Timestamp;
use scope::permit::{Actor, CanRead, CanWrite, Permit};
use scope::resource::{Access, PublicHelpCenter};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{Reader, article_write, articles, clean_body, locales, record, record_difference, record_news};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::{Error, profiles};

pub const BODY_MAX_CHARS: usize = 65_536;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: i64,
    pub article_id: i64,
    pub author_id: i64,
    pub locale: String,
    /// HTML.
    pub body: String,
    /// Who changed somebody else's, and when.
    pub editor_id: Option<i64>,
    pub edited_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A comment to be. Author and time are settled by managers alone; of others they are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewComment {
    pub body: String,
    pub locale: String,
    pub author_id: Option<i64>,
    pub created_at: Option<Timestamp>,
    /// Whoever wants to hear of it does not.
    pub quiet: bool,
}

/// Which comments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    pub locale: Option<&'a str>,
    /// Changed then or later.
    pub updated_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Created,
    Updated,
}

const SELECT: &str =
    "select x.id, x.article_id, x.author_id, x.locale, x.body, x.editor_id, x.edited_at, x.created_at, x.updated_at
                      from help_comments x where 1 = 1";
const BY_CREATED: &[Column] = &[Column::Int("x.created_at", "created_at"), Column::Int("x.id", "id")];
const BY_UPDATED: &[Column] = &[Column::Int("x.updated_at", "updated_at"), Column::Int("x.id", "id")];

/// Those of an article. Served by `help_comments_by_created` and `help_comments_by_updated`.
pub async fn list(
    tx: &mut Tx,
    reader: &Reader,
    (article_id, filter): (i64, Filter<'_>),
    (sort, descending): (Sort, bool),
    slice: &Slice,
) -> Result<Page<Comment>, Error> {
    articles::must_see(tx, reader, article_id).await?;
    let mut query = Query::new(SELECT);
    query.and("x.article_id =", article_id);
    if let Some(locale) = filter.locale {
        query.and("x.locale =", locale);
    }
    if let Some(at) = filter.updated_since {
        query.and("x.updated_at >=", at);
    }
    let columns = if sort == Sort::Updated { BY_UPDATED } else { BY_CREATED };
    query.page(tx, Order { columns, descending }, slice).await?.try_map(|row| Comment::from_row(&row))
}

/// What somebody wrote below articles that the reader may see. Readers who are not staff ask about themselves. Served by
/// `help_comments_by_author`.
pub async fn of_person(tx: &mut Tx, reader: &Reader, person_id: i64, slice: &Slice) -> Result<Page<Comment>, Error> {
    must_know(tx, reader, person_id).await?;
    let mut query = Query::new(SELECT);
    query.and("x.author_id =", person_id);
    let mut seen = Query::new(
        "select a.id from help_articles a join help_translations t on t.article_id = a.id where a.archived_at is null",
    );
    reader.see_articles(&mut seen);
    query.sql.push_str(" and x.article_id in (");
    query.append(seen);
    query.sql.push(')');
    query
        .page(tx, Order { columns: BY_CREATED, descending: false }, slice)
        .await?
        .try_map(|row| Comment::from_row(&row))
}

/// Whether a reader may ask what somebody says: `NotFound` where there is nobody, or not for them.
pub(super) async fn must_know(tx: &mut Tx, reader: &Reader, person_id: i64) -> Result<(), Error> {
    let is_theirs = reader.is_staff() || reader.person_id() == Some(person_id);
    if !is_theirs || profiles::is_staff(tx, person_id).await?.is_none() {
        return Err(Error::NotFound { kind: "user", id: person_id });
    }
    Ok(())
}

/// The comment of an article with this id, or `NotFound`.
pub async fn find(tx: &mut Tx, may: &CanRead<PublicHelpCenter>, ids: (i64, i64)) -> Result<Comment, Error> {
    seen(tx, may, ids).await
}

/// Adds a comment. `Forbidden` where the article takes none.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<PublicHelpCenter>,
    now: Timestamp,
    article_id: i64,
    new: &NewComment,
) -> Result<Comment, Error> {
    let reader = Reader::of(tx, may).await?;
    articles::must_see(tx, &reader, article_id).await?;
    let article = articles::find(tx, &Reader::writer(), None, article_id).await?;
    if article.comments_disabled {
        return Err(Error::Forbidden("This article takes no comments.".to_owned()));
    }
    let actor = may.actor();
    let for_others = article_write::may_write_for_others(actor);
    let author_id = new.author_id.filter(|_| for_others).or(actor.person_id);
    let author_id = author_id.ok_or_else(|| Error::invalid("author_id", "cannot be blank"))?;
    if profiles::is_staff(tx, author_id).await?.is_none() {
        return Err(Error::invalid("author_id", "is not there"));
    }
    let created_at = new.created_at.filter(|at| for_others && *at <= now).unwrap_or(now);
    let locale = locales::check(&new.locale)?;
    let body = checked(&new.body)?;
    let row = tx
        .row(
            "insert into help_comments (article_id, author_id, locale, body, created_at, updated_at) values ($1, $2, $3, $4, $5, $5) returning id",
            &[article_id.into(), author_id.into(), locale.as_str().into(), body.as_str().into(), created_at.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let made = read(tx, article_id, id).await?;
    record_news(tx, actor, now, ("article-comment-created", "ArticleComment", id), (made.facts(), new.quiet)).await?;
    Ok(made)
}

/// Changes the words of a comment: one's own, and of managers anybody's.
pub async fn update(
    tx: &mut Tx,
    may: &CanWrite<PublicHelpCenter>,
    now: Timestamp,
    ids: (i64, i64),
    body: Option<&str>,
) -> Result<Comment, Error> {
    let before = theirs(tx, may, ids).await?;
    let Some(body) = body.map(checked).transpose()?.filter(|body| *body != before.body) else { return Ok(before) };
    let actor = may.actor();
    let editor = actor.person_id.filter(|id| *id != before.author_id);
    let (editor_id, edited_at) = match editor {
        Some(id) => (Some(id), Some(now)),
        None => (before.editor_id, before.edited_at),
    };
    tx.run(
        "update help_comments set body = $1, editor_id = $2, edited_at = $3, updated_at = $4 where id = $5",
        &[body.into(), editor_id.into(), edited_at.into(), now.into(), before.id.into()],
    )
    .await?;
    let after = read(tx, before.article_id, before.id).await?;
    let what = ("article-comment-updated", "ArticleComment", before.id);
    record_difference(tx, actor, now, what, (before.facts(), after.facts())).await?;
    Ok(after)
}

/// Deletes a comment: one's own, and of managers anybody's.
pub async fn delete(
    tx: &mut Tx,
    may: &CanWrite<PublicHelpCenter>,
    now: Timestamp,
    ids: (i64, i64),
) -> Result<(), Error> {
    let gone = theirs(tx, may, ids).await?;
    tx.run("delete from help_comments where id = $1", &[gone.id.into()]).await?;
    let what = ("article-comment-deleted", "ArticleComment", gone.id);
    record(tx, may.actor(), now, what, (Some(gone.facts()), None)).await
}

async fn seen<A: Access>(
    tx: &mut Tx,
    may: &Permit<PublicHelpCenter, A>,
    (article_id, id): (i64, i64),
) -> Result<Comment, Error> {
    let reader = Reader::of(tx, may).await?;
    articles::must_see(tx, &reader, article_id).await?;
    read(tx, article_id, id).await
}

async fn theirs(tx: &mut Tx, may: &CanWrite<PublicHelpCenter>, ids: (i64, i64)) -> Result<Comment, Error> {
    let comment = seen(tx, may, ids).await?;
    let actor: &Actor = may.actor();
    if actor.person_id != Some(comment.author_id) && !article_write::may_write_for_others(actor) {
        return Err(Error::Forbidden("This comment is somebody else's.".to_owned()));
    }
    Ok(comment)
}

async fn read(tx: &mut Tx, article_id: i64, id: i64) -> Result<Comment, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.article_id =", article_id);
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Comment::from_row).transpose()?.ok_or(Error::NotFound { kind: "comment", id })
}

fn checked(body: &str) -> Result<String, Error> {
    if body.trim().is_empty() || BODY_MAX_CHARS < body.chars().count() {
        return Err(Error::invalid("body", format!("must have 1 to {BODY_MAX_CHARS} characters")));
    }
    Ok(clean_body(body))
}

impl Comment {
    fn from_row(row: &Row) -> Result<Comment, Error> {
        Ok(Comment {
            id: row.int("id")?,
            article_id: row.int("article_id")?,
            author_id: row.int("author_id")?,
            locale: row.text("locale")?,
            body: row.text("body")?,
            editor_id: row.int_or_null("editor_id")?,
            edited_at: row.time_or_null("edited_at")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({ "article_id": self.article_id, "author_id": self.author_id, "body": self.body, "locale": self.locale })
    }
}
