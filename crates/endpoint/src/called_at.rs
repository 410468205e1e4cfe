//! The address under which a request reached us, for answers that hold addresses which clients follow.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::{App, OverTls};

/// Longest name of a host with its port.
const HOST_MAX_BYTES: usize = 261;

/// Scheme, host and port as the client used them, such as `http://localhost:8080`: no trailing slash. What a proxy says of itself is not
/// read; the operator's own public address says whether it speaks https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledAt(pub String);

impl FromRequestParts<App> for CalledAt {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<CalledAt, Infallible> {
        let sent = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = sent.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        let public = &app.config.public_url;
        let over_tls = public.starts_with("https:") || parts.extensions.get::<OverTls>().is_some();
        let scheme = if over_tls { "https" } else { "http" };
        Ok(CalledAt(match host.filter(|host| is_host(host)) {
            Some(host) => format!("{scheme}://{host}"),
            None => public.clone(),
        }))
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= HOST_MAX_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
}
