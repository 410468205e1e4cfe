//! Every field that conditions of views, rules and promises can ask: its word, what it asks of a ticket, how its value is written, and who
//! can ask it (Zendesk contract, `types.Condition`). Reading one: `conditions.rs`.

use helpdesk::filter::Field;
use helpdesk::tickets::Status;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    View,
    Trigger,
    Automation,
    Policy,
}

/// How the value of a field is written, and so what it can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Status,
    Priority,
    Type,
    /// A type by its number, from 1.
    TypeNumber,
    Id,
    /// Of somebody; `current_user` too.
    Person,
    /// Of a team; of views `current_groups` too.
    Group,
    /// Which of them are open now, by id.
    OpenSchedule,
    Tags,
    /// A text by its words.
    Words,
    /// How a ticket came, by number.
    Channel,
    /// How a change came, by number.
    Via,
    /// A language by its number.
    Locale,
    RequesterRole,
    /// Whoever acts, by what they are or by id.
    Role,
    UpdateType,
    CommentPublic,
    Privacy,
    /// Whether something is there.
    Presence,
    /// A mail address among several.
    Address,
    Count,
    YesNo,
    Satisfaction,
    /// Why a customer is not content, by its number.
    Reason,
    /// Hours since then.
    Hours,
    /// Hours since it has this status, which it must still have.
    Since(Status),
    /// Hours until then.
    Until,
    Moment,
    /// A value of a field of the account's.
    Custom,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered {
    pub name: &'static str,
    pub title: &'static str,
    pub field: Field,
    pub kind: Kind,
    pub who: &'static [Who],
}

const fn offered(name: &'static str, title: &'static str, field: Field, kind: Kind, who: &'static [Who]) -> Offered {
    Offered { name, title, field, kind, who }
}

const ALL: &[Who] = &[Who::View, Who::Trigger, Who::Automation, Who::Policy];
const TICKETS: &[Who] = &[Who::View, Who::Trigger, Who::Automation];
const RULES: &[Who] = &[Who::Trigger, Who::Automation];
const LOOKED_UP: &[Who] = &[Who::Trigger, Who::Automation, Who::Policy];
const TRIGGER: &[Who] = &[Who::Trigger];
const AUTOMATION: &[Who] = &[Who::Automation];
const ON_TIME: &[Who] = &[Who::View, Who::Automation];

