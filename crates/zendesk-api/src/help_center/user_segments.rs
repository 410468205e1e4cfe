//! `/api/v2/help_center/user_segments`

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::help_center::user_segments::{self, Changes, NAME_MAX_CHARS, Segment, UserType, Which};
use scope::permit::{CanRead, CanWrite};
use scope::resource::{HelpCenter, HelpCenterStructure};
use serde_json::{Value, json};
use store::transact;

use super::{Answer, At, listed};
use crate::answer::Reply;
use crate::fields::{Body, Fields};
use crate::once::once;
use crate::page::Asked;
use crate::query::Params;
use crate::time::format;

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/help_center/user_segments", list)
        .post("/api/v2/help_center/user_segments", create)
        .get("/api/v2/help_center/user_segments/applicable", list_applicable)
        .get("/api/v2/help_center/user_segments/{user_segment_id}", show)
        .put("/api/v2/help_center/user_segments/{user_segment_id}", update)
        .delete("/api/v2/help_center/user_segments/{user_segment_id}", delete)
        .get("/api/v2/help_center/users/{user_id}/user_segments", list_of_user)
}

const TAG_MAX_CHARS: usize = 255;

/// `GET /api/v2/help_center/user_segments`
pub async fn list(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, params: Params) -> Answer {
    let which = if params.one("built_in").is_some() { Which::BuiltIn(params.flag("built_in")) } else { Which::All };
    list_by(&app, &may, ("user segments", which), &params).await
}

/// `GET /api/v2/help_center/user_segments/applicable`: those that the caller may keep an article to.
pub async fn list_applicable(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, params: Params) -> Answer {
    list_by(&app, &may, ("applicable user segments", Which::Applicable), &params).await
}

/// `GET /api/v2/help_center/users/{user_id}/user_segments`
pub async fn list_of_user(
    State(app): State<App>,
    May(may): May<CanRead<HelpCenter>>,
    at: At,
    params: Params,
) -> Answer {
    list_by(&app, &may, ("user segments of somebody", Which::OfPerson(at.id())), &params).await
}

async fn list_by(
    app: &App,
    may: &CanRead<HelpCenter>,
    (list, which): (&'static str, Which),
    params: &Params,
) -> Answer {
    let asked = Asked::read(params, list, &["id"])?;
    let mut tx = app.db.read().await?;
    let page = user_segments::list(&mut tx, may, which, &asked.slice).await?;
    Ok(listed(&asked, asked.body("user_segments", page, |it| view(&it)), false))
}

/// `GET /api/v2/help_center/user_segments/{user_segment_id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<HelpCenter>>, at: At) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(Reply::one("user_segment", view(&user_segments::find(&mut tx, &may, at.id()).await?)))
}

/// `POST /api/v2/help_center/user_segments`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    params: Params,
    body: Body,
) -> Answer {
    let mut fields = body.record("user_segment")?;
    fields.require("user_type");
    let mut new = read(&mut fields);
    new.name.get_or_insert_with(|| "User segment".to_owned());
    fields.finish()?;
    Ok(once!(app, may.actor(), body.once, |tx, now| {
        let segment = user_segments::create(tx, &may, now, &new).await?;
        let location = params.site.url(&format!("help_center/user_segments/{}", segment.id));
        Reply { location: Some(location), ..Reply::created("user_segment", view(&segment)) }
    })?)
}

/// `PUT /api/v2/help_center/user_segments/{user_segment_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<HelpCenterStructure>>,
    at: At,
    body: Body,
) -> Answer {
    let mut fields = body.record("user_segment")?;
    if fields.was_sent("name") {
        fields.require("name");
    }
    let changes = read(&mut fields);
    fields.finish()?;
    let now = app.clock.now();
    let segment = transact!(app.db, |tx| user_segments::update(tx, &may, now, at.id(), &changes).await)?;
    Ok(Reply::one("user_segment", view(&segment)))
}

/// `DELETE /api/v2/help_center/user_segments/{user_segment_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<HelpCenterStructure>>, at: At) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| user_segments::delete(tx, &may, now, at.id()).await)?;
    Ok(Reply::empty())
}

fn read(fields: &mut Fields) -> Changes {
    fields.pass(&["built_in", "created_at", "id", "updated_at"]);
    let words = [UserType::SignedIn.word(), UserType::Staff.word()];
    Changes {
        name: fields.some_text("name", NAME_MAX_CHARS),
        user_type: fields.word("user_type", &words).flatten().and_then(UserType::parse),
        group_ids: fields.ids("group_ids"),
        organization_ids: fields.ids("organization_ids"),
        tags: fields.texts("tags", TAG_MAX_CHARS),
        or_tags: fields.texts("or_tags", TAG_MAX_CHARS),
        added_user_ids: fields.ids("added_user_ids"),
    }
}

fn view(it: &Segment) -> Value {
    json!({
        "id": it.id,
        "name": it.name,
        "user_type": it.user_type.word(),
        "built_in": it.built_in,
        "group_ids": it.rules.group_ids,
        "organization_ids": it.rules.organization_ids,
        "tags": it.rules.tags,
        "or_tags": it.rules.or_tags,
        "added_user_ids": it.rules.added_user_ids,
        "created_at": format(it.created_at),
        "updated_at": format(it.updated_at),
    })
}
