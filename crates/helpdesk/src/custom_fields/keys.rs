//! Fields by the names that programs have for them, such as `plan`. A field that was given none is called by its number: `field_7`.
//!
//! Surfaces that show a person or an organization with all its fields read them here, a statement for the fields of a whole page and
//! another for the values.

use scope::permit::Permit;
use scope::resource::{Access, Resource};
use serde_json::{Map, Value as Json};
use store::{StoreError, Tx};

use super::values::of_objects;
use super::{Carrier, FieldValue, SentValue};
use crate::Error;

/// Longest name, in characters.
pub const KEY_MAX_CHARS: usize = 255;
const MADE: &str = "field_";

/// Every field in use with its value, in the fields' order.
pub type Keyed = Vec<(String, Option<FieldValue>)>;

pub(super) fn name_of(key: Option<&str>, id: i64) -> String {
    key.map_or_else(|| format!("{MADE}{id}"), str::to_owned)
}

/// `Invalid` for what is no name, `Taken` for one that another field has.
pub(super) async fn check(tx: &mut Tx, carrier: Carrier, key: &str) -> Result<(), Error> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let n_chars = key.chars().count();
    if n_chars == 0 || KEY_MAX_CHARS < n_chars || !key.chars().all(is_letter) || key.chars().all(|c| c.is_ascii_digit())
    {
        return Err(Error::invalid(
            "key",
            format!(
                "may have 1 to {KEY_MAX_CHARS} letters, digits, dashes, dots and underscores, and not digits alone"
            ),
        ));
    }
    let made = key.strip_prefix(MADE).and_then(|digits| digits.parse::<i64>().ok());
    let sql = "select id from custom_fields where object_type = $1 and (key = $2 or (key is null and id = $3)) limit 1";
    match tx.row(sql, &[carrier.word().into(), key.into(), made.unwrap_or_default().into()]).await? {
        Some(_) => Err(Error::Taken { kind: "custom field", field: "key" }),
        None => Ok(()),
    }
}

/// A field as programs and people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub id: i64,
    pub carrier: Carrier,
    pub key: String,
    pub label: String,
}

/// All fields in use, by carrier and in their order, beside what names them. Served by `custom_fields_by_priority`.
pub async fn named<R: Resource, A: Access>(tx: &mut Tx, _may: &Permit<R, A>) -> Result<Vec<Named>, Error> {
    let sql = "select id, object_type, key, label from custom_fields where archived_at is null
               order by object_type, priority desc, id";
    let mut all = Vec::new();
    for row in tx.rows(sql, &[]).await? {
        let id = row.int("id")?;
        let carrier = Carrier::parse(&row.text("object_type")?).ok_or(StoreError::Column("object_type"))?;
        let key = name_of(row.text_or_null("key")?.as_deref(), id);
        all.push(Named { id, carrier, key, label: row.text("label")? });
    }
    Ok(all)
}

/// Id and name of each field in use, in their order. Served by `custom_fields_by_priority`.
async fn names(tx: &mut Tx, carrier: Carrier) -> Result<Vec<(i64, String)>, Error> {
    let rows = tx
        .rows(
            "select id, key from custom_fields where object_type = $1 and archived_at is null order by priority desc, id",
            &[carrier.word().into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let id = row.int("id")?;
            Ok((id, name_of(row.text_or_null("key")?.as_deref(), id)))
        })
        .collect()
}

/// Puts its fields on each of a page, with two statements; with one where there are no fields.
pub(crate) async fn fill_keyed<T>(
    tx: &mut Tx,
    carrier: Carrier,
    items: &mut [T],
    id_of: impl Fn(&T) -> i64,
    mut put: impl FnMut(&mut T, Keyed),
) -> Result<(), Error> {
    if items.is_empty() {
        return Ok(());
    }
    let names = names(tx, carrier).await?;
    if names.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = items.iter().map(&id_of).collect();
    let mut values = of_objects(tx, carrier, &ids).await?;
    for item in items {
        let mut own = values.remove(&id_of(item)).unwrap_or_default();
        put(item, names.iter().map(|(id, name)| (name.clone(), own.remove(id))).collect());
    }
    Ok(())
}

/// Values as they were sent, an object by name. What no field is called is passed over: programs send along what they know of elsewhere.
pub(crate) async fn sent_by_key(
    tx: &mut Tx,
    carrier: Carrier,
    sent: &Map<String, Json>,
) -> Result<Vec<SentValue>, Error> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let known = names(tx, carrier).await?;
    let value = |(id, name): (i64, String)| {
        let value = sent.get(&name)?.clone();
        Some(SentValue { place: name, field_id: id, value })
    };
    Ok(known.into_iter().filter_map(value).collect())
}
