//! Finding articles: `/api/v2/help_center/articles/search`, `/api/v2/guide/search` and what the vendor has besides; and the languages there are.

use axum::extract::State;
use axum::routing::MethodFilter;
use endpoint::{App, May, Perhaps, Routes};
use helpdesk::help_center::search::{self, FOUND_MAX, Filter, Hit, Languages, QUERY_MAX_CHARS, Sort};
use helpdesk::help_center::{Reader, locales};
use jiff::{SignedDuration, Timestamp};
use scope::permission::{Permission, Permissions};
use scope::permit::CanRead;
use scope::resource::{HelpCenterSearch, Kind, PublicHelpCenter, Read};
use serde_json::{Map, Value, json};
use store::Tx;

use super::{Answer, READING, Visitor, WHY, articles, known_locale, listed};
use crate::Site;
use crate::answer::Reply;
use crate::error::ZendeskError;
use crate::page::{Asked, Ways};
use crate::query::Params;

pub fn routes(routes: Routes) -> Routes {
    routes
        .by_request(MethodFilter::GET, "/api/v2/help_center/articles/search", list, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/articles/embeddable_search", list_embeddable, FINDING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/guide/search", list_unified, READING, WHY)
        .by_request(MethodFilter::GET, "/api/v2/help_center/deflection/suggestions", suggest, READING, WHY)
        .get("/api/v2/help_center/community_posts/search", list_posts)
        .by_request(MethodFilter::GET, "/api/v2/help_center/locales", list_locales, READING, WHY)
}

const FINDING: Permissions = Permissions::of(&[Permission::read(Kind::HelpCenterSearch)]);

/// Results of one page unless told.
const PER_PAGE: &str = "25";
/// Words of a question that a page asks.
const EMBEDDED_WORDS: usize = 8;
const UNIFIED_MAX: i64 = 50;
const UNIFIED_USUAL: &str = "10";
const SUGGESTED: usize = 3;
const SUGGESTION_MAX_CHARS: usize = 200;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// `GET /api/v2/help_center/articles/search`
pub async fn list(State(app): State<App>, visitor: Visitor, params: Params) -> Answer {
    let filter = filter_of(&params)?;
    let named = ["query", "category", "section", "label_names"].iter().any(|key| params.one(key).is_some());
    if !named {
        let text = "One of the parameters query, category, section and label_names must be sent.";
        return Err(ZendeskError::bad_request(text).into());
    }
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    found(&mut tx, &reader, params, filter).await
}

/// `GET /api/v2/help_center/articles/embeddable_search`: for search fields on other pages.
pub async fn list_embeddable(State(app): State<App>, Perhaps(caller): Perhaps, params: Params) -> Answer {
    let may: Option<CanRead<HelpCenterSearch>> =
        caller.map(|later| later.permit::<HelpCenterSearch, Read>()).transpose()?;
    let mut filter = filter_of(&params)?;
    filter.text = filter.text.map(|text| text.split_whitespace().take(EMBEDDED_WORDS).collect::<Vec<_>>().join(" "));
    let mut tx = app.db.read().await?;
    let reader = match &may {
        Some(may) => Reader::of(&mut tx, may).await?,
        None => Reader::anyone(),
    };
    found(&mut tx, &reader, params, filter).await
}

async fn found(tx: &mut Tx, reader: &Reader, mut params: Params, mut filter: Filter) -> Answer {
    if params.pairs.iter().any(|(key, _)| key.starts_with("page[")) {
        return Err(ZendeskError::bad_request("page must be an integer").into());
    }
    if params.one("per_page").is_none() {
        params.pairs.push(("per_page".to_owned(), PER_PAGE.to_owned()));
    }
    let asked = Asked::read_falling(&params, "found articles", &["relevance", "created_at", "updated_at"], true)?;
    filter.sort = match asked.sort {
        "created_at" => Sort::Created,
        "updated_at" => Sort::Updated,
        _ => Sort::Relevance,
    };
    // The best come first, whatever is said of orders.
    filter.descending = asked.descending || filter.sort == Sort::Relevance;
    let start = asked.start(FOUND_MAX);
    let found = search::find(tx, reader, &filter, (start, asked.slice.limit)).await?;
    let views = found.hits.iter().map(|hit| view(&params.site, hit)).collect();
    let body = asked.part("results", views, (start, found.total));
    Ok(listed(&asked, body, false))
}

fn filter_of(params: &Params) -> Result<Filter, ZendeskError> {
    Ok(Filter {
        text: text_of(params, QUERY_MAX_CHARS)?,
        languages: languages_of(params, "locale"),
        category_ids: params.ids("category")?.unwrap_or_default(),
        section_ids: params.ids("section")?.unwrap_or_default(),
        labels: params.texts("label_names")?.unwrap_or_default(),
        created: bounds(params, ["created_after", "created_before", "created_at"])?,
        updated: bounds(params, ["updated_after", "updated_before", "updated_at"])?,
        sort: Sort::Relevance,
        descending: true,
    })
}

