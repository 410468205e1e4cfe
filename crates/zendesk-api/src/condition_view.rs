//! The way back from a `Condition` to the vendor's words (`conditions.rs`). It says as much as these words can: a condition that came from
//! elsewhere may have parts without a form here, which are left out of what is shown and still hold.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::Status;
use serde_json::{Value, json};

use crate::condition_fields::{Kind, named};
use crate::condition_words::{
    CHANNELS, MOMENTS, REQUESTER_ROLES, SATISFACTIONS, UPDATES, VIAS, locale, roles_of, satisfaction,
};
use crate::conditions::TURNS;
use crate::ticket_view::{PRIORITIES, STATUSES, status_word};
use crate::{condition_times, locales, time};

/// `conditions` of an answer.
pub(crate) fn view(condition: &Condition) -> Value {
    let (all, any) = shown(condition);
    json!({ "all": all, "any": any })
}

/// Both lists, as nearly as these words say it.
pub(crate) fn shown(condition: &Condition) -> (Vec<Value>, Vec<Value>) {
    let said_of = |parts: &[Condition]| -> Vec<Value> { parts.iter().filter_map(say).collect() };
    let (all, any): (&[Condition], &[Condition]) = match condition {
        Condition::All(parts) => match parts.as_slice() {
            [Condition::All(all), Condition::Any(any)] => (all, any),
            [Condition::All(all)] => (all, &[]),
            // As filters of promises were stored once.
            [all @ .., Condition::Any(any)] if say(&Condition::Any(any.clone())).is_none() => (all, any),
            parts => (parts, &[]),
        },
        Condition::Any(parts) if say(condition).is_none() => (&[], parts),
        one => (std::slice::from_ref(one), &[]),
    };
    let mut alternatives = said_of(any);
    if alternatives.len() < any.len() {
        // Fewer alternatives would ask for something else.
        alternatives.clear();
    }
    (said_of(all), alternatives)
}

fn said(field: &str, operator: &str, value: Value) -> Value {
    json!({ "field": field, "operator": operator, "value": value })
}

fn say(condition: &Condition) -> Option<Value> {
    if let Some(told) = say_whole(condition, "is") {
        return Some(told);
    }
    match condition {
        Condition::Is(test) => say_test(test),
        Condition::Any(parts) => say_ranks(parts, false),
        Condition::All(_) => None,
        Condition::Not(inner) => say_whole(inner, "is_not").or_else(|| match inner.as_ref() {
            Condition::Any(parts) => say_ranks(parts, true),
            Condition::Is(test) => say_test(&Test { operator: opposite(test.operator)?, ..test.clone() }),
            _ => None,
        }),
    }
}

/// What takes several tests, and times.
fn say_whole(condition: &Condition, operator: &str) -> Option<Value> {
    if operator == "is"
        && let Some(told) = condition_times::say(condition)
    {
        return Some(told);
    }
    if let Some(word) = SATISFACTIONS.iter().find(|word| satisfaction(word).as_ref() == Some(condition)) {
        return Some(said("satisfaction_score", operator, json!(word)));
    }
    let Condition::Any(parts) = condition else { return None };
    let mut words = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Condition::Is(Test {
                field: Field::CustomerRole,
                operator: Operator::Equal,
                operand: Operand::Text(word),
            }) => {
                words.push(word.as_str());
            }
            Condition::Is(Test { field: Field::CustomerLanguage, .. }) => {
                let id = locales::ids()
                    .into_iter()
                    .find(|id| locale(Field::CustomerLanguage, *id).as_ref() == Some(condition))?;
                return Some(said("locale_id", operator, json!(id.to_string())));
            }
            _ => return None,
        }
    }
    let number = REQUESTER_ROLES.iter().find(|number| roles_of(**number).is_some_and(|roles| roles == words))?;
    Some(said("requester_role", operator, json!(number.to_string())))
}

const fn opposite(operator: Operator) -> Option<Operator> {
    Some(match operator {
        Operator::Equal => Operator::NotEqual,
        Operator::NotEqual => Operator::Equal,
        Operator::IsEmpty => Operator::IsNotEmpty,
        Operator::IsNotEmpty => Operator::IsEmpty,
        Operator::ContainsAny => Operator::NotContainsAny,
        Operator::NotContainsAny => Operator::ContainsAny,
        Operator::Contains => Operator::NotContains,
        Operator::NotContains => Operator::Contains,
        _ => return None,
    })
}

