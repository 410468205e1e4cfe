//! What a search means for tickets: its keywords as a condition of ours, its words as words that they hold (Zendesk contract,
//! `conventions.search.grammar.ticket_keywords`).

use std::collections::BTreeMap;

use endpoint::Later;
use helpdesk::filter::{Condition, Field, Operand, Operator, Test, Viewpoint, is_date};
use helpdesk::page::Slice;
use helpdesk::search::phrases::{Part, Phrase, Phrases};
use helpdesk::search::records::{self, Ask, Want};
use helpdesk::tickets::matching::Matching;
use helpdesk::tickets::{Priority, Status, TicketType};
use helpdesk::{brands, organizations, teams, ticket_forms};
use jiff::Timestamp;
use store::Tx;

use crate::error::ZendeskError;
use crate::search::refused;
use crate::search_query::{self, Compare, Piece, Value, What};
use crate::ticket_view::{priority_of, status_of};

/// Those that are offered; `custom_field_` with an id besides.
pub(crate) const KEYWORDS: &[&str] = &[
    "status",
    "custom_status_id",
    "priority",
    "ticket_type",
    "assignee",
    "requester",
    "submitter",
    "commenter",
    "cc",
    "group",
    "organization",
    "form",
    "brand",
    "subject",
    "description",
    "comment",
    "tags",
    "via",
    "created",
    "updated",
    "solved",
    "due_date",
    "has_attachment",
    "external_id",
    "recipient",
    "fieldvalue",
    "satisfaction",
];
/// People, groups or organizations that one value may mean.
const MEANT_MAX: usize = 100;
/// Brands of an account.
const BRANDS_MAX: usize = 300;

/// A search for tickets, understood.
pub(crate) struct Tickets {
    /// The ticket that a bare number names. It comes first, and is not among the others.
    pub first: Option<i64>,
    condition: Condition,
    words: Option<String>,
    phrases: Phrases,
}

