//! `create_many`, `update_many`, `destroy_many`: rows that a job carries out behind the answer (Zendesk contract, `conventions.bulk`,
//! `conventions.jobs`).
//!
//! Each resource has a table `CALLS`: which word a job keeps for a call, how its results are named, and what carries out one row. The
//! worker comes back through `carry`.

use endpoint::App;
use helpdesk::Error;
use helpdesk::jobs::batch::{self, By, Carrying};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Resource;
use serde_json::{Value, json};
use store::{Tx, transact};

use crate::answer::{Answer, Reply};
use crate::error::ZendeskError;
use crate::fields::Body;
use crate::query::{Params, check_length};
use crate::{
    Site, group_memberships, job_statuses, organization_memberships, organizations, suspended_tickets, ticket_states,
    tickets, users_bulk,
};

/// A call whose rows a job carries out.
#[derive(Clone, Copy)]
pub struct Call {
    /// As stored with the job: never changes.
    pub word: &'static str,
    /// `job_type`, as people read it.
    pub title: &'static str,
    /// What a row that failed is called.
    pub failure: &'static str,
    /// Carries out one row. Its future is boxed: `|tx, by, now, row| Box::pin(one(tx, by, now, row))`.
    pub carry: for<'a> fn(&'a mut Tx, &'a By, Timestamp, &'a Value) -> Carried<'a>,
}

pub type Carried<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Value, ZendeskError>> + Send + 'a>>;

/// All of them. One line a resource.
const CALLS: &[&[Call]] = &[
    group_memberships::CALLS,
    organization_memberships::CALLS,
    organizations::CALLS,
    suspended_tickets::CALLS,
    ticket_states::CALLS,
    tickets::CALLS,
    users_bulk::CALLS,
];

pub(crate) fn find(word: &str) -> Option<&'static Call> {
    CALLS.iter().flat_map(|calls| calls.iter()).find(|call| call.word == word)
}

/// For the worker: carries out one row of a call that a job keeps.
pub fn carry<'a>(tx: &'a mut Tx, by: &'a By, now: Timestamp, (word, row): (&'a str, &'a Value)) -> Carrying<'a> {
    Box::pin(async move {
        let call = find(word).ok_or_else(|| Error::Refused(format!("There is no call {word}.")))?;
        (call.carry)(tx, by, now, row).await.map_err(ZendeskError::into_error)
    })
}

/// Starts the job and answers with it.
pub async fn start<R: Resource>(
    app: &App,
    may: &CanWrite<R>,
    site: &Site,
    word: &'static str,
    rows: Vec<Value>,
) -> Answer {
    check_length(rows.len())?;
    let now = app.clock.now();
    let job = transact!(app.db, |tx| batch::create(tx, may, now, word, rows.clone()).await)?;
    Ok(Reply::one("job_status", job_statuses::view(site, &job, &[])))
}

/// A row for each id that `ids` names.
pub fn rows_of_ids(params: &Params) -> Result<Vec<Value>, ZendeskError> {
    Ok(params.required_ids("ids")?.into_iter().map(|id| json!({ "id": id })).collect())
}

/// A row for each id of `ids`, or each foreign id of `external_ids`.
pub fn rows_of_any_ids(params: &Params) -> Result<Vec<Value>, ZendeskError> {
    match params.texts("external_ids")? {
        Some(ids) => Ok(ids.into_iter().map(|id| json!({ "external_id": id })).collect()),
        None => rows_of_ids(params),
    }
}

/// The rows of `update_many`: the same change under the singular name for all `ids`, or a list under the plural name.
pub fn rows_of_update(params: &Params, body: &Body, one: &str, many: &str) -> Result<Vec<Value>, ZendeskError> {
    if params.one("ids").is_none() && params.one("external_ids").is_none() {
        let rows = body.records(many)?;
        if rows.iter().any(|row| row.get("id").is_none() && row.get("external_id").is_none()) {
            return Err(ZendeskError::bad_request(format!("Each of {many} must have an id.")));
        }
        return Ok(rows);
    }
    let Some(Value::Object(change)) = body.value.get(one) else {
        return Err(ZendeskError::bad_request(format!("{one} is missing.")));
    };
    let rows = rows_of_any_ids(params)?.into_iter().map(|id| {
        let mut row = change.clone();
        if let Value::Object(id) = id {
            row.extend(id);
        }
        Value::Object(row)
    });
    Ok(rows.collect())
}

/// The id of a row. Whether there is a record with it is found out when the row is carried out.
pub fn id_of(row: &Value) -> Result<i64, ZendeskError> {
    let id = row.get("id").and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()));
    id.ok_or_else(ZendeskError::not_found)
}

/// The result of a row that was created.
pub fn was_created(id: i64) -> Value {
    json!({ "id": id, "action": "create", "status": "Created", "success": true })
}

/// The result of a row that was changed.
pub fn was_updated(id: i64) -> Value {
    json!({ "id": id, "action": "update", "status": "Updated", "success": true })
}

/// The result of a row that was deleted.
pub fn was_deleted(id: i64) -> Value {
    json!({ "id": id, "action": "delete", "status": "Deleted", "success": true })
}
