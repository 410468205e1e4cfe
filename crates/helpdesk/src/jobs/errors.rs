//! What a job could not do, row by row.

use scope::permit::CanRead;
use scope::resource::Jobs;
use store::{Row, Tx};

use crate::Error;
use crate::page::{self, Column, Order, Page, Query, Slice};

/// Errors of one job that are kept. More are only counted.
const KEPT: i64 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    pub number: i64,
    pub ticket_id: Option<i64>,
    /// Of a file, from 1.
    pub row_number: Option<i64>,
    pub problem: String,
}

/// Served by the primary key.
pub async fn list(tx: &mut Tx, _may: &CanRead<Jobs>, job_id: i64, slice: &Slice) -> Result<Page<JobError>, Error> {
    let mut query = Query::new("select e.number, e.ticket_id, e.row_number, e.problem from job_errors e where 1 = 1");
    query.and("e.job_id =", job_id);
    let columns: &'static [Column] = &[Column::Int("e.number", "number")];
    query.page(tx, Order { columns, descending: false }, slice).await?.try_map(|row| from_row(&row))
}

/// Keeps errors of a slice, in its transaction. `n_before` is how many the job had.
pub(super) async fn keep(tx: &mut Tx, job_id: i64, n_before: i64, found: &[NewError]) -> Result<(), Error> {
    let room = usize::try_from(KEPT - n_before).unwrap_or_default();
    let mut rest = &found[..found.len().min(room)];
    let mut number = n_before;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(page::at_once(rest.len(), 256));
        rest = others;
        let mut query = Query::new("insert into job_errors (job_id, number, ticket_id, row_number, problem) values ");
        let job = query.bind(job_id);
        for (at, error) in some.iter().enumerate() {
            number += 1;
            let comma = if at == 0 { "" } else { ", " };
            let (number, ticket) = (query.bind(number), query.bind(error.ticket_id));
            let (row, problem) = (query.bind(error.row_number), query.bind(error.problem.as_str()));
            query.sql.push_str(&format!("{comma}({job}, {number}, {ticket}, {row}, {problem})"));
        }
        tx.run(&query.sql, &query.params).await?;
    }
    Ok(())
}

#[derive(Debug, Clone)]
pub(super) struct NewError {
    pub ticket_id: Option<i64>,
    pub row_number: Option<i64>,
    pub problem: String,
}

impl NewError {
    pub fn of_ticket(id: i64, problem: impl Into<String>) -> NewError {
        NewError { ticket_id: Some(id), row_number: None, problem: problem.into() }
    }
}

fn from_row(row: &Row) -> Result<JobError, Error> {
    Ok(JobError {
        number: row.int("number")?,
        ticket_id: row.int_or_null("ticket_id")?,
        row_number: row.int_or_null("row_number")?,
        problem: row.text("problem")?,
    })
}
