//! `bailiwick demo`: a server over fresh, realistic data, for newcomers and for tests.
//!
//! `plan` makes up what happens, `seed` writes it, `month` has the rest of the product work on it meanwhile, `texts` and the files beside it are what it is made of (`SOURCE.md`).

mod apps;
mod clients_file;
mod fields;
pub(crate) mod help_center;
mod integrations;
mod macros;
mod month;
mod people;
mod plan;
mod rules;
mod seed;
mod surveys;
mod texts;
mod views;

use std::path::PathBuf;

use anyhow::{Context, bail};
use outside::{Clock, Random};
use scope::role::Role;
use serde_json::json;
use store::{Db, transact};
use tempfile::TempDir;

use crate::cli::{self, output};
use crate::config::{self, Settings};
use crate::serve;
use crate::start::{self, Surroundings};
use apps::DemoApp;
pub use clients_file::ClientsFile;
pub(crate) use seed::permit;
use seed::{Login, Seeded};

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How many tickets
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub tickets: usize,
    /// The same seed makes the same data
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Print one line of JSON when ready, and nothing else
    #[arg(long)]
    pub json: bool,
    /// Apps and people to add, as docs/conformance.md describes
    #[arg(long, value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// The address in front of it, such as that of a TLS proxy on this machine; the same as --public-url
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// Limit calls by token and API key, as the product does
    #[arg(long)]
    pub rate_limits: bool,
}

/// What was given on the command line besides.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub listen: Option<String>,
    pub public_url: Option<String>,
    /// Kept after the end; without it a temporary folder is used and removed.
    pub data: Option<PathBuf>,
    pub database: Option<String>,
}

/// A demo that is ready: the account is filled, nothing serves yet.
pub struct Demo {
    pub app: endpoint::App,
    pub people: Seeded,
    pub apps: Vec<DemoApp>,
}

pub async fn run(args: Args, place: Place) -> anyhow::Result<()> {
    let folder = Folder::of(place.data)?;
    let mut settings = Settings::defaults()?;
    settings.data = folder.path();
    settings.database = place.database.unwrap_or_default();
    settings.rate_limits = args.rate_limits;
    // Somebody looks at a demo's terminal, or a test does: a line for each request would hide what matters.
    settings.log = start::variable("BAILIWICK_LOG").unwrap_or_else(|| "warn".to_owned());
    settings.shutdown_seconds = 5;
    settings.smtp_url = config::MEMORY.to_owned();
    settings.mail_from = "Demo helpdesk <help@demo.test>".to_owned();
    if let Some(listen) = place.listen {
        settings.listen = listen;
    }
    let file = args.clients.as_deref().map(ClientsFile::read).transpose()?.unwrap_or_default();
    file.apply(&mut settings);
    start::logs(&settings)?;
    let listener = serve::bind(&settings.listen).await?;
    let address = listener.local_addr()?;
    integrations::lead_back(&mut settings, address);
    let given = args.issuer.clone().or(place.public_url).or_else(|| file.server.issuer.clone());
    let public_url = given.map_or_else(|| format!("http://{address}"), |url| url.trim_end_matches('/').to_owned());
    let demo = fill(&settings, public_url, &args, &file).await?;
    let text = if args.json { demo.json_line() } else { demo.text(&folder) };
    output::print(&text)?;
    cli::serve::until_stopped(demo.app, listener, &settings).await
}

/// Opens the database and fills it. Refuses one that holds an account: it may be somebody's real one.
pub async fn fill(settings: &Settings, public_url: String, args: &Args, file: &ClientsFile) -> anyhow::Result<Demo> {
    let db = start::database(settings).await?;
    let random = Random::system();
    let clock = Clock::system();
    let secret_key = start::secret_key(&settings.data, None, &random)?;
    // First the app that will serve: its signing keys are of now, and no seed can foretell them.
    let surroundings = Surroundings { clock: clock.clone(), random, secret_key, public_url: public_url.clone() };
    let app = start::app(db.clone(), surroundings, settings).await?;
    if start::has_account(&app).await? {
        bail!(
            "there is an account in {} already; serve it with `bailiwick serve`, or give the demo a fresh place with --data",
            settings.data.display()
        );
    }
    let people = seed::seed(&db, clock.now(), args.tickets, args.seed).await?;
    let may_integrate = seed::acting(people.owner_id, Role::Owner, &app.random)
        .map_err(|refusal| anyhow::anyhow!("the owner may not make integrations: {refusal:?}"))?;
    let now = clock.now();
    transact!(db, |tx| integrations::create(tx, &may_integrate, now).await)?;
    let mut apps = register_apps(db, settings, public_url, secret_key, &people, args.seed).await?;
    let may = seed::acting(people.owner_id, Role::Owner, &app.random)
        .map_err(|refusal| anyhow::anyhow!("the owner may not register apps: {refusal:?}"))?;
    apps.extend(file.load(&app, &may).await?);
    Ok(Demo { app, people, apps })
}

