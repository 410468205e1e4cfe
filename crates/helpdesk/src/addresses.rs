//! Addresses: how a customer can be reached. An address of a kind belongs to one customer at most.
//!
//! An address is compared without what people write differently: the case of an e-mail address, the punctuation of a phone number.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use store::{Row, Tx};

use crate::Error;
use crate::page::Query;
use crate::people::AddressRef;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub id: i64,
    /// Such as `email` or `phone`; any word, since apps bring their own.
    pub kind: String,
    pub address: String,
    /// The first choice among those of its kind.
    pub preferred: bool,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
}

/// Longest address, in characters (Gorgias contract, `objects.CustomerChannelInput`).
pub const ADDRESS_MAX_CHARS: usize = 320;

pub(crate) const EMAIL: &str = "email";

/// An address as it is compared. `Invalid` on `address` if nothing is left of it.
pub(crate) fn key_of(kind: &str, address: &str) -> Result<String, Error> {
    let key = match kind {
        "phone" | "sms" | "whatsapp" => address.chars().filter(char::is_ascii_digit).collect(),
        EMAIL => address.trim().to_lowercase(),
        _ => address.trim().to_owned(),
    };
    if key.is_empty() || address.contains('\0') || ADDRESS_MAX_CHARS < address.chars().count() {
        return Err(Error::invalid("address", format!("Not a valid address of the type {kind}.")));
    }
    Ok(key)
}

/// An address ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub kind: String,
    pub address: String,
    pub key: String,
    pub preferred: bool,
}

/// Cleans a list up: no address twice, one preferred of each kind (the first that says so, else the first).
/// `email`, the primary address, is put first if it is not among them, and is the preferred one.
pub(crate) fn wanted(sent: &[AddressRef], email: Option<&str>) -> Result<Vec<Wanted>, Error> {
    let mut list: Vec<Wanted> = Vec::with_capacity(sent.len() + 1);
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let primary = email.map(|email| AddressRef { kind: EMAIL.to_owned(), address: email.to_owned(), preferred: true });
    for (index, item) in
        primary.iter().map(|item| (None, item)).chain(sent.iter().enumerate().map(|(i, item)| (Some(i), item)))
    {
        let key = key_of(&item.kind, &item.address).map_err(|error| match index {
            Some(index) => error.on_field(&format!("channels.{index}.address")),
            None => error.on_field("email"),
        })?;
        if seen.insert((item.kind.clone(), key.clone())) {
            let address = if item.kind == EMAIL { key.clone() } else { item.address.trim().to_owned() };
            list.push(Wanted { kind: item.kind.clone(), address, key, preferred: item.preferred });
        }
    }
    let kinds: HashSet<String> = list.iter().map(|item| item.kind.clone()).collect();
    for kind in kinds {
        let chosen = list.iter().position(|item| item.kind == kind && item.preferred);
        let chosen = chosen.or_else(|| list.iter().position(|item| item.kind == kind));
        for (index, item) in list.iter_mut().enumerate().filter(|(_, item)| item.kind == kind) {
            item.preferred = Some(index) == chosen;
        }
    }
    Ok(list)
}

/// A stored list as it is.
pub(crate) fn as_stored(list: &[Address]) -> Result<Vec<Wanted>, Error> {
    let list = list.iter().map(|item| {
        let key = key_of(&item.kind, &item.address)?;
        Ok(Wanted { kind: item.kind.clone(), address: item.address.clone(), key, preferred: item.preferred })
    });
    list.collect()
}

/// The primary e-mail address of a list: its preferred one.
pub(crate) fn primary_email(list: &[Wanted]) -> Option<&str> {
    list.iter().find(|item| item.kind == EMAIL && item.preferred).map(|item| item.address.as_str())
}

/// Whose address this is.
pub(crate) async fn owner(tx: &mut Tx, kind: &str, key: &str) -> Result<Option<i64>, Error> {
    let row = tx
        .row("select person_id from addresses where type = $1 and address_key = $2", &[kind.into(), key.into()])
        .await?;
    Ok(row.map(|row| row.int("person_id")).transpose()?)
}

/// All addresses of a customer, in the order they were added.
pub(crate) async fn of_person(tx: &mut Tx, person_id: i64) -> Result<Vec<Address>, Error> {
    let rows = tx
        .rows(
            "select id, type, address, preferred, created_at, updated_at from addresses where person_id = $1 order by id",
            &[person_id.into()],
        )
        .await?;
    rows.iter().map(Address::from_row).collect()
}

