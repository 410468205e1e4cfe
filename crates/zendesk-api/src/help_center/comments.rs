//! Comments on articles, below each of them.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::Reader;
use helpdesk::help_center::comments::{self, BODY_MAX_CHARS, Comment, Filter, NewComment, Sort};
use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::PublicHelpCenter;
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, listed, read_locale};
use crate::Site;
use crate::answer::Reply;
use crate::fields::Body;
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::{format, format_or_null};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/help_center/articles/{article_id}/comments", list)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/comments", list)
        .post("/api/v2/help_center/articles/{article_id}/comments", create)
        .post("/api/v2/help_center/{locale}/articles/{article_id}/comments", create)
        .get("/api/v2/help_center/articles/{article_id}/comments/{comment_id}", show)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/comments/{comment_id}", show)
        .put("/api/v2/help_center/articles/{article_id}/comments/{comment_id}", update)
        .put("/api/v2/help_center/{locale}/articles/{article_id}/comments/{comment_id}", update)
        .delete("/api/v2/help_center/articles/{article_id}/comments/{comment_id}", delete)
        .delete("/api/v2/help_center/{locale}/articles/{article_id}/comments/{comment_id}", delete)
        .get("/api/v2/help_center/users/{user_id}/comments", list_of_user)
}

/// `GET /api/v2/help_center/articles/{article_id}/comments`
pub async fn list(State(app): State<App>, May(may): May<CanRead<PublicHelpCenter>>, at: At, params: Params) -> Answer {
    let asked = Asked::read(&params, "article comments", &["created_at", "updated_at"])?;
    let since = params.number("start_time")?;
    let filter = Filter {
        locale: at.language(),
        updated_since: since.map(|seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)),
    };
    let sort = if asked.sort == "updated_at" { Sort::Updated } else { Sort::Created };
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, &may).await?;
    let order = (sort, asked.descending);
    let page = comments::list(&mut tx, &reader, (at.id(), filter), order, &asked.slice).await?;
    Ok(listed(&asked, asked.body("comments", page, |it| view(&params.site, &it)), true))
}

/// `GET /api/v2/help_center/users/{user_id}/comments`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "article comments of somebody", &["created_at"])?;
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, &may).await?;
    let page = comments::of_person(&mut tx, &reader, at.id(), &asked.slice).await?;
    Ok(listed(&asked, asked.body("comments", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/articles/{article_id}/comments/{comment_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<PublicHelpCenter>>, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    let comment = comments::find(&mut tx, &may, at.pair()).await?;
    Ok(Reply::one("comment", view(&params.site, &comment)))
}

/// `POST /api/v2/help_center/articles/{article_id}/comments`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<PublicHelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("comment")?;
    fields.pass(READ_ONLY);
    fields.require("body");
    if at.language().is_none() {
        fields.require("locale");
    }
    let locale = read_locale(&mut fields, "locale").or_else(|| at.language().map(str::to_owned));
    let new = NewComment {
        body: fields.some_text("body", BODY_MAX_CHARS).unwrap_or_default(),
        locale: locale.unwrap_or_default(),
        author_id: fields.id("author_id").flatten(),
        created_at: fields.time("created_at").flatten(),
        quiet: body.switch("notify_subscribers") == Some(false),
    };
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let comment = comments::create(tx, &may, now, at.id(), &new).await?;
        Reply::created("comment", view(&params.site, &comment))
    })?)
}

/// `PUT /api/v2/help_center/articles/{article_id}/comments/{comment_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<PublicHelpCenter>>,
    at: At,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("comment")?;
    fields.pass(READ_ONLY);
    fields.pass(&["author_id", "created_at", "locale"]);
    if fields.was_sent("body") {
        fields.require("body");
    }
    let text = fields.some_text("body", BODY_MAX_CHARS);
    fields.finish()?;
    let now = app.clock.now();
    let comment = transact!(app.db, |tx| comments::update(tx, &may, now, at.pair(), text.as_deref()).await)?;
    Ok(Reply::one("comment", view(&params.site, &comment)))
}

/// `DELETE /api/v2/help_center/articles/{article_id}/comments/{comment_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<PublicHelpCenter>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| comments::delete(tx, &may, now, at.pair()).await)?;
    Ok(Reply::empty())
}

const READ_ONLY: &[&str] = &[
    "html_url",
    "id",
    "non_author_editor_id",
    "non_author_updated_at",
    "source_id",
    "source_type",
    "updated_at",
    "url",
    "vote_count",
    "vote_sum",
];

fn view(site: &Site, it: &Comment) -> Value {
    let (article_id, locale) = (it.article_id, &it.locale);
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/{locale}/articles/{article_id}/comments/{}", it.id)),
        "html_url": format!("{}/hc/{locale}/articles/{article_id}/comments/{}", site.0, it.id),
        "author_id": it.author_id,
        "body": it.body,
        "locale": locale,
        "source_id": article_id,
        "source_type": "Article",
        // Nobody votes on comments: the contract has no call for it.
        "vote_sum": 0,
        "vote_count": 0,
        "non_author_editor_id": it.editor_id,
        "non_author_updated_at": format_or_null(it.edited_at),
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
