//! What a search means for tickets: its keywords as a condition of ours, its words as words that they hold (Zendesk contract,
//! `conventions.search.grammar.ticket_keywords`).

use std::collections::BTreeMap;

use endpoint::Later;
use helpdesk::filter::{Condition, Field, Operand, Operator, Test, Viewpoint};
use helpdesk::organizations;
use helpdesk::page::Slice;
use helpdesk::profiles::{self, Filter};
use helpdesk::teams;
use helpdesk::tickets::matching::Matching;
use helpdesk::tickets::{Priority, Status, TicketType};
use jiff::Timestamp;
use store::Tx;

use crate::error::ZendeskError;
use crate::search::refused;
use crate::search_query::{self, Compare, Piece, What};
use crate::ticket_view::{priority_of, status_of};

/// Those that are offered; `custom_field_` with an id besides.
pub(crate) const KEYWORDS: &[&str] = &[
    "status",
    "priority",
    "ticket_type",
    "assignee",
    "requester",
    "group",
    "organization",
    "form",
    "subject",
    "description",
    "tags",
    "via",
    "created",
    "updated",
    "solved",
    "external_id",
    "satisfaction",
];
/// People, groups or organizations that one value may mean.
const MEANT_MAX: usize = 100;

/// A search for tickets, understood.
pub(crate) struct Tickets {
    /// The ticket that a bare number names. It comes first, and is not among the others.
    pub first: Option<i64>,
    condition: Condition,
    words: Option<String>,
}

impl Tickets {
    pub(crate) fn matching(&self, later: &Later, now: Timestamp) -> Matching<'_> {
        let (condition, search) = (&self.condition, self.words.as_deref());
        Matching { condition, search, viewpoint: Viewpoint { now, person_id: later.actor().person_id } }
    }
}

/// Works out what the pieces mean; the trash is never searched.
pub(crate) async fn understood(
    tx: &mut Tx,
    later: &Later,
    now: Timestamp,
    pieces: &[Piece],
) -> Result<Tickets, ZendeskError> {
    let mut first = None;
    if let [Piece { negated: false, what: What::Words(word) }] = pieces
        && let Ok(id) = word.trim_start_matches('#').parse::<i64>()
        && helpdesk::tickets::list::of_ids(tx, &later.permit()?, &[id])
            .await?
            .iter()
            .any(|it| it.ticket.trashed_at.is_none())
    {
        first = Some(id);
    }
    let mut words: Vec<&str> = Vec::new();
    let mut all = vec![is(Field::TrashedAt, Operator::IsEmpty, Operand::Nothing)];
    if let Some(id) = first {
        all.push(Condition::Not(Box::new(is(Field::Id, Operator::Equal, Operand::Int(id)))));
    }
    // Of several values of one keyword any will do.
    let mut any: BTreeMap<&str, Vec<Condition>> = BTreeMap::new();
    for piece in pieces {
        let (name, compare, value) = match &piece.what {
            What::Words(_) if piece.negated => return Err(refused("A search cannot leave words out, only keywords.")),
            What::Words(text) => {
                words.push(text);
                continue;
            }
            What::Keyword { name, compare, value } => (name.as_str(), *compare, value.as_str()),
        };
        if name == "description" {
            if piece.negated || compare != Compare::Is {
                return Err(refused("The keyword description cannot be compared so."));
            }
            words.push(value);
            continue;
        }
        let condition = condition(tx, later, now, (name, compare, value)).await?;
        if piece.negated {
            all.push(Condition::Not(Box::new(condition)));
        } else if compare == Compare::Is {
            any.entry(name).or_default().push(condition);
        } else {
            all.push(condition);
        }
    }
    all.extend(any.into_values().map(Condition::Any));
    let words = words.join(" ");
    Ok(Tickets { first, condition: Condition::All(all), words: (!words.is_empty()).then_some(words) })
}

fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

