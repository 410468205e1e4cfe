//! Conditions of views, rules and promises: `{all: [...], any: [...]}` of `{field, operator, value}`, as one `Condition` of the helpdesk
//! (Zendesk contract, `types.Condition`, `types.ConditionSet`).
//!
//! What can be asked: `condition_fields.rs`, and as clients are offered it: `condition_definitions.rs`. Hours: `condition_times.rs`. What
//! the helpdesk cannot ask of a ticket, or not in this place, is refused and named. The way back is `condition_view.rs`.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::{Priority, Status};
use serde_json::Value;

use crate::condition_fields::{Kind, Who, known, turns};
use crate::condition_view::shown;
use crate::condition_words::{CHANNELS, MOMENTS, UPDATES, VIAS, any_of, locale, roles_of, satisfaction};
use crate::error::ZendeskError;
use crate::fields::Fields;
use crate::ticket_view::{PRIORITIES, STATUSES, TYPES, priority_of, status_of};
use crate::{condition_times, satisfaction_ratings, time};

/// Most conditions of one list, and most words of one.
const LIST_MAX: usize = 100;
const WORDS_MAX: usize = 100;
const WORD_MAX_CHARS: usize = 255;

/// Both lists as they were sent. None: not sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub all: Option<Vec<Value>>,
    pub any: Option<Vec<Value>>,
}

impl Sent {
    /// Reads `all` and `any`, or both inside `conditions`.
    pub fn read(fields: &mut Fields) -> Sent {
        let mut sent = Sent { all: fields.items("all"), any: fields.items("any") };
        if let Some(inner) = fields.nested("conditions", |inner| (inner.items("all"), inner.items("any"))) {
            sent.all = sent.all.or(inner.0);
            sent.any = sent.any.or(inner.1);
        }
        sent
    }

    pub fn is_there(&self) -> bool {
        self.all.is_some() || self.any.is_some()
    }

    /// Every condition, to be put into other words before it is read.
    pub fn each_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.all.iter_mut().flatten().chain(self.any.iter_mut().flatten())
    }

    /// The condition of a rule: both lists as they were sent. One that is not there is empty.
    pub fn condition_of_rule(self, who: Who) -> Result<Condition, ZendeskError> {
        let (all, any) = (self.all.unwrap_or_default(), self.any.unwrap_or_default());
        let read = |name, sent: &[Value]| list(sent, who).map_err(|problem| ZendeskError::invalid(name, problem));
        let mut parts = vec![Condition::All(read("all", &all)?)];
        if !any.is_empty() {
            parts.push(Condition::Any(read("any", &any)?));
        }
        Ok(Condition::All(parts))
    }

    /// The problem of a list that asks for too little, unless it asks enough.
    pub fn check_anchored(&self) -> Result<(), ZendeskError> {
        let is_of_status = |name: &str| matches!(known(name, Who::Automation), Some((_, Kind::Since(_))));
        let mut all = self.all.iter().flatten().map(field_of);
        if all.any(|name| ANCHORS.contains(&name) || is_of_status(name) || matches!(name, "SOLVED" | "NEW")) {
            return Ok(());
        }
        Err(ZendeskError::invalid("base", format!("all must hold a condition on one of {}", ANCHORS.join(", "))))
    }

    /// The condition of a view. A list that was not sent stays as it is in `before`.
    pub fn condition(self, before: Option<&Condition>) -> Result<Condition, ZendeskError> {
        let (all, any) = before.map(shown).unwrap_or_default();
        let (all, any) = (self.all.unwrap_or(all), self.any.unwrap_or(any));
        let is_anchored = all.iter().any(|one| ANCHORS.contains(&field_of(one)));
        if !is_anchored {
            let problem = format!("all must hold a condition on one of {}", ANCHORS.join(", "));
            return Err(ZendeskError::invalid("base", problem));
        }
        let read = |name, sent: &[Value]| list(sent, Who::View).map_err(|problem| ZendeskError::invalid(name, problem));
        let (all, any) = (read("all", &all)?, read("any", &any)?);
        Ok(both(all, any))
    }

    /// The filter of a promise. What it cannot ask is a problem that names it.
    pub fn filter(fields: &mut Fields) -> Condition {
        let mut read = |name: &str| {
            let sent = fields.items(name).unwrap_or_default();
            match list(&sent, Who::Policy) {
                Ok(list) => list,
                Err(problem) => {
                    fields.problem(name, problem);
                    Vec::new()
                }
            }
        };
        let (all, any) = (read("all"), read("any"));
        both(all, any)
    }
}

