//! Using a macro on a ticket: all its actions, in their order, in one transaction.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use store::Tx;

use super::{read, write};
use crate::Error;
use crate::actions::Action;
use crate::actions::apply::{self, Applied};
use crate::actions::take::{Context, Outcome};

/// Takes the macro's actions, and counts that it was used. `Invalid` on `macro_id` if there is no such macro.
pub async fn apply(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    context: &Context,
    ticket_id: i64,
    macro_id: i64,
) -> Result<Applied, Error> {
    let found = match read(tx, macro_id).await {
        Err(Error::NotFound { .. }) => return Err(Error::invalid("macro_id", "No macro has this id.")),
        other => other?,
    };
    // Macros cannot be saved with macros in them; one that came another way is not followed, so that nothing goes round.
    let (nested, actions): (Vec<Action>, Vec<Action>) =
        found.actions.into_iter().partition(|action| matches!(action, Action::ApplyMacro(_)));
    let mut applied = apply::apply(tx, may, now, ticket_id, &actions, context).await?;
    applied.outcomes.extend(nested.iter().map(|_| Outcome::Refused("A macro cannot apply another one.".to_owned())));
    write::count_use(tx, may.actor(), now, macro_id, ticket_id, context).await?;
    Ok(applied)
}
