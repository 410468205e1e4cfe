//! Files that people and apps uploaded: what one is, which are taken, and forgetting those that nobody points at.
//!
//! A row here says what a file is; where its bytes lie is `place`: in `file_bytes`, or outside the database (`outside/src/blobs.rs`).
//! What points at a file says so with `take` in its own transaction; one that nobody took is removed after a while.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use outside::Blobs;
use outside::blobs::BlobError;
use outside::sha256;
use scope::permit::{Actor, CanRead, CanWrite};
use scope::resource::{Files, Resource};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Db, Row, StoreError, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::page::Query;

/// Largest file (Gorgias contract, `files`).
pub const SIZE_MAX_BYTES: usize = 25 * 1024 * 1024;
/// Files of one upload.
pub const FILES_MAX: usize = 20;
const NAME_MAX_CHARS: usize = 180;
/// Hexadecimal digits of a key.
const KEY_LENGTH: usize = 32;
/// Files that one thing may point at.
const TAKEN_MAX: usize = 1000;
/// How long an uploaded file waits for something that points at it.
const WAITS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The job that removes the bytes of a file whose row is gone.
pub const DELETE_KIND: &str = "delete_file_bytes";
const DELETE_MAX_ATTEMPTS: i64 = 100;

/// What a file is for (Gorgias contract, `enums.upload_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read with a token, or by an address that was signed for a while.
    Attachment,
    /// Read by everybody who knows its address.
    PublicAttachment,
    ProfilePicture,
    WidgetPicture,
}

impl Purpose {
    pub const ALL: &'static [Purpose] =
        &[Purpose::Attachment, Purpose::PublicAttachment, Purpose::ProfilePicture, Purpose::WidgetPicture];

    pub const fn word(self) -> &'static str {
        match self {
            Purpose::Attachment => "attachment",
            Purpose::PublicAttachment => "public_attachment",
            Purpose::ProfilePicture => "profile_picture",
            Purpose::WidgetPicture => "widget_picture",
        }
    }

    /// The first part of its address.
    pub const fn segment(self) -> &'static str {
        match self {
            Purpose::Attachment => "attachments",
            Purpose::PublicAttachment => "public-attachments",
            Purpose::ProfilePicture => "profile-pictures",
            Purpose::WidgetPicture => "widget-pictures",
        }
    }

    pub fn parse(word: &str) -> Option<Purpose> {
        Purpose::ALL.iter().copied().find(|purpose| purpose.word() == word)
    }

    pub fn of_segment(segment: &str) -> Option<Purpose> {
        Purpose::ALL.iter().copied().find(|purpose| purpose.segment() == segment)
    }

    /// Whether everybody who knows the address may read it.
    pub const fn is_public(self) -> bool {
        !matches!(self, Purpose::Attachment)
    }

    const fn is_picture(self) -> bool {
        matches!(self, Purpose::ProfilePicture | Purpose::WidgetPicture)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub id: i64,
    /// Of its address; nobody guesses it.
    pub key: String,
    pub purpose: Purpose,
    pub name: String,
    pub content_type: String,
    pub size_bytes: i64,
    /// Hexadecimal.
    pub sha256: String,
    /// Where its bytes are.
    pub place: String,
    /// The first message that had it.
    pub message_id: Option<i64>,
    /// Something points at it.
    pub is_used: bool,
    /// It may be opened though it is held to be harmful.
    pub malware_override: bool,
    pub created_at: Timestamp,
}

macro_rules! select_files {
    () => {
        "select id, key, purpose, name, content_type, size_bytes, sha256, place, message_id, used_at, malware_override, created_at
         from files"
    };
}

impl File {
    /// The path of its address: three segments.
    pub fn path(&self) -> String {
        format!("/{}/{}/{}", self.purpose.segment(), self.key, self.name)
    }

    /// Whether a browser may show it in place: pictures that cannot hold a script.
    pub fn is_shown_in_place(&self) -> bool {
        PICTURES.contains(&self.content_type.as_str())
    }
}

/// A file that was read whole and has still to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    pub key: String,
    pub purpose: Purpose,
    pub name: String,
    pub content_type: String,
    pub sha256: String,
    pub size_bytes: i64,
}

