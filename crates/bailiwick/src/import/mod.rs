//! Reading files of other helpdesks, mailboxes and our own exports, row by row, for `helpdesk/src/jobs/import.rs` to store.
//!
//! A reader always begins at the start of the file and numbers its rows: whoever goes on with an import passes over those that are done.
//! Memory holds one row.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use helpdesk::jobs::import::Row;

mod gorgias;
mod mbox;
mod objects;
mod own;
mod table;
mod values;
mod zendesk;

/// Largest object or mail of a file.
const ROW_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table with a line of headings
    Csv,
    /// What `bailiwick export` and our own exports write
    Ndjson,
    /// Gorgias: tickets as JSON, one a line or in a list, or its CSV export
    Gorgias,
    /// Zendesk: its JSON or NDJSON export of tickets
    Zendesk,
    /// A mailbox
    Mbox,
}

impl Format {
    pub const fn word(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Gorgias => "gorgias",
            Format::Zendesk => "zendesk",
            Format::Mbox => "mbox",
        }
    }
}

pub type Rows = Box<dyn Iterator<Item = io::Result<Row>>>;

/// The rows of a file. `mapping` names columns of a table whose headings do not say what they are: (our field, heading).
pub fn open(path: &Path, format: Format, mapping: &[(String, String)]) -> anyhow::Result<Rows> {
    let file = BufReader::new(File::open(path)?);
    Ok(match format {
        Format::Ndjson => Box::new(objects::read(file, own::content)?),
        Format::Csv => Box::new(table::read(file, "csv", mapping)?),
        Format::Gorgias if objects::is_json(path)? => Box::new(objects::read(file, gorgias::content)?),
        Format::Gorgias => Box::new(table::read(file, "gorgias", mapping)?),
        Format::Zendesk => Box::new(objects::read(file, zendesk::reader(path)?)?),
        Format::Mbox => Box::new(mbox::read(file)),
    })
}
