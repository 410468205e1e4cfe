//! Taking macros over from a CSV file that was uploaded: row by row, a slice of rows a transaction.
//!
//! A row that cannot be taken leaves nothing behind and is listed, as is one whose macro is there already, so that a file can be imported
//! twice. A run that was killed goes on behind its last slice.

use bytes::Bytes;
use csv::ByteRecord;
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Files, Macros};
use serde_json::json;
use store::Tx;

use super::errors::NewError;
use super::macro_rows::{self, Places};
use super::run::{Ended, Hands, Progress, Run, Standing};
use crate::macros::write::{self, NewMacro};
use crate::pace::Pace;
use crate::{Error, files};

/// Rows of one slice at most.
const ROWS: usize = 256;

pub(super) async fn run(run: &Run<'_>, hands: &Hands<'_>, path: &str) -> Result<Ended, Error> {
    let may: CanWrite<Macros> = run.permit()?;
    let bytes = bytes(run, hands, path).await?;
    let mut table = Table::of(&bytes)?;
    let mut progress = run.progress();
    if progress.checkpoint.is_null() {
        progress.total = Some(Table::of(&bytes)?.n_rows()?);
    }
    table.pass_over(progress.done)?;
    let mut pace = Pace::at_most(run.db, ROWS);
    loop {
        let mut rows = Vec::with_capacity(pace.size());
        while rows.len() < pace.size()
            && let Some((number, record)) = table.next()?
        {
            rows.push((number, macro_rows::read(record, &table.places, hands.read_actions, run.job.id)));
        }
        if rows.is_empty() {
            return Ok(Ended::Done);
        }
        let slice = Slice { run, may: &may, rows: &rows, before: &progress };
        let (standing, saved, began) = store::transact!(run.db.in_background(), |tx| slice.write(tx).await)?;
        if let Standing::Over(ended) = standing {
            return Ok(ended);
        }
        pace.learn(rows.len(), began, run.clock.now());
        progress = saved;
        tokio::task::yield_now().await;
    }
}

async fn bytes(run: &Run<'_>, hands: &Hands<'_>, path: &str) -> Result<Bytes, Error> {
    let may: CanRead<Files> = run.permit()?;
    let found = async {
        let file = {
            let mut tx = run.db.read().await?;
            files::at_path(&mut tx, &may, path).await?
        };
        files::read(run.db, hands.blobs, &file).await
    };
    found.await.map_err(|error| match error {
        Error::NotFound { .. } => Error::Refused("The file is no longer there: upload it again.".to_owned()),
        other => other,
    })
}

/// The rows of a file behind its line of headings.
struct Table<'a> {
    reader: csv::Reader<&'a [u8]>,
    places: Places,
    /// Of the row that was read last, from 1.
    number: i64,
}

impl<'a> Table<'a> {
    fn of(bytes: &'a [u8]) -> Result<Table<'a>, Error> {
        // Table programs put it before UTF-8.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let places = Places::of(reader.byte_headers().map_err(unreadable)?)?;
        Ok(Table { reader, places, number: 0 })
    }

    fn next(&mut self) -> Result<Option<(i64, ByteRecord)>, Error> {
        let mut record = ByteRecord::new();
        if !self.reader.read_byte_record(&mut record).map_err(unreadable)? {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, record)))
    }

    /// Reads as many rows that were dealt with already.
    fn pass_over(&mut self, n_rows: i64) -> Result<(), Error> {
        while self.number < n_rows && self.next()?.is_some() {}
        Ok(())
    }

    fn n_rows(mut self) -> Result<i64, Error> {
        self.pass_over(i64::MAX)?;
        Ok(self.number)
    }
}

fn unreadable(_: csv::Error) -> Error {
    Error::Refused("The file cannot be read as CSV.".to_owned())
}

struct Slice<'a> {
    run: &'a Run<'a>,
    may: &'a CanWrite<Macros>,
    /// Numbers, and what was read.
    rows: &'a [(i64, Result<NewMacro, String>)],
    before: &'a Progress,
}

impl Slice<'_> {
    /// One slice, and when it had its turn.
    async fn write(&self, tx: &mut Tx) -> Result<(Standing, Progress, Timestamp), Error> {
        let now = self.run.clock.now();
        let mut progress = self.before.clone();
        let standing = self.run.standing(tx).await?;
        if standing != Standing::Going {
            return Ok((standing, progress, now));
        }
        let mut errors = Vec::new();
        for (number, row) in self.rows {
            let problem = match row {
                Ok(new) => self.store(tx, now, new).await?,
                Err(problem) => Some(problem.clone()),
            };
            match problem {
                None => progress.n_changed += 1,
                Some(problem) => errors.push(NewError { ticket_id: None, row_number: Some(*number), problem }),
            }
            progress.done = *number;
        }
        progress.checkpoint = json!({ "row": progress.done });
        self.run.save(tx, &mut progress, &[], &errors).await?;
        Ok((standing, progress, now))
    }

    /// Why the macro was left out, if it was.
    async fn store(&self, tx: &mut Tx, now: Timestamp, new: &NewMacro) -> Result<Option<String>, Error> {
        if let Some(id) = write::same_as(tx, self.may, new).await? {
            return Ok(Some(format!("Skipped: the macro is there already (macro {id}).")));
        }
        tx.mark().await?;
        match write::create(tx, self.may, now, new.clone()).await {
            Ok(_) => {
                tx.keep_since_mark().await?;
                Ok(None)
            }
            Err(Error::Store(error)) => Err(error.into()),
            Err(error) => {
                tx.back_to_mark().await?;
                Ok(Some(error.to_string()))
            }
        }
    }
}
