//! Which events a change of a ticket leaves: one `ticket-updated` with all changed fields, and one for each turn of its state.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::{Value as Json, json};
use store::Tx;

use super::Ticket;
use crate::Error;
use crate::events::{self, Change};

pub(super) const OBJECT_TYPE: &str = "Ticket";

/// Follow from messages; a message's own event tells of them already.
const DERIVED: [&str; 4] =
    ["last_message_at", "last_received_message_at", "last_sent_message_not_delivered", "updated_at"];

/// What the log keeps of a ticket.
pub(super) fn facts(ticket: &Ticket) -> Json {
    json!({
        "external_id": ticket.external_id,
        "status": ticket.status.word(),
        "priority": ticket.priority.word(),
        "channel": ticket.channel,
        "via": ticket.via,
        "from_agent": ticket.from_agent,
        "subject": ticket.subject,
        "language": ticket.language,
        "customer_id": ticket.customer_id,
        "assignee_user_id": ticket.assignee_user_id,
        "assignee_team_id": ticket.assignee_team_id,
        "is_unread": ticket.is_unread,
        "spam": ticket.spam,
        "meta": ticket.meta,
        "opened_at": ticket.opened_at,
        "last_received_message_at": ticket.last_received_message_at,
        "last_message_at": ticket.last_message_at,
        "last_sent_message_not_delivered": ticket.last_sent_message_not_delivered,
        "updated_at": ticket.updated_at,
        "closed_at": ticket.closed_at,
        "snoozed_until": ticket.snoozed_until,
        "trashed_at": ticket.trashed_at,
    })
}

/// Whether anything that a caller can set differs.
pub(super) fn differs(old: &Ticket, new: &Ticket) -> bool {
    facts(old) != facts(new)
}

/// Writes the events of a new ticket: that it is there, and what state it started in.
pub(super) async fn record_created(tx: &mut Tx, actor: &Actor, now: Timestamp, ticket: &Ticket) -> Result<(), Error> {
    events::record(tx, actor, now, change("ticket-created", ticket.id, None, Some(facts(ticket)))).await?;
    record_turns(tx, actor, now, None, ticket).await
}

/// Writes the events of a change that somebody asked for. `old` and `new` differ.
pub(super) async fn record_updated(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    old: &Ticket,
    new: &Ticket,
) -> Result<(), Error> {
    let (mut before, mut after) = events::difference(facts(old), facts(new));
    if after.as_object().is_some_and(|after| after.len() > 1) {
        // That it changed now is no news, unless nothing else was asked for.
        remove("updated_at", &mut before, &mut after);
    }
    events::record(tx, actor, now, change("ticket-updated", new.id, Some(before), Some(after))).await?;
    record_turns(tx, actor, now, Some(old), new).await
}

/// Writes the events of what a message did to its ticket, such as reopening it. Nothing, if it only counted.
pub(super) async fn record_caused(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    old: &Ticket,
    new: &Ticket,
) -> Result<(), Error> {
    let (mut before, mut after) = events::difference(facts(old), facts(new));
    for name in DERIVED {
        remove(name, &mut before, &mut after);
    }
    if after == json!({}) {
        return Ok(());
    }
    events::record(tx, actor, now, change("ticket-updated", new.id, Some(before), Some(after))).await?;
    record_turns(tx, actor, now, Some(old), new).await
}

/// One event for each turn of the state. Without an old ticket, the new one is compared with an open, unassigned one.
async fn record_turns(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    old: Option<&Ticket>,
    new: &Ticket,
) -> Result<(), Error> {
    let old_user = old.and_then(|old| old.assignee_user_id);
    if old_user != new.assignee_user_id {
        let kind = if new.assignee_user_id.is_some() { "ticket-assigned" } else { "ticket-unassigned" };
        let (before, after) = one_field("assignee_user_id", json!(old_user), json!(new.assignee_user_id));
        events::record(tx, actor, now, change(kind, new.id, before, after)).await?;
    }
    let old_team = old.and_then(|old| old.assignee_team_id);
    if old_team != new.assignee_team_id {
        let kind = if new.assignee_team_id.is_some() { "ticket-team-assigned" } else { "ticket-team-unassigned" };
        let (before, after) = one_field("assignee_team_id", json!(old_team), json!(new.assignee_team_id));
        events::record(tx, actor, now, change(kind, new.id, before, after)).await?;
    }
    if let Some(old) = old {
        if old.customer_id != new.customer_id {
            let (before, after) = one_field("customer_id", json!(old.customer_id), json!(new.customer_id));
            events::record(tx, actor, now, change("ticket-customer-updated", new.id, before, after)).await?;
        }
        if old.subject != new.subject {
            let (before, after) = one_field("subject", json!(old.subject), json!(new.subject));
            events::record(tx, actor, now, change("ticket-subject-updated", new.id, before, after)).await?;
        }
    }
    if old.is_some_and(|old| old.spam) != new.spam {
        let kind = if new.spam { "ticket-marked-spam" } else { "ticket-unmarked-spam" };
        let (before, after) = one_field("spam", json!(!new.spam), json!(new.spam));
        events::record(tx, actor, now, change(kind, new.id, before, after)).await?;
    }
    let old_trashed = old.and_then(|old| old.trashed_at);
    if old_trashed.is_some() != new.trashed_at.is_some() {
        let kind = if new.trashed_at.is_some() { "ticket-trashed" } else { "ticket-untrashed" };
        let (before, after) = one_field("trashed_at", json!(old_trashed), json!(new.trashed_at));
        events::record(tx, actor, now, change(kind, new.id, before, after)).await?;
    }
    let old_snooze = old.and_then(|old| old.snoozed_until);
    if old_snooze != new.snoozed_until && new.snoozed_until.is_some() {
        let (before, after) = one_field("snoozed_until", json!(old_snooze), json!(new.snoozed_until));
        events::record(tx, actor, now, change("ticket-snoozed", new.id, before, after)).await?;
    }
    if old.is_some_and(|old| old.status.is_done()) != new.status.is_done() {
        let kind = if new.status.is_done() { "ticket-closed" } else { "ticket-reopened" };
        let old_status = old.map(|old| old.status.word());
        let (before, after) = one_field("status", json!(old_status), json!(new.status.word()));
        events::record(tx, actor, now, change(kind, new.id, before, after)).await?;
    }
    Ok(())
}

/// An event about a ticket.
pub(super) fn change(kind: &str, ticket_id: i64, before: Option<Json>, after: Option<Json>) -> Change<'_> {
    Change { kind, object_type: OBJECT_TYPE, object_id: ticket_id, before, after, data: None }
}

fn one_field(name: &str, before: Json, after: Json) -> (Option<Json>, Option<Json>) {
    (Some(json!({ name: before })), Some(json!({ name: after })))
}

fn remove(name: &str, before: &mut Json, after: &mut Json) {
    for side in [before, after] {
        if let Json::Object(side) = side {
            side.remove(name);
        }
    }
}
