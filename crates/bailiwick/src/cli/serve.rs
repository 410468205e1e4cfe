//! `bailiwick` and `bailiwick serve`: the product.

use std::time::Duration;

use endpoint::App;
use outside::{Clock, Random};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Settings;
use crate::start::{self, Surroundings};
use crate::{router, serve, tls, worker};

pub async fn run(settings: Settings) -> anyhow::Result<()> {
    start::logs(&settings)?;
    let random = Random::system();
    // The address first: it is the most common thing to be wrong, and nothing has been made yet.
    let listener = serve::bind(&settings.listen).await?;
    let address = listener.local_addr()?;
    let scheme = if tls::config(&settings)?.is_some() { "https" } else { "http" };
    let public_url =
        if settings.public_url.is_empty() { format!("{scheme}://{address}") } else { settings.public_url.clone() };
    start::check_issuer(&public_url)?;
    let db = start::database(&settings).await?;
    let secret_key = start::secret_key(&settings.data, start::secret_key_variable().as_deref(), &random)?;
    let surroundings = Surroundings { clock: Clock::system(), random: random.clone(), secret_key, public_url };
    let app = start::app(db, surroundings, &settings).await?;

    println!("Bailiwick serves {}", app.config.public_url);
    if !start::has_account(&app).await? {
        let token = random.token();
        app.setup.open(&token);
        println!("Make the account, once: {}/setup?token={token}", app.config.public_url);
    }

    until_stopped(app, listener, &settings).await
}

/// Serves and works until Ctrl-C or SIGTERM, then lets what is running end.
pub async fn until_stopped(app: App, listener: TcpListener, settings: &Settings) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let grace = Duration::from_secs(settings.shutdown_seconds);
    let worker = tokio::spawn(worker::run(app.clone(), stopped.clone()));
    let metrics = start::metrics_listener(&app, settings, stopped).await?;
    let tls = tls::config(settings)?;
    serve::serve_over(router(app.clone()), listener, tls, serve::asked_to_stop(), grace).await;
    stop.send_replace(true);
    if tokio::time::timeout(grace, worker).await.is_err() {
        tracing::warn!("a job did not end in time; it goes on after the next start");
    }
    // When tokens and secrets were last used is written lazily; the last of it now.
    app.provider.write_uses().await?;
    if let Some(metrics) = metrics {
        metrics.await?;
    }
    Ok(())
}