/// Both lists as one condition, from which `condition_view::shown` finds them again.
fn both(all: Vec<Condition>, any: Vec<Condition>) -> Condition {
    match all.as_slice() {
        // Two conditions that look like the two lists.
        [Condition::All(_), Condition::Any(_)] if any.is_empty() => Condition::All(vec![Condition::All(all)]),
        _ if any.is_empty() => Condition::All(all),
        _ => Condition::All(vec![Condition::All(all), Condition::Any(any)]),
    }
}

/// One of these must be asked, so that a view is no list of everything.
const ANCHORS: &[&str] = &["status", "custom_status_id", "type", "group_id", "assignee_id", "requester_id"];

/// `source` is what clients wrote before `field`.
fn field_of(sent: &Value) -> &str {
    sent["field"].as_str().or_else(|| sent["source"].as_str()).unwrap_or_default()
}

fn list(sent: &[Value], who: Who) -> Result<Vec<Condition>, String> {
    if LIST_MAX < sent.len() {
        return Err(format!("has more than {LIST_MAX} conditions"));
    }
    sent.iter().map(|one| read(one, who)).collect()
}

/// One condition. The problem names its field.
pub(crate) fn read(sent: &Value, who: Who) -> Result<Condition, String> {
    let field = field_of(sent);
    if field.is_empty() {
        return Err("has a condition without a field".to_owned());
    }
    let operator = sent["operator"].as_str().unwrap_or("is");
    let value = &sent["value"];
    known(field, who)
        .and_then(|(field, kind)| read_known((field, kind), who, operator, value))
        .ok_or_else(|| format!("cannot be asked {field} {operator} {value}"))
}

/// Operators that ask what was before: the first spelling is the one that is told.
pub(crate) const TURNS: &[(&str, Operator)] = &[
    ("changed", Operator::Changed),
    ("not_changed", Operator::NotChanged),
    ("value", Operator::ChangedTo),
    ("changed_to", Operator::ChangedTo),
    ("not_value", Operator::NotChangedTo),
    ("not_changed_to", Operator::NotChangedTo),
    ("value_previous", Operator::ChangedFrom),
    ("changed_from", Operator::ChangedFrom),
    ("not_value_previous", Operator::NotChangedFrom),
    ("not_changed_from", Operator::NotChangedFrom),
];

