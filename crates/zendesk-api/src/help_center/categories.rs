//! `/api/v2/help_center/categories`

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, May, Routes};
use helpdesk::help_center::categories::{self, Category, Changes, NewCategory};
use helpdesk::help_center::{BODY_MAX_CHARS, Reader, Sort, Source, TITLE_MAX_CHARS};
use scope::permit::CanWrite;
use scope::resource::HelpCenterStructure;
use serde_json::{Value, json};
use store::{Tx, transact};

use super::{Answer, At, READING, Visitor, WHY, listed, page_address, read_position, read_texts, translations};
use crate::Site;
use crate::answer::Reply;
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .by_request(MethodFilter::GET, "/api/v2/help_center/categories", list, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/{locale}/categories", list, READING, WHY)
        .post("/api/v2/help_center/categories", create)
        .post("/api/v2/help_center/{locale}/categories", create)
        .by_request(MethodFilter::GET, "/api/v2/help_center/categories/{category_id}", show, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/{locale}/categories/{category_id}", show, READING, WHY)
        .put("/api/v2/help_center/categories/{category_id}", update)
        .put("/api/v2/help_center/{locale}/categories/{category_id}", update)
        .delete("/api/v2/help_center/categories/{category_id}", delete)
        .delete("/api/v2/help_center/{locale}/categories/{category_id}", delete)
        .put("/api/v2/help_center/categories/{category_id}/source_locale", update_source_locale)
        .put("/api/v2/help_center/{locale}/categories/{category_id}/source_locale", update_source_locale)
}

pub(super) const SORTS: &[&str] = &["position", "created_at", "updated_at"];

pub(super) fn sort_of(asked: &Asked<'_>) -> Sort {
    match asked.sort {
        "created_at" => Sort::Created,
        "updated_at" => Sort::Updated,
        _ => Sort::Position,
    }
}

/// `GET /api/v2/help_center/categories`
pub async fn list(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let asked = Asked::read(&params, "help center categories", SORTS)?;
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let order = (sort_of(&asked), asked.descending);
    let page = categories::list(&mut tx, &reader, at.language(), order, &asked.slice).await?;
    let mut views: Vec<Value> = page.items.iter().map(|category| view(&params.site, category)).collect();
    let sources: Vec<Source> = page.items.iter().map(|category| Source::Category(category.id)).collect();
    translations::put_in(&mut tx, &reader, &params, &sources, &mut views).await?;
    let body = asked.around("categories", views, (page.before, page.after, page.total));
    Ok(listed(&asked, body, true))
}

/// `GET /api/v2/help_center/categories/{category_id}`
pub async fn show(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let category = categories::find(&mut tx, &reader, at.language(), at.id()).await?;
    let mut views = vec![view(&params.site, &category)];
    translations::put_in(&mut tx, &reader, &params, &[Source::Category(category.id)], &mut views).await?;
    Ok(Reply::one("category", views.remove(0)))
}

/// `POST /api/v2/help_center/categories`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("category")?;
    fields.pass(READ_ONLY);
    let (source_locale, texts) = read_texts(&mut fields, ("name", "description"), &at);
    let new = NewCategory { source_locale, texts, position: read_position(&mut fields).unwrap_or_default() };
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let category = categories::create(tx, &may, now, &new).await?;
        Reply::created("category", view(&params.site, &category))
    })?)
}

/// `PUT /api/v2/help_center/categories/{category_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("category")?;
    fields.pass(READ_ONLY);
    fields.pass(&["locale"]);
    let changes = Changes {
        position: read_position(&mut fields),
        title: fields.some_text("name", TITLE_MAX_CHARS),
        body: fields.text("description", BODY_MAX_CHARS).map(Option::unwrap_or_default),
    };
    if changes.title.is_some() {
        fields.require("name");
    }
    fields.finish()?;
    let now = app.clock.now();
    let category = transact!(app.db, |tx| {
        let changed = categories::update(tx, &may, now, at.id(), &changes).await?;
        shown(tx, &may, &at, changed).await
    })?;
    Ok(Reply::one("category", view(&params.site, &category)))
}

/// In the language of the address, if there is a text in it.
async fn shown(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    at: &At,
    changed: Category,
) -> Result<Category, ZendeskError> {
    if at.language().is_none() {
        return Ok(changed);
    }
    let reader = Reader::of(tx, may).await?;
    let found = categories::of_ids(tx, &reader, at.language(), &[changed.id]).await?.pop();
    Ok(found.unwrap_or(changed))
}

/// `PUT /api/v2/help_center/categories/{category_id}/source_locale`
pub async fn update_source_locale(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    body: Body,
) -> Answer {
    let locale = translations::read_source_locale(&body, "category_locale")?;
    let now = app.clock.now();
    transact!(app.db, |tx| categories::set_source_locale(tx, &may, now, at.id(), &locale).await)?;
    Ok(Reply::done())
}

/// `DELETE /api/v2/help_center/categories/{category_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenterStructure>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| categories::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

const READ_ONLY: &[&str] = &["created_at", "html_url", "id", "outdated", "source_locale", "updated_at", "url"];

pub(super) fn view(site: &Site, it: &Category) -> Value {
    let locale = &it.text.locale;
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/{locale}/categories/{}", it.id)),
        "html_url": page_address(site, locale, "categories", (it.id, &it.text.title)),
        "name": it.text.title,
        "description": it.text.body,
        "locale": locale,
        "source_locale": it.source_locale,
        "outdated": it.text.outdated,
        "position": it.position,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
