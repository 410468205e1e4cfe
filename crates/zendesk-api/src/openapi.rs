//! `GET /openapi/zendesk.json`: every call that is here as an OpenAPI 3.1 document.
//!
//! It is made when it is first asked for, from the route table, the vendor's calls (`contract.tsv`) and the vendor's records (`types.json`),
//! so it cannot promise a call that is not here. `openapi_types.rs` turns the words for types into schemas.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use endpoint::{App, Guard};
use scope::{Dialect, words};
use serde_json::{Map, Value, json};

use crate::contract::{self, Call};
use crate::openapi_types::{schema, schemas};

/// The fields of each record, by its name: `type`, `nullable`, `enum`, `read_only`, and `absent` for those that not each answer has.
pub const TYPES: &str = include_str!("types.json");

/// `GET /openapi/zendesk.json`
pub async fn show(State(app): State<App>) -> Response {
    static PATHS: OnceLock<(Value, Value)> = OnceLock::new();
    let (paths, schemas) = PATHS.get_or_init(|| (paths(), schemas(TYPES)));
    let url = &app.config.public_url;
    let scopes = words::vocabulary(Dialect::Zendesk).iter().filter(|word| !word.deprecated);
    let scopes: BTreeMap<&str, &str> = scopes.map(|word| (word.word, word.sentence)).collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bailiwick, Zendesk dialect",
            "version": "1",
            "description": "Every call of the dialect. Each path also answers with .json at its end. Updates change only what is sent; \
                unknown fields of a body and unknown parameters of a query are ignored. Lists are walked by links.next when page[size] \
                was sent, and by next_page otherwise.",
        },
        "servers": [{ "url": url }],
        "security": [{ "oauth2": [] }, { "apiToken": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "oauth2": {
                    "type": "oauth2",
                    "description": "Authorization: Bearer",
                    "flows": {
                        "authorizationCode": {
                            "authorizationUrl": format!("{url}/oauth/authorizations/new"),
                            "tokenUrl": format!("{url}/oauth/tokens"),
                            "refreshUrl": format!("{url}/oauth/tokens"),
                            "scopes": scopes,
                        },
                        "clientCredentials": { "tokenUrl": format!("{url}/oauth/tokens"), "scopes": scopes },
                    },
                },
                "apiToken": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "An address followed by /token, and an API token. Ends for Zendesk's own accounts on 30 April 2027.",
                },
            },
            "responses": { "Refused": refused() },
            "schemas": schemas,
        },
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, document.to_string()).into_response()
}

/// The five shapes of a refusal (`error.rs`) have one of two keys in common.
fn refused() -> Value {
    json!({
        "description": "Refused: what was wrong, in one of the vendor's shapes.",
        "content": { "application/json": { "schema": {
            "type": "object",
            "anyOf": [{ "required": ["error"] }, { "required": ["errors"] }],
            "properties": { "error": { "type": ["string", "object"] }, "description": {}, "details": { "type": "object" } },
        } } },
    })
}

/// All paths with their calls. An alias has its call's id with a number behind it.
fn paths() -> Value {
    let table = crate::routes().table;
    let mut paths: Map<String, Value> = Map::new();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for call in contract::calls() {
        let here = |route: &&endpoint::Route| {
            route.method == call.method && contract::nameless(route.path).eq(contract::nameless(call.path))
        };
        let Some(route) = table.iter().find(here) else { continue };
        let count = named.entry(call.id).or_default();
        *count += 1;
        let id = if *count == 1 { call.id.to_owned() } else { format!("{}{count}", call.id) };
        let scopes = match route.guard {
            Guard::Token => words::alternatives(Dialect::Zendesk, route.needs),
            Guard::Session | Guard::Open(_) => Vec::new(),
        };
        // Any of these words opens it.
        let mut security: Vec<Value> = scopes.iter().map(|word| json!({ "oauth2": [word] })).collect();
        security.push(json!({ "apiToken": [] }));
        let mut operation = json!({
            "operationId": id,
            "tags": [call.resource],
            "summary": format!("{} {}", call.method, call.path),
            "parameters": parameters(&call),
            "responses": responses(&call),
        });
        operation["security"] = if scopes.is_empty() { json!([]) } else { security.into() };
        if let Some(body) = body(&call) {
            operation["requestBody"] = body;
        }
        let path = paths.entry(call.path).or_insert_with(|| json!({}));
        path[call.method.to_ascii_lowercase()] = operation;
    }
    Value::Object(paths)
}