/// All fields, for people who put conditions together. What is looked up for each ticket is not offered to views.
pub(crate) const OFFERED: &[Offered] = &[
    offered("status", "Status", Field::Status, Kind::Status, TICKETS),
    offered("custom_status_id", "Ticket status", Field::CustomStatusId, Kind::Id, TICKETS),
    offered("type", "Type", Field::TicketType, Kind::Type, ALL),
    offered("ticket_type_id", "Type", Field::TicketType, Kind::TypeNumber, &[Who::Policy]),
    offered("priority", "Priority", Field::Priority, Kind::Priority, TICKETS),
    offered("group_id", "Group", Field::AssigneeTeamId, Kind::Group, ALL),
    offered("assignee_id", "Assignee", Field::AssigneeUserId, Kind::Person, ALL),
    offered("requester_id", "Requester", Field::CustomerId, Kind::Person, ALL),
    offered("organization_id", "Organization", Field::OrganizationId, Kind::Id, ALL),
    offered("ticket_form_id", "Form", Field::FormId, Kind::Id, ALL),
    offered("brand_id", "Brand", Field::BrandId, Kind::Id, ALL),
    offered("current_tags", "Tags", Field::Tags, Kind::Tags, ALL),
    offered("via_id", "Channel", Field::Channel, Kind::Channel, ALL),
    offered("current_via_id", "Update via", Field::ChangedVia, Kind::Via, TRIGGER),
    offered("recipient", "Received at", Field::Recipients, Kind::Address, LOOKED_UP),
    offered("schedule_id", "Schedule", Field::ScheduleId, Kind::Id, ALL),
    offered("within_schedule", "Within (schedule)", Field::WithinSchedule, Kind::OpenSchedule, ALL),
    offered("in_business_hours", "Within business hours?", Field::InBusinessHours, Kind::YesNo, RULES),
    offered("on_a_holiday", "On a holiday?", Field::OnHoliday, Kind::YesNo, RULES),
    offered("subject_includes_word", "Subject text", Field::Subject, Kind::Words, TICKETS),
    offered("description_includes_word", "Description", Field::Description, Kind::Words, AUTOMATION),
    offered("comment_includes_word", "Comment text", Field::MessageBody, Kind::Words, TRIGGER),
    offered("comment_is_public", "Comment is", Field::MessagePublic, Kind::CommentPublic, TRIGGER),
    offered("attachment", "Attachment", Field::MessageHasFiles, Kind::Presence, TRIGGER),
    offered("cc", "CC", Field::HasCopied, Kind::Presence, TRIGGER),
    offered("update_type", "Ticket", Field::EventKind, Kind::UpdateType, TRIGGER),
    offered("ticket_is_public", "Privacy", Field::IsPublic, Kind::Privacy, RULES),
    offered("role", "Current user", Field::ActorIsStaff, Kind::Role, TRIGGER),
    offered("requester_role", "Requester role", Field::CustomerRole, Kind::RequesterRole, TICKETS),
    offered("locale_id", "Requester language", Field::CustomerLanguage, Kind::Locale, TICKETS),
    offered("satisfaction_score", "Satisfaction", Field::SurveyScore, Kind::Satisfaction, TICKETS),
    offered("satisfaction_reason_code", "Satisfaction reason", Field::SurveyReason, Kind::Reason, RULES),
    offered("number_of_incidents", "Number of incidents", Field::Incidents, Kind::Count, RULES),
    offered("reopens", "Reopens", Field::Reopens, Kind::Count, RULES),
    offered("replies", "Agent replies", Field::Replies, Kind::Count, RULES),
    offered("agent_stations", "Assignee stations", Field::AssigneeStations, Kind::Count, RULES),
    offered("group_stations", "Group stations", Field::TeamStations, Kind::Count, RULES),
    offered("exact_created_at", "Created", Field::CreatedAt, Kind::Moment, &[Who::Policy]),
    offered("NEW", "Hours since created", Field::CreatedAt, Kind::Hours, ON_TIME),
    offered("OPEN", "Hours since open", Field::StatusChangedAt, Kind::Since(Status::Open), ON_TIME),
    offered("PENDING", "Hours since pending", Field::StatusChangedAt, Kind::Since(Status::Pending), ON_TIME),
    offered("HOLD", "Hours since on-hold", Field::StatusChangedAt, Kind::Since(Status::OnHold), ON_TIME),
    offered("SOLVED", "Hours since solved", Field::ClosedAt, Kind::Hours, ON_TIME),
    offered("CLOSED", "Hours since closed", Field::StatusChangedAt, Kind::Since(Status::Closed), ON_TIME),
    offered("updated_at", "Hours since update", Field::UpdatedAt, Kind::Hours, ON_TIME),
    offered("requester_updated_at", "Hours since requester update", Field::LastReceivedMessageAt, Kind::Hours, ON_TIME),
    offered("assigned_at", "Hours since assigned", Field::AssignedAt, Kind::Hours, AUTOMATION),
    offered("assignee_updated_at", "Hours since assignee update", Field::AssigneeWroteAt, Kind::Hours, AUTOMATION),
    offered("due_date", "Hours since due date", Field::DueAt, Kind::Hours, ON_TIME),
    offered("until_due_date", "Hours until due date", Field::DueAt, Kind::Until, ON_TIME),
    offered("sla_next_breach_at", "Hours since last SLA breach", Field::NextBreachAt, Kind::Hours, AUTOMATION),
    offered("until_sla_next_breach_at", "Hours until next SLA breach", Field::NextBreachAt, Kind::Until, AUTOMATION),
];

/// Other words of some of them.
const ALSO: &[(&str, &str)] = &[("ON_HOLD", "HOLD"), ("due_at", "due_date"), ("set_schedule", "schedule_id")];

