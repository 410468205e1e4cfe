//! Conditions on tickets, as one value: views, rules, jobs, exports and statistics share it, whatever vendor's words it was written in.
//!
//! This file says what a condition is and how it is stored (JSON, never searched). As SQL: `sql.rs`; in memory: `evaluate.rs`; where its tickets
//! can lie: `folders.rs`. What a field is in SQL: `columns.rs`. What it asks of business hours is put into times before (`hours.rs`).

mod columns;
pub mod evaluate;
pub mod folders;
pub mod hours;
pub mod sql;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A tree of tests. `All` of nothing is true of every ticket, `Any` of nothing of none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Test),
}

impl Default for Condition {
    fn default() -> Condition {
        Condition::All(Vec::new())
    }
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    pub field: Field,
    pub operator: Operator,
    pub operand: Operand,
}

/// What is compared. The fields of `Message` and `Event` have a value only while a rule runs on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Id,
    ExternalId,
    /// One of our six statuses; `Operand::Text("open")` of a dialect with two statuses is written as `Any` of ours by that dialect.
    Status,
    Priority,
    /// Question, incident, problem or task.
    TicketType,
    OrganizationId,
    FormId,
    /// The default one too, of tickets that name none.
    BrandId,
    /// The default one of its status too.
    CustomStatusId,
    /// The account's own too.
    ScheduleId,
    Channel,
    Via,
    Language,
    Subject,
    Excerpt,
    Spam,
    FromAgent,
    IsUnread,
    MessagesCount,
    CustomerId,
    CustomerEmail,
    CustomerName,
    CustomerLanguage,
    /// A word of `scope::role`.
    CustomerRole,
    AssigneeUserId,
    AssigneeTeamId,
    /// Names of tags, case counts.
    Tags,
    /// Of the ticket's messages.
    IntegrationIds,
    // Looked up for each ticket: searches ask them, and no rule.
    /// Who wrote the first message.
    SubmitterId,
    /// Who wrote any.
    CommenterIds,
    /// The address that it came to, in lower case.
    Recipient,
    /// Who is copied in.
    CopiedIds,
    /// Whether any message brings a file along.
    HasFiles,
    /// Any field of ours on tickets.
    AnyField,
    CreatedAt,
    OpenedAt,
    UpdatedAt,
    ClosedAt,
    SnoozedUntil,
    TrashedAt,
    LastMessageAt,
    LastReceivedMessageAt,
    DueAt,
    /// Since when the ticket has its status.
    StatusChangedAt,
    /// The score of the ticket's survey, 1 to 5.
    SurveyScore,
    SurveyComment,
    SurveySentAt,
    /// Why the customer was not content, by the number that a dialect gives it. Known to rules alone.
    SurveyReason,
    /// A field of ours on tickets, by id.
    CustomField(i64),
    /// A field of ours on the ticket's customer, by id.
    CustomerField(i64),
    /// A field of ours on the ticket's organization, by id.
    OrganizationField(i64),
    /// Whether somebody is there by the ticket's schedule.
    InBusinessHours,
    /// Whether it is a holiday of the ticket's schedule.
    OnHoliday,
    /// The schedules by which somebody is there, by id.
    WithinSchedule,
    // Looked up for each ticket: only rules and promises ask them.
    /// What the ticket's first message says.
    Description,
    /// The addresses that the ticket's first message was sent to, in lower case, and the one that the ticket came to.
    Recipients,
    /// Whether the customer can read a message of it.
    IsPublic,
    /// Whether anybody is copied in.
    HasCopied,
    /// How many tickets are incidents of it.
    Incidents,
    /// When the first promise that is not kept yet is broken, or was.
    NextBreachAt,
    /// When it was given to whoever has it.
    AssignedAt,
    /// When whoever has it wrote last.
    AssigneeWroteAt,
    /// How often it was solved and opened again.
    Reopens,
    /// Our public answers.
    Replies,
    /// How many people, and teams, it was given to.
    AssigneeStations,
    TeamStations,
    MessageBody,
    MessageSubject,
    MessageChannel,
    MessageFromAgent,
    MessagePublic,
    MessageSenderId,
    MessageSenderEmail,
    MessageIntegrationId,
    MessageHasFiles,
    /// How a change came: `web`, `api`, `rule`, or the channel of its message.
    ChangedVia,
    /// Our kind of the event that a rule runs on, such as `ticket-created`.
    EventKind,
    /// Who did what a rule runs on, and whether they are one of us.
    ActorId,
    ActorIsStaff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    /// The time lies at least so long ago.
    AtLeastAgo,
    /// The time lies at most so long ago.
    AtMostAgo,
    /// Part of a text, or one of a list of names; case does not count in texts.
    Contains,
    NotContains,
    ContainsAny,
    ContainsAll,
    NotContainsAny,
    NotContainsAll,
    StartsWith,
    EndsWith,
    IsEmpty,
    IsNotEmpty,
    /// The value was another one before what a rule runs on; of a new ticket, there was none. Known only there.
    Changed,
    NotChanged,
    ChangedTo,
    NotChangedTo,
    ChangedFrom,
    NotChangedFrom,
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// Of `IsEmpty` and `IsNotEmpty`, and of a comparison with nothing.
    Nothing,
    Text(String),
    Number(f64),
    Int(i64),
    Flag(bool),
    Time(Timestamp),
    /// A span of time in seconds, of `AtLeastAgo` and `AtMostAgo`.
    Seconds(i64),
    /// The same of time in which somebody is there, by the ticket's schedule.
    BusinessSeconds(i64),
    /// The person who reads the view or whose change a rule runs on.
    CurrentUser,
    /// The teams that they are in: known only in SQL.
    CurrentTeams,
    List(Vec<Operand>),
}

/// Whether a text is written as a day, such as `2026-03-02`: of fields of ours such texts have an order.
pub fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Whom `Operand::CurrentUser` stands for, and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Viewpoint {
    pub now: Timestamp,
    pub person_id: Option<i64>,
}
