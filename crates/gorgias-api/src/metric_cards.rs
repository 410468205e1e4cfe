//! `/api/reporting/metric-cards`: what each number of the statistics means.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use endpoint::{App, May};
use helpdesk::statistics::cards::{self, Card};
use scope::permit::CanRead;
use scope::resource::Statistics;
use serde_json::{Value, json};

use crate::query::Params;
use crate::{Answer, GorgiasError};

const CATEGORIES: &[&str] =
    &["tickets", "times", "messages", "satisfaction", "automation", "staff", "voice", "quality"];
const STATUSES: &[&str] = &["published", "draft", "deprecated"];

/// `GET /api/reporting/metric-cards`. There are some dozens, so there is one page.
pub async fn list(State(_app): State<App>, May(_may): May<CanRead<Statistics>>, mut params: Params) -> Answer {
    let category = params.one_of("category", CATEGORIES);
    let status = params.one_of("status", STATUSES).unwrap_or("published");
    let search = params.text("search", 255).map(|text| text.to_lowercase());
    params.one_of("include", &["deprecated"]);
    params.finish()?;
    let wanted = |card: &Card| {
        status == "published"
            && category.is_none_or(|category| card.category == category)
            && search.as_deref().is_none_or(|text| {
                card.title.to_lowercase().contains(text) || card.content.to_lowercase().contains(text)
            })
    };
    let data: Vec<Value> = cards::all().iter().filter(|card| wanted(card)).map(view).collect();
    Ok(Json(json!({
        "object": "list",
        "uri": "/api/reporting/metric-cards",
        "data": data,
        "meta": { "prev_cursor": null, "next_cursor": null },
    })))
}

/// `GET /api/reporting/metric-cards/{slug}`
pub async fn show(
    State(_app): State<App>,
    May(_may): May<CanRead<Statistics>>,
    Path(slug): Path<String>,
    params: Params,
) -> Result<Response, GorgiasError> {
    params.finish()?;
    match cards::find(&slug) {
        Ok(card) => Ok(Json(view(&card)).into_response()),
        Err(near) => {
            let shown: String = slug.chars().filter(|c| !c.is_control()).take(100).collect();
            let data = json!({ "slug": shown, "did_you_mean": near });
            let body = json!({ "error": { "msg": "Resource not found.", "data": data } });
            Ok((StatusCode::NOT_FOUND, Json(body)).into_response())
        }
    }
}

fn view(card: &Card) -> Value {
    json!({
        "slug": card.slug,
        "uri": format!("/api/reporting/metric-cards/{}/", card.slug),
        "title": card.title,
        "category": card.category,
        "status": "published",
        "public_content": card.content,
        "unit": card.unit,
        "scope": card.scope,
        "measure": card.measure,
    })
}
