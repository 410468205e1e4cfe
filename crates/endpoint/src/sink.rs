//! What arrived at the demo's own receiver of calls. Exists only where mails are kept in memory too, which no setting can make happen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// How many are kept.
const KEPT: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub at: Timestamp,
    /// The last part of the path.
    pub name: String,
    pub trigger: String,
    pub is_signed: bool,
    pub body: String,
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sink(Option<Arc<Mutex<VecDeque<Arrived>>>>);

impl Sink {
    pub fn kept() -> Sink {
        Sink(Some(Arc::default()))
    }

    /// False where there is no such receiver.
    pub fn keep(&self, arrived: Arrived) -> bool {
        let Some(kept) = &self.0 else { return false };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(arrived);
        true
    }

    /// Newest first; none where there is no such receiver.
    pub fn arrived(&self) -> Option<Vec<Arrived>> {
        let kept = self.0.as_ref()?;
        Some(kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect())
    }
}
