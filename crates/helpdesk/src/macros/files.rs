//! Files that a macro brings along. One may be sent before there is a macro: whoever writes the macro then names it.

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{Access, Macros};
use serde_json::json;
use store::{StoreError, Tx};

use crate::Error;
use crate::events::{self, Change};
use crate::files::{self, File};
use crate::page::Query;

/// Most files of one macro.
pub const FILES_MAX: usize = 5;

/// A file of a macro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacroFile {
    pub id: i64,
    pub macro_id: Option<i64>,
    pub file: File,
    pub created_at: Timestamp,
}

/// Puts a file that was stored to a macro, or keeps it for one to come. `Invalid` on `attachments` for one too many; `NotFound`.
pub async fn add(
    tx: &mut Tx,
    may: &CanWrite<Macros>,
    now: Timestamp,
    macro_id: Option<i64>,
    file_id: i64,
) -> Result<MacroFile, Error> {
    if let Some(id) = macro_id {
        super::read(tx, id).await?;
        must_have_room(tx, id, 1).await?;
    }
    let row = tx
        .row(
            "insert into macro_files (macro_id, file_id, created_at) values ($1, $2, $3) returning id",
            &[macro_id.into(), file_id.into(), now.into()],
        )
        .await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    tx.run("update files set used_at = $1 where id = $2 and used_at is null", &[now.into(), file_id.into()]).await?;
    if let Some(macro_id) = macro_id {
        record(tx, may, now, macro_id, &[id]).await?;
    }
    of(tx, &[id]).await?.pop().ok_or(Error::NotFound { kind: "macro attachment", id })
}

/// Gives files that were sent before to a macro. `Invalid` on `attachments` for one that is not there or is another macro's.
pub async fn give(
    tx: &mut Tx,
    may: &CanWrite<Macros>,
    now: Timestamp,
    macro_id: i64,
    ids: &[i64],
) -> Result<(), Error> {
    let found = of(tx, ids).await?;
    let is_free = |id: &i64| found.iter().any(|it| it.id == *id && it.macro_id.is_none_or(|of| of == macro_id));
    if let Some(id) = ids.iter().find(|id| !is_free(id)) {
        return Err(Error::invalid("attachments", format!("has no attachment {id} to give")));
    }
    let new: Vec<i64> = found.iter().filter(|it| it.macro_id.is_none()).map(|it| it.id).collect();
    if new.is_empty() {
        return Ok(());
    }
    must_have_room(tx, macro_id, new.len()).await?;
    let mut query = Query::new("update macro_files set macro_id = $1 where 1 = 1");
    query.params.push(macro_id.into());
    query.and_in("id", new.iter().copied());
    tx.run(&query.sql, &query.params).await?;
    record(tx, may, now, macro_id, &new).await
}

async fn must_have_room(tx: &mut Tx, macro_id: i64, n_more: usize) -> Result<(), Error> {
    let row = tx.row("select count(*) as n from macro_files where macro_id = $1", &[macro_id.into()]).await?;
    let n = usize::try_from(row.ok_or(StoreError::Column("n"))?.int("n")?).unwrap_or(usize::MAX);
    if FILES_MAX < n.saturating_add(n_more) {
        return Err(Error::invalid("attachments", format!("can be {FILES_MAX} at most")));
    }
    Ok(())
}

/// The files of a macro, in the order they came. `NotFound` if there is no such macro. Served by `macro_files_by_macro`.
pub async fn list(tx: &mut Tx, _may: &CanRead<Macros>, macro_id: i64) -> Result<Vec<MacroFile>, Error> {
    super::read(tx, macro_id).await?;
    let rows = tx.rows("select id from macro_files where macro_id = $1 order by id", &[macro_id.into()]).await?;
    let ids = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?;
    of(tx, &ids).await
}

/// The file with this id, or `NotFound`.
pub async fn find<A: Access>(tx: &mut Tx, _may: &Permit<Macros, A>, id: i64) -> Result<MacroFile, Error> {
    of(tx, &[id]).await?.pop().ok_or(Error::NotFound { kind: "macro attachment", id })
}

async fn of(tx: &mut Tx, ids: &[i64]) -> Result<Vec<MacroFile>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new("select id, macro_id, file_id, created_at from macro_files where 1 = 1");
    query.and_in("id", ids.iter().copied());
    query.sql.push_str(" order by id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    let file_ids = rows.iter().map(|row| row.int("file_id")).collect::<Result<Vec<_>, _>>()?;
    let files = files::of_ids(tx, &file_ids).await?;
    let mut found = Vec::with_capacity(rows.len());
    for (row, file_id) in rows.iter().zip(file_ids) {
        if let Some(file) = files.iter().find(|file| file.id == file_id) {
            found.push(MacroFile {
                id: row.int("id")?,
                macro_id: row.int_or_null("macro_id")?,
                file: file.clone(),
                created_at: row.time("created_at")?,
            });
        }
    }
    Ok(found)
}

async fn record(tx: &mut Tx, may: &CanWrite<Macros>, now: Timestamp, macro_id: i64, ids: &[i64]) -> Result<(), Error> {
    let change = Change {
        kind: "macro-updated",
        object_type: "Macro",
        object_id: macro_id,
        before: None,
        after: None,
        data: Some(json!({ "added_files": ids })),
    };
    events::record(tx, may.actor(), now, change).await
}
