//! The schema and its history: migrations run forward, once each, in order, and are never changed afterwards.
//!
//! One text serves both databases. Six words differ and begin with an at sign (`@id`, `@text`, `@blob`, `@real`, `@transaction_id`, and
//! `@computed` for a column that the database works out); SQLite reads
//! `bigint` as `integer`, because its tables are strict. Where SQLite has to rebuild a table, `0042_x.sqlite.sql` and
//! `0042_x.postgres.sql` share a number. Statements end with `;`, which no literal may contain; comments start with `--`.

use crate::{Db, Engine, StoreError, Value};
use crate::{postgres, sqlite};

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub number: i64,
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// All of them, in order.
pub const ALL: &[Migration] = &[
    Migration::same(1, "account", include_str!("../migrations/0001_account.sql")),
    Migration::same(2, "provider", include_str!("../migrations/0002_provider.sql")),
    Migration::same(3, "fields", include_str!("../migrations/0003_fields.sql")),
    Migration::same(4, "rules", include_str!("../migrations/0004_rules.sql")),
    Migration::same(5, "statistics", include_str!("../migrations/0005_statistics.sql")),
    Migration::same(6, "jobs", include_str!("../migrations/0006_jobs.sql")),
    Migration {
        number: 7,
        name: "views",
        sqlite: concat!(
            include_str!("../migrations/0007_views.sql"),
            include_str!("../migrations/0007_views.sqlite.sql")
        ),
        postgres: concat!(
            include_str!("../migrations/0007_views.sql"),
            include_str!("../migrations/0007_views.postgres.sql")
        ),
    },
    Migration::same(8, "macros", include_str!("../migrations/0008_macros.sql")),
    Migration::same(9, "integrations", include_str!("../migrations/0009_integrations.sql")),
    Migration::same(10, "presence", include_str!("../migrations/0010_presence.sql")),
    Migration::same(11, "people_around", include_str!("../migrations/0011_people_around.sql")),
    Migration::same(12, "exports", include_str!("../migrations/0012_exports.sql")),
    Migration::same(13, "views_and_macros", include_str!("../migrations/0013_views_and_macros.sql")),
    Migration::same(14, "brands_and_promises", include_str!("../migrations/0014_brands_and_promises.sql")),
    Migration::same(15, "token_hints", include_str!("../migrations/0015_token_hints.sql")),
    Migration::same(16, "call_hosts", include_str!("../migrations/0016_call_hosts.sql")),
    Migration {
        number: 17,
        name: "help_center",
        sqlite: concat!(
            include_str!("../migrations/0017_help_center.sql"),
            include_str!("../migrations/0017_help_center.sqlite.sql")
        ),
        postgres: concat!(
            include_str!("../migrations/0017_help_center.sql"),
            include_str!("../migrations/0017_help_center.postgres.sql")
        ),
    },
    Migration::same(18, "triggers", include_str!("../migrations/0018_triggers.sql")),
    Migration::same(19, "forms_and_held_back_mails", include_str!("../migrations/0019_forms_and_held_back_mails.sql")),
    Migration::same(20, "audits", include_str!("../migrations/0020_audits.sql")),
    Migration::same(21, "fields_of_several_texts", include_str!("../migrations/0021_fields_of_several_texts.sql")),
    Migration {
        number: 22,
        name: "search",
        sqlite: concat!(
            include_str!("../migrations/0022_search.sql"),
            include_str!("../migrations/0022_search.sqlite.sql")
        ),
        postgres: concat!(
            include_str!("../migrations/0022_search.sql"),
            include_str!("../migrations/0022_search.postgres.sql")
        ),
    },
    Migration::same(23, "rules_and_notices", include_str!("../migrations/0023_rules_and_notices.sql")),
    Migration {
        number: 24,
        name: "files",
        sqlite: "",
        postgres: include_str!("../migrations/0024_files.postgres.sql"),
    },
    Migration::same(25, "recipient", include_str!("../migrations/0025_recipient.sql")),
];

