//! Files of articles. They are sent as a form; one that is sent for no article yet is given to one later.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use endpoint::form::{self, Part, Unreadable};
use endpoint::{App, May, Needs, Routes, files as stored};
use helpdesk::files::{self, Purpose};
use helpdesk::help_center::Reader;
use helpdesk::help_center::attachments::{self, Attachment};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, PublicHelpCenter};
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, known_locale, listed};
use crate::Site;
use crate::answer::Reply;
use crate::error::{Kind, Problems, ZendeskError};
use crate::fields::Body;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    let routes = routes
        .post("/api/v2/help_center/articles/attachments", create_waiting)
        .get("/api/v2/help_center/articles/attachments/{article_attachment_id}", show_any)
        .delete("/api/v2/help_center/articles/attachments/{article_attachment_id}", delete)
        .get("/api/v2/help_center/articles/{article_id}/attachments", list)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/attachments", list)
        .post("/api/v2/help_center/articles/{article_id}/attachments", create)
        .get("/api/v2/help_center/articles/{article_id}/attachments/block", list_block)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/attachments/block", list_block);
    routes
        .get("/api/v2/help_center/articles/{article_id}/attachments/inline", list_inline)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/attachments/inline", list_inline)
        .get("/api/v2/help_center/articles/{article_id}/attachments/{article_attachment_id}", show)
        .post("/api/v2/help_center/articles/{article_id}/bulk_attachments", associate)
        .post("/api/v2/help_center/{locale}/articles/{article_id}/bulk_attachments", associate)
}

/// `GET /api/v2/help_center/articles/{article_id}/attachments`
pub async fn list(State(app): State<App>, May(may): May<CanRead<PublicHelpCenter>>, at: At, params: Params) -> Answer {
    list_by(&app, &may, (at.id(), None), &params).await
}

/// `GET /api/v2/help_center/articles/{article_id}/attachments/inline`: those within the text.
pub async fn list_inline(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    list_by(&app, &may, (at.id(), Some(true)), &params).await
}

/// `GET /api/v2/help_center/articles/{article_id}/attachments/block`: those below the text.
pub async fn list_block(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    list_by(&app, &may, (at.id(), Some(false)), &params).await
}

async fn list_by(app: &App, may: &CanRead<PublicHelpCenter>, which: (i64, Option<bool>), params: &Params) -> Answer {
    let asked = Asked::read(params, "article attachments", &["id"])?;
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, may).await?;
    let page = attachments::list(&mut tx, &reader, which, &asked.slice).await?;
    Ok(listed(&asked, asked.body("article_attachments", page, |it| view(app, &params.site, &it)), false))
}

/// `GET /api/v2/help_center/articles/{article_id}/attachments/{article_attachment_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<PublicHelpCenter>>, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, &may).await?;
    let found = attachments::find(&mut tx, &reader, at.pair()).await?;
    Ok(Reply::one("article_attachment", view(&app, &params.site, &found)))
}

/// `GET /api/v2/help_center/articles/attachments/{article_attachment_id}`
pub async fn show_any(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let found = attachments::find_any(&mut tx, &may, at.id()).await?;
    Ok(Reply::one("article_attachment", view(&app, &params.site, &found)))
}

/// `POST /api/v2/help_center/articles/{article_id}/attachments`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    sent: Sent,
) -> Answer {
    // Whoever may not write the article leaves no file behind.
    let mut tx = app.db.read().await?;
    attachments::must_take(&mut tx, &may, at.id()).await?;
    drop(tx);
    store_sent(&app, &may, Some(at.id()), (&params, sent)).await
}

/// `POST /api/v2/help_center/articles/attachments`: for an article to come.
pub async fn create_waiting(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    params: Params,
    sent: Sent,
) -> Answer {
    store_sent(&app, &may, None, (&params, sent)).await
}

