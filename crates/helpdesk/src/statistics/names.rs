//! What people call what rows of statistics are told apart by, and the newest answers to surveys.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Statistics;
use store::Tx;

use super::Period;
use crate::Error;
use crate::page::Query;

/// The names of people of staff, by id. Who has none is called by the address.
pub async fn of_users(
    tx: &mut Tx,
    _may: &CanRead<Statistics>,
    ids: impl IntoIterator<Item = i64>,
) -> Result<BTreeMap<i64, String>, Error> {
    named(tx, "select id, coalesce(nullif(name, ''), email, '') as name from people where 1 = 1", ids).await
}

/// The names of tags, by id.
pub async fn of_tags(
    tx: &mut Tx,
    _may: &CanRead<Statistics>,
    ids: impl IntoIterator<Item = i64>,
) -> Result<BTreeMap<i64, String>, Error> {
    named(tx, "select id, name from tags where 1 = 1", ids).await
}

async fn named(tx: &mut Tx, sql: &str, ids: impl IntoIterator<Item = i64>) -> Result<BTreeMap<i64, String>, Error> {
    let mut query = Query::new(sql);
    query.and_in("id", ids);
    let mut names = BTreeMap::new();
    for row in tx.rows(&query.sql, &query.params).await? {
        names.insert(row.int("id")?, row.text("name")?);
    }
    Ok(names)
}

/// An answer to a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    pub ticket_id: i64,
    pub score: i64,
    pub scored_at: Option<Timestamp>,
}

/// Those whose surveys were made in the period, the newest first (`statistics_surveys_by_created`).
pub async fn latest_scores(
    tx: &mut Tx,
    _may: &CanRead<Statistics>,
    period: Period,
    limit: i64,
) -> Result<Vec<Scored>, Error> {
    let rows = tx
        .rows(
            "select ticket_id, score, scored_at from statistics_surveys
             where counted = 1 and score is not null and created_at >= $1 and created_at < $2
             order by created_at desc, ticket_id desc limit $3",
            &[period.start.into(), period.end.into(), limit.into()],
        )
        .await?;
    let scored = rows.iter().map(|row| {
        Ok(Scored {
            ticket_id: row.int("ticket_id")?,
            score: row.int("score")?,
            scored_at: row.time_or_null("scored_at")?,
        })
    });
    scored.collect()
}
