//! A message on its way into the database: its people found, its gaps filled.

use jiff::Timestamp;
use scope::permit::Actor;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use store::{Tx, Value};

use super::bodies;
use super::message_actions::Brought;
use super::messages::{API, INTERNAL_NOTE, Message};
use crate::people::{PersonRef, json_to_store, prefixed};
use crate::{Error, customers};

/// A message to be.
#[derive(Debug, Clone, Default)]
pub struct NewMessage {
    pub channel: String,
    pub via: String,
    pub from_agent: bool,
    /// Default: true. An internal note is never public.
    pub public: Option<bool>,
    /// Default: for an answer whoever acts, else the address the message came from, else the ticket's customer.
    pub sender: Option<PersonRef>,
    /// Default: for a public answer the ticket's customer.
    pub receiver: Option<PersonRef>,
    /// Routing: an object with `type`, `from`, `to`, `cc`, `bcc`, `extra`.
    pub source: Option<Json>,
    pub integration_id: Option<i64>,
    pub subject: Option<String>,
    /// Either body is made from the other if only one is there.
    pub body_text: Option<String>,
    pub body_html: Option<String>,
    /// Default: the bodies.
    pub stripped_text: Option<String>,
    pub stripped_html: Option<String>,
    pub stripped_signature: Option<String>,
    /// Arrays and objects.
    pub attachments: Option<Json>,
    pub macros: Option<Json>,
    pub actions: Option<Json>,
    pub headers: Option<Json>,
    pub mention_ids: Option<Json>,
    pub meta: Option<Json>,
    pub last_sending_error: Option<Json>,
    pub message_id: Option<String>,
    pub external_id: Option<String>,
    /// Comes from elsewhere: nothing is sent, and a customer's message reopens nothing.
    pub imported: bool,
    pub created_at: Option<Timestamp>,
    /// Set: it was sent already, and nothing leaves.
    pub sent_at: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    pub opened_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// Macros and actions that come with it.
    pub brought: Brought,
    /// The newest message that its writer had seen; none: never mind.
    pub last_seen_id: Option<i64>,
}

/// People that were found already for the messages of one ticket, so that five hundred of them ask for each person once.
#[derive(Debug, Default)]
pub(super) struct Known {
    found: Vec<(PersonRef, i64)>,
}

impl Known {
    /// The customer who is meant, created if need be.
    pub(super) async fn customer(
        &mut self,
        tx: &mut Tx,
        actor: &Actor,
        now: Timestamp,
        person: &PersonRef,
    ) -> Result<i64, Error> {
        if let Some((_, id)) = self.found.iter().find(|(known, _)| known == person) {
            return Ok(*id);
        }
        let id = customers::find_or_create(tx, actor, now, person).await?;
        self.found.push((person.clone(), id));
        Ok(id)
    }
}

/// A message whose people are found and whose gaps are filled: its row without ids.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub created_at: Timestamp,
    pub from_agent: bool,
    pub failed_at: Option<Timestamp>,
    pub message_id: Option<String>,
    pub external_id: Option<String>,
    pub public: bool,
    pub channel: String,
    pub via: String,
    pub source: Option<Box<RawValue>>,
    pub sender_id: i64,
    pub receiver_id: Option<i64>,
    pub integration_id: Option<i64>,
    pub subject: Option<String>,
    pub body_text: Option<String>,
    pub body_html: Option<String>,
    pub stripped_text: Option<String>,
    pub stripped_html: Option<String>,
    pub stripped_signature: Option<String>,
    pub attachments: Option<Box<RawValue>>,
    pub macros: Option<Box<RawValue>>,
    pub actions: Option<Box<RawValue>>,
    pub headers: Option<Box<RawValue>>,
    pub mention_ids: Option<Box<RawValue>>,
    pub meta: Option<Box<RawValue>>,
    pub last_sending_error: Option<Box<RawValue>>,
    pub imported: bool,
    pub sent_at: Option<Timestamp>,
    pub opened_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

