//! `/api/v2/uploads` and `/api/v2/attachments`: files on their way to a comment, and those that comments have (Zendesk contract,
//! `resources.attachments`).
//!
//! A file that was uploaded here has an odd id, made of its own; one that a message brought along has an even one, made of the message's id
//! and the file's place there.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::MethodFilter;
use endpoint::{App, Later, May, Routes, files as stored};
use helpdesk::files::{self, File, Purpose};
use helpdesk::tickets::messages::{self, Message};
use helpdesk::tickets::redaction::{self, Attached, Fate, Place};
use helpdesk::uploads::{self, Upload};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{Files, Read, Tickets};
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::path::Triple;
use crate::query::Params;
use crate::time::format;
use crate::{Id, Site, Word};

pub fn routes(routes: Routes) -> Routes {
    routes
        .post("/api/v2/uploads", upload)
        .delete("/api/v2/uploads/{token}", delete_upload)
        .get("/api/v2/attachments/{attachment_id}", show)
        .put("/api/v2/attachments/{attachment_id}", update)
        .delete("/api/v2/attachments/{attachment_id}", delete)
        .put(REDACT, redact)
        .open(MethodFilter::GET, "/attachments/token/{token}/", download, "the token is signed, and works for an hour")
}

const REDACT: &str = "/api/v2/tickets/{ticket_id}/comments/{comment_id}/attachments/{attachment_id}/redact";

/// Files of one message at most, as far as their ids go.
const PLACES: i64 = 1_000;

/// `POST /api/v2/uploads`: the body is the file.
pub async fn upload(
    State(app): State<App>,
    May(may): May<CanWrite<Files>>,
    params: Params,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let name = params.required_text("filename")?;
    let sent_token = params.text("token")?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let checked = files::check("filename", Purpose::Attachment, Some(&name), kind, &bytes)?;
    let file = stored::store(&app, &may, Purpose::Attachment, checked, bytes).await?;
    let is_new = sent_token.is_none();
    let token = sent_token.unwrap_or_else(|| app.random.hex(32));
    let now = app.clock.now();
    let upload = transact!(app.db, |tx| uploads::add(tx, &may, now, (&token, is_new), file.id).await)?;
    let view = view_of_upload(&app, &params.site, &token, &upload);
    Ok(Reply::new(StatusCode::CREATED, json!({ "upload": view })))
}

/// Files that wait under a token for a comment.
pub(crate) fn view_of_upload(app: &App, site: &Site, token: &str, upload: &Upload) -> Value {
    let mut views: Vec<Value> = upload.files.iter().map(|file| view_of_file(site, file)).collect();
    views.iter_mut().for_each(|view| sign(app, view));
    json!({
        "token": token,
        "expires_at": format(upload.expires_at),
        "attachment": views.last(),
        "attachments": views,
    })
}

/// `DELETE /api/v2/uploads/{token}`
pub async fn delete_upload(State(app): State<App>, May(may): May<CanWrite<Files>>, Word(token): Word) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| uploads::delete(tx, &may, now, &token).await)?;
    Ok(Reply::empty())
}

/// `GET /api/v2/attachments/{attachment_id}`
pub async fn show(
    State(app): State<App>,
    May(may): May<CanRead<Files>>,
    later: Later,
    Id(id): Id,
    params: Params,
) -> Answer {
    let mut tx = app.db.read().await?;
    let mut view = match place_of(id) {
        Place::File(file_id) => view_of_file(&params.site, &uploads::file(&mut tx, &may, file_id).await?),
        Place::InMessage { message_id, .. } => {
            let message = messages::of_ids(&mut tx, &later.permit::<Tickets, Read>()?, &[message_id]).await?;
            let views = message.first().map(|message| views(&params.site, message)).unwrap_or_default();
            views.into_iter().find(|view| view["id"] == id).ok_or_else(ZendeskError::not_found)?
        }
    };
    sign(&app, &mut view);
    Ok(Reply::one("attachment", view))
}

/// `PUT /api/v2/attachments/{attachment_id}`: whether it may be opened though it is held to be harmful.
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Files>>,
    later: Later,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    later.administrator()?;
    let mut fields = body.record("attachment")?;
    fields.require("malware_access_override");
    let is_on = fields.flag("malware_access_override").unwrap_or_default();
    fields.finish()?;
    change(&app, &may, &params.site, (None, id), Fate::AccessOverride(is_on)).await
}

/// `DELETE /api/v2/attachments/{attachment_id}`: nothing is left of it but an empty text, where a comment had it.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<Files>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| redaction::attachment(tx, &may, now, (None, place_of(id)), Fate::Redacted).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/tickets/{ticket_id}/comments/{comment_id}/attachments/{attachment_id}/redact`
pub async fn redact(
    State(app): State<App>,
    May(may): May<CanWrite<Files>>,
    Triple(ticket_id, comment_id, id): Triple,
    params: Params,
) -> Answer {
    change(&app, &may, &params.site, (Some((ticket_id, comment_id)), id), Fate::Redacted).await
}

