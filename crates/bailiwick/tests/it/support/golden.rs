//! Files that a reviewer reads: a change of behaviour shows as a change of one of them.

use std::path::Path;

/// Compares `actual` with `tests/golden/<name>`, or writes it there when `UPDATE_GOLDEN` is set.
pub fn golden(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("make the golden folder");
        std::fs::write(&file, actual).expect("write the golden file");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    if expected != actual {
        let line = expected.lines().zip(actual.lines()).position(|(a, b)| a != b);
        let at = line.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
        panic!(
            "tests/golden/{name} differs from line {} on:\n- {:?}\n+ {:?}\nLook at the difference, then set UPDATE_GOLDEN=1",
            at + 1,
            expected.lines().nth(at),
            actual.lines().nth(at),
        );
    }
}