impl NewMessage {
    /// The address that a customer wrote to.
    pub(super) fn recipient(&self) -> Option<String> {
        let to = self.source.as_ref().filter(|_| !self.from_agent)?.get("to")?.get(0)?.get("address")?;
        to.as_str().map(str::to_owned)
    }

    /// Who wrote it, as far as the message says: its sender, else the address it came from.
    pub(super) fn sender_or_source(&self) -> Option<PersonRef> {
        let sender = self.sender.clone().filter(|sender| !sender.is_empty());
        sender.or_else(|| person_of(self.source.as_ref()?.get("from")?))
    }

    /// Whom it is for, as far as the message says: its receiver, else the first address it goes to.
    pub(super) fn receiver_or_source(&self) -> Option<PersonRef> {
        let receiver = self.receiver.clone().filter(|receiver| !receiver.is_empty());
        receiver.or_else(|| person_of(self.source.as_ref()?.get("to")?.get(0)?))
    }
}

/// The person behind an e-mail address of a message's routing.
fn person_of(address: &Json) -> Option<PersonRef> {
    let email = address.get("address")?.as_str().filter(|address| address.contains('@'))?;
    let name = address.get("name").and_then(Json::as_str).filter(|name| !name.is_empty());
    Some(PersonRef { name: name.map(str::to_owned), ..PersonRef::by_email(email) })
}

/// Whether it needs a transport to reach its receiver.
fn leaves(from_agent: bool, public: bool, channel: &str, imported: bool) -> bool {
    from_agent && public && channel != API && !imported
}

impl Draft {
    pub(super) fn leaves(&self) -> bool {
        leaves(self.from_agent, self.public, &self.channel, self.imported)
    }

    pub(super) fn excerpt(&self) -> Option<String> {
        self.stripped_text.as_deref().or(self.body_text.as_deref()).map(bodies::excerpt)
    }

    /// What the log keeps of a message. Its bodies only where they change.
    pub(super) fn facts(&self) -> Json {
        json!({
            "message_id": self.message_id,
            "external_id": self.external_id,
            "public": self.public,
            "channel": self.channel,
            "via": self.via,
            "source": self.source,
            "from_agent": self.from_agent,
            "sender_id": self.sender_id,
            "receiver_id": self.receiver_id,
            "integration_id": self.integration_id,
            "subject": self.subject,
            "attachments": self.attachments,
            "macros": self.macros,
            "imported": self.imported,
            "meta": self.meta,
            "created_at": self.created_at,
            "sent_at": self.sent_at,
            "failed_at": self.failed_at,
            "opened_at": self.opened_at,
            "deleted_at": self.deleted_at,
        })
    }

    /// Everything that an update can change.
    pub(super) fn all_facts(&self) -> Json {
        let mut facts = self.facts();
        let more = json!({
            "body_text": self.body_text,
            "body_html": self.body_html,
            "stripped_text": self.stripped_text,
            "stripped_html": self.stripped_html,
            "stripped_signature": self.stripped_signature,
            "actions": self.actions,
            "headers": self.headers,
            "last_sending_error": self.last_sending_error,
        });
        if let (Json::Object(facts), Json::Object(more)) = (&mut facts, more) {
            facts.extend(more);
        }
        facts
    }

    /// What `insert` and `save` both write, in their order.
    pub(super) fn columns(&self) -> Vec<Value> {
        let json = |json: &Option<Box<RawValue>>| json.as_ref().map(|json| json.get()).into();
        vec![
            self.message_id.as_deref().into(),
            self.external_id.as_deref().into(),
            self.public.into(),
            self.channel.as_str().into(),
            self.via.as_str().into(),
            json(&self.source),
            self.sender_id.into(),
            self.receiver_id.into(),
            self.from_agent.into(),
            self.integration_id.into(),
            self.subject.as_deref().into(),
            self.body_text.as_deref().into(),
            self.body_html.as_deref().into(),
            self.stripped_text.as_deref().into(),
            self.stripped_html.as_deref().into(),
            self.stripped_signature.as_deref().into(),
            json(&self.attachments),
            json(&self.macros),
            json(&self.actions),
            json(&self.headers),
            json(&self.meta),
            json(&self.last_sending_error),
            self.imported.into(),
            self.created_at.into(),
            self.sent_at.into(),
            self.failed_at.into(),
            self.opened_at.into(),
            self.deleted_at.into(),
            json(&self.mention_ids),
        ]
    }
}

