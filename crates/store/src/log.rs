//! Reading the event log by cursor, in commit order and without gaps.
//!
//! On PostgreSQL ids are given out when a row is written and not when it is committed: a reader that only remembers the last id would
//! pass by an older row that is committed later. So each event carries the id of its transaction, a reader goes by (transaction, id),
//! and stops before the oldest transaction that is still open. On SQLite, with its one writer, ids are in commit order and the
//! transaction is always 0.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::{EngineTx, Row, StoreError, Tx};

/// How far a reader has come. The default is before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub transaction_id: i64,
    pub id: i64,
}

/// Has whoever listens to `Db::logged` look at the log once this transaction is committed. Call it with every event written.
pub fn announce(tx: &mut Tx) {
    tx.has_logged = true;
}

/// At most `limit` events after a position, with all their columns; `Position::of` the last one is where to go on.
pub async fn after(tx: &mut Tx, position: Position, limit: i64) -> Result<Vec<Row>, StoreError> {
    const ALL: &str =
        "id, transaction_id, type, object_type, object_id, person_id, client_id, grant_id, impersonator_id, worker,
                       request_id, context, before, after, data, created_at";
    columns_after(tx, ALL, position, limit).await
}

/// The same without what it was before and after, and without whose call it was: for readers who only tell that something happened.
pub async fn heads_after(tx: &mut Tx, position: Position, limit: i64) -> Result<Vec<Row>, StoreError> {
    const HEAD: &str = "id, transaction_id, type, object_type, object_id, person_id, context, data, created_at";
    columns_after(tx, HEAD, position, limit).await
}

async fn columns_after(tx: &mut Tx, columns: &str, position: Position, limit: i64) -> Result<Vec<Row>, StoreError> {
    match tx.engine {
        // Of the pair SQLite would seek by the transaction alone, which is that of all events, and read the log from its beginning.
        EngineTx::Reading(_) | EngineTx::Writing(_) => {
            let sql = format!("select {columns} from events where id > $1 order by id limit $2");
            tx.rows(&sql, &[position.id.into(), limit.into()]).await
        }
        EngineTx::Postgres(_) => {
            let settled = settled(tx);
            let sql = format!(
                "select {columns} from events where (transaction_id, id) > ($1, $2) {settled} order by transaction_id, id limit $3"
            );
            tx.rows(&sql, &[position.transaction_id.into(), position.id.into(), limit.into()]).await
        }
    }
}

/// The last event that a reader may see now: whoever goes on from it misses nothing that this transaction does not see.
pub async fn end(tx: &mut Tx) -> Result<Position, StoreError> {
    let settled = settled(tx);
    let sql = format!(
        "select transaction_id, id from events where id > 0 {settled} order by transaction_id desc, id desc limit 1"
    );
    let row = tx.row(&sql, &[]).await?;
    row.as_ref().map_or(Ok(Position::default()), Position::of)
}

/// What holds a reader back from events beside which older ones may still be committed.
fn settled(tx: &Tx) -> &'static str {
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => "",
        EngineTx::Postgres(_) => "and transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
    }
}

/// Where the reader of this name has come.
pub async fn position(tx: &mut Tx, reader: &str) -> Result<Position, StoreError> {
    let row = tx.row("select transaction_id, event_id from event_cursors where reader = $1", &[reader.into()]).await?;
    row.map_or(Ok(Position::default()), |row| {
        Ok(Position { transaction_id: row.int("transaction_id")?, id: row.int("event_id")? })
    })
}

/// Remembers it, in the transaction of what the reader did with the events.
pub async fn advance(tx: &mut Tx, reader: &str, position: Position, now: Timestamp) -> Result<(), StoreError> {
    tx.run(
        "insert into event_cursors (reader, transaction_id, event_id, updated_at) values ($1, $2, $3, $4)
         on conflict (reader) do update set
             transaction_id = excluded.transaction_id, event_id = excluded.event_id, updated_at = excluded.updated_at",
        &[reader.into(), position.transaction_id.into(), position.id.into(), now.into()],
    )
    .await?;
    Ok(())
}

impl Position {
    pub fn of(event: &Row) -> Result<Position, StoreError> {
        Ok(Position { transaction_id: event.int("transaction_id")?, id: event.int("id")? })
    }
}

/// As readers outside keep it: `7412-981`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.transaction_id, self.id)
    }
}

impl FromStr for Position {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Position, Self::Err> {
        let (transaction_id, id) = text.split_once('-').unwrap_or((text, ""));
        Ok(Position { transaction_id: transaction_id.parse()?, id: id.parse()? })
    }
}

/// Forgets transactions that this server never ran: a database restored into another PostgreSQL carries ids that may lie in its future,
/// and new events would sort before the old ones. True if there were such.
pub(crate) async fn rebase_if_ahead(tx: &mut Tx) -> Result<bool, StoreError> {
    let now = match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => "1",
        EngineTx::Postgres(_) => "pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
    };
    let sql = format!(
        "select 1 as ahead from events where transaction_id >= {now}
         union all select 1 as ahead from event_cursors where transaction_id >= {now} limit 1"
    );
    let ahead = tx.row(&sql, &[]).await?.is_some();
    if ahead {
        rebase(tx).await?;
    }
    Ok(ahead)
}

/// Puts all events into transaction 0, where their ids alone order them, and each reader before the first event that it has not seen.
/// A reader may see an event a second time, but misses none.
async fn rebase(tx: &mut Tx) -> Result<(), StoreError> {
    tx.run(
        "update event_cursors set
             event_id = coalesce(
                 (select min(id) - 1 from events
                  where (events.transaction_id, events.id) > (event_cursors.transaction_id, event_cursors.event_id)),
                 (select max(id) from events),
                 0)",
        &[],
    )
    .await?;
    tx.run("update event_cursors set transaction_id = 0 where transaction_id <> 0", &[]).await?;
    tx.run("update events set transaction_id = 0 where transaction_id <> 0", &[]).await?;
    Ok(())
}
