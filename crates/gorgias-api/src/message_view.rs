//! A message as this dialect shows it (Gorgias contract, `resources.messages`). Key order as in recorded traffic.

use helpdesk::people::Person;
use helpdesk::tickets::messages::Message;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::time::Datetime;

pub(crate) struct MessageView<'a>(pub &'a Message);

impl Serialize for MessageView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &message.id)?;
        map.serialize_entry("uri", &format_args!("/api/tickets/{}/messages/{}/", message.ticket_id, message.id))?;
        map.serialize_entry("message_id", &message.message_id)?;
        map.serialize_entry("ticket_id", &message.ticket_id)?;
        map.serialize_entry("external_id", &message.external_id)?;
        map.serialize_entry("public", &message.public)?;
        map.serialize_entry("channel", &message.channel)?;
        map.serialize_entry("via", &message.via)?;
        map.serialize_entry("source", &message.source)?;
        map.serialize_entry("sender", &PersonView(&message.sender))?;
        map.serialize_entry("auth_customer_identity", &())?;
        map.serialize_entry("integration_id", &message.integration_id)?;
        map.serialize_entry("intents", &[(); 0])?;
        map.serialize_entry("rule_id", &message.rule_id)?;
        map.serialize_entry("from_agent", &message.from_agent)?;
        map.serialize_entry("receiver", &message.receiver.as_ref().map(PersonView))?;
        map.serialize_entry("subject", &message.subject)?;
        map.serialize_entry("body_text", &message.body_text)?;
        map.serialize_entry("body_html", &message.body_html)?;
        map.serialize_entry("stripped_text", &message.stripped_text)?;
        map.serialize_entry("stripped_html", &message.stripped_html)?;
        map.serialize_entry("stripped_signature", &message.stripped_signature)?;
        map.serialize_entry("attachments", &message.attachments)?;
        match &message.macros {
            Some(macros) => map.serialize_entry("macros", macros)?,
            None => map.serialize_entry("macros", &[(); 0])?,
        }
        map.serialize_entry("actions", &message.actions)?;
        match &message.headers {
            Some(headers) => map.serialize_entry("headers", headers)?,
            None => map.serialize_entry("headers", &Empty)?,
        }
        map.serialize_entry("imported", &message.imported)?;
        map.serialize_entry("meta", &message.meta)?;
        map.serialize_entry("created_datetime", &Datetime(message.created_at))?;
        // No rule has to run on a message before it is done with.
        map.serialize_entry("processed_datetime", &Datetime(message.created_at))?;
        map.serialize_entry("deleted_datetime", &message.deleted_at.map(Datetime))?;
        map.serialize_entry("sent_datetime", &message.sent_at.map(Datetime))?;
        map.serialize_entry("failed_datetime", &message.failed_at.map(Datetime))?;
        map.serialize_entry("opened_datetime", &message.opened_at.map(Datetime))?;
        map.serialize_entry("last_sending_error", &message.last_sending_error)?;
        map.serialize_entry("is_retriable", &message.is_retriable())?;
        map.serialize_entry("replied_by", &())?;
        map.serialize_entry("replied_to", &())?;
        map.end()
    }
}

/// `PersonOut` and `CustomerCompact`: the same six fields.
pub(crate) struct PersonView<'a>(pub &'a Person);

impl Serialize for PersonView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        person_entries(&mut map, self.0)?;
        map.end()
    }
}

pub(crate) fn person_entries<M: SerializeMap>(map: &mut M, person: &Person) -> Result<(), M::Error> {
    map.serialize_entry("id", &person.id)?;
    map.serialize_entry("email", &person.email)?;
    map.serialize_entry("name", &person.name)?;
    map.serialize_entry("firstname", &person.firstname)?;
    map.serialize_entry("lastname", &person.lastname)?;
    map.serialize_entry("meta", &person.meta)
}

/// `{}`.
pub(crate) struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}
