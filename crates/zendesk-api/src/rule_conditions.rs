//! Conditions that rules alone can ask: what just happened to a ticket, and how long ago something was, to the hour (Zendesk contract,
//! `types.Condition`). What views can ask as well is in `conditions.rs`.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::Status;
use serde_json::{Value, json};

use crate::condition_definitions::Offered;
use crate::conditions::{
    self, equal, hours_field, hours_name, id_value, is, name_of, say_operand, seconds_of, shown_word, stored_priority,
    stored_status, type_value, value_of, words,
};
use crate::sla_filters::{channel_number, channel_word};

/// Operators that ask what was before: the first spelling is the one that is told.
const TURNS: &[(&str, Operator)] = &[
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

/// Hours since a ticket has a status, which it must still have.
const SINCE: &[(&str, Status)] = &[
    ("OPEN", Status::Open),
    ("PENDING", Status::Pending),
    ("HOLD", Status::OnHold),
    ("ON_HOLD", Status::OnHold),
    ("CLOSED", Status::Closed),
];

const DUE: &str = "due_date";
const UNTIL_DUE: &str = "until_due_date";
const NEW: &str = "ticket-created";
const OLD: &str = "ticket-updated";
/// Scores from here on are good.
const GOOD: i64 = 4;

/// What rules are offered besides.
pub(crate) const OFFERED: &[Offered] = &[
    ("update_type", "Ticket", &["is"]),
    ("brand_id", "Brand", &["is", "is_not"]),
    ("via_id", "Channel", &["is", "is_not"]),
    ("role", "Current user", &["is", "is_not"]),
    ("comment_is_public", "Comment is", &["is"]),
    ("comment_includes_word", "Comment text", &["includes", "not_includes", "is", "is_not"]),
    ("satisfaction_score", "Satisfaction", &["is"]),
];
/// Operators of what was before, for fields that are offered to views too.
pub(crate) const TURNING: &[&str] =
    &["changed", "value", "value_previous", "not_changed", "not_value", "not_value_previous"];

/// One condition that views cannot ask. None: no such thing.
pub(crate) fn read(field: &str, operator: &str, value: &Value) -> Option<Condition> {
    if let Some((_, turn)) = TURNS.iter().find(|(word, _)| *word == operator) {
        let (field, operand) = turned(field, value, *turn)?;
        return Some(is(field, *turn, operand));
    }
    match field {
        "update_type" => {
            let kind = match value.as_str()? {
                "Create" => NEW,
                "Change" => OLD,
                _ => return None,
            };
            equal(operator, Field::EventKind, Some(Operand::Text(kind.to_owned())))
        }
        "brand_id" => equal(operator, Field::BrandId, id_value(Field::BrandId, value)),
        "via_id" => {
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
            equal(operator, Field::Channel, Some(Operand::Text(channel_word(number)?.to_owned())))
        }
        "role" => role(operator, value),
        "comment_is_public" => {
            let (operator, operand) = match (value, value.as_str()) {
                (Value::Bool(flag), _) => (Operator::Equal, Operand::Flag(*flag)),
                (_, Some("true" | "requester_can_see_comment")) => (Operator::Equal, Operand::Flag(true)),
                (_, Some("false")) => (Operator::Equal, Operand::Flag(false)),
                (_, Some("not_relevant")) => (Operator::IsNotEmpty, Operand::Nothing),
                _ => return None,
            };
            Some(is(Field::MessagePublic, operator, operand))
        }
        "comment_includes_word" => match operator {
            "is" | "is_not" => {
                let operator = if operator == "is" { Operator::Contains } else { Operator::NotContains };
                Some(is(Field::MessageBody, operator, Operand::Text(conditions::text_of(value)?)))
            }
            _ => words(operator, Field::MessageBody, value),
        },
        "satisfaction_score" => match (operator, value.as_str()?) {
            ("is", "good" | "good_with_comment") => Some(is(Field::SurveyScore, Operator::AtLeast, Operand::Int(GOOD))),
            ("is", "bad" | "bad_with_comment") => Some(is(Field::SurveyScore, Operator::Less, Operand::Int(GOOD))),
            _ => None,
        },
        DUE => span(operator, Field::DueAt, seconds_of(value)?),
        UNTIL_DUE => until(operator, seconds_of(value)?),
        _ => match (SINCE.iter().find(|(name, _)| *name == field), hours_field(field)) {
            (Some((_, status)), _) => {
                let in_it = is(Field::Status, Operator::Equal, Operand::Text(status.word().to_owned()));
                let since = span(operator, Field::StatusChangedAt, seconds_of(value)?)?;
                Some(Condition::All(vec![in_it, since]))
            }
            (None, Some(field)) if operator == "is" => span(operator, field, seconds_of(value)?),
            _ => None,
        },
    }
}

/// What was another one before.
fn turned(field: &str, value: &Value, turn: Operator) -> Option<(Field, Operand)> {
    let wants_value = !matches!(turn, Operator::Changed | Operator::NotChanged);
    let operand = |operand: Option<Operand>| if wants_value { operand } else { Some(Operand::Nothing) };
    let word = |stored: fn(&str) -> Option<&'static str>| {
        let word = value.as_str()?.to_ascii_lowercase();
        Some(Operand::Text(stored(&word)?.to_owned()))
    };
    Some(match field {
        "status" => (Field::Status, operand(word(stored_status))?),
        "priority" => (Field::Priority, operand(word(stored_priority))?),
        "type" => (Field::TicketType, operand(type_value(value))?),
        "brand_id" => (Field::BrandId, operand(id_value(Field::BrandId, value))?),
        "current_tags" if !wants_value => (Field::Tags, Operand::Nothing),
        _ => match (conditions::id_field(field), field.strip_prefix("custom_fields_")) {
            (Some(field), _) => (field, operand(id_value(field, value))?),
            (None, Some(id)) => (Field::CustomField(id.parse().ok()?), operand(value_of(value))?),
            _ => return None,
        },
    })
}

