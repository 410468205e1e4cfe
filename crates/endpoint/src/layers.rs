//! What every request passes through, whatever surface it is for, in the order in which it does.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use oauth::client_certificate::Certificate;
use tower_http::catch_panic::CatchPanicLayer;

use crate::cors::cors;
use crate::observe::observe;
use crate::{App, Why};

/// Longest address with its query, in bytes (ALL-14).
const URL_LIMIT_BYTES: usize = 8 * 1024;
/// Largest body of an API call. Endpoints of the provider set their own, smaller limit.
const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;
/// The address of the person or program behind the request, after trusted proxies (ALL-2).
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// Put into a request that came over our own TLS. The client's certificate, if it showed one, is an extension of its own
/// (`oauth::client_certificate::Certificate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverTls;

/// How the surface that people see dresses answers that are not its own.
#[derive(Clone, Copy)]
pub struct Pages {
    /// Whether a person's browser asks.
    pub asked: fn(&Request) -> bool,
    /// The answer as that person shall see it.
    pub dress: fn(&App, bool, Response) -> Response,
}

/// Wraps a router with what every request passes through.
///
/// One layer does nearly all: axum boxes and clones everything within a layer for each request, so each further one is dear.
pub fn wrap(router: Router<App>, app: App, pages: Pages) -> Router {
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(CatchPanicLayer::custom(|_panic: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }))
        .layer(middleware::from_fn_with_state((app.clone(), pages), observe))
        .with_state(app)
}

/// From the measured outside to the handler and back.
pub(crate) async fn pass(app: &App, pages: Pages, mut request: Request, next: Next) -> Response {
    let is_person = (pages.asked)(&request);
    let answer = match admit(app, &mut request) {
        Ok(()) => match tokio::time::timeout(app.config.request_timeout, cors(app, request, next)).await {
            Ok(response) => response,
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response(),
        },
        Err(refusal) => *refusal,
    };
    let mut response = (pages.dress)(app, is_person, answer);
    protect(response.headers_mut());
    response
}

/// Turns away what must not be served at all, and works out whose request this is.
fn admit(app: &App, request: &mut Request) -> Result<(), Box<Response>> {
    let length = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    if URL_LIMIT_BYTES < length {
        return Err(Box::new(StatusCode::URI_TOO_LONG.into_response()));
    }
    let peer = match request.extensions().get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(address)) => address.ip().to_canonical(),
        // A request made inside the process has no connection; it counts as one from this machine.
        None => IpAddr::from([127, 0, 0, 1]),
    };
    let trusted = app.config.trusted_proxies.contains(&peer);
    if !trusted && !peer.is_loopback() && request.extensions().get::<OverTls>().is_none() {
        let text = "This address is served over https only. Come through the proxy in front of it, or name that proxy in `trusted_proxies`.";
        return Err(Box::new((StatusCode::FORBIDDEN, text).into_response()));
    }
    let address = if trusted || (peer.is_loopback() && app.config.public_url.starts_with("https:")) {
        forwarded_for(request.headers(), &app.config.trusted_proxies).unwrap_or(peer)
    } else {
        peer
    };
    request.extensions_mut().insert(ClientAddress(address));
    if let (Some(name), true) = (&app.config.client_certificate_header, trusted) {
        let mut values = request.headers().get_all(name).iter();
        let certificate = values.next().and_then(|value| Certificate::from_header(value.to_str().ok()?));
        // Two of them: the proxy has let through what the client sent.
        if let (Some(certificate), None) = (certificate, values.next()) {
            request.extensions_mut().insert(certificate);
        }
    }
    if let Err(Why::TooMany(seconds)) = app.limits.take_address(address) {
        let text = format!("Too many requests from {address}. Try again in {seconds} seconds.");
        let headers = [(header::RETRY_AFTER, seconds.to_string())];
        return Err(Box::new((StatusCode::TOO_MANY_REQUESTS, headers, text).into_response()));
    }
    Ok(())
}

/// The last address in `X-Forwarded-For` that is not one of our own proxies: everything before it can be forged.
fn forwarded_for(headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    let values: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let joined = values.join(",");
    joined.rsplit(',').filter_map(|it| it.trim().parse().ok()).find(|address| !proxies.contains(address))
}

/// Headers that no answer goes without. Pages add their own (ALL-16).
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_that_our_own_proxy_saw_is_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 203.0.113.9, 10.0.0.2"));

        let address = forwarded_for(&headers, &[IpAddr::from([10, 0, 0, 2])]);

        assert_eq!(address, Some(IpAddr::from([203, 0, 113, 9])));
    }
}
