//! One transaction on one connection of the pool.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::{Row, StoreError, Value};

/// Prepared statements kept for each connection; when there are more, all are forgotten.
const STATEMENTS: usize = 512;

pub struct PostgresTx {
    /// None once it is given back.
    connection: Option<Object>,
    state: State,
    failed: bool,
    wait: Duration,
}

enum State {
    /// The text that begins it travels with the first statement and so costs no round trip.
    NotBegun(&'static str),
    Open,
}

impl PostgresTx {
    pub fn new(connection: Object, begin: &'static str, wait: Duration) -> PostgresTx {
        PostgresTx { connection: Some(connection), state: State::NotBegun(begin), failed: false, wait }
    }

    pub async fn rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let done = self.try_rows(sql, params).await;
        self.failed |= done.is_err();
        done
    }

    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let done = self.try_run(sql, params).await;
        self.failed |= done.is_err();
        done
    }

    /// Several statements without parameters, as a migration has them.
    pub async fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = self.try_script(sql).await;
        self.failed |= done.is_err();
        done
    }

    pub async fn commit(mut self) -> Result<(), StoreError> {
        // PostgreSQL would answer "rollback" and call it a success.
        if self.failed {
            return Err(StoreError::Failed);
        }
        if let State::NotBegun(_) = self.state {
            return Ok(());
        }
        self.connection()?.batch_execute("commit").await?;
        // Only now may it go back to the pool as it is: a cancelled commit is rolled back behind itself.
        self.connection = None;
        Ok(())
    }

    async fn try_rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepare(sql).await?;
        let columns: Arc<[String]> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let begin = self.begin();
        let connection = self.connection()?;
        let found = match begin {
            Some(begin) => {
                let begin = connection.batch_execute(begin);
                let (begun, found) = tokio::join!(biased; begin, connection.query(&statement, &params));
                begun?;
                found?
            }
            None => connection.query(&statement, &params).await?,
        };
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let values = (0..columns.len()).map(|at| row.try_get::<_, Value>(at)).collect::<Result<_, _>>()?;
            rows.push(Row::new(columns.clone(), values));
        }
        Ok(rows)
    }

    async fn try_run(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql).await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let begin = self.begin();
        let connection = self.connection()?;
        match begin {
            Some(begin) => {
                let begin = connection.batch_execute(begin);
                let (begun, changed) = tokio::join!(biased; begin, connection.execute(&statement, &params));
                begun?;
                Ok(changed?)
            }
            None => Ok(connection.execute(&statement, &params).await?),
        }
    }

    async fn try_script(&mut self, sql: &str) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        let begin = self.begin();
        let connection = self.connection()?;
        if let Some(begin) = begin {
            connection.batch_execute(begin).await?;
        }
        Ok(connection.batch_execute(sql).await?)
    }

    async fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        let connection = self.connection()?;
        if connection.statement_cache.size() >= STATEMENTS {
            connection.statement_cache.clear();
        }
        Ok(connection.prepare_cached(sql).await?)
    }

    /// The text to begin with, once.
    fn begin(&mut self) -> Option<&'static str> {
        match std::mem::replace(&mut self.state, State::Open) {
            State::NotBegun(begin) => Some(begin),
            State::Open => None,
        }
    }

    fn connection(&self) -> Result<&Object, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Failed)
    }
}

impl Drop for PostgresTx {
    /// The connection returns to the pool only after the rollback, or not at all.
    ///
    /// The rollback queues behind whatever is still running on it, so a cancelled query is waited for, up to the limit.
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if let State::NotBegun(_) = self.state {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(connection));
            return;
        };
        let wait = self.wait;
        runtime.spawn(async move {
            let guard = Detach(Some(connection));
            let rolled_back = match &guard.0 {
                Some(connection) => tokio::time::timeout(wait, connection.batch_execute("rollback")).await,
                None => return,
            };
            if let Ok(Ok(())) = rolled_back {
                guard.keep();
            }
        });
    }
}

/// Takes the connection out of the pool for good unless it is kept, also when the runtime ends in the middle.
struct Detach(Option<Object>);

impl Detach {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Detach {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
