//! From the event log to deliveries: one row, and one job, for each event and integration that waits for it.
//!
//! Rows, jobs and the cursor are written in one transaction, so that each event makes its deliveries exactly once.
//! The loop guard is here too: an app that answers a call by changing the same ticket would be called again for that change, and so on.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use outside::Clock;
use serde_json::Value as Json;
use store::{Db, Tx};

use super::deliveries::{self, NewDelivery};
use super::triggers::{self, Waiting};
use super::{announce, facts};
use crate::Error;
use crate::follow::{self, Logged};

/// The reader's name in the log, and the job's kind.
pub const KIND: &str = "integrations";
/// Events of one transaction, at most.
const SLICE: usize = 64;
/// How far back an own change counts as the answer to a call.
const ECHO: SignedDuration = SignedDuration::from_secs(60);
/// Calls of one integration about one ticket within `ECHO`: more are a loop that goes through somebody else.
const MOST: i64 = 60;
/// Why more are not made.
pub(super) const TOO_MANY: &str =
    "There were too many calls about this ticket within a minute: this looks like a loop.";

/// Works off the log until there is nothing left.
pub async fn run(db: &Db, clock: &Clock) -> Result<(), Error> {
    follow::to_the_end!(db, clock, SLICE, |tx, now, size| slice(tx, now, size).await)
}

async fn slice(tx: &mut Tx, now: Timestamp, size: usize) -> Result<usize, Error> {
    let events = follow::next(tx, KIND, size).await?;
    let Some(last) = events.last() else { return Ok(0) };
    let mut pulled: BTreeSet<&'static str> =
        events.iter().filter_map(|event| triggers::of_event(&event.kind)).collect();
    pulled.extend(events.iter().flat_map(announce::of).flat_map(|announced| announced.words()));
    let waiting = triggers::waiting(tx, &pulled).await?;
    if !waiting.is_empty() {
        for event in &events {
            if let Some(trigger) = triggers::of_event(&event.kind) {
                deliver(tx, now, event, trigger, &waiting).await?;
            }
            announce(tx, now, event, &waiting).await?;
        }
    }
    follow::advance(tx, KIND, last, now).await?;
    Ok(events.len())
}

async fn deliver(
    tx: &mut Tx,
    now: Timestamp,
    event: &Logged,
    trigger: &'static str,
    waiting: &[Waiting],
) -> Result<(), Error> {
    // The log may be read late: an integration is not told of what was before it.
    let is_told = |it: &&Waiting| it.trigger == trigger && it.created_at <= event.created_at;
    let mut waiting = waiting.iter().filter(is_told).peekable();
    if waiting.peek().is_none() {
        return Ok(());
    }
    let Some((ticket_id, message_id)) = subject(tx, event).await? else { return Ok(()) };
    let told = facts::event(event, trigger);
    // Gone since: nothing is left to tell.
    let Some(facts) = facts::of(tx, ticket_id, message_id, &told).await? else { return Ok(()) };
    for it in waiting {
        let new = NewDelivery {
            integration_id: Some(it.integration_id),
            event_id: Some(event.id),
            replay_of: None,
            trigger,
            ticket_id: Some(ticket_id),
            context: Some(&event.context),
            input: &facts.0,
        };
        match guard(tx, now, event, (it.integration_id, it.client_id), ticket_id).await? {
            None => deliveries::enqueue(tx, now, &new).await?,
            Some(reason) => deliveries::skip(tx, now, &new, reason).await?,
        };
    }
    Ok(())
}

/// Tells webhooks of an event, once for each thing that it is announced as.
async fn announce(tx: &mut Tx, now: Timestamp, event: &Logged, waiting: &[Waiting]) -> Result<(), Error> {
    let mut told = Vec::new();
    for announced in announce::of(event) {
        let words = announced.words();
        let is_told = |it: &&Waiting| words.contains(&it.trigger.as_str()) && it.created_at <= event.created_at;
        let mut waiting = waiting.iter().filter(is_told).peekable();
        if waiting.peek().is_none() {
            continue;
        }
        let Some(envelope) = announce::envelope(tx, event, &announced).await? else { continue };
        let ticket_id = match event.object_type.as_str() {
            "Ticket" => Some(event.object_id),
            "TicketMessage" => subject(tx, event).await?.map(|(ticket_id, _)| ticket_id),
            _ => None,
        };
        for it in waiting {
            // One row names the event; what else it is announced as are rows beside it.
            let is_first = !told.contains(&it.integration_id);
            told.push(it.integration_id);
            let new = NewDelivery {
                integration_id: Some(it.integration_id),
                event_id: is_first.then_some(event.id),
                replay_of: None,
                trigger: announced.word,
                ticket_id,
                context: Some(&event.context),
                input: &envelope,
            };
            let refused = match ticket_id {
                // An app that made a webhook is told of its own changes, too: that is what this vendor's apps expect.
                Some(ticket_id) => guard(tx, now, event, (it.integration_id, None), ticket_id).await?,
                None => None,
            };
            match refused {
                None => deliveries::enqueue(tx, now, &new).await?,
                Some(reason) => deliveries::skip(tx, now, &new, reason).await?,
            };
        }
    }
    Ok(())
}

/// The ticket that an event is about, and the message.
async fn subject(tx: &mut Tx, event: &Logged) -> Result<Option<(i64, Option<i64>)>, Error> {
    if event.object_type != "TicketMessage" {
        return Ok(Some((event.object_id, None)));
    }
    let row = tx.row("select ticket_id from messages where id = $1", &[event.object_id.into()]).await?;
    Ok(match row {
        Some(row) => Some((row.int("ticket_id")?, Some(event.object_id))),
        None => None,
    })
}

/// Why there is no call: the app's own answer to a call a moment ago, or far too many about one ticket.
async fn guard(
    tx: &mut Tx,
    now: Timestamp,
    event: &Logged,
    (integration_id, client_id): (i64, Option<i64>),
    ticket_id: i64,
) -> Result<Option<&'static str>, Error> {
    let row = tx
        .row(
            "select count(*) as n, count(case when context <> $4 then 1 end) as n_others from deliveries
             where integration_id = $1 and ticket_id = $2 and created_at > $3 and state <> 'skipped'",
            &[integration_id.into(), ticket_id.into(), (now - ECHO).into(), event.context.as_str().into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    if MOST <= row.int("n")? {
        return Ok(Some(TOO_MANY));
    }
    let by_its_app = event.client_id.is_some() && event.client_id == client_id;
    if by_its_app && row.int("n_others")? > 0 {
        return Ok(Some("The app that made this integration changed the ticket itself, in answer to a call."));
    }
    Ok(None)
}

/// What a test call tells: the newest ticket, or none at all.
pub(super) async fn example(tx: &mut Tx, now: Timestamp) -> Result<(Option<i64>, Json), Error> {
    let told = serde_json::json!({ "type": "test", "object_type": "Ticket", "created_datetime": now.to_string() });
    let row = tx.row("select id from tickets order by created_at desc, id desc limit 1", &[]).await?;
    if let Some(row) = row {
        let id = row.int("id")?;
        if let Some(facts) = facts::of(tx, id, None, &told).await? {
            return Ok((Some(id), facts.0));
        }
    }
    Ok((None, serde_json::json!({ "ticket": null, "event": told })))
}
