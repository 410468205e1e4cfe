//! Translations of articles, sections and categories, each below what it is of; and `/api/v2/help_center/translations/{translation_id}`.

use std::collections::HashMap;

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::translations::{self, Changes, Filter, Translation};
use helpdesk::help_center::{BODY_MAX_CHARS, Reader, Source, TITLE_MAX_CHARS};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure, PublicHelpCenter};
use serde_json::{Value, json};
use store::{Tx, transact};

use super::{Answer, At, listed, page_address, read_locale, read_text};
use crate::Site;
use crate::answer::Reply;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    let routes = routes
        .get("/api/v2/help_center/articles/{article_id}/translations", list_of_article)
        .get("/api/v2/help_center/articles/{article_id}/translations/missing", list_missing_of_article)
        .get("/api/v2/help_center/articles/{article_id}/translations/{locale}", show_of_article)
        .post("/api/v2/help_center/articles/{article_id}/translations", create_of_article)
        .put("/api/v2/help_center/articles/{article_id}/translations/{locale}", update_of_article)
        .get("/api/v2/help_center/sections/{section_id}/translations", list_of_section)
        .get("/api/v2/help_center/sections/{section_id}/translations/missing", list_missing_of_section);
    routes
        .get("/api/v2/help_center/sections/{section_id}/translations/{locale}", show_of_section)
        .post("/api/v2/help_center/sections/{section_id}/translations", create_of_section)
        .put("/api/v2/help_center/sections/{section_id}/translations/{locale}", update_of_section)
        .get("/api/v2/help_center/categories/{category_id}/translations", list_of_category)
        .get("/api/v2/help_center/categories/{category_id}/translations/missing", list_missing_of_category)
        .get("/api/v2/help_center/categories/{category_id}/translations/{locale}", show_of_category)
        .post("/api/v2/help_center/categories/{category_id}/translations", create_of_category)
        .put("/api/v2/help_center/categories/{category_id}/translations/{locale}", update_of_category)
        .delete("/api/v2/help_center/translations/{translation_id}", delete)
}

type ReadPublic = May<CanRead<PublicHelpCenter>>;

/// `GET /api/v2/help_center/articles/{article_id}/translations`
pub async fn list_of_article(State(app): State<App>, May(may): ReadPublic, at: At, params: Params) -> Answer {
    list(&app, &may, Source::Article(at.id()), &params).await
}

/// `GET /api/v2/help_center/sections/{section_id}/translations`
pub async fn list_of_section(State(app): State<App>, May(may): ReadPublic, at: At, params: Params) -> Answer {
    list(&app, &may, Source::Section(at.id()), &params).await
}

/// `GET /api/v2/help_center/categories/{category_id}/translations`
pub async fn list_of_category(State(app): State<App>, May(may): ReadPublic, at: At, params: Params) -> Answer {
    list(&app, &may, Source::Category(at.id()), &params).await
}

