//! How long a ticket took, read from what the event log and its messages say, for a page of tickets at once. And its clocks: what started,
//! stopped and ended which of them.

use std::collections::HashMap;

use jiff::Timestamp;
use scope::permit::Permit;
use scope::resource::{Access, Resource};
use store::Tx;

use super::{Status, Ticket};
use crate::Error;
use crate::business_hours::BusinessHours;
use crate::events::Event;
use crate::page::Query;

/// What is measured of one ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    pub ticket_id: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Public messages of staff that answer.
    pub n_replies: i64,
    /// How often it was solved and opened again.
    pub n_reopens: i64,
    /// How many people, and teams, looked after it one after the other.
    pub n_assignees: i64,
    pub n_teams: i64,
    pub first_assigned_at: Option<Timestamp>,
    pub assigned_at: Option<Timestamp>,
    pub status_changed_at: Timestamp,
    pub first_solved_at: Option<Timestamp>,
    /// The last time, if it is solved now.
    pub solved_at: Option<Timestamp>,
    pub first_reply_at: Option<Timestamp>,
    pub last_message_at: Option<Timestamp>,
    pub last_message_of_staff_at: Option<Timestamp>,
    pub last_message_of_customer_at: Option<Timestamp>,
    /// From when to when it was in which status.
    pub spans: Vec<(Status, Timestamp, Timestamp)>,
}

impl Metrics {
    /// Minutes in these statuses: of the clock, and of the business hours.
    pub fn minutes_in(&self, statuses: &[Status], hours: &BusinessHours) -> (i64, i64) {
        let (mut calendar, mut business) = (0, 0);
        for (_, from, to) in self.spans.iter().filter(|(status, ..)| statuses.contains(status)) {
            calendar += to.as_second() - from.as_second();
            business += hours.seconds_between(*from, *to);
        }
        (calendar / 60, business / 60)
    }
}

/// A turn of a ticket's state.
#[derive(Debug, Clone)]
struct Turn {
    event_id: i64,
    at: Timestamp,
    status: Option<Status>,
    assignee: Option<Option<i64>>,
    team: Option<Option<i64>>,
}

/// How often a ticket went round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rounds {
    pub n_replies: i64,
    pub n_reopens: i64,
    pub n_assignees: i64,
    pub n_teams: i64,
}

impl Rounds {
    /// Replies aside.
    fn of(turns: &[Turn]) -> Rounds {
        let mut rounds = Rounds::default();
        let mut status: Option<Status> = None;
        for turn in turns {
            if let Some(next) = turn.status {
                rounds.n_reopens += i64::from(status.is_some_and(Status::is_done) && !next.is_done());
                status = Some(next);
            }
            rounds.n_assignees += i64::from(matches!(turn.assignee, Some(Some(_))));
            rounds.n_teams += i64::from(matches!(turn.team, Some(Some(_))));
        }
        rounds
    }
}

/// Of one ticket, as `of_tickets` counts them. Served by `events_by_object` and `messages_by_ticket`.
pub(crate) async fn rounds_of(tx: &mut Tx, ticket_id: i64) -> Result<Rounds, Error> {
    let turns = turns_of(tx, &[ticket_id]).await?.remove(&ticket_id).unwrap_or_default();
    let row = tx
        .row(
            "select count(*) as n from messages m join tickets t on t.id = m.ticket_id
             where m.ticket_id = $1 and m.from_agent = 1 and m.public = 1 and (t.from_agent = 0 or m.created_at > t.created_at)",
            &[ticket_id.into()],
        )
        .await?;
    let n_replies = row.map(|row| row.int("n")).transpose()?.unwrap_or_default();
    Ok(Rounds { n_replies, ..Rounds::of(&turns) })
}

/// Of these tickets, in two statements whatever their number. Served by `events_by_object` and `messages_by_ticket`.
pub async fn of_tickets<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    now: Timestamp,
    tickets: &[&Ticket],
) -> Result<HashMap<i64, Metrics>, Error> {
    let ids: Vec<i64> = tickets.iter().map(|ticket| ticket.id).collect();
    let mut turns = turns_of(tx, &ids).await?;
    let mut found: HashMap<i64, Metrics> = tickets
        .iter()
        .map(|ticket| (ticket.id, measured(ticket, &turns.remove(&ticket.id).unwrap_or_default(), now)))
        .collect();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut query = Query::new(
        "select m.ticket_id, max(m.created_at) as last_at, max(case when m.from_agent = 1 then m.created_at end) as staff_at,
                max(case when m.from_agent = 0 then m.created_at end) as customer_at,
                count(case when m.from_agent = 1 and m.public = 1 and (t.from_agent = 0 or m.created_at > t.created_at) then 1 end) as n,
                min(case when m.from_agent = 1 and m.public = 1 and (t.from_agent = 0 or m.created_at > t.created_at)
                         then m.created_at end) as reply_at
         from messages m join tickets t on t.id = m.ticket_id where 1 = 1",
    );
    query.and_in("m.ticket_id", ids);
    query.sql.push_str(" group by m.ticket_id");
    for row in tx.rows(&query.sql, &query.params).await? {
        if let Some(metrics) = found.get_mut(&row.int("ticket_id")?) {
            metrics.n_replies = row.int("n")?;
            metrics.first_reply_at = row.time_or_null("reply_at")?;
            metrics.last_message_at = row.time_or_null("last_at")?;
            metrics.last_message_of_staff_at = row.time_or_null("staff_at")?;
            metrics.last_message_of_customer_at = row.time_or_null("customer_at")?;
        }
    }
    Ok(found)
}

