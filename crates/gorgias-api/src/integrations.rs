//! `/api/integrations`: outgoing calls, and what else the account is connected with.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, May, integration_secrets};
use helpdesk::integrations::request::{self, Http, METHODS, REQUEST_TYPES, URL_MAX_CHARS};
use helpdesk::integrations::{
    self, Changes, DESCRIPTION_MAX_CHARS, Integration, NAME_MAX_CHARS, NewIntegration, TYPES, triggers,
};
use scope::permit::{CanRead, CanWrite};
use scope::resource::Integrations;
use serde_json::{Map, Value, json};
use store::transact;

use crate::fields::{Body, Fields, Sent};
use crate::page::{Asked, Orders};
use crate::query::Params;
use crate::{Answer, GorgiasError, Id, created, empty, time};

const ORDERS: Orders = &["created_datetime:desc", "created_datetime:asc"];
/// Longest key for signing, in characters.
const SECRET_MAX_CHARS: usize = 512;
const HEADER_MAX_CHARS: usize = 4096;

/// `GET /api/integrations`
pub async fn list(State(app): State<App>, May(may): May<CanRead<Integrations>>, mut params: Params) -> Answer {
    let asked = Asked::read(&mut params, "integrations", ORDERS)?;
    let kind = params.one_of("type", TYPES);
    params.finish()?;

    let mut tx = app.db.read().await?;
    let page = integrations::list(&mut tx, &may, kind, asked.is_descending(), &asked.slice).await?;
    Ok(Json(asked.envelope(page, |integration| view(&integration))))
}

/// `POST /api/integrations`
pub async fn create(
    State(app): State<App>,
    May(may): May<CanWrite<Integrations>>,
    body: Body,
) -> Result<Response, GorgiasError> {
    let mut fields = body.fields()?;
    let name = fields.required_text("name", 1, NAME_MAX_CHARS);
    fields.require("type");
    fields.one_of("type", &["http"]);
    fields.require("http");
    let sent = http(&mut fields, true);
    if matches!(sent, Sent::Null) {
        fields.problem("http", "Field may not be null.");
    }
    let sent = sent.value().unwrap_or_default();
    let description = fields.text_or_null("description", DESCRIPTION_MAX_CHARS).value();
    let business_hours_id = fields.id_or_null("business_hours_id").value();
    let deactivated_at = fields.time_or_null("deactivated_datetime").value();
    fields.finish()?;

    let mut http = Http::default();
    sent.changes.apply(&mut http);
    let new = NewIntegration { name, description, http, webhook: None, business_hours_id, deactivated_at };
    let now = app.clock.now();
    let made = transact!(app.db, |tx| {
        let made = integrations::create(tx, &may, now, &new).await?;
        match &sent.secret {
            Some(secret) if !secret.is_empty() => {
                let sealed = integration_secrets::seal(&app, made.id, secret)?;
                integrations::set_secret(tx, &may, now, made.id, Some(&sealed)).await
            }
            _ => Ok(made),
        }
    })?;
    Ok(created(view(&made)))
}

/// `GET /api/integrations/{id}`
pub async fn show(State(app): State<App>, May(may): May<CanRead<Integrations>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    let integration = integrations::find(&mut tx, &may, id).await?;
    Ok(Json(view(&integration)))
}

/// `PUT /api/integrations/{id}`
///
/// The vendor's reference asks for a name; clients that only switch one off leave it out.
pub async fn update(State(app): State<App>, May(may): May<CanWrite<Integrations>>, Id(id): Id, body: Body) -> Answer {
    let mut fields = body.fields()?;
    let name = fields.text_within("name", 1, NAME_MAX_CHARS);
    let sent = http(&mut fields, false).value();
    let changes = Changes {
        name,
        description: fields.text_or_null("description", DESCRIPTION_MAX_CHARS).change(),
        http: sent.as_ref().map(|sent| sent.changes.clone()),
        webhook: None,
        business_hours_id: fields.id_or_null("business_hours_id").change(),
        deactivated_at: fields.time_or_null("deactivated_datetime").change(),
    };
    fields.finish()?;

    let secret = sent.and_then(|sent| sent.secret);
    let now = app.clock.now();
    let changed = transact!(app.db, |tx| {
        let changed = integrations::update(tx, &may, now, id, &changes).await?;
        match &secret {
            None => Ok(changed),
            Some(secret) if secret.is_empty() => integrations::set_secret(tx, &may, now, id, None).await,
            Some(secret) => {
                let sealed = integration_secrets::seal(&app, id, secret)?;
                integrations::set_secret(tx, &may, now, id, Some(&sealed)).await
            }
        }
    })?;
    Ok(Json(view(&changed)))
}