fn read_known((field, kind): (Field, Kind), who: Who, operator: &str, value: &Value) -> Option<Condition> {
    if let Some((_, turn)) = TURNS.iter().find(|(word, _)| *word == operator) {
        let told = TURNS.iter().find(|(_, known)| known == turn)?.0;
        let is_offered = who == Who::Trigger && turns(field, kind).contains(&told);
        let operand = match turn {
            Operator::Changed | Operator::NotChanged => Operand::Nothing,
            _ => operand_of(kind, who, value)?,
        };
        return is_offered.then(|| is(field, *turn, operand));
    }
    match kind {
        Kind::Status => ranked(field, STATUSES, stored_status, operator, value),
        Kind::Priority => ranked(field, PRIORITIES, stored_priority, operator, value),
        Kind::Type | Kind::TypeNumber | Kind::Id | Kind::Person | Kind::Group | Kind::OpenSchedule => {
            equal(operator, field, operand_of(kind, who, value))
        }
        Kind::Tags => words(operator, field, value),
        Kind::Words => match operator {
            "is" => Some(is(field, Operator::Contains, Operand::Text(text_of(value)?))),
            "is_not" => Some(is(field, Operator::NotContains, Operand::Text(text_of(value)?))),
            _ => words(operator, field, value),
        },
        Kind::Channel => equal(operator, field, Some(Operand::Text(channel_of(CHANNELS, value)?))),
        Kind::Via => equal(operator, field, Some(Operand::Text(channel_of(VIAS, value)?))),
        Kind::Locale => turned(operator, locale(field, number_of(value)?)?),
        Kind::RequesterRole => turned(operator, any_of(field, roles_of(number_of(value)?)?)),
        Kind::Role => role(operator, value),
        Kind::UpdateType => {
            let kind = UPDATES.iter().find(|(word, _)| value.as_str() == Some(word))?.1;
            (operator == "is").then(|| is(field, Operator::Equal, Operand::Text(kind.to_owned())))
        }
        Kind::CommentPublic => {
            let (operator, operand) = match (value, value.as_str()) {
                (Value::Bool(flag), _) => (Operator::Equal, Operand::Flag(*flag)),
                (_, Some("true" | "requester_can_see_comment")) => (Operator::Equal, Operand::Flag(true)),
                (_, Some("false")) => (Operator::Equal, Operand::Flag(false)),
                (_, Some("not_relevant")) => (Operator::IsNotEmpty, Operand::Nothing),
                _ => return None,
            };
            Some(is(field, operator, operand))
        }
        Kind::Privacy => flag(field, operator, value, ("public", "private")),
        Kind::YesNo => flag(field, operator, value, ("true", "false")),
        Kind::Presence => match operator {
            "present" => Some(is(field, Operator::Equal, Operand::Flag(true))),
            "not_present" => Some(is(field, Operator::Equal, Operand::Flag(false))),
            _ => flag(field, operator, value, ("present", "not_present")),
        },
        Kind::Address => {
            let operator = match operator {
                "is" => Operator::Contains,
                "is_not" => Operator::NotContains,
                _ => return None,
            };
            Some(is(field, operator, Operand::Text(text_of(value)?.to_lowercase())))
        }
        Kind::Count => {
            let operator = match operator {
                "is" => Operator::Equal,
                "less_than" => Operator::Less,
                "greater_than" => Operator::More,
                _ => return None,
            };
            Some(is(field, operator, Operand::Int(number_of(value)?)))
        }
        Kind::Reason => {
            let code = number_of(value).filter(|code| satisfaction_ratings::reason(*code).is_some())?;
            equal(operator, field, Some(Operand::Int(code)))
        }
        Kind::Satisfaction => turned(operator, satisfaction(value.as_str()?)?),
        Kind::Hours | Kind::Since(_) | Kind::Until => condition_times::read(field, kind, operator, value),
        Kind::Moment => {
            let operator = MOMENTS.iter().find(|(word, _)| *word == operator)?.1;
            Some(is(field, operator, Operand::Time(time::parse(value.as_str()?)?)))
        }
        Kind::Custom => custom(field, operator, value),
    }
}

pub(crate) fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

/// `is` and `is_not`; of nothing they ask whether there is a value.
fn equal(operator: &str, field: Field, operand: Option<Operand>) -> Option<Condition> {
    let operand = operand?;
    let operator = match (operator, &operand) {
        ("is", Operand::Nothing) => Operator::IsEmpty,
        ("is_not", Operand::Nothing) => Operator::IsNotEmpty,
        ("is", _) => Operator::Equal,
        ("is_not", _) => Operator::NotEqual,
        _ => return None,
    };
    Some(is(field, operator, operand))
}

/// `is` and `is_not` of what takes several tests.
fn turned(operator: &str, condition: Condition) -> Option<Condition> {
    match operator {
        "is" => Some(condition),
        "is_not" => Some(Condition::Not(Box::new(condition))),
        _ => None,
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

fn number_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A value that can be compared as a whole.
fn operand_of(kind: Kind, who: Who, value: &Value) -> Option<Operand> {
    let word = |stored: fn(&str) -> Option<&'static str>| {
        Some(Operand::Text(stored(&value.as_str()?.to_ascii_lowercase())?.to_owned()))
    };
    match kind {
        Kind::Status => word(stored_status),
        Kind::Priority => word(stored_priority),
        Kind::Custom => value_of(value),
        Kind::OpenSchedule => number_of(value).map(Operand::Int),
        _ if is_nothing(value) => Some(Operand::Nothing),
        Kind::Type => word(|word| TYPES.iter().find(|known| **known == word).copied()),
        Kind::TypeNumber => {
            let at = usize::try_from(number_of(value)?).ok()?.checked_sub(1)?;
            Some(Operand::Text((*TYPES_BY_NUMBER.get(at)?).to_owned()))
        }
        Kind::Person if value.as_str() == Some("current_user") => Some(Operand::CurrentUser),
        Kind::Group if value.as_str() == Some("current_groups") => (who == Who::View).then_some(Operand::CurrentTeams),
        Kind::Id | Kind::Person | Kind::Group => number_of(value).map(Operand::Int),
        _ => None,
    }
}

const TYPES_BY_NUMBER: &[&str] = &["question", "incident", "problem", "task"];

pub(crate) fn stored_status(word: &str) -> Option<&'static str> {
    status_of(word).map(Status::word)
}

