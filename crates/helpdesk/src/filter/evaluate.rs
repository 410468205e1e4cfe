//! A condition asked of one ticket in memory. It says what the SQL of `sql.rs` says of the same ticket, and knows the message and the event
//! besides.
//!
//! A test of a value that is not there does not hold; its opposite does. Names of tags and whole texts are compared letter by letter; parts of
//! texts without regard to the case of ASCII letters. A test that a field cannot be asked does not hold either.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::{Condition, Field, Operand, Operator, Test, Viewpoint, is_date};

/// What is known of a ticket and of what happened to it. A field that is absent has no value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    now: HashMap<Field, Fact>,
    pub before: Before,
}

/// What was before that which happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Before {
    /// Nobody asked.
    #[default]
    Unknown,
    /// There was no ticket.
    Nothing,
    /// These values differed; the rest was as it is.
    Differed(HashMap<Field, Option<Fact>>),
}

impl Facts {
    pub fn new() -> Facts {
        Facts::default()
    }

    /// The value before, if it was another one than now.
    fn changed_from(&self, field: Field) -> Option<Option<&Fact>> {
        let was = match &self.before {
            Before::Unknown => return None,
            Before::Nothing => None,
            Before::Differed(values) => values.get(&field)?.as_ref(),
        };
        (was != self.now.get(&field)).then_some(was)
    }
}

impl Deref for Facts {
    type Target = HashMap<Field, Fact>;

    fn deref(&self) -> &HashMap<Field, Fact> {
        &self.now
    }
}

impl DerefMut for Facts {
    fn deref_mut(&mut self) -> &mut HashMap<Field, Fact> {
        &mut self.now
    }
}

impl FromIterator<(Field, Fact)> for Facts {
    fn from_iter<T: IntoIterator<Item = (Field, Fact)>>(facts: T) -> Facts {
        Facts { now: facts.into_iter().collect(), before: Before::Unknown }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Int(i64),
    /// Of custom fields.
    Number(f64),
    Flag(bool),
    /// A text that is none counts as empty.
    Text(Option<String>),
    Time(Timestamp),
    Names(Vec<String>),
    Ids(Vec<i64>),
}

/// Whether the condition is true.
pub fn holds(condition: &Condition, facts: &Facts, viewpoint: &Viewpoint) -> bool {
    match condition {
        Condition::All(all) => all.iter().all(|one| holds(one, facts, viewpoint)),
        Condition::Any(any) => any.iter().any(|one| holds(one, facts, viewpoint)),
        Condition::Not(inner) => !holds(inner, facts, viewpoint),
        Condition::Is(test) => test_holds(test, facts, viewpoint),
    }
}

/// The fields that a condition asks, each once.
pub fn fields(condition: &Condition, into: &mut Vec<Field>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| fields(part, into)),
        Condition::Not(inner) => fields(inner, into),
        Condition::Is(test) if !into.contains(&test.field) => into.push(test.field),
        Condition::Is(_) => {}
    }
}

