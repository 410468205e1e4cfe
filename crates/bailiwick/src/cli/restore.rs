//! `bailiwick restore FILE`: an account from a backup, into a database that holds none yet.

use std::path::PathBuf;

use serde_json::json;
use store::dump;

use super::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What `bailiwick backup` wrote, with this program or an older one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON: `file`
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &Args, database_url: &str) -> anyhow::Result<()> {
    if let Some(folder) = database_url.strip_prefix("sqlite:").and_then(|path| std::path::Path::new(path).parent()) {
        std::fs::create_dir_all(folder)?;
    }
    dump::restore(&args.file, database_url).await?;
    output::print(&if args.json {
        format!("{}\n", json!({ "file": args.file }))
    } else {
        format!("Restored {}. Start the server with the secret key that it was made with.\n", args.file.display())
    })
}
