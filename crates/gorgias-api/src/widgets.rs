//! `/api/widgets`: panels beside a ticket or a customer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May};
use helpdesk::widgets::{self, CONTEXTS, Changes, Filter, NewWidget, Sort, TYPES, Widget};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Widgets;
use serde_json::{Value, json};
use store::transact;

use crate::fields::{Body, Fields};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc", "order:asc", "order:desc"];
const APP_ID_MAX_CHARS: usize = 256;
const ORDER_MAX: i64 = i32::MAX as i64;
/// Components within components.
const DEPTH_MAX: usize = 12;

/// `GET /api/widgets`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Widgets>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "widgets", ORDERS)?;
    let filter =
        Filter { integration_id: params.id("integration_id"), app_id: params.text("app_id", APP_ID_MAX_CHARS) };
    params.finish()?;
    let sort = if asked.order_by.starts_with("order:") { Sort::Order } else { Sort::Created };

    let mut tx = app.db.read().await?;
    let page = widgets::list(&mut tx, &may, &filter, sort, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |widget| view(&widget))))
}

/// `POST /api/widgets`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Widgets>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    fields.require("type");
    fields.require("template");
    let new = NewWidget {
        kind: fields.one_of("type", TYPES).unwrap_or_default().to_owned(),
        context: fields.one_of("context", CONTEXTS).unwrap_or("ticket").to_owned(),
        sort_order: fields.integer("order", 0, ORDER_MAX).unwrap_or_default(),
        integration_id: fields.id_or_null("integration_id").value(),
        app_id: fields.text_or_null("app_id", APP_ID_MAX_CHARS).value(),
        template: template(&mut fields).unwrap_or_default(),
        deactivated_at: fields.time_or_null("deactivated_datetime").value(),
    };
    fields.finish()?;

    let now = app.clock.now();
    let widget = transact!(app.db, |tx| widgets::create(tx, &may, now, &new).await)?;
    Ok(created(view(&widget)))
}

/// `GET /api/widgets/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Widgets>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let widget = widgets::find(&mut tx, &may, id).await?;
    Ok(Json(view(&widget)))
}

/// `PUT /api/widgets/{id}`
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Widgets>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let changes = Changes {
        kind: fields.one_of("type", TYPES).map(str::to_owned),
        context: fields.one_of("context", CONTEXTS).map(str::to_owned),
        sort_order: fields.integer("order", 0, ORDER_MAX),
        integration_id: fields.id_or_null("integration_id").change(),
        app_id: fields.text_or_null("app_id", APP_ID_MAX_CHARS).change(),
        template: template(&mut fields),
        deactivated_at: fields.time_or_null("deactivated_datetime").change(),
    };
    fields.finish()?;

    let now = app.clock.now();
    let widget = transact!(app.db, |tx| widgets::update(tx, &may, now, id, &changes).await)?;
    Ok(Json(view(&widget)))
}

/// `DELETE /api/widgets/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Widgets>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| widgets::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// A wrapper with components inside. What else stands in it is kept as it is.
fn template(fields: &mut Fields) -> Option<Value> {
    let template = fields.json("template");
    if template == crate::fields::Sent::Null {
        fields.problem("template", "Field may not be null.");
    }
    let template = template.value()?;
    match check_template(&template) {
        Ok(()) => Some(template),
        Err((path, problem)) => {
            fields.problem(&path, problem);
            None
        }
    }
}

fn check_template(template: &Value) -> Result<(), (String, String)> {
    let Value::Object(wrapper) = template else {
        return Err(("template".to_owned(), "Not a valid mapping type.".to_owned()));
    };
    match wrapper.get("type") {
        Some(Value::String(word)) if word == "wrapper" => {}
        Some(_) => return Err(("template.type".to_owned(), "Must be one of: wrapper.".to_owned())),
        None => return Err(("template.type".to_owned(), "Missing data for required field.".to_owned())),
    }
    let Some(children) = wrapper.get("widgets") else {
        return Err(("template.widgets".to_owned(), "Missing data for required field.".to_owned()));
    };
    check_components(children, "template.widgets", DEPTH_MAX)
}

fn check_components(children: &Value, path: &str, depth: usize) -> Result<(), (String, String)> {
    let Value::Array(children) = children else { return Err((path.to_owned(), "Not a valid list.".to_owned())) };
    if depth == 0 {
        return Err((path.to_owned(), "Nests too deep.".to_owned()));
    }
    for (index, child) in children.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Value::Object(component) = child else { return Err((path, "Not a valid mapping type.".to_owned())) };
        for name in ["path", "type", "title"] {
            if component.get(name).is_some_and(|it| !it.is_string() && !it.is_null()) {
                return Err((format!("{path}.{name}"), "Not a valid string.".to_owned()));
            }
        }
        if component.get("order").is_some_and(|it| !it.is_i64() && !it.is_null()) {
            return Err((format!("{path}.order"), "Not a valid integer.".to_owned()));
        }
        match component.get("widgets") {
            None | Some(Value::Null) => {}
            Some(inner) => check_components(inner, &format!("{path}.widgets"), depth - 1)?,
        }
    }
    Ok(())
}

fn view(widget: &Widget) -> Value {
    json!({
        "id": widget.id,
        "uri": format!("/api/widgets/{}/", widget.id),
        "type": widget.kind,
        "context": widget.context,
        "order": widget.sort_order,
        "integration_id": widget.integration_id,
        "app_id": widget.app_id,
        "template": widget.template,
        "created_datetime": time::format(widget.created_at),
        "updated_datetime": time::format(widget.updated_at),
        "deactivated_datetime": time::format_or_null(widget.deactivated_at),
    })
}
