//! The vendor's paths and functions, and what they are here.

use helpdesk::filter::{Field, Operator};

use crate::tree::{Expression, Kind};
use crate::{CodeError, lexer};

/// What a field holds, hence what it can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Two words of the vendor for our six.
    Status,
    /// `critical` is our urgent.
    Priority,
    Text,
    Flag,
    /// A whole number, or `{{current_user.id}}`.
    Id,
    Number,
    Time,
    /// A list of names.
    Names,
    /// A list of ids.
    Ids,
    /// A custom field: text, number or flag.
    Any,
}

const PATHS: &[(&str, Field, Holds)] = &[
    ("ticket.id", Field::Id, Holds::Id),
    ("ticket.external_id", Field::ExternalId, Holds::Text),
    ("ticket.status", Field::Status, Holds::Status),
    ("ticket.priority", Field::Priority, Holds::Priority),
    ("ticket.channel", Field::Channel, Holds::Text),
    ("ticket.via", Field::Via, Holds::Text),
    ("ticket.language", Field::Language, Holds::Text),
    ("ticket.subject", Field::Subject, Holds::Text),
    ("ticket.excerpt", Field::Excerpt, Holds::Text),
    ("ticket.spam", Field::Spam, Holds::Flag),
    ("ticket.from_agent", Field::FromAgent, Holds::Flag),
    ("ticket.is_unread", Field::IsUnread, Holds::Flag),
    ("ticket.messages_count", Field::MessagesCount, Holds::Number),
    ("ticket.customer.id", Field::CustomerId, Holds::Id),
    ("ticket.customer.email", Field::CustomerEmail, Holds::Text),
    ("ticket.customer.name", Field::CustomerName, Holds::Text),
    ("ticket.assignee_user.id", Field::AssigneeUserId, Holds::Id),
    ("ticket.assignee_team.id", Field::AssigneeTeamId, Holds::Id),
    ("ticket.tags.name", Field::Tags, Holds::Names),
    ("ticket.integrations.id", Field::IntegrationIds, Holds::Ids),
    ("ticket.created_datetime", Field::CreatedAt, Holds::Time),
    ("ticket.opened_datetime", Field::OpenedAt, Holds::Time),
    ("ticket.updated_datetime", Field::UpdatedAt, Holds::Time),
    ("ticket.closed_datetime", Field::ClosedAt, Holds::Time),
    ("ticket.snooze_datetime", Field::SnoozedUntil, Holds::Time),
    ("ticket.trashed_datetime", Field::TrashedAt, Holds::Time),
    ("ticket.last_message_datetime", Field::LastMessageAt, Holds::Time),
    ("ticket.last_received_message_datetime", Field::LastReceivedMessageAt, Holds::Time),
    ("ticket.satisfaction_survey.score", Field::SurveyScore, Holds::Number),
    ("message.body_text", Field::MessageBody, Holds::Text),
    ("message.subject", Field::MessageSubject, Holds::Text),
    ("message.channel", Field::MessageChannel, Holds::Text),
    ("message.from_agent", Field::MessageFromAgent, Holds::Flag),
    ("message.public", Field::MessagePublic, Holds::Flag),
    ("message.sender.id", Field::MessageSenderId, Holds::Id),
    ("message.sender.email", Field::MessageSenderEmail, Holds::Text),
    ("message.integration_id", Field::MessageIntegrationId, Holds::Id),
    ("event.type", Field::EventKind, Holds::Text),
];

/// Other spellings that are taken, and written as the first one.
const ALIASES: &[(&str, &str)] = &[
    ("ticket.assignee_user_id", "ticket.assignee_user.id"),
    ("ticket.assignee_team_id", "ticket.assignee_team.id"),
    ("ticket.customer_id", "ticket.customer.id"),
    ("ticket.tags", "ticket.tags.name"),
    ("ticket.integrations", "ticket.integrations.id"),
    ("message.source.from.address", "message.sender.email"),
];

