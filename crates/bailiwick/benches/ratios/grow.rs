//! A demo's tickets and messages copied over and over until there are as many as asked for.
//!
//! Copies are as alive as the originals: their own ids, their own moments, their own tags. Their events are not copied.

use store::{Db, transact};

/// Ids of a copy lie this far behind those of the copy before. More than a demo of a thousand tickets has of anything.
const APART: i64 = 100_000;
/// Copies in one transaction.
const AT_ONCE: i64 = 20;
/// A copy is so much older than the copy before.
const OLDER_MICROSECONDS: i64 = 40 * 60 * 1_000_000;

struct Table {
    name: &'static str,
    /// Columns that move with the copy.
    ids: &'static [&'static str],
    /// Columns that must not be there twice, or say nothing of a copy.
    emptied: &'static [&'static str],
}

const TABLES: [Table; 3] = [
    Table { name: "tickets", ids: &["id"], emptied: &["external_id", "split_from"] },
    Table { name: "messages", ids: &["id", "ticket_id"], emptied: &["external_id", "message_id"] },
    Table { name: "ticket_tags", ids: &["ticket_id"], emptied: &[] },
];

/// How many tickets and messages there are in the end.
pub async fn grow(db: &Db, on_postgres: bool, n_tickets: i64) -> (i64, i64) {
    let n_first = count(db, "tickets").await;
    let mut from = 1;
    let last = n_tickets / n_first - 1;
    while from <= last {
        let to = last.min(from + AT_ONCE - 1);
        for table in &TABLES {
            let columns = columns(db, on_postgres, table.name).await;
            let values: Vec<String> = columns.iter().map(|column| value(table, column)).collect();
            let sql = format!(
                "with recursive copies(n) as (select {from} union all select n + 1 from copies where n < {to})
                 insert into {name} ({}) select {} from {name} t, copies where t.{first} < {APART}",
                columns.join(", "),
                values.join(", "),
                name = table.name,
                first = table.ids[table.ids.len() - 1],
            );
            transact!(db, |tx| tx.run(&sql, &[]).await).expect("copies");
        }
        from = to + 1;
    }
    if on_postgres {
        for table in ["tickets", "messages"] {
            let sql =
                format!("select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table})) as n");
            transact!(db, |tx| tx.rows(&sql, &[]).await).expect("the sequence");
        }
    }
    for table in TABLES {
        transact!(db, |tx| tx.run(&format!("analyze {}", table.name), &[]).await).expect("figures for the planner");
    }
    (count(db, "tickets").await, count(db, "messages").await)
}

fn value(table: &Table, column: &str) -> String {
    if table.ids.contains(&column) {
        format!("t.{column} + copies.n * {APART}")
    } else if table.emptied.contains(&column) {
        "null".to_owned()
    } else if column.ends_with("_at") || column.ends_with("_until") {
        format!("t.{column} - copies.n * {OLDER_MICROSECONDS}")
    } else {
        format!("t.{column}")
    }
}

async fn columns(db: &Db, on_postgres: bool, table: &str) -> Vec<String> {
    let sql = if on_postgres {
        "select column_name as name from information_schema.columns
         where table_schema = current_schema() and table_name = $1 and is_generated = 'NEVER'"
    } else {
        "select name from pragma_table_xinfo($1) where hidden = 0"
    };
    let mut tx = db.read().await.expect("a reader");
    let rows = tx.rows(sql, &[table.into()]).await.expect("columns");
    rows.iter().map(|row| row.text("name").expect("a name")).collect()
}

pub async fn count(db: &Db, table: &str) -> i64 {
    let mut tx = db.read().await.expect("a reader");
    let sql = format!("select count(*) as n from {table}");
    tx.row(&sql, &[]).await.expect("a count").expect("a row").int("n").expect("a number")
}
