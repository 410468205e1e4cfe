//! What a macro, a rule or a bulk job does to a ticket, as one value, whatever vendor's words it was written in.
//!
//! Here is what an action is and how it is stored (JSON, never searched). Taking one: `take.rs`; several: `apply.rs`.

pub mod apply;
pub mod take;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Longest text that an action says, in characters.
pub const BODY_MAX_CHARS: usize = 100_000;

/// One step. Texts may hold `{{ticket.customer.name}}` and the like, filled in when the step is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    AddTags(Vec<String>),
    RemoveTags(Vec<String>),
    /// Replaces every tag.
    SetTags(Vec<String>),
    /// One of our six statuses, or `waiting` and `done` as callers with two statuses ask for it.
    SetStatus(String),
    /// low, normal, high, urgent
    SetPriority(String),
    SetSubject(String),
    /// None: nobody.
    AssignUser(Option<i64>),
    AssignCurrentUser,
    /// None: no team.
    AssignTeam(Option<i64>),
    /// The member of the team whose turn it is; without one, of the ticket's team.
    RoundRobin(Option<i64>),
    SnoozeSeconds(i64),
    /// A public answer to the customer, on the ticket's channel.
    Reply(Text),
    /// A new mail to somebody.
    SendEmail(Email),
    InternalNote(Text),
    ApplyMacro(i64),
    Trash,
    MarkSpam(bool),
    SetCustomField {
        custom_field_id: i64,
        value: Json,
    },
    SetCustomerField {
        custom_field_id: i64,
        value: Json,
    },
    /// Of the ticket's organization, if it has one.
    SetOrganizationField {
        custom_field_id: i64,
        value: Json,
    },
    /// Such as `de`.
    SetCustomerLanguage(String),
    Http(HttpCall),
    /// None: none.
    SetType(Option<String>),
    SetBrand(i64),
    /// None: no form.
    SetForm(Option<i64>),
    /// With the status that it is one of.
    SetCustomStatus(i64),
    /// The weekly hours that the ticket goes by.
    SetSchedule(i64),
    /// Somebody is copied in from now on.
    CopyIn {
        part: Copied,
        who: Whom,
    },
    /// A mail about the ticket that is none of its messages. Texts as everywhere.
    Notify {
        whom: Whom,
        subject: String,
        body: String,
    },
    /// Calls an integration of type http, whatever it waits for.
    CallIntegration {
        integration_id: i64,
        payload: Payload,
    },
    SendSurvey,
    /// Kept as it came, and skipped when the others are taken.
    Unknown {
        name: String,
        arguments: Json,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    pub body_text: String,
    #[serde(default)]
    pub body_html: Option<String>,
    /// As the messages' attachments are stored.
    #[serde(default)]
    pub attachments: Option<Json>,
}

impl Text {
    /// The plain text, or the HTML where there is nothing else.
    pub fn shown(&self) -> &str {
        match &self.body_html {
            Some(html) if self.body_text.is_empty() => html,
            _ => &self.body_text,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Email {
    pub to: Vec<String>,
    #[serde(default)]
    pub cc: Vec<String>,
    #[serde(default)]
    pub bcc: Vec<String>,
    #[serde(default)]
    pub subject: Option<String>,
    pub text: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCall {
    pub url: String,
    pub method: String,
    /// Name and value.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub content_type: Option<String>,
    /// A template.
    #[serde(default)]
    pub body: Option<String>,
}

/// As what somebody is copied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Copied {
    /// Gets what the customer gets.
    Cc,
    /// One of us who wants to know.
    Follower,
}

/// Somebody, as far as an action knows them when it is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Customer,
    /// With those who are copied in.
    CustomerAndCcs,
    Assignee,
    /// Whoever acts.
    CurrentUser,
    AllStaff,
    Person(i64),
    /// None: the ticket's.
    Team(Option<i64>),
}

/// What a call of an integration brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Whatever the integration says.
    Own,
    /// A template of the whole body.
    Text(String),
    /// Names and templates of values: a form, or the query of a method without a body.
    Pairs(Vec<(String, String)>),
}