impl Tickets {
    pub(crate) fn matching(&self, later: &Later, now: Timestamp) -> Matching<'_> {
        let (condition, search, phrases) = (&self.condition, self.words.as_deref(), &self.phrases);
        Matching { condition, search, phrases, viewpoint: Viewpoint { now, person_id: later.actor().person_id } }
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
    if let [Piece { negated: false, what: What::Word { text, begun: false } }] = pieces
        && let Ok(id) = text.trim_start_matches('#').parse::<i64>()
        && helpdesk::tickets::list::of_ids(tx, &later.permit()?, &[id])
            .await?
            .iter()
            .any(|it| it.ticket.trashed_at.is_none())
    {
        first = Some(id);
    }
    let mut words: Vec<&str> = Vec::new();
    let mut phrases = Phrases::default();
    let mut all = vec![is(Field::TrashedAt, Operator::IsEmpty, Operand::Nothing)];
    if let Some(id) = first {
        all.push(Condition::Not(Box::new(is(Field::Id, Operator::Equal, Operand::Int(id)))));
    }
    // Of several values of one keyword any will do.
    let mut any: BTreeMap<&str, Vec<Condition>> = BTreeMap::new();
    for piece in pieces {
        let (name, compare, value) = match &piece.what {
            What::Word { text, begun: false } if !piece.negated => {
                words.push(text);
                continue;
            }
            What::Word { .. } | What::Phrase(_) => {
                let (text, begun) = piece.text();
                let into = if piece.negated { &mut phrases.none } else { &mut phrases.all };
                into.extend(Phrase::new(text, begun, None));
                continue;
            }
            What::Keyword { name, compare, value } => (name.as_str(), *compare, value),
        };
        if let Some(part) = part_of(name).filter(|_| !is_about_presence(name, value)) {
            if compare != Compare::Is {
                return Err(refused(format!("The keyword {name} cannot be compared so.")));
            }
            let (text, _) = value.begun();
            let into = if piece.negated { &mut phrases.none } else { &mut phrases.all };
            into.extend(Phrase::new(text, !value.is_quoted, part));
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
    Ok(Tickets { first, condition: Condition::All(all), words: (!words.is_empty()).then_some(words), phrases })
}

/// Where the words of a keyword are looked for; None for one that is about something else.
///
/// Quirk: the index keeps the subject apart, and nothing else: what is said in the description and in comments may stand in the subject too.
fn part_of(name: &str) -> Option<Option<Part>> {
    match name {
        "subject" => Some(Some(Part::Subject)),
        "description" | "comment" => Some(None),
        _ => None,
    }
}

fn is_about_presence(name: &str, value: &Value) -> bool {
    name == "subject" && !value.is_quoted && matches!(value.text.as_str(), "none" | "*")
}

fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

async fn condition(
    tx: &mut Tx,
    later: &Later,
    now: Timestamp,
    (name, compare, said): (&str, Compare, &Value),
) -> Result<Condition, ZendeskError> {
    let value = said.text.as_str();
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
        "due_date" => return time(Field::DueAt, compare, value, now).ok_or_else(unfit),
        _ => {}
    }
    if let Some(id) = name.strip_prefix("custom_field_") {
        let id = id.parse().map_err(|_| unfit())?;
        return field_value(Field::CustomField(id), compare, said).ok_or_else(unfit);
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
        "assignee" | "requester" | "submitter" | "commenter" | "cc" => {
            let field = match name {
                "assignee" => Field::AssigneeUserId,
                "requester" => Field::CustomerId,
                "submitter" => Field::SubmitterId,
                "commenter" => Field::CommenterIds,
                _ => Field::CopiedIds,
            };
            match present(field) {
                Some(condition) => condition,
                None if value == "me" => is(field, Operator::Equal, Operand::CurrentUser),
                None => one_of(field, people_ids(tx, later, said).await?),
            }
        }
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
            None => one_of(Field::FormId, form_ids(tx, later, value).await?),
        },
        "brand" => match present(Field::BrandId) {
            Some(condition) => condition,
            None => one_of(Field::BrandId, brand_ids(tx, later, value).await?),
        },
        "custom_status_id" => one_of(Field::CustomStatusId, vec![value.parse().map_err(|_| unfit())?]),
        "subject" => present(Field::Subject).ok_or_else(unfit)?,
        "has_attachment" => match value {
            "true" => is(Field::HasFiles, Operator::Equal, Operand::Flag(true)),
            "false" => is(Field::HasFiles, Operator::Equal, Operand::Flag(false)),
            _ => return Err(unfit()),
        },
        "fieldvalue" => field_value(Field::AnyField, compare, said).ok_or_else(unfit)?,
        "external_id" => present(Field::ExternalId).unwrap_or(is(Field::ExternalId, Operator::Equal, text())),
        "recipient" => {
            let address = Operand::Text(value.to_lowercase());
            present(Field::Recipient).unwrap_or(is(Field::Recipient, Operator::Equal, address))
        }
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

/// Of one field, or of any of them.
fn field_value(field: Field, compare: Compare, said: &Value) -> Option<Condition> {
    let operator = match compare {
        Compare::Is => Operator::Equal,
        Compare::Less => Operator::Less,
        Compare::More => Operator::More,
        Compare::AtMost => Operator::AtMost,
        Compare::AtLeast => Operator::AtLeast,
    };
    let is_any = field == Field::AnyField;
    if is_any && (compare != Compare::Is || matches!(said.text.as_str(), "" | "none" | "*")) {
        return None;
    }
    let text = |text: &str| is(field, Operator::Equal, Operand::Text(text.to_owned()));
    let number = said.text.parse::<f64>().ok().filter(|number| number.is_finite());
    match (said.text.as_str(), number) {
        ("none", _) => Some(is(field, Operator::IsEmpty, Operand::Nothing)),
        ("*", _) => Some(is(field, Operator::IsNotEmpty, Operand::Nothing)),
        (word @ ("true" | "false"), _) if !is_any => {
            (compare == Compare::Is).then(|| is(field, Operator::Equal, Operand::Flag(word == "true")))
        }
        (_, Some(number)) if compare == Compare::Is => {
            Some(Condition::Any(vec![text(&said.text), is(field, Operator::Equal, Operand::Number(number))]))
        }
        (_, Some(number)) => Some(is(field, operator, Operand::Number(number))),
        (date, None) if compare != Compare::Is && is_date(date) => {
            Some(is(field, operator, Operand::Text(date.to_owned())))
        }
        (_, None) => (compare == Compare::Is).then(|| match said.begun() {
            (start, true) => is(field, Operator::StartsWith, Operand::Text(start.to_owned())),
            (whole, false) => text(whole),
        }),
    }
}

/// The people that a value means: `me`, an id, an address, a phone number, or words of a name.
async fn people_ids(tx: &mut Tx, later: &Later, value: &Value) -> Result<Vec<i64>, ZendeskError> {
    let (text, _) = value.begun();
    if let Ok(id) = text.parse() {
        return Ok(vec![id]);
    }
    let ask = if text.contains('@') {
        Some(Ask::Email(text.to_owned()))
    } else if text.starts_with('+') {
        Phrase::phone(text).map(Ask::Phrase)
    } else {
        Phrase::new(text, !value.is_quoted, Some(Part::Name)).map(Ask::Phrase)
    };
    let Some(ask) = ask else { return Ok(Vec::new()) };
    let wants = [Want { any: vec![ask], negated: false }];
    Ok(records::people_ids(tx, (&later.permit()?, &later.permit()?), &wants, MEANT_MAX).await?)
}

/// The forms that a value means: an id, or the beginning of a name.
async fn form_ids(tx: &mut Tx, later: &Later, value: &str) -> Result<Vec<i64>, ZendeskError> {
    if let Ok(id) = value.parse() {
        return Ok(vec![id]);
    }
    let forms = ticket_forms::list(tx, &later.permit()?).await?;
    Ok(forms.iter().filter(|form| begins(&form.name, value)).map(|form| form.id).collect())
}

/// The same of brands.
async fn brand_ids(tx: &mut Tx, later: &Later, value: &str) -> Result<Vec<i64>, ZendeskError> {
    if let Ok(id) = value.parse() {
        return Ok(vec![id]);
    }
    let all = Slice { limit: BRANDS_MAX, from: None };
    let brands = brands::list(tx, &later.permit()?, &all).await?;
    Ok(brands.items.iter().filter(|brand| begins(&brand.name, value)).map(|brand| brand.id).collect())
}

fn begins(name: &str, value: &str) -> bool {
    name.to_lowercase().starts_with(&value.trim_end_matches('*').to_lowercase())
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
