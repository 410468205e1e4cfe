//! `/admin/apps/{id}/delete`: what deleting does, before it is done.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, FreshSession};
use helpdesk::Error;
use oauth::clients::{self, usage};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Apps;

use crate::pages::{Frame, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Visitor};
use crate::{account, errors, text};

#[derive(Template)]
#[template(path = "admin/app_delete.html")]
pub struct Delete {
    pub frame: Frame,
    pub id: i64,
    pub name: String,
    pub n_grants: i64,
}

/// `GET /admin/apps/{id}/delete`
pub async fn show(
    State(app): State<App>,
    BySession(may): BySession<CanRead<Apps>>,
    _admin: BySession<CanWrite<Apps>>,
    _fresh: FreshSession,
    Path(id): Path<i64>,
    visitor: Visitor,
) -> Response {
    match read(&app, &may, &visitor, id).await {
        Ok(Some(found)) => page(StatusCode::OK, &found),
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/apps/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    BySession(may): BySession<CanWrite<Apps>>,
    _fresh: FreshSession,
    Path(id): Path<i64>,
    _posted: Posted,
) -> Response {
    match app.provider.delete_client(&may, id).await {
        Ok(()) => see_other("/admin/apps?done=deleted"),
        Err(error) => errors::helpdesk(&error),
    }
}

async fn read(app: &App, may: &CanRead<Apps>, visitor: &Visitor, id: i64) -> Result<Option<Delete>, Error> {
    let account = account::name(app).await?;
    let mut tx = app.db.read().await?;
    let client = clients::find(&mut tx, may, id).await?;
    let usage = usage::of(&mut tx, may, id).await?;
    let name = text::shown(&client.name, 80);
    let Some(mut frame) = visitor.frame(account, Section::Apps, "Delete") else { return Ok(None) };
    frame.crumbs = vec![super::to_apps(), super::to_app(id, &name)];
    Ok(Some(Delete { frame, id, name, n_grants: usage.n_people }))
}
