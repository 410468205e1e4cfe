//! Tickets: a conversation with a customer, its state, and who looks after it.
//!
//! Here is what a ticket is, and reading one. Creating and changing: `write.rs`; how one ends and is open again: `closing.rs`; which events that leaves: `changes.rs`;
//! merging and splitting: `merge.rs`; messages: `messages.rs`, `message_draft.rs`, `message_write.rs`, `message_actions.rs`;
//! pages of tickets: `list.rs`; those that fulfil a condition: `matching.rs`; labels: `tags.rs`; values of custom fields: `fields.rs`;
//! brand and status of the account's own: `standing.rs`; the history of a ticket: `audits.rs`; what was made unreadable: `redaction.rs`;
//! who passed one over: `skips.rs`;
//! many tickets at once: `bulk.rs`; who is copied in, and which tickets belong together: `around.rs`;
//! how long a ticket took, and its clocks: `metrics.rs`; tickets as their customers see them: `requests.rs`.

pub mod anonymous;
pub mod around;
pub mod audits;
pub mod bodies;
pub mod bulk;
mod changes;
mod checks;
mod closing;
pub mod fields;
mod leads;
pub mod list;
pub mod matching;
pub mod merge;
pub mod message_actions;
pub mod message_draft;
pub mod message_write;
pub mod messages;
pub mod metrics;
pub mod redaction;
pub mod requests;
pub mod skips;
pub mod solving;
pub mod standing;
pub mod tags;
pub mod write;

use jiff::Timestamp;
use scope::permit::{CanRead, CanWrite};
use scope::resource::Tickets;
use serde_json::value::RawValue;
use store::{Row, Tx};

use crate::Error;
use crate::addresses::{self, Address};
use crate::custom_fields::{self, Carrier, Values};
use crate::people::{Person, PersonColumns, person_columns, stored_json};
use crate::satisfaction_surveys::{self, Survey};
use messages::Message;
use tags::TicketTag;

/// Where a ticket stands. The first four wait for somebody, the last two do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    New,
    Open,
    /// Waits for the customer.
    Pending,
    /// Waits for a third party.
    OnHold,
    Solved,
    Closed,
}

impl Status {
    pub const ALL: &'static [Status] =
        &[Status::New, Status::Open, Status::Pending, Status::OnHold, Status::Solved, Status::Closed];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Status::New => "new",
            Status::Open => "open",
            Status::Pending => "pending",
            Status::OnHold => "on_hold",
            Status::Solved => "solved",
            Status::Closed => "closed",
        }
    }

    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| status.word() == word)
    }

    /// Nobody has to do anything.
    pub const fn is_done(self) -> bool {
        matches!(self, Status::Solved | Status::Closed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Priority {
    pub const ALL: &'static [Priority] = &[Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
    }

    pub fn parse(word: &str) -> Option<Priority> {
        Priority::ALL.iter().copied().find(|priority| priority.word() == word)
    }
}

/// What sort of thing somebody asks for. Not every account tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketType {
    Question,
    /// One of several that a problem causes.
    Incident,
    Problem,
    /// Has a time when it is due.
    Task,
}

impl TicketType {
    pub const ALL: &'static [TicketType] =
        &[TicketType::Question, TicketType::Incident, TicketType::Problem, TicketType::Task];

    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            TicketType::Question => "question",
            TicketType::Incident => "incident",
            TicketType::Problem => "problem",
            TicketType::Task => "task",
        }
    }

    pub fn parse(word: &str) -> Option<TicketType> {
        TicketType::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

/// The row of a ticket.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub id: i64,
    pub external_id: Option<String>,
    pub status: Status,
    pub priority: Priority,
    /// How the conversation started: `email`, `chat`, `api` ... Apps may bring their own.
    pub channel: String,
    /// What brought the first message: `helpdesk`, `api`, `rule` ...
    pub via: String,
    /// The first message came from us.
    pub from_agent: bool,
    pub subject: Option<String>,
    /// Start of the last message.
    pub excerpt: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    pub customer_id: i64,
    pub assignee_user_id: Option<i64>,
    pub assignee_team_id: Option<i64>,
    pub messages_count: i64,
    pub is_unread: bool,
    pub spam: bool,
    pub imported: bool,
    pub last_sent_message_not_delivered: bool,
    /// A JSON object, as stored.
    pub meta: Option<Box<RawValue>>,
    pub split_from: Option<i64>,
    pub organization_id: Option<i64>,
    pub form_id: Option<i64>,
    pub kind: Option<TicketType>,
    /// Of a task.
    pub due_at: Option<Timestamp>,
    /// The problem that this incident is one of.
    pub problem_id: Option<i64>,
    /// The closed ticket that this one goes on with.
    pub followup_of: Option<i64>,
    /// None: the default one.
    pub brand_id: Option<i64>,
    /// None: the default one of its status.
    pub custom_status_id: Option<i64>,
    pub created_at: Timestamp,
    pub opened_at: Option<Timestamp>,
    pub last_received_message_at: Option<Timestamp>,
    pub last_message_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    /// Set exactly while the status is a done one.
    pub closed_at: Option<Timestamp>,
    /// A snoozed ticket is closed until then; `jobs::unsnooze_ticket` reopens it.
    pub snoozed_until: Option<Timestamp>,
    pub trashed_at: Option<Timestamp>,
}

