//! What every HTTP surface shares: the running application, the guard and the route table.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use oauth::Provider;
use outside::{Blobs, Clock, Random};
use store::Db;

pub mod api_key_switch;
mod authenticate;
mod called_at;
mod cors;
pub mod cursor;
pub mod files;
pub mod form;
mod fresh;
pub mod health;
pub mod integration_secrets;
pub mod job_file;
mod layers;
mod limit;
pub mod live;
mod may;
mod observe;
pub mod provider;
mod routes;
pub mod setup;
pub mod sink;
mod standing;

pub use authenticate::{Credential, RequestId, RoleForbids, cookie, session};
pub use called_at::CalledAt;
pub use fresh::{Fresh, FreshSession};
pub use layers::{ClientAddress, OverTls, Pages, wrap};
pub use limit::{Limits, Rates};
pub use may::{ByBody, BySession, ItsToken, Later, May, Perhaps, Refused, Why};
pub use oauth::clients::installed::InstalledApp;
pub use oauth::resources::Target;
pub use observe::Metrics;
pub use routes::{Guard, Need, Needs, Route, Routes, Surface};
pub use standing::Standing;

/// The running account, as every handler sees it. Nothing is global, so several run in one process.
///
/// One pointer: axum clones its state for every layer of every request, and threads that count the same dozen references get in each
/// other's way.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an account runs on.
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    /// Where the bytes of uploaded files lie.
    pub blobs: Blobs,
    /// The demo's own receiver of calls.
    pub sink: sink::Sink,
    pub provider: Provider,
    pub config: Config,
    pub limits: Limits,
    pub live: live::Live,
    pub metrics: Metrics,
    pub setup: setup::Setup,
}

impl App {
    pub fn new(parts: Parts) -> App {
        App(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What handlers need of the configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address people and apps use, such as `https://help.example.com`: no trailing slash. It is the issuer too.
    pub public_url: String,
    /// Peers whose `X-Forwarded-*` headers are believed (ALL-2).
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Where such a proxy puts the certificate that a client showed to it (CA-12). None: it is not believed.
    pub client_certificate_header: Option<axum::http::HeaderName>,
    /// A request that takes longer, its body included, is given up.
    pub request_timeout: std::time::Duration,
    /// The operator's own token for `/metrics`; none switches it off.
    pub metrics_token: Option<String>,
}

impl FromRef<App> for Provider {
    fn from_ref(app: &App) -> Provider {
        app.provider.clone()
    }
}