fn parameters(call: &Call) -> Vec<Value> {
    let places = call.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = places.map(|name| parameter("path", name, kind_of_place(name), true)).collect();
    for told in call.parameters.split(';').filter(|told| *told != "-") {
        let (name, kind) = told.split_once(':').unwrap_or((told, "string"));
        let (kind, words) = kind.split_once('=').map_or((kind, None), |(kind, words)| (kind, Some(words)));
        let is_required = kind.ends_with('!');
        let mut kind = schema(kind.trim_end_matches('!'), false);
        if let Some(words) = words {
            kind["enum"] = words.split('|').collect();
        }
        all.push(parameter("query", name, kind, is_required));
    }
    let has = |all: &[Value], name: &str| all.iter().any(|parameter| parameter["name"] == name);
    let count = |max: u32| json!({ "type": "integer", "minimum": 1, "maximum": max });
    for (paging, name, kind) in [
        ("cursor", "page[size]", count(100)),
        ("cursor", "page[after]", json!({ "type": "string" })),
        ("cursor", "page[before]", json!({ "type": "string" })),
        ("offset", "page", count(100)),
        ("offset", "per_page", count(100)),
    ] {
        if call.pages.split(',').any(|it| it == paging) && !has(&all, name) {
            all.push(parameter("query", name, kind, false));
        }
    }
    all
}

/// Ids are numbers, but for those that the vendor makes of letters.
fn kind_of_place(name: &str) -> Value {
    const WORDS: &[&str] = &[
        "token",
        "locale",
        "language_code",
        "job_status_id",
        "webhook_id",
        "invocation_id",
        "cursor",
        "conversation_id",
        "trigger_category_id",
        "survey_response_id",
        "session_id",
        "organization_merge_id",
    ];
    if WORDS.contains(&name) { json!({ "type": "string" }) } else { json!({ "type": "integer", "minimum": 1 }) }
}

fn parameter(place: &str, name: &str, kind: Value, is_required: bool) -> Value {
    json!({ "in": place, "name": name, "schema": kind, "required": is_required })
}

fn body(call: &Call) -> Option<Value> {
    let content = match call.body {
        "-" => return None,
        text if text.starts_with("multipart") => {
            let file = json!({ "type": "string", "format": "binary" });
            json!({ "multipart/form-data": { "schema": {
                "type": "object",
                "properties": { "attachment": file, "file": file, "filename": { "type": "string" }, "inline": { "type": "boolean" } },
            } } })
        }
        text if text.starts_with("raw") => json!({ "application/octet-stream": {} }),
        text if text.starts_with("*=") => json!({ "application/json": { "schema": { "type": "object" } } }),
        text => json!({ "application/json": { "schema": object(text, true) } }),
    };
    Some(json!({ "content": content }))
}

fn responses(call: &Call) -> Value {
    // An address or a head that is too long is refused before anybody reads whose it is, and in nobody's words.
    let unread = json!({ "description": "Too long to be read." });
    let mut all = json!({
        "414": unread,
        "431": unread,
        "4XX": { "$ref": "#/components/responses/Refused" },
        "503": { "$ref": "#/components/responses/Refused" },
    });
    // A file's address is opened by browsers, and refuses without a body.
    if call.answer == "filebytes" && call.scope == "none" {
        all["4XX"] = json!({ "description": "Refused." });
    }
    // `async=true`: a job makes it.
    let later = call.parameters.split(';').any(|told| told.starts_with("async:")).then_some("202");
    for status in call.status.split('/').chain(later) {
        all[status] = if call.answer == "-" || status == "204" || call.answer == "filebytes" {
            json!({ "description": "Done." })
        } else {
            // What is a guess is not promised.
            let schema = if call.is_sure { object(call.answer, false) } else { json!({}) };
            json!({ "description": "The answer.", "content": { "application/json": { "schema": schema } } })
        };
    }
    all
}

/// `ticket=Ticket;audit=TicketAudit`: the keys of an object with the types below them.
fn object(text: &str, is_written: bool) -> Value {
    let keys = text.split(';').filter_map(|part| part.split_once('='));
    let properties: Map<String, Value> = keys.map(|(key, kind)| (key.to_owned(), schema(kind, is_written))).collect();
    json!({ "type": "object", "properties": properties })
}
