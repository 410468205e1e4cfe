//! `bailiwick import FILE`: tickets, customers and mails from elsewhere, while the server goes on serving.
//!
//! Killed or stopped, the same command goes on where it was; run again, it skips what is there already.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;
use helpdesk::jobs::import::{Import, Receipt, Row, Source};
use outside::{Clock, Random};
use serde_json::Value;
use store::Db;

use super::output;
use crate::import::{self, Format};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the file is
    #[arg(long, value_enum)]
    format: Format,
    /// Which column of a table a field is in, where its heading does not say: `external_id=Case no`. May be given several times
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = mapping)]
    map: Vec<(String, String)>,
    /// Print the receipt as JSON
    #[arg(long)]
    json: bool,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (field, column) = text.split_once('=').ok_or("write FIELD=COLUMN")?;
    Ok((field.trim().to_owned(), column.to_owned()))
}

pub async fn run(args: &Args, database_url: &str) -> anyhow::Result<()> {
    let db = Db::open_existing(database_url).await?;
    let receipt = import(&db, args).await?;
    let text = match args.json {
        true => format!("{}\n", receipt.json),
        false => told(&receipt),
    };
    output::print(&text)?;
    if receipt.was_canceled {
        anyhow::bail!("the import was canceled; what was imported is kept");
    }
    Ok(())
}

async fn import(db: &Db, args: &Args) -> anyhow::Result<Receipt> {
    let shown = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let (hash, n_bytes) = outside::sha256_of(file).with_context(|| format!("cannot read {shown}"))?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let sha256 = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let source = Source { format: args.format.word().to_owned(), file: name, n_bytes, sha256 };
    let rows = import::open(&args.file, args.format, &args.map).with_context(|| format!("cannot read {shown}"))?;
    let clock = Clock::system();
    let run = uuid::Builder::from_random_bytes(Random::system().bytes()).into_uuid().to_string();
    let mut import = Import::begin(db, &clock, &run, &source).await?;
    let n_done = import.n_done();
    if n_done > 0 {
        eprintln!("Going on with import {} behind row {n_done}.", import.job_id());
    }
    let mut slice: Vec<Row> = Vec::new();
    for row in rows {
        let row = row.with_context(|| format!("cannot read {shown} to its end"))?;
        if row.number <= n_done {
            continue;
        }
        slice.push(row);
        if import.size() <= slice.len() {
            if !import.slice(&slice).await? {
                return Ok(import.end(&source, false).await?);
            }
            slice.clear();
        }
    }
    let was_read = slice.is_empty() || import.slice(&slice).await?;
    Ok(import.end(&source, was_read).await?)
}

/// The receipt as people read it.
fn told(receipt: &Receipt) -> String {
    let json = &receipt.json;
    let number = |path: &str| json.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let mut text = format!(
        "Import {} of {}: {} rows\n",
        receipt.job_id,
        json["file"].as_str().unwrap_or_default(),
        number("/rows")
    );
    for what in ["tickets", "messages", "customers", "tags"] {
        text.push_str(&format!("  {what} created: {}\n", number(&format!("/created/{what}"))));
    }
    for (why, n) in json["skipped"].as_object().into_iter().flatten() {
        text.push_str(&format!("  skipped, {why}: {n}\n"));
    }
    text.push_str(&format!("  failed: {}\n", number("/failed")));
    text.push_str(&format!("  sha256 of the file: {}\n", json["sha256"].as_str().unwrap_or_default()));
    text.push_str(&format!("  sha256 of the outcomes: {}\n", json["outcomes_sha256"].as_str().unwrap_or_default()));
    text.push_str("What was skipped or failed is listed row by row in the Admin Center under Jobs.\n");
    text
}
