//! Folders: the five places of which every ticket lies in exactly one, as the database works it out (`tickets.folder`).
//!
//! A condition leaves few of them to look into, and each has an index for each order.

use super::{Condition, Field, Operand, Operator, Test};
use crate::tickets::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    Open,
    Snoozed,
    Done,
    Spam,
    Trash,
}

impl Folder {
    pub const ALL: [Folder; 5] = [Folder::Open, Folder::Snoozed, Folder::Done, Folder::Spam, Folder::Trash];

    /// As SQL writes it.
    pub const fn literal(self) -> &'static str {
        match self {
            Folder::Open => "'open'",
            Folder::Snoozed => "'snoozed'",
            Folder::Done => "'done'",
            Folder::Spam => "'spam'",
            Folder::Trash => "'trash'",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The folders in which tickets may lie that fulfil the condition: never too few, perhaps too many.
pub fn possible(condition: &Condition) -> Vec<Folder> {
    let set = set_of(condition, true);
    Folder::ALL.into_iter().filter(|folder| set & folder.bit() != 0).collect()
}

const EVERY: u8 = 0b1_1111;
const SNOOZED: u8 = Folder::Snoozed.bit();
const SPAM: u8 = Folder::Spam.bit();
const TRASH: u8 = Folder::Trash.bit();
const OPEN: u8 = Folder::Open.bit();
const DONE: u8 = Folder::Done.bit();

/// `holds` is false below a `Not`.
fn set_of(condition: &Condition, holds: bool) -> u8 {
    match (condition, holds) {
        (Condition::All(parts), true) | (Condition::Any(parts), false) => {
            parts.iter().fold(EVERY, |set, part| set & set_of(part, holds))
        }
        (Condition::Any(parts), true) | (Condition::All(parts), false) => {
            parts.iter().fold(0, |set, part| set | set_of(part, holds))
        }
        (Condition::Not(inner), holds) => set_of(inner, !holds),
        (Condition::Is(test), holds) => set_of_test(test, holds),
    }
}

fn set_of_test(test: &Test, holds: bool) -> u8 {
    let (operator, holds) = match test.operator {
        Operator::NotEqual => (Operator::Equal, !holds),
        Operator::IsNotEmpty => (Operator::IsEmpty, !holds),
        other => (other, holds),
    };
    let is_empty = operator == Operator::IsEmpty || (operator == Operator::Equal && test.operand == Operand::Nothing);
    let compares = matches!(
        operator,
        Operator::Equal
            | Operator::Less
            | Operator::AtMost
            | Operator::More
            | Operator::AtLeast
            | Operator::AtLeastAgo
            | Operator::AtMostAgo
    );
    // A comparison holds of a value only, and says nothing where it does not hold.
    let is_there = if is_empty { Some(!holds) } else { (compares && holds).then_some(true) };
    match (test.field, is_there) {
        (Field::TrashedAt, Some(true)) => TRASH,
        (Field::TrashedAt, Some(false)) => EVERY & !TRASH,
        (Field::SnoozedUntil, Some(true)) => OPEN | SNOOZED | SPAM | TRASH,
        (Field::SnoozedUntil, Some(false)) => EVERY & !SNOOZED,
        (Field::Spam, _) if operator == Operator::Equal => match &test.operand {
            Operand::Flag(spam) if *spam == holds => SPAM | TRASH,
            Operand::Flag(_) => EVERY & !SPAM,
            _ => EVERY,
        },
        (Field::Status, _) if operator == Operator::Equal => match &test.operand {
            Operand::Text(word) => set_of_status(word, holds),
            _ => EVERY,
        },
        _ => EVERY,
    }
}

fn set_of_status(word: &str, holds: bool) -> u8 {
    match Status::parse(word) {
        // Not one of the statuses still leaves the others of its sort.
        Some(_) if !holds => EVERY,
        Some(status) if status.is_done() => SNOOZED | DONE | SPAM | TRASH,
        Some(_) => OPEN | SPAM | TRASH,
        None => EVERY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
        Condition::Is(Test { field, operator, operand })
    }

    #[test]
    fn conditions_on_state_leave_few_folders() {
        let not_trashed = is(Field::TrashedAt, Operator::IsEmpty, Operand::Nothing);
        let no_spam = is(Field::Spam, Operator::NotEqual, Operand::Flag(true));
        let open = is(Field::Status, Operator::Equal, Operand::Text("open".to_owned()));
        let solved = is(Field::Status, Operator::Equal, Operand::Text("solved".to_owned()));

        let inbox = Condition::All(vec![open, not_trashed.clone(), no_spam.clone()]);
        let closed = Condition::All(vec![solved, not_trashed.clone(), no_spam]);

        assert_eq!(possible(&inbox), [Folder::Open]);
        assert_eq!(possible(&closed), [Folder::Snoozed, Folder::Done]);
        assert_eq!(possible(&Condition::Not(Box::new(not_trashed))), [Folder::Trash]);
        assert_eq!(possible(&Condition::default()), Folder::ALL);
        assert_eq!(possible(&Condition::Any(Vec::new())), []);
    }
}
