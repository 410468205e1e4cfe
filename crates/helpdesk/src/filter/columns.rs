//! What each field of a condition is in SQL, about a ticket `t` or a customer `p`. How one is asked: `sql.rs`.

use super::Field;

/// What a field is in SQL.
pub(super) enum Column {
    Int(&'static str),
    Flag(&'static str),
    Text(&'static str),
    Time(&'static str),
    Tags,
    /// Ids in rows beside the ticket: how it is asked whether there is one, up to the id.
    Ids(&'static str),
    AnyField,
    /// A value of a field that the account defined: where its values are, up to whose they are, and the field's id.
    Custom(&'static str, i64),
    /// It is no column: only rules and promises ask it, or only a rule that runs on an event.
    Missing,
    Unknown,
}

pub(super) fn column_of(field: Field) -> Column {
    match field {
        Field::Id => Column::Int("t.id"),
        Field::ExternalId => Column::Text("t.external_id"),
        Field::Status => Column::Text("t.status"),
        Field::Priority => Column::Text("t.priority"),
        Field::TicketType => Column::Text("t.type"),
        Field::OrganizationId => Column::Int("t.organization_id"),
        Field::FormId => Column::Int("t.form_id"),
        Field::BrandId => Column::Int("coalesce(t.brand_id, (select b.id from brands b where b.is_default = 1))"),
        Field::CustomStatusId => Column::Int(
            "coalesce(t.custom_status_id, (select s.id from custom_statuses s where s.is_default = 1
                 and s.status = case t.status when 'closed' then 'solved' else t.status end))",
        ),
        Field::ScheduleId => Column::Int("coalesce(t.schedule_id, 1)"),
        Field::Channel => Column::Text("t.channel"),
        Field::Via => Column::Text("t.via"),
        Field::Language => Column::Text("t.language"),
        Field::Subject => Column::Text("t.subject"),
        Field::Excerpt => Column::Text("t.excerpt"),
        Field::Spam => Column::Flag("t.spam"),
        Field::FromAgent => Column::Flag("t.from_agent"),
        Field::IsUnread => Column::Flag("t.is_unread"),
        Field::MessagesCount => Column::Int("t.messages_count"),
        Field::CustomerId => Column::Int("t.customer_id"),
        Field::CustomerEmail => Column::Text("(select p.email from people p where p.id = t.customer_id)"),
        Field::CustomerName => Column::Text("(select p.name from people p where p.id = t.customer_id)"),
        Field::CustomerLanguage => Column::Text("(select p.language from people p where p.id = t.customer_id)"),
        Field::CustomerRole => Column::Text("(select p.role from people p where p.id = t.customer_id)"),
        Field::AssigneeUserId => Column::Int("t.assignee_user_id"),
        Field::AssigneeTeamId => Column::Int("t.assignee_team_id"),
        Field::Tags => Column::Tags,
        Field::IntegrationIds => {
            Column::Ids("exists (select 1 from messages m where m.ticket_id = t.id and m.integration_id")
        }
        Field::SubmitterId => Column::Int(
            "(select m.sender_id from messages m where m.ticket_id = t.id order by m.created_at, m.id limit 1)",
        ),
        Field::CommenterIds => Column::Ids("exists (select 1 from messages m where m.ticket_id = t.id and m.sender_id"),
        Field::Recipient => Column::Text("t.recipient"),
        Field::CopiedIds => Column::Ids(
            "exists (select 1 from ticket_people c where c.ticket_id = t.id and c.part = 'cc' and c.person_id",
        ),
        Field::HasFiles => Column::Flag(
            "(case when exists (select 1 from messages m where m.ticket_id = t.id and m.attachments is not null
                                and m.attachments <> '[]') then 1 else 0 end)",
        ),
        Field::AnyField => Column::AnyField,
        Field::CreatedAt => Column::Time("t.created_at"),
        Field::OpenedAt => Column::Time("t.opened_at"),
        Field::UpdatedAt => Column::Time("t.updated_at"),
        Field::ClosedAt => Column::Time("t.closed_at"),
        Field::SnoozedUntil => Column::Time("t.snoozed_until"),
        Field::TrashedAt => Column::Time("t.trashed_at"),
        Field::LastMessageAt => Column::Time("t.last_message_at"),
        Field::LastReceivedMessageAt => Column::Time("t.last_received_message_at"),
        Field::DueAt => Column::Time("t.due_at"),
        Field::StatusChangedAt => Column::Time("coalesce(t.status_changed_at, t.closed_at, t.created_at)"),
        Field::SurveyScore => Column::Int("(select s.score from satisfaction_surveys s where s.ticket_id = t.id)"),
        Field::SurveyComment => {
            Column::Text("(select s.body_text from satisfaction_surveys s where s.ticket_id = t.id)")
        }
        Field::SurveySentAt => Column::Time("(select s.sent_at from satisfaction_surveys s where s.ticket_id = t.id)"),
        Field::CustomField(id) => {
            Column::Custom("exists (select 1 from ticket_field_values v where v.ticket_id = t.id", id)
        }
        Field::CustomerField(id) => {
            Column::Custom("exists (select 1 from customer_field_values v where v.customer_id = t.customer_id", id)
        }
        Field::OrganizationField(id) => Column::Custom(
            "exists (select 1 from organization_field_values v where v.organization_id = t.organization_id",
            id,
        ),
        Field::InBusinessHours
        | Field::OnHoliday
        | Field::WithinSchedule
        | Field::Description
        | Field::Recipients
        | Field::SurveyReason
        | Field::IsPublic
        | Field::HasCopied
        | Field::Incidents
        | Field::NextBreachAt
        | Field::AssignedAt
        | Field::AssigneeWroteAt
        | Field::Reopens
        | Field::Replies
        | Field::AssigneeStations
        | Field::TeamStations
        | Field::MessageBody
        | Field::MessageSubject
        | Field::MessageChannel
        | Field::MessageFromAgent
        | Field::MessagePublic
        | Field::MessageSenderId
        | Field::MessageSenderEmail
        | Field::MessageIntegrationId
        | Field::MessageHasFiles
        | Field::ChangedVia
        | Field::EventKind
        | Field::ActorId
        | Field::ActorIsStaff => Column::Missing,
    }
}

pub(super) fn column_of_customer(field: Field) -> Column {
    match field {
        Field::Id | Field::CustomerId => Column::Int("p.id"),
        Field::ExternalId => Column::Text("p.external_id"),
        Field::Language => Column::Text("p.language"),
        Field::CustomerEmail => Column::Text("p.email"),
        Field::CustomerName => Column::Text("p.name"),
        Field::CreatedAt => Column::Time("p.created_at"),
        Field::UpdatedAt => Column::Time("p.updated_at"),
        Field::CustomerField(id) => {
            Column::Custom("exists (select 1 from customer_field_values v where v.customer_id = p.id", id)
        }
        _ => Column::Unknown,
    }
}
