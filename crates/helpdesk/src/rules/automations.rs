//! What a rule on time that is put together of conditions must be like, so that it does not act on a ticket for ever: it asks how long ago
//! something was, and one of its actions, or time itself, ends what it asks for.

use super::{Branch, Step};
use crate::Error;
use crate::actions::Action;
use crate::filter::evaluate::{self, Fact, Facts};
use crate::filter::{Condition, Field, Operator, Test, Viewpoint};
use crate::tickets::{Priority, Status};

/// `Invalid` on `conditions` or `actions`.
pub fn check(steps: &[Step]) -> Result<(), Error> {
    let [Step::Choose(branches)] = steps else { return Err(without_time()) };
    let [Branch { condition, steps }] = branches.as_slice() else { return Err(without_time()) };
    let mut all = Vec::new();
    needed(condition, &mut all);
    if !all.iter().any(|part| asks_time(part)) {
        return Err(without_time());
    }
    let ends = all.iter().any(|part| holds_once(part))
        || steps.iter().any(|step| matches!(step, Step::Act(action) if all.iter().any(|part| ends(action, part))));
    if ends {
        return Ok(());
    }
    Err(Error::invalid("actions", "One of them must end what a condition of `all` asks for, so that it acts once."))
}

fn without_time() -> Error {
    Error::invalid("conditions", "`all` must ask how many hours ago something was.")
}

/// What must hold, whatever else does.
fn needed<'a>(condition: &'a Condition, into: &mut Vec<&'a Condition>) {
    match condition {
        Condition::All(parts) => parts.iter().for_each(|part| needed(part, into)),
        other => into.push(other),
    }
}

fn asks_time(condition: &Condition) -> bool {
    match condition {
        Condition::Is(test) => matches!(test.operator, Operator::AtLeastAgo | Operator::AtMostAgo),
        Condition::Not(inner) => asks_time(inner),
        Condition::All(_) | Condition::Any(_) => false,
    }
}

/// A span that is over by itself.
fn holds_once(condition: &Condition) -> bool {
    match condition {
        Condition::Not(inner) => {
            matches!(inner.as_ref(), Condition::Is(Test { operator: Operator::AtLeastAgo, .. }))
        }
        Condition::Is(Test { operator: Operator::AtMostAgo, .. }) => true,
        _ => false,
    }
}

/// Whether the condition is false of a ticket that the action was taken on.
fn ends(action: &Action, condition: &Condition) -> bool {
    let mut asked = Vec::new();
    evaluate::fields(condition, &mut asked);
    let [field] = asked.as_slice() else { return false };
    let text = |word: &str| Some(Some(Fact::Text(Some(word.to_owned()))));
    let after = match (action, field) {
        (Action::SetStatus(word), Field::Status) => match word.as_str() {
            "waiting" => text(Status::Open.word()),
            "done" => text(Status::Solved.word()),
            word => text(word),
        },
        // It is solved, or no longer.
        (Action::SetStatus(word), Field::ClosedAt) => (!is_done(word)).then_some(None),
        (Action::SetStatus(_), Field::StatusChangedAt) => return true,
        (Action::SetCustomStatus(_), Field::Status | Field::StatusChangedAt) => return true,
        (Action::SetPriority(word), Field::Priority) => text(Priority::parse(word).map_or(word, |it| it.word())),
        (Action::SetType(kind), Field::TicketType) => Some(Some(Fact::Text(kind.clone()))),
        (Action::AssignUser(_) | Action::AssignCurrentUser, Field::AssignedAt | Field::AssigneeWroteAt) => return true,
        (Action::AssignUser(id), Field::AssigneeUserId) => Some(id.map(Fact::Int)),
        (Action::AssignCurrentUser | Action::RoundRobin(_), Field::AssigneeUserId) => Some(Some(Fact::Int(0))),
        (Action::AssignTeam(id), Field::AssigneeTeamId) => Some(id.map(Fact::Int)),
        (Action::SetForm(id), Field::FormId) => Some(id.map(Fact::Int)),
        (Action::SetCustomStatus(id), Field::CustomStatusId) => Some(Some(Fact::Int(*id))),
        (Action::SetSchedule(id), Field::ScheduleId) => Some(Some(Fact::Int(*id))),
        (Action::SetCustomerLanguage(word), Field::CustomerLanguage) => text(word),
        (Action::SetBrand(id), Field::BrandId) => Some(Some(Fact::Int(*id))),
        (Action::AddTags(names) | Action::SetTags(names), Field::Tags) => Some(Some(Fact::Names(names.clone()))),
        (Action::RemoveTags(_), Field::Tags) => Some(Some(Fact::Names(Vec::new()))),
        (Action::SetCustomField { custom_field_id, value }, Field::CustomField(id)) if custom_field_id == id => {
            Some(match value {
                serde_json::Value::Bool(flag) => Some(Fact::Flag(*flag)),
                serde_json::Value::Number(number) => number.as_f64().map(Fact::Number),
                serde_json::Value::String(word) if word == "true" || word == "false" => {
                    Some(Fact::Flag(word == "true"))
                }
                serde_json::Value::String(word) if !word.is_empty() => Some(Fact::Text(Some(word.clone()))),
                _ => None,
            })
        }
        (Action::Reply(_) | Action::InternalNote(_), Field::UpdatedAt | Field::LastMessageAt) => return true,
        (Action::Trash, _) => return true,
        _ => None,
    };
    let Some(after) = after else { return false };
    let facts: Facts = after.into_iter().map(|fact| (*field, fact)).collect();
    !evaluate::holds(condition, &facts, &Viewpoint { now: jiff::Timestamp::UNIX_EPOCH, person_id: None })
}

fn is_done(word: &str) -> bool {
    word == "done" || Status::parse(word).is_some_and(Status::is_done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Operand;

    fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
        Condition::Is(Test { field, operator, operand })
    }

    fn rule(conditions: Vec<Condition>, action: Action) -> Vec<Step> {
        vec![Step::Choose(vec![Branch { condition: Condition::All(conditions), steps: vec![Step::Act(action)] }])]
    }

    fn idle() -> Condition {
        is(Field::UpdatedAt, Operator::AtLeastAgo, Operand::Seconds(3_600))
    }

    #[test]
    fn an_automation_asks_for_time_and_ends_its_own_match() {
        let open = is(Field::Status, Operator::Equal, Operand::Text("open".to_owned()));
        let tagged = is(Field::Tags, Operator::NotContainsAny, Operand::List(vec![Operand::Text("old".to_owned())]));
        let solve = Action::SetStatus("solved".to_owned());

        check(&rule(vec![open.clone(), idle()], solve.clone())).unwrap();
        check(&rule(vec![tagged, idle()], Action::AddTags(vec!["old".to_owned()]))).unwrap();
        for steps in [
            rule(vec![open.clone()], solve),
            rule(vec![open.clone(), idle()], Action::SetStatus("open".to_owned())),
            rule(vec![open, idle()], Action::AddTags(vec!["old".to_owned()])),
        ] {
            assert!(check(&steps).is_err(), "{steps:?}");
        }
    }
}