/// Pictures that browsers show and that cannot hold a script.
const PICTURES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Endings of programs: what mail servers refuse, nobody could be sent anyway.
const PROGRAMS: &[&str] = &[
    "ade", "adp", "apk", "app", "appx", "bat", "cab", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "ins",
    "iso", "isp", "jar", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst", "nsh", "pif", "ps1", "reg",
    "scr", "sct", "shb", "sys", "vb", "vbe", "vbs", "vhd", "vxd", "wsc", "wsf", "wsh",
];

/// What a file will be called and served as. `Invalid` on `field` if it is not taken.
pub fn check(
    field: &str,
    purpose: Purpose,
    name: Option<&str>,
    content_type: Option<&str>,
    bytes: &[u8],
) -> Result<(String, String), Error> {
    let name = clean_name(name.unwrap_or_default());
    if bytes.is_empty() {
        return Err(Error::invalid(field, "The file is empty."));
    }
    let ending = ending(&name);
    if PROGRAMS.contains(&ending.as_str()) {
        return Err(Error::invalid(field, format!("Files that end in .{ending} are not taken: they are programs.")));
    }
    let seen = picture_of(bytes);
    if purpose.is_picture() {
        let Some(seen) = seen else {
            return Err(Error::invalid(field, "Not a picture: PNG, JPEG, GIF and WebP are taken."));
        };
        return Ok((name, seen.to_owned()));
    }
    let said = content_type.and_then(clean_type);
    let content_type = match (seen, said) {
        (Some(seen), _) => seen.to_owned(),
        // What calls itself a picture and is none would be shown in place.
        (None, Some(said)) if !PICTURES.contains(&said.as_str()) => said,
        _ => type_of_ending(&ending).to_owned(),
    };
    Ok((name, content_type))
}

/// The last part of a path, without characters that mislead or that an address cannot hold unescaped.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean = String::with_capacity(last.len());
    for c in last.chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') {
            clean.push(c);
        } else if !clean.ends_with('_') && !c.is_control() {
            clean.push('_');
        }
    }
    let clean = clean.trim_matches(['.', '_', ' ']);
    let n_chars = clean.chars().count();
    if n_chars == 0 {
        return "file".to_owned();
    }
    if n_chars <= NAME_MAX_CHARS {
        return clean.to_owned();
    }
    // The ending stays: it says what to open it with.
    let ending = ending(clean);
    let n_kept = NAME_MAX_CHARS.saturating_sub(ending.len() + 1);
    let start: String = clean.chars().take(n_kept).collect();
    if ending.is_empty() { start } else { format!("{start}.{ending}") }
}

fn ending(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((start, ending)) if !start.is_empty() && ending.len() <= 10 => ending.to_lowercase(),
        _ => String::new(),
    }
}

/// `type/subtype` in lower case, without parameters.
fn clean_type(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_'))
    };
    (is_token(kind) && is_token(subtype) && essence.len() <= 100 && essence != "application/octet-stream")
        .then_some(essence)
}

fn picture_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

