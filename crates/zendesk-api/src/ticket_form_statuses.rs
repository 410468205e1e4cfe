//! `/api/v2/ticket_form_statuses`: which of the account's own statuses a form offers (Zendesk contract, `resources.ticket_forms`). Ids are
//! texts here.

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::ticket_forms::statuses::{self, FormStatus, Wanted, Which};
use scope::permit::{CanRead, CanWrite};
use scope::resource::CustomFields;
use serde_json::{Value, json};
use store::transact;

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::page;
use crate::query::{Params, check_length};
use crate::{Id, Pair};

pub fn routes(routes: Routes) -> Routes {
    const OF_FORM: &str = "/api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses";
    const ONE: &str = "/api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses/{ticket_form_status_id}";
    routes
        .get("/api/v2/ticket_form_statuses", list)
        .get("/api/v2/ticket_form_statuses/show_many", show_many)
        .get(OF_FORM, list_of_form)
        .post(OF_FORM, create)
        .put(OF_FORM, change)
        .delete(OF_FORM, clear)
        .put(ONE, update)
        .delete(ONE, delete)
        .post("/api/v2/custom_statuses/{custom_status_id}/ticket_form_statuses", create_of_status)
}

/// `GET /api/v2/ticket_form_statuses`
pub async fn list(State(app): State<App>, May(may): May<CanRead<CustomFields>>) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(told(&statuses::list(&mut tx, &may, Which::All).await?))
}

/// `GET /api/v2/ticket_form_statuses/show_many`
pub async fn show_many(State(app): State<App>, May(may): May<CanRead<CustomFields>>, params: Params) -> Answer {
    let ids = params.required_ids("ids")?;
    let mut tx = app.db.read().await?;
    Ok(told(&statuses::list(&mut tx, &may, Which::Ids(&ids)).await?))
}

/// `GET /api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses`
pub async fn list_of_form(State(app): State<App>, May(may): May<CanRead<CustomFields>>, Id(id): Id) -> Answer {
    let mut tx = app.db.read().await?;
    Ok(told(&statuses::list(&mut tx, &may, Which::OfForm(id)).await?))
}

/// `POST /api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses`
pub async fn create(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id, body: Body) -> Answer {
    let ids = read_ids(&body, "custom_status_id")?;
    let now = app.clock.now();
    Ok(told(&transact!(app.db, |tx| statuses::add(tx, &may, now, id, &ids).await)?))
}

/// `POST /api/v2/custom_statuses/{custom_status_id}/ticket_form_statuses`
pub async fn create_of_status(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Id(id): Id,
    body: Body,
) -> Answer {
    let form_ids = read_ids(&body, "ticket_form_id")?;
    let now = app.clock.now();
    Ok(told(&transact!(app.db, |tx| statuses::add_to_forms(tx, &may, now, id, &form_ids).await)?))
}

/// `PUT /api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses`: some more, some others, some less.
pub async fn change(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id, body: Body) -> Answer {
    let mut wanted = Vec::new();
    for mut fields in records(&body)? {
        fields.pass(&["ticket_form_id"]);
        let one = Wanted {
            id: fields.id("id").flatten(),
            custom_status_id: fields.id("custom_status_id").flatten(),
            goes: fields.flag("_destroy").unwrap_or_default(),
        };
        if one.id.is_none() {
            fields.require("custom_status_id");
        }
        fields.finish()?;
        wanted.push(one);
    }
    let now = app.clock.now();
    Ok(told(&transact!(app.db, |tx| statuses::change(tx, &may, now, id, &wanted).await)?))
}

/// `DELETE /api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses`
pub async fn clear(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Id(id): Id) -> Answer {
    let now = app.clock.now();
    transact!(app.db, |tx| statuses::clear(tx, &may, now, id).await)?;
    Ok(Reply::empty())
}

/// `PUT /api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses/{ticket_form_status_id}`
pub async fn update(
    State(app): State<App>,
    May(may): May<CanWrite<CustomFields>>,
    Pair(form_id, id): Pair,
    body: Body,
) -> Answer {
    let custom_status_id = read_ids(&body, "custom_status_id")?.first().copied();
    let wanted = [Wanted { id: Some(id), custom_status_id, goes: false }];
    let now = app.clock.now();
    let mut found = transact!(app.db, |tx| statuses::change(tx, &may, now, form_id, &wanted).await)?;
    found.retain(|it| it.id == id);
    Ok(told(&found))
}

/// `DELETE /api/v2/ticket_forms/{ticket_form_id}/ticket_form_statuses/{ticket_form_status_id}`
pub async fn delete(State(app): State<App>, May(may): May<CanWrite<CustomFields>>, Pair(form_id, id): Pair) -> Answer {
    let wanted = [Wanted { id: Some(id), goes: true, ..Wanted::default() }];
    let now = app.clock.now();
    transact!(app.db, |tx| statuses::change(tx, &may, now, form_id, &wanted).await)?;
    Ok(Reply::empty())
}

fn read_ids(body: &Body, name: &str) -> Result<Vec<i64>, ZendeskError> {
    let mut ids = Vec::new();
    for mut fields in records(body)? {
        ids.push(fields.required_id(name));
        fields.finish()?;
    }
    Ok(ids)
}

/// The records under their name, which is singular whether there is a list or one alone.
fn records(body: &Body) -> Result<Vec<Fields>, ZendeskError> {
    let sent = body.value.get("ticket_form_status").or_else(|| body.value.get("ticket_form_statuses"));
    let records = match sent {
        Some(Value::Array(records)) => records.clone(),
        Some(record @ Value::Object(_)) => vec![record.clone()],
        _ => return Err(ZendeskError::bad_request("ticket_form_status must be a list of objects.")),
    };
    check_length(records.len())?;
    if !records.iter().all(Value::is_object) {
        return Err(ZendeskError::bad_request("ticket_form_status must be a list of objects."));
    }
    Ok(records.iter().map(Fields::of_row).collect())
}

fn told(found: &[FormStatus]) -> Reply {
    let views = found.iter().map(view).collect();
    Reply::ok(Value::Object(page::whole("ticket_form_statuses", views)))
}

fn view(it: &FormStatus) -> Value {
    json!({
        "id": it.id.to_string(),
        "ticket_form_id": it.form_id,
        "custom_status_id": it.custom_status_id,
    })
}
