//! What of a condition picks few tickets, so that those are found first: each such test as a query of its own, served by an index.

use jiff::Timestamp;
use store::Tx;

use super::matching::{Sort, number};
use crate::Error;
use crate::custom_fields::text_key;
use crate::filter::folders::Folder;
use crate::filter::{Condition, Field, Operand, Operator, Test, Viewpoint};
use crate::page::Query;

/// Up to so many tickets are found first and sorted. More of them lie so densely in their folder that walking it is cheaper.
const FEW: i64 = 5_000;

/// The ids of the tickets that a test picks: all that fulfil it, and perhaps others.
pub(super) struct Few {
    /// `select ... as id ...`
    pub ids: Query,
    /// The order in which an index gives them anyhow.
    pub has_order_of: Option<Sort>,
}

/// What must hold whatever else holds, as far as an index finds it; spans of time last.
pub(super) fn of(condition: &Condition, folders: &[Folder], viewpoint: Viewpoint) -> Vec<Few> {
    let mut found = picked(condition, folders, viewpoint);
    found.extend(spans(&tests_of_all(condition), folders));
    found
}

pub(super) async fn are_few(tx: &mut Tx, ids: &Query) -> Result<bool, Error> {
    let mut probe = ids.clone();
    let limit = probe.bind(FEW + 1);
    let sql = format!("select count(*) as n from ({} limit {limit}) as probed", probe.sql);
    Ok(number(tx.row(&sql, &probe.params).await?)? <= FEW)
}

fn picked(condition: &Condition, folders: &[Folder], viewpoint: Viewpoint) -> Vec<Few> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(|part| picked(part, folders, viewpoint)).collect(),
        Condition::Is(test) => few(test, folders, viewpoint).into_iter().collect(),
        Condition::Any(parts) => match parts.as_slice() {
            [one] => picked(one, folders, viewpoint),
            many => any_of(many, folders, viewpoint).into_iter().collect(),
        },
        Condition::Not(_) => Vec::new(),
    }
}

/// All that one of the parts picks, where each picks some.
fn any_of(parts: &[Condition], folders: &[Folder], viewpoint: Viewpoint) -> Option<Few> {
    let mut ids = Query::default();
    for (n, part) in parts.iter().enumerate() {
        let few = picked(part, folders, viewpoint).into_iter().next()?;
        ids.sql.push_str(if n == 0 { "" } else { " union " });
        ids.sql.push_str("select one.id from (");
        ids.append(few.ids);
        ids.sql.push_str(") as one");
    }
    (!parts.is_empty()).then_some(Few { ids, has_order_of: None })
}

/// The tests that must hold whatever else holds.
fn tests_of_all(condition: &Condition) -> Vec<&Test> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(tests_of_all).collect(),
        Condition::Is(test) => vec![test],
        Condition::Any(parts) => match parts.as_slice() {
            [one] => tests_of_all(one),
            _ => Vec::new(),
        },
        Condition::Not(_) => Vec::new(),
    }
}

/// The ids that a test compares with.
fn numbers(test: &Test, viewpoint: Viewpoint) -> Option<Vec<i64>> {
    let one = |operand: &Operand| match operand {
        Operand::Int(number) => Some(*number),
        // Nobody has the number 0.
        Operand::CurrentUser => Some(viewpoint.person_id.unwrap_or_default()),
        _ => None,
    };
    match (&test.operator, &test.operand) {
        (Operator::Equal | Operator::Contains, operand) => Some(vec![one(operand)?]),
        (Operator::ContainsAny, Operand::List(items)) => items.iter().map(one).collect(),
        _ => None,
    }
}

fn few(test: &Test, folders: &[Folder], viewpoint: Viewpoint) -> Option<Few> {
    let literals: Vec<&str> = folders.iter().map(|folder| folder.literal()).collect();
    let in_folders = format!("x.folder in ({})", literals.join(", "));
    let mut has_order_of = None;
    let mut ids = Query::default();
    let of_ids = |before: &str, after: &str| -> Option<Query> {
        let numbers = numbers(test, viewpoint)?;
        if numbers.is_empty() {
            return Some(Query::new("select x.id from tickets x where 1 = 0"));
        }
        let mut ids = Query::default();
        let places: Vec<String> = numbers.into_iter().map(|number| ids.bind(number)).collect();
        ids.sql = format!("{before} in ({}){after}", places.join(", "));
        Some(ids)
    };
    match test.field {
        Field::Id => ids = of_ids("select x.id from tickets x where x.id", "")?,
        Field::CustomerId => ids = of_ids("select x.id from tickets x where x.customer_id", "")?,
        Field::OrganizationId => ids = of_ids("select x.id from tickets x where x.organization_id", "")?,
        Field::FormId => ids = of_ids("select x.id from tickets x where x.form_id", "")?,
        Field::AssigneeUserId => {
            has_order_of = is_one(test).then_some(Sort::Updated);
            ids = of_ids("select x.id from tickets x where x.assignee_user_id", &format!(" and {in_folders}"))?;
        }
        Field::AssigneeTeamId => {
            has_order_of = is_one(test).then_some(Sort::Updated);
            ids = of_ids("select x.id from tickets x where x.assignee_team_id", &format!(" and {in_folders}"))?;
        }
        Field::SubmitterId | Field::CommenterIds => {
            ids = of_ids("select distinct m.ticket_id as id from messages m where m.sender_id", "")?;
        }
        Field::CopiedIds => {
            let before = "select distinct c.ticket_id as id from ticket_people c where c.part = 'cc' and c.person_id";
            ids = of_ids(before, "")?;
        }
        Field::HasFiles => {
            if (test.operator, &test.operand) != (Operator::Equal, &Operand::Flag(true)) {
                return None;
            }
            ids.sql = "select distinct m.ticket_id as id from messages m where m.attachments is not null".to_owned();
        }
        Field::ExternalId | Field::CustomerEmail | Field::TicketType if test.operator == Operator::Equal => {
            let Operand::Text(text) = &test.operand else { return None };
            let place = ids.bind(text);
            ids.sql = match test.field {
                Field::ExternalId => format!("select x.id from tickets x where x.external_id = {place}"),
                Field::TicketType => format!("select x.id from tickets x where x.type = {place}"),
                _ => format!(
                    "select x.id from people p cross join tickets x
                     where p.is_staff in (0, 1) and p.email_key = {place} and x.customer_id = p.id"
                ),
            };
        }
        Field::Tags => ids = of_tags(test)?,
        Field::CustomField(_) | Field::AnyField => ids = of_values(test)?,
        _ => return None,
    }
    Some(Few { ids, has_order_of })
}

