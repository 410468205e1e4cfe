//! Which tickets rules that wait for time may have something to do with, as far as the database can tell: of a million tickets most are held
//! against no rule in memory.
//!
//! Only tests of plain columns are put to it, which mean the same there as in `filter::evaluate`; whatever else a condition asks counts as met.

use jiff::Timestamp;
use store::Tx;

use super::{Branch, Rule, Step};
use crate::Error;
use crate::filter::{Condition, Field, Operand, Operator, Test, Viewpoint, sql};
use crate::page::Query;
use crate::tickets::Status;

/// The last of the next `n` tickets behind one. None at the end.
pub(super) async fn last_of_next(tx: &mut Tx, after_id: i64, n: i64) -> Result<Option<i64>, Error> {
    let sql = "select max(w.id) as id from (select id from tickets where id > $1 order by id limit $2) as w";
    let row = tx.row(sql, &[after_id.into(), n.into()]).await?;
    Ok(row.map(|row| row.int_or_null("id")).transpose()?.flatten())
}

/// Of the next `n` tickets behind one, those that a rule may want and has not had in this version, by id.
pub(super) async fn within(
    tx: &mut Tx,
    now: Timestamp,
    rules: &[Rule],
    (after_id, n): (i64, i64),
) -> Result<Vec<i64>, Error> {
    let viewpoint = Viewpoint { now, person_id: None };
    let mut query = Query::default();
    let (after, limit) = (query.bind(after_id), query.bind(n));
    let mut any = Vec::with_capacity(rules.len());
    for rule in rules {
        let n_bound = query.params.len();
        let condition = sql::compile(&mut query, &of_steps(&rule.steps), &viewpoint).unwrap_or_else(|_| {
            // Nested too deeply, say.
            query.params.truncate(n_bound);
            "1 = 1".to_owned()
        });
        let (id, version) = (query.bind(rule.id), query.bind(rule.version));
        any.push(format!(
            "({condition} and not exists (
                 select 1 from rule_marks m where m.rule_id = {id} and m.version = {version} and m.ticket_id = t.id))"
        ));
    }
    // The limit keeps the engines from looking the conditions up in indexes of all tickets.
    query.sql = format!(
        "select t.id from (select * from tickets where id > {after} order by id limit {limit}) as t where {} order by t.id",
        any.join(" or ")
    );
    let rows = tx.rows(&query.sql, &query.params).await?;
    Ok(rows.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?)
}

const ALWAYS: Condition = Condition::All(Vec::new());

/// What must hold for the steps to do anything.
fn of_steps(steps: &[Step]) -> Condition {
    let of_branch = |branch: &Branch| all([necessary(&branch.condition), of_steps(&branch.steps)]);
    any(steps.iter().flat_map(|step| match step {
        Step::Act(_) | Step::Stop => vec![ALWAYS],
        Step::Choose(branches) => branches.iter().map(of_branch).collect(),
    }))
}

/// What must hold for the condition to hold.
fn necessary(condition: &Condition) -> Condition {
    match condition {
        Condition::All(parts) => all(parts.iter().map(necessary)),
        Condition::Any(parts) => any(parts.iter().map(necessary)),
        Condition::Is(test) if is_plain(test) => condition.clone(),
        Condition::Is(_) | Condition::Not(_) => ALWAYS,
    }
}

fn all(parts: impl IntoIterator<Item = Condition>) -> Condition {
    Condition::All(parts.into_iter().filter(|part| *part != ALWAYS).collect())
}

fn any(parts: impl IntoIterator<Item = Condition>) -> Condition {
    let parts: Vec<Condition> = parts.into_iter().collect();
    if parts.contains(&ALWAYS) { ALWAYS } else { Condition::Any(parts) }
}

fn is_plain(test: &Test) -> bool {
    match (test.field, test.operator, &test.operand) {
        (Field::Status, Operator::Equal, Operand::Text(word)) => Status::parse(word).is_some(),
        (
            Field::CreatedAt | Field::UpdatedAt | Field::ClosedAt | Field::LastMessageAt | Field::StatusChangedAt,
            Operator::AtLeastAgo | Operator::AtMostAgo,
            Operand::Seconds(_),
        ) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::Action;

    fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
        Condition::Is(Test { field, operator, operand })
    }

    #[test]
    fn what_the_database_cannot_be_asked_counts_as_met() {
        let solved = is(Field::Status, Operator::Equal, Operand::Text("solved".to_owned()));
        let old = is(Field::UpdatedAt, Operator::AtLeastAgo, Operand::Seconds(60));
        let tagged = is(Field::Tags, Operator::Contains, Operand::Text("vip".to_owned()));
        let when = |condition: &Condition| {
            let act = Step::Act(Action::SetStatus("closed".to_owned()));
            of_steps(&[Step::Choose(vec![Branch { condition: condition.clone(), steps: vec![act] }])])
        };
        let all_of = |parts: &[&Condition]| Condition::All(parts.iter().map(|part| (*part).clone()).collect());
        let any_of = |parts: &[&Condition]| Condition::Any(parts.iter().map(|part| (*part).clone()).collect());

        let asked = when(&all_of(&[&solved, &old, &tagged, &Condition::Not(Box::new(old.clone()))]));
        assert_eq!(asked, any_of(&[&all_of(&[&all_of(&[&solved, &old])])]));
        assert_eq!(when(&any_of(&[&solved, &tagged])), ALWAYS);
        assert_eq!(when(&any_of(&[&solved, &old])), any_of(&[&all_of(&[&any_of(&[&solved, &old])])]));
        // Steps that do nothing want no ticket.
        assert_eq!(of_steps(&[]), Condition::Any(Vec::new()));
    }
}
