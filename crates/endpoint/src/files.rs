//! Uploaded files: storing and reading their bytes, their addresses, and the open route that serves what is public or signed.
//!
//! An address has three segments behind the host: what the file is for, a key that nobody guesses, its name. A private file is read with a
//! token at the dialect's own path, or here with a signature that ends after an hour.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use bytes::Bytes;
use helpdesk::Error;
use helpdesk::files::{self, File, NewFile, Purpose};
use jiff::{SignedDuration, Timestamp};
use outside::Blobs;
use outside::sha256;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use scope::permit::CanWrite;
use scope::resource::Resource;
use store::{StoreError, transact};
use subtle::ConstantTimeEq;

use crate::{App, Routes, Surface};

/// How long a signed address works.
const SIGNED_FOR: SignedDuration = SignedDuration::from_hours(1);
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Nothing in a file may run, load or ask for anything.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox";

/// The open routes: one for each thing that a file may be for.
pub fn routes(surface: Surface) -> Routes {
    const REASON: &str = "public files, and private ones by an address that was signed for an hour";
    Routes::new(surface)
        .open(MethodFilter::GET, "/attachments/{key}/{name}", attachment, REASON)
        .open(MethodFilter::GET, "/public-attachments/{key}/{name}", public_attachment, REASON)
        .open(MethodFilter::GET, "/profile-pictures/{key}/{name}", profile_picture, REASON)
        .open(MethodFilter::GET, "/widget-pictures/{key}/{name}", widget_picture, REASON)
}

type Address = Path<(String, String)>;

/// `GET /attachments/{key}/{name}`
pub async fn attachment(State(app): State<App>, path: Address, query: RawQuery, headers: HeaderMap) -> Response {
    by_address(&app, Purpose::Attachment, path, query, &headers).await
}

/// `GET /public-attachments/{key}/{name}`
pub async fn public_attachment(State(app): State<App>, path: Address, query: RawQuery, headers: HeaderMap) -> Response {
    by_address(&app, Purpose::PublicAttachment, path, query, &headers).await
}

/// `GET /profile-pictures/{key}/{name}`
pub async fn profile_picture(State(app): State<App>, path: Address, query: RawQuery, headers: HeaderMap) -> Response {
    by_address(&app, Purpose::ProfilePicture, path, query, &headers).await
}

/// `GET /widget-pictures/{key}/{name}`
pub async fn widget_picture(State(app): State<App>, path: Address, query: RawQuery, headers: HeaderMap) -> Response {
    by_address(&app, Purpose::WidgetPicture, path, query, &headers).await
}

