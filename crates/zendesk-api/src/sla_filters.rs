//! The conditions of an SLA policy, both ways between the vendor's words and our `Condition` (Zendesk contract, `types.ConditionSet`).
//! They ask what a ticket is, never what just happened to it.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::TicketType;
use serde_json::{Value, json};

use crate::fields::Fields;

/// How the value of a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Id,
    /// The types of tickets.
    Type,
    /// Where it came from, by the vendor's number.
    Channel,
    /// Names with blanks between them.
    Tags,
    /// Of a custom field.
    Custom,
}

const FIELDS: &[(&str, &str, Field, Kind)] = &[
    ("type", "Type", Field::TicketType, Kind::Type),
    ("current_tags", "Tags", Field::Tags, Kind::Tags),
    ("group_id", "Group", Field::AssigneeTeamId, Kind::Id),
    ("assignee_id", "Assignee", Field::AssigneeUserId, Kind::Id),
    ("requester_id", "Requester", Field::CustomerId, Kind::Id),
    ("organization_id", "Organization", Field::OrganizationId, Kind::Id),
    ("ticket_form_id", "Form", Field::FormId, Kind::Id),
    ("brand_id", "Brand", Field::BrandId, Kind::Id),
    ("via_id", "Channel", Field::Channel, Kind::Channel),
];
const CUSTOM: &str = "custom_fields_";

/// The vendor's numbers of channels, and our words.
const CHANNELS: &[(i64, &str)] = &[(0, "contact_form"), (4, "email"), (5, "api"), (29, "chat"), (33, "phone")];

/// Our word for the vendor's number of a channel, and the other way round.
pub(crate) fn channel_word(number: i64) -> Option<&'static str> {
    CHANNELS.iter().find(|(known, _)| *known == number).map(|(_, word)| *word)
}

pub(crate) fn channel_number(word: &str) -> Option<i64> {
    CHANNELS.iter().find(|(_, known)| *known == word).map(|(number, _)| *number)
}

const VALUE_MAX_CHARS: usize = 4_096;
const TYPES: &[TicketType] = TicketType::ALL;

/// `{all: [...], any: [...]}`. What it cannot ask is a problem that names the condition.
pub(crate) fn read(fields: &mut Fields) -> Condition {
    let all = fields.each("all", read_one).unwrap_or_default();
    let any = fields.each("any", read_one).unwrap_or_default();
    let mut parts: Vec<Condition> = all.into_iter().flatten().collect();
    let any: Vec<Condition> = any.into_iter().flatten().collect();
    if !any.is_empty() {
        parts.push(Condition::Any(any));
    }
    Condition::All(parts)
}

fn read_one(fields: &mut Fields) -> Option<Condition> {
    fields.require("field");
    fields.require("operator");
    let name = fields.some_text("field", VALUE_MAX_CHARS)?;
    let word = fields.some_text("operator", VALUE_MAX_CHARS)?;
    let value = fields.value("value").unwrap_or_default();
    let Some((field, kind)) = field_of(&name) else {
        fields.problem("field", format!("cannot be {name}"));
        return None;
    };
    let Some(operator) = operator_of(kind, &word) else {
        fields.problem("operator", format!("of {name} cannot be {word}"));
        return None;
    };
    let operand = if matches!(operator, Operator::IsEmpty | Operator::IsNotEmpty) {
        Some(Operand::Nothing)
    } else {
        operand_of(kind, &value)
    };
    let Some(operand) = operand else {
        fields.problem("value", format!("of {name} cannot be {value}"));
        return None;
    };
    Some(Condition::Is(Test { field, operator, operand }))
}

fn field_of(name: &str) -> Option<(Field, Kind)> {
    if let Some(id) = name.strip_prefix(CUSTOM) {
        return Some((Field::CustomField(id.parse().ok()?), Kind::Custom));
    }
    FIELDS.iter().find(|(known, ..)| *known == name).map(|(_, _, field, kind)| (*field, *kind))
}

const fn operators(kind: Kind) -> &'static [(&'static str, Operator)] {
    match kind {
        Kind::Id | Kind::Type | Kind::Channel => &[("is", Operator::Equal), ("is_not", Operator::NotEqual)],
        Kind::Tags => &[("includes", Operator::ContainsAny), ("not_includes", Operator::NotContainsAny)],
        Kind::Custom => &[
            ("is", Operator::Equal),
            ("is_not", Operator::NotEqual),
            ("present", Operator::IsNotEmpty),
            ("not_present", Operator::IsEmpty),
        ],
    }
}

fn operator_of(kind: Kind, word: &str) -> Option<Operator> {
    operators(kind).iter().find(|(known, _)| *known == word).map(|(_, operator)| *operator)
}

