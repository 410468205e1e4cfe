//! From events to what statistics know of a ticket. Nothing but the event counts, so that the log can be read again and gives the same.
//!
//! The rules, which every number follows:
//! - Spam and tickets in the trash are not counted, and come back when they are taken out. Deleted tickets are gone from all numbers.
//! - A reply is a public message of staff. It is automated when a rule or another worker of ours wrote it, else a person's.
//! - The first response is the first reply after a customer's first public message; its time runs from that message. The first human
//!   response is the same of replies that are not automated.
//! - A response time runs from the customer's first message that was still unanswered to the reply.
//! - A ticket's resolution time runs from its creation to its last closing; while it is open it has none.
//! - One-touch: closed with exactly one reply of a person. Zero-touch: closed without any.
//! - Handle time is an estimate, since nobody watches people work: each message that a person of staff wrote, notes too, counts the time
//!   since the message before it, or since the ticket's beginning, but at most ten minutes.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::facts::{MessageFact, Microseconds, Reply, SurveyFact, TicketFact, Whole};
use crate::follow::Logged;

/// The most that one message adds to a ticket's handle time.
const HANDLE_MAX_SECONDS: i64 = 600;

/// The ticket that an event is about. None: it is about no ticket.
pub fn ticket_of(event: &Logged) -> Option<i64> {
    match event.object_type.as_str() {
        "Ticket" => Some(event.object_id),
        "TicketMessage" | "SatisfactionSurvey" => event.data.as_ref()?.get("ticket_id")?.as_i64(),
        _ => None,
    }
}

/// Takes one event in. `tag_ids` are the tags that it put on or took off.
pub fn apply(whole: &mut Whole, event: &Logged, tag_ids: &[i64]) {
    match (event.object_type.as_str(), event.kind.as_str()) {
        ("Ticket", "ticket-deleted") => *whole = Whole::default(),
        ("Ticket", "ticket-tags-added") => {
            for tag_id in tag_ids {
                whole.tags.entry(*tag_id).or_insert(event.created_at.as_microsecond());
            }
        }
        ("Ticket", "ticket-tags-removed") => whole.tags.retain(|tag_id, _| !tag_ids.contains(tag_id)),
        ("Ticket", kind) => apply_ticket(whole, event, kind),
        ("TicketMessage", "ticket-message-deleted") => {
            whole.messages.remove(&event.object_id);
        }
        ("TicketMessage", kind) => apply_message(whole, event, kind == "ticket-message-created"),
        ("SatisfactionSurvey", _) => apply_survey(whole, event),
        _ => {}
    }
}

fn apply_ticket(whole: &mut Whole, event: &Logged, kind: &str) {
    let Some(after) = &event.after else { return };
    if kind == "ticket-created" {
        let created_at = time(after, "created_at").flatten().unwrap_or(event.created_at.as_microsecond());
        whole.ticket = Some(TicketFact { created_at, ..TicketFact::default() });
    }
    let Some(ticket) = &mut whole.ticket else { return };
    if let Some(channel) = after.get("channel").and_then(Json::as_str) {
        channel.clone_into(&mut ticket.channel);
    }
    if let Some(id) = after.get("assignee_user_id") {
        ticket.assignee_user_id = id.as_i64();
    }
    if let Some(id) = after.get("assignee_team_id") {
        ticket.assignee_team_id = id.as_i64();
    }
    if let Some(spam) = after.get("spam").and_then(Json::as_bool) {
        ticket.spam = spam;
    }
    if let Some(trashed_at) = after.get("trashed_at") {
        ticket.trashed = !trashed_at.is_null();
    }
    if let Some(status) = after.get("status").and_then(Json::as_str) {
        let is_done = matches!(status, "solved" | "closed");
        match (is_done, ticket.closed_at) {
            (true, None) => ticket.closed_at = Some(event.created_at.as_microsecond()),
            (false, Some(_)) => ticket.closed_at = None,
            _ => {}
        }
    }
    // Beside a status, or alone when a closed ticket is given another time of closing.
    if let Some(closed_at) = time(after, "closed_at") {
        ticket.closed_at = closed_at;
    }
    if kind == "ticket-reopened" {
        ticket.n_reopened += 1;
    }
}

fn apply_message(whole: &mut Whole, event: &Logged, is_new: bool) {
    let Some(after) = &event.after else { return };
    if is_new {
        whole.messages.insert(event.object_id, MessageFact { public: true, ..MessageFact::default() });
    }
    let Some(message) = whole.messages.get_mut(&event.object_id) else { return };
    if let Some(at) = time(after, "created_at").flatten() {
        message.sent_at = at;
    } else if is_new {
        message.sent_at = event.created_at.as_microsecond();
    }
    if let Some(id) = after.get("sender_id").and_then(Json::as_i64) {
        message.sender_id = id;
    }
    if let Some(channel) = after.get("channel").and_then(Json::as_str) {
        channel.clone_into(&mut message.channel);
    }
    if let Some(id) = after.get("integration_id") {
        message.integration_id = id.as_i64();
    }
    if let Some(from_agent) = after.get("from_agent").and_then(Json::as_bool) {
        message.from_agent = from_agent;
    }
    if let Some(public) = after.get("public").and_then(Json::as_bool) {
        message.public = public;
    }
    if let Some(macros) = after.get("macros") {
        message.macro_id = macros.get(0).and_then(|first| first.get("id").or(Some(first))).and_then(Json::as_i64);
    }
    if is_new {
        let by_worker = event.worker.is_some() && event.person_id.is_none();
        let imported = after.get("imported").and_then(Json::as_bool).unwrap_or(false);
        let by_rule = after.get("via").and_then(Json::as_str) == Some("rule");
        message.automated = message.from_agent && (by_rule || (by_worker && !imported));
    }
}

