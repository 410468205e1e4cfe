//! `/api/upload` and `/api/{file_type}/download`: files that messages, macros and pictures point at.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use endpoint::{App, May, Needs, files as stored};
use helpdesk::files::{self, FILES_MAX, Purpose, SIZE_MAX_BYTES};
use multer::{Constraints, Multipart, SizeLimit};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Files;
use serde_json::{Value, json};

use crate::GorgiasError;
use crate::error::Problems;
use crate::query::Params;

const PURPOSES: &[&str] = &["attachment", "public_attachment", "profile_picture", "widget_picture"];
/// What stands between the files of an upload.
const OVERHEAD_BYTES: usize = 64 * 1024;
const LABEL_MAX_CHARS: usize = 100;

/// `POST /api/upload`. One answer a part, in the order of the parts.
pub async fn upload(
    State(app): State<App>,
    May(may): May<CanWrite<Files>>,
    mut params: Params,
    upload: Upload,
) -> Result<Response, GorgiasError> {
    let purpose = params.one_of("type", PURPOSES).unwrap_or("attachment");
    params.finish()?;
    let purpose = Purpose::parse(purpose).unwrap_or(Purpose::Attachment);

    let mut problems = Problems::default();
    let mut checked = Vec::with_capacity(upload.parts.len());
    for part in upload.parts {
        let sent_name = part.name.as_deref().unwrap_or(&part.label);
        match files::check(&part.label, purpose, Some(sent_name), part.content_type.as_deref(), &part.bytes) {
            Ok(seen) => checked.push((seen, part.bytes)),
            Err(helpdesk::Error::Invalid { problem, .. }) => problems.add(&part.label.replace('.', "_"), problem),
            Err(error) => return Err(error.into()),
        }
    }
    problems.into_result()?;
    let mut made = Vec::with_capacity(checked.len());
    for (seen, bytes) in checked {
        let file = stored::store(&app, &may, purpose, seen, bytes).await?;
        made.push(json!({
            "url": stored::address(&app, &file),
            "name": file.name,
            "content_type": file.content_type,
            "size": file.size_bytes,
        }));
    }
    Ok((StatusCode::CREATED, Json(Value::Array(made))).into_response())
}

/// `GET /api/{file_type}/download/{domain_hash}/{resource_name}`. With `redirect=true`, the address for whoever has no token instead.
pub async fn download(
    State(app): State<App>,
    May(may): May<CanRead<Files>>,
    Path((file_type, key, name)): Path<(String, String, String)>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, GorgiasError> {
    let redirect = params.flag("redirect").unwrap_or_default();
    params.finish()?;
    let purpose = Purpose::of_segment(&file_type).ok_or(GorgiasError::NotFound)?;
    let file = {
        let mut tx = app.db.read().await?;
        files::find(&mut tx, &may, purpose, &key, &name).await?
    };
    if redirect {
        let mut answer = Redirect::to(&stored::signed_address(&app, &file)).into_response();
        *answer.status_mut() = StatusCode::FOUND;
        return Ok(answer);
    }
    Ok(stored::serve(&app, &file, &headers).await?)
}

/// A form with files, read whole, as a handler's last argument.
#[derive(Debug)]
pub struct Upload {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    label: String,
    name: Option<String>,
    content_type: Option<String>,
    bytes: Bytes,
}

impl Needs for Upload {}

impl FromRequest<App> for Upload {
    type Rejection = GorgiasError;

    async fn from_request(request: Request, _app: &App) -> Result<Upload, GorgiasError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(kind)
            .map_err(|_| GorgiasError::Unreadable("The body must be multipart/form-data.".to_owned()))?;
        let whole = u64::try_from(SIZE_MAX_BYTES + OVERHEAD_BYTES).unwrap_or(u64::MAX);
        let each = u64::try_from(SIZE_MAX_BYTES).unwrap_or(u64::MAX);
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(whole).per_field(each));
        let body = request.into_body().into_data_stream();
        let mut form = Multipart::with_constraints(body, boundary, limits);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.map_err(refusal)? {
            if parts.len() == FILES_MAX {
                return Err(GorgiasError::Unreadable(format!("At most {FILES_MAX} files go into one upload.")));
            }
            let label: String = field.name().unwrap_or("file").chars().take(LABEL_MAX_CHARS).collect();
            let name = field.file_name().map(str::to_owned);
            let content_type = field.content_type().map(|kind| kind.essence_str().to_owned());
            let bytes = field.bytes().await.map_err(refusal)?;
            parts.push(Part { label, name, content_type, bytes });
        }
        if parts.is_empty() {
            return Err(GorgiasError::Unreadable("The form holds no file.".to_owned()));
        }
        Ok(Upload { parts })
    }
}

fn refusal(error: multer::Error) -> GorgiasError {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => GorgiasError::TooLarge,
        _ => GorgiasError::Unreadable("The form could not be read.".to_owned()),
    }
}
