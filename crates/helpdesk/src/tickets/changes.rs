//! Which events a change of a ticket leaves: one `ticket-updated` with all changed fields, and one for each turn of its state.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use scope::permit::Actor;
use scope::role::Role;
use serde_json::{Value as Json, json};
use store::Tx;

use super::{Ticket, TicketType};
use crate::Error;
use crate::custom_fields::Change as FieldChange;
use crate::events::{self, Change};
use crate::page::{self, Query};

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
        "organization_id": ticket.organization_id,
        "form_id": ticket.form_id,
        "type": ticket.kind.map(TicketType::word),
        "due_at": ticket.due_at,
        "problem_id": ticket.problem_id,
        "followup_of": ticket.followup_of,
        "brand_id": ticket.brand_id,
        "custom_status_id": ticket.custom_status_id,
        "opened_at": ticket.opened_at,
        "last_received_message_at": ticket.last_received_message_at,
        "last_message_at": ticket.last_message_at,
        "last_sent_message_not_delivered": ticket.last_sent_message_not_delivered,
        "updated_at": ticket.updated_at,
        "created_at": ticket.created_at,
        "closed_at": ticket.closed_at,
        "snoozed_until": ticket.snoozed_until,
        "trashed_at": ticket.trashed_at,
    })
}

/// Whether anything that a caller can set differs.
pub(super) fn differs(old: &Ticket, new: &Ticket) -> bool {
    facts(old) != facts(new)
}

/// Writes the events of a new ticket: that it is there, and what state it started in. `fields` are the values it was given, `recipient` the
/// address that it came to.
pub(super) async fn record_created(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    ticket: &Ticket,
    (fields, recipient): (Option<FieldChange>, Option<String>),
) -> Result<(), Error> {
    let mut after = facts(ticket);
    if let Some(fields) = fields {
        after["custom_fields"] = fields.after;
    }
    if let Some(recipient) = recipient {
        after["recipient"] = json!(recipient);
    }
    let mut changes = vec![change("ticket-created", ticket.id, None, Some(after))];
    changes.extend(turns(None, ticket, &HashSet::new()));
    events::record_all(tx, actor, now, &changes).await
}

/// Writes the events of a change that somebody asked for. `old` and `new` differ, or there are `fields` that do.
pub(super) async fn record_updated(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    (old, new): (&Ticket, &Ticket),
    fields: Option<FieldChange>,
) -> Result<(), Error> {
    let bots = bots(tx, [(old, new)]).await?;
    events::record_all(tx, actor, now, &updated(old, new, fields, &bots)).await
}

/// The events of a change that somebody asked for. `old` and `new` differ, or there are `fields` that do.
pub(super) fn updated(
    old: &Ticket,
    new: &Ticket,
    fields: Option<FieldChange>,
    bots: &HashSet<i64>,
) -> Vec<Change<'static>> {
    let (mut before, mut after) = events::difference(facts(old), facts(new));
    if let Some(fields) = fields {
        before["custom_fields"] = fields.before;
        after["custom_fields"] = fields.after;
    }
    if after.as_object().is_some_and(|after| after.len() > 1) {
        // That it changed now is no news, unless nothing else was asked for.
        remove("updated_at", &mut before, &mut after);
    }
    let mut changes = vec![change("ticket-updated", new.id, Some(before), Some(after))];
    changes.extend(turns(Some(old), new, bots));
    changes
}

/// Of the assignees that tickets (old, new) go from or to, the bots.
pub(super) async fn bots(
    tx: &mut Tx,
    tickets: impl IntoIterator<Item = (&Ticket, &Ticket)>,
) -> Result<HashSet<i64>, Error> {
    let exchanged = tickets.into_iter().filter(|(old, new)| old.assignee_user_id != new.assignee_user_id);
    let left = exchanged.filter(|(old, _)| old.assignee_user_id.is_some());
    let people: BTreeSet<i64> =
        left.flat_map(|(old, new)| [old.assignee_user_id, new.assignee_user_id]).flatten().collect();
    if people.is_empty() {
        return Ok(HashSet::new());
    }
    let people: Vec<i64> = people.into_iter().collect();
    let mut query = Query::new("select id from people where 1 = 1");
    query.and("role =", Role::Bot.word());
    query.and_in("id", page::padded(&people));
    let rows = tx.rows(&query.sql, &query.params).await?;
    Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
}

