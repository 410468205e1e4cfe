//! The database under the helpdesk: what holds on SQLite and on PostgreSQL alike, and what only one of them needs.

mod commands;
mod dump;
mod failures;
mod log;
mod migrations;
mod queue;
mod schema;
mod transactions;

use store::Db;

/// The address of a second database next to the first, empty and not migrated.
fn beside(url: &str) -> String {
    // A file of another name, or a schema of another name.
    format!("{url}_b")
}

async fn count(db: &Db, table: &str) -> i64 {
    let mut tx = db.read().await.expect("the database");
    let row =
        tx.row(&format!("select count(*) as n from {table}"), &[]).await.expect("the database").expect("the database");
    row.int("n").expect("the database")
}
