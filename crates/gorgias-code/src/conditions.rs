//! The tree of an expression to our `Condition`.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::Status;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::paths::{self, Holds, ID_MAX};
use crate::tree::{Expression, Kind, Program, Statement};
use crate::{CodeError, Place, lexer};

/// What `{{current_user.id}}` is written as.
pub const CURRENT_USER: &str = "{{current_user.id}}";

/// A program of one expression, or of none.
pub fn of_program(program: &Program) -> Result<Condition, CodeError> {
    let mut condition = None;
    for statement in &program.statements {
        match statement {
            Statement::Empty(_) => {}
            Statement::Expression(expression) if condition.is_none() => condition = Some(of(expression)?),
            other => return Err(CodeError::at(other.place(), "A filter is one expression; join conditions by &&.")),
        }
    }
    Ok(condition.unwrap_or_default())
}

pub fn of(expression: &Expression) -> Result<Condition, CodeError> {
    match &expression.kind {
        Kind::And(..) => Ok(Condition::All(chain(expression, true)?)),
        Kind::Or(..) => Ok(Condition::Any(chain(expression, false)?)),
        Kind::Not(inner) => Ok(Condition::Not(Box::new(of(inner)?))),
        Kind::Flag(true) => Ok(Condition::All(Vec::new())),
        Kind::Flag(false) => Ok(Condition::Any(Vec::new())),
        Kind::Compare(sign, path, value) => test(paths::sign(sign), path, Some(value), expression.place),
        Kind::Call(callee, arguments) => {
            let Kind::Name(function) = &callee.kind else {
                return Err(CodeError::at(callee.place, "Expected a function such as eq."));
            };
            let operator = paths::operator(function).ok_or_else(|| {
                CodeError::at(callee.place, format!("The function {} is not known.", lexer::short(function)))
            })?;
            let n_wanted = if matches!(operator, Operator::IsEmpty | Operator::IsNotEmpty) { 1 } else { 2 };
            if arguments.len() != n_wanted {
                let problem =
                    format!("{function} takes {n_wanted} argument{}, not {}.", plural(n_wanted), arguments.len());
                return Err(CodeError::at(expression.place, problem));
            }
            match arguments.as_slice() {
                [path] => test(operator, path, None, expression.place),
                [path, value] => test(operator, path, Some(value), expression.place),
                _ => Err(CodeError::at(expression.place, "Expected a path.")),
            }
        }
        // A path alone is true where a flag is set.
        Kind::Member(..) => {
            let (field, holds) = paths::field(expression)?;
            if holds != Holds::Flag {
                return Err(CodeError::at(
                    expression.place,
                    "Expected a comparison such as eq(ticket.status, 'open').",
                ));
            }
            Ok(is(field, Operator::Equal, Operand::Flag(true)))
        }
        _ => Err(CodeError::at(expression.place, "Expected a condition such as eq(ticket.status, 'open').")),
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// `a && b && c` is one list of three. Brackets that group the same sign do not matter.
fn chain(expression: &Expression, all: bool) -> Result<Vec<Condition>, CodeError> {
    match (&expression.kind, all) {
        (Kind::And(left, right), true) | (Kind::Or(left, right), false) => {
            let mut conditions = chain(left, all)?;
            conditions.extend(chain(right, all)?);
            Ok(conditions)
        }
        _ => Ok(vec![of(expression)?]),
    }
}

fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

fn test(
    operator: Operator,
    path: &Expression,
    value: Option<&Expression>,
    place: Place,
) -> Result<Condition, CodeError> {
    use Operator::*;

    let (field, holds) = paths::field(path)?;
    let Some(value) = value else { return Ok(is(field, operator, Operand::Nothing)) };
    let refused = || {
        let problem = format!("{} cannot be asked of this path.", paths::function(operator));
        Err(CodeError::at(place, problem))
    };
    if value.kind == Kind::Null {
        return match operator {
            Equal => Ok(is(field, IsEmpty, Operand::Nothing)),
            NotEqual => Ok(is(field, IsNotEmpty, Operand::Nothing)),
            _ => refused(),
        };
    }
    match (operator, holds) {
        (Equal | NotEqual, Holds::Names | Holds::Ids) => {
            let operator = if operator == Equal { Contains } else { NotContains };
            Ok(is(field, operator, scalar(value, holds)?))
        }
        (Equal | NotEqual, Holds::Status) => statuses(field, &[value], operator == Equal),
        (Equal | NotEqual, _) => Ok(is(field, operator, scalar(value, holds)?)),
        (Less | AtMost | More | AtLeast, Holds::Id | Holds::Number | Holds::Time | Holds::Any) => {
            Ok(is(field, operator, scalar(value, holds)?))
        }
        (AtLeastAgo | AtMostAgo, Holds::Time) => Ok(is(field, operator, Operand::Seconds(span(value)?))),
        (Contains | NotContains, Holds::Text | Holds::Names | Holds::Ids | Holds::Any) => {
            Ok(is(field, operator, scalar(value, holds)?))
        }
        (StartsWith | EndsWith, Holds::Text | Holds::Any) => Ok(is(field, operator, text(value)?)),
        (ContainsAny | ContainsAll | NotContainsAny | NotContainsAll, _) => {
            let items = items(value);
            match holds {
                Holds::Text | Holds::Names | Holds::Ids | Holds::Any => {
                    let list = items.into_iter().map(|item| scalar(item, holds)).collect::<Result<_, _>>()?;
                    Ok(is(field, operator, Operand::List(list)))
                }
                // Of one value, these ask whether it is one of the list.
                Holds::Status if operator == ContainsAny => statuses(field, &items, true),
                Holds::Status if operator == NotContainsAny => statuses(field, &items, false),
                Holds::Id | Holds::Priority | Holds::Number if operator == ContainsAny => {
                    Ok(Condition::Any(each(field, Equal, &items, holds)?))
                }
                Holds::Id | Holds::Priority | Holds::Number if operator == NotContainsAny => {
                    Ok(Condition::All(each(field, NotEqual, &items, holds)?))
                }
                _ => refused(),
            }
        }
        (IsEmpty | IsNotEmpty, _) | (_, _) => refused(),
    }
}

fn each(field: Field, operator: Operator, items: &[&Expression], holds: Holds) -> Result<Vec<Condition>, CodeError> {
    items.iter().map(|item| Ok(is(field, operator, scalar(item, holds)?))).collect()
}

/// The items of an array; a single value is an array of one.
fn items(value: &Expression) -> Vec<&Expression> {
    match &value.kind {
        Kind::Array(items) => items.iter().collect(),
        _ => vec![value],
    }
}

/// Any of our statuses that these words of the vendor stand for, or any other. `open` and `closed` are the vendor's two; our finer
/// words are taken too.
fn statuses(field: Field, words: &[&Expression], among: bool) -> Result<Condition, CodeError> {
    let mut named = Vec::new();
    for word in words {
        let Kind::Text(text) = &word.kind else { return Err(bad_status(word.place)) };
        match text.as_str() {
            "open" => named.extend(Status::ALL.iter().copied().filter(|status| !status.is_done())),
            "closed" => named.extend(Status::ALL.iter().copied().filter(|status| status.is_done())),
            other => named.push(Status::parse(other).ok_or_else(|| bad_status(word.place))?),
        }
    }
    let wanted = Status::ALL.iter().filter(|status| named.contains(status) == among);
    let mut tests: Vec<Condition> =
        wanted.map(|status| is(field, Operator::Equal, Operand::Text(status.word().to_owned()))).collect();
    if tests.len() == 1 {
        return Ok(tests.remove(0));
    }
    Ok(Condition::Any(tests))
}

fn bad_status(place: Place) -> CodeError {
    CodeError::at(place, "Expected one of 'open', 'closed'; or, finer, 'new', 'pending', 'on_hold', 'solved'.")
}

/// A value that a field of this sort can be compared with.
fn scalar(value: &Expression, holds: Holds) -> Result<Operand, CodeError> {
    let expected = |what: &str| CodeError::at(value.place, format!("Expected {what}."));
    match (holds, &value.kind) {
        (Holds::Text | Holds::Names | Holds::Any, Kind::Text(text)) => Ok(Operand::Text(text.clone())),
        (Holds::Text | Holds::Names, _) => Err(expected("a text in quotes")),
        (Holds::Priority, Kind::Text(text)) => match text.as_str() {
            "critical" | "urgent" => Ok(Operand::Text("urgent".to_owned())),
            "high" | "normal" | "low" => Ok(Operand::Text(text.clone())),
            _ => Err(expected("one of 'critical', 'high', 'normal', 'low'")),
        },
        (Holds::Flag | Holds::Any, Kind::Flag(flag)) => Ok(Operand::Flag(*flag)),
        (Holds::Flag, Kind::Text(text)) if text == "true" || text == "false" => Ok(Operand::Flag(text == "true")),
        (Holds::Id | Holds::Ids, Kind::Number(number)) => match number.as_i64() {
            Some(id) if (-ID_MAX..=ID_MAX).contains(&id) => Ok(Operand::Int(id)),
            _ => Err(expected("an id")),
        },
        (Holds::Id, Kind::Text(text)) if text.replace(' ', "") == CURRENT_USER => Ok(Operand::CurrentUser),
        (Holds::Id | Holds::Ids, Kind::Text(text)) => match text.parse() {
            Ok(id) if (-ID_MAX..=ID_MAX).contains(&id) => Ok(Operand::Int(id)),
            _ => Err(expected("an id")),
        },
        (Holds::Number | Holds::Any, Kind::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(Operand::Int(whole)),
            (None, Some(number)) => Ok(Operand::Number(number)),
            (None, None) => Err(expected("a number")),
        },
        (Holds::Time, Kind::Text(text)) => {
            time(text).map(Operand::Time).ok_or_else(|| expected("a time such as '2024-01-31T00:00:00Z'"))
        }
        (Holds::Status | Holds::Priority, _) => Err(expected("a word in quotes")),
        (Holds::Flag, _) => Err(expected("true or false")),
        (Holds::Id | Holds::Ids, _) => Err(expected("an id")),
        (Holds::Number, _) => Err(expected("a number")),
        (Holds::Time, _) => Err(expected("a time in quotes")),
        (Holds::Any, _) => Err(expected("a text, a number, true or false")),
    }
}

fn text(value: &Expression) -> Result<Operand, CodeError> {
    match &value.kind {
        Kind::Text(text) => Ok(Operand::Text(text.clone())),
        _ => Err(CodeError::at(value.place, "Expected a text in quotes.")),
    }
}

/// ISO 8601; without an offset it is UTC. Cut to microseconds, as the database keeps times. Years 1 to 9999.
fn time(text: &str) -> Option<Timestamp> {
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let local: DateTime = text.parse().ok()?;
            local.to_zoned(TimeZone::UTC).ok()?.timestamp()
        }
    };
    let at = Timestamp::from_microsecond(at.as_microsecond()).ok()?;
    (FIRST_MICROSECOND <= at.as_microsecond()).then_some(at)
}