fn role(operator: &str, value: &Value) -> Option<Condition> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let (field, operand) = match (number, value.as_str()) {
        (Some(id), _) => (Field::ActorId, Operand::Int(id)),
        (None, Some("agent")) => (Field::ActorIsStaff, Operand::Flag(true)),
        (None, Some("end_user")) => (Field::ActorIsStaff, Operand::Flag(false)),
        _ => return None,
    };
    equal(operator, field, Some(operand))
}

/// `is` is the hour that begins so long after.
fn span(operator: &str, field: Field, seconds: i64) -> Option<Condition> {
    match operator {
        "less_than" => Some(is(field, Operator::AtMostAgo, Operand::Seconds(seconds))),
        "greater_than" => Some(is(field, Operator::AtLeastAgo, Operand::Seconds(seconds))),
        "is" => {
            let begun = is(field, Operator::AtLeastAgo, Operand::Seconds(seconds));
            let over = is(field, Operator::AtLeastAgo, Operand::Seconds(seconds + 3_600));
            Some(Condition::All(vec![begun, Condition::Not(Box::new(over))]))
        }
        _ => None,
    }
}

/// Hours that are still to come.
fn until(operator: &str, seconds: i64) -> Option<Condition> {
    let within = |seconds: i64| is(Field::DueAt, Operator::AtLeastAgo, Operand::Seconds(-seconds));
    let ahead = is(Field::DueAt, Operator::AtMostAgo, Operand::Seconds(0));
    match operator {
        "less_than" => Some(Condition::All(vec![ahead, within(seconds)])),
        "greater_than" => Some(is(Field::DueAt, Operator::AtMostAgo, Operand::Seconds(-seconds))),
        "is" => Some(Condition::All(vec![
            is(Field::DueAt, Operator::AtMostAgo, Operand::Seconds(-seconds)),
            within(seconds + 3_600),
        ])),
        _ => None,
    }
}

