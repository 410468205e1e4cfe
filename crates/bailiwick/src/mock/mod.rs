//! `bailiwick mock`: the same program as a test double of a vendor. Its data is thrown away, its credentials are fixed, its clock can be
//! stopped, it fails on demand, and it tells which requests it has seen (`docs/mock.md`).
//!
//! `fixtures.rs` is what it is filled with, `running.rs` one filled account, `faults.rs` how it fails, `control.rs` what stands in front.

mod control;
mod faults;
mod fixtures;
mod help_center;
mod running;

use std::path::PathBuf;

use anyhow::{Context, bail};
use jiff::Timestamp;
use scope::Dialect;
use serde_json::json;

pub use control::Mock;
pub use fixtures::Fixtures;

use crate::cli::output;
use crate::config::{self, Settings};
use crate::demo::Place;
use crate::{serve, start};

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Whose clients are tested: zendesk or gorgias
    #[arg(long, value_name = "VENDOR", default_value = "zendesk", value_parser = vendor)]
    pub dialect: Dialect,
    /// People, organizations, groups, tickets and apps, in TOML or JSON, as docs/mock.md describes
    #[arg(long, value_name = "FILE")]
    pub fixtures: Option<PathBuf>,
    /// Stop the clock at this time, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// The same seed makes the same credentials and the same faults
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Print one line of JSON when ready, and nothing else
    #[arg(long)]
    pub json: bool,
    /// Limit calls by token and API key, as the product does
    #[arg(long)]
    pub rate_limits: bool,
}

fn vendor(word: &str) -> Result<Dialect, String> {
    match Dialect::parse(word) {
        Some(dialect @ (Dialect::Zendesk | Dialect::Gorgias)) => Ok(dialect),
        _ => Err("choose zendesk or gorgias".to_owned()),
    }
}

/// How a mock is set up: what it becomes again by a reset.
#[derive(Debug, Clone)]
pub struct Plan {
    pub dialect: Dialect,
    pub fixtures: Fixtures,
    /// None: the clock runs.
    pub now: Option<Timestamp>,
    pub seed: u64,
    pub public_url: String,
    pub settings: Settings,
}

/// Settings of a mock: nothing of the real account's.
pub fn settings() -> anyhow::Result<Settings> {
    let mut settings = Settings::defaults()?;
    settings.log = start::variable("BAILIWICK_LOG").unwrap_or_else(|| "warn".to_owned());
    settings.rate_limits = false;
    settings.synchronous = "normal".to_owned();
    settings.database_connections = 4;
    // Webhooks lead to the tests beside it.
    settings.fetch_private = true;
    settings.shutdown_seconds = 1;
    settings.smtp_url = config::MEMORY.to_owned();
    settings.mail_from = "Mock helpdesk <help@mock.test>".to_owned();
    Ok(settings)
}

pub async fn run(args: Args, place: Place) -> anyhow::Result<()> {
    if place.data.is_some() || place.database.is_some() {
        bail!("a mock keeps nothing: leave --data and --database out, or use `bailiwick demo`");
    }
    let mut settings = settings()?;
    settings.rate_limits = args.rate_limits;
    if let Some(listen) = place.listen {
        settings.listen = listen;
    }
    start::logs(&settings)?;
    let fixtures = match &args.fixtures {
        Some(path) => Fixtures::read(path)?,
        None => Fixtures::usual()?,
    };
    let listener = serve::bind(&settings.listen).await?;
    // The issuer must be an address of this machine; links in answers go by what the client called.
    let port = listener.local_addr()?.port();
    let public_url = place.public_url.unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
    let plan = Plan { dialect: args.dialect, fixtures, now: args.now, seed: args.seed, public_url, settings };
    let mock = Mock::new(plan).await.context("the fixtures")?;
    output::print(&if args.json { format!("{}\n", mock.facts()) } else { text(&mock) })?;
    serve::serve(mock.router(), listener, serve::asked_to_stop(), std::time::Duration::from_secs(1)).await;
    mock.end().await;
    Ok(())
}

/// What a person needs to know.
fn text(mock: &Mock) -> String {
    let facts = mock.facts();
    let of = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or("none").to_owned();
    let mut people = vec![["", "E-MAIL", "PASSWORD", "API KEY"].map(str::to_owned)];
    for person in facts["people"].as_array().into_iter().flatten() {
        people.push([of(person, "role"), of(person, "email"), of(person, "password"), of(person, "api_key")]);
    }
    let mut clients = vec![["APP", "TYPE", "CLIENT ID", "CLIENT SECRET"].map(str::to_owned)];
    for client in facts["clients"].as_array().into_iter().flatten() {
        clients.push([of(client, "name"), of(client, "kind"), of(client, "client_id"), of(client, "client_secret")]);
    }
    let url = of(&facts, "url");
    let path = if facts["dialect"] == json!("zendesk") { "/api/v2/tickets.json" } else { "/api/tickets" };
    format!(
        "A mock of {dialect} is at {url}\n\n{people}\n{clients}\nTOKEN  {token}\n\n\
         Try:  curl -H 'Authorization: Bearer {token}' '{url}{path}'\n\
         Look: curl '{url}/_mock/requests'\n\nCtrl-C ends it, and its data.\n",
        dialect = of(&facts, "dialect"),
        people = output::columns(&people),
        clients = output::columns(&clients),
        token = of(&facts, "token"),
    )
}
