//! Customers: the people who write to us, how they can be reached, and merging two who turn out to be one.
//!
//! The primary e-mail address of a customer is the preferred one of their `email` addresses; the row of the person repeats it.

pub mod fields;
pub mod identities;
mod list;
mod merge;
mod write;

use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Customers;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::addresses::{self, Address};
use crate::custom_fields::{self, Carrier, SentValue, Values};
use crate::integrations;
use crate::integrations::data::IntegrationData;
use crate::own_tags::tags_of;
use crate::people::AddressRef;

pub use list::{CustomerInList, Filter, Sort, list};
pub use merge::merge;
pub use write::{create, delete, delete_many, find_or_create, set_data, set_password, update};

#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    pub id: i64,
    pub external_id: Option<String>,
    pub active: bool,
    pub email: Option<String>,
    pub name: Option<String>,
    pub firstname: String,
    pub lastname: String,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub note: Option<String>,
    /// A JSON object.
    pub meta: Option<Json>,
    /// Any JSON, set as a whole by `set_data`.
    pub data: Option<Json>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A customer with everything that is shown of one alone.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerDetail {
    pub customer: Customer,
    pub addresses: Vec<Address>,
    pub fields: Values,
    pub tags: Vec<String>,
    /// What integrations know of them.
    pub integrations: Vec<IntegrationData>,
}

/// What is known of a new customer. Everything may be missing.
#[derive(Debug, Clone, Default)]
pub struct NewCustomer {
    pub email: Option<String>,
    pub name: Option<String>,
    pub firstname: Option<String>,
    pub lastname: Option<String>,
    pub external_id: Option<String>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub note: Option<String>,
    pub meta: Option<Json>,
    pub addresses: Vec<AddressRef>,
    pub fields: Vec<SentValue>,
}

/// What a call changes of a customer. None leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub email: Option<Option<String>>,
    pub name: Option<Option<String>>,
    pub firstname: Option<String>,
    pub lastname: Option<String>,
    pub external_id: Option<Option<String>>,
    pub language: Option<Option<String>>,
    pub timezone: Option<Option<String>>,
    pub note: Option<Option<String>>,
    pub meta: Option<Option<Json>>,
    /// Replaces every address.
    pub addresses: Option<Vec<AddressRef>>,
    /// Replaces every value.
    pub fields: Option<Vec<SentValue>>,
}

/// The customer with this id and their addresses, or `NotFound`.
pub async fn find(tx: &mut Tx, _may: &CanRead<Customers>, id: i64) -> Result<CustomerDetail, Error> {
    read(tx, id).await
}

/// The customer whom an id or an address means. Needs no permit: it is how somebody becomes a caller.
pub async fn meant_by(tx: &mut Tx, who: &str) -> Result<Option<i64>, Error> {
    let row = match who.trim().parse::<i64>() {
        Ok(id) => tx.row("select id from people where id = $1 and is_staff = 0 and active = 1", &[id.into()]).await?,
        Err(_) => {
            let sql = "select id from people where is_staff = 0 and active = 1 and email_key = $1";
            tx.row(sql, &[crate::users::email_key(who).into()]).await?
        }
    };
    Ok(row.map(|row| row.int("id")).transpose()?)
}

/// The columns that `Customer::from_row` reads.
macro_rules! select_customers {
    () => {
        "select p.id, p.external_id, p.active, p.email, p.name, p.firstname, p.lastname, p.language, p.timezone, p.note, p.meta,
                p.data, p.tags, p.created_at, p.updated_at
         from people p where p.is_staff = 0"
    };
}
use select_customers;

async fn read(tx: &mut Tx, id: i64) -> Result<CustomerDetail, Error> {
    let row = tx.row(concat!(select_customers!(), " and p.id = $1"), &[id.into()]).await?;
    let Some(row) = row else { return Err(Error::NotFound { kind: "customer", id }) };
    Ok(CustomerDetail {
        customer: Customer::from_row(&row)?,
        addresses: addresses::of_person(tx, id).await?,
        tags: tags_of(&row)?,
        fields: custom_fields::of_object(tx, Carrier::Customer, id).await?,
        integrations: integrations::data::of_customer(tx, id).await?,
    })
}

impl Customer {
    fn from_row(row: &Row) -> Result<Customer, Error> {
        Ok(Customer {
            id: row.int("id")?,
            external_id: row.text_or_null("external_id")?,
            active: row.flag("active")?,
            email: row.text_or_null("email")?,
            name: row.text_or_null("name")?,
            firstname: row.text("firstname")?,
            lastname: row.text("lastname")?,
            language: row.text_or_null("language")?,
            timezone: row.text_or_null("timezone")?,
            note: row.text_or_null("note")?,
            meta: row.json("meta")?,
            data: row.json("data")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl CustomerDetail {
    /// What events tell of a customer.
    fn fields(&self) -> Json {
        let customer = &self.customer;
        json!({
            "email": customer.email, "name": customer.name, "firstname": customer.firstname, "lastname": customer.lastname,
            "external_id": customer.external_id, "language": customer.language, "timezone": customer.timezone,
            "note": customer.note, "meta": customer.meta, "channels": addresses::fields(&self.addresses),
            "custom_fields": custom_fields::to_json(&self.fields), "tags": self.tags,
        })
    }
}
