//! `bailiwick routes`: which call needs which scope, and the handler where that is written.
//!
//! The needs come from the handlers' signatures, the words from `scope`; nothing here is maintained by hand.

use endpoint::{Guard, Route};
use scope::permission::{Permission, Permissions};
use scope::resource::AccessKind;
use scope::words;
use serde_json::{Value, json};

use super::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the routes that a token with this scope word helps to open, such as tickets:read
    scope: Option<String>,
    /// Print JSON: a list of routes
    #[arg(long)]
    json: bool,
    /// The calls of Zendesk's API that are not offered yet: they answer 501
    #[arg(long, conflicts_with_all = ["json", "scope"])]
    missing: bool,
    /// Print docs/routes.md
    #[arg(long, hide = true, conflicts_with_all = ["json", "scope", "missing"])]
    markdown: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let table = crate::routes().table;
    if args.markdown {
        return output::print(&markdown(&table));
    }
    if args.missing {
        return output::print(&missing(&table));
    }
    let shown = match &args.scope {
        Some(word) => opened_by(word, table)?,
        None => table,
    };
    if args.json {
        return output::print(&json(&shown));
    }
    output::print(&text(&shown))?;
    match &args.scope {
        Some(word) => output::print(&where_enforced(word, &shown)),
        None => Ok(()),
    }
}

/// The token routes of which the word opens at least a part, as the dialect of each understands it.
fn opened_by(word: &str, table: Vec<Route>) -> anyhow::Result<Vec<Route>> {
    if !scope::Dialect::ALL.iter().any(|&dialect| words::find(dialect, word).is_some()) {
        let known = scope::Dialect::ALL.iter().flat_map(|&dialect| words::vocabulary(dialect)).map(|known| known.word);
        let nearest = known.max_by(|a, b| strsim::jaro_winkler(a, word).total_cmp(&strsim::jaro_winkler(b, word)));
        anyhow::bail!(
            "'{word}' is no scope word of either vendor. Do you mean '{}'? `bailiwick scopes` lists all.",
            nearest.unwrap_or_default()
        );
    }
    let opens = |route: &Route| {
        let permissions = words::permissions_of(route.dialect, word);
        route.guard == Guard::Token && !permissions.intersection(route.needs).is_empty()
    };
    Ok(table.into_iter().filter(opens).collect())
}

fn text(table: &[Route]) -> String {
    let mut rows = vec![["METHOD", "PATH", "SCOPE", "HANDLER"].map(str::to_owned)];
    rows.extend(table.iter().map(|route| {
        [route.method.to_owned(), route.path.to_owned(), needs(route).join(" "), route.handler.to_owned()]
    }));
    output::columns(&rows)
}

fn missing(table: &[Route]) -> String {
    let mut rows = vec![["METHOD", "PATH", "CALL", "RESOURCE"].map(str::to_owned)];
    let calls = zendesk_api::contract::missing(table);
    rows.extend(calls.iter().map(|call| [call.method, call.path, call.id, call.resource].map(str::to_owned)));
    output::columns(&rows)
}

/// How to follow the word from the routes to the check and into the domain.
fn where_enforced(word: &str, shown: &[Route]) -> String {
    if shown.is_empty() {
        return format!("\nNo route asks for what `{word}` opens.\n");
    }
    let opened = shown.iter().fold(Permissions::NONE, |all, route| {
        all.union(words::permissions_of(route.dialect, word).intersection(route.needs))
    });
    let proofs: Vec<String> = opened.iter().map(proof).collect();
    format!(
        "\n{} routes. Each handler asks for its permission in its signature, as `May<{}>`.\n\
         The check: `May` in crates/endpoint/src/may.rs, then `Caller::permit` in crates/scope/src/permit.rs.\n\
         What `{word}` means: crates/scope/src/gorgias.rs and crates/scope/src/zendesk.rs. What it reaches in the domain:\n  \
         grep -rnE '{}' crates/helpdesk/src\n",
        shown.len(),
        proofs.first().map_or("", String::as_str),
        proofs.join("|"),
    )
}

