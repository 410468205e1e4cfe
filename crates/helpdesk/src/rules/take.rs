//! Taking one action of a rule, as everybody's actions are taken. Which actions a rule can take is checked when it is saved.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use store::Tx;

use super::log::Cause;
use super::{Rule, Step, TICKET_SAVED};
use crate::Error;
use crate::actions::Action;
use crate::actions::take::{self, Context, Outcome};
use crate::integrations::{self, call};

/// What brought a message that a rule wrote.
const VIA: &str = "rule";

/// `Invalid` on `code` if a step holds an action that rules cannot take, or that calls what is not there.
pub async fn check(tx: &mut Tx, steps: &[Step]) -> Result<(), Error> {
    for action in actions(steps) {
        match action {
            Action::Http(http) => call::check(http, "code")?,
            Action::CallIntegration { integration_id, .. } => {
                let called = integrations::read(tx, *integration_id).await.map(|it| it.http.is_some());
                if !matches!(called, Ok(true)) {
                    let problem = format!("There is no integration {integration_id} that could be called.");
                    return Err(Error::invalid("code", problem));
                }
            }
            action => {
                if let Some(name) = take::refusal(action) {
                    return Err(Error::invalid("code", format!("Rules of this server cannot take the action {name}.")));
                }
            }
        }
    }
    Ok(())
}

/// All actions that the steps could come to.
fn actions(steps: &[Step]) -> Vec<&Action> {
    fn of_step(step: &Step) -> Vec<&Action> {
        match step {
            Step::Act(action) => vec![action],
            Step::Choose(branches) => branches.iter().flat_map(|branch| actions(&branch.steps)).collect(),
            Step::Stop => Vec::new(),
        }
    }
    steps.iter().flat_map(of_step).collect()
}

/// Whoever saved the rule speaks; someone else of the staff if they have left. Of what was saved, whoever of the staff saved it: what such
/// a rule means by the current user.
pub(super) async fn take(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    (rule, cause): (&Rule, &Cause),
    ticket_id: i64,
    action: &Action,
) -> Result<(), Error> {
    let mut person_id = rule.author_id;
    if cause.event_kind == TICKET_SAVED {
        let sql = "select id from people where id = $1 and is_staff = 1 and deleted_at is null";
        let actor = tx.row(sql, &[cause.person_id.into()]).await?;
        let actor = actor.map(|row| row.int("id")).transpose()?;
        if actor.is_none() && *action == Action::AssignCurrentUser {
            // A customer did it: there is nobody whom it could be given to.
            return Ok(());
        }
        person_id = actor.or(person_id);
    }
    let context = Context { person_id, via: VIA, rule_id: Some(rule.id), job_id: None };
    match take::take(tx, may, now, &context, ticket_id, action).await? {
        Outcome::Refused(why) => Err(Error::Refused(why)),
        Outcome::Changed | Outcome::Unchanged => Ok(()),
    }
}
