//! Fields of people and organizations in conditions and actions: called by their keys, such as `requester.custom_fields.plan`, where the helpdesk
//! goes by ids. Before something is read its keys become ids, and the other way round before it is shown.

use helpdesk::custom_fields::{self, Carrier, Named};
use scope::permit::Permit;
use scope::resource::{Access, Resource};
use serde_json::Value;
use store::Tx;

use crate::condition_fields::{NUMBER, OF_ORGANIZATION, OF_REQUESTER};
use crate::error::ZendeskError;

const CARRIERS: &[(&str, Carrier)] = &[(OF_REQUESTER, Carrier::Customer), (OF_ORGANIZATION, Carrier::Organization)];

/// Puts ids in the place of keys. What no field is called stays, and is refused by whoever reads it.
pub(crate) async fn to_ids<'a, R: Resource, A: Access>(
    tx: &mut Tx,
    may: &Permit<R, A>,
    sent: impl Iterator<Item = &'a mut Value>,
) -> Result<(), ZendeskError> {
    let mut named = None;
    for one in sent {
        let Some((prefix, carrier, key)) = one.get("field").and_then(Value::as_str).and_then(parts) else { continue };
        let known = known(tx, may, &mut named).await?;
        let found = known.iter().find(|named| named.carrier == carrier && named.key == key);
        if let Some(Named { id, .. }) = found {
            one["field"] = format!("{prefix}{NUMBER}{id}").into();
        }
    }
    Ok(())
}

/// Puts keys in the place of ids, in every `field` below, and where a revision tells of one.
pub(crate) async fn to_keys<R: Resource, A: Access>(
    tx: &mut Tx,
    may: &Permit<R, A>,
    shown: &mut Value,
) -> Result<(), ZendeskError> {
    let mut found = Vec::new();
    fields_of(shown, &mut found);
    if found.is_empty() {
        return Ok(());
    }
    let mut named = None;
    let known = known(tx, may, &mut named).await?;
    for field in found {
        let Some((prefix, carrier, number)) = field.as_str().and_then(parts) else { continue };
        let id = number.strip_prefix(NUMBER).and_then(|id| id.parse::<i64>().ok());
        let key = known.iter().find(|named| named.carrier == carrier && Some(named.id) == id).map(|named| &named.key);
        // Of a field that is gone nothing but its number is known.
        let key = key.cloned().or_else(|| Some(format!("field_{}", id?)));
        if let Some(key) = key {
            *field = format!("{prefix}{key}").into();
        }
    }
    Ok(())
}

async fn known<'a, R: Resource, A: Access>(
    tx: &mut Tx,
    may: &Permit<R, A>,
    named: &'a mut Option<Vec<Named>>,
) -> Result<&'a [Named], ZendeskError> {
    if named.is_none() {
        *named = Some(custom_fields::named(tx, may).await?);
    }
    Ok(named.as_deref().unwrap_or_default())
}

fn parts(field: &str) -> Option<(&'static str, Carrier, String)> {
    CARRIERS.iter().find_map(|(prefix, carrier)| Some((*prefix, *carrier, field.strip_prefix(prefix)?.to_owned())))
}

fn fields_of<'a>(value: &'a mut Value, found: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| fields_of(item, found)),
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if name == "field" || name == "content" => {
                        if parts(text).is_some_and(|(.., key)| key.starts_with(NUMBER)) {
                            found.push(value);
                        }
                    }
                    value => fields_of(value, found),
                }
            }
        }
        _ => {}
    }
}
