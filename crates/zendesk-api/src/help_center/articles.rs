//! `/api/v2/help_center/articles` and `/api/v2/help_center/incremental/articles`. Their words are changed through translations; what of them
//! is sent with an update is passed over, as the vendor does.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, May, Routes};
use helpdesk::help_center::article_write::{self, Changes, NewArticle};
use helpdesk::help_center::articles::{self, Article, Filter, Sort};
use helpdesk::help_center::{Reader, Source, categories, sections};
use helpdesk::profiles;
use jiff::{SignedDuration, Timestamp};
use scope::permit::{CanRead, CanWrite, Permit};
use scope::resource::{HelpCenter, PublicHelpCenter, Read};
use serde_json::{Map, Value, json};
use store::{Tx, transact};

use super::{Answer, At, READING, Visitor, WHY, listed, page_address, read_position, read_texts, translations};
use crate::Site;
use crate::answer::Reply;
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::incremental::Start;
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    let routes = routes
        .by_request(MethodFilter::GET, "/api/v2/help_center/articles", list, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/{locale}/articles", list, READING, WHY)
        .by_request(
            MethodFilter::GET,
            "/api/v2/help_center/sections/{section_id}/articles",
            list_of_section,
            READING,
            WHY,
        )
        .by_request(
            MethodFilter::GET,
            "/api/v2/help_center/{locale}/sections/{section_id}/articles",
            list_of_section,
            READING,
            WHY,
        )
        .by_request(
            MethodFilter::GET,
            "/api/v2/help_center/categories/{category_id}/articles",
            list_of_category,
            READING,
            WHY,
        )
        .by_request(
            MethodFilter::GET,
            "/api/v2/help_center/{locale}/categories/{category_id}/articles",
            list_of_category,
            READING,
            WHY,
        )
        .by_request(MethodFilter::GET, "/api/v2/help_center/articles/{article_id}", show, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/{locale}/articles/{article_id}", show, READING, WHY);
    routes
        .get("/api/v2/help_center/users/{user_id}/articles", list_of_user)
        .get("/api/v2/help_center/incremental/articles", list_changed)
        .post("/api/v2/help_center/sections/{section_id}/articles", create)
        .post("/api/v2/help_center/{locale}/sections/{section_id}/articles", create)
        .put("/api/v2/help_center/articles/{article_id}", update)
        .put("/api/v2/help_center/{locale}/articles/{article_id}", update)
        .put("/api/v2/help_center/articles/{article_id}/source_locale", update_source_locale)
        .put("/api/v2/help_center/{locale}/articles/{article_id}/source_locale", update_source_locale)
        .delete("/api/v2/help_center/articles/{article_id}", archive)
        .delete("/api/v2/help_center/{locale}/articles/{article_id}", archive)
}

const SORTS: &[(&str, Sort)] = &[
    ("position", Sort::Position),
    ("title", Sort::Title),
    ("created_at", Sort::Created),
    ("updated_at", Sort::Updated),
    ("edited_at", Sort::Edited),
];
/// Articles of one page of those that changed, at most.
const CHANGED_MAX: usize = 1_000;
/// The last moments are left out of them: something older may still be on its way.
const UNSETTLED: SignedDuration = SignedDuration::from_secs(5);
const TAG_MAX_CHARS: usize = 64;
const LABEL_MAX_CHARS: usize = 255;

/// `GET /api/v2/help_center/articles`
pub async fn list(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let filter = filter_of(&at, &params)?;
    list_by(&app, &visitor, (&at, filter), &params).await
}

/// `GET /api/v2/help_center/sections/{section_id}/articles`
pub async fn list_of_section(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let filter = Filter { section_id: Some(at.id()), ..filter_of(&at, &params)? };
    list_by(&app, &visitor, (&at, filter), &params).await
}

/// `GET /api/v2/help_center/categories/{category_id}/articles`
pub async fn list_of_category(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let filter = Filter { category_id: Some(at.id()), ..filter_of(&at, &params)? };
    list_by(&app, &visitor, (&at, filter), &params).await
}

fn filter_of<'a>(at: &'a At, params: &Params) -> Result<Filter<'a>, ZendeskError> {
    let since = params.number("start_time")?;
    let since = since.map(|seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX));
    let labels = params.texts("label_names")?.unwrap_or_default();
    Ok(Filter { language: at.language(), labels, updated_since: since, ..Filter::default() })
}