async fn by_address(
    app: &App,
    purpose: Purpose,
    Path((key, name)): Address,
    RawQuery(query): RawQuery,
    headers: &HeaderMap,
) -> Response {
    // Whether there is such a file is told to nobody without the right to it.
    if !purpose.is_public() && !is_signed(app, purpose, &key, &name, query.as_deref().unwrap_or_default()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let found = async {
        let mut tx = app.db.read().await?;
        files::find_by_address(&mut tx, purpose, &key, &name).await
    };
    let served = match found.await {
        Ok(file) => serve(app, &file, headers).await,
        Err(error) => Err(error),
    };
    served.unwrap_or_else(|error| match error {
        Error::Store(StoreError::Unavailable(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
        }
        Error::Store(error) => {
            tracing::error!(%error, "the database failed while a file was read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
}

/// Stores a file: its bytes first, then its row, so that a row never leads to nothing.
pub async fn store<R: Resource>(
    app: &App,
    may: &CanWrite<R>,
    purpose: Purpose,
    (name, content_type): (String, String),
    bytes: Bytes,
) -> Result<File, Error> {
    let new = NewFile {
        key: app.random.hex(32),
        purpose,
        name,
        content_type,
        sha256: hex(&sha256(&bytes)),
        size_bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
    };
    let place = app.blobs.place();
    let in_database = matches!(app.blobs, Blobs::Database).then(|| bytes.clone());
    if in_database.is_none() {
        app.blobs.put(&new.key, bytes).await.map_err(|error| files::unavailable(&error))?;
    }
    let now = app.clock.now();
    transact!(app.db, |tx| files::create(tx, may, now, &new, place, in_database.as_deref()).await)
}

/// The address to put into an attachment.
pub fn address(app: &App, file: &File) -> String {
    let name = utf8_percent_encode(&file.name, UNRESERVED);
    format!("{}/{}/{}/{name}", app.config.public_url, file.purpose.segment(), file.key)
}

/// The address for whoever has no token, for an hour.
pub fn signed_address(app: &App, file: &File) -> String {
    let expires = (app.clock.now() + SIGNED_FOR).as_second();
    let signature = signature(app, file.purpose, &file.key, &file.name, expires);
    format!("{}?expires={expires}&signature={signature}", address(app, file))
}

/// The path of the file that an address names: our own, signed or not, or the one to read it at with a token. None for any other.
pub fn path_of(app: &App, address: &str) -> Option<String> {
    let path = address.strip_prefix(app.config.public_url.as_str()).unwrap_or(address);
    let path = path.strip_prefix('/')?.split(['?', '#']).next()?;
    let parts: Vec<&str> = path.split('/').collect();
    let (segment, key, name) = match parts[..] {
        [segment, key, name] | ["api", segment, "download", key, name] => (segment, key, name),
        _ => return None,
    };
    let name = percent_decode_str(name).decode_utf8().ok()?;
    Purpose::of_segment(segment).map(|_| format!("/{segment}/{key}/{name}"))
}

/// An address of ours as a token that works for whoever has no other, for an hour, and the file's name. None for any other address, and for
/// what is public anyway.
pub fn token(app: &App, address: &str) -> Option<(String, String)> {
    let mut parts = address.rsplit('/');
    let (name, key, segment) = (parts.next()?, parts.next()?, parts.next()?);
    let purpose = Purpose::of_segment(segment).filter(|purpose| !purpose.is_public())?;
    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    let expires = (app.clock.now() + SIGNED_FOR).as_second();
    let signature = signature(app, purpose, key, &name, expires);
    Some((format!("{key}{expires:0EXPIRES_DIGITS$x}{signature}"), name))
}

/// Hexadecimal digits of a key, and of the second at which a token ends.
const KEY_DIGITS: usize = 32;
const EXPIRES_DIGITS: usize = 10;

/// What a token leads to. Whoever has none that works is not told whether there is a file.
pub async fn by_token(app: &App, token: &str, name: &str, headers: &HeaderMap) -> Response {
    let cut = token.split_at_checked(KEY_DIGITS);
    let cut = cut.and_then(|(key, rest)| Some((key, rest.split_at_checked(EXPIRES_DIGITS)?)));
    let Some((key, (expires, signature))) = cut else { return StatusCode::FORBIDDEN.into_response() };
    let Ok(expires) = i64::from_str_radix(expires, 16) else { return StatusCode::FORBIDDEN.into_response() };
    let query = format!("expires={expires}&signature={signature}");
    by_address(app, Purpose::Attachment, Path((key.to_owned(), name.to_owned())), RawQuery(Some(query)), headers).await
}

fn is_signed(app: &App, purpose: Purpose, key: &str, name: &str, query: &str) -> bool {
    let value = |wanted: &str| query.split('&').find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix('='));
    let expires = value("expires").and_then(|text| text.parse::<i64>().ok());
    let (Some(expires), Some(sent)) = (expires, value("signature")) else { return false };
    let is_over = Timestamp::from_second(expires).map_or(true, |at| at <= app.clock.now());
    let expected = signature(app, purpose, key, name, expires);
    !is_over && bool::from(expected.as_bytes().ct_eq(sent.as_bytes()))
}

fn signature(app: &App, purpose: Purpose, key: &str, name: &str, expires: i64) -> String {
    let signed = format!("{}/{key}/{name}?{expires}", purpose.segment());
    hex(&app.provider.keyed_hash("file address", &signed))
}

/// The answer with the file, or the part of it that was asked for.
pub async fn serve(app: &App, file: &File, headers: &HeaderMap) -> Result<Response, Error> {
    let tag = format!("\"{}\"", file.sha256);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let bytes = files::read(&app.db, &app.blobs, file).await?;
    let size = bytes.len();
    let range = headers.get(header::RANGE).and_then(|sent| sent.to_str().ok());
    // A range of what changed since would be nonsense; what is stored never changes.
    let (status, body, range) = match range.map(|text| part(text, size)) {
        None | Some(Asked::Whole) => (StatusCode::OK, bytes, None),
        Some(Asked::Part(from, to)) => {
            (StatusCode::PARTIAL_CONTENT, bytes.slice(from..=to), Some(format!("bytes {from}-{to}/{size}")))
        }
        Some(Asked::Nothing) => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new(), Some(format!("bytes */{size}"))),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let put = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            put.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &file.content_type);
    set(header::CONTENT_DISPOSITION, &disposition(file));
    set(header::ETAG, &tag);
    set(header::ACCEPT_RANGES, "bytes");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    let lasting = if file.purpose.is_public() { "public, max-age=86400, immutable" } else { "private, max-age=300" };
    set(header::CACHE_CONTROL, lasting);
    if let Some(range) = range {
        set(header::CONTENT_RANGE, &range);
    }
    Ok(response)
}

/// Pictures are shown in place, everything else is saved.
fn disposition(file: &File) -> String {
    let kind = if file.is_shown_in_place() { "inline" } else { "attachment" };
    let plain: String = file.name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let whole = utf8_percent_encode(&file.name, UNRESERVED);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    /// First and last byte.
    Part(usize, usize),
    Nothing,
}

/// One range of bytes (RFC 9110, 14.1.2). Several, and other units, are answered with the whole.
fn part(text: &str, size: usize) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Asked::Whole;
    };
    let found = match (first.trim(), last.trim()) {
        ("", last) => last.parse::<usize>().ok().map(|n| (size.saturating_sub(n), size.saturating_sub(1), n > 0)),
        (first, "") => first.parse().ok().map(|first: usize| (first, size.saturating_sub(1), true)),
        (first, last) => match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last => Some((first, last.min(size.saturating_sub(1)), true)),
            _ => None,
        },
    };
    match found {
        None => Asked::Whole,
        Some((first, last, true)) if first < size && first <= last => Asked::Part(first, last),
        Some(_) => Asked::Nothing,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood() {
        for (text, asked) in [
            ("bytes=0-3", Asked::Part(0, 3)),
            ("bytes=4-", Asked::Part(4, 9)),
            ("bytes=-3", Asked::Part(7, 9)),
            ("bytes=-30", Asked::Part(0, 9)),
            ("bytes=8-99", Asked::Part(8, 9)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=3-1", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
        ] {
            assert_eq!(part(text, 10), asked, "{text}");
        }
        assert_eq!(part("bytes=0-3", 0), Asked::Nothing);
    }
}