async fn change(
    app: &App,
    may: &CanWrite<Files>,
    site: &Site,
    (message, id): (Option<(i64, i64)>, i64),
    fate: Fate,
) -> Answer {
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| redaction::attachment(tx, may, now, (message, place_of(id)), fate).await)?;
    let found = match changed {
        Attached::ToMessage(message) => views(site, &message).into_iter().find(|view| view["id"] == id),
        Attached::ToNothing(file) => Some(view_of_file(site, &file)),
        Attached::Gone => None,
    };
    let mut view = found.ok_or_else(ZendeskError::not_found)?;
    sign(app, &mut view);
    Ok(Reply::one("attachment", view))
}

/// `GET /attachments/token/{token}/`: what `content_url` leads to.
pub async fn download(State(app): State<App>, Word(token): Word, params: Params, headers: HeaderMap) -> Response {
    stored::by_token(&app, &token, params.one("name").unwrap_or_default(), &headers).await
}

/// Where the attachment with this id is.
pub(crate) fn place_of(id: i64) -> Place {
    if id % 2 == 1 {
        return Place::File(id / 2);
    }
    Place::InMessage { message_id: id / 2 / PLACES, at: usize::try_from(id / 2 % PLACES).unwrap_or(usize::MAX) }
}

/// The id of a message's attachment.
pub(crate) fn id_of(message_id: i64, at: i64, file_id: Option<i64>) -> i64 {
    match file_id {
        Some(id) => id.saturating_mul(2).saturating_add(1),
        None => (message_id * PLACES + at) * 2,
    }
}

/// Files that were sent before, as a message of ours has them.
pub(crate) fn of_files(taken: &[File]) -> Value {
    let one = |file: &File| {
        json!({
            "url": file.path(), "name": file.name, "content_type": file.content_type,
            "size": file.size_bytes, "file_id": file.id,
        })
    };
    taken.iter().map(one).collect()
}

fn list_of(message: &Message) -> Vec<Value> {
    let stored = message.attachments.as_ref().and_then(|list| serde_json::from_str(list.get()).ok());
    stored.unwrap_or_default()
}

/// Files that were sent with a comment, in the order they were.
pub(crate) fn views(site: &Site, message: &Message) -> Vec<Value> {
    views_of(site, message.id, &list_of(message))
}

/// The same of a list as messages have it.
pub(crate) fn views_of(site: &Site, message_id: i64, list: &[Value]) -> Vec<Value> {
    let each = list.iter().zip(0_i64..).map(|(file, at)| {
        let address = file["url"].as_str().unwrap_or_default();
        // Addresses of ours lead to where the caller reached us.
        let address = match address.find("/attachments/") {
            Some(at) if file["file_id"].is_i64() => format!("{}{}", site.0, &address[at..]),
            _ if address.starts_with('/') => format!("{}{address}", site.0),
            _ => address.to_owned(),
        };
        let id = id_of(message_id, at, file["file_id"].as_i64());
        let name = file["name"].as_str().unwrap_or_default();
        let kind = file["content_type"].as_str().unwrap_or("application/octet-stream");
        let size = file["size"].as_i64().unwrap_or_default();
        let mut view = view(site, id, (name, kind, size), &address, file["deleted"] == true);
        view["malware_access_override"] = json!(file["malware_access_override"] == true);
        view
    });
    each.collect()
}

pub(crate) fn view_of_file(site: &Site, file: &File) -> Value {
    let address = format!("{}{}", site.0, file.path());
    // No file is empty unless it was emptied.
    let is_redacted = file.size_bytes == 0;
    let mut view =
        view(site, file.id * 2 + 1, (&file.name, &file.content_type, file.size_bytes), &address, is_redacted);
    view["malware_access_override"] = json!(file.malware_override);
    view
}

fn view(site: &Site, id: i64, (name, kind, size): (&str, &str, i64), address: &str, deleted: bool) -> Value {
    json!({
        "id": id,
        "url": site.url(&format!("attachments/{id}")),
        "file_name": name,
        "content_url": address,
        "mapped_content_url": address,
        "content_type": kind,
        "size": size,
        "width": null,
        "height": null,
        "inline": false,
        "deleted": deleted,
        "malware_access_override": false,
        // Nothing here looks for it.
        "malware_scan_result": "not_scanned",
        "thumbnails": [],
    })
}

/// Makes the addresses of an attachment work without credentials for an hour.
pub(crate) fn sign(app: &App, attachment: &mut Value) {
    for key in ["content_url", "mapped_content_url"] {
        let Some(address) = attachment[key].as_str() else { continue };
        let Some((token, name)) = stored::token(app, address) else { continue };
        let site = address.find("/attachments/").map_or("", |at| &address[..at]);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", &name);
        attachment[key] = json!(format!("{site}/attachments/token/{token}/?{}", query.finish()));
    }
}

/// The same of all that stand anywhere in an answer.
pub(crate) fn sign_all(app: &App, shown: &mut Value) {
    match shown {
        Value::Array(items) => items.iter_mut().for_each(|item| sign_all(app, item)),
        Value::Object(object) => {
            for (name, value) in object.iter_mut() {
                if name == "attachments" {
                    value.as_array_mut().into_iter().flatten().for_each(|attachment| sign(app, attachment));
                } else if value.is_array() || value.is_object() {
                    sign_all(app, value);
                }
            }
        }
        _ => {}
    }
}