/// Registers the apps with a provider whose ids and secrets come from the seed.
async fn register_apps(
    db: Db,
    settings: &Settings,
    public_url: String,
    secret_key: [u8; 32],
    people: &Seeded,
    seed: u64,
) -> anyhow::Result<Vec<DemoApp>> {
    let random = seed::chance(seed, "apps");
    let may = seed::acting(people.owner_id, Role::Owner, &random)
        .map_err(|refusal| anyhow::anyhow!("the owner may not register apps: {refusal:?}"))?;
    let surroundings = Surroundings { clock: Clock::system(), random, secret_key, public_url };
    let app = start::app(db, surroundings, settings).await?;
    Ok(apps::register(&app.provider, &may).await?)
}

impl Demo {
    /// What a test needs to know, as one line.
    fn json_line(&self) -> String {
        let login =
            |login: &Login| json!({ "email": login.email, "password": login.password, "api_key": login.api_key });
        let line = json!({
            "url": self.app.config.public_url,
            "issuer": self.app.config.public_url,
            "account": seed::ACCOUNT_DOMAIN,
            "people": {
                "admin": login(&self.people.admin),
                "agent": login(&self.people.agent),
                "customer": login(&self.people.customer),
            },
            "apps": self.apps,
        });
        format!("{line}\n")
    }

    /// The same for a person.
    fn text(&self, folder: &Folder) -> String {
        let url = &self.app.config.public_url;
        let people =
            [("admin", &self.people.admin), ("agent", &self.people.agent), ("customer", &self.people.customer)];
        let row = |row: [&str; 4]| row.map(str::to_owned);
        let mut logins = vec![row(["", "E-MAIL", "PASSWORD", "API KEY"])];
        logins.extend(people.map(|(who, login)| row([who, &login.email, login.password, &login.api_key])));
        let mut apps = vec![["APP", "DIALECT", "TYPE", "CLIENT ID", "CLIENT SECRET"].map(str::to_owned)];
        apps.extend(self.apps.iter().map(|app| {
            let secret = app.client_secret.as_deref().unwrap_or("none");
            [&app.name, app.dialect, app.r#type, &app.client_id, secret].map(str::to_owned)
        }));
        let fate = match folder {
            Folder::Temporary(_) => "Its data is gone when it ends; --data DIR keeps it.".to_owned(),
            Folder::Kept(path) => format!("Its data stays in {}.", path.display()),
        };
        format!(
            "{account} is open at {url}\n\n{logins}\n{apps}\nEvery app may send people back to http://127.0.0.1/callback, with any port.\n\n\
             Try:  curl -u {email}:{key} '{url}/api/tickets?limit=2'\n\nCtrl-C ends it. {fate}\n",
            account = seed::ACCOUNT_NAME,
            logins = output::columns(&logins),
            apps = output::columns(&apps),
            email = self.people.admin.email,
            key = self.people.admin.api_key,
        )
    }
}

/// Where the demo's files lie.
enum Folder {
    /// Removed when it is dropped.
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn of(data: Option<PathBuf>) -> anyhow::Result<Folder> {
        match data {
            Some(path) => Ok(Folder::Kept(path)),
            None => {
                let folder = tempfile::Builder::new().prefix("bailiwick-demo-").tempdir();
                Ok(Folder::Temporary(folder.context("cannot make a temporary folder; choose one with --data")?))
            }
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Folder::Temporary(folder) => folder.path().to_owned(),
            Folder::Kept(path) => path.clone(),
        }
    }
}