async fn turns_of(tx: &mut Tx, ids: &[i64]) -> Result<HashMap<i64, Vec<Turn>>, Error> {
    let mut turns: HashMap<i64, Vec<Turn>> = HashMap::new();
    if ids.is_empty() {
        return Ok(turns);
    }
    let mut query = Query::new(
        "select e.id, e.object_id, e.after, e.created_at from events e
         where e.object_type = 'Ticket' and e.type in ('ticket-created', 'ticket-updated')",
    );
    query.and_in("e.object_id", ids.iter().copied());
    query.sql.push_str(" order by e.object_id, e.created_at, e.id");
    for row in tx.rows(&query.sql, &query.params).await? {
        let after = row.json("after")?.unwrap_or_default();
        let id_of = |name: &str| after.get(name).map(serde_json::Value::as_i64);
        let turn = Turn {
            event_id: row.int("id")?,
            at: row.time("created_at")?,
            status: after.get("status").and_then(|word| word.as_str()).and_then(Status::parse),
            assignee: id_of("assignee_user_id"),
            team: id_of("assignee_team_id"),
        };
        if turn.status.is_some() || turn.assignee.is_some() || turn.team.is_some() {
            turns.entry(row.int("object_id")?).or_default().push(turn);
        }
    }
    Ok(turns)
}

fn measured(ticket: &Ticket, turns: &[Turn], now: Timestamp) -> Metrics {
    let rounds = Rounds::of(turns);
    let mut metrics = Metrics {
        ticket_id: ticket.id,
        created_at: ticket.created_at,
        updated_at: ticket.updated_at,
        n_replies: 0,
        n_reopens: rounds.n_reopens,
        n_assignees: rounds.n_assignees,
        n_teams: rounds.n_teams,
        first_assigned_at: None,
        assigned_at: None,
        status_changed_at: ticket.created_at,
        first_solved_at: None,
        solved_at: None,
        first_reply_at: None,
        last_message_at: None,
        last_message_of_staff_at: None,
        last_message_of_customer_at: None,
        spans: Vec::new(),
    };
    let mut status: Option<(Status, Timestamp)> = None;
    for turn in turns {
        // What was brought along from elsewhere began before we knew of it.
        let at = if status.is_none() { ticket.created_at } else { turn.at.max(ticket.created_at) };
        if let Some(next) = turn.status.filter(|next| status.is_none_or(|(last, _)| last != *next)) {
            if let Some((last, since)) = status {
                metrics.spans.push((last, since, at));
            }
            if next.is_done() && status.is_none_or(|(last, _)| !last.is_done()) {
                metrics.first_solved_at = metrics.first_solved_at.or(Some(at));
                metrics.solved_at = Some(at);
            }
            metrics.status_changed_at = at;
            status = Some((next, at));
        }
        if let Some(Some(_)) = turn.assignee {
            metrics.first_assigned_at = metrics.first_assigned_at.or(Some(at));
            metrics.assigned_at = Some(at);
        }
    }
    let (last, since) = status.unwrap_or((ticket.status, ticket.created_at));
    if last.is_done() {
        metrics.spans.push((last, since, since));
    } else {
        metrics.solved_at = None;
        metrics.spans.push((last, since, now.max(since)));
    }
    metrics
}

/// What a clock measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    AgentWork,
    Reply,
    RequesterWait,
    Resolution,
}

/// What became of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTurn {
    Started,
    Paused,
    Ended,
}

/// A turn of a clock. The events of one cause are told apart by `place`, which is below 16.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockEvent {
    pub event_id: i64,
    pub place: i64,
    pub ticket_id: i64,
    pub clock: Clock,
    /// From 1: how often this clock of the ticket ran.
    pub cycle: i64,
    pub turn: ClockTurn,
    pub at: Timestamp,
}

/// The kinds of events that turn clocks.
pub const CLOCK_KINDS: &[&str] = &["ticket-created", "ticket-updated", "ticket-message-created"];

/// The ticket that an event of `CLOCK_KINDS` is about.
pub fn ticket_of(event: &Event) -> Option<i64> {
    match event.object_type.as_str() {
        "Ticket" => Some(event.object_id),
        _ => event.data.as_ref()?.get("ticket_id")?.as_i64(),
    }
}