async fn list_by(app: &App, visitor: &Visitor, (at, filter): (&At, Filter<'_>), params: &Params) -> Answer {
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let (usual, falls) = match filter.section_id {
        Some(id) => articles::order_in(&mut tx, &reader, id).await?,
        None => (Sort::Position, false),
    };
    let mut words: Vec<&'static str> = SORTS.iter().map(|(word, _)| *word).collect();
    // The first is the one of whoever says nothing.
    words.sort_by_key(|word| !SORTS.contains(&(*word, usual)));
    let says_nothing = params.one("sort_by").is_none() && params.one("sort").is_none();
    let asked = Asked::read_falling(params, "articles", &words, falls && says_nothing)?;
    let order = (sort_of(&asked), asked.descending);
    let page = articles::list(&mut tx, &reader, &filter, order, &asked.slice).await?;
    let views = views(&mut tx, &reader, params, &page.items).await?;
    let mut body = asked.around("articles", views, (page.before, page.after, page.total));
    beside(&mut tx, (&reader, visitor.0.as_ref()), (params, at), &page.items, &mut body).await?;
    Ok(listed(&asked, body, true))
}

fn sort_of(asked: &Asked<'_>) -> Sort {
    SORTS.iter().find(|(word, _)| *word == asked.sort).map_or(Sort::Position, |(_, sort)| *sort)
}

/// `GET /api/v2/help_center/users/{user_id}/articles`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<HelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    let words: Vec<&'static str> = SORTS.iter().map(|(word, _)| *word).collect();
    let asked = Asked::read(&params, "articles of somebody", &words)?;
    let mut tx = app.db.read().await?;
    if profiles::is_staff(&mut tx, at.id()).await?.is_none() {
        return Err(ZendeskError::not_found().into());
    }
    let reader = Reader::of(&mut tx, &may).await?;
    let filter = Filter { author_id: Some(at.id()), ..Filter::default() };
    let page = articles::list(&mut tx, &reader, &filter, (sort_of(&asked), asked.descending), &asked.slice).await?;
    Ok(listed(&asked, asked.body("articles", page, |it| view(&params.site, &it)), true))
}

