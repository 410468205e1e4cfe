//! What rules hold on to: a macro that they apply, a tag that they put on tickets or take off, an integration that they ask for or call. Such things are
//! not deleted under them.

use store::Tx;

use super::{RULES_MAX, Step};
use crate::Error;
use crate::actions::Action;
use crate::filter::{Condition, Field, Operand};

/// A rule, whether it is on or off, with what it does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Uses {
    pub id: i64,
    pub name: String,
    steps: Vec<Step>,
}

/// Of all rules: there are never many (`RULES_MAX`), since each may run on every event.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Uses>, Error> {
    let rows = tx.rows("select id, name, steps from rules order by id limit $1", &[RULES_MAX.into()]).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let steps = serde_json::from_value(row.json("steps")?.unwrap_or_default()).unwrap_or_default();
        all.push(Uses { id: row.int("id")?, name: row.text("name")?, steps });
    }
    Ok(all)
}

impl Uses {
    pub(crate) fn applies_macro(&self, macro_id: i64) -> bool {
        any(&self.steps, &|action| *action == Action::ApplyMacro(macro_id))
    }

    pub(crate) fn names_tag(&self, name: &str) -> bool {
        any(&self.steps, &|action| match action {
            Action::AddTags(names) | Action::RemoveTags(names) | Action::SetTags(names) => {
                names.iter().any(|it| it == name)
            }
            _ => false,
        })
    }

    pub(crate) fn asks_for_integration(&self, id: i64) -> bool {
        let calls =
            |action: &Action| matches!(action, Action::CallIntegration { integration_id, .. } if *integration_id == id);
        asks(&self.steps, id) || any(&self.steps, &calls)
    }
}

fn asks(steps: &[Step], id: i64) -> bool {
    steps.iter().any(|step| match step {
        Step::Choose(branches) => {
            branches.iter().any(|branch| names_integration(&branch.condition, id) || asks(&branch.steps, id))
        }
        Step::Act(_) | Step::Stop => false,
    })
}

fn names_integration(condition: &Condition, id: i64) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| names_integration(part, id)),
        Condition::Not(inner) => names_integration(inner, id),
        Condition::Is(test) => {
            matches!(test.field, Field::IntegrationIds | Field::MessageIntegrationId) && is_or_holds(&test.operand, id)
        }
    }
}

fn is_or_holds(operand: &Operand, id: i64) -> bool {
    match operand {
        Operand::Int(other) => *other == id,
        Operand::List(items) => items.iter().any(|item| is_or_holds(item, id)),
        _ => false,
    }
}

fn any(steps: &[Step], test: &dyn Fn(&Action) -> bool) -> bool {
    steps.iter().any(|step| match step {
        Step::Act(action) => test(action),
        Step::Choose(branches) => branches.iter().any(|branch| any(&branch.steps, test)),
        Step::Stop => false,
    })
}