/// Whether a program lets go of the ticket, and a person or a team has it then.
fn is_handed_over(old: &Ticket, new: &Ticket, bots: &HashSet<i64>) -> bool {
    let is_bots = old.assignee_user_id.is_some_and(|id| bots.contains(&id));
    is_bots
        && match new.assignee_user_id {
            Some(id) => !bots.contains(&id),
            None => new.assignee_team_id.is_some(),
        }
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
    let bots = bots(tx, [(old, new)]).await?;
    let mut changes = vec![change("ticket-updated", new.id, Some(before), Some(after))];
    changes.extend(turns(Some(old), new, &bots));
    events::record_all(tx, actor, now, &changes).await
}

/// One event for each turn of the state. Without an old ticket, the new one is compared with an open, unassigned one.
fn turns(old: Option<&Ticket>, new: &Ticket, bots: &HashSet<i64>) -> Vec<Change<'static>> {
    let mut turns = Vec::new();
    let mut turn = |kind: &'static str, name: &str, before: Json, after: Json| {
        turns.push(change(kind, new.id, Some(json!({ name: before })), Some(json!({ name: after }))));
    };
    let old_user = old.and_then(|old| old.assignee_user_id);
    if old_user != new.assignee_user_id {
        let kind = if new.assignee_user_id.is_some() { "ticket-assigned" } else { "ticket-unassigned" };
        turn(kind, "assignee_user_id", json!(old_user), json!(new.assignee_user_id));
        if old.is_some_and(|old| is_handed_over(old, new, bots)) {
            turn("ticket-handed-over", "assignee_user_id", json!(old_user), json!(new.assignee_user_id));
        }
    }
    let old_team = old.and_then(|old| old.assignee_team_id);
    if old_team != new.assignee_team_id {
        let kind = if new.assignee_team_id.is_some() { "ticket-team-assigned" } else { "ticket-team-unassigned" };
        turn(kind, "assignee_team_id", json!(old_team), json!(new.assignee_team_id));
    }
    if let Some(old) = old {
        if old.customer_id != new.customer_id {
            turn("ticket-customer-updated", "customer_id", json!(old.customer_id), json!(new.customer_id));
        }
        if old.subject != new.subject {
            turn("ticket-subject-updated", "subject", json!(old.subject), json!(new.subject));
        }
    }
    if old.is_some_and(|old| old.spam) != new.spam {
        let kind = if new.spam { "ticket-marked-spam" } else { "ticket-unmarked-spam" };
        turn(kind, "spam", json!(!new.spam), json!(new.spam));
    }
    let old_trashed = old.and_then(|old| old.trashed_at);
    if old_trashed.is_some() != new.trashed_at.is_some() {
        let kind = if new.trashed_at.is_some() { "ticket-trashed" } else { "ticket-untrashed" };
        turn(kind, "trashed_at", json!(old_trashed), json!(new.trashed_at));
    }
    let old_snooze = old.and_then(|old| old.snoozed_until);
    if old_snooze != new.snoozed_until && new.snoozed_until.is_some() {
        turn("ticket-snoozed", "snoozed_until", json!(old_snooze), json!(new.snoozed_until));
    }
    if old.is_some_and(|old| old.status.is_done()) != new.status.is_done() {
        let kind = if new.status.is_done() { "ticket-closed" } else { "ticket-reopened" };
        turn(kind, "status", json!(old.map(|old| old.status.word())), json!(new.status.word()));
    }
    turns
}

/// An event about a ticket.
pub(super) fn change(kind: &str, ticket_id: i64, before: Option<Json>, after: Option<Json>) -> Change<'_> {
    Change { kind, object_type: OBJECT_TYPE, object_id: ticket_id, before, after, data: None }
}

fn remove(name: &str, before: &mut Json, after: &mut Json) {
    for side in [before, after] {
        if let Json::Object(side) = side {
            side.remove(name);
        }
    }
}
