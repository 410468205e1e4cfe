//! Our conditions in the vendor's language.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::Status;

use crate::conditions::{CURRENT_USER, UNITS};
use crate::paths::{self, Holds};

/// The condition as code, or nothing if the language cannot say it: it has two words for our six statuses.
/// An `All` of nothing is the empty text at the top, and `true` within.
pub fn print(condition: &Condition) -> Option<String> {
    match condition {
        Condition::All(all) if all.is_empty() => Some(String::new()),
        _ => tree(condition, Around::Nothing),
    }
}

/// What a piece stands in, hence whether it needs brackets.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Nothing,
    And,
    Or,
}

fn tree(condition: &Condition, around: Around) -> Option<String> {
    if let Some(word) = status_word(condition) {
        return Some(format!("eq(ticket.status, '{word}')"));
    }
    match condition {
        Condition::All(all) => match all.as_slice() {
            [] => Some("true".to_owned()),
            // One test alone would lose its list when it is read again; that changes nothing of what it means.
            [one] => tree(one, around),
            _ => {
                let parts = all.iter().map(|one| tree(one, Around::And)).collect::<Option<Vec<_>>>()?;
                let code = parts.join(" && ");
                Some(if around == Around::And { format!("({code})") } else { code })
            }
        },
        Condition::Any(any) => match any.as_slice() {
            [] => Some("false".to_owned()),
            [one] => tree(one, around),
            _ => {
                let parts = any.iter().map(|one| tree(one, Around::Or)).collect::<Option<Vec<_>>>()?;
                let code = parts.join(" || ");
                Some(if around == Around::Nothing { code } else { format!("({code})") })
            }
        },
        Condition::Not(inner) => Some(format!("!({})", tree(inner, Around::Nothing)?)),
        Condition::Is(test) => call(test),
    }
}

fn call(test: &Test) -> Option<String> {
    let (path, holds) = paths::path(test.field)?;
    let function = paths::function(test.operator);
    if paths::operator(function) != Some(test.operator) {
        // The language asks what is, never what was before.
        return None;
    }
    if holds == Holds::Status {
        let Operand::Text(word) = &test.operand else {
            return (test.operand == Operand::Nothing).then(|| format!("{function}({path})"));
        };
        // The vendor's `open` and `closed` are several of ours.
        return (test.operator == Operator::Equal && word != "open" && word != "closed")
            .then(|| format!("{function}({path}, {})", quoted(word)));
    }
    match test.operator {
        Operator::IsEmpty | Operator::IsNotEmpty => Some(format!("{function}({path})")),
        _ => Some(format!("{function}({path}, {})", operand(&test.operand, holds)?)),
    }
}

fn operand(operand: &Operand, holds: Holds) -> Option<String> {
    Some(match operand {
        Operand::Nothing => "null".to_owned(),
        Operand::Text(text) if holds == Holds::Priority && text == "urgent" => "'critical'".to_owned(),
        Operand::Text(text) => quoted(text),
        Operand::Number(number) => serde_json::Number::from_f64(*number)?.to_string(),
        Operand::Int(number) => number.to_string(),
        Operand::Flag(flag) => flag.to_string(),
        Operand::Time(at) => format!("'{at}'"),
        Operand::Seconds(seconds) => format!("'{}'", span(*seconds)),
        Operand::CurrentUser => format!("'{CURRENT_USER}'"),
        Operand::BusinessSeconds(_) | Operand::CurrentTeams => return None,
        Operand::List(items) => {
            let items = items.iter().map(|item| self::operand(item, holds)).collect::<Option<Vec<_>>>()?;
            format!("[{}]", items.join(", "))
        }
    })
}

/// In the largest unit that divides it.
pub fn span(seconds: i64) -> String {
    match UNITS.iter().find(|(_, unit)| seconds != 0 && seconds % unit == 0) {
        Some((letter, unit)) => format!("{}{letter}", seconds / unit),
        None => "0m".to_owned(),
    }
}

/// `open` or `closed`, if the condition says exactly that.
fn status_word(condition: &Condition) -> Option<&'static str> {
    let Condition::Any(any) = condition else { return None };
    let words: Vec<&str> = any
        .iter()
        .map(|one| match one {
            Condition::Is(Test { field: Field::Status, operator: Operator::Equal, operand: Operand::Text(word) }) => {
                Some(word.as_str())
            }
            _ => None,
        })
        .collect::<Option<_>>()?;
    [("open", false), ("closed", true)].into_iter().find_map(|(word, is_done)| {
        let ours = Status::ALL.iter().filter(|status| status.is_done() == is_done).map(|status| status.word());
        ours.eq(words.iter().copied()).then_some(word)
    })
}

/// In single quotes, as the vendor writes texts.
pub fn quoted(text: &str) -> String {
    let mut code = String::with_capacity(text.len() + 2);
    code.push('\'');
    for c in text.chars() {
        match c {
            '\'' => code.push_str("\\'"),
            '\\' => code.push_str("\\\\"),
            '\n' => code.push_str("\\n"),
            '\r' => code.push_str("\\r"),
            '\t' => code.push_str("\\t"),
            // The two that end a line in JavaScript, and what a page would not show.
            '\u{2028}' | '\u{2029}' => code.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c.is_control() => code.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => code.push(c),
        }
    }
    code.push('\'');
    code
}
