//! `/api/v2/macros/attachments`: files that a macro brings along (Zendesk contract, `resources.macros`).

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use endpoint::{App, May, Needs, Routes, files as stored};
use helpdesk::files::{self, Purpose, SIZE_MAX_BYTES};
use helpdesk::macros::files::{self as macro_files, MacroFile};
use multer::{Constraints, Multipart, SizeLimit};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Macros;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply, named};
use crate::error::ZendeskError;
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site};

pub fn routes(routes: Routes) -> Routes {
    routes
        .post("/api/v2/macros/attachments", create)
        .get("/api/v2/macros/attachments/{attachment_id}", show)
        .get("/api/v2/macros/attachments/{attachment_id}/content", download)
        .get("/api/v2/macros/{macro_id}/attachments", list)
        .post("/api/v2/macros/{macro_id}/attachments", create_for)
}

/// What a form has besides the file.
const OVERHEAD_BYTES: usize = 64 * 1024;

/// A form with a file in the field `attachment`, as a handler's last argument.
#[derive(Debug)]
pub struct Sent {
    name: Option<String>,
    content_type: Option<String>,
    bytes: Bytes,
}

impl Needs for Sent {}

impl FromRequest<App> for Sent {
    type Rejection = ZendeskError;

    async fn from_request(request: Request, _app: &App) -> Result<Sent, ZendeskError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let Ok(boundary) = multer::parse_boundary(kind) else {
            return Err(ZendeskError::bad_request("The body must be multipart/form-data."));
        };
        let whole = u64::try_from(SIZE_MAX_BYTES + OVERHEAD_BYTES).unwrap_or(u64::MAX);
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(whole));
        let mut form = Multipart::with_constraints(request.into_body().into_data_stream(), boundary, limits);
        let (mut file, mut filename) = (None, None);
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            match field.name() {
                Some("filename") => filename = Some(field.text().await.map_err(unreadable)?),
                Some("attachment") => {
                    let name = field.file_name().map(str::to_owned);
                    let content_type = field.content_type().map(|kind| kind.essence_str().to_owned());
                    file = Some(Sent { name, content_type, bytes: field.bytes().await.map_err(unreadable)? });
                }
                _ => {}
            }
        }
        let file = file.ok_or_else(|| ZendeskError::invalid("attachment", "cannot be blank"))?;
        Ok(Sent { name: filename.filter(|name| !name.is_empty()).or(file.name), ..file })
    }
}

fn unreadable(error: multer::Error) -> ZendeskError {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            let text = "The request is too large.".to_owned();
            ZendeskError::Simple(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", text)
        }
        _ => ZendeskError::bad_request("The form could not be read."),
    }
}

/// `POST /api/v2/macros/attachments`: for a macro that is still to be written.
pub async fn create(State(app): State<App>, May(may): May<CanWrite<Macros>>, params: Params, sent: Sent) -> Answer {
    store(&app, &may, &params.site, None, sent).await
}

/// `POST /api/v2/macros/{macro_id}/attachments`
pub async fn create_for(
    State(app): State<App>,
    May(may): May<CanWrite<Macros>>,
    Id(id): Id,
    params: Params,
    sent: Sent,
) -> Answer {
    store(&app, &may, &params.site, Some(id), sent).await
}

async fn store(app: &App, may: &CanWrite<Macros>, site: &Site, macro_id: Option<i64>, sent: Sent) -> Answer {
    let Sent { name, content_type, bytes } = sent;
    let checked = files::check("attachment", Purpose::Attachment, name.as_deref(), content_type.as_deref(), &bytes)?;
    let file = stored::store(app, may, Purpose::Attachment, checked, bytes).await?;
    let now = app.clock.now();
    let made = transact!(app.db, |tx| macro_files::add(tx, may, now, macro_id, file.id).await)?;
    Ok(Reply::new(StatusCode::CREATED, named("macro_attachment", view(site, &made))))
}

/// `GET /api/v2/macros/{macro_id}/attachments`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Macros>>, Id(id): Id, params: Params) -> Answer {
    let found = macro_files::list(&mut app.db.read().await?, &may, id).await?;
    let views: Vec<Value> = found.iter().map(|it| view(&params.site, it)).collect();
    Ok(Reply::ok(json!({ "macro_attachments": views })))
}

/// `GET /api/v2/macros/attachments/{attachment_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Macros>>, Id(id): Id, params: Params) -> Answer {
    let found = macro_files::find(&mut app.db.read().await?, &may, id).await?;
    Ok(Reply::one("macro_attachment", view(&params.site, &found)))
}

/// `GET /api/v2/macros/attachments/{attachment_id}/content`
pub async fn download(
    State(app): State<App>,
    May(may): May<CanRead<Macros>>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ZendeskError> {
    let found = macro_files::find(&mut app.db.read().await?, &may, id).await?;
    Ok(stored::serve(&app, &found.file, &headers).await?)
}

fn view(site: &Site, it: &MacroFile) -> Value {
    json!({
        "id": it.id,
        "filename": it.file.name,
        "content_type": it.file.content_type,
        "content_url": site.url(&format!("macros/attachments/{}/content", it.id)),
        "size": it.file.size_bytes,
        "created_at": format(it.created_at),
    })
}