/// The first or the last of words that have an order.
fn say_ranks(parts: &[Condition], turned: bool) -> Option<Value> {
    let Some(Condition::Is(Test { field, .. })) = parts.first() else { return None };
    let (name, order) = match field {
        Field::Status => ("status", STATUSES),
        Field::Priority => ("priority", PRIORITIES),
        _ => return None,
    };
    let mut holds = vec![turned; order.len()];
    for part in parts {
        let Condition::Is(Test { field: of, operator: Operator::Equal, operand: Operand::Text(word) }) = part else {
            return None;
        };
        let at = order.iter().position(|known| (of == field) && shown_word(*field, word) == *known)?;
        holds[at] = !turned;
    }
    let first = holds.iter().position(|it| *it)?;
    let last = holds.iter().rposition(|it| *it)?;
    if !holds[first..=last].iter().all(|it| *it) {
        return None;
    }
    match (first, last) {
        (first, last) if first == last => Some(said(name, "is", json!(order[first]))),
        (0, last) if last + 1 < order.len() => Some(said(name, "less_than", json!(order[last + 1]))),
        (first, last) if 0 < first && last + 1 == order.len() => {
            Some(said(name, "greater_than", json!(order[first - 1])))
        }
        _ => None,
    }
}

fn shown_word(field: Field, word: &str) -> &str {
    match field {
        Field::Status => match Status::parse(word) {
            Some(status) => status_word(status),
            None => word,
        },
        _ => word,
    }
}

/// Words with blanks between them. None if one could not be told apart.
fn joined_words(items: &[Operand]) -> Option<String> {
    let words = items.iter().map(|item| match item {
        Operand::Text(word) if !word.contains(char::is_whitespace) => Some(word.as_str()),
        _ => None,
    });
    Some(words.collect::<Option<Vec<_>>>()?.join(" "))
}

fn say_test(test: &Test) -> Option<Value> {
    if test.field == Field::ActorId {
        let Operand::Int(id) = &test.operand else { return None };
        return Some(said("role", say_equal(test.operator)?, json!(id.to_string())));
    }
    if test.field == Field::CreatedAt {
        let Operand::Time(at) = test.operand else { return None };
        let (word, _) = MOMENTS.iter().find(|(_, known)| *known == test.operator)?;
        return Some(said("exact_created_at", word, json!(time::format(at))));
    }
    let (name, kind) = named(test.field)?;
    if let Some((word, _)) = TURNS.iter().find(|(_, turn)| *turn == test.operator) {
        let value = match test.operator {
            Operator::Changed | Operator::NotChanged => Value::Null,
            _ => say_operand(test.field, kind, &test.operand)?,
        };
        return Some(said(&name, word, value));
    }
    let (operator, value) = say_as(test, kind)?;
    Some(said(&name, operator, value))
}

fn say_equal(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::Equal => Some("is"),
        Operator::NotEqual => Some("is_not"),
        _ => None,
    }
}

