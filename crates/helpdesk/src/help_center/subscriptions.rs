//! Who wants to be told what is new about an article or a section. Readers who are not staff see and change their own.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, HelpCenter, PublicHelpCenter};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{Reader, Source, article_write, by_id, comments, locales, record, translations};
use crate::page::{Page, Query, Slice};
use crate::{Error, profiles};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub id: i64,
    pub person_id: i64,
    /// A section or an article.
    pub source: Source,
    pub locale: String,
    /// Of a section: also of comments on its articles.
    pub include_comments: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A subscription to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSubscription {
    /// Default: that of the help center.
    pub locale: Option<String>,
    pub include_comments: bool,
    /// Set by managers alone. Default: whoever calls.
    pub person_id: Option<i64>,
}

const SELECT: &str =
    "select x.id, x.person_id, x.article_id, x.section_id, x.locale, x.include_comments, x.created_at, x.updated_at
                      from help_subscriptions x where 1 = 1";

/// Those of an article or a section, by id. Served by `help_subscriptions_by_article` and `help_subscriptions_by_section`.
pub async fn list(tx: &mut Tx, reader: &Reader, source: Source, slice: &Slice) -> Result<Page<Subscription>, Error> {
    translations::must_see(tx, reader, source).await?;
    let mut query = Query::new(SELECT);
    query.and(&format!("x.{} =", source.column()), source.id());
    if !reader.is_staff() {
        query.and("x.person_id =", reader.person_id().unwrap_or_default());
    }
    query.page(tx, by_id(false), slice).await?.try_map(|row| Subscription::from_row(&row))
}

/// Those of a person to what is still there, by id; readers who are not staff ask about themselves. Served by
/// `help_subscriptions_by_person`.
pub async fn of_person(
    tx: &mut Tx,
    reader: &Reader,
    person_id: i64,
    slice: &Slice,
) -> Result<Page<Subscription>, Error> {
    comments::must_know(tx, reader, person_id).await?;
    let mut query = Query::new(SELECT);
    query.and("x.person_id =", person_id);
    query.and_text(
        "(x.article_id is null or exists (select 1 from help_articles a where a.id = x.article_id and a.archived_at is null))",
    );
    query.page(tx, by_id(false), slice).await?.try_map(|row| Subscription::from_row(&row))
}

/// One of an article or a section, or `NotFound`.
pub async fn find(tx: &mut Tx, may: &CanRead<HelpCenter>, (source, id): (Source, i64)) -> Result<Subscription, Error> {
    let reader = Reader::of(tx, may).await?;
    translations::must_see(tx, &reader, source).await?;
    read(tx, source, id).await
}

/// Subscribes somebody. Whoever was subscribed already stays so, in the way that was asked for now.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<PublicHelpCenter>,
    now: Timestamp,
    source: Source,
    new: &NewSubscription,
) -> Result<Subscription, Error> {
    let reader = Reader::of(tx, may).await?;
    translations::must_see(tx, &reader, source).await?;
    let actor = may.actor();
    let person_id = match new.person_id {
        Some(id) if reader.person_id() == Some(id) => id,
        Some(id) if article_write::may_write_for_others(actor) => id,
        Some(_) => return Err(Error::Forbidden("Only managers subscribe others.".to_owned())),
        None => reader.person_id().ok_or_else(|| Error::invalid("user_id", "cannot be blank"))?,
    };
    if profiles::is_staff(tx, person_id).await?.is_none() {
        return Err(Error::invalid("user_id", "is not there"));
    }
    let locale = match &new.locale {
        Some(locale) => locales::check(locale)?,
        None => locales::list(tx).await?.default,
    };
    let column = source.column();
    let row = tx
        .row(
            &format!(
                "insert into help_subscriptions ({column}, person_id, locale, include_comments, created_at, updated_at)
                 values ($1, $2, $3, $4, $5, $5)
                 on conflict ({column}, person_id) where {column} is not null
                     do update set locale = excluded.locale, include_comments = excluded.include_comments, updated_at = excluded.updated_at
                 returning id"
            ),
            &[source.id().into(), person_id.into(), locale.into(), new.include_comments.into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let made = read(tx, source, id).await?;
    record(tx, actor, now, ("help-subscription-created", "HelpSubscription", id), (None, Some(made.facts()))).await?;
    Ok(made)
}

/// Ends a subscription: one's own, and of managers anybody's.
pub async fn delete(
    tx: &mut Tx,
    may: &CanWrite<PublicHelpCenter>,
    now: Timestamp,
    (source, id): (Source, i64),
) -> Result<(), Error> {
    let gone = theirs(tx, may, source, id).await?;
    if tx.run("delete from help_subscriptions where id = $1", &[id.into()]).await? == 0 {
        return Err(Error::NotFound { kind: "help subscription", id });
    }
    record(tx, may.actor(), now, ("help-subscription-deleted", "HelpSubscription", id), (Some(gone.facts()), None))
        .await
}

async fn theirs<A: Access>(
    tx: &mut Tx,
    may: &Permit<PublicHelpCenter, A>,
    source: Source,
    id: i64,
) -> Result<Subscription, Error> {
    let reader = Reader::of(tx, may).await?;
    let found = read(tx, source, id).await?;
    if reader.person_id() == Some(found.person_id) || reader.is_manager() {
        return Ok(found);
    }
    Err(Error::NotFound { kind: "subscription", id })
}

async fn read(tx: &mut Tx, source: Source, id: i64) -> Result<Subscription, Error> {
    let mut query = Query::new(SELECT);
    query.and(&format!("x.{} =", source.column()), source.id());
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Subscription::from_row).transpose()?.ok_or(Error::NotFound { kind: "subscription", id })
}

impl Subscription {
    fn from_row(row: &Row) -> Result<Subscription, Error> {
        let source = match row.int_or_null("article_id")? {
            Some(id) => Source::Article(id),
            None => Source::Section(row.int("section_id")?),
        };
        Ok(Subscription {
            id: row.int("id")?,
            person_id: row.int("person_id")?,
            source,
            locale: row.text("locale")?,
            include_comments: row.flag("include_comments")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({
            "user_id": self.person_id, "content_type": self.source.kind(), "content_id": self.source.id(),
            "include_comments": self.include_comments, "locale": self.locale,
        })
    }
}