fn stored_priority(word: &str) -> Option<&'static str> {
    priority_of(word).map(Priority::word)
}

/// Of words that have an order.
fn ranked(
    field: Field,
    order: &[&str],
    stored: fn(&str) -> Option<&'static str>,
    operator: &str,
    value: &Value,
) -> Option<Condition> {
    let word = value.as_str()?.to_ascii_lowercase();
    let at = order.iter().position(|known| *known == word)?;
    let one = |word: &&str, operator| Some(is(field, operator, Operand::Text(stored(word)?.to_owned())));
    let some = |words: &[&str]| {
        words.iter().map(|word| one(word, Operator::Equal)).collect::<Option<Vec<_>>>().map(Condition::Any)
    };
    match operator {
        "is" => one(&order[at], Operator::Equal),
        "is_not" => one(&order[at], Operator::NotEqual),
        "less_than" => some(&order[..at]),
        "greater_than" => some(&order[at + 1..]),
        _ => None,
    }
}

/// Words in a list, or separated by blanks.
fn words_of(value: &Value) -> Option<Vec<Operand>> {
    let words: Vec<String> = match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        _ => return None,
    };
    let is_fit = |word: &String| !word.contains('\0') && word.chars().count() <= WORD_MAX_CHARS;
    let fits = (1..=WORDS_MAX).contains(&words.len()) && words.iter().all(is_fit);
    fits.then(|| words.into_iter().map(Operand::Text).collect())
}

fn words(operator: &str, field: Field, value: &Value) -> Option<Condition> {
    let operator = match operator {
        "includes" => Operator::ContainsAny,
        "not_includes" => Operator::NotContainsAny,
        _ => return None,
    };
    Some(is(field, operator, Operand::List(words_of(value)?)))
}

fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.is_empty() && !text.contains('\0') && text.chars().count() <= WORD_MAX_CHARS).then(|| text.to_owned())
}

/// Of two words, the one that means yes and the one that means no.
fn flag(field: Field, operator: &str, value: &Value, (yes, no): (&str, &str)) -> Option<Condition> {
    let flag = match (value, value.as_str()) {
        (Value::Bool(flag), _) => *flag,
        (_, Some(word)) if word == yes => true,
        (_, Some(word)) if word == no => false,
        _ => return None,
    };
    match operator {
        "is" => Some(is(field, Operator::Equal, Operand::Flag(flag))),
        "is_not" => Some(is(field, Operator::Equal, Operand::Flag(!flag))),
        _ => None,
    }
}

fn channel_of(known: &[(i64, &str)], value: &Value) -> Option<String> {
    let number = number_of(value)?;
    known.iter().find(|(known, _)| *known == number).map(|(_, word)| (*word).to_owned())
}

fn role(operator: &str, value: &Value) -> Option<Condition> {
    let (field, operand) = match (number_of(value), value.as_str()) {
        (Some(id), _) => (Field::ActorId, Operand::Int(id)),
        (None, Some("agent")) => (Field::ActorIsStaff, Operand::Flag(true)),
        (None, Some("end_user")) => (Field::ActorIsStaff, Operand::Flag(false)),
        _ => return None,
    };
    equal(operator, field, Some(operand))
}

fn custom(field: Field, operator: &str, value: &Value) -> Option<Condition> {
    let operator = match operator {
        "present" => return Some(is(field, Operator::IsNotEmpty, Operand::Nothing)),
        "not_present" => return Some(is(field, Operator::IsEmpty, Operand::Nothing)),
        "includes" | "not_includes" => return words(operator, field, value),
        "includes_string" => return Some(is(field, Operator::Contains, Operand::Text(text_of(value)?))),
        "not_includes_string" => return Some(is(field, Operator::NotContains, Operand::Text(text_of(value)?))),
        "less_than" => Operator::Less,
        "greater_than" => Operator::More,
        word => return equal(word, field, value_of(value)),
    };
    Some(is(field, operator, Operand::Int(number_of(value)?)))
}

