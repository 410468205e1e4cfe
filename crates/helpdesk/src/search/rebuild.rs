//! Writes the whole index anew: after a move between engines, and for an account that is older than the index.

use store::{Db, Tx, transact};

use super::{index_article, index_organization, index_person, index_ticket};
use crate::Error;

pub const KIND: &str = store::search::REBUILD;

/// Objects that are indexed in one transaction, so that other writers get their turn.
const SLICE: i64 = 50;

/// Runs the job: all people, then all organizations, all tickets, and all texts of articles, in the order of ids. What is written meanwhile indexes itself.
pub async fn run(db: &Db) -> Result<(), Error> {
    let mut after = 0;
    while let Some(last) = transact!(db.in_background(), |tx| people(tx, after).await)? {
        after = last;
    }
    let mut after = 0;
    while let Some(last) = transact!(db.in_background(), |tx| organizations(tx, after).await)? {
        after = last;
    }
    let mut after = 0;
    while let Some(last) = transact!(db.in_background(), |tx| tickets(tx, after).await)? {
        after = last;
    }
    let mut after = 0;
    while let Some(last) = transact!(db.in_background(), |tx| articles(tx, after).await)? {
        after = last;
    }
    Ok(())
}

/// The last id of the slice; none at the end.
async fn people(tx: &mut Tx, after: i64) -> Result<Option<i64>, Error> {
    let sql = "select id from people where id > $1 order by id limit $2";
    let ids = ids(tx, sql, after).await?;
    for id in &ids {
        index_person(tx, *id).await?;
    }
    Ok(ids.last().copied())
}

async fn organizations(tx: &mut Tx, after: i64) -> Result<Option<i64>, Error> {
    let sql = "select id from organizations where id > $1 order by id limit $2";
    let ids = ids(tx, sql, after).await?;
    for id in &ids {
        index_organization(tx, *id).await?;
    }
    Ok(ids.last().copied())
}

async fn tickets(tx: &mut Tx, after: i64) -> Result<Option<i64>, Error> {
    let sql = "select id from tickets where id > $1 order by id limit $2";
    let ids = ids(tx, sql, after).await?;
    for id in &ids {
        index_ticket(tx, *id).await?;
    }
    Ok(ids.last().copied())
}

async fn articles(tx: &mut Tx, after: i64) -> Result<Option<i64>, Error> {
    let sql = "select id from help_translations where article_id is not null and id > $1 order by id limit $2";
    let ids = ids(tx, sql, after).await?;
    for id in &ids {
        index_article(tx, *id).await?;
    }
    Ok(ids.last().copied())
}

async fn ids(tx: &mut Tx, sql: &str, after: i64) -> Result<Vec<i64>, Error> {
    let rows = tx.rows(sql, &[after.into(), SLICE.into()]).await?;
    rows.iter().map(|row| Ok(row.int("id")?)).collect()
}