fn apply_survey(whole: &mut Whole, event: &Logged) {
    let Some(after) = &event.after else { return };
    let survey = whole
        .survey
        .get_or_insert_with(|| SurveyFact { created_at: event.created_at.as_microsecond(), ..SurveyFact::default() });
    if let Some(at) = time(after, "created_at").flatten() {
        survey.created_at = at;
    }
    if let Some(at) = time(after, "sent_at") {
        survey.sent_at = at;
    }
    if let Some(at) = time(after, "scored_at") {
        survey.scored_at = at;
    }
    if let Some(score) = after.get("score") {
        survey.score = score.as_i64();
    }
}

/// Works out what follows from the messages and the times. Call it after the last event of a slice.
pub fn derive(whole: &mut Whole) {
    let Some(ticket) = &mut whole.ticket else { return };
    ticket.resolution_seconds = ticket.closed_at.map(|at| seconds_between(ticket.created_at, at));
    let mut order: Vec<(Microseconds, i64)> =
        whole.messages.iter().map(|(id, message)| (message.sent_at, *id)).collect();
    order.sort_unstable();
    (ticket.n_messages, ticket.n_replies, ticket.n_human_replies, ticket.n_received) = (0, 0, 0, 0);
    (ticket.first_reply, ticket.first_human_reply, ticket.integration_id, ticket.handle_seconds) =
        (None, None, None, 0);
    let (mut waiting_since, mut waiting_for_human_since) = (None, None);
    let mut before = ticket.created_at;
    for (at, id) in order {
        let Some(message) = whole.messages.get_mut(&id) else { continue };
        ticket.n_messages += 1;
        ticket.integration_id = ticket.integration_id.or(message.integration_id);
        message.response_seconds = None;
        if message.from_agent && !message.automated {
            ticket.handle_seconds += seconds_between(before, at).min(HANDLE_MAX_SECONDS);
        }
        before = at;
        if !message.public {
            continue;
        }
        if !message.from_agent {
            ticket.n_received += 1;
            waiting_since = waiting_since.or(Some(at));
            waiting_for_human_since = waiting_for_human_since.or(Some(at));
            continue;
        }
        ticket.n_replies += 1;
        if let Some(since) = waiting_since.take() {
            let seconds = seconds_between(since, at);
            message.response_seconds = Some(seconds);
            ticket.first_reply = ticket.first_reply.or(Some(Reply { at, seconds }));
        }
        if !message.automated {
            ticket.n_human_replies += 1;
            if let Some(since) = waiting_for_human_since.take() {
                let seconds = seconds_between(since, at);
                ticket.first_human_reply = ticket.first_human_reply.or(Some(Reply { at, seconds }));
            }
        }
    }
}

/// Whole seconds, never less than none: times are backdated by hand.
fn seconds_between(from: Microseconds, to: Microseconds) -> i64 {
    (to.saturating_sub(from) / 1_000_000).max(0)
}

/// A time in a change: not told, told to be none, or told.
fn time(facts: &Json, name: &str) -> Option<Option<Microseconds>> {
    match facts.get(name)? {
        Json::String(text) => text.parse::<Timestamp>().ok().map(|at| Some(at.as_microsecond())),
        Json::Null => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn message(minute: i64, from_agent: bool, automated: bool) -> MessageFact {
        MessageFact { sent_at: minute * MINUTE, from_agent, automated, public: true, ..MessageFact::default() }
    }

    fn derived(messages: Vec<MessageFact>) -> Whole {
        let messages = messages.into_iter().enumerate().map(|(id, message)| (i64::try_from(id).unwrap(), message));
        let ticket = Some(TicketFact { closed_at: Some(100 * MINUTE), ..TicketFact::default() });
        let mut whole = Whole { ticket, messages: messages.collect(), ..Whole::default() };
        derive(&mut whole);
        whole
    }

    #[test]
    fn the_first_response_is_the_first_reply_after_a_customer() {
        let whole = derived(vec![
            message(0, true, false),
            message(10, false, false),
            message(11, true, true),
            message(20, false, false),
            message(25, false, false),
            message(30, true, false),
        ]);
        let ticket = whole.ticket.unwrap();

        assert_eq!(ticket.first_reply, Some(Reply { at: 11 * MINUTE, seconds: 60 }));
        assert_eq!(ticket.first_human_reply, Some(Reply { at: 30 * MINUTE, seconds: 1200 }));
        assert_eq!(whole.messages[&5].response_seconds, Some(600));
        assert_eq!((ticket.n_replies, ticket.n_human_replies, ticket.n_received, ticket.n_messages), (3, 2, 3, 6));
        assert_eq!((ticket.resolution_seconds, ticket.handle_seconds), (Some(6000), 300));
    }

    #[test]
    fn notes_are_no_replies_but_work() {
        let note = MessageFact { public: false, ..message(30, true, false) };
        let whole = derived(vec![message(0, false, false), note]);
        let ticket = whole.ticket.unwrap();

        assert_eq!((ticket.n_replies, ticket.first_reply, ticket.handle_seconds), (0, None, 600));
    }
}