async fn condition(
    tx: &mut Tx,
    later: &Later,
    now: Timestamp,
    (name, compare, value): (&str, Compare, &str),
) -> Result<Condition, ZendeskError> {
    let unfit = || refused(format!("The keyword {name} cannot be compared so: {value}"));
    match name {
        "status" => {
            let known = status_of(&value.to_ascii_lowercase()).ok_or_else(unfit)?;
            return Ok(words_of(Field::Status, Status::ALL, known, compare, |status| status.word()));
        }
        "priority" if value != "none" => {
            let known = priority_of(&value.to_ascii_lowercase()).ok_or_else(unfit)?;
            return Ok(words_of(Field::Priority, Priority::ALL, known, compare, |priority| priority.word()));
        }
        "created" => return time(Field::CreatedAt, compare, value, now).ok_or_else(unfit),
        "updated" => return time(Field::UpdatedAt, compare, value, now).ok_or_else(unfit),
        "solved" => return time(Field::ClosedAt, compare, value, now).ok_or_else(unfit),
        _ => {}
    }
    if let Some(id) = name.strip_prefix("custom_field_") {
        let id = id.parse().map_err(|_| unfit())?;
        return custom_field(id, compare, value).ok_or_else(unfit);
    }
    if compare != Compare::Is {
        return Err(unfit());
    }
    let one_of = |field, ids: Vec<i64>| {
        is(field, Operator::ContainsAny, Operand::List(ids.into_iter().map(Operand::Int).collect()))
    };
    let present = |field| match value {
        "none" => Some(is(field, Operator::IsEmpty, Operand::Nothing)),
        "*" => Some(is(field, Operator::IsNotEmpty, Operand::Nothing)),
        "me" => Some(is(field, Operator::Equal, Operand::CurrentUser)),
        _ => None,
    };
    let text = || Operand::Text(value.to_owned());
    Ok(match name {
        // Every ticket has a priority.
        "priority" => Condition::Any(Vec::new()),
        "ticket_type" => match present(Field::TicketType) {
            Some(condition) => condition,
            None => {
                let kind = TicketType::parse(&value.to_ascii_lowercase()).ok_or_else(unfit)?;
                is(Field::TicketType, Operator::Equal, Operand::Text(kind.word().to_owned()))
            }
        },
        "assignee" => match present(Field::AssigneeUserId) {
            Some(condition) => condition,
            None => one_of(Field::AssigneeUserId, people_ids(tx, later, value).await?),
        },
        "requester" => match present(Field::CustomerId) {
            Some(condition) => condition,
            None => one_of(Field::CustomerId, people_ids(tx, later, value).await?),
        },
        "group" => match present(Field::AssigneeTeamId) {
            Some(condition) => condition,
            None => one_of(Field::AssigneeTeamId, team_ids(tx, later, value).await?),
        },
        "organization" => match present(Field::OrganizationId) {
            Some(condition) => condition,
            None => one_of(Field::OrganizationId, organization_ids(tx, later, value).await?),
        },
        "form" => match present(Field::FormId) {
            Some(condition) => condition,
            None => is(Field::FormId, Operator::Equal, Operand::Int(value.parse().map_err(|_| unfit())?)),
        },
        "subject" => match present(Field::Subject) {
            Some(condition) => condition,
            None => is(Field::Subject, Operator::Contains, Operand::Text(value.trim_end_matches('*').to_owned())),
        },
        "external_id" => present(Field::ExternalId).unwrap_or(is(Field::ExternalId, Operator::Equal, text())),
        "tags" => match present(Field::Tags) {
            Some(condition) => condition,
            None => {
                let names = value.split_whitespace().map(|name| Operand::Text(name.to_lowercase())).collect();
                is(Field::Tags, Operator::ContainsAll, Operand::List(names))
            }
        },
        "via" => match value.to_ascii_lowercase().as_str() {
            "mail" | "email" => is(Field::Channel, Operator::Equal, Operand::Text("email".to_owned())),
            "phone" | "voice" => is(Field::Channel, Operator::Equal, Operand::Text("phone".to_owned())),
            "web" => is(Field::Via, Operator::Equal, Operand::Text("helpdesk".to_owned())),
            "web_form" => is(Field::Channel, Operator::Equal, Operand::Text("contact_form".to_owned())),
            other => is(Field::Channel, Operator::Equal, Operand::Text(other.to_owned())),
        },
        "satisfaction" => {
            let good = is(Field::SurveyScore, Operator::AtLeast, Operand::Int(4));
            let bad = is(Field::SurveyScore, Operator::AtMost, Operand::Int(3));
            match value {
                "good" => good,
                "bad" => bad,
                _ => return Err(unfit()),
            }
        }
        _ => return Err(refused(format!("The keyword {name} is not offered for tickets."))),
    })
}

