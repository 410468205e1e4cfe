//! `bailiwick export`: everything of the account as NDJSON, while the server goes on serving.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::Context;
use helpdesk::Error;
use helpdesk::jobs::archive;
use outside::Random;
use store::Db;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A new file (default: standard output)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub async fn run(args: &Args, database_url: &str) -> anyhow::Result<()> {
    let db = Db::open_existing(database_url).await?;
    let run = uuid::Builder::from_random_bytes(Random::system().bytes()).into_uuid().to_string();
    let written = match &args.file {
        Some(file) => {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            // It holds what customers wrote: only its owner may read it.
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let opened = options.open(file).with_context(|| format!("cannot make {}", file.display()))?;
            let mut out = BufWriter::new(opened);
            let written = archive::write(&db, &run, &mut out).await?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            written
        }
        None => {
            let mut out = Watched { out: BufWriter::new(io::stdout()), is_gone: false };
            match archive::write(&db, &run, &mut out).await {
                // A reader who has gone, such as `head`, is no failure.
                Err(Error::Refused(_)) if out.is_gone => return Ok(()),
                written => written?,
            }
        }
    };
    eprintln!(
        "Wrote {} users, {} customers, {} teams, {} tags and {} tickets with {} messages.",
        written.users, written.customers, written.teams, written.tags, written.tickets, written.messages
    );
    Ok(())
}

/// Remembers that nobody reads any more.
struct Watched<W: Write> {
    out: BufWriter<W>,
    is_gone: bool,
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.is_gone |= written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.is_gone |= flushed.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        flushed
    }
}
