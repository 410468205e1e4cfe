//! A condition in words, for people who do not read code.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::tickets::Status;

use crate::text;

/// One line for each thing that must hold. None at all for a condition that everything fulfils.
pub fn lines(condition: &Condition) -> Vec<String> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(lines).collect(),
        other => vec![sentence(other)],
    }
}

fn sentence(condition: &Condition) -> String {
    if let Some(open) = is_open(condition) {
        return format!("status is {}", if open { "open" } else { "closed" });
    }
    match condition {
        Condition::Is(test) => of_test(test),
        Condition::Not(inner) => match is_open(inner) {
            Some(open) => format!("status is {}", if open { "closed" } else { "open" }),
            None => format!("not ({})", sentence(inner)),
        },
        Condition::All(parts) if parts.is_empty() => "anything".to_owned(),
        Condition::Any(parts) if parts.is_empty() => "nothing".to_owned(),
        Condition::All(parts) => joined(parts, " and "),
        Condition::Any(parts) => joined(parts, " or "),
    }
}

fn joined(parts: &[Condition], with: &str) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Condition::All(inner) | Condition::Any(inner) if 1 < inner.len() && is_open(part).is_none() => {
                format!("({})", sentence(part))
            }
            _ => sentence(part),
        })
        .collect();
    parts.join(with)
}

/// Whether these are the tests for all open statuses, or for all others.
fn is_open(condition: &Condition) -> Option<bool> {
    let Condition::Any(parts) = condition else { return None };
    let mut named = Vec::new();
    for part in parts {
        match part {
            Condition::Is(Test { field: Field::Status, operator: Operator::Equal, operand: Operand::Text(word) }) => {
                named.push(Status::parse(word)?);
            }
            _ => return None,
        }
    }
    let all = |done: bool| Status::ALL.iter().all(|status| named.contains(status) == (status.is_done() == done));
    if all(false) { Some(true) } else { all(true).then_some(false) }
}

fn of_test(test: &Test) -> String {
    let field = field(test.field);
    let operator = match test.operator {
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Less if is_time(test.field) => "is before",
        Operator::AtMost if is_time(test.field) => "is not after",
        Operator::More if is_time(test.field) => "is after",
        Operator::AtLeast if is_time(test.field) => "is not before",
        Operator::Less => "is less than",
        Operator::AtMost => "is at most",
        Operator::More => "is more than",
        Operator::AtLeast => "is at least",
        Operator::Contains => "contains",
        Operator::NotContains => "does not contain",
        Operator::ContainsAny => "contains one of",
        Operator::ContainsAll => "contains all of",
        Operator::NotContainsAny => "contains none of",
        Operator::NotContainsAll => "does not contain all of",
        Operator::StartsWith => "starts with",
        Operator::EndsWith => "ends with",
        Operator::AtLeastAgo => return format!("{field} at least {} ago", operand(&test.operand)),
        Operator::AtMostAgo => return format!("{field} at most {} ago", operand(&test.operand)),
        Operator::IsEmpty => return format!("{field} is empty"),
        Operator::IsNotEmpty => return format!("{field} is set"),
        Operator::Changed => return format!("{field} changed"),
        Operator::NotChanged => return format!("{field} did not change"),
        Operator::ChangedTo => "changed to",
        Operator::NotChangedTo => "did not change to",
        Operator::ChangedFrom => "changed from",
        Operator::NotChangedFrom => "did not change from",
    };
    format!("{field} {operator} {}", operand(&test.operand))
}