/// The type that a domain function takes, `CanRead<Tickets>`.
fn proof(permission: Permission) -> String {
    let access = match permission.access {
        AccessKind::Read => "CanRead",
        AccessKind::Write => "CanWrite",
    };
    format!("{access}<{:?}>", permission.resource)
}

fn json(table: &[Route]) -> String {
    let routes: Vec<Value> = table.iter().map(object).collect();
    format!("{:#}\n", Value::Array(routes))
}

fn markdown(table: &[Route]) -> String {
    let mut text = String::from(
        "# Routes\n\n\
         <!-- Generated: `bailiwick routes --markdown > docs/routes.md`. A test compares. -->\n\n\
         Every call there is, the scope a token needs for it, and the handler that asks for it. The scope is read from the\n\
         handler's signature, so this table cannot be wrong about it. Where several words stand, all are needed.\n\
         [scopes.md](scopes.md) says what else opens the same: `write:all`, or Zendesk's `read` and `write`.\n\n\
         To see one scope: `bailiwick routes tickets:read`. A call without a token is answered 401, one without the\n\
         scope 403 with `WWW-Authenticate: Bearer error=\"insufficient_scope\"` that names all words the call needs.\n",
    );
    let by_token = "Bearer token, or Basic with an API key, which has no scopes and reaches as far as its person.";
    let by_session = "The cookie of a signed-in person. The permission must be within the person's role.";
    let open = "No permission is asked for; the reason stands in the row.";
    text.push_str(&section("By token", by_token, table, |guard| guard == Guard::Token));
    text.push_str(&section("By session", by_session, table, |guard| guard == Guard::Session));
    text.push_str(&section("Open", open, table, |guard| matches!(guard, Guard::Open(_))));
    text
}

/// One chapter of the document; empty if no route belongs to it.
fn section(title: &str, about: &str, table: &[Route], belongs: impl Fn(Guard) -> bool) -> String {
    let rows: String = table
        .iter()
        .filter(|route| belongs(route.guard))
        .map(|route| {
            let needs = match route.guard {
                Guard::Open(why) => why.to_owned(),
                Guard::Token | Guard::Session => format!("`{}`", permissions_or_words(route).join(" ")),
            };
            format!("| `{} {}` | {needs} | `{}` |\n", route.method, route.path, route.handler)
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!("\n## {title}\n\n{about}\n\n| call | needs | handler |\n|---|---|---|\n{rows}")
}

fn object(route: &Route) -> Value {
    let permissions: Vec<String> = route.needs.iter().map(|permission| permission.to_string()).collect();
    let (guard, why) = match route.guard {
        Guard::Token => ("token", None),
        Guard::Session => ("session", None),
        Guard::Open(why) => ("open", Some(why)),
    };
    let scopes = if route.guard == Guard::Token { permissions_or_words(route) } else { Vec::new() };
    json!({
        "method": route.method,
        "path": route.path,
        "dialect": route.dialect.word(),
        "guard": guard,
        "why": why,
        "scopes": scopes,
        "permissions": permissions,
        "handler": route.handler,
    })
}

fn needs(route: &Route) -> Vec<String> {
    match route.guard {
        Guard::Token => permissions_or_words(route),
        Guard::Session => vec![format!("session, {}", permissions_or_words(route).join(" "))],
        Guard::Open(why) => vec![format!("open: {why}")],
    }
}

/// Scope words where a token opens the route. Sessions have no words, only a role, so our own permissions there.
fn permissions_or_words(route: &Route) -> Vec<String> {
    match route.guard {
        Guard::Token => words::narrowest(route.dialect, route.needs).into_iter().map(str::to_owned).collect(),
        Guard::Session | Guard::Open(_) => route.needs.iter().map(|permission| permission.to_string()).collect(),
    }
}
