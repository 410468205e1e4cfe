//! An empty, migrated database for one test. Migrating takes longer than most tests: it is done once, and each test gets a copy.

use std::path::{Path, PathBuf};

use outside::{Random, sha256};
use rusqlite::Connection;
use store::{Db, migrate};
use tokio_postgres::{Client, NoTls};
use url::Url;

/// Where a test's database is, and what keeps it alive as long as the test runs.
pub struct Database {
    pub url: String,
    _folder: Option<tempfile::TempDir>,
    _on_server: Option<OnServer>,
}

/// A database of PostgreSQL, gone with the test.
struct OnServer {
    server: Url,
    name: String,
}

/// Of the engine that `BAILIWICK_TEST_DATABASE` names; SQLite, if it names none.
pub async fn fresh_database() -> (Db, Database) {
    let database = match std::env::var_os("BAILIWICK_TEST_DATABASE").and_then(|it| it.into_string().ok()) {
        Some(url) if url.starts_with("postgres") => on_server(url.parse().expect("an address")).await,
        _ => in_folder().await,
    };
    let db = Db::open(&database.url).await.expect("open the test database");
    db.migrate().await.expect("migrate");
    (db, database)
}

async fn in_folder() -> Database {
    let template = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.db", name_of_template()));
    if !template.exists() {
        make_file(&template).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.db");
    std::fs::copy(&template, &file).expect("a copy");
    Database { url: format!("sqlite:{}", file.display()), _folder: Some(folder), _on_server: None }
}

/// Another test may do the same at this moment: whoever is last wins, and both are alike.
async fn make_file(template: &PathBuf) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (file, whole) = (folder.path().join("new.db"), folder.path().join("whole.db"));
    let db = Db::open(&format!("sqlite:{}", file.display())).await.expect("open");
    db.migrate().await.expect("migrate");
    let connection = Connection::open(&file).expect("open");
    connection.execute("vacuum into $1", [whole.to_str().expect("a path")]).expect("one file");
    std::fs::rename(&whole, template).expect("the template");
}

async fn on_server(server: Url) -> Database {
    let template = name_of_template();
    let client = connect(&server).await;
    // One test makes the template, and the others wait for it.
    client.execute("select pg_advisory_lock(4711)", &[]).await.expect("a lock");
    let sql = "select 1 from pg_database where datname = $1";
    if client.query(sql, &[&template]).await.expect("a look").is_empty() {
        make_on_server(&client, &server, &template).await;
    }
    client.execute("select pg_advisory_unlock(4711)", &[]).await.expect("no lock");
    let name = format!("t_{}", Random::system().letters(16));
    let create = format!("create database {name} template {template} strategy file_copy");
    client.batch_execute(&create).await.expect("a database");
    let url = in_database(&server, &name);
    Database { url, _folder: None, _on_server: Some(OnServer { server, name }) }
}

async fn make_on_server(client: &Client, server: &Url, template: &str) {
    let new = format!("{template}_new");
    client.batch_execute(&format!("drop database if exists {new}")).await.expect("nothing left over");
    client.batch_execute(&format!("create database {new}")).await.expect("a database");
    let db = Db::open(&in_database(server, &new)).await.expect("open");
    db.migrate().await.expect("migrate");
    drop(db);
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    client.query(sql, &[&new]).await.expect("nobody in it");
    client.batch_execute(&format!("alter database {new} rename to {template}")).await.expect("the template");
}

fn in_database(server: &Url, name: &str) -> String {
    let mut url = server.clone();
    url.set_path(name);
    url.query_pairs_mut().append_pair("schema", "t");
    url.to_string()
}

/// Another schema is another template.
fn name_of_template() -> String {
    let texts: String = migrate::ALL.iter().flat_map(|it| [it.sqlite, it.postgres]).collect();
    let hash: String = sha256(texts.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("bailiwick_{hash}")
}

async fn connect(server: &Url) -> Client {
    let (client, connection) = tokio_postgres::connect(server.as_str(), NoTls).await.expect("the server");
    tokio::spawn(connection);
    client
}

impl Drop for OnServer {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime is about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let sql = format!("drop database if exists {name} with (force)");
                connect(&server).await.batch_execute(&sql).await.expect("no database");
            });
        });
        let _done = dropping.join();
    }
}
