//! The event log is read in commit order and without gaps.

use jiff::Timestamp;
use store::log::{self, Position};
use store::{Db, StoreError, Tx, transact};

use crate::support::server::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_where_it_stopped() {
    let (db, _database) = fresh_database().await;
    for n in 1..=5 {
        transact!(db, |tx| write(tx, n).await).unwrap();
    }

    let first = read(&db, Position::default(), 2, 2).await;
    transact!(db, |tx| log::advance(tx, "rules", first[1].1, Timestamp::UNIX_EPOCH).await).unwrap();
    let mut tx = db.read().await.unwrap();
    let position = log::position(&mut tx, "rules").await.unwrap();
    drop(tx);
    let rest = read(&db, position, 9, 3).await;
    let none = read(&db, rest[2].1, 9, 0).await;

    let objects: Vec<i64> = first.iter().chain(&rest).map(|(object, _)| *object).collect();
    assert_eq!(objects, [1, 2, 3, 4, 5]);
    assert!(none.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_transaction_that_commits_later_is_not_passed_by() {
    let (db, _database) = fresh_database().await;
    if db.commits().is_some() {
        // SQLite has one writer: there is no second transaction that could overtake.
        return;
    }
    let mut older = db.write().await.unwrap();
    write(&mut older, 1).await.unwrap();
    transact!(db, |tx| write(tx, 2).await).unwrap();

    let meanwhile = read(&db, Position::default(), 9, 0).await;
    older.commit().await.unwrap();
    let both = read(&db, Position::default(), 9, 2).await;

    assert!(meanwhile.is_empty(), "{meanwhile:?}");
    assert_eq!(both.iter().map(|(object, _)| *object).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_and_a_reader_that_runs_along_miss_nothing() {
    let (db, _database) = fresh_database().await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for n in 0..25 {
                    transact!(db, |tx| write(tx, writer * 100 + n).await).unwrap();
                }
            })
        })
        .collect();

    let mut position = Position::default();
    let mut seen = Vec::new();
    while seen.len() < 200 {
        let mut tx = db.read().await.unwrap();
        for event in log::after(&mut tx, position, 7).await.unwrap() {
            position = Position::of(&event).unwrap();
            seen.push(event.int("object_id").unwrap());
        }
        drop(tx);
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }

    assert!(read(&db, position, 9, 0).await.is_empty());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_from_another_server_whose_transactions_lie_in_the_future_is_renumbered() {
    let (db, _database) = fresh_database().await;
    for n in 1..=3 {
        transact!(db, |tx| write(tx, n).await).unwrap();
    }
    // As if the first event had been committed last, and a reader had seen only the second.
    for (object, transaction) in [(2, 7_000_000_000_001_i64), (3, 7_000_000_000_002), (1, 7_000_000_000_003)] {
        let sql = "update events set transaction_id = $2 where object_id = $1";
        transact!(db, |tx| tx.run(sql, &[object.into(), transaction.into()]).await).unwrap();
    }
    let seen = Position { transaction_id: 7_000_000_000_001, id: 2 };
    transact!(db, |tx| log::advance(tx, "rules", seen, Timestamp::UNIX_EPOCH).await).unwrap();

    db.migrate().await.unwrap();
    transact!(db, |tx| write(tx, 4).await).unwrap();

    let mut tx = db.read().await.unwrap();
    let position = log::position(&mut tx, "rules").await.unwrap();
    drop(tx);
    let all = read(&db, Position::default(), 9, 4).await;
    let unseen = read(&db, position, 9, 4).await;
    assert_eq!(all.iter().map(|(object, _)| *object).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(unseen.len(), 4, "the first one was not seen, so the reader starts before it");
}

async fn write(tx: &mut Tx, object: i64) -> Result<(), StoreError> {
    tx.run(
        "insert into events (type, object_type, object_id, context, created_at) values ('ticket-created', 'Ticket', $1, 'c', 0)",
        &[object.into()],
    )
    .await?;
    Ok(())
}

/// Objects and positions, once there are `n`: on PostgreSQL transactions of other tests can hold them back for a moment.
async fn read(db: &Db, position: Position, limit: i64, n: usize) -> Vec<(i64, Position)> {
    for _ in 0..100_000 {
        let mut tx = db.read().await.expect("the database");
        let events = log::after(&mut tx, position, limit).await.expect("the database");
        if events.len() >= n {
            return events
                .iter()
                .map(|event| {
                    (event.int("object_id").expect("the database"), Position::of(event).expect("the database"))
                })
                .collect();
        }
        drop(tx);
        tokio::task::yield_now().await;
    }
    panic!("{n} events did not come");
}
