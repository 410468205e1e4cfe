//! Files on their way to a comment: sent under a token first, taken by it afterwards.

use jiff::{SignedDuration, Timestamp};
use outside::sha256;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Files;
use store::{StoreError, Tx};

use crate::Error;
use crate::files::{self, FILES_MAX, File};

/// How long a token works.
pub const WORKS: SignedDuration = SignedDuration::from_mins(60);
/// Forgotten at once with each new one.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// The files under a token, and until when it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub files: Vec<File>,
    pub expires_at: Timestamp,
}

/// Puts a file under a token: a new one, or one of the caller's own that still works. `Invalid` on `token` otherwise, and if it has its
/// most files.
pub async fn add(
    tx: &mut Tx,
    may: &CanWrite<Files>,
    now: Timestamp,
    (token, is_new): (&str, bool),
    file_id: i64,
) -> Result<Upload, Error> {
    let person_id = may.actor().person_id;
    let id = if is_new {
        forget_expired(tx, now).await?;
        let row = tx
            .row(
                "insert into uploads (token_hash, person_id, created_at, expires_at) values ($1, $2, $3, $4) returning id",
                &[hash(token).into(), person_id.into(), now.into(), (now + WORKS).into()],
            )
            .await?;
        row.ok_or(StoreError::Column("id"))?.int("id")?
    } else {
        find(tx, now, token, person_id).await?.ok_or_else(|| Error::invalid("token", "is invalid"))?.0
    };
    let row = tx.row("select count(*) as n from upload_files where upload_id = $1", &[id.into()]).await?;
    let position = row.ok_or(StoreError::Column("n"))?.int("n")?;
    if i64::try_from(FILES_MAX).unwrap_or(i64::MAX) <= position {
        return Err(Error::invalid("token", format!("has {FILES_MAX} files already")));
    }
    tx.run(
        "insert into upload_files (upload_id, position, file_id) values ($1, $2, $3)",
        &[id.into(), position.into(), file_id.into()],
    )
    .await?;
    let files = of_upload(tx, id).await?;
    let row = tx.row("select expires_at from uploads where id = $1", &[id.into()]).await?;
    Ok(Upload { files, expires_at: row.ok_or(StoreError::Column("expires_at"))?.time("expires_at")? })
}

/// Takes the files under these tokens, which then work no more. `Invalid` on `uploads` for one that does not.
pub async fn take(tx: &mut Tx, now: Timestamp, person_id: Option<i64>, tokens: &[String]) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for token in tokens {
        let found = find(tx, now, token, person_id).await?;
        let (id, _) = found.ok_or_else(|| Error::invalid("uploads", "has a token that is unknown or expired"))?;
        files.extend(of_upload(tx, id).await?);
        tx.run("delete from uploads where id = $1", &[id.into()]).await?;
    }
    Ok(files)
}

/// Forgets what lies under a token, and its files with it. `NotFound` if nothing does.
pub async fn delete(tx: &mut Tx, may: &CanWrite<Files>, now: Timestamp, token: &str) -> Result<(), Error> {
    let found = find(tx, now, token, may.actor().person_id).await?;
    let (id, _) = found.ok_or(Error::NotFound { kind: "upload", id: 0 })?;
    for file in of_upload(tx, id).await? {
        files::remove(tx, may.actor(), now, &file).await?;
    }
    tx.run("delete from uploads where id = $1", &[id.into()]).await?;
    Ok(())
}

/// The file with this id, or `NotFound`.
pub async fn file(tx: &mut Tx, _may: &CanRead<Files>, id: i64) -> Result<File, Error> {
    files::of_ids(tx, &[id]).await?.pop().ok_or(Error::NotFound { kind: "file", id })
}

/// A token is of use to whoever got it, and to nobody else.
async fn find(
    tx: &mut Tx,
    now: Timestamp,
    token: &str,
    person_id: Option<i64>,
) -> Result<Option<(i64, Timestamp)>, Error> {
    let sql = "select id, person_id, expires_at from uploads where token_hash = $1 and expires_at > $2";
    let Some(row) = tx.row(sql, &[hash(token).into(), now.into()]).await? else { return Ok(None) };
    let is_own = row.int_or_null("person_id")? == person_id;
    Ok(if is_own { Some((row.int("id")?, row.time("expires_at")?)) } else { None })
}

async fn of_upload(tx: &mut Tx, id: i64) -> Result<Vec<File>, Error> {
    let rows = tx.rows("select file_id from upload_files where upload_id = $1 order by position", &[id.into()]).await?;
    let ids = rows.iter().map(|row| row.int("file_id")).collect::<Result<Vec<_>, _>>()?;
    files::of_ids(tx, &ids).await
}

/// Served by `uploads_by_expiry`. The files are forgotten with all others that nobody took.
async fn forget_expired(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    tx.run(
        "delete from uploads where id in (select id from uploads where expires_at <= $1 order by expires_at limit $2)",
        &[now.into(), FORGOTTEN_AT_ONCE.into()],
    )
    .await?;
    Ok(())
}

fn hash(token: &str) -> String {
    sha256(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
