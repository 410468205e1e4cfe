//! `/api/upload` and `/api/{file_type}/download`: files that messages, macros and pictures point at.

use axum::Json;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use endpoint::form::{self, Part, Unreadable};
use endpoint::{App, May, Needs, files as stored};
use helpdesk::files::{self, Purpose};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Files;
use serde_json::{Value, json};

use crate::GorgiasError;
use crate::error::Problems;
use crate::query::Params;

const PURPOSES: &[&str] = &["attachment", "public_attachment", "profile_picture", "widget_picture"];

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

impl Needs for Upload {}

impl FromRequest<App> for Upload {
    type Rejection = GorgiasError;

    async fn from_request(request: Request, _app: &App) -> Result<Upload, GorgiasError> {
        let parts = form::read(request).await.map_err(refusal)?;
        if parts.is_empty() {
            return Err(GorgiasError::Unreadable("The form holds no file.".to_owned()));
        }
        Ok(Upload { parts })
    }
}

fn refusal(error: Unreadable) -> GorgiasError {
    match error {
        Unreadable::TooLarge => GorgiasError::TooLarge,
        other => GorgiasError::Unreadable(other.to_string()),
    }
}