/// How the log names a field: `status`, `custom_field_7`.
pub fn field_name(field: Field) -> String {
    match serde_json::to_value(field) {
        Ok(Json::String(name)) => name,
        Ok(Json::Object(object)) => object.iter().next().map(|(name, id)| format!("{name}_{id}")).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Longest text that the log of executions keeps of a value, in characters.
const SHOWN_MAX_CHARS: usize = 300;

impl Fact {
    /// As the log of executions keeps it.
    pub fn shown(&self) -> Json {
        match self {
            Fact::Int(number) => json!(number),
            Fact::Number(number) => json!(number),
            Fact::Flag(flag) => json!(flag),
            Fact::Text(text) => match text {
                Some(text) if SHOWN_MAX_CHARS < text.chars().count() => {
                    json!(text.chars().take(SHOWN_MAX_CHARS).chain("...".chars()).collect::<String>())
                }
                text => json!(text),
            },
            Fact::Time(at) => json!(at),
            Fact::Names(names) => json!(names),
            Fact::Ids(ids) => json!(ids),
        }
    }
}

fn test_holds(test: &Test, facts: &Facts, viewpoint: &Viewpoint) -> bool {
    let (operator, turned) = match test.operator {
        Operator::NotEqual => (Operator::Equal, true),
        Operator::NotContains => (Operator::Contains, true),
        Operator::NotContainsAny => (Operator::ContainsAny, true),
        Operator::NotContainsAll => (Operator::ContainsAll, true),
        Operator::IsNotEmpty => (Operator::IsEmpty, true),
        Operator::NotChanged => (Operator::Changed, true),
        Operator::NotChangedTo => (Operator::ChangedTo, true),
        Operator::NotChangedFrom => (Operator::ChangedFrom, true),
        other => (other, false),
    };
    let now = facts.get(&test.field);
    let holds = match operator {
        Operator::Changed => facts.changed_from(test.field).is_some(),
        Operator::ChangedTo => {
            facts.changed_from(test.field).is_some() && value_holds(Operator::Equal, now, &test.operand, viewpoint)
        }
        Operator::ChangedFrom => {
            let was = facts.changed_from(test.field);
            was.is_some_and(|was| value_holds(Operator::Equal, was, &test.operand, viewpoint))
        }
        operator => match (test.field, now, &test.operand) {
            (
                Field::CustomField(_) | Field::CustomerField(_) | Field::OrganizationField(_),
                Some(Fact::Text(Some(day))),
                Operand::Text(other),
            ) if operator != Operator::Equal && is_date(day) && is_date(other) => {
                compared(operator, Some(day.cmp(other))) || value_holds(operator, now, &test.operand, viewpoint)
            }
            _ => value_holds(operator, now, &test.operand, viewpoint),
        },
    };
    holds != turned
}

fn value_holds(operator: Operator, value: Option<&Fact>, operand: &Operand, viewpoint: &Viewpoint) -> bool {
    let operator =
        if operator == Operator::Equal && *operand == Operand::Nothing { Operator::IsEmpty } else { operator };
    match value {
        None => operator == Operator::IsEmpty,
        Some(fact) => plain(operator, fact, operand, viewpoint),
    }
}

fn plain(operator: Operator, fact: &Fact, operand: &Operand, viewpoint: &Viewpoint) -> bool {
    match fact {
        Fact::Int(number) => match (operator, operand) {
            (Operator::ContainsAny, Operand::List(items)) => {
                items.iter().any(|item| whole(Operator::Equal, *number, item, viewpoint))
            }
            _ => whole(operator, *number, operand, viewpoint),
        },
        Fact::Number(number) => match operand {
            Operand::Int(other) => {
                #[expect(clippy::cast_precision_loss, reason = "values of fields are floating point numbers")]
                let other = *other as f64;
                compared(operator, number.partial_cmp(&other))
            }
            Operand::Number(other) => compared(operator, number.partial_cmp(other)),
            _ => false,
        },
        Fact::Flag(flag) => matches!((operator, operand), (Operator::Equal, Operand::Flag(wanted)) if wanted == flag),
        Fact::Text(text) => text_holds(operator, text.as_deref(), operand),
        Fact::Time(at) => match (operator, operand) {
            (Operator::AtLeastAgo, Operand::Seconds(seconds)) => *at <= ago(viewpoint.now, *seconds),
            (Operator::AtMostAgo, Operand::Seconds(seconds)) => ago(viewpoint.now, *seconds) <= *at,
            (_, Operand::Time(other)) => compared(operator, Some(at.cmp(other))),
            _ => false,
        },
        Fact::Names(names) => {
            let has = |item: &Operand| matches!(item, Operand::Text(name) if names.contains(name));
            list_holds(operator, operand, names.is_empty(), has)
        }
        Fact::Ids(ids) => {
            let has = |item: &Operand| match item {
                Operand::Int(id) => ids.contains(id),
                Operand::Text(text) => text.trim().parse().is_ok_and(|id| ids.contains(&id)),
                _ => false,
            };
            list_holds(operator, operand, ids.is_empty(), has)
        }
    }
}

fn list_holds(operator: Operator, operand: &Operand, is_empty: bool, has: impl Fn(&Operand) -> bool) -> bool {
    match (operator, operand) {
        (Operator::IsEmpty, _) => is_empty,
        (Operator::Equal | Operator::Contains, item) => has(item),
        (Operator::ContainsAny, Operand::List(items)) => items.iter().any(has),
        (Operator::ContainsAll, Operand::List(items)) => items.iter().all(has),
        _ => false,
    }
}

fn whole(operator: Operator, number: i64, operand: &Operand, viewpoint: &Viewpoint) -> bool {
    let other = match operand {
        Operand::Int(other) => *other,
        Operand::Number(other) => {
            #[expect(clippy::cast_precision_loss, reason = "ids are below 2^53")]
            let number = number as f64;
            return compared(operator, number.partial_cmp(other));
        }
        Operand::Text(text) => match text.trim().parse() {
            Ok(other) => other,
            Err(_) => return false,
        },
        Operand::CurrentUser => match viewpoint.person_id {
            Some(id) => id,
            None => return false,
        },
        _ => return false,
    };
    compared(operator, Some(number.cmp(&other)))
}

fn compared(operator: Operator, ordering: Option<std::cmp::Ordering>) -> bool {
    ordering.is_some_and(|ordering| match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::Less => ordering.is_lt(),
        Operator::AtMost => ordering.is_le(),
        Operator::More => ordering.is_gt(),
        Operator::AtLeast => ordering.is_ge(),
        _ => false,
    })
}

fn text_holds(operator: Operator, text: Option<&str>, operand: &Operand) -> bool {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        // An empty text still has every empty part.
        return match (operator, operand) {
            (Operator::IsEmpty, _) => true,
            (Operator::ContainsAll, Operand::List(items)) if items.is_empty() => true,
            _ if text.is_some() => parts_hold(operator, "", operand),
            _ => false,
        };
    };
    parts_hold(operator, text, operand)
}

