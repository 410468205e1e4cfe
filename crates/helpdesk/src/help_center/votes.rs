//! Whether an article helped: one vote a reader, for or against.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, PublicHelpCenter};
use serde_json::{Value as Json, json};
use store::{Row, StoreError, Tx};

use super::{Reader, articles, by_id, comments, record};
use crate::Error;
use crate::page::{Page, Query, Slice};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    pub id: i64,
    pub article_id: i64,
    pub person_id: i64,
    /// 1 or -1.
    pub value: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    Helpful,
    NotHelpful,
}

const SELECT: &str =
    "select x.id, x.article_id, x.person_id, x.value, x.created_at, x.updated_at from help_votes x where 1 = 1";

/// Those on an article, by id; readers who are not staff see their own. Served by `help_votes_by_article`.
pub async fn list(tx: &mut Tx, reader: &Reader, article_id: i64, slice: &Slice) -> Result<Page<Vote>, Error> {
    articles::must_see(tx, reader, article_id).await?;
    let mut query = Query::new(SELECT);
    query.and("x.article_id =", article_id);
    if !reader.is_staff() {
        query.and("x.person_id =", reader.person_id().unwrap_or_default());
    }
    query.page(tx, by_id(false), slice).await?.try_map(|row| Vote::from_row(&row))
}

/// Those of a person on articles that are still there; readers who are not staff ask about themselves. Served by `help_votes_by_person`.
pub async fn of_person(tx: &mut Tx, reader: &Reader, person_id: i64, slice: &Slice) -> Result<Page<Vote>, Error> {
    comments::must_know(tx, reader, person_id).await?;
    let mut query = Query::new(SELECT);
    query.and("x.person_id =", person_id);
    query.and_text("exists (select 1 from help_articles a where a.id = x.article_id and a.archived_at is null)");
    query.page(tx, by_id(false), slice).await?.try_map(|row| Vote::from_row(&row))
}

/// The vote with this id, or `NotFound`; also for whom it is nobody's business.
pub async fn find(tx: &mut Tx, may: &CanRead<PublicHelpCenter>, id: i64) -> Result<Vote, Error> {
    seen(tx, may, id).await
}

/// Votes, or changes the caller's earlier vote.
pub async fn give(
    tx: &mut Tx,
    may: &CanWrite<PublicHelpCenter>,
    now: Timestamp,
    article_id: i64,
    opinion: Opinion,
) -> Result<Vote, Error> {
    let reader = Reader::of(tx, may).await?;
    articles::must_see(tx, &reader, article_id).await?;
    let person_id = reader.person_id().ok_or_else(|| Error::Forbidden("Only people vote.".to_owned()))?;
    // Votes on one article come one after the other, so that its sum is right.
    tx.run("update help_articles set updated_at = updated_at where id = $1", &[article_id.into()]).await?;
    let value: i64 = if opinion == Opinion::Helpful { 1 } else { -1 };
    let mut own = Query::new(SELECT);
    own.and("x.article_id =", article_id);
    own.and("x.person_id =", person_id);
    let before = tx.row(&own.sql, &own.params).await?.as_ref().map(Vote::from_row).transpose()?;
    if let Some(before) = before.as_ref().filter(|before| before.value == value) {
        return Ok(before.clone());
    }
    let row = tx
        .row(
            "insert into help_votes (article_id, person_id, value, created_at, updated_at) values ($1, $2, $3, $4, $4)
             on conflict (article_id, person_id) do update set value = excluded.value, updated_at = excluded.updated_at returning id",
            &[article_id.into(), person_id.into(), value.into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    let (sum, count) = before.as_ref().map_or((value, 1), |before| (value - before.value, 0));
    count_in(tx, article_id, (sum, count)).await?;
    let old = before.as_ref().map(Vote::facts);
    let after = read(tx, id).await?;
    record(tx, may.actor(), now, ("article-voted", "ArticleVote", id), (old, Some(after.facts()))).await?;
    Ok(after)
}

/// Takes a vote back: one's own, and of managers anybody's.
pub async fn delete(tx: &mut Tx, may: &CanWrite<PublicHelpCenter>, now: Timestamp, id: i64) -> Result<(), Error> {
    let gone = seen(tx, may, id).await?;
    let reader = Reader::of(tx, may).await?;
    if reader.person_id() != Some(gone.person_id) && !reader.is_manager() {
        return Err(Error::Forbidden("This vote is somebody else's.".to_owned()));
    }
    if tx.run("delete from help_votes where id = $1", &[id.into()]).await? == 1 {
        count_in(tx, gone.article_id, (-gone.value, -1)).await?;
    }
    record(tx, may.actor(), now, ("article-vote-deleted", "ArticleVote", id), (Some(gone.facts()), None)).await
}

async fn count_in(tx: &mut Tx, article_id: i64, (sum, count): (i64, i64)) -> Result<(), Error> {
    let sql = "update help_articles set vote_sum = vote_sum + $1, vote_count = vote_count + $2 where id = $3";
    tx.run(sql, &[sum.into(), count.into(), article_id.into()]).await?;
    Ok(())
}

async fn seen<A: Access>(tx: &mut Tx, may: &Permit<PublicHelpCenter, A>, id: i64) -> Result<Vote, Error> {
    let reader = Reader::of(tx, may).await?;
    let vote = read(tx, id).await?;
    if !reader.is_staff() && reader.person_id() != Some(vote.person_id) {
        return Err(Error::NotFound { kind: "vote", id });
    }
    articles::must_see(tx, &reader, vote.article_id).await?;
    Ok(vote)
}

async fn read(tx: &mut Tx, id: i64) -> Result<Vote, Error> {
    let mut query = Query::new(SELECT);
    query.and("x.id =", id);
    let row = tx.row(&query.sql, &query.params).await?;
    row.as_ref().map(Vote::from_row).transpose()?.ok_or(Error::NotFound { kind: "vote", id })
}

impl Vote {
    fn from_row(row: &Row) -> Result<Vote, Error> {
        Ok(Vote {
            id: row.int("id")?,
            article_id: row.int("article_id")?,
            person_id: row.int("person_id")?,
            value: row.int("value")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn facts(&self) -> Json {
        json!({ "article_id": self.article_id, "user_id": self.person_id, "value": self.value })
    }
}
