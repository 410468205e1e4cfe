//! Many users at once (Zendesk contract, `resources.users`, `conventions.bulk`).

use axum::extract::State;
use endpoint::{App, May, Routes};
use helpdesk::jobs::batch::By;
use helpdesk::profiles;
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Customers;
use serde_json::Value;
use store::Tx;

use crate::answer::Answer;
use crate::bulk::{self, Call};
use crate::error::ZendeskError;
use crate::fields::{Body, Fields};
use crate::query::Params;
use crate::user_write::{self, Staff};

pub fn routes(routes: Routes) -> Routes {
    routes
        .post("/api/v2/users/create_many", create_many)
        .post("/api/v2/users/create_or_update_many", create_or_update_many)
        .delete("/api/v2/users/destroy_many", destroy_many)
        .put("/api/v2/users/update_many", update_many)
}

pub(crate) const CALLS: &[Call] = &[
    Call {
        word: "users.create",
        title: "Bulk Create User",
        failure: "UserCreateFailed",
        carry: |tx, by, now, row| Box::pin(carry_create(tx, by, now, row)),
    },
    Call {
        word: "users.create_or_update",
        title: "Bulk Create Or Update User",
        failure: "UserUpdateFailed",
        carry: |tx, by, now, row| Box::pin(carry_create_or_update(tx, by, now, row)),
    },
    Call {
        word: "users.update",
        title: "Bulk Update User",
        failure: "UserUpdateFailed",
        carry: |tx, by, now, row| Box::pin(carry_update(tx, by, now, row)),
    },
    Call {
        word: "users.delete",
        title: "Bulk Delete User",
        failure: "UserDeleteFailed",
        carry: |tx, by, now, row| Box::pin(carry_delete(tx, by, now, row)),
    },
];

/// `POST /api/v2/users/create_many`
pub async fn create_many(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    params: Params,
    body: Body,
) -> Answer {
    bulk::start(&app, &may, &params.site, "users.create", body.records("users")?).await
}

/// `POST /api/v2/users/create_or_update_many`
pub async fn create_or_update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    params: Params,
    body: Body,
) -> Answer {
    bulk::start(&app, &may, &params.site, "users.create_or_update", body.records("users")?).await
}

/// `PUT /api/v2/users/update_many`
pub async fn update_many(
    State(app): State<App>,
    May(may): May<CanWrite<Customers>>,
    params: Params,
    body: Body,
) -> Answer {
    let rows = bulk::rows_of_update(&params, &body, "user", "users")?;
    bulk::start(&app, &may, &params.site, "users.update", rows).await
}

/// `DELETE /api/v2/users/destroy_many`
pub async fn destroy_many(State(app): State<App>, May(may): May<CanWrite<Customers>>, params: Params) -> Answer {
    bulk::start(&app, &may, &params.site, "users.delete", bulk::rows_of_any_ids(&params)?).await
}

async fn carry_create(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    fields.require("name");
    let sent = user_write::read(&mut fields);
    fields.finish()?;
    Ok(bulk::was_created(user_write::create(tx, (&by.permit()?, &Staff::By(by)), now, &sent).await?))
}

async fn carry_create_or_update(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let mut fields = Fields::of_row(row);
    let sent = user_write::read(&mut fields);
    fields.finish()?;
    let (id, is_new) = user_write::create_or_update(tx, (&by.permit()?, &Staff::By(by)), now, &sent).await?;
    Ok(if is_new { bulk::was_created(id) } else { bulk::was_updated(id) })
}

async fn carry_update(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let may = by.permit()?;
    let id = id_of(tx, &may, row).await?;
    let mut fields = Fields::of_row(row);
    let mut sent = user_write::read(&mut fields);
    fields.finish()?;
    if row.get("id").is_none() {
        sent.external_id = None;
    }
    user_write::update(tx, (&may, &Staff::By(by)), now, id, &sent).await?;
    Ok(bulk::was_updated(id))
}

/// Staff are taken away one by one, since that ends their access too.
async fn carry_delete(tx: &mut Tx, by: &By, now: Timestamp, row: &Value) -> Result<Value, ZendeskError> {
    let may = by.permit()?;
    let id = id_of(tx, &may, row).await?;
    profiles::deactivate(tx, &may, now, id).await?;
    Ok(bulk::was_deleted(id))
}

/// The person that a row names, by id or by foreign id.
async fn id_of(tx: &mut Tx, may: &CanWrite<Customers>, row: &Value) -> Result<i64, ZendeskError> {
    if row.get("id").is_some() {
        return bulk::id_of(row);
    }
    let found = profiles::find_by(tx, may, None, row["external_id"].as_str()).await?;
    found.ok_or_else(ZendeskError::not_found)
}
