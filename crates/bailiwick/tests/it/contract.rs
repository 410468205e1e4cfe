//! Which lines of the provider's contract some test proves. The list of those that none does may only shrink.
//!
//! `tests/contract/oauth.txt` names every line with its level: M (must), S (should), L (later). A test names the lines it proves in a comment
//! on its first line: `// AZ-2, RU-4`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::golden;

#[test]
fn the_lines_that_no_test_proves_are_listed() {
    let lines = include_str!("../contract/oauth.txt");
    let named = named_in_tests();

    let unproved: Vec<&str> = lines
        .lines()
        .filter(|line| line.split_once(' ').is_some_and(|(id, level)| level != "L" && !named.contains(id)))
        .collect();

    golden("unproved.txt", &(unproved.join("\n") + "\n"));
}

#[test]
fn no_test_names_a_line_that_the_contract_does_not_have() {
    let lines = include_str!("../contract/oauth.txt");
    let ids: BTreeSet<&str> = lines.lines().filter_map(|line| line.split(' ').next()).collect();
    let sections: BTreeSet<&str> = ids.iter().filter_map(|id| id.split('-').next()).collect();

    let strangers: Vec<String> = named_in_tests()
        .into_iter()
        .filter(|name| {
            name.split('-').next().is_some_and(|section| sections.contains(section)) && !ids.contains(name.as_str())
        })
        .collect();

    assert!(strangers.is_empty(), "not in the contract: {strangers:?}");
}

/// Every word like `AZ-2` in a comment of a test, or of a unit test beside pure logic.
fn named_in_tests() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&crates, &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let is_test = file.components().any(|part| part.as_os_str() == "tests");
        let tests =
            if is_test { text.as_str() } else { text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests) };
        for line in tests.lines().filter_map(|line| line.trim_start().strip_prefix("// ")) {
            names.extend(line.split([',', ' ', '(', ')']).filter(|word| is_line_id(word)).map(str::to_owned));
        }
    }
    names
}

fn is_line_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(section, number)| {
        (2..=3).contains(&section.len())
            && section.bytes().all(|it| it.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|it| it.is_ascii_digit())
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}
