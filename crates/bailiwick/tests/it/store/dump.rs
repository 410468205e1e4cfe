//! Backup while writing, restore, and the move to PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::{Db, StoreError, Tx, Value, dump, transact};

use super::{beside, count};
use crate::support::server::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_writing_holds_whole_transactions_and_all_acknowledged_ones() {
    let (db, _database) = fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let stop = Arc::new(AtomicBool::new(false));
    fill(&db, 120).await;
    let writer = tokio::spawn({
        let (db, stop) = (db.clone(), stop.clone());
        async move {
            let mut n = 1000_i64;
            while !stop.load(Ordering::SeqCst) {
                // Always two at once.
                let done: Result<(), StoreError> = transact!(db, |tx| {
                    tag(tx, n).await?;
                    tag(tx, n + 1).await
                });
                done.unwrap();
                n += 2;
            }
            n - 1000
        }
    });
    while count(&db, "tags").await < 140 {
        tokio::task::yield_now().await;
    }

    let n_before = count(&db, "tags").await;
    let n_bytes = dump::backup(&db, &file).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let n_written = writer.await.unwrap();

    assert_eq!(n_bytes, std::fs::metadata(&file).unwrap().len());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["backup.db"], "a backup is one file");
    let copy = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
    let n_copied = count(&copy, "tags").await;
    assert_eq!(n_copied % 2, 0);
    assert!(n_before <= n_copied && n_copied <= 120 + n_written, "{n_before} {n_copied} {n_written}");
    assert_eq!(count(&copy, "messages").await, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_account_has_the_same_rows_and_never_gives_out_an_id_twice() {
    let (db, database) = fresh_database().await;
    fill(&db, 250).await;
    transact!(db, |tx| tx.run("delete from tags where id > 240", &[]).await).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    dump::backup(&db, &file).await.unwrap();

    let url = beside(&database.url);
    dump::restore(&file, &url).await.unwrap();

    let restored = Db::open(&url).await.unwrap();
    restored.migrate().await.unwrap();
    for table in ["people", "tickets", "messages", "tags", "ticket_tags", "ticket_field_values", "api_keys", "events"] {
        assert_eq!(rows(&restored, table).await, rows(&db, table).await, "{table}");
    }
    transact!(restored, |tx| tag(tx, 9999).await).unwrap();
    let mut tx = restored.read().await.unwrap();
    let id = tx.row("select max(id) as id from tags", &[]).await.unwrap().unwrap().int("id").unwrap();
    assert_eq!(id, 251);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_refuses_what_is_in_the_way_and_what_is_no_backup() {
    let (db, database) = fresh_database().await;
    fill(&db, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    dump::backup(&db, &file).await.unwrap();
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "no database at all, just a sentence. ".repeat(200)).unwrap();
    let other = folder.path().join("other.db");
    drop(Db::open(&format!("sqlite:{}", other.display())).await.unwrap());

    let again = dump::backup(&db, &file).await.unwrap_err();
    let in_the_way = dump::restore(&file, &database.url).await.unwrap_err();
    let no_database = dump::restore(&garbage, &beside(&database.url)).await.unwrap_err();
    let no_backup = dump::restore(&other, &beside(&database.url)).await.unwrap_err();
    let no_file = dump::restore(&folder.path().join("none.db"), &beside(&database.url)).await.unwrap_err();

    assert!(matches!(&again, StoreError::Copy(text) if text.contains("backup.db exists already")), "{again}");
    assert!(matches!(&in_the_way, StoreError::Copy(text) if text.contains("already")), "{in_the_way}");
    assert!(matches!(no_database, StoreError::Damaged(_)), "{no_database}");
    assert!(matches!(&no_backup, StoreError::Copy(text) if text.contains("no backup")), "{no_backup}");
    assert!(matches!(&no_file, StoreError::CannotOpen(text) if text.contains("none.db")), "{no_file}");
    assert_eq!(count(&db, "tags").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_moves_from_sqlite_to_postgresql_with_equal_checksums() {
    let (server, database) = fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("account.db").display());
    let db = Db::open(&url).await.unwrap();
    db.migrate().await.unwrap();
    fill(&db, 250).await;
    let target = beside(&database.url);
    if server.commits().is_some() {
        let refused = dump::copy_to(&db, &target).await.unwrap_err();
        assert!(matches!(refused, StoreError::Copy(_)), "{refused}");
        return;
    }

    let copied = dump::copy_to(&db, &target).await.unwrap();
    let again = dump::copy_to(&db, &target).await.unwrap_err();

    let tags = copied.iter().find(|table| table.name == "tags").unwrap();
    assert_eq!((tags.n_rows, tags.checksum.len()), (250, 32));
    let moved = Db::open(&target).await.unwrap();
    moved.migrate().await.unwrap();
    for table in ["people", "tickets", "messages", "tags", "ticket_tags", "ticket_field_values", "api_keys", "events"] {
        assert_eq!(rows(&moved, table).await, rows(&db, table).await, "{table}");
    }
    transact!(moved, |tx| tag(tx, 9999).await).unwrap();
    assert_eq!(count(&moved, "tags").await, 251);
    assert!(matches!(&again, StoreError::Copy(text) if text.contains("already holds an account")), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_does_not_arrive_equal_is_taken_back_whole() {
    let (server, database) = fresh_database().await;
    if server.commits().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("account.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    fill(&db, 3).await;
    // A character that PostgreSQL cannot hold, put in behind the back of the store.
    let sql = "update tags set name = cast(x'610062' as text) where id = 3";
    transact!(db, |tx| tx.run(sql, &[]).await).unwrap();
    let target = beside(&database.url);

    let refused = dump::copy_to(&db, &target).await.unwrap_err();

    assert!(matches!(&refused, StoreError::Copy(text) if text.contains("table tags")), "{refused}");
    let empty = Db::open(&target).await.unwrap();
    let mut tx = empty.read().await.unwrap();
    let row = tx.row("select current_schema() is null as gone", &[]).await.unwrap().unwrap();
    assert!(row.flag("gone").unwrap(), "not even the schema may be left");
}

/// `n` rows in each of several tables: text of all kinds, bytes, nulls, and more than one page.
async fn fill(db: &Db, n: i64) {
    let done: Result<(), StoreError> = transact!(db, |tx| {
        tx.run(
            "insert into custom_fields (object_type, label, label_key, requirement, data_type, input, created_at, updated_at)
             values ('ticket', 'Parts', 'parts', 'visible', 'list', '{}', 0, 0)",
            &[],
        )
        .await?;
        for i in 1..=n {
            tag(tx, i).await?;
            tx.run(
                "insert into people (role, is_staff, email, email_key, name, meta, created_at, updated_at)
                 values ('customer', 0, $1, $1, $2, $3, $4, $4)",
                &[format!("p{i}@example.test").into(), "Zoë Ørsted 🐈 'quoted'".into(), Value::Null, i.into()],
            )
            .await?;
            tx.run(
                "insert into tickets (status, channel, via, subject, customer_id, created_at, updated_at)
                 values ('open', 'email', 'api', $1, $2, $3, $3)",
                &[format!("Subject {i}\nwith two lines").into(), i.into(), i64::MAX.into()],
            )
            .await?;
            tx.run(
                "insert into messages (ticket_id, channel, via, sender_id, from_agent, body_text, created_at)
                 values ($1, 'email', 'api', $1, 0, $2, -1)",
                &[i.into(), "body ".repeat(50).into()],
            )
            .await?;
            tx.run("insert into ticket_tags (ticket_id, tag_id) values ($1, $2)", &[i.into(), i.into()]).await?;
            tx.run(
                "insert into ticket_field_values (ticket_id, field_id, list_value, updated_at) values ($1, 1, $2, 0)",
                &[i.into(), format!("\nlid\ncup {i}\n").into()],
            )
            .await?;
            tx.run(
                "insert into api_keys (person_id, name, hash, hint, created_at) values ($1, 'k', $2, 'h', 0)",
                &[i.into(), vec![0, 255, (i % 256) as u8, (i / 256) as u8].into()],
            )
            .await?;
            tx.run(
                "insert into events (type, object_type, object_id, context, created_at) values ('t', 'o', $1, 'c', 0)",
                &[i.into()],
            )
            .await?;
        }
        Ok(())
    });
    done.expect("the database");
}

async fn tag(tx: &mut Tx, n: i64) -> Result<(), StoreError> {
    let name = format!("tag {n}");
    tx.run("insert into tags (name, name_key, created_at) values ($1, $1, 0)", &[name.into()]).await?;
    Ok(())
}

/// All rows as text, in an order that both databases share. The transaction of an event belongs to the server.
async fn rows(db: &Db, table: &str) -> Vec<String> {
    let mut tx = db.read().await.expect("the database");
    let tables = store::schema::tables(&mut tx).await.expect("the database");
    let table = tables.iter().find(|it| it.name == table).expect("the database");
    let columns: Vec<&str> =
        table.columns.iter().map(|it| it.name.as_str()).filter(|name| *name != "transaction_id").collect();
    let sql = format!("select {} from {} order by {}", columns.join(", "), table.name, table.primary_key.join(", "));
    let rows = tx.rows(&sql, &[]).await.expect("the database");
    assert!(!rows.is_empty());
    rows.iter().map(|row| format!("{row:?}")).collect()
}
