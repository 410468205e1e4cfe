//! What becomes of views when something that their conditions name is renamed or gone.
//!
//! A condition names tags by name, and teams, integrations and fields by id. All active views are read, page by page: there are some
//! hundred at most, and such changes are rare.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::json;
use store::Tx;

use super::{View, select_views, write};
use crate::Error;
use crate::filter::{Condition, Field, Operand, Test};
use crate::page::Query;

const PAGE: i64 = 200;

/// Something that a condition can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    Tag(&'a str),
    Team(i64),
    Integration(i64),
}

/// Deactivates the views that name what has just gone, with an event each. Call it in the transaction that removes it.
pub async fn lost(tx: &mut Tx, actor: &Actor, now: Timestamp, gone: Named<'_>) -> Result<(), Error> {
    for mut view in naming(tx, gone).await? {
        view.deactivated_at = Some(now);
        write::write(tx, now, &view).await?;
        let after = json!({ "deactivated_at": now, "gone": gone.words() });
        write::record(tx, actor, now, "view-deactivated", view.id, None, Some(after)).await?;
    }
    Ok(())
}

/// Lets the views that name a tag follow it to its new name. Call it in the transaction that renames it, or merges it into another.
pub async fn renamed_tag(tx: &mut Tx, actor: &Actor, now: Timestamp, old: &str, new: &str) -> Result<(), Error> {
    for mut view in naming(tx, Named::Tag(old)).await? {
        let before = json!({ "condition": view.condition });
        rename(&mut view.condition, old, new);
        // The text that its author wrote says the old name; the dialect writes it anew from the condition.
        view.source = String::new();
        write::write(tx, now, &view).await?;
        let after = json!({ "condition": view.condition });
        write::record(tx, actor, now, "view-updated", view.id, Some(before), Some(after)).await?;
    }
    Ok(())
}

/// The active views that name it, without whom they are shared with.
async fn naming(tx: &mut Tx, named: Named<'_>) -> Result<Vec<View>, Error> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let mut query = Query::new(select_views!());
        query.and("v.id >", after);
        let limit = query.bind(PAGE);
        query.sql.push_str(&format!(" and v.deactivated_at is null and v.system is null order by v.id limit {limit}"));
        let rows = tx.rows(&query.sql, &query.params).await?;
        for row in &rows {
            let view = View::from_row(row)?;
            after = view.id;
            if tests(&view.condition).into_iter().any(|test| named.is_in(test)) {
                found.push(view);
            }
        }
        if (rows.len() as u64) < PAGE.unsigned_abs() {
            return Ok(found);
        }
    }
}

fn tests(condition: &Condition) -> Vec<&Test> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(tests).collect(),
        Condition::Not(inner) => tests(inner),
        Condition::Is(test) => vec![test],
    }
}

fn rename(condition: &mut Condition, old: &str, new: &str) {
    fn operand(operand_: &mut Operand, old: &str, new: &str) {
        match operand_ {
            Operand::Text(name) if name == old => new.clone_into(name),
            Operand::List(items) => items.iter_mut().for_each(|item| operand(item, old, new)),
            _ => {}
        }
    }
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter_mut().for_each(|part| rename(part, old, new)),
        Condition::Not(inner) => rename(inner, old, new),
        Condition::Is(test) if test.field == Field::Tags => operand(&mut test.operand, old, new),
        Condition::Is(_) => {}
    }
}

impl Named<'_> {
    fn is_in(self, test: &Test) -> bool {
        let field = match self {
            Named::Tag(_) => Field::Tags,
            Named::Team(_) => Field::AssigneeTeamId,
            Named::Integration(_) => Field::IntegrationIds,
        };
        test.field == field && self.is(&test.operand)
    }

    fn is(self, operand: &Operand) -> bool {
        match (self, operand) {
            (named, Operand::List(items)) => items.iter().any(|item| named.is(item)),
            (Named::Tag(name), Operand::Text(text)) => name == text,
            (Named::Team(id) | Named::Integration(id), Operand::Int(number)) => id == *number,
            _ => false,
        }
    }

    fn words(self) -> String {
        match self {
            Named::Tag(name) => format!("tag {name}"),
            Named::Team(id) => format!("team {id}"),
            Named::Integration(id) => format!("integration {id}"),
        }
    }
}