async fn list(app: &App, may: &CanRead<PublicHelpCenter>, source: Source, params: &Params) -> Answer {
    let asked = Asked::read(params, "translations", &["id"])?;
    let wanted = params.texts("locales")?.unwrap_or_default();
    let flag = |key: &str| params.one(key).map(|_| params.flag(key));
    let filter = Filter {
        locales: wanted.iter().map(|word| word.to_ascii_lowercase()).collect(),
        outdated: flag("outdated"),
        draft: flag("draft"),
    };
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, may).await?;
    let page = translations::list(&mut tx, &reader, source, &filter, &asked.slice).await?;
    Ok(listed(&asked, asked.body("translations", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/articles/{article_id}/translations/{locale}`
pub async fn show_of_article(State(app): State<App>, May(may): ReadPublic, at: At, params: Params) -> Answer {
    show(&app, &may, (Source::Article(at.id()), at.locale()), &params).await
}

/// `GET /api/v2/help_center/sections/{section_id}/translations/{locale}`
pub async fn show_of_section(State(app): State<App>, May(may): ReadPublic, at: At, params: Params) -> Answer {
    show(&app, &may, (Source::Section(at.id()), at.locale()), &params).await
}

/// `GET /api/v2/help_center/categories/{category_id}/translations/{locale}`
pub async fn show_of_category(State(app): State<App>, May(may): ReadPublic, at: At, params: Params) -> Answer {
    show(&app, &may, (Source::Category(at.id()), at.locale()), &params).await
}

async fn show(app: &App, may: &CanRead<PublicHelpCenter>, (source, locale): (Source, &str), params: &Params) -> Answer {
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, may).await?;
    let found = translations::find(&mut tx, &reader, source, locale).await?;
    Ok(Reply::one("translation", view(&params.site, &found)))
}

/// `GET /api/v2/help_center/articles/{article_id}/translations/missing`
pub async fn list_missing_of_article(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At) -> Answer {
    list_missing(&app, &may, Source::Article(at.id())).await
}

/// `GET /api/v2/help_center/sections/{section_id}/translations/missing`
pub async fn list_missing_of_section(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At) -> Answer {
    list_missing(&app, &may, Source::Section(at.id())).await
}

/// `GET /api/v2/help_center/categories/{category_id}/translations/missing`
pub async fn list_missing_of_category(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At) -> Answer {
    list_missing(&app, &may, Source::Category(at.id())).await
}

async fn list_missing(app: &App, may: &CanRead<HelpCenter>, source: Source) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::ok(json!({ "locales": translations::missing(&mut tx, may, source).await? })))
}

/// `POST /api/v2/help_center/articles/{article_id}/translations`
pub async fn create_of_article(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let new = read_new(&body)?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let made = translations::create(tx, &may, now, at.id(), &new).await?;
        Reply::created("translation", view(&params.site, &made))
    })?)
}

/// `POST /api/v2/help_center/sections/{section_id}/translations`
pub async fn create_of_section(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    create_of_structure(&app, &may, Source::Section(at.id()), (&params, body)).await
}

/// `POST /api/v2/help_center/categories/{category_id}/translations`
pub async fn create_of_category(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    create_of_structure(&app, &may, Source::Category(at.id()), (&params, body)).await
}

async fn create_of_structure(
    app: &App,
    may: &CanWrite<HelpCenterStructure>,
    source: Source,
    (params, body): (&Params, Body),
) -> Answer {
    let new = read_new(&body)?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let made = translations::create_of_structure(tx, may, now, source, &new).await?;
        Reply::created("translation", view(&params.site, &made))
    })?)
}

/// `PUT /api/v2/help_center/articles/{article_id}/translations/{locale}`
pub async fn update_of_article(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    update(&app, &may, (Source::Article(at.id()), at.locale()), (&params, &body)).await
}

/// `PUT /api/v2/help_center/sections/{section_id}/translations/{locale}`
pub async fn update_of_section(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    update(&app, &may, (Source::Section(at.id()), at.locale()), (&params, &body)).await
}

/// `PUT /api/v2/help_center/categories/{category_id}/translations/{locale}`
pub async fn update_of_category(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    update(&app, &may, (Source::Category(at.id()), at.locale()), (&params, &body)).await
}

async fn update(
    app: &App,
    may: &CanWrite<HelpCenter>,
    (source, locale): (Source, &str),
    (params, body): (&Params, &Body),
) -> Answer {
    let mut fields = body.record("translation")?;
    fields.pass(READ_ONLY);
    if fields.was_sent("title") {
        fields.require("title");
    }
    let changes = Changes {
        locale: read_locale(&mut fields, "locale"),
        title: fields.some_text("title", TITLE_MAX_CHARS),
        body: fields.text("body", BODY_MAX_CHARS).map(Option::unwrap_or_default),
        draft: fields.flag("draft"),
        outdated: fields.flag("outdated"),
    };
    fields.finish()?;
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| translations::update(tx, may, now, (source, locale), &changes).await)?;
    Ok(Reply::one("translation", view(&params.site, &changed)))
}

/// `DELETE /api/v2/help_center/translations/{translation_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenter>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| translations::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

const READ_ONLY: &[&str] = &[
    "created_at",
    "created_by_id",
    "hidden",
    "html_url",
    "id",
    "source_id",
    "source_type",
    "updated_at",
    "updated_by_id",
    "url",
];

fn read_new(body: &Body) -> Result<helpdesk::help_center::NewText, ZendeskError> {
    let mut fields = body.record("translation")?;
    fields.pass(READ_ONLY);
    let new = read_text(&mut fields);
    fields.finish()?;
    Ok(new)
}

/// The language of `{"article_locale": "fr"}` and its like.
pub(super) fn read_source_locale(body: &Body, field: &str) -> Result<String, ZendeskError> {
    let mut fields: Fields = body.bare()?;
    fields.require(field);
    let locale = read_locale(&mut fields, field).unwrap_or_default();
    fields.finish()?;
    Ok(locale)
}

/// Puts `translations` into the records of these sources, if the call asks for them.
pub(super) async fn put_in(
    tx: &mut Tx,
    reader: &Reader,
    params: &Params,
    sources: &[Source],
    views: &mut [Value],
) -> Result<(), ZendeskError> {
    if !params.includes("translations") {
        return Ok(());
    }
    let mut by_source: HashMap<i64, Vec<Value>> = HashMap::new();
    for it in translations::of_sources(tx, reader, sources).await? {
        by_source.entry(it.source.id()).or_default().push(view(&params.site, &it));
    }
    for (source, shown) in sources.iter().zip(views) {
        shown["translations"] = Value::Array(by_source.remove(&source.id()).unwrap_or_default());
    }
    Ok(())
}

fn view(site: &Site, it: &Translation) -> Value {
    let (word, plural) = match it.source {
        Source::Article(_) => ("Article", "articles"),
        Source::Section(_) => ("Section", "sections"),
        Source::Category(_) => ("Category", "categories"),
    };
    let source_id = it.source.id();
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/{plural}/{source_id}/translations/{}", it.locale)),
        "html_url": page_address(site, &it.locale, plural, (source_id, &it.title)),
        "source_id": source_id,
        "source_type": word,
        "locale": it.locale,
        "title": it.title,
        "body": it.body,
        "outdated": it.outdated,
        "draft": it.draft,
        "hidden": false,
        "created_by_id": it.created_by,
        "updated_by_id": it.updated_by,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
