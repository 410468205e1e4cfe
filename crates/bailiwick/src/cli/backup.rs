//! `bailiwick backup FILE`: the whole account in one file, while the server goes on serving.

use std::path::PathBuf;

use serde_json::json;
use store::{Db, dump};

use super::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A new file. It is a SQLite database, whatever the account is kept in
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON: `file` and `bytes`
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &Args, database_url: &str) -> anyhow::Result<()> {
    let db = Db::open_existing(database_url).await?;
    let n_bytes = dump::backup(&db, &args.file).await?;
    output::print(&if args.json {
        format!("{}\n", json!({ "file": args.file, "bytes": n_bytes }))
    } else {
        format!(
            "Wrote {} ({n_bytes} bytes). It holds everything but the secret key, which is kept apart from the database.\n",
            args.file.display()
        )
    })
}
