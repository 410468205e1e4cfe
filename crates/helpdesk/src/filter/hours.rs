//! What a condition asks of business hours, as a condition on times and schedules: both ways of asking then say the same.
//!
//! A span of business time becomes the instant at which it began by each schedule that tickets have; that somebody is there now becomes
//! the schedules by which that is so.

use std::borrow::Cow;

use jiff::Timestamp;
use store::Tx;

use super::{Condition, Field, Operand, Operator, Test};
use crate::Error;
use crate::rules::{Branch, Step};
use crate::schedules::{self, Hours};

/// The condition as it is at this time. Nothing is read for one that asks nothing of business hours.
pub(crate) async fn settled<'a>(
    tx: &mut Tx,
    condition: &'a Condition,
    now: Timestamp,
) -> Result<Cow<'a, Condition>, Error> {
    if !asks(condition) {
        return Ok(Cow::Borrowed(condition));
    }
    let schedules = schedules::hours_of_all(tx).await?;
    Ok(Cow::Owned(settle(condition, &schedules, now)))
}

/// The same of the steps of rules.
pub(crate) async fn settle_steps<'a>(
    tx: &mut Tx,
    all: impl Iterator<Item = &'a mut Vec<Step>>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut known = None;
    for steps in all {
        if !steps.iter().any(step_asks) {
            continue;
        }
        if known.is_none() {
            let mut all = schedules::hours_of_all(tx).await?;
            // A rule may give a ticket one that none has had before.
            all.iter_mut().for_each(|schedule| schedule.is_used = true);
            known = Some(all);
        }
        if let Some(schedules) = &known {
            settle_all(steps, schedules, now);
        }
    }
    Ok(())
}

fn settle_all(steps: &mut [Step], schedules: &[Hours], now: Timestamp) {
    for step in steps {
        if let Step::Choose(branches) = step {
            for Branch { condition, steps } in branches {
                *condition = settle(condition, schedules, now);
                settle_all(steps, schedules, now);
            }
        }
    }
}

fn step_asks(step: &Step) -> bool {
    match step {
        Step::Choose(branches) => {
            branches.iter().any(|branch| asks(&branch.condition) || branch.steps.iter().any(step_asks))
        }
        Step::Act(_) | Step::Stop => false,
    }
}

fn asks(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(asks),
        Condition::Not(inner) => asks(inner),
        Condition::Is(test) => {
            matches!(test.field, Field::InBusinessHours | Field::OnHoliday | Field::WithinSchedule)
                || matches!(test.operand, Operand::BusinessSeconds(_))
        }
    }
}

/// Of a test that cannot be asked so nothing holds.
fn settle(condition: &Condition, schedules: &[Hours], now: Timestamp) -> Condition {
    let each = |parts: &[Condition]| parts.iter().map(|part| settle(part, schedules, now)).collect();
    let test = match condition {
        Condition::All(parts) => return Condition::All(each(parts)),
        Condition::Any(parts) => return Condition::Any(each(parts)),
        Condition::Not(inner) => return Condition::Not(Box::new(settle(inner, schedules, now))),
        Condition::Is(test) => test,
    };
    let wanted = |flag: bool| match (test.operator, &test.operand) {
        (Operator::Equal, Operand::Flag(wanted)) => Some(*wanted == flag),
        (Operator::NotEqual, Operand::Flag(wanted)) => Some(*wanted != flag),
        _ => None,
    };
    match (test.field, &test.operand) {
        (Field::InBusinessHours, _) => having(schedules, |hours| wanted(hours.hours.is_open(now)).unwrap_or_default()),
        (Field::OnHoliday, _) => having(schedules, |hours| wanted(hours.hours.is_holiday(now)).unwrap_or_default()),
        (Field::WithinSchedule, Operand::Int(id)) => {
            let is_open = schedules.iter().any(|hours| hours.id == *id && hours.hours.is_open(now));
            whatever(is_open == (test.operator == Operator::Equal))
        }
        (Field::WithinSchedule, _) => whatever(false),
        (_, Operand::BusinessSeconds(seconds)) => since(test, *seconds, schedules, now),
        _ => condition.clone(),
    }
}

/// True of every ticket, or of none.
fn whatever(holds: bool) -> Condition {
    if holds { Condition::All(Vec::new()) } else { Condition::Any(Vec::new()) }
}

/// The tickets whose schedule is one of those.
fn having(schedules: &[Hours], which: impl Fn(&Hours) -> bool) -> Condition {
    let used = || schedules.iter().filter(|hours| hours.is_used);
    let ids: Vec<Operand> = used().filter(|hours| which(hours)).map(|hours| Operand::Int(hours.id)).collect();
    match ids.len() {
        0 => whatever(false),
        n if n == used().count() => whatever(true),
        _ => Condition::Is(Test {
            field: Field::ScheduleId,
            operator: Operator::ContainsAny,
            operand: Operand::List(ids),
        }),
    }
}