/// `DELETE /api/integrations/{id}`
pub async fn delete(
    State(app): State<App>,
    May(may): May<CanWrite<Integrations>>,
    Id(id): Id,
) -> Result<Response, GorgiasError> {
    let now = app.clock.now();
    transact!(app.db, |tx| integrations::delete(tx, &may, now, id).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What was sent as `http`.
#[derive(Debug, Clone, Default)]
struct SentHttp {
    changes: request::Changes,
    /// Empty: calls are not signed any more.
    secret: Option<String>,
}

fn http(fields: &mut Fields, is_new: bool) -> Sent<SentHttp> {
    fields.nested("http", |http| {
        if is_new {
            http.require("url");
        }
        let word = |word: Option<&'static str>| word.map(str::to_owned);
        let changes = request::Changes {
            url: http.text_within("url", 1, URL_MAX_CHARS),
            method: word(http.one_of("method", METHODS)),
            request_content_type: word(http.one_of("request_content_type", REQUEST_TYPES)),
            response_content_type: word(http.one_of("response_content_type", &["application/json"])),
            form: http.object_or_null("form").change(),
            headers: headers(http),
            oauth2: http.object_or_null("oauth2").change(),
            triggers: triggers(http),
        };
        SentHttp { changes, secret: http.text_or_null("hmac_secret", SECRET_MAX_CHARS).value() }
    })
}

/// Null is no headers.
fn headers(http: &mut Fields) -> Option<BTreeMap<String, String>> {
    let object = match http.object_or_null("headers") {
        Sent::Absent => return None,
        Sent::Null => return Some(BTreeMap::new()),
        Sent::Value(object) => object,
    };
    let Value::Object(object) = object else { return None };
    let mut headers = BTreeMap::new();
    for (name, value) in object {
        match value {
            Value::String(text) if text.chars().count() <= HEADER_MAX_CHARS => {
                headers.insert(name, text);
            }
            Value::Number(number) => {
                headers.insert(name, number.to_string());
            }
            _ => http.problem("headers", format!("{} is not a valid string.", shown(&name))),
        }
    }
    Some(headers)
}

/// Names with underscores count too: some of the vendor's own examples have them.
fn triggers(http: &mut Fields) -> BTreeMap<String, bool> {
    let Sent::Value(Value::Object(object)) = http.object_or_null("triggers") else { return BTreeMap::new() };
    let mut triggers = BTreeMap::new();
    for (name, value) in object {
        match (triggers::word(&name), value.as_bool()) {
            (Some(word), Some(on)) => {
                triggers.insert(word.to_owned(), on);
            }
            (None, _) => http.problem("triggers", format!("{} is not a known trigger.", shown(&name))),
            (Some(word), None) => http.problem("triggers", format!("{word} is not a valid boolean.")),
        }
    }
    triggers
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

pub(crate) fn view(it: &Integration) -> Value {
    json!({
        "id": it.id,
        "uri": format!("/api/integrations/{}/", it.id),
        "name": it.name,
        "type": it.kind,
        "description": it.description,
        "http": it.http.as_ref().map(|http| view_http(it.id, http)),
        "user": it.person_id.map(|id| json!({ "id": id })),
        "application_id": it.app_id,
        "managed": it.managed,
        "business_hours_id": it.business_hours_id,
        "meta": it.meta,
        "created_datetime": time::format(it.created_at),
        "updated_datetime": time::format(it.updated_at),
        "deactivated_datetime": time::format_or_null(it.deactivated_at),
        "deleted_datetime": null,
        "locked_datetime": null,
    })
}

fn view_http(id: i64, http: &Http) -> Value {
    let triggers: Map<String, Value> = triggers::TRIGGERS
        .iter()
        .map(|word| ((*word).to_owned(), Value::Bool(http.triggers.contains(*word))))
        .collect();
    json!({
        "id": id,
        "url": http.url,
        "method": http.method,
        "request_content_type": http.request_content_type,
        "response_content_type": http.response_content_type,
        "form": http.form,
        "headers": http.headers,
        "triggers": triggers,
        "oauth2": http.oauth2,
    })
}
