//! Merges a new ticket into the one that its customer has open already on the same channel, where the account wants that
//! (the setting `auto-merge`: `{"tickets": {"enabled": …, "merging_window_days": …}}`).

use jiff::{SignedDuration, Timestamp};
use scope::permit::Permit;
use serde_json::{Value as Json, json};
use store::queue::{self, NewJob};
use store::{Db, Tx};

use crate::Error;
use crate::tickets::{Ticket, merge};

pub const KIND: &str = "auto_merge";
const MAX_ATTEMPTS: i64 = 10;
const SETTING: &str = "auto-merge";
/// Longest window, in days: who wrote longer ago means something else.
const DAYS_MAX: i64 = 365;

/// How many days back the account looks for an open ticket; none if it merges nothing by itself.
async fn window_days(tx: &mut Tx) -> Result<Option<i64>, Error> {
    let row = tx.row("select data from settings where type = $1", &[SETTING.into()]).await?;
    let Some(data) = row.map(|row| row.json("data")).transpose()?.flatten() else { return Ok(None) };
    let tickets = &data["tickets"];
    let days = tickets["merging_window_days"].as_i64().unwrap_or(1).clamp(0, DAYS_MAX);
    Ok((tickets["enabled"] == true && 0 < days).then_some(days))
}

/// Has a customer's new ticket looked at, in the transaction that creates it.
pub(crate) async fn enqueue(tx: &mut Tx, now: Timestamp, ticket: &Ticket) -> Result<(), Error> {
    let is_asked = !ticket.from_agent && !ticket.imported && !ticket.spam && ticket.trashed_at.is_none();
    if !is_asked || ticket.status.is_done() || window_days(tx).await?.is_none() {
        return Ok(());
    }
    let job = NewJob {
        kind: KIND,
        payload: json!({ "ticket_id": ticket.id }),
        run_at: now,
        dedupe_key: Some(ticket.id.to_string()),
        max_attempts: MAX_ATTEMPTS,
    };
    queue::enqueue(tx, now, job).await?;
    Ok(())
}

/// Runs the job. `run` names this run of it in the event log (a UUID). Served by `tickets_by_customer`.
pub async fn run(db: &Db, now: Timestamp, payload: &Json, run: &str) -> Result<(), Error> {
    let Some(id) = payload.get("ticket_id").and_then(Json::as_i64) else {
        return Err(Error::invalid("payload", "names no ticket"));
    };
    store::transact!(db, |tx| {
        let Some(days) = window_days(tx).await? else { return Ok(()) };
        let since = now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now);
        let older = tx
            .row(
                "select o.id from tickets t join tickets o on o.customer_id = t.customer_id and o.channel = t.channel
                 where t.id = $1 and t.trashed_at is null and t.status in ('new', 'open', 'pending', 'on_hold')
                   and (o.created_at, o.id) < (t.created_at, t.id)
                   and o.status in ('new', 'open', 'pending', 'on_hold')
                   and o.trashed_at is null and o.spam = 0 and o.last_message_at >= $2
                 order by o.created_at desc, o.id desc limit 1",
                &[id.into(), since.into()],
            )
            .await?;
        let Some(older) = older else { return Ok(()) };
        let may = Permit::system(KIND, run.to_owned());
        merge::merge(tx, &may, now, older.int("id")?, &[id]).await
    })
}
