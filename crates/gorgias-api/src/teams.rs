//! `/api/teams`: groups of staff. The vendor's words for users open them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::teams::{
    self, Changes, DESCRIPTION_MAX_CHARS, MEMBERS_MAX, NAME_MAX_CHARS, NewTeam, Sort, TeamWithMembers,
};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Teams;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc", "name:asc", "name:desc"];

/// `GET /api/teams`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Teams>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "teams", ORDERS)?;
    params.finish()?;
    let sort = if asked.order_by.starts_with("name") { Sort::Name } else { Sort::Created };

    let mut tx = app.db.read().await?;
    let page = teams::list(&mut tx, &may, sort, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |team| view(&team))))
}

/// `POST /api/teams`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Teams>>,
    params: Params,
    body: Body,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let mut fields = body.fields()?;
    fields.require("name");
    let sent = changes_of(&mut fields);
    fields.finish()?;
    let new = NewTeam {
        name: sent.name.unwrap_or_default(),
        description: sent.description.flatten(),
        decoration: sent.decoration.flatten(),
        member_ids: sent.member_ids.unwrap_or_default(),
        ..NewTeam::default()
    };

    let now = app.clock.now();
    let team = transact!(app.db, |tx| {
        let id = teams::create(tx, &may, now, &new).await?;
        teams::written(tx, &may, id).await
    })?;
    Ok(created(view(&team)))
}

/// `GET /api/teams/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Teams>>, Id(id): Id, params: Params) -> Answer {
    params.finish()?;
    let mut tx = app.db.read().await?;
    let team = teams::find_with_members(&mut tx, &may, id).await?;
    Ok(Json(view(&team)))
}

/// `PUT /api/teams/{id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<Teams>>,
    Id(id): Id,
    params: Params,
    body: Body,
) -> Answer {
    params.finish()?;
    let mut fields = body.fields()?;
    let changes = changes_of(&mut fields);
    fields.finish()?;

    let now = app.clock.now();
    let team = transact!(app.db, |tx| {
        teams::update(tx, &may, now, id, &changes).await?;
        teams::written(tx, &may, id).await
    })?;
    Ok(Json(view(&team)))
}

/// `DELETE /api/teams/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Teams>>,
    Id(id): Id,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    let now = app.clock.now();
    transact!(app.db, |tx| teams::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn changes_of(fields: &mut Fields) -> Changes {
    Changes {
        name: fields.text_within("name", 1, NAME_MAX_CHARS),
        description: fields.text_or_null("description", DESCRIPTION_MAX_CHARS).change(),
        decoration: fields.object_or_null("decoration").change(),
        member_ids: fields.each("members", MEMBERS_MAX, |member| member.required_id("id")),
        ..Changes::default()
    }
}

fn view(team: &TeamWithMembers) -> Value {
    let TeamWithMembers { team, members } = team;
    let members = members.iter().map(|member| {
        json!({
            "id": member.id,
            "name": member.name.as_deref().unwrap_or_default(),
            "email": member.email.as_deref().unwrap_or_default(),
            "meta": member.meta,
        })
    });
    json!({
        "id": team.id,
        "uri": format!("/api/teams/{}/", team.id),
        "name": team.name,
        "description": team.description,
        "decoration": team.decoration,
        "members": members.collect::<Vec<Value>>(),
        "created_datetime": time::format(team.created_at),
    })
}
