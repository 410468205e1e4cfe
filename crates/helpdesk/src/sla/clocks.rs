//! The clocks that a promise runs by: from what happened to a ticket, when each was running, and when the promise is broken. Pure.

use jiff::Timestamp;

use crate::business_hours::BusinessHours;
use crate::tickets::Status;

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// From the customer's first message to our first answer.
    FirstReplyTime,
    /// From the customer's oldest unanswered message to our next answer.
    NextReplyTime,
    /// From each of our answers to the next one.
    PeriodicUpdateTime,
    /// The same; it rests while we wait for the customer.
    PausableUpdateTime,
    /// While the customer waits for us or for others: new, open, on hold.
    RequesterWaitTime,
    /// While somebody of us can work on it: new, open.
    AgentWorkTime,
    /// From the beginning to the end.
    TotalResolutionTime,
}

impl Metric {
    pub const ALL: &'static [Metric] = &[
        Metric::FirstReplyTime,
        Metric::NextReplyTime,
        Metric::PeriodicUpdateTime,
        Metric::PausableUpdateTime,
        Metric::RequesterWaitTime,
        Metric::AgentWorkTime,
        Metric::TotalResolutionTime,
    ];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Metric::FirstReplyTime => "first_reply_time",
            Metric::NextReplyTime => "next_reply_time",
            Metric::PeriodicUpdateTime => "periodic_update_time",
            Metric::PausableUpdateTime => "pausable_update_time",
            Metric::RequesterWaitTime => "requester_wait_time",
            Metric::AgentWorkTime => "agent_work_time",
            Metric::TotalResolutionTime => "total_resolution_time",
        }
    }

    pub fn parse(word: &str) -> Option<Metric> {
        Metric::ALL.iter().copied().find(|metric| metric.word() == word)
    }
}

/// Where a clock stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Active,
    Paused,
    Achieved,
}

impl Stage {
    pub const fn word(self) -> &'static str {
        match self {
            Stage::Active => "active",
            Stage::Paused => "paused",
            Stage::Achieved => "achieved",
        }
    }
}

/// What happened to a ticket, as far as clocks care.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Since when it had each status, oldest first; the first is its beginning.
    pub statuses: Vec<(Timestamp, Status)>,
    /// Messages that customers can read, oldest first, and whether they are ours.
    pub messages: Vec<(Timestamp, bool)>,
}

/// When a clock was running, and where it stands. A span without an end still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    pub spans: Vec<(Timestamp, Option<Timestamp>)>,
    pub stage: Stage,
}

impl Clock {
    /// None if it never began.
    pub fn of(metric: Metric, history: &History) -> Option<Clock> {
        match metric {
            Metric::FirstReplyTime => {
                let asked = history.asked()?;
                Some(Clock::until(asked, history.answered(asked).or(history.done_after(asked))))
            }
            Metric::NextReplyTime => {
                let first = history.answered(history.asked()?)?;
                let mut waiting: Option<Timestamp> = None;
                let mut asked_again = None;
                for (at, ours) in history.messages.iter().filter(|(at, _)| first <= *at) {
                    waiting = if *ours { None } else { waiting.or(Some(*at)) };
                    asked_again = waiting.or(asked_again);
                }
                let since = asked_again?;
                Some(Clock::until(since, if waiting.is_some() { history.done_after(since) } else { Some(since) }))
            }
            Metric::PeriodicUpdateTime => history.updates(|status| !status.is_done()),
            Metric::PausableUpdateTime => history.updates(|status| !status.is_done() && status != Status::Pending),
            Metric::RequesterWaitTime => {
                history.standing(None, |status| matches!(status, Status::New | Status::Open | Status::OnHold))
            }
            Metric::AgentWorkTime => history.standing(None, |status| matches!(status, Status::New | Status::Open)),
            Metric::TotalResolutionTime => history.standing(None, |status| !status.is_done()),
        }
    }

    /// One span, which ends with the achievement.
    fn until(from: Timestamp, to: Option<Timestamp>) -> Clock {
        let stage = if to.is_some() { Stage::Achieved } else { Stage::Active };
        Clock { spans: vec![(from, to)], stage }
    }

