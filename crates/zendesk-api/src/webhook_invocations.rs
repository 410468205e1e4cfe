//! `/api/v2/webhooks/{webhook_id}/invocations` (Zendesk contract, `resources.webhooks`): the calls of a webhook, and each time one was tried.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::integrations::deliveries::{self, Attempt, Called, Came, Delivery};
use helpdesk::{integrations, ulid};
use scope::permit::CanRead;
use scope::resource::Webhooks;
use serde_json::{Map, Value, json};

use crate::Word;
use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::page::{Asked, Ways};
use crate::path::Words;
use crate::query::Params;
use crate::time::format;
use crate::webhooks::{id_of, listed};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/api/v2/webhooks/{webhook_id}/invocations", list)
        .get("/api/v2/webhooks/{webhook_id}/invocations/{invocation_id}/attempts", list_attempts)
}

/// `GET /api/v2/webhooks/{webhook_id}/invocations`, newest first unless told.
pub async fn list(State(app): State<App>, May(may): May<CanRead<Webhooks>>, Word(id): Word, params: Params) -> Answer {
    let id = id_of(&id)?;
    let asked = Asked::read_as(&params, "invocations", &["latest_completed_at"], (Ways::CursorOnly, true))?;
    let came = match params.one("filter[status]") {
        None => None,
        Some(word) => {
            let known = Came::ALL.iter().copied().find(|came| came_word(*came) == word.replace('_', " "));
            // Words that nothing here comes to are still the vendor's.
            match known {
                Some(came) => Some(came),
                None if OTHERS.contains(&word) => {
                    return Ok(Reply::ok(Value::Object(asked.around("invocations", Vec::new(), (None, None, None)))));
                }
                None => return Err(ZendeskError::bad_request("filter[status] is no status of invocations.").listed()),
            }
        }
    };
    let called = Called {
        integration_id: id,
        came,
        since: params.time("filter[from_ts]").map_err(ZendeskError::listed)?,
        until: params.time("filter[to_ts]").map_err(ZendeskError::listed)?,
    };
    let mut tx = app.db.read().await?;
    integrations::find(&mut tx, &may, id).await.map_err(listed)?;
    let page = deliveries::of_webhook(&mut tx, &may, &called, asked.descending, &asked.slice).await?;
    Ok(Reply::ok(Value::Object(asked.body("invocations", page, |it| view(&it)))))
}

const OTHERS: &[&str] = &["unknown", "circuit broken", "circuit_broken"];

/// `GET /api/v2/webhooks/{webhook_id}/invocations/{invocation_id}/attempts`
pub async fn list_attempts(
    State(app): State<App>,
    May(may): May<CanRead<Webhooks>>,
    Words(webhook_id, invocation_id): Words,
) -> Answer {
    let (webhook_id, invocation_id) = (id_of(&webhook_id)?, id_of(&invocation_id)?);
    let mut tx = app.db.read().await?;
    integrations::find(&mut tx, &may, webhook_id).await.map_err(listed)?;
    let delivery = deliveries::find(&mut tx, &may, invocation_id).await.map_err(listed)?;
    if delivery.integration_id != Some(webhook_id) {
        return Err(ZendeskError::not_listed());
    }
    let attempts = deliveries::attempts(&mut tx, &may, &delivery).await?;
    Ok(Reply::ok(json!({ "attempts": attempts.iter().map(|it| attempt(&delivery, it)).collect::<Vec<_>>() })))
}

pub(crate) const fn came_word(came: Came) -> &'static str {
    match came {
        Came::Accepted => "accepted",
        Came::Success => "success",
        Came::ClientError => "client error",
        Came::ServerError => "server error",
        Came::Timeout => "timeout",
        Came::Failed => "failed",
        Came::Throttled => "throttled",
        Came::Terminated => "terminated",
    }
}

/// `[{key, value}]`
pub(crate) fn pairs<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    headers.map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn view(it: &Delivery) -> Value {
    let mut shown = Map::from_iter([
        ("id".to_owned(), json!(ulid::of(it.id))),
        ("status".to_owned(), json!(came_word(it.came()))),
        ("latest_completed_at".to_owned(), json!(format(it.latest_at))),
    ]);
    // Quirk: left out when nothing was received.
    if let Some(status) = it.response_status {
        shown.insert("status_code".to_owned(), json!(status));
    }
    Value::Object(shown)
}

/// Its id is the invocation's with its number behind: no two are alike.
fn attempt(delivery: &Delivery, it: &Attempt) -> Value {
    let headers = |headers: &Option<Value>| {
        let object = headers.as_ref().and_then(Value::as_object);
        pairs(object.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))))
    };
    let mut shown = Map::from_iter([
        ("id".to_owned(), json!(format!("{}-{}", ulid::of(delivery.id), it.number))),
        ("invocation_id".to_owned(), json!(ulid::of(delivery.id))),
        ("status".to_owned(), json!(came_word(it.came()))),
        ("completed_at".to_owned(), json!(format(it.attempted_at))),
        (
            "request".to_owned(),
            json!({ "headers": headers(&it.request_headers), "payload": it.request_body.as_deref().unwrap_or_default() }),
        ),
    ]);
    if let Some(status) = it.response_status {
        shown.insert("status_code".to_owned(), json!(status));
        let payload = it.response_body.as_deref().unwrap_or_default();
        shown.insert("response".to_owned(), json!({ "headers": headers(&it.response_headers), "payload": payload }));
    }
    Value::Object(shown)
}