fn say_as(test: &Test, kind: Kind) -> Option<(&'static str, Value)> {
    let number_in = |list: &[(i64, &str)]| match &test.operand {
        Operand::Text(word) => list.iter().find(|(_, known)| known == word).map(|(number, _)| number.to_string()),
        _ => None,
    };
    let flag = |yes: &str, no: &str| match (test.operator, &test.operand) {
        (Operator::Equal, Operand::Flag(flag)) => Some(("is", json!(if *flag { yes } else { no }))),
        _ => None,
    };
    match kind {
        Kind::Tags | Kind::Words => match (test.operator, &test.operand) {
            (Operator::ContainsAny, Operand::List(items)) => Some(("includes", json!(joined_words(items)?))),
            (Operator::NotContainsAny, Operand::List(items)) => Some(("not_includes", json!(joined_words(items)?))),
            (Operator::Equal | Operator::Contains, Operand::Text(word)) if kind == Kind::Tags => {
                (!word.contains(char::is_whitespace)).then(|| ("includes", json!(word)))
            }
            (Operator::NotEqual | Operator::NotContains, Operand::Text(word)) if kind == Kind::Tags => {
                (!word.contains(char::is_whitespace)).then(|| ("not_includes", json!(word)))
            }
            (Operator::Contains, Operand::Text(text)) => Some(("is", json!(text))),
            (Operator::NotContains, Operand::Text(text)) => Some(("is_not", json!(text))),
            _ => None,
        },
        Kind::Channel => Some((say_equal(test.operator)?, json!(number_in(CHANNELS)?))),
        Kind::Via => Some((say_equal(test.operator)?, json!(number_in(VIAS)?))),
        Kind::Role => match test.operand {
            Operand::Flag(staff) => Some((say_equal(test.operator)?, json!(if staff { "agent" } else { "end_user" }))),
            _ => None,
        },
        Kind::UpdateType => match (test.operator, &test.operand) {
            (Operator::Equal, Operand::Text(kind)) => {
                let (word, _) = UPDATES.iter().find(|(_, known)| known == kind)?;
                Some(("is", json!(word)))
            }
            _ => None,
        },
        Kind::CommentPublic => match (test.operator, &test.operand) {
            (Operator::Equal, Operand::Flag(public)) => Some(("is", json!(public.to_string()))),
            (Operator::IsNotEmpty, Operand::Nothing) => Some(("is", json!("not_relevant"))),
            _ => None,
        },
        Kind::Privacy => flag("public", "private"),
        Kind::YesNo => flag("true", "false"),
        Kind::Presence => flag("present", "not_present"),
        Kind::Reason => Some((say_equal(test.operator)?, say_operand(test.field, kind, &test.operand)?)),
        Kind::Address => match (test.operator, &test.operand) {
            (Operator::Contains, Operand::Text(text)) => Some(("is", json!(text))),
            (Operator::NotContains, Operand::Text(text)) => Some(("is_not", json!(text))),
            _ => None,
        },
        Kind::Count => {
            let operator = match test.operator {
                Operator::Equal => "is",
                Operator::Less => "less_than",
                Operator::More => "greater_than",
                _ => return None,
            };
            Some((operator, say_operand(test.field, kind, &test.operand)?))
        }
        Kind::Custom => say_custom(test),
        Kind::Status | Kind::Priority | Kind::Type | Kind::Id | Kind::Person | Kind::Group | Kind::OpenSchedule => {
            match test.operator {
                Operator::IsEmpty => Some(("is", json!(""))),
                Operator::IsNotEmpty => Some(("is_not", json!(""))),
                operator => Some((say_equal(operator)?, say_operand(test.field, kind, &test.operand)?)),
            }
        }
        Kind::TypeNumber
        | Kind::Locale
        | Kind::RequesterRole
        | Kind::Satisfaction
        | Kind::Hours
        | Kind::Since(_)
        | Kind::Until
        | Kind::Moment => None,
    }
}

fn say_custom(test: &Test) -> Option<(&'static str, Value)> {
    let value = || say_operand(test.field, Kind::Custom, &test.operand);
    Some(match (test.operator, &test.operand) {
        (Operator::IsEmpty, _) => ("not_present", Value::Null),
        (Operator::IsNotEmpty, _) => ("present", Value::Null),
        (Operator::Equal, _) => ("is", value()?),
        (Operator::NotEqual, _) => ("is_not", value()?),
        (Operator::Contains, Operand::Text(text)) => ("includes_string", json!(text)),
        (Operator::NotContains, Operand::Text(text)) => ("not_includes_string", json!(text)),
        (Operator::ContainsAny, Operand::List(items)) => ("includes", json!(joined_words(items)?)),
        (Operator::NotContainsAny, Operand::List(items)) => ("not_includes", json!(joined_words(items)?)),
        (Operator::Less, Operand::Int(number)) => ("less_than", json!(number)),
        (Operator::More, Operand::Int(number)) => ("greater_than", json!(number)),
        _ => return None,
    })
}

fn say_operand(field: Field, kind: Kind, operand: &Operand) -> Option<Value> {
    match operand {
        Operand::Nothing => Some(json!("")),
        Operand::Text(word) => Some(json!(shown_word(field, word))),
        Operand::Int(number) if kind == Kind::Custom => Some(json!(number)),
        // Quirk: ids of conditions are told in quotes.
        Operand::Int(number) => Some(json!(number.to_string())),
        Operand::Number(number) => Some(json!(number)),
        Operand::Flag(flag) => Some(json!(flag.to_string())),
        Operand::CurrentUser => Some(json!("current_user")),
        Operand::CurrentTeams => Some(json!("current_groups")),
        Operand::Time(_) | Operand::Seconds(_) | Operand::BusinessSeconds(_) | Operand::List(_) => None,
    }
}