fn type_of_ending(ending: &str) -> &'static str {
    match ending {
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "json" => "application/json",
        "zip" => "application/zip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// Stores the row, and the bytes too where the database holds them (`bytes`). Whoever may write something may bring files along.
pub async fn create<R: Resource>(
    tx: &mut Tx,
    may: &CanWrite<R>,
    now: Timestamp,
    new: &NewFile,
    place: &str,
    bytes: Option<&[u8]>,
) -> Result<File, Error> {
    let actor = may.actor();
    let row = tx
        .row(
            "insert into files (key, purpose, name, content_type, size_bytes, sha256, place, person_id, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
            &[
                new.key.as_str().into(),
                new.purpose.word().into(),
                new.name.as_str().into(),
                new.content_type.as_str().into(),
                new.size_bytes.into(),
                new.sha256.as_str().into(),
                place.into(),
                actor.person_id.into(),
                now.into(),
            ],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    if let Some(bytes) = bytes {
        tx.run("insert into file_bytes (file_id, bytes) values ($1, $2)", &[id.into(), bytes.into()]).await?;
    }
    record(tx, actor, now, "file-uploaded", id, json!({ "name": new.name, "size": new.size_bytes })).await?;
    find_by_key(tx, &new.key).await?.ok_or(Error::NotFound { kind: "file", id })
}

/// The file with this address, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Files>, purpose: Purpose, key: &str, name: &str) -> Result<File, Error> {
    at(tx, purpose, key, name).await
}

/// The same for whoever shows a signed address, or asks for what is public.
pub async fn find_by_address(tx: &mut Tx, purpose: Purpose, key: &str, name: &str) -> Result<File, Error> {
    at(tx, purpose, key, name).await
}

async fn at(tx: &mut Tx, purpose: Purpose, key: &str, name: &str) -> Result<File, Error> {
    let is_key = key.len() == KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = if is_key { find_by_key(tx, key).await? } else { None };
    found.filter(|file| file.purpose == purpose && file.name == name).ok_or(Error::NotFound { kind: "file", id: 0 })
}

/// The file with this path, as `File::path` gives it, or `NotFound`.
pub(crate) async fn at_path(tx: &mut Tx, _may: &CanRead<Files>, path: &str) -> Result<File, Error> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["", segment, key, name] if let Some(purpose) = Purpose::of_segment(segment) => {
            at(tx, purpose, key, name).await
        }
        _ => Err(Error::NotFound { kind: "file", id: 0 }),
    }
}

/// The whole file, from wherever it lies. `NotFound` where the settings do not lead there any more.
pub async fn read(db: &Db, blobs: &Blobs, file: &File) -> Result<Bytes, Error> {
    match file.place.as_str() {
        "database" => {
            let mut tx = db.read().await?;
            Ok(Bytes::from(bytes(&mut tx, file).await?))
        }
        place if place == blobs.place() => blobs.get(&file.key).await.map_err(|error| unavailable(&error)),
        place => {
            tracing::error!(place, file = file.id, "a file lies where the settings do not lead any more");
            Err(Error::NotFound { kind: "file", id: file.id })
        }
    }
}

/// What lies outside the database may be there again in a moment.
pub fn unavailable(error: &BlobError) -> Error {
    tracing::error!(%error, "the bytes of a file could not be reached");
    Error::Store(StoreError::Unavailable("the place of files cannot be reached".to_owned()))
}

async fn bytes(tx: &mut Tx, file: &File) -> Result<Vec<u8>, Error> {
    let row = tx.row("select bytes from file_bytes where file_id = $1", &[file.id.into()]).await?;
    Ok(row.ok_or(Error::NotFound { kind: "file", id: file.id })?.blob("bytes")?)
}

/// Notes that something points at files: their addresses stand anywhere in this JSON. Call it in the transaction of what points at them.
pub async fn take(tx: &mut Tx, now: Timestamp, json: &Json) -> Result<(), Error> {
    let mut keys = Vec::new();
    collect_keys(json, &mut keys);
    mark(tx, now, keys).await
}

/// The same of a message's attachments, and notes that the message has them.
pub(crate) async fn take_stored(
    tx: &mut Tx,
    now: Timestamp,
    json: Option<&RawValue>,
    message_id: i64,
) -> Result<(), Error> {
    let Some(json) = json.and_then(|json| serde_json::from_str::<Json>(json.get()).ok()) else { return Ok(()) };
    let mut keys = Vec::new();
    collect_keys(&json, &mut keys);
    if keys.is_empty() {
        return Ok(());
    }
    let mut query = Query::new(
        "update files set used_at = coalesce(used_at, $1), message_id = $2 where (used_at is null or message_id is null)",
    );
    query.params.extend([now.into(), message_id.into()]);
    query.and_in("key", keys);
    tx.run(&query.sql, &query.params).await?;
    Ok(())
}

/// The same of a text, such as HTML with pictures.
pub(crate) async fn take_text(tx: &mut Tx, now: Timestamp, text: Option<&str>) -> Result<(), Error> {
    let mut keys = Vec::new();
    collect_text(text.unwrap_or_default(), &mut keys);
    mark(tx, now, keys).await
}