/// Fields of the account's: what stands before their ids, and who can ask them. Those of people and organizations are called by their keys;
/// in their place stand their ids where conditions are read (`field_keys.rs`).
pub(crate) const OF_TICKET: &str = "custom_fields_";
pub(crate) const OF_REQUESTER: &str = "requester.custom_fields.";
pub(crate) const OF_ORGANIZATION: &str = "organization.custom_fields.";
/// Before an id that stands for a key.
pub(crate) const NUMBER: char = '#';

/// What a word asks, if whoever asks can.
pub(crate) fn known(name: &str, who: Who) -> Option<(Field, Kind)> {
    let name = ALSO.iter().find(|(also, _)| *also == name).map_or(name, |(_, name)| name);
    if let Some(found) = OFFERED.iter().find(|offered| offered.name == name) {
        return found.who.contains(&who).then_some((found.field, found.kind));
    }
    if let Some(id) = name.strip_prefix(OF_TICKET) {
        return Some((Field::CustomField(id.parse().ok()?), Kind::Custom));
    }
    let numbered = |prefix: &str| name.strip_prefix(prefix)?.strip_prefix(NUMBER)?.parse().ok();
    let field = numbered(OF_REQUESTER)
        .map(Field::CustomerField)
        .or_else(|| numbered(OF_ORGANIZATION).map(Field::OrganizationField))?;
    RULES.contains(&who).then_some((field, Kind::Custom))
}

/// What a field is called here, and how its value is written.
pub(crate) fn named(field: Field) -> Option<(String, Kind)> {
    Some(match field {
        Field::CustomField(id) => (format!("{OF_TICKET}{id}"), Kind::Custom),
        Field::CustomerField(id) => (format!("{OF_REQUESTER}{NUMBER}{id}"), Kind::Custom),
        Field::OrganizationField(id) => (format!("{OF_ORGANIZATION}{NUMBER}{id}"), Kind::Custom),
        _ => {
            let is_told = |offered: &&Offered| {
                offered.field == field && !matches!(offered.kind, Kind::TypeNumber | Kind::Moment | Kind::Since(_))
            };
            let offered = OFFERED.iter().find(is_told)?;
            (offered.name.to_owned(), offered.kind)
        }
    })
}

/// What it can be asked.
pub(crate) const fn operators(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Status | Kind::Priority => &["is", "is_not", "less_than", "greater_than"],
        Kind::Type
        | Kind::TypeNumber
        | Kind::Id
        | Kind::Person
        | Kind::Group
        | Kind::OpenSchedule
        | Kind::Channel
        | Kind::Via
        | Kind::Locale
        | Kind::RequesterRole
        | Kind::Role
        | Kind::Address
        | Kind::Satisfaction
        | Kind::Reason => &["is", "is_not"],
        Kind::Tags => &["includes", "not_includes"],
        Kind::Words => &["includes", "not_includes", "is", "is_not"],
        Kind::UpdateType | Kind::CommentPublic | Kind::Privacy | Kind::Presence | Kind::YesNo => &["is"],
        Kind::Count => &["is", "less_than", "greater_than"],
        Kind::Hours | Kind::Since(_) | Kind::Until => &[
            "is",
            "less_than",
            "greater_than",
            "is_business_hours",
            "less_than_business_hours",
            "greater_than_business_hours",
        ],
        Kind::Moment => &["less_than", "less_than_equal", "greater_than", "greater_than_equal"],
        Kind::Custom => &[
            "is",
            "is_not",
            "present",
            "not_present",
            "less_than",
            "greater_than",
            "includes",
            "not_includes",
            "includes_string",
            "not_includes_string",
        ],
    }
}

/// What triggers can ask of what was before: the spellings that are told.
pub(crate) fn turns(field: Field, kind: Kind) -> &'static [&'static str] {
    match (field, kind) {
        (Field::CustomerField(_) | Field::OrganizationField(_), _) => &[],
        (_, Kind::Tags) => &["changed", "not_changed"],
        (_, Kind::Status | Kind::Priority | Kind::Type | Kind::Id | Kind::Person | Kind::Group | Kind::Custom) => {
            &["changed", "value", "value_previous", "not_changed", "not_value", "not_value_previous"]
        }
        _ => &[],
    }
}
