//! Backup, restore, and the move from SQLite to PostgreSQL.
//!
//! A backup is always a SQLite file, whatever it was made from, so it can be looked into and restored on either engine. Copies are
//! complete or not there at all: a file gets its name when it is whole, a PostgreSQL schema is filled in one transaction. Memory does
//! not grow with the account: tables are read page by page, by their primary key, from one snapshot.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;

use crate::schema::{self, Table};
use crate::{Db, Engine, EngineTx, Location, Options, Row, StoreError, Synchronous, Tx, Value};
use crate::{log, migrate, postgres, search, sqlite};

/// Rows in a page. A message may have a megabyte.
const PAGE: usize = 100;
/// Belongs to the database and not to the account.
const HISTORY: &str = "schema_migrations";
/// What migrations put rows into: those of an account without anything else give way to the copy's.
const FILLED_BY_MIGRATIONS: &[&str] = &[
    "brands",
    "custom_statuses",
    "event_cursors",
    "help_locales",
    "help_permission_groups",
    "rule_categories",
    "schedules",
    "user_segments",
    "views",
];

/// What was copied and found equal on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: String,
    pub n_rows: u64,
    /// Of all values of all rows, whatever their order. 32 hexadecimal digits.
    pub checksum: String,
}

/// Writes the account to a new file while the server goes on serving. How many bytes it has.
pub async fn backup(db: &Db, file: &Path) -> Result<u64, StoreError> {
    refuse_existing(file)?;
    let partial = Partial::beside(file)?;
    match &db.engine {
        Engine::Sqlite(db) => copy_file(db.connect()?, &partial.0).await?,
        Engine::Postgres(_) => {
            let target = Db::open_with(&url_of(&partial.0), &for_copies()).await?;
            target.migrate().await?;
            let mut source = db.read().await?;
            let mut tx = target.write().await?;
            copy_tables(&mut source, &mut tx).await?;
            log::rebase_if_ahead(&mut tx).await?;
            tx.commit().await?;
            stand_alone(&target).await?;
        }
    }
    partial.keep_as(file)
}

/// Fills an empty database from a backup: `sqlite:PATH` of a new file, or a PostgreSQL schema without an account.
/// A backup of an older program is brought up to this one's schema on the way.
pub async fn restore(file: &Path, url: &str) -> Result<(), StoreError> {
    let target = Location::of(url)?;
    let source = sqlite::open_for_reading(file)?;
    let partial = match target {
        Location::File(path) => {
            refuse_existing(path)?;
            Partial::beside(path)?
        }
        Location::Server(_) => Partial::in_temporary_folder()?,
    };
    copy_file(source, &partial.0).await?;
    let copy = Db::open_with(&url_of(&partial.0), &for_copies()).await?;
    if !has_history(&mut copy.read().await?).await? {
        return Err(StoreError::Copy(format!("{} is a database, but no backup of an account", file.display())));
    }
    copy.migrate().await?;
    match target {
        Location::File(path) => {
            stand_alone(&copy).await?;
            partial.keep_as(path).map(|_bytes| ())
        }
        Location::Server(url) => copy_to(&copy, url).await.map(|_tables| ()),
    }
}

/// Copies the account into a PostgreSQL schema that holds none yet, and compares every table. Nobody can write to the SQLite file
/// meanwhile. Afterwards the file is as it was.
pub async fn copy_to(db: &Db, url: &str) -> Result<Vec<CopiedTable>, StoreError> {
    let Location::Server(url) = Location::of(url)? else {
        return Err(StoreError::Copy("the account can only be moved to postgres://...".to_owned()));
    };
    if let Engine::Postgres(_) = db.engine {
        let problem = "the account is in PostgreSQL already: make a backup and restore it elsewhere";
        return Err(StoreError::Copy(problem.to_owned()));
    }
    db.migrate().await?;
    let target = Db::of(Engine::Postgres(postgres::Postgres::open(url, &for_copies()).await?));
    let mut source = db.write().await?;
    let mut tx = target.write().await?;
    refuse_foreign(&mut tx).await?;
    if let (EngineTx::Postgres(tx), Engine::Postgres(target)) = (&mut tx.engine, &target.engine) {
        migrate::run_on_postgres(tx, target.schema(), migrate::ALL).await?;
    }
    let copied = copy_tables(&mut source, &mut tx).await?;
    tx.commit().await?;
    Ok(copied)
}