/// The words that stand so to one of them in their order.
fn words_of<T: Copy + PartialEq>(
    field: Field,
    all: &[T],
    known: T,
    compare: Compare,
    word: impl Fn(T) -> &'static str,
) -> Condition {
    let at = all.iter().position(|it| *it == known).unwrap_or_default();
    let fits = |place: usize| match compare {
        Compare::Is => place == at,
        Compare::Less => place < at,
        Compare::More => at < place,
        Compare::AtMost => place <= at,
        Compare::AtLeast => at <= place,
    };
    let fitting = all.iter().enumerate().filter(|(place, _)| fits(*place));
    let is_word = |(_, it): (usize, &T)| is(field, Operator::Equal, Operand::Text(word(*it).to_owned()));
    Condition::Any(fitting.map(is_word).collect())
}

fn time(field: Field, compare: Compare, value: &str, now: Timestamp) -> Option<Condition> {
    match value {
        "none" => return Some(is(field, Operator::IsEmpty, Operand::Nothing)),
        "*" => return Some(is(field, Operator::IsNotEmpty, Operand::Nothing)),
        _ => {}
    }
    let (from, to) = search_query::time_of(value, now)?;
    let bound = |operator, at| is(field, operator, Operand::Time(at));
    Some(match compare {
        Compare::Is => Condition::All(vec![bound(Operator::AtLeast, from), bound(Operator::Less, to)]),
        Compare::Less => bound(Operator::Less, from),
        Compare::AtMost if from == to => bound(Operator::AtMost, to),
        Compare::AtMost => bound(Operator::Less, to),
        Compare::More if from == to => bound(Operator::More, from),
        Compare::More => bound(Operator::AtLeast, to),
        Compare::AtLeast => bound(Operator::AtLeast, from),
    })
}

fn custom_field(id: i64, compare: Compare, value: &str) -> Option<Condition> {
    let field = Field::CustomField(id);
    let operator = match compare {
        Compare::Is => Operator::Equal,
        Compare::Less => Operator::Less,
        Compare::More => Operator::More,
        Compare::AtMost => Operator::AtMost,
        Compare::AtLeast => Operator::AtLeast,
    };
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
    match (value, number) {
        ("none", _) => Some(is(field, Operator::IsEmpty, Operand::Nothing)),
        ("*", _) => Some(is(field, Operator::IsNotEmpty, Operand::Nothing)),
        ("true", _) => (compare == Compare::Is).then(|| is(field, Operator::Equal, Operand::Flag(true))),
        ("false", _) => (compare == Compare::Is).then(|| is(field, Operator::Equal, Operand::Flag(false))),
        (text, None) => (compare == Compare::Is).then(|| is(field, Operator::Equal, Operand::Text(text.to_owned()))),
        (text, Some(number)) if compare == Compare::Is => Some(Condition::Any(vec![
            is(field, Operator::Equal, Operand::Text(text.to_owned())),
            is(field, Operator::Equal, Operand::Number(number)),
        ])),
        (_, Some(number)) => Some(is(field, operator, Operand::Number(number))),
    }
}

/// The people that a value means: an id, an address, or the beginning of a name.
async fn people_ids(tx: &mut Tx, later: &Later, value: &str) -> Result<Vec<i64>, ZendeskError> {
    if let Ok(id) = value.parse() {
        return Ok(vec![id]);
    }
    let is_email = value.contains('@');
    let filter = Filter {
        email: is_email.then(|| value.to_owned()),
        name_starts: (!is_email).then(|| value.trim_end_matches('*').to_owned()),
        ..Filter::default()
    };
    let slice = Slice { limit: MEANT_MAX, from: None };
    let found = profiles::list(tx, (&later.permit()?, &later.permit()?), &filter, &slice).await?;
    Ok(found.items.iter().map(|user| user.id).collect())
}

/// The groups that a value means: an id, or the beginning of a name.
pub(crate) async fn team_ids(tx: &mut Tx, later: &Later, value: &str) -> Result<Vec<i64>, ZendeskError> {
    if let Ok(id) = value.parse() {
        return Ok(vec![id]);
    }
    let slice = Slice { limit: MEANT_MAX, from: None };
    let found =
        teams::some(tx, &later.permit()?, teams::Which::NameStarts(value.trim_end_matches('*')), &slice).await?;
    Ok(found.items.iter().map(|team| team.id).collect())
}

/// The same of organizations.
pub(crate) async fn organization_ids(tx: &mut Tx, later: &Later, value: &str) -> Result<Vec<i64>, ZendeskError> {
    if let Ok(id) = value.parse() {
        return Ok(vec![id]);
    }
    let slice = Slice { limit: MEANT_MAX, from: None };
    let which = organizations::Which::NameStarts(value.trim_end_matches('*'));
    let found = organizations::some(tx, &later.permit()?, which, &slice).await?;
    Ok(found.items.iter().map(|organization| organization.id).collect())
}