/// The way back.
pub(crate) fn say(condition: &Condition) -> Option<Value> {
    match condition {
        Condition::Is(test) => say_test(test),
        Condition::All(parts) => match parts.as_slice() {
            [Condition::Is(first), Condition::Is(second)] => say_pair(first, second),
            [Condition::Is(first), rest] => {
                if let (Field::Status, Operand::Text(word)) = (first.field, &first.operand) {
                    let (name, _) = SINCE.iter().find(|(_, status)| status.word() == word)?;
                    let (operator, seconds) = say_span(rest, Field::StatusChangedAt)?;
                    return Some(said(name, operator, seconds));
                }
                let (operator, seconds) = say_span(condition, first.field)?;
                let name = if first.field == Field::DueAt { DUE } else { hours_name(first.field)? };
                Some(said(name, operator, seconds))
            }
            _ => None,
        },
        Condition::Any(_) | Condition::Not(_) => None,
    }
}

fn said(name: &str, operator: &str, seconds: i64) -> Value {
    json!({ "field": name, "operator": operator, "value": (seconds / 3_600).to_string() })
}

/// What `span` made of a field.
fn say_span(condition: &Condition, of: Field) -> Option<(&'static str, i64)> {
    let at_least = |condition: &Condition| match condition {
        Condition::Is(Test { field, operator: Operator::AtLeastAgo, operand: Operand::Seconds(seconds) })
            if *field == of =>
        {
            Some(*seconds)
        }
        _ => None,
    };
    match condition {
        Condition::Is(Test { field, operator: Operator::AtMostAgo, operand: Operand::Seconds(seconds) })
            if *field == of =>
        {
            Some(("less_than", *seconds))
        }
        Condition::All(parts) => match parts.as_slice() {
            [begun, Condition::Not(over)] => {
                let (begun, over) = (at_least(begun)?, at_least(over)?);
                (over == begun + 3_600).then_some(("is", begun))
            }
            _ => None,
        },
        one => Some(("greater_than", at_least(one)?)),
    }
}

fn say_pair(first: &Test, second: &Test) -> Option<Value> {
    match (first.field, &first.operand, second.field) {
        (Field::Status, Operand::Text(word), Field::StatusChangedAt) => {
            let (name, _) = SINCE.iter().find(|(_, status)| status.word() == word)?;
            let (operator, seconds) = say_span(&Condition::Is(second.clone()), Field::StatusChangedAt)?;
            Some(said(name, operator, seconds))
        }
        (Field::DueAt, Operand::Seconds(from), Field::DueAt) => match second.operand {
            Operand::Seconds(to) if *from == 0 => Some(said(UNTIL_DUE, "less_than", -to)),
            Operand::Seconds(to) if *from == to + 3_600 => Some(said(UNTIL_DUE, "is", -from)),
            _ => None,
        },
        _ => None,
    }
}

