//! Migrations run forward, once, in order; a changed or missing one is refused by name.

use store::migrate::{self, Migration};
use store::{Db, StoreError, transact};

use super::beside;
use crate::support::server::fresh_database;

const FIRST: Migration =
    Migration::same(1, "first", "create table notes (id @id, body @text not null); -- a note; of text");
const SECOND: Migration = Migration::same(
    2,
    "second",
    "alter table notes add column size bigint;\ncreate table marks (name @text primary key, picture @blob);",
);
const THIRD: Migration = Migration::same(3, "third", "create index notes_by_size on notes (size, id);");

#[tokio::test(flavor = "multi_thread")]
async fn every_schema_of_the_past_becomes_the_present_one() {
    let (db, database) = fresh_database().await;
    let expected = tables(&db).await;

    for n in 0..migrate::ALL.len() {
        let old = Db::open(&format!("{}_{n}", database.url)).await.unwrap();
        migrate::run(&old, &migrate::ALL[..n]).await.unwrap();

        migrate::run(&old, migrate::ALL).await.unwrap();

        assert_eq!(tables(&old).await, expected, "from migration {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_migration_keeps_what_is_there() {
    let (db, _database) = empty().await;
    migrate::run(&db, &[FIRST]).await.unwrap();
    transact!(db, |tx| tx.run("insert into notes (body) values ('old')", &[]).await).unwrap();

    migrate::run(&db, &[FIRST, SECOND]).await.unwrap();
    migrate::run(&db, &[FIRST, SECOND]).await.unwrap();

    let mut tx = db.read().await.unwrap();
    let row = tx.row("select body, size from notes", &[]).await.unwrap().unwrap();
    assert_eq!((row.text("body").unwrap(), row.int_or_null("size").unwrap()), ("old".to_owned(), None));
    let applied = tx.rows("select name from schema_migrations order by number", &[]).await.unwrap();
    assert_eq!(applied.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_or_missing_migration_is_refused_by_name() {
    let (db, _database) = empty().await;
    migrate::run(&db, &[FIRST, THIRD_WITHOUT_SECOND]).await.unwrap();
    let changed = Migration::same(1, "first", "create table notes (id @id);");
    let renamed = Migration { name: "start", ..FIRST };

    let changed = migrate::run(&db, &[changed, THIRD_WITHOUT_SECOND]).await;
    let renamed = migrate::run(&db, &[renamed, THIRD_WITHOUT_SECOND]).await;
    let missing = migrate::run(&db, &[THIRD_WITHOUT_SECOND]).await;
    let late = migrate::run(&db, &[FIRST, SECOND, THIRD_WITHOUT_SECOND]).await;

    let names = |refused: Result<(), StoreError>, name: &str| match refused {
        Err(StoreError::Migration(text)) => assert!(text.contains(name), "{text}"),
        other => panic!("{other:?} instead of a refusal that names {name}"),
    };
    names(changed, "0001_first");
    names(renamed, "0001_first");
    names(missing, "0001_first");
    names(late, "0002_second");
}

const THIRD_WITHOUT_SECOND: Migration = Migration::same(3, "third", "create index notes_by_body on notes (body);");

#[tokio::test(flavor = "multi_thread")]
async fn a_database_newer_than_the_program_is_refused_with_what_to_do() {
    let (db, _database) = empty().await;
    migrate::run(&db, &[FIRST, SECOND, THIRD]).await.unwrap();

    let refused = migrate::run(&db, &[FIRST, SECOND]).await.unwrap_err();

    assert!(matches!(refused, StoreError::Newer { database: 3, program: 2 }), "{refused:?}");
    assert!(refused.to_string().contains("start the newer program"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let (db, _database) = empty().await;
    migrate::run(&db, &[FIRST]).await.unwrap();
    let broken = Migration::same(2, "broken", "create table half (id @id); insert into nowhere (x) values (1);");

    let failed = migrate::run(&db, &[FIRST, broken]).await;

    assert!(failed.is_err());
    assert!(!tables(&db).await.contains("half"));
    migrate::run(&db, &[FIRST, SECOND]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_one_after_the_other() {
    let (_db, database) = fresh_database().await;
    let url = beside(&database.url);

    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Db::open(&url).await?.migrate().await })
        })
        .collect();

    for node in nodes {
        node.await.unwrap().unwrap();
    }
}

#[test]
fn every_migration_file_is_in_the_list() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("store/migrations");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.split('.').next().unwrap_or_default().to_owned())
        .collect();
    files.sort();
    files.dedup();

    let listed: Vec<String> = migrate::ALL.iter().map(|it| format!("{:04}_{}", it.number, it.name)).collect();

    assert_eq!(listed, files);
}

async fn empty() -> (Db, crate::support::server::Database) {
    let (_db, database) = fresh_database().await;
    (Db::open(&beside(&database.url)).await.expect("the database"), database)
}

async fn tables(db: &Db) -> String {
    let mut tx = db.read().await.expect("the database");
    let tables = store::schema::tables(&mut tx).await.expect("the database");
    tables.iter().map(ToString::to_string).collect()
}