/// 0001-01-01T00:00:00Z.
const FIRST_MICROSECOND: i64 = -62_135_596_800_000_000;

/// Units of a span, in seconds. Seconds are ours, the rest the vendor's.
pub const UNITS: &[(char, i64)] =
    &[('y', 365 * 86_400), ('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A thousand years: far beyond any ticket, and no arithmetic on times breaks.
const SPAN_MAX_SECONDS: i64 = 1_000 * 365 * 86_400;

/// `'1d'`; several may follow one another: `'1d12h'`.
fn span(value: &Expression) -> Result<i64, CodeError> {
    let refused = || CodeError::at(value.place, "Expected a span of time such as '30m', '12h', '1d', '2w' or '1y'.");
    let Kind::Text(text) = &value.kind else { return Err(refused()) };
    span_seconds(text).ok_or_else(refused)
}

/// The seconds of a span such as `1d12h`.
pub fn span_seconds(text: &str) -> Option<i64> {
    let mut seconds: i64 = 0;
    let mut digits = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let (_, unit) = UNITS.iter().find(|(letter, _)| *letter == c)?;
        let n: i64 = digits.parse().ok()?;
        seconds = seconds.checked_add(n.checked_mul(*unit)?)?;
        digits.clear();
    }
    let is_whole = digits.is_empty() && !text.trim().is_empty();
    (is_whole && seconds <= SPAN_MAX_SECONDS).then_some(seconds)
}