fn say_test(test: &Test) -> Option<Value> {
    let said_as = |field: &str, operator: &str, value: Value| {
        Some(json!({ "field": field, "operator": operator, "value": value }))
    };
    if let Some((word, _)) = TURNS.iter().find(|(_, turn)| *turn == test.operator) {
        let name = if test.field == Field::BrandId { "brand_id".to_owned() } else { name_of(test.field)? };
        let value = match test.operator {
            Operator::Changed | Operator::NotChanged => Value::Null,
            _ => say_operand(test.field, &test.operand)?,
        };
        return said_as(&name, word, value);
    }
    let equal = match test.operator {
        Operator::Equal => Some("is"),
        Operator::NotEqual => Some("is_not"),
        _ => None,
    };
    match (test.field, &test.operand) {
        (Field::EventKind, Operand::Text(kind)) => {
            said_as("update_type", equal?, json!(if kind == NEW { "Create" } else { "Change" }))
        }
        (Field::BrandId, operand) => said_as("brand_id", equal?, say_operand(test.field, operand)?),
        (Field::Channel, Operand::Text(word)) => said_as("via_id", equal?, json!(channel_number(word)?.to_string())),
        (Field::ActorId, Operand::Int(id)) => said_as("role", equal?, json!(id.to_string())),
        (Field::ActorIsStaff, Operand::Flag(staff)) => {
            said_as("role", equal?, json!(if *staff { "agent" } else { "end_user" }))
        }
        (Field::MessagePublic, Operand::Flag(public)) => {
            said_as("comment_is_public", equal?, json!(public.to_string()))
        }
        (Field::MessagePublic, Operand::Nothing) if test.operator == Operator::IsNotEmpty => {
            said_as("comment_is_public", "is", json!("not_relevant"))
        }
        (Field::MessageBody, Operand::Text(text)) => match test.operator {
            Operator::Contains => said_as("comment_includes_word", "is", json!(text)),
            Operator::NotContains => said_as("comment_includes_word", "is_not", json!(text)),
            _ => None,
        },
        (Field::MessageBody, Operand::List(items)) => {
            let operator = match test.operator {
                Operator::ContainsAny => "includes",
                Operator::NotContainsAny => "not_includes",
                _ => return None,
            };
            said_as("comment_includes_word", operator, json!(conditions::joined_words(items)?))
        }
        (Field::SurveyScore, Operand::Int(GOOD)) => match test.operator {
            Operator::AtLeast => said_as("satisfaction_score", "is", json!("good")),
            Operator::Less => said_as("satisfaction_score", "is", json!("bad")),
            _ => None,
        },
        (Field::DueAt, Operand::Seconds(seconds)) => {
            let (operator, seconds) = match (test.operator, *seconds) {
                (Operator::AtMostAgo, seconds) if seconds < 0 => {
                    return Some(said(UNTIL_DUE, "greater_than", -seconds));
                }
                (Operator::AtMostAgo, seconds) => ("less_than", seconds),
                (Operator::AtLeastAgo, seconds) => ("greater_than", seconds),
                _ => return None,
            };
            Some(said(DUE, operator, seconds))
        }
        (Field::Status, Operand::Text(word)) => said_as("status", equal?, json!(shown_word(Field::Status, word))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_rules_come_back_as_they_were_written() {
        for (field, operator, value) in [
            ("update_type", "is", json!("Create")),
            ("status", "value", json!("solved")),
            ("status", "not_value_previous", json!("hold")),
            ("priority", "changed", Value::Null),
            ("assignee_id", "value", json!("")),
            ("custom_fields_7", "value", json!("blue")),
            ("brand_id", "is_not", json!("3")),
            ("via_id", "is", json!("4")),
            ("role", "is", json!("end_user")),
            ("role", "is_not", json!("7")),
            ("comment_is_public", "is", json!("not_relevant")),
            ("comment_is_public", "is", json!("false")),
            ("comment_includes_word", "includes", json!("refund money")),
            ("satisfaction_score", "is", json!("bad")),
            ("NEW", "is", json!("4")),
            ("SOLVED", "is", json!("96")),
            ("PENDING", "greater_than", json!("24")),
            ("HOLD", "is", json!("24")),
            ("OPEN", "less_than", json!("2")),
            ("due_date", "is", json!("1")),
            ("due_date", "greater_than", json!("1")),
            ("until_due_date", "less_than", json!("8")),
            ("until_due_date", "greater_than", json!("8")),
            ("until_due_date", "is", json!("8")),
        ] {
            let sent = json!({ "field": field, "operator": operator, "value": value });

            let read = read(field, operator, &value).unwrap_or_else(|| panic!("{sent}"));

            assert_eq!(say(&read), Some(sent), "{read:?}");
        }
        assert_eq!(read("status", "changed_to", &json!("open")), read("status", "value", &json!("open")));
    }
}
