//! Parses the command line, nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use bailiwick::cli;
use bailiwick::config::Settings;
use bailiwick::demo;
use bailiwick::mock;
use clap::{Args, Parser, Subcommand};

/// Answers are many small allocations on several threads: this one serves a ticket half as fast again as the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A self-hosted helpdesk with an OAuth 2.1 / OpenID Connect provider at its heart.
///
/// Without a command it serves.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    overrides: Overrides,
}

/// Settings that are often given by hand. `bailiwick init` writes a file with all of them.
#[derive(Args)]
struct Overrides {
    /// Settings file (default: bailiwick.toml, if there is one)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to serve on
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The address people and apps use
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// Folder of the embedded database
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// postgres://... to use PostgreSQL
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the account (the default)
    Serve,
    /// Serve a fresh helpdesk full of made-up people and tickets
    Demo(demo::Args),
    /// Serve a throw-away test double of a vendor, with fixed credentials and faults on demand
    Mock(mock::Args),
    /// Write bailiwick.toml with every setting, its meaning and its default
    Init,
    /// Write the whole account to one new file, while the server goes on serving
    Backup(cli::backup::Args),
    /// Fill an empty database from a backup
    Restore(cli::restore::Args),
    /// Write people, tags and tickets with their messages as NDJSON, while the server goes on serving
    Export(cli::export::Args),
    /// Take tickets, customers and mails over from a file, while the server goes on serving
    Import(cli::import::Args),
    /// Bring the database to this program's schema; with --to, move the account to PostgreSQL
    Migrate(cli::migrate::Args),
    /// List, replace or revoke the keys that sign tokens, while the server goes on serving
    Key(cli::key::Args),
    /// Make the statistics again from the event log, while the server goes on serving
    Statistics(cli::statistics::Args),
    /// Print every route, the scope it needs and the handler that asks for it
    Routes(cli::routes::Args),
    /// Print both vendors' scope words and what each opens
    Scopes(cli::scopes::Args),
}

impl Overrides {
    /// The demo knows no other settings than these: a file or variable of the real account must not reach it.
    fn place(self) -> demo::Place {
        demo::Place { listen: self.listen, public_url: self.public_url, data: self.data, database: self.database }
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::read(self.config.as_deref(), std::env::vars())?;
        if let Some(listen) = &self.listen {
            settings.listen.clone_from(listen);
        }
        if let Some(url) = &self.public_url {
            settings.public_url.clone_from(url);
        }
        if let Some(data) = &self.data {
            settings.data.clone_from(data);
        }
        if let Some(database) = &self.database {
            settings.database.clone_from(database);
        }
        Ok(settings)
    }
}

fn main() -> ExitCode {
    take_small_pages();
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bailiwick: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => block_on(cli::serve::run(cli.overrides.settings()?)),
        Command::Demo(args) => block_on(demo::run(args, cli.overrides.place())),
        Command::Mock(args) => block_on(mock::run(args, cli.overrides.place())),
        Command::Init => cli::init::run(),
        Command::Backup(args) => block_on(cli::backup::run(&args, &cli.overrides.settings()?.database_url())),
        Command::Restore(args) => block_on(cli::restore::run(&args, &cli.overrides.settings()?.database_url())),
        Command::Export(args) => block_on(cli::export::run(&args, &cli.overrides.settings()?.database_url())),
        Command::Import(args) => block_on(cli::import::run(&args, &cli.overrides.settings()?.database_url())),
        Command::Migrate(args) => block_on(cli::migrate::run(&args, &cli.overrides.settings()?.database_url())),
        Command::Key(args) => block_on(cli::key::run(&args, &cli.overrides.settings()?)),
        Command::Statistics(args) => block_on(cli::statistics::run(&args, &cli.overrides.settings()?.database_url())),
        Command::Routes(args) => cli::routes::run(&args),
        Command::Scopes(args) => cli::scopes::run(&args),
    }
}

/// The allocator's memory is touched here and there: of pages of 2 MiB, most would lie idle and count as used.
fn take_small_pages() {
    // Where the kernel refuses, it costs memory and nothing else.
    #[cfg(target_os = "linux")]
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
