//! How many rows a slice takes: as many as fit into a time that no other writer minds to wait.

use std::time::Duration;

use jiff::Timestamp;
use store::Db;

/// What a slice of a job should last, with its commit. Where there is one writer, a write of somebody else waits for one of them and for one of
/// a follower's, and should be through after 50 ms.
const OF_A_JOB: Duration = Duration::from_millis(22);
/// Followers come to their turn as often as a job does. Nobody waits for them as somebody waits for a job.
const OF_A_FOLLOWER: Duration = Duration::from_millis(10);
/// Where there are many writers, only whoever wants the same rows waits.
const AMONG_MANY: Duration = Duration::from_millis(45);
const FIRST: usize = 32;
const MOST: usize = 1024;

#[derive(Debug)]
pub struct Pace {
    size: usize,
    most: usize,
    lasting: Duration,
}

impl Pace {
    pub fn of_a_job(db: &Db) -> Pace {
        Pace::at_most(db, MOST)
    }

    /// For rows that cost more, such as whole tickets with their messages.
    pub fn at_most(db: &Db, most: usize) -> Pace {
        Pace::lasting(if db.has_one_writer() { OF_A_JOB } else { AMONG_MANY }, most)
    }

    /// For a follower of the event log.
    pub fn of_a_follower(db: &Db, most: usize) -> Pace {
        Pace::lasting(if db.has_one_writer() { OF_A_FOLLOWER } else { AMONG_MANY }, most)
    }

    fn lasting(lasting: Duration, most: usize) -> Pace {
        Pace { size: FIRST.min(most), most, lasting }
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether a slice that began then has lasted long enough.
    pub fn is_over(&self, began: Timestamp, now: Timestamp) -> bool {
        self.lasting <= lasted(began, now)
    }

    /// Learns from a slice of so many rows that began and ended then: the next one has as many as would have lasted as long as one should,
    /// twice as many as this one at most.
    pub fn learn(&mut self, n_rows: usize, began: Timestamp, ended: Timestamp) {
        let took = lasted(began, ended);
        // A slice that was not full says little about a larger one.
        if n_rows < self.size && took <= self.lasting {
            return;
        }
        let fitting = n_rows as u128 * self.lasting.as_nanos() / took.as_nanos().max(1);
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).min(2 * n_rows);
        self.size = fitting.clamp(1, self.most);
    }
}

/// A clock that was set back counts as no time.
fn lasted(began: Timestamp, ended: Timestamp) -> Duration {
    Duration::try_from(ended.duration_since(began)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn slices_become_as_long_as_they_should_last() {
        let mut pace = Pace::lasting(OF_A_JOB, MOST);

        pace.learn(FIRST, at(0), at(44));
        assert_eq!(pace.size(), FIRST / 2);
        pace.learn(16, at(0), at(22));
        assert_eq!(pace.size(), 16);
        for _ in 0..20 {
            pace.learn(pace.size(), at(0), at(1));
        }
        assert_eq!(pace.size(), MOST);
        for _ in 0..20 {
            pace.learn(pace.size(), at(0), at(1000));
        }
        assert_eq!(pace.size(), 1);
        pace.learn(1, at(1000), at(0));
        assert_eq!(pace.size(), 2);
    }

    #[test]
    fn a_slice_that_was_not_full_makes_no_larger_ones() {
        let mut pace = Pace::lasting(OF_A_FOLLOWER, 256);

        pace.learn(3, at(0), at(3));
        assert_eq!(pace.size(), FIRST);
        pace.learn(FIRST, at(0), at(5));
        assert_eq!(pace.size(), 2 * FIRST);
        pace.learn(8, at(0), at(20));
        assert_eq!(pace.size(), 4);
    }
}
