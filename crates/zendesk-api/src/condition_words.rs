//! The vendor's words and numbers for what conditions ask, beside ours: channels, updates, roles, languages, and what customers think.

use helpdesk::filter::{Condition, Field, Operand, Operator};
use scope::role::Role;

use crate::conditions::is;
use crate::locales;

/// The vendor's numbers of channels, and our words.
pub(crate) const CHANNELS: &[(i64, &str)] =
    &[(0, "contact_form"), (4, "email"), (5, "api"), (29, "chat"), (33, "phone")];
/// The same of how a change came.
pub(crate) const VIAS: &[(i64, &str)] =
    &[(0, "web"), (4, "email"), (5, "api"), (8, "rule"), (29, "chat"), (33, "phone")];
/// What happened to a ticket, and our kind of event.
pub(crate) const UPDATES: &[(&str, &str)] = &[("Create", "ticket-created"), ("Change", "ticket-updated")];
pub(crate) const MOMENTS: &[(&str, Operator)] = &[
    ("less_than", Operator::Less),
    ("less_than_equal", Operator::AtMost),
    ("greater_than", Operator::More),
    ("greater_than_equal", Operator::AtLeast),
];

pub(crate) fn any_of(field: Field, words: Vec<&str>) -> Condition {
    let one = |word: &str| is(field, Operator::Equal, Operand::Text(word.to_owned()));
    Condition::Any(words.into_iter().map(one).collect())
}

/// Whoever has said nothing has the first language.
pub(crate) fn locale(field: Field, id: i64) -> Option<Condition> {
    let locale = locales::of_id(id)?;
    if !locales::is_default(locale) {
        return Some(any_of(field, vec![locale.word]));
    }
    Some(Condition::Any(vec![
        is(field, Operator::IsEmpty, Operand::Nothing),
        is(field, Operator::Equal, Operand::Text(locale.word.to_owned())),
        is(field, Operator::Equal, Operand::Text(locales::language(locale.word))),
    ]))
}

/// Numbers of what a requester can be: customers, administrators, and the rest of the staff.
pub(crate) const REQUESTER_ROLES: &[i64] = &[0, 2, 4];

pub(crate) fn roles_of(number: i64) -> Option<Vec<&'static str>> {
    let is_meant: fn(Role) -> bool = match number {
        0 => |role| !role.is_staff(),
        2 => Role::is_admin,
        4 => |role| role.is_staff() && !role.is_admin(),
        _ => return None,
    };
    Some(Role::ALL.iter().copied().filter(|role| is_meant(*role)).map(Role::word).collect())
}

/// What a customer can think of a ticket; `true` is that nobody asked them, `false` that they have not answered.
pub(crate) const SATISFACTIONS: &[&str] = &["good", "good_with_comment", "bad", "bad_with_comment", "false", "true"];
/// Scores from here on are good.
const GOOD: i64 = 4;

pub(crate) fn satisfaction(word: &str) -> Option<Condition> {
    let good = || is(Field::SurveyScore, Operator::AtLeast, Operand::Int(GOOD));
    let bad = || is(Field::SurveyScore, Operator::Less, Operand::Int(GOOD));
    let said = || is(Field::SurveyComment, Operator::IsNotEmpty, Operand::Nothing);
    Some(match word {
        "good" => good(),
        "bad" => bad(),
        "good_with_comment" => Condition::All(vec![good(), said()]),
        "bad_with_comment" => Condition::All(vec![bad(), said()]),
        "true" => is(Field::SurveySentAt, Operator::IsEmpty, Operand::Nothing),
        "false" => Condition::All(vec![
            is(Field::SurveySentAt, Operator::IsNotEmpty, Operand::Nothing),
            is(Field::SurveyScore, Operator::IsEmpty, Operand::Nothing),
        ]),
        _ => return None,
    })
}
