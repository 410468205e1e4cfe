//! A ticket as this dialect shows it: in a list, and alone (Gorgias contract, `resources.tickets`). Key order as in recorded traffic.

use helpdesk::addresses::Address;
use helpdesk::custom_fields::Values;
use helpdesk::people::Person;
use helpdesk::tickets::tags::TicketTag;
use helpdesk::tickets::{Priority, Requester, Status, TeamOfTicket, Ticket, TicketDetail, TicketInList};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::field_values::ValuesView;
use crate::message_view::{Empty, MessageView, PersonView, person_entries};
use crate::satisfaction_surveys;
use crate::time::Datetime;

/// The list form.
pub(crate) struct TicketInListView<'a>(pub &'a TicketInList);

/// The form of a single ticket.
pub(crate) struct TicketView<'a>(pub &'a TicketDetail);

/// What both forms know besides the row.
struct Around<'a, C> {
    customer: C,
    assignee_user: Option<&'a Person>,
    assignee_team: Option<&'a TeamOfTicket>,
    tags: &'a [TicketTag],
    fields: &'a Values,
}

impl Serialize for TicketInListView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let TicketInList { ticket, customer, assignee_user, assignee_team, tags, fields } = self.0;
        let around = Around {
            customer: PersonView(customer),
            assignee_user: assignee_user.as_ref(),
            assignee_team: assignee_team.as_ref(),
            tags,
            fields,
        };
        let mut map = serializer.serialize_map(None)?;
        entries(&mut map, ticket, around)?;
        map.serialize_entry("excerpt", &ticket.excerpt)?;
        map.serialize_entry("integrations", &[(); 0])?;
        map.serialize_entry("messages_count", &ticket.messages_count)?;
        map.serialize_entry("imported", &ticket.imported)?;
        map.end()
    }
}

impl Serialize for TicketView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let TicketDetail {
            ticket,
            customer,
            assignee_user,
            assignee_team,
            tags,
            fields,
            messages,
            satisfaction_survey,
        } = self.0;
        let around = Around {
            customer: RequesterView(customer),
            assignee_user: assignee_user.as_ref(),
            assignee_team: assignee_team.as_ref(),
            tags,
            fields,
        };
        let mut map = serializer.serialize_map(None)?;
        entries(&mut map, ticket, around)?;
        map.serialize_entry("assignee_user_id", &ticket.assignee_user_id)?;
        map.serialize_entry("assignee_team_id", &ticket.assignee_team_id)?;
        map.serialize_entry("requester", &RequesterView(customer))?;
        map.serialize_entry("messages", &Each(messages, MessageView))?;
        // Quirk: deprecated, and empty in recorded traffic. `GET /api/events` has them.
        map.serialize_entry("events", &[(); 0])?;
        map.serialize_entry("imported", &ticket.imported)?;
        // No rule has to run on a ticket before it is done with.
        map.serialize_entry("processed_datetime", &Datetime(ticket.created_at))?;
        map.serialize_entry("satisfaction_survey", &satisfaction_survey.as_ref().map(satisfaction_surveys::view))?;
        map.serialize_entry("reply_options", &ReplyOptions(customer))?;
        map.end()
    }
}

fn entries<M: SerializeMap, C: Serialize>(map: &mut M, ticket: &Ticket, around: Around<'_, C>) -> Result<(), M::Error> {
    map.serialize_entry("id", &ticket.id)?;
    map.serialize_entry("uri", &format_args!("/api/tickets/{}/", ticket.id))?;
    map.serialize_entry("external_id", &ticket.external_id)?;
    map.serialize_entry("language", &ticket.language)?;
    map.serialize_entry("status", status_word(ticket.status))?;
    map.serialize_entry("priority", priority_word(ticket.priority))?;
    map.serialize_entry("channel", &ticket.channel)?;
    map.serialize_entry("via", &ticket.via)?;
    map.serialize_entry("from_agent", &ticket.from_agent)?;
    map.serialize_entry("customer", &around.customer)?;
    map.serialize_entry("assignee_user", &around.assignee_user.map(UserView))?;
    map.serialize_entry("assignee_team", &around.assignee_team.map(TeamView))?;
    map.serialize_entry("subject", &ticket.subject)?;
    map.serialize_entry("summary", &())?;
    map.serialize_entry("meta", &ticket.meta)?;
    map.serialize_entry("tags", &Each(around.tags, TagView))?;
    map.serialize_entry("is_unread", &ticket.is_unread)?;
    map.serialize_entry("spam", &ticket.spam)?;
    map.serialize_entry("created_datetime", &Datetime(ticket.created_at))?;
    map.serialize_entry("opened_datetime", &ticket.opened_at.map(Datetime))?;
    map.serialize_entry("last_received_message_datetime", &ticket.last_received_message_at.map(Datetime))?;
    map.serialize_entry("last_message_datetime", &ticket.last_message_at.map(Datetime))?;
    map.serialize_entry("updated_datetime", &Datetime(ticket.updated_at))?;
    map.serialize_entry("closed_datetime", &ticket.closed_at.map(Datetime))?;
    map.serialize_entry("snooze_datetime", &ticket.snoozed_until.map(Datetime))?;
    map.serialize_entry("trashed_datetime", &ticket.trashed_at.map(Datetime))?;
    map.serialize_entry("last_sent_message_not_delivered", &ticket.last_sent_message_not_delivered)?;
    map.serialize_entry("custom_fields", &ValuesView(around.fields))
}