async fn mark(tx: &mut Tx, now: Timestamp, keys: Vec<String>) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("update files set used_at = $1 where used_at is null");
    query.params.push(now.into());
    query.and_in("key", keys);
    tx.run(&query.sql, &query.params).await?;
    Ok(())
}

fn collect_keys(json: &Json, keys: &mut Vec<String>) {
    match json {
        Json::String(text) => collect_text(text, keys),
        Json::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        Json::Object(object) => object.values().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

/// The keys in addresses of ours: the middle one of three segments.
fn collect_text(text: &str, keys: &mut Vec<String>) {
    for purpose in Purpose::ALL {
        let before = format!("/{}/", purpose.segment());
        for (at, found) in text.match_indices(&before) {
            let rest = text.as_bytes().get(at + found.len()..).unwrap_or_default();
            if let Some((key, [b'/', ..])) = rest.split_at_checked(KEY_LENGTH)
                && key.iter().all(u8::is_ascii_hexdigit)
                && keys.len() < TAKEN_MAX
            {
                keys.push(String::from_utf8_lossy(key).into_owned());
            }
        }
    }
}

/// Removes a batch of files that nobody took, with a job for the bytes that lie elsewhere. How many. Served by `files_unused`.
pub async fn forget_unused(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<usize, Error> {
    let rows = tx
        .rows(
            "delete from files where used_at is null and id in (
                 select id from files where used_at is null and created_at < $1 order by created_at, id limit $2
             ) returning key, place",
            &[(now - WAITS).into(), limit.into()],
        )
        .await?;
    for row in &rows {
        forget_bytes(tx, now, &row.text("key")?, &row.text("place")?).await?;
    }
    Ok(rows.len())
}

/// Has the bytes of a file whose row is gone removed, where they lie elsewhere.
async fn forget_bytes(tx: &mut Tx, now: Timestamp, key: &str, place: &str) -> Result<(), Error> {
    if place != "database" {
        let job = NewJob {
            kind: DELETE_KIND,
            payload: json!({ "key": key }),
            run_at: now,
            dedupe_key: Some(key.to_owned()),
            max_attempts: DELETE_MAX_ATTEMPTS,
        };
        queue::enqueue(tx, now, job).await?;
    }
    Ok(())
}

/// Removes a file for good.
pub(crate) async fn remove(tx: &mut Tx, actor: &Actor, now: Timestamp, file: &File) -> Result<(), Error> {
    tx.run("delete from files where id = $1", &[file.id.into()]).await?;
    forget_bytes(tx, now, &file.key, &file.place).await?;
    record(tx, actor, now, "file-deleted", file.id, json!({ "name": file.name })).await
}

/// What a file is called whose content was made unreadable.
pub(crate) const REDACTED_NAME: &str = "redacted.txt";

/// Leaves an empty text of a file. Its address is another one then.
pub(crate) async fn blank(tx: &mut Tx, actor: &Actor, now: Timestamp, file: &File) -> Result<(), Error> {
    let sha256: String = sha256(b"").iter().map(|byte| format!("{byte:02x}")).collect();
    tx.run(
        "update files set name = $1, content_type = 'text/plain', size_bytes = 0, sha256 = $2, place = 'database' where id = $3",
        &[REDACTED_NAME.into(), sha256.into(), file.id.into()],
    )
    .await?;
    tx.run(
        "insert into file_bytes (file_id, bytes) values ($1, $2) on conflict (file_id) do update set bytes = excluded.bytes",
        &[file.id.into(), (&[] as &[u8]).into()],
    )
    .await?;
    forget_bytes(tx, now, &file.key, &file.place).await?;
    record(tx, actor, now, "file-redacted", file.id, json!({})).await
}

pub(crate) async fn set_malware_override(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    file: &File,
    is_on: bool,
) -> Result<(), Error> {
    if file.malware_override == is_on {
        return Ok(());
    }
    tx.run("update files set malware_override = $1 where id = $2", &[is_on.into(), file.id.into()]).await?;
    record(tx, actor, now, "file-updated", file.id, json!({ "malware_override": is_on })).await
}

/// Those of these ids that there are, in this order.
pub(crate) async fn of_ids(tx: &mut Tx, ids: &[i64]) -> Result<Vec<File>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(concat!(select_files!(), " where 1 = 1"));
    query.and_in("id", ids.iter().copied());
    let mut files =
        tx.rows(&query.sql, &query.params).await?.iter().map(File::from_row).collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(|file| ids.iter().position(|id| *id == file.id));
    Ok(files)
}

async fn find_by_key(tx: &mut Tx, key: &str) -> Result<Option<File>, Error> {
    let sql = concat!(select_files!(), " where key = $1");
    tx.row(sql, &[key.into()]).await?.as_ref().map(File::from_row).transpose()
}

async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, kind: &str, id: i64, data: Json) -> Result<(), Error> {
    let change = Change { kind, object_type: "File", object_id: id, before: None, after: None, data: Some(data) };
    events::record(tx, actor, now, change).await
}

