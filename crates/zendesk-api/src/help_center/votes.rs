//! Votes on articles, and `/api/v2/help_center/votes`.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::Reader;
use helpdesk::help_center::votes::{self, Opinion, Vote};
use scope::permit::{CanRead, CanWrite};
use scope::resource::PublicHelpCenter;
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, listed};
use crate::Site;
use crate::answer::Reply;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/help_center/articles/{article_id}/votes", list)
        .get("/api/v2/help_center/{locale}/articles/{article_id}/votes", list)
        .post("/api/v2/help_center/articles/{article_id}/up", vote_up)
        .post("/api/v2/help_center/{locale}/articles/{article_id}/up", vote_up)
        .post("/api/v2/help_center/articles/{article_id}/down", vote_down)
        .get("/api/v2/help_center/users/{user_id}/votes", list_of_user)
        .get("/api/v2/help_center/votes/{vote_id}", show)
        .delete("/api/v2/help_center/votes/{vote_id}", delete)
}

/// `GET /api/v2/help_center/articles/{article_id}/votes`
pub async fn list(State(app): State<App>, May(may): May<CanRead<PublicHelpCenter>>, at: At, params: Params) -> Answer {
    let asked = Asked::read(&params, "votes", &["id"])?;
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, &may).await?;
    let page = votes::list(&mut tx, &reader, at.id(), &asked.slice).await?;
    Ok(listed(&asked, asked.body("votes", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/users/{user_id}/votes`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    let asked = Asked::read(&params, "votes of somebody", &["id"])?;
    let mut tx = app.db.read().await?;
    let reader = Reader::of(&mut tx, &may).await?;
    let page = votes::of_person(&mut tx, &reader, at.id(), &asked.slice).await?;
    Ok(listed(&asked, asked.body("votes", page, |it| view(&params.site, &it)), false))
}

/// `GET /api/v2/help_center/votes/{vote_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<PublicHelpCenter>>, at: At, params: Params) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::one("vote", view(&params.site, &votes::find(&mut tx, &may, at.id()).await?)))
}

/// `POST /api/v2/help_center/articles/{article_id}/up`
pub async fn vote_up(
    State(app): State<App>,
    May(may): May<CanWrite<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    vote(&app, &may, (at.id(), Opinion::Helpful), &params).await
}

/// `POST /api/v2/help_center/articles/{article_id}/down`
pub async fn vote_down(
    State(app): State<App>,
    May(may): May<CanWrite<PublicHelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    vote(&app, &may, (at.id(), Opinion::NotHelpful), &params).await
}

async fn vote(
    app: &App,
    may: &CanWrite<PublicHelpCenter>,
    (article_id, opinion): (i64, Opinion),
    params: &Params,
) -> Answer {
    let now = app.clock.now();
    let given = transact!(app.db, |tx| votes::give(tx, may, now, article_id, opinion).await)?;
    let shown = view(&params.site, &given);
    // Quirk: 200 with the address that a 201 would have.
    let location = shown["url"].as_str().map(str::to_owned);
    Ok(Reply { location, ..Reply::one("vote", shown) })
}

/// `DELETE /api/v2/help_center/votes/{vote_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<PublicHelpCenter>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| votes::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

fn view(site: &Site, it: &Vote) -> Value {
    json!({
        "id": it.id,
        "url": site.url(&format!("help_center/votes/{}", it.id)),
        "user_id": it.person_id,
        "value": it.value,
        "item_id": it.article_id,
        "item_type": "Article",
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