/// A checkbox is asked for `true` in quotes, too.
fn value_of(value: &Value) -> Option<Operand> {
    match value {
        value if is_nothing(value) => Some(Operand::Nothing),
        Value::Bool(flag) => Some(Operand::Flag(*flag)),
        Value::String(text) if text == "true" || text == "false" => Some(Operand::Flag(text == "true")),
        Value::Number(number) => number.as_i64().map(Operand::Int).or_else(|| number.as_f64().map(Operand::Number)),
        value => text_of(value).map(Operand::Text),
    }
}

/// Whether a field can be asked for nothing.
pub(crate) fn is_nullable(kind: Kind) -> bool {
    matches!(kind, Kind::Type | Kind::Id | Kind::Person | Kind::Group | Kind::Custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::condition_fields::OFFERED;
    use crate::condition_view::view;

    fn condition(all: &Value, any: &Value) -> Condition {
        let list = |value: &Value| value.as_array().cloned();
        Sent { all: list(all), any: list(any) }.condition(None).unwrap()
    }

    #[test]
    fn conditions_come_back_as_they_were_written() {
        let all = json!([
            { "field": "status", "operator": "less_than", "value": "solved" },
            { "field": "custom_status_id", "operator": "is", "value": "7" },
            { "field": "priority", "operator": "greater_than", "value": "normal" },
            { "field": "type", "operator": "is", "value": "incident" },
            { "field": "group_id", "operator": "is", "value": "5" },
            { "field": "group_id", "operator": "is_not", "value": "current_groups" },
            { "field": "assignee_id", "operator": "is", "value": "current_user" },
            { "field": "assignee_id", "operator": "is_not", "value": "" },
            { "field": "brand_id", "operator": "is_not", "value": "3" },
            { "field": "via_id", "operator": "is", "value": "4" },
            { "field": "locale_id", "operator": "is", "value": "1" },
            { "field": "locale_id", "operator": "is_not", "value": "8" },
            { "field": "requester_role", "operator": "is", "value": "4" },
            { "field": "schedule_id", "operator": "is", "value": "2" },
            { "field": "within_schedule", "operator": "is_not", "value": "2" },
            { "field": "current_tags", "operator": "not_includes", "value": "vip late" },
            { "field": "subject_includes_word", "operator": "is", "value": "on fire" },
            { "field": "satisfaction_score", "operator": "is_not", "value": "good_with_comment" },
            { "field": "custom_fields_7", "operator": "is", "value": "true" },
            { "field": "custom_fields_8", "operator": "present", "value": null },
            { "field": "custom_fields_8", "operator": "includes_string", "value": "blue" },
            { "field": "updated_at", "operator": "greater_than", "value": "24" },
            { "field": "PENDING", "operator": "is_business_hours", "value": "24" },
            { "field": "until_due_date", "operator": "less_than_business_hours", "value": "8" },
        ]);
        let any = json!([
            { "field": "status", "operator": "is", "value": "new" },
            { "field": "status", "operator": "is", "value": "open" },
        ]);

        assert_eq!(view(&condition(&all, &any)), json!({ "all": all, "any": any }));
    }

    #[test]
    fn conditions_of_rules_come_back_as_they_were_written() {
        let of =
            |who| move |(field, operator, value): (&'static str, &'static str, Value)| (who, field, operator, value);
        let triggers = [
            ("update_type", "is", json!("Create")),
            ("status", "value", json!("solved")),
            ("status", "not_value_previous", json!("hold")),
            ("priority", "changed", Value::Null),
            ("assignee_id", "value", json!("")),
            ("custom_status_id", "value", json!("7")),
            ("custom_fields_7", "value", json!("blue")),
            ("current_tags", "changed", Value::Null),
            ("current_via_id", "is", json!("8")),
            ("role", "is", json!("end_user")),
            ("role", "is_not", json!("7")),
            ("comment_is_public", "is", json!("not_relevant")),
            ("comment_is_public", "is", json!("false")),
            ("comment_includes_word", "includes", json!("refund money")),
            ("satisfaction_score", "is", json!("bad")),
            ("satisfaction_score", "is", json!("false")),
            ("attachment", "is", json!("present")),
            ("ticket_is_public", "is", json!("private")),
            ("in_business_hours", "is", json!("false")),
            ("on_a_holiday", "is", json!("true")),
            ("recipient", "is", json!("help@example.com")),
            ("reopens", "greater_than", json!("2")),
            ("cc", "is", json!("not_present")),
            ("number_of_incidents", "greater_than", json!("2")),
            ("satisfaction_reason_code", "is_not", json!("5")),
            ("requester.custom_fields.#7", "is", json!("gold")),
            ("organization.custom_fields.#8", "not_includes", json!("gold silver")),
        ];
        let automations = [
            ("NEW", "is", json!("4")),
            ("SOLVED", "is", json!("96")),
            ("PENDING", "greater_than", json!("24")),
            ("HOLD", "is", json!("24")),
            ("OPEN", "less_than_business_hours", json!("2")),
            ("assigned_at", "greater_than", json!("2")),
            ("due_date", "is", json!("1")),
            ("due_date", "greater_than", json!("1")),
            ("until_due_date", "less_than", json!("8")),
            ("until_due_date", "greater_than", json!("8")),
            ("until_due_date", "is", json!("8")),
            ("sla_next_breach_at", "greater_than", json!("0")),
            ("until_sla_next_breach_at", "less_than_business_hours", json!("2")),
            ("description_includes_word", "is_not", json!("on fire")),
        ];
        let policies = [("exact_created_at", "greater_than_equal", json!("2026-03-02T09:00:00Z"))];
        let all = triggers.into_iter().map(of(Who::Trigger)).chain(automations.into_iter().map(of(Who::Automation)));
        for (who, field, operator, value) in all.chain(policies.into_iter().map(of(Who::Policy))) {
            let sent = json!({ "field": field, "operator": operator, "value": value });

            let read = read(&sent, who).unwrap_or_else(|problem| panic!("{problem}"));

            assert_eq!(
                view(&Condition::All(vec![Condition::All(vec![read.clone()])]))["all"],
                json!([sent]),
                "{read:?}"
            );
        }
    }

    #[test]
    fn every_operator_that_is_offered_is_read_of_some_value() {
        for offered in OFFERED {
            for who in offered.who {
                let operators = crate::condition_fields::operators(offered.kind).iter();
                let turns = turns(offered.field, offered.kind).iter().filter(|_| *who == Who::Trigger);
                for operator in operators.chain(turns) {
                    let values =
                        ["1", "4", "5", "open", "high", "task", "x", "good", "Create", "true", "public", "present"];
                    let moment = [json!("2026-03-02T09:00:00Z")];
                    let mut values = values.iter().map(|word| json!(word)).chain(moment);
                    let reads = |value| {
                        read(&json!({ "field": offered.name, "operator": operator, "value": value }), *who).is_ok()
                    };
                    assert!(values.any(reads), "{} {operator}", offered.name);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        for (who, field, operator, value) in [
            (Who::View, "recipient", "is", "a@example.com"),
            (Who::View, "status", "changed", "open"),
            (Who::Trigger, "group_id", "is", "current_groups"),
            (Who::Trigger, "NEW", "greater_than", "4"),
            (Who::Automation, "update_type", "is", "Create"),
            (Who::Trigger, "requester_twitter_verified", "is", "true"),
            (Who::Policy, "status", "is", "open"),
            (Who::Policy, "type", "includes", "incident"),
            (Who::Trigger, "requester.custom_fields.plan", "is", "gold"),
        ] {
            let sent = json!({ "field": field, "operator": operator, "value": value });

            let problem = read(&sent, who).unwrap_err();

            assert!(problem.contains(field) && problem.contains(operator), "{problem}");
        }
        assert_eq!(
            read(&json!({ "field": "status", "operator": "changed_to", "value": "open" }), Who::Trigger),
            read(&json!({ "field": "status", "operator": "value", "value": "open" }), Who::Trigger)
        );
    }

    #[test]
    fn what_came_from_elsewhere_is_shown_as_nearly_as_can_be() {
        let done = ["solved", "closed"].map(|word| is(Field::Status, Operator::Equal, Operand::Text(word.to_owned())));
        let inbox = Condition::Not(Box::new(Condition::Any(done.to_vec())));
        let spam = is(Field::Spam, Operator::Equal, Operand::Flag(true));

        let shown = view(&Condition::All(vec![inbox, spam]));

        assert_eq!(
            shown,
            json!({ "all": [{ "field": "status", "operator": "less_than", "value": "solved" }], "any": [] })
        );
    }
}
