//! `/api/tags`: labels with ids. Tags on tickets, which go by name, are in `ticket_tags.rs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, Fresh, May};
use helpdesk::jobs::merge_tags;
use helpdesk::tags::{self, Changes, DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS, NewTag, Sort, Tag};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tags;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields, Sent};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &[
    "created_datetime:desc",
    "created_datetime:asc",
    "name:asc",
    "name:desc",
    "usage:asc,name:asc",
    "usage:desc,name:desc",
];

/// Most tags that one call deletes or merges.
const IDS_MAX: usize = 1000;

/// `GET /api/tags`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Tags>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "tags", ORDERS)?;
    let search = params.text("search", NAME_MAX_CHARS);
    params.finish()?;
    let sort = match asked.order_by {
        "name:asc" | "name:desc" => Sort::Name,
        "usage:asc,name:asc" | "usage:desc,name:desc" => Sort::Usage,
        _ => Sort::Created,
    };

    let mut tx = app.db.read().await?;
    let page = tags::list(&mut tx, &may, search.as_deref(), sort, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |tag| view(&tag))))
}

/// `POST /api/tags`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Tags>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    let new = NewTag {
        name: fields.required_text("name", 1, NAME_MAX_CHARS),
        description: fields.text_or_null("description", DESCRIPTION_MAX_CHARS).value(),
        color: color(&mut fields).value(),
    };
    fields.finish()?;

    let now = app.clock.now();
    let tag = transact!(app.db, |tx| tags::create(tx, &may, now, &new).await)?;
    Ok(created(view(&tag)))
}

/// `DELETE /api/tags`, with a JSON body.
pub async fn delete_many(
    State(app): State<App>,
    May(may): May<CanWrite<Tags>>,
    _fresh: Fresh,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("ids");
    let ids = fields.ids("ids", 1, IDS_MAX).unwrap_or_default();
    fields.finish()?;

    let now = app.clock.now();
    transact!(app.db, |tx| tags::delete_many(tx, &may, now, &ids).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /api/tags/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Tags>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let tag = tags::find(&mut tx, &may, id).await?;
    Ok(Json(view(&tag)))
}

/// `PUT /api/tags/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Tags>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let changes = Changes {
        name: fields.text_within("name", 1, NAME_MAX_CHARS),
        description: fields.text_or_null("description", DESCRIPTION_MAX_CHARS).change(),
        color: color(&mut fields).change(),
    };
    fields.finish()?;

    let now = app.clock.now();
    let tag = transact!(app.db, |tx| tags::update(tx, &may, now, id, &changes).await)?;
    Ok(Json(view(&tag)))
}

/// `DELETE /api/tags/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Tags>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| tags::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `PUT /api/tags/{destination_tag_id}/merge`. The tickets move in the background; the tags merged away are gone at once.
pub async fn merge(State(app): State<App>, May(may): May<CanWrite<Tags>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    fields.require("source_tags_ids");
    let source_ids = fields.ids("source_tags_ids", 1, IDS_MAX).unwrap_or_default();
    fields.finish()?;

    let now = app.clock.now();
    let tag = transact!(app.db, |tx| merge_tags::start(tx, &may, now, id, &source_ids).await)?;
    Ok(Json(view(&tag)))
}

/// `decoration.color`: `#rgb` or `#rrggbb`.
fn color(fields: &mut Fields) -> Sent<String> {
    let decoration = fields.nested("decoration", |decoration| {
        let color = decoration.text_or_null("color", 16).value();
        let valid = color.as_deref().is_none_or(|color| {
            color
                .strip_prefix('#')
                .is_some_and(|digits| matches!(digits.len(), 3 | 6) && digits.chars().all(|c| c.is_ascii_hexdigit()))
        });
        if !valid {
            decoration.problem("color", "Not a valid hex color.");
        }
        color
    });
    match decoration {
        Sent::Value(Some(color)) => Sent::Value(color),
        Sent::Value(None) | Sent::Null => Sent::Null,
        Sent::Absent => Sent::Absent,
    }
}

pub(crate) fn view(tag: &Tag) -> Value {
    json!({
        "id": tag.id,
        "name": tag.name,
        "description": tag.description,
        "decoration": tag.color.as_ref().map(|color| json!({ "color": color })),
        "usage": tag.usage,
        "uri": format!("/api/tags/{}/", tag.id),
        "created_datetime": time::format(tag.created_at),
        // Tags are removed for good.
        "deleted_datetime": null,
    })
}
