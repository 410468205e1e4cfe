//! How many rows a slice takes: as many as fit into a time that no other writer minds to wait.

use std::time::Duration;

use jiff::Timestamp;

/// A slice that took longer is followed by a smaller one. With the commit after it, a slice stays well below 50 ms.
const LONG: Duration = Duration::from_millis(20);
/// One that took less is followed by a larger one.
const SHORT: Duration = Duration::from_millis(8);
const FIRST: usize = 32;
const MOST: usize = 1024;

/// Whether a slice that began then has lasted long enough. A clock that was set back counts as no time.
pub fn is_long(began: Timestamp, now: Timestamp) -> bool {
    LONG < lasted(began, now)
}

fn lasted(began: Timestamp, ended: Timestamp) -> Duration {
    Duration::try_from(ended.duration_since(began)).unwrap_or_default()
}

#[derive(Debug)]
pub struct Pace {
    size: usize,
    most: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { size: FIRST, most: MOST }
    }
}

impl Pace {
    /// For rows that cost more, such as whole tickets with their messages.
    pub fn at_most(most: usize) -> Pace {
        Pace { size: FIRST.min(most), most }
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Learns from a slice that began and ended then. A clock that was set back counts as no time.
    pub fn learn(&mut self, began: Timestamp, ended: Timestamp) {
        let took = lasted(began, ended);
        if LONG < took {
            self.size = (self.size / 2).max(1);
        } else if took < SHORT {
            self.size = (self.size * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_shrink_when_they_take_long_and_grow_when_they_do_not() {
        let mut pace = Pace::default();
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();

        pace.learn(at(0), at(100));
        assert_eq!(pace.size(), FIRST / 2);
        pace.learn(at(0), at(10));
        assert_eq!(pace.size(), FIRST / 2);
        for _ in 0..20 {
            pace.learn(at(0), at(1));
        }
        assert_eq!(pace.size(), MOST);
        for _ in 0..20 {
            pace.learn(at(0), at(1000));
        }
        assert_eq!(pace.size(), 1);
        pace.learn(at(1000), at(0));
        assert_eq!(pace.size(), 2);
    }
}
