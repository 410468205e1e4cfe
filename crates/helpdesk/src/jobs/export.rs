//! Writing tickets or macros into a file, piece by piece. Each piece is stored together with where it ends, so that a program that is killed
//! goes on behind its last piece: no row is missing or there twice. Memory holds one piece, whatever the number of rows.

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::{Macros, Tickets};
use serde_json::{Value as Json, json};
use store::Tx;

use super::export_rows::{self, Batch};
use super::job::{Format, Job, Status, Work};
use super::macro_rows;
use super::run::{Ended, Progress, Run, Standing};
use super::selection::{self, Selection, Walk};
use crate::{Error, macros};

/// A piece is stored when it has grown to this.
pub(super) const PIECE_BYTES: usize = 1024 * 1024;
/// Tickets that are read at a time.
const READ: usize = 500;
/// The same of macros, which are larger.
const MACROS_READ: usize = 100;

/// What the file is called when it is saved.
pub fn file_name(job: &Job, format: Format) -> String {
    let what = match &job.work {
        Work::ExportMacros { .. } => "macros",
        Work::ExportList { list } => list.word(),
        _ => "tickets",
    };
    let day = job.created_at.strftime("%Y-%m-%d");
    format!("{what}-{day}-job-{}.{}", job.id, format.extension())
}

/// Why there is no file to fetch. None if there is.
pub fn why_not_fetch(job: &Job) -> Option<&'static str> {
    if job.work.file_format().is_none() {
        Some("This job writes no file.")
    } else if job.cleaned_at.is_some() {
        Some("The file was removed. Start the export again.")
    } else if job.status != Status::Done {
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
        let total = selection.count(&mut tx, viewpoint).await?;
        begin(&mut progress, total, selection::last_ticket(&mut tx).await?);
    }
    let mut file = File::of(run, progress);
    if file.is_empty() {
        export_rows::begin(&mut file.piece, format)?;
    }
    let walk = Walk::of_each(selection, viewpoint, (file.after, file.last));
    let mut reader = Reader { run, may, selection, walk };
    let mut read = reader.next().await?;
    while let Some((newest, batch)) = read {
        // What comes next is read while this is written, where reads do not run in this very thread.
        let (next, ended) = tokio::join!(reader.next(), async {
            batch.write(format, &mut file.piece)?;
            file.passed(newest, batch.len());
            file.keep(false).await
        });
        if let Some(ended) = ended? {
            return Ok(ended);
        }
        read = next?;
    }
    Ok(file.keep(true).await?.unwrap_or(Ended::Done))
}

/// The tickets of a selection, a batch at a time.
struct Reader<'a> {
    run: &'a Run<'a>,
    may: CanRead<Tickets>,
    selection: &'a Selection,
    walk: Walk<'a>,
}

impl Reader<'_> {
    /// The next ones that fit, and up to which ticket these are all. None at the end.
    async fn next(&mut self) -> Result<Option<(i64, Batch)>, Error> {
        let ids = self.walk.next(self.run.db, READ).await?;
        let Some(newest) = ids.last() else { return Ok(None) };
        let mut tx = self.run.db.read().await?;
        let batch = export_rows::read(&mut tx, &self.may, &ids, (self.selection, self.walk.viewpoint)).await?;
        self.walk.learn(ids.len(), batch.len());
        Ok(Some((*newest, batch)))
    }
}

/// The same of macros: all there are now, or those that are named and there.
pub(super) async fn run_macros(run: &Run<'_>, ids: Option<&[i64]>) -> Result<Ended, Error> {
    let may: CanRead<Macros> = run.permit()?;
    let mut progress = run.progress();
    if progress.checkpoint.is_null() {
        let mut tx = run.db.read().await?;
        let (total, last) = macros::extent(&mut tx, &may, ids).await?;
        begin(&mut progress, total, last);
    }
    let mut file = File::of(run, progress);
    if file.is_empty() {
        macro_rows::begin(&mut file.piece)?;
    }
    loop {
        let found = {
            let mut tx = run.db.read().await?;
            macros::between(&mut tx, &may, ids, (file.after, file.last), MACROS_READ).await?
        };
        for one in &found {
            macro_rows::write(one, &mut file.piece)?;
            file.passed(one.id, 1);
        }
        if let Some(ended) = file.keep(found.is_empty()).await? {
            return Ok(ended);
        }
    }
}

fn begin(progress: &mut Progress, total: i64, last: i64) {
    progress.total = Some(total);
    progress.checkpoint = json!({ "after": 0, "last": last, "pieces": 0 });
}

/// The file under way: its pieces that are stored, and the one that grows.
struct File<'a> {
    run: &'a Run<'a>,
    /// As of the last piece.
    progress: Progress,
    /// Rows up to this id are written, of those up to `last`.
    after: i64,
    last: i64,
    n_pieces: i64,
    piece: Vec<u8>,
    n_in_piece: i64,
}

impl<'a> File<'a> {
    fn of(run: &'a Run<'a>, progress: Progress) -> File<'a> {
        let place = |name: &str| progress.checkpoint.get(name).and_then(Json::as_i64).unwrap_or_default();
        let (after, last, n_pieces) = (place("after"), place("last"), place("pieces"));
        let piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
        File { run, progress, after, last, n_pieces, piece, n_in_piece: 0 }
    }

    fn is_empty(&self) -> bool {
        self.n_pieces == 0
    }

    /// What comes up to this id is in the piece.
    fn passed(&mut self, id: i64, n_rows: usize) {
        self.after = id;
        self.n_in_piece += i64::try_from(n_rows).unwrap_or_default();
    }

    /// Stores the piece if it is large enough, or the last one. How the run ended, if it did.
    async fn keep(&mut self, is_last: bool) -> Result<Option<Ended>, Error> {
        if self.piece.len() < PIECE_BYTES && !is_last {
            return Ok(None);
        }
        if self.piece.is_empty() {
            return Ok(Some(Ended::Done));
        }
        self.n_pieces += 1;
        let mut next = self.progress.clone();
        next.done += self.n_in_piece;
        next.checkpoint = json!({ "after": self.after, "last": self.last, "pieces": self.n_pieces });
        let (run, number, content) = (self.run, self.n_pieces, self.piece.as_slice());
        let standing =
            store::transact!(run.db.in_background(), |tx| store_piece(tx, run, number, content, &mut next).await)?;
        if let Standing::Over(ended) = standing {
            return Ok(Some(ended));
        }
        self.progress = next;
        self.piece.clear();
        self.n_in_piece = 0;
        Ok(is_last.then_some(Ended::Done))
    }
}

pub(super) async fn store_piece(
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
