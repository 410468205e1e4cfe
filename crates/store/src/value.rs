//! Parameters and rows.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use crate::StoreError;

/// A parameter or a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    /// What it is, for an error message that must not show it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Int(_) => "an integer",
            Value::Real(_) => "a real number",
            Value::Text(_) => "a text",
            Value::Blob(_) => "bytes",
        }
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Value {
        Value::Int(v)
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Value {
        Value::Int(i64::from(v))
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Value {
        Value::Real(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Value {
        Value::Text(v.to_owned())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Value {
        Value::Text(v)
    }
}
impl From<&String> for Value {
    fn from(v: &String) -> Value {
        Value::Text(v.clone())
    }
}
impl From<&[u8]> for Value {
    fn from(v: &[u8]) -> Value {
        Value::Blob(v.to_vec())
    }
}
impl From<Vec<u8>> for Value {
    fn from(v: Vec<u8>) -> Value {
        Value::Blob(v)
    }
}
/// Microseconds since 1970.
impl From<Timestamp> for Value {
    fn from(v: Timestamp) -> Value {
        Value::Int(v.as_microsecond())
    }
}
/// JSON as text.
impl From<&serde_json::Value> for Value {
    fn from(v: &serde_json::Value) -> Value {
        Value::Text(v.to_string())
    }
}
impl From<serde_json::Value> for Value {
    fn from(v: serde_json::Value) -> Value {
        Value::Text(v.to_string())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Value {
        v.map_or(Value::Null, Into::into)
    }
}

/// PostgreSQL cannot store the character U+0000 in text. Both databases get U+FFFD in its place, and so stay equal.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&0) { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// One row of an answer. Columns are asked for by name.
#[derive(Debug)]
pub struct Row {
    pub(crate) columns: Arc<[String]>,
    pub(crate) values: Vec<Value>,
    /// Where to look first: readers ask in the order of the query, and a wide row is not searched from its start for each column.
    next: AtomicUsize,
}

impl Row {
    pub(crate) fn new(columns: Arc<[String]>, values: Vec<Value>) -> Row {
        Row { columns, values, next: AtomicUsize::new(0) }
    }

    fn value(&self, column: &'static str) -> Result<&Value, StoreError> {
        let next = self.next.load(Ordering::Relaxed).min(self.columns.len());
        let (before, after) = self.columns.split_at(next);
        let found = after.iter().position(|name| name == column).map(|at| next + at);
        let at = found.or_else(|| before.iter().position(|name| name == column)).ok_or(StoreError::Column(column))?;
        self.next.store(at + 1, Ordering::Relaxed);
        self.values.get(at).ok_or(StoreError::Column(column))
    }

    pub fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.int_or_null(column)?.ok_or(StoreError::Column(column))
    }

    pub fn int_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Value::Int(v) => Ok(Some(*v)),
            Value::Null => Ok(None),
            _ => Err(StoreError::Column(column)),
        }
    }

    /// A truth value, stored as 0 or 1.
    pub fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    pub fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.text_or_null(column)?.ok_or(StoreError::Column(column))
    }

    pub fn text_or_null(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        match self.value(column)? {
            Value::Text(v) => Ok(Some(v.clone())),
            Value::Null => Ok(None),
            _ => Err(StoreError::Column(column)),
        }
    }

    /// A number with a fraction, or none. A column of whole numbers reads as one too.
    pub fn real_or_null(&self, column: &'static str) -> Result<Option<f64>, StoreError> {
        match self.value(column)? {
            Value::Real(v) => Ok(Some(*v)),
            Value::Int(v) => Ok(Some(*v as f64)),
            Value::Null => Ok(None),
            _ => Err(StoreError::Column(column)),
        }
    }

    pub fn blob(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        match self.value(column)? {
            Value::Blob(v) => Ok(v.clone()),
            _ => Err(StoreError::Column(column)),
        }
    }

    pub fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.time_or_null(column)?.ok_or(StoreError::Column(column))
    }

    pub fn time_or_null(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        match self.int_or_null(column)? {
            Some(v) => Timestamp::from_microsecond(v).map(Some).map_err(|_| StoreError::Column(column)),
            None => Ok(None),
        }
    }

    /// JSON stored as text.
    pub fn json(&self, column: &'static str) -> Result<Option<serde_json::Value>, StoreError> {
        match self.text_or_null(column)? {
            Some(text) => serde_json::from_str(&text).map(Some).map_err(|_| StoreError::Column(column)),
            None => Ok(None),
        }
    }
}