/// Finds or creates the people of a message and fills what it leaves open. `Invalid` names the field.
pub(super) async fn draft(
    tx: &mut Tx,
    (actor, now): (&Actor, Timestamp),
    customer_id: i64,
    new: NewMessage,
    known: &mut Known,
) -> Result<Draft, Error> {
    let is_note = new.channel == INTERNAL_NOTE;
    let public = new.public.unwrap_or(true) && !is_note;
    let created_at = new.created_at.unwrap_or(now);
    let sender = new.sender_or_source();
    let sender_id = match sender {
        Some(sender) if new.from_agent => find_sender(tx, actor, now, &sender).await?,
        Some(sender) => known.customer(tx, actor, now, &sender).await.map_err(in_sender)?,
        None if new.from_agent => {
            actor.person_id.ok_or_else(|| Error::invalid("sender", "Missing data for required field."))?
        }
        None => customer_id,
    };
    let receiver_id = match new.receiver.as_ref().filter(|receiver| !receiver.is_empty()) {
        _ if is_note => None,
        Some(receiver) => find_receiver(tx, actor, now, receiver, new.from_agent).await?,
        None if new.from_agent && public => Some(customer_id),
        None => None,
    };
    let leaves = leaves(new.from_agent, public, &new.channel, new.imported);
    let sent_at = match new.sent_at {
        None if !leaves && new.failed_at.is_none() => Some(created_at),
        sent_at => sent_at,
    };
    let waits = sent_at.is_none() && new.failed_at.is_none();
    let source = match new.source {
        None if waits => Some(routing(tx, &new.channel, receiver_id).await?),
        source => source,
    };
    let bodies = Bodies::of(new.body_text, new.body_html);
    Ok(Draft {
        created_at,
        from_agent: new.from_agent,
        failed_at: new.failed_at,
        message_id: new.message_id,
        external_id: new.external_id,
        public,
        channel: new.channel,
        via: new.via,
        source: json_to_store(source.as_ref())?,
        sender_id,
        receiver_id,
        integration_id: new.integration_id,
        subject: new.subject,
        stripped_text: new.stripped_text.or_else(|| bodies.text.clone()),
        stripped_html: new.stripped_html.as_deref().map(bodies::clean_html).or_else(|| bodies.html.clone()),
        stripped_signature: new.stripped_signature,
        body_text: bodies.text,
        body_html: bodies.html,
        attachments: json_to_store(new.attachments.as_ref())?,
        macros: json_to_store(new.macros.as_ref())?,
        actions: json_to_store(new.actions.as_ref())?,
        headers: json_to_store(new.headers.as_ref())?,
        mention_ids: json_to_store(new.mention_ids.as_ref())?,
        meta: json_to_store(meta(new.meta, actor).as_ref())?,
        last_sending_error: json_to_store(new.last_sending_error.as_ref())?,
        imported: new.imported,
        sent_at,
        opened_at: new.opened_at,
        deleted_at: new.deleted_at,
    })
}

/// With the agent that wrote it in the person's name, who is on the ticket too (TX-3).
fn meta(sent: Option<Json>, actor: &Actor) -> Option<Json> {
    let Some(acting) = &actor.acting else { return sent };
    let mut meta = sent.filter(Json::is_object).unwrap_or_else(|| json!({}));
    meta["act"] = json!({ "sub": acting.sub, "name": acting.name });
    Some(meta)
}

