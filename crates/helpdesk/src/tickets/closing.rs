//! How a ticket ends, waits, and is open again: what status it has then, and which of its times follow.

use jiff::Timestamp;

use super::{Status, Ticket};

/// A status as callers with two, or with six of them, ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetStatus {
    /// Somebody has to act: whichever of these statuses it has already, or `open`.
    Waiting,
    /// Nobody has to: whichever of these it has already, or `solved`, which a reply may still reopen.
    Done,
    Exactly(Status),
}

impl SetStatus {
    pub(super) fn from(self, now: Status) -> Status {
        match self {
            SetStatus::Waiting if now.is_done() => Status::Open,
            SetStatus::Done if !now.is_done() => Status::Solved,
            SetStatus::Waiting | SetStatus::Done => now,
            SetStatus::Exactly(status) => status,
        }
    }
}

/// What a caller says of a ticket's end, which may contradict itself.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub status: Option<SetStatus>,
    pub closed_at: Option<Option<Timestamp>>,
    pub snoozed_until: Option<Option<Timestamp>>,
}

impl Closing {
    /// The status first; a new time of closing or a new snooze closes whatever the status says.
    pub(super) fn apply(&self, now: Timestamp, old: &Ticket, new: &mut Ticket) {
        let status = self.status.map_or(old.status, |status| status.from(old.status));
        if status.is_done() && !old.status.is_done() {
            close(new, now);
        } else if !status.is_done() && old.status.is_done() {
            reopen(new);
        }
        new.set_status(status);
        match self.closed_at.filter(|closed_at| *closed_at != old.closed_at) {
            Some(Some(closed_at)) => close(new, closed_at),
            Some(None) if self.status.is_none() => reopen(new),
            Some(None) | None => {}
        }
        match self.snoozed_until.filter(|until| *until != old.snoozed_until) {
            Some(Some(until)) => snooze(new, now, until),
            Some(None) => new.snoozed_until = None,
            None => {}
        }
    }
}

pub(super) fn close(ticket: &mut Ticket, at: Timestamp) {
    ticket.set_status(SetStatus::Done.from(ticket.status));
    ticket.closed_at = Some(at);
}

pub(super) fn snooze(ticket: &mut Ticket, now: Timestamp, until: Timestamp) {
    let closed_at = ticket.closed_at.unwrap_or(now);
    close(ticket, closed_at);
    ticket.snoozed_until = Some(until);
}

pub(super) fn reopen(ticket: &mut Ticket) {
    ticket.set_status(SetStatus::Waiting.from(ticket.status));
    ticket.closed_at = None;
    ticket.snoozed_until = None;
}