/// Copies all rows into empty tables and reads them back.
async fn copy_tables(source: &mut Tx, target: &mut Tx) -> Result<Vec<CopiedTable>, StoreError> {
    let tables = schema::in_order(schema::tables(source).await?)?;
    let there = schema::tables(target).await?;
    let mut copied = Vec::new();
    for table in tables.iter().filter(|table| table.name != HISTORY) {
        let same = there.iter().find(|it| it.name == table.name).is_some_and(|it| it.columns == table.columns);
        if !same {
            return Err(StoreError::Copy(format!("table {} is not the same on both sides", table.name)));
        }
        if FILLED_BY_MIGRATIONS.contains(&table.name.as_str()) {
            continue;
        }
        if target.row(&format!("select 1 as found from {} limit 1", table.name), &[]).await?.is_some() {
            let problem = format!("the target already holds an account (table {} has rows)", table.name);
            return Err(StoreError::Copy(format!("{problem}: name an empty schema, such as ?schema=helpdesk")));
        }
    }
    for table in tables.iter().filter(|table| FILLED_BY_MIGRATIONS.contains(&table.name.as_str())) {
        target.run(&format!("delete from {}", table.name), &[]).await?;
    }
    for table in tables.iter().filter(|table| table.name != HISTORY) {
        let sent = copy_table(source, target, table).await?;
        let mut arrived = Sum::default();
        let mut pages = Pages::of(table);
        while let Some(rows) = pages.next(target).await? {
            rows.iter().for_each(|row| arrived.add(row));
        }
        if sent != arrived {
            let problem = format!("table {} arrived as {arrived:?} instead of {sent:?}", table.name);
            return Err(StoreError::Copy(format!("{problem}: nothing was copied")));
        }
        copied.push(CopiedTable {
            name: table.name.clone(),
            n_rows: sent.n_rows,
            checksum: format!("{:032x}", sent.checksum),
        });
    }
    // What makes the account searchable is not copied: the server builds it when it runs there.
    search::rebuild_later(target).await?;
    Ok(copied)
}

async fn copy_table(source: &mut Tx, target: &mut Tx, table: &Table) -> Result<Sum, StoreError> {
    let names = names(table);
    let mut sum = Sum::default();
    let mut pages = Pages::of(table);
    while let Some(rows) = pages.next(source).await? {
        let mut values = String::new();
        let mut params: Vec<Value> = Vec::with_capacity(rows.len() * table.columns.len());
        for row in rows {
            sum.add(&row);
            values.push_str(if values.is_empty() { "(" } else { "), (" });
            for (at, value) in row.values.into_iter().enumerate() {
                params.push(value);
                let comma = if at == 0 { "" } else { ", " };
                values.push_str(&format!("{comma}${}", params.len()));
            }
        }
        target.run(&format!("insert into {} ({names}) values {values})", table.name), &params).await?;
    }
    if let Some(column) = table.columns.iter().find(|column| column.identity) {
        // Also past rows that were deleted: an id is never given out twice.
        let last = last_number(source, &table.name, &column.name).await?;
        continue_after(target, &table.name, &column.name, last).await?;
    }
    Ok(sum)
}

/// A table, page by page in the order of its primary key.
struct Pages<'a> {
    table: &'a Table,
    /// The key of the last row; none before the first page.
    last: Option<Vec<Value>>,
    is_over: bool,
}

impl Pages<'_> {
    fn of(table: &Table) -> Pages<'_> {
        Pages { table, last: None, is_over: false }
    }

    async fn next(&mut self, tx: &mut Tx) -> Result<Option<Vec<Row>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let key = self.table.primary_key.join(", ");
        let condition = match &self.last {
            None => String::new(),
            Some(last) => {
                let params: Vec<String> = (1..=last.len()).map(|n| format!("${n}")).collect();
                format!("where ({key}) > ({})", params.join(", "))
            }
        };
        let sql =
            format!("select {} from {} {condition} order by {key} limit {PAGE}", names(self.table), self.table.name);
        let rows = tx.rows(&sql, self.last.as_deref().unwrap_or_default()).await?;
        self.is_over = rows.len() < PAGE;
        let Some(row) = rows.last() else {
            return Ok(None);
        };
        let at = |name: &String| row.columns.iter().position(|column| column == name);
        let last = self.table.primary_key.iter().filter_map(at).filter_map(|at| row.values.get(at).cloned());
        self.last = Some(last.collect());
        Ok(Some(rows))
    }
}

/// Count and checksum of rows in any order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    n_rows: u64,
    /// The hashes of the rows, added up.
    checksum: u128,
}

