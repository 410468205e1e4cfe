//! Tools about customers.

use ::endpoint::App;
use helpdesk::customers::{self, Customer, Filter, Sort};
use schemars::JsonSchema;
use scope::permit::CanRead;
use scope::resource::Customers;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::cursor;
use crate::tool::Failed;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// The e-mail address, whole.
    email: Option<String>,
    /// The name, whole, as it is written.
    name: Option<String>,
    /// The id another system has for the customer.
    external_id: Option<String>,
    /// How many, from 1 to 50. 20 if left out.
    limit: Option<u32>,
    /// next_cursor of the answer before.
    cursor: Option<String>,
}

pub(super) async fn search(app: App, may: CanRead<Customers>, asked: Search) -> Result<Json, Failed> {
    let slice = cursor::slice(asked.limit, asked.cursor.as_deref())?;
    let filter = Filter { email: asked.email, name: asked.name, external_id: asked.external_id, ..Filter::default() };
    let mut tx = app.db.read().await?;
    let page = customers::list(&mut tx, &may, &filter, Sort::Created, true, &slice).await?;
    Ok(cursor::answer("customers", &page, |item| shown(&item.customer)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    customer_id: i64,
}

pub(super) async fn find(app: App, may: CanRead<Customers>, asked: Find) -> Result<Json, Failed> {
    let mut tx = app.db.read().await?;
    let found = customers::find(&mut tx, &may, asked.customer_id).await?;
    let mut customer = shown(&found.customer);
    let addresses: Vec<Json> = found
        .addresses
        .iter()
        .map(|address| json!({ "type": address.kind, "address": address.address, "preferred": address.preferred }))
        .collect();
    customer["addresses"] = json!(addresses);
    Ok(customer)
}

fn shown(customer: &Customer) -> Json {
    json!({
        "id": customer.id,
        "name": customer.name,
        "email": customer.email,
        "external_id": customer.external_id,
        "language": customer.language,
        "note": customer.note,
        "created_at": customer.created_at.to_string(),
    })
}
