//! `bailiwick statistics rebuild`: makes the statistics again from the event log, while the server goes on serving.

use helpdesk::statistics::follow;
use outside::Clock;
use serde_json::json;
use store::Db;

use super::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make every number again from the event log; until it is done, numbers are too small
    Rebuild {
        /// Print JSON: `events`
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(args: &Args, database_url: &str) -> anyhow::Result<()> {
    let Command::Rebuild { json: as_json } = args.command;
    let db = Db::open_existing(database_url).await?;
    db.migrate().await?;
    let n_events = follow::rebuild(&db, Clock::system().now()).await?;
    let text = match as_json {
        true => format!("{}\n", json!({ "events": n_events })),
        false => format!("The statistics are made again from {n_events} events.\n"),
    };
    output::print(&text)
}
