//! Which crate may depend on which, and the holes that types do not close. The rule is drawn in ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};

/// Each crate, and those of ours that its `[dependencies]` may name.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("scope", &[]),
    ("store", &[]),
    ("outside", &[]),
    ("passkeys", &[]),
    ("mail-reading", &[]),
    ("helpdesk", &["scope", "store", "outside"]),
    ("gorgias-code", &["helpdesk"]),
    ("oauth", &["helpdesk", "passkeys", "scope", "store", "outside"]),
    ("endpoint", &["oauth", "helpdesk", "scope", "store", "outside"]),
    ("gorgias-api", &["endpoint", "gorgias-code", "helpdesk", "scope", "store"]),
    ("zendesk-api", &["endpoint", "helpdesk", "oauth", "scope", "store"]),
    ("mcp", &["endpoint", "oauth", "helpdesk", "scope", "store"]),
    ("web", &["endpoint", "gorgias-code", "oauth", "helpdesk", "scope", "store"]),
    (
        "bailiwick",
        &[
            "gorgias-api",
            "gorgias-code",
            "zendesk-api",
            "mcp",
            "web",
            "mail-reading",
            "endpoint",
            "oauth",
            "helpdesk",
            "scope",
            "store",
            "outside",
        ],
    ),
];

/// The crates that hold SQL.
const SQL: &[&str] = &["helpdesk", "oauth", "store"];

#[test]
fn crates_depend_only_on_what_the_rule_allows() {
    let names: Vec<String> = children(&crates_folder()).iter().map(|path| file_name(path)).collect();
    for name in &names {
        let (_, allowed) = MAY_DEPEND_ON
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("crates/{name} has no row in MAY_DEPEND_ON: decide who may use it"));
        for needed in dependencies(name) {
            let is_ours = names.contains(&needed);
            assert!(!is_ours || allowed.contains(&needed.as_str()), "{name} depends on {needed}: the rule forbids it");
        }
    }
    assert_eq!(names.len(), MAY_DEPEND_ON.len(), "a row of MAY_DEPEND_ON has no crate");
}

#[test]
fn scope_needs_no_other_crate_at_all() {
    assert!(dependencies("scope").is_empty());
}

#[test]
fn only_workers_and_the_provider_act_without_a_token() {
    // `Permit::system` skips the check of words and role, so no code that serves a request may call it.
    let may = |source: &Source| {
        source.is("bailiwick/src/worker.rs")
            || source.is("oauth/src")
            || source.is("helpdesk/src/jobs.rs")
            || source.is("helpdesk/src/jobs/")
            // Rules act by themselves: what they may do was decided by whoever saved them.
            || source.is("helpdesk/src/rules/execute.rs")
            || source.is("scope/src/permit.rs")
    };
    forbid(&["::system(", "::system_as(", "::deferred("], may, |line| {
        !line.contains("Random::system") && !line.contains("Clock::system")
    });
}

#[test]
fn only_one_place_lets_anybody_in() {
    // It asks the account first, which says no unless it was told otherwise.
    let may = |source: &Source| source.is("helpdesk/src/tickets/anonymous.rs") || source.is("scope/src/permit.rs");
    forbid(&["of_anybody("], may, |_| true);
}

#[test]
fn only_the_guard_makes_callers() {
    let may = |source: &Source| {
        source.is("endpoint/src/authenticate")
            || source.is("scope/src/permit.rs")
            // Its invented people act in their own names before there is a server that could check them.
            || source.is("bailiwick/src/demo/")
    };
    forbid(&["Caller::new("], may, |_| true);
}

#[test]
fn sql_is_written_only_by_the_crates_that_own_tables() {
    let may = |source: &Source| {
        SQL.iter().any(|owner| source.is(&format!("{owner}/src")))
            // Fills a new database faster than through the domain.
            || source.is("bailiwick/src/demo/")
    };
    let words = [
        "\"select ",
        "\"insert into ",
        "\"update ",
        "\"delete from ",
        "\"with ",
        "r#\"select ",
        "\"\n            select ",
    ];
    forbid(&words, may, |line| ["select ", " set ", " from ", " into "].iter().any(|sql| line.contains(sql)));
}

#[test]
fn only_the_store_knows_the_brand_of_the_database() {
    let brands = ["rusqlite", "tokio_postgres", "deadpool", "sqlite", "postgres"];
    let may = |source: &Source| {
        source.is("store/src")
            // The address of a database begins with its brand, and the operator types it.
            || source.is("bailiwick/src/")
    };
    forbid(&brands, may, |line| !is_comment(line));
    let drivers = |source: &Source| source.is("store/src");
    forbid(&["rusqlite", "tokio_postgres", "deadpool"], drivers, |line| !is_comment(line));
}

#[test]
fn only_outside_touches_clock_randomness_and_network() {
    let may = |source: &Source| {
        source.is("outside/src")
            // Signing takes its randomness from the library that signs; no test could replace it and stay a signature.
            || source.is("oauth/src/keys.rs")
    };
    let direct = [
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "rand::",
        "SystemRandom",
        "getrandom",
        "Uuid::new_v",
        "reqwest::",
    ];
    // A condition's operand ends as the crate of random numbers is called.
    forbid(&direct, may, |line| !is_comment(line) && !line.contains("Operand::"));
}

#[test]
fn surfaces_do_not_decide_by_role() {
    // A role in a handler would be a second place where permissions are decided; `Role::ceiling` is the one.
    let may = |source: &Source| {
        !(source.is("gorgias-api/src")
            || source.is("zendesk-api/src")
            || source.is("web/src")
            || source.is("endpoint/src"))
    };
    forbid(&[".ceiling()"], may, |_| true);
}

/// A file of Rust below `crates/*/src`.
struct Source {
    /// Such as `helpdesk/src/tags.rs`.
    path: String,
    text: String,
}

impl Source {
    fn is(&self, prefix: &str) -> bool {
        self.path.starts_with(prefix)
    }
}

/// Fails for every line, outside the files that may, which holds one of the words and counts.
fn forbid(words: &[&str], may: impl Fn(&Source) -> bool, counts: impl Fn(&str) -> bool) {
    let mut found = Vec::new();
    for source in sources().into_iter().filter(|source| !may(source)) {
        let shipped = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in shipped.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) && counts(line) {
                found.push(format!("crates/{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "not allowed here:\n{}", found.join("\n"));
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = children(&crates_folder()).iter().map(|path| path.join("src")).collect();
    while let Some(folder) = folders.pop() {
        for path in children(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let below = path.strip_prefix(crates_folder()).expect("below crates/");
                sources.push(Source { path: below.to_string_lossy().into_owned(), text });
            }
        }
    }
    assert!(sources.len() > 30, "the sources are not where this test looks");
    sources
}

/// The names in `[dependencies]` of a crate; those of `[dev-dependencies]` do not count, since they are not in the product.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = fs::read_to_string(crates_folder().join(name).join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let tables = ["dependencies", "build-dependencies"].iter().filter_map(|table| manifest.get(*table)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn crates_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("crates/")
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}
