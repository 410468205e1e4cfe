//! Transactions: what is acknowledged stays, what is dropped is gone, and many writers share a sync.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use store::{Db, Options, StoreError, Tx, transact};

use crate::support::server::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    let (db, _database) = fresh_database().await;

    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "dropped").await.unwrap();
    drop(tx);
    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "kept").await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(names(&db).await, ["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_one_moment_and_cannot_write() {
    let (db, _database) = fresh_database().await;
    let mut reader = db.read().await.unwrap();
    assert_eq!(count(&mut reader).await, 0);

    transact!(db, |tx| insert(tx, "later").await).unwrap();

    assert_eq!(count(&mut reader).await, 0);
    assert!(insert(&mut reader, "forbidden").await.is_err());
    drop(reader);
    assert_eq!(names(&db).await, ["later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_a_transaction_only_fails() {
    let (db, _database) = fresh_database().await;
    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "one").await.unwrap();

    let twice = insert(&mut tx, "one").await;
    let further = insert(&mut tx, "two").await;
    let commit = tx.commit().await;

    assert!(matches!(twice, Err(StoreError::NotUnique(_))), "{twice:?}");
    assert!(matches!(further, Err(StoreError::Failed)), "{further:?}");
    assert!(matches!(commit, Err(StoreError::Failed)), "{commit:?}");
    assert!(names(&db).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_keep_their_places_and_null_fits_every_column() {
    let (db, _database) = fresh_database().await;

    let row = transact!(db, |tx| {
        tx.row(
            "insert into tags (color, name, name_key, usage, merged_into, created_at) values ($6, $2, $1, $3, $4, $5)
             returning name_key, name, usage, merged_into, color, 1 as found, name = 'A' as same",
            &["a".into(), "A".into(), 7_i64.into(), None::<i64>.into(), 5_i64.into(), None::<String>.into()],
        )
        .await
    });

    let row = row.unwrap().unwrap();
    assert_eq!((row.text("name_key").unwrap(), row.text("name").unwrap()), ("a".to_owned(), "A".to_owned()));
    assert_eq!((row.int("usage").unwrap(), row.int("found").unwrap()), (7, 1));
    assert_eq!(row.int_or_null("merged_into").unwrap(), None);
    assert_eq!(row.text_or_null("color").unwrap(), None);
    assert!(row.flag("same").unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_with_a_nul_character_is_stored_the_same_on_both_databases() {
    let (db, _database) = fresh_database().await;

    transact!(db, |tx| insert(tx, "a\0b").await).unwrap();

    assert_eq!(names(&db).await, ["a\u{fffd}b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_concurrent_writers_are_all_durable_and_share_syncs() {
    let (db, database) = fresh_database().await;
    let before = db.commits();

    let writers: Vec<_> = (0..64)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { transact!(db, |tx| insert(tx, &format!("{n:02}")).await) })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }

    // Another connection sees them, so they are not only in an open transaction.
    let other = Db::open(&database.url).await.unwrap();
    assert_eq!(names(&other).await.len(), 64);
    if let (Some(before), Some(after)) = (before, db.commits()) {
        assert_eq!(after.n_transactions - before.n_transactions, 64);
        assert!(after.n_syncs - before.n_syncs < 64, "{} syncs", after.n_syncs - before.n_syncs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_batch_fail_alone() {
    let (db, _database) = fresh_database().await;

    let writers: Vec<_> = (0..40)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                transact!(db, |tx| {
                    insert(tx, &format!("{n:02}")).await?;
                    // Every second one breaks off after its insert.
                    if n % 2 == 1 { Err(StoreError::Column("none")) } else { Ok(()) }
                })
            })
        })
        .collect();
    let mut n_failed = 0;
    for writer in writers {
        n_failed += usize::from(writer.await.unwrap().is_err());
    }

    let kept = names(&db).await;
    assert_eq!(n_failed, 20);
    assert_eq!(kept, (0..40).step_by(2).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_committed_although_the_writer_it_waited_for_is_cancelled() {
    let (db, database) = fresh_database().await;
    let mut first = db.write().await.unwrap();
    insert(&mut first, "first").await.unwrap();
    // The second queues for its turn, so the first leaves its batch open for it.
    let mut second = Box::pin(db.write());
    assert!(!is_ready(second.as_mut()).await || db.commits().is_none());
    let mut commit = Box::pin(first.commit());
    let _left_open = is_ready(commit.as_mut()).await;

    drop(second);
    let committed = if db.commits().is_some() { commit.await } else { Ok(()) };

    committed.unwrap();
    if db.commits().is_some() {
        let other = Db::open(&database.url).await.unwrap();
        assert_eq!(names(&other).await, ["first"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stops_listening_is_committed_with_the_others() {
    let (db, database) = fresh_database().await;
    let Some(before) = db.commits() else {
        return;
    };
    let mut first = db.write().await.unwrap();
    insert(&mut first, "first").await.unwrap();
    let mut second = Box::pin(db.write());
    assert!(!is_ready(second.as_mut()).await);
    {
        let mut commit = pin!(first.commit());
        assert!(!is_ready(commit.as_mut()).await);
        // Cancelled here, with its batch open.
    }

    let mut second = second.await.unwrap();
    insert(&mut second, "second").await.unwrap();
    drop(second);

    // Nobody is left to commit but the committer; the next writer only queues behind it.
    let third = db.write().await.unwrap();
    drop(third);
    let other = Db::open(&database.url).await.unwrap();
    while names(&other).await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(names(&other).await, ["first"]);
    assert_eq!(db.commits().unwrap().n_transactions - before.n_transactions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_runs_dry_is_unavailable_and_not_a_hang() {
    let (_db, database) = fresh_database().await;
    let options = Options { readers: 2, pool_size: 2, wait: Duration::from_millis(50), ..Options::default() };
    let db = Db::open_with(&database.url, &options).await.unwrap();
    let first = db.read().await.unwrap();
    let _second = db.read().await.unwrap();

    let third = db.read().await;
    drop(first);
    let fourth = db.read().await;

    assert!(matches!(third, Err(StoreError::Unavailable(_))));
    assert!(fourth.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_never_returns_to_the_pool_with_an_open_transaction() {
    let (_db, database) = fresh_database().await;
    let options = Options { readers: 1, pool_size: 1, ..Options::default() };
    let db = Db::open_with(&database.url, &options).await.unwrap();

    for _ in 0..20 {
        let mut tx = db.write().await.unwrap();
        insert(&mut tx, "again").await.unwrap();
    }

    assert!(names(&db).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_transactions_that_lock_each_other_out_both_succeed_in_the_end() {
    let (db, _database) = fresh_database().await;
    transact!(db, |tx| insert(tx, "left").await).unwrap();
    transact!(db, |tx| insert(tx, "right").await).unwrap();
    // Both hold their first row before they want the other's. SQLite runs one after the other, so there the first does not wait.
    let n_started = Arc::new(tokio::sync::Barrier::new(2));
    let is_sqlite = db.commits().is_some();

    let both = [("left", "right"), ("right", "left")].map(|(one, other)| {
        let (db, n_started) = (db.clone(), n_started.clone());
        let is_first_attempt = std::sync::atomic::AtomicBool::new(true);
        tokio::spawn(async move {
            transact!(db, |tx| {
                add_one(tx, one).await?;
                if !is_sqlite && is_first_attempt.swap(false, std::sync::atomic::Ordering::SeqCst) {
                    n_started.wait().await;
                }
                add_one(tx, other).await
            })
        })
    });
    for task in both {
        task.await.unwrap().unwrap();
    }

    let mut tx = db.read().await.unwrap();
    let usage = tx.rows("select usage from tags order by name", &[]).await.unwrap();
    assert_eq!(usage.iter().map(|row| row.int("usage").unwrap()).collect::<Vec<_>>(), [2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_opened_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let not_a_database = folder.path().join("notes.txt");
    std::fs::write(&not_a_database, "This is not a database, it only looks like a file.\n".repeat(100)).unwrap();

    let missing = Db::open("sqlite:/nowhere/at/all/x.db").await.err().unwrap();
    let damaged = Db::open(&format!("sqlite:{}", not_a_database.display())).await.err().unwrap();
    let unknown = Db::open("mysql://localhost").await.err().unwrap();
    let away = Db::open("postgres://127.0.0.1:1/none").await.err().unwrap();

    assert!(matches!(&missing, StoreError::CannotOpen(text) if text.contains("/nowhere/at/all/x.db")), "{missing}");
    assert!(matches!(&damaged, StoreError::Damaged(text) if text.contains("notes.txt")), "{damaged}");
    assert!(matches!(&unknown, StoreError::CannotOpen(text) if text.contains("sqlite:FILE")), "{unknown}");
    assert!(matches!(away, StoreError::Unavailable(_)), "{away}");
}

async fn insert(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    tx.run("insert into tags (name, name_key, created_at) values ($1, $1, 0)", &[name.into()]).await?;
    Ok(())
}

async fn add_one(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    tx.run("update tags set usage = usage + 1 where name = $1", &[name.into()]).await?;
    Ok(())
}

async fn count(tx: &mut Tx) -> i64 {
    tx.row("select count(*) as n from tags", &[])
        .await
        .expect("the database")
        .expect("the database")
        .int("n")
        .expect("the database")
}

async fn names(db: &Db) -> Vec<String> {
    let mut tx = db.read().await.expect("the database");
    let rows = tx.rows("select name from tags order by name", &[]).await.expect("the database");
    rows.iter().map(|row| row.text("name").expect("the database")).collect()
}

/// Polls once, so that a test decides how far a future gets.
async fn is_ready<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}
