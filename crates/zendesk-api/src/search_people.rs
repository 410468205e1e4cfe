//! What a search means for people, organizations and groups (Zendesk contract, `conventions.search.grammar`).

use std::collections::HashMap;

use endpoint::Later;
use helpdesk::custom_fields::{self, Carrier, CustomField, DataType};
use helpdesk::page::Slice;
use helpdesk::search::phrases::{Part, Phrase};
use helpdesk::search::records::{Ask, Text, Value as FieldAsk, Want};
use helpdesk::search::{self, words};
use helpdesk::teams::{self, Team};
use jiff::Timestamp;
use scope::permit::CanRead;
use scope::resource::Teams;
use scope::role::Role;
use store::Tx;

use crate::error::ZendeskError;
use crate::search::refused;
use crate::search_query::{self, Compare, Piece, Value, What};
use crate::{search_tickets, users};

/// Those that are offered; keys of fields besides.
pub(crate) const USER_KEYWORDS: &[&str] = &[
    "role",
    "name",
    "email",
    "phone",
    "external_id",
    "organization",
    "group",
    "notes",
    "details",
    "tags",
    "created",
    "updated",
    "is_verified",
    "is_suspended",
];
pub(crate) const ORGANIZATION_KEYWORDS: &[&str] =
    &["name", "external_id", "notes", "details", "tags", "created", "updated"];
pub(crate) const GROUP_KEYWORDS: &[&str] = &["name", "created", "updated"];
/// People whose names or addresses hold the words.
const PEOPLE_MAX: usize = 1_000;
/// Groups of an account that are looked at.
const GROUPS_MAX: usize = 5_000;

/// Fields by what programs call them.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub of_users: HashMap<String, CustomField>,
    pub of_organizations: HashMap<String, CustomField>,
}

/// The fields of people and organizations, where a keyword may be one of them.
pub(crate) async fn keys_of(tx: &mut Tx, later: &Later, pieces: &[Piece]) -> Result<Keys, ZendeskError> {
    let is_known = |name: &str| {
        let lists = [search_tickets::KEYWORDS, USER_KEYWORDS, ORGANIZATION_KEYWORDS, GROUP_KEYWORDS];
        name.starts_with("custom_field_") || lists.iter().any(|list| list.contains(&name))
    };
    if pieces.iter().filter_map(Piece::keyword).all(is_known) {
        return Ok(Keys::default());
    }
    let may = later.permit()?;
    let mut keys = Keys::default();
    for (carrier, into) in
        [(Carrier::Customer, &mut keys.of_users), (Carrier::Organization, &mut keys.of_organizations)]
    {
        let fields = custom_fields::all_of(tx, &may, carrier).await?;
        let in_use = fields.into_iter().filter(|field| field.archived_at.is_none());
        into.extend(in_use.map(|field| (field.name().to_ascii_lowercase(), field)));
    }
    Ok(keys)
}

