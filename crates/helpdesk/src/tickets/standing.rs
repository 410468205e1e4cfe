//! Under which brand a ticket is, and which of the account's own statuses it has, the default ones included: both are written with the
//! ticket (`write.rs`). And by which weekly hours it goes, which nothing but an action sets.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use serde_json::json;
use store::Tx;

use super::{changes, write};
use crate::page::Query;
use crate::{Error, events, schedules};

/// Where a ticket stands: the default brand and the default one of its status, unless it has been given others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    pub brand_id: i64,
    pub custom_status_id: i64,
    /// The address that it came to.
    pub recipient: Option<String>,
}

/// Of each of these tickets. One statement.
pub(super) async fn of(tx: &mut Tx, ids: &[i64]) -> Result<Vec<(i64, Stands)>, Error> {
    let mut query = Query::new(
        "select t.id, coalesce(t.brand_id, b.id) as brand_id, coalesce(t.custom_status_id, s.id) as custom_status_id, t.recipient
         from tickets t left join brands b on b.is_default = 1
         left join custom_statuses s on s.is_default = 1 and s.status = case t.status when 'closed' then 'solved' else t.status end
         where 1 = 1",
    );
    query.and_in("t.id", ids.iter().copied());
    let rows = tx.rows(&query.sql, &query.params).await?;
    rows.iter()
        .map(|row| {
            let stands = Stands {
                brand_id: row.int("brand_id")?,
                custom_status_id: row.int("custom_status_id")?,
                recipient: row.text_or_null("recipient")?,
            };
            Ok((row.int("id")?, stands))
        })
        .collect()
}

/// Has a ticket go by a schedule. Whether it went by another one; `NotFound` where there is no such schedule.
pub(crate) async fn set_schedule(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    id: i64,
    schedule_id: i64,
) -> Result<bool, Error> {
    schedules::must_exist(tx, schedule_id).await?;
    write::take(tx, id).await?;
    let row = tx.row("select schedule_id from tickets where id = $1", &[id.into()]).await?;
    let before = row.map(|row| row.int_or_null("schedule_id")).transpose()?.flatten();
    let before = before.unwrap_or(schedules::OF_ACCOUNT);
    if before == schedule_id {
        return Ok(false);
    }
    let sql = "update tickets set schedule_id = $1, updated_at = $2 where id = $3";
    tx.run(sql, &[schedule_id.into(), now.into(), id.into()]).await?;
    let (before, after) = (json!({ "schedule_id": before }), json!({ "schedule_id": schedule_id }));
    let changed = changes::change("ticket-updated", id, Some(before), Some(after));
    events::record(tx, may.actor(), now, changed).await?;
    Ok(true)
}