fn parts_hold(operator: Operator, text: &str, operand: &Operand) -> bool {
    let lower = || text.to_ascii_lowercase();
    let part = |item: &Operand| text_of(item).map(|part| part.to_ascii_lowercase());
    match (operator, operand) {
        (Operator::Equal, operand) => text_of(operand).is_some_and(|other| other == text),
        (Operator::Contains, item) => part(item).is_some_and(|part| lower().contains(&part)),
        (Operator::StartsWith, item) => part(item).is_some_and(|part| lower().starts_with(&part)),
        (Operator::EndsWith, item) => part(item).is_some_and(|part| lower().ends_with(&part)),
        (Operator::ContainsAny, Operand::List(items)) => {
            let text = lower();
            items.iter().any(|item| part(item).is_some_and(|part| text.contains(&part)))
        }
        (Operator::ContainsAll, Operand::List(items)) => {
            let text = lower();
            items.iter().all(|item| part(item).is_some_and(|part| text.contains(&part)))
        }
        _ => false,
    }
}

fn text_of(operand: &Operand) -> Option<String> {
    match operand {
        Operand::Text(text) => Some(text.clone()),
        Operand::Int(number) => Some(number.to_string()),
        Operand::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(if seconds < 0 {
        Timestamp::MAX
    } else {
        Timestamp::MIN
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(field: Field, fact: Option<Fact>, operator: Operator, operand: Operand) -> bool {
        let facts: Facts = fact.into_iter().map(|fact| (field, fact)).collect();
        let viewpoint = Viewpoint { now: Timestamp::from_second(1_000_000).unwrap(), person_id: Some(7) };
        holds(&Condition::Is(Test { field, operator, operand }), &facts, &viewpoint)
    }

    fn text(text: &str) -> Operand {
        Operand::Text(text.to_owned())
    }

    #[test]
    fn what_is_not_there_holds_nothing_but_the_opposites() {
        let field = Field::AssigneeUserId;
        assert!(!says(field, None, Operator::Equal, Operand::Int(7)));
        assert!(says(field, None, Operator::NotEqual, Operand::Int(7)));
        assert!(!says(field, None, Operator::Less, Operand::Int(7)));
        assert!(says(field, None, Operator::IsEmpty, Operand::Nothing));
        assert!(says(field, None, Operator::Equal, Operand::Nothing));
        assert!(!says(field, None, Operator::IsNotEmpty, Operand::Nothing));
        assert!(says(Field::Subject, Some(Fact::Text(None)), Operator::NotContains, text("a")));
        assert!(says(Field::Subject, Some(Fact::Text(Some(String::new()))), Operator::IsEmpty, Operand::Nothing));
    }

    #[test]
    fn case_counts_in_whole_texts_and_tags_and_not_in_parts() {
        let subject = || Some(Fact::Text(Some("Refund ÄRGER".to_owned())));
        assert!(!says(Field::Subject, subject(), Operator::Equal, text("refund ÄRGER")));
        assert!(says(Field::Subject, subject(), Operator::StartsWith, text("REFUND")));
        assert!(!says(Field::Subject, subject(), Operator::EndsWith, text("ärger")));
        let tags = || Some(Fact::Names(vec!["VIP".to_owned(), "late".to_owned()]));
        let list = |words: &[&str]| Operand::List(words.iter().map(|word| text(word)).collect());
        assert!(says(Field::Tags, tags(), Operator::ContainsAny, list(&["x", "VIP"])));
        assert!(!says(Field::Tags, tags(), Operator::Contains, text("vip")));
        assert!(says(Field::Tags, tags(), Operator::NotContainsAll, list(&["VIP", "x"])));
        assert!(says(Field::Tags, tags(), Operator::ContainsAll, list(&[])));
    }

    #[test]
    fn numbers_times_and_the_person_are_compared() {
        let at = |second| Some(Fact::Time(Timestamp::from_second(second).unwrap()));
        assert!(says(Field::UpdatedAt, at(900_000), Operator::AtLeastAgo, Operand::Seconds(86_400)));
        assert!(!says(Field::UpdatedAt, at(999_000), Operator::AtLeastAgo, Operand::Seconds(86_400)));
        assert!(says(Field::UpdatedAt, at(999_000), Operator::AtMostAgo, Operand::Seconds(86_400)));
        assert!(says(Field::AssigneeUserId, Some(Fact::Int(7)), Operator::Equal, Operand::CurrentUser));
        assert!(!says(Field::Id, Some(Fact::Int(7)), Operator::Equal, Operand::Number(7.5)));
        assert!(says(Field::Id, Some(Fact::Int(7)), Operator::Less, Operand::Number(7.5)));
        assert!(says(Field::CustomField(1), Some(Fact::Number(2.5)), Operator::AtLeast, Operand::Int(2)));
        // A test that the value cannot be asked.
        assert!(!says(Field::CustomField(1), Some(Fact::Number(2.5)), Operator::Contains, text("2")));
    }

    #[test]
    fn a_change_is_known_only_where_what_was_before_is() {
        let viewpoint = Viewpoint { now: Timestamp::from_second(1_000_000).unwrap(), person_id: None };
        let solved = Fact::Text(Some("solved".to_owned()));
        let mut facts: Facts = [(Field::Status, solved)].into_iter().collect();
        let asks = |facts: &Facts, operator, operand: &str| {
            let operand = if operand.is_empty() { Operand::Nothing } else { text(operand) };
            holds(&Condition::Is(Test { field: Field::Status, operator, operand }), facts, &viewpoint)
        };
        assert!(!asks(&facts, Operator::Changed, "") && asks(&facts, Operator::NotChanged, ""));

        facts.before = Before::Differed([(Field::Status, Some(Fact::Text(Some("open".to_owned()))))].into());
        assert!(asks(&facts, Operator::Changed, ""));
        assert!(asks(&facts, Operator::ChangedTo, "solved") && !asks(&facts, Operator::ChangedTo, "open"));
        assert!(asks(&facts, Operator::ChangedFrom, "open") && asks(&facts, Operator::NotChangedFrom, "new"));

        facts.before = Before::Nothing;
        assert!(asks(&facts, Operator::ChangedTo, "solved") && asks(&facts, Operator::ChangedFrom, ""));
    }
}
