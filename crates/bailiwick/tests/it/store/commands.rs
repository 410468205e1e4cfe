//! `bailiwick backup`, `restore` and `migrate`, as an operator calls them.

use std::path::Path;
use std::process::Command;

use store::{Db, transact};

use super::{beside, count};
use crate::support::server::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_backed_up_and_restored_from_the_command_line() {
    let (db, database) = fresh_database().await;
    transact!(db, |tx| {
        tx.run("insert into tags (name, name_key, created_at) values ('kept', 'kept', 0)", &[]).await
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let target = beside(&database.url);

    let backup = bailiwick(folder.path(), &["--database", &database.url, "backup", "backup.db", "--json"]);
    let again = bailiwick(folder.path(), &["--database", &database.url, "backup", "backup.db"]);
    let restore = bailiwick(folder.path(), &["--database", &target, "restore", "backup.db"]);
    let migrate = bailiwick(folder.path(), &["--database", &target, "migrate", "--json"]);

    let bytes = std::fs::metadata(&file).unwrap().len();
    assert_eq!(backup, (true, format!("{{\"bytes\":{bytes},\"file\":\"backup.db\"}}\n")));
    assert_eq!(again, (false, "bailiwick: backup.db exists already: name a new file\n".to_owned()));
    assert!(restore.0, "{}", restore.1);
    let schema = store::migrate::ALL.last().unwrap().number;
    assert_eq!(migrate, (true, format!("{{\"schema\":{schema}}}\n")));
    let restored = Db::open(&target).await.unwrap();
    assert_eq!(count(&restored, "tags").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_moved_to_postgresql_from_the_command_line() {
    let (server, database) = fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let made = bailiwick(folder.path(), &["--database", "sqlite:account.db", "migrate"]);
    let target = beside(&database.url);

    let (moved, text) = bailiwick(folder.path(), &["--database", "sqlite:account.db", "migrate", "--to", &target]);

    assert!(made.0, "{}", made.1);
    if server.commits().is_some() {
        assert!(!moved && text.contains("postgres://"), "{text}");
    } else {
        assert!(moved && text.contains("equal on both sides"), "{text}");
        assert_eq!(count(&Db::open(&target).await.unwrap(), "tickets").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_work_says_what_to_do() {
    let (db, database) = fresh_database().await;
    let sql = "insert into schema_migrations (number, name, checksum, applied_at) values (9999, 'future', '', 0)";
    transact!(db, |tx| tx.run(sql, &[]).await).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.db"), "Notes, and no database at all.\n".repeat(99)).unwrap();

    let newer = bailiwick(folder.path(), &["--database", &database.url, "migrate"]);
    let missing = bailiwick(folder.path(), &["--database", "sqlite:none.db", "backup", "backup.db"]);
    let damaged = bailiwick(folder.path(), &["--database", "sqlite:notes.db", "migrate"]);

    assert!(!newer.0 && newer.1.contains("start the newer program again"), "{}", newer.1);
    assert!(!missing.0 && missing.1.contains("there is no database none.db"), "{}", missing.1);
    assert!(!damaged.0 && damaged.1.contains("not a SQLite database"), "{}", damaged.1);
    assert!(!folder.path().join("none.db").exists());
}

/// Whether it succeeded, and what it printed or complained of.
fn bailiwick(folder: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .args(args)
        .current_dir(folder)
        .env_remove("BAILIWICK_DATABASE")
        .output()
        .expect("run the program");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}
