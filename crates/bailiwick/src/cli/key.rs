//! `bailiwick key`: the keys that sign tokens, listed and replaced while the server goes on serving (KEY-3).
//!
//! It changes the database; every running server follows within a second.

use anyhow::bail;
use endpoint::App;
use oauth::key_rotation::{Rotation, SigningKey};
use outside::{Clock, Random};
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::Db;

use super::output;
use crate::config::Settings;
use crate::start::{self, Surroundings};

/// The keys that sign id_tokens and other tokens
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the published keys
    List {
        /// Print JSON: for each key `kid`, `alg`, `state`, `created_at`, `active_from`, `expires_at`
        #[arg(long)]
        json: bool,
    },
    /// Replace all keys. Those that were in use stay published until the last token they signed is over
    Rotate {
        /// The new keys sign in five minutes, when everybody has seen them (the default)
        #[arg(long, conflicts_with = "now")]
        announced: bool,
        /// The new keys sign at once. Apps that do not look up a key they do not know fail for some minutes
        #[arg(long)]
        now: bool,
    },
    /// End one key at once, because it leaked: every token it signed is worth nothing from now on
    Revoke {
        /// As `bailiwick key list` prints it
        // One in 64 begins with a hyphen.
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
    },
}

pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<()> {
    let app = open(settings).await?;
    let provider = &app.provider;
    let run = uuid::Builder::from_random_bytes(app.random.bytes()).into_uuid().to_string();
    let actor = Actor { worker: Some("command line"), request_id: run, ..Actor::default() };
    match &args.what {
        What::List { json: true } => {
            let keys: Vec<Json> = provider.list_keys().await?.iter().map(as_json).collect();
            output::print(&format!("{}\n", serde_json::to_string_pretty(&keys)?))
        }
        What::List { json: false } => output::print(&table(&provider.list_keys().await?)),
        What::Rotate { announced: _, now } => {
            provider.rotate_keys(&actor, if *now { Rotation::Now } else { Rotation::Announced }).await?;
            output::print(&table(&provider.list_keys().await?))
        }
        What::Revoke { kid } => {
            if !provider.list_keys().await?.iter().any(|key| key.kid == *kid) {
                bail!("there is no key {kid}; `bailiwick key list` prints those there are");
            }
            provider.revoke_key(&actor, kid).await?;
            output::print(&table(&provider.list_keys().await?))
        }
    }
}

/// The account as a server has it, without serving.
async fn open(settings: &Settings) -> anyhow::Result<App> {
    let variable = start::secret_key_variable();
    if variable.is_none() && !settings.data.join("secret.key").exists() {
        // A key of our own making would encrypt what no server could read.
        bail!(
            "there is no secret.key in {}; name the server's folder with --data, or set BAILIWICK_SECRET_KEY as it has it",
            settings.data.display()
        );
    }
    let random = Random::system();
    let secret_key = start::secret_key(&settings.data, variable.as_deref(), &random)?;
    let db = Db::open_existing(&settings.database_url()).await?;
    let public_url = match settings.public_url.as_str() {
        "" => format!("http://{}", settings.listen),
        public_url => public_url.to_owned(),
    };
    start::app(db, Surroundings { clock: Clock::system(), random, secret_key, public_url }, settings).await
}

fn as_json(key: &SigningKey) -> Json {
    json!({
        "kid": key.kid,
        "alg": key.algorithm,
        "state": key.state.word(),
        "created_at": key.created_at.to_string(),
        "active_from": key.active_from.to_string(),
        "expires_at": key.expires_at.map(|end| end.to_string()),
    })
}

fn table(keys: &[SigningKey]) -> String {
    let mut rows = vec![["KID", "ALG", "STATE", "SIGNS FROM", "PUBLISHED UNTIL"].map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        [
            key.kid.clone(),
            key.algorithm.clone(),
            key.state.word().to_owned(),
            format!("{:.0}", key.active_from),
            key.expires_at.map_or_else(|| "-".to_owned(), |end| format!("{end:.0}")),
        ]
    }));
    output::columns(&rows)
}
