//! From settings to a running account: the data folder, the key, the database, the provider.

use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use endpoint::live::Live;
use endpoint::setup::Setup;
use endpoint::sink::Sink;
use endpoint::{App, Metrics, Parts};
use oauth::Provider;
use outside::{Clock, Fetch, Random};
use store::Db;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{self, Settings};
use crate::serve;

/// What differs between the product, the demo and a test.
pub struct Surroundings {
    pub clock: Clock,
    pub random: Random,
    /// 32 bytes from outside the database; encrypts private keys in it (KEY-4).
    pub secret_key: [u8; 32],
    /// The address people and apps use. It is the issuer.
    pub public_url: String,
}

/// Opens the account over a database whose schema is current.
pub async fn app(db: Db, surroundings: Surroundings, settings: &Settings) -> anyhow::Result<App> {
    let Surroundings { clock, random, secret_key, public_url } = surroundings;
    check_issuer(&public_url)?;
    helpdesk::public_address::set(&db, &public_url).await?;
    let client_certificate_header = settings.client_certificate_header()?;
    let provider_config = oauth::Config {
        issuer: public_url.clone(),
        secret_key,
        client_authorities: settings.client_authorities()?,
        client_certificates: settings.tls_client_certificates || client_certificate_header.is_some(),
        key_rotation_days: settings.key_rotation_days.into(),
        tool_permissions: mcp::permissions(),
    };
    let fetch = Fetch::new(settings.reach()?)?;
    let mut provider = Provider::new(db.clone(), clock.clone(), random.clone(), fetch, provider_config).await?;
    provider.mailer = settings.mailer()?;
    let metrics_token = Some(settings.metrics_token.clone()).filter(|token| !token.is_empty());
    let config = endpoint::Config {
        public_url,
        trusted_proxies: settings.trusted_proxies.clone(),
        client_certificate_header,
        metrics_token,
        request_timeout: Duration::from_secs(settings.request_seconds),
    };
    let blobs = settings.blobs(&clock)?;
    Ok(App::new(Parts {
        db,
        clock,
        random,
        blobs,
        sink: if settings.smtp_url == config::MEMORY { Sink::kept() } else { Sink::default() },
        provider,
        config,
        limits: settings.limits(),
        live: Live::new(settings.live_streams as usize),
        metrics: Metrics::default(),
        setup: Setup::default(),
    }))
}

/// The database of the settings, migrated.
pub async fn database(settings: &Settings) -> anyhow::Result<Db> {
    let db = open(settings).await?;
    db.migrate().await?;
    Ok(db)
}

/// The database of the settings as it is.
pub async fn open(settings: &Settings) -> anyhow::Result<Db> {
    if settings.database.is_empty() {
        writable(&settings.data)?;
    }
    let mut options = store::Options::default();
    if settings.synchronous == "normal" {
        options.synchronous = store::Synchronous::Normal;
    }
    if settings.database_connections != 0 {
        options.readers = settings.database_connections as usize;
        options.pool_size = settings.database_connections as usize;
    }
    Ok(Db::open_with(&settings.database_url(), &options).await?)
}

/// Refuses a data folder that cannot be used, and says why.
fn writable(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| {
        format!("cannot make the data folder {shown}; make it yourself, or choose another with --data")
    })?;
    tempfile::tempfile_in(folder).map(drop).with_context(|| {
        format!("cannot write into the data folder {shown}; give this user the right to, or choose another with --data")
    })
}

/// The key that encrypts secrets in the database: from `BAILIWICK_SECRET_KEY` (32 bytes in base64), else the file `secret.key`
/// in the data folder, made at the first start. Several nodes on one database need the same.
pub fn secret_key(data: &Path, variable: Option<&str>, random: &Random) -> anyhow::Result<[u8; 32]> {
    if let Some(text) = variable {
        return decode_key(text).context("BAILIWICK_SECRET_KEY");
    }
    let path = data.join("secret.key");
    if path.exists() {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        return decode_key(&text).with_context(|| path.display().to_string());
    }
    writable(data)?;
    let key = random.bytes::<32>();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).with_context(|| format!("cannot make {}", path.display()))?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    Ok(key)
}

fn decode_key(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = STANDARD.decode(text.trim()).context("the key is not base64")?;
    let n_bytes = bytes.len();
    bytes.try_into().map_err(|_| anyhow::anyhow!("the key must have 32 bytes, it has {n_bytes}"))
}

/// The issuer is https without query or fragment, or plain http on this machine (ALL-1, ALL-2).
pub fn check_issuer(public_url: &str) -> anyhow::Result<()> {
    let url = url::Url::parse(public_url).with_context(|| format!("public_url {public_url:?} is not an address"))?;
    if url.query().is_some() || url.fragment().is_some() || public_url.ends_with('/') || !url.username().is_empty() {
        bail!("public_url {public_url:?} must have no query, no fragment, no user and no slash at the end");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        _ => bail!(
            "public_url {public_url:?} must be https: only a loopback address may be plain http. \
             Put a proxy with a certificate in front, and set public_url to its address"
        ),
    }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// `BAILIWICK_SECRET_KEY`, if it is set.
pub fn secret_key_variable() -> Option<String> {
    variable("BAILIWICK_SECRET_KEY")
}

/// A variable of the environment, if it is set.
pub fn variable(name: &str) -> Option<String> {
    std::env::vars().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Whether the account was set up.
pub async fn has_account(app: &App) -> anyhow::Result<bool> {
    let mut tx = app.db.read().await?;
    Ok(helpdesk::account::exists(&mut tx).await?)
}

/// Starts writing logs to standard error.
pub fn logs(settings: &Settings) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&settings.log)
        .with_context(|| format!("log = {:?} is not a filter", settings.log))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.log_format.as_str() {
        "json" => logs.json().flatten_event(true).try_init(),
        _ => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the logs could not be started: {error}"))
}

/// The metrics' own listener, if the settings ask for one.
pub async fn metrics_listener(
    app: &App,
    settings: &Settings,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    if settings.metrics_listen.is_empty() {
        return Ok(None);
    }
    let listener = serve::bind(&settings.metrics_listen).await.context("metrics_listen")?;
    let metrics = app.metrics.clone();
    let router = axum::Router::new().route(
        "/metrics",
        axum::routing::get(async move || {
            ([(axum::http::header::CONTENT_TYPE, endpoint::health::METRICS_TYPE)], metrics.text())
        }),
    );
    let stop = async move {
        let _closed = stopped.wait_for(|stop| *stop).await;
    };
    Ok(Some(tokio::spawn(serve::serve(router, listener, stop, Duration::from_secs(1)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_may_be_the_issuer() {
        // ALL-1, ALL-2
        for good in ["https://help.example.com", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"] {
            check_issuer(good).unwrap();
        }
        for bad in
            ["http://help.example.com", "https://a.example/?x", "https://a.example/#f", "https://a.example/", "x"]
        {
            check_issuer(bad).unwrap_err();
        }
    }

    #[test]
    fn the_key_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();

        let first = secret_key(folder.path(), None, &Random::system()).unwrap();
        let second = secret_key(folder.path(), None, &Random::system()).unwrap();

        assert_eq!(first, second);
    }
}