fn since(test: &Test, seconds: i64, schedules: &[Hours], now: Timestamp) -> Condition {
    let operator = match test.operator {
        Operator::AtLeastAgo => Operator::AtMost,
        Operator::AtMostAgo => Operator::AtLeast,
        _ => return whatever(false),
    };
    let of = |hours: &Hours| {
        // Where there was never so much business time, nothing is so old, and everything at most.
        let at = hours.hours.moved(now, -seconds);
        let at = at.unwrap_or(if seconds < 0 { Timestamp::MAX } else { Timestamp::MIN });
        Condition::Is(Test { field: test.field, operator, operand: Operand::Time(at) })
    };
    let used: Vec<&Hours> = schedules.iter().filter(|hours| hours.is_used).collect();
    match used.as_slice() {
        [one] => of(one),
        many => Condition::Any(
            many.iter()
                .map(|hours| {
                    let has =
                        Test { field: Field::ScheduleId, operator: Operator::Equal, operand: Operand::Int(hours.id) };
                    Condition::All(vec![Condition::Is(has), of(hours)])
                })
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::business_hours::BusinessHours;
    use crate::filter::Viewpoint;
    use crate::filter::evaluate::{Fact, Facts, holds};
    use crate::schedules::OF_ACCOUNT;

    /// The account's own is open by day from Monday to Friday, the other one around the clock.
    fn schedules() -> Vec<Hours> {
        let week: Vec<(i64, i64)> = (1..=5).map(|day| (day * 1_440 + 540, day * 1_440 + 1_020)).collect();
        let own = BusinessHours::of_minutes(TimeZone::UTC, &week, [date(2026, 3, 3)]);
        vec![
            Hours { id: OF_ACCOUNT, hours: own, is_used: true },
            Hours { id: 2, hours: BusinessHours::always(), is_used: true },
        ]
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn says(test: Test, schedule_id: i64, updated_at: Timestamp, now: Timestamp) -> bool {
        let condition = settle(&Condition::Is(test), &schedules(), now);
        let facts: Facts = [(Field::ScheduleId, Fact::Int(schedule_id)), (Field::UpdatedAt, Fact::Time(updated_at))]
            .into_iter()
            .collect();
        holds(&condition, &facts, &Viewpoint { now, person_id: None })
    }

    #[test]
    fn business_time_goes_by_the_schedule_of_the_ticket() {
        let idle = |operator, hours: i64| Test {
            field: Field::UpdatedAt,
            operator,
            operand: Operand::BusinessSeconds(hours * 3_600),
        };
        // Friday 16:00 to Monday 10:00: two hours of business, or 66.
        let (friday, monday) = (at("2026-02-27T16:00:00Z"), at("2026-03-02T10:00:00Z"));

        assert!(says(idle(Operator::AtLeastAgo, 2), 1, friday, monday));
        assert!(!says(idle(Operator::AtLeastAgo, 3), 1, friday, monday));
        assert!(says(idle(Operator::AtLeastAgo, 66), 2, friday, monday));
        assert!(
            says(idle(Operator::AtMostAgo, 2), 1, friday, monday)
                && !says(idle(Operator::AtMostAgo, 2), 2, friday, monday)
        );
        // Ahead: on Monday at noon that are two hours.
        assert!(says(idle(Operator::AtLeastAgo, -2), 1, at("2026-03-02T12:00:00Z"), monday));
        assert!(!says(idle(Operator::AtLeastAgo, -1), 1, at("2026-03-02T12:00:00Z"), monday));
    }

    #[test]
    fn whether_somebody_is_there_goes_by_the_schedule_too() {
        let flag = |field, wanted| Test { field, operator: Operator::Equal, operand: Operand::Flag(wanted) };
        let (night, holiday) = (at("2026-03-02T22:00:00Z"), at("2026-03-03T12:00:00Z"));

        assert!(!says(flag(Field::InBusinessHours, true), 1, night, night));
        assert!(says(flag(Field::InBusinessHours, true), 2, night, night));
        assert!(says(flag(Field::InBusinessHours, false), 1, night, night));
        assert!(says(flag(Field::OnHoliday, true), 1, holiday, holiday));
        assert!(says(flag(Field::OnHoliday, false), 2, holiday, holiday));
        let within = |id, operator| Test { field: Field::WithinSchedule, operator, operand: Operand::Int(id) };
        assert!(
            says(within(2, Operator::Equal), 1, night, night) && !says(within(1, Operator::Equal), 2, night, night)
        );
        assert!(says(within(1, Operator::NotEqual), 1, night, night));
        assert!(!says(within(9, Operator::Equal), 1, night, night));
    }
}
