//! One SQLite connection: statements cached, parameters by number.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;

use crate::value::without_nul;
use crate::{Row, StoreError, Value};

/// Prepared statements kept for each connection.
const STATEMENTS: usize = 256;
/// Texts whose rewriting is remembered. Lists build many; when there are too many, all are forgotten.
const TEXTS: usize = 1024;

pub struct Connection {
    inner: rusqlite::Connection,
    texts: HashMap<Box<str>, Arc<Text>>,
}

/// A statement as SQLite wants it, and the names of its columns.
struct Text {
    sql: String,
    columns: Arc<[String]>,
}

impl Connection {
    pub fn new(inner: rusqlite::Connection) -> Result<Connection, StoreError> {
        inner.set_prepared_statement_cache_capacity(STATEMENTS);
        // Without this a plan may depend on the values that were bound, and SQLite prepares the statement anew for each execution.
        inner.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Connection { inner, texts: HashMap::new() })
    }

    /// At most `limit` rows. A statement that writes always runs to its end.
    pub fn rows(&mut self, sql: &str, params: &[Value], limit: usize) -> Result<Vec<Row>, StoreError> {
        let text = self.text(sql)?;
        let mut statement = self.inner.prepare_cached(&text.sql)?;
        bind(&mut statement, params)?;
        let reads_only = statement.readonly();
        let mut found = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if found.len() < limit {
                let values = (0..text.columns.len()).map(|at| row.get_ref(at).map(value)).collect::<Result<_, _>>()?;
                found.push(Row::new(text.columns.clone(), values));
            } else if reads_only {
                break;
            }
        }
        Ok(found)
    }

    /// How many rows the statement changed.
    pub fn run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let text = self.text(sql)?;
        let mut statement = self.inner.prepare_cached(&text.sql)?;
        bind(&mut statement, params)?;
        // `raw_execute` refuses a statement that returns rows, such as a pragma or `returning`.
        if text.columns.is_empty() {
            return Ok(statement.raw_execute()? as u64);
        }
        let mut rows = statement.raw_query();
        let mut n = 0;
        while rows.next()?.is_some() {
            n += 1;
        }
        Ok(n)
    }

    /// A statement without parameters, whose rows nobody wants.
    pub fn command(&mut self, sql: &str) -> Result<(), StoreError> {
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// True when no transaction is open: none was begun, or an error such as a full disk has ended it.
    pub fn is_outside_transaction(&self) -> bool {
        self.inner.is_autocommit()
    }

    pub fn raw(&mut self) -> &mut rusqlite::Connection {
        &mut self.inner
    }

    fn text(&mut self, sql: &str) -> Result<Arc<Text>, StoreError> {
        if let Some(text) = self.texts.get(sql) {
            return Ok(text.clone());
        }
        let rewritten = number_parameters(sql);
        let columns = self.inner.prepare_cached(&rewritten)?.column_names().map(str::to_owned).collect();
        let text = Arc::new(Text { sql: rewritten, columns });
        if self.texts.len() >= TEXTS {
            self.texts.clear();
        }
        self.texts.insert(sql.into(), text.clone());
        Ok(text)
    }
}

/// `$1` becomes `?1`: SQLite takes `$1` for a name and numbers names as they come, so `set a = $2 where id = $1` would bind crosswise.
fn number_parameters(sql: &str) -> String {
    let mut rewritten = String::with_capacity(sql.len());
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        let is_parameter = c == '$' && rest.peek().is_some_and(char::is_ascii_digit);
        rewritten.push(if is_parameter { '?' } else { c });
    }
    rewritten
}

fn bind(statement: &mut rusqlite::Statement<'_>, params: &[Value]) -> Result<(), StoreError> {
    if statement.parameter_count() != params.len() {
        return Err(rusqlite::Error::InvalidParameterCount(params.len(), statement.parameter_count()).into());
    }
    for (at, param) in (1..).zip(params) {
        match param {
            Value::Null => statement.raw_bind_parameter(at, rusqlite::types::Null)?,
            Value::Int(v) => statement.raw_bind_parameter(at, v)?,
            Value::Real(v) => statement.raw_bind_parameter(at, v)?,
            Value::Text(v) => statement.raw_bind_parameter(at, without_nul(v).as_ref())?,
            Value::Blob(v) => statement.raw_bind_parameter(at, v)?,
        }
    }
    Ok(())
}

fn value(column: ValueRef<'_>) -> Value {
    match column {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(v) => Value::Int(v),
        ValueRef::Real(v) => Value::Real(v),
        // Checked in one pass; only text that some other program has spoilt takes the slow way.
        ValueRef::Text(v) => Value::Text(match str::from_utf8(v) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(v).into_owned(),
        }),
        ValueRef::Blob(v) => Value::Blob(v.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bound_by_number_and_not_by_appearance() {
        let mut connection = Connection::new(rusqlite::Connection::open_in_memory().unwrap()).unwrap();

        let rows = connection.rows("select $2 as b, $1 as a, $2 || '$x' as c", &["a".into(), "b".into()], 9).unwrap();

        assert_eq!(rows[0].text("a").unwrap(), "a");
        assert_eq!(rows[0].text("b").unwrap(), "b");
        assert_eq!(rows[0].text("c").unwrap(), "b$x");
    }
}
