//! People as others refer to them: by id, or by what is known of somebody who may not exist yet.
//!
//! Staff and customers are rows of one table, so their ids never overlap. What staff may do is in `users.rs`, what is known of a
//! customer in `customers.rs`.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::json;
use serde_json::value::RawValue;
use store::{Row, StoreError, Tx};

use crate::events::{self, Change};
use crate::{Error, names, search};

/// Who is meant: the id wins, then the email, then the foreign id; with none of them known, a new customer is made
/// (Gorgias contract, `conventions.people_references`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonRef {
    pub id: Option<i64>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub external_id: Option<String>,
    /// For a new customer only, as is all that follows.
    pub addresses: Vec<AddressRef>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub note: Option<String>,
    /// A JSON object.
    pub meta: Option<serde_json::Value>,
}

/// An address of a new customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRef {
    /// Such as `email` or `phone`.
    pub kind: String,
    pub address: String,
    pub preferred: bool,
}

impl PersonRef {
    pub fn by_id(id: i64) -> PersonRef {
        PersonRef { id: Some(id), ..PersonRef::default() }
    }

    pub fn by_email(email: impl Into<String>) -> PersonRef {
        PersonRef { email: Some(email.into()), ..PersonRef::default() }
    }

    /// Names nobody: the same as not being there.
    pub fn is_empty(&self) -> bool {
        self.id.is_none()
            && self.email.is_none()
            && self.name.is_none()
            && self.external_id.is_none()
            && self.addresses.is_empty()
    }
}

/// A person as shown beside a ticket or a message.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: i64,
    pub email: Option<String>,
    pub name: Option<String>,
    pub firstname: String,
    pub lastname: String,
    pub bio: Option<String>,
    /// JSON as stored.
    pub meta: Option<Box<RawValue>>,
}

/// The columns of a person in a join, all under one prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PersonColumns {
    pub id: &'static str,
    pub email: &'static str,
    pub name: &'static str,
    pub firstname: &'static str,
    pub lastname: &'static str,
    pub bio: &'static str,
    pub meta: &'static str,
}

/// `person_columns!("sender")` reads `sender_id`, `sender_email` and so on.
macro_rules! person_columns {
    ($prefix:literal) => {
        $crate::people::PersonColumns {
            id: concat!($prefix, "_id"),
            email: concat!($prefix, "_email"),
            name: concat!($prefix, "_name"),
            firstname: concat!($prefix, "_firstname"),
            lastname: concat!($prefix, "_lastname"),
            bio: concat!($prefix, "_bio"),
            meta: concat!($prefix, "_meta"),
        }
    };
}
pub(crate) use person_columns;

impl Person {
    /// Nobody when the join found no row.
    pub(crate) fn from_row(row: &Row, columns: &PersonColumns) -> Result<Option<Person>, Error> {
        let Some(id) = row.int_or_null(columns.id)? else { return Ok(None) };
        Ok(Some(Person {
            id,
            email: row.text_or_null(columns.email)?,
            name: row.text_or_null(columns.name)?,
            firstname: row.text(columns.firstname)?,
            lastname: row.text(columns.lastname)?,
            bio: row.text_or_null(columns.bio)?,
            meta: stored_json(row, columns.meta)?,
        }))
    }
}

/// A JSON column, passed through as it was stored.
pub(crate) fn stored_json(row: &Row, column: &'static str) -> Result<Option<Box<RawValue>>, Error> {
    match row.text_or_null(column)? {
        Some(text) => Ok(Some(RawValue::from_string(text).map_err(|_| StoreError::Column(column))?)),
        None => Ok(None),
    }
}

/// Free data on its way into a column.
pub(crate) fn json_to_store(json: Option<&serde_json::Value>) -> Result<Option<Box<RawValue>>, Error> {
    match json {
        Some(json) => Ok(Some(RawValue::from_string(json.to_string()).map_err(|_| StoreError::Column("json"))?)),
        None => Ok(None),
    }
}

/// The same problem, told of a field inside `path`. A person that is not there is a problem of the id that was sent.
pub(crate) fn prefixed(path: &str, error: Error) -> Error {
    match error {
        Error::Invalid { field, problem } => Error::Invalid { field: format!("{path}.{field}"), problem },
        Error::NotFound { kind, .. } => Error::invalid(format!("{path}.id"), format!("No {kind} has this id.")),
        other => other,
    }
}

/// Holds a person's row until the end of the transaction, so that what is read next is still true when it is written back. Of two changes
/// at once on PostgreSQL, the second waits and then sees the first. (`for update` would say it better, but not to SQLite.)
pub(crate) async fn lock(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.run("update people set updated_at = updated_at where id = $1", &[id.into()]).await?;
    Ok(())
}

/// Gives a customer the name they chose for themselves. `Invalid` on `name`.
pub async fn rename(tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64, name: &str) -> Result<(), Error> {
    lock(tx, id).await?;
    let row =
        tx.row("select name, firstname, lastname from people where id = $1 and is_staff = 0", &[id.into()]).await?;
    let row = row.ok_or(Error::NotFound { kind: "customer", id })?;
    let old = (row.text_or_null("name")?, row.text("firstname")?, row.text("lastname")?);
    let was = (old.0.as_deref(), old.1.as_str(), old.2.as_str());
    let (whole, firstname, lastname) = names::merged(was, Some(Some(name)), None, None);
    tx.run(
        "update people set name = $1, name_key = $2, firstname = $3, lastname = $4, updated_at = $5 where id = $6",
        &[
            whole.as_deref().into(),
            whole.as_deref().map(str::to_lowercase).into(),
            firstname.as_str().into(),
            lastname.as_str().into(),
            now.into(),
            id.into(),
        ],
    )
    .await?;
    search::index_person(tx, id).await?;
    let change = Change {
        kind: "customer-updated",
        object_type: "Customer",
        object_id: id,
        before: Some(json!({ "name": old.0, "firstname": old.1, "lastname": old.2 })),
        after: Some(json!({ "name": whole, "firstname": firstname, "lastname": lastname })),
        data: None,
    };
    events::record(tx, actor, now, change).await
}
