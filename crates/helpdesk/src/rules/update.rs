//! All that one request did to a ticket, put together from its events: what a rule on `TICKET_SAVED` looks at once.
//!
//! The first of these events stands for all of them: a slice of the log may end between two, and the rules must run once.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value as Json;
use store::{Row, Tx};

use super::execute::WORKER;
use super::facts::{self, Known};
use crate::Error;
use crate::filter::Field;
use crate::filter::evaluate::{Before, Fact};
use crate::follow::Logged;
use crate::tickets::Status;

/// The kinds of events that are a change of a ticket.
const KINDS: &[&str] =
    &["ticket-created", "ticket-updated", "ticket-tags-added", "ticket-tags-removed", "ticket-message-created", RATED];
const RATED: &str = "satisfaction-survey-responded";
/// The newest messages of a ticket among which those of the request are looked for.
const MESSAGES_MAX: i64 = 20;

#[derive(Debug)]
pub(super) struct Update {
    pub is_new: bool,
    /// Whoever did it, if they are one of us or a customer.
    person_id: Option<i64>,
    /// How it came, unless it brought a message.
    via: &'static str,
    message_id: Option<i64>,
    pub last_id: i64,
    /// As they were before the first change of each.
    before: HashMap<Field, Option<Fact>>,
}

/// Whether an event is a change of a ticket.
pub(super) fn is_change(event: &Logged) -> bool {
    KINDS.contains(&event.kind.as_str())
}

/// What the request did that this event is the first of. None if it is not the first.
pub(super) async fn load(tx: &mut Tx, ticket_id: i64, event: &Logged) -> Result<Option<Update>, Error> {
    let rows = events_of(tx, ticket_id, &event.context, event.created_at).await?;
    let first = rows.iter().map(|row| row.int("id")).collect::<Result<Vec<_>, _>>()?.into_iter().min();
    if first != Some(event.id) {
        return Ok(None);
    }
    let via = match (event.worker.as_deref(), event.client_id) {
        (Some(WORKER), _) => "rule",
        (Some(_), _) => "system",
        (None, Some(_)) => "api",
        (None, None) => "web",
    };
    let person_id = event.person_id;
    let mut update = Update { is_new: false, person_id, via, message_id: None, last_id: 0, before: HashMap::new() };
    update.add(&rows)?;
    Ok(Some(update))
}

impl Update {
    /// Adds what a rule did about it, and says whether that was anything.
    pub async fn go_on(&mut self, tx: &mut Tx, ticket_id: i64, context: &str, at: Timestamp) -> Result<bool, Error> {
        let rows = events_of(tx, ticket_id, context, at).await?;
        self.add(&rows)?;
        Ok(!rows.is_empty())
    }

    fn add(&mut self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            self.last_id = self.last_id.max(row.int("id")?);
            match row.text("type")?.as_str() {
                "ticket-created" => self.is_new = true,
                // The last one counts: rules look at what was said in the end.
                "ticket-message-created" => self.message_id = Some(row.int("object_id")?),
                _ => {}
            }
            let Some(Json::Object(before)) = row.json("before")? else { continue };
            for (name, value) in &before {
                for (field, fact) in facts::values(name, value) {
                    self.before.entry(field).or_insert(fact);
                }
            }
        }
        Ok(())
    }

    /// What rules know of the ticket now, of what it was before, and of who did it.
    pub async fn known(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        ticket_id: i64,
        asked: &[Field],
    ) -> Result<Option<Known>, Error> {
        let Some(mut known) = facts::load(tx, now, ticket_id, None, asked).await? else { return Ok(None) };
        known.imported = known.imported && self.is_new;
        let kind = if self.is_new { "ticket-created" } else { "ticket-updated" };
        known.facts.insert(Field::EventKind, Fact::Text(Some(kind.to_owned())));
        known.facts.insert(Field::ChangedVia, Fact::Text(Some(self.via.to_owned())));
        if let Some(id) = self.message_id {
            known.imported |= facts::add_message(tx, &mut known.facts, id).await?;
        }
        if let Some(id) = self.person_id {
            known.facts.insert(Field::ActorId, Fact::Int(id));
            let row = tx.row("select is_staff from people where id = $1", &[id.into()]).await?;
            let is_staff = row.map(|row| row.flag("is_staff")).transpose()?.unwrap_or_default();
            known.facts.insert(Field::ActorIsStaff, Fact::Flag(is_staff));
        }
        known.facts.before = if self.is_new {
            Before::Nothing
        } else {
            let mut before = self.before.clone();
            if asked.contains(&Field::CustomStatusId) {
                complete_status(tx, &mut before, &known.facts).await?;
            }
            Before::Differed(before)
        };
        Ok(Some(known))
    }
}

/// A ticket that had no status of the account's own had the default one of its status.
async fn complete_status(
    tx: &mut Tx,
    before: &mut HashMap<Field, Option<Fact>>,
    now: &HashMap<Field, Fact>,
) -> Result<(), Error> {
    let was_own = before.get(&Field::CustomStatusId).is_some_and(Option::is_some);
    if was_own || !(before.contains_key(&Field::Status) || before.contains_key(&Field::CustomStatusId)) {
        return Ok(());
    }
    let status = before.get(&Field::Status).cloned().unwrap_or_else(|| now.get(&Field::Status).cloned());
    let Some(Fact::Text(Some(status))) = status else { return Ok(()) };
    let sql = "select id from custom_statuses where is_default = 1 and status = $1";
    let status = if status == Status::Closed.word() { Status::Solved.word() } else { status.as_str() };
    let row = tx.row(sql, &[status.into()]).await?;
    before.insert(Field::CustomStatusId, row.map(|row| row.int("id")).transpose()?.map(Fact::Int));
    Ok(())
}

/// Served by `events_by_object`, `messages_by_ticket` and `events_by_ticket`.
async fn events_of(tx: &mut Tx, ticket_id: i64, context: &str, at: Timestamp) -> Result<Vec<Row>, Error> {
    let mut rows = tx
        .rows(
            "select id, type, object_id, before from events
             where object_type = 'Ticket' and object_id = $1 and created_at = $2 and context = $3
                 and type in ('ticket-created', 'ticket-updated', 'ticket-tags-added', 'ticket-tags-removed')
             order by id",
            &[ticket_id.into(), at.into(), context.into()],
        )
        .await?;
    let messages = tx
        .rows(
            "select e.id, e.type, e.object_id, e.before from events e
             where e.object_type = 'TicketMessage' and e.created_at = $2 and e.context = $3 and e.type = 'ticket-message-created'
                 and e.object_id in (select id from messages where ticket_id = $1 order by created_at desc, id desc limit $4)
             order by e.id",
            &[ticket_id.into(), at.into(), context.into(), MESSAGES_MAX.into()],
        )
        .await?;
    rows.extend(messages);
    let rated = tx
        .rows(
            "select id, type, object_id, before from events
             where ticket_id = $1 and created_at = $2 and context = $3 and type = $4 order by id",
            &[ticket_id.into(), at.into(), context.into(), RATED.into()],
        )
        .await?;
    rows.extend(rated);
    Ok(rows)
}
