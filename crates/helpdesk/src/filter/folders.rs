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

    /// Its tickets, by their status: in some folders only those that are done can lie, or only those that are not.
    const fn states(self) -> u32 {
        let statuses = match self {
            Folder::Open => ANY_STATUS & !DONE_STATUSES,
            Folder::Snoozed | Folder::Done => DONE_STATUSES,
            Folder::Spam | Folder::Trash => ANY_STATUS,
        };
        statuses << (self as u32 * N_STATUSES)
    }
}

/// The folders in which tickets may lie that fulfil the condition: never too few, perhaps too many.
pub fn possible(condition: &Condition) -> Vec<Folder> {
    let set = set_of(condition, true);
    Folder::ALL.into_iter().filter(|folder| set & folder.states() != 0).collect()
}

const N_STATUSES: u32 = Status::ALL.len() as u32;
const ANY_STATUS: u32 = (1 << N_STATUSES) - 1;
const DONE_STATUSES: u32 = status_bit(Status::Solved) | status_bit(Status::Closed);

// Sets of states: a bit for each folder and each status that a ticket there can have.
const SNOOZED: u32 = Folder::Snoozed.states();
const SPAM: u32 = Folder::Spam.states();
const TRASH: u32 = Folder::Trash.states();
const OPEN: u32 = Folder::Open.states();
const DONE: u32 = Folder::Done.states();
const EVERY: u32 = OPEN | SNOOZED | DONE | SPAM | TRASH;

const fn status_bit(status: Status) -> u32 {
    1 << status as u32
}

/// `holds` is false below a `Not`.
fn set_of(condition: &Condition, holds: bool) -> u32 {
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

fn set_of_test(test: &Test, holds: bool) -> u32 {
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

fn set_of_status(word: &str, holds: bool) -> u32 {
    let Some(status) = Status::parse(word) else { return EVERY };
    let of_status =
        (0..Folder::ALL.len() as u32).fold(0, |set, folder| set | status_bit(status) << (folder * N_STATUSES));
    EVERY & if holds { of_status } else { !of_status }
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
        let closed = Condition::All(vec![solved.clone(), not_trashed.clone(), no_spam]);
        let done = Condition::Any(vec![
            solved.clone(),
            is(Field::Status, Operator::Equal, Operand::Text("closed".to_owned())),
        ]);
        let not_done = Condition::Not(Box::new(done));

        assert_eq!(possible(&inbox), [Folder::Open]);
        assert_eq!(possible(&not_done), [Folder::Open, Folder::Spam, Folder::Trash]);
        assert_eq!(possible(&Condition::Not(Box::new(solved.clone()))), Folder::ALL, "some are closed");
        assert_eq!(possible(&closed), [Folder::Snoozed, Folder::Done]);
        assert_eq!(possible(&Condition::Not(Box::new(not_trashed))), [Folder::Trash]);
        assert_eq!(possible(&Condition::default()), Folder::ALL);
        assert_eq!(possible(&Condition::Any(Vec::new())), []);
    }
}
