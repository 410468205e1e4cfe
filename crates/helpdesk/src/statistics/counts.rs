//! The counts: what each ticket adds to them. A ticket that changes takes back what it added and adds anew, so the counts are always what
//! the rows of all tickets say, and never drift.

use std::collections::BTreeMap;

use store::Tx;

use super::facts::{Microseconds, Whole};
use crate::Error;

/// A quarter of an hour.
pub const QUARTER: Microseconds = 900_000_000;
/// Quarters of a day in UTC.
pub const QUARTERS_A_DAY: i64 = 96;

/// What a row of the counts tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Fine,
    /// Quarters and parts only.
    All,
    /// Everything but the time of the day.
    Day,
}

impl Level {
    /// The measure as it is stored.
    pub fn of(self, measure: &str) -> String {
        match self {
            Level::Fine => measure.to_owned(),
            Level::All => format!("{measure}@all"),
            Level::Day => format!("{measure}@day"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub measure: &'static str,
    pub level: Level,
    pub quarter: i64,
    pub user_id: i64,
    pub team_id: i64,
    pub channel: String,
    pub integration_id: i64,
    pub part: i64,
}

/// What is added to the cells: how many, and the sum.
#[derive(Debug, Default)]
pub struct Deltas(BTreeMap<Cell, (i64, i64)>);

impl Deltas {
    /// What changes when a ticket becomes another.
    pub fn change(&mut self, old: &Whole, new: &Whole) {
        self.add(old, -1);
        self.add(new, 1);
    }

    fn add(&mut self, whole: &Whole, sign: i64) {
        each(whole, &mut |cell, total| {
            let day = Cell {
                level: Level::Day,
                quarter: cell.quarter - cell.quarter.rem_euclid(QUARTERS_A_DAY),
                ..cell.clone()
            };
            let all = Cell {
                level: Level::All,
                user_id: 0,
                team_id: 0,
                channel: String::new(),
                integration_id: 0,
                ..cell.clone()
            };
            for cell in [cell, day, all] {
                let delta = self.0.entry(cell).or_default();
                delta.0 += sign;
                delta.1 += sign * total;
            }
        });
    }

    /// Writes them, in one order, so that two writers never wait for each other in a circle.
    pub async fn flush(self, tx: &mut Tx) -> Result<(), Error> {
        for (cell, (n, total)) in self.0 {
            if (n, total) == (0, 0) {
                continue;
            }
            tx.run(
                "insert into statistics_counts (measure, quarter, user_id, team_id, channel, integration_id, part, n, total)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 on conflict (measure, quarter, user_id, team_id, channel, integration_id, part) do update set
                     n = statistics_counts.n + excluded.n, total = statistics_counts.total + excluded.total",
                &[
                    cell.level.of(cell.measure).into(),
                    cell.quarter.into(),
                    cell.user_id.into(),
                    cell.team_id.into(),
                    cell.channel.into(),
                    cell.integration_id.into(),
                    cell.part.into(),
                    n.into(),
                    total.into(),
                ],
            )
            .await?;
        }
        Ok(())
    }
}

/// Every cell that a ticket is counted in, with what it adds to the sum there. `sources.rs` says the same to the database.
fn each(whole: &Whole, tell: &mut impl FnMut(Cell, i64)) {
    let Some(ticket) = whole.ticket.as_ref().filter(|_| whole.is_counted()) else { return };
    let team_id = ticket.assignee_team_id.unwrap_or_default();
    let of_ticket = |measure: &'static str, at: Microseconds, part: i64| Cell {
        measure,
        level: Level::Fine,
        user_id: ticket.assignee_user_id.unwrap_or_default(),
        quarter: at / QUARTER,
        team_id,
        channel: ticket.channel.clone(),
        integration_id: ticket.integration_id.unwrap_or_default(),
        part,
    };
    let created = ticket.created_at;
    tell(of_ticket("created", created, 0), ticket.n_messages);
    if ticket.closed_at.is_none() {
        tell(of_ticket("open", created, 0), 0);
    }
    if ticket.n_replies > 0 {
        tell(of_ticket("replied", created, 0), 0);
    }
    if ticket.handle_seconds > 0 {
        tell(of_ticket("handled", created, 0), ticket.handle_seconds);
    }
    if let Some(closed) = ticket.closed_at {
        tell(of_ticket("closed", closed, 0), 0);
        match ticket.n_human_replies {
            0 => tell(of_ticket("zero-touch", closed, 0), 0),
            1 => tell(of_ticket("one-touch", closed, 0), 0),
            _ => {}
        }
        if ticket.n_human_replies == 0 && ticket.n_replies > 0 {
            tell(of_ticket("automated", created, 0), 0);
        }
    }
    if let Some(seconds) = ticket.resolution_seconds {
        tell(of_ticket("resolution", created, bucket(seconds)), seconds);
    }
    if let Some(reply) = ticket.first_reply {
        tell(of_ticket("first-reply", reply.at, bucket(reply.seconds)), reply.seconds);
    }
    if let Some(reply) = ticket.first_human_reply {
        tell(of_ticket("first-human-reply", reply.at, bucket(reply.seconds)), reply.seconds);
    }
    for message in whole.messages.values().filter(|message| message.public) {
        let of_message = |measure: &'static str, user_id: i64, part: i64| Cell {
            measure,
            level: Level::Fine,
            user_id,
            quarter: message.sent_at / QUARTER,
            team_id,
            channel: message.channel.clone(),
            integration_id: message.integration_id.unwrap_or_default(),
            part,
        };
        if message.from_agent {
            tell(of_message("sent", message.sender_id, i64::from(message.automated)), 0);
            if let Some(macro_id) = message.macro_id {
                tell(of_message("sent-by-macro", message.sender_id, macro_id), 0);
            }
            if let Some(seconds) = message.response_seconds {
                tell(of_message("response", message.sender_id, bucket(seconds)), seconds);
            }
        } else {
            tell(of_message("received", 0, 0), 0);
        }
    }
    for (tag_id, tagged_at) in &whole.tags {
        tell(of_ticket("tagged", *tagged_at, *tag_id), 0);
    }
    if let Some(survey) = &whole.survey {
        if survey.sent_at.is_some() {
            tell(of_ticket("survey-sent", survey.created_at, 0), 0);
        }
        if let Some(score) = survey.score {
            tell(of_ticket("survey-scored", survey.created_at, score), score);
        }
    }
}

/// Times of about the same size, in seconds: one by one up to 15, then eight to each doubling.
pub fn bucket(seconds: i64) -> i64 {
    if seconds < 16 {
        return seconds.max(0);
    }
    let exponent = i64::from(seconds.ilog2());
    16 + (exponent - 4) * 8 + ((seconds >> (exponent - 3)) & 7)
}

/// The least time of a bucket. Its greatest is one less than the next bucket's least.
pub fn least_of(bucket: i64) -> i64 {
    if bucket < 16 {
        return bucket;
    }
    let exponent = (bucket - 16) / 8 + 4;
    (8 + (bucket - 16) % 8) << (exponent - 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_lies_in_its_bucket() {
        for seconds in (0..5000).chain((1..40).map(|n| 1_i64 << n)).chain((5..40).map(|n| (1_i64 << n) - 1)) {
            let at = bucket(seconds);
            assert!(least_of(at) <= seconds && seconds < least_of(at + 1), "{seconds} in {at}");
        }
    }
}
