//! Rules: what happens to a ticket by itself, on an event or as time passes.

use serde::{Deserialize, Serialize};

use crate::actions::Action;
use crate::filter::Condition;

/// One thing that a rule does when it comes there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Act(Action),
    /// The steps of the first branch whose condition holds.
    Choose(Vec<Branch>),
    /// No rule after this one runs on the event.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    pub condition: Condition,
    pub steps: Vec<Step>,
}
