//! Addresses of a customer as records of their own: found, added, changed and removed one by one.
//!
//! Each change goes through `customers::update`, so that the primary address, the index of words and the log follow.

use jiff::Timestamp;
use scope::permit::{CanWrite, Permit};
use scope::resource::{Access, Customers};
use store::{Row, StoreError, Tx};

use super::{Changes, update};
use crate::Error;
use crate::addresses::{self, EMAIL, key_of};
use crate::page::{Column, Order, Page, Query, Slice};
use crate::people::AddressRef;

/// An address with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub id: i64,
    pub customer_id: i64,
    /// Such as `email` or `phone`.
    pub kind: String,
    pub address: String,
    /// The first choice among those of its kind.
    pub preferred: bool,
    /// Somebody vouched that it is theirs. Says nothing to whoever signs in.
    pub verified: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

macro_rules! select_identities {
    () => {
        "select a.id, a.person_id, a.type, a.address, a.preferred, a.verified, a.created_at,
                coalesce(a.updated_at, a.created_at) as updated_at
         from addresses a where 1 = 1"
    };
}

/// By id, of these kinds; of all if none is named. Served by `addresses_by_person`.
pub async fn list<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Customers, A>,
    customer_id: i64,
    kinds: &[String],
    slice: &Slice,
) -> Result<Page<Identity>, Error> {
    let sql = "select id from people where id = $1 and deleted_at is null";
    if tx.row(sql, &[customer_id.into()]).await?.is_none() {
        return Err(Error::NotFound { kind: "customer", id: customer_id });
    }
    let mut query = Query::new(select_identities!());
    query.and("a.person_id =", customer_id);
    if !kinds.is_empty() {
        query.and_in("a.type", kinds.iter().map(String::as_str));
    }
    let order = Order { columns: &[Column::Int("a.id", "id")], descending: false };
    query.page(tx, order, slice).await?.try_map(|row| Identity::from_row(&row))
}

/// One address of a customer, or `NotFound`.
pub async fn find<A: Access>(
    tx: &mut Tx,
    _may: &Permit<Customers, A>,
    (customer_id, id): (i64, i64),
) -> Result<Identity, Error> {
    let sql = concat!(select_identities!(), " and a.id = $1 and a.person_id = $2");
    let row = tx.row(sql, &[id.into(), customer_id.into()]).await?;
    Identity::from_row(&row.ok_or(Error::NotFound { kind: "address", id })?)
}

/// Adds an address. `Taken` if somebody has it, they themselves or another.
pub async fn create(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
    (new, verified): (AddressRef, bool),
) -> Result<Identity, Error> {
    let key = key_of(&new.kind, &new.address).map_err(|error| error.on_field("value"))?;
    if addresses::owner(tx, &new.kind, &key).await?.is_some() {
        return Err(Error::Taken { kind: "address", field: "value" });
    }
    let kind = new.kind.clone();
    let mut list = refs(tx, may, now, customer_id).await?;
    if new.preferred {
        list.iter_mut().filter(|other| other.kind == kind).for_each(|other| other.preferred = false);
    }
    list.push(new);
    store(tx, may, now, customer_id, list).await?;
    let sql = "select id from addresses where type = $1 and address_key = $2";
    let row = tx.row(sql, &[kind.into(), key.into()]).await?;
    let id = row.ok_or(StoreError::Column("id"))?.int("id")?;
    vouch(tx, id, verified).await?;
    find(tx, may, (customer_id, id)).await
}

/// Changes what the address is, and whether somebody vouches for it. `Taken` as `create`.
pub async fn change(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    (customer_id, id): (i64, i64),
    (address, verified): (Option<&str>, Option<bool>),
) -> Result<Identity, Error> {
    let before = find(tx, may, (customer_id, id)).await?;
    if let Some(address) = address {
        let key = key_of(&before.kind, address).map_err(|error| error.on_field("value"))?;
        if addresses::owner(tx, &before.kind, &key).await?.is_some_and(|owner| owner != customer_id) {
            return Err(Error::Taken { kind: "address", field: "value" });
        }
        let address = if before.kind == EMAIL { key.as_str() } else { address.trim() };
        let written = tx
            .run(
                "update addresses set address = $1, address_key = $2, verified = 0, updated_at = $3 where id = $4",
                &[address.into(), key.as_str().into(), now.into(), id.into()],
            )
            .await;
        match written {
            Ok(_) => {}
            Err(StoreError::NotUnique(_)) => return Err(Error::Taken { kind: "address", field: "value" }),
            Err(error) => return Err(error.into()),
        }
        let list = refs(tx, may, now, customer_id).await?;
        store(tx, may, now, customer_id, list).await?;
    }
    if let Some(verified) = verified {
        vouch(tx, id, verified).await?;
    }
    find(tx, may, (customer_id, id)).await
}

/// Makes an address the first choice of its kind.
pub async fn prefer(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    (customer_id, id): (i64, i64),
) -> Result<(), Error> {
    let chosen = find(tx, may, (customer_id, id)).await?;
    let mut list = refs(tx, may, now, customer_id).await?;
    for other in list.iter_mut().filter(|other| other.kind == chosen.kind) {
        other.preferred = other.address == chosen.address;
    }
    store(tx, may, now, customer_id, list).await
}

/// Takes an address away. `Refused` for the primary e-mail address while there is another.
pub async fn delete(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    (customer_id, id): (i64, i64),
) -> Result<(), Error> {
    let gone = find(tx, may, (customer_id, id)).await?;
    let mut list = refs(tx, may, now, customer_id).await?;
    let n_of_kind = list.iter().filter(|other| other.kind == gone.kind).count();
    if gone.kind == EMAIL && gone.preferred && 1 < n_of_kind {
        return Err(Error::Refused(
            "The primary address cannot be removed: make another one primary first.".to_owned(),
        ));
    }
    list.retain(|other| !(other.kind == gone.kind && other.address == gone.address));
    store(tx, may, now, customer_id, list).await
}

/// The addresses as they are. Leaves the customer as they are, too.
async fn refs(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
) -> Result<Vec<AddressRef>, Error> {
    let known = update(tx, may, now, customer_id, &Changes::default()).await?.addresses;
    Ok(known.iter().map(AddressRef::from).collect())
}

async fn store(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    customer_id: i64,
    list: Vec<AddressRef>,
) -> Result<(), Error> {
    let changes = Changes { addresses: Some(list), ..Changes::default() };
    update(tx, may, now, customer_id, &changes).await.map(|_| ())
}

async fn vouch(tx: &mut Tx, id: i64, verified: bool) -> Result<(), Error> {
    tx.run("update addresses set verified = $1 where id = $2", &[verified.into(), id.into()]).await?;
    Ok(())
}

impl Identity {
    fn from_row(row: &Row) -> Result<Identity, Error> {
        Ok(Identity {
            id: row.int("id")?,
            customer_id: row.int("person_id")?,
            kind: row.text("type")?,
            address: row.text("address")?,
            preferred: row.flag("preferred")?,
            verified: row.flag("verified")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