impl Draft {
    pub(super) fn of(message: Message, mention_ids: Option<Box<RawValue>>) -> Draft {
        Draft {
            created_at: message.created_at,
            from_agent: message.from_agent,
            failed_at: message.failed_at,
            message_id: message.message_id,
            external_id: message.external_id,
            public: message.public,
            channel: message.channel,
            via: message.via,
            source: message.source,
            sender_id: message.sender.id,
            receiver_id: message.receiver.map(|receiver| receiver.id),
            integration_id: message.integration_id,
            subject: message.subject,
            body_text: message.body_text,
            body_html: message.body_html,
            stripped_text: message.stripped_text,
            stripped_html: message.stripped_html,
            stripped_signature: message.stripped_signature,
            attachments: message.attachments,
            macros: message.macros,
            actions: message.actions,
            headers: message.headers,
            mention_ids,
            meta: message.meta,
            last_sending_error: message.last_sending_error,
            imported: message.imported,
            sent_at: message.sent_at,
            opened_at: message.opened_at,
            deleted_at: message.deleted_at,
        }
    }
}

/// The two bodies, each made from the other where one is missing, the HTML safe to show.
pub(super) struct Bodies {
    pub text: Option<String>,
    pub html: Option<String>,
}

impl Bodies {
    pub(super) fn of(text: Option<String>, html: Option<String>) -> Bodies {
        let html = html.as_deref().map(bodies::clean_html);
        Bodies {
            text: text.clone().or_else(|| html.as_deref().map(bodies::text_of_html)),
            html: html.or_else(|| text.as_deref().map(bodies::html_of_text)),
        }
    }
}

/// Who answers: staff first, since an address may belong to a customer too.
pub(super) async fn find_sender(tx: &mut Tx, actor: &Actor, now: Timestamp, sender: &PersonRef) -> Result<i64, Error> {
    match find_staff(tx, sender).await? {
        Some(id) => Ok(id),
        None => customers::find_or_create(tx, actor, now, sender).await.map_err(in_sender),
    }
}

/// Whom a message is for. A customer's message goes to one of us, or to nobody in particular.
pub(super) async fn find_receiver(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    receiver: &PersonRef,
    from_agent: bool,
) -> Result<Option<i64>, Error> {
    let found = match from_agent {
        true => Some(customers::find_or_create(tx, actor, now, receiver).await),
        false => match find_staff(tx, receiver).await? {
            None if receiver.id.is_some() => Some(customers::find_or_create(tx, actor, now, receiver).await),
            staff => staff.map(Ok),
        },
    };
    found.transpose().map_err(|error| prefixed("receiver", error))
}

async fn find_staff(tx: &mut Tx, person: &PersonRef) -> Result<Option<i64>, Error> {
    let row = match (person.id, &person.email, &person.external_id) {
        (Some(id), _, _) => {
            tx.row("select id from people where id = $1 and is_staff = 1 and deleted_at is null", &[id.into()]).await?
        }
        (None, Some(email), _) => {
            let key = email.trim().to_lowercase();
            tx.row("select id from people where is_staff = 1 and deleted_at is null and email_key = $1", &[key.into()])
                .await?
        }
        (None, None, Some(external_id)) => {
            let sql = "select id from people where external_id = $1 and is_staff = 1 and deleted_at is null order by id limit 1";
            tx.row(sql, &[external_id.into()]).await?
        }
        (None, None, None) => None,
    };
    Ok(row.map(|row| row.int("id")).transpose()?)
}

/// Routing of an answer that says nothing of it. An e-mail goes to the receiver's address; other channels must say.
async fn routing(tx: &mut Tx, channel: &str, receiver_id: Option<i64>) -> Result<Json, Error> {
    let missing = || Error::invalid("source", "Missing data for required field.");
    if matches!(channel, "phone" | "sms" | "whatsapp") {
        return Err(missing());
    }
    let row = tx.row("select email, name from people where id = $1", &[receiver_id.into()]).await?;
    let (email, name) = match &row {
        Some(row) => (row.text_or_null("email")?, row.text_or_null("name")?),
        None => (None, None),
    };
    match email {
        Some(email) => Ok(json!({ "type": channel, "from": null, "to": [{ "name": name, "address": email }] })),
        None if channel == "email" => Err(missing()),
        None => Ok(json!({ "type": channel, "from": null, "to": [] })),
    }
}

pub(super) fn in_sender(error: Error) -> Error {
    prefixed("sender", error)
}