/// What people must be; of several values of one keyword any will do.
pub(crate) async fn users(
    tx: &mut Tx,
    later: &Later,
    now: Timestamp,
    (pieces, keys): (&[Piece], &Keys),
) -> Result<Vec<Want>, ZendeskError> {
    let mut wants = Wants::default();
    let mut words = Vec::new();
    for piece in pieces {
        let (name, compare, value) = match &piece.what {
            What::Word { text, begun: false } if !piece.negated => {
                if text.contains('@') {
                    let begun = Phrase::new(text, true, Some(Part::Email)).map(Ask::Phrase);
                    wants.add_any([Ask::Email(text.clone())].into_iter().chain(begun).collect(), false);
                } else {
                    words.push(text.as_str());
                }
                continue;
            }
            What::Word { .. } | What::Phrase(_) => {
                let (text, begun) = piece.text();
                wants.add_any(Phrase::new(text, begun, None).map(Ask::Phrase).into_iter().collect(), piece.negated);
                continue;
            }
            What::Keyword { name, compare, value } => (name.as_str(), *compare, value),
        };
        let unfit = || refused(format!("The keyword {name} cannot be compared so: {}", value.text));
        let ask = match name {
            "created" | "updated" => Some(time(name, compare, value, now).ok_or_else(unfit)?),
            _ if keys.of_users.contains_key(name) && !USER_KEYWORDS.contains(&name) => {
                field(keys.of_users.get(name), compare, value).ok_or_else(unfit)?
            }
            _ if compare != Compare::Is => return Err(unfit()),
            "role" => {
                let of_word = |role: &&Role| users::role_word(**role) == value.text.to_ascii_lowercase();
                let roles: Vec<Role> = Role::ALL.iter().filter(of_word).copied().collect();
                if roles.is_empty() {
                    return Err(refused(format!("Invalid role: {}", value.text)));
                }
                Some(Ask::Roles(roles))
            }
            "email" => match value.text.as_str() {
                "none" => Some(Ask::Missing(Text::Email)),
                text if text.contains('@') && !text.ends_with('*') => Some(Ask::Email(text.to_owned())),
                _ => phrase(value, Part::Email),
            },
            "phone" => match value.text.as_str() {
                "none" => Some(Ask::Missing(Text::Phone)),
                text => Some(Phrase::phone(text).map(Ask::Phrase).ok_or_else(unfit)?),
            },
            "is_verified" => Some(Ask::Verified(flag(value).ok_or_else(unfit)?)),
            "is_suspended" => Some(Ask::Suspended(flag(value).ok_or_else(unfit)?)),
            "organization" if value.text == "none" => Some(Ask::Missing(Text::Organization)),
            "organization" => Some(Ask::Organizations(search_tickets::organization_ids(tx, later, &value.text).await?)),
            "group" if value.text == "none" => Some(Ask::Missing(Text::Team)),
            "group" => Some(Ask::Teams(search_tickets::team_ids(tx, later, &value.text).await?)),
            _ => {
                if wants.add_text((name, value), piece.negated) {
                    continue;
                }
                text(name, value).ok_or_else(unfit)?
            }
        };
        wants.add((name, compare), ask, piece.negated);
    }
    let text = words.join(" ");
    if !text.is_empty() {
        let customers = search::customers(tx, &later.permit()?, &text, PEOPLE_MAX).await?;
        let staff = search::agents(tx, &later.permit()?, &text, PEOPLE_MAX).await?;
        let ids = customers.iter().map(|found| found.customer.id).chain(staff.iter().map(|agent| agent.id));
        wants.add_any(vec![Ask::Ids(ids.collect())], false);
    }
    Ok(wants.list())
}

/// The same of organizations.
pub(crate) fn organizations(now: Timestamp, (pieces, keys): (&[Piece], &Keys)) -> Result<Vec<Want>, ZendeskError> {
    let mut wants = Wants::default();
    for piece in pieces {
        let (name, compare, value) = match &piece.what {
            What::Word { text, .. } => {
                // Of words that are not only left out the beginning will do.
                let (_, begun) = piece.text();
                let ask = Phrase::new(text, begun || !piece.negated, None).map(Ask::Phrase);
                wants.add_any(ask.into_iter().collect(), piece.negated);
                continue;
            }
            What::Phrase(text) => {
                wants.add_any(Phrase::new(text, false, None).map(Ask::Phrase).into_iter().collect(), piece.negated);
                continue;
            }
            What::Keyword { name, compare, value } => (name.as_str(), *compare, value),
        };
        let unfit = || refused(format!("The keyword {name} cannot be compared so: {}", value.text));
        let ask = match name {
            "created" | "updated" => Some(time(name, compare, value, now).ok_or_else(unfit)?),
            _ if keys.of_organizations.contains_key(name) && !ORGANIZATION_KEYWORDS.contains(&name) => {
                field(keys.of_organizations.get(name), compare, value).ok_or_else(unfit)?
            }
            _ if compare != Compare::Is => return Err(unfit()),
            _ => {
                if wants.add_text((name, value), piece.negated) {
                    continue;
                }
                text(name, value).ok_or_else(unfit)?
            }
        };
        wants.add((name, compare), ask, piece.negated);
    }
    Ok(wants.list())
}

