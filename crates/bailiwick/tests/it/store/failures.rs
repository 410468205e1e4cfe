//! What is acknowledged when the database fails: exactly what is there afterwards.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use store::{Db, Options, StoreError, Tx, transact};

use super::count;
use crate::support::server::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_fails_for_every_member_of_its_batch() {
    let (db, _database) = fresh_database().await;
    if db.commits().is_none() {
        return;
    }
    let mut first = db.write().await.unwrap();
    // A broken reference that SQLite looks at only when it commits.
    first.run("pragma defer_foreign_keys = on", &[]).await.unwrap();
    first.run("insert into ticket_tags (ticket_id, tag_id) values (999, 999)", &[]).await.unwrap();
    let mut second = Box::pin(db.write());
    assert!(!is_ready(second.as_mut()).await);
    let mut first = Box::pin(first.commit());
    assert!(!is_ready(first.as_mut()).await);

    let mut second = second.await.unwrap();
    insert(&mut second, "innocent").await.unwrap();
    let second = second.commit().await;
    let first = first.await;

    assert!(first.is_err() && second.is_err(), "{first:?} {second:?}");
    assert_eq!(count(&db, "tags").await, 0);
    transact!(db, |tx| insert(tx, "later").await).unwrap();
    assert_eq!(count(&db, "tags").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_unavailable_and_acknowledges_nothing_that_is_not_there() {
    let (db, _database) = fresh_database().await;
    if db.commits().is_none() {
        return;
    }
    transact!(db, |tx| {
        let pages = tx.row("select page_count as n from pragma_page_count()", &[]).await?;
        let n = pages.map_or(Ok(0), |row| row.int("n"))?;
        tx.run(&format!("pragma max_page_count = {}", n + 20), &[]).await
    })
    .unwrap();
    let mut first = db.write().await.unwrap();
    insert(&mut first, "first").await.unwrap();
    let mut second = Box::pin(db.write());
    assert!(!is_ready(second.as_mut()).await);
    let mut first = Box::pin(first.commit());
    assert!(!is_ready(first.as_mut()).await);

    let mut second = second.await.unwrap();
    let full = insert(&mut second, &"x".repeat(1_000_000)).await;
    let second = second.commit().await;
    let first = first.await;

    assert!(matches!(&full, Err(StoreError::Unavailable(text)) if text.contains("disk is full")), "{full:?}");
    assert!(matches!(second, Err(StoreError::Failed)), "{second:?}");
    assert_eq!(count(&db, "tags").await, i64::from(first.is_ok()), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_are_cancelled_at_any_point_take_no_other_with_them() {
    let (db, database) = fresh_database().await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));

    let writers: Vec<_> = (0..300)
        .map(|n| {
            let (db, acknowledged) = (db.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let name = format!("{n:03}");
                transact!(db, |tx| insert(tx, &name).await).unwrap();
                acknowledged.lock().unwrap().push(name);
            })
        })
        .collect();
    for (n, writer) in writers.iter().enumerate().filter(|(n, _)| n % 3 == 0) {
        // A little later each time, so that they are caught at different points.
        for _ in 0..n % 7 {
            tokio::task::yield_now().await;
        }
        writer.abort();
    }
    let mut n_done = 0;
    for writer in writers {
        n_done += usize::from(writer.await.is_ok());
    }

    let other = Db::open(&database.url).await.unwrap();
    let mut tx = other.read().await.unwrap();
    let rows = tx.rows("select name from tags order by name", &[]).await.unwrap();
    let there: Vec<String> = rows.iter().map(|row| row.text("name").unwrap()).collect();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(n_done >= 200);
    assert!(acknowledged.len() >= n_done);
    assert!(acknowledged.iter().all(|name| there.contains(name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_cancelled_gives_its_connection_back_without_its_changes() {
    let (_db, database) = fresh_database().await;
    let options = Options { pool_size: 2, ..Options::default() };
    let db = Db::open_with(&database.url, &options).await.unwrap();
    transact!(db, |tx| insert(tx, "contested").await).unwrap();
    let sql = "update tags set usage = usage + 1 where name = 'contested'";
    let mut holder = db.write().await.unwrap();
    holder.run(sql, &[]).await.unwrap();

    // On PostgreSQL it waits for the row, on SQLite for its turn; either way it is cancelled in the middle.
    let waiting = async {
        let mut tx = db.write().await.unwrap();
        insert(&mut tx, "cancelled").await.unwrap();
        tx.run(sql, &[]).await
    };
    let cancelled = tokio::time::timeout(Duration::from_millis(100), waiting).await;
    holder.commit().await.unwrap();

    assert!(cancelled.is_err());
    for _ in 0..4 {
        transact!(db, |tx| tx.run(sql, &[]).await).unwrap();
    }
    let (one, two) = (db.read().await.unwrap(), db.read().await.unwrap());
    drop((one, two));
    let mut tx = db.read().await.unwrap();
    let row = tx.row("select max(usage) as usage, count(*) as n from tags", &[]).await.unwrap().unwrap();
    assert_eq!((row.int("usage").unwrap(), row.int("n").unwrap()), (5, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ends_is_unavailable_once_and_then_replaced() {
    let (_db, database) = fresh_database().await;
    let options = Options { pool_size: 1, ..Options::default() };
    let db = Db::open_with(&database.url, &options).await.unwrap();
    if db.commits().is_some() {
        return;
    }
    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "lost").await.unwrap();
    let pid = tx.row("select pg_backend_pid() as pid", &[]).await.unwrap().unwrap().int("pid").unwrap();
    let other = Db::open(&database.url).await.unwrap();
    let mut killer = other.read().await.unwrap();
    killer.row("select pg_terminate_backend(cast(cast($1 as bigint) as integer))", &[pid.into()]).await.unwrap();

    let lost = insert(&mut tx, "too late").await;
    let commit = tx.commit().await;
    let again = transact!(db, |tx| insert(tx, "again").await);

    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    assert!(commit.is_err());
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(count(&db, "tags").await, 1);
}

async fn insert(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    tx.run("insert into tags (name, name_key, created_at) values ($1, $1, 0)", &[name.into()]).await?;
    Ok(())
}

/// Polls once, so that a test decides how far a future gets.
async fn is_ready<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}
