//! Forms with files, `multipart/form-data`, read whole.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header;
use helpdesk::files::{FILES_MAX, SIZE_MAX_BYTES};
use multer::{Constraints, Multipart, SizeLimit};

/// What stands between the files of a form.
const OVERHEAD_BYTES: usize = 64 * 1024;
const LABEL_MAX_CHARS: usize = 100;

/// One part of a form: a file, or the value of a field.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name of the field; `file` if it has none.
    pub label: String,
    /// Of a file.
    pub name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// Why a form could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("The body must be multipart/form-data.")]
    NoForm,
    #[error("The form could not be read.")]
    Broken,
    #[error("At most {FILES_MAX} files go into one upload.")]
    TooMany,
    #[error("The form is too large.")]
    TooLarge,
}

/// Whether the body of a request calls itself a form.
pub fn is_form(request: &Request) -> bool {
    content_type(request).trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

/// All parts, in their order.
pub async fn read(request: Request) -> Result<Vec<Part>, Unreadable> {
    let boundary = multer::parse_boundary(content_type(&request)).map_err(|_| Unreadable::NoForm)?;
    let whole = u64::try_from(SIZE_MAX_BYTES + OVERHEAD_BYTES).unwrap_or(u64::MAX);
    let each = u64::try_from(SIZE_MAX_BYTES).unwrap_or(u64::MAX);
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(whole).per_field(each));
    let mut form = Multipart::with_constraints(request.into_body().into_data_stream(), boundary, limits);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(refusal)? {
        if parts.len() == FILES_MAX {
            return Err(Unreadable::TooMany);
        }
        let label: String = field.name().unwrap_or("file").chars().take(LABEL_MAX_CHARS).collect();
        let name = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(|kind| kind.essence_str().to_owned());
        let bytes = field.bytes().await.map_err(refusal)?;
        parts.push(Part { label, name, content_type, bytes });
    }
    Ok(parts)
}

fn content_type(request: &Request) -> &str {
    request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

fn refusal(error: multer::Error) -> Unreadable {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => Unreadable::TooLarge,
        _ => Unreadable::Broken,
    }
}
