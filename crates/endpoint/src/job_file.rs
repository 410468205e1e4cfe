//! The file that an export wrote, as an answer: sent piece by piece, so that it takes the same memory however large it is.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use helpdesk::jobs::export;
use helpdesk::jobs::job::Job;

use crate::App;

/// None if the job has no file to fetch. Whoever calls has seen to it that the reader may have it. A failure in between breaks the
/// connection off.
pub fn answer(app: &App, job: &Job) -> Option<Response> {
    let format = job.work.file_format()?;
    if export::why_not_fetch(job).is_some() {
        return None;
    }
    let pieces = stream::unfold((app.clone(), job.id, 1), async |(app, id, number)| {
        let piece = async {
            let mut tx = app.db.read().await?;
            export::piece(&mut tx, id, number).await
        };
        match piece.await {
            Ok(piece) => piece.map(|piece| (Ok(piece), (app, id, number + 1))),
            Err(error) => {
                tracing::error!(%error, job = id, number, "a file could not be read to its end");
                Some((Err(std::io::Error::other("the file could not be read")), (app, id, i64::MAX)))
            }
        }
    });
    let mut response = Body::from_stream(Box::pin(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let name = format!("attachment; filename=\"{}\"", export::file_name(job, format));
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Some(response)
}