fn operand_of(kind: Kind, value: &Value) -> Option<Operand> {
    let text = match value {
        Value::String(text) if text.len() <= VALUE_MAX_CHARS && !text.contains('\0') => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => Some(String::new()),
        // A list of one is that one; names are put together.
        Value::Array(items) if kind == Kind::Tags => {
            items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|names| names.join(" "))
        }
        Value::Array(items) => match items.as_slice() {
            [one] => return operand_of(kind, one),
            _ => None,
        },
        _ => None,
    };
    if let (Kind::Custom, Value::Bool(flag)) = (kind, value) {
        return Some(Operand::Flag(*flag));
    }
    let text = text?;
    if text.is_empty() {
        return (kind != Kind::Tags).then_some(Operand::Nothing);
    }
    match kind {
        Kind::Id => text.parse().ok().map(Operand::Int),
        Kind::Type => TicketType::parse(&text).map(|kind| Operand::Text(kind.word().to_owned())),
        Kind::Channel => {
            let number = text.parse::<i64>().ok()?;
            CHANNELS.iter().find(|(known, _)| *known == number).map(|(_, word)| Operand::Text((*word).to_owned()))
        }
        Kind::Tags => Some(Operand::List(text.split_whitespace().map(|tag| Operand::Text(tag.to_owned())).collect())),
        Kind::Custom => Some(Operand::Text(text)),
    }
}

/// The vendor's form of what `read` made.
pub(crate) fn view(condition: &Condition) -> Value {
    let (mut all, mut any) = (Vec::new(), Vec::new());
    let parts = match condition {
        Condition::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in parts {
        match part {
            Condition::Is(test) => all.extend(view_one(test)),
            Condition::Any(tests) => any.extend(tests.iter().filter_map(|test| match test {
                Condition::Is(test) => view_one(test),
                _ => None,
            })),
            Condition::All(_) | Condition::Not(_) => {}
        }
    }
    json!({ "all": all, "any": any })
}

fn view_one(test: &Test) -> Option<Value> {
    let (name, kind) = match test.field {
        Field::CustomField(id) => (format!("{CUSTOM}{id}"), Kind::Custom),
        field => {
            let (name, _, _, kind) = FIELDS.iter().find(|(_, _, known, _)| *known == field)?;
            ((*name).to_owned(), *kind)
        }
    };
    let (word, _) = operators(kind).iter().find(|(_, operator)| *operator == test.operator)?;
    let value = match &test.operand {
        Operand::Int(number) => json!(number),
        Operand::Flag(flag) => json!(flag),
        Operand::Text(text) if kind == Kind::Channel => {
            json!(CHANNELS.iter().find(|(_, known)| known == text).map(|(number, _)| number))
        }
        Operand::Text(text) => json!(text),
        Operand::List(items) => {
            let names = items.iter().filter_map(|item| match item {
                Operand::Text(name) => Some(name.as_str()),
                _ => None,
            });
            json!(names.collect::<Vec<_>>().join(" "))
        }
        _ => Value::Null,
    };
    Some(json!({ "field": name, "operator": word, "value": value }))
}

/// What a filter may ask, for whoever builds one.
pub(crate) fn definitions() -> Vec<Value> {
    let operator = |(word, _): &(&str, Operator)| json!({ "value": word, "title": word.replace('_', " ") });
    let value = |value: Value, title: &str| json!({ "value": value, "title": title, "enabled": true });
    let one = |(name, title, _, kind): &(&str, &str, Field, Kind)| {
        let values: Vec<Value> = match kind {
            Kind::Type => TYPES.iter().map(|kind| value(json!(kind.word()), kind.word())).collect(),
            Kind::Channel => CHANNELS.iter().map(|(number, word)| value(json!(number), word)).collect(),
            _ => Vec::new(),
        };
        json!({
            "value": name,
            "title": title,
            "group": "ticket",
            "operators": operators(*kind).iter().map(operator).collect::<Vec<_>>(),
            "values": { "type": if values.is_empty() { "text" } else { "list" }, "list": values },
        })
    };
    FIELDS.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_shown_as_it_was_written() {
        let written = json!({
            "all": [
                { "field": "type", "operator": "is", "value": "incident" },
                { "field": "current_tags", "operator": "includes", "value": "vip gold" },
                { "field": "custom_fields_7", "operator": "not_present", "value": null },
            ],
            "any": [
                { "field": "group_id", "operator": "is_not", "value": 5 },
                { "field": "via_id", "operator": "is", "value": 4 },
            ],
        });
        let mut fields = Fields::of_row(&written);

        let condition = read(&mut fields);

        assert!(fields.finish().is_ok());
        assert_eq!(view(&condition), written);
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        for one in [
            json!({ "field": "weather", "operator": "is", "value": "fine" }),
            json!({ "field": "type", "operator": "includes", "value": "incident" }),
            json!({ "field": "type", "operator": "is", "value": "incidents" }),
            json!({ "field": "group_id", "operator": "is", "value": "first" }),
            json!({ "operator": "is" }),
        ] {
            let mut fields = Fields::of_row(&json!({ "all": [one] }));
            read(&mut fields);
            assert!(fields.finish().is_err(), "{one}");
        }
    }
}