impl File {
    fn from_row(row: &Row) -> Result<File, Error> {
        Ok(File {
            id: row.int("id")?,
            key: row.text("key")?,
            purpose: Purpose::parse(&row.text("purpose")?).ok_or(StoreError::Column("purpose"))?,
            name: row.text("name")?,
            content_type: row.text("content_type")?,
            size_bytes: row.int("size_bytes")?,
            sha256: row.text("sha256")?,
            place: row.text("place")?,
            message_id: row.int_or_null("message_id")?,
            is_used: row.time_or_null("used_at")?.is_some(),
            malware_override: row.flag("malware_override")?,
            created_at: row.time("created_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned() {
        for (sent, kept) in [
            ("photo.png", "photo.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\Ré sumé (1).pdf", "Ré_sumé_1_.pdf"),
            ("a\u{202e}gnp.exe", "a_gnp.exe"),
            ("\0\n", "file"),
            ("...", "file"),
            ("", "file"),
        ] {
            assert_eq!(clean_name(sent), kept, "{sent:?}");
        }
        let long = clean_name(&format!("{}.pdf", "é".repeat(500)));
        assert!(long.chars().count() <= NAME_MAX_CHARS && long.ends_with("é.pdf"));
    }

    #[test]
    fn a_type_is_what_the_bytes_say() {
        let png = [0x89, b'P', b'N', b'G', 0, 0];
        let checked =
            |purpose, name, said, bytes: &[u8]| check("file", purpose, Some(name), said, bytes).map(|it| it.1);

        assert_eq!(checked(Purpose::Attachment, "a.txt", Some("text/html"), &png).unwrap(), "image/png");
        assert_eq!(
            checked(Purpose::Attachment, "a.png", Some("image/png"), b"<script>").unwrap(),
            "application/octet-stream"
        );
        assert_eq!(checked(Purpose::Attachment, "a.pdf", None, b"%PDF").unwrap(), "application/pdf");
        assert_eq!(checked(Purpose::Attachment, "a", Some("Text/Plain; charset=x"), b"x").unwrap(), "text/plain");
        assert!(checked(Purpose::ProfilePicture, "a.png", Some("image/png"), b"<svg>").is_err());
        assert!(checked(Purpose::Attachment, "a.EXE", Some("text/plain"), b"MZ").is_err());
        assert!(checked(Purpose::Attachment, "a.txt", None, b"").is_err());
    }

    #[test]
    fn addresses_are_found_in_json() {
        let key = "0123456789abcdef0123456789abcdef";
        let mut keys = Vec::new();
        let json = json!([{ "url": format!("https://h.example/attachments/{key}/a.png?expires=1"), "x": 1 },
                          { "url": "https://other.example/a/b/c" }, { "url": format!("/api/attachments/download/{key}/a.png") }]);

        collect_keys(&json, &mut keys);

        assert_eq!(keys, [key]);
    }

    #[test]
    fn pictures_in_a_text_are_found() {
        let key = "0123456789abcdef0123456789abcdef";
        let html = format!(
            "<p>/attachments/é <img src=\"https://x.example/public-attachments/{key}/a.png\"> /attachments/</p>"
        );
        let mut keys = Vec::new();

        collect_text(&html, &mut keys);

        assert_eq!(keys, [key]);
    }
}
