//! The stylesheet, the scripts and the mark, compiled into the program.
//!
//! Each is served under a name that carries a hash of its content, so that browsers keep it for a year and still see a new one at once.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// One file of `assets/`.
pub struct Asset {
    name: &'static str,
    extension: &'static str,
    media_type: &'static str,
    content: &'static str,
    hash: u64,
}

pub const STYLE: Asset =
    Asset::of("bailiwick", "css", "text/css; charset=utf-8", include_str!("../assets/bailiwick.css"));
pub const MARK: Asset = Asset::of("mark", "svg", "image/svg+xml", include_str!("../assets/mark.svg"));
pub const COPY: Asset = Asset::script("copy", include_str!("../assets/copy.js"));
pub const GROUPS: Asset = Asset::script("groups", include_str!("../assets/groups.js"));
pub const ADDRESS: Asset = Asset::script("address", include_str!("../assets/address.js"));
pub const SUBMIT: Asset = Asset::script("submit", include_str!("../assets/submit.js"));

pub const PROGRESS: Asset = Asset::script("progress", include_str!("../assets/progress.js"));
pub const AUTOFILL: Asset = Asset::script("autofill", include_str!("../assets/autofill.js"));
pub const PASSKEY: Asset = Asset::script("passkey", include_str!("../assets/passkey.js"));

pub const ALL: [&Asset; 9] = [&STYLE, &MARK, &COPY, &GROUPS, &ADDRESS, &SUBMIT, &PROGRESS, &PASSKEY, &AUTOFILL];

impl Asset {
    const fn of(name: &'static str, extension: &'static str, media_type: &'static str, content: &'static str) -> Asset {
        Asset { name, extension, media_type, content, hash: fnv1a(content.as_bytes()) }
    }

    const fn script(name: &'static str, content: &'static str) -> Asset {
        Asset::of(name, "js", "text/javascript; charset=utf-8", content)
    }

    /// Such as `/assets/bailiwick.0123456789abcdef.css`.
    pub fn address(&self) -> String {
        format!("/assets/{}", self.file_name())
    }

    #[cfg(test)]
    pub fn content(&self) -> &'static str {
        self.content
    }

    fn file_name(&self) -> String {
        format!("{}.{:016x}.{}", self.name, self.hash, self.extension)
    }
}

/// `GET /assets/{file}`
pub async fn show(Path(file): Path<String>) -> Response {
    match ALL.iter().find(|asset| asset.file_name() == file) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            asset.content,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /favicon.ico`
pub async fn favicon() -> Response {
    ([(header::CONTENT_TYPE, MARK.media_type), (header::CACHE_CONTROL, "public, max-age=86400")], MARK.content)
        .into_response()
}

/// FNV-1a, 64 bits: tells versions of our own files apart, and guards nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash ^= bytes[at] as u64;
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}