/// Whether one id is asked for: the tickets of several are in no order.
const fn is_one(test: &Test) -> bool {
    !matches!(test.operand, Operand::List(_))
}

fn of_tags(test: &Test) -> Option<Query> {
    let names: Vec<&Operand> = match (&test.operator, &test.operand) {
        (Operator::Equal | Operator::Contains, name) => vec![name],
        (Operator::ContainsAny, Operand::List(names)) => names.iter().collect(),
        // Having all of them means having the first.
        (Operator::ContainsAll, Operand::List(names)) => names.first().into_iter().collect(),
        _ => return None,
    };
    let mut ids = Query::default();
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        let Operand::Text(name) = name else { return None };
        places.push(ids.bind(name));
    }
    if places.is_empty() {
        return None;
    }
    ids.sql = format!(
        "select distinct tt.ticket_id as id from ticket_tags tt
         where tt.tag_id in (select coalesce(g.merged_into, g.id) from tags g where g.name in ({}))",
        places.join(", ")
    );
    Some(ids)
}

/// Of one field, or of any.
fn of_values(test: &Test) -> Option<Query> {
    let mut ids = Query::default();
    let of_field = |ids: &mut Query| match test.field {
        Field::CustomField(id) => {
            let place = ids.bind(id);
            format!("v.field_id = {place}")
        }
        _ => "v.field_id in (select f.id from custom_fields f where f.object_type = 'ticket')".to_owned(),
    };
    let field = of_field(&mut ids);
    if let (Operator::Equal, Operand::Text(text)) = (test.operator, &test.operand) {
        let (key, again) = (ids.bind(text_key(text)), of_field(&mut ids));
        // A value may also be one of several: whichever they are, if few tickets have any.
        ids.sql = format!(
            "select v.ticket_id as id from ticket_field_values v where {field} and v.text_key = {key}
             union all select v.ticket_id from ticket_field_values v where {again} and v.list_value is not null"
        );
        return Some(ids);
    }
    let value = match (test.operator, &test.operand) {
        (Operator::StartsWith, Operand::Text(text)) if text.is_ascii() => {
            let key = text_key(text);
            let (from, to) = (ids.bind(key.as_str()), ids.bind(format!("{key}\u{10ffff}")));
            format!("v.text_key >= {from} and v.text_key < {to}")
        }
        (Operator::Equal, Operand::Number(number)) => {
            let place = ids.bind(*number);
            format!("v.number_value = {place}")
        }
        _ => return None,
    };
    ids.sql = format!("select distinct v.ticket_id as id from ticket_field_values v where {field} and {value}");
    Some(ids)
}

/// What lies between the times that the tests name.
fn spans(tests: &[&Test], folders: &[Folder]) -> Vec<Few> {
    let literals: Vec<&str> = folders.iter().map(|folder| folder.literal()).collect();
    let in_folders = format!("x.folder in ({})", literals.join(", "));
    [
        (Field::CreatedAt, "1 = 1", "x.created_at", Some(Sort::Created)),
        (Field::UpdatedAt, "1 = 1", "x.updated_at", Some(Sort::Updated)),
        (Field::ClosedAt, in_folders.as_str(), "x.closed_key", Some(Sort::Closed)),
        (Field::DueAt, "x.due_at is not null", "x.due_at", None),
    ]
    .into_iter()
    .filter_map(|(field, first, column, has_order_of)| {
        let mut ids = Query::new(&format!("select x.id from tickets x where {first}"));
        let mut any = false;
        for (sign, at) in tests.iter().filter(|test| test.field == field).filter_map(|test| bound(test)) {
            ids.and(&format!("{column} {sign}"), at);
            any = true;
        }
        any.then_some(Few { ids, has_order_of })
    })
    .collect()
}

fn bound(test: &Test) -> Option<(&'static str, Timestamp)> {
    let Operand::Time(at) = test.operand else { return None };
    let sign = match test.operator {
        Operator::Equal => "=",
        Operator::Less => "<",
        Operator::AtMost => "<=",
        Operator::More => ">",
        Operator::AtLeast => ">=",
        _ => return None,
    };
    Some((sign, at))
}
