//! `/api/v2/help_center/articles/labels`, and the labels of one article.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::labels::{self, Label, NAME_MAX_CHARS};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, listed};
use crate::Site;
use crate::answer::Reply;
use crate::fields::Body;
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/help_center/articles/labels", list)
        .get("/api/v2/help_center/articles/labels/{label_id}", show)
        .delete("/api/v2/help_center/articles/labels/{label_id}", delete)
        .get("/api/v2/help_center/articles/{article_id}/labels", list_of_article)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/labels", list_of_article)
        .post("/api/v2/help_center/articles/{article_id}/labels", create)
        .post("/api/v2/help_center/{locale}/articles/{article_id}/labels", create)
        .delete("/api/v2/help_center/articles/{article_id}/labels/{label_id}", remove)
        .delete("/api/v2/help_center/{locale}/articles/{article_id}/labels/{label_id}", remove)
}

/// `GET /api/v2/help_center/articles/labels`
pub async fn list(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, params: Params) -> Answer {
    list_by(&app, &may, None, &params).await
}

/// `GET /api/v2/help_center/articles/{article_id}/labels`
pub async fn list_of_article(
    State(app): State<App>,
    May(may): May<CanRead<HelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    list_by(&app, &may, Some(at.id()), &params).await
}

async fn list_by(app: &App, may: &CanRead<HelpCenter>, article_id: Option<i64>, params: &Params) -> Answer {
    let asked = Asked::read(params, "labels", &["id"])?;
    let mut tx = app.db.read().await?;
    let page = labels::list(&mut tx, may, article_id, &asked.slice).await?;
    Ok(listed(&asked, asked.body("labels", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/articles/labels/{label_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::one("label", view(&params.site, &labels::find(&mut tx, &may, at.id()).await?)))
}

/// `POST /api/v2/help_center/articles/{article_id}/labels`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("label")?;
    fields.pass(&["created_at", "id", "updated_at", "url"]);
    fields.require("name");
    let name = fields.some_text("name", NAME_MAX_CHARS).unwrap_or_default();
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let label = labels::add(tx, &may, now, at.id(), &name).await?;
        Reply::created("label", view(&params.site, &label))
    })?)
}

/// `DELETE /api/v2/help_center/articles/{article_id}/labels/{label_id}`
pub async fn remove(State(app): State<App>, May(may): May<CanWrite<HelpCenter>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| labels::remove(tx, &may, now, at.pair()).await)?;
    Ok(Reply::empty())
}

/// `DELETE /api/v2/help_center/articles/labels/{label_id}`: from all articles.
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenterStructure>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| labels::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

fn view(site: &Site, it: &Label) -> Value {
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/articles/labels/{}", it.id)),
        "name": it.name,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
