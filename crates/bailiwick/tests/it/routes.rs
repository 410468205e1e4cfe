//! `bailiwick routes` and `bailiwick scopes`, as a reviewer reads them: a handler that loses its permission changes a line here.

use std::process::{Command, Output};

use crate::support::golden;

fn bailiwick(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bailiwick")).args(arguments).output().expect("run bailiwick")
}

/// What the command prints.
pub fn printed(arguments: &[&str]) -> String {
    let output = bailiwick(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_route_table_is_as_reviewed() {
    golden("cli/routes.txt", &printed(&["routes"]));
    golden("cli/routes.json", &printed(&["routes", "--json"]));
    golden("cli/routes_missing.txt", &printed(&["routes", "--missing"]));
}

#[test]
fn the_scope_tables_are_as_reviewed() {
    // SC-4, SC-5
    golden("cli/scopes.txt", &printed(&["scopes"]));
    golden("cli/scopes.json", &printed(&["scopes", "--json"]));
}

#[test]
fn a_scope_word_shows_the_routes_it_opens_and_where_it_is_enforced() {
    let shown = printed(&["routes", "tickets:read"]);

    assert!(shown.contains("gorgias_api::tickets::show"), "{shown}");
    assert!(!shown.contains("tickets:write"), "{shown}");
    assert!(!shown.contains("gorgias_api::tags::"), "{shown}");
    assert!(shown.contains("crates/endpoint/src/may.rs"), "{shown}");
    assert!(
        shown.contains(
            "grep -rnE 'CanRead<Tickets>|CanRead<Views>|CanRead<Files>|CanRead<VoiceCalls>' crates/helpdesk/src"
        ),
        "{shown}"
    );
}

#[test]
fn a_broad_word_shows_what_it_opens_too() {
    // RS-5
    let with_write_all = printed(&["routes", "write:all", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&printed(&["routes", "--json"])).expect("JSON");

    let by_token: Vec<&serde_json::Value> =
        all.as_array().expect("a list").iter().filter(|route| route["guard"] == "token").collect();
    let opened: Vec<serde_json::Value> = serde_json::from_str(&with_write_all).expect("JSON");
    assert_eq!(opened.iter().collect::<Vec<_>>(), by_token);
}

#[test]
fn a_misspelt_scope_word_is_refused_with_the_nearest_one() {
    let output = bailiwick(&["routes", "ticket:read"]);

    assert!(!output.status.success());
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(problem.contains("'tickets:read'"), "{problem}");
}