/// A ticket with the people around it, as in a list.
#[derive(Debug, Clone)]
pub struct TicketInList {
    pub ticket: Ticket,
    pub customer: Person,
    pub assignee_user: Option<Person>,
    pub assignee_team: Option<TeamOfTicket>,
    /// By name.
    pub tags: Vec<TicketTag>,
    pub fields: Values,
}

/// Everything about one ticket.
#[derive(Debug, Clone)]
pub struct TicketDetail {
    pub ticket: Ticket,
    pub customer: Requester,
    pub assignee_user: Option<Person>,
    pub assignee_team: Option<TeamOfTicket>,
    /// By name.
    pub tags: Vec<TicketTag>,
    pub fields: Values,
    /// Oldest first.
    pub messages: Vec<Message>,
    pub satisfaction_survey: Option<Survey>,
}

#[derive(Debug, Clone)]
pub struct TeamOfTicket {
    pub id: i64,
    pub name: String,
    /// A JSON object, as stored.
    pub decoration: Option<Box<RawValue>>,
}

/// The customer of a ticket, with what a page beside the conversation shows.
#[derive(Debug, Clone)]
pub struct Requester {
    pub person: Person,
    pub external_id: Option<String>,
    pub note: Option<String>,
    /// Any JSON, as stored.
    pub data: Option<Box<RawValue>>,
    pub addresses: Vec<Address>,
}

pub(crate) const CUSTOMER: PersonColumns = person_columns!("customer");
pub(crate) const ASSIGNEE: PersonColumns = person_columns!("assignee");

/// The columns of a ticket `t` with its customer `c`, assignee `u` and team `g`.
/// Outer joins keep the ticket the leading table on both engines, so that an index on tickets gives the order.
macro_rules! select_tickets {
    ($($rest:literal),* $(,)?) => {
        concat!(
            "select t.id, t.external_id, t.status, t.priority, t.channel, t.via, t.from_agent, t.subject, t.excerpt, t.language,
                    t.customer_id, t.assignee_user_id, t.assignee_team_id, t.messages_count, t.is_unread, t.spam, t.imported,
                    t.last_sent_message_not_delivered, t.meta, t.split_from, t.organization_id, t.form_id, t.type,
                    t.due_at, t.problem_id, t.followup_of, t.brand_id, t.custom_status_id, t.created_at, t.opened_at,
                    t.last_received_message_at, t.last_message_at, t.updated_at, t.closed_at, t.snoozed_until, t.trashed_at,
                    c.email as customer_email, c.name as customer_name, c.firstname as customer_firstname,
                    c.lastname as customer_lastname, c.bio as customer_bio, c.meta as customer_meta,
                    u.id as assignee_id, u.email as assignee_email, u.name as assignee_name, u.firstname as assignee_firstname,
                    u.lastname as assignee_lastname, u.bio as assignee_bio, u.meta as assignee_meta,
                    g.name as team_name, g.decoration as team_decoration",
            $($rest,)*
        )
    };
}
/// What `select_tickets!` reads from.
macro_rules! from_tickets {
    () => {
        " from tickets t
          left join people c on c.id = t.customer_id
          left join people u on u.id = t.assignee_user_id
          left join teams g on g.id = t.assignee_team_id"
    };
}
pub(crate) use {from_tickets, select_tickets};

impl Ticket {
    /// A status of the account's own goes with the status that it is one of; a solved ticket keeps it when it is closed for good.
    pub(crate) fn set_status(&mut self, status: Status) {
        if status != self.status && (self.status, status) != (Status::Solved, Status::Closed) {
            self.custom_status_id = None;
        }
        self.status = status;
    }

