//! `/api/v2/help_center/sections`

use std::collections::BTreeSet;

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, May, Routes};
use helpdesk::help_center::sections::{self, Changes, NewSection, Section, Sorting};
use helpdesk::help_center::{BODY_MAX_CHARS, Reader, Source, TITLE_MAX_CHARS, categories};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use super::categories::{SORTS, sort_of};
use super::{Answer, At, READING, Visitor, WHY, listed, page_address, read_position, read_texts, translations};
use crate::Site;
use crate::answer::Reply;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .by_request(MethodFilter::GET, "/api/v2/help_center/sections", list, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/{locale}/sections", list, READING, WHY)
        .by_request(
            MethodFilter::GET,
            "/api/v2/help_center/categories/{category_id}/sections",
            list_of_category,
            READING,
            WHY,
        )
        .by_request(
            MethodFilter::GET,
            "/api/v2/help_center/{locale}/categories/{category_id}/sections",
            list_of_category,
            READING,
            WHY,
        )
        .post("/api/v2/help_center/categories/{category_id}/sections", create)
        .post("/api/v2/help_center/{locale}/categories/{category_id}/sections", create)
        .by_request(MethodFilter::GET, "/api/v2/help_center/sections/{section_id}", show, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/{locale}/sections/{section_id}", show, READING, WHY)
        .put("/api/v2/help_center/sections/{section_id}", update)
        .put("/api/v2/help_center/{locale}/sections/{section_id}", update)
        .delete("/api/v2/help_center/sections/{section_id}", delete)
        .delete("/api/v2/help_center/{locale}/sections/{section_id}", delete)
        .put("/api/v2/help_center/sections/{section_id}/source_locale", update_source_locale)
        .put("/api/v2/help_center/{locale}/sections/{section_id}/source_locale", update_source_locale)
        .get("/api/v2/help_center/user_segments/{user_segment_id}/sections", list_of_segment)
}

const TEMPLATE_MAX_CHARS: usize = 255;

/// `GET /api/v2/help_center/sections`
pub async fn list(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    list_by(&app, &visitor, (&at, None), &params).await
}

/// `GET /api/v2/help_center/categories/{category_id}/sections`
pub async fn list_of_category(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    list_by(&app, &visitor, (&at, Some(at.id())), &params).await
}

async fn list_by(app: &App, visitor: &Visitor, (at, category_id): (&At, Option<i64>), params: &Params) -> Answer {
    let asked = Asked::read(params, "help center sections", SORTS)?;
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let order = (sort_of(&asked), asked.descending);
    let page = sections::list(&mut tx, &reader, (at.language(), category_id), order, &asked.slice).await?;
    let views = views(&mut tx, &reader, params, &page.items).await?;
    let mut body = asked.around("sections", views, (page.before, page.after, page.total));
    beside(&mut tx, &reader, (params, at), &page.items, &mut body).await?;
    Ok(listed(&asked, body, true))
}

/// `GET /api/v2/help_center/user_segments/{user_segment_id}/sections`
pub async fn list_of_segment(
    State(app): State<App>,
    May(may): May<CanRead<HelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "sections of a user segment", &["position"])?;
    let mut tx = app.db.read().await?;
    let page = sections::of_segment(&mut tx, &may, at.id(), &asked.slice).await?;
    Ok(listed(&asked, asked.body("sections", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/sections/{section_id}`
pub async fn show(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let found = [sections::find(&mut tx, &reader, at.language(), at.id()).await?];
    let mut views = views(&mut tx, &reader, &params, &found).await?;
    let mut body = Map::from_iter([("section".to_owned(), views.remove(0))]);
    beside(&mut tx, &reader, (&params, &at), &found, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `POST /api/v2/help_center/categories/{category_id}/sections`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("section")?;
    fields.pass(READ_ONLY);
    fields.pass(&["category_id"]);
    let (source_locale, texts) = read_texts(&mut fields, ("name", "description"), &at);
    let new = NewSection {
        category_id: at.id(),
        parent_section_id: fields.id("parent_section_id").flatten(),
        source_locale,
        texts,
        position: read_position(&mut fields).unwrap_or_default(),
        sorting: read_sorting(&mut fields).unwrap_or_default(),
        theme_template: fields.some_text("theme_template", TEMPLATE_MAX_CHARS),
    };
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let section = sections::create(tx, &may, now, &new).await?;
        Reply::created("section", view(&params.site, &section))
    })?)
}

/// `PUT /api/v2/help_center/sections/{section_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("section")?;
    fields.pass(READ_ONLY);
    fields.pass(&["locale"]);
    let changes = Changes {
        category_id: fields.id("category_id").flatten(),
        parent_section_id: fields.id("parent_section_id"),
        position: read_position(&mut fields),
        sorting: read_sorting(&mut fields),
        theme_template: fields.text("theme_template", TEMPLATE_MAX_CHARS),
        title: fields.some_text("name", TITLE_MAX_CHARS),
        body: fields.text("description", BODY_MAX_CHARS).map(Option::unwrap_or_default),
    };
    if changes.title.is_some() {
        fields.require("name");
    }
    fields.finish()?;
    let now = app.clock.now();
    let section = transact!(app.db, |tx| {
        let changed = sections::update(tx, &may, now, at.id(), &changes).await?;
        shown(tx, &may, &at, changed).await
    })?;
    Ok(Reply::one("section", view(&params.site, &section)))
}

/// In the language of the address, if there is a text in it.
async fn shown(
    tx: &mut Tx,
    may: &CanWrite<HelpCenterStructure>,
    at: &At,
    changed: Section,
) -> Result<Section, ZendeskError> {
    if at.language().is_none() {
        return Ok(changed);
    }
    let reader = Reader::of(tx, may).await?;
    let found = sections::of_ids(tx, &reader, at.language(), &[changed.id]).await?.pop();
    Ok(found.unwrap_or(changed))
}

/// `PUT /api/v2/help_center/sections/{section_id}/source_locale`
pub async fn update_source_locale(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    body: Body,
) -> Answer {
    let locale = translations::read_source_locale(&body, "section_locale")?;
    let now = app.clock.now();
    transact!(app.db, |tx| sections::set_source_locale(tx, &may, now, at.id(), &locale).await)?;
    Ok(Reply::done())
}

/// `DELETE /api/v2/help_center/sections/{section_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenterStructure>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| sections::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

const READ_ONLY: &[&str] = &["created_at", "html_url", "id", "outdated", "source_locale", "updated_at", "url"];

fn read_sorting(fields: &mut Fields) -> Option<Sorting> {
    let words: Vec<&'static str> = Sorting::ALL.iter().map(|sorting| sorting.word()).collect();
    fields.word("sorting", &words).flatten().and_then(Sorting::parse)
}

/// Of several, with their texts in all languages if the call asks for them.
async fn views(tx: &mut Tx, reader: &Reader, params: &Params, items: &[Section]) -> Result<Vec<Value>, ZendeskError> {
    let mut views: Vec<Value> = items.iter().map(|section| view(&params.site, section)).collect();
    let sources: Vec<Source> = items.iter().map(|section| Source::Section(section.id)).collect();
    translations::put_in(tx, reader, params, &sources, &mut views).await?;
    Ok(views)
}

async fn beside(
    tx: &mut Tx,
    reader: &Reader,
    (params, at): (&Params, &At),
    items: &[Section],
    body: &mut Map<String, Value>,
) -> Result<(), ZendeskError> {
    if params.includes("categories") {
        let ids: BTreeSet<i64> = items.iter().map(|section| section.category_id).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let found = categories::of_ids(tx, reader, at.language(), &ids).await?;
        let views = found.iter().map(|category| super::categories::view(&params.site, category));
        body.insert("categories".to_owned(), views.collect());
    }
    Ok(())
}

pub(super) fn view(site: &Site, it: &Section) -> Value {
    let locale = &it.text.locale;
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/{locale}/sections/{}", it.id)),
        "html_url": page_address(site, locale, "sections", (it.id, &it.text.title)),
        "name": it.text.title,
        "description": it.text.body,
        "locale": locale,
        "source_locale": it.source_locale,
        "outdated": it.text.outdated,
        "category_id": it.category_id,
        "parent_section_id": it.parent_section_id,
        "position": it.position,
        "theme_template": it.theme_template,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
