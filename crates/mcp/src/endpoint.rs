//! `/mcp`: every HTTP request is authorised anew, and only then handed to the protocol (MC-1, RS-10, RS-11).
//!
//! There are no sessions: an `Mcp-Session-Id` that somebody sends gives nothing. The token stops here; no tool sees it.

use std::sync::Arc;

use ::endpoint::{App, ByBody, Why};
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use scope::permit::{Caller, Refusal};
use scope::words;
use serde_json::Value as Json;
use tower::ServiceExt;

use crate::server::Server;
use crate::tool::Tool;
use crate::{SURFACE, tools};

/// Longest message, in bytes. An answer to a customer is far below.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// `GET`, `POST` and `DELETE /mcp`
pub async fn serve(State(app): State<App>, request: Request) -> Response {
    match app.provider.is_mcp_on().await {
        Ok(true) => {}
        Ok(false) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return ByBody::new(&app, SURFACE).refuse(Why::from(error), tools::permissions()).into_response(),
    }
    let (mut parts, body) = request.into_parts();
    if !is_origin_known(&app, &parts.headers).await {
        let text = "This web page may not call the endpoint: no app is registered with its address.";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let guard = ByBody::new(&app, SURFACE);
    let caller = match guard.caller(&mut parts, app.provider.first_permissions_of_tools()).await {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let Ok(bytes) = body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "The message is longer than 256 KiB.").into_response();
    };
    if let Some((tool, refusal)) = refused_tool(&caller, &bytes) {
        let why = match refusal {
            Refusal::MissingScope(_) => Why::MissingScope(words::missing_scope_text(SURFACE.dialect, tool.needs)),
            Refusal::Role(_) => Why::Role,
        };
        return guard.refuse(why, tool.needs).into_response();
    }
    // No tool, and nothing that a tool calls, is ever handed the token (RS-10).
    parts.headers.remove(header::AUTHORIZATION);
    parts.extensions.clear();
    let config = protocol(&app);
    let service = StreamableHttpService::new(
        move || Ok(Server { app: app.clone(), caller: caller.clone() }),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    match service.oneshot(http::Request::from_parts(parts, Body::from(bytes))).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// The tool that the message calls, if this caller may not (RS-11). In a batch the tool itself refuses.
fn refused_tool(caller: &Caller, message: &[u8]) -> Option<(&'static Tool, Refusal)> {
    let message: Json = serde_json::from_slice(message).ok()?;
    if message.get("method")?.as_str()? != "tools/call" {
        return None;
    }
    let tool = tools::find(message.get("params")?.get("name")?.as_str()?)?;
    tool.check(caller).err().map(|refusal| (tool, refusal))
}

/// Programs send no `Origin`. A web page may call if it is ours or an app is registered there: nobody else's page shall reach us through
/// a browser whose name resolution it controls (DNS rebinding).
async fn is_origin_known(app: &App, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return headers.get(header::ORIGIN).is_none();
    };
    let Ok(origin) = origin.to_str() else { return false };
    if origin == app.config.public_url {
        return true;
    }
    match app.provider.is_registered_origin(origin).await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "an origin could not be looked up");
            false
        }
    }
}

fn protocol(app: &App) -> StreamableHttpServerConfig {
    let public = app.config.public_url.parse::<Uri>().ok();
    let own = public.as_ref().and_then(Uri::authority).map(|authority| authority.as_str().to_owned());
    // A proxy on this machine may call us by a name of the machine.
    let hosts = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into_iter().chain(own);
    StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_LIMIT_BYTES)
}