fn operand(operand_: &Operand) -> String {
    match operand_ {
        Operand::Nothing => "nothing".to_owned(),
        Operand::Text(text) => format!("“{}”", text::shown(text, 60)),
        Operand::Number(number) => number.to_string(),
        Operand::Int(number) => number.to_string(),
        Operand::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Operand::Time(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Operand::Seconds(seconds) => span(*seconds),
        Operand::BusinessSeconds(seconds) => format!("{} of business", span(*seconds)),
        Operand::CurrentUser => "whoever looks".to_owned(),
        Operand::CurrentTeams => "a team of whoever looks".to_owned(),
        Operand::List(items) => {
            let mut shown: Vec<String> = items.iter().take(8).map(operand).collect();
            if shown.len() < items.len() {
                shown.push(format!("{} more", items.len() - shown.len()));
            }
            shown.join(", ")
        }
    }
}

fn span(seconds: i64) -> String {
    for (unit, name) in [(86_400, "day"), (3_600, "hour"), (60, "minute")] {
        if seconds != 0 && seconds % unit == 0 {
            let n = seconds / unit;
            return format!("{n} {name}{}", if n == 1 { "" } else { "s" });
        }
    }
    format!("{seconds} seconds")
}

const fn is_time(field: Field) -> bool {
    matches!(
        field,
        Field::CreatedAt
            | Field::OpenedAt
            | Field::UpdatedAt
            | Field::ClosedAt
            | Field::SnoozedUntil
            | Field::TrashedAt
            | Field::LastMessageAt
            | Field::LastReceivedMessageAt
            | Field::DueAt
            | Field::StatusChangedAt
            | Field::SurveySentAt
            | Field::AssignedAt
            | Field::AssigneeWroteAt
    )
}

fn field(field: Field) -> String {
    let name = match field {
        Field::Id => "number",
        Field::ExternalId => "foreign number",
        Field::Status => "status",
        Field::Priority => "priority",
        Field::TicketType => "type",
        Field::OrganizationId => "organization",
        Field::FormId => "form",
        Field::BrandId => "brand",
        Field::CustomStatusId => "the account’s own status",
        Field::ScheduleId => "schedule",
        Field::Channel => "channel",
        Field::Via => "way in",
        Field::Language => "language",
        Field::Subject => "subject",
        Field::Excerpt => "excerpt",
        Field::Spam => "spam",
        Field::FromAgent => "started by us",
        Field::IsUnread => "unread",
        Field::MessagesCount => "number of messages",
        Field::CustomerId => "customer",
        Field::CustomerEmail => "customer’s address",
        Field::CustomerName => "customer’s name",
        Field::CustomerLanguage => "customer’s language",
        Field::CustomerRole => "customer’s role",
        Field::AssigneeUserId => "assignee",
        Field::AssigneeTeamId => "team",
        Field::Tags => "tags",
        Field::IntegrationIds => "integrations",
        Field::SubmitterId => "whoever wrote first",
        Field::CommenterIds => "whoever wrote",
        Field::Recipient => "received at",
        Field::CopiedIds => "whoever is copied in",
        Field::HasFiles => "has files",
        Field::AnyField => "any field",
        Field::CreatedAt => "created",
        Field::OpenedAt => "opened",
        Field::UpdatedAt => "updated",
        Field::ClosedAt => "closed",
        Field::SnoozedUntil => "snoozed until",
        Field::TrashedAt => "moved to the trash",
        Field::LastMessageAt => "last message",
        Field::LastReceivedMessageAt => "last message from the customer",
        Field::SurveyScore => "survey score",
        Field::SurveyComment => "survey comment",
        Field::SurveySentAt => "survey sent",
        Field::SurveyReason => "survey reason",
        Field::CustomField(id) => return format!("field {id}"),
        Field::CustomerField(id) => return format!("customer’s field {id}"),
        Field::OrganizationField(id) => return format!("organization’s field {id}"),
        Field::InBusinessHours => "business hours",
        Field::OnHoliday => "holiday",
        Field::WithinSchedule => "open schedule",
        Field::Description => "first message",
        Field::Recipients => "first message’s recipients",
        Field::IsPublic => "public",
        Field::HasCopied => "somebody copied in",
        Field::Incidents => "number of incidents",
        Field::NextBreachAt => "next broken promise",
        Field::AssignedAt => "assigned",
        Field::AssigneeWroteAt => "last message of the assignee",
        Field::Reopens => "number of reopenings",
        Field::Replies => "number of answers",
        Field::AssigneeStations => "number of assignees",
        Field::TeamStations => "number of teams",
        Field::MessageBody => "message",
        Field::MessageSubject => "message’s subject",
        Field::MessageChannel => "message’s channel",
        Field::MessageFromAgent => "message is ours",
        Field::MessagePublic => "message is public",
        Field::MessageSenderId => "sender",
        Field::MessageSenderEmail => "sender’s address",
        Field::MessageIntegrationId => "message’s integration",
        Field::MessageHasFiles => "message has files",
        Field::ChangedVia => "way of the change",
        Field::EventKind => "event",
        Field::DueAt => "due",
        Field::StatusChangedAt => "status set",
        Field::ActorId => "whoever did it",
        Field::ActorIsStaff => "done by us",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_reads_as_sentences() {
        let code = "eq(ticket.status, 'open') && containsAny(ticket.tags.name, ['vip', 'late']) \
                    && (eq(ticket.assignee_user.id, '{{current_user.id}}') || isEmpty(ticket.assignee_team.id)) \
                    && gteTimedelta(ticket.created_datetime, '2d')";
        let condition = gorgias_code::filter(code).unwrap().condition;

        assert_eq!(
            lines(&condition),
            [
                "status is open",
                "tags contains one of “vip”, “late”",
                "assignee is whoever looks or team is empty",
                "created at least 2 days ago",
            ]
        );
        assert_eq!(lines(&Condition::default()), Vec::<String>::new());
    }
}