    /// When it will have run, or had run, for so many seconds. None if it stopped before, or is paused before.
    pub fn reaches(&self, seconds: i64, hours: &BusinessHours) -> Option<Timestamp> {
        let mut left = seconds;
        for (from, to) in &self.spans {
            let Some(to) = to else { return hours.after(*from, left) };
            let ran = hours.seconds_between(*from, *to);
            if left <= ran {
                return hours.after(*from, left);
            }
            left -= ran;
        }
        None
    }
}

impl History {
    /// The customer's first message.
    fn asked(&self) -> Option<Timestamp> {
        self.messages.iter().find(|(_, ours)| !ours).map(|(at, _)| *at)
    }

    /// Our first answer from then on.
    fn answered(&self, from: Timestamp) -> Option<Timestamp> {
        self.messages.iter().find(|(at, ours)| *ours && from <= *at).map(|(at, _)| *at)
    }

    /// When it was done, if it still is.
    fn done_after(&self, from: Timestamp) -> Option<Timestamp> {
        let (_, now) = self.statuses.last()?;
        let since = self.statuses.iter().rev().take_while(|(_, status)| status.is_done()).last();
        since.filter(|_| now.is_done()).map(|(at, _)| (*at).max(from))
    }

    /// From our last answer on.
    fn updates(&self, runs: impl Fn(Status) -> bool) -> Option<Clock> {
        let last = self.messages.iter().rev().find(|(_, ours)| *ours).map(|(at, _)| *at)?;
        self.standing(Some(last), runs)
    }

    /// While its status is one of these, from then on.
    fn standing(&self, from: Option<Timestamp>, runs: impl Fn(Status) -> bool) -> Option<Clock> {
        let (_, now) = self.statuses.last()?;
        let mut spans = Vec::new();
        for (place, (since, status)) in self.statuses.iter().enumerate() {
            let since = from.map_or(*since, |from| from.max(*since));
            let until = self.statuses.get(place + 1).map(|(until, _)| *until);
            if runs(*status) && until.is_none_or(|until| since < until) {
                spans.push((since, until));
            }
        }
        let stage = match now {
            status if status.is_done() => Stage::Achieved,
            status if runs(*status) => Stage::Active,
            _ => Stage::Paused,
        };
        Some(Clock { spans, stage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + minute * 60).unwrap()
    }

    fn clock(metric: Metric, history: &History) -> (Stage, Option<i64>) {
        let clock = Clock::of(metric, history).unwrap();
        let reached = clock.reaches(3_600, &BusinessHours::always());
        (clock.stage, reached.map(|reached| (reached.as_second() - at(0).as_second()) / 60))
    }

    #[test]
    fn a_promise_of_an_hour_is_broken_an_hour_after_the_question() {
        let asked = History { statuses: vec![(at(0), Status::New)], messages: vec![(at(0), false)] };
        let answered = History { messages: vec![(at(0), false), (at(20), true)], ..asked.clone() };
        let asked_again = History { messages: vec![(at(0), false), (at(20), true), (at(30), false)], ..asked.clone() };

        assert_eq!(clock(Metric::FirstReplyTime, &asked), (Stage::Active, Some(60)));
        assert_eq!(clock(Metric::FirstReplyTime, &answered), (Stage::Achieved, None));
        assert_eq!(clock(Metric::PeriodicUpdateTime, &answered), (Stage::Active, Some(80)));
        assert_eq!(clock(Metric::NextReplyTime, &asked_again), (Stage::Active, Some(90)));
        assert_eq!(Clock::of(Metric::NextReplyTime, &answered), None);
    }

    #[test]
    fn clocks_rest_while_it_is_not_our_turn_and_go_on_where_they_were() {
        let pending = History {
            statuses: vec![(at(0), Status::New), (at(40), Status::Pending)],
            messages: vec![(at(0), false), (at(40), true)],
        };
        let mut open = pending.clone();
        open.statuses.push((at(100), Status::Open));

        assert_eq!(clock(Metric::RequesterWaitTime, &pending), (Stage::Paused, None));
        assert_eq!(clock(Metric::PausableUpdateTime, &pending), (Stage::Paused, None));
        assert_eq!(clock(Metric::TotalResolutionTime, &pending), (Stage::Active, Some(60)));
        assert_eq!(clock(Metric::RequesterWaitTime, &open), (Stage::Active, Some(120)));
        open.statuses.push((at(110), Status::Solved));
        assert_eq!(clock(Metric::RequesterWaitTime, &open), (Stage::Achieved, None));
    }
}
