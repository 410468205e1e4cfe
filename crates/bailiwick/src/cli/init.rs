//! `bailiwick init`: a settings file to start from.

use std::path::Path;

use anyhow::bail;

use crate::config::DEFAULTS;

pub fn run() -> anyhow::Result<()> {
    let file = Path::new("bailiwick.toml");
    if file.exists() {
        bail!("bailiwick.toml is there already; move it away first");
    }
    std::fs::write(file, DEFAULTS)?;
    println!("Wrote bailiwick.toml: every setting, its meaning and its default.");
    Ok(())
}