const FUNCTIONS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("neq", Operator::NotEqual),
    ("lt", Operator::Less),
    ("lte", Operator::AtMost),
    ("gt", Operator::More),
    ("gte", Operator::AtLeast),
    ("gteTimedelta", Operator::AtLeastAgo),
    ("lteTimedelta", Operator::AtMostAgo),
    ("contains", Operator::Contains),
    ("notContains", Operator::NotContains),
    ("containsAny", Operator::ContainsAny),
    ("containsAll", Operator::ContainsAll),
    ("notContainsAny", Operator::NotContainsAny),
    ("notContainsAll", Operator::NotContainsAll),
    ("startsWith", Operator::StartsWith),
    ("endsWith", Operator::EndsWith),
    ("isEmpty", Operator::IsEmpty),
    ("isNotEmpty", Operator::IsNotEmpty),
];

const TICKET_FIELD: &str = "ticket.custom_fields";
const CUSTOMER_FIELD: &str = "ticket.customer.custom_fields";

/// The field that an expression names.
pub fn field(path: &Expression) -> Result<(Field, Holds), CodeError> {
    if let Some(field) = custom_field(path)? {
        return Ok((field, Holds::Any));
    }
    let Some(dotted) = dotted(path) else {
        return Err(CodeError::at(path.place, "Expected a path such as ticket.status."));
    };
    let canonical = ALIASES.iter().find(|(alias, _)| *alias == dotted).map_or(dotted.as_str(), |(_, path)| path);
    match PATHS.iter().find(|(known, ..)| *known == canonical) {
        Some((_, field, holds)) => Ok((*field, *holds)),
        None => Err(CodeError::at(path.place, format!("The path {} is not known.", lexer::short(&dotted)))),
    }
}

/// `ticket.custom_fields[7].value`
fn custom_field(path: &Expression) -> Result<Option<Field>, CodeError> {
    let Kind::Member(object, value) = &path.kind else { return Ok(None) };
    let Kind::Index(fields, id) = &object.kind else { return Ok(None) };
    if value != "value" {
        return Ok(None);
    }
    let make = match dotted(fields).as_deref() {
        Some(TICKET_FIELD) => Field::CustomField,
        Some(CUSTOMER_FIELD) => Field::CustomerField,
        _ => return Ok(None),
    };
    let number = match &id.kind {
        Kind::Number(number) => number.as_i64(),
        Kind::Text(text) => text.parse().ok(),
        _ => None,
    };
    match number.filter(|number| (1..=ID_MAX).contains(number)) {
        Some(id) => Ok(Some(make(id))),
        None => Err(CodeError::at(id.place, "Expected the id of a custom field.")),
    }
}

/// Largest id this API gives out or takes: integers beyond it are not exact in JavaScript.
pub const ID_MAX: i64 = (1 << 53) - 1;

/// `a.b.c`, or nothing if it is anything else.
fn dotted(path: &Expression) -> Option<String> {
    match &path.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Member(object, name) => Some(format!("{}.{name}", dotted(object)?)),
        _ => None,
    }
}

/// How a field is written, and what it holds.
pub fn path(field: Field) -> Option<(String, Holds)> {
    match field {
        Field::CustomField(id) => Some((format!("{TICKET_FIELD}[{id}].value"), Holds::Any)),
        Field::CustomerField(id) => Some((format!("{CUSTOMER_FIELD}[{id}].value"), Holds::Any)),
        _ => PATHS.iter().find(|(_, known, _)| *known == field).map(|(path, _, holds)| ((*path).to_owned(), *holds)),
    }
}

pub fn operator(function: &str) -> Option<Operator> {
    FUNCTIONS.iter().find(|(name, _)| *name == function).map(|(_, operator)| *operator)
}

pub fn function(operator: Operator) -> &'static str {
    FUNCTIONS.iter().find(|(_, known)| *known == operator).map_or("eq", |(name, _)| name)
}

/// A sign between a path and a value.
pub fn sign(sign: &str) -> Operator {
    match sign {
        "<" => Operator::Less,
        "<=" => Operator::AtMost,
        ">" => Operator::More,
        ">=" => Operator::AtLeast,
        "!=" | "!==" => Operator::NotEqual,
        _ => Operator::Equal,
    }
}
