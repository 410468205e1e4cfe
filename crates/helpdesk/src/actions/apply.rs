//! Taking several actions on one ticket, in their order. One that is refused does not keep the others from being taken.

use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::Tickets;
use store::Tx;

use super::Action;
use super::take::{Context, Outcome, take};
use crate::Error;

/// What came of each action, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    pub outcomes: Vec<Outcome>,
}

impl Applied {
    /// Of all together: refused if one was, changed if one changed something.
    pub fn whole(&self) -> Outcome {
        let refused = self.outcomes.iter().find(|outcome| matches!(outcome, Outcome::Refused(_)));
        match refused {
            Some(refused) => refused.clone(),
            None if self.outcomes.contains(&Outcome::Changed) => Outcome::Changed,
            None => Outcome::Unchanged,
        }
    }
}

/// Takes the actions. An error only where the ticket is gone or the database fails; what an action itself cannot do is its outcome.
///
/// Nothing here waits for a network: calls and mails are left to jobs.
pub async fn apply(
    tx: &mut Tx,
    may: &CanWrite<Tickets>,
    now: Timestamp,
    ticket_id: i64,
    actions: &[Action],
    context: &Context,
) -> Result<Applied, Error> {
    let mut outcomes = Vec::with_capacity(actions.len());
    for action in actions {
        // Of an action that is refused halfway nothing stays.
        tx.mark().await?;
        let outcome = match take(tx, may, now, context, ticket_id, action).await {
            Ok(outcome) => {
                tx.keep_since_mark().await?;
                outcome
            }
            Err(error @ (Error::Store(_) | Error::NotFound { kind: "ticket", .. })) => return Err(error),
            Err(error) => {
                tx.back_to_mark().await?;
                Outcome::Refused(error.to_string())
            }
        };
        outcomes.push(outcome);
    }
    Ok(Applied { outcomes })
}
