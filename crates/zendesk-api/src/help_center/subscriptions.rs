//! Subscriptions to articles and sections, below each of them and below whoever has them. Who is written to: `helpdesk/src/subscribers.rs`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::subscriptions::{self, NewSubscription, Subscription};
use helpdesk::help_center::{Reader, Source};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, PublicHelpCenter};
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, listed, read_locale};
use crate::Site;
use crate::answer::Reply;
use crate::fields::Body;
use crate::once::once;
use crate::page::Asked;
use crate::path::{self, Word};
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    let routes = routes
        .get("/api/v2/help_center/articles/{article_id}/subscriptions", list_of_article)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/subscriptions", list_of_article)
        .post("/api/v2/help_center/articles/{article_id}/subscriptions", create_of_article)
        .post("/api/v2/help_center/{locale}/articles/{article_id}/subscriptions", create_of_article)
        .get("/api/v2/help_center/articles/{article_id}/subscriptions/{subscription_id}", show_of_article)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/subscriptions/{subscription_id}", show_of_article)
        .delete("/api/v2/help_center/articles/{article_id}/subscriptions/{subscription_id}", delete_of_article)
        .delete(
            "/api/v2/help_center/{locale}/articles/{article_id}/subscriptions/{subscription_id}",
            delete_of_article,
        );
    routes
        .get("/api/v2/help_center/users/{user_id}/subscriptions", list_of_user)
        .get("/api/v2/help_center/sections/{section_id}/subscriptions", list_of_section)
        .get("/api/v2/help_center/{locale}/sections/{section_id}/subscriptions", list_of_section)
        .post("/api/v2/help_center/sections/{section_id}/subscriptions", create_of_section)
        .post("/api/v2/help_center/{locale}/sections/{section_id}/subscriptions", create_of_section)
        .get("/api/v2/help_center/sections/{section_id}/subscriptions/{subscription_id}", show_of_section)
        .get("/api/v2/help_center/{locale}/sections/{section_id}/subscriptions/{subscription_id}", show_of_section)
        .delete("/api/v2/help_center/sections/{section_id}/subscriptions/{subscription_id}", delete_of_section)
        .delete("/api/v2/help_center/{locale}/sections/{section_id}/subscriptions/{subscription_id}", delete_of_section)
}

/// `GET /api/v2/help_center/articles/{article_id}/subscriptions`
pub async fn list_of_article(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    list(&app, &may, Source::Article(at.id()), &params).await
}

/// `GET /api/v2/help_center/sections/{section_id}/subscriptions`
pub async fn list_of_section(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    list(&app, &may, Source::Section(at.id()), &params).await
}

/// `GET /api/v2/help_center/users/{user_id}/subscriptions`: `me` is whoever asks.
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    Word(user): Word,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "subscriptions of somebody", &["id"])?;
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, &may).await?;
    let own = reader.person_id().filter(|_| user == "me");
    let user_id = own.map_or_else(|| path::parse(&user), Ok)?;
    let page = subscriptions::of_person(&mut tx, &reader, user_id, &asked.slice).await?;
    Ok(listed(&asked, asked.body("subscriptions", page, |it| view(&params.site, &it)), false))
}

async fn list(app: &App, may: &CanRead<PublicHelpCenter>, source: Source, params: &Params) -> Answer {
    let asked = Asked::read(params, "subscriptions", &["id"])?;
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, may).await?;
    let page = subscriptions::list(&mut tx, &reader, source, &asked.slice).await?;
    Ok(listed(&asked, asked.body("subscriptions", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/articles/{article_id}/subscriptions/{subscription_id}`
pub async fn show_of_article(
    State(app): State<App>,
    May(may): May<CanRead<HelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    let (article_id, id) = at.pair();
    show(&app, &may, (Source::Article(article_id), id), &params).await
}

/// `GET /api/v2/help_center/sections/{section_id}/subscriptions/{subscription_id}`
pub async fn show_of_section(
    State(app): State<App>,
    May(may): May<CanRead<HelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    let (section_id, id) = at.pair();
    show(&app, &may, (Source::Section(section_id), id), &params).await
}

async fn show(app: &App, may: &CanRead<HelpCenter>, which: (Source, i64), params: &Params) -> Answer {
    let mut tx = app.db.read().await?;
    let found = subscriptions::find(&mut tx, may, which).await?;
    Ok(Reply::one("subscription", view(&params.site, &found)))
}

/// `POST /api/v2/help_center/articles/{article_id}/subscriptions`
pub async fn create_of_article(
    State(app): State<App>,
    May(may): May<CanWrite<PublicHelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    create(&app, &may, (Source::Article(at.id()), &at), (&params, body)).await
}

/// `POST /api/v2/help_center/sections/{section_id}/subscriptions`
pub async fn create_of_section(
    State(app): State<App>,
    May(may): May<CanWrite<PublicHelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    create(&app, &may, (Source::Section(at.id()), &at), (&params, body)).await
}

async fn create(
    app: &App,
    may: &CanWrite<PublicHelpCenter>,
    (source, at): (Source, &At),
    (params, body): (&Params, Body),
) -> Answer {
    let mut fields = body.record("subscription")?;
    fields.pass(&["content_id", "content_type", "created_at", "id", "updated_at", "url"]);
    let sent = read_locale(&mut fields, "source_locale");
    let locale = sent.or_else(|| read_locale(&mut fields, "locale")).or_else(|| at.language().map(str::to_owned));
    let new = NewSubscription {
        locale,
        include_comments: fields.flag("include_comments").unwrap_or_default(),
        person_id: fields.id("user_id").flatten(),
    };
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let made = subscriptions::create(tx, may, now, source, &new).await?;
        Reply::created("subscription", view(&params.site, &made))
    })?)
}

/// `DELETE /api/v2/help_center/articles/{article_id}/subscriptions/{subscription_id}`
pub async fn delete_of_article(State(app): State<App>, May(may): May<CanWrite<PublicHelpCenter>>, at: At) -> Answer {
    let (article_id, id) = at.pair();
    delete(&app, &may, (Source::Article(article_id), id)).await
}

/// `DELETE /api/v2/help_center/sections/{section_id}/subscriptions/{subscription_id}`
pub async fn delete_of_section(State(app): State<App>, May(may): May<CanWrite<PublicHelpCenter>>, at: At) -> Answer {
    let (section_id, id) = at.pair();
    delete(&app, &may, (Source::Section(section_id), id)).await
}

async fn delete(app: &App, may: &CanWrite<PublicHelpCenter>, which: (Source, i64)) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| subscriptions::delete(tx, may, now, which).await)?;
    Ok(Reply::empty())
}

fn view(site: &Site, it: &Subscription) -> Value {
    let (word, plural) = match it.source {
        Source::Article(_) => ("Article", "articles"),
        Source::Section(_) => ("Section", "sections"),
        Source::Category(_) => ("Category", "categories"),
    };
    let content_id = it.source.id();
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/{}/{plural}/{content_id}/subscriptions/{}", it.locale, it.id)),
        "user_id": it.person_id,
        "content_id": content_id,
        "content_type": word,
        "locale": it.locale,
        "include_comments": it.include_comments,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
