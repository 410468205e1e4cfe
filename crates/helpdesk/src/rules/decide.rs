//! What a rule would do, worked out without doing it: a pure function of its steps and of what is known.

use serde_json::{Map, Value as Json};

use super::{Branch, Step};
use crate::actions::Action;
use crate::filter::evaluate::{self, Facts};
use crate::filter::{Field, Viewpoint};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The branches taken, each by its way there: `2.1` is the first branch of the second step.
    pub branches: Vec<String>,
    pub actions: Vec<Action>,
    /// No rule after this one runs on the event.
    pub stops: bool,
    /// The value of each field that was asked.
    pub seen: Map<String, Json>,
}

impl Decision {
    pub fn does_nothing(&self) -> bool {
        self.actions.is_empty() && !self.stops
    }
}

/// All conditions are asked of the ticket as it was when the rule began; its own actions change nothing for it.
pub fn decide(steps: &[Step], facts: &Facts, viewpoint: &Viewpoint) -> Decision {
    let mut decision = Decision::default();
    walk(steps, "", facts, viewpoint, &mut decision);
    decision
}

/// The fields that a rule asks anywhere.
pub fn fields(steps: &[Step], into: &mut Vec<Field>) {
    for step in steps {
        if let Step::Choose(branches) = step {
            for Branch { condition, steps } in branches {
                evaluate::fields(condition, into);
                fields(steps, into);
            }
        }
    }
}

fn walk(steps: &[Step], way: &str, facts: &Facts, viewpoint: &Viewpoint, decision: &mut Decision) {
    for (number, step) in (1..).zip(steps) {
        if decision.stops {
            return;
        }
        match step {
            Step::Act(action) => decision.actions.push(action.clone()),
            Step::Stop => decision.stops = true,
            Step::Choose(branches) => {
                for (place, branch) in (1..).zip(branches) {
                    note(branch, facts, decision);
                    if evaluate::holds(&branch.condition, facts, viewpoint) {
                        let way = format!("{way}{number}.{place}");
                        decision.branches.push(way.clone());
                        walk(&branch.steps, &format!("{way}."), facts, viewpoint, decision);
                        break;
                    }
                }
            }
        }
    }
}

fn note(branch: &Branch, facts: &Facts, decision: &mut Decision) {
    let mut asked = Vec::new();
    evaluate::fields(&branch.condition, &mut asked);
    for field in asked {
        let shown = facts.get(&field).map_or(Json::Null, |fact| fact.shown());
        decision.seen.insert(evaluate::field_name(field), shown);
    }
}
