//! The outermost layer: request ids, one log line and one measurement a request. No query string, header or body is ever logged.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use oauth::call_log::Call;
use oauth::dpop;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use scope::permission::Permissions;
use scope::permit::Used;

use crate::authenticate::{Credential, RequestId};
use crate::layers::{self, Pages};
use crate::limit::Allowance;
use crate::{App, limit};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Upper bounds of the duration histogram, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];

/// What the layers below learn about a request and the outermost one reports.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub credential: OnceLock<Credential>,
    pub allowance: OnceLock<Allowance>,
    /// To be offered with the answer (DP-4).
    pub dpop_nonce: OnceLock<String>,
    /// What the call was let through to.
    pub used: OnceLock<Arc<Used>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    /// The route's pattern, such as `/api/tickets/{id}`: never an address with ids in it.
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

/// The numbers an operator watches.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    queue: Family<StateLabels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("bailiwick");
        let requests = Family::default();
        let seconds: Family<RouteLabels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let in_flight = Gauge::default();
        let queue = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Time from the request's head to the answer's", seconds.clone());
        registry.register("http_requests_in_flight", "Requests being answered", in_flight.clone());
        registry.register("queue_jobs", "Background jobs by state", queue.clone());
        Metrics { registry: Arc::new(registry), requests, seconds, in_flight, queue }
    }
}

impl Metrics {
    /// How many jobs are in one state now.
    pub fn set_queue(&self, state: &str, n_jobs: i64) {
        self.queue.get_or_create(&StateLabels { state: state.to_owned() }).set(n_jobs);
    }

    /// In the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}

/// Counts down when the request is over, also when its client went away.
struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

pub(crate) async fn observe(State((app, pages)): State<(App, Pages)>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request, &app);
    let method = request.method().clone();
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().trim_end_matches('/').to_owned(),
        None => "unknown".to_owned(),
    };
    let seen = Arc::new(Seen::default());
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(seen.clone());
    app.metrics.in_flight.inc();
    let in_flight = InFlight(app.metrics.in_flight.clone());

    let mut response = layers::pass(&app, pages, request, next).await;

    drop(in_flight);
    let status = response.status();
    let elapsed = started.elapsed();
    if let Ok(value) = HeaderValue::try_from(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    limit::report(&mut response, seen.allowance.get());
    if let Some(nonce) = seen.dpop_nonce.get() {
        dpop::offer(&mut response, nonce);
    }
    app.metrics
        .requests
        .get_or_create(&RequestLabels { method: method.to_string(), route: route.clone(), status: status.as_u16() })
        .inc();
    app.metrics.seconds.get_or_create(&RouteLabels { route: route.clone() }).observe(elapsed.as_secs_f64());
    log(&method, &route, status, elapsed, &id, seen.credential.get());
    if let Some(&Credential::Token { client_id, .. }) = seen.credential.get() {
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let used = seen.used.get().filter(|_| !refused).map_or(Permissions::NONE, |used| used.permissions());
        let code = response.extensions().get::<ErrorCode>().map(|code| code.0);
        app.provider.note_call(&Call {
            client_row: client_id,
            used,
            status: status.as_u16(),
            method: method.as_str(),
            route: &route,
            code,
            request_id: &id,
        });
    }
    response
}

/// Put into a refusal: what it is called in the app's list of errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub &'static str);

fn log(
    method: &axum::http::Method,
    route: &str,
    status: axum::http::StatusCode,
    elapsed: Duration,
    request_id: &str,
    credential: Option<&Credential>,
) {
    let duration_ms = elapsed.as_secs_f64() * 1000.0;
    let status = status.as_u16();
    match credential {
        Some(Credential::Token { client_id, family_id }) => {
            tracing::info!(%method, route, status, duration_ms, request_id, client_id, family_id, "answered");
        }
        Some(Credential::ApiKey { key_id }) => {
            tracing::info!(%method, route, status, duration_ms, request_id, key_id, "answered");
        }
        None => tracing::info!(%method, route, status, duration_ms, request_id, "answered"),
    }
}

/// The caller's own `X-Request-Id` if it is a UUID, else a new one.
fn request_id(request: &Request, app: &App) -> String {
    let sent = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match sent.and_then(|text| uuid::Uuid::try_parse(text).ok()) {
        Some(id) => id.to_string(),
        None => uuid::Builder::from_random_bytes(app.random.bytes()).into_uuid().to_string(),
    }
}