impl Sum {
    fn add(&mut self, row: &Row) {
        let mut hash = digest::Context::new(&digest::SHA256);
        for value in &row.values {
            let (kind, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Int(v) => (1, &v.to_be_bytes()),
                Value::Real(v) => (2, &v.to_be_bytes()),
                Value::Text(v) => (3, v.as_bytes()),
                Value::Blob(v) => (4, v),
            };
            hash.update(&[kind]);
            hash.update(&(bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let start = hash.finish().as_ref().iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        self.checksum = self.checksum.wrapping_add(start);
        self.n_rows += 1;
    }
}

fn names(table: &Table) -> String {
    table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The highest number that an identity column has ever given out, 0 if none.
async fn last_number(tx: &mut Tx, table: &str, column: &str) -> Result<i64, StoreError> {
    let row = match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => {
            tx.row("select seq as last from sqlite_sequence where name = $1", &[table.into()]).await?
        }
        EngineTx::Postgres(_) => {
            let sequence = tx
                .row("select pg_get_serial_sequence(cast($1 as text), $2) as name", &[table.into(), column.into()])
                .await?
                .ok_or(StoreError::Column("name"))?
                .text("name")?;
            let sql = format!("select case when is_called then last_value else 0 end as last from {sequence}");
            tx.row(&sql, &[]).await?
        }
    };
    row.map_or(Ok(0), |row| row.int("last"))
}

async fn continue_after(tx: &mut Tx, table: &str, column: &str, last: i64) -> Result<(), StoreError> {
    if last == 0 {
        return Ok(());
    }
    match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => {
            tx.run("delete from sqlite_sequence where name = $1", &[table.into()]).await?;
            let sql = "insert into sqlite_sequence (name, seq) values ($1, $2)";
            tx.run(sql, &[table.into(), last.into()]).await?;
        }
        EngineTx::Postgres(_) => {
            let sql = "select setval(pg_get_serial_sequence(cast($1 as text), $2), $3)";
            tx.row(sql, &[table.into(), column.into(), last.into()]).await?;
        }
    }
    Ok(())
}

/// A schema with tables that are not ours is somebody else's.
async fn refuse_foreign(tx: &mut Tx) -> Result<(), StoreError> {
    let exists = tx.row("select current_schema() is not null as found", &[]).await?;
    if !exists.map_or(Ok(false), |row| row.flag("found"))? || has_history(tx).await? {
        return Ok(());
    }
    match schema::tables(tx).await?.first() {
        Some(table) => Err(StoreError::Copy(format!(
            "the target schema holds tables of something else, such as {}: name an empty one, such as ?schema=helpdesk",
            table.name
        ))),
        None => Ok(()),
    }
}

async fn has_history(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(schema::tables(tx).await?.iter().any(|table| table.name == HISTORY))
}

/// Copies a SQLite file in one step, as of one moment: writers go on meanwhile, and cannot make it start again.
async fn copy_file(source: sqlite::Connection, to: &Path) -> Result<(), StoreError> {
    let to = to.to_owned();
    let work = move || {
        let mut source = source;
        let mut copy = rusqlite::Connection::open(&to)?;
        {
            let backup = rusqlite::backup::Backup::new(source.raw(), &mut copy)?;
            while backup.step(-1)? != rusqlite::backup::StepResult::Done {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        copy.pragma_update(None, "journal_mode", "delete")?;
        let found: String = copy.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(StoreError::Damaged(format!("the database is damaged ({found}): restore an earlier backup")));
        }
        Ok(())
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Copy(format!("the copy broke off: {error}")))?
}

/// Moves everything into the one file, so that it can be renamed and carried away.
async fn stand_alone(db: &Db) -> Result<(), StoreError> {
    match &db.engine {
        Engine::Sqlite(db) => {
            db.close_readers();
            db.alone(|connection| connection.command("pragma journal_mode = delete")).await
        }
        Engine::Postgres(_) => Ok(()),
    }
}

/// One connection of each kind, and no sync for each page: a copy is synced once, when it is whole.
fn for_copies() -> Options {
    Options { synchronous: Synchronous::Normal, readers: 1, pool_size: 2, ..Options::default() }
}

fn url_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Err(StoreError::Copy(format!("{} exists already: name a new file", path.display())));
    }
    Ok(())
}

/// A file on its way to become whole. Removed with its companions unless it is kept.
struct Partial(PathBuf);

impl Partial {
    fn beside(file: &Path) -> Result<Partial, StoreError> {
        Partial::create(with_ending(file, ".partial"))
    }

    fn in_temporary_folder() -> Result<Partial, StoreError> {
        // Several may run at once, in one process or in many.
        static N_MADE: AtomicU64 = AtomicU64::new(0);
        let n = N_MADE.fetch_add(1, Ordering::Relaxed);
        Partial::create(std::env::temp_dir().join(format!("bailiwick-restore-{}-{n}.db", std::process::id())))
    }

    fn create(path: PathBuf) -> Result<Partial, StoreError> {
        let partial = Partial(path);
        partial.remove();
        sqlite::create(&partial.0)?;
        Ok(partial)
    }

    /// Synced, then renamed, so that the name never belongs to half a file. How many bytes it has.
    fn keep_as(self, file: &Path) -> Result<u64, StoreError> {
        let kept = std::fs::File::open(&self.0).and_then(|partial| {
            partial.sync_all()?;
            let n_bytes = partial.metadata()?.len();
            std::fs::rename(&self.0, file)?;
            // The folder too: the new name must survive a power cut.
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            std::fs::File::open(folder)?.sync_all()?;
            Ok(n_bytes)
        });
        kept.map_err(|error| StoreError::Copy(format!("cannot write {}: {error}", file.display())))
    }

    fn remove(&self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            // Mostly there is nothing to remove.
            let _ = std::fs::remove_file(with_ending(&self.0, ending));
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.remove();
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