/// Which clocks these events turned: the life of each of their tickets is gone through again. Three statements, whatever their number.
pub async fn clock_events<R: Resource, A: Access>(
    tx: &mut Tx,
    _may: &Permit<R, A>,
    caused_by: &[Event],
) -> Result<Vec<ClockEvent>, Error> {
    let mut ids: Vec<i64> = caused_by.iter().filter_map(ticket_of).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut lives: HashMap<i64, Vec<(Timestamp, i64, Cause)>> = HashMap::new();
    for (ticket_id, turns) in turns_of(tx, &ids).await? {
        let life = lives.entry(ticket_id).or_default();
        life.extend(turns.into_iter().filter_map(|turn| Some((turn.at, turn.event_id, Cause::Status(turn.status?)))));
    }
    if !ids.is_empty() {
        let mut query = Query::new(
            "select m.ticket_id, m.id, m.created_at from messages m join tickets t on t.id = m.ticket_id
             where m.from_agent = 1 and m.public = 1 and (t.from_agent = 0 or m.created_at > t.created_at)",
        );
        query.and_in("m.ticket_id", ids.iter().copied());
        let by_message: HashMap<i64, &Event> = caused_by
            .iter()
            .filter(|event| event.object_type == "TicketMessage")
            .map(|event| (event.object_id, event))
            .collect();
        for row in tx.rows(&query.sql, &query.params).await? {
            // The event's own time, so that all that it caused stands at one place.
            let event = by_message.get(&row.int("id")?);
            let at = event.map_or(row.time("created_at")?, |event| event.created_at);
            let life = lives.entry(row.int("ticket_id")?).or_default();
            life.push((at, event.map_or(i64::MAX, |event| event.id), Cause::Reply));
        }
    }
    let wanted: std::collections::HashSet<i64> = caused_by.iter().map(|event| event.id).collect();
    let mut found = Vec::new();
    for (ticket_id, mut life) in lives {
        life.sort_by_key(|(at, id, _)| (*at, *id));
        found.extend(replay(ticket_id, &life).into_iter().filter(|event| wanted.contains(&event.event_id)));
    }
    found.sort_by_key(|event| (event.at, event.event_id, event.place));
    Ok(found)
}

#[derive(Debug, Clone, Copy)]
enum Cause {
    Status(Status),
    Reply,
}

const CLOCKS: [Clock; 4] = [Clock::AgentWork, Clock::Reply, Clock::RequesterWait, Clock::Resolution];

/// Whether a clock runs in a status; None where it has ended.
const fn runs(clock: Clock, status: Status) -> Option<bool> {
    match (clock, status) {
        (_, Status::Solved | Status::Closed) => None,
        (Clock::AgentWork, Status::Pending | Status::OnHold) | (Clock::RequesterWait, Status::Pending) => Some(false),
        _ => Some(true),
    }
}

fn replay(ticket_id: i64, life: &[(Timestamp, i64, Cause)]) -> Vec<ClockEvent> {
    let mut told = Vec::new();
    // Cycles so far, and whether each clock is running, paused, or neither.
    let mut clocks: [(i64, Option<bool>); 4] = [(0, None); 4];
    for (at, event_id, cause) in life {
        for (place, clock) in CLOCKS.into_iter().enumerate() {
            let (cycle, state) = &mut clocks[place];
            let next = match (cause, clock) {
                (Cause::Reply, Clock::Reply) => None,
                (Cause::Reply, _) => continue,
                // The first answer is waited for once.
                (Cause::Status(_), Clock::Reply) if *cycle > 0 && state.is_none() => continue,
                (Cause::Status(status), clock) => runs(clock, *status),
            };
            let turn = match (*state, next) {
                (None, Some(true)) | (Some(false), Some(true)) => ClockTurn::Started,
                (None | Some(true), Some(false)) => ClockTurn::Paused,
                (Some(_), None) => ClockTurn::Ended,
                _ => continue,
            };
            if state.is_none() {
                *cycle += 1;
            }
            *state = next;
            told.push(ClockEvent {
                event_id: *event_id,
                place: i64::try_from(place).unwrap_or_default(),
                ticket_id,
                clock,
                cycle: *cycle,
                turn,
                at: *at,
            });
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_pause_end_and_run_again() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let life = [
            (at(0), 1, Cause::Status(Status::New)),
            (at(5), 2, Cause::Reply),
            (at(5), 3, Cause::Status(Status::Pending)),
            (at(9), 4, Cause::Status(Status::Solved)),
            (at(12), 5, Cause::Status(Status::Open)),
            (at(13), 6, Cause::Reply),
        ];

        let told = replay(7, &life);

        let of = |clock: Clock| -> Vec<(i64, i64, ClockTurn)> {
            told.iter().filter(|it| it.clock == clock).map(|it| (it.event_id, it.cycle, it.turn)).collect()
        };
        use ClockTurn::{Ended, Paused, Started};
        assert_eq!(of(Clock::Reply), [(1, 1, Started), (2, 1, Ended)]);
        assert_eq!(of(Clock::Resolution), [(1, 1, Started), (4, 1, Ended), (5, 2, Started)]);
        assert_eq!(of(Clock::RequesterWait), [(1, 1, Started), (3, 1, Paused), (4, 1, Ended), (5, 2, Started)]);
    }
}
