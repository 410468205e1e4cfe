//! Our own copies of apps' logos: what a consent page shows never makes a browser ask the app's host, and never changes without us (CO-1,
//! CM-9).
//!
//! A job fetches them ahead, with the rules of CM-2. What kind of picture it is says its content, never its header; SVG, which can hold
//! scripts, is none.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use outside::fetch::Bounds;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{StoreError, Tx, transact};

use crate::Provider;
use crate::clients::{self, Client};

/// Kind of the job.
pub const KIND: &str = "fetch_logo";
/// Largest picture, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Runs of one job before it is given up.
const ATTEMPTS: i64 = 3;

/// A copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// One of four that browsers only draw.
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
    pub fetched_at: Timestamp,
}

/// Sees to it that the app's logo is fetched, if it has one, and that a former one is gone. Call it in the transaction of the change.
pub(crate) async fn expect(tx: &mut Tx, now: Timestamp, client: &Client) -> Result<(), StoreError> {
    let source = client.metadata.logo_uri.as_deref();
    tx.run(
        "delete from client_logos where client_id = $1 and source <> $2",
        &[client.id.into(), source.unwrap_or_default().into()],
    )
    .await?;
    if source.is_none() || has(tx, client).await? {
        return Ok(());
    }
    let job = NewJob {
        kind: KIND,
        payload: json!({ "client": client.id }),
        run_at: now,
        dedupe_key: Some(client.id.to_string()),
        max_attempts: ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await.map(drop)
}

/// Whether there is a copy of the logo that the app has now.
pub(crate) async fn has(tx: &mut Tx, client: &Client) -> Result<bool, StoreError> {
    let Some(source) = client.metadata.logo_uri.as_deref() else { return Ok(false) };
    let sql = "select 1 as one from client_logos where client_id = $1 and source = $2";
    Ok(tx.row(sql, &[client.id.into(), source.into()]).await?.is_some())
}

impl Provider {
    /// The copy for this app, by its number.
    pub async fn logo(&self, client_row: i64) -> Result<Option<Logo>, StoreError> {
        let mut tx = self.db.read().await?;
        let sql = "select content_type, bytes, fetched_at from client_logos where client_id = $1";
        let Some(row) = tx.row(sql, &[client_row.into()]).await? else { return Ok(None) };
        let bytes = row.blob("bytes")?;
        // Looked at again: whatever stands in the row, nothing but a picture leaves.
        let fetched_at = row.time("fetched_at")?;
        Ok(kind_of(&bytes).map(|content_type| Logo { content_type, bytes, fetched_at }))
    }

    /// Runs the job. An address that gives no picture is no fault of ours: the app is shown by its initials.
    pub async fn fetch_logo(&self, payload: &Json) -> Result<(), StoreError> {
        let Some(client_row) = payload.get("client").and_then(Json::as_i64) else { return Ok(()) };
        let mut tx = self.db.read().await?;
        let client = clients::by_row(&mut tx, client_row).await?;
        drop(tx);
        let Some(source) = client.filter(Client::is_active).and_then(|client| client.metadata.logo_uri) else {
            return Ok(());
        };
        let Some((content_type, bytes)) = self.picture(&source).await else { return Ok(()) };
        let now = self.clock.now();
        transact!(self.db, |tx| {
            tx.run(
                "insert into client_logos (client_id, source, content_type, bytes, fetched_at) values ($1, $2, $3, $4, $5)
                 on conflict (client_id) do update set source = excluded.source, content_type = excluded.content_type,
                     bytes = excluded.bytes, fetched_at = excluded.fetched_at",
                &[
                    client_row.into(),
                    source.as_str().into(),
                    content_type.into(),
                    bytes.as_slice().into(),
                    now.into(),
                ],
            )
            .await
            .map(drop)
        })
    }

    async fn picture(&self, source: &str) -> Option<(&'static str, Vec<u8>)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("image/png, image/jpeg, image/gif, image/webp"));
        let bounds = Bounds { bytes: MAX_BYTES, ..Bounds::default() };
        match self.fetch.get(source, headers, bounds).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let found = kind_of(&answer.body).map(|kind| (kind, answer.body.to_vec()));
                if found.is_none() {
                    tracing::info!("a logo is not a PNG, JPEG, GIF or WebP picture");
                }
                found
            }
            Ok(answer) => {
                tracing::info!(status = answer.status.as_u16(), "a logo was answered with something else");
                None
            }
            Err(error) => {
                tracing::info!(%error, "a logo could not be fetched");
                None
            }
        }
    }
}

/// By the first bytes (WHATWG MIME Sniffing, section 6.1).
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_begins_like_one() {
        // CM-9
        assert_eq!(kind_of(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(kind_of(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(kind_of(b"GIF89a"), Some("image/gif"));
        assert_eq!(kind_of(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"<html>", b"", b"BM", b"GIF88a", b"%PDF-1.7"]
        {
            assert_eq!(kind_of(other), None);
        }
    }
}