async fn store_sent(
    app: &App,
    may: &CanWrite<HelpCenter>,
    article_id: Option<i64>,
    (params, sent): (&Params, Sent),
) -> Answer {
    let name = sent.file.name.as_deref().unwrap_or(&sent.file.label);
    let kind = sent.file.content_type.as_deref();
    let checked = files::check("file", Purpose::PublicAttachment, Some(name), kind, &sent.file.bytes)?;
    let file = stored::store(app, &may.on_its_files(), Purpose::PublicAttachment, checked, sent.file.bytes).await?;
    let now = app.clock.now();
    let made = transact!(app.db, |tx| {
        let what = (&file, sent.inline, sent.locale.as_deref());
        attachments::create(tx, may, now, article_id, what).await
    })?;
    Ok(Reply::created("article_attachment", view(app, &params.site, &made)))
}

/// `POST /api/v2/help_center/articles/{article_id}/bulk_attachments`
pub async fn associate(State(app): State<App>, May(may): May<CanWrite<HelpCenter>>, at: At, body: Body) -> Answer {
    let mut fields = body.bare()?;
    let ids = fields.ids("attachment_ids").unwrap_or_default();
    fields.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| attachments::associate(tx, &may, now, at.id(), &ids).await)?;
    Ok(Reply::done())
}

/// `DELETE /api/v2/help_center/articles/attachments/{article_attachment_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenter>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| attachments::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

/// A file and what was said of it, as a handler's last argument.
#[derive(Debug)]
pub struct Sent {
    file: Part,
    inline: bool,
    locale: Option<String>,
}

impl Needs for Sent {}

impl FromRequest<App> for Sent {
    type Rejection = super::HelpCenterError;

    async fn from_request(request: Request, app: &App) -> Result<Sent, super::HelpCenterError> {
        if !form::is_form(&request) {
            // JSON names a file of the media library, which there is none of here.
            let body = Body::from_request(request, app).await?;
            let named = body.value.get("guide_media_id").is_some();
            let (field, problem) = if named {
                ("guide_media_id", "is not offered: send the file itself")
            } else {
                ("file", "cannot be blank")
            };
            return Err(ZendeskError::invalid(field, problem).into());
        }
        let parts = form::read(request).await.map_err(refusal)?;
        let text = |label: &str| {
            let part = parts.iter().find(|part| part.label == label && part.name.is_none());
            part.map(|part| String::from_utf8_lossy(&part.bytes).trim().to_owned()).filter(|text| !text.is_empty())
        };
        let inline = matches!(text("inline").as_deref(), Some("true" | "1"));
        let sent_locale = text("locale");
        let locale = sent_locale.as_deref().and_then(known_locale);
        let mut problems = Problems::default();
        if sent_locale.is_some() && locale.is_none() {
            problems.add("locale", Kind::Invalid, "is not a locale");
        }
        let is_file = |part: &Part| part.name.is_some() || part.label == "file";
        let file = parts.into_iter().find(is_file);
        if file.is_none() {
            problems.add("file", Kind::Blank, "cannot be blank");
        }
        problems.into_result()?;
        let file = file.ok_or_else(|| ZendeskError::invalid("file", "cannot be blank"))?;
        Ok(Sent { file, inline, locale })
    }
}

fn refusal(error: Unreadable) -> ZendeskError {
    match error {
        Unreadable::TooLarge => {
            ZendeskError::Simple(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", error.to_string())
        }
        other => ZendeskError::bad_request(other.to_string()),
    }
}

fn view(app: &App, site: &Site, it: &Attachment) -> Value {
    let place = match it.article_id {
        Some(article_id) => format!("help_center/articles/{article_id}/attachments/{}", it.id),
        None => format!("help_center/articles/attachments/{}", it.id),
    };
    json!({
        "id": it.id,
        "url": site.url(&place),
        "article_id": it.article_id,
        "file_name": it.file.name,
        "display_file_name": it.file.name,
        "content_type": it.file.content_type,
        "content_url": stored::address(app, &it.file),
        "size": it.file.size_bytes,
        "inline": it.inline,
        "locale": it.locale,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
