//! Writing tickets into a file, piece by piece. Each piece is stored together with where it ends, so that a program that is killed goes on
//! behind its last piece: no row is missing or there twice. Memory holds one piece, whatever the number of tickets.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Tickets;
use serde_json::{Value as Json, json};
use store::Tx;

use super::export_rows;
use super::job::{Format, Job};
use super::run::{Ended, Progress, Run, Standing};
use super::selection::{self, Selection, Walk};
use crate::Error;

/// A piece is stored when it has grown to this.
const PIECE_BYTES: usize = 1024 * 1024;
/// Tickets that are read at a time.
const READ: usize = 500;

/// What the file is called when it is saved.
pub fn file_name(job: &Job, format: Format) -> String {
    let day = job.created_at.strftime("%Y-%m-%d");
    format!("tickets-{day}-job-{}.{}", job.id, format.extension())
}

/// Why there is no file to fetch. None if there is.
pub fn why_not_fetch(job: &Job) -> Option<&'static str> {
    if !matches!(job.work, super::job::Work::ExportTickets { .. }) {
        Some("This job writes no file.")
    } else if job.cleaned_at.is_some() {
        Some("The file was removed. Start the export again.")
    } else if job.status != super::job::Status::Done {
        Some("The file is not complete yet.")
    } else {
        None
    }
}

/// A piece of a job's file, by number from 1. None behind the last. Whoever calls has seen to it that the reader may have the file.
pub async fn piece(tx: &mut Tx, job_id: i64, number: i64) -> Result<Option<Vec<u8>>, Error> {
    let sql = "select content from job_pieces where job_id = $1 and number = $2";
    let row = tx.row(sql, &[job_id.into(), number.into()]).await?;
    Ok(row.map(|row| row.blob("content")).transpose()?)
}

pub(super) async fn run(run: &Run<'_>, selection: &Selection, format: Format) -> Result<Ended, Error> {
    let may: CanRead<Tickets> = run.permit()?;
    let viewpoint = selection::viewpoint(run.job.person_id, run.began());
    let mut progress = run.progress();
    if progress.checkpoint.is_null() {
        let mut tx = run.db.read().await?;
        progress.total = Some(selection.count(&mut tx, viewpoint).await?);
        progress.checkpoint = json!({ "after": 0, "last": selection::last_ticket(&mut tx).await?, "pieces": 0 });
    }
    let place = |name: &str| progress.checkpoint.get(name).and_then(Json::as_i64).unwrap_or_default();
    let (mut after, last, mut n_pieces) = (place("after"), place("last"), place("pieces"));
    let mut walk = Walk::new(selection, viewpoint, (after, last));
    let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
    if n_pieces == 0 {
        export_rows::begin(&mut piece, format)?;
    }
    let mut n_in_piece = 0;
    loop {
        let ids = walk.next(run.db, READ).await?;
        if let Some(newest) = ids.last() {
            let mut tx = run.db.read().await?;
            export_rows::write(&mut tx, &may, &ids, (selection, viewpoint), format, &mut piece).await?;
            after = *newest;
            n_in_piece += i64::try_from(ids.len()).unwrap_or_default();
        }
        if piece.len() < PIECE_BYTES && !ids.is_empty() {
            continue;
        }
        if piece.is_empty() {
            return Ok(Ended::Done);
        }
        n_pieces += 1;
        let mut next = progress.clone();
        next.done += n_in_piece;
        next.checkpoint = json!({ "after": after, "last": last, "pieces": n_pieces });
        let standing = store::transact!(run.db, |tx| store_piece(tx, run, n_pieces, &piece, &mut next).await)?;
        if let Standing::Over(ended) = standing {
            return Ok(ended);
        }
        progress = next;
        piece.clear();
        n_in_piece = 0;
        if ids.is_empty() {
            return Ok(Ended::Done);
        }
    }
}

async fn store_piece(
    tx: &mut Tx,
    run: &Run<'_>,
    number: i64,
    content: &[u8],
    progress: &mut Progress,
) -> Result<Standing, Error> {
    let standing = run.standing(tx).await?;
    if standing == Standing::Going {
        tx.run(
            "insert into job_pieces (job_id, number, content) values ($1, $2, $3)",
            &[run.job.id.into(), number.into(), content.into()],
        )
        .await?;
        run.save(tx, progress, &[], &[]).await?;
    }
    Ok(standing)
}

/// Whether the file of a job is still there at this time.
pub fn is_kept(job: &Job, now: Timestamp) -> bool {
    job.cleaned_at.is_none() && now <= job.ended_at.unwrap_or(job.created_at) + super::job::FILE_KEPT
}
