use super::{Row, StoreError, Value};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

#[derive(Clone)]
pub struct Sqlite {
    conn: Arc<Mutex<rusqlite::Connection>>,
}
pub struct SqliteTx {
    guard: OwnedMutexGuard<rusqlite::Connection>,
    done: bool,
}
impl Sqlite {
    pub fn open(path: &str) -> Result<Sqlite, StoreError> {
        let conn = rusqlite::Connection::open(path)?;
        conn.execute_batch("pragma journal_mode = wal; pragma foreign_keys = on; pragma busy_timeout = 5000;")?;
        Ok(Sqlite { conn: Arc::new(Mutex::new(conn)) })
    }
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let guard = self.conn.clone().lock_owned().await;
        let text = include_str!("../migrations/0001_account.sql")
            .replace("@id", "integer primary key autoincrement")
            .replace("@blob", "blob")
            .replace("@text", "text")
            .replace("@transaction_id", "bigint not null default 0");
        guard.execute_batch(&text)?;
        Ok(())
    }
    pub async fn begin(&self) -> Result<SqliteTx, StoreError> {
        let guard = self.conn.clone().lock_owned().await;
        guard.execute_batch("begin immediate")?;
        Ok(SqliteTx { guard, done: false })
    }
}
impl SqliteTx {
    pub fn rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let sql = sql.replace('$', "?");
        let mut stmt = self.guard.prepare_cached(&sql)?;
        let columns: Arc<[String]> = stmt.column_names().map(str::to_owned).collect();
        bind(&mut stmt, params)?;
        let mut out = Vec::new();
        let mut rows = stmt.raw_query();
        while let Some(r) = rows.next().map_err(uniq)? {
            let mut values = Vec::with_capacity(columns.len());
            for i in 0..columns.len() {
                values.push(match r.get_ref(i)? {
                    rusqlite::types::ValueRef::Null => Value::Null,
                    rusqlite::types::ValueRef::Integer(n) => Value::Int(n),
                    rusqlite::types::ValueRef::Real(n) => Value::Real(n),
                    rusqlite::types::ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
                    rusqlite::types::ValueRef::Blob(b) => Value::Blob(b.to_vec()),
                });
            }
            out.push(Row { columns: columns.clone(), values });
        }
        Ok(out)
    }
    pub fn run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let sql = sql.replace('$', "?");
        let mut stmt = self.guard.prepare_cached(&sql)?;
        bind(&mut stmt, params)?;
        Ok(stmt.raw_execute().map_err(uniq)? as u64)
    }
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.guard.execute_batch("commit")?;
        self.done = true;
        Ok(())
    }
}
fn bind(stmt: &mut rusqlite::Statement<'_>, params: &[Value]) -> Result<(), StoreError> {
    for (i, v) in params.iter().enumerate() {
        match v {
            Value::Null => stmt.raw_bind_parameter(i + 1, rusqlite::types::Null)?,
            Value::Int(n) => stmt.raw_bind_parameter(i + 1, n)?,
            Value::Real(n) => stmt.raw_bind_parameter(i + 1, n)?,
            Value::Text(t) => stmt.raw_bind_parameter(i + 1, t)?,
            Value::Blob(b) => stmt.raw_bind_parameter(i + 1, b)?,
        }
    }
    Ok(())
}
fn uniq(e: rusqlite::Error) -> StoreError {
    match &e {
        rusqlite::Error::SqliteFailure(f, Some(m)) if f.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE => {
            StoreError::NotUnique(m.clone())
        }
        _ => e.into(),
    }
}
impl Drop for SqliteTx {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.guard.execute_batch("rollback");
        }
    }
}