/// `GET /api/v2/help_center/incremental/articles`: in the order in which they changed, whatever is asked for.
pub async fn list_changed(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, params: Params) -> Answer {
    let now = app.clock.now();
    let start = Start::by_time(&params, now, CHANGED_MAX)?;
    let mut tx = app.db.read().await?;
    let page = articles::changed(&mut tx, &may, &start.wanted(now - UNSETTLED, true)).await?;
    let views = page.items.iter().map(|it| view(&params.site, it)).collect();
    let mut body = Map::from_iter([("articles".to_owned(), Value::Array(views))]);
    let last = page.items.last().map(|it| it.updated_at);
    start.by_seconds(&mut body, page.items.len(), last, page.after.is_some());
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/help_center/articles/{article_id}`
pub async fn show(State(app): State<App>, visitor: Visitor, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let found = [articles::find(&mut tx, &reader, at.language(), at.id()).await?];
    let mut views = views(&mut tx, &reader, &params, &found).await?;
    let mut body = Map::from_iter([("article".to_owned(), views.remove(0))]);
    beside(&mut tx, (&reader, visitor.0.as_ref()), (&params, &at), &found, &mut body).await?;
    Ok(Reply::ok(Value::Object(body)))
}

/// `POST /api/v2/help_center/sections/{section_id}/articles`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("article")?;
    fields.require("permission_group_id");
    if !fields.was_sent("user_segment_id") && !fields.was_sent("user_segment_ids") {
        fields.problem("user_segment_id", "must be sent; null is everybody");
    }
    let (source_locale, mut texts) = read_texts(&mut fields, ("title", "body"), &at);
    let is_quiet = body.switch("notify_subscribers") == Some(false);
    texts.iter_mut().for_each(|text| text.quiet = is_quiet);
    // The section stands in the address.
    fields.pass(&["section_id"]);
    let changes = read(&mut fields);
    fields.finish()?;
    let new = NewArticle {
        section_id: at.id(),
        source_locale,
        texts,
        author_id: changes.author_id,
        permission_group_id: changes.permission_group_id.unwrap_or_default(),
        segment_ids: changes.segment_ids.unwrap_or_default(),
        promoted: changes.promoted.unwrap_or_default(),
        position: changes.position.unwrap_or_default(),
        comments_disabled: changes.comments_disabled.unwrap_or_default(),
        label_names: changes.label_names.unwrap_or_default(),
        content_tag_ids: changes.content_tag_ids.unwrap_or_default(),
    };
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let article = article_write::create(tx, &may, now, &new).await?;
        Reply::created("article", view(&params.site, &article))
    })?)
}

/// `PUT /api/v2/help_center/articles/{article_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("article")?;
    let section_id = fields.id("section_id").flatten();
    let changes = Changes { section_id, ..read(&mut fields) };
    fields.pass(&["body", "draft", "locale", "title"]);
    fields.finish()?;
    let now = app.clock.now();
    let article = transact!(app.db, |tx| {
        let changed = article_write::update(tx, &may, now, at.id(), &changes).await?;
        if at.language().is_none() {
            return Ok::<_, ZendeskError>(changed);
        }
        // In the language of the address, if there is a text in it.
        let reader = Reader::of(tx, &may).await?;
        match articles::find(tx, &reader, at.language(), at.id()).await {
            Err(helpdesk::Error::NotFound { .. }) => Ok(changed),
            found => Ok(found?),
        }
    })?;
    Ok(Reply::one("article", view(&params.site, &article)))
}

/// `PUT /api/v2/help_center/articles/{article_id}/source_locale`
pub async fn update_source_locale(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenter>>,
    at: At,
    body: Body,
) -> Answer {
    let locale = translations::read_source_locale(&body, "article_locale")?;
    let now = app.clock.now();
    transact!(app.db, |tx| article_write::set_source_locale(tx, &may, now, at.id(), &locale).await)?;
    Ok(Reply::done())
}

/// `DELETE /api/v2/help_center/articles/{article_id}`: archives it.
pub async fn archive(State(app): State<App>, May(may): May<CanWrite<HelpCenter>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| article_write::archive(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

/// What is no text of it.
fn read(fields: &mut Fields) -> Changes {
    fields.pass(&[
        "created_at",
        "edited_at",
        "html_url",
        "id",
        "name",
        "outdated",
        "outdated_locales",
        "source_locale",
        "updated_at",
        "url",
        "vote_count",
        "vote_sum",
    ]);
    let several = fields.ids("user_segment_ids");
    let one = fields.id("user_segment_id").map(|id| id.into_iter().collect());
    Changes {
        section_id: None,
        author_id: fields.id("author_id").flatten(),
        permission_group_id: fields.id("permission_group_id").flatten(),
        segment_ids: several.or(one),
        promoted: fields.flag("promoted"),
        position: read_position(fields),
        comments_disabled: fields.flag("comments_disabled"),
        label_names: fields.texts("label_names", LABEL_MAX_CHARS),
        content_tag_ids: fields.texts("content_tag_ids", TAG_MAX_CHARS),
    }
}

/// Of several, with their texts in all languages if the call asks for them.
pub(super) async fn views(
    tx: &mut Tx,
    reader: &Reader,
    params: &Params,
    items: &[Article],
) -> Result<Vec<Value>, ZendeskError> {
    let mut views: Vec<Value> = items.iter().map(|article| view(&params.site, article)).collect();
    let sources: Vec<Source> = items.iter().map(|article| Source::Article(article.id)).collect();
    translations::put_in(tx, reader, params, &sources, &mut views).await?;
    Ok(views)
}

/// What articles refer to. Quirk: their authors are shown to staff alone, since a person's record holds their address.
async fn beside(
    tx: &mut Tx,
    (reader, may): (&Reader, Option<&Permit<PublicHelpCenter, Read>>),
    (params, at): (&Params, &At),
    items: &[Article],
    body: &mut Map<String, Value>,
) -> Result<(), ZendeskError> {
    let each = |ids: BTreeSet<i64>| ids.into_iter().collect::<Vec<i64>>();
    if params.includes("users")
        && reader.is_staff()
        && let Some(may) = may
    {
        let ids = each(items.iter().filter_map(|article| article.author_id).collect());
        let found = profiles::beside(tx, may, &ids).await?;
        body.insert("users".to_owned(), found.iter().map(|user| crate::users::view(&params.site, user)).collect());
    }
    if params.includes("sections") {
        let ids = each(items.iter().map(|article| article.section_id).collect());
        let found = sections::of_ids(tx, reader, at.language(), &ids).await?;
        let views = found.iter().map(|section| super::sections::view(&params.site, section));
        body.insert("sections".to_owned(), views.collect());
    }
    if params.includes("categories") {
        let ids = each(items.iter().map(|article| article.category_id).collect());
        let found = categories::of_ids(tx, reader, at.language(), &ids).await?;
        let views = found.iter().map(|category| super::categories::view(&params.site, category));
        body.insert("categories".to_owned(), views.collect());
    }
    Ok(())
}

pub(super) fn view(site: &Site, it: &Article) -> Value {
    let locale = &it.text.locale;
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/{locale}/articles/{}", it.id)),
        "html_url": page_address(site, locale, "articles", (it.id, &it.text.title)),
        "title": it.text.title,
        "name": it.name,
        "body": it.text.body,
        "locale": locale,
        "source_locale": it.source_locale,
        "outdated": it.text.outdated,
        "outdated_locales": it.outdated_locales,
        "author_id": it.author_id,
        "section_id": it.section_id,
        "permission_group_id": it.permission_group_id,
        "user_segment_id": it.segment_ids.first(),
        "user_segment_ids": it.segment_ids,
        "draft": it.text.draft,
        "promoted": it.promoted,
        "position": it.position,
        "comments_disabled": it.comments_disabled,
        "label_names": it.label_names,
        "content_tag_ids": it.content_tag_ids,
        "vote_sum": it.vote_sum,
        "vote_count": it.vote_count,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
        "edited_at": format(it.edited_at),
    })
}