/// The ids of the groups that are meant. They are few, and looked at one by one.
pub(crate) async fn group_ids(
    tx: &mut Tx,
    may: &CanRead<Teams>,
    now: Timestamp,
    pieces: &[Piece],
) -> Result<Vec<i64>, ZendeskError> {
    let all = Slice { limit: GROUPS_MAX, from: None };
    let teams = teams::some(tx, may, teams::Which::All, &all).await?.items;
    let names: Vec<Vec<String>> = teams.iter().map(|team| words::of(&team.name)).collect();
    let mut holds = vec![true; teams.len()];
    let mut any: HashMap<&str, Vec<bool>> = HashMap::new();
    for piece in pieces {
        let (name, compare, test) = group_test(piece, now)?;
        let each: Vec<bool> = teams.iter().zip(&names).map(|(team, words)| test(team, words)).collect();
        if let (Some(name), Compare::Is, false) = (name, compare, piece.negated) {
            let known = any.entry(name).or_insert_with(|| vec![false; teams.len()]);
            known.iter_mut().zip(each).for_each(|(known, one)| *known |= one);
        } else {
            holds.iter_mut().zip(each).for_each(|(known, one)| *known &= one != piece.negated);
        }
    }
    for each in any.into_values() {
        holds.iter_mut().zip(each).for_each(|(known, one)| *known &= one);
    }
    Ok(teams.iter().zip(holds).filter(|(_, holds)| *holds).map(|(team, _)| team.id).collect())
}

type GroupTest<'a> = Box<dyn Fn(&Team, &[String]) -> bool + 'a>;

/// What a piece asks of a group, and the keyword that it is.
fn group_test(piece: &Piece, now: Timestamp) -> Result<(Option<&str>, Compare, GroupTest<'_>), ZendeskError> {
    let (name, compare, is_whole) = match &piece.what {
        What::Word { begun, .. } => (None, Compare::Is, piece.negated && !begun),
        What::Phrase(_) => (None, Compare::Is, true),
        What::Keyword { name, compare, value } => (Some(name.as_str()), *compare, value.is_quoted),
    };
    let (text, _) = piece.text();
    if let (Some(name @ ("created" | "updated")), What::Keyword { value, .. }) = (name, &piece.what) {
        let unfit = || refused(format!("The keyword {name} cannot be compared so: {text}"));
        let (from, to) = bounds(compare, value, now).ok_or_else(unfit)?;
        let is_created = name == "created";
        let test = move |team: &Team, _: &[String]| {
            let at = if is_created { team.created_at } else { team.updated_at };
            from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to)
        };
        return Ok((Some(name), compare, Box::new(test)));
    }
    if compare != Compare::Is {
        return Err(refused(format!("The keyword name cannot be compared so: {text}")));
    }
    let wanted = words::of(text);
    let test = move |_: &Team, words: &[String]| {
        let last = wanted.len().saturating_sub(1);
        let fits = |(at, word): (usize, &String), wanted: &String| {
            word == wanted || !is_whole && at == last && word.starts_with(wanted.as_str())
        };
        wanted.is_empty()
            || words
                .windows(wanted.len())
                .any(|some| some.iter().enumerate().zip(&wanted).all(|(word, it)| fits(word, it)))
    };
    Ok((name, compare, Box::new(test)))
}

/// Wants on their way.
#[derive(Default)]
struct Wants<'a> {
    all: Vec<Want>,
    any: HashMap<&'a str, Vec<Ask>>,
}

impl<'a> Wants<'a> {
    fn add_any(&mut self, any: Vec<Ask>, negated: bool) {
        // Text without a word asks for nothing.
        if !any.is_empty() {
            self.all.push(Want { any, negated });
        }
    }