/// Two words stand for our six.
fn status_word(status: Status) -> &'static str {
    if status.is_done() { "closed" } else { "open" }
}

fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent => "critical",
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
    }
}

/// A list of which each item is shown by a view.
pub(crate) struct Each<'a, T, V>(pub &'a [T], pub fn(&'a T) -> V);

impl<T, V: Serialize> Serialize for Each<'_, T, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

struct UserView<'a>(&'a Person);

impl Serialize for UserView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &user.id)?;
        map.serialize_entry("email", user.email.as_deref().unwrap_or_default())?;
        map.serialize_entry("name", user.name.as_deref().unwrap_or_default())?;
        map.serialize_entry("firstname", &user.firstname)?;
        map.serialize_entry("lastname", &user.lastname)?;
        map.serialize_entry("meta", &user.meta)?;
        map.serialize_entry("bio", &user.bio)?;
        map.end()
    }
}

struct TeamView<'a>(&'a TeamOfTicket);

impl Serialize for TeamView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("name", &self.0.name)?;
        map.serialize_entry("decoration", &self.0.decoration)?;
        map.end()
    }
}

struct TagView<'a>(&'a TicketTag);

impl Serialize for TagView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("name", &self.0.name)?;
        map.serialize_entry("decoration", &self.0.color.as_deref().map(|color| One("color", color)))?;
        map.end()
    }
}

/// An object with one key.
struct One<'a>(&'static str, &'a str);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}

/// The customer of a single ticket (`customer_in_detail_keys`).
struct RequesterView<'a>(&'a Requester);

impl Serialize for RequesterView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Requester { person, external_id, note, data, addresses } = self.0;
        let mut map = serializer.serialize_map(None)?;
        person_entries(&mut map, person)?;
        map.serialize_entry("channels", &ChannelsView(person, addresses))?;
        map.serialize_entry("data", data)?;
        map.serialize_entry("customer", &())?;
        map.serialize_entry("integrations", &Empty)?;
        map.serialize_entry("external_id", external_id)?;
        map.serialize_entry("note", note)?;
        map.serialize_entry("external_data", &Empty)?;
        map.serialize_entry("ecommerce_data", &Empty)?;
        map.end()
    }
}

struct ChannelsView<'a>(&'a Person, &'a [Address]);

impl Serialize for ChannelsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|address| ChannelView(self.0, address)))
    }
}

struct ChannelView<'a>(&'a Person, &'a Address);

impl Serialize for ChannelView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ChannelView(person, address) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &address.id)?;
        map.serialize_entry("type", &address.kind)?;
        map.serialize_entry("address", &address.address)?;
        map.serialize_entry("preferred", &address.preferred)?;
        map.serialize_entry("created_datetime", &Datetime(address.created_at))?;
        map.serialize_entry("updated_datetime", &address.updated_at.map(Datetime))?;
        map.serialize_entry("deleted_datetime", &())?;
        map.serialize_entry("user", &Owner(person))?;
        map.serialize_entry("customer", &Owner(person))?;
        map.end()
    }
}

struct Owner<'a>(&'a Person);

impl Serialize for Owner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("name", &self.0.name)?;
        map.end()
    }
}

/// How the customer can be answered, by channel.
struct ReplyOptions<'a>(&'a Requester);

impl Serialize for ReplyOptions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has = |kind: &str| self.0.addresses.iter().any(|address| address.kind == kind);
        let email = self.0.person.email.is_some() || has("email");
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("email", &ReplyOption { missing: (!email).then_some("no email address") })?;
        map.serialize_entry("internal-note", &ReplyOption { missing: None })?;
        map.serialize_entry("phone", &ReplyOption { missing: (!has("phone")).then_some("no phone number") })?;
        map.end()
    }
}

struct ReplyOption {
    missing: Option<&'static str>,
}

impl Serialize for ReplyOption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("answerable", &self.missing.is_none())?;
        map.serialize_entry("reason", &self.missing)?;
        map.serialize_entry("integrations", &[(); 0])?;
        map.end()
    }
}
