//! Writes the whole index anew: after a move between engines, and for an account that is older than the index.

use jiff::Timestamp;
use outside::Clock;
use store::{Db, Tx, transact};

use super::{index_article, index_organization, index_person, index_ticket};
use crate::Error;
use crate::pace::Pace;

pub const KIND: &str = store::search::REBUILD;

/// Objects that are indexed in one transaction, at most.
const SLICE: usize = 50;

/// What is indexed, in this order: the ids of each behind one.
const PEOPLE: &str = "select id from people where id > $1 order by id limit $2";
const ORGANIZATIONS: &str = "select id from organizations where id > $1 order by id limit $2";
const TICKETS: &str = "select id from tickets where id > $1 order by id limit $2";
const ARTICLES: &str = "select id from help_translations where article_id is not null and id > $1 order by id limit $2";

/// Runs the job: all people, then all organizations, all tickets, and all texts of articles, in the order of ids. What is written meanwhile
/// indexes itself.
pub async fn run(db: &Db, clock: &Clock) -> Result<(), Error> {
    for sql in [PEOPLE, ORGANIZATIONS, TICKETS, ARTICLES] {
        let mut pace = Pace::at_most(db, SLICE);
        let mut after = 0;
        loop {
            let size = pace.size();
            let (ids, began) = transact!(db.in_background(), |tx| slice(tx, clock, sql, (after, size)).await)?;
            let Some(last) = ids.last() else { break };
            pace.learn(ids.len(), began, clock.now());
            after = *last;
        }
    }
    Ok(())
}

/// What was indexed, and when the slice had its turn.
async fn slice(
    tx: &mut Tx,
    clock: &Clock,
    sql: &'static str,
    (after, size): (i64, usize),
) -> Result<(Vec<i64>, Timestamp), Error> {
    let began = clock.now();
    let limit = i64::try_from(size).unwrap_or(i64::MAX);
    let rows = tx.rows(sql, &[after.into(), limit.into()]).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?;
    for id in &ids {
        match sql {
            PEOPLE => index_person(tx, *id).await?,
            ORGANIZATIONS => index_organization(tx, *id).await?,
            TICKETS => index_ticket(tx, *id).await?,
            _ => index_article(tx, *id).await?,
        }
    }
    Ok((ids, began))
}