    fn add(&mut self, (name, compare): (&'a str, Compare), ask: Option<Ask>, negated: bool) {
        let Some(ask) = ask else { return };
        if negated || compare != Compare::Is {
            self.all.push(Want { any: vec![ask], negated });
        } else {
            self.any.entry(name).or_default().push(ask);
        }
    }

    /// Takes what asks for any value of a text, or for several tags at once.
    fn add_text(&mut self, (name, value): (&str, &Value), negated: bool) -> bool {
        if value.text == "*"
            && !value.is_quoted
            && let Some(text) = text_of(name)
        {
            self.all.push(Want { any: vec![Ask::Missing(text)], negated: !negated });
            return true;
        }
        let many: Vec<&str> = value.text.split_whitespace().collect();
        if name != "tags" || many.len() < 2 {
            return false;
        }
        for tag in many {
            self.all.push(Want { any: vec![Ask::Tag(tag.to_owned())], negated });
        }
        true
    }

    fn list(self) -> Vec<Want> {
        let any = self.any.into_values().map(|any| Want { any, negated: false });
        self.all.into_iter().chain(any).collect()
    }
}

fn text_of(name: &str) -> Option<Text> {
    Some(match name {
        "name" => Text::Name,
        "notes" => Text::Note,
        "details" => Text::Details,
        "external_id" => Text::ExternalId,
        "tags" => Text::Tags,
        _ => return None,
    })
}

/// What people and organizations both have. None for what cannot be asked; nothing for text without a word.
fn text(name: &str, value: &Value) -> Option<Option<Ask>> {
    if value.text == "none" && !value.is_quoted {
        return Some(Some(Ask::Missing(text_of(name)?)));
    }
    Some(match name {
        "name" => phrase(value, Part::Name),
        "notes" => phrase(value, Part::Note),
        "details" => phrase(value, Part::Details),
        "external_id" => Some(Ask::ExternalId(value.text.clone())),
        "tags" => Some(Ask::Tag(value.text.clone())),
        _ => return None,
    })
}

fn phrase(value: &Value, part: Part) -> Option<Ask> {
    let (text, _) = value.begun();
    Phrase::new(text, !value.is_quoted, Some(part)).map(Ask::Phrase)
}

fn flag(value: &Value) -> Option<bool> {
    match value.text.as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn time(name: &str, compare: Compare, value: &Value, now: Timestamp) -> Option<Ask> {
    let (from, to) = bounds(compare, value, now)?;
    Some(if name == "created" { Ask::Created(from, to) } else { Ask::Updated(from, to) })
}

/// From the first until before the second.
fn bounds(compare: Compare, value: &Value, now: Timestamp) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
    let (from, to) = search_query::time_of(&value.text, now)?;
    Some(match compare {
        Compare::Is => (Some(from), Some(to)),
        Compare::Less => (None, Some(from)),
        Compare::AtMost => (None, Some(to)),
        Compare::More => (Some(to), None),
        Compare::AtLeast => (Some(from), None),
    })
}

/// A comparison with a value of a field. None for what cannot be asked of it.
fn field(field: Option<&CustomField>, compare: Compare, value: &Value) -> Option<Option<Ask>> {
    let field = field?;
    let ask = match (value.text.as_str(), field.input.data_type()) {
        ("none", _) if !value.is_quoted => FieldAsk::Missing,
        (_, DataType::Flag) => FieldAsk::Flag(flag(value).filter(|_| compare == Compare::Is)?),
        (text, DataType::Number) => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
            match compare {
                Compare::Is => FieldAsk::Number(Some((number, true)), Some((number, true))),
                Compare::Less => FieldAsk::Number(None, Some((number, false))),
                Compare::AtMost => FieldAsk::Number(None, Some((number, true))),
                Compare::More => FieldAsk::Number(Some((number, false)), None),
                Compare::AtLeast => FieldAsk::Number(Some((number, true)), None),
            }
        }
        (_, DataType::Text | DataType::List) if compare != Compare::Is => return None,
        (text, DataType::List) => FieldAsk::Has(text.to_owned()),
        (_, DataType::Text) => match value.begun() {
            (start, true) => FieldAsk::Begins(start.to_owned()),
            (whole, false) => FieldAsk::Text(whole.to_owned()),
        },
    };
    Some(Some(Ask::Field(field.id, ask)))
}
