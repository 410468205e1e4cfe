//! Taking one action of a rule, as everybody's actions are taken. Which actions a rule can take is checked when it is saved.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use store::Tx;

use super::{Rule, Step};
use crate::Error;
use crate::actions::Action;
use crate::actions::take::{self, Context, Outcome};
use crate::integrations::call;

/// What brought a message that a rule wrote.
const VIA: &str = "rule";

/// `Invalid` on `code` if a step holds an action that rules cannot take.
pub fn check(steps: &[Step]) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Act(action) => check_action(action)?,
            Step::Choose(branches) => {
                for branch in branches {
                    check(&branch.steps)?;
                }
            }
            Step::Stop => {}
        }
    }
    Ok(())
}

fn check_action(action: &Action) -> Result<(), Error> {
    if let Action::Http(http) = action {
        return call::check(http, "code");
    }
    match take::refusal(action) {
        None => Ok(()),
        Some(name) => Err(Error::invalid("code", format!("Rules of this server cannot take the action {name}."))),
    }
}

/// Whoever saved the rule speaks; someone else of the staff if they have left.
pub(super) async fn take(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    rule: &Rule,
    ticket_id: i64,
    action: &Action,
) -> Result<(), Error> {
    let context = Context { person_id: rule.author_id, via: VIA, rule_id: Some(rule.id), job_id: None };
    match take::take(tx, may, now, &context, ticket_id, action).await? {
        Outcome::Refused(why) => Err(Error::Refused(why)),
        Outcome::Changed | Outcome::Unchanged => Ok(()),
    }
}