impl Migration {
    /// One text for both databases.
    pub const fn same(number: i64, name: &'static str, text: &'static str) -> Migration {
        Migration { number, name, sqlite: text, postgres: text }
    }

    fn title(&self) -> String {
        format!("{:04}_{}", self.number, self.name)
    }
}

/// What a database says has been done to it.
struct Applied {
    number: i64,
    name: String,
    checksum: String,
}

/// Runs the migrations of the list that this database has not seen. On PostgreSQL the other nodes wait.
pub async fn run(db: &Db, list: &[Migration]) -> Result<(), StoreError> {
    match &db.engine {
        Engine::Sqlite(db) => db.alone(|connection| run_on_sqlite(connection, list)).await,
        Engine::Postgres(db) => {
            let mut tx = db.write().await?;
            run_on_postgres(&mut tx, db.schema(), list).await?;
            tx.commit().await
        }
    }
}

pub(crate) fn run_on_sqlite(connection: &mut sqlite::Connection, list: &[Migration]) -> Result<(), StoreError> {
    // Rebuilding a table drops what others refer to for a moment; all references are checked before the commit.
    connection.command("pragma foreign_keys = off")?;
    connection.command("begin immediate")?;
    let done = migrate_sqlite(connection, list).and_then(|()| connection.command("commit"));
    if done.is_err() && !connection.is_outside_transaction() {
        connection.command("rollback")?;
    }
    connection.command("pragma foreign_keys = on")?;
    done
}

fn migrate_sqlite(connection: &mut sqlite::Connection, list: &[Migration]) -> Result<(), StoreError> {
    connection.command(&for_sqlite(HISTORY).concat())?;
    let mut applied = Vec::new();
    for row in connection.rows(APPLIED, &[], usize::MAX)? {
        applied.push(Applied { number: row.int("number")?, name: row.text("name")?, checksum: row.text("checksum")? });
    }
    for migration in pending(list, &applied, |migration| migration.sqlite)? {
        connection.raw().execute_batch(&for_sqlite(migration.sqlite).join(";\n"))?;
        let broken = connection.rows("select \"table\" as name from pragma_foreign_key_check", &[], 1)?;
        if let Some(row) = broken.first() {
            let table = row.text("name")?;
            return Err(StoreError::Migration(format!("{} breaks references of table {table}", migration.title())));
        }
        let now = "cast(unixepoch('subsec') * 1000000 as integer)";
        connection.run(&record(now), &recorded(migration, migration.sqlite))?;
        tracing::info!(migration = migration.title(), "migrated");
    }
    Ok(())
}

/// In the caller's transaction: PostgreSQL can take back changes of the schema too.
pub(crate) async fn run_on_postgres(
    tx: &mut postgres::PostgresTx,
    schema: &str,
    list: &[Migration],
) -> Result<(), StoreError> {
    // One node at a time, also before there is any table to lock.
    tx.rows("select cast(pg_advisory_xact_lock(hashtext($1)) as text)", &[format!("migrate {schema}").into()]).await?;
    let exists = tx.rows("select 1 from pg_namespace where nspname = $1", &[schema.into()]).await?;
    if exists.is_empty() {
        tx.script(&format!("create schema {schema}")).await?;
    }
    let history = tx.rows("select to_regclass('schema_migrations') is null as missing", &[]).await?;
    if history.first().is_some_and(|row| row.flag("missing").unwrap_or(false)) {
        tx.script(&for_postgres(HISTORY).concat()).await?;
    }
    let mut applied = Vec::new();
    for row in tx.rows(APPLIED, &[]).await? {
        applied.push(Applied { number: row.int("number")?, name: row.text("name")?, checksum: row.text("checksum")? });
    }
    for migration in pending(list, &applied, |migration| migration.postgres)? {
        tx.script(&for_postgres(migration.postgres).join(";\n")).await?;
        let now = "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";
        tx.run(&record(now), &recorded(migration, migration.postgres)).await?;
        tracing::info!(migration = migration.title(), "migrated");
    }
    Ok(())
}