/// All addresses of some customers, each with its owner, in one statement.
pub(crate) async fn of_people(tx: &mut Tx, ids: &[i64]) -> Result<Vec<(i64, Address)>, Error> {
    let mut query =
        Query::new("select id, person_id, type, address, preferred, created_at, updated_at from addresses where 1 = 1");
    query.and_in("person_id", ids.iter().copied());
    query.sql.push_str(" order by id");
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter().map(|row| Ok((row.int("person_id")?, Address::from_row(row)?))).collect()
}

/// Makes the addresses of a customer exactly these. Those that stay keep their id. `Taken` if one belongs to somebody else.
pub(crate) async fn replace(tx: &mut Tx, now: Timestamp, person_id: i64, list: &[Wanted]) -> Result<(), Error> {
    let old = of_person(tx, person_id).await?;
    for address in &old {
        let key = key_of(&address.kind, &address.address)?;
        match list.iter().find(|item| item.kind == address.kind && item.key == key) {
            None => {
                tx.run("delete from addresses where id = $1", &[address.id.into()]).await?;
            }
            Some(item) if item.preferred != address.preferred || item.address != address.address => {
                tx.run(
                    "update addresses set preferred = $1, address = $2, updated_at = $3 where id = $4",
                    &[item.preferred.into(), item.address.as_str().into(), now.into(), address.id.into()],
                )
                .await?;
            }
            Some(_) => {}
        }
    }
    for item in list {
        let known = old.iter().any(|address| {
            address.kind == item.kind && key_of(&address.kind, &address.address).is_ok_and(|key| key == item.key)
        });
        if !known {
            insert(tx, now, person_id, item).await?;
        }
    }
    Ok(())
}

/// Adds an address. `Taken` if somebody has it.
pub(crate) async fn insert(tx: &mut Tx, now: Timestamp, person_id: i64, item: &Wanted) -> Result<(), Error> {
    let added = tx
        .run(
            "insert into addresses (person_id, type, address, address_key, preferred, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $6) on conflict do nothing",
            &[
                person_id.into(),
                item.kind.as_str().into(),
                item.address.as_str().into(),
                item.key.as_str().into(),
                item.preferred.into(),
                now.into(),
            ],
        )
        .await?;
    if added == 0 {
        let field = if item.kind == EMAIL { "email" } else { "channels" };
        return Err(Error::Taken { kind: "customer", field });
    }
    Ok(())
}

/// What events tell of addresses.
pub(crate) fn fields(list: &[Address]) -> Json {
    let list = list
        .iter()
        .map(|address| json!({ "type": address.kind, "address": address.address, "preferred": address.preferred }));
    Json::Array(list.collect())
}

impl Address {
    fn from_row(row: &Row) -> Result<Address, Error> {
        Ok(Address {
            id: row.int("id")?,
            kind: row.text("type")?,
            address: row.text("address")?,
            preferred: row.flag("preferred")?,
            created_at: row.time("created_at")?,
            updated_at: row.time_or_null("updated_at")?,
        })
    }
}

impl From<&Address> for AddressRef {
    fn from(address: &Address) -> AddressRef {
        AddressRef { kind: address.kind.clone(), address: address.address.clone(), preferred: address.preferred }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(kind: &str, address: &str, preferred: bool) -> AddressRef {
        AddressRef { kind: kind.to_owned(), address: address.to_owned(), preferred }
    }

    #[test]
    fn one_address_of_each_kind_is_preferred() {
        let list =
            [sent("phone", "+1 555 01", false), sent("phone", "+1 555 02", true), sent("email", "Old@x.test", true)];

        let list = wanted(&list, Some("Ada@x.test")).unwrap();

        let preferred: Vec<&str> =
            list.iter().filter(|item| item.preferred).map(|item| item.address.as_str()).collect();
        assert_eq!(preferred, ["ada@x.test", "+1 555 02"]);
        assert_eq!(primary_email(&list), Some("ada@x.test"));
    }

    #[test]
    fn an_address_in_two_spellings_is_one() {
        let list = wanted(&[sent("phone", "+1 (555) 01", false), sent("phone", "1-555-01", false)], None).unwrap();

        assert_eq!(list.len(), 1);
        assert!(key_of("phone", "no digits").is_err());
        assert!(key_of("email", "  ").is_err());
    }
}
