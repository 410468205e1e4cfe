//! The MCP dialect: tools for outside agents, each with its scope.
//!
//! `endpoint.rs` is the guard around every HTTP request, `server.rs` speaks the protocol, `tools/mod.rs` is the table of all tools.
//! A tool does what a call of the REST API does, by the same functions of the domain, and needs the same permit.

mod cursor;
mod endpoint;
mod server;
mod tool;
mod tools;

use ::endpoint::{Guard, Route, Routes, Surface, Target, Why};
use axum::http::StatusCode;
use axum::routing::MethodFilter;
use scope::Dialect;
use scope::permission::Permissions;
use serde_json::json;

/// Scopes in our own words; refusals as JSON-RPC.
const SURFACE: Surface = Surface { dialect: Dialect::Standard, target: Target::Mcp, refusal, trailing_slash: false };

/// Why the route itself asks for nothing.
const BY_TOOL: &str = "takes tokens for this endpoint only; each tool asks for its own permission, listed as TOOL";

/// The route, and a row for each tool.
pub fn routes() -> Routes {
    let mut routes = Routes::new(SURFACE)
        .open(MethodFilter::POST, "/mcp", endpoint::serve, BY_TOOL)
        .open(MethodFilter::GET, "/mcp", endpoint::serve, BY_TOOL)
        .open(MethodFilter::DELETE, "/mcp", endpoint::serve, BY_TOOL);
    routes.table.extend(tools::TABLE.iter().map(|tool| Route {
        method: "TOOL",
        path: tool.name,
        guard: Guard::Token,
        needs: tool.needs,
        dialect: SURFACE.dialect,
        handler: tool.handler,
    }));
    routes
}

/// What the tools need, all together.
pub fn permissions() -> Permissions {
    tools::permissions()
}

/// A refusal before there is a JSON-RPC request to answer, so its id is null. -32001 is in the range that JSON-RPC leaves to servers.
fn refusal(_status: StatusCode, why: &Why) -> serde_json::Value {
    let text = why.to_string();
    json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32001, "message": text } })
}