    pub(crate) fn from_row(row: &Row) -> Result<Ticket, Error> {
        Ok(Ticket {
            id: row.int("id")?,
            external_id: row.text_or_null("external_id")?,
            status: Status::parse(&row.text("status")?).ok_or(store::StoreError::Column("status"))?,
            priority: Priority::parse(&row.text("priority")?).ok_or(store::StoreError::Column("priority"))?,
            channel: row.text("channel")?,
            via: row.text("via")?,
            from_agent: row.flag("from_agent")?,
            subject: row.text_or_null("subject")?,
            excerpt: row.text_or_null("excerpt")?,
            language: row.text_or_null("language")?,
            customer_id: row.int("customer_id")?,
            assignee_user_id: row.int_or_null("assignee_user_id")?,
            assignee_team_id: row.int_or_null("assignee_team_id")?,
            messages_count: row.int("messages_count")?,
            is_unread: row.flag("is_unread")?,
            spam: row.flag("spam")?,
            imported: row.flag("imported")?,
            last_sent_message_not_delivered: row.flag("last_sent_message_not_delivered")?,
            meta: stored_json(row, "meta")?,
            split_from: row.int_or_null("split_from")?,
            organization_id: row.int_or_null("organization_id")?,
            form_id: row.int_or_null("form_id")?,
            kind: row.text_or_null("type")?.as_deref().and_then(TicketType::parse),
            due_at: row.time_or_null("due_at")?,
            problem_id: row.int_or_null("problem_id")?,
            followup_of: row.int_or_null("followup_of")?,
            brand_id: row.int_or_null("brand_id")?,
            custom_status_id: row.int_or_null("custom_status_id")?,
            created_at: row.time("created_at")?,
            opened_at: row.time_or_null("opened_at")?,
            last_received_message_at: row.time_or_null("last_received_message_at")?,
            last_message_at: row.time_or_null("last_message_at")?,
            updated_at: row.time("updated_at")?,
            closed_at: row.time_or_null("closed_at")?,
            snoozed_until: row.time_or_null("snoozed_until")?,
            trashed_at: row.time_or_null("trashed_at")?,
        })
    }
}

impl TeamOfTicket {
    pub(crate) fn from_row(row: &Row) -> Result<Option<TeamOfTicket>, Error> {
        let Some(id) = row.int_or_null("assignee_team_id")? else { return Ok(None) };
        Ok(Some(TeamOfTicket { id, name: row.text("team_name")?, decoration: stored_json(row, "team_decoration")? }))
    }
}

/// The ticket with this id and all that belongs to it, or `NotFound`. Five statements, whatever the number of messages.
pub async fn find(tx: &mut Tx, _may: &CanRead<Tickets>, id: i64) -> Result<TicketDetail, Error> {
    load(tx, id).await
}

/// The same for whoever just wrote it: who may write a ticket is shown what came of it.
pub async fn written(tx: &mut Tx, _may: &CanWrite<Tickets>, id: i64) -> Result<TicketDetail, Error> {
    load(tx, id).await
}

async fn load(tx: &mut Tx, id: i64) -> Result<TicketDetail, Error> {
    let row = tx
        .row(
            concat!(
                select_tickets!(
                    ", c.external_id as customer_external_id, c.note as customer_note, c.data as customer_data"
                ),
                from_tickets!(),
                " where t.id = $1"
            ),
            &[id.into()],
        )
        .await?;
    let Some(row) = row else { return Err(Error::NotFound { kind: "ticket", id }) };
    let ticket = Ticket::from_row(&row)?;
    let person = Person::from_row(&row, &CUSTOMER)?.ok_or(store::StoreError::Column("customer_id"))?;
    let addresses = addresses::of_person(tx, person.id).await?;
    Ok(TicketDetail {
        customer: Requester {
            person,
            external_id: row.text_or_null("customer_external_id")?,
            note: row.text_or_null("customer_note")?,
            data: stored_json(&row, "customer_data")?,
            addresses,
        },
        assignee_user: Person::from_row(&row, &ASSIGNEE)?,
        assignee_team: TeamOfTicket::from_row(&row)?,
        tags: tags::current(tx, id).await?,
        fields: custom_fields::of_object(tx, Carrier::Ticket, id).await?,
        messages: messages::of_ticket(tx, id).await?,
        satisfaction_survey: satisfaction_surveys::of_ticket(tx, id).await?,
        ticket,
    })
}

/// `NotFound` unless there is a ticket with this id.
pub async fn must_exist(tx: &mut Tx, _may: &CanRead<Tickets>, id: i64) -> Result<(), Error> {
    match tx.row("select id from tickets where id = $1", &[id.into()]).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotFound { kind: "ticket", id }),
    }
}
