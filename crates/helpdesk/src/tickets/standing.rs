//! Under which brand a ticket is, and which of the account's own statuses it has: facts that few callers ask for, beside its row.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::{Map, json};
use store::Tx;

use super::{changes, write};
use crate::page::Query;
use crate::{Error, brands, custom_statuses, events};

/// What of it to change. None leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Must be active.
    pub brand_id: Option<i64>,
    /// Must be active and of the ticket's status, which is set before.
    pub custom_status_id: Option<i64>,
}

/// Sets what was sent, and says nothing to the event log if nothing differs.
pub async fn set(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    standing: Standing,
) -> Result<(), Error> {
    if standing == Standing::default() {
        return Ok(());
    }
    let ticket = write::take(tx, id).await?;
    let sql = "select brand_id, custom_status_id from tickets where id = $1";
    let row = tx.row(sql, &[id.into()]).await?.ok_or(Error::NotFound { kind: "ticket", id })?;
    if let Some(brand_id) = standing.brand_id {
        brands::must_be_active(tx, brand_id).await?;
    }
    if let Some(custom_status_id) = standing.custom_status_id
        && custom_statuses::status_of(tx, may, custom_status_id).await? != ticket.status
    {
        return Err(Error::invalid("custom_status_id", "is of another status"));
    }
    let (mut before, mut after) = (Map::new(), Map::new());
    let told = [("brand_id", standing.brand_id), ("custom_status_id", standing.custom_status_id)];
    for (name, new) in told {
        let old = row.int_or_null(name)?;
        if new.is_some() && new != old {
            before.insert(name.to_owned(), json!(old));
            after.insert(name.to_owned(), json!(new));
        }
    }
    if after.is_empty() {
        return Ok(());
    }
    let sql = "update tickets set brand_id = coalesce($1, brand_id), custom_status_id = coalesce($2, custom_status_id), updated_at = $3
               where id = $4";
    tx.run(sql, &[standing.brand_id.into(), standing.custom_status_id.into(), now.into(), id.into()]).await?;
    let change = changes::change("ticket-updated", id, Some(before.into()), Some(after.into()));
    events::record(tx, may.actor(), now, change).await
}

/// Where a ticket stands: the default brand and the default one of its status, unless it has been given others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    pub brand_id: i64,
    pub custom_status_id: i64,
}

/// Of each of these tickets. One statement.
pub(super) async fn of(tx: &mut Tx, ids: &[i64]) -> Result<Vec<(i64, Stands)>, Error> {
    let mut query = Query::new(
        "select t.id, coalesce(t.brand_id, b.id) as brand_id, coalesce(t.custom_status_id, s.id) as custom_status_id
         from tickets t left join brands b on b.is_default = 1
         left join custom_statuses s on s.is_default = 1 and s.status = case t.status when 'closed' then 'solved' else t.status end
         where 1 = 1",
    );
    query.and_in("t.id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter()
        .map(|row| {
            let stands = Stands { brand_id: row.int("brand_id")?, custom_status_id: row.int("custom_status_id")? };
            Ok((row.int("id")?, stands))
        })
        .collect()
}