const HISTORY: &str = "create table if not exists schema_migrations (
    number bigint primary key,
    name @text not null,
    checksum @text not null,
    applied_at bigint not null
)";

const APPLIED: &str = "select number, name, checksum from schema_migrations order by number";

fn record(now: &str) -> String {
    format!("insert into schema_migrations (number, name, checksum, applied_at) values ($1, $2, $3, {now})")
}

fn recorded(migration: &Migration, text: &str) -> [Value; 3] {
    [migration.number.into(), migration.name.into(), checksum(text).into()]
}

/// What is still to do, after a check of what was done.
fn pending<'a>(
    list: &'a [Migration],
    applied: &[Applied],
    text: impl Fn(&Migration) -> &'static str,
) -> Result<Vec<&'a Migration>, StoreError> {
    let newest = list.iter().map(|migration| migration.number).max().unwrap_or(0);
    let reached = applied.iter().map(|applied| applied.number).max().unwrap_or(0);
    if reached > newest {
        return Err(StoreError::Newer { database: reached, program: newest });
    }
    for applied in applied {
        let title = format!("{:04}_{}", applied.number, applied.name);
        let Some(migration) = list.iter().find(|migration| migration.number == applied.number) else {
            let problem = format!("migration {title} was run on this database but this program does not have it");
            return Err(StoreError::Migration(format!("{problem}: start the program that it was made with")));
        };
        if migration.name != applied.name || checksum(text(migration)) != applied.checksum {
            let problem = format!("migration {title} is not the one that was run on this database");
            return Err(StoreError::Migration(format!("{problem}: start the program that it was made with")));
        }
    }
    let pending: Vec<&Migration> =
        list.iter().filter(|migration| applied.iter().all(|applied| applied.number != migration.number)).collect();
    match pending.iter().find(|migration| migration.number < reached) {
        Some(late) => {
            let problem = format!("migration {} was never run on this database, but later ones were", late.title());
            Err(StoreError::Migration(format!("{problem}: start the program that it was made with")))
        }
        None => Ok(pending),
    }
}

/// SHA-256 in hexadecimal. The two ways to end a line count as one, since version control may turn one into the other.
fn checksum(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The statements of a migration, without comments.
fn statements(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code).trim_end());
    let code = lines.collect::<Vec<_>>().join("\n");
    code.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

fn for_sqlite(text: &str) -> Vec<String> {
    let translated = |statement: String| {
        let is_table = statement.starts_with("create table");
        // A table that is found by another key than a number lives in that key's tree, and is spared a second one.
        let has_own_key = statement.contains("primary key") && !statement.contains("bigint primary key");
        let without_rowid = has_own_key && !statement.contains("@id");
        let statement = statement
            .replace("@transaction_id", "bigint not null default 0")
            .replace("@id", "integer primary key autoincrement")
            .replace("@blob", "blob")
            .replace("@real", "real")
            .replace("@text", "text")
            .replace("@computed", "virtual");
        let statement = replace_word(&statement, "bigint", "integer");
        match (is_table, without_rowid) {
            (true, true) => format!("{statement} strict, without rowid"),
            (true, false) => format!("{statement} strict"),
            (false, _) => statement,
        }
    };
    statements(text).into_iter().map(translated).collect()
}

fn for_postgres(text: &str) -> Vec<String> {
    let translated = |statement: String| {
        statement
            .replace("@transaction_id", "bigint not null default (pg_current_xact_id()::text::bigint)")
            .replace("@id", "bigint generated by default as identity primary key")
            .replace("@blob", "bytea")
            .replace("@real", "double precision")
            .replace("@text", "text collate \"C\"")
            .replace("@computed", "stored")
    };
    statements(text).into_iter().map(translated).collect()
}

fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
        match piece.strip_prefix(word) {
            Some(end) if end.chars().all(|c| !c.is_alphanumeric() && c != '_') => {
                replaced.push_str(with);
                replaced.push_str(end);
            }
            _ => replaced.push_str(piece),
        }
    }
    replaced
}