fn text_of(params: &Params, max: usize) -> Result<Option<String>, ZendeskError> {
    let text = params.text("query")?;
    if text.as_ref().is_some_and(|text| max < text.chars().count()) {
        return Err(ZendeskError::bad_request(format!("The parameter query is longer than {max} characters.")));
    }
    Ok(text)
}

/// `fr`, `fr,de`, or `*`. A language that there is not has no articles.
fn languages_of(params: &Params, key: &str) -> Languages {
    match params.list(key).as_slice() {
        [] => Languages::Source,
        ["*"] => Languages::All,
        words => Languages::These(words.iter().filter_map(|word| known_locale(word)).collect()),
    }
}

/// The times that lie after one day, before another, or on a third.
fn bounds(params: &Params, keys: [&str; 3]) -> Result<(Option<Timestamp>, Option<Timestamp>), ZendeskError> {
    let [after, before, on] = keys;
    if let Some(day) = params.time(on)? {
        return Ok((Some(day), day.checked_add(DAY).ok()));
    }
    Ok((params.time(after)?, params.time(before)?))
}

/// `GET /api/v2/guide/search`: articles alone; there are no other kinds of content.
pub async fn list_unified(State(app): State<App>, visitor: Visitor, mut params: Params) -> Answer {
    if params.one("filter[locales]").is_none() {
        return Err(ZendeskError::bad_request("The parameter filter[locales] is missing.").into());
    }
    let kinds = params.list("filter[content_types]");
    if let Some(other) = kinds.iter().find(|kind| !["ARTICLE", "POST", "EXTERNAL_RECORD"].contains(kind)) {
        return Err(ZendeskError::bad_request(format!("Invalid content type: {other}")).into());
    }
    let with_articles = kinds.is_empty() || kinds.contains(&"ARTICLE");
    match params.number("page[size]")? {
        None => params.pairs.push(("page[size]".to_owned(), UNIFIED_USUAL.to_owned())),
        Some(size) if (1..=UNIFIED_MAX).contains(&size) => {}
        Some(_) => {
            return Err(ZendeskError::Paging {
                code: "InvalidPaginationParameter",
                title: "Invalid page size",
                detail: format!("page[size] must be 1 to {UNIFIED_MAX}."),
            }
            .into());
        }
    }
    let filter = Filter {
        text: text_of(&params, QUERY_MAX_CHARS)?,
        languages: languages_of(&params, "filter[locales]"),
        category_ids: params.ids("filter[category_ids]")?.unwrap_or_default(),
        section_ids: params.ids("filter[section_ids]")?.unwrap_or_default(),
        descending: true,
        ..Filter::default()
    };
    let asked = Asked::read_in(&params, "guide search", &["relevance"], Ways::CursorOnly)?;
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let start = asked.start(FOUND_MAX);
    let found = match with_articles {
        true => search::find(&mut tx, &reader, &filter, (start, asked.slice.limit)).await?,
        false => search::Found::default(),
    };
    let one = |hit: &Hit| {
        let mut shown = view(&params.site, hit);
        shown["type"] = json!("ARTICLE");
        shown
    };
    let body = asked.part("results", found.hits.iter().map(one).collect(), (start, found.total));
    Ok(Reply::ok(Value::Object(body)))
}

/// `GET /api/v2/help_center/deflection/suggestions`: what might answer a question before it is sent.
pub async fn suggest(State(app): State<App>, visitor: Visitor, params: Params) -> Answer {
    let missing = || ZendeskError::bad_request("The parameter query is missing.");
    let text = text_of(&params, SUGGESTION_MAX_CHARS)?.ok_or_else(missing)?;
    let locale = params.one("locale").and_then(known_locale);
    let mut tx = app.db.read().await?;
    let reader = visitor.reader(&mut tx).await?;
    let hits = search::suggest(&mut tx, &reader, (locale.as_deref(), &text), SUGGESTED).await?;
    let results: Vec<Value> = hits.iter().map(|hit| view(&params.site, hit)).collect();
    Ok(Reply::ok(json!({ "results": results })))
}

/// `GET /api/v2/help_center/community_posts/search`: there is no community here, and nothing in it.
pub async fn list_posts(May(_may): May<CanRead<PublicHelpCenter>>, params: Params) -> Answer {
    params.required_text("query")?;
    let asked = Asked::read(&params, "community posts", &["created_at", "updated_at"])?;
    let body: Map<String, Value> = asked.part("results", Vec::new(), (asked.start(0), 0));
    Ok(listed(&asked, body, false))
}

/// `GET /api/v2/help_center/locales`
pub async fn list_locales(State(app): State<App>, _visitor: Visitor) -> Answer {
    let mut tx = app.db.read().await?;
    let known = locales::list(&mut tx).await?;
    Ok(Reply::ok(json!({ "locales": known.all, "default_locale": known.default })))
}

fn view(site: &Site, hit: &Hit) -> Value {
    let mut shown = articles::view(site, &hit.article);
    shown["result_type"] = json!("article");
    shown["snippet"] = json!(hit.snippet);
    shown
}
