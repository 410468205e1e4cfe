//! Conditions on how long ago something was, or how long it is until then: hours of the clock or of business, less, more, or the hour that begins
//! so long after.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::Status;
use serde_json::{Value, json};

use crate::condition_fields::{Kind, OFFERED};
use crate::conditions::is;

/// Hours of a span: a hundred years.
const HOURS_MAX: i64 = 876_000;
const HOUR: i64 = 3_600;
const BUSINESS: &str = "_business_hours";

/// One of them. None: it cannot be asked so.
pub(crate) fn read(field: Field, kind: Kind, operator: &str, value: &Value) -> Option<Condition> {
    let hours = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?;
    let seconds = (0..=HOURS_MAX).contains(&hours).then_some(hours * HOUR)?;
    let (operator, operand): (&str, fn(i64) -> Operand) = match operator.strip_suffix(BUSINESS) {
        Some(operator) => (operator, Operand::BusinessSeconds),
        None => (operator, Operand::Seconds),
    };
    match kind {
        Kind::Hours => span(field, operator, seconds, operand),
        Kind::Since(status) => {
            let in_it = is(Field::Status, Operator::Equal, Operand::Text(status.word().to_owned()));
            Some(Condition::All(vec![in_it, span(field, operator, seconds, operand)?]))
        }
        Kind::Until => until(field, operator, seconds, operand),
        _ => None,
    }
}

/// `is` is the hour that begins so long after.
fn span(field: Field, operator: &str, seconds: i64, operand: fn(i64) -> Operand) -> Option<Condition> {
    match operator {
        "less_than" => Some(is(field, Operator::AtMostAgo, operand(seconds))),
        "greater_than" => Some(is(field, Operator::AtLeastAgo, operand(seconds))),
        "is" => {
            let begun = is(field, Operator::AtLeastAgo, operand(seconds));
            let over = is(field, Operator::AtLeastAgo, operand(seconds + HOUR));
            Some(Condition::All(vec![begun, Condition::Not(Box::new(over))]))
        }
        _ => None,
    }
}

/// Hours that are still to come.
fn until(field: Field, operator: &str, seconds: i64, operand: fn(i64) -> Operand) -> Option<Condition> {
    let within = |seconds: i64| is(field, Operator::AtLeastAgo, operand(-seconds));
    match operator {
        "less_than" => Some(Condition::All(vec![is(field, Operator::AtMostAgo, operand(0)), within(seconds)])),
        "greater_than" => Some(is(field, Operator::AtMostAgo, operand(-seconds))),
        "is" => Some(Condition::All(vec![is(field, Operator::AtMostAgo, operand(-seconds)), within(seconds + HOUR)])),
        _ => None,
    }
}

/// The way back.
pub(crate) fn say(condition: &Condition) -> Option<Value> {
    if let Condition::All(parts) = condition
        && let [Condition::Is(first), rest] = parts.as_slice()
        && let (Field::Status, Operator::Equal, Operand::Text(word)) = (first.field, first.operator, &first.operand)
    {
        let status = Status::parse(word)?;
        let told = Told::span(rest, Field::StatusChangedAt)?;
        let offered = OFFERED.iter().find(|offered| offered.kind == Kind::Since(status))?;
        return Some(told.view(offered.name));
    }
    let field = field_of(condition)?;
    let name = |kind: Kind| OFFERED.iter().find(|offered| offered.field == field && offered.kind == kind);
    if let Some(told) = Told::until(condition, field) {
        return Some(told.view(name(Kind::Until)?.name));
    }
    Some(Told::span(condition, field)?.view(name(Kind::Hours)?.name))
}

fn field_of(condition: &Condition) -> Option<Field> {
    match condition {
        Condition::Is(test) => Some(test.field),
        Condition::All(parts) => field_of(parts.first()?),
        Condition::Any(_) | Condition::Not(_) => None,
    }
}

/// What was asked.
struct Told {
    operator: &'static str,
    seconds: i64,
    is_business: bool,
}

impl Told {
    /// What `span` made of a field.
    fn span(condition: &Condition, of: Field) -> Option<Told> {
        let one = |condition: &Condition, wanted: Operator| {
            let (operator, seconds, is_business) = bare(condition, of)?;
            (operator == wanted && 0 <= seconds).then_some((seconds, is_business))
        };
        if let Some((seconds, is_business)) = one(condition, Operator::AtMostAgo) {
            return Some(Told { operator: "less_than", seconds, is_business });
        }
        if let Some((seconds, is_business)) = one(condition, Operator::AtLeastAgo) {
            return Some(Told { operator: "greater_than", seconds, is_business });
        }
        let Condition::All(parts) = condition else { return None };
        let [begun, Condition::Not(over)] = parts.as_slice() else { return None };
        let (begun, over) = (one(begun, Operator::AtLeastAgo)?, one(over, Operator::AtLeastAgo)?);
        (over == (begun.0 + HOUR, begun.1)).then_some(Told { operator: "is", seconds: begun.0, is_business: begun.1 })
    }

    /// What `until` made of a field.
    fn until(condition: &Condition, of: Field) -> Option<Told> {
        if let Some((Operator::AtMostAgo, seconds, is_business)) = bare(condition, of) {
            return (seconds < 0).then_some(Told { operator: "greater_than", seconds: -seconds, is_business });
        }
        let Condition::All(parts) = condition else { return None };
        let [ahead, within] = parts.as_slice() else { return None };
        let (Operator::AtMostAgo, ahead, is_business) = bare(ahead, of)? else { return None };
        let (Operator::AtLeastAgo, within, _) = bare(within, of)? else { return None };
        let (operator, seconds) = match -ahead {
            // The hour from now on: both ways of asking are one.
            0 => ("less_than", -within),
            seconds if -within == seconds + HOUR => ("is", seconds),
            _ => return None,
        };
        Some(Told { operator, seconds, is_business })
    }

    fn view(&self, name: &str) -> Value {
        let operator = if self.is_business { format!("{}{BUSINESS}", self.operator) } else { self.operator.to_owned() };
        json!({ "field": name, "operator": operator, "value": (self.seconds / HOUR).to_string() })
    }
}

fn bare(condition: &Condition, of: Field) -> Option<(Operator, i64, bool)> {
    match condition {
        Condition::Is(Test { field, operator, operand: Operand::Seconds(seconds) }) if *field == of => {
            Some((*operator, *seconds, false))
        }
        Condition::Is(Test { field, operator, operand: Operand::BusinessSeconds(seconds) }) if *field == of => {
            Some((*operator, *seconds, true))
        }
        _ => None,
    }
}
